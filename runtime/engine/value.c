#include "runtime/engine/format.h"

#include "runtime/base/alloc.h"
#include "runtime/base/assert.h"

struct mr_value_pool {
    mr_json_parser **idle;
    size_t idle_count;
    size_t idle_cap;
    uint64_t generation;
};

mr_value_pool *mr_value_pool_create(void) {
    return mr_alloc(sizeof(mr_value_pool));
}

void mr_value_pool_destroy(mr_value_pool *pool) {
    if (pool == NULL) {
        return;
    }
    for (size_t i = 0; i < pool->idle_count; i++) {
        mr_json_parser_destroy(pool->idle[i]);
    }
    mr_free(pool->idle);
    mr_free(pool);
}

static mr_json_parser *pool_take(mr_value_pool *pool) {
    if (pool->idle_count == 0) {
        return mr_json_parser_create();
    }
    return pool->idle[--pool->idle_count];
}

static void pool_give(mr_value_pool *pool, mr_json_parser *parser) {
    if (pool->idle_count == pool->idle_cap) {
        pool->idle_cap = pool->idle_cap == 0 ? 8 : pool->idle_cap * 2;
        pool->idle = mr_realloc(pool->idle, pool->idle_cap * sizeof(mr_json_parser *));
    }
    pool->idle[pool->idle_count++] = parser;
}

void mr_value_init(mr_value *value, mr_value_pool *pool, mr_datum datum) {
    MR_ASSERT(pool != NULL || (datum.kind != MR_DATUM_RAW && datum.kind != MR_DATUM_JSON));
    bool raw = datum.kind == MR_DATUM_RAW;
    value->datum = datum;
    value->raw = raw ? datum : MR_DATUM_OF_NIL;
    value->touched = !raw && datum.kind != MR_DATUM_JSON;
    value->root = (mr_json){0};
    value->parser = NULL;
    value->pool = pool;
    value->generation = pool != NULL ? ++pool->generation : 0;
}

void mr_value_deinit(mr_value *value) {
    if (value->parser != NULL) {
        pool_give(value->pool, value->parser);
        value->parser = NULL;
        value->touched = false; /* its strings and root are gone with the parser */
    }
}

mr_status mr_value_parse(mr_value *value, mr_bytes text, mr_datum *out, mr_err *err) {
    if (value->parser == NULL) {
        value->parser = pool_take(value->pool);
    }
    mr_status status = mr_json_parse(value->parser, text, &value->root, err);
    if (status != MR_OK) {
        return status;
    }
    *out = mr_datum_from_json(value->root, mr_json_trimmed(text));
    return MR_OK;
}

mr_status mr_value_touch(mr_value *value, mr_err *err) {
    if (value->touched) {
        return MR_OK;
    }
    mr_datum decoded;
    mr_status status = value->datum.kind == MR_DATUM_RAW
                           ? mr_format_decode(value, &decoded, err)
                           : mr_value_parse(value, value->datum.bytes, &decoded, err);
    if (status != MR_OK) {
        return status;
    }
    value->datum = decoded;
    value->touched = true;
    return MR_OK;
}

/* The text of an array or object on a path that the parsed document is known to have. */
static mr_bytes span_of(mr_bytes text, const mr_path *path) {
    for (uint32_t i = 0; i < path->names_count; i++) {
        mr_status status = mr_json_span_field(text, path->names[i], &text);
        MR_ASSERT(status == MR_OK);
    }
    return text;
}

mr_status mr_value_field(const mr_value *value, const mr_path *path, mr_datum *out) {
    MR_ASSERT(value->touched);
    MR_ASSERT(path->names_count > 0);
    if (value->datum.kind != MR_DATUM_JSON) {
        return MR_AGAIN;
    }
    mr_json at = value->root;
    for (uint32_t i = 0; i < path->names_count; i++) {
        if (mr_json_kind_of(at) != MR_JSON_OBJECT) {
            return MR_AGAIN;
        }
        if (mr_json_field(at, path->names[i], &at) != MR_OK) {
            *out = MR_DATUM_OF_NIL;
            return i + 1 == path->names_count ? MR_OK : MR_AGAIN;
        }
    }
    mr_json_kind kind = mr_json_kind_of(at);
    if (kind == MR_JSON_NULL) {
        *out = MR_DATUM_OF_NIL;
        return MR_OK;
    }
    bool container = kind == MR_JSON_ARRAY || kind == MR_JSON_OBJECT;
    *out = mr_datum_from_json(at, container ? span_of(value->datum.bytes, path) : MR_BYTES_NULL);
    return MR_OK;
}
