/* The utf8 library (reference manual, 6.5), its steps counted. */
#include <limits.h>

#include "lua-api/lua_string.h"

#define CODE_MAX 0x10FFFFu
#define CODE_MAX_LAX 0x7FFFFFFFu

typedef enum strictness { STRICT, LAX } strictness;

static strictness strictness_of(lua_State *state, int argument) {
    return lua_toboolean(state, argument) ? LAX : STRICT;
}

static bool is_continuation(char c) {
    return ((unsigned char)c & 0xC0) == 0x80;
}

/* The character at `at`; 0: none begins there. A NUL stands at the text's end. */
static size_t decode(const char *at, strictness strict, uint32_t *code_out) {
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000, 0x200000, 0x4000000};
    unsigned char first = (unsigned char)*at;
    if (first < 0x80) {
        *code_out = first;
        return 1;
    }
    size_t len = 0;
    while (len < 8 && (first & (0x80u >> len)) != 0) {
        len++;
    }
    if (len < 2 || len > 6) {
        return 0;
    }
    uint32_t code = first & (0x7Fu >> len);
    for (size_t i = 1; i < len; i++) {
        if (!is_continuation(at[i])) {
            return 0;
        }
        code = code << 6 | ((unsigned char)at[i] & 0x3Fu);
    }
    if (code < least[len] || code > CODE_MAX_LAX) {
        return 0;
    }
    if (strict == STRICT && (code > CODE_MAX || (code >= 0xD800 && code <= 0xDFFF))) {
        return 0;
    }
    *code_out = code;
    return len;
}

/* As mr_lua_string_begin, but 0 stays 0 and what lies before the text is 0. */
static lua_Integer position(lua_Integer at, size_t len) {
    if (at >= 0) {
        return at;
    }
    return at < -(lua_Integer)len ? 0 : (lua_Integer)len + at + 1;
}

static int utf8_len(lua_State *state) {
    size_t len;
    const char *text = mr_lua_check_text(state, 1, &len);
    lua_Integer at = position(luaL_optinteger(state, 2, 1), len);
    lua_Integer last = position(luaL_optinteger(state, 3, -1), len);
    luaL_argcheck(state, 1 <= at && --at <= (lua_Integer)len, 2, "initial position out of bounds");
    luaL_argcheck(state, --last < (lua_Integer)len, 3, "final position out of bounds");
    strictness strict = strictness_of(state, 4);
    lua_Integer count = 0;
    while (at <= last) {
        uint32_t code;
        size_t size = decode(text + at, strict, &code);
        if (size == 0) {
            mr_lua_charge(state, (uint64_t)count);
            lua_pushnil(state);
            lua_pushinteger(state, at + 1);
            return 2;
        }
        at += (lua_Integer)size;
        count++;
    }
    mr_lua_charge(state, (uint64_t)count);
    lua_pushinteger(state, count);
    return 1;
}

static int utf8_codepoint(lua_State *state) {
    size_t len;
    const char *text = mr_lua_check_text(state, 1, &len);
    lua_Integer first = position(luaL_optinteger(state, 2, 1), len);
    lua_Integer last = position(luaL_optinteger(state, 3, first), len);
    strictness strict = strictness_of(state, 4);
    luaL_argcheck(state, first >= 1, 2, "out of bounds");
    luaL_argcheck(state, last <= (lua_Integer)len, 3, "out of bounds");
    if (first > last) {
        return 0;
    }
    if (last - first >= INT_MAX) {
        return luaL_error(state, "string slice too long");
    }
    mr_lua_charge(state, (uint64_t)(last - first) + 1);
    luaL_checkstack(state, (int)(last - first) + 1, "string slice too long");
    int count = 0;
    for (const char *at = text + first - 1; at < text + last;) {
        uint32_t code;
        size_t size = decode(at, strict, &code);
        if (size == 0) {
            return luaL_error(state, "invalid UTF-8 code");
        }
        lua_pushinteger(state, code);
        at += size;
        count++;
    }
    return count;
}

