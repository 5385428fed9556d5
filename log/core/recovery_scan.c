#include "log/core/recovery_scan.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "runtime/base/alloc.h"
#include "runtime/base/assert.h"

#define WINDOW_HEADERS_BYTES 16384u /* a walk over headers reads little of each batch */
#define WINDOW_CHECK_BYTES 524288u
#define WINDOW_CAP (MR_BATCH_WIRE_BYTES_MAX + WINDOW_CHECK_BYTES)
#define INDEX_FILE_BYTES_MAX 268435456

struct mr_scan_window {
    mr_file *file;
    uint64_t at; /* of data[0] in the file */
    size_t len;
    uint8_t *data;
};

mr_scan_window *mr_scan_window_create(void) {
    mr_scan_window *window = mr_alloc(sizeof(*window));
    window->data = mr_alloc(WINDOW_CAP + MR_BUF_PADDING);
    return window;
}

void mr_scan_window_destroy(mr_scan_window *window) {
    if (window) {
        mr_free(window->data);
        mr_free(window);
    }
}

/* Bytes of the file from `at`: at least `need` of them unless the file ends before. */
static mr_status window_take(mr_scan_window *window, uint64_t at, size_t need, size_t chunk,
                             mr_bytes *out, mr_err *err) {
    MR_ASSERT(need <= WINDOW_CAP);
    bool inside = at >= window->at && at + need <= window->at + window->len;
    if (!inside) {
        size_t want = need > chunk ? need : chunk;
        size_t got = 0;
        window->len = 0;
        mr_status status = mr_disk_read_full(window->file, window->data, want, at, &got, err);
        if (status != MR_OK) {
            return status;
        }
        window->at = at;
        window->len = got;
    }
    size_t offset = (size_t)(at - window->at);
    *out = mr_bytes_of(window->data + offset, window->len - offset);
    return MR_OK;
}

/* ---- the directory ---- */

static void push_number(int64_t **numbers, size_t *count, size_t *cap, int64_t value) {
    if (*count == *cap) {
        *cap = *cap ? *cap * 2 : 8;
        *numbers = mr_realloc(*numbers, *cap * sizeof(int64_t));
    }
    (*numbers)[(*count)++] = value;
}

static mr_status visit_name(void *arg, const char *name) {
    mr_segment_listing *listing = arg;
    int64_t base = 0;
    for (size_t i = 0; i < 20; i++) {
        if (name[i] < '0' || name[i] > '9' || base > MR_OFFSET_MAX / 10) {
            return MR_OK; /* not ours */
        }
        base = base * 10 + (name[i] - '0');
    }
    const char *suffix = name + 20;
    if (strcmp(suffix, ".log") == 0) {
        push_number(&listing->bases, &listing->count, &listing->cap, base);
    } else if (strcmp(suffix, ".tail") == 0) {
        push_number(&listing->tails, &listing->tails_count, &listing->tails_cap, base);
    } else if (strcmp(suffix, ".index") == 0) {
        push_number(&listing->indexes, &listing->indexes_count, &listing->indexes_cap, base);
    }
    return MR_OK;
}

static int by_number(const void *left, const void *right) {
    int64_t a = *(const int64_t *)left;
    int64_t b = *(const int64_t *)right;
    return a < b ? -1 : a > b;
}

mr_status mr_segment_list(mr_disk *disk, const mr_partition *partition, mr_segment_listing *out,
                          mr_err *err) {
    *out = (mr_segment_listing){0};
    mr_status status = mr_disk_list(disk, partition->directory, visit_name, out, err);
    if (status == MR_NOT_FOUND) {
        return MR_OK;
    }
    if (status != MR_OK) {
        mr_segment_listing_deinit(out);
        return status;
    }
    out->found = true;
    if (out->count > 0) {
        qsort(out->bases, out->count, sizeof(int64_t), by_number);
    }
    out->sizes_bytes = mr_alloc_array(out->count, sizeof(uint64_t));
    for (size_t i = 0; i < out->count; i++) {
        mr_disk_info info;
        char *path = mr_partition_path(partition, out->bases[i], MR_SEGMENT_LOG);
        status = mr_disk_info_get(disk, path, &info, err);
        mr_free(path);
        if (status != MR_OK) {
            mr_segment_listing_deinit(out);
            return status;
        }
        out->sizes_bytes[i] = info.size_bytes;
    }
    return MR_OK;
}

