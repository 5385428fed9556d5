#include "runtime/engine/graph_state.h"

#include <stdio.h>

#include "runtime/base/alloc.h"
#include "runtime/base/assert.h"
#include "runtime/base/limits.h"
#include "runtime/engine/window.h"
#include "statestore/window_key.h"

/* ---- taking a record ---- */

/* Applies the evaluated record to one row. On error the row is what it was before. */
static mr_status apply_to_row(graph_node *state, mr_bytes key, mr_bytes *row_out, mr_err *err) {
    mr_buf *row;
    mr_status status = mr_writeback_edit(state->table, key, &row, err);
    if (status != MR_OK) {
        return status;
    }
    bool is_new = row->len == 0;
    status = mr_aggregate_apply(state->input, row, err);
    if (status != MR_OK && is_new) {
        mr_err ignored = {0};
        mr_status undone = mr_writeback_delete(state->table, key, &ignored);
        return undone == MR_OK || undone == MR_NOT_FOUND ? status : undone;
    }
    *row_out = mr_buf_view(row);
    return status;
}

/* The result of a row as a record: no headers, its own time. */
static mr_status emit_row(mr_graph *graph, graph_node *state, mr_bytes key, mr_bytes row,
                          const graph_view *base, mr_err *err) {
    mr_datum result;
    mr_status status =
        mr_aggregate_result(state->node, row, key, &base->window, graph->arena, &result, err);
    if (status != MR_OK) {
        return status;
    }
    mr_value key_value, value;
    mr_value_init(&key_value, graph->config.pool, mr_datum_raw(key, &mr_format_of_keys));
    mr_value_init(&value, graph->config.pool, result);
    graph_view out = *base;
    out.key = &key_value;
    out.value = &value;
    out.headers = NULL;
    out.headers_count = 0;
    status = mr_graph_forward(graph, state->node, &out);
    mr_value_deinit(&value);
    mr_value_deinit(&key_value);
    return status;
}

static mr_status aggregate_unwindowed(mr_graph *graph, graph_node *state, const graph_view *view) {
    mr_err err;
    mr_err_clear(&err);
    mr_bytes row = MR_BYTES_NULL;
    mr_status status = apply_to_row(state, mr_buf_view(&graph->key), &row, &err);
    graph_view out = *view;
    out.window = (mr_window_bounds){0};
    if (status == MR_OK) {
        status = mr_aggregate_row_ts(row, &out.ts_ms);
    }
    if (status != MR_OK) {
        return mr_graph_fail_record(graph, state->node, view, status, &err);
    }
    out.carried_ms = out.ts_ms; /* an update carries the greatest ts in it */
    /* The row and the key move when downstream steps use this graph's buffers. */
    mr_bytes row_copy = mr_arena_copy(graph->arena, row);
    mr_bytes key_copy = mr_arena_copy(graph->arena, mr_buf_view(&graph->key));
    status = emit_row(graph, state, key_copy, row_copy, &out, &err);
    if (status != MR_OK && graph->failure->status == MR_OK) {
        return mr_graph_fatal(graph, status, state->node->label, &err);
    }
    return status;
}

/* What a failed call must take back: the rows it changed in earlier windows. */
typedef struct undo_row {
    mr_bytes key;
    mr_bytes before; /* null: the row was new */
} undo_row;

static mr_status undo(graph_node *state, const undo_row *rows, size_t count, mr_err *err) {
    for (size_t i = 0; i < count; i++) {
        mr_status status = mr_bytes_is_null(rows[i].before)
                               ? mr_writeback_delete(state->table, rows[i].key, err)
                               : mr_writeback_put(state->table, rows[i].key, rows[i].before, err);
        if (status != MR_OK && status != MR_NOT_FOUND) {
            return status;
        }
    }
    return MR_OK;
}

static mr_status note_undo(mr_graph *graph, graph_node *state, undo_row *row, mr_err *err) {
    mr_bytes before = MR_BYTES_NULL;
    mr_status status = mr_writeback_get(state->table, mr_buf_view(&graph->row_key), &before, err);
    if (status != MR_OK && status != MR_NOT_FOUND) {
        return status;
    }
    row->key = mr_arena_copy(graph->arena, mr_buf_view(&graph->row_key));
    row->before = status == MR_OK ? mr_arena_copy(graph->arena, before) : MR_BYTES_NULL;
    return MR_OK;
}

