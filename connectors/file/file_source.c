#include "connectors/file/file_plugin.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "connectors/file/file_text.h"

/* The source of one file: its lines, without their ends, from where the committed position says.
 *
 *   position
 * {"file":"in/a.jsonl","offset":120,"line":7,"open":0,"id":..,"birth":..,"head":..,"tail":..}
 *
 * offset stands behind the last line handed over; head and tail are hashes of the first (at most
 * 1024) and the last (at most 64) bytes before it: a file whose hashes agree is the file that was
 * read, whatever its name and inode; one whose hashes differ was truncated, rewritten or replaced,
 * and is never read on. open is 1 if the last line was handed over without its newline: what
 * follows belongs to that line.
 *
 *   buffer    data[0..at) handed over, data[at..len) read; base is the file offset of data[0]
 */
#define HEAD_BYTES 1024
/* What an error record holds of a line that is too long. */
#define LONG_LINE_BYTES 4096

typedef struct file_source {
    const mr_connector_host *host;
    mr_connector_file *file;
    char *path;
    uint64_t identity[2];
    uint64_t record_bytes_max;
    char too_long[96];

    uint8_t *data;
    size_t at, len, cap;
    uint64_t base;

    /* the position: behind the last record handed over */
    uint64_t offset;
    uint64_t line;
    int open_line;
    uint64_t hashed;     /* the offset that the hashes were taken at */
    uint64_t head, tail; /* of the bytes before it */
    int head_known;      /* the head covers HEAD_BYTES: it will not change */
    int rested;          /* the last read found the end: what comes now came since */

    int skipping; /* inside a line that is too long; long_line holds its beginning */
    uint8_t long_line[LONG_LINE_BYTES];
    size_t long_line_bytes;

    mr_connector_record *records;
    size_t records_count, records_cap;
} file_source;

static const char continued[] =
    "more was added to this line after its beginning was read as a whole line";

/* ---- position ---- */

static mr_connector_result hash_range(file_source *source, uint64_t from, size_t len,
                                      uint64_t *hash, char *err, size_t err_bytes) {
    return mr_file_hash_range(source->host, source->file, from, len, hash, err, err_bytes);
}

static size_t smaller(uint64_t bytes, size_t limit) {
    return bytes < limit ? (size_t)bytes : limit;
}

/* Takes the hashes anew at an offset; a head that is known stays what it was. */
static mr_connector_result hash_before(file_source *source, uint64_t offset, char *err,
                                       size_t err_bytes) {
    size_t head_bytes = smaller(offset, HEAD_BYTES);
    size_t tail_bytes = smaller(offset, MR_FILE_TAIL_BYTES);
    mr_connector_result result = MR_CONNECTOR_OK;
    if (!source->head_known) {
        result = hash_range(source, 0, head_bytes, &source->head, err, err_bytes);
        source->head_known = result == MR_CONNECTOR_OK && head_bytes == HEAD_BYTES;
    }
    if (result == MR_CONNECTOR_OK) {
        result = hash_range(source, offset - tail_bytes, tail_bytes, &source->tail, err, err_bytes);
    }
    source->hashed = offset;
    return result;
}

static mr_connector_result write_position(file_source *source, char *out, char *err,
                                          size_t err_bytes) {
    mr_connector_result result = hash_before(source, source->offset, err, err_bytes);
    if (result != MR_CONNECTOR_OK) {
        return result;
    }
    mr_file_text text = mr_file_text_begin(out, MR_CONNECTOR_POSITION_BYTES_MAX);
    mr_file_text_put_string(&text, "file", source->path);
    mr_file_text_put_int(&text, "offset", (int64_t)source->offset);
    mr_file_text_put_int(&text, "line", (int64_t)source->line);
    mr_file_text_put_int(&text, "open", source->open_line);
    mr_file_text_put_hex(&text, "id", source->identity[0]);
    mr_file_text_put_hex(&text, "birth", source->identity[1]);
    mr_file_text_put_hex(&text, "head", source->head);
    mr_file_text_put_hex(&text, "tail", source->tail);
    if (!mr_file_text_end(&text)) {
        return mr_file_fail(MR_CONNECTOR_INVALID, err, err_bytes,
                            "%s: the path is too long for a position", source->path);
    }
    return MR_CONNECTOR_OK;
}

