#include "statestore/store_rocksdb.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/base/alloc.h"
#include "runtime/base/assert.h"
#include "statestore/rocksdb_env.h"

/* Keys in the database:
 *
 *     00 "position"                -> the family's changelog position
 *     00 "position" 00 <rest>      -> the row whose key is 00 "position" <rest>
 *     any other key                -> the row of that key
 *
 * which keeps the order of keys, and lets a row have any key. */
static const uint8_t reserved[] = {0, 'p', 'o', 's', 'i', 't', 'i', 'o', 'n'};
#define RESERVED_BYTES sizeof reserved
#define PERSISTED_TIER                                                                             \
    2 /* ReadTier kPersistedTier: memtables are passed over while the WAL is off */
#define READ_ONLY_OPEN_ATTEMPTS 10

typedef struct rocks_store {
    mr_store base;       /* must be first */
    mr_rocksdb_env *env; /* NULL: reading only */
    mr_rocksdb_member member;
    rocksdb_column_family_handle_t **families; /* NULL: a missing one, when reading only */
    size_t families_count;
    rocksdb_options_t *options;
    rocksdb_readoptions_t *read;
    rocksdb_readoptions_t *read_persisted;
    rocksdb_writeoptions_t *write;
    rocksdb_writebatch_t *batch;
    mr_buf key; /* scratch */
} rocks_store;

struct mr_store_scan {
    rocks_store *store;
    rocksdb_iterator_t *iterator; /* NULL: no such family */
    mr_buf until;
    mr_buf key;
    bool bounded;
    bool moved; /* the row last handed out is still under the iterator */
};

/* ---- keys ---- */

static bool begins_reserved(mr_bytes key) {
    return key.len >= RESERVED_BYTES && memcmp(key.data, reserved, RESERVED_BYTES) == 0;
}

/* The key in the database; borrowed from key or *scratch. */
static mr_bytes key_stored(mr_bytes key, mr_buf *scratch) {
    if (!begins_reserved(key)) {
        return key;
    }
    mr_buf_clear(scratch);
    mr_buf_put(scratch, reserved, RESERVED_BYTES);
    mr_buf_put_u8(scratch, 0);
    mr_buf_put(scratch, key.data + RESERVED_BYTES, key.len - RESERVED_BYTES);
    return mr_buf_view(scratch);
}

static bool is_position(mr_bytes stored) {
    return stored.len == RESERVED_BYTES && begins_reserved(stored);
}

/* The row's key; borrowed from stored or *scratch. */
static mr_bytes key_of(mr_bytes stored, mr_buf *scratch) {
    if (!begins_reserved(stored)) {
        return stored;
    }
    MR_ASSERT(stored.len > RESERVED_BYTES);
    mr_buf_clear(scratch);
    mr_buf_put(scratch, reserved, RESERVED_BYTES);
    mr_buf_put(scratch, stored.data + RESERVED_BYTES + 1, stored.len - RESERVED_BYTES - 1);
    return mr_buf_view(scratch);
}

/* ---- rows ---- */

static rocksdb_column_family_handle_t *handle_of(const rocks_store *rocks, mr_family family) {
    MR_ASSERT(family < rocks->families_count);
    return rocks->families[family];
}

static mr_status get_stored(rocks_store *rocks, mr_family family, rocksdb_readoptions_t *options,
                            mr_bytes stored, mr_buf *value, mr_err *err) {
    rocksdb_column_family_handle_t *handle = handle_of(rocks, family);
    if (handle == NULL) {
        return MR_NOT_FOUND;
    }
    char *error = NULL;
    rocksdb_pinnableslice_t *slice = rocksdb_get_pinned_cf(
        rocks->member.db, options, handle, (const char *)stored.data, stored.len, &error);
    if (error != NULL) {
        return mr_rocksdb_status(error, err, "get");
    }
    if (slice == NULL) {
        return MR_NOT_FOUND;
    }
    size_t len = 0;
    const char *data = rocksdb_pinnableslice_value(slice, &len);
    mr_buf_clear(value);
    mr_buf_put(value, data, len);
    rocksdb_pinnableslice_destroy(slice);
    return MR_OK;
}

