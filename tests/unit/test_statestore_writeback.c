/* tests/unit/test_statestore_writeback.c - the write-back table, one promise a test. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "statestore/store_memory.h"
#include "statestore/window_key.h"
#include "statestore/writeback.h"
#include "tests/simulation/model_store.h"

#define DIRECTORY "state/job.g1/task-0"

static const char *const families[] = {"rows"};
static const uint8_t topic_id[16] = {7};

typedef struct bench {
    mr_model_store *model;
    mr_store_slot slot;
    mr_writeback *table;
    mr_writeback_kind kind;
    int64_t offset; /* of the last change in the changelog */
    mr_buf text;
    mr_buf key[4];
    size_t keys;
} bench;

static void bench_open_table(bench *b) {
    b->table =
        mr_writeback_create(&(mr_writeback_config){.kind = b->kind, .slot = &b->slot, .family = 0});
    int64_t position = 0;
    assert_int_equal(mr_writeback_restore_begin(b->table, topic_id, b->offset + 1, &position, NULL),
                     MR_OK);
}

static void bench_open(bench *b, mr_writeback_kind kind) {
    *b = (bench){.kind = kind, .offset = -1};
    b->model = mr_model_store_create(1);
    b->slot = (mr_store_slot){.factory = mr_model_store_factory(b->model),
                              .directory = DIRECTORY,
                              .families = families,
                              .families_count = 1};
    bench_open_table(b);
}

static void bench_close(bench *b) {
    mr_writeback_destroy(b->table);
    mr_store_slot_close(&b->slot);
    mr_model_store_destroy(b->model);
    mr_buf_deinit(&b->text);
    for (size_t i = 0; i < 4; i++) {
        mr_buf_deinit(&b->key[i]);
    }
}

/* ---- each test has a table of its own: *state ---- */

static int set_up(void **state, mr_writeback_kind kind) {
    bench *b = malloc(sizeof *b);
    bench_open(b, kind);
    *state = b;
    return 0;
}

static int set_up_rows(void **state) {
    return set_up(state, MR_WRITEBACK_KEY_VALUE);
}

static int set_up_windows(void **state) {
    return set_up(state, MR_WRITEBACK_WINDOW);
}

static int tear_down(void **state) {
    bench_close(*state);
    free(*state);
    return 0;
}

#define WITH_ROWS(test) cmocka_unit_test_setup_teardown(test, set_up_rows, tear_down)
#define WITH_WINDOWS(test) cmocka_unit_test_setup_teardown(test, set_up_windows, tear_down)

/* "10/a" is the row of start 10 and key a, "a" that of a key-value table. Good for four calls. */
static mr_bytes key_of(bench *b, const char *name) {
    mr_buf *out = &b->key[b->keys++ % 4];
    mr_buf_clear(out);
    const char *slash = strchr(name, '/');
    if (slash != NULL) {
        mr_window_key_put(out, strtoll(name, NULL, 10), mr_bytes_text(slash + 1));
    } else {
        mr_buf_put_text(out, name);
    }
    return mr_buf_view(out);
}

static void print_key(bench *b, mr_bytes key) {
    int64_t start = 0;
    mr_bytes rest = key;
    if (b->kind == MR_WRITEBACK_WINDOW) {
        assert_int_equal(mr_window_key_split(key, &start, &rest), MR_OK);
        mr_buf_printf(&b->text, "%lld/", (long long)start);
    }
    mr_buf_put_bytes(&b->text, rest);
}

static void put(bench *b, const char *key, const char *value) {
    assert_int_equal(mr_writeback_put(b->table, key_of(b, key), mr_bytes_text(value), NULL), MR_OK);
}

static void erase(bench *b, const char *key) {
    assert_int_equal(mr_writeback_delete(b->table, key_of(b, key), NULL), MR_OK);
}

/* Appends to the row's value. */
static void edit(bench *b, const char *key, const char *more) {
    mr_buf *value = NULL;
    assert_int_equal(mr_writeback_edit(b->table, key_of(b, key), &value, NULL), MR_OK);
    mr_buf_put_text(value, more);
}

