/* Steps: one operator key each, with `name` and `on_error` (LANGUAGE rule 3). */
#include "runtime/base/assert.h"
#include "topologies/topology_check.h"

static const char *const operators[] = {"filter",   "map",   "set",       "rekey",
                                        "flat_map", "count", "aggregate", NULL};
static const char *const operators_later[] = {"branch",  "peek",        "join", "dedupe",
                                              "process", "repartition", NULL};
static const char *const step_options[] = {"name", "on_error", NULL};

typedef struct step_place {
    mr_check *check;
    mr_steps_context *context;
    mr_topology_step *step;
    const char *code_label; /* "views/filter 2" */
    uint32_t scope;
} step_place;

static void check_filter(step_place *at, const mr_yaml_node *body) {
    at->step->node.kind = MR_NODE_FILTER;
    at->step->node.filter.code =
        mr_check_code(at->check, body, MR_CODE_CONDITION, at->scope, at->code_label);
}

static void check_map(step_place *at, const mr_yaml_node *body) {
    mr_node *node = &at->step->node;
    node->kind = MR_NODE_MAP;
    if (body->kind == MR_YAML_SCALAR) {
        node->map.code = mr_check_code(at->check, body, MR_CODE_MAP, at->scope, at->code_label);
    } else {
        node->map.template = mr_check_template(at->check, body, at->scope, at->code_label);
    }
}

static void check_rekey(step_place *at, const mr_yaml_node *body) {
    mr_node *node = &at->step->node;
    node->kind = MR_NODE_REKEY;
    if (body->kind == MR_YAML_SCALAR) {
        node->rekey.code = mr_check_code(at->check, body, MR_CODE_VALUE, at->scope, at->code_label);
    } else {
        node->rekey.template = mr_check_template(at->check, body, at->scope, at->code_label);
    }
}

/* `ts = ...` or `ts=`: what the list's items give as their time. */
static bool assigns_ts(const char *text) {
    for (const char *at = strstr(text, "ts"); at != NULL; at = strstr(at + 2, "ts")) {
        char before = at == text ? ' ' : at[-1];
        const char *behind = at + 2 + strspn(at + 2, " \t");
        bool word = !(before == '_' || (before >= 'a' && before <= 'z') ||
                      (before >= 'A' && before <= 'Z') || (before >= '0' && before <= '9'));
        if (word && behind[0] == '=' && behind[1] != '=') {
            return true;
        }
    }
    return false;
}

static void check_flat_map(step_place *at, const mr_yaml_node *body) {
    mr_node *node = &at->step->node;
    node->kind = MR_NODE_FLAT_MAP;
    node->flat_map.code =
        mr_check_code(at->check, body, MR_CODE_FLAT_MAP, at->scope, at->code_label);
    at->step->sets_ts = node->flat_map.code != NULL && assigns_ts(node->flat_map.code->text);
}

static void check_set(step_place *at, const mr_yaml_node *body) {
    at->step->node.kind = MR_NODE_SET;
    mr_check_set(at->check, body, at->scope, at->code_label, &at->step->node);
}

static const char *store_label(const step_place *at, const char *step_name) {
    const char *name = step_name != NULL ? step_name : at->step->store;
    return name == NULL ? at->code_label
                        : mr_arena_printf(at->check->arena, "%s/%s %s", at->context->owner,
                                          at->step->operator_name, name);
}

/* Rule 9: each result replaces the last one of its key, so counting them counts twice. */
static void check_replacing(step_place *at, const mr_yaml_node *key) {
    if (at->context->replacing) {
        mr_check_error(at->check, key, "E304",
                       "count in a window with emit: final; to a table and on from there is not "
                       "in this version",
                       "each result of the step before replaces the last one of its key, so '%s' "
                       "right after it would count twice",
                       key->text);
    }
}

/* A step is not known: neither is what comes out of it, and nothing is reported about that. */
static void give_up(mr_steps_context *context) {
    context->refused = true;
    context->windowed = true;
    context->replacing = false;
}

static void check_keyed(step_place *at, const mr_yaml_entry *operation) {
    mr_topology_step *step = at->step;
    if (at->context->of == MR_STEPS_OF_CONNECTOR) {
        mr_check_error(at->check, operation->key, "E210", "count in a pipeline",
                       "sources and sinks have stateless steps only, not '%s'",
                       operation->key->text);
        return;
    }
    check_replacing(at, operation->key);
    step->node.kind = MR_NODE_AGGREGATE;
    if (strcmp(operation->key->text, "count") == 0) {
        mr_check_count(at->check, operation->value, step);
    } else {
        mr_check_aggregate(at->check, operation->value, step, at->code_label);
    }
    if (operation->value->kind == MR_YAML_SEQUENCE) {
        give_up(at->context);
        return;
    }
    at->context->windowed = step->node.aggregate.window.kind != MR_WINDOW_NONE;
    at->context->replacing = !at->context->windowed;
}

