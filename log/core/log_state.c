#include "log/core/log_state.h"

#include <stdio.h>
#include <stdlib.h>

#include "runtime/base/alloc.h"
#include "runtime/base/assert.h"

mr_log_state *mr_log_state_create(void) {
    mr_log_state *state = mr_alloc(sizeof(*state));
    state->topics = mr_map_create();
    state->removed = mr_map_create();
    const mr_uuid none = {{0}};
    static const char *const names[] = {MR_TOPIC_METADATA, MR_TOPIC_TRANSACTIONS,
                                        MR_TOPIC_POSITIONS};
    for (size_t i = 0; i < 3; i++) {
        (void)mr_log_state_add_topic(state, names[i], &none, MR_TOPIC_SYSTEM, MR_CODEC_NONE, 1);
    }
    state->metadata = state->partitions[0];
    state->transactions = state->partitions[1];
    state->positions = state->partitions[2];
    return state;
}

static void decision_destroy(mr_live_decision *decision) {
    mr_free(decision->parts);
    mr_free(decision);
}

void mr_log_state_destroy(mr_log_state *state) {
    if (!state) {
        return;
    }
    size_t cursor = 0;
    mr_bytes name;
    void *topic;
    while (mr_map_next(state->topics, &cursor, &name, &topic)) {
        mr_free(topic);
    }
    mr_map_destroy(state->topics);
    mr_map_destroy(state->removed);
    for (size_t i = 0; i < state->partitions_count; i++) {
        mr_partition_destroy(state->partitions[i]);
    }
    while (state->decisions) {
        mr_live_decision *next = state->decisions->next;
        decision_destroy(state->decisions);
        state->decisions = next;
    }
    mr_free(state->partitions);
    mr_free(state);
}

/* ---- topics ---- */

mr_topic *mr_log_state_topic(const mr_log_state *state, const char *name) {
    return mr_map_get(state->topics, mr_bytes_text(name));
}

mr_partition *mr_log_state_partition(const mr_log_state *state, mr_partition_id id) {
    return id < state->partitions_count ? state->partitions[id] : NULL;
}

mr_partition *mr_log_state_partition_named(const mr_log_state *state, mr_bytes topic,
                                           int32_t partition) {
    const mr_topic *found = mr_map_get(state->topics, topic);
    if (!found || partition < 0 || partition >= found->partitions) {
        return NULL;
    }
    return state->partitions[found->first + (uint32_t)partition];
}

mr_topic *mr_log_state_add_topic(mr_log_state *state, const char *name, const mr_uuid *id,
                                 mr_topic_kind kind, mr_codec codec, int32_t partitions) {
    MR_ASSERT(partitions >= 1 && partitions <= MR_PARTITIONS_MAX);
    mr_topic *topic = mr_alloc(sizeof(*topic));
    snprintf(topic->name, sizeof(topic->name), "%s", name);
    topic->id = *id;
    topic->kind = kind;
    topic->codec = codec;
    topic->partitions = partitions;
    topic->first = (mr_partition_id)state->partitions_count;
    for (int32_t i = 0; i < partitions; i++) {
        if (state->partitions_count == state->partitions_cap) {
            state->partitions_cap = state->partitions_cap ? state->partitions_cap * 2 : 16;
            state->partitions =
                mr_realloc(state->partitions, state->partitions_cap * sizeof(*state->partitions));
        }
        mr_partition_id next = (mr_partition_id)state->partitions_count++;
        state->partitions[next] = mr_partition_create(next, topic, i, topic->name);
    }
    void *old = mr_map_put(state->topics, mr_bytes_text(topic->name), topic);
    MR_ASSERT(old == NULL);
    return topic;
}

void mr_log_state_remove_topic(mr_log_state *state, mr_topic *topic) {
    for (int32_t i = 0; i < topic->partitions; i++) {
        mr_partition_destroy(state->partitions[topic->first + (uint32_t)i]);
        state->partitions[topic->first + (uint32_t)i] = NULL;
    }
    void *removed = mr_map_remove(state->topics, mr_bytes_text(topic->name));
    MR_ASSERT(removed == topic);
    mr_free(topic);
}

void mr_log_state_describe(const mr_topic *topic, mr_topic_description *out) {
    *out = (mr_topic_description){.id = topic->id,
                                  .kind = topic->kind,
                                  .codec = topic->codec,
                                  .partitions = topic->partitions,
                                  .partition_first = topic->first};
    memcpy(out->name, topic->name, sizeof(out->name));
}

static int by_name(const void *left, const void *right) {
    return strcmp(((const mr_topic_description *)left)->name,
                  ((const mr_topic_description *)right)->name);
}

