/* runtime/app/breaks.h - `--break NAME` of test builds: promises broken on purpose, to see the
 * tests catch it. Other builds do not know the option. Thread: any. */
#pragma once

#include "runtime/base/bytes.h"

typedef struct mr_breaks {
    uint32_t log;       /* mr_log_break */
    uint32_t writeback; /* mr_writeback_break */
    uint32_t graph;     /* mr_graph_break */
} mr_breaks;

/* MR_INVALID: no such name; the message lists them. */
mr_status mr_breaks_add(mr_breaks *breaks, const char *name, mr_err *err) MR_CHECKED;
