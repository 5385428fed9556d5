#include "log/core/partition.h"

#include <inttypes.h>
#include <stdio.h>

#include "runtime/base/alloc.h"
#include "runtime/base/assert.h"

mr_partition *mr_partition_create(mr_partition_id id, const mr_topic *topic, int32_t number,
                                  const char *topic_name) {
    mr_partition *partition = mr_alloc(sizeof(*partition));
    partition->id = id;
    partition->topic = topic;
    partition->number = number;
    char path[MR_TOPIC_NAME_MAX + 32];
    snprintf(path, sizeof(path), "log/%s-%" PRId32, topic_name, number);
    partition->directory = mr_strdup(path);
    return partition;
}

void mr_partition_reset(mr_partition *partition) {
    for (size_t i = 0; i < partition->segments_count; i++) {
        mr_segment_index_deinit(&partition->segments[i].index);
    }
    partition->segments_count = 0;
    partition->open_count = 0;
    partition->aborted_count = 0;
    partition->first_dirty = 0;
    partition->start = 0;
    partition->stable_end = 0;
    partition->end = 0;
    partition->durable_offset = 0;
}

void mr_partition_destroy(mr_partition *partition) {
    if (!partition) {
        return;
    }
    mr_partition_reset(partition);
    while (partition->waiters) {
        mr_durable_waiter *next = partition->waiters->next;
        mr_free(partition->waiters);
        partition->waiters = next;
    }
    mr_free(partition->segments);
    mr_free(partition->open);
    mr_free(partition->aborted);
    mr_free(partition->offline_message);
    mr_free(partition->directory);
    mr_free(partition);
}

void mr_partition_set_offline(mr_partition *partition, const char *message) {
    mr_free(partition->offline_message);
    partition->offline_message = mr_strdup(message);
    partition->offline = true;
}

/* ---- segments ---- */

mr_segment *mr_partition_add_segment(mr_partition *partition, int64_t base_offset) {
    MR_ASSERT(partition->segments_count == 0 ||
              partition->segments[partition->segments_count - 1].base_offset < base_offset);
    if (partition->segments_count == partition->segments_cap) {
        partition->segments_cap = partition->segments_cap ? partition->segments_cap * 2 : 4;
        partition->segments =
            mr_realloc(partition->segments, partition->segments_cap * sizeof(mr_segment));
    }
    mr_segment *segment = &partition->segments[partition->segments_count++];
    *segment = (mr_segment){
        .base_offset = base_offset, .end_offset = base_offset, .synced_offset = base_offset};
    return segment;
}

mr_segment *mr_partition_active(mr_partition *partition) {
    return partition->segments_count ? &partition->segments[partition->segments_count - 1] : NULL;
}

mr_segment *mr_partition_segment_at(mr_partition *partition, int64_t offset) {
    size_t low = 0;
    size_t high = partition->segments_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (partition->segments[middle].base_offset <= offset) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low == 0 ? NULL : &partition->segments[low - 1];
}

mr_segment *mr_partition_segment_based(mr_partition *partition, int64_t base_offset) {
    mr_segment *segment = mr_partition_segment_at(partition, base_offset);
    return segment && segment->base_offset == base_offset ? segment : NULL;
}

void mr_partition_drop_first_segment(mr_partition *partition) {
    MR_ASSERT(partition->segments_count > 1);
    mr_segment_index_deinit(&partition->segments[0].index);
    partition->segments_count--;
    memmove(partition->segments, partition->segments + 1,
            partition->segments_count * sizeof(mr_segment));
    if (partition->first_dirty > 0) {
        partition->first_dirty--;
    }
}

void mr_partition_note_batch(mr_partition *partition, const mr_batch_info *info) {
    mr_segment *active = mr_partition_active(partition);
    MR_ASSERT(active);
    MR_ASSERT(info->base_offset == active->end_offset);
    int64_t last = mr_batch_last_offset(info);
    mr_segment_index_note(&active->index, last - active->base_offset, active->size_bytes,
                          info->size_bytes);
    active->size_bytes += info->size_bytes;
    active->end_offset = last + 1;
    active->index_stored = false;
    partition->end = last + 1;
    if (partition->first_dirty >= partition->segments_count) {
        partition->first_dirty = partition->segments_count - 1;
    }
}

/* ---- transactions ---- */

static size_t open_index(const mr_partition *partition, int64_t producer_id,
                         int16_t producer_epoch) {
    for (size_t i = 0; i < partition->open_count; i++) {
        if (partition->open[i].producer_id == producer_id &&
            partition->open[i].producer_epoch == producer_epoch) {
            return i;
        }
    }
    return SIZE_MAX;
}

