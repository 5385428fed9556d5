/* Record batches: golden bytes both ways, limits, compression, markers, broken bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "log/record/batch.h"
#include "log/record/partitioner.h"
#include "runtime/base/alloc.h"
#include "runtime/base/hash.h"
#include "runtime/base/prng.h"
#include "runtime/base/varint.h"

/* Two records by producer 4097, epoch 3, sequence 7, at 1700000000000 and 5 ms later: (k, v, h=1),
 * and (null, null). Built by another program. */
#define GOLDEN                                                                                     \
    "0000000000000000000000450000000002ea0ab2710000000000010000018bcfe568000000018bcfe56805"       \
    "00000000000010010003000000070000000218000000026b027602026802310c000a02010100"

static mr_batch_builder *builder;
static mr_batch_reader *reader;
static mr_buf bytes;

static const mr_batch_config plain = {
    .codec = MR_CODEC_NONE, .producer_id = -1, .producer_epoch = -1, .base_sequence = -1};
static const mr_batch_config zstd = {.codec = MR_CODEC_ZSTD,
                                     .zstd_level = 1,
                                     .producer_id = -1,
                                     .producer_epoch = -1,
                                     .base_sequence = -1};

static int set_up(void **state) {
    (void)state;
    builder = mr_batch_builder_create();
    reader = mr_batch_reader_create();
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    mr_batch_builder_destroy(builder);
    mr_batch_reader_destroy(reader);
    mr_buf_deinit(&bytes);
    return 0;
}

static void put_hex(mr_buf *out, const char *hex) {
    for (; hex[0] != '\0'; hex += 2) {
        unsigned byte;
        assert_int_equal(sscanf(hex, "%2x", &byte), 1);
        mr_buf_put_u8(out, (uint8_t)byte);
    }
}

static mr_record text_record(const char *key, const char *value, int64_t timestamp_ms) {
    return (mr_record){.timestamp_ms = timestamp_ms,
                       .key = key ? mr_bytes_text(key) : MR_BYTES_NULL,
                       .value = value ? mr_bytes_text(value) : MR_BYTES_NULL};
}

static void add(const mr_record *record) {
    assert_int_equal(mr_batch_builder_add(builder, record), MR_OK);
}

static void assert_field(mr_bytes actual, const char *expected) {
    if (expected == NULL) {
        assert_true(mr_bytes_is_null(actual));
        return;
    }
    assert_int_equal(actual.len, strlen(expected));
    assert_memory_equal(actual.data, expected, actual.len);
}

static void assert_record(int64_t offset, int64_t timestamp_ms, const char *key,
                          const char *value) {
    mr_record record;
    assert_int_equal(mr_batch_reader_next(reader, &record), MR_OK);
    assert_int_equal(record.offset, offset);
    assert_int_equal(record.timestamp_ms, timestamp_ms);
    assert_field(record.key, key);
    assert_field(record.value, value);
}

static void assert_end(void) {
    mr_record record;
    assert_int_equal(mr_batch_reader_next(reader, &record), MR_NOT_FOUND);
}

static mr_batch_info open_checked(mr_bytes batch) {
    mr_batch_info info;
    assert_int_equal(mr_batch_check(batch, &info), MR_OK);
    assert_int_equal(mr_batch_reader_open(reader, batch, &info), MR_OK);
    return info;
}

/* Reads all records; the first status that is not MR_OK. */
static mr_status read_all(mr_bytes batch) {
    mr_batch_info info;
    mr_status status = mr_batch_peek(batch, &info);
    if (status == MR_OK) {
        status = mr_batch_reader_open(reader, batch, &info);
    }
    mr_record record;
    while (status == MR_OK) {
        status = mr_batch_reader_next(reader, &record);
    }
    return status;
}

