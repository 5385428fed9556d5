/* Whole jobs over a simulated disk: closings cut short, rebuilt stores, records that a step cannot
 * take, a job that changes between two runs, lag, stopping. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "runtime/base/limits.h"
#include "runtime/engine/task_state.h"
#include "tests/unit/job_fixture.h"

/* ---- closing more than one step may ---- */

#define MANY_KEYS 5000

static bool some_closed(const mr_board *board) {
    return atomic_load(&board->windows_closed) > 0;
}

/* "key00000=1 key00001=1 ...": each once, in key order. */
static void assert_all_closed_once(job_fixture *f) {
    const char *out = job_records_of(f, "out");
    char wanted[32];
    for (int i = 0; i < MANY_KEYS; i++) {
        int len = snprintf(wanted, sizeof wanted, "key%05d=1", i);
        if (strncmp(out, wanted, (size_t)len) != 0) {
            fail_msg("at %d: %.40s", i, out);
        }
        out += len + (out[len] == ' ');
    }
    assert_string_equal(out, "");
}

/* The record that made them due has moved the times and waits; a commit and a crash fall between.
 */
static void a_closing_goes_on_where_a_crash_cut_it_short(void **state) {
    job_fixture *f = *state;
    mr_buf records = {0};
    for (int i = 0; i < MANY_KEYS; i++) {
        mr_buf_printf(&records, "key%05d={\"at\":0} ", i);
    }
    job_put(f, "a", mr_buf_cstr(&records));
    job_put(f, "a", "late={\"at\":9000} late={\"at\":0}");
    mr_buf_deinit(&records);
    for (uint64_t more = 0; more < 24; more += 3) {
        if (more > 0) {
            job_reset(f, job_windowed);
        }
        mr_job_world_options options = job_options_of(f, job_windowed, MR_RUN_FOR_EVER);
        options.txn_bytes_max = 65536;
        assert_int_equal(job_open(f, &options), MR_OK);
        while (!some_closed(mr_job_world_board(f->world))) {
            assert_int_equal(mr_job_world_run(f->world, 1), MR_JOB_BUSY);
        }
        assert_int_equal(mr_job_world_run(f->world, more), MR_JOB_BUSY);
        job_leave(f);
        job_run_to_end(f, job_windowed);
        assert_all_closed_once(f);
        assert_string_equal(job_records_of(f, "tardy"), "late={\"at\":0}");
    }
}

/* ---- stores ---- */

static void rows_are_spilled_when_they_take_their_share_of_the_memory(void **state) {
    job_fixture *f = *state;
    job_put(f, "a", "k={\"at\":0} j={\"at\":10} k={\"at\":20}");
    mr_job_world_options options = job_options_of(f, job_windowed, MR_RUN_UNTIL_END);
    options.rows_bytes_max = 1;
    assert_int_equal(job_open(f, &options), MR_OK);
    assert_int_equal(mr_job_world_run(f->world, JOB_STEPS_MAX), MR_JOB_DONE);
    assert_true(atomic_load(&mr_job_world_board(f->world)->rows_spilled) > 0);
    job_leave(f);
}

