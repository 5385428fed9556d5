#include "runtime/engine/type_check.h"

#include "runtime/base/assert.h"
#include "runtime/engine/arithmetic.h"

/* One step of the way from the value to the place being checked; kept on the C stack and turned
 * into text only when the place does not fit. */
typedef struct place {
    const struct place *parent;
    mr_bytes name; /* of a field; null: an item */
    size_t item;   /* from 1 */
} place;

static const char *const kind_names[] = {
    [MR_TYPE_ANY] = "any",       [MR_TYPE_STRING] = "string", [MR_TYPE_INT] = "int",
    [MR_TYPE_NUMBER] = "number", [MR_TYPE_BOOL] = "bool",     [MR_TYPE_ARRAY] = "array",
    [MR_TYPE_MAP] = "map",       [MR_TYPE_RECORD] = "object",
};

static void put_place(const place *at, mr_buf *out) {
    if (at == NULL) {
        return;
    }
    put_place(at->parent, out);
    if (mr_bytes_is_null(at->name)) {
        mr_buf_printf(out, "[%zu]", at->item);
        return;
    }
    if (at->parent != NULL) {
        mr_buf_put_u8(out, '.');
    }
    mr_buf_put_bytes(out, at->name);
}

static mr_status refuse(const place *at, mr_err *err, const char *cause) {
    if (err == NULL) {
        return MR_INVALID;
    }
    mr_buf path = {0};
    put_place(at, &path);
    if (path.len > 0) {
        (void)mr_err_set(err, MR_INVALID, "field '%s' %s", mr_buf_cstr(&path), cause);
    } else {
        (void)mr_err_set(err, MR_INVALID, "the value %s", cause);
    }
    mr_buf_deinit(&path);
    return MR_INVALID;
}

static mr_status refuse_kind(const mr_type *type, const mr_datum *got, const place *at,
                             mr_err *err) {
    if (err == NULL) {
        return MR_INVALID;
    }
    mr_datum_text got_text;
    mr_buf cause = {0};
    mr_buf_printf(&cause, "is %s, not %s", mr_datum_describe(got, &got_text),
                  type->name != NULL ? type->name : kind_names[type->kind]);
    mr_status status = refuse(at, err, mr_buf_cstr(&cause));
    mr_buf_deinit(&cause);
    return status;
}

static mr_status check(const mr_type *type, mr_json json, const place *at, mr_err *err);

static mr_status check_items(const mr_type *type, mr_json json, const place *at, mr_err *err) {
    mr_json_iter iter = mr_json_iterate(json);
    place item = {.parent = at};
    mr_json value;
    while (mr_json_iter_next(&iter, &item.name, &value)) {
        item.item++;
        mr_status status = check(type->item, value, &item, err);
        if (status != MR_OK) {
            return status;
        }
    }
    return MR_OK;
}

static mr_status check_fields(const mr_type *type, mr_json json, const place *at, mr_err *err) {
    for (uint32_t i = 0; i < type->fields_count; i++) {
        const mr_type_field *field = &type->fields[i];
        place inside = {.parent = at, .name = mr_bytes_text(field->name)};
        mr_json value;
        mr_status status = mr_json_field(json, inside.name, &value);
        if (status == MR_OK) {
            status = check(field->type, value, &inside, err);
        } else {
            status = field->type->nullable ? MR_OK : refuse(&inside, err, "is missing");
        }
        if (status != MR_OK) {
            return status;
        }
    }
    return MR_OK;
}

/* A scalar against a type; arrays and objects never fit here. */
static bool scalar_fits(const mr_type *type, const mr_datum *datum) {
    int64_t whole;
    switch (type->kind) {
    case MR_TYPE_ANY:
        return true;
    case MR_TYPE_STRING:
        return datum->kind == MR_DATUM_STRING;
    case MR_TYPE_INT:
        return mr_datum_is_number(datum) && mr_arithmetic_to_int(datum, &whole) == MR_OK;
    case MR_TYPE_NUMBER:
        return mr_datum_is_number(datum);
    case MR_TYPE_BOOL:
        return datum->kind == MR_DATUM_BOOL;
    case MR_TYPE_ARRAY:
    case MR_TYPE_MAP:
    case MR_TYPE_RECORD:
        return false;
    }
    MR_UNREACHABLE();
}

static mr_status check_scalar(const mr_type *type, const mr_datum *datum, const place *at,
                              mr_err *err) {
    if (datum->kind == MR_DATUM_NULL || datum->kind == MR_DATUM_NIL) {
        bool fits = type->nullable || type->kind == MR_TYPE_ANY;
        return fits ? MR_OK : refuse(at, err, "is null");
    }
    return scalar_fits(type, datum) ? MR_OK : refuse_kind(type, datum, at, err);
}

static mr_status check(const mr_type *type, mr_json json, const place *at, mr_err *err) {
    mr_json_kind kind = mr_json_kind_of(json);
    if (type->kind == MR_TYPE_ANY) {
        return MR_OK;
    }
    if (kind == MR_JSON_ARRAY && type->kind == MR_TYPE_ARRAY) {
        return check_items(type, json, at, err);
    }
    if (kind == MR_JSON_OBJECT && type->kind == MR_TYPE_MAP) {
        return check_items(type, json, at, err);
    }
    if (kind == MR_JSON_OBJECT && type->kind == MR_TYPE_RECORD) {
        return check_fields(type, json, at, err);
    }
    mr_datum datum = mr_datum_from_json(json, mr_bytes_text(kind == MR_JSON_ARRAY ? "[]" : "{}"));
    return check_scalar(type, &datum, at, err);
}

mr_status mr_type_check(const mr_type *type, const mr_datum *datum, mr_json root, mr_err *err) {
    MR_ASSERT(datum->kind != MR_DATUM_RAW);
    if (datum->kind == MR_DATUM_JSON) {
        return check(type, root, NULL, err);
    }
    return check_scalar(type, datum, NULL, err);
}
