/* The job as a whole: every pipeline ends somewhere, nothing runs in a circle, names are used,
 * merged inputs fit (LANGUAGE rules 2, 17). */
#include "runtime/base/assert.h"
#include "runtime/base/limits.h"
#include "topologies/topology_check.h"

void mr_chain_each_output(const mr_topology_chain *chain, mr_visit_stream visit, void *self) {
    for (uint32_t i = 0; i < chain->count; i++) {
        const mr_node *node = &chain->steps[i].node;
        if (node->on_error.kind == MR_POLICY_STREAM) {
            visit(self, node->on_error.stream);
        }
        if (node->kind == MR_NODE_AGGREGATE &&
            node->aggregate.window.late.kind == MR_POLICY_STREAM) {
            visit(self, node->aggregate.window.late.stream);
        }
    }
}

void mr_pipeline_each_output(const mr_topology_pipeline *pipeline, mr_visit_stream visit,
                             void *self) {
    if (pipeline->on_error.kind == MR_POLICY_STREAM) {
        visit(self, pipeline->on_error.stream);
    }
    if (pipeline->to != MR_INDEX_NONE) {
        visit(self, pipeline->to);
    }
    mr_chain_each_output(&pipeline->chain, visit, self);
}

static void check_ends(mr_check *check) {
    for (uint32_t i = 0; i < check->topology->pipelines_count; i++) {
        const mr_topology_pipeline *pipeline = &check->topology->pipelines[i];
        uint32_t length = (uint32_t)strlen(pipeline->name);
        if (pipeline->unclear || pipeline->read) {
            continue;
        }
        if (pipeline->end == MR_END_MISSING) {
            mr_diagnostics_add(check->diagnostics, MR_SEVERITY_ERROR, "E301", pipeline->place,
                               length, "to: a stream, or to: none to drop what comes out",
                               "pipeline '%s' has no end: no 'to', and no other pipeline reads it",
                               pipeline->name);
        } else if (pipeline->end == MR_END_NONE && pipeline->chain.count == 0) {
            mr_diagnostics_add(check->diagnostics, MR_SEVERITY_ERROR, "E301", pipeline->place,
                               length, NULL, "pipeline '%s' does nothing: no steps, and to: none",
                               pipeline->name);
        }
    }
}

/* ---- circles through topics ---- */

typedef enum visit_state { NOT_VISITED, VISITING, VISITED } visit_state;

/* Streams, pipelines and sinks are numbered through: that is the graph in which a circle is looked
 * for. */
typedef struct search {
    mr_check *check;
    visit_state *states;
    uint32_t *path;
    uint32_t path_count;
} search;

static uint32_t pipeline_vertex(const mr_topology *topology, uint32_t index) {
    return topology->streams_count + index;
}

static uint32_t sink_vertex(const mr_topology *topology, uint32_t index) {
    return topology->streams_count + topology->pipelines_count + index;
}

static const char *vertex_name(const mr_topology *topology, uint32_t vertex) {
    if (vertex < topology->streams_count) {
        return topology->streams[vertex].plan.name;
    }
    vertex -= topology->streams_count;
    return vertex < topology->pipelines_count
               ? topology->pipelines[vertex].name
               : topology->sinks[vertex - topology->pipelines_count].name;
}

/* Where the circle is closed: the pipeline or sink that writes what was read before. */
static void report_topics(search *s, uint32_t stream) {
    const mr_topology *topology = s->check->topology;
    mr_buf names = {0};
    uint32_t first = s->path_count;
    while (first > 0 && s->path[first - 1] != stream) {
        first--;
    }
    MR_ASSERT(first > 0);
    for (uint32_t i = first - 1; i < s->path_count; i++) {
        mr_buf_printf(&names, "%s -> ", vertex_name(topology, s->path[i]));
    }
    mr_buf_put_text(&names, vertex_name(topology, stream));
    uint32_t last = s->path[s->path_count - 1] - topology->streams_count;
    mr_place place;
    if (last < topology->pipelines_count) {
        const mr_topology_pipeline *pipeline = &topology->pipelines[last];
        place = pipeline->to == stream ? pipeline->to_place : pipeline->place;
    } else {
        place = topology->sinks[last - topology->pipelines_count].place;
    }
    mr_diagnostics_add(s->check->diagnostics, MR_SEVERITY_ERROR, "E303", place, 1,
                       "the streams of `on_error` and `late` are written too",
                       "a circle through topics: %s", mr_buf_cstr(&names));
    mr_buf_deinit(&names);
}

