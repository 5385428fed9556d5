/* lua-api/lua_names.h - the names of the language: what this version has, what comes later, what
 * never will. Thread: any. Private to lua-api. */
#pragma once

#include "runtime/base/bytes.h"

typedef enum mr_lua_known {
    MR_LUA_KNOWN_NOT,
    MR_LUA_KNOWN_RECORD, /* key value ts headers ctx */
    MR_LUA_KNOWN_NULL,
    MR_LUA_KNOWN_WINDOW,
    MR_LUA_KNOWN_FUNCTION, /* of the language, or of a library */
    MR_LUA_KNOWN_LIBRARY,
    MR_LUA_KNOWN_LATER, /* of the language, but not in this version */
    MR_LUA_KNOWN_NEVER, /* Lua has it, jobs do not */
} mr_lua_known;

mr_lua_known mr_lua_name_known(mr_bytes name);
/* `of`: a library, ctx, headers or window. A field is MR_LUA_KNOWN_FUNCTION too. */
mr_lua_known mr_lua_member_known(mr_bytes of, mr_bytes member);
/* The names one may have meant; members of `of`, or (null) the global ones. Returns the count, at
 * most max. */
size_t mr_lua_names_like(mr_bytes of, const char **out, size_t max);
/* Names a job may not use for its own things, NULL-terminated. */
extern const char *const mr_lua_names_reserved[];