static void check_operator(step_place *at, const mr_yaml_entry *operation) {
    static const struct {
        const char *name;
        void (*check)(step_place *at, const mr_yaml_node *body);
    } stateless[] = {
        {"filter", check_filter}, {"map", check_map},           {"rekey", check_rekey},
        {"set", check_set},       {"flat_map", check_flat_map},
    };
    for (size_t i = 0; i < sizeof stateless / sizeof stateless[0]; i++) {
        if (strcmp(stateless[i].name, operation->key->text) == 0) {
            stateless[i].check(at, operation->value);
            return;
        }
    }
    check_keyed(at, operation);
}

/* The operator of a step, or NULL: reported. A step of a later version sets *refused. */
static const mr_yaml_entry *find_operator(mr_check *check, const mr_yaml_node *step,
                                          mr_steps_context *context) {
    const mr_yaml_entry *found = NULL;
    bool other = false;
    for (uint32_t i = 0; i < step->count; i++) {
        const mr_yaml_entry *entry = &step->entries[i];
        if (mr_words_have(step_options, entry->key->text)) {
            continue;
        }
        if (mr_words_have(operators_later, entry->key->text)) {
            mr_check_refuse(check, entry->key, entry->key->text);
            give_up(context);
            other = true;
        } else if (!mr_words_have(operators, entry->key->text)) {
            mr_buf what = {0};
            mr_buf_printf(&what, "unknown step '%s'", entry->key->text);
            mr_check_unknown(check, entry->key, "E203", mr_buf_cstr(&what), operators);
            mr_buf_deinit(&what);
            give_up(context);
            other = true;
        } else if (found != NULL) {
            mr_check_error(check, entry->key, "E210", "a step begins with '-'",
                           "a step is one operator, '%s' is a second one", entry->key->text);
        } else {
            found = entry;
        }
    }
    if (found == NULL && !other) {
        mr_check_error(check, step, "E210", "- filter: value.total > 0",
                       "this step has no operator");
    }
    return found;
}

static uint32_t times_before(const mr_topology_chain *chain, const char *operator_name) {
    uint32_t times = 0;
    for (uint32_t i = 0; i < chain->count; i++) {
        times += strcmp(chain->steps[i].operator_name, operator_name) == 0;
    }
    return times;
}

static const char *step_label(mr_check *check, const mr_topology_chain *chain,
                              const mr_steps_context *context, const mr_topology_step *step,
                              const char *name) {
    uint32_t before = times_before(chain, step->operator_name);
    if (name != NULL) {
        return mr_arena_printf(check->arena, "%s/%s %s", context->owner, step->operator_name, name);
    }
    if (before > 0) {
        return mr_arena_printf(check->arena, "%s/%s %u", context->owner, step->operator_name,
                               before + 1);
    }
    return mr_arena_printf(check->arena, "%s/%s", context->owner, step->operator_name);
}

static void check_step(mr_check *check, const mr_yaml_node *body, mr_topology_chain *chain,
                       mr_steps_context *context) {
    if (body->kind != MR_YAML_MAPPING) {
        mr_check_error(check, body, "E210", "- filter: value.total > 0",
                       "a step is one operator key, this is %s", mr_yaml_kind_name(body));
        return;
    }
    const mr_yaml_entry *operation = find_operator(check, body, context);
    mr_policy on_error = mr_check_on_error(check, body, context->on_error);
    const mr_yaml_node *name = mr_check_get(check, body, "name", MR_OPTIONAL, (mr_place){0});
    if (name != NULL && !mr_check_name_form(check, name, "step")) {
        name = NULL;
    }
    if (operation == NULL) {
        return;
    }
    mr_topology_step *step = &chain->steps[chain->count];
    step->operator_name = operators[0];
    for (size_t i = 0; operators[i] != NULL; i++) {
        if (strcmp(operators[i], operation->key->text) == 0) {
            step->operator_name = operators[i];
        }
    }
    step->node.place = operation->key->place;
    step->node.on_error = on_error;
    step->node.windowed = context->windowed;
    const char *step_name =
        name == NULL ? NULL : mr_arena_strndup(check->arena, name->text, strlen(name->text));
    step_place at = {.check = check,
                     .context = context,
                     .step = step,
                     .code_label = step_label(check, chain, context, step, step_name),
                     .scope = MR_SCOPE_RECORD | (context->windowed ? MR_SCOPE_WINDOW : 0)};
    check_operator(&at, operation);
    step->label =
        step->node.kind == MR_NODE_AGGREGATE ? store_label(&at, step_name) : at.code_label;
    chain->count++;
}

mr_topology_chain mr_check_steps(mr_check *check, const mr_yaml_node *steps,
                                 mr_steps_context *context) {
    mr_topology_chain chain = {0};
    if (steps == NULL) {
        return chain;
    }
    if (steps->kind != MR_YAML_SEQUENCE) {
        mr_check_error(check, steps, "E105", "each step begins with '- '",
                       "'steps' wants a list, this is %s", mr_yaml_kind_name(steps));
        give_up(context);
        return chain;
    }
    chain.steps = mr_arena_zalloc(check->arena, sizeof *chain.steps * steps->count + 1);
    for (uint32_t i = 0; i < steps->count; i++) {
        check_step(check, steps->items[i], &chain, context);
    }
    return chain;
}
