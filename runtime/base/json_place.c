#include "runtime/base/json_place.h"

#include <math.h>
#include <stdlib.h>

#include "runtime/base/json.h"
#include "runtime/base/limits.h"
#include "runtime/base/number.h"

/* Numbers longer than this are not measured for their range. */
#define NUMBER_TEXT_MAX 400

typedef struct scan {
    const uint8_t *start;
    const uint8_t *at;
    const uint8_t *end;
    const char *cause; /* once set, `at` is the place */
    size_t depth;
    uint8_t closers[MR_JSON_DEPTH_MAX];
} scan;

static bool scan_fail(scan *s, const uint8_t *at, const char *cause) {
    s->at = at;
    s->cause = cause;
    return false;
}

static uint8_t scan_peek(const scan *s) {
    return s->at != s->end ? *s->at : 0;
}

static void scan_space(scan *s) {
    while (s->at != s->end &&
           (*s->at == ' ' || *s->at == '\t' || *s->at == '\n' || *s->at == '\r')) {
        s->at++;
    }
}

static bool is_digit(uint8_t c) {
    return c >= '0' && c <= '9';
}

/* The value of four hexadecimal digits, -1 when they are not there. */
static int32_t hex4_of(const uint8_t *at, const uint8_t *end) {
    if (end - at < 4) {
        return -1;
    }
    int32_t value = 0;
    for (int i = 0; i < 4; i++) {
        uint8_t low = at[i] | 0x20;
        bool letter = low >= 'a' && low <= 'f';
        if (!is_digit(at[i]) && !letter) {
            return -1;
        }
        value = value * 16 + (letter ? low - 'a' + 10 : at[i] - '0');
    }
    return value;
}

static bool is_high_surrogate(int32_t code) {
    return code >= 0xD800 && code < 0xDC00;
}

static bool is_low_surrogate(int32_t code) {
    return code >= 0xDC00 && code < 0xE000;
}

/* at: the backslash. */
static bool scan_escape(scan *s) {
    const uint8_t *from = s->at;
    uint8_t letter = s->end - from >= 2 ? from[1] : 0;
    if (letter != 0 && strchr("\"\\/bfnrt", letter) != NULL) {
        s->at += 2;
        return true;
    }
    if (letter != 'u') {
        return scan_fail(s, from, "an unknown escape");
    }
    int32_t code = hex4_of(from + 2, s->end);
    if (code < 0) {
        return scan_fail(s, from, "\\u without four hexadecimal digits");
    }
    s->at += 6;
    if (is_high_surrogate(code) && s->end - s->at >= 6 && s->at[0] == '\\' && s->at[1] == 'u' &&
        is_low_surrogate(hex4_of(s->at + 2, s->end))) {
        s->at += 6;
        return true;
    }
    if (is_high_surrogate(code) || is_low_surrogate(code)) {
        return scan_fail(s, from, "half of a surrogate pair");
    }
    return true;
}

/* Length of the UTF-8 sequence at `at`, 0 when it is none. */
static size_t utf8_length(const uint8_t *at, const uint8_t *end) {
    uint8_t lead = *at;
    size_t len = lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    if (len > (size_t)(end - at) || mr_utf8_check(mr_bytes_of(at, len)) != MR_OK) {
        return 0;
    }
    return len;
}

static bool scan_string(scan *s) {
    const uint8_t *quote = s->at++;
    while (s->at != s->end && *s->at != '"') {
        if (*s->at == '\\') {
            if (!scan_escape(s)) {
                return false;
            }
            continue;
        }
        if (*s->at < 0x20) {
            return scan_fail(s, s->at, "a control character in a string");
        }
        size_t len = utf8_length(s->at, s->end);
        if (len == 0) {
            return scan_fail(s, s->at, "not UTF-8");
        }
        s->at += len;
    }
    if (s->at == s->end) {
        return scan_fail(s, quote, "a string without its end");
    }
    s->at++;
    return true;
}

static bool scan_digits(scan *s) {
    if (!is_digit(scan_peek(s))) {
        return scan_fail(s, s->at, "a digit is missing");
    }
    while (is_digit(scan_peek(s))) {
        s->at++;
    }
    return true;
}

