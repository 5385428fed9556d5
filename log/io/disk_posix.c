#define _GNU_SOURCE /* openat2, statx, fallocate, renameat2 */

#include "log/io/disk_posix.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "runtime/base/alloc.h"
#include "runtime/base/assert.h"

#define FILE_MODE 0644
#define DIR_MODE 0755
/* openat2 answers EAGAIN when a rename raced with its walk. */
#define RACE_TRIES_MAX 64
#define PID_TEXT_MAX 32

typedef struct posix_disk {
    mr_disk disk; /* must be first */
    int root;
    mr_disk_posix_walk walk;
} posix_disk;

typedef struct posix_file {
    mr_file file; /* must be first */
    int fd;
} posix_file;

static posix_disk *disk_of(mr_disk *disk) {
    return (posix_disk *)disk;
}
static posix_file *file_of(mr_file *file) {
    return (posix_file *)file;
}

/* What a name must not do and what is not there is the caller's affair, the rest the disk's. */
static mr_status path_failed(mr_err *err, int sys, const char *verb, const char *path) {
    mr_status status = mr_status_from_errno(sys);
    if (sys == ENOTDIR || sys == EISDIR || sys == ENOTEMPTY || sys == ELOOP || sys == EXDEV ||
        sys == ENAMETOOLONG) {
        status = MR_INVALID;
    }
    return mr_err_sys(err, status, sys, "cannot %s %s", verb, path[0] != '\0' ? path : ".");
}

/* As path_failed, for names that are resolved here: the system's words for a link that is not
 * followed ("Invalid cross-device link") would lead astray. */
static mr_status open_failed(mr_err *err, int sys, const char *verb, const char *path) {
    if (sys != EXDEV && sys != ELOOP) {
        return path_failed(err, sys, verb, path);
    }
    return mr_err_set(err, MR_INVALID,
                      "cannot %s %s: symbolic links that lead out of its folder are not followed",
                      verb, path);
}

static mr_status file_failed(mr_err *err, int sys, const char *verb) {
    return mr_err_sys(err, mr_status_from_errno(sys), sys, "cannot %s", verb);
}

/* ---- names ---- */

/* Components are neither empty nor "." nor ".."; "" is the root. */
static mr_status check_path(const char *path, mr_err *err) {
    const char *at = path;
    while (*path != '\0') {
        size_t len = strcspn(at, "/");
        bool dots = (len == 1 && at[0] == '.') || (len == 2 && at[0] == '.' && at[1] == '.');
        if (len == 0 || dots) {
            return mr_err_set(err, MR_INVALID,
                              "the path '%s' does not stay under its folder: it is relative, "
                              "without '.' and '..'",
                              path);
        }
        if (at[len] == '\0') {
            break;
        }
        at += len + 1;
    }
    return MR_OK;
}

static int open_by_kernel(int root, const char *path, int flags) {
    struct open_how how = {.flags = (uint64_t)(flags | O_CLOEXEC),
                           .mode = (flags & O_CREAT) != 0 ? FILE_MODE : 0,
                           .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS};
    for (int tries = 0;; tries++) {
        int fd = (int)syscall(SYS_openat2, root, path, &how, sizeof how);
        if (fd >= 0 || (errno != EINTR && (errno != EAGAIN || tries == RACE_TRIES_MAX))) {
            return fd;
        }
    }
}

/* Follows no symbolic link at all: stricter than the kernel's way, and safe without it. */
static int open_by_component(int root, const char *path, int flags) {
    int dir = dup(root);
    char name[NAME_MAX + 1];
    while (dir >= 0) {
        size_t len = strcspn(path, "/");
        if (len > NAME_MAX) {
            close(dir);
            errno = ENAMETOOLONG;
            return -1;
        }
        memcpy(name, path, len);
        name[len] = '\0';
        bool last = path[len] == '\0';
        int step = last ? flags | O_NOFOLLOW : O_PATH | O_DIRECTORY | O_NOFOLLOW;
        int next = openat(dir, name, step | O_CLOEXEC, FILE_MODE);
        int sys = errno;
        close(dir);
        errno = sys;
        if (last) {
            return next;
        }
        dir = next;
        path += len + 1;
    }
    return -1;
}

static int open_below(const posix_disk *disk, const char *path, int flags) {
    const char *name = path[0] != '\0' ? path : ".";
    return disk->walk == MR_DISK_POSIX_KERNEL ? open_by_kernel(disk->root, name, flags)
                                              : open_by_component(disk->root, name, flags);
}

