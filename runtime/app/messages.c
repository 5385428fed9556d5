#include "runtime/app/messages.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#define MESSAGE_BYTES_MAX 4096

/* A failed write to stderr has nobody left to be told to. */
static void write_all(const char *text, size_t len) {
    while (len > 0) {
        ssize_t put = write(STDERR_FILENO, text, len);
        if (put <= 0) {
            return;
        }
        text += put;
        len -= (size_t)put;
    }
}

void mr_say(const char *format, ...) {
    char text[MESSAGE_BYTES_MAX] = "millrace: ";
    size_t used = strlen(text);
    va_list args;
    va_start(args, format);
    int len = vsnprintf(text + used, sizeof text - used - 1, format, args);
    va_end(args);
    if (len < 0) {
        return;
    }
    size_t room = sizeof text - used - 2;
    used += (size_t)len < room ? (size_t)len : room;
    text[used++] = '\n';
    write_all(text, used);
}

void mr_say_text(mr_bytes text) {
    write_all((const char *)text.data, text.len);
}
