#include "log/core/recovery.h"

#include <inttypes.h>
#include <stdio.h>

#include "log/core/recovery_steps.h"
#include "runtime/base/alloc.h"
#include "runtime/base/assert.h"
#include "runtime/base/hash.h"

/* A reader beside a running owner may find files gone that it just saw: it looks again. */
#define READER_ATTEMPTS 8

static mr_status take_metadata(void *arg, mr_bytes batch, const mr_batch_info *info,
                               int64_t segment_base, uint64_t end_byte, mr_err *err) {
    mr_recovery *recovery = arg;
    (void)segment_base;
    (void)end_byte;
    return mr_log_state_apply_batch(recovery->state, batch, info, recovery->reader, err);
}

static mr_status take_decisions(void *arg, mr_bytes batch, const mr_batch_info *info,
                                int64_t segment_base, uint64_t end_byte, mr_err *err) {
    (void)segment_base;
    (void)end_byte;
    return mr_recovery_take_decisions(arg, batch, info, err);
}

/* ---- scanning and repairing ---- */

static bool newer(const mr_log_place *a, const mr_log_place *b) {
    return a->segment_base > b->segment_base ||
           (a->segment_base == b->segment_base && a->byte > b->byte);
}

/* What checkpoint and decisions say about the partition. */
static mr_scan_plan plan_of(const mr_recovery *recovery, mr_partition *partition) {
    mr_scan_plan plan = {.start_known = recovery->checkpoint.found}; /* without a line: new */
    if (mr_checkpoint_apply(&recovery->checkpoint, partition)) {
        plan.start = partition->checkpoint_start;
        plan.mark = partition->checkpoint;
        plan.scan_from = partition->checkpoint_stable < plan.mark.offset
                             ? partition->checkpoint_stable
                             : plan.mark.offset;
    }
    for (size_t i = 0; i < recovery->decisions_count; i++) {
        const mr_decision *decision = &recovery->decisions[i].decision;
        for (size_t j = 0; j < decision->parts_count; j++) {
            const mr_decision_part *part = &decision->parts[j];
            if (part->partition != partition->number || part->offset_last < plan.start ||
                !mr_bytes_equal(part->topic, mr_bytes_text(partition->topic->name))) {
                continue;
            }
            mr_log_place place = {part->offset_last + 1, part->segment_base, part->end_byte};
            plan.mark = newer(&place, &plan.mark) ? place : plan.mark;
            plan.scan_from =
                part->offset_first < plan.scan_from ? part->offset_first : plan.scan_from;
        }
    }
    return plan;
}

static void add_to_report(mr_recovery_report *report, const mr_scan_result *result) {
    report->batches_scanned += result->batches;
    report->bytes_scanned += result->bytes;
    report->torn_bytes += result->torn_bytes;
}

static mr_status scan(mr_recovery *recovery, mr_partition *partition, const mr_scan_plan *plan,
                      mr_scan_result *result, mr_err *err) {
    mr_status status =
        mr_scan_partition(recovery->disk, partition, plan, recovery->window, result, err);
    if (status == MR_OK) {
        add_to_report(recovery->report, result);
    }
    return status;
}

/* Whether the partition stands exactly where an orderly end left it: then its names are durable. Of
 * an empty segment nobody knows whether it is younger. */
static bool names_known(const mr_recovery *recovery, const mr_partition *partition) {
    if (partition->segments_count == 0) {
        return true;
    }
    const mr_segment *last = &partition->segments[partition->segments_count - 1];
    return recovery->checkpoint.clean && last->size_bytes > 0 &&
           last->base_offset == partition->checkpoint.segment_base &&
           last->size_bytes == (uint64_t)partition->checkpoint.byte;
}

/* A killed process may have left names that only the page cache knows. */
static mr_status sync_names(mr_recovery *recovery, const mr_partition *partition, mr_err *err) {
    recovery->changed = true;
    mr_status status = mr_disk_sync_dir(recovery->disk, partition->directory, err);
    return status == MR_OK ? mr_disk_sync_dir(recovery->disk, "log", err) : status;
}

