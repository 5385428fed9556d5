/* runtime/engine/window.h - which windows a time falls in: pure arithmetic, shared by all who ask.
 *
 * A window is [start, stop) with stop = start + size; starts are multiples of the advance
 * (tumbling: advance = size) and never below 0, so near the epoch a hopping window has fewer elder
 * siblings: size 6, advance 2, ts 3:   [0,6) [2,8)          (not [-2,4)) size 6, advance 2, ts 7:
 * [2,8) [4,10) [6,12) Sums beyond int64 stop at INT64_MAX. Thread: any.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "topologies/plan.h"

/* for (s = first_ms; count > 0; count--, s += advance_ms) walks them, earliest first. */
typedef struct mr_window_starts {
    int64_t first_ms;
    int64_t advance_ms;
    uint64_t count; /* 0: ts falls between windows (advance greater than size) */
} mr_window_starts;

/* ts_ms >= 0; window of kind tumbling or hopping. */
mr_window_starts mr_window_starts_of(const mr_plan_window *window, int64_t ts_ms);
int64_t mr_window_stop_ms(const mr_plan_window *window, int64_t start_ms);
/* The time at which the window closes: stop + grace. */
int64_t mr_window_close_ms(const mr_plan_window *window, int64_t start_ms);

typedef enum mr_window_timing { MR_WINDOW_IN_TIME, MR_WINDOW_LATE } mr_window_timing;
/* Late: stop + grace <= the time the record carries. */
mr_window_timing mr_window_timing_of(const mr_plan_window *window, int64_t start_ms,
                                     int64_t carried_ms);
