#include <inttypes.h>

#include "log/core/core_state.h"
#include "runtime/base/alloc.h"
#include "runtime/base/assert.h"

static int64_t first_wanted(const mr_partition *partition, int64_t offset) {
    return offset > partition->start ? offset : partition->start;
}

static void fill_ends(mr_log_request *request, const mr_partition *partition) {
    request->fetched.offset = request->offset;
    request->fetched.start = partition->start;
    request->fetched.stable_end = partition->stable_end;
}

/* Reads `bytes` of the segment where the fetch stands. */
static void begin_read(mr_log_core *core, mr_partition *partition, mr_parked_fetch *fetch,
                       uint32_t bytes) {
    mr_segment *segment = mr_partition_segment_based(partition, fetch->place.segment_base);
    MR_ASSERT(segment);
    uint32_t file = mr_core_file(core, partition, segment);
    mr_log_effect *read = mr_core_effect(core, MR_LOG_EFFECT_READ);
    read->file = file;
    read->at = fetch->place.position;
    read->bytes_max = bytes;
    read->io = mr_core_io_begin(core, MR_CORE_IO_READ, partition, segment->base_offset, fetch);
    fetch->next = core->reading;
    core->reading = fetch;
}

static void start_fetch(mr_log_core *core, mr_partition *partition, mr_parked_fetch *fetch) {
    fetch->offset = first_wanted(partition, fetch->request->offset);
    fetch->place = mr_fetch_locate(partition, fetch->offset);
    begin_read(core, partition, fetch,
               mr_fetch_read_bytes(&fetch->place, fetch->request->bytes_max));
}

void mr_core_fetch(mr_log_core *core, mr_log_request *request) {
    mr_partition *partition;
    core->counters.fetches++;
    mr_status status = mr_core_partition(core, request->partition, &partition, &request->err);
    if (status == MR_OK && (request->bytes_max < 1 || request->bytes_max > MR_FETCH_BYTES_MAX ||
                            request->offset < 0)) {
        status = mr_err_set(&request->err, MR_INVALID, "a fetch of %" PRIu32 " bytes at %" PRId64,
                            request->bytes_max, request->offset);
    }
    if (status == MR_OK && request->offset > partition->end) {
        status =
            mr_err_set(&request->err, MR_INVALID,
                       "%s-%" PRId32 " ends at %" PRId64 ", there is no offset %" PRId64,
                       partition->topic->name, partition->number, partition->end, request->offset);
    }
    if (status != MR_OK) {
        mr_core_reply(core, request, status);
        return;
    }
    bool there = first_wanted(partition, request->offset) < partition->stable_end;
    if (!there && request->wait == MR_LOG_NO_WAIT) {
        fill_ends(request, partition);
        mr_core_reply(core, request, MR_OK);
        return;
    }
    mr_parked_fetch *fetch = mr_alloc(sizeof(*fetch));
    fetch->request = request;
    fetch->partition = partition->id;
    if (there) {
        start_fetch(core, partition, fetch);
    } else {
        fetch->next = partition->parked;
        partition->parked = fetch;
    }
}

void mr_core_wake_fetches(mr_log_core *core, mr_partition *partition) {
    mr_parked_fetch **link = &partition->parked;
    while (*link) {
        mr_parked_fetch *fetch = *link;
        if (first_wanted(partition, fetch->request->offset) >= partition->stable_end) {
            link = &fetch->next;
            continue;
        }
        *link = fetch->next;
        start_fetch(core, partition, fetch);
    }
}

void mr_core_answer_parked(mr_log_core *core, mr_partition *partition, mr_status status,
                           const char *message) {
    while (partition->parked) {
        mr_parked_fetch *fetch = partition->parked;
        partition->parked = fetch->next;
        fill_ends(fetch->request, partition);
        mr_core_reply(core, fetch->request,
                      mr_err_set(&fetch->request->err, status, "%s", message));
        mr_free(fetch);
    }
}

static void unlink_reading(mr_log_core *core, mr_parked_fetch *fetch) {
    mr_parked_fetch **link = &core->reading;
    while (*link != fetch) {
        MR_ASSERT(*link);
        link = &(*link)->next;
    }
    *link = fetch->next;
    fetch->next = NULL;
}

static void end_fetch(mr_log_core *core, mr_parked_fetch *fetch, mr_status status) {
    mr_core_reply(core, fetch->request, status);
    mr_free(fetch);
}