static bool window_is_late(const mr_graph *graph, const mr_plan_window *window, int64_t start_ms,
                           int64_t carried_ms) {
#ifdef MR_BROKEN
    if (graph->config.breaks & MR_GRAPH_BREAK_WINDOW_END) {
        return mr_window_close_ms(window, start_ms) < carried_ms;
    }
#endif
    (void)graph;
    return mr_window_timing_of(window, start_ms, carried_ms) == MR_WINDOW_LATE;
}

/* The row under graph->row_key was passed by the closings. A record that is in time meets such a
 * row only where an input is new to a task that has closed windows before. */
static bool is_closed(const mr_graph *graph, const graph_node *state) {
    return state->cursor.len > 0 &&
           mr_bytes_compare(mr_buf_view(&graph->row_key), mr_buf_view(&state->cursor)) <= 0;
}

static mr_status add_to_windows(mr_graph *graph, graph_node *state, const graph_view *view,
                                mr_window_starts starts, uint64_t *late_count, mr_err *err) {
    const mr_plan_window *window = &state->node->aggregate.window;
    undo_row *undos =
        starts.count > 1 ? mr_arena_alloc(graph->arena, starts.count * sizeof *undos) : NULL;
    size_t undos_count = 0;
    for (uint64_t i = 0; i < starts.count; i++) {
        int64_t start_ms = starts.first_ms + (int64_t)i * starts.advance_ms;
        mr_buf_clear(&graph->row_key);
        mr_window_key_put(&graph->row_key, start_ms, mr_buf_view(&graph->key));
        if (window_is_late(graph, window, start_ms, view->carried_ms) || is_closed(graph, state)) {
            (*late_count)++;
            continue;
        }
        mr_status status = undos ? note_undo(graph, state, &undos[undos_count], err) : MR_OK;
        mr_bytes row;
        if (status == MR_OK) {
            status = apply_to_row(state, mr_buf_view(&graph->row_key), &row, err);
        }
        if (status != MR_OK) {
            mr_err cause = *err;
            mr_status undone = undos ? undo(state, undos, undos_count, err) : MR_OK;
            if (undone == MR_OK) {
                *err = cause;
            }
            return undone == MR_OK ? status : undone;
        }
        undos_count++;
    }
    return MR_OK;
}

/* Hopping windows that a record falls in are bounded, so that one record cannot make unbounded
 * rows. */
#define WINDOWS_PER_RECORD_MAX 100000

mr_status mr_graph_aggregate(mr_graph *graph, graph_node *state, const graph_view *view) {
    const mr_node *node = state->node;
    mr_err err;
    mr_err_clear(&err);
    mr_scope scope;
    mr_graph_scope(graph, view, &scope);
    mr_status status = mr_graph_canonical_key(graph, view, &err);
    if (status == MR_OK) {
        status =
            mr_aggregate_evaluate(state->input, &scope, graph->config.script, graph->arena, &err);
    }
    if (status != MR_OK) {
        return mr_graph_fail_record(graph, node, view, status, &err);
    }
    if (node->aggregate.window.kind == MR_WINDOW_NONE) {
        return aggregate_unwindowed(graph, state, view);
    }
    mr_window_starts starts = mr_window_starts_of(&node->aggregate.window, view->ts_ms);
    if (starts.count > WINDOWS_PER_RECORD_MAX) {
        mr_err_set(&err, MR_INVALID, "the record falls into %llu windows",
                   (unsigned long long)starts.count);
        return mr_graph_fail_record(graph, node, view, MR_INVALID, &err);
    }
    uint64_t late_count = 0;
    status = add_to_windows(graph, state, view, starts, &late_count, &err);
    if (status != MR_OK) {
        return mr_graph_fail_record(graph, node, view, status, &err);
    }
    return late_count > 0 ? mr_graph_to_late(graph, node, view) : MR_OK;
}

/* ---- closing windows ---- */

/* When the node's first open window is due, in the task's time. */
static mr_status node_due(const graph_node *state, int64_t *start_ms, int64_t *due_ms,
                          mr_err *err) {
    *due_ms = INT64_MAX;
    mr_status status = mr_writeback_first_start(state->table, start_ms, err);
    if (status != MR_OK) {
        return status == MR_NOT_FOUND ? MR_OK : status;
    }
    int64_t close_ms = mr_window_close_ms(&state->node->aggregate.window, *start_ms);
    if (__builtin_add_overflow(close_ms, state->node->hold_back_ms, due_ms)) {
        *due_ms = INT64_MAX - 1; /* the end of all time still closes it */
    }
    return MR_OK;
}

