#include "runtime/base/map.h"

#include "runtime/base/alloc.h"
#include "runtime/base/assert.h"
#include "runtime/base/hash.h"

#define MAP_SLOTS_MIN 16

/* Entries stand in the order of insertion; a slot holds 1 + the index of an entry, 0 when empty. A
 * removed entry keeps its place and its slot (value NULL), so that cursors and probe chains stay
 * right, until a rebuild closes the gaps. */
typedef struct map_entry {
    uint64_t hash;
    uint8_t *key; /* owned; NULL in a removed entry */
    size_t key_len;
    void *value;
} map_entry;

struct mr_map {
    map_entry *entries; /* room for 3/4 of the slots */
    uint32_t *slots;
    size_t slot_count;  /* a power of two, or 0 */
    size_t entry_count; /* with the removed ones */
    size_t live_count;
};

mr_map *mr_map_create(void) {
    return mr_alloc(sizeof(mr_map));
}

void mr_map_destroy(mr_map *map) {
    if (map == NULL) {
        return;
    }
    for (size_t i = 0; i < map->entry_count; i++) {
        mr_free(map->entries[i].key);
    }
    mr_free(map->entries);
    mr_free(map->slots);
    mr_free(map);
}

static size_t entry_room(size_t slot_count) {
    return slot_count / 4 * 3;
}

static bool entry_matches(const map_entry *entry, uint64_t hash, mr_bytes key) {
    return entry->value != NULL && entry->hash == hash && entry->key_len == key.len &&
           memcmp(entry->key, key.data, key.len) == 0;
}

static map_entry *map_find(const mr_map *map, uint64_t hash, mr_bytes key) {
    if (map->live_count == 0) {
        return NULL;
    }
    size_t mask = map->slot_count - 1;
    for (size_t slot = hash & mask; map->slots[slot] != 0; slot = (slot + 1) & mask) {
        map_entry *entry = &map->entries[map->slots[slot] - 1];
        if (entry_matches(entry, hash, key)) {
            return entry;
        }
    }
    return NULL;
}

static void slot_take(mr_map *map, uint64_t hash, size_t entry_index) {
    size_t mask = map->slot_count - 1;
    size_t slot = hash & mask;
    while (map->slots[slot] != 0) {
        slot = (slot + 1) & mask;
    }
    map->slots[slot] = (uint32_t)(entry_index + 1);
}

/* Closes the gaps and makes room so that at most half of the entries' room is taken. */
static void map_rebuild(mr_map *map) {
    size_t slot_count = MAP_SLOTS_MIN;
    while (entry_room(slot_count) < (map->live_count + 1) * 2) {
        slot_count *= 2;
    }
    MR_ASSERT(slot_count <= UINT32_MAX);
    map_entry *entries = mr_alloc_array(entry_room(slot_count), sizeof *entries);
    mr_free(map->slots);
    map->slots = mr_alloc_array(slot_count, sizeof *map->slots);
    map->slot_count = slot_count;
    size_t count = 0;
    for (size_t i = 0; i < map->entry_count; i++) {
        if (map->entries[i].value != NULL) {
            entries[count] = map->entries[i];
            slot_take(map, entries[count].hash, count);
            count++;
        }
    }
    MR_ASSERT(count == map->live_count);
    mr_free(map->entries);
    map->entries = entries;
    map->entry_count = count;
}

void *mr_map_get(const mr_map *map, mr_bytes key) {
    MR_ASSERT(key.data != NULL);
    map_entry *entry = map_find(map, mr_hash64(key), key);
    return entry != NULL ? entry->value : NULL;
}

void *mr_map_put(mr_map *map, mr_bytes key, void *value) {
    MR_ASSERT(key.data != NULL);
    MR_ASSERT(value != NULL);
    uint64_t hash = mr_hash64(key);
    map_entry *entry = map_find(map, hash, key);
    if (entry != NULL) {
        void *old = entry->value;
        entry->value = value;
        return old;
    }
    if (map->entry_count == entry_room(map->slot_count)) {
        map_rebuild(map);
    }
    size_t index = map->entry_count++;
    map->entries[index] = (map_entry){
        .hash = hash,
        .key = (uint8_t *)mr_strndup((const char *)key.data, key.len),
        .key_len = key.len,
        .value = value,
    };
    slot_take(map, hash, index);
    map->live_count++;
    return NULL;
}

void *mr_map_remove(mr_map *map, mr_bytes key) {
    MR_ASSERT(key.data != NULL);
    map_entry *entry = map_find(map, mr_hash64(key), key);
    if (entry == NULL) {
        return NULL;
    }
    void *old = entry->value;
    mr_free(entry->key);
    entry->key = NULL;
    entry->value = NULL;
    map->live_count--;
    return old;
}

size_t mr_map_count(const mr_map *map) {
    return map->live_count;
}

bool mr_map_next(const mr_map *map, size_t *cursor, mr_bytes *key_out, void **value_out) {
    while (*cursor < map->entry_count) {
        const map_entry *entry = &map->entries[(*cursor)++];
        if (entry->value != NULL) {
            if (key_out != NULL) {
                *key_out = mr_bytes_of(entry->key, entry->key_len);
            }
            if (value_out != NULL) {
                *value_out = entry->value;
            }
            return true;
        }
    }
    return false;
}
