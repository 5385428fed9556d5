#include "topologies/diagnostics.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "runtime/base/alloc.h"
#include "runtime/base/assert.h"
#include "runtime/base/json.h"
#include "runtime/base/limits.h"
#include "runtime/base/map.h"
#include "topologies/source_lines.h"

/* Characters of a source line that are shown before and behind the place: a job squeezed into one
 * line must not fill the terminal. */
enum { SHOWN_BEFORE = 80, SHOWN_BEHIND = 120 };

typedef struct diagnostic {
    mr_severity severity;
    char code[8];
    mr_place place;
    uint32_t length;
    char *message;
    char *hint; /* NULL: none */
    size_t sequence;
} diagnostic;

struct mr_diagnostics {
    char *file;
    mr_source_lines lines;
    diagnostic *items;
    size_t count, cap;
    size_t errors;
    mr_map *seen; /* an alias brings the same node, and so the same error, twice */
};

mr_diagnostics *mr_diagnostics_create(const char *file, mr_bytes source) {
    mr_diagnostics *diagnostics = mr_alloc(sizeof *diagnostics);
    diagnostics->file = mr_strdup(file);
    mr_source_lines_init(&diagnostics->lines, source);
    diagnostics->seen = mr_map_create();
    return diagnostics;
}

void mr_diagnostics_destroy(mr_diagnostics *diagnostics) {
    if (diagnostics == NULL) {
        return;
    }
    for (size_t i = 0; i < diagnostics->count; i++) {
        mr_free(diagnostics->items[i].message);
        mr_free(diagnostics->items[i].hint);
    }
    mr_free(diagnostics->items);
    mr_free(diagnostics->file);
    mr_source_lines_deinit(&diagnostics->lines);
    mr_map_destroy(diagnostics->seen);
    mr_free(diagnostics);
}

static size_t character_length(const uint8_t *at, const uint8_t *end) {
    size_t length = 1;
    while (at + length < end && (at[length] & 0xc0) == 0x80) {
        length++;
    }
    return length;
}

/* Neither what would move the cursor (C1 controls are C2 80 to C2 9F) nor what is no character. */
static bool is_shown(const uint8_t *at, size_t length) {
    bool control = *at < 0x20 || *at == 0x7f || (length == 2 && at[0] == 0xc2 && at[1] < 0xa0);
    return !control && mr_utf8_check(mr_bytes_of(at, length)) == MR_OK;
}

/* Texts of the job reach messages; what would move the cursor does not reach the terminal. */
static void make_printable(char *text) {
    const uint8_t *at = (const uint8_t *)text;
    const uint8_t *end = at + strlen(text);
    char *to = text;
    while (at < end) {
        size_t length = character_length(at, end);
        if (is_shown(at, length)) {
            memmove(to, at, length);
            to += length;
        } else {
            *to++ = *at == '\n' || *at == '\t' ? ' ' : '?';
        }
        at += length;
    }
    *to = '\0';
}

static bool seen_before(mr_diagnostics *diagnostics, const diagnostic *item) {
    mr_buf name = {0};
    mr_buf_printf(&name, "%u:%u:%s:%s", item->place.line, item->place.column, item->code,
                  item->message);
    bool seen = mr_map_put(diagnostics->seen, mr_buf_view(&name), diagnostics) != NULL;
    mr_buf_deinit(&name);
    return seen;
}

