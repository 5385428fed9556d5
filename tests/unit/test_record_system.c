/* Records of the system topics: golden bytes by Kafka's schemas, round trips, broken bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "log/record/system_records.h"
#include "runtime/base/limits.h"
#include "runtime/base/prng.h"

static mr_arena *arena;
static mr_buf key;
static mr_buf value;

static int set_up(void **state) {
    (void)state;
    arena = mr_arena_create(1024);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    mr_arena_destroy(arena);
    mr_buf_deinit(&key);
    mr_buf_deinit(&value);
    return 0;
}

/* Spaces between the fields are skipped. */
static void put_hex(mr_buf *out, const char *hex) {
    for (; *hex != '\0'; hex++) {
        unsigned byte;
        if (*hex != ' ') {
            assert_int_equal(sscanf(hex, "%2x", &byte), 1);
            mr_buf_put_u8(out, (uint8_t)byte);
            hex++;
        }
    }
}

static void assert_hex(const mr_buf *actual, const char *hex) {
    mr_buf expected = {0};
    put_hex(&expected, hex);
    assert_int_equal(actual->len, expected.len);
    assert_memory_equal(actual->data, expected.data, expected.len);
    mr_buf_deinit(&expected);
}

static void assert_text(mr_bytes actual, const char *expected) {
    assert_int_equal(actual.len, strlen(expected));
    assert_memory_equal(actual.data, expected, actual.len);
}

static mr_uuid uuid_from(uint8_t first) {
    mr_uuid uuid;
    for (int i = 0; i < 16; i++) {
        uuid.bytes[i] = (uint8_t)(first + i);
    }
    return uuid;
}

static void a_uuid_is_written_as_kafka_does(void **state) {
    (void)state;
    char text[MR_UUID_TEXT_BYTES];
    mr_uuid uuid = uuid_from(0);
    mr_uuid_format(&uuid, text);
    assert_string_equal(text, "AAECAwQFBgcICQoLDA0ODw");
    memset(uuid.bytes, 0xff, 16);
    mr_uuid_format(&uuid, text);
    assert_string_equal(text, "_____________________w");
}

/* ---- decisions ---- */

static const mr_decision_part parts[] = {
    {.topic = {(const uint8_t *)"in", 2},
     .partition = 0,
     .offset_first = 5,
     .offset_last = 9,
     .segment_base = 0,
     .end_byte = 700},
    {.topic = {(const uint8_t *)"in", 2},
     .partition = 3,
     .offset_first = 1,
     .offset_last = 1,
     .segment_base = 1,
     .end_byte = 70},
    {.topic = {(const uint8_t *)"out", 3},
     .partition = 1,
     .offset_first = 2,
     .offset_last = 4,
     .segment_base = 0,
     .end_byte = 256},
};

static mr_decision decision_of(mr_outcome outcome) {
    return (mr_decision){.transactional_id = mr_bytes_text("job-0"),
                         .producer_id = 4097,
                         .producer_epoch = 3,
                         .outcome = outcome,
                         .timestamp_ms = 1700000000000,
                         .parts = parts,
                         .parts_count = 3};
}

static void a_decision_is_a_transaction_log_record(void **state) {
    (void)state;
    mr_decision decision = decision_of(MR_OUTCOME_COMMIT);
    mr_decision_encode(&decision, &key, &value);
    assert_hex(&key, "0000 0005 6a6f622d30");
    assert_hex(&value, "0001"                              /* version */
                       "0000000000001001 0003 0000ea60 02" /* producer, timeout, PrepareCommit */
                       "03"                                /* two topics */
                       "03 696e 03 00000000 00000003"      /* "in": ids 0 and 3 */
                       "01 904e 40"                        /* tag 10000, 64 bytes */
                       "0000000000000005 0000000000000009 0000000000000000 00000000000002bc"
                       "0000000000000001 0000000000000001 0000000000000001 0000000000000046"
                       "04 6f7574 02 00000001" /* "out": id 1 */
                       "01 904e 20"
                       "0000000000000002 0000000000000004 0000000000000000 0000000000000100"
                       "0000018bcfe56800 0000018bcfe56800 00"); /* last update, start, no tags */
}

