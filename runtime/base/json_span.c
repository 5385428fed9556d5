#include "runtime/base/json.h"

#include "runtime/base/assert.h"

/* Everything here runs over text that the parser accepted, so it looks only for borders; it still
 * never reads beyond `end`. */

static const uint8_t *skip_space(const uint8_t *at, const uint8_t *end) {
    while (at != end && (*at == ' ' || *at == '\t' || *at == '\n' || *at == '\r')) {
        at++;
    }
    return at;
}

/* at: the opening quote. Gives the place behind the closing one. */
static const uint8_t *skip_string(const uint8_t *at, const uint8_t *end) {
    for (at++; at < end; at++) {
        if (*at == '"') {
            return at + 1;
        }
        if (*at == '\\') {
            at++;
        }
    }
    return end;
}

static const uint8_t *skip_container(const uint8_t *at, const uint8_t *end) {
    size_t depth = 0;
    while (at != end) {
        switch (*at) {
        case '"':
            at = skip_string(at, end);
            continue;
        case '[':
        case '{':
            depth++;
            break;
        case ']':
        case '}':
            depth--;
            if (depth == 0) {
                return at + 1;
            }
            break;
        default:
            break;
        }
        at++;
    }
    return end;
}

static bool ends_scalar(uint8_t c) {
    return c == ',' || c == ']' || c == '}' || c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static const uint8_t *skip_value(const uint8_t *at, const uint8_t *end) {
    if (at == end) {
        return end;
    }
    if (*at == '"') {
        return skip_string(at, end);
    }
    if (*at == '{' || *at == '[') {
        return skip_container(at, end);
    }
    while (at != end && !ends_scalar(*at)) {
        at++;
    }
    return at;
}

mr_json_walk mr_json_walk_begin(mr_bytes text) {
    MR_ASSERT(text.data != NULL);
    const uint8_t *end = text.data + text.len;
    const uint8_t *at = skip_space(text.data, end);
    MR_ASSERT(at != end);
    MR_ASSERT(*at == '{' || *at == '[');
    return (mr_json_walk){.at = at + 1, .end = end};
}

bool mr_json_walk_next(mr_json_walk *walk, mr_json_span *out) {
    const uint8_t *end = walk->end;
    const uint8_t *at = skip_space(walk->at, end);
    if (at != end && *at == ',') {
        at = skip_space(at + 1, end);
    }
    if (at == end || *at == '}' || *at == ']') {
        walk->at = end;
        return false;
    }
    const uint8_t *value = at;
    const uint8_t *value_end = skip_value(value, end);
    out->name_raw = MR_BYTES_NULL;
    /* Only a name has a colon behind it. */
    const uint8_t *behind = skip_space(value_end, end);
    if (*value == '"' && behind != end && *behind == ':') {
        out->name_raw = mr_bytes_of(value, (size_t)(value_end - value));
        value = skip_space(behind + 1, end);
        value_end = skip_value(value, end);
    }
    out->value = mr_bytes_of(value, (size_t)(value_end - value));
    walk->at = value_end;
    return true;
}

mr_json_kind mr_json_span_kind(mr_bytes value) {
    MR_ASSERT(value.len > 0);
    switch (value.data[0]) {
    case 'n':
        return MR_JSON_NULL;
    case 't':
    case 'f':
        return MR_JSON_BOOL;
    case '"':
        return MR_JSON_STRING;
    case '[':
        return MR_JSON_ARRAY;
    case '{':
        return MR_JSON_OBJECT;
    default:
        break;
    }
    for (size_t i = 0; i < value.len; i++) {
        if (value.data[i] == '.' || value.data[i] == 'e' || value.data[i] == 'E') {
            return MR_JSON_FLOAT;
        }
    }
    return MR_JSON_INT;
}

static bool name_matches(mr_bytes name_raw, mr_bytes name, mr_buf *scratch) {
    mr_bytes inside = mr_bytes_of(name_raw.data + 1, name_raw.len - 2);
    if (memchr(inside.data, '\\', inside.len) == NULL) {
        return inside.len == name.len && memcmp(inside.data, name.data, name.len) == 0;
    }
    mr_buf_clear(scratch);
    mr_json_span_unescape(name_raw, scratch);
    return scratch->len == name.len && memcmp(scratch->data, name.data, name.len) == 0;
}

mr_status mr_json_span_field(mr_bytes object, mr_bytes name, mr_bytes *value_out) {
    MR_ASSERT(name.data != NULL);
    mr_status status = MR_NOT_FOUND;
    mr_buf scratch = {0};
    mr_json_walk walk = mr_json_walk_begin(object);
    mr_json_span span;
    while (status == MR_NOT_FOUND && mr_json_walk_next(&walk, &span)) {
        MR_ASSERT(span.name_raw.data != NULL);
        if (name_matches(span.name_raw, name, &scratch)) {
            *value_out = span.value;
            status = MR_OK;
        }
    }
    mr_buf_deinit(&scratch);
    return status;
}

static uint32_t hex_value(uint8_t c) {
    return (uint32_t)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
}

/* at: the four hexadecimal digits of \uXXXX. */
static uint32_t read_hex4(const uint8_t *at) {
    return hex_value(at[0]) << 12 | hex_value(at[1]) << 8 | hex_value(at[2]) << 4 |
           hex_value(at[3]);
}

static void put_utf8(mr_buf *out, uint32_t code) {
    if (code < 0x80) {
        mr_buf_put_u8(out, (uint8_t)code);
        return;
    }
    if (code < 0x800) {
        mr_buf_put_u8(out, (uint8_t)(0xC0 | code >> 6));
    } else {
        if (code < 0x10000) {
            mr_buf_put_u8(out, (uint8_t)(0xE0 | code >> 12));
        } else {
            mr_buf_put_u8(out, (uint8_t)(0xF0 | code >> 18));
            mr_buf_put_u8(out, (uint8_t)(0x80 | (code >> 12 & 0x3F)));
        }
        mr_buf_put_u8(out, (uint8_t)(0x80 | (code >> 6 & 0x3F)));
    }
    mr_buf_put_u8(out, (uint8_t)(0x80 | (code & 0x3F)));
}

/* at: the digits behind \u. Gives the place behind the escape, a pair of surrogates being one. */
static const uint8_t *unescape_unicode(const uint8_t *at, const uint8_t *end, mr_buf *out) {
    MR_ASSERT(end - at >= 4);
    uint32_t code = read_hex4(at);
    at += 4;
    if (code >= 0xD800 && code < 0xDC00) {
        MR_ASSERT(end - at >= 6);
        code = 0x10000 + ((code - 0xD800) << 10) + (read_hex4(at + 2) - 0xDC00);
        at += 6;
    }
    put_utf8(out, code);
    return at;
}

static uint8_t unescaped_letter(uint8_t letter) {
    switch (letter) {
    case 'b':
        return '\b';
    case 'f':
        return '\f';
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 't':
        return '\t';
    default:
        return letter;
    }
}

void mr_json_span_unescape(mr_bytes string_raw, mr_buf *out) {
    MR_ASSERT(string_raw.len >= 2);
    MR_ASSERT(string_raw.data[0] == '"');
    const uint8_t *at = string_raw.data + 1;
    const uint8_t *end = string_raw.data + string_raw.len - 1;
    mr_buf_reserve(out, string_raw.len);
    while (at < end) {
        const uint8_t *escape = memchr(at, '\\', (size_t)(end - at));
        const uint8_t *stop = escape != NULL ? escape : end;
        mr_buf_put(out, at, (size_t)(stop - at));
        if (escape == NULL) {
            return;
        }
        MR_ASSERT(end - escape >= 2);
        if (escape[1] == 'u') {
            at = unescape_unicode(escape + 2, end, out);
        } else {
            mr_buf_put_u8(out, unescaped_letter(escape[1]));
            at = escape + 2;
        }
    }
}
