#include "runtime/engine/job_state.h"

#include <inttypes.h>
#include <stdio.h>

#include "runtime/base/alloc.h"
#include "runtime/base/assert.h"

static bool lists_output(const mr_metadata *metadata, const char *topic) {
    char name[sizeof JOB_OUTPUT_PREFIX + MR_TOPIC_NAME_MAX];
    snprintf(name, sizeof name, "%s%s", JOB_OUTPUT_PREFIX, topic);
    for (size_t i = 0; i < metadata->stores_count; i++) {
        if (mr_bytes_equal(metadata->stores[i].store, mr_bytes_text(name))) {
            return true;
        }
    }
    return false;
}

/* Who else writes the topic, so that emptying it would lose what a rerun does not make again; NULL:
 * nobody. */
static const char *other_writer(mr_job *job, uint32_t stream) {
    const mr_plan *plan = job->plan;
    const char *topic = plan->streams[stream].topic;
    for (uint32_t i = 0; i < plan->sources_count; i++) {
        const mr_plan_source *source = &plan->sources[i];
        if (source->stream == stream ||
            (source->on_error.kind == MR_POLICY_STREAM && source->on_error.stream == stream)) {
            return mr_arena_printf(job->arena, "source %s of this job", source->name);
        }
    }
    for (size_t i = 0; i < job->others_count; i++) {
        if (lists_output(&job->others[i], topic)) {
            return mr_arena_printf(job->arena, "job %.*s", (int)job->others[i].name.len,
                                   (const char *)job->others[i].name.data);
        }
    }
    size_t cursor = 0;
    mr_bytes key;
    void *value;
    while (mr_map_next(job->positions, &cursor, &key, &value)) {
        const job_position *position = value;
        if (strncmp(position->group, "source.", 7) == 0 && strcmp(position->topic, topic) == 0) {
            return mr_arena_printf(job->arena, "source %s", position->group + 7);
        }
    }
    return NULL;
}

/* Outputs to be emptied, as the boundary of each partition. */
static mr_status plan_emptying(mr_job *job, const mr_reset_config *config, mr_metadata *next,
                               mr_buf *report, mr_err *err) {
    const mr_plan *plan = job->plan;
    mr_start_position *starts =
        mr_arena_alloc(job->arena, (plan->streams_count + 1) * MR_PARTITIONS_MAX * sizeof *starts);
    mr_bytes *emptied = mr_arena_alloc(job->arena, (plan->streams_count + 1) * sizeof *emptied);
    for (uint32_t i = 0; i < plan->streams_count; i++) {
        const mr_topic_description *topic = &job->topics.streams[i];
        if (mr_plan_stream_writers(plan, i) == 0 || topic->partitions == 0) {
            continue;
        }
        const char *writer = other_writer(job, i);
        if (config->outputs == MR_RESET_APPEND) {
            mr_buf_printf(report, "keep output topic %s and append to it\n", topic->name);
            continue;
        }
        if (writer) {
            return mr_err_set(err, MR_INVALID,
                              "output topic %s is also written by %s: emptying it would lose "
                              "records that a rerun "
                              "does not make again; `--append` keeps it",
                              topic->name, writer);
        }
        uint64_t records = 0;
        for (int32_t p = 0; p < topic->partitions; p++) {
            mr_log_offsets offsets;
            mr_status status =
                mr_job_offsets(job, topic->partition_first + (uint32_t)p, &offsets, err);
            if (status != MR_OK) {
                return status;
            }
            records += (uint64_t)(offsets.stable_end - offsets.start);
            starts[next->starts_count++] =
                (mr_start_position){.topic = mr_bytes_text(plan->streams[i].topic),
                                    .partition = p,
                                    .offset = offsets.stable_end};
        }
        emptied[next->emptied_count++] = mr_bytes_text(plan->streams[i].topic);
        mr_buf_printf(report, "empty output topic %s (%" PRIu64 " offsets)\n", topic->name,
                      records);
    }
    next->starts = starts;
    next->emptied = emptied;
    return MR_OK;
}

