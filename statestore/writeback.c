#include "statestore/writeback.h"

#include "runtime/base/alloc.h"
#include "runtime/base/assert.h"
#include "runtime/base/hash.h"
#include "statestore/window_key.h"
#include "statestore/writeback_table.h"

/* ---- the task's store ---- */

mr_status mr_store_slot_open(mr_store_slot *slot, mr_store_open_mode mode, mr_err *err) {
    if (slot->store != NULL) {
        return MR_OK;
    }
    return slot->factory.open(slot->factory.self, slot->directory, slot->families,
                              slot->families_count, mode, &slot->store, err);
}

void mr_store_slot_close(mr_store_slot *slot) {
    mr_store_close(slot->store);
    slot->store = NULL;
}

/* ---- life ---- */

mr_writeback *mr_writeback_create(const mr_writeback_config *config) {
    MR_ASSERT(config->family < config->slot->families_count);
#ifndef MR_BROKEN
    MR_ASSERT(config->breaks == MR_WRITEBACK_BREAK_NONE);
#endif
    mr_writeback *table = mr_alloc(sizeof *table);
    table->config = *config;
    mr_row_table_init(&table->rows);
    mr_row_order_init(&table->order,
                      config->kind == MR_WRITEBACK_WINDOW ? MR_ROWS_BY_START : MR_ROWS_TOGETHER);
    mr_row_ring_init(&table->dirty);
    mr_spill_init(&table->spill);
    table->changelog_offset = -1;
    return table;
}

void mr_writeback_destroy(mr_writeback *table) {
    if (table == NULL) {
        return;
    }
    for (size_t i = 0; i < table->rows.slots_count; i++) {
        mr_row *row = table->rows.slots[i].row;
        for (unsigned image = 0; row != NULL && image < MR_IMAGES; image++) {
            mr_buf_deinit(&row->image[image]);
        }
    }
    mr_spill_deinit(table);
    mr_row_order_deinit(&table->order);
    mr_row_table_deinit(&table->rows);
    mr_buffer_pool_deinit(&table->buffers);
    mr_free(table->open.rows);
    mr_free(table->sealed.rows);
    mr_buf_deinit(&table->horizon_open.key);
    mr_buf_deinit(&table->horizon_sealed.key);
    mr_buf_deinit(&table->horizon_committed.key);
    mr_buf_deinit(&table->scratch);
    mr_free(table);
}

void mr_row_list_push(mr_row_list *list, mr_row *row) {
    if (list->count == list->cap) {
        list->cap = list->cap > 0 ? list->cap * 2 : 64;
        list->rows = mr_realloc(list->rows, list->cap * sizeof *list->rows);
    }
    list->rows[list->count++] = row;
}

/* ---- images ---- */

static size_t buf_memory_bytes(const mr_buf *buf) {
    return buf->data != NULL ? buf->cap + MR_BUF_PADDING : 0;
}

void mr_writeback_settle_edited(mr_writeback *table) {
    const mr_buf *buf = &table->edited->image[MR_IMAGE_OPEN];
    table->uncommitted_bytes += buf->len - table->edited_len;
    table->image_bytes += buf->cap - table->edited_cap;
    table->edited = NULL;
}

static void edited_by_caller(mr_writeback *table, mr_row *row) {
    table->edited = row;
    table->edited_len = row->image[MR_IMAGE_OPEN].len;
    table->edited_cap = row->image[MR_IMAGE_OPEN].cap;
}

/* What an image counts for among the uncommitted bytes. */
static size_t uncommitted_bytes(const mr_row *row, mr_image image) {
    bool counts = image != MR_IMAGE_COMMITTED && row->state[image] != MR_IMAGE_NONE;
    return counts ? row->key_len + row->image[image].len : 0;
}

void mr_writeback_image_drop(mr_writeback *table, mr_row *row, mr_image image) {
    table->uncommitted_bytes -= uncommitted_bytes(row, image);
    table->image_bytes -= buf_memory_bytes(&row->image[image]);
    mr_buffer_pool_give(&table->buffers, &row->image[image]);
    row->state[image] = MR_IMAGE_NONE;
}

/* value null: a tombstone. */
void mr_writeback_image_set(mr_writeback *table, mr_row *row, mr_image image, mr_bytes value) {
    mr_buf *buf = &row->image[image];
    if (mr_bytes_is_null(value)) {
        mr_writeback_image_drop(table, row, image);
        row->state[image] = MR_IMAGE_TOMBSTONE;
        table->uncommitted_bytes += uncommitted_bytes(row, image);
        return;
    }
    table->uncommitted_bytes -= uncommitted_bytes(row, image);
    if (buf->data == NULL || buf->cap < value.len) {
        /* The new bytes may be those of the old buffer, so that it is given back only afterwards.
         */
        mr_buf fresh = mr_buffer_pool_take(&table->buffers, value.len);
        mr_buf_put_bytes(&fresh, value);
        table->image_bytes += buf_memory_bytes(&fresh) - buf_memory_bytes(buf);
        mr_buffer_pool_give(&table->buffers, buf);
        *buf = fresh;
    } else {
        memmove(buf->data, value.data, value.len);
        buf->len = value.len;
    }
    row->state[image] = MR_IMAGE_VALUE;
    table->uncommitted_bytes += uncommitted_bytes(row, image);
}

