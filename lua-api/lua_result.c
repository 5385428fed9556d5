#include "lua-api/lua_result.h"

#include <math.h>

#include "lua-api/lua_encode.h"
#include "lua-api/lua_order.h"
#include "lua-api/lua_value.h"
#include "runtime/base/assert.h"
#include "runtime/base/limits.h"
#include "runtime/base/number.h"

static mr_bytes copy_text(lua_State *state, int index, mr_arena *arena) {
    size_t len;
    const char *text = lua_tolstring(state, index, &len);
    return mr_arena_copy(arena, mr_bytes_of(text, len));
}

static bool is_finite_number(lua_State *state, int index) {
    return lua_type(state, index) == LUA_TNUMBER && isfinite(lua_tonumber(state, index));
}

/* May throw: tables are encoded, some values are none. */
static mr_datum take(lua_State *state, int index, mr_arena *arena) {
    mr_datum out = MR_DATUM_OF_NIL;
    switch (lua_type(state, index)) {
    case LUA_TNIL:
        break;
    case LUA_TBOOLEAN:
        out = mr_datum_bool(lua_toboolean(state, index));
        break;
    case LUA_TNUMBER:
        if (!is_finite_number(state, index)) {
            luaL_error(state, "NaN and infinity are no values of a record");
        }
        out = lua_isinteger(state, index) ? mr_datum_int(lua_tointeger(state, index))
                                          : mr_datum_float(lua_tonumber(state, index));
        break;
    case LUA_TSTRING:
        out = mr_datum_string(copy_text(state, index, arena));
        break;
    case LUA_TFUNCTION:
        luaL_error(state, "a function is no value: call it");
        break;
    default:
        if (mr_lua_is_null(state, index)) {
            return MR_DATUM_OF_NULL;
        }
        mr_lua_encode(state, index);
        out = (mr_datum){.kind = MR_DATUM_JSON,
                         .bytes = mr_arena_copy(arena, mr_buf_view(&mr_lua_vm_of(state)->out))};
        break;
    }
    return out;
}

typedef struct taking {
    mr_arena *arena;
    mr_datum datum;
    mr_script_item *items;
    size_t count;
    size_t headers_cap; /* room of the item being taken */
} taking;

static int take_protected(lua_State *state) {
    taking *t = lua_touserdata(state, 2);
    t->datum = take(state, 1, t->arena);
    return 0;
}

static mr_status run_protected(mr_lua_vm *vm, lua_CFunction function, taking *t, mr_err *err) {
    lua_State *state = vm->state;
    lua_pushcfunction(state, function);
    lua_insert(state, -2);
    lua_pushlightuserdata(state, t);
    int status = lua_pcall(state, 2, 0, 0);
    if (status == LUA_OK) {
        return MR_OK;
    }
    vm->memory_failed |= status == LUA_ERRMEM;
    char room[MR_NUMBER_TEXT_MAX];
    (void)mr_err_set(err, MR_INVALID, "%s", mr_lua_error_text(state, room));
    lua_pop(state, 1);
    return MR_INVALID;
}

mr_status mr_lua_result_datum(mr_lua_vm *vm, mr_code_use use, mr_arena *arena, mr_datum *out,
                              mr_err *err) {
    lua_State *state = vm->state;
    int type = lua_type(state, -1);
    if (use == MR_CODE_CONDITION || type == LUA_TBOOLEAN) {
        *out = mr_datum_bool(lua_toboolean(state, -1));
    } else if (type == LUA_TNIL || type == LUA_TSTRING || is_finite_number(state, -1)) {
        *out = take(state, -1, arena);
    } else {
        taking t = {.arena = arena};
        mr_status status = run_protected(vm, take_protected, &t, err);
        *out = t.datum;
        return status;
    }
    lua_pop(state, 1);
    return MR_OK;
}

/* ---- flat_map: a list of {key=, value=, ts=, headers=}. Each item has its own copy of a text, so
 * copies are charged: they stand in the arena, not in the memory of the VM ---- */

static void charge_copy(lua_State *state, int index) {
    if (lua_type(state, index) == LUA_TSTRING) {
        mr_lua_charge_bytes(state, lua_rawlen(state, index));
    }
}

static void add_header(lua_State *state, taking *t, mr_script_item *item, mr_bytes name,
                       int index) {
    if (item->headers_count == t->headers_cap) { /* a metatable shows more than there is */
        luaL_error(state, "a list of headers must be a plain table");
    }
    charge_copy(state, index);
    mr_header *header = (mr_header *)(uintptr_t)&item->headers[item->headers_count++];
    *header = (mr_header){.key = name, .value = MR_BYTES_NULL};
    if (lua_type(state, index) == LUA_TSTRING) {
        header->value = copy_text(state, index, t->arena);
    } else if (!mr_lua_is_null(state, index)) {
        luaL_error(state, "a header must be a string, got a %s", mr_lua_type_name(state, index));
    }
}

static bool is_table(lua_State *state, int index) {
    return lua_type(state, index) == LUA_TTABLE || mr_lua_to_value(state, index) != NULL;
}

/* How many headers the value on top, at index, makes: one, or one for each element of a list. */
static lua_Integer values_of(lua_State *state, int index) {
    if (!is_table(state, index)) {
        return 1;
    }
    lua_Integer keys = mr_lua_push_sorted_keys(state, index);
    for (lua_Integer i = 1; i <= keys; i++) {
        lua_rawgeti(state, index + 1, i);
        if (!lua_isinteger(state, -1) || lua_tointeger(state, -1) != i) {
            luaL_error(state, "the values of a header must be a string or a list of strings");
        }
        lua_pop(state, 1);
    }
    lua_settop(state, index);
    return keys;
}

