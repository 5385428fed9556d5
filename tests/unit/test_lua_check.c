/* The code checker: what it calls an expression, what it refuses, and at which place. */
#include "tests/unit/lua_fixture.h"

typedef struct check_case {
    const char *functions; /* stands at line 100, column 3 */
    const char *text;      /* stands at line 10, column 5 */
    mr_code_use use;
    uint32_t scope;
    mr_text_style style;
    bool hints; /* show them in [] */
} check_case;

/* "expression", "body", and then one line for each error: "line:column code: message [hint]". */
static char *check(check_case c) {
    mr_buf source = {0};
    for (int i = 0; i < 200; i++) {
        mr_buf_put_text(&source, "\n");
    }
    mr_diagnostics *diagnostics = mr_diagnostics_create("j", mr_buf_view(&source));
    mr_lua_checker *checker = mr_lua_checker_create();
    const mr_code_checker *code = mr_lua_code_checker(checker);
    if (c.functions != NULL) {
        code->functions(code->self, c.functions, (mr_place){100, 3}, MR_TEXT_BLOCK, diagnostics);
    }
    mr_buf out = {0};
    if (c.text != NULL) {
        mr_code_form form;
        size_t before = mr_diagnostics_errors(diagnostics);
        bool right = code->text(code->self, c.text, c.use, c.scope, (mr_place){10, 5}, c.style,
                                &form, diagnostics);
        assert_int_equal(right, mr_diagnostics_errors(diagnostics) == before);
        if (right) {
            mr_buf_put_text(&out, form == MR_CODE_EXPRESSION ? "expression" : "body");
        }
    }
    mr_buf formatted = {0};
    mr_diagnostics_format(diagnostics, &formatted);
    char *line = strtok((char *)(uintptr_t)mr_buf_cstr(&formatted), "\n");
    for (; line != NULL; line = strtok(NULL, "\n")) {
        const char *caret = strchr(line, '^');
        if (strncmp(line, "j:", 2) != 0 && caret != NULL && c.hints) {
            caret += strspn(caret, "^~");
            caret += strspn(caret, " ");
            mr_buf_printf(&out, *caret != '\0' ? " [%s]" : "%s", caret);
        } else if (strncmp(line, "j:", 2) == 0) {
            mr_buf_printf(&out, "%s%s", out.len > 0 ? "\n" : "", line + 2);
        }
    }
    char *result = mr_strdup(mr_buf_cstr(&out));
    mr_buf_deinit(&out);
    mr_buf_deinit(&formatted);
    mr_buf_deinit(&source);
    mr_lua_checker_destroy(checker);
    mr_diagnostics_destroy(diagnostics);
    return result;
}

static void expect(check_case c, const char *expected) {
    char *result = check(c);
    if (strcmp(result, expected) != 0) {
        print_error("%s\n", c.text != NULL ? c.text : c.functions);
    }
    assert_string_equal(result, expected);
    mr_free(result);
}

static void says(const char *text, const char *expected) {
    expect((check_case){.text = text, .scope = MR_SCOPE_RECORD, .style = MR_TEXT_BLOCK}, expected);
}

static void lua_decides_what_a_text_is(void **state) {
    (void)state;
    says("value.a > 3", "expression");
    says("value.a > 3 -- why", "expression");
    says("(\"text\")", "expression");
    says("{a = value, 1, [2] = function(x) local y = x return y end}", "expression");
    says("return value", "body");
    says("local a = 1\nreturn a", "body");
    says("if value.a then return 1 else return 2 end", "body");
    says("value.a, value.b", "10:21: error E401: '=' expected near <eof>");
    says("a) + (b", "10:6: error E401: <eof> expected near ')'");
}

static void syntax_errors_stand_at_their_token(void **state) {
    (void)state;
    says("value.a >", "10:14: error E401: unexpected symbol near <eof>");
    says("local a = 1\nlocal b = = 2\nreturn a", "11:15: error E407: unexpected symbol near '='");
    says("if value.a then return 1", "10:29: error E401: 'end' expected near <eof>");
    /* A line in quotes with \n in it, and folded lines: they are none of the file's. */
    expect((check_case){.text = "return 1 +\n +"}, "10:5: error E401: unexpected symbol near '+'");
    expect((check_case){.text = "return 1 +\n +", .style = MR_TEXT_FOLDED},
           "10:5: error E401: unexpected symbol near '+'");
    says("return 'open", "10:12: error E401: unfinished string near <eof>");
}

