#include "lua-api/lua_value.h"

#include <stdlib.h>

#include "runtime/base/assert.h"
#include "runtime/base/number.h"

const char mr_lua_removed = 0;

enum { USER_SLOTS = 1, USER_ANCHOR = 2, USER_NAME = 3, USER_VALUES = 3 };

/* Objects this large are charged for a look-up: it walks their fields. */
#define LARGE_OBJECT 64

/* ---- kinds ---- */

bool mr_lua_is_null(lua_State *state, int index) {
    if (lua_type(state, index) != LUA_TUSERDATA) {
        return false;
    }
    index = lua_absindex(state, index);
    mr_lua_push_slot(state, MR_LUA_SLOT_NULL);
    bool is = lua_rawequal(state, index, -1);
    lua_pop(state, 1);
    return is;
}

mr_lua_value *mr_lua_to_value(lua_State *state, int index) {
    if (lua_type(state, index) != LUA_TUSERDATA || !lua_getmetatable(state, index)) {
        return NULL;
    }
    mr_lua_push_slot(state, MR_LUA_SLOT_PROXY_META);
    bool is = lua_rawequal(state, -1, -2);
    lua_pop(state, 2);
    return is ? lua_touserdata(state, index) : NULL;
}

void mr_lua_value_check(lua_State *state, const mr_lua_value *value) {
    const mr_lua_document *document = value->document;
    if (document->expires && value->generation != mr_lua_vm_of(state)->generation) {
        luaL_error(state,
                   "this value belongs to an earlier record: memory between records is a store");
    }
}

/* ---- making ---- */

static mr_lua_value *push_new(lua_State *state, mr_lua_document *document) {
    mr_lua_value *value = lua_newuserdatauv(state, sizeof *value, USER_VALUES);
    *value = (mr_lua_value){.document = document, .generation = mr_lua_vm_of(state)->generation};
    mr_lua_push_slot(state, MR_LUA_SLOT_PROXY_META);
    lua_setmetatable(state, -2);
    return value;
}

static void fill(mr_lua_value *value, bool is_array, size_t count) {
    value->is_array = is_array;
    value->count = count;
    value->text_count = count;
}

static size_t count_span(mr_bytes span) {
    mr_json_walk walk = mr_json_walk_begin(span);
    mr_json_span part;
    size_t count = 0;
    while (mr_json_walk_next(&walk, &part)) {
        count++;
    }
    return count;
}

void mr_lua_value_push_root(lua_State *state, mr_lua_document_index index, const mr_value *value) {
    mr_lua_vm *vm = mr_lua_vm_of(state);
    vm->documents[index] = (mr_lua_document){
        .text = value->datum.bytes,
        .generation = vm->generation,
        .expires = true,
        .writable = index == MR_LUA_VALUE && vm->value_writable,
    };
    mr_lua_push_slot(state, MR_LUA_SLOT_ROOTS + index);
    mr_lua_value *root = lua_touserdata(state, -1);
    if (root->has_slots) {
        lua_pushnil(state);
        (void)lua_setiuservalue(state, -2, USER_SLOTS);
    }
    *root = (mr_lua_value){
        .document = &vm->documents[index],
        .json = value->root,
        .has_json = true,
        .span = value->datum.bytes,
        .generation = vm->generation,
    };
    fill(root, mr_json_kind_of(value->root) == MR_JSON_ARRAY, mr_json_count(value->root));
}

/* A child of the value at parent_index; its name (a string, for objects) stands at name_index, 0:
 * none. */
static mr_lua_value *push_child(lua_State *state, int parent_index, mr_lua_value *parent,
                                int name_index) {
    mr_lua_value *child = push_new(state, parent->document);
    child->parent = parent;
    child->generation = parent->generation;
    lua_pushvalue(state, parent_index);
    (void)lua_setiuservalue(state, -2, USER_ANCHOR);
    if (name_index != 0) {
        size_t len;
        const char *name = lua_tolstring(state, name_index, &len);
        child->name = mr_bytes_of(name, len);
        lua_pushvalue(state, name_index);
        (void)lua_setiuservalue(state, -2, USER_NAME);
    }
    return child;
}