static mr_connector_result not_the_file(const file_source *source, const char *what,
                                        uint64_t offset, char *err, size_t err_bytes) {
    return mr_file_fail(
        MR_CONNECTOR_INVALID, err, err_bytes,
        "%s: the file %s since its first %llu bytes were read: put the file back as "
        "it was, or give the source another name to read this one from its start",
        source->path, what, (unsigned long long)offset);
}

/* Finds the place of a committed position again. */
static mr_connector_result resume(file_source *source, const char *position, uint64_t size_bytes,
                                  char *err, size_t err_bytes) {
    int64_t offset, line, open_line;
    uint64_t id, birth, head, tail;
    if (!mr_file_text_get_int(position, "offset", &offset) || offset < 0 ||
        !mr_file_text_get_int(position, "line", &line) || line < 0 ||
        !mr_file_text_get_int(position, "open", &open_line) ||
        !mr_file_text_get_hex(position, "id", &id) ||
        !mr_file_text_get_hex(position, "birth", &birth) ||
        !mr_file_text_get_hex(position, "head", &head) ||
        !mr_file_text_get_hex(position, "tail", &tail)) {
        return mr_file_fail(MR_CONNECTOR_INVALID, err, err_bytes,
                            "%s: the committed position is none of a file source: %s", source->path,
                            position);
    }
    int same_file = id == source->identity[0] && birth == source->identity[1];
    if (size_bytes < (uint64_t)offset) {
        return not_the_file(source, same_file ? "was truncated" : "was replaced by a shorter one",
                            (uint64_t)offset, err, err_bytes);
    }
    mr_connector_result result = hash_before(source, (uint64_t)offset, err, err_bytes);
    if (result != MR_CONNECTOR_OK) {
        return result;
    }
    if (source->head != head || source->tail != tail) {
        return not_the_file(source, same_file ? "was rewritten" : "was replaced by another one",
                            (uint64_t)offset, err, err_bytes);
    }
    source->offset = (uint64_t)offset;
    source->base = (uint64_t)offset;
    source->line = (uint64_t)line;
    source->open_line = open_line != 0;
    return MR_CONNECTOR_OK;
}

/* ---- open and close ---- */

static mr_connector_result open_file(file_source *source, const char *position, char *err,
                                     size_t err_bytes) {
    const mr_connector_host *host = source->host;
    mr_connector_result result =
        host->open(host->self, source->path, MR_CONNECTOR_READ, &source->file, err, err_bytes);
    mr_connector_file_info info = {0};
    if (result == MR_CONNECTOR_OK) {
        result = host->info(host->self, source->path, &info, err, err_bytes);
    }
    if (result == MR_CONNECTOR_MISSING) {
        return mr_file_fail(MR_CONNECTOR_INVALID, err, err_bytes,
                            "%s: no such file (paths are relative to the job's file)",
                            source->path);
    }
    if (result != MR_CONNECTOR_OK) {
        return result;
    }
    memcpy(source->identity, info.identity, sizeof source->identity);
    return position == NULL ? MR_CONNECTOR_OK
                            : resume(source, position, info.size_bytes, err, err_bytes);
}

mr_connector_result mr_file_source_open(const mr_connector_host *host,
                                        const mr_connector_setting *settings, size_t count,
                                        const char *position, void **self_out, char *err,
                                        size_t err_bytes) {
    *self_out = NULL;
    const char *path = mr_file_setting(settings, count, "path");
    if (path == NULL) {
        return mr_file_fail(MR_CONNECTOR_INVALID, err, err_bytes, "a file source needs 'path'");
    }
    file_source *source = calloc(1, sizeof *source);
    if (source == NULL) {
        return mr_file_fail(MR_CONNECTOR_FAILED, err, err_bytes, "out of memory");
    }
    source->host = host;
    source->path = mr_file_path_clean(path);
    source->data = malloc(1); /* never NULL: `at` and `len` are distances from it */
    source->cap = 1;
    if (source->path == NULL || source->data == NULL) {
        mr_file_source_close(source);
        return mr_file_fail(MR_CONNECTOR_FAILED, err, err_bytes, "out of memory");
    }
    mr_connector_result result =
        mr_file_setting_size(settings, count, "max_record", MR_FILE_RECORD_BYTES_MAX,
                             &source->record_bytes_max, err, err_bytes);
    if (result == MR_CONNECTOR_OK) {
        snprintf(source->too_long, sizeof source->too_long,
                 "the line is longer than max_record (%llu bytes)",
                 (unsigned long long)source->record_bytes_max);
        result = open_file(source, position, err, err_bytes);
    }
    if (result != MR_CONNECTOR_OK) {
        mr_file_source_close(source);
        return result;
    }
    *self_out = source;
    return MR_CONNECTOR_OK;
}

