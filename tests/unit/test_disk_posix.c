/* The operating system's disk, by both ways of resolving names. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "log/io/disk_posix.h"

static char root[64];
static mr_disk *disk;

#define OK(call) assert_int_equal(call, MR_OK)

static int set_up(void **state) {
    snprintf(root, sizeof root, "/tmp/test_disk_posix.XXXXXX");
    assert_non_null(mkdtemp(root));
    OK(mr_disk_posix_open_walking(root, *(const mr_disk_posix_walk *)*state, &disk, NULL));
    return 0;
}

static mr_status remove_entry(void *arg, const char *name) {
    (void)arg;
    return mr_disk_remove_tree(disk, name, NULL);
}

static int tear_down(void **state) {
    (void)state;
    OK(mr_disk_list(disk, "", remove_entry, NULL, NULL));
    mr_disk_posix_close(disk);
    return rmdir(root);
}

static void put_file(const char *path, const char *text) {
    mr_file *file;
    OK(mr_disk_open(disk, path, MR_DISK_CREATE, &file, NULL));
    OK(mr_disk_truncate(file, 0, NULL));
    OK(mr_disk_write_full(file, text, strlen(text), 0, NULL));
    OK(mr_disk_sync(file, NULL));
    mr_file_close(file);
}

static void assert_content(const char *path, const char *expected) {
    mr_buf content = {0};
    OK(mr_disk_read_file(disk, path, 1000, &content, NULL));
    assert_string_equal(mr_buf_cstr(&content), expected);
    mr_buf_deinit(&content);
}

static void a_file_is_written_read_and_cut(void **state) {
    (void)state;
    mr_file *file;
    OK(mr_disk_open(disk, "a", MR_DISK_CREATE_NEW, &file, NULL));
    OK(mr_disk_write_full(file, "hello", 5, 0, NULL));
    OK(mr_disk_write_full(file, "!", 1, 7, NULL));
    char bytes[16];
    size_t got;
    OK(mr_disk_read_full(file, bytes, sizeof bytes, 1, &got, NULL));
    assert_int_equal(got, 7);
    assert_memory_equal(bytes, "ello\0\0!", 7);
    OK(mr_disk_read_full(file, bytes, sizeof bytes, 100, &got, NULL));
    assert_int_equal(got, 0);
    OK(mr_disk_truncate(file, 2, NULL));
    OK(mr_disk_sync(file, NULL));
    mr_file_close(file);
    OK(mr_disk_sync_dir(disk, "", NULL));
    assert_content("a", "he");
}

static void each_way_of_opening_keeps_its_promise(void **state) {
    (void)state;
    mr_file *file;
    mr_err err;
    assert_int_equal(mr_disk_open(disk, "a", MR_DISK_READ, &file, &err), MR_NOT_FOUND);
    assert_string_equal(err.message, "cannot open a: No such file or directory");
    assert_int_equal(mr_disk_open(disk, "a", MR_DISK_WRITE, &file, NULL), MR_NOT_FOUND);
    assert_int_equal(mr_disk_open(disk, "d/a", MR_DISK_CREATE, &file, NULL), MR_NOT_FOUND);
    put_file("a", "1");
    assert_int_equal(mr_disk_open(disk, "a", MR_DISK_CREATE_NEW, &file, NULL), MR_EXISTS);
    assert_int_equal(mr_disk_open(disk, "a/b", MR_DISK_READ, &file, NULL), MR_INVALID);
    OK(mr_disk_open(disk, "a", MR_DISK_READ, &file, NULL));
    assert_int_equal(mr_disk_write_full(file, "2", 1, 0, NULL), MR_UNAVAILABLE);
    mr_file_close(file);
    OK(mr_disk_make_dir(disk, "d", NULL));
    assert_int_equal(mr_disk_open(disk, "d", MR_DISK_READ, &file, NULL), MR_INVALID);
    assert_int_equal(mr_disk_open(disk, "", MR_DISK_READ, &file, NULL), MR_INVALID);
}

/* Nobody writes to the pipe: opening it as a file is opened would wait for ever. */
static void what_is_no_regular_file_is_refused_at_once(void **state) {
    (void)state;
    char path[128];
    snprintf(path, sizeof path, "%s/pipe", root);
    assert_int_equal(mkfifo(path, 0600), 0);
    mr_file *file;
    mr_err err;
    assert_int_equal(mr_disk_open(disk, "pipe", MR_DISK_READ, &file, &err), MR_INVALID);
    assert_string_equal(err.message, "cannot open pipe: it is not a regular file");
    assert_int_equal(mr_disk_open(disk, "pipe", MR_DISK_CREATE, &file, NULL), MR_INVALID);
}

