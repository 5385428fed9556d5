#include "connectors/file/file_text.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HASH_BYTES_MAX 1024

/* ---- errors ---- */

mr_connector_result mr_file_fail(mr_connector_result result, char *err, size_t err_bytes,
                                 const char *format, ...) {
    va_list args;
    va_start(args, format);
    vsnprintf(err, err_bytes, format, args);
    va_end(args);
    return result;
}

mr_connector_result mr_file_wrap(mr_connector_result result, char *err, size_t err_bytes,
                                 const char *format, ...) {
    if (result == MR_CONNECTOR_OK) {
        return result;
    }
    char prefix[512];
    char message[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(prefix, sizeof prefix, format, args);
    va_end(args);
    snprintf(message, sizeof message, "%s", err);
    snprintf(err, err_bytes, "%s: %s", prefix, message);
    return result;
}

/* ---- settings ---- */

const char *mr_file_setting(const mr_connector_setting *settings, size_t count, const char *name) {
    for (size_t i = 0; i < count; i++) {
        if (strcmp(settings[i].name, name) == 0) {
            return settings[i].value;
        }
    }
    return NULL;
}

static const struct {
    const char *name;
    uint64_t factor;
} units[] = {
    {"", 1},
    {"B", 1},
    {"kB", 1000},
    {"KiB", UINT64_C(1) << 10},
    {"MB", 1000000},
    {"MiB", UINT64_C(1) << 20},
    {"GB", 1000000000},
    {"GiB", UINT64_C(1) << 30},
    {"TB", UINT64_C(1000000000000)},
    {"TiB", UINT64_C(1) << 40},
};

int mr_file_size_parse(const char *text, uint64_t *out) {
    uint64_t value = 0;
    const char *at = text;
    for (; *at >= '0' && *at <= '9'; at++) {
        uint64_t digit = (uint64_t)(*at - '0');
        if (value > (UINT64_MAX - digit) / 10) {
            return 0;
        }
        value = value * 10 + digit;
    }
    if (at == text) {
        return 0;
    }
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (strcmp(at, units[i].name) == 0) {
            if (value > UINT64_MAX / units[i].factor) {
                return 0;
            }
            *out = value * units[i].factor;
            return 1;
        }
    }
    return 0;
}

mr_connector_result mr_file_setting_size(const mr_connector_setting *settings, size_t count,
                                         const char *name, uint64_t if_missing, uint64_t *out,
                                         char *err, size_t err_bytes) {
    const char *value = mr_file_setting(settings, count, name);
    if (value == NULL) {
        *out = if_missing;
        return MR_CONNECTOR_OK;
    }
    if (!mr_file_size_parse(value, out) || *out == 0) {
        return mr_file_fail(MR_CONNECTOR_INVALID, err, err_bytes, "'%s' is no %s: a number above 0",
                            value, name);
    }
    return MR_CONNECTOR_OK;
}

/* ---- paths ---- */

char *mr_file_path_clean(const char *path) {
    char *clean = malloc(strlen(path) + 1);
    if (clean == NULL) {
        return NULL;
    }
    size_t len = 0;
    if (path[0] == '/') {
        clean[len++] = '/'; /* the host refuses it, with the path as it was given */
    }
    while (*path != '\0') {
        size_t part = strcspn(path, "/");
        if (part > 0 && !(part == 1 && path[0] == '.')) {
            if (len > 0 && clean[len - 1] != '/') {
                clean[len++] = '/';
            }
            memcpy(clean + len, path, part);
            len += part;
        }
        path += part;
        path += *path == '/';
    }
    clean[len] = '\0';
    return clean;
}

char *mr_file_path_parent(const char *path) {
    const char *slash = strrchr(path, '/');
    size_t len = slash != NULL ? (size_t)(slash - path) : 0;
    char *parent = malloc(len + 1);
    if (parent != NULL) {
        memcpy(parent, path, len);
        parent[len] = '\0';
    }
    return parent;
}

