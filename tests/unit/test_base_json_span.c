#include "runtime/base/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "runtime/base/alloc.h"

/* "name=value name=value" or "value value", spans as written. */
static const char *walked(const char *text, mr_buf *out) {
    mr_buf_clear(out);
    mr_json_walk walk = mr_json_walk_begin(mr_bytes_text(text));
    mr_json_span span;
    while (mr_json_walk_next(&walk, &span)) {
        mr_buf_printf(out, "%s", out->len > 0 ? " " : "");
        if (!mr_bytes_is_null(span.name_raw)) {
            mr_buf_put_bytes(out, span.name_raw);
            mr_buf_put_u8(out, '=');
        }
        mr_buf_put_bytes(out, span.value);
    }
    assert_false(mr_json_walk_next(&walk, &span));
    return mr_buf_cstr(out);
}

static void spans_are_the_bytes_as_written(void **state) {
    (void)state;
    mr_buf out = {0};
    assert_string_equal(
        walked(" { \"a\" : 1.50 , \"b\\n\":\"x,}\\\"\",\"c\":[1, {\"]\":2}],\"d\":{}} ", &out),
        "\"a\"=1.50 \"b\\n\"=\"x,}\\\"\" \"c\"=[1, {\"]\":2}] \"d\"={}");
    assert_string_equal(walked("[1, \"a:\\\\\" ,null,[],-2e5\n]", &out),
                        "1 \"a:\\\\\" null [] -2e5");
    assert_string_equal(walked("{}", &out), "");
    assert_string_equal(walked("[ ]", &out), "");
    assert_string_equal(walked("[[]]", &out), "[]");
    mr_buf_deinit(&out);
}

static mr_json_kind kind(const char *text) {
    return mr_json_span_kind(mr_bytes_text(text));
}

static void the_kind_of_a_span_is_how_it_is_written(void **state) {
    (void)state;
    assert_int_equal(kind("null"), MR_JSON_NULL);
    assert_int_equal(kind("true"), MR_JSON_BOOL);
    assert_int_equal(kind("false"), MR_JSON_BOOL);
    assert_int_equal(kind("-12"), MR_JSON_INT);
    assert_int_equal(kind("5.0"), MR_JSON_FLOAT);
    assert_int_equal(kind("1E2"), MR_JSON_FLOAT);
    assert_int_equal(kind("\"1\""), MR_JSON_STRING);
    assert_int_equal(kind("[]"), MR_JSON_ARRAY);
    assert_int_equal(kind("{}"), MR_JSON_OBJECT);
}

static void a_field_is_found_by_its_unescaped_name(void **state) {
    (void)state;
    mr_bytes object = mr_bytes_text("{\"x\":{\"a\":9},\"\\u0061\":1,\"a\":2,\"b\\\"\": [3] }");
    mr_bytes value;
    assert_int_equal(mr_json_span_field(object, mr_bytes_text("a"), &value), MR_OK);
    assert_true(mr_bytes_equal(value, mr_bytes_text("1")));
    assert_int_equal(mr_json_span_field(object, mr_bytes_text("b\""), &value), MR_OK);
    assert_true(mr_bytes_equal(value, mr_bytes_text("[3]")));
    assert_int_equal(mr_json_span_field(object, mr_bytes_text("b"), &value), MR_NOT_FOUND);
    assert_int_equal(mr_json_span_field(object, mr_bytes_text("xx"), &value), MR_NOT_FOUND);
    assert_int_equal(mr_json_span_field(mr_bytes_text("{}"), mr_bytes_text(""), &value),
                     MR_NOT_FOUND);
    assert_int_equal(mr_json_span_field(mr_bytes_text("{\"\":0}"), mr_bytes_text(""), &value),
                     MR_OK);
}

static void unescaping_gives_what_the_parser_gives(void **state) {
    (void)state;
    const char *strings[] = {
        "\"\"",
        "\"plain\"",
        "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"",
        "\"\\u0000\\u007f\\u0080\\u07FF\\u0800\\uffff\"",
        "\"x\\ud83d\\ude00y\\uDBFF\\uDFFF\"",
        "\"\xc3\xa4\\u00E4\xe2\x82\xac\"",
    };
    mr_json_parser *parser = mr_json_parser_create();
    mr_buf text = {0};
    mr_buf out = {0};
    for (size_t i = 0; i < sizeof strings / sizeof strings[0]; i++) {
        mr_buf_clear(&text);
        mr_buf_put_text(&text, strings[i]);
        mr_json value;
        assert_int_equal(mr_json_parse(parser, mr_buf_view(&text), &value, NULL), MR_OK);
        mr_buf_clear(&out);
        mr_json_span_unescape(mr_bytes_text(strings[i]), &out);
        assert_true(mr_bytes_equal(mr_buf_view(&out), mr_json_as_string(value)));
    }
    mr_json_parser_destroy(parser);
    mr_buf_deinit(&text);
    mr_buf_deinit(&out);
}

/* A torn text cannot come from the parser; a walk over one must still stay inside it. */
static void a_walk_never_leaves_its_bytes(void **state) {
    (void)state;
    const char *whole = "{\"a\\\"\":[1,{\"b\":\"c\\\\\"}],\"d\":nul";
    for (size_t len = 1; len <= strlen(whole); len++) {
        uint8_t *torn = (uint8_t *)mr_strndup(whole, len);
        uint8_t *exact = mr_realloc(NULL, len);
        memcpy(exact, torn, len);
        mr_json_walk walk = mr_json_walk_begin(mr_bytes_of(exact, len));
        mr_json_span span;
        int count = 0;
        while (mr_json_walk_next(&walk, &span)) {
            assert_true(span.value.data + span.value.len <= exact + len);
            count++;
        }
        assert_true(count <= 3);
        mr_free(torn);
        mr_free(exact);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spans_are_the_bytes_as_written),
        cmocka_unit_test(the_kind_of_a_span_is_how_it_is_written),
        cmocka_unit_test(a_field_is_found_by_its_unescaped_name),
        cmocka_unit_test(unescaping_gives_what_the_parser_gives),
        cmocka_unit_test(a_walk_never_leaves_its_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
