/* `set` and templates: input and output as JSON text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "engine_fixture.h"

/* items: path, postfix, path, postfix, ..., NULL. The new value, or the message of the error. */
static const char *set(fixture *f, const char *value, const char *const *items) {
    fixture_record(f, "\"k\"", value, 9);
    mr_set_item list[8];
    uint32_t count = 0;
    for (; items[2 * count] != NULL; count++) {
        list[count].path = fixture_path(f, items[2 * count]);
        list[count].code = fixture_code(f, MR_CODE_VALUE, items[2 * count + 1]);
    }
    mr_datum out;
    mr_status status = mr_set_eval(list, count, &f->scope, &f->script, f->arena, &out, &f->err);
    return status == MR_OK ? fixture_show(f, &out) : f->err.message;
}

#define CHECK(value, expected, ...)                                                                \
    assert_string_equal(set(f, value, (const char *const[]){__VA_ARGS__, NULL}), expected)

static void fields_are_replaced_in_place_and_new_ones_appended_in_order(void **state) {
    fixture *f = *state;
    f->script_answer = mr_datum_string(mr_bytes_text("from the script"));
    CHECK("{\"a\": 1, \"b\": 2}", "{\"a\":10,\"b\":2,\"z\":\"from the script\",\"c\":9}", "a", "10",
          "z", "lua", "c", "ts");
}

static void untouched_parts_keep_their_bytes(void **state) {
    fixture *f = *state;
    CHECK("{ \"x\" : 1.50, \"e\\u0041\" : [1, 2 ,3] , \"a\": 0, \"s\": \"\\u0042\\/\" }",
          "{\"x\":1.50,\"e\\u0041\":[1, 2 ,3],\"a\":7,\"s\":\"\\u0042\\/\"}", "a", "7");
}

static void nil_removes_a_field_and_null_writes_one(void **state) {
    fixture *f = *state;
    CHECK("{\"a\": 1, \"b\": 2}", "{\"b\":null}", "a", "nil", "b", "null");
    CHECK("{\"a\": 1}", "{\"a\":1}", "b", "nil");
    CHECK("{\"a\": 1}", "{}", "a", "nil");
}

static void leaves_see_the_incoming_value(void **state) {
    fixture *f = *state;
    CHECK("{\"a\": 1, \"b\": 2}", "{\"a\":2,\"b\":1}", "a", ".b", "b", ".a");
}

static void nested_paths_change_nested_objects(void **state) {
    fixture *f = *state;
    CHECK("{\"a\": {\"x\": 1, \"y\": 2}, \"b\": 3}", "{\"a\":{\"x\":5,\"y\":2,\"z\":6},\"b\":3}",
          "a.x", "5", "a.z", "6");
    CHECK("{}", "{\"a\":{\"b\":{\"c\":1},\"d\":2}}", "a.b.c", "1", "a.d", "2");
    CHECK("{\"a\": null}", "{\"a\":{\"b\":1}}", "a.b", "1");
    CHECK("{\"a\": null}", "{\"a\":null}", "a.b", "nil");
    CHECK("{\"a\": {\"b\": 1}}", "{\"a\":{}}", "a.b", "nil");
    CHECK("{}", "{}", "a.b", "nil");
}

static void a_path_inside_another_works_on_what_that_gave(void **state) {
    fixture *f = *state;
    CHECK("{\"o\": {\"p\": 1}, \"a\": 0}", "{\"o\":{\"p\": 1},\"a\":{\"p\":1,\"q\":2}}", "a", ".o",
          "a.q", "2");
    CHECK("{\"a\": 0}", "{\"a\":2}", "a", "1", "a", "2");
}

static void of_a_doubled_name_the_first_is_changed_and_the_others_go(void **state) {
    fixture *f = *state;
    CHECK("{\"a\": 1, \"b\": 0, \"a\": 2}", "{\"a\":5,\"b\":0}", "a", "5");
    CHECK("{\"a\": 1, \"\\u0061\": 2}", "{}", "a", "nil");
}

static void an_escaped_name_is_the_same_field(void **state) {
    fixture *f = *state;
    CHECK("{\"d\\u0061y\": 1}", "{\"d\\u0061y\":2}", "day", "2");
}

static void a_missing_value_starts_from_an_empty_object(void **state) {
    fixture *f = *state;
    CHECK(NULL, "{\"a\":1}", "a", "1");
    CHECK("null", "{\"a\":1}", "a", "1");
    CHECK(NULL, "{}", "a", "nil");
}

