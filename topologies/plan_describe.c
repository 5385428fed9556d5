/* The plan as text. Tests compare it whole, so every line is a fact of the plan and nothing else
 * is. */
#include "runtime/base/assert.h"
#include "runtime/base/number.h"
#include "topologies/topology.h"

static void put_ms(mr_buf *out, int64_t ms) {
    char text[MR_NUMBER_TEXT_MAX];
    size_t length = mr_duration_format(ms, text);
    mr_buf_put(out, text, length);
}

static void put_format(mr_buf *out, const mr_format *format) {
    static const char *const names[] = {"bytes", "string", "int", "float", "json"};
    mr_buf_put_text(out, names[format->kind]);
    if (format->type != NULL) {
        mr_buf_printf(out, "(%s)", format->type->name);
    }
}

static void put_policy(mr_buf *out, const mr_plan *plan, const char *what, mr_policy policy) {
    switch (policy.kind) {
    case MR_POLICY_STOP:
        mr_buf_printf(out, " %s: stop", what);
        return;
    case MR_POLICY_DROP:
        mr_buf_printf(out, " %s: drop", what);
        return;
    case MR_POLICY_STREAM:
        mr_buf_printf(out, " %s: %s", what, plan->streams[policy.stream].name);
        return;
    }
    MR_UNREACHABLE();
}

static void put_stream(mr_buf *out, const mr_plan_stream *stream) {
    mr_buf_printf(out, "stream %s: topic %s, %d partition%s, key ", stream->name, stream->topic,
                  stream->partitions, stream->partitions == 1 ? "" : "s");
    put_format(out, &stream->key);
    mr_buf_put_text(out, ", value ");
    put_format(out, &stream->value);
    if (stream->time_from != NULL) {
        mr_buf_printf(out, ", time %s * %lld/%lld", stream->time_from->text,
                      (long long)stream->time_unit_ms_numerator,
                      (long long)stream->time_unit_ms_denominator);
    }
    mr_buf_put_text(out, ", idle ");
    put_ms(out, stream->idle_ms);
    if (stream->max_ahead_ms >= 0) {
        mr_buf_put_text(out, ", max_ahead ");
        put_ms(out, stream->max_ahead_ms);
    }
    mr_buf_printf(out, "%s%s%s\n", stream->read_by_job ? ", read" : "",
                  stream->written_by_job ? ", written" : "",
                  stream->has_source ? ", has a source" : "");
}

static void put_window(mr_buf *out, const mr_plan *plan, const mr_plan_window *window) {
    if (window->kind == MR_WINDOW_NONE) {
        return;
    }
    mr_buf_put_text(out, window->kind == MR_WINDOW_TUMBLING ? " tumbling " : " hopping ");
    put_ms(out, window->size_ms);
    if (window->kind == MR_WINDOW_HOPPING) {
        mr_buf_put_text(out, " advance ");
        put_ms(out, window->advance_ms);
    }
    mr_buf_put_text(out, " grace ");
    put_ms(out, window->grace_ms);
    put_policy(out, plan, "late", window->late);
}

static void put_children(mr_buf *out, const uint32_t *children, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        mr_buf_printf(out, "%s%u", i == 0 ? " -> " : ", ", children[i]);
    }
}

static void put_node(mr_buf *out, const mr_plan *plan, uint32_t index) {
    const mr_node *node = &plan->nodes[index];
    mr_buf_printf(out, "  node %u %s", index, node->label);
    if (node->kind == MR_NODE_AGGREGATE) {
        put_window(out, plan, &node->aggregate.window);
    }
    if (node->hold_back_ms > 0) {
        mr_buf_put_text(out, " hold_back ");
        put_ms(out, node->hold_back_ms);
    }
    put_policy(out, plan, "on_error", node->on_error);
    put_children(out, node->children, node->children_count);
    mr_buf_put_u8(out, '\n');
}

