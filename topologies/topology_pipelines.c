/* `pipelines`: what they read, in which order they are worked through, their steps, their end. */
#include "runtime/base/assert.h"
#include "topologies/topology_check.h"

static const char *const pipeline_keys[] = {"from", "steps", "to", "on_error", NULL};
static const mr_key_set pipeline_set = {"in a pipeline", pipeline_keys, NULL};

static void add_from(mr_check *check, const mr_yaml_node *node, mr_topology_pipeline *pipeline) {
    static const mr_name_kind kinds[] = {MR_NAME_STREAM, MR_NAME_PIPELINE};
    const mr_name *name = mr_check_resolve(check, node, "from", kinds, 2, NULL);
    if (name == NULL) {
        pipeline->unclear = true;
        return;
    }
    for (uint32_t i = 0; i < pipeline->from_count; i++) {
        if (pipeline->from[i].kind == name->kind && pipeline->from[i].index == name->index) {
            mr_check_error(check, node, "E206", NULL, "'%s' stands twice in 'from'", name->text);
            return;
        }
    }
    pipeline->from[pipeline->from_count++] =
        (mr_topology_from){.kind = name->kind, .index = name->index, .place = node->place};
    if (name->kind == MR_NAME_PIPELINE) {
        check->topology->pipelines[name->index].read = true;
    }
}

static void check_from(mr_check *check, mr_topology_pipeline *pipeline) {
    const mr_yaml_node *from =
        mr_check_get(check, pipeline->body, "from", MR_REQUIRED, pipeline->place);
    if (from == NULL) {
        pipeline->unclear = true;
        return;
    }
    uint32_t room = from->kind == MR_YAML_SEQUENCE ? from->count : 1;
    pipeline->from = mr_arena_zalloc(check->arena, sizeof *pipeline->from * room + 1);
    if (from->kind != MR_YAML_SEQUENCE) {
        add_from(check, from, pipeline);
        return;
    }
    if (from->count == 0) {
        mr_check_error(check, from, "E201", NULL, "'from' names nothing");
        pipeline->unclear = true;
    }
    for (uint32_t i = 0; i < from->count; i++) {
        add_from(check, from->items[i], pipeline);
    }
}

static void check_to(mr_check *check, mr_topology_pipeline *pipeline) {
    static const char *const words[] = {"none", NULL};
    const mr_yaml_node *to =
        mr_check_get(check, pipeline->body, "to", MR_OPTIONAL, pipeline->place);
    pipeline->to = MR_INDEX_NONE;
    if (mr_check_lacks(check, pipeline->body, "to")) {
        return;
    }
    pipeline->end = MR_END_STREAM;
    if (to == NULL) {
        return;
    }
    pipeline->to_place = to->place;
    if (to->kind == MR_YAML_SCALAR && strcmp(to->text, "none") == 0) {
        pipeline->end = MR_END_NONE;
    } else if (to->kind == MR_YAML_MAPPING &&
               (mr_yaml_get(to, "by") != NULL || mr_yaml_get(to, "of") != NULL)) {
        mr_check_refuse(check, to, "to: {by, of}");
    } else {
        pipeline->to = mr_check_stream_name(check, to, "to", words);
    }
}

typedef enum visit_state { NOT_VISITED, VISITING, VISITED } visit_state;

/* From readers to what they read; path: the pipelines that are being visited, outermost first. */
typedef struct visiting {
    mr_check *check;
    visit_state *states;
    uint32_t *path;
    uint32_t path_count;
    uint32_t ordered; /* pipelines in topology->order */
} visiting;

/* The last one on the path reads an earlier one: told from there on, in the way the records go. */
static void report_circle(const visiting *v, const mr_topology_from *from) {
    const mr_topology_pipeline *pipelines = v->check->topology->pipelines;
    mr_buf names = {0};
    mr_buf_put_text(&names, pipelines[from->index].name);
    uint32_t at = v->path_count;
    do {
        at--;
        mr_buf_printf(&names, " -> %s", pipelines[v->path[at]].name);
    } while (v->path[at] != from->index);
    mr_diagnostics_add(v->check->diagnostics, MR_SEVERITY_ERROR, "E302", from->place,
                       (uint32_t)strlen(pipelines[from->index].name), NULL,
                       "pipelines read each other in a circle: %s", mr_buf_cstr(&names));
    mr_buf_deinit(&names);
}

/* Depth first by name: a pipeline comes behind all that it reads, whatever the order in the file.
 */
