#include "log/core/core_state.h"

#include "runtime/base/alloc.h"
#include "runtime/base/assert.h"

/* Partitions that are purged roll early, so that purging frees space. */
#define PURGED_SEGMENT_SHARE 8
#define DECISION_SEGMENT_SHARE 16

mr_log_effect *mr_core_effect(mr_log_core *core, mr_log_effect_kind kind) {
    mr_log_effects *effects = core->effects;
    if (effects->count == effects->cap) {
        effects->cap = effects->cap ? effects->cap * 2 : 32;
        effects->items = mr_realloc(effects->items, effects->cap * sizeof(*effects->items));
    }
    mr_log_effect *effect = &effects->items[effects->count++];
    *effect = (mr_log_effect){.kind = kind};
    return effect;
}

uint64_t mr_core_io_begin(mr_log_core *core, mr_core_io_kind kind, const mr_partition *partition,
                          int64_t segment_base, void *object) {
    if (core->ios_free == 0) {
        size_t grown = core->ios_count ? core->ios_count * 2 : 64;
        core->ios = mr_realloc(core->ios, grown * sizeof(*core->ios));
        for (size_t i = grown; i > core->ios_count; i--) {
            core->ios[i - 1] = (mr_core_io){.next_free = core->ios_free};
            core->ios_free = (uint32_t)i;
        }
        core->ios_count = grown;
    }
    uint32_t slot = core->ios_free;
    mr_core_io *io = &core->ios[slot - 1];
    core->ios_free = io->next_free;
    *io = (mr_core_io){.kind = kind,
                       .used = true,
                       .partition = partition ? partition->id : MR_PARTITION_NONE,
                       .segment_base = segment_base,
                       .object = object};
    core->ios_pending++;
    if (partition) {
        core->state->partitions[partition->id]->ios++;
    }
    return slot;
}

mr_core_io mr_core_io_end(mr_log_core *core, uint64_t io) {
    MR_ASSERT(io >= 1 && io <= core->ios_count);
    mr_core_io ended = core->ios[io - 1];
    MR_ASSERT(ended.used);
    core->ios[io - 1] = (mr_core_io){.next_free = core->ios_free};
    core->ios_free = (uint32_t)io;
    core->ios_pending--;
    mr_partition *partition = mr_log_state_partition(core->state, ended.partition);
    if (partition) {
        MR_ASSERT(partition->ios > 0);
        partition->ios--;
    }
    return ended;
}

uint32_t mr_core_file(mr_log_core *core, const mr_partition *partition, mr_segment *segment) {
    if (segment->file == 0) {
        segment->file = ++core->file_next;
        mr_log_effect *open = mr_core_effect(core, MR_LOG_EFFECT_OPEN);
        open->file = segment->file;
        open->path = mr_partition_path(partition, segment->base_offset, MR_SEGMENT_LOG);
    }
    return segment->file;
}

/* ---- segments ---- */

static uint64_t segment_bytes_max(const mr_log_core *core, const mr_partition *partition) {
    if (partition == core->state->transactions) {
        return core->config.segment_bytes_max / DECISION_SEGMENT_SHARE;
    }
    if (partition->topic->kind == MR_TOPIC_REPARTITION) {
        return core->config.segment_bytes_max / PURGED_SEGMENT_SHARE;
    }
    return core->config.segment_bytes_max;
}

static void begin_sync(mr_log_core *core, mr_partition *partition, mr_segment *segment) {
    if (segment->sync_io != 0 || segment->synced_bytes == segment->size_bytes) {
        return;
    }
    uint32_t file = mr_core_file(core, partition, segment);
    mr_log_effect *sync = mr_core_effect(core, MR_LOG_EFFECT_SYNC);
    sync->file = file;
    segment->sync_io =
        mr_core_io_begin(core, MR_CORE_IO_SYNC, partition, segment->base_offset, NULL);
    sync->io = segment->sync_io;
    segment->sync_bytes = segment->size_bytes;
    segment->sync_offset = segment->end_offset;
    core->counters.syncs++;
}

