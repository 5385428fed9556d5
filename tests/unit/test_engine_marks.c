/* Silence and time: marks, their replay behind crashes and resets, the ends of inputs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "runtime/engine/task_state.h"
#include "tests/unit/job_fixture.h"

/* ---- marks ---- */

static bool took_one(const mr_board *board) {
    return atomic_load(&board->records_in) == 1;
}

static bool took_six_and_closed_five(const mr_board *board) {
    return atomic_load(&board->records_in) == 6 && atomic_load(&board->windows_closed) == 5;
}

static bool closed_one(const mr_board *board) {
    return atomic_load(&board->windows_closed) == 1;
}

static bool closed_two_and_late(const mr_board *board) {
    return job_closed_two(board) && atomic_load(&board->records_late) == 1;
}

static bool late_one(const mr_board *board) {
    return atomic_load(&board->records_late) == 1;
}

/* The mark stands behind a transaction's marker, the replay sees the record behind that first. */
static void a_mark_is_obeyed_before_the_record_that_came_after_it(void **state) {
    job_fixture *f = *state;
    job_put(f, "a", "k={\"at\":0} k={\"at\":1000}");
    job_run_until(f, job_windowed, job_closed_two); /* the second one by an idle mark */
    job_put(f, "a", "k={\"at\":1500}");
    job_run_until(f, job_windowed, late_one);
    assert_string_equal(job_records_of(f, "out"), "k=1 k=1");
    assert_string_equal(job_records_of(f, "tardy"), "k={\"at\":1500}");
    job_reset(f, job_windowed);
    assert_string_equal(job_records_of(f, "out"), "");
    job_run_until(f, job_windowed, closed_two_and_late);
    assert_string_equal(job_records_of(f, "out"), "k=1 k=1");
    assert_string_equal(job_records_of(f, "tardy"), "k={\"at\":1500}");
}

/* Sizes that are no multiple of what is announced at a time, nor of how often the clock is looked
 * at. */
static void when_all_is_silent_the_last_window_behind_a_repartition_closes_too(void **state) {
    job_fixture *f = *state;
    static const char *const sizes[] = {"900ms", "250ms"};
    job_put(f, "a", "={\"k\":\"x\",\"at\":0} ={\"k\":\"x\",\"at\":9000}");
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        char job[512];
        snprintf(job, sizeof job,
                 "job: j%s\n"
                 "streams:\n"
                 "  a: {topic: a, key: string, value: json, time: {from: value.at}}\n"
                 "  out: {topic: out%s, key: string, value: json}\n"
                 "pipelines:\n"
                 "  p:\n"
                 "    from: a\n"
                 "    steps:\n"
                 "      - rekey: value.k\n"
                 "      - count: {store: n, window: {tumbling: %s, late: drop, emit: final}}\n"
                 "    to: out\n",
                 sizes[i], sizes[i], sizes[i]);
        job_run_until(f, job, job_closed_two);
    }
    assert_string_equal(job_records_of(f, "out900ms"), "x=1 x=1");
    assert_string_equal(job_records_of(f, "out250ms"), "x=1 x=1");
}

static const char two_hops_job[] =
    "job: j\n"
    "streams:\n"
    "  a: {topic: a, key: string, value: json}\n"
    "  mid: {topic: mid, key: string, value: json, time: {from: value.at}}\n"
    "  out: {topic: out, key: string, value: json}\n"
    "  tardy: {topic: tardy, key: string, value: json}\n"
    "pipelines:\n"
    "  first: {from: a, steps: [{filter: value.at >= 0}], to: mid}\n"
    "  second:\n"
    "    from: mid\n"
    "    steps:\n"
    "      - count: {store: n, window: {tumbling: 1s, grace: 0s, late: tardy, emit: final}}\n"
    "    to: out\n";

