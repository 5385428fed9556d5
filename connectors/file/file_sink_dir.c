#include "connectors/file/file_plugin.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "connectors/file/file_chain.h"
#include "connectors/file/file_text.h"

/* The directory form: one file for each piece.
 *
 *   out/<topic>-<partition>-<START %020d>-<END %020d>.jsonl   published: complete, durable, never
 * changed out/.<topic>-<partition>.tmp                              the piece under way: deleted at
 * open out/.millrace-chain-<topic>-<partition>                   file_chain.h intent
 * {"dir":"out","start":0,"end":99,"rows":57}
 *
 * The range is in the log before the name is in the directory, so:
 *  1. a name that is there was committed, and holds exactly its range;
 *  2. a committed range whose name is missing is built again, from exactly that range;
 *  3. END of one piece is below START of the next, so the names sorted give the records in order.
 * A piece without rows is committed (its END counts) and gives no file.
 */
#define OFFSET_DIGITS 20
/* What a file system takes for one name. */
#define NAME_BYTES_MAX 255

typedef struct dir_sink {
    mr_file_sink sink; /* must be first */
    const mr_connector_host *host;
    char *dir;
    char *topic;
    int32_t partition;
    char *chain_path;
    char *temporary;
    mr_connector_file *lock;
    uint64_t rows_max;
    uint64_t bytes_max;

    /* the piece under way */
    mr_connector_file *file; /* NULL: it has no row yet */
    int64_t start;           /* -1: the first row will say */
    uint64_t rows;
    uint64_t bytes;
    mr_file_lines lines;

    int64_t published_end; /* END of the last piece known to be published; -1: none */
} dir_sink;

typedef struct dir_intent {
    int64_t start;
    int64_t end;
    int64_t rows;
} dir_intent;

static mr_connector_result out_of_memory(char *err, size_t err_bytes) {
    return mr_file_fail(MR_CONNECTOR_FAILED, err, err_bytes, "out of memory");
}

/* ---- intent ---- */

static mr_connector_result parse_intent(const dir_sink *self, const char *text, dir_intent *out,
                                        char *err, size_t err_bytes) {
    char dir[MR_CONNECTOR_INTENT_BYTES_MAX];
    if (!mr_file_text_get_string(text, "dir", dir, sizeof dir) || strcmp(dir, self->dir) != 0) {
        return mr_file_fail(
            MR_CONNECTOR_INVALID, err, err_bytes,
            "this sink wrote somewhere else before (%s) and is now to write into "
            "directory '%s': put the old setting back, `millrace reset` the job, or "
            "give the sink another name",
            text, self->dir);
    }
    if (!mr_file_text_get_int(text, "start", &out->start) ||
        !mr_file_text_get_int(text, "end", &out->end) ||
        !mr_file_text_get_int(text, "rows", &out->rows) || out->end < 0) {
        return mr_file_fail(MR_CONNECTOR_INVALID, err, err_bytes,
                            "%s: the committed intent is none of a file sink: %s", self->dir, text);
    }
    return MR_CONNECTOR_OK;
}

static char *piece_path(const dir_sink *self, const dir_intent *piece) {
    return mr_file_path_join(self->dir, "%s-%" PRId32 "-%020" PRId64 "-%020" PRId64 ".jsonl",
                             self->topic, self->partition, piece->start, piece->end);
}

/* ---- names ---- */

static int read_offset(const char *digits, int64_t *out) {
    int64_t value = 0;
    for (int i = 0; i < OFFSET_DIGITS; i++) {
        if (digits[i] < '0' || digits[i] > '9' || value > (INT64_MAX - 9) / 10) {
            return 0;
        }
        value = value * 10 + (digits[i] - '0');
    }
    *out = value;
    return 1;
}

/* Whether a name is that of a piece of this topic and partition; topics may hold '-' and digits
 * too. */
static int is_piece(const char *name, const char *topic, int32_t partition, int64_t *end) {
    char prefix[300];
    int64_t start;
    int len = snprintf(prefix, sizeof prefix, "%s-%" PRId32 "-", topic, partition);
    if (len < 0 || (size_t)len >= sizeof prefix || strncmp(name, prefix, (size_t)len) != 0) {
        return 0;
    }
    const char *at = name + len;
    return strlen(at) == 2 * OFFSET_DIGITS + 1 + strlen(".jsonl") && read_offset(at, &start) &&
           at[OFFSET_DIGITS] == '-' && read_offset(at + OFFSET_DIGITS + 1, end) &&
           strcmp(at + 2 * OFFSET_DIGITS + 1, ".jsonl") == 0;
}

