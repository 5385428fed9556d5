/* One transaction of a worker, from begin to answer, over the real log on a simulated disk: each
 * state, and what is left of it when the log refuses or does not know. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "log/record/batch.h"
#include "runtime/base/alloc.h"
#include "runtime/base/limits.h"
#include "runtime/engine/commit.h"
#include "tests/simulation/log_world.h"

#define ID "job-0"

typedef struct fixture {
    mr_sim_disk *sim;
    mr_log_world *world;
    mr_log_client *client; /* the commit's: the world's own one asks for everything else */
    mr_commit *commit;
    mr_partition_id topic; /* two partitions */
    mr_partition_id positions;
    mr_err err;
} fixture;

static void open_log(fixture *f) {
    assert_int_equal(mr_log_world_open(f->sim, 1, NULL, &f->world, NULL, &f->err), MR_OK);
    mr_status status = mr_log_world_topic(f->world, "t", 2, MR_TOPIC_CHANGELOG, &f->topic);
    assert_true(status == MR_OK || status == MR_EXISTS);
    status = mr_log_world_topic(f->world, MR_TOPIC_POSITIONS, 1, MR_TOPIC_USER, &f->positions);
    assert_int_equal(status, MR_EXISTS);
    f->client = mr_log_client_create_embedded(mr_log_driver_requests(mr_log_world_driver(f->world)),
                                              NULL, NULL);
    f->commit = mr_commit_create(f->client, ID, f->positions);
}

/* As a worker that failed, and the process with it. */
static void drop_log(fixture *f) {
    mr_log_world_drop(f->world);
    f->world = NULL;
    mr_log_request *request;
    while ((request = mr_log_client_poll(f->client)) != NULL) {
        mr_log_client_recycle(f->client, request);
    }
    mr_commit_destroy(f->commit);
    mr_log_client_destroy(f->client);
}

static int setup(void **state) {
    static fixture f;
    f = (fixture){.sim = mr_sim_disk_create(1, UINT64_C(1) << 28)};
    open_log(&f);
    *state = &f;
    return 0;
}

static int teardown(void **state) {
    fixture *f = *state;
    drop_log(f);
    mr_sim_disk_destroy(f->sim);
    return 0;
}

/* ---- short forms ---- */

static void add(fixture *f, int32_t partition, const char *key, const char *value) {
    mr_record record = {.timestamp_ms = 1,
                        .key = mr_bytes_text(key),
                        .value = value ? mr_bytes_text(value) : MR_BYTES_NULL};
    mr_commit_add_record(f->commit, f->topic + (uint32_t)partition, &record);
}

static void begin_with(fixture *f, const char *key) {
    mr_commit_begin(f->commit);
    add(f, 0, key, "v");
}

static mr_log_request *next_answer(fixture *f) {
    mr_log_request *request;
    while ((request = mr_log_client_poll(f->client)) == NULL) {
        mr_log_world_pump(f->world);
    }
    return request;
}

/* The answer to what was submitted. */
static mr_status answer(fixture *f, bool *decided) {
    bool mine = false;
    f->err.message[0] = '\0';
    mr_status status = mr_commit_answer(f->commit, next_answer(f), &mine, decided, &f->err);
    assert_true(mine);
    return status;
}

/* A first submit asks for a producer before. */
static void submit(fixture *f) {
    bool decided = false;
    while (mr_commit_submit(f->commit) == MR_AGAIN) {
        assert_int_equal(answer(f, &decided), MR_OK);
        assert_false(decided);
    }
}

static void commit_it(fixture *f) {
    bool decided = false;
    submit(f);
    assert_int_equal(answer(f, &decided), MR_OK);
    assert_true(decided);
}

static void assert_records(fixture *f, int32_t partition, const char *wanted) {
    mr_buf out = {0};
    assert_int_equal(mr_log_world_read(f->world, f->topic + (uint32_t)partition, &out, &f->err),
                     MR_OK);
    assert_string_equal(mr_buf_cstr(&out), wanted);
    mr_buf_deinit(&out);
}

