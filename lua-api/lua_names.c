#include "lua-api/lua_names.h"

#define RECORD MR_LUA_KNOWN_RECORD
#define FUNCTION MR_LUA_KNOWN_FUNCTION
#define LIBRARY MR_LUA_KNOWN_LIBRARY
#define LATER MR_LUA_KNOWN_LATER
#define NEVER MR_LUA_KNOWN_NEVER

typedef struct known_name {
    const char *of; /* NULL: a global name */
    const char *name;
    mr_lua_known known;
} known_name;

static const known_name names[] = {
    {NULL, "key", RECORD},
    {NULL, "value", RECORD},
    {NULL, "ts", RECORD},
    {NULL, "headers", RECORD},
    {NULL, "ctx", RECORD},
    {NULL, "null", MR_LUA_KNOWN_NULL},
    {NULL, "window", MR_LUA_KNOWN_WINDOW},
    {NULL, "assert", FUNCTION},
    {NULL, "error", FUNCTION},
    {NULL, "getmetatable", FUNCTION},
    {NULL, "ipairs", FUNCTION},
    {NULL, "next", FUNCTION},
    {NULL, "pairs", FUNCTION},
    {NULL, "pcall", FUNCTION},
    {NULL, "rawequal", FUNCTION},
    {NULL, "rawget", FUNCTION},
    {NULL, "rawlen", FUNCTION},
    {NULL, "rawset", FUNCTION},
    {NULL, "select", FUNCTION},
    {NULL, "setmetatable", FUNCTION},
    {NULL, "tonumber", FUNCTION},
    {NULL, "tostring", FUNCTION},
    {NULL, "type", FUNCTION},
    {NULL, "xpcall", FUNCTION},
    {NULL, "string", LIBRARY},
    {NULL, "math", LIBRARY},
    {NULL, "table", LIBRARY},
    {NULL, "utf8", LIBRARY},
    {NULL, "time", LIBRARY},
    {NULL, "json", LIBRARY},
    {NULL, "left", LATER},
    {NULL, "right", LATER},
    {NULL, "acc", LATER},
    {NULL, "fail", LATER},
    {NULL, "log", LATER},
    {NULL, "metrics", LATER},
    {NULL, "hash", LATER},
    {NULL, "base64", LATER},
    {NULL, "bytes", LATER},
    {NULL, "decimal", LATER},
    {NULL, "sorted", LATER},
    {NULL, "_ENV", NEVER},
    {NULL, "_G", NEVER},
    {NULL, "_VERSION", NEVER},
    {NULL, "collectgarbage", NEVER},
    {NULL, "coroutine", NEVER},
    {NULL, "debug", NEVER},
    {NULL, "dofile", NEVER},
    {NULL, "io", NEVER},
    {NULL, "load", NEVER},
    {NULL, "loadfile", NEVER},
    {NULL, "loadstring", NEVER},
    {NULL, "module", NEVER},
    {NULL, "os", NEVER},
    {NULL, "package", NEVER},
    {NULL, "print", NEVER},
    {NULL, "require", NEVER},
    {NULL, "warn", NEVER},
    {"string", "byte", FUNCTION},
    {"string", "char", FUNCTION},
    {"string", "find", FUNCTION},
    {"string", "format", FUNCTION},
    {"string", "gmatch", FUNCTION},
    {"string", "gsub", FUNCTION},
    {"string", "len", FUNCTION},
    {"string", "lower", FUNCTION},
    {"string", "match", FUNCTION},
    {"string", "rep", FUNCTION},
    {"string", "reverse", FUNCTION},
    {"string", "sub", FUNCTION},
    {"string", "upper", FUNCTION},
    {"string", "pack", LATER},
    {"string", "unpack", LATER},
    {"string", "packsize", LATER},
    {"string", "dump", NEVER},
    {"table", "concat", FUNCTION},
    {"table", "insert", FUNCTION},
    {"table", "pack", FUNCTION},
    {"table", "remove", FUNCTION},
    {"table", "unpack", FUNCTION},
    {"table", "sort", LATER},
    {"table", "move", LATER},
    {"math", "abs", FUNCTION},
    {"math", "acos", FUNCTION},
    {"math", "asin", FUNCTION},
    {"math", "atan", FUNCTION},
    {"math", "ceil", FUNCTION},
    {"math", "cos", FUNCTION},
    {"math", "deg", FUNCTION},
    {"math", "exp", FUNCTION},
    {"math", "floor", FUNCTION},
    {"math", "fmod", FUNCTION},
    {"math", "huge", FUNCTION},
    {"math", "log", FUNCTION},
    {"math", "max", FUNCTION},
    {"math", "maxinteger", FUNCTION},
    {"math", "min", FUNCTION},
    {"math", "mininteger", FUNCTION},
    {"math", "modf", FUNCTION},
    {"math", "pi", FUNCTION},
    {"math", "rad", FUNCTION},
    {"math", "sin", FUNCTION},
    {"math", "sqrt", FUNCTION},
    {"math", "tan", FUNCTION},
    {"math", "tointeger", FUNCTION},
    {"math", "type", FUNCTION},
    {"math", "ult", FUNCTION},
    {"math", "random", LATER},
    {"math", "randomseed", LATER},
    {"utf8", "char", FUNCTION},
    {"utf8", "charpattern", FUNCTION},
    {"utf8", "codepoint", FUNCTION},
    {"utf8", "codes", FUNCTION},
    {"utf8", "len", FUNCTION},
    {"utf8", "offset", FUNCTION},
    {"time", "floor", FUNCTION},
    {"time", "iso", FUNCTION},
    {"time", "ms", FUNCTION},
    {"time", "parse", FUNCTION},
    {"json", "array", FUNCTION},
    {"json", "decode", FUNCTION},
    {"json", "encode", FUNCTION},
    {"json", "is_array", FUNCTION},
    {"json", "object", FUNCTION},
    {"ctx", "stream", FUNCTION},
    {"ctx", "topic", FUNCTION},
    {"ctx", "partition", FUNCTION},
    {"ctx", "offset", FUNCTION},
    {"ctx", "stream_time", FUNCTION},
    {"ctx", "job", FUNCTION},
    {"ctx", "task", FUNCTION},
    {"ctx", "forward", LATER},
    {"ctx", "timer", LATER},
    {"ctx", "cancel", LATER},
    {"window", "start", FUNCTION},
    {"window", "stop", FUNCTION},
};
#define NAMES_COUNT (sizeof names / sizeof *names)

