#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>
#include <uv.h>

#include "runtime/app/control.h"
#include "runtime/app/messages.h"
#include "runtime/app/verbs.h"
#include "runtime/base/alloc.h"
#include "statestore/store_memory.h"
#include "statestore/store_rocksdb.h"

/* Of the memory budget: an eighth for RocksDB's blocks, an eighth for its memtables
 * (docs/settings.md). */
#define ROCKSDB_SHARE 8
#define LEAVE_MS_MAX 5000

typedef struct run {
    const mr_arguments *arguments;
    mr_settings settings;
    mr_job_file *files;
    size_t files_count;
    mr_control *control;
    mr_lua_factory *lua;
    mr_rocksdb_env *rocksdb;
    mr_run_env env;
    mr_run_job **jobs;
    mr_progress *progress;
} run_state;

/* ---- set-up ---- */

static mr_status take_breaks(run_state *run) {
    for (size_t i = 0; i < run->arguments->values_count; i++) {
        const mr_option_value *value = &run->arguments->values[i];
        mr_err err = {0};
        if (strcmp(value->option->name, "break") == 0 &&
            mr_breaks_add(&run->env.breaks, value->text, &err) != MR_OK) {
            mr_say("%s", err.message);
            return MR_INVALID;
        }
    }
    return MR_OK;
}

static void make_factories(run_state *run) {
    run->lua = mr_lua_factory_create(&(mr_lua_limits){0});
    run->env.scripts = mr_lua_script_factory(run->lua);
    if (run->settings.state == MR_STATE_MEMORY) {
        run->env.stores = mr_store_memory_factory();
        return;
    }
    uint64_t share = run->settings.memory_bytes / ROCKSDB_SHARE;
    run->rocksdb = mr_rocksdb_env_create(&(mr_rocksdb_config){
        .root = run->settings.data, .block_cache_bytes = share, .memtable_bytes = share});
    run->env.stores = mr_rocksdb_factory(run->rocksdb);
}

static mr_status open_log(run_state *run) {
    mr_log_service_config config = {.data = run->settings.data,
                                    .breaks = run->env.breaks.log,
                                    .clock = run->env.clock,
                                    .tell = mr_control_tell,
                                    .tell_arg = run->control};
    mr_recovery_report report = {0};
    mr_err err = {0};
    mr_status status = mr_log_service_open(&config, &run->env.log, &report, &err);
    if (status != MR_OK) {
        mr_say("%s", err.message);
        return status;
    }
    mr_recovery_report_say(&report);
    return MR_OK;
}

static void say_failure(mr_status status, const char *message) {
    mr_say("%s%s", status == MR_FULL ? "the disk is full: " : "stopped: ",
           message[0] ? message : mr_status_text(status));
    if (status == MR_FULL) {
        mr_say("nothing is lost: free space and run again, it goes on from the last commit");
    } else if (status == MR_UNAVAILABLE) {
        mr_say("what is committed is kept: put that right and run again, it goes on from there");
    }
}

static mr_status open_jobs(run_state *run) {
    run->jobs = mr_alloc_array(run->files_count, sizeof(mr_run_job *));
    for (size_t i = 0; i < run->files_count; i++) {
        mr_err err = {0};
        mr_status status = mr_run_job_open(&run->env, &run->files[i], &run->jobs[i], &err);
        if (status != MR_OK) {
            say_failure(status, err.message);
            return status;
        }
    }
    return MR_OK;
}

/* ---- the end ---- */

static void close_jobs(run_state *run) {
    for (size_t i = 0; run->jobs && i < run->files_count; i++) {
        mr_run_job_close(run->jobs[i]);
    }
    mr_free(run->jobs);
}

static void free_run(run_state *run) {
    mr_progress_destroy(run->progress);
    if (run->rocksdb) {
        mr_rocksdb_env_destroy(run->rocksdb);
    }
    if (run->lua) {
        mr_lua_factory_destroy(run->lua);
    }
    mr_job_files_close(run->files, run->files_count);
    mr_settings_deinit(&run->settings);
    mr_control_destroy(run->control);
}

/* The workers stopped; their parked fetches come back by the shutdown. false: not in time. */
static bool leave_workers(run_state *run) {
    for (size_t i = 0; i < run->files_count; i++) {
        for (uint32_t j = 0; j < run->jobs[i]->workers_count; j++) {
            mr_worker_thread_leave(run->jobs[i]->threads[j]);
        }
    }
    for (size_t i = 0; i < run->files_count; i++) {
        for (uint32_t j = 0; j < run->jobs[i]->workers_count; j++) {
            mr_worker_thread *thread = run->jobs[i]->threads[j];
            for (int waited = 0; !mr_worker_thread_gone(thread); waited++) {
                if (waited == LEAVE_MS_MAX) {
                    return false;
                }
                uv_sleep(1);
            }
            mr_worker_thread_join(thread);
        }
    }
    return true;
}

/* What workers tell of a failed log is only that it failed. */
static void say_why(const run_state *run, const mr_failure *failure) {
    const mr_err *log = mr_log_service_failure(run->env.log);
    say_failure(log ? log->status : failure->status, log ? log->message : failure->message);
}

static mr_exit exit_of(const mr_run_totals *totals, mr_control_end end) {
    if (end == MR_CONTROL_FAILED) {
        return MR_EXIT_STOPPED;
    }
    if (end == MR_CONTROL_FORCED) {
        return MR_EXIT_INTERRUPTED;
    }
    return totals->records_failed > 0 ? MR_EXIT_ERROR_RECORDS : MR_EXIT_OK;
}

/* Memory of a failed worker is worthless and its works may be under way: the process goes as it is,
 * and the lock with it. */
