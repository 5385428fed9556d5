/* statestore/writeback.h - the write-back table over one family: the record cache of a store.
 *
 * A row has up to three images: open (this transaction), sealed (the one being committed; at most
 * one), committed (decided, not yet or no longer needed in the store). Reads look in this order,
 * then in the store. An abort drops open and sealed images, so that the committed ones stand again.
 *
 *        put/edit        seal()            commit(offset)           spill
 *   store ----> OPEN --------------> SEALED --------------> COMMITTED -----> store (the row leaves)
 *                 \___________________/ abort(): both dropped
 *
 * Invariants
 *  1. Only committed images reach the store, the position with the last chunk of a spill.
 *  2. A spill may write images newer than its position (they are absolute; the replay heals them),
 *     never leave one out that belongs to it.
 *  3. The horizon (window stores: rows with key <= horizon have expired) moves open -> sealed ->
 *     committed as the rows do. Nothing below the open horizon is ever read; rows below the
 *     committed one leave the table without reaching the store, and without a tombstone.
 *  4. Above the greatest start ever spilled nothing is looked up in the store.
 *  5. Before a spill needs it, the store is not opened.
 * Keys and values may have any length incl. 0 (window keys: at least their prefix). Everything
 * borrowed is valid until the next call on this table. Thread: owner task only.
 */
#pragma once

#include "statestore/store.h"

typedef struct mr_writeback mr_writeback;

typedef enum mr_writeback_kind {
    MR_WRITEBACK_KEY_VALUE,
    MR_WRITEBACK_WINDOW /* keys as window_key.h */
} mr_writeback_kind;

/* Broken on purpose, test builds only. */
typedef enum mr_writeback_break {
    MR_WRITEBACK_BREAK_NONE = 0,
    MR_WRITEBACK_BREAK_SPILL_UNDECIDED = 1, /* open and sealed images are spilled, flushed too */
    MR_WRITEBACK_BREAK_POSITION_FIRST = 2,  /* the position goes with the first chunk */
} mr_writeback_break;

/* The task's store, opened by its first spill; shared by the task's tables. */
typedef struct mr_store_slot {
    mr_store *store; /* NULL: not open */
    mr_store_factory factory;
    const char *directory;
    const char *const *families;
    size_t families_count;
} mr_store_slot;
/* Opens it if it is not. */
mr_status mr_store_slot_open(mr_store_slot *slot, mr_store_open_mode mode, mr_err *err) MR_CHECKED;
void mr_store_slot_close(mr_store_slot *slot);

typedef struct mr_writeback_config {
    mr_writeback_kind kind;
    mr_store_slot *slot; /* borrowed for life */
    mr_family family;
    uint32_t breaks;
} mr_writeback_config;

mr_writeback *mr_writeback_create(const mr_writeback_config *config);
void mr_writeback_destroy(mr_writeback *table);

/* ---- rows ---- */
mr_status mr_writeback_get(mr_writeback *table, mr_bytes key, mr_bytes *value_out,
                           mr_err *err) MR_CHECKED; /* MR_NOT_FOUND */
mr_status mr_writeback_put(mr_writeback *table, mr_bytes key, mr_bytes value,
                           mr_err *err) MR_CHECKED; /* both copied */
mr_status mr_writeback_delete(mr_writeback *table, mr_bytes key, mr_err *err) MR_CHECKED;
/* The row's open image for change in place (a copy of the newest image; empty, len 0, for a new
 * row). The row counts as written. One table lookup; the way of the hot path. */
mr_status mr_writeback_edit(mr_writeback *table, mr_bytes key, mr_buf **value_out,
                            mr_err *err) MR_CHECKED;

/* Live rows with after < key < until (null: unbounded) in key order, memory merged with the store,
 * deletes masking. Valid within one step: until seal, commit, abort, a spill step or a put into the
 * same table. */
