/* Texts on records: what they see, what they give, where their errors point, what they may not do.
 */
#include "tests/unit/lua_fixture.h"

static const char *const order =
    "{\"id\": \"a1\", \"total\": 12.50, \"n\": 3, \"gone\": null, \"items\": [{\"sku\": \"x\", "
    "\"q\": 1e0}, null, 7],\n \"nested\": {\"deep\": {\"x\": 1}} }";

/* ---- reading ---- */

static void fields_are_read_from_the_record(void **state) {
    (void)state;
    lua_gives("value.id", order, "\"a1\"");
    lua_gives("value.total", order, "12.5");
    lua_gives("value.n + 1", order, "4");
    lua_gives("value.gone == nil", order, "true");
    lua_gives("value.missing", order, "nil");
    lua_gives("value.nested.deep.x", order, "1");
    lua_gives("value.items[1].sku", order, "\"x\"");
    lua_gives("value.items[2] == null", order, "true");
    lua_gives("#value.items", order, "3");
    lua_gives("value.items[4]", order, "nil");
    lua_gives("type(value) .. type(value.items) .. type(null)", order, "\"tabletablenull\"");
    lua_gives("value.nested == value.nested", order, "true");
    lua_gives("value", "7", "7");
    lua_gives("value == nil", NULL, "true");
    lua_gives("value == nil", "null", "true");
    lua_gives("value.a", "{\"a\":1,\"a\":2}", "1");
    lua_gives("value['\\u{e9}\\n']", "{\"\\u00e9\\n\":\"\\ud83d\\ude00\"}", "\"\xf0\x9f\x98\x80\"");
}

static void untouched_parts_keep_their_bytes(void **state) {
    (void)state;
    lua_gives("value", "{\"b\" : 1.50,\"a\":\"\\u0041\"}", "{\"b\" : 1.50,\"a\":\"\\u0041\"}");
    lua_gives("value.items", order, "[{\"sku\": \"x\", \"q\": 1e0}, null, 7]");
    lua_gives("{z = value.items[1], a = value.nested}", order,
              "{\"a\":{\"deep\": {\"x\": 1}},\"z\":{\"sku\": \"x\", \"q\": 1e0}}");
}

static void pairs_visits_numbers_then_strings_by_byte(void **state) {
    (void)state;
    static const char *const walk = "local out = {} for k, v in pairs(%s) do "
                                    "out[#out + 1] = tostring(k) .. '=' .. tostring(v) end return "
                                    "table.concat(out, ' ')";
    char text[512];
    snprintf(text, sizeof text, walk,
             "{b = 1, [2] = 2, a = 3, [-1.5] = 4, B = 5, [10] = 6, [1] = 7}");
    lua_maps(text, NULL, "\"-1.5=4 1=7 2=2 10=6 B=5 a=3 b=1\"");
    snprintf(text, sizeof text, walk, "value");
    lua_maps(text, order, "\"id=a1 items=table n=3 nested=table total=12.5\"");
    snprintf(text, sizeof text, walk, "value.items");
    lua_maps(text, order, "\"1=table 2=null 3=7\"");
    snprintf(text, sizeof text, walk, "{[true] = 1}");
    lua_maps(
        text, NULL,
        "dir/job.yaml:1: step: keys must be numbers or strings to have an order, got a boolean");
    lua_gives("(next({b = 1, a = 2}))", NULL, "\"a\"");
    lua_gives("(next(value))", "{\"z\":1,\"c\":2}", "\"c\"");
    lua_gives("next({}) == nil", NULL, "true");
    lua_gives(
        "next({1}, 1)", NULL,
        "dir/job.yaml:1: step: next takes one argument and gives the first pair; pairs visits all");
}

static void a_thousand_keys_come_in_order(void **state) {
    (void)state;
    lua_maps("local t = {} for i = 1000, 1, -1 do t['k' .. 1000 + i] = i t[i] = i end\n"
             "local last, n = nil, 0 for k in pairs(t) do n = n + 1\n"
             "if type(last) == type(k) then assert(last < k) end last = k end return {n, last}",
             NULL, "[2000,\"k2000\"]");
}

/* ---- writing ---- */

static void changes_stand_in_place_and_new_fields_at_the_end(void **state) {
    (void)state;
    lua_maps("value.n = 4 value.new = 'x' value.also = 1 return value", order,
             "{\"id\":\"a1\",\"total\":12.50,\"n\":4,\"gone\":null,\"items\":[{\"sku\": \"x\", "
             "\"q\": 1e0}, null, 7],\"nested\":{\"deep\": {\"x\": 1}},\"new\":\"x\",\"also\":1}");
    lua_maps("value.id = nil value.total = null return value", "{\"id\":1,\"total\":2}",
             "{\"total\":null}");
    lua_maps("value.total = null return value.total == nil", "{\"total\":2}", "true");
    lua_maps("value.a.b.c = 1 return value", "{\"a\":{\"b\":{\"x\": 1.0}, \"y\" :2}}",
             "{\"a\":{\"b\":{\"x\":1.0,\"c\":1},\"y\":2}}");
    lua_maps("value.a = nil value.a = 3 return value", "{\"a\":1,\"b\":2,\"a\":9}",
             "{\"a\":3,\"b\":2}");
    lua_maps("value.x = 1 value.x = nil return value", "{}", "{}");
    lua_maps("value.x = 1 value.x = nil value.x = 2 return value", "{}", "{\"x\":2}");
    lua_maps("value.copy = value.a value.a.x = 2 return value", "{\"a\":{\"x\":1}}",
             "{\"a\":{\"x\":2},\"copy\":{\"x\":2}}");
    lua_maps("local n = 0 value.x = 1 for k in pairs(value) do n = n + 1 end return n",
             "{\"a\":1,\"b\":null,\"c\":3}", "3");
}

