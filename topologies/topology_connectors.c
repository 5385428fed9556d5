/* `sources` and `sinks`: one key names the connector, its settings are checked against its catalog
 * entry (LANGUAGE rule 16). */
#include "runtime/base/assert.h"
#include "runtime/base/limits.h"
#include "runtime/base/number.h"
#include "topologies/setting_kind.h"
#include "topologies/topology_check.h"

typedef enum flow_way { SOURCE, SINK } flow_way;

static const char *const source_keys[] = {"to", "steps", "on_error", NULL};
static const char *const sink_keys[] = {"from", "steps", "on_error", NULL};
static const char *const connectors_later[] = {"postgres", "sqlite", "odbc", "http", NULL};
static const char *const settings_later[] = {"glob",      "header",       "delimiter", "follow",
                                             "guarantee", "rotate.every", NULL};
static const char *const sink_formats[] = {"json", "record", NULL};

/* What is gathered of one connector's mapping. */
typedef struct gathered {
    mr_check *check;
    flow_way direction;
    const char *name; /* in the job */
    const mr_catalog_plugin *plugin;
    const mr_yaml_node *body; /* of the plugin's key */
    mr_setting *settings;
    uint32_t settings_count;
    bool *given;  /* by catalog field */
    bool refused; /* some setting is not in this version: it may be why another one is missing */
    mr_format format;
    mr_sink_format sink_format;
    uint64_t record_bytes_max;
} gathered;

static const mr_catalog_field *fields_of(const gathered *g, size_t *count_out) {
    *count_out =
        g->direction == SOURCE ? g->plugin->source_fields_count : g->plugin->sink_fields_count;
    return g->direction == SOURCE ? g->plugin->source_fields : g->plugin->sink_fields;
}

static bool plugin_fits(const mr_catalog_plugin *plugin, flow_way direction) {
    return (direction == SOURCE ? plugin->source_fields_count : plugin->sink_fields_count) > 0;
}

static const mr_catalog_plugin *find_plugin(const mr_catalog *catalog, const char *name,
                                            flow_way direction) {
    for (size_t i = 0; i < catalog->plugins_count; i++) {
        if (strcmp(catalog->plugins[i].name, name) == 0 &&
            plugin_fits(&catalog->plugins[i], direction)) {
            return &catalog->plugins[i];
        }
    }
    return NULL;
}

static void report_connector_key(mr_check *check, const mr_yaml_node *body, const mr_yaml_node *key,
                                 flow_way direction) {
    const mr_catalog *catalog = check->catalog;
    const char *const *own = direction == SOURCE ? source_keys : sink_keys;
    size_t own_count = mr_words_count(own);
    const char **known =
        mr_arena_zalloc(check->arena, sizeof *known * (own_count + catalog->plugins_count + 1));
    memcpy(known, own, sizeof *known * own_count);
    for (size_t i = 0; i < catalog->plugins_count; i++) {
        if (plugin_fits(&catalog->plugins[i], direction)) {
            known[own_count++] = catalog->plugins[i].name;
        }
    }
    const char *what = mr_arena_printf(check->arena, "unknown key or connector '%s' in a %s",
                                       key->text, direction == SOURCE ? "source" : "sink");
    mr_check_misspelt(check, body, mr_check_unknown(check, key, "E203", what, known));
}

/* Sets plugin and body; false: reported. */
static bool find_connector(gathered *g, const mr_name *name) {
    mr_check *check = g->check;
    const mr_yaml_node *body = name->body;
    const char *const *own = g->direction == SOURCE ? source_keys : sink_keys;
    if (body->kind != MR_YAML_MAPPING) {
        mr_check_error(check, body, "E105", NULL, "a connector is a mapping, this is %s",
                       mr_yaml_kind_name(body));
        return false;
    }
    bool reported = false;
    for (uint32_t i = 0; i < body->count; i++) {
        const mr_yaml_node *key = body->entries[i].key;
        const mr_catalog_plugin *plugin = find_plugin(check->catalog, key->text, g->direction);
        if (mr_words_have(own, key->text)) {
            continue;
        }
        if (plugin == NULL &&
            (mr_words_have(connectors_later, key->text) || strcmp(key->text, "guarantee") == 0)) {
            mr_check_refuse(check, key, key->text);
            reported = true;
        } else if (plugin == NULL) {
            report_connector_key(check, body, key, g->direction);
            reported = true;
        } else if (g->plugin != NULL) {
            mr_check_error(check, key, "E210", NULL,
                           "one connector is enough, '%s' is a second one", key->text);
        } else {
            g->plugin = plugin;
            g->body = body->entries[i].value;
        }
    }
    if (g->plugin == NULL && !reported) {
        mr_diagnostics_add(check->diagnostics, MR_SEVERITY_ERROR, "E501", name->place, 1,
                           "file: {path: in.jsonl, format: json}", "no connector is named here");
    }
    return g->plugin != NULL;
}

