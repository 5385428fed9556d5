#include "statestore/row_table.h"

#include "runtime/base/alloc.h"
#include "runtime/base/assert.h"

#define SLOTS_MIN 64u
#define BLOCK_BYTES 65536u

void mr_row_table_init(mr_row_table *table) {
    *table = (mr_row_table){0};
    table->slots_count = SLOTS_MIN;
    table->slots = mr_alloc_array(SLOTS_MIN, sizeof *table->slots);
}

static size_t row_bytes(size_t key_len) {
    size_t bytes = sizeof(mr_row) + key_len;
    return (bytes + MR_ROW_CLASS_BYTES - 1) / MR_ROW_CLASS_BYTES * MR_ROW_CLASS_BYTES;
}

/* Classes count from the size of a row without a key. MR_ROW_CLASSES: too long, allocated alone. */
static size_t class_of(size_t bytes) {
    size_t class = (bytes - sizeof(mr_row)) / MR_ROW_CLASS_BYTES;
    return class < MR_ROW_CLASSES ? class : MR_ROW_CLASSES;
}

static mr_row *row_alloc(mr_row_table *table, size_t bytes) {
    size_t class = class_of(bytes);
    table->rows_bytes += bytes;
    if (class == MR_ROW_CLASSES) {
        return mr_alloc(bytes);
    }
    mr_row *row = table->free[class];
    if (row != NULL) {
        table->free[class] = (mr_row *)row->link.next;
    } else {
        if (table->block_left < bytes) {
            uint8_t *block = mr_alloc(BLOCK_BYTES);
            *(void **)(void *)block = table->blocks;
            table->blocks = block;
            table->block_at = block + MR_ROW_CLASS_BYTES;
            table->block_left = BLOCK_BYTES - MR_ROW_CLASS_BYTES;
        }
        row = (mr_row *)(void *)table->block_at;
        table->block_at += bytes;
        table->block_left -= bytes;
    }
    memset(row, 0, sizeof *row);
    return row;
}

static void blocks_free(mr_row_table *table) {
    while (table->blocks != NULL) {
        void *next = *(void **)table->blocks;
        mr_free(table->blocks);
        table->blocks = next;
    }
    table->block_left = 0;
    memset(table->free, 0, sizeof table->free);
}

void mr_row_table_free(mr_row_table *table, mr_row *row) {
    size_t bytes = row_bytes(row->key_len);
    size_t class = class_of(bytes);
    MR_ASSERT(table->rows_bytes >= bytes);
    table->rows_bytes -= bytes;
    if (class == MR_ROW_CLASSES) {
        mr_free(row);
    } else {
        row->link.next = (mr_row_link *)table->free[class];
        table->free[class] = row;
    }
    /* An empty table gives its memory back: after a spill it is the other tables' budget. */
    if (table->rows_bytes == 0) {
        blocks_free(table);
    }
}

void mr_row_table_deinit(mr_row_table *table) {
    for (size_t i = 0; i < table->slots_count; i++) {
        mr_row *row = table->slots[i].row;
        if (row != NULL && class_of(row_bytes(row->key_len)) == MR_ROW_CLASSES) {
            mr_free(row);
        }
    }
    blocks_free(table);
    mr_free(table->slots);
    *table = (mr_row_table){0};
}

mr_row *mr_row_table_find(const mr_row_table *table, uint64_t hash, mr_bytes key) {
    size_t mask = table->slots_count - 1;
    for (size_t i = hash & mask; table->slots[i].row != NULL; i = (i + 1) & mask) {
        if (table->slots[i].hash != hash) {
            continue;
        }
        mr_row *row = table->slots[i].row;
        if (row->key_len == key.len && memcmp(row->key, key.data, key.len) == 0) {
            return row;
        }
    }
    return NULL;
}

static void slot_fill(mr_row_table *table, mr_row *row) {
    size_t mask = table->slots_count - 1;
    size_t i = row->hash & mask;
    while (table->slots[i].row != NULL) {
        i = (i + 1) & mask;
    }
    table->slots[i].hash = row->hash;
    table->slots[i].row = row;
}

static void slots_resize(mr_row_table *table, size_t slots_count) {
    struct mr_row_slot *old = table->slots;
    size_t old_count = table->slots_count;
    table->slots = mr_alloc_array(slots_count, sizeof *table->slots);
    table->slots_count = slots_count;
    for (size_t i = 0; i < old_count; i++) {
        if (old[i].row != NULL) {
            slot_fill(table, old[i].row);
        }
    }
    mr_free(old);
}

mr_row *mr_row_table_add(mr_row_table *table, uint64_t hash, mr_bytes key) {
    MR_ASSERT(key.len <= UINT32_MAX);
    MR_ASSERT_SLOW(mr_row_table_find(table, hash, key) == NULL);
    if ((table->rows_count + 1) * 8 > table->slots_count * 5) {
        slots_resize(table, table->slots_count * 2);
    }
    mr_row *row = row_alloc(table, row_bytes(key.len));
    row->hash = hash;
    row->key_len = (uint32_t)key.len;
    memcpy(row->key, key.data, key.len);
    slot_fill(table, row);
    table->rows_count += 1;
    return row;
}

/* Linear probing without graves: what follows the hole moves back where its own way to it allows.
 */
void mr_row_table_remove(mr_row_table *table, const mr_row *row) {
    size_t mask = table->slots_count - 1;
    size_t hole = row->hash & mask;
    while (table->slots[hole].row != row) {
        MR_ASSERT(table->slots[hole].row != NULL);
        hole = (hole + 1) & mask;
    }
    for (size_t i = (hole + 1) & mask; table->slots[i].row != NULL; i = (i + 1) & mask) {
        size_t home = table->slots[i].hash & mask;
        if (((i - home) & mask) >= ((i - hole) & mask)) {
            table->slots[hole] = table->slots[i];
            hole = i;
        }
    }
    table->slots[hole] = (struct mr_row_slot){0, NULL};
    table->rows_count -= 1;
    if (table->slots_count > SLOTS_MIN * 16 && table->rows_count * 16 < table->slots_count) {
        slots_resize(table, table->slots_count / 4);
    }
}
