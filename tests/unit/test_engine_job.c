/* Whole jobs over a simulated disk: marks and their replay, resets, rebuilt stores, records that a
 * step cannot take, a job that changes between two runs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "runtime/base/limits.h"
#include "runtime/engine/task_state.h"
#include "tests/simulation/job_world.h"
#include "tests/simulation/log_world.h"

#define STEPS_MAX 3000000

typedef struct fixture {
    mr_sim_disk *sim;
    mr_model_store *model;
    mr_now start; /* each run begins later than the one before it */
    uint64_t seed;
    mr_job_world *world;
    mr_err err;
} fixture;

static int setup(void **state) {
    static fixture f;
    f = (fixture){.sim = mr_sim_disk_create(1, UINT64_C(1) << 30),
                  .model = mr_model_store_create(1),
                  .start = {1000000000, 1700000000000},
                  .seed = 7};
    *state = &f;
    return 0;
}

static int teardown(void **state) {
    fixture *f = *state;
    mr_job_world_drop(f->world);
    mr_model_store_destroy(f->model);
    mr_sim_disk_destroy(f->sim);
    return 0;
}

/* ---- topics ---- */

/* Appends records, "k=v k=v"; each call is a transaction, so that a marker stands behind it. The
 * first one makes the topic with so many partitions. */
static void put_in(fixture *f, const char *topic, int32_t partitions, int32_t partition,
                   const char *records) {
    mr_log_world *log;
    assert_int_equal(mr_log_world_open(f->sim, 3, NULL, &log, NULL, &f->err), MR_OK);
    mr_log_writer writer = {.id = "writer"};
    mr_log_write write = {.records = records};
    mr_status status = mr_log_world_topic(log, topic, partitions, MR_TOPIC_USER, &write.partition);
    if (status == MR_EXISTS) {
        mr_log_request *request = mr_log_client_request(mr_log_world_client(log), MR_LOG_DESCRIBE);
        snprintf(request->topic, sizeof request->topic, "%s", topic);
        status = mr_log_world_call(log, request);
        write.partition = request->described.partition_first;
        mr_log_client_recycle(mr_log_world_client(log), request);
    }
    assert_int_equal(status, MR_OK);
    write.partition += (mr_partition_id)partition;
    assert_int_equal(mr_log_world_claim(log, &writer), MR_OK);
    assert_int_equal(mr_log_world_commit(log, &writer, &write, 1), MR_OK);
    assert_int_equal(mr_log_world_close(log), MR_OK);
}

static void put(fixture *f, const char *topic, const char *records) {
    put_in(f, topic, 1, 0, records);
}

/* A long key loses all but its first letters. */
static const char *shortened(char *word) {
    char *value = strchr(word, '=');
    if (value - word > 1000) {
        memmove(word + 3, value, strlen(value) + 1);
    }
    return word;
}

/* "k=v k=v" without offsets; what is not there is "". */
static const char *records_of(fixture *f, const char *topic) {
    static char out[262144];
    mr_log_world *log;
    assert_int_equal(mr_log_world_open(f->sim, 5, NULL, &log, NULL, &f->err), MR_OK);
    mr_log_request *request = mr_log_client_request(mr_log_world_client(log), MR_LOG_DESCRIBE);
    snprintf(request->topic, sizeof request->topic, "%s", topic);
    mr_status status = mr_log_world_call(log, request);
    mr_partition_id partition = request->described.partition_first;
    mr_log_client_recycle(mr_log_world_client(log), request);
    mr_buf text = {0};
    if (status == MR_OK) {
        assert_int_equal(mr_log_world_read(log, partition, &text, &f->err), MR_OK);
    }
    assert_int_equal(mr_log_world_close(log), MR_OK);
    mr_buf_put_u8(&text, 0);
    size_t len = 0;
    for (char *word = strtok((char *)text.data, " "); word; word = strtok(NULL, " ")) {
        len += (size_t)snprintf(out + len, sizeof out - len, "%s%s", len ? " " : "",
                                shortened(strchr(word, ':') + 1));
    }
    out[len] = '\0';
    mr_buf_deinit(&text);
    return out;
}

