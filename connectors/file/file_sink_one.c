#include "connectors/file/file_plugin.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "connectors/file/file_chain.h"
#include "connectors/file/file_text.h"

/* The one-file form: rows are appended; what counts is the length that the log committed.
 *
 *   out/result.jsonl            made at open; cut to the committed length whenever it is opened
 *   out/.result.jsonl.chain     file_chain.h
 *   intent   {"path":"out/result.jsonl","end":99,"length":12345,"tail":".."}
 *
 * tail is the hash of the last (at most 64) bytes of that length: a file that does not agree is
 * somebody else's, and never cut.
 * The bytes up to the length are durable before the intent is committed, so the file never holds
 * less than what was committed; what it holds more is rows that are read and written again.
 */
typedef struct one_sink {
    mr_file_sink sink; /* must be first */
    const mr_connector_host *host;
    char *path;
    char *chain_path;
    mr_connector_file *lock;
    mr_connector_file *file;
    uint64_t length;
    mr_file_lines lines;
} one_sink;

static mr_connector_result out_of_memory(char *err, size_t err_bytes) {
    return mr_file_fail(MR_CONNECTOR_FAILED, err, err_bytes, "out of memory");
}

typedef struct one_intent {
    int64_t end;
    uint64_t length;
    uint64_t tail;
} one_intent;

static mr_connector_result parse_intent(const one_sink *self, const char *text, one_intent *out,
                                        char *err, size_t err_bytes) {
    char path[MR_CONNECTOR_INTENT_BYTES_MAX];
    if (!mr_file_text_get_string(text, "path", path, sizeof path) ||
        strcmp(path, self->path) != 0) {
        return mr_file_fail(
            MR_CONNECTOR_INVALID, err, err_bytes,
            "this sink wrote somewhere else before (%s) and is now to write file '%s': "
            "put the old setting back, `millrace reset` the job, or give the sink "
            "another name",
            text, self->path);
    }
    int64_t bytes;
    if (!mr_file_text_get_int(text, "end", &out->end) || out->end < 0 ||
        !mr_file_text_get_int(text, "length", &bytes) || bytes < 0 ||
        !mr_file_text_get_hex(text, "tail", &out->tail)) {
        return mr_file_fail(MR_CONNECTOR_INVALID, err, err_bytes,
                            "%s: the committed intent is none of a file sink: %s", self->path,
                            text);
    }
    out->length = (uint64_t)bytes;
    return MR_CONNECTOR_OK;
}

static mr_connector_result hash_tail(one_sink *self, uint64_t length, uint64_t *tail, char *err,
                                     size_t err_bytes) {
    size_t len = length < MR_FILE_TAIL_BYTES ? (size_t)length : MR_FILE_TAIL_BYTES;
    return mr_file_hash_range(self->host, self->file, length - len, len, tail, err, err_bytes);
}

/* ---- open ---- */

static mr_connector_result enter_chain(one_sink *self, const mr_connector_chain *chain, char *err,
                                       size_t err_bytes) {
    mr_file_chain_found found = MR_FILE_CHAIN_NONE;
    int there = 0;
    uint64_t size_bytes = 0;
    mr_connector_result result =
        mr_file_chain_lock(self->host, self->chain_path, &self->lock, err, err_bytes);
    if (result == MR_CONNECTOR_OK) {
        result = mr_file_chain_check(self->host, self->chain_path, chain, &found, err, err_bytes);
    }
    if (result == MR_CONNECTOR_OK) {
        result = mr_file_is_there(self->host, self->path, &there, &size_bytes, err, err_bytes);
    }
    if (result != MR_CONNECTOR_OK || found == MR_FILE_CHAIN_SAME) {
        return result;
    }
    if (there && size_bytes > 0) {
        return mr_file_fail(MR_CONNECTOR_INVALID, err, err_bytes,
                            "%s: the file is not empty and was not written by this sink: move it "
                            "away, or write somewhere else",
                            self->path);
    }
    return mr_file_chain_write(self->host, self->chain_path, chain, err, err_bytes);
}

static mr_connector_result not_ours(const one_sink *self, const char *what, char *err,
                                    size_t err_bytes) {
    return mr_file_fail(MR_CONNECTOR_INVALID, err, err_bytes,
                        "%s: %s: it was cut or replaced; put it back, or `millrace reset` the job",
                        self->path, what);
}

/* Does the file begin with what was committed? */
static mr_connector_result check_committed(one_sink *self, uint64_t size_bytes,
                                           const one_intent *intent, char *err, size_t err_bytes) {
    if (size_bytes < intent->length) {
        char what[96];
        snprintf(what, sizeof what, "the file has %llu bytes, but %llu were committed",
                 (unsigned long long)size_bytes, (unsigned long long)intent->length);
        return not_ours(self, what, err, err_bytes);
    }
    uint64_t tail = 0;
    mr_connector_result result = hash_tail(self, intent->length, &tail, err, err_bytes);
    if (result == MR_CONNECTOR_OK && tail != intent->tail) {
        return not_ours(self, "the file holds something else than what was committed", err,
                        err_bytes);
    }
    return result;
}

