/* log/core/log_state.h - the tables of one data directory: topics, partitions, producer ids, and
 * the decisions whose markers are not durable yet. Built by replaying __cluster_metadata and the
 * partitions (recovery), then owned by the core. Thread: owner only.
 *
 * Invariants
 *  1. What the metadata partition says, and nothing else, decides which topics there are.
 *  2. Partition ids are never given twice while the process lives; those of a deleted topic stay
 * empty.
 *  3. Decisions stand in the order of their offsets; the log start of __transaction_state is that
 * of the first.
 */
#pragma once

#include "log/core/partition.h"
#include "runtime/base/map.h"

/* CREATING (record not durable yet) -> LIVE -> DELETING (no new transactions) -> REMOVED (the
 * record is written, the files are going) -> gone */
typedef enum mr_topic_life {
    MR_TOPIC_LIVE,
    MR_TOPIC_CREATING,
    MR_TOPIC_DELETING,
    MR_TOPIC_REMOVED,
} mr_topic_life;

struct mr_topic {
    char name[MR_TOPIC_NAME_MAX + 1];
    mr_uuid id;
    mr_topic_kind kind;
    mr_codec codec;
    int32_t partitions;
    mr_partition_id first;
    mr_topic_life life;
};

typedef struct mr_live_decision_part {
    mr_partition_id partition;
    int64_t marker_offset; /* INT64_MAX: cannot be written now (the partition is offline) */
} mr_live_decision_part;

/* A decision in the log that recovery would still need. */
typedef struct mr_live_decision {
    int64_t offset; /* base offset of its batch in __transaction_state */
    mr_live_decision_part *parts;
    size_t parts_count;
    struct mr_live_decision *next;
} mr_live_decision;

typedef struct mr_log_state {
    mr_uuid log_id;
    bool node_known;           /* the metadata said whose log this is */
    mr_map *topics;            /* name -> mr_topic */
    mr_map *removed;           /* names of topics that were removed; the values mean nothing */
    mr_partition **partitions; /* by id; NULL: of a deleted topic */
    size_t partitions_count;
    size_t partitions_cap;
    mr_partition *metadata;
    mr_partition *transactions;
    mr_partition *positions;
    int64_t producer_id_next; /* first id of the next block */
    mr_live_decision *decisions;
    mr_live_decision *decisions_last;
} mr_log_state;

/* With the three system topics. */
mr_log_state *mr_log_state_create(void);
void mr_log_state_destroy(mr_log_state *state);
mr_topic *mr_log_state_topic(const mr_log_state *state, const char *name); /* NULL: none */
/* NULL: no such partition, or its topic is gone. */
mr_partition *mr_log_state_partition(const mr_log_state *state, mr_partition_id id);
/* NULL: not there. */
mr_partition *mr_log_state_partition_named(const mr_log_state *state, mr_bytes topic,
                                           int32_t partition);
mr_topic *mr_log_state_add_topic(mr_log_state *state, const char *name, const mr_uuid *id,
                                 mr_topic_kind kind, mr_codec codec, int32_t partitions);
void mr_log_state_remove_topic(mr_log_state *state, mr_topic *topic);
/* Takes in one record of the metadata partition. MR_CORRUPT: it contradicts the ones before. */
mr_status mr_log_state_apply(mr_log_state *state, const mr_metadata *record,
                             mr_err *err) MR_CHECKED;
void mr_log_state_describe(const mr_topic *topic, mr_topic_description *out);
/* All topics that are neither being made nor being removed, sorted by name, at most out_max;
 * returns how many there are. */
size_t mr_log_state_list(const mr_log_state *state, mr_topic_description *out, size_t out_max);
/* Takes the decision. */
void mr_log_state_add_decision(mr_log_state *state, mr_live_decision *decision);
/* Drops decisions whose markers are all durable, and moves the log start of __transaction_state up
 * to the first that is left: one that waits for an offline partition holds it, but not the memory
 * of those behind it. true: the log start moved. */
bool mr_log_state_drop_decisions(mr_log_state *state);
/* The offline partition that a decision waits for; NULL: none does. */
const mr_partition *mr_log_state_decisions_holder(const mr_log_state *state);
/* MR_INVALID: not a topic name (Kafka's rule: 1-249 of [A-Za-z0-9._-], not "." or ".."). */
mr_status mr_topic_name_check(const char *name) MR_CHECKED;

/* The metadata records that make a topic, batch after batch, ready to append. */
void mr_topic_records_build(const mr_topic *topic, int64_t timestamp_ms, mr_buf *out);
/* Appends one metadata record to a builder, writing full batches out. */
void mr_metadata_batch_add(mr_batch_builder *builder, const mr_metadata *record,
                           int64_t timestamp_ms, mr_buf *out);
void mr_metadata_batch_finish(mr_batch_builder *builder, mr_buf *out);
/* Calls for each record of a checked batch of the metadata partition. */
mr_status mr_log_state_apply_batch(mr_log_state *state, mr_bytes batch, const mr_batch_info *info,
                                   mr_batch_reader *reader, mr_err *err) MR_CHECKED;
