/* Transactions, readers and producers of a running log. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/simulation/log_world.h"

typedef struct fixture {
    mr_sim_disk *sim;
    mr_log_world *world;
    mr_partition_id topic;
    mr_log_writer writer;
} fixture;

static void open_world(fixture *f, const mr_log_core_config *config) {
    mr_err err = {0};
    mr_status status = mr_log_world_open(f->sim, 1, config, &f->world, NULL, &err);
    if (status != MR_OK) {
        fail_msg("%s", err.message);
    }
}

static fixture begin(void) {
    fixture f = {.sim = mr_sim_disk_create(7, 0), .writer = {.id = "job-0"}};
    open_world(&f, NULL);
    assert_int_equal(mr_log_world_topic(f.world, "events", 2, MR_TOPIC_USER, &f.topic), MR_OK);
    assert_int_equal(mr_log_world_claim(f.world, &f.writer), MR_OK);
    return f;
}

static void end(fixture *f) {
    assert_int_equal(mr_log_world_close(f->world), MR_OK);
    mr_sim_disk_destroy(f->sim);
}

static mr_status put(fixture *f, int partition, const char *records) {
    mr_log_write write = {.partition = f->topic + (uint32_t)partition, .records = records};
    return mr_log_world_commit(f->world, &f->writer, &write, 1);
}

static void expect(fixture *f, int partition, const char *text) {
    mr_buf out = {0};
    mr_err err = {0};
    mr_status status = mr_log_world_read(f->world, f->topic + (uint32_t)partition, &out, &err);
    if (status != MR_OK) {
        fail_msg("%s", err.message);
    }
    assert_string_equal(out.len ? mr_buf_cstr(&out) : "", text);
    mr_buf_deinit(&out);
}

static void committed_records_are_read_in_order(void **state) {
    (void)state;
    fixture f = begin();
    assert_int_equal(put(&f, 0, "a=1 b=2"), MR_OK);
    assert_int_equal(put(&f, 0, "a=3|=4 c=-"), MR_OK);
    expect(&f, 0, "0:a=1 1:b=2 3:a=3 4:=4 5:c=-");
    expect(&f, 1, "");
    end(&f);
}

static void a_transaction_over_partitions_takes_dense_offsets_in_each(void **state) {
    (void)state;
    fixture f = begin();
    mr_log_write writes[2] = {{.partition = f.topic, .records = "a=1 a=2"},
                              {.partition = f.topic + 1, .records = "b=1"}};
    assert_int_equal(mr_log_world_commit(f.world, &f.writer, writes, 2), MR_OK);
    assert_int_equal(writes[0].offset_first, 0);
    assert_int_equal(writes[0].offset_last, 1);
    assert_int_equal(writes[1].offset_last, 0);
    mr_log_offsets offsets;
    assert_int_equal(mr_log_world_offsets(f.world, f.topic, &offsets), MR_OK);
    assert_int_equal(offsets.stable_end, 3); /* two records and the marker */
    assert_int_equal(offsets.end, 3);
    end(&f);
}

static void a_waiting_fetch_is_answered_by_the_next_commit(void **state) {
    (void)state;
    fixture f = begin();
    mr_log_client *client = mr_log_world_client(f.world);
    mr_log_request *fetch = mr_log_client_request(client, MR_LOG_FETCH);
    fetch->partition = f.topic;
    fetch->bytes_max = 1000;
    fetch->wait = MR_LOG_WAIT;
    assert_int_equal(mr_log_client_submit(client, fetch), MR_OK);
    mr_log_world_settle(f.world);
    assert_null(mr_log_client_poll(client));
    mr_log_write write = {.partition = f.topic, .records = "a=1"};
    mr_log_request *commit = mr_log_world_commit_begin(f.world, &f.writer, &write, 1);
    mr_log_world_settle(f.world);
    mr_log_request *first = mr_log_client_poll(client);
    mr_log_request *second = mr_log_client_poll(client);
    assert_true((first == fetch && second == commit) || (first == commit && second == fetch));
    mr_buf text = {0};
    int64_t offset = 0;
    assert_int_equal(mr_log_fetched_text(&fetch->fetched, &offset, &text, NULL), MR_OK);
    assert_string_equal(mr_buf_cstr(&text), "0:a=1");
    mr_buf_deinit(&text);
    mr_log_client_recycle(client, fetch);
    assert_int_equal(mr_log_world_commit_end(f.world, commit, &write), MR_OK);
    end(&f);
}

