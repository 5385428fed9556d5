#include <inttypes.h>
#include <stdio.h>

#include "log/core/core_state.h"
#include "runtime/base/alloc.h"
#include "runtime/base/assert.h"

/* Producer ids recorded as given at once. */
#define PRODUCER_BLOCK 1000
/* What a record has beside its value, at most, when it has neither key nor headers. */
#define RECORD_FRAME_BYTES 32
/* While a removed topic's name is not free yet, decisions and checkpoints go on at this pace. */
#define REMOVAL_TICK_NS 20000000LL

/* ---- appending metadata ---- */

static void metadata_durable(void *owner, void *arg) {
    mr_log_core *core = owner;
    mr_metadata_operation *operation = arg;
    mr_partition *log = core->state->metadata;
    log->stable_end = operation->offset_end;
    mr_core_wake_fetches(core, log);
    mr_metadata_operation **link = &core->metadata_operations;
    while (*link != operation) {
        MR_ASSERT(*link);
        link = &(*link)->next;
    }
    *link = operation->next;
    core->retry = true;
    operation->then(core, operation);
    mr_free(operation);
}

/* Appends whole batches and syncs them; then `then`. The text is copied. */
static void append_batches(mr_log_core *core, const mr_buf *batches, mr_log_request *request,
                           mr_topic *topic,
                           void (*then)(mr_log_core *core, mr_metadata_operation *operation)) {
    mr_shared *shared = mr_shared_create(batches->len);
    memcpy(shared->data, batches->data, batches->len);
    shared->len = batches->len;
    mr_partition *log = core->state->metadata;
    mr_core_append(core, log, shared);
    mr_metadata_operation *operation = mr_alloc(sizeof(*operation));
    *operation = (mr_metadata_operation){.core = core,
                                         .request = request,
                                         .topic = topic,
                                         .offset_end = log->end,
                                         .then = then,
                                         .next = core->metadata_operations};
    core->metadata_operations = operation;
    mr_core_wait_durable(core, log, log->end, metadata_durable, operation);
    mr_core_sync(core, log);
}

static void append_record(mr_log_core *core, const mr_metadata *record, mr_log_request *request,
                          mr_topic *topic,
                          void (*then)(mr_log_core *core, mr_metadata_operation *operation)) {
    mr_batch_builder *builder = mr_batch_builder_create();
    mr_buf batch = {0};
    mr_metadata_batch_add(builder, record, core->now.wall_ms, &batch);
    mr_metadata_batch_finish(builder, &batch);
    mr_batch_builder_destroy(builder);
    append_batches(core, &batch, request, topic, then);
    mr_buf_deinit(&batch);
}

static void answer_ok(mr_log_core *core, mr_metadata_operation *operation) {
    mr_core_reply(core, operation->request, MR_OK);
}

void mr_core_append_metadata(mr_log_core *core, mr_log_request *request) {
    mr_arena *arena = mr_arena_create(1024);
    mr_metadata record;
    mr_status status = mr_metadata_decode(request->metadata, arena, &record);
    if (status == MR_OK && record.kind != MR_METADATA_JOB) {
        status = MR_INVALID;
    }
    if (status != MR_OK) {
        mr_core_reply(core, request,
                      mr_err_set(&request->err, MR_INVALID, "not a metadata record of a job"));
    } else if (request->metadata.len > MR_RECORD_BYTES_MAX - RECORD_FRAME_BYTES) {
        mr_core_reply(core, request,
                      mr_err_set(&request->err, MR_INVALID,
                                 "a job's record of %zu bytes; it may have %d",
                                 request->metadata.len, MR_RECORD_BYTES_MAX - RECORD_FRAME_BYTES));
    } else {
        append_record(core, &record, request, NULL, answer_ok);
    }
    mr_arena_destroy(arena);
}

