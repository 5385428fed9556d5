#include "log/record/system_records.h"

#include "log/record/wire.h"
#include "runtime/base/assert.h"
#include "runtime/base/limits.h"
#include "runtime/base/varint.h"

#define FRAME_VERSION 1
#define RECORD_VERSION 0

/* Kafka's api keys of metadata records; a job is ours. */
#define API_NODE 0
#define API_TOPIC 2
#define API_PARTITION 3
#define API_REMOVE_TOPIC 9
#define API_PRODUCER_IDS 15
#define API_JOB 10000

/* The only node there is. */
#define NODE_ID 0

/* Tagged fields of TopicRecord. */
#define TAG_TOPIC_KIND MR_TAG_OURS
#define TAG_TOPIC_CODEC (MR_TAG_OURS + 1)
#define TAG_TOPIC_PARTITIONS (MR_TAG_OURS + 2)

static void put_uuid(mr_buf *out, const mr_uuid *uuid) {
    mr_buf_put(out, uuid->bytes, sizeof uuid->bytes);
}

static mr_uuid get_uuid(mr_reader *r) {
    mr_uuid uuid = {0};
    mr_bytes bytes = mr_reader_take(r, sizeof uuid.bytes);
    if (!r->failed) {
        memcpy(uuid.bytes, bytes.data, sizeof uuid.bytes);
    }
    return uuid;
}

/* ---- encoding ---- */

/* RegisterBrokerRecord v0, its incarnation the log id. */
static void put_node(mr_buf *out, const mr_metadata *m) {
    mr_buf_put_be32(out, NODE_ID);
    put_uuid(out, &m->id);
    mr_buf_put_be64(out, 0);    /* broker epoch */
    mr_wire_put_count(out, 0);  /* end points */
    mr_wire_put_count(out, 0);  /* features */
    mr_buf_put_uvarint(out, 0); /* rack: null */
    mr_buf_put_u8(out, 0);      /* fenced: no */
    mr_wire_put_tags_count(out, 0);
}

static void put_topic(mr_buf *out, const mr_metadata *m) {
    uint8_t room[4];
    mr_wire_put_compact(out, m->name);
    put_uuid(out, &m->id);
    mr_wire_put_tags_count(out, 3);
    room[0] = (uint8_t)m->topic_kind;
    mr_wire_put_tag(out, TAG_TOPIC_KIND, mr_bytes_of(room, 1));
    room[0] = (uint8_t)m->codec;
    mr_wire_put_tag(out, TAG_TOPIC_CODEC, mr_bytes_of(room, 1));
    mr_put_be32(room, (uint32_t)m->partition);
    mr_wire_put_tag(out, TAG_TOPIC_PARTITIONS, mr_bytes_of(room, 4));
}

/* PartitionRecord v0: this node is its only replica and its leader. */
static void put_partition(mr_buf *out, const mr_metadata *m) {
    mr_buf_put_be32(out, (uint32_t)m->partition);
    put_uuid(out, &m->id);
    mr_wire_put_count(out, 1); /* replicas */
    mr_buf_put_be32(out, NODE_ID);
    mr_wire_put_count(out, 1); /* in sync */
    mr_buf_put_be32(out, NODE_ID);
    mr_wire_put_count(out, 0); /* being removed */
    mr_wire_put_count(out, 0); /* being added */
    mr_buf_put_be32(out, NODE_ID);
    mr_buf_put_be32(out, 0); /* leader epoch */
    mr_buf_put_be32(out, 0); /* partition epoch */
    mr_wire_put_tags_count(out, 0);
}

static void put_producer_ids(mr_buf *out, const mr_metadata *m) {
    mr_buf_put_be32(out, NODE_ID);
    mr_buf_put_be64(out, 0); /* broker epoch */
    mr_buf_put_be64(out, (uint64_t)m->producer_id_next);
    mr_wire_put_tags_count(out, 0);
}

/* JobRecord v0: name, generation i64, timestamp i64, stores [{store, definition}],
 * starts [{topic, partition i32, offset i64}], emptied [topic]; all flexible, each struct with
 * tags. */