/* Room for all values of the table of headers at index; its names stand in the array at `keys`. */
static mr_header *new_headers(lua_State *state, taking *t, int index, int keys) {
    lua_Integer count = 0;
    for (lua_Integer i = 1; lua_rawgeti(state, keys, i) != LUA_TNIL; i++) {
        (void)lua_gettable(state, index);
        count += values_of(state, keys + 1);
        lua_settop(state, keys);
    }
    lua_settop(state, keys);
    if (count > MR_STEP_HEADERS_MAX) {
        luaL_error(state, "more than %d headers", MR_STEP_HEADERS_MAX);
    }
    t->headers_cap = (size_t)count;
    return mr_arena_zalloc(t->arena, (size_t)(count + 1) * sizeof(mr_header));
}

/* A table name -> string, null, or a list of them; in the order of the names. */
static void take_headers(lua_State *state, taking *t, mr_script_item *item, int index) {
    const mr_lua_vm *vm = mr_lua_vm_of(state);
    item->has_headers = true;
    mr_lua_push_slot(state, MR_LUA_SLOT_HEADERS);
    bool same = lua_rawequal(state, -1, index);
    lua_pop(state, 1);
    if (same) {
        item->headers = vm->scope->headers;
        item->headers_count = vm->scope->headers_count;
        return;
    }
    if (!is_table(state, index)) {
        luaL_error(state, "headers must be a table, got a %s", mr_lua_type_name(state, index));
    }
    lua_Integer count = mr_lua_push_sorted_keys(state, index);
    int keys = lua_gettop(state);
    item->headers = new_headers(state, t, index, keys);
    for (lua_Integer i = 1; i <= count; i++) {
        if (lua_rawgeti(state, keys, i) != LUA_TSTRING) {
            luaL_error(state, "the names of headers are strings");
        }
        charge_copy(state, keys + 1);
        mr_bytes name = copy_text(state, keys + 1, t->arena);
        lua_pushvalue(state, keys + 1);
        (void)lua_gettable(state, index);
        if (is_table(state, keys + 2)) {
            for (lua_Integer k = 1; lua_geti(state, keys + 2, k) != LUA_TNIL; k++) {
                add_header(state, t, item, name, keys + 3);
                lua_settop(state, keys + 2);
            }
        } else {
            add_header(state, t, item, name, keys + 2);
        }
        lua_settop(state, keys);
    }
    lua_settop(state, keys - 1);
}

static void take_part(lua_State *state, taking *t, mr_script_item *item, const char *name,
                      int index) {
    charge_copy(state, index);
    if (strcmp(name, "value") == 0) {
        item->has_value = true;
        item->value = take(state, index, t->arena);
    } else if (strcmp(name, "key") == 0) {
        item->has_key = true;
        item->key = take(state, index, t->arena);
    } else if (strcmp(name, "ts") == 0) {
        int is_integer;
        item->has_ts = true;
        item->ts_ms = lua_type(state, index) == LUA_TNUMBER
                          ? lua_tointegerx(state, index, &is_integer)
                          : (is_integer = 0);
        if (!is_integer) {
            luaL_error(state, "ts must be a whole number of milliseconds");
        }
    } else if (strcmp(name, "headers") == 0) {
        take_headers(state, t, item, index);
    } else {
        luaL_error(state, "a part '%s': an item has key, value, ts and headers", name);
    }
}

static void take_item(lua_State *state, taking *t, mr_script_item *item, int index) {
    if (!is_table(state, index)) {
        luaL_error(state, "items must be tables {key=, value=, ts=, headers=}, got a %s",
                   mr_lua_type_name(state, index));
    }
    lua_Integer count = mr_lua_push_sorted_keys(state, index);
    int keys = lua_gettop(state);
    for (lua_Integer i = 1; i <= count; i++) {
        if (lua_rawgeti(state, keys, i) != LUA_TSTRING) {
            luaL_error(state, "items must be tables {key=, value=, ts=, headers=}, not lists");
        }
        lua_pushvalue(state, keys + 1);
        (void)lua_gettable(state, index);
        take_part(state, t, item, lua_tostring(state, keys + 1), keys + 2);
        lua_settop(state, keys);
    }
    lua_settop(state, keys - 1);
}

static int take_items_protected(lua_State *state) {
    taking *t = lua_touserdata(state, 2);
    lua_settop(state, 1);
    if (!is_table(state, 1)) {
        return luaL_error(state, "flat_map must give a list, got %s", mr_lua_type_name(state, 1));
    }
    lua_Integer keys = mr_lua_push_sorted_keys(state, 1);
    lua_Integer count = luaL_len(state, 1);
    if (keys != count) {
        return luaL_error(state,
                          "flat_map must give a list of items, without other keys and holes");
    }
    lua_settop(state, 1);
    mr_lua_charge(state, (uint64_t)count);
    t->items = mr_arena_zalloc(t->arena, (size_t)(count > 0 ? count : 1) * sizeof *t->items);
    for (lua_Integer i = 1; i <= count; i++) {
        (void)lua_geti(state, 1, i);
        take_item(state, t, &t->items[i - 1], 2);
        lua_settop(state, 1);
    }
    t->count = (size_t)count;
    return 0;
}

mr_status mr_lua_result_items(mr_lua_vm *vm, mr_arena *arena, mr_script_item **items, size_t *count,
                              mr_err *err) {
    taking t = {.arena = arena};
    mr_status status = run_protected(vm, take_items_protected, &t, err);
    *items = t.items;
    *count = t.count;
    return status;
}
