#include "statestore/writeback.h"

#include "runtime/base/alloc.h"
#include "runtime/base/assert.h"
#include "statestore/writeback_table.h"

/* Rows sorted in one step, if rows_max is smaller: sorting is cheap beside writing. */
#define RUN_ROWS_MIN 1024u

void mr_spill_init(mr_spill *spill) {
    mr_row_ring_init(&spill->unsorted);
    spill->written_offset = -1;
    spill->flushed_offset = -1;
}

static void free_if_dead(mr_writeback *table, mr_row *row) {
    if (row->spill == MR_ROW_DEAD) {
        mr_row_table_free(&table->rows, row);
    }
}

void mr_spill_deinit(mr_writeback *table) {
    mr_spill *spill = &table->spill;
    for (size_t i = 0; i < spill->runs_count; i++) {
        for (size_t at = spill->runs[i].at; at < spill->runs[i].items_count; at++) {
            free_if_dead(table, spill->runs[i].items[at].row);
        }
        mr_free(spill->runs[i].items);
    }
    for (size_t i = 0; i < spill->chunk.count; i++) {
        free_if_dead(table, spill->chunk.rows[i]);
    }
    mr_free(spill->runs);
    mr_free(spill->chunk.rows);
    mr_free(spill->writes);
}

/* ---- sorting ---- */

#ifdef MR_BROKEN
static void link_undecided(mr_writeback *table, const mr_row_list *list) {
    for (size_t i = 0; i < list->count; i++) {
        mr_row *row = list->rows[i];
        if (row->spill == MR_ROW_CLEAN) {
            row->spill = MR_ROW_LINKED;
            mr_row_ring_push(&table->dirty, &row->link);
        }
    }
}
#endif

static bool broken(const mr_writeback *table, mr_writeback_break what) {
#ifdef MR_BROKEN
    return (table->config.breaks & (uint32_t)what) != 0;
#else
    (void)table;
    (void)what;
    return false;
#endif
}

/* All that is committed now belongs to this spill; what is committed from here on waits for the
 * next. */
static void spill_begin(mr_writeback *table) {
    mr_spill *spill = &table->spill;
    MR_ASSERT(spill->phase == MR_SPILL_IDLE);
    MR_ASSERT(mr_row_ring_empty(&spill->unsorted) && spill->chunk.count == 0);
#ifdef MR_BROKEN
    if (broken(table, MR_WRITEBACK_BREAK_SPILL_UNDECIDED)) {
        link_undecided(table, &table->sealed);
        link_undecided(table, &table->open);
    }
#endif
    if (!mr_row_ring_empty(&table->dirty)) {
        spill->unsorted = table->dirty;
        spill->unsorted.next->previous = &spill->unsorted;
        spill->unsorted.previous->next = &spill->unsorted;
        mr_row_ring_init(&table->dirty);
    }
    uint64_t before =
        spill->marks_count > 0 ? spill->marks[spill->marks_count - 1].bytes : spill->flushed_bytes;
    spill->begun = (mr_spill_mark){table->changelog_offset, table->committed_bytes};
    spill->last_begun_bytes = table->committed_bytes - before;
    spill->chunks_written = 0;
    spill->phase = MR_SPILL_SORTING;
}

static mr_spill_run *run_add(mr_spill *spill) {
    if (spill->runs_count == spill->runs_cap) {
        spill->runs_cap = spill->runs_cap > 0 ? spill->runs_cap * 2 : 8;
        spill->runs = mr_realloc(spill->runs, spill->runs_cap * sizeof *spill->runs);
    }
    mr_spill_run *run = &spill->runs[spill->runs_count++];
    *run = (mr_spill_run){0};
    return run;
}

static bool run_less(const mr_spill_run *a, const mr_spill_run *b) {
    return mr_row_item_compare(&a->items[a->at], &b->items[b->at]) < 0;
}