/* Opens the directory that holds the last component; *name_out is borrowed from path. */
static mr_status open_parent(const posix_disk *disk, const char *path, const char *verb,
                             int *dir_out, const char **name_out, mr_err *err) {
    mr_status status = check_path(path, err);
    if (status != MR_OK) {
        return status;
    }
    if (path[0] == '\0') {
        return mr_err_set(err, MR_INVALID, "cannot %s the root", verb);
    }
    const char *slash = strrchr(path, '/');
    char *parent = slash != NULL ? mr_strndup(path, (size_t)(slash - path)) : mr_strdup("");
    int dir = open_below(disk, parent, O_RDONLY | O_DIRECTORY);
    int sys = errno;
    mr_free(parent);
    if (dir < 0) {
        return open_failed(err, sys, verb, path);
    }
    *dir_out = dir;
    *name_out = slash != NULL ? slash + 1 : path;
    return MR_OK;
}

static mr_file *wrap_file(mr_disk *disk, int fd) {
    posix_file *file = mr_alloc(sizeof *file);
    file->file.disk = disk;
    file->fd = fd;
    return &file->file;
}

/* ---- files ---- */

static mr_status posix_open(mr_disk *disk, const char *path, mr_disk_open_mode mode, mr_file **out,
                            mr_err *err) {
    static const int flags[] = {
        [MR_DISK_READ] = O_RDONLY,
        [MR_DISK_WRITE] = O_RDWR,
        [MR_DISK_CREATE] = O_RDWR | O_CREAT,
        [MR_DISK_CREATE_NEW] = O_RDWR | O_CREAT | O_EXCL,
    };
    mr_status status = check_path(path, err);
    if (status != MR_OK) {
        return status;
    }
    /* Not waiting for the other end of a pipe; without effect on a file. */
    int fd = open_below(disk_of(disk), path, flags[mode] | O_NONBLOCK | O_NOCTTY);
    if (fd < 0) {
        return open_failed(err, errno, "open", path);
    }
    struct stat info;
    int sys = fstat(fd, &info) != 0 ? errno : S_ISDIR(info.st_mode) ? EISDIR : 0;
    if (sys != 0) {
        close(fd);
        return path_failed(err, sys, "open", path);
    }
    if (!S_ISREG(info.st_mode)) {
        close(fd);
        return mr_err_set(err, MR_INVALID, "cannot open %s: it is not a regular file", path);
    }
    *out = wrap_file(disk, fd);
    return MR_OK;
}

static void posix_close(mr_file *file) {
    close(file_of(file)->fd);
    mr_free(file);
}

static mr_status posix_pread(mr_file *file, void *data, size_t len, uint64_t at, size_t *got,
                             mr_err *err) {
    ssize_t count;
    do {
        count = pread(file_of(file)->fd, data, len, (off_t)at);
    } while (count < 0 && errno == EINTR);
    *got = count < 0 ? 0 : (size_t)count;
    return count < 0 ? file_failed(err, errno, "read") : MR_OK;
}

static mr_status posix_pwrite(mr_file *file, const void *data, size_t len, uint64_t at, size_t *put,
                              mr_err *err) {
    ssize_t count;
    do {
        count = pwrite(file_of(file)->fd, data, len, (off_t)at);
    } while (count < 0 && errno == EINTR);
    *put = count < 0 ? 0 : (size_t)count;
    return count < 0 ? file_failed(err, errno, "write") : MR_OK;
}

/* Not repeated after EINTR: after a failure nothing is known, a second call may claim success. */
static mr_status posix_sync(mr_file *file, mr_err *err) {
    return fdatasync(file_of(file)->fd) != 0 ? file_failed(err, errno, "sync") : MR_OK;
}

static mr_status posix_truncate(mr_file *file, uint64_t len, mr_err *err) {
    int result;
    do {
        result = ftruncate(file_of(file)->fd, (off_t)len);
    } while (result != 0 && errno == EINTR);
    return result != 0 ? file_failed(err, errno, "truncate") : MR_OK;
}

static mr_status posix_allocate(mr_file *file, uint64_t at, uint64_t len, mr_err *err) {
    int result;
    do {
        result = fallocate(file_of(file)->fd, FALLOC_FL_KEEP_SIZE, (off_t)at, (off_t)len);
    } while (result != 0 && errno == EINTR);
    /* A file system that cannot reserve finds out when it writes. */
    bool done = result == 0 || errno == EOPNOTSUPP;
    return done ? MR_OK : file_failed(err, errno, "reserve space");
}

/* ---- directories ---- */