static const char *get(bench *b, const char *key) {
    mr_bytes value;
    mr_status status = mr_writeback_get(b->table, key_of(b, key), &value, NULL);
    if (status == MR_NOT_FOUND) {
        return "-";
    }
    assert_int_equal(status, MR_OK);
    mr_buf_clear(&b->text);
    mr_buf_put_bytes(&b->text, value);
    return mr_buf_cstr(&b->text);
}

/* "a=1 b=2" */
static const char *scan(bench *b, mr_bytes after, mr_bytes until) {
    mr_writeback_scan *rows = mr_writeback_scan_open(b->table, after, until);
    mr_bytes key, value;
    mr_status status;
    mr_buf_clear(&b->text);
    while ((status = mr_writeback_scan_next(rows, &key, &value, NULL)) == MR_OK) {
        mr_buf_put_text(&b->text, b->text.len > 0 ? " " : "");
        print_key(b, key);
        mr_buf_put_text(&b->text, "=");
        mr_buf_put_bytes(&b->text, value);
    }
    assert_int_equal(status, MR_NOT_FOUND);
    mr_writeback_scan_close(rows);
    return mr_buf_cstr(&b->text);
}

static const char *scan_all(bench *b) {
    return scan(b, MR_BYTES_NULL, MR_BYTES_NULL);
}

/* Seals, and gives what goes to the changelog: "a=1 b-". */
static const char *seal(bench *b) {
    mr_writeback_seal(b->table);
    size_t cursor = 0;
    mr_bytes key, value;
    mr_buf_clear(&b->text);
    while (mr_writeback_next_sealed(b->table, &cursor, &key, &value)) {
        b->offset += 1;
        mr_buf_put_text(&b->text, b->text.len > 0 ? " " : "");
        print_key(b, key);
        mr_buf_put_text(&b->text, mr_bytes_is_null(value) ? "-" : "=");
        mr_buf_put_bytes(&b->text, value);
    }
    return mr_buf_cstr(&b->text);
}

static void commit(bench *b) {
    mr_writeback_commit(b->table, b->offset);
}

static void seal_and_commit(bench *b) {
    seal(b);
    commit(b);
}

static mr_status spill_step(bench *b, uint32_t rows_max) {
    bool stalled = false;
    return mr_writeback_spill_step(b->table, rows_max, &stalled, NULL);
}

static void spill(bench *b) {
    mr_status status = MR_AGAIN;
    for (int i = 0; status == MR_AGAIN && i < 1000; i++) {
        status = spill_step(b, 100);
    }
    assert_int_equal(status, MR_OK);
}

static void wait_flushed(bench *b, int64_t offset) {
    for (int i = 0; mr_writeback_flushed_position(b->table) < offset; i++) {
        assert_true(i < 1000);
    }
}

static void print_row(void *self, const char *directory, const char *family, mr_bytes key,
                      mr_bytes value) {
    bench *b = self;
    (void)directory;
    (void)family;
    mr_buf_put_text(&b->text, b->text.len > 0 ? " " : "");
    print_key(b, key);
    mr_buf_put_text(&b->text, "=");
    mr_buf_put_bytes(&b->text, value);
}

/* What stands in the store itself. */
static const char *stored(bench *b) {
    mr_buf_clear(&b->text);
    mr_model_store_each(b->model, print_row, b);
    return mr_buf_cstr(&b->text);
}

static void crash_and_restore(bench *b, mr_model_crash kind) {
    mr_model_store_crash(b->model, kind);
    mr_writeback_destroy(b->table);
    mr_store_slot_close(&b->slot);
    bench_open_table(b);
}

static mr_writeback_counters counters(bench *b) {
    return mr_writeback_counters_get(b->table);
}

/* ---- images ---- */

