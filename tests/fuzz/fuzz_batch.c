/* A batch from arbitrary bytes, and the records of the system topics in it. With the checksum as it
 * came, then with one that fits, so that what it guards is reached. What reads well must read alike
 * again, and be built again from what was read. */
#include <stdint.h>
#include <zstd.h>

#include "log/record/batch.h"
#include "log/record/system_records.h"
#include "runtime/base/assert.h"
#include "runtime/base/hash.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void decode_decision(const mr_record *record, mr_arena *arena) {
    mr_decision decision;
    if (mr_decision_decode(record->key, record->value, arena, &decision) != MR_OK) {
        return;
    }
    mr_buf key = {0};
    mr_buf value = {0};
    mr_decision_encode(&decision, &key, &value);
    mr_decision again;
    MR_ASSERT(mr_decision_decode(mr_buf_view(&key), mr_buf_view(&value), arena, &again) == MR_OK);
    MR_ASSERT(again.parts_count == decision.parts_count);
    MR_ASSERT(again.outcome == decision.outcome);
    mr_buf_deinit(&key);
    mr_buf_deinit(&value);
}

static void decode_position(const mr_record *record, mr_arena *arena) {
    mr_position position;
    if (mr_position_decode(record->key, record->value, arena, &position) != MR_OK) {
        return;
    }
    mr_buf key = {0};
    mr_buf value = {0};
    mr_position_encode(&position, &key, &value);
    mr_position again;
    MR_ASSERT(mr_position_decode(mr_buf_view(&key), mr_buf_view(&value), arena, &again) == MR_OK);
    MR_ASSERT(again.offset == position.offset);
    MR_ASSERT(again.generation == position.generation);
    mr_buf_deinit(&key);
    mr_buf_deinit(&value);
}

static void decode_metadata(mr_bytes bytes, mr_arena *arena) {
    mr_metadata metadata;
    if (mr_metadata_decode(bytes, arena, &metadata) != MR_OK) {
        return;
    }
    mr_buf value = {0};
    mr_metadata_encode(&metadata, &value);
    mr_metadata again;
    MR_ASSERT(mr_metadata_decode(mr_buf_view(&value), arena, &again) == MR_OK);
    MR_ASSERT(again.kind == metadata.kind);
    MR_ASSERT(again.stores_count == metadata.stores_count);
    mr_buf_deinit(&value);
}

/* All that was read, built anew, must read as it did. */
static void check_rebuilt(mr_batch_builder *builder, int32_t count) {
    if (mr_batch_builder_count(builder) == 0) {
        return;
    }
    mr_batch_config config = {.codec = count % 2 == 0 ? MR_CODEC_NONE : MR_CODEC_ZSTD,
                              .zstd_level = 1,
                              .producer_id = -1,
                              .producer_epoch = -1,
                              .base_sequence = -1};
    int32_t built = mr_batch_builder_count(builder);
    mr_buf out = {0};
    mr_batch_builder_finish(builder, &config, &out);
    mr_batch_info info;
    MR_ASSERT(mr_batch_check(mr_buf_view(&out), &info) == MR_OK);
    MR_ASSERT(info.records_count == built);
    mr_buf_deinit(&out);
}

static void read_batch(mr_bytes batch, const mr_batch_info *info) {
    mr_batch_reader *reader = mr_batch_reader_create();
    mr_batch_builder *builder = mr_batch_builder_create();
    mr_arena *arena = mr_arena_create(4096);
    mr_marker marker;
    mr_status status = mr_marker_parse(batch, info, &marker);
    MR_ASSERT(status == MR_OK || status == MR_CORRUPT);

    status = mr_batch_reader_open(reader, batch, info);
    int64_t offset_min = info->base_offset;
    mr_record record;
    bool building = true;
    while (status == MR_OK && (status = mr_batch_reader_next(reader, &record)) == MR_OK) {
        MR_ASSERT(record.offset >= offset_min);
        MR_ASSERT(record.offset <= mr_batch_last_offset(info));
        offset_min = record.offset + 1;
        building = building && mr_batch_builder_add(builder, &record) == MR_OK;
        decode_decision(&record, arena);
        decode_position(&record, arena);
        decode_metadata(record.value, arena);
        mr_arena_reset(arena);
    }
    MR_ASSERT(status == MR_NOT_FOUND || status == MR_CORRUPT);
    check_rebuilt(builder, info->records_count);
    mr_arena_destroy(arena);
    mr_batch_builder_destroy(builder);
    mr_batch_reader_destroy(reader);
}

