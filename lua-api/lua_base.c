#include <math.h>

#include "lua-api/lua_value.h"
#include "lua-api/lua_vm.h"
#include "runtime/base/number.h"

/* ---- text of values: no addresses, numbers shortest ---- */

void mr_lua_push_number_text(lua_State *state, int index) {
    if (lua_isinteger(state, index)) {
        lua_pushfstring(state, "%I", (LUAI_UACINT)lua_tointeger(state, index));
        return;
    }
    double number = lua_tonumber(state, index);
    char text[MR_NUMBER_TEXT_MAX];
    size_t len = mr_float_format(number, text);
    /* As the processor's sign of NaN differs between machines, it is not shown. */
    isnan(number) ? (void)lua_pushliteral(state, "nan") : (void)lua_pushlstring(state, text, len);
}

const char *mr_lua_push_text(lua_State *state, int index, size_t *len_out) {
    index = lua_absindex(state, index);
    if (lua_type(state, index) == LUA_TTABLE && luaL_callmeta(state, index, "__tostring")) {
        if (lua_type(state, -1) == LUA_TNUMBER) {
            mr_lua_push_number_text(state, -1);
            lua_remove(state, -2);
        } else if (lua_type(state, -1) != LUA_TSTRING) {
            luaL_error(state, "'__tostring' must return a string");
        }
        return lua_tolstring(state, -1, len_out);
    }
    switch (lua_type(state, index)) {
    case LUA_TSTRING:
        lua_pushvalue(state, index);
        break;
    case LUA_TNUMBER:
        mr_lua_push_number_text(state, index);
        break;
    case LUA_TBOOLEAN:
        lua_pushstring(state, lua_toboolean(state, index) ? "true" : "false");
        break;
    default:
        lua_pushstring(state, luaL_typename(state, index));
        if (luaL_getmetafield(state, index, "__name") != LUA_TNIL) {
            lua_remove(state, lua_type(state, -1) == LUA_TSTRING ? -2 : -1);
        }
        break;
    }
    return lua_tolstring(state, -1, len_out);
}

const char *mr_lua_check_text(lua_State *state, int argument, size_t *len_out) {
    if (lua_type(state, argument) == LUA_TNUMBER) {
        mr_lua_push_number_text(state, argument);
        lua_replace(state, argument);
    }
    return luaL_checklstring(state, argument, len_out);
}

static int base_tostring(lua_State *state) {
    luaL_checkany(state, 1);
    (void)mr_lua_push_text(state, 1, NULL);
    return 1;
}

/* The stock one, with the digits counted. */
static int base_tonumber(lua_State *state) {
    if (lua_type(state, 1) == LUA_TSTRING) {
        mr_lua_charge_bytes(state, lua_rawlen(state, 1));
    }
    return mr_lua_vm_of(state)->stock_tonumber(state);
}

const char *mr_lua_type_name(lua_State *state, int index) {
    if (lua_type(state, index) == LUA_TUSERDATA) {
        return mr_lua_is_null(state, index) ? "null" : "table";
    }
    return luaL_typename(state, index);
}

static int base_type(lua_State *state) {
    luaL_checkany(state, 1);
    lua_pushstring(state, mr_lua_type_name(state, 1));
    return 1;
}

/* ---- errors that can be caught, and those that cannot ---- */

static int base_pcall(lua_State *state) {
    luaL_checkany(state, 1);
    lua_pushboolean(state, 1);
    lua_insert(state, 1);
    int status = lua_pcall(state, lua_gettop(state) - 2, LUA_MULTRET, 0);
    if (status == LUA_OK) {
        return lua_gettop(state);
    }
    mr_lua_rethrow_final(state, status);
    lua_pushboolean(state, 0);
    lua_insert(state, -2);
    return 2;
}

/* Upvalue 1: the script's handler. It does not see what cannot be caught. */
static int handle_error(lua_State *state) {
    if (mr_lua_vm_of(state)->spent) {
        return 1;
    }
    lua_pushvalue(state, lua_upvalueindex(1));
    lua_insert(state, 1);
    lua_call(state, 1, 1);
    return 1;
}

static int base_xpcall(lua_State *state) {
    luaL_checktype(state, 2, LUA_TFUNCTION);
    lua_pushvalue(state, 2);
    lua_pushcclosure(state, handle_error, 1);
    lua_replace(state, 2); /* f, handler, arguments */
    lua_pushboolean(state, 1);
    lua_pushvalue(state, 1);
    lua_rotate(state, 3, 2); /* f, handler, true, f, arguments */
    int status = lua_pcall(state, lua_gettop(state) - 4, LUA_MULTRET, 2);
    if (status == LUA_OK) {
        return lua_gettop(state) - 2;
    }
    mr_lua_rethrow_final(state, status);
    lua_pushboolean(state, 0);
    lua_insert(state, -2);
    return 2;
}