void mr_core_metadata_fail(mr_log_core *core) {
    while (core->metadata_operations) {
        mr_metadata_operation *operation = core->metadata_operations;
        core->metadata_operations = operation->next;
        if (operation->request) {
            operation->request->err = core->failure;
            /* Whether it became durable is unknown. */
            mr_core_reply(core, operation->request, core->failure.status);
        }
        mr_free(operation);
    }
}

/* ---- topics ---- */

static void topic_created(mr_log_core *core, mr_metadata_operation *operation) {
    operation->topic->life = MR_TOPIC_LIVE;
    mr_log_state_describe(operation->topic, &operation->request->described);
    mr_core_reply(core, operation->request, MR_OK);
}

static mr_status check_new_topic(mr_log_core *core, const mr_log_request *request, mr_err *err) {
    if (mr_topic_name_check(request->topic) != MR_OK) {
        return mr_err_set(err, MR_INVALID,
                          "'%s' is no topic name (1-249 of letters, digits, '.', '_', '-')",
                          request->topic);
    }
    if (request->partitions < 1 || request->partitions > MR_PARTITIONS_MAX) {
        return mr_err_set(err, MR_INVALID, "topic %s: %" PRId32 " partitions (1 to %d)",
                          request->topic, request->partitions, MR_PARTITIONS_MAX);
    }
    if (request->topic_kind == MR_TOPIC_SYSTEM ||
        (request->codec != MR_CODEC_NONE && request->codec != MR_CODEC_ZSTD)) {
        return mr_err_set(err, MR_INVALID, "topic %s: impossible settings", request->topic);
    }
    if (mr_map_count(core->state->topics) >= MR_TOPICS_MAX) {
        return mr_err_set(err, MR_INVALID, "topic %s: there are %d topics already", request->topic,
                          MR_TOPICS_MAX);
    }
    return MR_OK;
}

/* A decision that is kept may speak of the old topic of that name, and recovery would take it for
 * one about the new topic. */
static bool name_is_held(const mr_log_core *core, const char *name, mr_err *err) {
    const mr_partition *holder = mr_log_state_decisions_holder(core->state);
    const mr_topic *there = mr_log_state_topic(core->state, name);
    bool was_removed = (there && there->life == MR_TOPIC_REMOVED) ||
                       (!there && mr_map_get(core->state->removed, mr_bytes_text(name)));
    if (!holder || !was_removed) {
        return false;
    }
    (void)mr_err_set(err, MR_UNAVAILABLE,
                     "topic %s was removed, and cannot be made anew while partition %s-%" PRId32
                     " is offline: %s",
                     name, holder->topic->name, holder->number, holder->offline_message);
    return true;
}

void mr_core_create_topic(mr_log_core *core, mr_log_request *request) {
    mr_topic *there = mr_log_state_topic(core->state, request->topic);
    if (there && there->life == MR_TOPIC_LIVE) {
        mr_log_state_describe(there, &request->described);
        mr_core_reply(core, request,
                      mr_err_set(&request->err, MR_EXISTS, "topic %s exists", request->topic));
        return;
    }
    if (name_is_held(core, request->topic, &request->err)) {
        mr_core_reply(core, request, MR_UNAVAILABLE);
        return;
    }
    if (there) {
        mr_core_defer(core, request); /* coming or going: the answer depends on how that ends */
        return;
    }
    mr_status status = check_new_topic(core, request, &request->err);
    if (status != MR_OK) {
        mr_core_reply(core, request, status);
        return;
    }
    mr_uuid id;
    mr_put_be64(id.bytes, mr_prng_next(&core->prng));
    mr_put_be64(id.bytes + 8, mr_prng_next(&core->prng));
    mr_topic *topic = mr_log_state_add_topic(core->state, request->topic, &id, request->topic_kind,
                                             request->codec, request->partitions);
    topic->life = MR_TOPIC_CREATING;
    mr_buf batches = {0};
    mr_topic_records_build(topic, core->now.wall_ms, &batches);
    append_batches(core, &batches, request, topic, topic_created);
    mr_buf_deinit(&batches);
}

