/* runtime/app/text_file.h - files and folders that a person names on the command line: any path,
 * not only those under one root. Thread: main. */
#pragma once

#include "runtime/base/bytes.h"

/* The whole file, in place of what out held. MR_NOT_FOUND; MR_INVALID: larger than bytes_max. */
mr_status mr_text_file_read(const char *path, size_t bytes_max, mr_buf *out,
                            mr_err *err) MR_CHECKED;
/* The folder that the file stands in ("." when it is named alone); owned by caller. */
char *mr_text_file_folder(const char *path);
/* With parents; one that is there is fine. */
mr_status mr_folder_make(const char *path, mr_err *err) MR_CHECKED;
