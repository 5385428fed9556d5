#include "runtime/base/assert.h"
#include "topologies/plan_build.h"

void mr_index_list_add(mr_arena *arena, mr_index_list *list, uint32_t item) {
    if (list->count == list->cap) {
        uint32_t cap = list->cap == 0 ? 4 : list->cap * 2;
        uint32_t *items = mr_arena_alloc(arena, sizeof *items * cap);
        if (list->count > 0) {
            memcpy(items, list->items, sizeof *items * list->count);
        }
        list->items = items;
        list->cap = cap;
    }
    list->items[list->count++] = item;
}

bool mr_index_list_has(const mr_index_list *list, uint32_t item) {
    for (uint32_t i = 0; i < list->count; i++) {
        if (list->items[i] == item) {
            return true;
        }
    }
    return false;
}

uint32_t mr_groups_add(mr_arena *arena, mr_groups *groups) {
    mr_index_list_add(arena, &groups->parents, groups->parents.count);
    return groups->parents.count - 1;
}

uint32_t mr_groups_find(const mr_groups *groups, uint32_t group) {
    MR_ASSERT(group < groups->parents.count);
    while (groups->parents.items[group] != group) {
        group = groups->parents.items[group];
    }
    return group;
}

void mr_groups_edge(mr_arena *arena, mr_groups *groups, uint32_t from, uint32_t to) {
    mr_index_list_add(arena, &groups->edge_from, from);
    mr_index_list_add(arena, &groups->edge_to, to);
}

static bool joined_with(const mr_groups *groups, uint32_t group, uint32_t into,
                        const mr_index_list *list) {
    group = mr_groups_find(groups, group);
    if (group == into) {
        return true;
    }
    for (uint32_t i = 0; i < list->count; i++) {
        if (mr_groups_find(groups, list->items[i]) == group) {
            return true;
        }
    }
    return false;
}

/* Whether some way along the edges leaves the groups of `list` and comes back to one of them.
 * Groups were without circles before, so a circle of the joined ones passes through them. */
static bool would_circle(mr_arena *arena, const mr_groups *groups, uint32_t into,
                         const mr_index_list *list) {
    bool *reached = mr_arena_zalloc(arena, groups->parents.count + 1);
    bool grown = true;
    while (grown) {
        grown = false;
        for (uint32_t i = 0; i < groups->edge_from.count; i++) {
            uint32_t from = mr_groups_find(groups, groups->edge_from.items[i]);
            uint32_t to = mr_groups_find(groups, groups->edge_to.items[i]);
            if (reached[to] || !(reached[from] || joined_with(groups, from, into, list))) {
                continue;
            }
            if (joined_with(groups, to, into, list)) {
                return true;
            }
            reached[to] = true;
            grown = true;
        }
    }
    return false;
}

mr_join mr_groups_join(mr_arena *arena, mr_groups *groups, const mr_index_list *list) {
    MR_ASSERT(list->count > 0);
    uint32_t into = mr_groups_find(groups, list->items[0]);
    if (would_circle(arena, groups, into, list)) {
        return MR_JOIN_WOULD_CIRCLE;
    }
    for (uint32_t i = 1; i < list->count; i++) {
        groups->parents.items[mr_groups_find(groups, list->items[i])] = into;
    }
    return MR_JOINED;
}
