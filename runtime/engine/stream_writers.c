#include "runtime/engine/stream_writers.h"

static bool goes_to(const mr_policy *policy, uint32_t stream) {
    return policy->kind == MR_POLICY_STREAM && policy->stream == stream;
}

static bool node_writes(const mr_node *node, uint32_t stream) {
    if (node->kind == MR_NODE_TO_STREAM && node->to_stream.stream == stream) {
        return true;
    }
    if (node->kind == MR_NODE_AGGREGATE && node->aggregate.window.kind != MR_WINDOW_NONE &&
        goes_to(&node->aggregate.window.late, stream)) {
        return true;
    }
    return goes_to(&node->on_error, stream);
}

static bool nodes_write(const mr_plan *plan, const uint32_t *nodes, uint32_t count,
                        uint32_t stream) {
    for (uint32_t i = 0; i < count; i++) {
        if (node_writes(&plan->nodes[nodes[i]], stream)) {
            return true;
        }
    }
    return false;
}

static bool subtopology_writes(const mr_plan *plan, const mr_plan_subtopology *sub,
                               uint32_t stream) {
    for (uint32_t i = 0; i < sub->inputs_count; i++) {
        if (goes_to(&sub->inputs[i].on_error, stream)) {
            return true;
        }
    }
    return nodes_write(plan, sub->nodes, sub->nodes_count, stream);
}

bool mr_stream_is_output(const mr_plan *plan, uint32_t stream) {
    for (uint32_t s = 0; s < plan->subtopologies_count; s++) {
        if (subtopology_writes(plan, &plan->subtopologies[s], stream)) {
            return true;
        }
    }
    for (uint32_t i = 0; i < plan->sinks_count; i++) {
        const mr_plan_sink *sink = &plan->sinks[i];
        if (goes_to(&sink->on_error, stream) ||
            nodes_write(plan, sink->nodes, sink->nodes_count, stream)) {
            return true;
        }
    }
    return false;
}
