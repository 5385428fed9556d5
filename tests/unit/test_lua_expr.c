/* Native expressions against Lua: random expressions on random records. Where the native form
 * decides, it decides as Lua; where it does not, Lua is asked (MR_AGAIN). */
#include <math.h>

#include "runtime/base/prng.h"
#include "runtime/engine/expr_eval.h"
#include "tests/unit/lua_fixture.h"
#include "topologies/expr_compile.h"

#define BATCHES 150
#define EXPRESSIONS 40
#define RECORDS 12

typedef struct counts {
    long compared, without_error, left_to_lua, not_native;
} counts;

static uint64_t below(mr_prng *random, uint64_t bound) {
    return mr_prng_below(random, bound);
}

static void put_operand(mr_prng *random, mr_buf *out) {
    static const char *const operands[] = {"value.i",
                                           "value.j",
                                           "value.f",
                                           "value.s",
                                           "value.b",
                                           "value.n",
                                           "value.o.x",
                                           "value.o.s",
                                           "value.big",
                                           "value.none",
                                           "key",
                                           "value.i",
                                           "value.f",
                                           "value.zero",
                                           "ts",
                                           "1",
                                           "2",
                                           "0",
                                           "-3",
                                           "2.5",
                                           "1e300",
                                           "10",
                                           "0.1",
                                           "'a'",
                                           "'10'",
                                           "\"b\"",
                                           "nil",
                                           "true",
                                           "false",
                                           "null",
                                           "window.start",
                                           "window.stop",
                                           "9007199254740993",
                                           "-0.0",
                                           "value['i']",
                                           "key.k",
                                           "value.o",
                                           "value",
                                           "math.maxinteger",
                                           "value.none.x"};
    /* Rare ones stand at the end: most runs shall not be errors. */
    size_t count = sizeof operands / sizeof *operands;
    mr_buf_put_text(out, operands[below(random, below(random, 6) == 0 ? count : 22)]);
}

static void put_expression(mr_prng *random, mr_buf *out, int depth) {
    static const char *const operators[] = {"+",  "-", "*",  "/",   "//", "%",  "==",  "~=", "<",
                                            "<=", ">", ">=", "and", "or", "==", "and", "or", "+"};
    uint64_t form = depth == 0 ? 0 : below(random, 10);
    if (form < 3) {
        put_operand(random, out);
    } else if (form < 4) {
        mr_buf_put_text(out, below(random, 3) == 0 ? "-" : "not ");
        put_operand(random, out);
    } else {
        bool brackets = below(random, 3) == 0;
        mr_buf_put_text(out, brackets ? "(" : "");
        put_expression(random, out, depth - 1);
        mr_buf_printf(out, " %s ", operators[below(random, sizeof operators / sizeof *operators)]);
        put_expression(random, out, depth - 1);
        mr_buf_put_text(out, brackets ? ")" : "");
    }
}

static const char *scalar(mr_prng *random) {
    static const char *const scalars[] = {"0",
                                          "1",
                                          "-1",
                                          "7",
                                          "3.0",
                                          "0.5",
                                          "-2.5",
                                          "1e18",
                                          "255",
                                          "-1e-7",
                                          "1e308",
                                          "12345678901",
                                          "9223372036854775807",
                                          "-9223372036854775808",
                                          "\"a\"",
                                          "\"\"",
                                          "\"10\"",
                                          "\"b\\u00e9\"",
                                          "true",
                                          "false",
                                          "null"};
    size_t count = sizeof scalars / sizeof *scalars;
    return scalars[below(random, below(random, 4) == 0 ? count : 12)];
}

static char *record(mr_prng *random) {
    mr_buf out = {0};
    if (below(random, 40) == 0) {
        mr_buf_put_text(&out, scalar(random));
    } else {
        mr_buf_printf(&out, "{\"i\":%s,\"j\": %s, \"f\":%s,\"s\":%s,\"b\":%s,\"n\":null,",
                      scalar(random), scalar(random), scalar(random),
                      below(random, 2) == 0 ? "\"a\"" : "\"10\"",
                      below(random, 2) == 0 ? "true" : "false");
        mr_buf_printf(&out, "\"o\":{\"x\":%s,\"s\":\"z\"},\"big\":%s,\"zero\":0,\"i\":99}",
                      scalar(random), scalar(random));
    }
    char *text = mr_strdup(mr_buf_cstr(&out));
    mr_buf_deinit(&out);
    return text;
}

