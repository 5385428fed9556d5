/* runtime/engine/graph.h - the connected steps of one task, source or sink: records in at an entry
 * node, results out into the outbox (or to a sink's rows). No input order, no commit: that is the
 * task's (task.h).
 *
 * Invariants
 *  1. The unit of an error is one call of one step: its writes and forwards take effect when it
 * returns, or not at all; what earlier steps did stays (LANGUAGE rule 14).
 *  2. A failed or late record goes where the policy says, with millrace-cause, -step, -line and
 * -origin, in the same transaction.
 *  3. A window row is closed once: its result is emitted and the node's cursor passes it in the
 * same step.
 *  4. Steps run depth first in plan order, so results do not depend on batches.
 * Thread: owner worker only.
 */
#pragma once

#include "runtime/engine/aggregate.h"
#include "runtime/engine/board.h"
#include "runtime/engine/member.h"
#include "runtime/engine/outbox.h"
#include "statestore/writeback.h"

typedef struct mr_graph mr_graph;

/* An announced minimum that says "silent, and without any time yet": it holds nobody back. Below
 * every time, above "not heard" (INT64_MIN). */
#define MR_TIME_UNKNOWN (INT64_MIN + 1)

/* Where a record was first read (LANGUAGE rule 14, millrace-origin). */
typedef struct mr_origin {
    mr_bytes topic; /* or a file's name, when line > 0; a NUL stands behind it */
    int32_t partition;
    int64_t offset;
    uint64_t line; /* > 0: `path:line` */
} mr_origin;

/* One record on its way. */
typedef struct mr_flow {
    mr_value key;
    mr_value value;
    int64_t ts_ms;
    int64_t carried_ms; /* the time it carries (DESIGN section 7) */
    const mr_header *headers;
    size_t headers_count;
    mr_window_bounds window;
    mr_origin origin;
    const char *stream; /* of its input */
} mr_flow;

/* Broken on purpose, test builds only. */
typedef enum mr_graph_break {
    MR_GRAPH_BREAK_NONE = 0,
    MR_GRAPH_BREAK_WINDOW_END = 1, /* window end off by one */
    MR_GRAPH_BREAK_LATE_OUTSIDE =
        2, /* late records leave the transaction (sent by late_outside at once) */
    MR_GRAPH_BREAK_TIME_RECORD_FIRST = 4, /* a time record before the outputs it covers */
} mr_graph_break;

typedef struct mr_graph_config {
    const mr_plan *plan;
    const uint32_t *nodes; /* the nodes this graph runs: a sub-topology's, a source's or a sink's */
    uint32_t nodes_count;
    mr_script *script;   /* borrowed */
    mr_value_pool *pool; /* borrowed */
    mr_outbox *outbox;   /* borrowed */
    const uint32_t
        *stream_topics; /* plan stream -> outbox topic, MR_INDEX_NONE where not written */
    const uint32_t *repartition_topics; /* plan repartition -> outbox topic */
    mr_writeback
        *task_table; /* `_task`: cursors, counters, announcements; NULL for sources and sinks */
    mr_writeback **tables;            /* by plan store; NULL where not of this task */
    int32_t task;                     /* partition */
    const uint32_t *upstream_numbers; /* plan repartition -> this task's number as its upstream */
    mr_board *board;                  /* counters */
    /* A row of a sink: JSON text; NULL unless TO_SINK nodes are there. */
    mr_status (*sink_row)(void *arg, const mr_flow *flow, mr_bytes json, mr_err *err);
    void *sink_arg;
    /* MR_GRAPH_BREAK_LATE_OUTSIDE only. */
    void (*late_outside)(void *arg, uint32_t outbox_topic, const mr_record *record);
    void *late_arg;
    uint32_t breaks;
} mr_graph_config;

/* Reads cursors and announcements from task_table: restored before this. */
mr_status mr_graph_open(const mr_graph_config *config, mr_graph **out, mr_err *err) MR_CHECKED;
void mr_graph_close(mr_graph *graph);

/* Runs one record through the entry nodes in order. min_ms: the task's minimum, for
 * ctx.stream_time. MR_INVALID: policy `stop`: *failure says what to tell the user. Other errors:
 * the task cannot go on. */
mr_status mr_graph_take(mr_graph *graph, const uint32_t *entries, uint32_t entries_count,
                        mr_flow *flow, int64_t min_ms, mr_failure *failure) MR_CHECKED;
/* An error record before any step: it could not be decoded, or has no time (policy of the input or
 * source). */
mr_status mr_graph_reject(mr_graph *graph, const mr_policy *policy, const char *step_label,
                          mr_place place, const mr_flow *flow, const mr_err *cause,
                          mr_failure *failure) MR_CHECKED;
/* Closes what is due at the task's minimum, in the order (due time, step, start, key), at most
 * rows_max rows. MR_AGAIN: more is due: call again before taking the next record (a commit may fall
 * in between). */
mr_status mr_graph_close_due(mr_graph *graph, int64_t min_ms, uint32_t rows_max,
                             mr_failure *failure) MR_CHECKED;
/* The least minimum at which something becomes due; INT64_MAX: nothing is open. */
mr_status mr_graph_next_due(mr_graph *graph, int64_t *due_ms, mr_err *err) MR_CHECKED;
/* After taking a record and closing what was due: sends time records to every partition of every
 * repartition this task writes, if the minimum moved by the plan's step (or to the end, INT64_MAX).
 * announce_step_ms of the plan. */
mr_status mr_graph_announce(mr_graph *graph, int64_t min_ms, mr_failure *failure) MR_CHECKED;
/* The next announcement goes out however little the minimum has moved: perhaps nothing comes behind
 * it that would. */
void mr_graph_announce_next(mr_graph *graph);
/* Before the task's tables are sealed: cursors, counters and announcements that moved become rows
 * of `_task`. */
mr_status mr_graph_seal(mr_graph *graph, mr_err *err) MR_CHECKED;
/* For code that runs before a record enters (time.from): its results live until the next take,
 * reject or close. */
mr_arena *mr_graph_arena(mr_graph *graph);
/* Arena and garbage: between batches. */
void mr_graph_rest(mr_graph *graph);
