/* The simulated disk as checkers see it, past the interface. */
#include "tests/simulation/sim_disk.h"

#include <inttypes.h>

#include "runtime/base/assert.h"
#include "runtime/base/hash.h"
#include "tests/simulation/sim_disk_model.h"

static const sim_entries *entries_of(const sim_node *node, mr_sim_view view) {
    return view == MR_SIM_CURRENT ? &node->entries : &node->entries_durable;
}

static mr_bytes image_of(const sim_node *node, mr_sim_view view) {
    const mr_shared *image = view == MR_SIM_CURRENT ? node->current : node->durable;
    return image ? mr_bytes_of(image->data, image->len) : mr_bytes_text("");
}

static sim_node *find_file(const mr_sim_disk *sim, mr_sim_view view, const char *path) {
    sim_node *node = sim->nodes[SIM_ROOT];
    char name[256];
    while (*path != '\0') {
        size_t len = strcspn(path, "/");
        MR_ASSERT(len < sizeof name);
        memcpy(name, path, len);
        name[len] = '\0';
        sim_node_id child = sim_entries_find(entries_of(node, view), name);
        if (child == SIM_NO_NODE) {
            return NULL;
        }
        node = sim->nodes[child];
        path += len + (path[len] == '/');
    }
    return node->is_dir ? NULL : node;
}

mr_status mr_sim_disk_content(const mr_sim_disk *sim, mr_sim_view view, const char *path,
                              mr_buf *out) {
    const sim_node *node = find_file(sim, view, path);
    if (node == NULL) {
        return MR_NOT_FOUND;
    }
    mr_buf_put_bytes(out, image_of(node, view));
    return MR_OK;
}

mr_status mr_sim_disk_flip_bit(mr_sim_disk *sim, const char *path, uint64_t byte_at, int bit) {
    MR_ASSERT(bit >= 0 && bit < 8);
    sim_node *node = find_file(sim, MR_SIM_CURRENT, path);
    if (node == NULL || byte_at >= sim_image_size(node->current)) {
        return MR_NOT_FOUND;
    }
    uint8_t byte = (uint8_t)(node->current->data[byte_at] ^ 1u << bit);
    sim_image_write(&node->current, byte_at, &byte, 1);
    if (byte_at < sim_image_size(node->durable)) {
        byte = (uint8_t)(node->durable->data[byte_at] ^ 1u << bit);
        sim_image_write(&node->durable, byte_at, &byte, 1);
    }
    sim->faults_fired++;
    return MR_OK;
}

typedef void (*visit_file)(void *arg, const char *path, const sim_node *node);

/* path holds the directory's own path and is given back as it was. */
static void walk(const mr_sim_disk *sim, mr_sim_view view, const sim_node *dir, mr_buf *path,
                 visit_file visit, void *arg) {
    const sim_entries *entries = entries_of(dir, view);
    size_t len = path->len;
    for (size_t i = 0; i < entries->count; i++) {
        const sim_node *child = sim->nodes[entries->items[i].child];
        mr_buf_put_text(path, len > 0 ? "/" : "");
        mr_buf_put_text(path, entries->items[i].name);
        if (child->is_dir) {
            walk(sim, view, child, path, visit, arg);
        } else {
            visit(arg, mr_buf_cstr(path), child);
        }
        path->len = len;
    }
}

static void walk_all(const mr_sim_disk *sim, mr_sim_view view, visit_file visit, void *arg) {
    mr_buf path = {0};
    walk(sim, view, sim->nodes[SIM_ROOT], &path, visit, arg);
    mr_buf_deinit(&path);
}

static void put_path(void *arg, const char *path, const sim_node *node) {
    (void)node;
    mr_buf_put(arg, path, strlen(path) + 1);
}

void mr_sim_disk_paths(const mr_sim_disk *sim, mr_sim_view view, mr_buf *out) {
    walk_all(sim, view, put_path, out);
}

typedef struct disk_hash {
    mr_sim_view view;
    uint64_t value;
} disk_hash;

static void hash_in(disk_hash *hash, mr_bytes bytes) {
    uint64_t part = (uint64_t)mr_crc32c(0, bytes.data, bytes.len) << 32 | (uint32_t)bytes.len;
    hash->value = (hash->value ^ part) * 0x100000001b3u;
    hash->value ^= hash->value >> 29;
}

static void hash_file(void *arg, const char *path, const sim_node *node) {
    disk_hash *hash = arg;
    hash_in(hash, mr_bytes_text(path));
    hash_in(hash, image_of(node, hash->view));
}

uint64_t mr_sim_disk_hash(const mr_sim_disk *sim, mr_sim_view view) {
    disk_hash hash = {view, 0xcbf29ce484222325u};
    walk_all(sim, view, hash_file, &hash);
    return hash.value;
}

/* ---- messages ---- */

/* Appends the path of a node; false: no name leads to it. */
static bool put_path_of(const mr_sim_disk *sim, const sim_node *dir, sim_node_id wanted,
                        mr_buf *path) {
    size_t len = path->len;
    for (size_t i = 0; i < dir->entries.count; i++) {
        const sim_entry *entry = &dir->entries.items[i];
        const sim_node *child = sim->nodes[entry->child];
        mr_buf_printf(path, "%s%s", len > 0 ? "/" : "", entry->name);
        if (entry->child == wanted || (child->is_dir && put_path_of(sim, child, wanted, path))) {
            return true;
        }
        path->len = len;
    }
    return false;
}

static void describe_change(const sim_change *change, const char *path, mr_buf *out) {
    switch (change->kind) {
    case SIM_WRITE:
        mr_buf_printf(out, "%s: write [%" PRIu64 ", %" PRIu64 ")\n", path, change->at,
                      change->at + change->len);
        return;
    case SIM_TRUNCATE:
        mr_buf_printf(out, "%s: truncate to %" PRIu64 "\n", path, change->at);
        return;
    case SIM_LINK:
        mr_buf_printf(out, "%s: add name %s\n", path, change->name);
        return;
    case SIM_UNLINK:
        mr_buf_printf(out, "%s: remove name %s\n", path, change->name);
        return;
    case SIM_RENAME:
        mr_buf_printf(out, "%s: rename %s to %s\n", path, change->name, change->new_name);
        return;
    }
    MR_UNREACHABLE();
}

void mr_sim_disk_describe(const mr_sim_disk *sim, mr_buf *out) {
    mr_buf path = {0};
    for (size_t i = 0; i < sim->nodes_count; i++) {
        const sim_node *node = sim->nodes[i];
        if (node == NULL || node->changes_count == 0) {
            continue;
        }
        mr_buf_clear(&path);
        if (node->id == SIM_ROOT) {
            mr_buf_put_text(&path, ".");
        } else if (!put_path_of(sim, sim->nodes[SIM_ROOT], node->id, &path)) {
            mr_buf_put_text(&path, "(removed)");
        }
        for (size_t c = 0; c < node->changes_count; c++) {
            describe_change(&node->changes[c], mr_buf_cstr(&path), out);
        }
    }
    mr_buf_deinit(&path);
}
