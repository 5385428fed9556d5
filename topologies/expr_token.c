#include "topologies/expr_token.h"

#include <stdlib.h>

#include "runtime/base/number.h"

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static bool is_name_character(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || is_digit(c);
}

static const struct {
    const char *word;
    mr_expr_token_kind kind;
} keywords[] = {
    {"and", MR_TOKEN_AND},      {"or", MR_TOKEN_OR},       {"not", MR_TOKEN_NOT},
    {"nil", MR_TOKEN_NIL},      {"true", MR_TOKEN_TRUE},   {"false", MR_TOKEN_FALSE},
    {"do", MR_TOKEN_OTHER},     {"end", MR_TOKEN_OTHER},   {"function", MR_TOKEN_OTHER},
    {"if", MR_TOKEN_OTHER},     {"then", MR_TOKEN_OTHER},  {"else", MR_TOKEN_OTHER},
    {"for", MR_TOKEN_OTHER},    {"while", MR_TOKEN_OTHER}, {"repeat", MR_TOKEN_OTHER},
    {"in", MR_TOKEN_OTHER},     {"until", MR_TOKEN_OTHER}, {"return", MR_TOKEN_OTHER},
    {"goto", MR_TOKEN_OTHER},   {"local", MR_TOKEN_OTHER}, {"break", MR_TOKEN_OTHER},
    {"elseif", MR_TOKEN_OTHER},
};

static mr_expr_token read_name(const char **at, mr_arena *arena) {
    size_t length = 0;
    while (is_name_character((*at)[length])) {
        length++;
    }
    const char *text = mr_arena_strndup(arena, *at, length);
    *at += length;
    for (size_t i = 0; i < sizeof keywords / sizeof keywords[0]; i++) {
        if (strcmp(keywords[i].word, text) == 0) {
            return (mr_expr_token){.kind = keywords[i].kind};
        }
    }
    return (mr_expr_token){.kind = MR_TOKEN_NAME, .text = mr_bytes_of(text, length)};
}

/* digits [. digits] [e [sign] digits], as Lua reads it: an integer beyond 64 bits is a float, and a
 * name or a dot right behind is an error, which Lua shall say. */
static mr_expr_token read_number(const char **at) {
    mr_expr_token token = {.kind = MR_TOKEN_INT};
    const char *begin = *at;
    const char *end = begin;
    while (is_digit(*end)) {
        end++;
    }
    if (*end == '.') {
        token.kind = MR_TOKEN_FLOAT;
        end++;
        while (is_digit(*end)) {
            end++;
        }
    }
    if (*end == 'e' || *end == 'E') {
        token.kind = MR_TOKEN_FLOAT;
        end++;
        if (*end == '+' || *end == '-') {
            end++;
        }
        if (!is_digit(*end)) {
            return (mr_expr_token){.kind = MR_TOKEN_OTHER};
        }
        while (is_digit(*end)) {
            end++;
        }
    }
    /* Lua reads at most 200 characters of a decimal number. */
    if (is_name_character(*end) || *end == '.' || end - begin > 190) {
        return (mr_expr_token){.kind = MR_TOKEN_OTHER};
    }
    *at = end;
    mr_bytes text = mr_bytes_of(begin, (size_t)(end - begin));
    if (token.kind == MR_TOKEN_INT && mr_int_parse(text, &token.integer) == MR_OK) {
        return token;
    }
    token.kind = MR_TOKEN_FLOAT;
    token.number = strtod(begin, NULL);
    return token;
}

/* The character a simple escape stands for; 0: not a simple one. */
static char unescape(char c) {
    static const char from[] = "abfnrtv\\\"'";
    static const char to[] = "\a\b\f\n\r\t\v\\\"'";
    const char *found = c == '\0' ? NULL : strchr(from, c);
    return found == NULL ? '\0' : to[found - from];
}

static mr_expr_token read_string(const char **at, mr_arena *arena) {
    mr_expr_token other = {.kind = MR_TOKEN_OTHER};
    char quote = **at;
    const char *from = *at + 1;
    char *text = mr_arena_strndup(arena, from, strlen(from));
    size_t length = 0;
    for (; *from != quote; from++) {
        char c = *from;
        if (c == '\0' || c == '\n' || c == '\r') {
            return other;
        }
        if (c == '\\') {
            c = unescape(*++from);
            if (c == '\0') {
                return other;
            }
        }
        text[length++] = c;
    }
    *at = from + 1;
    return (mr_expr_token){.kind = MR_TOKEN_STRING, .text = mr_bytes_of(text, length)};
}

/* The longest mark wins; marks that Lua reads otherwise stand here too, so that they are not split.
 */
static const struct {
    const char *mark;
    mr_expr_token_kind kind;
} marks[] = {
    {"--", MR_TOKEN_OTHER},  {"..", MR_TOKEN_OTHER},     {"[[", MR_TOKEN_OTHER},
    {"[=", MR_TOKEN_OTHER},  {"<<", MR_TOKEN_OTHER},     {">>", MR_TOKEN_OTHER},
    {"::", MR_TOKEN_OTHER},  {"==", MR_TOKEN_EQ},        {"~=", MR_TOKEN_NE},
    {"<=", MR_TOKEN_LE},     {">=", MR_TOKEN_GE},        {"//", MR_TOKEN_DOUBLE_SLASH},
    {"<", MR_TOKEN_LT},      {">", MR_TOKEN_GT},         {"+", MR_TOKEN_PLUS},
    {"-", MR_TOKEN_MINUS},   {"*", MR_TOKEN_STAR},       {"/", MR_TOKEN_SLASH},
    {"%", MR_TOKEN_PERCENT}, {".", MR_TOKEN_DOT},        {"(", MR_TOKEN_OPEN},
    {")", MR_TOKEN_CLOSE},   {"[", MR_TOKEN_OPEN_INDEX}, {"]", MR_TOKEN_CLOSE_INDEX},
};

mr_expr_token mr_expr_token_next(const char **at, mr_arena *arena) {
    *at += strspn(*at, " \t\r\n\f\v");
    char c = **at;
    if (c == '\0') {
        return (mr_expr_token){.kind = MR_TOKEN_END};
    }
    if (is_digit(c) || (c == '.' && is_digit((*at)[1]))) {
        return read_number(at);
    }
    if (is_name_character(c)) {
        return read_name(at, arena);
    }
    if (c == '\'' || c == '"') {
        return read_string(at, arena);
    }
    for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++) {
        size_t length = strlen(marks[i].mark);
        if (strncmp(*at, marks[i].mark, length) == 0) {
            *at += length;
            return (mr_expr_token){.kind = marks[i].kind};
        }
    }
    return (mr_expr_token){.kind = MR_TOKEN_OTHER};
}
