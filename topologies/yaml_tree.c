#include "topologies/yaml_tree.h"

#include <yaml.h>

#include "runtime/base/alloc.h"
#include "runtime/base/assert.h"
#include "runtime/base/limits.h"
#include "runtime/base/map.h"
#include "topologies/source_lines.h"

typedef struct builder {
    yaml_parser_t parser;
    mr_arena *arena;
    mr_diagnostics *diagnostics;
    mr_source_lines lines;
    size_t mark_bytes; /* of a byte order mark, which the parser does not see */
    mr_map *anchors;   /* name -> node; the node under construction is not there yet */
    uint32_t nodes;    /* so far, aliases expanded */
    uint32_t aliases;
    uint32_t braces; /* {} and [] around */
    bool failed;     /* nothing more can be read */
} builder;

/* Collects the children of one node; the arena takes the final array. */
typedef struct children {
    void *data;
    uint32_t count, cap;
} children;

static mr_place place_of(yaml_mark_t mark) {
    return (mr_place){.line = (uint32_t)mark.line + 1, .column = (uint32_t)mark.column + 1};
}

static void fail(builder *b, const char *code, mr_place place, const char *hint,
                 const char *message) {
    if (!b->failed) {
        mr_diagnostics_add(b->diagnostics, MR_SEVERITY_ERROR, code, place, 1, hint, "%s", message);
        b->failed = true;
    }
}

static size_t leading_spaces(mr_bytes line) {
    size_t count = 0;
    while (count < line.len && line.data[count] == ' ') {
        count++;
    }
    return count;
}

/* What libyaml says, and what is nearly always the cause. The first that fits. */
static const struct {
    const char *part; /* of its message */
    const char *hint;
} syntax_hints[] = {
    {"expected ',' or",
     "text with commas, brackets, braces or colons wants quotes or block style (|)"},
    {"flow", "text with commas, brackets, braces or colons wants quotes or block style (|)"},
    {"tab", "YAML indents with spaces"},
    {"cannot start any token",
     "YAML indents with spaces; text that begins with % @ ` { [ & * ! | > ' \" # wants quotes"},
    {"mapping values are not allowed",
     "text with ': ' inside wants quotes or block style (|); or the line stands too deep"},
    {"entries are not allowed", "text that begins with - wants quotes or block style (|)"},
    {"keys are not allowed", "text that begins with ? wants quotes or block style (|)"},
    {"comment or line break", "the text of a block begins on the next line"},
    {"escape character", "\\ begins an escape in double quotes: single quotes, or block style (|)"},
    {"unexpected end of stream", "this quote is not closed"},
    {"could not find expected ':'", "is this a key without ':', or text that should stand deeper?"},
    {"expected '-' indicator", "this line stands neither under the '-' before it nor deeper"},
};

static const char *syntax_hint(const builder *b, const char *problem, mr_place place) {
    for (size_t i = 0; i < sizeof syntax_hints / sizeof syntax_hints[0]; i++) {
        if (strstr(problem, syntax_hints[i].part) != NULL) {
            return syntax_hints[i].hint;
        }
    }
    if (strstr(problem, "expected key") == NULL) {
        return NULL;
    }
    bool begins_line = leading_spaces(mr_source_line(&b->lines, place.line)) + 1 >= place.column;
    return begins_line
               ? "this line stands neither under the keys before it nor deeper"
               : "text that begins with a quote ends with it: quote all of it, or block style (|)";
}

/* Where an error is; behind the end of the file stands nothing that would show it. */
static mr_place error_place(const builder *b) {
    const yaml_parser_t *parser = &b->parser;
    if (parser->error == YAML_READER_ERROR) {
        /* The reader is far ahead of its marks. */
        return mr_source_place(&b->lines, b->mark_bytes + parser->problem_offset);
    }
    bool at_end = parser->problem != NULL && strstr(parser->problem, "end of stream") != NULL;
    return place_of(at_end && parser->context != NULL ? parser->context_mark
                                                      : parser->problem_mark);
}

static void report_syntax(builder *b) {
    const char *problem = b->parser.problem == NULL ? "cannot be read" : b->parser.problem;
    const char *context = b->parser.context;
    mr_place place = error_place(b);
    mr_buf message = {0};
    if (context != NULL) {
        mr_place begin = place_of(b->parser.context_mark);
        mr_buf_put_text(&message, context);
        if (begin.line != place.line) {
            mr_buf_printf(&message, " (from line %u)", begin.line);
        }
        mr_buf_put_text(&message, ": ");
    }
    mr_diagnostics_add(b->diagnostics, MR_SEVERITY_ERROR, "E101", place, 1,
                       syntax_hint(b, problem, place), "YAML: %s%s", mr_buf_cstr(&message),
                       problem);
    mr_buf_deinit(&message);
}

