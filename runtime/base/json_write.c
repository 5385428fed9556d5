#include "runtime/base/json.h"

#include <math.h>

#include "runtime/base/assert.h"
#include "runtime/base/number.h"

void mr_json_put_null(mr_buf *out) {
    mr_buf_put(out, "null", 4);
}

void mr_json_put_bool(mr_buf *out, bool value) {
    if (value) {
        mr_buf_put(out, "true", 4);
    } else {
        mr_buf_put(out, "false", 5);
    }
}

void mr_json_put_int(mr_buf *out, int64_t value) {
    char text[24];
    char *end = text + sizeof text;
    char *at = end;
    uint64_t left = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    do {
        *--at = (char)('0' + left % 10);
        left /= 10;
    } while (left > 0);
    if (value < 0) {
        *--at = '-';
    }
    mr_buf_put(out, at, (size_t)(end - at));
}

mr_status mr_json_put_float(mr_buf *out, double value) {
    if (!isfinite(value)) {
        return MR_INVALID;
    }
    char text[MR_NUMBER_TEXT_MAX];
    mr_buf_put(out, text, mr_float_format(value, text));
    return MR_OK;
}

static bool needs_escape(uint8_t c) {
    return c < 0x20 || c == '"' || c == '\\';
}

/* The letter of a two-character escape, 0 when there is none. */
static char short_escape(uint8_t c) {
    switch (c) {
    case '"':
    case '\\':
        return (char)c;
    case '\b':
        return 'b';
    case '\f':
        return 'f';
    case '\n':
        return 'n';
    case '\r':
        return 'r';
    case '\t':
        return 't';
    default:
        return 0;
    }
}

static void put_escaped(mr_buf *out, uint8_t c) {
    char letter = short_escape(c);
    if (letter != 0) {
        char pair[2] = {'\\', letter};
        mr_buf_put(out, pair, 2);
        return;
    }
    static const char hex[] = "0123456789abcdef";
    char six[6] = {'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]};
    mr_buf_put(out, six, 6);
}

static void put_checked_string(mr_buf *out, mr_bytes text) {
    mr_buf_reserve(out, text.len + 2);
    mr_buf_put_u8(out, '"');
    const uint8_t *end = text.data + text.len;
    for (const uint8_t *at = text.data; at != end;) {
        const uint8_t *plain = at;
        while (at != end && !needs_escape(*at)) {
            at++;
        }
        mr_buf_put(out, plain, (size_t)(at - plain));
        if (at != end) {
            put_escaped(out, *at++);
        }
    }
    mr_buf_put_u8(out, '"');
}

mr_status mr_json_put_string(mr_buf *out, mr_bytes text) {
    MR_ASSERT(text.data != NULL || text.len == 0);
    mr_status status = mr_utf8_check(text);
    if (status == MR_OK) {
        put_checked_string(out, text.data != NULL ? text : mr_bytes_text(""));
    }
    return status;
}

/* A parsed string is UTF-8 and a parsed number finite, so writing them cannot fail. */
static void put_parsed_string(mr_buf *out, mr_bytes text) {
    put_checked_string(out, text);
}

static void put_parsed_float(mr_buf *out, double value) {
    mr_status status = mr_json_put_float(out, value);
    MR_ASSERT(status == MR_OK);
}

void mr_json_put_value(mr_buf *out, mr_json value) {
    mr_json_kind kind = mr_json_kind_of(value);
    switch (kind) {
    case MR_JSON_NULL:
        mr_json_put_null(out);
        return;
    case MR_JSON_BOOL:
        mr_json_put_bool(out, mr_json_as_bool(value));
        return;
    case MR_JSON_INT:
        mr_json_put_int(out, mr_json_as_int(value));
        return;
    case MR_JSON_FLOAT:
        put_parsed_float(out, mr_json_as_float(value));
        return;
    case MR_JSON_STRING:
        put_parsed_string(out, mr_json_as_string(value));
        return;
    case MR_JSON_ARRAY:
    case MR_JSON_OBJECT:
        break;
    }
    mr_buf_put_u8(out, kind == MR_JSON_ARRAY ? '[' : '{');
    mr_json_iter iter = mr_json_iterate(value);
    mr_bytes name;
    mr_json item;
    for (size_t count = 0; mr_json_iter_next(&iter, &name, &item); count++) {
        if (count > 0) {
            mr_buf_put_u8(out, ',');
        }
        if (kind == MR_JSON_OBJECT) {
            put_parsed_string(out, name);
            mr_buf_put_u8(out, ':');
        }
        mr_json_put_value(out, item);
    }
    mr_buf_put_u8(out, kind == MR_JSON_ARRAY ? ']' : '}');
}