static void push_json_scalar(lua_State *state, mr_json json, mr_json_kind kind) {
    switch (kind) {
    case MR_JSON_BOOL:
        lua_pushboolean(state, mr_json_as_bool(json));
        break;
    case MR_JSON_INT:
        lua_pushinteger(state, mr_json_as_int(json));
        break;
    case MR_JSON_FLOAT:
        lua_pushnumber(state, mr_json_as_float(json));
        break;
    case MR_JSON_STRING: {
        mr_bytes text = mr_json_as_string(json);
        lua_pushlstring(state, (const char *)text.data, text.len);
        break;
    }
    default:
        lua_pushnil(state);
        break;
    }
}

static void push_span_string(lua_State *state, mr_bytes span) {
    if (memchr(span.data, '\\', span.len) == NULL) {
        lua_pushlstring(state, (const char *)span.data + 1, span.len - 2);
        return;
    }
    mr_buf *scratch = &mr_lua_vm_of(state)->scratch;
    mr_buf_clear(scratch);
    mr_json_span_unescape(span, scratch);
    lua_pushlstring(state, (const char *)scratch->data, scratch->len);
}

static void push_span_scalar(lua_State *state, mr_bytes span, mr_json_kind kind) {
    mr_buf *scratch = &mr_lua_vm_of(state)->scratch;
    int64_t integer;
    switch (kind) {
    case MR_JSON_BOOL:
        lua_pushboolean(state, span.data[0] == 't');
        break;
    case MR_JSON_INT:
        if (mr_int_parse(span, &integer) == MR_OK) {
            lua_pushinteger(state, integer);
            break;
        }
        luaL_error(state, "an integer beyond 64 bits");
        break;
    case MR_JSON_FLOAT:
        mr_buf_clear(scratch);
        mr_buf_put_bytes(scratch, span);
        lua_pushnumber(state, strtod(mr_buf_cstr(scratch), NULL));
        break;
    case MR_JSON_STRING:
        push_span_string(state, span);
        break;
    default:
        lua_pushnil(state);
        break;
    }
}

static bool is_composite(mr_json_kind kind) {
    return kind == MR_JSON_ARRAY || kind == MR_JSON_OBJECT;
}

void mr_lua_value_push_text(lua_State *state, mr_bytes text) {
    mr_json_kind kind = mr_json_span_kind(text);
    if (!is_composite(kind)) {
        push_span_scalar(state, text, kind);
        return;
    }
    mr_lua_document *document =
        lua_newuserdatauv(state, sizeof *document + text.len + MR_BUF_PADDING, 0);
    uint8_t *bytes = (uint8_t *)(document + 1);
    memcpy(bytes, text.data, text.len);
    memset(bytes + text.len, 0, MR_BUF_PADDING);
    uint64_t generation = mr_lua_vm_of(state)->generation;
    *document = (mr_lua_document){
        .text = mr_bytes_of(bytes, text.len), .generation = generation, .writable = true};
    mr_lua_value *value = push_new(state, document);
    value->span = document->text;
    fill(value, kind == MR_JSON_ARRAY, count_span(value->span));
    lua_pushvalue(state, -2);
    (void)lua_setiuservalue(state, -2, USER_ANCHOR);
    lua_remove(state, -2);
}

/* A text was walked to the part at `found`, or to its end. */
static void charge_walk(lua_State *state, mr_bytes text, mr_status status, mr_bytes found) {
    mr_lua_charge_bytes(state,
                        status == MR_OK ? (size_t)(found.data + found.len - text.data) : text.len);
}

mr_bytes mr_lua_value_span(lua_State *state, mr_lua_value *value) {
    if (value->span.data == NULL) {
        MR_ASSERT(value->parent != NULL);
        mr_bytes text = mr_lua_value_span(state, value->parent);
        mr_status status = mr_json_span_field(text, value->name, &value->span);
        MR_ASSERT(status == MR_OK);
        charge_walk(state, text, status, value->span);
    }
    return value->span;
}

/* ---- slots ---- */

void mr_lua_value_slot(lua_State *state, int index, const mr_lua_value *value) {
    if (!value->has_slots) {
        lua_pop(state, 1);
        lua_pushnil(state);
        return;
    }
    (void)lua_getiuservalue(state, index, USER_SLOTS);
    lua_insert(state, -2);
    lua_rawget(state, -2);
    lua_remove(state, -2);
}

static void push_slots(lua_State *state, int index, mr_lua_value *value) {
    if (!value->has_slots) {
        lua_newtable(state);
        lua_pushvalue(state, -1);
        (void)lua_setiuservalue(state, index, USER_SLOTS);
        value->has_slots = true;
    } else {
        (void)lua_getiuservalue(state, index, USER_SLOTS);
    }
}

