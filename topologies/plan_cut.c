/* Groups become sub-topologies; what has a name is sorted by it and numbered. */
#include <stdlib.h>

#include "runtime/base/assert.h"
#include "topologies/plan_build.h"

/* A sub-topology under construction. */
typedef struct cut_group {
    uint32_t root;        /* group */
    mr_index_list inputs; /* of the build */
    const char *name;
    int32_t tasks;
    uint32_t depth;
} cut_group;

typedef struct cutting {
    mr_build *build;
    cut_group *cuts;
    uint32_t count;
    uint32_t *by_group; /* root group -> index of its cut; MR_INDEX_NONE: none */
} cutting;

static const char *input_name(const mr_build *b, uint32_t input) {
    const mr_build_input *in = &b->inputs[input];
    return in->kind == MR_INPUT_STREAM ? b->topology->streams[in->index].plan.name
                                       : b->repartitions[in->index].name;
}

static int32_t input_partitions(const mr_build *b, uint32_t input) {
    const mr_build_input *in = &b->inputs[input];
    return in->kind == MR_INPUT_STREAM ? b->topology->streams[in->index].plan.partitions
                                       : b->repartitions[in->index].partitions;
}

static uint32_t cut_of_group(const cutting *c, uint32_t group) {
    return c->by_group[mr_groups_find(&c->build->groups, group)];
}

/* ---- inputs, in the order of `from`, then by name ---- */

static void take_input(cutting *c, uint32_t input) {
    cut_group *to = &c->cuts[cut_of_group(c, c->build->inputs[input].group)];
    if (!mr_index_list_has(&to->inputs, input)) {
        mr_index_list_add(c->build->arena, &to->inputs, input);
    }
}

/* The inputs that a pipeline takes from, in its order: a pipeline in `from` stands for its own. */
static void take_from(cutting *c, uint32_t pipeline_index, bool *visited) {
    if (visited[pipeline_index]) {
        return;
    }
    visited[pipeline_index] = true;
    mr_build *b = c->build;
    const mr_topology_pipeline *pipeline = &b->topology->pipelines[pipeline_index];
    for (uint32_t i = 0; i < pipeline->from_count; i++) {
        const mr_topology_from *from = &pipeline->from[i];
        if (from->kind == MR_NAME_STREAM) {
            take_input(c, b->stream_inputs[from->index]);
        } else {
            take_from(c, from->index, visited);
        }
    }
    /* Behind a repartition inside this pipeline its readers see that one. */
    for (uint32_t i = 0; i < pipeline->chain.count; i++) {
        for (uint32_t r = 0; r < b->repartitions_count; r++) {
            if (pipeline->chain.steps[i].store == b->repartitions[r].name) {
                take_input(c, b->repartitions[r].input);
            }
        }
    }
}

typedef struct named {
    const char *name;
    uint32_t index;
} named;

static int compare_named(const void *left, const void *right) {
    return strcmp(((const named *)left)->name, ((const named *)right)->name);
}

static void order_inputs(cutting *c) {
    mr_build *b = c->build;
    const mr_topology *topology = b->topology;
    bool *visited = mr_arena_zalloc(b->arena, topology->pipelines_count + 1);
    for (uint32_t i = 0; i < topology->pipelines_count; i++) {
        if (topology->pipelines[i].from_count > 1) {
            take_from(c, i, visited);
        }
    }
    named *rest = mr_arena_alloc(b->arena, sizeof *rest * b->inputs_count + 1);
    for (uint32_t i = 0; i < b->inputs_count; i++) {
        rest[i] = (named){input_name(b, i), i};
    }
    if (b->inputs_count > 0) {
        qsort(rest, b->inputs_count, sizeof *rest, compare_named);
    }
    for (uint32_t i = 0; i < b->inputs_count; i++) {
        take_input(c, rest[i].index);
    }
}

/* ---- sub-topologies ---- */

