/* runtime/base/shared.h - immutable, reference-counted bytes that travel between actors.
 * Thread: any for ref/unref; the bytes are written only before the first share. */
#pragma once

#include <stdatomic.h>

#include "runtime/base/bytes.h"

typedef struct mr_shared {
    atomic_uint refs;
    size_t len; /* may be lowered or filled up to cap by the creator before sharing */
    size_t cap;
    uint8_t *data; /* cap bytes and MR_BUF_PADDING readable ones behind */
} mr_shared;

mr_shared *mr_shared_create(size_t cap); /* one reference, owned by caller; len == 0 */
/* As create, with the buffer's bytes and memory, not copied; the buffer is empty afterwards. */
mr_shared *mr_shared_of_buf(mr_buf *buf);
/* Drops the caller's reference to what mr_shared_of_buf made. If it was the last one, *out, an
 * empty buffer without memory, gets bytes and memory back. */
void mr_shared_back_to_buf(mr_shared *shared, mr_buf *out);
mr_shared *mr_shared_ref(mr_shared *shared);
void mr_shared_unref(mr_shared *shared); /* NULL is fine */