static void arrays_of_the_record_can_be_changed(void **state) {
    (void)state;
    lua_maps("value[2] = 'b' value[4] = true return value", "[1.0, 2, 3.50]",
             "[1.0,\"b\",3.50,true]");
    lua_maps("table.insert(value, 1, 0) return value", "[1, 2]", "[0,1,2]");
    lua_maps("return {table.remove(value, 1), table.remove(value), #value, value}", "[1, 2, 3]",
             "[1,3,1,[2]]");
    lua_maps("table.insert(value, 9) return {table.concat(value, '-'), table.unpack(value)}",
             "[1, \"x\"]", "[\"1-x-9\",1,\"x\",9]");
    lua_maps("value[1].x = 2 return value", "[{\"x\":1, \"y\": 1.0}, 2.0]",
             "[{\"x\":2,\"y\":1.0},2.0]");
    lua_maps("value[1] = nil return value", "[1,2]",
             "dir/job.yaml:1: step: an array of 2 elements has no place 1 to empty: use "
             "table.remove, or null");
    lua_maps("value[4] = 1 return value", "[1,2]",
             "dir/job.yaml:1: step: an array of 2 elements has no place 4");
    lua_maps("value.x = 1 return value", "[1,2]",
             "dir/job.yaml:1: step: an array has no field 'x'");
    lua_maps("value[1] = 1 return value", "{}",
             "dir/job.yaml:1: step: the names of an object's fields are strings, got a number");
}

static void only_map_and_flat_map_change_value(void **state) {
    (void)state;
    lua_expect(
        (lua_case){.text = "value.x = 1 return true",
                   .use = MR_CODE_CONDITION,
                   .form = MR_CODE_BODY,
                   .value = "{}"},
        "dir/job.yaml:1: step: value is read-only here: only map and flat_map may change it");
    lua_expect(
        (lua_case){
            .text = "key.x = 1 return true", .use = MR_CODE_MAP, .form = MR_CODE_BODY, .key = "{}"},
        "dir/job.yaml:1: step: key is read-only: rekey gives a record another one");
}

static void a_change_does_not_reach_the_record(void **state) {
    (void)state;
    lua_case c = {.text = "value.n = value.n + 1 return value",
                  .use = MR_CODE_MAP,
                  .form = MR_CODE_BODY,
                  .value = "{\"n\":1}"};
    lua_fixture f;
    mr_err err = {0};
    assert_int_equal(lua_fixture_open(&f, &c, &err), MR_OK);
    lua_fixture_set(&f, &c);
    for (int i = 0; i < 3; i++) { /* the same record, called again */
        assert_string_equal(lua_fixture_run(&f), "{\"n\":2}");
    }
    lua_fixture_close(&f);
}

/* ---- results ---- */

static void tables_become_json_by_one_rule(void **state) {
    (void)state;
    lua_gives("{}", NULL, "{}");
    lua_gives("json.array{}", NULL, "[]");
    lua_gives("{json.array(), json.object{}, {1, 2}, {b = 1, a = 'x'}}", NULL,
              "[[],{},[1,2],{\"a\":\"x\",\"b\":1}]");
    lua_gives("{1, null, 2.0}", NULL, "[1,null,2.0]");
    lua_gives("null", NULL, "null");
    lua_gives("nil", NULL, "nil");
    lua_gives("{a = 0.1, b = 1e300, c = 1 / 3}", NULL,
              "{\"a\":0.1,\"b\":1e+300,\"c\":0.3333333333333333}");
}

