#include "runtime/engine/job.h"

#include <stdio.h>

#include "runtime/base/alloc.h"
#include "runtime/base/assert.h"
#include "runtime/engine/job_state.h"

static bool has_prefix(mr_bytes bytes, const char *prefix) {
    size_t len = strlen(prefix);
    return bytes.len >= len && memcmp(bytes.data, prefix, len) == 0;
}

static const mr_store_definition *find_definition(const mr_metadata *metadata, mr_bytes store) {
    for (size_t i = 0; i < metadata->stores_count; i++) {
        if (mr_bytes_equal(metadata->stores[i].store, store)) {
            return &metadata->stores[i];
        }
    }
    return NULL;
}

/* A store keeps its definition (LANGUAGE rule 15). */
static mr_status check_definitions(const mr_metadata *before, const mr_metadata *now, mr_err *err) {
    for (size_t i = 0; i < now->stores_count; i++) {
        const mr_store_definition *wanted = &now->stores[i];
        const mr_store_definition *kept = find_definition(before, wanted->store);
        if (!kept || mr_bytes_equal(kept->definition, wanted->definition)) {
            continue;
        }
        if (has_prefix(wanted->store, JOB_REPARTITION_PREFIX)) {
            size_t skip = strlen(JOB_REPARTITION_PREFIX);
            return mr_err_set(err, MR_INVALID,
                              "the repartition before '%.*s' was: %.*s\n   it would be: %.*s\n"
                              "   nothing was touched; `millrace reset` starts a new generation",
                              (int)(wanted->store.len - skip), wanted->store.data + skip,
                              (int)kept->definition.len, kept->definition.data,
                              (int)wanted->definition.len, wanted->definition.data);
        }
        if (has_prefix(wanted->store, JOB_TASK_PREFIX)) {
            size_t skip = strlen(JOB_TASK_PREFIX);
            return mr_err_set(
                err, MR_INVALID,
                "store '%.*s' belongs to the task of input '%.*s', it would belong to "
                "that of '%.*s', which does not know how far its windows are closed\n"
                "   its state is untouched; either `millrace reset` (state and results "
                "are made anew from the source topics), or give the step a new store "
                "name",
                (int)(wanted->store.len - skip), wanted->store.data + skip,
                (int)kept->definition.len, kept->definition.data, (int)wanted->definition.len,
                wanted->definition.data);
        }
        return mr_err_set(
            err, MR_INVALID,
            "store '%.*s' was: %.*s\n   it would be: %.*s\n"
            "   its state is untouched; either `millrace reset` (state and results are made anew "
            "from the source topics), or give the step a new store name",
            (int)wanted->store.len, wanted->store.data, (int)kept->definition.len,
            kept->definition.data, (int)wanted->definition.len, wanted->definition.data);
    }
    return MR_OK;
}

static bool same_definitions(const mr_metadata *a, const mr_metadata *b) {
    if (a->stores_count != b->stores_count) {
        return false;
    }
    for (size_t i = 0; i < a->stores_count; i++) {
        const mr_store_definition *other = find_definition(b, a->stores[i].store);
        if (!other || !mr_bytes_equal(other->definition, a->stores[i].definition)) {
            return false;
        }
    }
    return true;
}

/* What this generation had and the job names no more stays in the list: its topics are still there,
 * and whoever takes such a name again must mean the same by it. */
static void keep_unnamed(mr_job *job, const mr_metadata *before, mr_metadata *now) {
    size_t most = now->stores_count + before->stores_count;
    mr_store_definition *all = mr_arena_zalloc(job->arena, (most + 1) * sizeof *all);
    size_t count = now->stores_count;
    memcpy(all, now->stores, count * sizeof *all);
    for (size_t i = 0; i < before->stores_count; i++) {
        if (!find_definition(now, before->stores[i].store)) {
            all[count++] = before->stores[i];
        }
    }
    now->stores = all;
    now->stores_count = count;
}