static void a_foreign_store_is_rebuilt_and_the_terminal_told(void **state) {
    job_fixture *f = *state;
    job_put(f, "a", "k={\"at\":0} j={\"at\":10} k={\"at\":20}");
    mr_job_world_options options = job_options_of(f, job_windowed, MR_RUN_UNTIL_END);
    options.spill_bytes_max = 1;
    assert_int_equal(job_open(f, &options), MR_OK);
    assert_int_equal(mr_job_world_run(f->world, JOB_STEPS_MAX), MR_JOB_DONE);
    assert_true(atomic_load(&mr_job_world_board(f->world)->rows_spilled) > 0);
    job_leave(f);
    /* The same job in a data directory of its own, but with that one's state. */
    mr_sim_disk_destroy(f->sim);
    f->sim = mr_sim_disk_create(2, UINT64_C(1) << 30);
    mr_model_store *foreign = f->model;
    f->model = mr_model_store_create(2);
    job_put(f, "a", "k={\"at\":0}");
    job_run_to_end(f, job_windowed);
    job_put(f, "a", "k={\"at\":30} k={\"at\":1000}");
    mr_model_store_destroy(f->model);
    f->model = foreign;
    options = job_options_of(f, job_windowed, MR_RUN_UNTIL_END);
    assert_int_equal(job_open(f, &options), MR_OK);
    mr_job_world_end end = mr_job_world_run(f->world, JOB_STEPS_MAX);
    if (end != MR_JOB_DONE) {
        fail_msg("%s", mr_job_world_failure(f->world)->message);
    }
    mr_board *board = (mr_board *)mr_job_world_board(f->world);
    const char *notice = mr_board_heard(board);
    assert_non_null(notice);
    assert_non_null(strstr(notice, "store '_task'"));
    assert_non_null(strstr(notice, "another changelog"));
    assert_null(mr_board_heard(board));
    job_leave(f);
    assert_string_equal(job_records_of(f, "out"), "k=2");
}

/* ---- records that a step cannot take ---- */

static const char bad_job[] = "job: j\n"
                              "defaults: {on_error: bad}\n"
                              "streams:\n"
                              "  a: {topic: a, key: int, value: json}\n"
                              "  out: {topic: out, key: string, value: json}\n"
                              "  other: {topic: other, key: string, value: json}\n"
                              "  bad: {topic: bad, key: bytes, value: bytes}\n"
                              "pipelines:\n"
                              "  p:\n"
                              "    from: a\n"
                              "    steps: [{map: '{k = key}'}]\n"
                              "    to: out\n"
                              "  q:\n"
                              "    from: a\n"
                              "    steps: [{filter: key > 0}]\n"
                              "    to: other\n";

static void a_key_that_cannot_be_decoded_is_one_error_record(void **state) {
    job_fixture *f = *state;
    job_put(f, "a", "abc={\"n\":1}");
    job_run_to_end(f, bad_job);
    assert_string_equal(job_records_of(f, "bad"), "abc={\"n\":1}");
}

/* Longer than a key may be, shorter than a record. */
#ifdef MR_TINY
#define LONG_KEY "70000"
#else
#define LONG_KEY "600000"
#endif

static const char stamping_job[] =
    "job: j\n"
    "defaults: {on_error: bad}\n"
    "streams:\n"
    "  a: {topic: a, key: string, value: json, time: {from: value.at}}\n"
    "  out: {topic: out, key: string, value: json}\n"
    "  bad: {topic: bad, key: string, value: json}\n"
    "pipelines:\n"
    "  p:\n"
    "    from: a\n"
    "    steps:\n"
    "      - flat_map: |\n"
    "          return {{ts = value.ts, key = value.long and value.long:rep(value.long_by)}}\n"
    "      - count: {store: n, window: {hopping: 2s, advance: 1s, grace: 0s, late: drop, emit: "
    "final}}\n"
    "    to: out\n";

static void times_and_keys_out_of_range_are_error_records(void **state) {
    job_fixture *f = *state;
    job_put(f, "a",
            "k={\"at\":0,\"ts\":-1} k={\"at\":1,\"ts\":9223372036854775807} "
            "k={\"at\":9223372036854775807,\"ts\":1} "
            "k={\"at\":2,\"ts\":2,\"long\":\"x\",\"long_by\":" LONG_KEY "} "
            "k={\"at\":3,\"ts\":500}");
    job_run_to_end(f, stamping_job);
    assert_string_equal(job_records_of(f, "bad"),
                        "k={\"at\":0,\"ts\":-1} k={\"at\":1,\"ts\":9223372036854775807} "
                        "k={\"at\":9223372036854775807,\"ts\":1} "
                        "xxx={\"at\":2,\"ts\":2,\"long\":\"x\",\"long_by\":" LONG_KEY "}");
}