static bool next_event(builder *b, yaml_event_t *event) {
    if (b->failed) {
        return false;
    }
    if (yaml_parser_parse(&b->parser, event)) {
        return true;
    }
    report_syntax(b);
    b->failed = true;
    return false;
}

static void *children_add(children *list, size_t item_bytes) {
    if (list->count == list->cap) {
        list->cap = list->cap == 0 ? 8 : list->cap * 2;
        list->data = mr_realloc(list->data, list->cap * item_bytes);
    }
    return (uint8_t *)list->data + item_bytes * list->count++;
}

static const void *children_take(builder *b, children *list, size_t item_bytes) {
    void *out = mr_arena_alloc(b->arena, list->count * item_bytes + 1);
    if (list->count > 0) {
        memcpy(out, list->data, list->count * item_bytes);
    }
    mr_free(list->data);
    return out;
}

/* Counts a node against the limits; false: the file is refused. */
static bool take_nodes(builder *b, mr_place place, uint32_t nodes, uint32_t depth) {
    if (depth > MR_YAML_DEPTH_MAX) {
        fail(b, "E102", place, NULL, "nested too deep");
    } else if (nodes > MR_YAML_NODES_MAX - b->nodes) {
        fail(b, "E102", place, NULL, "too many nodes in one file");
    } else {
        b->nodes += nodes;
    }
    return !b->failed;
}

static void refuse_tag(builder *b, mr_yaml_node *node, const yaml_char_t *tag) {
    if (tag != NULL) {
        node->incomplete = true;
        mr_diagnostics_add(b->diagnostics, MR_SEVERITY_ERROR, "E103", node->place, 1,
                           "text that begins with ! wants quotes; Lua writes `not`",
                           "YAML tags are not part of the language: '%s'", (const char *)tag);
    }
}

/* The column of a block's text: how far its first written line stands further in than in the file.
 */
static uint32_t block_column(const builder *b, const mr_yaml_node *node) {
    const char *at = node->text;
    for (uint32_t line = node->place.line + 1; *at != '\0'; line++) {
        mr_bytes text = mr_bytes_of(at, strcspn(at, "\n"));
        size_t inside = leading_spaces(text);
        size_t outside = leading_spaces(mr_source_line(&b->lines, line));
        if (inside < text.len && outside >= inside) {
            return (uint32_t)(outside - inside) + 1;
        }
        at += text.len + (at[text.len] == '\n');
    }
    return 1;
}

/* A block scalar is marked at its `|`; its text begins on the next line, behind the indentation. */
static mr_place text_place(const builder *b, const mr_yaml_node *node) {
    mr_place place = node->place;
    if (node->style == MR_YAML_QUOTED) {
        place.column++;
    } else if (node->style == MR_YAML_LITERAL || node->style == MR_YAML_FOLDED) {
        place.line++;
        place.column = block_column(b, node);
    }
    return place;
}

static mr_yaml_style style_of(yaml_scalar_style_t style) {
    switch (style) {
    case YAML_SINGLE_QUOTED_SCALAR_STYLE:
    case YAML_DOUBLE_QUOTED_SCALAR_STYLE:
        return MR_YAML_QUOTED;
    case YAML_LITERAL_SCALAR_STYLE:
        return MR_YAML_LITERAL;
    case YAML_FOLDED_SCALAR_STYLE:
        return MR_YAML_FOLDED;
    default:
        return MR_YAML_PLAIN;
    }
}

static void build_scalar(builder *b, mr_yaml_node *node, const yaml_event_t *event) {
    const char *text = (const char *)event->data.scalar.value;
    size_t length = event->data.scalar.length;
    if (memchr(text, '\0', length) != NULL) {
        fail(b, "E102", node->place, NULL, "a NUL character inside a text");
        length = 0;
    }
    refuse_tag(b, node, event->data.scalar.tag);
    node->kind = MR_YAML_SCALAR;
    node->style = style_of(event->data.scalar.style);
    node->text = mr_arena_strndup(b->arena, text, length);
    node->text_place = text_place(b, node);
}

static mr_yaml_node *build_node(builder *b, yaml_event_t *event, uint32_t depth);

static void grow(mr_yaml_node *node, const mr_yaml_node *child) {
    node->nodes_count += child->nodes_count;
    if (child->height >= node->height) {
        node->height = child->height + 1;
    }
}