/* A reset empties `mid`: marks of the time before speak of offsets that never come again. */
static void marks_about_an_emptied_topic_are_not_obeyed(void **state) {
    job_fixture *f = *state;
    job_put(f, "a", "k={\"at\":0} k={\"at\":1000}");
    job_run_until(f, two_hops_job, job_closed_two);
    job_reset(f, two_hops_job);
    job_run_until(f, two_hops_job, job_closed_two);
    assert_string_equal(job_records_of(f, "out"), "k=1 k=1");
    assert_string_equal(job_records_of(f, "tardy"), "");
    /* And what this generation marked is obeyed by a task that comes back. */
    job_put(f, "a", "k={\"at\":1500}");
    job_run_until(f, two_hops_job, late_one);
    assert_string_equal(job_records_of(f, "tardy"), "k={\"at\":1500}");
}

static const char two_inputs_job[] =
    "job: j\n"
    "streams:\n"
    "  a: {topic: a, key: string, value: json, time: {from: value.at}}\n"
    "  b: {topic: b, key: string, value: json, time: {from: value.at}}\n"
    "  out: {topic: out, key: string, value: json}\n"
    "  tardy: {topic: tardy, key: string, value: json}\n"
    "sources: {lines: {file: {path: b.jsonl, format: json}, to: b}}\n"
    "pipelines:\n"
    "  p:\n"
    "    from: [a, b]\n"
    "    steps:\n"
    "      - rekey: value.k\n"
    "      - count: {store: n, window: {tumbling: 1s, grace: 0s, late: tardy, emit: final}}\n"
    "    to: out\n";

/* `a` is idle when `b` ends: what b's time closed stays closed, also behind a restart. */
static void an_idle_input_is_not_earlier_than_what_an_ended_one_closed(void **state) {
    job_fixture *f = *state;
    job_put(f, "a", "={\"k\":\"x\",\"at\":100}");
    job_write_file(f, "b.jsonl", "{\"k\":\"x\",\"at\":200}\n{\"k\":\"x\",\"at\":5000}\n");
    job_run_to_end(f, two_inputs_job);
    job_put(f, "a", "={\"k\":\"x\",\"at\":300}");
    job_run_to_end(f, two_inputs_job);
    assert_string_equal(job_records_of(f, "out"), "x=2");
    assert_string_equal(job_records_of(f, "tardy"), "x={\"k\":\"x\",\"at\":300}");
}

/* ---- a job whose inputs come and go ---- */

#define MERGED(inputs)                                                                             \
    "job: j\n"                                                                                     \
    "streams:\n"                                                                                   \
    "  a1: {topic: a1, key: string, value: json, time: {from: value.at}}\n"                        \
    "  a2: {topic: a2, key: string, value: json, time: {from: value.at}}\n"                        \
    "  a3: {topic: a3, key: string, value: json, time: {from: value.at}}\n"                        \
    "  out: {topic: out, key: string, value: json}\n"                                              \
    "  tardy: {topic: tardy, key: string, value: json}\n"                                          \
    "pipelines:\n"                                                                                 \
    "  p:\n"                                                                                       \
    "    from: " inputs "\n"                                                                       \
    "    steps:\n"                                                                                 \
    "      - count: {store: n, window: {tumbling: 1s, grace: 0s, late: tardy, emit: final}}\n"     \
    "    to: out\n"

static const mr_task *only_task(const job_fixture *f) {
    const mr_worker *worker = mr_job_world_worker(f->world, 0);
    assert_int_equal(mr_worker_members(worker), 1);
    return (const mr_task *)mr_worker_member(worker, 0);
}

