/* tests/unit/test_statestore_rocksdb.c - what only the real engine can show: files, flushes,
 * processes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <dirent.h>
#include <signal.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "statestore/store_rocksdb.h"

#define DIRECTORY "state/job.g1/task-0"
#define WAIT_MS_MAX 120000
#define KILLED_PROCESS "--killed-process"

extern char **environ;

typedef struct home {
    char root[64];
    mr_rocksdb_env *env;
    mr_store_factory factory;
} home;

static const char *const families[] = {"_task", "totals"};

static home home_make(uint64_t memtable_bytes) {
    home h = {.root = "/tmp/millrace-rocksdb-XXXXXX"};
    assert_non_null(mkdtemp(h.root));
    h.env = mr_rocksdb_env_create(&(mr_rocksdb_config){
        .root = h.root, .block_cache_bytes = 1 << 20, .memtable_bytes = memtable_bytes});
    h.factory = mr_rocksdb_factory(h.env);
    return h;
}

static void home_remove(home *h) {
    const char *const directories[] = {DIRECTORY, "state/job.g1/task-1", "state/job.g1/task-2",
                                       "state/job.g1/task-3"};
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(h->factory.destroy(h->factory.self, directories[i], NULL), MR_OK);
    }
    mr_rocksdb_env_destroy(h->env);
    const char *const left[] = {"/state/job.g1", "/state", ""};
    for (size_t i = 0; i < 3; i++) {
        char path[160];
        snprintf(path, sizeof path, "%s%s", h->root, left[i]);
        rmdir(path);
    }
    struct stat info;
    assert_int_not_equal(stat(h->root, &info), 0);
}

static mr_store *open_store(home *h, const char *directory, mr_store_open_mode mode) {
    mr_store *store = NULL;
    mr_err err = {0};
    mr_status status = h->factory.open(h->factory.self, directory, families, 2, mode, &store, &err);
    if (status != MR_OK) {
        fail_msg("%s", err.message);
    }
    return store;
}

static mr_status put_at(mr_store *store, mr_family family, const char *key, mr_bytes value,
                        int64_t offset) {
    mr_store_write write = {family, mr_bytes_text(key), value};
    mr_changelog_position position = {.offset = offset};
    mr_store_batch batch = {.writes = &write,
                            .writes_count = 1,
                            .position_families = &family,
                            .positions = &position,
                            .positions_count = 1};
    return mr_store_write_batch(store, &batch, NULL);
}

static void wait_persisted(mr_store *store, mr_family family, int64_t offset) {
    for (int waited_ms = 0; waited_ms < WAIT_MS_MAX; waited_ms++) {
        mr_changelog_position position;
        if (mr_store_persisted(store, family, &position, NULL) == MR_OK &&
            position.offset >= offset) {
            return;
        }
        usleep(1000);
    }
    fail_msg("offset %lld is not flushed", (long long)offset);
}

static void flush(mr_store *store) {
    mr_status status = MR_AGAIN;
    for (int waited_ms = 0; status == MR_AGAIN && waited_ms < WAIT_MS_MAX; waited_ms++) {
        status = mr_store_flush(store, NULL);
        usleep(status == MR_AGAIN ? 1000 : 0);
    }
    assert_int_equal(status, MR_OK);
}

static int64_t position_of(mr_store *store, mr_family family) {
    mr_changelog_position position;
    mr_status status = mr_store_position(store, family, &position, NULL);
    return status == MR_OK ? position.offset : -1;
}

static void persisted_tells_what_is_flushed_and_not_what_is_written(void **state) {
    (void)state;
    home h = home_make(1 << 24);
    mr_store *store = open_store(&h, DIRECTORY, MR_STORE_CREATE);
    mr_changelog_position position;
    assert_int_equal(mr_store_position(store, 1, &position, NULL), MR_NOT_FOUND);
    assert_int_equal(put_at(store, 1, "a", mr_bytes_text("1"), 10), MR_OK);
    assert_int_equal(position_of(store, 1), 10);
    assert_int_equal(mr_store_persisted(store, 1, &position, NULL), MR_NOT_FOUND);
    flush(store);
    wait_persisted(store, 1, 10);
    assert_int_equal(put_at(store, 1, "a", mr_bytes_text("2"), 20), MR_OK);
    assert_int_equal(mr_store_persisted(store, 1, &position, NULL), MR_OK);
    assert_int_equal(position.offset, 10);
    assert_int_equal(mr_store_persisted(store, 0, &position, NULL), MR_NOT_FOUND);
    mr_store_close(store);
    home_remove(&h);
}

/* A process of its own, not a fork: a fork of a process in which the engine has started its threads
 * copies their locks as they stand, without the threads that would open them. */
