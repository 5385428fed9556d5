/* Node settings: defaults, the file, its errors. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "runtime/app/settings.h"

static mr_status take(mr_settings *settings, const char *text, mr_buf *report) {
    mr_buf padded = {0};
    mr_buf_put_text(&padded, text);
    mr_status status =
        mr_settings_take_file(settings, "conf/millrace.yaml", mr_buf_view(&padded), report);
    mr_buf_deinit(&padded);
    return status;
}

static void without_a_file_the_defaults_stand(void **state) {
    (void)state;
    mr_settings settings;
    mr_settings_init(&settings, 3);
    assert_string_equal(settings.data, "./millrace-data");
    assert_int_equal(settings.workers, 3);
    assert_int_equal(settings.memory_bytes, 536870912);
    assert_int_equal(settings.commit_interval_ms, 100);
    assert_int_equal(settings.spill_bytes, 134217728);
    assert_int_equal(settings.spill_age_ms, 60000);
    assert_int_equal(settings.rate, 0);
    assert_int_equal(settings.state, MR_STATE_ROCKSDB);
    mr_settings_deinit(&settings);
}

static void a_file_sets_every_setting(void **state) {
    (void)state;
    mr_settings settings;
    mr_buf report = {0};
    mr_settings_init(&settings, 3);
    assert_int_equal(take(&settings,
                          "data: there\nworkers: 2\nmemory: 1GiB\ncommit_interval: 1s\n"
                          "spill_bytes: 10kB\nspill_age: 1m30s\nrate: 5000\nstate: memory\n",
                          &report),
                     MR_OK);
    assert_int_equal(report.len, 0);
    assert_string_equal(settings.data, "conf/there"); /* beside the file */
    assert_int_equal(settings.workers, 2);
    assert_int_equal(settings.memory_bytes, 1073741824);
    assert_int_equal(settings.commit_interval_ms, 1000);
    assert_int_equal(settings.spill_bytes, 10000);
    assert_int_equal(settings.spill_age_ms, 90000);
    assert_int_equal(settings.rate, 5000);
    assert_int_equal(settings.state, MR_STATE_MEMORY);
    mr_buf_deinit(&report);
    mr_settings_deinit(&settings);
}

static void all_errors_of_a_file_are_told_with_their_places(void **state) {
    (void)state;
    mr_settings settings;
    mr_buf report = {0};
    mr_settings_init(&settings, 3);
    assert_int_equal(
        take(&settings, "workrs: 2\nspill_age: fast\nmemory: 1B\ndata: ~/d\n", &report),
        MR_INVALID);
    const char *text = mr_buf_cstr(&report);
    assert_non_null(strstr(text, "conf/millrace.yaml:1:1: error"));
    assert_non_null(strstr(text, "workers"));
    assert_non_null(strstr(text, "conf/millrace.yaml:2:"));
    assert_non_null(strstr(text, "conf/millrace.yaml:3:9: error"));
    assert_non_null(strstr(text, "conf/millrace.yaml:4:7: error"));
    mr_buf_deinit(&report);
    mr_settings_deinit(&settings);
}

static void a_value_out_of_its_range_is_told_with_its_place(void **state) {
    (void)state;
    mr_settings settings;
    mr_buf report = {0};
    mr_settings_init(&settings, 3);
    assert_int_equal(take(&settings, "rate: 1\nworkers: 1000\n", &report), MR_INVALID);
    assert_non_null(strstr(mr_buf_cstr(&report), "conf/millrace.yaml:2:10: error"));
    assert_non_null(strstr(mr_buf_cstr(&report), "from 1 to 256"));
    mr_buf_deinit(&report);
    mr_settings_deinit(&settings);
}

static void a_wrong_setting_changes_nothing(void **state) {
    (void)state;
    mr_settings settings;
    mr_settings_init(&settings, 3);
    settings.state = MR_STATE_MEMORY;
    static const struct {
        const char *name, *text;
    } wrong[] = {{"workers", "0"},    {"workers", "two"}, {"memory", "1MiB"}, {"spill_bytes", "0"},
                 {"spill_age", "60"}, {"rate", "-1"},     {"state", "paper"}, {"data", ""},
                 {"data", "~/d"},     {"sockets", "1"}};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        mr_err err = {0};
        assert_int_equal(mr_settings_set(&settings, wrong[i].name, wrong[i].text, &err),
                         MR_INVALID);
        assert_true(err.message[0] != '\0');
    }
    assert_int_equal(settings.workers, 3);
    assert_int_equal(settings.state, MR_STATE_MEMORY);
    assert_string_equal(settings.data, "./millrace-data");
    mr_settings_deinit(&settings);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_file_the_defaults_stand),
        cmocka_unit_test(a_file_sets_every_setting),
        cmocka_unit_test(all_errors_of_a_file_are_told_with_their_places),
        cmocka_unit_test(a_value_out_of_its_range_is_told_with_its_place),
        cmocka_unit_test(a_wrong_setting_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
