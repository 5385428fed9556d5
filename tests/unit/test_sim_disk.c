/* The simulated disk: what is durable, what a crash may leave, where it stops. */
#include "runtime/base/prng.h"
#include "tests/unit/sim_disk_fixture.h"

/* ---- what is durable ---- */

static void written_bytes_are_seen_at_once(void **state) {
    (void)state;
    mr_file *file = open_file("a");
    write_text(file, 0, "hello");
    write_text(file, 3, "p!");
    char text[16] = {0};
    size_t got;
    OK(mr_disk_read_full(file, text, sizeof text, 0, &got, NULL));
    assert_int_equal(got, 5);
    assert_string_equal(text, "help!");
    OK(mr_disk_read_full(file, text, sizeof text, 9, &got, NULL));
    assert_int_equal(got, 0);
    mr_file_close(file);
    assert_describes(".: add name a\na: write [0, 5)\na: write [3, 5)\n");
}

static void what_was_synced_survives_and_nothing_else(void **state) {
    (void)state;
    mr_file *file = durable_file("a", "kept");
    write_text(file, 4, " lost");
    mr_file_close(file);
    mr_file_close(open_file("b"));
    crash(MR_SIM_LOSE_ALL, 0);
    assert_content("a", "kept");
    assert_content("b", NULL);
    assert_int_equal(mr_sim_disk_unsynced(sim), 0);
}

static void synced_bytes_without_a_synced_name_are_gone(void **state) {
    (void)state;
    mr_file *file = open_file("a");
    write_text(file, 0, "bytes");
    OK(mr_disk_sync(file, NULL));
    mr_file_close(file);
    crash(MR_SIM_LOSE_ALL, 0);
    assert_content("a", NULL);
}

static void a_synced_name_without_synced_bytes_is_an_empty_file(void **state) {
    (void)state;
    mr_file *file = open_file("a");
    write_text(file, 0, "bytes");
    OK(mr_disk_sync_dir(disk, "", NULL));
    mr_file_close(file);
    crash(MR_SIM_LOSE_ALL, 0);
    assert_content("a", "");
}

static void a_directory_needs_its_parents_sync(void **state) {
    (void)state;
    OK(mr_disk_make_dir(disk, "d/e", NULL));
    mr_file *file = open_file("d/e/f");
    write_text(file, 0, "x");
    OK(mr_disk_sync(file, NULL));
    mr_file_close(file);
    OK(mr_disk_sync_dir(disk, "d/e", NULL));
    OK(mr_disk_sync_dir(disk, "", NULL));
    mr_sim_disk *other = mr_sim_disk_clone(sim);
    mr_sim_disk_crash(other, (mr_sim_crash){MR_SIM_LOSE_ALL, 0});
    assert_false(has(other, "d/e/f"));
    mr_sim_disk_destroy(other);
    OK(mr_disk_sync_dir(disk, "d", NULL));
    crash(MR_SIM_LOSE_ALL, 0);
    assert_content("d/e/f", "x");
}

static void a_truncation_is_durable_by_the_files_sync(void **state) {
    (void)state;
    mr_file *file = durable_file("a", "123456789");
    OK(mr_disk_truncate(file, 4, NULL));
    mr_file_close(file);
    assert_content("a", "1234");
    crash(MR_SIM_LOSE_ALL, 0);
    assert_content("a", "123456789");
    file = open_file("a");
    OK(mr_disk_truncate(file, 4, NULL));
    OK(mr_disk_sync(file, NULL));
    mr_file_close(file);
    crash(MR_SIM_LOSE_ALL, 0);
    assert_content("a", "1234");
}

static void a_rename_within_a_directory_is_never_half(void **state) {
    (void)state;
    mr_file_close(durable_file("new", "2"));
    mr_file_close(durable_file("name", "1"));
    OK(mr_disk_rename(disk, "new", "name", MR_DISK_REPLACE, NULL));
    assert_int_equal(mr_sim_disk_unsynced(sim), 1);
    mr_sim_disk *other = mr_sim_disk_clone(sim);
    crash(MR_SIM_LOSE_ALL, 0);
    assert_content("name", "1");
    assert_content("new", "2");
    mr_sim_disk_destroy(sim);
    sim = other;
    crash(MR_SIM_KEEP_ALL, 0);
    assert_content("name", "2");
    assert_content("new", NULL);
}

