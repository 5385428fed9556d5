/* Native aggregates: records in, the result as JSON text out, and the bytes of the row. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine_fixture.h"
#include "runtime/base/limits.h"
#include "runtime/base/prng.h"
#include "runtime/engine/aggregate.h"

typedef struct field_text {
    const char *path;
    mr_aggregate_function function;
    const char *argument; /* postfix; NULL: none */
} field_text;

static mr_node node_of(fixture *f, const field_text *texts, uint32_t count) {
    mr_aggregate_field *fields = mr_arena_zalloc(f->arena, (count + 1) * sizeof *fields);
    for (uint32_t i = 0; i < count; i++) {
        fields[i].path = fixture_path(f, texts[i].path);
        fields[i].function = texts[i].function;
        bool condition = texts[i].function == MR_AGGREGATE_COUNT_IF;
        if (texts[i].argument != NULL) {
            fields[i].argument =
                fixture_code(f, condition ? MR_CODE_CONDITION : MR_CODE_VALUE, texts[i].argument);
        }
    }
    return (mr_node){.kind = MR_NODE_AGGREGATE,
                     .aggregate = {.fields = fields, .fields_count = count}};
}

static mr_status add(fixture *f, const mr_node *node, mr_buf *row, int64_t ts_ms,
                     const char *value) {
    fixture_record(f, "\"k\"", value, ts_ms);
    return mr_aggregate_add(node, &f->scope, &f->script, f->arena, row, &f->err);
}

static const char *result(fixture *f, const mr_node *node, const mr_buf *row) {
    mr_window_bounds window = {.present = true, .start_ms = 60, .stop_ms = 120};
    mr_datum out;
    mr_status status = mr_aggregate_result(node, mr_buf_view(row), mr_bytes_text("\"JFK\""),
                                           &window, f->arena, &out, &f->err);
    return status == MR_OK ? fixture_show(f, &out) : mr_status_name(status);
}

/* One function of value.v over values; the result's fields. */
static const char *one(fixture *f, mr_aggregate_function function, const char *const *values) {
    field_text text = {"r", function, function == MR_AGGREGATE_COUNT ? NULL : ".v"};
    mr_node node = node_of(f, &text, 1);
    mr_buf row = {0};
    const char *answer = NULL;
    for (size_t i = 0; values[i] != NULL && answer == NULL; i++) {
        char *value = mr_arena_printf(f->arena, "{\"v\":%s}", values[i]);
        if (add(f, &node, &row, (int64_t)i, value) != MR_OK) {
            answer = f->err.message;
        }
    }
    answer = answer != NULL ? answer : result(f, &node, &row);
    mr_buf_deinit(&row);
    return answer;
}

