/* `count` and `aggregate`: store, window, fields (LANGUAGE rule 12 and the table of steps). */
#include "runtime/base/assert.h"
#include "topologies/topology_check.h"

/* A record of a hopping window counts in size / advance windows: each costs a row. */
enum { WINDOWS_PER_RECORD_MAX = 10000 };

static const char *const window_keys[] = {"tumbling", "hopping", "advance", "grace",
                                          "late",     "emit",    NULL};
static const char *const window_later[] = {"sliding", "session", NULL};
static const mr_key_set window_set = {"in window", window_keys, window_later};

static const char *const count_keys[] = {"store", "window", NULL};
static const mr_key_set count_set = {"in count", count_keys, NULL};

static const char *const aggregate_keys[] = {"store", "window", "fields", NULL};
static const char *const aggregate_later[] = {"init", "add", "merge", "result", "remove", NULL};
static const mr_key_set aggregate_set = {"in aggregate", aggregate_keys, aggregate_later};

static void check_emit(mr_check *check, const mr_yaml_node *window, mr_place place) {
    const mr_yaml_node *emit = mr_check_get(check, window, "emit", MR_OPTIONAL, place);
    if (emit == NULL) {
        if (mr_check_lacks(check, window, "emit")) {
            mr_diagnostics_add(check->diagnostics, MR_SEVERITY_ERROR, "E201", place, 1,
                               "emit: final gives each window once, when it closes",
                               "'emit' is missing in this window");
        }
    } else if (emit->kind == MR_YAML_MAPPING && mr_yaml_get(emit, "after") != NULL) {
        mr_check_refuse(check, emit, "emit: {after}");
    } else if (emit->kind == MR_YAML_SCALAR && strcmp(emit->text, "updates") == 0) {
        mr_check_refuse(check, emit, "emit: updates");
    } else if (mr_check_text(check, emit, "emit") != NULL && strcmp(emit->text, "final") != 0) {
        mr_check_error(check, emit, "E208", "emit: final", "unknown emit '%s'", emit->text);
    }
}

static void check_late(mr_check *check, const mr_yaml_node *window, mr_place place,
                       mr_plan_window *out) {
    const mr_yaml_node *late = mr_check_get(check, window, "late", MR_OPTIONAL, place);
    if (late != NULL) {
        out->late = mr_check_policy(check, late, "late");
    } else if (mr_check_lacks(check, window, "late")) {
        mr_diagnostics_add(check->diagnostics, MR_SEVERITY_ERROR, "E201", place, 1,
                           "late: a stream, drop or stop",
                           "'late' is missing in this window: where do late records go?");
    }
}

/* advance belongs to hopping, and has to divide its size into a bearable number of windows. */
static void check_advance(mr_check *check, const mr_yaml_node *window, mr_plan_window *out) {
    const mr_yaml_node *advance = mr_yaml_get(window, "advance");
    if (out->kind == MR_WINDOW_TUMBLING) {
        out->advance_ms = out->size_ms;
        if (advance != NULL) {
            mr_check_error(check, advance, "E208", "window: {hopping: 6h, advance: 1h, ...}",
                           "'advance' belongs to hopping windows");
        }
        return;
    }
    advance = mr_check_get(check, window, "advance", MR_REQUIRED, window->place);
    if (advance == NULL) {
        return;
    }
    out->advance_ms = mr_check_duration(check, advance, "advance", 1);
    if (out->advance_ms < 0 || out->size_ms < 0) {
        return;
    }
    if (out->advance_ms > out->size_ms) {
        mr_check_error(check, advance, "E208", NULL,
                       "an advance beyond the window's size would leave records out");
    } else if (out->size_ms / out->advance_ms > WINDOWS_PER_RECORD_MAX) {
        mr_check_error(check, advance, "E208", NULL,
                       "each record would count in %lld windows, at most %d are executed",
                       (long long)(out->size_ms / out->advance_ms), WINDOWS_PER_RECORD_MAX);
    }
}