static void a_rename_across_directories_needs_both_syncs(void **state) {
    (void)state;
    OK(mr_disk_make_dir(disk, "d", NULL));
    OK(mr_disk_sync_dir(disk, "", NULL));
    mr_file_close(durable_file("a", "1"));
    OK(mr_disk_rename(disk, "a", "d/a", MR_DISK_KEEP, NULL));
    mr_sim_disk *other = mr_sim_disk_clone(sim);
    mr_sim_disk_crash(other, (mr_sim_crash){MR_SIM_SUBSET, 2}); /* only the old name's going */
    assert_false(has(other, "a"));
    assert_false(has(other, "d/a"));
    mr_sim_disk_destroy(other);
    crash(MR_SIM_SUBSET, 1); /* only the new name's coming: both names of one file */
    assert_content("a", "1");
    assert_content("d/a", "1");
}

static void a_removed_file_comes_back_unless_its_directory_was_synced(void **state) {
    (void)state;
    mr_file_close(durable_file("a", "1"));
    OK(mr_disk_remove(disk, "a", NULL));
    assert_content("a", NULL);
    crash(MR_SIM_LOSE_ALL, 0);
    assert_content("a", "1");
    OK(mr_disk_remove(disk, "a", NULL));
    OK(mr_disk_sync_dir(disk, "", NULL));
    crash(MR_SIM_LOSE_ALL, 0);
    assert_content("a", NULL);
}

static void a_killed_process_loses_nothing_until_the_power_goes(void **state) {
    (void)state;
    mr_file *file = durable_file("a", "1");
    write_text(file, 1, "2");
    crash(MR_SIM_PROC_KILL, 0);
    assert_content("a", "12");
    assert_int_equal(mr_sim_disk_unsynced(sim), 1);
    mr_file_close(file);
    crash(MR_SIM_LOSE_ALL, 0);
    assert_content("a", "1");
}

/* ---- crashes ---- */

static void unsynced_writes_survive_in_any_subset(void **state) {
    (void)state;
    static const char *const expected[8] = {
        "0000", "A000", "0B00", "AB00", "00C0", "A0C0", "0BC0", "ABC0",
    };
    mr_file *files[4];
    const char *names[4] = {"w", "x", "y", "z"};
    for (int i = 0; i < 4; i++) {
        files[i] = durable_file(names[i], "0");
    }
    write_text(files[0], 0, "A");
    write_text(files[1], 0, "B");
    write_text(files[2], 0, "C");
    for (int i = 0; i < 4; i++) {
        mr_file_close(files[i]);
    }
    /* 8 subsets, and 3 tears of each write. */
    assert_int_equal(mr_sim_disk_crash_variants(sim), 8 + 9);
    for (uint64_t variant = 0; variant < 8; variant++) {
        mr_sim_disk *other = mr_sim_disk_clone(sim);
        mr_sim_disk_crash(other, (mr_sim_crash){MR_SIM_VARIANT, variant});
        mr_buf text = {0};
        for (int i = 0; i < 4; i++) {
            OK(mr_sim_disk_content(other, MR_SIM_CURRENT, names[i], &text));
        }
        assert_string_equal(mr_buf_cstr(&text), expected[variant]);
        mr_buf_deinit(&text);
        mr_sim_disk_destroy(other);
    }
}

