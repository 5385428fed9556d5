#include "runtime/engine/window.h"

#include "runtime/base/assert.h"

static int64_t add_saturating(int64_t a, int64_t b) {
    int64_t sum;
    if (!__builtin_add_overflow(a, b, &sum)) {
        return sum;
    }
    return b > 0 ? INT64_MAX : INT64_MIN;
}

mr_window_starts mr_window_starts_of(const mr_plan_window *window, int64_t ts_ms) {
    MR_ASSERT(window->kind != MR_WINDOW_NONE);
    MR_ASSERT(window->size_ms > 0);
    MR_ASSERT(window->advance_ms > 0);
    MR_ASSERT(ts_ms >= 0);
    int64_t advance = window->advance_ms;
    int64_t last = ts_ms - ts_ms % advance;
    if (ts_ms - last >= window->size_ms) {
        return (mr_window_starts){.advance_ms = advance};
    }
    /* The earliest start behind ts - size. */
    int64_t first =
        ts_ms < window->size_ms ? 0 : ((ts_ms - window->size_ms) / advance + 1) * advance;
    MR_ASSERT(first <= last);
    return (mr_window_starts){.first_ms = first,
                              .advance_ms = advance,
                              .count = (uint64_t)((last - first) / advance) + 1};
}

int64_t mr_window_stop_ms(const mr_plan_window *window, int64_t start_ms) {
    MR_ASSERT(window->size_ms > 0);
    return add_saturating(start_ms, window->size_ms);
}

int64_t mr_window_close_ms(const mr_plan_window *window, int64_t start_ms) {
    MR_ASSERT(window->grace_ms >= 0);
    return add_saturating(mr_window_stop_ms(window, start_ms), window->grace_ms);
}

mr_window_timing mr_window_timing_of(const mr_plan_window *window, int64_t start_ms,
                                     int64_t carried_ms) {
    return mr_window_close_ms(window, start_ms) <= carried_ms ? MR_WINDOW_LATE : MR_WINDOW_IN_TIME;
}
