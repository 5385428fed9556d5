/* table.concat, insert, remove, unpack, pack: of tables and JSON values alike. */
#include <limits.h>

#include "lua-api/lua_value.h"
#include "lua-api/lua_vm.h"

static lua_Integer check_list(lua_State *state) {
    if (mr_lua_to_value(state, 1) == NULL) {
        luaL_checktype(state, 1, LUA_TTABLE);
    }
    return luaL_len(state, 1);
}

static int table_insert(lua_State *state) {
    lua_Integer end =
        (lua_Integer)((lua_Unsigned)check_list(state) + 1); /* the first empty place */
    lua_Integer at = end;
    int count = lua_gettop(state);
    if (count != 2 && count != 3) {
        return luaL_error(state, "wrong number of arguments to 'insert'");
    }
    if (count == 3) {
        at = luaL_checkinteger(state, 2);
        luaL_argcheck(state, (lua_Unsigned)at - 1u < (lua_Unsigned)end, 2,
                      "position out of bounds");
        if (end > at) { /* `__len` may say anything */
            mr_lua_charge(state, (uint64_t)(end - at));
        }
        for (lua_Integer i = end; i > at; i--) {
            (void)lua_geti(state, 1, i - 1);
            lua_seti(state, 1, i);
        }
    }
    lua_seti(state, 1, at);
    return 0;
}

static int table_remove(lua_State *state) {
    lua_Integer size = check_list(state);
    lua_Integer at = luaL_optinteger(state, 2, size);
    if (lua_gettop(state) > 1 && at != size) {
        luaL_argcheck(state, (lua_Unsigned)at - 1u <= (lua_Unsigned)size, 2,
                      "position out of bounds");
    }
    (void)lua_geti(state, 1, at);
    if (at < size) {
        mr_lua_charge(state, (uint64_t)(size - at));
    }
    for (; at < size; at++) {
        (void)lua_geti(state, 1, at + 1);
        lua_seti(state, 1, at);
    }
    if (size > 0 || lua_type(state, 1) == LUA_TTABLE) {
        lua_pushnil(state);
        lua_seti(state, 1, at);
    }
    return 1;
}

static void add_element(lua_State *state, luaL_Buffer *out, lua_Integer i) {
    int type = lua_geti(state, 1, i);
    if (type == LUA_TNUMBER) {
        mr_lua_push_number_text(state, -1);
        lua_remove(state, -2);
    } else if (type != LUA_TSTRING) {
        luaL_error(state, "invalid value (%s) at index %I in table for 'concat'",
                   mr_lua_type_name(state, -1), (LUAI_UACINT)i);
    }
    mr_lua_charge_bytes(state, lua_rawlen(state, -1));
    luaL_addvalue(out);
}

static int table_concat(lua_State *state) {
    lua_Integer last = check_list(state);
    size_t separator_len = 0;
    if (!lua_isnoneornil(state, 2)) {
        (void)mr_lua_check_text(state, 2, NULL);
    }
    const char *separator = luaL_optlstring(state, 2, "", &separator_len);
    lua_Integer i = luaL_optinteger(state, 3, 1);
    last = luaL_optinteger(state, 4, last);
    luaL_Buffer out;
    luaL_buffinit(state, &out);
    for (; i < last; i++) {
        add_element(state, &out, i);
        luaL_addlstring(&out, separator, separator_len);
        mr_lua_charge_bytes(state, separator_len);
    }
    if (i == last) {
        add_element(state, &out, i);
    }
    luaL_pushresult(&out);
    return 1;
}

static int table_pack(lua_State *state) {
    int count = lua_gettop(state);
    mr_lua_charge(state, (uint64_t)count);
    lua_createtable(state, count, 1);
    lua_insert(state, 1);
    for (int i = count; i >= 1; i--) {
        lua_rawseti(state, 1, i);
    }
    lua_pushinteger(state, count);
    lua_setfield(state, 1, "n");
    return 1;
}

static int table_unpack(lua_State *state) {
    lua_Integer first = luaL_optinteger(state, 2, 1);
    lua_Integer last = lua_isnoneornil(state, 3) ? luaL_len(state, 1) : luaL_checkinteger(state, 3);
    if (first > last) {
        return 0;
    }
    lua_Unsigned count = (lua_Unsigned)last - (lua_Unsigned)first;
    if (count >= (unsigned int)INT_MAX || !lua_checkstack(state, (int)++count)) {
        return luaL_error(state, "too many results to unpack");
    }
    mr_lua_charge(state, count);
    for (; first < last; first++) {
        (void)lua_geti(state, 1, first);
    }
    (void)lua_geti(state, 1, last);
    return (int)count;
}

void mr_lua_open_table(lua_State *state) {
    static const luaL_Reg functions[] = {
        {"concat", table_concat}, {"insert", table_insert}, {"pack", table_pack},
        {"remove", table_remove}, {"unpack", table_unpack}, {NULL, NULL},
    };
    luaL_setfuncs(state, functions, 0);
}
