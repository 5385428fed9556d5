#include "lua-api/lua_script.h"

#include <stdio.h>

#include "lua-api/lua_result.h"
#include "lua-api/lua_scan.h"
#include "lua-api/lua_vm.h"
#include "runtime/base/alloc.h"
#include "runtime/base/assert.h"
#include "runtime/base/number.h"

struct mr_lua_factory {
    mr_lua_limits limits;
};

typedef struct lua_script {
    mr_script script; /* must be first */
    mr_lua_limits limits;
    const mr_plan *plan; /* outlives the script */
    mr_lua_vm *vm;
} lua_script;

static lua_script *script_of(mr_script *script) {
    return (lua_script *)script;
}

/* ---- building the VM: `functions`, then every text as a function on the bottom of the stack ----
 */

/* Globals are read-only: what would set one is no text of a checked job. */
static mr_status refuse_writes(const char *text, mr_code_form form, mr_err *err) {
    mr_lua_scan *scan = mr_lua_scan_create(text, form == MR_CODE_EXPRESSION ? MR_LUA_SCAN_EXPRESSION
                                                                            : MR_LUA_SCAN_BODY);
    mr_status status = MR_OK;
    for (size_t i = 0; i < scan->uses_count && status == MR_OK; i++) {
        const mr_lua_use *use = &scan->uses[i];
        if (use->kind == MR_LUA_USE_WRITE || mr_lua_token_is(&use->name, "_ENV")) {
            status = mr_err_set(err, MR_INVALID, "globals are read-only: '%.*s'",
                                (int)use->name.len, use->name.at);
        }
    }
    mr_lua_scan_destroy(scan);
    return status;
}

static mr_status load_code(mr_lua_vm *vm, const mr_code *code, mr_err *err) {
    mr_status status = refuse_writes(code->text, code->form, err);
    if (status == MR_OK) {
        mr_lua_wrap wrap = code->form == MR_CODE_EXPRESSION ? MR_LUA_AS_EXPRESSION : MR_LUA_AS_BODY;
        mr_lua_text text = {code->text, code->place.line, code->folded};
        status = mr_lua_vm_load(vm, text, wrap, err);
    }
    return status == MR_OK ? status : mr_err_wrap(err, status, "%s", code->label);
}

static mr_status build(const lua_script *script, mr_lua_vm **out, mr_err *err) {
    const mr_plan *plan = script->plan;
    mr_lua_vm *vm = NULL;
    mr_status status = mr_lua_vm_create(&script->limits, plan->file, &vm, err);
    if (status != MR_OK) {
        return status;
    }
    vm->job = plan->job;
    mr_lua_text functions = {plan->functions != NULL ? plan->functions : "",
                             plan->functions_place.line, plan->functions_folded};
    status = mr_lua_vm_functions(vm, functions, err);
    if (status == MR_OK && !lua_checkstack(vm->state, (int)plan->codes_count + LUA_MINSTACK)) {
        status = mr_err_set(err, MR_INVALID, "%u texts do not fit into one Lua state",
                            plan->codes_count);
    }
    for (uint32_t i = 0; i < plan->codes_count && status == MR_OK; i++) {
        MR_ASSERT(plan->codes[i].id == i);
        status = load_code(vm, &plan->codes[i], err);
    }
    if (status != MR_OK) {
        mr_lua_vm_destroy(vm);
        return status;
    }
    *out = vm;
    return MR_OK;
}

/* ---- messages: "<file>:<line>: <label>: <what>" ---- */

/* Lua's messages begin with "<source>:<line>: " where it knew the line; behind the line of a folded
 * text stands one of no use. */
static const char *split_place(const mr_lua_vm *vm, const char *message, uint32_t *line_out) {
    size_t len = strlen(vm->source);
    if (strncmp(message, vm->source, len) != 0 || message[len] != ':') {
        return message;
    }
    const char *at = message + len + 1;
    uint32_t line = 0;
    while (*at >= '0' && *at <= '9' && line < 100000000) {
        line = line * 10 + (uint32_t)(*at++ - '0');
    }
    if (at[0] == ':' && at[1] != ' ') {
        at += 1 + strspn(at + 1, "0123456789");
    }
    if (line == 0 || at[0] != ':' || at[1] != ' ') {
        return message;
    }
    *line_out = line;
    return at + 2;
}

static mr_status explain(const lua_script *script, const mr_code *code, const char *message,
                         mr_err *err) {
    if (err == NULL) {
        return MR_INVALID;
    }
    char copy[MR_ERR_BYTES_MAX];
    size_t len = strnlen(message, sizeof copy - 1);
    memcpy(copy, message, len);
    copy[len] = '\0';
    uint32_t line = code->place.line;
    const char *what = split_place(script->vm, copy, &line);
    return mr_err_set(err, MR_INVALID, "%s:%u: %s: %s", script->plan->file, line, code->label,
                      what);
}

/* ---- one call ---- */

typedef struct call {
    const mr_code *code;
    mr_scope *scope;
    mr_arena *arena;
    mr_datum *datum; /* or: */
    mr_script_item **items;
    size_t *count;
} call;

