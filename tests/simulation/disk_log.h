/* tests/simulation/disk_log.h - what a log holds, read from the bytes of the disk alone: the
 * checkers' eye. It shares no code with the log or the engine: segments, batches, records, CRC,
 * decisions and markers are read here once more, from the published formats.
 *
 * A batch is COMMITTED or ABORTED by the marker behind it, else OPEN. Thread: owner only.
 */
#pragma once

#include "tests/simulation/sim_disk.h"

typedef enum disk_log_fate { DISK_LOG_OPEN, DISK_LOG_COMMITTED, DISK_LOG_ABORTED } disk_log_fate;

typedef struct disk_log_record {
    int64_t offset, ts_ms;
    mr_bytes key, value; /* into the log's own memory */
    mr_bytes headers;    /* as they stand on the wire, behind their count */
    uint32_t headers_count;
} disk_log_record;

typedef struct disk_log_batch {
    int64_t first, last;
    int64_t producer_id; /* with the epoch: which transaction */
    int16_t epoch;
    bool transactional, control;
    bool commit_marker; /* a control batch: COMMIT, else ABORT */
    disk_log_fate fate;
    uint32_t crc;
    disk_log_record *records;
    uint32_t records_count;
} disk_log_batch;

typedef struct disk_log_partition {
    char topic[250];
    int32_t number;
    int64_t start; /* as the checkpoint says, 0: it does not */
    disk_log_batch *batches;
    size_t batches_count, batches_cap;
    uint64_t bad_bytes; /* behind the last whole batch of the last segment, or in between */
    bool gap;           /* two batches that do not follow one another */
} disk_log_partition;

/* One record of __transaction_state. */
typedef struct disk_log_decision {
    int64_t producer_id;
    int16_t epoch;
    bool commit;
    struct disk_log_part {
        char topic[250];
        int32_t number;
        int64_t first, last;
    } * parts;
    size_t parts_count;
} disk_log_decision;

typedef struct disk_log {
    disk_log_partition *partitions; /* sorted by topic and number */
    size_t partitions_count;
    disk_log_decision *decisions;
    size_t decisions_count;
    void **memory;
    size_t memory_count;
} disk_log;

void disk_log_read(const mr_sim_disk *sim, mr_sim_view view, disk_log *out);
void disk_log_deinit(disk_log *log);
const disk_log_partition *disk_log_find(const disk_log *log, const char *topic, int32_t number);
/* The committed records at or above the partition's start and `from`, in order. */
typedef void (*disk_log_visit)(void *arg, const disk_log_record *record);
void disk_log_each(const disk_log_partition *partition, int64_t from, disk_log_visit visit,
                   void *arg);
/* "topic" of the job's user: neither the log's own nor an internal one of a job. */
bool disk_log_is_user_topic(const char *topic);