_Noreturn static void leave_process(run_state *run, mr_exit status) {
    mr_log_service_abandon(run->env.log);
    fflush(stdout);
    _exit(status);
}

static mr_exit work(run_state *run) {
    run->progress =
        mr_progress_create(isatty(STDERR_FILENO) ? MR_PROGRESS_TERMINAL : MR_PROGRESS_LINES,
                           mr_clock_now(&run->env.clock));
    mr_control_config config = {.log = run->env.log,
                                .jobs = run->jobs,
                                .jobs_count = run->files_count,
                                .until = run->env.until,
                                .progress = run->progress};
    mr_failure failure = {0};
    mr_control_end end = mr_control_run(run->control, &config, &failure);
    bool clean = end == MR_CONTROL_STOPPED && mr_log_service_shutdown(run->env.log) == MR_OK &&
                 leave_workers(run);
    mr_run_totals totals = mr_control_totals(run->jobs, run->files_count);
    mr_progress_summary(run->progress, &totals, mr_clock_now(&run->env.clock));
    if (end == MR_CONTROL_FAILED) {
        say_why(run, &failure);
    } else if (end == MR_CONTROL_FORCED) {
        mr_say("left without the last commit; the next run does that work again");
    }
    if (!clean) {
        leave_process(run, exit_of(&totals, end));
    }
    return exit_of(&totals, end);
}

static mr_exit run_files(run_state *run) {
    run->env.clock = mr_clock_system();
    run->env.settings = &run->settings;
    run->env.jobs_count = (uint32_t)run->files_count;
    run->env.until =
        mr_arguments_flag(run->arguments, "until-end") ? MR_RUN_UNTIL_END : MR_RUN_FOR_EVER;
    run->env.tell = mr_control_tell;
    run->env.tell_arg = run->control;
    if (mr_job_files_compile(run->files, run->files_count, (mr_topic_counts){0},
                             MR_JOB_FILE_SAY_ALL) != MR_OK ||
        open_log(run) != MR_OK) {
        return MR_EXIT_STOPPED;
    }
    make_factories(run);
    mr_exit result = MR_EXIT_STOPPED;
    if (mr_job_files_compile(run->files, run->files_count,
                             mr_log_service_topic_counts(run->env.log),
                             MR_JOB_FILE_SAY_ERRORS) == MR_OK &&
        open_jobs(run) == MR_OK) {
        result = work(run);
    }
    mr_log_service_stop(run->env.log);
    close_jobs(run);
    mr_log_service_close(run->env.log);
    return result;
}

static mr_exit run_verb(const mr_arguments *arguments) {
    run_state run = {.arguments = arguments};
    /* A file that may not grow further is a full disk, and a reader of messages that went away (an
     * interrupted `| tee`) is no reason to leave without a commit: errors, not signals. */
    signal(SIGXFSZ, SIG_IGN);
    signal(SIGPIPE, SIG_IGN);
    run.control = mr_control_create(mr_clock_system());
    mr_exit result = MR_EXIT_USAGE;
    if (mr_settings_load(arguments, &run.settings) == MR_OK && take_breaks(&run) == MR_OK) {
        result = MR_EXIT_STOPPED;
        if (mr_job_files_open(arguments->positionals, arguments->positionals_count, &run.files) ==
            MR_OK) {
            run.files_count = arguments->positionals_count;
            result = run_files(&run);
        }
    }
    free_run(&run);
    return result;
}

static const mr_option options[] = {
    {.name = "until-end",
     .kind = MR_OPTION_FLAG,
     .help = "work through all that bounded sources and topics hold, close\n"
             "their windows, and exit"},
    MR_OPTION_DATA,
    MR_OPTION_CONFIG,
    {.name = "workers",
     .kind = MR_OPTION_TEXT,
     .value_name = "N",
     .help = "threads that run tasks (default: one a core)"},
    {.name = "memory",
     .kind = MR_OPTION_TEXT,
     .value_name = "SIZE",
     .help = "memory budget of the process (default 512MiB)"},
    {.name = "commit-interval",
     .kind = MR_OPTION_TEXT,
     .value_name = "DURATION",
     .help = "a worker commits at least so often (default 100ms)"},
    {.name = "spill-bytes",
     .kind = MR_OPTION_TEXT,
     .value_name = "SIZE",
     .help = "changes that a restart may have to replay before rows are\n"
             "spilled to RocksDB (default 128MiB)"},
    {.name = "spill-age",
     .kind = MR_OPTION_TEXT,
     .value_name = "DURATION",
     .help = "and their age (default 60s)"},
    {.name = "rate",
     .kind = MR_OPTION_TEXT,
     .value_name = "N",
     .help = "source records per second (default 0: no bound)"},
    {.name = "state",
     .kind = MR_OPTION_TEXT,
     .value_name = "KIND",
     .help = "rocksdb, or memory: rebuilt from the changelog at each start"},
#ifdef MR_BROKEN
    {.name = "break",
     .kind = MR_OPTION_TEXT,
     .value_name = "NAME",
     .help = "break a promise on purpose (test builds only)"},
#endif
    {.name = "log", .kind = MR_OPTION_LATER},
    {.name = "reopen", .kind = MR_OPTION_LATER},
    MR_OPTIONS_END,
};

const mr_verb mr_verb_run = {
    .name = "run",
    .usage = "JOB.yaml... [options]",
    .summary = "run jobs over the log in the data directory",
    .details =
        "Without --until-end it runs until SIGINT or SIGTERM, which commits and exits within a\n"
        "second; a second signal leaves at once. A job that does not check is not started.\n"
        "Exit status: 0; 3 if records went to an on_error stream in this run; 1 if a job does\n"
        "not check or stopped.",
    .options = options,
    .positionals_min = 1,
    .positionals_max = SIZE_MAX,
    .run = run_verb,
};
