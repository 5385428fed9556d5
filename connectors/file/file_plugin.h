/* connectors/file/file_plugin.h - the parts of the file plugin.
 * Thread: one call at a time for one opened source or sink. */
#pragma once

#include "connectors/api/connector.h"

extern const mr_connector mr_file_connector;

/* Default of `max_record`, as LANGUAGE says. */
#define MR_FILE_RECORD_BYTES_MAX 1048576
/* A piece of the directory form ends here unless `rotate` ends it earlier. */
#define MR_FILE_PIECE_BYTES_MAX (UINT64_C(64) << 20)
/* The one-file form commits its length at most so often. */
#define MR_FILE_COMMIT_MS 1000

/* ---- source (file_source.c): as connector.h says ---- */
mr_connector_result mr_file_source_open(const mr_connector_host *host,
                                        const mr_connector_setting *settings, size_t count,
                                        const char *position, void **self_out, char *err,
                                        size_t err_bytes);
mr_connector_result mr_file_source_read(void *self, mr_connector_read *read, char *err,
                                        size_t err_bytes);
void mr_file_source_close(void *self);

/* ---- sink: one opened sink is of one of the two forms ---- */

typedef struct mr_file_sink mr_file_sink;
typedef struct mr_file_sink_form {
    mr_connector_result (*write)(mr_file_sink *sink, const mr_connector_row *rows, size_t count,
                                 int *piece_full, char *err, size_t err_bytes);
    mr_connector_result (*prepare)(mr_file_sink *sink, int64_t end_offset, char *intent,
                                   size_t intent_bytes, char *err, size_t err_bytes);
    mr_connector_result (*publish)(mr_file_sink *sink, const char *intent, char *err,
                                   size_t err_bytes);
    uint64_t (*rows_left)(const mr_file_sink *sink);
    void (*close)(mr_file_sink *sink);
} mr_file_sink_form;
struct mr_file_sink {
    const mr_file_sink_form *form;
};

typedef struct mr_file_sink_target {
    const mr_connector_host *host;
    const mr_connector_setting *settings;
    size_t settings_count;
    const mr_connector_chain *chain;
} mr_file_sink_target;

/* What a sink is opened for: NULL or the committed intent. */
mr_connector_result mr_file_sink_dir_open(const mr_file_sink_target *target, const char *intent,
                                          mr_connector_resume *resume, mr_file_sink **out,
                                          char *err, size_t err_bytes);
mr_connector_result mr_file_sink_dir_reset(const mr_file_sink_target *target, char *err,
                                           size_t err_bytes);
mr_connector_result mr_file_sink_one_open(const mr_file_sink_target *target, const char *intent,
                                          mr_connector_resume *resume, mr_file_sink **out,
                                          char *err, size_t err_bytes);
mr_connector_result mr_file_sink_one_reset(const mr_file_sink_target *target, char *err,
                                           size_t err_bytes);

/* Rows as lines, behind each other in one growing buffer (realloc). 0: out of memory. */
typedef struct mr_file_lines {
    uint8_t *data;
    size_t len;
    size_t cap;
} mr_file_lines;
int mr_file_lines_fill(mr_file_lines *lines, const mr_connector_row *rows, size_t count);
