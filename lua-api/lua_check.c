/* The code checker: Lua decides whether a text compiles; what it names and how it ends is read from
 * its tokens.
 *
 * E401 no Lua   E402 an unknown name   E403 not in this version   E404 not in jobs
 * E405 can end without return   E406 changes what outlives the call or is read-only
 * E407 a slip of another language   E408 a comment in folded text   E409 no window here
 * E410 `functions` fails when it is loaded   E411 a function takes a name of the language
 * E412 a second value would be dropped
 */
#include <stdio.h>

#include "lua-api/lua_names.h"
#include "lua-api/lua_scan.h"
#include "lua-api/lua_vm.h"
#include "runtime/base/alloc.h"
#include "runtime/base/assert.h"

#define CANDIDATES_MAX 512

struct mr_lua_checker {
    mr_code_checker checker;
    mr_lua_vm *vm;
    char **defined; /* by `functions` */
    size_t defined_count;
    size_t defined_cap;
    bool functions_failed; /* then nobody can say which names there would be */
};

/* The text that is being checked. */
typedef struct subject {
    mr_lua_checker *checker;
    mr_diagnostics *diagnostics;
    const char *text;
    mr_place place;
    mr_text_style style;
    mr_code_use use;
    uint32_t scope; /* mr_scope_bits; 0 in `functions` */
    bool is_functions;
    size_t errors_before;
} subject;

static mr_bytes bytes_of(const mr_lua_token *token) {
    return mr_bytes_of(token->at, token->len);
}

/* Whether lines and columns of the text are those of the file. */
static bool has_places(const subject *s) {
    return s->style != MR_TEXT_FOLDED && s->style != MR_TEXT_ESCAPED;
}

static mr_place place_of(const subject *s, mr_place inside) {
    bool known = has_places(s) && (s->style == MR_TEXT_BLOCK || inside.line == 1);
    if (!known || inside.line == 0) { /* a quoted line may have `\n` in it */
        return s->place;
    }
    return (mr_place){s->place.line + inside.line - 1,
                      s->place.column + (inside.column > 0 ? inside.column - 1 : 0)};
}

static void report(const subject *s, const char *code, const mr_lua_token *token, const char *hint,
                   const char *message) {
    uint32_t length = 0;
    for (size_t i = 0; i < token->len && token->at[i] != '\n'; i++) {
        length += ((unsigned char)token->at[i] & 0xC0) != 0x80;
    }
    length = length == 0 || !has_places(s) ? 1 : length;
    mr_diagnostics_add(s->diagnostics, MR_SEVERITY_ERROR, code, place_of(s, token->place), length,
                       hint, "%s", message);
}

static void report_name(const subject *s, const char *code, const mr_lua_token *token,
                        const char *hint, const char *before, const char *behind) {
    char message[256];
    (void)snprintf(message, sizeof message, "%s'%.*s'%s", before,
                   (int)(token->len < 100 ? token->len : 100), token->at, behind);
    report(s, code, token, hint, message);
}

static bool has_errors(const subject *s) {
    return mr_diagnostics_errors(s->diagnostics) > s->errors_before;
}

/* ---- names ---- */

static bool is_defined(const mr_lua_checker *checker, mr_bytes name) {
    for (size_t i = 0; i < checker->defined_count; i++) {
        if (mr_bytes_equal(name, mr_bytes_text(checker->defined[i]))) {
            return true;
        }
    }
    return false;
}

static void define(mr_lua_checker *checker, mr_bytes name) {
    if (is_defined(checker, name)) {
        return;
    }
    if (checker->defined_count == checker->defined_cap) {
        checker->defined_cap = checker->defined_cap == 0 ? 16 : checker->defined_cap * 2;
        checker->defined =
            mr_realloc(checker->defined, checker->defined_cap * sizeof *checker->defined);
    }
    checker->defined[checker->defined_count++] = mr_strndup((const char *)name.data, name.len);
}

