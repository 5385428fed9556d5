/* log/core/recovery_steps.h - the steps of recovery and what they hand on to each other. Only
 * recovery*.c and image.c include this. Thread: owner only.
 */
#pragma once

#include "log/core/checkpoint.h"
#include "log/core/recovery.h"
#include "log/core/recovery_scan.h"

typedef struct mr_found_decision {
    int64_t offset;       /* base offset of its batch */
    mr_decision decision; /* texts and parts live in the arena */
} mr_found_decision;

/* What changes before an owner removes files. */
typedef struct mr_owner_trace {
    uint32_t checkpoint_crc; /* 0: no checkpoint */
    uint64_t metadata_bytes;
} mr_owner_trace;

typedef struct mr_recovery {
    mr_disk *disk;
    mr_recovery_mode mode;
    mr_now now;
    const mr_log_core_config *config;
    int attempts_left;    /* read only: how often everything may be looked at again */
    mr_owner_trace owner; /* read only: as it was before anything was read */
    mr_log_state *state;
    mr_checkpoint checkpoint;
    mr_scan_window *window;
    mr_batch_reader *reader;
    mr_arena *arena;
    mr_found_decision *decisions; /* in the order of the log */
    size_t decisions_count;
    size_t decisions_cap;
    bool changed; /* something was written: the checkpoint is behind */
    mr_recovery_report *report;
} mr_recovery;

/* image.c */
struct mr_log_image {
    mr_log_state *state;
    mr_recovery_mode mode;
};

/* ---- recovery_format.c ---- */

/* Reads FORMAT; formats an empty directory (repair only). MR_NOT_FOUND: nothing here (read only).
 * MR_INVALID: another version, or files without FORMAT. */
mr_status mr_recovery_format(mr_recovery *recovery, mr_err *err) MR_CHECKED;

/* ---- recovery_repair.c (repair only) ---- */

/* Rewrites the whole batches above the mark into segments of their own, synced. The partition must
 * be scanned again. */
mr_status mr_recovery_rewrite_tail(mr_recovery *recovery, const mr_partition *partition,
                                   mr_log_place mark, mr_err *err) MR_CHECKED;
/* Makes the partition's directory hold what its table says: cuts ends, removes what is left over.
 */
mr_status mr_recovery_fit_directory(mr_recovery *recovery, const mr_partition *partition,
                                    mr_err *err) MR_CHECKED;
/* Makes the names of FORMAT and checkpoint durable: a killed process may have left them in the page
 * cache only, and nothing may be done by a checkpoint that could still go. */
mr_status mr_recovery_sync_top(mr_recovery *recovery, mr_err *err) MR_CHECKED;
/* Removes what is left of removed topics. */
mr_status mr_recovery_remove_strays(mr_recovery *recovery, mr_err *err) MR_CHECKED;
/* Appends batches (assigned here) to the partition and syncs it. */
mr_status mr_recovery_append(mr_recovery *recovery, mr_partition *partition, mr_buf *batches,
                             mr_err *err) MR_CHECKED;

/* ---- recovery_settle.c ---- */

/* Takes the decisions of one batch of __transaction_state in. */
mr_status mr_recovery_take_decisions(mr_recovery *recovery, mr_bytes batch,
                                     const mr_batch_info *info, mr_err *err) MR_CHECKED;
/* Repair: writes ABORT decisions and missing markers. Read only: settles them in memory. */
mr_status mr_recovery_settle(mr_recovery *recovery, mr_err *err) MR_CHECKED;
