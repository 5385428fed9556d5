#include "runtime/app/control.h"

#include <signal.h>
#include <stdio.h>
#include <unistd.h>
#include <uv.h>

#include "runtime/app/exit_status.h"
#include "runtime/app/messages.h"
#include "runtime/base/alloc.h"
#include "runtime/base/assert.h"
#include "runtime/base/machine.h"

#define TICK_MS 100
#define TICK_UNTIL_END_MS 5
/* Two looks that find everything quiet, with nothing done between them, are worth asking the log.
 */
#define QUIET_LOOKS 2
/* A worker commits within milliseconds; one that is stuck in a slow disk's sync is left behind. */
#define STOP_NS_MAX 5000000000

enum { CONTROL_WORKING, CONTROL_DRAINING, CONTROL_STOPPING, CONTROL_DONE, CONTROL_STATES };
static const mr_machine_rule rules[CONTROL_STATES] = {
    [CONTROL_WORKING] = {"working", 1u << CONTROL_DRAINING | 1u << CONTROL_STOPPING},
    [CONTROL_DRAINING] = {"draining", 1u << CONTROL_STOPPING},
    [CONTROL_STOPPING] = {"stopping", 1u << CONTROL_DONE},
    [CONTROL_DONE] = {"done", 0},
};

struct mr_control {
    uv_loop_t loop;
    uv_async_t wake;
    uv_timer_t timer;
    uv_signal_t interrupt;
    uv_signal_t terminate;
    mr_clock clock;
    mr_control_config config;
    mr_machine machine;
    int signals;
    int64_t stopping_ns;
    uint32_t quiet_looks;
    uint64_t quiet_progress;
    mr_failure failure; /* status MR_OK: none */
    bool forced;
};

/* ---- all workers ---- */

typedef bool (*thread_question)(const mr_worker_thread *thread);

static bool all_threads(const mr_control *control, thread_question question) {
    for (size_t i = 0; i < control->config.jobs_count; i++) {
        const mr_run_job *job = control->config.jobs[i];
        for (uint32_t j = 0; j < job->workers_count; j++) {
            if (!question(job->threads[j])) {
                return false;
            }
        }
    }
    return true;
}

static bool stopped_or_failed(const mr_worker_thread *thread) {
    return mr_worker_thread_stopped(thread) || mr_worker_thread_failure(thread) != NULL;
}

static void look_again(mr_control *control) {
    for (size_t i = 0; i < control->config.jobs_count; i++) {
        mr_run_job *job = control->config.jobs[i];
        for (uint32_t j = 0; j < job->workers_count; j++) {
            mr_worker_thread_look(job->threads[j]);
        }
    }
}

static uint64_t progress_of_all(const mr_control *control) {
    uint64_t sum = 0;
    for (size_t i = 0; i < control->config.jobs_count; i++) {
        const mr_run_job *job = control->config.jobs[i];
        for (uint32_t j = 0; j < job->workers_count; j++) {
            sum += mr_worker_thread_progress(job->threads[j]);
        }
    }
    return sum;
}

mr_run_totals mr_control_totals(mr_run_job *const *jobs, size_t jobs_count) {
    mr_run_totals totals = {0};
    for (size_t i = 0; i < jobs_count; i++) {
        mr_run_totals_add(&totals, &jobs[i]->board);
    }
    return totals;
}

/* ---- moves ---- */

static void set_phase(mr_control *control, mr_run_phase phase) {
    for (size_t i = 0; i < control->config.jobs_count; i++) {
        mr_run_job_set_phase(control->config.jobs[i], phase);
    }
}

static void stop(mr_control *control) {
    if (control->machine.state >= CONTROL_STOPPING) {
        return;
    }
    mr_machine_move(&control->machine, CONTROL_STOPPING);
    control->stopping_ns = control->clock.mono_ns(control->clock.self);
    set_phase(control, MR_RUN_STOPPING);
}

static void fail(mr_control *control, const mr_failure *failure) {
    if (control->failure.status == MR_OK) {
        control->failure = *failure;
    }
    stop(control);
}