/* When the owner finds a tail, it rewrites it and scans what stands there now. */
static mr_status repair(mr_recovery *recovery, mr_partition *partition, const mr_scan_plan *plan,
                        mr_scan_result result, mr_err *err) {
    if (recovery->mode == MR_RECOVERY_READ_ONLY) {
        return MR_OK;
    }
    mr_status status = MR_OK;
    if (!names_known(recovery, partition)) {
        /* Before anything else: a new segment must not outlive the name of the one before it. */
        status = sync_names(recovery, partition, err);
    }
    if (status == MR_OK && result.tail) {
        mr_scan_plan again = *plan;
        again.batch = NULL;
        status = mr_recovery_rewrite_tail(recovery, partition, plan->mark, err);
        if (status != MR_OK) {
            return status;
        }
        mr_partition_reset(partition);
        (void)mr_checkpoint_apply(&recovery->checkpoint, partition);
        status =
            mr_scan_partition(recovery->disk, partition, &again, recovery->window, &result, err);
        if (status != MR_OK) {
            return status;
        }
    }
    if (status == MR_OK && result.files_differ) {
        status = mr_recovery_fit_directory(recovery, partition, err);
    }
    return status;
}

/* Everything of the partition is durable now. */
static void mark_durable(mr_partition *partition) {
    for (size_t i = 0; i < partition->segments_count; i++) {
        mr_segment *segment = &partition->segments[i];
        segment->named = true;
        segment->synced_bytes = segment->size_bytes;
        segment->synced_offset = segment->end_offset;
    }
    mr_partition_settle_durable(partition);
}

/* So that a segment grows older over restarts too. */
static void keep_age(mr_recovery *recovery, mr_partition *partition) {
    mr_segment *active = mr_partition_active(partition);
    if (recovery->mode == MR_RECOVERY_READ_ONLY || !active) {
        return;
    }
    int64_t now_ms = recovery->now.wall_ms;
    int64_t created_ms = mr_scan_created_ms(recovery->disk, partition, recovery->window);
    active->created_ms = created_ms > 0 && created_ms < now_ms ? created_ms : now_ms;
}

static void go_offline(mr_recovery *recovery, mr_partition *partition, const mr_err *why) {
    mr_partition_reset(partition);
    (void)mr_checkpoint_apply(&recovery->checkpoint, partition);
    mr_partition_set_offline(partition, why->message);
    mr_recovery_report *report = recovery->report;
    report->partitions_offline++;
    snprintf(report->message, sizeof(report->message),
             "partition %s-%" PRId32 " is offline: %.700s", partition->topic->name,
             partition->number, why->message);
}

/* ---- a reader beside an owner ---- */

/* The checkpoint's checksum and the length of the metadata: one of them becomes another before a
 * file goes, the former for a purge, the latter for a removed topic. */
static mr_status look_at_owner(mr_recovery *recovery, mr_owner_trace *out, mr_err *err) {
    mr_buf text = {0};
    mr_status status =
        mr_disk_read_file(recovery->disk, MR_CHECKPOINT_PATH, MR_CHECKPOINT_BYTES_MAX, &text, err);
    *out = (mr_owner_trace){.checkpoint_crc = mr_crc32c(0, text.data, text.len)};
    mr_buf_deinit(&text);
    if (status != MR_OK && status != MR_NOT_FOUND && status != MR_INVALID) {
        return status;
    }
    mr_segment_listing listing;
    status = mr_segment_list(recovery->disk, recovery->state->metadata, &listing, err);
    for (size_t i = 0; status == MR_OK && i < listing.count; i++) {
        out->metadata_bytes += listing.sizes_bytes[i];
    }
    mr_segment_listing_deinit(&listing);
    return status;
}

/* Instead of MR_CORRUPT gives MR_AGAIN, when what a reader misses may have been removed by the
 * owner since the reader began. */
static mr_status lost_or_removed(mr_recovery *recovery, mr_status status, mr_err *err) {
    if (status != MR_CORRUPT || recovery->mode == MR_RECOVERY_REPAIR ||
        recovery->attempts_left == 0) {
        return status;
    }
    mr_owner_trace now;
    mr_status looked = look_at_owner(recovery, &now, err);
    if (looked != MR_OK) {
        return looked;
    }
    bool same = now.checkpoint_crc == recovery->owner.checkpoint_crc &&
                now.metadata_bytes == recovery->owner.metadata_bytes;
    return same ? MR_CORRUPT : MR_AGAIN;
}

/* ---- partitions ---- */

