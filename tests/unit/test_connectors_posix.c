/* The file plugin on the operating system's disk: what the simulated one cannot tell (links, locks,
 * real names). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "connectors/registry.h"
#include "log/io/disk_posix.h"
#include "runtime/engine/connector_host.h"

typedef struct posix_place {
    char root[64];
    mr_disk *disk;
    mr_connector_host_files *files;
    const mr_connector_host *host;
    const mr_connector *plugin;
    mr_connector_chain chain;
    mr_connector_resume resume;
    char err[1024];
} posix_place;

static posix_place begin(void) {
    posix_place place = {.root = "/tmp/connectors_posix_XXXXXX"};
    assert_non_null(mkdtemp(place.root));
    assert_int_equal(mr_disk_posix_open(place.root, &place.disk, NULL), MR_OK);
    place.files = mr_connector_host_create(place.disk);
    place.host = mr_connector_host_of(place.files);
    place.plugin = mr_connector_find("file");
    place.chain = (mr_connector_chain){.struct_bytes = sizeof(mr_connector_chain),
                                       .log_id = "log",
                                       .topic_id = "id",
                                       .topic = "rows",
                                       .partitions = 1,
                                       .generation = 1};
    place.resume.struct_bytes = sizeof place.resume;
    return place;
}

static mr_status remove_name(void *arg, const char *name) {
    return mr_disk_remove_tree(arg, name, NULL);
}

static void end(posix_place *place) {
    assert_int_equal(mr_disk_list(place->disk, "", remove_name, place->disk, NULL), MR_OK);
    mr_connector_host_destroy(place->files);
    mr_disk_posix_close(place->disk);
    assert_int_equal(rmdir(place->root), 0);
}

static mr_connector_result open_sink(posix_place *place, const mr_connector_setting *setting,
                                     const char *intent, void **self) {
    return place->plugin->sink_open(place->host, setting, 1, &place->chain, intent, &place->resume,
                                    self, place->err, sizeof place->err);
}

static void expect_content(posix_place *place, const char *path, const char *content) {
    mr_buf text = {0};
    assert_int_equal(mr_disk_read_file(place->disk, path, 1000, &text, NULL), MR_OK);
    assert_string_equal(mr_buf_cstr(&text), content);
    mr_buf_deinit(&text);
}

static void write_piece(posix_place *place, void *self, int64_t offset, char *intent) {
    mr_connector_row row = {offset, (const uint8_t *)"{}", 2};
    int full;
    assert_int_equal(place->plugin->sink_write(self, &row, 1, &full, place->err, sizeof place->err),
                     0);
    assert_int_equal(place->plugin->sink_prepare(self, offset, intent,
                                                 MR_CONNECTOR_INTENT_BYTES_MAX, place->err,
                                                 sizeof place->err),
                     0);
    assert_int_equal(place->plugin->sink_publish(self, intent, place->err, sizeof place->err), 0);
}

static void both_forms_write_real_files_and_hold_their_lock(void **state) {
    (void)state;
    const mr_connector_setting forms[] = {{"dir", "out/deep"}, {"path", "out/all.jsonl"}};
    const char *files[] = {"out/deep/rows-0-00000000000000000007-00000000000000000007.jsonl",
                           "out/all.jsonl"};
    posix_place place = begin();
    for (int i = 0; i < 2; i++) {
        char intent[MR_CONNECTOR_INTENT_BYTES_MAX];
        void *first = NULL, *second = NULL;
        assert_int_equal(open_sink(&place, &forms[i], NULL, &first), MR_CONNECTOR_OK);
        write_piece(&place, first, 7, intent);
        expect_content(&place, files[i], "{}\n");
        assert_int_equal(open_sink(&place, &forms[i], intent, &second), MR_CONNECTOR_INVALID);
        place.plugin->sink_close(first);
        assert_int_equal(open_sink(&place, &forms[i], intent, &second), MR_CONNECTOR_OK);
        assert_int_equal(place.resume.next_offset, 8);
        assert_int_equal(place.resume.publish_offset, -1);
        place.plugin->sink_close(second);
    }
    end(&place);
}

static void a_source_reads_a_real_file_and_knows_it_again(void **state) {
    (void)state;
    posix_place place = begin();
    mr_connector_setting path = {"path", "a.txt"};
    assert_int_equal(mr_disk_write_file(place.disk, "a.txt", mr_bytes_text("x\ny\n"), NULL), MR_OK);
    mr_connector_read read = {.struct_bytes = sizeof read, .records_max = 9, .bytes_max = 64};
    void *self = NULL;
    assert_int_equal(
        place.plugin->source_open(place.host, &path, 1, NULL, &self, place.err, sizeof place.err),
        MR_CONNECTOR_OK);
    assert_int_equal(place.plugin->source_read(self, &read, place.err, sizeof place.err),
                     MR_CONNECTOR_OK);
    assert_int_equal(read.records_count, 2);
    place.plugin->source_close(self);
    /* Written anew under the same name: another inode, the same beginning. */
    assert_int_equal(mr_disk_write_file(place.disk, "a.txt", mr_bytes_text("x\ny\nz\n"), NULL),
                     MR_OK);
    assert_int_equal(place.plugin->source_open(place.host, &path, 1, read.position, &self,
                                               place.err, sizeof place.err),
                     MR_CONNECTOR_OK);
    assert_int_equal(place.plugin->source_read(self, &read, place.err, sizeof place.err),
                     MR_CONNECTOR_OK);
    assert_int_equal(read.records_count, 1);
    assert_memory_equal(read.records[0].data, "z", 1);
    place.plugin->source_close(self);
    end(&place);
}

static void a_link_out_of_the_root_is_not_followed(void **state) {
    (void)state;
    posix_place place = begin(), outside = begin();
    char link[128];
    void *self = NULL;
    snprintf(link, sizeof link, "%s/link", place.root);
    assert_int_equal(symlink(outside.root, link), 0);
    assert_int_equal(mr_disk_write_file(outside.disk, "a.txt", mr_bytes_text("x\n"), NULL), MR_OK);
    mr_connector_setting path = {"path", "link/a.txt"}, dir = {"dir", "link/out"};
    mr_connector_setting link_itself = {"dir", "link"};
    assert_int_equal(
        place.plugin->source_open(place.host, &path, 1, NULL, &self, place.err, sizeof place.err),
        MR_CONNECTOR_INVALID);
    assert_int_equal(open_sink(&place, &dir, NULL, &self), MR_CONNECTOR_INVALID);
    assert_int_equal(open_sink(&place, &link_itself, NULL, &self), MR_CONNECTOR_INVALID);
    assert_int_equal(unlink(link), 0);
    expect_content(&outside, "a.txt", "x\n");
    end(&outside);
    end(&place);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_forms_write_real_files_and_hold_their_lock),
        cmocka_unit_test(a_source_reads_a_real_file_and_knows_it_again),
        cmocka_unit_test(a_link_out_of_the_root_is_not_followed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
