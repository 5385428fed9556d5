/* runtime/engine/aggregate.h - native aggregates: accumulators in a row, and the result they give.
 * The row's bytes are the changelog's format, described in runtime/engine/aggregate_row.h.
 * Thread: owner task only. */
#pragma once

#include "runtime/base/limits.h"
#include "runtime/engine/expr_eval.h"

/* A row larger than this is refused: with its key it must fit into one changelog record. */
#define MR_AGGREGATE_ROW_BYTES_MAX (MR_RECORD_BYTES_MAX / 2)

/* Adds one record (scope) to the accumulators in row (empty: a new row). On any error the row is
 * unchanged. MR_INVALID: an argument's error, overflow of sum or avg, a value min/max/sum/avg
 * cannot take, more than MR_DISTINCT_MAX distinct entries, a row too large. MR_CORRUPT: the row is
 * none of this node's. value_is_count rows hold the count alone. nil and null arguments are
 * skipped. */
mr_status mr_aggregate_add(const mr_node *node, mr_scope *scope, mr_script *script, mr_arena *arena,
                           mr_buf *row, mr_err *err) MR_CHECKED;
/* The same in two halves, for a record that counts in several windows (hopping): arguments are
 * evaluated once. */
typedef struct mr_aggregate_input mr_aggregate_input;
mr_aggregate_input *mr_aggregate_input_create(const mr_node *node);
void mr_aggregate_input_destroy(mr_aggregate_input *input);
mr_status mr_aggregate_evaluate(mr_aggregate_input *input, mr_scope *scope, mr_script *script,
                                mr_arena *arena, mr_err *err) MR_CHECKED;
/* MR_INVALID and MR_CORRUPT as above, row unchanged. What evaluate borrowed (scope, arena) still
 * stands. */
mr_status mr_aggregate_apply(const mr_aggregate_input *input, mr_buf *row, mr_err *err) MR_CHECKED;
/* The result's value: the number for `count`, else the JSON object of the fields, in the arena.
 * key: canonical JSON of the row's key. MR_CORRUPT: the row is none of this node's. */
mr_status mr_aggregate_result(const mr_node *node, mr_bytes row, mr_bytes key_json,
                              const mr_window_bounds *window, mr_arena *arena, mr_datum *out,
                              mr_err *err) MR_CHECKED;
/* The greatest ts that went into the row: the ts of an update's result. */
mr_status mr_aggregate_row_ts(mr_bytes row, int64_t *ts_out) MR_CHECKED;