void mr_segment_listing_deinit(mr_segment_listing *listing) {
    mr_free(listing->bases);
    mr_free(listing->sizes_bytes);
    mr_free(listing->tails);
    mr_free(listing->indexes);
    *listing = (mr_segment_listing){0};
}

/* ---- the segments ---- */

typedef struct scan {
    mr_disk *disk;
    mr_partition *partition;
    const mr_scan_plan *plan;
    mr_scan_window *window;
    mr_scan_result *result;
    bool mark_met; /* a batch ends exactly where the durable mark says */
} scan;

/* Loads the .index of a segment that nothing has to be checked in. false: it does not fit. */
static bool load_index(scan *s, int64_t base, uint64_t size_bytes, int64_t end_expected) {
    char *path = mr_partition_path(s->partition, base, MR_SEGMENT_INDEX);
    mr_buf bytes = {0};
    mr_status status = mr_disk_read_file(s->disk, path, INDEX_FILE_BYTES_MAX, &bytes, NULL);
    mr_free(path);
    mr_segment_index index = {0};
    int64_t end_offset = 0;
    if (status == MR_OK) {
        status = mr_segment_index_decode(mr_buf_view(&bytes), size_bytes, &index, &end_offset);
    }
    mr_buf_deinit(&bytes);
    if (status != MR_OK || end_offset != end_expected) {
        mr_segment_index_deinit(&index);
        return false; /* rebuilt by walking the headers: the index is a help, not a truth */
    }
    mr_segment *segment = mr_partition_active(s->partition);
    mr_segment_index_deinit(&segment->index);
    segment->index = index;
    segment->index_stored = true;
    segment->size_bytes = size_bytes;
    segment->end_offset = end_offset;
    s->partition->end = end_offset;
    return true;
}

static void look_for_mark(scan *s) {
    const mr_segment *segment = mr_partition_active(s->partition);
    const mr_log_place *mark = &s->plan->mark;
    if (segment->base_offset == mark->segment_base && segment->size_bytes == (uint64_t)mark->byte &&
        segment->end_offset == mark->offset) {
        s->mark_met = true;
    }
}

static mr_status take_batch(scan *s, mr_bytes bytes, const mr_batch_info *info, mr_err *err) {
    mr_partition *partition = s->partition;
    mr_partition_note_batch(partition, info);
    look_for_mark(s);
    const mr_segment *segment = mr_partition_active(partition);
    if (mr_batch_last_offset(info) < s->plan->scan_from) {
        return MR_OK;
    }
    s->result->batches++;
    s->result->bytes += info->size_bytes;
    mr_bytes batch = mr_bytes_of(bytes.data, info->size_bytes);
    if (info->attributes & MR_ATTRIBUTE_CONTROL) {
        mr_marker marker;
        if (mr_marker_parse(batch, info, &marker) == MR_OK) {
            (void)mr_partition_txn_marker(partition, info->producer_id, info->producer_epoch,
                                          marker);
        }
    } else if (info->attributes & MR_ATTRIBUTE_TRANSACTIONAL) {
        mr_partition_txn_data(partition, info, segment->base_offset, segment->size_bytes);
    }
    if (!s->plan->batch) {
        return MR_OK;
    }
    return s->plan->batch(s->plan->arg, batch, info, segment->base_offset, segment->size_bytes,
                          err);
}

/* Reads the next batch of the active segment. MR_AGAIN: the file is at its end. MR_CORRUPT: bad. */
static mr_status next_batch(scan *s, uint64_t file_bytes, mr_bytes *bytes, mr_batch_info *info,
                            mr_err *err) {
    const mr_segment *segment = mr_partition_active(s->partition);
    uint64_t at = segment->size_bytes;
    if (at == file_bytes) {
        return MR_AGAIN;
    }
    if (file_bytes - at < MR_BATCH_HEADER_BYTES) {
        return MR_CORRUPT;
    }
    bool checked = segment->end_offset >= s->plan->scan_from;
    size_t chunk = checked ? WINDOW_CHECK_BYTES : WINDOW_HEADERS_BYTES;
    mr_status status = window_take(s->window, at, MR_BATCH_HEADER_BYTES, chunk, bytes, err);
    if (status != MR_OK) {
        return status;
    }
    status = mr_batch_peek(*bytes, info);
    if (status == MR_CORRUPT || info->size_bytes == 0 || info->size_bytes > file_bytes - at ||
        info->base_offset != segment->end_offset) {
        return MR_CORRUPT;
    }
    if (mr_batch_last_offset(info) < s->plan->scan_from) {
        return MR_OK;
    }
    status = window_take(s->window, at, info->size_bytes, chunk, bytes, err);
    if (status != MR_OK) {
        return status;
    }
    status = mr_batch_check(*bytes, info);
    return status == MR_AGAIN ? MR_CORRUPT : status; /* the file grew shorter meanwhile */
}