static void an_abort_brings_the_committed_rows_back(void **state) {
    bench *b = *state;
    put(b, "a", "1");
    put(b, "b", "1");
    assert_string_equal(seal(b), "a=1 b=1");
    commit(b);
    put(b, "a", "2");
    erase(b, "b");
    put(b, "c", "2");
    assert_string_equal(seal(b), "a=2 b- c=2");
    edit(b, "a", "3");
    assert_string_equal(scan_all(b), "a=23 c=2");
    mr_writeback_abort(b->table);
    assert_string_equal(scan_all(b), "a=1 b=1");
    assert_int_equal(mr_writeback_uncommitted_bytes(b->table), 0);
    assert_false(mr_writeback_dirty(b->table));
    assert_int_equal(counters(b).rows_live_in_memory, 2);
}

static void writing_goes_on_while_a_transaction_is_sealed(void **state) {
    bench *b = *state;
    edit(b, "a", "x");
    seal(b);
    edit(b, "a", "y");
    assert_true(mr_writeback_dirty(b->table));
    commit(b);
    assert_string_equal(get(b, "a"), "xy");
    assert_string_equal(seal(b), "a=xy");
    mr_writeback_abort(b->table);
    assert_string_equal(get(b, "a"), "x");
}

static void a_row_touched_often_is_one_change(void **state) {
    bench *b = *state;
    for (int i = 0; i < 1000; i++) {
        edit(b, "a", "+");
    }
    assert_int_equal(mr_writeback_uncommitted_bytes(b->table), 1001);
    seal_and_commit(b);
    assert_int_equal(b->offset, 0);
    assert_int_equal(strlen(get(b, "a")), 1000);
    assert_int_equal(mr_writeback_unspilled_bytes(b->table), 1001);
    assert_int_equal(mr_writeback_uncommitted_bytes(b->table), 0);
}

static void empty_keys_and_values_are_rows(void **state) {
    bench *b = *state;
    put(b, "", "");
    assert_string_equal(get(b, ""), "");
    seal_and_commit(b);
    spill(b);
    assert_int_equal(counters(b).rows_live_in_memory, 0);
    assert_string_equal(get(b, ""), "");
    assert_string_equal(scan_all(b), "=");
    erase(b, "");
    assert_string_equal(get(b, ""), "-");
    assert_string_equal(seal(b), "-");
}

static void a_row_born_and_dead_in_memory_reaches_neither_changelog_nor_store(void **state) {
    bench *b = *state;
    put(b, "a", "1");
    erase(b, "a");
    assert_string_equal(seal(b), "");
    commit(b);
    put(b, "b", "1");
    seal_and_commit(b);
    erase(b, "b");
    assert_string_equal(seal(b), "b-");
    commit(b);
    assert_int_equal(counters(b).rows_live_in_memory, 0);
    spill(b);
    assert_int_equal(counters(b).rows_spilled, 0);
    assert_string_equal(stored(b), "");
}

/* ---- spill ---- */

static void a_spill_writes_committed_images_only(void **state) {
    bench *b = *state;
    put(b, "a", "1");
    put(b, "b", "1");
    seal_and_commit(b);
    assert_null(b->slot.store); /* not opened before a spill needs it */
    put(b, "a", "2");
    put(b, "c", "2");
    seal(b);
    put(b, "a", "3");
    spill(b);
    assert_string_equal(stored(b), "a=1 b=1");
    assert_string_equal(scan_all(b), "a=3 b=1 c=2");
    mr_writeback_abort(b->table);
    assert_string_equal(scan_all(b), "a=1 b=1");
}

static void a_delete_masks_the_stored_row_until_it_is_spilled_too(void **state) {
    bench *b = *state;
    put(b, "a", "1");
    put(b, "b", "1");
    seal_and_commit(b);
    spill(b);
    wait_flushed(b, b->offset);
    erase(b, "a");
    assert_string_equal(scan_all(b), "b=1");
    assert_string_equal(seal(b), "a-");
    commit(b);
    assert_string_equal(stored(b), "a=1 b=1");
    assert_string_equal(scan_all(b), "b=1");
    spill(b);
    assert_string_equal(stored(b), "b=1");
    assert_int_equal(counters(b).rows_live_in_memory, 0);
}