/* Writes generation 1, or the changed list of what this generation has. */
static mr_status settle_record(mr_job *job, mr_now now, mr_err *err) {
    mr_metadata wanted = {.kind = MR_METADATA_JOB,
                          .name = mr_bytes_text(job->plan->job),
                          .generation = 1,
                          .timestamp_ms = now.wall_ms};
    mr_job_definitions(job, &wanted);
    if (job->record.present) {
        const mr_metadata *kept = &job->record.metadata;
        mr_status status = check_definitions(kept, &wanted, err);
        if (status != MR_OK) {
            return mr_err_wrap(err, status, "job %s", job->plan->job);
        }
        wanted.generation = kept->generation;
        wanted.starts = kept->starts;
        wanted.starts_count = kept->starts_count;
        wanted.emptied = kept->emptied;
        wanted.emptied_count = kept->emptied_count;
        keep_unnamed(job, kept, &wanted);
        if (same_definitions(kept, &wanted)) {
            job->topics.generation = wanted.generation;
            return MR_OK;
        }
    }
    job->topics.generation = wanted.generation;
    return mr_job_write_record(job, &wanted, err);
}

/* What a reset had still to empty when it was cut short; done before is done. */
static mr_status finish_emptying(mr_job *job, mr_err *err) {
    const mr_metadata *record = &job->record.metadata;
    for (size_t i = 0; i < record->starts_count; i++) {
        const mr_start_position *start = &record->starts[i];
        char name[MR_TOPIC_NAME_MAX + 1];
        snprintf(name, sizeof name, "%.*s", (int)start->topic.len, (const char *)start->topic.data);
        mr_topic_description topic;
        mr_err ignored = {0};
        mr_status status = mr_job_describe(job, name, &topic, &ignored);
        if (status == MR_NOT_FOUND || (status == MR_OK && start->partition >= topic.partitions)) {
            continue;
        }
        if (status == MR_OK) {
            status = mr_job_purge(job, topic.partition_first + (uint32_t)start->partition,
                                  start->offset, err);
        }
        if (status != MR_OK) {
            return mr_err_wrap(err, status, "emptying topic %s", name);
        }
    }
    return MR_OK;
}

mr_status mr_job_open(const mr_plan *plan, mr_log_caller caller, mr_disk *data_disk, mr_now now,
                      mr_job **out, mr_err *err) {
    mr_job *job = mr_job_create(plan, caller);
    mr_status status = mr_job_load(job, err);
    if (status == MR_OK) {
        status = mr_job_check_streams(job, err);
    }
    if (status == MR_OK) {
        status = settle_record(job, now, err);
    }
    if (status == MR_OK) {
        status = mr_job_create_streams(job, err);
    }
    if (status == MR_OK) {
        status = mr_job_create_internal(job, err);
    }
    if (status == MR_OK) {
        status = finish_emptying(job, err);
    }
    if (status == MR_OK) {
        status = mr_job_remove_older(job, job->topics.generation, data_disk, NULL, err);
    }
    if (status != MR_OK) {
        mr_job_close(job);
        return status;
    }
    *out = job;
    return MR_OK;
}

/* ---- the end of a run ---- */

static mr_status member_at_end(mr_job *job, const mr_member *member, bool *at_end, mr_err *err) {
    mr_partition_id partition;
    int64_t offset;
    for (uint32_t i = 0; *at_end && member->ops->input(member, i, &partition, &offset); i++) {
        mr_log_offsets offsets;
        mr_status status = mr_job_offsets(job, partition, &offsets, err);
        if (status != MR_OK) {
            return status;
        }
        *at_end = offset >= offsets.stable_end;
    }
    return MR_OK;
}

mr_status mr_job_at_end(mr_job *job, mr_worker *const *workers, uint32_t workers_count,
                        bool *at_end, mr_err *err) {
    *at_end = true;
    for (uint32_t w = 0; w < workers_count && *at_end; w++) {
        *at_end = mr_worker_quiet(workers[w]);
        for (size_t m = 0; *at_end && m < mr_worker_members(workers[w]); m++) {
            mr_status status = member_at_end(job, mr_worker_member(workers[w], m), at_end, err);
            if (status != MR_OK) {
                return status;
            }
        }
    }
    return MR_OK;
}
