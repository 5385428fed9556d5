#include "runtime/base/alloc.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *or_abort(void *memory, size_t size_bytes) {
    if (memory == NULL) {
        fprintf(stderr, "millrace: out of memory (%zu bytes asked for)\n", size_bytes);
        abort();
    }
    return memory;
}

void *mr_alloc(size_t size_bytes) {
    return or_abort(calloc(1, size_bytes > 0 ? size_bytes : 1), size_bytes);
}

void *mr_alloc_array(size_t count, size_t item_bytes) {
    size_t total;
    if (__builtin_mul_overflow(count, item_bytes, &total)) {
        return or_abort(NULL, SIZE_MAX);
    }
    return mr_alloc(total);
}

void *mr_realloc(void *old, size_t size_bytes) {
    return or_abort(realloc(old, size_bytes > 0 ? size_bytes : 1), size_bytes);
}

char *mr_strdup(const char *text) {
    return mr_strndup(text, strlen(text));
}

char *mr_strndup(const char *text, size_t len) {
    char *copy = mr_realloc(NULL, len + 1);
    if (len > 0) {
        memcpy(copy, text, len);
    }
    copy[len] = '\0';
    return copy;
}

void mr_free(void *memory) {
    free(memory);
}