static void the_position_comes_with_the_last_chunk(void **state) {
    bench *b = *state;
    const char *const keys[] = {"e", "c", "a", "d", "b"};
    for (size_t i = 0; i < 5; i++) {
        put(b, keys[i], "1");
    }
    seal_and_commit(b);
    mr_changelog_position position;
    assert_int_equal(spill_step(b, 2), MR_AGAIN);
    assert_true(mr_writeback_spilling(b->table));
    assert_string_equal(stored(b), "a=1 b=1");
    put(b, "d", "2"); /* committed meanwhile: its newest image goes along */
    put(b, "a", "2"); /* written already: for the next spill */
    seal_and_commit(b);
    assert_int_equal(spill_step(b, 2), MR_AGAIN);
    assert_string_equal(stored(b), "a=1 b=1 c=1 d=2");
    assert_int_equal(mr_model_store_position(b->model, DIRECTORY, "rows", &position), MR_NOT_FOUND);
    assert_int_equal(spill_step(b, 2), MR_OK);
    assert_false(mr_writeback_spilling(b->table));
    assert_int_equal(mr_model_store_position(b->model, DIRECTORY, "rows", &position), MR_OK);
    assert_int_equal(position.offset, 4); /* as it was when the spill began */
    assert_memory_equal(position.topic_id, topic_id, 16);
    assert_string_equal(scan_all(b), "a=2 b=1 c=1 d=2 e=1");
}

static void a_spill_without_rows_moves_the_position(void **state) {
    bench *b = *state;
    put(b, "10/a", "1");
    seal_and_commit(b);
    mr_writeback_set_horizon(b->table, key_of(b, "10/a"));
    assert_true(mr_writeback_dirty(b->table));
    seal_and_commit(b);
    assert_int_equal(counters(b).rows_live_in_memory, 0);
    spill(b);
    wait_flushed(b, 0);
    assert_int_equal(counters(b).rows_spilled, 0);
    assert_int_equal(mr_writeback_unspilled_bytes(b->table), 0);
}

static void unspilled_bytes_fall_when_the_flush_is_done(void **state) {
    bench *b = *state;
    put(b, "a", "123");
    seal_and_commit(b);
    assert_int_equal(mr_writeback_unspilled_bytes(b->table), 4);
    spill(b);
    put(b, "b", "1");
    seal_and_commit(b);
    wait_flushed(b, 0);
    assert_int_equal(mr_writeback_unspilled_bytes(b->table), 2);
}

static void asking_for_a_spill_again_hears_of_the_flush(void **state) {
    bench *b = *state;
    put(b, "a", "123");
    seal_and_commit(b);
    spill(b);
    for (int i = 0; mr_writeback_unspilled_bytes(b->table) > 0; i++) {
        assert_true(i < 1000);
        assert_int_equal(spill_step(b, 1), MR_OK); /* nothing new: no second spill */
    }
    assert_int_equal(counters(b).spills, 1);
}

static void a_stalled_store_is_told_and_loses_nothing(void **state) {
    bench *b = *state;
    put(b, "a", "1");
    put(b, "b", "1");
    seal_and_commit(b);
    mr_model_store_set_stalls(b->model, 99);
    bool stalled = false;
    while (!stalled) {
        assert_int_equal(mr_writeback_spill_step(b->table, 1, &stalled, NULL), MR_AGAIN);
    }
    mr_model_store_set_stalls(b->model, 0);
    spill(b);
    assert_string_equal(stored(b), "a=1 b=1");
}

