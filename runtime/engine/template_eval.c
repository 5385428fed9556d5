#include "runtime/engine/expr_eval.h"

#include "runtime/base/assert.h"
#include "runtime/engine/json_draft.h"

/* The leaves' values, in the order of the text: evaluated before anything is written. */
typedef struct template_run {
    mr_scope *scope;
    mr_script *script;
    mr_arena *arena;
    mr_datum *leaves;
    size_t next;
    size_t bytes_max; /* bound of the text */
} template_run;

static size_t count_leaves(const mr_template *template) {
    if (template->kind == MR_TEMPLATE_LEAF) {
        return 1;
    }
    size_t count = 0;
    for (uint32_t i = 0; i < template->items_count; i++) {
        count += count_leaves(&template->items[i]);
    }
    return count;
}

static mr_status evaluate(const mr_template *template, template_run *run, mr_err *err) {
    /* Name, colon, comma, a pair of braces. */
    run->bytes_max += mr_json_string_bound(template->name) + 4;
    if (template->kind == MR_TEMPLATE_LEAF) {
        mr_datum *leaf = &run->leaves[run->next++];
        mr_status status =
            mr_code_eval(template->code, run->scope, run->script, run->arena, leaf, err);
        if (status == MR_OK) {
            run->bytes_max += mr_json_bound(leaf);
        }
        return status;
    }
    for (uint32_t i = 0; i < template->items_count; i++) {
        mr_status status = evaluate(&template->items[i], run, err);
        if (status != MR_OK) {
            return status;
        }
    }
    return MR_OK;
}

static mr_status put(const mr_template *template, template_run *run, mr_buf *out, mr_err *err);

/* A nil leaf leaves its field out; written fields are counted for the commas. */
static mr_status put_field(const mr_template *item, template_run *run, size_t *written, mr_buf *out,
                           mr_err *err) {
    if (item->kind == MR_TEMPLATE_LEAF && run->leaves[run->next].kind == MR_DATUM_NIL) {
        run->next++;
        return MR_OK;
    }
    if (*written > 0) {
        mr_buf_put_u8(out, ',');
    }
    *written += 1;
    if (mr_json_put_string(out, item->name) != MR_OK) {
        return mr_err_set(err, MR_INVALID, "a field's name is not UTF-8");
    }
    mr_buf_put_u8(out, ':');
    mr_status status = put(item, run, out, err);
    return status == MR_OK ? MR_OK
                           : mr_err_wrap(err, status, "field '%.*s'", (int)item->name.len,
                                         (const char *)item->name.data);
}

static mr_status put(const mr_template *template, template_run *run, mr_buf *out, mr_err *err) {
    if (template->kind == MR_TEMPLATE_LEAF) {
        mr_datum *leaf = &run->leaves[run->next++];
        if (leaf->kind == MR_DATUM_NIL) {
            *leaf = MR_DATUM_OF_NULL; /* in an array: its place stays */
        }
        return mr_datum_put_json(leaf, out, err);
    }
    bool object = template->kind == MR_TEMPLATE_OBJECT;
    mr_buf_put_u8(out, object ? '{' : '[');
    size_t written = 0;
    for (uint32_t i = 0; i < template->items_count; i++) {
        const mr_template *item = &template->items[i];
        mr_status status;
        if (object) {
            status = put_field(item, run, &written, out, err);
        } else {
            if (i > 0) {
                mr_buf_put_u8(out, ',');
            }
            status = put(item, run, out, err);
        }
        if (status != MR_OK) {
            return status;
        }
    }
    mr_buf_put_u8(out, object ? '}' : ']');
    return MR_OK;
}

mr_status mr_template_eval(const mr_template *template, mr_scope *scope, mr_script *script,
                           mr_arena *arena, mr_datum *out, mr_err *err) {
    if (template->kind == MR_TEMPLATE_LEAF) {
        return mr_code_eval(template->code, scope, script, arena, out, err);
    }
    size_t leaves_count = count_leaves(template);
    template_run run = {.scope = scope, .script = script, .arena = arena};
    run.leaves = mr_arena_alloc(arena, leaves_count * sizeof *run.leaves);
    mr_status status = evaluate(template, &run, err);
    if (status != MR_OK) {
        return status;
    }
    MR_ASSERT(run.next == leaves_count);
    run.next = 0;
    mr_json_draft draft;
    mr_json_draft_begin(&draft, arena, run.bytes_max);
    status = put(template, &run, &draft.buf, err);
    if (status != MR_OK) {
        mr_json_draft_drop(&draft);
        return status;
    }
    *out = (mr_datum){.kind = MR_DATUM_JSON, .bytes = mr_json_draft_end(&draft)};
    return MR_OK;
}
