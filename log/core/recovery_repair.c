#include <inttypes.h>
#include <stdio.h>

#include "log/core/recovery_steps.h"
#include "runtime/base/alloc.h"
#include "runtime/base/assert.h"

#define COPY_BYTES 262144u

/* ---- the tail ---- */

static mr_status copy_range(mr_file *from, uint64_t begin, uint64_t end, mr_file *to, mr_err *err) {
    uint8_t *buffer = mr_alloc(COPY_BYTES);
    mr_status status = MR_OK;
    for (uint64_t at = begin; at < end && status == MR_OK;) {
        size_t want = end - at < COPY_BYTES ? (size_t)(end - at) : COPY_BYTES;
        size_t got = 0;
        status = mr_disk_read_full(from, buffer, want, at, &got, err);
        if (status == MR_OK && got != want) {
            status = mr_err_set(err, MR_UNAVAILABLE, "the file grew shorter while it was copied");
        }
        if (status == MR_OK) {
            status = mr_disk_write_full(to, buffer, want, at - begin, err);
        }
        at += want;
    }
    mr_free(buffer);
    return status;
}

/* Copies [begin, end) of a segment to <base>.tail, synced, and gives it the name <base>.log. */
static mr_status copy_to_segment(mr_recovery *recovery, const mr_partition *partition,
                                 const mr_segment *from, uint64_t begin, int64_t base,
                                 mr_err *err) {
    char *source = mr_partition_path(partition, from->base_offset, MR_SEGMENT_LOG);
    char *tail = mr_partition_path(partition, base, MR_SEGMENT_TAIL);
    char *target = mr_partition_path(partition, base, MR_SEGMENT_LOG);
    mr_file *in = NULL;
    mr_file *out = NULL;
    mr_status status = mr_disk_open(recovery->disk, source, MR_DISK_READ, &in, err);
    if (status == MR_OK) {
        status = mr_disk_open(recovery->disk, tail, MR_DISK_CREATE, &out, err);
    }
    if (status == MR_OK) {
        status = mr_disk_truncate(out, 0, err);
    }
    if (status == MR_OK) {
        status = copy_range(in, begin, from->size_bytes, out, err);
    }
    if (status == MR_OK) {
        status = mr_disk_sync(out, err);
    }
    mr_file_close(in);
    mr_file_close(out);
    if (status == MR_OK) {
        status = mr_disk_rename(recovery->disk, tail, target, MR_DISK_REPLACE, err);
    }
    if (status == MR_OK) {
        status = mr_disk_sync_dir(recovery->disk, partition->directory, err);
    }
    mr_free(source);
    mr_free(tail);
    mr_free(target);
    return status;
}

static mr_status cut_file(mr_recovery *recovery, const mr_partition *partition, int64_t base,
                          uint64_t size_bytes, mr_err *err) {
    char *path = mr_partition_path(partition, base, MR_SEGMENT_LOG);
    mr_file *file = NULL;
    mr_status status = mr_disk_open(recovery->disk, path, MR_DISK_WRITE, &file, err);
    if (status == MR_OK) {
        status = mr_disk_truncate(file, size_bytes, err);
    }
    if (status == MR_OK) {
        status = mr_disk_sync(file, err);
    }
    mr_file_close(file);
    mr_free(path);
    return status;
}

/*   mark's segment   S: | below the mark | tail | torn     ->  S: | below the mark |   O: | tail |
 *   segments behind it: | tail           | torn            ->  rewritten under their own names
 * A crash between the rename and the cut leaves S overlapping O: the scan stops at O's base. */
mr_status mr_recovery_rewrite_tail(mr_recovery *recovery, const mr_partition *partition,
                                   mr_log_place mark, mr_err *err) {
    recovery->changed = true;
    for (size_t i = 0; i < partition->segments_count; i++) {
        const mr_segment *segment = &partition->segments[i];
        bool holds_mark = segment->base_offset == mark.segment_base;
        uint64_t begin = holds_mark ? (uint64_t)mark.byte : 0;
        if (segment->base_offset < mark.segment_base || segment->size_bytes <= begin) {
            continue;
        }
        int64_t base = begin > 0 ? mark.offset : segment->base_offset;
        mr_status status = copy_to_segment(recovery, partition, segment, begin, base, err);
        if (status == MR_OK && begin > 0) {
            status = cut_file(recovery, partition, segment->base_offset, begin, err);
        }
        if (status != MR_OK) {
            return mr_err_wrap(err, status, "rewriting the tail of %s", partition->directory);
        }
    }
    return MR_OK;
}

/* ---- the directory ---- */

static const mr_segment *segment_of(const mr_partition *partition, int64_t base) {
    for (size_t i = 0; i < partition->segments_count; i++) {
        if (partition->segments[i].base_offset == base) {
            return &partition->segments[i];
        }
    }
    return NULL;
}

static mr_status remove_file(mr_recovery *recovery, const mr_partition *partition, int64_t base,
                             mr_segment_file file, mr_err *err) {
    char *path = mr_partition_path(partition, base, file);
    mr_status status = mr_disk_remove(recovery->disk, path, err);
    mr_free(path);
    return status == MR_NOT_FOUND ? MR_OK : status;
}