void mr_partition_txn_data(mr_partition *partition, const mr_batch_info *info, int64_t segment_base,
                           uint64_t end_byte) {
    size_t index = open_index(partition, info->producer_id, info->producer_epoch);
    if (index == SIZE_MAX) {
        if (partition->open_count == partition->open_cap) {
            partition->open_cap = partition->open_cap ? partition->open_cap * 2 : 4;
            partition->open =
                mr_realloc(partition->open, partition->open_cap * sizeof(mr_open_txn));
        }
        index = partition->open_count++;
        partition->open[index] = (mr_open_txn){.producer_id = info->producer_id,
                                               .producer_epoch = info->producer_epoch,
                                               .offset_first = info->base_offset};
    }
    mr_open_txn *txn = &partition->open[index];
    txn->offset_last = mr_batch_last_offset(info);
    txn->segment_base = segment_base;
    txn->end_byte = (int64_t)end_byte;
}

void mr_partition_add_aborted(mr_partition *partition, const mr_aborted *aborted) {
    for (size_t i = 0; i < partition->aborted_count; i++) {
        if (partition->aborted[i].producer_id == aborted->producer_id &&
            partition->aborted[i].producer_epoch == aborted->producer_epoch) {
            return;
        }
    }
    if (partition->aborted_count == partition->aborted_cap) {
        partition->aborted_cap = partition->aborted_cap ? partition->aborted_cap * 2 : 4;
        partition->aborted =
            mr_realloc(partition->aborted, partition->aborted_cap * sizeof(mr_aborted));
    }
    size_t at = partition->aborted_count++;
    while (at > 0 && partition->aborted[at - 1].offset_first > aborted->offset_first) {
        partition->aborted[at] = partition->aborted[at - 1];
        at--;
    }
    partition->aborted[at] = *aborted;
}

bool mr_partition_txn_marker(mr_partition *partition, int64_t producer_id, int16_t producer_epoch,
                             mr_marker marker) {
    size_t index = open_index(partition, producer_id, producer_epoch);
    if (index == SIZE_MAX) {
        return false;
    }
    mr_open_txn txn = partition->open[index];
    partition->open_count--;
    memmove(&partition->open[index], &partition->open[index + 1],
            (partition->open_count - index) * sizeof(mr_open_txn));
    if (marker == MR_MARKER_ABORT) {
        mr_partition_add_aborted(partition, &(mr_aborted){.producer_id = producer_id,
                                                          .producer_epoch = producer_epoch,
                                                          .offset_first = txn.offset_first,
                                                          .offset_last = txn.offset_last});
    }
    return true;
}

void mr_partition_settle_stable_end(mr_partition *partition) {
    int64_t stable = partition->open_count ? partition->open[0].offset_first : partition->end;
    MR_ASSERT(stable >= partition->stable_end);
    partition->stable_end = stable;
}

/* ---- durability ---- */

static bool segment_durable(const mr_segment *segment) {
    return segment->named && segment->synced_bytes == segment->size_bytes;
}

void mr_partition_settle_durable(mr_partition *partition) {
    while (partition->first_dirty < partition->segments_count &&
           segment_durable(&partition->segments[partition->first_dirty])) {
        partition->first_dirty++;
    }
    partition->durable_offset = mr_partition_durable_place(partition).offset;
}

mr_log_place mr_partition_durable_place(const mr_partition *partition) {
    size_t index = partition->first_dirty;
    while (index < partition->segments_count && segment_durable(&partition->segments[index])) {
        index++;
    }
    if (index < partition->segments_count && partition->segments[index].named) {
        const mr_segment *partly = &partition->segments[index];
        return (mr_log_place){partly->synced_offset, partly->base_offset,
                              (int64_t)partly->synced_bytes};
    }
    if (index == 0) {
        int64_t base = partition->segments_count ? partition->segments[0].base_offset : 0;
        return (mr_log_place){base, base, 0};
    }
    const mr_segment *whole = &partition->segments[index - 1];
    return (mr_log_place){whole->synced_offset, whole->base_offset, (int64_t)whole->synced_bytes};
}

bool mr_partition_dirty(const mr_partition *partition) {
    for (size_t i = partition->first_dirty; i < partition->segments_count; i++) {
        if (!segment_durable(&partition->segments[i])) {
            return true;
        }
    }
    return false;
}

uint64_t mr_partition_size_bytes(const mr_partition *partition) {
    uint64_t total = 0;
    for (size_t i = 0; i < partition->segments_count; i++) {
        total += partition->segments[i].size_bytes;
    }
    return total;
}

void mr_partition_move_start(mr_partition *partition, int64_t start) {
    MR_ASSERT(start >= partition->start);
    MR_ASSERT(start <= partition->end);
    partition->start = start;
    size_t kept = 0;
    for (size_t i = 0; i < partition->aborted_count; i++) {
        if (partition->aborted[i].offset_last >= start) {
            partition->aborted[kept++] = partition->aborted[i];
        }
    }
    partition->aborted_count = kept;
}

char *mr_partition_path(const mr_partition *partition, int64_t base_offset, mr_segment_file file) {
    static const char *const suffixes[] = {"log", "index", "tail"};
    char path[MR_TOPIC_NAME_MAX + 64];
    snprintf(path, sizeof(path), "%s/%020" PRId64 ".%s", partition->directory, base_offset,
             suffixes[file]);
    return mr_strdup(path);
}