/* What `a2` was in the first run says nothing about it in the last one. */
static void marks_are_obeyed_once_though_an_input_came_and_went(void **state) {
    job_fixture *f = *state;
    job_put(f, "a1", "k={\"at\":1000}");
    job_put(f, "a2", "k={\"at\":900}");
    job_run_until(f, MERGED("[a1, a2]"), job_closed_two);
    job_put(f, "a2", "k={\"at\":2900}");
    job_run_until(f, MERGED("[a1, a2]"), closed_one); /* a2 awoke, and fell asleep again */
    job_put(f, "a3", "k={\"at\":5200}");
    job_run_until(f, MERGED("[a1, a2, a3]"), closed_one);
    mr_job_world_options options = job_options_of(f, MERGED("[a1, a2]"), MR_RUN_FOR_EVER);
    assert_int_equal(job_open(f, &options), MR_OK);
    while (only_task(f)->machine.state != TASK_RUNNING) {
        assert_int_equal(mr_job_world_run(f->world, 1), MR_JOB_BUSY);
    }
    assert_false(mr_task_replaying(only_task(f)));
    job_leave(f);
}

static bool closed_many(const mr_board *board) {
    return atomic_load(&board->windows_closed) == 20;
}

/* A job that runs for years falls silent often. */
static void marks_that_were_obeyed_are_not_kept(void **state) {
    job_fixture *f = *state;
    mr_buf records = {0};
    for (int i = 0; i < 20; i++) {
        mr_buf_printf(&records, "k={\"at\":%d} ", i * 1000);
    }
    job_put(f, "a1", mr_buf_cstr(&records));
    mr_buf_deinit(&records);
    for (int turn = 0; turn < 2; turn++) {
        mr_job_world_options options = job_options_of(f, MERGED("[a1, a2]"), MR_RUN_FOR_EVER);
        assert_int_equal(job_open(f, &options), MR_OK);
        for (int i = 0; i < 5000 || !closed_many(mr_job_world_board(f->world)); i++) {
            assert_int_equal(mr_job_world_run(f->world, 10), MR_JOB_BUSY);
        }
        assert_true(only_task(f)->marks_numbered > 2);
        assert_int_equal(only_task(f)->marks_count, 0);
        job_leave(f);
        job_reset(f, MERGED("[a1, a2]"));
    }
}

/* ---- ends ---- */

static const char source_job[] =
    "job: j\n"
    "streams:\n"
    "  b: {topic: b, key: string, value: json, time: {from: value.at}}\n"
    "  out: {topic: out, key: string, value: json}\n"
    "sources: {lines: {file: {path: b.jsonl, format: json}, to: b}}\n"
    "pipelines:\n"
    "  p:\n"
    "    from: b\n"
    "    steps:\n"
    "      - rekey: value.k\n"
    "      - count: {store: n, window: {tumbling: 1s, grace: 0s, late: drop, emit: final}}\n"
    "    to: out\n";

static void records_behind_an_end_are_refused(void **state) {
    job_fixture *f = *state;
    job_write_file(f, "b.jsonl", "{\"k\":\"x\",\"at\":200}\n");
    job_run_to_end(f, source_job);
    assert_string_equal(job_records_of(f, "out"), "x=1");
    job_run_to_end(f, source_job); /* nothing new is fine */
    job_put(f, "b", "={\"k\":\"x\",\"at\":300}");
    mr_job_world_options options = job_options_of(f, source_job, MR_RUN_UNTIL_END);
    assert_int_equal(job_open(f, &options), MR_OK);
    assert_int_equal(mr_job_world_run(f->world, JOB_STEPS_MAX), MR_JOB_FAILED);
    assert_non_null(strstr(mr_job_world_failure(f->world)->message, "b[0]@"));
    assert_non_null(strstr(mr_job_world_failure(f->world)->message, "--until-end"));
    job_leave(f);
    job_reset(f, source_job);
    job_run_to_end(f, source_job); /* it was not the end */
    assert_string_equal(job_records_of(f, "out"), "x=2");
    job_reset(f, source_job);
    job_run_to_end(f, source_job); /* but the second one was */
    assert_string_equal(job_records_of(f, "out"), "x=2");
}

/* The source has to look first whether there is more: a reset takes up what was added behind the
 * end. */