static void find_cuts(cutting *c) {
    mr_build *b = c->build;
    uint32_t groups = b->groups.parents.count;
    c->cuts = mr_arena_zalloc(b->arena, sizeof *c->cuts * groups + 1);
    c->by_group = mr_arena_alloc(b->arena, sizeof *c->by_group * groups + 1);
    for (uint32_t i = 0; i < groups; i++) {
        c->by_group[i] = MR_INDEX_NONE;
    }
    for (uint32_t i = 0; i < b->inputs_count; i++) {
        uint32_t root = mr_groups_find(&b->groups, b->inputs[i].group);
        if (c->by_group[root] == MR_INDEX_NONE) {
            c->by_group[root] = c->count;
            c->cuts[c->count++].root = root;
        }
    }
    order_inputs(c);
    for (uint32_t i = 0; i < c->count; i++) {
        cut_group *cut = &c->cuts[i];
        for (uint32_t j = 0; j < cut->inputs.count; j++) {
            const char *name = input_name(b, cut->inputs.items[j]);
            int32_t partitions = input_partitions(b, cut->inputs.items[j]);
            if (cut->name == NULL || strcmp(name, cut->name) < 0) {
                cut->name = name;
            }
            if (partitions > cut->tasks) {
                cut->tasks = partitions;
            }
        }
    }
}

/* Edges only lead from senders to readers and make no circle, so this ends. */
static void find_depths(cutting *c) {
    const mr_groups *groups = &c->build->groups;
    bool grown = true;
    for (uint32_t round = 0; grown; round++) {
        MR_ASSERT(round <= c->count);
        grown = false;
        for (uint32_t i = 0; i < groups->edge_from.count; i++) {
            const cut_group *from = &c->cuts[cut_of_group(c, groups->edge_from.items[i])];
            cut_group *to = &c->cuts[cut_of_group(c, groups->edge_to.items[i])];
            if (to->depth <= from->depth) {
                to->depth = from->depth + 1;
                grown = true;
            }
        }
    }
}

static int compare_cuts(const void *left, const void *right) {
    const cut_group *a = left;
    const cut_group *b = right;
    if (a->depth != b->depth) {
        return a->depth < b->depth ? -1 : 1;
    }
    return strcmp(a->name, b->name);
}

static void sort_cuts(cutting *c) {
    if (c->count > 0) {
        qsort(c->cuts, c->count, sizeof *c->cuts, compare_cuts);
    }
    for (uint32_t i = 0; i < c->count; i++) {
        c->by_group[c->cuts[i].root] = i;
    }
}

/* ---- repartitions ---- */

static int compare_repartitions(const void *left, const void *right) {
    return strcmp((*(mr_build_repartition *const *)left)->name,
                  (*(mr_build_repartition *const *)right)->name);
}

/* Senders sorted by name, their tasks numbered through. */
static void number_senders(cutting *c, const mr_build_repartition *from, mr_plan_repartition *to) {
    mr_arena *arena = c->build->arena;
    named *senders = mr_arena_alloc(arena, sizeof *senders * from->senders.count + 1);
    uint32_t count = 0;
    for (uint32_t i = 0; i < from->senders.count; i++) {
        uint32_t index = cut_of_group(c, from->senders.items[i]);
        uint32_t seen = 0;
        while (seen < count && senders[seen].index != index) {
            seen++;
        }
        if (seen == count) {
            senders[count++] = (named){c->cuts[index].name, index};
        }
    }
    qsort(senders, count, sizeof *senders, compare_named);
    uint32_t *indexes = mr_arena_alloc(arena, sizeof *indexes * count);
    uint32_t *bases = mr_arena_alloc(arena, sizeof *bases * count);
    for (uint32_t i = 0; i < count; i++) {
        indexes[i] = senders[i].index;
        bases[i] = to->upstream_count;
        to->upstream_count += (uint32_t)c->cuts[senders[i].index].tasks;
    }
    to->senders = indexes;
    to->sender_bases = bases;
    to->senders_count = count;
}

static void cut_repartitions(cutting *c) {
    mr_build *b = c->build;
    uint32_t count = b->repartitions_count;
    mr_build_repartition **sorted = mr_arena_alloc(b->arena, sizeof *sorted * count + 1);
    for (uint32_t i = 0; i < count; i++) {
        sorted[i] = &b->repartitions[i];
    }
    if (count > 0) {
        qsort(sorted, count, sizeof *sorted, compare_repartitions);
    }
    mr_plan_repartition *out = mr_arena_zalloc(b->arena, sizeof *out * count + 1);
    for (uint32_t i = 0; i < count; i++) {
        sorted[i]->final_index = i;
        out[i].name = sorted[i]->name;
        out[i].partitions = sorted[i]->partitions;
        out[i].reader = cut_of_group(c, b->inputs[sorted[i]->input].group);
        number_senders(c, sorted[i], &out[i]);
    }
    b->plan->repartitions = out;
    b->plan->repartitions_count = count;
}

/* ---- stores ---- */