/* ---- runs ---- */

static mr_job_world_options options_of(fixture *f, const char *job, mr_run_until until) {
    return (mr_job_world_options){.seed = f->seed++,
                                  .commit_interval_ms = 100,
                                  .step_ns = 100000,
                                  .until = until,
                                  .start = f->start,
                                  .job_text = job,
                                  .job_file = "job.yaml"};
}

static mr_status open_job(fixture *f, const mr_job_world_options *options) {
    f->err.message[0] = '\0';
    return mr_job_world_open(f->sim, f->model, options, &f->world, &f->err);
}

/* As kill -9; all that was written is there. */
static void leave(fixture *f) {
    f->start = mr_job_world_now(f->world);
    f->start.mono_ns += 1000000000;
    f->start.wall_ms += 1000;
    mr_job_world_drop(f->world);
    f->world = NULL;
}

static void run_to_end(fixture *f, const char *job) {
    mr_job_world_options options = options_of(f, job, MR_RUN_UNTIL_END);
    if (open_job(f, &options) != MR_OK) {
        fail_msg("%s", f->err.message);
    }
    mr_job_world_end end = mr_job_world_run(f->world, STEPS_MAX);
    if (end != MR_JOB_DONE) {
        fail_msg("end %d: %s", end, mr_job_world_failure(f->world)->message);
    }
    leave(f);
}

static void run_until(fixture *f, const char *job, bool (*reached)(const mr_board *board)) {
    mr_job_world_options options = options_of(f, job, MR_RUN_FOR_EVER);
    if (open_job(f, &options) != MR_OK) {
        fail_msg("%s", f->err.message);
    }
    for (int i = 0; !reached(mr_job_world_board(f->world)); i++) {
        assert_true(i < 100000);
        if (mr_job_world_run(f->world, 20) != MR_JOB_BUSY) {
            fail_msg("%s", mr_job_world_failure(f->world)->message);
        }
    }
    mr_job_world_run(f->world, 20000); /* what was reached is committed */
    leave(f);
}

static void reset(fixture *f, const char *job) {
    mr_job_world_options options = options_of(f, job, MR_RUN_FOR_EVER);
    if (mr_job_world_reset(f->sim, f->model, &options, &f->err) != MR_OK) {
        fail_msg("%s", f->err.message);
    }
    f->start.mono_ns += 60000000000;
    f->start.wall_ms += 60000;
}

/* ---- marks ---- */

static bool closed_two(const mr_board *board) {
    return atomic_load(&board->windows_closed) == 2;
}

static bool closed_two_and_late(const mr_board *board) {
    return closed_two(board) && atomic_load(&board->records_late) == 1;
}

static bool late_one(const mr_board *board) {
    return atomic_load(&board->records_late) == 1;
}

static const char windowed_job[] =
    "job: j\n"
    "streams:\n"
    "  a: {topic: a, key: string, value: json, time: {from: value.at}}\n"
    "  out: {topic: out, key: string, value: json}\n"
    "  tardy: {topic: tardy, key: string, value: json}\n"
    "pipelines:\n"
    "  p:\n"
    "    from: a\n"
    "    steps:\n"
    "      - count: {store: n, window: {tumbling: 1s, grace: 0s, late: tardy, emit: final}}\n"
    "    to: out\n";

/* The mark stands behind a transaction's marker, the replay sees the record behind that first. */
static void a_mark_is_obeyed_before_the_record_that_came_after_it(void **state) {
    fixture *f = *state;
    put(f, "a", "k={\"at\":0} k={\"at\":1000}");
    run_until(f, windowed_job, closed_two); /* the second one by an idle mark */
    put(f, "a", "k={\"at\":1500}");
    run_until(f, windowed_job, late_one);
    assert_string_equal(records_of(f, "out"), "k=1 k=1");
    assert_string_equal(records_of(f, "tardy"), "k={\"at\":1500}");
    reset(f, windowed_job);
    assert_string_equal(records_of(f, "out"), "");
    run_until(f, windowed_job, closed_two_and_late);
    assert_string_equal(records_of(f, "out"), "k=1 k=1");
    assert_string_equal(records_of(f, "tardy"), "k={\"at\":1500}");
}