static void search_from(search *s, uint32_t vertex);

static void search_output(void *self, uint32_t stream) {
    search *s = self;
    if (s->states[stream] == VISITING) {
        report_topics(s, stream);
    } else if (s->states[stream] == NOT_VISITED) {
        search_from(s, stream);
    }
}

static void search_reader(search *s, uint32_t vertex) {
    if (s->states[vertex] == NOT_VISITED) {
        search_from(s, vertex);
    }
}

static void search_readers(search *s, mr_name_kind kind, uint32_t index) {
    const mr_topology *topology = s->check->topology;
    for (uint32_t i = 0; i < topology->pipelines_count; i++) {
        const mr_topology_pipeline *pipeline = &topology->pipelines[i];
        for (uint32_t j = 0; j < pipeline->from_count; j++) {
            if (pipeline->from[j].kind == kind && pipeline->from[j].index == index) {
                search_reader(s, pipeline_vertex(topology, i));
            }
        }
    }
    for (uint32_t i = 0; kind == MR_NAME_STREAM && i < topology->sinks_count; i++) {
        if (topology->sinks[i].stream == index) {
            search_reader(s, sink_vertex(topology, i));
        }
    }
}

static void search_from(search *s, uint32_t vertex) {
    const mr_topology *topology = s->check->topology;
    s->states[vertex] = VISITING;
    s->path[s->path_count++] = vertex;
    if (vertex < topology->streams_count) {
        search_readers(s, MR_NAME_STREAM, vertex);
    } else if (vertex < sink_vertex(topology, 0)) {
        uint32_t index = vertex - topology->streams_count;
        mr_pipeline_each_output(&topology->pipelines[index], search_output, s);
        search_readers(s, MR_NAME_PIPELINE, index);
    } else {
        uint32_t index = vertex - sink_vertex(topology, 0);
        if (topology->sinks[index].on_error.kind == MR_POLICY_STREAM) {
            search_output(s, topology->sinks[index].on_error.stream);
        }
        mr_chain_each_output(&topology->sink_chains[index], search_output, s);
    }
    s->path_count--;
    s->states[vertex] = VISITED;
}

static void check_topic_circles(mr_check *check) {
    const mr_topology *topology = check->topology;
    if (topology->streams_count > MR_TOPICS_MAX) {
        return; /* refused already; the search recurses over streams */
    }
    uint32_t vertices = sink_vertex(topology, topology->sinks_count);
    search s = {.check = check,
                .states = mr_arena_zalloc(check->arena, sizeof(visit_state) * vertices + 1),
                .path = mr_arena_zalloc(check->arena, sizeof(uint32_t) * vertices + 1)};
    for (uint32_t i = 0; i < topology->streams_count; i++) {
        search_reader(&s, i);
    }
}

/* ---- names that nothing uses ---- */

static void mark_used(void *self, uint32_t stream) {
    ((bool *)self)[stream] = true;
}

