/* topologies/topology_model.h - the checked topology, between tree and plan: names are resolved to
 * indexes, code is compiled, nothing is cut yet. Inside this folder only.
 *
 * Streams, pipelines, sources and sinks are sorted by name as soon as their names are known, so all
 * that is numbered later does not depend on the order of mappings in the file. Thread: owner only;
 * everything lives in the topology's arena.
 */
#pragma once

#include "runtime/base/map.h"
#include "topologies/topology.h"
#include "topologies/yaml_tree.h"

typedef enum mr_name_kind {
    MR_NAME_STREAM,
    MR_NAME_PIPELINE,
    MR_NAME_SOURCE,
    MR_NAME_SINK,
    MR_NAME_STORE,
} mr_name_kind;

/* One name of the job's namespace (LANGUAGE rule 2). */
typedef struct mr_name {
    mr_name_kind kind;
    uint32_t index;
    const char *text;
    mr_place place;
    const mr_yaml_node *body; /* what it names; NULL: a store */
} mr_name;

typedef struct mr_topology_type {
    const char *name;
    const mr_yaml_node *key; /* where it is declared */
    const mr_yaml_node *body;
    mr_type *plain;    /* T */
    mr_type *nullable; /* T|null */
    bool used;
} mr_topology_type;

typedef struct mr_topology_stream {
    mr_plan_stream plan;                   /* all but the facts about who reads and writes */
    const mr_yaml_node *create_partitions; /* NULL: not given */
} mr_topology_stream;

/* One step. `node` is a node of the plan but for index, children, label and times, which depend on
 * where it is put; the store's index is set when all stores are known. */
typedef struct mr_topology_step {
    mr_node node;
    const char *operator_name; /* "filter" */
    const char *label;         /* "hourly/aggregate by_origin" */
    const char *store;         /* aggregates; NULL: none was given */
    mr_place store_place;
    const char *fields_text; /* canonical, for the store's definition; NULL: a count */
    mr_place first_or_last;  /* of the first leaf that looks at order; line 0: none */
    bool sets_ts;            /* a flat_map whose text assigns ts */
} mr_topology_step;

typedef struct mr_topology_chain {
    mr_topology_step *steps;
    uint32_t count;
} mr_topology_chain;

typedef struct mr_topology_from {
    mr_name_kind kind; /* STREAM or PIPELINE */
    uint32_t index;
    mr_place place;
} mr_topology_from;

typedef enum mr_topology_end { MR_END_MISSING, MR_END_NONE, MR_END_STREAM } mr_topology_end;

typedef struct mr_topology_pipeline {
    const char *name;
    mr_place place;
    const mr_yaml_node *body;
    mr_topology_from *from;
    uint32_t from_count;
    bool unclear; /* an input or a step is not known: what depends on it is not reported */
    mr_topology_chain chain;
    mr_topology_end end;
    uint32_t to; /* MR_END_STREAM */
    mr_place to_place;
    mr_policy on_error;
    bool read;      /* by another pipeline */
    bool windowed;  /* behind its steps window.start and window.stop are in scope */
    bool replacing; /* behind its steps results replace earlier ones */
} mr_topology_pipeline;

struct mr_topology {
    mr_arena *arena;
    const char *job;
    const char *file;
    const char *functions;
    mr_place functions_place;
    bool functions_folded;
    mr_policy on_error; /* the job's */
    mr_topology_type *types;
    uint32_t types_count;
    mr_topology_stream *streams;
    uint32_t streams_count;
    mr_topology_pipeline *pipelines;
    uint32_t pipelines_count;
    uint32_t *order; /* pipelines, those read before their readers, else by name */
    mr_plan_source *sources;
    mr_topology_chain *source_chains;
    uint32_t sources_count;
    mr_plan_sink *sinks;
    mr_topology_chain *sink_chains;
    uint32_t sinks_count;
    mr_code *codes; /* room for codes_cap: their addresses stay */
    uint32_t codes_count, codes_cap;
    mr_map *names; /* text -> mr_name; owned */
};
