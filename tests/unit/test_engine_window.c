/* Which windows a time falls in: the rule of Kafka Streams, checked against a search over all
 * starts; and which time a number is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "runtime/base/prng.h"
#include "runtime/engine/time_from.h"
#include "runtime/engine/window.h"

static mr_plan_window window_of(int64_t size_ms, int64_t advance_ms, int64_t grace_ms) {
    return (mr_plan_window){.kind = size_ms == advance_ms ? MR_WINDOW_TUMBLING : MR_WINDOW_HOPPING,
                            .size_ms = size_ms,
                            .advance_ms = advance_ms,
                            .grace_ms = grace_ms};
}

/* "[0,6) [2,8) " */
static const char *windows_text(const mr_plan_window *window, int64_t ts_ms) {
    static char text[256];
    mr_window_starts starts = mr_window_starts_of(window, ts_ms);
    int64_t start = starts.first_ms;
    size_t at = 0;
    text[0] = '\0';
    for (uint64_t i = 0; i < starts.count; i++, start += starts.advance_ms) {
        at += (size_t)snprintf(text + at, sizeof text - at, "[%lld,%lld) ", (long long)start,
                               (long long)mr_window_stop_ms(window, start));
    }
    return text;
}

static void a_tumbling_window_holds_each_time_once(void **state) {
    (void)state;
    mr_plan_window window = window_of(10, 10, 0);
    assert_string_equal(windows_text(&window, 0), "[0,10) ");
    assert_string_equal(windows_text(&window, 9), "[0,10) ");
    assert_string_equal(windows_text(&window, 10), "[10,20) ");
}

static void hopping_windows_overlap_and_do_not_start_before_the_epoch(void **state) {
    (void)state;
    mr_plan_window window = window_of(6, 2, 0);
    assert_string_equal(windows_text(&window, 0), "[0,6) ");
    assert_string_equal(windows_text(&window, 3), "[0,6) [2,8) ");
    assert_string_equal(windows_text(&window, 5), "[0,6) [2,8) [4,10) ");
    assert_string_equal(windows_text(&window, 6), "[2,8) [4,10) [6,12) ");
    assert_string_equal(windows_text(&window, 7), "[2,8) [4,10) [6,12) ");
}

static void an_advance_greater_than_the_size_leaves_gaps(void **state) {
    (void)state;
    mr_plan_window window = window_of(3, 10, 0);
    assert_string_equal(windows_text(&window, 12), "[10,13) ");
    assert_string_equal(windows_text(&window, 13), "");
}

static void every_size_and_advance_agrees_with_a_search(void **state) {
    (void)state;
    for (int64_t size = 1; size <= 12; size++) {
        for (int64_t advance = 1; advance <= 14; advance++) {
            for (int64_t ts = 0; ts < 60; ts++) {
                mr_plan_window window = window_of(size, advance, 0);
                mr_window_starts starts = mr_window_starts_of(&window, ts);
                uint64_t expected = 0;
                for (int64_t start = 0; start <= ts; start += advance) {
                    if (ts < start + size) {
                        assert_int_equal(starts.first_ms + (int64_t)expected * advance, start);
                        expected++;
                    }
                }
                assert_int_equal(starts.count, expected);
            }
        }
    }
}

static void a_record_is_late_when_time_reaches_stop_plus_grace(void **state) {
    (void)state;
    mr_plan_window window = window_of(60, 60, 10);
    assert_int_equal(mr_window_close_ms(&window, 60), 130);
    assert_int_equal(mr_window_timing_of(&window, 60, 129), MR_WINDOW_IN_TIME);
    assert_int_equal(mr_window_timing_of(&window, 60, 130), MR_WINDOW_LATE);
    assert_int_equal(mr_window_timing_of(&window, 60, INT64_MIN), MR_WINDOW_IN_TIME);
}

static void times_at_the_end_of_the_range_do_not_overflow(void **state) {
    (void)state;
    mr_plan_window window = window_of(1000, 1000, INT64_MAX);
    mr_window_starts starts = mr_window_starts_of(&window, INT64_MAX);
    assert_int_equal(starts.count, 1);
    assert_true(starts.first_ms > INT64_MAX - 1000);
    assert_int_equal(mr_window_stop_ms(&window, starts.first_ms), INT64_MAX);
    assert_int_equal(mr_window_close_ms(&window, 0), INT64_MAX);
}

static int64_t time_of(mr_datum datum, int64_t numerator, int64_t denominator) {
    mr_plan_stream stream = {
        .name = "s", .time_unit_ms_numerator = numerator, .time_unit_ms_denominator = denominator};
    int64_t ts_ms = 0;
    return mr_time_of_datum(&stream, &datum, &ts_ms, NULL) == MR_OK ? ts_ms : -1;
}

static void decimals_of_a_second_are_whole_milliseconds(void **state) {
    (void)state;
    mr_prng random = mr_prng_seeded(3);
    for (int i = 0; i < 20000; i++) {
        int64_t ms = (int64_t)mr_prng_below(&random, 2000000000000);
        char text[40];
        snprintf(text, sizeof text, "%lld.%03d", (long long)(ms / 1000), (int)(ms % 1000));
        assert_int_equal(time_of(mr_datum_float(strtod(text, NULL)), 1000, 1), ms);
    }
    assert_int_equal(time_of(mr_datum_float(1.0009), 1000, 1), 1000);
    assert_int_equal(time_of(mr_datum_float(5.9), 1, 1), 5);
    assert_int_equal(time_of(mr_datum_float(1999.0), 1, 1000), 1);
    assert_int_equal(time_of(mr_datum_int(1999999), 1, 1000000), 1);
    assert_int_equal(time_of(mr_datum_int(7), 1000, 1), 7000);
    assert_int_equal(time_of(mr_datum_float(-0.0001), 1000, 1), -1);
    assert_int_equal(time_of(mr_datum_float(1e300), 1000, 1), -1);
    assert_int_equal(time_of(mr_datum_int(INT64_MAX / 10), 1000, 1), -1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tumbling_window_holds_each_time_once),
        cmocka_unit_test(hopping_windows_overlap_and_do_not_start_before_the_epoch),
        cmocka_unit_test(an_advance_greater_than_the_size_leaves_gaps),
        cmocka_unit_test(every_size_and_advance_agrees_with_a_search),
        cmocka_unit_test(a_record_is_late_when_time_reaches_stop_plus_grace),
        cmocka_unit_test(times_at_the_end_of_the_range_do_not_overflow),
        cmocka_unit_test(decimals_of_a_second_are_whole_milliseconds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
