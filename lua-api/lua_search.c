#define _GNU_SOURCE /* memmem */

/* find, match, gmatch, gsub. */
#include "lua-api/lua_pattern.h"
#include "lua-api/lua_string.h"
#include "lua-api/lua_value.h"

static bool is_plain(const char *pattern, size_t len) {
    for (size_t i = 0; i < len; i++) {
        if (pattern[i] != '\0' && strchr("^$*+?.([%-", pattern[i]) != NULL) {
            return false;
        }
    }
    return true;
}

static int find_plain(lua_State *state, mr_bytes text, mr_bytes part, size_t from) {
    mr_lua_charge_bytes(state, text.len - from);
    const uint8_t *at = part.len == 0
                            ? text.data + from
                            : memmem(text.data + from, text.len - from, part.data, part.len);
    if (at == NULL) {
        lua_pushnil(state);
        return 1;
    }
    lua_pushinteger(state, at - text.data + 1);
    lua_pushinteger(state, at - text.data + (ptrdiff_t)part.len);
    return 2;
}

typedef enum search_result { SEARCH_PLACE, SEARCH_CAPTURES } search_result;

static int search(lua_State *state, search_result result) {
    size_t len, pattern_len;
    const char *text = mr_lua_check_text(state, 1, &len);
    const char *pattern = mr_lua_check_text(state, 2, &pattern_len);
    size_t from = mr_lua_string_begin(luaL_optinteger(state, 3, 1), len) - 1;
    if (from > len) {
        lua_pushnil(state);
        return 1;
    }
    mr_lua_charge_bytes(state, pattern_len);
    if (result == SEARCH_PLACE && (lua_toboolean(state, 4) || is_plain(pattern, pattern_len))) {
        return find_plain(state, mr_bytes_of(text, len), mr_bytes_of(pattern, pattern_len), from);
    }
    mr_lua_matcher m = mr_lua_matcher_of(state, text, len, pattern, pattern_len);
    bool anchored = *pattern == '^';
    for (const char *at = text + from; at <= text + len; at++) {
        const char *end = mr_lua_match(&m, at, pattern + anchored);
        if (end != NULL) {
            mr_lua_charge(state, m.steps);
            if (result == SEARCH_CAPTURES) {
                return mr_lua_push_captures(&m, at, end);
            }
            lua_pushinteger(state, at - text + 1);
            lua_pushinteger(state, end - text);
            return 2 + mr_lua_push_captures(&m, NULL, NULL);
        }
        if (anchored) {
            break;
        }
    }
    mr_lua_charge(state, m.steps);
    lua_pushnil(state);
    return 1;
}

static int string_find(lua_State *state) {
    return search(state, SEARCH_PLACE);
}

static int string_match(lua_State *state) {
    return search(state, SEARCH_CAPTURES);
}

/* ---- gmatch: a closure over text, pattern, place and the end of the last match ---- */

static int next_match(lua_State *state) {
    size_t len, pattern_len;
    const char *text = lua_tolstring(state, lua_upvalueindex(1), &len);
    const char *pattern = lua_tolstring(state, lua_upvalueindex(2), &pattern_len);
    lua_Integer last = lua_tointeger(state, lua_upvalueindex(4));
    mr_lua_matcher m = mr_lua_matcher_of(state, text, len, pattern, pattern_len);
    for (lua_Integer at = lua_tointeger(state, lua_upvalueindex(3)); (size_t)at <= len; at++) {
        const char *end = mr_lua_match(&m, text + at, pattern);
        if (end != NULL && end - text != last) {
            mr_lua_charge(state, m.steps);
            lua_pushinteger(state, end - text);
            lua_copy(state, -1, lua_upvalueindex(3));
            lua_copy(state, -1, lua_upvalueindex(4));
            return mr_lua_push_captures(&m, text + at, end);
        }
    }
    mr_lua_charge(state, m.steps);
    lua_pushinteger(state, (lua_Integer)len + 1);
    lua_copy(state, -1, lua_upvalueindex(3));
    return 0;
}

static int string_gmatch(lua_State *state) {
    size_t len;
    (void)mr_lua_check_text(state, 1, &len);
    (void)mr_lua_check_text(state, 2, NULL);
    size_t from = mr_lua_string_begin(luaL_optinteger(state, 3, 1), len) - 1;
    lua_settop(state, 2);
    lua_pushinteger(state, (lua_Integer)(from > len ? len + 1 : from));
    lua_pushinteger(state, -1);
    lua_pushcclosure(state, next_match, 4);
    return 1;
}

