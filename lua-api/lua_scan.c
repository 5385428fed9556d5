#include "lua-api/lua_scan.h"

#include "runtime/base/alloc.h"
#include "runtime/base/assert.h"

/* Lua refuses texts nested deeper than its own 200 levels; one statement costs a few of ours. */
#define SCAN_DEPTH_MAX 500

typedef struct local_name {
    const char *at;
    size_t len;
    uint32_t depth; /* functions around its declaration */
    bool hidden;    /* declared by a statement that is still being read: not in scope yet */
} local_name;

typedef struct scanner {
    mr_lua_lexer lexer;
    mr_lua_token now;
    mr_lua_token next;
    mr_lua_scan *scan;
    size_t uses_cap, functions_cap, assigned_cap;
    local_name *locals;
    size_t locals_count, locals_cap;
    size_t *open; /* indexes of the functions around, outermost first */
    size_t open_count, open_cap;
    uint32_t nesting;
    bool in_vararg; /* the innermost function takes `...` */
    bool has_break; /* of the innermost loop */
} scanner;

static bool block(scanner *s);
static void expression(scanner *s);
static void body_of_function(scanner *s, uint32_t line, bool has_self);

static void *grown(void *items, size_t count, size_t *cap, size_t item_bytes) {
    if (count < *cap) {
        return items;
    }
    *cap = *cap == 0 ? 16 : *cap * 2;
    return mr_realloc(items, *cap * item_bytes);
}

/* ---- tokens ---- */

static mr_lua_token significant(scanner *s) {
    mr_lua_token token = mr_lua_lexer_next(&s->lexer);
    while (token.kind == MR_LUA_TOKEN_COMMENT) {
        token = mr_lua_lexer_next(&s->lexer);
    }
    return token;
}

/* After a stop every token reads as the end, so that all loops come back. */
static void stop(scanner *s) {
    if (!s->scan->stopped) {
        s->scan->stopped = true;
        s->scan->stop = s->now;
    }
    s->now.kind = MR_LUA_TOKEN_END;
    s->now.len = 0;
}

static void step(scanner *s) {
    if (s->scan->stopped) {
        return;
    }
    s->scan->last = s->now;
    s->now = s->next;
    s->next = significant(s);
    if (s->now.kind == MR_LUA_TOKEN_BAD) {
        stop(s);
    }
}

static bool at(const scanner *s, const char *text) {
    return mr_lua_token_is(&s->now, text);
}

static bool accept(scanner *s, const char *text) {
    if (!at(s, text)) {
        return false;
    }
    step(s);
    return true;
}

static void expect(scanner *s, const char *text) {
    if (!accept(s, text)) {
        stop(s);
    }
}

static mr_lua_token name(scanner *s) {
    mr_lua_token token = s->now;
    if (token.kind != MR_LUA_TOKEN_NAME) {
        stop(s);
        return (mr_lua_token){.kind = MR_LUA_TOKEN_END};
    }
    step(s);
    return token;
}

static bool enter(scanner *s) {
    if (++s->nesting > SCAN_DEPTH_MAX) {
        stop(s);
        return false;
    }
    return true;
}

static void leave(scanner *s) {
    s->nesting--;
}

/* ---- names ---- */

static void declare_hidden(scanner *s, mr_lua_token token) {
    s->locals = grown(s->locals, s->locals_count, &s->locals_cap, sizeof *s->locals);
    s->locals[s->locals_count++] = (local_name){token.at, token.len, (uint32_t)s->open_count, true};
}

static void reveal(scanner *s, size_t from, size_t until) {
    for (size_t i = from; i < until; i++) {
        s->locals[i].hidden = false;
    }
}

static void declare(scanner *s, const char *text, size_t len) {
    declare_hidden(s, (mr_lua_token){.at = text, .len = len});
    reveal(s, s->locals_count - 1, s->locals_count);
}

static const local_name *resolve(const scanner *s, const mr_lua_token *token) {
    for (size_t i = token->len == 0 ? 0 : s->locals_count; i-- > 0;) {
        if (!s->locals[i].hidden && s->locals[i].len == token->len &&
            memcmp(s->locals[i].at, token->at, token->len) == 0) {
            return &s->locals[i];
        }
    }
    return NULL;
}

static mr_lua_use *add_use(scanner *s, mr_lua_use_kind kind, mr_lua_token token) {
    s->scan->uses = grown(s->scan->uses, s->scan->uses_count, &s->uses_cap, sizeof *s->scan->uses);
    mr_lua_use *use = &s->scan->uses[s->scan->uses_count++];
    *use = (mr_lua_use){.kind = kind, .name = token, .depth = (uint32_t)s->open_count};
    return use;
}

