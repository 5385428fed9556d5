/* Our string and utf8 functions against the stock ones: random patterns, subjects and formats;
 * results and errors must be equal. The stock libraries live in a state of their own, in this test
 * only. */
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>

#include "lua-api/lua_vm.h"
#include "runtime/base/prng.h"
#include "tests/unit/lua_fixture.h"

typedef struct pair {
    lua_State *stock;
    mr_lua_vm *vm;
    mr_prng random;
    long compared, errors;
} pair;

static void open_pair(pair *p) {
    *p = (pair){.random = mr_prng_seeded(20010114)};
    p->stock = luaL_newstate();
    luaL_openlibs(p->stock);
    mr_lua_limits limits = {.steps_max = UINT64_C(1) << 40};
    mr_err err = {0};
    assert_int_equal(mr_lua_vm_create(&limits, "test", &p->vm, &err), MR_OK);
    mr_lua_vm_begin(p->vm, NULL);
}

static void close_pair(pair *p) {
    lua_close(p->stock);
    mr_lua_vm_end(p->vm);
    mr_lua_vm_destroy(p->vm);
}

/* Serialises all results of one chunk, or its error, the same way in both states. */
static const char *const harness =
    "local f = ... local function show(...) local out = {} for i = 1, select('#', ...) do\n"
    "local v = select(i, ...) out[i] = type(v) .. ':' .. tostring(v) end\n"
    "return table.concat(out, ',') end\n"
    "local function finish(ok, ...) if ok then return show(...) end\n"
    "return 'error: ' .. tostring((...)) end return (finish(pcall(f)):gsub('%z', '\\\\0'))";

static char *result_of(lua_State *state, int env) {
    /* on the stack: the chunk */
    assert_int_equal(luaL_loadbufferx(state, harness, strlen(harness), "=h", "t"), LUA_OK);
    if (env != 0) {
        lua_pushvalue(state, env);
        (void)lua_setupvalue(state, -2, 1);
    }
    lua_insert(state, -2);
    assert_int_equal(lua_pcall(state, 1, 1, 0), LUA_OK);
    size_t len;
    const char *text = lua_tolstring(state, -1, &len);
    char *copy = mr_strndup(text, len);
    lua_pop(state, 1);
    return copy;
}

/* Runs `return <code>` in both. */
static void compare(pair *p, const char *code) {
    char text[2048];
    snprintf(text, sizeof text, "return %s", code);
    assert_int_equal(luaL_loadbufferx(p->stock, text, strlen(text), "=t", "t"), LUA_OK);
    char *expected = result_of(p->stock, 0);
    assert_int_equal(luaL_loadbufferx(p->vm->state, text, strlen(text), "=t", "t"), LUA_OK);
    lua_pushvalue(p->vm->state, MR_LUA_STACK_ENV);
    (void)lua_setupvalue(p->vm->state, -2, 1);
    char *got = result_of(p->vm->state, MR_LUA_STACK_ENV);
    if (strcmp(expected, got) != 0) {
        print_error("%s\n  stock %s\n  ours  %s\n", code, expected, got);
    }
    assert_string_equal(got, expected);
    p->compared++;
    p->errors += strncmp(expected, "error:", 6) == 0;
    mr_free(expected);
    mr_free(got);
}

static uint64_t below(pair *p, uint64_t bound) {
    return mr_prng_below(&p->random, bound);
}

static const char *one_of(pair *p, const char *const *texts, size_t count) {
    return texts[below(p, count)];
}
#define ONE_OF(p, texts) one_of(p, texts, sizeof(texts) / sizeof *(texts))

/* A Lua literal of a random text over few characters, so that matches are frequent. */
static void put_subject(pair *p, mr_buf *out, size_t len_max) {
    static const char *const parts[] = {"a", "a",   "b", "ab", "(", ")", "1",   ".",
                                        "-", "\\0", " ", "A",  "%", "]", "\\n", "\\200"};
    mr_buf_put_u8(out, '"');
    for (uint64_t n = below(p, len_max); n > 0; n--) {
        mr_buf_put_text(out, ONE_OF(p, parts));
    }
    mr_buf_put_u8(out, '"');
}

