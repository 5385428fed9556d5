/* runtime/base/varint.h - Kafka's base-128 integers: unsigned, and zig-zag signed.
 * Format: reference Kafka ByteUtils; 0 -> 00, -1 -> 01, 1 -> 02, 64 -> 80 01. Thread: any. */
#pragma once

#include "runtime/base/bytes.h"

#define MR_VARINT_BYTES_MAX 10

/* Writes at p (room for MR_VARINT_BYTES_MAX); returns the bytes written. */
size_t mr_uvarint_put(uint8_t *p, uint64_t value);
size_t mr_varint_put(uint8_t *p, int64_t value);
size_t mr_uvarint_size(uint64_t value);
size_t mr_varint_size(int64_t value);
void mr_buf_put_uvarint(mr_buf *buf, uint64_t value);
void mr_buf_put_varint(mr_buf *buf, int64_t value);
/* Fails (r->failed) on truncated input and on values beyond 64 bits. As in Kafka, leading zero
 * groups (80 00 for 0) are accepted within the ten bytes. */
uint64_t mr_reader_uvarint_long(mr_reader *r);
static inline uint64_t mr_reader_uvarint(mr_reader *r) {
    size_t left = mr_reader_left(r);
    if (left > 0 && r->at[0] < 0x80) {
        return *r->at++;
    }
    if (left > 1 && r->at[1] < 0x80) { /* lengths of records and values, mostly */
        uint64_t value = (uint64_t)(r->at[0] & 0x7f) | (uint64_t)r->at[1] << 7;
        r->at += 2;
        return value;
    }
    return mr_reader_uvarint_long(r);
}
static inline int64_t mr_reader_varint(mr_reader *r) {
    uint64_t zigzag = mr_reader_uvarint(r);
    return (int64_t)(zigzag >> 1) ^ -(int64_t)(zigzag & 1);
}
