/* The simulated disk: what fails, what is full, what is answered. */
#include "tests/unit/sim_disk_fixture.h"

/* ---- faults ---- */

static void a_failed_sync_shows_its_bytes_until_the_power_goes(void **state) {
    (void)state;
    mr_file *file = durable_file("a", "1");
    write_text(file, 1, "2");
    mr_sim_disk_set_faults(sim, &(mr_sim_faults){.sync_fails_at = 1});
    mr_err err;
    assert_int_equal(mr_disk_sync(file, &err), MR_UNAVAILABLE);
    assert_string_equal(err.message, "cannot sync: Input/output error");
    OK(mr_disk_sync(file, NULL)); /* claims success */
    assert_content("a", "12");
    assert_int_equal(mr_sim_disk_faults_fired(sim), 1);
    mr_file_close(file);
    crash(MR_SIM_KEEP_ALL, 0);
    assert_content("a", "1");
}

static void a_failed_sync_of_a_directory_forgets_its_names(void **state) {
    (void)state;
    mr_file_close(open_file("a"));
    mr_sim_disk_set_faults(sim, &(mr_sim_faults){.sync_fails_at = 1});
    assert_int_equal(mr_disk_sync_dir(disk, "", NULL), MR_UNAVAILABLE);
    OK(mr_disk_sync_dir(disk, "", NULL));
    assert_content("a", "");
    crash(MR_SIM_KEEP_ALL, 0);
    assert_content("a", NULL);
}

static void reads_and_writes_fail_once_where_told(void **state) {
    (void)state;
    mr_file *file = durable_file("a", "1");
    mr_sim_disk_set_faults(sim, &(mr_sim_faults){.read_fails_at = 2, .write_fails_at = 1});
    char byte;
    size_t got;
    OK(mr_disk_read_full(file, &byte, 1, 0, &got, NULL));
    mr_err err;
    assert_int_equal(mr_disk_read_full(file, &byte, 1, 0, &got, &err), MR_UNAVAILABLE);
    assert_string_equal(err.message, "cannot read: Input/output error");
    OK(mr_disk_read_full(file, &byte, 1, 0, &got, NULL));
    assert_int_equal(mr_disk_write_full(file, "2", 1, 0, NULL), MR_UNAVAILABLE);
    assert_content("a", "1");
    write_text(file, 0, "2");
    assert_content("a", "2");
    mr_file_close(file);
}

static void short_counts_are_passed_on_and_worked_off(void **state) {
    (void)state;
    mr_sim_disk_set_faults(sim, &(mr_sim_faults){.short_io_percent = 100});
    mr_file *file = open_file("a");
    size_t put;
    OK(file->disk->ops->pwrite(file, "0123456789", 10, 0, &put, NULL));
    assert_in_range(put, 1, 9);
    write_text(file, 0, "0123456789");
    char text[11] = {0};
    size_t got;
    OK(mr_disk_read_full(file, text, 10, 0, &got, NULL));
    assert_string_equal(text, "0123456789");
    assert_true(mr_sim_disk_unsynced(sim) > 3);
    mr_file_close(file);
}

static void a_flipped_bit_stays(void **state) {
    (void)state;
    mr_file_close(durable_file("a", "abc"));
    OK(mr_sim_disk_flip_bit(sim, "a", 1, 0));
    assert_content("a", "acc");
    crash(MR_SIM_LOSE_ALL, 0);
    assert_content("a", "acc");
    assert_int_equal(mr_sim_disk_flip_bit(sim, "a", 3, 0), MR_NOT_FOUND);
    assert_int_equal(mr_sim_disk_flip_bit(sim, "b", 0, 0), MR_NOT_FOUND);
}

/* ---- space ---- */

