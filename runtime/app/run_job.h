/* runtime/app/run_job.h - one job of a run: opened on the log, its workers on threads of their own.
 * Thread: main. */
#pragma once

#include "runtime/app/breaks.h"
#include "runtime/app/job_file.h"
#include "runtime/app/log_service.h"
#include "runtime/app/settings.h"
#include "runtime/app/thread_worker.h"

/* What all jobs of a process share. Borrowed while they run. */
typedef struct mr_run_env {
    mr_log_service *log;
    const mr_settings *settings;
    mr_breaks breaks;
    mr_clock clock;
    mr_script_factory scripts;
    mr_store_factory stores;
    mr_run_until until;
    uint32_t jobs_count;     /* they share memory, spill bound and rate evenly */
    void (*tell)(void *arg); /* from a worker's thread: it failed, stopped or is gone */
    void *tell_arg;
} mr_run_env;

typedef struct mr_run_job {
    const mr_job_file *file; /* borrowed */
    mr_job *job;
    mr_board board;
    mr_worker **workers;
    mr_worker_thread **threads;
    uint32_t workers_count;
} mr_run_job;

/* Topics, generation and members; nothing runs yet. On failure nothing is left. */
mr_status mr_run_job_open(const mr_run_env *env, const mr_job_file *file, mr_run_job **out,
                          mr_err *err) MR_CHECKED;
void mr_run_job_start(mr_run_job *job);
/* Its threads are joined, or never started, and nobody pushes any more (mr_log_service_stop). */
void mr_run_job_close(mr_run_job *job);

/* Tells all workers. */
void mr_run_job_set_phase(mr_run_job *job, mr_run_phase phase);