/* ---- raw access ---- */

static bool is_json(lua_State *state, int index) {
    return mr_lua_to_value(state, index) != NULL;
}

static int base_rawget(lua_State *state) {
    luaL_checkany(state, 2);
    lua_settop(state, 2);
    if (is_json(state, 1)) {
        lua_gettable(state, 1);
        return 1;
    }
    luaL_checktype(state, 1, LUA_TTABLE);
    (void)mr_lua_see_through(state, 1);
    lua_rawget(state, 1);
    return 1;
}

static int base_rawlen(lua_State *state) {
    if (is_json(state, 1)) {
        lua_pushinteger(state, luaL_len(state, 1));
        return 1;
    }
    int type = lua_type(state, 1);
    luaL_argexpected(state, type == LUA_TTABLE || type == LUA_TSTRING, 1, "table or string");
    (void)mr_lua_see_through(state, 1);
    lua_pushinteger(state, (lua_Integer)lua_rawlen(state, 1));
    return 1;
}

static void refuse_frozen(lua_State *state) {
    lua_pushvalue(state, 1);
    if (mr_lua_see_through(state, -1)) {
        luaL_error(
            state,
            "this table was made at load and is read-only: memory between records is a store");
    }
    lua_pop(state, 1);
}

static int base_rawset(lua_State *state) {
    luaL_checkany(state, 3);
    lua_settop(state, 3);
    if (is_json(state, 1)) {
        lua_settable(state, 1);
        lua_settop(state, 1);
        return 1;
    }
    luaL_checktype(state, 1, LUA_TTABLE);
    refuse_frozen(state);
    lua_rawset(state, 1);
    return 1;
}

/* ---- metatables: of tables only; no finalizers, no weak tables ---- */

static void refuse_field(lua_State *state, int index, const char *field) {
    lua_pushstring(state, field);
    lua_rawget(state, index);
    if (!lua_isnil(state, -1)) {
        luaL_error(state, "'%s' is not available in a job", field);
    }
    lua_pop(state, 1);
}

static int base_setmetatable(lua_State *state) {
    if (is_json(state, 1)) {
        return luaL_error(state, "a JSON value has no metatable");
    }
    luaL_checktype(state, 1, LUA_TTABLE);
    int type = lua_type(state, 2);
    luaL_argexpected(state, type == LUA_TNIL || type == LUA_TTABLE, 2, "nil or table");
    lua_settop(state, 2);
    refuse_frozen(state);
    if (luaL_getmetafield(state, 1, "__metatable") != LUA_TNIL) {
        return luaL_error(state, "cannot change a protected metatable");
    }
    if (type == LUA_TTABLE) {
        (void)mr_lua_see_through(state, 2); /* metamethods are read raw: from the contents */
        refuse_field(state, 2, "__gc");
        refuse_field(state, 2, "__mode");
    }
    lua_setmetatable(state, 1);
    return 1;
}

static int base_getmetatable(lua_State *state) {
    luaL_checkany(state, 1);
    lua_settop(state, 1);
    if (lua_type(state, 1) != LUA_TTABLE) {
        lua_pushnil(state);
        return 1;
    }
    (void)mr_lua_see_through(state, 1);
    if (!lua_getmetatable(state, 1)) {
        lua_pushnil(state);
        return 1;
    }
    lua_getfield(state, -1, "__metatable");
    if (!lua_isnil(state, -1)) {
        return 1;
    }
    lua_pop(state, 1);
    mr_lua_push_slot(state, MR_LUA_SLOT_FROZEN); /* a frozen metatable works through its contents */
    lua_pushvalue(state, 2);
    if (lua_rawget(state, -2) == LUA_TNIL) {
        lua_settop(state, 2);
    }
    return 1;
}

void mr_lua_open_base(lua_State *state) {
    static const char *const stock[] = {"assert", "error", "ipairs", "rawequal", "select"};
    static const luaL_Reg own[] = {
        {"getmetatable", base_getmetatable},
        {"pcall", base_pcall},
        {"rawget", base_rawget},
        {"rawlen", base_rawlen},
        {"rawset", base_rawset},
        {"setmetatable", base_setmetatable},
        {"tonumber", base_tonumber},
        {"tostring", base_tostring},
        {"type", base_type},
        {"xpcall", base_xpcall},
        {NULL, NULL},
    };
    lua_pushcfunction(state, luaopen_base);
    lua_call(state, 0, 1); /* fills the state's own globals, which no chunk sees */
    for (size_t i = 0; i < sizeof stock / sizeof *stock; i++) {
        lua_getfield(state, -1, stock[i]);
        lua_setfield(state, -3, stock[i]);
    }
    lua_getfield(state, -1, "tonumber");
    mr_lua_vm_of(state)->stock_tonumber = lua_tocfunction(state, -1);
    lua_pop(state, 2);
    luaL_setfuncs(state, own, 0);
}
