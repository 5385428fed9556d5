/* log/core/recovery.h - from a data directory, after any crash, to the core's first state.
 *
 * What is decided stands, what is not is aborted (DESIGN sections 4 and 5):
 *  1. FORMAT is read: an unknown version is refused (MR_INVALID). An empty directory is formatted.
 *  2. __cluster_metadata-0 first; then decisions; then every partition is scanned from its
 * checkpoint.
 *  3. The durable mark of a partition is the newest of its checkpointed offset and the decisions'
 * end bytes. A bad batch above it is a torn tail: cut off and reported in bytes. Below it:
 * corruption, the partition is offline, with a message; requests to it answer MR_CORRUPT.
 *  4. A transaction with a COMMIT decision and without marker gets its marker; one without decision
 * gets an ABORT decision and abort markers. (Repair only; a reader settles it in memory and writes
 * nothing.)
 *  5. The tail above the durable mark is rewritten to a new segment, synced, before it is served: a
 * failed fsync may have left it in the page cache only.
 *  6. Recovery of a recovery is a recovery: each repair is safe to be cut short anywhere.
 * Thread: any, before the log thread starts.
 */
#pragma once

#include "log/core/log_core.h"
#include "runtime/base/disk.h"

#define MR_LOG_FORMAT_VERSION 1
/* Files of the data directory's root: FORMAT ("millrace log 1\n"), LOCK, and log/ with one
 * directory <topic>-<partition>/ each holding %020d.log and %020d.index files; log/checkpoint
 * (synced offsets). */

typedef enum mr_recovery_mode {
    MR_RECOVERY_REPAIR,    /* the owner: cuts tails, writes decisions and markers */
    MR_RECOVERY_READ_ONLY, /* beside a running owner or without one: writes nothing at all */
} mr_recovery_mode;

typedef struct mr_recovery_report {
    uint64_t partitions, segments, batches_scanned, bytes_scanned;
    uint64_t torn_bytes;            /* cut off */
    uint64_t transactions_aborted;  /* undecided ones */
    uint64_t transactions_finished; /* markers written for decided ones */
    uint64_t partitions_offline;
    char message[MR_ERR_BYTES_MAX]; /* what a person should know; "" when nothing */
} mr_recovery_report;

typedef struct mr_log_image mr_log_image;

/* config.seed seeds the log id of a new directory. */
mr_status mr_log_recover(mr_disk *disk, mr_recovery_mode mode, mr_now now,
                         const mr_log_core_config *config, mr_log_image **out,
                         mr_recovery_report *report, mr_err *err) MR_CHECKED;
void mr_log_image_destroy(mr_log_image *image);
mr_uuid mr_log_image_log_id(const mr_log_image *image);

/* ---- reading an image directly: commands beside a running job, and the job's start ---- */

size_t mr_log_image_topics(const mr_log_image *image, mr_topic_description *out, size_t out_max);
mr_status mr_log_image_offsets(const mr_log_image *image, mr_partition_id partition,
                               mr_log_offsets *out) MR_CHECKED;
/* As MR_LOG_FETCH without waiting: fills fetched (bytes owned by caller, aborted borrowed from
 * image). */
mr_status mr_log_image_fetch(mr_log_image *image, mr_disk *disk, mr_partition_id partition,
                             int64_t offset, uint32_t bytes_max, mr_fetched *out,
                             mr_err *err) MR_CHECKED;