static mr_status rocks_get(mr_store *store, mr_family family, mr_bytes key, mr_buf *value,
                           mr_err *err) {
    rocks_store *rocks = (rocks_store *)store;
    return get_stored(rocks, family, rocks->read, key_stored(key, &rocks->key), value, err);
}

static void batch_add(rocks_store *rocks, mr_family family, mr_bytes stored, mr_bytes value) {
    rocksdb_column_family_handle_t *handle = handle_of(rocks, family);
    const char *key = (const char *)stored.data;
    if (mr_bytes_is_null(value)) {
        rocksdb_writebatch_delete_cf(rocks->batch, handle, key, stored.len);
    } else {
        rocksdb_writebatch_put_cf(rocks->batch, handle, key, stored.len, (const char *)value.data,
                                  value.len);
    }
}

static mr_status rocks_write(mr_store *store, const mr_store_batch *batch, mr_err *err) {
    rocks_store *rocks = (rocks_store *)store;
    MR_ASSERT(rocks->env != NULL);
    rocksdb_writebatch_clear(rocks->batch);
    for (size_t i = 0; i < batch->writes_count; i++) {
        const mr_store_write *write = &batch->writes[i];
        MR_ASSERT(!mr_bytes_is_null(write->key));
        batch_add(rocks, write->family, key_stored(write->key, &rocks->key), write->value);
    }
    for (size_t i = 0; i < batch->positions_count; i++) {
        mr_buf_clear(&rocks->key);
        mr_changelog_position_encode(&batch->positions[i], &rocks->key);
        batch_add(rocks, batch->position_families[i], mr_bytes_of(reserved, RESERVED_BYTES),
                  mr_buf_view(&rocks->key));
    }
    char *error = NULL;
    rocksdb_write(rocks->member.db, rocks->write, rocks->batch, &error);
    if (error != NULL) {
        return mr_rocksdb_status(error, err, "write");
    }
    mr_rocksdb_env_wrote(rocks->env, &rocks->member);
    return MR_OK;
}

/* ---- scans ---- */

static mr_store_scan *rocks_scan_open(mr_store *store, mr_family family, mr_bytes from,
                                      mr_bytes until) {
    rocks_store *rocks = (rocks_store *)store;
    mr_store_scan *scan = mr_alloc(sizeof *scan);
    scan->store = rocks;
    rocksdb_column_family_handle_t *handle = handle_of(rocks, family);
    if (handle == NULL) {
        return scan;
    }
    scan->bounded = !mr_bytes_is_null(until);
    if (scan->bounded) {
        mr_buf_put_bytes(&scan->until, key_stored(until, &rocks->key));
    }
    scan->iterator = rocksdb_create_iterator_cf(rocks->member.db, rocks->read, handle);
    if (mr_bytes_is_null(from)) {
        rocksdb_iter_seek_to_first(scan->iterator);
    } else {
        mr_bytes stored = key_stored(from, &rocks->key);
        rocksdb_iter_seek(scan->iterator, (const char *)stored.data, stored.len);
    }
    return scan;
}

static mr_bytes iterator_key(const rocksdb_iterator_t *iterator) {
    size_t len = 0;
    const char *data = rocksdb_iter_key(iterator, &len);
    return mr_bytes_of(data, len);
}

