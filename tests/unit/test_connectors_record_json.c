/* A record as one line of JSON. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "runtime/engine/record_json.h"

static const mr_format json = {MR_FORMAT_JSON, NULL};
static const mr_format string = {MR_FORMAT_STRING, NULL};
static const mr_format bytes = {MR_FORMAT_BYTES, NULL};
static const mr_format integer = {MR_FORMAT_INT, NULL};
static const mr_format number = {MR_FORMAT_FLOAT, NULL};

/* The line of a record whose value is this. */
static void expect_line(const mr_format *format, const char *value, size_t len,
                        const char *expected) {
    mr_buf padded = {0}, out = {0}, line = {0};
    mr_buf_put(&padded, value, len);
    mr_buf_reserve(&padded, 1);
    mr_record record = {.offset = 42, .timestamp_ms = 1700000000000};
    record.value = value ? mr_buf_view(&padded) : MR_BYTES_NULL;
    record.key = mr_bytes_text("k");
    mr_record_json_put(&record, &string, format, 3, &out);
    mr_buf_printf(&line,
                  "{\"key\":\"k\",\"value\":%s,\"ts\":1700000000000,\"headers\":{},\"partition\":3,"
                  "\"offset\":42}",
                  expected);
    assert_string_equal(mr_buf_cstr(&out), mr_buf_cstr(&line));
    mr_buf_deinit(&padded);
    mr_buf_deinit(&out);
    mr_buf_deinit(&line);
}

static void values_are_decoded_as_their_format_says(void **state) {
    (void)state;
    expect_line(&json, "{\"a\": 1.50}", 11, "{\"a\": 1.50}");
    expect_line(&json, "\"x\"", 3, "\"x\"");
    expect_line(&string, "say \"hi\"\n", 9, "\"say \\\"hi\\\"\\n\"");
    expect_line(&bytes, "text", 4, "\"text\"");
    expect_line(&integer, "\0\0\0\0\0\0\1\2", 8, "258");
    expect_line(&integer, "\377\377\377\377\377\377\377\377", 8, "-1");
    expect_line(&number, "\x40\x09\x21\xfb\x54\x44\x2d\x18", 8, "3.141592653589793");
    expect_line(&string, NULL, 0, "null");
    expect_line(&string, "", 0, "\"\"");
    expect_line(NULL, "text", 4, "\"text\"");
}

static void a_json_value_of_several_lines_becomes_one(void **state) {
    (void)state;
    expect_line(&json, "{\n  \"a\": \"x\\ny\",\r\n  \"b\": [1,\n2]\n}", 33,
                "{  \"a\": \"x\\ny\",  \"b\": [1,2]}");
}

static void what_is_not_what_its_format_says_is_text_or_base64(void **state) {
    (void)state;
    expect_line(&json, "{oops", 5, "\"{oops\"");
    expect_line(&json, "\xff\xfe", 2, "{\"base64\":\"//4=\"}");
    expect_line(&string, "\xff", 1, "{\"base64\":\"/w==\"}");
    expect_line(&bytes, "ab\xff", 3, "{\"base64\":\"YWL/\"}");
    expect_line(&integer, "1234", 4, "{\"base64\":\"MTIzNA==\"}");
    expect_line(&number, "\x7f\xf8\0\0\0\0\0\0", 8, "{\"base64\":\"f/gAAAAAAAA=\"}");
}

static void headers_keep_their_order_and_repeated_ones_are_arrays(void **state) {
    (void)state;
    const mr_header headers[] = {
        {mr_bytes_text("b"), mr_bytes_text("1")},
        {mr_bytes_text("a"), MR_BYTES_NULL},
        {mr_bytes_text("b"), mr_bytes_of("\xff", 1)},
    };
    mr_record record = {.headers = headers, .headers_count = 3};
    mr_buf out = {0};
    mr_record_json_put(&record, NULL, NULL, 0, &out);
    assert_string_equal(
        mr_buf_cstr(&out),
        "{\"key\":null,\"value\":null,\"ts\":0,\"headers\":{\"b\":[\"1\",{\"base64\":"
        "\"/w==\"}],\"a\":null},\"partition\":0,\"offset\":0}");
    mr_buf_deinit(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_decoded_as_their_format_says),
        cmocka_unit_test(a_json_value_of_several_lines_becomes_one),
        cmocka_unit_test(what_is_not_what_its_format_says_is_text_or_base64),
        cmocka_unit_test(headers_keep_their_order_and_repeated_ones_are_arrays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