static void check_unused_streams(mr_check *check) {
    const mr_topology *topology = check->topology;
    bool *used = mr_arena_zalloc(check->arena, topology->streams_count + 1);
    for (uint32_t i = 0; i < topology->pipelines_count; i++) {
        const mr_topology_pipeline *pipeline = &topology->pipelines[i];
        mr_pipeline_each_output(pipeline, mark_used, used);
        for (uint32_t j = 0; j < pipeline->from_count; j++) {
            if (pipeline->from[j].kind == MR_NAME_STREAM) {
                used[pipeline->from[j].index] = true;
            }
        }
    }
    for (uint32_t i = 0; i < topology->sources_count; i++) {
        const mr_plan_source *source = &topology->sources[i];
        if (source->stream != MR_INDEX_NONE) {
            used[source->stream] = true;
        }
        if (source->on_error.kind == MR_POLICY_STREAM) {
            used[source->on_error.stream] = true;
        }
        mr_chain_each_output(&topology->source_chains[i], mark_used, used);
    }
    for (uint32_t i = 0; i < topology->sinks_count; i++) {
        const mr_plan_sink *sink = &topology->sinks[i];
        if (sink->stream != MR_INDEX_NONE) {
            used[sink->stream] = true;
        }
        if (sink->on_error.kind == MR_POLICY_STREAM) {
            used[sink->on_error.stream] = true;
        }
        mr_chain_each_output(&topology->sink_chains[i], mark_used, used);
    }
    for (uint32_t i = 0; i < topology->streams_count; i++) {
        const mr_plan_stream *stream = &topology->streams[i].plan;
        if (!used[i]) {
            mr_diagnostics_add(check->diagnostics, MR_SEVERITY_WARNING, "W101", stream->place,
                               (uint32_t)strlen(stream->name), NULL, "stream '%s' is not used",
                               stream->name);
        }
    }
}

/* ---- merged inputs ---- */

static bool is_rekeying(const mr_topology_step *step) {
    return step->node.kind == MR_NODE_REKEY || step->node.kind == MR_NODE_FLAT_MAP;
}

/* Whether what comes out of a pipeline still has the key of its input. */
static bool keeps_keys(const mr_topology_pipeline *pipeline) {
    for (uint32_t i = 0; i < pipeline->chain.count; i++) {
        if (is_rekeying(&pipeline->chain.steps[i])) {
            return false;
        }
    }
    return !pipeline->unclear;
}

/* The stream whose key format an input still has; MR_INDEX_NONE: the key is a Lua value by then, or
 * not known. of: by pipeline, those of the pipelines before. */
static uint32_t key_stream(const mr_topology_from *from, const uint32_t *of) {
    return from->kind == MR_NAME_STREAM ? from->index : of[from->index];
}

static void check_merges(mr_check *check) {
    static const char *const names[] = {"bytes", "string", "int", "float", "json"};
    const mr_topology *topology = check->topology;
    uint32_t *of = mr_arena_alloc(check->arena, sizeof *of * topology->pipelines_count + 1);
    for (uint32_t i = 0; i < topology->pipelines_count; i++) {
        of[i] = MR_INDEX_NONE;
    }
    for (uint32_t i = 0; i < topology->pipelines_count; i++) {
        const mr_topology_pipeline *pipeline = &topology->pipelines[topology->order[i]];
        uint32_t first = MR_INDEX_NONE;
        for (uint32_t j = 0; j < pipeline->from_count && !pipeline->unclear; j++) {
            uint32_t stream = key_stream(&pipeline->from[j], of);
            if (stream == MR_INDEX_NONE) {
                continue;
            }
            if (first == MR_INDEX_NONE) {
                first = stream;
            }
            mr_format_kind wanted = topology->streams[first].plan.key.kind;
            mr_format_kind kind = topology->streams[stream].plan.key.kind;
            if (kind != wanted) {
                mr_diagnostics_add(check->diagnostics, MR_SEVERITY_ERROR, "E305",
                                   pipeline->from[j].place, 1, NULL,
                                   "merged inputs must agree in key format: '%s' has %s, '%s' %s",
                                   topology->streams[stream].plan.name, names[kind],
                                   topology->streams[first].plan.name, names[wanted]);
            }
        }
        of[topology->order[i]] = keeps_keys(pipeline) ? first : MR_INDEX_NONE;
    }
}

void mr_check_flow(mr_check *check) {
    check_ends(check);
    check_merges(check);
    check_topic_circles(check);
    if (mr_diagnostics_errors(check->diagnostics) == 0) {
        /* With errors a misspelt name leaves the right one unused. */
        check_unused_streams(check);
        mr_check_unused_types(check);
    }
}
