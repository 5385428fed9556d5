#include <inttypes.h>

#include "log/core/fetch_range.h"
#include "log/core/recovery_steps.h"
#include "runtime/base/alloc.h"
#include "runtime/base/assert.h"

void mr_log_image_destroy(mr_log_image *image) {
    if (image) {
        mr_log_state_destroy(image->state);
        mr_free(image);
    }
}

mr_uuid mr_log_image_log_id(const mr_log_image *image) {
    return image->state->log_id;
}

size_t mr_log_image_topics(const mr_log_image *image, mr_topic_description *out, size_t out_max) {
    return mr_log_state_list(image->state, out, out_max);
}

mr_status mr_log_image_offsets(const mr_log_image *image, mr_partition_id partition_id,
                               mr_log_offsets *out) {
    const mr_partition *partition = mr_log_state_partition(image->state, partition_id);
    if (!partition) {
        return MR_NOT_FOUND;
    }
    if (partition->offline) {
        return MR_CORRUPT;
    }
    *out = (mr_log_offsets){.start = partition->start,
                            .stable_end = partition->stable_end,
                            .end = partition->end,
                            .size_bytes = mr_partition_size_bytes(partition)};
    return MR_OK;
}

/* Reads len bytes (fewer at the end of the file) as a new shared buffer. */
static mr_status read_shared(mr_disk *disk, const mr_partition *partition,
                             const mr_fetch_place *place, size_t len, mr_shared **out,
                             mr_err *err) {
    char *path = mr_partition_path(partition, place->segment_base, MR_SEGMENT_LOG);
    mr_file *file = NULL;
    mr_status status = mr_disk_open(disk, path, MR_DISK_READ, &file, err);
    mr_free(path);
    if (status != MR_OK) {
        return status;
    }
    mr_shared *shared = mr_shared_create(len);
    size_t got = 0;
    status = mr_disk_read_full(file, shared->data, len, place->position, &got, err);
    shared->len = got;
    mr_file_close(file);
    if (status != MR_OK) {
        mr_shared_unref(shared);
        return status;
    }
    *out = shared;
    return MR_OK;
}

static mr_status fetch_batches(mr_disk *disk, mr_partition *partition, int64_t offset,
                               uint32_t bytes_max, mr_fetched *out, mr_err *err) {
    mr_fetch_place place = mr_fetch_locate(partition, offset);
    size_t want = mr_fetch_read_bytes(&place, bytes_max);
    for (;;) {
        mr_shared *read = NULL;
        mr_status status = read_shared(disk, partition, &place, want, &read, err);
        if (status != MR_OK) {
            return status;
        }
        mr_fetch_cut cut;
        status = mr_fetch_trim(mr_bytes_of(read->data, read->len), offset, partition->stable_end,
                               bytes_max, &cut);
        if (status == MR_OK && cut.len > 0) {
            memmove(read->data, read->data + cut.begin, cut.len);
            read->len = cut.len;
            out->bytes = read;
            out->segment_base = place.segment_base;
            out->segment_position = place.position + cut.begin;
            mr_fetch_remember(partition, cut.next_offset, place.segment_base,
                              place.position + cut.begin + cut.len);
            return MR_OK;
        }
        bool more = status == MR_OK && cut.need_bytes > 0 && read->len == want &&
                    place.position + cut.begin < place.size_bytes;
        mr_shared_unref(read);
        if (!more) {
            return mr_err_set(err, MR_CORRUPT, "%s: no batch holds offset %" PRId64,
                              partition->directory, offset);
        }
        place.position += cut.begin;
        want = mr_fetch_read_bytes(&place, bytes_max);
        want = want < cut.need_bytes ? cut.need_bytes : want;
    }
}

mr_status mr_log_image_fetch(mr_log_image *image, mr_disk *disk, mr_partition_id partition_id,
                             int64_t offset, uint32_t bytes_max, mr_fetched *out, mr_err *err) {
    mr_partition *partition = mr_log_state_partition(image->state, partition_id);
    *out = (mr_fetched){.offset = offset};
    if (!partition) {
        return mr_err_set(err, MR_NOT_FOUND, "no such partition");
    }
    if (partition->offline) {
        return mr_err_set(err, MR_CORRUPT, "%s", partition->offline_message);
    }
    out->start = partition->start;
    out->stable_end = partition->stable_end;
    /* All of them: the image outlives the answer, so that nothing has to be copied. */
    out->aborted = partition->aborted;
    out->aborted_count = partition->aborted_count;
    int64_t from = offset > partition->start ? offset : partition->start;
    if (from >= partition->stable_end) {
        return MR_OK;
    }
    return fetch_batches(disk, partition, from, bytes_max, out, err);
}
