/* std::to_chars is the one shortest-round-trip printer in reach that ignores the locale; C has
 * none. */
#include <string.h>

#include <charconv>
#include <cmath>

extern "C" {
#include "runtime/base/number.h"
}

namespace {

/* From 10^-4 to below 10^17 a number is written out, as %.17g does; else with an exponent. */
constexpr int WRITTEN_EXPONENT_MIN = -4;
constexpr int WRITTEN_EXPONENT_END = 17;

struct decimal {
    char digits[24]; /* d[0].d[1]d[2]... x 10^exponent */
    int count;
    int exponent;
};

/* value is finite, not negative. */
decimal shortest_digits(double value) {
    char text[40];
    auto end = std::to_chars(text, text + sizeof text, value, std::chars_format::scientific).ptr;
    decimal result = {};
    const char *at = text;
    for (; *at != 'e'; at++) {
        if (*at != '.') {
            result.digits[result.count++] = *at;
        }
    }
    at++;
    bool negative = *at == '-';
    for (at++; at != end; at++) {
        result.exponent = result.exponent * 10 + (*at - '0');
    }
    result.exponent = negative ? -result.exponent : result.exponent;
    return result;
}

char *put_digits(char *out, const char *digits, int count) {
    memcpy(out, digits, static_cast<size_t>(count));
    return out + count;
}

char *put_zeros(char *out, int count) {
    memset(out, '0', static_cast<size_t>(count));
    return out + count;
}

char *put_written_out(char *out, const decimal &number) {
    int whole = number.exponent + 1; /* digits before the point */
    if (whole <= 0) {
        out = put_digits(out, "0.", 2);
        out = put_zeros(out, -whole);
        return put_digits(out, number.digits, number.count);
    }
    if (number.count <= whole) {
        out = put_digits(out, number.digits, number.count);
        out = put_zeros(out, whole - number.count);
        return put_digits(out, ".0", 2);
    }
    out = put_digits(out, number.digits, whole);
    *out++ = '.';
    return put_digits(out, number.digits + whole, number.count - whole);
}

char *put_with_exponent(char *out, const decimal &number) {
    *out++ = number.digits[0];
    if (number.count > 1) {
        *out++ = '.';
        out = put_digits(out, number.digits + 1, number.count - 1);
    }
    int magnitude = number.exponent < 0 ? -number.exponent : number.exponent;
    *out++ = 'e';
    *out++ = number.exponent < 0 ? '-' : '+';
    if (magnitude < 10) {
        *out++ = '0';
    }
    return std::to_chars(out, out + 4, magnitude).ptr;
}

} // namespace

extern "C" size_t mr_float_format(double value, char *out) {
    char *at = out;
    if (std::isnan(value)) {
        at = put_digits(at, "nan", 3);
    } else {
        if (std::signbit(value)) {
            *at++ = '-';
            value = -value;
        }
        if (std::isinf(value)) {
            at = put_digits(at, "inf", 3);
        } else {
            decimal number = shortest_digits(value);
            bool written_out =
                number.exponent >= WRITTEN_EXPONENT_MIN && number.exponent < WRITTEN_EXPONENT_END;
            at = written_out ? put_written_out(at, number) : put_with_exponent(at, number);
        }
    }
    *at = '\0';
    return static_cast<size_t>(at - out);
}
