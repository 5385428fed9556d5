#include "tests/simulation/sim_disk_model.h"

#include "runtime/base/alloc.h"
#include "runtime/base/assert.h"

/* ---- images ---- */

/* Makes the image this owner's alone, with room for cap bytes. */
static void own(mr_shared **image, size_t cap) {
    mr_shared *old = *image;
    if (old && atomic_load(&old->refs) == 1 && old->cap >= cap) {
        return;
    }
    size_t len = old ? old->len : 0;
    size_t grown = old && cap > old->cap ? old->cap * 2 : cap;
    size_t least = grown > cap ? grown : cap;
    mr_shared *owned = mr_shared_create(least > len ? least : len);
    if (len > 0) {
        memcpy(owned->data, old->data, len);
    }
    owned->len = len;
    mr_shared_unref(old);
    *image = owned;
}

void sim_image_resize(mr_shared **image, uint64_t len) {
    uint64_t size = sim_image_size(*image);
    if (len == size) {
        return;
    }
    own(image, (size_t)len);
    if (len > size) {
        memset((*image)->data + size, 0, (size_t)(len - size));
    }
    (*image)->len = (size_t)len;
}

void sim_image_write(mr_shared **image, uint64_t at, const uint8_t *data, size_t len) {
    if (len == 0) {
        return;
    }
    if (at + len > sim_image_size(*image)) {
        sim_image_resize(image, at + len);
    }
    own(image, 0);
    memcpy((*image)->data + at, data, len);
}

void sim_image_share(mr_shared **image, mr_shared *other) {
    mr_shared *old = *image;
    *image = other ? mr_shared_ref(other) : NULL;
    mr_shared_unref(old);
}

/* ---- names ---- */

/* The place of the name, or where it would stand. */
static size_t entries_place(const sim_entries *entries, const char *name) {
    size_t from = 0;
    size_t to = entries->count;
    while (from < to) {
        size_t middle = from + (to - from) / 2;
        if (strcmp(entries->items[middle].name, name) < 0) {
            from = middle + 1;
        } else {
            to = middle;
        }
    }
    return from;
}

static bool entries_has(const sim_entries *entries, size_t place, const char *name) {
    return place < entries->count && strcmp(entries->items[place].name, name) == 0;
}

sim_node_id sim_entries_find(const sim_entries *entries, const char *name) {
    size_t place = entries_place(entries, name);
    return entries_has(entries, place, name) ? entries->items[place].child : SIM_NO_NODE;
}

void sim_entries_set(sim_entries *entries, const char *name, sim_node_id child) {
    size_t place = entries_place(entries, name);
    if (entries_has(entries, place, name)) {
        entries->items[place].child = child;
        return;
    }
    if (entries->count == entries->cap) {
        entries->cap = entries->cap > 0 ? entries->cap * 2 : 8;
        entries->items = mr_realloc(entries->items, entries->cap * sizeof *entries->items);
    }
    memmove(entries->items + place + 1, entries->items + place,
            (entries->count - place) * sizeof *entries->items);
    entries->items[place] = (sim_entry){mr_strdup(name), child};
    entries->count++;
}

void sim_entries_remove(sim_entries *entries, const char *name, sim_node_id child) {
    size_t place = entries_place(entries, name);
    if (!entries_has(entries, place, name) || entries->items[place].child != child) {
        return;
    }
    mr_free(entries->items[place].name);
    entries->count--;
    memmove(entries->items + place, entries->items + place + 1,
            (entries->count - place) * sizeof *entries->items);
}

static void entries_deinit(sim_entries *entries) {
    for (size_t i = 0; i < entries->count; i++) {
        mr_free(entries->items[i].name);
    }
    mr_free(entries->items);
    *entries = (sim_entries){0};
}

void sim_entries_copy(sim_entries *to, const sim_entries *from) {
    entries_deinit(to);
    if (from->count == 0) {
        return;
    }
    to->items = mr_alloc_array(from->count, sizeof *to->items);
    to->count = to->cap = from->count;
    for (size_t i = 0; i < from->count; i++) {
        to->items[i] = (sim_entry){mr_strdup(from->items[i].name), from->items[i].child};
    }
}

/* ---- nodes ---- */

static size_t live_nodes(const mr_sim_disk *sim) {
    size_t live = 0;
    for (size_t i = 0; i < sim->nodes_count; i++) {
        live += sim->nodes[i] != NULL;
    }
    return live;
}

sim_node *sim_node_create(mr_sim_disk *sim, bool is_dir) {
    if (sim->nodes_count >= sim->sweep_at) {
        sim_sweep(sim);
        sim->sweep_at = sim->nodes_count + live_nodes(sim) + 256;
    }
    if (sim->nodes_count == sim->nodes_cap) {
        sim->nodes_cap = sim->nodes_cap > 0 ? sim->nodes_cap * 2 : 16;
        sim->nodes = mr_realloc(sim->nodes, sim->nodes_cap * sizeof(sim_node *));
    }
    sim_node *node = mr_alloc(sizeof *node);
    node->id = (sim_node_id)sim->nodes_count;
    node->is_dir = is_dir;
    sim->nodes[sim->nodes_count++] = node;
    return node;
}

static sim_change change_copy(const sim_change *change) {
    sim_change copy = *change;
    copy.data = change->data ? mr_shared_ref(change->data) : NULL;
    copy.name = change->name ? mr_strdup(change->name) : NULL;
    copy.new_name = change->new_name ? mr_strdup(change->new_name) : NULL;
    return copy;
}

