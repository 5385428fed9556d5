#include "log/core/segment_index.h"

#include "runtime/base/alloc.h"
#include "runtime/base/assert.h"
#include "runtime/base/hash.h"
#include "runtime/base/limits.h"

#define INDEX_MAGIC 0x4d524958u /* "MRIX" */

void mr_segment_index_deinit(mr_segment_index *index) {
    mr_free(index->entries);
    *index = (mr_segment_index){0};
}

static void push(mr_segment_index *index, uint32_t offset_delta, uint32_t position) {
    if (index->count == index->cap) {
        index->cap = index->cap ? index->cap * 2 : 16;
        index->entries = mr_realloc(index->entries, index->cap * sizeof(mr_index_entry));
    }
    index->entries[index->count++] = (mr_index_entry){offset_delta, position};
}

void mr_segment_index_note(mr_segment_index *index, int64_t offset_delta, uint64_t position,
                           uint64_t size_bytes) {
    MR_ASSERT(offset_delta >= 0);
    if (position + size_bytes - index->covered_bytes < MR_INDEX_INTERVAL_BYTES) {
        return;
    }
    if (offset_delta > UINT32_MAX || position > UINT32_MAX) {
        return; /* Kafka's fields are narrow: what lies beyond is found by reading on */
    }
    MR_ASSERT(index->count == 0 || index->entries[index->count - 1].position < position);
    push(index, (uint32_t)offset_delta, (uint32_t)position);
    index->covered_bytes = position + size_bytes;
}

uint64_t mr_segment_index_find(const mr_segment_index *index, int64_t offset_delta) {
    size_t low = 0;
    size_t high = index->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if ((int64_t)index->entries[middle].offset_delta <= offset_delta) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low == 0 ? 0 : index->entries[low - 1].position;
}

void mr_segment_index_encode(const mr_segment_index *index, uint64_t segment_bytes,
                             int64_t end_offset, mr_buf *out) {
    size_t begin = out->len;
    for (size_t i = 0; i < index->count; i++) {
        mr_buf_put_be32(out, index->entries[i].offset_delta);
        mr_buf_put_be32(out, index->entries[i].position);
    }
    mr_buf_put_be32(out, INDEX_MAGIC);
    mr_buf_put_be32(out, (uint32_t)index->count);
    mr_buf_put_be64(out, segment_bytes);
    mr_buf_put_be64(out, (uint64_t)end_offset);
    mr_buf_put_be32(out, mr_crc32c(0, out->data + begin, out->len - begin));
}

mr_status mr_segment_index_decode(mr_bytes file, uint64_t segment_bytes, mr_segment_index *out,
                                  int64_t *end_offset_out) {
    *out = (mr_segment_index){0};
    if (file.len < MR_INDEX_FOOTER_BYTES || (file.len - MR_INDEX_FOOTER_BYTES) % 8 != 0) {
        return MR_CORRUPT;
    }
    size_t count = (file.len - MR_INDEX_FOOTER_BYTES) / 8;
    const uint8_t *footer = file.data + count * 8;
    if (mr_get_be32(footer) != INDEX_MAGIC || mr_get_be32(footer + 4) != count ||
        mr_get_be64(footer + 8) != segment_bytes ||
        mr_get_be32(footer + 24) != mr_crc32c(0, file.data, file.len - 4)) {
        return MR_CORRUPT;
    }
    for (size_t i = 0; i < count; i++) {
        uint32_t delta = mr_get_be32(file.data + i * 8);
        uint32_t position = mr_get_be32(file.data + i * 8 + 4);
        bool ascends = i == 0 || (delta > out->entries[i - 1].offset_delta &&
                                  position > out->entries[i - 1].position);
        if (!ascends || position >= segment_bytes) {
            mr_segment_index_deinit(out);
            return MR_CORRUPT;
        }
        push(out, delta, position);
    }
    out->covered_bytes = segment_bytes;
    *end_offset_out = (int64_t)mr_get_be64(footer + 16);
    return MR_OK;
}
