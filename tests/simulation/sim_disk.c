#include "tests/simulation/sim_disk.h"

#include <errno.h>

#include "runtime/base/alloc.h"
#include "runtime/base/assert.h"
#include "tests/simulation/sim_disk_model.h"

static mr_sim_disk *sim_of(mr_disk *disk) {
    return (mr_sim_disk *)disk;
}
static mr_sim_disk *sim_of_file(const mr_file *file) {
    return (mr_sim_disk *)file->disk;
}

/* ---- entering and leaving a call ---- */

static mr_status power_is_off(mr_err *err) {
    return mr_err_sys(err, MR_UNAVAILABLE, EIO, "the simulated power is off");
}

static mr_status enter_read(mr_sim_disk *sim, mr_err *err) {
    sim->reads++;
    return sim->off ? power_is_off(err) : MR_OK;
}

/* MR_OK: do it, then leave(). At the stop point sim->off is set already. */
static mr_status enter_mutation(mr_sim_disk *sim, mr_err *err) {
    uint64_t number = sim->mutations++;
    if (sim->off) {
        return power_is_off(err);
    }
    sim->off = number >= sim->stop_at;
    return MR_OK;
}

static mr_status leave(const mr_sim_disk *sim, mr_err *err) {
    return sim->off ? power_is_off(err) : MR_OK;
}

static mr_status check_alive(const mr_file *file, mr_err *err) {
    const sim_handle *handle = (const sim_handle *)file;
    if (handle->life != sim_of_file(file)->life) {
        return mr_err_set(err, MR_UNAVAILABLE, "this handle is from before the crash");
    }
    return MR_OK;
}

/* Counts a fault down; true when it fires. */
static bool fires(mr_sim_disk *sim, uint64_t *countdown) {
    if (*countdown == 0 || --*countdown > 0) {
        return false;
    }
    sim->faults_fired++;
    return true;
}

static size_t maybe_short(mr_sim_disk *sim, size_t len) {
    if (len < 2 || sim->faults.short_io_percent == 0 ||
        mr_prng_below(&sim->prng, 100) >= sim->faults.short_io_percent) {
        return len;
    }
    sim->faults_fired++;
    return 1 + (size_t)mr_prng_below(&sim->prng, len - 1);
}

static mr_status failed_io(mr_err *err, const char *verb) {
    return mr_err_sys(err, MR_UNAVAILABLE, EIO, "cannot %s", verb);
}

static mr_status disk_full(mr_err *err, const char *verb) {
    return mr_err_sys(err, MR_FULL, ENOSPC, "cannot %s", verb);
}

/* ---- names ---- */

static mr_status check_path(const char *path, mr_err *err) {
    const char *at = path;
    while (*path != '\0') {
        size_t len = strcspn(at, "/");
        bool dots = (len == 1 && at[0] == '.') || (len == 2 && at[0] == '.' && at[1] == '.');
        if (len == 0 || dots) {
            return mr_err_set(err, MR_INVALID, "not a name below the root: \"%s\"", path);
        }
        if (at[len] == '\0') {
            break;
        }
        at += len + 1;
    }
    return MR_OK;
}

/* The node of a path; *out is NULL if its last component is missing. *parent_out and *name_out
 * (borrowed from path) tell where it would stand; for the root they are NULL. */
static mr_status resolve(const mr_sim_disk *sim, const char *path, sim_node **out,
                         sim_node **parent_out, const char **name_out, mr_err *err) {
    mr_status status = check_path(path, err);
    sim_node *parent = NULL;
    sim_node *node = sim->nodes[SIM_ROOT];
    const char *at = path;
    char name[256];
    while (status == MR_OK && *at != '\0') {
        size_t len = strcspn(at, "/");
        if (node == NULL) {
            return mr_err_set(err, MR_NOT_FOUND, "no directory for %s", path);
        }
        if (!node->is_dir || len >= sizeof name) {
            return mr_err_set(err, MR_INVALID, "no directory, or too long a name: %s", path);
        }
        memcpy(name, at, len);
        name[len] = '\0';
        parent = node;
        *name_out = at;
        sim_node_id child = sim_entries_find(&parent->entries, name);
        node = child != SIM_NO_NODE ? sim->nodes[child] : NULL;
        at += len + (at[len] == '/');
    }
    *out = node;
    *parent_out = parent;
    return status;
}

