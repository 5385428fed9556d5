/* Names: their form, the one namespace of a job, and what refers to it (LANGUAGE rule 2). */
#include <stdlib.h>

#include "runtime/base/alloc.h"
#include "runtime/base/assert.h"
#include "topologies/topology_check.h"

enum { NAME_BYTES_MAX = 100 }; /* job, name and the words between make a topic of at most 249 */

/* Words that stand for something where a name may stand; those of code the checker knows. */
static const char *const reserved_words[] = {"stop", "drop", "none", "final", "updates", NULL};

static const char *kind_word(mr_name_kind kind) {
    static const char *const words[] = {"stream", "pipeline", "source", "sink", "store"};
    MR_ASSERT((size_t)kind < sizeof words / sizeof words[0]);
    return words[kind];
}

static bool has_name_form(const char *text) {
    size_t length = strlen(text);
    if (length == 0 || length > NAME_BYTES_MAX || text[0] < 'a' || text[0] > 'z') {
        return false;
    }
    for (size_t i = 1; i < length; i++) {
        char c = text[i];
        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '_') {
            return false;
        }
    }
    return true;
}

bool mr_check_name_form(mr_check *check, const mr_yaml_node *node, const char *what) {
    if (mr_check_text(check, node, what) == NULL) {
        return false;
    }
    if (!has_name_form(node->text)) {
        mr_check_error(check, node, "E205",
                       "a letter a-z, then letters a-z, digits and _, at most 100 in all",
                       "%s '%s' is not a name", what, node->text);
        return false;
    }
    bool taken = mr_words_have(reserved_words, node->text) ||
                 mr_words_have(check->catalog->checker->reserved, node->text);
    if (taken) {
        mr_check_error(check, node, "E205", NULL, "'%s' is a word of the language, not a name",
                       node->text);
    }
    return !taken;
}

mr_name *mr_check_enter(mr_check *check, const mr_yaml_node *node, mr_name_kind kind,
                        const mr_yaml_node *body) {
    if (!mr_check_name_form(check, node, kind_word(kind))) {
        return NULL;
    }
    mr_map *names = check->topology->names;
    mr_bytes text = mr_bytes_text(node->text);
    const mr_name *first = mr_map_get(names, text);
    if (first != NULL) {
        mr_check_error(check, node, "E206",
                       "streams, pipelines, stores, sources and sinks share one namespace",
                       "the name '%s' is taken by the %s of line %u", node->text,
                       kind_word(first->kind), first->place.line);
        return NULL;
    }
    mr_name *name = mr_arena_zalloc(check->arena, sizeof *name);
    name->kind = kind;
    name->text = mr_arena_strndup(check->arena, node->text, strlen(node->text));
    name->place = node->place;
    name->body = body;
    mr_map_put(names, text, name);
    return name;
}

static int compare_names(const void *left, const void *right) {
    return strcmp((*(mr_name *const *)left)->text, (*(mr_name *const *)right)->text);
}

mr_name **mr_check_section(mr_check *check, const mr_yaml_node *section, mr_name_kind kind,
                           uint32_t *count_out) {
    *count_out = 0;
    if (section == NULL) {
        return NULL;
    }
    if (section->kind != MR_YAML_MAPPING) {
        mr_check_error(check, section, "E105", NULL, "a mapping of names is wanted, this is %s",
                       mr_yaml_kind_name(section));
        return NULL;
    }
    mr_name **names = mr_arena_alloc(check->arena, sizeof *names * section->count + 1);
    uint32_t count = 0;
    for (uint32_t i = 0; i < section->count; i++) {
        const mr_yaml_entry *entry = &section->entries[i];
        mr_name *name = mr_check_enter(check, entry->key, kind, entry->value);
        if (name != NULL) {
            names[count++] = name;
        }
    }
    if (count > 0) {
        qsort(names, count, sizeof *names, compare_names);
    }
    for (uint32_t i = 0; i < count; i++) {
        names[i]->index = i;
    }
    *count_out = count;
    return names;
}

