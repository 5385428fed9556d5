#include "tests/simulation/crash_reach.h"

#include <stdatomic.h>

static const char *const names[REACH_KINDS] = {
    [REACH_UNDECIDED] = "undecided", [REACH_ROLL] = "rolling",
    [REACH_DECISION] = "deciding",   [REACH_UNMARKED] = "unmarked",
    [REACH_UNFLUSHED] = "unflushed", [REACH_HALF_SPILL] = "half spilled",
    [REACH_RESTORE] = "restoring",   [REACH_RECOVERY] = "recovering",
    [REACH_REPAIRED] = "repaired",   [REACH_REPLAYED] = "replayed",
    [REACH_RESET] = "resetting",     [REACH_UNPUBLISHED] = "unpublished",
    [REACH_FAULT] = "faults",        [REACH_FAILED] = "failed",
};

const char *crash_reach_name(crash_reach kind) {
    return names[kind];
}

/* ---- transactions ---- */

static bool has_decision(const disk_log *log, int64_t producer_id, int16_t epoch) {
    for (size_t i = 0; i < log->decisions_count; i++) {
        const disk_log_decision *decision = &log->decisions[i];
        if (decision->commit && decision->producer_id == producer_id && decision->epoch == epoch) {
            return true;
        }
    }
    return false;
}

static void look_at_transactions(const crash_moment *moment, crash_reached *counts) {
    bool undecided = false, unmarked = false, deciding = false;
    for (size_t p = 0; p < moment->seen.partitions_count; p++) {
        const disk_log_partition *partition = &moment->seen.partitions[p];
        for (size_t i = 0; i < partition->batches_count; i++) {
            const disk_log_batch *batch = &partition->batches[i];
            if (batch->control || batch->fate != DISK_LOG_OPEN) {
                continue;
            }
            undecided |= !has_decision(&moment->seen, batch->producer_id, batch->epoch);
            unmarked |= has_decision(&moment->durable, batch->producer_id, batch->epoch);
        }
    }
    for (size_t i = 0; i < moment->seen.decisions_count; i++) {
        const disk_log_decision *decision = &moment->seen.decisions[i];
        deciding |= decision->commit &&
                    !has_decision(&moment->durable, decision->producer_id, decision->epoch);
    }
    counts->of[REACH_UNDECIDED] += undecided;
    counts->of[REACH_UNMARKED] += unmarked;
    counts->of[REACH_DECISION] += deciding;
}

/* ---- files ---- */

static bool ends_with(const char *path, const char *end) {
    size_t len = strlen(path), tail = strlen(end);
    return len >= tail && strcmp(path + len - tail, end) == 0;
}

static bool is_listed(const mr_buf *paths, const char *path) {
    for (size_t at = 0; at < paths->len; at += strlen((const char *)paths->data + at) + 1) {
        if (strcmp((const char *)paths->data + at, path) == 0) {
            return true;
        }
    }
    return false;
}

/* In the view, the file has what it has now. */
static bool is_durable(const mr_sim_disk *sim, const char *path) {
    mr_buf now = {0}, durable = {0};
    mr_status status = mr_sim_disk_content(sim, MR_SIM_CURRENT, path, &now);
    bool same = status == MR_OK &&
                mr_sim_disk_content(sim, MR_SIM_DURABLE, path, &durable) == MR_OK &&
                mr_bytes_equal(mr_buf_view(&now), mr_buf_view(&durable));
    mr_buf_deinit(&now);
    mr_buf_deinit(&durable);
    return same;
}

/* A segment that does not begin its partition. */
static bool is_later_segment(const char *path) {
    return strncmp(path, "log/", 4) == 0 && ends_with(path, ".log") &&
           !ends_with(path, "/00000000000000000000.log");
}

uint64_t crash_reach_first_generation(const mr_sim_disk *sim) {
    mr_buf paths = {0};
    uint64_t count = 0;
    mr_sim_disk_paths(sim, MR_SIM_CURRENT, &paths);
    for (size_t at = 0; at < paths.len; at += strlen((const char *)paths.data + at) + 1) {
        count += strstr((const char *)paths.data + at, ".g1-") != NULL;
    }
    mr_buf_deinit(&paths);
    return count;
}

static void look_at_files(const mr_sim_disk *sim, crash_reached *counts) {
    mr_buf paths = {0}, durable = {0};
    bool rolling = false, unpublished = false;
    mr_sim_disk_paths(sim, MR_SIM_CURRENT, &paths);
    mr_sim_disk_paths(sim, MR_SIM_DURABLE, &durable);
    for (size_t at = 0; at < paths.len; at += strlen((const char *)paths.data + at) + 1) {
        const char *path = (const char *)paths.data + at;
        rolling |= is_later_segment(path) && !is_listed(&durable, path);
        unpublished |= strncmp(path, "outs/", 5) == 0 &&
                       (ends_with(path, ".tmp") || ends_with(path, ".jsonl")) &&
                       !is_durable(sim, path);
    }
    counts->of[REACH_ROLL] += rolling;
    counts->of[REACH_UNPUBLISHED] += unpublished;
    mr_buf_deinit(&paths);
    mr_buf_deinit(&durable);
}

void crash_reach_disk(const mr_sim_disk *sim, const crash_moment *moment, crash_reached *counts) {
    look_at_transactions(moment, counts);
    look_at_files(sim, counts);
}

/* ---- stores and worlds ---- */

void crash_reach_stores(const mr_model_store *model, crash_reached *counts) {
    mr_model_unflushed unflushed = mr_model_store_unflushed(model);
    counts->of[REACH_UNFLUSHED] += unflushed.families > 0;
    counts->of[REACH_HALF_SPILL] += unflushed.half_spilled > 0;
}

void crash_reach_world(const mr_job_world *world, crash_reached *counts) {
    const mr_board *board = mr_job_world_board(world);
    counts->of[REACH_RESTORE] += atomic_load(&board->tasks_restoring) > 0;
}

void crash_reach_start(const mr_job_world *world, crash_reached *counts) {
    const mr_recovery_report *report = mr_job_world_recovery(world);
    counts->of[REACH_REPAIRED] +=
        report->torn_bytes + report->transactions_aborted + report->transactions_finished > 0;
    counts->of[REACH_REPLAYED] += atomic_load(&mr_job_world_board(world)->records_replayed) > 0;
}
