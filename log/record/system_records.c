#include "log/record/system_records.h"

#include "log/record/wire.h"
#include "runtime/base/assert.h"

#define DECISION_KEY_VERSION 0
#define DECISION_VALUE_VERSION 1
#define POSITION_KEY_VERSION 1
#define POSITION_VALUE_VERSION 4

/* TransactionState of Kafka. */
#define PREPARE_COMMIT 2
#define PREPARE_ABORT 3
/* Kafka's default; nobody here times a transaction out by it. */
#define TRANSACTION_TIMEOUT_MS 60000
/* offset_first, offset_last, segment_base, end_byte. */
#define PART_EXTENT_BYTES 32

static mr_bytes be64_bytes(uint8_t room[8], int64_t value) {
    mr_put_be64(room, (uint64_t)value);
    return mr_bytes_of(room, 8);
}

/* A decoder's end: all read, nothing left over. */
static mr_status finished(const mr_reader *reader) {
    return reader->failed || mr_reader_left(reader) != 0 ? MR_CORRUPT : MR_OK;
}

/* MR_INVALID: another version than the one known. */
static mr_status check_version(mr_reader *reader, int16_t known) {
    int16_t version = (int16_t)mr_reader_be16(reader);
    if (reader->failed) {
        return MR_CORRUPT;
    }
    return version == known ? MR_OK : MR_INVALID;
}

/* ---- uuid ---- */

void mr_uuid_format(const mr_uuid *uuid, char out[MR_UUID_TEXT_BYTES]) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    uint32_t bits = 0;
    int bits_count = 0;
    size_t len = 0;
    for (size_t i = 0; i < sizeof uuid->bytes; i++) {
        bits = (bits << 8 | uuid->bytes[i]) & 0xffff;
        bits_count += 8;
        while (bits_count >= 6) {
            bits_count -= 6;
            out[len++] = digits[(bits >> bits_count) & 63];
        }
    }
    out[len++] = digits[(bits << (6 - bits_count)) & 63]; /* 128 = 21 * 6 + 2 */
    MR_ASSERT(len == MR_UUID_TEXT_BYTES - 1);
    out[len] = '\0';
}

/* ---- decisions ----
 *
 * TransactionLogValue v1; each entry of its partitions, one per run of parts of one topic, has our
 * tag: {offset_first i64, offset_last i64, segment_base i64, end_byte i64} for each id, in the ids'
 * order.
 */

static void put_decision_topic(mr_buf *out, const mr_decision_part *parts, size_t count) {
    mr_wire_put_compact(out, parts[0].topic);
    mr_wire_put_count(out, count);
    for (size_t i = 0; i < count; i++) {
        mr_buf_put_be32(out, (uint32_t)parts[i].partition);
    }
    mr_wire_put_tags_count(out, 1);
    mr_wire_put_tag_begin(out, MR_TAG_OURS, count * PART_EXTENT_BYTES);
    for (size_t i = 0; i < count; i++) {
        mr_buf_put_be64(out, (uint64_t)parts[i].offset_first);
        mr_buf_put_be64(out, (uint64_t)parts[i].offset_last);
        mr_buf_put_be64(out, (uint64_t)parts[i].segment_base);
        mr_buf_put_be64(out, (uint64_t)parts[i].end_byte);
    }
}

/* How many parts from `from` on are of one topic. */
static size_t topic_run(const mr_decision *decision, size_t from) {
    size_t to = from + 1;
    while (to < decision->parts_count &&
           mr_bytes_equal(decision->parts[to].topic, decision->parts[from].topic)) {
        to++;
    }
    return to - from;
}

