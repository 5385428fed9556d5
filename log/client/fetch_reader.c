#include "log/client/fetch_reader.h"

#include <inttypes.h>

#include "runtime/base/alloc.h"
#include "runtime/base/assert.h"

struct mr_fetch_reader {
    mr_batch_reader *batches;
    mr_shared *bytes;
    size_t at;           /* of the next batch */
    size_t batch_at;     /* of the one last looked at */
    int64_t offset;      /* the first one wanted */
    int64_t next_offset; /* to fetch on from */
    int64_t segment_base;
    uint64_t segment_position;
    mr_aborted *aborted;
    size_t aborted_count;
    size_t aborted_cap;
    bool in_batch;
    bool first_in_batch;
    bool broken;
    mr_batch_info info;
};

mr_fetch_reader *mr_fetch_reader_create(void) {
    mr_fetch_reader *reader = mr_alloc(sizeof(*reader));
    reader->batches = mr_batch_reader_create();
    return reader;
}

void mr_fetch_reader_destroy(mr_fetch_reader *reader) {
    if (!reader) {
        return;
    }
    mr_shared_unref(reader->bytes);
    mr_batch_reader_destroy(reader->batches);
    mr_free(reader->aborted);
    mr_free(reader);
}

void mr_fetch_reader_open(mr_fetch_reader *reader, const mr_fetched *fetched) {
    mr_shared *bytes = fetched->bytes ? mr_shared_ref(fetched->bytes) : NULL;
    mr_shared_unref(reader->bytes);
    reader->bytes = bytes;
    reader->at = 0;
    reader->offset = fetched->offset > fetched->start ? fetched->offset : fetched->start;
    reader->next_offset = reader->offset;
    reader->segment_base = fetched->segment_base;
    reader->segment_position = fetched->segment_position;
    reader->in_batch = false;
    reader->broken = false;
    if (fetched->aborted_count > reader->aborted_cap) {
        reader->aborted_cap = fetched->aborted_count;
        reader->aborted =
            mr_realloc(reader->aborted, reader->aborted_cap * sizeof(*reader->aborted));
    }
    reader->aborted_count = fetched->aborted_count;
    if (fetched->aborted_count > 0) {
        memcpy(reader->aborted, fetched->aborted,
               fetched->aborted_count * sizeof(*reader->aborted));
    }
}

static bool is_aborted(const mr_fetch_reader *reader, const mr_batch_info *info) {
    if ((info->attributes & MR_ATTRIBUTE_TRANSACTIONAL) == 0) {
        return false;
    }
    for (size_t i = 0; i < reader->aborted_count; i++) {
        const mr_aborted *aborted = &reader->aborted[i];
        if (aborted->producer_id == info->producer_id &&
            aborted->producer_epoch == info->producer_epoch &&
            info->base_offset >= aborted->offset_first &&
            mr_batch_last_offset(info) <= aborted->offset_last) {
            return true;
        }
    }
    return false;
}

static mr_status corrupt(mr_fetch_reader *reader, mr_err *err, const char *what) {
    reader->broken = true;
    return mr_err_set(err, MR_CORRUPT,
                      "%s, at offset %" PRId64 ", in the segment file %020" PRId64
                      ".log from byte %" PRIu64,
                      what, reader->next_offset, reader->segment_base,
                      reader->segment_position + reader->batch_at);
}

/* Opens the next batch that has records for the reader. MR_NOT_FOUND: none is left. */
static mr_status open_batch(mr_fetch_reader *reader, mr_err *err) {
    while (reader->bytes && reader->at < reader->bytes->len) {
        mr_bytes rest =
            mr_bytes_of(reader->bytes->data + reader->at, reader->bytes->len - reader->at);
        reader->batch_at = reader->at;
        if (mr_batch_check(rest, &reader->info) != MR_OK) {
            return corrupt(reader, err, "a batch does not match its checksum");
        }
        const mr_batch_info *info = &reader->info;
        reader->at += info->size_bytes;
        bool skip = mr_batch_last_offset(info) < reader->offset ||
                    (info->attributes & MR_ATTRIBUTE_CONTROL) != 0 || is_aborted(reader, info);
        if (!skip) {
            if (mr_batch_reader_open(reader->batches, mr_bytes_of(rest.data, info->size_bytes),
                                     info) != MR_OK) {
                return corrupt(reader, err, "a batch does not open");
            }
            reader->in_batch = true;
            reader->first_in_batch = true;
            return MR_OK;
        }
        if (mr_batch_last_offset(info) + 1 > reader->next_offset) {
            reader->next_offset = mr_batch_last_offset(info) + 1;
        }
    }
    return MR_NOT_FOUND;
}

/* The next record of the open batch that is wanted; MR_NOT_FOUND: it is at its end. */
static mr_status next_in_batch(mr_fetch_reader *reader, mr_record *out, mr_fetch_batch *batch_out,
                               mr_err *err) {
    for (;;) {
        mr_status status = mr_batch_reader_next(reader->batches, out);
        if (status == MR_NOT_FOUND) {
            reader->in_batch = false;
            reader->next_offset = mr_batch_last_offset(&reader->info) + 1;
            return MR_NOT_FOUND;
        }
        if (status != MR_OK) {
            return corrupt(reader, err, "a record does not decode");
        }
        bool first = reader->first_in_batch;
        reader->first_in_batch = false;
        if (out->offset < reader->offset) {
            continue;
        }
        reader->next_offset = out->offset + 1;
        if (batch_out) {
            *batch_out = (mr_fetch_batch){.producer_id = reader->info.producer_id,
                                          .producer_epoch = reader->info.producer_epoch,
                                          .first_in_batch = first};
        }
        return MR_OK;
    }
}

mr_status mr_fetch_reader_next(mr_fetch_reader *reader, mr_record *out, mr_fetch_batch *batch_out,
                               mr_err *err) {
    if (reader->broken) {
        return corrupt(reader, err, "a batch is broken");
    }
    for (;;) {
        if (!reader->in_batch) {
            mr_status status = open_batch(reader, err);
            if (status != MR_OK) {
                return status;
            }
        }
        mr_status status = next_in_batch(reader, out, batch_out, err);
        if (status != MR_NOT_FOUND) {
            return status;
        }
    }
}

int64_t mr_fetch_reader_next_offset(const mr_fetch_reader *reader) {
    return reader->next_offset;
}
