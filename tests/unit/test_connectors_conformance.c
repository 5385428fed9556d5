/* The conformance kit over the file plugin, on the simulated disk: the shipped plugin passes,
 * broken ones do not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "connectors/api/conformance.h"
#include "tests/unit/connectors_fixture.h"

static const char *const lines[] = {"1",         "\"two\"", "{\"three\":3}", "4", "[5]", "6",
                                    "\"seven\"", "8",       "\"9\"",         "10"};
#define LINES_COUNT (sizeof lines / sizeof lines[0])

static connector_place place; /* the kit's world has one place at a time */
static const char *output_suffix;

static void renew(void *self) {
    (void)self;
    mr_connector_host_destroy(place.files);
    mr_sim_disk_destroy(place.sim);
    place.sim = mr_sim_disk_create(1, 0);
    place.files = mr_connector_host_create(mr_sim_disk_disk(place.sim));
    /* The host keeps its address for the kit: it is copied over. */
    *(mr_connector_host *)self = *mr_connector_host_of(place.files);
    char content[256] = "";
    for (size_t i = 0; i < LINES_COUNT; i++) {
        snprintf(content + strlen(content), sizeof content - strlen(content), "%s%s", lines[i],
                 i + 1 < LINES_COUNT ? "\n" : "");
    }
    place_put(&place, "in/a.txt", content);
}

/* kill -9, then every power loss worth trying. */
static int crash(void *self, uint32_t choice) {
    (void)self;
    if (choice == 0) {
        mr_sim_disk_crash(place.sim, (mr_sim_crash){MR_SIM_PROC_KILL, 0});
        return 1;
    }
    if (choice > mr_sim_disk_crash_variants(place.sim)) {
        return 0;
    }
    mr_sim_disk_crash(place.sim, (mr_sim_crash){MR_SIM_VARIANT, choice - 1});
    return 1;
}

static const char *output(void *self) {
    (void)self;
    return place_concat(&place, output_suffix);
}

typedef int (*kit_side)(const mr_connector *plugin, const mr_conformance_world *world,
                        const mr_connector_setting *settings, size_t settings_count,
                        const char *const *expected, size_t expected_count,
                        mr_conformance_counts *counts, char *message, size_t message_bytes);

static int run_kit(kit_side side, const mr_connector *plugin, const mr_connector_setting *settings,
                   size_t settings_count, mr_conformance_counts *counts, char *message,
                   size_t message_bytes) {
    place_begin(&place);
    mr_connector_host host = *place.host;
    mr_conformance_world world = {&host, &host, renew, crash, output};
    output_suffix = ".jsonl";
    *counts = (mr_conformance_counts){0};
    int result = side(plugin, &world, settings, settings_count, lines, LINES_COUNT, counts, message,
                      message_bytes);
    place_end(&place);
    return result;
}

static void expect_pass(kit_side side, const char *what, const mr_connector_setting *settings,
                        size_t settings_count, uint64_t points_min) {
    mr_conformance_counts counts;
    char message[1024] = "";
    if (run_kit(side, mr_connector_find("file"), settings, settings_count, &counts, message,
                sizeof message) != 0) {
        fail_msg("%s: %s", what, message);
    }
    print_message("%s: %d breaks, %d runs, %d records compared\n", what, (int)counts.points,
                  (int)counts.runs, (int)counts.records);
    assert_true(counts.points >= points_min);
    assert_true(counts.runs > counts.points);
}

static void the_file_source_passes(void **state) {
    (void)state;
    mr_connector_setting path = {"path", "in/a.txt"};
    expect_pass(mr_conformance_source, "source path", &path, 1, 30);
}

static void the_directory_sink_passes(void **state) {
    (void)state;
    mr_connector_setting settings[] = {{"dir", "out/deep"}, {"rotate.records", "2"}};
    expect_pass(mr_conformance_sink, "sink dir", settings, 1, 200);
    expect_pass(mr_conformance_sink, "sink dir, rotated", settings, 2, 200);
}

static void the_one_file_sink_passes(void **state) {
    (void)state;
    mr_connector_setting path = {"path", "out/all.jsonl"};
    expect_pass(mr_conformance_sink, "sink path", &path, 1, 100);
}

/* ---- plugins broken on purpose ---- */

/* What a plugin that leaves one sync out would do with its host. */
static mr_connector_host lying;
static mr_connector_host truthful;
static mr_connector_file *not_synced;

static mr_connector_result open_noting_data(void *self, const char *path,
                                            mr_connector_open_mode mode, mr_connector_file **out,
                                            char *err, size_t err_bytes) {
    mr_connector_result result = truthful.open(self, path, mode, out, err, err_bytes);
    if (result == MR_CONNECTOR_OK && (strstr(path, "/.rows-0.tmp") || strstr(path, "/all.jsonl"))) {
        not_synced = *out;
    }
    return result;
}

static mr_connector_result sync_all_but_data(void *self, mr_connector_file *file, char *err,
                                             size_t err_bytes) {
    return file == not_synced ? MR_CONNECTOR_OK : truthful.sync(self, file, err, err_bytes);
}

static mr_connector_result open_without_sync(const mr_connector_host *host,
                                             const mr_connector_setting *settings, size_t count,
                                             const mr_connector_chain *chain, const char *intent,
                                             mr_connector_resume *resume, void **self_out,
                                             char *err, size_t err_bytes) {
    truthful = *host;
    lying = *host;
    lying.open = open_noting_data;
    lying.sync = sync_all_but_data;
    return mr_connector_find("file")->sink_open(&lying, settings, count, chain, intent, resume,
                                                self_out, err, err_bytes);
}

static mr_connector_result open_forgetful(const mr_connector_host *host,
                                          const mr_connector_setting *settings, size_t count,
                                          const mr_connector_chain *chain, const char *intent,
                                          mr_connector_resume *resume, void **self_out, char *err,
                                          size_t err_bytes) {
    mr_connector_result result = mr_connector_find("file")->sink_open(
        host, settings, count, chain, intent, resume, self_out, err, err_bytes);
    if (resume->publish_offset >= 0) { /* takes the commit for the publication */
        resume->next_offset = resume->publish_offset + 1;
        resume->publish_offset = -1;
    }
    return result;
}

static void expect_caught(const mr_connector *plugin, const mr_connector_setting *settings) {
    mr_conformance_counts counts;
    char message[1024] = "";
    assert_int_not_equal(
        run_kit(mr_conformance_sink, plugin, settings, 1, &counts, message, sizeof message), 0);
    print_message("caught: %.160s\n", message);
}

static void a_sink_that_does_not_sync_is_caught(void **state) {
    (void)state;
    mr_connector broken = *mr_connector_find("file");
    broken.sink_open = open_without_sync;
    expect_caught(&broken, &(mr_connector_setting){"dir", "out"});
    expect_caught(&broken, &(mr_connector_setting){"path", "out/all.jsonl"});
}

static void a_sink_that_forgets_an_unpublished_piece_is_caught(void **state) {
    (void)state;
    mr_connector broken = *mr_connector_find("file");
    broken.sink_open = open_forgetful;
    expect_caught(&broken, &(mr_connector_setting){"dir", "out"});
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_file_source_passes),
        cmocka_unit_test(the_directory_sink_passes),
        cmocka_unit_test(the_one_file_sink_passes),
        cmocka_unit_test(a_sink_that_does_not_sync_is_caught),
        cmocka_unit_test(a_sink_that_forgets_an_unpublished_piece_is_caught),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