static void the_golden_batch_is_built_byte_by_byte(void **state) {
    (void)state;
    mr_header header = {mr_bytes_text("h"), mr_bytes_text("1")};
    mr_record first = text_record("k", "v", 1700000000000);
    first.headers = &header;
    first.headers_count = 1;
    mr_record second = text_record(NULL, NULL, 1700000000005);
    add(&first);
    add(&second);
    assert_int_equal(mr_batch_builder_count(builder), 2);
    mr_batch_config config = plain;
    config.producer_id = 4097;
    config.producer_epoch = 3;
    config.base_sequence = 7;
    mr_batch_builder_finish(builder, &config, &bytes);

    mr_buf golden = {0};
    put_hex(&golden, GOLDEN);
    assert_int_equal(bytes.len, golden.len);
    assert_memory_equal(bytes.data, golden.data, golden.len);
    assert_int_equal(mr_batch_builder_count(builder), 0);
    mr_buf_deinit(&golden);
}

static void the_golden_batch_is_read_field_by_field(void **state) {
    (void)state;
    put_hex(&bytes, GOLDEN);
    mr_batch_info info = open_checked(mr_buf_view(&bytes));
    assert_int_equal(info.base_offset, 0);
    assert_int_equal(info.last_offset_delta, 1);
    assert_int_equal(info.attributes, 0);
    assert_int_equal(info.base_timestamp_ms, 1700000000000);
    assert_int_equal(info.max_timestamp_ms, 1700000000005);
    assert_int_equal(info.producer_id, 4097);
    assert_int_equal(info.producer_epoch, 3);
    assert_int_equal(info.base_sequence, 7);
    assert_int_equal(info.records_count, 2);
    assert_int_equal(info.size_bytes, 81);

    mr_record record;
    assert_int_equal(mr_batch_reader_next(reader, &record), MR_OK);
    assert_field(record.key, "k");
    assert_field(record.value, "v");
    assert_int_equal(record.headers_count, 1);
    assert_field(record.headers[0].key, "h");
    assert_field(record.headers[0].value, "1");
    assert_record(1, 1700000000005, NULL, NULL);
    assert_end();
}

static void the_log_sets_offset_and_epoch_without_touching_the_checksum(void **state) {
    (void)state;
    put_hex(&bytes, GOLDEN);
    mr_batch_assign(bytes.data, 1000, 6);
    mr_batch_info info = open_checked(mr_buf_view(&bytes));
    assert_int_equal(info.leader_epoch, 6);
    assert_int_equal(mr_batch_last_offset(&info), 1001);
    assert_record(1000, 1700000000000, "k", "v");
    assert_record(1001, 1700000000005, NULL, NULL);
    assert_end();
}

static void another_producer_makes_another_checksum(void **state) {
    (void)state;
    put_hex(&bytes, GOLDEN);
    mr_batch_set_producer(bytes.data, bytes.len, 9, 2, 40);
    mr_batch_info info;
    assert_int_equal(mr_batch_check(mr_buf_view(&bytes), &info), MR_OK);
    assert_int_equal(info.producer_id, 9);
    assert_int_equal(info.producer_epoch, 2);
    assert_int_equal(info.base_sequence, 40);
    mr_batch_set_producer(bytes.data, bytes.len, 4097, 3, 7);
    assert_int_equal(mr_get_be32(bytes.data + 17), 0xea0ab271);
}

static void a_compressed_batch_gives_the_same_records(void **state) {
    (void)state;
    char value[400];
    memset(value, 'x', sizeof value);
    value[sizeof value - 1] = '\0';
    mr_record first = text_record("a", value, 50);
    mr_record second = text_record("b", "", 40); /* goes back: a negative delta */
    add(&first);
    add(&second);
    size_t uncompressed_bytes = mr_batch_builder_bytes(builder);
    mr_batch_builder_finish(builder, &zstd, &bytes);
    assert_true(bytes.len < uncompressed_bytes / 2);
    mr_batch_info info = open_checked(mr_buf_view(&bytes));
    assert_int_equal(info.attributes, MR_CODEC_ZSTD);
    assert_int_equal(info.base_timestamp_ms, 50);
    assert_int_equal(info.max_timestamp_ms, 50);
    assert_record(0, 50, "a", value);
    assert_record(1, 40, "b", "");
    assert_end();
}

