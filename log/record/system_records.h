/* log/record/system_records.h - the records of the system topics, in Kafka's schemas.
 * What is ours stands in tagged fields from MR_TAG_OURS on, so that any Kafka tool reads the rest.
 *
 *  __transaction_state   TransactionLogKey v0 / TransactionLogValue v1     -> mr_decision
 *  __consumer_offsets    OffsetCommitKey v1 / OffsetCommitValue v4         -> mr_position
 *  __cluster_metadata    KRaft frame {uvarint 1, uvarint api key, uvarint version} and body:
 *                        TopicRecord 2, PartitionRecord 3, RemoveTopicRecord 9,
 *                        ProducerIdsRecord 15, RegisterBrokerRecord 0 (node: its incarnation is the
 *                        log id), and ours: JobRecord 10000                -> mr_metadata
 * Thread: any. Decoded texts are copied into the arena given.
 * All decoders: MR_CORRUPT: broken bytes. MR_INVALID: a version, state or kind this program does
 * not know. MR_NOT_FOUND: the value is null, a tombstone; what the key says is set.
 */
#pragma once

#include "log/record/record.h"
#include "runtime/base/arena.h"

#define MR_TAG_OURS 10000

typedef struct mr_uuid {
    uint8_t bytes[16];
} mr_uuid;
#define MR_UUID_TEXT_BYTES 23 /* base64url without padding, NUL */
void mr_uuid_format(const mr_uuid *uuid, char out[MR_UUID_TEXT_BYTES]);
static inline bool mr_uuid_equal(const mr_uuid *a, const mr_uuid *b) {
    return memcmp(a->bytes, b->bytes, 16) == 0;
}

/* ---- decisions ---- */

typedef enum mr_outcome { MR_OUTCOME_COMMIT, MR_OUTCOME_ABORT } mr_outcome;

/* One partition's part in a transaction: what recovery must find whole. */
typedef struct mr_decision_part {
    mr_bytes topic;
    int32_t partition;
    int64_t offset_first;
    int64_t offset_last;
    int64_t segment_base; /* base offset of the segment that holds the end */
    int64_t end_byte;     /* file size of that segment behind the last batch */
} mr_decision_part;

typedef struct mr_decision {
    mr_bytes transactional_id; /* the key */
    int64_t producer_id;
    int16_t producer_epoch;
    mr_outcome outcome; /* PrepareCommit (2) or PrepareAbort (3) */
    int64_t timestamp_ms;
    const mr_decision_part *parts; /* best with those of one topic together: its name stands once */
    size_t parts_count;
} mr_decision;

void mr_decision_encode(const mr_decision *decision, mr_buf *key_out, mr_buf *value_out);
mr_status mr_decision_decode(mr_bytes key, mr_bytes value, mr_arena *arena,
                             mr_decision *out) MR_CHECKED;

/* ---- positions ---- */

/* Kafka's offset.metadata.max.bytes. */
#define MR_POSITION_METADATA_BYTES_MAX 4096

typedef struct mr_position {
    mr_bytes group; /* a job, "source.<name>", "sink.<job>.<name>" */
    mr_bytes topic;
    int32_t partition;
    int64_t offset;    /* the next to read */
    mr_bytes metadata; /* free text, at most MR_POSITION_METADATA_BYTES_MAX; "" when none */
    int64_t timestamp_ms;
    int64_t generation; /* of the job; tagged field, 0 for sources */
} mr_position;

void mr_position_encode(const mr_position *position, mr_buf *key_out, mr_buf *value_out);
mr_status mr_position_decode(mr_bytes key, mr_bytes value, mr_arena *arena,
                             mr_position *out) MR_CHECKED;

/* ---- metadata ---- */

typedef enum mr_metadata_kind {
    MR_METADATA_NODE, /* the data directory's identity: log id */
    MR_METADATA_TOPIC,
    MR_METADATA_PARTITION,
    MR_METADATA_REMOVE_TOPIC,
    MR_METADATA_PRODUCER_IDS, /* the next block starts here */
    MR_METADATA_JOB,          /* generation of a job with the definition of each store */
} mr_metadata_kind;

typedef enum mr_topic_kind {
    MR_TOPIC_USER,        /* kept for ever */
    MR_TOPIC_REPARTITION, /* purged up to its readers' positions */
    MR_TOPIC_CHANGELOG,
    MR_TOPIC_MARKS,
    MR_TOPIC_SYSTEM,
} mr_topic_kind;

typedef struct mr_store_definition {
    mr_bytes store;
    mr_bytes definition; /* canonical text; another one is refused (LANGUAGE rule 15) */
} mr_store_definition;

/* Where a generation starts reading: positions of the new generation. */
typedef struct mr_start_position {
    mr_bytes topic;
    int32_t partition;
    int64_t offset;
} mr_start_position;

typedef struct mr_metadata {
    mr_metadata_kind kind;
    mr_uuid id;               /* NODE: log id; TOPIC, PARTITION, REMOVE_TOPIC: topic id */
    mr_bytes name;            /* TOPIC: topic name; JOB: job name */
    mr_topic_kind topic_kind; /* TOPIC, tagged */
    int32_t codec;            /* TOPIC, tagged: mr_codec of the batches our writers build */
    int32_t partition;        /* PARTITION: its number; TOPIC (tagged): the count */
    int64_t producer_id_next; /* PRODUCER_IDS */
    int64_t generation;       /* JOB: 1, 2, ... */
    int64_t timestamp_ms;     /* JOB: wall time of the record, for people */
    const mr_store_definition *stores; /* JOB */
    size_t stores_count;
    const mr_start_position *starts; /* JOB: none means "from the earliest" */
    size_t starts_count;
    const mr_bytes *emptied; /* JOB: output topics emptied by this reset, to be done idempotently */
    size_t emptied_count;
} mr_metadata;

/* Value only: metadata records have no key. */
void mr_metadata_encode(const mr_metadata *metadata, mr_buf *value_out);
mr_status mr_metadata_decode(mr_bytes value, mr_arena *arena, mr_metadata *out) MR_CHECKED;
