#include "runtime/base/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>

#include "runtime/base/json_place.h"
#include "runtime/base/limits.h"
#include "runtime/base/prng.h"

typedef struct fixture {
    mr_json_parser *parser;
    mr_buf text;
    mr_buf out;
} fixture;

static int set_up(void **state) {
    static fixture f;
    f = (fixture){.parser = mr_json_parser_create()};
    *state = &f;
    return 0;
}

static int tear_down(void **state) {
    fixture *f = *state;
    mr_json_parser_destroy(f->parser);
    mr_buf_deinit(&f->text);
    mr_buf_deinit(&f->out);
    return 0;
}

static mr_status parse(fixture *f, const char *text, mr_json *out, mr_err *err) {
    mr_buf_clear(&f->text);
    mr_buf_put_text(&f->text, text);
    return mr_json_parse(f->parser, mr_buf_view(&f->text), out, err);
}

static mr_json parsed(fixture *f, const char *text) {
    mr_json value;
    assert_int_equal(parse(f, text, &value, NULL), MR_OK);
    return value;
}

static const char *written(fixture *f, const char *text) {
    mr_json value = parsed(f, text);
    mr_buf_clear(&f->out);
    mr_json_put_value(&f->out, value);
    return mr_buf_cstr(&f->out);
}

static const char *canonical(fixture *f, const char *text) {
    mr_json value = parsed(f, text);
    mr_buf_clear(&f->out);
    mr_json_put_canonical(&f->out, value);
    return mr_buf_cstr(&f->out);
}

static mr_json field(mr_json object, const char *name) {
    mr_json value;
    assert_int_equal(mr_json_field(object, mr_bytes_text(name), &value), MR_OK);
    return value;
}

static void values_have_their_kinds(void **state) {
    mr_json root = parsed(*state, "{\"n\":null,\"t\":true,\"f\":false,\"i\":-7,\"d\":2.5,"
                                  "\"s\":\"a\\u00e4\\n\",\"a\":[1,[2]],\"o\":{\"x\":3}}");
    assert_int_equal(mr_json_kind_of(root), MR_JSON_OBJECT);
    assert_int_equal(mr_json_count(root), 8);
    assert_int_equal(mr_json_kind_of(field(root, "n")), MR_JSON_NULL);
    assert_true(mr_json_as_bool(field(root, "t")));
    assert_false(mr_json_as_bool(field(root, "f")));
    assert_int_equal(mr_json_as_int(field(root, "i")), -7);
    assert_true(mr_json_as_float(field(root, "d")) == 2.5);
    assert_true(mr_bytes_equal(mr_json_as_string(field(root, "s")), mr_bytes_text("a\xc3\xa4\n")));
    assert_int_equal(mr_json_count(field(root, "a")), 2);
    assert_int_equal(mr_json_as_int(field(field(root, "o"), "x")), 3);
    mr_json none;
    assert_int_equal(mr_json_field(root, mr_bytes_text("zz"), &none), MR_NOT_FOUND);
    assert_int_equal(mr_json_field(root, mr_bytes_text(""), &none), MR_NOT_FOUND);
}

static void a_value_may_stand_alone(void **state) {
    assert_int_equal(mr_json_as_int(parsed(*state, " 12 ")), 12);
    assert_int_equal(mr_json_kind_of(parsed(*state, "null")), MR_JSON_NULL);
    assert_int_equal(mr_json_as_string(parsed(*state, "\"\"")).len, 0);
    assert_non_null(mr_json_as_string(parsed(*state, "\"\"")).data);
    assert_int_equal(mr_json_count(parsed(*state, "{}")), 0);
    assert_int_equal(mr_json_count(parsed(*state, "[]")), 0);
}

static void of_a_name_given_twice_the_first_counts(void **state) {
    mr_json root = parsed(*state, "{\"a\":1,\"b\":2,\"\\u0061\":3}");
    assert_int_equal(mr_json_as_int(field(root, "a")), 1);
    mr_json_iter iter = mr_json_iterate(root);
    mr_bytes name;
    mr_json value;
    int64_t sum = 0;
    while (mr_json_iter_next(&iter, &name, &value)) {
        assert_int_equal(name.len, 1);
        sum = sum * 10 + mr_json_as_int(value);
    }
    assert_int_equal(sum, 123);
}