static void an_end_of_before_a_reset_waits_for_the_source(void **state) {
    job_fixture *f = *state;
    job_write_file(f, "b.jsonl", "{\"k\":\"x\",\"at\":200}\n");
    job_run_to_end(f, source_job);
    job_reset(f, source_job);
    job_write_file(f, "b.jsonl",
                   "{\"k\":\"x\",\"at\":200}\n{\"k\":\"x\",\"at\":210}\n"
                   "{\"k\":\"x\",\"at\":220}\n");
    mr_job_world_options options = job_options_of(f, source_job, MR_RUN_UNTIL_END);
    options.rate = 2;
    job_run_options_until(f, &options, closed_one);
    assert_string_equal(job_records_of(f, "out"), "x=3");
    job_reset(f, source_job);
    options = job_options_of(f, source_job, MR_RUN_FOR_EVER);
    job_run_options_until(f, &options, closed_one); /* nothing was added: it is the end */
    assert_string_equal(job_records_of(f, "out"), "x=3");
}

/* ---- silence ---- */

/* Two tasks send to one window; one of them fell silent long before the time that the other has
 * reached. */
static void a_silent_sender_moves_on_as_far_as_the_furthest_one_needs(void **state) {
    job_fixture *f = *state;
    job_put_in(f, "a", 2, 0, "={\"at\":1000,\"k\":\"x\"}");
    job_put_in(f, "a", 2, 1, "={\"at\":30000,\"k\":\"y\"}");
    job_run_until(f,
                  "job: j\n"
                  "streams:\n"
                  "  a: {topic: a, key: string, value: json, time: {from: value.at}}\n"
                  "  out: {topic: out, key: string, value: json}\n"
                  "pipelines:\n"
                  "  p: {from: a, to: out, steps: [{rekey: value.k}, {count: {store: n, window: "
                  "{tumbling: 1s, late: drop, emit: final}}}]}\n",
                  job_closed_two);
    assert_string_equal(job_records_of(f, "out"), "x=1 y=1");
}

static const char fed_job[] =
    "job: j\n"
    "streams:\n"
    "  a: {topic: a, key: string, value: json, time: {from: value.at}, create: {partitions: 2}}\n"
    "  out: {topic: out, key: string, value: json}\n"
    "sources:\n"
    "  lines: {file: {path: a.jsonl, format: json}, to: a, steps: [{rekey: value.k}]}\n"
    "pipelines:\n"
    "  p:\n"
    "    from: a\n"
    "    steps:\n"
    "      - count: {store: n, window: {tumbling: 1s, grace: 0s, late: drop, emit: final}}\n"
    "    to: out\n";

/* One partition gets its only record first; the source goes on for longer than `idle`, then rests.
 * Nothing comes that would wake the worker of that partition. */
static void a_partition_is_silent_when_its_source_rests_at_last(void **state) {
    job_fixture *f = *state;
    mr_buf lines = {0};
    mr_buf_put_text(&lines, "{\"k\":\"a\",\"at\":0}\n");
    for (int i = 0; i < 300; i++) {
        mr_buf_put_text(&lines, "{\"k\":\"d\",\"at\":0}\n");
    }
    job_write_file(f, "a.jsonl", mr_buf_cstr(&lines));
    mr_buf_deinit(&lines);
    mr_job_world_options options = job_options_of(f, fed_job, MR_RUN_FOR_EVER);
    options.workers = 3; /* a task each, the source beside the first of them */
    options.rate = 100;
    job_run_options_until(f, &options, job_closed_two);
    assert_string_equal(job_records_of(f, "out"), "a=1 d=300");
}

static void run_for(job_fixture *f, int64_t ms) {
    int64_t until_ns = mr_job_world_now(f->world).mono_ns + ms * 1000000;
    while (mr_job_world_now(f->world).mono_ns < until_ns) {
        if (mr_job_world_run(f->world, 1) != MR_JOB_BUSY) {
            fail_msg("%s", mr_job_world_failure(f->world)->message);
        }
    }
}

