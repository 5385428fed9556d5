#include "statestore/row_order.h"

#include "runtime/base/alloc.h"
#include "runtime/base/assert.h"

#define START_BYTES 8u
#define HOLES_MIN 64u
#define INSERTION_ITEMS 12u

void mr_row_order_init(mr_row_order *order, mr_row_grouping grouping) {
    *order = (mr_row_order){.grouping = grouping};
}

static void bucket_destroy(mr_row_order *order, mr_bucket *bucket) {
    order->bytes -= bucket->items_cap * sizeof(mr_row_item) + sizeof *bucket;
    mr_free(bucket->items);
    mr_free(bucket);
}

void mr_row_order_deinit(mr_row_order *order) {
    for (size_t i = 0; i < order->buckets_count; i++) {
        bucket_destroy(order, order->buckets[i]);
    }
    mr_free(order->buckets);
    *order = (mr_row_order){0};
}

static uint64_t start_of(const mr_row *row, mr_row_grouping grouping) {
    if (grouping == MR_ROWS_TOGETHER) {
        return 0;
    }
    MR_ASSERT(row->key_len >= START_BYTES);
    return mr_get_be64(row->key);
}

mr_row_item mr_row_item_of(mr_row *row, mr_row_grouping grouping) {
    size_t skip = grouping == MR_ROWS_BY_START ? START_BYTES : 0;
    size_t left = row->key_len - skip;
    uint8_t prefix[8] = {0};
    memcpy(prefix, row->key + skip, left < sizeof prefix ? left : sizeof prefix);
    return (mr_row_item){mr_get_be64(prefix), row};
}

int mr_row_item_compare(const mr_row_item *a, const mr_row_item *b) {
    if (a->prefix != b->prefix) {
        return a->prefix < b->prefix ? -1 : 1;
    }
    return mr_bytes_compare(mr_row_key(a->row), mr_row_key(b->row));
}

