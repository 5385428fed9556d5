#include "statestore/writeback.h"

#include "runtime/base/alloc.h"
#include "runtime/base/assert.h"
#include "statestore/writeback_table.h"

/* Two sides in key order, each with its next row looked at but not taken:
 *
 *   memory  [bucket, item] ---\
 *                              >-- the smaller key; of equal keys the memory's, the store's is
 * skipped store   stored_key -------/
 */
struct mr_writeback_scan {
    mr_writeback *table;
    mr_buf after;
    mr_buf until;
    bool bounded;
    size_t bucket_index;
    size_t item_index;
    bool bucket_entered; /* sorted, item_index is in it */
    mr_store_scan *store_scan;
    bool stored_ready;
    mr_bytes stored_key;
    mr_bytes stored_value;
};

static void open_store_side(mr_writeback_scan *scan) {
    mr_writeback *table = scan->table;
    mr_bytes after = mr_buf_view(&scan->after);
    if (!table->store_has_rows ||
        (scan->after.len > 0 && !mr_writeback_may_be_stored(table, after))) {
        return;
    }
    /* The least key greater than `after` is `after` with a zero byte behind it. */
    mr_buf from = {0};
    if (!mr_bytes_is_null(after)) {
        mr_buf_put_bytes(&from, after);
        mr_buf_put_u8(&from, 0);
    }
    scan->store_scan =
        mr_store_scan_open(table->config.slot->store, table->config.family, mr_buf_view(&from),
                           scan->bounded ? mr_buf_view(&scan->until) : MR_BYTES_NULL);
    mr_buf_deinit(&from);
}

mr_writeback_scan *mr_writeback_scan_open(mr_writeback *table, mr_bytes after, mr_bytes until) {
    MR_ASSERT(table->config.kind == MR_WRITEBACK_KEY_VALUE || mr_bytes_is_null(after) ||
              after.len >= sizeof(uint64_t));
    mr_writeback_settle(table);
    mr_writeback_scan *scan = mr_alloc(sizeof *scan);
    scan->table = table;
    scan->bounded = !mr_bytes_is_null(until);
    if (scan->bounded) {
        mr_buf_put_bytes(&scan->until, until);
    }
    if (table->horizon_open.key.len > 0 &&
        (mr_bytes_is_null(after) || mr_horizon_covers(&table->horizon_open, after))) {
        after = mr_buf_view(&table->horizon_open.key);
    }
    if (!mr_bytes_is_null(after)) {
        mr_buf_put_bytes(&scan->after, after);
        scan->bucket_index =
            table->config.kind == MR_WRITEBACK_WINDOW
                ? mr_row_order_bucket_index(&table->order, mr_writeback_start_of(after))
                : 0;
    }
    open_store_side(scan);
    return scan;
}

void mr_writeback_scan_close(mr_writeback_scan *scan) {
    if (scan == NULL) {
        return;
    }
    mr_store_scan_close(scan->table->config.slot->store, scan->store_scan);
    mr_buf_deinit(&scan->after);
    mr_buf_deinit(&scan->until);
    mr_free(scan);
}

/* The memory side's next row, live or not; NULL: none. */
static mr_row *memory_peek(mr_writeback_scan *scan) {
    mr_row_order *order = &scan->table->order;
    while (scan->bucket_index < order->buckets_count) {
        mr_bucket *bucket = order->buckets[scan->bucket_index];
        if (!scan->bucket_entered) {
            mr_bucket_sort(bucket);
            scan->item_index = scan->after.data != NULL
                                   ? mr_bucket_index_after(bucket, mr_buf_view(&scan->after))
                                   : bucket->head;
            scan->bucket_entered = true;
        }
        if (scan->item_index < bucket->items_count) {
            mr_row *row = bucket->items[scan->item_index].row;
            bool in_range =
                !scan->bounded || mr_bytes_compare(mr_row_key(row), mr_buf_view(&scan->until)) < 0;
            return in_range ? row : NULL;
        }
        scan->bucket_index += 1;
        scan->bucket_entered = false;
    }
    return NULL;
}

static mr_status stored_peek(mr_writeback_scan *scan, mr_err *err) {
    if (scan->store_scan == NULL) {
        return MR_NOT_FOUND;
    }
    if (scan->stored_ready) {
        return MR_OK;
    }
    mr_status status = mr_store_scan_next(scan->table->config.slot->store, scan->store_scan,
                                          &scan->stored_key, &scan->stored_value, err);
    if (status == MR_NOT_FOUND) {
        mr_store_scan_close(scan->table->config.slot->store, scan->store_scan);
        scan->store_scan = NULL;
    }
    scan->stored_ready = status == MR_OK;
    return status;
}

mr_status mr_writeback_scan_next(mr_writeback_scan *scan, mr_bytes *key, mr_bytes *value,
                                 mr_err *err) {
    for (;;) {
        const mr_row *row = memory_peek(scan);
        mr_status status = stored_peek(scan, err);
        if (status != MR_OK && status != MR_NOT_FOUND) {
            return status;
        }
        bool stored = status == MR_OK;
        if (row == NULL && !stored) {
            return MR_NOT_FOUND;
        }
        int order = row == NULL ? 1 : -1;
        if (row != NULL && stored) {
            order = mr_bytes_compare(mr_row_key(row), scan->stored_key);
        }
        if (order >= 0) {
            scan->stored_ready = false;
        }
        if (order > 0) {
            *key = scan->stored_key;
            *value = scan->stored_value;
            return MR_OK;
        }
        scan->item_index += 1;
        unsigned newest = mr_row_newest(row);
        MR_ASSERT(newest < MR_IMAGES);
        if (row->state[newest] == MR_IMAGE_VALUE) {
            *key = mr_row_key(row);
            *value = mr_buf_view(&row->image[newest]);
            return MR_OK;
        }
    }
}