/* Java's zstd writer streams: its frames do not tell their size. */
static void a_foreign_compressed_block_that_does_not_tell_its_size_is_read(void **state) {
    (void)state;
    /* A raw-block frame, window descriptor 0x48, no content size: one record (null, null). */
    put_hex(&bytes, GOLDEN);
    bytes.len = MR_BATCH_HEADER_BYTES;
    put_hex(&bytes, "28b52ffd"
                    "0048"
                    "390000"
                    "0c000000010100");
    mr_put_be32(bytes.data + 8, (uint32_t)(bytes.len - 12));
    mr_put_be16(bytes.data + 21, MR_CODEC_ZSTD);
    mr_put_be32(bytes.data + 23, 0);
    mr_put_be32(bytes.data + 57, 1);
    mr_batch_set_producer(bytes.data, bytes.len, -1, -1, -1);
    (void)open_checked(mr_buf_view(&bytes));
    assert_record(0, 1700000000000, NULL, NULL);
    assert_end();
}

static void a_full_batch_asks_to_be_finished_and_goes_on_behind_it(void **state) {
    (void)state;
    mr_record record = text_record("k", "v", 1);
    int32_t added = 0;
    mr_status status;
    while ((status = mr_batch_builder_add(builder, &record)) == MR_OK) {
        added++;
    }
    assert_int_equal(status, MR_AGAIN);
    assert_int_equal(added, MR_BATCH_RECORDS_MAX);
    mr_batch_builder_finish(builder, &plain, &bytes);
    size_t first_bytes = bytes.len;
    add(&record);
    mr_batch_builder_finish(builder, &plain, &bytes);

    mr_batch_info info = open_checked(mr_buf_view(&bytes));
    assert_int_equal(info.records_count, MR_BATCH_RECORDS_MAX);
    assert_int_equal(info.size_bytes, first_bytes);
    info = open_checked(mr_bytes_of(bytes.data + first_bytes, bytes.len - first_bytes));
    assert_int_equal(info.records_count, 1);
}

static void an_empty_batch_takes_the_largest_record_and_none_larger(void **state) {
    (void)state;
    uint8_t *value = mr_alloc(MR_RECORD_BYTES_MAX);
    /* attributes, two deltas, null key, length of the value (3 bytes hold 20 bits), no headers */
    size_t overhead = 1 + 1 + 1 + 1 + (MR_RECORD_BYTES_MAX >> 20 ? 4 : 3) + 1;
    mr_record record = {.timestamp_ms = 1, .value = mr_bytes_of(value, MR_RECORD_BYTES_MAX)};
    assert_int_equal(mr_batch_builder_add(builder, &record), MR_INVALID);
    record.value.len = MR_RECORD_BYTES_MAX - overhead + 1;
    assert_int_equal(mr_batch_builder_add(builder, &record), MR_INVALID);
    assert_int_equal(mr_batch_builder_count(builder), 0);
    record.value.len = MR_RECORD_BYTES_MAX - overhead;
    add(&record);
    mr_record small = text_record("k", "v", 1);
    assert_int_equal(mr_batch_builder_add(builder, &small), MR_AGAIN);
    mr_batch_builder_finish(builder, &plain, &bytes);
    (void)open_checked(mr_buf_view(&bytes));
    mr_record read;
    assert_int_equal(mr_batch_reader_next(reader, &read), MR_OK);
    assert_int_equal(read.value.len, record.value.len);
    assert_end();
    mr_free(value);
}

static void more_headers_than_allowed_are_refused(void **state) {
    (void)state;
    mr_header headers[MR_HEADERS_MAX + 1];
    for (size_t i = 0; i <= MR_HEADERS_MAX; i++) {
        headers[i] = (mr_header){mr_bytes_text(""), MR_BYTES_NULL};
    }
    mr_record record = text_record(NULL, NULL, 0);
    record.headers = headers;
    record.headers_count = MR_HEADERS_MAX + 1;
    assert_int_equal(mr_batch_builder_add(builder, &record), MR_INVALID);
    record.headers_count = MR_HEADERS_MAX;
    add(&record);
    mr_batch_builder_finish(builder, &plain, &bytes);
    (void)open_checked(mr_buf_view(&bytes));
    mr_record read;
    assert_int_equal(mr_batch_reader_next(reader, &read), MR_OK);
    assert_int_equal(read.headers_count, MR_HEADERS_MAX);
    assert_field(read.headers[MR_HEADERS_MAX - 1].key, "");
    assert_true(mr_bytes_is_null(read.headers[MR_HEADERS_MAX - 1].value));
}