static void put_job(mr_buf *out, const mr_metadata *m) {
    mr_wire_put_compact(out, m->name);
    mr_buf_put_be64(out, (uint64_t)m->generation);
    mr_buf_put_be64(out, (uint64_t)m->timestamp_ms);
    mr_wire_put_count(out, m->stores_count);
    for (size_t i = 0; i < m->stores_count; i++) {
        mr_wire_put_compact(out, m->stores[i].store);
        mr_wire_put_compact(out, m->stores[i].definition);
        mr_wire_put_tags_count(out, 0);
    }
    mr_wire_put_count(out, m->starts_count);
    for (size_t i = 0; i < m->starts_count; i++) {
        mr_wire_put_compact(out, m->starts[i].topic);
        mr_buf_put_be32(out, (uint32_t)m->starts[i].partition);
        mr_buf_put_be64(out, (uint64_t)m->starts[i].offset);
        mr_wire_put_tags_count(out, 0);
    }
    mr_wire_put_count(out, m->emptied_count);
    for (size_t i = 0; i < m->emptied_count; i++) {
        mr_wire_put_compact(out, m->emptied[i]);
    }
    mr_wire_put_tags_count(out, 0);
}

static void put_remove_topic(mr_buf *out, const mr_metadata *m) {
    put_uuid(out, &m->id);
    mr_wire_put_tags_count(out, 0);
}

/* ---- decoding ---- */

static void get_node(mr_reader *r, mr_arena *arena, mr_metadata *out) {
    (void)arena;
    (void)mr_reader_be32(r);
    out->id = get_uuid(r);
    (void)mr_reader_be64(r);
    size_t end_points = mr_wire_get_count(r, 7);
    for (size_t i = 0; i < end_points && !r->failed; i++) {
        (void)mr_wire_get_compact(r); /* name */
        (void)mr_wire_get_compact(r); /* host */
        (void)mr_reader_be32(r);      /* port u16, protocol i16 */
        mr_wire_skip_tags(r);
    }
    size_t features = mr_wire_get_count(r, 6);
    for (size_t i = 0; i < features && !r->failed; i++) {
        (void)mr_wire_get_compact(r);
        (void)mr_reader_be32(r); /* least and greatest level, i16 each */
        mr_wire_skip_tags(r);
    }
    uint64_t rack = mr_reader_uvarint(r);
    if (rack > 1) {
        r->failed |= rack - 1 > mr_reader_left(r);
        (void)mr_reader_take(r, r->failed ? 0 : (size_t)rack - 1);
    }
    (void)mr_reader_u8(r);
    mr_wire_skip_tags(r);
}

static void get_topic(mr_reader *r, mr_arena *arena, mr_metadata *out) {
    out->name = mr_arena_copy(arena, mr_wire_get_compact(r));
    out->id = get_uuid(r);
    out->partition = 1;
    mr_wire_tags tags = mr_wire_tags_begin(r);
    mr_reader content;
    uint64_t tag;
    while (mr_wire_tags_next(&tags, &tag, &content)) {
        switch (tag) {
        case TAG_TOPIC_KIND:
            out->topic_kind = (mr_topic_kind)mr_reader_u8(&content);
            break;
        case TAG_TOPIC_CODEC:
            out->codec = mr_reader_u8(&content);
            break;
        case TAG_TOPIC_PARTITIONS:
            out->partition = (int32_t)mr_reader_be32(&content);
            break;
        default: /* of a later version */
            continue;
        }
        r->failed |= content.failed || mr_reader_left(&content) != 0;
    }
    r->failed |= out->name.len == 0 || out->name.len > MR_TOPIC_NAME_MAX || out->partition < 1 ||
                 out->partition > MR_PARTITIONS_MAX;
}

static void get_partition(mr_reader *r, mr_arena *arena, mr_metadata *out) {
    (void)arena;
    out->partition = (int32_t)mr_reader_be32(r);
    out->id = get_uuid(r);
    for (int list = 0; list < 4; list++) { /* replicas, in sync, being removed, being added */
        size_t nodes = mr_wire_get_count(r, 4);
        (void)mr_reader_take(r, nodes * 4);
    }
    (void)mr_reader_be32(r); /* leader */
    (void)mr_reader_be32(r); /* leader epoch */
    (void)mr_reader_be32(r); /* partition epoch */
    mr_wire_skip_tags(r);
    r->failed |= out->partition < 0 || out->partition >= MR_PARTITIONS_MAX;
}

static void get_producer_ids(mr_reader *r, mr_arena *arena, mr_metadata *out) {
    (void)arena;
    (void)mr_reader_be32(r);
    (void)mr_reader_be64(r);
    out->producer_id_next = (int64_t)mr_reader_be64(r);
    mr_wire_skip_tags(r);
    r->failed |= out->producer_id_next < 0 || out->producer_id_next > MR_OFFSET_MAX;
}

static void get_remove_topic(mr_reader *r, mr_arena *arena, mr_metadata *out) {
    (void)arena;
    out->id = get_uuid(r);
    mr_wire_skip_tags(r);
}