static void what_is_no_object_cannot_be_set(void **state) {
    fixture *f = *state;
    CHECK("[1]", "set needs an object, the value is an array", "a", "1");
    CHECK("7", "set needs an object, the value is the int 7", "a", "1");
    CHECK("{\"a\": {\"b\": 7}}", "field 'a.b' is a plain value, not an object", "a.b.c", "1");
    CHECK("{\"a\": []}", "field 'a' is an array, not an object", "a.b", "1");
}

static void a_large_value_is_set_like_a_small_one(void **state) {
    fixture *f = *state;
    mr_buf big = {0};
    mr_buf_put_text(&big, "{\"pad\":\"");
    for (int i = 0; i < 40000; i++) {
        mr_buf_put_u8(&big, 'x');
    }
    mr_buf_put_text(&big, "\"");
    mr_buf expected = {0};
    mr_buf_put_bytes(&expected, mr_buf_view(&big));
    mr_buf_put_text(&big, "}");
    mr_buf_put_text(&expected, ",\"a\":1}");
    CHECK(mr_buf_cstr(&big), mr_buf_cstr(&expected), "a", "1");
    mr_buf_deinit(&big);
    mr_buf_deinit(&expected);
}

/* ---- templates ---- */

static mr_template leaf(fixture *f, const char *name, const char *postfix) {
    return (mr_template){.kind = MR_TEMPLATE_LEAF,
                         .name = fixture_bytes(f, name),
                         .code = fixture_code(f, MR_CODE_VALUE, postfix)};
}

static const char *template_text(fixture *f, const mr_template *template) {
    mr_datum out;
    mr_status status = mr_template_eval(template, &f->scope, &f->script, f->arena, &out, &f->err);
    return status == MR_OK ? fixture_show(f, &out) : f->err.message;
}

static void a_template_is_written_in_its_order_without_nil_leaves(void **state) {
    fixture *f = *state;
    fixture_record(f, "\"k\"", "{\"n\": 5, \"s\": \"a\\\"b\", \"o\": {\"p\": [1 , 2]}}", 9);
    mr_template list[] = {leaf(f, NULL, ".n"), leaf(f, NULL, "nil"), leaf(f, NULL, "2.5")};
    mr_template inner[] = {leaf(f, "gone", "nil")};
    mr_template fields[] = {
        leaf(f, "zed", "key"),
        leaf(f, "nothing", ".missing"),
        leaf(f, "quote\"", ".s"),
        {.kind = MR_TEMPLATE_ARRAY,
         .name = fixture_bytes(f, "list"),
         .items = list,
         .items_count = 3},
        {.kind = MR_TEMPLATE_OBJECT,
         .name = fixture_bytes(f, "in"),
         .items = inner,
         .items_count = 1},
        leaf(f, "part", ".o.p"),
        leaf(f, "null", "null"),
    };
    mr_template whole = {.kind = MR_TEMPLATE_OBJECT, .items = fields, .items_count = 7};
    assert_string_equal(template_text(f, &whole),
                        "{\"zed\":\"k\",\"quote\\\"\":\"a\\\"b\",\"list\":[5,null,2.5],\"in\":{},"
                        "\"part\":[1 , 2],\"null\":null}");
}

static void an_error_of_a_leaf_is_the_error_of_the_template(void **state) {
    fixture *f = *state;
    fixture_record(f, NULL, "{}", 0);
    mr_template fields[] = {leaf(f, "a", "1 0 //")};
    mr_template whole = {.kind = MR_TEMPLATE_OBJECT, .items = fields, .items_count = 1};
    assert_string_equal(template_text(f, &whole), "the script says no: 1 0 //");
    f->script_answer = mr_datum_string(mr_bytes_of("\xff", 1));
    assert_string_equal(template_text(f, &whole),
                        "field 'a': a string that is not UTF-8 cannot be written as JSON");
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(fields_are_replaced_in_place_and_new_ones_appended_in_order),
        TEST(untouched_parts_keep_their_bytes),
        TEST(nil_removes_a_field_and_null_writes_one),
        TEST(leaves_see_the_incoming_value),
        TEST(nested_paths_change_nested_objects),
        TEST(a_path_inside_another_works_on_what_that_gave),
        TEST(of_a_doubled_name_the_first_is_changed_and_the_others_go),
        TEST(an_escaped_name_is_the_same_field),
        TEST(a_missing_value_starts_from_an_empty_object),
        TEST(what_is_no_object_cannot_be_set),
        TEST(a_large_value_is_set_like_a_small_one),
        TEST(a_template_is_written_in_its_order_without_nil_leaves),
        TEST(an_error_of_a_leaf_is_the_error_of_the_template),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