/* Walks the active segment up to limit (the next segment's base) or its end. *bad: a batch is bad.
 */
static mr_status walk_segment(scan *s, uint64_t file_bytes, int64_t limit, bool *bad, mr_err *err) {
    mr_segment *segment = mr_partition_active(s->partition);
    char *path = mr_partition_path(s->partition, segment->base_offset, MR_SEGMENT_LOG);
    s->window->len = 0;
    mr_status status = mr_disk_open(s->disk, path, MR_DISK_READ, &s->window->file, err);
    mr_free(path);
    if (status != MR_OK) {
        return status;
    }
    while (segment->end_offset < limit) {
        mr_bytes bytes;
        mr_batch_info info;
        status = next_batch(s, file_bytes, &bytes, &info, err);
        if (status != MR_OK) {
            break;
        }
        status = take_batch(s, bytes, &info, err);
        if (status != MR_OK) {
            break;
        }
    }
    mr_file_close(s->window->file);
    *bad = status == MR_CORRUPT;
    return status == MR_AGAIN || status == MR_CORRUPT ? MR_OK : status;
}

static mr_status corrupt_at(const scan *s, int64_t base, uint64_t byte, const char *what,
                            mr_err *err) {
    char *path = mr_partition_path(s->partition, base, MR_SEGMENT_LOG);
    mr_status status = mr_err_set(
        err, MR_CORRUPT, "%s: %s at byte %" PRIu64 ", below what was synced", path, what, byte);
    mr_free(path);
    return status;
}

static bool below_mark(const scan *s, int64_t base, uint64_t byte) {
    const mr_log_place *mark = &s->plan->mark;
    return base < mark->segment_base || (base == mark->segment_base && byte < (uint64_t)mark->byte);
}

/* The first segment that still holds something at or above the log start. */
static size_t first_needed(const mr_segment_listing *listing, int64_t start) {
    size_t first = 0;
    while (first + 1 < listing->count && listing->bases[first + 1] <= start) {
        first++;
    }
    return first;
}

/* Takes in one segment; limit: the base of the next one. */
static mr_status scan_segment(scan *s, int64_t base, int64_t limit, uint64_t file_bytes,
                              mr_err *err) {
    const mr_log_place *mark = &s->plan->mark;
    (void)mr_partition_add_segment(s->partition, base);
    s->partition->end = base;
    int64_t settled = limit;
    if (limit == INT64_MAX && mark->segment_base == base) {
        settled = mark->offset;
    }
    bool bad = false;
    if (settled <= s->plan->scan_from && load_index(s, base, file_bytes, settled)) {
        look_for_mark(s);
    } else {
        mr_status status = walk_segment(s, file_bytes, limit, &bad, err);
        if (status != MR_OK) {
            return status;
        }
    }
    const mr_segment *segment = mr_partition_active(s->partition);
    if (bad && below_mark(s, base, segment->size_bytes)) {
        return corrupt_at(s, base, segment->size_bytes, "a batch is broken", err);
    }
    if (base == mark->segment_base && mark->byte > 0 && !s->mark_met) {
        return corrupt_at(s, base, (uint64_t)mark->byte, "no batch ends", err);
    }
    if (segment->size_bytes < file_bytes) {
        s->result->files_differ = true;
        s->result->torn_bytes += bad ? file_bytes - segment->size_bytes : 0;
    }
    return MR_OK;
}

static mr_status scan_segments(scan *s, const mr_segment_listing *listing, size_t first,
                               mr_err *err) {
    mr_partition *partition = s->partition;
    for (size_t i = first; i < listing->count; i++) {
        int64_t base = listing->bases[i];
        int64_t limit = i + 1 < listing->count ? listing->bases[i + 1] : INT64_MAX;
        if (i > first && base != partition->end) {
            const mr_segment *last = mr_partition_active(partition);
            if (base <= s->plan->mark.segment_base) {
                return corrupt_at(s, last->base_offset, last->size_bytes, "records are missing",
                                  err);
            }
            s->result->torn_bytes += listing->sizes_bytes[i];
            s->result->files_differ = true;
            continue; /* cut off with the end of the segment before */
        }
        mr_status status = scan_segment(s, base, limit, listing->sizes_bytes[i], err);
        if (status != MR_OK) {
            return status;
        }
    }
    return MR_OK;
}