static void shutting_down_answers_waiting_fetches_with_again(void **state) {
    (void)state;
    fixture f = begin();
    mr_log_client *client = mr_log_world_client(f.world);
    mr_log_request *fetch = mr_log_client_request(client, MR_LOG_FETCH);
    fetch->partition = f.topic;
    fetch->bytes_max = 1000;
    fetch->wait = MR_LOG_WAIT;
    assert_int_equal(mr_log_client_submit(client, fetch), MR_OK);
    mr_log_world_settle(f.world);
    mr_log_request *shutdown = mr_log_client_request(client, MR_LOG_SHUTDOWN);
    assert_int_equal(mr_log_client_submit(client, shutdown), MR_OK);
    mr_log_world_settle(f.world);
    assert_ptr_equal(mr_log_client_poll(client), fetch);
    assert_int_equal(fetch->status, MR_AGAIN);
    assert_ptr_equal(mr_log_client_poll(client), shutdown);
    assert_int_equal(shutdown->status, MR_OK);
    mr_log_client_recycle(client, fetch);
    mr_log_client_recycle(client, shutdown);
    mr_log_world_drop(f.world);
    mr_sim_disk_destroy(f.sim);
}

static void a_fetch_inside_a_batch_returns_the_whole_batch(void **state) {
    (void)state;
    fixture f = begin();
    assert_int_equal(put(&f, 0, "a=1 a=2 a=3"), MR_OK);
    mr_log_client *client = mr_log_world_client(f.world);
    mr_log_request *fetch = mr_log_client_request(client, MR_LOG_FETCH);
    fetch->partition = f.topic;
    fetch->offset = 2;
    fetch->bytes_max = 1; /* one batch comes even if it is larger */
    assert_int_equal(mr_log_world_call(f.world, fetch), MR_OK);
    mr_batch_info info;
    assert_int_equal(
        mr_batch_check(mr_bytes_of(fetch->fetched.bytes->data, fetch->fetched.bytes->len), &info),
        MR_OK);
    assert_int_equal(info.base_offset, 0);
    assert_int_equal(info.size_bytes, fetch->fetched.bytes->len);
    mr_buf text = {0};
    int64_t offset = 0;
    assert_int_equal(mr_log_fetched_text(&fetch->fetched, &offset, &text, NULL), MR_OK);
    assert_string_equal(mr_buf_cstr(&text), "2:a=3");
    assert_int_equal(offset, 3);
    mr_buf_deinit(&text);
    mr_log_client_recycle(client, fetch);
    end(&f);
}

static void a_repeated_commit_answers_with_its_first_offsets(void **state) {
    (void)state;
    fixture f = begin();
    assert_int_equal(put(&f, 0, "a=1"), MR_OK);
    assert_int_equal(put(&f, 0, "a=2"), MR_OK);
    f.writer.epoch--; /* the client did not hear the answer and asks again */
    mr_log_write write = {.partition = f.topic, .records = "a=2"};
    assert_int_equal(mr_log_world_commit(f.world, &f.writer, &write, 1), MR_OK);
    assert_int_equal(write.offset_first, 2);
    expect(&f, 0, "0:a=1 2:a=2");
    end(&f);
}

static void five_transactions_are_remembered_and_older_ones_fenced(void **state) {
    (void)state;
    fixture f = begin();
    for (int i = 0; i < 6; i++) {
        assert_int_equal(put(&f, 0, "a=1"), MR_OK);
    }
    f.writer.epoch = 0;
    assert_int_equal(put(&f, 0, "a=1"), MR_FENCED);
    f.writer.epoch = 1;
    assert_int_equal(put(&f, 0, "a=1"), MR_OK);
    expect(&f, 0, "0:a=1 2:a=1 4:a=1 6:a=1 8:a=1 10:a=1");
    end(&f);
}

static void a_new_claim_fences_the_former_owner(void **state) {
    (void)state;
    fixture f = begin();
    mr_log_writer former = f.writer;
    assert_int_equal(mr_log_world_claim(f.world, &f.writer), MR_OK);
    assert_true(f.writer.producer_id != former.producer_id);
    mr_log_write write = {.partition = f.topic, .records = "a=1"};
    assert_int_equal(mr_log_world_commit(f.world, &former, &write, 1), MR_FENCED);
    assert_int_equal(put(&f, 0, "a=2"), MR_OK);
    expect(&f, 0, "0:a=2");
    end(&f);
}