static mr_status rocks_scan_next(mr_store_scan *scan, mr_bytes *key, mr_bytes *value, mr_err *err) {
    if (scan->iterator == NULL) {
        return MR_NOT_FOUND;
    }
    if (scan->moved) {
        rocksdb_iter_next(scan->iterator);
        scan->moved = false;
    }
    if (rocksdb_iter_valid(scan->iterator) && is_position(iterator_key(scan->iterator))) {
        rocksdb_iter_next(scan->iterator);
    }
    if (!rocksdb_iter_valid(scan->iterator)) {
        char *error = NULL;
        rocksdb_iter_get_error(scan->iterator, &error);
        return error != NULL ? mr_rocksdb_status(error, err, "scan") : MR_NOT_FOUND;
    }
    mr_bytes stored = iterator_key(scan->iterator);
    if (scan->bounded && mr_bytes_compare(stored, mr_buf_view(&scan->until)) >= 0) {
        return MR_NOT_FOUND;
    }
    size_t len = 0;
    const char *data = rocksdb_iter_value(scan->iterator, &len);
    *key = key_of(stored, &scan->key);
    *value = mr_bytes_of(data, len);
    scan->moved = true;
    return MR_OK;
}

static void rocks_scan_close(mr_store_scan *scan) {
    if (scan->iterator != NULL) {
        rocksdb_iter_destroy(scan->iterator);
    }
    mr_buf_deinit(&scan->until);
    mr_buf_deinit(&scan->key);
    mr_free(scan);
}

static mr_status rocks_last(mr_store *store, mr_family family, mr_buf *key, mr_err *err) {
    rocks_store *rocks = (rocks_store *)store;
    rocksdb_column_family_handle_t *handle = handle_of(rocks, family);
    if (handle == NULL) {
        return MR_NOT_FOUND;
    }
    rocksdb_iterator_t *iterator =
        rocksdb_create_iterator_cf(rocks->member.db, rocks->read, handle);
    rocksdb_iter_seek_to_last(iterator);
    if (rocksdb_iter_valid(iterator) && is_position(iterator_key(iterator))) {
        rocksdb_iter_prev(iterator);
    }
    mr_status status = MR_NOT_FOUND;
    if (rocksdb_iter_valid(iterator)) {
        mr_buf_clear(key);
        mr_buf_put_bytes(key, key_of(iterator_key(iterator), &rocks->key));
        status = MR_OK;
    } else {
        char *error = NULL;
        rocksdb_iter_get_error(iterator, &error);
        status = error != NULL ? mr_rocksdb_status(error, err, "last key") : MR_NOT_FOUND;
    }
    rocksdb_iter_destroy(iterator);
    return status;
}

/* ---- positions and flushing ---- */

static mr_status position_by(rocks_store *rocks, mr_family family, rocksdb_readoptions_t *options,
                             mr_changelog_position *out, mr_err *err) {
    mr_status status =
        get_stored(rocks, family, options, mr_bytes_of(reserved, RESERVED_BYTES), &rocks->key, err);
    if (status != MR_OK) {
        return status;
    }
    status = mr_changelog_position_decode(mr_buf_view(&rocks->key), out);
    return status == MR_OK ? MR_OK : mr_err_set(err, status, "position: %zu bytes", rocks->key.len);
}

static mr_status rocks_flush(mr_store *store, mr_err *err) {
    rocks_store *rocks = (rocks_store *)store;
    MR_ASSERT(rocks->env != NULL);
    return mr_rocksdb_flush_start(&rocks->member, err);
}

static mr_status rocks_persisted(mr_store *store, mr_family family, mr_changelog_position *out,
                                 mr_err *err) {
    rocks_store *rocks = (rocks_store *)store;
    return position_by(rocks, family, rocks->read_persisted, out, err);
}

static mr_status rocks_position(mr_store *store, mr_family family, mr_changelog_position *out,
                                mr_err *err) {
    rocks_store *rocks = (rocks_store *)store;
    return position_by(rocks, family, rocks->read, out, err);
}

static uint64_t rocks_memory_bytes(mr_store *store) {
    return mr_rocksdb_memtable_bytes(&((rocks_store *)store)->member);
}

/* ---- life ---- */

