/* The log of a process, and readers beside it: records, generations, rows of stores. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "log/io/disk_posix.h"
#include "runtime/app/log_service.h"
#include "runtime/app/log_view.h"
#include "runtime/app/state_rows.h"
#include "runtime/engine/commit.h"
#include "statestore/store_memory.h"
#include "statestore/window_key.h"

static char parent[64];
static char data[80];
static mr_log_service *service;
static mr_log_client *client;
static mr_wakeup wakeup;
static mr_commit *commit;

static void tell_nobody(void *arg) {
    (void)arg;
}

static void wait_for_wake(void *arg) {
    mr_wakeup_wait(arg, INT64_MAX);
}

static mr_status open_service(mr_log_service **out, mr_err *err) {
    mr_recovery_report report = {0};
    mr_log_service_config config = {.data = data, .clock = mr_clock_system(), .tell = tell_nobody};
    return mr_log_service_open(&config, out, &report, err);
}

static int set_up(void **state) {
    (void)state;
    strcpy(parent, "/tmp/millrace-view-XXXXXX");
    assert_non_null(mkdtemp(parent));
    snprintf(data, sizeof data, "%s/a/b", parent);
    mr_err err = {0};
    assert_int_equal(open_service(&service, &err), MR_OK);
    mr_wakeup_init(&wakeup);
    client =
        mr_log_client_create_embedded(mr_log_service_requests(service), mr_wakeup_raise, &wakeup);
    commit = mr_commit_create(client, "test-0", MR_PARTITION_NONE);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    mr_log_service_stop(service);
    mr_commit_destroy(commit);
    mr_log_client_destroy(client);
    mr_log_service_close(service);
    mr_wakeup_deinit(&wakeup);
    mr_disk *disk;
    mr_err err = {0};
    assert_int_equal(mr_disk_posix_open(parent, &disk, &err), MR_OK);
    assert_int_equal(mr_disk_remove_tree(disk, "a", &err), MR_OK);
    mr_disk_posix_close(disk);
    return rmdir(parent);
}

/* ---- writing ---- */

static mr_topic_description make_topic(const char *name, int32_t partitions) {
    mr_log_request *request = mr_log_client_request(client, MR_LOG_CREATE_TOPIC);
    snprintf(request->topic, sizeof request->topic, "%s", name);
    request->partitions = partitions;
    request->topic_kind = MR_TOPIC_CHANGELOG;
    assert_int_equal(mr_log_client_call(client, request, wait_for_wake, &wakeup), MR_OK);
    mr_topic_description described = request->described;
    mr_log_client_recycle(client, request);
    return described;
}

static void take_answers(bool *decided) {
    mr_log_request *request;
    while ((request = mr_log_client_poll(client)) != NULL) {
        bool mine = false;
        mr_err err = {0};
        assert_int_equal(mr_commit_answer(commit, request, &mine, decided, &err), MR_OK);
        assert_true(mine);
    }
}

static void finish_commit(void) {
    bool decided = false;
    while (mr_commit_submit(commit) == MR_AGAIN) {
        mr_wakeup_wait(&wakeup, INT64_MAX);
        take_answers(&decided);
    }
    while (!decided) {
        take_answers(&decided);
        if (!decided) {
            mr_wakeup_wait(&wakeup, INT64_MAX);
        }
    }
}

/* One transaction of "key=value" words; "key" alone is a tombstone. */
static void put(mr_partition_id partition, const char *line) {
    char words[256];
    snprintf(words, sizeof words, "%s", line);
    mr_commit_begin(commit);
    for (char *word = strtok(words, " "); word; word = strtok(NULL, " ")) {
        char *value = strchr(word, '=');
        if (value) {
            *value++ = '\0';
        }
        mr_record record = {.timestamp_ms = 1,
                            .key = mr_bytes_text(word),
                            .value = value ? mr_bytes_text(value) : MR_BYTES_NULL};
        mr_commit_add_record(commit, partition, &record);
    }
    finish_commit();
}

/* ---- reading ---- */

static mr_log_view *open_view(void) {
    mr_log_view *view;
    mr_err err = {0};
    assert_int_equal(mr_log_view_open(data, &view, &err), MR_OK);
    return view;
}

static mr_status append_text(void *arg, const mr_record *record, mr_err *err) {
    mr_buf *out = arg;
    (void)err;
    mr_buf_put_bytes(out, record->key);
    if (!mr_bytes_is_null(record->value)) {
        mr_buf_put_u8(out, '=');
        mr_buf_put_bytes(out, record->value);
    }
    mr_buf_put_u8(out, ' ');
    return out->len > 1000 ? MR_NOT_FOUND : MR_OK;
}

