#include "engine_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/alloc.h"
#include "runtime/base/assert.h"
#include "runtime/base/number.h"

static mr_status answer(mr_script *script, const mr_code *code, mr_scope *scope, mr_arena *arena,
                        mr_datum *out, mr_err *err) {
    (void)scope;
    (void)arena;
    fixture *f = (fixture *)((char *)script - offsetof(fixture, script));
    f->script_calls++;
    *out = f->script_answer;
    if (f->script_answer.kind == MR_DATUM_NIL) {
        return mr_err_set(err, MR_INVALID, "the script says no: %s", code->text);
    }
    return MR_OK;
}

static const mr_script_ops script_ops = {.eval = answer};

int fixture_setup(void **state) {
    fixture *f = mr_alloc(sizeof *f);
    f->arena = mr_arena_create(4096);
    f->pool = mr_value_pool_create();
    f->script.ops = &script_ops;
    f->json.kind = MR_FORMAT_JSON;
    f->scope = (mr_scope){.key = &f->key, .value = &f->value, .stream = "", .topic = ""};
    mr_value_init(&f->key, f->pool, MR_DATUM_OF_NULL);
    mr_value_init(&f->value, f->pool, MR_DATUM_OF_NULL);
    *state = f;
    return 0;
}

int fixture_teardown(void **state) {
    fixture *f = *state;
    mr_value_deinit(&f->key);
    mr_value_deinit(&f->value);
    mr_value_pool_destroy(f->pool);
    mr_arena_destroy(f->arena);
    mr_free(f);
    return 0;
}

mr_bytes fixture_bytes(fixture *f, const char *text) {
    return mr_arena_copy(f->arena, text != NULL ? mr_bytes_text(text) : MR_BYTES_NULL);
}

void fixture_value(fixture *f, mr_datum value) {
    mr_value_deinit(&f->value);
    mr_value_init(&f->value, f->pool, value);
}

void fixture_record(fixture *f, const char *key, const char *value, int64_t ts_ms) {
    mr_value_deinit(&f->key);
    mr_value_init(&f->key, f->pool, mr_datum_raw(fixture_bytes(f, key), &f->json));
    fixture_value(f, mr_datum_raw(fixture_bytes(f, value), &f->json));
    f->scope.ts_ms = ts_ms;
}

mr_path fixture_path(fixture *f, const char *dotted) {
    mr_bytes *names = mr_arena_zalloc(f->arena, 16 * sizeof *names);
    uint32_t count = 0;
    while (*dotted != '\0') {
        size_t len = strcspn(dotted, ".");
        MR_ASSERT(count < 16);
        names[count++] = mr_arena_copy(f->arena, mr_bytes_of(dotted, len));
        dotted += len + (dotted[len] == '.');
    }
    return (mr_path){.names = names, .names_count = count};
}

/* ---- postfix text to program ---- */

#define OPS_MAX 64
typedef struct compiler {
    fixture *f;
    mr_expr_op ops[OPS_MAX];
    mr_const consts[OPS_MAX];
    mr_path paths[OPS_MAX];
    uint32_t jumps[OPS_MAX];
    uint32_t ops_count, consts_count, paths_count, jumps_count;
} compiler;

static void emit(compiler *c, mr_expr_opcode opcode, uint32_t arg) {
    MR_ASSERT(c->ops_count < OPS_MAX);
    c->ops[c->ops_count++] = (mr_expr_op){.opcode = opcode, .arg = arg};
}

static void emit_const(compiler *c, mr_const constant) {
    c->consts[c->consts_count] = constant;
    emit(c, MR_EXPR_CONST, c->consts_count++);
}

static void emit_path(compiler *c, mr_expr_opcode opcode, const char *dotted) {
    c->paths[c->paths_count] = fixture_path(c->f, dotted);
    emit(c, opcode, c->paths_count++);
}

static bool emit_simple(compiler *c, const char *word) {
    static const struct {
        const char *word;
        mr_expr_opcode opcode;
    } words[] = {
        {"key", MR_EXPR_KEY},
        {"value", MR_EXPR_VALUE},
        {"ts", MR_EXPR_TS},
        {"start", MR_EXPR_WINDOW_START},
        {"stop", MR_EXPR_WINDOW_STOP},
        {"==", MR_EXPR_EQ},
        {"~=", MR_EXPR_NE},
        {"<", MR_EXPR_LT},
        {"<=", MR_EXPR_LE},
        {">", MR_EXPR_GT},
        {">=", MR_EXPR_GE},
        {"+", MR_EXPR_ADD},
        {"-", MR_EXPR_SUB},
        {"*", MR_EXPR_MUL},
        {"/", MR_EXPR_DIV},
        {"//", MR_EXPR_IDIV},
        {"%", MR_EXPR_MOD},
        {"neg", MR_EXPR_NEG},
        {"not", MR_EXPR_NOT},
    };
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strcmp(words[i].word, word) == 0) {
            emit(c, words[i].opcode, 0);
            return true;
        }
    }
    return false;
}