static void rocks_close(mr_store *store) {
    rocks_store *rocks = (rocks_store *)store;
    if (rocks->member.db != NULL) {
        if (rocks->env != NULL) {
            mr_rocksdb_env_leave(rocks->env, &rocks->member);
            mr_rocksdb_flush_finish(&rocks->member);
        }
        for (size_t i = 0; i < rocks->member.handles_count; i++) {
            rocksdb_column_family_handle_destroy(rocks->member.handles[i]);
        }
        rocksdb_close(rocks->member.db);
    }
    if (rocks->batch != NULL) {
        rocksdb_writebatch_destroy(rocks->batch);
    }
    rocksdb_options_destroy(rocks->options);
    rocksdb_readoptions_destroy(rocks->read);
    rocksdb_readoptions_destroy(rocks->read_persisted);
    rocksdb_writeoptions_destroy(rocks->write);
    mr_buf_deinit(&rocks->key);
    mr_free(rocks->member.handles);
    mr_free(rocks->families);
    mr_free(rocks);
}

static const mr_store_ops rocks_ops = {
    .durability = MR_STORE_DURABLE,
    .get = rocks_get,
    .write = rocks_write,
    .scan_open = rocks_scan_open,
    .scan_next = rocks_scan_next,
    .scan_close = rocks_scan_close,
    .last = rocks_last,
    .flush = rocks_flush,
    .persisted = rocks_persisted,
    .position = rocks_position,
    .memory_bytes = rocks_memory_bytes,
    .close = rocks_close,
};

static rocks_store *rocks_create(mr_rocksdb_env *env, size_t families_count) {
    rocks_store *rocks = mr_alloc(sizeof *rocks);
    rocks->base.ops = &rocks_ops;
    rocks->env = env;
    rocks->families = mr_alloc_array(families_count, sizeof *rocks->families);
    rocks->families_count = families_count;
    rocks->options = mr_rocksdb_options(env);
    rocks->read = rocksdb_readoptions_create();
    rocksdb_readoptions_set_verify_checksums(rocks->read, 1);
    rocks->read_persisted = rocksdb_readoptions_create();
    rocksdb_readoptions_set_verify_checksums(rocks->read_persisted, 1);
    rocksdb_readoptions_set_read_tier(rocks->read_persisted, PERSISTED_TIER);
    rocks->write = rocksdb_writeoptions_create();
    rocksdb_writeoptions_disable_WAL(rocks->write, 1);
    rocksdb_writeoptions_set_no_slowdown(rocks->write, 1);
    rocks->batch = rocksdb_writebatch_create();
    return rocks;
}

/* RocksDB wants every family there is to be opened, also those nobody asks for any more: the names
 * in the database, then those asked for that it does not have yet. */
typedef struct family_names {
    const char **names;
    size_t count;
    char **existing;
    size_t existing_count;
} family_names;

static bool name_among(const char *name, char *const *names, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (strcmp(name, names[i]) == 0) {
            return true;
        }
    }
    return false;
}

typedef enum missing_families { MISSING_ADDED, MISSING_LEFT_OUT } missing_families;

static mr_status family_names_read(family_names *names, const rocks_store *rocks, const char *path,
                                   const char *const *families, missing_families missing,
                                   mr_err *err) {
    char *error = NULL;
    names->existing =
        rocksdb_list_column_families(rocks->options, path, &names->existing_count, &error);
    if (error != NULL) {
        names->existing = NULL;
        names->existing_count = 0;
        return mr_rocksdb_status(error, err, "families");
    }
    names->names = mr_alloc_array(names->existing_count + rocks->families_count, sizeof(char *));
    for (size_t i = 0; i < names->existing_count; i++) {
        names->names[names->count++] = names->existing[i];
    }
    for (size_t i = 0; i < rocks->families_count && missing == MISSING_ADDED; i++) {
        if (!name_among(families[i], names->existing, names->existing_count)) {
            names->names[names->count++] = families[i];
        }
    }
    return MR_OK;
}

