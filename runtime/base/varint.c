#include "runtime/base/varint.h"

static uint64_t zigzag_of(int64_t value) {
    return ((uint64_t)value << 1) ^ (uint64_t)(value >> 63);
}

size_t mr_uvarint_put(uint8_t *p, uint64_t value) {
    size_t count = 0;
    while (value >= 0x80) {
        p[count++] = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    p[count++] = (uint8_t)value;
    return count;
}

size_t mr_varint_put(uint8_t *p, int64_t value) {
    return mr_uvarint_put(p, zigzag_of(value));
}

size_t mr_uvarint_size(uint64_t value) {
    int bits = 64 - __builtin_clzll(value | 1);
    return (size_t)(bits + 6) / 7;
}

size_t mr_varint_size(int64_t value) {
    return mr_uvarint_size(zigzag_of(value));
}

void mr_buf_put_uvarint(mr_buf *buf, uint64_t value) {
    if (value < 0x80) {
        mr_buf_put_u8(buf, (uint8_t)value);
        return;
    }
    mr_buf_reserve(buf, MR_VARINT_BYTES_MAX);
    buf->len += mr_uvarint_put(buf->data + buf->len, value);
}

void mr_buf_put_varint(mr_buf *buf, int64_t value) {
    mr_buf_put_uvarint(buf, zigzag_of(value));
}

uint64_t mr_reader_uvarint_long(mr_reader *r) {
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        uint8_t byte = mr_reader_u8(r);
        uint64_t group = byte & 0x7F;
        if (r->failed || (shift == 63 && group > 1)) {
            break;
        }
        value |= group << shift;
        if (byte < 0x80) {
            return value;
        }
    }
    r->failed = true;
    r->at = r->end;
    return 0;
}
