#include "runtime/engine/format.h"

#include <math.h>

#include "runtime/base/assert.h"
#include "runtime/engine/arithmetic.h"
#include "runtime/engine/type_check.h"

static bool is_space(uint8_t c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

mr_bytes mr_json_trimmed(mr_bytes text) {
    while (text.len > 0 && is_space(text.data[0])) {
        text.data++;
        text.len--;
    }
    while (text.len > 0 && is_space(text.data[text.len - 1])) {
        text.len--;
    }
    return text;
}

static mr_status expect_8_bytes(mr_bytes bytes, const char *name, mr_err *err) {
    if (bytes.len == 8) {
        return MR_OK;
    }
    return mr_err_set(err, MR_INVALID, "8 bytes expected for %s, got %zu", name, bytes.len);
}

static mr_status decode_int(mr_bytes bytes, mr_datum *out, mr_err *err) {
    mr_status status = expect_8_bytes(bytes, "int", err);
    if (status == MR_OK) {
        *out = mr_datum_int((int64_t)mr_get_be64(bytes.data));
    }
    return status;
}

static mr_status decode_float(mr_bytes bytes, mr_datum *out, mr_err *err) {
    mr_status status = expect_8_bytes(bytes, "float", err);
    if (status != MR_OK) {
        return status;
    }
    uint64_t bits = mr_get_be64(bytes.data);
    double number;
    memcpy(&number, &bits, 8);
    *out = mr_datum_float(number);
    if (isfinite(number)) {
        return MR_OK;
    }
    mr_datum_text text;
    return mr_err_set(err, MR_INVALID, "%s is no value of a float", mr_datum_describe(out, &text));
}

static mr_status decode_json(mr_value *value, mr_datum *out, mr_err *err) {
    mr_status status = mr_value_parse(value, value->datum.bytes, out, err);
    const mr_type *type = value->datum.format->type;
    if (status != MR_OK || type == NULL) {
        return status;
    }
    return mr_type_check(type, out, value->root, err);
}

mr_status mr_format_decode(mr_value *value, mr_datum *out, mr_err *err) {
    MR_ASSERT(value->datum.kind == MR_DATUM_RAW);
    mr_bytes bytes = value->datum.bytes;
    switch (value->datum.format->kind) {
    case MR_FORMAT_STRING:
        if (mr_utf8_check(bytes) != MR_OK) {
            return mr_err_set(err, MR_INVALID, "not UTF-8, as a string has to be");
        }
        *out = mr_datum_string(bytes);
        return MR_OK;
    case MR_FORMAT_BYTES:
        *out = mr_datum_string(bytes);
        return MR_OK;
    case MR_FORMAT_INT:
        return decode_int(bytes, out, err);
    case MR_FORMAT_FLOAT:
        return decode_float(bytes, out, err);
    case MR_FORMAT_JSON:
        return decode_json(value, out, err);
    }
    MR_UNREACHABLE();
}
