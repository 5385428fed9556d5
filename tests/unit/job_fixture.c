#include "tests/unit/job_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/simulation/log_world.h"

#define JOB_LOOKS_MAX 100000

const char job_windowed[] =
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

int job_setup(void **state) {
    static job_fixture f;
    f = (job_fixture){.sim = mr_sim_disk_create(1, UINT64_C(1) << 30),
                      .model = mr_model_store_create(1),
                      .start = {1000000000, 1700000000000},
                      .seed = 7};
    *state = &f;
    return 0;
}

int job_teardown(void **state) {
    job_fixture *f = *state;
    mr_job_world_drop(f->world);
    mr_model_store_destroy(f->model);
    mr_sim_disk_destroy(f->sim);
    return 0;
}

/* ---- topics ---- */

void job_put_in(job_fixture *f, const char *topic, int32_t partitions, int32_t partition,
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

void job_put(job_fixture *f, const char *topic, const char *records) {
    job_put_in(f, topic, 1, 0, records);
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
const char *job_records_of(job_fixture *f, const char *topic) {
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

mr_job_world_options job_options_of(job_fixture *f, const char *job, mr_run_until until) {
    return (mr_job_world_options){.seed = f->seed++,
                                  .commit_interval_ms = 100,
                                  .step_ns = 100000,
                                  .until = until,
                                  .start = f->start,
                                  .job_text = job,
                                  .job_file = "job.yaml"};
}

mr_status job_open(job_fixture *f, const mr_job_world_options *options) {
    f->err.message[0] = '\0';
    return mr_job_world_open(f->sim, f->model, options, &f->world, &f->err);
}

/* As kill -9; all that was written is there. */
void job_leave(job_fixture *f) {
    f->start = mr_job_world_now(f->world);
    f->start.mono_ns += 1000000000;
    f->start.wall_ms += 1000;
    mr_job_world_drop(f->world);
    f->world = NULL;
}

void job_run_to_end(job_fixture *f, const char *job) {
    mr_job_world_options options = job_options_of(f, job, MR_RUN_UNTIL_END);
    if (job_open(f, &options) != MR_OK) {
        fail_msg("%s", f->err.message);
    }
    mr_job_world_end end = mr_job_world_run(f->world, JOB_STEPS_MAX);
    if (end != MR_JOB_DONE) {
        fail_msg("end %d: %s", end, mr_job_world_failure(f->world)->message);
    }
    job_leave(f);
}

void job_run_options_until(job_fixture *f, const mr_job_world_options *options,
                           bool (*reached)(const mr_board *board)) {
    if (job_open(f, options) != MR_OK) {
        fail_msg("%s", f->err.message);
    }
    for (int i = 0; !reached(mr_job_world_board(f->world)); i++) {
        if (i >= JOB_LOOKS_MAX) {
            fail_msg("what was waited for does not come");
        }
        if (mr_job_world_run(f->world, 20) != MR_JOB_BUSY) {
            fail_msg("%s", mr_job_world_failure(f->world)->message);
        }
    }
    mr_job_world_run(f->world, 20000); /* what was reached is committed */
    job_leave(f);
}

void job_run_until(job_fixture *f, const char *job, bool (*reached)(const mr_board *board)) {
    mr_job_world_options options = job_options_of(f, job, MR_RUN_FOR_EVER);
    job_run_options_until(f, &options, reached);
}

bool job_closed_two(const mr_board *board) {
    return atomic_load(&board->windows_closed) == 2;
}

void job_reset(job_fixture *f, const char *job) {
    mr_job_world_options options = job_options_of(f, job, MR_RUN_FOR_EVER);
    if (mr_job_world_reset(f->sim, f->model, &options, &f->err) != MR_OK) {
        fail_msg("%s", f->err.message);
    }
    f->start.mono_ns += 60000000000;
    f->start.wall_ms += 60000;
}

void job_write_file(job_fixture *f, const char *path, const char *text) {
    assert_int_equal(
        mr_disk_write_file(mr_sim_disk_disk(f->sim), path, mr_bytes_text(text), &f->err), MR_OK);
}
