/* Values: decoded when touched, checked against their type, encoded for a topic, as canonical keys.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>

#include "engine_fixture.h"

static const mr_format format_bytes = {.kind = MR_FORMAT_BYTES};
static const mr_format format_string = {.kind = MR_FORMAT_STRING};
static const mr_format format_int = {.kind = MR_FORMAT_INT};
static const mr_format format_float = {.kind = MR_FORMAT_FLOAT};
static const mr_format format_json = {.kind = MR_FORMAT_JSON};

/* What the bytes decode to, or the message. */
static const char *decoded(fixture *f, const mr_format *format, const char *bytes, size_t len) {
    mr_bytes padded = mr_arena_copy(f->arena, mr_bytes_of(bytes, len));
    fixture_value(f, mr_datum_raw(padded, format));
    if (mr_value_touch(&f->value, &f->err) != MR_OK) {
        return f->err.message;
    }
    return fixture_show(f, &f->value.datum);
}

#define DECODED(format, bytes) decoded(f, &format, bytes, sizeof(bytes) - 1)

static void each_format_decodes_its_bytes(void **state) {
    fixture *f = *state;
    assert_string_equal(DECODED(format_string, "h\xc3\xa9"), "'h\xc3\xa9'");
    assert_string_equal(DECODED(format_string, ""), "''");
    assert_string_equal(DECODED(format_bytes, "\xff"), "'\xff'");
    assert_string_equal(DECODED(format_int, "\xff\xff\xff\xff\xff\xff\xff\xfe"), "-2");
    assert_string_equal(DECODED(format_float, "\x3f\xf8\0\0\0\0\0\0"), "1.5");
    assert_string_equal(DECODED(format_json, " {\"a\": 1} "), "{\"a\": 1}");
    assert_string_equal(DECODED(format_json, "5.0"), "5.0");
    assert_string_equal(DECODED(format_json, " \"a\\u0062\" "), "'ab'");
    assert_string_equal(DECODED(format_json, "null"), "null");
    mr_datum absent = mr_datum_raw(MR_BYTES_NULL, &format_int);
    assert_int_equal(absent.kind, MR_DATUM_NULL);
}

static void bytes_that_are_not_of_their_format_are_refused(void **state) {
    fixture *f = *state;
    assert_string_equal(DECODED(format_string, "\xff"), "not UTF-8, as a string has to be");
    assert_string_equal(DECODED(format_int, "1234567"), "8 bytes expected for int, got 7");
    assert_string_equal(DECODED(format_float, ""), "8 bytes expected for float, got 0");
    assert_string_equal(DECODED(format_float, "\x7f\xf0\0\0\0\0\0\0"),
                        "infinity is no value of a float");
    assert_non_null(strstr(DECODED(format_json, "{\"a\":}"), "not JSON"));
    assert_non_null(strstr(DECODED(format_json, "9223372036854775808"), "not JSON"));
    assert_int_equal(f->value.touched, false);
    assert_int_equal(f->value.datum.kind, MR_DATUM_RAW);
}

/* ---- types ---- */

static const mr_type type_any = {.kind = MR_TYPE_ANY, .name = "any"};
static const mr_type type_string = {.kind = MR_TYPE_STRING, .name = "string"};
static const mr_type type_note = {.kind = MR_TYPE_STRING, .nullable = true, .name = "string|null"};
static const mr_type type_int = {.kind = MR_TYPE_INT, .name = "int"};
static const mr_type type_number = {.kind = MR_TYPE_NUMBER, .name = "number"};
static const mr_type type_bool = {.kind = MR_TYPE_BOOL, .name = "bool"};
static const mr_type type_ints = {.kind = MR_TYPE_ARRAY, .item = &type_int, .name = "[int]"};
static const mr_type type_map = {.kind = MR_TYPE_MAP, .item = &type_ints, .name = "map([int])"};
static const mr_type_field item_fields[] = {{"price", &type_number}, {"note", &type_note}};
static const mr_type type_item = {
    .kind = MR_TYPE_RECORD, .fields = item_fields, .fields_count = 2, .name = "Item"};
static const mr_type type_items = {.kind = MR_TYPE_ARRAY, .item = &type_item, .name = "[Item]"};
static const mr_type_field order_fields[] = {
    {"id", &type_string}, {"items", &type_items}, {"paid", &type_bool},
    {"extra", &type_any}, {"by", &type_map},
};
static const mr_type type_order = {
    .kind = MR_TYPE_RECORD, .fields = order_fields, .fields_count = 5, .name = "Order"};

