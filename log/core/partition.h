/* log/core/partition.h - what is known of one partition: its segments, how far they are durable,
 * its transactions without marker and its aborted ones. Filled by recovery, then owned by the core.
 *
 *   start            stable_end       end
 *     |  segment 0 | segment 1 |  active  |
 *     committed ---------->|open txns...  |
 *     synced, named ------------>| durable_offset
 *
 * Thread: owner only.
 */
#pragma once

#include "log/core/log_core.h"
#include "log/core/segment_index.h"

typedef struct mr_segment {
    int64_t base_offset;
    int64_t end_offset;    /* next offset behind its last batch */
    uint64_t size_bytes;   /* given out to writes */
    uint64_t synced_bytes; /* durable */
    int64_t synced_offset; /* next offset behind what is durable */
    bool named;            /* its name is durable in the directory */
    uint8_t names_pending; /* directory syncs under way for that */
    bool index_stored;     /* the .index file fits */
    uint64_t sync_io;      /* the sync under way, 0: none */
    uint64_t sync_bytes;   /* what it covers */
    int64_t sync_offset;
    uint64_t reserved_bytes; /* space is allocated up to here */
    uint32_t file;           /* the driver's number, 0: not known to it yet */
    int64_t created_ms;      /* wall time of the first append */
    mr_segment_index index;
} mr_segment;

/* The data of a transaction without marker. */
typedef struct mr_open_txn {
    int64_t producer_id;
    int16_t producer_epoch;
    int64_t offset_first;
    int64_t offset_last;
    int64_t segment_base; /* of the segment that holds the last batch */
    int64_t end_byte;     /* behind it */
} mr_open_txn;

/* A place up to which a partition is known to be on the disk. */
typedef struct mr_log_place {
    int64_t offset;
    int64_t segment_base;
    int64_t byte;
} mr_log_place;

/* Waits until the partition is durable up to `offset`, then run(owner, arg) once. */
typedef struct mr_durable_waiter {
    int64_t offset;
    void (*run)(void *owner, void *arg);
    void *arg;
    struct mr_durable_waiter *next;
} mr_durable_waiter;

#define MR_PARTITION_CURSORS 4
/* Where a reader went on: saves it the way from the sparse index. */
typedef struct mr_read_cursor {
    int64_t offset;
    int64_t segment_base;
    uint64_t position;
} mr_read_cursor;

typedef struct mr_topic mr_topic;
struct mr_parked_fetch;

typedef struct mr_partition {
    mr_partition_id id;
    const mr_topic *topic; /* borrowed from the topic table */
    int32_t number;
    char *directory; /* "log/<topic>-<number>" */
    bool offline;
    char *offline_message;
    int64_t start;
    int64_t stable_end;
    int64_t end;
    int64_t durable_offset;
    mr_segment *segments; /* ascending; the last one is the active one; may be none */
    size_t segments_count;
    size_t segments_cap;
    size_t first_dirty; /* all segments before are synced and named */
    mr_open_txn *open;  /* ascending by offset_first */
    size_t open_count;
    size_t open_cap;
    mr_aborted *aborted; /* ascending by offset_first */
    size_t aborted_count;
    size_t aborted_cap;
    mr_durable_waiter *waiters; /* first to fire first */
    mr_durable_waiter *waiters_last;
    struct mr_parked_fetch *parked;
    mr_read_cursor cursors[MR_PARTITION_CURSORS];
    size_t cursor_next;
    mr_log_place checkpoint;    /* as the checkpoint file on the disk says */
    int64_t checkpoint_start;   /* log start there: segments below may be removed */
    int64_t checkpoint_stable;  /* stable end there */
    int64_t checkpoint_writing; /* log start in the file being written */
    size_t ios;                 /* effects under way for its files */
    uint64_t touch;             /* last request that named it, to see doubled ones */
} mr_partition;

mr_partition *mr_partition_create(mr_partition_id id, const mr_topic *topic, int32_t number,
                                  const char *topic_name);
void mr_partition_destroy(mr_partition *partition);
/* Forgets segments, transactions and offsets, so that it can be read again. */
void mr_partition_reset(mr_partition *partition);
/* Requests to it answer MR_CORRUPT with that message (copied) from now on. */
void mr_partition_set_offline(mr_partition *partition, const char *message);

mr_segment *mr_partition_add_segment(mr_partition *partition, int64_t base_offset);
mr_segment *mr_partition_active(mr_partition *partition); /* NULL: no segment yet */
/* The segment that holds the offset, or the nearest one below; NULL: none. Borrowed until one is
 * added. */
mr_segment *mr_partition_segment_at(mr_partition *partition, int64_t offset);
mr_segment *mr_partition_segment_based(mr_partition *partition, int64_t base_offset);
/* Removes the first segment from the table. */
void mr_partition_drop_first_segment(mr_partition *partition);
/* Takes in that one batch stands at the end of the active segment. */
void mr_partition_note_batch(mr_partition *partition, const mr_batch_info *info);

void mr_partition_txn_data(mr_partition *partition, const mr_batch_info *info, int64_t segment_base,
                           uint64_t end_byte);
/* Its marker stands in the log: closed; an aborted one is remembered. false: was not open. */
bool mr_partition_txn_marker(mr_partition *partition, int64_t producer_id, int16_t producer_epoch,
                             mr_marker marker);
void mr_partition_add_aborted(mr_partition *partition, const mr_aborted *aborted);
/* Recomputes stable_end from the transactions that are open. */
void mr_partition_settle_stable_end(mr_partition *partition);

/* Recomputes durable_offset after a sync; everything below is synced, and its files have names. */
void mr_partition_settle_durable(mr_partition *partition);
mr_log_place mr_partition_durable_place(const mr_partition *partition);
bool mr_partition_dirty(const mr_partition *partition);
uint64_t mr_partition_size_bytes(const mr_partition *partition);
/* Moves the log start up and forgets aborted transactions below it. */
void mr_partition_move_start(mr_partition *partition, int64_t start);

typedef enum mr_segment_file { MR_SEGMENT_LOG, MR_SEGMENT_INDEX, MR_SEGMENT_TAIL } mr_segment_file;
/* "log/<topic>-<n>/%020d.log"; owned by caller. */
char *mr_partition_path(const mr_partition *partition, int64_t base_offset, mr_segment_file file);
