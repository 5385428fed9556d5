/* log/core/recovery_scan.h - reads the segments of one partition: what is whole, what is torn, what
 * is corrupt. Writes nothing.
 *
 *   segment 0        segment 1             segment 2
 *   |--------------|------*--------|xx    |------|
 *                  ^scan_from  ^mark ^bad  never reached: cut off with it
 *   headers walked  CRC checked: below the mark a bad batch is corruption, above it a torn tail
 *
 * Thread: owner only.
 */
#pragma once

#include "log/core/log_state.h"
#include "runtime/base/disk.h"

typedef struct mr_scan_window mr_scan_window; /* a read buffer, used again for every file */
mr_scan_window *mr_scan_window_create(void);
void mr_scan_window_destroy(mr_scan_window *window);

/* One checked batch at or above scan_from. end_byte: behind it in the segment of that base. */
typedef mr_status (*mr_scan_batch)(void *arg, mr_bytes batch, const mr_batch_info *info,
                                   int64_t segment_base, uint64_t end_byte, mr_err *err);

typedef struct mr_scan_plan {
    mr_log_place mark; /* the durable mark */
    bool start_known;  /* start comes from a checkpoint; else the first segment begins it */
    int64_t start;
    int64_t scan_from;   /* batches that end below were checked and settled before */
    mr_scan_batch batch; /* NULL: nobody looks */
    void *arg;
} mr_scan_plan;

typedef struct mr_scan_result {
    uint64_t batches;
    uint64_t bytes;
    uint64_t torn_bytes;
    bool tail;         /* whole batches stand above the mark */
    bool files_differ; /* the directory holds more than the table: cut, leftover or temporary files
                        */
} mr_scan_result;

/* The names in a partition's directory, in ascending order. */
typedef struct mr_segment_listing {
    int64_t *bases; /* of .log files */
    uint64_t *sizes_bytes;
    size_t count;
    size_t cap;
    int64_t *tails; /* of .tail files */
    size_t tails_count;
    size_t tails_cap;
    int64_t *indexes; /* of .index files */
    size_t indexes_count;
    size_t indexes_cap;
    bool found; /* the directory is there */
} mr_segment_listing;
mr_status mr_segment_list(mr_disk *disk, const mr_partition *partition, mr_segment_listing *out,
                          mr_err *err) MR_CHECKED;
void mr_segment_listing_deinit(mr_segment_listing *listing);

/* Fills segments, start, end, open and aborted transactions of the partition (which must be reset).
 * MR_CORRUPT: a bad batch, a gap or a missing file below the mark; the message names file and byte.
 */
mr_status mr_scan_partition(mr_disk *disk, mr_partition *partition, const mr_scan_plan *plan,
                            mr_scan_window *window, mr_scan_result *out, mr_err *err) MR_CHECKED;
/* When the active segment got its first records, by the wall clock of then; 0: nothing in it says
 * so. Records have times of their users: the log's own is in markers, and in the batches of the
 * log's own partitions. */
int64_t mr_scan_created_ms(mr_disk *disk, mr_partition *partition, mr_scan_window *window);