typedef struct newest_piece {
    const dir_sink *self;
    int64_t end; /* -1: there is no piece */
} newest_piece;

static void visit_piece(void *arg, const char *name) {
    newest_piece *newest = arg;
    int64_t end;
    if (is_piece(name, newest->self->topic, newest->self->partition, &end) && end > newest->end) {
        newest->end = end;
    }
}

/* ---- open ---- */

/* A chain file is durable before anything is committed, so output was taken away with it. */
static mr_connector_result output_is_gone(const dir_sink *self, int64_t committed_end, char *err,
                                          size_t err_bytes) {
    return mr_file_fail(MR_CONNECTOR_INVALID, err, err_bytes,
                        "directory '%s': what this sink wrote there up to offset %" PRId64
                        " is gone, and the file %s with it: put it back, `millrace reset` the job, "
                        "or give the sink another name",
                        self->dir, committed_end, mr_file_path_base(self->chain_path));
}

static mr_connector_result check_output(const dir_sink *self, mr_file_chain_found found,
                                        int64_t committed_end, char *err, size_t err_bytes) {
    if (found == MR_FILE_CHAIN_NONE && committed_end >= 0) {
        return output_is_gone(self, committed_end, err, err_bytes);
    }
    newest_piece newest = {self, -1};
    mr_connector_result result =
        self->host->list(self->host->self, self->dir, visit_piece, &newest, err, err_bytes);
    if (result != MR_CONNECTOR_OK || newest.end <= committed_end) {
        return result;
    }
    if (found == MR_FILE_CHAIN_NONE) {
        return mr_file_fail(
            MR_CONNECTOR_INVALID, err, err_bytes,
            "directory '%s' holds files of topic %s, partition %d, that this sink did "
            "not write: move them away, or write somewhere else",
            self->dir, self->topic, (int)self->partition);
    }
    return mr_file_fail(MR_CONNECTOR_INVALID, err, err_bytes,
                        "directory '%s' holds topic %s, partition %d, up to offset %" PRId64
                        ", but the log committed only up to %" PRId64
                        ": is this an older copy of the data directory?",
                        self->dir, self->topic, (int)self->partition, newest.end, committed_end);
}

/* What a crash left: is the last committed piece there? */
static mr_connector_result find_place(dir_sink *self, const dir_intent *intent,
                                      mr_connector_resume *resume, char *err, size_t err_bytes) {
    int there = 1;
    if (intent->rows > 0) {
        char *path = piece_path(self, intent);
        if (path == NULL) {
            return out_of_memory(err, err_bytes);
        }
        mr_connector_result result =
            mr_file_is_there(self->host, path, &there, NULL, err, err_bytes);
        free(path);
        if (result != MR_CONNECTOR_OK) {
            return result;
        }
    }
    if (there) {
        resume->next_offset = intent->end + 1;
        self->published_end = intent->end;
    } else {
        resume->next_offset = intent->start;
        resume->publish_offset = intent->end;
    }
    self->start = resume->next_offset;
    return MR_CONNECTOR_OK;
}

/* A name that no file can have must not be found out about behind the commit of its range. */
static mr_connector_result check_names(const dir_sink *self, char *err, size_t err_bytes) {
    char *longest = piece_path(self, &(dir_intent){0});
    if (longest == NULL) {
        return out_of_memory(err, err_bytes);
    }
    size_t len = strlen(mr_file_path_base(longest));
    free(longest);
    return len <= NAME_BYTES_MAX
               ? MR_CONNECTOR_OK
               : mr_file_fail(MR_CONNECTOR_INVALID, err, err_bytes,
                              "directory '%s': names of files with the topic's name in them would "
                              "have %zu bytes, and %d is the most: use 'path', or a shorter topic",
                              self->dir, len, NAME_BYTES_MAX);
}

