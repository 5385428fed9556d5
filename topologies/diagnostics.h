/* topologies/diagnostics.h - all errors and warnings of a check, sorted by position.
 * Thread: owner only. Columns count characters (as libyaml marks), from 1. */
#pragma once

#include "runtime/base/bytes.h"

typedef struct mr_place {
    uint32_t line;   /* 1-based; 0: no place */
    uint32_t column; /* 1-based, in characters */
} mr_place;

typedef enum mr_severity { MR_SEVERITY_ERROR, MR_SEVERITY_WARNING } mr_severity;

/* X(code, summary): codes are stable and never reused; topologies/diagnostic_codes.h holds the
 * table. */
typedef struct mr_diagnostics mr_diagnostics;

/* source: the file's text for the quoted lines, borrowed for life; file: its name as shown, copied.
 */
mr_diagnostics *mr_diagnostics_create(const char *file, mr_bytes source);
void mr_diagnostics_destroy(mr_diagnostics *diagnostics);
/* length: characters the caret line underlines (at least 1). code: "E203". hint: what would be
 * right, NULL: none. */
void mr_diagnostics_add(mr_diagnostics *diagnostics, mr_severity severity, const char *code,
                        mr_place place, uint32_t length, const char *hint, const char *format, ...)
    MR_PRINTF(7, 8);
size_t mr_diagnostics_errors(const mr_diagnostics *diagnostics);
size_t mr_diagnostics_warnings(const mr_diagnostics *diagnostics);
/* `file:line:column: error E203: ...`, the line, a caret, the hint; sorted by position; at most
 * MR_DIAGNOSTICS_MAX and then a line that says how many more. */
void mr_diagnostics_format(const mr_diagnostics *diagnostics, mr_buf *out);
/* The candidate nearest to word by edit distance (at most 2, or a third of its length), or NULL. */
const char *mr_suggest(const char *word, const char *const *candidates, size_t count);
