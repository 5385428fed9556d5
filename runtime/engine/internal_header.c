#include "runtime/engine/internal_header.h"

#include "runtime/base/assert.h"
#include "runtime/base/limits.h"
#include "runtime/base/varint.h"

enum { TAG_TIME = 1, TAG_UPSTREAM, TAG_WINDOW, TAG_ORIGIN, TAG_MINIMUM, TAG_FORMAT };

static const uint8_t header_key[1] = {0};

mr_bytes mr_internal_key(void) {
    return mr_bytes_of(header_key, sizeof header_key);
}

bool mr_internal_is_key(mr_bytes key) {
    return key.len == 1 && key.data[0] == 0;
}

mr_bytes mr_internal_find(const mr_header *headers, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (mr_internal_is_key(headers[i].key)) {
            return headers[i].value;
        }
    }
    return MR_BYTES_NULL;
}

void mr_internal_encode(const mr_internal *internal, mr_buf *out) {
    if (internal->has_time && internal->time_delta_ms != 0) {
        mr_buf_put_uvarint(out, TAG_TIME);
        mr_buf_put_varint(out, internal->time_delta_ms);
    }
    if (internal->has_upstream) {
        mr_buf_put_uvarint(out, TAG_UPSTREAM);
        mr_buf_put_uvarint(out, internal->upstream);
    }
    if (internal->has_window) {
        MR_ASSERT(internal->window_stop_ms > internal->window_start_ms);
        mr_buf_put_uvarint(out, TAG_WINDOW);
        mr_buf_put_varint(out, internal->window_start_ms);
        mr_buf_put_uvarint(out, (uint64_t)internal->window_stop_ms -
                                    (uint64_t)internal->window_start_ms);
    }
    if (internal->has_origin) {
        MR_ASSERT(internal->origin_partition >= 0);
        MR_ASSERT(internal->origin_offset >= 0);
        MR_ASSERT(internal->origin_topic.len > 0);
        MR_ASSERT(internal->origin_topic.len <= MR_TOPIC_NAME_MAX);
        mr_buf_put_uvarint(out, TAG_ORIGIN);
        mr_buf_put_uvarint(out, (uint64_t)internal->origin_partition);
        mr_buf_put_uvarint(out, (uint64_t)internal->origin_offset);
        mr_buf_put_uvarint(out, internal->origin_topic.len);
        mr_buf_put_bytes(out, internal->origin_topic);
    }
    if (internal->has_minimum) {
        mr_buf_put_uvarint(out, TAG_MINIMUM);
        mr_buf_put_varint(out, internal->minimum_ms);
    }
    if (internal->has_format) {
        MR_ASSERT(internal->format != MR_FORMAT_JSON);
        mr_buf_put_uvarint(out, TAG_FORMAT);
        mr_buf_put_uvarint(out, (uint64_t)internal->format);
    }
}

/* A number that must not be above max. */
static uint64_t read_bounded(mr_reader *r, uint64_t max) {
    uint64_t value = mr_reader_uvarint(r);
    if (value > max) {
        r->failed = true;
        return 0;
    }
    return value;
}

static void read_time(mr_reader *r, mr_internal *out) {
    out->has_time = true;
    out->time_delta_ms = mr_reader_varint(r);
    if (out->time_delta_ms == 0) {
        r->failed = true;
    }
}

static void read_window(mr_reader *r, mr_internal *out) {
    out->has_window = true;
    out->window_start_ms = mr_reader_varint(r);
    uint64_t size_max = (uint64_t)INT64_MAX - (uint64_t)out->window_start_ms;
    uint64_t size = read_bounded(r, size_max);
    if (size == 0) {
        r->failed = true;
    }
    out->window_stop_ms = (int64_t)((uint64_t)out->window_start_ms + size);
}

static void read_origin(mr_reader *r, mr_internal *out) {
    out->has_origin = true;
    out->origin_partition = (int32_t)read_bounded(r, INT32_MAX);
    out->origin_offset = (int64_t)read_bounded(r, INT64_MAX);
    size_t len = (size_t)read_bounded(r, MR_TOPIC_NAME_MAX);
    if (len == 0) {
        r->failed = true;
        return;
    }
    out->origin_topic = mr_reader_take(r, len);
}

mr_status mr_internal_decode(mr_bytes bytes, mr_internal *out) {
    *out = (mr_internal){0};
    mr_reader r = mr_reader_of(bytes);
    uint64_t tag_before = 0;
    while (!r.failed && mr_reader_left(&r) > 0) {
        uint64_t tag = mr_reader_uvarint(&r);
        if (tag <= tag_before) {
            r.failed = true;
        }
        tag_before = tag;
        switch (tag) {
        case TAG_TIME:
            read_time(&r, out);
            break;
        case TAG_UPSTREAM:
            out->has_upstream = true;
            out->upstream = (uint32_t)read_bounded(&r, UINT32_MAX);
            break;
        case TAG_WINDOW:
            read_window(&r, out);
            break;
        case TAG_ORIGIN:
            read_origin(&r, out);
            break;
        case TAG_MINIMUM:
            out->has_minimum = true;
            out->minimum_ms = mr_reader_varint(&r);
            break;
        case TAG_FORMAT:
            out->has_format = true;
            out->format = (mr_format_kind)read_bounded(&r, MR_FORMAT_JSON - 1);
            break;
        default:
            r.failed = true;
        }
    }
    if (r.failed) {
        *out = (mr_internal){0};
        return MR_CORRUPT;
    }
    return MR_OK;
}