static const char own_time_job[] =
    "job: j\n"
    "streams:\n"
    "  a: {topic: a, key: string, value: json, time: {from: ctx.stream_time or value.at}}\n"
    "  out: {topic: out, key: string, value: json}\n"
    "pipelines:\n"
    "  p:\n"
    "    from: a\n"
    "    steps:\n"
    "      - count: {store: n, window: {tumbling: 1s, grace: 0s, late: drop, emit: final}}\n"
    "    to: out\n";

/* How far the task is when a record is read ahead is no property of the record. */
static void the_time_of_a_record_does_not_depend_on_the_time_of_its_task(void **state) {
    job_fixture *f = *state;
    job_put(f, "a", "k={\"at\":0}");
    job_put(f, "a", "k={\"at\":5000} k={\"at\":9000}");
    job_run_until(f, own_time_job, job_closed_two);
    assert_string_equal(job_records_of(f, "out"), "k=1 k=1 k=1");
}

/* ---- a job that changes ---- */

#define JOB_HEAD                                                                                   \
    "job: j\n"                                                                                     \
    "streams:\n"                                                                                   \
    "  a: {topic: a, key: string, value: json, time: {from: value.at}}\n"                          \
    "  a0: {topic: a0, key: string, value: json, time: {from: value.at}}\n"                        \
    "  a1: {topic: a1, key: string, value: json, time: {from: value.at}}\n"                        \
    "  a2: {topic: a2, key: string, value: json, time: {from: value.at}}\n"                        \
    "  tardy: {topic: tardy, key: string, value: json}\n"                                          \
    "  out: {topic: out, key: string, value: json}\n"

static void assert_refused(job_fixture *f, const char *job, const char *why) {
    mr_job_world_options options = job_options_of(f, job, MR_RUN_UNTIL_END);
    assert_int_equal(job_open(f, &options), MR_INVALID);
    if (!strstr(f->err.message, why)) {
        fail_msg("%s", f->err.message);
    }
}

static void a_store_that_was_left_out_keeps_its_definition(void **state) {
    job_fixture *f = *state;
    static const char counts[] =
        JOB_HEAD "pipelines: {p: {from: a, steps: [{count: n}], to: out}}\n";
    static const char passes[] =
        JOB_HEAD "pipelines: {p: {from: a, steps: [{filter: value.at > 0}], to: out}}\n";
    static const char sums[] =
        JOB_HEAD "pipelines: {p: {from: a, steps: [{aggregate: {store: n, fields: {s: "
                 "sum(value.at)}}}], to: out}}\n";
    job_put(f, "a", "k={\"at\":1} k={\"at\":2}");
    job_run_to_end(f, counts);
    job_run_to_end(f, passes);
    assert_refused(f, sums, "store 'n' was:");
    job_put(f, "a", "k={\"at\":3}");
    job_run_to_end(f, counts); /* as it was */
    assert_string_equal(job_records_of(f, "out"), "k=1 k=2 k=3");
    job_reset(f, sums);
    job_run_to_end(f, sums);
    assert_string_equal(job_records_of(f, "out"), "k={\"s\":1} k={\"s\":3} k={\"s\":6}");
}

static const char one_input_job[] =
    JOB_HEAD "pipelines: {p: {from: a1, steps: [{count: {store: n, window: {tumbling: 1s, late: "
             "tardy, emit: final}}}], to: out}}\n";
static const char later_input_job[] =
    JOB_HEAD "pipelines: {p: {from: [a1, a2], steps: [{count: {store: n, window: {tumbling: 1s, "
             "late: tardy, emit: final}}}], to: out}}\n";
static const char earlier_input_job[] =
    JOB_HEAD "pipelines: {p: {from: [a1, a0], steps: [{count: {store: n, window: {tumbling: 1s, "
             "late: tardy, emit: final}}}], to: out}}\n";