static void slips_of_other_languages_are_named(void **state) {
    (void)state;
    says("!value.a", "10:5: error E407: unexpected symbol near '!'");
    says("value.a != 3", "10:13: error E407: <eof> expected near '!'");
    says("value.a && value.b", "10:14: error E407: unexpected symbol near '&'");
    says("value.a || value.b", "10:14: error E407: unexpected symbol near '|'");
    says("value.a ? 1 : 2", "10:13: error E407: <eof> expected near '?'");
    expect((check_case){.text = "value.a = 3", .use = MR_CODE_CONDITION},
           "10:5: error E406: 'value' is read-only here\n10:13: error E405: this text can end "
           "without `return`, but a result is needed here");
    says("string.len", "10:5: error E407: 'string' is a function, not its result");
    expect((check_case){.functions = "function ok(v) return v end", .text = "ok"},
           "10:5: error E407: 'ok' is a function, not its result");
    says("math.pi", "expression");
    expect((check_case){.text = "value.a -- b and value.c", .style = MR_TEXT_FOLDED},
           "10:5: error E408: YAML folds this text into one line: the comment `--` hides all that "
           "follows it");
    says("value.a == null", "expression");
    says("value.a += 1", "10:14: error E407: unexpected symbol near '='");
    expect((check_case){.text = "f(value.a", .style = MR_TEXT_IN_BRACES, .hints = true},
           "10:14: error E401: ')' expected near <eof> [YAML ended this text: commas, brackets and "
           "braces want quotes or block style (|)]");
    expect((check_case){.text = "(\"a", .style = MR_TEXT_IN_BRACES, .hints = true},
           "10:6: error E401: unfinished string near <eof> [YAML ended this text: commas, brackets "
           "and braces want quotes or block style (|)]");
    expect((check_case){.text = "f(value.a", .hints = true},
           "10:14: error E401: ')' expected near <eof>");
    expect((check_case){.text = "local a = 1\nreturn b", .style = MR_TEXT_ESCAPED},
           "10:5: error E402: unknown name 'b'");
}

static void unknown_names_are_errors(void **state) {
    (void)state;
    says("vaule.a", "10:5: error E402: unknown name 'vaule'");
    says("1 + tonumbr(value.a)", "10:9: error E402: unknown name 'tonumbr'");
    says("string.fromat(value.a)", "10:12: error E402: string has no 'fromat'");
    says("ctx.ofset", "10:9: error E402: ctx has no 'ofset'");
    says("local a = 1\nreturn function() return a, b end", "11:33: error E402: unknown name 'b'");
    says("local a = a return a", "10:15: error E402: unknown name 'a'");
    says("for i = 1, 2 do local x = i end return x", "10:44: error E402: unknown name 'x'");
    says("local function f(n) return n == 0 and 1 or f(n - 1) end return f(3)", "body");
    says("local t = {key = 1, nothing = 2} return t.nothing", "body");
    says("...", "10:5: error E401: `...` is known only inside a function that declares it");
    says("(function(...) return ... end)(1)", "expression");
    says("repeat local x = 1 until x == 1 return headers.x", "body");
}

static void what_this_version_does_not_execute_is_refused_by_name(void **state) {
    (void)state;
    static const char *const later[] = {
        "fail('x')", "log.info('x')", "metrics.count('x')", "hash.xxh64('')", "base64.encode()",
        "bytes.x()", "decimal(1)",    "sorted(value)",      "left.a",         "acc.a",
        "right"};
    char expected[200];
    for (size_t i = 0; i < sizeof later / sizeof *later; i++) {
        snprintf(expected, sizeof expected,
                 "10:5: error E403: '%.*s' is not executed by this version",
                 (int)strcspn(later[i], ".("), later[i]);
        says(later[i], expected);
    }
    static const char *const members[] = {
        "math.random()",     "math.randomseed(1)", "table.sort(value)",    "table.move(value)",
        "string.pack('b')",  "string.unpack('b')", "string.packsize('b')", "ctx:forward{value = 1}",
        "ctx:timer('a', 1)", "ctx:cancel('a')"};
    for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
        size_t of = strcspn(members[i], ".:") + 1;
        snprintf(expected, sizeof expected,
                 "10:%zu: error E403: '%.*s' is not executed by this version", 5 + of,
                 (int)strcspn(members[i] + of, "({"), members[i] + of);
        says(members[i], expected);
    }
    says("headers:add('a', 'b')",
         "10:13: error E403: writing headers: 'add' is not executed by this version");
    says("headers.x = 'a' return 1",
         "10:13: error E403: writing headers: 'x' is not executed by this version");
    static const char *const never[] = {
        "print(1)", "load('x')", "os.time()",        "io.read()", "require'x'",
        "_ENV",     "_G.x",      "coroutine.wrap()", "debug.x",   "collectgarbage()"};
    for (size_t i = 0; i < sizeof never / sizeof *never; i++) {
        snprintf(expected, sizeof expected, "10:5: error E404: '%.*s' is not available in a job",
                 (int)strcspn(never[i], ".('"), never[i]);
        says(never[i], expected);
    }
    says("string.dump(error)", "10:12: error E404: 'dump' is not available in a job");
    says("{__gc = 1}", "10:6: error E404: '__gc' is not available in a job");
}

