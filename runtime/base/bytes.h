/* runtime/base/bytes.h - a view of bytes, growable bytes, and big-endian integers.
 * Thread: owner only. */
#pragma once

#include <stdint.h>
#include <stddef.h>
#include <string.h>

#include "runtime/base/status.h"

/* Borrowed bytes. data == NULL means "no value" (Kafka's null), not "empty". */
typedef struct mr_bytes {
    const uint8_t *data;
    size_t len;
} mr_bytes;

#define MR_BYTES_NULL ((mr_bytes){NULL, 0})

static inline mr_bytes mr_bytes_of(const void *data, size_t len) {
    return (mr_bytes){(const uint8_t *)data, len};
}
static inline mr_bytes mr_bytes_text(const char *text) {
    return (mr_bytes){(const uint8_t *)text, strlen(text)};
}
static inline bool mr_bytes_is_null(mr_bytes bytes) {
    return bytes.data == NULL;
}
/* Null equals only null. */
bool mr_bytes_equal(mr_bytes a, mr_bytes b);
/* <0, 0, >0; by unsigned byte, then by length; null sorts first. */
int mr_bytes_compare(mr_bytes a, mr_bytes b);

/* Growable bytes, zero-initialised is empty. Every mr_buf keeps MR_BUF_PADDING readable bytes
 * behind its end, because the JSON parser reads in blocks. */
#define MR_BUF_PADDING 64
typedef struct mr_buf {
    uint8_t *data;
    size_t len;
    size_t cap;
} mr_buf;

void mr_buf_deinit(mr_buf *buf); /* frees; usable again as empty */
/* Keeps the memory. */
static inline void mr_buf_clear(mr_buf *buf) {
    buf->len = 0;
}
/* After it, data is not NULL and more_bytes fit behind len. */
void mr_buf_reserve(mr_buf *buf, size_t more_bytes);
/* data may be NULL when len is 0; it must not point into the buffer itself. */
static inline void mr_buf_put(mr_buf *buf, const void *data, size_t len) {
    if (buf->data == NULL || len > buf->cap - buf->len) {
        mr_buf_reserve(buf, len);
    }
    if (len > 0) {
        memcpy(buf->data + buf->len, data, len);
        buf->len += len;
    }
}
static inline void mr_buf_put_bytes(mr_buf *buf, mr_bytes bytes) {
    mr_buf_put(buf, bytes.data, bytes.len);
}
static inline void mr_buf_put_text(mr_buf *buf, const char *text) {
    mr_buf_put(buf, text, strlen(text));
}
void mr_buf_printf(mr_buf *buf, const char *format, ...) MR_PRINTF(2, 3);
static inline void mr_buf_put_u8(mr_buf *buf, uint8_t value) {
    if (buf->len == buf->cap) {
        mr_buf_reserve(buf, 1);
    }
    buf->data[buf->len++] = value;
}
void mr_buf_put_be16(mr_buf *buf, uint16_t value);
void mr_buf_put_be32(mr_buf *buf, uint32_t value);
void mr_buf_put_be64(mr_buf *buf, uint64_t value);
static inline mr_bytes mr_buf_view(const mr_buf *buf) {
    return (mr_bytes){buf->data, buf->len};
}
/* NUL-terminates without counting the NUL; borrowed until the next change. */
const char *mr_buf_cstr(mr_buf *buf);

static inline uint16_t mr_get_be16(const uint8_t *p) {
    return (uint16_t)((p[0] << 8) | p[1]);
}
static inline uint32_t mr_get_be32(const uint8_t *p) {
    uint32_t v;
    memcpy(&v, p, 4);
    return __builtin_bswap32(v);
}
static inline uint64_t mr_get_be64(const uint8_t *p) {
    uint64_t v;
    memcpy(&v, p, 8);
    return __builtin_bswap64(v);
}
static inline void mr_put_be16(uint8_t *p, uint16_t v) {
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}
static inline void mr_put_be32(uint8_t *p, uint32_t v) {
    v = __builtin_bswap32(v);
    memcpy(p, &v, 4);
}
static inline void mr_put_be64(uint8_t *p, uint64_t v) {
    v = __builtin_bswap64(v);
    memcpy(p, &v, 8);
}

/* A bounded reader over outside bytes: every get checks, a failed get sets `failed`, gives 0 and
 * leaves nothing to read, so that one look at `failed` behind several gets is enough. */
typedef struct mr_reader {
    const uint8_t *at;
    const uint8_t *end;
    bool failed;
} mr_reader;

static inline mr_reader mr_reader_of(mr_bytes bytes) {
    return (mr_reader){bytes.data, bytes.data ? bytes.data + bytes.len : NULL, false};
}
static inline size_t mr_reader_left(const mr_reader *r) {
    return (size_t)(r->end - r->at);
}
/* NULL: fewer than len bytes left. For len > 0. */
static inline const uint8_t *mr_reader_advance(mr_reader *r, size_t len) {
    if (mr_reader_left(r) < len) {
        r->failed = true;
        r->at = r->end;
        return NULL;
    }
    const uint8_t *from = r->at;
    r->at += len;
    return from;
}
static inline uint8_t mr_reader_u8(mr_reader *r) {
    const uint8_t *p = mr_reader_advance(r, 1);
    return p ? p[0] : 0;
}
static inline uint16_t mr_reader_be16(mr_reader *r) {
    const uint8_t *p = mr_reader_advance(r, 2);
    return p ? mr_get_be16(p) : 0;
}
static inline uint32_t mr_reader_be32(mr_reader *r) {
    const uint8_t *p = mr_reader_advance(r, 4);
    return p ? mr_get_be32(p) : 0;
}
static inline uint64_t mr_reader_be64(mr_reader *r) {
    const uint8_t *p = mr_reader_advance(r, 8);
    return p ? mr_get_be64(p) : 0;
}
/* Borrowed from the reader's bytes; null when it fails. */
static inline mr_bytes mr_reader_take(mr_reader *r, size_t len) {
    const uint8_t *p = len > 0 ? mr_reader_advance(r, len) : r->at;
    return p ? mr_bytes_of(p, len) : MR_BYTES_NULL;
}
