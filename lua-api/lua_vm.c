#include "lua-api/lua_vm.h"

#include <stdio.h>
#include <stdlib.h>

#include "lua-api/lua_scan.h"
#include "runtime/base/alloc.h"
#include "runtime/base/assert.h"
#include "runtime/base/limits.h"
#include "runtime/base/number.h"

const char *mr_lua_error_text(lua_State *state, char *room) {
    if (lua_type(state, -1) == LUA_TSTRING) {
        return lua_tostring(state, -1);
    }
    if (lua_type(state, -1) != LUA_TNUMBER) {
        return "the error is not a text";
    }
    if (lua_isinteger(state, -1)) {
        (void)snprintf(room, MR_NUMBER_TEXT_MAX, "%lld", (long long)lua_tointeger(state, -1));
    } else {
        room[mr_float_format(lua_tonumber(state, -1), room)] = '\0';
    }
    return room;
}

/* ---- budgets ---- */

static void on_count(lua_State *state, lua_Debug *where);

static void raise_spent(lua_State *state, mr_lua_vm *vm, lua_Debug *where) {
    vm->spent = true;
    /* Each `__close` on the way out ends at its first instruction: with a few more, it could make
     * new ones without end. */
    lua_sethook(state, on_count, LUA_MASKCOUNT, 1);
    if (where != NULL && lua_getinfo(state, "Sl", where) != 0 && where->currentline > 0) {
        lua_pushfstring(state, "%s:%d: ", where->short_src, where->currentline);
    } else {
        luaL_where(state, 1);
    }
    lua_pushfstring(state, "more than %I steps in one call", (LUAI_UACINT)vm->steps_max);
    lua_concat(state, 2);
    lua_error(state);
}

/* How many values `...` stands for in the running function. */
static uint64_t varargs_of(lua_State *state, lua_Debug *where) {
    int least = 0;
    int beyond = 1;
    if (lua_getinfo(state, "u", where) == 0 || !where->isvararg) {
        return 0;
    }
    while (lua_getlocal(state, where, -beyond) != NULL) {
        lua_pop(state, 1);
        least = beyond;
        beyond *= 2;
    }
    while (beyond - least > 1) {
        int middle = least + (beyond - least) / 2;
        if (lua_getlocal(state, where, -middle) != NULL) {
            lua_pop(state, 1);
            least = middle;
        } else {
            beyond = middle;
        }
    }
    return (uint64_t)least;
}

/* One instruction may copy all of `...`: what a function with many may have copied since the last
 * look is charged as well. */
static void on_count(lua_State *state, lua_Debug *where) {
    mr_lua_vm *vm = mr_lua_vm_of(state);
    vm->steps += MR_LUA_HOOK_STEPS + varargs_of(state, where) * MR_LUA_HOOK_COPIES;
    if (vm->steps > vm->steps_max || vm->spent) {
        raise_spent(state, vm, where);
    }
}

void mr_lua_charge(lua_State *state, uint64_t steps) {
    mr_lua_vm *vm = mr_lua_vm_of(state);
    vm->steps += steps;
    if (vm->steps > vm->steps_max || vm->spent) {
        raise_spent(state, vm, NULL);
    }
}

void mr_lua_charge_bytes(lua_State *state, size_t bytes) {
    mr_lua_charge(state, bytes / MR_LUA_STEP_BYTES + 1);
}

void mr_lua_rethrow_final(lua_State *state, int status) {
    mr_lua_vm *vm = mr_lua_vm_of(state);
    vm->memory_failed |= status == LUA_ERRMEM;
    if (vm->spent || vm->memory_failed) {
        lua_error(state);
    }
}

/* Lua's allocator with a hard limit. New long strings (`..` makes them inside the interpreter) are
 * charged by their bytes: for a new object `old_bytes` tells its type. */