static void a_gap_in_the_epochs_is_refused(void **state) {
    (void)state;
    fixture f = begin();
    f.writer.epoch = 1;
    assert_int_equal(put(&f, 0, "a=1"), MR_INVALID);
    f.writer.epoch = 0;
    assert_int_equal(put(&f, 0, "a=1"), MR_OK);
    end(&f);
}

static void used_up_epochs_ask_for_a_new_producer(void **state) {
    (void)state;
    fixture f = begin();
    for (int i = 0; i < MR_PRODUCER_EPOCH_MAX; i++) {
        assert_int_equal(put(&f, 0, "a=1"), MR_OK);
    }
    assert_int_equal(put(&f, 0, "a=2"), MR_FENCED);
    assert_int_equal(mr_log_world_claim(f.world, &f.writer), MR_OK);
    assert_int_equal(put(&f, 0, "a=2"), MR_OK);
    end(&f);
}

static void a_broken_part_refuses_the_whole_transaction(void **state) {
    (void)state;
    fixture f = begin();
    mr_log_write writes[2] = {{.partition = f.topic, .records = "a=1"},
                              {.partition = 999, .records = "b=1"}};
    assert_int_equal(mr_log_world_commit(f.world, &f.writer, writes, 2), MR_NOT_FOUND);
    writes[1].partition = f.topic; /* twice the same */
    assert_int_equal(mr_log_world_commit(f.world, &f.writer, writes, 2), MR_INVALID);
    expect(&f, 0, "");
    mr_log_offsets offsets;
    assert_int_equal(mr_log_world_offsets(f.world, f.topic, &offsets), MR_OK);
    assert_int_equal(offsets.end, 0);
    end(&f);
}

/* The decision names every partition, and is one record. */
static void a_transaction_over_too_many_partitions_is_refused(void **state) {
    (void)state;
    fixture f = begin();
    enum { TOPICS = MR_RECORD_BYTES_MAX / 36 / MR_PARTITIONS_MAX + 1 };
    enum { PARTS = TOPICS * MR_PARTITIONS_MAX };
    mr_partition_id first = 0;
    for (int i = TOPICS; i > 0; i--) {
        char name[16];
        snprintf(name, sizeof name, "wide-%d", i);
        assert_int_equal(
            mr_log_world_topic(f.world, name, MR_PARTITIONS_MAX, MR_TOPIC_USER, &first), MR_OK);
    }
    first -= PARTS - MR_PARTITIONS_MAX;
    mr_log_write write = {.partition = first, .records = "a=1"};
    mr_log_request *request = mr_log_world_commit_begin(f.world, &f.writer, &write, 1);
    mr_txn_part *parts = calloc(PARTS, sizeof *parts);
    assert_non_null(parts);
    parts[0] = request->txn->parts[0];
    for (uint32_t i = 1; i < PARTS; i++) {
        parts[i] =
            (mr_txn_part){.partition = first + i, .batches = mr_shared_ref(parts[0].batches)};
    }
    request->txn->parts = parts;
    request->txn->parts_count = PARTS;
    while (!mr_log_client_poll(mr_log_world_client(f.world))) {
        mr_log_world_pump(f.world);
    }
    assert_non_null(strstr(request->err.message, "its decision would have more than"));
    free(parts);
    request->txn->parts_count = 0;
    assert_int_equal(mr_log_world_commit_end(f.world, request, &write), MR_INVALID);
    assert_int_equal(put(&f, 0, "a=1"), MR_OK);
    end(&f);
}

static void a_job_record_beyond_the_limit_is_refused(void **state) {
    (void)state;
    fixture f = begin();
    char *definition = calloc(1, MR_RECORD_BYTES_MAX);
    assert_non_null(definition);
    mr_store_definition store = {.store = mr_bytes_text("s"),
                                 .definition = mr_bytes_of(definition, MR_RECORD_BYTES_MAX)};
    mr_buf value = {0};
    mr_metadata_encode(&(mr_metadata){.kind = MR_METADATA_JOB,
                                      .name = mr_bytes_text("job"),
                                      .stores = &store,
                                      .stores_count = 1},
                       &value);
    mr_log_client *client = mr_log_world_client(f.world);
    mr_log_request *request = mr_log_client_request(client, MR_LOG_APPEND_METADATA);
    request->metadata = mr_buf_view(&value);
    assert_int_equal(mr_log_world_call(f.world, request), MR_INVALID);
    assert_non_null(strstr(request->err.message, "a job's record of"));
    mr_log_client_recycle(client, request);
    mr_buf_deinit(&value);
    free(definition);
    end(&f);
}

