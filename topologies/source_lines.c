#include "topologies/source_lines.h"

#include "runtime/base/alloc.h"
#include "runtime/base/assert.h"

/* Bytes of the break at `at`: LF, CR, CRLF, NEL (C2 85), LS and PS (E2 80 A8, A9); 0: none. */
static size_t break_length(mr_bytes source, size_t at) {
    const uint8_t *p = source.data + at;
    size_t left = source.len - at;
    if (p[0] == '\n') {
        return 1;
    }
    if (p[0] == '\r') {
        return left > 1 && p[1] == '\n' ? 2 : 1;
    }
    if (left > 1 && p[0] == 0xc2 && p[1] == 0x85) {
        return 2;
    }
    if (left > 2 && p[0] == 0xe2 && p[1] == 0x80 && (p[2] == 0xa8 || p[2] == 0xa9)) {
        return 3;
    }
    return 0;
}

static size_t next_break(mr_bytes source, size_t from, size_t *length_out) {
    for (size_t at = from; at < source.len; at++) {
        size_t length = break_length(source, at);
        if (length > 0) {
            *length_out = length;
            return at;
        }
    }
    *length_out = 0;
    return source.len;
}

size_t mr_source_mark_bytes(mr_bytes source) {
    return source.len >= 3 && memcmp(source.data, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
}

void mr_source_lines_init(mr_source_lines *lines, mr_bytes source) {
    MR_ASSERT(source.data != NULL || source.len == 0);
    size_t cap = 64;
    *lines = (mr_source_lines){.source = source, .starts = mr_alloc_array(cap, sizeof(size_t))};
    size_t at = mr_source_mark_bytes(source);
    for (;;) {
        if (lines->count == cap) {
            cap *= 2;
            lines->starts = mr_realloc(lines->starts, cap * sizeof(size_t));
        }
        lines->starts[lines->count++] = at;
        size_t length = 0;
        at = next_break(source, at, &length);
        if (length == 0) {
            return;
        }
        at += length;
    }
}

void mr_source_lines_deinit(mr_source_lines *lines) {
    mr_free(lines->starts);
    *lines = (mr_source_lines){0};
}

mr_bytes mr_source_line(const mr_source_lines *lines, uint32_t line) {
    if (line == 0 || line > lines->count) {
        return mr_bytes_of("", 0);
    }
    size_t start = lines->starts[line - 1];
    size_t length = 0;
    size_t end = next_break(lines->source, start, &length);
    return mr_bytes_of(
        lines->source.data == NULL ? (const uint8_t *)"" : lines->source.data + start, end - start);
}

mr_place mr_source_place(const mr_source_lines *lines, size_t offset) {
    uint32_t line = lines->count;
    while (line > 1 && lines->starts[line - 1] > offset) {
        line--;
    }
    mr_place place = {.line = line, .column = 1};
    mr_bytes text = mr_source_line(lines, line);
    size_t inside = offset - lines->starts[line - 1];
    for (size_t at = 1; at <= inside && at <= text.len; at++) {
        place.column += at == text.len || (text.data[at] & 0xc0) != 0x80;
    }
    return place;
}