static bool check_range(scan *s, const uint8_t *from, bool whole) {
    mr_bytes text = mr_bytes_of(from, (size_t)(s->at - from));
    int64_t integer;
    if (whole && mr_int_parse(text, &integer) != MR_OK) {
        return scan_fail(s, from, "an integer beyond 64 bits signed");
    }
    char copy[NUMBER_TEXT_MAX + 1];
    if (!whole && text.len <= NUMBER_TEXT_MAX) {
        memcpy(copy, text.data, text.len);
        copy[text.len] = '\0';
        if (isinf(strtod(copy, NULL))) {
            return scan_fail(s, from, "a number beyond double");
        }
    }
    return true;
}

static bool scan_number(scan *s) {
    const uint8_t *from = s->at;
    bool whole = true;
    s->at += *s->at == '-';
    if (scan_peek(s) == '0') {
        s->at++;
        if (is_digit(scan_peek(s))) {
            return scan_fail(s, from, "a number with a leading zero");
        }
    } else if (!scan_digits(s)) {
        return false;
    }
    if (scan_peek(s) == '.') {
        whole = false;
        s->at++;
        if (!scan_digits(s)) {
            return false;
        }
    }
    if (scan_peek(s) == 'e' || scan_peek(s) == 'E') {
        whole = false;
        s->at++;
        s->at += scan_peek(s) == '+' || scan_peek(s) == '-';
        if (!scan_digits(s)) {
            return false;
        }
    }
    return check_range(s, from, whole);
}

static bool scan_word(scan *s, const char *word) {
    size_t len = strlen(word);
    if ((size_t)(s->end - s->at) < len || memcmp(s->at, word, len) != 0) {
        return scan_fail(s, s->at, "not a value");
    }
    s->at += len;
    return true;
}

static bool scan_name(scan *s) {
    scan_space(s);
    if (scan_peek(s) != '"') {
        return scan_fail(s, s->at, "a field name in quotes is missing");
    }
    if (!scan_string(s)) {
        return false;
    }
    scan_space(s);
    if (scan_peek(s) != ':') {
        return scan_fail(s, s->at, "':' is missing");
    }
    s->at++;
    return true;
}

/* Behind a value: closes what ends here, then a comma, or the end of the text. */
static bool scan_behind(scan *s, bool *more) {
    scan_space(s);
    while (s->depth > 0 && s->at != s->end && *s->at == s->closers[s->depth - 1]) {
        s->at++;
        s->depth--;
        scan_space(s);
    }
    *more = s->depth > 0;
    if (s->depth == 0) {
        return s->at == s->end || scan_fail(s, s->at, "something stands behind the value");
    }
    bool in_object = s->closers[s->depth - 1] == '}';
    if (scan_peek(s) != ',') {
        return scan_fail(s, s->at, in_object ? "',' or '}' is missing" : "',' or ']' is missing");
    }
    s->at++;
    return !in_object || scan_name(s);
}

/* Opens containers down to the first value that is none, or is empty. */
static bool scan_value(scan *s) {
    scan_space(s);
    while (scan_peek(s) == '{' || scan_peek(s) == '[') {
        if (s->depth == MR_JSON_DEPTH_MAX) {
            return scan_fail(s, s->at, "nested too deeply");
        }
        uint8_t closer = *s->at == '{' ? '}' : ']';
        s->at++;
        s->closers[s->depth++] = closer;
        scan_space(s);
        if (scan_peek(s) == closer) {
            return true;
        }
        if (closer == '}' && !scan_name(s)) {
            return false;
        }
        scan_space(s);
    }
    if (s->at == s->end) {
        return scan_fail(s, s->at, "the text ends where a value is missing");
    }
    switch (*s->at) {
    case '"':
        return scan_string(s);
    case 't':
        return scan_word(s, "true");
    case 'f':
        return scan_word(s, "false");
    case 'n':
        return scan_word(s, "null");
    default:
        break;
    }
    if (*s->at != '-' && !is_digit(*s->at)) {
        return scan_fail(s, s->at, "not a value");
    }
    return scan_number(s);
}

mr_json_place mr_json_place_of_error(mr_bytes text) {
    scan s = {.start = text.data, .at = text.data, .end = text.data + text.len};
    bool more = true;
    while (more && scan_value(&s) && scan_behind(&s, &more)) {
    }
    return (mr_json_place){.cause = s.cause, .at = (size_t)(s.at - s.start)};
}
