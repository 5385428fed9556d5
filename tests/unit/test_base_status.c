#include "runtime/base/status.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

static void names_and_texts_come_from_the_table(void **state) {
    (void)state;
    assert_string_equal(mr_status_name(MR_OK), "OK");
    assert_string_equal(mr_status_name(MR_FATAL), "FATAL");
    assert_string_equal(mr_status_text(MR_AGAIN), "not now");
    assert_string_equal(mr_status_text(MR_CORRUPT), "corrupt");
}

static void layers_prefix_their_context(void **state) {
    (void)state;
    mr_err err;
    mr_status status = mr_err_set(&err, MR_CORRUPT, "bad checksum at %d", 42);
    status = mr_err_wrap(&err, status, "segment %s", "00.log");
    status = mr_err_wrap(&err, status, "topic flights[%d]", 0);
    assert_int_equal(status, MR_CORRUPT);
    assert_int_equal(err.status, MR_CORRUPT);
    assert_int_equal(err.sys, 0);
    assert_string_equal(err.message, "topic flights[0]: segment 00.log: bad checksum at 42");
}

static void a_system_error_says_its_reason(void **state) {
    (void)state;
    mr_err err;
    mr_status status =
        mr_err_sys(&err, mr_status_from_errno(ENOSPC), ENOSPC, "cannot write %s", "a.log");
    assert_int_equal(status, MR_FULL);
    assert_int_equal(err.sys, ENOSPC);
    assert_string_equal(err.message, "cannot write a.log: No space left on device");
    assert_int_equal(mr_err_wrap(&err, status, "job"), MR_FULL);
    assert_int_equal(err.sys, ENOSPC);
}

static void without_err_only_the_status_travels(void **state) {
    (void)state;
    assert_int_equal(mr_err_set(NULL, MR_INVALID, "x"), MR_INVALID);
    assert_int_equal(mr_err_sys(NULL, MR_FULL, ENOSPC, "x"), MR_FULL);
    assert_int_equal(mr_err_wrap(NULL, MR_FENCED, "x"), MR_FENCED);
}

static void a_message_may_quote_itself(void **state) {
    (void)state;
    mr_err err;
    mr_status status = mr_err_set(&err, MR_INVALID, "inner");
    status = mr_err_set(&err, status, "outer (%s)", err.message);
    assert_int_equal(status, MR_INVALID);
    assert_string_equal(err.message, "outer (inner)");
}

static void a_long_message_is_cut_between_characters(void **state) {
    (void)state;
    char text[2 * MR_ERR_BYTES_MAX];
    for (size_t i = 0; i + 1 < sizeof text; i += 2) {
        memcpy(text + i, "\xc3\xa4", 2); /* a umlaut */
    }
    text[sizeof text - 2] = '\0';
    mr_err err;
    assert_int_equal(mr_err_set(&err, MR_INVALID, "%s", text), MR_INVALID);
    assert_int_equal(strlen(err.message), MR_ERR_BYTES_MAX - 2);
    assert_int_equal(mr_err_wrap(&err, MR_INVALID, "x"),
                     MR_INVALID); /* shifts by 3: an odd place */
    assert_int_equal(strlen(err.message), MR_ERR_BYTES_MAX - 1);
    assert_int_equal(mr_err_wrap(&err, MR_INVALID, "xy"), MR_INVALID);
    assert_int_equal(strlen(err.message), MR_ERR_BYTES_MAX - 1);
    assert_memory_equal(err.message + MR_ERR_BYTES_MAX - 3, "\xc3\xa4", 3);
}

static void a_character_of_three_bytes_is_cut_whole(void **state) {
    (void)state;
    char text[2 * MR_ERR_BYTES_MAX] = {0};
    for (size_t i = 0; i + 3 < sizeof text; i += 3) {
        memcpy(text + i, "\xe2\x82\xac", 3);
    }
    mr_err err;
    for (size_t shift = 0; shift < 3; shift++) {
        assert_int_equal(mr_err_set(&err, MR_INVALID, "%s%s", &"xx"[2 - shift], text), MR_INVALID);
        size_t whole = (MR_ERR_BYTES_MAX - 1 - shift) / 3 * 3;
        assert_int_equal(strlen(err.message), shift + whole);
    }
}

static void errno_maps_to_what_the_caller_must_do(void **state) {
    (void)state;
    assert_int_equal(mr_status_from_errno(EDQUOT), MR_FULL);
    assert_int_equal(mr_status_from_errno(EFBIG), MR_FULL);
    assert_int_equal(mr_status_from_errno(ENOENT), MR_NOT_FOUND);
    assert_int_equal(mr_status_from_errno(EEXIST), MR_EXISTS);
    assert_int_equal(mr_status_from_errno(EIO), MR_UNAVAILABLE);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_and_texts_come_from_the_table),
        cmocka_unit_test(layers_prefix_their_context),
        cmocka_unit_test(a_system_error_says_its_reason),
        cmocka_unit_test(without_err_only_the_status_travels),
        cmocka_unit_test(a_message_may_quote_itself),
        cmocka_unit_test(a_long_message_is_cut_between_characters),
        cmocka_unit_test(a_character_of_three_bytes_is_cut_whole),
        cmocka_unit_test(errno_maps_to_what_the_caller_must_do),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
