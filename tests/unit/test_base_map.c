#include "runtime/base/map.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "runtime/base/prng.h"

static mr_bytes text(const char *words) {
    return mr_bytes_text(words);
}

/* The map only hands the pointer back. */
static void *put_word(mr_map *map, mr_bytes key, const char *word) {
    return mr_map_put(map, key, (void *)(uintptr_t)word);
}

/* "a=1 b=2", in the order of iteration. */
static void print_map(const mr_map *map, mr_buf *out) {
    size_t cursor = 0;
    mr_bytes key;
    void *value;
    mr_buf_clear(out);
    while (mr_map_next(map, &cursor, &key, &value)) {
        mr_buf_printf(out, "%s%.*s=%s", out->len > 0 ? " " : "", (int)key.len,
                      (const char *)key.data, (const char *)value);
    }
}

static void entries_come_in_the_order_of_insertion(void **state) {
    (void)state;
    mr_map *map = mr_map_create();
    mr_buf out = {0};
    assert_null(put_word(map, text("c"), "1"));
    assert_null(put_word(map, text("a"), "2"));
    assert_null(put_word(map, text("b"), "3"));
    assert_string_equal(put_word(map, text("c"), "4"), "1");
    print_map(map, &out);
    assert_string_equal(mr_buf_cstr(&out), "c=4 a=2 b=3");
    assert_string_equal(mr_map_remove(map, text("a")), "2");
    assert_null(mr_map_remove(map, text("a")));
    assert_null(mr_map_get(map, text("a")));
    assert_null(put_word(map, text("a"), "5"));
    print_map(map, &out);
    assert_string_equal(mr_buf_cstr(&out), "c=4 b=3 a=5");
    assert_int_equal(mr_map_count(map), 3);
    mr_buf_deinit(&out);
    mr_map_destroy(map);
}

static void keys_are_bytes_and_are_copied(void **state) {
    (void)state;
    mr_map *map = mr_map_create();
    assert_null(mr_map_get(map, text("")));
    char key[3] = {'a', '\0', 'b'};
    assert_null(put_word(map, mr_bytes_of(key, 3), "x"));
    assert_null(put_word(map, mr_bytes_of(key, 0), "empty"));
    key[2] = 'c';
    assert_null(mr_map_get(map, mr_bytes_of(key, 3)));
    assert_string_equal(mr_map_get(map, mr_bytes_of("a\0b", 3)), "x");
    assert_string_equal(mr_map_get(map, text("")), "empty");
    mr_map_destroy(map);
    mr_map_destroy(NULL);
}

static void the_entry_just_returned_may_be_removed(void **state) {
    (void)state;
    mr_map *map = mr_map_create();
    char keys[100][8];
    for (int i = 0; i < 100; i++) {
        snprintf(keys[i], sizeof keys[i], "%d", i);
        assert_null(mr_map_put(map, text(keys[i]), keys[i]));
    }
    size_t cursor = 0;
    int seen = 0;
    mr_bytes key;
    void *value;
    while (mr_map_next(map, &cursor, &key, &value)) {
        assert_ptr_equal(value, keys[seen]);
        assert_ptr_equal(mr_map_remove(map, key), keys[seen]);
        seen++;
    }
    assert_int_equal(seen, 100);
    assert_int_equal(mr_map_count(map), 0);
    mr_map_destroy(map);
}

#define MODEL_KEYS 500

/* Against an array: model[k] is what the map must hold for key k. */
static void a_map_agrees_with_an_array_over_random_calls(void **state) {
    (void)state;
    static int values[16];
    int *model[MODEL_KEYS] = {0};
    mr_map *map = mr_map_create();
    mr_prng prng = mr_prng_seeded(7);
    for (int step = 0; step < 100000; step++) {
        uint32_t k = (uint32_t)mr_prng_below(&prng, MODEL_KEYS);
        mr_bytes key = mr_bytes_of(&k, sizeof k);
        int *value = &values[mr_prng_below(&prng, 16)];
        switch (mr_prng_below(&prng, 3)) {
        case 0:
            assert_ptr_equal(mr_map_put(map, key, value), model[k]);
            model[k] = value;
            break;
        case 1:
            assert_ptr_equal(mr_map_remove(map, key), model[k]);
            model[k] = NULL;
            break;
        default:
            assert_ptr_equal(mr_map_get(map, key), model[k]);
        }
    }
    size_t count = 0;
    for (int k = 0; k < MODEL_KEYS; k++) {
        count += model[k] != NULL;
    }
    assert_int_equal(mr_map_count(map), count);
    mr_map_destroy(map);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(entries_come_in_the_order_of_insertion),
        cmocka_unit_test(keys_are_bytes_and_are_copied),
        cmocka_unit_test(the_entry_just_returned_may_be_removed),
        cmocka_unit_test(a_map_agrees_with_an_array_over_random_calls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
