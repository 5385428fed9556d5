#include "topologies/plan_build.h"

#include "runtime/base/alloc.h"
#include "runtime/base/assert.h"

/* The plan with the memory it lives in. */
typedef struct owned_plan {
    mr_plan plan;
    mr_arena *arena;
} owned_plan;

static void *grow(void *items, uint32_t count, uint32_t *cap, size_t item_bytes) {
    if (count < *cap) {
        return items;
    }
    *cap = *cap == 0 ? 16 : *cap * 2;
    return mr_realloc(items, *cap * item_bytes);
}

static mr_build_node *add_node(mr_build *b, const mr_node *proto, uint32_t group) {
    b->nodes = grow(b->nodes, b->nodes_count, &b->nodes_cap, sizeof *b->nodes);
    mr_build_node *node = &b->nodes[b->nodes_count];
    *node = (mr_build_node){.node = *proto, .group = group};
    node->node.index = b->nodes_count++;
    return node;
}

static uint32_t add_input(mr_build *b, mr_input_kind kind, uint32_t index) {
    b->inputs = grow(b->inputs, b->inputs_count, &b->inputs_cap, sizeof *b->inputs);
    b->inputs[b->inputs_count] = (mr_build_input){
        .kind = kind, .index = index, .group = mr_groups_add(b->arena, &b->groups)};
    return b->inputs_count++;
}

static uint32_t outlet_group(const mr_build *b, mr_outlet outlet) {
    uint32_t group = outlet.is_input ? b->inputs[outlet.index].group : b->nodes[outlet.index].group;
    return mr_groups_find(&b->groups, group);
}

/* The distinct groups of a flow's outlets. */
static mr_index_list flow_groups(mr_build *b, const mr_flow *flow) {
    mr_index_list groups = {0};
    for (uint32_t i = 0; i < flow->outlets_count; i++) {
        uint32_t group = outlet_group(b, flow->outlets[i]);
        if (!mr_index_list_has(&groups, group)) {
            mr_index_list_add(b->arena, &groups, group);
        }
    }
    return groups;
}

/* What a node holds back from the time that its children see: rule "held back" of LANGUAGE 10. */
static int64_t held_back_behind(const mr_node *node) {
    bool windowed =
        node->kind == MR_NODE_AGGREGATE && node->aggregate.window.kind != MR_WINDOW_NONE;
    return node->hold_back_ms + (windowed ? node->aggregate.window.grace_ms : 0);
}

static void stand_behind(mr_build *b, mr_build_node *node, uint32_t repartition) {
    if (!mr_index_list_has(&node->behind, repartition)) {
        mr_index_list_add(b->arena, &node->behind, repartition);
    }
}

/* Hangs a node on all outlets of its group. */
static void attach(mr_build *b, const mr_flow *flow, uint32_t node_index) {
    mr_build_node *node = &b->nodes[node_index];
    for (uint32_t i = 0; i < flow->outlets_count; i++) {
        mr_outlet outlet = flow->outlets[i];
        if (outlet_group(b, outlet) != mr_groups_find(&b->groups, node->group)) {
            continue;
        }
        if (outlet.is_input) {
            mr_build_input *input = &b->inputs[outlet.index];
            mr_index_list_add(b->arena, &input->entries, node_index);
            if (input->kind == MR_INPUT_REPARTITION) {
                stand_behind(b, node, input->index);
            }
            continue;
        }
        mr_build_node *parent = &b->nodes[outlet.index];
        mr_index_list_add(b->arena, &parent->children, node_index);
        for (uint32_t j = 0; j < parent->behind.count; j++) {
            stand_behind(b, node, parent->behind.items[j]);
        }
        int64_t held = held_back_behind(&parent->node);
        if (held > node->node.hold_back_ms) {
            node->node.hold_back_ms = held;
        }
    }
}

/* One node for each group that the flow comes from; they become the flow's outlets. A chain that
 * runs in several sub-topologies is laid out in each of them. */
