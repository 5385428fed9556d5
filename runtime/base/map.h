/* runtime/base/map.h - bytes -> pointer, insertion order kept.
 * Thread: owner only. Keys are copied. Iteration is by insertion: the same on every run. */
#pragma once

#include "runtime/base/bytes.h"

typedef struct mr_map mr_map;

mr_map *mr_map_create(void);
void mr_map_destroy(mr_map *map);                  /* does not free the values */
void *mr_map_get(const mr_map *map, mr_bytes key); /* NULL: not there */
/* Adds or replaces; value must not be NULL; returns the old value or NULL. */
void *mr_map_put(mr_map *map, mr_bytes key, void *value);
void *mr_map_remove(mr_map *map, mr_bytes key); /* the old value or NULL */
size_t mr_map_count(const mr_map *map);
/* *cursor starts at 0; false at the end; the outs may be NULL. Removing the entry just returned is
 * allowed (its key goes with it), putting in new keys is not. The key is borrowed until its
 * removal. */
bool mr_map_next(const mr_map *map, size_t *cursor, mr_bytes *key_out, void **value_out);