static mr_connector_result enter_dir(dir_sink *self, const mr_file_sink_target *target,
                                     const char *intent_text, mr_connector_resume *resume,
                                     char *err, size_t err_bytes) {
    dir_intent intent = {.start = -1, .end = -1};
    mr_file_chain_found found = MR_FILE_CHAIN_NONE;
    mr_connector_result result = check_names(self, err, err_bytes);
    if (result == MR_CONNECTOR_OK && intent_text != NULL) {
        result = parse_intent(self, intent_text, &intent, err, err_bytes);
    }
    if (result == MR_CONNECTOR_OK) {
        result = mr_file_make_dirs(self->host, self->dir, err, err_bytes);
    }
    if (result == MR_CONNECTOR_OK) {
        result = mr_file_chain_lock(self->host, self->chain_path, &self->lock, err, err_bytes);
    }
    if (result == MR_CONNECTOR_OK) {
        result = mr_file_chain_check(self->host, self->chain_path, target->chain, &found, err,
                                     err_bytes);
    }
    if (result == MR_CONNECTOR_OK) {
        result = check_output(self, found, intent.end, err, err_bytes);
    }
    if (result == MR_CONNECTOR_OK && found == MR_FILE_CHAIN_NONE) {
        result = mr_file_chain_write(self->host, self->chain_path, target->chain, err, err_bytes);
    }
    if (result == MR_CONNECTOR_OK) {
        result = mr_file_remove_if_there(self->host, self->temporary, err, err_bytes);
    }
    /* A name found may be younger than the last sync of the directory. */
    if (result == MR_CONNECTOR_OK) {
        result = self->host->sync_dir(self->host->self, self->dir, err, err_bytes);
    }
    resume->next_offset = 0;
    resume->publish_offset = -1;
    if (result == MR_CONNECTOR_OK && intent_text != NULL) {
        result = find_place(self, &intent, resume, err, err_bytes);
    }
    return result;
}

static void dir_close(mr_file_sink *sink) {
    dir_sink *self = (dir_sink *)sink;
    if (self->file != NULL) {
        self->host->close(self->host->self, self->file);
    }
    if (self->lock != NULL) {
        self->host->close(self->host->self, self->lock);
    }
    free(self->lines.data);
    free(self->dir);
    free(self->topic);
    free(self->chain_path);
    free(self->temporary);
    free(self);
}

/* ---- a piece ---- */

static mr_connector_result dir_write(mr_file_sink *sink, const mr_connector_row *rows, size_t count,
                                     int *piece_full, char *err, size_t err_bytes) {
    dir_sink *self = (dir_sink *)sink;
    *piece_full = 0;
    if (count == 0) {
        return MR_CONNECTOR_OK;
    }
    mr_connector_result result = MR_CONNECTOR_OK;
    if (self->file == NULL) {
        result = self->host->open(self->host->self, self->temporary, MR_CONNECTOR_CREATE_NEW,
                                  &self->file, err, err_bytes);
        if (result != MR_CONNECTOR_OK) {
            return result;
        }
    }
    if (!mr_file_lines_fill(&self->lines, rows, count)) {
        return out_of_memory(err, err_bytes);
    }
    if (self->start < 0) {
        self->start = rows[0].offset;
    }
    result = self->host->pwrite(self->host->self, self->file, self->lines.data, self->lines.len,
                                self->bytes, err, err_bytes);
    if (result != MR_CONNECTOR_OK) {
        return mr_file_wrap(result, err, err_bytes, "%s", self->temporary);
    }
    self->bytes += self->lines.len;
    self->rows += count;
    *piece_full = self->bytes >= self->bytes_max || self->rows >= self->rows_max;
    return MR_CONNECTOR_OK;
}

static mr_connector_result dir_prepare(mr_file_sink *sink, int64_t end_offset, char *intent,
                                       size_t intent_bytes, char *err, size_t err_bytes) {
    dir_sink *self = (dir_sink *)sink;
    mr_file_text text = mr_file_text_begin(intent, intent_bytes);
    mr_file_text_put_string(&text, "dir", self->dir);
    mr_file_text_put_int(&text, "start", self->start >= 0 ? self->start : end_offset);
    mr_file_text_put_int(&text, "end", end_offset);
    mr_file_text_put_int(&text, "rows", (int64_t)self->rows);
    if (!mr_file_text_end(&text)) {
        return mr_file_fail(MR_CONNECTOR_INVALID, err, err_bytes,
                            "%s: the directory's name is too long", self->dir);
    }
    return MR_CONNECTOR_OK;
}