static void extend(mr_build *b, mr_flow *flow, const mr_node *proto, const mr_topology_step *step) {
    mr_index_list groups = flow_groups(b, flow);
    mr_outlet *outlets = mr_arena_alloc(b->arena, sizeof *outlets * groups.count + 1);
    for (uint32_t i = 0; i < groups.count; i++) {
        mr_build_node *node = add_node(b, proto, groups.items[i]);
        node->step = step;
        attach(b, flow, node->node.index);
        outlets[i] = (mr_outlet){.is_input = false, .index = node->node.index};
    }
    flow->outlets = outlets;
    flow->outlets_count = groups.count;
}

/* Sends the flow to a topic of its own, from where a new sub-topology goes on. */
static void insert_repartition(mr_build *b, mr_flow *flow, const mr_topology_step *step) {
    b->repartitions =
        grow(b->repartitions, b->repartitions_count, &b->repartitions_cap, sizeof *b->repartitions);
    uint32_t index = b->repartitions_count++;
    b->repartitions[index] =
        (mr_build_repartition){.name = step->store, .partitions = flow->partitions};
    mr_node proto = {.kind = MR_NODE_TO_REPARTITION,
                     .place = step->node.place,
                     .label = mr_arena_printf(b->arena, "%s repartition", step->label),
                     .on_error = step->node.on_error,
                     .windowed = step->node.windowed,
                     .to_repartition = {.repartition = index}};
    extend(b, flow, &proto, NULL);
    uint32_t input = add_input(b, MR_INPUT_REPARTITION, index);
    mr_build_repartition *repartition = &b->repartitions[index];
    repartition->input = input;
    for (uint32_t i = 0; i < flow->outlets_count; i++) {
        const mr_build_node *sender = &b->nodes[flow->outlets[i].index];
        mr_groups_edge(b->arena, &b->groups, sender->group, b->inputs[input].group);
        mr_index_list_add(b->arena, &repartition->senders, sender->group);
    }
    flow->outlets[0] = (mr_outlet){.is_input = true, .index = input};
    flow->outlets_count = 1;
    flow->moved = false;
    flow->key_is_stream_key = false;
}

static void warn_about_time(mr_build *b, const mr_flow *flow, const mr_topology_step *step) {
    if (step->node.aggregate.window.kind != MR_WINDOW_NONE && flow->ts_set.line != 0 &&
        flow->without_time) {
        mr_diagnostics_add(b->diagnostics, MR_SEVERITY_WARNING, "W103", flow->ts_set, 1,
                           "give the stream a `time: {from: ...}`",
                           "this step sets ts before a window, but the time that windows wait for "
                           "is the stream's, which has no time.from");
    }
}

static void add_step(mr_build *b, mr_flow *flow, const mr_topology_step *step) {
    mr_node proto = step->node;
    proto.label = step->label;
    if (proto.kind == MR_NODE_AGGREGATE) {
        warn_about_time(b, flow, step);
        if (flow->moved || flow_groups(b, flow).count > 1) {
            insert_repartition(b, flow, step);
        }
    }
    extend(b, flow, &proto, step);
    if (proto.kind == MR_NODE_AGGREGATE) {
        mr_build_node *node = &b->nodes[flow->outlets[0].index];
        node->key_is_stream_key = flow->key_is_stream_key;
        node->key_format = flow->key_format;
    } else if (proto.kind == MR_NODE_REKEY || proto.kind == MR_NODE_FLAT_MAP) {
        flow->moved = true;
        flow->key_is_stream_key = false;
    }
    if (step->sets_ts && flow->ts_set.line == 0) {
        flow->ts_set = proto.place;
    }
}