#define CHECK(function, expected, ...)                                                             \
    assert_string_equal(one(f, MR_AGGREGATE_##function, (const char *const[]){__VA_ARGS__, NULL}), \
                        expected)

static void counts_are_of_records_and_of_conditions(void **state) {
    fixture *f = *state;
    CHECK(COUNT, "{\"r\":3}", "1", "null", "\"x\"");
    CHECK(COUNT_IF, "{\"r\":2}", "1", "null", "false", "\"\"");
    CHECK(COUNT_IF, "{\"r\":0}", "null");
}

static void sums_of_ints_stay_ints_and_a_float_makes_them_floats(void **state) {
    fixture *f = *state;
    CHECK(SUM, "{\"r\":6}", "1", "2", "3");
    CHECK(SUM, "{\"r\":6.5}", "1", "2.5", "3");
    CHECK(SUM, "{\"r\":2.0}", "1", "1.0");
    CHECK(SUM, "{\"r\":9007199254740993}", "9007199254740992", "1");
    CHECK(SUM, "{\"r\":0.6000000000000001}", "0.1", "0.2", "0.3");
    CHECK(SUM, "{\"r\":4}", "null", "4", "null");
    CHECK(SUM, "{}", "null");
}

static void sums_beyond_the_range_are_errors(void **state) {
    fixture *f = *state;
    CHECK(SUM, "field 'r': sum is beyond 64 bits", "9223372036854775807", "1");
    CHECK(SUM, "field 'r': sum is beyond 64 bits", "-9223372036854775808", "-1");
    CHECK(SUM, "field 'r': sum is beyond the range of a float", "1e308", "1e308");
    CHECK(AVG, "field 'r': avg is beyond 64 bits", "9223372036854775807", "1");
    CHECK(SUM, "field 'r': sum takes numbers, got the string '1'", "\"1\"");
    CHECK(AVG, "field 'r': avg takes numbers, got true", "true");
}

static void averages_are_floats(void **state) {
    fixture *f = *state;
    CHECK(AVG, "{\"r\":2.0}", "1", "2", "3");
    CHECK(AVG, "{\"r\":1.5}", "1", "null", "2");
    CHECK(AVG, "{}", "null");
}

static void extremes_are_by_value_or_by_byte_and_of_equals_the_first(void **state) {
    fixture *f = *state;
    CHECK(MIN, "{\"r\":-2.5}", "3", "-2.5", "7");
    CHECK(MAX, "{\"r\":7}", "3", "-2.5", "7", "7.0");
    CHECK(MAX, "{\"r\":9007199254740993}", "9007199254740992.0", "9007199254740993");
    CHECK(MIN, "{\"r\":\"\"}", "\"b\"", "\"\"", "\"a\"");
    CHECK(MAX, "{\"r\":\"\xc3\xa9t\xc3\xa9\"}", "\"a\"", "\"\xc3\xa9t\xc3\xa9\"", "\"z\"");
    CHECK(MIN, "{}", "null");
    CHECK(MIN, "field 'r': min and max cannot compare a string with a number", "\"a\"", "1");
    CHECK(MAX, "field 'r': min and max cannot compare a string with a number", "1", "\"a\"");
    CHECK(MAX, "field 'r': min and max take numbers or strings, got an array", "[1]");
}

static void first_and_last_go_by_time_then_arrival(void **state) {
    fixture *f = *state;
    field_text texts[] = {{"f", MR_AGGREGATE_FIRST, ".v"}, {"l", MR_AGGREGATE_LAST, ".v"}};
    mr_node node = node_of(f, texts, 2);
    mr_buf row = {0};
    assert_int_equal(add(f, &node, &row, 20, "{\"v\":\"b\"}"), MR_OK);
    assert_int_equal(add(f, &node, &row, 20, "{\"v\":[1, 2]}"), MR_OK);
    assert_string_equal(result(f, &node, &row), "{\"f\":\"b\",\"l\":[1, 2]}");
    assert_int_equal(add(f, &node, &row, 10, "{\"v\":true}"), MR_OK);
    assert_int_equal(add(f, &node, &row, 10, "{\"v\":9}"), MR_OK);
    assert_int_equal(add(f, &node, &row, 30, "{\"v\":null}"), MR_OK);
    assert_string_equal(result(f, &node, &row), "{\"f\":true,\"l\":[1, 2]}");
    assert_int_equal(add(f, &node, &row, 25, "{\"v\":{\"a\": 1}}"), MR_OK);
    assert_string_equal(result(f, &node, &row), "{\"f\":true,\"l\":{\"a\": 1}}");
    mr_buf_deinit(&row);
}

static void distinct_counts_values_by_their_canonical_text(void **state) {
    fixture *f = *state;
    CHECK(DISTINCT, "{\"r\":2}", "5", "5.0", "\"5\"", "null");
    CHECK(DISTINCT, "{\"r\":1}", "{\"a\":1,\"b\":[2.0]}", "{ \"b\": [2], \"a\": 1.0 }");
    CHECK(DISTINCT, "{\"r\":3}", "\"\"", "true", "[]", "true");
    CHECK(DISTINCT, "{\"r\":0}", "null");
}

static void null_is_skipped_like_nil_but_holds_as_a_condition(void **state) {
    fixture *f = *state;
    field_text texts[] = {{"s", MR_AGGREGATE_SUM, "null"},
                          {"f", MR_AGGREGATE_FIRST, "null"},
                          {"d", MR_AGGREGATE_DISTINCT, "null"},
                          {"c", MR_AGGREGATE_COUNT_IF, "null"}};
    mr_node node = node_of(f, texts, 4);
    mr_buf row = {0};
    assert_int_equal(add(f, &node, &row, 1, "{}"), MR_OK);
    assert_string_equal(result(f, &node, &row), "{\"d\":0,\"c\":1}");
    mr_buf_deinit(&row);
}

static void a_result_has_its_fields_in_order_with_nested_paths(void **state) {
    fixture *f = *state;
    field_text texts[] = {
        {"z", MR_AGGREGATE_KEY, NULL},
        {"delay.avg", MR_AGGREGATE_AVG, ".d"},
        {"delay.by.max", MR_AGGREGATE_MAX, ".d"},
        {"delay.none", MR_AGGREGATE_MIN, ".missing"},
        {"n", MR_AGGREGATE_COUNT, NULL},
        {"w.from", MR_AGGREGATE_WINDOW_START, NULL},
        {"w.to", MR_AGGREGATE_WINDOW_STOP, NULL},
        {"empty.x", MR_AGGREGATE_SUM, ".missing"},
    };
    mr_node node = node_of(f, texts, 8);
    mr_buf row = {0};
    assert_int_equal(add(f, &node, &row, 61, "{\"d\":1}"), MR_OK);
    assert_int_equal(add(f, &node, &row, 62, "{\"d\":4}"), MR_OK);
    assert_string_equal(result(f, &node, &row),
                        "{\"z\":\"JFK\",\"delay\":{\"avg\":2.5,\"by\":{\"max\":4}},\"n\":2,"
                        "\"w\":{\"from\":60,\"to\":120},\"empty\":{}}");
    mr_buf_deinit(&row);
}

static void count_gives_the_number_itself(void **state) {
    fixture *f = *state;
    mr_node node = {.kind = MR_NODE_AGGREGATE, .aggregate = {.value_is_count = true}};
    mr_buf row = {0};
    assert_int_equal(add(f, &node, &row, 7, "1"), MR_OK);
    assert_int_equal(add(f, &node, &row, 5, NULL), MR_OK);
    assert_string_equal(result(f, &node, &row), "2");
    int64_t ts_ms;
    assert_int_equal(mr_aggregate_row_ts(mr_buf_view(&row), &ts_ms), MR_OK);
    assert_int_equal(ts_ms, 7);
    assert_int_equal(row.len, 17);
    mr_buf_deinit(&row);
}

static const field_text flights[] = {
    {"n", MR_AGGREGATE_COUNT, NULL}, {"sum", MR_AGGREGATE_SUM, ".d"},
    {"avg", MR_AGGREGATE_AVG, ".d"}, {"min", MR_AGGREGATE_MIN, ".d"},
    {"max", MR_AGGREGATE_MAX, ".d"},
};

static void the_bytes_of_a_row_are_these(void **state) {
    fixture *f = *state;
    mr_node node = node_of(f, flights, 5);
    mr_buf row = {0};
    assert_int_equal(add(f, &node, &row, 0x0102, "{\"d\":5}"), MR_OK);
    assert_int_equal(add(f, &node, &row, 0x0101, "{\"d\":2.5}"), MR_OK);
    static const uint8_t expected[61] = {
        1, 0,    0,    0, 0, 0, 0, 1, 2,                         /* version, ts */
        0, 0,    0,    0, 0, 0, 0, 2,                            /* n */
        2, 0x40, 0x1e, 0, 0, 0, 0, 0, 0,                         /* sum 7.5 */
        2, 0x40, 0x1e, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, /* avg */
        2, 0x40, 0x04, 0, 0, 0, 0, 0, 0,                         /* min 2.5 */
        1, 0,    0,    0, 0, 0, 0, 0, 5,                         /* max 5 */
    };
    assert_int_equal(row.len, sizeof expected);
    assert_memory_equal(row.data, expected, sizeof expected);
    mr_buf_deinit(&row);
}

static void a_row_of_numbers_is_changed_in_place(void **state) {
    fixture *f = *state;
    mr_node node = node_of(f, flights, 5);
    mr_buf row = {0};
    assert_int_equal(add(f, &node, &row, 1, "{\"d\":5}"), MR_OK);
    const uint8_t *data = row.data;
    size_t cap = row.cap;
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(add(f, &node, &row, i, "{\"d\":7}"), MR_OK);
    }
    assert_ptr_equal(row.data, data);
    assert_int_equal(row.cap, cap);
    assert_string_equal(result(f, &node, &row),
                        "{\"n\":1001,\"sum\":7005,\"avg\":6.998001998001998,\"min\":5,\"max\":7}");
    mr_buf_deinit(&row);
}