static mr_status posix_info(mr_disk *disk, const char *path, mr_disk_info *out, mr_err *err) {
    mr_status status = check_path(path, err);
    if (status != MR_OK) {
        return status;
    }
    int fd = open_below(disk_of(disk), path, O_PATH);
    if (fd < 0) {
        return open_failed(err, errno, "look at", path);
    }
    struct statx info;
    int result = statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS | STATX_BTIME, &info);
    int sys = errno;
    close(fd);
    if (result == 0 && S_ISLNK(info.stx_mode)) {
        result = -1;
        sys = ELOOP;
    }
    if (result != 0) {
        return open_failed(err, sys, "look at", path);
    }
    *out = (mr_disk_info){.size_bytes = info.stx_size, .is_dir = S_ISDIR(info.stx_mode)};
    out->identity[0] = info.stx_ino;
    if ((info.stx_mask & STATX_BTIME) != 0) {
        out->identity[1] = (uint64_t)info.stx_btime.tv_sec * 1000000000u + info.stx_btime.tv_nsec;
    }
    return MR_OK;
}

static mr_status posix_rename(mr_disk *disk, const char *from, const char *to,
                              mr_disk_rename_mode mode, mr_err *err) {
    int from_dir;
    int to_dir;
    const char *from_name;
    const char *to_name;
    mr_status status = open_parent(disk_of(disk), from, "rename", &from_dir, &from_name, err);
    if (status != MR_OK) {
        return status;
    }
    status = open_parent(disk_of(disk), to, "rename to", &to_dir, &to_name, err);
    if (status != MR_OK) {
        close(from_dir);
        return status;
    }
    unsigned flags = mode == MR_DISK_KEEP ? RENAME_NOREPLACE : 0;
    int result = renameat2(from_dir, from_name, to_dir, to_name, flags);
    int sys = errno;
    close(from_dir);
    close(to_dir);
    if (result != 0 && sys == EINVAL && mode == MR_DISK_KEEP) {
        return mr_err_set(err, MR_INVALID,
                          "cannot rename %s: this file system cannot rename without replacing",
                          from);
    }
    return result != 0 ? path_failed(err, sys, "rename", sys == EEXIST ? to : from) : MR_OK;
}

static mr_status posix_remove(mr_disk *disk, const char *path, mr_err *err) {
    int dir;
    const char *name;
    mr_status status = open_parent(disk_of(disk), path, "remove", &dir, &name, err);
    if (status != MR_OK) {
        return status;
    }
    int result = unlinkat(dir, name, 0);
    if (result != 0 && errno == EISDIR) {
        result = unlinkat(dir, name, AT_REMOVEDIR);
    }
    int sys = errno;
    close(dir);
    return result != 0 ? path_failed(err, sys, "remove", path) : MR_OK;
}

/* One directory whose parent is there; being there already is fine if it is one. */
static mr_status make_one_dir(posix_disk *disk, const char *path, mr_err *err) {
    int dir;
    const char *name;
    mr_status status = open_parent(disk, path, "make directory", &dir, &name, err);
    if (status != MR_OK) {
        return status;
    }
    int result = mkdirat(dir, name, DIR_MODE);
    int sys = errno;
    close(dir);
    if (result == 0) {
        return MR_OK;
    }
    mr_disk_info info;
    if (sys == EEXIST && posix_info(&disk->disk, path, &info, NULL) == MR_OK) {
        if (info.is_dir) {
            return MR_OK;
        }
        sys = ENOTDIR;
    }
    return path_failed(err, sys, "make directory", path);
}

static mr_status posix_make_dir(mr_disk *disk, const char *path, mr_err *err) {
    mr_status status = check_path(path, err);
    char *part = mr_strdup(path);
    for (size_t at = 0; status == MR_OK && path[at] != '\0';) {
        at += strcspn(path + at, "/");
        part[at] = '\0';
        status = make_one_dir(disk_of(disk), part, err);
        part[at] = path[at];
        at += path[at] == '/';
    }
    mr_free(part);
    return status;
}

static mr_status posix_sync_dir(mr_disk *disk, const char *path, mr_err *err) {
    mr_status status = check_path(path, err);
    if (status != MR_OK) {
        return status;
    }
    int fd = open_below(disk_of(disk), path, O_RDONLY | O_DIRECTORY);
    if (fd < 0) {
        return open_failed(err, errno, "sync directory", path);
    }
    int result = fsync(fd);
    int sys = errno;
    close(fd);
    return result != 0 ? path_failed(err, sys, "sync directory", path) : MR_OK;
}

static int order_names(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

typedef struct name_list {
    char **names;
    size_t count;
    size_t cap;
} name_list;

static void name_list_deinit(name_list *list) {
    for (size_t i = 0; i < list->count; i++) {
        mr_free(list->names[i]);
    }
    mr_free(list->names);
}

/* 0, or the errno. Closes fd. */
static int read_names(int fd, name_list *list) {
    DIR *dir = fdopendir(fd);
    if (dir == NULL) {
        int sys = errno;
        close(fd);
        return sys;
    }
    struct dirent *entry;
    while ((void)(errno = 0), (entry = readdir(dir)) != NULL) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) {
            continue;
        }
        if (list->count == list->cap) {
            list->cap = list->cap > 0 ? list->cap * 2 : 16;
            list->names = mr_realloc(list->names, list->cap * sizeof *list->names);
        }
        list->names[list->count++] = mr_strdup(entry->d_name);
    }
    int sys = errno;
    closedir(dir);
    return sys;
}

