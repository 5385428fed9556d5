/* runtime/engine/task.h - a stream task: (sub-topology, partition), the unit of order, state and
 * parallelism.
 *
 *   CREATED --positions, ends known--> RESTORING_TASK --`_task` replayed--> RESTORING --stores
 * replayed--> READING_MARKS --own marks known--> RUNNING --STOPPING, committed--> STOPPED any
 * --error--> FAILED
 *
 * Times (DESIGN section 7): every input has sub-streams; a source partition is one, a repartition
 * partition has one per upstream task. Taking a record first moves the times, then closes what is
 * due, then the record itself runs. Inputs are taken in the order (carried time, input, offset); a
 * silent input holds the others until a record, a time record or a mark speaks for it. Marks
 * {cursors of all inputs, input, idle | awake | time T | end} are written in the transaction of
 * their effects and obeyed when the cursors match.
 */
#pragma once

#include "runtime/engine/graph.h"
#include "runtime/engine/member.h"
#include "runtime/engine/script.h"

/* Names and numbers found at the job's start (job.h), shared read-only by its members. */
typedef struct mr_job_topics {
    mr_topic_description *streams;         /* by plan stream; partitions 0: not used by this job */
    mr_topic_description *repartitions;    /* by plan repartition */
    mr_topic_description *changelogs;      /* by plan store */
    mr_topic_description *task_changelogs; /* by sub-topology */
    mr_topic_description marks;
    int64_t generation;
    char log_id[MR_UUID_TEXT_BYTES];
} mr_job_topics;

typedef struct mr_task_break_bits {
    uint32_t graph, writeback;
} mr_task_break_bits;

/* How far the reader of one repartition partition is behind. Thread: any. */
typedef struct mr_lag {
    _Atomic int64_t unread; /* offsets */
    atomic_bool held;       /* it has a record, but must wait for another input to speak */
} mr_lag;

typedef struct mr_task_config {
    const mr_plan *plan;
    uint32_t subtopology;
    int32_t partition;
    const mr_job_topics *topics;
    const int64_t *positions; /* by input of the sub-topology: next offset to read */
    const bool *remade;       /* by input: emptied by the reset that began this generation */
    mr_log_client *client;    /* the worker's */
    mr_mailbox *works;        /* the worker's */
    mr_work_pool pool;
    mr_script_factory scripts;
    mr_store_factory stores;
    mr_board *board;
    mr_lag *const *lags;      /* by repartition and partition; shared by the job's tasks */
    uint64_t spill_bytes_max; /* this task's share of what a restart may replay */
    uint64_t rows_bytes_max;  /* this task's share of the memory for rows */
    int64_t spill_age_ms;
    uint32_t fetch_bytes_max; /* 0: MR_FETCH_BYTES_MAX */
    size_t txn_bytes_max;     /* a step ends with so much to commit; 0: MR_TXN_BYTES_MAX */
    mr_task_break_bits breaks;
} mr_task_config;

mr_status mr_task_create(const mr_task_config *config, mr_member **out, mr_err *err) MR_CHECKED;