static void what_is_no_json_is_an_error_of_the_step(void **state) {
    (void)state;
    lua_gives(
        "{1, nil, 3}", NULL,
        "dir/job.yaml:1: step: an array with holes cannot be written as JSON: null fills them");
    lua_gives(
        "{1, a = 2}", NULL,
        "dir/job.yaml:1: step: a table with both names and positions cannot be written as JSON");
    lua_gives("{[1.5] = 2}", NULL,
              "dir/job.yaml:1: step: keys must be strings or 1..n to be written as JSON");
    lua_gives("{x = 0 / 0}", NULL,
              "dir/job.yaml:1: step: NaN and infinity cannot be written as JSON (field 'x')");
    lua_gives("{f = tostring}", NULL,
              "dir/job.yaml:1: step: a function cannot be written as JSON (field 'f')");
    static const char *const not_finite =
        "dir/job.yaml:1: step: NaN and infinity are no values of a record";
    lua_gives("1 / 0", NULL, not_finite);
    lua_gives("0 / 0", NULL, not_finite);
    lua_expect((lua_case){.text = "{{key = -1 / 0}}", .use = MR_CODE_FLAT_MAP}, not_finite);
    lua_expect((lua_case){.text = "1 / 0", .use = MR_CODE_CONDITION}, "true");
    lua_gives("tostring", NULL, "dir/job.yaml:1: step: a function is no value: call it");
    lua_gives(
        "{s = '\\xff'}", NULL,
        "dir/job.yaml:1: step: a string that is not UTF-8 cannot be written as JSON (field 's')");
    lua_gives("ctx", NULL,
              "dir/job.yaml:1: step: ctx, headers and window are no values: take their fields");
    lua_maps(
        "local t = {} t.me = t return t", NULL,
        "dir/job.yaml:1: step: a table that holds itself cannot be written as JSON (field 'me')");
    lua_maps(
        "value.me = value return value", "{}",
        "dir/job.yaml:1: step: a table that holds itself cannot be written as JSON (field 'me')");
    lua_maps("local t = {} for i = 1, 300 do t = {t} end return t", NULL,
             "dir/job.yaml:1: step: nested too deep for JSON");
    lua_maps("local t = value for i = 1, 200 do t = {t} end return t",
             "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["
             "]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]",
             "dir/job.yaml:1: step: nested too deep for JSON");
}

/* 60 levels of the record in tables around them: 256 are JSON, 257 are not. */
static void the_bound_on_nesting_counts_copied_text(void **state) {
    (void)state;
    char value[400] = "";
    for (int i = 0; i < 60; i++) {
        strcat(value, "[");
    }
    /* Long enough that its nesting is looked at, with brackets in a string that do not count. */
    strcat(value,
           "\"[[[[\\\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\"");
    for (int i = 0; i < 60; i++) {
        strcat(value, "]");
    }
    lua_maps("local t = value for i = 1, 196 do t = {t} end return #json.decode(json.encode(t))",
             value, "1");
    lua_maps("local t = value for i = 1, 197 do t = {t} end return t", value,
             "dir/job.yaml:1: step: nested too deep for JSON");
}

static void flat_map_gives_items(void **state) {
    (void)state;
    mr_header headers[] = {{mr_bytes_text("h"), mr_bytes_text("1")}};
    lua_case c = {.text = "return {{key = 1, value = value.a}, {}, {value = null, ts = 5.0, "
                          "headers = {b = 'x', a = {'y', null}}}, {headers = headers}, {value = "
                          "{key}}}",
                  .use = MR_CODE_FLAT_MAP,
                  .form = MR_CODE_BODY,
                  .value = "{\"a\":{\"x\": 1}}",
                  .key = "\"k\"",
                  .headers = headers,
                  .headers_count = 1};
    lua_expect(c, "{ key=1 value={\"x\": 1} }{ }{ value=null ts=5 a:y a:null b:x }{ h:1 }{ "
                  "value=[\"k\"] }");
    c.functions = "tags = {'a', 'b', 'c'}";
    c.text = "return {{headers = {t = tags, u = 'x'}}}";
    lua_expect(c, "{ t:a t:b t:c u:x }");
    c.text = "return {{headers = {t = setmetatable({}, {__index = {1, 2}})}}}";
    lua_expect(c, "dir/job.yaml:1: step: a list of headers must be a plain table");
    c.text = "return {{headers = value.h}, {headers = {a = value.h.l}}}";
    c.value = "{\"h\":{\"l\":[\"1\",null,\"2\"],\"a\":\"3\"}}";
    lua_expect(c, "{ a:3 l:1 l:null l:2 }{ a:1 a:null a:2 }");
    static const char *const not_lists[] = {
        "{x = '1'}", "{'1', x = '2'}",          "{[2] = '1'}",
        "value.h",   "{[-1] = '1', [2] = '2'}", "{[1.5] = '1'}"};
    for (size_t i = 0; i < sizeof not_lists / sizeof *not_lists; i++) {
        char text[100];
        snprintf(text, sizeof text, "return {{headers = {h = %s}}}", not_lists[i]);
        c.text = text;
        lua_expect(c, "dir/job.yaml:1: step: the values of a header must be a string or a list of "
                      "strings");
    }
    c.text = "return {{headers = {h = {}}}}";
    lua_expect(c, "{ }");
    c.text = "return {{headers = {t = 1}}}";
    lua_expect(c, "dir/job.yaml:1: step: a header must be a string, got a number");
    c.text = "return {}";
    lua_expect(c, "");
    c.text = "return value.items";
    c.value = "{\"items\":[{\"key\":\"a\",\"value\":{\"q\": 1.0}}]}";
    lua_expect(c, "{ key=\"a\" value={\"q\": 1.0} }");
    c.text = "return nil";
    lua_expect(c, "dir/job.yaml:1: step: flat_map must give a list, got nil");
    c.text = "return {value = 1}";
    lua_expect(c,
               "dir/job.yaml:1: step: flat_map must give a list of items, without other keys and "
               "holes");
    c.text = "return {{vaule = 1}}";
    lua_expect(c, "dir/job.yaml:1: step: a part 'vaule': an item has key, value, ts and headers");
    c.text = "return {1}";
    lua_expect(c, "dir/job.yaml:1: step: items must be tables {key=, value=, ts=, headers=}, got a "
                  "number");
    c.text = "return {{ts = 1.5}}";
    lua_expect(c, "dir/job.yaml:1: step: ts must be a whole number of milliseconds");
}

