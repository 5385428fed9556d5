/* statestore/writeback_table.h - the inside of a write-back table, for the files writeback*.c only.
 *
 *   writeback.c              life, images, rows, horizon
 *   writeback_transaction.c  seal, commit, abort, restore
 *   writeback_scan.c         memory merged with the store
 *   writeback_spill.c        committed rows to the store, and what a restart would replay
 */
#pragma once

#include "statestore/buffer_pool.h"
#include "statestore/row_order.h"
#include "statestore/row_table.h"
#include "statestore/writeback.h"

typedef struct mr_row_list {
    mr_row **rows;
    size_t count;
    size_t cap;
} mr_row_list;

/* Rows with key <= key have expired; an empty key: none. */
typedef struct mr_horizon {
    mr_buf key;
    uint64_t start; /* its first 8 bytes, for the quick answer */
} mr_horizon;

/*  IDLE -> SORTING -> WRITING -> FLUSHING -> IDLE
 *  sorting: the rows that wait are taken off their list, a run of them a step; writing: the runs
 * are merged, a chunk a step; flushing: asked for until the store does not stall. */
typedef enum mr_spill_phase {
    MR_SPILL_IDLE = 0,
    MR_SPILL_SORTING,
    MR_SPILL_WRITING,
    MR_SPILL_FLUSHING
} mr_spill_phase;

typedef struct mr_spill_run {
    mr_row_item *items;
    size_t items_count;
    size_t at;
} mr_spill_run;

/* A position written, and how far the bytes committed had come when its spill began. */
typedef struct mr_spill_mark {
    int64_t offset;
    uint64_t bytes;
} mr_spill_mark;
#define MR_SPILL_MARKS_MAX 8

typedef struct mr_spill {
    mr_spill_phase phase;
    mr_row_link unsorted; /* ring of rows not in a run yet */
    mr_spill_run *runs;   /* a heap by their next item, once merged */
    size_t runs_count;
    size_t runs_cap;
    mr_row_list chunk; /* taken from the runs, not written yet */
    mr_store_write *writes;
    size_t writes_cap;
    uint64_t chunks_written;
    mr_spill_mark begun;
    mr_spill_mark marks[MR_SPILL_MARKS_MAX]; /* written, not known to be flushed; oldest first */
    size_t marks_count;
    uint64_t last_begun_bytes; /* of the newest mark's spill: what it moved */
    int64_t written_offset;    /* -1: none */
    int64_t flushed_offset;    /* -1: none */
    uint64_t flushed_bytes;
} mr_spill;

typedef struct mr_first_start {
    bool valid;
    bool found;
    int64_t start_ms;
} mr_first_start;

struct mr_writeback {
    mr_writeback_config config;
    mr_row_table rows;
    mr_row_order order;
    mr_buffer_pool buffers;
    size_t image_bytes;         /* memory of all images, less what `edited` grew by */
    uint64_t uncommitted_bytes; /* keys and values, open and sealed, likewise */
    /* The row handed out by edit: its buffer changes behind our back, and is settled at the next
     * call. */
    mr_row *edited;
    size_t edited_len;
    size_t edited_cap;
    mr_row_list open;
    mr_row_list sealed;
    bool is_sealed;
    bool horizon_moved; /* since the last seal */
    mr_horizon horizon_open, horizon_sealed, horizon_committed;
    mr_first_start first;
    mr_row_link dirty; /* ring of rows whose committed image waits for a spill */
    mr_spill spill;
    int64_t changelog_offset; /* of the last commit, -1: none */
    uint64_t committed_bytes; /* changes committed, all in all */
    uint8_t topic_id[16];
    bool restore_begun;
    bool store_has_rows;      /* the store may hold rows of this family */
    uint64_t store_start_max; /* window tables: the greatest start among them */
    mr_buf scratch;           /* a value read from the store */
    mr_writeback_counters counters;
};

/* Every partition's leader epoch, as long as one process has the log for itself. */
#define MR_WRITEBACK_LEADER_EPOCH 0

/* ---- writeback.c ---- */
void mr_row_list_push(mr_row_list *list, mr_row *row);
void mr_writeback_settle_edited(mr_writeback *table);
static inline void mr_writeback_settle(mr_writeback *table) {
    if (table->edited != NULL) {
        mr_writeback_settle_edited(table);
    }
}
static inline uint64_t mr_writeback_start_of(mr_bytes key) {
    return mr_get_be64(key.data);
}
static inline bool mr_horizon_covers(const mr_horizon *horizon, mr_bytes key) {
    if (horizon->key.len == 0) {
        return false;
    }
    uint64_t start = mr_writeback_start_of(key);
    return start != horizon->start ? start < horizon->start
                                   : mr_bytes_compare(key, mr_buf_view(&horizon->key)) <= 0;
}
void mr_horizon_set(mr_horizon *horizon, mr_bytes key);
/* False: the store need not be asked. */
bool mr_writeback_may_be_stored(const mr_writeback *table, mr_bytes key);
mr_row *mr_writeback_row_add(mr_writeback *table, uint64_t hash, mr_bytes key);
void mr_writeback_image_set(mr_writeback *table, mr_row *row, mr_image image, mr_bytes value);
void mr_writeback_image_drop(mr_writeback *table, mr_row *row, mr_image image);
/* The row has no open and no sealed image; its memory may stay for a spill under way. */
void mr_writeback_row_leave(mr_writeback *table, mr_row *row);

/* ---- the ring of rows that wait ---- */
static inline void mr_row_ring_init(mr_row_link *ring) {
    ring->previous = ring->next = ring;
}
static inline bool mr_row_ring_empty(const mr_row_link *ring) {
    return ring->next == ring;
}
static inline void mr_row_ring_unlink(mr_row_link *link) {
    link->previous->next = link->next;
    link->next->previous = link->previous;
}
static inline void mr_row_ring_push(mr_row_link *ring, mr_row_link *link) {
    link->previous = ring->previous;
    link->next = ring;
    ring->previous->next = link;
    ring->previous = link;
}

/* ---- writeback_spill.c ---- */
void mr_spill_init(mr_spill *spill);
void mr_spill_deinit(mr_writeback *table);
/* Looks how far the store was flushed, if a flush is under way. */
void mr_writeback_poll_flushed(mr_writeback *table);
