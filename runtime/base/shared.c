#include "runtime/base/shared.h"

#include "runtime/base/alloc.h"
#include "runtime/base/assert.h"

/* Made by create; else the data came from a buffer. */
static bool is_one_piece(const mr_shared *shared) {
    return shared->data == (const uint8_t *)(shared + 1);
}

/* One allocation: [mr_shared | cap bytes | MR_BUF_PADDING bytes]; only the padding is zeroed. */
mr_shared *mr_shared_create(size_t cap) {
    MR_ASSERT(cap < SIZE_MAX / 2);
    mr_shared *shared = mr_realloc(NULL, sizeof *shared + cap + MR_BUF_PADDING);
    atomic_init(&shared->refs, 1);
    shared->len = 0;
    shared->cap = cap;
    shared->data = (uint8_t *)(shared + 1);
    memset(shared->data + cap, 0, MR_BUF_PADDING);
    return shared;
}

mr_shared *mr_shared_of_buf(mr_buf *buf) {
    MR_ASSERT(buf->data != NULL);
    mr_shared *shared = mr_alloc(sizeof *shared);
    atomic_init(&shared->refs, 1);
    shared->len = buf->len;
    shared->cap = buf->cap;
    shared->data = buf->data;
    *buf = (mr_buf){0};
    return shared;
}

void mr_shared_back_to_buf(mr_shared *shared, mr_buf *out) {
    MR_ASSERT(out->data == NULL && !is_one_piece(shared));
    /* Whoever holds the only reference is alone with the bytes: nobody can make a second one. */
    if (atomic_load_explicit(&shared->refs, memory_order_acquire) == 1) {
        *out = (mr_buf){.data = shared->data, .len = shared->len, .cap = shared->cap};
        shared->data = NULL;
    }
    mr_shared_unref(shared);
}

mr_shared *mr_shared_ref(mr_shared *shared) {
    unsigned before = atomic_fetch_add_explicit(&shared->refs, 1, memory_order_relaxed);
    MR_ASSERT(before > 0);
    return shared;
}

/* Release, then acquire by the last one: what others did with the bytes happened before the free.
 */
void mr_shared_unref(mr_shared *shared) {
    if (shared == NULL) {
        return;
    }
    unsigned before = atomic_fetch_sub_explicit(&shared->refs, 1, memory_order_acq_rel);
    MR_ASSERT(before > 0);
    if (before == 1) {
        if (!is_one_piece(shared)) {
            mr_free(shared->data);
        }
        mr_free(shared);
    }
}