static mr_status not_there(mr_err *err, const char *path) {
    return mr_err_sys(err, MR_NOT_FOUND, ENOENT, "%s", path);
}

/* As resolve, and the node must be there. */
static mr_status resolve_there(const mr_sim_disk *sim, const char *path, sim_node **out,
                               sim_node **parent_out, const char **name_out, mr_err *err) {
    mr_status status = resolve(sim, path, out, parent_out, name_out, err);
    return status == MR_OK && *out == NULL ? not_there(err, path) : status;
}

static void link_child(mr_sim_disk *sim, sim_node *dir, const char *name, sim_node *child) {
    sim_entries_set(&dir->entries, name, child->id);
    child->links++;
    sim_node_charge(sim, child);
}

static void unlink_child(mr_sim_disk *sim, sim_node *dir, const char *name, sim_node *child) {
    sim_entries_remove(&dir->entries, name, child->id);
    MR_ASSERT(child->links > 0);
    child->links--;
    sim_node_charge(sim, child);
}

static sim_node *create_child(mr_sim_disk *sim, sim_node *dir, const char *name, bool is_dir) {
    sim_node *child = sim_node_create(sim, is_dir);
    link_child(sim, dir, name, child);
    sim_change_add(sim, dir,
                   (sim_change){.kind = SIM_LINK, .child = child->id, .name = (char *)name});
    return child;
}

/* ---- handles ---- */

static mr_file *handle_create(mr_sim_disk *sim, sim_node *node, bool writable) {
    sim_handle *handle = mr_alloc(sizeof *handle);
    handle->file.disk = &sim->disk;
    handle->node = node->id;
    handle->life = sim->life;
    handle->writable = writable;
    handle->next = sim->handles;
    if (sim->handles) {
        sim->handles->previous = handle;
    }
    sim->handles = handle;
    sim->handles_count++;
    node->handles++;
    sim_node_charge(sim, node);
    return &handle->file;
}

static void sim_close(mr_file *file) {
    mr_sim_disk *sim = sim_of_file(file);
    sim_handle *handle = (sim_handle *)file;
    if (handle->life == sim->life) {
        sim_node *node = sim->nodes[handle->node];
        node->handles--;
        sim_node_charge(sim, node);
    }
    if (handle->previous) {
        handle->previous->next = handle->next;
    } else {
        sim->handles = handle->next;
    }
    if (handle->next) {
        handle->next->previous = handle->previous;
    }
    sim->handles_count--;
    mr_free(handle);
}

static sim_node *node_of(mr_file *file) {
    sim_node *node = sim_of_file(file)->nodes[((sim_handle *)file)->node];
    MR_ASSERT(node != NULL);
    return node;
}

static mr_status sim_open(mr_disk *disk, const char *path, mr_disk_open_mode mode, mr_file **out,
                          mr_err *err) {
    mr_sim_disk *sim = sim_of(disk);
    sim_node *node;
    sim_node *parent;
    const char *name;
    mr_status found = resolve(sim, path, &node, &parent, &name, err);
    bool creates = found == MR_OK && node == NULL && mode >= MR_DISK_CREATE;
    mr_status status = creates ? enter_mutation(sim, err) : enter_read(sim, err);
    if (status != MR_OK || found != MR_OK) {
        return status != MR_OK ? status : found;
    }
    if (creates) {
        node = create_child(sim, parent, name, false);
        status = leave(sim, err);
        if (status != MR_OK) {
            return status;
        }
    } else if (node == NULL) {
        return not_there(err, path);
    } else if (mode == MR_DISK_CREATE_NEW) {
        return mr_err_sys(err, MR_EXISTS, EEXIST, "%s", path);
    }
    if (node->is_dir) {
        return mr_err_sys(err, MR_INVALID, EISDIR, "%s", path);
    }
    *out = handle_create(sim, node, mode != MR_DISK_READ);
    return MR_OK;
}

/* ---- contents ---- */

