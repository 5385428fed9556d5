#include "topologies/expr_compile.h"

#include "runtime/base/alloc.h"
#include "runtime/base/assert.h"
#include "topologies/expr_token.h"

/* Nesting of parentheses and unary operators: beyond, Lua may have it. */
enum { NESTING_MAX = 60 };

typedef struct list {
    void *data;
    uint32_t count, cap;
} list;

typedef struct compiler {
    mr_arena *arena;
    const char *at;
    mr_expr_token token; /* the next one, not yet taken */
    list ops, consts, paths;
    uint32_t stack; /* values on the stack here */
    uint32_t nesting;
    bool failed;
} compiler;

static void *list_add(list *l, size_t item_bytes) {
    if (l->count == l->cap) {
        l->cap = l->cap == 0 ? 16 : l->cap * 2;
        l->data = mr_realloc(l->data, l->cap * item_bytes);
    }
    return (uint8_t *)l->data + item_bytes * l->count++;
}

static const void *list_take(compiler *c, list *l, size_t item_bytes) {
    void *out = mr_arena_alloc(c->arena, item_bytes * l->count + 1);
    if (l->count > 0) {
        memcpy(out, l->data, item_bytes * l->count);
    }
    return out;
}

static void advance(compiler *c) {
    c->token = mr_expr_token_next(&c->at, c->arena);
    if (c->token.kind == MR_TOKEN_OTHER) {
        c->failed = true;
    }
}

static uint32_t emit(compiler *c, mr_expr_opcode opcode, uint32_t arg) {
    *(mr_expr_op *)list_add(&c->ops, sizeof(mr_expr_op)) = (mr_expr_op){opcode, arg};
    return c->ops.count - 1;
}

static void emit_push(compiler *c, mr_expr_opcode opcode, uint32_t arg) {
    emit(c, opcode, arg);
    if (++c->stack > MR_EXPR_STACK_MAX) {
        c->failed = true;
    }
}

static void emit_const(compiler *c, mr_const value) {
    *(mr_const *)list_add(&c->consts, sizeof value) = value;
    emit_push(c, MR_EXPR_CONST, c->consts.count - 1);
}

static void parse_expression(compiler *c);

/* `.name` and `['name']` behind value or key. */
static void parse_fields(compiler *c, mr_expr_opcode bare, mr_expr_opcode field) {
    list names = {0};
    while (!c->failed && (c->token.kind == MR_TOKEN_DOT || c->token.kind == MR_TOKEN_OPEN_INDEX)) {
        bool index = c->token.kind == MR_TOKEN_OPEN_INDEX;
        advance(c);
        if (c->token.kind != (index ? MR_TOKEN_STRING : MR_TOKEN_NAME)) {
            c->failed = true;
            break;
        }
        *(mr_bytes *)list_add(&names, sizeof(mr_bytes)) = c->token.text;
        advance(c);
        if (index && c->token.kind != MR_TOKEN_CLOSE_INDEX) {
            c->failed = true;
        } else if (index) {
            advance(c);
        }
    }
    if (names.count == 0) {
        emit_push(c, bare, 0);
    } else {
        uint32_t count = names.count;
        *(mr_path *)list_add(&c->paths, sizeof(mr_path)) =
            (mr_path){.names = list_take(c, &names, sizeof(mr_bytes)), .names_count = count};
        emit_push(c, field, c->paths.count - 1);
    }
    mr_free(names.data);
}

static bool is_name(const compiler *c, const char *word) {
    return c->token.kind == MR_TOKEN_NAME && mr_bytes_equal(c->token.text, mr_bytes_text(word));
}

static void parse_window(compiler *c) {
    if (c->token.kind != MR_TOKEN_DOT) {
        c->failed = true;
        return;
    }
    advance(c);
    if (is_name(c, "start")) {
        emit_push(c, MR_EXPR_WINDOW_START, 0);
    } else if (is_name(c, "stop")) {
        emit_push(c, MR_EXPR_WINDOW_STOP, 0);
    } else {
        c->failed = true;
    }
    advance(c);
}

static void parse_name(compiler *c) {
    bool is_value = is_name(c, "value"), is_key = is_name(c, "key");
    bool is_ts = is_name(c, "ts"), is_window = is_name(c, "window"), is_null = is_name(c, "null");
    advance(c);
    if (is_value) {
        parse_fields(c, MR_EXPR_VALUE, MR_EXPR_FIELD);
    } else if (is_key) {
        parse_fields(c, MR_EXPR_KEY, MR_EXPR_KEY_FIELD);
    } else if (is_ts) {
        emit_push(c, MR_EXPR_TS, 0);
    } else if (is_window) {
        parse_window(c);
    } else if (is_null) {
        emit_const(c, (mr_const){.kind = MR_CONST_NULL});
    } else {
        c->failed = true;
    }
}

