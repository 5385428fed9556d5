/* log/core/log_core.h - the log as a machine without I/O: step(now, event) -> effects.
 *
 * Owner of all partitions of the process. It never blocks, reads no clock, starts no thread.
 * Requests of clients and ends of I/O come in as events; writes, syncs, reads and replies go out as
 * effects, which the driver (log/io/log_driver.h, real or simulated) carries out. Recovery
 * (log/core/recovery.h) builds its first state from the disk, before anything runs.
 *
 * Invariants
 *  1. A batch is visible to readers only below the last stable offset, and the last stable offset
 * passes a transaction only when its decision record is synced (DESIGN section 5, step 4).
 *  2. A decision is written only after every file that the transaction touched, and the directory
 * of each new one, was synced with all its bytes.
 *  3. After a failed write or sync nothing is retried: the core is FAILED, undecided transactions
 * answer MR_UNAVAILABLE (MR_FULL for a full disk) and the process goes through recovery.
 *  4. Offsets of a partition are dense and given once; reads end at the last stable offset.
 *  5. A purge never passes the committed position that asked for it, nor an undecided transaction.
 *
 * Transaction:  APPENDED -> SYNCED -> DECIDED(written) -> DECIDED(synced) -> markers out, answered
 *               \-> refused before anything is appended (bad epoch, unknown partition, full disk)
 * Thread: the log thread only.
 */
#pragma once

#include "log/record/batch.h"
#include "log/record/system_records.h"
#include "runtime/base/clock.h"
#include "runtime/base/mailbox.h"
#include "runtime/base/shared.h"

typedef struct mr_log_core mr_log_core;

/* Index of a partition in the core's table; stable while the process lives. */
typedef uint32_t mr_partition_id;
#define MR_PARTITION_NONE UINT32_MAX

#define MR_TOPIC_METADATA "__cluster_metadata"
#define MR_TOPIC_TRANSACTIONS "__transaction_state"
#define MR_TOPIC_POSITIONS "__consumer_offsets"

/* ---- requests: made by a client, answered by coming back in `reply_to` ---- */

typedef enum mr_log_op {
    MR_LOG_CREATE_TOPIC,  /* in: topic, partitions, topic_kind, codec. EXISTS: there already,
                             described anyway */
    MR_LOG_DELETE_TOPIC,  /* in: topic. Durable before the answer; files go afterwards */
    MR_LOG_DESCRIBE,      /* in: topic. out: described. NOT_FOUND */
    MR_LOG_LIST,          /* out: list (all topics, sorted by name) */
    MR_LOG_FETCH,         /* in: partition, offset, bytes_max, wait. out: fetched */
    MR_LOG_OFFSETS,       /* in: partition. out: offsets */
    MR_LOG_INIT_PRODUCER, /* in: transactional_id. out: producer_id, producer_epoch. Fences the
                             former owner */
    MR_LOG_COMMIT, /* in: txn. out: txn->parts[].offset_first/last. The whole of DESIGN 5, steps 2-5
                    */
    MR_LOG_PURGE,  /* in: partition, offset: records below are not needed any more */
    MR_LOG_APPEND_METADATA, /* in: metadata (encoded, JOB records). Synced before the answer */
    MR_LOG_SHUTDOWN, /* answers parked fetches with MR_AGAIN, syncs, writes checkpoints; then no
                        more */
} mr_log_op;

typedef enum mr_log_wait { MR_LOG_NO_WAIT, MR_LOG_WAIT } mr_log_wait;

/* One partition's share of a transaction: finished batches back to back (mr_batch_builder_finish
 * with the transaction's producer id and epoch, transactional bit, sequences from 0). */
typedef struct mr_txn_part {
    mr_partition_id partition;
    mr_shared *batches;   /* one reference, taken by the log on submit */
    int64_t offset_first; /* out */
    int64_t offset_last;  /* out */
} mr_txn_part;

typedef struct mr_txn {
    int64_t producer_id;
    int16_t producer_epoch;    /* one more than that of this producer's last transaction */
    mr_bytes transactional_id; /* borrowed until answered */
    mr_txn_part *parts;        /* borrowed until answered; each partition at most once */
    size_t parts_count;
} mr_txn;

