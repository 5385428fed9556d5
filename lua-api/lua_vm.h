/* lua-api/lua_vm.h - one Lua state with its sandbox, limits and the record it works on.
 *
 * Invariants
 *  1. Every call into the state that can throw runs under lua_pcall; C functions of the sandbox
 * never hold malloc'd memory across a call that can throw (they use the VM's buffers, which outlive
 * the throw).
 *  2. Each call starts with a new generation, a new budget and an empty set of decoded scope names.
 *  3. When the budget is spent or memory ran out, every pcall on the way rethrows: no script can go
 * on.
 *  4. After load nothing that outlives a call can be changed by a script (lua-api/lua_freeze.c).
 * Thread: owner task only. Private to lua-api.
 */
#pragma once

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>

#include "lua-api/lua_script.h"

/* Instructions between two looks at the budget. */
#define MR_LUA_HOOK_STEPS 1000
/* Of those, such as may copy all values of a function's `...`, by the cost of a step. */
#define MR_LUA_HOOK_COPIES 10
/* Bytes that count as one step where C code moves or looks at bytes. */
#define MR_LUA_STEP_BYTES 16

/* A JSON text whose parts scripts see as tables. */
typedef struct mr_lua_document {
    mr_bytes text;
    uint64_t generation; /* of the call that made it */
    bool expires;        /* the bytes are the record's: not to be read after the call */
    bool writable;       /* within the call that made it */
    bool dirty;          /* some part was changed: encode part by part */
} mr_lua_document;

typedef enum mr_lua_document_index {
    MR_LUA_KEY,
    MR_LUA_VALUE,
    MR_LUA_DOCUMENTS
} mr_lua_document_index;

/* Fixed entries of the registry table. */
typedef enum mr_lua_slot {
    MR_LUA_SLOT_ENV = 100, /* the globals of all chunks */
    MR_LUA_SLOT_NULL,
    MR_LUA_SLOT_PROXY_META,
    MR_LUA_SLOT_HEADERS,
    MR_LUA_SLOT_MARKS,   /* table -> "array" | "object", weak keys */
    MR_LUA_SLOT_SHADOWS, /* frozen table -> its contents, weak keys */
    MR_LUA_SLOT_FROZEN,  /* contents -> frozen table, weak keys */
    MR_LUA_SLOT_ROOTS,   /* userdata of the record's key and value: + mr_lua_document_index */
    MR_LUA_SLOT_ROOTS_END = MR_LUA_SLOT_ROOTS + MR_LUA_DOCUMENTS,
} mr_lua_slot;

/* The bottom of the state's stack, seen from outside of calls. Setting a name that is there to nil
 * allocates nothing, so it needs no lua_pcall. */
enum {
    MR_LUA_STACK_ENV = 1,
    MR_LUA_STACK_NAMES = 2,
    MR_LUA_STACK_CODES = MR_LUA_STACK_NAMES + MR_LUA_DOCUMENTS
};

typedef struct mr_lua_vm {
    lua_State *state;
    size_t memory_bytes;
    size_t memory_bytes_max;
    uint64_t steps;
    uint64_t steps_max;
    bool spent;         /* the budget's end was raised */
    bool memory_failed; /* the memory's end was met */
    bool refused;       /* the last growth asked for */
    bool loading;       /* before the freeze */
    uint64_t generation;
    mr_scope *scope; /* NULL outside calls */
    bool value_writable;
    lua_CFunction stock_tonumber;
    unsigned names_set; /* bit n: scope name n was put into the environment by this call */
    mr_lua_document documents[MR_LUA_DOCUMENTS];
    const char *job;        /* borrowed from the plan */
    mr_json_parser *parser; /* of json.decode: checks a text, keeps nothing */
    mr_buf out;             /* encoded JSON */
    mr_buf scratch;         /* one unescaped or padded text */
    char source[41];        /* the file as Lua's messages name it; with a line it fits LUA_IDSIZE */
} mr_lua_vm;

/* MR_INVALID: not even the sandbox fits into the memory limit. */
mr_status mr_lua_vm_create(const mr_lua_limits *limits, const char *file, mr_lua_vm **out,
                           mr_err *err) MR_CHECKED;