static void assign(scanner *s, mr_lua_token token) {
    if (s->scan->stopped) {
        return;
    }
    const local_name *local = resolve(s, &token);
    if (local == NULL) {
        add_use(s, MR_LUA_USE_WRITE, token);
        return;
    }
    for (size_t i = local->depth; i < s->open_count; i++) {
        s->scan->assigned = grown(s->scan->assigned, s->scan->assigned_count, &s->assigned_cap,
                                  sizeof *s->scan->assigned);
        s->scan->assigned[s->scan->assigned_count++] = (mr_lua_assigned){s->open[i], token};
    }
    if (local->depth == 0 && s->open_count > 0) {
        add_use(s, MR_LUA_USE_UPVALUE, token);
    }
}

/* ---- expressions ---- */

static void table_constructor(scanner *s) {
    expect(s, "{");
    while (!at(s, "}") && !s->scan->stopped) {
        if (s->now.kind == MR_LUA_TOKEN_NAME && mr_lua_token_is(&s->next, "=")) {
            step(s);
            step(s);
        } else if (accept(s, "[")) {
            expression(s);
            expect(s, "]");
            expect(s, "=");
        }
        expression(s);
        if (!accept(s, ",") && !accept(s, ";")) {
            break;
        }
    }
    expect(s, "}");
}

static void expression_list(scanner *s) {
    expression(s);
    while (accept(s, ",")) {
        expression(s);
    }
}

static void arguments(scanner *s) {
    if (s->now.kind == MR_LUA_TOKEN_STRING) {
        step(s);
    } else if (at(s, "{")) {
        table_constructor(s);
    } else {
        expect(s, "(");
        if (!at(s, ")")) {
            expression_list(s);
        }
        expect(s, ")");
    }
}

/* What a suffixed expression is, for the statement that begins with it. */
typedef struct suffixed {
    bool is_name;       /* a bare name: `base` */
    bool is_call;       /* ends with a call */
    bool is_error_call; /* error(...), by the global of that name */
    mr_lua_token base;
    size_t use; /* index + 1 of the use with the last constant member, when nothing follows it */
} suffixed;

static void member(scanner *s, suffixed *out, size_t use, bool first, bool method) {
    mr_lua_token token = name(s);
    if (first && use > 0) {
        s->scan->uses[use - 1].member = token;
        s->scan->uses[use - 1].member_is_method = method;
    }
    out->use = first ? use : 0;
}

static suffixed suffixed_expression(scanner *s) {
    suffixed out = {0};
    size_t use = 0;
    if (accept(s, "(")) {
        expression(s);
        expect(s, ")");
    } else {
        out.base = name(s);
        out.is_name = true;
        if (!s->scan->stopped && resolve(s, &out.base) == NULL) {
            add_use(s, MR_LUA_USE_READ, out.base);
            use = s->scan->uses_count;
        }
    }
    for (bool first = true; !s->scan->stopped; first = false) {
        bool method = at(s, ":");
        if (method || at(s, ".")) {
            step(s);
            member(s, &out, use, first, method);
            out.is_call = method;
            out.is_error_call = false;
            if (method) {
                arguments(s);
                out.use = 0;
            }
        } else if (accept(s, "[")) {
            expression(s);
            expect(s, "]");
            out.is_call = out.is_error_call = false;
            out.use = 0;
        } else if (at(s, "(") || at(s, "{") || s->now.kind == MR_LUA_TOKEN_STRING) {
            arguments(s);
            out.is_error_call = out.is_name && use > 0 && mr_lua_token_is(&out.base, "error");
            out.is_call = true;
            out.use = 0;
        } else {
            break;
        }
        out.is_name = false;
    }
    return out;
}

static void simple_expression(scanner *s) {
    if (s->now.kind == MR_LUA_TOKEN_STRING || s->now.kind == MR_LUA_TOKEN_NUMBER || at(s, "nil") ||
        at(s, "true") || at(s, "false")) {
        step(s);
    } else if (at(s, "...")) {
        if (!s->in_vararg && s->scan->vararg.len == 0) {
            s->scan->vararg = s->now;
        }
        step(s);
    } else if (at(s, "{")) {
        table_constructor(s);
    } else if (at(s, "function")) {
        uint32_t line = s->now.place.line;
        step(s);
        body_of_function(s, line, false);
    } else {
        (void)suffixed_expression(s);
    }
}

static bool is_binary(const scanner *s) {
    static const char *const operators[] = {
        "+",  "-", "*",  "/", "//", "%", "^",  "..", "==",  "~=", "<",
        "<=", ">", ">=", "&", "|",  "~", "<<", ">>", "and", "or"};
    for (size_t i = 0; i < sizeof operators / sizeof *operators; i++) {
        if (at(s, operators[i])) {
            return true;
        }
    }
    return false;
}