static void *allocate(void *arg, void *old, size_t old_bytes, size_t new_bytes) {
    mr_lua_vm *vm = arg;
    size_t had = old == NULL ? 0 : old_bytes;
    if (new_bytes == 0) {
        free(old);
        vm->memory_bytes -= had;
        return NULL;
    }
    if (new_bytes > had && vm->memory_bytes - had + new_bytes > vm->memory_bytes_max) {
        /* Lua collects garbage and asks once more. After that its error is on the way, which a
         * `__close` could still replace by one of its own. */
        vm->memory_failed |= vm->refused;
        vm->refused = true;
        return NULL;
    }
    vm->refused &= new_bytes <= had;
    if (old == NULL && old_bytes == LUA_TSTRING && new_bytes >= 1024) {
        vm->steps += new_bytes / MR_LUA_STEP_BYTES;
        if (vm->steps > vm->steps_max && vm->state != NULL) {
            lua_sethook(vm->state, on_count, LUA_MASKCOUNT, 1);
        }
    }
    void *memory = realloc(old, new_bytes);
    if (memory != NULL) {
        vm->memory_bytes += new_bytes - had;
    }
    return memory;
}

/* ---- the state ---- */

static void open_library(lua_State *state, const char *name, void (*fill)(lua_State *)) {
    lua_newtable(state);
    fill(state);
    mr_lua_freeze_table(state);
    lua_setfield(state, -2, name);
}

/* Stock functions of fixed cost; the rest of the math library (random) is not copied. */
static void open_math(lua_State *state) {
    static const char *const names[] = {
        "abs",  "ceil", "cos",  "deg", "exp",  "floor",      "fmod",       "log",  "max",
        "min",  "modf", "rad",  "sin", "sqrt", "tan",        "tointeger",  "type", "ult",
        "asin", "acos", "atan", "pi",  "huge", "maxinteger", "mininteger", NULL};
    lua_pushcfunction(state, luaopen_math);
    lua_call(state, 0, 1);
    for (const char *const *name = names; *name != NULL; name++) {
        lua_getfield(state, -1, *name);
        lua_setfield(state, -3, *name);
    }
    lua_pop(state, 1);
}

/* Strings know their methods: `("x"):upper()`. */
static void open_string(lua_State *state) {
    mr_lua_open_string(state);
    mr_lua_open_pattern(state);
    mr_lua_open_format(state);
}

static void new_weak_table(lua_State *state, mr_lua_slot slot) {
    lua_newtable(state);
    lua_newtable(state);
    lua_pushliteral(state, "k");
    lua_setfield(state, -2, "__mode");
    lua_setmetatable(state, -2);
    lua_rawseti(state, LUA_REGISTRYINDEX, slot);
}

/* Replaces what luaL_newmetatable-like stock code would leave: nothing of the stock libraries is
 * reachable. */
static int open_sandbox(lua_State *state) {
    new_weak_table(state, MR_LUA_SLOT_MARKS);
    new_weak_table(state, MR_LUA_SLOT_SHADOWS);
    new_weak_table(state, MR_LUA_SLOT_FROZEN);
    lua_newtable(state);
    lua_pushvalue(state, -1);
    lua_rawseti(state, LUA_REGISTRYINDEX, MR_LUA_SLOT_ENV);
    mr_lua_open_value(state);
    mr_lua_open_base(state);
    mr_lua_open_order(state);
    open_library(state, "string", open_string);
    open_library(state, "math", open_math);
    open_library(state, "table", mr_lua_open_table);
    open_library(state, "utf8", mr_lua_open_utf8);
    open_library(state, "time", mr_lua_open_time);
    open_library(state, "json", mr_lua_open_json);
    mr_lua_open_context(state);
    lua_pushliteral(state, "key");
    lua_pushliteral(state, "value");
    return 1 + MR_LUA_DOCUMENTS;
}

/* Lua shortens long file names in its messages; the job file's own name is put back when they are
 * shown. */
static void learn_source(mr_lua_vm *vm, const char *file) {
    const char *slash = strrchr(file, '/');
    (void)snprintf(vm->source, sizeof vm->source, "%.40s", slash == NULL ? file : slash + 1);
}

