#include "runtime/base/number.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <float.h>
#include <math.h>
#include <stdlib.h>

#include "runtime/base/prng.h"

typedef struct float_case {
    double value;
    const char *text;
} float_case;

static const float_case float_cases[] = {
    {0.0, "0.0"},
    {-0.0, "-0.0"},
    {5, "5.0"},
    {-5, "-5.0"},
    {0.1, "0.1"},
    {0.1 + 0.2, "0.30000000000000004"},
    {100000, "100000.0"},
    {123.456, "123.456"},
    {0.0001, "0.0001"},
    {0.00001, "1e-05"},
    {1.5e-7, "1.5e-07"},
    {1e16, "10000000000000000.0"},
    {1e17, "1e+17"},
    {12345678901234567.0, "12345678901234568.0"},
    {9007199254740993.0, "9007199254740992.0"},
    {1e100, "1e+100"},
    {1e300, "1e+300"},
    {-1.25e-300, "-1.25e-300"},
    {DBL_MAX, "1.7976931348623157e+308"},
    {5e-324, "5e-324"},
    {INFINITY, "inf"},
    {-INFINITY, "-inf"},
    {NAN, "nan"},
};

static void floats_print_shortest(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof float_cases / sizeof float_cases[0]; i++) {
        char out[MR_NUMBER_TEXT_MAX];
        size_t len = mr_float_format(float_cases[i].value, out);
        assert_string_equal(out, float_cases[i].text);
        assert_int_equal(len, strlen(out));
    }
}

static void any_float_reads_back_the_same(void **state) {
    (void)state;
    mr_prng prng = mr_prng_seeded(3);
    for (int i = 0; i < 200000; i++) {
        uint64_t bits = mr_prng_next(&prng);
        double value;
        memcpy(&value, &bits, sizeof value);
        if (!isfinite(value)) {
            continue;
        }
        char out[MR_NUMBER_TEXT_MAX];
        size_t len = mr_float_format(value, out);
        assert_true(len < MR_NUMBER_TEXT_MAX);
        double back = strtod(out, NULL);
        assert_memory_equal(&back, &value, sizeof value);
        assert_non_null(strpbrk(out, ".e"));
    }
}

static void integers_fill_64_bits_and_not_more(void **state) {
    (void)state;
    int64_t value = 0;
    assert_int_equal(mr_int_parse(mr_bytes_text("9223372036854775807"), &value), MR_OK);
    assert_true(value == INT64_MAX);
    assert_int_equal(mr_int_parse(mr_bytes_text("-9223372036854775808"), &value), MR_OK);
    assert_true(value == INT64_MIN);
    assert_int_equal(mr_int_parse(mr_bytes_text("+007"), &value), MR_OK);
    assert_true(value == 7);
    const char *refused[] = {"",
                             "+",
                             "-",
                             "1 ",
                             " 1",
                             "1.0",
                             "0x1",
                             "--1",
                             "9223372036854775808",
                             "-9223372036854775809",
                             "99999999999999999999",
                             "1a"};
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        assert_int_equal(mr_int_parse(mr_bytes_text(refused[i]), &value), MR_INVALID);
    }
    assert_int_equal(mr_int_parse(MR_BYTES_NULL, &value), MR_INVALID);
    assert_true(value == 7);
}

typedef struct duration_case {
    const char *text;
    int64_t ms;
    const char *printed;
} duration_case;

static const duration_case duration_cases[] = {
    {"0s", 0, "0s"},
    {"1ms", 1, "1ms"},
    {"1500ms", 1500, "1s500ms"},
    {"10s", 10000, "10s"},
    {"90m", 5400000, "1h30m"},
    {"1h30m", 5400000, "1h30m"},
    {"7d", 604800000, "7d"},
    {"1d2h3m4s5ms", 93784005, "1d2h3m4s5ms"},
    {"9223372036854775807ms", INT64_MAX, "106751991167d7h12m55s807ms"},
};

static void durations_are_read_and_printed(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof duration_cases / sizeof duration_cases[0]; i++) {
        const duration_case *c = &duration_cases[i];
        int64_t ms = -1;
        assert_int_equal(mr_duration_parse(mr_bytes_text(c->text), &ms), MR_OK);
        assert_true(ms == c->ms);
        char out[MR_NUMBER_TEXT_MAX];
        assert_int_equal(mr_duration_format(ms, out), strlen(c->printed));
        assert_string_equal(out, c->printed);
        assert_int_equal(mr_duration_parse(mr_bytes_text(out), &ms), MR_OK);
        assert_true(ms == c->ms);
    }
    const char *refused[] = {"",
                             "1",
                             "h",
                             "1h30",
                             "1.5h",
                             "-1h",
                             "1 h",
                             "1H",
                             "1y",
                             "1hm",
                             "1h ",
                             "9223372036854775808ms",
                             "106751991168d",
                             "999999999999999999999s"};
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        int64_t ms;
        assert_int_equal(mr_duration_parse(mr_bytes_text(refused[i]), &ms), MR_INVALID);
    }
}

static void the_longest_duration_has_room(void **state) {
    (void)state;
    char out[MR_NUMBER_TEXT_MAX];
    assert_true(mr_duration_format(INT64_MIN, out) < MR_NUMBER_TEXT_MAX);
    assert_string_equal(out, "-106751991167d7h12m55s808ms");
}

static void sizes_know_both_kinds_of_units(void **state) {
    (void)state;
    uint64_t bytes = 0;
    assert_int_equal(mr_size_parse(mr_bytes_text("4096"), &bytes), MR_OK);
    assert_true(bytes == 4096);
    assert_int_equal(mr_size_parse(mr_bytes_text("64MiB"), &bytes), MR_OK);
    assert_true(bytes == 64u << 20);
    assert_int_equal(mr_size_parse(mr_bytes_text("10kB"), &bytes), MR_OK);
    assert_true(bytes == 10000);
    assert_int_equal(mr_size_parse(mr_bytes_text("2TiB"), &bytes), MR_OK);
    assert_true(bytes == UINT64_C(2) << 40);
    const char *refused[] = {"", "MiB", "1 MiB", "1mib", "-1", "1.5GB", "1MiB1", "99999999TiB"};
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        assert_int_equal(mr_size_parse(mr_bytes_text(refused[i]), &bytes), MR_INVALID);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(floats_print_shortest),
        cmocka_unit_test(any_float_reads_back_the_same),
        cmocka_unit_test(integers_fill_64_bits_and_not_more),
        cmocka_unit_test(durations_are_read_and_printed),
        cmocka_unit_test(the_longest_duration_has_room),
        cmocka_unit_test(sizes_know_both_kinds_of_units),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
