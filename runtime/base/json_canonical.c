#include "runtime/base/json.h"

#include <math.h>
#include <stdlib.h>

#include "runtime/base/alloc.h"
#include "runtime/base/assert.h"

typedef struct canonical_field {
    mr_bytes name;
    mr_json value;
    size_t order; /* place in the text: of doubled names the first counts */
} canonical_field;

/* 2^63: the first double beyond int64. */
#define INT64_END 9223372036854775808.0

static void put_number(mr_buf *out, double value) {
    if (value >= -INT64_END && value < INT64_END && value == trunc(value)) {
        mr_json_put_int(out, (int64_t)value);
        return;
    }
    mr_status status = mr_json_put_float(out, value);
    MR_ASSERT(status == MR_OK);
}

static int compare_fields(const void *left, const void *right) {
    const canonical_field *a = left;
    const canonical_field *b = right;
    int by_name = mr_bytes_compare(a->name, b->name);
    return by_name != 0 ? by_name : (a->order > b->order) - (a->order < b->order);
}

static void put_object(mr_buf *out, mr_json object) {
    size_t count = mr_json_count(object);
    canonical_field *fields = mr_alloc_array(count, sizeof *fields);
    mr_json_iter iter = mr_json_iterate(object);
    for (size_t i = 0; i < count; i++) {
        bool more = mr_json_iter_next(&iter, &fields[i].name, &fields[i].value);
        MR_ASSERT(more);
        fields[i].order = i;
    }
    qsort(fields, count, sizeof *fields, compare_fields);
    mr_buf_put_u8(out, '{');
    for (size_t i = 0; i < count; i++) {
        if (i > 0 && mr_bytes_equal(fields[i - 1].name, fields[i].name)) {
            continue;
        }
        if (i > 0) {
            mr_buf_put_u8(out, ',');
        }
        mr_status status = mr_json_put_string(out, fields[i].name);
        MR_ASSERT(status == MR_OK);
        mr_buf_put_u8(out, ':');
        mr_json_put_canonical(out, fields[i].value);
    }
    mr_buf_put_u8(out, '}');
    mr_free(fields);
}

static void put_array(mr_buf *out, mr_json array) {
    mr_buf_put_u8(out, '[');
    mr_json_iter iter = mr_json_iterate(array);
    mr_bytes name;
    mr_json item;
    for (size_t i = 0; mr_json_iter_next(&iter, &name, &item); i++) {
        if (i > 0) {
            mr_buf_put_u8(out, ',');
        }
        mr_json_put_canonical(out, item);
    }
    mr_buf_put_u8(out, ']');
}

void mr_json_put_canonical(mr_buf *out, mr_json value) {
    switch (mr_json_kind_of(value)) {
    case MR_JSON_FLOAT:
        put_number(out, mr_json_as_float(value));
        return;
    case MR_JSON_ARRAY:
        put_array(out, value);
        return;
    case MR_JSON_OBJECT:
        put_object(out, value);
        return;
    default:
        mr_json_put_value(out, value);
    }
}