static void assert_records(mr_log_view *view, mr_partition_id partition, int64_t offset,
                           const char *expected) {
    mr_buf text = {0};
    mr_err err = {0};
    assert_int_equal(mr_log_view_each(view, partition, offset, append_text, &text, &err), MR_OK);
    assert_string_equal(mr_buf_cstr(&text), expected);
    mr_buf_deinit(&text);
}

static void assert_row(const mr_state_rows *rows, const char *key, const char *expected) {
    const mr_buf *row = mr_map_get(rows->rows, mr_bytes_text(key));
    if (!expected) {
        assert_null(row);
        return;
    }
    assert_non_null(row);
    assert_int_equal(row->len, strlen(expected));
    assert_memory_equal(row->data, expected, row->len);
}

static void assert_folded(mr_store *store, const mr_topic_description *topic, const char *key,
                          const char *expected) {
    mr_log_view *view = open_view();
    mr_state_rows rows;
    mr_err err = {0};
    mr_state_filter filter = {MR_STATE_ROW, mr_bytes_text(key)};
    mr_state_rows_init(&rows);
    assert_int_equal(mr_state_rows_read(&rows, &filter, store, 0, view, topic, 0, &err), MR_OK);
    assert_row(&rows, key, expected);
    mr_state_rows_deinit(&rows);
    mr_log_view_close(view);
}

/* ---- tests ---- */

static void a_view_beside_the_running_log_shows_what_is_committed(void **state) {
    (void)state;
    mr_topic_description topic = make_topic("t", 2);
    put(topic.partition_first, "a=1 b=2");
    put(topic.partition_first + 1, "c=3");
    mr_log_view *view = open_view();
    put(topic.partition_first, "d=4"); /* behind the moment of opening */
    const mr_topic_description *seen = mr_log_view_topic(view, "t");
    assert_non_null(seen);
    assert_int_equal(seen->partitions, 2);
    assert_null(mr_log_view_topic(view, "u"));
    assert_records(view, seen->partition_first, 0, "a=1 b=2 ");
    assert_records(view, seen->partition_first, 1, "b=2 ");
    assert_records(view, seen->partition_first + 1, 0, "c=3 ");
    mr_topic_counts counts = mr_log_view_topic_counts(view);
    assert_int_equal(counts.partitions(counts.self, "t"), 2);
    assert_int_equal(counts.partitions(counts.self, "u"), 0);
    mr_log_view_close(view);
    view = open_view();
    assert_records(view, seen ? mr_log_view_topic(view, "t")->partition_first : 0, 0,
                   "a=1 b=2 d=4 ");
    mr_log_view_close(view);
}

static void the_running_log_counts_partitions_too(void **state) {
    (void)state;
    make_topic("t", 3);
    mr_topic_counts counts = mr_log_service_topic_counts(service);
    assert_int_equal(counts.partitions(counts.self, "t"), 3);
    assert_int_equal(counts.partitions(counts.self, "u"), 0);
}

static void a_second_owner_is_refused_with_the_pid(void **state) {
    (void)state;
    mr_log_service *second;
    mr_err err = {0};
    char expected[64];
    snprintf(expected, sizeof expected, "process %ld", (long)getpid());
    assert_int_equal(open_service(&second, &err), MR_FENCED);
    assert_non_null(strstr(err.message, "is in use"));
    assert_non_null(strstr(err.message, expected));
}

static void a_view_needs_a_log(void **state) {
    (void)state;
    mr_log_view *view;
    mr_err err = {0};
    assert_int_equal(mr_log_view_open(parent, &view, &err), MR_NOT_FOUND);
    assert_int_equal(mr_log_view_open("/nowhere/at/all", &view, &err), MR_NOT_FOUND);
}

static void the_newest_generation_of_a_job_is_found(void **state) {
    (void)state;
    static const struct {
        const char *job;
        int64_t generation;
    } written[] = {{"flights", 1}, {"orders", 7}, {"flights", 2}};
    for (size_t i = 0; i < 3; i++) {
        mr_buf value = {0};
        mr_metadata_encode(&(mr_metadata){.kind = MR_METADATA_JOB,
                                          .name = mr_bytes_text(written[i].job),
                                          .generation = written[i].generation},
                           &value);
        mr_log_request *request = mr_log_client_request(client, MR_LOG_APPEND_METADATA);
        request->metadata = mr_buf_view(&value);
        assert_int_equal(mr_log_client_call(client, request, wait_for_wake, &wakeup), MR_OK);
        mr_log_client_recycle(client, request);
        mr_buf_deinit(&value);
    }
    mr_log_view *view = open_view();
    int64_t generation = 0;
    mr_err err = {0};
    assert_int_equal(mr_log_view_generation(view, "flights", &generation, &err), MR_OK);
    assert_int_equal(generation, 2);
    assert_int_equal(mr_log_view_generation(view, "flight", &generation, &err), MR_NOT_FOUND);
    mr_log_view_close(view);
}