static mr_flow stream_flow(mr_build *b, uint32_t stream) {
    const mr_plan_stream *plan = &b->topology->streams[stream].plan;
    if (b->stream_inputs[stream] == MR_INDEX_NONE) {
        b->stream_inputs[stream] = add_input(b, MR_INPUT_STREAM, stream);
    }
    mr_outlet *outlet = mr_arena_alloc(b->arena, sizeof *outlet);
    *outlet = (mr_outlet){.is_input = true, .index = b->stream_inputs[stream]};
    return (mr_flow){.outlets = outlet,
                     .outlets_count = 1,
                     .partitions = plan->partitions,
                     .key_is_stream_key = true,
                     .key_format = plan->key.kind,
                     .without_time = plan->time_from == NULL};
}

/* Records of one key meet in one partition only if all inputs spread them alike. */
static void merge_flow(mr_build *b, mr_flow *into, const mr_flow *from) {
    if (into->outlets_count == 0) {
        *into = *from;
        return;
    }
    mr_outlet *outlets =
        mr_arena_alloc(b->arena, sizeof *outlets * (into->outlets_count + from->outlets_count));
    memcpy(outlets, into->outlets, sizeof *outlets * into->outlets_count);
    memcpy(outlets + into->outlets_count, from->outlets, sizeof *outlets * from->outlets_count);
    into->outlets = outlets;
    into->outlets_count += from->outlets_count;
    into->moved = into->moved || from->moved || into->partitions != from->partitions ||
                  into->key_is_stream_key != from->key_is_stream_key ||
                  (into->key_is_stream_key && into->key_format != from->key_format);
    if (from->partitions > into->partitions) {
        into->partitions = from->partitions;
    }
    into->key_is_stream_key = into->key_is_stream_key && from->key_is_stream_key;
    into->without_time = into->without_time || from->without_time;
    if (into->ts_set.line == 0) {
        into->ts_set = from->ts_set;
    }
}

/* An empty pipeline read twice brings one outlet twice: a record must still come once. */
static void drop_doubled_outlets(mr_flow *flow) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < flow->outlets_count; i++) {
        uint32_t seen = 0;
        while (seen < count && (flow->outlets[seen].is_input != flow->outlets[i].is_input ||
                                flow->outlets[seen].index != flow->outlets[i].index)) {
            seen++;
        }
        if (seen == count) {
            flow->outlets[count++] = flow->outlets[i];
        }
    }
    flow->outlets_count = count;
}

static void add_pipeline(mr_build *b, uint32_t index) {
    const mr_topology_pipeline *pipeline = &b->topology->pipelines[index];
    mr_flow flow = {0};
    for (uint32_t i = 0; i < pipeline->from_count; i++) {
        const mr_topology_from *from = &pipeline->from[i];
        if (from->kind == MR_NAME_STREAM) {
            mr_flow input = stream_flow(b, from->index);
            merge_flow(b, &flow, &input);
        } else {
            merge_flow(b, &flow, &b->flows[from->index]);
        }
    }
    drop_doubled_outlets(&flow);
    mr_index_list groups = flow_groups(b, &flow);
    if (groups.count > 1) {
        /* Where joining would make a circle the chain runs in each group, see extend(). */
        (void)mr_groups_join(b->arena, &b->groups, &groups);
    }
    for (uint32_t i = 0; i < pipeline->chain.count; i++) {
        add_step(b, &flow, &pipeline->chain.steps[i]);
    }
    if (pipeline->end == MR_END_STREAM) {
        const char *stream = b->topology->streams[pipeline->to].plan.name;
        mr_node to = {.kind = MR_NODE_TO_STREAM,
                      .place = pipeline->to_place,
                      .label = mr_arena_printf(b->arena, "%s/to %s", pipeline->name, stream),
                      .on_error = pipeline->on_error,
                      .windowed = pipeline->windowed,
                      .to_stream = {.stream = pipeline->to}};
        mr_flow ends = flow;
        extend(b, &ends, &to, NULL);
    }
    b->flows[index] = flow;
}