static void report_unknown(const subject *s, const mr_lua_token *token, mr_bytes of) {
    const char *candidates[CANDIDATES_MAX];
    size_t count = mr_lua_names_like(of, candidates, CANDIDATES_MAX);
    for (size_t i = 0;
         mr_bytes_is_null(of) && i < s->checker->defined_count && count < CANDIDATES_MAX; i++) {
        candidates[count++] = s->checker->defined[i];
    }
    char *word = mr_strndup(token->at, token->len);
    const char *like = mr_suggest(word, candidates, count);
    char hint[256];
    if (like != NULL) {
        (void)snprintf(hint, sizeof hint, "did you mean '%.80s'?", like);
    } else if (mr_bytes_is_null(of)) {
        (void)snprintf(hint, sizeof hint, "a text is written (\"%.80s\"), a field value.%.80s",
                       word, word);
    }
    mr_free(word);
    char before[128] = "unknown name ";
    if (!mr_bytes_is_null(of)) {
        (void)snprintf(before, sizeof before, "%.*s has no ", (int)of.len, (const char *)of.data);
    }
    report_name(s, "E402", token, like != NULL || mr_bytes_is_null(of) ? hint : NULL, before, "");
}

static void check_headers(const subject *s, const mr_lua_use *use) {
    bool adds = use->member_is_method && mr_lua_token_is(&use->member, "add");
    if (use->member_written || adds) {
        report_name(s, "E403", &use->member, "headers.x and headers:all(\"x\") read them",
                    "writing headers: ", " is not executed by this version");
    } else if (use->member_is_method && !mr_lua_token_is(&use->member, "all")) {
        report_unknown(s, &use->member, mr_bytes_text("headers"));
    }
}

/* What stands behind a library, ctx, window or headers. */
static void check_member(const subject *s, const mr_lua_use *use) {
    if (use->member.len == 0) {
        return;
    }
    if (mr_lua_token_is(&use->name, "headers")) {
        check_headers(s, use);
        return;
    }
    if (use->member_written) {
        report_name(s, "E406", &use->name, NULL, "", " is read-only");
        return;
    }
    switch (mr_lua_member_known(bytes_of(&use->name), bytes_of(&use->member))) {
    case MR_LUA_KNOWN_LATER:
        report_name(s, "E403", &use->member, NULL, "", " is not executed by this version");
        break;
    case MR_LUA_KNOWN_NEVER:
        report_name(s, "E404", &use->member, NULL, "", " is not available in a job");
        break;
    case MR_LUA_KNOWN_NOT:
        report_unknown(s, &use->member, bytes_of(&use->name));
        break;
    default:
        break;
    }
}

static void check_record(const subject *s, const mr_lua_use *use) {
    if ((s->scope & MR_SCOPE_RECORD) == 0) {
        report_name(s, "E402", &use->name,
                    "functions get what they need as arguments: is_valid(value)", "",
                    " is not in scope in functions");
    } else if (mr_lua_token_is(&use->name, "ctx") || mr_lua_token_is(&use->name, "headers")) {
        check_member(s, use);
    } else if (use->member_written && !mr_lua_token_is(&use->name, "ts")) {
        bool may = mr_lua_token_is(&use->name, "value") &&
                   (s->use == MR_CODE_MAP || s->use == MR_CODE_FLAT_MAP);
        if (!may) {
            report_name(s, "E406", &use->name, "map and flat_map may change value", "",
                        " is read-only here");
        }
    }
}

static const char *reason_of(const mr_lua_token *name) {
    static const struct {
        const char *name;
        const char *hint;
    } reasons[] = {
        {"print", "peek at a stream with `consume`"},
        {"require", "functions of the job stand in `functions`"},
        {"load", "functions of the job stand in `functions`"},
        {"os", "time.parse and time.iso need no clock; ts is the record's time"},
        {"coroutine", "flat_map gives several records for one"},
    };
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++) {
        if (mr_lua_token_is(name, reasons[i].name)) {
            return reasons[i].hint;
        }
    }
    return NULL;
}

static void check_read(const subject *s, const mr_lua_use *use) {
    mr_bytes name = bytes_of(&use->name);
    switch (mr_lua_name_known(name)) {
    case MR_LUA_KNOWN_RECORD:
        check_record(s, use);
        return;
    case MR_LUA_KNOWN_WINDOW:
        if ((s->scope & MR_SCOPE_WINDOW) == 0) {
            report_name(s, "E409", &use->name, "a windowed step gives one to the steps behind it",
                        "there is no ", " here");
        } else {
            check_member(s, use);
        }
        return;
    case MR_LUA_KNOWN_LIBRARY:
        check_member(s, use);
        return;
    case MR_LUA_KNOWN_LATER:
        if (!is_defined(s->checker, name)) {
            report_name(s, "E403", &use->name, NULL, "", " is not executed by this version");
        }
        return;
    case MR_LUA_KNOWN_NEVER:
        report_name(s, "E404", &use->name, reason_of(&use->name), "", " is not available in a job");
        return;
    case MR_LUA_KNOWN_NULL:
    case MR_LUA_KNOWN_FUNCTION:
        return;
    case MR_LUA_KNOWN_NOT:
        if (!is_defined(s->checker, name) && !s->checker->functions_failed) {
            report_unknown(s, &use->name, MR_BYTES_NULL);
        }
        return;
    }
}

