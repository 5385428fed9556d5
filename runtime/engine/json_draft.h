/* runtime/engine/json_draft.h - JSON text built in an arena, through the writers that append to a
 * mr_buf. A small text is written where it stays; a large one (its bound far above what it may
 * need) goes through the heap and is copied. Thread: owner task only. */
#pragma once

#include "runtime/engine/datum.h"

typedef struct mr_json_draft {
    mr_arena *arena;
    mr_buf buf; /* write here; at most the bound given to begin */
    bool on_heap;
} mr_json_draft;

/* bytes_max: an upper bound of all that will be written. */
void mr_json_draft_begin(mr_json_draft *draft, mr_arena *arena, size_t bytes_max);
/* The text, in the arena, padded. */
mr_bytes mr_json_draft_end(mr_json_draft *draft);
/* Instead of end, after an error. */
void mr_json_draft_drop(mr_json_draft *draft);

/* Upper bound of a datum written by mr_datum_put_json, and of a string by mr_json_put_string. */
size_t mr_json_bound(const mr_datum *datum);
static inline size_t mr_json_string_bound(mr_bytes text) {
    return 6 * text.len + 2;
}