/* Cuts away what was not committed. intent: NULL: nothing was. */
static mr_connector_result cut_to(one_sink *self, const one_intent *intent, char *err,
                                  size_t err_bytes) {
    const mr_connector_host *host = self->host;
    mr_connector_file_info info = {0};
    mr_connector_result result =
        host->open(host->self, self->path, MR_CONNECTOR_CREATE, &self->file, err, err_bytes);
    if (result == MR_CONNECTOR_OK) {
        result = host->info(host->self, self->path, &info, err, err_bytes);
    }
    if (result == MR_CONNECTOR_OK && intent != NULL) {
        result = check_committed(self, info.size_bytes, intent, err, err_bytes);
        self->length = intent->length;
    }
    if (result == MR_CONNECTOR_OK && info.size_bytes > self->length) {
        result = host->truncate(host->self, self->file, self->length, err, err_bytes);
        if (result == MR_CONNECTOR_OK) {
            result = host->sync(host->self, self->file, err, err_bytes);
        }
    }
    return result;
}

static mr_connector_result enter_file(one_sink *self, const mr_file_sink_target *target,
                                      const char *intent_text, mr_connector_resume *resume,
                                      char *err, size_t err_bytes) {
    one_intent intent = {.end = -1};
    char *parent = mr_file_path_parent(self->path);
    if (parent == NULL) {
        return out_of_memory(err, err_bytes);
    }
    mr_connector_result result = MR_CONNECTOR_OK;
    if (target->chain->partitions != 1) {
        result =
            mr_file_fail(MR_CONNECTOR_INVALID, err, err_bytes,
                         "%s: topic %s has %d partitions, and one file keeps the order of one: "
                         "use 'dir'",
                         self->path, target->chain->topic, (int)target->chain->partitions);
    }
    if (result == MR_CONNECTOR_OK && intent_text != NULL) {
        result = parse_intent(self, intent_text, &intent, err, err_bytes);
    }
    if (result == MR_CONNECTOR_OK) {
        result = mr_file_make_dirs(self->host, parent, err, err_bytes);
    }
    if (result == MR_CONNECTOR_OK) {
        result = enter_chain(self, target->chain, err, err_bytes);
    }
    if (result == MR_CONNECTOR_OK) {
        result = cut_to(self, intent_text != NULL ? &intent : NULL, err, err_bytes);
    }
    /* The names of the file and of the chain, which may be younger than the last sync. */
    if (result == MR_CONNECTOR_OK) {
        result = self->host->sync_dir(self->host->self, parent, err, err_bytes);
    }
    resume->next_offset = intent.end + 1;
    resume->publish_offset = -1;
    resume->piece_age_ms = MR_FILE_COMMIT_MS;
    free(parent);
    return result;
}

static void one_close(mr_file_sink *sink) {
    one_sink *self = (one_sink *)sink;
    if (self->file != NULL) {
        self->host->close(self->host->self, self->file);
    }
    if (self->lock != NULL) {
        self->host->close(self->host->self, self->lock);
    }
    free(self->lines.data);
    free(self->path);
    free(self->chain_path);
    free(self);
}

/* ---- rows ---- */

static mr_connector_result one_write(mr_file_sink *sink, const mr_connector_row *rows, size_t count,
                                     int *piece_full, char *err, size_t err_bytes) {
    one_sink *self = (one_sink *)sink;
    *piece_full = 0;
    if (!mr_file_lines_fill(&self->lines, rows, count)) {
        return out_of_memory(err, err_bytes);
    }
    mr_connector_result result = self->host->pwrite(self->host->self, self->file, self->lines.data,
                                                    self->lines.len, self->length, err, err_bytes);
    if (result == MR_CONNECTOR_OK) {
        self->length += self->lines.len;
    }
    return mr_file_wrap(result, err, err_bytes, "%s", self->path);
}

static mr_connector_result one_prepare(mr_file_sink *sink, int64_t end_offset, char *intent,
                                       size_t intent_bytes, char *err, size_t err_bytes) {
    one_sink *self = (one_sink *)sink;
    uint64_t tail = 0;
    mr_connector_result result = hash_tail(self, self->length, &tail, err, err_bytes);
    if (result == MR_CONNECTOR_OK) {
        result = self->host->sync(self->host->self, self->file, err, err_bytes);
    }
    if (result != MR_CONNECTOR_OK) {
        return mr_file_wrap(result, err, err_bytes, "%s", self->path);
    }
    mr_file_text text = mr_file_text_begin(intent, intent_bytes);
    mr_file_text_put_string(&text, "path", self->path);
    mr_file_text_put_int(&text, "end", end_offset);
    mr_file_text_put_int(&text, "length", (int64_t)self->length);
    mr_file_text_put_hex(&text, "tail", tail);
    if (!mr_file_text_end(&text)) {
        return mr_file_fail(MR_CONNECTOR_INVALID, err, err_bytes, "%s: the name is too long",
                            self->path);
    }
    return MR_CONNECTOR_OK;
}