static void commits_of_many_writers_share_syncs(void **state) {
    (void)state;
    fixture f = begin();
    enum { WRITERS = 8 };
    mr_log_writer writers[WRITERS];
    mr_log_write writes[WRITERS];
    mr_log_request *requests[WRITERS];
    for (int i = 0; i < WRITERS; i++) {
        writers[i] = (mr_log_writer){.id = {'w', (char)('0' + i)}};
        assert_int_equal(mr_log_world_claim(f.world, &writers[i]), MR_OK);
    }
    mr_log_world_settle(f.world);
    uint64_t before = mr_log_core_counters(mr_log_driver_core(mr_log_world_driver(f.world))).syncs;
    for (int i = 0; i < WRITERS; i++) {
        writes[i] = (mr_log_write){.partition = f.topic, .records = "a=1"};
        requests[i] = mr_log_world_commit_begin(f.world, &writers[i], &writes[i], 1);
    }
    mr_log_world_settle(f.world);
    for (int i = 0; i < WRITERS; i++) {
        assert_non_null(mr_log_client_poll(mr_log_world_client(f.world)));
    }
    for (int i = 0; i < WRITERS; i++) {
        assert_int_equal(mr_log_world_commit_end(f.world, requests[i], &writes[i]), MR_OK);
    }
    uint64_t syncs =
        mr_log_core_counters(mr_log_driver_core(mr_log_world_driver(f.world))).syncs - before;
    assert_true(syncs >= 2);
    assert_true(syncs < 2 * WRITERS);
    end(&f);
}

/* Whether some file's path begins so. */
static bool has_path(const mr_sim_disk *sim, const char *prefix) {
    mr_buf paths = {0};
    mr_sim_disk_paths(sim, MR_SIM_CURRENT, &paths);
    bool found = false;
    for (size_t at = 0; at < paths.len; at += strlen((const char *)paths.data + at) + 1) {
        found = found || strncmp((const char *)paths.data + at, prefix, strlen(prefix)) == 0;
    }
    mr_buf_deinit(&paths);
    return found;
}

static void segments_roll_and_are_read_across(void **state) {
    (void)state;
    fixture f = {.sim = mr_sim_disk_create(7, 0), .writer = {.id = "job-0"}};
    const mr_log_core_config config = {.segment_bytes_max = 400};
    open_world(&f, &config);
    assert_int_equal(mr_log_world_topic(f.world, "events", 1, MR_TOPIC_USER, &f.topic), MR_OK);
    assert_int_equal(mr_log_world_claim(f.world, &f.writer), MR_OK);
    for (int i = 0; i < 6; i++) {
        assert_int_equal(put(&f, 0, "key=value"), MR_OK);
    }
    const char *all = "0:key=value 2:key=value 4:key=value 6:key=value 8:key=value 10:key=value";
    expect(&f, 0, all);
    assert_true(has_path(f.sim, "log/events-0/00000000000000000005.log"));
    assert_int_equal(mr_log_world_close(f.world), MR_OK);
    open_world(&f, &config);
    expect(&f, 0, all);
    end(&f);
}

static void segments_roll_by_age_which_no_restart_makes_less(void **state) {
    (void)state;
    static const char *const second = "log/events-0/00000000000000000004.log";
    static const char *const third = "log/events-0/00000000000000000006.log";
    fixture f = {.sim = mr_sim_disk_create(7, 0), .writer = {.id = "job-0"}};
    const mr_log_core_config config = {.segment_age_ms_max = 60000};
    open_world(&f, &config);
    assert_int_equal(mr_log_world_topic(f.world, "events", 1, MR_TOPIC_USER, &f.topic), MR_OK);
    assert_int_equal(mr_log_world_claim(f.world, &f.writer), MR_OK);
    assert_int_equal(put(&f, 0, "a=1"), MR_OK);
    mr_log_world_advance(f.world, 50000);
    assert_int_equal(put(&f, 0, "a=2"), MR_OK);
    mr_log_world_advance(f.world, 20000);
    assert_false(has_path(f.sim, second));
    assert_int_equal(put(&f, 0, "a=3"), MR_OK);
    assert_true(has_path(f.sim, second));
    assert_int_equal(mr_log_world_close(f.world), MR_OK);
    /* The second one began 70 s after the start of the first world. */
    assert_int_equal(mr_log_world_open_later(f.sim, 1, &config, 100000, &f.world, NULL, NULL),
                     MR_OK);
    assert_int_equal(mr_log_world_close(f.world), MR_OK);
    assert_int_equal(mr_log_world_open_later(f.sim, 1, &config, 140000, &f.world, NULL, NULL),
                     MR_OK);
    assert_int_equal(mr_log_world_claim(f.world, &f.writer), MR_OK);
    assert_false(has_path(f.sim, third));
    assert_int_equal(put(&f, 0, "a=4"), MR_OK);
    assert_true(has_path(f.sim, third));
    end(&f);
}

