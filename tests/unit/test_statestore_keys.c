/* tests/unit/test_statestore_keys.c - names, keys and positions as they stand in logs and stores.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "statestore/changelog.h"
#include "statestore/store.h"
#include "statestore/window_key.h"

static void the_changelog_carries_job_store_and_generation(void **state) {
    (void)state;
    mr_buf name = {0};
    mr_changelog_topic(&name, "flights", "by_origin", 3);
    assert_string_equal(mr_buf_cstr(&name), "flights.by_origin.changelog.g3");
    mr_buf_clear(&name);
    mr_state_directory(&name, "flights", 1, "by_origin", 0);
    assert_string_equal(mr_buf_cstr(&name), "state/flights.g1/by_origin-0");
    mr_buf_deinit(&name);
}

static void a_window_key_is_start_then_key(void **state) {
    (void)state;
    mr_buf out = {0};
    mr_window_key_put(&out, 1, mr_bytes_text("ABQ"));
    const uint8_t expected[] = {0x80, 0, 0, 0, 0, 0, 0, 1, 'A', 'B', 'Q'};
    assert_int_equal(out.len, sizeof expected);
    assert_memory_equal(out.data, expected, sizeof expected);
    int64_t start_ms = 0;
    mr_bytes key;
    assert_int_equal(mr_window_key_split(mr_buf_view(&out), &start_ms, &key), MR_OK);
    assert_int_equal(start_ms, 1);
    assert_true(mr_bytes_equal(key, mr_bytes_text("ABQ")));
    mr_buf_deinit(&out);
}

static void window_keys_sort_as_their_starts_also_below_zero(void **state) {
    (void)state;
    const int64_t starts[] = {INT64_MIN, -3600000, -1, 0, 1, 3600000, INT64_MAX};
    mr_buf before = {0};
    for (size_t i = 0; i < sizeof starts / sizeof starts[0]; i++) {
        mr_buf out = {0};
        mr_window_key_put(&out, starts[i], mr_bytes_text(i % 2 == 0 ? "a" : "b"));
        if (i > 0) {
            assert_true(mr_bytes_compare(mr_buf_view(&before), mr_buf_view(&out)) < 0);
        }
        int64_t start_ms = 0;
        mr_bytes key;
        assert_int_equal(mr_window_key_split(mr_buf_view(&out), &start_ms, &key), MR_OK);
        assert_int_equal(start_ms, starts[i]);
        mr_buf_deinit(&before);
        before = out;
    }
    mr_buf_deinit(&before);
}

static void a_window_key_without_its_start_is_corrupt(void **state) {
    (void)state;
    int64_t start_ms = 0;
    mr_bytes key;
    assert_int_equal(mr_window_key_split(mr_bytes_text("1234567"), &start_ms, &key), MR_CORRUPT);
    assert_int_equal(mr_window_key_split(mr_bytes_text("12345678"), &start_ms, &key), MR_OK);
    assert_int_equal(key.len, 0);
}

static void a_position_is_28_bytes_and_reads_back(void **state) {
    (void)state;
    mr_changelog_position position = {.leader_epoch = 7, .offset = 0x0102030405060708};
    memset(position.topic_id, 0xab, sizeof position.topic_id);
    mr_buf out = {0};
    mr_changelog_position_encode(&position, &out);
    assert_int_equal(out.len, 28);
    const uint8_t tail[] = {0, 0, 0, 7, 1, 2, 3, 4, 5, 6, 7, 8};
    assert_memory_equal(out.data + 16, tail, sizeof tail);
    mr_changelog_position back;
    assert_int_equal(mr_changelog_position_decode(mr_buf_view(&out), &back), MR_OK);
    assert_memory_equal(back.topic_id, position.topic_id, 16);
    assert_int_equal(back.leader_epoch, 7);
    assert_int_equal(back.offset, position.offset);
    mr_bytes cut = mr_bytes_of(out.data, 27);
    assert_int_equal(mr_changelog_position_decode(cut, &back), MR_CORRUPT);
    memset(out.data + 20, 0xff, 7);
    out.data[27] = 0xfe; /* offset -2 */
    assert_int_equal(mr_changelog_position_decode(mr_buf_view(&out), &back), MR_CORRUPT);
    mr_buf_deinit(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_changelog_carries_job_store_and_generation),
        cmocka_unit_test(a_window_key_is_start_then_key),
        cmocka_unit_test(window_keys_sort_as_their_starts_also_below_zero),
        cmocka_unit_test(a_window_key_without_its_start_is_corrupt),
        cmocka_unit_test(a_position_is_28_bytes_and_reads_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
