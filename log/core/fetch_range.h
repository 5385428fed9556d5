/* log/core/fetch_range.h - which bytes of a segment answer a fetch.
 * Thread: owner only.
 */
#pragma once

#include "log/core/partition.h"

typedef struct mr_fetch_place {
    int64_t segment_base;
    uint64_t position;   /* of a batch at or before the offset */
    uint64_t size_bytes; /* of the segment: nothing to be read beyond */
} mr_fetch_place;

/* offset: start <= offset < end of the partition. */
mr_fetch_place mr_fetch_locate(mr_partition *partition, int64_t offset);
/* How many bytes to read there so that bytes_max of batches are likely among them. */
uint32_t mr_fetch_read_bytes(const mr_fetch_place *place, uint32_t bytes_max);

typedef struct mr_fetch_cut {
    size_t begin; /* of the batch that holds the offset */
    size_t len;   /* whole batches below stable_end, about bytes_max, at least one; 0: none */
    int64_t next_offset; /* behind them */
    size_t need_bytes; /* len 0: this many bytes from `begin` on hold the first batch; 0: no more */
} mr_fetch_cut;

/* Finds the answer in bytes read at a batch border. MR_CORRUPT: no batches stand there. */
mr_status mr_fetch_trim(mr_bytes read, int64_t offset, int64_t stable_end, uint32_t bytes_max,
                        mr_fetch_cut *out) MR_CHECKED;
/* Copies the aborted transactions that overlap [first, next) into an owned array. */
size_t mr_fetch_aborted(const mr_partition *partition, int64_t first, int64_t next,
                        mr_aborted **out);
/* Remembers where the reader goes on. */
void mr_fetch_remember(mr_partition *partition, int64_t offset, int64_t segment_base,
                       uint64_t position);
