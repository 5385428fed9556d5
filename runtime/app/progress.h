/* runtime/app/progress.h - what a run says about itself: one line rewritten on a terminal, plain
 * lines now and then elsewhere, a summary at the end. On stderr. Thread: main. */
#pragma once

#include "runtime/base/clock.h"
#include "runtime/engine/board.h"

typedef struct mr_progress mr_progress;

/* The counters of all jobs of a run, added up. */
typedef struct mr_run_totals {
    uint64_t source_records, records_in, records_out, records_late, records_failed, records_dropped;
    uint64_t windows_closed, sink_rows, commits, rows_spilled, records_replayed;
    uint64_t restore_total;
    uint32_t tasks_running, tasks_restoring, tasks_total;
} mr_run_totals;

void mr_run_totals_add(mr_run_totals *totals, const mr_board *board);

typedef enum mr_progress_form {
    MR_PROGRESS_TERMINAL,
    MR_PROGRESS_LINES,
} mr_progress_form;

mr_progress *mr_progress_create(mr_progress_form form, mr_now now);
void mr_progress_destroy(mr_progress *progress);
/* Says something when it is time to; call it often. */
void mr_progress_tick(mr_progress *progress, const mr_run_totals *totals, mr_now now);
/* Before anything else is written to the terminal: takes the rewritten line away. */
void mr_progress_clear(mr_progress *progress);
/* One line for each figure, "millrace:   name  number", names as in docs/cli.md. */
void mr_progress_summary(mr_progress *progress, const mr_run_totals *totals, mr_now now);