static void a_purge_removes_whole_segments_and_survives_a_restart(void **state) {
    (void)state;
    fixture f = {.sim = mr_sim_disk_create(7, 0), .writer = {.id = "job-0"}};
    const mr_log_core_config config = {.segment_bytes_max = 400};
    open_world(&f, &config);
    assert_int_equal(mr_log_world_topic(f.world, "events", 1, MR_TOPIC_USER, &f.topic), MR_OK);
    assert_int_equal(mr_log_world_claim(f.world, &f.writer), MR_OK);
    for (int i = 0; i < 6; i++) {
        assert_int_equal(put(&f, 0, "key=value"), MR_OK);
    }
    assert_int_equal(mr_log_world_purge(f.world, f.topic, 13), MR_INVALID);
    assert_int_equal(mr_log_world_purge(f.world, f.topic, 7), MR_OK);
    expect(&f, 0, "8:key=value 10:key=value");
    mr_log_world_advance(f.world, 10000);
    mr_log_world_advance(f.world, 10000);
    assert_false(has_path(f.sim, "log/events-0/00000000000000000000"));
    assert_int_equal(mr_log_world_close(f.world), MR_OK);
    open_world(&f, &config);
    mr_log_offsets offsets;
    assert_int_equal(mr_log_world_offsets(f.world, f.topic, &offsets), MR_OK);
    assert_int_equal(offsets.start, 7);
    expect(&f, 0, "8:key=value 10:key=value");
    end(&f);
}

static void decisions_go_when_their_markers_are_synced(void **state) {
    (void)state;
    fixture f = begin();
    mr_log_offsets offsets;
    assert_int_equal(put(&f, 0, "a=1"), MR_OK);
    assert_int_equal(mr_log_world_offsets(f.world, 1, &offsets), MR_OK);
    assert_int_equal(offsets.start, 0);
    for (int i = 0; i < 4; i++) {
        mr_log_world_advance(f.world, 5000);
    }
    assert_int_equal(mr_log_world_offsets(f.world, 1, &offsets), MR_OK);
    assert_int_equal(offsets.start, 1);
    assert_int_equal(offsets.end, 1);
    assert_true(mr_log_driver_deadline_ns(mr_log_world_driver(f.world)) == INT64_MAX);
    end(&f);
}

static void a_failed_sync_stops_the_log_and_loses_nothing(void **state) {
    (void)state;
    fixture f = begin();
    assert_int_equal(put(&f, 0, "a=1"), MR_OK);
    mr_log_world_settle(f.world);
    mr_sim_disk_set_faults(f.sim, &(mr_sim_faults){.sync_fails_at = 1});
    assert_int_equal(put(&f, 0, "a=2"), MR_UNAVAILABLE);
    assert_true(mr_log_core_failed(mr_log_driver_core(mr_log_world_driver(f.world))));
    assert_int_equal(put(&f, 0, "a=2"), MR_UNAVAILABLE);
    mr_log_world_drop(f.world);
    mr_sim_disk_crash(f.sim, (mr_sim_crash){.mode = MR_SIM_LOSE_ALL});
    open_world(&f, NULL);
    expect(&f, 0, "0:a=1");
    end(&f);
}

