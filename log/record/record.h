/* log/record/record.h - one record as plain data. Source of the format: Kafka DefaultRecord.
 * Thread: any; everything is borrowed. */
#pragma once

#include "runtime/base/bytes.h"

/* No log gets so far (at a thousand million records a second it takes 146 years): a greater offset
 * in outside bytes is broken, and below it sums of offsets and counts stay in range. */
#define MR_OFFSET_MAX (INT64_MAX / 2)

typedef struct mr_header {
    mr_bytes key;   /* never null */
    mr_bytes value; /* may be null */
} mr_header;

typedef struct mr_record {
    int64_t offset; /* set when read; ignored when written */
    int64_t timestamp_ms;
    mr_bytes key;   /* null: no key */
    mr_bytes value; /* null: no value (a tombstone) */
    const mr_header *headers;
    size_t headers_count;
} mr_record;
