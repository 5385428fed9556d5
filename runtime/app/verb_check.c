#include <stdint.h>

#include "runtime/app/job_file.h"
#include "runtime/app/log_view.h"
#include "runtime/app/messages.h"
#include "runtime/app/settings.h"
#include "runtime/app/verbs.h"

/* Existing topics are compared where there is a log; without one the jobs stand for themselves. */
static mr_status open_view(const mr_settings *settings, mr_log_view **out) {
    mr_err err = {0};
    mr_status status = mr_log_view_open(settings->data, out, &err);
    if (status == MR_OK || status == MR_NOT_FOUND) {
        return MR_OK;
    }
    mr_say("%s", err.message);
    return status;
}

static mr_exit check(const mr_arguments *arguments, const mr_settings *settings) {
    mr_log_view *view = NULL;
    mr_job_file *files = NULL;
    size_t count = arguments->positionals_count;
    if (mr_job_files_open(arguments->positionals, count, &files) != MR_OK) {
        return MR_EXIT_STOPPED;
    }
    mr_exit result = MR_EXIT_STOPPED;
    if (open_view(settings, &view) == MR_OK &&
        mr_job_files_compile(files, count, mr_log_view_topic_counts(view), MR_JOB_FILE_SAY_ALL) ==
            MR_OK) {
        result = MR_EXIT_OK;
    }
    mr_log_view_close(view);
    mr_job_files_close(files, count);
    return result;
}

static mr_exit run(const mr_arguments *arguments) {
    mr_settings settings = {0};
    mr_exit result = MR_EXIT_USAGE;
    if (mr_settings_load(arguments, &settings) == MR_OK) {
        result = check(arguments, &settings);
    }
    mr_settings_deinit(&settings);
    return result;
}

static const mr_option options[] = {
    MR_OPTION_DATA,
    MR_OPTION_CONFIG,
    {.name = "against", .kind = MR_OPTION_LATER},
    {.name = "json", .kind = MR_OPTION_LATER},
    {.name = "sarif", .kind = MR_OPTION_LATER},
    {.name = "format", .kind = MR_OPTION_LATER},
    MR_OPTIONS_END,
};

const mr_verb mr_verb_check = {
    .name = "check",
    .usage = "JOB.yaml... [options]",
    .summary = "find everything that is wrong with jobs, without running them",
    .details =
        "All errors and warnings, sorted by position, with the line and what would be right.\n"
        "Topics that exist in the data directory are compared with what the jobs say; nothing\n"
        "is written. Exit status: 1 with errors; warnings alone leave 0.",
    .options = options,
    .positionals_min = 1,
    .positionals_max = SIZE_MAX,
    .run = run,
};