static void the_most_distant_timestamps_survive(void **state) {
    (void)state;
    mr_record first = text_record("a", "1", INT64_MAX);
    mr_record second = text_record("b", "2", -1);
    mr_record third = text_record("c", "3", INT64_MIN);
    add(&first);
    add(&second);
    add(&third);
    mr_batch_builder_finish(builder, &plain, &bytes);
    mr_batch_info info = open_checked(mr_buf_view(&bytes));
    assert_int_equal(info.max_timestamp_ms, INT64_MAX);
    assert_record(0, INT64_MAX, "a", "1");
    assert_record(1, -1, "b", "2");
    assert_record(2, INT64_MIN, "c", "3");
    assert_end();
}

static void append_time_stands_for_all_records(void **state) {
    (void)state;
    put_hex(&bytes, GOLDEN);
    mr_put_be16(bytes.data + 21, 0x08);
    mr_batch_set_producer(bytes.data, bytes.len, -1, -1, -1);
    (void)open_checked(mr_buf_view(&bytes));
    assert_record(0, 1700000000005, "k", "v");
    assert_record(1, 1700000000005, NULL, NULL);
}

/* ---- broken bytes ---- */

static void a_cut_batch_says_how_long_it_would_be(void **state) {
    (void)state;
    put_hex(&bytes, GOLDEN);
    for (size_t len = 0; len < bytes.len; len++) {
        mr_batch_info info;
        assert_int_equal(mr_batch_peek(mr_bytes_of(bytes.data, len), &info), MR_AGAIN);
        assert_int_equal(info.size_bytes, len < 12 ? 0 : 81);
        assert_int_equal(mr_batch_check(mr_bytes_of(bytes.data, len), &info), MR_AGAIN);
    }
}

static void every_flipped_bit_is_found(void **state) {
    (void)state;
    put_hex(&bytes, GOLDEN);
    for (size_t bit = 0; bit < bytes.len * 8; bit++) {
        size_t at = bit / 8;
        if (at < 8 || (at >= 12 && at < 16)) {
            continue; /* base offset and leader epoch: the log's own, outside the checksum */
        }
        bytes.data[at] ^= (uint8_t)(1 << bit % 8);
        mr_batch_info info;
        assert_int_not_equal(mr_batch_check(mr_buf_view(&bytes), &info), MR_OK);
        bytes.data[at] ^= (uint8_t)(1 << bit % 8);
    }
}

static void assert_corrupt_with(size_t at, const char *hex) {
    mr_buf_clear(&bytes);
    put_hex(&bytes, GOLDEN);
    mr_buf patch = {0};
    put_hex(&patch, hex);
    memcpy(bytes.data + at, patch.data, patch.len);
    mr_buf_deinit(&patch);
    assert_int_equal(read_all(mr_buf_view(&bytes)), MR_CORRUPT);
}

static void impossible_headers_are_corrupt(void **state) {
    (void)state;
    assert_corrupt_with(8, "00000000"); /* batchLength: zeros behind a torn tail */
    assert_corrupt_with(8, "00000030"); /* below the header */
    assert_corrupt_with(8, "ffffffff");
    assert_corrupt_with(8, "7fffffff");
    assert_corrupt_with(16, "01");              /* magic */
    assert_corrupt_with(0, "8000000000000000"); /* base offset */
    assert_corrupt_with(0, "7fffffffffffffff"); /* its last offset would overflow */
    assert_corrupt_with(0, "4000000000000000"); /* no log gets there */
    assert_corrupt_with(23, "ffffffff");        /* lastOffsetDelta */
    assert_corrupt_with(57, "ffffffff");        /* recordsCount */
    assert_corrupt_with(57, "00000003");        /* more records than offsets */
    assert_corrupt_with(21, "0001");            /* gzip */
    assert_corrupt_with(21, "0007");            /* no codec at all */
    assert_corrupt_with(21, "0004");            /* not zstd inside */
}