static void put_pattern(pair *p, mr_buf *out) {
    static const char *const parts[] = {
        "a",      "b",      ".",     "%a",     "%d", "%s", "%W",  "[ab]", "[^a]",
        "[a-c1]", "[%a%d]", "[]]",   "[^]a]",  "(",  ")",  "()",  "%1",   "%2",
        "%b()",   "%bab",   "%f[a]", "%f[%A]", "*",  "+",  "-",   "?",    "^",
        "$",      "[",      "%",     "%f",     "%b", "%0", "(a)", "(.-)", "(%a*)",
        "(a(b))", "[a-]",   "[%]]",  "\\0",    "%z", "]",  "[^",  "%."};
    mr_buf_put_u8(out, '"');
    for (uint64_t n = 1 + below(p, 6); n > 0; n--) {
        mr_buf_put_text(out, ONE_OF(p, parts));
    }
    mr_buf_put_u8(out, '"');
}

static void patterns_match_as_in_lua(void **state) {
    (void)state;
    static const char *const replacements[] = {"'x'",
                                               "'<%0>'",
                                               "'%1'",
                                               "'%2%1'",
                                               "'%'",
                                               "'%x'",
                                               "'%%'",
                                               "7",
                                               "{a = 'A', ab = 1, b = false}",
                                               "{a = {}}",
                                               "function(a, b) return b or a end",
                                               "function() end",
                                               "function() return true end",
                                               "1.5",
                                               "true",
                                               "nil"};
    pair p;
    open_pair(&p);
    mr_buf code = {0};
    for (int i = 0; i < 60000; i++) {
        mr_buf_clear(&code);
        static const char *const calls[] = {"find", "match", "gsub", "gmatch"};
        const char *call = ONE_OF(&p, calls);
        bool all = strcmp(call, "gmatch") == 0;
        mr_buf_printf(&code,
                      all ? "(function() local out = {} for a, b in string.gmatch(" : "string.%s(",
                      call);
        put_subject(&p, &code, 12);
        mr_buf_put_text(&code, ", ");
        put_pattern(&p, &code);
        if (strcmp(call, "gsub") == 0) {
            mr_buf_printf(&code, ", %s", ONE_OF(&p, replacements));
        }
        if (below(&p, 4) == 0) {
            mr_buf_printf(&code, ", %d", (int)below(&p, 16) - 6);
        }
        mr_buf_put_text(&code, ")");
        if (all) {
            mr_buf_put_text(&code, " do out[#out + 1] = tostring(a) .. '|' .. tostring(b) end "
                                   "return table.concat(out, ';') end)()");
        }
        compare(&p, mr_buf_cstr(&code));
    }
    print_message("compared %ld, of them %ld errors\n", p.compared, p.errors);
    assert_true(p.compared >= 60000 && p.errors > 5000 && p.errors < 50000);
    mr_buf_deinit(&code);
    close_pair(&p);
}

static void hard_patterns_are_refused_as_in_lua(void **state) {
    (void)state;
    static const char *const calls[] = {
        "string.find(string.rep('a', 300), string.rep('a?', 300) .. string.rep('a', 300))",
        "string.find(string.rep('a', 250), string.rep('(a)', 40))",
        "string.find(string.rep('a', 250), string.rep('a-', 250) .. 'b')",
        "string.match(string.rep('a', 190), string.rep('a?', 190))",
        "string.match(string.rep('a', 210), string.rep('a?', 210))",
        "string.find(string.rep('a', 1000), '.-b')",
        "string.find(string.rep('a', 1000), 'a*b')",
        "string.find(string.rep('ab', 500), '.-(b+)%1c')",
        "string.match('abc', '((a)(b)(c))')",
        "string.match('hello world', '()ll()')",
        "string.gsub('abc', '', '-')",
        "string.gsub('abc def', '%w+', '%0 %0', 1)",
        "string.gsub('hello', '(l)(l)', '%2%1')",
        "string.find('a.b', '.', 1, true)",
        "string.find('', '')",
        "string.find('', '', 2)",
        "string.find('abc', 'b', -1)",
        "string.find('abc', '', 10)",
        "string.gsub('x', 'x', {})",
        "string.gsub('abc', '%f[%w]%w+', string.upper)",
        "string.find('THE (quick) fox', '%((%a+)%)')",
        "string.match('2001-01-14', '(%d+)-(%d+)-(%d+)')",
    };
    pair p;
    open_pair(&p);
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        compare(&p, calls[i]);
    }
    close_pair(&p);
}

