/* tests/unit/lua_fixture.h - one text, one record, the result as text: for the tests of lua-api. */
#pragma once

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lua-api/lua_script.h"
#include "runtime/base/alloc.h"
#include "runtime/base/assert.h"

static const mr_format lua_json = {.kind = MR_FORMAT_JSON};
static const mr_format lua_string = {.kind = MR_FORMAT_STRING};

/* What a test may set; zero is a usable default. */
typedef struct lua_case {
    const char *functions;
    const char *text;
    mr_code_use use;
    mr_code_form form;
    const char *value; /* JSON text; NULL: no value */
    const char *key;   /* JSON text; NULL: no key */
    const mr_header *headers;
    size_t headers_count;
    mr_window_bounds window;
    mr_lua_limits limits;
    uint32_t line; /* 0: 1 */
    bool folded;   /* text and functions */
} lua_case;

typedef struct lua_fixture {
    mr_lua_factory *factory;
    mr_script *script;
    mr_plan plan;
    mr_code code;
    mr_arena *arena;
    mr_value_pool *pool;
    mr_value key, value;
    mr_scope scope;
    mr_buf text;
    char out[4096];
} lua_fixture;

static inline mr_status lua_fixture_open(lua_fixture *f, const lua_case *c, mr_err *err) {
    *f = (lua_fixture){0};
    f->code = (mr_code){.id = 0,
                        .use = c->use,
                        .form = c->form,
                        .place = {c->line == 0 ? 1 : c->line, 1},
                        .folded = c->folded,
                        .text = c->text,
                        .label = "step"};
    f->plan = (mr_plan){.job = "job",
                        .file = "dir/job.yaml",
                        .functions = c->functions == NULL ? "" : c->functions,
                        .functions_place = {100, 1},
                        .functions_folded = c->folded,
                        .codes = &f->code,
                        .codes_count = 1};
    f->factory = mr_lua_factory_create(&c->limits);
    f->arena = mr_arena_create(4096);
    f->pool = mr_value_pool_create();
    mr_script_factory factory = mr_lua_script_factory(f->factory);
    return factory.create(factory.self, &f->plan, &f->script, err);
}

static inline void lua_fixture_set(lua_fixture *f, const lua_case *c) {
    mr_value_deinit(&f->key);
    mr_value_deinit(&f->value);
    mr_bytes key = c->key == NULL ? MR_BYTES_NULL : mr_arena_copy(f->arena, mr_bytes_text(c->key));
    mr_bytes value =
        c->value == NULL ? MR_BYTES_NULL : mr_arena_copy(f->arena, mr_bytes_text(c->value));
    mr_value_init(&f->key, f->pool, mr_datum_raw(key, &lua_json));
    mr_value_init(&f->value, f->pool, mr_datum_raw(value, &lua_json));
    f->scope = (mr_scope){.key = &f->key,
                          .value = &f->value,
                          .ts_ms = 1700000000123,
                          .headers = c->headers,
                          .headers_count = c->headers_count,
                          .window = c->window,
                          .stream = "flights",
                          .topic = "flights-topic",
                          .partition = 3,
                          .offset = 812,
                          .stream_time_ms = INT64_MIN,
                          .task = 3};
}

static inline void lua_fixture_close(lua_fixture *f) {
    mr_value_deinit(&f->key);
    mr_value_deinit(&f->value);
    if (f->script != NULL) {
        f->script->ops->destroy(f->script);
    }
    mr_lua_factory_destroy(f->factory);
    mr_value_pool_destroy(f->pool);
    mr_arena_destroy(f->arena);
    mr_buf_deinit(&f->text);
}

static inline void lua_put_datum(mr_buf *out, const mr_datum *datum) {
    mr_err err = {0};
    if (datum->kind == MR_DATUM_NIL) {
        mr_buf_put_text(out, "nil");
    } else if (datum->kind == MR_DATUM_FLOAT && !isfinite(datum->number)) {
        mr_buf_printf(out, "%g", datum->number);
    } else if (datum->kind == MR_DATUM_STRING) {
        mr_buf_put_u8(out, '"');
        mr_buf_put_bytes(out, datum->bytes);
        mr_buf_put_u8(out, '"');
    } else if (mr_datum_put_json(datum, out, &err) != MR_OK) {
        mr_buf_printf(out, "<%s>", err.message);
    }
}

static inline void lua_put_item(mr_buf *out, const mr_script_item *item) {
    mr_buf_put_text(out, "{");
    if (item->has_key) {
        mr_buf_put_text(out, " key=");
        lua_put_datum(out, &item->key);
    }
    if (item->has_value) {
        mr_buf_put_text(out, " value=");
        lua_put_datum(out, &item->value);
    }
    if (item->has_ts) {
        mr_buf_printf(out, " ts=%lld", (long long)item->ts_ms);
    }
    for (size_t i = 0; item->has_headers && i < item->headers_count; i++) {
        const mr_header *h = &item->headers[i];
        mr_buf_printf(out, " %.*s:%.*s", (int)h->key.len, (const char *)h->key.data,
                      h->value.data == NULL ? 4 : (int)h->value.len,
                      h->value.data == NULL ? "null" : (const char *)h->value.data);
    }
    mr_buf_put_text(out, " }");
}

/* One call on an open fixture; the result is borrowed until the next. */
static inline const char *lua_fixture_run(lua_fixture *f) {
    mr_err err = {0};
    mr_buf_clear(&f->text);
    mr_status status;
    if (f->code.use == MR_CODE_FLAT_MAP) {
        mr_script_item *items = NULL;
        size_t count = 0;
        status = f->script->ops->eval_list(f->script, &f->code, &f->scope, f->arena, &items, &count,
                                           &err);
        for (size_t i = 0; status == MR_OK && i < count; i++) {
            lua_put_item(&f->text, &items[i]);
        }
    } else {
        mr_datum datum = MR_DATUM_OF_NIL;
        status = f->script->ops->eval(f->script, &f->code, &f->scope, f->arena, &datum, &err);
        if (status == MR_OK) {
            lua_put_datum(&f->text, &datum);
        }
    }
    if (status != MR_OK) {
        mr_buf_printf(&f->text, "%s%s", status == MR_INVALID ? "" : mr_status_name(status),
                      err.message);
    }
    return mr_buf_cstr(&f->text);
}

/* The result of one text on one record, or its error; freed by the caller. */
static inline char *lua_run(lua_case c) {
    lua_fixture f;
    mr_err err = {0};
    char *result;
    if (lua_fixture_open(&f, &c, &err) != MR_OK) {
        mr_buf text = {0};
        mr_buf_printf(&text, "load: %s", err.message);
        result = mr_strdup(mr_buf_cstr(&text));
        mr_buf_deinit(&text);
    } else {
        lua_fixture_set(&f, &c);
        result = mr_strdup(lua_fixture_run(&f));
    }
    lua_fixture_close(&f);
    return result;
}

static inline void lua_expect(lua_case c, const char *expected) {
    char *result = lua_run(c);
    if (strcmp(result, expected) != 0) {
        print_error("%s\n", c.text);
    }
    assert_string_equal(result, expected);
    mr_free(result);
}

/* An expression that reads only. */
static inline void lua_gives(const char *text, const char *value, const char *expected) {
    lua_expect((lua_case){.text = text, .use = MR_CODE_VALUE, .value = value}, expected);
}

/* A body of a map. */
static inline void lua_maps(const char *text, const char *value, const char *expected) {
    lua_expect((lua_case){.text = text, .use = MR_CODE_MAP, .form = MR_CODE_BODY, .value = value},
               expected);
}
