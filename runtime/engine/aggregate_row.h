/* runtime/engine/aggregate_row.h - the bytes of an aggregate's row, in the store and the changelog.
 *
 *     +----+--------+-------------------------------+------------------------------------+
 *     | 01 | be64   | slots of fixed size, one for  | tail: strings, JSON, distinct sets |
 *     |    | ts max | each function in the order    | in the order of their slots        |
 *     |    |        | written                       |                                    |
 *     +----+--------+-------------------------------+------------------------------------+
 *
 *     count, count(cond)   8  be64 count
 *     sum                  9  u8 kind, be64 bits
 *     avg                 17  u8 kind, be64 bits of the sum, be64 count
 *     min, max             9  u8 kind, be64 bits
 *     first, last         17  u8 kind, be64 bits, be64 ts of that record
 *     distinct             8  be32 entries, be32 bytes of its part of the tail
 *     key, window.*        0
 *
 *     kind: 0 none, 1 int, 2 float (bits of the double), 3 string, 4 bool (0 or 1), 5 JSON text
 *     of an array or object. Of 3 and 5 the bits are the length of the part in the tail.
 *
 *     A distinct set: entries x {be64 hash, be32 place of the text}, sorted by hash, then the
 *     texts in the order they came, each a uvarint length and canonical JSON.
 *
 * count, sum, avg, min and max of numbers are 61 bytes, changed in place.
 * Thread: owner task only.
 */
#pragma once

#include "runtime/engine/aggregate.h"

#define MR_ROW_VERSION 1
#define MR_ROW_TS_AT 1
#define MR_ROW_HEAD_BYTES 9
#define MR_ROW_INDEX_ENTRY_BYTES 12

typedef enum mr_row_kind {
    MR_ROW_NONE,
    MR_ROW_INT,
    MR_ROW_FLOAT,
    MR_ROW_STRING,
    MR_ROW_BOOL,
    MR_ROW_JSON,
} mr_row_kind;

/* The functions of a node, those of `count` among them: what rows are laid out by. */
size_t mr_row_fields_count(const mr_node *node);
mr_aggregate_function mr_row_function(const mr_node *node, size_t field);
size_t mr_row_slot_bytes(mr_aggregate_function function);
/* Head and slots. */
size_t mr_row_fixed_bytes(const mr_node *node);

/* Bytes of the slot's part of the tail. MR_CORRUPT: the slot's kind is none of its function's. */
mr_status mr_row_tail_bytes(mr_aggregate_function function, const uint8_t *slot,
                            size_t *out) MR_CHECKED;
/* The value in a slot of sum, avg, min, max, first or last; tail: its part. NIL: none yet. */
mr_status mr_row_get(const uint8_t *slot, mr_bytes tail, mr_datum *out) MR_CHECKED;
/* Kind and bits of a scalar, or of a string or JSON whose bytes go to the tail. NIL: none. */
void mr_row_put(uint8_t *slot, const mr_datum *datum);
/* Version and length. MR_CORRUPT: not such a row. */
mr_status mr_row_check(const mr_node *node, mr_bytes row) MR_CHECKED;

/* ---- distinct ---- */

/* Stable between versions: it is stored. */
uint64_t mr_row_hash(mr_bytes canonical);
/* Looks for the text in a set. MR_OK: there; MR_NOT_FOUND: *entry_out is where its index entry
 * belongs; MR_CORRUPT. */
mr_status mr_row_find(mr_bytes set, uint32_t entries, uint64_t hash, mr_bytes text,
                      uint32_t *entry_out) MR_CHECKED;