size_t mr_row_order_bucket_index(const mr_row_order *order, uint64_t start) {
    size_t low = 0;
    size_t high = order->buckets_count;
    /* Records come in about the order of time: most look for the last bucket. */
    if (high > 0 && order->buckets[high - 1]->start <= start) {
        return order->buckets[high - 1]->start == start ? high - 1 : high;
    }
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (order->buckets[middle]->start < start) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static mr_bucket *bucket_for(mr_row_order *order, uint64_t start) {
    size_t index = mr_row_order_bucket_index(order, start);
    if (index < order->buckets_count && order->buckets[index]->start == start) {
        return order->buckets[index];
    }
    if (order->buckets_count == order->buckets_cap) {
        order->buckets_cap = order->buckets_cap > 0 ? order->buckets_cap * 2 : 8;
        order->buckets = mr_realloc(order->buckets, order->buckets_cap * sizeof *order->buckets);
    }
    memmove(order->buckets + index + 1, order->buckets + index,
            (order->buckets_count - index) * sizeof *order->buckets);
    mr_bucket *bucket = mr_alloc(sizeof *bucket);
    bucket->start = start;
    order->buckets[index] = bucket;
    order->buckets_count += 1;
    order->bytes += sizeof *bucket;
    return bucket;
}

void mr_row_order_add(mr_row_order *order, mr_row *row) {
    mr_bucket *bucket = bucket_for(order, start_of(row, order->grouping));
    if (bucket->items_count == bucket->items_cap) {
        size_t cap = bucket->items_cap > 0 ? bucket->items_cap * 2 : 4;
        bucket->items = mr_realloc(bucket->items, cap * sizeof *bucket->items);
        order->bytes += (cap - bucket->items_cap) * sizeof *bucket->items;
        bucket->items_cap = cap;
    }
    MR_ASSERT(bucket->items_count < UINT32_MAX);
    row->bucket = bucket;
    row->bucket_index = (uint32_t)bucket->items_count;
    bucket->items[bucket->items_count++] = mr_row_item_of(row, order->grouping);
    bucket->rows_count += 1;
}

static void bucket_reindex(mr_bucket *bucket) {
    for (size_t i = bucket->head; i < bucket->items_count; i++) {
        bucket->items[i].row->bucket_index = (uint32_t)i;
    }
}

/* Moves the rows together to the front; what was sorted stays sorted. */
static void bucket_compact(mr_bucket *bucket) {
    size_t kept = 0;
    size_t kept_sorted = 0;
    for (size_t i = bucket->head; i < bucket->items_count; i++) {
        if (i == bucket->sorted_until) {
            kept_sorted = kept;
        }
        if (bucket->items[i].row != NULL) {
            bucket->items[kept++] = bucket->items[i];
        }
    }
    bucket->sorted_until = bucket->sorted_until >= bucket->items_count ? kept : kept_sorted;
    bucket->head = 0;
    bucket->items_count = kept;
    MR_ASSERT(kept == bucket->rows_count);
    bucket_reindex(bucket);
}

void mr_row_order_remove(mr_row_order *order, mr_row *row) {
    mr_bucket *bucket = row->bucket;
    size_t index = row->bucket_index;
    MR_ASSERT(bucket->items[index].row == row);
    row->bucket = NULL;
    bucket->rows_count -= 1;
    if (bucket->rows_count == 0) {
        size_t at = mr_row_order_bucket_index(order, bucket->start);
        MR_ASSERT(order->buckets[at] == bucket);
        memmove(order->buckets + at, order->buckets + at + 1,
                (order->buckets_count - at - 1) * sizeof *order->buckets);
        order->buckets_count -= 1;
        bucket_destroy(order, bucket);
        return;
    }
    bucket->items[index].row = NULL;
    while (bucket->items[bucket->head].row == NULL) {
        bucket->head += 1;
    }
    if (bucket->sorted_until < bucket->head) {
        bucket->sorted_until = bucket->head;
    }
    size_t holes = bucket->items_count - bucket->rows_count;
    if (holes > HOLES_MIN && holes > bucket->rows_count) {
        bucket_compact(bucket);
    }
}

static void insertion_sort(mr_row_item *items, size_t count) {
    for (size_t i = 1; i < count; i++) {
        mr_row_item item = items[i];
        size_t at = i;
        while (at > 0 && mr_row_item_compare(&item, &items[at - 1]) < 0) {
            items[at] = items[at - 1];
            at--;
        }
        items[at] = item;
    }
}

/* Merges two neighbours that are in order: the left one moves to scratch and back. */
static void merge_neighbours(mr_row_item *items, size_t left_count, size_t count,
                             mr_row_item *scratch) {
    if (left_count == 0 || left_count == count ||
        mr_row_item_compare(&items[left_count - 1], &items[left_count]) <= 0) {
        return;
    }
    memcpy(scratch, items, left_count * sizeof *items);
    size_t left = 0;
    size_t right = left_count;
    size_t out = 0;
    while (left < left_count && right < count) {
        bool take_right = mr_row_item_compare(&items[right], &scratch[left]) < 0;
        items[out++] = take_right ? items[right++] : scratch[left++];
    }
    memcpy(items + out, scratch + left, (left_count - left) * sizeof *items);
}

void mr_row_items_sort(mr_row_item *items, size_t count, mr_row_item *scratch) {
    for (size_t i = 0; i < count; i += INSERTION_ITEMS) {
        insertion_sort(items + i, count - i < INSERTION_ITEMS ? count - i : INSERTION_ITEMS);
    }
    for (size_t width = INSERTION_ITEMS; width < count; width *= 2) {
        for (size_t i = 0; i + width < count; i += 2 * width) {
            size_t both = count - i < 2 * width ? count - i : 2 * width;
            merge_neighbours(items + i, width, both, scratch);
        }
    }
}

void mr_bucket_sort(mr_bucket *bucket) {
    if (bucket->items_count - bucket->head != bucket->rows_count) {
        bucket_compact(bucket);
    }
    if (bucket->sorted_until == bucket->items_count) {
        return;
    }
    mr_row_item *items = bucket->items + bucket->head;
    size_t count = bucket->items_count - bucket->head;
    size_t sorted = bucket->sorted_until - bucket->head;
    mr_row_item *scratch = mr_alloc_array(count, sizeof *scratch);
    mr_row_items_sort(items + sorted, count - sorted, scratch);
    merge_neighbours(items, sorted, count, scratch);
    mr_free(scratch);
    bucket->sorted_until = bucket->items_count;
    bucket_reindex(bucket);
}

size_t mr_bucket_index_after(const mr_bucket *bucket, mr_bytes after) {
    MR_ASSERT(bucket->sorted_until == bucket->items_count);
    size_t low = bucket->head;
    size_t high = bucket->items_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (mr_bytes_compare(mr_row_key(bucket->items[middle].row), after) <= 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}