static void family_names_deinit(family_names *names) {
    if (names->existing != NULL) {
        rocksdb_list_column_families_destroy(names->existing, names->existing_count);
    }
    mr_free(names->names);
}

static void family_names_new(family_names *names, const char *const *families, size_t count) {
    names->names = mr_alloc_array(count + 1, sizeof(char *));
    names->names[names->count++] = "default";
    for (size_t i = 0; i < count; i++) {
        MR_ASSERT(strcmp(families[i], "default") != 0);
        names->names[names->count++] = families[i];
    }
}

static mr_status open_families(rocks_store *rocks, const char *path, const family_names *names,
                               const char *const *families, mr_err *err) {
    size_t count = names->count;
    const rocksdb_options_t **options = mr_alloc_array(count, sizeof *options);
    for (size_t i = 0; i < count; i++) {
        options[i] = rocks->options;
    }
    rocks->member.handles = mr_alloc_array(count, sizeof *rocks->member.handles);
    char *error = NULL;
    rocksdb_t *db =
        rocks->env != NULL
            ? rocksdb_open_column_families(rocks->options, path, (int)count, names->names, options,
                                           rocks->member.handles, &error)
            : rocksdb_open_for_read_only_column_families(rocks->options, path, (int)count,
                                                         names->names, options,
                                                         rocks->member.handles, 0, &error);
    mr_free(options);
    if (error != NULL) {
        return mr_rocksdb_status(error, err, path);
    }
    rocks->member.db = db;
    rocks->member.handles_count = count;
    for (size_t i = 0; i < rocks->families_count; i++) {
        for (size_t k = 0; k < count; k++) {
            if (strcmp(families[i], names->names[k]) == 0) {
                rocks->families[i] = rocks->member.handles[k];
            }
        }
    }
    return MR_OK;
}

/* ---- the directory ---- */

/* A database is there once its CURRENT is; what a crash left of an earlier moment is made anew. */
static mr_status look_for_database(const char *path, mr_err *err) {
    mr_buf current = {0};
    mr_buf_printf(&current, "%s/CURRENT", path);
    struct stat info;
    mr_status status = MR_OK;
    if (stat(mr_buf_cstr(&current), &info) != 0) {
        status = mr_err_sys(err, mr_status_from_errno(errno), errno, "%s", path);
    }
    mr_buf_deinit(&current);
    return status;
}

static mr_status sync_directory(const char *path, mr_err *err) {
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return mr_err_sys(err, mr_status_from_errno(errno), errno, "%s", path);
    }
    mr_status status = MR_OK;
    if (fsync(fd) != 0) {
        status = mr_err_sys(err, mr_status_from_errno(errno), errno, "%s", path);
    }
    close(fd);
    return status;
}

/* Makes root/directory, each level durable in the one above: a changelog is purged because its
 * store was flushed, and a store that a power cut takes with its directory was not. */
static mr_status make_directories(const char *root, const char *directory, mr_err *err) {
    mr_buf path = {0};
    mr_buf_put_text(&path, root);
    mr_status status = MR_OK;
    const char *at = directory;
    while (status == MR_OK && *at != '\0') {
        size_t len = strcspn(at, "/");
        mr_buf parent = {0};
        mr_buf_put_bytes(&parent, mr_buf_view(&path));
        mr_buf_printf(&path, "/%.*s", (int)len, at);
        if (mkdir(mr_buf_cstr(&path), 0777) == 0 || errno == EEXIST) {
            status = sync_directory(mr_buf_cstr(&parent), err);
        } else {
            status = mr_err_sys(err, mr_status_from_errno(errno), errno, "%s", mr_buf_cstr(&path));
        }
        mr_buf_deinit(&parent);
        at += len;
        at += strspn(at, "/");
    }
    mr_buf_deinit(&path);
    return status;
}

