/* The file sink: what stands in its files after a piece, after a crash between its steps, and after
 * a reset. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "tests/unit/connectors_fixture.h"

#define A_TO_B "out/rows-0-00000000000000000005-00000000000000000008.jsonl"
#define C_ONLY "out/rows-0-00000000000000000009-00000000000000000011.jsonl"

typedef struct sink_run {
    connector_place place;
    mr_connector_setting settings[3];
    size_t settings_count;
    void *self;
    mr_connector_resume resume;
    int full;
    char intent[MR_CONNECTOR_INTENT_BYTES_MAX]; /* as committed last; "": none */
} sink_run;

static sink_run begin(const char *form, const char *path) {
    sink_run run = {.settings = {{form, path}}, .settings_count = 1};
    place_begin(&run.place);
    return run;
}

static mr_connector_result open_sink(sink_run *run) {
    run->resume = (mr_connector_resume){.struct_bytes = sizeof run->resume};
    return run->place.plugin->sink_open(run->place.host, run->settings, run->settings_count,
                                        &run->place.chain, run->intent[0] ? run->intent : NULL,
                                        &run->resume, &run->self, run->place.err,
                                        sizeof run->place.err);
}

static void must_open(sink_run *run) {
    if (open_sink(run) != MR_CONNECTOR_OK) {
        fail_msg("%s", run->place.err);
    }
}

static void close_sink(sink_run *run) {
    run->place.plugin->sink_close(run->self);
    run->self = NULL;
}

static sink_run opened(const char *form, const char *path) {
    sink_run run = begin(form, path);
    must_open(&run);
    return run;
}

/* As after a crash: what was not published is not. */
static void reopen(sink_run *run) {
    close_sink(run);
    must_open(run);
}

static void end(sink_run *run) {
    close_sink(run);
    place_end(&run->place);
}

static void row(sink_run *run, int64_t offset, const char *json) {
    mr_connector_row one = {offset, (const uint8_t *)json, strlen(json)};
    assert_int_equal(run->place.plugin->sink_write(run->self, &one, 1, &run->full, run->place.err,
                                                   sizeof run->place.err),
                     MR_CONNECTOR_OK);
}

static void commit(sink_run *run, int64_t end_offset) {
    assert_int_equal(run->place.plugin->sink_prepare(run->self, end_offset, run->intent,
                                                     sizeof run->intent, run->place.err,
                                                     sizeof run->place.err),
                     MR_CONNECTOR_OK);
}

static void publish(sink_run *run) {
    if (run->place.plugin->sink_publish(run->self, run->intent, run->place.err,
                                        sizeof run->place.err) != MR_CONNECTOR_OK) {
        fail_msg("%s", run->place.err);
    }
}

static void commit_piece(sink_run *run, int64_t offset, const char *json, int64_t end_offset) {
    row(run, offset, json);
    commit(run, end_offset);
}

static void write_piece(sink_run *run, int64_t offset, const char *json, int64_t end_offset) {
    commit_piece(run, offset, json, end_offset);
    publish(run);
}

static mr_connector_result reset(sink_run *run, int64_t generation) {
    mr_connector_chain chain = run->place.chain;
    chain.generation = generation;
    return run->place.plugin->sink_reset(run->place.host, run->settings, run->settings_count,
                                         &chain, run->place.err, sizeof run->place.err);
}

static void expect_refusal(sink_run *run, const char *why) {
    assert_int_equal(open_sink(run), MR_CONNECTOR_INVALID);
    if (strstr(run->place.err, why) == NULL) {
        fail_msg("'%s' is not in '%s'", why, run->place.err);
    }
}

/* ---- the directory ---- */

static void a_piece_has_the_offsets_it_covers_in_its_name(void **state) {
    (void)state;
    sink_run run = opened("dir", "./out/");
    assert_int_equal(run.resume.next_offset, 0);
    assert_int_equal(run.resume.publish_offset, -1);
    row(&run, 5, "\"a\"");
    commit_piece(&run, 7, "\"b\"", 8);
    assert_string_equal(place_names(&run.place), "out/.rows-0.tmp");
    publish(&run);
    write_piece(&run, 11, "\"c\"", 11);
    assert_string_equal(place_names(&run.place), A_TO_B " " C_ONLY);
    assert_string_equal(place_get(&run.place, A_TO_B), "\"a\"\n\"b\"\n");
    assert_string_equal(place_get(&run.place, C_ONLY), "\"c\"\n");
    end(&run);
}

