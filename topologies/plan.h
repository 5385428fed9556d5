/* topologies/plan.h - the immutable plan: names resolved to indexes, the job cut into
 * sub-topologies at repartitions. Plain data, owned by the plan, shared read-only by all tasks.
 *
 * Invariants
 *  1. Nothing in a plan depends on the order of mappings in the file, except the order of steps, of
 * `from` lists, of `fields` and of object templates: streams, pipelines, stores, repartitions,
 * sources and sinks are sorted by name, so that a reordered file is the same job.
 *  2. Internal names are made of the job's own names, never of counters.
 *  3. Every node has a place in the file and a label for messages.
 * Thread: any, read-only.
 */
#pragma once

#include "topologies/diagnostics.h"

#define MR_INDEX_NONE UINT32_MAX

/* ---- formats and types (LANGUAGE rules 7, 19) ---- */

typedef enum mr_format_kind {
    MR_FORMAT_BYTES,
    MR_FORMAT_STRING,
    MR_FORMAT_INT,
    MR_FORMAT_FLOAT,
    MR_FORMAT_JSON
} mr_format_kind;

typedef enum mr_type_kind {
    MR_TYPE_ANY,
    MR_TYPE_STRING,
    MR_TYPE_INT,
    MR_TYPE_NUMBER,
    MR_TYPE_BOOL,
    MR_TYPE_ARRAY,
    MR_TYPE_MAP,
    MR_TYPE_RECORD,
} mr_type_kind;

typedef struct mr_type mr_type;
typedef struct mr_type_field {
    const char *name;
    const mr_type *type;
} mr_type_field;
struct mr_type {
    mr_type_kind kind;
    bool nullable;               /* T|null: may be missing or null */
    const char *name;            /* as written, for messages: "Order", "[int]" */
    const mr_type *item;         /* ARRAY, MAP */
    const mr_type_field *fields; /* RECORD */
    uint32_t fields_count;
};

typedef struct mr_format {
    mr_format_kind kind;
    const mr_type *type; /* json(T); NULL: any */
} mr_format;

/* ---- code ---- */

typedef enum mr_code_use {
    MR_CODE_CONDITION, /* nil and false fail */
    MR_CODE_VALUE,     /* one value; `value` is read-only (rekey, set and template leaves, fields,
                          time.from) */
    MR_CODE_MAP,       /* one value; `value` may be changed, the change stays in this call */
    MR_CODE_FLAT_MAP,  /* a list of {key=, value=, ts=, headers=}; `value` may be changed */
} mr_code_use;

typedef enum mr_code_form { MR_CODE_EXPRESSION, MR_CODE_BODY } mr_code_form;

/* Native expressions: a postfix program over a small stack, short circuits by jumps. Semantics are
 * Lua's; whatever it cannot decide (a string in arithmetic, an error) is left to Lua (MR_AGAIN). */
typedef enum mr_expr_opcode {
    MR_EXPR_CONST, /* push consts[arg] */
    MR_EXPR_KEY,
    MR_EXPR_VALUE,
    MR_EXPR_TS,
    MR_EXPR_WINDOW_START,
    MR_EXPR_WINDOW_STOP,
    MR_EXPR_FIELD,     /* push field paths[arg] of value (value.a.b) */
    MR_EXPR_KEY_FIELD, /* push field paths[arg] of key */
    MR_EXPR_EQ,
    MR_EXPR_NE,
    MR_EXPR_LT,
    MR_EXPR_LE,
    MR_EXPR_GT,
    MR_EXPR_GE,
    MR_EXPR_ADD,
    MR_EXPR_SUB,
    MR_EXPR_MUL,
    MR_EXPR_DIV,
    MR_EXPR_IDIV,
    MR_EXPR_MOD,
    MR_EXPR_NEG,
    MR_EXPR_NOT,
    MR_EXPR_AND, /* if top is false: jump to arg, keeping it; else pop */
    MR_EXPR_OR,  /* if top is true: jump to arg, keeping it; else pop */
} mr_expr_opcode;

typedef enum mr_const_kind {
    MR_CONST_NIL,
    MR_CONST_BOOL,
    MR_CONST_INT,
    MR_CONST_FLOAT,
    MR_CONST_STRING,
    MR_CONST_NULL
} mr_const_kind;
typedef struct mr_const {
    mr_const_kind kind;
    bool boolean;
    int64_t integer;
    double number;
    mr_bytes text;
} mr_const;

typedef struct mr_expr_op {
    mr_expr_opcode opcode;
    uint32_t arg;
} mr_expr_op;

typedef struct mr_path {
    const mr_bytes *names;
    uint32_t names_count; /* at least 1 */
} mr_path;

#define MR_EXPR_STACK_MAX 32
typedef struct mr_expr {
    const mr_expr_op *ops;
    uint32_t ops_count;
    const mr_const *consts;
    uint32_t consts_count;
    const mr_path *paths;
    uint32_t paths_count;
} mr_expr;

