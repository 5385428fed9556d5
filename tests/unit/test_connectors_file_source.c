/* The source of one file: which lines it gives, where it goes on, and when it refuses to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "tests/unit/connectors_fixture.h"

typedef enum rest { WAIT_FOR_REST, TAKE_REST } rest;

typedef struct source_run {
    connector_place place;
    mr_connector_setting settings[2];
    size_t settings_count;
    void *self;
    char position[MR_CONNECTOR_POSITION_BYTES_MAX]; /* as committed last; "": none */
    mr_buf text;                                    /* "1:a 2:b 3!why:c", '|' for the end */
} source_run;

static source_run begin(const char *content) {
    source_run run = {.settings = {{"path", "./in/a.txt"}}, .settings_count = 1};
    place_begin(&run.place);
    place_put(&run.place, "in/a.txt", content);
    return run;
}

static mr_connector_result open_source(source_run *run) {
    return run->place.plugin->source_open(run->place.host, run->settings, run->settings_count,
                                          run->position[0] ? run->position : NULL, &run->self,
                                          run->place.err, sizeof run->place.err);
}

static void close_source(source_run *run) {
    run->place.plugin->source_close(run->self);
    run->self = NULL;
}

static void end(source_run *run) {
    close_source(run);
    mr_buf_deinit(&run->text);
    place_end(&run->place);
}

static mr_connector_result read_once(source_run *run, size_t records_max, size_t bytes_max,
                                     rest rest_mode) {
    mr_connector_read read = {
        .struct_bytes = sizeof read,
        .records_max = records_max,
        .bytes_max = bytes_max,
        .take_rest = rest_mode == TAKE_REST,
    };
    mr_connector_result result =
        run->place.plugin->source_read(run->self, &read, run->place.err, sizeof run->place.err);
    if (result != MR_CONNECTOR_OK && result != MR_CONNECTOR_END) {
        return result;
    }
    for (size_t i = 0; i < read.records_count; i++) {
        const mr_connector_record *record = &read.records[i];
        mr_buf_printf(&run->text, "%s%d%s:%.*s", run->text.len > 0 ? " " : "", (int)record->line,
                      record->problem ? "!" : "", (int)record->len, (const char *)record->data);
    }
    memcpy(run->position, read.position, sizeof run->position);
    return result;
}

/* Everything there is, in batches of a size. */
static const char *read_all(source_run *run, size_t records_max, size_t bytes_max, rest rest_mode) {
    mr_buf_clear(&run->text);
    while (read_once(run, records_max, bytes_max, rest_mode) == MR_CONNECTOR_OK) {
    }
    return mr_buf_cstr(&run->text);
}

static const char *lines_of(const char *content, rest rest_mode) {
    static char out[512];
    out[0] = '\0';
    for (size_t bytes_max = 1; bytes_max <= 64; bytes_max++) {
        source_run run = begin(content);
        assert_int_equal(open_source(&run), MR_CONNECTOR_OK);
        const char *lines = read_all(&run, 1 + bytes_max % 3, bytes_max, rest_mode);
        if (bytes_max > 1) {
            assert_string_equal(lines, out); /* however it is cut */
        }
        snprintf(out, sizeof out, "%s", lines);
        end(&run);
    }
    return out;
}

static void lines_end_with_lf_or_crlf_and_the_last_needs_none(void **state) {
    (void)state;
    assert_string_equal(lines_of("a\nb\r\nc", TAKE_REST), "1:a 2:b 3:c");
    assert_string_equal(lines_of("a\nb\n", TAKE_REST), "1:a 2:b");
    assert_string_equal(lines_of("", TAKE_REST), "");
    assert_string_equal(lines_of("a\r\n\r\n", TAKE_REST), "1:a 2:");
}

static void a_byte_order_mark_is_skipped_and_empty_lines_are_lines(void **state) {
    (void)state;
    assert_string_equal(lines_of("\xEF\xBB\xBF"
                                 "a\n\nb\n",
                                 TAKE_REST),
                        "1:a 2: 3:b");
    assert_string_equal(lines_of("\xEF\xBB\xBF", TAKE_REST), "");
}

static void a_growing_file_keeps_its_unfinished_line(void **state) {
    (void)state;
    source_run run = begin("a\nb");
    assert_int_equal(open_source(&run), MR_CONNECTOR_OK);
    assert_string_equal(read_all(&run, 9, 64, WAIT_FOR_REST), "1:a");
    place_append(&run.place, "in/a.txt", "c\nd\n");
    assert_string_equal(read_all(&run, 9, 64, WAIT_FOR_REST), "2:bc 3:d");
    end(&run);
}

