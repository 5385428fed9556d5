/* statestore/row_order.h - the rows of a write-back table in key order, sorted only when asked.
 *
 *     buckets, by start:   [start 10:00]      [start 11:00]     (a key-value table has one bucket)
 *     items of a bucket:   head ... sorted prefix ... | unsorted tail
 *
 * A row that leaves makes a hole; holes go when the bucket is next sorted, or has more of them than
 * rows. Thread: owner only.
 */
#pragma once

#include "statestore/row_table.h"

/* A row with the 8 key bytes that decide most comparisons. */
typedef struct mr_row_item {
    uint64_t prefix;
    mr_row *row; /* NULL: a hole */
} mr_row_item;

typedef struct mr_bucket {
    uint64_t start; /* the key's first 8 bytes, big endian; 0 in a key-value table */
    mr_row_item *items;
    size_t head;         /* items before it are gone; itself never a hole */
    size_t sorted_until; /* items[head..sorted_until) are in order */
    size_t items_count;
    size_t items_cap;
    size_t rows_count;
} mr_bucket;

/* What of a key stands in front of the order: nothing, or the window's start. */
typedef enum mr_row_grouping { MR_ROWS_TOGETHER, MR_ROWS_BY_START } mr_row_grouping;

typedef struct mr_row_order {
    mr_row_grouping grouping;
    mr_bucket **buckets; /* by start */
    size_t buckets_count;
    size_t buckets_cap;
    size_t bytes; /* of all items */
} mr_row_order;

void mr_row_order_init(mr_row_order *order, mr_row_grouping grouping);
void mr_row_order_deinit(mr_row_order *order);
void mr_row_order_add(mr_row_order *order, mr_row *row);
/* May free the row's bucket, if it is the last of it. */
void mr_row_order_remove(mr_row_order *order, mr_row *row);
/* Index of the first bucket with start >= start. */
size_t mr_row_order_bucket_index(const mr_row_order *order, uint64_t start);
/* Afterwards items[head..items_count) are in key order, without holes. */
void mr_bucket_sort(mr_bucket *bucket);
/* In a sorted bucket: index of the first item with key > after. */
size_t mr_bucket_index_after(const mr_bucket *bucket, mr_bytes after);

mr_row_item mr_row_item_of(mr_row *row, mr_row_grouping grouping);
/* Key order of items of one grouping (and there of one bucket). */
int mr_row_item_compare(const mr_row_item *a, const mr_row_item *b);
/* By mr_row_item_compare; scratch: room for count items. */
void mr_row_items_sort(mr_row_item *items, size_t count, mr_row_item *scratch);
