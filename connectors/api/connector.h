/* connectors/api/connector.h - the plugin ABI: C standard headers only.
 *
 * A plugin is one `struct mr_connector` of constants and functions. It does no I/O of its own: the
 * host hands it file operations, so that a simulator can run it and the host can keep it under its
 * root. Functions may block (they run on the I/O pool), one call at a time for one opened
 * connector. Every struct begins with its size at the plugin's build; fields are only ever added at
 * the end. Returns: MR_CONNECTOR_OK or an error, with a message in err (NUL-terminated, cut at
 * err_bytes).
 */
#ifndef MR_CONNECTOR_H
#define MR_CONNECTOR_H

#include <stddef.h>
#include <stdint.h>

#define MR_CONNECTOR_ABI 1

typedef enum mr_connector_result {
    MR_CONNECTOR_OK = 0,
    MR_CONNECTOR_AGAIN = 1,   /* nothing now: ask again later */
    MR_CONNECTOR_END = 2,     /* source: all that a bounded source holds was read */
    MR_CONNECTOR_EXISTS = 3,  /* file operation: the name is taken */
    MR_CONNECTOR_MISSING = 4, /* file operation: no such name */
    MR_CONNECTOR_FULL = 5,    /* the disk is full */
    MR_CONNECTOR_INVALID = 6, /* settings or outside data are wrong: stop, tell the user */
    MR_CONNECTOR_FAILED = 7,  /* I/O error */
} mr_connector_result;

/* ---- settings ---- */

typedef enum mr_connector_kind {
    MR_CONNECTOR_TEXT,
    MR_CONNECTOR_PATH,
    MR_CONNECTOR_INT,
    MR_CONNECTOR_SIZE,
    MR_CONNECTOR_DURATION,
    MR_CONNECTOR_CHOICE,
} mr_connector_kind;

/* One line of the config table: validates the YAML, writes the reference page. */
typedef struct mr_connector_field {
    const char *name; /* "path", "rotate.records" */
    mr_connector_kind kind;
    int required;
    const char *default_value; /* NULL: none */
    const char *choices;       /* "a|b" */
    const char *help;
} mr_connector_field;

/* One setting as the user wrote it: a SIZE is "64MiB", "10kB" or "4096", a DURATION "1h30m". Names
 * that the plugin's table does not have are the host's business: a plugin passes over them. */
typedef struct mr_connector_setting {
    const char *name;
    const char *value;
} mr_connector_setting;

/* ---- what the host offers ---- */

typedef struct mr_connector_file mr_connector_file; /* the host's */

typedef enum mr_connector_open_mode {
    MR_CONNECTOR_READ,
    MR_CONNECTOR_CREATE,
    MR_CONNECTOR_CREATE_NEW
} mr_connector_open_mode;

typedef struct mr_connector_file_info {
    uint64_t size_bytes;
    uint64_t identity[2]; /* equal only for the same file */
} mr_connector_file_info;

typedef struct mr_connector_host {
    size_t struct_bytes;
    uint32_t abi;
    void *self;
    /* Names as in the settings: relative to the connector's root, which they cannot leave. */
    mr_connector_result (*open)(void *self, const char *path, mr_connector_open_mode mode,
                                mr_connector_file **out, char *err, size_t err_bytes);
    void (*close)(void *self, mr_connector_file *file);
    /* Whole counts: *got < len only at the end of the file. */
    mr_connector_result (*pread)(void *self, mr_connector_file *file, void *data, size_t len,
                                 uint64_t at, size_t *got, char *err, size_t err_bytes);
    mr_connector_result (*pwrite)(void *self, mr_connector_file *file, const void *data, size_t len,
                                  uint64_t at, char *err, size_t err_bytes);
    mr_connector_result (*truncate)(void *self, mr_connector_file *file, uint64_t len, char *err,
                                    size_t err_bytes);
    mr_connector_result (*sync)(void *self, mr_connector_file *file, char *err, size_t err_bytes);
    mr_connector_result (*info)(void *self, const char *path, mr_connector_file_info *out,
                                char *err, size_t err_bytes);
    /* Never replaces: MR_CONNECTOR_EXISTS. */
    mr_connector_result (*rename)(void *self, const char *from, const char *to, char *err,
                                  size_t err_bytes);
    mr_connector_result (*remove)(void *self, const char *path, char *err, size_t err_bytes);
    mr_connector_result (*make_dir)(void *self, const char *path, char *err, size_t err_bytes);
    mr_connector_result (*sync_dir)(void *self, const char *path, char *err, size_t err_bytes);
    mr_connector_result (*list)(void *self, const char *path,
                                void (*visit)(void *arg, const char *name), void *arg, char *err,
                                size_t err_bytes);
    /* Exclusive while open; MR_CONNECTOR_INVALID with the holder's pid when held elsewhere. */
    mr_connector_result (*lock)(void *self, const char *path, mr_connector_file **out, char *err,
                                size_t err_bytes);
} mr_connector_host;