static void the_end_of_a_line_taken_without_it_is_no_line(void **state) {
    (void)state;
    const char *ends[] = {"\nb\n", "\r\nb\n"};
    for (size_t i = 0; i < 2; i++) {
        source_run run = begin("a");
        assert_int_equal(open_source(&run), MR_CONNECTOR_OK);
        assert_string_equal(read_all(&run, 9, 64, TAKE_REST), "1:a");
        close_source(&run);
        place_append(&run.place, "in/a.txt", ends[i]);
        assert_int_equal(open_source(&run), MR_CONNECTOR_OK);
        assert_string_equal(read_all(&run, 9, 64, TAKE_REST), "2:b");
        end(&run);
    }
}

static void what_is_added_to_a_line_already_taken_is_an_error_record(void **state) {
    (void)state;
    source_run run = begin("a");
    assert_int_equal(open_source(&run), MR_CONNECTOR_OK);
    assert_string_equal(read_all(&run, 9, 64, TAKE_REST), "1:a");
    place_append(&run.place, "in/a.txt", "aa\nb\n");
    assert_string_equal(read_all(&run, 9, 64, TAKE_REST), "1!:aa 2:b");
    end(&run);
}

static void a_line_beyond_max_record_is_an_error_record_however_long(void **state) {
    (void)state;
    char content[600] = "ab\n";
    memset(content + 3, 'x', 500);
    memcpy(content + 503, "\nabcd\nabcde\n", 13);
    for (size_t bytes_max = 1; bytes_max < 700; bytes_max += 37) {
        source_run run = begin(content);
        run.settings[1] = (mr_connector_setting){"max_record", "4B"};
        run.settings_count = 2;
        assert_int_equal(open_source(&run), MR_CONNECTOR_OK);
        char first[8];
        snprintf(first, sizeof first, "%.7s", read_all(&run, 2, bytes_max, TAKE_REST));
        assert_memory_equal(first, "1:ab 2!", 7);
        const char *tail = mr_buf_cstr(&run.text) + run.text.len - 16;
        assert_string_equal(tail, " 3:abcd 4!:abcde");
        end(&run);
    }
}

static void it_goes_on_behind_any_committed_batch(void **state) {
    (void)state;
    for (size_t batches = 0; batches < 5; batches++) {
        source_run run = begin("a\nb\nc\nd");
        assert_int_equal(open_source(&run), MR_CONNECTOR_OK);
        for (size_t i = 0; i < batches; i++) {
            (void)read_once(&run, 1, 3, TAKE_REST);
        }
        close_source(&run);
        assert_int_equal(open_source(&run), MR_CONNECTOR_OK);
        while (read_once(&run, 2, 64, TAKE_REST) == MR_CONNECTOR_OK) {
        }
        assert_string_equal(mr_buf_cstr(&run.text), "1:a 2:b 3:c 4:d");
        end(&run);
    }
}

static void expect_refusal(source_run *run, const char *why) {
    assert_int_equal(open_source(run), MR_CONNECTOR_INVALID);
    if (strstr(run->place.err, why) == NULL) {
        fail_msg("'%s' is not in '%s'", why, run->place.err);
    }
}

static source_run read_and_closed(const char *content) {
    source_run run = begin(content);
    assert_int_equal(open_source(&run), MR_CONNECTOR_OK);
    (void)read_all(&run, 9, 4096, TAKE_REST);
    close_source(&run);
    return run;
}

static void a_truncated_file_is_refused(void **state) {
    (void)state;
    source_run run = read_and_closed("aa\nbb\ncc\n");
    place_put(&run.place, "in/a.txt", "aa\n");
    expect_refusal(&run, "was truncated since its first 9 bytes were read: put the file back");
    end(&run);
}

static void a_rewritten_file_is_refused(void **state) {
    (void)state;
    source_run run = read_and_closed("aa\nbb\ncc\n");
    place_put(&run.place, "in/a.txt", "aa\nbX\ncc\ndd\n");
    expect_refusal(&run, "was rewritten");
    end(&run);
}

static void another_file_of_that_name_is_refused_and_the_same_content_is_not(void **state) {
    (void)state;
    source_run run = read_and_closed("aa\nbb\ncc\n");
    place_remove(&run.place, "in/a.txt");
    expect_refusal(&run, "in/a.txt: no such file");
    place_put(&run.place, "in/a.txt", "xx\nbb\ncc\ndd\n");
    expect_refusal(&run, "was replaced by another one");
    place_remove(&run.place, "in/a.txt");
    place_put(&run.place, "in/a.txt", "aa\nbb\ncc\ndd\n"); /* copied back, and grown */
    assert_int_equal(open_source(&run), MR_CONNECTOR_OK);
    assert_string_equal(read_all(&run, 9, 64, TAKE_REST), "4:dd");
    end(&run);
}