static void no_name_leaves_the_root(void **state) {
    (void)state;
    static const char *const bad[] = {
        "/no-such-root/x", "../x", "..", "a/../../x", "a//b", "a/", ".", "./a"};
    mr_file *file;
    mr_disk_info info;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(mr_disk_open(disk, bad[i], MR_DISK_CREATE, &file, NULL), MR_INVALID);
        assert_int_equal(mr_disk_info_get(disk, bad[i], &info, NULL), MR_INVALID);
        assert_int_equal(mr_disk_remove(disk, bad[i], NULL), MR_INVALID);
        assert_int_equal(mr_disk_make_dir(disk, bad[i], NULL), MR_INVALID);
        assert_int_equal(mr_disk_sync_dir(disk, bad[i], NULL), MR_INVALID);
        assert_int_equal(mr_disk_rename(disk, "a", bad[i], MR_DISK_KEEP, NULL), MR_INVALID);
    }
}

static void symbolic_links_out_of_the_root_are_refused(void **state) {
    (void)state;
    /* The links lead to an empty directory of this test's own: a disk that follows them does no
     * harm. */
    char outside[64] = "/tmp/test_disk_posix_outside.XXXXXX";
    assert_non_null(mkdtemp(outside));
    char path[128];
    snprintf(path, sizeof path, "%s/passwd", outside);
    FILE *there = fopen(path, "w");
    assert_non_null(there);
    fclose(there);
    snprintf(path, sizeof path, "%s/out", root);
    assert_int_equal(symlink(outside, path), 0);
    OK(mr_disk_make_dir(disk, "d", NULL));
    snprintf(path, sizeof path, "%s/d/up", root);
    assert_int_equal(symlink(outside, path), 0);
    snprintf(path, sizeof path, "%s/self", root);
    assert_int_equal(symlink("self", path), 0);
    static const char *const names[] = {"out", "out/passwd", "d/up", "d/up/passwd", "self"};
    mr_file *file;
    mr_disk_info info;
    mr_err err;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        assert_int_equal(mr_disk_open(disk, names[i], MR_DISK_READ, &file, NULL), MR_INVALID);
        assert_int_equal(mr_disk_info_get(disk, names[i], &info, NULL), MR_INVALID);
    }
    assert_int_equal(mr_disk_open(disk, "out", MR_DISK_READ, &file, &err), MR_INVALID);
    assert_string_equal(err.message, "cannot open out: symbolic links that lead out of its folder "
                                     "are not followed");
    /* The links themselves can be taken away. */
    OK(mr_disk_remove(disk, "out", NULL));
    OK(mr_disk_remove(disk, "d/up", NULL));
    OK(mr_disk_remove(disk, "self", NULL));
    snprintf(path, sizeof path, "%s/passwd", outside);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(outside), 0);
}

static void space_is_reserved_without_growing_the_file(void **state) {
    (void)state;
    mr_file *file;
    OK(mr_disk_open(disk, "a", MR_DISK_CREATE, &file, NULL));
    OK(mr_disk_allocate(file, 0, 65536, NULL));
    mr_file_close(file);
    mr_disk_info info;
    OK(mr_disk_info_get(disk, "a", &info, NULL));
    assert_int_equal(info.size_bytes, 0);
    char path[128];
    snprintf(path, sizeof path, "%s/a", root);
    struct stat there;
    assert_int_equal(stat(path, &there), 0);
    assert_true(there.st_blocks == 0 || there.st_blocks >= 128);
}