/* The task is named after its first input: under another name its cursors would be lost, and closed
 * windows come back. */
static void a_store_does_not_move_to_another_task(void **state) {
    job_fixture *f = *state;
    job_put(f, "a1", "k={\"at\":1} k={\"at\":2000}");
    job_put(f, "a0", "k={\"at\":1}");
    job_run_to_end(f, one_input_job);
    assert_string_equal(job_records_of(f, "out"), "k=1");
    assert_refused(f, earlier_input_job, "how far its windows are closed");
    job_reset(f, earlier_input_job);
    job_run_to_end(f, earlier_input_job);
    assert_string_equal(job_records_of(f, "out"), "k=2");
}

/* Its records are in time by their own sub-stream, but the windows are gone. */
static void an_input_new_to_a_task_meets_closed_windows(void **state) {
    job_fixture *f = *state;
    job_put(f, "a1", "k={\"at\":1} k={\"at\":2000}");
    job_put(f, "a2", "k={\"at\":2} k={\"at\":2500}");
    job_run_to_end(f, one_input_job);
    job_run_to_end(f, later_input_job);
    assert_string_equal(job_records_of(f, "out"), "k=1");
    assert_string_equal(job_records_of(f, "tardy"), "k={\"at\":2}");
}

/* ---- room ---- */

/* As long as a line may be. What the runtime adds to it, between tasks and for an error record,
 * still has room. */
static void the_longest_line_can_be_put_aside(void **state) {
    job_fixture *f = *state;
    mr_buf line = {0};
    mr_buf_put_text(&line, "={\"at\":1,\"k\":\"");
    while (line.len < MR_LINE_BYTES_MAX - 1) {
        mr_buf_put_u8(&line, 'x');
    }
    mr_buf_put_text(&line, "\"}");
    job_put(f, "a", mr_buf_cstr(&line));
    mr_buf_deinit(&line);
    mr_job_world_options options = job_options_of(
        f,
        JOB_HEAD "pipelines: {p: {from: a, on_error: tardy, steps: [{rekey: value.at}, "
                 "{aggregate: {store: n, fields: {sum: sum(value.k)}}}], to: out}}\n",
        MR_RUN_UNTIL_END);
    assert_int_equal(job_open(f, &options), MR_OK);
    if (mr_job_world_run(f->world, JOB_STEPS_MAX) != MR_JOB_DONE) {
        fail_msg("%s", mr_job_world_failure(f->world)->message);
    }
    assert_int_equal(atomic_load(&mr_job_world_board(f->world)->records_failed), 1);
    job_leave(f);
}

static const char growing_job[] =
    JOB_HEAD "pipelines: {p: {from: a, steps: [{count: {store: n, window: {hopping: 200s, advance: "
             "1s, late: drop, emit: final}}}], to: out}}\n";

#define GROWING 20

/* Little comes in, 200 rows are made of each. */
static void a_step_ends_when_a_transaction_is_full(void **state) {
    job_fixture *f = *state;
    mr_buf records = {0};
    for (int i = 0; i < GROWING; i++) {
        mr_buf_printf(&records, "key%d={\"at\":200000} ", i);
    }
    job_put(f, "a", mr_buf_cstr(&records));
    mr_buf_deinit(&records);
    mr_job_world_options options = job_options_of(f, growing_job, MR_RUN_UNTIL_END);
    options.txn_bytes_max = 2000;
    assert_int_equal(job_open(f, &options), MR_OK);
    assert_int_equal(mr_job_world_run(f->world, JOB_STEPS_MAX), MR_JOB_DONE);
    const mr_board *board = mr_job_world_board(f->world);
    assert_int_equal(atomic_load(&board->records_in), GROWING);
    assert_true(atomic_load(&board->commits) >= GROWING); /* at most one record in each */
}