static void more_records_than_bytes_are_corrupt(void **state) {
    (void)state;
    put_hex(&bytes, GOLDEN);
    mr_put_be32(bytes.data + 23, 0x7ffffffe);
    mr_put_be32(bytes.data + 57, 0x7fffffff);
    mr_batch_info info;
    assert_int_equal(mr_batch_peek(mr_buf_view(&bytes), &info), MR_CORRUPT);
}

static void impossible_records_are_corrupt(void **state) {
    (void)state;
    assert_corrupt_with(57, "00000001"); /* bytes left over */
    assert_corrupt_with(61, "16");       /* a length one too short */
    assert_corrupt_with(61, "01");       /* a negative length */
    assert_corrupt_with(61, "ff");       /* beyond the end */
    assert_corrupt_with(64, "02");       /* the first record at offset 1, and so the second */
    assert_corrupt_with(64, "01");       /* a negative offset delta */
    assert_corrupt_with(77, "04");       /* an offset behind the last of the batch */
    assert_corrupt_with(65, "03");       /* key length -2 */
    assert_corrupt_with(65, "40");       /* key behind the record's end */
    assert_corrupt_with(69, "01");       /* -1 headers */
    assert_corrupt_with(69, "04");       /* more headers than bytes */
    assert_corrupt_with(70, "01");       /* a header without key */
    assert_corrupt_with(69, "00");       /* no headers, but bytes where one would be */
}

/* All well-formed, one header more than any record may have. */
static void more_headers_than_allowed_are_corrupt(void **state) {
    (void)state;
    for (int count = MR_HEADERS_MAX; count <= MR_HEADERS_MAX + 1; count++) {
        mr_buf_clear(&bytes);
        put_hex(&bytes, GOLDEN);
        bytes.len = MR_BATCH_HEADER_BYTES;
        mr_buf_put_varint(&bytes, 5 + 2 + 2 * count);
        put_hex(&bytes, "0000000101");
        mr_buf_put_varint(&bytes, count);
        for (int i = 0; i < count; i++) {
            put_hex(&bytes, "0001");
        }
        mr_put_be32(bytes.data + 8, (uint32_t)(bytes.len - 12));
        mr_put_be32(bytes.data + 57, 1);
        assert_int_equal(read_all(mr_buf_view(&bytes)),
                         count == MR_HEADERS_MAX ? MR_NOT_FOUND : MR_CORRUPT);
    }
}

static void a_decompression_bomb_is_refused(void **state) {
    (void)state;
    put_hex(&bytes, GOLDEN);
    bytes.len = MR_BATCH_HEADER_BYTES;
    /* RLE blocks of 128 KiB, 7 bytes each: 100 of them are more than any batch may hold. */
    put_hex(&bytes, "28b52ffd"
                    "0048");
    for (int block = 0; block < 100; block++) {
        put_hex(&bytes, "02001000");
    }
    mr_put_be32(bytes.data + 8, (uint32_t)(bytes.len - 12));
    mr_put_be16(bytes.data + 21, MR_CODEC_ZSTD);
    assert_int_equal(read_all(mr_buf_view(&bytes)), MR_CORRUPT);
    /* A frame that tells 4 GiB. */
    bytes.len = MR_BATCH_HEADER_BYTES;
    put_hex(&bytes, "28b52ffd"
                    "e0"
                    "0000000001000000"
                    "010000");
    mr_put_be32(bytes.data + 8, (uint32_t)(bytes.len - 12));
    assert_int_equal(read_all(mr_buf_view(&bytes)), MR_CORRUPT);
}

static void random_damage_never_gives_more_than_an_error(void **state) {
    (void)state;
    mr_prng prng = mr_prng_seeded(11);
    for (int round = 0; round < 20000; round++) {
        mr_buf_clear(&bytes);
        put_hex(&bytes, GOLDEN);
        for (uint64_t hits = 1 + mr_prng_below(&prng, 4); hits > 0; hits--) {
            size_t at = 16 + (size_t)mr_prng_below(&prng, bytes.len - 16);
            bytes.data[at] = (uint8_t)mr_prng_next(&prng);
        }
        mr_status status = read_all(mr_buf_view(&bytes));
        assert_true(status == MR_NOT_FOUND || status == MR_CORRUPT);
    }
}

/* ---- round trips ---- */

