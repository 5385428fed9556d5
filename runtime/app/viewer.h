/* runtime/app/viewer.h - what a verb that only reads looks at: the settings, the log, and the job
 * that says what is in it. Thread: main. */
#pragma once

#include "runtime/app/job_file.h"
#include "runtime/app/log_view.h"
#include "runtime/app/settings.h"

typedef struct mr_viewer {
    mr_settings settings;
    mr_job_file *job; /* of --job, with its plan; NULL: not given */
    mr_log_view *view;
} mr_viewer;

/* As --data, --config and --job say. Anything but MR_EXIT_OK was said on stderr; to be closed in
 * any case. */
mr_exit mr_viewer_open(const mr_arguments *arguments, mr_viewer *out);
void mr_viewer_close(mr_viewer *viewer);
/* NULL: --job was not given. */
const mr_plan *mr_viewer_plan(const mr_viewer *viewer);
/* Says that there is no topic, nor a stream of the job, of that name, and what may be meant. */
void mr_viewer_say_no_topic(const mr_viewer *viewer, const char *name);
