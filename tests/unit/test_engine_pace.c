/* How many records a step takes, by how long the last ones took. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "runtime/base/limits.h"
#include "runtime/engine/pace.h"

#define MS INT64_C(1000000)

/* A step that took records, and lasted so long. */
static void step(mr_pace *pace, mr_now *now, int64_t lasted_ms) {
    mr_pace_look(pace, *now);
    mr_pace_took(pace, *now);
    now->mono_ns += lasted_ms * MS;
    mr_pace_look(pace, *now);
}

static void short_steps_take_more_up_to_the_limit(void **state) {
    (void)state;
    mr_pace pace;
    mr_now now = {0};
    mr_pace_init(&pace);
    uint32_t first = pace.records;
    assert_true(first >= 1 && first < 100);
    for (int i = 0; i < 20; i++) {
        uint32_t before = pace.records;
        step(&pace, &now, 1);
        assert_true(pace.records == before * 2 || pace.records == MR_STEP_RECORDS_MAX);
    }
    assert_int_equal(pace.records, MR_STEP_RECORDS_MAX);
}

static void long_steps_take_fewer_down_to_one(void **state) {
    (void)state;
    mr_pace pace;
    mr_now now = {0};
    mr_pace_init(&pace);
    for (int i = 0; i < 20; i++) {
        uint32_t before = pace.records;
        step(&pace, &now, 100);
        assert_int_equal(pace.records, before > 1 ? before / 2 : 1);
    }
    assert_int_equal(pace.records, 1);
}

static void steps_between_stay_as_they_are(void **state) {
    (void)state;
    mr_pace pace;
    mr_now now = {0};
    mr_pace_init(&pace);
    uint32_t first = pace.records;
    step(&pace, &now, 30);
    assert_int_equal(pace.records, first);
}

/* It slept until something came: that is no long step. */
static void a_pause_in_which_nothing_was_taken_does_not_count(void **state) {
    (void)state;
    mr_pace pace;
    mr_now now = {0};
    mr_pace_init(&pace);
    step(&pace, &now, 1);
    uint32_t before = pace.records;
    now.mono_ns += 60000 * MS;
    mr_pace_look(&pace, now);
    assert_int_equal(pace.records, before);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(short_steps_take_more_up_to_the_limit),
        cmocka_unit_test(long_steps_take_fewer_down_to_one),
        cmocka_unit_test(steps_between_stay_as_they_are),
        cmocka_unit_test(a_pause_in_which_nothing_was_taken_does_not_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
