/* runtime/engine/aggregate_input.h - the arguments of one record, evaluated, and room to work in;
 * shared by the two halves of an aggregate. Thread: owner task only. */
#pragma once

#include "runtime/engine/aggregate_row.h"

/* One field's argument. */
typedef struct mr_aggregate_argument {
    mr_aggregate_function function;
    uint32_t slot_at;   /* in the row */
    mr_datum datum;     /* NIL: skipped. count(cond): a bool */
    mr_bytes canonical; /* distinct */
    uint64_t hash;
} mr_aggregate_argument;

/* A change of the tail, made after all fields are known to accept the record. */
typedef struct mr_aggregate_edit {
    size_t at;        /* in the row before any edit */
    size_t old_bytes; /* replaced by the new ones ... */
    mr_bytes bytes;
    uint32_t entry; /* distinct: ... of which `bytes` is the text and this the place in the index */
    bool is_entry;
    bool present;
} mr_aggregate_edit;

struct mr_aggregate_input {
    const mr_node *node;
    size_t arguments_count;
    size_t fixed_bytes;
    int64_t ts_ms;
    mr_aggregate_argument *arguments;
    mr_aggregate_edit *edits; /* one for each argument */
    uint8_t *fixed;           /* fixed_bytes: the row's fixed part while it is being changed */
};

/* "field 'a.b': ..." before the message of what refuses a record; a row that is none of the node's
 * is no field's fault. */
mr_status mr_aggregate_refused(const mr_node *node, size_t field, mr_status status, mr_err *err);

/* All of it in one block. */
size_t mr_aggregate_input_bytes(const mr_node *node);
mr_aggregate_input *mr_aggregate_input_place(void *memory, const mr_node *node);
