/* statestore/buffer_pool.h - mr_bufs put aside by size, so that images come and go without malloc.
 * Thread: owner only. Zero-initialised is empty. */
#pragma once

#include "runtime/base/bytes.h"

#define MR_BUFFER_POOL_CLASSES 24

typedef struct mr_buffer_pool {
    void *free[MR_BUFFER_POOL_CLASSES]; /* class c: capacities of at least 64 << c bytes */
    size_t free_bytes;
} mr_buffer_pool;

void mr_buffer_pool_deinit(mr_buffer_pool *pool);
/* An empty buffer with room for `bytes`, data not NULL. */
mr_buf mr_buffer_pool_take(mr_buffer_pool *pool, size_t bytes);
/* Takes the memory; *buf is empty afterwards. */
void mr_buffer_pool_give(mr_buffer_pool *pool, mr_buf *buf);