static void answer(mr_log_core *core, mr_partition *partition, mr_parked_fetch *fetch,
                   mr_shared *read, const mr_fetch_cut *cut) {
    if (cut->begin > 0) {
        memmove(read->data, read->data + cut->begin, cut->len);
    }
    read->len = cut->len;
    mr_log_request *request = fetch->request;
    fill_ends(request, partition);
    request->fetched.bytes = read;
    request->fetched.segment_base = fetch->place.segment_base;
    request->fetched.segment_position = fetch->place.position + cut->begin;
    mr_aborted *aborted = NULL;
    request->fetched.aborted_count =
        mr_fetch_aborted(partition, fetch->offset, cut->next_offset, &aborted);
    request->fetched.aborted = aborted;
    mr_fetch_remember(partition, cut->next_offset, fetch->place.segment_base,
                      fetch->place.position + cut->begin + cut->len);
    end_fetch(core, fetch, MR_OK);
}

/* The bytes came: answers, or reads on where the wanted batch begins. */
static void take_read(mr_log_core *core, mr_partition *partition, mr_parked_fetch *fetch,
                      mr_shared *read) {
    mr_log_request *request = fetch->request;
    mr_fetch_cut cut;
    mr_status status = mr_fetch_trim(mr_bytes_of(read->data, read->len), fetch->offset,
                                     partition->stable_end, request->bytes_max, &cut);
    if (status == MR_OK && cut.len > 0) {
        answer(core, partition, fetch, read, &cut);
        return;
    }
    size_t got = read->len;
    mr_shared_unref(read);
    mr_segment *segment = mr_partition_segment_based(partition, fetch->place.segment_base);
    bool more = status == MR_OK && segment && cut.need_bytes > 0 && (cut.begin > 0 || got > 0) &&
                (cut.begin > 0 || cut.need_bytes > got) &&
                fetch->place.position + cut.begin + cut.need_bytes <= segment->size_bytes;
    if (!more) {
        end_fetch(core, fetch,
                  mr_err_set(&request->err, MR_CORRUPT,
                             "%s: no batch holds offset %" PRId64 " in the segment of %" PRId64,
                             partition->directory, fetch->offset, fetch->place.segment_base));
        return;
    }
    fetch->place.position += cut.begin;
    fetch->place.size_bytes = segment->size_bytes;
    uint32_t want = mr_fetch_read_bytes(&fetch->place, request->bytes_max);
    begin_read(core, partition, fetch, want < cut.need_bytes ? (uint32_t)cut.need_bytes : want);
}

/* Nothing else is done about it: what can still be read is, and the next recovery looks anew. */
static mr_status read_failed(const mr_partition *partition, const mr_parked_fetch *fetch, int sys,
                             mr_err *err) {
    char *path = mr_partition_path(partition, fetch->place.segment_base, MR_SEGMENT_LOG);
    mr_status status =
        mr_err_sys(err, MR_UNAVAILABLE, sys, "reading %s at byte %" PRIu64 " for offset %" PRId64,
                   path, fetch->place.position, fetch->offset);
    mr_free(path);
    return status;
}

void mr_core_fetch_read(mr_log_core *core, mr_parked_fetch *fetch, const mr_log_event *event) {
    unlink_reading(core, fetch);
    mr_log_request *request = fetch->request;
    mr_partition *partition;
    mr_status status = mr_core_partition(core, fetch->partition, &partition, &request->err);
    if (status == MR_OK && event->status != MR_OK) {
        bool purged = fetch->offset < partition->start;
        status = purged ? MR_OK : read_failed(partition, fetch, event->sys, &request->err);
    }
    if (status != MR_OK) {
        mr_shared_unref(event->read);
        end_fetch(core, fetch, status);
        return;
    }
    if (fetch->offset < partition->start) {
        mr_shared_unref(event->read); /* purged meanwhile: what was read may be gone, ask anew */
        fill_ends(request, partition);
        end_fetch(core, fetch, MR_OK);
        return;
    }
    take_read(core, partition, fetch, event->read);
}

void mr_core_fetches_fail(mr_log_core *core) {
    while (core->reading) {
        mr_parked_fetch *fetch = core->reading;
        core->reading = fetch->next;
        fetch->request->err = core->failure;
        end_fetch(core, fetch, core->failure.status);
    }
    for (size_t i = 0; i < core->state->partitions_count; i++) {
        if (core->state->partitions[i]) {
            mr_core_answer_parked(core, core->state->partitions[i], core->failure.status,
                                  core->failure.message);
        }
    }
}