static void an_error_leaves_the_row_as_it_was(void **state) {
    fixture *f = *state;
    field_text texts[] = {
        {"n", MR_AGGREGATE_COUNT, NULL},    {"last", MR_AGGREGATE_LAST, ".s"},
        {"d", MR_AGGREGATE_DISTINCT, ".s"}, {"max", MR_AGGREGATE_MAX, ".d"},
        {"sum", MR_AGGREGATE_SUM, ".d"},
    };
    mr_node node = node_of(f, texts, 5);
    mr_buf row = {0};
    assert_int_equal(add(f, &node, &row, 1, "{\"s\":\"x\",\"d\":\"no\"}"), MR_INVALID);
    assert_int_equal(row.len, 0);
    assert_int_equal(add(f, &node, &row, 1, "{\"s\":\"x\",\"d\":9223372036854775807}"), MR_OK);
    mr_bytes before = mr_arena_copy(f->arena, mr_buf_view(&row));
    assert_int_equal(add(f, &node, &row, 2, "{\"s\":\"yy\",\"d\":1}"), MR_INVALID);
    assert_true(mr_bytes_equal(mr_buf_view(&row), before));
    assert_int_equal(add(f, &node, &row, 2, "{\"s\":\"yy\",\"d\":-1}"), MR_OK);
    assert_string_equal(result(f, &node, &row),
                        "{\"n\":2,\"last\":\"yy\",\"d\":2,\"max\":9223372036854775807,"
                        "\"sum\":9223372036854775806}");
    mr_buf_deinit(&row);
}

