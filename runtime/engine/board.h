/* runtime/engine/board.h - what workers and the control loop tell each other: counters and flags,
 * atomics only. Nothing on it decides what a task writes, except `source_end`, which a task turns
 * into a mark before it obeys. Thread: any. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "runtime/base/status.h"

typedef enum mr_run_phase {
    MR_RUN_WORKING,     /* until told otherwise */
    MR_RUN_DRAIN_SINKS, /* --until-end: everything upstream is done; sinks end their last piece */
    MR_RUN_STOPPING,    /* commit what is there and stop */
} mr_run_phase;

typedef enum mr_run_until { MR_RUN_FOR_EVER, MR_RUN_UNTIL_END } mr_run_until;

typedef struct mr_board {
    _Atomic int phase;  /* mr_run_phase */
    mr_run_until until; /* constant while running */
    /* per plan source: INT64_MAX while it may give more; else: it gave all, and it is committed */
    atomic_bool *source_done; /* plan->sources_count */
    uint32_t sources_count;
    /* counters for progress and summary */
    _Atomic uint64_t records_in, records_out, records_late, records_failed, records_dropped,
        source_records, sink_rows;
    _Atomic uint64_t commits, rows_spilled, records_replayed, records_restored, windows_closed;
    _Atomic uint64_t restore_total; /* changelog records to replay, as far as known */
    _Atomic uint32_t tasks_running, tasks_restoring, tasks_total;
} mr_board;

void mr_board_init(mr_board *board, mr_run_until until, uint32_t sources_count);
void mr_board_deinit(mr_board *board);
