#define _GNU_SOURCE /* strerror_r that returns the text */

#include "runtime/base/status.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "runtime/base/assert.h"

typedef struct status_words {
    const char *name;
    const char *text;
} status_words;

static const status_words status_table[] = {
#define STATUS_ROW(name, text) {#name, text},
    MR_STATUS_MAP(STATUS_ROW)
#undef STATUS_ROW
};

static const status_words *status_row(mr_status status) {
    size_t index = (size_t)status;
    MR_ASSERT(index < sizeof status_table / sizeof status_table[0]);
    return &status_table[index];
}

const char *mr_status_name(mr_status status) {
    return status_row(status)->name;
}

const char *mr_status_text(mr_status status) {
    return status_row(status)->text;
}

/* A message that filled its buffer may end inside a UTF-8 sequence: take the rest of it away. */
static void cut_torn_character(char *message, size_t cap) {
    size_t len = strlen(message);
    if (len + 1 < cap) {
        return;
    }
    size_t start = len;
    while (start > 0 && ((unsigned char)message[start - 1] & 0xC0) == 0x80) {
        start--;
    }
    if (start == 0) {
        return;
    }
    unsigned char lead = (unsigned char)message[start - 1];
    size_t wanted = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC0 ? 2 : 1;
    if (len - (start - 1) < wanted) {
        message[start - 1] = '\0';
    }
}

/* Appends to a message of MR_ERR_BYTES_MAX bytes and cuts what does not fit. */
static void append_text(char *message, const char *text) {
    size_t len = strlen(message);
    size_t room = MR_ERR_BYTES_MAX - 1 - len;
    size_t more = strnlen(text, room);
    memcpy(message + len, text, more);
    message[len + more] = '\0';
    cut_torn_character(message, MR_ERR_BYTES_MAX);
}

/* Formats beside err first: the arguments may point into err->message itself. */
static void format_text(char *out, const char *format, va_list args) {
    int written = vsnprintf(out, MR_ERR_BYTES_MAX, format, args);
    if (written < 0) {
        out[0] = '\0';
    }
    cut_torn_character(out, MR_ERR_BYTES_MAX);
}

mr_status mr_err_set(mr_err *err, mr_status status, const char *format, ...) {
    if (err != NULL) {
        char text[MR_ERR_BYTES_MAX];
        va_list args;
        va_start(args, format);
        format_text(text, format, args);
        va_end(args);
        err->status = status;
        err->sys = 0;
        memcpy(err->message, text, strlen(text) + 1);
    }
    return status;
}

mr_status mr_err_sys(mr_err *err, mr_status status, int sys, const char *format, ...) {
    if (err != NULL) {
        char text[MR_ERR_BYTES_MAX];
        va_list args;
        va_start(args, format);
        format_text(text, format, args);
        va_end(args);
        char reason[128];
        append_text(text, ": ");
        append_text(text, strerror_r(sys, reason, sizeof reason));
        err->status = status;
        err->sys = sys;
        memcpy(err->message, text, strlen(text) + 1);
    }
    return status;
}

mr_status mr_err_wrap(mr_err *err, mr_status status, const char *format, ...) {
    if (err != NULL) {
        char text[MR_ERR_BYTES_MAX];
        va_list args;
        va_start(args, format);
        format_text(text, format, args);
        va_end(args);
        append_text(text, ": ");
        append_text(text, err->message);
        err->status = status;
        memcpy(err->message, text, strlen(text) + 1);
    }
    return status;
}

mr_status mr_status_from_errno(int sys) {
    switch (sys) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
        return MR_FULL;
    case ENOENT:
        return MR_NOT_FOUND;
    case EEXIST:
        return MR_EXISTS;
    default:
        return MR_UNAVAILABLE;
    }
}
