/* runtime/base/disk.h - files as an interface: the operating system's, or the simulated disk.
 *
 * Names are relative to the disk's root and never leave it ("..", absolute names and symbolic links
 * out of it are MR_INVALID). Calls block; whoever must not block submits them as work (work.h).
 * Counts may be short as the kernel's are: use mr_disk_read_full / mr_disk_write_full.
 * What is durable: written bytes after sync() of that file; created, renamed and removed names
 * after sync_dir() of their directory. Nothing else.
 * Thread: any, one call at a time per file handle, except that pread/pwrite/sync may overlap.
 */
#pragma once

#include "runtime/base/bytes.h"

typedef struct mr_disk mr_disk;
typedef struct mr_file mr_file;

typedef enum mr_disk_open_mode {
    MR_DISK_READ,       /* must exist */
    MR_DISK_WRITE,      /* read and write; must exist */
    MR_DISK_CREATE,     /* read and write; created when missing */
    MR_DISK_CREATE_NEW, /* MR_EXISTS when there */
} mr_disk_open_mode;

typedef enum mr_disk_rename_mode { MR_DISK_REPLACE, MR_DISK_KEEP } mr_disk_rename_mode;

typedef struct mr_disk_info {
    uint64_t size_bytes;
    uint64_t identity[2]; /* equal only for the same file: inode, then birth time or generation */
    bool is_dir;
} mr_disk_info;

/* One name of a directory; stop by returning anything but MR_OK. */
typedef mr_status (*mr_disk_visit)(void *arg, const char *name);

typedef struct mr_disk_ops {
    mr_status (*open)(mr_disk *disk, const char *path, mr_disk_open_mode mode, mr_file **out,
                      mr_err *err);
    void (*close)(mr_file *file);
    /* *got < len at the end of the file, or short anywhere. */
    mr_status (*pread)(mr_file *file, void *data, size_t len, uint64_t at, size_t *got,
                       mr_err *err);
    mr_status (*pwrite)(mr_file *file, const void *data, size_t len, uint64_t at, size_t *put,
                        mr_err *err);
    mr_status (*sync)(mr_file *file, mr_err *err); /* fdatasync; after a failure nothing is known */
    mr_status (*truncate)(mr_file *file, uint64_t len, mr_err *err);
    /* Reserves space for [at, at + len) without changing the size. */
    mr_status (*allocate)(mr_file *file, uint64_t at, uint64_t len, mr_err *err);
    mr_status (*info)(mr_disk *disk, const char *path, mr_disk_info *out, mr_err *err);
    mr_status (*rename)(mr_disk *disk, const char *from, const char *to, mr_disk_rename_mode mode,
                        mr_err *err);
    /* A file or an empty directory. */
    mr_status (*remove)(mr_disk *disk, const char *path, mr_err *err);
    /* With parents; one that is there is fine. */
    mr_status (*make_dir)(mr_disk *disk, const char *path, mr_err *err);
    mr_status (*sync_dir)(mr_disk *disk, const char *path, mr_err *err); /* "" is the root */
    mr_status (*list)(mr_disk *disk, const char *path, mr_disk_visit visit, void *arg, mr_err *err);
    /* Exclusive lock of a file of this disk. MR_FENCED: held elsewhere (message names the holder's
     * pid as found in the file). The lock lives until unlock or the process ends. Writes our pid
     * into it. */
    mr_status (*lock)(mr_disk *disk, const char *path, mr_file **out, mr_err *err);
    void (*unlock)(mr_file *file);
} mr_disk_ops;

struct mr_disk {
    const mr_disk_ops *ops;
};
struct mr_file {
    mr_disk *disk;
};

/* MR_INVALID: the name leaves the root, or is that of something else than a regular file. */
mr_status mr_disk_open(mr_disk *disk, const char *path, mr_disk_open_mode mode, mr_file **out,
                       mr_err *err) MR_CHECKED;
void mr_file_close(mr_file *file); /* NULL is fine */
/* Reads until len bytes or the end of the file; *got tells. */
mr_status mr_disk_read_full(mr_file *file, void *data, size_t len, uint64_t at, size_t *got,
                            mr_err *err) MR_CHECKED;
/* Writes everything or fails. */
mr_status mr_disk_write_full(mr_file *file, const void *data, size_t len, uint64_t at,
                             mr_err *err) MR_CHECKED;
mr_status mr_disk_sync(mr_file *file, mr_err *err) MR_CHECKED;
mr_status mr_disk_truncate(mr_file *file, uint64_t len, mr_err *err) MR_CHECKED;
mr_status mr_disk_allocate(mr_file *file, uint64_t at, uint64_t len, mr_err *err) MR_CHECKED;
mr_status mr_disk_info_get(mr_disk *disk, const char *path, mr_disk_info *out,
                           mr_err *err) MR_CHECKED;
mr_status mr_disk_rename(mr_disk *disk, const char *from, const char *to, mr_disk_rename_mode mode,
                         mr_err *err) MR_CHECKED;
/* MR_NOT_FOUND when missing. */
mr_status mr_disk_remove(mr_disk *disk, const char *path, mr_err *err) MR_CHECKED;
mr_status mr_disk_make_dir(mr_disk *disk, const char *path, mr_err *err) MR_CHECKED;
mr_status mr_disk_sync_dir(mr_disk *disk, const char *path, mr_err *err) MR_CHECKED;
mr_status mr_disk_list(mr_disk *disk, const char *path, mr_disk_visit visit, void *arg,
                       mr_err *err) MR_CHECKED;
mr_status mr_disk_lock(mr_disk *disk, const char *path, mr_file **out, mr_err *err) MR_CHECKED;
void mr_disk_unlock(mr_file *file);
/* Removes a directory with all it holds; missing is fine. */
mr_status mr_disk_remove_tree(mr_disk *disk, const char *path, mr_err *err) MR_CHECKED;
/* Writes a small file durably: temporary name (path.tmp), sync, rename, sync of the directory. */
mr_status mr_disk_write_file(mr_disk *disk, const char *path, mr_bytes content,
                             mr_err *err) MR_CHECKED;
/* Reads a whole file of at most max_bytes, in place of what out held. MR_INVALID: larger. */
mr_status mr_disk_read_file(mr_disk *disk, const char *path, size_t max_bytes, mr_buf *out,
                            mr_err *err) MR_CHECKED;