/* 1100 bytes appended to 100: sectors [0, 512), [512, 1024), [1024, 1200). */
static void a_torn_write_ends_at_a_border_within_a_sector_or_in_zeros(void **state) {
    (void)state;
    char old[101];
    memset(old, 'o', 100);
    old[100] = '\0';
    char text[1101];
    memset(text, 'n', 1100);
    text[1100] = '\0';
    mr_file *file = durable_file("a", old);
    write_text(file, 100, text);
    mr_file_close(file);
    assert_int_equal(mr_sim_disk_crash_variants(sim), 2 + 3);
    static const struct {
        size_t size;
        size_t new_bytes;
    } expected[] = {{100, 0}, {1200, 1100}, {512, 412}, {650, 550}, {1200, 0}};
    for (uint64_t variant = 0; variant < 5; variant++) {
        mr_sim_disk *other = mr_sim_disk_clone(sim);
        mr_sim_disk_crash(other, (mr_sim_crash){MR_SIM_VARIANT, variant});
        mr_buf content = {0};
        OK(mr_sim_disk_content(other, MR_SIM_DURABLE, "a", &content));
        assert_int_equal(content.len, expected[variant].size);
        for (size_t i = 0; i < content.len; i++) {
            char wanted = i < 100 ? 'o' : i < 100 + expected[variant].new_bytes ? 'n' : '\0';
            assert_int_equal(content.data[i], wanted);
        }
        mr_buf_deinit(&content);
        mr_sim_disk_destroy(other);
    }
}

static void a_later_sector_may_survive_an_earlier_one(void **state) {
    (void)state;
    mr_file *file = durable_file("a", "");
    char sector[MR_SIM_SECTOR_BYTES + 1];
    memset(sector, 'x', MR_SIM_SECTOR_BYTES);
    sector[MR_SIM_SECTOR_BYTES] = '\0';
    write_text(file, 0, sector);
    write_text(file, MR_SIM_SECTOR_BYTES, "tail");
    mr_file_close(file);
    crash(MR_SIM_SUBSET, 2);
    mr_buf content = {0};
    OK(mr_sim_disk_content(sim, MR_SIM_CURRENT, "a", &content));
    assert_int_equal(content.len, MR_SIM_SECTOR_BYTES + 4);
    assert_int_equal(content.data[0], 0);
    assert_memory_equal(content.data + MR_SIM_SECTOR_BYTES, "tail", 4);
    mr_buf_deinit(&content);
}

static void many_changes_are_tried_in_a_bounded_spread(void **state) {
    (void)state;
    mr_file *file = durable_file("a", "");
    for (uint64_t i = 0; i < 1000; i++) {
        write_text(file, i, "x");
    }
    mr_file_close(file);
    uint64_t variants = mr_sim_disk_crash_variants(sim);
    assert_int_equal(variants, 2 + 3 * 64 + 8 + 3 * 64);
    mr_sim_disk *none = mr_sim_disk_clone(sim);
    mr_sim_disk_crash(none, (mr_sim_crash){MR_SIM_VARIANT, 0});
    mr_sim_disk *all = mr_sim_disk_clone(sim);
    mr_sim_disk_crash(all, (mr_sim_crash){MR_SIM_VARIANT, 1});
    mr_sim_disk *last = mr_sim_disk_clone(sim);
    mr_sim_disk_crash(last, (mr_sim_crash){MR_SIM_VARIANT, variants - 1});
    mr_buf content = {0};
    OK(mr_sim_disk_content(none, MR_SIM_CURRENT, "a", &content));
    assert_int_equal(content.len, 0);
    OK(mr_sim_disk_content(all, MR_SIM_CURRENT, "a", &content));
    assert_int_equal(content.len, 1000);
    mr_buf_deinit(&content);
    mr_sim_disk_destroy(none);
    mr_sim_disk_destroy(all);
    mr_sim_disk_destroy(last);
}

static void every_variant_is_possible_and_single_losses_are_single(void **state) {
    (void)state;
    char names[9][2] = {"a", "b", "c", "d", "e", "f", "g", "h", "i"};
    for (int i = 0; i < 9; i++) {
        mr_file_close(durable_file(names[i], "0"));
    }
    for (int i = 0; i < 9; i++) {
        OK(mr_disk_remove(disk, names[i], NULL));
    }
    uint64_t variants = mr_sim_disk_crash_variants(sim);
    assert_int_equal(variants, 2 + 27 + 8);
    for (uint64_t variant = 0; variant < variants - 8; variant++) {
        mr_sim_disk *other = mr_sim_disk_clone(sim);
        mr_sim_disk_crash(other, (mr_sim_crash){MR_SIM_VARIANT, variant});
        for (uint64_t i = 0; i < 9; i++) {
            uint64_t place = (variant - 2) % 9;
            bool removed = variant == 1;
            if (variant >= 2) {
                uint64_t kind = (variant - 2) / 9;
                removed = kind == 0 ? i != place : kind == 1 ? i == place : i <= place;
            }
            assert_int_equal(has(other, names[i]), !removed);
        }
        mr_sim_disk_destroy(other);
    }
}

