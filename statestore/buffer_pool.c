#include "statestore/buffer_pool.h"

#include "runtime/base/alloc.h"
#include "runtime/base/assert.h"

#define CLASS_BYTES_MIN 64u
/* What lies idle here is bounded; the rest goes back to malloc. */
#define FREE_BYTES_MAX (8u << 20)

/* Written into the idle memory itself. */
typedef struct idle_buffer {
    struct idle_buffer *next;
    size_t cap;
} idle_buffer;

_Static_assert(sizeof(idle_buffer) <= CLASS_BYTES_MIN, "an idle buffer holds its own link");

/* The class whose buffers have room for `bytes`. */
static unsigned class_for(size_t bytes) {
    if (bytes <= CLASS_BYTES_MIN) {
        return 0;
    }
    return 64u - (unsigned)__builtin_clzll((bytes - 1) / CLASS_BYTES_MIN);
}

/* The greatest class whose promise a capacity keeps. */
static unsigned class_of(size_t cap) {
    return 63u - (unsigned)__builtin_clzll(cap / CLASS_BYTES_MIN);
}

void mr_buffer_pool_deinit(mr_buffer_pool *pool) {
    for (unsigned i = 0; i < MR_BUFFER_POOL_CLASSES; i++) {
        idle_buffer *idle = pool->free[i];
        while (idle != NULL) {
            idle_buffer *next = idle->next;
            mr_free(idle);
            idle = next;
        }
    }
    *pool = (mr_buffer_pool){0};
}

mr_buf mr_buffer_pool_take(mr_buffer_pool *pool, size_t bytes) {
    unsigned class = class_for(bytes);
    mr_buf buf = {0};
    if (class < MR_BUFFER_POOL_CLASSES && pool->free[class] != NULL) {
        idle_buffer *idle = pool->free[class];
        pool->free[class] = idle->next;
        pool->free_bytes -= idle->cap;
        buf.data = (uint8_t *)idle;
        buf.cap = idle->cap;
        MR_ASSERT(buf.cap >= bytes);
        return buf;
    }
    mr_buf_reserve(&buf, class < MR_BUFFER_POOL_CLASSES ? (size_t)CLASS_BYTES_MIN << class : bytes);
    MR_ASSERT(buf.cap >= bytes);
    return buf;
}

void mr_buffer_pool_give(mr_buffer_pool *pool, mr_buf *buf) {
    if (buf->data == NULL) {
        return;
    }
    unsigned class = buf->cap < CLASS_BYTES_MIN ? MR_BUFFER_POOL_CLASSES : class_of(buf->cap);
    if (class >= MR_BUFFER_POOL_CLASSES || pool->free_bytes + buf->cap > FREE_BYTES_MAX) {
        mr_buf_deinit(buf);
        return;
    }
    idle_buffer *idle = (idle_buffer *)(void *)buf->data;
    idle->next = pool->free[class];
    idle->cap = buf->cap;
    pool->free[class] = idle;
    pool->free_bytes += idle->cap;
    *buf = (mr_buf){0};
}