/* A job that is left alone writes nothing. */
static void silence_settles(void **state) {
    job_fixture *f = *state;
    job_put(f, "a", "k={\"at\":0}");
    mr_job_world_options options = job_options_of(f, job_windowed, MR_RUN_FOR_EVER);
    assert_int_equal(job_open(f, &options), MR_OK);
    const mr_board *board = mr_job_world_board(f->world);
    while (!closed_one(board)) {
        assert_int_equal(mr_job_world_run(f->world, 1), MR_JOB_BUSY);
    }
    run_for(f, 5000);
    uint64_t commits = atomic_load(&board->commits);
    run_for(f, 60000);
    assert_int_equal(atomic_load(&board->commits), commits);
}

static void append_line(job_fixture *f, const char *path, uint64_t at, const char *line) {
    mr_file *file;
    assert_int_equal(mr_disk_open(mr_sim_disk_disk(f->sim), path, MR_DISK_CREATE, &file, &f->err),
                     MR_OK);
    assert_int_equal(mr_disk_write_full(file, line, strlen(line), at, &f->err), MR_OK);
    mr_file_close(file);
}

/* A partition that had no time, and so held nobody back, gets a record at last: nothing later will
 * make due what it opens. */
static void a_window_opened_behind_the_minimum_closes(void **state) {
    job_fixture *f = *state;
    static const char job[] =
        "job: j\n"
        "streams:\n"
        "  a: {topic: a, key: string, value: json, time: {from: value.at}, create: {partitions: "
        "2}}\n"
        "  out: {topic: out, key: string, value: json}\n"
        "sources:\n"
        "  lines: {file: {path: a.jsonl, format: json}, to: a, steps: [{rekey: value.k}]}\n"
        "pipelines:\n"
        "  p:\n"
        "    from: a\n"
        "    steps:\n"
        "      - filter: value.to\n"
        "      - rekey: value.to\n"
        "      - count: {store: n, window: {tumbling: 1s, late: drop, emit: final}}\n"
        "    to: out\n";
#define FIRST_LINES "{\"k\":\"a\",\"at\":0,\"to\":\"x\"}\n{\"k\":\"a\",\"at\":9000}\n"
    job_write_file(f, "a.jsonl", FIRST_LINES);
    mr_job_world_options options = job_options_of(f, job, MR_RUN_FOR_EVER);
    assert_int_equal(job_open(f, &options), MR_OK);
    run_for(f, 20000);
    assert_int_equal(atomic_load(&mr_job_world_board(f->world)->windows_closed), 1);
    append_line(f, "a.jsonl", strlen(FIRST_LINES), "{\"k\":\"d\",\"at\":5000,\"to\":\"x\"}\n");
    run_for(f, 20000);
    assert_int_equal(atomic_load(&mr_job_world_board(f->world)->records_in), 3);
    assert_int_equal(atomic_load(&mr_job_world_board(f->world)->windows_closed), 2);
    job_leave(f);
    assert_string_equal(job_records_of(f, "out"), "x=1 x=1");
}

static const char mixed_job[] =
    "job: j\n"
    "streams:\n"
    "  a: {topic: a, key: string, value: json, time: {from: value.at}}\n"
    "  b: {topic: b, key: string, value: json, time: {from: value.at}}\n"
    "  out: {topic: out, key: string, value: json}\n"
    "pipelines:\n"
    "  p1: {from: a, steps: [{rekey: value.k}, {count: {store: n1, window: {tumbling: 1s, late: "
    "drop, emit: final}}}]}\n"
    "  p2: {from: [p1, b], to: out}\n";