static void the_same_seed_crashes_alike_and_another_one_otherwise(void **state) {
    (void)state;
    mr_file *file = durable_file("a", "");
    char text[4001];
    memset(text, 'y', 4000);
    text[4000] = '\0';
    for (uint64_t i = 0; i < 20; i++) {
        write_text(file, i * 3000, text);
    }
    mr_file_close(file);
    uint64_t hashes[20];
    size_t different = 0;
    for (uint64_t seed = 0; seed < 20; seed++) {
        for (int again = 0; again < 2; again++) {
            mr_sim_disk *other = mr_sim_disk_clone(sim);
            mr_sim_disk_crash(other, (mr_sim_crash){MR_SIM_RANDOM, seed});
            uint64_t hash = mr_sim_disk_hash(other, MR_SIM_CURRENT);
            assert_int_equal(hash, mr_sim_disk_hash(other, MR_SIM_DURABLE));
            assert_true(again == 0 || hashes[seed] == hash);
            hashes[seed] = hash;
            mr_sim_disk_destroy(other);
        }
        different += seed > 0 && hashes[seed] != hashes[seed - 1];
    }
    assert_true(different > 10);
}

/* Three sectors written behind an empty end: each kept, gone, cut, zeros, or garbage. */
static void random_crashes_tear_hollow_and_leave_garbage(void **state) {
    (void)state;
    mr_file *file = durable_file("a", "");
    char text[3 * MR_SIM_SECTOR_BYTES + 1];
    memset(text, 'y', sizeof text);
    text[sizeof text - 1] = '\0';
    write_text(file, 0, text);
    mr_file_close(file);
    int torn = 0;
    int hollow = 0;
    int garbage = 0;
    for (uint64_t seed = 0; seed < 400; seed++) {
        mr_sim_disk *other = mr_sim_disk_clone(sim);
        mr_sim_disk_crash(other, (mr_sim_crash){MR_SIM_RANDOM, seed});
        mr_buf content = {0};
        OK(mr_sim_disk_content(other, MR_SIM_CURRENT, "a", &content));
        torn += content.len % MR_SIM_SECTOR_BYTES != 0;
        if (content.len > 2) {
            const uint8_t *last = content.data + content.len - 2;
            hollow += last[0] == 0 && last[1] == 0;
            garbage += last[0] != 0 && last[0] != 'y' && last[1] != 0 && last[1] != 'y';
        }
        mr_buf_deinit(&content);
        mr_sim_disk_destroy(other);
    }
    assert_true(torn > 0);
    assert_true(hollow > 0);
    assert_true(garbage > 0);
}

static void handles_and_locks_from_before_a_crash_are_dead(void **state) {
    (void)state;
    mr_file *file = durable_file("a", "1");
    mr_file *lock;
    mr_file *second;
    mr_err err;
    OK(mr_disk_lock(disk, "LOCK", &lock, NULL));
    assert_int_equal(mr_disk_lock(disk, "LOCK", &second, &err), MR_FENCED);
    assert_string_equal(err.message, "LOCK is held by process 1");
    crash(MR_SIM_LOSE_ALL, 0);
    assert_int_equal(mr_disk_sync(file, NULL), MR_UNAVAILABLE);
    assert_int_equal(mr_sim_disk_handles(sim), 2);
    OK(mr_disk_lock(disk, "LOCK", &second, NULL));
    mr_disk_unlock(lock); /* of before: frees nothing of now */
    mr_file *third;
    assert_int_equal(mr_disk_lock(disk, "LOCK", &third, NULL), MR_FENCED);
    mr_disk_unlock(second);
    OK(mr_disk_lock(disk, "LOCK", &third, NULL));
    crash(MR_SIM_PROC_KILL, 0);
    mr_disk_unlock(third);
    OK(mr_disk_lock(disk, "LOCK", &third, NULL));
    mr_disk_unlock(third);
    mr_file_close(file);
    assert_int_equal(mr_sim_disk_handles(sim), 0);
}

