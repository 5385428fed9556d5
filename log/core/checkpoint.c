#include "log/core/checkpoint.h"

#include <inttypes.h>
#include <stdio.h>

#include "runtime/base/alloc.h"
#include "runtime/base/hash.h"
#include "runtime/base/number.h"

#define FIRST_LINE "millrace checkpoint 1"
#define CRC_LINE_BYTES 13 /* "crc 01234567\n" */
#define FIELDS_MAX 9

static void encode_partition(mr_partition *partition, mr_buf *out) {
    const mr_topic *topic = partition->topic;
    char id[MR_UUID_TEXT_BYTES];
    mr_uuid_format(&topic->id, id);
    mr_log_place place = partition->checkpoint;
    int64_t start = partition->checkpoint_start;
    int64_t stable = partition->checkpoint_stable;
    if (!partition->offline) {
        place = mr_partition_durable_place(partition);
        /* Markers alone may lie between: the start must not pass what is sure to be there. */
        start = partition->start < place.offset ? partition->start : place.offset;
        stable = partition->stable_end;
        partition->checkpoint_writing = start;
    }
    mr_buf_printf(out,
                  "partition %s %" PRId32 " %s %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64
                  " %" PRId64 "\n",
                  topic->name, partition->number, id, start, stable, place.offset,
                  place.segment_base, place.byte);
    for (size_t i = 0; i < partition->aborted_count; i++) {
        const mr_aborted *aborted = &partition->aborted[i];
        mr_buf_printf(out, "aborted %s %" PRId32 " %" PRId64 " %d %" PRId64 " %" PRId64 "\n",
                      topic->name, partition->number, aborted->producer_id,
                      (int)aborted->producer_epoch, aborted->offset_first, aborted->offset_last);
    }
}

void mr_checkpoint_encode(const mr_log_state *state, mr_checkpoint_end end, mr_buf *out) {
    size_t begin = out->len;
    mr_buf_put_text(out, FIRST_LINE "\n");
    if (end == MR_CHECKPOINT_CLEAN) {
        mr_buf_put_text(out, "clean\n");
    }
    for (size_t i = 0; i < state->partitions_count; i++) {
        mr_partition *partition = state->partitions[i];
        if (partition && partition->topic->life != MR_TOPIC_REMOVED) {
            encode_partition(partition, out);
        }
    }
    mr_buf_printf(out, "crc %08" PRIx32 "\n", mr_crc32c(0, out->data + begin, out->len - begin));
}

/* ---- reading ---- */

/* The words of one line; 0: none, or too many. */
static size_t split(mr_bytes line, mr_bytes fields[FIELDS_MAX]) {
    size_t count = 0;
    size_t begin = 0;
    for (size_t i = 0; i <= line.len; i++) {
        if (i < line.len && line.data[i] != ' ') {
            continue;
        }
        if (count == FIELDS_MAX) {
            return 0;
        }
        fields[count++] = mr_bytes_of(line.data + begin, i - begin);
        begin = i + 1;
    }
    return count;
}

static bool take_text(mr_bytes field, char *out, size_t out_bytes) {
    if (field.len == 0 || field.len >= out_bytes) {
        return false;
    }
    memcpy(out, field.data, field.len);
    out[field.len] = '\0';
    return true;
}

static bool take_ints(const mr_bytes *fields, size_t count, int64_t *out) {
    for (size_t i = 0; i < count; i++) {
        if (mr_int_parse(fields[i], &out[i]) != MR_OK) {
            return false;
        }
    }
    return true;
}

static bool decode_partition(const mr_bytes fields[FIELDS_MAX], mr_checkpoint *out) {
    mr_checkpoint_line line = {0};
    int64_t number[1];
    int64_t values[5];
    if (!take_text(fields[1], line.topic, sizeof(line.topic)) ||
        !take_text(fields[3], line.topic_id, sizeof(line.topic_id)) ||
        !take_ints(fields + 2, 1, number) || !take_ints(fields + 4, 5, values) || number[0] < 0 ||
        number[0] >= MR_PARTITIONS_MAX) {
        return false;
    }
    for (size_t i = 0; i < 5; i++) {
        if (values[i] < 0) {
            return false;
        }
    }
    line.partition = (int32_t)number[0];
    line.start = values[0];
    line.stable_end = values[1];
    line.place = (mr_log_place){values[2], values[3], values[4]};
    if ((out->lines_count & (out->lines_count - 1)) == 0) {
        size_t cap = out->lines_count ? out->lines_count * 2 : 1;
        out->lines = mr_realloc(out->lines, cap * sizeof(*out->lines));
    }
    out->lines[out->lines_count++] = line;
    return true;
}