static int write_as_a_killed_process(const char *root) {
    mr_rocksdb_env *env = mr_rocksdb_env_create(&(mr_rocksdb_config){
        .root = root, .block_cache_bytes = 1 << 20, .memtable_bytes = 1 << 24});
    home h = {.env = env, .factory = mr_rocksdb_factory(env)};
    mr_store *store = NULL;
    if (h.factory.open(h.factory.self, DIRECTORY, families, 2, MR_STORE_CREATE, &store, NULL) !=
            MR_OK ||
        put_at(store, 1, "kept", mr_bytes_text("1"), 1) != MR_OK) {
        return 1;
    }
    mr_status status = MR_AGAIN;
    int64_t persisted = -1;
    for (int waited_ms = 0; persisted < 1 && waited_ms < WAIT_MS_MAX; waited_ms++) {
        status = status == MR_AGAIN ? mr_store_flush(store, NULL) : status;
        mr_changelog_position position;
        persisted =
            mr_store_persisted(store, 1, &position, NULL) == MR_OK ? position.offset : persisted;
        usleep(1000);
    }
    if (status != MR_OK || persisted != 1 ||
        put_at(store, 1, "lost", mr_bytes_text("2"), 2) != MR_OK) {
        return 2;
    }
    _exit(0); /* without closing anything, as a killed process ends */
}

static void a_killed_process_keeps_what_was_flushed(void **state) {
    (void)state;
    home h = home_make(1 << 24);
    pid_t child = -1;
    char name[] = "test";
    char mode[] = KILLED_PROCESS;
    char *const arguments[] = {name, mode, h.root, NULL};
    assert_int_equal(posix_spawn(&child, "/proc/self/exe", NULL, NULL, arguments, environ), 0);
    int ended = 0;
    assert_int_equal(waitpid(child, &ended, 0), child);
    assert_int_equal(ended, 0);
    mr_store *store = open_store(&h, DIRECTORY, MR_STORE_EXISTING);
    assert_int_equal(position_of(store, 1), 1);
    mr_buf value = {0};
    assert_int_equal(mr_store_get(store, 1, mr_bytes_text("kept"), &value, NULL), MR_OK);
    assert_int_equal(mr_store_get(store, 1, mr_bytes_text("lost"), &value, NULL), MR_NOT_FOUND);
    mr_buf_deinit(&value);
    mr_store_close(store);
    home_remove(&h);
}

static void a_store_that_was_never_made_is_not_found(void **state) {
    (void)state;
    home h = home_make(1 << 24);
    mr_store *store = NULL;
    assert_int_equal(
        h.factory.open(h.factory.self, DIRECTORY, families, 2, MR_STORE_EXISTING, &store, NULL),
        MR_NOT_FOUND);
    /* A directory without a database is what a crash leaves of making one. */
    char path[160];
    const char *const levels[] = {"/state", "/state/job.g1", "/state/job.g1/task-0"};
    for (size_t i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s%s", h.root, levels[i]);
        assert_int_equal(mkdir(path, 0777), 0);
    }
    assert_int_equal(
        h.factory.open(h.factory.self, DIRECTORY, families, 2, MR_STORE_EXISTING, &store, NULL),
        MR_NOT_FOUND);
    store = open_store(&h, DIRECTORY, MR_STORE_CREATE);
    mr_store_close(store);
    home_remove(&h);
}

static void families_may_come_and_go(void **state) {
    (void)state;
    home h = home_make(1 << 24);
    mr_store *store = open_store(&h, DIRECTORY, MR_STORE_CREATE);
    assert_int_equal(put_at(store, 1, "a", mr_bytes_text("1"), 1), MR_OK);
    mr_store_close(store);
    const char *const others[] = {"windows"};
    assert_int_equal(
        h.factory.open(h.factory.self, DIRECTORY, others, 1, MR_STORE_EXISTING, &store, NULL),
        MR_OK);
    assert_int_equal(position_of(store, 0), -1);
    assert_int_equal(put_at(store, 0, "b", mr_bytes_text("1"), 2), MR_OK);
    mr_store_close(store);
    store = open_store(&h, DIRECTORY, MR_STORE_EXISTING);
    assert_int_equal(position_of(store, 1), 1);
    mr_store_close(store);
    home_remove(&h);
}