static void random_records_come_back_equal(void **state) {
    (void)state;
    mr_prng prng = mr_prng_seeded(7);
    uint8_t noise[700];
    for (size_t i = 0; i < sizeof noise; i++) {
        noise[i] = (uint8_t)(mr_prng_next(&prng) & 3);
    }
    for (int round = 0; round < 400; round++) {
        mr_record written[8];
        mr_header headers[8][3];
        size_t count = 0;
        for (; count < 8; count++) {
            mr_record *record = &written[count];
            *record = (mr_record){.timestamp_ms = (int64_t)mr_prng_below(&prng, 1 << 20)};
            record->key = mr_bytes_of(noise, mr_prng_below(&prng, 90));
            record->value = mr_prng_below(&prng, 5) == 0
                                ? MR_BYTES_NULL
                                : mr_bytes_of(noise, mr_prng_below(&prng, sizeof noise));
            record->headers = headers[count];
            record->headers_count = mr_prng_below(&prng, 4);
            for (size_t i = 0; i < record->headers_count; i++) {
                headers[count][i].key = mr_bytes_of(noise, mr_prng_below(&prng, 70));
                headers[count][i].value = mr_bytes_of(noise, mr_prng_below(&prng, 9));
            }
            mr_status status = mr_batch_builder_add(builder, record);
            if (status == MR_AGAIN) {
                break;
            }
            assert_int_equal(status, MR_OK);
        }
        mr_buf_clear(&bytes);
        mr_batch_builder_finish(builder, round % 2 == 0 ? &plain : &zstd, &bytes);
        mr_batch_assign(bytes.data, round * 10, 0);
        (void)open_checked(mr_buf_view(&bytes));
        for (size_t i = 0; i < count; i++) {
            mr_record read;
            assert_int_equal(mr_batch_reader_next(reader, &read), MR_OK);
            assert_int_equal(read.offset, round * 10 + (int64_t)i);
            assert_int_equal(read.timestamp_ms, written[i].timestamp_ms);
            assert_true(mr_bytes_equal(read.key, written[i].key));
            assert_true(mr_bytes_equal(read.value, written[i].value));
            assert_int_equal(read.headers_count, written[i].headers_count);
            for (size_t h = 0; h < read.headers_count; h++) {
                assert_true(mr_bytes_equal(read.headers[h].key, headers[i][h].key));
                assert_true(mr_bytes_equal(read.headers[h].value, headers[i][h].value));
            }
        }
        assert_end();
    }
}

/* ---- markers ---- */

static void a_commit_marker_is_kafkas_control_batch(void **state) {
    (void)state;
    mr_marker_build(MR_MARKER_COMMIT, 4097, 3, 1700000000000, &bytes);
    mr_batch_info info = open_checked(mr_buf_view(&bytes));
    assert_int_equal(info.attributes, MR_ATTRIBUTE_TRANSACTIONAL | MR_ATTRIBUTE_CONTROL);
    assert_int_equal(info.records_count, 1);
    assert_int_equal(info.producer_id, 4097);
    assert_int_equal(info.producer_epoch, 3);
    assert_int_equal(info.base_sequence, -1);
    mr_record record;
    assert_int_equal(mr_batch_reader_next(reader, &record), MR_OK);
    assert_int_equal(record.timestamp_ms, 1700000000000);
    assert_int_equal(record.key.len, 4);
    assert_memory_equal(record.key.data, "\0\0\0\1", 4);
    assert_int_equal(record.value.len, 6);
    assert_memory_equal(record.value.data, "\0\0\0\0\0\0", 6);
    assert_int_equal(record.headers_count, 0);
    assert_end();
    mr_marker marker;
    assert_int_equal(mr_marker_parse(mr_buf_view(&bytes), &info, &marker), MR_OK);
    assert_int_equal(marker, MR_MARKER_COMMIT);
}

static void an_abort_marker_is_read_back(void **state) {
    (void)state;
    mr_marker_build(MR_MARKER_ABORT, 1, 0, 5, &bytes);
    mr_batch_info info = open_checked(mr_buf_view(&bytes));
    mr_marker marker;
    assert_int_equal(mr_marker_parse(mr_buf_view(&bytes), &info, &marker), MR_OK);
    assert_int_equal(marker, MR_MARKER_ABORT);
}