static const char *definition_of(mr_build *b, const mr_build_node *node) {
    static const char *const formats[] = {"bytes", "string", "int", "float", "json"};
    const mr_plan_window *window = &node->node.aggregate.window;
    const char *key = node->key_is_stream_key ? formats[node->key_format] : "json";
    mr_buf text = {0};
    mr_buf_printf(&text, "%s key=%s", node->node.aggregate.value_is_count ? "count" : "aggregate",
                  key);
    if (window->kind == MR_WINDOW_TUMBLING) {
        mr_buf_printf(&text, " window=tumbling:%lld", (long long)window->size_ms);
    } else if (window->kind == MR_WINDOW_HOPPING) {
        mr_buf_printf(&text, " window=hopping:%lld:%lld", (long long)window->size_ms,
                      (long long)window->advance_ms);
    }
    if (node->step->fields_text != NULL) {
        mr_buf_printf(&text, " fields={%s}", node->step->fields_text);
    }
    const char *out = mr_arena_strndup(b->arena, mr_buf_cstr(&text), text.len);
    mr_buf_deinit(&text);
    return out;
}

static int compare_stores(const void *left, const void *right) {
    return strcmp(((const mr_plan_store *)left)->name, ((const mr_plan_store *)right)->name);
}

static void cut_stores(cutting *c) {
    mr_build *b = c->build;
    mr_plan_store *stores = mr_arena_zalloc(b->arena, sizeof *stores * b->nodes_count + 1);
    uint32_t *families = mr_arena_zalloc(b->arena, sizeof *families * c->count + 1);
    uint32_t count = 0;
    for (uint32_t i = 0; i < b->nodes_count; i++) {
        const mr_build_node *node = &b->nodes[i];
        if (node->node.kind == MR_NODE_AGGREGATE) {
            stores[count++] =
                (mr_plan_store){.name = node->step->store,
                                .subtopology = cut_of_group(c, node->group),
                                .node = i,
                                .windowed = node->node.aggregate.window.kind != MR_WINDOW_NONE,
                                .definition = definition_of(b, node)};
        }
    }
    if (count > 0) {
        qsort(stores, count, sizeof *stores, compare_stores);
    }
    for (uint32_t i = 0; i < count; i++) {
        stores[i].family = ++families[stores[i].subtopology];
        b->nodes[stores[i].node].node.aggregate.store = i;
    }
    b->plan->stores = stores;
    b->plan->stores_count = count;
}

/* ---- nodes and what refers to them ---- */

static void cut_nodes(mr_build *b) {
    mr_node *nodes = mr_arena_zalloc(b->arena, sizeof *nodes * b->nodes_count + 1);
    for (uint32_t i = 0; i < b->nodes_count; i++) {
        nodes[i] = b->nodes[i].node;
        nodes[i].children = b->nodes[i].children.items;
        nodes[i].children_count = b->nodes[i].children.count;
        if (nodes[i].kind == MR_NODE_TO_REPARTITION) {
            nodes[i].to_repartition.repartition =
                b->repartitions[nodes[i].to_repartition.repartition].final_index;
        }
        for (uint32_t j = 0; j < nodes[i].children_count; j++) {
            MR_ASSERT(nodes[i].children[j] > i); /* parents stand before children */
        }
    }
    b->plan->nodes = nodes;
    b->plan->nodes_count = b->nodes_count;
}

static bool same_policy(mr_policy a, mr_policy b) {
    return a.kind == b.kind && (a.kind != MR_POLICY_STREAM || a.stream == b.stream);
}

/* A record that cannot be decoded is one error record, however many pipelines read its stream: what
 * they all say, else what the job says. */
static mr_policy stream_policy(mr_build *b, uint32_t stream) {
    const mr_topology *topology = b->topology;
    const mr_topology_pipeline *first = NULL;
    for (uint32_t i = 0; i < topology->pipelines_count; i++) {
        const mr_topology_pipeline *pipeline = &topology->pipelines[i];
        for (uint32_t j = 0; j < pipeline->from_count; j++) {
            if (pipeline->from[j].kind != MR_NAME_STREAM || pipeline->from[j].index != stream) {
                continue;
            }
            if (first == NULL) {
                first = pipeline;
            } else if (!same_policy(first->on_error, pipeline->on_error)) {
                mr_diagnostics_add(
                    b->diagnostics, MR_SEVERITY_WARNING, "W104", pipeline->from[j].place, 1,
                    "it goes where `defaults: on_error` says",
                    "'%s' and '%s' read '%s' with different on_error: a record "
                    "that cannot be decoded belongs to neither",
                    first->name, pipeline->name, topology->streams[stream].plan.name);
                return topology->on_error;
            }
        }
    }
    MR_ASSERT(first != NULL);
    return first->on_error;
}