static bool kind_wanted(mr_name_kind kind, const mr_name_kind *kinds, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (kinds[i] == kind) {
            return true;
        }
    }
    return false;
}

/* The nearest name among those that could stand there, and of the words that could. */
static const char *nearest_name(const mr_check *check, const char *text, const mr_name_kind *kinds,
                                size_t kinds_count, const char *const *words) {
    const mr_map *names = check->topology->names;
    size_t count = mr_words_count(words), cursor = 0;
    const char **candidates = mr_alloc_array(mr_map_count(names) + count + 1, sizeof *candidates);
    if (count > 0) {
        memcpy(candidates, words, count * sizeof *candidates);
    }
    mr_bytes key;
    void *value;
    while (mr_map_next(names, &cursor, &key, &value)) {
        const mr_name *name = value;
        if (kind_wanted(name->kind, kinds, kinds_count)) {
            candidates[count++] = name->text;
        }
    }
    const char *nearest = mr_suggest(text, candidates, count);
    mr_free(candidates);
    return nearest;
}

const mr_name *mr_check_resolve(mr_check *check, const mr_yaml_node *node, const char *what,
                                const mr_name_kind *kinds, size_t kinds_count,
                                const char *const *words) {
    if (mr_check_text(check, node, what) == NULL) {
        return NULL;
    }
    const mr_name *name = mr_map_get(check->topology->names, mr_bytes_text(node->text));
    if (name != NULL && kind_wanted(name->kind, kinds, kinds_count)) {
        return name;
    }
    const char *wanted = kind_word(kinds[0]);
    const char *either = kinds_count > 1 ? " or pipeline" : "";
    if (name != NULL) {
        mr_check_error(check, node, "E207", NULL, "%s wants a %s%s, '%s' is a %s (line %u)", what,
                       wanted, either, node->text, kind_word(name->kind), name->place.line);
        return NULL;
    }
    const char *nearest = nearest_name(check, node->text, kinds, kinds_count, words);
    if (nearest != NULL) {
        mr_check_error(check, node, "E207", NULL, "unknown %s%s '%s', did you mean '%s'?", wanted,
                       either, node->text, nearest);
    } else {
        mr_check_error(check, node, "E207", NULL, "unknown %s%s '%s'", wanted, either, node->text);
    }
    return NULL;
}

uint32_t mr_check_stream_name(mr_check *check, const mr_yaml_node *node, const char *what,
                              const char *const *words) {
    static const mr_name_kind streams[] = {MR_NAME_STREAM};
    const mr_name *name = mr_check_resolve(check, node, what, streams, 1, words);
    return name == NULL ? MR_INDEX_NONE : name->index;
}

mr_policy mr_check_policy(mr_check *check, const mr_yaml_node *node, const char *what) {
    mr_policy policy = {.kind = MR_POLICY_STOP, .stream = MR_INDEX_NONE};
    if (node->kind == MR_YAML_SCALAR && strcmp(node->text, "stop") == 0) {
        return policy;
    }
    if (node->kind == MR_YAML_SCALAR && strcmp(node->text, "drop") == 0) {
        policy.kind = MR_POLICY_DROP;
        return policy;
    }
    static const char *const words[] = {"stop", "drop", NULL};
    policy.stream = mr_check_stream_name(check, node, what, words);
    if (policy.stream != MR_INDEX_NONE) {
        policy.kind = MR_POLICY_STREAM;
    }
    return policy;
}

mr_policy mr_check_on_error(mr_check *check, const mr_yaml_node *mapping, mr_policy outer) {
    const mr_yaml_node *node = mr_check_get(check, mapping, "on_error", MR_OPTIONAL, (mr_place){0});
    return node == NULL ? outer : mr_check_policy(check, node, "on_error");
}