static bool decode_aborted(const mr_bytes fields[FIELDS_MAX], mr_checkpoint *out) {
    mr_checkpoint_aborted line = {0};
    int64_t values[5];
    if (!take_text(fields[1], line.topic, sizeof(line.topic)) ||
        !take_ints(fields + 2, 5, values) || values[0] < 0 || values[0] >= MR_PARTITIONS_MAX ||
        values[2] < 0 || values[2] > INT16_MAX) {
        return false;
    }
    line.partition = (int32_t)values[0];
    line.aborted = (mr_aborted){values[1], (int16_t)values[2], values[3], values[4]};
    if ((out->aborted_count & (out->aborted_count - 1)) == 0) {
        size_t cap = out->aborted_count ? out->aborted_count * 2 : 1;
        out->aborted = mr_realloc(out->aborted, cap * sizeof(*out->aborted));
    }
    out->aborted[out->aborted_count++] = line;
    return true;
}

static bool decode_line(mr_bytes line, size_t line_index, mr_checkpoint *out) {
    if (line_index == 0) {
        return mr_bytes_equal(line, mr_bytes_text(FIRST_LINE));
    }
    mr_bytes fields[FIELDS_MAX] = {{0}};
    size_t count = split(line, fields);
    if (count == 9 && mr_bytes_equal(fields[0], mr_bytes_text("partition"))) {
        return decode_partition(fields, out);
    }
    if (count == 7 && mr_bytes_equal(fields[0], mr_bytes_text("aborted"))) {
        return decode_aborted(fields, out);
    }
    if (count == 1 && mr_bytes_equal(fields[0], mr_bytes_text("clean"))) {
        out->clean = true;
        return true;
    }
    return false;
}

static bool crc_fits(mr_bytes text) {
    if (text.len < CRC_LINE_BYTES) {
        return false;
    }
    char expected[CRC_LINE_BYTES + 1];
    snprintf(expected, sizeof(expected), "crc %08" PRIx32 "\n",
             mr_crc32c(0, text.data, text.len - CRC_LINE_BYTES));
    return memcmp(expected, text.data + text.len - CRC_LINE_BYTES, CRC_LINE_BYTES) == 0;
}

mr_status mr_checkpoint_decode(mr_bytes text, mr_checkpoint *out) {
    *out = (mr_checkpoint){0};
    if (!crc_fits(text)) {
        return MR_CORRUPT;
    }
    size_t end = text.len - CRC_LINE_BYTES;
    size_t line_index = 0;
    for (size_t at = 0; at < end;) {
        const uint8_t *newline = memchr(text.data + at, '\n', end - at);
        size_t len = newline ? (size_t)(newline - (text.data + at)) : end - at;
        if (!newline || !decode_line(mr_bytes_of(text.data + at, len), line_index++, out)) {
            mr_checkpoint_deinit(out);
            return MR_CORRUPT;
        }
        at += len + 1;
    }
    out->found = line_index > 0;
    return out->found ? MR_OK : MR_CORRUPT;
}

void mr_checkpoint_deinit(mr_checkpoint *checkpoint) {
    mr_free(checkpoint->lines);
    mr_free(checkpoint->aborted);
    *checkpoint = (mr_checkpoint){0};
}

bool mr_checkpoint_apply(const mr_checkpoint *checkpoint, mr_partition *partition) {
    const mr_topic *topic = partition->topic;
    char id[MR_UUID_TEXT_BYTES];
    mr_uuid_format(&topic->id, id);
    const mr_checkpoint_line *line = NULL;
    for (size_t i = 0; i < checkpoint->lines_count && !line; i++) {
        const mr_checkpoint_line *candidate = &checkpoint->lines[i];
        /* Another topic of the same name is another topic; the system topics are never made anew.
         */
        bool same = strcmp(candidate->topic, topic->name) == 0 &&
                    (topic->kind == MR_TOPIC_SYSTEM || strcmp(candidate->topic_id, id) == 0);
        line = same && candidate->partition == partition->number ? candidate : NULL;
    }
    if (!line) {
        return false;
    }
    partition->checkpoint = line->place;
    partition->checkpoint_start = line->start;
    partition->checkpoint_stable = line->stable_end;
    partition->checkpoint_writing = line->start;
    for (size_t i = 0; i < checkpoint->aborted_count; i++) {
        const mr_checkpoint_aborted *aborted = &checkpoint->aborted[i];
        if (strcmp(aborted->topic, topic->name) == 0 && aborted->partition == partition->number) {
            mr_partition_add_aborted(partition, &aborted->aborted);
        }
    }
    return true;
}