static void a_full_disk_takes_what_fits_and_then_nothing(void **state) {
    (void)state;
    mr_sim_disk_set_capacity(sim, 10);
    mr_file *file = open_file("a");
    mr_err err;
    assert_int_equal(mr_disk_write_full(file, "0123456789ab", 12, 0, &err), MR_FULL);
    assert_string_equal(err.message, "cannot write: No space left on device");
    assert_content("a", "0123456789");
    write_text(file, 2, "xx"); /* in place: needs no space */
    OK(mr_disk_truncate(file, 4, NULL));
    assert_int_equal(mr_sim_disk_used_bytes(sim), 4);
    write_text(file, 4, "456789");
    mr_file_close(file);
    OK(mr_disk_remove(disk, "a", NULL));
    assert_int_equal(mr_sim_disk_used_bytes(sim), 0);
}

static void reserved_space_is_there_when_the_disk_is_full(void **state) {
    (void)state;
    mr_sim_disk_set_capacity(sim, 10);
    mr_file *kept = open_file("kept");
    mr_file *greedy = open_file("greedy");
    OK(mr_disk_allocate(kept, 0, 4, NULL));
    assert_int_equal(mr_disk_allocate(kept, 0, 11, NULL), MR_FULL);
    mr_disk_info info;
    OK(mr_disk_info_get(disk, "kept", &info, NULL));
    assert_int_equal(info.size_bytes, 0);
    assert_int_equal(mr_disk_write_full(greedy, "0123456789", 10, 0, NULL), MR_FULL);
    assert_content("greedy", "012345");
    write_text(kept, 0, "1234");
    assert_int_equal(mr_disk_write_full(kept, "5", 1, 4, NULL), MR_FULL);
    mr_sim_disk_set_capacity(sim, 11);
    write_text(kept, 4, "5");
    mr_file_close(kept);
    mr_file_close(greedy);
}

static void a_reservation_survives_only_if_synced(void **state) {
    (void)state;
    mr_file *file = durable_file("a", "1");
    OK(mr_disk_allocate(file, 0, 100, NULL));
    OK(mr_disk_sync(file, NULL));
    OK(mr_disk_allocate(file, 0, 200, NULL));
    assert_int_equal(mr_sim_disk_used_bytes(sim), 200);
    OK(mr_disk_truncate(file, 1, NULL)); /* gives back what was reserved behind it */
    assert_int_equal(mr_sim_disk_used_bytes(sim), 1);
    mr_file_close(file);
    crash(MR_SIM_LOSE_ALL, 0);
    assert_int_equal(mr_sim_disk_used_bytes(sim), 100);
}

static void a_removed_file_keeps_its_space_while_it_is_open(void **state) {
    (void)state;
    mr_file *file = durable_file("a", "12345");
    OK(mr_disk_remove(disk, "a", NULL));
    assert_int_equal(mr_sim_disk_used_bytes(sim), 5);
    char text[6] = {0};
    size_t got;
    OK(mr_disk_read_full(file, text, 5, 0, &got, NULL));
    assert_string_equal(text, "12345");
    mr_file_close(file);
    assert_int_equal(mr_sim_disk_used_bytes(sim), 0);
}

/* ---- the interface's answers ---- */

