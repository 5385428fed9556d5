#include "runtime/engine/aggregate_row.h"

#include "runtime/base/assert.h"
#include "runtime/base/limits.h"
#include "runtime/base/number.h"
#include "runtime/engine/arithmetic.h"
#include "runtime/engine/json_draft.h"

typedef struct result {
    const mr_node *node;
    mr_bytes row;
    mr_bytes key_json;
    const mr_window_bounds *window;
    mr_datum *leaves; /* NIL: absent */
} result;

static mr_status corrupt(mr_err *err) {
    return mr_err_set(err, MR_CORRUPT, "the row is not one of this aggregate");
}

static mr_status read_count(const uint8_t *at, mr_datum *out) {
    uint64_t count = mr_get_be64(at);
    *out = mr_datum_int((int64_t)count);
    return count <= INT64_MAX ? MR_OK : MR_CORRUPT;
}

static mr_status read_average(const uint8_t *slot, mr_datum *out) {
    mr_datum sum;
    mr_datum count;
    if (mr_row_get(slot, MR_BYTES_NULL, &sum) != MR_OK || read_count(slot + 9, &count) != MR_OK) {
        return MR_CORRUPT;
    }
    *out = MR_DATUM_OF_NIL;
    if (sum.kind == MR_DATUM_NIL) {
        return MR_OK;
    }
    if (count.integer == 0) {
        return MR_CORRUPT;
    }
    *out = mr_datum_float(mr_arithmetic_to_float(&sum) / (double)count.integer);
    return MR_OK;
}

/* A bound of no window is absent. */
static mr_datum bound_of(const mr_window_bounds *window, mr_aggregate_function function) {
    if (window == NULL || !window->present) {
        return MR_DATUM_OF_NIL;
    }
    return mr_datum_int(function == MR_AGGREGATE_WINDOW_START ? window->start_ms : window->stop_ms);
}

static mr_status read_leaf(const result *r, mr_aggregate_function function, const uint8_t *slot,
                           mr_bytes tail, mr_datum *out) {
    switch (function) {
    case MR_AGGREGATE_COUNT:
    case MR_AGGREGATE_COUNT_IF:
        return read_count(slot, out);
    case MR_AGGREGATE_SUM:
    case MR_AGGREGATE_MIN:
    case MR_AGGREGATE_MAX:
    case MR_AGGREGATE_FIRST:
    case MR_AGGREGATE_LAST:
        return mr_row_get(slot, tail, out);
    case MR_AGGREGATE_AVG:
        return read_average(slot, out);
    case MR_AGGREGATE_DISTINCT:
        *out = mr_datum_int(mr_get_be32(slot));
        return MR_OK;
    case MR_AGGREGATE_KEY:
        /* Any JSON: it is written as it stands. */
        *out = mr_bytes_is_null(r->key_json)
                   ? MR_DATUM_OF_NIL
                   : (mr_datum){.kind = MR_DATUM_JSON, .bytes = r->key_json};
        return MR_OK;
    case MR_AGGREGATE_WINDOW_START:
    case MR_AGGREGATE_WINDOW_STOP:
        *out = bound_of(r->window, function);
        return MR_OK;
    }
    MR_UNREACHABLE();
}

static mr_status read_row(const result *r, mr_err *err) {
    if (mr_row_check(r->node, r->row) != MR_OK) {
        return corrupt(err);
    }
    size_t slot_at = MR_ROW_HEAD_BYTES;
    size_t tail_at = mr_row_fixed_bytes(r->node);
    for (size_t i = 0; i < mr_row_fields_count(r->node); i++) {
        mr_aggregate_function function = mr_row_function(r->node, i);
        const uint8_t *slot = r->row.data + slot_at;
        size_t tail_bytes;
        if (mr_row_tail_bytes(function, slot, &tail_bytes) != MR_OK ||
            tail_bytes > r->row.len - tail_at) {
            return corrupt(err);
        }
        mr_bytes tail = mr_bytes_of(r->row.data + tail_at, tail_bytes);
        if (read_leaf(r, function, slot, tail, &r->leaves[i]) != MR_OK) {
            return corrupt(err);
        }
        slot_at += mr_row_slot_bytes(function);
        tail_at += tail_bytes;
    }
    return tail_at == r->row.len ? MR_OK : corrupt(err);
}