static const char wide_job[] =
    "job: j\n"
    "streams:\n"
    "  a: {topic: a, key: string, value: json, create: {partitions: 1024}}\n"
    "  b: {topic: b, key: string, value: json, create: {partitions: 1024}}\n"
    "  c: {topic: c, key: string, value: json, create: {partitions: 1024}}\n"
    "  d: {topic: d, key: string, value: json, create: {partitions: 1024}}\n"
    "pipelines: {p: {from: [a, b, c, d], steps: [{filter: value.n}], to: none}}\n";

/* All its requests would wait for records, and none would be left for a commit. */
static void a_worker_with_too_many_inputs_is_refused(void **state) {
    job_fixture *f = *state;
    mr_job_world_options options = job_options_of(f, wide_job, MR_RUN_FOR_EVER);
    assert_int_equal(job_open(f, &options), MR_INVALID);
    assert_non_null(strstr(f->err.message, "one of 1 workers would have 4096 partitions"));
}

/* ---- lag ---- */

static const char repartitioned_job[] =
    JOB_HEAD "pipelines: {p: {from: a, steps: [{rekey: value.k}, {count: n}], to: out}}\n";

static mr_lag *only_lag(job_fixture *f) {
    for (uint32_t w = 0; w < mr_job_world_workers(f->world); w++) {
        mr_worker *worker = mr_job_world_worker(f->world, w);
        for (size_t i = 0; i < mr_worker_members(worker); i++) {
            if (mr_job_world_is_task(mr_worker_member(worker, i))) {
                return &((mr_task *)mr_worker_member(worker, i))->config.lags[0][0];
            }
        }
    }
    fail();
    return NULL;
}

static void a_sender_pauses_while_its_reader_is_too_far_behind(void **state) {
    job_fixture *f = *state;
    job_put(f, "a", "={\"at\":1,\"k\":\"x\"} ={\"at\":2,\"k\":\"x\"}");
    mr_job_world_options options = job_options_of(f, repartitioned_job, MR_RUN_UNTIL_END);
    options.workers = 2;
    assert_int_equal(job_open(f, &options), MR_OK);
    mr_lag *lag = only_lag(f);
    const mr_board *board = mr_job_world_board(f->world);
    for (int i = 0; i < 5000; i++) {
        atomic_store(&lag->unread, MR_LAG_RECORDS_MAX + 1);
        atomic_store(&lag->held, false);
        assert_int_equal(mr_job_world_run(f->world, 1), MR_JOB_BUSY);
    }
    assert_int_equal(atomic_load(&board->tasks_running), 2);
    assert_int_equal(atomic_load(&board->records_in), 0);
    atomic_store(&lag->held,
                 true); /* the reader waits for somebody to speak: perhaps for this one */
    for (int i = 0; i < 5000 && atomic_load(&board->records_in) == 0; i++) {
        atomic_store(&lag->unread, MR_LAG_RECORDS_MAX + 1);
        atomic_store(&lag->held, true);
        assert_int_equal(mr_job_world_run(f->world, 1), MR_JOB_BUSY);
    }
    assert_int_equal(atomic_load(&board->records_in), 2);
    assert_int_equal(mr_job_world_run(f->world, JOB_STEPS_MAX), MR_JOB_DONE);
    job_leave(f);
    assert_string_equal(job_records_of(f, "out"), "x=1 x=2");
}

/* ---- the end of a run ---- */

static const char merged_job[] = JOB_HEAD
    "pipelines:\n"
    "  p1: {from: a, steps: [{rekey: value.k}, {count: {store: n1, window: {tumbling: 10s, "
    "late: drop, emit: final}}}]}\n"
    "  p2: {from: a, steps: [{filter: value.at < 20000}, {rekey: value.k}, {count: {store: "
    "n2, window: {tumbling: 10s, late: drop, emit: final}}}]}\n"
    "  p3: {from: [p1, p2], to: out}\n";

