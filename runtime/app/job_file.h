/* runtime/app/job_file.h - a job file as named on the command line: its text, its folder, its plan.
 * Thread: main. */
#pragma once

#include "runtime/app/catalog.h"

typedef struct mr_job_file {
    char *path; /* as given */
    mr_buf text;
    mr_disk *folder; /* root of its connectors and of ${file:PATH} */
    mr_plan *plan;   /* of the last compile that went well; NULL: none */
    size_t errors;   /* of the last compile */
    size_t warnings;
} mr_job_file;

/* MR_INVALID, MR_NOT_FOUND, MR_UNAVAILABLE: it cannot be read. */
mr_status mr_job_file_open(const char *path, mr_job_file *out, mr_err *err) MR_CHECKED;
void mr_job_file_close(mr_job_file *file); /* fine when it was never opened (zeroed) */
/* Checks the text and makes the plan anew; what there is to say is appended to report. MR_INVALID:
 * the job does not check. */
mr_status mr_job_file_compile(mr_job_file *file, mr_topic_counts counts, mr_buf *report) MR_CHECKED;

/* Which diagnostics of a compile a person should see. */
typedef enum mr_job_file_say { MR_JOB_FILE_SAY_ALL, MR_JOB_FILE_SAY_ERRORS } mr_job_file_say;
/* Compiles every file and says on stderr what there is to say. MR_INVALID: some job does not check,
 * or two of them have one name or one source. */
mr_status mr_job_files_compile(mr_job_file *files, size_t count, mr_topic_counts counts,
                               mr_job_file_say say) MR_CHECKED;
/* Opens every path; says which cannot be, and then leaves nothing open. The array is owned by
 * caller. */
mr_status mr_job_files_open(const char *const *paths, size_t count, mr_job_file **out) MR_CHECKED;
void mr_job_files_close(mr_job_file *files, size_t count);
