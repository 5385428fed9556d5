#include "lua-api/lua_string.h"

#include <ctype.h>
#include <limits.h>

static int string_byte(lua_State *state) {
    size_t len;
    const char *text = mr_lua_check_text(state, 1, &len);
    lua_Integer first = luaL_optinteger(state, 2, 1);
    size_t begin = mr_lua_string_begin(first, len);
    size_t end = mr_lua_string_end(luaL_optinteger(state, 3, (lua_Integer)begin), len);
    if (begin > end) {
        return 0;
    }
    if (end - begin >= INT_MAX) {
        return luaL_error(state, "string slice too long");
    }
    int count = (int)(end - begin) + 1;
    mr_lua_charge(state, (uint64_t)count);
    luaL_checkstack(state, count, "string slice too long");
    for (int i = 0; i < count; i++) {
        lua_pushinteger(state, (unsigned char)text[begin - 1 + (size_t)i]);
    }
    return count;
}

static int string_char(lua_State *state) {
    int count = lua_gettop(state);
    mr_lua_charge(state, (uint64_t)count);
    luaL_Buffer out;
    char *text = luaL_buffinitsize(state, &out, (size_t)count);
    for (int i = 1; i <= count; i++) {
        lua_Unsigned code = (lua_Unsigned)luaL_checkinteger(state, i);
        luaL_argcheck(state, code <= UCHAR_MAX, i, "value out of range");
        text[i - 1] = (char)(unsigned char)code;
    }
    luaL_pushresultsize(&out, (size_t)count);
    return 1;
}

static int string_len(lua_State *state) {
    size_t len;
    (void)mr_lua_check_text(state, 1, &len);
    lua_pushinteger(state, (lua_Integer)len);
    return 1;
}

static int string_sub(lua_State *state) {
    size_t len;
    const char *text = mr_lua_check_text(state, 1, &len);
    size_t begin = mr_lua_string_begin(luaL_checkinteger(state, 2), len);
    size_t end = mr_lua_string_end(luaL_optinteger(state, 3, -1), len);
    size_t count = begin <= end ? end - begin + 1 : 0;
    mr_lua_charge_bytes(state, count);
    lua_pushlstring(state, count > 0 ? text + begin - 1 : "", count);
    return 1;
}

/* A new string of the same length, byte by byte. */
static int translate(lua_State *state, int (*of)(int)) {
    size_t len;
    const char *text = mr_lua_check_text(state, 1, &len);
    mr_lua_charge_bytes(state, len);
    luaL_Buffer out;
    char *to = luaL_buffinitsize(state, &out, len);
    for (size_t i = 0; i < len; i++) {
        to[i] = (char)of((unsigned char)text[i]);
    }
    luaL_pushresultsize(&out, len);
    return 1;
}

static int string_lower(lua_State *state) {
    return translate(state, tolower);
}

static int string_upper(lua_State *state) {
    return translate(state, toupper);
}

static int string_reverse(lua_State *state) {
    size_t len;
    const char *text = mr_lua_check_text(state, 1, &len);
    mr_lua_charge_bytes(state, len);
    luaL_Buffer out;
    char *to = luaL_buffinitsize(state, &out, len);
    for (size_t i = 0; i < len; i++) {
        to[i] = text[len - 1 - i];
    }
    luaL_pushresultsize(&out, len);
    return 1;
}

static int string_rep(lua_State *state) {
    size_t len, separator_len;
    const char *text = mr_lua_check_text(state, 1, &len);
    lua_Integer count = luaL_checkinteger(state, 2);
    if (!lua_isnoneornil(state, 3)) {
        (void)mr_lua_check_text(state, 3, NULL);
    }
    const char *separator = luaL_optlstring(state, 3, "", &separator_len);
    if (count <= 0) {
        lua_pushliteral(state, "");
        return 1;
    }
    if (len + separator_len > (size_t)INT_MAX / (size_t)count) {
        return luaL_error(state, "resulting string too large");
    }
    size_t total = (size_t)count * len + (size_t)(count - 1) * separator_len;
    mr_lua_charge_bytes(state, total);
    mr_lua_charge(state, (uint64_t)count);
    luaL_Buffer out;
    char *to = luaL_buffinitsize(state, &out, total);
    for (lua_Integer i = 0; i < count; i++) {
        if (i > 0) {
            memcpy(to, separator, separator_len);
            to += separator_len;
        }
        memcpy(to, text, len);
        to += len;
    }
    luaL_pushresultsize(&out, total);
    return 1;
}

