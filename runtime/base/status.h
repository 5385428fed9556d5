/* runtime/base/status.h - the one error idiom: what the caller must do, plus an optional message.
 * Thread: any.
 *
 * A fallible function returns mr_status. If a person may have to read why, the last parameter is
 * `mr_err *err`, caller-owned, may be NULL; every layer prefixes its own context on the way up.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* X(name, text): the text is what a person reads when there is no message. */
#define MR_STATUS_MAP(X)                                                                           \
    X(OK, "ok")                                                                                    \
    X(NOT_FOUND, "not found")     /* the thing asked for is not there */                           \
    X(AGAIN, "not now")           /* nothing now, or a queue is full: call again later */          \
    X(INVALID, "invalid")         /* the user's input is wrong: tell the user */                   \
    X(EXISTS, "exists already")   /* creation without replacement found it there */                \
    X(FULL, "no space left")      /* the disk is full: stop cleanly, nothing is lost */            \
    X(UNAVAILABLE, "unavailable") /* unknown outcome or I/O error: go through recovery */          \
    X(FENCED, "fenced")           /* another owner took over: drop the task */                     \
    X(CORRUPT, "corrupt")         /* stored bytes are wrong: stop this partition */                \
    X(FATAL, "fatal")             /* a promise cannot be kept: stop the process */

typedef enum mr_status {
#define MR_STATUS_ENUM(name, text) MR_##name,
    MR_STATUS_MAP(MR_STATUS_ENUM)
#undef MR_STATUS_ENUM
} mr_status;

#define MR_CHECKED __attribute__((warn_unused_result))
#define MR_PRINTF(format_index, first_index)                                                       \
    __attribute__((format(printf, format_index, first_index)))

/* One message with its prefixes; longer ones are cut, never grown. */
#define MR_ERR_BYTES_MAX 1024

typedef struct mr_err {
    mr_status status;
    int sys; /* errno where there was one, else 0 */
    char message[MR_ERR_BYTES_MAX];
} mr_err;

/* An err that tells nothing yet, as {0}: where there is one for each record, clearing the whole
 * message would be felt. */
static inline void mr_err_clear(mr_err *err) {
    err->status = MR_OK;
    err->sys = 0;
    err->message[0] = '\0';
}

/* "OK", "NOT_FOUND", ... static. */
const char *mr_status_name(mr_status status);
/* The text of the table above; static. */
const char *mr_status_text(mr_status status);

/* Fills err (if not NULL) and returns status, so that `return mr_err_set(...)` reads well. */
mr_status mr_err_set(mr_err *err, mr_status status, const char *format, ...) MR_PRINTF(3, 4);
/* As mr_err_set, and appends ": <strerror(sys)>". */
mr_status mr_err_sys(mr_err *err, mr_status status, int sys, const char *format, ...)
    MR_PRINTF(4, 5);
/* Puts "prefix: " before the message (if err is not NULL) and returns status unchanged. */
mr_status mr_err_wrap(mr_err *err, mr_status status, const char *format, ...) MR_PRINTF(3, 4);
/* Maps errno to a status: ENOSPC/EDQUOT/EFBIG FULL, ENOENT NOT_FOUND, EEXIST EXISTS, else
 * UNAVAILABLE. */
mr_status mr_status_from_errno(int sys);