static void a_window_is_in_scope_behind_windowed_steps_only(void **state) {
    (void)state;
    says("window.start", "10:5: error E409: there is no 'window' here");
    expect((check_case){.text = "window.stop", .scope = MR_SCOPE_RECORD | MR_SCOPE_WINDOW},
           "expression");
    expect((check_case){.text = "window.end_", .scope = MR_SCOPE_RECORD | MR_SCOPE_WINDOW},
           "10:12: error E402: window has no 'end_'");
}

static void bodies_have_to_return(void **state) {
    (void)state;
    static const char *const right[] = {
        "if value.a then return 1 else return 2 end",
        "if value.a then return 1 elseif value.b then error('x') else return 2 end",
        "do return 1 end",
        "while true do if value.a then return 1 end end",
        "repeat return 1 until false",
        "for i = 1, 2 do end return 1",
        "error('never');",
        "if value.a then goto out end do return 1 end ::out:: return 2",
        "local x = 1; return x;",
    };
    for (size_t i = 0; i < sizeof right / sizeof *right; i++) {
        says(right[i], "body");
    }
    static const char *const wrong[] = {
        "if value.a then return 1 end",
        "if value.a then return 1 elseif value.b then return 2 end",
        "for i = 1, 2 do return i end",
        "while value.a do return 1 end",
        "while true do if value.a then break end end",
        "repeat if value.a then break end until false",
        "repeat local x = 1 until false or value.a",
        "local x = 1",
        "pcall(error);",
        "local function f() return 1 end",
        "local error = type error('x')",
        "if value.a then goto out end do return 1 end ::out::",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        char *result = check((check_case){.text = wrong[i]});
        if (strstr(result, "E405") == NULL) {
            print_error("%s\n", wrong[i]);
        }
        assert_non_null(strstr(result, "E405"));
        mr_free(result);
    }
}

static void one_value_is_returned(void **state) {
    (void)state;
    static const char *const error =
        "error E412: a text gives one value, what stands behind the comma would be dropped";
    char expected[200];
    snprintf(expected, sizeof expected, "10:19: %s", error);
    says("return value.a, value.b", expected);
    snprintf(expected, sizeof expected, "10:35: %s", error);
    says("if value.a then return value.a, 2 else return 3 end", expected);
    says("local function f() return 1, 2 end local a, b = f() return a + b", "body");
    says("return value.a:gsub('x', 'y')", "body"); /* as in an expression: its first */
    says("return {1, 2}", "body");
    expect((check_case){.functions = "function f() return 1, 2 end", .text = "f()"}, "expression");
}

static void what_outlives_a_call_is_not_assigned(void **state) {
    (void)state;
    says("count = 1 return count", "10:5: error E406: a global cannot be assigned: 'count'\n10:22: "
                                   "error E402: unknown name 'count'");
    says("function f() end return 1", "10:14: error E406: a global cannot be assigned: 'f'");
    says("local n = 0 local function f() n = n + 1 return n end return f()", "body");
    says("string.x = 1 return 1", "10:5: error E406: 'string' is read-only");
    expect((check_case){.text = "value.x = 1 return value", .use = MR_CODE_MAP}, "body");
    expect((check_case){.text = "value.x = 1 return value", .use = MR_CODE_VALUE},
           "10:5: error E406: 'value' is read-only here");
    expect((check_case){.text = "key.x = 1 return value", .use = MR_CODE_MAP},
           "10:5: error E406: 'key' is read-only here");
    expect((check_case){.functions = "local n = 0\nfunction f()\n  n = n + 1\n  return n\nend",
                        .text = "f()"},
           "expression\n102:5: error E406: a function changes 'n', a local that outlives the call");
    expect((check_case){.functions = "function f()\n  total = 1\nend"},
           "101:5: error E406: a global cannot be assigned: 'total'");
    expect((check_case){.functions = "local x = 1\nx = 2\nfunction f() local y = x y = 2 return y "
                                     "end\nfunction g(a) a = 1 return a end"},
           "");
}