static void a_memory_store_counts_what_was_written_as_spilled(void **state) {
    (void)state;
    bench b = {.kind = MR_WRITEBACK_KEY_VALUE, .offset = -1};
    b.slot = (mr_store_slot){.factory = mr_store_memory_factory(),
                             .directory = DIRECTORY,
                             .families = families,
                             .families_count = 1};
    bench_open_table(&b);
    put(&b, "a", "1");
    seal_and_commit(&b);
    spill(&b);
    assert_int_equal(mr_writeback_unspilled_bytes(b.table), 0);
    assert_int_equal(mr_writeback_flushed_position(b.table), -1);
    assert_string_equal(get(&b, "a"), "1");
    bench_close(&b);
}

static void memory_is_given_back_by_a_spill(void **state) {
    bench *b = *state;
    char key[32];
    static char value[1000];
    memset(value, 'x', sizeof value - 1);
    for (int i = 0; i < 20000; i++) {
        snprintf(key, sizeof key, "key-%d", i);
        put(b, key, value);
    }
    seal_and_commit(b);
    assert_true(mr_writeback_spillable_bytes(b->table) > 20u << 20);
    spill(b);
    assert_int_equal(mr_writeback_spillable_bytes(b->table), 0);
    put(b, "key-0", "");
    seal_and_commit(b);
    assert_true(mr_writeback_spillable_bytes(b->table) < 1u << 20);
    assert_int_equal(counters(b).rows_spilled, 20000);
    assert_int_equal(counters(b).rows_live_in_memory, 1);
}

/* ---- windows ---- */

static void windows_come_in_order_of_start_then_key(void **state) {
    bench *b = *state;
    put(b, "20/a", "1");
    put(b, "10/b", "1");
    put(b, "-10/z", "1");
    seal_and_commit(b);
    spill(b);
    put(b, "10/a", "2");
    put(b, "20/b", "2");
    assert_string_equal(scan_all(b), "-10/z=1 10/a=2 10/b=1 20/a=1 20/b=2");
    assert_string_equal(scan(b, key_of(b, "10/a"), key_of(b, "20/b")), "10/b=1 20/a=1");
}

static int64_t first_start(bench *b) {
    int64_t start = -1;
    mr_status status = mr_writeback_first_start(b->table, &start, NULL);
    assert_true(status == MR_OK || status == MR_NOT_FOUND);
    return status == MR_OK ? start : -1;
}

static void the_first_start_follows_every_change(void **state) {
    bench *b = *state;
    assert_int_equal(first_start(b), -1);
    put(b, "20/a", "1");
    assert_int_equal(first_start(b), 20);
    put(b, "10/a", "1");
    assert_int_equal(first_start(b), 10);
    seal_and_commit(b);
    spill(b);
    assert_int_equal(first_start(b), 10);
    erase(b, "10/a");
    assert_int_equal(first_start(b), 20);
    mr_writeback_abort(b->table);
    assert_int_equal(first_start(b), 10);
    mr_writeback_set_horizon(b->table, key_of(b, "10/a"));
    assert_int_equal(first_start(b), 20);
    mr_writeback_set_horizon(b->table, key_of(b, "20/a"));
    assert_int_equal(first_start(b), -1);
    put(b, "20/b", "1");
    assert_int_equal(first_start(b), 20);
}

static void expired_rows_go_without_a_tombstone_once_the_horizon_is_decided(void **state) {
    bench *b = *state;
    put(b, "10/a", "1");
    put(b, "10/b", "1");
    put(b, "20/a", "1");
    seal_and_commit(b);
    edit(b, "10/a", "2");
    mr_writeback_set_horizon(b->table, key_of(b, "10/a"));
    assert_string_equal(scan_all(b), "10/b=1 20/a=1");
    assert_string_equal(get(b, "10/a"), "-");
    assert_string_equal(seal(b), ""); /* expired in its own transaction */
    mr_writeback_abort(b->table);
    assert_string_equal(scan_all(b), "10/a=1 10/b=1 20/a=1");
    mr_writeback_set_horizon(b->table, key_of(b, "10/b"));
    assert_string_equal(seal(b), "");
    commit(b);
    assert_string_equal(scan_all(b), "20/a=1");
    assert_int_equal(counters(b).rows_live_in_memory, 1);
    spill(b);
    assert_string_equal(stored(b), "20/a=1");
}