/* As the host of connectors takes it: relative, no component empty, "." or "..". */
static bool stays_below(const char *path) {
    for (const char *at = path;; at++) {
        size_t length = strcspn(at, "/");
        if (length == 0 || (length <= 2 && strncmp(at, "..", length) == 0)) {
            return false;
        }
        at += length;
        if (*at == '\0') {
            return true;
        }
    }
}

static void check_format_setting(gathered *g, const mr_yaml_node *node) {
    mr_check *check = g->check;
    if (g->direction == SINK) {
        if (strncmp(node->text, "csv", 3) == 0) {
            mr_check_refuse(check, node, "csv");
        } else if (strcmp(node->text, "record") == 0) {
            g->sink_format = MR_SINK_FORMAT_RECORD;
        } else if (strcmp(node->text, "json") != 0) {
            mr_check_unknown(check, node, "E502",
                             mr_arena_printf(check->arena, "unknown format '%s'", node->text),
                             sink_formats);
        }
        return;
    }
    bool json = strcmp(node->text, "json") == 0 || strncmp(node->text, "json(", 5) == 0;
    if (json || strncmp(node->text, "csv", 3) == 0) {
        g->format = mr_check_format(check, node);
    } else if (strcmp(node->text, "lines") != 0) {
        static const char *const formats[] = {"lines", "json", "json(Type)", NULL};
        mr_check_unknown(check, node, "E502",
                         mr_arena_printf(check->arena, "unknown format '%s'", node->text), formats);
    }
}

static void check_record_bytes(gathered *g, const mr_yaml_node *node) {
    uint64_t bytes = 0;
    if (mr_size_parse(mr_bytes_text(node->text), &bytes) != MR_OK || bytes == 0 ||
        bytes > MR_LINE_BYTES_MAX) {
        mr_check_error(g->check, node, "E502", NULL,
                       "'max_record' must be a size from 1 to %d bytes, not '%s'",
                       MR_LINE_BYTES_MAX, node->text);
        return;
    }
    g->record_bytes_max = bytes;
}

/* format and max_record are the runtime's own; a plugin may want to know them too. */
static bool is_own(const gathered *g, const char *name) {
    return strcmp(name, "format") == 0 ||
           (strcmp(name, "max_record") == 0 && g->direction == SOURCE);
}

static void report_setting(gathered *g, const mr_yaml_node *key, const char *name) {
    static const char *const own[] = {"format", "max_record"};
    size_t fields_count = 0, count = 0;
    const mr_catalog_field *fields = fields_of(g, &fields_count);
    const char **known = mr_arena_zalloc(g->check->arena, sizeof *known * (fields_count + 3));
    for (size_t i = 0; i < fields_count; i++) {
        if (!is_own(g, fields[i].name)) {
            known[count++] = fields[i].name;
        }
    }
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++) {
        if (is_own(g, own[i])) {
            known[count++] = own[i];
        }
    }
    const char *what =
        mr_arena_printf(g->check->arena, "unknown key '%s' in %s", name, g->plugin->name);
    mr_yaml_node written = *key;
    written.text = name;
    mr_check_misspelt(g->check, g->body, mr_check_unknown(g->check, &written, "E203", what, known));
}

/* A plugin's field of that name; the count: none. */
static size_t find_field(const gathered *g, const char *name) {
    size_t count = 0, index = 0;
    const mr_catalog_field *fields = fields_of(g, &count);
    while (index < count && strcmp(fields[index].name, name) != 0) {
        index++;
    }
    return index;
}

/* "rotate" stands before "rotate.records". */
static bool is_group(const gathered *g, const char *name) {
    size_t count = 0, length = strlen(name);
    const mr_catalog_field *fields = fields_of(g, &count);
    for (size_t i = 0; i < count; i++) {
        if (strncmp(fields[i].name, name, length) == 0 && fields[i].name[length] == '.') {
            return true;
        }
    }
    return false;
}

/* The scalar with its placeholders put in; NULL: reported. */
static const mr_yaml_node *written_out(gathered *g, const mr_yaml_node *node, const char *name) {
    if (node->kind != MR_YAML_SCALAR || mr_yaml_is_nothing(node)) {
        mr_check_error(g->check, node, "E502", NULL, "'%s' wants a text, this is %s", name,
                       mr_yaml_kind_name(node));
        return NULL;
    }
    const char *text = mr_check_placeholders(g->check, node);
    if (text == NULL) {
        return NULL;
    }
    mr_yaml_node *written = mr_arena_alloc(g->check->arena, sizeof *written);
    *written = *node;
    written->text = text;
    return written;
}