typedef struct mr_code {
    uint32_t id; /* index into plan->codes: how scripts know it */
    mr_code_use use;
    mr_code_form form;
    mr_place place; /* where the text's first line stands in the file */
    bool folded;    /* its further lines, if it has some, are none of the file's */
    const char *text;
    const char *label;     /* "by_origin/aggregate.fields.delay" */
    const mr_expr *native; /* NULL: only Lua can */
} mr_code;

/* A mapping or list that builds a table whose leaves are code. */
typedef enum mr_template_kind {
    MR_TEMPLATE_LEAF,
    MR_TEMPLATE_OBJECT,
    MR_TEMPLATE_ARRAY
} mr_template_kind;
typedef struct mr_template mr_template;
struct mr_template {
    mr_template_kind kind;
    mr_bytes name;            /* inside an object */
    const mr_code *code;      /* LEAF */
    const mr_template *items; /* OBJECT, ARRAY: in the order written */
    uint32_t items_count;
};

/* ---- policies ---- */

typedef enum mr_policy_kind { MR_POLICY_STOP, MR_POLICY_DROP, MR_POLICY_STREAM } mr_policy_kind;
typedef struct mr_policy {
    mr_policy_kind kind;
    uint32_t stream; /* MR_POLICY_STREAM: index into plan->streams */
} mr_policy;

/* ---- streams ---- */

typedef struct mr_plan_stream {
    const char *name;
    mr_place place;
    const char *topic;
    mr_format key, value;
    const mr_code *time_from;       /* NULL: the record's timestamp */
    int64_t time_unit_ms_numerator; /* ts_ms = number * numerator / denominator: s 1000/1, ms 1/1,
                                       us 1/1000, ns 1/1000000 */
    int64_t time_unit_ms_denominator;
    int64_t idle_ms;      /* default 1000 */
    int64_t max_ahead_ms; /* -1: no bound */
    int32_t partitions;   /* of the topic: existing, or `create`, or 1 */
    bool read_by_job;     /* some pipeline or sink reads it */
    bool written_by_job;  /* some pipeline, source, late or on_error writes it */
    bool has_source;      /* a source of this job feeds it */
} mr_plan_stream;

/* ---- nodes ---- */

typedef enum mr_node_kind {
    MR_NODE_FILTER,
    MR_NODE_MAP,
    MR_NODE_FLAT_MAP,
    MR_NODE_SET,
    MR_NODE_REKEY,
    MR_NODE_AGGREGATE,
    MR_NODE_TO_STREAM,      /* writes to a stream's topic */
    MR_NODE_TO_REPARTITION, /* writes to an internal topic */
    MR_NODE_TO_SINK,        /* end of a sink's steps: hands to the connector */
} mr_node_kind;

typedef enum mr_aggregate_function {
    MR_AGGREGATE_COUNT,
    MR_AGGREGATE_COUNT_IF,
    MR_AGGREGATE_SUM,
    MR_AGGREGATE_AVG,
    MR_AGGREGATE_MIN,
    MR_AGGREGATE_MAX,
    MR_AGGREGATE_FIRST,
    MR_AGGREGATE_LAST,
    MR_AGGREGATE_DISTINCT,
    MR_AGGREGATE_KEY,
    MR_AGGREGATE_WINDOW_START,
    MR_AGGREGATE_WINDOW_STOP, /* leaves that are no function */
} mr_aggregate_function;

typedef struct mr_aggregate_field {
    mr_path path; /* where the leaf stands in the result: nested mappings are allowed */
    mr_aggregate_function function;
    const mr_code *argument; /* NULL: count(), key, window.* */
} mr_aggregate_field;

typedef enum mr_window_kind {
    MR_WINDOW_NONE,
    MR_WINDOW_TUMBLING,
    MR_WINDOW_HOPPING
} mr_window_kind;
typedef struct mr_plan_window {
    mr_window_kind kind;
    int64_t size_ms;    /* > 0 */
    int64_t advance_ms; /* tumbling: = size */
    int64_t grace_ms;
    mr_policy late;
} mr_plan_window;

typedef struct mr_set_item {
    mr_path path;
    const mr_code *code;
} mr_set_item;

typedef struct mr_node {
    uint32_t index; /* in plan->nodes */
    mr_node_kind kind;
    mr_place place;
    const char *label;        /* "hourly/aggregate by_origin", for messages and millrace-step */
    mr_policy on_error;       /* innermost that was given; default STOP */
    const uint32_t *children; /* nodes that get the results, in order */
    uint32_t children_count;
    bool windowed;        /* window.start / window.stop are in scope here */
    int64_t hold_back_ms; /* time arrives here as the task's minimum less this */
    union {
        struct {
            const mr_code *code;
        } filter;
        struct {
            const mr_code *code;
            const mr_template *template;
        } map; /* one of them */
        struct {
            const mr_code *code;
        } flat_map;
        struct {
            const mr_set_item *items;
            uint32_t items_count;
        } set;
        struct {
            const mr_code *code;
            const mr_template *template;
        } rekey; /* one of them */
        struct {
            uint32_t store; /* plan->stores */
            mr_plan_window window;
            bool value_is_count;              /* `count`: the result's value is the number itself */
            const mr_aggregate_field *fields; /* in the order written */
            uint32_t fields_count;
        } aggregate;
        struct {
            uint32_t stream;
        } to_stream;
        struct {
            uint32_t repartition;
        } to_repartition;
        struct {
            uint32_t sink;
        } to_sink;
    };
} mr_node;