mr_status mr_lua_vm_create(const mr_lua_limits *limits, const char *file, mr_lua_vm **out,
                           mr_err *err) {
    MR_ASSERT(out != NULL);
    mr_lua_vm *vm = mr_alloc(sizeof *vm);
    vm->memory_bytes_max =
        limits->memory_bytes_max != 0 ? limits->memory_bytes_max : MR_LUA_BYTES_MAX;
    vm->steps_max = limits->steps_max != 0 ? limits->steps_max : MR_LUA_STEPS_MAX;
    vm->loading = true;
    vm->job = "";
    learn_source(vm, file);
    vm->state = lua_newstate(allocate, vm);
    mr_status status = MR_INVALID;
    if (vm->state != NULL) {
        *(mr_lua_vm **)lua_getextraspace(vm->state) = vm;
        lua_pushcfunction(vm->state, open_sandbox);
        status = lua_pcall(vm->state, 0, 1 + MR_LUA_DOCUMENTS, 0) == LUA_OK ? MR_OK : MR_INVALID;
    }
    if (status != MR_OK) {
        (void)mr_err_set(err, status, "a Lua state does not fit into %zu bytes",
                         vm->memory_bytes_max);
        mr_lua_vm_destroy(vm);
        return status;
    }
    *out = vm;
    return MR_OK;
}

void mr_lua_vm_destroy(mr_lua_vm *vm) {
    if (vm == NULL) {
        return;
    }
    if (vm->state != NULL) {
        lua_close(vm->state);
    }
    mr_json_parser_destroy(vm->parser);
    mr_buf_deinit(&vm->out);
    mr_buf_deinit(&vm->scratch);
    mr_free(vm);
}

/* ---- loading ---- */

/* The parts of a chunk: newlines up to the text's line, what stands before it, the text, what
 * stands behind. */
typedef struct chunk_reader {
    mr_bytes parts[3];
    int part;
    uint32_t lines_left;
    char name[LUA_IDSIZE];
} chunk_reader;

static const char *read_chunk(lua_State *state, void *arg, size_t *size) {
    static const char newlines[65] =
        "\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n"
        "\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n";
    (void)state;
    chunk_reader *reader = arg;
    if (reader->lines_left > 0) {
        *size = reader->lines_left < 64 ? reader->lines_left : 64;
        reader->lines_left -= (uint32_t)*size;
        return newlines;
    }
    while (reader->part < 3) {
        mr_bytes part = reader->parts[reader->part++];
        *size = part.len;
        if (part.len > 0) {
            return (const char *)part.data;
        }
    }
    *size = 0;
    return NULL;
}

/* Empty lines in front of the text, so that Lua counts as the file does. */
static uint32_t lines_before(mr_lua_text text) {
    return text.line > 0 && !text.folded ? text.line - 1 : 0;
}

static int load_protected(lua_State *state) {
    chunk_reader *reader = lua_touserdata(state, 1);
    if (lua_load(state, read_chunk, reader, reader->name, "t") != LUA_OK) {
        return lua_error(state);
    }
    mr_lua_push_slot(state, MR_LUA_SLOT_ENV);
    (void)lua_setupvalue(state, -2, 1);
    return 1;
}

/* Without the comments and white space at its end: the ')' has to stand behind the last token and,
 * as Lua takes its line for the last operation, on the same line. */
static mr_bytes without_tail(const char *text) {
    mr_lua_lexer lexer = mr_lua_lexer_of(text);
    size_t len = 0;
    for (;;) {
        mr_lua_token token = mr_lua_lexer_next(&lexer);
        if (token.kind == MR_LUA_TOKEN_BAD) {
            return mr_bytes_text(text);
        }
        if (token.kind == MR_LUA_TOKEN_END) {
            return mr_bytes_of(text, len);
        }
        if (token.kind != MR_LUA_TOKEN_COMMENT) {
            len = (size_t)(token.at + token.len - text);
        }
    }
}