static void a_decision_is_read_back(void **state) {
    (void)state;
    for (mr_outcome outcome = MR_OUTCOME_COMMIT; outcome <= MR_OUTCOME_ABORT; outcome++) {
        mr_decision decision = decision_of(outcome);
        mr_buf_clear(&key);
        mr_buf_clear(&value);
        mr_decision_encode(&decision, &key, &value);
        mr_decision read;
        assert_int_equal(mr_decision_decode(mr_buf_view(&key), mr_buf_view(&value), arena, &read),
                         MR_OK);
        assert_text(read.transactional_id, "job-0");
        assert_int_equal(read.producer_id, 4097);
        assert_int_equal(read.producer_epoch, 3);
        assert_int_equal(read.outcome, outcome);
        assert_int_equal(read.timestamp_ms, 1700000000000);
        assert_int_equal(read.parts_count, 3);
        for (size_t i = 0; i < 3; i++) {
            assert_true(mr_bytes_equal(read.parts[i].topic, parts[i].topic));
            assert_int_equal(read.parts[i].partition, parts[i].partition);
            assert_int_equal(read.parts[i].offset_first, parts[i].offset_first);
            assert_int_equal(read.parts[i].offset_last, parts[i].offset_last);
            assert_int_equal(read.parts[i].segment_base, parts[i].segment_base);
            assert_int_equal(read.parts[i].end_byte, parts[i].end_byte);
        }
    }
}

static void a_decision_without_parts_is_read_back(void **state) {
    (void)state;
    mr_decision decision = {.transactional_id = mr_bytes_text("j"), .outcome = MR_OUTCOME_ABORT};
    mr_decision_encode(&decision, &key, &value);
    mr_decision read;
    assert_int_equal(mr_decision_decode(mr_buf_view(&key), mr_buf_view(&value), arena, &read),
                     MR_OK);
    assert_int_equal(read.parts_count, 0);
    assert_int_equal(read.outcome, MR_OUTCOME_ABORT);
}

static void a_decision_of_another_state_or_version_is_not_ours(void **state) {
    (void)state;
    mr_decision decision = decision_of(MR_OUTCOME_COMMIT);
    mr_decision read;
    mr_decision_encode(&decision, &key, &value);
    value.data[16] = 1; /* Ongoing */
    assert_int_equal(mr_decision_decode(mr_buf_view(&key), mr_buf_view(&value), arena, &read),
                     MR_INVALID);
    value.data[16] = 2;
    value.data[1] = 2;
    assert_int_equal(mr_decision_decode(mr_buf_view(&key), mr_buf_view(&value), arena, &read),
                     MR_INVALID);
    value.data[1] = 1;
    key.data[1] = 1;
    assert_int_equal(mr_decision_decode(mr_buf_view(&key), mr_buf_view(&value), arena, &read),
                     MR_INVALID);
    key.data[1] = 0;
    assert_int_equal(mr_decision_decode(mr_buf_view(&key), MR_BYTES_NULL, arena, &read),
                     MR_NOT_FOUND);
    assert_text(read.transactional_id, "job-0");
}

static void a_decision_must_tell_the_extent_of_each_part(void **state) {
    (void)state;
    static const char *const topics[] = {
        "02 03 696e 02 00000000 00", /* no extents: a foreign record */
        ("02 03 696e 03 00000000 00000003 01 904e 20"
         "0000000000000005 0000000000000009 0000000000000000 00000000000002bc"),
        "02 03 696e 02 00000000 01 904e 18 0000000000000005 0000000000000009 0000000000000000",
        /* no partition, an end before the begin, an offset whose next one overflows, a segment
         * behind the part, a negative size */
        ("02 03 696e 02 ffffffff 01 904e 20"
         "0000000000000005 0000000000000009 0000000000000000 00000000000002bc"),
        ("02 03 696e 02 00000000 01 904e 20"
         "0000000000000009 0000000000000005 0000000000000000 00000000000002bc"),
        ("02 03 696e 02 00000000 01 904e 20"
         "0000000000000005 7fffffffffffffff 0000000000000000 00000000000002bc"),
        ("02 03 696e 02 00000000 01 904e 20"
         "0000000000000005 0000000000000009 000000000000000a 00000000000002bc"),
        ("02 03 696e 02 00000000 01 904e 20"
         "0000000000000005 0000000000000009 0000000000000000 80000000000002bc"),
        "ffffffff0f 03 696e 01 00",                  /* more topics than bytes */
        "02 03 696e ffffffff0f 00000000 01 904e 00", /* more ids than bytes */
    };
    mr_decision decision = decision_of(MR_OUTCOME_COMMIT);
    mr_decision_encode(&decision, &key, &value);
    for (size_t i = 0; i < sizeof topics / sizeof topics[0]; i++) {
        mr_buf_clear(&value);
        put_hex(&value, "0001 0000000000001001 0003 0000ea60 02");
        put_hex(&value, topics[i]);
        put_hex(&value, "0000018bcfe56800 0000018bcfe56800 00");
        mr_decision read;
        assert_int_equal(mr_decision_decode(mr_buf_view(&key), mr_buf_view(&value), arena, &read),
                         MR_CORRUPT);
    }
}

