#include "runtime/engine/record_json.h"

#include <inttypes.h>

/* ---- pieces ---- */

void mr_json_put_base64(mr_buf *out, mr_bytes bytes) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    mr_buf_put_text(out, "{\"base64\":\"");
    for (size_t i = 0; i < bytes.len; i += 3) {
        size_t left = bytes.len - i;
        uint32_t group = (uint32_t)bytes.data[i] << 16;
        group |= left > 1 ? (uint32_t)bytes.data[i + 1] << 8 : 0;
        group |= left > 2 ? (uint32_t)bytes.data[i + 2] : 0;
        char text[4] = {digits[group >> 18], digits[group >> 12 & 63],
                        left > 1 ? digits[group >> 6 & 63] : '=',
                        left > 2 ? digits[group & 63] : '='};
        mr_buf_put(out, text, sizeof text);
    }
    mr_buf_put_text(out, "\"}");
}

/* A string holds no raw line end, so each one stands between tokens, where it may go. */
void mr_json_put_one_line(mr_buf *out, mr_bytes json) {
    size_t from = 0;
    for (size_t i = 0; i <= json.len; i++) {
        if (i == json.len || json.data[i] == '\n' || json.data[i] == '\r') {
            mr_buf_put(out, json.data + from, i - from);
            from = i + 1;
        }
    }
}

static void put_text_or_base64(mr_buf *out, mr_bytes bytes) {
    if (mr_json_put_string(out, bytes) != MR_OK) {
        mr_json_put_base64(out, bytes);
    }
}

static void put_float(mr_buf *out, mr_bytes bytes) {
    uint64_t bits = mr_get_be64(bytes.data);
    double number;
    memcpy(&number, &bits, sizeof number);
    if (mr_json_put_float(out, number) != MR_OK) {
        mr_json_put_base64(out, bytes); /* NaN and infinity are no JSON */
    }
}

static void put_json(mr_json_parser *parser, mr_buf *out, mr_bytes bytes) {
    mr_json root;
    if (mr_json_parse(parser, bytes, &root, NULL) == MR_OK) {
        mr_json_put_one_line(out, bytes);
    } else {
        put_text_or_base64(out, bytes);
    }
}

static void put_datum(mr_json_parser *parser, mr_buf *out, mr_bytes bytes,
                      const mr_format *format) {
    if (mr_bytes_is_null(bytes)) {
        mr_json_put_null(out);
        return;
    }
    switch (format != NULL ? format->kind : MR_FORMAT_BYTES) {
    case MR_FORMAT_INT:
        if (bytes.len == 8) {
            mr_json_put_int(out, (int64_t)mr_get_be64(bytes.data));
        } else {
            mr_json_put_base64(out, bytes);
        }
        break;
    case MR_FORMAT_FLOAT:
        if (bytes.len == 8) {
            put_float(out, bytes);
        } else {
            mr_json_put_base64(out, bytes);
        }
        break;
    case MR_FORMAT_JSON:
        put_json(parser, out, bytes);
        break;
    case MR_FORMAT_STRING:
    case MR_FORMAT_BYTES:
        put_text_or_base64(out, bytes);
        break;
    }
}

/* ---- headers ---- */

static void put_header_value(mr_buf *out, mr_bytes value) {
    if (mr_bytes_is_null(value)) {
        mr_json_put_null(out);
    } else {
        put_text_or_base64(out, value);
    }
}

static bool seen_before(const mr_record *record, size_t index) {
    for (size_t i = 0; i < index; i++) {
        if (mr_bytes_equal(record->headers[i].key, record->headers[index].key)) {
            return true;
        }
    }
    return false;
}

static void put_header_name(mr_buf *out, mr_bytes name) {
    if (mr_json_put_string(out, name) != MR_OK) {
        mr_buf encoded = {0};
        mr_json_put_base64(&encoded, name);
        mr_status status = mr_json_put_string(out, mr_buf_view(&encoded));
        (void)status; /* base64 is text */
        mr_buf_deinit(&encoded);
    }
}

static void put_headers(mr_buf *out, const mr_record *record) {
    const char *comma = "";
    mr_buf_put_text(out, "{");
    for (size_t i = 0; i < record->headers_count; i++) {
        if (seen_before(record, i)) {
            continue;
        }
        mr_bytes name = record->headers[i].key;
        size_t count = 0;
        for (size_t j = i; j < record->headers_count; j++) {
            count += mr_bytes_equal(record->headers[j].key, name);
        }
        mr_buf_put_text(out, comma);
        comma = ",";
        put_header_name(out, name);
        mr_buf_put_text(out, count > 1 ? ":[" : ":");
        const char *between = "";
        for (size_t j = i; j < record->headers_count; j++) {
            if (mr_bytes_equal(record->headers[j].key, name)) {
                mr_buf_put_text(out, between);
                between = ",";
                put_header_value(out, record->headers[j].value);
            }
        }
        mr_buf_put_text(out, count > 1 ? "]" : "");
    }
    mr_buf_put_text(out, "}");
}

/* ---- the line ---- */

static void put_rest(const mr_record *record, int32_t partition, mr_buf *out) {
    mr_buf_printf(out, ",\"ts\":%" PRId64 ",\"headers\":", record->timestamp_ms);
    put_headers(out, record);
    mr_buf_printf(out, ",\"partition\":%" PRId32 ",\"offset\":%" PRId64 "}", partition,
                  record->offset);
}

void mr_record_json_put_parts(const mr_record *record, mr_bytes key_json, mr_bytes value_json,
                              int32_t partition, mr_buf *out) {
    mr_buf_put_text(out, "{\"key\":");
    mr_json_put_one_line(out, key_json);
    mr_buf_put_text(out, ",\"value\":");
    mr_json_put_one_line(out, value_json);
    put_rest(record, partition, out);
}

void mr_record_json_put_with(mr_json_parser *parser, const mr_record *record, const mr_format *key,
                             const mr_format *value, int32_t partition, mr_buf *out) {
    mr_buf_put_text(out, "{\"key\":");
    put_datum(parser, out, record->key, key);
    mr_buf_put_text(out, ",\"value\":");
    put_datum(parser, out, record->value, value);
    put_rest(record, partition, out);
}

void mr_record_json_put(const mr_record *record, const mr_format *key, const mr_format *value,
                        int32_t partition, mr_buf *out) {
    mr_json_parser *parser = mr_json_parser_create();
    mr_record_json_put_with(parser, record, key, value, partition, out);
    mr_json_parser_destroy(parser);
}