static void sync_name(mr_log_core *core, mr_partition *partition, mr_segment *segment,
                      const char *directory) {
    mr_log_effect *effect = mr_core_effect(core, MR_LOG_EFFECT_SYNC_DIR);
    effect->file = segment->file;
    effect->path = mr_strdup(directory);
    effect->io = mr_core_io_begin(core, MR_CORE_IO_NAME, partition, segment->base_offset, NULL);
    segment->names_pending++;
}

void mr_core_store_index(mr_log_core *core, mr_partition *partition, mr_segment *segment) {
    mr_buf text = {0};
    mr_segment_index_encode(&segment->index, segment->size_bytes, segment->end_offset, &text);
    mr_shared *data = mr_shared_create(text.len);
    memcpy(data->data, text.data, text.len);
    data->len = text.len;
    mr_buf_deinit(&text);
    uint32_t file = mr_core_file(core, partition, segment);
    mr_log_effect *effect = mr_core_effect(core, MR_LOG_EFFECT_WRITE_INDEX);
    effect->file = file; /* so that a removal of both files comes after it */
    effect->path = mr_partition_path(partition, segment->base_offset, MR_SEGMENT_INDEX);
    effect->data = data;
    effect->data_len = data->len;
    effect->io = mr_core_io_begin(core, MR_CORE_IO_HELP, partition, segment->base_offset, NULL);
    segment->index_stored = true;
}

/* A full segment is synced whole and gets its index; the next one begins at the partition's end. */
static void roll(mr_log_core *core, mr_partition *partition) {
    mr_segment *full = mr_partition_active(partition);
    if (full) {
        begin_sync(core, partition, full);
        mr_core_store_index(core, partition, full);
    }
    mr_segment *segment = mr_partition_add_segment(partition, partition->end);
    segment->file = ++core->file_next;
    segment->created_ms = core->now.wall_ms;
    if (partition->first_dirty >= partition->segments_count) {
        partition->first_dirty = partition->segments_count - 1;
    }
    mr_log_effect *open = mr_core_effect(core, MR_LOG_EFFECT_OPEN);
    open->file = segment->file;
    open->path = mr_partition_path(partition, segment->base_offset, MR_SEGMENT_LOG);
    open->io = mr_core_io_begin(core, MR_CORE_IO_OPEN, partition, segment->base_offset, NULL);
    sync_name(core, partition, segment, partition->directory);
    if (partition->segments_count == 1) {
        sync_name(core, partition, segment, "log");
    }
}

static void roll_if_due(mr_log_core *core, mr_partition *partition, size_t bytes) {
    mr_segment *active = mr_partition_active(partition);
    bool due = !active;
    if (active && active->size_bytes > 0) {
        due = active->size_bytes + bytes > segment_bytes_max(core, partition) ||
              core->now.wall_ms - active->created_ms >= core->config.segment_age_ms_max ||
              partition->end - active->base_offset > INT32_MAX;
    }
    if (due) {
        roll(core, partition);
    } else if (active->size_bytes == 0) {
        active->created_ms = core->now.wall_ms;
    }
}

/* ---- appending ---- */

void mr_core_append(mr_log_core *core, mr_partition *partition, mr_shared *batches) {
    roll_if_due(core, partition, batches->len);
    mr_segment *active = mr_partition_active(partition);
    uint64_t at = active->size_bytes;
    for (size_t offset = 0; offset < batches->len;) {
        mr_batch_info info;
        mr_bytes rest = mr_bytes_of(batches->data + offset, batches->len - offset);
        mr_status status = mr_batch_peek(rest, &info);
        MR_ASSERT(status == MR_OK);
        info.base_offset = partition->end;
        mr_batch_assign(batches->data + offset, info.base_offset, 0);
        mr_partition_note_batch(partition, &info);
        offset += info.size_bytes;
        core->counters.batches_appended++;
    }
    core->counters.bytes_appended += batches->len;
    uint32_t file = mr_core_file(core, partition, active);
    mr_log_effect *write = mr_core_effect(core, MR_LOG_EFFECT_WRITE);
    write->file = file;
    write->at = at;
    write->data = batches;
    write->data_len = batches->len;
    write->io = mr_core_io_begin(core, MR_CORE_IO_WRITE, partition, active->base_offset, NULL);
    mr_core_reserve(core, partition);
}

