#include "log/record/batch.h"

#include <zstd.h>

#include "runtime/base/alloc.h"
#include "runtime/base/assert.h"
#include "runtime/base/hash.h"

/* Where the CRC begins: everything behind it is covered. */
#define CRC_FROM 21

struct mr_batch_builder {
    mr_buf bytes; /* room for the header, then the records as they will stand in the batch */
    int32_t count;
    int64_t base_timestamp_ms;
    int64_t max_timestamp_ms;
    ZSTD_CCtx *zstd; /* made on first use */
};

mr_batch_builder *mr_batch_builder_create(void) {
    mr_batch_builder *builder = mr_alloc(sizeof *builder);
    mr_batch_builder_reset(builder);
    return builder;
}

void mr_batch_builder_destroy(mr_batch_builder *builder) {
    if (!builder) {
        return;
    }
    ZSTD_freeCCtx(builder->zstd);
    mr_buf_deinit(&builder->bytes);
    mr_free(builder);
}

void mr_batch_builder_reset(mr_batch_builder *builder) {
    mr_buf_clear(&builder->bytes);
    mr_buf_reserve(&builder->bytes, MR_BATCH_HEADER_BYTES);
    memset(builder->bytes.data, 0, MR_BATCH_HEADER_BYTES);
    builder->bytes.len = MR_BATCH_HEADER_BYTES;
    builder->count = 0;
    builder->base_timestamp_ms = 0;
    builder->max_timestamp_ms = 0;
}

int32_t mr_batch_builder_count(const mr_batch_builder *builder) {
    return builder->count;
}

size_t mr_batch_builder_bytes(const mr_batch_builder *builder) {
    return builder->bytes.len;
}

/* ---- one record ----
 *
 *   length varint | attributes 0 | timestampDelta varint | offsetDelta varint
 *   keyLength varint (-1: null) key | valueLength varint (-1: null) value
 *   headersCount varint | { keyLength varint key | valueLength varint value }*
 *
 * The varints are inlined: a record has at least six.
 */

static inline uint64_t zigzag(int64_t value) {
    return ((uint64_t)value << 1) ^ (uint64_t)(value >> 63);
}

static inline size_t varint_size(int64_t value) {
    return (size_t)(70 - __builtin_clzll(zigzag(value) | 1)) / 7;
}

static inline uint8_t *varint_put(uint8_t *at, int64_t value) {
    uint64_t rest = zigzag(value);
    while (rest >= 0x80) {
        *at++ = (uint8_t)(rest | 0x80);
        rest >>= 7;
    }
    *at++ = (uint8_t)rest;
    return at;
}

static inline size_t field_size(mr_bytes field) {
    return mr_bytes_is_null(field) ? 1 : varint_size((int64_t)field.len) + field.len;
}

static inline uint8_t *field_put(uint8_t *at, mr_bytes field) {
    if (mr_bytes_is_null(field)) {
        return varint_put(at, -1);
    }
    at = varint_put(at, (int64_t)field.len);
    if (field.len > 0) {
        memcpy(at, field.data, field.len);
    }
    return at + field.len;
}

/* false: larger than a record may be. The parts are checked one by one, so that no sum overflows.
 */
static bool body_size(const mr_record *record, int64_t timestamp_delta, int64_t offset_delta,
                      size_t *size_out) {
    if (record->headers_count > MR_HEADERS_MAX || record->key.len > MR_RECORD_BYTES_MAX ||
        record->value.len > MR_RECORD_BYTES_MAX) {
        return false;
    }
    size_t size = 1 + varint_size(timestamp_delta) + varint_size(offset_delta) +
                  field_size(record->key) + field_size(record->value) +
                  varint_size((int64_t)record->headers_count);
    for (size_t i = 0; i < record->headers_count; i++) {
        const mr_header *header = &record->headers[i];
        if (header->key.len > MR_RECORD_BYTES_MAX || header->value.len > MR_RECORD_BYTES_MAX) {
            return false;
        }
        size += field_size(header->key) + field_size(header->value);
    }
    *size_out = size;
    return size <= MR_RECORD_BYTES_MAX;
}