static void a_full_disk_says_so_and_goes_on_with_space(void **state) {
    (void)state;
    fixture f = begin();
    assert_int_equal(put(&f, 0, "a=1"), MR_OK);
    mr_log_world_settle(f.world);
    mr_sim_disk_set_capacity(f.sim, mr_sim_disk_used_bytes(f.sim) + 10);
    mr_log_write write = {.partition = f.topic, .records = "a=2"};
    mr_log_request *request = mr_log_world_commit_begin(f.world, &f.writer, &write, 1);
    mr_log_world_settle(f.world);
    assert_ptr_equal(mr_log_client_poll(mr_log_world_client(f.world)), request);
    assert_non_null(strstr(request->err.message, "no space left"));
    assert_int_equal(mr_log_world_commit_end(f.world, request, &write), MR_FULL);
    mr_log_world_drop(f.world);
    mr_sim_disk_crash(f.sim, (mr_sim_crash){.mode = MR_SIM_PROC_KILL});
    mr_sim_disk_set_capacity(f.sim, 0);
    open_world(&f, NULL);
    expect(&f, 0, "0:a=1");
    assert_int_equal(mr_log_world_claim(f.world, &f.writer), MR_OK);
    assert_int_equal(put(&f, 0, "a=3"), MR_OK);
    end(&f);
}

static mr_status delete_topic(fixture *f, const char *name) {
    mr_log_client *client = mr_log_world_client(f->world);
    mr_log_request *request = mr_log_client_request(client, MR_LOG_DELETE_TOPIC);
    memcpy(request->topic, name, strlen(name) + 1);
    mr_status status = mr_log_world_call(f->world, request);
    mr_log_client_recycle(client, request);
    return status;
}

static void a_deleted_topic_can_be_made_anew_and_is_empty(void **state) {
    (void)state;
    fixture f = begin();
    assert_int_equal(put(&f, 0, "a=1"), MR_OK);
    assert_int_equal(delete_topic(&f, "events"), MR_OK);
    assert_int_equal(delete_topic(&f, "events"), MR_NOT_FOUND);
    assert_int_equal(put(&f, 0, "a=1"), MR_NOT_FOUND);
    assert_int_equal(mr_log_world_topic(f.world, "events", 2, MR_TOPIC_USER, &f.topic), MR_OK);
    expect(&f, 0, "");
    assert_int_equal(put(&f, 0, "b=1"), MR_OK);
    mr_log_world_drop(f.world);
    mr_sim_disk_crash(f.sim, (mr_sim_crash){.mode = MR_SIM_LOSE_ALL});
    open_world(&f, NULL);
    assert_int_equal(mr_log_world_topic(f.world, "events", 2, MR_TOPIC_USER, &f.topic), MR_EXISTS);
    expect(&f, 0, "0:b=1");
    end(&f);
}

static void topics_are_listed_by_name_and_made_once(void **state) {
    (void)state;
    fixture f = begin();
    mr_partition_id first = 0;
    assert_int_equal(mr_log_world_topic(f.world, "alpha", 3, MR_TOPIC_REPARTITION, &first), MR_OK);
    assert_int_equal(first, 5);
    assert_int_equal(mr_log_world_topic(f.world, "events", 2, MR_TOPIC_USER, &first), MR_EXISTS);
    assert_int_equal(first, f.topic);
    assert_int_equal(mr_log_world_topic(f.world, "a/b", 2, MR_TOPIC_USER, &first), MR_INVALID);
    assert_int_equal(mr_log_world_topic(f.world, "x", 0, MR_TOPIC_USER, &first), MR_INVALID);
    mr_log_client *client = mr_log_world_client(f.world);
    mr_log_request *list = mr_log_client_request(client, MR_LOG_LIST);
    assert_int_equal(mr_log_world_call(f.world, list), MR_OK);
    assert_int_equal(list->list_count, 5);
    assert_string_equal(list->list[0].name, "__cluster_metadata");
    assert_string_equal(list->list[3].name, "alpha");
    assert_int_equal(list->list[3].kind, MR_TOPIC_REPARTITION);
    assert_string_equal(list->list[4].name, "events");
    mr_log_client_recycle(client, list);
    end(&f);
}

