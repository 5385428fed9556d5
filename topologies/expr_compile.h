/* topologies/expr_compile.h - Lua expressions that run natively.
 *
 *   or < and < (< > <= >= ~= ==) < (+ -) < (* / // %) < (unary not -)      Lua's precedence, all
 * left operand := value | key | value.a.b | key['a'] | ts | window.start | window.stop | nil | true
 * | false | null | 12 | 1.5e3 | 'text' | "text" | ( expression )
 *
 * Everything else (calls, .., #, ^, bits, tables, hexadecimal, long strings, comments) is left to
 * Lua. Thread: owner only.
 */
#pragma once

#include "runtime/base/arena.h"
#include "topologies/plan.h"

/* text: a text of which Lua said that it is an expression. NULL: only Lua can run it. The result
 * and all it points to live in the arena. */
const mr_expr *mr_expr_compile(mr_arena *arena, const char *text);