static void a_set_holds_so_many_values_and_no_more(void **state) {
    fixture *f = *state;
    field_text texts[] = {{"a", MR_AGGREGATE_MAX, ".s"},
                          {"d", MR_AGGREGATE_DISTINCT, ".v"},
                          {"z", MR_AGGREGATE_MIN, ".s"}};
    mr_node node = node_of(f, texts, 3);
    mr_buf row = {0};
    mr_arena *outer = f->arena;
    char value[64];
    for (int i = 0; i < 2 * MR_DISTINCT_MAX; i++) {
        f->arena = mr_arena_create(1024);
        snprintf(value, sizeof value, "{\"v\":%d,\"s\":\"text %d\"}", i * 7919 % MR_DISTINCT_MAX,
                 i % 100);
        assert_int_equal(add(f, &node, &row, 0, value), MR_OK);
        fixture_record(f, NULL, NULL, 0);
        mr_arena_destroy(f->arena);
        f->arena = outer;
    }
    char expected[64];
    snprintf(expected, sizeof expected, "{\"a\":\"text %d\",\"d\":%d,\"z\":\"text 0\"}",
             2 * MR_DISTINCT_MAX > 99 ? 99 : 9, MR_DISTINCT_MAX);
    assert_string_equal(result(f, &node, &row), expected);
    assert_int_equal(add(f, &node, &row, 0, "{\"v\":\"one more\"}"), MR_INVALID);
    assert_int_equal(add(f, &node, &row, 0, "{\"v\":0}"), MR_OK);
    mr_buf_deinit(&row);
}

static void a_row_too_large_for_a_changelog_record_is_refused(void **state) {
    fixture *f = *state;
    field_text texts[] = {{"l", MR_AGGREGATE_LAST, ".v"}};
    mr_node node = node_of(f, texts, 1);
    mr_buf text = {0};
    mr_buf_put_text(&text, "{\"v\":\"");
    for (size_t i = 0; i < MR_AGGREGATE_ROW_BYTES_MAX; i++) {
        mr_buf_put_u8(&text, 'x');
    }
    mr_buf_put_text(&text, "\"}");
    mr_buf row = {0};
    assert_int_equal(add(f, &node, &row, 0, mr_buf_cstr(&text)), MR_INVALID);
    assert_non_null(strstr(f->err.message, "more than"));
    assert_int_equal(row.len, 0);
    mr_buf_deinit(&text);
    mr_buf_deinit(&row);
}

static void one_evaluation_goes_into_several_rows(void **state) {
    fixture *f = *state;
    mr_node node = node_of(f, flights, 5);
    mr_aggregate_input *input = mr_aggregate_input_create(&node);
    mr_buf rows[2] = {{0}, {0}};
    fixture_record(f, NULL, "{\"d\":3}", 5);
    assert_int_equal(mr_aggregate_evaluate(input, &f->scope, &f->script, f->arena, &f->err), MR_OK);
    assert_int_equal(mr_aggregate_apply(input, &rows[0], &f->err), MR_OK);
    assert_int_equal(mr_aggregate_apply(input, &rows[1], &f->err), MR_OK);
    assert_int_equal(mr_aggregate_apply(input, &rows[1], &f->err), MR_OK);
    assert_string_equal(result(f, &node, &rows[0]),
                        "{\"n\":1,\"sum\":3,\"avg\":3.0,\"min\":3,\"max\":3}");
    assert_string_equal(result(f, &node, &rows[1]),
                        "{\"n\":2,\"sum\":6,\"avg\":3.0,\"min\":3,\"max\":3}");
    mr_buf_deinit(&rows[0]);
    mr_buf_deinit(&rows[1]);
    mr_aggregate_input_destroy(input);
}

