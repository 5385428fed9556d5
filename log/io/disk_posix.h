/* log/io/disk_posix.h - the operating system's files under one root directory.
 * Thread: any. Names are resolved beneath the root (openat2 RESOLVE_BENEATH | NO_MAGICLINKS, with a
 * component-by-component fallback where the kernel has none). */
#pragma once

#include "runtime/base/disk.h"

/* The root must exist. */
mr_status mr_disk_posix_open(const char *root, mr_disk **out, mr_err *err) MR_CHECKED;
void mr_disk_posix_close(mr_disk *disk); /* NULL is fine; all files must be closed */

/* How names are resolved: open() chooses, tests try both. */
typedef enum mr_disk_posix_walk {
    MR_DISK_POSIX_KERNEL,     /* openat2: symbolic links that stay below the root are followed */
    MR_DISK_POSIX_COMPONENTS, /* one openat each: no symbolic link is followed */
} mr_disk_posix_walk;
mr_status mr_disk_posix_open_walking(const char *root, mr_disk_posix_walk walk, mr_disk **out,
                                     mr_err *err) MR_CHECKED;
