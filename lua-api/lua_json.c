/* json.decode, encode, array, object, is_array. */
#include "lua-api/lua_encode.h"
#include "lua-api/lua_value.h"
#include "runtime/base/limits.h"

static int json_decode(lua_State *state) {
    size_t len;
    luaL_checktype(state, 1, LUA_TSTRING);
    const char *text = lua_tolstring(state, 1, &len);
    mr_lua_vm *vm = mr_lua_vm_of(state);
    if (len > MR_RECORD_BYTES_MAX) {
        return luaL_error(state, "a text longer than a record may be (%d bytes)",
                          MR_RECORD_BYTES_MAX);
    }
    mr_lua_charge_bytes(state, len);
    mr_lua_charge(state, len / 4); /* checking a text is more work than moving it */
    if (vm->parser == NULL) {
        vm->parser = mr_json_parser_create();
    }
    mr_buf_clear(&vm->scratch);
    mr_buf_put(&vm->scratch, text, len);
    mr_buf_reserve(&vm->scratch, MR_BUF_PADDING);
    mr_json root;
    mr_err err = {0};
    if (mr_json_parse(vm->parser, mr_buf_view(&vm->scratch), &root, &err) != MR_OK) {
        return luaL_error(state, "%s", err.message);
    }
    while (len > 0 && strchr(" \t\r\n", text[len - 1]) != NULL) {
        len--;
    }
    size_t begin = 0;
    while (begin < len && strchr(" \t\r\n", text[begin]) != NULL) {
        begin++;
    }
    mr_lua_value_push_text(state, mr_bytes_of(text + begin, len - begin));
    return 1;
}

static int json_encode(lua_State *state) {
    luaL_checkany(state, 1);
    lua_settop(state, 1);
    mr_lua_encode(state, 1);
    const mr_buf *out = &mr_lua_vm_of(state)->out;
    lua_pushlstring(state, (const char *)out->data, out->len);
    return 1;
}

static int mark(lua_State *state, const char *mark) {
    if (lua_isnoneornil(state, 1)) {
        lua_settop(state, 0);
        lua_newtable(state);
    }
    lua_settop(state, 1);
    if (mr_lua_to_value(state, 1) != NULL) {
        if (mr_lua_is_array(state, 1) != (*mark == 'a')) {
            return luaL_error(state, "this JSON value is no %s", mark);
        }
        return 1;
    }
    luaL_checktype(state, 1, LUA_TTABLE);
    lua_pushvalue(state, 1);
    if (mr_lua_see_through(state, 2)) {
        return luaL_error(
            state,
            "this table was made at load and is read-only: memory between records is a store");
    }
    mr_lua_mark(state, 1, mark);
    lua_settop(state, 1);
    return 1;
}

static int json_array(lua_State *state) {
    return mark(state, "array");
}

static int json_object(lua_State *state) {
    return mark(state, "object");
}

static int json_is_array(lua_State *state) {
    luaL_checkany(state, 1);
    lua_pushboolean(state, mr_lua_is_array(state, 1));
    return 1;
}

void mr_lua_open_json(lua_State *state) {
    static const luaL_Reg functions[] = {
        {"array", json_array},       {"decode", json_decode}, {"encode", json_encode},
        {"is_array", json_is_array}, {"object", json_object}, {NULL, NULL},
    };
    luaL_setfuncs(state, functions, 0);
}