void mr_file_source_close(void *self) {
    file_source *source = self;
    if (source == NULL) {
        return;
    }
    if (source->file != NULL) {
        source->host->close(source->host->self, source->file);
    }
    free(source->path);
    free(source->data);
    free(source->records);
    free(source);
}

/* ---- reading ---- */

/* Reads on behind the buffer. *got == 0: the end of the file. */
static mr_connector_result fill(file_source *source, size_t chunk_bytes, size_t *got, char *err,
                                size_t err_bytes) {
    if (source->cap - source->len < chunk_bytes) {
        size_t cap = source->len + chunk_bytes;
        uint8_t *grown = realloc(source->data, cap);
        if (grown == NULL) {
            return mr_file_fail(MR_CONNECTOR_FAILED, err, err_bytes, "out of memory");
        }
        source->data = grown;
        source->cap = cap;
    }
    const mr_connector_host *host = source->host;
    mr_connector_result result =
        host->pread(host->self, source->file, source->data + source->len, chunk_bytes,
                    source->base + source->len, got, err, err_bytes);
    if (result != MR_CONNECTOR_OK) {
        return mr_file_wrap(result, err, err_bytes, "%s", source->path);
    }
    source->len += *got;
    static const uint8_t bom[3] = {0xEF, 0xBB, 0xBF};
    if (source->base == 0 && source->offset == 0 && source->at == 0 && source->len >= 3 &&
        memcmp(source->data, bom, 3) == 0) {
        source->at = 3;
        source->offset = 3;
    }
    return MR_CONNECTOR_OK;
}

/* Hands over data[at, at + len) as one line, of which end_bytes more belong to its end. */
static void emit(file_source *source, size_t len, size_t end_bytes) {
    mr_connector_record *record = &source->records[source->records_count++];
    const uint8_t *data = source->data + source->at;
    source->at += len + end_bytes;
    source->offset = source->base + source->at;
    if (len > 0 && data[len - 1] == '\r') {
        len--;
    }
    *record = (mr_connector_record){.data = data, .len = len};
    if (source->skipping) {
        record->data = source->long_line;
        record->len = source->long_line_bytes;
        record->problem = source->too_long;
    } else if (len > source->record_bytes_max) {
        record->len = len < LONG_LINE_BYTES ? len : LONG_LINE_BYTES;
        record->problem = source->too_long;
    }
    if (source->open_line) {
        record->problem = continued;
    } else {
        source->line++;
    }
    record->line = source->line;
    source->skipping = 0;
    source->open_line = end_bytes == 0;
}

/* The line under way is too long: its beginning is kept, what was read of it dropped. */
static void drop_long_line(file_source *source) {
    size_t len = source->len - source->at;
    if (!source->skipping) {
        source->long_line_bytes = len < LONG_LINE_BYTES ? len : LONG_LINE_BYTES;
        memcpy(source->long_line, source->data + source->at, source->long_line_bytes);
        source->skipping = 1;
    }
    source->base += source->len;
    source->at = source->len = 0;
}

/* After a line was taken without its end: the end alone is no line. 0: more must be read to tell.
 */
static int close_open_line(file_source *source) {
    size_t left = source->len - source->at;
    const uint8_t *data = source->data + source->at;
    if (!source->open_line || source->skipping) {
        return 1;
    }
    if (left == 0 || (left == 1 && data[0] == '\r')) {
        return 0;
    }
    size_t end_bytes = data[0] == '\n' ? 1 : data[0] == '\r' && data[1] == '\n' ? 2 : 0;
    if (end_bytes > 0) {
        source->at += end_bytes;
        source->offset = source->base + source->at;
        source->open_line = 0;
    }
    return 1;
}

