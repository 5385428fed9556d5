/* statestore/sorted_map.h - bytes -> bytes in key order, in memory: a skip list whose levels come
 * from the keys' hashes, so that it is the same on every run. Thread: owner only. */
#pragma once

#include "runtime/base/bytes.h"

typedef struct mr_sorted_map mr_sorted_map;

/* Borrowed until its key is put again or removed. */
typedef struct mr_sorted_row {
    mr_bytes key;
    mr_bytes value;
} mr_sorted_row;

mr_sorted_map *mr_sorted_map_create(void);
void mr_sorted_map_destroy(mr_sorted_map *map);
void mr_sorted_map_clear(mr_sorted_map *map);
/* Adds or replaces; both copied. */
void mr_sorted_map_put(mr_sorted_map *map, mr_bytes key, mr_bytes value);
void mr_sorted_map_remove(mr_sorted_map *map, mr_bytes key); /* missing is fine */
/* NULL: none. */
const mr_sorted_row *mr_sorted_map_find(const mr_sorted_map *map, mr_bytes key);
/* The first row with key >= from (null: the first of all). NULL: none. */
const mr_sorted_row *mr_sorted_map_seek(const mr_sorted_map *map, mr_bytes from);
const mr_sorted_row *mr_sorted_map_next(const mr_sorted_row *row);
const mr_sorted_row *mr_sorted_map_last(const mr_sorted_map *map);
size_t mr_sorted_map_count(const mr_sorted_map *map);
size_t mr_sorted_map_bytes(const mr_sorted_map *map); /* of keys and values, with their nodes */

/* Rows with from <= key < until in key order (null: unbounded). Valid until the map is changed. */
typedef struct mr_sorted_scan {
    const mr_sorted_row *next;
    mr_buf until;
    bool bounded;
} mr_sorted_scan;
void mr_sorted_scan_open(mr_sorted_scan *scan, const mr_sorted_map *map, mr_bytes from,
                         mr_bytes until);
const mr_sorted_row *mr_sorted_scan_next(mr_sorted_scan *scan); /* NULL: the end */
void mr_sorted_scan_close(mr_sorted_scan *scan);