void mr_lua_vm_destroy(mr_lua_vm *vm);
static inline mr_lua_vm *mr_lua_vm_of(lua_State *state) {
    return *(mr_lua_vm **)lua_getextraspace(state);
}

/* A text and where it stands. Lua's messages begin with "<source>:<line>: ", those of a folded text
 * with "<source>:<line of the text>:<line in it>: ". */
typedef struct mr_lua_text {
    const char *text;
    uint32_t line; /* of its first line in the file */
    bool folded;   /* its further lines are none of the file's */
} mr_lua_text;

/* Compiles a text and leaves the function on the stack. MR_INVALID: Lua's message in err, nothing
 * on the stack. */
typedef enum mr_lua_wrap { MR_LUA_AS_BODY, MR_LUA_AS_EXPRESSION, MR_LUA_AS_RETURN } mr_lua_wrap;
mr_status mr_lua_vm_load(mr_lua_vm *vm, mr_lua_text text, mr_lua_wrap wrap, mr_err *err) MR_CHECKED;
/* An expression is one value: `return (text)` compiles, and so does `return text`. */
bool mr_lua_vm_is_expression(mr_lua_vm *vm, const char *text, mr_err *err);
/* Compiles and runs the `functions` block, then freezes what it left. MR_INVALID: message with
 * line. */
mr_status mr_lua_vm_functions(mr_lua_vm *vm, mr_lua_text text, mr_err *err) MR_CHECKED;

/* A new call: generation, budget. After it: mr_lua_vm_end forgets the decoded scope names. */
void mr_lua_vm_begin(mr_lua_vm *vm, mr_scope *scope);
void mr_lua_vm_end(mr_lua_vm *vm);

/* The error on top of the stack as text, without allocating: outside of lua_pcall that could abort.
 * `room` has MR_NUMBER_TEXT_MAX bytes. Borrowed until the error is popped. */
const char *mr_lua_error_text(lua_State *state, char *room);

/* ---- for the C functions of the sandbox; all may throw ---- */

/* Counts steps against the call's budget. */
void mr_lua_charge(lua_State *state, uint64_t steps);
void mr_lua_charge_bytes(lua_State *state, size_t bytes);
/* Rethrows the error on top if it must not be caught. */
void mr_lua_rethrow_final(lua_State *state, int status);
void mr_lua_push_slot(lua_State *state, mr_lua_slot slot);
/* Frozen tables are empty themselves: replaces the table at index by its contents if it is one. */
bool mr_lua_see_through(lua_State *state, int index);
/* As `type`: there is no userdata in the language. */
const char *mr_lua_type_name(lua_State *state, int index);
/* Strings and numbers as text (numbers shortest); throws "bad argument" for others. */
const char *mr_lua_check_text(lua_State *state, int argument, size_t *len_out);
/* Pushes the text of the value at index, as `tostring`. */
const char *mr_lua_push_text(lua_State *state, int index, size_t *len_out);
/* Pushes a number as text. */
void mr_lua_push_number_text(lua_State *state, int index);

/* ---- parts of the sandbox: each fills the table on top of the stack ---- */

void mr_lua_open_base(lua_State *state);
void mr_lua_open_order(lua_State *state); /* pairs, next */
void mr_lua_open_string(lua_State *state);
void mr_lua_open_pattern(lua_State *state);
void mr_lua_open_format(lua_State *state);
void mr_lua_open_table(lua_State *state);
void mr_lua_open_utf8(lua_State *state);
void mr_lua_open_time(lua_State *state);
void mr_lua_open_json(lua_State *state);
void mr_lua_open_context(lua_State *state); /* ctx, headers, window, and the lazy key, value, ts */
void mr_lua_open_value(lua_State *state);   /* null and the metatable of JSON values; adds `null` */
/* Makes the table on top of the stack read-only. */
void mr_lua_freeze_table(lua_State *state);
/* Freezes all that is reachable from the environment; throws for closures that could remember. */
void mr_lua_freeze_environment(lua_State *state, const void *scan);
