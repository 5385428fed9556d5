#include "runtime/base/bytes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "runtime/base/varint.h"

static void null_is_not_empty_and_sorts_first(void **state) {
    (void)state;
    mr_bytes empty = mr_bytes_text("");
    assert_true(mr_bytes_is_null(MR_BYTES_NULL));
    assert_false(mr_bytes_is_null(empty));
    assert_false(mr_bytes_equal(MR_BYTES_NULL, empty));
    assert_true(mr_bytes_equal(MR_BYTES_NULL, MR_BYTES_NULL));
    assert_true(mr_bytes_compare(MR_BYTES_NULL, empty) < 0);
    assert_true(mr_bytes_compare(empty, MR_BYTES_NULL) > 0);
    assert_int_equal(mr_bytes_compare(MR_BYTES_NULL, MR_BYTES_NULL), 0);
}

static void bytes_sort_unsigned_then_by_length(void **state) {
    (void)state;
    assert_true(mr_bytes_compare(mr_bytes_text("a"), mr_bytes_text("\xff")) < 0);
    assert_true(mr_bytes_compare(mr_bytes_text("ab"), mr_bytes_text("a")) > 0);
    assert_true(mr_bytes_compare(mr_bytes_text("ab"), mr_bytes_text("b")) < 0);
    assert_int_equal(mr_bytes_compare(mr_bytes_text("ab"), mr_bytes_text("ab")), 0);
    assert_false(mr_bytes_equal(mr_bytes_text("ab"), mr_bytes_text("a")));
}

static void a_buffer_grows_and_keeps_readable_padding(void **state) {
    (void)state;
    mr_buf buf = {0};
    for (int i = 0; i < 1000; i++) {
        mr_buf_put_u8(&buf, (uint8_t)i);
        volatile uint8_t last_padding = buf.data[buf.len + MR_BUF_PADDING - 1];
        (void)last_padding;
    }
    assert_int_equal(buf.len, 1000);
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(buf.data[i], (uint8_t)i);
    }
    mr_buf_deinit(&buf);
    assert_null(buf.data);
}

static void an_empty_buffer_that_was_written_to_is_empty_not_null(void **state) {
    (void)state;
    mr_buf buf = {0};
    assert_true(mr_bytes_is_null(mr_buf_view(&buf)));
    mr_buf_put(&buf, NULL, 0);
    assert_false(mr_bytes_is_null(mr_buf_view(&buf)));
    assert_int_equal(buf.len, 0);
    mr_buf_deinit(&buf);
}

static void text_is_formatted_behind_what_is_there(void **state) {
    (void)state;
    mr_buf buf = {0};
    mr_buf_put_text(&buf, "topic ");
    mr_buf_printf(&buf, "%s[%d]", "flights", 3);
    assert_string_equal(mr_buf_cstr(&buf), "topic flights[3]");
    assert_int_equal(buf.len, 16);
    char filler[300];
    memset(filler, 'x', sizeof filler - 1);
    filler[sizeof filler - 1] = '\0';
    mr_buf_printf(&buf, "%s", filler); /* does not fit what was reserved */
    assert_int_equal(buf.len, 16 + 299);
    assert_string_equal(mr_buf_cstr(&buf) + 16, filler);
    mr_buf_clear(&buf);
    assert_string_equal(mr_buf_cstr(&buf), "");
    mr_buf_deinit(&buf);
}

static void integers_are_big_endian(void **state) {
    (void)state;
    mr_buf buf = {0};
    mr_buf_put_be16(&buf, 0x0102);
    mr_buf_put_be32(&buf, 0x03040506);
    mr_buf_put_be64(&buf, 0x0708090a0b0c0d0e);
    const uint8_t expected[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14};
    assert_int_equal(buf.len, sizeof expected);
    assert_memory_equal(buf.data, expected, sizeof expected);
    mr_reader r = mr_reader_of(mr_buf_view(&buf));
    assert_int_equal(mr_reader_be16(&r), 0x0102);
    assert_int_equal(mr_reader_be32(&r), 0x03040506);
    assert_true(mr_reader_be64(&r) == 0x0708090a0b0c0d0e);
    assert_false(r.failed);
    assert_int_equal(mr_reader_left(&r), 0);
    mr_buf_deinit(&buf);
}

static void a_reader_stops_for_good_at_the_first_miss(void **state) {
    (void)state;
    mr_reader r = mr_reader_of(mr_bytes_text("abc"));
    assert_int_equal(mr_reader_be32(&r), 0);
    assert_true(r.failed);
    assert_int_equal(mr_reader_u8(&r), 0);
    assert_true(mr_bytes_is_null(mr_reader_take(&r, 1)));
}

