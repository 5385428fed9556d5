/* `types`, and the texts that name types and formats (LANGUAGE rule 7). */
#include <stdlib.h>

#include "runtime/base/assert.h"
#include "runtime/base/limits.h"
#include "topologies/topology_check.h"

static const char *const format_words[] = {"string", "bytes",      "int", "float",
                                           "json",   "json(Type)", NULL};

/* T and T|null of every built-in type; records and composed types are made as they come. */
typedef struct builtin {
    const char *name;
    mr_type plain, nullable;
} builtin;
#define BUILTIN(text, type_kind)                                                                   \
    {                                                                                              \
        text, {.kind = type_kind, .name = text}, {                                                 \
            .kind = type_kind, .nullable = true, .name = text "|null"                              \
        }                                                                                          \
    }
static const builtin builtins[] = {
    BUILTIN("string", MR_TYPE_STRING), BUILTIN("int", MR_TYPE_INT),
    BUILTIN("number", MR_TYPE_NUMBER), BUILTIN("bool", MR_TYPE_BOOL),
    BUILTIN("any", MR_TYPE_ANY),
};
#undef BUILTIN
enum { BUILTINS_COUNT = sizeof builtins / sizeof builtins[0] };

/* A type's text while it is read: base := name | '[' type ']' | 'map(' type ')'; type := base ['|'
 * 'null'] */
typedef struct type_text {
    mr_check *check;
    const mr_yaml_node *node; /* for messages */
    const char *at;
    uint32_t depth;
} type_text;

static void skip_spaces(type_text *text) {
    while (*text->at == ' ' || *text->at == '\n') {
        text->at++;
    }
}

static bool take(type_text *text, const char *word) {
    skip_spaces(text);
    size_t length = strlen(word);
    if (strncmp(text->at, word, length) != 0) {
        return false;
    }
    text->at += length;
    return true;
}

