/* log/io/disk_posix.h - the operating system's files under one root directory.
 * Thread: any. Names are resolved beneath the root (openat2 RESOLVE_BENEATH | NO_MAGICLINKS, with a
 * component-by-component fallback where the kernel has none). */
#pragma once

#include "runtime/base/disk.h"

/* The root must exist. */
mr_status mr_disk_posix_open(const char *root, mr_disk **out, mr_err *err) MR_CHECKED;
void mr_disk_posix_close(mr_disk *disk); /* NULL is fine; all files must be closed */
