#include "runtime/engine/expr_eval.h"

#include <math.h>

#include "runtime/base/assert.h"
#include "runtime/engine/arithmetic.h"

/* The key or value as the language sees it: one that is not there, or JSON null, is nil. */
static mr_status push_whole(mr_value *value, mr_datum *out, mr_err *err) {
    if (value == NULL) {
        *out = MR_DATUM_OF_NIL;
        return MR_OK;
    }
    mr_status status = mr_value_touch(value, err);
    if (status == MR_OK) {
        *out = value->datum.kind == MR_DATUM_NULL ? MR_DATUM_OF_NIL : value->datum;
    }
    return status;
}

static mr_status push_field(mr_value *value, const mr_path *path, mr_datum *out, mr_err *err) {
    if (value == NULL) {
        return MR_AGAIN;
    }
    mr_status status = mr_value_touch(value, err);
    return status == MR_OK ? mr_value_field(value, path, out) : status;
}

static mr_status push_bound(const mr_window_bounds *window, int64_t bound_ms, mr_datum *out) {
    *out = mr_datum_int(bound_ms);
    return window->present ? MR_OK : MR_AGAIN;
}

static mr_datum datum_of_const(const mr_const *constant) {
    switch (constant->kind) {
    case MR_CONST_NIL:
        return MR_DATUM_OF_NIL;
    case MR_CONST_BOOL:
        return mr_datum_bool(constant->boolean);
    case MR_CONST_INT:
        return mr_datum_int(constant->integer);
    case MR_CONST_FLOAT:
        return mr_datum_float(constant->number);
    case MR_CONST_STRING:
        return mr_datum_string(constant->text);
    case MR_CONST_NULL:
        return MR_DATUM_OF_NULL;
    }
    MR_UNREACHABLE();
}

static mr_status push(const mr_expr *expr, const mr_expr_op *op, mr_scope *scope, mr_datum *out,
                      mr_err *err) {
    switch (op->opcode) {
    case MR_EXPR_CONST:
        MR_ASSERT(op->arg < expr->consts_count);
        *out = datum_of_const(&expr->consts[op->arg]);
        return MR_OK;
    case MR_EXPR_KEY:
        return push_whole(scope->key, out, err);
    case MR_EXPR_VALUE:
        return push_whole(scope->value, out, err);
    case MR_EXPR_TS:
        *out = mr_datum_int(scope->ts_ms);
        return MR_OK;
    case MR_EXPR_WINDOW_START:
        return push_bound(&scope->window, scope->window.start_ms, out);
    case MR_EXPR_WINDOW_STOP:
        return push_bound(&scope->window, scope->window.stop_ms, out);
    case MR_EXPR_FIELD:
        MR_ASSERT(op->arg < expr->paths_count);
        return push_field(scope->value, &expr->paths[op->arg], out, err);
    case MR_EXPR_KEY_FIELD:
        MR_ASSERT(op->arg < expr->paths_count);
        return push_field(scope->key, &expr->paths[op->arg], out, err);
    default:
        MR_UNREACHABLE();
    }
}

/* Two tables are equal in Lua only if they are the same object, which bytes cannot tell. */
static mr_status equal(const mr_datum *a, const mr_datum *b, bool *out) {
    if (mr_datum_is_number(a) && mr_datum_is_number(b)) {
        *out = mr_arithmetic_compare(a, b) == MR_ORDER_EQUAL;
        return MR_OK;
    }
    *out = false;
    if (a->kind != b->kind) {
        return MR_OK;
    }
    switch (a->kind) {
    case MR_DATUM_NIL:
    case MR_DATUM_NULL:
        *out = true;
        return MR_OK;
    case MR_DATUM_BOOL:
        *out = a->boolean == b->boolean;
        return MR_OK;
    case MR_DATUM_STRING:
        *out = a->bytes.len == b->bytes.len &&
               (a->bytes.len == 0 || memcmp(a->bytes.data, b->bytes.data, a->bytes.len) == 0);
        return MR_OK;
    default:
        return MR_AGAIN;
    }
}

/* Strings compare by bytes, which is strcoll in the C locale. */
static mr_status order_of(const mr_datum *a, const mr_datum *b, mr_order *out) {
    if (mr_datum_is_number(a) && mr_datum_is_number(b)) {
        *out = mr_arithmetic_compare(a, b);
        return MR_OK;
    }
    if (a->kind != MR_DATUM_STRING || b->kind != MR_DATUM_STRING) {
        return MR_AGAIN;
    }
    int order = mr_bytes_compare(a->bytes, b->bytes);
    *out = order < 0 ? MR_ORDER_LESS : order > 0 ? MR_ORDER_GREATER : MR_ORDER_EQUAL;
    return MR_OK;
}