mr_status mr_batch_builder_add(mr_batch_builder *builder, const mr_record *record) {
    int64_t base = builder->count == 0 ? record->timestamp_ms : builder->base_timestamp_ms;
    /* Wraps, and the reader wraps back, so that every pair of timestamps survives. */
    int64_t timestamp_delta = (int64_t)((uint64_t)record->timestamp_ms - (uint64_t)base);
    size_t body;
    if (!body_size(record, timestamp_delta, builder->count, &body)) {
        return MR_INVALID;
    }
    size_t size = varint_size((int64_t)body) + body;
    if (builder->count > 0 && (builder->count >= MR_BATCH_RECORDS_MAX ||
                               builder->bytes.len + size > MR_BATCH_BYTES_MAX)) {
        return MR_AGAIN;
    }

    mr_buf_reserve(&builder->bytes, size);
    uint8_t *start = builder->bytes.data + builder->bytes.len;
    uint8_t *at = varint_put(start, (int64_t)body);
    *at++ = 0;
    at = varint_put(at, timestamp_delta);
    at = varint_put(at, builder->count);
    at = field_put(at, record->key);
    at = field_put(at, record->value);
    at = varint_put(at, (int64_t)record->headers_count);
    for (size_t i = 0; i < record->headers_count; i++) {
        MR_ASSERT(!mr_bytes_is_null(record->headers[i].key));
        at = field_put(at, record->headers[i].key);
        at = field_put(at, record->headers[i].value);
    }
    MR_ASSERT(at == start + size);

    builder->bytes.len += size;
    builder->base_timestamp_ms = base;
    if (builder->count == 0 || record->timestamp_ms > builder->max_timestamp_ms) {
        builder->max_timestamp_ms = record->timestamp_ms;
    }
    builder->count++;
    return MR_OK;
}

/* ---- the whole batch ---- */

static void seal(uint8_t *batch, size_t size_bytes) {
    mr_put_be32(batch + 17, mr_crc32c(0, batch + CRC_FROM, size_bytes - CRC_FROM));
}

static void put_producer(uint8_t *batch, int64_t producer_id, int16_t producer_epoch,
                         int32_t base_sequence) {
    mr_put_be64(batch + 43, (uint64_t)producer_id);
    mr_put_be16(batch + 51, (uint16_t)producer_epoch);
    mr_put_be32(batch + 53, (uint32_t)base_sequence);
}

/* Appends header and compressed records; the header's fields are filled in by the caller. */
static void put_compressed(mr_batch_builder *builder, int level, mr_buf *out) {
    if (!builder->zstd) {
        builder->zstd = ZSTD_createCCtx();
        MR_ASSERT(builder->zstd != NULL);
    }
    const uint8_t *records = builder->bytes.data + MR_BATCH_HEADER_BYTES;
    size_t records_bytes = builder->bytes.len - MR_BATCH_HEADER_BYTES;
    size_t bound = ZSTD_compressBound(records_bytes);

    mr_buf_put(out, builder->bytes.data, MR_BATCH_HEADER_BYTES);
    mr_buf_reserve(out, bound);
    size_t written = ZSTD_compressCCtx(builder->zstd, out->data + out->len, bound, records,
                                       records_bytes, level);
    MR_ASSERT(!ZSTD_isError(written));
    out->len += written;
}

void mr_batch_builder_finish(mr_batch_builder *builder, const mr_batch_config *config,
                             mr_buf *out) {
    MR_ASSERT(builder->count > 0);
    MR_ASSERT((config->attributes & MR_ATTRIBUTE_CODEC_MASK) == 0);
    MR_ASSERT(config->codec == MR_CODEC_NONE || config->codec == MR_CODEC_ZSTD);

    size_t from = out->len;
    if (config->codec == MR_CODEC_ZSTD) {
        put_compressed(builder, config->zstd_level, out);
    } else {
        mr_buf_put(out, builder->bytes.data, builder->bytes.len);
    }
    uint8_t *batch = out->data + from;
    size_t size_bytes = out->len - from;
    MR_ASSERT(size_bytes <= MR_BATCH_WIRE_BYTES_MAX);

    mr_batch_assign(batch, 0, 0);
    mr_put_be32(batch + 8, (uint32_t)(size_bytes - 12));
    batch[16] = 2;
    mr_put_be16(batch + 21, (uint16_t)(config->attributes | (uint16_t)config->codec));
    mr_put_be32(batch + 23, (uint32_t)(builder->count - 1));
    mr_put_be64(batch + 27, (uint64_t)builder->base_timestamp_ms);
    mr_put_be64(batch + 35, (uint64_t)builder->max_timestamp_ms);
    mr_put_be32(batch + 57, (uint32_t)builder->count);
    put_producer(batch, config->producer_id, config->producer_epoch, config->base_sequence);
    if (config->crc == MR_BATCH_CRC_NOW) {
        seal(batch, size_bytes);
    }
    mr_batch_builder_reset(builder);
}

void mr_batch_assign(uint8_t *batch, int64_t base_offset, int32_t leader_epoch) {
    mr_put_be64(batch, (uint64_t)base_offset);
    mr_put_be32(batch + 12, (uint32_t)leader_epoch);
}

void mr_batch_set_producer(uint8_t *batch, size_t size_bytes, int64_t producer_id,
                           int16_t producer_epoch, int32_t base_sequence) {
    MR_ASSERT(size_bytes >= MR_BATCH_HEADER_BYTES);
    put_producer(batch, producer_id, producer_epoch, base_sequence);
    seal(batch, size_bytes);
}