static void heap_sink(mr_spill *spill, size_t index) {
    for (;;) {
        size_t least = index;
        for (size_t child = 2 * index + 1; child <= 2 * index + 2; child++) {
            if (child < spill->runs_count && run_less(&spill->runs[child], &spill->runs[least])) {
                least = child;
            }
        }
        if (least == index) {
            return;
        }
        mr_spill_run run = spill->runs[index];
        spill->runs[index] = spill->runs[least];
        spill->runs[least] = run;
        index = least;
    }
}

/* Takes a run off the list and sorts it. True: that was the last. */
static bool sort_step(mr_writeback *table, uint32_t rows_max) {
    mr_spill *spill = &table->spill;
    if (!mr_row_ring_empty(&spill->unsorted)) {
        size_t cap = rows_max > RUN_ROWS_MIN ? rows_max : RUN_ROWS_MIN;
        mr_spill_run *run = run_add(spill);
        run->items = mr_alloc_array(cap, sizeof *run->items);
        while (run->items_count < cap && !mr_row_ring_empty(&spill->unsorted)) {
            mr_row *row = (mr_row *)spill->unsorted.next;
            mr_row_ring_unlink(&row->link);
            row->spill = MR_ROW_IN_RUN;
            run->items[run->items_count++] = mr_row_item_of(row, MR_ROWS_TOGETHER);
        }
        mr_row_item *scratch = mr_alloc_array(run->items_count, sizeof *scratch);
        mr_row_items_sort(run->items, run->items_count, scratch);
        mr_free(scratch);
    }
    if (!mr_row_ring_empty(&spill->unsorted)) {
        return false;
    }
    for (size_t i = spill->runs_count / 2; i-- > 0;) {
        heap_sink(spill, i);
    }
    return true;
}

/* ---- writing ---- */

static mr_row *take_least(mr_spill *spill) {
    mr_spill_run *run = &spill->runs[0];
    mr_row *row = run->items[run->at++].row;
    if (run->at == run->items_count) {
        mr_free(run->items);
        spill->runs_count -= 1;
        *run = spill->runs[spill->runs_count];
    }
    heap_sink(spill, 0);
    return row;
}

/* A chunk the store would not take stays until it does. */
static void chunk_fill(mr_writeback *table, uint32_t rows_max) {
    mr_spill *spill = &table->spill;
    while (spill->chunk.count < rows_max && spill->runs_count > 0) {
        mr_row *row = take_least(spill);
        if (row->spill == MR_ROW_DEAD) {
            mr_row_table_free(&table->rows, row);
        } else {
            mr_row_list_push(&spill->chunk, row);
        }
    }
    if (spill->writes_cap < spill->chunk.count) {
        spill->writes_cap = spill->chunk.count;
        spill->writes = mr_realloc(spill->writes, spill->writes_cap * sizeof *spill->writes);
    }
}

/* The image a row is written with: the committed one. */
static mr_image image_to_write(const mr_writeback *table, const mr_row *row) {
    return broken(table, MR_WRITEBACK_BREAK_SPILL_UNDECIDED) ? (mr_image)mr_row_newest(row)
                                                             : MR_IMAGE_COMMITTED;
}

static size_t chunk_writes(mr_writeback *table) {
    mr_spill *spill = &table->spill;
    size_t count = 0;
    for (size_t i = 0; i < spill->chunk.count; i++) {
        const mr_row *row = spill->chunk.rows[i];
        if (row->spill == MR_ROW_DEAD) {
            continue;
        }
        mr_image image = image_to_write(table, row);
        if (row->state[image] == MR_IMAGE_NONE) {
            continue;
        }
        mr_bytes value =
            row->state[image] == MR_IMAGE_VALUE ? mr_buf_view(&row->image[image]) : MR_BYTES_NULL;
        spill->writes[count++] = (mr_store_write){table->config.family, mr_row_key(row), value};
    }
    return count;
}