static void an_identity_stays_with_its_file(void **state) {
    (void)state;
    mr_disk_info first;
    mr_disk_info second;
    put_file("a", "12345");
    OK(mr_disk_info_get(disk, "a", &first, NULL));
    assert_int_equal(first.size_bytes, 5);
    assert_false(first.is_dir);
    OK(mr_disk_rename(disk, "a", "b", MR_DISK_KEEP, NULL));
    OK(mr_disk_info_get(disk, "b", &second, NULL));
    assert_memory_equal(first.identity, second.identity, sizeof first.identity);
    put_file("a", "12345");
    OK(mr_disk_info_get(disk, "a", &second, NULL));
    assert_memory_not_equal(first.identity, second.identity, sizeof first.identity);
    OK(mr_disk_info_get(disk, "", &second, NULL));
    assert_true(second.is_dir);
    assert_int_equal(mr_disk_info_get(disk, "c", &second, NULL), MR_NOT_FOUND);
}

static void a_rename_replaces_only_when_told(void **state) {
    (void)state;
    put_file("a", "1");
    put_file("b", "2");
    mr_err err;
    assert_int_equal(mr_disk_rename(disk, "a", "b", MR_DISK_KEEP, &err), MR_EXISTS);
    assert_string_equal(err.message, "cannot rename b: File exists");
    assert_content("b", "2");
    OK(mr_disk_rename(disk, "a", "b", MR_DISK_REPLACE, NULL));
    assert_content("b", "1");
    assert_int_equal(mr_disk_rename(disk, "a", "c", MR_DISK_KEEP, NULL), MR_NOT_FOUND);
    OK(mr_disk_make_dir(disk, "d", NULL));
    OK(mr_disk_rename(disk, "b", "d/e", MR_DISK_KEEP, NULL));
    assert_content("d/e", "1");
    assert_int_equal(mr_disk_rename(disk, "d/e", "f/e", MR_DISK_KEEP, NULL), MR_NOT_FOUND);
}

static mr_status put_name(void *arg, const char *name) {
    mr_buf_printf(arg, "%s,", name);
    return MR_OK;
}

static mr_status stop_at_once(void *arg, const char *name) {
    mr_buf_printf(arg, "%s,", name);
    return MR_FATAL;
}

static void a_directory_is_listed_by_byte(void **state) {
    (void)state;
    mr_buf names = {0};
    OK(mr_disk_list(disk, "", put_name, &names, NULL));
    assert_int_equal(names.len, 0);
    put_file("b", "");
    put_file("a", "");
    put_file("B", "");
    OK(mr_disk_make_dir(disk, "ab", NULL));
    OK(mr_disk_list(disk, "", put_name, &names, NULL));
    assert_string_equal(mr_buf_cstr(&names), "B,a,ab,b,");
    mr_buf_clear(&names);
    assert_int_equal(mr_disk_list(disk, "", stop_at_once, &names, NULL), MR_FATAL);
    assert_string_equal(mr_buf_cstr(&names), "B,");
    mr_buf_deinit(&names);
    assert_int_equal(mr_disk_list(disk, "a", put_name, NULL, NULL), MR_INVALID);
    assert_int_equal(mr_disk_list(disk, "x", put_name, NULL, NULL), MR_NOT_FOUND);
}

static void directories_are_made_with_their_parents_and_removed_when_empty(void **state) {
    (void)state;
    OK(mr_disk_make_dir(disk, "d/e/f", NULL));
    OK(mr_disk_make_dir(disk, "d/e/f", NULL));
    OK(mr_disk_make_dir(disk, "", NULL));
    OK(mr_disk_sync_dir(disk, "d/e", NULL));
    put_file("d/e/f/g", "1");
    assert_int_equal(mr_disk_make_dir(disk, "d/e/f/g", NULL), MR_INVALID);
    assert_int_equal(mr_disk_make_dir(disk, "d/e/f/g/h", NULL), MR_INVALID);
    assert_int_equal(mr_disk_remove(disk, "d/e/f", NULL), MR_INVALID);
    OK(mr_disk_remove(disk, "d/e/f/g", NULL));
    OK(mr_disk_remove(disk, "d/e/f", NULL));
    assert_int_equal(mr_disk_remove(disk, "d/e/f", NULL), MR_NOT_FOUND);
    assert_int_equal(mr_disk_sync_dir(disk, "d/e/f", NULL), MR_NOT_FOUND);
}