static void a_row_that_expires_during_a_spill_is_left_out(void **state) {
    bench *b = *state;
    put(b, "10/a", "1");
    put(b, "20/a", "1");
    put(b, "30/a", "1");
    seal_and_commit(b);
    assert_int_equal(spill_step(b, 1), MR_AGAIN);
    mr_writeback_set_horizon(b->table, key_of(b, "20/a"));
    seal_and_commit(b);
    spill(b);
    assert_string_equal(stored(b), "10/a=1 30/a=1");
    assert_string_equal(scan_all(b), "30/a=1");
}

static void above_the_greatest_spilled_start_the_store_is_not_asked(void **state) {
    bench *b = *state;
    put(b, "10/a", "1");
    seal_and_commit(b);
    spill(b);
    assert_string_equal(get(b, "20/a"), "-");
    edit(b, "20/a", "1");
    assert_int_equal(counters(b).store_gets, 0);
    assert_string_equal(get(b, "10/a"), "1");
    assert_string_equal(get(b, "10/b"), "-");
    assert_int_equal(counters(b).store_gets, 2);
    mr_writeback_abort(b->table);
    crash_and_restore(b, MR_MODEL_CRASH_LOSES_NONE);
    assert_string_equal(get(b, "20/a"), "-");
    assert_int_equal(counters(b).store_gets, 0);
    assert_string_equal(get(b, "10/a"), "1");
}

/* ---- restore ---- */

static void a_restore_begins_behind_the_flushed_position(void **state) {
    bench *b = *state;
    put(b, "a", "1");
    put(b, "b", "1");
    seal_and_commit(b);
    spill(b);
    wait_flushed(b, 1);
    put(b, "a", "2");
    erase(b, "b");
    assert_string_equal(seal(b), "a=2 b-");
    commit(b);
    mr_model_store_crash(b->model, MR_MODEL_CRASH_LOSES_ALL);
    mr_writeback_destroy(b->table);
    mr_store_slot_close(&b->slot);
    b->table =
        mr_writeback_create(&(mr_writeback_config){.kind = b->kind, .slot = &b->slot, .family = 0});
    int64_t position = 0;
    assert_int_equal(mr_writeback_restore_begin(b->table, topic_id, 4, &position, NULL), MR_OK);
    assert_int_equal(position, 1);
    assert_int_equal(mr_writeback_flushed_position(b->table), 1);
    assert_int_equal(
        mr_writeback_restore(b->table, mr_bytes_text("a"), mr_bytes_text("2"), 2, NULL), MR_OK);
    assert_int_equal(mr_writeback_restore(b->table, mr_bytes_text("b"), MR_BYTES_NULL, 3, NULL),
                     MR_OK);
    assert_string_equal(scan_all(b), "a=2");
    assert_int_equal(counters(b).rows_restored, 2);
    assert_int_equal(mr_writeback_unspilled_bytes(b->table), 3);
    spill(b);
    assert_string_equal(stored(b), "a=2");
}

static void a_position_that_does_not_fit_the_changelog_is_corrupt(void **state) {
    bench *b = *state;
    put(b, "a", "1");
    seal_and_commit(b);
    spill(b);
    mr_writeback_destroy(b->table);
    const uint8_t other_topic[16] = {8};
    struct {
        const uint8_t *topic;
        int64_t end;
        mr_status status;
    } cases[] = {{other_topic, 1, MR_CORRUPT}, {topic_id, 0, MR_CORRUPT}, {topic_id, 1, MR_OK}};
    for (size_t i = 0; i < 3; i++) {
        b->table = mr_writeback_create(
            &(mr_writeback_config){.kind = b->kind, .slot = &b->slot, .family = 0});
        int64_t position = 0;
        mr_err err = {0};
        assert_int_equal(
            mr_writeback_restore_begin(b->table, cases[i].topic, cases[i].end, &position, &err),
            cases[i].status);
        assert_int_equal(strlen(err.message) > 0, cases[i].status != MR_OK);
        if (i < 2) {
            mr_writeback_destroy(b->table);
        }
    }
}