static void what_is_no_marker_is_corrupt(void **state) {
    (void)state;
    mr_marker marker;
    mr_batch_info info;
    put_hex(&bytes, GOLDEN);
    assert_int_equal(mr_batch_peek(mr_buf_view(&bytes), &info), MR_OK);
    assert_int_equal(mr_marker_parse(mr_buf_view(&bytes), &info, &marker), MR_CORRUPT);
    for (size_t at = MR_BATCH_HEADER_BYTES; at < MR_BATCH_HEADER_BYTES + 17; at++) {
        bool free_byte = at > 61 && at <= 64; /* attributes and deltas say nothing */
        free_byte |= at >= 73 && at <= 76;    /* nor the coordinator's epoch */
        free_byte |= at == 77;                /* nor the count of headers */
        mr_buf_clear(&bytes);
        mr_marker_build(MR_MARKER_COMMIT, 1, 0, 5, &bytes);
        bytes.data[at] ^= 0x02;
        assert_int_equal(mr_batch_peek(mr_buf_view(&bytes), &info), MR_OK);
        assert_int_equal(mr_marker_parse(mr_buf_view(&bytes), &info, &marker),
                         free_byte ? MR_OK : MR_CORRUPT);
    }
}

/* ---- partitions ---- */

static void keyed_records_go_where_kafkas_java_client_sends_them(void **state) {
    (void)state;
    static const struct {
        const char *key;
        int32_t hash;
    } vectors[] = {
        {"21", -973932308},
        {"foobar", -790332482},
        {"a-little-bit-long-string", -985981536},
        {"a-little-bit-longer-string", -1486304829},
        {"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971},
        {"abc", 479470107},
    };
    uint64_t keyless = 0;
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        for (int32_t partitions = 1; partitions <= 1000; partitions += 37) {
            assert_int_equal(
                mr_partition_choose(mr_bytes_text(vectors[i].key), partitions, &keyless),
                (vectors[i].hash & 0x7fffffff) % partitions);
        }
    }
    assert_int_equal(keyless, 0);
}

static void keyless_records_go_round_by_their_number(void **state) {
    (void)state;
    uint64_t keyless = 4;
    assert_int_equal(mr_partition_choose(MR_BYTES_NULL, 3, &keyless), 1);
    assert_int_equal(mr_partition_choose(mr_bytes_text("foobar"), 3, &keyless), 0);
    assert_int_equal(mr_partition_choose(MR_BYTES_NULL, 3, &keyless), 2);
    assert_int_equal(mr_partition_choose(MR_BYTES_NULL, 3, &keyless), 0);
    assert_int_equal(keyless, 7);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(the_golden_batch_is_built_byte_by_byte),
        TEST(the_golden_batch_is_read_field_by_field),
        TEST(the_log_sets_offset_and_epoch_without_touching_the_checksum),
        TEST(another_producer_makes_another_checksum),
        TEST(a_compressed_batch_gives_the_same_records),
        TEST(a_foreign_compressed_block_that_does_not_tell_its_size_is_read),
        TEST(a_full_batch_asks_to_be_finished_and_goes_on_behind_it),
        TEST(an_empty_batch_takes_the_largest_record_and_none_larger),
        TEST(more_headers_than_allowed_are_refused),
        TEST(the_most_distant_timestamps_survive),
        TEST(append_time_stands_for_all_records),
        TEST(a_cut_batch_says_how_long_it_would_be),
        TEST(every_flipped_bit_is_found),
        TEST(impossible_headers_are_corrupt),
        TEST(more_records_than_bytes_are_corrupt),
        TEST(impossible_records_are_corrupt),
        TEST(more_headers_than_allowed_are_corrupt),
        TEST(a_decompression_bomb_is_refused),
        TEST(random_damage_never_gives_more_than_an_error),
        TEST(random_records_come_back_equal),
        TEST(a_commit_marker_is_kafkas_control_batch),
        TEST(an_abort_marker_is_read_back),
        TEST(what_is_no_marker_is_corrupt),
        TEST(keyed_records_go_where_kafkas_java_client_sends_them),
        TEST(keyless_records_go_round_by_their_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