void mr_core_reserve(mr_log_core *core, mr_partition *partition) {
    mr_segment *active = mr_partition_active(partition);
    if (!active || partition->topic->kind != MR_TOPIC_SYSTEM ||
        active->reserved_bytes >= active->size_bytes + MR_RESERVE_BYTES / 2) {
        return;
    }
    uint32_t file = mr_core_file(core, partition, active);
    mr_log_effect *allocate = mr_core_effect(core, MR_LOG_EFFECT_ALLOCATE);
    allocate->file = file;
    allocate->at = active->size_bytes;
    allocate->bytes_max = MR_RESERVE_BYTES;
    allocate->io = mr_core_io_begin(core, MR_CORE_IO_HELP, partition, active->base_offset, NULL);
    active->reserved_bytes = active->size_bytes + MR_RESERVE_BYTES;
}

/* ---- durability ---- */

void mr_core_sync(mr_log_core *core, mr_partition *partition) {
    for (size_t i = partition->first_dirty; i < partition->segments_count; i++) {
        begin_sync(core, partition, &partition->segments[i]);
    }
}

void mr_core_wait_durable(mr_log_core *core, mr_partition *partition, int64_t offset,
                          void (*run)(void *owner, void *arg), void *arg) {
    (void)core;
    MR_ASSERT(partition->durable_offset < offset);
    MR_ASSERT(!partition->waiters_last || partition->waiters_last->offset <= offset);
    mr_durable_waiter *waiter = mr_alloc(sizeof(*waiter));
    *waiter = (mr_durable_waiter){.offset = offset, .run = run, .arg = arg};
    if (partition->waiters_last) {
        partition->waiters_last->next = waiter;
    } else {
        partition->waiters = waiter;
    }
    partition->waiters_last = waiter;
}

/* Tells those who wait, and syncs on for those who came meanwhile: one sync for all of them. */
static void durable_moved(mr_log_core *core, mr_partition *partition) {
    int64_t before = partition->durable_offset;
    mr_partition_settle_durable(partition);
    if (partition->durable_offset != before) {
        core->changed = true;
        mr_core_tick_within(core, INT64_MAX);
    }
    while (partition->waiters && partition->waiters->offset <= partition->durable_offset) {
        mr_durable_waiter *waiter = partition->waiters;
        partition->waiters = waiter->next;
        if (!partition->waiters) {
            partition->waiters_last = NULL;
        }
        waiter->run(core, waiter->arg);
        mr_free(waiter);
    }
    if (partition->waiters) {
        mr_core_sync(core, partition);
    }
}

void mr_core_sync_done(mr_log_core *core, const mr_core_io *io) {
    mr_partition *partition = mr_log_state_partition(core->state, io->partition);
    mr_segment *segment = mr_partition_segment_based(partition, io->segment_base);
    if (!segment) {
        return; /* purged meanwhile */
    }
    segment->sync_io = 0;
    segment->synced_bytes = segment->sync_bytes;
    segment->synced_offset = segment->sync_offset;
    durable_moved(core, partition);
}

void mr_core_name_done(mr_log_core *core, const mr_core_io *io) {
    mr_partition *partition = mr_log_state_partition(core->state, io->partition);
    mr_segment *segment = mr_partition_segment_based(partition, io->segment_base);
    MR_ASSERT(segment);
    MR_ASSERT(segment->names_pending > 0);
    if (--segment->names_pending == 0) {
        segment->named = true;
        durable_moved(core, partition);
    }
}

void mr_core_write_done(mr_log_core *core, const mr_core_io *io) {
    mr_partition *partition = mr_log_state_partition(core->state, io->partition);
    if (partition->waiters) {
        mr_core_sync(core, partition);
    }
    mr_core_tick_within(core, INT64_MAX);
}
