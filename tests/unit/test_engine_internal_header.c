/* The header of internal records: golden bytes, a round trip, and what broken bytes give. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "runtime/base/prng.h"
#include "runtime/engine/internal_header.h"

static mr_bytes encode(const mr_internal *internal, mr_buf *out) {
    mr_buf_clear(out);
    mr_internal_encode(internal, out);
    return mr_buf_view(out);
}

static void assert_bytes(mr_bytes got, const char *bytes, size_t len) {
    assert_int_equal(got.len, len);
    assert_memory_equal(got.data, bytes, len);
}

static void each_field_has_its_bytes(void **state) {
    (void)state;
    mr_buf out = {0};
    mr_internal time = {
        .has_time = true, .time_delta_ms = -30, .has_upstream = true, .upstream = 1};
    assert_bytes(encode(&time, &out), "\x01\x3b\x02\x01", 4);
    mr_internal window = {.has_window = true, .window_start_ms = 64, .window_stop_ms = 66};
    assert_bytes(encode(&window, &out), "\x03\x80\x01\x02", 4);
    mr_internal origin = {.has_origin = true,
                          .origin_partition = 2,
                          .origin_offset = 300,
                          .origin_topic = mr_bytes_text("in")};
    assert_bytes(encode(&origin, &out), "\x04\x02\xac\x02\x02in", 7);
    mr_internal minimum = {.has_minimum = true, .minimum_ms = 1};
    assert_bytes(encode(&minimum, &out), "\x05\x02", 2);
    mr_buf_deinit(&out);
}

static void what_is_absent_takes_no_bytes(void **state) {
    (void)state;
    mr_buf out = {0};
    mr_internal nothing = {0};
    assert_int_equal(encode(&nothing, &out).len, 0);
    mr_internal same_time = {.has_time = true, .time_delta_ms = 0};
    assert_int_equal(encode(&same_time, &out).len, 0);
    mr_internal read = {.has_time = true};
    assert_int_equal(mr_internal_decode(MR_BYTES_NULL, &read), MR_OK);
    assert_false(read.has_time);
    mr_buf_deinit(&out);
}

static void all_fields_come_back(void **state) {
    (void)state;
    mr_internal internal = {
        .has_time = true,
        .time_delta_ms = mr_internal_time_delta(INT64_MIN, INT64_MAX),
        .has_upstream = true,
        .upstream = UINT32_MAX,
        .has_window = true,
        .window_start_ms = INT64_MIN,
        .window_stop_ms = INT64_MAX,
        .has_origin = true,
        .origin_partition = INT32_MAX,
        .origin_offset = INT64_MAX,
        .origin_topic = mr_bytes_text("clicks"),
        .has_minimum = true,
        .minimum_ms = INT64_MAX,
    };
    mr_buf out = {0};
    mr_internal read;
    assert_int_equal(mr_internal_decode(encode(&internal, &out), &read), MR_OK);
    assert_int_equal(mr_internal_time(&read, INT64_MAX), INT64_MIN);
    assert_int_equal(read.upstream, UINT32_MAX);
    assert_int_equal(read.window_start_ms, INT64_MIN);
    assert_int_equal(read.window_stop_ms, INT64_MAX);
    assert_int_equal(read.origin_partition, INT32_MAX);
    assert_int_equal(read.origin_offset, INT64_MAX);
    assert_true(mr_bytes_equal(read.origin_topic, internal.origin_topic));
    assert_int_equal(read.minimum_ms, INT64_MAX);
    mr_buf_deinit(&out);
}

static void a_record_without_time_field_carries_its_timestamp(void **state) {
    (void)state;
    mr_internal internal = {0};
    assert_int_equal(mr_internal_time(&internal, 77), 77);
}

static void the_header_is_found_by_its_key(void **state) {
    (void)state;
    mr_header headers[] = {
        {.key = mr_bytes_text("0"), .value = mr_bytes_text("user")},
        {.key = mr_bytes_text(""), .value = mr_bytes_text("empty")},
        {.key = mr_internal_key(), .value = mr_bytes_of("\x02\x01", 2)},
    };
    assert_true(mr_bytes_is_null(mr_internal_find(headers, 2)));
    assert_bytes(mr_internal_find(headers, 3), "\x02\x01", 2);
}

static void broken_bytes_are_corrupt(void **state) {
    (void)state;
    static const struct {
        const char *what;
        const char *bytes;
        size_t len;
    } cases[] = {
        {"unknown tag 0", "\x00", 1},
        {"unknown tag 99", "\x63\x01", 2},
        {"tag without content", "\x01", 1},
        {"time 0", "\x01\x00", 2},
        {"time twice", "\x01\x02\x01\x02", 4},
        {"tags out of order", "\x02\x01\x01\x02", 4},
        {"upstream beyond 32 bits", "\x02\x80\x80\x80\x80\x10", 6},
        {"empty window", "\x03\x02\x00", 3},
        {"window beyond int64", "\x03\x02\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 12},
        {"partition beyond int32", "\x04\x80\x80\x80\x80\x08\x00\x01t", 8},
        {"no topic", "\x04\x00\x00\x00", 4},
        {"topic cut off", "\x04\x00\x00\x05top", 7},
        {"topic too long", "\x04\x00\x00\xfa\x01t", 6},
        {"unfinished number", "\x05\x80", 2},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        mr_internal read;
        mr_status status = mr_internal_decode(mr_bytes_of(cases[i].bytes, cases[i].len), &read);
        if (status != MR_CORRUPT) {
            fail_msg("%s: %s", cases[i].what, mr_status_name(status));
        }
        assert_false(read.has_time || read.has_upstream || read.has_window || read.has_origin);
    }
}

static void every_prefix_and_any_noise_is_read_within_bounds(void **state) {
    (void)state;
    mr_prng prng = mr_prng_seeded(7);
    mr_buf again = {0};
    unsigned accepted = 0;
    for (int round = 0; round < 20000; round++) {
        uint8_t noise[24];
        size_t len = mr_prng_below(&prng, sizeof noise);
        for (size_t i = 0; i < len; i++) {
            noise[i] = (uint8_t)mr_prng_below(&prng, i == 0 ? 6 : 256) & 0x87;
        }
        mr_internal read;
        if (mr_internal_decode(mr_bytes_of(noise, len), &read) == MR_OK) {
            accepted++;
            mr_internal second;
            assert_int_equal(mr_internal_decode(encode(&read, &again), &second), MR_OK);
        }
    }
    assert_true(accepted > 100);
    mr_buf_deinit(&again);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_field_has_its_bytes),
        cmocka_unit_test(what_is_absent_takes_no_bytes),
        cmocka_unit_test(all_fields_come_back),
        cmocka_unit_test(a_record_without_time_field_carries_its_timestamp),
        cmocka_unit_test(the_header_is_found_by_its_key),
        cmocka_unit_test(broken_bytes_are_corrupt),
        cmocka_unit_test(every_prefix_and_any_noise_is_read_within_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
