/* log/core/core_state.h - the core's own state and the steps its files share. Only log_core.c and
 * core_*.c include this. Thread: the log thread only.
 */
#pragma once

#include "log/core/checkpoint.h"
#include "log/core/fetch_range.h"
#include "log/core/log_state.h"
#include "log/core/producer_table.h"
#include "runtime/base/prng.h"

typedef enum mr_core_io_kind {
    MR_CORE_IO_OPEN,
    MR_CORE_IO_WRITE,
    MR_CORE_IO_SYNC,
    MR_CORE_IO_NAME, /* SYNC_DIR for the name of a new segment */
    MR_CORE_IO_HELP, /* index or reserve: its failure costs time or room, nothing else */
    MR_CORE_IO_READ, /* object: mr_parked_fetch */
    MR_CORE_IO_CHECKPOINT,
    MR_CORE_IO_REMOVE,  /* files of a purge or a removed topic */
    MR_CORE_IO_REMOVAL, /* object: mr_removal; directories of a removed topic */
} mr_core_io_kind;

typedef struct mr_core_io {
    mr_core_io_kind kind;
    bool used;
    mr_partition_id partition; /* MR_PARTITION_NONE: of none */
    int64_t segment_base;
    void *object;
    uint32_t next_free; /* index + 1; 0: last */
} mr_core_io;

/* A fetch that waits for records or for its read. */
typedef struct mr_parked_fetch {
    mr_log_request *request;
    mr_partition_id partition;
    int64_t offset;
    mr_fetch_place place;
    struct mr_parked_fetch *next; /* parked in the partition, or reading in the core */
} mr_parked_fetch;

typedef struct mr_transaction_part {
    mr_partition_id partition;
    int64_t offset_first;
    int64_t offset_last;
    int64_t segment_base;
    int64_t end_byte;
} mr_transaction_part;

/* APPENDED (parts_pending > 0) -> SYNCED (in core->ready) -> DECIDING (in core->deciding) ->
 * answered */
typedef struct mr_transaction {
    mr_log_core *core;
    mr_log_request *request;
    mr_producer *producer;
    mr_transaction_part *parts;
    size_t parts_count;
    size_t parts_pending;
    bool marked;                     /* markers are out already (broken on purpose only) */
    bool unknown;                    /* the core failed while its decision was on its way */
    struct mr_transaction *next;     /* in ready or deciding */
    struct mr_transaction *all_next; /* in core->transactions */
    struct mr_transaction *all_previous;
} mr_transaction;

/* A metadata append on its way; then(core, operation) when it is durable. */
typedef struct mr_metadata_operation {
    mr_log_core *core;
    mr_log_request *request; /* NULL: the core's own */
    mr_topic *topic;
    int64_t offset_end;
    void (*then)(mr_log_core *core, struct mr_metadata_operation *operation);
    struct mr_metadata_operation *next;
} mr_metadata_operation;

/* A removed topic whose files are going: FILES -> DIRECTORIES -> NAMES -> CHECKPOINT -> gone. Only
 * then may its name be used again: nothing on the disk speaks of the old one any more. */
typedef enum mr_removal_phase {
    MR_REMOVAL_FILES,
    MR_REMOVAL_DIRECTORIES,
    MR_REMOVAL_NAMES,
    MR_REMOVAL_CHECKPOINT,
} mr_removal_phase;

typedef struct mr_removal {
    mr_topic *topic;
    mr_removal_phase phase;
    size_t ios;
    int64_t decisions_end;      /* decisions below may speak of the old topic */
    uint64_t checkpoint_serial; /* checkpoints begun from this one on do not */
    struct mr_removal *next;
} mr_removal;

typedef struct mr_request_list {
    mr_log_request **items;
    size_t count;
    size_t cap;
} mr_request_list;

typedef enum mr_core_phase {
    MR_CORE_RUNNING,
    MR_CORE_CLOSING, /* SHUTDOWN came: no new requests, what is under way ends */
    MR_CORE_CLOSED,
    MR_CORE_FAILED,
} mr_core_phase;

struct mr_log_core {
    mr_log_state *state;
    mr_log_core_config config;
    mr_prng prng;
    mr_core_phase phase;
    mr_err failure;
    mr_log_effects *effects; /* of the step under way */
    mr_now now;
    mr_core_io *ios;
    size_t ios_count;
    uint32_t ios_free; /* index + 1; 0: none */
    size_t ios_pending;
    uint32_t file_next;
    mr_producer_table producers;
    int64_t producer_id_next; /* ids below producer_id_end may be given */
    int64_t producer_id_end;
    bool producer_block_coming;
    mr_transaction *transactions;
    mr_transaction *ready; /* synced, in order; waiting for the decision under way */
    mr_transaction *ready_last;
    mr_transaction *deciding;
    mr_parked_fetch *reading;
    mr_metadata_operation *metadata_operations;
    mr_removal *removals;
    mr_request_list deferred; /* taken up again when something changed */
    bool retry;
    mr_log_request *shutdown;
    bool clean_written;
    int64_t tick_due_ns;
    bool changed; /* since the last checkpoint */
    bool checkpoint_under_way;
    mr_checkpoint_end checkpoint_end;
    uint64_t checkpoint_serial; /* of the last one begun */
    uint64_t checkpoint_done;   /* of the last one on the disk */
    uint64_t touch;
    mr_log_counters counters;
};

