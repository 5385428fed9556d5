#include "topologies/settings_file.h"

#include "runtime/base/alloc.h"
#include "topologies/setting_kind.h"
#include "topologies/yaml_tree.h"

/* Known settings, and those read so far. */
typedef struct reading {
    const mr_settings_key *keys;
    size_t keys_count;
    mr_diagnostics *diagnostics;
    mr_setting *settings;
    size_t count, cap;
} reading;

static void report(reading *r, const mr_yaml_node *node, const char *code, const char *hint,
                   const char *message) {
    mr_diagnostics_add(r->diagnostics, MR_SEVERITY_ERROR, code, node->place, mr_yaml_length(node),
                       hint, "%s", message);
}

static void add(reading *r, const mr_settings_key *key, const mr_yaml_node *node) {
    if (r->count == r->cap) {
        r->cap = r->cap == 0 ? 16 : r->cap * 2;
        r->settings = mr_realloc(r->settings, r->cap * sizeof *r->settings);
    }
    r->settings[r->count++] = (mr_setting){
        .name = mr_strdup(key->name), .value = mr_strdup(node->text), .place = node->place};
}

static void take_scalar(reading *r, const mr_settings_key *key, const mr_yaml_node *node) {
    if (node->kind != MR_YAML_SCALAR || mr_yaml_is_nothing(node)) {
        mr_buf message = {0};
        mr_buf_printf(&message, "'%s' wants %s", key->name, mr_setting_kind_words(key->kind));
        report(r, node, "E105", NULL, mr_buf_cstr(&message));
        mr_buf_deinit(&message);
        return;
    }
    if (!mr_setting_has_kind(key->kind, key->choices, node->text)) {
        mr_buf message = {0};
        mr_buf_printf(&message, "'%s' wants %s, not '%s'", key->name,
                      mr_setting_kind_words(key->kind), node->text);
        report(r, node, "E208", key->choices, mr_buf_cstr(&message));
        mr_buf_deinit(&message);
        return;
    }
    add(r, key, node);
}

/* By `spill: {bytes: 1}` and `spill.bytes: 1` in one file. */
static bool is_taken(const reading *r, const mr_settings_key *key) {
    for (size_t i = 0; i < r->count; i++) {
        if (strcmp(r->settings[i].name, key->name) == 0) {
            return true;
        }
    }
    return false;
}

static void take_value(reading *r, const mr_settings_key *key, const mr_yaml_node *node) {
    bool list = strcmp(key->kind, "text_list") == 0;
    if (!list && is_taken(r, key)) {
        mr_buf message = {0};
        mr_buf_printf(&message, "'%s' is given already", key->name);
        report(r, node, "E104", NULL, mr_buf_cstr(&message));
        mr_buf_deinit(&message);
        return;
    }
    if (!list || node->kind != MR_YAML_SEQUENCE) {
        take_scalar(r, key, node);
        return;
    }
    for (uint32_t i = 0; i < node->count; i++) {
        take_scalar(r, key, node->items[i]);
    }
}

static const mr_settings_key *find_key(const reading *r, const char *name) {
    for (size_t i = 0; i < r->keys_count; i++) {
        if (strcmp(r->keys[i].name, name) == 0) {
            return &r->keys[i];
        }
    }
    return NULL;
}

/* "spill" stands before "spill.bytes". */
static bool is_prefix(const reading *r, const char *name) {
    size_t length = strlen(name);
    for (size_t i = 0; i < r->keys_count; i++) {
        if (strncmp(r->keys[i].name, name, length) == 0 && r->keys[i].name[length] == '.') {
            return true;
        }
    }
    return false;
}

static void report_unknown(reading *r, const mr_yaml_node *key, const char *name) {
    const char **names = mr_alloc_array(r->keys_count + 1, sizeof *names);
    mr_buf hint = {0};
    for (size_t i = 0; i < r->keys_count; i++) {
        names[i] = r->keys[i].name;
        mr_buf_printf(&hint, "%s%s", i == 0 ? "one of " : ", ", names[i]);
    }
    const char *nearest = mr_suggest(name, names, r->keys_count);
    mr_buf message = {0};
    mr_buf_printf(&message, "unknown setting '%s'", name);
    if (nearest != NULL) {
        mr_buf_printf(&message, ", did you mean '%s'?", nearest);
    }
    report(r, key, "E203", mr_buf_cstr(&hint), mr_buf_cstr(&message));
    mr_buf_deinit(&message);
    mr_buf_deinit(&hint);
    mr_free(names);
}

static void take_mapping(reading *r, const mr_yaml_node *mapping, const char *prefix) {
    for (uint32_t i = 0; i < mapping->count; i++) {
        const mr_yaml_entry *entry = &mapping->entries[i];
        mr_buf name = {0};
        mr_buf_printf(&name, "%s%s%s", prefix, prefix[0] == '\0' ? "" : ".", entry->key->text);
        const char *text = mr_buf_cstr(&name);
        const mr_settings_key *key = find_key(r, text);
        if (key != NULL) {
            take_value(r, key, entry->value);
        } else if (is_prefix(r, text) && entry->value->kind == MR_YAML_MAPPING) {
            take_mapping(r, entry->value, text);
        } else {
            report_unknown(r, entry->key, text);
        }
        mr_buf_deinit(&name);
    }
}

mr_status mr_settings_parse(mr_bytes text, const mr_settings_key *keys, size_t keys_count,
                            mr_diagnostics *diagnostics, mr_setting **out, size_t *count_out) {
    reading r = {.keys = keys, .keys_count = keys_count, .diagnostics = diagnostics};
    mr_yaml_tree tree;
    mr_yaml_tree_parse(&tree, text, diagnostics);
    if (tree.root != NULL && tree.root->kind == MR_YAML_MAPPING) {
        take_mapping(&r, tree.root, "");
    } else if (tree.root != NULL) {
        report(&r, tree.root, "E105", NULL, "settings are a mapping of names");
    }
    mr_yaml_tree_deinit(&tree);
    *out = r.settings;
    *count_out = r.count;
    return mr_diagnostics_errors(diagnostics) > 0 ? MR_INVALID : MR_OK;
}

void mr_settings_list_free(mr_setting *settings, size_t count) {
    for (size_t i = 0; i < count; i++) {
        mr_free((char *)(uintptr_t)settings[i].name);
        mr_free((char *)(uintptr_t)settings[i].value);
    }
    mr_free(settings);
}