static void check_window_kind(mr_check *check, const mr_yaml_node *window, mr_plan_window *out) {
    const mr_yaml_node *tumbling = mr_yaml_get(window, "tumbling");
    const mr_yaml_node *hopping = mr_yaml_get(window, "hopping");
    if (tumbling == NULL && hopping == NULL) {
        if (mr_check_lacks(check, window, "tumbling") && mr_check_lacks(check, window, "hopping") &&
            mr_yaml_get(window, "sliding") == NULL && mr_yaml_get(window, "session") == NULL) {
            mr_diagnostics_add(check->diagnostics, MR_SEVERITY_ERROR, "E201", window->place, 1,
                               "one of tumbling, hopping",
                               "this window does not say what kind it is");
        }
        return;
    }
    if (tumbling != NULL && hopping != NULL) {
        mr_check_error(check, hopping, "E210", NULL, "a window is tumbling or hopping, not both");
    }
    out->kind = tumbling != NULL ? MR_WINDOW_TUMBLING : MR_WINDOW_HOPPING;
    const char *what = tumbling != NULL ? "tumbling" : "hopping";
    out->size_ms = mr_check_duration(check, tumbling != NULL ? tumbling : hopping, what, 1);
    check_advance(check, window, out);
}

static void check_window(mr_check *check, const mr_yaml_node *body, mr_topology_step *step) {
    mr_plan_window *out = &step->node.aggregate.window;
    const mr_yaml_node *window = mr_check_get(check, body, "window", MR_OPTIONAL, step->node.place);
    if (window == NULL) {
        /* One that cannot be read is one nevertheless. */
        bool none = mr_check_lacks(check, body, "window");
        *out = (mr_plan_window){.kind = none ? MR_WINDOW_NONE : MR_WINDOW_TUMBLING};
        return;
    }
    *out = (mr_plan_window){.kind = MR_WINDOW_TUMBLING};
    out->late.stream = MR_INDEX_NONE;
    if (!mr_check_keys(check, window, &window_set)) {
        return;
    }
    check_window_kind(check, window, out);
    const mr_yaml_node *grace = mr_check_get(check, window, "grace", MR_OPTIONAL, window->place);
    if (grace != NULL) {
        out->grace_ms = mr_check_duration(check, grace, "grace", 0);
    }
    check_late(check, window, window->place, out);
    check_emit(check, window, window->place);
}

static void enter_store(mr_check *check, const mr_yaml_node *node, mr_topology_step *step) {
    const mr_name *name = mr_check_enter(check, node, MR_NAME_STORE, NULL);
    if (name != NULL) {
        step->store = name->text;
        step->store_place = node->place;
    }
}

static void check_store(mr_check *check, const mr_yaml_node *body, mr_topology_step *step) {
    const mr_yaml_node *store = mr_check_get(check, body, "store", MR_REQUIRED, step->node.place);
    if (store != NULL) {
        enter_store(check, store, step);
    }
}

void mr_check_count(mr_check *check, const mr_yaml_node *body, mr_topology_step *step) {
    step->node.aggregate.value_is_count = true;
    mr_aggregate_field *field = mr_arena_zalloc(check->arena, sizeof *field);
    mr_bytes *name = mr_arena_alloc(check->arena, sizeof *name);
    *name = mr_bytes_text("count");
    field->path = (mr_path){.names = name, .names_count = 1};
    field->function = MR_AGGREGATE_COUNT;
    step->node.aggregate.fields = field;
    step->node.aggregate.fields_count = 1;
    if (body->kind == MR_YAML_SCALAR) {
        enter_store(check, body, step);
        return;
    }
    if (mr_check_keys(check, body, &count_set)) {
        check_store(check, body, step);
        check_window(check, body, step);
    }
}

void mr_check_aggregate(mr_check *check, const mr_yaml_node *body, mr_topology_step *step,
                        const char *label) {
    if (!mr_check_keys(check, body, &aggregate_set)) {
        return;
    }
    check_store(check, body, step);
    check_window(check, body, step);
    const mr_yaml_node *fields = mr_check_get(check, body, "fields", MR_OPTIONAL, step->node.place);
    bool later = false;
    for (size_t i = 0; aggregate_later[i] != NULL; i++) {
        later = later || mr_yaml_get(body, aggregate_later[i]) != NULL;
    }
    if (fields != NULL) {
        mr_check_fields(check, fields, step, label);
    } else if (!later && mr_check_lacks(check, body, "fields")) {
        mr_diagnostics_add(check->diagnostics, MR_SEVERITY_ERROR, "E201", step->node.place, 1,
                           "fields: {orders: count(), total: sum(value.total)}",
                           "'fields' is missing");
    }
}