/* ---- core_io.c: effects, appending, syncing ---- */

mr_log_effect *mr_core_effect(mr_log_core *core, mr_log_effect_kind kind);
uint64_t mr_core_io_begin(mr_log_core *core, mr_core_io_kind kind, const mr_partition *partition,
                          int64_t segment_base, void *object);
/* Gives the slot back and returns what it was. */
mr_core_io mr_core_io_end(mr_log_core *core, uint64_t io);
/* The driver's number of the segment's file. */
uint32_t mr_core_file(mr_log_core *core, const mr_partition *partition, mr_segment *segment);
/* Assigns offsets to whole batches and writes them to the active segment, rolling before if it is
 * due. Takes one reference of batches, which nobody else may be using yet. */
void mr_core_append(mr_log_core *core, mr_partition *partition, mr_shared *batches);
/* Starts the syncs that bring the partition's durable end up to its end, one a file at a time. */
void mr_core_sync(mr_log_core *core, mr_partition *partition);
void mr_core_wait_durable(mr_log_core *core, mr_partition *partition, int64_t offset,
                          void (*run)(void *owner, void *arg), void *arg);
/* An effect ended well. */
void mr_core_sync_done(mr_log_core *core, const mr_core_io *io);
void mr_core_name_done(mr_log_core *core, const mr_core_io *io);
void mr_core_write_done(mr_log_core *core, const mr_core_io *io);
/* Keeps room ahead in the system partitions' files. */
void mr_core_reserve(mr_log_core *core, mr_partition *partition);
void mr_core_store_index(mr_log_core *core, mr_partition *partition, mr_segment *segment);

/* ---- log_core.c ---- */

void mr_core_reply(mr_log_core *core, mr_log_request *request, mr_status status);
/* Stops for good: everything under way is answered. sys 0: none. */
void mr_core_fail(mr_log_core *core, mr_status status, int sys, const char *what);
void mr_core_defer(mr_log_core *core, mr_log_request *request);
/* A tick is due at the latest after that time. */
void mr_core_tick_within(mr_log_core *core, int64_t delay_ns);
/* The partition, when requests may use it. MR_NOT_FOUND, MR_CORRUPT (offline) with a message. */
mr_status mr_core_partition(mr_log_core *core, mr_partition_id id, mr_partition **out,
                            mr_err *err) MR_CHECKED;

/* ---- core_commit.c ---- */

void mr_core_commit(mr_log_core *core, mr_log_request *request);
/* Writes the next decisions when none are on their way. */
void mr_core_decide(mr_log_core *core);
void mr_core_transactions_fail(mr_log_core *core);

/* ---- core_fetch.c ---- */

void mr_core_fetch(mr_log_core *core, mr_log_request *request);
void mr_core_fetch_read(mr_log_core *core, mr_parked_fetch *fetch, const mr_log_event *event);
/* Answers fetches that wait below the stable end. */
void mr_core_wake_fetches(mr_log_core *core, mr_partition *partition);
/* Answers all that wait (not those that read) with that status. */
void mr_core_answer_parked(mr_log_core *core, mr_partition *partition, mr_status status,
                           const char *message);
void mr_core_fetches_fail(mr_log_core *core);

/* ---- core_topics.c ---- */

void mr_core_create_topic(mr_log_core *core, mr_log_request *request);
void mr_core_delete_topic(mr_log_core *core, mr_log_request *request);
void mr_core_describe(mr_log_core *core, mr_log_request *request);
void mr_core_list(mr_log_core *core, mr_log_request *request);
void mr_core_init_producer(mr_log_core *core, mr_log_request *request);
void mr_core_append_metadata(mr_log_core *core, mr_log_request *request);
/* The files of a segment go; the caller drops it from the table. */
void mr_core_remove_segment(mr_log_core *core, mr_partition *partition, mr_segment *segment);
void mr_core_removals_go_on(mr_log_core *core);
void mr_core_metadata_fail(mr_log_core *core);

/* ---- core_checkpoint.c ---- */

void mr_core_purge(mr_log_core *core, mr_log_request *request);
void mr_core_tick(mr_log_core *core);
void mr_core_checkpoint_done(mr_log_core *core);
/* Brings a shutdown one step on when nothing is under way. */
void mr_core_shutdown_goes_on(mr_log_core *core);