void mr_core_describe(mr_log_core *core, mr_log_request *request) {
    const mr_topic *topic = mr_log_state_topic(core->state, request->topic);
    if (!topic || topic->life != MR_TOPIC_LIVE) {
        mr_core_reply(core, request,
                      mr_err_set(&request->err, MR_NOT_FOUND, "no topic %s", request->topic));
        return;
    }
    mr_log_state_describe(topic, &request->described);
    mr_core_reply(core, request, MR_OK);
}

void mr_core_list(mr_log_core *core, mr_log_request *request) {
    size_t count = mr_log_state_list(core->state, NULL, 0);
    request->list = mr_alloc_array(count, sizeof(*request->list));
    request->list_count = mr_log_state_list(core->state, request->list, count);
    mr_core_reply(core, request, MR_OK);
}

/* ---- removing ---- */

static void remove_file(mr_log_core *core, const mr_partition *partition, uint32_t file,
                        int64_t base, mr_segment_file kind) {
    mr_log_effect *remove = mr_core_effect(core, MR_LOG_EFFECT_REMOVE);
    remove->file = file;
    remove->path = mr_partition_path(partition, base, kind);
    remove->io = mr_core_io_begin(core, MR_CORE_IO_REMOVE, partition, base, NULL);
}

void mr_core_remove_segment(mr_log_core *core, mr_partition *partition, mr_segment *segment) {
    uint32_t file = mr_core_file(core, partition, segment);
    remove_file(core, partition, file, segment->base_offset, MR_SEGMENT_LOG);
    remove_file(core, partition, file, segment->base_offset, MR_SEGMENT_INDEX);
    mr_core_effect(core, MR_LOG_EFFECT_CLOSE)->file = file;
}

static void topic_removed(mr_log_core *core, mr_metadata_operation *operation) {
    mr_topic *topic = operation->topic;
    mr_removal *removal = mr_alloc(sizeof(*removal));
    *removal = (mr_removal){
        .topic = topic, .decisions_end = core->state->transactions->end, .next = core->removals};
    core->removals = removal;
    for (int32_t i = 0; i < topic->partitions; i++) {
        mr_partition *partition = core->state->partitions[topic->first + (uint32_t)i];
        mr_core_answer_parked(core, partition, MR_NOT_FOUND, "the topic was deleted");
        for (size_t j = 0; j < partition->segments_count; j++) {
            mr_core_remove_segment(core, partition, &partition->segments[j]);
        }
    }
    core->changed = true;
    mr_core_reply(core, operation->request, MR_OK);
}

static bool in_use(const mr_log_core *core, const mr_topic *topic) {
    for (int32_t i = 0; i < topic->partitions; i++) {
        const mr_partition *partition = core->state->partitions[topic->first + (uint32_t)i];
        if (partition->open_count > 0 && !partition->offline) {
            return true;
        }
    }
    return false;
}

void mr_core_delete_topic(mr_log_core *core, mr_log_request *request) {
    mr_topic *topic = mr_log_state_topic(core->state, request->topic);
    if (!topic || topic->life == MR_TOPIC_REMOVED) {
        mr_core_reply(core, request,
                      mr_err_set(&request->err, MR_NOT_FOUND, "no topic %s", request->topic));
        return;
    }
    if (topic->kind == MR_TOPIC_SYSTEM) {
        mr_core_reply(core, request,
                      mr_err_set(&request->err, MR_INVALID, "%s is the log's own", request->topic));
        return;
    }
    if (topic->life == MR_TOPIC_CREATING) {
        mr_core_defer(core, request);
        return;
    }
    topic->life = MR_TOPIC_DELETING;
    if (in_use(core, topic)) {
        mr_core_defer(core, request); /* the transactions under way come to their end first */
        return;
    }
    topic->life = MR_TOPIC_REMOVED;
    append_record(core, &(mr_metadata){.kind = MR_METADATA_REMOVE_TOPIC, .id = topic->id}, request,
                  topic, topic_removed);
}