static void get_job_stores(mr_reader *r, mr_arena *arena, mr_metadata *out) {
    size_t count = mr_wire_get_count(r, 3);
    mr_store_definition *stores = mr_arena_alloc(arena, (count + 1) * sizeof *stores);
    for (size_t i = 0; i < count && !r->failed; i++) {
        stores[i].store = mr_arena_copy(arena, mr_wire_get_compact(r));
        stores[i].definition = mr_arena_copy(arena, mr_wire_get_compact(r));
        mr_wire_skip_tags(r);
    }
    out->stores = stores;
    out->stores_count = count;
}

static void get_job_starts(mr_reader *r, mr_arena *arena, mr_metadata *out) {
    size_t count = mr_wire_get_count(r, 14);
    mr_start_position *starts = mr_arena_alloc(arena, (count + 1) * sizeof *starts);
    for (size_t i = 0; i < count && !r->failed; i++) {
        starts[i].topic = mr_arena_copy(arena, mr_wire_get_compact(r));
        starts[i].partition = (int32_t)mr_reader_be32(r);
        starts[i].offset = (int64_t)mr_reader_be64(r);
        mr_wire_skip_tags(r);
    }
    out->starts = starts;
    out->starts_count = count;
}

static void get_job(mr_reader *r, mr_arena *arena, mr_metadata *out) {
    out->name = mr_arena_copy(arena, mr_wire_get_compact(r));
    out->generation = (int64_t)mr_reader_be64(r);
    out->timestamp_ms = (int64_t)mr_reader_be64(r);
    get_job_stores(r, arena, out);
    get_job_starts(r, arena, out);
    size_t count = mr_wire_get_count(r, 1);
    mr_bytes *emptied = mr_arena_alloc(arena, (count + 1) * sizeof *emptied);
    for (size_t i = 0; i < count && !r->failed; i++) {
        emptied[i] = mr_arena_copy(arena, mr_wire_get_compact(r));
    }
    out->emptied = emptied;
    out->emptied_count = count;
    mr_wire_skip_tags(r);
}

/* ---- the frame ---- */

typedef struct metadata_schema {
    mr_metadata_kind kind;
    uint32_t api_key;
    void (*put)(mr_buf *out, const mr_metadata *m);
    void (*get)(mr_reader *r, mr_arena *arena, mr_metadata *out);
} metadata_schema;

static const metadata_schema schemas[] = {
    {MR_METADATA_NODE, API_NODE, put_node, get_node},
    {MR_METADATA_TOPIC, API_TOPIC, put_topic, get_topic},
    {MR_METADATA_PARTITION, API_PARTITION, put_partition, get_partition},
    {MR_METADATA_REMOVE_TOPIC, API_REMOVE_TOPIC, put_remove_topic, get_remove_topic},
    {MR_METADATA_PRODUCER_IDS, API_PRODUCER_IDS, put_producer_ids, get_producer_ids},
    {MR_METADATA_JOB, API_JOB, put_job, get_job},
};
#define SCHEMAS_COUNT (sizeof schemas / sizeof schemas[0])

void mr_metadata_encode(const mr_metadata *metadata, mr_buf *value_out) {
    size_t i = 0;
    while (i < SCHEMAS_COUNT && schemas[i].kind != metadata->kind) {
        i++;
    }
    MR_ASSERT(i < SCHEMAS_COUNT);
    mr_buf_put_uvarint(value_out, FRAME_VERSION);
    mr_buf_put_uvarint(value_out, schemas[i].api_key);
    mr_buf_put_uvarint(value_out, RECORD_VERSION);
    schemas[i].put(value_out, metadata);
}

mr_status mr_metadata_decode(mr_bytes value, mr_arena *arena, mr_metadata *out) {
    *out = (mr_metadata){0};
    if (mr_bytes_is_null(value)) {
        return MR_NOT_FOUND;
    }
    mr_reader r = mr_reader_of(value);
    uint64_t frame_version = mr_reader_uvarint(&r);
    uint64_t api_key = mr_reader_uvarint(&r);
    uint64_t version = mr_reader_uvarint(&r);
    if (r.failed) {
        return MR_CORRUPT;
    }
    if (frame_version != FRAME_VERSION || version != RECORD_VERSION) {
        return MR_INVALID;
    }
    for (size_t i = 0; i < SCHEMAS_COUNT; i++) {
        if (schemas[i].api_key == api_key) {
            out->kind = schemas[i].kind;
            schemas[i].get(&r, arena, out);
            return r.failed || mr_reader_left(&r) != 0 ? MR_CORRUPT : MR_OK;
        }
    }
    return MR_INVALID;
}
