#include "statestore/writeback.h"

#include "runtime/base/assert.h"
#include "runtime/base/hash.h"
#include "statestore/writeback_table.h"

bool mr_writeback_dirty(const mr_writeback *table) {
    return table->open.count > 0 || table->horizon_moved;
}

void mr_writeback_seal(mr_writeback *table) {
    MR_ASSERT(!table->is_sealed);
    MR_ASSERT(table->sealed.count == 0);
    mr_writeback_settle(table);
    mr_row_list turned = table->sealed;
    table->sealed = table->open;
    table->open = turned;
    for (size_t i = 0; i < table->sealed.count; i++) {
        mr_row *row = table->sealed.rows[i];
        MR_ASSERT(row->state[MR_IMAGE_SEALED] == MR_IMAGE_NONE);
        row->image[MR_IMAGE_SEALED] = row->image[MR_IMAGE_OPEN];
        row->state[MR_IMAGE_SEALED] = row->state[MR_IMAGE_OPEN];
        row->image[MR_IMAGE_OPEN] = (mr_buf){0};
        row->state[MR_IMAGE_OPEN] = MR_IMAGE_NONE;
    }
    mr_horizon_set(&table->horizon_sealed, mr_buf_view(&table->horizon_open.key));
    table->horizon_moved = false;
    table->is_sealed = true;
}

/* Born and dead since the last commit, and never in the store: the changelog need not know. */
static bool never_was(const mr_row *row) {
    return row->state[MR_IMAGE_SEALED] == MR_IMAGE_TOMBSTONE &&
           row->state[MR_IMAGE_COMMITTED] == MR_IMAGE_NONE && row->stored == MR_ROW_STORED_NO;
}

static bool is_for_changelog(const mr_writeback *table, const mr_row *row) {
    return !mr_horizon_covers(&table->horizon_sealed, mr_row_key(row)) && !never_was(row);
}

bool mr_writeback_next_sealed(mr_writeback *table, size_t *cursor, mr_bytes *key, mr_bytes *value) {
    MR_ASSERT(table->is_sealed);
    while (*cursor < table->sealed.count) {
        const mr_row *row = table->sealed.rows[*cursor];
        *cursor += 1;
        if (!is_for_changelog(table, row)) {
            continue;
        }
        *key = mr_row_key(row);
        *value = row->state[MR_IMAGE_SEALED] == MR_IMAGE_VALUE
                     ? mr_buf_view(&row->image[MR_IMAGE_SEALED])
                     : MR_BYTES_NULL;
        return true;
    }
    return false;
}

/* The committed image is new: it waits for a spill, or is a tombstone of what the store never had.
 */
static void row_committed(mr_writeback *table, mr_row *row) {
    if (row->state[MR_IMAGE_COMMITTED] == MR_IMAGE_TOMBSTONE && row->stored == MR_ROW_STORED_NO) {
        mr_writeback_image_drop(table, row, MR_IMAGE_COMMITTED);
        if (row->state[MR_IMAGE_OPEN] == MR_IMAGE_NONE) {
            mr_writeback_row_leave(table, row);
        }
        return;
    }
    if (row->spill == MR_ROW_CLEAN) {
        row->spill = MR_ROW_LINKED;
        mr_row_ring_push(&table->dirty, &row->link);
    }
}

static void commit_row(mr_writeback *table, mr_row *row) {
    uint64_t bytes = row->key_len + row->image[MR_IMAGE_SEALED].len;
    /* What a restart would not replay is nothing to spill for: a spill would have no end. */
    table->committed_bytes += is_for_changelog(table, row) ? bytes : 0;
    table->uncommitted_bytes -= bytes;
    mr_writeback_image_drop(table, row, MR_IMAGE_COMMITTED);
    row->image[MR_IMAGE_COMMITTED] = row->image[MR_IMAGE_SEALED];
    row->state[MR_IMAGE_COMMITTED] = row->state[MR_IMAGE_SEALED];
    row->image[MR_IMAGE_SEALED] = (mr_buf){0};
    row->state[MR_IMAGE_SEALED] = MR_IMAGE_NONE;
    row_committed(table, row);
}