static void build_sequence(builder *b, mr_yaml_node *node, uint32_t depth) {
    children items = {0};
    yaml_event_t event;
    while (next_event(b, &event)) {
        if (event.type == YAML_SEQUENCE_END_EVENT) {
            node->end = place_of(event.end_mark);
            yaml_event_delete(&event);
            break;
        }
        const mr_yaml_node *item = build_node(b, &event, depth + 1);
        if (item != NULL) {
            *(const mr_yaml_node **)children_add(&items, sizeof item) = item;
            grow(node, item);
        }
    }
    node->count = items.count;
    node->items = children_take(b, &items, sizeof(mr_yaml_node *));
}

/* Reports a key that cannot stand; false: its entry is left out. */
static bool check_key(builder *b, mr_map *keys, mr_yaml_node *mapping, const mr_yaml_node *key) {
    if (key->kind != MR_YAML_SCALAR) {
        mapping->incomplete = true;
        mr_diagnostics_add(b->diagnostics, MR_SEVERITY_ERROR, "E105", key->place,
                           mr_yaml_length(key), "text with braces or brackets wants quotes",
                           "a key must be a text, not %s", mr_yaml_kind_name(key));
        return false;
    }
    if (key->style == MR_YAML_PLAIN && strcmp(key->text, "<<") == 0) {
        mapping->incomplete = true;
        mr_diagnostics_add(b->diagnostics, MR_SEVERITY_ERROR, "E103", key->place, 2, NULL,
                           "merge keys are not part of the language");
        return false;
    }
    const mr_yaml_node *first = mr_map_get(keys, mr_bytes_text(key->text));
    if (first != NULL) {
        mr_diagnostics_add(b->diagnostics, MR_SEVERITY_ERROR, "E104", key->place,
                           mr_yaml_length(key), NULL, "key '%s' stands already at line %u",
                           key->text, first->place.line);
        return false;
    }
    mr_map_put(keys, mr_bytes_text(key->text), (void *)(uintptr_t)key);
    return true;
}

static void build_mapping(builder *b, mr_yaml_node *node, uint32_t depth) {
    children entries = {0};
    mr_map *keys = mr_map_create();
    yaml_event_t event;
    while (next_event(b, &event)) {
        if (event.type == YAML_MAPPING_END_EVENT) {
            node->end = place_of(event.end_mark);
            yaml_event_delete(&event);
            break;
        }
        const mr_yaml_node *key = build_node(b, &event, depth + 1);
        if (!next_event(b, &event)) {
            break;
        }
        const mr_yaml_node *value = build_node(b, &event, depth + 1);
        if (key == NULL || value == NULL) {
            continue;
        }
        grow(node, key);
        grow(node, value);
        if (check_key(b, keys, node, key)) {
            *(mr_yaml_entry *)children_add(&entries, sizeof(mr_yaml_entry)) =
                (mr_yaml_entry){key, value};
        }
    }
    mr_map_destroy(keys);
    node->count = entries.count;
    node->entries = children_take(b, &entries, sizeof(mr_yaml_entry));
}

static mr_yaml_node *follow_alias(builder *b, const yaml_event_t *event, uint32_t depth) {
    const char *name = (const char *)event->data.alias.anchor;
    mr_place place = place_of(event->start_mark);
    mr_yaml_node *node = mr_map_get(b->anchors, mr_bytes_text(name));
    if (node == NULL) {
        fail(b, "E103", place, "text that begins with * wants quotes",
             "this alias names no anchor before it, or one it stands in");
    } else if (++b->aliases > MR_YAML_ALIASES_MAX) {
        fail(b, "E102", place, NULL, "too many aliases in one file");
    } else {
        take_nodes(b, place, node->nodes_count, depth + node->height - 1);
    }
    return b->failed ? NULL : node;
}

/* Takes the event and all that belongs to it. NULL: failed. */
static mr_yaml_node *build_node(builder *b, yaml_event_t *event, uint32_t depth) {
    if (event->type == YAML_ALIAS_EVENT) {
        mr_yaml_node *named = follow_alias(b, event, depth);
        yaml_event_delete(event);
        return named;
    }
    mr_yaml_node *node = mr_arena_zalloc(b->arena, sizeof *node);
    node->place = place_of(event->start_mark);
    node->end = place_of(event->end_mark);
    node->text_place = node->place;
    node->nodes_count = 1;
    node->height = 1;
    node->in_braces = b->braces > 0;
    const yaml_char_t *anchor = NULL;
    if (!take_nodes(b, node->place, 1, depth)) {
        yaml_event_delete(event);
        return NULL;
    }
    if (event->type == YAML_SCALAR_EVENT) {
        build_scalar(b, node, event);
        anchor = event->data.scalar.anchor;
    } else if (event->type == YAML_SEQUENCE_START_EVENT) {
        refuse_tag(b, node, event->data.sequence_start.tag);
        anchor = event->data.sequence_start.anchor;
        node->kind = MR_YAML_SEQUENCE;
        uint32_t braces = event->data.sequence_start.style == YAML_FLOW_SEQUENCE_STYLE;
        b->braces += braces;
        build_sequence(b, node, depth);
        b->braces -= braces;
    } else {
        MR_ASSERT(event->type == YAML_MAPPING_START_EVENT);
        refuse_tag(b, node, event->data.mapping_start.tag);
        anchor = event->data.mapping_start.anchor;
        node->kind = MR_YAML_MAPPING;
        uint32_t braces = event->data.mapping_start.style == YAML_FLOW_MAPPING_STYLE;
        b->braces += braces;
        build_mapping(b, node, depth);
        b->braces -= braces;
    }
    if (anchor != NULL) {
        mr_map_put(b->anchors, mr_bytes_text((const char *)anchor), node);
    }
    yaml_event_delete(event);
    return b->failed ? NULL : node;
}