static mr_status sim_pread(mr_file *file, void *data, size_t len, uint64_t at, size_t *got,
                           mr_err *err) {
    mr_sim_disk *sim = sim_of_file(file);
    *got = 0;
    mr_status status = check_alive(file, err);
    if (status == MR_OK) {
        status = enter_read(sim, err);
    }
    if (status != MR_OK) {
        return status;
    }
    if (fires(sim, &sim->faults.read_fails_at)) {
        return failed_io(err, "read");
    }
    const mr_shared *image = node_of(file)->current;
    uint64_t size = sim_image_size(image);
    if (at >= size || len == 0) {
        return MR_OK;
    }
    size_t there = len < size - at ? len : (size_t)(size - at);
    *got = maybe_short(sim, there);
    memcpy(data, image->data + at, *got);
    return MR_OK;
}

/* Bytes of [at, at + len) that the disk has room for. */
static size_t room_for(const mr_sim_disk *sim, const sim_node *node, uint64_t at, size_t len) {
    if (sim->capacity == 0) {
        return len;
    }
    uint64_t size = sim_image_size(node->current);
    uint64_t taken = size > node->reserved ? size : node->reserved;
    uint64_t free_bytes = sim->capacity > sim->used ? sim->capacity - sim->used : 0;
    uint64_t end_max = taken + free_bytes;
    if (at + len <= end_max) {
        return len;
    }
    return at >= end_max ? 0 : (size_t)(end_max - at);
}

/* The change holds whole sectors as they are now: that is what a disk writes. */
static void note_write(mr_sim_disk *sim, sim_node *node, uint64_t at, size_t len) {
    uint64_t size = node->current->len;
    uint64_t from = at - at % MR_SIM_SECTOR_BYTES;
    uint64_t to = at + len + (MR_SIM_SECTOR_BYTES - 1);
    to -= to % MR_SIM_SECTOR_BYTES;
    to = to < size ? to : size;
    mr_shared *data = mr_shared_create((size_t)(to - from));
    memcpy(data->data, node->current->data + from, (size_t)(to - from));
    data->len = (size_t)(to - from);
    sim_change_add(
        sim, node,
        (sim_change){.kind = SIM_WRITE, .at = at, .len = len, .data_at = from, .data = data});
}

static mr_status sim_pwrite(mr_file *file, const void *data, size_t len, uint64_t at, size_t *put,
                            mr_err *err) {
    mr_sim_disk *sim = sim_of_file(file);
    MR_ASSERT(((sim_handle *)file)->writable);
    *put = 0;
    mr_status status = check_alive(file, err);
    if (status == MR_OK) {
        status = enter_mutation(sim, err);
    }
    if (status != MR_OK || len == 0) {
        return status;
    }
    if (fires(sim, &sim->faults.write_fails_at)) {
        return failed_io(err, "write");
    }
    sim_node *node = node_of(file);
    size_t room = room_for(sim, node, at, len);
    if (room == 0) {
        return disk_full(err, "write");
    }
    size_t count = maybe_short(sim, room);
    sim_image_write(&node->current, at, data, count);
    note_write(sim, node, at, count);
    sim_node_charge(sim, node);
    *put = count;
    return leave(sim, err);
}

static mr_status sim_sync(mr_file *file, mr_err *err) {
    mr_sim_disk *sim = sim_of_file(file);
    mr_status status = check_alive(file, err);
    if (status == MR_OK) {
        status = enter_mutation(sim, err);
    }
    if (status != MR_OK || sim->off) {
        return status != MR_OK ? status : leave(sim, err);
    }
    sim_node *node = node_of(file);
    if (fires(sim, &sim->faults.sync_fails_at)) {
        sim_changes_clear(node);
        return failed_io(err, "sync");
    }
    for (size_t i = 0; i < node->changes_count; i++) {
        sim_change_apply(node, &node->changes[i]);
    }
    sim_changes_clear(node);
    node->reserved_durable = node->reserved;
    return MR_OK;
}

static mr_status sim_truncate(mr_file *file, uint64_t len, mr_err *err) {
    mr_sim_disk *sim = sim_of_file(file);
    MR_ASSERT(((sim_handle *)file)->writable);
    mr_status status = check_alive(file, err);
    if (status == MR_OK) {
        status = enter_mutation(sim, err);
    }
    if (status != MR_OK) {
        return status;
    }
    sim_node *node = node_of(file);
    uint64_t size = sim_image_size(node->current);
    if (len > size && room_for(sim, node, size, (size_t)(len - size)) < len - size) {
        return disk_full(err, "truncate");
    }
    sim_image_resize(&node->current, len);
    node->reserved = len; /* a cut gives back what was reserved behind it */
    sim_change_add(sim, node, (sim_change){.kind = SIM_TRUNCATE, .at = len});
    sim_node_charge(sim, node);
    return leave(sim, err);
}

