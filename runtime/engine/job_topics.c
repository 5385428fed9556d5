#include "runtime/engine/job_state.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "runtime/base/alloc.h"
#include "statestore/changelog.h"

mr_status mr_job_describe(mr_job *job, const char *topic, mr_topic_description *out, mr_err *err) {
    mr_log_request *request = mr_log_client_request(job->caller.client, MR_LOG_DESCRIBE);
    snprintf(request->topic, sizeof request->topic, "%s", topic);
    mr_status status = mr_job_call(job, request, err);
    if (status == MR_OK) {
        *out = request->described;
    }
    mr_log_client_recycle(job->caller.client, request);
    return status;
}

mr_status mr_job_offsets(mr_job *job, mr_partition_id partition, mr_log_offsets *out, mr_err *err) {
    mr_log_request *request = mr_log_client_request(job->caller.client, MR_LOG_OFFSETS);
    request->partition = partition;
    mr_status status = mr_job_call(job, request, err);
    if (status == MR_OK) {
        *out = request->offsets;
    }
    mr_log_client_recycle(job->caller.client, request);
    return status;
}

mr_status mr_job_purge(mr_job *job, mr_partition_id partition, int64_t offset, mr_err *err) {
    mr_log_request *request = mr_log_client_request(job->caller.client, MR_LOG_PURGE);
    request->partition = partition;
    request->offset = offset;
    mr_status status = mr_job_call(job, request, err);
    mr_log_client_recycle(job->caller.client, request);
    return status;
}

typedef struct topic_want {
    const char *name;
    int32_t partitions;
    mr_topic_kind kind;
    mr_codec codec;
} topic_want;

/* Creates the topic, or describes it if it is there already. */
static mr_status ensure(mr_job *job, const topic_want *want, mr_topic_description *out,
                        mr_err *err) {
    mr_log_request *request = mr_log_client_request(job->caller.client, MR_LOG_CREATE_TOPIC);
    snprintf(request->topic, sizeof request->topic, "%s", want->name);
    request->partitions = want->partitions;
    request->topic_kind = want->kind;
    request->codec = want->codec;
    mr_err ignored = {0};
    mr_status status = mr_job_call(job, request, &ignored);
    if (status == MR_OK || status == MR_EXISTS) {
        *out = request->described;
        status = MR_OK;
    } else {
        mr_err_set(err, status, "topic %s: %s", want->name, ignored.message);
    }
    mr_log_client_recycle(job->caller.client, request);
    if (status == MR_OK && out->partitions != want->partitions) {
        return mr_err_set(err, MR_INVALID, "topic %s has %d partitions, the job needs %d",
                          want->name, out->partitions, want->partitions);
    }
    return status;
}

static bool used(const mr_plan_stream *stream) {
    return stream->read_by_job || stream->written_by_job;
}

mr_status mr_job_check_streams(mr_job *job, mr_err *err) {
    for (uint32_t i = 0; i < job->plan->streams_count; i++) {
        const mr_plan_stream *stream = &job->plan->streams[i];
        mr_topic_description found;
        mr_err ignored = {0};
        mr_status status =
            used(stream) ? mr_job_describe(job, stream->topic, &found, &ignored) : MR_NOT_FOUND;
        if (status == MR_OK && found.partitions != stream->partitions) {
            return mr_err_set(err, MR_INVALID,
                              "stream %s: topic %s has %d partitions, the job says %d",
                              stream->name, stream->topic, found.partitions, stream->partitions);
        }
        if (status != MR_OK && status != MR_NOT_FOUND) {
            return mr_err_set(err, status, "topic %s: %s", stream->topic, ignored.message);
        }
    }
    return MR_OK;
}

mr_status mr_job_create_streams(mr_job *job, mr_err *err) {
    for (uint32_t i = 0; i < job->plan->streams_count; i++) {
        const mr_plan_stream *stream = &job->plan->streams[i];
        if (!used(stream)) {
            continue;
        }
        topic_want want = {stream->topic, stream->partitions, MR_TOPIC_USER, MR_CODEC_ZSTD};
        mr_status status = ensure(job, &want, &job->topics.streams[i], err);
        if (status != MR_OK) {
            return status;
        }
    }
    return MR_OK;
}

static mr_status create_changelog(mr_job *job, const char *store, uint32_t subtopology,
                                  mr_topic_description *out, mr_err *err) {
    mr_buf name = {0};
    mr_changelog_topic(&name, job->plan->job, store, job->topics.generation);
    topic_want want = {mr_buf_cstr(&name), job->plan->subtopologies[subtopology].tasks,
                       MR_TOPIC_CHANGELOG, MR_CODEC_NONE};
    mr_status status = ensure(job, &want, out, err);
    mr_buf_deinit(&name);
    return status;
}

static mr_status create_repartition(mr_job *job, uint32_t index, mr_err *err) {
    const mr_plan_repartition *repartition = &job->plan->repartitions[index];
    mr_buf name = {0};
    mr_buf_printf(&name, "%s.%s.repartition.g%" PRId64, job->plan->job, repartition->name,
                  job->topics.generation);
    topic_want want = {mr_buf_cstr(&name), repartition->partitions, MR_TOPIC_REPARTITION,
                       MR_CODEC_NONE};
    mr_status status = ensure(job, &want, &job->topics.repartitions[index], err);
    mr_buf_deinit(&name);
    return status;
}

