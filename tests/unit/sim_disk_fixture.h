/* tests/unit/sim_disk_fixture.h - one simulated disk for each test, and short words for its calls.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/simulation/sim_disk.h"

static mr_sim_disk *sim;
static mr_disk *disk;

static inline int set_up(void **state) {
    (void)state;
    sim = mr_sim_disk_create(1, 0);
    disk = mr_sim_disk_disk(sim);
    return 0;
}

static inline int tear_down(void **state) {
    (void)state;
    mr_sim_disk_destroy(sim);
    return 0;
}

#define OK(call) assert_int_equal(call, MR_OK)

static inline mr_file *open_file(const char *path) {
    mr_file *file = NULL;
    OK(mr_disk_open(disk, path, MR_DISK_CREATE, &file, NULL));
    return file;
}

static inline void write_text(mr_file *file, uint64_t at, const char *text) {
    OK(mr_disk_write_full(file, text, strlen(text), at, NULL));
}

/* A file with its bytes and its name durable. */
static inline mr_file *durable_file(const char *path, const char *text) {
    mr_file *file = open_file(path);
    write_text(file, 0, text);
    OK(mr_disk_sync(file, NULL));
    OK(mr_disk_sync_dir(disk, "", NULL));
    return file;
}

static inline void crash(mr_sim_crash_mode mode, uint64_t choice) {
    mr_sim_disk_crash(sim, (mr_sim_crash){mode, choice});
}

static inline bool has(const mr_sim_disk *of, const char *path) {
    mr_buf content = {0};
    mr_status status = mr_sim_disk_content(of, MR_SIM_CURRENT, path, &content);
    mr_buf_deinit(&content);
    return status == MR_OK;
}

/* NULL: no such file. */
static inline void assert_content(const char *path, const char *expected) {
    mr_buf content = {0};
    mr_status status = mr_sim_disk_content(sim, MR_SIM_CURRENT, path, &content);
    if (expected == NULL) {
        assert_int_equal(status, MR_NOT_FOUND);
    } else {
        OK(status);
        assert_string_equal(mr_buf_cstr(&content), expected);
    }
    mr_buf_deinit(&content);
}

static inline void assert_describes(const char *expected) {
    mr_buf text = {0};
    mr_sim_disk_describe(sim, &text);
    assert_string_equal(mr_buf_cstr(&text), expected);
    mr_buf_deinit(&text);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