/* p2 has nothing to say about the time of p1's last record: that one stays for the next run. */
static void a_run_ends_though_a_record_waits_for_a_silent_repartition(void **state) {
    job_fixture *f = *state;
    job_put(f, "a",
            "={\"at\":1,\"k\":\"x\"} ={\"at\":20000,\"k\":\"x\"} ={\"at\":20050,\"k\":\"x\"}");
    job_run_to_end(f, merged_job);
    assert_string_equal(job_records_of(f, "out"), "x=1 x=1");
    job_put(f, "a", "={\"at\":40000,\"k\":\"x\"} ={\"at\":60000,\"k\":\"x\"}");
    job_run_to_end(f, merged_job);
    assert_string_equal(job_records_of(f, "out"), "x=1 x=1 x=2");
}

/* ---- stopping ---- */

static void a_run_may_be_stopped_at_any_step_of_its_start(void **state) {
    job_fixture *f = *state;
    job_put(f, "a", "k={\"at\":0} k={\"at\":1000}");
    job_run_until(f, job_windowed, job_closed_two);
    job_put(f, "a", "k={\"at\":3000} j={\"at\":3500}");
    for (uint64_t steps = 0; steps < 150; steps++) {
        mr_job_world_options options = job_options_of(f, job_windowed, MR_RUN_FOR_EVER);
        assert_int_equal(job_open(f, &options), MR_OK);
        mr_job_world_run(f->world, steps);
        mr_board *board = (mr_board *)mr_job_world_board(f->world);
        atomic_store(&board->phase, MR_RUN_STOPPING);
        mr_job_world_end end = mr_job_world_run(f->world, JOB_STEPS_MAX);
        if (end != MR_JOB_DONE) {
            fail_msg("after %d steps: %s", (int)steps, mr_job_world_failure(f->world)->message);
        }
        assert_int_equal(atomic_load(&board->tasks_restoring), 0);
        job_leave(f);
    }
    job_run_to_end(f, job_windowed);
    assert_string_equal(job_records_of(f, "out"), "k=1 k=1");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_closing_goes_on_where_a_crash_cut_it_short, job_setup,
                                        job_teardown),
        cmocka_unit_test_setup_teardown(rows_are_spilled_when_they_take_their_share_of_the_memory,
                                        job_setup, job_teardown),
        cmocka_unit_test_setup_teardown(a_foreign_store_is_rebuilt_and_the_terminal_told, job_setup,
                                        job_teardown),
        cmocka_unit_test_setup_teardown(a_key_that_cannot_be_decoded_is_one_error_record, job_setup,
                                        job_teardown),
        cmocka_unit_test_setup_teardown(times_and_keys_out_of_range_are_error_records, job_setup,
                                        job_teardown),
        cmocka_unit_test_setup_teardown(
            the_time_of_a_record_does_not_depend_on_the_time_of_its_task, job_setup, job_teardown),
        cmocka_unit_test_setup_teardown(a_store_that_was_left_out_keeps_its_definition, job_setup,
                                        job_teardown),
        cmocka_unit_test_setup_teardown(a_store_does_not_move_to_another_task, job_setup,
                                        job_teardown),
        cmocka_unit_test_setup_teardown(an_input_new_to_a_task_meets_closed_windows, job_setup,
                                        job_teardown),
        cmocka_unit_test_setup_teardown(the_longest_line_can_be_put_aside, job_setup, job_teardown),
        cmocka_unit_test_setup_teardown(a_step_ends_when_a_transaction_is_full, job_setup,
                                        job_teardown),
        cmocka_unit_test_setup_teardown(a_worker_with_too_many_inputs_is_refused, job_setup,
                                        job_teardown),
        cmocka_unit_test_setup_teardown(a_sender_pauses_while_its_reader_is_too_far_behind,
                                        job_setup, job_teardown),
        cmocka_unit_test_setup_teardown(a_run_ends_though_a_record_waits_for_a_silent_repartition,
                                        job_setup, job_teardown),
        cmocka_unit_test_setup_teardown(a_run_may_be_stopped_at_any_step_of_its_start, job_setup,
                                        job_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
