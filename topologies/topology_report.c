/* Reading a node of the tree as what it should be, and saying so when it is not. */
#include <stdarg.h>
#include <stdio.h>

#include "runtime/base/assert.h"
#include "runtime/base/number.h"
#include "topologies/topology_check.h"

/* 100 years: sums of a window, its grace and a record's time stay far from the end of 64 bits. */
#define DURATION_MS_MAX 3155760000000LL

size_t mr_words_count(const char *const *words) {
    size_t count = 0;
    while (words != NULL && words[count] != NULL) {
        count++;
    }
    return count;
}

bool mr_words_have(const char *const *words, const char *word) {
    for (size_t i = 0; words != NULL && words[i] != NULL; i++) {
        if (strcmp(words[i], word) == 0) {
            return true;
        }
    }
    return false;
}

void mr_check_error(mr_check *check, const mr_yaml_node *node, const char *code, const char *hint,
                    const char *format, ...) {
    char message[MR_ERR_BYTES_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    mr_diagnostics_add(check->diagnostics, MR_SEVERITY_ERROR, code, node->place,
                       mr_yaml_length(node), hint, "%s", message);
}

void mr_check_refuse(mr_check *check, const mr_yaml_node *node, const char *what) {
    mr_check_error(check, node, "E204", "the language has it, this version does not execute it",
                   "not in this version: '%s'", what);
}

static void join_words(const char *const *words, mr_buf *out) {
    for (size_t i = 0; words[i] != NULL; i++) {
        mr_buf_printf(out, "%s%s", i == 0 ? "one of " : ", ", words[i]);
    }
}

const char *mr_check_unknown(mr_check *check, const mr_yaml_node *node, const char *code,
                             const char *what, const char *const *candidates) {
    size_t count = mr_words_count(candidates);
    const char *nearest = mr_suggest(node->text, candidates, count);
    mr_buf hint = {0};
    if (count > 0) {
        join_words(candidates, &hint);
    }
    const char *hint_text = count > 0 ? mr_buf_cstr(&hint) : NULL;
    if (nearest != NULL) {
        mr_check_error(check, node, code, hint_text, "%s, did you mean '%s'?", what, nearest);
    } else {
        mr_check_error(check, node, code, hint_text, "%s", what);
    }
    mr_buf_deinit(&hint);
    return nearest;
}

void mr_check_misspelt(mr_check *check, const mr_yaml_node *mapping, const char *meant) {
    if (meant != NULL) {
        mr_misspelt *misspelt = mr_arena_alloc(check->arena, sizeof *misspelt);
        *misspelt = (mr_misspelt){mapping, meant, check->misspelt};
        check->misspelt = misspelt;
    }
}

bool mr_check_lacks(const mr_check *check, const mr_yaml_node *mapping, const char *key) {
    if (mapping->incomplete || mr_yaml_get(mapping, key) != NULL) {
        return false;
    }
    for (const mr_misspelt *at = check->misspelt; at != NULL; at = at->next) {
        if (at->mapping == mapping && strcmp(at->meant, key) == 0) {
            return false;
        }
    }
    return true;
}

bool mr_check_keys(mr_check *check, const mr_yaml_node *mapping, const mr_key_set *set) {
    if (mapping->kind != MR_YAML_MAPPING) {
        mr_check_error(check, mapping, "E105", NULL, "a mapping is wanted %s, this is %s",
                       set->where, mr_yaml_kind_name(mapping));
        return false;
    }
    for (uint32_t i = 0; i < mapping->count; i++) {
        const mr_yaml_node *key = mapping->entries[i].key;
        if (mr_words_have(set->known, key->text)) {
            continue;
        }
        if (mr_words_have(set->later, key->text)) {
            mr_check_refuse(check, key, key->text);
            continue;
        }
        mr_buf what = {0};
        mr_buf_printf(&what, "unknown key '%s' %s", key->text, set->where);
        const char *meant = mr_check_unknown(check, key, "E203", mr_buf_cstr(&what), set->known);
        mr_check_misspelt(check, mapping, meant);
        mr_buf_deinit(&what);
    }
    return true;
}

const mr_yaml_node *mr_check_get(mr_check *check, const mr_yaml_node *mapping, const char *key,
                                 mr_presence presence, mr_place owner) {
    const mr_yaml_node *value = mr_yaml_get(mapping, key);
    if (value != NULL && mr_yaml_is_nothing(value)) {
        if (!value->incomplete) {
            mr_check_error(check, value, "E105", "a ` #` begins a comment in YAML",
                           "nothing is written behind '%s'", key);
        }
        return NULL;
    }
    if (presence == MR_REQUIRED && mr_check_lacks(check, mapping, key)) {
        mr_diagnostics_add(check->diagnostics, MR_SEVERITY_ERROR, "E201", owner, 1, NULL,
                           "'%s' is missing", key);
    }
    return value;
}

const char *mr_check_text(mr_check *check, const mr_yaml_node *node, const char *what) {
    if (node->kind != MR_YAML_SCALAR) {
        mr_check_error(check, node, "E105", NULL, "%s wants a text, this is %s", what,
                       mr_yaml_kind_name(node));
        return NULL;
    }
    if (node->text[0] == '\0') {
        mr_check_error(check, node, "E105", "a ` #` begins a comment in YAML", "%s is empty", what);
        return NULL;
    }
    return mr_arena_strndup(check->arena, node->text, strlen(node->text));
}

int64_t mr_check_duration(mr_check *check, const mr_yaml_node *node, const char *what,
                          int64_t min_ms) {
    if (mr_check_text(check, node, what) == NULL) {
        return -1;
    }
    int64_t ms = 0;
    if (mr_duration_parse(mr_bytes_text(node->text), &ms) != MR_OK) {
        mr_check_error(check, node, "E208", "durations are whole numbers of ms s m h d: 1h30m",
                       "%s is no duration: '%s'", what, node->text);
        return -1;
    }
    if (ms < min_ms || ms > DURATION_MS_MAX) {
        char least[MR_NUMBER_TEXT_MAX];
        size_t length = mr_duration_format(min_ms, least);
        mr_check_error(check, node, "E208", NULL, "%s must be from %.*s to 36525d, not '%s'", what,
                       (int)length, least, node->text);
        return -1;
    }
    return ms;
}

int64_t mr_check_int(mr_check *check, const mr_yaml_node *node, const char *what, int64_t min,
                     int64_t max) {
    MR_ASSERT(min >= 0);
    if (mr_check_text(check, node, what) == NULL) {
        return -1;
    }
    int64_t value = 0;
    if (mr_int_parse(mr_bytes_text(node->text), &value) != MR_OK || value < min || value > max) {
        mr_check_error(check, node, "E208", NULL,
                       "%s must be a whole number from %lld to %lld, not '%s'", what,
                       (long long)min, (long long)max, node->text);
        return -1;
    }
    return value;
}