static bool emit_jump(compiler *c, const char *word) {
    if (strcmp(word, "and(") == 0 || strcmp(word, "or(") == 0) {
        c->jumps[c->jumps_count++] = c->ops_count;
        emit(c, word[0] == 'a' ? MR_EXPR_AND : MR_EXPR_OR, 0);
        return true;
    }
    if (strcmp(word, ")") == 0) {
        MR_ASSERT(c->jumps_count > 0);
        c->ops[c->jumps[--c->jumps_count]].arg = c->ops_count;
        return true;
    }
    return false;
}

static void emit_constant(compiler *c, const char *word) {
    int64_t integer;
    if (strcmp(word, "nil") == 0) {
        emit_const(c, (mr_const){.kind = MR_CONST_NIL});
    } else if (strcmp(word, "null") == 0) {
        emit_const(c, (mr_const){.kind = MR_CONST_NULL});
    } else if (strcmp(word, "true") == 0 || strcmp(word, "false") == 0) {
        emit_const(c, (mr_const){.kind = MR_CONST_BOOL, .boolean = word[0] == 't'});
    } else if (word[0] == '\'') {
        mr_bytes text = mr_bytes_of(word + 1, strlen(word) - 2);
        emit_const(c,
                   (mr_const){.kind = MR_CONST_STRING, .text = mr_arena_copy(c->f->arena, text)});
    } else if (mr_int_parse(mr_bytes_text(word), &integer) == MR_OK) {
        emit_const(c, (mr_const){.kind = MR_CONST_INT, .integer = integer});
    } else {
        char *end;
        double number = strtod(word, &end);
        MR_ASSERT(*end == '\0');
        emit_const(c, (mr_const){.kind = MR_CONST_FLOAT, .number = number});
    }
}

static void emit_word(compiler *c, const char *word) {
    if (word[0] == '.') {
        emit_path(c, MR_EXPR_FIELD, word + 1);
    } else if (strncmp(word, "key.", 4) == 0) {
        emit_path(c, MR_EXPR_KEY_FIELD, word + 4);
    } else if (!emit_simple(c, word) && !emit_jump(c, word)) {
        emit_constant(c, word);
    }
}

const mr_code *fixture_code(fixture *f, mr_code_use use, const char *postfix) {
    mr_code *code = mr_arena_zalloc(f->arena, sizeof *code);
    code->use = use;
    code->text = postfix;
    code->label = "test";
    if (strcmp(postfix, "lua") == 0) {
        return code;
    }
    compiler *c = mr_arena_zalloc(f->arena, sizeof *c);
    c->f = f;
    char *words = mr_arena_strndup(f->arena, postfix, strlen(postfix));
    char *rest = NULL;
    for (char *word = strtok_r(words, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
        emit_word(c, word);
    }
    MR_ASSERT(c->jumps_count == 0);
    mr_expr *expr = mr_arena_zalloc(f->arena, sizeof *expr);
    *expr = (mr_expr){.ops = c->ops,
                      .ops_count = c->ops_count,
                      .consts = c->consts,
                      .consts_count = c->consts_count,
                      .paths = c->paths,
                      .paths_count = c->paths_count};
    code->native = expr;
    return code;
}

const char *fixture_show(fixture *f, const mr_datum *datum) {
    char number[MR_NUMBER_TEXT_MAX];
    switch (datum->kind) {
    case MR_DATUM_NIL:
        return "nil";
    case MR_DATUM_NULL:
        return "null";
    case MR_DATUM_BOOL:
        return datum->boolean ? "true" : "false";
    case MR_DATUM_INT:
        return mr_arena_printf(f->arena, "%lld", (long long)datum->integer);
    case MR_DATUM_FLOAT:
        mr_float_format(datum->number, number);
        return mr_arena_printf(f->arena, "%s", number);
    case MR_DATUM_STRING:
        return mr_arena_printf(f->arena, "'%.*s'", (int)datum->bytes.len,
                               (const char *)datum->bytes.data);
    case MR_DATUM_JSON:
        return mr_arena_strndup(f->arena, (const char *)datum->bytes.data, datum->bytes.len);
    case MR_DATUM_RAW:
        return "raw";
    }
    MR_UNREACHABLE();
}

const char *fixture_eval(fixture *f, const char *postfix) {
    const mr_code *code = fixture_code(f, MR_CODE_VALUE, postfix);
    mr_datum out;
    mr_status status = mr_expr_eval(code->native, &f->scope, &out, &f->err);
    if (status != MR_OK) {
        return mr_arena_printf(f->arena, "MR_%s", mr_status_name(status));
    }
    return fixture_show(f, &out);
}
