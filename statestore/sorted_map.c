#include "statestore/sorted_map.h"

#include "runtime/base/alloc.h"
#include "runtime/base/assert.h"
#include "runtime/base/hash.h"

#define LEVELS_MAX 16

/* One allocation: the node, its links, its key. The value stands alone, as it is replaced. */
typedef struct sorted_node {
    mr_sorted_row row; /* must be first: the row handed out is the node */
    int levels;
    struct sorted_node *next[];
} sorted_node;

struct mr_sorted_map {
    sorted_node *first[LEVELS_MAX];
    size_t count;
    size_t bytes;
};

mr_sorted_map *mr_sorted_map_create(void) {
    return mr_alloc(sizeof(mr_sorted_map));
}

static size_t node_bytes(const sorted_node *node) {
    return sizeof *node + (size_t)node->levels * sizeof(sorted_node *) + node->row.key.len +
           node->row.value.len;
}

static void node_free(sorted_node *node) {
    mr_free((void *)node->row.value.data);
    mr_free(node);
}

void mr_sorted_map_clear(mr_sorted_map *map) {
    sorted_node *node = map->first[0];
    while (node != NULL) {
        sorted_node *next = node->next[0];
        node_free(node);
        node = next;
    }
    *map = (mr_sorted_map){0};
}

void mr_sorted_map_destroy(mr_sorted_map *map) {
    if (map == NULL) {
        return;
    }
    mr_sorted_map_clear(map);
    mr_free(map);
}

/* A level in four has one more above it. */
static int levels_of(mr_bytes key) {
    uint64_t hash = mr_hash64(key);
    int levels = 1;
    while (levels < LEVELS_MAX && (hash & 3) == 3) {
        levels += 1;
        hash >>= 2;
    }
    return levels;
}

/* links[l]: the link on level l that leads to the first node with key >= key. */
static void find_links(const mr_sorted_map *map, mr_bytes key, sorted_node **links[LEVELS_MAX]) {
    sorted_node **heads = ((mr_sorted_map *)map)->first;
    for (int level = LEVELS_MAX - 1; level >= 0; level--) {
        sorted_node **link = &heads[level];
        while (*link != NULL && mr_bytes_compare((*link)->row.key, key) < 0) {
            heads = (*link)->next;
            link = &heads[level];
        }
        links[level] = link;
    }
}

static mr_bytes copy_of(mr_bytes bytes) {
    uint8_t *data = mr_alloc(bytes.len);
    if (bytes.len > 0) {
        memcpy(data, bytes.data, bytes.len);
    }
    return mr_bytes_of(data, bytes.len);
}

void mr_sorted_map_put(mr_sorted_map *map, mr_bytes key, mr_bytes value) {
    MR_ASSERT(!mr_bytes_is_null(key) && !mr_bytes_is_null(value));
    sorted_node **links[LEVELS_MAX];
    find_links(map, key, links);
    sorted_node *node = *links[0];
    if (node != NULL && mr_bytes_equal(node->row.key, key)) {
        mr_bytes old = node->row.value;
        node->row.value = copy_of(value);
        map->bytes += value.len - old.len;
        mr_free((void *)old.data);
        return;
    }
    int levels = levels_of(key);
    size_t links_bytes = (size_t)levels * sizeof(sorted_node *);
    node = mr_alloc(sizeof *node + links_bytes + key.len);
    uint8_t *key_copy = (uint8_t *)node + sizeof *node + links_bytes;
    if (key.len > 0) {
        memcpy(key_copy, key.data, key.len);
    }
    node->row = (mr_sorted_row){mr_bytes_of(key_copy, key.len), copy_of(value)};
    node->levels = levels;
    for (int level = 0; level < levels; level++) {
        node->next[level] = *links[level];
        *links[level] = node;
    }
    map->count += 1;
    map->bytes += node_bytes(node);
}

void mr_sorted_map_remove(mr_sorted_map *map, mr_bytes key) {
    sorted_node **links[LEVELS_MAX];
    find_links(map, key, links);
    sorted_node *node = *links[0];
    if (node == NULL || !mr_bytes_equal(node->row.key, key)) {
        return;
    }
    for (int level = 0; level < node->levels; level++) {
        MR_ASSERT(*links[level] == node);
        *links[level] = node->next[level];
    }
    map->count -= 1;
    map->bytes -= node_bytes(node);
    node_free(node);
}

const mr_sorted_row *mr_sorted_map_seek(const mr_sorted_map *map, mr_bytes from) {
    if (mr_bytes_is_null(from)) {
        return (const mr_sorted_row *)map->first[0];
    }
    sorted_node **links[LEVELS_MAX];
    find_links(map, from, links);
    return (const mr_sorted_row *)*links[0];
}

const mr_sorted_row *mr_sorted_map_find(const mr_sorted_map *map, mr_bytes key) {
    const mr_sorted_row *row = mr_sorted_map_seek(map, key);
    return row != NULL && mr_bytes_equal(row->key, key) ? row : NULL;
}

const mr_sorted_row *mr_sorted_map_next(const mr_sorted_row *row) {
    return (const mr_sorted_row *)((const sorted_node *)row)->next[0];
}

const mr_sorted_row *mr_sorted_map_last(const mr_sorted_map *map) {
    sorted_node *const *heads = map->first;
    const sorted_node *last = NULL;
    for (int level = LEVELS_MAX - 1; level >= 0; level--) {
        while (heads[level] != NULL) {
            last = heads[level];
            heads = last->next;
        }
    }
    return (const mr_sorted_row *)last;
}

size_t mr_sorted_map_count(const mr_sorted_map *map) {
    return map->count;
}

size_t mr_sorted_map_bytes(const mr_sorted_map *map) {
    return map->bytes;
}

void mr_sorted_scan_open(mr_sorted_scan *scan, const mr_sorted_map *map, mr_bytes from,
                         mr_bytes until) {
    *scan = (mr_sorted_scan){.next = mr_sorted_map_seek(map, from),
                             .bounded = !mr_bytes_is_null(until)};
    mr_buf_put_bytes(&scan->until, until);
}

const mr_sorted_row *mr_sorted_scan_next(mr_sorted_scan *scan) {
    const mr_sorted_row *row = scan->next;
    if (row == NULL ||
        (scan->bounded && mr_bytes_compare(row->key, mr_buf_view(&scan->until)) >= 0)) {
        return NULL;
    }
    scan->next = mr_sorted_map_next(row);
    return row;
}

void mr_sorted_scan_close(mr_sorted_scan *scan) {
    mr_buf_deinit(&scan->until);
}