static void rows_without_a_store_are_the_fold_of_the_changelog(void **state) {
    (void)state;
    mr_topic_description topic = make_topic("t", 1);
    put(topic.partition_first, "a=1 b=1");
    put(topic.partition_first, "a=2 b");
    assert_folded(NULL, &topic, "a", "2");
    assert_folded(NULL, &topic, "b", NULL);
    assert_folded(NULL, &topic, "c", NULL);
}

/* A store that holds one row and a position; the row differs from the changelog's, to tell them
 * apart. */
static mr_store *make_store(const uint8_t topic_id[16], int64_t offset) {
    static const char *const families[] = {"rows"};
    static const mr_family family = 0;
    mr_store_factory factory = mr_store_memory_factory();
    mr_store *store;
    mr_err err = {0};
    assert_int_equal(
        factory.open(factory.self, "state", families, 1, MR_STORE_CREATE, &store, &err), MR_OK);
    mr_store_write row = {0, mr_bytes_text("a"), mr_bytes_text("spilled")};
    mr_changelog_position position = {.offset = offset};
    memcpy(position.topic_id, topic_id, sizeof position.topic_id);
    mr_store_batch batch = {.writes = &row,
                            .writes_count = 1,
                            .position_families = &family,
                            .positions = &position,
                            .positions_count = 1};
    assert_int_equal(mr_store_write_batch(store, &batch, &err), MR_OK);
    return store;
}

static void rows_of_a_store_are_folded_with_the_changelog_behind_its_position(void **state) {
    (void)state;
    mr_topic_description topic = make_topic("t", 1);
    put(topic.partition_first, "a=1 b=1"); /* offsets 0 and 1, then a marker */
    put(topic.partition_first, "b=2");     /* offset 3 */
    mr_store *store = make_store(topic.id.bytes, 1);
    assert_folded(store, &topic, "a", "spilled");
    assert_folded(store, &topic, "b", "2");
    put(topic.partition_first, "a=3");
    assert_folded(store, &topic, "a", "3");
    put(topic.partition_first, "a");
    assert_folded(store, &topic, "a", NULL);
    mr_store_close(store);
}

static void a_store_of_another_history_is_not_believed(void **state) {
    (void)state;
    mr_topic_description topic = make_topic("t", 1);
    put(topic.partition_first, "a=1");
    static const uint8_t other[16] = {1};
    mr_store *stranger = make_store(other, 0);
    assert_folded(stranger, &topic, "a", "1");
    mr_store_close(stranger);
    mr_store *ahead = make_store(topic.id.bytes, 1000);
    assert_folded(ahead, &topic, "a", "1");
    mr_store_close(ahead);
}

static void every_window_of_a_key_is_found_and_no_other_key(void **state) {
    (void)state;
    mr_topic_description topic = make_topic("t", 1);
    mr_commit_begin(commit);
    const char *keys[] = {"a", "a", "aa"};
    for (size_t i = 0; i < 3; i++) {
        mr_buf key = {0};
        mr_window_key_put(&key, (int64_t)i * 1000, mr_bytes_text(keys[i]));
        mr_commit_add_record(commit, topic.partition_first,
                             &(mr_record){.key = mr_buf_view(&key), .value = mr_bytes_text("x")});
        mr_buf_deinit(&key);
    }
    finish_commit();
    mr_log_view *view = open_view();
    mr_state_rows rows;
    mr_err err = {0};
    mr_state_filter filter = {MR_STATE_EVERY_WINDOW, mr_bytes_text("a")};
    mr_state_rows_init(&rows);
    assert_int_equal(mr_state_rows_read(&rows, &filter, NULL, 0, view, &topic, 0, &err), MR_OK);
    assert_int_equal(mr_map_count(rows.rows), 2);
    mr_state_rows_deinit(&rows);
    mr_log_view_close(view);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_view_beside_the_running_log_shows_what_is_committed,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_running_log_counts_partitions_too, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_second_owner_is_refused_with_the_pid, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_view_needs_a_log, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_newest_generation_of_a_job_is_found, set_up, tear_down),
        cmocka_unit_test_setup_teardown(rows_without_a_store_are_the_fold_of_the_changelog, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(
            rows_of_a_store_are_folded_with_the_changelog_behind_its_position, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_store_of_another_history_is_not_believed, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(every_window_of_a_key_is_found_and_no_other_key, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