const char *const mr_lua_names_reserved[] = {
    "and",  "break",  "do",    "else",    "elseif", "end",    "false", "for",     "function",
    "goto", "if",     "in",    "local",   "nil",    "not",    "or",    "repeat",  "return",
    "then", "true",   "until", "while",   "key",    "value",  "ts",    "headers", "ctx",
    "null", "window", "left",  "right",   "acc",    "string", "math",  "table",   "utf8",
    "time", "json",   "log",   "metrics", "hash",   "base64", "bytes", "decimal", NULL,
};

static bool is_text(const char *text, mr_bytes name) {
    return strlen(text) == name.len && memcmp(text, name.data, name.len) == 0;
}

static bool is_of(const known_name *known, mr_bytes of) {
    return mr_bytes_is_null(of) ? known->of == NULL : known->of != NULL && is_text(known->of, of);
}

mr_lua_known mr_lua_member_known(mr_bytes of, mr_bytes member) {
    for (size_t i = 0; i < NAMES_COUNT; i++) {
        if (is_of(&names[i], of) && is_text(names[i].name, member)) {
            return names[i].known;
        }
    }
    return MR_LUA_KNOWN_NOT;
}

mr_lua_known mr_lua_name_known(mr_bytes name) {
    return mr_lua_member_known(MR_BYTES_NULL, name);
}

size_t mr_lua_names_like(mr_bytes of, const char **out, size_t max) {
    size_t count = 0;
    for (size_t i = 0; i < NAMES_COUNT && count < max; i++) {
        if (is_of(&names[i], of) && names[i].known != NEVER && names[i].known != LATER) {
            out[count++] = names[i].name;
        }
    }
    return count;
}
