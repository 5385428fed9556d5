/* log/core/segment_index.h - the sparse offset index of one segment: where to begin reading for an
 * offset. Thread: owner only.
 *
 * An entry stands for a batch: {its last offset - segment base, its position}, one for each
 * MR_INDEX_INTERVAL_BYTES of log. As a file (%020d.index): Kafka's entries of two big-endian 32-bit
 * numbers, then a footer of our own, so that a file that does not fit its segment is seen and
 * rebuilt:
 *
 *    0  8*n  entries
 *  8*n  4    "MRIX"    +4 4 n    +8 8 segment bytes    +16 8 end offset    +24 4 CRC-32C of all
 * before
 */
#pragma once

#include "runtime/base/bytes.h"

#define MR_INDEX_FOOTER_BYTES 28

typedef struct mr_index_entry {
    uint32_t offset_delta; /* last offset of the batch, relative to the segment's base */
    uint32_t position;     /* of the batch in the file */
} mr_index_entry;

typedef struct mr_segment_index {
    mr_index_entry *entries; /* both fields ascending */
    size_t count;
    size_t cap;
    uint64_t covered_bytes; /* log bytes behind the last entry's batch begin here */
} mr_segment_index;

void mr_segment_index_deinit(mr_segment_index *index);
/* A batch was put at `position`; adds an entry when the interval has passed. Positions ascend. */
void mr_segment_index_note(mr_segment_index *index, int64_t offset_delta, uint64_t position,
                           uint64_t size_bytes);
/* Position of a batch that ends at or before the offset, 0 when there is none: read on from there.
 */
uint64_t mr_segment_index_find(const mr_segment_index *index, int64_t offset_delta);
void mr_segment_index_encode(const mr_segment_index *index, uint64_t segment_bytes,
                             int64_t end_offset, mr_buf *out);
/* MR_CORRUPT: not an index, or not of a segment of that size; out stays empty. */
mr_status mr_segment_index_decode(mr_bytes file, uint64_t segment_bytes, mr_segment_index *out,
                                  int64_t *end_offset_out) MR_CHECKED;