/* Sizes that are no multiple of what is announced at a time, nor of how often the clock is looked
 * at. */
static void when_all_is_silent_the_last_window_behind_a_repartition_closes_too(void **state) {
    fixture *f = *state;
    static const char *const sizes[] = {"900ms", "250ms"};
    put(f, "a", "={\"k\":\"x\",\"at\":0} ={\"k\":\"x\",\"at\":9000}");
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
        run_until(f, job, closed_two);
    }
    assert_string_equal(records_of(f, "out900ms"), "x=1 x=1");
    assert_string_equal(records_of(f, "out250ms"), "x=1 x=1");
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
    fixture *f = *state;
    put(f, "a", "k={\"at\":0} k={\"at\":1000}");
    run_until(f, two_hops_job, closed_two);
    reset(f, two_hops_job);
    run_until(f, two_hops_job, closed_two);
    assert_string_equal(records_of(f, "out"), "k=1 k=1");
    assert_string_equal(records_of(f, "tardy"), "");
    /* And what this generation marked is obeyed by a task that comes back. */
    put(f, "a", "k={\"at\":1500}");
    run_until(f, two_hops_job, late_one);
    assert_string_equal(records_of(f, "tardy"), "k={\"at\":1500}");
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

static void write_file(fixture *f, const char *path, const char *text) {
    assert_int_equal(
        mr_disk_write_file(mr_sim_disk_disk(f->sim), path, mr_bytes_text(text), &f->err), MR_OK);
}

/* `a` is idle when `b` ends: what b's time closed stays closed, also behind a restart. */
static void an_idle_input_is_not_earlier_than_what_an_ended_one_closed(void **state) {
    fixture *f = *state;
    put(f, "a", "={\"k\":\"x\",\"at\":100}");
    write_file(f, "b.jsonl", "{\"k\":\"x\",\"at\":200}\n{\"k\":\"x\",\"at\":5000}\n");
    run_to_end(f, two_inputs_job);
    put(f, "a", "={\"k\":\"x\",\"at\":300}");
    run_to_end(f, two_inputs_job);
    assert_string_equal(records_of(f, "out"), "x=2");
    assert_string_equal(records_of(f, "tardy"), "x={\"k\":\"x\",\"at\":300}");
}

/* ---- closing more than one step may ---- */

#define MANY_KEYS 5000

static bool some_closed(const mr_board *board) {
    return atomic_load(&board->windows_closed) > 0;
}

