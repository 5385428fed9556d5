/* log/record/wire.h - the field encodings of Kafka's messages: classic strings, and the "flexible"
 * ones (compact strings and arrays, tagged fields). Source: Kafka's message generator, KIP-482.
 *
 *   classic string  i16 length, bytes
 *   compact string  uvarint length + 1 (0: null), bytes
 *   compact array   uvarint count + 1 (0: null), items
 *   tagged fields   uvarint count, then (uvarint tag ascending, uvarint size, bytes)*
 *
 * Gets are bounded: a failed one sets reader->failed and gives 0 or null. Thread: any.
 */
#pragma once

#include "runtime/base/bytes.h"

void mr_wire_put_string(mr_buf *out, mr_bytes text); /* classic; at most 32767 bytes, not null */
mr_bytes mr_wire_get_string(mr_reader *reader);      /* classic; null fails; borrowed */

void mr_wire_put_compact(mr_buf *out, mr_bytes text);
mr_bytes mr_wire_get_compact(mr_reader *reader); /* null fails; borrowed */

void mr_wire_put_count(mr_buf *out, size_t count);
/* A count of items that could stand in what is left, each of at least item_bytes_min > 0; null is
 * 0. */
size_t mr_wire_get_count(mr_reader *reader, size_t item_bytes_min);

/* Tags are written by hand: their count, then each, in ascending order. */
void mr_wire_put_tags_count(mr_buf *out, size_t count);
void mr_wire_put_tag(mr_buf *out, uint32_t tag, mr_bytes content);
/* Tag and size; the caller appends exactly content_bytes. */
void mr_wire_put_tag_begin(mr_buf *out, uint32_t tag, size_t content_bytes);

typedef struct mr_wire_tags {
    mr_reader *reader;
    uint64_t left;
    int64_t last; /* the tag before, -1 at first */
} mr_wire_tags;

mr_wire_tags mr_wire_tags_begin(mr_reader *reader);
/* false: no more, or failed (reader->failed tells). */
bool mr_wire_tags_next(mr_wire_tags *tags, uint64_t *tag_out, mr_reader *content_out);
void mr_wire_skip_tags(mr_reader *reader);
