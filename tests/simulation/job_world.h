/* tests/simulation/job_world.h - the whole program on one thread: simulated disk, log core and
 * driver, every worker with its tasks, sources and sinks, the real checker and Lua, a model store
 * in RocksDB's place, a work pool, the control loop's questions, and a virtual clock.
 *
 *   mr_job_world_open --> step / run --> DONE, FAILED --> mr_job_world_close
 *                              |
 *                              v the disk's stop point
 *                           CRASHED --> mr_model_store_crash, mr_job_world_drop, mr_sim_disk_crash,
 *                                       mr_job_world_open on what is left
 *
 * Each step runs one thing that can run, chosen by the seed: a step of the driver, one work of the
 * pool, a step of one worker, a look of the control loop; with none, the clock goes on to the
 * nearest deadline. The files of the data directory and of the connectors lie on one disk. The same
 * options over the same disk give the same run. Thread: owner only.
 */
#pragma once

#include "log/core/recovery.h"
#include "runtime/engine/job.h"
#include "tests/simulation/model_store.h"
#include "tests/simulation/sim_disk.h"

typedef struct mr_job_world mr_job_world;

/* Who is kept waiting when several can run. */
typedef enum mr_job_schedule {
    MR_JOB_SCHEDULE_EVEN,
    MR_JOB_SCHEDULE_SLOW_IO,
    MR_JOB_SCHEDULE_SLOW_LOG,
    MR_JOB_SCHEDULE_SLOW_WORKERS,
    MR_JOB_SCHEDULE_LAME_WORKER, /* the first one lags behind the others */
    MR_JOB_SCHEDULES,
} mr_job_schedule;

typedef struct mr_job_world_options {
    uint64_t seed;
    mr_job_schedule schedule;
    uint32_t workers; /* 0: 1 */
    int64_t commit_interval_ms;
    size_t txn_bytes_max;     /* 0: MR_TXN_BYTES_MAX */
    uint64_t spill_bytes_max; /* 0: never by size */
    uint64_t rows_bytes_max;  /* 0: never by memory */
    int64_t spill_age_ms;     /* 0: never by age */
    uint32_t fetch_bytes_max; /* 0: MR_FETCH_BYTES_MAX */
    uint64_t rate;            /* source records a second; 0: no bound */
    int64_t step_ns;          /* what one step takes; 0: 20000 */
    uint64_t segment_bytes_max;
    mr_run_until until;
    uint32_t log_breaks, graph_breaks, writeback_breaks;
    mr_now start;         /* 0: a fixed moment */
    const char *job_text; /* borrowed for life */
    const char *job_file; /* the name in messages */
    /* Called when a task has been restored and has taken nothing yet. */
    void (*restored)(void *arg, mr_job_world *world, const mr_member *task);
    void *restored_arg;
} mr_job_world_options;

typedef enum mr_job_world_end {
    MR_JOB_BUSY,    /* the steps given are over */
    MR_JOB_DONE,    /* until-end: everything is committed, the log is shut down */
    MR_JOB_FAILED,  /* mr_job_world_failure says why */
    MR_JOB_CRASHED, /* the disk is off */
} mr_job_world_end;

/* Recovers, compiles, opens and starts the job. On failure nothing is left (the disk may be off).
 * The disk and the model are borrowed. */
mr_status mr_job_world_open(mr_sim_disk *sim, mr_model_store *model,
                            const mr_job_world_options *options, mr_job_world **out,
                            mr_err *err) MR_CHECKED;
mr_job_world_end mr_job_world_run(mr_job_world *world, uint64_t steps_max);
/* As a signal does: commit what is there and leave; then it is DONE. */
void mr_job_world_stop(mr_job_world *world);
const mr_failure *mr_job_world_failure(const mr_job_world *world);
/* Frees everything without I/O, however much is under way. Model stores that are still open are
 * closed: crash the model before, or they keep what they have. NULL is fine. */
void mr_job_world_drop(mr_job_world *world);

mr_now mr_job_world_now(const mr_job_world *world);
const mr_board *mr_job_world_board(const mr_job_world *world);
const mr_plan *mr_job_world_plan(const mr_job_world *world);
const mr_recovery_report *mr_job_world_recovery(const mr_job_world *world);
uint64_t mr_job_world_steps(const mr_job_world *world);
mr_sim_disk *mr_job_world_disk(const mr_job_world *world);

/* ---- the state, as tasks see it (job_world_state.c) ---- */

bool mr_job_world_is_task(const mr_member *member); /* and no source or sink */
uint32_t mr_job_world_workers(const mr_job_world *world);
mr_worker *mr_job_world_worker(const mr_job_world *world, uint32_t index);

/* One changelogged family of a task. */
typedef struct mr_job_family {
    const char *name; /* "_task" or the store's */
    char changelog[MR_TOPIC_NAME_MAX + 1];
    int32_t partition;
    bool windowed;
} mr_job_family;
bool mr_job_world_family(const mr_job_world *world, const mr_member *task, uint32_t index,
                         mr_job_family *out); /* false: past the last */
/* Every live row of a family, from memory merged with the model store, in key order. */
typedef void (*mr_job_row_visit)(void *arg, mr_bytes key, mr_bytes value);
mr_status mr_job_world_rows(const mr_member *task, uint32_t family, mr_job_row_visit visit,
                            void *arg, mr_err *err) MR_CHECKED;
/* The most that a restart may have to replay for this family, in changelog records, as of now: what
 * lies behind its flushed position. */
int64_t mr_job_world_unflushed(const mr_member *task, uint32_t family);

/* ---- reset, as the command line does it without a running job ---- */

/* Opens the log, resets the job, shuts the log down. MR_UNAVAILABLE: the disk went off. */
mr_status mr_job_world_reset(mr_sim_disk *sim, mr_model_store *model,
                             const mr_job_world_options *options, mr_err *err) MR_CHECKED;
