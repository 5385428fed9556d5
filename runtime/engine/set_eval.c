#include "runtime/engine/expr_eval.h"

#include "runtime/base/assert.h"
#include "runtime/engine/json_draft.h"

/* The value's text is walked once and written anew: fields that no item names are copied as they
 * stand (name and value, without white space between), the others replaced, dropped or gone into.
 *
 *   value {"a": 1, "b": {"c": 2}}   set b.c: 3, d: 4   ->   {"a":1,"b":{"c":3},"d":4}
 */

typedef struct leaf {
    const mr_path *path;
    mr_datum datum;
    bool done;
} leaf;

typedef struct set_run {
    mr_arena *arena;
    mr_buf *out;
    mr_err *err;
} set_run;

/* The leaves below one object, in the order written. */
typedef struct group {
    leaf **leaves;
    uint32_t count;
    uint32_t depth; /* of the names that tell them apart */
} group;

static mr_bytes name_at(const leaf *item, uint32_t depth) {
    return item->path->names[depth];
}

static bool ends_at(const leaf *item, uint32_t depth) {
    return item->path->names_count == depth + 1;
}

static bool same_name(mr_bytes name_raw, mr_bytes name) {
    mr_bytes inside = mr_bytes_of(name_raw.data + 1, name_raw.len - 2);
    if (memchr(inside.data, '\\', inside.len) == NULL) {
        return inside.len == name.len && memcmp(inside.data, name.data, name.len) == 0;
    }
    mr_buf plain = {0};
    mr_json_span_unescape(name_raw, &plain);
    bool same = plain.len == name.len && memcmp(plain.data, name.data, name.len) == 0;
    mr_buf_deinit(&plain);
    return same;
}

/* The leaves of the group that go into the field of this name; marks them done. */
static group group_below(set_run *run, const group *all, mr_bytes name) {
    group below = {.leaves = mr_arena_alloc(run->arena, all->count * sizeof(leaf *)),
                   .depth = all->depth + 1};
    for (uint32_t i = 0; i < all->count; i++) {
        mr_bytes other = name_at(all->leaves[i], all->depth);
        if (mr_bytes_equal(other, name)) {
            all->leaves[i]->done = true;
            below.leaves[below.count++] = all->leaves[i];
        }
    }
    return below;
}

static bool all_nil(const group *leaves) {
    for (uint32_t i = 0; i < leaves->count; i++) {
        if (leaves->leaves[i]->datum.kind != MR_DATUM_NIL) {
            return false;
        }
    }
    return true;
}

static void put_comma(set_run *run, size_t *written) {
    if (*written > 0) {
        mr_buf_put_u8(run->out, ',');
    }
    *written += 1;
}

static void put_raw_name(set_run *run, mr_bytes name_raw, size_t *written) {
    put_comma(run, written);
    mr_buf_put_bytes(run->out, name_raw);
    mr_buf_put_u8(run->out, ':');
}

static mr_status put_name(set_run *run, mr_bytes name, size_t *written) {
    put_comma(run, written);
    if (mr_json_put_string(run->out, name) != MR_OK) {
        return mr_err_set(run->err, MR_INVALID, "a field's name is not UTF-8");
    }
    mr_buf_put_u8(run->out, ':');
    return MR_OK;
}

static mr_status refuse_part(set_run *run, const leaf *item, uint32_t names_count, mr_bytes value) {
    mr_buf path = {0};
    for (uint32_t i = 0; i < names_count; i++) {
        mr_buf_put_text(&path, i > 0 ? "." : "");
        mr_buf_put_bytes(&path, item->path->names[i]);
    }
    mr_status status =
        mr_err_set(run->err, MR_INVALID, "field '%s' is %s, not an object", mr_buf_cstr(&path),
                   value.data[0] == '[' ? "an array" : "a plain value");
    mr_buf_deinit(&path);
    return status;
}

static mr_status put_object(set_run *run, mr_bytes text, const group *leaves);

/* One field of the incoming object. */
static mr_status put_old_field(set_run *run, const mr_json_span *span, const group *all,
                               size_t *written) {
    leaf *found = NULL;
    for (uint32_t i = 0; i < all->count && found == NULL; i++) {
        if (same_name(span->name_raw, name_at(all->leaves[i], all->depth))) {
            found = all->leaves[i];
        }
    }
    if (found == NULL) {
        put_raw_name(run, span->name_raw, written);
        mr_buf_put_bytes(run->out, span->value);
        return MR_OK;
    }
    if (found->done) {
        return MR_OK; /* a doubled name: the first counted and is written */
    }
    if (ends_at(found, all->depth)) {
        found->done = true;
        if (found->datum.kind == MR_DATUM_NIL) {
            return MR_OK;
        }
        put_raw_name(run, span->name_raw, written);
        return mr_datum_put_json(&found->datum, run->out, run->err);
    }
    group below = group_below(run, all, name_at(found, all->depth));
    put_raw_name(run, span->name_raw, written);
    mr_json_kind kind = mr_json_span_kind(span->value);
    if (kind == MR_JSON_NULL) {
        if (all_nil(&below)) {
            mr_json_put_null(run->out);
            return MR_OK;
        }
        return put_object(run, MR_BYTES_NULL, &below);
    }
    if (kind != MR_JSON_OBJECT) {
        return refuse_part(run, found, all->depth + 1, span->value);
    }
    return put_object(run, span->value, &below);
}

