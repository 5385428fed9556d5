#include "runtime/base/number.h"

#include <stdio.h>

static bool is_digit(uint8_t c) {
    return c >= '0' && c <= '9';
}

static bool is_letter(uint8_t c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Reads digits; false when there are none or the number is beyond uint64. */
static bool read_digits(const uint8_t **at, const uint8_t *end, uint64_t *out) {
    const uint8_t *p = *at;
    uint64_t value = 0;
    for (; p != end && is_digit(*p); p++) {
        if (__builtin_mul_overflow(value, UINT64_C(10), &value) ||
            __builtin_add_overflow(value, (uint64_t)(*p - '0'), &value)) {
            return false;
        }
    }
    bool any = p != *at;
    *at = p;
    *out = value;
    return any;
}

static mr_bytes read_letters(const uint8_t **at, const uint8_t *end) {
    const uint8_t *from = *at;
    while (*at != end && is_letter(**at)) {
        (*at)++;
    }
    return mr_bytes_of(from, (size_t)(*at - from));
}

mr_status mr_int_parse(mr_bytes text, int64_t *out) {
    if (text.len == 0) {
        return MR_INVALID;
    }
    const uint8_t *at = text.data;
    const uint8_t *end = text.data + text.len;
    bool negative = *at == '-';
    at += negative || *at == '+';
    uint64_t magnitude;
    if (!read_digits(&at, end, &magnitude) || at != end) {
        return MR_INVALID;
    }
    if (magnitude > (uint64_t)INT64_MAX + (negative ? 1 : 0)) {
        return MR_INVALID;
    }
    *out = negative ? (int64_t)(0 - magnitude) : (int64_t)magnitude;
    return MR_OK;
}

typedef struct unit {
    const char *name;
    uint64_t factor;
} unit;

/* Greatest first: the formatter takes them in this order. */
static const unit duration_units[] = {
    {"d", 86400000}, {"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1},
};
#define DURATION_UNIT_COUNT (sizeof duration_units / sizeof duration_units[0])

static const unit size_units[] = {
    {"", 1},
    {"B", 1},
    {"kB", 1000},
    {"KiB", UINT64_C(1) << 10},
    {"MB", 1000000},
    {"MiB", UINT64_C(1) << 20},
    {"GB", 1000000000},
    {"GiB", UINT64_C(1) << 30},
    {"TB", UINT64_C(1000000000000)},
    {"TiB", UINT64_C(1) << 40},
};
#define SIZE_UNIT_COUNT (sizeof size_units / sizeof size_units[0])

static const unit *unit_find(const unit *units, size_t count, mr_bytes name) {
    for (size_t i = 0; i < count; i++) {
        if (mr_bytes_equal(mr_bytes_text(units[i].name), name)) {
            return &units[i];
        }
    }
    return NULL;
}

mr_status mr_duration_parse(mr_bytes text, int64_t *ms_out) {
    if (text.len == 0) {
        return MR_INVALID;
    }
    const uint8_t *at = text.data;
    const uint8_t *end = text.data + text.len;
    uint64_t total = 0;
    while (at != end) {
        uint64_t count;
        if (!read_digits(&at, end, &count)) {
            return MR_INVALID;
        }
        const unit *found = unit_find(duration_units, DURATION_UNIT_COUNT, read_letters(&at, end));
        uint64_t part;
        if (found == NULL || __builtin_mul_overflow(count, found->factor, &part) ||
            __builtin_add_overflow(total, part, &total)) {
            return MR_INVALID;
        }
    }
    if (total > INT64_MAX) {
        return MR_INVALID;
    }
    *ms_out = (int64_t)total;
    return MR_OK;
}

size_t mr_duration_format(int64_t ms, char *out) {
    uint64_t left = ms < 0 ? 0 - (uint64_t)ms : (uint64_t)ms;
    size_t len = 0;
    if (ms < 0) {
        out[len++] = '-';
    }
    if (left == 0) {
        len += (size_t)snprintf(out, MR_NUMBER_TEXT_MAX, "0s");
    }
    for (size_t i = 0; i < DURATION_UNIT_COUNT; i++) {
        uint64_t count = left / duration_units[i].factor;
        if (count > 0) {
            len += (size_t)snprintf(out + len, MR_NUMBER_TEXT_MAX - len, "%llu%s",
                                    (unsigned long long)count, duration_units[i].name);
            left -= count * duration_units[i].factor;
        }
    }
    return len;
}

mr_status mr_size_parse(mr_bytes text, uint64_t *bytes_out) {
    if (text.len == 0) {
        return MR_INVALID;
    }
    const uint8_t *at = text.data;
    const uint8_t *end = text.data + text.len;
    uint64_t count;
    if (!read_digits(&at, end, &count)) {
        return MR_INVALID;
    }
    const unit *found = unit_find(size_units, SIZE_UNIT_COUNT, read_letters(&at, end));
    if (found == NULL || at != end || __builtin_mul_overflow(count, found->factor, bytes_out)) {
        return MR_INVALID;
    }
    return MR_OK;
}
