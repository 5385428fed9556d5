#include "connectors/file/file_plugin.h"

#include <stdlib.h>
#include <string.h>

#include "connectors/file/file_text.h"

static const mr_connector_field source_fields[] = {
    {"path", MR_CONNECTOR_PATH, 1, NULL, NULL, "the file to read"},
    {"max_record", MR_CONNECTOR_SIZE, 0, "1MiB", NULL,
     "a longer line is an error record that holds its first 4096 bytes"},
    {0},
};

static const mr_connector_field sink_fields[] = {
    {"dir", MR_CONNECTOR_PATH, 0, NULL, NULL,
     "a directory: one file for each piece of each partition"},
    {"path", MR_CONNECTOR_PATH, 0, NULL, NULL, "one file, for a topic with one partition"},
    {"rotate.records", MR_CONNECTOR_INT, 0, NULL, NULL, "with `dir`: end a file at so many rows"},
    {"rotate.size", MR_CONNECTOR_SIZE, 0, "64MiB", NULL,
     "with `dir`: end a file at about this size"},
    {0},
};

static int is_size(const mr_connector_setting *settings, size_t count, const char *name) {
    const char *value = mr_file_setting(settings, count, name);
    uint64_t size = 0;
    return value == NULL || (mr_file_size_parse(value, &size) && size > 0);
}

static const char *check_source(const mr_connector_setting *settings, size_t count) {
    const char *path = mr_file_setting(settings, count, "path");
    if (path == NULL || path[0] == '\0') {
        return "a file source needs 'path'";
    }
    if (!is_size(settings, count, "max_record")) {
        return "'max_record' is a size above 0, such as 64KiB";
    }
    return NULL;
}

static const char *check_sink(const mr_connector_setting *settings, size_t count) {
    const char *dir = mr_file_setting(settings, count, "dir");
    const char *path = mr_file_setting(settings, count, "path");
    if ((dir == NULL) == (path == NULL)) {
        return "a file sink needs either 'dir' or 'path'";
    }
    if ((dir != NULL ? dir : path)[0] == '\0') {
        return "the name of a file sink is empty";
    }
    const char *records = mr_file_setting(settings, count, "rotate.records");
    if (path != NULL &&
        (records != NULL || mr_file_setting(settings, count, "rotate.size") != NULL)) {
        return "'rotate' goes with 'dir': one file is never rotated";
    }
    if (!is_size(settings, count, "rotate.size")) {
        return "'rotate.size' is a size above 0, such as 16MiB";
    }
    if (!is_size(settings, count, "rotate.records")) {
        return "'rotate.records' is a number above 0";
    }
    return NULL;
}

/* ---- sinks: the form is chosen by the settings ---- */

static mr_connector_result sink_open(const mr_connector_host *host,
                                     const mr_connector_setting *settings, size_t count,
                                     const mr_connector_chain *chain, const char *intent,
                                     mr_connector_resume *resume, void **self_out, char *err,
                                     size_t err_bytes) {
    const char *problem = check_sink(settings, count);
    if (problem != NULL) {
        return mr_file_fail(MR_CONNECTOR_INVALID, err, err_bytes, "%s", problem);
    }
    mr_file_sink_target target = {host, settings, count, chain};
    mr_file_sink *sink = NULL;
    resume->piece_age_ms = 0;
    mr_connector_result result =
        mr_file_setting(settings, count, "dir") != NULL
            ? mr_file_sink_dir_open(&target, intent, resume, &sink, err, err_bytes)
            : mr_file_sink_one_open(&target, intent, resume, &sink, err, err_bytes);
    *self_out = sink;
    return result;
}

static mr_connector_result sink_write(void *self, const mr_connector_row *rows, size_t count,
                                      int *piece_full, char *err, size_t err_bytes) {
    mr_file_sink *sink = self;
    return sink->form->write(sink, rows, count, piece_full, err, err_bytes);
}

static mr_connector_result sink_prepare(void *self, int64_t end_offset, char *intent,
                                        size_t intent_bytes, char *err, size_t err_bytes) {
    mr_file_sink *sink = self;
    return sink->form->prepare(sink, end_offset, intent, intent_bytes, err, err_bytes);
}

static mr_connector_result sink_publish(void *self, const char *intent, char *err,
                                        size_t err_bytes) {
    mr_file_sink *sink = self;
    return sink->form->publish(sink, intent, err, err_bytes);
}

static void sink_close(void *self) {
    mr_file_sink *sink = self;
    if (sink != NULL) {
        sink->form->close(sink);
    }
}

static mr_connector_result sink_reset(const mr_connector_host *host,
                                      const mr_connector_setting *settings, size_t count,
                                      const mr_connector_chain *chain, char *err,
                                      size_t err_bytes) {
    const char *problem = check_sink(settings, count);
    if (problem != NULL) {
        return mr_file_fail(MR_CONNECTOR_INVALID, err, err_bytes, "%s", problem);
    }
    mr_file_sink_target target = {host, settings, count, chain};
    return mr_file_setting(settings, count, "dir") != NULL
               ? mr_file_sink_dir_reset(&target, err, err_bytes)
               : mr_file_sink_one_reset(&target, err, err_bytes);
}

static uint64_t sink_rows_left(void *self) {
    const mr_file_sink *sink = self;
    return sink->form->rows_left(sink);
}

int mr_file_lines_fill(mr_file_lines *lines, const mr_connector_row *rows, size_t count) {
    size_t need = 0;
    for (size_t i = 0; i < count; i++) {
        need += rows[i].len + 1;
    }
    if (need > lines->cap) {
        uint8_t *grown = realloc(lines->data, need);
        if (grown == NULL) {
            return 0;
        }
        lines->data = grown;
        lines->cap = need;
    }
    lines->len = 0;
    for (size_t i = 0; i < count; i++) {
        memcpy(lines->data + lines->len, rows[i].data, rows[i].len);
        lines->len += rows[i].len;
        lines->data[lines->len++] = '\n';
    }
    return 1;
}

const mr_connector mr_file_connector = {
    .struct_bytes = sizeof(mr_connector),
    .abi = MR_CONNECTOR_ABI,
    .name = "file",
    .about = "lines of a file in, JSON lines out; exactly once both ways",
    .source_fields = source_fields,
    .sink_fields = sink_fields,
    .check_source = check_source,
    .check_sink = check_sink,
    .source_open = mr_file_source_open,
    .source_read = mr_file_source_read,
    .source_close = mr_file_source_close,
    .sink_open = sink_open,
    .sink_write = sink_write,
    .sink_prepare = sink_prepare,
    .sink_publish = sink_publish,
    .sink_close = sink_close,
    .sink_reset = sink_reset,
    .sink_rows_left = sink_rows_left,
};
