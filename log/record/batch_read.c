#include "log/record/batch.h"

#include <zstd.h>
#include <zstd_errors.h>

#include "runtime/base/alloc.h"
#include "runtime/base/assert.h"
#include "runtime/base/hash.h"
#include "runtime/base/varint.h"

/* A record of nothing: length, attributes, two deltas, two null fields, no headers. */
#define RECORD_BYTES_MIN 7
/* Decompressed records of one batch: against bombs; our own writers stay far below. */
#define RECORDS_BYTES_MAX ((size_t)MR_BATCH_WIRE_BYTES_MAX * 4)
#define ATTRIBUTE_APPEND_TIME 0x08

/* ---- the header ---- */

mr_status mr_batch_peek(mr_bytes bytes, mr_batch_info *out) {
    const uint8_t *p = bytes.data;
    *out = (mr_batch_info){0};
    if (bytes.len < 12) {
        return MR_AGAIN;
    }
    int32_t length = (int32_t)mr_get_be32(p + 8);
    if (length < MR_BATCH_HEADER_BYTES - 12 || length > MR_BATCH_WIRE_BYTES_MAX - 12) {
        return MR_CORRUPT;
    }
    out->size_bytes = (size_t)length + 12;
    if (bytes.len >= 17 && p[16] != 2) {
        return MR_CORRUPT;
    }
    if (bytes.len < MR_BATCH_HEADER_BYTES) {
        return MR_AGAIN;
    }
    out->base_offset = (int64_t)mr_get_be64(p);
    out->leader_epoch = (int32_t)mr_get_be32(p + 12);
    out->crc = mr_get_be32(p + 17);
    out->attributes = mr_get_be16(p + 21);
    out->last_offset_delta = (int32_t)mr_get_be32(p + 23);
    out->base_timestamp_ms = (int64_t)mr_get_be64(p + 27);
    out->max_timestamp_ms = (int64_t)mr_get_be64(p + 35);
    out->producer_id = (int64_t)mr_get_be64(p + 43);
    out->producer_epoch = (int16_t)mr_get_be16(p + 51);
    out->base_sequence = (int32_t)mr_get_be32(p + 53);
    out->records_count = (int32_t)mr_get_be32(p + 57);

    if (out->base_offset < 0 || out->base_offset > MR_OFFSET_MAX || out->last_offset_delta < 0) {
        return MR_CORRUPT;
    }
    if (out->records_count < 0 || out->records_count > (int64_t)out->last_offset_delta + 1) {
        return MR_CORRUPT;
    }
    size_t records_bytes = out->size_bytes - MR_BATCH_HEADER_BYTES;
    if ((out->attributes & MR_ATTRIBUTE_CODEC_MASK) == MR_CODEC_NONE &&
        (size_t)out->records_count > records_bytes / RECORD_BYTES_MIN) {
        return MR_CORRUPT;
    }
    return bytes.len < out->size_bytes ? MR_AGAIN : MR_OK;
}

mr_status mr_batch_check(mr_bytes bytes, mr_batch_info *out) {
    mr_status status = mr_batch_peek(bytes, out);
    if (status != MR_OK) {
        return status;
    }
    return mr_crc32c(0, bytes.data + 21, out->size_bytes - 21) == out->crc ? MR_OK : MR_CORRUPT;
}

/* ---- the records ---- */

struct mr_batch_reader {
    mr_reader records;
    mr_batch_info info;
    int32_t read;      /* records given so far */
    int64_t delta_min; /* the least offset delta the next record may have */
    mr_buf plain;      /* decompressed records, kept from batch to batch */
    ZSTD_DCtx *zstd;   /* made on first use */
    mr_header headers[MR_HEADERS_MAX];
};

mr_batch_reader *mr_batch_reader_create(void) {
    return mr_alloc(sizeof(mr_batch_reader));
}

void mr_batch_reader_destroy(mr_batch_reader *reader) {
    if (!reader) {
        return;
    }
    ZSTD_freeDCtx(reader->zstd);
    mr_buf_deinit(&reader->plain);
    mr_free(reader);
}

/* Into reader->plain. The frame may tell its size or not (Java's writer does not), and there may be
 * several frames: the room doubles up to the bound until all of it fits. */
