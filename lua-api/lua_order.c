#include "lua-api/lua_order.h"

#include <math.h>
#include <stdlib.h>

#include "lua-api/lua_value.h"

typedef enum key_kind { KEY_INTEGER, KEY_FLOAT, KEY_STRING } key_kind;

typedef struct sort_key {
    key_kind kind;
    lua_Integer integer;
    lua_Number number;
    mr_bytes text; /* borrowed from the string in the array of keys */
    lua_Integer place;
} sort_key;

/* A float key has a fraction or lies beyond all integers: it never equals one. */
static int compare_mixed(lua_Integer integer, lua_Number number) {
    if (number >= 0x1p63) {
        return -1;
    }
    if (number < -0x1p63) {
        return 1;
    }
    return integer <= (lua_Integer)floor(number) ? -1 : 1;
}

static int compare_keys(const void *left, const void *right) {
    const sort_key *a = left;
    const sort_key *b = right;
    if (a->kind == KEY_STRING || b->kind == KEY_STRING) {
        if (a->kind != b->kind) {
            return a->kind == KEY_STRING ? 1 : -1;
        }
        return mr_bytes_compare(a->text, b->text);
    }
    if (a->kind == KEY_INTEGER) {
        return b->kind == KEY_INTEGER ? (a->integer > b->integer) - (a->integer < b->integer)
                                      : compare_mixed(a->integer, b->number);
    }
    return b->kind == KEY_INTEGER ? -compare_mixed(b->integer, a->number)
                                  : (a->number > b->number) - (a->number < b->number);
}

static lua_Integer push_keys_of_table(lua_State *state, int index) {
    lua_pushvalue(state, index);
    (void)mr_lua_see_through(state, -1);
    int table = lua_gettop(state);
    lua_newtable(state);
    lua_Integer count = 0;
    lua_pushnil(state);
    while (lua_next(state, table)) {
        lua_pop(state, 1);
        int type = lua_type(state, -1);
        if (type != LUA_TNUMBER && type != LUA_TSTRING) {
            luaL_error(state, "keys must be numbers or strings to have an order, got a %s",
                       mr_lua_type_name(state, -1));
        }
        lua_pushvalue(state, -1);
        lua_rawseti(state, table + 1, ++count);
    }
    lua_remove(state, table);
    mr_lua_charge(state, (uint64_t)count);
    return count;
}

static sort_key key_at(lua_State *state, int keys, lua_Integer place) {
    sort_key key = {.place = place};
    if (lua_rawgeti(state, keys, place) == LUA_TSTRING) {
        key.kind = KEY_STRING;
        size_t len;
        const char *text = lua_tolstring(state, -1, &len);
        key.text = mr_bytes_of(text, len);
    } else if (lua_isinteger(state, -1)) {
        key.kind = KEY_INTEGER;
        key.integer = lua_tointeger(state, -1);
    } else {
        key.kind = KEY_FLOAT;
        key.number = lua_tonumber(state, -1);
    }
    lua_pop(state, 1);
    return key;
}

lua_Integer mr_lua_push_sorted_keys(lua_State *state, int index) {
    index = lua_absindex(state, index);
    luaL_checkstack(state, 8, "too many nested tables");
    bool is_value = mr_lua_to_value(state, index) != NULL;
    lua_Integer count =
        is_value ? mr_lua_value_push_names(state, index) : push_keys_of_table(state, index);
    int keys = lua_gettop(state);
    if (count < 2) {
        return count;
    }
    sort_key *array = lua_newuserdatauv(state, (size_t)count * sizeof *array, 0);
    bool sorted = true;
    for (lua_Integer i = 0; i < count; i++) {
        array[i] = key_at(state, keys, i + 1);
        sorted = sorted && (i == 0 || compare_keys(&array[i - 1], &array[i]) <= 0);
    }
    if (!sorted) {
        uint64_t rounds = 64 - (uint64_t)__builtin_clzll((unsigned long long)count);
        mr_lua_charge(state, (uint64_t)count * rounds);
        qsort(array, (size_t)count, sizeof *array, compare_keys);
        lua_createtable(state, count < 1 << 20 ? (int)count : 0, 0);
        for (lua_Integer i = 0; i < count; i++) {
            lua_rawgeti(state, keys, array[i].place);
            lua_rawseti(state, -2, i + 1);
        }
        lua_replace(state, keys);
    }
    lua_settop(state, keys);
    return count;
}

static void push_field(lua_State *state, int table, int key, bool is_value) {
    lua_pushvalue(state, key);
    if (is_value) {
        lua_gettable(state, table);
    } else {
        lua_rawget(state, table);
    }
}

/* Upvalues: the table (or JSON value), the keys in order, how many of them were visited. */
static int step_pairs(lua_State *state) {
    int table = lua_upvalueindex(1);
    lua_Integer at = lua_tointeger(state, lua_upvalueindex(3));
    lua_settop(state, 0);
    for (;;) {
        if (lua_rawgeti(state, lua_upvalueindex(2), ++at) == LUA_TNIL) {
            return 1;
        }
        push_field(state, table, 1, lua_type(state, table) == LUA_TUSERDATA);
        if (!lua_isnil(state, 2)) { /* else removed meanwhile */
            break;
        }
        lua_settop(state, 0);
        mr_lua_charge(state, 1);
    }
    lua_pushinteger(state, at);
    lua_replace(state, lua_upvalueindex(3));
    return 2;
}

static int base_pairs(lua_State *state) {
    luaL_checkany(state, 1);
    lua_settop(state, 1);
    if (lua_type(state, 1) == LUA_TTABLE && luaL_getmetafield(state, 1, "__pairs") != LUA_TNIL) {
        lua_pushvalue(state, 1);
        lua_call(state, 1, 3);
        return 3;
    }
    if (mr_lua_to_value(state, 1) == NULL) {
        luaL_checktype(state, 1, LUA_TTABLE);
    }
    lua_pushvalue(state, 1);
    (void)mr_lua_see_through(state, 2);
    (void)mr_lua_push_sorted_keys(state, 2);
    lua_pushinteger(state, 0);
    lua_pushcclosure(state, step_pairs, 3);
    lua_pushvalue(state, 1);
    return 2;
}

static int base_next(lua_State *state) {
    luaL_checkany(state, 1);
    if (!lua_isnoneornil(state, 2)) {
        return luaL_error(state,
                          "next takes one argument and gives the first pair; pairs visits all");
    }
    lua_settop(state, 1);
    if (mr_lua_to_value(state, 1) == NULL) {
        luaL_checktype(state, 1, LUA_TTABLE);
        (void)mr_lua_see_through(state, 1);
    }
    if (mr_lua_push_sorted_keys(state, 1) == 0) {
        lua_pushnil(state);
        return 1;
    }
    lua_rawgeti(state, 2, 1);
    push_field(state, 1, 3, lua_type(state, 1) == LUA_TUSERDATA);
    return 2;
}

void mr_lua_open_order(lua_State *state) {
    static const luaL_Reg functions[] = {{"next", base_next}, {"pairs", base_pairs}, {NULL, NULL}};
    luaL_setfuncs(state, functions, 0);
}
