/* Native expressions: Lua 5.4's results, or the decision left to Lua. Every expected value here is
 * what the stock interpreter prints. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "engine_fixture.h"

#define CHECK(postfix, expected) assert_string_equal(fixture_eval(f, postfix), expected)

static void fields_of_the_value_and_the_scope_are_read(void **state) {
    fixture *f = *state;
    fixture_record(f, "\"JFK\"", "{\"delay\": 16, \"at\": {\"x\": 1.5, \"n\": null}, \"on\": true}",
                   77);
    f->scope.window = (mr_window_bounds){.present = true, .start_ms = 60, .stop_ms = 120};
    CHECK(".delay 15 >", "true");
    CHECK(".delay 16 >", "false");
    CHECK(".at.x", "1.5");
    CHECK(".at", "{\"x\": 1.5, \"n\": null}");
    CHECK(".on", "true");
    CHECK("key", "'JFK'");
    CHECK("ts", "77");
    CHECK("stop start -", "60");
}

static void what_is_not_there_is_nil(void **state) {
    fixture *f = *state;
    fixture_record(f, NULL, "{\"a\": null, \"b\": {}, \"l\": [1]}", 0);
    CHECK(".missing", "nil");
    CHECK(".a", "nil");
    CHECK(".a nil ==", "true");
    CHECK(".a null ==", "false");
    CHECK(".b nil ==", "false");
    CHECK(".b.c", "nil");
    CHECK("key", "nil");
    fixture_record(f, NULL, NULL, 0);
    CHECK("value nil ==", "true");
    fixture_record(f, "null", "null", 0);
    CHECK("value nil ==", "true");
    CHECK("key nil ==", "true");
}

static void what_lua_has_an_error_for_is_left_to_lua(void **state) {
    fixture *f = *state;
    fixture_record(f, "\"k\"", "{\"a\": null, \"s\": \"7\", \"l\": [1], \"n\": 1}", 0);
    CHECK(".missing.b", "MR_AGAIN");
    CHECK(".a.b", "MR_AGAIN");
    CHECK(".n.b", "MR_AGAIN");
    CHECK(".s.len", "MR_AGAIN");
    CHECK(".l.b", "MR_AGAIN");
    CHECK("key.x", "MR_AGAIN");
    CHECK(".a 1 +", "MR_AGAIN");
    CHECK(".s 1 +", "MR_AGAIN");
    CHECK(".s neg", "MR_AGAIN");
    CHECK("1 .s <", "MR_AGAIN");
    CHECK("nil nil <", "MR_AGAIN");
    CHECK("true false <=", "MR_AGAIN");
    CHECK("null 1 <", "MR_AGAIN");
    CHECK("1 0 //", "MR_AGAIN");
    CHECK("1 0 %", "MR_AGAIN");
    CHECK("-0.0 0 -", "MR_AGAIN");
    CHECK(".l .l ==", "MR_AGAIN");
    CHECK("start", "MR_AGAIN");
    fixture_record(f, NULL, "[1]", 0);
    CHECK(".a", "MR_AGAIN");
    fixture_record(f, NULL, NULL, 0);
    CHECK(".a", "MR_AGAIN");
}

static void a_value_that_cannot_be_decoded_is_an_error_of_the_record(void **state) {
    fixture *f = *state;
    fixture_record(f, "\"k\"", "{\"a\": 1", 0);
    CHECK(".a", "MR_INVALID");
    assert_non_null(strstr(f->err.message, "not JSON"));
    CHECK("key", "'k'");
}

static void integers_wrap_and_divide_towards_minus_infinity(void **state) {
    fixture *f = *state;
    CHECK("9223372036854775807 1 +", "-9223372036854775808");
    CHECK("-9223372036854775808 1 -", "9223372036854775807");
    CHECK("4611686018427387904 2 *", "-9223372036854775808");
    CHECK("-9223372036854775808 neg", "-9223372036854775808");
    CHECK("-9223372036854775808 -1 //", "-9223372036854775808");
    CHECK("-9223372036854775808 -1 %", "0");
    CHECK("7 2 //", "3");
    CHECK("-7 2 //", "-4");
    CHECK("7 -2 //", "-4");
    CHECK("-7 -2 //", "3");
    CHECK("-6 2 //", "-3");
    CHECK("7 3 %", "1");
    CHECK("-7 3 %", "2");
    CHECK("7 -3 %", "-2");
    CHECK("-7 -3 %", "-1");
    CHECK("-6 3 %", "0");
    CHECK("7 2 /", "3.5");
    CHECK("6 2 /", "3.0");
    CHECK("1 0 /", "inf");
}

static void floats_divide_and_leave_rests_as_in_lua(void **state) {
    fixture *f = *state;
    CHECK("7.5 2 //", "3.0");
    CHECK("-7.5 2 //", "-4.0");
    CHECK("1 0.0 //", "inf");
    CHECK("-1 0.0 //", "-inf");
    CHECK("5.5 2 %", "1.5");
    CHECK("-5.5 2 %", "0.5");
    CHECK("5.5 -2 %", "-0.5");
    CHECK("-5.5 -2 %", "-1.5");
    CHECK("5.0 inf %", "5.0");
    CHECK("-5.0 inf %", "inf");
    CHECK("5.0 -inf %", "-inf");
    CHECK("-5.0 -inf %", "-5.0");
    CHECK("1 0.0 % 1 0.0 % ==", "false");
    CHECK("1 1.0 +", "2.0");
    CHECK("0.1 0.2 +", "0.30000000000000004");
    CHECK("0.0 neg", "-0.0");
}

static void numbers_compare_by_value_also_beyond_what_a_double_holds(void **state) {
    fixture *f = *state;
    CHECK("5 5.0 ==", "true");
    CHECK("9007199254740993 9007199254740992.0 ==", "false");
    CHECK("9007199254740993 9007199254740992.0 >", "true");
    CHECK("9007199254740992.0 9007199254740993 <", "true");
    CHECK("9223372036854775807 9223372036854775808.0 ==", "false");
    CHECK("9223372036854775807 9223372036854775808.0 <", "true");
    CHECK("-9223372036854775808 -9223372036854775808.0 ==", "true");
    CHECK("-9223372036854775808 -9223372036854777856.0 >", "true");
    CHECK("1 inf <", "true");
    CHECK("1 -inf >", "true");
    CHECK("2 2.5 <", "true");
    CHECK("-2 -2.5 >", "true");
    CHECK("3 2.5 >", "true");
    CHECK("1 nan <", "false");
    CHECK("1 nan >=", "false");
    CHECK("nan nan ==", "false");
    CHECK("nan nan ~=", "true");
    CHECK("nan 1 <=", "false");
    CHECK("0.0 -0.0 ==", "true");
}

static void strings_compare_by_bytes(void **state) {
    fixture *f = *state;
    fixture_record(f, NULL,
                   "{\"z\": \"a\\u0000b\", \"y\": \"a\", \"u\": \"\xc3\xa9\", \"e\": \"\"}", 0);
    CHECK("'a' 'b' <", "true");
    CHECK("'a' 'ab' <", "true");
    CHECK("'B' 'a' <", "true");
    CHECK(".z .y >", "true");
    CHECK(".u 'z' >", "true");
    CHECK("'a' 'a' ==", "true");
    CHECK("'a' 'a' <=", "true");
    CHECK("'1' 1 ==", "false");
    CHECK(".e '' ==", "true");
    CHECK("'a' .e >", "true");
}

static void and_or_not_keep_the_operand_as_lua_does(void **state) {
    fixture *f = *state;
    fixture_record(f, NULL, "{\"a\": {\"b\": 3}}", 0);
    CHECK("nil and( 5 )", "nil");
    CHECK("false or( 'x' )", "'x'");
    CHECK("0 and( 5 )", "5");
    CHECK("'' or( 5 )", "''");
    CHECK("null and( 5 )", "5");
    CHECK("nil not", "true");
    CHECK("0 not", "false");
    CHECK("null not", "false");
    CHECK(".x and( .x.y )", "nil");
    CHECK(".a and( .a.b 3 == ) or( 1 0 // )", "true");
    CHECK("false and( 1 ) or( 2 ) 1 +", "3");
}

static void code_without_an_answer_is_run_by_the_script(void **state) {
    fixture *f = *state;
    fixture_record(f, NULL, "{\"a\": 1}", 0);
    mr_datum out;
    f->script_answer = mr_datum_int(42);
    const mr_code *lua = fixture_code(f, MR_CODE_VALUE, "lua");
    assert_int_equal(mr_code_eval(lua, &f->scope, &f->script, f->arena, &out, &f->err), MR_OK);
    assert_int_equal(out.integer, 42);
    const mr_code *fails = fixture_code(f, MR_CODE_VALUE, ".a.b 1 +");
    assert_int_equal(mr_code_eval(fails, &f->scope, &f->script, f->arena, &out, &f->err), MR_OK);
    assert_int_equal(out.integer, 42);
    assert_int_equal(f->script_calls, 2);
    const mr_code *native = fixture_code(f, MR_CODE_VALUE, ".a 1 +");
    assert_int_equal(mr_code_eval(native, &f->scope, &f->script, f->arena, &out, &f->err), MR_OK);
    assert_int_equal(out.integer, 2);
    assert_int_equal(f->script_calls, 2);
}

static void results_that_no_value_can_be_are_left_to_the_script(void **state) {
    fixture *f = *state;
    mr_datum out;
    f->script_answer = MR_DATUM_OF_NIL;
    const mr_code *infinite = fixture_code(f, MR_CODE_VALUE, "1 0 /");
    assert_int_equal(mr_code_eval(infinite, &f->scope, &f->script, f->arena, &out, &f->err),
                     MR_INVALID);
    assert_string_equal(f->err.message, "the script says no: 1 0 /");
    const mr_code *mapped = fixture_code(f, MR_CODE_MAP, "nil");
    assert_int_equal(mr_code_eval(mapped, &f->scope, &f->script, f->arena, &out, &f->err),
                     MR_INVALID);
    const mr_code *condition = fixture_code(f, MR_CODE_CONDITION, "1 0 /");
    assert_int_equal(mr_code_eval(condition, &f->scope, &f->script, f->arena, &out, &f->err),
                     MR_OK);
    assert_true(mr_datum_truth(&out));
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(fields_of_the_value_and_the_scope_are_read),
        TEST(what_is_not_there_is_nil),
        TEST(what_lua_has_an_error_for_is_left_to_lua),
        TEST(a_value_that_cannot_be_decoded_is_an_error_of_the_record),
        TEST(integers_wrap_and_divide_towards_minus_infinity),
        TEST(floats_divide_and_leave_rests_as_in_lua),
        TEST(numbers_compare_by_value_also_beyond_what_a_double_holds),
        TEST(strings_compare_by_bytes),
        TEST(and_or_not_keep_the_operand_as_lua_does),
        TEST(code_without_an_answer_is_run_by_the_script),
        TEST(results_that_no_value_can_be_are_left_to_the_script),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