/* The node whose window is due first; ties go to the earlier step. NULL: nothing is open. */
static mr_status first_due(mr_graph *graph, graph_node **out, int64_t *start_ms, int64_t *due_ms,
                           mr_err *err) {
    *out = NULL;
    *due_ms = INT64_MAX;
    for (uint32_t i = 0; i < graph->windows_count; i++) {
        graph_node *state = &graph->nodes[graph->windows[i]];
        int64_t start = 0, due;
        mr_status status = node_due(state, &start, &due, err);
        if (status != MR_OK) {
            return status;
        }
        if (due < *due_ms) {
            *out = state;
            *start_ms = start;
            *due_ms = due;
        }
    }
    return MR_OK;
}

static mr_status close_row(mr_graph *graph, graph_node *state, int64_t start_ms, mr_bytes row_key_,
                           mr_bytes row, mr_err *err) {
    static const mr_origin nowhere = {.offset = 0};
    int64_t start;
    mr_bytes key;
    mr_status status = mr_window_key_split(row_key_, &start, &key);
    if (status != MR_OK) {
        return mr_err_set(err, status, "a row's key is broken");
    }
    MR_ASSERT(start == start_ms);
    int64_t stop_ms = mr_window_stop_ms(&state->node->aggregate.window, start_ms);
    graph_view base = {.ts_ms = stop_ms - 1,
                       .carried_ms = stop_ms - 1,
                       .window = {true, start_ms, stop_ms},
                       .origin = &nowhere,
                       .stream = ""};
    atomic_fetch_add_explicit(&graph->config.board->windows_closed, 1, memory_order_relaxed);
    return emit_row(graph, state, key, row, &base, err);
}

static void move_cursor(graph_node *state) {
    mr_writeback_set_horizon(state->table, mr_buf_view(&state->cursor));
    state->cursor_moved = true;
}

/* Emits rows of one window start, in key order, from the cursor on. *rows_left counts down.
 * MR_AGAIN: rows of this start are left. */
static mr_status close_start(mr_graph *graph, graph_node *state, int64_t start_ms,
                             uint32_t *rows_left, mr_err *err) {
    mr_buf until = {0};
    mr_window_key_put(&until, start_ms + 1, MR_BYTES_NULL);
    mr_bytes after = state->cursor.len > 0 ? mr_buf_view(&state->cursor) : MR_BYTES_NULL;
    mr_writeback_scan *scan = mr_writeback_scan_open(state->table, after, mr_buf_view(&until));
    mr_status status = MR_OK;
    bool moved = false;
    while (status == MR_OK) {
        if (*rows_left == 0) {
            status = MR_AGAIN;
            break;
        }
        mr_bytes key, row;
        status = mr_writeback_scan_next(scan, &key, &row, err);
        if (status != MR_OK) {
            break;
        }
        mr_arena_reset(graph->arena);
        mr_bytes key_copy = mr_arena_copy(graph->arena, key);
        mr_bytes row_copy = mr_arena_copy(graph->arena, row);
        status = close_row(graph, state, start_ms, key_copy, row_copy, err);
        mr_buf_clear(&state->cursor);
        mr_buf_put_bytes(&state->cursor, key_copy);
        moved = true;
        (*rows_left)--;
    }
    mr_writeback_scan_close(scan);
    mr_buf_deinit(&until);
    if (moved) {
        move_cursor(state);
    }
    return status == MR_NOT_FOUND ? MR_OK : status;
}

mr_status mr_graph_close_due(mr_graph *graph, int64_t min_ms, uint32_t rows_max,
                             mr_failure *failure) {
    graph->failure = failure;
    graph->rejected = false;
    graph->min_ms = min_ms == MR_TIME_UNKNOWN ? INT64_MIN : min_ms;
    mr_err err;
    mr_err_clear(&err);
    uint32_t rows_left = rows_max;
    for (;;) {
        graph_node *state;
        int64_t start_ms = 0, due_ms;
        mr_status status = first_due(graph, &state, &start_ms, &due_ms, &err);
        if (status == MR_OK && (!state || due_ms > min_ms)) {
            return MR_OK;
        }
        if (status == MR_OK) {
            status = close_start(graph, state, start_ms, &rows_left, &err);
        }
        if (status == MR_AGAIN) {
            return MR_AGAIN;
        }
        if (status != MR_OK) {
            return failure->status != MR_OK
                       ? failure->status
                       : mr_graph_fatal(graph, status, "closing windows", &err);
        }
    }
}

mr_status mr_graph_next_due(mr_graph *graph, int64_t *due_ms, mr_err *err) {
    graph_node *state;
    int64_t start_ms;
    return first_due(graph, &state, &start_ms, due_ms, err);
}
