/* runtime/app/exit_status.h - what the process says when it ends. Thread: any. */
#pragma once

typedef enum mr_exit {
    MR_EXIT_OK = 0,
    MR_EXIT_STOPPED = 1, /* a job does not check, or stopped; or something is not there */
    MR_EXIT_USAGE = 2,   /* the command line or the settings file is wrong */
    MR_EXIT_ERROR_RECORDS =
        3, /* it went well, but records went to an on_error stream in this run */
    MR_EXIT_INTERRUPTED =
        130, /* left without a commit: a second signal, or nothing moved any more */
} mr_exit;
