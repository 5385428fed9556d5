#include "connectors/api/conformance_host.h"

#include <stdio.h>

static mr_connector_result killed(char *err, size_t err_bytes) {
    snprintf(err, err_bytes, "killed by the conformance kit");
    return MR_CONNECTOR_FAILED;
}

typedef enum op_fate { FATE_DONE, FATE_NOT_DONE, FATE_UNANSWERED, FATE_TORN } op_fate;

static op_fate next_fate(mr_conformance_host *self) {
    if (self->dead) {
        return FATE_NOT_DONE;
    }
    if (self->operations++ != self->break_at) {
        return FATE_DONE;
    }
    self->dead = 1;
    switch (self->kind) {
    case MR_CONFORMANCE_UNANSWERED:
        return FATE_UNANSWERED;
    case MR_CONFORMANCE_TORN:
        return FATE_TORN;
    default:
        return FATE_NOT_DONE;
    }
}

static mr_connector_result answer(op_fate fate, mr_connector_result result, char *err,
                                  size_t err_bytes) {
    return fate == FATE_DONE ? result : killed(err, err_bytes);
}

static int is_done(op_fate fate) {
    return fate == FATE_DONE || fate == FATE_UNANSWERED;
}

static mr_connector_result kit_open(void *arg, const char *path, mr_connector_open_mode mode,
                                    mr_connector_file **out, char *err, size_t err_bytes) {
    mr_conformance_host *self = arg;
    op_fate fate = next_fate(self);
    if (!is_done(fate)) {
        return killed(err, err_bytes);
    }
    mr_connector_file *file = NULL;
    mr_connector_result result =
        self->real->open(self->real->self, path, mode, &file, err, err_bytes);
    if (result == MR_CONNECTOR_OK && fate == FATE_UNANSWERED) {
        self->real->close(self->real->self, file);
    } else {
        *out = file;
    }
    return answer(fate, result, err, err_bytes);
}

static void kit_close(void *arg, mr_connector_file *file) {
    mr_conformance_host *self = arg;
    self->real->close(self->real->self, file);
}

static mr_connector_result kit_pread(void *arg, mr_connector_file *file, void *data, size_t len,
                                     uint64_t at, size_t *got, char *err, size_t err_bytes) {
    mr_conformance_host *self = arg;
    op_fate fate = next_fate(self);
    if (!is_done(fate)) {
        return killed(err, err_bytes);
    }
    return answer(fate,
                  self->real->pread(self->real->self, file, data, len, at, got, err, err_bytes),
                  err, err_bytes);
}

static mr_connector_result kit_pwrite(void *arg, mr_connector_file *file, const void *data,
                                      size_t len, uint64_t at, char *err, size_t err_bytes) {
    mr_conformance_host *self = arg;
    op_fate fate = next_fate(self);
    if (fate == FATE_NOT_DONE) {
        return killed(err, err_bytes);
    }
    len = fate == FATE_TORN ? len / 2 : len;
    return answer(fate, self->real->pwrite(self->real->self, file, data, len, at, err, err_bytes),
                  err, err_bytes);
}

static mr_connector_result kit_truncate(void *arg, mr_connector_file *file, uint64_t len, char *err,
                                        size_t err_bytes) {
    mr_conformance_host *self = arg;
    op_fate fate = next_fate(self);
    if (!is_done(fate)) {
        return killed(err, err_bytes);
    }
    return answer(fate, self->real->truncate(self->real->self, file, len, err, err_bytes), err,
                  err_bytes);
}

static mr_connector_result kit_sync(void *arg, mr_connector_file *file, char *err,
                                    size_t err_bytes) {
    mr_conformance_host *self = arg;
    op_fate fate = next_fate(self);
    if (!is_done(fate)) {
        return killed(err, err_bytes);
    }
    return answer(fate, self->real->sync(self->real->self, file, err, err_bytes), err, err_bytes);
}

