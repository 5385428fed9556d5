/* connectors/file/file_text.h - the small texts of the file plugin: settings, and the flat JSON
 * objects that positions, intents and chain files are. C standard headers only, like the ABI.
 * Thread: any.
 */
#pragma once

#include "connectors/api/connector.h"

/* ---- errors ---- */

/* Fills err and returns result. */
mr_connector_result mr_file_fail(mr_connector_result result, char *err, size_t err_bytes,
                                 const char *format, ...) __attribute__((format(printf, 4, 5)));
/* Puts "prefix: " before the message and returns result unchanged; MR_CONNECTOR_OK passes
 * untouched. */
mr_connector_result mr_file_wrap(mr_connector_result result, char *err, size_t err_bytes,
                                 const char *format, ...) __attribute__((format(printf, 4, 5)));

/* ---- settings ---- */

/* NULL: not given. */
const char *mr_file_setting(const mr_connector_setting *settings, size_t count, const char *name);
/* A whole number with an optional unit (B kB KiB MB MiB GB GiB TB TiB). 0: it is none, or beyond
 * uint64. */
int mr_file_size_parse(const char *text, uint64_t *out);
/* The setting or its default. MR_CONNECTOR_INVALID: not a size, or 0. */
mr_connector_result mr_file_setting_size(const mr_connector_setting *settings, size_t count,
                                         const char *name, uint64_t if_missing, uint64_t *out,
                                         char *err, size_t err_bytes);
/* The path without "./", doubled and trailing slashes; "" is the root itself. Owned by caller
 * (free); NULL: out of memory. */
char *mr_file_path_clean(const char *path);
/* The part before the last slash, "" when there is none. Owned by caller (free); NULL: out of
 * memory. */
char *mr_file_path_parent(const char *path);
const char *mr_file_path_base(const char *path);
/* "dir/name", or "name" in the root. Owned by caller (free); NULL: out of memory. */
char *mr_file_path_join(const char *dir, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Makes the directory with its parents and makes their names durable. */
mr_connector_result mr_file_make_dirs(const mr_connector_host *host, const char *dir, char *err,
                                      size_t err_bytes);

/* ---- one flat JSON object, written into a fixed place ---- */

typedef struct mr_file_text {
    char *data; /* NUL-terminated */
    size_t cap;
    size_t len;
    int cut; /* it did not fit */
} mr_file_text;

mr_file_text mr_file_text_begin(char *data, size_t cap); /* "{" */
void mr_file_text_put_string(mr_file_text *text, const char *name, const char *value);
void mr_file_text_put_int(mr_file_text *text, const char *name, int64_t value);
void mr_file_text_put_hex(mr_file_text *text, const char *name,
                          uint64_t value); /* a string of 16 digits */
int mr_file_text_end(mr_file_text *text);  /* "}"; 0: the object did not fit */

/* Fields of an object written by the functions above; 0: not there, or of another kind. */
int mr_file_text_get_int(const char *text, const char *name, int64_t *out);
int mr_file_text_get_hex(const char *text, const char *name, uint64_t *out);
int mr_file_text_get_string(const char *text, const char *name, char *out, size_t cap);

/* FNV-1a, 64 bits: stored in positions, so it never changes. seed: a former result, 0 to begin. */
uint64_t mr_file_hash(uint64_t seed, const void *data, size_t len);
/* The bytes right before a position that say whose file it is. */
#define MR_FILE_TAIL_BYTES 64
/* Of len bytes, at most 1024, of a file; of fewer where it ends. */
mr_connector_result mr_file_hash_range(const mr_connector_host *host, mr_connector_file *file,
                                       uint64_t from, size_t len, uint64_t *hash, char *err,
                                       size_t err_bytes);
