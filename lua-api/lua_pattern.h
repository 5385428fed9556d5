/* lua-api/lua_pattern.h - Lua's patterns (reference manual, 6.4.1), every step counted against the
 * budget. Thread: owner task only. May throw. Private to lua-api. */
#pragma once

#include "lua-api/lua_vm.h"

/* As Lua's own bounds, so that the same patterns are refused. */
#define MR_LUA_CAPTURES_MAX 32
#define MR_LUA_PATTERN_DEPTH_MAX 200

typedef struct mr_lua_capture {
    const char *at;
    ptrdiff_t len; /* or one of the two below */
} mr_lua_capture;
enum { MR_LUA_CAPTURE_OPEN = -1, MR_LUA_CAPTURE_POSITION = -2 };

typedef struct mr_lua_matcher {
    lua_State *state;
    const char *subject;
    const char *subject_end;
    const char *pattern_end; /* a NUL stands there */
    uint64_t steps;          /* not yet charged */
    int depth;
    int captures_count;
    mr_lua_capture captures[MR_LUA_CAPTURES_MAX];
} mr_lua_matcher;

mr_lua_matcher mr_lua_matcher_of(lua_State *state, const char *subject, size_t subject_len,
                                 const char *pattern, size_t pattern_len);
/* The end of the match of pattern at `at`, NULL: none. Captures are those of this match. */
const char *mr_lua_match(mr_lua_matcher *matcher, const char *at, const char *pattern);
/* Pushes capture `index`; the whole match [begin, end) stands for the first when the pattern has
 * none. */
void mr_lua_push_capture(mr_lua_matcher *matcher, int index, const char *begin, const char *end);
/* Pushes all of them (begin NULL: none for a pattern without captures); returns how many. */
int mr_lua_push_captures(mr_lua_matcher *matcher, const char *begin, const char *end);