static void take_own(gathered *g, const mr_yaml_node *node, const char *name) {
    if (strcmp(name, "format") == 0) {
        check_format_setting(g, node);
    } else {
        check_record_bytes(g, node);
    }
}

static bool is_behind(mr_place a, mr_place b) {
    return a.line != b.line ? a.line > b.line : a.column > b.column;
}

/* Two writers of one place, or a writer of what is read, stand in each other's way. */
static void take_path(gathered *g, const mr_yaml_node *node) {
    mr_used_path *path = mr_arena_alloc(g->check->arena, sizeof *path);
    *path = (mr_used_path){.text = node->text,
                           .connector = g->name,
                           .is_written = g->direction == SINK,
                           .node = node,
                           .next = g->check->paths};
    g->check->paths = path;
    for (const mr_used_path *other = path->next; other != NULL; other = other->next) {
        if (strcmp(other->text, path->text) != 0 || !(other->is_written || path->is_written)) {
            continue;
        }
        bool later = is_behind(path->node->place, other->node->place);
        const mr_used_path *first = later ? other : path;
        mr_check_error(g->check, later ? path->node : other->node, "E502", NULL,
                       first->is_written ? "'%s' is where the sink '%s' writes (line %u)"
                                         : "'%s' is what the source '%s' reads (line %u)",
                       path->text, first->connector, first->node->place.line);
        return;
    }
}

static void take_field(gathered *g, const mr_yaml_node *node, const char *name,
                       const mr_catalog_field *field) {
    bool path = strcmp(field->kind, "path") == 0 && node->text[0] != '\0';
    if (path && stays_below(node->text)) {
        take_path(g, node);
    } else if (path) {
        mr_check_error(g->check, node, "E502", "relative to the job's file, without '.' and '..'",
                       "'%s' must stay under the job's folder, not '%s'", name, node->text);
    } else if (!is_own(g, field->name) &&
               !mr_setting_has_kind(field->kind, field->choices, node->text)) {
        mr_check_error(g->check, node, "E502", field->choices, "'%s' wants %s, not '%s'", name,
                       mr_setting_kind_words(field->kind), node->text);
    }
    g->settings[g->settings_count++] =
        (mr_setting){.name = name, .value = node->text, .place = node->place};
}

static void take_setting(gathered *g, const mr_yaml_entry *entry, const char *name) {
    size_t count = 0, index = find_field(g, name);
    const mr_catalog_field *fields = fields_of(g, &count);
    if (index == count && !is_own(g, name)) {
        bool later = mr_words_have(settings_later, name);
        g->refused = g->refused || later;
        if (later) {
            mr_check_refuse(g->check, entry->key, name);
        } else {
            report_setting(g, entry->key, name);
        }
        return;
    }
    if (index < count && g->given[index]) {
        mr_check_error(g->check, entry->key, "E104", NULL, "'%s' is given already", name);
        return;
    }
    if (index < count) {
        g->given[index] = true;
    }
    const mr_yaml_node *written = written_out(g, entry->value, name);
    if (written != NULL && is_own(g, name)) {
        take_own(g, written, name);
    }
    if (written != NULL && index < count) {
        take_field(g, written, name, &fields[index]);
    }
}

/* Nested mappings become dotted names: rotate: {records: 5} is rotate.records. */
static void take_settings(gathered *g, const mr_yaml_node *mapping, const char *prefix) {
    for (uint32_t i = 0; i < mapping->count; i++) {
        const mr_yaml_entry *entry = &mapping->entries[i];
        const char *name = mr_arena_printf(g->check->arena, "%s%s%s", prefix,
                                           prefix[0] == '\0' ? "" : ".", entry->key->text);
        if (!is_group(g, name)) {
            take_setting(g, entry, name);
        } else if (entry->value->kind == MR_YAML_MAPPING) {
            take_settings(g, entry->value, name);
        } else {
            mr_check_error(g->check, entry->value, "E105", NULL, "'%s' wants a mapping, this is %s",
                           name, mr_yaml_kind_name(entry->value));
        }
    }
}