static void visit(visiting *v, uint32_t index) {
    mr_topology *topology = v->check->topology;
    mr_topology_pipeline *pipeline = &topology->pipelines[index];
    v->states[index] = VISITING;
    v->path[v->path_count++] = index;
    for (uint32_t i = 0; i < pipeline->from_count; i++) {
        const mr_topology_from *from = &pipeline->from[i];
        if (from->kind != MR_NAME_PIPELINE) {
            continue;
        }
        if (v->states[from->index] == NOT_VISITED) {
            visit(v, from->index);
        } else if (v->states[from->index] == VISITING) {
            report_circle(v, from);
            pipeline->unclear = true;
        }
    }
    v->path_count--;
    v->states[index] = VISITED;
    topology->order[v->ordered++] = index;
}

static void order_pipelines(mr_check *check) {
    mr_topology *topology = check->topology;
    uint32_t count = topology->pipelines_count;
    topology->order = mr_arena_zalloc(check->arena, sizeof *topology->order * count + 1);
    visiting v = {.check = check,
                  .states = mr_arena_zalloc(check->arena, sizeof(visit_state) * count + 1),
                  .path = mr_arena_zalloc(check->arena, sizeof(uint32_t) * count + 1)};
    for (uint32_t i = 0; i < count; i++) {
        if (v.states[i] == NOT_VISITED) {
            visit(&v, i);
        }
    }
    MR_ASSERT(v.ordered == count);
}

/* What flows in: windowed if all inputs are, replacing if any is. Where an input is not known,
 * everything is taken as in scope: one error is enough. */
static mr_steps_context flow_in(const mr_topology *topology, const mr_topology_pipeline *pipeline) {
    mr_steps_context context = {.of = MR_STEPS_OF_PIPELINE,
                                .owner = pipeline->name,
                                .on_error = pipeline->on_error,
                                .windowed = true};
    for (uint32_t i = 0; i < pipeline->from_count; i++) {
        const mr_topology_from *from = &pipeline->from[i];
        if (from->kind == MR_NAME_STREAM) {
            context.windowed = false;
        } else {
            const mr_topology_pipeline *input = &topology->pipelines[from->index];
            context.windowed = context.windowed && (input->windowed || input->unclear);
            context.replacing = context.replacing || input->replacing;
        }
    }
    context.windowed = context.windowed || pipeline->unclear;
    return context;
}

static void check_pipeline_steps(mr_check *check, mr_topology_pipeline *pipeline) {
    const mr_yaml_node *steps =
        mr_check_get(check, pipeline->body, "steps", MR_OPTIONAL, pipeline->place);
    mr_steps_context context = flow_in(check->topology, pipeline);
    pipeline->chain = mr_check_steps(check, steps, &context);
    pipeline->windowed = context.windowed;
    pipeline->replacing = context.replacing;
    pipeline->unclear = pipeline->unclear || context.refused;
}

void mr_check_pipelines(mr_check *check, mr_name **names, uint32_t count) {
    mr_topology *topology = check->topology;
    if (count > MR_PIPELINES_MAX) {
        mr_diagnostics_add(check->diagnostics, MR_SEVERITY_ERROR, "E208", names[0]->place, 1, NULL,
                           "a job has at most %d pipelines", MR_PIPELINES_MAX);
        return;
    }
    topology->pipelines = mr_arena_zalloc(check->arena, sizeof *topology->pipelines * count + 1);
    topology->pipelines_count = count;
    for (uint32_t i = 0; i < count; i++) {
        mr_topology_pipeline *pipeline = &topology->pipelines[i];
        pipeline->name = names[i]->text;
        pipeline->place = names[i]->place;
        pipeline->body = names[i]->body;
        pipeline->to = MR_INDEX_NONE;
        pipeline->on_error = topology->on_error;
        if (!mr_check_keys(check, pipeline->body, &pipeline_set)) {
            pipeline->unclear = true;
            continue;
        }
        check_from(check, pipeline);
        check_to(check, pipeline);
        pipeline->on_error = mr_check_on_error(check, pipeline->body, topology->on_error);
    }
    order_pipelines(check);
    for (uint32_t i = 0; i < count; i++) {
        mr_topology_pipeline *pipeline = &topology->pipelines[topology->order[i]];
        if (pipeline->body->kind == MR_YAML_MAPPING) {
            check_pipeline_steps(check, pipeline);
        }
    }
}