static void a_reader_beside_the_owner_sees_what_was_flushed(void **state) {
    (void)state;
    home h = home_make(1 << 24);
    char path[160];
    snprintf(path, sizeof path, "%s/%s", h.root, DIRECTORY);
    const char *const asked[] = {"totals", "never_made"};
    mr_store *reader = NULL;
    assert_int_equal(mr_rocksdb_open_read_only(path, asked, 2, &reader, NULL), MR_NOT_FOUND);
    mr_store *store = open_store(&h, DIRECTORY, MR_STORE_CREATE);
    assert_int_equal(put_at(store, 1, "flushed", mr_bytes_text("1"), 1), MR_OK);
    flush(store);
    wait_persisted(store, 1, 1);
    assert_int_equal(put_at(store, 1, "written", mr_bytes_text("2"), 2), MR_OK);
    assert_int_equal(mr_rocksdb_open_read_only(path, asked, 2, &reader, NULL), MR_OK);
    mr_buf value = {0};
    mr_bytes key, row;
    assert_int_equal(mr_store_get(reader, 0, mr_bytes_text("flushed"), &value, NULL), MR_OK);
    assert_int_equal(mr_store_get(reader, 0, mr_bytes_text("written"), &value, NULL), MR_NOT_FOUND);
    assert_int_equal(position_of(reader, 0), 1);
    assert_int_equal(mr_store_get(reader, 1, mr_bytes_text("x"), &value, NULL), MR_NOT_FOUND);
    assert_int_equal(mr_store_last(reader, 1, &value, NULL), MR_NOT_FOUND);
    mr_store_scan *scan = mr_store_scan_open(reader, 1, MR_BYTES_NULL, MR_BYTES_NULL);
    assert_int_equal(mr_store_scan_next(reader, scan, &key, &row, NULL), MR_NOT_FOUND);
    mr_store_scan_close(reader, scan);
    mr_store_close(reader);
    /* The owner goes on as if nobody had looked. */
    assert_int_equal(put_at(store, 1, "more", mr_bytes_text("3"), 3), MR_OK);
    mr_store_close(store);
    mr_buf_deinit(&value);
    home_remove(&h);
}

static void a_second_owner_is_refused(void **state) {
    (void)state;
    home h = home_make(1 << 24);
    mr_store *store = open_store(&h, DIRECTORY, MR_STORE_CREATE);
    mr_store *second = NULL;
    mr_err err = {0};
    assert_int_equal(
        h.factory.open(h.factory.self, DIRECTORY, families, 2, MR_STORE_EXISTING, &second, &err),
        MR_UNAVAILABLE);
    assert_non_null(strstr(err.message, DIRECTORY));
    mr_store_close(store);
    home_remove(&h);
}

static void fill(mr_store *store, int rows, int *again) {
    static char row[32768];
    memset(row, 'x', sizeof row);
    for (int64_t i = 0; i < rows; i++) {
        char key[32];
        snprintf(key, sizeof key, "key-%08lld", (long long)(i * 7919 % 10007));
        mr_status status = MR_AGAIN;
        while (status == MR_AGAIN) {
            status = put_at(store, 1, key, mr_bytes_of(row, sizeof row), i);
            if (status == MR_AGAIN) {
                assert_true(++*again < 100000);
                usleep(100);
            }
        }
        assert_int_equal(status, MR_OK);
    }
}

/* The same batch is taken later. */
static void a_stalled_engine_answers_again_and_does_not_wait(void **state) {
    (void)state;
    home h = home_make(1 << 20);
    mr_store *store = open_store(&h, DIRECTORY, MR_STORE_CREATE);
    int again = 0;
    fill(store, 800, &again);
    printf("25 MiB through 1 MiB of memtables: %d times \"again\"\n", again);
    mr_bytes key, value;
    size_t rows = 0;
    mr_store_scan *scan = mr_store_scan_open(store, 1, MR_BYTES_NULL, MR_BYTES_NULL);
    while (mr_store_scan_next(store, scan, &key, &value, NULL) == MR_OK) {
        rows += 1;
    }
    mr_store_scan_close(store, scan);
    assert_int_equal(rows, 800);
    mr_store_close(store);
    home_remove(&h);
}

/* Four databases hold 3 MiB each, none of which fills a memtable of half the budget of 8 MiB: it is
 * their sum that has some of them flushed, and nobody asks for it. */
static void the_memtables_of_all_databases_share_one_budget(void **state) {
    (void)state;
    enum { DATABASES = 4 };
    const char *const directories[DATABASES] = {DIRECTORY, "state/job.g1/task-1",
                                                "state/job.g1/task-2", "state/job.g1/task-3"};
    home h = home_make(8 << 20);
    mr_store *stores[DATABASES];
    int again = 0;
    for (size_t i = 0; i < DATABASES; i++) {
        stores[i] = open_store(&h, directories[i], MR_STORE_CREATE);
        fill(stores[i], 96, &again);
    }
    uint64_t bytes = UINT64_MAX;
    for (int waited_ms = 0; bytes > 8u << 20 && waited_ms < WAIT_MS_MAX; waited_ms++) {
        usleep(1000);
        bytes = 0;
        for (size_t i = 0; i < DATABASES; i++) {
            bytes += mr_store_memory_bytes(stores[i]);
        }
    }
    assert_true(bytes <= 8u << 20);
    for (size_t i = 0; i < DATABASES; i++) {
        mr_store_close(stores[i]);
    }
    home_remove(&h);
}