static void arrays_are_visited_without_names(void **state) {
    mr_json_iter iter = mr_json_iterate(parsed(*state, "[[1,2],{\"a\":[]},3]"));
    mr_bytes name;
    mr_json value;
    assert_true(mr_json_iter_next(&iter, &name, &value));
    assert_true(mr_bytes_is_null(name));
    assert_int_equal(mr_json_kind_of(value), MR_JSON_ARRAY);
    assert_true(mr_json_iter_next(&iter, &name, &value));
    assert_int_equal(mr_json_kind_of(value), MR_JSON_OBJECT);
    assert_true(mr_json_iter_next(&iter, &name, &value));
    assert_int_equal(mr_json_as_int(value), 3);
    assert_false(mr_json_iter_next(&iter, &name, &value));
    assert_false(mr_json_iter_next(&iter, &name, &value));
}

static void integers_are_64_bits_signed(void **state) {
    assert_true(mr_json_as_int(parsed(*state, "9223372036854775807")) == INT64_MAX);
    assert_true(mr_json_as_int(parsed(*state, "-9223372036854775808")) == INT64_MIN);
    assert_true(mr_json_as_int(parsed(*state, "-0")) == 0);
    assert_true(signbit(mr_json_as_float(parsed(*state, "-0.0"))));
    assert_int_equal(mr_json_kind_of(parsed(*state, "1e2")), MR_JSON_FLOAT);
    assert_true(mr_json_as_float(parsed(*state, "1e-999")) == 0);
}

typedef struct refusal {
    const char *text;
    const char *message;
} refusal;

static const refusal refusals[] = {
    {"", "not JSON: the text ends where a value is missing (byte 0)"},
    {"  ", "not JSON: the text ends where a value is missing (byte 2)"},
    {"{\"a\":1", "not JSON: ',' or '}' is missing (byte 6)"},
    {"[1,2", "not JSON: ',' or ']' is missing (byte 4)"},
    {"[1,]", "not JSON: not a value (byte 3)"},
    {"{\"a\":}", "not JSON: not a value (byte 5)"},
    {"{\"a\" 1}", "not JSON: ':' is missing (byte 5)"},
    {"{a:1}", "not JSON: a field name in quotes is missing (byte 1)"},
    {"{\"a\":1,}", "not JSON: a field name in quotes is missing (byte 7)"},
    {"{\"a\":1}}", "not JSON: something stands behind the value (byte 7)"},
    {"1 2", "not JSON: something stands behind the value (byte 2)"},
    {"nul", "not JSON: not a value (byte 0)"},
    {"[truex]", "not JSON: ',' or ']' is missing (byte 5)"},
    {"\"abc", "not JSON: a string without its end (byte 0)"},
    {"[\"a\nb\"]", "not JSON: a control character in a string (byte 3)"},
    {"[\"a\\x\"]", "not JSON: an unknown escape (byte 3)"},
    {"[\"\\u12g4\"]", "not JSON: \\u without four hexadecimal digits (byte 2)"},
    {"[\"a\\ud800\"]", "not JSON: half of a surrogate pair (byte 3)"},
    {"[\"\\ud800\\u0041\"]", "not JSON: half of a surrogate pair (byte 2)"},
    {"[\"\\udc00\"]", "not JSON: half of a surrogate pair (byte 2)"},
    {"[\"\\udc00\\ud800\"]", "not JSON: half of a surrogate pair (byte 2)"},
    {"[\"\\ud800\\ud800\"]", "not JSON: half of a surrogate pair (byte 2)"},
    {"{\"\\ud800\":1}", "not JSON: half of a surrogate pair (byte 2)"},
    {"{\"\\udfff\":1}", "not JSON: half of a surrogate pair (byte 2)"},
    {"[\"\xff\"]", "not JSON: not UTF-8 (byte 2)"},
    {"[\"\xc0\x80\"]", "not JSON: not UTF-8 (byte 2)"},
    {"[\"\xed\xa0\x80\"]", "not JSON: not UTF-8 (byte 2)"},
    {"[\"\xf4\x90\x80\x80\"]", "not JSON: not UTF-8 (byte 2)"},
    {"[\"\xe2\x82", "not JSON: not UTF-8 (byte 2)"},
    {"[9223372036854775808]", "not JSON: an integer beyond 64 bits signed (byte 1)"},
    {"[-9223372036854775809]", "not JSON: an integer beyond 64 bits signed (byte 1)"},
    {"[1, 99999999999999999999999]", "not JSON: an integer beyond 64 bits signed (byte 4)"},
    {"[1e999]", "not JSON: a number beyond double (byte 1)"},
    {"[-1.5e309]", "not JSON: a number beyond double (byte 1)"},
    {"[01]", "not JSON: a number with a leading zero (byte 1)"},
    {"[1.]", "not JSON: a digit is missing (byte 3)"},
    {"[.5]", "not JSON: not a value (byte 1)"},
    {"[+1]", "not JSON: not a value (byte 1)"},
    {"[-]", "not JSON: a digit is missing (byte 2)"},
    {"[1e]", "not JSON: a digit is missing (byte 3)"},
    {"[NaN]", "not JSON: not a value (byte 1)"},
    {"\xef\xbb\xbf{}", "not JSON: not a value (byte 0)"},
};

