#include "runtime/engine/arithmetic.h"

#include <math.h>

#include "runtime/base/assert.h"

/* 2^63: the first double beyond int64; -2^63 is an int64. */
#define INT64_END 9223372036854775808.0

static mr_order order_of_ints(int64_t a, int64_t b) {
    return a < b ? MR_ORDER_LESS : a > b ? MR_ORDER_GREATER : MR_ORDER_EQUAL;
}

static mr_order order_of_floats(double a, double b) {
    return a < b    ? MR_ORDER_LESS
           : a > b  ? MR_ORDER_GREATER
           : a == b ? MR_ORDER_EQUAL
                    : MR_ORDER_UNORDERED;
}

static mr_order order_of_int_float(int64_t a, double b) {
    if (isnan(b)) {
        return MR_ORDER_UNORDERED;
    }
    if (b >= INT64_END) {
        return MR_ORDER_LESS;
    }
    if (b < -INT64_END) {
        return MR_ORDER_GREATER;
    }
    double whole = floor(b);
    mr_order order = order_of_ints(a, (int64_t)whole);
    return order == MR_ORDER_EQUAL && whole < b ? MR_ORDER_LESS : order;
}

static mr_order mirrored(mr_order order) {
    switch (order) {
    case MR_ORDER_LESS:
        return MR_ORDER_GREATER;
    case MR_ORDER_GREATER:
        return MR_ORDER_LESS;
    default:
        return order;
    }
}

mr_order mr_arithmetic_compare(const mr_datum *a, const mr_datum *b) {
    MR_ASSERT(mr_datum_is_number(a));
    MR_ASSERT(mr_datum_is_number(b));
    if (a->kind == MR_DATUM_INT) {
        return b->kind == MR_DATUM_INT ? order_of_ints(a->integer, b->integer)
                                       : order_of_int_float(a->integer, b->number);
    }
    return b->kind == MR_DATUM_FLOAT ? order_of_floats(a->number, b->number)
                                     : mirrored(order_of_int_float(b->integer, a->number));
}

double mr_arithmetic_to_float(const mr_datum *number) {
    MR_ASSERT(mr_datum_is_number(number));
    return number->kind == MR_DATUM_INT ? (double)number->integer : number->number;
}

mr_status mr_arithmetic_to_int(const mr_datum *number, int64_t *out) {
    MR_ASSERT(mr_datum_is_number(number));
    if (number->kind == MR_DATUM_INT) {
        *out = number->integer;
        return MR_OK;
    }
    double value = number->number;
    if (!(value >= -INT64_END && value < INT64_END) || value != floor(value)) {
        return MR_NOT_FOUND;
    }
    *out = (int64_t)value;
    return MR_OK;
}

static int64_t int_floor_divide(int64_t a, int64_t b) {
    if (b == -1) {
        return (int64_t)(0 - (uint64_t)a); /* INT64_MIN / -1 wraps instead of trapping */
    }
    int64_t quotient = a / b;
    return (a ^ b) < 0 && quotient * b != a ? quotient - 1 : quotient;
}

static int64_t int_floor_modulo(int64_t a, int64_t b) {
    if (b == -1) {
        return 0;
    }
    int64_t rest = a % b;
    return rest != 0 && (rest ^ b) < 0 ? rest + b : rest;
}

static double float_floor_modulo(double a, double b) {
    double rest = fmod(a, b);
    /* fmod rounds the quotient towards zero. An infinite b makes the sum infinite, as in Lua. */
    if ((rest > 0 && b < 0) || (rest < 0 && b > 0)) {
        rest += b;
    }
    return rest;
}

static mr_status int_arithmetic(mr_operator operator_, int64_t a, int64_t b, mr_datum *out) {
    switch (operator_) {
    case MR_OPERATOR_ADD:
        *out = mr_datum_int((int64_t)((uint64_t)a + (uint64_t)b));
        return MR_OK;
    case MR_OPERATOR_SUB:
        *out = mr_datum_int((int64_t)((uint64_t)a - (uint64_t)b));
        return MR_OK;
    case MR_OPERATOR_MUL:
        *out = mr_datum_int((int64_t)((uint64_t)a * (uint64_t)b));
        return MR_OK;
    case MR_OPERATOR_DIV:
        *out = mr_datum_float((double)a / (double)b);
        return MR_OK;
    case MR_OPERATOR_IDIV:
        if (b == 0) {
            return MR_AGAIN;
        }
        *out = mr_datum_int(int_floor_divide(a, b));
        return MR_OK;
    case MR_OPERATOR_MOD:
        if (b == 0) {
            return MR_AGAIN;
        }
        *out = mr_datum_int(int_floor_modulo(a, b));
        return MR_OK;
    }
    MR_UNREACHABLE();
}

static double float_arithmetic(mr_operator operator_, double a, double b) {
    switch (operator_) {
    case MR_OPERATOR_ADD:
        return a + b;
    case MR_OPERATOR_SUB:
        return a - b;
    case MR_OPERATOR_MUL:
        return a * b;
    case MR_OPERATOR_DIV:
        return a / b;
    case MR_OPERATOR_IDIV:
        return floor(a / b);
    case MR_OPERATOR_MOD:
        return float_floor_modulo(a, b);
    }
    MR_UNREACHABLE();
}

mr_status mr_arithmetic_apply(mr_operator operator_, const mr_datum *a, const mr_datum *b,
                              mr_datum *out) {
    MR_ASSERT(mr_datum_is_number(a));
    MR_ASSERT(mr_datum_is_number(b));
    if (a->kind == MR_DATUM_INT && b->kind == MR_DATUM_INT) {
        return int_arithmetic(operator_, a->integer, b->integer, out);
    }
    *out = mr_datum_float(
        float_arithmetic(operator_, mr_arithmetic_to_float(a), mr_arithmetic_to_float(b)));
    return MR_OK;
}
