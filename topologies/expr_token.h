/* topologies/expr_token.h - the tokens of native expressions. Inside this folder only. Thread:
 * owner only. */
#pragma once

#include "runtime/base/arena.h"

typedef enum mr_expr_token_kind {
    MR_TOKEN_END,
    MR_TOKEN_OTHER, /* what native expressions do not know: the text is left to Lua */
    MR_TOKEN_NAME,
    MR_TOKEN_STRING,
    MR_TOKEN_INT,
    MR_TOKEN_FLOAT,
    MR_TOKEN_OR,
    MR_TOKEN_AND,
    MR_TOKEN_NOT,
    MR_TOKEN_NIL,
    MR_TOKEN_TRUE,
    MR_TOKEN_FALSE,
    MR_TOKEN_EQ,
    MR_TOKEN_NE,
    MR_TOKEN_LT,
    MR_TOKEN_LE,
    MR_TOKEN_GT,
    MR_TOKEN_GE,
    MR_TOKEN_PLUS,
    MR_TOKEN_MINUS,
    MR_TOKEN_STAR,
    MR_TOKEN_SLASH,
    MR_TOKEN_DOUBLE_SLASH,
    MR_TOKEN_PERCENT,
    MR_TOKEN_DOT,
    MR_TOKEN_OPEN,
    MR_TOKEN_CLOSE,
    MR_TOKEN_OPEN_INDEX,
    MR_TOKEN_CLOSE_INDEX,
} mr_expr_token_kind;

typedef struct mr_expr_token {
    mr_expr_token_kind kind;
    mr_bytes text; /* NAME, STRING (unescaped, in the arena) */
    int64_t integer;
    double number;
} mr_expr_token;

/* Reads the token at *at and moves behind it. */
mr_expr_token mr_expr_token_next(const char **at, mr_arena *arena);