/* ---- context ---- */

static void the_record_s_context_is_in_scope(void **state) {
    (void)state;
    mr_header headers[] = {{mr_bytes_text("a"), mr_bytes_text("1")},
                           {mr_bytes_text("b"), MR_BYTES_NULL},
                           {mr_bytes_text("a"), mr_bytes_text("2")}};
    lua_case c = {.text = "{ctx.stream, ctx.topic, ctx.partition, ctx.offset, ctx.stream_time == "
                          "nil, ctx.job, ctx.task, ts, key}",
                  .use = MR_CODE_VALUE,
                  .key = "5",
                  .headers = headers,
                  .headers_count = 3,
                  .window = {true, 100, 200}};
    lua_expect(c, "[\"flights\",\"flights-topic\",3,812,true,\"job\",3,1700000000123,5]");
    c.text = "{headers.a, headers.b == nil, headers.c == nil, headers:all('a'), headers:all('b')}";
    lua_expect(c, "[\"2\",true,true,[\"1\",\"2\"],[null]]");
    c.text = "window.stop - window.start";
    lua_expect(c, "100");
    c.text = "ctx.nothing";
    lua_expect(c, "dir/job.yaml:1: step: ctx has no field 'nothing'");
    c.window.present = false;
    c.text = "window.start";
    lua_expect(c, "dir/job.yaml:1: step: there is no window here");
}

/* ---- errors ---- */

static void error_lines_are_the_file_s_lines(void **state) {
    (void)state;
    lua_case c = {.text = "local a = 1\nlocal b = value.a + 1\nreturn b",
                  .use = MR_CODE_MAP,
                  .form = MR_CODE_BODY,
                  .value = "{}",
                  .line = 14};
    lua_expect(c,
               "dir/job.yaml:15: step: attempt to perform arithmetic on a nil value (field 'a')");
    c.form = MR_CODE_EXPRESSION;
    c.text = "value.a +\n  value.b -- why";
    lua_expect(c,
               "dir/job.yaml:14: step: attempt to perform arithmetic on a nil value (field 'a')");
    c.text = "ctx.stream\n .x\n .y -- why";
    lua_expect(c, "dir/job.yaml:16: step: attempt to index a nil value (field 'x')");
    c.form = MR_CODE_BODY;
    c.functions = "function bad(x)\n  return x.y.z\nend";
    c.text = "return bad(value)";
    lua_expect(c, "dir/job.yaml:101: step: attempt to index a nil value (field 'y')");
    c.text = "error('no place', 0)";
    lua_expect(c, "dir/job.yaml:14: step: no place");
    c.text = "error(0.5)";
    lua_expect(c, "dir/job.yaml:14: step: 0.5");
    c.text = "error({})";
    lua_expect(c, "dir/job.yaml:14: step: the error is not a text");
    c.text = "return value + 1";
    lua_expect(c, "dir/job.yaml:14: step: attempt to perform arithmetic on a table value (global "
                  "'value')");
    c.value = "{\"a\":";
    c.text = "return value.a";
    char *result = lua_run(c);
    assert_non_null(strstr(result, "dir/job.yaml:14: step: not JSON"));
    mr_free(result);
    c.text = "return 1"; /* not touched, not decoded */
    lua_expect(c, "1");
}

/* Folded texts and quoted ones with \n have lines that are none of the file's: their place is the
 * place of all. */
static void errors_in_a_folded_text_stand_at_its_place(void **state) {
    (void)state;
    lua_case c = {.text = "local a = 1\nlocal b = value.a + 1\nreturn b",
                  .functions = "\nfunction bad(x)\n  return x.y.z\nend",
                  .use = MR_CODE_MAP,
                  .form = MR_CODE_BODY,
                  .value = "{}",
                  .line = 14,
                  .folded = true};
    lua_expect(c,
               "dir/job.yaml:14: step: attempt to perform arithmetic on a nil value (field 'a')");
    c.text = "\nreturn bad(value)";
    lua_expect(c, "dir/job.yaml:100: step: attempt to index a nil value (field 'y')");
    c.text = "\nerror('no place', 0)";
    lua_expect(c, "dir/job.yaml:14: step: no place");
    c.text = "\nwhile true do end";
    lua_expect(c, "dir/job.yaml:14: step: more than 10000000 steps in one call");
}