static void drain_sinks(mr_control *control) {
    mr_machine_move(&control->machine, CONTROL_DRAINING);
    control->quiet_looks = 0;
    set_phase(control, MR_RUN_DRAIN_SINKS);
    look_again(control);
}

/* ---- the end of a bounded run ---- */

/* The workers are parked: their members may be read. */
static mr_status ask_jobs(mr_control *control, bool *at_end, mr_err *err) {
    *at_end = true;
    for (size_t i = 0; i < control->config.jobs_count && *at_end; i++) {
        mr_run_job *job = control->config.jobs[i];
        mr_status status = mr_job_at_end(job->job, job->workers, job->workers_count, at_end, err);
        if (status != MR_OK) {
            return status;
        }
    }
    return MR_OK;
}

static bool pause_all(mr_control *control) {
    bool all = true;
    for (size_t i = 0; i < control->config.jobs_count; i++) {
        mr_run_job *job = control->config.jobs[i];
        for (uint32_t j = 0; j < job->workers_count; j++) {
            all = mr_worker_thread_pause(job->threads[j]) && all;
        }
    }
    return all;
}

static void resume_all(mr_control *control) {
    for (size_t i = 0; i < control->config.jobs_count; i++) {
        mr_run_job *job = control->config.jobs[i];
        for (uint32_t j = 0; j < job->workers_count; j++) {
            mr_worker_thread_resume(job->threads[j]);
        }
    }
}

static void ask_for_end(mr_control *control) {
    mr_err err = {0};
    bool at_end = false;
    mr_status status = MR_OK;
    if (pause_all(control)) {
        status = ask_jobs(control, &at_end, &err);
    }
    resume_all(control);
    control->quiet_looks = 0;
    if (status != MR_OK) {
        mr_failure failure = {.status = status};
        snprintf(failure.message, sizeof failure.message, "%s", err.message);
        fail(control, &failure);
    } else if (at_end && control->machine.state == CONTROL_WORKING) {
        drain_sinks(control);
    } else if (at_end) {
        stop(control);
    }
}

static void look_for_end(mr_control *control) {
    if (!all_threads(control, mr_worker_thread_looked)) {
        return;
    }
    uint64_t progress = progress_of_all(control);
    bool quiet = all_threads(control, mr_worker_thread_quiet);
    bool same = control->quiet_looks == 0 || progress == control->quiet_progress;
    control->quiet_looks = quiet && same ? control->quiet_looks + 1 : quiet ? 1 : 0;
    control->quiet_progress = progress;
    if (control->quiet_looks >= QUIET_LOOKS) {
        ask_for_end(control);
    }
    look_again(control);
}

/* ---- the loop ---- */

static void look_for_failures(mr_control *control) {
    const mr_err *log = mr_log_service_failure(control->config.log);
    if (log) {
        mr_failure failure = {.status = log->status};
        snprintf(failure.message, sizeof failure.message, "%s", log->message);
        /* Workers fail because of it, and may have been seen first. */
        control->failure = failure;
        fail(control, &failure);
    }
    for (size_t i = 0; i < control->config.jobs_count; i++) {
        const mr_run_job *job = control->config.jobs[i];
        for (uint32_t j = 0; j < job->workers_count; j++) {
            const mr_failure *failure = mr_worker_thread_failure(job->threads[j]);
            if (failure) {
                fail(control, failure);
            }
        }
    }
}

static void look_for_stop(mr_control *control) {
    int64_t waited_ns = control->clock.mono_ns(control->clock.self) - control->stopping_ns;
    bool all = all_threads(control, stopped_or_failed);
    if (!all && waited_ns < STOP_NS_MAX) {
        return;
    }
    control->forced = !all;
    mr_machine_move(&control->machine, CONTROL_DONE);
    uv_stop(&control->loop);
}

/* What members want people to know, e.g. that a state is rebuilt, and why. */
static void say_notices(mr_control *control) {
    for (size_t i = 0; i < control->config.jobs_count; i++) {
        const char *notice;
        while ((notice = mr_board_heard(&control->config.jobs[i]->board)) != NULL) {
            mr_progress_clear(control->config.progress);
            mr_say("%s", notice);
        }
    }
}