sim_node *sim_node_copy(const sim_node *node) {
    sim_node *copy = mr_alloc(sizeof *copy);
    copy->id = node->id;
    copy->is_dir = node->is_dir;
    copy->links = node->links;
    copy->reserved = node->reserved;
    copy->reserved_durable = node->reserved_durable;
    sim_image_share(&copy->current, node->current);
    sim_image_share(&copy->durable, node->durable);
    sim_entries_copy(&copy->entries, &node->entries);
    sim_entries_copy(&copy->entries_durable, &node->entries_durable);
    if (node->changes_count > 0) {
        copy->changes = mr_alloc_array(node->changes_count, sizeof *copy->changes);
        copy->changes_count = copy->changes_cap = node->changes_count;
    }
    for (size_t i = 0; i < node->changes_count; i++) {
        copy->changes[i] = change_copy(&node->changes[i]);
    }
    return copy;
}

void sim_node_destroy(sim_node *node) {
    if (!node) {
        return;
    }
    sim_changes_clear(node);
    mr_free(node->changes);
    mr_shared_unref(node->current);
    mr_shared_unref(node->durable);
    entries_deinit(&node->entries);
    entries_deinit(&node->entries_durable);
    mr_free(node);
}

void sim_node_charge(mr_sim_disk *sim, sim_node *node) {
    uint64_t charge = 0;
    if (!node->is_dir && (node->links > 0 || node->handles > 0)) {
        uint64_t size = sim_image_size(node->current);
        charge = size > node->reserved ? size : node->reserved;
    }
    sim->used = sim->used - node->charged + charge;
    node->charged = charge;
}

static void mark(const mr_sim_disk *sim, sim_node_id id) {
    sim_node *node = sim->nodes[id];
    MR_ASSERT(node != NULL);
    if (node->marked) {
        return;
    }
    node->marked = true;
    for (size_t i = 0; i < node->entries.count; i++) {
        mark(sim, node->entries.items[i].child);
    }
    for (size_t i = 0; i < node->entries_durable.count; i++) {
        mark(sim, node->entries_durable.items[i].child);
    }
    for (size_t i = 0; i < node->changes_count && node->is_dir; i++) {
        mark(sim, node->changes[i].child);
    }
}

void sim_mark(const mr_sim_disk *sim) {
    mark(sim, SIM_ROOT);
}

void sim_unmark(const mr_sim_disk *sim) {
    for (size_t i = 0; i < sim->nodes_count; i++) {
        if (sim->nodes[i] != NULL) {
            sim->nodes[i]->marked = false;
        }
    }
}

void sim_sweep(mr_sim_disk *sim) {
    sim_mark(sim);
    for (sim_handle *handle = sim->handles; handle; handle = handle->next) {
        if (handle->life == sim->life) {
            mark(sim, handle->node);
        }
    }
    for (size_t i = 0; i < sim->nodes_count; i++) {
        sim_node *node = sim->nodes[i];
        if (node && !node->marked) {
            MR_ASSERT(node->links == 0);
            sim_node_charge(sim, node);
            sim_node_destroy(node);
            sim->nodes[i] = NULL;
        }
    }
    sim_unmark(sim);
}

/* ---- changes ---- */

static void change_deinit(sim_change *change) {
    mr_shared_unref(change->data);
    mr_free(change->name);
    mr_free(change->new_name);
}

void sim_changes_clear(sim_node *node) {
    for (size_t i = 0; i < node->changes_count; i++) {
        change_deinit(&node->changes[i]);
    }
    node->changes_count = 0;
}

static void write_back_half(sim_node *node) {
    size_t half = node->changes_count / 2;
    for (size_t i = 0; i < half; i++) {
        sim_change_apply(node, &node->changes[i]);
        change_deinit(&node->changes[i]);
    }
    node->changes_count -= half;
    memmove(node->changes, node->changes + half, node->changes_count * sizeof *node->changes);
}

void sim_change_add(mr_sim_disk *sim, sim_node *node, sim_change change) {
    if (node->changes_count == SIM_CHANGES_MAX) {
        write_back_half(node);
    }
    if (node->changes_count == node->changes_cap) {
        node->changes_cap = node->changes_cap > 0 ? node->changes_cap * 2 : 4;
        node->changes = mr_realloc(node->changes, node->changes_cap * sizeof *node->changes);
    }
    change.order = sim->order_next++;
    change.name = change.name ? mr_strdup(change.name) : NULL;
    change.new_name = change.new_name ? mr_strdup(change.new_name) : NULL;
    node->changes[node->changes_count++] = change;
}

/* A rename that reached the disk without the one before it still leaves the file one name. */
static void remove_names_of(sim_entries *entries, sim_node_id child) {
    for (size_t i = entries->count; i-- > 0;) {
        if (entries->items[i].child == child) {
            sim_entries_remove(entries, entries->items[i].name, child);
        }
    }
}

void sim_change_apply(sim_node *node, const sim_change *change) {
    switch (change->kind) {
    case SIM_WRITE:
        sim_image_write(&node->durable, change->data_at, change->data->data, change->data->len);
        return;
    case SIM_TRUNCATE:
        sim_image_resize(&node->durable, change->at);
        return;
    case SIM_LINK:
        sim_entries_set(&node->entries_durable, change->name, change->child);
        return;
    case SIM_UNLINK:
        sim_entries_remove(&node->entries_durable, change->name, change->child);
        return;
    case SIM_RENAME:
        remove_names_of(&node->entries_durable, change->child);
        sim_entries_set(&node->entries_durable, change->new_name, change->child);
        return;
    }
    MR_UNREACHABLE();
}