static const mr_yaml_node *build_document(builder *b) {
    const mr_yaml_node *root = NULL;
    yaml_event_t event;
    while (next_event(b, &event)) {
        yaml_event_type_t type = event.type;
        if (type == YAML_STREAM_END_EVENT) {
            yaml_event_delete(&event);
            break;
        }
        if (type == YAML_STREAM_START_EVENT || type == YAML_DOCUMENT_START_EVENT ||
            type == YAML_DOCUMENT_END_EVENT) {
            if (type == YAML_DOCUMENT_START_EVENT && root != NULL) {
                fail(b, "E102", place_of(event.start_mark), NULL, "one file is one document");
            }
            yaml_event_delete(&event);
            continue;
        }
        root = build_node(b, &event, 1);
    }
    return b->failed ? NULL : root;
}

void mr_yaml_tree_parse(mr_yaml_tree *tree, mr_bytes text, mr_diagnostics *diagnostics) {
    *tree = (mr_yaml_tree){.arena = mr_arena_create(16384)};
    if (text.len > MR_YAML_BYTES_MAX) {
        mr_diagnostics_add(diagnostics, MR_SEVERITY_ERROR, "E102", (mr_place){0}, 1, NULL,
                           "the file has %zu bytes, at most %d are read", text.len,
                           MR_YAML_BYTES_MAX);
        return;
    }
    builder b = {.arena = tree->arena, .diagnostics = diagnostics, .anchors = mr_map_create()};
    mr_source_lines_init(&b.lines, text);
    if (!yaml_parser_initialize(&b.parser)) {
        mr_assert_failed("out of memory", __FILE__, __LINE__);
    }
    yaml_parser_set_encoding(&b.parser, YAML_UTF8_ENCODING);
    b.mark_bytes = mr_source_mark_bytes(text);
    const uint8_t *begin = text.data == NULL ? (const uint8_t *)"" : text.data + b.mark_bytes;
    yaml_parser_set_input_string(&b.parser, begin, text.len - b.mark_bytes);
    tree->root = build_document(&b);
    if (tree->root == NULL && !b.failed) {
        mr_diagnostics_add(diagnostics, MR_SEVERITY_ERROR, "E102", (mr_place){1, 1}, 1, NULL,
                           "the file is empty");
    }
    yaml_parser_delete(&b.parser);
    mr_source_lines_deinit(&b.lines);
    mr_map_destroy(b.anchors);
}

void mr_yaml_tree_deinit(mr_yaml_tree *tree) {
    mr_arena_destroy(tree->arena);
    *tree = (mr_yaml_tree){0};
}

const mr_yaml_node *mr_yaml_get(const mr_yaml_node *mapping, const char *key) {
    if (mapping == NULL || mapping->kind != MR_YAML_MAPPING) {
        return NULL;
    }
    for (uint32_t i = 0; i < mapping->count; i++) {
        if (strcmp(mapping->entries[i].key->text, key) == 0) {
            return mapping->entries[i].value;
        }
    }
    return NULL;
}

bool mr_yaml_is_nothing(const mr_yaml_node *node) {
    return node->kind == MR_YAML_SCALAR && node->style == MR_YAML_PLAIN &&
           (node->text[0] == '\0' || strcmp(node->text, "~") == 0 ||
            strcmp(node->text, "null") == 0);
}

uint32_t mr_yaml_length(const mr_yaml_node *node) {
    if (node->end.line == node->place.line && node->end.column > node->place.column) {
        return node->end.column - node->place.column;
    }
    return 1;
}

const char *mr_yaml_kind_name(const mr_yaml_node *node) {
    switch (node->kind) {
    case MR_YAML_SCALAR:
        return mr_yaml_is_nothing(node) ? "nothing" : "a text";
    case MR_YAML_SEQUENCE:
        return "a list";
    default:
        return "a mapping";
    }
}
