#include "runtime/engine/datum.h"

#include <math.h>

#include "runtime/base/assert.h"
#include "runtime/engine/arithmetic.h"
#include "runtime/engine/type_check.h"

static mr_status refuse(const mr_datum *datum, const char *wanted, mr_err *err) {
    mr_datum_text text;
    return mr_err_set(err, MR_INVALID, "%s expected, got %s", wanted,
                      mr_datum_describe(datum, &text));
}

static mr_status encode_string(const mr_datum *datum, mr_buf *out, mr_err *err) {
    if (datum->kind != MR_DATUM_STRING || mr_utf8_check(datum->bytes) != MR_OK) {
        return refuse(datum, "a string", err);
    }
    mr_buf_put_bytes(out, datum->bytes);
    return MR_OK;
}

static mr_status encode_int(const mr_datum *datum, mr_buf *out, mr_err *err) {
    int64_t integer;
    if (!mr_datum_is_number(datum) || mr_arithmetic_to_int(datum, &integer) != MR_OK) {
        return refuse(datum, "an int", err);
    }
    mr_buf_put_be64(out, (uint64_t)integer);
    return MR_OK;
}

static mr_status encode_float(const mr_datum *datum, mr_buf *out, mr_err *err) {
    if (!mr_datum_is_number(datum)) {
        return refuse(datum, "a float", err);
    }
    mr_datum number = mr_datum_float(mr_arithmetic_to_float(datum));
    if (!isfinite(number.number) || mr_arithmetic_compare(datum, &number) != MR_ORDER_EQUAL) {
        return refuse(datum, "a number that a float holds", err);
    }
    uint64_t bits;
    memcpy(&bits, &number.number, 8);
    mr_buf_put_be64(out, bits);
    return MR_OK;
}

static mr_status encode_json(mr_value *value, const mr_type *type, mr_buf *out, mr_err *err) {
    if (type != NULL) {
        mr_status status = mr_value_touch(value, err);
        if (status == MR_OK) {
            status = mr_type_check(type, &value->datum, value->root, err);
        }
        if (status != MR_OK) {
            return status;
        }
    }
    return mr_datum_put_json(&value->datum, out, err);
}

const mr_format mr_format_of_keys = {.kind = MR_FORMAT_JSON, .type = NULL};

static bool keeps_its_bytes(const mr_value *value) {
    return value->raw.kind == MR_DATUM_RAW && value->raw.format != &mr_format_of_keys;
}

static mr_status encode_bytes(const mr_value *value, mr_buf *out, mr_err *err) {
    if (keeps_its_bytes(value)) {
        mr_buf_put_bytes(out, value->raw.bytes);
        return MR_OK;
    }
    if (value->datum.kind == MR_DATUM_STRING) {
        mr_buf_put_bytes(out, value->datum.bytes);
        return MR_OK;
    }
    return mr_datum_put_json(&value->datum, out, err);
}

/* Types are shared within a plan, so the same type is the same pointer; of two that only look alike
 * the value is checked once more. */
static bool passes_as_it_is(const mr_value *value, const mr_format *format) {
    return value->raw.kind == MR_DATUM_RAW && value->raw.format->kind == format->kind &&
           value->raw.format->type == format->type;
}

mr_status mr_value_encode(mr_value *value, const mr_format *format, mr_buf *out, bool *null_out,
                          mr_err *err) {
    *null_out = false;
    if (passes_as_it_is(value, format)) {
        mr_buf_put_bytes(out, value->raw.bytes);
        return MR_OK;
    }
    if (format->kind == MR_FORMAT_BYTES && keeps_its_bytes(value)) {
        return encode_bytes(value, out, err);
    }
    if (value->datum.kind == MR_DATUM_RAW) {
        mr_status status = mr_value_touch(value, err);
        if (status != MR_OK) {
            return status;
        }
    }
    if (value->datum.kind == MR_DATUM_NULL) {
        *null_out = true;
        return MR_OK;
    }
    if (value->datum.kind == MR_DATUM_NIL) {
        return mr_err_set(err, MR_INVALID, "there is no value");
    }
    switch (format->kind) {
    case MR_FORMAT_BYTES:
        return encode_bytes(value, out, err);
    case MR_FORMAT_STRING:
        return encode_string(&value->datum, out, err);
    case MR_FORMAT_INT:
        return encode_int(&value->datum, out, err);
    case MR_FORMAT_FLOAT:
        return encode_float(&value->datum, out, err);
    case MR_FORMAT_JSON:
        return encode_json(value, format->type, out, err);
    }
    MR_UNREACHABLE();
}

static mr_status put_canonical_number(const mr_datum *number, mr_buf *out, mr_err *err) {
    int64_t integer;
    if (mr_arithmetic_to_int(number, &integer) == MR_OK) {
        mr_json_put_int(out, integer);
        return MR_OK;
    }
    return mr_datum_put_json(number, out, err);
}

mr_status mr_key_put_canonical(mr_value *key, mr_buf *out, mr_err *err) {
    mr_status status = mr_value_touch(key, err);
    if (status != MR_OK) {
        return status;
    }
    switch (key->datum.kind) {
    case MR_DATUM_NIL:
    case MR_DATUM_NULL:
        return mr_err_set(err, MR_INVALID, "there is no key");
    case MR_DATUM_INT:
    case MR_DATUM_FLOAT:
        return put_canonical_number(&key->datum, out, err);
    case MR_DATUM_JSON:
        mr_json_put_canonical(out, key->root);
        return MR_OK;
    default:
        return mr_datum_put_json(&key->datum, out, err);
    }
}