static void a_piece_without_rows_moves_the_position_and_gives_no_file(void **state) {
    (void)state;
    sink_run run = opened("dir", "out");
    commit(&run, 40);
    publish(&run);
    reopen(&run);
    assert_int_equal(run.resume.next_offset, 41);
    assert_int_equal(run.resume.publish_offset, -1);
    assert_string_equal(place_names(&run.place), "");
    end(&run);
}

static void a_committed_piece_that_was_not_published_is_built_again(void **state) {
    (void)state;
    sink_run run = opened("dir", "out");
    commit_piece(&run, 5, "\"a\"", 8);
    reopen(&run);
    assert_string_equal(place_names(&run.place), "");
    assert_int_equal(run.resume.next_offset, 5);
    assert_int_equal(run.resume.publish_offset, 8);
    row(&run, 5, "\"a\"");
    publish(&run);
    publish(&run); /* done before is done */
    assert_string_equal(place_get(&run.place, A_TO_B), "\"a\"\n");
    reopen(&run);
    assert_int_equal(run.resume.next_offset, 9);
    assert_int_equal(run.resume.publish_offset, -1);
    end(&run);
}

static void rows_that_were_not_committed_are_gone_at_open(void **state) {
    (void)state;
    sink_run run = opened("dir", "out");
    row(&run, 5, "\"a\"");
    reopen(&run);
    assert_string_equal(place_names(&run.place), "");
    assert_int_equal(run.resume.next_offset, 0);
    end(&run);
}

static void rotate_says_when_a_piece_is_full(void **state) {
    (void)state;
    sink_run run = begin("dir", "out");
    run.settings[1] = (mr_connector_setting){"rotate.records", "2"};
    run.settings[2] = (mr_connector_setting){"rotate.size", "10B"};
    run.settings_count = 3;
    must_open(&run);
    assert_int_equal(run.place.plugin->sink_rows_left(run.self), 2);
    row(&run, 0, "1");
    assert_false(run.full);
    assert_int_equal(run.place.plugin->sink_rows_left(run.self), 1);
    row(&run, 1, "2");
    assert_true(run.full);
    commit(&run, 1);
    publish(&run);
    assert_int_equal(run.place.plugin->sink_rows_left(run.self), 2);
    row(&run, 2, "123456789");
    assert_true(run.full); /* 10 bytes with the newline */
    end(&run);
}

static void another_chain_is_refused_by_name(void **state) {
    (void)state;
    sink_run run = opened("dir", "out");
    void *first = run.self;
    expect_refusal(&run, "another sink, of this run or of another one, writes there: ");
    run.self = first;
    close_sink(&run);
    run.place.chain.log_id = "log-b";
    expect_refusal(&run, "was written from topic rows (id-a) with 1 partitions in log log-a, "
                         "generation 1; this sink reads topic rows (id-a) with 1 partitions in log "
                         "log-b, generation 1: move the old output away");
    run.place.chain.log_id = "log-a";
    run.place.chain.topic_id = "id-b";
    expect_refusal(&run, "topic rows (id-b)");
    run.place.chain.topic_id = "id-a";
    run.place.chain.partitions = 2;
    expect_refusal(&run, "with 2 partitions");
    run.place.chain.partitions = 1;
    run.place.chain.generation = 2;
    expect_refusal(&run, "a reset was not finished");
    run.place.chain.generation = 1;
    must_open(&run);
    end(&run);
}

static void files_of_somebody_else_are_never_mixed_in(void **state) {
    (void)state;
    sink_run run = begin("dir", "out");
    place_put(&run.place, A_TO_B, "x\n");
    expect_refusal(&run, "holds files of topic rows, partition 0, that this sink did not write");
    end(&run);
}

static void output_ahead_of_the_log_is_refused(void **state) {
    (void)state;
    sink_run run = opened("dir", "out");
    write_piece(&run, 5, "\"a\"", 8);
    close_sink(&run);
    run.intent[0] = '\0'; /* an older copy of the data directory */
    expect_refusal(&run, "the log committed only up to -1");
    end(&run);
}

static void output_that_was_taken_away_whole_is_told_and_not_begun_anew(void **state) {
    (void)state;
    sink_run run = opened("dir", "out");
    write_piece(&run, 5, "\"a\"", 8);
    close_sink(&run);
    place_remove(&run.place, A_TO_B);
    place_remove(&run.place, "out/.millrace-chain-rows-0");
    expect_refusal(&run, "what this sink wrote there up to offset 8 is gone");
    assert_string_equal(place_names(&run.place), "");
    end(&run);
}