static mr_status create_marks(mr_job *job, mr_err *err) {
    mr_buf name = {0};
    mr_buf_printf(&name, "%s-marks", job->plan->job);
    topic_want want = {mr_buf_cstr(&name), 1, MR_TOPIC_MARKS, MR_CODEC_NONE};
    mr_status status = ensure(job, &want, &job->topics.marks, err);
    mr_buf_deinit(&name);
    return status;
}

mr_status mr_job_create_internal(mr_job *job, mr_err *err) {
    const mr_plan *plan = job->plan;
    mr_status status = create_marks(job, err);
    for (uint32_t i = 0; i < plan->repartitions_count && status == MR_OK; i++) {
        status = create_repartition(job, i, err);
    }
    for (uint32_t i = 0; i < plan->stores_count && status == MR_OK; i++) {
        status = create_changelog(job, plan->stores[i].name, plan->stores[i].subtopology,
                                  &job->topics.changelogs[i], err);
    }
    for (uint32_t i = 0; i < plan->subtopologies_count && status == MR_OK; i++) {
        char store[300];
        snprintf(store, sizeof store, "%s._task", plan->subtopologies[i].name);
        status = create_changelog(job, store, i, &job->topics.task_changelogs[i], err);
    }
    return status;
}

/* ---- what older generations left ---- */

/* "<job>.<name>.repartition.g<N>" or "<job>.<name>.changelog.g<N>": N, else -1. Names of jobs hold
 * no dot. */
static int64_t generation_of(const char *job, const char *topic) {
    size_t len = strlen(job);
    if (strncmp(topic, job, len) != 0 || topic[len] != '.') {
        return -1;
    }
    const char *mark = strrchr(topic, '.');
    if (mark[1] != 'g' || mark[2] < '1' || mark[2] > '9') {
        return -1;
    }
    size_t stem = (size_t)(mark - topic);
    bool internal = (stem > 12 && strncmp(mark - 12, ".repartition", 12) == 0) ||
                    (stem > 10 && strncmp(mark - 10, ".changelog", 10) == 0);
    char *end;
    int64_t generation = strtoll(mark + 2, &end, 10);
    return internal && *end == '\0' ? generation : -1;
}

static mr_status delete_topic(mr_job *job, const char *topic, mr_err *err) {
    mr_log_request *request = mr_log_client_request(job->caller.client, MR_LOG_DELETE_TOPIC);
    snprintf(request->topic, sizeof request->topic, "%s", topic);
    mr_status status = mr_job_call(job, request, err);
    mr_log_client_recycle(job->caller.client, request);
    return status == MR_NOT_FOUND ? MR_OK : status;
}

static mr_status remove_topics(mr_job *job, int64_t generation, mr_buf *report, mr_err *err) {
    mr_log_request *request = mr_log_client_request(job->caller.client, MR_LOG_LIST);
    mr_status status = mr_job_call(job, request, err);
    size_t count = status == MR_OK ? request->list_count : 0;
    mr_topic_description *list = mr_alloc_array(count + 1, sizeof *list);
    if (count > 0) {
        memcpy(list, request->list, count * sizeof *list);
    }
    mr_log_client_recycle(job->caller.client, request);
    for (size_t i = 0; i < count && status == MR_OK; i++) {
        int64_t found = generation_of(job->plan->job, list[i].name);
        if (found < 0 || found >= generation) {
            continue;
        }
        if (report) {
            mr_buf_printf(report, "remove internal topic %s\n", list[i].name);
        } else {
            status = delete_topic(job, list[i].name, err);
        }
    }
    mr_free(list);
    return status;
}

typedef struct old_states {
    const char *job;
    int64_t generation;
    mr_buf names; /* NUL-separated */
} old_states;

static mr_status note_state(void *arg, const char *name) {
    old_states *old = arg;
    size_t len = strlen(old->job);
    if (strncmp(name, old->job, len) == 0 && strncmp(name + len, ".g", 2) == 0) {
        char *end;
        int64_t found = strtoll(name + len + 2, &end, 10);
        if (*end == '\0' && found > 0 && found < old->generation) {
            mr_buf_put(&old->names, name, strlen(name) + 1);
        }
    }
    return MR_OK;
}

static mr_status remove_states(mr_job *job, int64_t generation, mr_disk *disk, mr_buf *report,
                               mr_err *err) {
    old_states old = {.job = job->plan->job, .generation = generation};
    mr_status status = mr_disk_list(disk, "state", note_state, &old, err);
    status = status == MR_NOT_FOUND ? MR_OK : status;
    for (size_t at = 0; at < old.names.len && status == MR_OK;) {
        const char *name = (const char *)old.names.data + at;
        char path[600];
        snprintf(path, sizeof path, "state/%s", name);
        if (report) {
            mr_buf_printf(report, "remove state %s\n", path);
        } else {
            status = mr_disk_remove_tree(disk, path, err);
        }
        at += strlen(name) + 1;
    }
    mr_buf_deinit(&old.names);
    return status;
}

mr_status mr_job_remove_older(mr_job *job, int64_t generation, mr_disk *data_disk, mr_buf *report,
                              mr_err *err) {
    mr_status status = remove_topics(job, generation, report, err);
    return status == MR_OK ? remove_states(job, generation, data_disk, report, err) : status;
}