/* Topics of records: what is corrupt or unreadable there stops that partition only. */
static mr_status recover_partition(mr_recovery *recovery, mr_partition *partition, mr_err *err) {
    mr_scan_plan plan = plan_of(recovery, partition);
    mr_err why = {0};
    mr_scan_result result;
    recovery->report->partitions++;
    mr_status status = scan(recovery, partition, &plan, &result, &why);
    status = lost_or_removed(recovery, status, &why);
    if (status == MR_CORRUPT || status == MR_UNAVAILABLE) {
        go_offline(recovery, partition, &why);
        return MR_OK;
    }
    if (status != MR_OK) {
        return mr_err_set(err, status, "%s", why.message);
    }
    status = repair(recovery, partition, &plan, result, err);
    recovery->report->segments += partition->segments_count;
    keep_age(recovery, partition);
    mark_durable(partition);
    return status;
}

/* The partitions that everything else depends on. */
static mr_status recover_system(mr_recovery *recovery, mr_partition *partition, mr_scan_batch batch,
                                mr_err *err) {
    mr_scan_plan plan = plan_of(recovery, partition);
    plan.scan_from = plan.start;
    plan.batch = batch;
    plan.arg = recovery;
    mr_scan_result result;
    mr_status status = scan(recovery, partition, &plan, &result, err);
    status = lost_or_removed(recovery, status, err);
    if (status == MR_OK) {
        status = repair(recovery, partition, &plan, result, err);
    }
    if (status != MR_OK) {
        return mr_err_wrap(err, status, "%s", partition->directory);
    }
    recovery->report->partitions++;
    recovery->report->segments += partition->segments_count;
    keep_age(recovery, partition);
    mark_durable(partition);
    return MR_OK;
}

/* ---- the whole directory ---- */

static mr_status load_checkpoint(mr_recovery *recovery, mr_err *err) {
    mr_buf text = {0};
    mr_status status =
        mr_disk_read_file(recovery->disk, MR_CHECKPOINT_PATH, MR_CHECKPOINT_BYTES_MAX, &text, err);
    if (status == MR_OK &&
        mr_checkpoint_decode(mr_buf_view(&text), &recovery->checkpoint) != MR_OK) {
        snprintf(recovery->report->message, sizeof(recovery->report->message),
                 "%s was broken: every partition was scanned from its start", MR_CHECKPOINT_PATH);
        recovery->changed = true;
    }
    mr_buf_deinit(&text);
    if (status != MR_OK && status != MR_NOT_FOUND && status != MR_INVALID) {
        return status;
    }
    bool sure = recovery->mode == MR_RECOVERY_READ_ONLY || recovery->checkpoint.clean;
    return sure ? MR_OK : mr_recovery_sync_top(recovery, err);
}

/* A reader takes in what was decided before it read the decisions, and nothing that was decided
 * while it read the partitions: so no transaction is seen in one partition and not in another. */
static mr_status hide_later_decisions(mr_recovery *recovery, int64_t end_seen, mr_err *err) {
    mr_log_state *state = recovery->state;
    mr_partition *log = state->transactions;
    mr_partition *again = mr_partition_create(log->id, log->topic, 0, MR_TOPIC_TRANSACTIONS);
    size_t known = recovery->decisions_count;
    mr_scan_plan plan = {.scan_from = end_seen, .batch = take_decisions, .arg = recovery};
    mr_scan_result result;
    mr_status status =
        mr_scan_partition(recovery->disk, again, &plan, recovery->window, &result, err);
    if (status == MR_OK && again->start > end_seen) {
        status = mr_err_set(err, MR_AGAIN, "decisions came and went faster than they were read");
    }
    mr_partition_destroy(again);
    for (size_t i = known; i < recovery->decisions_count && status == MR_OK; i++) {
        const mr_decision *decision = &recovery->decisions[i].decision;
        for (size_t j = 0; j < decision->parts_count; j++) {
            const mr_decision_part *part = &decision->parts[j];
            mr_partition *partition =
                mr_log_state_partition_named(state, part->topic, part->partition);
            if (partition && part->offset_first < partition->stable_end) {
                partition->stable_end = part->offset_first;
            }
        }
    }
    recovery->decisions_count = known;
    return status;
}

static mr_status write_checkpoint(mr_recovery *recovery, mr_err *err) {
    mr_buf text = {0};
    mr_checkpoint_encode(recovery->state, MR_CHECKPOINT_RUNNING, &text);
    mr_status status =
        mr_disk_write_file(recovery->disk, MR_CHECKPOINT_PATH, mr_buf_view(&text), err);
    mr_buf_deinit(&text);
    return status;
}

