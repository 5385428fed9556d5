/* runtime/engine/arithmetic.h - numbers as Lua 5.4 has them: 64-bit integers and doubles, compared
 * by their mathematical values, integers wrapping, division and modulo towards minus infinity.
 * Source of the rules: Lua 5.4 lvm.c (luaV_idiv, luaV_mod, luaV_modf, LTnum). Thread: any.
 */
#pragma once

#include "runtime/engine/datum.h"

static inline bool mr_datum_is_number(const mr_datum *datum) {
    return datum->kind == MR_DATUM_INT || datum->kind == MR_DATUM_FLOAT;
}

typedef enum mr_order {
    MR_ORDER_LESS,
    MR_ORDER_EQUAL,
    MR_ORDER_GREATER,
    MR_ORDER_UNORDERED, /* NaN on a side: neither <, == nor > */
} mr_order;

/* Both are numbers. Exact also where an int is not representable as double. */
mr_order mr_arithmetic_compare(const mr_datum *a, const mr_datum *b);
/* a number as double; ints are rounded to nearest. */
double mr_arithmetic_to_float(const mr_datum *number);
/* The int of the same value. MR_NOT_FOUND: it has a fraction or is beyond int64. */
mr_status mr_arithmetic_to_int(const mr_datum *number, int64_t *out) MR_CHECKED;

typedef enum mr_operator {
    MR_OPERATOR_ADD,
    MR_OPERATOR_SUB,
    MR_OPERATOR_MUL,
    MR_OPERATOR_DIV,
    MR_OPERATOR_IDIV,
    MR_OPERATOR_MOD,
} mr_operator;

/* Both are numbers. MR_AGAIN: an integer divided by zero, for which Lua has an error. */
mr_status mr_arithmetic_apply(mr_operator operator_, const mr_datum *a, const mr_datum *b,
                              mr_datum *out) MR_CHECKED;