/* ---- the lock ---- */

static void a_second_holder_is_refused_with_the_first_ones_pid(void **state) {
    (void)state;
    mr_file *lock;
    mr_file *second;
    mr_err err;
    char expected[64];
    OK(mr_disk_lock(disk, "LOCK", &lock, NULL));
    snprintf(expected, sizeof expected, "%ld\n", (long)getpid());
    assert_content("LOCK", expected);
    assert_int_equal(mr_disk_lock(disk, "LOCK", &second, &err), MR_FENCED);
    snprintf(expected, sizeof expected, "LOCK is held by process %ld", (long)getpid());
    assert_string_equal(err.message, expected);
    mr_disk_unlock(lock);
    assert_content("LOCK", "");
    OK(mr_disk_lock(disk, "LOCK", &lock, NULL));
    mr_disk_unlock(lock);
}

static void a_lock_ends_with_its_process(void **state) {
    (void)state;
    int held[2];
    assert_int_equal(pipe(held), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        mr_file *lock;
        char byte = mr_disk_lock(disk, "LOCK", &lock, NULL) == MR_OK ? 'y' : 'n';
        ssize_t written = write(held[1], &byte, 1);
        (void)written;
        for (;;) {
            pause();
        }
    }
    char byte;
    assert_int_equal(read(held[0], &byte, 1), 1);
    assert_int_equal(byte, 'y');
    mr_file *lock;
    mr_err err;
    char expected[64];
    assert_int_equal(mr_disk_lock(disk, "LOCK", &lock, &err), MR_FENCED);
    snprintf(expected, sizeof expected, "LOCK is held by process %ld", (long)child);
    assert_string_equal(err.message, expected);
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, NULL, 0), child);
    OK(mr_disk_lock(disk, "LOCK", &lock, NULL));
    mr_disk_unlock(lock);
    close(held[0]);
    close(held[1]);
}

static void a_missing_root_is_told(void **state) {
    (void)state;
    mr_disk *none;
    mr_err err;
    assert_int_equal(mr_disk_posix_open("/nonexistent/root", &none, &err), MR_NOT_FOUND);
    assert_string_equal(err.message,
                        "cannot open directory /nonexistent/root: No such file or directory");
    OK(mr_disk_posix_open(root, &none, NULL));
    mr_disk_posix_close(none);
    mr_disk_posix_close(NULL);
}

static mr_disk_posix_walk by_kernel = MR_DISK_POSIX_KERNEL;
static mr_disk_posix_walk by_component = MR_DISK_POSIX_COMPONENTS;

#define TEST(name)                                                                                 \
    {#name " (openat2)", name, set_up, tear_down, &by_kernel}, {                                   \
#name " (components)", name, set_up, tear_down, &by_component                              \
    }

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_file_is_written_read_and_cut),
        TEST(each_way_of_opening_keeps_its_promise),
        TEST(what_is_no_regular_file_is_refused_at_once),
        TEST(no_name_leaves_the_root),
        TEST(symbolic_links_out_of_the_root_are_refused),
        TEST(space_is_reserved_without_growing_the_file),
        TEST(an_identity_stays_with_its_file),
        TEST(a_rename_replaces_only_when_told),
        TEST(a_directory_is_listed_by_byte),
        TEST(directories_are_made_with_their_parents_and_removed_when_empty),
        TEST(a_second_holder_is_refused_with_the_first_ones_pid),
        TEST(a_lock_ends_with_its_process),
        TEST(a_missing_root_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