static void functions_are_checked_and_run(void **state) {
    (void)state;
    expect((check_case){.functions = "function is_big(v) return v > 3 end\n"
                                     "local function own() return is_big(1) end",
                        .text = "is_big(value.a)"},
           "expression");
    expect((check_case){.functions = "function is_big(v) return v > 3 end", .text = "is_bg(1)"},
           "10:5: error E402: unknown name 'is_bg'");
    expect((check_case){.functions = "function f() return value.a end"},
           "100:23: error E402: 'value' is not in scope in functions");
    expect((check_case){.functions = "function f( return end"},
           "100:15: error E401: <name> or '...' expected near 'return'");
    expect((check_case){.functions = "x = 1\ny = nil + x"},
           "101:3: error E410: attempt to perform arithmetic on a nil value");
    expect((check_case){.functions = "while true do end"},
           "100:3: error E410: more than 10000000 steps in one call");
    expect((check_case){.functions = "function type() end"},
           "100:12: error E411: the name 'type' belongs to the language");
    expect((check_case){.functions = "function value() end"},
           "100:12: error E411: the name 'value' belongs to the language");
    /* One error is enough: what a broken block would define is not held against the texts. */
    expect((check_case){.functions = "function f( return end", .text = "g(value)"},
           "expression\n100:15: error E401: <name> or '...' expected near 'return'");
}

static void hints_say_what_would_be_right(void **state) {
    (void)state;
    static const struct {
        const char *text;
        const char *hint;
    } hints[] = {
        {"vaule.a", "did you mean 'value'?"},
        {"is_bg(1)", "did you mean 'is_big'?"},
        {"string.fromat(1)", "did you mean 'format'?"},
        {"active", "a text is written (\"active\"), a field value.active"},
        {"!value.a", "Lua writes `not x`"},
        {"value.a != 3", "Lua writes `~=` for not equal"},
        {"value.a && value.b", "Lua writes `and`"},
        {"value.a || value.b", "Lua writes `or`"},
        {"value.a ? 1 : 2", "Lua writes `a and b or c`, or if ... then ... else ... end"},
        {"n = 3", "`=` assigns, `==` compares"},
        {"n = 3 return 1", "declare it with `local`; memory between records is a store"},
        {"local n = 1 n += 1 return n", "Lua writes x = x + 1"},
        {"value.n -= 1 return value", "Lua writes x = x + 1"},
        {"is_big", "functions are called: is_valid(value)"},
        {"if value.a then return 1 end", "end it with `return`, and both branches of an `if`"},
        {"print(value)", "peek at a stream with `consume`"},
    };
    for (size_t i = 0; i < sizeof hints / sizeof *hints; i++) {
        char *result = check((check_case){.functions = "function is_big(v) return v end",
                                          .text = hints[i].text,
                                          .scope = MR_SCOPE_RECORD,
                                          .hints = true});
        char expected[200];
        snprintf(expected, sizeof expected, "[%s]", hints[i].hint);
        if (strstr(result, expected) == NULL) {
            print_error("%s\n  gave %s\n", hints[i].text, result);
        }
        assert_non_null(strstr(result, expected));
        mr_free(result);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lua_decides_what_a_text_is),
        cmocka_unit_test(syntax_errors_stand_at_their_token),
        cmocka_unit_test(slips_of_other_languages_are_named),
        cmocka_unit_test(unknown_names_are_errors),
        cmocka_unit_test(what_this_version_does_not_execute_is_refused_by_name),
        cmocka_unit_test(a_window_is_in_scope_behind_windowed_steps_only),
        cmocka_unit_test(bodies_have_to_return),
        cmocka_unit_test(one_value_is_returned),
        cmocka_unit_test(what_outlives_a_call_is_not_assigned),
        cmocka_unit_test(functions_are_checked_and_run),
        cmocka_unit_test(hints_say_what_would_be_right),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
