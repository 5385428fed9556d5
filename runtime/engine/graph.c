#include "runtime/engine/graph.h"

#include <stdio.h>

#include "runtime/base/alloc.h"
#include "runtime/base/assert.h"
#include "runtime/engine/graph_state.h"
#include "runtime/engine/time_from.h"

#define GRAPH_ARENA_BYTES 65536

static void open_node(mr_graph *graph, const mr_node *node) {
    graph_node *state = &graph->nodes[node->index];
    state->node = node;
    if (node->kind == MR_NODE_AGGREGATE) {
        state->input = mr_aggregate_input_create(node);
        state->table = graph->config.tables[node->aggregate.store];
        MR_ASSERT(state->table);
        if (node->aggregate.window.kind != MR_WINDOW_NONE) {
            graph->windows[graph->windows_count++] = node->index;
        }
    } else if (node->kind == MR_NODE_TO_REPARTITION) {
        uint32_t to = node->to_repartition.repartition;
        graph->writes_repartition[to] = true;
        if (node->hold_back_ms > graph->held_back_ms[to]) {
            graph->held_back_ms[to] = node->hold_back_ms;
        }
    }
}

mr_status mr_graph_open(const mr_graph_config *config, mr_graph **out, mr_err *err) {
    const mr_plan *plan = config->plan;
    mr_graph *graph = mr_alloc(sizeof *graph);
    graph->config = *config;
    graph->nodes = mr_alloc_array(plan->nodes_count + 1, sizeof *graph->nodes);
    graph->windows = mr_alloc_array(plan->nodes_count + 1, sizeof *graph->windows);
    graph->announced = mr_alloc_array(plan->repartitions_count + 1, sizeof(int64_t));
    graph->announced_moved = mr_alloc_array(plan->repartitions_count + 1, sizeof(bool));
    graph->writes_repartition = mr_alloc_array(plan->repartitions_count + 1, sizeof(bool));
    graph->held_back_ms = mr_alloc_array(plan->repartitions_count + 1, sizeof(int64_t));
    graph->keyless_sealed = mr_alloc_array(plan->streams_count + 1, sizeof(uint64_t));
    graph->arena = mr_arena_create(GRAPH_ARENA_BYTES);
    graph->min_ms = INT64_MIN;
    for (uint32_t i = 0; i < plan->repartitions_count; i++) {
        graph->announced[i] = INT64_MIN;
    }
    for (uint32_t i = 0; i < plan->subtopologies_count; i++) {
        if (config->nodes == plan->subtopologies[i].nodes) {
            graph->announce_step_ms = plan->subtopologies[i].announce_step_ms;
        }
    }
    for (uint32_t i = 0; i < config->nodes_count; i++) {
        open_node(graph, &plan->nodes[config->nodes[i]]);
    }
    mr_status status = config->task_table ? mr_graph_load(graph, err) : MR_OK;
    if (status != MR_OK) {
        mr_graph_close(graph);
        return mr_err_wrap(err, status, "state of the task");
    }
    *out = graph;
    return MR_OK;
}

void mr_graph_close(mr_graph *graph) {
    if (!graph) {
        return;
    }
    for (uint32_t i = 0; i < graph->config.plan->nodes_count; i++) {
        if (graph->nodes[i].input) {
            mr_aggregate_input_destroy(graph->nodes[i].input);
        }
        mr_buf_deinit(&graph->nodes[i].cursor);
    }
    mr_free(graph->nodes);
    mr_free(graph->windows);
    mr_free(graph->announced);
    mr_free(graph->announced_moved);
    mr_free(graph->writes_repartition);
    mr_free(graph->held_back_ms);
    mr_free(graph->keyless_sealed);
    mr_arena_destroy(graph->arena);
    mr_buf_deinit(&graph->key);
    mr_buf_deinit(&graph->value);
    mr_buf_deinit(&graph->header);
    mr_buf_deinit(&graph->row_key);
    mr_free(graph);
}

void mr_graph_scope(const mr_graph *graph, const graph_view *view, mr_scope *scope) {
    *scope = (mr_scope){
        .key = view->key,
        .value = view->value,
        .ts_ms = view->ts_ms,
        .headers = view->headers,
        .headers_count = view->headers_count,
        .window = view->window,
        .stream = view->stream ? view->stream : "",
        .topic = "",
        .partition = view->origin->partition,
        .offset = view->origin->offset,
        .stream_time_ms = graph->min_ms,
        .task = graph->config.task,
    };
    if (view->origin->topic.data) {
        scope->topic = (const char *)view->origin->topic.data;
    }
}

/* ---- the stateless steps ---- */