/* Are the bytes before the position still those that were read? */
static mr_connector_result check_bytes(file_source *source, char *err, size_t err_bytes) {
    if (source->hashed == 0) {
        return MR_CONNECTOR_OK;
    }
    size_t tail_bytes = smaller(source->hashed, MR_FILE_TAIL_BYTES);
    uint64_t head = 0, tail = 0;
    mr_connector_result result =
        hash_range(source, 0, smaller(source->hashed, HEAD_BYTES), &head, err, err_bytes);
    if (result == MR_CONNECTOR_OK) {
        result = hash_range(source, source->hashed - tail_bytes, tail_bytes, &tail, err, err_bytes);
    }
    if (result == MR_CONNECTOR_OK && (head != source->head || tail != source->tail)) {
        return not_the_file(source, "was rewritten", source->hashed, err, err_bytes);
    }
    return result;
}

/* At the end of the file: is it still the one that is being read? */
static mr_connector_result check_same(file_source *source, char *err, size_t err_bytes) {
    mr_connector_file_info info = {0};
    mr_connector_result result =
        source->host->info(source->host->self, source->path, &info, err, err_bytes);
    if (result == MR_CONNECTOR_MISSING) {
        return MR_CONNECTOR_OK; /* removed after it was read: what is open stays readable */
    }
    if (result != MR_CONNECTOR_OK) {
        return result;
    }
    if (memcmp(info.identity, source->identity, sizeof info.identity) != 0) {
        return not_the_file(source, "was replaced by another one", source->offset, err, err_bytes);
    }
    if (info.size_bytes < source->base + source->len) {
        return not_the_file(source, "was truncated", source->offset, err, err_bytes);
    }
    return check_bytes(source, err, err_bytes);
}

/* Hands over the lines of the buffer, as far as it holds whole ones. */
static void take_lines(file_source *source, size_t records_max) {
    while (source->records_count < records_max && close_open_line(source)) {
        const uint8_t *from = source->data + source->at;
        size_t left = source->len - source->at;
        const uint8_t *newline = left > 0 ? memchr(from, '\n', left) : NULL;
        if (newline == NULL) {
            return;
        }
        emit(source, (size_t)(newline - from), 1);
    }
}

static mr_connector_result read_lines(file_source *source, const mr_connector_read *read, char *err,
                                      size_t err_bytes) {
    take_lines(source, read->records_max);
    while (source->records_count == 0) {
        if (source->skipping || source->len - source->at > source->record_bytes_max + 1) {
            drop_long_line(source);
        }
        size_t got = 0;
        mr_connector_result result = fill(source, read->bytes_max, &got, err, err_bytes);
        if (result != MR_CONNECTOR_OK) {
            return result;
        }
        if (got == 0) {
            int whole = close_open_line(source) && (source->skipping || source->len > source->at);
            if (read->take_rest && whole) {
                emit(source, source->len - source->at, 0);
            }
            return source->records_count > 0 ? MR_CONNECTOR_OK : check_same(source, err, err_bytes);
        }
        take_lines(source, read->records_max);
    }
    return MR_CONNECTOR_OK;
}

mr_connector_result mr_file_source_read(void *self, mr_connector_read *read, char *err,
                                        size_t err_bytes) {
    file_source *source = self;
    if (read->records_max == 0 || read->bytes_max == 0) {
        return mr_file_fail(MR_CONNECTOR_FAILED, err, err_bytes, "a read of no records");
    }
    if (source->records_cap < read->records_max) {
        mr_connector_record *grown =
            realloc(source->records, read->records_max * sizeof *source->records);
        if (grown == NULL) {
            return mr_file_fail(MR_CONNECTOR_FAILED, err, err_bytes, "out of memory");
        }
        source->records = grown;
        source->records_cap = read->records_max;
    }
    source->records_count = 0;
    /* The buffer moves only here, so that records stay where they are until the next read. */
    source->len -= source->at;
    source->base += source->at;
    if (source->len > 0) {
        memmove(source->data, source->data + source->at, source->len);
    }
    source->at = 0;
    /* A file rewritten meanwhile may have grown beyond what was read of it. */
    mr_connector_result result =
        source->rested ? check_same(source, err, err_bytes) : MR_CONNECTOR_OK;
    if (result == MR_CONNECTOR_OK) {
        result = read_lines(source, read, err, err_bytes);
    }
    if (result == MR_CONNECTOR_OK) {
        result = write_position(source, read->position, err, err_bytes);
    }
    if (result != MR_CONNECTOR_OK) {
        return result;
    }
    source->rested = source->records_count == 0;
    read->records = source->records;
    read->records_count = source->records_count;
    read->origin = source->path;
    return read->records_count > 0 ? MR_CONNECTOR_OK : MR_CONNECTOR_END;
}
