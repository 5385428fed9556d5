/* lua-api/lua_scan.h - reads a text of Lua with its scopes: which names it takes from outside, what
 * it assigns, and whether it can end without `return`. Lua itself decides whether a text compiles;
 * this reader follows the same grammar and, where Lua refuses a text, tells at which token. Thread:
 * owner only. */
#pragma once

#include "lua-api/lua_lexer.h"

typedef enum mr_lua_use_kind {
    MR_LUA_USE_READ,   /* a global is read */
    MR_LUA_USE_WRITE,  /* a global is assigned, also by `function name()` */
    MR_LUA_USE_UPVALUE /* a local of the text's top level is assigned inside a function */
} mr_lua_use_kind;

typedef struct mr_lua_use {
    mr_lua_use_kind kind;
    mr_lua_token name;
    uint32_t depth; /* functions around it; 0: the text itself */
    mr_lua_token
        member; /* the constant name right behind (`name.member`, `name:member`); len 0: none */
    bool member_is_method;
    bool member_written;
} mr_lua_use;

typedef struct mr_lua_function {
    uint32_t line_first;
    uint32_t line_last;
} mr_lua_function;

/* A local of a function around it (or of the text) that a function assigns, itself or through a
 * function inside: a closure that lives on with it could remember between calls. */
typedef struct mr_lua_assigned {
    size_t function; /* index into functions */
    mr_lua_token name;
} mr_lua_assigned;

typedef struct mr_lua_scan {
    mr_lua_use *uses;
    size_t uses_count;
    mr_lua_function *functions;
    size_t functions_count;
    mr_lua_assigned *assigned;
    size_t assigned_count;
    bool stopped; /* the text ends the reading at `stop`: no Lua */
    mr_lua_token stop;
    bool falls_through; /* a body: its end can be reached */
    mr_lua_token last;  /* the last token, for messages about the end */
    bool assigns_first; /* the first statement is an assignment: `a = b` where `a == b` may be meant
                         */
    mr_lua_token assign; /* its `=` */
    mr_lua_token
        second; /* the comma behind the first value of a `return` of the text; len 0: none */
    mr_lua_token vararg; /* `...` outside of functions that have it; len 0: none */
} mr_lua_scan;

typedef enum mr_lua_scan_form { MR_LUA_SCAN_EXPRESSION, MR_LUA_SCAN_BODY } mr_lua_scan_form;

/* text must outlive the scan. */
mr_lua_scan *mr_lua_scan_create(const char *text, mr_lua_scan_form form);
void mr_lua_scan_destroy(mr_lua_scan *scan);