/* Rows the committed horizon has passed leave, without a tombstone. Nothing was written to them
 * since: the open horizon stands no lower. */
static void drop_expired(mr_writeback *table) {
    const mr_horizon *horizon = &table->horizon_committed;
    if (horizon->key.len == 0) {
        return;
    }
    mr_row_order *order = &table->order;
    while (order->buckets_count > 0 && order->buckets[0]->start <= horizon->start) {
        mr_bucket *bucket = order->buckets[0];
        bool whole = bucket->start < horizon->start;
        if (!whole) {
            mr_bucket_sort(bucket);
        }
        /* The head is always a row, as what leaves moves it on; the bucket goes with its last row.
         */
        for (size_t rows_left = bucket->rows_count; rows_left > 0; rows_left--) {
            mr_row *row = bucket->items[bucket->head].row;
            if (!whole && !mr_horizon_covers(horizon, mr_row_key(row))) {
                return;
            }
            mr_writeback_row_leave(table, row);
        }
    }
}

void mr_writeback_commit(mr_writeback *table, int64_t changelog_offset) {
    MR_ASSERT(table->is_sealed);
    MR_ASSERT(changelog_offset >= table->changelog_offset);
    mr_writeback_settle(table);
    for (size_t i = 0; i < table->sealed.count; i++) {
        commit_row(table, table->sealed.rows[i]);
    }
    table->sealed.count = 0;
    table->is_sealed = false;
    table->changelog_offset = changelog_offset;
    if (mr_bytes_compare(mr_buf_view(&table->horizon_sealed.key),
                         mr_buf_view(&table->horizon_committed.key)) != 0) {
        mr_horizon_set(&table->horizon_committed, mr_buf_view(&table->horizon_sealed.key));
        drop_expired(table);
    }
    mr_writeback_poll_flushed(table);
}

/* A row without any image, or with none but what the store has as well, leaves. */
static void abort_rows(mr_writeback *table, mr_row_list *list, mr_image image) {
    for (size_t i = 0; i < list->count; i++) {
        mr_row *row = list->rows[i];
        mr_writeback_image_drop(table, row, image);
        if (row->state[MR_IMAGE_OPEN] == MR_IMAGE_NONE &&
            row->state[MR_IMAGE_SEALED] == MR_IMAGE_NONE &&
            (row->state[MR_IMAGE_COMMITTED] == MR_IMAGE_NONE || row->spill == MR_ROW_CLEAN)) {
            mr_writeback_row_leave(table, row);
        }
    }
    list->count = 0;
}

void mr_writeback_abort(mr_writeback *table) {
    mr_writeback_settle(table);
    abort_rows(table, &table->open, MR_IMAGE_OPEN);
    abort_rows(table, &table->sealed, MR_IMAGE_SEALED);
    mr_horizon_set(&table->horizon_open, mr_buf_view(&table->horizon_committed.key));
    mr_horizon_set(&table->horizon_sealed, mr_buf_view(&table->horizon_committed.key));
    table->horizon_moved = false;
    table->is_sealed = false;
    table->first.valid = false;
}

/* ---- restore ---- */

static mr_status check_position(const mr_writeback *table, const mr_changelog_position *position,
                                int64_t changelog_end, mr_err *err) {
    const char *directory = table->config.slot->directory;
    const char *family = table->config.slot->families[table->config.family];
    if (memcmp(position->topic_id, table->topic_id, sizeof table->topic_id) != 0) {
        return mr_err_set(err, MR_CORRUPT, "%s: store %s: belongs to another changelog", directory,
                          family);
    }
    if (position->leader_epoch != MR_WRITEBACK_LEADER_EPOCH) {
        return mr_err_set(err, MR_CORRUPT,
                          "%s: store %s: is of leader epoch %d, its changelog of %d", directory,
                          family, (int)position->leader_epoch, MR_WRITEBACK_LEADER_EPOCH);
    }
    if (position->offset >= changelog_end) {
        return mr_err_set(err, MR_CORRUPT,
                          "%s: store %s: is at offset %lld, but its changelog ends at %lld",
                          directory, family, (long long)position->offset, (long long)changelog_end);
    }
    return MR_OK;
}