static void what_is_no_row_is_corrupt(void **state) {
    fixture *f = *state;
    mr_node node = node_of(f, flights, 5);
    static const uint8_t zero[61] = {1};
    static const struct {
        size_t len;
        size_t at;
        uint8_t byte;
    } cases[] = {{60, 0, 1},  {62, 0, 1},  {61, 0, 2},    {61, 17, 3},
                 {61, 17, 9}, {61, 43, 4}, {61, 9, 0x80}, {61, 26, 1}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        mr_buf row = {0};
        mr_buf_put(&row, zero, sizeof zero);
        mr_buf_put_u8(&row, 0);
        row.len = cases[i].len;
        row.data[cases[i].at] = cases[i].byte;
        assert_string_equal(result(f, &node, &row), "CORRUPT");
        mr_buf_deinit(&row);
    }
    int64_t ts_ms;
    assert_int_equal(mr_aggregate_row_ts(mr_bytes_of("\x02\0\0\0\0\0\0\0\0", 9), &ts_ms),
                     MR_CORRUPT);
    assert_int_equal(mr_aggregate_row_ts(mr_bytes_of("\x01", 1), &ts_ms), MR_CORRUPT);
}

/* A flipped byte may give a wrong number (the log's checksum is there for that), never a wrong
 * read. */
static void damaged_rows_are_read_within_their_bounds(void **state) {
    fixture *f = *state;
    field_text texts[] = {
        {"l", MR_AGGREGATE_LAST, ".s"},
        {"d", MR_AGGREGATE_DISTINCT, ".s"},
        {"m", MR_AGGREGATE_MAX, ".s"},
        {"e", MR_AGGREGATE_DISTINCT, ".s"},
    };
    mr_node node = node_of(f, texts, 4);
    mr_buf row = {0};
    for (int i = 0; i < 6; i++) {
        assert_int_equal(
            add(f, &node, &row, i, mr_arena_printf(f->arena, "{\"s\":\"text %d\"}", i)), MR_OK);
    }
    mr_prng prng = mr_prng_seeded(3);
    int corrupt = 0;
    for (int i = 0; i < 5000; i++) {
        size_t len = mr_prng_below(&prng, 4) == 0 ? mr_prng_below(&prng, row.len + 1) : row.len;
        mr_buf damaged = {0};
        mr_buf_put(&damaged, row.data, len);
        for (uint64_t flips = mr_prng_below(&prng, 4); flips > 0 && len > 0; flips--) {
            damaged.data[mr_prng_below(&prng, len)] ^= (uint8_t)(1U << mr_prng_below(&prng, 8));
        }
        mr_bytes exact = mr_bytes_of(malloc(len + 1), len); /* so that a sanitizer sees the end */
        memcpy((void *)(uintptr_t)exact.data, damaged.data, len);
        mr_datum out;
        mr_status read =
            mr_aggregate_result(&node, exact, mr_bytes_text("1"), NULL, f->arena, &out, NULL);
        free((void *)(uintptr_t)exact.data);
        assert_true(read == MR_OK || read == MR_CORRUPT);
        corrupt += read == MR_CORRUPT;
        mr_status added = add(f, &node, &damaged, 9, "{\"s\":\"text 3\"}");
        assert_true(added == MR_OK || added == MR_CORRUPT || added == MR_INVALID);
        mr_buf_deinit(&damaged);
    }
    assert_true(corrupt > 500);
    mr_buf_deinit(&row);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(counts_are_of_records_and_of_conditions),
        TEST(sums_of_ints_stay_ints_and_a_float_makes_them_floats),
        TEST(sums_beyond_the_range_are_errors),
        TEST(averages_are_floats),
        TEST(extremes_are_by_value_or_by_byte_and_of_equals_the_first),
        TEST(first_and_last_go_by_time_then_arrival),
        TEST(distinct_counts_values_by_their_canonical_text),
        TEST(null_is_skipped_like_nil_but_holds_as_a_condition),
        TEST(a_result_has_its_fields_in_order_with_nested_paths),
        TEST(count_gives_the_number_itself),
        TEST(the_bytes_of_a_row_are_these),
        TEST(a_row_of_numbers_is_changed_in_place),
        TEST(an_error_leaves_the_row_as_it_was),
        TEST(a_set_holds_so_many_values_and_no_more),
        TEST(a_row_too_large_for_a_changelog_record_is_refused),
        TEST(one_evaluation_goes_into_several_rows),
        TEST(what_is_no_row_is_corrupt),
        TEST(damaged_rows_are_read_within_their_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