static void put_compressed(mr_buf *out, const uint8_t *data, size_t size) {
    static ZSTD_CCtx *context;
    context = context ? context : ZSTD_createCCtx();
    size_t bound = ZSTD_compressBound(size);
    mr_buf_reserve(out, bound);
    size_t got = ZSTD_compressCCtx(context, out->data + out->len, bound, data, size, 1);
    MR_ASSERT(!ZSTD_isError(got));
    out->len += got;
}

#define COMPRESSED 0x40 /* of the first byte, beyond the attributes in use */

/* The input behind a header that fits it, so that no luck with lengths or with zstd's frames is
 * needed: attributes and count of the records come from its first two bytes. */
static void read_framed(const uint8_t *data, size_t size) {
    if (size < 2) {
        return;
    }
    mr_buf framed = {0};
    mr_buf_reserve(&framed, MR_BATCH_HEADER_BYTES);
    memset(framed.data, 0, MR_BATCH_HEADER_BYTES);
    framed.len = MR_BATCH_HEADER_BYTES;
    if (data[0] & COMPRESSED) {
        put_compressed(&framed, data + 2, size - 2);
    } else {
        mr_buf_put(&framed, data + 2, size - 2);
    }
    mr_put_be32(framed.data + 8, (uint32_t)(framed.len - 12));
    framed.data[16] = 2;
    mr_put_be16(framed.data + 21, data[0] & COMPRESSED ? (data[0] & 0x38) | 4 : data[0] & 0x3f);
    mr_put_be32(framed.data + 23, UINT8_MAX);
    mr_put_be32(framed.data + 57, data[1]);
    mr_batch_set_producer(framed.data, framed.len, -1, -1, -1);
    mr_batch_info info;
    if (mr_batch_check(mr_buf_view(&framed), &info) == MR_OK) {
        read_batch(mr_buf_view(&framed), &info);
    }
    mr_buf_deinit(&framed);
}

/* The input as the value of each system record, under a key that is fine. */
static void decode_as_value(mr_bytes value) {
    static const uint8_t decision_key[] = {0, 0, 0, 1, 'j'};
    static const uint8_t position_key[] = {0, 1, 0, 1, 'g', 0, 1, 't', 0, 0, 0, 0};
    mr_arena *arena = mr_arena_create(4096);
    mr_record record = {.key = mr_bytes_of(decision_key, sizeof decision_key), .value = value};
    decode_decision(&record, arena);
    record.key = mr_bytes_of(position_key, sizeof position_key);
    decode_position(&record, arena);
    decode_metadata(value, arena);
    mr_arena_destroy(arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    mr_bytes input = mr_bytes_of(data, size);
    decode_as_value(input);
    read_framed(data, size);
    mr_batch_info info;
    mr_status status = mr_batch_check(input, &info);
    if (status == MR_OK) {
        read_batch(input, &info);
        return 0;
    }
    mr_buf fitted = {0};
    mr_buf_put(&fitted, data, size);
    if (mr_batch_peek(mr_buf_view(&fitted), &info) == MR_OK) {
        mr_batch_set_producer(fitted.data, info.size_bytes, info.producer_id, info.producer_epoch,
                              info.base_sequence);
        status = mr_batch_check(mr_buf_view(&fitted), &info);
        MR_ASSERT(status == MR_OK);
        read_batch(mr_buf_view(&fitted), &info);
    }
    mr_buf_deinit(&fitted);
    return 0;
}