/* The first segment is missing: a loss, unless nothing was durable yet. Then all of it is a torn
 * tail. */
static mr_status scan_without_begin(scan *s, const mr_segment_listing *listing, size_t first,
                                    mr_err *err) {
    const mr_scan_plan *plan = s->plan;
    if (plan->mark.offset > plan->start || plan->mark.byte > 0) {
        return corrupt_at(s, listing->bases[first], 0, "the segments before are missing", err);
    }
    s->partition->start = plan->start;
    s->partition->end = plan->start;
    for (size_t i = 0; i < listing->count; i++) {
        s->result->torn_bytes += listing->sizes_bytes[i];
    }
    s->result->files_differ = true;
    return MR_OK;
}

mr_status mr_scan_partition(mr_disk *disk, mr_partition *partition, const mr_scan_plan *plan,
                            mr_scan_window *window, mr_scan_result *out, mr_err *err) {
    *out = (mr_scan_result){0};
    scan s = {.disk = disk, .partition = partition, .plan = plan, .window = window, .result = out};
    mr_segment_listing listing;
    mr_status status = mr_segment_list(disk, partition, &listing, err);
    if (status != MR_OK) {
        return status;
    }
    size_t first = first_needed(&listing, plan->start);
    out->files_differ =
        first > 0 || listing.tails_count > 0 || listing.indexes_count > listing.count;
    if (listing.count == 0) {
        if (plan->mark.byte > 0 || plan->mark.segment_base > 0) {
            status = mr_err_set(err, MR_CORRUPT, "%s: its files are missing", partition->directory);
        }
    } else if (plan->start_known && listing.bases[first] > plan->start) {
        status = scan_without_begin(&s, &listing, first, err);
    } else {
        int64_t base = listing.bases[first];
        partition->start = plan->start > base ? plan->start : base;
        status = scan_segments(&s, &listing, first, err);
    }
    mr_segment_listing_deinit(&listing);
    if (status != MR_OK) {
        return status;
    }
    const mr_segment *last = mr_partition_active(partition);
    if (last && below_mark(&s, last->base_offset, last->size_bytes)) {
        return corrupt_at(&s, last->base_offset, last->size_bytes, "the log ends", err);
    }
    if (partition->end < partition->start) {
        return mr_err_set(err, MR_CORRUPT, "%s: the log ends before its start",
                          partition->directory);
    }
    out->tail = last &&
                (last->base_offset > plan->mark.segment_base ||
                 last->size_bytes > (uint64_t)plan->mark.byte) &&
                partition->end > plan->mark.offset;
    partition->stable_end =
        partition->open_count ? partition->open[0].offset_first : partition->end;
    return MR_OK;
}

int64_t mr_scan_created_ms(mr_disk *disk, mr_partition *partition, mr_scan_window *window) {
    const mr_segment *active = mr_partition_active(partition);
    char *path = mr_partition_path(partition, active->base_offset, MR_SEGMENT_LOG);
    mr_status status = mr_disk_open(disk, path, MR_DISK_READ, &window->file, NULL);
    mr_free(path);
    if (status != MR_OK) {
        return 0;
    }
    window->len = 0;
    int64_t created_ms = 0;
    for (uint64_t at = 0; at < active->size_bytes;) {
        mr_bytes bytes;
        mr_batch_info info;
        status = window_take(window, at, MR_BATCH_HEADER_BYTES, WINDOW_HEADERS_BYTES, &bytes, NULL);
        if (status != MR_OK || mr_batch_peek(bytes, &info) == MR_CORRUPT || info.size_bytes == 0) {
            break;
        }
        if ((info.attributes & MR_ATTRIBUTE_CONTROL) != 0 ||
            (info.attributes & MR_ATTRIBUTE_TRANSACTIONAL) == 0) {
            created_ms = info.max_timestamp_ms;
            break;
        }
        at += info.size_bytes;
    }
    mr_file_close(window->file);
    return created_ms;
}