/* JSON values are tables to a script: no message calls them anything else. */
static void messages_name_the_types_of_the_language(void **state) {
    (void)state;
    static const struct {
        const char *text;
        const char *message;
    } cases[] = {
        {"table.concat({value})", "invalid value (table) at index 1 in table for 'concat'"},
        {"table.concat({null})", "invalid value (null) at index 1 in table for 'concat'"},
        {"'1' + value", "attempt to add a 'string' with a 'table'"},
        {"value + 1", "attempt to perform arithmetic on a table value (global 'value')"},
        {"null < null", "attempt to compare two null values"},
        {"#null", "attempt to get length of a null value (global 'null')"},
        {"string.rep(value, 2)", "bad argument #1 to 'rep' (string expected, got table)"},
        {"('x'):gsub('x', function() return value end)", "invalid replacement value (a table)"},
        {"pairs({[value] = 1})", "keys must be numbers or strings to have an order, got a table"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char expected[200];
        snprintf(expected, sizeof expected, "dir/job.yaml:1: step: %s", cases[i].message);
        lua_gives(cases[i].text, "{}", expected);
    }
}

/* ---- what outlives a call ---- */

static void globals_and_what_they_hold_are_read_only(void **state) {
    (void)state;
    lua_case c = {.functions = "limits = {max = 3, list = {1, 2}}\nlocal own = {n = 0}\n"
                               "function bump() own.n = own.n + 1 return own.n end\n"
                               "function read() return own.n end",
                  .use = MR_CODE_MAP,
                  .form = MR_CODE_BODY};
    c.text = "return {limits.max, #limits.list, limits.list[2], read(), rawget(limits, 'max')}";
    lua_expect(c, "[3,2,2,0,3]");
    c.text = "return limits";
    lua_expect(c, "{\"list\":[1,2],\"max\":3}");
    c.text = "local n = 0 for k, v in pairs(limits) do n = n + 1 end "
             "for i, v in ipairs(limits.list) do n = n + v end return n";
    lua_expect(c, "5");
    static const char *const refused =
        "this table was made at load and is read-only: memory between records is a store";
    static const char *const texts[] = {"limits.max = 4",           "limits.new = 4",
                                        "rawset(limits, 'max', 4)", "table.insert(limits.list, 3)",
                                        "setmetatable(limits, {})", "string.new = 1",
                                        "json.array(limits.list)",  "limits.list[1] = nil"};
    char expected[512];
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        c.text = texts[i];
        snprintf(expected, sizeof expected, "dir/job.yaml:1: step: %s", refused);
        lua_expect(c, expected);
    }
    c.text = "return bump()";
    snprintf(expected, sizeof expected, "dir/job.yaml:102: step: %s", refused);
    lua_expect(c, expected);
    c.text = "x = 1";
    lua_expect(c, "load: step: globals are read-only: 'x'");
    c.text = "local t = {} for k in pairs(_ENV or {}) do t[1] = k end return t";
    lua_expect(c, "load: step: globals are read-only: '_ENV'");
}

static void closures_that_remember_are_refused_at_load(void **state) {
    (void)state;
    lua_case c = {.functions = "local function counter()\n  local n = 0\n  return function()\n"
                               "    n = n + 1\n    return n\n  end\nend\nnext_id = counter()",
                  .text = "next_id()",
                  .use = MR_CODE_VALUE};
    lua_expect(c,
               "load: job.yaml:102: this function changes a local that outlives the call: memory "
               "between records is a store");
    c.functions =
        "function next_id() local n = 0 local function g() n = n + 1 end g() return n end";
    lua_expect(c, "1"); /* on one line, but its own local */
    c.functions = "words = string.gmatch('a b', '%a')";
    lua_expect(c, "load: an iterator cannot outlive the call: make it where it is used");
}

static void classes_work_though_they_are_frozen(void **state) {
    (void)state;
    lua_case c = {
        .functions =
            "local Base = {}\nBase.__index = Base\nfunction Base.name() return 'base' end\n"
            "Point = setmetatable({}, Base)\nPoint.__index = Point\n"
            "Point.__add = function(a, b) return Point.new(a.x + b.x) end\n"
            "Point.__tostring = function(p) return 'P' .. p.x end\n"
            "function Point.new(x) return setmetatable({x = x}, Point) end\n"
            "function Point:double() return self + self end\norigin = Point.new(1)",
        .text =
            "local p = Point.new(2) + origin\n"
            "p.x = p.x + 10\n"
            "return {tostring(p:double()), p.name(), getmetatable(p) == Point, origin:double().x}",
        .use = MR_CODE_MAP,
        .form = MR_CODE_BODY};
    lua_expect(c, "[\"P26\",\"base\",true,2]");
    c.text = "Point.__index = {} return 1";
    lua_expect(c, "dir/job.yaml:1: step: this table was made at load and is read-only: memory "
                  "between records is a store");
    c.text = "getmetatable(origin).__index = {} return 1";
    lua_expect(c, "dir/job.yaml:1: step: this table was made at load and is read-only: memory "
                  "between records is a store");
}

/* ---- the sandbox ---- */

static void what_is_not_in_a_job_is_not_there(void **state) {
    (void)state;
    lua_maps(
        "local out = {}\nfor _, name in ipairs{'print', 'load', 'dofile', 'require', 'io', 'os', "
        "'debug', 'package', 'coroutine', 'collectgarbage', '_G', 'loadstring'} do\n"
        "  out[#out + 1] = tostring(pcall(string.len, nil)) end\n"
        "return {print == nil, load == nil, io == nil, os == nil, debug == nil, package == nil, "
        "coroutine == nil, collectgarbage == nil, _G == nil, require == nil, "
        "string.dump == nil, math.random == nil, table.sort == nil}",
        NULL, "[true,true,true,true,true,true,true,true,true,true,true,true,true]");
    lua_gives("getmetatable('') == nil and getmetatable(value) == nil", "{}", "true");
    lua_gives("setmetatable({}, {__gc = tostring})", NULL,
              "dir/job.yaml:1: step: '__gc' is not available in a job");
    lua_gives("setmetatable(value, {})", "{}",
              "dir/job.yaml:1: step: a JSON value has no metatable");
    lua_gives("setmetatable({}, {__mode = 'k'})", NULL,
              "dir/job.yaml:1: step: '__mode' is not available in a job");
    lua_gives("tostring({}) .. tostring(tostring) .. tostring(value) .. tostring(null)", "{}",
              "\"tablefunctiontablenull\"");
    lua_gives(
        "string.format('%p', {})", NULL,
        "dir/job.yaml:1: step: '%p' is not available in a job: addresses differ from run to run");
}

