#include "runtime/base/alloc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "runtime/base/arena.h"
#include "runtime/base/shared.h"

static void memory_is_zeroed_and_size_zero_is_valid(void **state) {
    (void)state;
    uint8_t *bytes = mr_alloc_array(10, 10);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(bytes[i], 0);
    }
    mr_free(bytes);
    void *none = mr_alloc(0);
    assert_non_null(none);
    mr_free(none);
    mr_free(NULL);
}

static void copies_of_text_end_with_nul(void **state) {
    (void)state;
    char *whole = mr_strdup("abc");
    char *part = mr_strndup("abc", 2);
    char *empty = mr_strndup(NULL, 0);
    assert_string_equal(whole, "abc");
    assert_string_equal(part, "ab");
    assert_string_equal(empty, "");
    mr_free(whole);
    mr_free(part);
    mr_free(empty);
}

static void an_arena_hands_out_aligned_memory_that_does_not_overlap(void **state) {
    (void)state;
    mr_arena *arena = mr_arena_create(100);
    uint8_t *parts[200];
    for (int i = 0; i < 200; i++) {
        parts[i] = mr_arena_alloc(arena, (size_t)i);
        assert_int_equal((uintptr_t)parts[i] % 8, 0);
        memset(parts[i], i, (size_t)i);
    }
    for (int i = 0; i < 200; i++) {
        for (int j = 0; j < i; j++) {
            assert_int_equal(parts[i][j], i);
        }
    }
    assert_true(mr_arena_used_bytes(arena) >= 199 * 200 / 2);
    mr_arena_reset(arena);
    assert_int_equal(mr_arena_used_bytes(arena), 0);
    mr_arena_destroy(arena);
}

static void a_reset_arena_is_filled_again_without_new_blocks(void **state) {
    (void)state;
    mr_arena *arena = mr_arena_create(64);
    void *large = mr_arena_alloc(arena, 100000);
    mr_arena_alloc(arena, 10);
    mr_arena_reset(arena);
    assert_ptr_equal(mr_arena_alloc(arena, 100000), large);
    mr_arena_destroy(arena);
    mr_arena_destroy(NULL);
}

static void arena_copies_keep_null_and_have_readable_padding(void **state) {
    (void)state;
    mr_arena *arena = mr_arena_create(256);
    assert_true(mr_bytes_is_null(mr_arena_copy(arena, MR_BYTES_NULL)));
    assert_false(mr_bytes_is_null(mr_arena_copy(arena, mr_bytes_text(""))));
    for (int i = 0; i < 100; i++) {
        mr_bytes copy = mr_arena_copy(arena, mr_bytes_text("twenty-four bytes of it."));
        assert_true(mr_bytes_equal(copy, mr_bytes_text("twenty-four bytes of it.")));
        volatile uint8_t last_padding = copy.data[copy.len + MR_BUF_PADDING - 1];
        (void)last_padding;
    }
    assert_string_equal(mr_arena_strndup(arena, "abc", 2), "ab");
    assert_string_equal(mr_arena_printf(arena, "%d-%s", 7, "x"), "7-x");
    uint8_t *zeroed = mr_arena_zalloc(arena, 1000);
    assert_int_equal(zeroed[0] | zeroed[999], 0);
    mr_arena_destroy(arena);
}

static void shared_bytes_go_back_to_a_buffer_that_is_alone(void **state) {
    (void)state;
    mr_buf buf = {0};
    mr_buf_put_text(&buf, "abc");
    const uint8_t *memory = buf.data;
    mr_shared *shared = mr_shared_of_buf(&buf);
    assert_null(buf.data);
    assert_ptr_equal(shared->data, memory);
    assert_int_equal(shared->len, 3);
    mr_shared *other = mr_shared_ref(shared);
    mr_shared_back_to_buf(shared, &buf);
    assert_null(buf.data); /* somebody else reads it */
    mr_shared_back_to_buf(other, &buf);
    assert_ptr_equal(buf.data, memory);
    assert_true(mr_bytes_equal(mr_buf_view(&buf), mr_bytes_text("abc")));
    mr_shared_unref(mr_shared_of_buf(&buf));
}

static void shared_bytes_live_until_the_last_reference(void **state) {
    (void)state;
    mr_shared *shared = mr_shared_create(3);
    assert_int_equal(shared->len, 0);
    assert_int_equal(shared->cap, 3);
    memcpy(shared->data, "abc", 3);
    shared->len = 3;
    assert_int_equal(shared->data[3 + MR_BUF_PADDING - 1], 0);
    assert_ptr_equal(mr_shared_ref(shared), shared);
    mr_shared_unref(shared);
    assert_memory_equal(shared->data, "abc", 3);
    mr_shared_unref(shared);
    mr_shared_unref(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_is_zeroed_and_size_zero_is_valid),
        cmocka_unit_test(copies_of_text_end_with_nul),
        cmocka_unit_test(an_arena_hands_out_aligned_memory_that_does_not_overlap),
        cmocka_unit_test(a_reset_arena_is_filled_again_without_new_blocks),
        cmocka_unit_test(arena_copies_keep_null_and_have_readable_padding),
        cmocka_unit_test(shared_bytes_live_until_the_last_reference),
        cmocka_unit_test(shared_bytes_go_back_to_a_buffer_that_is_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