/* The commit itself published the rows: the length is what counts. */
static mr_connector_result one_publish(mr_file_sink *sink, const char *intent, char *err,
                                       size_t err_bytes) {
    one_intent ignored;
    return parse_intent((one_sink *)sink, intent, &ignored, err, err_bytes);
}

static uint64_t one_rows_left(const mr_file_sink *sink) {
    (void)sink;
    return UINT64_MAX;
}

static const mr_file_sink_form one_form = {
    .write = one_write,
    .prepare = one_prepare,
    .publish = one_publish,
    .rows_left = one_rows_left,
    .close = one_close,
};

static char *chain_path_of(const char *path) {
    char *parent = mr_file_path_parent(path);
    char *chain =
        parent != NULL ? mr_file_path_join(parent, ".%s.chain", mr_file_path_base(path)) : NULL;
    free(parent);
    return chain;
}

mr_connector_result mr_file_sink_one_open(const mr_file_sink_target *target, const char *intent,
                                          mr_connector_resume *resume, mr_file_sink **out,
                                          char *err, size_t err_bytes) {
    one_sink *self = calloc(1, sizeof *self);
    if (self == NULL) {
        return out_of_memory(err, err_bytes);
    }
    self->sink.form = &one_form;
    self->host = target->host;
    self->path =
        mr_file_path_clean(mr_file_setting(target->settings, target->settings_count, "path"));
    self->chain_path = self->path != NULL ? chain_path_of(self->path) : NULL;
    mr_connector_result result = self->chain_path == NULL
                                     ? out_of_memory(err, err_bytes)
                                     : enter_file(self, target, intent, resume, err, err_bytes);
    if (result != MR_CONNECTOR_OK) {
        one_close(&self->sink);
        return result;
    }
    *out = &self->sink;
    return MR_CONNECTOR_OK;
}

/* ---- reset ---- */

/* The file stays, empty; its emptiness is durable before its chain is gone. */
static mr_connector_result empty_file(const mr_connector_host *host, const char *path, char *err,
                                      size_t err_bytes) {
    mr_connector_file *file = NULL;
    mr_connector_result result =
        host->open(host->self, path, MR_CONNECTOR_CREATE, &file, err, err_bytes);
    if (result != MR_CONNECTOR_OK) {
        return result;
    }
    result = host->truncate(host->self, file, 0, err, err_bytes);
    if (result == MR_CONNECTOR_OK) {
        result = host->sync(host->self, file, err, err_bytes);
    }
    host->close(host->self, file);
    return result;
}

static mr_connector_result reset_locked(const mr_file_sink_target *target, const char *path,
                                        const char *chain_path, char *err, size_t err_bytes) {
    mr_file_chain_found found = MR_FILE_CHAIN_NONE;
    mr_connector_result result =
        mr_file_chain_check_reset(target->host, chain_path, target->chain, &found, err, err_bytes);
    if (result != MR_CONNECTOR_OK || found != MR_FILE_CHAIN_OLDER) {
        return result;
    }
    result = empty_file(target->host, path, err, err_bytes);
    return result == MR_CONNECTOR_OK
               ? mr_file_chain_remove(target->host, chain_path, err, err_bytes)
               : result;
}

mr_connector_result mr_file_sink_one_reset(const mr_file_sink_target *target, char *err,
                                           size_t err_bytes) {
    char *path =
        mr_file_path_clean(mr_file_setting(target->settings, target->settings_count, "path"));
    char *chain_path = path != NULL ? chain_path_of(path) : NULL;
    mr_connector_result result =
        chain_path == NULL ? out_of_memory(err, err_bytes) : MR_CONNECTOR_OK;
    int there = 0;
    if (result == MR_CONNECTOR_OK) {
        result = mr_file_is_there(target->host, chain_path, &there, NULL, err, err_bytes);
    }
    mr_connector_file *lock = NULL;
    if (result == MR_CONNECTOR_OK && there) {
        result = mr_file_chain_lock(target->host, chain_path, &lock, err, err_bytes);
    }
    if (lock != NULL) {
        result = reset_locked(target, path, chain_path, err, err_bytes);
        target->host->close(target->host->self, lock);
    }
    free(chain_path);
    free(path);
    return result;
}