static void numbers_print_shortest(void **state) {
    (void)state;
    lua_gives("tostring(0.1 + 0.2)", NULL, "\"0.30000000000000004\"");
    lua_gives("tostring(1e15) .. tostring(2^53) .. tostring(-0.0) .. tostring(1e100)", NULL,
              "\"1000000000000000.09007199254740992.0-0.01e+100\"");
    lua_gives("tostring(3) .. tostring(3.0) .. tostring(1/0) .. tostring(0/0)", NULL,
              "\"33.0infnan\"");
    lua_gives("table.concat({0.1 + 0.2, 1}, ' ')", NULL, "\"0.30000000000000004 1\"");
    lua_gives("string.format('%5')", NULL,
              "dir/job.yaml:1: step: bad argument #2 to 'format' (no value)");
    lua_gives("string.format('%5', 1)", NULL,
              "dir/job.yaml:1: step: invalid conversion '%5' to 'format'");
    lua_gives("string.format('%s %5.2f %d', 0.1 + 0.2, 1.005, 3.0)", NULL,
              "\"0.30000000000000004  1.00 3\"");
}

static void json_decode_gives_what_value_would_be(void **state) {
    (void)state;
    lua_gives("json.encode(json.decode('{\"a\" : [1.0, null], \"b\":null}'))", NULL,
              "\"{\"a\" : [1.0, null], \"b\":null}\"");
    lua_gives("json.decode(' [1, {\"a\": \"\\\\u00e9\"}] ')[2].a", NULL, "\"\xc3\xa9\"");
    lua_gives("json.decode('{\"a\":null,\"b\":[1.5e1,true]}').b[1]", NULL, "15.0");
    lua_gives("json.decode('null') == nil", NULL, "true");
    lua_gives("json.decode('-0.5')", NULL, "-0.5");
    lua_gives("json.is_array(json.decode('[]')) and not json.is_array({})", NULL, "true");
    lua_gives("{json.encode({a = {}}), json.encode('x'), json.encode(1.0), json.encode(null)}",
              NULL, "[\"{\\\"a\\\":{}}\",\"\\\"x\\\"\",\"1.0\",\"null\"]");
    lua_gives("pcall(json.decode, '{')", NULL, "false");
    lua_maps("local t = json.decode('{\"a\":{\"b\": 1}}') t.a.b = 2 t.c = 3 return t", NULL,
             "{\"a\":{\"b\":2},\"c\":3}");
    lua_expect((lua_case){.functions = "config = json.decode('{\"a\":[1]}')",
                          .text = "config.a[1] = 2 return config",
                          .use = MR_CODE_MAP,
                          .form = MR_CODE_BODY},
               "dir/job.yaml:1: step: this table was made at load and is read-only: memory between "
               "records is a store");
    lua_expect((lua_case){.functions = "config = json.decode('{\"a\":[1]}')",
                          .text = "config.a",
                          .use = MR_CODE_VALUE},
               "[1]");
}

/* ---- budgets ---- */