/* Pushes one element; its span is known from the walk. */
static void push_element(lua_State *state, int index, mr_lua_value *array, const mr_json *json,
                         mr_bytes span) {
    mr_json_kind kind = json != NULL ? mr_json_kind_of(*json) : mr_json_span_kind(span);
    if (kind == MR_JSON_NULL) {
        mr_lua_push_slot(state, MR_LUA_SLOT_NULL);
    } else if (is_composite(kind)) {
        mr_lua_value *child = push_child(state, index, array, 0);
        child->span = span;
        child->has_json = json != NULL;
        child->json = json != NULL ? *json : child->json;
        fill(child, kind == MR_JSON_ARRAY, json != NULL ? mr_json_count(*json) : count_span(span));
    } else if (json != NULL) {
        push_json_scalar(state, *json, kind);
    } else {
        push_span_scalar(state, span, kind);
    }
}

/* Elements come into the slots all at once, so that reading an array is linear. */
static void push_loaded(lua_State *state, int index, mr_lua_value *array) {
    if (array->has_slots) {
        push_slots(state, index, array);
        return;
    }
    mr_lua_charge(state, array->count);
    lua_createtable(state, array->count < 1 << 20 ? (int)array->count : 0, 0);
    int slots = lua_gettop(state);
    mr_json_walk walk = mr_json_walk_begin(mr_lua_value_span(state, array));
    mr_json_iter iter = {{0}};
    if (array->has_json) {
        iter = mr_json_iterate(array->json);
    }
    mr_json_span part;
    mr_json json;
    mr_bytes name;
    for (lua_Integer i = 1; mr_json_walk_next(&walk, &part); i++) {
        bool has_json = array->has_json && mr_json_iter_next(&iter, &name, &json);
        push_element(state, index, array, has_json ? &json : NULL, part.value);
        lua_rawseti(state, slots, i);
    }
    lua_pushvalue(state, slots);
    (void)lua_setiuservalue(state, index, USER_SLOTS);
    array->has_slots = true;
}

/* ---- reading ---- */

/* Pushes the field of the text whose name is at name_index. A part is kept in the slots where a
 * change of it must be found again, and an array, so that its elements are loaded once. */
static void push_field(lua_State *state, int index, mr_lua_value *object, int name_index) {
    size_t len;
    const char *text = lua_tolstring(state, name_index, &len);
    mr_bytes name = mr_bytes_of(text, len);
    mr_json json = {NULL, 0};
    mr_bytes span = MR_BYTES_NULL;
    if (object->count >= LARGE_OBJECT) {
        mr_lua_charge(state, object->count / 8);
    }
    mr_status status = object->has_json
                           ? mr_json_field(object->json, name, &json)
                           : mr_json_span_field(mr_lua_value_span(state, object), name, &span);
    if (!object->has_json) {
        charge_walk(state, mr_lua_value_span(state, object), status, span);
    }
    if (status != MR_OK) {
        lua_pushnil(state);
        return;
    }
    mr_json_kind kind = object->has_json ? mr_json_kind_of(json) : mr_json_span_kind(span);
    if (!is_composite(kind)) {
        object->has_json ? push_json_scalar(state, json, kind)
                         : push_span_scalar(state, span, kind);
        return;
    }
    mr_lua_value *child = push_child(state, index, object, name_index);
    child->span = span;
    child->has_json = object->has_json;
    if (object->has_json) {
        child->json = json;
    }
    fill(child, kind == MR_JSON_ARRAY, object->has_json ? mr_json_count(json) : count_span(span));
    if (object->document->writable || kind == MR_JSON_ARRAY) {
        push_slots(state, index, object);
        lua_pushvalue(state, name_index);
        lua_pushvalue(state, -3);
        lua_rawset(state, -3);
        lua_pop(state, 1);
    }
}

static int index_array(lua_State *state, mr_lua_value *array) {
    lua_Integer at = 0;
    int is_integer = 0;
    if (lua_type(state, 2) == LUA_TNUMBER) {
        at = lua_tointegerx(state, 2, &is_integer);
    }
    if (!is_integer || at < 1 || (uint64_t)at > array->count) {
        lua_pushnil(state);
        return 1;
    }
    push_loaded(state, 1, array);
    lua_rawgeti(state, -1, at);
    return 1;
}

