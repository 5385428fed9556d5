/* runtime/engine/internal_header.h - what a record of an internal topic carries beside itself.
 *
 * One header per record, its key a single NUL byte (users' headers with that key are refused), its
 * value fields in the order of their tags, each at most once and left out where absent:
 *
 *     +---------+---------+ ...
 *     | uvarint | content |
 *     | tag     |         |
 *     +---------+---------+ ...
 *     1 time         zig-zag varint  carried time - record timestamp, never 0
 *     2 upstream     uvarint         number of the upstream task: on the first record of a batch,
 *                                    and on every time record
 *     3 window       zig-zag varint  start, then uvarint stop - start, never 0
 *     4 origin       uvarint         partition, uvarint offset, uvarint length, the topic's name:
 *                                    where the record was first read
 *     5 time record  zig-zag varint  announced minimum (INT64_MAX: ended; INT64_MIN + 1: silent
 *                                    and without a time); the record has no key, no value
 *     6 format       uvarint         mr_format_kind of the value, left out where it is JSON
 *
 * Example: carried 30 ms behind the timestamp, upstream 1:   01 3b 02 01
 * Thread: any.
 */
#pragma once

#include "log/record/record.h"
#include "topologies/plan.h"

typedef struct mr_internal {
    bool has_time; /* false: the record carries its timestamp */
    bool has_upstream;
    bool has_window;
    bool has_origin;
    bool has_minimum;      /* a time record */
    bool has_format;       /* false: the value is JSON */
    int64_t time_delta_ms; /* mr_internal_time_delta; a delta of 0 is written as absent */
    uint32_t upstream;
    int64_t window_start_ms;
    int64_t window_stop_ms;   /* > start */
    int32_t origin_partition; /* >= 0 */
    int64_t origin_offset;    /* >= 0 */
    mr_bytes origin_topic;    /* 1..MR_TOPIC_NAME_MAX bytes; borrowed from the decoded bytes */
    int64_t minimum_ms;
    mr_format_kind format; /* never MR_FORMAT_JSON */
} mr_internal;

/* The header's key. */
mr_bytes mr_internal_key(void);
bool mr_internal_is_key(mr_bytes key);
/* The value of the internal header among headers, null when there is none. */
mr_bytes mr_internal_find(const mr_header *headers, size_t count);

/* Differences wrap, so that any two times are representable. */
static inline int64_t mr_internal_time_delta(int64_t carried_ms, int64_t timestamp_ms) {
    return (int64_t)((uint64_t)carried_ms - (uint64_t)timestamp_ms);
}
/* The time a record with this timestamp carries. */
static inline int64_t mr_internal_time(const mr_internal *internal, int64_t timestamp_ms) {
    uint64_t delta = internal->has_time ? (uint64_t)internal->time_delta_ms : 0;
    return (int64_t)((uint64_t)timestamp_ms + delta);
}

/* Appends the header's value; nothing when all is absent (then the header is left out). */
void mr_internal_encode(const mr_internal *internal, mr_buf *out);
/* Null or empty bytes: all absent. MR_CORRUPT: cut off, unknown, repeated or unordered tags,
 * numbers out of their range. */
mr_status mr_internal_decode(mr_bytes bytes, mr_internal *out) MR_CHECKED;
