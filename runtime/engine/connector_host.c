#include "runtime/engine/connector_host.h"

#include <stdio.h>

#include "runtime/base/alloc.h"
#include "runtime/base/assert.h"

struct mr_connector_host_files {
    mr_connector_host host;
    mr_disk *disk;
};

typedef enum handle_kind { HANDLE_FILE, HANDLE_LOCK } handle_kind;

struct mr_connector_file {
    mr_file *file;
    handle_kind kind;
};

/* A lock that somebody else holds is for the user to solve, like a wrong setting. */
static mr_connector_result result_from(mr_status status, const mr_err *from, char *err,
                                       size_t err_bytes) {
    if (status == MR_OK) {
        return MR_CONNECTOR_OK;
    }
    if (err_bytes > 0) {
        snprintf(err, err_bytes, "%s",
                 from->message[0] != '\0' ? from->message : mr_status_text(status));
    }
    switch (status) {
    case MR_NOT_FOUND:
        return MR_CONNECTOR_MISSING;
    case MR_EXISTS:
        return MR_CONNECTOR_EXISTS;
    case MR_FULL:
        return MR_CONNECTOR_FULL;
    case MR_INVALID:
    case MR_FENCED:
        return MR_CONNECTOR_INVALID;
    default:
        return MR_CONNECTOR_FAILED;
    }
}

mr_status mr_status_from_connector(mr_connector_result result) {
    switch (result) {
    case MR_CONNECTOR_OK:
        return MR_OK;
    case MR_CONNECTOR_AGAIN:
        return MR_AGAIN;
    case MR_CONNECTOR_END:
    case MR_CONNECTOR_MISSING:
        return MR_NOT_FOUND;
    case MR_CONNECTOR_EXISTS:
        return MR_EXISTS;
    case MR_CONNECTOR_FULL:
        return MR_FULL;
    case MR_CONNECTOR_INVALID:
        return MR_INVALID;
    case MR_CONNECTOR_FAILED:
        return MR_UNAVAILABLE;
    }
    return MR_UNAVAILABLE; /* a number the ABI does not have */
}

mr_connector_setting *mr_connector_settings_of(const mr_setting *settings, uint32_t count) {
    mr_connector_setting *out = mr_alloc_array(count, sizeof *out);
    for (uint32_t i = 0; i < count; i++) {
        out[i] = (mr_connector_setting){settings[i].name, settings[i].value};
    }
    return out;
}

/* ---- the operations ---- */

static mr_connector_file *handle_of(mr_file *file, handle_kind kind) {
    mr_connector_file *handle = mr_alloc(sizeof *handle);
    *handle = (mr_connector_file){file, kind};
    return handle;
}

static mr_connector_result host_open(void *self, const char *path, mr_connector_open_mode mode,
                                     mr_connector_file **out, char *err, size_t err_bytes) {
    static const mr_disk_open_mode modes[] = {
        [MR_CONNECTOR_READ] = MR_DISK_READ,
        [MR_CONNECTOR_CREATE] = MR_DISK_CREATE,
        [MR_CONNECTOR_CREATE_NEW] = MR_DISK_CREATE_NEW,
    };
    mr_connector_host_files *files = self;
    mr_err why = {0};
    mr_file *file = NULL;
    mr_status status = mr_disk_open(files->disk, path, modes[mode], &file, &why);
    if (status == MR_OK) {
        *out = handle_of(file, HANDLE_FILE);
    }
    return result_from(status, &why, err, err_bytes);
}

static void host_close(void *self, mr_connector_file *handle) {
    (void)self;
    if (handle == NULL) {
        return;
    }
    if (handle->kind == HANDLE_LOCK) {
        mr_disk_unlock(handle->file);
    } else {
        mr_file_close(handle->file);
    }
    mr_free(handle);
}

static mr_connector_result host_pread(void *self, mr_connector_file *handle, void *data, size_t len,
                                      uint64_t at, size_t *got, char *err, size_t err_bytes) {
    (void)self;
    mr_err why = {0};
    return result_from(mr_disk_read_full(handle->file, data, len, at, got, &why), &why, err,
                       err_bytes);
}

static mr_connector_result host_pwrite(void *self, mr_connector_file *handle, const void *data,
                                       size_t len, uint64_t at, char *err, size_t err_bytes) {
    (void)self;
    mr_err why = {0};
    return result_from(mr_disk_write_full(handle->file, data, len, at, &why), &why, err, err_bytes);
}