static void report_kept(const mr_job *job, int64_t generation, mr_buf *report) {
    const mr_plan *plan = job->plan;
    mr_buf_printf(report, "job %s: generation %" PRId64 " becomes %" PRId64 "\n", plan->job,
                  generation - 1, generation);
    for (uint32_t s = 0; s < plan->subtopologies_count; s++) {
        for (uint32_t i = 0; i < plan->subtopologies[s].inputs_count; i++) {
            const mr_plan_input *input = &plan->subtopologies[s].inputs[i];
            if (input->kind == MR_INPUT_STREAM) {
                mr_buf_printf(report, "read topic %s from the earliest record\n",
                              plan->streams[input->index].topic);
            }
        }
    }
    for (uint32_t i = 0; i < plan->stores_count; i++) {
        mr_buf_printf(report, "make store %s anew\n", plan->stores[i].name);
    }
    for (uint32_t i = 0; i < plan->sources_count; i++) {
        mr_buf_printf(report, "keep source %s where it is, with topic %s\n", plan->sources[i].name,
                      plan->streams[plan->sources[i].stream].topic);
    }
    for (uint32_t i = 0; i < plan->sinks_count; i++) {
        mr_buf_printf(report, "remove what sink %s wrote, to be written anew\n",
                      plan->sinks[i].name);
    }
    mr_buf_printf(report, "keep marks %s-marks\n", plan->job);
}

static mr_status purge_emptied(mr_job *job, const mr_metadata *record, mr_err *err) {
    for (size_t i = 0; i < record->starts_count; i++) {
        const mr_start_position *start = &record->starts[i];
        for (uint32_t s = 0; s < job->plan->streams_count; s++) {
            const mr_topic_description *topic = &job->topics.streams[s];
            if (topic->partitions == 0 ||
                !mr_bytes_equal(mr_bytes_text(topic->name), start->topic)) {
                continue;
            }
            mr_status status = mr_job_purge(
                job, topic->partition_first + (uint32_t)start->partition, start->offset, err);
            if (status != MR_OK) {
                return status;
            }
        }
    }
    return MR_OK;
}

/* Behind the one durable record everything is idempotent; the next start does what a crash left. */
static mr_status carry_out(mr_job *job, const mr_reset_config *config, const mr_metadata *next,
                           mr_err *err) {
    mr_status status = mr_job_write_record(job, next, err);
    if (status != MR_OK) {
        return status;
    }
    job->topics.generation = next->generation;
    status = purge_emptied(job, next, err);
    if (status == MR_OK) {
        status = mr_job_remove_older(job, next->generation, config->data_disk, NULL, err);
    }
    for (uint32_t i = 0; i < job->plan->sinks_count && status == MR_OK; i++) {
        if (job->topics.streams[job->plan->sinks[i].stream].partitions > 0) {
            status = mr_sink_reset(job->plan, i, &job->topics, config->connector_disk, err);
        }
    }
    return status;
}

/* The job's streams as they are; what does not exist is not touched by a reset. */
static mr_status find_streams(mr_job *job, mr_err *err) {
    for (uint32_t i = 0; i < job->plan->streams_count; i++) {
        mr_err ignored = {0};
        mr_status status =
            mr_job_describe(job, job->plan->streams[i].topic, &job->topics.streams[i], &ignored);
        if (status != MR_OK && status != MR_NOT_FOUND) {
            return mr_err_set(err, status, "%s", ignored.message);
        }
    }
    return MR_OK;
}

static mr_status reset(mr_job *job, const mr_reset_config *config, mr_now now, mr_buf *report,
                       mr_err *err) {
    mr_status status = mr_job_load(job, err);
    if (status == MR_OK && !job->record.present) {
        return mr_err_set(err, MR_INVALID,
                          "job %s has never run in this data directory: there is nothing to reset",
                          job->plan->job);
    }
    if (status == MR_OK) {
        status = find_streams(job, err);
    }
    if (status != MR_OK) {
        return status;
    }
    mr_metadata next = {.kind = MR_METADATA_JOB,
                        .name = mr_bytes_text(job->plan->job),
                        .generation = job->record.metadata.generation + 1,
                        .timestamp_ms = now.wall_ms};
    mr_job_definitions(job, &next);
    report_kept(job, next.generation, report);
    status = plan_emptying(job, config, &next, report, err);
    if (status == MR_OK) {
        status = mr_job_remove_older(job, next.generation, config->data_disk, report, err);
    }
    if (status != MR_OK || config->mode == MR_RESET_DRY_RUN) {
        return status;
    }
    return carry_out(job, config, &next, err);
}

mr_status mr_job_reset(const mr_plan *plan, mr_log_caller caller, const mr_reset_config *config,
                       mr_now now, mr_buf *report, mr_err *err) {
    mr_job *job = mr_job_create(plan, caller);
    mr_status status = reset(job, config, now, report, err);
    mr_job_close(job);
    return status;
}