static void a_position_of_another_leader_epoch_is_corrupt(void **state) {
    bench *b = *state;
    put(b, "a", "1");
    seal_and_commit(b);
    spill(b);
    mr_changelog_position position = {.leader_epoch = 1, .offset = b->offset};
    memcpy(position.topic_id, topic_id, sizeof topic_id);
    const mr_family rows = 0;
    mr_store_batch batch = {
        .position_families = &rows, .positions = &position, .positions_count = 1};
    assert_int_equal(mr_store_write_batch(b->slot.store, &batch, NULL), MR_OK);
    mr_writeback_destroy(b->table);
    b->table = mr_writeback_create(&(mr_writeback_config){.kind = b->kind, .slot = &b->slot});
    int64_t from = 0;
    assert_int_equal(mr_writeback_restore_begin(b->table, topic_id, b->offset + 1, &from, NULL),
                     MR_CORRUPT);
}

static void a_restore_leaves_out_what_has_expired(void **state) {
    bench *b = *state;
    mr_writeback_restore_horizon(b->table, key_of(b, "10/b"));
    const char *const keys[] = {"10/a", "10/b", "10/c", "20/a"};
    for (int64_t i = 0; i < 4; i++) {
        assert_int_equal(
            mr_writeback_restore(b->table, key_of(b, keys[i]), mr_bytes_text("1"), i, NULL), MR_OK);
    }
    assert_string_equal(scan_all(b), "10/c=1 20/a=1");
    assert_int_equal(counters(b).rows_live_in_memory, 2);
    assert_int_equal(counters(b).rows_restored, 4);
    assert_int_equal(first_start(b), 10);
    assert_int_equal(
        mr_writeback_restore(b->table, mr_bytes_text("short"), mr_bytes_text("1"), 5, NULL),
        MR_CORRUPT);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_ROWS(an_abort_brings_the_committed_rows_back),
        WITH_ROWS(writing_goes_on_while_a_transaction_is_sealed),
        WITH_ROWS(a_row_touched_often_is_one_change),
        WITH_ROWS(empty_keys_and_values_are_rows),
        WITH_ROWS(a_row_born_and_dead_in_memory_reaches_neither_changelog_nor_store),
        WITH_ROWS(a_spill_writes_committed_images_only),
        WITH_ROWS(a_delete_masks_the_stored_row_until_it_is_spilled_too),
        WITH_ROWS(the_position_comes_with_the_last_chunk),
        WITH_WINDOWS(a_spill_without_rows_moves_the_position),
        WITH_ROWS(unspilled_bytes_fall_when_the_flush_is_done),
        WITH_ROWS(asking_for_a_spill_again_hears_of_the_flush),
        WITH_ROWS(a_stalled_store_is_told_and_loses_nothing),
        cmocka_unit_test(a_memory_store_counts_what_was_written_as_spilled),
        WITH_ROWS(memory_is_given_back_by_a_spill),
        WITH_WINDOWS(windows_come_in_order_of_start_then_key),
        WITH_WINDOWS(the_first_start_follows_every_change),
        WITH_WINDOWS(expired_rows_go_without_a_tombstone_once_the_horizon_is_decided),
        WITH_WINDOWS(a_row_that_expires_during_a_spill_is_left_out),
        WITH_WINDOWS(above_the_greatest_spilled_start_the_store_is_not_asked),
        WITH_ROWS(a_restore_begins_behind_the_flushed_position),
        WITH_ROWS(a_position_that_does_not_fit_the_changelog_is_corrupt),
        WITH_ROWS(a_position_of_another_leader_epoch_is_corrupt),
        WITH_WINDOWS(a_restore_leaves_out_what_has_expired),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