static mr_connector_result host_truncate(void *self, mr_connector_file *handle, uint64_t len,
                                         char *err, size_t err_bytes) {
    (void)self;
    mr_err why = {0};
    return result_from(mr_disk_truncate(handle->file, len, &why), &why, err, err_bytes);
}

static mr_connector_result host_sync(void *self, mr_connector_file *handle, char *err,
                                     size_t err_bytes) {
    (void)self;
    mr_err why = {0};
    return result_from(mr_disk_sync(handle->file, &why), &why, err, err_bytes);
}

static mr_connector_result host_info(void *self, const char *path, mr_connector_file_info *out,
                                     char *err, size_t err_bytes) {
    mr_connector_host_files *files = self;
    mr_err why = {0};
    mr_disk_info info = {0};
    mr_status status = mr_disk_info_get(files->disk, path, &info, &why);
    if (status == MR_OK) {
        *out = (mr_connector_file_info){info.size_bytes, {info.identity[0], info.identity[1]}};
    }
    return result_from(status, &why, err, err_bytes);
}

static mr_connector_result host_rename(void *self, const char *from, const char *to, char *err,
                                       size_t err_bytes) {
    mr_connector_host_files *files = self;
    mr_err why = {0};
    return result_from(mr_disk_rename(files->disk, from, to, MR_DISK_KEEP, &why), &why, err,
                       err_bytes);
}

static mr_connector_result host_remove(void *self, const char *path, char *err, size_t err_bytes) {
    mr_connector_host_files *files = self;
    mr_err why = {0};
    return result_from(mr_disk_remove(files->disk, path, &why), &why, err, err_bytes);
}

static mr_connector_result host_make_dir(void *self, const char *path, char *err,
                                         size_t err_bytes) {
    mr_connector_host_files *files = self;
    mr_err why = {0};
    return result_from(mr_disk_make_dir(files->disk, path, &why), &why, err, err_bytes);
}

static mr_connector_result host_sync_dir(void *self, const char *path, char *err,
                                         size_t err_bytes) {
    mr_connector_host_files *files = self;
    mr_err why = {0};
    return result_from(mr_disk_sync_dir(files->disk, path, &why), &why, err, err_bytes);
}

typedef struct plugin_visit {
    void (*visit)(void *arg, const char *name);
    void *arg;
} plugin_visit;

static mr_status visit_name(void *arg, const char *name) {
    const plugin_visit *plugin = arg;
    plugin->visit(plugin->arg, name);
    return MR_OK;
}

static mr_connector_result host_list(void *self, const char *path,
                                     void (*visit)(void *arg, const char *name), void *arg,
                                     char *err, size_t err_bytes) {
    mr_connector_host_files *files = self;
    mr_err why = {0};
    plugin_visit plugin = {visit, arg};
    return result_from(mr_disk_list(files->disk, path, visit_name, &plugin, &why), &why, err,
                       err_bytes);
}

static mr_connector_result host_lock(void *self, const char *path, mr_connector_file **out,
                                     char *err, size_t err_bytes) {
    mr_connector_host_files *files = self;
    mr_err why = {0};
    mr_file *file = NULL;
    mr_status status = mr_disk_lock(files->disk, path, &file, &why);
    if (status == MR_OK) {
        *out = handle_of(file, HANDLE_LOCK);
    }
    return result_from(status, &why, err, err_bytes);
}

/* ---- lifecycle ---- */

mr_connector_host_files *mr_connector_host_create(mr_disk *disk) {
    MR_ASSERT(disk != NULL);
    mr_connector_host_files *files = mr_alloc(sizeof *files);
    files->disk = disk;
    files->host = (mr_connector_host){
        .struct_bytes = sizeof(mr_connector_host),
        .abi = MR_CONNECTOR_ABI,
        .self = files,
        .open = host_open,
        .close = host_close,
        .pread = host_pread,
        .pwrite = host_pwrite,
        .truncate = host_truncate,
        .sync = host_sync,
        .info = host_info,
        .rename = host_rename,
        .remove = host_remove,
        .make_dir = host_make_dir,
        .sync_dir = host_sync_dir,
        .list = host_list,
        .lock = host_lock,
    };
    return files;
}

void mr_connector_host_destroy(mr_connector_host_files *files) {
    mr_free(files);
}

const mr_connector_host *mr_connector_host_of(mr_connector_host_files *files) {
    return &files->host;
}