static mr_status sim_allocate(mr_file *file, uint64_t at, uint64_t len, mr_err *err) {
    mr_sim_disk *sim = sim_of_file(file);
    MR_ASSERT(((sim_handle *)file)->writable);
    mr_status status = check_alive(file, err);
    if (status == MR_OK) {
        status = enter_mutation(sim, err);
    }
    if (status != MR_OK) {
        return status;
    }
    sim_node *node = node_of(file);
    if (room_for(sim, node, at, (size_t)len) < len) {
        return disk_full(err, "reserve space");
    }
    node->reserved = at + len > node->reserved ? at + len : node->reserved;
    sim_node_charge(sim, node);
    return leave(sim, err);
}

/* ---- directories ---- */

static mr_status sim_info(mr_disk *disk, const char *path, mr_disk_info *out, mr_err *err) {
    mr_sim_disk *sim = sim_of(disk);
    sim_node *node;
    sim_node *parent;
    const char *name;
    mr_status status = enter_read(sim, err);
    if (status == MR_OK) {
        status = resolve_there(sim, path, &node, &parent, &name, err);
    }
    if (status != MR_OK) {
        return status;
    }
    *out = (mr_disk_info){.size_bytes = sim_image_size(node->current), .is_dir = node->is_dir};
    out->identity[0] = node->id;
    return MR_OK;
}

static void move_name(mr_sim_disk *sim, sim_node *node, sim_node *from_dir, const char *from_name,
                      sim_node *to_dir, const char *to_name) {
    char *old_name = mr_strdup(from_name);
    sim_entries_remove(&from_dir->entries, from_name, node->id);
    sim_entries_set(&to_dir->entries, to_name, node->id);
    if (from_dir == to_dir) {
        sim_change_add(sim, to_dir,
                       (sim_change){.kind = SIM_RENAME,
                                    .child = node->id,
                                    .name = old_name,
                                    .new_name = (char *)to_name});
    } else {
        /* Two directories, two syncs: only together are they durable. */
        sim_change_add(sim, to_dir,
                       (sim_change){.kind = SIM_LINK, .child = node->id, .name = (char *)to_name});
        sim_change_add(sim, from_dir,
                       (sim_change){.kind = SIM_UNLINK, .child = node->id, .name = old_name});
    }
    mr_free(old_name);
}

static mr_status sim_rename(mr_disk *disk, const char *from, const char *to,
                            mr_disk_rename_mode mode, mr_err *err) {
    mr_sim_disk *sim = sim_of(disk);
    sim_node *node;
    sim_node *from_dir;
    const char *from_name;
    sim_node *old;
    sim_node *to_dir;
    const char *to_name;
    mr_status status = enter_mutation(sim, err);
    if (status == MR_OK) {
        status = resolve_there(sim, from, &node, &from_dir, &from_name, err);
    }
    if (status == MR_OK) {
        status = resolve(sim, to, &old, &to_dir, &to_name, err);
    }
    if (status != MR_OK) {
        return status;
    }
    if (from_dir == NULL || to_dir == NULL || (node->is_dir && from_dir != to_dir) ||
        (old != NULL && mode == MR_DISK_REPLACE && (node->is_dir || old->is_dir) && old != node)) {
        return mr_err_set(err, MR_INVALID, "cannot rename %s to %s on the simulated disk", from,
                          to);
    }
    if (old != NULL && mode == MR_DISK_KEEP) {
        return mr_err_sys(err, MR_EXISTS, EEXIST, "%s", to);
    }
    if (old == node) {
        return leave(sim, err);
    }
    if (old != NULL) {
        unlink_child(sim, to_dir, to_name, old);
    }
    move_name(sim, node, from_dir, from_name, to_dir, to_name);
    return leave(sim, err);
}