mr_status mr_lua_vm_load(mr_lua_vm *vm, mr_lua_text text, mr_lua_wrap wrap, mr_err *err) {
    static const char *const before[] = {"", "return (", "return "};
    static const char *const behind[] = {"", ")", ""};
    chunk_reader reader = {
        .parts = {mr_bytes_text(before[wrap]),
                  wrap == MR_LUA_AS_EXPRESSION ? without_tail(text.text) : mr_bytes_text(text.text),
                  mr_bytes_text(behind[wrap])},
        .lines_left = lines_before(text),
    };
    if (text.folded) {
        (void)snprintf(reader.name, sizeof reader.name, "=%s:%u", vm->source, text.line);
    } else {
        (void)snprintf(reader.name, sizeof reader.name, "=%s", vm->source);
    }
    lua_State *state = vm->state;
    lua_pushcfunction(state, load_protected);
    lua_pushlightuserdata(state, &reader);
    if (lua_pcall(state, 1, 1, 0) == LUA_OK) {
        return MR_OK;
    }
    char room[MR_NUMBER_TEXT_MAX];
    mr_status status = mr_err_set(err, MR_INVALID, "%s", mr_lua_error_text(state, room));
    lua_pop(state, 1);
    return status;
}

bool mr_lua_vm_is_expression(mr_lua_vm *vm, const char *text, mr_err *err) {
    if (mr_lua_vm_load(vm, (mr_lua_text){text, 1, false}, MR_LUA_AS_RETURN, err) != MR_OK) {
        return false;
    }
    lua_pop(vm->state, 1);
    if (mr_lua_vm_load(vm, (mr_lua_text){text, 1, false}, MR_LUA_AS_EXPRESSION, err) != MR_OK) {
        return false;
    }
    lua_pop(vm->state, 1);
    return true;
}

static int freeze_protected(lua_State *state) {
    mr_lua_freeze_environment(state, lua_touserdata(state, 1));
    return 0;
}

mr_status mr_lua_vm_functions(mr_lua_vm *vm, mr_lua_text text, mr_err *err) {
    lua_State *state = vm->state;
    mr_status status = mr_lua_vm_load(vm, text, MR_LUA_AS_BODY, err);
    if (status != MR_OK) {
        return status;
    }
    mr_scope none = {0};
    mr_lua_vm_begin(vm, &none);
    vm->scope = NULL;
    int result = lua_pcall(state, 0, 0, 0);
    if (result == LUA_OK) {
        mr_lua_scan *scan = mr_lua_scan_create(text.text, MR_LUA_SCAN_BODY);
        for (size_t i = 0; i < scan->functions_count; i++) {
            scan->functions[i].line_first += lines_before(text);
            scan->functions[i].line_last += lines_before(text);
        }
        lua_pushcfunction(state, freeze_protected);
        lua_pushlightuserdata(state, scan);
        result = lua_pcall(state, 1, 0, 0);
        mr_lua_scan_destroy(scan);
    }
    if (result != LUA_OK) {
        char room[MR_NUMBER_TEXT_MAX];
        status = mr_err_set(err, MR_INVALID, "%s", mr_lua_error_text(state, room));
        lua_pop(state, 1);
    }
    vm->loading = false;
    mr_lua_vm_end(vm);
    return status;
}

/* ---- calls ---- */

void mr_lua_vm_begin(mr_lua_vm *vm, mr_scope *scope) {
    MR_ASSERT(vm->names_set == 0);
    vm->scope = scope;
    vm->generation++;
    vm->steps = 0;
    vm->spent = false;
    vm->memory_failed = false;
    vm->refused = false;
    lua_sethook(vm->state, on_count, LUA_MASKCOUNT, MR_LUA_HOOK_STEPS);
}

/* One large record shall not cost its memory for ever. */
static void give_back(mr_buf *buf) {
    if (buf->cap > MR_RECORD_BYTES_MAX) {
        mr_buf_deinit(buf);
    }
}

void mr_lua_vm_end(mr_lua_vm *vm) {
    lua_State *state = vm->state;
    for (int i = 0; vm->names_set != 0; i++) {
        if ((vm->names_set & (1U << i)) != 0) {
            lua_pushvalue(state, MR_LUA_STACK_NAMES + i);
            lua_pushnil(state);
            lua_rawset(state, MR_LUA_STACK_ENV);
            vm->names_set &= ~(1U << i);
        }
    }
    vm->scope = NULL;
    give_back(&vm->out);
    give_back(&vm->scratch);
}

void mr_lua_push_slot(lua_State *state, mr_lua_slot slot) {
    (void)lua_rawgeti(state, LUA_REGISTRYINDEX, slot);
}