static mr_plan_input make_input(mr_build *b, const mr_build_input *from) {
    mr_plan_input input = {.kind = from->kind,
                           .index = from->index,
                           .entries = from->entries.items,
                           .entries_count = from->entries.count};
    if (from->kind == MR_INPUT_STREAM) {
        input.on_error = stream_policy(b, from->index);
    } else {
        input.index = b->repartitions[from->index].final_index;
        input.on_error = b->nodes[from->entries.items[0]].node.on_error;
    }
    return input;
}

static void cut_subtopology(cutting *c, uint32_t index, mr_plan_subtopology *out) {
    mr_build *b = c->build;
    const cut_group *cut = &c->cuts[index];
    mr_index_list nodes = {0}, stores = {0};
    mr_plan_input *inputs = mr_arena_alloc(b->arena, sizeof *inputs * cut->inputs.count);
    for (uint32_t i = 0; i < cut->inputs.count; i++) {
        inputs[i] = make_input(b, &b->inputs[cut->inputs.items[i]]);
    }
    for (uint32_t i = 0; i < b->nodes_count; i++) {
        if (b->nodes[i].group != MR_INDEX_NONE && cut_of_group(c, b->nodes[i].group) == index) {
            mr_index_list_add(b->arena, &nodes, i);
        }
    }
    for (uint32_t i = 0; i < b->plan->stores_count; i++) {
        if (b->plan->stores[i].subtopology == index) {
            mr_index_list_add(b->arena, &stores, i);
        }
    }
    *out = (mr_plan_subtopology){.name = cut->name,
                                 .inputs = inputs,
                                 .inputs_count = cut->inputs.count,
                                 .stores = stores.items,
                                 .stores_count = stores.count,
                                 .nodes = nodes.items,
                                 .nodes_count = nodes.count,
                                 .tasks = cut->tasks,
                                 .depth = cut->depth};
}

/* ---- streams ---- */

static void mark_written(mr_plan_stream *streams, mr_policy policy) {
    if (policy.kind == MR_POLICY_STREAM) {
        streams[policy.stream].written_by_job = true;
    }
}

static void cut_streams(mr_build *b) {
    const mr_topology *topology = b->topology;
    uint32_t count = topology->streams_count;
    mr_plan_stream *streams = mr_arena_alloc(b->arena, sizeof *streams * count + 1);
    for (uint32_t i = 0; i < count; i++) {
        streams[i] = topology->streams[i].plan;
        streams[i].read_by_job = b->stream_inputs[i] != MR_INDEX_NONE;
    }
    for (uint32_t i = 0; i < b->nodes_count; i++) {
        const mr_node *node = &b->nodes[i].node;
        mark_written(streams, node->on_error);
        if (node->kind == MR_NODE_TO_STREAM) {
            streams[node->to_stream.stream].written_by_job = true;
        } else if (node->kind == MR_NODE_AGGREGATE) {
            mark_written(streams, node->aggregate.window.late);
        }
    }
    for (uint32_t i = 0; i < topology->pipelines_count; i++) {
        mark_written(streams, topology->pipelines[i].on_error);
    }
    for (uint32_t i = 0; i < topology->sources_count; i++) {
        streams[topology->sources[i].stream].has_source = true;
        mark_written(streams, topology->sources[i].on_error);
    }
    for (uint32_t i = 0; i < topology->sinks_count; i++) {
        streams[topology->sinks[i].stream].read_by_job = true;
        mark_written(streams, topology->sinks[i].on_error);
    }
    b->plan->streams = streams;
    b->plan->streams_count = count;
}

void mr_build_cut(mr_build *build) {
    cutting c = {.build = build};
    find_cuts(&c);
    find_depths(&c);
    sort_cuts(&c);
    cut_repartitions(&c);
    cut_stores(&c);
    cut_nodes(build);
    cut_streams(build);
    mr_plan_subtopology *out = mr_arena_zalloc(build->arena, sizeof *out * c.count + 1);
    for (uint32_t i = 0; i < c.count; i++) {
        cut_subtopology(&c, i, &out[i]);
    }
    build->subtopologies = out;
    build->plan->subtopologies = out;
    build->plan->subtopologies_count = c.count;
}
