/* string.format: the conversions of C's printf that the reference manual names, bounded as Lua
 * bounds them. */
#include <ctype.h>
#include <math.h>
#include <stdio.h>

#include "lua-api/lua_vm.h"

/* "%-+ #099.99" and the conversion with its length. */
#define SPEC_BYTES_MAX 32
/* A double in %f has at most 309 digits, a point and 99 decimals. */
#define ITEM_BYTES_MAX 512

typedef struct conversion {
    char spec[SPEC_BYTES_MAX]; /* "%" flags width precision */
    size_t spec_len;
    bool has_precision;
    char letter;
} conversion;

static int refuse(lua_State *state, const conversion *c) {
    const char letter[2] = {c->letter, '\0'}; /* none at the text's end */
    return luaL_error(state, "invalid conversion '%s%s' to 'format'", c->spec, letter);
}

/* Reads what stands between '%' and the letter. */
static const char *read_conversion(lua_State *state, const char *at, conversion *out) {
    *out = (conversion){.spec = "%", .spec_len = 1};
    size_t len = strspn(at, "-+ #0.123456789");
    if (len >= SPEC_BYTES_MAX - 10) {
        luaL_error(state, "invalid format string to 'format'");
    }
    memcpy(out->spec + 1, at, len);
    out->spec_len += len;
    out->spec[out->spec_len] = '\0';
    out->letter = at[len];
    return at + len + (at[len] != '\0');
}

/* Flags of `flags`, then at most two digits of width, then (if allowed) '.' and at most two of
 * precision. */
static void check_conversion(lua_State *state, conversion *c, const char *flags,
                             bool may_have_precision) {
    const char *at = c->spec + 1;
    at += strspn(at, flags);
    if (*at != '0') {
        for (int i = 0; i < 2 && isdigit((unsigned char)*at); i++) {
            at++;
        }
        if (*at == '.' && may_have_precision) {
            c->has_precision = true;
            at++;
            for (int i = 0; i < 2 && isdigit((unsigned char)*at); i++) {
                at++;
            }
        }
    }
    if (*at != '\0') {
        refuse(state, c);
    }
}

static void finish_spec(conversion *c, const char *length) {
    (void)snprintf(c->spec + c->spec_len, sizeof c->spec - c->spec_len, "%s%c", length, c->letter);
}

static void add_char(lua_State *state, luaL_Buffer *out, conversion *c, int argument) {
    check_conversion(state, c, "-", false);
    finish_spec(c, "");
    char item[ITEM_BYTES_MAX];
    int len = snprintf(item, sizeof item, c->spec, (int)luaL_checkinteger(state, argument));
    luaL_addlstring(out, item, (size_t)len);
}

static void add_integer(lua_State *state, luaL_Buffer *out, conversion *c, int argument) {
    lua_Integer value = luaL_checkinteger(state, argument);
    check_conversion(state, c,
                     c->letter == 'd' || c->letter == 'i' ? "-+0 "
                     : c->letter == 'u'                   ? "-0"
                                                          : "-#0",
                     true);
    finish_spec(c, "ll");
    char item[ITEM_BYTES_MAX];
    int len = snprintf(item, sizeof item, c->spec, (long long)value);
    luaL_addlstring(out, item, (size_t)len);
}

static void add_float(lua_State *state, luaL_Buffer *out, conversion *c, int argument) {
    double value = luaL_checknumber(state, argument);
    check_conversion(state, c, "-+ #0", true);
    finish_spec(c, "");
    char item[ITEM_BYTES_MAX];
    /* The sign of NaN differs between processors. */
    int len = snprintf(item, sizeof item, c->spec, isnan(value) ? fabs(value) : value);
    luaL_addlstring(out, item, (size_t)len);
}

static void add_string(lua_State *state, luaL_Buffer *out, conversion *c, int argument) {
    size_t len;
    const char *text = mr_lua_push_text(state, argument, &len);
    mr_lua_charge_bytes(state, len);
    if (c->spec_len == 1) {
        luaL_addvalue(out);
        return;
    }
    luaL_argcheck(state, len == strlen(text), argument, "string contains zeros");
    check_conversion(state, c, "-", true);
    if (!c->has_precision && len >= 100) {
        luaL_addvalue(out); /* longer than any width */
        return;
    }
    finish_spec(c, "");
    char item[ITEM_BYTES_MAX];
    int item_len = snprintf(item, sizeof item, c->spec, text);
    lua_pop(state, 1);
    luaL_addlstring(out, item, (size_t)item_len);
}

