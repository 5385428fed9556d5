/* runtime/engine/script.h - the processor interface of the script language: the engine calls it,
 * lua-api implements it, the app wires it. One script per task: nothing in it is shared. Thread:
 * owner task only. */
#pragma once

#include "log/record/record.h"
#include "runtime/engine/datum.h"

typedef struct mr_window_bounds {
    bool present;
    int64_t start_ms;
    int64_t stop_ms;
} mr_window_bounds;

/* What a text sees. Everything borrowed for the call. */
typedef struct mr_scope {
    mr_value *key;
    mr_value *value;
    int64_t ts_ms;
    const mr_header *headers;
    size_t headers_count;
    mr_window_bounds window;
    const char *stream; /* the input's name, "" when none */
    const char *topic;  /* where the record was first read */
    int32_t partition;
    int64_t offset;
    int64_t stream_time_ms; /* the task's minimum; INT64_MIN: none yet */
    int32_t task;
} mr_scope;

/* One result of a flat_map. A missing part stays what it was (`has_*` false). */
typedef struct mr_script_item {
    bool has_key, has_value, has_ts, has_headers;
    mr_datum key, value;
    int64_t ts_ms;
    const mr_header *headers;
    size_t headers_count;
} mr_script_item;

typedef struct mr_script mr_script;
typedef struct mr_script_ops {
    /* Runs codes[code_id] for one record. Results are copied into arena (padded). MR_INVALID: an
     * error of the record; err->message is "file.yaml:14: by_user/...: attempt to ..." without
     * prefix of the caller. MR_FATAL: the VM could not be built anew. Budgets start anew with each
     * call. */
    mr_status (*eval)(mr_script *script, const mr_code *code, mr_scope *scope, mr_arena *arena,
                      mr_datum *out, mr_err *err);
    /* As eval for MR_CODE_FLAT_MAP; items in the arena. */
    mr_status (*eval_list)(mr_script *script, const mr_code *code, mr_scope *scope, mr_arena *arena,
                           mr_script_item **items, size_t *count, mr_err *err);
    void (*step)(mr_script *script); /* between batches: a step of garbage collection */
    size_t (*memory_bytes)(mr_script *script);
    void (*destroy)(mr_script *script);
} mr_script_ops;
struct mr_script {
    const mr_script_ops *ops;
};

/* Makes the script of one task. */
typedef struct mr_script_factory {
    mr_status (*create)(void *self, const mr_plan *plan, mr_script **out, mr_err *err);
    void *self;
} mr_script_factory;