static void a_reader_takes_views(void **state) {
    (void)state;
    mr_reader r = mr_reader_of(mr_bytes_text("abc"));
    assert_true(mr_bytes_equal(mr_reader_take(&r, 2), mr_bytes_text("ab")));
    assert_true(mr_bytes_equal(mr_reader_take(&r, 0), mr_bytes_text("")));
    assert_int_equal(mr_reader_u8(&r), 'c');
    assert_false(r.failed);
    assert_true(mr_bytes_is_null(mr_reader_take(&r, SIZE_MAX)));
    assert_true(r.failed);
    mr_reader none = mr_reader_of(MR_BYTES_NULL);
    assert_int_equal(mr_reader_u8(&none), 0);
    assert_true(none.failed);
}

typedef struct varint_case {
    int64_t value;
    const char *bytes;
    size_t len;
} varint_case;

static const varint_case varint_cases[] = {
    {0, "\x00", 1},
    {-1, "\x01", 1},
    {1, "\x02", 1},
    {63, "\x7e", 1},
    {-64, "\x7f", 1},
    {64, "\x80\x01", 2},
    {-65, "\x81\x01", 2},
    {8191, "\xfe\x7f", 2},
    {8192, "\x80\x80\x01", 3},
    {INT64_MAX, "\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01", 10},
    {INT64_MIN, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 10},
};

static void varints_are_kafkas(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof varint_cases / sizeof varint_cases[0]; i++) {
        const varint_case *c = &varint_cases[i];
        mr_buf buf = {0};
        mr_buf_put_varint(&buf, c->value);
        assert_int_equal(buf.len, c->len);
        assert_int_equal(mr_varint_size(c->value), c->len);
        assert_memory_equal(buf.data, c->bytes, c->len);
        uint8_t raw[MR_VARINT_BYTES_MAX];
        assert_int_equal(mr_varint_put(raw, c->value), c->len);
        assert_memory_equal(raw, c->bytes, c->len);
        mr_reader r = mr_reader_of(mr_buf_view(&buf));
        assert_true(mr_reader_varint(&r) == c->value);
        assert_false(r.failed);
        for (size_t cut = 0; cut < c->len; cut++) {
            r = mr_reader_of(mr_bytes_of(buf.data, cut));
            assert_true(mr_reader_varint(&r) == 0);
            assert_true(r.failed);
        }
        mr_buf_deinit(&buf);
    }
}

static void unsigned_varints_round_trip_at_every_width(void **state) {
    (void)state;
    for (int bit = 0; bit < 64; bit++) {
        for (int delta = -1; delta <= 1; delta++) {
            uint64_t value = (UINT64_C(1) << bit) + (uint64_t)delta;
            mr_buf buf = {0};
            mr_buf_put_uvarint(&buf, value);
            assert_int_equal(buf.len, mr_uvarint_size(value));
            mr_reader r = mr_reader_of(mr_buf_view(&buf));
            assert_true(mr_reader_uvarint(&r) == value);
            assert_false(r.failed);
            assert_int_equal(mr_reader_left(&r), 0);
            mr_buf_deinit(&buf);
        }
    }
}

static uint64_t read_uvarint(const char *bytes, size_t len, mr_reader *r) {
    *r = mr_reader_of(mr_bytes_of(bytes, len));
    return mr_reader_uvarint(r);
}

static void varints_beyond_64_bits_are_refused(void **state) {
    (void)state;
    mr_reader r;
    assert_true(read_uvarint("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 10, &r) == UINT64_MAX);
    assert_false(r.failed);
    assert_true(read_uvarint("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 10, &r) == 0);
    assert_true(r.failed);
    assert_true(read_uvarint("\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00", 11, &r) == 0);
    assert_true(r.failed);
    assert_true(read_uvarint("\x80\x00", 2, &r) == 0);
    assert_false(r.failed);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(null_is_not_empty_and_sorts_first),
        cmocka_unit_test(bytes_sort_unsigned_then_by_length),
        cmocka_unit_test(a_buffer_grows_and_keeps_readable_padding),
        cmocka_unit_test(an_empty_buffer_that_was_written_to_is_empty_not_null),
        cmocka_unit_test(text_is_formatted_behind_what_is_there),
        cmocka_unit_test(integers_are_big_endian),
        cmocka_unit_test(a_reader_stops_for_good_at_the_first_miss),
        cmocka_unit_test(a_reader_takes_views),
        cmocka_unit_test(varints_are_kafkas),
        cmocka_unit_test(unsigned_varints_round_trip_at_every_width),
        cmocka_unit_test(varints_beyond_64_bits_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