typedef struct mr_topic_description {
    char name[MR_TOPIC_NAME_MAX + 1];
    mr_uuid id;
    mr_topic_kind kind;
    mr_codec codec;
    int32_t partitions;
    mr_partition_id partition_first; /* partitions of a topic have consecutive ids */
} mr_topic_description;

typedef struct mr_log_offsets {
    int64_t start;       /* first readable */
    int64_t stable_end;  /* last stable offset: reads end here */
    int64_t end;         /* next to be given */
    uint64_t size_bytes; /* on disk */
} mr_log_offsets;

/* An aborted transaction overlapping a fetched range: readers drop its batches (transactional, this
 * producer id and epoch, offsets within). */
typedef struct mr_aborted {
    int64_t producer_id;
    int16_t producer_epoch;
    int64_t offset_first;
    int64_t offset_last;
} mr_aborted;

typedef struct mr_fetched {
    mr_shared *
        bytes; /* whole batches back to back, the first holds `offset`; one reference; NULL: none */
    int64_t offset; /* as asked */
    int64_t start;  /* the partition's first offset: if above `offset`, records were purged */
    int64_t stable_end;
    int64_t segment_base;      /* where the bytes lie, for messages: the segment's first offset */
    uint64_t segment_position; /* and the first byte in its file */
    const mr_aborted *aborted; /* owned by the request; sorted by offset_first */
    size_t aborted_count;
} mr_fetched;

typedef struct mr_log_request {
    mr_mail mail; /* must be first */
    mr_log_op op;
    mr_mailbox *reply_to; /* the request itself comes back here */
    void *context;        /* the caller's */
    uint64_t token;       /* the caller's */
    /* in */
    char topic[MR_TOPIC_NAME_MAX + 1];
    int32_t partitions;
    mr_topic_kind topic_kind;
    mr_codec codec;
    mr_partition_id partition;
    int64_t offset;
    uint32_t bytes_max; /* 1..MR_FETCH_BYTES_MAX; one batch is returned even if larger */
    mr_log_wait wait;
    mr_txn *txn;
    mr_bytes transactional_id; /* borrowed until answered */
    mr_bytes metadata;         /* borrowed until answered */
    /* out */
    mr_status status;
    mr_err err;
    mr_topic_description described;
    mr_topic_description *list; /* owned by the request */
    size_t list_count;
    mr_log_offsets offsets;
    int64_t producer_id;
    int16_t producer_epoch;
    mr_fetched fetched;
} mr_log_request;

mr_log_request *mr_log_request_create(mr_log_op op, mr_mailbox *reply_to);
/* Drops what the answer holds (bytes, lists) so that the request can be sent again. */
void mr_log_request_clear(mr_log_request *request);
void mr_log_request_destroy(mr_log_request *request);

/* ---- events and effects ---- */

typedef enum mr_log_event_kind {
    MR_LOG_EVENT_REQUEST, /* request: owned by the core until its REPLY effect */
    MR_LOG_EVENT_IO_DONE, /* the effect with this io id is done, with status */
    MR_LOG_EVENT_TICK,    /* the deadline passed: syncs of markers, checkpoints */
    MR_LOG_EVENT_STOP,    /* the process gives up: all that is under way answers MR_UNAVAILABLE */
} mr_log_event_kind;

typedef struct mr_log_event {
    mr_log_event_kind kind;
    mr_log_request *request;
    uint64_t io;
    mr_status status; /* of the I/O */
    int sys;          /* errno of a failed I/O, for the message */
    mr_shared *
        read; /* READ done: the bytes, one reference taken by the core; may be shorter than asked */
} mr_log_event;