/* One field that the incoming object does not have. */
static mr_status put_new_field(set_run *run, leaf *item, const group *all, size_t *written) {
    if (ends_at(item, all->depth)) {
        item->done = true;
        if (item->datum.kind == MR_DATUM_NIL) {
            return MR_OK;
        }
        mr_status status = put_name(run, name_at(item, all->depth), written);
        return status == MR_OK ? mr_datum_put_json(&item->datum, run->out, run->err) : status;
    }
    group below = group_below(run, all, name_at(item, all->depth));
    if (all_nil(&below)) {
        return MR_OK;
    }
    mr_status status = put_name(run, name_at(item, all->depth), written);
    return status == MR_OK ? put_object(run, MR_BYTES_NULL, &below) : status;
}

/* text: of the incoming object; null: there is none. */
static mr_status put_object(set_run *run, mr_bytes text, const group *leaves) {
    size_t written = 0;
    for (uint32_t i = 0; i < leaves->count; i++) {
        leaves->leaves[i]->done = false;
    }
    mr_buf_put_u8(run->out, '{');
    if (!mr_bytes_is_null(text)) {
        mr_json_walk walk = mr_json_walk_begin(text);
        mr_json_span span;
        while (mr_json_walk_next(&walk, &span)) {
            mr_status status = put_old_field(run, &span, leaves, &written);
            if (status != MR_OK) {
                return status;
            }
        }
    }
    for (uint32_t i = 0; i < leaves->count; i++) {
        if (leaves->leaves[i]->done) {
            continue;
        }
        mr_status status = put_new_field(run, leaves->leaves[i], leaves, &written);
        if (status != MR_OK) {
            return status;
        }
    }
    mr_buf_put_u8(run->out, '}');
    return MR_OK;
}

/* One path inside the other (or both the same): the later item works on what the earlier gave. */
static bool paths_touch(const mr_path *a, const mr_path *b) {
    uint32_t common = a->names_count < b->names_count ? a->names_count : b->names_count;
    for (uint32_t i = 0; i < common; i++) {
        if (!mr_bytes_equal(a->names[i], b->names[i])) {
            return false;
        }
    }
    return true;
}

/* How many leaves from the first on can be applied in one walk. */
static uint32_t independent(const leaf *leaves, uint32_t count) {
    for (uint32_t end = 1; end < count; end++) {
        for (uint32_t i = 0; i < end; i++) {
            if (paths_touch(leaves[i].path, leaves[end].path)) {
                return end;
            }
        }
    }
    return count;
}

static size_t bound_of(mr_bytes text, const leaf *leaves, uint32_t count) {
    size_t bytes_max = text.len + 2;
    for (uint32_t i = 0; i < count; i++) {
        bytes_max += mr_json_bound(&leaves[i].datum);
        for (uint32_t j = 0; j < leaves[i].path->names_count; j++) {
            bytes_max += mr_json_string_bound(leaves[i].path->names[j]) + 4;
        }
    }
    return bytes_max;
}

static mr_status apply(mr_arena *arena, leaf *leaves, uint32_t count, mr_bytes *text, mr_err *err) {
    leaf **pointers = mr_arena_alloc(arena, count * sizeof *pointers);
    for (uint32_t i = 0; i < count; i++) {
        pointers[i] = &leaves[i];
    }
    group all = {.leaves = pointers, .count = count};
    mr_json_draft draft;
    mr_json_draft_begin(&draft, arena, bound_of(*text, leaves, count));
    set_run run = {.arena = arena, .out = &draft.buf, .err = err};
    mr_status status = put_object(&run, *text, &all);
    if (status != MR_OK) {
        mr_json_draft_drop(&draft);
        return status;
    }
    *text = mr_json_draft_end(&draft);
    return MR_OK;
}

/* The incoming object's text, null when the value is nil or null. */
static mr_status incoming_text(mr_value *value, mr_bytes *out, mr_err *err) {
    *out = MR_BYTES_NULL;
    if (value == NULL) {
        return MR_OK;
    }
    mr_status status = mr_value_touch(value, err);
    if (status != MR_OK || value->datum.kind == MR_DATUM_NIL ||
        value->datum.kind == MR_DATUM_NULL) {
        return status;
    }
    if (value->datum.kind != MR_DATUM_JSON || value->datum.bytes.data[0] != '{') {
        mr_datum_text text;
        return mr_err_set(err, MR_INVALID, "set needs an object, the value is %s",
                          mr_datum_describe(&value->datum, &text));
    }
    *out = value->datum.bytes;
    return MR_OK;
}

mr_status mr_set_eval(const mr_set_item *items, uint32_t items_count, mr_scope *scope,
                      mr_script *script, mr_arena *arena, mr_datum *out, mr_err *err) {
    mr_bytes text;
    mr_status status = incoming_text(scope->value, &text, err);
    leaf *leaves = mr_arena_alloc(arena, items_count * sizeof *leaves);
    for (uint32_t i = 0; i < items_count && status == MR_OK; i++) {
        leaves[i] = (leaf){.path = &items[i].path};
        status = mr_code_eval(items[i].code, scope, script, arena, &leaves[i].datum, err);
    }
    uint32_t at = 0;
    while (at < items_count && status == MR_OK) {
        uint32_t count = independent(&leaves[at], items_count - at);
        status = apply(arena, &leaves[at], count, &text, err);
        at += count;
    }
    if (status == MR_OK) {
        MR_ASSERT(!mr_bytes_is_null(text)); /* a set has at least one item */
        *out = (mr_datum){.kind = MR_DATUM_JSON, .bytes = text};
    }
    return status;
}