/* ---- sources ---- */

#define MR_CONNECTOR_POSITION_BYTES_MAX 2048

/* One record as found outside. data is the plugin's until its next read. */
typedef struct mr_connector_record {
    const uint8_t *data;
    size_t len;
    uint64_t line;       /* in its file, from 1 */
    const char *problem; /* NULL; else why it is malformed (too long, ...): an error record */
} mr_connector_record;

typedef struct mr_connector_read {
    size_t struct_bytes;
    /* in */
    size_t records_max;
    size_t bytes_max;
    /* out: the plugin's until its next call */
    const mr_connector_record *records;
    size_t records_count;
    char position[MR_CONNECTOR_POSITION_BYTES_MAX]; /* behind the last record: opaque text,
                                                       committed with them */
    const char *origin;                             /* the file's name, for `path:line` */
    /* in: not 0: the input is bounded, so what stands last without an end mark (a line without its
     * newline) is whole; 0: it may still be growing and waits for its end mark */
    int take_rest;
} mr_connector_read;

/* ---- sinks ---- */

/* Where a sink's records come from; a mismatch with what the target was written from stops with a
 * message. */
typedef struct mr_connector_chain {
    size_t struct_bytes;
    const char *log_id;
    const char *topic_id;
    const char *topic;
    int32_t partition;
    int32_t partitions;
    int64_t generation;
} mr_connector_chain;

typedef struct mr_connector_row {
    int64_t offset;
    const uint8_t *data; /* finished JSON, one line, without the newline */
    size_t len;
} mr_connector_row;

typedef struct mr_connector_resume {
    size_t struct_bytes;
    int64_t next_offset;    /* hand over rows from this offset on */
    int64_t publish_offset; /* >= 0: the last committed piece is not published yet: hand over
                               exactly the rows up to and with this offset, then call publish with
                               its intent; -1: nothing to make good */
    int64_t
        piece_age_ms; /* > 0: end a piece when the last one ended so long ago; 0: no such bound */
} mr_connector_resume;

#define MR_CONNECTOR_INTENT_BYTES_MAX 1024

/* ---- the plugin ---- */

typedef struct mr_connector {
    size_t struct_bytes;
    uint32_t abi;
    const char *name;
    const char *about;
    const mr_connector_field *source_fields; /* ends with name == NULL; NULL: no source */
    const mr_connector_field *sink_fields;
    /* What single fields cannot say. NULL: right; else the message (static). */
    const char *(*check_source)(const mr_connector_setting *settings, size_t count);
    const char *(*check_sink)(const mr_connector_setting *settings, size_t count);

    /* position: of the last committed read, NULL: from the start. */
    mr_connector_result (*source_open)(const mr_connector_host *host,
                                       const mr_connector_setting *settings, size_t count,
                                       const char *position, void **self_out, char *err,
                                       size_t err_bytes);
    mr_connector_result (*source_read)(void *self, mr_connector_read *read, char *err,
                                       size_t err_bytes);
    void (*source_close)(void *self);

    /* intent: of the last committed piece, NULL: none. Cuts away what was not committed. */
    mr_connector_result (*sink_open)(const mr_connector_host *host,
                                     const mr_connector_setting *settings, size_t count,
                                     const mr_connector_chain *chain, const char *intent,
                                     mr_connector_resume *resume, void **self_out, char *err,
                                     size_t err_bytes);
    /* Takes all rows. *piece_full: the piece should be ended now (rotate, size). */
    mr_connector_result (*sink_write)(void *self, const mr_connector_row *rows, size_t count,
                                      int *piece_full, char *err, size_t err_bytes);
    /* Before the commit: the text that the log commits for the piece that ends with end_offset (the
     * last offset consumed, whether or not it gave a row; there may have been no row at all).
     * Everything written so far is durable as far as this sink needs it before the commit. */
    mr_connector_result (*sink_prepare)(void *self, int64_t end_offset, char *intent,
                                        size_t intent_bytes, char *err, size_t err_bytes);
    /* After the commit is decided; idempotent: done before is done. */
    mr_connector_result (*sink_publish)(void *self, const char *intent, char *err,
                                        size_t err_bytes);
    void (*sink_close)(void *self);
    /* `reset`: removes what was written for this topic (all its partitions) by generations below
     * chain->generation, and nothing else. Idempotent: done before is done, so it may be called
     * whenever a job opens. */
    mr_connector_result (*sink_reset)(const mr_connector_host *host,
                                      const mr_connector_setting *settings, size_t count,
                                      const mr_connector_chain *chain, char *err, size_t err_bytes);
    /* How many rows the piece still takes until it is full by count; UINT64_MAX: no such bound. May
     * be NULL. */
    uint64_t (*sink_rows_left)(void *self);
} mr_connector;

#endif
