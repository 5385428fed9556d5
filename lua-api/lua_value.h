/* lua-api/lua_value.h - parts of JSON texts as scripts see them: tables that are read from the text
 * when they are touched. Scalars are decoded at once, arrays and objects are values of their own
 * that know their place in the text; what a script changes lies beside the text, so that what it
 * leaves keeps its bytes.
 *
 * Userdata with two user values: 1 the slots (a table, or nil), 2 what keeps the text alive (parent
 * or document), 3 the name in the parent. slots of an object: name -> cached part, assigned value,
 * or MR_LUA_REMOVED; 1..n -> names that were added slots of an array:  1..n -> elements, once
 * loaded; -i -> true: element i was assigned Thread: owner task only. Functions may throw unless
 * said. Private to lua-api. */
#pragma once

#include "lua-api/lua_vm.h"

typedef struct mr_lua_value {
    mr_lua_document *document;
    struct mr_lua_value *parent; /* NULL: the whole text */
    mr_json json;                /* valid if has_json */
    bool has_json;
    bool is_array;
    bool has_slots;
    bool changed;      /* a field or element was assigned */
    mr_bytes span;     /* data NULL: not known yet */
    mr_bytes name;     /* in the parent; borrowed from user value 3 */
    size_t count;      /* elements of an array now; fields of an object in the text */
    size_t text_count; /* elements of an array in the text */
    uint64_t generation;
} mr_lua_value;

/* In slots: the field was removed. */
extern const char mr_lua_removed;
#define MR_LUA_REMOVED ((void *)(uintptr_t)&mr_lua_removed)

/* Neither throws; index may hold anything. */
bool mr_lua_is_null(lua_State *state, int index);
mr_lua_value *mr_lua_to_value(lua_State *state, int index); /* NULL: no JSON value */
/* Throws if the value is one of an earlier call. */
void mr_lua_value_check(lua_State *state, const mr_lua_value *value);
/* Pushes the record's key or value: touched JSON. */
void mr_lua_value_push_root(lua_State *state, mr_lua_document_index index, const mr_value *value);
/* Pushes what `text`, checked JSON of any kind, is; the bytes are copied. */
void mr_lua_value_push_text(lua_State *state, mr_bytes text);
/* Pushes an array of the keys whose value is not nil, in the order of the text; returns their
 * count. */
lua_Integer mr_lua_value_push_names(lua_State *state, int index);
/* The bytes of the part in its text; the walk to them is charged. */
mr_bytes mr_lua_value_span(lua_State *state, mr_lua_value *value);
/* Pushes slots[name or position on top], replacing it; nil if there are no slots. */
void mr_lua_value_slot(lua_State *state, int index, const mr_lua_value *value);