/* Precedence does not matter here: operands and operators alternate. */
static void expression(scanner *s) {
    if (!enter(s)) {
        return;
    }
    do {
        while (at(s, "not") || at(s, "-") || at(s, "#") || at(s, "~")) {
            step(s);
        }
        simple_expression(s);
        if (!is_binary(s)) {
            break;
        }
        step(s);
    } while (!s->scan->stopped);
    leave(s);
}

/* ---- statements: each tells whether the statement behind it can be reached ---- */

static void body_of_function(scanner *s, uint32_t line, bool has_self) {
    s->scan->functions = grown(s->scan->functions, s->scan->functions_count, &s->functions_cap,
                               sizeof *s->scan->functions);
    size_t index = s->scan->functions_count++;
    s->scan->functions[index] = (mr_lua_function){.line_first = line};
    s->open = grown(s->open, s->open_count, &s->open_cap, sizeof *s->open);
    s->open[s->open_count++] = index;
    size_t locals = s->locals_count;
    bool outer_vararg = s->in_vararg;
    bool outer_break = s->has_break;
    s->in_vararg = false;
    if (has_self) {
        declare(s, "self", 4);
    }
    expect(s, "(");
    while (!at(s, ")") && !s->scan->stopped) {
        if (accept(s, "...")) {
            s->in_vararg = true;
            break;
        }
        mr_lua_token parameter = name(s);
        declare(s, parameter.at, parameter.len);
        if (!accept(s, ",")) {
            break;
        }
    }
    expect(s, ")");
    (void)block(s);
    s->scan->functions[index].line_last = s->now.place.line;
    expect(s, "end");
    s->locals_count = locals;
    s->in_vararg = outer_vararg;
    s->has_break = outer_break;
    s->open_count--;
}

/* A block with its own scope. */
static bool scoped_block(scanner *s) {
    size_t locals = s->locals_count;
    bool falls = block(s);
    s->locals_count = locals;
    return falls;
}

static bool if_statement(scanner *s) {
    bool falls = false;
    bool has_else = false;
    do {
        step(s); /* if, elseif */
        expression(s);
        expect(s, "then");
        falls |= scoped_block(s);
    } while (at(s, "elseif"));
    if (accept(s, "else")) {
        has_else = true;
        falls |= scoped_block(s);
    }
    expect(s, "end");
    return falls || !has_else;
}

/* A loop's block; *broken_out: a `break` leaves it. */
static bool loop_block(scanner *s, bool *broken_out) {
    bool outer = s->has_break;
    s->has_break = false;
    bool falls = block(s);
    *broken_out = s->has_break;
    s->has_break = outer;
    return falls;
}

static bool while_statement(scanner *s) {
    step(s);
    bool forever = at(s, "true") && mr_lua_token_is(&s->next, "do");
    expression(s);
    expect(s, "do");
    size_t locals = s->locals_count;
    bool broken;
    (void)loop_block(s, &broken);
    s->locals_count = locals;
    expect(s, "end");
    return !forever || broken;
}

static bool repeat_statement(scanner *s) {
    step(s);
    size_t locals = s->locals_count;
    bool broken;
    bool falls = loop_block(s, &broken);
    expect(s, "until");
    bool forever =
        at(s, "false") && s->next.kind != MR_LUA_TOKEN_SYMBOL && !mr_lua_token_is(&s->next, "or");
    expression(s);
    s->locals_count = locals;
    return (falls && !forever) || broken;
}

static bool for_statement(scanner *s) {
    step(s);
    size_t locals = s->locals_count;
    do {
        declare_hidden(s, name(s));
    } while (accept(s, ","));
    size_t until = s->locals_count;
    if (!accept(s, "=")) {
        expect(s, "in");
    }
    expression_list(s);
    expect(s, "do");
    reveal(s, locals, until);
    bool broken;
    (void)loop_block(s, &broken);
    s->locals_count = locals;
    expect(s, "end");
    return true;
}

static void function_statement(scanner *s) {
    uint32_t line = s->now.place.line;
    step(s);
    mr_lua_token base = name(s);
    bool method = false;
    if (!at(s, ".") && !at(s, ":")) {
        assign(s, base);
    } else if (resolve(s, &base) == NULL && !s->scan->stopped) {
        mr_lua_use *use = add_use(s, MR_LUA_USE_READ, base);
        use->member = s->next;
        use->member_written = true;
    }
    while (!method && (at(s, ".") || at(s, ":"))) {
        method = at(s, ":");
        step(s);
        (void)name(s);
    }
    body_of_function(s, line, method);
}