static void what_is_not_json_is_refused_with_cause_and_place(void **state) {
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        mr_json value;
        mr_err err = {0};
        mr_status status = parse(*state, refusals[i].text, &value, &err);
        if (status != MR_INVALID) {
            fail_msg("accepted: %s", refusals[i].text);
        }
        assert_string_equal(err.message, refusals[i].message);
        assert_int_equal(parse(*state, refusals[i].text, &value, NULL), MR_INVALID);
    }
}

static void nest(mr_buf *out, int depth) {
    mr_buf_clear(out);
    for (int i = 0; i < depth; i++) {
        mr_buf_put_u8(out, '[');
    }
    for (int i = 0; i < depth; i++) {
        mr_buf_put_u8(out, ']');
    }
}

static void nesting_ends_at_its_limit(void **state) {
    fixture *f = *state;
    mr_json value;
    mr_err err;
    nest(&f->text, MR_JSON_DEPTH_MAX);
    assert_int_equal(mr_json_parse(f->parser, mr_buf_view(&f->text), &value, &err), MR_OK);
    mr_json_put_canonical(&f->out, value);
    assert_true(mr_bytes_equal(mr_buf_view(&f->out), mr_buf_view(&f->text)));
    nest(&f->text, MR_JSON_DEPTH_MAX + 1);
    assert_int_equal(mr_json_parse(f->parser, mr_buf_view(&f->text), &value, &err), MR_INVALID);
    assert_string_equal(err.message, "not JSON: nested too deeply (byte 256)");
    nest(&f->text, 100000);
    assert_int_equal(mr_json_parse(f->parser, mr_buf_view(&f->text), &value, &err), MR_INVALID);
    assert_string_equal(err.message, "not JSON: nested too deeply (byte 256)");
}

static void a_parser_goes_on_after_a_refusal_and_takes_any_size(void **state) {
    fixture *f = *state;
    mr_json value;
    for (int round = 0; round < 3; round++) {
        mr_buf_clear(&f->text);
        mr_buf_put_u8(&f->text, '[');
        for (int i = 0; i < 100000; i++) {
            mr_buf_printf(&f->text, "%s%d", i > 0 ? "," : "", i);
        }
        mr_buf_put_u8(&f->text, ']');
        assert_int_equal(mr_json_parse(f->parser, mr_buf_view(&f->text), &value, NULL), MR_OK);
        assert_int_equal(mr_json_count(value), 100000);
        assert_int_equal(parse(f, "[", &value, NULL), MR_INVALID);
        assert_int_equal(mr_json_as_int(parsed(f, "3")), 3);
    }
}