/* ---- gsub ---- */

static void add_template(mr_lua_matcher *m, luaL_Buffer *out, const char *begin, const char *end) {
    size_t len;
    const char *template = lua_tolstring(m->state, 3, &len);
    mr_lua_charge_bytes(m->state, len);
    for (size_t i = 0; i < len; i++) {
        if (template[i] != '%') {
            luaL_addchar(out, template[i]);
            continue;
        }
        i++; /* the text's NUL stands behind a last '%' */
        if (template[i] == '%') {
            luaL_addchar(out, '%');
        } else if (template[i] == '0') {
            luaL_addlstring(out, begin, (size_t)(end - begin));
        } else if (template[i] >= '1' && template[i] <= '9') {
            mr_lua_push_capture(m, template[i] - '1', begin, end);
            luaL_addvalue(out);
        } else {
            luaL_error(m->state, "invalid use of '%%' in replacement string");
        }
        mr_lua_charge_bytes(m->state, (size_t)(end - begin));
    }
}

/* The replacement of one match; true: it differs from the match. */
static bool add_replacement(mr_lua_matcher *m, luaL_Buffer *out, const char *begin,
                            const char *end) {
    lua_State *state = m->state;
    switch (lua_type(state, 3)) {
    case LUA_TFUNCTION:
        lua_pushvalue(state, 3);
        lua_call(state, mr_lua_push_captures(m, begin, end), 1);
        break;
    case LUA_TTABLE:
    case LUA_TUSERDATA:
        mr_lua_push_capture(m, 0, begin, end);
        (void)lua_gettable(state, 3);
        break;
    default:
        add_template(m, out, begin, end);
        return true;
    }
    if (!lua_toboolean(state, -1)) {
        lua_pop(state, 1);
        luaL_addlstring(out, begin, (size_t)(end - begin));
        return false;
    }
    int type = lua_type(state, -1);
    if (type == LUA_TNUMBER) {
        mr_lua_push_number_text(state, -1);
        lua_remove(state, -2);
    } else if (type != LUA_TSTRING) {
        luaL_error(state, "invalid replacement value (a %s)", mr_lua_type_name(state, -1));
    }
    mr_lua_charge_bytes(state, lua_rawlen(state, -1));
    luaL_addvalue(out);
    return true;
}

static void check_replacement(lua_State *state) {
    int type = lua_type(state, 3);
    if (type == LUA_TNUMBER) {
        (void)mr_lua_check_text(state, 3, NULL);
        return;
    }
    bool right = type == LUA_TSTRING || type == LUA_TFUNCTION || type == LUA_TTABLE ||
                 mr_lua_to_value(state, 3) != NULL;
    luaL_argexpected(state, right, 3, "string/function/table");
}

static int string_gsub(lua_State *state) {
    size_t len, pattern_len;
    const char *text = mr_lua_check_text(state, 1, &len);
    const char *pattern = mr_lua_check_text(state, 2, &pattern_len);
    check_replacement(state);
    lua_Integer count_max = luaL_optinteger(state, 4, (lua_Integer)len + 1);
    bool anchored = *pattern == '^';
    mr_lua_matcher m = mr_lua_matcher_of(state, text, len, pattern, pattern_len);
    luaL_Buffer out;
    luaL_buffinit(state, &out);
    const char *at = text;
    const char *last = NULL;
    bool changed = false;
    lua_Integer count = 0;
    while (count < count_max) {
        const char *end = mr_lua_match(&m, at, pattern + anchored);
        if (end != NULL && end != last) {
            count++;
            changed |= add_replacement(&m, &out, at, end);
            at = last = end;
        } else if (at < text + len) {
            luaL_addchar(&out, *at);
            at++;
        } else {
            break;
        }
        if (anchored) {
            break;
        }
    }
    mr_lua_charge(state, m.steps);
    mr_lua_charge_bytes(state, len);
    if (!changed) {
        lua_pushvalue(state, 1);
    } else {
        luaL_addlstring(&out, at, (size_t)(text + len - at));
        luaL_pushresult(&out);
    }
    lua_pushinteger(state, count);
    return 2;
}

void mr_lua_open_pattern(lua_State *state) {
    static const luaL_Reg functions[] = {{"find", string_find},
                                         {"gmatch", string_gmatch},
                                         {"gsub", string_gsub},
                                         {"match", string_match},
                                         {NULL, NULL}};
    luaL_setfuncs(state, functions, 0);
}