static mr_status run_filter(mr_graph *graph, const mr_node *node, const graph_view *view) {
    mr_scope scope;
    mr_graph_scope(graph, view, &scope);
    mr_datum result;
    mr_err err;
    mr_err_clear(&err);
    mr_status status =
        mr_code_eval(node->filter.code, &scope, graph->config.script, graph->arena, &result, &err);
    if (status != MR_OK) {
        return mr_graph_fail_record(graph, node, view, status, &err);
    }
    return mr_datum_truth(&result) ? mr_graph_forward(graph, node, view) : MR_OK;
}

static mr_status eval_either(mr_graph *graph, const mr_code *code, const mr_template *template,
                             const graph_view *view, mr_datum *result, mr_err *err) {
    mr_scope scope;
    mr_graph_scope(graph, view, &scope);
    mr_status status =
        code ? mr_code_eval(code, &scope, graph->config.script, graph->arena, result, err)
             : mr_template_eval(template, &scope, graph->config.script, graph->arena, result, err);
    if (status == MR_OK && result->kind == MR_DATUM_NIL) {
        return mr_err_set(err, MR_INVALID, "the result is nil (`null` would be a value)");
    }
    return status;
}

static mr_status forward_value(mr_graph *graph, const mr_node *node, const graph_view *view,
                               mr_datum datum) {
    mr_value value;
    mr_value_init(&value, graph->config.pool, datum);
    graph_view changed = *view;
    changed.value = &value;
    mr_status status = mr_graph_forward(graph, node, &changed);
    mr_value_deinit(&value);
    return status;
}

static mr_status run_map(mr_graph *graph, const mr_node *node, const graph_view *view) {
    mr_datum result;
    mr_err err;
    mr_err_clear(&err);
    mr_status status = eval_either(graph, node->map.code, node->map.template, view, &result, &err);
    if (status != MR_OK) {
        return mr_graph_fail_record(graph, node, view, status, &err);
    }
    return forward_value(graph, node, view, result);
}

static mr_status run_set(mr_graph *graph, const mr_node *node, const graph_view *view) {
    mr_scope scope;
    mr_graph_scope(graph, view, &scope);
    mr_datum result;
    mr_err err;
    mr_err_clear(&err);
    mr_status status = mr_set_eval(node->set.items, node->set.items_count, &scope,
                                   graph->config.script, graph->arena, &result, &err);
    if (status != MR_OK) {
        return mr_graph_fail_record(graph, node, view, status, &err);
    }
    return forward_value(graph, node, view, result);
}

static mr_status run_rekey(mr_graph *graph, const mr_node *node, const graph_view *view) {
    mr_datum result;
    mr_err err;
    mr_err_clear(&err);
    mr_status status =
        eval_either(graph, node->rekey.code, node->rekey.template, view, &result, &err);
    if (status != MR_OK) {
        return mr_graph_fail_record(graph, node, view, status, &err);
    }
    mr_value key;
    mr_value_init(&key, graph->config.pool, result);
    graph_view changed = *view;
    changed.key = &key;
    status = mr_graph_forward(graph, node, &changed);
    mr_value_deinit(&key);
    return status;
}

static mr_status forward_item(mr_graph *graph, const mr_node *node, const graph_view *view,
                              const mr_script_item *item) {
    mr_value key, value;
    graph_view changed = *view;
    if (item->has_key) {
        mr_value_init(&key, graph->config.pool, item->key);
        changed.key = &key;
    }
    if (item->has_value) {
        mr_value_init(&value, graph->config.pool, item->value);
        changed.value = &value;
    }
    if (item->has_ts) {
        changed.ts_ms = item->ts_ms;
    }
    if (item->has_headers) {
        changed.headers = item->headers;
        changed.headers_count = item->headers_count;
    }
    mr_status status = mr_graph_forward(graph, node, &changed);
    if (item->has_value) {
        mr_value_deinit(&value);
    }
    if (item->has_key) {
        mr_value_deinit(&key);
    }
    return status;
}

static mr_status run_flat_map(mr_graph *graph, const mr_node *node, const graph_view *view) {
    mr_scope scope;
    mr_graph_scope(graph, view, &scope);
    mr_script_item *items = NULL;
    size_t count = 0;
    mr_err err;
    mr_err_clear(&err);
    mr_script *script = graph->config.script;
    mr_status status = script->ops->eval_list(script, node->flat_map.code, &scope, graph->arena,
                                              &items, &count, &err);
    if (status != MR_OK) {
        return mr_graph_fail_record(graph, node, view, status, &err);
    }
    for (size_t i = 0; i < count; i++) {
        if (items[i].has_ts && mr_time_check("an item's ts", items[i].ts_ms, &err) != MR_OK) {
            return mr_graph_fail_record(graph, node, view, MR_INVALID, &err);
        }
    }
    for (size_t i = 0; i < count && status == MR_OK; i++) {
        status = forward_item(graph, node, view, &items[i]);
    }
    return status;
}

