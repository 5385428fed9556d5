/* What a text sees of its record: key, value and ts (decoded when first named), ctx, headers,
 * window. */
#include "lua-api/lua_value.h"

/* Where the error is the record's: the cause, with the place of the script. */
static int raise(lua_State *state, const mr_err *err) {
    return luaL_error(state, "%s", err->message);
}

static void push_datum(lua_State *state, mr_lua_document_index index, mr_value *value) {
    mr_err err = {0};
    if (!value->touched && mr_value_touch(value, &err) != MR_OK) {
        raise(state, &err);
    }
    const mr_datum *datum = &value->datum;
    switch (datum->kind) {
    case MR_DATUM_BOOL:
        lua_pushboolean(state, datum->boolean);
        break;
    case MR_DATUM_INT:
        lua_pushinteger(state, datum->integer);
        break;
    case MR_DATUM_FLOAT:
        lua_pushnumber(state, datum->number);
        break;
    case MR_DATUM_STRING:
    case MR_DATUM_RAW:
        lua_pushlstring(state, (const char *)datum->bytes.data, datum->bytes.len);
        break;
    case MR_DATUM_JSON:
        mr_lua_value_push_root(state, index, value);
        break;
    default: /* no value, or the null of a topic */
        lua_pushnil(state);
        break;
    }
}

/* Names that the environment does not hold: those of the record, else nil. Arguments: environment,
 * name. */
static int environment_index(lua_State *state) {
    mr_lua_vm *vm = mr_lua_vm_of(state);
    const char *name = lua_tostring(state, 2);
    if (vm->scope == NULL || name == NULL) {
        lua_pushnil(state);
        return 1;
    }
    if (strcmp(name, "ts") == 0) {
        lua_pushinteger(state, vm->scope->ts_ms);
        return 1;
    }
    bool is_value = strcmp(name, "value") == 0;
    mr_value *value = is_value                   ? vm->scope->value
                      : strcmp(name, "key") == 0 ? vm->scope->key
                                                 : NULL;
    if (value == NULL) {
        lua_pushnil(state);
        return 1;
    }
    mr_lua_document_index index = is_value ? MR_LUA_VALUE : MR_LUA_KEY;
    push_datum(state, index, value);
    if (!lua_isnil(state, -1)) { /* kept for this call */
        lua_pushvalue(state, 2);
        lua_pushvalue(state, -2);
        lua_rawset(state, 1);
        vm->names_set |= 1U << index;
    }
    return 1;
}

static const mr_scope *scope_of(lua_State *state) {
    const mr_scope *scope = mr_lua_vm_of(state)->scope;
    if (scope == NULL) {
        luaL_error(state, "there is no record at load");
    }
    return scope;
}

static int ctx_index(lua_State *state) {
    const mr_scope *scope = scope_of(state);
    const char *name = luaL_checkstring(state, 2);
    if (strcmp(name, "stream") == 0) {
        lua_pushstring(state, scope->stream != NULL ? scope->stream : "");
    } else if (strcmp(name, "topic") == 0) {
        lua_pushstring(state, scope->topic != NULL ? scope->topic : "");
    } else if (strcmp(name, "partition") == 0) {
        lua_pushinteger(state, scope->partition);
    } else if (strcmp(name, "offset") == 0) {
        lua_pushinteger(state, scope->offset);
    } else if (strcmp(name, "stream_time") == 0) {
        scope->stream_time_ms == INT64_MIN ? lua_pushnil(state)
                                           : lua_pushinteger(state, scope->stream_time_ms);
    } else if (strcmp(name, "job") == 0) {
        lua_pushstring(state, mr_lua_vm_of(state)->job);
    } else if (strcmp(name, "task") == 0) {
        lua_pushinteger(state, scope->task);
    } else {
        return luaL_error(state, "ctx has no field '%s'", name);
    }
    return 1;
}

static int ctx_newindex(lua_State *state) {
    return luaL_error(state, "ctx is read-only");
}

static int window_index(lua_State *state) {
    const mr_scope *scope = scope_of(state);
    const char *name = luaL_checkstring(state, 2);
    if (!scope->window.present) {
        return luaL_error(state, "there is no window here");
    }
    if (strcmp(name, "start") == 0) {
        lua_pushinteger(state, scope->window.start_ms);
    } else if (strcmp(name, "stop") == 0) {
        lua_pushinteger(state, scope->window.stop_ms);
    } else {
        return luaL_error(state, "window has no field '%s': it has start and stop", name);
    }
    return 1;
}

static int window_newindex(lua_State *state) {
    return luaL_error(state, "window is read-only");
}

/* ---- headers: bytes; a name may stand more than once ---- */

static bool header_is(const mr_header *header, mr_bytes name) {
    return mr_bytes_equal(header->key, name);
}

/* headers:all(name): all values in their order. */
static int headers_all(lua_State *state) {
    const mr_scope *scope = scope_of(state);
    size_t len;
    const char *text = luaL_checklstring(state, 2, &len);
    lua_newtable(state);
    lua_Integer count = 0;
    for (size_t i = 0; i < scope->headers_count; i++) {
        const mr_header *header = &scope->headers[i];
        if (!header_is(header, mr_bytes_of(text, len))) {
            continue;
        }
        if (header->value.data == NULL) {
            mr_lua_push_slot(state, MR_LUA_SLOT_NULL);
        } else {
            lua_pushlstring(state, (const char *)header->value.data, header->value.len);
        }
        lua_rawseti(state, -2, ++count);
    }
    return 1;
}

/* headers.name: the last of that name, as Kafka's lastHeader. */
static int headers_index(lua_State *state) {
    const mr_scope *scope = scope_of(state);
    size_t len;
    const char *text = luaL_checklstring(state, 2, &len);
    if (strcmp(text, "all") == 0) {
        lua_pushcfunction(state, headers_all);
        return 1;
    }
    for (size_t i = scope->headers_count; i-- > 0;) {
        const mr_header *header = &scope->headers[i];
        if (header_is(header, mr_bytes_of(text, len)) && header->value.data != NULL) {
            lua_pushlstring(state, (const char *)header->value.data, header->value.len);
            return 1;
        }
    }
    lua_pushnil(state);
    return 1;
}

static int headers_newindex(lua_State *state) {
    return luaL_error(state, "headers are read-only in this version");
}

static void add_object(lua_State *state, const char *name, lua_CFunction index,
                       lua_CFunction newindex) {
    (void)lua_newuserdatauv(state, 1, 0);
    lua_newtable(state);
    lua_pushcfunction(state, index);
    lua_setfield(state, -2, "__index");
    lua_pushcfunction(state, newindex);
    lua_setfield(state, -2, "__newindex");
    lua_pushstring(state, name);
    lua_setfield(state, -2, "__name");
    lua_setmetatable(state, -2);
    lua_setfield(state, -2, name);
}

void mr_lua_open_context(lua_State *state) {
    add_object(state, "ctx", ctx_index, ctx_newindex);
    add_object(state, "headers", headers_index, headers_newindex);
    lua_getfield(state, -1, "headers");
    lua_rawseti(state, LUA_REGISTRYINDEX, MR_LUA_SLOT_HEADERS);
    add_object(state, "window", window_index, window_newindex);
    lua_newtable(state);
    lua_pushcfunction(state, environment_index);
    lua_setfield(state, -2, "__index");
    lua_setmetatable(state, -2);
}
