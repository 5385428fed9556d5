/* lua-api/lua_result.h - what a text gave, as data for the engine.
 * Thread: owner task only. Private to lua-api. */
#pragma once

#include "lua-api/lua_vm.h"

/* The value on top of the stack, popped; bytes are copied into the arena. MR_INVALID: Lua's message
 * in err. */
mr_status mr_lua_result_datum(mr_lua_vm *vm, mr_code_use use, mr_arena *arena, mr_datum *out,
                              mr_err *err) MR_CHECKED;
/* The list on top of the stack, popped. */
mr_status mr_lua_result_items(mr_lua_vm *vm, mr_arena *arena, mr_script_item **items, size_t *count,
                              mr_err *err) MR_CHECKED;
