/* What becomes a native expression, as its postfix program; what is left to Lua. */
#include "tests/unit/topologies_fixture.h"

#include "topologies/expr_compile.h"

static void put_const(mr_buf *out, const mr_const *value) {
    switch (value->kind) {
    case MR_CONST_NIL:
        mr_buf_put_text(out, "nil");
        break;
    case MR_CONST_NULL:
        mr_buf_put_text(out, "null");
        break;
    case MR_CONST_BOOL:
        mr_buf_put_text(out, value->boolean ? "true" : "false");
        break;
    case MR_CONST_INT:
        mr_buf_printf(out, "%lld", (long long)value->integer);
        break;
    case MR_CONST_FLOAT:
        mr_buf_printf(out, "%gf", value->number);
        break;
    case MR_CONST_STRING:
        mr_buf_printf(out, "'%.*s'", (int)value->text.len, (const char *)value->text.data);
        break;
    }
}

static void put_path(mr_buf *out, const char *root, const mr_path *path) {
    mr_buf_put_text(out, root);
    for (uint32_t i = 0; i < path->names_count; i++) {
        mr_buf_printf(out, ".%.*s", (int)path->names[i].len, (const char *)path->names[i].data);
    }
}

static void put_op(mr_buf *out, const mr_expr *expr, const mr_expr_op *op) {
    static const char *const words[] = {
        [MR_EXPR_KEY] = "key",
        [MR_EXPR_VALUE] = "value",
        [MR_EXPR_TS] = "ts",
        [MR_EXPR_WINDOW_START] = "window.start",
        [MR_EXPR_WINDOW_STOP] = "window.stop",
        [MR_EXPR_EQ] = "==",
        [MR_EXPR_NE] = "~=",
        [MR_EXPR_LT] = "<",
        [MR_EXPR_LE] = "<=",
        [MR_EXPR_GT] = ">",
        [MR_EXPR_GE] = ">=",
        [MR_EXPR_ADD] = "+",
        [MR_EXPR_SUB] = "-",
        [MR_EXPR_MUL] = "*",
        [MR_EXPR_DIV] = "/",
        [MR_EXPR_IDIV] = "//",
        [MR_EXPR_MOD] = "%",
        [MR_EXPR_NEG] = "neg",
        [MR_EXPR_NOT] = "not",
    };
    if (op->opcode == MR_EXPR_CONST) {
        put_const(out, &expr->consts[op->arg]);
    } else if (op->opcode == MR_EXPR_FIELD) {
        put_path(out, "value", &expr->paths[op->arg]);
    } else if (op->opcode == MR_EXPR_KEY_FIELD) {
        put_path(out, "key", &expr->paths[op->arg]);
    } else if (op->opcode == MR_EXPR_AND || op->opcode == MR_EXPR_OR) {
        mr_buf_printf(out, "%s>%u", op->opcode == MR_EXPR_AND ? "and" : "or", op->arg);
    } else {
        mr_buf_put_text(out, words[op->opcode]);
    }
}

static void expect(const char *text, const char *expected) {
    mr_arena *arena = mr_arena_create(1024);
    const mr_expr *expr = mr_expr_compile(arena, text);
    mr_buf out = {0};
    for (uint32_t i = 0; expr != NULL && i < expr->ops_count; i++) {
        mr_buf_put_text(&out, i == 0 ? "" : " ");
        put_op(&out, expr, &expr->ops[i]);
    }
    assert_string_equal(expr == NULL ? "Lua" : mr_buf_cstr(&out), expected);
    mr_buf_deinit(&out);
    mr_arena_destroy(arena);
}

static void operands(void **state) {
    (void)state;
    expect("value", "value");
    expect(" key ", "key");
    expect("value.a.b", "value.a.b");
    expect("value['a b'].c", "value.a b.c");
    expect("key.id", "key.id");
    expect("ts + window.start + window.stop", "ts window.start + window.stop +");
    expect("nil", "nil");
    expect("null", "null");
    expect("true and false", "true and>3 false");
    expect("9223372036854775807", "9223372036854775807");
    expect("9223372036854775808", "9.22337e+18f");
    expect("1.5e3 + .5 + 3.", "1500f 0.5f + 3f +");
    expect("'a\\n\\'' == \"b\"", "'a\n'' 'b' ==");
}

static void precedence_is_that_of_lua(void **state) {
    (void)state;
    expect("1 + 2 * 3", "1 2 3 * +");
    expect("(1 + 2) * 3", "1 2 + 3 *");
    expect("1 - 2 - 3", "1 2 - 3 -");
    expect("-value.a * 2", "value.a neg 2 *");
    expect("- - 1", "1 neg neg");
    expect("not value.a == 1", "value.a not 1 ==");
    expect("1 < 2 == true", "1 2 < true ==");
    expect("1 + 2 < 3 // 4 % 5", "1 2 + 3 4 // 5 % <");
    expect("value.a or value.b and value.c", "value.a or>5 value.b and>5 value.c");
    expect("(value.a or value.b) and value.c", "value.a or>3 value.b and>5 value.c");
    expect("value.a and value.b or value.c", "value.a and>3 value.b or>5 value.c");
    expect("1 ~= 2\n  and 3 >= 4", "1 2 ~= and>7 3 4 >=");
}

static void everything_else_is_left_to_lua(void **state) {
    (void)state;
    static const char *const texts[] = {
        "",
        "value.a .. 'x'",
        "#value",
        "2 ^ 3",
        "f(value)",
        "value:lower()",
        "{a = 1}",
        "0x10",
        "value[1]",
        "value[key]",
        "value.end",
        "headers.x",
        "1 -- note",
        "1 --1",
        "[[long]]",
        "'\\x41'",
        "'\\065'",
        "value.a,",
        "1 & 2",
        "1 | 2",
        "~1",
        "1 << 2",
        "(value).a",
        "window",
        "window.size",
        "ts.x",
        "'a' 'b'",
        "1..2",
        "3x",
        "1e",
        "other",
        "value.a b",
        "(1",
        "1)",
        "function() end",
        "...",
        "a = b",
        "1 <",
        "'open",
        "value.a == ",
        "not",
        "value.'a'",
        "value['a'",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        expect(texts[i], "Lua");
    }
}

static void depth_is_bounded_by_the_stack(void **state) {
    (void)state;
    mr_buf text = {0};
    for (int i = 0; i < MR_EXPR_STACK_MAX; i++) {
        mr_buf_put_text(&text, "1 + (");
    }
    mr_buf_put_text(&text, "1");
    for (int i = 0; i < MR_EXPR_STACK_MAX; i++) {
        mr_buf_put_text(&text, ")");
    }
    expect(mr_buf_cstr(&text), "Lua");
    mr_buf_clear(&text);
    for (int i = 0; i < 100000; i++) {
        mr_buf_put_text(&text, "(");
    }
    expect(mr_buf_cstr(&text), "Lua");
    mr_buf_clear(&text);
    for (int i = 0; i < 100000; i++) {
        mr_buf_put_text(&text, "not ");
    }
    expect(mr_buf_cstr(&text), "Lua");
    mr_buf_deinit(&text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(operands),
        cmocka_unit_test(precedence_is_that_of_lua),
        cmocka_unit_test(everything_else_is_left_to_lua),
        cmocka_unit_test(depth_is_bounded_by_the_stack),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