static void parse_operand(compiler *c) {
    const mr_expr_token token = c->token;
    mr_const constant = {.kind = MR_CONST_NIL};
    switch (token.kind) {
    case MR_TOKEN_NAME:
        parse_name(c);
        return;
    case MR_TOKEN_OPEN:
        advance(c);
        parse_expression(c);
        if (c->token.kind != MR_TOKEN_CLOSE) {
            c->failed = true;
        }
        advance(c);
        return;
    case MR_TOKEN_NIL:
        break;
    case MR_TOKEN_TRUE:
    case MR_TOKEN_FALSE:
        constant.kind = MR_CONST_BOOL;
        constant.boolean = token.kind == MR_TOKEN_TRUE;
        break;
    case MR_TOKEN_INT:
        constant.kind = MR_CONST_INT;
        constant.integer = token.integer;
        break;
    case MR_TOKEN_FLOAT:
        constant.kind = MR_CONST_FLOAT;
        constant.number = token.number;
        break;
    case MR_TOKEN_STRING:
        constant.kind = MR_CONST_STRING;
        constant.text = token.text;
        break;
    default:
        c->failed = true;
        return;
    }
    emit_const(c, constant);
    advance(c);
}

static void parse_unary(compiler *c) {
    if (++c->nesting > NESTING_MAX) {
        c->failed = true;
    }
    if (!c->failed && (c->token.kind == MR_TOKEN_NOT || c->token.kind == MR_TOKEN_MINUS)) {
        mr_expr_opcode opcode = c->token.kind == MR_TOKEN_NOT ? MR_EXPR_NOT : MR_EXPR_NEG;
        advance(c);
        parse_unary(c);
        emit(c, opcode, 0);
    } else if (!c->failed) {
        parse_operand(c);
    }
    c->nesting--;
}

/* Binary operators by precedence; the lowest first. */
typedef struct binary {
    mr_expr_token_kind token;
    mr_expr_opcode opcode;
} binary;
enum { LEVELS = 3, LEVEL_OPERATORS_MAX = 6 };
static const binary levels[LEVELS][LEVEL_OPERATORS_MAX] = {
    {{MR_TOKEN_EQ, MR_EXPR_EQ},
     {MR_TOKEN_NE, MR_EXPR_NE},
     {MR_TOKEN_LT, MR_EXPR_LT},
     {MR_TOKEN_LE, MR_EXPR_LE},
     {MR_TOKEN_GT, MR_EXPR_GT},
     {MR_TOKEN_GE, MR_EXPR_GE}},
    {{MR_TOKEN_PLUS, MR_EXPR_ADD}, {MR_TOKEN_MINUS, MR_EXPR_SUB}},
    {{MR_TOKEN_STAR, MR_EXPR_MUL},
     {MR_TOKEN_SLASH, MR_EXPR_DIV},
     {MR_TOKEN_DOUBLE_SLASH, MR_EXPR_IDIV},
     {MR_TOKEN_PERCENT, MR_EXPR_MOD}},
};

static const binary *binary_here(const compiler *c, uint32_t level) {
    for (uint32_t i = 0; i < LEVEL_OPERATORS_MAX; i++) {
        const binary *candidate = &levels[level][i];
        if (candidate->token != MR_TOKEN_END && candidate->token == c->token.kind) {
            return candidate;
        }
    }
    return NULL;
}

static void parse_level(compiler *c, uint32_t level) {
    if (level == LEVELS) {
        parse_unary(c);
        return;
    }
    parse_level(c, level + 1);
    const binary *found;
    while (!c->failed && (found = binary_here(c, level)) != NULL) {
        advance(c);
        parse_level(c, level + 1);
        emit(c, found->opcode, 0);
        c->stack--;
    }
}

/* left AND ->end right end: the jump keeps left as the result, going on drops it. */
static void parse_short_circuit(compiler *c, mr_expr_token_kind token, mr_expr_opcode opcode,
                                void (*parse_next)(compiler *)) {
    parse_next(c);
    while (!c->failed && c->token.kind == token) {
        advance(c);
        uint32_t jump = emit(c, opcode, 0);
        c->stack--;
        parse_next(c);
        ((mr_expr_op *)c->ops.data)[jump].arg = c->ops.count;
    }
}

static void parse_comparison(compiler *c) {
    parse_level(c, 0);
}

static void parse_and(compiler *c) {
    parse_short_circuit(c, MR_TOKEN_AND, MR_EXPR_AND, parse_comparison);
}

static void parse_expression(compiler *c) {
    parse_short_circuit(c, MR_TOKEN_OR, MR_EXPR_OR, parse_and);
}

const mr_expr *mr_expr_compile(mr_arena *arena, const char *text) {
    compiler c = {.arena = arena, .at = text};
    advance(&c);
    parse_expression(&c);
    const mr_expr *out = NULL;
    if (!c.failed && c.token.kind == MR_TOKEN_END) {
        MR_ASSERT(c.stack == 1);
        mr_expr *expr = mr_arena_zalloc(arena, sizeof *expr);
        *expr = (mr_expr){.ops = list_take(&c, &c.ops, sizeof(mr_expr_op)),
                          .ops_count = c.ops.count,
                          .consts = list_take(&c, &c.consts, sizeof(mr_const)),
                          .consts_count = c.consts.count,
                          .paths = list_take(&c, &c.paths, sizeof(mr_path)),
                          .paths_count = c.paths.count};
        out = expr;
    }
    mr_free(c.ops.data);
    mr_free(c.consts.data);
    mr_free(c.paths.data);
    return out;
}
