#include "runtime/app/viewer.h"

#include "runtime/app/messages.h"
#include "runtime/base/alloc.h"
#include "topologies/diagnostics.h"

/* The file is read first: a name that is wrong is told before the log is looked at. */
static mr_exit open_job_and_view(const char *path, mr_viewer *viewer) {
    mr_err err = {0};
    if (path && mr_job_files_open(&path, 1, &viewer->job) != MR_OK) {
        return MR_EXIT_STOPPED;
    }
    if (mr_log_view_open(viewer->settings.data, &viewer->view, &err) != MR_OK) {
        mr_say("%s", err.message);
        return MR_EXIT_STOPPED;
    }
    if (path && mr_job_files_compile(viewer->job, 1, mr_log_view_topic_counts(viewer->view),
                                     MR_JOB_FILE_SAY_ERRORS) != MR_OK) {
        return MR_EXIT_STOPPED;
    }
    return MR_EXIT_OK;
}

mr_exit mr_viewer_open(const mr_arguments *arguments, mr_viewer *out) {
    *out = (mr_viewer){0};
    if (mr_settings_load(arguments, &out->settings) != MR_OK) {
        return MR_EXIT_USAGE;
    }
    return open_job_and_view(mr_arguments_text(arguments, "job"), out);
}

void mr_viewer_close(mr_viewer *viewer) {
    mr_log_view_close(viewer->view);
    if (viewer->job) {
        mr_job_files_close(viewer->job, 1);
    }
    mr_settings_deinit(&viewer->settings);
    *viewer = (mr_viewer){0};
}

const mr_plan *mr_viewer_plan(const mr_viewer *viewer) {
    return viewer->job ? viewer->job->plan : NULL;
}

void mr_viewer_say_no_topic(const mr_viewer *viewer, const char *name) {
    const mr_plan *plan = mr_viewer_plan(viewer);
    size_t streams_count = plan ? plan->streams_count : 0;
    size_t topics_count;
    const mr_topic_description *topics = mr_log_view_topics(viewer->view, &topics_count);
    const char **names = mr_alloc_array(topics_count + streams_count, sizeof *names);
    for (size_t i = 0; i < topics_count; i++) {
        names[i] = topics[i].name;
    }
    for (size_t i = 0; i < streams_count; i++) {
        names[topics_count + i] = plan->streams[i].name;
    }
    const char *near = mr_suggest(name, names, topics_count + streams_count);
    if (near) {
        mr_say("there is no topic '%s', did you mean '%s'?", name, near);
    } else {
        mr_say("there is no topic '%s' (`millrace topics list` lists them%s)", name,
               plan ? "" : "; for a stream's name `consume` needs its job: --job FILE");
    }
    mr_free(names);
}
