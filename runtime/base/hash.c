#include "runtime/base/hash.h"

#include "runtime/base/assert.h"

#if defined(__x86_64__)
#include <nmmintrin.h>
#elif defined(__ARM_FEATURE_CRC32)
#include <arm_acle.h>
#endif

/* ---- CRC-32C, eight bytes at a time by tables ----
 *
 * Table k maps a byte to its remainder with k zero bytes behind it. A remainder is linear over XOR,
 * so an entry is the XOR of the constants of the bits set in its index, and the compiler writes the
 * tables from eight constants each (bit 0 first; polynomial 0x82f63b78, reflected). */
#define XOR_BITS(i, b0, b1, b2, b3, b4, b5, b6, b7)                                                \
    (((i)&1 ? b0 : 0u) ^ ((i)&2 ? b1 : 0u) ^ ((i)&4 ? b2 : 0u) ^ ((i)&8 ? b3 : 0u) ^               \
     ((i)&16 ? b4 : 0u) ^ ((i)&32 ? b5 : 0u) ^ ((i)&64 ? b6 : 0u) ^ ((i)&128 ? b7 : 0u))
#define ENTRY_0(i)                                                                                 \
    XOR_BITS(i, 0xf26b8303, 0xe13b70f7, 0xc79a971f, 0x8ad958cf, 0x105ec76f, 0x20bd8ede,            \
             0x417b1dbc, 0x82f63b78)
#define ENTRY_1(i)                                                                                 \
    XOR_BITS(i, 0x13a29877, 0x274530ee, 0x4e8a61dc, 0x9d14c3b8, 0x3fc5f181, 0x7f8be302,            \
             0xff17c604, 0xfbc3faf9)
#define ENTRY_2(i)                                                                                 \
    XOR_BITS(i, 0xa541927e, 0x4f6f520d, 0x9edea41a, 0x38513ec5, 0x70a27d8a, 0xe144fb14,            \
             0xc76580d9, 0x8b277743)
#define ENTRY_3(i)                                                                                 \
    XOR_BITS(i, 0xdd45aab8, 0xbf672381, 0x7b2231f3, 0xf64463e6, 0xe964b13d, 0xd725148b,            \
             0xaba65fe7, 0x52a0c93f)
#define ENTRY_4(i)                                                                                 \
    XOR_BITS(i, 0x38116fac, 0x7022df58, 0xe045beb0, 0xc5670b91, 0x8f2261d3, 0x1ba8b557,            \
             0x37516aae, 0x6ea2d55c)
#define ENTRY_5(i)                                                                                 \
    XOR_BITS(i, 0xef306b19, 0xdb8ca0c3, 0xb2f53777, 0x6006181f, 0xc00c303e, 0x85f4168d,            \
             0x0e045beb, 0x1c08b7d6)
#define ENTRY_6(i)                                                                                 \
    XOR_BITS(i, 0x68032cc8, 0xd0065990, 0xa5e0c5d1, 0x4e2dfd53, 0x9c5bfaa6, 0x3d5b83bd,            \
             0x7ab7077a, 0xf56e0ef4)
#define ENTRY_7(i)                                                                                 \
    XOR_BITS(i, 0x493c7d27, 0x9278fa4e, 0x211d826d, 0x423b04da, 0x847609b4, 0x0d006599,            \
             0x1a00cb32, 0x34019664)

#define ROW_4(E, i) E(i), E((i) + 1), E((i) + 2), E((i) + 3)
#define ROW_16(E, i) ROW_4(E, i), ROW_4(E, (i) + 4), ROW_4(E, (i) + 8), ROW_4(E, (i) + 12)
#define ROW_64(E, i) ROW_16(E, i), ROW_16(E, (i) + 16), ROW_16(E, (i) + 32), ROW_16(E, (i) + 48)
#define TABLE(E)                                                                                   \
    { ROW_64(E, 0), ROW_64(E, 64), ROW_64(E, 128), ROW_64(E, 192) }

static const uint32_t crc_tables[8][256] = {
    TABLE(ENTRY_0), TABLE(ENTRY_1), TABLE(ENTRY_2), TABLE(ENTRY_3),
    TABLE(ENTRY_4), TABLE(ENTRY_5), TABLE(ENTRY_6), TABLE(ENTRY_7),
};

static uint64_t load_le64(const uint8_t *p) {
    uint64_t value;
    memcpy(&value, p, 8);
    return __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? __builtin_bswap64(value) : value;
}

static uint32_t load_le32(const uint8_t *p) {
    uint32_t value;
    memcpy(&value, p, 4);
    return __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? __builtin_bswap32(value) : value;
}

uint32_t mr_crc32c_portable(uint32_t seed, const void *data, size_t len) {
    const uint8_t *p = data;
    uint32_t crc = ~seed;
    for (; len >= 8; p += 8, len -= 8) {
        uint64_t word = load_le64(p) ^ crc;
        crc = 0;
        for (int i = 0; i < 8; i++) {
            crc ^= crc_tables[7 - i][(word >> (8 * i)) & 0xff];
        }
    }
    for (; len > 0; p++, len--) {
        crc = crc_tables[0][(crc ^ *p) & 0xff] ^ (crc >> 8);
    }
    return ~crc;
}

#if defined(__x86_64__)

/* The instruction takes three cycles but one may begin in each, so three strands of a long text run
 * side by side. What a strand's remainder is worth STRAND_BYTES further on is linear too: table k
 * tells it for byte k of a remainder. */
#define STRAND_BYTES 1024
#define STRAND_0(i)                                                                                \
    XOR_BITS(i, 0xfe314258, 0xf98ef241, 0xf6f19273, 0xe80f5217, 0xd5f2d2df, 0xae09d34f,            \
             0x59ffd06f, 0xb3ffa0de)