static const char *const equals_hint = "`=` assigns, `==` compares";
static const char *const step_hint = "Lua writes x = x + 1";
static const char *const quotes_hint =
    "YAML ended this text: commas, brackets and braces want quotes or block style (|)";

static void check_write(const subject *s, const mr_lua_use *use, const mr_lua_scan *scan) {
    if (s->is_functions && use->depth == 0) {
        if (mr_lua_name_known(bytes_of(&use->name)) != MR_LUA_KNOWN_NOT) {
            report_name(s, "E411", &use->name, NULL, "the name ", " belongs to the language");
        }
        return;
    }
    const char *hint = scan->assigns_first && scan->falls_through
                           ? equals_hint
                           : "declare it with `local`; memory between records is a store";
    report_name(s, "E406", &use->name, hint, "a global cannot be assigned: ", "");
}

static void check_uses(const subject *s, const mr_lua_scan *scan) {
    for (size_t i = 0; i < scan->uses_count; i++) {
        const mr_lua_use *use = &scan->uses[i];
        if (use->kind == MR_LUA_USE_READ) {
            check_read(s, use);
        } else if (use->kind == MR_LUA_USE_WRITE) {
            check_write(s, use, scan);
        } else if (s->is_functions) {
            report_name(s, "E406", &use->name, "memory between records is a store",
                        "a function changes ", ", a local that outlives the call");
        }
    }
    if (scan->vararg.len > 0) {
        report(s, "E401", &scan->vararg, NULL,
               "`...` is known only inside a function that declares it");
    }
}

/* ---- tokens ---- */

static bool is_field_text(const mr_lua_token *token, const char *text) {
    size_t len = strlen(text);
    if (token->kind == MR_LUA_TOKEN_STRING) {
        return token->len == len + 2 && memcmp(token->at + 1, text, len) == 0;
    }
    return mr_lua_token_is(token, text);
}

static void check_tokens(const subject *s) {
    mr_lua_lexer lexer = mr_lua_lexer_of(s->text);
    for (;;) {
        mr_lua_token token = mr_lua_lexer_next(&lexer);
        if (token.kind == MR_LUA_TOKEN_END || token.kind == MR_LUA_TOKEN_BAD) {
            return;
        }
        if (token.kind == MR_LUA_TOKEN_COMMENT && s->style == MR_TEXT_FOLDED) {
            report(
                s, "E408", &token, "write the text as a block (|)",
                "YAML folds this text into one line: the comment `--` hides all that follows it");
        } else if (is_field_text(&token, "__gc") || is_field_text(&token, "__mode")) {
            report_name(s, "E404", &token, NULL, "", " is not available in a job");
        }
    }
}

/* ---- syntax errors ---- */

static const char *trap_hint(const mr_lua_token *stop, const char *text) {
    char before = stop->at > text ? stop->at[-1] : '\0';
    if (mr_lua_token_is(stop, "!=")) {
        return "Lua writes `~=` for not equal";
    }
    if (mr_lua_token_is(stop, "!")) {
        return "Lua writes `not x`";
    }
    if (mr_lua_token_is(stop, "&") && before == '&') {
        return "Lua writes `and`";
    }
    if (mr_lua_token_is(stop, "|") && before == '|') {
        return "Lua writes `or`";
    }
    if (mr_lua_token_is(stop, "?")) {
        return "Lua writes `a and b or c`, or if ... then ... else ... end";
    }
    if (stop->len == 1 && strchr("+-*/%", *stop->at) != NULL && stop->at[1] == '=') {
        return step_hint;
    }
    if (!mr_lua_token_is(stop, "=")) {
        return NULL;
    }
    return before != '\0' && strchr("+-*/%", before) != NULL ? step_hint : equals_hint;
}

