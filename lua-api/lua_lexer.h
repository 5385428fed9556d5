/* lua-api/lua_lexer.h - a text of Lua as tokens with their places, for messages.
 * Thread: any; everything is borrowed from the text. */
#pragma once

#include "topologies/diagnostics.h"

typedef enum mr_lua_token_kind {
    MR_LUA_TOKEN_END,
    MR_LUA_TOKEN_NAME,
    MR_LUA_TOKEN_KEYWORD,
    MR_LUA_TOKEN_STRING,
    MR_LUA_TOKEN_NUMBER,
    MR_LUA_TOKEN_SYMBOL,
    MR_LUA_TOKEN_COMMENT,
    MR_LUA_TOKEN_BAD, /* a byte or an unfinished string that Lua does not take */
} mr_lua_token_kind;

typedef struct mr_lua_token {
    mr_lua_token_kind kind;
    const char *at;
    size_t len;
    mr_place place; /* within the text, both from 1; columns count characters */
} mr_lua_token;

typedef struct mr_lua_lexer {
    const char *at;
    const char *end;
    const char *line_start;
    uint32_t line;
} mr_lua_lexer;

mr_lua_lexer mr_lua_lexer_of(const char *text);
/* Comments are tokens too; MR_LUA_TOKEN_END again and again at the end. */
mr_lua_token mr_lua_lexer_next(mr_lua_lexer *lexer);
bool mr_lua_token_is(const mr_lua_token *token, const char *text);
extern const char *const mr_lua_keywords[]; /* NULL-terminated */