/* ---- arithmetic on strings that are numbers: "10" + 1 ---- */

/* Pushes the argument as a number; false: it is none. */
static bool push_number(lua_State *state, int index) {
    if (lua_type(state, index) == LUA_TNUMBER) {
        lua_pushvalue(state, index);
        return true;
    }
    if (lua_type(state, index) != LUA_TSTRING) {
        return false;
    }
    size_t len;
    const char *text = lua_tolstring(state, index, &len);
    mr_lua_charge_bytes(state, len);
    return lua_stringtonumber(state, text) == len + 1;
}

/* The other operand may know what to do; else the message is Lua's own. */
static int other_operand(lua_State *state, const char *event) {
    lua_settop(state, 2);
    if (lua_type(state, 2) == LUA_TSTRING || luaL_getmetafield(state, 2, event) == LUA_TNIL) {
        return luaL_error(state, "attempt to %s a '%s' with a '%s'", event + 2,
                          mr_lua_type_name(state, 1), mr_lua_type_name(state, 2));
    }
    lua_insert(state, 1);
    lua_call(state, 2, 1);
    return 1;
}

static int arithmetic(lua_State *state, int operator, const char * event) {
    if (push_number(state, 1) && push_number(state, 2)) {
        lua_arith(state, operator);
        return 1;
    }
    return other_operand(state, event);
}

static int add(lua_State *state) {
    return arithmetic(state, LUA_OPADD, "__add");
}
static int subtract(lua_State *state) {
    return arithmetic(state, LUA_OPSUB, "__sub");
}
static int multiply(lua_State *state) {
    return arithmetic(state, LUA_OPMUL, "__mul");
}
static int modulo(lua_State *state) {
    return arithmetic(state, LUA_OPMOD, "__mod");
}
static int power(lua_State *state) {
    return arithmetic(state, LUA_OPPOW, "__pow");
}
static int divide(lua_State *state) {
    return arithmetic(state, LUA_OPDIV, "__div");
}
static int divide_floor(lua_State *state) {
    return arithmetic(state, LUA_OPIDIV, "__idiv");
}

static int negate(lua_State *state) {
    if (push_number(state, 1)) {
        lua_arith(state, LUA_OPUNM);
        return 1;
    }
    return other_operand(state, "__unm");
}

/* The metatable of all strings; scripts cannot reach it. */
static void open_methods(lua_State *state, int library) {
    static const luaL_Reg operators[] = {
        {"__add", add},           {"__sub", subtract}, {"__mul", multiply},
        {"__mod", modulo},        {"__pow", power},    {"__div", divide},
        {"__idiv", divide_floor}, {"__unm", negate},   {NULL, NULL}};
    lua_pushliteral(state, "");
    lua_newtable(state);
    luaL_setfuncs(state, operators, 0);
    lua_pushvalue(state, library);
    lua_setfield(state, -2, "__index");
    lua_setmetatable(state, -2);
    lua_pop(state, 1);
}

void mr_lua_open_string(lua_State *state) {
    static const luaL_Reg functions[] = {
        {"byte", string_byte},   {"char", string_char},   {"len", string_len},
        {"lower", string_lower}, {"rep", string_rep},     {"reverse", string_reverse},
        {"sub", string_sub},     {"upper", string_upper}, {NULL, NULL},
    };
    luaL_setfuncs(state, functions, 0);
    open_methods(state, lua_gettop(state));
}