size_t mr_log_state_list(const mr_log_state *state, mr_topic_description *out, size_t out_max) {
    size_t total = mr_map_count(state->topics);
    mr_topic_description *all = mr_alloc_array(total + 1, sizeof(*all));
    size_t count = 0;
    size_t cursor = 0;
    mr_bytes name;
    void *value;
    while (mr_map_next(state->topics, &cursor, &name, &value)) {
        const mr_topic *topic = value;
        if (topic->life == MR_TOPIC_LIVE || topic->life == MR_TOPIC_DELETING) {
            mr_log_state_describe(topic, &all[count++]);
        }
    }
    qsort(all, count, sizeof(*all), by_name);
    for (size_t i = 0; i < count && i < out_max; i++) {
        out[i] = all[i];
    }
    mr_free(all);
    return count;
}

mr_status mr_topic_name_check(const char *name) {
    size_t len = strlen(name);
    if (len == 0 || len > MR_TOPIC_NAME_MAX || strcmp(name, ".") == 0 || strcmp(name, "..") == 0) {
        return MR_INVALID;
    }
    for (size_t i = 0; i < len; i++) {
        char c = name[i];
        bool fine = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                    c == '.' || c == '_' || c == '-';
        if (!fine) {
            return MR_INVALID;
        }
    }
    return MR_OK;
}

/* ---- metadata records ---- */

static mr_status apply_topic(mr_log_state *state, const mr_metadata *record, const char *name,
                             mr_err *err) {
    mr_topic *topic = mr_log_state_topic(state, name);
    if (topic && topic->kind == MR_TOPIC_SYSTEM) {
        topic->id = record->id; /* the table begins with the system topics, without their ids */
        return MR_OK;
    }
    if (topic) {
        return mr_err_set(err, MR_CORRUPT, "topic %s is created twice", name);
    }
    if (record->partition < 1 || record->partition > MR_PARTITIONS_MAX ||
        mr_map_count(state->topics) >= MR_TOPICS_MAX ||
        (record->codec != MR_CODEC_NONE && record->codec != MR_CODEC_ZSTD)) {
        return mr_err_set(err, MR_CORRUPT, "topic %s has impossible settings", name);
    }
    (void)mr_log_state_add_topic(state, name, &record->id, record->topic_kind,
                                 (mr_codec)record->codec, record->partition);
    return MR_OK;
}

static mr_topic *topic_with_id(const mr_log_state *state, const mr_uuid *id) {
    size_t cursor = 0;
    mr_bytes name;
    void *value;
    while (mr_map_next(state->topics, &cursor, &name, &value)) {
        if (mr_uuid_equal(&((mr_topic *)value)->id, id)) {
            return value;
        }
    }
    return NULL;
}

mr_status mr_log_state_apply(mr_log_state *state, const mr_metadata *record, mr_err *err) {
    char name[MR_TOPIC_NAME_MAX + 1] = "";
    mr_topic *topic;
    switch (record->kind) {
    case MR_METADATA_NODE:
        state->log_id = record->id;
        state->node_known = true;
        return MR_OK;
    case MR_METADATA_TOPIC:
        if (record->name.len > MR_TOPIC_NAME_MAX || record->name.len == 0) {
            return mr_err_set(err, MR_CORRUPT, "a topic's name has %zu bytes", record->name.len);
        }
        memcpy(name, record->name.data, record->name.len);
        if (mr_topic_name_check(name) != MR_OK) {
            return mr_err_set(err, MR_CORRUPT, "a topic's name is not one");
        }
        return apply_topic(state, record, name, err);
    case MR_METADATA_REMOVE_TOPIC:
        topic = topic_with_id(state, &record->id);
        if (!topic || topic->kind == MR_TOPIC_SYSTEM) {
            return mr_err_set(err, MR_CORRUPT, "a topic is removed that is not there");
        }
        (void)mr_map_put(state->removed, mr_bytes_text(topic->name), state);
        mr_log_state_remove_topic(state, topic);
        return MR_OK;
    case MR_METADATA_PRODUCER_IDS:
        if (record->producer_id_next > state->producer_id_next) {
            state->producer_id_next = record->producer_id_next;
        }
        return MR_OK;
    case MR_METADATA_PARTITION: /* the topic's record has the count */
    case MR_METADATA_JOB:       /* the runtime reads these itself */
        return MR_OK;
    }
    return mr_err_set(err, MR_CORRUPT, "metadata record of kind %d", (int)record->kind);
}

