/* statestore/row_table.h - the rows of a write-back table: their memory, and the hash index over
 * them. Thread: owner only. */
#pragma once

#include "runtime/base/bytes.h"

typedef enum mr_image { MR_IMAGE_OPEN = 0, MR_IMAGE_SEALED, MR_IMAGE_COMMITTED } mr_image;
#define MR_IMAGES 3

typedef enum mr_image_state {
    MR_IMAGE_NONE = 0,
    MR_IMAGE_VALUE,
    MR_IMAGE_TOMBSTONE
} mr_image_state;

/* What the running store holds for the key, the committed image aside. */
typedef enum mr_row_stored { MR_ROW_STORED_NO = 0, MR_ROW_STORED_MAYBE } mr_row_stored;

/* Where a row's committed image is on its way to the store. */
typedef enum mr_row_spill {
    MR_ROW_CLEAN = 0, /* the store has it, or there is none */
    MR_ROW_LINKED,    /* in the list of what waits, or of what a spill has yet to sort */
    MR_ROW_IN_RUN, /* in a sorted run or a chunk: its memory must stay until the spill visits it */
    MR_ROW_DEAD,   /* was in a run when it left the table */
} mr_row_spill;

typedef struct mr_row_link {
    struct mr_row_link *previous;
    struct mr_row_link *next;
} mr_row_link;

struct mr_bucket;

typedef struct mr_row {
    mr_row_link link; /* must be first; valid in MR_ROW_LINKED */
    uint64_t hash;
    uint32_t key_len;
    uint8_t state[MR_IMAGES]; /* mr_image_state */
    uint8_t stored : 4;       /* mr_row_stored */
    uint8_t spill : 4;        /* mr_row_spill */
    mr_buf image[MR_IMAGES];
    struct mr_bucket *bucket; /* its place in row_order.h */
    uint32_t bucket_index;
    uint8_t key[];
} mr_row;

static inline mr_bytes mr_row_key(const mr_row *row) {
    return mr_bytes_of(row->key, row->key_len);
}
/* The newest image, MR_IMAGES: none. */
static inline unsigned mr_row_newest(const mr_row *row) {
    unsigned image = 0;
    while (image < MR_IMAGES && row->state[image] == MR_IMAGE_NONE) {
        image++;
    }
    return image;
}

/* Rows of one size class come from blocks and return to its free list. */
#define MR_ROW_CLASSES 24
#define MR_ROW_CLASS_BYTES 16
typedef struct mr_row_table {
    struct mr_row_slot {
        uint64_t hash;
        mr_row *row; /* NULL: empty */
    } * slots;
    size_t slots_count; /* power of two */
    size_t rows_count;
    mr_row *free[MR_ROW_CLASSES];
    void *blocks; /* linked through their first word */
    uint8_t *block_at;
    size_t block_left;
    size_t rows_bytes; /* of rows handed out, indexed or not */
} mr_row_table;

void mr_row_table_init(mr_row_table *table);
void mr_row_table_deinit(mr_row_table *table); /* the images are the caller's */
/* NULL: not there. */
mr_row *mr_row_table_find(const mr_row_table *table, uint64_t hash, mr_bytes key);
/* A new zeroed row with a copy of key, which must not be there. */
mr_row *mr_row_table_add(mr_row_table *table, uint64_t hash, mr_bytes key);
/* Takes the row out of the index; its memory stays until mr_row_table_free. */
void mr_row_table_remove(mr_row_table *table, const mr_row *row);
void mr_row_table_free(mr_row_table *table, mr_row *row);