/* ---- positions ---- */

static mr_position position_of(int64_t generation) {
    return (mr_position){.group = mr_bytes_text("job"),
                         .topic = mr_bytes_text("in"),
                         .partition = 2,
                         .offset = 77,
                         .metadata = mr_bytes_text("m"),
                         .timestamp_ms = 1700000000000,
                         .generation = generation};
}

static void a_position_is_an_offset_commit_record(void **state) {
    (void)state;
    mr_position position = position_of(0);
    mr_position_encode(&position, &key, &value);
    assert_hex(&key, "0001 0003 6a6f62 0002 696e 00000002");
    assert_hex(&value, "0004 000000000000004d ffffffff 02 6d 0000018bcfe56800 00");
    mr_buf_clear(&key);
    mr_buf_clear(&value);
    position = position_of(6);
    mr_position_encode(&position, &key, &value);
    assert_hex(&value, "0004 000000000000004d ffffffff 02 6d 0000018bcfe56800"
                       "01 904e 08 0000000000000006");
}

static void a_position_is_read_back(void **state) {
    (void)state;
    for (int64_t generation = 0; generation < 2; generation++) {
        mr_position position = position_of(generation);
        mr_buf_clear(&key);
        mr_buf_clear(&value);
        mr_position_encode(&position, &key, &value);
        mr_position read;
        assert_int_equal(mr_position_decode(mr_buf_view(&key), mr_buf_view(&value), arena, &read),
                         MR_OK);
        assert_text(read.group, "job");
        assert_text(read.topic, "in");
        assert_int_equal(read.partition, 2);
        assert_int_equal(read.offset, 77);
        assert_text(read.metadata, "m");
        assert_int_equal(read.timestamp_ms, 1700000000000);
        assert_int_equal(read.generation, generation);
    }
    mr_position removed;
    assert_int_equal(mr_position_decode(mr_buf_view(&key), MR_BYTES_NULL, arena, &removed),
                     MR_NOT_FOUND);
    assert_text(removed.topic, "in");
}

/* Kafka 4.1 writes the topic's uuid as tag 0. */
static void tags_of_others_in_a_position_are_skipped(void **state) {
    (void)state;
    mr_position position = position_of(0);
    mr_position_encode(&position, &key, &value);
    value.len--;
    put_hex(&value, "02 00 10 000102030405060708090a0b0c0d0e0f 904e 08 0000000000000009");
    mr_position read;
    assert_int_equal(mr_position_decode(mr_buf_view(&key), mr_buf_view(&value), arena, &read),
                     MR_OK);
    assert_int_equal(read.generation, 9);
}

static void tags_out_of_order_or_twice_are_corrupt(void **state) {
    (void)state;
    static const char *const tags[] = {
        "02 904e 08 0000000000000009 00 00", "02 904e 08 0000000000000009 904e 08 0000000000000009",
        "01 904e 07 00000000000009", "01 904e 09 000000000000000900", "ffffffff0f 00 00"};
    for (size_t i = 0; i < sizeof tags / sizeof tags[0]; i++) {
        mr_position position = position_of(0);
        mr_buf_clear(&key);
        mr_buf_clear(&value);
        mr_position_encode(&position, &key, &value);
        value.len--;
        put_hex(&value, tags[i]);
        mr_position read;
        assert_int_equal(mr_position_decode(mr_buf_view(&key), mr_buf_view(&value), arena, &read),
                         MR_CORRUPT);
    }
}

