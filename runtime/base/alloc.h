/* runtime/base/alloc.h - control-plane memory: out of memory aborts, so callers have no dead
 * branches. Anything sized by outside bytes must be bounded by runtime/base/limits.h first.
 * Thread: any. */
#pragma once

#include <stddef.h>

void *mr_alloc(size_t size_bytes);                     /* zeroed; size 0 gives a valid pointer */
void *mr_alloc_array(size_t count, size_t item_bytes); /* zeroed; aborts on overflow */
void *mr_realloc(void *old, size_t size_bytes);        /* new bytes are not zeroed */
char *mr_strdup(const char *text);                     /* owned by caller */
char *mr_strndup(const char *text, size_t len);        /* owned by caller, NUL-terminated */
void mr_free(void *memory);                            /* NULL is fine */
