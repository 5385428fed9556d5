#include "runtime/base/hash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "runtime/base/prng.h"

static void crc32c_gives_the_published_values(void **state) {
    (void)state;
    uint8_t zeros[32] = {0};
    uint8_t rising[32];
    for (int i = 0; i < 32; i++) {
        rising[i] = (uint8_t)i;
    }
    /* RFC 3720, B.4 */
    assert_int_equal(mr_crc32c(0, "123456789", 9), 0xe3069283);
    assert_int_equal(mr_crc32c(0, zeros, 32), 0x8a9136aa);
    assert_int_equal(mr_crc32c(0, rising, 32), 0x46dd794e);
    assert_int_equal(mr_crc32c_portable(0, "123456789", 9), 0xe3069283);
    assert_int_equal(mr_crc32c_portable(0, zeros, 32), 0x8a9136aa);
    assert_int_equal(mr_crc32c(0, NULL, 0), 0);
}

static void hardware_and_tables_agree_at_every_length_and_split(void **state) {
    (void)state;
    uint8_t data[300];
    mr_prng prng = mr_prng_seeded(1);
    for (size_t i = 0; i < sizeof data; i++) {
        data[i] = (uint8_t)mr_prng_next(&prng);
    }
    for (size_t start = 0; start < 9; start++) {
        for (size_t len = 0; start + len <= sizeof data; len++) {
            uint32_t whole = mr_crc32c(0, data + start, len);
            assert_int_equal(whole, mr_crc32c_portable(0, data + start, len));
            size_t split = len / 3;
            uint32_t first = mr_crc32c(0, data + start, split);
            assert_int_equal(mr_crc32c(first, data + start + split, len - split), whole);
        }
    }
}

/* Long texts go through several strands: lengths and starts around their borders. */
static void hardware_and_tables_agree_on_long_texts(void **state) {
    (void)state;
    static uint8_t data[20000];
    mr_prng prng = mr_prng_seeded(2);
    for (size_t i = 0; i < sizeof data; i++) {
        data[i] = (uint8_t)mr_prng_next(&prng);
    }
    for (size_t base = 1024; base + 20 < sizeof data; base += 1024) {
        for (size_t len = base - 9; len < base + 10; len++) {
            size_t start = len % 11;
            assert_int_equal(mr_crc32c(7, data + start, len),
                             mr_crc32c_portable(7, data + start, len));
        }
    }
}

/* The values of Kafka's own UtilsTest.testMurmur2. */
static void murmur2_is_the_java_clients(void **state) {
    (void)state;
    assert_int_equal((int32_t)mr_murmur2(mr_bytes_text("21")), -973932308);
    assert_int_equal((int32_t)mr_murmur2(mr_bytes_text("foobar")), -790332482);
    assert_int_equal((int32_t)mr_murmur2(mr_bytes_text("a-little-bit-long-string")), -985981536);
    assert_int_equal((int32_t)mr_murmur2(mr_bytes_text("a-little-bit-longer-string")), -1486304829);
    assert_int_equal(
        (int32_t)mr_murmur2(mr_bytes_text("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8")),
        -58897971);
    assert_int_equal((int32_t)mr_murmur2(mr_bytes_text("abc")), 479470107);
}

static void hash64_spreads_short_keys(void **state) {
    (void)state;
    uint32_t used[256] = {0};
    uint8_t key[40] = {0};
    for (int i = 0; i < 25600; i++) {
        key[0] = (uint8_t)i;
        key[1] = (uint8_t)(i >> 8);
        size_t len = 2 + (size_t)i % 38;
        used[mr_hash64(mr_bytes_of(key, len)) & 255]++;
    }
    for (int i = 0; i < 256; i++) {
        assert_in_range(used[i], 50, 150); /* 100 expected, deviation 10 */
    }
}

static void hash64_looks_at_every_byte_and_the_length(void **state) {
    (void)state;
    uint8_t key[64] = {0};
    for (size_t len = 1; len <= sizeof key; len++) {
        uint64_t plain = mr_hash64(mr_bytes_of(key, len));
        assert_true(plain != mr_hash64(mr_bytes_of(key, len - 1)));
        for (size_t i = 0; i < len; i++) {
            key[i] = 1;
            assert_true(plain != mr_hash64(mr_bytes_of(key, len)));
            key[i] = 0;
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(crc32c_gives_the_published_values),
        cmocka_unit_test(hardware_and_tables_agree_at_every_length_and_split),
        cmocka_unit_test(hardware_and_tables_agree_on_long_texts),
        cmocka_unit_test(murmur2_is_the_java_clients),
        cmocka_unit_test(hash64_spreads_short_keys),
        cmocka_unit_test(hash64_looks_at_every_byte_and_the_length),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