static void a_position_with_too_much_metadata_is_corrupt(void **state) {
    (void)state;
    mr_position position = position_of(0);
    static char text[MR_POSITION_METADATA_BYTES_MAX];
    position.metadata = mr_bytes_of(text, sizeof text);
    mr_position_encode(&position, &key, &value);
    mr_position read;
    assert_int_equal(mr_position_decode(mr_buf_view(&key), mr_buf_view(&value), arena, &read),
                     MR_OK);
    mr_buf_clear(&value);
    put_hex(&value, "0004 000000000000004d ffffffff 8220"); /* 4097 bytes */
    mr_buf_put(&value, text, sizeof text);
    put_hex(&value, "00 0000018bcfe56800 00");
    assert_int_equal(mr_position_decode(mr_buf_view(&key), mr_buf_view(&value), arena, &read),
                     MR_CORRUPT);
}

/* ---- metadata ---- */

static mr_metadata through(const mr_metadata *metadata) {
    mr_metadata read;
    mr_buf_clear(&value);
    mr_metadata_encode(metadata, &value);
    assert_int_equal(mr_metadata_decode(mr_buf_view(&value), arena, &read), MR_OK);
    assert_int_equal(read.kind, metadata->kind);
    return read;
}

static void a_topic_is_a_kraft_topic_record_with_our_tags(void **state) {
    (void)state;
    mr_metadata topic = {.kind = MR_METADATA_TOPIC,
                         .id = uuid_from(0),
                         .name = mr_bytes_text("in"),
                         .topic_kind = MR_TOPIC_CHANGELOG,
                         .codec = 4,
                         .partition = 8};
    mr_metadata read = through(&topic);
    assert_hex(&value, "01 02 00 03 696e 000102030405060708090a0b0c0d0e0f"
                       "03 904e 01 02 914e 01 04 924e 04 00000008");
    assert_text(read.name, "in");
    assert_true(mr_uuid_equal(&read.id, &topic.id));
    assert_int_equal(read.topic_kind, MR_TOPIC_CHANGELOG);
    assert_int_equal(read.codec, 4);
    assert_int_equal(read.partition, 8);
}

static void a_partition_is_a_kraft_partition_record(void **state) {
    (void)state;
    mr_metadata partition = {.kind = MR_METADATA_PARTITION, .id = uuid_from(16), .partition = 5};
    mr_metadata read = through(&partition);
    assert_hex(&value, "01 03 00 00000005 101112131415161718191a1b1c1d1e1f"
                       "02 00000000 02 00000000 01 01 00000000 00000000 00000000 00");
    assert_true(mr_uuid_equal(&read.id, &partition.id));
    assert_int_equal(read.partition, 5);
}

static void a_removed_topic_a_block_of_producers_and_a_node_are_read_back(void **state) {
    (void)state;
    mr_metadata removed = {.kind = MR_METADATA_REMOVE_TOPIC, .id = uuid_from(1)};
    mr_metadata read = through(&removed);
    assert_hex(&value, "01 09 00 0102030405060708090a0b0c0d0e0f10 00");
    assert_true(mr_uuid_equal(&read.id, &removed.id));

    mr_metadata ids = {.kind = MR_METADATA_PRODUCER_IDS, .producer_id_next = 2000};
    read = through(&ids);
    assert_hex(&value, "01 0f 00 00000000 0000000000000000 00000000000007d0 00");
    assert_int_equal(read.producer_id_next, 2000);

    mr_metadata node = {.kind = MR_METADATA_NODE, .id = uuid_from(2)};
    read = through(&node);
    assert_hex(
        &value,
        "01 00 00 00000000 02030405060708090a0b0c0d0e0f1011 0000000000000000 01 01 00 00 00");
    assert_true(mr_uuid_equal(&read.id, &node.id));
}

/* As a broker of Kafka registers itself. */
static void a_node_with_end_points_features_and_rack_is_read(void **state) {
    (void)state;
    put_hex(&value, "01 00 00 00000000 02030405060708090a0b0c0d0e0f1011 0000000000000007"
                    "02 02 50 02 68 2384 0000 00" /* one end point P at h:9092 */
                    "02 02 66 0001 0002 00"       /* one feature f, 1 to 2 */
                    "02 72 01 00");               /* rack r, fenced */
    mr_metadata read;
    assert_int_equal(mr_metadata_decode(mr_buf_view(&value), arena, &read), MR_OK);
    mr_uuid expected = uuid_from(2);
    assert_true(mr_uuid_equal(&read.id, &expected));
}

