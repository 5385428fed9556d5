#include "runtime/engine/job_state.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "log/record/system_records.h"
#include "runtime/base/alloc.h"
#include "runtime/base/assert.h"
#include "runtime/base/limits.h"

#define JOB_ARENA_BYTES 16384

mr_job *mr_job_create(const mr_plan *plan, mr_log_caller caller) {
    mr_job *job = mr_alloc(sizeof *job);
    job->plan = plan;
    job->caller = caller;
    job->arena = mr_arena_create(JOB_ARENA_BYTES);
    job->positions = mr_map_create();
    job->topics.streams = mr_alloc_array(plan->streams_count + 1, sizeof(mr_topic_description));
    job->topics.repartitions =
        mr_alloc_array(plan->repartitions_count + 1, sizeof(mr_topic_description));
    job->topics.changelogs = mr_alloc_array(plan->stores_count + 1, sizeof(mr_topic_description));
    job->topics.task_changelogs =
        mr_alloc_array(plan->subtopologies_count + 1, sizeof(mr_topic_description));
    job->lags = mr_alloc_array(plan->repartitions_count + 1, sizeof(mr_lag *));
    for (uint32_t i = 0; i < plan->repartitions_count; i++) {
        job->lags[i] = mr_alloc_array((size_t)plan->repartitions[i].partitions, sizeof(mr_lag));
    }
    return job;
}

void mr_job_close(mr_job *job) {
    if (!job) {
        return;
    }
    size_t cursor = 0;
    mr_bytes key;
    void *value;
    while (mr_map_next(job->positions, &cursor, &key, &value)) {
        job_position *position = value;
        mr_free(position->group);
        mr_free(position->topic);
        mr_free(position->metadata);
        mr_free(position);
    }
    mr_map_destroy(job->positions);
    for (uint32_t i = 0; i < job->plan->repartitions_count; i++) {
        mr_free(job->lags[i]);
    }
    mr_free(job->lags);
    mr_free(job->others);
    mr_free(job->topics.streams);
    mr_free(job->topics.repartitions);
    mr_free(job->topics.changelogs);
    mr_free(job->topics.task_changelogs);
    mr_arena_destroy(job->arena);
    mr_free(job);
}

mr_status mr_job_call(mr_job *job, mr_log_request *request, mr_err *err) {
    mr_status status =
        mr_log_client_call(job->caller.client, request, job->caller.pump, job->caller.arg);
    if (status != MR_OK) {
        mr_err_set(err, status, "%s",
                   request->err.message[0] ? request->err.message : mr_status_text(status));
    }
    return status;
}

static mr_status visit_fetched(mr_job *job, mr_fetch_reader *reader, job_visit visit, mr_err *err) {
    for (;;) {
        mr_record record;
        mr_fetch_batch batch;
        mr_status status = mr_fetch_reader_next(reader, &record, &batch, err);
        if (status == MR_NOT_FOUND) {
            return MR_OK;
        }
        if (status == MR_OK) {
            status = visit(job, &record, err);
        }
        if (status != MR_OK) {
            return status;
        }
    }
}

static mr_status read_on(mr_job *job, mr_partition_id partition, int64_t *offset,
                         mr_fetch_reader *reader, job_visit visit, mr_err *err) {
    mr_log_request *request = mr_log_client_request(job->caller.client, MR_LOG_FETCH);
    request->partition = partition;
    request->offset = *offset;
    request->bytes_max = MR_FETCH_BYTES_MAX;
    request->wait = MR_LOG_NO_WAIT;
    mr_status status = mr_job_call(job, request, err);
    if (status == MR_OK && !request->fetched.bytes) {
        *offset = INT64_MAX;
    } else if (status == MR_OK) {
        mr_fetch_reader_open(reader, &request->fetched);
        status = visit_fetched(job, reader, visit, err);
        *offset = mr_fetch_reader_next_offset(reader);
    }
    mr_log_client_recycle(job->caller.client, request);
    return status;
}

mr_status mr_job_read_all(mr_job *job, mr_partition_id partition, job_visit visit, mr_err *err) {
    mr_log_offsets offsets;
    mr_status status = mr_job_offsets(job, partition, &offsets, err);
    if (status != MR_OK) {
        return status;
    }
    mr_fetch_reader *reader = mr_fetch_reader_create();
    for (int64_t offset = offsets.start; status == MR_OK && offset < offsets.stable_end;) {
        status = read_on(job, partition, &offset, reader, visit, err);
    }
    mr_fetch_reader_destroy(reader);
    return status;
}

/* ---- metadata ---- */

static void note_other(mr_job *job, const mr_metadata *metadata) {
    for (size_t i = 0; i < job->others_count; i++) {
        if (mr_bytes_equal(job->others[i].name, metadata->name)) {
            job->others[i] = *metadata;
            return;
        }
    }
    job->others = mr_realloc(job->others, (job->others_count + 1) * sizeof *job->others);
    job->others[job->others_count++] = *metadata;
}

static mr_status visit_metadata(mr_job *job, const mr_record *record, mr_err *err) {
    mr_metadata metadata;
    mr_status status = mr_metadata_decode(record->value, job->arena, &metadata);
    if (status != MR_OK) {
        return mr_err_set(err, status, "%s@%" PRId64 ": unknown or broken record",
                          MR_TOPIC_METADATA, record->offset);
    }
    if (metadata.kind == MR_METADATA_NODE) {
        mr_uuid_format(&metadata.id, job->topics.log_id);
    } else if (metadata.kind == MR_METADATA_JOB) {
        if (mr_bytes_equal(metadata.name, mr_bytes_text(job->plan->job))) {
            job->record = (job_record){.present = true, .metadata = metadata};
        } else {
            note_other(job, &metadata);
        }
    }
    return MR_OK;
}