/* More files have unsynced markers than may be open: they are synced before their time. */
static void the_files_open_at_once_are_bounded(void **state) {
    (void)state;
    enum { PARTITIONS = 5 * MR_LOG_WRITES_MAX * MR_LIMIT(16, 1) };
    fixture f = begin();
    assert_true(PARTITIONS > MR_LOG_HANDLES_MAX);
    size_t most = 0;
    mr_partition_id first = 0;
    assert_int_equal(mr_log_world_topic(f.world, "wide", PARTITIONS, MR_TOPIC_USER, &first), MR_OK);
    for (uint32_t at = 0; at < PARTITIONS; at += MR_LOG_WRITES_MAX) {
        mr_log_write writes[MR_LOG_WRITES_MAX];
        for (uint32_t i = 0; i < MR_LOG_WRITES_MAX; i++) {
            writes[i] = (mr_log_write){.partition = first + at + i, .records = "k=v"};
        }
        assert_int_equal(mr_log_world_claim(f.world, &f.writer), MR_OK);
        mr_log_request *commit =
            mr_log_world_commit_begin(f.world, &f.writer, writes, MR_LOG_WRITES_MAX);
        while (!mr_log_client_poll(mr_log_world_client(f.world))) {
            mr_log_world_pump(f.world);
            size_t handles = mr_sim_disk_handles(f.sim);
            most = handles > most ? handles : most;
        }
        assert_int_equal(mr_log_world_commit_end(f.world, commit, writes), MR_OK);
    }
    assert_int_equal(most, MR_LOG_HANDLES_MAX);
    for (uint32_t i = 0; i < PARTITIONS; i++) {
        mr_buf out = {0};
        assert_int_equal(mr_log_world_read(f.world, first + i, &out, NULL), MR_OK);
        assert_string_equal(mr_buf_cstr(&out), "0:k=v");
        assert_true(mr_sim_disk_handles(f.sim) <= MR_LOG_HANDLES_MAX);
        mr_buf_deinit(&out);
    }
    end(&f);
}

static void a_failed_read_answers_with_its_place_and_harms_nothing(void **state) {
    (void)state;
    fixture f = begin();
    assert_int_equal(put(&f, 0, "a=1"), MR_OK);
    mr_sim_disk_set_faults(f.sim, &(mr_sim_faults){.read_fails_at = 1});
    mr_buf out = {0};
    mr_err err = {0};
    assert_int_equal(mr_log_world_read(f.world, f.topic, &out, &err), MR_UNAVAILABLE);
    assert_string_equal(err.message, "reading log/events-0/00000000000000000000.log at byte 0 for "
                                     "offset 0: Input/output error");
    assert_int_equal(mr_sim_disk_faults_fired(f.sim), 1);
    assert_int_equal(put(&f, 0, "a=2"), MR_OK);
    expect(&f, 0, "0:a=1 2:a=2");
    mr_buf_deinit(&out);
    end(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(committed_records_are_read_in_order),
        cmocka_unit_test(a_transaction_over_partitions_takes_dense_offsets_in_each),
        cmocka_unit_test(a_waiting_fetch_is_answered_by_the_next_commit),
        cmocka_unit_test(shutting_down_answers_waiting_fetches_with_again),
        cmocka_unit_test(a_fetch_inside_a_batch_returns_the_whole_batch),
        cmocka_unit_test(a_repeated_commit_answers_with_its_first_offsets),
        cmocka_unit_test(five_transactions_are_remembered_and_older_ones_fenced),
        cmocka_unit_test(a_new_claim_fences_the_former_owner),
        cmocka_unit_test(a_gap_in_the_epochs_is_refused),
        cmocka_unit_test(a_broken_part_refuses_the_whole_transaction),
        cmocka_unit_test(a_transaction_over_too_many_partitions_is_refused),
        cmocka_unit_test(a_job_record_beyond_the_limit_is_refused),
        cmocka_unit_test(commits_of_many_writers_share_syncs),
        cmocka_unit_test(segments_roll_and_are_read_across),
        cmocka_unit_test(segments_roll_by_age_which_no_restart_makes_less),
        cmocka_unit_test(a_purge_removes_whole_segments_and_survives_a_restart),
        cmocka_unit_test(decisions_go_when_their_markers_are_synced),
        cmocka_unit_test(a_failed_sync_stops_the_log_and_loses_nothing),
        cmocka_unit_test(a_failed_read_answers_with_its_place_and_harms_nothing),
        cmocka_unit_test(the_files_open_at_once_are_bounded),
        cmocka_unit_test(a_full_disk_says_so_and_goes_on_with_space),
        cmocka_unit_test(a_deleted_topic_can_be_made_anew_and_is_empty),
        cmocka_unit_test(topics_are_listed_by_name_and_made_once),
#ifdef MR_TINY
        cmocka_unit_test(used_up_epochs_ask_for_a_new_producer),
#endif
    };
    (void)used_up_epochs_ask_for_a_new_producer; /* 32,766 transactions in the normal build */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