const char *mr_file_path_base(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

char *mr_file_path_join(const char *dir, const char *format, ...) {
    va_list args;
    va_start(args, format);
    va_list again;
    va_copy(again, args);
    int name_len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    size_t dir_len = strlen(dir);
    char *path = name_len < 0 ? NULL : malloc(dir_len + 1 + (size_t)name_len + 1);
    if (path != NULL) {
        size_t at = (size_t)sprintf(path, "%s%s", dir, dir_len > 0 ? "/" : "");
        vsnprintf(path + at, (size_t)name_len + 1, format, again);
    }
    va_end(again);
    return path;
}

mr_connector_result mr_file_make_dirs(const mr_connector_host *host, const char *dir, char *err,
                                      size_t err_bytes) {
    mr_connector_result result =
        dir[0] == '\0' ? MR_CONNECTOR_OK : host->make_dir(host->self, dir, err, err_bytes);
    if (result == MR_CONNECTOR_EXISTS) {
        return mr_file_fail(MR_CONNECTOR_INVALID, err, err_bytes,
                            "%s: a file or a link stands where a directory is needed", dir);
    }
    char *at = strdup(dir);
    if (at == NULL) {
        return mr_file_fail(MR_CONNECTOR_FAILED, err, err_bytes, "out of memory");
    }
    while (result == MR_CONNECTOR_OK && at[0] != '\0') {
        char *parent = mr_file_path_parent(at);
        if (parent == NULL) {
            result = mr_file_fail(MR_CONNECTOR_FAILED, err, err_bytes, "out of memory");
            break;
        }
        free(at);
        at = parent;
        result = host->sync_dir(host->self, at, err, err_bytes);
    }
    free(at);
    return result;
}

/* ---- one flat JSON object ---- */

static void text_put(mr_file_text *text, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void text_put(mr_file_text *text, const char *format, ...) {
    va_list args;
    va_start(args, format);
    int len = vsnprintf(text->data + text->len, text->cap - text->len, format, args);
    va_end(args);
    if (len < 0 || (size_t)len >= text->cap - text->len) {
        text->cut = 1;
        text->data[text->len] = '\0';
    } else {
        text->len += (size_t)len;
    }
}

mr_file_text mr_file_text_begin(char *data, size_t cap) {
    mr_file_text text = {.data = data, .cap = cap};
    data[0] = '\0';
    text_put(&text, "{");
    return text;
}

static void put_name(mr_file_text *text, const char *name) {
    text_put(text, "%s\"%s\":", text->len > 1 ? "," : "", name);
}

void mr_file_text_put_string(mr_file_text *text, const char *name, const char *value) {
    put_name(text, name);
    text_put(text, "\"");
    for (const char *at = value; *at != '\0'; at++) {
        unsigned char c = (unsigned char)*at;
        if (c < 0x20) {
            text_put(text, "\\u%04x", c);
        } else if (c == '"' || c == '\\') {
            text_put(text, "\\%c", c);
        } else {
            text_put(text, "%c", c);
        }
    }
    text_put(text, "\"");
}

void mr_file_text_put_int(mr_file_text *text, const char *name, int64_t value) {
    put_name(text, name);
    text_put(text, "%" PRId64, value);
}

void mr_file_text_put_hex(mr_file_text *text, const char *name, uint64_t value) {
    put_name(text, name);
    text_put(text, "\"%016" PRIx64 "\"", value);
}

int mr_file_text_end(mr_file_text *text) {
    text_put(text, "}");
    return !text->cut;
}

/* Quotes inside a written string are escaped, so `"name":` is found nowhere but at a field. */
static const char *find_field(const char *text, const char *name) {
    char quoted[80];
    int len = snprintf(quoted, sizeof quoted, "\"%s\":", name);
    if (len < 0 || (size_t)len >= sizeof quoted) {
        return NULL;
    }
    const char *at = strstr(text, quoted);
    return at != NULL ? at + len : NULL;
}

int mr_file_text_get_int(const char *text, const char *name, int64_t *out) {
    const char *at = find_field(text, name);
    char *end = NULL;
    if (at == NULL || !(*at == '-' || (*at >= '0' && *at <= '9'))) {
        return 0;
    }
    *out = strtoll(at, &end, 10);
    return end != at && (*end == ',' || *end == '}');
}

int mr_file_text_get_hex(const char *text, const char *name, uint64_t *out) {
    char digits[17];
    if (!mr_file_text_get_string(text, name, digits, sizeof digits) || strlen(digits) != 16) {
        return 0;
    }
    char *end = NULL;
    *out = strtoull(digits, &end, 16);
    return end == digits + 16;
}

int mr_file_text_get_string(const char *text, const char *name, char *out, size_t cap) {
    const char *at = find_field(text, name);
    if (at == NULL || *at != '"') {
        return 0;
    }
    size_t len = 0;
    for (at++; *at != '"'; at++) {
        unsigned code = (unsigned char)*at;
        if (code == 0 || len + 1 >= cap) {
            return 0;
        }
        if (code == '\\') {
            at++;
            code = (unsigned char)*at;
            if (code == 'u') {
                if (sscanf(at + 1, "%4x", &code) != 1 || strlen(at) < 5) {
                    return 0;
                }
                at += 4;
            } else if (code != '"' && code != '\\') {
                return 0;
            }
        }
        out[len++] = (char)code;
    }
    out[len] = '\0';
    return 1;
}

uint64_t mr_file_hash(uint64_t seed, const void *data, size_t len) {
    uint64_t hash = seed != 0 ? seed : UINT64_C(0xcbf29ce484222325);
    const unsigned char *at = data;
    for (size_t i = 0; i < len; i++) {
        hash = (hash ^ at[i]) * UINT64_C(0x100000001b3);
    }
    return hash;
}

mr_connector_result mr_file_hash_range(const mr_connector_host *host, mr_connector_file *file,
                                       uint64_t from, size_t len, uint64_t *hash, char *err,
                                       size_t err_bytes) {
    uint8_t bytes[HASH_BYTES_MAX];
    size_t got = 0;
    mr_connector_result result =
        host->pread(host->self, file, bytes, len < sizeof bytes ? len : sizeof bytes, from, &got,
                    err, err_bytes);
    *hash = mr_file_hash(0, bytes, got);
    return result;
}