static bool same(const mr_datum *a, const mr_datum *b) {
    if (a->kind != b->kind) {
        return false;
    }
    switch (a->kind) {
    case MR_DATUM_BOOL:
        return a->boolean == b->boolean;
    case MR_DATUM_INT:
        return a->integer == b->integer;
    case MR_DATUM_FLOAT:
        return (isnan(a->number) && isnan(b->number)) ||
               (a->number == b->number && signbit(a->number) == signbit(b->number));
    case MR_DATUM_STRING:
    case MR_DATUM_JSON:
        return a->bytes.len == b->bytes.len &&
               (a->bytes.len == 0 || memcmp(a->bytes.data, b->bytes.data, a->bytes.len) == 0);
    default:
        return true;
    }
}

static void compare(lua_fixture *f, const mr_code *code, const char *value, counts *n) {
    mr_err native_err = {0};
    mr_err lua_err = {0};
    mr_datum native = MR_DATUM_OF_NIL;
    mr_datum lua = MR_DATUM_OF_NIL;
    mr_status native_status = mr_expr_eval(code->native, &f->scope, &native, &native_err);
    mr_status lua_status =
        f->script->ops->eval(f->script, code, &f->scope, f->arena, &lua, &lua_err);
    n->compared++;
    n->without_error += lua_status == MR_OK;
    n->left_to_lua += native_status == MR_AGAIN;
    if (native_status == MR_AGAIN) {
        return;
    }
    if (native_status == MR_OK && native.kind == MR_DATUM_FLOAT && !isfinite(native.number)) {
        native_status = MR_INVALID; /* mr_code_eval leaves the error to Lua */
    }
    bool right = native_status == lua_status && (native_status != MR_OK || same(&native, &lua));
    if (!right) {
        mr_buf text = {0};
        lua_put_datum(&text, &native);
        mr_buf_put_text(&text, " / ");
        lua_put_datum(&text, &lua);
        print_error("%s\n  on %s\n  native %d %s, Lua %d %s: %s\n", code->text, value,
                    native_status, native_err.message, lua_status, lua_err.message,
                    mr_buf_cstr(&text));
        mr_buf_deinit(&text);
    }
    assert_true(right);
}

/* EXPRESSIONS texts in one plan, each on RECORDS records. */
static void run_batch(mr_prng *random, counts *n) {
    mr_arena *texts = mr_arena_create(65536);
    mr_code codes[EXPRESSIONS];
    mr_buf text = {0};
    for (uint32_t i = 0; i < EXPRESSIONS; i++) {
        const mr_expr *native = NULL;
        const char *copy = NULL;
        for (; native == NULL; n->not_native += native == NULL) {
            mr_buf_clear(&text);
            put_expression(random, &text, 3);
            copy = mr_arena_strndup(texts, (const char *)text.data, text.len);
            native = mr_expr_compile(texts, copy);
        }
        codes[i] = (mr_code){.id = i,
                             .use = MR_CODE_VALUE,
                             .place = {1, 1},
                             .text = copy,
                             .label = "step",
                             .native = native};
    }
    lua_case c = {.text = "1",
                  .key = below(random, 2) == 0 ? "\"a\"" : "{\"k\":2}",
                  .window = {true, 1000, 2000}};
    lua_fixture f;
    mr_err err = {0};
    assert_int_equal(lua_fixture_open(&f, &c, &err), MR_OK);
    f.script->ops->destroy(f.script);
    f.plan.codes = codes;
    f.plan.codes_count = EXPRESSIONS;
    mr_script_factory factory = mr_lua_script_factory(f.factory);
    assert_int_equal(factory.create(factory.self, &f.plan, &f.script, &err), MR_OK);
    for (int r = 0; r < RECORDS; r++) {
        char *value = record(random);
        for (uint32_t i = 0; i < EXPRESSIONS; i++) {
            c.value = value;
            lua_fixture_set(&f, &c);
            compare(&f, &codes[i], value, n);
        }
        mr_free(value);
    }
    lua_fixture_close(&f);
    mr_buf_deinit(&text);
    mr_arena_destroy(texts);
}

static void native_expressions_give_what_lua_gives(void **state) {
    (void)state;
    mr_prng random = mr_prng_seeded(1);
    counts n = {0};
    for (int i = 0; i < BATCHES; i++) {
        run_batch(&random, &n);
    }
    print_message("compared %ld, without error %ld, left to Lua %ld, expressions not native %ld\n",
                  n.compared, n.without_error, n.left_to_lua, n.not_native);
    assert_true(n.compared >= 20000);
    assert_true(n.without_error * 2 >= n.compared);
    assert_true(n.left_to_lua * 2 <= n.compared);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(native_expressions_give_what_lua_gives)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
