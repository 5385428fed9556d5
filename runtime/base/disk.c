#include "runtime/base/disk.h"

#include "runtime/base/assert.h"

#define READ_STEP_BYTES 65536

mr_status mr_disk_open(mr_disk *disk, const char *path, mr_disk_open_mode mode, mr_file **out,
                       mr_err *err) {
    return disk->ops->open(disk, path, mode, out, err);
}

void mr_file_close(mr_file *file) {
    if (file != NULL) {
        file->disk->ops->close(file);
    }
}

mr_status mr_disk_read_full(mr_file *file, void *data, size_t len, uint64_t at, size_t *got,
                            mr_err *err) {
    *got = 0;
    while (*got < len) {
        size_t part = 0;
        mr_status status =
            file->disk->ops->pread(file, (uint8_t *)data + *got, len - *got, at + *got, &part, err);
        if (status != MR_OK) {
            return status;
        }
        MR_ASSERT(part <= len - *got);
        if (part == 0) {
            break;
        }
        *got += part;
    }
    return MR_OK;
}

mr_status mr_disk_write_full(mr_file *file, const void *data, size_t len, uint64_t at,
                             mr_err *err) {
    size_t done = 0;
    while (done < len) {
        size_t part = 0;
        mr_status status = file->disk->ops->pwrite(file, (const uint8_t *)data + done, len - done,
                                                   at + done, &part, err);
        if (status != MR_OK) {
            return status;
        }
        MR_ASSERT(part <= len - done);
        if (part == 0) {
            return mr_err_set(err, MR_UNAVAILABLE, "a write of %zu bytes wrote none", len - done);
        }
        done += part;
    }
    return MR_OK;
}

mr_status mr_disk_sync(mr_file *file, mr_err *err) {
    return file->disk->ops->sync(file, err);
}

mr_status mr_disk_truncate(mr_file *file, uint64_t len, mr_err *err) {
    return file->disk->ops->truncate(file, len, err);
}

mr_status mr_disk_allocate(mr_file *file, uint64_t at, uint64_t len, mr_err *err) {
    return file->disk->ops->allocate(file, at, len, err);
}

mr_status mr_disk_info_get(mr_disk *disk, const char *path, mr_disk_info *out, mr_err *err) {
    return disk->ops->info(disk, path, out, err);
}

mr_status mr_disk_rename(mr_disk *disk, const char *from, const char *to, mr_disk_rename_mode mode,
                         mr_err *err) {
    return disk->ops->rename(disk, from, to, mode, err);
}

mr_status mr_disk_remove(mr_disk *disk, const char *path, mr_err *err) {
    return disk->ops->remove(disk, path, err);
}

mr_status mr_disk_make_dir(mr_disk *disk, const char *path, mr_err *err) {
    return disk->ops->make_dir(disk, path, err);
}

mr_status mr_disk_sync_dir(mr_disk *disk, const char *path, mr_err *err) {
    return disk->ops->sync_dir(disk, path, err);
}

mr_status mr_disk_list(mr_disk *disk, const char *path, mr_disk_visit visit, void *arg,
                       mr_err *err) {
    return disk->ops->list(disk, path, visit, arg, err);
}

mr_status mr_disk_lock(mr_disk *disk, const char *path, mr_file **out, mr_err *err) {
    return disk->ops->lock(disk, path, out, err);
}

void mr_disk_unlock(mr_file *file) {
    if (file != NULL) {
        file->disk->ops->unlock(file);
    }
}

static mr_status collect_name(void *arg, const char *name) {
    mr_buf_put(arg, name, strlen(name) + 1);
    return MR_OK;
}

