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

static mr_status check_names(const mr_job_file *files, size_t count) {
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < i; j++) {
            if (strcmp(files[i].plan->job, files[j].plan->job) == 0) {
                mr_say("%s and %s both say `job: %s`: a job's name is its identity", files[j].path,
                       files[i].path, files[i].plan->job);
                return MR_INVALID;
            }
        }
    }
    return MR_OK;
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
    return status == MR_OK ? check_names(files, count) : status;
}

mr_status mr_job_files_open(const char *const *paths, size_t count, mr_job_file **out) {
    mr_job_file *files = mr_alloc_array(count, sizeof *files);
    for (size_t i = 0; i < count; i++) {
        mr_err err = {0};
        mr_status status = mr_job_file_open(paths[i], &files[i], &err);
        if (status != MR_OK) {
            mr_say("%s", err.message);
            mr_job_files_close(files, count);
            return status;
        }
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
