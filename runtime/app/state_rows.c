#include "runtime/app/state_rows.h"

#include "runtime/base/alloc.h"
#include "statestore/window_key.h"

void mr_state_rows_init(mr_state_rows *rows) {
    rows->rows = mr_map_create();
}

static void free_row(mr_buf *row) {
    if (row) {
        mr_buf_deinit(row);
        mr_free(row);
    }
}

void mr_state_rows_deinit(mr_state_rows *rows) {
    size_t cursor = 0;
    void *row;
    while (mr_map_next(rows->rows, &cursor, NULL, &row)) {
        free_row(row);
    }
    mr_map_destroy(rows->rows);
    rows->rows = NULL;
}

static bool is_wanted(const mr_state_filter *filter, mr_bytes row_key) {
    if (filter->kind == MR_STATE_ROW) {
        return mr_bytes_equal(row_key, filter->key);
    }
    int64_t start_ms;
    mr_bytes key;
    return mr_window_key_split(row_key, &start_ms, &key) == MR_OK &&
           mr_bytes_equal(key, filter->key);
}

static void set_row(mr_state_rows *rows, mr_bytes key, mr_bytes value) {
    if (mr_bytes_is_null(value)) {
        free_row(mr_map_remove(rows->rows, key));
        return;
    }
    mr_buf *row = mr_alloc(sizeof *row);
    mr_buf_put_bytes(row, value);
    free_row(mr_map_put(rows->rows, key, row));
}

/* ---- what is on disk ---- */

static mr_status read_one(mr_state_rows *rows, mr_bytes key, mr_store *store, mr_family family,
                          mr_err *err) {
    mr_buf value = {0};
    mr_status status = mr_store_get(store, family, key, &value, err);
    if (status == MR_OK) {
        mr_buf_reserve(&value, 0);
        set_row(rows, key, mr_buf_view(&value));
    }
    mr_buf_deinit(&value);
    return status == MR_NOT_FOUND ? MR_OK : status;
}

static mr_status read_all(mr_state_rows *rows, const mr_state_filter *filter, mr_store *store,
                          mr_family family, mr_err *err) {
    mr_store_scan *scan = mr_store_scan_open(store, family, MR_BYTES_NULL, MR_BYTES_NULL);
    mr_status status;
    mr_bytes key, value;
    while ((status = mr_store_scan_next(store, scan, &key, &value, err)) == MR_OK) {
        if (is_wanted(filter, key)) {
            set_row(rows, key, value);
        }
    }
    mr_store_scan_close(store, scan);
    return status == MR_NOT_FOUND ? MR_OK : status;
}

/* *offset: where the fold begins. A store of another topic or from beyond the log is not of this
 * history: the changelog alone says what is. */
static mr_status read_store(mr_state_rows *rows, const mr_state_filter *filter, mr_store *store,
                            mr_family family, const mr_topic_description *changelog, int64_t end,
                            int64_t *offset, mr_err *err) {
    mr_changelog_position position;
    *offset = 0;
    mr_status status = mr_store_position(store, family, &position, err);
    if (status != MR_OK) {
        return status == MR_NOT_FOUND ? MR_OK : status;
    }
    if (memcmp(position.topic_id, changelog->id.bytes, sizeof position.topic_id) != 0 ||
        position.offset >= end) {
        return MR_OK;
    }
    *offset = position.offset + 1;
    return filter->kind == MR_STATE_ROW ? read_one(rows, filter->key, store, family, err)
                                        : read_all(rows, filter, store, family, err);
}

/* ---- the changelog ---- */

typedef struct fold {
    mr_state_rows *rows;
    const mr_state_filter *filter;
} fold;

static mr_status fold_record(void *arg, const mr_record *record, mr_err *err) {
    fold *folding = arg;
    (void)err;
    if (is_wanted(folding->filter, record->key)) {
        set_row(folding->rows, record->key, record->value);
    }
    return MR_OK;
}

mr_status mr_state_rows_read(mr_state_rows *rows, const mr_state_filter *filter, mr_store *store,
                             mr_family family, mr_log_view *view,
                             const mr_topic_description *changelog, int32_t partition,
                             mr_err *err) {
    mr_partition_id id = changelog->partition_first + (mr_partition_id)partition;
    mr_log_offsets offsets;
    mr_status status = mr_log_view_offsets(view, id, &offsets);
    if (status != MR_OK) {
        return mr_err_set(err, status, "%s[%d] cannot be read", changelog->name, (int)partition);
    }
    int64_t offset = 0;
    if (store) {
        status = read_store(rows, filter, store, family, changelog, offsets.end, &offset, err);
    }
    fold folding = {rows, filter};
    if (status == MR_OK) {
        status = mr_log_view_each(view, id, offset, fold_record, &folding, err);
    }
    return status;
}