static void put_input(mr_buf *out, const mr_plan *plan, const mr_plan_input *input) {
    if (input->kind == MR_INPUT_STREAM) {
        mr_buf_printf(out, "  input stream %s", plan->streams[input->index].name);
    } else {
        mr_buf_printf(out, "  input repartition %s", plan->repartitions[input->index].name);
    }
    put_policy(out, plan, "on_error", input->on_error);
    put_children(out, input->entries, input->entries_count);
    mr_buf_put_u8(out, '\n');
}

static void put_subtopology(mr_buf *out, const mr_plan *plan, const mr_plan_subtopology *sub) {
    mr_buf_printf(out, "sub-topology %s: depth %u, %d task%s, announces each ", sub->name,
                  sub->depth, sub->tasks, sub->tasks == 1 ? "" : "s");
    put_ms(out, sub->announce_step_ms);
    mr_buf_put_text(out, ", settles in ");
    put_ms(out, sub->settle_ms);
    mr_buf_put_u8(out, '\n');
    for (uint32_t i = 0; i < sub->inputs_count; i++) {
        put_input(out, plan, &sub->inputs[i]);
    }
    for (uint32_t i = 0; i < sub->nodes_count; i++) {
        put_node(out, plan, sub->nodes[i]);
    }
    for (uint32_t i = 0; i < sub->stores_count; i++) {
        const mr_plan_store *store = &plan->stores[sub->stores[i]];
        mr_buf_printf(out, "  store %s family %u: %s\n", store->name, store->family,
                      store->definition);
    }
}

static void put_repartition(mr_buf *out, const mr_plan *plan, const mr_plan_repartition *topic) {
    mr_buf_printf(out, "repartition %s: %d partition%s, read by %s, from", topic->name,
                  topic->partitions, topic->partitions == 1 ? "" : "s",
                  plan->subtopologies[topic->reader].name);
    for (uint32_t i = 0; i < topic->senders_count; i++) {
        mr_buf_printf(out, "%s %s tasks %u", i == 0 ? "" : ",",
                      plan->subtopologies[topic->senders[i]].name, topic->sender_bases[i]);
    }
    mr_buf_printf(out, " of %u\n", topic->upstream_count);
}

static void put_settings(mr_buf *out, const mr_setting *settings, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        mr_buf_printf(out, " %s=%s", settings[i].name, settings[i].value);
    }
}

void mr_plan_describe(const mr_plan *plan, mr_buf *out) {
    mr_buf_printf(out, "job %s\n", plan->job);
    for (uint32_t i = 0; i < plan->streams_count; i++) {
        put_stream(out, &plan->streams[i]);
    }
    for (uint32_t i = 0; i < plan->subtopologies_count; i++) {
        put_subtopology(out, plan, &plan->subtopologies[i]);
    }
    for (uint32_t i = 0; i < plan->repartitions_count; i++) {
        put_repartition(out, plan, &plan->repartitions[i]);
    }
    for (uint32_t i = 0; i < plan->sources_count; i++) {
        const mr_plan_source *source = &plan->sources[i];
        mr_buf_printf(out, "source %s %s", source->name, source->plugin);
        put_settings(out, source->settings, source->settings_count);
        mr_buf_put_text(out, " value ");
        put_format(out, &source->value);
        put_policy(out, plan, "on_error", source->on_error);
        mr_buf_put_u8(out, '\n');
        for (uint32_t j = 0; j < source->nodes_count; j++) {
            put_node(out, plan, source->nodes[j]);
        }
    }
    for (uint32_t i = 0; i < plan->sinks_count; i++) {
        const mr_plan_sink *sink = &plan->sinks[i];
        mr_buf_printf(out, "sink %s from %s %s", sink->name, plan->streams[sink->stream].name,
                      sink->plugin);
        put_settings(out, sink->settings, sink->settings_count);
        mr_buf_put_text(out,
                        sink->format == MR_SINK_FORMAT_JSON ? " format json" : " format record");
        put_policy(out, plan, "on_error", sink->on_error);
        mr_buf_put_u8(out, '\n');
        for (uint32_t j = 0; j < sink->nodes_count; j++) {
            put_node(out, plan, sink->nodes[j]);
        }
    }
}