static void a_job_is_read_back_with_its_stores_and_starts(void **state) {
    (void)state;
    mr_store_definition stores[] = {{mr_bytes_text("hourly"), mr_bytes_text("count tumbling 1h")},
                                    {mr_bytes_text("s"), mr_bytes_text("")}};
    mr_start_position starts[] = {{mr_bytes_text("flights"), 1, 812}};
    mr_bytes emptied[] = {mr_bytes_text("results"), mr_bytes_text("late")};
    mr_metadata job = {.kind = MR_METADATA_JOB,
                       .name = mr_bytes_text("flights"),
                       .generation = 3,
                       .timestamp_ms = 1700000000000,
                       .stores = stores,
                       .stores_count = 2,
                       .starts = starts,
                       .starts_count = 1,
                       .emptied = emptied,
                       .emptied_count = 2};
    mr_metadata read = through(&job);
    assert_text(read.name, "flights");
    assert_int_equal(read.generation, 3);
    assert_int_equal(read.timestamp_ms, 1700000000000);
    assert_int_equal(read.stores_count, 2);
    assert_text(read.stores[0].store, "hourly");
    assert_text(read.stores[0].definition, "count tumbling 1h");
    assert_text(read.stores[1].definition, "");
    assert_int_equal(read.starts_count, 1);
    assert_text(read.starts[0].topic, "flights");
    assert_int_equal(read.starts[0].partition, 1);
    assert_int_equal(read.starts[0].offset, 812);
    assert_int_equal(read.emptied_count, 2);
    assert_text(read.emptied[1], "late");
}

static void unknown_kinds_and_versions_of_metadata_are_told_from_broken_ones(void **state) {
    (void)state;
    mr_metadata read;
    put_hex(&value, "01 0c 00 00"); /* FeatureLevelRecord */
    assert_int_equal(mr_metadata_decode(mr_buf_view(&value), arena, &read), MR_INVALID);
    mr_buf_clear(&value);
    put_hex(&value, "02 09 00 0102030405060708090a0b0c0d0e0f10 00");
    assert_int_equal(mr_metadata_decode(mr_buf_view(&value), arena, &read), MR_INVALID);
    value.data[0] = 1;
    value.data[2] = 1;
    assert_int_equal(mr_metadata_decode(mr_buf_view(&value), arena, &read), MR_INVALID);
    value.data[2] = 0;
    mr_buf_put_u8(&value, 0);
    assert_int_equal(mr_metadata_decode(mr_buf_view(&value), arena, &read), MR_CORRUPT);
    assert_int_equal(mr_metadata_decode(mr_bytes_text(""), arena, &read), MR_CORRUPT);
}

static void metadata_beyond_the_limits_is_corrupt(void **state) {
    (void)state;
    mr_metadata topic = {.kind = MR_METADATA_TOPIC, .name = mr_bytes_text("t"), .partition = 0};
    mr_metadata read;
    mr_metadata_encode(&topic, &value);
    assert_int_equal(mr_metadata_decode(mr_buf_view(&value), arena, &read), MR_CORRUPT);
    mr_buf_clear(&value);
    topic.partition = MR_PARTITIONS_MAX + 1;
    mr_metadata_encode(&topic, &value);
    assert_int_equal(mr_metadata_decode(mr_buf_view(&value), arena, &read), MR_CORRUPT);
    mr_buf_clear(&value);
    topic.partition = 1;
    char name[MR_TOPIC_NAME_MAX + 1];
    memset(name, 'n', sizeof name);
    topic.name = mr_bytes_of(name, sizeof name);
    mr_metadata_encode(&topic, &value);
    assert_int_equal(mr_metadata_decode(mr_buf_view(&value), arena, &read), MR_CORRUPT);
}

