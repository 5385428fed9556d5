/* runtime/engine/expr_eval.h - native expressions, with Lua's results.
 * Thread: owner task only. Allocates nothing except touching the value. */
#pragma once

#include "runtime/engine/script.h"

/* MR_AGAIN: only Lua can say (an error, a string in arithmetic, ...): run the text there.
 * MR_INVALID: key or value cannot be decoded (err). out borrows from the scope. */
mr_status mr_expr_eval(const mr_expr *expr, mr_scope *scope, mr_datum *out, mr_err *err) MR_CHECKED;
/* Native if the code has a native form that can decide, else by the script. */
mr_status mr_code_eval(const mr_code *code, mr_scope *scope, mr_script *script, mr_arena *arena,
                       mr_datum *out, mr_err *err) MR_CHECKED;
/* A template's table as JSON text in the arena; nil leaves are left out (null in arrays). */
mr_status mr_template_eval(const mr_template *template, mr_scope *scope, mr_script *script,
                           mr_arena *arena, mr_datum *out, mr_err *err) MR_CHECKED;
/* `set`: the scope's value (a JSON object; nil or null starts from {}) with fields changed; leaves
 * see the incoming value; untouched parts keep their bytes; new fields are appended in the order
 * written; nil removes. MR_INVALID: the value (or a part on a path) is no object. */
mr_status mr_set_eval(const mr_set_item *items, uint32_t items_count, mr_scope *scope,
                      mr_script *script, mr_arena *arena, mr_datum *out, mr_err *err) MR_CHECKED;