static int value_index(lua_State *state) {
    mr_lua_value *value = lua_touserdata(state, 1);
    mr_lua_value_check(state, value);
    if (value->is_array) {
        return index_array(state, value);
    }
    if (lua_type(state, 2) != LUA_TSTRING) {
        lua_pushnil(state);
        return 1;
    }
    if (value->has_slots) {
        lua_pushvalue(state, 2);
        mr_lua_value_slot(state, 1, value);
        if (!lua_isnil(state, -1)) {
            if (lua_touserdata(state, -1) == MR_LUA_REMOVED || mr_lua_is_null(state, -1)) {
                lua_pushnil(state);
            }
            return 1;
        }
        lua_pop(state, 1);
    }
    push_field(state, 1, value, 2);
    return 1;
}

/* Parts of a text that cannot change are made anew each time they are read: the same part is equal.
 */
static int value_equal(lua_State *state) {
    mr_lua_value *a = mr_lua_to_value(state, 1);
    mr_lua_value *b = mr_lua_to_value(state, 2);
    bool same =
        a != NULL && b != NULL && a->document == b->document && a->generation == b->generation;
    if (same && a->has_json && b->has_json) {
        same = a->json.index == b->json.index;
    } else if (same) {
        same = mr_lua_value_span(state, a).data == mr_lua_value_span(state, b).data;
    }
    lua_pushboolean(state, same);
    return 1;
}

static int value_length(lua_State *state) {
    mr_lua_value *value = lua_touserdata(state, 1);
    mr_lua_value_check(state, value);
    lua_pushinteger(state, value->is_array ? (lua_Integer)value->count : 0);
    return 1;
}

/* The names of the text: each once, the first of doubled ones counts. */
static lua_Integer push_text_names(lua_State *state, int index, mr_lua_value *object) {
    lua_newtable(state);
    int names = lua_gettop(state);
    lua_newtable(state);
    int seen = names + 1;
    lua_Integer count = 0;
    mr_json_walk walk = mr_json_walk_begin(mr_lua_value_span(state, object));
    mr_json_span part;
    while (mr_json_walk_next(&walk, &part)) {
        push_span_string(state, part.name_raw);
        lua_pushvalue(state, -1);
        if (lua_rawget(state, seen) == LUA_TNIL) {
            lua_pushvalue(state, -2);
            lua_pushboolean(state, 1);
            lua_rawset(state, seen);
            lua_pop(state, 1);
            lua_pushvalue(state, -1);
            mr_lua_value_slot(state, index, object);
            bool assigned = !lua_isnil(state, -1);
            bool nil =
                assigned ? lua_touserdata(state, -1) == MR_LUA_REMOVED || mr_lua_is_null(state, -1)
                         : mr_json_span_kind(part.value) == MR_JSON_NULL;
            if (!nil) {
                lua_pushvalue(state, -2);
                lua_rawseti(state, names, ++count);
            }
        }
        lua_settop(state, seen);
    }
    lua_settop(state, names);
    mr_lua_charge(state, object->count);
    return count;
}

lua_Integer mr_lua_value_push_names(lua_State *state, int index) {
    mr_lua_value *value = lua_touserdata(state, index);
    mr_lua_value_check(state, value);
    if (value->is_array) {
        mr_lua_charge(state, value->count);
        lua_createtable(state, value->count < 1 << 20 ? (int)value->count : 0, 0);
        for (size_t i = 1; i <= value->count; i++) {
            lua_pushinteger(state, (lua_Integer)i);
            lua_rawseti(state, -2, (lua_Integer)i);
        }
        return (lua_Integer)value->count;
    }
    lua_Integer count = push_text_names(state, index, value);
    if (!value->has_slots) {
        return count;
    }
    int names = lua_gettop(state);
    push_slots(state, index, value);
    int slots = names + 1;
    for (lua_Integer i = 1; lua_rawgeti(state, slots, i) != LUA_TNIL; i++) {
        lua_pushvalue(state, -1);
        lua_rawget(state, slots);
        if (lua_touserdata(state, -1) != MR_LUA_REMOVED && !mr_lua_is_null(state, -1)) {
            lua_pushvalue(state, -2);
            lua_rawseti(state, names, ++count);
        }
        lua_settop(state, slots);
    }
    lua_settop(state, names);
    return count;
}

/* ---- writing: within map and flat_map, beside the text ---- */

