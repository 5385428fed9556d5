/* tests/unit/test_statestore_order.c - the row table, its order, and the sorted map under random
 * use. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "runtime/base/alloc.h"
#include "runtime/base/hash.h"
#include "runtime/base/prng.h"
#include "statestore/row_order.h"
#include "statestore/row_table.h"
#include "statestore/sorted_map.h"
#include "statestore/window_key.h"

#define KEYS 3000

typedef struct fixture {
    mr_row_table table;
    mr_row_order order;
    mr_row *rows[KEYS];
    size_t rows_count;
} fixture;

static void fixture_init(fixture *f, mr_row_grouping grouping) {
    *f = (fixture){0};
    mr_row_table_init(&f->table);
    mr_row_order_init(&f->order, grouping);
}

static void fixture_deinit(fixture *f) {
    mr_row_order_deinit(&f->order);
    mr_row_table_deinit(&f->table);
}

/* Every ninth key is too long for the slab. */
static mr_bytes key_of(size_t index, mr_buf *out) {
    mr_buf_clear(out);
    mr_window_key_put(out, (int64_t)(index % 7) * 10, MR_BYTES_NULL);
    mr_buf_printf(out, "key-%zu", index * 2654435761u % 100000);
    if (index % 9 == 0) {
        for (int i = 0; i < 60; i++) {
            mr_buf_put_text(out, "long-key-");
        }
    }
    return mr_buf_view(out);
}

static void toggle(fixture *f, size_t index, mr_buf *scratch) {
    mr_bytes key = key_of(index, scratch);
    uint64_t hash = mr_hash64(key);
    mr_row *row = mr_row_table_find(&f->table, hash, key);
    assert_ptr_equal(row, f->rows[index]);
    if (row == NULL) {
        row = mr_row_table_add(&f->table, hash, key);
        mr_row_order_add(&f->order, row);
        f->rows[index] = row;
        f->rows_count += 1;
        return;
    }
    mr_row_order_remove(&f->order, row);
    mr_row_table_remove(&f->table, row);
    mr_row_table_free(&f->table, row);
    f->rows[index] = NULL;
    f->rows_count -= 1;
}

static void check_order(fixture *f) {
    mr_bytes before = MR_BYTES_NULL;
    size_t seen = 0;
    for (size_t i = 0; i < f->order.buckets_count; i++) {
        mr_bucket *bucket = f->order.buckets[i];
        mr_bucket_sort(bucket);
        for (size_t k = bucket->head; k < bucket->items_count; k++, seen++) {
            mr_bytes key = mr_row_key(bucket->items[k].row);
            assert_true(mr_bytes_compare(before, key) < 0);
            assert_int_equal(mr_bucket_index_after(bucket, key), k + 1);
            before = key;
        }
    }
    assert_int_equal(seen, f->rows_count);
    assert_int_equal(f->table.rows_count, f->rows_count);
}

static void rows_are_found_and_ordered_whatever_came_and_went(void **state) {
    (void)state;
    const mr_row_grouping groupings[] = {MR_ROWS_TOGETHER, MR_ROWS_BY_START};
    for (size_t g = 0; g < 2; g++) {
        fixture f;
        fixture_init(&f, groupings[g]);
        mr_buf scratch = {0};
        mr_prng prng = mr_prng_seeded(g + 1);
        for (size_t i = 0; i < 40000; i++) {
            toggle(&f, mr_prng_below(&prng, KEYS), &scratch);
            if (i % 1500 == 0) {
                check_order(&f);
            }
        }
        for (size_t i = 0; i < KEYS; i++) {
            if (f.rows[i] != NULL) {
                toggle(&f, i, &scratch);
            }
        }
        assert_int_equal(f.order.buckets_count, 0);
        assert_int_equal(f.table.rows_bytes, 0);
        assert_null(f.table.blocks); /* an empty table holds no rows' memory */
        mr_buf_deinit(&scratch);
        fixture_deinit(&f);
    }
}

static void a_sorted_map_keeps_order_and_replaces(void **state) {
    (void)state;
    mr_sorted_map *map = mr_sorted_map_create();
    assert_null(mr_sorted_map_last(map));
    bool there[512] = {false};
    size_t count = 0;
    mr_prng prng = mr_prng_seeded(3);
    for (int i = 0; i < 20000; i++) {
        char key[8];
        size_t index = mr_prng_below(&prng, 512);
        snprintf(key, sizeof key, "%03zu", index);
        bool put = mr_prng_below(&prng, 2) == 0;
        if (put) {
            mr_sorted_map_put(map, mr_bytes_text(key), mr_bytes_text(i % 2 == 0 ? "x" : "long"));
        } else {
            mr_sorted_map_remove(map, mr_bytes_text(key));
        }
        count += (size_t)put - (size_t)there[index];
        there[index] = put;
        assert_int_equal(mr_sorted_map_count(map), count);
        assert_int_equal(mr_sorted_map_find(map, mr_bytes_text(key)) != NULL, put);
    }
    const mr_sorted_row *row = mr_sorted_map_seek(map, MR_BYTES_NULL);
    const mr_sorted_row *last = NULL;
    for (size_t i = 0; i < 512; i++) {
        if (there[i]) {
            char key[8];
            snprintf(key, sizeof key, "%03zu", i);
            assert_true(mr_bytes_equal(row->key, mr_bytes_text(key)));
            last = row;
            row = mr_sorted_map_next(row);
        }
    }
    assert_null(row);
    assert_ptr_equal(mr_sorted_map_last(map), last);
    mr_sorted_map_clear(map);
    assert_int_equal(mr_sorted_map_bytes(map), 0);
    mr_sorted_map_destroy(map);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_found_and_ordered_whatever_came_and_went),
        cmocka_unit_test(a_sorted_map_keeps_order_and_replaces),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
