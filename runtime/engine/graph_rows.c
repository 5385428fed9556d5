/* The rows that a graph keeps in `_task`. */
#include "runtime/engine/graph_state.h"

#include "runtime/base/alloc.h"
#include "runtime/base/assert.h"

static mr_bytes name_row(mr_graph *graph, char kind, const char *name) {
    mr_buf_clear(&graph->row_key);
    mr_buf_printf(&graph->row_key, "%c/%s", kind, name);
    return mr_buf_view(&graph->row_key);
}

/* A row of 8 bytes big endian. MR_NOT_FOUND leaves *value. */
static mr_status load_number(mr_graph *graph, char kind, const char *name, uint64_t *value,
                             mr_err *err) {
    mr_bytes row;
    mr_status status =
        mr_writeback_get(graph->config.task_table, name_row(graph, kind, name), &row, err);
    if (status == MR_OK && row.len != 8) {
        return mr_err_set(err, MR_CORRUPT, "row %c/%s has %zu bytes", kind, name, row.len);
    }
    if (status == MR_OK) {
        *value = mr_get_be64(row.data);
    }
    return status;
}

static mr_status save_number(mr_graph *graph, char kind, const char *name, uint64_t value,
                             mr_err *err) {
    uint8_t bytes[8];
    mr_put_be64(bytes, value);
    return mr_writeback_put(graph->config.task_table, name_row(graph, kind, name),
                            mr_bytes_of(bytes, sizeof bytes), err);
}

static mr_status load_cursor(mr_graph *graph, graph_node *state, mr_err *err) {
    const char *store = graph->config.plan->stores[state->node->aggregate.store].name;
    mr_bytes row;
    mr_status status =
        mr_writeback_get(graph->config.task_table, name_row(graph, 'c', store), &row, err);
    if (status != MR_OK) {
        return status == MR_NOT_FOUND ? MR_OK : status;
    }
    mr_buf_clear(&state->cursor);
    mr_buf_put_bytes(&state->cursor, row);
    return MR_OK;
}

static mr_status load_counters(mr_graph *graph, mr_err *err) {
    const mr_plan *plan = graph->config.plan;
    for (uint32_t i = 0; i < plan->streams_count; i++) {
        uint32_t topic = graph->config.stream_topics[i];
        if (topic == MR_INDEX_NONE) {
            continue;
        }
        uint64_t counter = 0;
        mr_status status = load_number(graph, 'k', plan->streams[i].name, &counter, err);
        if (status != MR_OK && status != MR_NOT_FOUND) {
            return status;
        }
        graph->keyless_sealed[i] = counter;
        mr_outbox_set_keyless(graph->config.outbox, topic, counter);
    }
    return MR_OK;
}

mr_status mr_graph_load(mr_graph *graph, mr_err *err) {
    const mr_plan *plan = graph->config.plan;
    for (uint32_t i = 0; i < graph->windows_count; i++) {
        mr_status status = load_cursor(graph, &graph->nodes[graph->windows[i]], err);
        if (status != MR_OK) {
            return status;
        }
    }
    for (uint32_t i = 0; i < plan->repartitions_count; i++) {
        if (!graph->writes_repartition[i]) {
            continue;
        }
        uint64_t announced = (uint64_t)INT64_MIN;
        mr_status status = load_number(graph, 'a', plan->repartitions[i].name, &announced, err);
        if (status != MR_OK && status != MR_NOT_FOUND) {
            return status;
        }
        graph->announced[i] = (int64_t)announced;
    }
    return load_counters(graph, err);
}

static mr_status seal_counters(mr_graph *graph, mr_err *err) {
    const mr_plan *plan = graph->config.plan;
    for (uint32_t i = 0; i < plan->streams_count; i++) {
        uint32_t topic = graph->config.stream_topics[i];
        if (topic == MR_INDEX_NONE) {
            continue;
        }
        uint64_t counter = mr_outbox_keyless(graph->config.outbox, topic);
        if (counter == graph->keyless_sealed[i]) {
            continue;
        }
        mr_status status = save_number(graph, 'k', plan->streams[i].name, counter, err);
        if (status != MR_OK) {
            return status;
        }
        graph->keyless_sealed[i] = counter;
    }
    return MR_OK;
}

static mr_status seal_cursors(mr_graph *graph, mr_err *err) {
    for (uint32_t i = 0; i < graph->windows_count; i++) {
        graph_node *state = &graph->nodes[graph->windows[i]];
        if (!state->cursor_moved) {
            continue;
        }
        const char *store = graph->config.plan->stores[state->node->aggregate.store].name;
        mr_status status = mr_writeback_put(graph->config.task_table, name_row(graph, 'c', store),
                                            mr_buf_view(&state->cursor), err);
        if (status != MR_OK) {
            return status;
        }
        state->cursor_moved = false;
    }
    return MR_OK;
}

mr_status mr_graph_seal(mr_graph *graph, mr_err *err) {
    MR_ASSERT(graph->config.task_table);
    const mr_plan *plan = graph->config.plan;
    for (uint32_t i = 0; i < plan->repartitions_count; i++) {
        if (!graph->announced_moved[i]) {
            continue;
        }
        mr_status status =
            save_number(graph, 'a', plan->repartitions[i].name, (uint64_t)graph->announced[i], err);
        if (status != MR_OK) {
            return status;
        }
        graph->announced_moved[i] = false;
    }
    mr_status status = seal_cursors(graph, err);
    return status == MR_OK ? seal_counters(graph, err) : status;
}
