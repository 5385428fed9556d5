/* runtime/engine/job.h - a job's start and its reset, as far as both are the log's business:
 * topics, generation, store definitions, positions; then the members, given to workers. The same
 * code under the app and the simulator. Thread: the control thread (or the simulator's); calls wait
 * through `pump`. */
#pragma once

#include "runtime/engine/sink_task.h"
#include "runtime/engine/source_task.h"
#include "runtime/engine/task.h"
#include "runtime/engine/worker.h"

/* Calls to the log that wait (mr_log_client_call). */
typedef struct mr_log_caller {
    mr_log_client *client;
    void (*pump)(void *arg);
    void *arg;
} mr_log_caller;

typedef struct mr_job mr_job;

/* Checks topics (a differing existing one is MR_INVALID), creates missing ones; reads the job's
 * newest metadata record: none: generation 1 is written with the stores' definitions; other
 * definitions: MR_INVALID, naming the ways out
 * (`reset`, a new store name), nothing touched. Folds __consumer_offsets into positions. Removes
 * internal topics and state directories of older generations, idempotently. */
mr_status mr_job_open(const mr_plan *plan, mr_log_caller caller, mr_disk *data_disk, mr_now now,
                      mr_job **out, mr_err *err) MR_CHECKED;
void mr_job_close(mr_job *job); /* after its members are gone */

typedef struct mr_job_run_config {
    uint32_t workers;
    mr_script_factory scripts;
    mr_store_factory stores;
    mr_disk *connector_disk;
    mr_work_pool pool;
    mr_board *board;
    int64_t commit_interval_ms;
    uint64_t spill_bytes_max; /* over the process */
    uint64_t rows_bytes_max;  /* likewise: memory of rows, then they are spilled; 0: any */
    int64_t spill_age_ms;
    uint32_t fetch_bytes_max; /* 0: MR_FETCH_BYTES_MAX */
    size_t txn_bytes_max;     /* 0: MR_TXN_BYTES_MAX */
    uint64_t rate;
    uint32_t graph_breaks, writeback_breaks;
    /* One client and one works-mailbox for each worker; taken over. */
    mr_log_client *(*client)(void *arg, uint32_t worker);
    mr_mailbox *(*mailbox)(void *arg, uint32_t worker);
    void *arg;
} mr_job_run_config;

/* workers_out: config.workers pointers, owned by caller. Members are spread round-robin by (depth,
 * name, partition). */
mr_status mr_job_start(mr_job *job, const mr_job_run_config *config, mr_worker **workers_out,
                       mr_err *err) MR_CHECKED;
/* --until-end: every member quiet, and every input at the log's last stable end now. */
mr_status mr_job_at_end(mr_job *job, mr_worker *const *workers, uint32_t workers_count,
                        bool *at_end, mr_err *err) MR_CHECKED;

/* ---- reset (DESIGN section 5, last paragraph) ---- */

typedef struct mr_reset_config {
    enum { MR_RESET_DRY_RUN, MR_RESET_DO } mode;
    enum { MR_RESET_EMPTY_OUTPUTS, MR_RESET_APPEND } outputs;
    mr_disk *data_disk;
    mr_disk *connector_disk;
} mr_reset_config;

/* One durable record: generation g+1, start positions earliest. Then empties the job's own outputs
 * and one-file sinks, removes old internal topics and state, idempotently (mr_job_open does what a
 * crash left). report: what is (or would be) done, line by line. MR_INVALID: an output has other
 * writers and `append` was not given. */
mr_status mr_job_reset(const mr_plan *plan, mr_log_caller caller, const mr_reset_config *config,
                       mr_now now, mr_buf *report, mr_err *err) MR_CHECKED;
