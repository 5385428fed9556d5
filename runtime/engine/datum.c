#include "runtime/engine/datum.h"

#include <stdio.h>

#include "runtime/base/assert.h"

mr_datum mr_datum_raw(mr_bytes bytes, const mr_format *format) {
    MR_ASSERT(format != NULL);
    if (mr_bytes_is_null(bytes)) {
        return MR_DATUM_OF_NULL;
    }
    return (mr_datum){.kind = MR_DATUM_RAW, .format = format, .bytes = bytes};
}

mr_datum mr_datum_from_json(mr_json json, mr_bytes span) {
    switch (mr_json_kind_of(json)) {
    case MR_JSON_NULL:
        return MR_DATUM_OF_NULL;
    case MR_JSON_BOOL:
        return mr_datum_bool(mr_json_as_bool(json));
    case MR_JSON_INT:
        return mr_datum_int(mr_json_as_int(json));
    case MR_JSON_FLOAT:
        return mr_datum_float(mr_json_as_float(json));
    case MR_JSON_STRING:
        return mr_datum_string(mr_json_as_string(json));
    case MR_JSON_ARRAY:
    case MR_JSON_OBJECT:
        MR_ASSERT(!mr_bytes_is_null(span));
        return (mr_datum){.kind = MR_DATUM_JSON, .bytes = span};
    }
    MR_UNREACHABLE();
}

/* A cut string ends between two characters, so that the message stays UTF-8. */
static int shown_len(mr_bytes bytes) {
    size_t len = bytes.len;
    if (len > 60) {
        for (len = 60; len > 0 && (bytes.data[len] & 0xC0) == 0x80; len--) {
        }
    }
    return (int)len;
}

const char *mr_datum_describe(const mr_datum *datum, mr_datum_text *out) {
    char *text = out->text;
    size_t size = sizeof out->text;
    mr_buf number = {0};
    switch (datum->kind) {
    case MR_DATUM_NIL:
        return "nil";
    case MR_DATUM_NULL:
        return "null";
    case MR_DATUM_BOOL:
        return datum->boolean ? "true" : "false";
    case MR_DATUM_INT:
        mr_json_put_int(&number, datum->integer);
        snprintf(text, size, "the int %s", mr_buf_cstr(&number));
        mr_buf_deinit(&number);
        return text;
    case MR_DATUM_FLOAT:
        if (mr_json_put_float(&number, datum->number) != MR_OK) {
            return datum->number != datum->number ? "NaN" : "infinity";
        }
        snprintf(text, size, "the float %s", mr_buf_cstr(&number));
        mr_buf_deinit(&number);
        return text;
    case MR_DATUM_STRING:
        if (mr_utf8_check(datum->bytes) != MR_OK) {
            return "a string that is not UTF-8";
        }
        snprintf(text, size, "the string '%.*s%s'", shown_len(datum->bytes),
                 (const char *)datum->bytes.data, datum->bytes.len > 60 ? "..." : "");
        return text;
    case MR_DATUM_JSON:
        return datum->bytes.data[0] == '[' ? "an array" : "a table";
    case MR_DATUM_RAW:
        return "undecoded bytes";
    }
    MR_UNREACHABLE();
}

static mr_status put_float(double number, mr_buf *out, mr_err *err) {
    if (mr_json_put_float(out, number) == MR_OK) {
        return MR_OK;
    }
    mr_datum datum = mr_datum_float(number);
    mr_datum_text text;
    return mr_err_set(err, MR_INVALID, "%s cannot be written", mr_datum_describe(&datum, &text));
}

mr_status mr_datum_put_json(const mr_datum *datum, mr_buf *out, mr_err *err) {
    switch (datum->kind) {
    case MR_DATUM_NULL:
        mr_json_put_null(out);
        return MR_OK;
    case MR_DATUM_BOOL:
        mr_json_put_bool(out, datum->boolean);
        return MR_OK;
    case MR_DATUM_INT:
        mr_json_put_int(out, datum->integer);
        return MR_OK;
    case MR_DATUM_FLOAT:
        return put_float(datum->number, out, err);
    case MR_DATUM_STRING:
        if (mr_json_put_string(out, datum->bytes) == MR_OK) {
            return MR_OK;
        }
        return mr_err_set(err, MR_INVALID, "a string that is not UTF-8 cannot be written as JSON");
    case MR_DATUM_JSON:
        mr_buf_put_bytes(out, datum->bytes);
        return MR_OK;
    case MR_DATUM_NIL:
    case MR_DATUM_RAW:
        break;
    }
    MR_UNREACHABLE();
}
