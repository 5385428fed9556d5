#include "tests/unit/connectors_fixture.h"

#include <stdlib.h>

#include "runtime/base/assert.h"

static void must(mr_status status) {
    MR_ASSERT(status == MR_OK);
}

/* One text at a time is given out. */
static mr_buf given;

void place_begin(connector_place *place) {
    *place = (connector_place){.sim = mr_sim_disk_create(1, 0)};
    place->files = mr_connector_host_create(mr_sim_disk_disk(place->sim));
    place->host = mr_connector_host_of(place->files);
    place->plugin = mr_connector_find("file");
    place->chain = (mr_connector_chain){
        .struct_bytes = sizeof(mr_connector_chain),
        .log_id = "log-a",
        .topic_id = "id-a",
        .topic = "rows",
        .partitions = 1,
        .generation = 1,
    };
}

void place_end(connector_place *place) {
    MR_ASSERT(mr_sim_disk_handles(place->sim) == 0);
    mr_connector_host_destroy(place->files);
    mr_sim_disk_destroy(place->sim);
    mr_buf_deinit(&given);
}

static void write_at(connector_place *place, const char *path, uint64_t at, const char *content) {
    mr_disk *disk = mr_sim_disk_disk(place->sim);
    mr_file *file = NULL;
    const char *slash = strrchr(path, '/');
    char dir[256] = "";
    if (slash != NULL) {
        memcpy(dir, path, (size_t)(slash - path));
        must(mr_disk_make_dir(disk, dir, NULL));
    }
    must(mr_disk_open(disk, path, MR_DISK_CREATE, &file, NULL));
    must(mr_disk_truncate(file, at, NULL));
    must(mr_disk_write_full(file, content, strlen(content), at, NULL));
    must(mr_disk_sync(file, NULL));
    mr_file_close(file);
    must(mr_disk_sync_dir(disk, dir, NULL));
    must(mr_disk_sync_dir(disk, "", NULL));
}

void place_put(connector_place *place, const char *path, const char *content) {
    write_at(place, path, 0, content);
}

void place_append(connector_place *place, const char *path, const char *content) {
    mr_disk_info info;
    must(mr_disk_info_get(mr_sim_disk_disk(place->sim), path, &info, NULL));
    write_at(place, path, info.size_bytes, content);
}

void place_remove(connector_place *place, const char *path) {
    must(mr_disk_remove(mr_sim_disk_disk(place->sim), path, NULL));
}

const char *place_get(connector_place *place, const char *path) {
    mr_buf_clear(&given);
    if (mr_sim_disk_content(place->sim, MR_SIM_CURRENT, path, &given) != MR_OK) {
        return "(missing)";
    }
    return mr_buf_cstr(&given);
}

static bool ends_with(const char *text, const char *suffix) {
    size_t len = strlen(text), suffix_len = strlen(suffix);
    return len >= suffix_len && strcmp(text + len - suffix_len, suffix) == 0;
}

static int by_text(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Paths sorted; at most 64. */
static size_t sorted_paths(connector_place *place, mr_buf *paths, const char **out) {
    mr_sim_disk_paths(place->sim, MR_SIM_CURRENT, paths);
    size_t count = 0;
    for (size_t at = 0; at < paths->len; at += strlen((const char *)paths->data + at) + 1) {
        MR_ASSERT(count < 64);
        out[count++] = (const char *)paths->data + at;
    }
    qsort(out, count, sizeof *out, by_text);
    return count;
}

const char *place_names(connector_place *place) {
    mr_buf paths = {0};
    const char *names[64];
    size_t count = sorted_paths(place, &paths, names);
    mr_buf_clear(&given);
    for (size_t i = 0; i < count; i++) {
        if (!ends_with(names[i], ".lock") && !strstr(names[i], "chain")) {
            mr_buf_printf(&given, "%s%s", given.len > 0 ? " " : "", names[i]);
        }
    }
    mr_buf_deinit(&paths);
    return mr_buf_cstr(&given);
}

const char *place_concat(connector_place *place, const char *suffix) {
    mr_buf paths = {0};
    const char *names[64];
    size_t count = sorted_paths(place, &paths, names);
    mr_buf_clear(&given);
    for (size_t i = 0; i < count; i++) {
        if (ends_with(names[i], suffix)) {
            must(mr_sim_disk_content(place->sim, MR_SIM_CURRENT, names[i], &given));
        }
    }
    mr_buf_deinit(&paths);
    return mr_buf_cstr(&given);
}