mr_status mr_job_write_record(mr_job *job, const mr_metadata *metadata, mr_err *err) {
    mr_buf value = {0};
    mr_metadata_encode(metadata, &value);
    mr_log_request *request = mr_log_client_request(job->caller.client, MR_LOG_APPEND_METADATA);
    request->metadata = mr_buf_view(&value);
    mr_status status = mr_job_call(job, request, err);
    mr_log_client_recycle(job->caller.client, request);
    mr_buf_deinit(&value);
    if (status == MR_OK) {
        job->record = (job_record){.present = true, .metadata = *metadata};
    }
    return status;
}

static void describe_senders(const mr_plan *plan, const mr_plan_repartition *repartition,
                             mr_buf *out) {
    mr_buf_printf(out, "partitions=%d senders=", repartition->partitions);
    for (uint32_t i = 0; i < repartition->senders_count; i++) {
        const mr_plan_subtopology *sender = &plan->subtopologies[repartition->senders[i]];
        mr_buf_printf(out, "%s%s:%d", i ? "," : "", sender->name, sender->tasks);
    }
}

void mr_job_definitions(mr_job *job, mr_metadata *metadata) {
    const mr_plan *plan = job->plan;
    size_t count = 2 * plan->stores_count + plan->repartitions_count + plan->streams_count;
    mr_store_definition *list = mr_arena_zalloc(job->arena, (count + 1) * sizeof *list);
    size_t n = 0;
    for (uint32_t i = 0; i < plan->stores_count; i++) {
        list[n++] = (mr_store_definition){.store = mr_bytes_text(plan->stores[i].name),
                                          .definition = mr_bytes_text(plan->stores[i].definition)};
        list[n++] = (mr_store_definition){
            .store = mr_bytes_text(
                mr_arena_printf(job->arena, "%s%s", JOB_TASK_PREFIX, plan->stores[i].name)),
            .definition = mr_bytes_text(plan->subtopologies[plan->stores[i].subtopology].name)};
    }
    mr_buf text = {0};
    for (uint32_t i = 0; i < plan->repartitions_count; i++) {
        mr_buf_clear(&text);
        describe_senders(plan, &plan->repartitions[i], &text);
        list[n++] = (mr_store_definition){
            .store = mr_bytes_text(mr_arena_printf(job->arena, "%s%s", JOB_REPARTITION_PREFIX,
                                                   plan->repartitions[i].name)),
            .definition = mr_arena_copy(job->arena, mr_buf_view(&text))};
    }
    mr_buf_deinit(&text);
    for (uint32_t i = 0; i < plan->streams_count; i++) {
        if (mr_plan_stream_writers(plan, i) > 0) {
            list[n++] = (mr_store_definition){
                .store = mr_bytes_text(
                    mr_arena_printf(job->arena, "%s%s", JOB_OUTPUT_PREFIX, plan->streams[i].topic)),
                .definition = mr_bytes_text("")};
        }
    }
    metadata->stores = list;
    metadata->stores_count = n;
}

/* ---- positions ---- */

static void position_key(mr_buf *out, const char *group, const char *topic, int32_t partition) {
    mr_buf_clear(out);
    mr_buf_put(out, group, strlen(group) + 1);
    mr_buf_put(out, topic, strlen(topic) + 1);
    mr_buf_put_be32(out, (uint32_t)partition);
}

static char *text_of(mr_bytes bytes) {
    return mr_strndup((const char *)bytes.data, bytes.len);
}

static mr_status visit_position(mr_job *job, const mr_record *record, mr_err *err) {
    mr_arena *arena = mr_arena_create(4096);
    mr_position decoded;
    mr_status status = mr_position_decode(record->key, record->value, arena, &decoded);
    if (status != MR_OK) {
        mr_arena_destroy(arena);
        return mr_err_set(err, status, "%s@%" PRId64 ": unknown or broken record",
                          MR_TOPIC_POSITIONS, record->offset);
    }
    job_position *position = mr_alloc(sizeof *position);
    *position = (job_position){.group = text_of(decoded.group),
                               .topic = text_of(decoded.topic),
                               .partition = decoded.partition,
                               .offset = decoded.offset,
                               .generation = decoded.generation,
                               .metadata = text_of(decoded.metadata)};
    mr_arena_destroy(arena);
    mr_buf key = {0};
    position_key(&key, position->group, position->topic, position->partition);
    job_position *old = mr_map_put(job->positions, mr_buf_view(&key), position);
    mr_buf_deinit(&key);
    if (old) {
        mr_free(old->group);
        mr_free(old->topic);
        mr_free(old->metadata);
        mr_free(old);
    }
    return MR_OK;
}

const job_position *mr_job_position(const mr_job *job, const char *group, const char *topic,
                                    int32_t partition) {
    mr_buf key = {0};
    position_key(&key, group, topic, partition);
    const job_position *position = mr_map_get(job->positions, mr_buf_view(&key));
    mr_buf_deinit(&key);
    return position;
}

mr_status mr_job_load(mr_job *job, mr_err *err) {
    mr_topic_description metadata, positions;
    mr_status status = mr_job_describe(job, MR_TOPIC_METADATA, &metadata, err);
    if (status == MR_OK) {
        status = mr_job_describe(job, MR_TOPIC_POSITIONS, &positions, err);
    }
    if (status == MR_OK) {
        status = mr_job_read_all(job, metadata.partition_first, visit_metadata, err);
    }
    if (status == MR_OK) {
        job->positions_partition = positions.partition_first;
        status = mr_job_read_all(job, positions.partition_first, visit_position, err);
    }
    return status == MR_OK ? MR_OK : mr_err_wrap(err, status, "job %s", job->plan->job);
}