static mr_status open_at(rocks_store *rocks, const char *directory, const char *path,
                         const char *const *families, mr_store_open_mode mode, mr_err *err) {
    family_names names = {0};
    mr_status status = look_for_database(path, err);
    if (status == MR_OK) {
        status = family_names_read(&names, rocks, path, families, MISSING_ADDED, err);
    } else if (status == MR_NOT_FOUND && mode == MR_STORE_CREATE) {
        status = make_directories(rocks->env->root, directory, err);
        family_names_new(&names, families, rocks->families_count);
    }
    if (status == MR_OK) {
        status = open_families(rocks, path, &names, families, err);
    }
    family_names_deinit(&names);
    return status;
}

static mr_status rocks_open(void *self, const char *directory, const char *const *families,
                            size_t families_count, mr_store_open_mode mode, mr_store **out,
                            mr_err *err) {
    mr_rocksdb_env *env = self;
    mr_buf path = {0};
    mr_buf_printf(&path, "%s/%s", env->root, directory);
    rocks_store *rocks = rocks_create(env, families_count);
    mr_status status = open_at(rocks, directory, mr_buf_cstr(&path), families, mode, err);
    mr_buf_deinit(&path);
    if (status != MR_OK) {
        rocks_close(&rocks->base);
        /* A lock still held by a closing owner is nothing that waiting in a step would cure. */
        return status == MR_AGAIN ? MR_UNAVAILABLE : status;
    }
    mr_rocksdb_env_join(env, &rocks->member);
    *out = &rocks->base;
    return MR_OK;
}

static mr_status rocks_destroy(void *self, const char *directory, mr_err *err) {
    mr_rocksdb_env *env = self;
    mr_buf path = {0};
    mr_buf_printf(&path, "%s/%s", env->root, directory);
    mr_status status = MR_OK;
    struct stat info;
    if (stat(mr_buf_cstr(&path), &info) == 0) {
        rocksdb_options_t *options = mr_rocksdb_options(env);
        char *error = NULL;
        rocksdb_destroy_db(options, mr_buf_cstr(&path), &error);
        status = mr_rocksdb_status(error, err, mr_buf_cstr(&path));
        rocksdb_options_destroy(options);
    } else if (errno != ENOENT) {
        status = mr_err_sys(err, mr_status_from_errno(errno), errno, "%s", mr_buf_cstr(&path));
    }
    mr_buf_deinit(&path);
    return status;
}

mr_store_factory mr_rocksdb_factory(mr_rocksdb_env *env) {
    return (mr_store_factory){.open = rocks_open, .destroy = rocks_destroy, .self = env};
}

static mr_status open_read_only(const char *directory_path, const char *const *families,
                                size_t families_count, mr_store **out, mr_err *err) {
    rocks_store *rocks = rocks_create(NULL, families_count);
    family_names names = {0};
    mr_status status =
        family_names_read(&names, rocks, directory_path, families, MISSING_LEFT_OUT, err);
    if (status == MR_OK) {
        status = open_families(rocks, directory_path, &names, families, err);
    }
    family_names_deinit(&names);
    if (status != MR_OK) {
        rocks_close(&rocks->base);
        return status;
    }
    *out = &rocks->base;
    return MR_OK;
}

/* The owner may compact files away between the manifest's reading and theirs, and what is not there
 * is called corruption by some calls of the engine: then once more. */
mr_status mr_rocksdb_open_read_only(const char *directory_path, const char *const *families,
                                    size_t families_count, mr_store **out, mr_err *err) {
    mr_status status = look_for_database(directory_path, err);
    if (status != MR_OK) {
        return status;
    }
    for (int attempt = 0; attempt < READ_ONLY_OPEN_ATTEMPTS; attempt++) {
        status = open_read_only(directory_path, families, families_count, out, err);
        if (status != MR_UNAVAILABLE && status != MR_CORRUPT) {
            break;
        }
    }
    return status;
}