static int utf8_char(lua_State *state) {
    int count = lua_gettop(state);
    mr_lua_charge(state, (uint64_t)count);
    luaL_Buffer out;
    luaL_buffinit(state, &out);
    for (int i = 1; i <= count; i++) {
        lua_Unsigned code = (lua_Unsigned)luaL_checkinteger(state, i);
        luaL_argcheck(state, code <= CODE_MAX_LAX, i, "value out of range");
        lua_pushfstring(state, "%U", (long)code);
        luaL_addvalue(&out);
    }
    luaL_pushresult(&out);
    return 1;
}

/* Moves `at` (from 0) by n - 1 characters on, or by -n back; n left over says that the text ended.
 */
static lua_Integer move(const char *text, size_t len, lua_Integer at, lua_Integer *n) {
    if (*n < 0) {
        while (*n < 0 && at > 0) {
            do {
                at--;
            } while (at > 0 && is_continuation(text[at]));
            (*n)++;
        }
        return at;
    }
    (*n)--;
    while (*n > 0 && at < (lua_Integer)len) {
        do {
            at++;
        } while (is_continuation(text[at]));
        (*n)--;
    }
    return at;
}

static int utf8_offset(lua_State *state) {
    size_t len;
    const char *text = mr_lua_check_text(state, 1, &len);
    lua_Integer n = luaL_checkinteger(state, 2);
    lua_Integer at = n >= 0 ? 1 : (lua_Integer)len + 1;
    at = position(luaL_optinteger(state, 3, at), len) - 1;
    luaL_argcheck(state, 0 <= at && at <= (lua_Integer)len, 3, "position out of bounds");
    mr_lua_charge_bytes(state, len);
    if (n == 0) {
        while (at > 0 && is_continuation(text[at])) {
            at--;
        }
    } else {
        if (is_continuation(text[at])) {
            return luaL_error(state, "initial position is a continuation byte");
        }
        at = move(text, len, at, &n);
    }
    if (n == 0) {
        lua_pushinteger(state, at + 1);
    } else {
        lua_pushnil(state);
    }
    return 1;
}

/* for p, c in utf8.codes(s): the control is the place of the character before. */
static int next_code(lua_State *state, strictness strict) {
    size_t len;
    const char *text = mr_lua_check_text(state, 1, &len);
    lua_Unsigned begin = (lua_Unsigned)lua_tointeger(state, 2);
    lua_Unsigned at = begin;
    if (at < len) {
        while (is_continuation(text[at])) {
            at++;
        }
    }
    mr_lua_charge(state, at - begin + 1);
    if (at >= len) {
        return 0;
    }
    uint32_t code;
    size_t size = decode(text + at, strict, &code);
    if (size == 0) {
        return luaL_error(state, "invalid UTF-8 code");
    }
    lua_pushinteger(state, (lua_Integer)at + 1);
    lua_pushinteger(state, code);
    return 2;
}

static int next_strict(lua_State *state) {
    return next_code(state, STRICT);
}

static int next_lax(lua_State *state) {
    return next_code(state, LAX);
}

static int utf8_codes(lua_State *state) {
    (void)mr_lua_check_text(state, 1, NULL);
    lua_pushcfunction(state, lua_toboolean(state, 2) ? next_lax : next_strict);
    lua_pushvalue(state, 1);
    lua_pushinteger(state, 0);
    return 3;
}

void mr_lua_open_utf8(lua_State *state) {
    static const luaL_Reg functions[] = {
        {"char", utf8_char}, {"codepoint", utf8_codepoint}, {"codes", utf8_codes},
        {"len", utf8_len},   {"offset", utf8_offset},       {NULL, NULL},
    };
    luaL_setfuncs(state, functions, 0);
    lua_pushlstring(state, "[\0-\x7F\xC2-\xFD][\x80-\xBF]*", 14);
    lua_setfield(state, -2, "charpattern");
}