void mr_decision_encode(const mr_decision *decision, mr_buf *key_out, mr_buf *value_out) {
    mr_buf_put_be16(key_out, DECISION_KEY_VERSION);
    mr_wire_put_string(key_out, decision->transactional_id);

    mr_buf_put_be16(value_out, DECISION_VALUE_VERSION);
    mr_buf_put_be64(value_out, (uint64_t)decision->producer_id);
    mr_buf_put_be16(value_out, (uint16_t)decision->producer_epoch);
    mr_buf_put_be32(value_out, TRANSACTION_TIMEOUT_MS);
    mr_buf_put_u8(value_out,
                  decision->outcome == MR_OUTCOME_COMMIT ? PREPARE_COMMIT : PREPARE_ABORT);
    size_t topics = 0;
    for (size_t at = 0; at < decision->parts_count; at += topic_run(decision, at)) {
        topics++;
    }
    mr_wire_put_count(value_out, topics);
    for (size_t at = 0; at < decision->parts_count;) {
        size_t count = topic_run(decision, at);
        put_decision_topic(value_out, &decision->parts[at], count);
        at += count;
    }
    mr_buf_put_be64(value_out, (uint64_t)decision->timestamp_ms); /* last update */
    mr_buf_put_be64(value_out, (uint64_t)decision->timestamp_ms); /* start */
    mr_wire_put_tags_count(value_out, 0);
}

static bool part_is_possible(const mr_decision_part *part) {
    return part->partition >= 0 && part->offset_first >= 0 &&
           part->offset_first <= part->offset_last && part->offset_last <= MR_OFFSET_MAX &&
           part->segment_base >= 0 && part->segment_base <= part->offset_last &&
           part->end_byte >= 0;
}

/* Fills parts with one entry of the partitions and counts it. */
static void get_decision_topic(mr_reader *r, mr_arena *arena, mr_decision_part *parts,
                               size_t parts_max, size_t *count_inout) {
    mr_bytes topic = mr_arena_copy(arena, mr_wire_get_compact(r));
    size_t ids = mr_wire_get_count(r, 4);
    mr_reader ids_reader = mr_reader_of(mr_reader_take(r, ids * 4));
    mr_wire_tags tags = mr_wire_tags_begin(r);
    mr_reader content;
    mr_reader extents = {0};
    uint64_t tag;
    while (mr_wire_tags_next(&tags, &tag, &content)) {
        if (tag == MR_TAG_OURS) {
            extents = content;
        }
    }
    if (r->failed || mr_reader_left(&extents) != ids * PART_EXTENT_BYTES) {
        r->failed = true;
        return;
    }
    MR_ASSERT(ids <= parts_max - *count_inout); /* their bytes were there */
    for (size_t i = 0; i < ids; i++) {
        mr_decision_part *part = &parts[(*count_inout)++];
        part->topic = topic;
        part->partition = (int32_t)mr_reader_be32(&ids_reader);
        part->offset_first = (int64_t)mr_reader_be64(&extents);
        part->offset_last = (int64_t)mr_reader_be64(&extents);
        part->segment_base = (int64_t)mr_reader_be64(&extents);
        part->end_byte = (int64_t)mr_reader_be64(&extents);
        r->failed |= !part_is_possible(part);
    }
}

static mr_status decode_decision_value(mr_reader *r, mr_arena *arena, mr_decision *out) {
    out->producer_id = (int64_t)mr_reader_be64(r);
    out->producer_epoch = (int16_t)mr_reader_be16(r);
    (void)mr_reader_be32(r);
    uint8_t state = mr_reader_u8(r);
    /* Each part takes an id and an extent, which bounds the parts by the bytes that are there. */
    size_t parts_max = mr_reader_left(r) / (4 + PART_EXTENT_BYTES);
    mr_decision_part *parts = mr_arena_alloc(arena, (parts_max + 1) * sizeof *parts);
    size_t topics = mr_wire_get_count(r, 3);
    for (size_t i = 0; i < topics && !r->failed; i++) {
        get_decision_topic(r, arena, parts, parts_max, &out->parts_count);
    }
    out->parts = parts;
    out->timestamp_ms = (int64_t)mr_reader_be64(r);
    (void)mr_reader_be64(r);
    mr_wire_skip_tags(r);
    mr_status status = finished(r);
    if (status != MR_OK) {
        return status;
    }
    if (state != PREPARE_COMMIT && state != PREPARE_ABORT) {
        return MR_INVALID;
    }
    out->outcome = state == PREPARE_COMMIT ? MR_OUTCOME_COMMIT : MR_OUTCOME_ABORT;
    return MR_OK;
}

