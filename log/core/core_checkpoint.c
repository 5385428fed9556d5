#include <inttypes.h>

#include "log/core/core_state.h"
#include "runtime/base/alloc.h"
#include "runtime/base/assert.h"

/* A purge that frees whole segments shall free them soon. */
#define PURGE_TICK_NS 500000000LL

/* ---- purging ---- */

#ifdef MR_BROKEN
/* Broken on purpose: removes what nobody has read yet. */
static int64_t purge_target(const mr_log_core *core, const mr_partition *partition,
                            int64_t offset) {
    bool overtakes = (core->config.breaks & MR_LOG_BREAK_PURGE_OVERTAKES) != 0;
    return overtakes ? partition->stable_end : offset;
}
#else
static int64_t purge_target(const mr_log_core *core, const mr_partition *partition,
                            int64_t offset) {
    (void)core;
    (void)partition;
    return offset;
}
#endif

void mr_core_purge(mr_log_core *core, mr_log_request *request) {
    mr_partition *partition;
    mr_status status = mr_core_partition(core, request->partition, &partition, &request->err);
    if (status == MR_OK && partition->topic->kind == MR_TOPIC_SYSTEM) {
        status =
            mr_err_set(&request->err, MR_INVALID, "%s is the log's own", partition->topic->name);
    }
    if (status == MR_OK && request->offset > partition->stable_end) {
        status = mr_err_set(
            &request->err, MR_INVALID,
            "%s-%" PRId32 ": purge up to %" PRId64 ", but only %" PRId64 " is committed",
            partition->topic->name, partition->number, request->offset, partition->stable_end);
    }
    if (status == MR_OK) {
        int64_t target = purge_target(core, partition, request->offset);
        if (target > partition->start) {
            mr_partition_move_start(partition, target);
            core->changed = true;
            bool frees =
                partition->segments_count > 1 && partition->segments[1].base_offset <= target;
            mr_core_tick_within(core, frees ? PURGE_TICK_NS : INT64_MAX);
        }
    }
    mr_core_reply(core, request, status);
}

/* Segments that the checkpoint on the disk says are not needed: only now may they go, for what is
 * found below the log start after a crash is a leftover, and a gap above it a loss. */
static void remove_purged(mr_log_core *core, mr_partition *partition) {
    while (partition->segments_count > 1 && partition->first_dirty > 0 &&
           partition->segments[1].base_offset <= partition->checkpoint_start &&
           partition->segments[1].named) {
        core->counters.bytes_purged += partition->segments[0].size_bytes;
        mr_core_remove_segment(core, partition, &partition->segments[0]);
        mr_partition_drop_first_segment(partition);
    }
}

/* ---- checkpoints ---- */

static void begin_checkpoint(mr_log_core *core, mr_checkpoint_end end) {
    MR_ASSERT(!core->checkpoint_under_way);
    mr_buf text = {0};
    mr_checkpoint_encode(core->state, end, &text);
    mr_shared *data = mr_shared_create(text.len);
    memcpy(data->data, text.data, text.len);
    data->len = text.len;
    mr_buf_deinit(&text);
    mr_log_effect *effect = mr_core_effect(core, MR_LOG_EFFECT_WRITE_FILE);
    effect->path = mr_strdup(MR_CHECKPOINT_PATH);
    effect->data = data;
    effect->data_len = data->len;
    effect->io = mr_core_io_begin(core, MR_CORE_IO_CHECKPOINT, NULL, 0, NULL);
    core->checkpoint_under_way = true;
    core->checkpoint_end = end;
    core->checkpoint_serial++;
    core->changed = false;
}

void mr_core_checkpoint_done(mr_log_core *core) {
    core->checkpoint_under_way = false;
    core->checkpoint_done = core->checkpoint_serial;
    core->clean_written = core->checkpoint_end == MR_CHECKPOINT_CLEAN;
    for (size_t i = 0; i < core->state->partitions_count; i++) {
        mr_partition *partition = core->state->partitions[i];
        if (!partition || partition->offline || partition->topic->life != MR_TOPIC_LIVE) {
            continue;
        }
        partition->checkpoint_start = partition->checkpoint_writing;
        remove_purged(core, partition);
    }
}

/* Syncs what has only markers behind it; says whether there was any. */
static bool sync_all(mr_log_core *core) {
    bool any = false;
    for (size_t i = 0; i < core->state->partitions_count; i++) {
        mr_partition *partition = core->state->partitions[i];
        bool live = partition && !partition->offline && partition->topic->life != MR_TOPIC_REMOVED;
        if (live && mr_partition_dirty(partition)) {
            mr_core_sync(core, partition);
            any = true;
        }
    }
    return any;
}

void mr_core_tick(mr_log_core *core) {
    core->tick_due_ns = INT64_MAX;
    if (core->phase == MR_CORE_CLOSED) {
        return;
    }
    if (mr_log_state_drop_decisions(core->state)) {
        core->changed = true;
    }
    if (core->changed && !core->checkpoint_under_way && core->phase == MR_CORE_RUNNING) {
        begin_checkpoint(core, MR_CHECKPOINT_RUNNING);
    }
    bool dirty = sync_all(core);
    if (dirty || core->changed) {
        mr_core_tick_within(core, INT64_MAX);
    }
}

/* ---- the orderly end ---- */

static bool store_indexes(mr_log_core *core) {
    bool any = false;
    for (size_t i = 0; i < core->state->partitions_count; i++) {
        mr_partition *partition = core->state->partitions[i];
        if (!partition || partition->offline || partition->topic->life != MR_TOPIC_LIVE) {
            continue;
        }
        mr_segment *active = mr_partition_active(partition);
        if (active && !active->index_stored && active->size_bytes > 0) {
            mr_core_store_index(core, partition, active);
            any = true;
        }
    }
    return any;
}

/* Everything synced, then the indexes, then a checkpoint that says so, then the answer. */
void mr_core_shutdown_goes_on(mr_log_core *core) {
    MR_ASSERT(core->shutdown);
    if (core->ios_pending > 0 || core->transactions || core->metadata_operations) {
        return;
    }
    if (sync_all(core) || store_indexes(core)) {
        return;
    }
    if (!core->clean_written) {
        (void)mr_log_state_drop_decisions(core->state);
        begin_checkpoint(core, MR_CHECKPOINT_CLEAN);
        return;
    }
    core->phase = MR_CORE_CLOSED;
    core->tick_due_ns = INT64_MAX;
    mr_core_reply(core, core->shutdown, MR_OK);
    core->shutdown = NULL;
}
