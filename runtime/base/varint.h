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
/* Fails (r->failed) on overlong or truncated input. */
uint64_t mr_reader_uvarint(mr_reader *r);
int64_t mr_reader_varint(mr_reader *r);