mr_status mr_decision_decode(mr_bytes key, mr_bytes value, mr_arena *arena, mr_decision *out) {
    *out = (mr_decision){0};
    mr_reader r = mr_reader_of(key);
    mr_status status = check_version(&r, DECISION_KEY_VERSION);
    if (status != MR_OK) {
        return status;
    }
    out->transactional_id = mr_arena_copy(arena, mr_wire_get_string(&r));
    status = finished(&r);
    if (status != MR_OK) {
        return status;
    }
    if (mr_bytes_is_null(value)) {
        return MR_NOT_FOUND;
    }
    r = mr_reader_of(value);
    status = check_version(&r, DECISION_VALUE_VERSION);
    return status != MR_OK ? status : decode_decision_value(&r, arena, out);
}

/* ---- positions ---- */

void mr_position_encode(const mr_position *position, mr_buf *key_out, mr_buf *value_out) {
    MR_ASSERT(position->metadata.len <= MR_POSITION_METADATA_BYTES_MAX);
    mr_buf_put_be16(key_out, POSITION_KEY_VERSION);
    mr_wire_put_string(key_out, position->group);
    mr_wire_put_string(key_out, position->topic);
    mr_buf_put_be32(key_out, (uint32_t)position->partition);

    mr_buf_put_be16(value_out, POSITION_VALUE_VERSION);
    mr_buf_put_be64(value_out, (uint64_t)position->offset);
    mr_buf_put_be32(value_out, UINT32_MAX); /* leader epoch: unknown */
    bool none = mr_bytes_is_null(position->metadata);
    mr_wire_put_compact(value_out, none ? mr_bytes_text("") : position->metadata);
    mr_buf_put_be64(value_out, (uint64_t)position->timestamp_ms);
    mr_wire_put_tags_count(value_out, position->generation != 0 ? 1 : 0);
    if (position->generation != 0) {
        uint8_t room[8];
        mr_wire_put_tag(value_out, MR_TAG_OURS, be64_bytes(room, position->generation));
    }
}

static mr_status decode_position_value(mr_reader *r, mr_arena *arena, mr_position *out) {
    out->offset = (int64_t)mr_reader_be64(r);
    (void)mr_reader_be32(r);
    mr_bytes metadata = mr_wire_get_compact(r);
    if (metadata.len > MR_POSITION_METADATA_BYTES_MAX) {
        return MR_CORRUPT;
    }
    out->metadata = mr_arena_copy(arena, metadata);
    out->timestamp_ms = (int64_t)mr_reader_be64(r);
    mr_wire_tags tags = mr_wire_tags_begin(r);
    mr_reader content;
    uint64_t tag;
    while (mr_wire_tags_next(&tags, &tag, &content)) {
        if (tag == MR_TAG_OURS) {
            out->generation = (int64_t)mr_reader_be64(&content);
            r->failed |= finished(&content) != MR_OK;
        }
    }
    return finished(r);
}

mr_status mr_position_decode(mr_bytes key, mr_bytes value, mr_arena *arena, mr_position *out) {
    *out = (mr_position){0};
    mr_reader r = mr_reader_of(key);
    mr_status status = check_version(&r, POSITION_KEY_VERSION);
    if (status != MR_OK) {
        return status;
    }
    out->group = mr_arena_copy(arena, mr_wire_get_string(&r));
    out->topic = mr_arena_copy(arena, mr_wire_get_string(&r));
    out->partition = (int32_t)mr_reader_be32(&r);
    status = finished(&r);
    if (status != MR_OK) {
        return status;
    }
    if (mr_bytes_is_null(value)) {
        return MR_NOT_FOUND;
    }
    r = mr_reader_of(value);
    status = check_version(&r, POSITION_VALUE_VERSION);
    return status != MR_OK ? status : decode_position_value(&r, arena, out);
}