/* Lua's message without its "<source>:<line>: "; *line_out: counted from the text's first line. */
static const char *without_place(const subject *s, const char *message, uint32_t *line_out) {
    size_t len = strlen(s->checker->vm->source);
    const char *at = message;
    *line_out = 1;
    if (strncmp(at, s->checker->vm->source, len) == 0 && at[len] == ':') {
        uint32_t line = 0;
        at += len + 1;
        while (*at >= '0' && *at <= '9') {
            line = line * 10 + (uint32_t)(*at++ - '0');
        }
        *line_out = line == 0 ? 1 : line;
        at += strspn(at, ": ");
    }
    return at;
}

/* The text ends here, or inside of a string. */
static bool is_unfinished(const mr_lua_token *stop) {
    bool string = stop->len > 0 && (*stop->at == '"' || *stop->at == '\'');
    return stop->kind == MR_LUA_TOKEN_END || (stop->kind == MR_LUA_TOKEN_BAD && string);
}

static void report_syntax(const subject *s, const mr_lua_scan *scan, const char *message) {
    uint32_t line;
    const char *what = without_place(s, message, &line);
    mr_lua_token token = {.at = "", .place = {line, 1}};
    const char *hint = NULL;
    if (scan->stopped) {
        token = scan->stop;
        hint = trap_hint(&scan->stop, s->text);
    }
    if (hint != NULL) {
        report(s, "E407", &token, hint, what);
        return;
    }
    bool cut = s->style == MR_TEXT_IN_BRACES && scan->stopped && is_unfinished(&token);
    report(s, "E401", &token, cut ? quotes_hint : NULL, what);
}

static bool is_further(mr_place a, mr_place b) {
    return a.line != b.line ? a.line > b.line : a.column > b.column;
}

/* Neither an expression nor a body: the reading that got further is what was meant. */
static void report_neither(const subject *s, const char *as_expression, const char *as_body) {
    mr_lua_scan *expression = mr_lua_scan_create(s->text, MR_LUA_SCAN_EXPRESSION);
    mr_lua_scan *body = mr_lua_scan_create(s->text, MR_LUA_SCAN_BODY);
    bool is_body = !body->stopped ||
                   (expression->stopped && is_further(body->stop.place, expression->stop.place));
    report_syntax(s, is_body ? body : expression, is_body ? as_body : as_expression);
    mr_lua_scan_destroy(expression);
    mr_lua_scan_destroy(body);
}

/* ---- one text ---- */

/* `filter: is_valid`: the function itself, which is always true. */
static bool is_bare_function(const subject *s, mr_lua_token *first_out) {
    mr_lua_lexer lexer = mr_lua_lexer_of(s->text);
    mr_lua_token first = mr_lua_lexer_next(&lexer);
    mr_lua_token dot = mr_lua_lexer_next(&lexer);
    *first_out = first;
    if (first.kind != MR_LUA_TOKEN_NAME) {
        return false;
    }
    if (dot.kind == MR_LUA_TOKEN_END) {
        return is_defined(s->checker, bytes_of(&first)) ||
               mr_lua_name_known(bytes_of(&first)) == MR_LUA_KNOWN_FUNCTION;
    }
    mr_lua_token member = mr_lua_lexer_next(&lexer);
    bool path = mr_lua_token_is(&dot, ".") && mr_lua_lexer_next(&lexer).kind == MR_LUA_TOKEN_END;
    bool is_constant = mr_lua_token_is(&first, "math") || mr_lua_token_is(&member, "charpattern");
    return path && !is_constant && mr_lua_name_known(bytes_of(&first)) == MR_LUA_KNOWN_LIBRARY &&
           mr_lua_member_known(bytes_of(&first), bytes_of(&member)) == MR_LUA_KNOWN_FUNCTION;
}

static void check_compiled(const subject *s, mr_code_form form) {
    mr_lua_scan *scan = mr_lua_scan_create(
        s->text, form == MR_CODE_EXPRESSION ? MR_LUA_SCAN_EXPRESSION : MR_LUA_SCAN_BODY);
    check_tokens(s);
    check_uses(s, scan);
    mr_lua_token first;
    if (form == MR_CODE_EXPRESSION && is_bare_function(s, &first)) {
        report_name(s, "E407", &first, "functions are called: is_valid(value)", "",
                    " is a function, not its result");
    }
    if (form == MR_CODE_BODY && !s->is_functions && scan->falls_through) {
        const mr_lua_token *token = scan->assigns_first ? &scan->assign : &scan->last;
        report(s, "E405", token,
               scan->assigns_first ? equals_hint
                                   : "end it with `return`, and both branches of an `if`",
               "this text can end without `return`, but a result is needed here");
    }
    if (!s->is_functions && scan->second.len > 0) {
        report(s, "E412", &scan->second, "a table holds several: {a, b}",
               "a text gives one value, what stands behind the comma would be dropped");
    }
    mr_lua_scan_destroy(scan);
}

