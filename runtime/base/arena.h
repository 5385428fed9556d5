/* runtime/base/arena.h - bump memory that is given back all at once.
 * Thread: owner only. Blocks double up to the limit; a reset keeps the largest block. */
#pragma once

#include "runtime/base/bytes.h"

typedef struct mr_arena mr_arena;

mr_arena *mr_arena_create(size_t block_bytes);
void mr_arena_destroy(mr_arena *arena);
void mr_arena_reset(mr_arena *arena);
void *mr_arena_alloc(mr_arena *arena, size_t size_bytes); /* 8-byte aligned, not zeroed */
void *mr_arena_zalloc(mr_arena *arena, size_t size_bytes);
/* Copies with MR_BUF_PADDING readable bytes behind; null stays null. Borrowed until reset. */
mr_bytes mr_arena_copy(mr_arena *arena, mr_bytes bytes);
char *mr_arena_strndup(mr_arena *arena, const char *text, size_t len);
char *mr_arena_printf(mr_arena *arena, const char *format, ...) MR_PRINTF(2, 3);
size_t mr_arena_used_bytes(const mr_arena *arena);