static void values_are_written_compactly_in_their_order(void **state) {
    assert_string_equal(
        written(*state, " { \"b\" : [ 1 , 2.50 , { } , [ ] ] , \"a\" : \"\\u0041\\/\\u0001\" } "),
        "{\"b\":[1,2.5,{},[]],\"a\":\"A/\\u0001\"}");
    assert_string_equal(written(*state, "[null,true,false,-9223372036854775808,5.0,1e300]"),
                        "[null,true,false,-9223372036854775808,5.0,1e+300]");
    assert_string_equal(written(*state, "\"\\ud83d\\ude00\\u0000\""),
                        "\"\xf0\x9f\x98\x80\\u0000\"");
}

static void canonical_keys_are_equal_when_their_values_are(void **state) {
    assert_string_equal(canonical(*state, "5.0"), "5");
    assert_string_equal(canonical(*state, "-0.0"), "0");
    assert_string_equal(canonical(*state, "5e0"), "5");
    assert_string_equal(canonical(*state, "0.50"), "0.5");
    assert_string_equal(canonical(*state, "1e18"), "1000000000000000000");
    assert_string_equal(canonical(*state, "9223372036854775808.0"), "9.223372036854776e+18");
    assert_string_equal(canonical(*state, "-9223372036854775808.0"), "-9223372036854775808");
    assert_string_equal(canonical(*state, "1e300"), "1e+300");
    assert_string_equal(canonical(*state, "{\"b\":1,\"a\":{\"z\":1.0,\"\":[2.0]},\"b\":3}"),
                        "{\"a\":{\"\":[2],\"z\":1},\"b\":1}");
    assert_string_equal(canonical(*state, "{\"\\u00e4\":1,\"z\":2,\"a\\u0000\":3,\"a\":4}"),
                        "{\"a\":4,\"a\\u0000\":3,\"z\":2,\"\xc3\xa4\":1}");
}

static void the_writer_escapes_and_refuses(void **state) {
    fixture *f = *state;
    assert_int_equal(mr_json_put_string(&f->out, mr_bytes_text("a\"\\\b\f\n\r\t\x1f\x7f/")), MR_OK);
    assert_string_equal(mr_buf_cstr(&f->out), "\"a\\\"\\\\\\b\\f\\n\\r\\t\\u001f\x7f/\"");
    mr_buf_clear(&f->out);
    assert_int_equal(mr_json_put_string(&f->out, mr_bytes_text("\xed\xa0\x80")), MR_INVALID);
    assert_int_equal(mr_json_put_float(&f->out, NAN), MR_INVALID);
    assert_int_equal(mr_json_put_float(&f->out, -INFINITY), MR_INVALID);
    assert_int_equal(f->out.len, 0);
    mr_json_put_int(&f->out, INT64_MIN);
    mr_json_put_bool(&f->out, true);
    mr_json_put_bool(&f->out, false);
    mr_json_put_null(&f->out);
    assert_int_equal(mr_json_put_float(&f->out, 2), MR_OK);
    assert_int_equal(mr_json_put_string(&f->out, mr_bytes_text("")), MR_OK);
    assert_string_equal(mr_buf_cstr(&f->out), "-9223372036854775808truefalsenull2.0\"\"");
}

static void utf8_is_checked_whole(void **state) {
    (void)state;
    assert_int_equal(mr_utf8_check(mr_bytes_text("a\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80")), MR_OK);
    assert_int_equal(mr_utf8_check(MR_BYTES_NULL), MR_OK);
    assert_int_equal(mr_utf8_check(mr_bytes_text("\xc3")), MR_INVALID);
    assert_int_equal(mr_utf8_check(mr_bytes_text("\xe0\x80\x80")), MR_INVALID);
    assert_int_equal(mr_utf8_check(mr_bytes_text("\x80")), MR_INVALID);
}

/* Pieces that texts near JSON are made of. */
static const char *const pieces[] = {
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\"a\"",
    "\"b\\n\"",
    "1",
    "-2.5",
    "1e3",
    "true",
    "null",
    " ",
    "\"",
    "\\",
    "\\u00e9",
    "\\ud83d\\ude00",
    "\\ud8",
    "\xc3\xa4",
    "\xff",
    "00",
    "e",
    "-",
    "[1]",
    "{\"x\":2}",
    "9223372036854775807",
    "18446744073709551615",
    "1e400",
    "\\udc00",
    "\t",
    "\x01",
    ".",
    "\"c\":",
    "\"d\":[",
};