/* ---- rows ---- */

mr_row *mr_writeback_row_add(mr_writeback *table, uint64_t hash, mr_bytes key) {
    mr_row *row = mr_row_table_add(&table->rows, hash, key);
    mr_row_order_add(&table->order, row);
    row->stored = mr_writeback_may_be_stored(table, key) ? MR_ROW_STORED_MAYBE : MR_ROW_STORED_NO;
    return row;
}

void mr_writeback_row_leave(mr_writeback *table, mr_row *row) {
    MR_ASSERT(row->state[MR_IMAGE_OPEN] == MR_IMAGE_NONE);
    MR_ASSERT(row->state[MR_IMAGE_SEALED] == MR_IMAGE_NONE);
    MR_ASSERT(table->edited != row);
    mr_writeback_image_drop(table, row, MR_IMAGE_COMMITTED);
    mr_row_order_remove(&table->order, row);
    mr_row_table_remove(&table->rows, row);
    if (row->spill == MR_ROW_IN_RUN) {
        row->spill = MR_ROW_DEAD;
        return;
    }
    if (row->spill == MR_ROW_LINKED) {
        mr_row_ring_unlink(&row->link);
    }
    mr_row_table_free(&table->rows, row);
}

bool mr_writeback_may_be_stored(const mr_writeback *table, mr_bytes key) {
    if (!table->store_has_rows) {
        return false;
    }
    return table->config.kind == MR_WRITEBACK_KEY_VALUE ||
           mr_writeback_start_of(key) <= table->store_start_max;
}

/* The value goes to table->scratch. */
static mr_status store_get(mr_writeback *table, mr_bytes key, mr_err *err) {
    if (!mr_writeback_may_be_stored(table, key)) {
        return MR_NOT_FOUND;
    }
    MR_ASSERT(table->config.slot->store != NULL);
    table->counters.store_gets += 1;
    return mr_store_get(table->config.slot->store, table->config.family, key, &table->scratch, err);
}

static void check_key(const mr_writeback *table, mr_bytes key) {
    MR_ASSERT(!mr_bytes_is_null(key));
    MR_ASSERT(table->config.kind == MR_WRITEBACK_KEY_VALUE ||
              key.len >= MR_WINDOW_KEY_PREFIX_BYTES);
}

mr_status mr_writeback_get(mr_writeback *table, mr_bytes key, mr_bytes *value_out, mr_err *err) {
    check_key(table, key);
    mr_writeback_settle(table);
    if (mr_horizon_covers(&table->horizon_open, key)) {
        return MR_NOT_FOUND;
    }
    const mr_row *row = mr_row_table_find(&table->rows, mr_hash64(key), key);
    if (row == NULL) {
        mr_status status = store_get(table, key, err);
        if (status == MR_OK) {
            *value_out = mr_buf_view(&table->scratch);
        }
        return status;
    }
    unsigned newest = mr_row_newest(row);
    MR_ASSERT(newest < MR_IMAGES);
    if (row->state[newest] == MR_IMAGE_TOMBSTONE) {
        return MR_NOT_FOUND;
    }
    *value_out = mr_buf_view(&row->image[newest]);
    return MR_OK;
}

/* The row gets an open image; the caller fills it. */
static void row_open(mr_writeback *table, mr_row *row, mr_bytes value) {
    if (row->state[MR_IMAGE_OPEN] == MR_IMAGE_NONE) {
        mr_row_list_push(&table->open, row);
    }
    mr_writeback_image_set(table, row, MR_IMAGE_OPEN, value);
    mr_first_start *first = &table->first;
    if (!first->valid || table->config.kind == MR_WRITEBACK_KEY_VALUE) {
        return;
    }
    int64_t start_ms = 0;
    mr_bytes key;
    mr_status status = mr_window_key_split(mr_row_key(row), &start_ms, &key);
    MR_ASSERT(status == MR_OK);
    if (mr_bytes_is_null(value)) {
        first->valid = !(first->found && first->start_ms == start_ms);
    } else if (!first->found || start_ms < first->start_ms) {
        first->found = true;
        first->start_ms = start_ms;
    }
}

mr_status mr_writeback_put(mr_writeback *table, mr_bytes key, mr_bytes value, mr_err *err) {
    (void)err;
    check_key(table, key);
    MR_ASSERT(!mr_bytes_is_null(value));
    MR_ASSERT(!mr_horizon_covers(&table->horizon_open, key));
    mr_writeback_settle(table);
    uint64_t hash = mr_hash64(key);
    mr_row *row = mr_row_table_find(&table->rows, hash, key);
    if (row == NULL) {
        row = mr_writeback_row_add(table, hash, key);
    }
    row_open(table, row, value);
    return MR_OK;
}