/* ---- OPEN, INITIALISING, SUBMITTED, OPEN ---- */

static void the_first_submit_asks_for_a_producer(void **state) {
    fixture *f = *state;
    bool decided = true;
    begin_with(f, "a");
    assert_false(mr_commit_empty(f->commit));
    assert_int_equal(mr_commit_submit(f->commit), MR_AGAIN);
    assert_int_equal(mr_log_client_outstanding(f->client), 1);
    assert_int_equal(mr_commit_submit(f->commit), MR_AGAIN); /* asks once */
    assert_int_equal(mr_log_client_outstanding(f->client), 1);
    assert_int_equal(answer(f, &decided), MR_OK);
    assert_false(decided);
    assert_int_equal(mr_commit_submit(f->commit), MR_OK);
    assert_records(f, 0, ""); /* nothing is there before the decision */
    assert_int_equal(answer(f, &decided), MR_OK);
    assert_true(decided);
    assert_records(f, 0, "0:a=v");
    begin_with(f, "b");
    assert_int_equal(mr_commit_submit(f->commit), MR_OK); /* the next ones have it */
    assert_int_equal(answer(f, &decided), MR_OK);
    assert_records(f, 0, "0:a=v 2:b=v");
}

static void what_was_gathered_goes_to_its_partitions_in_its_order(void **state) {
    fixture *f = *state;
    const mr_outbox_topic topic = {.partition_first = f->topic, .partitions = 2};
    mr_outbox *outbox = mr_outbox_create(&topic, 1);
    mr_commit_begin(f->commit);
    assert_true(mr_commit_empty(f->commit));
    add(f, 0, "row", NULL);
    mr_record record = {.key = mr_bytes_text("out"), .value = mr_bytes_text("1")};
    assert_int_equal(mr_outbox_add_to(outbox, 0, 0, &record), MR_OK);
    mr_commit_add_outbox(f->commit, outbox);
    assert_int_equal(mr_outbox_records(outbox), 0);
    add(f, 0, "row", "2");
    for (int i = 0; i < MR_BATCH_RECORDS_MAX + 1 && i < 4;
         i++) { /* two batches, if they are tiny */
        add(f, 0, "more", "3");
    }
    mr_position position = {.group = mr_bytes_text("g"),
                            .topic = mr_bytes_text("t"),
                            .offset = 7,
                            .metadata = mr_bytes_text("")};
    mr_commit_add_position(f->commit, &position);
    commit_it(f);
    assert_records(f, 0, "0:row=- 1:out=1 2:row=2 3:more=3 4:more=3 5:more=3 6:more=3");
    assert_records(f, 1, "");
    assert_int_equal(mr_commit_last_offset(f->commit, f->topic), 6);
    assert_int_equal(mr_commit_last_offset(f->commit, f->topic + 1), -1);
    assert_int_equal(mr_commit_last_offset(f->commit, f->positions), 0);
    mr_outbox_destroy(outbox);
}

static void the_next_transaction_begins_with_nothing(void **state) {
    fixture *f = *state;
    begin_with(f, "a");
    commit_it(f);
    mr_commit_begin(f->commit);
    assert_true(mr_commit_empty(f->commit));
    assert_int_equal(mr_commit_last_offset(f->commit, f->topic), -1);
    add(f, 1, "b", "v");
    commit_it(f);
    assert_int_equal(mr_commit_last_offset(f->commit, f->topic), -1);
    assert_int_equal(mr_commit_last_offset(f->commit, f->topic + 1), 0);
    assert_records(f, 0, "0:a=v");
    assert_records(f, 1, "0:b=v");
}