/* The store has the chunk: rows that are not being written to leave the table. */
static void chunk_written(mr_writeback *table, size_t writes_count) {
    mr_spill *spill = &table->spill;
    if (writes_count > 0) {
        uint64_t start_max = table->config.kind == MR_WRITEBACK_WINDOW
                                 ? mr_writeback_start_of(spill->writes[writes_count - 1].key)
                                 : 0;
        if (!table->store_has_rows || start_max > table->store_start_max) {
            table->store_start_max = start_max;
        }
        table->store_has_rows = true;
    }
    for (size_t i = 0; i < spill->chunk.count; i++) {
        mr_row *row = spill->chunk.rows[i];
        if (row->spill == MR_ROW_DEAD) {
            mr_row_table_free(&table->rows, row);
            continue;
        }
        mr_image image = image_to_write(table, row);
        if (row->state[image] != MR_IMAGE_NONE) {
            row->stored =
                row->state[image] == MR_IMAGE_VALUE ? MR_ROW_STORED_MAYBE : MR_ROW_STORED_NO;
        }
        row->spill = MR_ROW_CLEAN;
        if (row->state[MR_IMAGE_OPEN] == MR_IMAGE_NONE &&
            row->state[MR_IMAGE_SEALED] == MR_IMAGE_NONE) {
            mr_writeback_row_leave(table, row);
        }
    }
    spill->chunk.count = 0;
    spill->chunks_written += 1;
    table->counters.rows_spilled += writes_count;
}

static mr_status write_step(mr_writeback *table, uint32_t rows_max, mr_err *err) {
    mr_spill *spill = &table->spill;
    chunk_fill(table, rows_max);
    bool last = spill->runs_count == 0;
    bool with_position = last;
    if (broken(table, MR_WRITEBACK_BREAK_POSITION_FIRST)) {
        with_position = spill->chunks_written == 0;
    }
    size_t writes_count = chunk_writes(table);
    mr_changelog_position position = {.leader_epoch = MR_WRITEBACK_LEADER_EPOCH,
                                      .offset = spill->begun.offset};
    memcpy(position.topic_id, table->topic_id, sizeof position.topic_id);
    mr_store_batch batch = {
        .writes = spill->writes,
        .writes_count = writes_count,
        .position_families = &table->config.family,
        .positions = &position,
        .positions_count = with_position ? 1 : 0,
    };
    if (writes_count > 0 || with_position) {
        mr_status status = mr_store_write_batch(table->config.slot->store, &batch, err);
        if (status != MR_OK) {
            return status;
        }
    }
    chunk_written(table, writes_count);
    if (!last) {
        return MR_OK;
    }
    spill->written_offset = spill->begun.offset;
    spill->phase = MR_SPILL_FLUSHING;
    return MR_OK;
}

/* ---- flushing ---- */

static void mark_flushed(mr_spill *spill, const mr_spill_mark *mark) {
    spill->flushed_offset = mark->offset;
    spill->flushed_bytes = mark->bytes;
}

static void spill_end(mr_writeback *table) {
    mr_spill *spill = &table->spill;
    spill->phase = MR_SPILL_IDLE;
    table->counters.spills += 1;
    if (mr_store_durability_of(table->config.slot->store) == MR_STORE_FORGETS) {
        spill->flushed_bytes = spill->begun.bytes;
        return;
    }
    if (spill->marks_count == MR_SPILL_MARKS_MAX) {
        memmove(spill->marks, spill->marks + 1, (MR_SPILL_MARKS_MAX - 1) * sizeof *spill->marks);
        spill->marks_count -= 1;
    }
    spill->marks[spill->marks_count++] = spill->begun;
}

void mr_writeback_poll_flushed(mr_writeback *table) {
    mr_spill *spill = &table->spill;
    mr_store *store = table->config.slot->store;
    bool unknown = spill->marks_count > 0 || spill->written_offset > spill->flushed_offset;
    if (store == NULL || !unknown || mr_store_durability_of(store) == MR_STORE_FORGETS) {
        return;
    }
    mr_changelog_position position;
    /* No answer is no news: what fails here fails again where rows are read or written. */
    if (mr_store_persisted(store, table->config.family, &position, NULL) != MR_OK) {
        return;
    }
    if (position.offset > spill->flushed_offset) {
        spill->flushed_offset = position.offset;
    }
    while (spill->marks_count > 0 && spill->marks[0].offset <= position.offset) {
        mark_flushed(spill, &spill->marks[0]);
        spill->marks_count -= 1;
        memmove(spill->marks, spill->marks + 1, spill->marks_count * sizeof *spill->marks);
    }
}

