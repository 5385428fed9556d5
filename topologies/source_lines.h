/* topologies/source_lines.h - the lines of a YAML text, broken where libyaml breaks them, so that
 * its marks find the line they mean. Thread: owner only. */
#pragma once

#include "topologies/diagnostics.h"

typedef struct mr_source_lines {
    mr_bytes source;
    size_t *starts; /* byte offsets */
    uint32_t count;
} mr_source_lines;

/* Bytes of the byte order mark that a text begins with: 3 or 0. It is no part of the first line. */
size_t mr_source_mark_bytes(mr_bytes source);

/* source is borrowed for life. */
void mr_source_lines_init(mr_source_lines *lines, mr_bytes source);
void mr_source_lines_deinit(mr_source_lines *lines);
/* Line from 1, without its break; empty beyond the end. */
mr_bytes mr_source_line(const mr_source_lines *lines, uint32_t line);
/* The place of the character that begins at or around a byte. */
mr_place mr_source_place(const mr_source_lines *lines, size_t offset);