/* One try. *out_of_memory: the VM is not to be used again. */
static mr_status try_call(lua_script *script, const call *c, bool *out_of_memory, mr_err *err) {
    mr_lua_vm *vm = script->vm;
    lua_State *state = vm->state;
    MR_ASSERT(c->code->id < script->plan->codes_count);
    vm->value_writable = c->code->use == MR_CODE_MAP || c->code->use == MR_CODE_FLAT_MAP;
    mr_lua_vm_begin(vm, c->scope);
    lua_pushvalue(state, MR_LUA_STACK_CODES + (int)c->code->id);
    int result = lua_pcall(state, 0, 1, 0);
    mr_status status = MR_OK;
    if (result != LUA_OK) {
        char room[MR_NUMBER_TEXT_MAX];
        status = explain(script, c->code, mr_lua_error_text(state, room), err);
        vm->memory_failed |= result == LUA_ERRMEM;
        lua_pop(state, 1);
    } else {
        mr_err cause;
        cause.message[0] = '\0';
        status = c->datum != NULL
                     ? mr_lua_result_datum(vm, c->code->use, c->arena, c->datum, &cause)
                     : mr_lua_result_items(vm, c->arena, c->items, c->count, &cause);
        if (status != MR_OK) {
            status = explain(script, c->code, cause.message, err);
        }
    }
    MR_ASSERT(lua_gettop(state) == MR_LUA_STACK_CODES - 1 + (int)script->plan->codes_count);
    *out_of_memory = vm->memory_failed;
    mr_lua_vm_end(vm);
    return status;
}

/* Out of memory may be the fault of what earlier records left behind: the record runs alone in a
 * fresh VM, and only a second failure is its own. */
static mr_status run(lua_script *script, const call *c, mr_err *err) {
    bool out_of_memory;
    mr_status status = try_call(script, c, &out_of_memory, err);
    if (!out_of_memory) {
        return status;
    }
    for (int attempt = 0; attempt < 2; attempt++) {
        mr_lua_vm_destroy(script->vm);
        script->vm = NULL;
        mr_err cause;
        if (build(script, &script->vm, &cause) != MR_OK) {
            return mr_err_set(err, MR_FATAL, "the Lua state cannot be built anew: %s",
                              cause.message);
        }
        if (attempt == 0) {
            status = try_call(script, c, &out_of_memory, err);
            if (!out_of_memory) {
                return status;
            }
        }
    }
    char what[80];
    (void)snprintf(what, sizeof what, "more than %zu bytes of memory",
                   script->vm->memory_bytes_max);
    return explain(script, c->code, what, err);
}

static mr_status script_eval(mr_script *self, const mr_code *code, mr_scope *scope, mr_arena *arena,
                             mr_datum *out, mr_err *err) {
    MR_ASSERT(code->use != MR_CODE_FLAT_MAP);
    call c = {.code = code, .scope = scope, .arena = arena, .datum = out};
    return run(script_of(self), &c, err);
}

static mr_status script_eval_list(mr_script *self, const mr_code *code, mr_scope *scope,
                                  mr_arena *arena, mr_script_item **items, size_t *count,
                                  mr_err *err) {
    MR_ASSERT(code->use == MR_CODE_FLAT_MAP);
    call c = {.code = code, .scope = scope, .arena = arena, .items = items, .count = count};
    return run(script_of(self), &c, err);
}

/* Garbage is collected as memory is asked for; between batches a little more, so that calls wait
 * less. */
static void script_step(mr_script *self) {
    if (script_of(self)->vm != NULL) {
        (void)lua_gc(script_of(self)->vm->state, LUA_GCSTEP, 0);
    }
}

static size_t script_memory_bytes(mr_script *self) {
    const mr_lua_vm *vm = script_of(self)->vm;
    return vm == NULL ? 0 : vm->memory_bytes + vm->out.cap + vm->scratch.cap;
}

static void script_destroy(mr_script *self) {
    if (self == NULL) {
        return;
    }
    mr_lua_vm_destroy(script_of(self)->vm);
    mr_free(self);
}

static const mr_script_ops ops = {
    .eval = script_eval,
    .eval_list = script_eval_list,
    .step = script_step,
    .memory_bytes = script_memory_bytes,
    .destroy = script_destroy,
};

/* ---- the factory ---- */

static mr_status create(void *self, const mr_plan *plan, mr_script **out, mr_err *err) {
    const mr_lua_factory *factory = self;
    lua_script *script = mr_alloc(sizeof *script);
    script->script.ops = &ops;
    script->limits = factory->limits;
    script->plan = plan;
    mr_status status = build(script, &script->vm, err);
    if (status != MR_OK) {
        mr_free(script);
        return status;
    }
    *out = &script->script;
    return MR_OK;
}

mr_lua_factory *mr_lua_factory_create(const mr_lua_limits *limits) {
    mr_lua_factory *factory = mr_alloc(sizeof *factory);
    if (limits != NULL) {
        factory->limits = *limits;
    }
    return factory;
}

void mr_lua_factory_destroy(mr_lua_factory *factory) {
    mr_free(factory);
}

mr_script_factory mr_lua_script_factory(mr_lua_factory *factory) {
    return (mr_script_factory){.create = create, .self = factory};
}
