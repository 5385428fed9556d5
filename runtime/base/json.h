/* runtime/base/json.h - JSON: simdjson's DOM behind one C header, spans of checked text, a writer.
 *
 * Rules (LANGUAGE rules 7, 19): the text is checked whole; of a key given twice the first counts;
 * an integer beyond int64, a number beyond double, a lone surrogate or bad UTF-8 make the text
 * invalid; nesting is at most MR_JSON_DEPTH_MAX. -0 is the integer 0; -0.0 keeps its sign
 * (canonical: 0). Texts given to the parser need MR_BUF_PADDING readable bytes behind them (mr_buf,
 * mr_shared and mr_arena_copy give them).
 * Thread: owner only.
 */
#pragma once

#include "runtime/base/bytes.h"

typedef enum mr_json_kind {
    MR_JSON_NULL,
    MR_JSON_BOOL,
    MR_JSON_INT,
    MR_JSON_FLOAT,
    MR_JSON_STRING,
    MR_JSON_ARRAY,
    MR_JSON_OBJECT,
} mr_json_kind;

typedef struct mr_json_parser mr_json_parser;

/* A value inside a parsed document; valid until the parser's next parse. Copy freely. */
typedef struct mr_json {
    const void *document;
    size_t index;
} mr_json;

typedef struct mr_json_iter {
    uint64_t opaque[6];
} mr_json_iter;

mr_json_parser *mr_json_parser_create(void);
void mr_json_parser_destroy(mr_json_parser *parser);
/* MR_INVALID: not JSON; the message says what and where (byte). */
mr_status mr_json_parse(mr_json_parser *parser, mr_bytes text, mr_json *root_out,
                        mr_err *err) MR_CHECKED;

mr_json_kind mr_json_kind_of(mr_json value);
bool mr_json_as_bool(mr_json value); /* asserts the kind, as do the next three */
int64_t mr_json_as_int(mr_json value);
double mr_json_as_float(mr_json value);    /* MR_JSON_FLOAT only */
mr_bytes mr_json_as_string(mr_json value); /* unescaped; borrowed until the next parse */
/* The first field of that name. */
mr_status mr_json_field(mr_json object, mr_bytes name, mr_json *out) MR_CHECKED;
size_t mr_json_count(mr_json array_or_object);
mr_json_iter mr_json_iterate(mr_json array_or_object);
/* name_out is null for arrays. false at the end. Doubled keys are all visited. */
bool mr_json_iter_next(mr_json_iter *iter, mr_bytes *name_out, mr_json *value_out);

/* ---- spans: the bytes of parts of a text that mr_json_parse accepted ---- */

typedef struct mr_json_span {
    mr_bytes name_raw; /* with its quotes, as written; null in arrays */
    mr_bytes value;    /* as written, without white space around it */
} mr_json_span;

typedef struct mr_json_walk {
    const uint8_t *at;
    const uint8_t *end;
} mr_json_walk;

/* text: exactly one checked object or array (white space around it allowed). */
mr_json_walk mr_json_walk_begin(mr_bytes text);
bool mr_json_walk_next(mr_json_walk *walk, mr_json_span *out);
mr_json_kind mr_json_span_kind(mr_bytes value); /* INT or FLOAT by the way it is written */
/* The span of the first field of that (unescaped) name in a checked object. */
mr_status mr_json_span_field(mr_bytes object, mr_bytes name, mr_bytes *value_out) MR_CHECKED;
/* Unescapes a checked string span (with quotes) into out (appended). */
void mr_json_span_unescape(mr_bytes string_raw, mr_buf *out);

/* ---- writer: appends to a buffer ---- */

void mr_json_put_null(mr_buf *out);
void mr_json_put_bool(mr_buf *out, bool value);
void mr_json_put_int(mr_buf *out, int64_t value);
/* Shortest text that reads back the same, C locale, always with '.', 'e' or both ("5.0", "1e+300").
 * MR_INVALID: NaN or infinity, nothing written. */
mr_status mr_json_put_float(mr_buf *out, double value) MR_CHECKED;
/* Quoted and escaped. MR_INVALID: not UTF-8, nothing written. */
mr_status mr_json_put_string(mr_buf *out, mr_bytes text) MR_CHECKED;
/* Canonical form of a value, for keys: object fields sorted by byte (the first of doubled keys), no
 * white space, numbers shortest and a float without fraction as the integer (5.0 -> 5, when it
 * fits). */
void mr_json_put_canonical(mr_buf *out, mr_json value);
/* The value as compact JSON, fields in their order. */
void mr_json_put_value(mr_buf *out, mr_json value);
/* MR_INVALID unless the bytes are UTF-8 (no surrogates, no overlong forms). */
mr_status mr_utf8_check(mr_bytes text) MR_CHECKED;
