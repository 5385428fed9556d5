/* runtime/app/control.h - the control loop of a run: signals, progress, the end.
 *
 *   WORKING --all inputs at their end--> DRAINING --sinks too--> STOPPING --all workers stopped-->
 * DONE
 *      \______________ signal, failure ______________________________^
 *
 * DRAINING only with --until-end. A second signal leaves the process at once.
 * Thread: main; tell() any. */
#pragma once

#include "runtime/app/progress.h"
#include "runtime/app/run_job.h"

typedef struct mr_control mr_control;

/* Before anything that may tell it something. */
mr_control *mr_control_create(mr_clock clock);
void mr_control_destroy(mr_control *control);
/* Something happened on another thread: look soon. control: an mr_control. Thread: any. */
void mr_control_tell(void *control);

typedef struct mr_control_config {
    mr_log_service *log;
    mr_run_job *const *jobs;
    size_t jobs_count;
    mr_run_until until;
    mr_progress *progress;
} mr_control_config;

typedef enum mr_control_end {
    MR_CONTROL_STOPPED, /* every worker committed and stopped */
    MR_CONTROL_FAILED,  /* a worker or the log failed; the others committed what they had */
    MR_CONTROL_FORCED,  /* a worker did not stop in time: its last work is not committed */
} mr_control_end;

/* Starts the jobs' threads and returns when they have stopped. failure: why, for MR_CONTROL_FAILED.
 */
mr_control_end mr_control_run(mr_control *control, const mr_control_config *config,
                              mr_failure *failure);
/* Adds the jobs' counters up. */
mr_run_totals mr_control_totals(mr_run_job *const *jobs, size_t jobs_count);
