#include "lua-api/lua_lexer.h"

#include <string.h>

const char *const mr_lua_keywords[] = {
    "and",      "break",  "do",   "else", "elseif", "end",   "false", "for",
    "function", "goto",   "if",   "in",   "local",  "nil",   "not",   "or",
    "repeat",   "return", "then", "true", "until",  "while", NULL,
};

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}
static bool is_name_start(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}
static bool is_name_char(char c) {
    return is_name_start(c) || is_digit(c);
}
static bool is_space(char c) {
    return c == ' ' || (c >= '\t' && c <= '\r');
}

mr_lua_lexer mr_lua_lexer_of(const char *text) {
    return (mr_lua_lexer){.at = text, .end = text + strlen(text), .line_start = text, .line = 1};
}

bool mr_lua_token_is(const mr_lua_token *token, const char *text) {
    return token->kind != MR_LUA_TOKEN_STRING && token->len == strlen(text) &&
           memcmp(token->at, text, token->len) == 0;
}

static char peek(const mr_lua_lexer *lexer, size_t ahead) {
    return (size_t)(lexer->end - lexer->at) > ahead ? lexer->at[ahead] : '\0';
}

static void advance(mr_lua_lexer *lexer) {
    if (*lexer->at == '\n') {
        lexer->line++;
        lexer->line_start = lexer->at + 1;
    }
    lexer->at++;
}

static uint32_t column_of(const mr_lua_lexer *lexer) {
    uint32_t column = 1;
    for (const char *p = lexer->line_start; p < lexer->at; p++) {
        column += ((unsigned char)*p & 0xC0) != 0x80;
    }
    return column;
}

/* The number of '=' of a long bracket that begins here, -1: none does. */
static int long_bracket_level(const mr_lua_lexer *lexer) {
    if (peek(lexer, 0) != '[') {
        return -1;
    }
    int level = 0;
    while (peek(lexer, 1 + (size_t)level) == '=') {
        level++;
    }
    return peek(lexer, 1 + (size_t)level) == '[' ? level : -1;
}

/* false: no end in the text. */
static bool skip_long_bracket(mr_lua_lexer *lexer, int level) {
    lexer->at += level + 2;
    while (lexer->at < lexer->end) {
        if (*lexer->at == ']') {
            int equals = 0;
            while (peek(lexer, 1 + (size_t)equals) == '=') {
                equals++;
            }
            if (equals == level && peek(lexer, 1 + (size_t)equals) == ']') {
                lexer->at += level + 2;
                return true;
            }
        }
        advance(lexer);
    }
    return false;
}

static bool skip_quoted(mr_lua_lexer *lexer) {
    char quote = *lexer->at++;
    while (lexer->at < lexer->end && *lexer->at != '\n') {
        if (*lexer->at == quote) {
            lexer->at++;
            return true;
        }
        if (*lexer->at == '\\' && lexer->at + 1 < lexer->end) {
            lexer->at++;
            if (*lexer->at == 'z') {
                lexer->at++;
                while (lexer->at < lexer->end && is_space(*lexer->at)) {
                    advance(lexer);
                }
                continue;
            }
        }
        advance(lexer);
    }
    return false;
}

static void skip_number(mr_lua_lexer *lexer) {
    const char *exponent = "eE";
    if (peek(lexer, 0) == '0' && (peek(lexer, 1) == 'x' || peek(lexer, 1) == 'X')) {
        exponent = "pP";
        lexer->at += 2;
    }
    while (lexer->at < lexer->end) {
        char c = *lexer->at;
        if (strchr(exponent, c) != NULL && (peek(lexer, 1) == '+' || peek(lexer, 1) == '-')) {
            lexer->at += 2;
        } else if (is_name_char(c) || c == '.') {
            lexer->at++;
        } else {
            break;
        }
    }
}

static mr_lua_token_kind skip_comment(mr_lua_lexer *lexer) {
    lexer->at += 2;
    int level = long_bracket_level(lexer);
    if (level >= 0) {
        return skip_long_bracket(lexer, level) ? MR_LUA_TOKEN_COMMENT : MR_LUA_TOKEN_BAD;
    }
    while (lexer->at < lexer->end && *lexer->at != '\n') {
        lexer->at++;
    }
    return MR_LUA_TOKEN_COMMENT;
}

static mr_lua_token_kind skip_symbol(mr_lua_lexer *lexer) {
    static const char *const symbols[] = {
        "...", "..", "==", "~=", "<=", ">=", "//", "::", "<<", ">>"};
    for (size_t i = 0; i < sizeof symbols / sizeof *symbols; i++) {
        size_t len = strlen(symbols[i]);
        if ((size_t)(lexer->end - lexer->at) >= len && memcmp(lexer->at, symbols[i], len) == 0) {
            lexer->at += len;
            return MR_LUA_TOKEN_SYMBOL;
        }
    }
    char c = *lexer->at;
    if (c == '!' && peek(lexer, 1) == '=') {
        lexer->at += 2;
        return MR_LUA_TOKEN_BAD;
    }
    lexer->at++;
    return strchr("+-*/%^#&~|<>=(){}[];:,.", c) != NULL && c != '\0' ? MR_LUA_TOKEN_SYMBOL
                                                                     : MR_LUA_TOKEN_BAD;
}

static mr_lua_token_kind skip_name(mr_lua_lexer *lexer, const char *begin) {
    while (lexer->at < lexer->end && is_name_char(*lexer->at)) {
        lexer->at++;
    }
    size_t len = (size_t)(lexer->at - begin);
    for (const char *const *keyword = mr_lua_keywords; *keyword != NULL; keyword++) {
        if (strlen(*keyword) == len && memcmp(begin, *keyword, len) == 0) {
            return MR_LUA_TOKEN_KEYWORD;
        }
    }
    return MR_LUA_TOKEN_NAME;
}

mr_lua_token mr_lua_lexer_next(mr_lua_lexer *lexer) {
    while (lexer->at < lexer->end && is_space(*lexer->at)) {
        advance(lexer);
    }
    mr_lua_token token = {.at = lexer->at, .place = {lexer->line, column_of(lexer)}};
    if (lexer->at >= lexer->end) {
        token.kind = MR_LUA_TOKEN_END;
        return token;
    }
    char c = *lexer->at;
    if (is_name_start(c)) {
        token.kind = skip_name(lexer, token.at);
    } else if (is_digit(c) || (c == '.' && is_digit(peek(lexer, 1)))) {
        skip_number(lexer);
        token.kind = MR_LUA_TOKEN_NUMBER;
    } else if (c == '"' || c == '\'') {
        token.kind = skip_quoted(lexer) ? MR_LUA_TOKEN_STRING : MR_LUA_TOKEN_BAD;
    } else if (long_bracket_level(lexer) >= 0) {
        token.kind = skip_long_bracket(lexer, long_bracket_level(lexer)) ? MR_LUA_TOKEN_STRING
                                                                         : MR_LUA_TOKEN_BAD;
    } else if (c == '-' && peek(lexer, 1) == '-') {
        token.kind = skip_comment(lexer);
    } else {
        token.kind = skip_symbol(lexer);
    }
    token.len = (size_t)(lexer->at - token.at);
    return token;
}
