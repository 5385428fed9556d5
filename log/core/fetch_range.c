#include "log/core/fetch_range.h"

#include "runtime/base/alloc.h"
#include "runtime/base/assert.h"

mr_fetch_place mr_fetch_locate(mr_partition *partition, int64_t offset) {
    mr_segment *segment = mr_partition_segment_at(partition, offset);
    MR_ASSERT(segment);
    MR_ASSERT(offset < segment->end_offset);
    mr_fetch_place place = {.segment_base = segment->base_offset,
                            .size_bytes = segment->size_bytes};
    for (size_t i = 0; i < MR_PARTITION_CURSORS; i++) {
        const mr_read_cursor *cursor = &partition->cursors[i];
        if (cursor->offset == offset && cursor->segment_base == segment->base_offset &&
            cursor->position > 0 && cursor->position < segment->size_bytes) {
            place.position = cursor->position;
            return place;
        }
    }
    place.position = mr_segment_index_find(&segment->index, offset - segment->base_offset);
    return place;
}

uint32_t mr_fetch_read_bytes(const mr_fetch_place *place, uint32_t bytes_max) {
    uint64_t want = (uint64_t)bytes_max + MR_INDEX_INTERVAL_BYTES;
    uint64_t left = place->size_bytes - place->position;
    return (uint32_t)(want < left ? want : left);
}

mr_status mr_fetch_trim(mr_bytes read, int64_t offset, int64_t stable_end, uint32_t bytes_max,
                        mr_fetch_cut *out) {
    *out = (mr_fetch_cut){.next_offset = offset};
    size_t at = 0;
    while (at < read.len) {
        mr_batch_info info;
        mr_status status = mr_batch_peek(mr_bytes_of(read.data + at, read.len - at), &info);
        if (status == MR_CORRUPT) {
            return MR_CORRUPT;
        }
        if (status == MR_AGAIN) {
            out->begin = out->len ? out->begin : at;
            out->need_bytes = info.size_bytes ? info.size_bytes : MR_BATCH_HEADER_BYTES;
            break;
        }
        int64_t last = mr_batch_last_offset(&info);
        if (last >= stable_end) {
            out->begin = out->len ? out->begin : at;
            break;
        }
        if (out->len > 0 && out->len + info.size_bytes > bytes_max) {
            break;
        }
        if (last >= offset) {
            out->begin = out->len ? out->begin : at;
            out->len += info.size_bytes;
            out->next_offset = last + 1;
        }
        at += info.size_bytes;
    }
    if (out->len > 0) {
        out->need_bytes = 0;
    } else if (at == read.len) {
        out->begin = at;
        out->need_bytes = MR_BATCH_HEADER_BYTES;
    }
    return MR_OK;
}

size_t mr_fetch_aborted(const mr_partition *partition, int64_t first, int64_t next,
                        mr_aborted **out) {
    *out = NULL;
    size_t count = 0;
    for (size_t i = 0; i < partition->aborted_count; i++) {
        const mr_aborted *aborted = &partition->aborted[i];
        if (aborted->offset_last < first || aborted->offset_first >= next) {
            continue;
        }
        if (!*out) {
            *out = mr_alloc_array(partition->aborted_count, sizeof(mr_aborted));
        }
        (*out)[count++] = *aborted;
    }
    return count;
}

void mr_fetch_remember(mr_partition *partition, int64_t offset, int64_t segment_base,
                       uint64_t position) {
    mr_read_cursor *cursor = &partition->cursors[partition->cursor_next];
    partition->cursor_next = (partition->cursor_next + 1) % MR_PARTITION_CURSORS;
    *cursor = (mr_read_cursor){offset, segment_base, position};
}
