/* runtime/engine/board.h - what workers and the control loop tell each other: counters and flags,
 * atomics only. Nothing on it decides what a task writes, except `source_done`, `source_resting`
 * and `furthest_ms`, which a task turns into a mark before it obeys. Thread: any. */
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

#define MR_NOTICES_MAX 64
#define MR_NOTICE_BYTES 512

typedef struct mr_board {
    _Atomic int phase;  /* mr_run_phase */
    mr_run_until until; /* constant while running */
    /* By plan source. done: --until-end, it gave all, and all is committed; never taken back.
     * resting: it found nothing more for now, and what it gave is committed. */
    atomic_bool *source_done;
    atomic_bool *source_resting;
    uint32_t sources_count;
    /* The greatest time that a task has taken from a named topic; INT64_MIN: none. It says only how
     * long marks about silence are still worth writing. */
    _Atomic int64_t furthest_ms;
    /* counters for progress and summary */
    _Atomic uint64_t records_in, records_out, records_late, records_failed, records_dropped,
        source_records, sink_rows;
    _Atomic uint64_t commits, rows_spilled, windows_closed;
    _Atomic uint64_t records_replayed; /* of changelogs, by restores */
    _Atomic uint64_t restore_total;    /* changelog records to replay, as far as known */
    _Atomic uint32_t tasks_running, tasks_restoring, tasks_total;
    /* What the terminal must say, each once; written by mr_board_say, ready when `said` is set. */
    struct {
        char text[MR_NOTICE_BYTES];
        atomic_bool said;
    } notices[MR_NOTICES_MAX];
    _Atomic uint32_t notices_claimed;
    uint32_t notices_taken; /* the control thread's */
} mr_board;

void mr_board_init(mr_board *board, mr_run_until until, uint32_t sources_count);
void mr_board_deinit(mr_board *board);
/* A line for the terminal. Beyond MR_NOTICES_MAX of one run it is dropped. */
void mr_board_say(mr_board *board, const char *format, ...) MR_PRINTF(2, 3);
/* The next line said; NULL: none. Thread: control. */
const char *mr_board_heard(mr_board *board);
