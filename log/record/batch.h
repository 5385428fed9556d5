/* log/record/batch.h - record batch v2: the one format, on disk, in memory and on the wire.
 * Source: Kafka DefaultRecordBatch; all integers big endian.
 *
 *    0  8 baseOffset            (set at append, outside the CRC)
 *    8  4 batchLength           (bytes after this field)
 *   12  4 partitionLeaderEpoch  (set at append, outside the CRC)
 *   16  1 magic = 2
 *   17  4 crc                   (CRC-32C of bytes 21..end)
 *   21  2 attributes            (0-2 codec, 3 timestamp type, 4 transactional, 5 control)
 *   23  4 lastOffsetDelta
 *   27  8 baseTimestamp    35 8 maxTimestamp
 *   43  8 producerId       51 2 producerEpoch    53 4 baseSequence    57 4 recordsCount
 *   61  records, or one compressed block of them
 */
#pragma once

#include "log/record/record.h"
#include "runtime/base/limits.h"
#include "runtime/base/arena.h"

#define MR_BATCH_HEADER_BYTES 61

typedef enum mr_codec { MR_CODEC_NONE = 0, MR_CODEC_ZSTD = 4 } mr_codec;

#define MR_ATTRIBUTE_CODEC_MASK 0x07
#define MR_ATTRIBUTE_TRANSACTIONAL 0x10
#define MR_ATTRIBUTE_CONTROL 0x20

/* The header's fields as numbers. */
typedef struct mr_batch_info {
    int64_t base_offset;
    int32_t leader_epoch;
    uint32_t crc;
    uint16_t attributes;
    int32_t last_offset_delta;
    int64_t base_timestamp_ms;
    int64_t max_timestamp_ms;
    int64_t producer_id; /* -1: none */
    int16_t producer_epoch;
    int32_t base_sequence;
    int32_t records_count;
    size_t size_bytes; /* whole batch: 12 + batchLength */
} mr_batch_info;

static inline int64_t mr_batch_last_offset(const mr_batch_info *info) {
    return info->base_offset + info->last_offset_delta;
}

/* ---- building ---- */

typedef enum mr_batch_crc {
    MR_BATCH_CRC_NOW,
    MR_BATCH_CRC_LATER, /* not a batch before mr_batch_set_producer, which computes it anyway */
} mr_batch_crc;

typedef struct mr_batch_config {
    mr_codec codec;
    int zstd_level;      /* 1 by default; only for MR_CODEC_ZSTD */
    uint16_t attributes; /* transactional and control bits */
    int64_t producer_id; /* -1: none */
    int16_t producer_epoch;
    int32_t base_sequence;
    mr_batch_crc crc;
} mr_batch_config;

typedef struct mr_batch_builder mr_batch_builder;

mr_batch_builder *mr_batch_builder_create(void);
void mr_batch_builder_destroy(mr_batch_builder *builder);
/* Copies the record (offset ignored: deltas are 0, 1, 2, ...).
 * MR_AGAIN: the batch is full (MR_BATCH_BYTES_MAX / MR_BATCH_RECORDS_MAX), finish it first; an
 * empty batch takes any record up to MR_RECORD_BYTES_MAX. MR_INVALID: the record is larger than
 * that. */
mr_status mr_batch_builder_add(mr_batch_builder *builder, const mr_record *record) MR_CHECKED;
int32_t mr_batch_builder_count(const mr_batch_builder *builder);
size_t mr_batch_builder_bytes(const mr_batch_builder *builder); /* uncompressed, with the header */
/* Appends the finished batch (base offset 0, leader epoch 0) to out and empties the builder.
 * The batch must not be empty. */
void mr_batch_builder_finish(mr_batch_builder *builder, const mr_batch_config *config, mr_buf *out);
void mr_batch_builder_reset(mr_batch_builder *builder);

/* Sets what the log decides at append; both fields lie outside the CRC. */
void mr_batch_assign(uint8_t *batch, int64_t base_offset, int32_t leader_epoch);
/* Sets producer id, epoch and base sequence and computes the CRC anew. */
void mr_batch_set_producer(uint8_t *batch, size_t size_bytes, int64_t producer_id,
                           int16_t producer_epoch, int32_t base_sequence);

/* ---- reading ---- */

/* Reads the header at the start of bytes and checks lengths and magic, not the CRC.
 * MR_AGAIN: fewer bytes than the batch has (out->size_bytes is set if its length was there).
 * MR_CORRUPT: cannot be a batch (magic, negative or huge length, impossible counts). */
mr_status mr_batch_peek(mr_bytes bytes, mr_batch_info *out) MR_CHECKED;
/* As peek, and the whole batch with its CRC. MR_CORRUPT when the CRC does not match. */
mr_status mr_batch_check(mr_bytes bytes, mr_batch_info *out) MR_CHECKED;

/* Iterates the records of one checked batch. Decompresses into its own memory (bounded by
 * MR_BATCH_WIRE_BYTES_MAX * 4, more is MR_CORRUPT). */
typedef struct mr_batch_reader mr_batch_reader;
mr_batch_reader *mr_batch_reader_create(void);
void mr_batch_reader_destroy(mr_batch_reader *reader);
/* batch: borrowed until the next open. MR_CORRUPT: codec unknown or block broken. */
mr_status mr_batch_reader_open(mr_batch_reader *reader, mr_bytes batch,
                               const mr_batch_info *info) MR_CHECKED;
/* MR_NOT_FOUND: no more records. MR_CORRUPT: the records do not fit the header. The record (and its
 * headers array) is borrowed until the next call. */
mr_status mr_batch_reader_next(mr_batch_reader *reader, mr_record *out) MR_CHECKED;

/* ---- control batches: transaction markers ---- */

typedef enum mr_marker { MR_MARKER_ABORT = 0, MR_MARKER_COMMIT = 1 } mr_marker;

/* Appends one control batch with one record (Kafka EndTransactionMarker: key i16 version 0, i16
 * type; value i16 version 0, i32 coordinatorEpoch 0). */
void mr_marker_build(mr_marker marker, int64_t producer_id, int16_t producer_epoch,
                     int64_t timestamp_ms, mr_buf *out);
/* MR_CORRUPT: a control batch that is no marker. */
mr_status mr_marker_parse(mr_bytes batch, const mr_batch_info *info, mr_marker *out) MR_CHECKED;