typedef struct mr_writeback_scan mr_writeback_scan;
mr_writeback_scan *mr_writeback_scan_open(mr_writeback *table, mr_bytes after, mr_bytes until);
mr_status mr_writeback_scan_next(mr_writeback_scan *scan, mr_bytes *key, mr_bytes *value,
                                 mr_err *err) MR_CHECKED; /* MR_NOT_FOUND: end */
void mr_writeback_scan_close(mr_writeback_scan *scan);

/* Window stores: the smallest start (prefix) of any live row above the horizon. MR_NOT_FOUND: none.
 * Cheap enough to be asked for every record. */
mr_status mr_writeback_first_start(mr_writeback *table, int64_t *start_ms, mr_err *err) MR_CHECKED;
/* Window stores: rows with key <= horizon are gone (moves up only). */
void mr_writeback_set_horizon(mr_writeback *table, mr_bytes horizon);

/* ---- the transaction ---- */
bool mr_writeback_dirty(const mr_writeback *table); /* open images, or a moved horizon */
void mr_writeback_seal(mr_writeback *table);        /* nothing may be sealed already */
/* The sealed changes for the changelog; *cursor starts at 0; false at the end. value null:
 * tombstone. Rows that expired in this same transaction are left out. */
bool mr_writeback_next_sealed(mr_writeback *table, size_t *cursor, mr_bytes *key, mr_bytes *value);
/* The sealed transaction is decided; offset: of its last changelog record (or the last before, if
 * none). */
void mr_writeback_commit(mr_writeback *table, int64_t changelog_offset);
void mr_writeback_abort(mr_writeback *table);

/* ---- restore: the replay goes into committed images ---- */
/* Called on every table before its first row, with or without a changelog to replay. Where the
 * replay must begin: behind the store's position (which is checked against the changelog's topic
 * id; another one, another leader epoch, or a position not below changelog_end, the offset behind
 * the last record, is MR_CORRUPT: rebuild). -1: from the start. Opens an existing store; a missing
 * one is position -1. */
mr_status mr_writeback_restore_begin(mr_writeback *table, const uint8_t topic_id[16],
                                     int64_t changelog_end, int64_t *position_out,
                                     mr_err *err) MR_CHECKED;
mr_status mr_writeback_restore(mr_writeback *table, mr_bytes key, mr_bytes value, int64_t offset,
                               mr_err *err) MR_CHECKED;
/* Sets the committed horizon (from _task, restored before this table's rows). */
void mr_writeback_restore_horizon(mr_writeback *table, mr_bytes horizon);

/* ---- spill ---- */
/* Bytes of changes committed since the flushed position: what a restart would replay. With a store
 * that forgets at close: since the position last written. */
uint64_t mr_writeback_unspilled_bytes(const mr_writeback *table);
uint64_t mr_writeback_uncommitted_bytes(const mr_writeback *table); /* open and sealed */
/* Memory of the rows, as much as a spill may give back; 0 while nothing waits for one. */
uint64_t mr_writeback_spillable_bytes(const mr_writeback *table);
/* One step of spilling what is committed: starts one if none is under way. Writes at most rows_max
 * rows in key order. MR_AGAIN: more to do, or the store stalls (*stalled), or the flush of the last
 * spill is still under way and too little was committed since for another. MR_OK: the position is
 * written and a flush was started; nothing of a row then stands in memory only, but for what was
 * committed meanwhile. */
mr_status mr_writeback_spill_step(mr_writeback *table, uint32_t rows_max, bool *stalled,
                                  mr_err *err) MR_CHECKED;
/* Where a restart would replay from: the newest position known to be flushed, -1: the start. Asks
 * the store only while a flush is under way. */
int64_t mr_writeback_flushed_position(mr_writeback *table);
bool mr_writeback_spilling(const mr_writeback *table);
typedef struct mr_writeback_counters {
    uint64_t rows_spilled, spills, store_gets, rows_restored, rows_live_in_memory;
} mr_writeback_counters;
mr_writeback_counters mr_writeback_counters_get(const mr_writeback *table);
