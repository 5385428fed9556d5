/* Who writes a stream, as the plan says it: results, late records, error records. */
#include "topologies/plan.h"

static bool policy_writes(mr_policy policy, uint32_t stream) {
    return policy.kind == MR_POLICY_STREAM && policy.stream == stream;
}

static bool node_writes(const mr_node *node, uint32_t stream) {
    bool result = node->kind == MR_NODE_TO_STREAM && node->to_stream.stream == stream;
    bool late = node->kind == MR_NODE_AGGREGATE && node->aggregate.window.kind != MR_WINDOW_NONE &&
                policy_writes(node->aggregate.window.late, stream);
    return result || late || policy_writes(node->on_error, stream);
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

static bool subtopology_writes(const mr_plan *plan, const mr_plan_subtopology *subtopology,
                               uint32_t stream) {
    for (uint32_t i = 0; i < subtopology->inputs_count; i++) {
        if (policy_writes(subtopology->inputs[i].on_error, stream)) {
            return true;
        }
    }
    return nodes_write(plan, subtopology->nodes, subtopology->nodes_count, stream);
}

uint32_t mr_plan_stream_writers(const mr_plan *plan, uint32_t stream) {
    uint32_t writers = 0;
    for (uint32_t i = 0; i < plan->subtopologies_count; i++) {
        if (subtopology_writes(plan, &plan->subtopologies[i], stream)) {
            writers += (uint32_t)plan->subtopologies[i].tasks;
        }
    }
    for (uint32_t i = 0; i < plan->sinks_count; i++) {
        const mr_plan_sink *sink = &plan->sinks[i];
        if (policy_writes(sink->on_error, stream) ||
            nodes_write(plan, sink->nodes, sink->nodes_count, stream)) {
            writers += (uint32_t)plan->streams[sink->stream].partitions;
        }
    }
    return writers;
}

uint32_t mr_plan_stream_sources(const mr_plan *plan, uint32_t stream) {
    uint32_t sources = 0;
    for (uint32_t i = 0; i < plan->sources_count; i++) {
        const mr_plan_source *source = &plan->sources[i];
        sources += policy_writes(source->on_error, stream) ||
                   nodes_write(plan, source->nodes, source->nodes_count, stream);
    }
    return sources;
}