/* The slow reader and simdjson must agree about every text: it names a place iff the text is
 * refused. */
static void the_place_reader_and_the_parser_agree(void **state) {
    fixture *f = *state;
    mr_prng prng = mr_prng_seeded(11);
    int accepted = 0;
    for (int round = 0; round < 300000; round++) {
        mr_buf_clear(&f->text);
        uint64_t count = 1 + mr_prng_below(&prng, 7);
        for (uint64_t i = 0; i < count; i++) {
            mr_buf_put_text(&f->text, pieces[mr_prng_below(&prng, sizeof pieces / sizeof *pieces)]);
        }
        mr_json value;
        bool taken = mr_json_parse(f->parser, mr_buf_view(&f->text), &value, NULL) == MR_OK;
        bool fine = mr_json_place_of_error(mr_buf_view(&f->text)).cause == NULL;
        if (taken != fine) {
            fail_msg("parser %d, place reader %d: %s", taken, fine, mr_buf_cstr(&f->text));
        }
        accepted += taken;
    }
    assert_true(accepted > 5000);
}

static void put_random_value(mr_buf *out, mr_prng *prng, int depth) {
    switch (mr_prng_below(prng, depth > 0 ? 7 : 5)) {
    case 0:
        mr_json_put_null(out);
        return;
    case 1:
        mr_json_put_bool(out, mr_prng_below(prng, 2) == 0);
        return;
    case 2:
        mr_json_put_int(out, (int64_t)mr_prng_next(prng) >> mr_prng_below(prng, 64));
        return;
    case 3: {
        double value =
            (double)(int64_t)mr_prng_next(prng) / (double)(1 + mr_prng_below(prng, 1000));
        assert_int_equal(mr_json_put_float(out, value), MR_OK);
        return;
    }
    case 4: {
        char text[8];
        uint64_t len = mr_prng_below(prng, sizeof text);
        for (uint64_t i = 0; i < len; i++) {
            text[i] = (char)mr_prng_below(prng, 128);
        }
        assert_int_equal(mr_json_put_string(out, mr_bytes_of(text, len)), MR_OK);
        return;
    }
    default:
        break;
    }
    bool object = mr_prng_below(prng, 2) == 0;
    mr_buf_put_u8(out, object ? '{' : '[');
    uint64_t count = mr_prng_below(prng, 5);
    for (uint64_t i = 0; i < count; i++) {
        mr_buf_printf(out, "%s", i > 0 ? "," : "");
        if (object) {
            mr_buf_printf(out, "\"%c\":", (char)('a' + mr_prng_below(prng, 4)));
        }
        put_random_value(out, prng, depth - 1);
    }
    mr_buf_put_u8(out, object ? '}' : ']');
}

static void what_is_written_reads_back_the_same(void **state) {
    fixture *f = *state;
    mr_prng prng = mr_prng_seeded(13);
    for (int round = 0; round < 20000; round++) {
        mr_buf_clear(&f->text);
        put_random_value(&f->text, &prng, 4);
        mr_json value;
        assert_int_equal(mr_json_parse(f->parser, mr_buf_view(&f->text), &value, NULL), MR_OK);
        mr_buf_clear(&f->out);
        mr_json_put_value(&f->out, value);
        assert_string_equal(mr_buf_cstr(&f->out), mr_buf_cstr(&f->text));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        CASE(values_have_their_kinds),
        CASE(a_value_may_stand_alone),
        CASE(of_a_name_given_twice_the_first_counts),
        CASE(arrays_are_visited_without_names),
        CASE(integers_are_64_bits_signed),
        CASE(what_is_not_json_is_refused_with_cause_and_place),
        CASE(nesting_ends_at_its_limit),
        CASE(a_parser_goes_on_after_a_refusal_and_takes_any_size),
        CASE(values_are_written_compactly_in_their_order),
        CASE(canonical_keys_are_equal_when_their_values_are),
        CASE(the_writer_escapes_and_refuses),
        CASE(utf8_is_checked_whole),
        CASE(the_place_reader_and_the_parser_agree),
        CASE(what_is_written_reads_back_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