/* A limit on the size of files stands for a full disk. The flush fails on the engine's own thread.
 */
static void a_flush_that_finds_no_space_is_told_and_keeps_the_position(void **state) {
    (void)state;
    home h = home_make(1 << 24);
    mr_store *store = open_store(&h, DIRECTORY, MR_STORE_CREATE);
    int again = 0;
    fill(store, 8, &again);
    flush(store);
    wait_persisted(store, 1, 7);
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    struct rlimit small = {.rlim_cur = 65536, .rlim_max = limit.rlim_max};
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    fill(store, 16, &again);
    mr_err err = {0};
    mr_status status = MR_OK;
    for (int waited_ms = 0; status <= MR_AGAIN && waited_ms < WAIT_MS_MAX; waited_ms++) {
        status = mr_store_flush(store, &err);
        usleep(1000);
    }
    mr_changelog_position position = {.offset = -1};
    mr_status persisted = mr_store_persisted(store, 1, &position, NULL);
    mr_store_close(store);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    assert_int_equal(status, MR_FULL);
    assert_non_null(strstr(err.message, "File too large"));
    assert_int_equal(persisted, MR_OK);
    assert_int_equal(position.offset, 7);
    /* With space again the store is as the flush before left it. */
    store = open_store(&h, DIRECTORY, MR_STORE_EXISTING);
    assert_int_equal(position_of(store, 1), 7);
    mr_store_close(store);
    home_remove(&h);
}

/* One byte of the table file's data changes. */
static void damage_table_file(const char *root) {
    char path[512];
    snprintf(path, sizeof path, "%s/%s", root, DIRECTORY);
    DIR *directory = opendir(path);
    assert_non_null(directory);
    int damaged = 0;
    for (struct dirent *entry = readdir(directory); entry != NULL; entry = readdir(directory)) {
        if (strstr(entry->d_name, ".sst") == NULL) {
            continue;
        }
        char file[800];
        snprintf(file, sizeof file, "%s/%s", path, entry->d_name);
        FILE *table = fopen(file, "r+b");
        assert_non_null(table);
        fseek(table, 30, SEEK_SET);
        int byte = fgetc(table);
        fseek(table, 30, SEEK_SET);
        fputc(byte ^ 1, table);
        fclose(table);
        damaged += 1;
    }
    closedir(directory);
    assert_int_equal(damaged, 1);
}

static void a_changed_byte_is_corruption(void **state) {
    (void)state;
    home h = home_make(1 << 24);
    mr_store *store = open_store(&h, DIRECTORY, MR_STORE_CREATE);
    assert_int_equal(put_at(store, 1, "a", mr_bytes_text("some value of some length"), 1), MR_OK);
    flush(store);
    wait_persisted(store, 1, 1);
    mr_store_close(store);
    damage_table_file(h.root);
    /* A new environment: the old one's cache still has the block as it was. */
    mr_rocksdb_env_destroy(h.env);
    h.env = mr_rocksdb_env_create(&(mr_rocksdb_config){
        .root = h.root, .block_cache_bytes = 1 << 20, .memtable_bytes = 1 << 24});
    h.factory = mr_rocksdb_factory(h.env);
    mr_err err = {0};
    mr_status status =
        h.factory.open(h.factory.self, DIRECTORY, families, 2, MR_STORE_EXISTING, &store, &err);
    if (status == MR_OK) {
        mr_buf value = {0};
        status = mr_store_get(store, 1, mr_bytes_text("a"), &value, &err);
        mr_buf_deinit(&value);
        assert_true(mr_store_is_damaged(store));
        mr_store_close(store);
    }
    assert_int_equal(status, MR_CORRUPT);
    assert_true(strlen(err.message) > 0);
    home_remove(&h);
}

int main(int argc, char **argv) {
    if (argc == 3 && strcmp(argv[1], KILLED_PROCESS) == 0) {
        return write_as_a_killed_process(argv[2]);
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_killed_process_keeps_what_was_flushed),
        cmocka_unit_test(persisted_tells_what_is_flushed_and_not_what_is_written),
        cmocka_unit_test(a_store_that_was_never_made_is_not_found),
        cmocka_unit_test(families_may_come_and_go),
        cmocka_unit_test(a_reader_beside_the_owner_sees_what_was_flushed),
        cmocka_unit_test(a_second_owner_is_refused),
        cmocka_unit_test(a_stalled_engine_answers_again_and_does_not_wait),
        cmocka_unit_test(the_memtables_of_all_databases_share_one_budget),
        cmocka_unit_test(a_flush_that_finds_no_space_is_told_and_keeps_the_position),
        cmocka_unit_test(a_changed_byte_is_corruption),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