/* "key00000=1 key00001=1 ...": each once, in key order. */
static void assert_all_closed_once(fixture *f) {
    const char *out = records_of(f, "out");
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
    fixture *f = *state;
    mr_buf records = {0};
    for (int i = 0; i < MANY_KEYS; i++) {
        mr_buf_printf(&records, "key%05d={\"at\":0} ", i);
    }
    put(f, "a", mr_buf_cstr(&records));
    put(f, "a", "late={\"at\":9000} late={\"at\":0}");
    mr_buf_deinit(&records);
    for (uint64_t more = 0; more < 24; more += 3) {
        if (more > 0) {
            reset(f, windowed_job);
        }
        mr_job_world_options options = options_of(f, windowed_job, MR_RUN_FOR_EVER);
        options.txn_bytes_max = 65536;
        assert_int_equal(open_job(f, &options), MR_OK);
        while (!some_closed(mr_job_world_board(f->world))) {
            assert_int_equal(mr_job_world_run(f->world, 1), MR_JOB_BUSY);
        }
        assert_int_equal(mr_job_world_run(f->world, more), MR_JOB_BUSY);
        leave(f);
        run_to_end(f, windowed_job);
        assert_all_closed_once(f);
        assert_string_equal(records_of(f, "tardy"), "late={\"at\":0}");
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
    fixture *f = *state;
    write_file(f, "b.jsonl", "{\"k\":\"x\",\"at\":200}\n");
    run_to_end(f, source_job);
    assert_string_equal(records_of(f, "out"), "x=1");
    run_to_end(f, source_job); /* nothing new is fine */
    put(f, "b", "={\"k\":\"x\",\"at\":300}");
    mr_job_world_options options = options_of(f, source_job, MR_RUN_UNTIL_END);
    assert_int_equal(open_job(f, &options), MR_OK);
    assert_int_equal(mr_job_world_run(f->world, STEPS_MAX), MR_JOB_FAILED);
    assert_non_null(strstr(mr_job_world_failure(f->world)->message, "b[0]@"));
    assert_non_null(strstr(mr_job_world_failure(f->world)->message, "--until-end"));
    leave(f);
    reset(f, source_job);
    run_to_end(f, source_job); /* it was not the end */
    assert_string_equal(records_of(f, "out"), "x=2");
    reset(f, source_job);
    run_to_end(f, source_job); /* but the second one was */
    assert_string_equal(records_of(f, "out"), "x=2");
}

/* ---- stores ---- */

static void rows_are_spilled_when_they_take_their_share_of_the_memory(void **state) {
    fixture *f = *state;
    put(f, "a", "k={\"at\":0} j={\"at\":10} k={\"at\":20}");
    mr_job_world_options options = options_of(f, windowed_job, MR_RUN_UNTIL_END);
    options.rows_bytes_max = 1;
    assert_int_equal(open_job(f, &options), MR_OK);
    assert_int_equal(mr_job_world_run(f->world, STEPS_MAX), MR_JOB_DONE);
    assert_true(atomic_load(&mr_job_world_board(f->world)->rows_spilled) > 0);
    leave(f);
}

static void a_foreign_store_is_rebuilt_and_the_terminal_told(void **state) {
    fixture *f = *state;
    put(f, "a", "k={\"at\":0} j={\"at\":10} k={\"at\":20}");
    mr_job_world_options options = options_of(f, windowed_job, MR_RUN_UNTIL_END);
    options.spill_bytes_max = 1;
    assert_int_equal(open_job(f, &options), MR_OK);
    assert_int_equal(mr_job_world_run(f->world, STEPS_MAX), MR_JOB_DONE);
    assert_true(atomic_load(&mr_job_world_board(f->world)->rows_spilled) > 0);
    leave(f);
    /* The same job in a data directory of its own, but with that one's state. */
    mr_sim_disk_destroy(f->sim);
    f->sim = mr_sim_disk_create(2, UINT64_C(1) << 30);
    mr_model_store *foreign = f->model;
    f->model = mr_model_store_create(2);
    put(f, "a", "k={\"at\":0}");
    run_to_end(f, windowed_job);
    put(f, "a", "k={\"at\":30} k={\"at\":1000}");
    mr_model_store_destroy(f->model);
    f->model = foreign;
    options = options_of(f, windowed_job, MR_RUN_UNTIL_END);
    assert_int_equal(open_job(f, &options), MR_OK);
    mr_job_world_end end = mr_job_world_run(f->world, STEPS_MAX);
    if (end != MR_JOB_DONE) {
        fail_msg("%s", mr_job_world_failure(f->world)->message);
    }
    mr_board *board = (mr_board *)mr_job_world_board(f->world);
    const char *notice = mr_board_heard(board);
    assert_non_null(notice);
    assert_non_null(strstr(notice, "store '_task'"));
    assert_non_null(strstr(notice, "another changelog"));
    assert_null(mr_board_heard(board));
    leave(f);
    assert_string_equal(records_of(f, "out"), "k=2");
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
    fixture *f = *state;
    put(f, "a", "abc={\"n\":1}");
    run_to_end(f, bad_job);
    assert_string_equal(records_of(f, "bad"), "abc={\"n\":1}");
}

/* Longer than a key may be, shorter than a record. */
#ifdef MR_TINY
#define LONG_KEY "40000"
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
    fixture *f = *state;
    put(f, "a",
        "k={\"at\":0,\"ts\":-1} k={\"at\":1,\"ts\":9223372036854775807} "
        "k={\"at\":9223372036854775807,\"ts\":1} "
        "k={\"at\":2,\"ts\":2,\"long\":\"x\",\"long_by\":" LONG_KEY "} "
        "k={\"at\":3,\"ts\":500}");
    run_to_end(f, stamping_job);
    assert_string_equal(records_of(f, "bad"),
                        "k={\"at\":0,\"ts\":-1} k={\"at\":1,\"ts\":9223372036854775807} "
                        "k={\"at\":9223372036854775807,\"ts\":1} "
                        "xxx={\"at\":2,\"ts\":2,\"long\":\"x\",\"long_by\":" LONG_KEY "}");
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

static void assert_refused(fixture *f, const char *job, const char *why) {
    mr_job_world_options options = options_of(f, job, MR_RUN_UNTIL_END);
    assert_int_equal(open_job(f, &options), MR_INVALID);
    if (!strstr(f->err.message, why)) {
        fail_msg("%s", f->err.message);
    }
}

static void a_store_that_was_left_out_keeps_its_definition(void **state) {
    fixture *f = *state;
    static const char counts[] =
        JOB_HEAD "pipelines: {p: {from: a, steps: [{count: n}], to: out}}\n";
    static const char passes[] =
        JOB_HEAD "pipelines: {p: {from: a, steps: [{filter: value.at > 0}], to: out}}\n";
    static const char sums[] =
        JOB_HEAD "pipelines: {p: {from: a, steps: [{aggregate: {store: n, fields: {s: "
                 "sum(value.at)}}}], to: out}}\n";
    put(f, "a", "k={\"at\":1} k={\"at\":2}");
    run_to_end(f, counts);
    run_to_end(f, passes);
    assert_refused(f, sums, "store 'n' was:");
    put(f, "a", "k={\"at\":3}");
    run_to_end(f, counts); /* as it was */
    assert_string_equal(records_of(f, "out"), "k=1 k=2 k=3");
    reset(f, sums);
    run_to_end(f, sums);
    assert_string_equal(records_of(f, "out"), "k={\"s\":1} k={\"s\":3} k={\"s\":6}");
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
    fixture *f = *state;
    put(f, "a1", "k={\"at\":1} k={\"at\":2000}");
    put(f, "a0", "k={\"at\":1}");
    run_to_end(f, one_input_job);
    assert_string_equal(records_of(f, "out"), "k=1");
    assert_refused(f, earlier_input_job, "how far its windows are closed");
    reset(f, earlier_input_job);
    run_to_end(f, earlier_input_job);
    assert_string_equal(records_of(f, "out"), "k=2");
}

/* Its records are in time by their own sub-stream, but the windows are gone. */
static void an_input_new_to_a_task_meets_closed_windows(void **state) {
    fixture *f = *state;
    put(f, "a1", "k={\"at\":1} k={\"at\":2000}");
    put(f, "a2", "k={\"at\":2} k={\"at\":2500}");
    run_to_end(f, one_input_job);
    run_to_end(f, later_input_job);
    assert_string_equal(records_of(f, "out"), "k=1");
    assert_string_equal(records_of(f, "tardy"), "k={\"at\":2}");
}

/* ---- silence ---- */

/* Two tasks send to one window; one of them fell silent long before the time that the other has
 * reached. */
static void a_silent_sender_moves_on_as_far_as_the_furthest_one_needs(void **state) {
    fixture *f = *state;
    put_in(f, "a", 2, 0, "={\"at\":1000,\"k\":\"x\"}");
    put_in(f, "a", 2, 1, "={\"at\":30000,\"k\":\"y\"}");
    run_until(f,
              JOB_HEAD "pipelines:\n"
                       "  p: {from: a, to: out, steps: [{rekey: value.k}, {count: {store: n, "
                       "window: {tumbling: 1s, late: drop, emit: final}}}]}\n",
              closed_two);
    assert_string_equal(records_of(f, "out"), "x=1 y=1");
}

/* ---- lag ---- */

static const char repartitioned_job[] =
    JOB_HEAD "pipelines: {p: {from: a, steps: [{rekey: value.k}, {count: n}], to: out}}\n";

static mr_lag *only_lag(fixture *f) {
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
    fixture *f = *state;
    put(f, "a", "={\"at\":1,\"k\":\"x\"} ={\"at\":2,\"k\":\"x\"}");
    mr_job_world_options options = options_of(f, repartitioned_job, MR_RUN_UNTIL_END);
    options.workers = 2;
    assert_int_equal(open_job(f, &options), MR_OK);
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
    assert_int_equal(mr_job_world_run(f->world, STEPS_MAX), MR_JOB_DONE);
    leave(f);
    assert_string_equal(records_of(f, "out"), "x=1 x=2");
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
    fixture *f = *state;
    put(f, "a", "={\"at\":1,\"k\":\"x\"} ={\"at\":20000,\"k\":\"x\"} ={\"at\":20050,\"k\":\"x\"}");
    run_to_end(f, merged_job);
    assert_string_equal(records_of(f, "out"), "x=1 x=1");
    put(f, "a", "={\"at\":40000,\"k\":\"x\"} ={\"at\":60000,\"k\":\"x\"}");
    run_to_end(f, merged_job);
    assert_string_equal(records_of(f, "out"), "x=1 x=1 x=2");
}

/* ---- stopping ---- */

static void a_run_may_be_stopped_at_any_step_of_its_start(void **state) {
    fixture *f = *state;
    put(f, "a", "k={\"at\":0} k={\"at\":1000}");
    run_until(f, windowed_job, closed_two);
    put(f, "a", "k={\"at\":3000} j={\"at\":3500}");
    for (uint64_t steps = 0; steps < 150; steps++) {
        mr_job_world_options options = options_of(f, windowed_job, MR_RUN_FOR_EVER);
        assert_int_equal(open_job(f, &options), MR_OK);
        mr_job_world_run(f->world, steps);
        mr_board *board = (mr_board *)mr_job_world_board(f->world);
        atomic_store(&board->phase, MR_RUN_STOPPING);
        mr_job_world_end end = mr_job_world_run(f->world, STEPS_MAX);
        if (end != MR_JOB_DONE) {
            fail_msg("after %d steps: %s", (int)steps, mr_job_world_failure(f->world)->message);
        }
        assert_int_equal(atomic_load(&board->tasks_restoring), 0);
        leave(f);
    }
    run_to_end(f, windowed_job);
    assert_string_equal(records_of(f, "out"), "k=1 k=1");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_mark_is_obeyed_before_the_record_that_came_after_it,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(marks_about_an_emptied_topic_are_not_obeyed, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(
            when_all_is_silent_the_last_window_behind_a_repartition_closes_too, setup, teardown),
        cmocka_unit_test_setup_teardown(an_idle_input_is_not_earlier_than_what_an_ended_one_closed,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(a_closing_goes_on_where_a_crash_cut_it_short, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(records_behind_an_end_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(rows_are_spilled_when_they_take_their_share_of_the_memory,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(a_foreign_store_is_rebuilt_and_the_terminal_told, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_key_that_cannot_be_decoded_is_one_error_record, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(times_and_keys_out_of_range_are_error_records, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_store_that_was_left_out_keeps_its_definition, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_store_does_not_move_to_another_task, setup, teardown),
        cmocka_unit_test_setup_teardown(an_input_new_to_a_task_meets_closed_windows, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_silent_sender_moves_on_as_far_as_the_furthest_one_needs,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(a_sender_pauses_while_its_reader_is_too_far_behind, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_run_ends_though_a_record_waits_for_a_silent_repartition,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(a_run_may_be_stopped_at_any_step_of_its_start, setup,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