static mr_connector_result kit_info(void *arg, const char *path, mr_connector_file_info *out,
                                    char *err, size_t err_bytes) {
    mr_conformance_host *self = arg;
    op_fate fate = next_fate(self);
    if (!is_done(fate)) {
        return killed(err, err_bytes);
    }
    return answer(fate, self->real->info(self->real->self, path, out, err, err_bytes), err,
                  err_bytes);
}

static mr_connector_result kit_rename(void *arg, const char *from, const char *to, char *err,
                                      size_t err_bytes) {
    mr_conformance_host *self = arg;
    op_fate fate = next_fate(self);
    if (!is_done(fate)) {
        return killed(err, err_bytes);
    }
    return answer(fate, self->real->rename(self->real->self, from, to, err, err_bytes), err,
                  err_bytes);
}

static mr_connector_result kit_remove(void *arg, const char *path, char *err, size_t err_bytes) {
    mr_conformance_host *self = arg;
    op_fate fate = next_fate(self);
    if (!is_done(fate)) {
        return killed(err, err_bytes);
    }
    return answer(fate, self->real->remove(self->real->self, path, err, err_bytes), err, err_bytes);
}

static mr_connector_result kit_make_dir(void *arg, const char *path, char *err, size_t err_bytes) {
    mr_conformance_host *self = arg;
    op_fate fate = next_fate(self);
    if (!is_done(fate)) {
        return killed(err, err_bytes);
    }
    return answer(fate, self->real->make_dir(self->real->self, path, err, err_bytes), err,
                  err_bytes);
}

static mr_connector_result kit_sync_dir(void *arg, const char *path, char *err, size_t err_bytes) {
    mr_conformance_host *self = arg;
    op_fate fate = next_fate(self);
    if (!is_done(fate)) {
        return killed(err, err_bytes);
    }
    return answer(fate, self->real->sync_dir(self->real->self, path, err, err_bytes), err,
                  err_bytes);
}

static mr_connector_result kit_list(void *arg, const char *path,
                                    void (*visit)(void *visit_arg, const char *name),
                                    void *visit_arg, char *err, size_t err_bytes) {
    mr_conformance_host *self = arg;
    op_fate fate = next_fate(self);
    if (!is_done(fate)) {
        return killed(err, err_bytes);
    }
    return answer(fate, self->real->list(self->real->self, path, visit, visit_arg, err, err_bytes),
                  err, err_bytes);
}

static mr_connector_result kit_lock(void *arg, const char *path, mr_connector_file **out, char *err,
                                    size_t err_bytes) {
    mr_conformance_host *self = arg;
    op_fate fate = next_fate(self);
    if (!is_done(fate)) {
        return killed(err, err_bytes);
    }
    mr_connector_file *file = NULL;
    mr_connector_result result = self->real->lock(self->real->self, path, &file, err, err_bytes);
    if (result == MR_CONNECTOR_OK && fate == FATE_UNANSWERED) {
        self->real->close(self->real->self, file);
    } else {
        *out = file;
    }
    return answer(fate, result, err, err_bytes);
}

void mr_conformance_host_init(mr_conformance_host *self, const mr_connector_host *real,
                              mr_conformance_break kind, uint64_t break_at) {
    *self = (mr_conformance_host){
        .host =
            {
                .struct_bytes = sizeof(mr_connector_host),
                .abi = MR_CONNECTOR_ABI,
                .self = self,
                .open = kit_open,
                .close = kit_close,
                .pread = kit_pread,
                .pwrite = kit_pwrite,
                .truncate = kit_truncate,
                .sync = kit_sync,
                .info = kit_info,
                .rename = kit_rename,
                .remove = kit_remove,
                .make_dir = kit_make_dir,
                .sync_dir = kit_sync_dir,
                .list = kit_list,
                .lock = kit_lock,
            },
        .real = real,
        .break_at = break_at,
        .kind = kind,
    };
}
