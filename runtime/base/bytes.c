#include "runtime/base/bytes.h"

#include <stdarg.h>
#include <stdio.h>

#include "runtime/base/alloc.h"
#include "runtime/base/assert.h"

#define BUF_BYTES_MIN 64

bool mr_bytes_equal(mr_bytes a, mr_bytes b) {
    if (a.data == NULL || b.data == NULL) {
        return a.data == b.data;
    }
    return a.len == b.len && memcmp(a.data, b.data, a.len) == 0;
}

int mr_bytes_compare(mr_bytes a, mr_bytes b) {
    if (a.data == NULL || b.data == NULL) {
        return (a.data != NULL) - (b.data != NULL);
    }
    int order = memcmp(a.data, b.data, a.len < b.len ? a.len : b.len);
    return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

void mr_buf_deinit(mr_buf *buf) {
    mr_free(buf->data);
    *buf = (mr_buf){0};
}

/* cap counts what may be filled; behind it stand MR_BUF_PADDING more bytes, zeroed once. */
void mr_buf_reserve(mr_buf *buf, size_t more_bytes) {
    MR_ASSERT(buf->len <= buf->cap);
    if (buf->data != NULL && more_bytes <= buf->cap - buf->len) {
        return;
    }
    MR_ASSERT(more_bytes < SIZE_MAX / 2 - buf->len - MR_BUF_PADDING);
    size_t wanted = buf->len + more_bytes;
    size_t cap = buf->cap + buf->cap / 2;
    cap = cap < wanted ? wanted : cap;
    cap = cap < BUF_BYTES_MIN ? BUF_BYTES_MIN : cap;
    buf->data = mr_realloc(buf->data, cap + MR_BUF_PADDING);
    memset(buf->data + cap, 0, MR_BUF_PADDING);
    buf->cap = cap;
}

void mr_buf_printf(mr_buf *buf, const char *format, ...) {
    mr_buf_reserve(buf, 1);
    va_list args;
    va_start(args, format);
    va_list again;
    va_copy(again, args);
    size_t room = buf->cap - buf->len;
    int written = vsnprintf((char *)buf->data + buf->len, room, format, args);
    MR_ASSERT(written >= 0);
    if ((size_t)written >= room) {
        mr_buf_reserve(buf, (size_t)written + 1);
        written = vsnprintf((char *)buf->data + buf->len, (size_t)written + 1, format, again);
        MR_ASSERT(written >= 0);
    }
    buf->len += (size_t)written;
    va_end(again);
    va_end(args);
}

void mr_buf_put_be16(mr_buf *buf, uint16_t value) {
    mr_buf_reserve(buf, 2);
    mr_put_be16(buf->data + buf->len, value);
    buf->len += 2;
}

void mr_buf_put_be32(mr_buf *buf, uint32_t value) {
    mr_buf_reserve(buf, 4);
    mr_put_be32(buf->data + buf->len, value);
    buf->len += 4;
}

void mr_buf_put_be64(mr_buf *buf, uint64_t value) {
    mr_buf_reserve(buf, 8);
    mr_put_be64(buf->data + buf->len, value);
    buf->len += 8;
}

const char *mr_buf_cstr(mr_buf *buf) {
    mr_buf_reserve(buf, 1);
    buf->data[buf->len] = '\0';
    return (const char *)buf->data;
}