static void counts_beyond_the_bytes_of_a_job_are_corrupt(void **state) {
    (void)state;
    put_hex(&value, "01 904e 00 02 6a 0000000000000001 0000000000000000 ffffffff0f 02 73 01 00");
    mr_metadata read;
    assert_int_equal(mr_metadata_decode(mr_buf_view(&value), arena, &read), MR_CORRUPT);
    assert_true(mr_arena_used_bytes(arena) < 4096); /* nothing was made for them */
}

/* ---- broken bytes ---- */

static void every_cut_record_is_corrupt(void **state) {
    (void)state;
    mr_decision decision = decision_of(MR_OUTCOME_COMMIT);
    mr_decision_encode(&decision, &key, &value);
    mr_decision decision_read;
    for (size_t len = 0; len < value.len; len++) {
        assert_int_equal(mr_decision_decode(mr_buf_view(&key), mr_bytes_of(value.data, len), arena,
                                            &decision_read),
                         MR_CORRUPT);
    }
    for (size_t len = 0; len < key.len; len++) {
        assert_int_equal(mr_decision_decode(mr_bytes_of(key.data, len), mr_buf_view(&value), arena,
                                            &decision_read),
                         MR_CORRUPT);
    }
    mr_buf_clear(&key);
    mr_buf_clear(&value);
    mr_position position = position_of(1);
    mr_position_encode(&position, &key, &value);
    mr_position position_read;
    for (size_t len = 0; len < value.len; len++) {
        assert_int_equal(mr_position_decode(mr_buf_view(&key), mr_bytes_of(value.data, len), arena,
                                            &position_read),
                         MR_CORRUPT);
    }
}

static void random_damage_never_gives_more_than_an_error(void **state) {
    (void)state;
    mr_prng prng = mr_prng_seeded(3);
    mr_bytes emptied[] = {mr_bytes_text("a"), mr_bytes_text("b")};
    mr_metadata job = {.kind = MR_METADATA_JOB,
                       .name = mr_bytes_text("job"),
                       .emptied = emptied,
                       .emptied_count = 2};
    mr_decision decision = decision_of(MR_OUTCOME_COMMIT);
    for (int round = 0; round < 20000; round++) {
        mr_buf_clear(&key);
        mr_buf_clear(&value);
        if (round % 2 == 0) {
            mr_metadata_encode(&job, &value);
        } else {
            mr_decision_encode(&decision, &key, &value);
        }
        for (uint64_t hits = 1 + mr_prng_below(&prng, 3); hits > 0; hits--) {
            value.data[mr_prng_below(&prng, value.len)] = (uint8_t)mr_prng_next(&prng);
        }
        mr_metadata metadata;
        mr_decision read;
        mr_status status =
            round % 2 == 0
                ? mr_metadata_decode(mr_buf_view(&value), arena, &metadata)
                : mr_decision_decode(mr_buf_view(&key), mr_buf_view(&value), arena, &read);
        assert_true(status == MR_OK || status == MR_CORRUPT || status == MR_INVALID);
        mr_arena_reset(arena);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_uuid_is_written_as_kafka_does),
        TEST(a_decision_is_a_transaction_log_record),
        TEST(a_decision_is_read_back),
        TEST(a_decision_without_parts_is_read_back),
        TEST(a_decision_of_another_state_or_version_is_not_ours),
        TEST(a_decision_must_tell_the_extent_of_each_part),
        TEST(a_position_is_an_offset_commit_record),
        TEST(a_position_is_read_back),
        TEST(tags_of_others_in_a_position_are_skipped),
        TEST(tags_out_of_order_or_twice_are_corrupt),
        TEST(a_position_with_too_much_metadata_is_corrupt),
        TEST(a_topic_is_a_kraft_topic_record_with_our_tags),
        TEST(a_partition_is_a_kraft_partition_record),
        TEST(a_removed_topic_a_block_of_producers_and_a_node_are_read_back),
        TEST(a_node_with_end_points_features_and_rack_is_read),
        TEST(a_job_is_read_back_with_its_stores_and_starts),
        TEST(unknown_kinds_and_versions_of_metadata_are_told_from_broken_ones),
        TEST(metadata_beyond_the_limits_is_corrupt),
        TEST(counts_beyond_the_bytes_of_a_job_are_corrupt),
        TEST(every_cut_record_is_corrupt),
        TEST(random_damage_never_gives_more_than_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
