/* lua-api/lua_order.h - keys in one fixed order: numbers first, then strings by byte.
 * Thread: owner task only. May throw. Private to lua-api. */
#pragma once

#include "lua-api/lua_vm.h"

/* Pushes an array of the keys of the table (frozen ones are seen through) or JSON value at index,
 * in order; returns their count. Throws for keys that are neither numbers nor strings. */
lua_Integer mr_lua_push_sorted_keys(lua_State *state, int index);