static void hostile_texts_end_with_an_error(void **state) {
    (void)state;
    static const char *const texts[] = {
        "while true do end",
        "while true do pcall(function() while true do end end) end",
        "local function f() return pcall(f) end while true do f() end",
        "while true do xpcall(function() error() end, function() while true do end end) end",
        "return string.find(string.rep('a', 300), string.rep('a*', 40) .. 'b')",
        "return string.find(string.rep('a', 100000), '.-.-.-.-b')",
        "local s = 'x' while true do s = string.rep('x', 100000) .. s:sub(1, 10) end",
        "local s = string.rep(string.rep('x', 1000), 1000) while true do local t = s .. 'y' end",
        "local s = string.rep(string.rep('x', 1000), 1000) for i = 1, 100 do local t = s .. 'y' "
        "end return 1",
        "local s = string.rep(string.rep('x', 1000), 1000) for i = 1, 99 do s:reverse() end return "
        "1",
        "local s = string.rep(string.rep('x', 1000), 1000) for i = 1, 99 do s:find('y', 1, true) "
        "end return 1",
        "local s = string.rep(string.rep('a', 1000), 100) for i = 1, 99 do s:gsub('a', 'b') end "
        "return 1",
        "local s = string.rep('x', 1000) while true do string.format('%99s', 'x') end",
        "local t = {} for i = 1, 10000 do t[i] = i end for i = 1, 6000 do table.unpack(t, 1, 200) "
        "end return 1",
        "local t = {} for i = 1, 10000 do t[i] = i end for i = 1, 999 do table.insert(t, 1, 1) end "
        "return 1",
        "local t = {} for i = 1, 100 do t[i] = i end for i = 1, 12000 do table.concat(t) end "
        "return 1",
        "local t = {} for i = 1, 9999 do t[i] = i end for i = 1, 999 do next(t) end return 1",
        "local s = '[' .. string.rep('1,', 9999) .. '1]' for i = 1, 999 do json.decode(s) end "
        "return 1",
        "local t = {} for i = 1, 9999 do t[i] = i end for i = 1, 999 do json.encode(t) end return "
        "1",
        "local t = {} for i = 1, 64 do t = {t, t} end return t",
        "local s = string.rep(string.rep('x', 1000), 100) for i = 1, 99 do utf8.len(s) end return "
        "1",
        ("local t <close> = setmetatable({}, {__close = function() while true do end end}) "
         "while true do end"),
        /* Each handler makes two more. */
        ("local mt = {} mt.__close = function() local a <close> = setmetatable({}, mt) "
         "local b <close> = setmetatable({}, mt) end local t <close> = setmetatable({}, mt)"),
        ("local function f(...) for i = 1, 9999 do local n = select('#', ...) end end "
         "local t = {} for i = 1, 99999 do t[i] = i end f(table.unpack(t))"),
        "local s = string.rep('12345678', 9999) for i = 1, 400 do tonumber(s) end return 1",
        "local s = string.rep('12345678', 9999) for i = 1, 400 do pcall(function() return s + 1 "
        "end) end return 1",
        "local s = string.rep('12345678', 9999) for i = 1, 400 do string.find('x', s) end return 1",
        "local s = '[' .. string.rep('a', 99999) .. ']' return (string.rep('a', 99):gsub(s, 'b'))",
        "local s = string.rep('a', 99999) .. '\\xff' for i = 1, 99 do utf8.len(s) end return 1",
        "local s, f = string.rep('\\x80', 99999), utf8.codes('') for i = 1, 99 do f(s, 0) end "
        "return 1",
        "local t = json.decode('{\"a\":\"' .. string.rep('x', 60000) .. '\",\"b\":1}') "
        "for i = 1, 999 do local n = t.b end return 1",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        char *result = lua_run((lua_case){.text = texts[i],
                                          .use = MR_CODE_MAP,
                                          .form = MR_CODE_BODY,
                                          .limits = {.steps_max = 1000000}});
        if (strstr(result, "more than 1000000 steps in one call") == NULL) {
            print_error("%s\n  gave %s\n", texts[i], result);
        }
        assert_non_null(strstr(result, "more than 1000000 steps in one call"));
        mr_free(result);
    }
}

/* What stands outside of the VM's memory is bounded by the steps that put it there. */
static void copies_of_one_text_in_many_items_are_counted(void **state) {
    (void)state;
    static const char *const items[] = {"{value = s}", "{key = s}", "{headers = {h = s}}",
                                        "{headers = {[s] = 'h'}}"};
    for (size_t i = 0; i < sizeof items / sizeof *items; i++) {
        char text[200];
        snprintf(text, sizeof text,
                 "local s, out = string.rep('x', 99999), {} "
                 "for i = 1, 999 do out[i] = %s end return out",
                 items[i]);
        lua_expect((lua_case){.text = text,
                              .use = MR_CODE_FLAT_MAP,
                              .form = MR_CODE_BODY,
                              .limits = {.steps_max = 1000000}},
                   "dir/job.yaml:1: step: more than 1000000 steps in one call");
    }
}

static void functions_have_a_budget_when_they_are_loaded(void **state) {
    (void)state;
    lua_expect((lua_case){.functions = "local s = string.rep('x', 99999)\n"
                                       "for i = 1, 999 do local t = s .. 'y' end",
                          .text = "1",
                          .limits = {.steps_max = 1000000}},
               "load: job.yaml:101: more than 1000000 steps in one call");
}

static void reading_an_array_is_linear_wherever_it_is_read(void **state) {
    (void)state;
    mr_buf value = {0};
    mr_buf_put_text(&value, "{\"items\":[1");
    for (int i = 1; i < 5000; i++) {
        mr_buf_put_text(&value, ",1");
    }
    mr_buf_put_text(&value, "]}");
    lua_expect((lua_case){.text = "local n = 0 for i = 1, #value.items do "
                                  "n = n + value.items[i] end return n == 5000",
                          .use = MR_CODE_CONDITION,
                          .form = MR_CODE_BODY,
                          .value = mr_buf_cstr(&value),
                          .limits = {.steps_max = 200000}},
               "true");
    mr_buf_deinit(&value);
}

static void a_budget_starts_anew_with_each_call(void **state) {
    (void)state;
    lua_case c = {.text = "local n = 0 for i = 1, 100000 do n = n + i end return n",
                  .use = MR_CODE_MAP,
                  .form = MR_CODE_BODY,
                  .limits = {.steps_max = 500000}};
    lua_fixture f;
    mr_err err = {0};
    assert_int_equal(lua_fixture_open(&f, &c, &err), MR_OK);
    lua_fixture_set(&f, &c);
    for (int i = 0; i < 20; i++) {
        assert_string_equal(lua_fixture_run(&f), "5000050000");
    }
    lua_fixture_close(&f);
}

