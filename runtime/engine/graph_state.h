/* runtime/engine/graph_state.h - the inside of a graph, shared by graph.c (dispatch), graph_write.c
 * (topics, errors) and graph_window.c (aggregates, closings). Nobody else includes it. Thread:
 * owner worker only. */
#pragma once

#include "runtime/engine/graph.h"

/* A record between two steps: pointers, because branches share what they do not change. */
typedef struct graph_view {
    mr_value *key;
    mr_value *value;
    int64_t ts_ms;
    int64_t carried_ms;
    const mr_header *headers;
    size_t headers_count;
    mr_window_bounds window;
    const mr_origin *origin;
    const char *stream;
} graph_view;

/* What a node keeps between records. */
typedef struct graph_node {
    const mr_node *node;
    mr_aggregate_input *input; /* aggregates */
    mr_writeback *table;       /* aggregates */
    mr_buf cursor;             /* windows: key of the last row closed; empty: none */
    bool cursor_moved;         /* since the last seal */
} graph_node;

struct mr_graph {
    mr_graph_config config;
    graph_node *nodes; /* by plan node; node == NULL where not of this graph */
    uint32_t *windows; /* plan nodes with windows, ascending */
    uint32_t windows_count;
    int64_t *announced; /* by plan repartition; INT64_MIN: nothing yet */
    bool *announced_moved;
    bool *writes_repartition;
    int64_t *held_back_ms;    /* by plan repartition: what this task's steps before it hold back */
    uint64_t *keyless_sealed; /* by plan stream: the counter as it stands in `_task` */
    int64_t announce_step_ms;
    bool announces_any; /* the next announcement needs no step */
    int64_t min_ms;     /* for ctx.stream_time */
    mr_arena *arena;
    mr_buf key, value, header, row_key;
    bool rejected; /* the record being taken could not be decoded: one error record is enough */
    mr_failure *failure; /* of the call under way */
};

/* Runs the node's children on one record. */
mr_status mr_graph_forward(mr_graph *graph, const mr_node *node, const graph_view *view) MR_CHECKED;
void mr_graph_scope(const mr_graph *graph, const graph_view *view, mr_scope *scope);

/* A step's call failed for this record: the policy of the step decides. MR_OK: the record is dealt
 * with. */
mr_status mr_graph_fail_record(mr_graph *graph, const mr_node *node, const graph_view *view,
                               mr_status status, const mr_err *cause) MR_CHECKED;
mr_status mr_graph_reject_view(mr_graph *graph, const mr_policy *policy, const char *label,
                               mr_place place, const graph_view *view,
                               const char *cause) MR_CHECKED;
mr_status mr_graph_to_stream(mr_graph *graph, const mr_node *node,
                             const graph_view *view) MR_CHECKED;
mr_status mr_graph_to_repartition(mr_graph *graph, const mr_node *node,
                                  const graph_view *view) MR_CHECKED;
/* The key as keyed steps know it, into graph->key. MR_INVALID: null, undecodable, too large. */
mr_status mr_graph_canonical_key(mr_graph *graph, const graph_view *view, mr_err *err) MR_CHECKED;
mr_status mr_graph_to_late(mr_graph *graph, const mr_node *node, const graph_view *view) MR_CHECKED;
mr_status mr_graph_aggregate(mr_graph *graph, graph_node *state, const graph_view *view) MR_CHECKED;
/* Something that no record is to blame for: the task cannot go on. Fills graph->failure. */
mr_status mr_graph_fatal(mr_graph *graph, mr_status status, const char *label,
                         const mr_err *cause) MR_CHECKED;

/* Rows of `_task`: "c/<store>" cursor, "k/<stream>" keyless counter, "a/<repartition>" announced
 * minimum. */
mr_status mr_graph_load(mr_graph *graph, mr_err *err) MR_CHECKED;