static void an_answer_to_somebody_else_is_left_alone(void **state) {
    fixture *f = *state;
    mr_log_request *request = mr_log_client_request(f->client, MR_LOG_OFFSETS);
    request->context = f;
    request->partition = f->topic;
    assert_int_equal(mr_log_client_submit(f->client, request), MR_OK);
    bool mine = true, decided = true;
    mr_log_request *answered = next_answer(f);
    assert_int_equal(mr_commit_answer(f->commit, answered, &mine, &decided, &f->err), MR_OK);
    assert_false(mine);
    assert_false(decided);
    mr_log_client_recycle(f->client, answered);
}

/* ---- refused by the client ---- */

static void fill_client(fixture *f) {
    while (mr_log_client_outstanding(f->client) < MR_CLIENT_REQUESTS_MAX) {
        mr_log_request *request = mr_log_client_request(f->client, MR_LOG_FETCH);
        request->context = f;
        request->partition = f->topic + 1;
        request->bytes_max = 100;
        request->wait = MR_LOG_WAIT;
        assert_int_equal(mr_log_client_submit(f->client, request), MR_OK);
    }
}

static void empty_client(fixture *f) {
    mr_log_writer writer = {.id = "other"};
    mr_log_write write = {.partition = f->topic + 1, .records = "x=1"};
    assert_int_equal(mr_log_world_claim(f->world, &writer), MR_OK);
    assert_int_equal(mr_log_world_commit(f->world, &writer, &write, 1), MR_OK);
    while (mr_log_client_outstanding(f->client) > 0) {
        mr_log_client_recycle(f->client, next_answer(f));
    }
}

static void a_submit_that_finds_no_room_is_done_again(void **state) {
    fixture *f = *state;
    fill_client(f);
    begin_with(f, "a");
    assert_int_equal(mr_commit_submit(f->commit), MR_AGAIN); /* for a producer */
    empty_client(f);
    commit_it(f);
    fill_client(f);
    begin_with(f, "b");
    assert_int_equal(mr_commit_submit(f->commit), MR_AGAIN); /* for the transaction */
    assert_int_equal(mr_commit_submit(f->commit), MR_AGAIN);
    empty_client(f);
    commit_it(f);
    assert_records(f, 0, "0:a=v 2:b=v");
}

/* ---- epochs ---- */

static void a_producer_whose_epochs_are_used_up_is_followed_by_another(void **state) {
    fixture *f = *state;
    mr_log_writer writer = {.id = ID};
    for (int i = 0; i <= MR_PRODUCER_EPOCH_MAX + 1; i++) {
        begin_with(f, "a");
        commit_it(f);
    }
    assert_int_equal(mr_log_world_claim(f->world, &writer), MR_OK);
    mr_log_writer other = {.id = "other"};
    assert_int_equal(mr_log_world_claim(f->world, &other), MR_OK);
    assert_int_equal(other.producer_id, writer.producer_id + 1);
    assert_true(writer.producer_id > 0); /* 0 was the one used up */
    mr_log_offsets offsets;
    assert_int_equal(mr_log_world_offsets(f->world, f->topic, &offsets), MR_OK);
    assert_int_equal(offsets.stable_end, 2 * (MR_PRODUCER_EPOCH_MAX + 2));
}

/* ---- UNKNOWN ---- */

static void a_fenced_worker_commits_nothing_more(void **state) {
    fixture *f = *state;
    bool decided = true;
    begin_with(f, "a");
    commit_it(f);
    mr_log_writer heir = {.id = ID};
    assert_int_equal(mr_log_world_claim(f->world, &heir), MR_OK);
    begin_with(f, "b");
    submit(f);
    assert_int_equal(answer(f, &decided), MR_FENCED);
    assert_false(decided);
    assert_non_null(strstr(f->err.message, "commit of " ID ": "));
    assert_records(f, 0, "0:a=v");
}