static mr_status compare(mr_expr_opcode opcode, const mr_datum *a, const mr_datum *b,
                         mr_datum *out) {
    bool holds;
    mr_order order = MR_ORDER_UNORDERED;
    mr_status status;
    switch (opcode) {
    case MR_EXPR_EQ:
    case MR_EXPR_NE:
        status = equal(a, b, &holds);
        holds = holds == (opcode == MR_EXPR_EQ);
        break;
    case MR_EXPR_LT:
        status = order_of(a, b, &order);
        holds = order == MR_ORDER_LESS;
        break;
    case MR_EXPR_LE:
        status = order_of(a, b, &order);
        holds = order == MR_ORDER_LESS || order == MR_ORDER_EQUAL;
        break;
    case MR_EXPR_GT:
        status = order_of(a, b, &order);
        holds = order == MR_ORDER_GREATER;
        break;
    case MR_EXPR_GE:
        status = order_of(a, b, &order);
        holds = order == MR_ORDER_GREATER || order == MR_ORDER_EQUAL;
        break;
    default:
        MR_UNREACHABLE();
    }
    *out = mr_datum_bool(holds);
    return status;
}

static mr_operator operator_of(mr_expr_opcode opcode) {
    switch (opcode) {
    case MR_EXPR_ADD:
        return MR_OPERATOR_ADD;
    case MR_EXPR_SUB:
        return MR_OPERATOR_SUB;
    case MR_EXPR_MUL:
        return MR_OPERATOR_MUL;
    case MR_EXPR_DIV:
        return MR_OPERATOR_DIV;
    case MR_EXPR_IDIV:
        return MR_OPERATOR_IDIV;
    case MR_EXPR_MOD:
        return MR_OPERATOR_MOD;
    default:
        MR_UNREACHABLE();
    }
}

/* Lua also computes with strings that look like numbers: that is left to Lua. */
static mr_status compute(mr_expr_opcode opcode, const mr_datum *a, const mr_datum *b,
                         mr_datum *out) {
    if (!mr_datum_is_number(a) || !mr_datum_is_number(b)) {
        return MR_AGAIN;
    }
    /* Lua compiles `x - 0` with a literal 0 to `x + 0`, which turns -0.0 into 0.0. */
    bool of_minus_zero = a->kind == MR_DATUM_FLOAT && a->number == 0 && signbit(a->number);
    if (of_minus_zero && opcode == MR_EXPR_SUB && b->kind == MR_DATUM_INT) {
        return MR_AGAIN;
    }
    return mr_arithmetic_apply(operator_of(opcode), a, b, out);
}

static mr_status negate(mr_datum *top) {
    if (top->kind == MR_DATUM_INT) {
        top->integer = (int64_t)(0 - (uint64_t)top->integer);
        return MR_OK;
    }
    if (top->kind == MR_DATUM_FLOAT) {
        top->number = -top->number;
        return MR_OK;
    }
    return MR_AGAIN;
}

/* What pops: top is the last operand and, with depth one less, the result goes below it: in place
 * of the first operand, which compare and compute have read by then. */
static mr_status reduce(mr_expr_opcode opcode, mr_datum *stack, uint32_t *depth) {
    mr_datum *top = &stack[*depth - 1];
    if (opcode == MR_EXPR_NOT) {
        *top = mr_datum_bool(!mr_datum_truth(top));
        return MR_OK;
    }
    if (opcode == MR_EXPR_NEG) {
        return negate(top);
    }
    MR_ASSERT(*depth >= 2);
    *depth -= 1;
    return opcode >= MR_EXPR_EQ && opcode <= MR_EXPR_GE ? compare(opcode, top - 1, top, top - 1)
                                                        : compute(opcode, top - 1, top, top - 1);
}

mr_status mr_expr_eval(const mr_expr *expr, mr_scope *scope, mr_datum *out, mr_err *err) {
    mr_datum stack[MR_EXPR_STACK_MAX];
    uint32_t depth = 0;
    for (uint32_t at = 0; at < expr->ops_count; at++) {
        const mr_expr_op *op = &expr->ops[at];
        mr_status status = MR_OK;
        if (op->opcode < MR_EXPR_EQ) {
            MR_ASSERT(depth < MR_EXPR_STACK_MAX);
            status = push(expr, op, scope, &stack[depth], err);
            depth++;
        } else if (op->opcode == MR_EXPR_AND || op->opcode == MR_EXPR_OR) {
            MR_ASSERT(depth > 0);
            if (mr_datum_truth(&stack[depth - 1]) == (op->opcode == MR_EXPR_OR)) {
                MR_ASSERT(op->arg > at);
                at = op->arg - 1;
            } else {
                depth--;
            }
        } else {
            MR_ASSERT(depth > 0);
            status = reduce(op->opcode, stack, &depth);
        }
        if (status != MR_OK) {
            return status;
        }
    }
    MR_ASSERT(depth == 1);
    *out = stack[0];
    return MR_OK;
}

/* Results for which the language has an error of its own: the text says it, with its place. */
static bool left_to_script(const mr_code *code, const mr_datum *result) {
    if (result->kind == MR_DATUM_FLOAT && !isfinite(result->number)) {
        return code->use != MR_CODE_CONDITION;
    }
    return result->kind == MR_DATUM_NIL && code->use == MR_CODE_MAP;
}

mr_status mr_code_eval(const mr_code *code, mr_scope *scope, mr_script *script, mr_arena *arena,
                       mr_datum *out, mr_err *err) {
    if (code->native != NULL) {
        mr_status status = mr_expr_eval(code->native, scope, out, err);
        if (status != MR_AGAIN && !(status == MR_OK && left_to_script(code, out))) {
            return status;
        }
    }
    MR_ASSERT(script != NULL);
    return script->ops->eval(script, code, scope, arena, out, err);
}