static void check_settings(gathered *g) {
    mr_check *check = g->check;
    if (g->body->kind != MR_YAML_MAPPING) {
        mr_check_error(check, g->body, "E105", "file: {path: in.jsonl, format: json}",
                       "'%s' wants a mapping of settings", g->plugin->name);
        return;
    }
    size_t errors = mr_diagnostics_errors(check->diagnostics);
    size_t count = 0;
    const mr_catalog_field *fields = fields_of(g, &count);
    g->given = mr_arena_zalloc(check->arena, count + 1);
    g->settings = mr_arena_zalloc(check->arena, sizeof *g->settings * g->body->nodes_count);
    take_settings(g, g->body, "");
    for (size_t i = 0; i < count; i++) {
        if (fields[i].required && !g->given[i] && !g->refused &&
            mr_check_lacks(check, g->body, fields[i].name)) {
            mr_check_error(check, g->body, "E201", NULL, "'%s' is missing in %s", fields[i].name,
                           g->plugin->name);
        }
    }
    const char *(*together)(const mr_setting *, size_t) =
        g->direction == SOURCE ? g->plugin->check_source : g->plugin->check_sink;
    if (together != NULL && errors == mr_diagnostics_errors(check->diagnostics)) {
        const char *message = together(g->settings, g->settings_count);
        if (message != NULL) {
            mr_check_error(check, g->body, "E502", NULL, "%s: %s", g->plugin->name, message);
        }
    }
}

static mr_topology_chain connector_steps(mr_check *check, const mr_name *name, mr_policy on_error) {
    mr_steps_context context = {
        .of = MR_STEPS_OF_CONNECTOR, .owner = name->text, .on_error = on_error};
    return mr_check_steps(check, mr_check_get(check, name->body, "steps", MR_OPTIONAL, name->place),
                          &context);
}

static uint32_t connector_stream(mr_check *check, const mr_name *name, const char *key) {
    const mr_yaml_node *node = mr_check_get(check, name->body, key, MR_REQUIRED, name->place);
    if (node == NULL) {
        return MR_INDEX_NONE;
    }
    if (node->kind == MR_YAML_MAPPING && strcmp(key, "to") == 0) {
        mr_check_refuse(check, node, "to: {table: stream}");
        return MR_INDEX_NONE;
    }
    return mr_check_stream_name(check, node, key, NULL);
}

static void check_source(mr_check *check, const mr_name *name, mr_plan_source *source,
                         mr_topology_chain *chain) {
    gathered g = {.check = check,
                  .direction = SOURCE,
                  .name = name->text,
                  .format = {.kind = MR_FORMAT_STRING},
                  .record_bytes_max = MR_LINE_BYTES_MAX};
    *source = (mr_plan_source){
        .name = name->text, .place = name->place, .plugin = "", .stream = MR_INDEX_NONE};
    if (find_connector(&g, name)) {
        check_settings(&g);
        source->plugin = g.plugin->name;
    }
    if (name->body->kind != MR_YAML_MAPPING) {
        return;
    }
    source->settings = g.settings;
    source->settings_count = g.settings_count;
    source->value = g.format;
    source->record_bytes_max = g.record_bytes_max;
    source->on_error = mr_check_on_error(check, name->body, check->topology->on_error);
    source->stream = connector_stream(check, name, "to");
    *chain = connector_steps(check, name, source->on_error);
}

static void check_sink(mr_check *check, const mr_name *name, mr_plan_sink *sink,
                       mr_topology_chain *chain) {
    gathered g = {
        .check = check, .direction = SINK, .name = name->text, .sink_format = MR_SINK_FORMAT_JSON};
    *sink = (mr_plan_sink){
        .name = name->text, .place = name->place, .plugin = "", .stream = MR_INDEX_NONE};
    if (find_connector(&g, name)) {
        check_settings(&g);
        sink->plugin = g.plugin->name;
    }
    if (name->body->kind != MR_YAML_MAPPING) {
        return;
    }
    sink->settings = g.settings;
    sink->settings_count = g.settings_count;
    sink->format = g.sink_format;
    sink->on_error = mr_check_on_error(check, name->body, check->topology->on_error);
    sink->stream = connector_stream(check, name, "from");
    *chain = connector_steps(check, name, sink->on_error);
}

void mr_check_sources(mr_check *check, mr_name **names, uint32_t count) {
    mr_topology *topology = check->topology;
    topology->sources = mr_arena_zalloc(check->arena, sizeof *topology->sources * count + 1);
    topology->source_chains =
        mr_arena_zalloc(check->arena, sizeof *topology->source_chains * count + 1);
    topology->sources_count = count;
    for (uint32_t i = 0; i < count; i++) {
        check_source(check, names[i], &topology->sources[i], &topology->source_chains[i]);
    }
}

void mr_check_sinks(mr_check *check, mr_name **names, uint32_t count) {
    mr_topology *topology = check->topology;
    topology->sinks = mr_arena_zalloc(check->arena, sizeof *topology->sinks * count + 1);
    topology->sink_chains =
        mr_arena_zalloc(check->arena, sizeof *topology->sink_chains * count + 1);
    topology->sinks_count = count;
    for (uint32_t i = 0; i < count; i++) {
        check_sink(check, names[i], &topology->sinks[i], &topology->sink_chains[i]);
    }
}