#define STRAND_1(i)                                                                                \
    XOR_BITS(i, 0x6213374d, 0xc4266e9a, 0x8da0abc5, 0x1ead217b, 0x3d5a42f6, 0x7ab485ec,            \
             0xf5690bd8, 0xef3e6141)
#define STRAND_2(i)                                                                                \
    XOR_BITS(i, 0xdb90b473, 0xb2cd1e17, 0x60764adf, 0xc0ec95be, 0x84355d8d, 0x0d86cdeb,            \
             0x1b0d9bd6, 0x361b37ac)
#define STRAND_3(i)                                                                                \
    XOR_BITS(i, 0x6c366f58, 0xd86cdeb0, 0xb535cb91, 0x6f87e1d3, 0xdf0fc3a6, 0xbbf3f1bd,            \
             0x720b958b, 0xe4172b16)

static const uint32_t strand_tables[4][256] = {TABLE(STRAND_0), TABLE(STRAND_1), TABLE(STRAND_2),
                                               TABLE(STRAND_3)};

static uint32_t strand_on(uint64_t crc) {
    return strand_tables[0][crc & 0xff] ^ strand_tables[1][(crc >> 8) & 0xff] ^
           strand_tables[2][(crc >> 16) & 0xff] ^ strand_tables[3][(crc >> 24) & 0xff];
}

__attribute__((target("sse4.2"))) static uint64_t crc32c_strands(uint64_t crc, const uint8_t *p) {
    uint64_t second = 0;
    uint64_t third = 0;
    for (const uint8_t *end = p + STRAND_BYTES; p < end; p += 8) {
        crc = _mm_crc32_u64(crc, load_le64(p));
        second = _mm_crc32_u64(second, load_le64(p + STRAND_BYTES));
        third = _mm_crc32_u64(third, load_le64(p + (size_t)2 * STRAND_BYTES));
    }
    return strand_on(strand_on(crc) ^ second) ^ third;
}

__attribute__((target("sse4.2"))) static uint32_t crc32c_hardware(uint32_t seed, const uint8_t *p,
                                                                  size_t len) {
    uint64_t crc = (uint32_t)~seed;
    for (; len >= (size_t)3 * STRAND_BYTES; len -= (size_t)3 * STRAND_BYTES) {
        crc = crc32c_strands(crc, p);
        p += (size_t)3 * STRAND_BYTES;
    }
    for (; len >= 8; p += 8, len -= 8) {
        crc = _mm_crc32_u64(crc, load_le64(p));
    }
    uint32_t narrow = (uint32_t)crc;
    for (; len > 0; p++, len--) {
        narrow = _mm_crc32_u8(narrow, *p);
    }
    return ~narrow;
}

uint32_t mr_crc32c(uint32_t seed, const void *data, size_t len) {
    if (__builtin_cpu_supports("sse4.2")) {
        return crc32c_hardware(seed, data, len);
    }
    return mr_crc32c_portable(seed, data, len);
}

#elif defined(__ARM_FEATURE_CRC32)

uint32_t mr_crc32c(uint32_t seed, const void *data, size_t len) {
    const uint8_t *p = data;
    uint32_t crc = ~seed;
    for (; len >= 8; p += 8, len -= 8) {
        crc = __crc32cd(crc, load_le64(p));
    }
    for (; len > 0; p++, len--) {
        crc = __crc32cb(crc, *p);
    }
    return ~crc;
}

#else

uint32_t mr_crc32c(uint32_t seed, const void *data, size_t len) {
    return mr_crc32c_portable(seed, data, len);
}

#endif

/* ---- murmur2, as org.apache.kafka.common.utils.Utils.murmur2 ---- */

uint32_t mr_murmur2(mr_bytes key) {
    MR_ASSERT(key.len <= UINT32_MAX);
    const uint32_t multiplier = 0x5bd1e995u;
    const uint8_t *p = key.data;
    size_t left = key.len;
    uint32_t hash = 0x9747b28cu ^ (uint32_t)key.len;
    for (; left >= 4; p += 4, left -= 4) {
        uint32_t word = load_le32(p) * multiplier;
        word = (word ^ (word >> 24)) * multiplier;
        hash = (hash * multiplier) ^ word;
    }
    if (left > 0) {
        for (size_t i = 0; i < left; i++) {
            hash ^= (uint32_t)p[i] << (8 * i);
        }
        hash *= multiplier;
    }
    hash = (hash ^ (hash >> 13)) * multiplier;
    return hash ^ (hash >> 15);
}

/* ---- hash64: multiply and fold, sixteen bytes a round ---- */

static uint64_t fold(uint64_t a, uint64_t b) {
    __uint128_t product = (__uint128_t)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

uint64_t mr_hash64(mr_bytes key) {
    const uint64_t odd_a = 0xa0761d6478bd642fu;
    const uint64_t odd_b = 0xe7037ed1a0b428dbu;
    const uint8_t *p = key.data;
    size_t left = key.len;
    uint64_t hash = odd_a ^ key.len;
    for (; left > 16; p += 16, left -= 16) {
        hash = fold(load_le64(p) ^ odd_a, load_le64(p + 8) ^ hash);
    }
    uint64_t low = 0;
    uint64_t high = 0;
    if (left >= 8) {
        low = load_le64(p);
        high = load_le64(p + left - 8);
    } else if (left >= 4) {
        low = load_le32(p);
        high = load_le32(p + left - 4);
    } else if (left > 0) {
        low = (uint64_t)p[0] << 16 | (uint64_t)p[left / 2] << 8 | p[left - 1];
    }
    return fold(odd_b ^ key.len, fold(low ^ odd_b, high ^ hash));
}
