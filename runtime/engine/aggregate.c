#include "runtime/engine/aggregate.h"

#include <math.h>

#include "runtime/base/alloc.h"
#include "runtime/base/assert.h"
#include "runtime/engine/aggregate_input.h"
#include "runtime/engine/json_draft.h"

size_t mr_aggregate_input_bytes(const mr_node *node) {
    size_t count = mr_row_fields_count(node);
    return sizeof(mr_aggregate_input) +
           count * (sizeof(mr_aggregate_argument) + sizeof(mr_aggregate_edit)) +
           mr_row_fixed_bytes(node);
}

mr_aggregate_input *mr_aggregate_input_place(void *memory, const mr_node *node) {
    size_t count = mr_row_fields_count(node);
    mr_aggregate_input *input = memory;
    mr_aggregate_argument *arguments = (void *)(input + 1);
    mr_aggregate_edit *edits = (void *)(arguments + count);
    *input = (mr_aggregate_input){
        .node = node,
        .arguments_count = count,
        .arguments = arguments,
        .edits = edits,
        .fixed = (uint8_t *)(edits + count),
    };
    size_t at = MR_ROW_HEAD_BYTES;
    for (size_t i = 0; i < count; i++) {
        mr_aggregate_function function = mr_row_function(node, i);
        arguments[i] = (mr_aggregate_argument){.function = function, .slot_at = (uint32_t)at};
        at += mr_row_slot_bytes(function);
    }
    input->fixed_bytes = at;
    return input;
}

mr_aggregate_input *mr_aggregate_input_create(const mr_node *node) {
    return mr_aggregate_input_place(mr_alloc(mr_aggregate_input_bytes(node)), node);
}

void mr_aggregate_input_destroy(mr_aggregate_input *input) {
    mr_free(input);
}

mr_status mr_aggregate_refused(const mr_node *node, size_t field, mr_status status, mr_err *err) {
    if (status != MR_INVALID || node->aggregate.value_is_count) {
        return status;
    }
    const mr_path *path = &node->aggregate.fields[field].path;
    mr_buf name = {0};
    for (uint32_t i = 0; i < path->names_count; i++) {
        mr_buf_put_text(&name, i > 0 ? "." : "");
        mr_buf_put_bytes(&name, path->names[i]);
    }
    (void)mr_err_wrap(err, status, "field '%s'", mr_buf_cstr(&name));
    mr_buf_deinit(&name);
    return status;
}

static mr_status refuse(const char *wanted, const mr_datum *datum, mr_err *err) {
    mr_datum_text text;
    return mr_err_set(err, MR_INVALID, "%s, got %s", wanted, mr_datum_describe(datum, &text));
}

static mr_status accept_number(const char *wanted, const mr_datum *datum, mr_err *err) {
    bool finite =
        datum->kind == MR_DATUM_INT || (datum->kind == MR_DATUM_FLOAT && isfinite(datum->number));
    return finite ? MR_OK : refuse(wanted, datum, err);
}

/* What can stand in a result: anything that JSON can say. */
static mr_status accept_value(const char *wanted, const mr_datum *datum, mr_err *err) {
    bool bad_float = datum->kind == MR_DATUM_FLOAT && !isfinite(datum->number);
    bool bad_string = datum->kind == MR_DATUM_STRING && mr_utf8_check(datum->bytes) != MR_OK;
    return bad_float || bad_string ? refuse(wanted, datum, err) : MR_OK;
}

static mr_status canonicalise(mr_aggregate_argument *argument, mr_scope *scope, mr_arena *arena,
                              mr_err *err) {
    mr_value whole;
    mr_value_pool *pool = scope->value != NULL ? scope->value->pool : NULL;
    if (pool == NULL && scope->key != NULL) {
        pool = scope->key->pool;
    }
    mr_value_init(&whole, pool, argument->datum);
    /* A table is sorted anew, which may make it longer in ways not worth a bound. */
    bool table = argument->datum.kind == MR_DATUM_JSON;
    mr_json_draft draft;
    mr_json_draft_begin(&draft, arena, table ? SIZE_MAX : mr_json_bound(&argument->datum));
    mr_status status = mr_key_put_canonical(&whole, &draft.buf, err);
    if (status == MR_OK) {
        argument->canonical = mr_json_draft_end(&draft);
        argument->hash = mr_row_hash(argument->canonical);
    } else {
        mr_json_draft_drop(&draft);
    }
    mr_value_deinit(&whole);
    return status;
}

/* What can be said about an argument without looking at a row. */
static mr_status accept(mr_aggregate_argument *argument, mr_scope *scope, mr_arena *arena,
                        mr_err *err) {
    mr_datum *datum = &argument->datum;
    if (argument->function == MR_AGGREGATE_COUNT_IF) {
        *datum = mr_datum_bool(mr_datum_truth(datum));
        return MR_OK;
    }
    if (datum->kind == MR_DATUM_NULL) {
        *datum = MR_DATUM_OF_NIL;
    }
    if (datum->kind == MR_DATUM_NIL) {
        return MR_OK;
    }
    switch (argument->function) {
    case MR_AGGREGATE_SUM:
        return accept_number("sum takes numbers", datum, err);
    case MR_AGGREGATE_AVG:
        return accept_number("avg takes numbers", datum, err);
    case MR_AGGREGATE_MIN:
    case MR_AGGREGATE_MAX:
        if (datum->kind == MR_DATUM_STRING) {
            return accept_value("min and max take UTF-8 text", datum, err);
        }
        return accept_number("min and max take numbers or strings", datum, err);
    case MR_AGGREGATE_FIRST:
    case MR_AGGREGATE_LAST:
        return accept_value("first and last take what JSON can hold", datum, err);
    case MR_AGGREGATE_DISTINCT:
        return canonicalise(argument, scope, arena, err);
    default:
        MR_UNREACHABLE();
    }
}

static const mr_code *code_of(const mr_node *node, size_t field) {
    return node->aggregate.value_is_count ? NULL : node->aggregate.fields[field].argument;
}

mr_status mr_aggregate_evaluate(mr_aggregate_input *input, mr_scope *scope, mr_script *script,
                                mr_arena *arena, mr_err *err) {
    input->ts_ms = scope->ts_ms;
    for (size_t i = 0; i < input->arguments_count; i++) {
        mr_aggregate_argument *argument = &input->arguments[i];
        const mr_code *code = code_of(input->node, i);
        if (code == NULL) {
            continue;
        }
        mr_status status = mr_code_eval(code, scope, script, arena, &argument->datum, err);
        if (status != MR_OK) {
            return status;
        }
        status = accept(argument, scope, arena, err);
        if (status != MR_OK) {
            return mr_aggregate_refused(input->node, i, status, err);
        }
    }
    return MR_OK;
}

mr_status mr_aggregate_add(const mr_node *node, mr_scope *scope, mr_script *script, mr_arena *arena,
                           mr_buf *row, mr_err *err) {
    void *memory = mr_arena_alloc(arena, mr_aggregate_input_bytes(node));
    mr_aggregate_input *input = mr_aggregate_input_place(memory, node);
    mr_status status = mr_aggregate_evaluate(input, scope, script, arena, err);
    return status == MR_OK ? mr_aggregate_apply(input, row, err) : status;
}

mr_status mr_aggregate_row_ts(mr_bytes row, int64_t *ts_out) {
    if (row.len < MR_ROW_HEAD_BYTES || row.data[0] != MR_ROW_VERSION) {
        return MR_CORRUPT;
    }
    *ts_out = (int64_t)mr_get_be64(row.data + MR_ROW_TS_AT);
    return MR_OK;
}