static void a_change_at_the_head_or_right_before_the_position_is_found(void **state) {
    (void)state;
    char content[2001];
    const size_t changes[] = {5, 1023, sizeof content - 1 - 64, sizeof content - 3};
    for (size_t c = 0; c < sizeof changes / sizeof changes[0]; c++) {
        memset(content, 'a', sizeof content);
        for (size_t i = 9; i < sizeof content; i += 10) {
            content[i] = '\n';
        }
        content[sizeof content - 1] = '\0';
        source_run run = read_and_closed(content);
        content[changes[c]] = 'X';
        place_put(&run.place, "in/a.txt", content);
        expect_refusal(&run, "was rewritten");
        end(&run);
    }
}

static void a_file_that_shrinks_while_it_is_read_stops_the_source(void **state) {
    (void)state;
    source_run run = begin("aa\nbb\n");
    assert_int_equal(open_source(&run), MR_CONNECTOR_OK);
    (void)read_all(&run, 9, 64, WAIT_FOR_REST);
    place_put(&run.place, "in/a.txt", "aa\n");
    assert_int_equal(read_once(&run, 9, 64, WAIT_FOR_REST), MR_CONNECTOR_INVALID);
    assert_non_null(strstr(run.place.err, "was truncated"));
    end(&run);
}

static void a_file_rewritten_while_it_is_followed_stops_the_source(void **state) {
    (void)state;
    static const char *const contents[] = {"xx\nyy\n", "xx\nyy\nzzzzzzz\n", "aa\nbX\ncc\n"};
    for (size_t i = 0; i < sizeof contents / sizeof contents[0]; i++) {
        source_run run = begin("aa\nbb\n");
        assert_int_equal(open_source(&run), MR_CONNECTOR_OK);
        assert_string_equal(read_all(&run, 9, 64, WAIT_FOR_REST), "1:aa 2:bb");
        assert_int_equal(read_once(&run, 9, 64, WAIT_FOR_REST), MR_CONNECTOR_END);
        place_put(&run.place, "in/a.txt", contents[i]);
        assert_int_equal(read_once(&run, 9, 64, WAIT_FOR_REST), MR_CONNECTOR_INVALID);
        assert_non_null(strstr(run.place.err, "was rewritten since its first 6 bytes were read"));
        end(&run);
    }
}

static void it_cannot_leave_its_root(void **state) {
    (void)state;
    source_run run = begin("a\n");
    run.settings[0].value = "../a.txt";
    assert_int_equal(open_source(&run), MR_CONNECTOR_INVALID);
    run.settings[0].value = "/etc/passwd";
    assert_int_equal(open_source(&run), MR_CONNECTOR_INVALID);
    end(&run);
}

static void a_foreign_position_is_refused(void **state) {
    (void)state;
    source_run run = begin("a\n");
    snprintf(run.position, sizeof run.position, "{\"offset\":1}");
    expect_refusal(&run, "the committed position is none of a file source");
    end(&run);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_end_with_lf_or_crlf_and_the_last_needs_none),
        cmocka_unit_test(a_byte_order_mark_is_skipped_and_empty_lines_are_lines),
        cmocka_unit_test(a_growing_file_keeps_its_unfinished_line),
        cmocka_unit_test(the_end_of_a_line_taken_without_it_is_no_line),
        cmocka_unit_test(what_is_added_to_a_line_already_taken_is_an_error_record),
        cmocka_unit_test(a_line_beyond_max_record_is_an_error_record_however_long),
        cmocka_unit_test(it_goes_on_behind_any_committed_batch),
        cmocka_unit_test(a_truncated_file_is_refused),
        cmocka_unit_test(a_rewritten_file_is_refused),
        cmocka_unit_test(another_file_of_that_name_is_refused_and_the_same_content_is_not),
        cmocka_unit_test(a_change_at_the_head_or_right_before_the_position_is_found),
        cmocka_unit_test(a_file_that_shrinks_while_it_is_read_stops_the_source),
        cmocka_unit_test(a_file_rewritten_while_it_is_followed_stops_the_source),
        cmocka_unit_test(it_cannot_leave_its_root),
        cmocka_unit_test(a_foreign_position_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
