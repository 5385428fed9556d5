#include "log/record/wire.h"

#include "runtime/base/assert.h"
#include "runtime/base/varint.h"

void mr_wire_put_string(mr_buf *out, mr_bytes text) {
    MR_ASSERT(!mr_bytes_is_null(text));
    MR_ASSERT(text.len <= INT16_MAX);
    mr_buf_put_be16(out, (uint16_t)text.len);
    mr_buf_put_bytes(out, text);
}

mr_bytes mr_wire_get_string(mr_reader *reader) {
    uint16_t len = mr_reader_be16(reader);
    if (len > INT16_MAX) {
        reader->failed = true;
        return MR_BYTES_NULL;
    }
    return mr_reader_take(reader, len);
}

void mr_wire_put_compact(mr_buf *out, mr_bytes text) {
    MR_ASSERT(!mr_bytes_is_null(text));
    mr_buf_put_uvarint(out, (uint64_t)text.len + 1);
    mr_buf_put_bytes(out, text);
}

mr_bytes mr_wire_get_compact(mr_reader *reader) {
    uint64_t len = mr_reader_uvarint(reader);
    if (reader->failed || len == 0 || len - 1 > mr_reader_left(reader)) {
        reader->failed = true;
        return MR_BYTES_NULL;
    }
    return mr_reader_take(reader, (size_t)len - 1);
}

void mr_wire_put_count(mr_buf *out, size_t count) {
    mr_buf_put_uvarint(out, (uint64_t)count + 1);
}

size_t mr_wire_get_count(mr_reader *reader, size_t item_bytes_min) {
    uint64_t count = mr_reader_uvarint(reader);
    if (reader->failed || count == 0) {
        return 0;
    }
    if (count - 1 > mr_reader_left(reader) / item_bytes_min) {
        reader->failed = true;
        return 0;
    }
    return (size_t)count - 1;
}

void mr_wire_put_tags_count(mr_buf *out, size_t count) {
    mr_buf_put_uvarint(out, count);
}

void mr_wire_put_tag_begin(mr_buf *out, uint32_t tag, size_t content_bytes) {
    mr_buf_put_uvarint(out, tag);
    mr_buf_put_uvarint(out, content_bytes);
}

void mr_wire_put_tag(mr_buf *out, uint32_t tag, mr_bytes content) {
    mr_wire_put_tag_begin(out, tag, content.len);
    mr_buf_put_bytes(out, content);
}

mr_wire_tags mr_wire_tags_begin(mr_reader *reader) {
    uint64_t count = mr_reader_uvarint(reader);
    /* Each takes at least two bytes, so a huge count fails here and not after a long walk. */
    if (!reader->failed && count > mr_reader_left(reader) / 2) {
        reader->failed = true;
    }
    return (mr_wire_tags){reader, reader->failed ? 0 : count, -1};
}

bool mr_wire_tags_next(mr_wire_tags *tags, uint64_t *tag_out, mr_reader *content_out) {
    mr_reader *reader = tags->reader;
    if (tags->left == 0 || reader->failed) {
        return false;
    }
    tags->left--;
    uint64_t tag = mr_reader_uvarint(reader);
    uint64_t size = mr_reader_uvarint(reader);
    if (reader->failed || tag > UINT32_MAX || (int64_t)tag <= tags->last ||
        size > mr_reader_left(reader)) {
        reader->failed = true;
        return false;
    }
    tags->last = (int64_t)tag;
    *tag_out = tag;
    *content_out = mr_reader_of(mr_reader_take(reader, (size_t)size));
    return true;
}

void mr_wire_skip_tags(mr_reader *reader) {
    mr_wire_tags tags = mr_wire_tags_begin(reader);
    uint64_t tag;
    mr_reader content;
    while (mr_wire_tags_next(&tags, &tag, &content)) {
    }
}
