/* lua-api/lua_encode.h - values of scripts as JSON text.
 *
 * Sequences and what json.array marked are arrays, other tables objects with their names sorted by
 * byte, {} is an object; JSON values keep the bytes of what was not changed. NaN, infinity,
 * functions, cycles, holes, mixed keys and nesting beyond MR_JSON_DEPTH_MAX are errors. Thread:
 * owner task only. May throw. Private to lua-api. */
#pragma once

#include "lua-api/lua_vm.h"

/* Writes the value at index into vm->out, from its start. */
void mr_lua_encode(lua_State *state, int index);
/* Would be written as an array. */
bool mr_lua_is_array(lua_State *state, int index);
/* Marks the table at index: "array" or "object". */
void mr_lua_mark(lua_State *state, int index, const char *mark);