/* How high the store's rows reach: above it nothing will be looked up. */
static mr_status find_store_rows(mr_writeback *table, mr_err *err) {
    mr_status status =
        mr_store_last(table->config.slot->store, table->config.family, &table->scratch, err);
    if (status == MR_NOT_FOUND) {
        return MR_OK;
    }
    if (status != MR_OK) {
        return status;
    }
    table->store_has_rows = true;
    if (table->config.kind == MR_WRITEBACK_WINDOW) {
        if (table->scratch.len < sizeof(uint64_t)) {
            return mr_err_set(err, MR_CORRUPT, "%s: a window key of %zu bytes",
                              table->config.slot->directory, table->scratch.len);
        }
        table->store_start_max = mr_writeback_start_of(mr_buf_view(&table->scratch));
    }
    return MR_OK;
}

mr_status mr_writeback_restore_begin(mr_writeback *table, const uint8_t topic_id[16],
                                     int64_t changelog_end, int64_t *position_out, mr_err *err) {
    MR_ASSERT(table->rows.rows_count == 0);
    memcpy(table->topic_id, topic_id, sizeof table->topic_id);
    table->restore_begun = true;
    *position_out = -1;
    mr_status status = mr_store_slot_open(table->config.slot, MR_STORE_EXISTING, err);
    if (status != MR_OK) {
        return status == MR_NOT_FOUND ? MR_OK : status;
    }
    mr_changelog_position position = {.offset = -1};
    status = mr_store_position(table->config.slot->store, table->config.family, &position, err);
    if (status != MR_OK && status != MR_NOT_FOUND) {
        return status;
    }
    if (status == MR_OK) {
        status = check_position(table, &position, changelog_end, err);
        if (status != MR_OK) {
            return status;
        }
    }
    status = find_store_rows(table, err);
    if (status != MR_OK) {
        return status;
    }
    table->changelog_offset = position.offset;
    table->spill.written_offset = position.offset;
    mr_writeback_poll_flushed(table);
    *position_out = position.offset;
    return MR_OK;
}

mr_status mr_writeback_restore(mr_writeback *table, mr_bytes key, mr_bytes value, int64_t offset,
                               mr_err *err) {
    MR_ASSERT(table->restore_begun);
    MR_ASSERT(!table->is_sealed && table->open.count == 0);
    if (mr_bytes_is_null(key) ||
        (table->config.kind == MR_WRITEBACK_WINDOW && key.len < sizeof(uint64_t))) {
        return mr_err_set(err, MR_CORRUPT, "%s: changelog record at offset %lld has no row key",
                          table->config.slot->directory, (long long)offset);
    }
    MR_ASSERT(offset > table->changelog_offset);
    table->changelog_offset = offset;
    table->committed_bytes += key.len + value.len;
    table->counters.rows_restored += 1;
    table->first.valid = false;
    if (mr_horizon_covers(&table->horizon_committed, key)) {
        return MR_OK;
    }
    uint64_t hash = mr_hash64(key);
    mr_row *row = mr_row_table_find(&table->rows, hash, key);
    if (row == NULL) {
        if (mr_bytes_is_null(value) && !mr_writeback_may_be_stored(table, key)) {
            return MR_OK;
        }
        row = mr_writeback_row_add(table, hash, key);
    }
    mr_writeback_image_set(table, row, MR_IMAGE_COMMITTED, value);
    row_committed(table, row);
    return MR_OK;
}

void mr_writeback_restore_horizon(mr_writeback *table, mr_bytes horizon) {
    MR_ASSERT(table->config.kind == MR_WRITEBACK_WINDOW);
    MR_ASSERT(!table->is_sealed && table->open.count == 0);
    mr_horizon_set(&table->horizon_committed, horizon);
    mr_horizon_set(&table->horizon_sealed, horizon);
    mr_horizon_set(&table->horizon_open, horizon);
    table->first.valid = false;
    drop_expired(table);
}