static void look(mr_control *control) {
    if (control->machine.state == CONTROL_DONE) {
        return;
    }
    say_notices(control);
    look_for_failures(control);
    if (control->config.until == MR_RUN_UNTIL_END && control->machine.state < CONTROL_STOPPING) {
        look_for_end(control);
    }
    if (control->machine.state == CONTROL_STOPPING) {
        look_for_stop(control);
    }
    mr_run_totals totals = mr_control_totals(control->config.jobs, control->config.jobs_count);
    mr_progress_tick(control->config.progress, &totals, mr_clock_now(&control->clock));
}

static void on_timer(uv_timer_t *timer) {
    look(timer->data);
}

/* Told by another thread, perhaps before or after the run: then there is nothing to look at. */
static void on_wake(uv_async_t *wake) {
    mr_control *control = wake->data;
    if (control->config.jobs_count > 0) {
        look(control);
    }
}

static void on_signal(uv_signal_t *handle, int number) {
    mr_control *control = handle->data;
    (void)number;
    control->signals++;
    mr_progress_clear(control->config.progress);
    if (control->signals > 1) {
        mr_say("left at once; what was not committed is done again by the next run");
        _exit(MR_EXIT_INTERRUPTED);
    }
    mr_say("committing and stopping (once more: leave at once)");
    stop(control);
    look(control);
}

mr_control *mr_control_create(mr_clock clock) {
    mr_control *control = mr_alloc(sizeof *control);
    control->clock = clock;
    mr_machine_init(&control->machine, "control", rules, CONTROL_STATES, CONTROL_WORKING);
    int failed = uv_loop_init(&control->loop);
    MR_ASSERT(failed == 0);
    control->wake.data = control;
    control->timer.data = control;
    control->interrupt.data = control;
    control->terminate.data = control;
    failed = uv_async_init(&control->loop, &control->wake, on_wake);
    failed |= uv_timer_init(&control->loop, &control->timer);
    failed |= uv_signal_init(&control->loop, &control->interrupt);
    failed |= uv_signal_init(&control->loop, &control->terminate);
    MR_ASSERT(failed == 0);
    return control;
}

void mr_control_destroy(mr_control *control) {
    uv_close((uv_handle_t *)&control->wake, NULL);
    uv_close((uv_handle_t *)&control->timer, NULL);
    uv_close((uv_handle_t *)&control->interrupt, NULL);
    uv_close((uv_handle_t *)&control->terminate, NULL);
    uv_run(&control->loop, UV_RUN_DEFAULT);
    int failed = uv_loop_close(&control->loop);
    MR_ASSERT(failed == 0);
    mr_free(control);
}

void mr_control_tell(void *control_) {
    mr_control *control = control_;
    uv_async_send(&control->wake);
}

mr_control_end mr_control_run(mr_control *control, const mr_control_config *config,
                              mr_failure *failure) {
    control->config = *config;
    uint64_t tick_ms = config->until == MR_RUN_UNTIL_END ? TICK_UNTIL_END_MS : TICK_MS;
    int failed = uv_signal_start(&control->interrupt, on_signal, SIGINT);
    failed |= uv_signal_start(&control->terminate, on_signal, SIGTERM);
    failed |= uv_timer_start(&control->timer, on_timer, tick_ms, tick_ms);
    MR_ASSERT(failed == 0);
    for (size_t i = 0; i < config->jobs_count; i++) {
        mr_run_job_start(config->jobs[i]);
    }
    uv_run(&control->loop, UV_RUN_DEFAULT);
    uv_timer_stop(&control->timer);
    uv_signal_stop(&control->interrupt);
    uv_signal_stop(&control->terminate);
    mr_progress_clear(config->progress);
    control->config.jobs_count = 0;
    *failure = control->failure;
    if (control->failure.status != MR_OK) {
        return MR_CONTROL_FAILED;
    }
    return control->forced ? MR_CONTROL_FORCED : MR_CONTROL_STOPPED;
}