/* The temporary file takes its name; whoever finds the name there came second. */
static mr_connector_result name_piece(dir_sink *self, const char *path, char *err,
                                      size_t err_bytes) {
    const mr_connector_host *host = self->host;
    int there = 0;
    mr_connector_result result = mr_file_is_there(host, path, &there, NULL, err, err_bytes);
    if (result != MR_CONNECTOR_OK || (there && self->file == NULL)) {
        return result;
    }
    if (self->file == NULL) { /* the steps were changed, and no row is left of a committed range */
        result = host->open(host->self, self->temporary, MR_CONNECTOR_CREATE_NEW, &self->file, err,
                            err_bytes);
    }
    if (result == MR_CONNECTOR_OK) {
        result = host->sync(host->self, self->file, err, err_bytes);
    }
    if (self->file != NULL) {
        host->close(host->self, self->file);
        self->file = NULL;
    }
    if (result == MR_CONNECTOR_OK) {
        result = host->rename(host->self, self->temporary, path, err, err_bytes);
    }
    if (result == MR_CONNECTOR_EXISTS) {
        result = host->remove(host->self, self->temporary, err, err_bytes);
    }
    return result;
}

static mr_connector_result dir_publish(mr_file_sink *sink, const char *intent, char *err,
                                       size_t err_bytes) {
    dir_sink *self = (dir_sink *)sink;
    dir_intent piece;
    mr_connector_result result = parse_intent(self, intent, &piece, err, err_bytes);
    if (result != MR_CONNECTOR_OK || piece.end <= self->published_end) {
        return result;
    }
    if (piece.rows > 0) {
        char *path = piece_path(self, &piece);
        if (path == NULL) {
            return out_of_memory(err, err_bytes);
        }
        result = name_piece(self, path, err, err_bytes);
        if (result == MR_CONNECTOR_OK) {
            result = self->host->sync_dir(self->host->self, self->dir, err, err_bytes);
        }
        mr_file_wrap(result, err, err_bytes, "%s", path);
        free(path);
    }
    if (result == MR_CONNECTOR_OK) {
        self->published_end = piece.end;
        self->start = piece.end + 1;
        self->rows = 0;
        self->bytes = 0;
    }
    return result;
}

static uint64_t dir_rows_left(const mr_file_sink *sink) {
    const dir_sink *self = (const dir_sink *)sink;
    if (self->rows_max == UINT64_MAX) {
        return UINT64_MAX;
    }
    return self->rows < self->rows_max ? self->rows_max - self->rows : 0;
}

static const mr_file_sink_form dir_form = {
    .write = dir_write,
    .prepare = dir_prepare,
    .publish = dir_publish,
    .rows_left = dir_rows_left,
    .close = dir_close,
};

mr_connector_result mr_file_sink_dir_open(const mr_file_sink_target *target, const char *intent,
                                          mr_connector_resume *resume, mr_file_sink **out,
                                          char *err, size_t err_bytes) {
    const mr_connector_chain *chain = target->chain;
    dir_sink *self = calloc(1, sizeof *self);
    if (self == NULL) {
        return out_of_memory(err, err_bytes);
    }
    self->sink.form = &dir_form;
    self->host = target->host;
    self->partition = chain->partition;
    self->start = -1;
    self->published_end = -1;
    self->dir =
        mr_file_path_clean(mr_file_setting(target->settings, target->settings_count, "dir"));
    self->topic = strdup(chain->topic);
    if (self->dir != NULL) {
        self->chain_path = mr_file_path_join(self->dir, ".millrace-chain-%s-%" PRId32, chain->topic,
                                             chain->partition);
        self->temporary =
            mr_file_path_join(self->dir, ".%s-%" PRId32 ".tmp", chain->topic, chain->partition);
    }
    mr_connector_result result = MR_CONNECTOR_OK;
    if (!self->topic || !self->chain_path || !self->temporary) {
        result = out_of_memory(err, err_bytes);
    }
    if (result == MR_CONNECTOR_OK) {
        result = mr_file_setting_size(target->settings, target->settings_count, "rotate.records",
                                      UINT64_MAX, &self->rows_max, err, err_bytes);
    }
    if (result == MR_CONNECTOR_OK) {
        result = mr_file_setting_size(target->settings, target->settings_count, "rotate.size",
                                      MR_FILE_PIECE_BYTES_MAX, &self->bytes_max, err, err_bytes);
    }
    if (result == MR_CONNECTOR_OK) {
        result = enter_dir(self, target, intent, resume, err, err_bytes);
    }
    if (result != MR_CONNECTOR_OK) {
        dir_close(&self->sink);
        return result;
    }
    *out = &self->sink;
    return MR_CONNECTOR_OK;
}

/* ---- reset ---- */

/* Names are collected first: a directory that changes under its own listing may leave names out. */
typedef struct name_list {
    char *names; /* each with its NUL, back to back */
    size_t len;
    int failed;
} name_list;