static mr_status run_to_sink(mr_graph *graph, const mr_node *node, const graph_view *view) {
    mr_err err;
    mr_err_clear(&err);
    mr_status status = mr_value_touch(view->value, &err);
    mr_buf_clear(&graph->value);
    if (status == MR_OK && view->value->datum.kind == MR_DATUM_NIL) {
        mr_buf_put_text(&graph->value, "null");
    } else if (status == MR_OK) {
        status = mr_datum_put_json(&view->value->datum, &graph->value, &err);
    }
    if (status != MR_OK) {
        return mr_graph_fail_record(graph, node, view, status, &err);
    }
    mr_flow flow = {.key = *view->key,
                    .value = *view->value,
                    .ts_ms = view->ts_ms,
                    .carried_ms = view->carried_ms,
                    .headers = view->headers,
                    .headers_count = view->headers_count,
                    .window = view->window,
                    .origin = *view->origin,
                    .stream = view->stream};
    status =
        graph->config.sink_row(graph->config.sink_arg, &flow, mr_buf_view(&graph->value), &err);
    return status == MR_OK ? MR_OK : mr_graph_fail_record(graph, node, view, status, &err);
}

static mr_status run_node(mr_graph *graph, uint32_t index, const graph_view *view) {
    graph_node *state = &graph->nodes[index];
    const mr_node *node = state->node;
    MR_ASSERT(node);
    switch (node->kind) {
    case MR_NODE_FILTER:
        return run_filter(graph, node, view);
    case MR_NODE_MAP:
        return run_map(graph, node, view);
    case MR_NODE_FLAT_MAP:
        return run_flat_map(graph, node, view);
    case MR_NODE_SET:
        return run_set(graph, node, view);
    case MR_NODE_REKEY:
        return run_rekey(graph, node, view);
    case MR_NODE_AGGREGATE:
        return mr_graph_aggregate(graph, state, view);
    case MR_NODE_TO_STREAM:
        return mr_graph_to_stream(graph, node, view);
    case MR_NODE_TO_REPARTITION:
        return mr_graph_to_repartition(graph, node, view);
    case MR_NODE_TO_SINK:
        return run_to_sink(graph, node, view);
    }
    MR_UNREACHABLE();
}

mr_status mr_graph_forward(mr_graph *graph, const mr_node *node, const graph_view *view) {
    for (uint32_t i = 0; i < node->children_count; i++) {
        mr_status status = run_node(graph, node->children[i], view);
        if (status != MR_OK) {
            return status;
        }
    }
    return MR_OK;
}

static graph_view view_of(mr_flow *flow) {
    return (graph_view){.key = &flow->key,
                        .value = &flow->value,
                        .ts_ms = flow->ts_ms,
                        .carried_ms = flow->carried_ms,
                        .headers = flow->headers,
                        .headers_count = flow->headers_count,
                        .window = flow->window,
                        .origin = &flow->origin,
                        .stream = flow->stream};
}

mr_status mr_graph_take(mr_graph *graph, const uint32_t *entries, uint32_t entries_count,
                        mr_flow *flow, int64_t min_ms, mr_failure *failure) {
    mr_arena_reset(graph->arena);
    graph->failure = failure;
    graph->rejected = false;
    graph->min_ms = min_ms == MR_TIME_UNKNOWN ? INT64_MIN : min_ms;
    graph_view view = view_of(flow);
    for (uint32_t i = 0; i < entries_count; i++) {
        mr_status status = run_node(graph, entries[i], &view);
        if (status != MR_OK) {
            return status;
        }
    }
    return MR_OK;
}

mr_status mr_graph_reject(mr_graph *graph, const mr_policy *policy, const char *step_label,
                          mr_place place, const mr_flow *flow, const mr_err *cause,
                          mr_failure *failure) {
    mr_arena_reset(graph->arena);
    graph->failure = failure;
    mr_flow copy = *flow;
    graph_view view = view_of(&copy);
    return mr_graph_reject_view(graph, policy, step_label, place, &view, cause->message);
}

void mr_graph_rest(mr_graph *graph) {
    mr_arena_reset(graph->arena);
    if (graph->config.script && graph->config.script->ops->step) {
        graph->config.script->ops->step(graph->config.script);
    }
}

mr_arena *mr_graph_arena(mr_graph *graph) {
    return graph->arena;
}
