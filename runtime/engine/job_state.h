/* runtime/engine/job_state.h - the inside of a job's start, shared by job.c, job_log.c (what the
 * log says), job_topics.c (topics), job_start.c (members) and job_reset.c. Nobody else includes it.
 * Thread: the control thread. */
#pragma once

#include "log/client/fetch_reader.h"
#include "runtime/base/map.h"
#include "runtime/engine/job.h"

/* The newest committed position of one (group, topic, partition). */
typedef struct job_position {
    char *group;
    char *topic;
    int32_t partition;
    int64_t offset;
    int64_t generation;
    char *metadata;
} job_position;

/* The newest JOB record of a job; lists live in the arena of the job that read it. */
typedef struct job_record {
    bool present;
    mr_metadata metadata;
} job_record;

struct mr_job {
    const mr_plan *plan;
    mr_log_caller caller;
    mr_arena *arena;
    mr_job_topics topics;
    mr_partition_id positions_partition;
    job_record record;   /* of this job */
    mr_metadata *others; /* the newest JOB records of other jobs */
    size_t others_count;
    mr_lag **lags;     /* by repartition and partition */
    mr_map *positions; /* "group\0topic\0partition" -> job_position */
};

/* Pseudo stores in a JOB record: what the job's shape promises beside its stores. */
#define JOB_OUTPUT_PREFIX ".output."           /* a topic that the job's steps write */
#define JOB_REPARTITION_PREFIX ".repartition." /* senders and partitions of a repartition */
#define JOB_TASK_PREFIX ".task."               /* the sub-topology that a store belongs to */

/* job_log.c */
/* One request, waited for. The answer stays in *request until it is recycled by the caller. */
mr_status mr_job_call(mr_job *job, mr_log_request *request, mr_err *err) MR_CHECKED;
typedef mr_status (*job_visit)(mr_job *job, const mr_record *record, mr_err *err);
/* Every committed record of a partition, from its start to its stable end. */
mr_status mr_job_read_all(mr_job *job, mr_partition_id partition, job_visit visit,
                          mr_err *err) MR_CHECKED;
mr_status mr_job_load(mr_job *job, mr_err *err) MR_CHECKED; /* records of jobs, positions, log id */
const job_position *mr_job_position(const mr_job *job, const char *group, const char *topic,
                                    int32_t partition);
mr_status mr_job_write_record(mr_job *job, const mr_metadata *metadata, mr_err *err) MR_CHECKED;
/* Definitions of stores, repartitions and outputs of the plan, in the arena. */
void mr_job_definitions(mr_job *job, mr_metadata *metadata);
mr_job *mr_job_create(const mr_plan *plan, mr_log_caller caller);

/* job_topics.c */
mr_status mr_job_describe(mr_job *job, const char *topic, mr_topic_description *out,
                          mr_err *err) MR_CHECKED; /* MR_NOT_FOUND */
mr_status mr_job_check_streams(mr_job *job,
                               mr_err *err) MR_CHECKED; /* existing ones must be as the plan says */
mr_status mr_job_create_streams(mr_job *job, mr_err *err) MR_CHECKED;
mr_status mr_job_create_internal(mr_job *job, mr_err *err) MR_CHECKED;
/* Internal topics and state directories of generations below this one; report NULL: remove them,
 * else only say so. */
mr_status mr_job_remove_older(mr_job *job, int64_t generation, mr_disk *data_disk, mr_buf *report,
                              mr_err *err) MR_CHECKED;
mr_status mr_job_purge(mr_job *job, mr_partition_id partition, int64_t offset,
                       mr_err *err) MR_CHECKED;
mr_status mr_job_offsets(mr_job *job, mr_partition_id partition, mr_log_offsets *out,
                         mr_err *err) MR_CHECKED;