static size_t ios_of(const mr_log_core *core, const mr_topic *topic) {
    size_t ios = 0;
    for (int32_t i = 0; i < topic->partitions; i++) {
        ios += core->state->partitions[topic->first + (uint32_t)i]->ios;
    }
    return ios;
}

static void removal_effect(mr_log_core *core, mr_removal *removal, mr_log_effect_kind kind,
                           const char *path) {
    mr_log_effect *effect = mr_core_effect(core, kind);
    effect->path = mr_strdup(path);
    effect->io = mr_core_io_begin(core, MR_CORE_IO_REMOVAL, NULL, 0, removal);
    removal->ios++;
}

/* true: it is gone. */
static bool removal_step(mr_log_core *core, mr_removal *removal) {
    mr_topic *topic = removal->topic;
    if (removal->phase == MR_REMOVAL_FILES && ios_of(core, topic) == 0) {
        for (int32_t i = 0; i < topic->partitions; i++) {
            removal_effect(core, removal, MR_LOG_EFFECT_REMOVE,
                           core->state->partitions[topic->first + (uint32_t)i]->directory);
        }
        removal->phase = MR_REMOVAL_DIRECTORIES;
    } else if (removal->phase == MR_REMOVAL_DIRECTORIES && removal->ios == 0) {
        removal_effect(core, removal, MR_LOG_EFFECT_SYNC_DIR, "log");
        removal->phase = MR_REMOVAL_NAMES;
    } else if (removal->phase == MR_REMOVAL_NAMES && removal->ios == 0) {
        removal->checkpoint_serial = core->checkpoint_serial + 1;
        removal->phase = MR_REMOVAL_CHECKPOINT;
        core->changed = true;
        mr_core_tick_within(core, REMOVAL_TICK_NS);
    } else if (removal->phase == MR_REMOVAL_CHECKPOINT) {
        if (core->checkpoint_done >= removal->checkpoint_serial &&
            core->state->transactions->checkpoint_start >= removal->decisions_end) {
            mr_log_state_remove_topic(core->state, topic);
            return true;
        }
        core->changed = true;
        mr_core_tick_within(core, REMOVAL_TICK_NS);
    }
    return false;
}

void mr_core_removals_go_on(mr_log_core *core) {
    mr_removal **link = &core->removals;
    while (*link) {
        mr_removal *removal = *link;
        if (!removal_step(core, removal)) {
            link = &removal->next;
            continue;
        }
        *link = removal->next;
        mr_free(removal);
        core->retry = true;
    }
}

/* ---- producers ---- */

static void block_durable(mr_log_core *core, mr_metadata_operation *operation) {
    (void)operation;
    core->producer_block_coming = false;
    core->producer_id_next = core->state->producer_id_next;
    core->state->producer_id_next += PRODUCER_BLOCK;
    core->producer_id_end = core->state->producer_id_next;
}

void mr_core_init_producer(mr_log_core *core, mr_log_request *request) {
    if (request->transactional_id.len == 0 || request->transactional_id.len > INT16_MAX) {
        mr_core_reply(core, request,
                      mr_err_set(&request->err, MR_INVALID, "a transactional id of %zu bytes",
                                 request->transactional_id.len));
        return;
    }
    mr_producer *producer = mr_producer_table_claim(&core->producers, request->transactional_id);
    producer->producer_id = -1; /* the former owner is fenced from here on */
    bool ids_left = core->producer_id_next < core->producer_id_end;
    if (!ids_left && !core->producer_block_coming) {
        core->producer_block_coming = true;
        append_record(
            core,
            &(mr_metadata){.kind = MR_METADATA_PRODUCER_IDS,
                           .producer_id_next = core->state->producer_id_next + PRODUCER_BLOCK},
            NULL, NULL, block_durable);
    }
    if (producer->busy || !ids_left) {
        mr_core_defer(core, request);
        return;
    }
    mr_producer_renew(producer, core->producer_id_next++);
    request->producer_id = producer->producer_id;
    request->producer_epoch = producer->epoch_last;
    mr_core_reply(core, request, MR_OK);
}