static void names_are_checked_and_missing_ones_told(void **state) {
    (void)state;
    static const char *const bad[] = {"/a", "a/", "a//b", ".", "..", "a/../b", "./a"};
    mr_file *file;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(mr_disk_open(disk, bad[i], MR_DISK_CREATE, &file, NULL), MR_INVALID);
    }
    assert_int_equal(mr_disk_open(disk, "a", MR_DISK_READ, &file, NULL), MR_NOT_FOUND);
    assert_int_equal(mr_disk_open(disk, "a", MR_DISK_WRITE, &file, NULL), MR_NOT_FOUND);
    assert_int_equal(mr_disk_open(disk, "d/a", MR_DISK_CREATE, &file, NULL), MR_NOT_FOUND);
    assert_int_equal(mr_disk_remove(disk, "a", NULL), MR_NOT_FOUND);
    mr_file_close(durable_file("a", "1"));
    assert_int_equal(mr_disk_open(disk, "a", MR_DISK_CREATE_NEW, &file, NULL), MR_EXISTS);
    assert_int_equal(mr_disk_open(disk, "a/b", MR_DISK_CREATE, &file, NULL), MR_INVALID);
    assert_int_equal(mr_disk_make_dir(disk, "a", NULL), MR_INVALID);
    OK(mr_disk_make_dir(disk, "d", NULL));
    OK(mr_disk_make_dir(disk, "d", NULL));
    assert_int_equal(mr_disk_open(disk, "d", MR_DISK_READ, &file, NULL), MR_INVALID);
    assert_int_equal(mr_disk_rename(disk, "a", "a", MR_DISK_KEEP, NULL), MR_EXISTS);
    mr_file_close(durable_file("d/x", "1"));
    assert_int_equal(mr_disk_rename(disk, "a", "d/x", MR_DISK_KEEP, NULL), MR_EXISTS);
    assert_int_equal(mr_disk_remove(disk, "d", NULL), MR_INVALID);
    OK(mr_disk_remove_tree(disk, "d", NULL));
    assert_int_equal(mr_disk_remove(disk, "d", NULL), MR_NOT_FOUND);
}

static mr_status put_name(void *arg, const char *name) {
    mr_buf_printf(arg, "%s,", name);
    return MR_OK;
}

static void a_directory_is_listed_by_byte(void **state) {
    (void)state;
    mr_file_close(open_file("b"));
    mr_file_close(open_file("a"));
    mr_file_close(open_file("B"));
    OK(mr_disk_make_dir(disk, "ab/c", NULL));
    mr_file_close(open_file("ab/c/d"));
    mr_buf names = {0};
    OK(mr_disk_list(disk, "", put_name, &names, NULL));
    assert_string_equal(mr_buf_cstr(&names), "B,a,ab,b,");
    mr_buf_clear(&names);
    mr_sim_disk_paths(sim, MR_SIM_CURRENT, &names);
    assert_int_equal(names.len, 13);
    assert_memory_equal(names.data, "B\0a\0ab/c/d\0b\0", 13);
    mr_buf_clear(&names);
    mr_sim_disk_paths(sim, MR_SIM_DURABLE, &names);
    assert_int_equal(names.len, 0);
    mr_buf_deinit(&names);
}

static void an_identity_belongs_to_one_file(void **state) {
    (void)state;
    mr_disk_info first;
    mr_disk_info second;
    mr_file_close(open_file("a"));
    OK(mr_disk_info_get(disk, "a", &first, NULL));
    OK(mr_disk_rename(disk, "a", "b", MR_DISK_KEEP, NULL));
    OK(mr_disk_info_get(disk, "b", &second, NULL));
    assert_memory_equal(first.identity, second.identity, sizeof first.identity);
    OK(mr_disk_remove(disk, "b", NULL));
    mr_file_close(open_file("a"));
    OK(mr_disk_info_get(disk, "a", &second, NULL));
    assert_memory_not_equal(first.identity, second.identity, sizeof first.identity);
    assert_false(second.is_dir);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_failed_sync_shows_its_bytes_until_the_power_goes),
        TEST(a_failed_sync_of_a_directory_forgets_its_names),
        TEST(reads_and_writes_fail_once_where_told),
        TEST(short_counts_are_passed_on_and_worked_off),
        TEST(a_flipped_bit_stays),
        TEST(a_full_disk_takes_what_fits_and_then_nothing),
        TEST(reserved_space_is_there_when_the_disk_is_full),
        TEST(a_reservation_survives_only_if_synced),
        TEST(a_removed_file_keeps_its_space_while_it_is_open),
        TEST(names_are_checked_and_missing_ones_told),
        TEST(a_directory_is_listed_by_byte),
        TEST(an_identity_belongs_to_one_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