static void visit_name(void *arg, const char *name) {
    name_list *list = arg;
    size_t bytes = strlen(name) + 1;
    char *grown = realloc(list->names, list->len + bytes);
    if (grown == NULL) {
        list->failed = 1;
        return;
    }
    memcpy(grown + list->len, name, bytes);
    list->names = grown;
    list->len += bytes;
}

/* ".millrace-chain-<topic>-<partition>"; 0: another name. */
static int is_chain(const char *name, const char *topic, int32_t *partition) {
    char prefix[300];
    int len = snprintf(prefix, sizeof prefix, ".millrace-chain-%s-", topic);
    if (len < 0 || (size_t)len >= sizeof prefix || strncmp(name, prefix, (size_t)len) != 0) {
        return 0;
    }
    uint64_t number = 0;
    if (strspn(name + len, "0123456789") != strlen(name + len) ||
        !mr_file_size_parse(name + len, &number) || number > INT32_MAX) {
        return 0;
    }
    *partition = (int32_t)number;
    return 1;
}

static mr_connector_result remove_named(const mr_connector_host *host, const char *dir,
                                        const char *name, char *err, size_t err_bytes) {
    char *path = mr_file_path_join(dir, "%s", name);
    if (path == NULL) {
        return out_of_memory(err, err_bytes);
    }
    mr_connector_result result = mr_file_remove_if_there(host, path, err, err_bytes);
    free(path);
    return result;
}

static mr_connector_result remove_pieces(const mr_file_sink_target *target, const char *dir,
                                         const name_list *list, int32_t partition, char *err,
                                         size_t err_bytes) {
    const char *topic = target->chain->topic;
    char temporary[300];
    snprintf(temporary, sizeof temporary, ".%s-%" PRId32 ".tmp", topic, partition);
    mr_connector_result result = remove_named(target->host, dir, temporary, err, err_bytes);
    int64_t end;
    for (size_t at = 0; at < list->len && result == MR_CONNECTOR_OK;
         at += strlen(list->names + at) + 1) {
        if (is_piece(list->names + at, topic, partition, &end)) {
            result = remove_named(target->host, dir, list->names + at, err, err_bytes);
        }
    }
    return result == MR_CONNECTOR_OK
               ? target->host->sync_dir(target->host->self, dir, err, err_bytes)
               : result;
}

static mr_connector_result reset_chain(const mr_file_sink_target *target, const char *dir,
                                       const name_list *list, const char *chain_name,
                                       int32_t partition, char *err, size_t err_bytes) {
    char *chain_path = mr_file_path_join(dir, "%s", chain_name);
    if (chain_path == NULL) {
        return out_of_memory(err, err_bytes);
    }
    mr_connector_file *lock = NULL;
    mr_file_chain_found found = MR_FILE_CHAIN_NONE;
    mr_connector_result result =
        mr_file_chain_lock(target->host, chain_path, &lock, err, err_bytes);
    if (result == MR_CONNECTOR_OK) {
        result = mr_file_chain_check_reset(target->host, chain_path, target->chain, &found, err,
                                           err_bytes);
        if (result == MR_CONNECTOR_OK && found == MR_FILE_CHAIN_OLDER) {
            result = remove_pieces(target, dir, list, partition, err, err_bytes);
            if (result == MR_CONNECTOR_OK) {
                result = mr_file_chain_remove(target->host, chain_path, err, err_bytes);
            }
        }
        target->host->close(target->host->self, lock);
    }
    free(chain_path);
    return result;
}

mr_connector_result mr_file_sink_dir_reset(const mr_file_sink_target *target, char *err,
                                           size_t err_bytes) {
    char *dir =
        mr_file_path_clean(mr_file_setting(target->settings, target->settings_count, "dir"));
    if (dir == NULL) {
        return out_of_memory(err, err_bytes);
    }
    name_list list = {0};
    mr_connector_result result =
        target->host->list(target->host->self, dir, visit_name, &list, err, err_bytes);
    if (result == MR_CONNECTOR_OK && list.failed) {
        result = out_of_memory(err, err_bytes);
    }
    int32_t partition;
    for (size_t at = 0; at < list.len && result == MR_CONNECTOR_OK;
         at += strlen(list.names + at) + 1) {
        if (is_chain(list.names + at, target->chain->topic, &partition)) {
            result = reset_chain(target, dir, &list, list.names + at, partition, err, err_bytes);
        }
    }
    free(list.names);
    free(dir);
    return result == MR_CONNECTOR_MISSING ? MR_CONNECTOR_OK : result;
}