static bool check_text(void *self, const char *text, mr_code_use use, uint32_t scope,
                       mr_place place, mr_text_style style, mr_code_form *form,
                       mr_diagnostics *diagnostics) {
    mr_lua_checker *checker = self;
    subject s = {.checker = checker,
                 .diagnostics = diagnostics,
                 .text = text,
                 .place = place,
                 .style = style,
                 .use = use,
                 .scope = scope | MR_SCOPE_RECORD,
                 .errors_before = mr_diagnostics_errors(diagnostics)};
    mr_err as_expression = {0};
    mr_err as_body = {0};
    *form = MR_CODE_EXPRESSION;
    if (!mr_lua_vm_is_expression(checker->vm, text, &as_expression)) {
        *form = MR_CODE_BODY;
        mr_lua_text body = {text, 1, false};
        if (mr_lua_vm_load(checker->vm, body, MR_LUA_AS_BODY, &as_body) != MR_OK) {
            check_tokens(&s);
            report_neither(&s, as_expression.message, as_body.message);
            return false;
        }
        lua_pop(checker->vm->state, 1);
    }
    check_compiled(&s, *form);
    return !has_errors(&s);
}

/* ---- functions ---- */

static void renew_vm(mr_lua_checker *checker) {
    mr_lua_vm_destroy(checker->vm);
    mr_lua_limits limits = {0};
    mr_err err = {0};
    mr_status status = mr_lua_vm_create(&limits, "text", &checker->vm, &err);
    MR_ASSERT(status == MR_OK);
}

static void check_functions(void *self, const char *text, mr_place place, mr_text_style style,
                            mr_diagnostics *diagnostics) {
    mr_lua_checker *checker = self;
    subject s = {.checker = checker,
                 .diagnostics = diagnostics,
                 .text = text,
                 .place = place,
                 .style = style,
                 .is_functions = true,
                 .errors_before = mr_diagnostics_errors(diagnostics)};
    mr_err err = {0};
    mr_lua_scan *scan = mr_lua_scan_create(text, MR_LUA_SCAN_BODY);
    for (size_t i = 0; i < scan->uses_count; i++) {
        if (scan->uses[i].kind == MR_LUA_USE_WRITE && scan->uses[i].depth == 0) {
            define(checker, bytes_of(&scan->uses[i].name));
        }
    }
    mr_lua_text body = {text, 1, false};
    if (mr_lua_vm_load(checker->vm, body, MR_LUA_AS_BODY, &err) != MR_OK) {
        checker->functions_failed = true;
        check_tokens(&s);
        report_syntax(&s, scan, err.message);
    } else {
        lua_pop(checker->vm->state, 1);
        check_compiled(&s, MR_CODE_BODY);
        if (!has_errors(&s) && mr_lua_vm_functions(checker->vm, body, &err) != MR_OK) {
            uint32_t line;
            const char *what = without_place(&s, err.message, &line);
            mr_lua_token token = {.at = "", .place = {line, 1}};
            report(&s, "E410", &token, NULL, what);
            renew_vm(checker);
        }
    }
    mr_lua_scan_destroy(scan);
}

mr_lua_checker *mr_lua_checker_create(void) {
    mr_lua_checker *checker = mr_alloc(sizeof *checker);
    checker->checker = (mr_code_checker){.functions = check_functions,
                                         .text = check_text,
                                         .reserved = mr_lua_names_reserved,
                                         .self = checker};
    renew_vm(checker);
    return checker;
}

void mr_lua_checker_destroy(mr_lua_checker *checker) {
    if (checker == NULL) {
        return;
    }
    for (size_t i = 0; i < checker->defined_count; i++) {
        mr_free(checker->defined[i]);
    }
    mr_free(checker->defined);
    mr_lua_vm_destroy(checker->vm);
    mr_free(checker);
}

const mr_code_checker *mr_lua_code_checker(mr_lua_checker *checker) {
    return &checker->checker;
}