/* ---- the object: leaves in the order written, each with its path; neighbours share opened objects
 * ---- */

typedef struct object_writer {
    mr_buf *out;
    const mr_path *open;              /* path of the leaf before; its parents are open */
    bool used[MR_YAML_DEPTH_MAX + 1]; /* the open object at this depth has a field: a comma comes */
} object_writer;

static uint32_t shared_parents(const mr_path *a, const mr_path *b) {
    uint32_t count = 0;
    while (count + 1 < a->names_count && count + 1 < b->names_count &&
           mr_bytes_equal(a->names[count], b->names[count])) {
        count++;
    }
    return count;
}

static void put_name(object_writer *writer, uint32_t depth, mr_bytes name) {
    if (writer->used[depth]) {
        mr_buf_put_u8(writer->out, ',');
    }
    writer->used[depth] = true;
    mr_status status = mr_json_put_string(writer->out, name);
    MR_ASSERT(status == MR_OK); /* names are checked with the job */
    mr_buf_put_u8(writer->out, ':');
}

/* Closes and opens objects until the parents of path are open. */
static void move_to(object_writer *writer, const mr_path *path) {
    MR_ASSERT(path->names_count <= MR_YAML_DEPTH_MAX);
    uint32_t depth = writer->open != NULL ? writer->open->names_count - 1 : 0;
    uint32_t shared = writer->open != NULL ? shared_parents(writer->open, path) : 0;
    for (; depth > shared; depth--) {
        mr_buf_put_u8(writer->out, '}');
    }
    for (; depth + 1 < path->names_count; depth++) {
        put_name(writer, depth, path->names[depth]);
        mr_buf_put_u8(writer->out, '{');
        writer->used[depth + 1] = false;
    }
    writer->open = path;
}

static mr_status put_fields(const result *r, mr_buf *out) {
    object_writer writer = {.out = out};
    mr_buf_put_u8(out, '{');
    for (uint32_t i = 0; i < r->node->aggregate.fields_count; i++) {
        const mr_path *path = &r->node->aggregate.fields[i].path;
        move_to(&writer, path);
        if (r->leaves[i].kind == MR_DATUM_NIL) {
            continue;
        }
        put_name(&writer, path->names_count - 1, path->names[path->names_count - 1]);
        mr_status status = mr_datum_put_json(&r->leaves[i], out, NULL);
        if (status != MR_OK) {
            return status;
        }
    }
    uint32_t depth = writer.open != NULL ? writer.open->names_count : 1;
    for (; depth > 0; depth--) {
        mr_buf_put_u8(out, '}');
    }
    return MR_OK;
}

static size_t object_bound(const result *r) {
    size_t bytes_max = 2;
    for (uint32_t i = 0; i < r->node->aggregate.fields_count; i++) {
        const mr_path *path = &r->node->aggregate.fields[i].path;
        bytes_max += mr_json_bound(&r->leaves[i]);
        for (uint32_t j = 0; j < path->names_count; j++) {
            bytes_max += mr_json_string_bound(path->names[j]) + 4;
        }
    }
    return bytes_max;
}

mr_status mr_aggregate_result(const mr_node *node, mr_bytes row, mr_bytes key_json,
                              const mr_window_bounds *window, mr_arena *arena, mr_datum *out,
                              mr_err *err) {
    result r = {.node = node, .row = row, .key_json = key_json, .window = window};
    r.leaves = mr_arena_alloc(arena, mr_row_fields_count(node) * sizeof *r.leaves);
    mr_status status = read_row(&r, err);
    if (status != MR_OK) {
        return status;
    }
    if (node->aggregate.value_is_count) {
        *out = r.leaves[0];
        return MR_OK;
    }
    mr_json_draft draft;
    mr_json_draft_begin(&draft, arena, object_bound(&r));
    if (put_fields(&r, &draft.buf) != MR_OK) {
        mr_json_draft_drop(&draft);
        return corrupt(err);
    }
    *out = (mr_datum){.kind = MR_DATUM_JSON, .bytes = mr_json_draft_end(&draft)};
    return MR_OK;
}
