#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "runtime/app/job_file.h"
#include "runtime/app/log_service.h"
#include "runtime/app/messages.h"
#include "runtime/app/settings.h"
#include "runtime/app/verbs.h"

typedef struct reset_state {
    const mr_arguments *arguments;
    const mr_settings *settings;
    mr_job_file *file;
    mr_log_service *log;
} reset_state;

/* Main reads the log's failure where it waits for answers. */
static void nobody_to_tell(void *arg) {
    (void)arg;
}

/* Prints what was (or would be) done when it went well. */
static mr_status call_reset(const reset_state *reset, mr_reset_config config) {
    mr_clock clock = mr_clock_system();
    mr_buf report = {0};
    mr_err err = {0};
    config.outputs =
        mr_arguments_flag(reset->arguments, "append") ? MR_RESET_APPEND : MR_RESET_EMPTY_OUTPUTS;
    config.data_disk = mr_log_service_disk(reset->log);
    config.connector_disk = reset->file->folder;
    mr_status status = mr_job_reset(reset->file->plan, mr_log_service_caller(reset->log), &config,
                                    mr_clock_now(&clock), &report, &err);
    if (status == MR_OK) {
        fputs(mr_buf_cstr(&report), stdout);
    } else if (status == MR_FULL) {
        mr_say("the disk is full (%s); free space and reset again: it goes on where it stopped",
               err.message);
    } else {
        mr_say("%s", err.message);
    }
    if (status == MR_UNAVAILABLE) {
        mr_say("put that right and reset again: it goes on where it stopped");
    }
    mr_buf_deinit(&report);
    return status;
}

static bool ask(const mr_plan *plan) {
    char answer[8] = "";
    fflush(stdout);
    fprintf(stderr, "Reset %s? [y/N] ", plan->job);
    return fgets(answer, sizeof answer, stdin) && (answer[0] == 'y' || answer[0] == 'Y');
}

static mr_exit reset_job(const reset_state *reset) {
    bool dry_run = mr_arguments_flag(reset->arguments, "dry-run");
    bool yes = mr_arguments_flag(reset->arguments, "yes");
    if ((dry_run || !yes) &&
        call_reset(reset, (mr_reset_config){.mode = MR_RESET_DRY_RUN}) != MR_OK) {
        return MR_EXIT_STOPPED;
    }
    if (dry_run) {
        return MR_EXIT_OK;
    }
    if (!yes && !ask(reset->file->plan)) {
        mr_say("nothing was touched");
        return MR_EXIT_STOPPED;
    }
    mr_status status = call_reset(reset, (mr_reset_config){.mode = MR_RESET_DO});
    return status == MR_OK ? MR_EXIT_OK : MR_EXIT_STOPPED;
}

static mr_exit with_log(reset_state *reset) {
    mr_log_service_config config = {
        .data = reset->settings->data, .clock = mr_clock_system(), .tell = nobody_to_tell};
    mr_recovery_report report = {0};
    mr_err err = {0};
    if (mr_log_service_open(&config, &reset->log, &report, &err) != MR_OK) {
        mr_say("%s", err.message);
        return MR_EXIT_STOPPED;
    }
    mr_recovery_report_say(&report);
    mr_exit result = MR_EXIT_STOPPED;
    if (mr_job_files_compile(reset->file, 1, mr_log_service_topic_counts(reset->log),
                             MR_JOB_FILE_SAY_ERRORS) == MR_OK) {
        result = reset_job(reset);
    }
    mr_log_service_close(reset->log);
    return result;
}

static mr_status check_usage(const mr_arguments *arguments) {
    const char *to = mr_arguments_text(arguments, "to");
    if (!to) {
        mr_say("reset: say where to start again: --to earliest");
        return MR_INVALID;
    }
    if (strcmp(to, "earliest") != 0) {
        mr_say("reset: --to %s is not in this version (--to earliest is)", to);
        return MR_INVALID;
    }
    if (!mr_arguments_flag(arguments, "yes") && !mr_arguments_flag(arguments, "dry-run") &&
        !(isatty(STDIN_FILENO) && isatty(STDERR_FILENO))) {
        mr_say("reset: without a terminal to ask on, say --yes (or --dry-run)");
        return MR_INVALID;
    }
    return MR_OK;
}

static mr_exit run(const mr_arguments *arguments) {
    signal(SIGXFSZ, SIG_IGN);
    mr_settings settings = {0};
    mr_exit result = MR_EXIT_USAGE;
    if (check_usage(arguments) == MR_OK && mr_settings_load(arguments, &settings) == MR_OK) {
        reset_state reset = {.arguments = arguments, .settings = &settings};
        result = MR_EXIT_STOPPED;
        if (mr_job_files_open(arguments->positionals, 1, &reset.file) == MR_OK) {
            if (mr_job_files_compile(reset.file, 1, (mr_topic_counts){0}, MR_JOB_FILE_SAY_ERRORS) ==
                MR_OK) {
                result = with_log(&reset);
            }
            mr_job_files_close(reset.file, 1);
        }
    }
    mr_settings_deinit(&settings);
    return result;
}

static const mr_option options[] = {
    {.name = "to",
     .kind = MR_OPTION_TEXT,
     .value_name = "earliest",
     .help = "where the new generation starts reading its sources' topics"},
    {.name = "append",
     .kind = MR_OPTION_FLAG,
     .help = "keep what the job has written; new results go behind it"},
    {.name = "dry-run", .kind = MR_OPTION_FLAG, .help = "say what would be done, do nothing"},
    {.name = "yes", .kind = MR_OPTION_FLAG, .help = "do not ask"},
    MR_OPTION_DATA,
    MR_OPTION_CONFIG,
    {.name = "sources", .kind = MR_OPTION_LATER},
    MR_OPTIONS_END,
};

const mr_verb mr_verb_reset = {
    .name = "reset",
    .usage = "JOB.yaml --to earliest [options]",
    .summary = "start a job anew: positions, state, internal topics and outputs together",
    .details =
        "One durable record begins the job's next generation; what belongs to older ones is then\n"
        "removed, also if that is cut short and the job run next. Kept: source topics, the\n"
        "positions of sources, marks. Topics that only this job writes are emptied; one with\n"
        "other writers is refused without --append. Asks on a terminal, after showing all of it.",
    .options = options,
    .positionals_min = 1,
    .positionals_max = 1,
    .run = run,
};