static mr_status decompress(mr_batch_reader *reader, mr_bytes block) {
    if (!reader->zstd) {
        reader->zstd = ZSTD_createDCtx();
        MR_ASSERT(reader->zstd != NULL);
    }
    unsigned long long told = ZSTD_getFrameContentSize(block.data, block.len);
    if (told == ZSTD_CONTENTSIZE_ERROR ||
        (told != ZSTD_CONTENTSIZE_UNKNOWN && told > RECORDS_BYTES_MAX)) {
        return MR_CORRUPT;
    }
    size_t room = told == ZSTD_CONTENTSIZE_UNKNOWN ? block.len * 4 : (size_t)told;
    room = room < 4096 ? 4096 : room > RECORDS_BYTES_MAX ? RECORDS_BYTES_MAX : room;
    for (;;) {
        mr_buf_clear(&reader->plain);
        mr_buf_reserve(&reader->plain, room);
        size_t got =
            ZSTD_decompressDCtx(reader->zstd, reader->plain.data, room, block.data, block.len);
        if (!ZSTD_isError(got)) {
            reader->plain.len = got;
            return MR_OK;
        }
        if (ZSTD_getErrorCode(got) != ZSTD_error_dstSize_tooSmall || room == RECORDS_BYTES_MAX) {
            return MR_CORRUPT;
        }
        room = room > RECORDS_BYTES_MAX / 2 ? RECORDS_BYTES_MAX : room * 2;
    }
}

mr_status mr_batch_reader_open(mr_batch_reader *reader, mr_bytes batch, const mr_batch_info *info) {
    MR_ASSERT(batch.len >= info->size_bytes);
    MR_ASSERT(info->size_bytes >= MR_BATCH_HEADER_BYTES);
    mr_bytes records =
        mr_bytes_of(batch.data + MR_BATCH_HEADER_BYTES, info->size_bytes - MR_BATCH_HEADER_BYTES);
    reader->info = *info;
    reader->read = 0;
    reader->delta_min = 0;
    reader->records = (mr_reader){0};
    switch (info->attributes & MR_ATTRIBUTE_CODEC_MASK) {
    case MR_CODEC_NONE:
        break;
    case MR_CODEC_ZSTD: {
        mr_status status = decompress(reader, records);
        if (status != MR_OK) {
            return status;
        }
        records = mr_buf_view(&reader->plain);
        break;
    }
    default:
        return MR_CORRUPT;
    }
    if ((size_t)info->records_count > records.len / RECORD_BYTES_MIN) {
        return MR_CORRUPT;
    }
    reader->records = mr_reader_of(records);
    return MR_OK;
}

/* A length and so many bytes; -1 is null. */
static inline mr_bytes get_field(mr_reader *r) {
    int64_t len = mr_reader_varint(r);
    if (len == -1) {
        return MR_BYTES_NULL;
    }
    if (r->failed || len < 0 || (uint64_t)len > mr_reader_left(r)) {
        r->failed = true;
        return MR_BYTES_NULL;
    }
    mr_bytes field = mr_bytes_of(r->at, (size_t)len);
    r->at += len;
    return field;
}

static void get_headers(mr_batch_reader *reader, mr_reader *body, mr_record *out) {
    int64_t count = mr_reader_varint(body);
    if (count < 0 || count > MR_HEADERS_MAX) {
        body->failed = true;
        return;
    }
    for (int64_t i = 0; i < count && !body->failed; i++) {
        reader->headers[i].key = get_field(body);
        reader->headers[i].value = get_field(body);
        body->failed |= mr_bytes_is_null(reader->headers[i].key);
    }
    out->headers = reader->headers;
    out->headers_count = (size_t)count;
}

mr_status mr_batch_reader_next(mr_batch_reader *reader, mr_record *out) {
    const mr_batch_info *info = &reader->info;
    if (reader->read == info->records_count) {
        return mr_reader_left(&reader->records) == 0 ? MR_NOT_FOUND : MR_CORRUPT;
    }
    mr_bytes bytes = get_field(&reader->records);
    if (reader->records.failed || mr_bytes_is_null(bytes)) {
        return MR_CORRUPT;
    }
    mr_reader body = mr_reader_of(bytes);
    *out = (mr_record){0};
    (void)mr_reader_u8(&body); /* attributes: unused by the format */
    int64_t timestamp_delta = mr_reader_varint(&body);
    int64_t offset_delta = mr_reader_varint(&body);
    out->key = get_field(&body);
    out->value = get_field(&body);
    get_headers(reader, &body, out);
    if (body.failed || mr_reader_left(&body) != 0) {
        return MR_CORRUPT;
    }
    if (offset_delta < reader->delta_min || offset_delta > info->last_offset_delta) {
        return MR_CORRUPT;
    }
    out->offset = info->base_offset + offset_delta;
    out->timestamp_ms =
        (info->attributes & ATTRIBUTE_APPEND_TIME) != 0
            ? info->max_timestamp_ms
            : (int64_t)((uint64_t)info->base_timestamp_ms + (uint64_t)timestamp_delta);
    reader->delta_min = offset_delta + 1;
    reader->read++;
    return MR_OK;
}