static void out_of_memory_is_an_error_of_the_record_alone(void **state) {
    (void)state;
    lua_case c = {.functions = "words = {'a', 'b'}",
                  .text = "if value.grow then local t = {} while true do t[#t + 1] = {} end end\n"
                          "return #words",
                  .use = MR_CODE_MAP,
                  .form = MR_CODE_BODY,
                  .value = "{\"grow\":true}",
                  .limits = {.memory_bytes_max = 1 << 20}};
    lua_fixture f;
    mr_err err = {0};
    assert_int_equal(lua_fixture_open(&f, &c, &err), MR_OK);
    for (int i = 0; i < 3; i++) {
        c.value = "{\"grow\":true}";
        lua_fixture_set(&f, &c);
        assert_string_equal(lua_fixture_run(&f),
                            "dir/job.yaml:1: step: more than 1048576 bytes of memory");
        c.value = "{}";
        lua_fixture_set(&f, &c);
        assert_string_equal(lua_fixture_run(&f), "2");
    }
    lua_fixture_close(&f);
    c.text =
        "while true do pcall(function() local t = {} while true do t[#t + 1] = {} end end) end";
    lua_expect(c, "dir/job.yaml:1: step: more than 1048576 bytes of memory");
    c.text = "return string.rep('x', 2000000)";
    lua_expect(c, "dir/job.yaml:1: step: more than 1048576 bytes of memory");
    /* An error of a `__close` in the place of the one that was on its way. */
    c.text = "return {pcall(function() local x <close> = setmetatable({}, {__close = function() "
             "error('mine') end}) local t = {} while true do t[#t + 1] = {} end end)}";
    lua_expect(c, "dir/job.yaml:1: step: more than 1048576 bytes of memory");
}

/* Every allocation limit from nothing upwards: the host survives each, and the first that suffices
 * gives the right result. */
static void every_refused_allocation_is_survived(void **state) {
    (void)state;
    lua_case c = {.functions = "function double(x) return {x, x} end",
                  .text =
                      "local pad = {} for i = 1, 200 do pad[i] = {i} end "
                      "value.list[1].x = double(value.name .. '!') value.n = #json.encode(value) "
                      "for k, v in pairs(value) do value[k] = v end return value",
                  .use = MR_CODE_MAP,
                  .form = MR_CODE_BODY,
                  .value = "{\"name\":\"n\",\"list\":[{\"x\":1}]}"};
    int loads_failed = 0, calls_failed = 0, right = 0;
    for (size_t limit = 1000; right < 3 && limit < 1 << 20; limit += 211) {
        c.limits.memory_bytes_max = limit;
        char *result = lua_run(c);
        if (strncmp(result, "load: ", 6) == 0) {
            loads_failed++;
        } else if (strstr(result, "bytes of memory") != NULL) {
            calls_failed++;
        } else {
            assert_string_equal(result,
                                "{\"name\":\"n\",\"list\":[{\"x\":[\"n!\",\"n!\"]}],\"n\":39}");
            right++;
        }
        mr_free(result);
    }
    print_message("loads refused %d, calls refused %d\n", loads_failed, calls_failed);
    assert_true(loads_failed > 20 && calls_failed > 3 && right == 3);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_are_read_from_the_record),
        cmocka_unit_test(untouched_parts_keep_their_bytes),
        cmocka_unit_test(pairs_visits_numbers_then_strings_by_byte),
        cmocka_unit_test(a_thousand_keys_come_in_order),
        cmocka_unit_test(changes_stand_in_place_and_new_fields_at_the_end),
        cmocka_unit_test(arrays_of_the_record_can_be_changed),
        cmocka_unit_test(only_map_and_flat_map_change_value),
        cmocka_unit_test(a_change_does_not_reach_the_record),
        cmocka_unit_test(tables_become_json_by_one_rule),
        cmocka_unit_test(what_is_no_json_is_an_error_of_the_step),
        cmocka_unit_test(the_bound_on_nesting_counts_copied_text),
        cmocka_unit_test(flat_map_gives_items),
        cmocka_unit_test(the_record_s_context_is_in_scope),
        cmocka_unit_test(error_lines_are_the_file_s_lines),
        cmocka_unit_test(errors_in_a_folded_text_stand_at_its_place),
        cmocka_unit_test(messages_name_the_types_of_the_language),
        cmocka_unit_test(globals_and_what_they_hold_are_read_only),
        cmocka_unit_test(closures_that_remember_are_refused_at_load),
        cmocka_unit_test(classes_work_though_they_are_frozen),
        cmocka_unit_test(what_is_not_in_a_job_is_not_there),
        cmocka_unit_test(numbers_print_shortest),
        cmocka_unit_test(json_decode_gives_what_value_would_be),
        cmocka_unit_test(hostile_texts_end_with_an_error),
        cmocka_unit_test(copies_of_one_text_in_many_items_are_counted),
        cmocka_unit_test(functions_have_a_budget_when_they_are_loaded),
        cmocka_unit_test(reading_an_array_is_linear_wherever_it_is_read),
        cmocka_unit_test(a_budget_starts_anew_with_each_call),
        cmocka_unit_test(out_of_memory_is_an_error_of_the_record_alone),
        cmocka_unit_test(every_refused_allocation_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
