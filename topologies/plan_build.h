/* topologies/plan_build.h - a checked topology becomes a plan: pipelines are laid out as nodes, cut
 * into sub-topologies at repartitions, and timed. The rules are in topologies/README.md. Inside
 * this folder only.
 *
 *   plan_build.c   lays out nodes, inserts repartitions, joins what a task reads together
 *   plan_groups.c  groups: which inputs belong to one sub-topology, without circles
 *   plan_cut.c     groups become sub-topologies; stores, repartitions and upstream tasks are
 * numbered plan_times.c   announce_step, settle, and the warnings that look at time and order
 * Thread: owner only.
 */
#pragma once

#include "topologies/topology_model.h"

/* topology has no errors; its arena passes to the plan. Warnings go to diagnostics. Owned by
 * caller. */
mr_plan *mr_plan_build(mr_topology *topology, mr_diagnostics *diagnostics);

/* ---- shared by the files above ---- */

typedef struct mr_index_list {
    uint32_t *items;
    uint32_t count, cap;
} mr_index_list;

void mr_index_list_add(mr_arena *arena, mr_index_list *list, uint32_t item);
bool mr_index_list_has(const mr_index_list *list, uint32_t item);

/* A group is what will be one sub-topology: a union of inputs that some task must read together. */
typedef struct mr_groups {
    mr_index_list parents;            /* union-find */
    mr_index_list edge_from, edge_to; /* repartitions: sender group -> reader group */
} mr_groups;

uint32_t mr_groups_add(mr_arena *arena, mr_groups *groups);
uint32_t mr_groups_find(const mr_groups *groups, uint32_t group);
void mr_groups_edge(mr_arena *arena, mr_groups *groups, uint32_t from, uint32_t to);
typedef enum mr_join { MR_JOINED, MR_JOIN_WOULD_CIRCLE } mr_join;
/* Makes one group of all, unless a sub-topology would then send to one that it reads from. */
mr_join mr_groups_join(mr_arena *arena, mr_groups *groups, const mr_index_list *list);

/* An input of a sub-topology under construction. */
typedef struct mr_build_input {
    mr_input_kind kind;
    uint32_t index; /* stream, or repartition under construction */
    uint32_t group;
    mr_index_list entries; /* nodes */
} mr_build_input;

typedef struct mr_build_repartition {
    const char *name;
    int32_t partitions;
    uint32_t input;        /* of its reader */
    mr_index_list senders; /* groups, not resolved */
    uint32_t final_index;  /* by name */
} mr_build_repartition;

typedef struct mr_build_node {
    mr_node node;
    mr_index_list children;
    uint32_t group;               /* MR_INDEX_NONE: of a source or sink */
    mr_index_list behind;         /* repartitions whose records reach it */
    const mr_topology_step *step; /* NULL: a node that ends a chain */
    bool key_is_stream_key;       /* aggregates: the key still has the stream's format */
    mr_format_kind key_format;
} mr_build_node;

/* Where nodes can be hung on: behind a node, or right behind an input. */
typedef struct mr_outlet {
    bool is_input;
    uint32_t index;
} mr_outlet;

/* What comes out of a pipeline. */
typedef struct mr_flow {
    mr_outlet *outlets;
    uint32_t outlets_count;
    int32_t partitions; /* the largest of its inputs */
    bool moved;         /* records of one key may be in several partitions */
    bool key_is_stream_key;
    mr_format_kind key_format; /* of the topic it comes from, if key_is_stream_key */
    bool without_time;         /* some stream it comes from has no time.from */
    mr_place ts_set;           /* a step that sets ts; line 0: none */
} mr_flow;

typedef struct mr_build {
    mr_topology *topology;
    mr_arena *arena;
    mr_diagnostics *diagnostics;
    mr_plan *plan;
    mr_build_node *nodes;
    uint32_t nodes_count, nodes_cap;
    mr_build_input *inputs;
    uint32_t inputs_count, inputs_cap;
    mr_build_repartition *repartitions;
    uint32_t repartitions_count, repartitions_cap;
    mr_groups groups;
    uint32_t *stream_inputs;            /* by stream; MR_INDEX_NONE: no pipeline reads it */
    mr_flow *flows;                     /* by pipeline */
    mr_plan_subtopology *subtopologies; /* the plan's, while they can change */
} mr_build;

/* Fills plan's nodes, stores, repartitions and sub-topologies (plan_cut.c). */
void mr_build_cut(mr_build *build);
/* Fills announce_step_ms and settle_ms, and warns (plan_times.c). */
void mr_build_times(mr_build *build);
