#include "statestore/store_memory.h"

#include "runtime/base/alloc.h"
#include "runtime/base/assert.h"
#include "statestore/sorted_map.h"

typedef struct memory_family {
    mr_sorted_map *rows;
    mr_changelog_position position;
    bool positioned;
} memory_family;

typedef struct memory_store {
    mr_store base; /* must be first */
    memory_family *families;
    size_t families_count;
} memory_store;

struct mr_store_scan {
    mr_sorted_scan rows;
};

static memory_family *family_of(mr_store *store, mr_family family) {
    memory_store *memory = (memory_store *)store;
    MR_ASSERT(family < memory->families_count);
    return &memory->families[family];
}

static mr_status memory_get(mr_store *store, mr_family family, mr_bytes key, mr_buf *value,
                            mr_err *err) {
    (void)err;
    const mr_sorted_row *row = mr_sorted_map_find(family_of(store, family)->rows, key);
    if (row == NULL) {
        return MR_NOT_FOUND;
    }
    mr_buf_clear(value);
    mr_buf_put_bytes(value, row->value);
    return MR_OK;
}

static mr_status memory_write(mr_store *store, const mr_store_batch *batch, mr_err *err) {
    (void)err;
    for (size_t i = 0; i < batch->writes_count; i++) {
        const mr_store_write *write = &batch->writes[i];
        mr_sorted_map *rows = family_of(store, write->family)->rows;
        if (mr_bytes_is_null(write->value)) {
            mr_sorted_map_remove(rows, write->key);
        } else {
            mr_sorted_map_put(rows, write->key, write->value);
        }
    }
    for (size_t i = 0; i < batch->positions_count; i++) {
        memory_family *family = family_of(store, batch->position_families[i]);
        family->position = batch->positions[i];
        family->positioned = true;
    }
    return MR_OK;
}

static mr_store_scan *memory_scan_open(mr_store *store, mr_family family, mr_bytes from,
                                       mr_bytes until) {
    mr_store_scan *scan = mr_alloc(sizeof *scan);
    mr_sorted_scan_open(&scan->rows, family_of(store, family)->rows, from, until);
    return scan;
}

static mr_status memory_scan_next(mr_store_scan *scan, mr_bytes *key, mr_bytes *value,
                                  mr_err *err) {
    (void)err;
    const mr_sorted_row *row = mr_sorted_scan_next(&scan->rows);
    if (row == NULL) {
        return MR_NOT_FOUND;
    }
    *key = row->key;
    *value = row->value;
    return MR_OK;
}

static void memory_scan_close(mr_store_scan *scan) {
    mr_sorted_scan_close(&scan->rows);
    mr_free(scan);
}

static mr_status memory_last(mr_store *store, mr_family family, mr_buf *key, mr_err *err) {
    (void)err;
    const mr_sorted_row *row = mr_sorted_map_last(family_of(store, family)->rows);
    if (row == NULL) {
        return MR_NOT_FOUND;
    }
    mr_buf_clear(key);
    mr_buf_put_bytes(key, row->key);
    return MR_OK;
}

static mr_status memory_flush(mr_store *store, mr_err *err) {
    (void)store;
    (void)err;
    return MR_OK;
}

static mr_status memory_persisted(mr_store *store, mr_family family, mr_changelog_position *out,
                                  mr_err *err) {
    (void)store;
    (void)family;
    (void)out;
    (void)err;
    return MR_NOT_FOUND;
}

static mr_status memory_position(mr_store *store, mr_family family, mr_changelog_position *out,
                                 mr_err *err) {
    (void)err;
    const memory_family *rows = family_of(store, family);
    if (!rows->positioned) {
        return MR_NOT_FOUND;
    }
    *out = rows->position;
    return MR_OK;
}

static uint64_t memory_bytes(mr_store *store) {
    const memory_store *memory = (const memory_store *)store;
    uint64_t bytes = 0;
    for (size_t i = 0; i < memory->families_count; i++) {
        bytes += mr_sorted_map_bytes(memory->families[i].rows);
    }
    return bytes;
}

static void memory_close(mr_store *store) {
    memory_store *memory = (memory_store *)store;
    for (size_t i = 0; i < memory->families_count; i++) {
        mr_sorted_map_destroy(memory->families[i].rows);
    }
    mr_free(memory->families);
    mr_free(memory);
}

static const mr_store_ops memory_ops = {
    .durability = MR_STORE_FORGETS,
    .get = memory_get,
    .write = memory_write,
    .scan_open = memory_scan_open,
    .scan_next = memory_scan_next,
    .scan_close = memory_scan_close,
    .last = memory_last,
    .flush = memory_flush,
    .persisted = memory_persisted,
    .position = memory_position,
    .memory_bytes = memory_bytes,
    .close = memory_close,
};

static mr_status memory_open(void *self, const char *directory, const char *const *families,
                             size_t families_count, mr_store_open_mode mode, mr_store **out,
                             mr_err *err) {
    (void)self;
    (void)families;
    if (mode == MR_STORE_EXISTING) {
        return mr_err_set(err, MR_NOT_FOUND, "%s: a memory store keeps nothing", directory);
    }
    memory_store *memory = mr_alloc(sizeof *memory);
    memory->base.ops = &memory_ops;
    memory->families = mr_alloc_array(families_count, sizeof(memory_family));
    memory->families_count = families_count;
    for (size_t i = 0; i < families_count; i++) {
        memory->families[i].rows = mr_sorted_map_create();
    }
    *out = &memory->base;
    return MR_OK;
}

static mr_status memory_destroy(void *self, const char *directory, mr_err *err) {
    (void)self;
    (void)directory;
    (void)err;
    return MR_OK;
}

mr_store_factory mr_store_memory_factory(void) {
    return (mr_store_factory){.open = memory_open, .destroy = memory_destroy, .self = NULL};
}
