/* `${env:NAME}` and `${file:PATH}`: put in after parsing, never parsed again, and only in connector
 * settings and topic names (LANGUAGE rule 1). */
#include "topologies/topology_check.h"

static const char *const forms_hint = "only ${env:NAME} and ${file:PATH} exist";

static bool put_environment(mr_check *check, const mr_yaml_node *node, const char *name,
                            mr_buf *out) {
    const mr_catalog *catalog = check->catalog;
    const char *value =
        catalog->environment == NULL ? NULL : catalog->environment(catalog->self, name);
    if (value == NULL) {
        mr_check_error(check, node, "E209", NULL, "the environment has no '%s'", name);
        return false;
    }
    mr_buf_put_text(out, value);
    return true;
}

/* A secret's file usually ends in a newline, LF or CRLF, that is none of the secret. */
static mr_bytes without_newline(mr_bytes content) {
    size_t length = content.len;
    if (length > 0 && content.data[length - 1] == '\n') {
        length--;
        length -= length > 0 && content.data[length - 1] == '\r';
    }
    return mr_bytes_of(content.data, length);
}

static bool put_file(mr_check *check, const mr_yaml_node *node, const char *path, mr_buf *out) {
    const mr_catalog *catalog = check->catalog;
    mr_err err = {0};
    mr_buf content = {0};
    mr_status status = catalog->read_file == NULL
                           ? mr_err_set(&err, MR_NOT_FOUND, "files cannot be read here")
                           : catalog->read_file(catalog->self, path, &content, &err);
    if (status == MR_OK && content.len > 0 && memchr(content.data, '\0', content.len) != NULL) {
        status = mr_err_set(&err, MR_INVALID, "it holds a NUL character");
    }
    if (status != MR_OK) {
        mr_check_error(check, node, "E209", NULL, "cannot read '%s': %s", path, err.message);
    } else {
        mr_buf_put_bytes(out, without_newline(mr_buf_view(&content)));
    }
    mr_buf_deinit(&content);
    return status == MR_OK;
}

static bool put_placeholder(mr_check *check, const mr_yaml_node *node, const char *inside,
                            mr_buf *out) {
    if (strncmp(inside, "env:", 4) == 0 && inside[4] != '\0') {
        return put_environment(check, node, inside + 4, out);
    }
    if (strncmp(inside, "file:", 5) == 0 && inside[5] != '\0') {
        return put_file(check, node, inside + 5, out);
    }
    mr_check_error(check, node, "E209", forms_hint, "unknown placeholder '${%s}'", inside);
    return false;
}

const char *mr_check_placeholders(mr_check *check, const mr_yaml_node *node) {
    mr_buf out = {0};
    const char *at = node->text;
    bool right = true;
    while (right) {
        const char *open = strstr(at, "${");
        if (open == NULL) {
            mr_buf_put_text(&out, at);
            break;
        }
        mr_buf_put(&out, at, (size_t)(open - at));
        const char *close = strchr(open, '}');
        if (close == NULL) {
            mr_check_error(check, node, "E209", forms_hint, "'}' is missing behind '${'");
            right = false;
            break;
        }
        const char *inside = mr_arena_strndup(check->arena, open + 2, (size_t)(close - open - 2));
        right = put_placeholder(check, node, inside, &out);
        at = close + 1;
    }
    const char *text = right ? mr_arena_strndup(check->arena, mr_buf_cstr(&out), out.len) : NULL;
    mr_buf_deinit(&out);
    return text;
}

static void walk(mr_check *check, const mr_yaml_node *node) {
    if (node->kind == MR_YAML_SCALAR) {
        if (strstr(node->text, "${env:") != NULL || strstr(node->text, "${file:") != NULL) {
            mr_check_error(check, node, "E209", NULL,
                           "${} stands only in connector settings and topic names");
        }
        return;
    }
    for (uint32_t i = 0; i < node->count; i++) {
        if (node->kind == MR_YAML_SEQUENCE) {
            walk(check, node->items[i]);
        } else {
            walk(check, node->entries[i].key);
            walk(check, node->entries[i].value);
        }
    }
}

/* Walks the named bodies of a section, but for the keys where a placeholder may stand. */
static void walk_bodies(mr_check *check, const mr_yaml_node *section,
                        bool (*may_stand)(const char *key)) {
    for (uint32_t i = 0; section->kind == MR_YAML_MAPPING && i < section->count; i++) {
        const mr_yaml_node *body = section->entries[i].value;
        for (uint32_t j = 0; body->kind == MR_YAML_MAPPING && j < body->count; j++) {
            if (!may_stand(body->entries[j].key->text)) {
                walk(check, body->entries[j].value);
            }
        }
    }
}

static bool is_topic(const char *key) {
    return strcmp(key, "topic") == 0;
}

static bool is_connector(const char *key) {
    static const char *const others[] = {"to", "from", "steps", "on_error", "guarantee", NULL};
    return !mr_words_have(others, key);
}

void mr_check_no_placeholders(mr_check *check, const mr_yaml_node *root) {
    for (uint32_t i = 0; root->kind == MR_YAML_MAPPING && i < root->count; i++) {
        const char *key = root->entries[i].key->text;
        const mr_yaml_node *section = root->entries[i].value;
        if (strcmp(key, "streams") == 0) {
            walk_bodies(check, section, is_topic);
        } else if (strcmp(key, "sources") == 0 || strcmp(key, "sinks") == 0) {
            walk_bodies(check, section, is_connector);
        } else {
            walk(check, section);
        }
    }
}