/* The chain of a source or sink: its nodes stand one behind the other. */
static uint32_t add_chain(mr_build *b, const mr_topology_chain *chain, const mr_node *last,
                          const uint32_t **nodes_out, uint32_t *count_out) {
    mr_index_list nodes = {0};
    for (uint32_t i = 0; i <= chain->count; i++) {
        mr_node proto = i < chain->count ? chain->steps[i].node : *last;
        if (i < chain->count) {
            proto.label = chain->steps[i].label;
        }
        mr_build_node *node = add_node(b, &proto, MR_INDEX_NONE);
        if (i > 0) {
            mr_index_list_add(b->arena, &b->nodes[node->node.index - 1].children, node->node.index);
        }
        mr_index_list_add(b->arena, &nodes, node->node.index);
    }
    *nodes_out = nodes.items;
    *count_out = nodes.count;
    return nodes.items[0];
}

static void add_connectors(mr_build *b) {
    mr_topology *topology = b->topology;
    for (uint32_t i = 0; i < topology->sources_count; i++) {
        mr_plan_source *source = &topology->sources[i];
        const char *stream = topology->streams[source->stream].plan.name;
        mr_node to = {.kind = MR_NODE_TO_STREAM,
                      .place = source->place,
                      .label = mr_arena_printf(b->arena, "%s/to %s", source->name, stream),
                      .on_error = source->on_error,
                      .to_stream = {.stream = source->stream}};
        source->entry =
            add_chain(b, &topology->source_chains[i], &to, &source->nodes, &source->nodes_count);
    }
    for (uint32_t i = 0; i < topology->sinks_count; i++) {
        mr_plan_sink *sink = &topology->sinks[i];
        mr_node to = {.kind = MR_NODE_TO_SINK,
                      .place = sink->place,
                      .label = mr_arena_printf(b->arena, "%s/%s", sink->name, sink->plugin),
                      .on_error = sink->on_error,
                      .to_sink = {.sink = i}};
        sink->entry =
            add_chain(b, &topology->sink_chains[i], &to, &sink->nodes, &sink->nodes_count);
    }
}

static void lay_out(mr_build *b) {
    mr_topology *topology = b->topology;
    b->stream_inputs =
        mr_arena_alloc(b->arena, sizeof *b->stream_inputs * topology->streams_count + 1);
    for (uint32_t i = 0; i < topology->streams_count; i++) {
        b->stream_inputs[i] = MR_INDEX_NONE;
    }
    b->flows = mr_arena_zalloc(b->arena, sizeof *b->flows * topology->pipelines_count + 1);
    for (uint32_t i = 0; i < topology->pipelines_count; i++) {
        add_pipeline(b, topology->order[i]);
    }
    add_connectors(b);
}

mr_plan *mr_plan_build(mr_topology *topology, mr_diagnostics *diagnostics) {
    owned_plan *owned = mr_arena_zalloc(topology->arena, sizeof *owned);
    owned->arena = topology->arena;
    mr_plan *plan = &owned->plan;
    plan->job = topology->job;
    plan->file = topology->file;
    plan->functions = topology->functions;
    plan->functions_place = topology->functions_place;
    plan->functions_folded = topology->functions_folded;
    plan->codes = topology->codes;
    plan->codes_count = topology->codes_count;
    mr_build b = {
        .topology = topology, .arena = topology->arena, .diagnostics = diagnostics, .plan = plan};
    lay_out(&b);
    plan->sources = topology->sources;
    plan->sources_count = topology->sources_count;
    plan->sinks = topology->sinks;
    plan->sinks_count = topology->sinks_count;
    mr_build_cut(&b);
    mr_build_times(&b);
    mr_free(b.nodes);
    mr_free(b.inputs);
    mr_free(b.repartitions);
    return plan;
}

void mr_plan_destroy(mr_plan *plan) {
    if (plan != NULL) {
        mr_arena_destroy(((owned_plan *)plan)->arena);
    }
}