static mr_status sim_remove(mr_disk *disk, const char *path, mr_err *err) {
    mr_sim_disk *sim = sim_of(disk);
    sim_node *node;
    sim_node *parent;
    const char *name;
    mr_status status = enter_mutation(sim, err);
    if (status == MR_OK) {
        status = resolve_there(sim, path, &node, &parent, &name, err);
    }
    if (status != MR_OK) {
        return status;
    }
    if (parent == NULL || node->entries.count > 0) {
        return mr_err_sys(err, MR_INVALID, ENOTEMPTY, "%s", path);
    }
    unlink_child(sim, parent, name, node);
    sim_change_add(sim, parent,
                   (sim_change){.kind = SIM_UNLINK, .child = node->id, .name = (char *)name});
    return leave(sim, err);
}

static mr_status make_one_dir(mr_sim_disk *sim, const char *path, mr_err *err) {
    sim_node *node;
    sim_node *parent;
    const char *name;
    mr_status found = resolve(sim, path, &node, &parent, &name, err);
    bool creates = found == MR_OK && node == NULL;
    mr_status status = creates ? enter_mutation(sim, err) : enter_read(sim, err);
    if (status != MR_OK || found != MR_OK) {
        return status != MR_OK ? status : found;
    }
    if (creates) {
        create_child(sim, parent, name, true);
        return leave(sim, err);
    }
    return node->is_dir ? MR_OK : mr_err_sys(err, MR_INVALID, ENOTDIR, "%s", path);
}

static mr_status sim_make_dir(mr_disk *disk, const char *path, mr_err *err) {
    mr_sim_disk *sim = sim_of(disk);
    mr_status status = check_path(path, err);
    char *part = mr_strdup(path);
    for (size_t at = 0; status == MR_OK && path[at] != '\0';) {
        at += strcspn(path + at, "/");
        part[at] = '\0';
        status = make_one_dir(sim, part, err);
        part[at] = path[at];
        at += path[at] == '/';
    }
    mr_free(part);
    return status;
}

static mr_status sim_sync_dir(mr_disk *disk, const char *path, mr_err *err) {
    mr_sim_disk *sim = sim_of(disk);
    sim_node *node;
    sim_node *parent;
    const char *name;
    mr_status status = enter_mutation(sim, err);
    if (status != MR_OK || sim->off) {
        return status != MR_OK ? status : leave(sim, err);
    }
    status = resolve_there(sim, path, &node, &parent, &name, err);
    if (status != MR_OK) {
        return status;
    }
    if (!node->is_dir) {
        return mr_err_sys(err, MR_INVALID, ENOTDIR, "%s", path);
    }
    if (fires(sim, &sim->faults.sync_fails_at)) {
        sim_changes_clear(node);
        return failed_io(err, "sync directory");
    }
    for (size_t i = 0; i < node->changes_count; i++) {
        sim_change_apply(node, &node->changes[i]);
    }
    sim_changes_clear(node);
    return MR_OK;
}

/* The names are copied first: the visitor may change the directory. */
static mr_status sim_list(mr_disk *disk, const char *path, mr_disk_visit visit, void *arg,
                          mr_err *err) {
    mr_sim_disk *sim = sim_of(disk);
    sim_node *node;
    sim_node *parent;
    const char *name;
    mr_status status = enter_read(sim, err);
    if (status == MR_OK) {
        status = resolve_there(sim, path, &node, &parent, &name, err);
    }
    if (status == MR_OK && !node->is_dir) {
        status = mr_err_sys(err, MR_INVALID, ENOTDIR, "%s", path);
    }
    if (status != MR_OK) {
        return status;
    }
    mr_buf names = {0};
    for (size_t i = 0; i < node->entries.count; i++) {
        const char *entry = node->entries.items[i].name;
        mr_buf_put(&names, entry, strlen(entry) + 1);
    }
    for (size_t at = 0; at < names.len && status == MR_OK;) {
        const char *entry = (const char *)names.data + at;
        at += strlen(entry) + 1;
        status = visit(arg, entry);
    }
    mr_buf_deinit(&names);
    return status;
}

/* ---- the lock ---- */