static mr_status fit_files(mr_recovery *recovery, const mr_partition *partition,
                           const mr_segment_listing *listing, mr_err *err) {
    mr_status status = MR_OK;
    for (size_t i = 0; i < listing->tails_count && status == MR_OK; i++) {
        status = remove_file(recovery, partition, listing->tails[i], MR_SEGMENT_TAIL, err);
    }
    for (size_t i = 0; i < listing->indexes_count && status == MR_OK; i++) {
        const mr_segment *segment = segment_of(partition, listing->indexes[i]);
        if (!segment || !segment->index_stored) {
            status = remove_file(recovery, partition, listing->indexes[i], MR_SEGMENT_INDEX, err);
        }
    }
    /* From the end backwards: a cut-short removal must not leave a gap that looks like a loss. */
    for (size_t i = listing->count; i > 0 && status == MR_OK; i--) {
        const mr_segment *segment = segment_of(partition, listing->bases[i - 1]);
        if (!segment) {
            status = remove_file(recovery, partition, listing->bases[i - 1], MR_SEGMENT_LOG, err);
        } else if (segment->size_bytes < listing->sizes_bytes[i - 1]) {
            status = cut_file(recovery, partition, segment->base_offset, segment->size_bytes, err);
        }
    }
    return status;
}

mr_status mr_recovery_sync_top(mr_recovery *recovery, mr_err *err) {
    mr_status status = mr_disk_sync_dir(recovery->disk, "", err);
    return status == MR_OK ? mr_disk_sync_dir(recovery->disk, "log", err) : status;
}

mr_status mr_recovery_fit_directory(mr_recovery *recovery, const mr_partition *partition,
                                    mr_err *err) {
    mr_status status = mr_recovery_sync_top(recovery, err);
    mr_segment_listing listing = {0};
    if (status == MR_OK) {
        status = mr_segment_list(recovery->disk, partition, &listing, err);
    }
    if (status == MR_OK && listing.found) {
        status = fit_files(recovery, partition, &listing, err);
        if (status == MR_OK) {
            status = mr_disk_sync_dir(recovery->disk, partition->directory, err);
        }
    }
    mr_segment_listing_deinit(&listing);
    recovery->changed = true;
    return status == MR_OK ? MR_OK : mr_err_wrap(err, status, "repairing %s", partition->directory);
}

typedef struct strays {
    mr_recovery *recovery;
    char **paths;
    size_t count;
    size_t cap;
} strays;

/* "<topic>-<n>" of a topic that was removed and not made anew. */
static bool is_removed(const mr_log_state *state, const char *name) {
    const char *dash = strrchr(name, '-');
    if (!dash) {
        return false;
    }
    mr_bytes topic = mr_bytes_of(name, (size_t)(dash - name));
    return mr_map_get(state->removed, topic) && !mr_map_get(state->topics, topic);
}

static mr_status visit_stray(void *arg, const char *name) {
    strays *found = arg;
    if (!is_removed(found->recovery->state, name)) {
        return MR_OK; /* never ours to throw away, whatever it is */
    }
    char path[512];
    snprintf(path, sizeof(path), "log/%s", name);
    if (found->count == found->cap) {
        found->cap = found->cap ? found->cap * 2 : 8;
        found->paths = mr_realloc(found->paths, found->cap * sizeof(char *));
    }
    found->paths[found->count++] = mr_strdup(path);
    return MR_OK;
}

mr_status mr_recovery_remove_strays(mr_recovery *recovery, mr_err *err) {
    strays found = {.recovery = recovery};
    mr_status status = mr_disk_list(recovery->disk, "log", visit_stray, &found, err);
    for (size_t i = 0; i < found.count; i++) {
        if (status == MR_OK) {
            status = mr_disk_remove_tree(recovery->disk, found.paths[i], err);
        }
        mr_free(found.paths[i]);
    }
    if (status == MR_OK && found.count > 0) {
        recovery->changed = true;
        status = mr_disk_sync_dir(recovery->disk, "log", err);
    }
    mr_free(found.paths);
    return status;
}

/* ---- appending ---- */

static void assign(mr_partition *partition, mr_buf *batches) {
    for (size_t at = 0; at < batches->len;) {
        mr_batch_info info;
        mr_status status = mr_batch_peek(mr_bytes_of(batches->data + at, batches->len - at), &info);
        MR_ASSERT(status == MR_OK);
        info.base_offset = partition->end;
        mr_batch_assign(batches->data + at, info.base_offset, 0);
        mr_partition_note_batch(partition, &info);
        at += info.size_bytes;
    }
}

mr_status mr_recovery_append(mr_recovery *recovery, mr_partition *partition, mr_buf *batches,
                             mr_err *err) {
    recovery->changed = true;
    mr_disk *disk = recovery->disk;
    bool fresh = partition->segments_count == 0;
    mr_status status = MR_OK;
    if (fresh) {
        mr_partition_add_segment(partition, partition->end)->created_ms = recovery->now.wall_ms;
        status = mr_disk_make_dir(disk, partition->directory, err);
    }
    mr_segment *active = mr_partition_active(partition);
    uint64_t at = active->size_bytes;
    char *path = mr_partition_path(partition, active->base_offset, MR_SEGMENT_LOG);
    mr_file *file = NULL;
    if (status == MR_OK) {
        status = mr_disk_open(disk, path, MR_DISK_CREATE, &file, err);
    }
    if (status == MR_OK) {
        assign(partition, batches);
        status = mr_disk_write_full(file, batches->data, batches->len, at, err);
    }
    if (status == MR_OK) {
        status = mr_disk_sync(file, err);
    }
    mr_file_close(file);
    if (status == MR_OK && fresh) {
        status = mr_disk_sync_dir(disk, partition->directory, err);
        if (status == MR_OK) {
            status = mr_disk_sync_dir(disk, "log", err);
        }
    }
    if (status != MR_OK) {
        (void)mr_err_wrap(err, status, "writing %s", path);
    }
    mr_free(path);
    return status;
}