int64_t mr_writeback_flushed_position(mr_writeback *table) {
    mr_writeback_poll_flushed(table);
    return table->spill.flushed_offset;
}

uint64_t mr_writeback_unspilled_bytes(const mr_writeback *table) {
    return table->committed_bytes - table->spill.flushed_bytes;
}

bool mr_writeback_spilling(const mr_writeback *table) {
    return table->spill.phase != MR_SPILL_IDLE;
}

/* ---- the step ---- */

typedef enum spill_start { SPILL_STARTED, SPILL_NOTHING_NEW, SPILL_TOO_SOON } spill_start;

static spill_start try_begin(mr_writeback *table) {
    const mr_spill *spill = &table->spill;
    mr_writeback_poll_flushed(table);
    bool undecided = broken(table, MR_WRITEBACK_BREAK_SPILL_UNDECIDED) &&
                     (table->open.count > 0 || table->sealed.count > 0);
    if (mr_row_ring_empty(&table->dirty) && !undecided &&
        spill->written_offset == table->changelog_offset) {
        return SPILL_NOTHING_NEW;
    }
    if (spill->marks_count > 0) {
        uint64_t fresh = table->committed_bytes - spill->marks[spill->marks_count - 1].bytes;
        if (fresh < spill->last_begun_bytes / 4) {
            return SPILL_TOO_SOON;
        }
    }
    spill_begin(table);
    return SPILL_STARTED;
}

static mr_status spill_phases(mr_writeback *table, uint32_t rows_max, mr_err *err) {
    mr_spill *spill = &table->spill;
    if (spill->phase == MR_SPILL_SORTING) {
        if (!sort_step(table, rows_max)) {
            return MR_AGAIN;
        }
        spill->phase = MR_SPILL_WRITING;
    }
    if (spill->phase == MR_SPILL_WRITING) {
        mr_status status = write_step(table, rows_max, err);
        if (status != MR_OK) {
            return status;
        }
        if (spill->phase == MR_SPILL_WRITING) {
            return MR_OK;
        }
    }
    return mr_store_flush(table->config.slot->store, err);
}

mr_status mr_writeback_spill_step(mr_writeback *table, uint32_t rows_max, bool *stalled,
                                  mr_err *err) {
    MR_ASSERT(rows_max > 0);
    MR_ASSERT(table->restore_begun);
    mr_writeback_settle(table);
    mr_spill *spill = &table->spill;
    *stalled = false;
    if (spill->phase == MR_SPILL_IDLE) {
        spill_start start = try_begin(table);
        if (start != SPILL_STARTED && spill->marks_count > 0) {
            /* A flush that failed behind our back is heard of here. */
            mr_status status = mr_store_flush(table->config.slot->store, err);
            if (status != MR_OK) {
                *stalled = status == MR_AGAIN;
                return status;
            }
        }
        if (start != SPILL_STARTED) {
            return start == SPILL_NOTHING_NEW ? MR_OK : MR_AGAIN;
        }
    }
    mr_status status = mr_store_slot_open(table->config.slot, MR_STORE_CREATE, err);
    if (status != MR_OK) {
        return status == MR_AGAIN ? MR_UNAVAILABLE : status;
    }
    bool sorting = spill->phase == MR_SPILL_SORTING;
    status = spill_phases(table, rows_max, err);
    if (status == MR_AGAIN) {
        *stalled = !(sorting && spill->phase == MR_SPILL_SORTING);
        return MR_AGAIN;
    }
    if (status != MR_OK) {
        return status;
    }
    if (spill->phase == MR_SPILL_WRITING) {
        return MR_AGAIN;
    }
    spill_end(table);
    mr_writeback_poll_flushed(table);
    return MR_OK;
}