void mr_diagnostics_add(mr_diagnostics *diagnostics, mr_severity severity, const char *code,
                        mr_place place, uint32_t length, const char *hint, const char *format,
                        ...) {
    MR_ASSERT(strlen(code) < sizeof diagnostics->items[0].code);
    diagnostic item = {.severity = severity, .place = place, .length = length == 0 ? 1 : length};
    memcpy(item.code, code, strlen(code) + 1);
    char message[MR_ERR_BYTES_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    make_printable(message);
    item.message = mr_strdup(message);
    if (seen_before(diagnostics, &item)) {
        mr_free(item.message);
        return;
    }
    if (hint != NULL) {
        item.hint = mr_strdup(hint);
        make_printable(item.hint);
    }
    item.sequence = diagnostics->count;
    if (diagnostics->count == diagnostics->cap) {
        diagnostics->cap = diagnostics->cap == 0 ? 16 : diagnostics->cap * 2;
        diagnostics->items = mr_realloc(diagnostics->items, diagnostics->cap * sizeof(diagnostic));
    }
    diagnostics->items[diagnostics->count++] = item;
    diagnostics->errors += severity == MR_SEVERITY_ERROR;
}

size_t mr_diagnostics_errors(const mr_diagnostics *diagnostics) {
    return diagnostics->errors;
}

size_t mr_diagnostics_warnings(const mr_diagnostics *diagnostics) {
    return diagnostics->count - diagnostics->errors;
}

static int compare_places(const void *left, const void *right) {
    const diagnostic *a = *(const diagnostic *const *)left;
    const diagnostic *b = *(const diagnostic *const *)right;
    if (a->place.line != b->place.line) {
        return a->place.line < b->place.line ? -1 : 1;
    }
    if (a->place.column != b->place.column) {
        return a->place.column < b->place.column ? -1 : 1;
    }
    return a->sequence < b->sequence ? -1 : 1;
}

/*    13 |       - window: {tumbing: 1m}
 *       |                  ^~~~~~~   one of tumbling, hopping
 * Tabs stay tabs in the caret's line, so that it stands right whatever their width. */
static void format_line(const diagnostic *item, mr_bytes line, mr_buf *out) {
    mr_buf caret = {0};
    const uint8_t *at = line.data;
    const uint8_t *end = line.data + line.len;
    uint32_t column = 1;
    uint32_t first = item->place.column > SHOWN_BEFORE ? item->place.column - SHOWN_BEFORE : 1;
    mr_buf_printf(out, "%5u | %s", item->place.line, first > 1 ? "..." : "");
    mr_buf_printf(&caret, "      | %s", first > 1 ? "   " : "");
    for (; at < end && column < item->place.column + SHOWN_BEHIND; column++) {
        size_t length = character_length(at, end);
        if (column >= first) {
            bool shown = *at == '\t' || is_shown(at, length);
            mr_buf_put(out, shown ? at : (const uint8_t *)"?", shown ? length : 1);
            if (column < item->place.column) {
                mr_buf_put_u8(&caret, *at == '\t' ? '\t' : ' ');
            }
        }
        at += length;
    }
    for (; column < item->place.column && column < first + SHOWN_BEFORE; column++) {
        mr_buf_put_u8(&caret, ' ');
    }
    mr_buf_put_text(out, at < end ? "...\n" : "\n");
    mr_buf_put_u8(&caret, '^');
    uint32_t left = column > item->place.column ? column - item->place.column : 1;
    for (uint32_t i = 1; i < item->length && i < left; i++) {
        mr_buf_put_u8(&caret, '~');
    }
    mr_buf_put_bytes(out, mr_buf_view(&caret));
    mr_buf_deinit(&caret);
}

static void format_item(const mr_diagnostics *diagnostics, const diagnostic *item, mr_buf *out) {
    const char *severity = item->severity == MR_SEVERITY_ERROR ? "error" : "warning";
    if (item->place.line == 0) {
        mr_buf_printf(out, "%s: %s %s: %s\n", diagnostics->file, severity, item->code,
                      item->message);
        if (item->hint != NULL) {
            mr_buf_printf(out, "      |   %s\n", item->hint);
        }
        return;
    }
    mr_buf_printf(out, "%s:%u:%u: %s %s: %s\n", diagnostics->file, item->place.line,
                  item->place.column, severity, item->code, item->message);
    format_line(item, mr_source_line(&diagnostics->lines, item->place.line), out);
    if (item->hint != NULL) {
        mr_buf_printf(out, "   %s", item->hint);
    }
    mr_buf_put_text(out, "\n");
}

void mr_diagnostics_format(const mr_diagnostics *diagnostics, mr_buf *out) {
    if (diagnostics->count == 0) {
        return;
    }
    const diagnostic **sorted = mr_alloc_array(diagnostics->count, sizeof *sorted);
    for (size_t i = 0; i < diagnostics->count; i++) {
        sorted[i] = &diagnostics->items[i];
    }
    qsort(sorted, diagnostics->count, sizeof *sorted, compare_places);
    size_t shown =
        diagnostics->count < MR_DIAGNOSTICS_MAX ? diagnostics->count : MR_DIAGNOSTICS_MAX;
    for (size_t i = 0; i < shown; i++) {
        format_item(diagnostics, sorted[i], out);
    }
    if (shown < diagnostics->count) {
        mr_buf_printf(out, "%s: and %zu more\n", diagnostics->file, diagnostics->count - shown);
    }
    mr_free(sorted);
}