static void string_functions_give_what_lua_gives(void **state) {
    (void)state;
    static const char *const templates[] = {"string.byte(%s, %d, %d)",
                                            "string.sub(%s, %d, %d)",
                                            "string.rep(%s, %d)",
                                            "string.rep(%s, %d, ',')",
                                            "string.upper(%s)",
                                            "string.lower(%s)",
                                            "string.reverse(%s)",
                                            "string.len(%s)",
                                            "(%s) + %d",
                                            "-(%s)",
                                            "%s < 'ab'",
                                            "#%s"};
    pair p;
    open_pair(&p);
    mr_buf subject = {0};
    char code[512];
    for (int i = 0; i < 10000; i++) {
        mr_buf_clear(&subject);
        put_subject(&p, &subject, 8);
        snprintf(code, sizeof code, ONE_OF(&p, templates), mr_buf_cstr(&subject),
                 (int)below(&p, 20) - 8, (int)below(&p, 20) - 8);
        compare(&p, code);
    }
    static const char *const calls[] = {"string.char(72, 105)",
                                        "string.char(256)",
                                        "string.char()",
                                        "'10' + 5",
                                        "'0x10' * '2'",
                                        "'1e1' // 3",
                                        "-'2'",
                                        "'a' + 1",
                                        "'10' % 3",
                                        "'2' ^ 2",
                                        "1 + 'x'",
                                        "'5' - 2.5",
                                        "'a' .. 1",
                                        "('x'):rep(3)",
                                        "('x'):nothing()",
                                        "string.rep()",
                                        "string.sub('x')",
                                        "10 // '0'",
                                        "'7' & 3",
                                        "string.len({})",
                                        "string.upper(12)",
                                        "string.rep('x', -1)",
                                        "string.rep('x', 1e10)",
                                        "string.byte('')"};
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        compare(&p, calls[i]);
    }
    mr_buf_deinit(&subject);
    close_pair(&p);
}

static void formats_print_as_in_lua(void **state) {
    (void)state;
    static const char *const flags[] = {"", "", "-", "+", " ", "#", "0", "-0"};
    static const char *const widths[] = {"", "", "5", "12", "99"};
    static const char *const precisions[] = {"", "", ".0", ".3", ".14", ".", ".99"};
    static const char letters[] = "ddixXoeEfgGaAscqu";
    static const char *const values[] = {
        "0",     "1",   "-7",  "255", "math.mininteger", "1.5",  "-0.0",
        "1e100", "0.1", "1/0", "'x'", "'a\\n\"\\0b1'",   "'12'", "nil",
        "true",  "3.0"};
    pair p;
    open_pair(&p);
    char code[256];
    for (int i = 0; i < 30000; i++) {
        snprintf(code, sizeof code, "pcall(string.format, '<%%%s%s%s%c>', %s)", ONE_OF(&p, flags),
                 ONE_OF(&p, widths), ONE_OF(&p, precisions), letters[below(&p, sizeof letters - 1)],
                 ONE_OF(&p, values));
        /* Messages differ in wording; whether it is an error does not. */
        char wrapped[512];
        snprintf(wrapped, sizeof wrapped, "(function(ok, text) return ok, ok and text end)(%s)",
                 code);
        compare(&p, wrapped);
    }
    static const char *const calls[] = {"string.format('%d%%', 50)",
                                        "string.format('%5s|%-5s|%.2s', 'a', 'b', 'cde')",
                                        "string.format('no')",
                                        "(pcall(string.format, '%d'))",
                                        "(pcall(string.format, '%s'))",
                                        "(pcall(string.format, '%s %s', 1))",
                                        "string.format('%s%s', 1, 2, 3)",
                                        "(pcall(string.format, '%y', 1))",
                                        "(pcall(string.format, '%', 1))",
                                        "(pcall(string.format, '%100d', 1))",
                                        "(pcall(string.format, '%d', 1.5))"};
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        compare(&p, calls[i]);
    }
    close_pair(&p);
}