static void a_topic_too_long_for_names_of_files_is_refused_at_the_start(void **state) {
    (void)state;
    char topic[207];
    memset(topic, 't', sizeof topic - 1);
    topic[sizeof topic - 1] = '\0';
    sink_run run = begin("dir", "out");
    run.place.chain.topic = topic;
    expect_refusal(&run, "would have 256 bytes, and 255 is the most");
    topic[sizeof topic - 2] = '\0';
    must_open(&run);
    end(&run);
}

static void topics_and_partitions_with_look_alike_names_live_side_by_side(void **state) {
    (void)state;
    sink_run run = begin("dir", "out");
    run.place.chain.topic = "rows-1";
    must_open(&run);
    write_piece(&run, 0, "1", 0);
    close_sink(&run);
    run.place.chain.topic = "rows";
    run.place.chain.partition = 1;
    run.place.chain.partitions = 2;
    run.intent[0] = '\0';
    must_open(&run);
    close_sink(&run);
    assert_int_equal(reset(&run, 2), MR_CONNECTOR_OK);
    assert_string_equal(place_names(&run.place),
                        "out/rows-1-0-00000000000000000000-00000000000000000000.jsonl");
    end(&run);
}

static void reset_removes_the_files_of_older_generations_once(void **state) {
    (void)state;
    sink_run run = begin("dir", "out");
    assert_int_equal(reset(&run, 2), MR_CONNECTOR_OK); /* nothing there yet */
    must_open(&run);
    write_piece(&run, 5, "\"a\"", 8);
    row(&run, 9, "\"b\"");
    close_sink(&run);
    place_put(&run.place, "out/notes.txt", "mine");
    assert_int_equal(reset(&run, 1), MR_CONNECTOR_OK);
    assert_string_equal(place_names(&run.place), "out/.rows-0.tmp out/notes.txt " A_TO_B);
    assert_int_equal(reset(&run, 2), MR_CONNECTOR_OK);
    assert_string_equal(place_names(&run.place), "out/notes.txt");
    run.place.chain.generation = 2;
    run.intent[0] = '\0';
    must_open(&run);
    write_piece(&run, 70, "\"c\"", 70);
    close_sink(&run);
    assert_int_equal(reset(&run, 2), MR_CONNECTOR_OK); /* done before is done */
    assert_string_equal(place_names(&run.place),
                        "out/notes.txt out/rows-0-00000000000000000070-00000000000000000070.jsonl");
    end(&run);
}

/* ---- one file ---- */

static void one_file_is_made_at_start_and_holds_the_rows(void **state) {
    (void)state;
    sink_run run = opened("path", "out/all.jsonl");
    assert_int_equal(run.resume.piece_age_ms, 1000);
    assert_string_equal(place_get(&run.place, "out/all.jsonl"), "");
    row(&run, 5, "\"a\"");
    write_piece(&run, 6, "\"b\"", 6);
    assert_string_equal(place_get(&run.place, "out/all.jsonl"), "\"a\"\n\"b\"\n");
    end(&run);
}

static void one_file_is_cut_to_what_was_committed(void **state) {
    (void)state;
    sink_run run = opened("path", "all.jsonl");
    write_piece(&run, 5, "\"a\"", 6);
    row(&run, 7, "\"b\"");
    reopen(&run);
    assert_int_equal(run.resume.next_offset, 7);
    assert_int_equal(run.resume.publish_offset, -1);
    assert_string_equal(place_get(&run.place, "all.jsonl"), "\"a\"\n");
    row(&run, 7, "\"b\"");
    close_sink(&run);
    run.intent[0] = '\0';
    must_open(&run);
    assert_string_equal(place_get(&run.place, "all.jsonl"), "");
    end(&run);
}

static void one_file_that_lost_committed_bytes_is_refused(void **state) {
    (void)state;
    sink_run run = opened("path", "all.jsonl");
    commit_piece(&run, 5, "\"a\"", 6);
    close_sink(&run);
    place_put(&run.place, "all.jsonl", "\"a");
    expect_refusal(&run, "the file has 2 bytes, but 4 were committed");
    end(&run);
}

static void one_file_that_was_replaced_by_a_longer_one_is_refused_and_not_cut(void **state) {
    (void)state;
    sink_run run = opened("path", "all.jsonl");
    commit_piece(&run, 5, "\"a\"", 6);
    close_sink(&run);
    place_put(&run.place, "all.jsonl", "notes of somebody\n");
    expect_refusal(&run, "the file holds something else than what was committed");
    assert_string_equal(place_get(&run.place, "all.jsonl"), "notes of somebody\n");
    end(&run);
}