/* A repartition of a new generation has other offsets: fewer, when all is taken at once. */
static void marks_about_a_repartition_are_not_obeyed_behind_a_reset(void **state) {
    job_fixture *f = *state;
    for (int i = 0; i < 5; i++) {
        char record[64];
        snprintf(record, sizeof record, "={\"k\":\"x\",\"at\":%d}", i * 5000);
        job_put(f, "a", record);
        job_run_until(f, mixed_job, closed_one);
    }
    job_put(f, "b", "y={\"at\":20500}");
    job_run_until(f, mixed_job, took_one); /* it was idle, and awakes */
    job_reset(f, mixed_job);
    job_run_until(f, mixed_job, took_six_and_closed_five);
}

static const char merged_job[] =
    "job: j\n"
    "streams:\n"
    "  a: {topic: a, key: string, value: json, time: {from: value.at}}\n"
    "  b: {topic: b, key: string, value: json, time: {from: value.at}}\n"
    "  out: {topic: out, key: string, value: json}\n"
    "pipelines:\n"
    "  p1: {from: a, steps: [{rekey: value.k}, {count: {store: n1, window: {tumbling: 1s, late: "
    "drop, emit: final}}}]}\n"
    "  p2: {from: b, steps: [{rekey: value.k}, {count: {store: n2, window: {tumbling: 1s, late: "
    "drop, emit: final}}}]}\n"
    "  p3: {from: [p1, p2], to: out}\n";

/* Nothing ever came from `b`: what it feeds has no time to wait for. */
static void a_repartition_without_any_time_holds_nobody_back(void **state) {
    job_fixture *f = *state;
    job_put(f, "a", "={\"k\":\"x\",\"at\":0} ={\"k\":\"x\",\"at\":5000}");
    job_run_until(f, merged_job, job_closed_two);
    assert_string_equal(job_records_of(f, "out"), "x=1 x=1");
    /* When something comes at last, it is taken as it comes. */
    job_put(f, "b", "={\"k\":\"y\",\"at\":100} ={\"k\":\"y\",\"at\":9000}");
    job_run_until(f, merged_job, job_closed_two);
    assert_string_equal(job_records_of(f, "out"), "x=1 x=1 y=1 y=1");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_mark_is_obeyed_before_the_record_that_came_after_it,
                                        job_setup, job_teardown),
        cmocka_unit_test_setup_teardown(marks_about_an_emptied_topic_are_not_obeyed, job_setup,
                                        job_teardown),
        cmocka_unit_test_setup_teardown(
            when_all_is_silent_the_last_window_behind_a_repartition_closes_too, job_setup,
            job_teardown),
        cmocka_unit_test_setup_teardown(a_silent_sender_moves_on_as_far_as_the_furthest_one_needs,
                                        job_setup, job_teardown),
        cmocka_unit_test_setup_teardown(an_idle_input_is_not_earlier_than_what_an_ended_one_closed,
                                        job_setup, job_teardown),
        cmocka_unit_test_setup_teardown(marks_are_obeyed_once_though_an_input_came_and_went,
                                        job_setup, job_teardown),
        cmocka_unit_test_setup_teardown(marks_that_were_obeyed_are_not_kept, job_setup,
                                        job_teardown),
        cmocka_unit_test_setup_teardown(records_behind_an_end_are_refused, job_setup, job_teardown),
        cmocka_unit_test_setup_teardown(an_end_of_before_a_reset_waits_for_the_source, job_setup,
                                        job_teardown),
        cmocka_unit_test_setup_teardown(a_partition_is_silent_when_its_source_rests_at_last,
                                        job_setup, job_teardown),
        cmocka_unit_test_setup_teardown(marks_about_a_repartition_are_not_obeyed_behind_a_reset,
                                        job_setup, job_teardown),
        cmocka_unit_test_setup_teardown(a_window_opened_behind_the_minimum_closes, job_setup,
                                        job_teardown),
        cmocka_unit_test_setup_teardown(silence_settles, job_setup, job_teardown),
        cmocka_unit_test_setup_teardown(a_repartition_without_any_time_holds_nobody_back, job_setup,
                                        job_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