static void a_producer_that_the_log_cannot_give_is_an_error(void **state) {
    fixture *f = *state;
    bool decided = true;
    begin_with(f, "a");
    assert_int_equal(mr_commit_submit(f->commit), MR_AGAIN);
    mr_sim_disk_set_faults(f->sim, &(mr_sim_faults){.sync_fails_at = 1});
    assert_int_not_equal(answer(f, &decided), MR_OK);
    assert_false(decided);
    assert_non_null(strstr(f->err.message, "commit of " ID ": "));
}

/* The sync that was to decide failed: it may be on the disk, or not. Only recovery knows, and then
 * all of it is there or nothing. */
static void an_unknown_outcome_is_settled_by_recovery(void **state) {
    fixture *f = *state;
    for (uint64_t sync = 1; sync <= 4; sync++) {
        bool decided = true;
        begin_with(f, "before");
        commit_it(f);
        mr_commit_begin(f->commit);
        add(f, 0, "x", "v");
        add(f, 1, "x", "v");
        submit(f);
        mr_sim_disk_set_faults(f->sim, &(mr_sim_faults){.sync_fails_at = sync});
        mr_status status = answer(f, &decided);
        assert_int_equal(decided, status == MR_OK);
        mr_sim_disk_set_faults(f->sim, &(mr_sim_faults){0});
        drop_log(f);
        mr_sim_disk_crash(f->sim, (mr_sim_crash){MR_SIM_LOSE_ALL, 0});
        open_log(f);
        mr_buf first = {0}, second = {0};
        assert_int_equal(mr_log_world_read(f->world, f->topic, &first, &f->err), MR_OK);
        assert_int_equal(mr_log_world_read(f->world, f->topic + 1, &second, &f->err), MR_OK);
        bool in_first = strstr(mr_buf_cstr(&first), ":x=") != NULL;
        bool in_second = strstr(mr_buf_cstr(&second), ":x=") != NULL;
        assert_int_equal(in_first, in_second);
        assert_true(in_first || !decided);
        mr_buf_deinit(&first);
        mr_buf_deinit(&second);
        drop_log(f);
        mr_sim_disk_destroy(f->sim);
        f->sim = mr_sim_disk_create(sync + 1, UINT64_C(1) << 28);
        open_log(f);
    }
}

static void a_transaction_that_finds_the_disk_full_is_not_there(void **state) {
    fixture *f = *state;
    bool decided = true;
    begin_with(f, "a");
    commit_it(f);
    mr_sim_disk_set_capacity(f->sim, 1);
    char *large = mr_alloc(20000);
    memset(large, 'x', 20000);
    large[19999] = '\0';
    mr_commit_begin(f->commit);
    add(f, 0, "b", large);
    add(f, 1, "b", large);
    submit(f);
    assert_int_equal(answer(f, &decided), MR_FULL);
    assert_false(decided);
    mr_free(large);
    drop_log(f);
    mr_sim_disk_set_capacity(f->sim, UINT64_C(1) << 28);
    mr_sim_disk_crash(f->sim, (mr_sim_crash){MR_SIM_LOSE_ALL, 0});
    open_log(f);
    assert_records(f, 0, "0:a=v");
    assert_records(f, 1, "");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_first_submit_asks_for_a_producer, setup, teardown),
        cmocka_unit_test_setup_teardown(what_was_gathered_goes_to_its_partitions_in_its_order,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(the_next_transaction_begins_with_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(an_answer_to_somebody_else_is_left_alone, setup, teardown),
        cmocka_unit_test_setup_teardown(a_submit_that_finds_no_room_is_done_again, setup, teardown),
        cmocka_unit_test_setup_teardown(a_producer_whose_epochs_are_used_up_is_followed_by_another,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(a_fenced_worker_commits_nothing_more, setup, teardown),
        cmocka_unit_test_setup_teardown(a_producer_that_the_log_cannot_give_is_an_error, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(an_unknown_outcome_is_settled_by_recovery, setup, teardown),
        cmocka_unit_test_setup_teardown(a_transaction_that_finds_the_disk_full_is_not_there, setup,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