/* ---- %q: as a literal that Lua reads back ---- */

static void add_quoted_string(luaL_Buffer *out, const char *text, size_t len) {
    luaL_addchar(out, '"');
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c == '"' || c == '\\' || c == '\n') {
            luaL_addchar(out, '\\');
            luaL_addchar(out, (char)c);
        } else if (iscntrl(c)) {
            char item[8];
            bool digit_next = i + 1 < len && isdigit((unsigned char)text[i + 1]);
            int item_len = snprintf(item, sizeof item, digit_next ? "\\%03d" : "\\%d", c);
            luaL_addlstring(out, item, (size_t)item_len);
        } else {
            luaL_addchar(out, (char)c);
        }
    }
    luaL_addchar(out, '"');
}

static void add_quoted_number(lua_State *state, luaL_Buffer *out, int argument) {
    char item[64];
    if (lua_isinteger(state, argument)) {
        lua_Integer value = lua_tointeger(state, argument);
        (void)snprintf(item, sizeof item, value == LUA_MININTEGER ? "0x%llx" : "%lld",
                       (long long)value);
    } else {
        double value = lua_tonumber(state, argument);
        if (isnan(value)) {
            (void)snprintf(item, sizeof item, "(0/0)");
        } else if (isinf(value)) {
            (void)snprintf(item, sizeof item, value > 0 ? "1e9999" : "-1e9999");
        } else {
            (void)snprintf(item, sizeof item, "%a", value);
        }
    }
    luaL_addstring(out, item);
}

static void add_quoted(lua_State *state, luaL_Buffer *out, const conversion *c, int argument) {
    if (c->spec_len > 1) {
        luaL_error(state, "specifier '%%q' cannot have modifiers");
    }
    size_t len;
    const char *text;
    switch (lua_type(state, argument)) {
    case LUA_TSTRING:
        text = lua_tolstring(state, argument, &len);
        mr_lua_charge_bytes(state, len);
        add_quoted_string(out, text, len);
        break;
    case LUA_TNUMBER:
        add_quoted_number(state, out, argument);
        break;
    case LUA_TNIL:
    case LUA_TBOOLEAN:
        (void)mr_lua_push_text(state, argument, NULL);
        luaL_addvalue(out);
        break;
    default:
        luaL_argerror(state, argument, "value has no literal form");
        break;
    }
}

static void add_conversion(lua_State *state, luaL_Buffer *out, conversion *c, int argument) {
    if (strchr("cdiuoxXaAfeEgGsqp", c->letter) == NULL || c->letter == '\0') {
        refuse(state, c);
    }
    if (c->letter == 'p') {
        luaL_error(state, "'%%p' is not available in a job: addresses differ from run to run");
    }
    luaL_checkany(state, argument);
    switch (c->letter) {
    case 'c':
        add_char(state, out, c, argument);
        break;
    case 's':
        add_string(state, out, c, argument);
        break;
    case 'q':
        add_quoted(state, out, c, argument);
        break;
    default:
        strchr("diuoxX", c->letter) != NULL ? add_integer(state, out, c, argument)
                                            : add_float(state, out, c, argument);
        break;
    }
}

static int string_format(lua_State *state) {
    size_t len;
    const char *at = mr_lua_check_text(state, 1, &len);
    const char *end = at + len;
    mr_lua_charge_bytes(state, len);
    int argument = 1;
    int count = lua_gettop(state); /* before the buffer, which takes a place of its own */
    luaL_Buffer out;
    luaL_buffinit(state, &out);
    while (at < end) {
        if (*at != '%') {
            luaL_addchar(&out, *at);
            at++;
        } else if (*++at == '%') {
            luaL_addchar(&out, *at);
            at++;
        } else {
            conversion c;
            if (++argument > count) {
                return luaL_argerror(state, argument, "no value");
            }
            at = read_conversion(state, at, &c);
            mr_lua_charge(state, 8);
            add_conversion(state, &out, &c, argument);
        }
    }
    luaL_pushresult(&out);
    return 1;
}

void mr_lua_open_format(lua_State *state) {
    lua_pushcfunction(state, string_format);
    lua_setfield(state, -2, "format");
}