static int write_array(lua_State *state, mr_lua_value *array) {
    int is_integer = 0;
    lua_Integer at = lua_type(state, 2) == LUA_TNUMBER ? lua_tointegerx(state, 2, &is_integer) : 0;
    if (!is_integer) {
        return luaL_error(state, "an array has no field '%s'", mr_lua_push_text(state, 2, NULL));
    }
    lua_Integer count = (lua_Integer)array->count;
    bool is_nil = lua_isnil(state, 3);
    if (at < 1 || at > count + 1 || (is_nil && at < count)) {
        return luaL_error(state, "an array of %I elements has no place %I%s", (LUAI_UACINT)count,
                          (LUAI_UACINT)at, is_nil ? " to empty: use table.remove, or null" : "");
    }
    push_loaded(state, 1, array);
    lua_pushvalue(state, 3);
    lua_rawseti(state, 4, at);
    if (is_nil) {
        array->count -= at == count;
    } else {
        array->count += at > count;
        lua_pushboolean(state, 1);
        lua_rawseti(state, 4, -at);
    }
    return 0;
}

static int write_object(lua_State *state, mr_lua_value *object) {
    if (lua_type(state, 2) != LUA_TSTRING) {
        return luaL_error(state, "the names of an object's fields are strings, got a %s",
                          mr_lua_type_name(state, 2));
    }
    lua_pushvalue(state, 2);
    mr_lua_value_slot(state, 1, object);
    bool known = !lua_isnil(state, -1);
    lua_settop(state, 3);
    if (!known) {
        size_t len;
        const char *text = lua_tolstring(state, 2, &len);
        mr_bytes span = MR_BYTES_NULL;
        mr_bytes whole = mr_lua_value_span(state, object);
        mr_status status = mr_json_span_field(whole, mr_bytes_of(text, len), &span);
        charge_walk(state, whole, status, span);
        known = status == MR_OK;
    }
    push_slots(state, 1, object);
    if (!known && !lua_isnil(state, 3)) {
        lua_pushvalue(state, 2);
        lua_rawseti(state, 4, (lua_Integer)lua_rawlen(state, 4) + 1);
    }
    if (known || !lua_isnil(state, 3)) {
        lua_pushvalue(state, 2);
        lua_isnil(state, 3) ? lua_pushlightuserdata(state, MR_LUA_REMOVED)
                            : lua_pushvalue(state, 3);
        lua_rawset(state, 4);
    }
    return 0;
}

static int refuse_write(lua_State *state, const mr_lua_vm *vm, const mr_lua_value *value) {
    if (value->document == &vm->documents[MR_LUA_KEY]) {
        return luaL_error(state, "key is read-only: rekey gives a record another one");
    }
    if (value->document == &vm->documents[MR_LUA_VALUE]) {
        return luaL_error(state, "value is read-only here: only map and flat_map may change it");
    }
    return luaL_error(
        state, "this table was made at load and is read-only: memory between records is a store");
}

static int value_newindex(lua_State *state) {
    mr_lua_value *value = lua_touserdata(state, 1);
    mr_lua_value_check(state, value);
    mr_lua_vm *vm = mr_lua_vm_of(state);
    if (!value->document->writable || value->document->generation != vm->generation) {
        return refuse_write(state, vm, value);
    }
    value->changed = true;
    value->document->dirty = true;
    return value->is_array ? write_array(state, value) : write_object(state, value);
}

void mr_lua_open_value(lua_State *state) {
    static const luaL_Reg functions[] = {{"__index", value_index},
                                         {"__newindex", value_newindex},
                                         {"__len", value_length},
                                         {"__eq", value_equal},
                                         {NULL, NULL}};
    lua_newtable(state);
    luaL_setfuncs(state, functions, 0);
    lua_pushliteral(state, "table"); /* in Lua's own messages */
    lua_setfield(state, -2, "__name");
    lua_rawseti(state, LUA_REGISTRYINDEX, MR_LUA_SLOT_PROXY_META);
    for (int i = 0; i < MR_LUA_DOCUMENTS; i++) {
        (void)push_new(state, &mr_lua_vm_of(state)->documents[i]);
        lua_rawseti(state, LUA_REGISTRYINDEX, MR_LUA_SLOT_ROOTS + i);
    }
    (void)lua_newuserdatauv(state, 1, 0);
    lua_newtable(state);
    lua_pushliteral(state, "null");
    lua_setfield(state, -2, "__name");
    lua_setmetatable(state, -2);
    lua_pushvalue(state, -1);
    lua_rawseti(state, LUA_REGISTRYINDEX, MR_LUA_SLOT_NULL);
    lua_setfield(state, -2, "null");
}