static mr_status remove_entries(mr_disk *disk, const char *path, mr_buf *names, mr_err *err) {
    mr_status status = MR_OK;
    mr_buf child = {0};
    for (size_t at = 0; at < names->len && status == MR_OK;) {
        const char *name = (const char *)names->data + at;
        at += strlen(name) + 1;
        mr_buf_clear(&child);
        mr_buf_printf(&child, "%s%s%s", path, path[0] != '\0' ? "/" : "", name);
        status = mr_disk_remove_tree(disk, mr_buf_cstr(&child), err);
    }
    mr_buf_deinit(&child);
    return status;
}

static mr_status missing_is_fine(mr_status status) {
    return status == MR_NOT_FOUND ? MR_OK : status;
}

/* Names are collected before the first is removed: a directory that changes under its own listing
 * may leave names out. */
mr_status mr_disk_remove_tree(mr_disk *disk, const char *path, mr_err *err) {
    mr_disk_info info;
    mr_status status = mr_disk_info_get(disk, path, &info, err);
    if (status != MR_OK) {
        return missing_is_fine(status);
    }
    if (info.is_dir) {
        mr_buf names = {0};
        status = mr_disk_list(disk, path, collect_name, &names, err);
        if (status == MR_OK) {
            status = remove_entries(disk, path, &names, err);
        }
        mr_buf_deinit(&names);
        if (status != MR_OK) {
            return missing_is_fine(status);
        }
    }
    return missing_is_fine(mr_disk_remove(disk, path, err));
}

static mr_status write_new_file(mr_disk *disk, const char *path, mr_bytes content, mr_err *err) {
    mr_file *file;
    mr_status status = mr_disk_open(disk, path, MR_DISK_CREATE, &file, err);
    if (status != MR_OK) {
        return status;
    }
    status = mr_disk_truncate(file, 0, err);
    if (status == MR_OK) {
        status = mr_disk_write_full(file, content.data, content.len, 0, err);
    }
    if (status == MR_OK) {
        status = mr_disk_sync(file, err);
    }
    mr_file_close(file);
    return status;
}

static mr_status sync_parent(mr_disk *disk, const char *path, mr_err *err) {
    const char *slash = strrchr(path, '/');
    mr_buf parent = {0};
    mr_buf_put(&parent, path, slash != NULL ? (size_t)(slash - path) : 0);
    mr_status status = mr_disk_sync_dir(disk, mr_buf_cstr(&parent), err);
    mr_buf_deinit(&parent);
    return status;
}

mr_status mr_disk_write_file(mr_disk *disk, const char *path, mr_bytes content, mr_err *err) {
    mr_buf temporary = {0};
    mr_buf_printf(&temporary, "%s.tmp", path);
    const char *name = mr_buf_cstr(&temporary);
    mr_status status = write_new_file(disk, name, content, err);
    if (status == MR_OK) {
        status = mr_disk_rename(disk, name, path, MR_DISK_REPLACE, err);
    }
    if (status == MR_OK) {
        status = sync_parent(disk, path, err);
    } else if (mr_disk_remove(disk, name, NULL) != MR_OK) {
        /* A full disk gets its bytes back when this works; else the next write replaces the file.
         */
    }
    mr_buf_deinit(&temporary);
    return status;
}

mr_status mr_disk_read_file(mr_disk *disk, const char *path, size_t max_bytes, mr_buf *out,
                            mr_err *err) {
    mr_buf_clear(out);
    mr_file *file;
    mr_status status = mr_disk_open(disk, path, MR_DISK_READ, &file, err);
    if (status != MR_OK) {
        return status;
    }
    size_t got = READ_STEP_BYTES;
    while (status == MR_OK && got == READ_STEP_BYTES && out->len <= max_bytes) {
        mr_buf_reserve(out, READ_STEP_BYTES);
        status =
            mr_disk_read_full(file, out->data + out->len, READ_STEP_BYTES, out->len, &got, err);
        out->len += status == MR_OK ? got : 0;
    }
    mr_file_close(file);
    if (status == MR_OK && out->len > max_bytes) {
        status = mr_err_set(err, MR_INVALID, "%s has more than %zu bytes", path, max_bytes);
    }
    return status;
}