mr_status mr_log_state_apply_batch(mr_log_state *state, mr_bytes batch, const mr_batch_info *info,
                                   mr_batch_reader *reader, mr_err *err) {
    if (info->attributes & (MR_ATTRIBUTE_TRANSACTIONAL | MR_ATTRIBUTE_CONTROL)) {
        return mr_err_set(err, MR_CORRUPT, "a metadata batch that belongs to a transaction");
    }
    mr_status status = mr_batch_reader_open(reader, batch, info);
    if (status != MR_OK) {
        return mr_err_set(err, status, "a metadata batch does not open");
    }
    mr_arena *arena = mr_arena_create(4096);
    mr_record record;
    while ((status = mr_batch_reader_next(reader, &record)) == MR_OK) {
        mr_metadata metadata;
        status = mr_metadata_decode(record.value, arena, &metadata);
        if (status == MR_OK) {
            status = mr_log_state_apply(state, &metadata, err);
        } else {
            (void)mr_err_set(err, status, "%s",
                             status == MR_INVALID ? "metadata of a kind this version does not know"
                                                  : "a metadata record does not decode");
        }
        if (status != MR_OK) {
            break;
        }
        mr_arena_reset(arena);
    }
    mr_arena_destroy(arena);
    return status == MR_NOT_FOUND ? MR_OK : status;
}

void mr_metadata_batch_finish(mr_batch_builder *builder, mr_buf *out) {
    if (mr_batch_builder_count(builder) > 0) {
        mr_batch_builder_finish(
            builder,
            &(mr_batch_config){.producer_id = -1, .producer_epoch = -1, .base_sequence = -1}, out);
    }
}

void mr_metadata_batch_add(mr_batch_builder *builder, const mr_metadata *record,
                           int64_t timestamp_ms, mr_buf *out) {
    mr_buf value = {0};
    mr_metadata_encode(record, &value);
    mr_record wrapped = {.timestamp_ms = timestamp_ms, .value = mr_buf_view(&value)};
    mr_status status = mr_batch_builder_add(builder, &wrapped);
    if (status == MR_AGAIN) {
        mr_metadata_batch_finish(builder, out);
        status = mr_batch_builder_add(builder, &wrapped);
    }
    MR_ASSERT(status == MR_OK);
    mr_buf_deinit(&value);
}

void mr_topic_records_build(const mr_topic *topic, int64_t timestamp_ms, mr_buf *out) {
    mr_batch_builder *builder = mr_batch_builder_create();
    mr_metadata_batch_add(builder,
                          &(mr_metadata){.kind = MR_METADATA_TOPIC,
                                         .id = topic->id,
                                         .name = mr_bytes_text(topic->name),
                                         .topic_kind = topic->kind,
                                         .codec = (int32_t)topic->codec,
                                         .partition = topic->partitions},
                          timestamp_ms, out);
    for (int32_t i = 0; i < topic->partitions; i++) {
        mr_metadata_batch_add(
            builder, &(mr_metadata){.kind = MR_METADATA_PARTITION, .id = topic->id, .partition = i},
            timestamp_ms, out);
    }
    mr_metadata_batch_finish(builder, out);
    mr_batch_builder_destroy(builder);
}

/* ---- decisions ---- */

void mr_log_state_add_decision(mr_log_state *state, mr_live_decision *decision) {
    decision->next = NULL;
    if (state->decisions_last) {
        MR_ASSERT(state->decisions_last->offset <= decision->offset);
        state->decisions_last->next = decision;
    } else {
        state->decisions = decision;
    }
    state->decisions_last = decision;
}

static bool markers_durable(const mr_log_state *state, const mr_live_decision *decision) {
    for (size_t i = 0; i < decision->parts_count; i++) {
        const mr_partition *partition = mr_log_state_partition(state, decision->parts[i].partition);
        if (!partition || partition->topic->life == MR_TOPIC_REMOVED) {
            continue;
        }
        if (partition->durable_offset <= decision->parts[i].marker_offset) {
            return false;
        }
    }
    return true;
}

const mr_partition *mr_log_state_decisions_holder(const mr_log_state *state) {
    for (const mr_live_decision *decision = state->decisions; decision; decision = decision->next) {
        for (size_t i = 0; i < decision->parts_count; i++) {
            const mr_partition *partition =
                mr_log_state_partition(state, decision->parts[i].partition);
            if (partition && partition->offline && partition->topic->life != MR_TOPIC_REMOVED) {
                return partition;
            }
        }
    }
    return NULL;
}

bool mr_log_state_drop_decisions(mr_log_state *state) {
    mr_live_decision **link = &state->decisions;
    state->decisions_last = NULL;
    while (*link) {
        mr_live_decision *decision = *link;
        if (!markers_durable(state, decision)) {
            state->decisions_last = decision;
            link = &decision->next;
            continue;
        }
        *link = decision->next;
        decision_destroy(decision);
    }
    mr_partition *log = state->transactions;
    int64_t start = state->decisions ? state->decisions->offset : log->stable_end;
    if (start <= log->start) {
        return false;
    }
    mr_partition_move_start(log, start);
    return true;
}