static void one_file_of_somebody_else_is_refused(void **state) {
    (void)state;
    sink_run run = begin("path", "all.jsonl");
    place_put(&run.place, "all.jsonl", "notes\n");
    expect_refusal(&run, "is not empty and was not written by this sink");
    assert_string_equal(place_get(&run.place, "all.jsonl"), "notes\n");
    run.place.chain.partitions = 2;
    expect_refusal(&run, "topic rows has 2 partitions, and one file keeps the order of one");
    end(&run);
}

static void one_file_is_emptied_by_reset(void **state) {
    (void)state;
    sink_run run = begin("path", "all.jsonl");
    assert_int_equal(reset(&run, 2), MR_CONNECTOR_OK);
    assert_string_equal(place_get(&run.place, "all.jsonl"), "(missing)");
    must_open(&run);
    commit_piece(&run, 5, "\"a\"", 6);
    close_sink(&run);
    assert_int_equal(reset(&run, 1), MR_CONNECTOR_OK);
    assert_string_equal(place_get(&run.place, "all.jsonl"), "\"a\"\n");
    run.place.chain.log_id = "log-b";
    assert_int_equal(reset(&run, 2), MR_CONNECTOR_INVALID);
    assert_string_equal(place_get(&run.place, "all.jsonl"), "\"a\"\n");
    run.place.chain.log_id = "log-a";
    assert_int_equal(reset(&run, 2), MR_CONNECTOR_OK);
    assert_string_equal(place_get(&run.place, "all.jsonl"), "");
    run.place.chain.generation = 2;
    run.intent[0] = '\0';
    must_open(&run);
    end(&run);
}

static void a_sink_that_moved_is_refused(void **state) {
    (void)state;
    sink_run run = opened("path", "all.jsonl");
    commit_piece(&run, 5, "\"a\"", 6);
    close_sink(&run);
    run.settings[0] = (mr_connector_setting){"path", "other.jsonl"};
    expect_refusal(&run, "wrote somewhere else before");
    run.settings[0] = (mr_connector_setting){"dir", "out"};
    expect_refusal(&run, "wrote somewhere else before");
    end(&run);
}

/* ---- settings ---- */

static void settings_are_checked_together(void **state) {
    (void)state;
    const mr_connector *file = mr_connector_find("file");
    mr_connector_setting dir = {"dir", "out"}, path = {"path", "a"}, size = {"rotate.size", "9"};
    mr_connector_setting both[] = {dir, path}, rotated[] = {path, size};
    mr_connector_setting wrong[] = {dir, {"rotate.records", "many"}}, right[] = {dir, size};
    assert_string_equal(file->check_sink(NULL, 0), "a file sink needs either 'dir' or 'path'");
    assert_string_equal(file->check_sink(both, 2), "a file sink needs either 'dir' or 'path'");
    assert_string_equal(file->check_sink(rotated, 2),
                        "'rotate' goes with 'dir': one file is never rotated");
    assert_string_equal(file->check_sink(wrong, 2), "'rotate.records' is a number above 0");
    assert_null(file->check_sink(right, 2));
    assert_string_equal(file->check_source(NULL, 0), "a file source needs 'path'");
    assert_null(file->check_source(&path, 1));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_piece_has_the_offsets_it_covers_in_its_name),
        cmocka_unit_test(a_piece_without_rows_moves_the_position_and_gives_no_file),
        cmocka_unit_test(a_committed_piece_that_was_not_published_is_built_again),
        cmocka_unit_test(rows_that_were_not_committed_are_gone_at_open),
        cmocka_unit_test(rotate_says_when_a_piece_is_full),
        cmocka_unit_test(another_chain_is_refused_by_name),
        cmocka_unit_test(files_of_somebody_else_are_never_mixed_in),
        cmocka_unit_test(output_ahead_of_the_log_is_refused),
        cmocka_unit_test(output_that_was_taken_away_whole_is_told_and_not_begun_anew),
        cmocka_unit_test(a_topic_too_long_for_names_of_files_is_refused_at_the_start),
        cmocka_unit_test(topics_and_partitions_with_look_alike_names_live_side_by_side),
        cmocka_unit_test(reset_removes_the_files_of_older_generations_once),
        cmocka_unit_test(one_file_is_made_at_start_and_holds_the_rows),
        cmocka_unit_test(one_file_is_cut_to_what_was_committed),
        cmocka_unit_test(one_file_that_lost_committed_bytes_is_refused),
        cmocka_unit_test(one_file_that_was_replaced_by_a_longer_one_is_refused_and_not_cut),
        cmocka_unit_test(one_file_of_somebody_else_is_refused),
        cmocka_unit_test(one_file_is_emptied_by_reset),
        cmocka_unit_test(a_sink_that_moved_is_refused),
        cmocka_unit_test(settings_are_checked_together),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