static mr_status sim_lock(mr_disk *disk, const char *path, mr_file **out, mr_err *err) {
    mr_file *file;
    mr_status status = sim_open(disk, path, MR_DISK_CREATE, &file, err);
    if (status != MR_OK) {
        return status;
    }
    sim_node *node = node_of(file);
    if (node->locked) {
        sim_close(file);
        return mr_err_set(err, MR_FENCED, "%s is held by process 1", path);
    }
    size_t put;
    status = sim_pwrite(file, "1\n", 2, 0, &put, err);
    if (status != MR_OK && status != MR_FULL) {
        sim_close(file);
        return status;
    }
    node->locked = true;
    *out = file;
    return MR_OK;
}

static void sim_unlock(mr_file *file) {
    if (check_alive(file, NULL) == MR_OK) {
        node_of(file)->locked = false;
    }
    sim_close(file);
}

/* ---- the disk ---- */

static const mr_disk_ops sim_ops = {
    .open = sim_open,
    .close = sim_close,
    .pread = sim_pread,
    .pwrite = sim_pwrite,
    .sync = sim_sync,
    .truncate = sim_truncate,
    .allocate = sim_allocate,
    .info = sim_info,
    .rename = sim_rename,
    .remove = sim_remove,
    .make_dir = sim_make_dir,
    .sync_dir = sim_sync_dir,
    .list = sim_list,
    .lock = sim_lock,
    .unlock = sim_unlock,
};

mr_sim_disk *mr_sim_disk_create(uint64_t seed, uint64_t capacity_bytes) {
    mr_sim_disk *sim = mr_alloc(sizeof *sim);
    sim->disk.ops = &sim_ops;
    sim->prng = mr_prng_seeded(seed);
    sim->capacity = capacity_bytes;
    sim->stop_at = UINT64_MAX;
    sim->sweep_at = 256;
    sim_node *root = sim_node_create(sim, true);
    MR_ASSERT(root->id == SIM_ROOT);
    root->links = 1;
    return sim;
}

void mr_sim_disk_destroy(mr_sim_disk *sim) {
    if (!sim) {
        return;
    }
    MR_ASSERT(sim->handles == NULL);
    for (size_t i = 0; i < sim->nodes_count; i++) {
        sim_node_destroy(sim->nodes[i]);
    }
    mr_free(sim->nodes);
    mr_free(sim);
}

mr_sim_disk *mr_sim_disk_clone(const mr_sim_disk *sim) {
    mr_sim_disk *clone = mr_alloc(sizeof *clone);
    *clone = *sim;
    clone->handles = NULL;
    clone->handles_count = 0;
    clone->stop_at = UINT64_MAX;
    clone->faults = (mr_sim_faults){0};
    clone->used = 0;
    clone->nodes = mr_alloc_array(sim->nodes_cap, sizeof(sim_node *));
    for (size_t i = 0; i < sim->nodes_count; i++) {
        if (sim->nodes[i] != NULL) {
            clone->nodes[i] = sim_node_copy(sim->nodes[i]);
            sim_node_charge(clone, clone->nodes[i]);
        }
    }
    return clone;
}

mr_disk *mr_sim_disk_disk(mr_sim_disk *sim) {
    return &sim->disk;
}
uint64_t mr_sim_disk_mutations(const mr_sim_disk *sim) {
    return sim->mutations;
}
uint64_t mr_sim_disk_reads(const mr_sim_disk *sim) {
    return sim->reads;
}
void mr_sim_disk_count_mutation(mr_sim_disk *sim) {
    mr_status status = enter_mutation(sim, NULL);
    (void)status; /* mr_sim_disk_is_off tells */
}
void mr_sim_disk_stop_at(mr_sim_disk *sim, uint64_t mutation) {
    sim->stop_at = mutation;
}
bool mr_sim_disk_is_off(const mr_sim_disk *sim) {
    return sim->off;
}
size_t mr_sim_disk_handles(const mr_sim_disk *sim) {
    return sim->handles_count;
}

void mr_sim_disk_set_faults(mr_sim_disk *sim, const mr_sim_faults *faults) {
    sim->faults = *faults;
}

uint64_t mr_sim_disk_faults_fired(const mr_sim_disk *sim) {
    return sim->faults_fired;
}

void mr_sim_disk_set_capacity(mr_sim_disk *sim, uint64_t capacity_bytes) {
    sim->capacity = capacity_bytes;
}

uint64_t mr_sim_disk_used_bytes(const mr_sim_disk *sim) {
    return sim->used;
}