/* ---- stores, repartitions, sub-topologies ---- */

typedef struct mr_plan_store {
    const char *name;
    uint32_t subtopology;
    uint32_t family; /* index within its sub-topology's stores, from 1 (0 is `_task`) */
    uint32_t node;   /* the aggregate that owns it */
    bool windowed;
    const char
        *definition; /* canonical text of operator, formats, window size and advance, fields */
} mr_plan_store;

typedef struct mr_plan_repartition {
    const char *name;   /* of the step or store it stands before */
    uint32_t reader;    /* sub-topology */
    int32_t partitions; /* of the largest input */
    /* Upstream tasks are numbered through: senders sorted by name, each with its task count. */
    const uint32_t *senders;      /* sub-topologies */
    const uint32_t *sender_bases; /* number of the first task of each */
    uint32_t senders_count;
    uint32_t upstream_count; /* all tasks that write it */
} mr_plan_repartition;

typedef enum mr_input_kind { MR_INPUT_STREAM, MR_INPUT_REPARTITION } mr_input_kind;
typedef struct mr_plan_input {
    mr_input_kind kind;
    uint32_t index;          /* plan->streams or plan->repartitions */
    const uint32_t *entries; /* nodes that get its records, in order */
    uint32_t entries_count;
    mr_policy on_error; /* for a record that cannot be decoded or has no time */
} mr_plan_input;

typedef struct mr_plan_subtopology {
    const char *name; /* of its first input by name: stable when other parts of the job change */
    const mr_plan_input *inputs; /* in the order of `from`, then by name */
    uint32_t inputs_count;
    const uint32_t *stores; /* plan->stores, by family */
    uint32_t stores_count;
    const uint32_t *nodes; /* all its nodes; parents stand before children */
    uint32_t nodes_count;
    int32_t tasks;            /* the largest partition count of its inputs */
    uint32_t depth;           /* 0 reads no repartition; a reader is deeper than its senders */
    int64_t announce_step_ms; /* a time record is sent when the minimum has moved by this: an eighth
                                 of the smallest window or grace downstream, at least 1 */
    int64_t settle_ms; /* idle time after which nothing downstream can still be open: the sum of
                          window sizes, graces, hold backs and announcement steps on the longest way
                          from here */
} mr_plan_subtopology;

/* ---- connectors ---- */

typedef struct mr_setting {
    const char *name;
    const char *value; /* scalars as text, nested mappings as "rotate.records" */
    mr_place place;
} mr_setting;

typedef struct mr_plan_source {
    const char *name;
    mr_place place;
    const char *plugin; /* "file" */
    const mr_setting *settings;
    uint32_t settings_count;
    mr_format value;       /* of `format`: lines = string, json, json(T) */
    uint32_t stream;       /* to */
    uint32_t entry;        /* first node of its steps; the last is TO_STREAM */
    const uint32_t *nodes; /* its chain */
    uint32_t nodes_count;
    mr_policy on_error;
    uint64_t record_bytes_max;
} mr_plan_source;

typedef enum mr_sink_format { MR_SINK_FORMAT_JSON, MR_SINK_FORMAT_RECORD } mr_sink_format;
typedef struct mr_plan_sink {
    const char *name;
    mr_place place;
    const char *plugin;
    const mr_setting *settings;
    uint32_t settings_count;
    mr_sink_format format; /* of `format`: json (the value), record (what `consume` prints) */
    uint32_t stream;       /* from */
    uint32_t entry;        /* first node of its steps; the last is TO_SINK */
    const uint32_t *nodes;
    uint32_t nodes_count;
    mr_policy on_error;
} mr_plan_sink;

typedef struct mr_plan {
    const char *job;
    const char *file;         /* as given on the command line, for messages */
    const char *functions;    /* Lua text, "" when none */
    mr_place functions_place; /* of its first line */
    bool functions_folded;    /* as mr_code.folded */
    const mr_plan_stream *streams;
    uint32_t streams_count;
    const mr_code *codes;
    uint32_t codes_count;
    const mr_node *nodes;
    uint32_t nodes_count;
    const mr_plan_store *stores;
    uint32_t stores_count;
    const mr_plan_repartition *repartitions;
    uint32_t repartitions_count;
    const mr_plan_subtopology *subtopologies; /* sorted by depth, then name */
    uint32_t subtopologies_count;
    const mr_plan_source *sources;
    uint32_t sources_count;
    const mr_plan_sink *sinks;
    uint32_t sinks_count;
} mr_plan;

/* How many tasks and sinks write the stream, with results, late records or error records
 * (plan_writers.c). Whoever reprocesses makes these records again, and the end of a source is not
 * the stream's. */
uint32_t mr_plan_stream_writers(const mr_plan *plan, uint32_t stream);
/* How many sources do. Theirs are not made again: a source's position is kept. */
uint32_t mr_plan_stream_sources(const mr_plan *plan, uint32_t stream);
