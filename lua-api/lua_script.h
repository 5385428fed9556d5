/* lua-api/lua_script.h - Lua 5.4 as the engine's script and as the topology's code checker.
 * The Lua stack never leaves this folder. Thread: one script per task; a checker is its owner's. */
#pragma once

#include "runtime/engine/script.h"
#include "topologies/code_checker.h"

typedef struct mr_lua_limits {
    size_t memory_bytes_max; /* 0: MR_LUA_BYTES_MAX */
    uint64_t steps_max;      /* 0: MR_LUA_STEPS_MAX; instructions and counted steps of one call */
} mr_lua_limits;

typedef struct mr_lua_factory mr_lua_factory;
mr_lua_factory *mr_lua_factory_create(const mr_lua_limits *limits);
void mr_lua_factory_destroy(mr_lua_factory *factory);
mr_script_factory mr_lua_script_factory(mr_lua_factory *factory); /* Thread: any */

typedef struct mr_lua_checker mr_lua_checker;
mr_lua_checker *mr_lua_checker_create(void);
void mr_lua_checker_destroy(mr_lua_checker *checker);
const mr_code_checker *mr_lua_code_checker(mr_lua_checker *checker);