/* ---- stopping ---- */

/* Mutations: create 0, write 1, sync 2, sync_dir 3. */
static mr_status script(mr_disk *of) {
    mr_file *file;
    mr_status status = mr_disk_open(of, "a", MR_DISK_CREATE, &file, NULL);
    if (status != MR_OK) {
        return status;
    }
    status = mr_disk_write_full(file, "text", 4, 0, NULL);
    if (status == MR_OK) {
        status = mr_disk_sync(file, NULL);
    }
    mr_file_close(file);
    return status == MR_OK ? mr_disk_sync_dir(of, "", NULL) : status;
}

static void power_goes_at_every_operation_of_a_script(void **state) {
    (void)state;
    static const char *const unsynced[] = {
        ".: add name a\n",
        ".: add name a\na: write [0, 4)\n",
        ".: add name a\na: write [0, 4)\n",
        ".: add name a\n",
        "",
    };
    for (uint64_t stop = 0; stop <= 4; stop++) {
        mr_sim_disk_destroy(sim);
        sim = mr_sim_disk_create(1, 0);
        mr_sim_disk_stop_at(sim, stop);
        assert_int_equal(script(mr_sim_disk_disk(sim)), stop < 4 ? MR_UNAVAILABLE : MR_OK);
        assert_int_equal(mr_sim_disk_is_off(sim), stop < 4);
        assert_int_equal(mr_sim_disk_handles(sim), 0);
        assert_describes(unsynced[stop]);
        mr_disk_info info;
        assert_int_equal(mr_disk_info_get(mr_sim_disk_disk(sim), "", &info, NULL),
                         stop < 4 ? MR_UNAVAILABLE : MR_OK);
        crash(MR_SIM_LOSE_ALL, 0);
        assert_content("a", stop < 4 ? NULL : "text");
        OK(script(mr_sim_disk_disk(sim)));
    }
}

static void mutations_and_reads_are_counted_apart(void **state) {
    (void)state;
    OK(script(disk));
    assert_int_equal(mr_sim_disk_mutations(sim), 4);
    assert_int_equal(mr_sim_disk_reads(sim), 0);
    mr_buf content = {0};
    OK(mr_disk_read_file(disk, "a", 100, &content, NULL)); /* open, read, read to the end */
    mr_buf_deinit(&content);
    assert_int_equal(mr_sim_disk_mutations(sim), 4);
    assert_int_equal(mr_sim_disk_reads(sim), 3);
    OK(mr_disk_make_dir(disk, "d/e", NULL));
    assert_int_equal(mr_sim_disk_mutations(sim), 6);
}

static void a_clone_goes_its_own_way(void **state) {
    (void)state;
    mr_file *file = durable_file("a", "1");
    mr_sim_disk *other = mr_sim_disk_clone(sim);
    write_text(file, 0, "2");
    OK(mr_disk_sync(file, NULL));
    mr_file_close(file);
    mr_file *theirs;
    OK(mr_disk_open(mr_sim_disk_disk(other), "a", MR_DISK_WRITE, &theirs, NULL));
    OK(mr_disk_write_full(theirs, "333", 3, 0, NULL));
    mr_file_close(theirs);
    assert_content("a", "2");
    assert_int_not_equal(mr_sim_disk_hash(sim, MR_SIM_CURRENT),
                         mr_sim_disk_hash(other, MR_SIM_CURRENT));
    mr_sim_disk_crash(other, (mr_sim_crash){MR_SIM_LOSE_ALL, 0});
    mr_sim_disk_destroy(sim);
    sim = other;
    assert_content("a", "1");
}

/* ---- against a model: every byte that a crash leaves was written there, or is zero ---- */

