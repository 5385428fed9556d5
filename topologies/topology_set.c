/* `set: {path: code}`: paths of fields, and that no leaf is set in vain. */
#include <stdlib.h>

#include "runtime/base/assert.h"
#include "runtime/base/limits.h"
#include "topologies/topology_check.h"

/* `a.b` -> a, b; false: reported. */
static bool check_path(mr_check *check, const mr_yaml_node *node, mr_path *out) {
    const char *text = mr_arena_strndup(check->arena, node->text, strlen(node->text));
    uint32_t count = 1;
    for (const char *at = text; *at != '\0'; at++) {
        count += *at == '.';
    }
    if (count > MR_JSON_DEPTH_MAX) {
        mr_check_error(check, node, "E208", NULL, "a path has at most %d names, this one %u",
                       MR_JSON_DEPTH_MAX, count);
        return false;
    }
    mr_bytes *names = mr_arena_alloc(check->arena, sizeof *names * count);
    for (uint32_t i = 0; i < count; i++) {
        size_t length = strcspn(text, ".");
        if (length == 0) {
            mr_check_error(check, node, "E208", "names with dots between them: total.net",
                           "no path of fields: '%s'", node->text);
            return false;
        }
        names[i] = mr_bytes_of(text, length);
        text += length + 1;
    }
    *out = (mr_path){.names = names, .names_count = count};
    return true;
}

/* A leaf and where it stands in the step. */
typedef struct placed_path {
    mr_path path;
    uint32_t order;
} placed_path;

/* Name by name, so that a path stands right before those that go on from it. */
static int compare_paths(const void *left, const void *right) {
    const mr_path *a = &((const placed_path *)left)->path;
    const mr_path *b = &((const placed_path *)right)->path;
    for (uint32_t i = 0; i < a->names_count && i < b->names_count; i++) {
        int order = mr_bytes_compare(a->names[i], b->names[i]);
        if (order != 0) {
            return order;
        }
    }
    return a->names_count < b->names_count ? -1 : a->names_count > b->names_count;
}

static bool goes_on_from(const mr_path *path, const mr_path *from) {
    if (path->names_count <= from->names_count) {
        return false;
    }
    for (uint32_t i = 0; i < from->names_count; i++) {
        if (!mr_bytes_equal(path->names[i], from->names[i])) {
            return false;
        }
    }
    return true;
}

/* Fields are set in the order written: what is set inside of one that is set later is lost. */
static void check_replaced(mr_check *check, const mr_yaml_node *body, placed_path *paths,
                           uint32_t count) {
    uint32_t around[MR_JSON_DEPTH_MAX]; /* the paths that the one looked at goes on from */
    uint32_t depth = 0;
    qsort(paths, count, sizeof *paths, compare_paths);
    for (uint32_t i = 0; i < count; i++) {
        while (depth > 0 && !goes_on_from(&paths[i].path, &paths[around[depth - 1]].path)) {
            depth--;
        }
        for (uint32_t j = 0; j < depth; j++) {
            if (paths[around[j]].order > paths[i].order) {
                const mr_yaml_node *lost = body->entries[paths[i].order].key;
                const mr_yaml_node *by = body->entries[paths[around[j]].order].key;
                mr_check_error(check, lost, "E208", "fields are set in the order written",
                               "'%s' is lost: '%s', which is set behind it, replaces it",
                               lost->text, by->text);
                break;
            }
        }
        MR_ASSERT(depth < MR_JSON_DEPTH_MAX);
        around[depth++] = i;
    }
}

void mr_check_set(mr_check *check, const mr_yaml_node *body, uint32_t scope, const char *label,
                  mr_node *node) {
    if (body->kind != MR_YAML_MAPPING || body->count == 0) {
        mr_check_error(check, body, "E105", "set: {total: value.price * value.count}",
                       "'set' wants a mapping of fields");
        return;
    }
    mr_set_item *items = mr_arena_zalloc(check->arena, sizeof *items * body->count);
    placed_path *paths = mr_arena_alloc(check->arena, sizeof *paths * body->count);
    uint32_t paths_count = 0;
    for (uint32_t i = 0; i < body->count; i++) {
        const mr_yaml_entry *entry = &body->entries[i];
        if (!check_path(check, entry->key, &items[i].path)) {
            continue;
        }
        paths[paths_count++] = (placed_path){items[i].path, i};
        if (entry->value->kind != MR_YAML_SCALAR) {
            mr_check_error(check, entry->value, "E105",
                           "write one field per text, with its path: total.net: ...",
                           "a field of 'set' wants code, this is %s",
                           mr_yaml_kind_name(entry->value));
            continue;
        }
        items[i].code =
            mr_check_code(check, entry->value, MR_CODE_VALUE, scope,
                          mr_arena_printf(check->arena, "%s.%s", label, entry->key->text));
    }
    check_replaced(check, body, paths, paths_count);
    node->set.items = items;
    node->set.items_count = body->count;
}
