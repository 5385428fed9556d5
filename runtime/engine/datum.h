/* runtime/engine/datum.h - one value of the job language: what flows between steps, before and
 * after decoding. Plain data; bytes are borrowed from the record, an arena or a document.
 *
 * RAW is undecoded: the bytes of a topic in their format. What no step touches is written as the
 * bytes it was (LANGUAGE rule 7). JSON is checked JSON text of an array or object (with
 * MR_BUF_PADDING behind). Thread: owner task only.
 */
#pragma once

#include "runtime/base/arena.h"
#include "runtime/base/json.h"
#include "topologies/plan.h"

typedef enum mr_datum_kind {
    MR_DATUM_NIL,  /* absent */
    MR_DATUM_NULL, /* `null`: the tombstone, no key, JSON null in an array */
    MR_DATUM_BOOL,
    MR_DATUM_INT,
    MR_DATUM_FLOAT,
    MR_DATUM_STRING, /* any bytes; UTF-8 is checked where they become JSON or `string` */
    MR_DATUM_JSON,
    MR_DATUM_RAW,
} mr_datum_kind;

typedef struct mr_datum {
    mr_datum_kind kind;
    const mr_format *format; /* RAW only; borrowed from the plan */
    union {
        bool boolean;
        int64_t integer;
        double number;
    };
    mr_bytes bytes; /* STRING, JSON, RAW */
} mr_datum;

#define MR_DATUM_OF_NIL ((mr_datum){.kind = MR_DATUM_NIL})
#define MR_DATUM_OF_NULL ((mr_datum){.kind = MR_DATUM_NULL})
static inline mr_datum mr_datum_int(int64_t value) {
    return (mr_datum){.kind = MR_DATUM_INT, .integer = value};
}
static inline mr_datum mr_datum_float(double value) {
    return (mr_datum){.kind = MR_DATUM_FLOAT, .number = value};
}
static inline mr_datum mr_datum_bool(bool value) {
    return (mr_datum){.kind = MR_DATUM_BOOL, .boolean = value};
}
static inline mr_datum mr_datum_string(mr_bytes bytes) {
    return (mr_datum){.kind = MR_DATUM_STRING, .bytes = bytes};
}
/* bytes null: MR_DATUM_NULL. */
mr_datum mr_datum_raw(mr_bytes bytes, const mr_format *format);

/* Lua's truth: nil and false fail, all else holds, `null` too (LANGUAGE rule 6). */
static inline bool mr_datum_truth(const mr_datum *datum) {
    return !(datum->kind == MR_DATUM_NIL || (datum->kind == MR_DATUM_BOOL && !datum->boolean));
}

/* ---- a lazily decoded value: decoded when first touched, then checked whole ---- */

typedef struct mr_value_pool mr_value_pool; /* parsers, reused; one per task */
mr_value_pool *mr_value_pool_create(void);
void mr_value_pool_destroy(mr_value_pool *pool);

typedef struct mr_value {
    mr_datum datum; /* as it came; replaced by the decoded one when touched */
    mr_datum raw;   /* as it came if that was RAW, else NIL: what was only read keeps its bytes */
    bool touched;   /* datum is decoded (not RAW) and `root` is set if it is JSON */
    mr_json root;
    mr_json_parser *parser; /* from the pool while touched JSON */
    mr_value_pool *pool;
    uint64_t generation; /* grows with each init of a pool's values: scripts see that a kept value
                            is stale */
} mr_value;

/* The struct needs no former content; one that was in use is deinited first. pool: NULL if datum is
 * neither RAW nor JSON. */
void mr_value_init(mr_value *value, mr_value_pool *pool, mr_datum datum);
void mr_value_deinit(mr_value *value); /* gives the parser back */
/* Decodes and checks against the format's type. MR_INVALID: the cause in err ("not JSON: ...",
 * "field 'items[2].price' is missing" (items count from 1, as in Lua), "8 bytes expected for int,
 * got 7"); the value stays as it was. Repeated calls are cheap. The text `null` is MR_DATUM_NULL.
 */
mr_status mr_value_touch(mr_value *value, mr_err *err) MR_CHECKED;
/* Field of a touched value by path. Lua's rules: a missing field or JSON null is NIL; indexing
 * anything but an object is MR_AGAIN (only Lua can say the error). Strings are borrowed from the
 * parser, JSON parts are spans of the text. */
mr_status mr_value_field(const mr_value *value, const mr_path *path, mr_datum *out) MR_CHECKED;
/* A decoded JSON value as datum (JSON null: NULL); span: its text, needed for arrays and objects.
 */
mr_datum mr_datum_from_json(mr_json json, mr_bytes span);

/* ---- writing ---- */

/* "nil", "a table", "the int 5", "the string 'abc...'": for messages. The text is cut at 60 bytes;
 * borrowed from out. */
typedef struct mr_datum_text {
    char text[128];
} mr_datum_text;
const char *mr_datum_describe(const mr_datum *datum, mr_datum_text *out);
/* As JSON text, appended. MR_INVALID: NaN, infinity, bad UTF-8. NIL is an error of the caller
 * (asserted); RAW must be touched first. */
mr_status mr_datum_put_json(const mr_datum *datum, mr_buf *out, mr_err *err) MR_CHECKED;
/* Of keys in internal topics and stores: canonical JSON, the dress of a value of Lua. Its bytes are
 * nobody's: where it is written as bytes, a string is its bytes. Known by its address. */
extern const mr_format mr_format_of_keys;
/* The canonical JSON of a key (LANGUAGE rule 8): sorted fields, shortest numbers, 5.0 = 5. */
mr_status mr_key_put_canonical(mr_value *key, mr_buf *out, mr_err *err) MR_CHECKED;
/* Encodes for a topic of this format, checking its type; a value that came RAW in the same format
 * and type passes as the bytes it was, touched or not. NULL gives *null_out = true and appends
 * nothing. What a format holds: string: text in UTF-8; int: a number without fraction within 64
 * bits; float: a number that double holds exactly, neither NaN nor infinity; json: all; bytes: what
 * came RAW as its bytes (but not mr_format_of_keys), a string's bytes, all else as JSON text.
 * MR_INVALID: the format cannot hold it, NIL among others; out is as it was. */
mr_status mr_value_encode(mr_value *value, const mr_format *format, mr_buf *out, bool *null_out,
                          mr_err *err) MR_CHECKED;
