#include "runtime/app/text_file.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

#include "runtime/base/alloc.h"

#define READ_BYTES 65536

static mr_status read_stream(FILE *file, const char *path, size_t bytes_max, mr_buf *out,
                             mr_err *err) {
    for (;;) {
        mr_buf_reserve(out, READ_BYTES);
        errno = 0;
        size_t got = fread(out->data + out->len, 1, READ_BYTES, file);
        out->len += got;
        if (ferror(file)) {
            return mr_err_sys(err, MR_UNAVAILABLE, errno, "cannot read %s", path);
        }
        if (out->len > bytes_max) {
            return mr_err_set(err, MR_INVALID, "%s is larger than %zu bytes", path, bytes_max);
        }
        if (got < READ_BYTES) {
            return MR_OK;
        }
    }
}

mr_status mr_text_file_read(const char *path, size_t bytes_max, mr_buf *out, mr_err *err) {
    mr_buf_clear(out);
    FILE *file = fopen(path, "rbe");
    if (!file) {
        return mr_err_sys(err, mr_status_from_errno(errno), errno, "cannot open %s", path);
    }
    mr_status status = read_stream(file, path, bytes_max, out, err);
    fclose(file);
    return status;
}

char *mr_text_file_folder(const char *path) {
    const char *slash = strrchr(path, '/');
    if (!slash) {
        return mr_strdup(".");
    }
    return slash == path ? mr_strdup("/") : mr_strndup(path, (size_t)(slash - path));
}

mr_status mr_folder_make(const char *path, mr_err *err) {
    char *prefix = mr_strdup(path);
    mr_status status = MR_OK;
    for (char *at = prefix; status == MR_OK && *at; at++) {
        if (at[1] != '/' && at[1] != '\0') {
            continue;
        }
        char kept = at[1];
        at[1] = '\0';
        if (*prefix && mkdir(prefix, 0777) != 0 && errno != EEXIST) {
            status = mr_err_sys(err, mr_status_from_errno(errno), errno, "cannot make %s", prefix);
        }
        at[1] = kept;
    }
    mr_free(prefix);
    return status;
}