typedef enum mr_log_effect_kind {
    MR_LOG_EFFECT_OPEN,  /* make `path` known as `file`; io != 0: create it and its directory now */
    MR_LOG_EFFECT_CLOSE, /* `file` is not named any more, after all that was given before */
    MR_LOG_EFFECT_WRITE, /* data at `at`; several writes to one file are in ascending order */
    MR_LOG_EFFECT_SYNC,
    MR_LOG_EFFECT_SYNC_DIR, /* path is the directory */
    MR_LOG_EFFECT_ALLOCATE,
    MR_LOG_EFFECT_READ,        /* bytes_max bytes at `at` */
    MR_LOG_EFFECT_REMOVE,      /* path: a file, or a directory tree */
    MR_LOG_EFFECT_WRITE_FILE,  /* path replaced durably by data (mr_disk_write_file) */
    MR_LOG_EFFECT_WRITE_INDEX, /* path holds data, not synced: a broken index is seen and rebuilt */
    MR_LOG_EFFECT_REPLY,       /* request is answered */
    MR_LOG_EFFECT_FAILED,      /* the core stopped: request is NULL, err says why */
} mr_log_effect_kind;

/* Effects of one step in order. Effects on one `file` are carried out in the order given, except
 * that SYNC, SYNC_DIR and READ may overlap with each other and with later ones; REMOVE and CLOSE
 * wait for all before them. Effects on different files, and those with file 0, may overlap. io != 0
 * asks for an IO_DONE event. After a failed WRITE nothing more is done on that file: the rest fails
 * too. */
typedef struct mr_log_effect {
    mr_log_effect_kind kind;
    uint64_t io;
    uint32_t file; /* a number chosen by the core */
    char *path;    /* owned by the effects list */
    uint64_t at;
    uint32_t bytes_max;
    mr_shared *data; /* WRITE, WRITE_*: one reference, given to the driver; data_at/len: the part */
    size_t data_at;
    size_t data_len;
    mr_log_request *request;
} mr_log_effect;

typedef struct mr_log_effects {
    mr_log_effect *items;
    size_t count;
    size_t cap;
} mr_log_effects;

void mr_log_effects_clear(
    mr_log_effects *effects); /* frees paths and data not taken (data set to NULL when taken) */
void mr_log_effects_deinit(mr_log_effects *effects);

/* Test build only (MR_BROKEN): promises broken on purpose, to see the tests catch it. */
typedef enum mr_log_break {
    MR_LOG_BREAK_NONE = 0,
    MR_LOG_BREAK_MARKERS_BEFORE_SYNC = 1,  /* markers before the data's sync */
    MR_LOG_BREAK_DECISION_BEFORE_SYNC = 2, /* decision before the data's sync */
    MR_LOG_BREAK_SYNC_LEAVES_ONE_OUT = 4,  /* one partition is left out of the sync */
    MR_LOG_BREAK_PURGE_OVERTAKES = 8,      /* a purge that overtakes the position */
} mr_log_break;

typedef struct mr_log_core_config {
    uint64_t segment_bytes_max; /* 0: MR_SEGMENT_BYTES_MAX */
    int64_t segment_age_ms_max; /* 0: MR_SEGMENT_AGE_MS_MAX */
    uint32_t breaks;            /* mr_log_break bits; asserted 0 unless MR_BROKEN */
    uint64_t seed;              /* for topic ids and the log id */
} mr_log_core_config;

struct mr_log_image; /* log/core/recovery.h */
/* Takes the image. */
mr_log_core *mr_log_core_create(struct mr_log_image *image, const mr_log_core_config *config);
void mr_log_core_destroy(mr_log_core *core);
/* One event in, all consequences appended to effects. */
void mr_log_core_step(mr_log_core *core, mr_now now, const mr_log_event *event,
                      mr_log_effects *effects);
int64_t mr_log_core_deadline_ns(const mr_log_core *core); /* when to send TICK; INT64_MAX: never */
bool mr_log_core_failed(const mr_log_core *core);
const mr_err *mr_log_core_failure(const mr_log_core *core); /* why; borrowed */
bool mr_log_core_closed(const mr_log_core *core);           /* SHUTDOWN was answered */
/* Counters for the summary. */
typedef struct mr_log_counters {
    uint64_t transactions_committed, batches_appended, bytes_appended, syncs, bytes_purged, fetches;
} mr_log_counters;
mr_log_counters mr_log_core_counters(const mr_log_core *core);
