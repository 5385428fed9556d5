#include "runtime/base/prng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "runtime/base/clock.h"

static void the_stream_of_a_seed_is_fixed(void **state) {
    (void)state;
    mr_prng prng = mr_prng_seeded(0);
    assert_true(mr_prng_next(&prng) == 0x99ec5f36cb75f2b4);
    assert_true(mr_prng_next(&prng) == 0xbf6e1f784956452a);
    assert_true(mr_prng_next(&prng) == 0x1a5f849d4933e6e0);
    assert_true(mr_prng_next(&prng) == 0x6aa594f1262d2d2c);
}

static void below_stays_below_and_reaches_everything(void **state) {
    (void)state;
    mr_prng prng = mr_prng_seeded(42);
    uint32_t drawn[7] = {0};
    for (int i = 0; i < 70000; i++) {
        drawn[mr_prng_below(&prng, 7)]++;
    }
    for (int i = 0; i < 7; i++) {
        assert_in_range(drawn[i], 9500, 10500);
    }
    assert_true(mr_prng_below(&prng, 1) == 0);
    assert_true(mr_prng_below(&prng, UINT64_MAX) < UINT64_MAX);
}

static void draws_of_a_split_stream_do_not_move_the_other(void **state) {
    (void)state;
    mr_prng one = mr_prng_seeded(5);
    mr_prng two = mr_prng_seeded(5);
    mr_prng child = mr_prng_split(&one);
    mr_prng unused = mr_prng_split(&two);
    (void)unused;
    for (int i = 0; i < 10; i++) {
        (void)mr_prng_next(&child);
    }
    assert_true(mr_prng_next(&one) == mr_prng_next(&two));
    assert_true(mr_prng_next(&child) != mr_prng_next(&one));
}

static void the_system_clock_goes_forward_and_knows_the_year(void **state) {
    (void)state;
    mr_clock clock = mr_clock_system();
    mr_now first = mr_clock_now(&clock);
    mr_now second = mr_clock_now(&clock);
    assert_true(second.mono_ns >= first.mono_ns);
    assert_true(first.wall_ms > INT64_C(1600000000000));
    assert_true(first.wall_ms < INT64_C(9000000000000));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_stream_of_a_seed_is_fixed),
        cmocka_unit_test(below_stays_below_and_reaches_everything),
        cmocka_unit_test(draws_of_a_split_stream_do_not_move_the_other),
        cmocka_unit_test(the_system_clock_goes_forward_and_knows_the_year),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