static void random_scripts_leave_only_what_was_written(void **state) {
    (void)state;
    mr_prng prng = mr_prng_seeded(5);
    uint64_t crashes = 0;
    for (int round = 0; round < 60; round++) {
        mr_sim_disk_destroy(sim);
        sim = mr_sim_disk_create((uint64_t)round, 0);
        disk = mr_sim_disk_disk(sim);
        mr_file *file = durable_file("f", "");
        uint8_t synced[4096] = {0};
        uint64_t synced_len = 0;
        uint8_t current[4096] = {0};
        uint64_t current_len = 0;
        for (int step = 0; step < 12; step++) {
            if (mr_prng_below(&prng, 4) == 0) {
                OK(mr_disk_sync(file, NULL));
                memcpy(synced, current, sizeof synced);
                synced_len = current_len;
                continue;
            }
            uint8_t bytes[900];
            size_t len = 1 + (size_t)mr_prng_below(&prng, sizeof bytes);
            uint64_t at = mr_prng_below(&prng, sizeof current - len);
            memset(bytes, (int)('a' + step), len);
            OK(mr_disk_write_full(file, bytes, len, at, NULL));
            memcpy(current + at, bytes, len);
            current_len = at + len > current_len ? at + len : current_len;
        }
        mr_file_close(file);
        uint64_t variants = mr_sim_disk_crash_variants(sim);
        for (uint64_t variant = 0; variant < variants; variant++) {
            mr_sim_disk *other = mr_sim_disk_clone(sim);
            mr_sim_disk_crash(other, (mr_sim_crash){MR_SIM_VARIANT, variant});
            mr_buf content = {0};
            OK(mr_sim_disk_content(other, MR_SIM_CURRENT, "f", &content));
            assert_true(content.len >= synced_len && content.len <= current_len);
            if (variant == 0) {
                assert_int_equal(content.len, synced_len);
                assert_memory_equal(content.data, synced, synced_len);
            }
            mr_buf_deinit(&content);
            mr_sim_disk_destroy(other);
            crashes++;
        }
        crash(MR_SIM_KEEP_ALL, 0);
        mr_buf content = {0};
        OK(mr_sim_disk_content(sim, MR_SIM_CURRENT, "f", &content));
        assert_int_equal(content.len, current_len);
        assert_memory_equal(content.data, current, current_len);
        mr_buf_deinit(&content);
    }
    assert_true(crashes > 1000);
}

static void files_removed_for_good_leave_nothing(void **state) {
    (void)state;
    for (int i = 0; i < 5000; i++) {
        mr_file *file = open_file("a");
        write_text(file, 0, "x");
        mr_file_close(file);
        OK(mr_disk_remove(disk, "a", NULL));
        OK(mr_disk_sync_dir(disk, "", NULL));
    }
    assert_int_equal(mr_sim_disk_used_bytes(sim), 0);
    assert_int_equal(mr_sim_disk_unsynced(sim), 0); /* nothing that a crash could decide about */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(written_bytes_are_seen_at_once),
        TEST(what_was_synced_survives_and_nothing_else),
        TEST(synced_bytes_without_a_synced_name_are_gone),
        TEST(a_synced_name_without_synced_bytes_is_an_empty_file),
        TEST(a_directory_needs_its_parents_sync),
        TEST(a_truncation_is_durable_by_the_files_sync),
        TEST(a_rename_within_a_directory_is_never_half),
        TEST(a_rename_across_directories_needs_both_syncs),
        TEST(a_removed_file_comes_back_unless_its_directory_was_synced),
        TEST(a_killed_process_loses_nothing_until_the_power_goes),
        TEST(unsynced_writes_survive_in_any_subset),
        TEST(a_torn_write_ends_at_a_border_within_a_sector_or_in_zeros),
        TEST(a_later_sector_may_survive_an_earlier_one),
        TEST(many_changes_are_tried_in_a_bounded_spread),
        TEST(every_variant_is_possible_and_single_losses_are_single),
        TEST(the_same_seed_crashes_alike_and_another_one_otherwise),
        TEST(random_crashes_tear_hollow_and_leave_garbage),
        TEST(handles_and_locks_from_before_a_crash_are_dead),
        TEST(power_goes_at_every_operation_of_a_script),
        TEST(mutations_and_reads_are_counted_apart),
        TEST(a_clone_goes_its_own_way),
        TEST(random_scripts_leave_only_what_was_written),
        TEST(files_removed_for_good_leave_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