mr_status mr_writeback_delete(mr_writeback *table, mr_bytes key, mr_err *err) {
    (void)err;
    check_key(table, key);
    mr_writeback_settle(table);
    if (mr_horizon_covers(&table->horizon_open, key)) {
        return MR_OK;
    }
    uint64_t hash = mr_hash64(key);
    mr_row *row = mr_row_table_find(&table->rows, hash, key);
    if (row == NULL) {
        if (!mr_writeback_may_be_stored(table, key)) {
            return MR_OK;
        }
        row = mr_writeback_row_add(table, hash, key);
    } else if (row->state[mr_row_newest(row)] == MR_IMAGE_TOMBSTONE) {
        return MR_OK;
    }
    row_open(table, row, MR_BYTES_NULL);
    return MR_OK;
}

/* The row has no open value yet: it begins as a copy of the newest image there is. */
static mr_status edit_first(mr_writeback *table, mr_row *row, uint64_t hash, mr_bytes key,
                            mr_row **row_out, mr_err *err) {
    MR_ASSERT(!mr_horizon_covers(&table->horizon_open, key));
    mr_bytes value = mr_bytes_text("");
    if (row == NULL) {
        mr_status status = store_get(table, key, err);
        if (status != MR_OK && status != MR_NOT_FOUND) {
            return status;
        }
        row = mr_writeback_row_add(table, hash, key);
        if (status == MR_OK) {
            value = mr_buf_view(&table->scratch);
        } else {
            row->stored = MR_ROW_STORED_NO;
        }
    } else {
        unsigned newest = mr_row_newest(row);
        MR_ASSERT(newest < MR_IMAGES);
        if (row->state[newest] == MR_IMAGE_VALUE) {
            value = mr_buf_view(&row->image[newest]);
        }
    }
    row_open(table, row, value);
    *row_out = row;
    return MR_OK;
}

mr_status mr_writeback_edit(mr_writeback *table, mr_bytes key, mr_buf **value_out, mr_err *err) {
    check_key(table, key);
    mr_writeback_settle(table);
    uint64_t hash = mr_hash64(key);
    mr_row *row = mr_row_table_find(&table->rows, hash, key);
    if (row == NULL || row->state[MR_IMAGE_OPEN] != MR_IMAGE_VALUE) {
        mr_status status = edit_first(table, row, hash, key, &row, err);
        if (status != MR_OK) {
            return status;
        }
    }
    MR_ASSERT_SLOW(!mr_horizon_covers(&table->horizon_open, key));
    edited_by_caller(table, row);
    *value_out = &row->image[MR_IMAGE_OPEN];
    return MR_OK;
}

/* ---- horizon and first start ---- */

void mr_horizon_set(mr_horizon *horizon, mr_bytes key) {
    mr_buf_clear(&horizon->key);
    mr_buf_put(&horizon->key, key.data, key.len);
    horizon->start = key.len >= MR_WINDOW_KEY_PREFIX_BYTES ? mr_writeback_start_of(key) : 0;
}

void mr_writeback_set_horizon(mr_writeback *table, mr_bytes horizon) {
    MR_ASSERT(table->config.kind == MR_WRITEBACK_WINDOW);
    check_key(table, horizon);
    mr_writeback_settle(table);
    int order = mr_bytes_compare(horizon, mr_buf_view(&table->horizon_open.key));
    MR_ASSERT(table->horizon_open.key.len == 0 || order >= 0);
    if (order == 0) {
        return;
    }
    mr_horizon_set(&table->horizon_open, horizon);
    table->horizon_moved = true;
    table->first.valid = false;
}

mr_status mr_writeback_first_start(mr_writeback *table, int64_t *start_ms, mr_err *err) {
    MR_ASSERT(table->config.kind == MR_WRITEBACK_WINDOW);
    mr_first_start *first = &table->first;
    if (!first->valid) {
        mr_writeback_scan *scan = mr_writeback_scan_open(table, MR_BYTES_NULL, MR_BYTES_NULL);
        mr_bytes key, value;
        mr_status status = mr_writeback_scan_next(scan, &key, &value, err);
        if (status == MR_OK) {
            status = mr_window_key_split(key, &first->start_ms, &key);
        }
        mr_writeback_scan_close(scan);
        if (status != MR_OK && status != MR_NOT_FOUND) {
            return status;
        }
        first->valid = true;
        first->found = status == MR_OK;
    }
    *start_ms = first->found ? first->start_ms : *start_ms;
    return first->found ? MR_OK : MR_NOT_FOUND;
}

/* ---- figures ---- */

uint64_t mr_writeback_uncommitted_bytes(const mr_writeback *table) {
    uint64_t grown =
        table->edited != NULL ? table->edited->image[MR_IMAGE_OPEN].len - table->edited_len : 0;
    return table->uncommitted_bytes + grown;
}

uint64_t mr_writeback_spillable_bytes(const mr_writeback *table) {
    bool waits = !mr_row_ring_empty(&table->dirty);
    return waits ? table->image_bytes + table->rows.rows_bytes + table->order.bytes : 0;
}

mr_writeback_counters mr_writeback_counters_get(const mr_writeback *table) {
    mr_writeback_counters counters = table->counters;
    counters.rows_live_in_memory = table->rows.rows_count;
    return counters;
}