static mr_status posix_list(mr_disk *disk, const char *path, mr_disk_visit visit, void *arg,
                            mr_err *err) {
    mr_status status = check_path(path, err);
    if (status != MR_OK) {
        return status;
    }
    int fd = open_below(disk_of(disk), path, O_RDONLY | O_DIRECTORY);
    if (fd < 0) {
        return open_failed(err, errno, "list", path);
    }
    name_list list = {0};
    int sys = read_names(fd, &list);
    if (sys != 0) {
        status = path_failed(err, sys, "list", path);
    } else if (list.count > 0) {
        qsort(list.names, list.count, sizeof *list.names, order_names);
    }
    for (size_t i = 0; i < list.count && status == MR_OK; i++) {
        status = visit(arg, list.names[i]);
    }
    name_list_deinit(&list);
    return status;
}

/* ---- the lock ---- */

static mr_status lock_is_held(int fd, const char *path, mr_err *err) {
    char text[PID_TEXT_MAX] = {0};
    ssize_t len = pread(fd, text, sizeof text - 1, 0);
    long pid = len > 0 ? strtol(text, NULL, 10) : 0;
    if (pid > 0) {
        return mr_err_set(err, MR_FENCED, "%s is held by process %ld", path, pid);
    }
    return mr_err_set(err, MR_FENCED, "%s is held by another process", path);
}

static mr_status posix_lock(mr_disk *disk, const char *path, mr_file **out, mr_err *err) {
    mr_status status = check_path(path, err);
    if (status != MR_OK) {
        return status;
    }
    int fd = open_below(disk_of(disk), path, O_RDWR | O_CREAT);
    if (fd < 0) {
        return open_failed(err, errno, "open", path);
    }
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        status = errno == EWOULDBLOCK ? lock_is_held(fd, path, err)
                                      : path_failed(err, errno, "lock", path);
        close(fd);
        return status;
    }
    char text[PID_TEXT_MAX];
    int len = snprintf(text, sizeof text, "%ld\n", (long)getpid());
    if (ftruncate(fd, 0) != 0 || pwrite(fd, text, (size_t)len, 0) != len) {
        /* The lock holds all the same; on a full disk the text is missing, and that is all. */
        if (errno != ENOSPC && errno != EDQUOT) {
            status = path_failed(err, errno, "write", path);
            close(fd);
            return status;
        }
    }
    *out = wrap_file(disk, fd);
    return MR_OK;
}

/* The text goes first, so that nobody reads a pid that is not the holder's. */
static void posix_unlock(mr_file *file) {
    (void)!ftruncate(file_of(file)->fd, 0);
    posix_close(file);
}

/* ---- the disk ---- */

static const mr_disk_ops posix_ops = {
    .open = posix_open,
    .close = posix_close,
    .pread = posix_pread,
    .pwrite = posix_pwrite,
    .sync = posix_sync,
    .truncate = posix_truncate,
    .allocate = posix_allocate,
    .info = posix_info,
    .rename = posix_rename,
    .remove = posix_remove,
    .make_dir = posix_make_dir,
    .sync_dir = posix_sync_dir,
    .list = posix_list,
    .lock = posix_lock,
    .unlock = posix_unlock,
};

mr_status mr_disk_posix_open_walking(const char *root, mr_disk_posix_walk walk, mr_disk **out,
                                     mr_err *err) {
    int fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return path_failed(err, errno, "open directory", root);
    }
    posix_disk *disk = mr_alloc(sizeof *disk);
    disk->disk.ops = &posix_ops;
    disk->root = fd;
    disk->walk = walk;
    *out = &disk->disk;
    return MR_OK;
}

mr_status mr_disk_posix_open(const char *root, mr_disk **out, mr_err *err) {
    mr_status status = mr_disk_posix_open_walking(root, MR_DISK_POSIX_KERNEL, out, err);
    if (status != MR_OK) {
        return status;
    }
    /* ENOSYS before Linux 5.6; EPERM where a sandbox does not know the call. */
    posix_disk *disk = disk_of(*out);
    int probe = open_by_kernel(disk->root, ".", O_PATH | O_DIRECTORY);
    if (probe >= 0) {
        close(probe);
    } else if (errno == ENOSYS || errno == EPERM) {
        disk->walk = MR_DISK_POSIX_COMPONENTS;
    }
    return MR_OK;
}

void mr_disk_posix_close(mr_disk *disk) {
    if (disk != NULL) {
        close(disk_of(disk)->root);
        mr_free(disk);
    }
}