static void utf8_functions_give_what_lua_gives(void **state) {
    (void)state;
    static const char *const parts[] = {
        "a",     "\\u{e9}",         "\\u{20ac}",  "\\u{1f600}",           "\\x80",
        "\\xff", "\\xed\\xa0\\x80", "\\xc0\\x80", "\\xf4\\x90\\x80\\x80", "z"};
    static const char *const templates[] = {"utf8.len(%s, %d, %d)",
                                            "utf8.codepoint(%s, %d, %d)",
                                            "utf8.offset(%s, %d, %d)",
                                            "utf8.offset(%s, %d)",
                                            "utf8.len(%s, %d, %d, true)",
                                            "utf8.codepoint(%s, %d, %d, true)",
                                            "(function() local n = 0 for p, c in utf8.codes(%s) do "
                                            "n = n * 31 + p * c end return n end)()",
                                            "(function() local n = 0 for p, c in utf8.codes(%s, "
                                            "true) do n = n + p * c end return n end)()",
                                            "string.gsub(%s, utf8.charpattern, '<%%0>')"};
    pair p;
    open_pair(&p);
    mr_buf subject = {0};
    char code[1024];
    for (int i = 0; i < 20000; i++) {
        mr_buf_clear(&subject);
        mr_buf_put_u8(&subject, '"');
        for (uint64_t n = below(&p, 6); n > 0; n--) {
            mr_buf_put_text(&subject, ONE_OF(&p, parts));
        }
        mr_buf_put_u8(&subject, '"');
        snprintf(code, sizeof code, ONE_OF(&p, templates), mr_buf_cstr(&subject),
                 (int)below(&p, 12) - 4, (int)below(&p, 12) - 4);
        compare(&p, code);
    }
    compare(&p, "utf8.char(72, 228, 8364, 0x10FFFF, 0x7FFFFFFF)");
    compare(&p, "utf8.char(-1)");
    print_message("compared %ld, of them %ld errors\n", p.compared, p.errors);
    mr_buf_deinit(&subject);
    close_pair(&p);
}

static void table_functions_give_what_lua_gives(void **state) {
    (void)state;
    static const char *const calls[] = {
        "table.concat({1, 'a', 2}, '-')",
        "table.concat({})",
        "table.concat({1, {}})",
        "table.concat({1, 2, 3}, ',', 2)",
        "table.concat({1, 2}, ',', 1, 3)",
        "table.unpack({1, 2, 3}, 2)",
        "table.unpack({}, 1, 1e8)",
        "table.unpack({1}, 1, 3)",
        "table.pack(1, nil, 3).n",
        ("(function() local t = {1, 2, 3} table.insert(t, 2, 9) "
         "return table.concat(t, ',') end)()"),
        "(function() local t = {1} table.insert(t, 3, 9) end)()",
        "(function() local t = {1} table.insert(t, 1, 2, 3) end)()",
        "table.remove({})",
        "table.remove({1, 2, 3}, 1)",
        "(pcall(table.remove, {1, 2, 3}, 5))",
        "table.remove({}, 0)",
        "table.remove({1, 2, 3}, 4)",
        "table.remove({1, 2, 3})",
        "table.insert({})",
        "table.insert(setmetatable({}, {__len = function() return math.maxinteger end}), 1, 1)",
        "table.insert(nil, 1)",
        "select('#', 1, 2)",
        "select(-1, 1, 2)",
        "tonumber('0x1p4')",
        "tonumber('10', 2)",
        "tonumber('z', 36)",
        "tonumber('1 2')",
        "math.floor(-1.5)",
        "math.tointeger('3')",
        "rawequal({}, {})",
        "rawlen('abc')",
        "rawget({5}, 1)",
        "pcall(error, 'x')",
        "pcall(error, nil)",
        "xpcall(error, function(m) return m .. '!' end, 'x')",
        "xpcall(string.len, type, 'abc')",
        "assert(1, 2)",
        "assert(false, 'no')",
        "assert(nil)",
        "(pcall(pcall))",
        "select(2, pcall(error, {}, 1)) ~= nil",
        "getmetatable(setmetatable({}, {__metatable = 5}))",
        "setmetatable(setmetatable({}, {__metatable = 1}), {})",
        "tostring(setmetatable({}, {__tostring = function() return 'T' end}))",
        "tostring(setmetatable({}, {__tostring = function() return 1 end}))",
        "ipairs()",
        "type()",
        "#setmetatable({}, {__len = function() return 7 end})"};
    pair p;
    open_pair(&p);
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        compare(&p, calls[i]);
    }
    close_pair(&p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(patterns_match_as_in_lua),
        cmocka_unit_test(hard_patterns_are_refused_as_in_lua),
        cmocka_unit_test(string_functions_give_what_lua_gives),
        cmocka_unit_test(formats_print_as_in_lua),
        cmocka_unit_test(utf8_functions_give_what_lua_gives),
        cmocka_unit_test(table_functions_give_what_lua_gives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
