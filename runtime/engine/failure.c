#include "runtime/engine/member.h"

#include <stdarg.h>
#include <stdio.h>

mr_status mr_failure_set(mr_failure *failure, mr_status status, const char *format, ...) {
    va_list args;
    va_start(args, format);
    failure->status = status;
    vsnprintf(failure->message, sizeof failure->message, format, args);
    va_end(args);
    return status;
}
