#include "runtime/base/arena.h"

#include <stdarg.h>
#include <stdio.h>

#include "runtime/base/alloc.h"
#include "runtime/base/assert.h"

/* Blocks stop doubling here: beyond it the count of blocks no longer matters, the waste would. */
#define ARENA_BLOCK_BYTES_MAX (1024 * 1024)
#define ARENA_BLOCK_BYTES_MIN 256

/* [arena_block | cap bytes | MR_BUF_PADDING bytes]: the padding behind a block is readable, and
 * behind every earlier allocation stands the rest of its block, so no allocation needs padding of
 * its own. */
typedef struct arena_block {
    struct arena_block *older;
    size_t cap;
    size_t used;
    uint64_t data[];
} arena_block;

struct mr_arena {
    arena_block *newest;
    size_t next_block_bytes;
    size_t used_bytes;
};

static arena_block *block_create(arena_block *older, size_t cap) {
    MR_ASSERT(cap < SIZE_MAX / 2);
    arena_block *block = mr_realloc(NULL, sizeof(arena_block) + cap + MR_BUF_PADDING);
    *block = (arena_block){.older = older, .cap = cap};
    memset((uint8_t *)block->data + cap, 0, MR_BUF_PADDING);
    return block;
}

mr_arena *mr_arena_create(size_t block_bytes) {
    mr_arena *arena = mr_alloc(sizeof *arena);
    size_t rounded = (block_bytes + 7) & ~(size_t)7;
    arena->next_block_bytes = rounded < ARENA_BLOCK_BYTES_MIN ? ARENA_BLOCK_BYTES_MIN : rounded;
    return arena;
}

void mr_arena_destroy(mr_arena *arena) {
    if (arena == NULL) {
        return;
    }
    for (arena_block *block = arena->newest; block != NULL;) {
        arena_block *older = block->older;
        mr_free(block);
        block = older;
    }
    mr_free(arena);
}

void mr_arena_reset(mr_arena *arena) {
    arena_block *largest = arena->newest;
    for (arena_block *block = arena->newest; block != NULL; block = block->older) {
        largest = block->cap > largest->cap ? block : largest;
    }
    for (arena_block *block = arena->newest; block != NULL;) {
        arena_block *older = block->older;
        if (block != largest) {
            mr_free(block);
        }
        block = older;
    }
    if (largest != NULL) {
        largest->older = NULL;
        largest->used = 0;
    }
    arena->newest = largest;
    arena->used_bytes = 0;
}

static void arena_grow(mr_arena *arena, size_t size_bytes) {
    size_t cap = arena->next_block_bytes;
    if (cap < ARENA_BLOCK_BYTES_MAX) {
        arena->next_block_bytes = cap * 2;
    }
    arena->newest = block_create(arena->newest, cap < size_bytes ? size_bytes : cap);
}

void *mr_arena_alloc(mr_arena *arena, size_t size_bytes) {
    MR_ASSERT(size_bytes < SIZE_MAX / 4);
    size_t rounded = size_bytes > 0 ? (size_bytes + 7) & ~(size_t)7 : 8;
    if (arena->newest == NULL || rounded > arena->newest->cap - arena->newest->used) {
        arena_grow(arena, rounded);
    }
    arena_block *block = arena->newest;
    uint8_t *memory = (uint8_t *)block->data + block->used;
    block->used += rounded;
    arena->used_bytes += rounded;
    return memory;
}

void *mr_arena_zalloc(mr_arena *arena, size_t size_bytes) {
    void *memory = mr_arena_alloc(arena, size_bytes);
    memset(memory, 0, size_bytes);
    return memory;
}

mr_bytes mr_arena_copy(mr_arena *arena, mr_bytes bytes) {
    if (mr_bytes_is_null(bytes)) {
        return MR_BYTES_NULL;
    }
    uint8_t *copy = mr_arena_alloc(arena, bytes.len);
    memcpy(copy, bytes.data, bytes.len);
    return mr_bytes_of(copy, bytes.len);
}

char *mr_arena_strndup(mr_arena *arena, const char *text, size_t len) {
    char *copy = mr_arena_alloc(arena, len + 1);
    if (len > 0) {
        memcpy(copy, text, len);
    }
    copy[len] = '\0';
    return copy;
}

char *mr_arena_printf(mr_arena *arena, const char *format, ...) {
    va_list args;
    va_start(args, format);
    va_list again;
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, format, args);
    MR_ASSERT(len >= 0);
    char *text = mr_arena_alloc(arena, (size_t)len + 1);
    int written = vsnprintf(text, (size_t)len + 1, format, again);
    MR_ASSERT(written == len);
    va_end(again);
    va_end(args);
    return text;
}

size_t mr_arena_used_bytes(const mr_arena *arena) {
    return arena->used_bytes;
}
