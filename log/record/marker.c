#include "log/record/batch.h"

#include "runtime/base/assert.h"
#include "runtime/base/varint.h"

/* The one record of a marker, behind the header:
 *
 *   20 | 00 00 00 | 08 | 0000 type:i16 | 0c | 0000 00000000 | 00
 *   len  attr,ts,off key  version, type   value version, epoch  headers
 */
#define MARKER_BYTES (MR_BATCH_HEADER_BYTES + 17)
#define MARKER_KEY_BYTES 4
#define MARKER_VALUE_BYTES 6

void mr_marker_build(mr_marker marker, int64_t producer_id, int16_t producer_epoch,
                     int64_t timestamp_ms, mr_buf *out) {
    uint8_t batch[MARKER_BYTES] = {0};
    mr_put_be32(batch + 8, MARKER_BYTES - 12);
    batch[16] = 2;
    mr_put_be16(batch + 21, MR_ATTRIBUTE_TRANSACTIONAL | MR_ATTRIBUTE_CONTROL);
    mr_put_be64(batch + 27, (uint64_t)timestamp_ms);
    mr_put_be64(batch + 35, (uint64_t)timestamp_ms);
    mr_put_be32(batch + 57, 1);

    uint8_t *record = batch + MR_BATCH_HEADER_BYTES;
    record[0] = 16 << 1;
    record[4] = MARKER_KEY_BYTES << 1;
    mr_put_be16(record + 7, (uint16_t)marker);
    record[9] = MARKER_VALUE_BYTES << 1;
    mr_batch_set_producer(batch, sizeof batch, producer_id, producer_epoch, -1);
    mr_buf_put(out, batch, sizeof batch);
}

mr_status mr_marker_parse(mr_bytes batch, const mr_batch_info *info, mr_marker *out) {
    MR_ASSERT(batch.len >= info->size_bytes);
    MR_ASSERT(info->size_bytes >= MR_BATCH_HEADER_BYTES);
    if ((info->attributes & MR_ATTRIBUTE_CONTROL) == 0 ||
        (info->attributes & MR_ATTRIBUTE_CODEC_MASK) != MR_CODEC_NONE || info->records_count != 1) {
        return MR_CORRUPT;
    }
    mr_reader r = mr_reader_of(
        mr_bytes_of(batch.data + MR_BATCH_HEADER_BYTES, info->size_bytes - MR_BATCH_HEADER_BYTES));
    int64_t body_bytes = mr_reader_varint(&r);
    if (r.failed || body_bytes != (int64_t)mr_reader_left(&r)) {
        return MR_CORRUPT;
    }
    (void)mr_reader_u8(&r);
    (void)mr_reader_varint(&r);
    (void)mr_reader_varint(&r);
    int64_t key_bytes = mr_reader_varint(&r);
    uint16_t key_version = mr_reader_be16(&r);
    uint16_t type = mr_reader_be16(&r);
    int64_t value_bytes = mr_reader_varint(&r);
    uint16_t value_version = mr_reader_be16(&r);
    (void)mr_reader_be32(&r);
    if (r.failed || key_bytes != MARKER_KEY_BYTES || value_bytes != MARKER_VALUE_BYTES ||
        key_version != 0 || value_version != 0) {
        return MR_CORRUPT;
    }
    if (type != MR_MARKER_ABORT && type != MR_MARKER_COMMIT) {
        return MR_CORRUPT;
    }
    *out = (mr_marker)type;
    return MR_OK;
}