static mr_status finish_repair(mr_recovery *recovery, mr_err *err) {
    mr_log_state *state = recovery->state;
    mr_status status = mr_recovery_remove_strays(recovery, err);
    for (size_t i = 0; i < state->partitions_count; i++) {
        if (state->partitions[i] && !state->partitions[i]->offline) {
            mark_durable(state->partitions[i]);
        }
    }
    bool dropped = mr_log_state_drop_decisions(state);
    if (status == MR_OK && (recovery->changed || dropped || !recovery->checkpoint.found)) {
        status = write_checkpoint(recovery, err);
    }
    for (size_t i = 0; i < state->partitions_count; i++) {
        mr_partition *partition = state->partitions[i];
        if (partition && !partition->offline) {
            partition->checkpoint = mr_partition_durable_place(partition);
            partition->checkpoint_start = partition->start;
            partition->checkpoint_stable = partition->stable_end;
        }
    }
    return status;
}

static mr_status recover_once(mr_recovery *recovery, mr_err *err) {
    mr_log_state *state = recovery->state;
    mr_status status = mr_recovery_format(recovery, err);
    if (status == MR_OK && recovery->mode == MR_RECOVERY_READ_ONLY) {
        status = look_at_owner(recovery, &recovery->owner, err);
    }
    if (status == MR_OK) {
        status = load_checkpoint(recovery, err);
    }
    if (status == MR_OK) {
        status = recover_system(recovery, state->metadata, take_metadata, err);
    }
    if (status == MR_OK && !state->node_known) {
        status = mr_err_set(err, MR_CORRUPT, "%s does not say whose log this is",
                            state->metadata->directory);
    }
    if (status == MR_OK) {
        status = recover_system(recovery, state->transactions, take_decisions, err);
    }
    int64_t decisions_end = state->transactions->end;
    for (size_t i = 0; i < state->partitions_count && status == MR_OK; i++) {
        mr_partition *partition = state->partitions[i];
        if (partition && partition != state->metadata && partition != state->transactions) {
            status = recover_partition(recovery, partition, err);
        }
    }
    if (status == MR_OK) {
        status = mr_recovery_settle(recovery, err);
    }
    if (status == MR_OK && recovery->mode == MR_RECOVERY_READ_ONLY) {
        status = hide_later_decisions(recovery, decisions_end, err);
    }
    if (status == MR_OK && recovery->mode == MR_RECOVERY_REPAIR) {
        status = finish_repair(recovery, err);
    }
    return status;
}

static void recovery_deinit(mr_recovery *recovery) {
    mr_log_state_destroy(recovery->state);
    mr_checkpoint_deinit(&recovery->checkpoint);
    mr_scan_window_destroy(recovery->window);
    mr_batch_reader_destroy(recovery->reader);
    mr_arena_destroy(recovery->arena);
    mr_free(recovery->decisions);
}

static mr_status attempt(mr_recovery *recovery, mr_log_image **out, mr_err *err) {
    recovery->state = mr_log_state_create();
    recovery->window = mr_scan_window_create();
    recovery->reader = mr_batch_reader_create();
    recovery->arena = mr_arena_create(16384);
    *recovery->report = (mr_recovery_report){0};
    mr_status status = recover_once(recovery, err);
    if (status == MR_OK) {
        mr_log_image *image = mr_alloc(sizeof(*image));
        image->state = recovery->state;
        image->mode = recovery->mode;
        recovery->state = NULL;
        *out = image;
    }
    recovery_deinit(recovery);
    return status;
}

mr_status mr_log_recover(mr_disk *disk, mr_recovery_mode mode, mr_now now,
                         const mr_log_core_config *config, mr_log_image **out,
                         mr_recovery_report *report, mr_err *err) {
    mr_recovery_report unused;
    *out = NULL;
    mr_status status = MR_AGAIN;
    int attempts = mode == MR_RECOVERY_READ_ONLY ? READER_ATTEMPTS : 1;
    for (int i = 0; i < attempts; i++) {
        mr_recovery recovery = {.disk = disk,
                                .mode = mode,
                                .now = now,
                                .config = config,
                                .attempts_left = attempts - 1 - i,
                                .report = report ? report : &unused};
        status = attempt(&recovery, out, err);
        bool moved = status == MR_AGAIN || status == MR_NOT_FOUND;
        if (!moved) {
            break;
        }
    }
    if (status == MR_FULL) {
        return mr_err_wrap(err, status,
                           "disk full while the log was recovered; free space and run again, "
                           "nothing is lost");
    }
    return status == MR_OK ? MR_OK : mr_err_wrap(err, status, "recovering the log");
}
