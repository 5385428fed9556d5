/* What time needs of a plan: how fine it is announced, how long something can stay open; and the
 * warnings of LANGUAGE rules 10 and 11. */
#include "runtime/base/assert.h"
#include "topologies/plan_build.h"

/* Where nothing downstream is a window, time only orders the inputs of a task. */
enum { ANNOUNCE_MS_DEFAULT = 1000, ANNOUNCE_FRACTION = 8 };

typedef struct timing {
    const mr_plan *plan;
    int64_t *smallest_ms; /* by node: the smallest window, advance or grace from here on; INT64_MAX:
                             none */
    int64_t *settle_ms;   /* by node */
} timing;

static bool is_windowed(const mr_node *node) {
    return node->kind == MR_NODE_AGGREGATE && node->aggregate.window.kind != MR_WINDOW_NONE;
}

static int64_t smaller(int64_t a, int64_t b) {
    return a < b ? a : b;
}
static int64_t greater(int64_t a, int64_t b) {
    return a > b ? a : b;
}

static void time_children(timing *t, uint32_t index, const uint32_t *children, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        t->smallest_ms[index] = smaller(t->smallest_ms[index], t->smallest_ms[children[i]]);
        t->settle_ms[index] = greater(t->settle_ms[index], t->settle_ms[children[i]]);
    }
}

static const mr_plan_input *repartition_input(const mr_plan *plan, uint32_t repartition) {
    const mr_plan_subtopology *reader =
        &plan->subtopologies[plan->repartitions[repartition].reader];
    for (uint32_t i = 0; i < reader->inputs_count; i++) {
        if (reader->inputs[i].kind == MR_INPUT_REPARTITION &&
            reader->inputs[i].index == repartition) {
            return &reader->inputs[i];
        }
    }
    MR_UNREACHABLE();
}

static int64_t announce_step(int64_t smallest_ms) {
    return smallest_ms == INT64_MAX ? ANNOUNCE_MS_DEFAULT
                                    : greater(smallest_ms / ANNOUNCE_FRACTION, 1);
}

/* A window is open for its size and grace; behind it time is held back by its grace once more, and
 * behind a repartition by what was not worth announcing yet. */
static void time_node(timing *t, uint32_t index) {
    const mr_node *node = &t->plan->nodes[index];
    t->smallest_ms[index] = INT64_MAX;
    time_children(t, index, node->children, node->children_count);
    if (node->kind == MR_NODE_TO_REPARTITION) {
        const mr_plan_input *input = repartition_input(t->plan, node->to_repartition.repartition);
        time_children(t, index, input->entries, input->entries_count);
        if (t->settle_ms[index] > 0) {
            t->settle_ms[index] += announce_step(t->smallest_ms[index]);
        }
    }
    if (is_windowed(node)) {
        const mr_plan_window *window = &node->aggregate.window;
        t->settle_ms[index] += window->size_ms + 2 * window->grace_ms;
        t->smallest_ms[index] = smaller(t->smallest_ms[index], window->advance_ms);
        if (window->grace_ms > 0) {
            t->smallest_ms[index] = smaller(t->smallest_ms[index], window->grace_ms);
        }
    }
}

static void time_subtopology(timing *t, mr_plan_subtopology *subtopology) {
    int64_t smallest = INT64_MAX;
    for (uint32_t i = 0; i < subtopology->nodes_count; i++) {
        uint32_t node = subtopology->nodes[i];
        smallest = smaller(smallest, t->smallest_ms[node]);
        subtopology->settle_ms = greater(subtopology->settle_ms, t->settle_ms[node]);
    }
    subtopology->announce_step_ms = announce_step(smallest);
}

/* The most tasks that send to one of the repartitions before a node. */
static uint32_t most_senders(const mr_build *b, const mr_build_node *node) {
    uint32_t most = 0;
    for (uint32_t i = 0; i < node->behind.count; i++) {
        const mr_build_repartition *behind = &b->repartitions[node->behind.items[i]];
        uint32_t senders = b->plan->repartitions[behind->final_index].upstream_count;
        most = senders > most ? senders : most;
    }
    return most;
}

/* Rule 11: what looks at the order of several upstream tasks. */
static void warn_about_order(const mr_build *b, const mr_build_node *node) {
    uint32_t senders = most_senders(b, node);
    if (node->node.kind != MR_NODE_AGGREGATE || senders < 2) {
        return;
    }
    if (node->step->first_or_last.line != 0) {
        mr_diagnostics_add(b->diagnostics, MR_SEVERITY_WARNING, "W102", node->step->first_or_last,
                           1, "min and max do not look at order",
                           "of records with equal ts first takes the one that arrives first, last "
                           "the last, and %u tasks send to this step: their order may differ "
                           "between runs",
                           senders);
    }
    if (!is_windowed(&node->node)) {
        mr_diagnostics_add(b->diagnostics, MR_SEVERITY_WARNING, "W102", node->node.place, 1,
                           "the last result of each key is the same in every run",
                           "%u tasks send to this step: which results come before the last one may "
                           "differ between runs",
                           senders);
    }
}

/* ---- rule 10: several tasks write a topic that a step of this job takes its time from ---- */

static void warn_about_writers(const mr_build *b, const timing *t) {
    const mr_plan *plan = b->plan;
    for (uint32_t i = 0; i < plan->subtopologies_count; i++) {
        for (uint32_t j = 0; j < plan->subtopologies[i].inputs_count; j++) {
            const mr_plan_input *input = &plan->subtopologies[i].inputs[j];
            int64_t settle = 0;
            for (uint32_t k = 0; k < input->entries_count; k++) {
                settle = greater(settle, t->settle_ms[input->entries[k]]);
            }
            if (input->kind != MR_INPUT_STREAM || settle == 0) {
                continue;
            }
            const mr_plan_stream *stream = &plan->streams[input->index];
            uint32_t writers = mr_plan_stream_writers(plan, input->index) +
                               mr_plan_stream_sources(plan, input->index);
            if (writers > 1) {
                mr_diagnostics_add(b->diagnostics, MR_SEVERITY_WARNING, "W103", stream->place,
                                   (uint32_t)strlen(stream->name),
                                   "between pipelines `from: a_pipeline` keeps the time",
                                   "%u tasks write '%s', and a window of this job takes its time "
                                   "from there: what is late may differ between runs",
                                   writers, stream->name);
            }
        }
    }
}

void mr_build_times(mr_build *build) {
    mr_plan *plan = build->plan;
    timing t = {
        .plan = plan,
        .smallest_ms = mr_arena_zalloc(build->arena, sizeof(int64_t) * plan->nodes_count + 1),
        .settle_ms = mr_arena_zalloc(build->arena, sizeof(int64_t) * plan->nodes_count + 1)};
    for (uint32_t i = plan->nodes_count; i > 0; i--) {
        time_node(&t, i - 1); /* children and readers of repartitions stand behind */
    }
    for (uint32_t i = 0; i < plan->subtopologies_count; i++) {
        time_subtopology(&t, &build->subtopologies[i]);
    }
    for (uint32_t i = 0; i < build->nodes_count; i++) {
        warn_about_order(build, &build->nodes[i]);
    }
    warn_about_writers(build, &t);
}