static bool is_word_character(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

static mr_topology_type *find_type(const mr_topology *topology, const char *name, size_t length) {
    for (uint32_t i = 0; i < topology->types_count; i++) {
        const char *candidate = topology->types[i].name;
        if (strlen(candidate) == length && memcmp(candidate, name, length) == 0) {
            return &topology->types[i];
        }
    }
    return NULL;
}

static void report_type(type_text *text, const char *word) {
    const mr_topology *topology = text->check->topology;
    const char **known = mr_arena_alloc(text->check->arena,
                                        sizeof *known * (topology->types_count + BUILTINS_COUNT));
    size_t count = 0;
    for (uint32_t i = 0; i < topology->types_count; i++) {
        known[count++] = topology->types[i].name;
    }
    for (size_t i = 0; i < BUILTINS_COUNT; i++) {
        known[count++] = builtins[i].name;
    }
    static const char *const hint = "types are string int number bool any [T] map(T), a name of "
                                    "`types`, and any of them with |null";
    const char *nearest = mr_suggest(word, known, count);
    if (nearest != NULL) {
        mr_check_error(text->check, text->node, "E211", hint,
                       "unknown type '%s', did you mean '%s'?", word, nearest);
    } else {
        mr_check_error(text->check, text->node, "E211", hint, "unknown type '%s'", word);
    }
}

static const mr_type *read_type(type_text *text);

static const mr_type *compose(mr_check *check, mr_type_kind kind, const mr_type *item) {
    mr_type *type = mr_arena_zalloc(check->arena, sizeof *type);
    type->kind = kind;
    type->item = item;
    type->name =
        mr_arena_printf(check->arena, kind == MR_TYPE_MAP ? "map(%s)" : "[%s]", item->name);
    return type;
}

static const mr_type *read_name(type_text *text) {
    size_t length = 0;
    while (is_word_character(text->at[length])) {
        length++;
    }
    const char *word = mr_arena_strndup(text->check->arena, text->at, length);
    mr_topology_type *named = find_type(text->check->topology, word, length);
    if (named != NULL) {
        text->at += length;
        named->used = true;
        return named->plain;
    }
    for (size_t i = 0; i < BUILTINS_COUNT; i++) {
        if (strcmp(builtins[i].name, word) == 0) {
            text->at += length;
            return &builtins[i].plain;
        }
    }
    report_type(text, length == 0 ? text->at : word);
    return NULL;
}

static const mr_type *read_base(type_text *text) {
    bool map = take(text, "map(");
    if (!map && !take(text, "[")) {
        skip_spaces(text);
        return read_name(text);
    }
    const mr_type *item = read_type(text);
    if (item == NULL) {
        return NULL;
    }
    if (!take(text, map ? ")" : "]")) {
        mr_check_error(text->check, text->node, "E211", NULL, "'%s' is missing in the type '%s'",
                       map ? ")" : "]", text->node->text);
        return NULL;
    }
    return compose(text->check, map ? MR_TYPE_MAP : MR_TYPE_ARRAY, item);
}

static const mr_type *nullable_of(mr_check *check, const mr_type *plain) {
    for (uint32_t i = 0; i < check->topology->types_count; i++) {
        if (check->topology->types[i].plain == plain) {
            return check->topology->types[i].nullable;
        }
    }
    mr_type *type = mr_arena_zalloc(check->arena, sizeof *type);
    *type = *plain;
    type->nullable = true;
    type->name = mr_arena_printf(check->arena, "%s|null", plain->name);
    return type;
}

static const mr_type *read_type(type_text *text) {
    if (++text->depth > MR_YAML_DEPTH_MAX) {
        mr_check_error(text->check, text->node, "E211", NULL, "the type is nested too deep");
        return NULL;
    }
    const mr_type *type = read_base(text);
    text->depth--;
    if (type == NULL || !take(text, "|")) {
        return type;
    }
    if (!take(text, "null")) {
        mr_check_error(text->check, text->node, "E211", "only null can stand behind |",
                       "no type: '%s'", text->node->text);
        return NULL;
    }
    return nullable_of(text->check, type);
}

/* Reads all of `source`; NULL: reported. */
static const mr_type *parse_type_text(mr_check *check, const mr_yaml_node *node,
                                      const char *source) {
    type_text text = {.check = check, .node = node, .at = source};
    const mr_type *type = read_type(&text);
    skip_spaces(&text);
    if (type != NULL && *text.at != '\0') {
        mr_check_error(check, node, "E211", NULL, "'%s' stands behind the type", text.at);
        return NULL;
    }
    return type;
}

/* `[Item]` is a YAML list of one text. */
static const mr_type *parse_type(mr_check *check, const mr_yaml_node *node) {
    if (node->kind == MR_YAML_SEQUENCE && node->count == 1) {
        const mr_type *item = parse_type(check, node->items[0]);
        return item == NULL ? NULL : compose(check, MR_TYPE_ARRAY, item);
    }
    if (node->kind != MR_YAML_SCALAR) {
        mr_check_error(check, node, "E211", "records inside records get a name of their own",
                       "a type is wanted, this is %s", mr_yaml_kind_name(node));
        return NULL;
    }
    return parse_type_text(check, node, node->text);
}

static int compare_types(const void *left, const void *right) {
    return strcmp(((const mr_topology_type *)left)->name, ((const mr_topology_type *)right)->name);
}

static int compare_fields(const void *left, const void *right) {
    return strcmp(((const mr_type_field *)left)->name, ((const mr_type_field *)right)->name);
}

static bool is_type_name(const char *text) {
    if (!((text[0] >= 'A' && text[0] <= 'Z') || (text[0] >= 'a' && text[0] <= 'z'))) {
        return false;
    }
    for (; *text != '\0'; text++) {
        if (!is_word_character(*text)) {
            return false;
        }
    }
    return true;
}

/* `{file: order.avsc}`: a schema's file, which comes with a later version. */
static bool is_schema_file(const mr_yaml_node *body) {
    const mr_yaml_node *file = mr_yaml_get(body, "file");
    return file != NULL && body->count == 1 && file->kind == MR_YAML_SCALAR &&
           strchr(file->text, '.') != NULL;
}

static void fill_record(mr_check *check, mr_topology_type *type) {
    const mr_yaml_node *body = type->body;
    if (is_schema_file(body)) {
        mr_check_refuse(check, body, "types: {file}");
        return;
    }
    if (body->kind != MR_YAML_MAPPING) {
        mr_check_error(check, body, "E211", "Order: {id: string, total: number}",
                       "type '%s' wants a mapping of fields", type->name);
        return;
    }
    mr_type_field *fields = mr_arena_alloc(check->arena, sizeof *fields * body->count + 1);
    uint32_t count = 0;
    for (uint32_t i = 0; i < body->count; i++) {
        const mr_yaml_node *key = body->entries[i].key;
        const mr_type *field = parse_type(check, body->entries[i].value);
        if (field != NULL) {
            fields[count++] = (mr_type_field){
                mr_arena_strndup(check->arena, key->text, strlen(key->text)), field};
        }
    }
    if (count > 0) {
        qsort(fields, count, sizeof *fields, compare_fields);
    }
    type->plain->fields = type->nullable->fields = fields;
    type->plain->fields_count = type->nullable->fields_count = count;
}

static mr_type *new_record(mr_check *check, const char *name) {
    mr_type *type = mr_arena_zalloc(check->arena, sizeof *type);
    type->kind = MR_TYPE_RECORD;
    type->name = name;
    return type;
}

static bool enter_type(mr_check *check, const mr_yaml_entry *entry, mr_topology_type *out) {
    const char *name = entry->key->text;
    if (!is_type_name(name)) {
        mr_check_error(check, entry->key, "E205", "a letter, then letters, digits and _",
                       "type '%s' is not a name", name);
        return false;
    }
    for (size_t i = 0; i < BUILTINS_COUNT; i++) {
        if (strcmp(builtins[i].name, name) == 0 || strcmp(name, "map") == 0 ||
            strcmp(name, "null") == 0) {
            mr_check_error(check, entry->key, "E206", NULL, "'%s' is a type of the language", name);
            return false;
        }
    }
    name = mr_arena_strndup(check->arena, name, strlen(name));
    mr_type *plain = new_record(check, name);
    mr_type *nullable = new_record(check, mr_arena_printf(check->arena, "%s|null", name));
    nullable->nullable = true;
    *out = (mr_topology_type){.name = name,
                              .key = entry->key,
                              .body = entry->value,
                              .plain = plain,
                              .nullable = nullable};
    return true;
}

void mr_check_types(mr_check *check, const mr_yaml_node *section) {
    if (section == NULL) {
        return;
    }
    if (section->kind != MR_YAML_MAPPING) {
        mr_check_error(check, section, "E105", NULL, "a mapping of types is wanted, this is %s",
                       mr_yaml_kind_name(section));
        return;
    }
    mr_topology *topology = check->topology;
    topology->types = mr_arena_alloc(check->arena, sizeof *topology->types * section->count + 1);
    for (uint32_t i = 0; i < section->count; i++) {
        topology->types_count +=
            enter_type(check, &section->entries[i], &topology->types[topology->types_count]);
    }
    if (topology->types_count > 0) {
        qsort(topology->types, topology->types_count, sizeof *topology->types, compare_types);
    }
    for (uint32_t i = 0; i < topology->types_count; i++) {
        fill_record(check, &topology->types[i]);
    }
}

void mr_check_unused_types(mr_check *check) {
    for (uint32_t i = 0; i < check->topology->types_count; i++) {
        const mr_topology_type *type = &check->topology->types[i];
        if (!type->used) {
            mr_diagnostics_add(check->diagnostics, MR_SEVERITY_WARNING, "W101", type->key->place,
                               mr_yaml_length(type->key), NULL, "type '%s' is not used",
                               type->name);
        }
    }
}

/* `json(Type)`: the text between the parentheses is a type. */
static mr_format typed_json(mr_check *check, const mr_yaml_node *node) {
    mr_format format = {.kind = MR_FORMAT_JSON};
    size_t length = strlen(node->text);
    if (node->text[length - 1] != ')') {
        mr_check_error(check, node, "E211", NULL, "')' is missing in the format '%s'", node->text);
        return format;
    }
    format.type =
        parse_type_text(check, node, mr_arena_strndup(check->arena, node->text + 5, length - 6));
    return format;
}

mr_format mr_check_format(mr_check *check, const mr_yaml_node *node) {
    static const char *const names[] = {"bytes", "string", "int", "float", "json"};
    mr_format format = {.kind = MR_FORMAT_BYTES};
    if (node == NULL || mr_check_text(check, node, "a format") == NULL) {
        return format;
    }
    if (strcmp(node->text, "csv") == 0 || strncmp(node->text, "csv(", 4) == 0) {
        mr_check_refuse(check, node, "csv");
        return format;
    }
    if (strncmp(node->text, "json(", 5) == 0) {
        return typed_json(check, node);
    }
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(names[i], node->text) == 0) {
            format.kind = (mr_format_kind)i;
            return format;
        }
    }
    mr_buf what = {0};
    mr_buf_printf(&what, "unknown format '%s'", node->text);
    mr_check_unknown(check, node, "E211", mr_buf_cstr(&what), format_words);
    mr_buf_deinit(&what);
    return format;
}