static void local_statement(scanner *s) {
    uint32_t line = s->now.place.line;
    step(s);
    if (accept(s, "function")) {
        mr_lua_token token = name(s);
        declare(s, token.at, token.len);
        body_of_function(s, line, false);
        return;
    }
    size_t from = s->locals_count;
    do {
        declare_hidden(s, name(s));
        if (accept(s, "<")) {
            (void)name(s);
            expect(s, ">");
        }
    } while (accept(s, ","));
    if (accept(s, "=")) {
        expression_list(s);
    }
    reveal(s, from, s->locals_count);
}

/* One target of an assignment: the read that the reader took it for becomes a write. */
static void target(scanner *s, const suffixed *left, size_t uses_before) {
    if (left->is_call) {
        stop(s);
    } else if (left->is_name) {
        s->scan->uses_count = uses_before;
        assign(s, left->base);
    } else if (left->use > 0) {
        s->scan->uses[left->use - 1].member_written = true;
    }
}

static bool expression_statement(scanner *s) {
    bool first = s->scan->last.kind == MR_LUA_TOKEN_END;
    size_t uses_before = s->scan->uses_count;
    suffixed left = suffixed_expression(s);
    if (!at(s, "=") && !at(s, ",")) {
        if (!left.is_call) {
            stop(s);
        }
        return !left.is_error_call;
    }
    target(s, &left, uses_before);
    while (accept(s, ",")) {
        uses_before = s->scan->uses_count;
        left = suffixed_expression(s);
        target(s, &left, uses_before);
    }
    if (first && at(s, "=")) {
        s->scan->assigns_first = true;
        s->scan->assign = s->now;
    }
    expect(s, "=");
    expression_list(s);
    return true;
}

static bool at_block_end(const scanner *s) {
    return s->now.kind == MR_LUA_TOKEN_END || at(s, "end") || at(s, "else") || at(s, "elseif") ||
           at(s, "until");
}

static bool return_statement(scanner *s) {
    step(s);
    if (!at_block_end(s) && !at(s, ";")) {
        expression(s);
        if (at(s, ",")) {
            if (s->open_count == 0 && s->scan->second.len == 0) {
                s->scan->second = s->now;
            }
            step(s);
            expression_list(s);
        }
    }
    (void)accept(s, ";");
    if (!at_block_end(s)) {
        stop(s);
    }
    return false;
}

static bool jump_statement(scanner *s) {
    if (accept(s, "break")) {
        s->has_break = true;
    } else {
        step(s);
        (void)name(s);
    }
    return false;
}

static bool statement(scanner *s) {
    if (at(s, "if")) {
        return if_statement(s);
    }
    if (at(s, "while")) {
        return while_statement(s);
    }
    if (at(s, "repeat")) {
        return repeat_statement(s);
    }
    if (at(s, "for")) {
        return for_statement(s);
    }
    if (at(s, "return")) {
        return return_statement(s);
    }
    if (at(s, "break") || (at(s, "goto") && s->next.kind == MR_LUA_TOKEN_NAME)) {
        return jump_statement(s);
    }
    if (accept(s, "do")) {
        bool falls = scoped_block(s);
        expect(s, "end");
        return falls;
    }
    if (at(s, "function")) {
        function_statement(s);
        return true;
    }
    if (at(s, "local")) {
        local_statement(s);
        return true;
    }
    return expression_statement(s);
}

/* Statements up to the block's end; true: the end can be reached. */
static bool block(scanner *s) {
    bool falls = true;
    if (!enter(s)) {
        return falls;
    }
    while (!at_block_end(s)) {
        if (accept(s, ";")) {
            continue;
        }
        if (accept(s, "::")) { /* a goto may come here */
            (void)name(s);
            expect(s, "::");
            falls = true;
            continue;
        }
        bool reached = falls;
        falls = statement(s) && reached;
    }
    leave(s);
    return falls;
}

mr_lua_scan *mr_lua_scan_create(const char *text, mr_lua_scan_form form) {
    scanner s = {.lexer = mr_lua_lexer_of(text), .scan = mr_alloc(sizeof(mr_lua_scan))};
    s.next = significant(&s);
    step(&s);
    s.scan->last = (mr_lua_token){.kind = MR_LUA_TOKEN_END, .at = text, .place = {1, 1}};
    if (form == MR_LUA_SCAN_EXPRESSION) {
        expression(&s);
    } else {
        s.scan->falls_through = block(&s);
    }
    if (s.now.kind != MR_LUA_TOKEN_END) {
        stop(&s);
    }
    mr_free(s.locals);
    mr_free(s.open);
    MR_ASSERT(s.open_count == 0);
    return s.scan;
}

void mr_lua_scan_destroy(mr_lua_scan *scan) {
    if (scan == NULL) {
        return;
    }
    mr_free(scan->uses);
    mr_free(scan->functions);
    mr_free(scan->assigned);
    mr_free(scan);
}
