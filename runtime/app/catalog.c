#include "runtime/app/catalog.h"

#include <stdlib.h>

#include "connectors/registry.h"
#include "runtime/base/alloc.h"
#include "runtime/base/assert.h"

#define INCLUDED_FILE_BYTES_MAX 65536

struct mr_app_catalog {
    mr_catalog catalog;
    mr_catalog_plugin *plugins;
    mr_lua_checker *checker;
    mr_disk *folder;
    mr_topic_counts counts;
};

/* ---- plugins ---- */

static mr_catalog_field *convert_fields(const mr_connector_field *fields, size_t *count) {
    static const char *const kinds[] = {
        [MR_CONNECTOR_TEXT] = "text",         [MR_CONNECTOR_PATH] = "path",
        [MR_CONNECTOR_INT] = "int",           [MR_CONNECTOR_SIZE] = "size",
        [MR_CONNECTOR_DURATION] = "duration", [MR_CONNECTOR_CHOICE] = "choice",
    };
    *count = 0;
    while (fields && fields[*count].name) {
        (*count)++;
    }
    mr_catalog_field *out = mr_alloc_array(*count, sizeof *out);
    for (size_t i = 0; i < *count; i++) {
        MR_ASSERT((size_t)fields[i].kind < sizeof kinds / sizeof kinds[0]);
        out[i] = (mr_catalog_field){.name = fields[i].name,
                                    .kind = kinds[fields[i].kind],
                                    .choices = fields[i].choices,
                                    .required = fields[i].required != 0};
    }
    return out;
}

typedef const char *(*check_settings)(const mr_connector_setting *settings, size_t count);

static const char *check_as_plugin(check_settings check, const mr_setting *settings, size_t count) {
    if (!check) {
        return NULL;
    }
    mr_connector_setting *plain = mr_alloc_array(count, sizeof *plain);
    for (size_t i = 0; i < count; i++) {
        plain[i] = (mr_connector_setting){settings[i].name, settings[i].value};
    }
    const char *problem = check(plain, count);
    mr_free(plain);
    return problem;
}

/* The catalog's checks know no plugin, so each linked plugin has its own two here. */
static const char *check_file_source(const mr_setting *settings, size_t count) {
    return check_as_plugin(mr_connector_find("file")->check_source, settings, count);
}
static const char *check_file_sink(const mr_setting *settings, size_t count) {
    return check_as_plugin(mr_connector_find("file")->check_sink, settings, count);
}

static void add_checks(mr_catalog_plugin *plugin, const mr_connector *connector) {
    if (strcmp(connector->name, "file") == 0) {
        plugin->check_source = check_file_source;
        plugin->check_sink = check_file_sink;
        return;
    }
    MR_ASSERT(!connector->check_source && !connector->check_sink);
}

static size_t convert_plugins(mr_catalog_plugin **out) {
    const mr_connector *const *all = mr_connector_all();
    size_t count = 0;
    while (all[count]) {
        count++;
    }
    mr_catalog_plugin *plugins = mr_alloc_array(count, sizeof *plugins);
    for (size_t i = 0; i < count; i++) {
        mr_catalog_plugin *plugin = &plugins[i];
        plugin->name = all[i]->name;
        plugin->source_fields = convert_fields(all[i]->source_fields, &plugin->source_fields_count);
        plugin->sink_fields = convert_fields(all[i]->sink_fields, &plugin->sink_fields_count);
        add_checks(plugin, all[i]);
    }
    *out = plugins;
    return count;
}

/* ---- topics, environment, files ---- */

static int32_t topic_partitions(void *self, const char *topic) {
    mr_app_catalog *catalog = self;
    return catalog->counts.partitions ? catalog->counts.partitions(catalog->counts.self, topic) : 0;
}

static const char *environment(void *self, const char *name) {
    (void)self;
    return getenv(name);
}

static mr_status read_file(void *self, const char *path, mr_buf *out, mr_err *err) {
    mr_app_catalog *catalog = self;
    return mr_disk_read_file(catalog->folder, path, INCLUDED_FILE_BYTES_MAX, out, err);
}

mr_app_catalog *mr_app_catalog_create(mr_disk *folder, mr_topic_counts counts) {
    mr_app_catalog *catalog = mr_alloc(sizeof *catalog);
    catalog->folder = folder;
    catalog->counts = counts;
    catalog->checker = mr_lua_checker_create();
    size_t plugins_count = convert_plugins(&catalog->plugins);
    catalog->catalog = (mr_catalog){.plugins = catalog->plugins,
                                    .plugins_count = plugins_count,
                                    .checker = mr_lua_code_checker(catalog->checker),
                                    .topic_partitions = topic_partitions,
                                    .environment = environment,
                                    .read_file = read_file,
                                    .self = catalog};
    return catalog;
}

void mr_app_catalog_destroy(mr_app_catalog *catalog) {
    if (!catalog) {
        return;
    }
    for (size_t i = 0; i < catalog->catalog.plugins_count; i++) {
        mr_free((void *)catalog->plugins[i].source_fields);
        mr_free((void *)catalog->plugins[i].sink_fields);
    }
    mr_free(catalog->plugins);
    mr_lua_checker_destroy(catalog->checker);
    mr_free(catalog);
}

const mr_catalog *mr_app_catalog_of(const mr_app_catalog *catalog) {
    return &catalog->catalog;
}