static const char *typed(fixture *f, const mr_type *type, const char *json) {
    mr_format format = {.kind = MR_FORMAT_JSON, .type = type};
    fixture_value(f, mr_datum_raw(fixture_bytes(f, json), &format));
    return mr_value_touch(&f->value, &f->err) == MR_OK ? "ok" : f->err.message;
}

static void a_value_of_its_type_passes(void **state) {
    fixture *f = *state;
    assert_string_equal(
        typed(f, &type_order,
              "{\"by\": {\"x\": [1, 2.0]}, \"unknown\": 1, \"extra\": null, \"paid\": true,"
              " \"items\": [{\"price\": 1}, {\"price\": 1.5, \"note\": null}], \"id\": \"a\"}"),
        "ok");
    assert_string_equal(typed(f, &type_note, "null"), "ok");
    assert_string_equal(typed(f, &type_ints, "[]"), "ok");
}

static void what_does_not_fit_is_named_by_its_path(void **state) {
    fixture *f = *state;
    const char *const cases[][2] = {
        {"{\"items\": [], \"paid\": true}", "field 'id' is missing"},
        {"{\"id\": null}", "field 'id' is null"},
        {"{\"id\": 5}", "field 'id' is the int 5, not string"},
        {"{\"id\": \"a\", \"items\": [{\"price\": 1}, {}]}", "field 'items[2].price' is missing"},
        {"{\"id\": \"a\", \"items\": [{\"price\": 1, \"note\": []}]}",
         "field 'items[1].note' is an array, not string|null"},
        {"{\"id\": \"a\", \"items\": {}}", "field 'items' is a table, not [Item]"},
        {"{\"id\": \"a\", \"items\": [], \"paid\": 0}", "field 'paid' is the int 0, not bool"},
        {"{\"id\": \"a\", \"items\": [], \"paid\": true}", "field 'extra' is missing"},
        {"{\"id\": \"a\", \"items\": [], \"paid\": true, \"extra\": 1, \"by\": {\"k\": [1, 1.5]}}",
         "field 'by.k[2]' is the float 1.5, not int"},
        {"[1]", "the value is an array, not Order"},
        {"7", "the value is the int 7, not Order"},
        {"null", "the value is null"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_string_equal(typed(f, &type_order, cases[i][0]), cases[i][1]);
    }
    assert_string_equal(typed(f, &type_int, "1e300"), "the value is the float 1e+300, not int");
    assert_string_equal(typed(f, &type_number, "\"1\""), "the value is the string '1', not number");
}

/* ---- encoding ---- */

static const char *encoded(fixture *f, mr_datum datum, const mr_format *format) {
    fixture_value(f, datum);
    mr_buf out = {0};
    bool null_out;
    const char *answer = f->err.message;
    if (mr_value_encode(&f->value, format, &out, &null_out, &f->err) == MR_OK) {
        answer = null_out ? "<null>" : mr_arena_strndup(f->arena, mr_buf_cstr(&out), out.len);
    } else {
        assert_int_equal(out.len, 0);
    }
    mr_buf_deinit(&out);
    return answer;
}

static mr_datum text(const char *string) {
    return mr_datum_string(mr_bytes_text(string));
}

static mr_datum json(fixture *f, const char *value) {
    return (mr_datum){.kind = MR_DATUM_JSON, .bytes = fixture_bytes(f, value)};
}

static void each_format_takes_what_it_can_hold(void **state) {
    fixture *f = *state;
    assert_string_equal(encoded(f, text("abc"), &format_string), "abc");
    assert_string_equal(encoded(f, text("\xff"), &format_bytes), "\xff");
    assert_memory_equal(encoded(f, mr_datum_int(258), &format_int), "\0\0\0\0\0\0\x01\x02", 8);
    assert_memory_equal(encoded(f, mr_datum_float(-2.0), &format_int),
                        "\xff\xff\xff\xff\xff\xff\xff\xfe", 8);
    assert_memory_equal(encoded(f, mr_datum_int(1), &format_float), "\x3f\xf0\0\0\0\0\0\0", 8);
    assert_string_equal(encoded(f, mr_datum_float(5), &format_json), "5.0");
    assert_string_equal(encoded(f, text("a\"b"), &format_json), "\"a\\\"b\"");
    assert_string_equal(encoded(f, json(f, "{\"b\": [1 ]}"), &format_json), "{\"b\": [1 ]}");
    assert_string_equal(encoded(f, json(f, "{\"b\":1}"), &format_bytes), "{\"b\":1}");
    assert_string_equal(encoded(f, mr_datum_bool(true), &format_bytes), "true");
    assert_string_equal(encoded(f, MR_DATUM_OF_NULL, &format_int), "<null>");
}

static void what_a_format_cannot_hold_is_an_error(void **state) {
    fixture *f = *state;
    assert_string_equal(encoded(f, mr_datum_int(5), &format_string),
                        "a string expected, got the int 5");
    assert_string_equal(encoded(f, text("\xff"), &format_string),
                        "a string expected, got a string that is not UTF-8");
    assert_string_equal(encoded(f, mr_datum_float(1.5), &format_int),
                        "an int expected, got the float 1.5");
    assert_string_equal(encoded(f, mr_datum_float(9223372036854775808.0), &format_int),
                        "an int expected, got the float 9.223372036854776e+18");
    assert_string_equal(encoded(f, mr_datum_int(9007199254740993), &format_float),
                        "a number that a float holds expected, got the int 9007199254740993");
    assert_string_equal(encoded(f, mr_datum_float((double)NAN), &format_float),
                        "a number that a float holds expected, got NaN");
    assert_string_equal(encoded(f, mr_datum_float((double)INFINITY), &format_float),
                        "a number that a float holds expected, got infinity");
    assert_string_equal(encoded(f, mr_datum_float((double)INFINITY), &format_json),
                        "infinity cannot be written");
    assert_string_equal(encoded(f, text("\xff"), &format_json),
                        "a string that is not UTF-8 cannot be written as JSON");
    assert_string_equal(encoded(f, MR_DATUM_OF_NIL, &format_json), "there is no value");
}

static void what_was_only_read_keeps_its_bytes(void **state) {
    fixture *f = *state;
    const char *written = " {\"a\":1.0e1 , \"s\":\"\\u0041\"} ";
    mr_datum raw = mr_datum_raw(fixture_bytes(f, written), &format_json);
    assert_string_equal(encoded(f, raw, &format_json), written);
    assert_int_equal(mr_value_touch(&f->value, &f->err), MR_OK);
    mr_buf out = {0};
    bool null_out;
    assert_int_equal(mr_value_encode(&f->value, &format_json, &out, &null_out, &f->err), MR_OK);
    assert_string_equal(mr_buf_cstr(&out), written);
    mr_buf_deinit(&out);
    assert_string_equal(
        encoded(f, mr_datum_raw(fixture_bytes(f, "{bad"), &format_json), &format_bytes), "{bad");
    assert_string_equal(
        encoded(f, mr_datum_raw(fixture_bytes(f, "{bad"), &format_json), &format_json), "{bad");
    assert_string_equal(
        encoded(f, mr_datum_raw(fixture_bytes(f, "\"x\""), &format_json), &format_string), "x");
    assert_string_equal(
        encoded(f, mr_datum_raw(fixture_bytes(f, "x"), &format_string), &format_json), "\"x\"");
}

static void a_key_behind_a_repartition_is_written_as_the_value_it_is(void **state) {
    fixture *f = *state;
    const mr_format *dress = &mr_format_of_keys;
    assert_string_equal(encoded(f, mr_datum_raw(fixture_bytes(f, "\"k\""), dress), &format_bytes),
                        "k");
    assert_string_equal(encoded(f, mr_datum_raw(fixture_bytes(f, "\"k\""), dress), &format_string),
                        "k");
    assert_string_equal(encoded(f, mr_datum_raw(fixture_bytes(f, "\"k\""), dress), &format_json),
                        "\"k\"");
    assert_string_equal(
        encoded(f, mr_datum_raw(fixture_bytes(f, "{\"a\":5}"), dress), &format_bytes), "{\"a\":5}");
}

static void a_typed_topic_checks_what_is_written_to_it(void **state) {
    fixture *f = *state;
    mr_format items = {.kind = MR_FORMAT_JSON, .type = &type_items};
    mr_format number = {.kind = MR_FORMAT_JSON, .type = &type_number};
    assert_string_equal(encoded(f, json(f, "[{\"price\":1}]"), &items), "[{\"price\":1}]");
    assert_string_equal(encoded(f, json(f, "[{}]"), &items), "field '[1].price' is missing");
    assert_string_equal(encoded(f, mr_datum_raw(fixture_bytes(f, "[{}]"), &format_json), &items),
                        "field '[1].price' is missing");
    assert_string_equal(encoded(f, mr_datum_int(7), &number), "7");
    assert_string_equal(encoded(f, text("7"), &number), "the value is the string '7', not number");
}

/* ---- keys ---- */

static const char *canonical(fixture *f, mr_datum datum) {
    fixture_value(f, datum);
    mr_buf out = {0};
    mr_status status = mr_key_put_canonical(&f->value, &out, &f->err);
    const char *answer =
        status == MR_OK ? mr_arena_strndup(f->arena, mr_buf_cstr(&out), out.len) : f->err.message;
    mr_buf_deinit(&out);
    return answer;
}

static void equal_keys_have_equal_text(void **state) {
    fixture *f = *state;
    assert_string_equal(canonical(f, mr_datum_int(5)), "5");
    assert_string_equal(canonical(f, mr_datum_float(5.0)), "5");
    assert_string_equal(canonical(f, mr_datum_float(-0.0)), "0");
    assert_string_equal(canonical(f, mr_datum_float(0.5)), "0.5");
    assert_string_equal(canonical(f, mr_datum_float(1e300)), "1e+300");
    assert_string_equal(canonical(f, text("JFK")), "\"JFK\"");
    assert_string_equal(canonical(f, mr_datum_bool(false)), "false");
    assert_string_equal(canonical(f, json(f, "{\"b\": 2.0, \"a\": [1, {}]}")),
                        "{\"a\":[1,{}],\"b\":2}");
    assert_string_equal(canonical(f, mr_datum_raw(fixture_bytes(f, " 5.0"), &format_json)), "5");
    assert_string_equal(canonical(f, MR_DATUM_OF_NULL), "there is no key");
    assert_non_null(strstr(canonical(f, text("\xff")), "not UTF-8"));
    assert_non_null(strstr(canonical(f, mr_datum_float((double)NAN)), "NaN"));
}

static void parsers_are_reused_and_generations_differ(void **state) {
    fixture *f = *state;
    fixture_record(f, NULL, "{\"a\":1}", 0);
    assert_int_equal(mr_value_touch(&f->value, &f->err), MR_OK);
    const mr_json_parser *parser = f->value.parser;
    uint64_t generation = f->value.generation;
    fixture_record(f, NULL, "{\"a\":2}", 0);
    assert_null(f->value.parser);
    assert_int_equal(mr_value_touch(&f->value, &f->err), MR_OK);
    assert_ptr_equal(f->value.parser, parser);
    assert_true(f->value.generation > generation);
}

static void a_long_string_is_cut_between_characters_in_messages(void **state) {
    fixture *f = *state;
    mr_buf long_text = {0};
    mr_buf_put_text(&long_text, "x");
    for (int i = 0; i < 50; i++) {
        mr_buf_put_text(&long_text, "\xc3\xa9");
    }
    mr_datum datum = mr_datum_string(mr_buf_view(&long_text));
    mr_datum_text shown;
    const char *message = mr_datum_describe(&datum, &shown);
    assert_int_equal(mr_utf8_check(mr_bytes_text(message)), MR_OK);
    assert_int_equal(strlen(message), strlen("the string '") + 59 + strlen("...'"));
    mr_buf_deinit(&long_text);
    (void)f;
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(each_format_decodes_its_bytes),
        TEST(bytes_that_are_not_of_their_format_are_refused),
        TEST(a_value_of_its_type_passes),
        TEST(what_does_not_fit_is_named_by_its_path),
        TEST(each_format_takes_what_it_can_hold),
        TEST(what_a_format_cannot_hold_is_an_error),
        TEST(what_was_only_read_keeps_its_bytes),
        TEST(a_key_behind_a_repartition_is_written_as_the_value_it_is),
        TEST(a_typed_topic_checks_what_is_written_to_it),
        TEST(equal_keys_have_equal_text),
        TEST(parsers_are_reused_and_generations_differ),
        TEST(a_long_string_is_cut_between_characters_in_messages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
