#include "runtime/app/job_file.h"

#include "log/io/disk_posix.h"
#include "runtime/app/messages.h"
#include "runtime/app/text_file.h"
#include "runtime/base/alloc.h"
#include "runtime/base/limits.h"

mr_status mr_job_file_open(const char *path, mr_job_file *out, mr_err *err) {
    *out = (mr_job_file){.path = mr_strdup(path)};
    mr_status status = mr_text_file_read(path, MR_YAML_BYTES_MAX, &out->text, err);
    if (status == MR_OK) {
        char *folder = mr_text_file_folder(path);
        status = mr_disk_posix_open(folder, &out->folder, err);
        mr_free(folder);
    }
    if (status != MR_OK) {
        mr_job_file_close(out);
    }
    return status;
}

void mr_job_file_close(mr_job_file *file) {
    if (file->plan) {
        mr_plan_destroy(file->plan);
    }
    mr_disk_posix_close(file->folder);
    mr_buf_deinit(&file->text);
    mr_free(file->path);
    *file = (mr_job_file){0};
}

mr_status mr_job_file_compile(mr_job_file *file, mr_topic_counts counts, mr_buf *report) {
    mr_bytes text = mr_buf_view(&file->text);
    mr_diagnostics *diagnostics = mr_diagnostics_create(file->path, text);
    mr_app_catalog *catalog = mr_app_catalog_create(file->folder, counts);
    mr_plan *plan = NULL;
    mr_status status =
        mr_topology_compile(text, file->path, mr_app_catalog_of(catalog), diagnostics, &plan);
    file->errors = mr_diagnostics_errors(diagnostics);
    file->warnings = mr_diagnostics_warnings(diagnostics);
    mr_diagnostics_format(diagnostics, report);
    if (status == MR_OK) {
        if (file->plan) {
            mr_plan_destroy(file->plan);
        }
        file->plan = plan;
    }
    mr_app_catalog_destroy(catalog);
    mr_diagnostics_destroy(diagnostics);
    return status;
}

/* ---- several ---- */

/* A source's position belongs to its name and topic (LANGUAGE rule 16): two readers of one position
 * would both hand over all of it. */
static mr_status check_sources(const mr_job_file *a, const mr_job_file *b) {
    mr_status status = MR_OK;
    for (uint32_t i = 0; i < a->plan->sources_count; i++) {
        for (uint32_t j = 0; j < b->plan->sources_count; j++) {
            const char *name = a->plan->sources[i].name;
            const char *topic = a->plan->streams[a->plan->sources[i].stream].topic;
            if (strcmp(name, b->plan->sources[j].name) == 0 &&
                strcmp(topic, b->plan->streams[b->plan->sources[j].stream].topic) == 0) {
                mr_say("%s and %s both have the source '%s' to topic %s: it runs in one place at a "
                       "time, so leave it to one of them",
                       a->path, b->path, name, topic);
                status = MR_INVALID;
            }
        }
    }
    return status;
}

static mr_status check_together(const mr_job_file *a, const mr_job_file *b) {
    if (strcmp(a->plan->job, b->plan->job) == 0) {
        mr_say("%s and %s both say `job: %s`: a job's name is its identity", a->path, b->path,
               a->plan->job);
        return MR_INVALID;
    }
    return check_sources(a, b);
}

static mr_status check_pairs(const mr_job_file *files, size_t count) {
    mr_status status = MR_OK;
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < i; j++) {
            if (check_together(&files[j], &files[i]) != MR_OK) {
                status = MR_INVALID;
            }
        }
    }
    return status;
}

mr_status mr_job_files_compile(mr_job_file *files, size_t count, mr_topic_counts counts,
                               mr_job_file_say say) {
    mr_status status = MR_OK;
    for (size_t i = 0; i < count; i++) {
        mr_buf report = {0};
        mr_status one = mr_job_file_compile(&files[i], counts, &report);
        if (one != MR_OK || say == MR_JOB_FILE_SAY_ALL) {
            mr_say_text(mr_buf_view(&report));
        }
        mr_buf_deinit(&report);
        status = one != MR_OK ? MR_INVALID : status;
    }
    return status == MR_OK ? check_pairs(files, count) : status;
}

mr_status mr_job_files_open(const char *const *paths, size_t count, mr_job_file **out) {
    mr_job_file *files = mr_alloc_array(count, sizeof *files);
    mr_status status = MR_OK;
    for (size_t i = 0; i < count; i++) {
        mr_err err = {0};
        mr_status one = mr_job_file_open(paths[i], &files[i], &err);
        if (one != MR_OK) {
            mr_say("%s", err.message);
            status = one;
        }
    }
    if (status != MR_OK) {
        mr_job_files_close(files, count);
        return status;
    }
    *out = files;
    return MR_OK;
}

void mr_job_files_close(mr_job_file *files, size_t count) {
    for (size_t i = 0; i < count; i++) {
        mr_job_file_close(&files[i]);
    }
    mr_free(files);
}
