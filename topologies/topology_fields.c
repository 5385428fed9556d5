/* The leaves of `fields`: exactly one call each, or key, window.start, window.stop. */
#include "runtime/base/assert.h"
#include "runtime/base/limits.h"
#include "topologies/topology_check.h"

static const char *const functions[] = {"count", "sum",  "avg",      "min", "max",
                                        "first", "last", "distinct", NULL};
static const mr_aggregate_function function_kinds[] = {
    MR_AGGREGATE_COUNT, MR_AGGREGATE_SUM,   MR_AGGREGATE_AVG,  MR_AGGREGATE_MIN,
    MR_AGGREGATE_MAX,   MR_AGGREGATE_FIRST, MR_AGGREGATE_LAST, MR_AGGREGATE_DISTINCT};
static const char *const functions_later[] = {"collect", "top", NULL};
static const char *const leaf_hint =
    "one call of count sum avg min max first last distinct, or key, window.start, window.stop";

/* Where the fields of one step are gathered, depth first, in the order written. */
typedef struct gathering {
    mr_check *check;
    mr_topology_step *step;
    mr_aggregate_field *fields;
    uint32_t count;
    mr_buf text;                       /* canonical, for the store's definition */
    mr_bytes names[MR_YAML_DEPTH_MAX]; /* of the mappings around the leaf */
    uint32_t depth;
} gathering;

/* name ( argument ), cut out of the leaf's text. */
typedef struct leaf_call {
    char name[32];
    size_t argument; /* offset in the text */
    size_t argument_length;
    bool has_parentheses;
    bool has_comma; /* between arguments */
} leaf_call;

static bool is_space(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* The offset behind the parenthesis that closes the one before `at`; 0: none. Tells whether a comma
 * stands between the two, outside of other brackets. */
static size_t closing_of(const char *text, size_t at, bool *has_comma_out) {
    size_t depth = 1;
    char quote = '\0';
    *has_comma_out = false;
    for (; text[at] != '\0'; at++) {
        char c = text[at];
        if (quote != '\0') {
            if (c == '\\' && text[at + 1] != '\0') {
                at++;
            } else if (c == quote) {
                quote = '\0';
            }
        } else if (c == '\'' || c == '"') {
            quote = c;
        } else if (c == ',' && depth == 1) {
            *has_comma_out = true;
        } else if (c == '(' || c == '[' || c == '{') {
            depth++;
        } else if ((c == ')' || c == ']' || c == '}') && --depth == 0) {
            return c == ')' ? at + 1 : 0;
        }
    }
    return 0;
}

static bool read_call(const char *text, leaf_call *out) {
    size_t at = strspn(text, " \t\r\n");
    size_t length = strspn(text + at, "abcdefghijklmnopqrstuvwxyz_.");
    if (length == 0 || length >= sizeof out->name) {
        return false;
    }
    *out = (leaf_call){0};
    memcpy(out->name, text + at, length);
    at += length;
    at += strspn(text + at, " \t\r\n");
    if (text[at] == '\0') {
        return true;
    }
    if (text[at] != '(') {
        return false;
    }
    size_t end = closing_of(text, at + 1, &out->has_comma);
    if (end == 0 || text[end + strspn(text + end, " \t\r\n")] != '\0') {
        return false;
    }
    size_t first = at + 1, behind = end - 1;
    while (first < behind && is_space(text[first])) {
        first++;
    }
    while (behind > first && is_space(text[behind - 1])) {
        behind--;
    }
    out->argument = first;
    out->argument_length = behind - first;
    out->has_parentheses = true;
    return true;
}

/* key, window.start, window.stop; false: none of them. */
static bool check_word(gathering *g, const mr_yaml_node *leaf, const leaf_call *call,
                       mr_aggregate_field *field) {
    bool start = strcmp(call->name, "window.start") == 0;
    bool stop = strcmp(call->name, "window.stop") == 0;
    if (!start && !stop && strcmp(call->name, "key") != 0) {
        return false;
    }
    if ((start || stop) && g->step->node.aggregate.window.kind == MR_WINDOW_NONE) {
        mr_check_error(g->check, leaf, "E212", NULL, "'%s' without a window", call->name);
    }
    field->function = start  ? MR_AGGREGATE_WINDOW_START
                      : stop ? MR_AGGREGATE_WINDOW_STOP
                             : MR_AGGREGATE_KEY;
    return true;
}

/* The function a call names, as an index; -1: reported. */
static int find_function(mr_check *check, const mr_yaml_node *leaf, const leaf_call *call) {
    for (int i = 0; functions[i] != NULL; i++) {
        if (strcmp(functions[i], call->name) == 0) {
            return i;
        }
    }
    if (mr_words_have(functions_later, call->name)) {
        mr_check_refuse(check, leaf, call->name);
        return -1;
    }
    const char *nearest = mr_suggest(call->name, functions, mr_words_count(functions));
    if (nearest != NULL) {
        mr_check_error(check, leaf, "E212", leaf_hint, "unknown function '%s', did you mean '%s'?",
                       call->name, nearest);
    } else {
        mr_check_error(check, leaf, "E212", leaf_hint, "unknown function '%s'", call->name);
    }
    return -1;
}

static void check_call(gathering *g, const mr_yaml_node *leaf, const leaf_call *call,
                       const char *label, mr_aggregate_field *field) {
    int function = find_function(g->check, leaf, call);
    if (function < 0) {
        return;
    }
    field->function = function_kinds[function];
    if (call->has_comma) {
        mr_check_error(g->check, leaf, "E212", NULL, "'%s' takes one argument", call->name);
        return;
    }
    if (call->argument_length == 0) {
        if (field->function != MR_AGGREGATE_COUNT) {
            mr_check_error(g->check, leaf, "E212", NULL, "'%s' wants what to take: %s(value.x)",
                           call->name, call->name);
        }
        return;
    }
    if (field->function == MR_AGGREGATE_COUNT) {
        field->function = MR_AGGREGATE_COUNT_IF;
    }
    uint32_t scope = MR_SCOPE_RECORD | (g->step->node.windowed ? MR_SCOPE_WINDOW : 0);
    mr_code_use use = field->function == MR_AGGREGATE_COUNT_IF ? MR_CODE_CONDITION : MR_CODE_VALUE;
    field->argument = mr_check_code_part(g->check, leaf, call->argument, call->argument_length, use,
                                         scope, label);
    bool ordered = field->function == MR_AGGREGATE_FIRST || field->function == MR_AGGREGATE_LAST;
    if (ordered && g->step->first_or_last.line == 0) {
        g->step->first_or_last = leaf->place;
    }
}

/* Spaces between words are no part of a definition, those inside strings are. */
static void put_canonical(mr_buf *out, const char *text) {
    char quote = '\0';
    text += strspn(text, " \t\r\n");
    for (; *text != '\0'; text++) {
        if (quote == '\0' && is_space(*text)) {
            text += strspn(text, " \t\r\n");
            if (*text == '\0') {
                return;
            }
            mr_buf_put_u8(out, ' ');
        }
        if (quote != '\0' && *text == '\\' && text[1] != '\0') {
            mr_buf_put_u8(out, (uint8_t)*text++);
        } else if (*text == quote) {
            quote = '\0';
        } else if (quote == '\0' && (*text == '\'' || *text == '"')) {
            quote = *text;
        }
        mr_buf_put_u8(out, *text == '\n' ? ' ' : (uint8_t)*text);
    }
}

/* No call: in braces YAML takes a comma inside of one for the end of the text. */
static void report_leaf(mr_check *check, const mr_yaml_node *leaf) {
    const char *text = leaf->kind == MR_YAML_SCALAR ? leaf->text : "";
    size_t length = strcspn(text, "(");
    for (size_t i = 0; functions_later[i] != NULL; i++) {
        if (strlen(functions_later[i]) == length &&
            strncmp(functions_later[i], text, length) == 0) {
            mr_check_refuse(check, leaf, functions_later[i]);
            return;
        }
    }
    bool is_open = text[length] == '(' && strchr(text, ')') == NULL;
    bool is_cut = leaf->in_braces && (is_open || (leaf->kind == MR_YAML_SCALAR && text[0] == '\0'));
    if (is_open && !is_cut) {
        mr_check_error(check, leaf, "E212", leaf_hint, "the bracket is not closed");
        return;
    }
    mr_check_error(check, leaf, "E212",
                   is_cut ? "text with commas wants quotes or a line of its own" : leaf_hint,
                   "a leaf of 'fields' is one call");
}

static void check_leaf(gathering *g, const mr_yaml_node *leaf, const char *label) {
    mr_aggregate_field *field = &g->fields[g->count++];
    mr_bytes *names = mr_arena_alloc(g->check->arena, sizeof *names * g->depth);
    memcpy(names, g->names, sizeof *names * g->depth);
    field->path = (mr_path){.names = names, .names_count = g->depth};
    leaf_call call;
    if (leaf->kind != MR_YAML_SCALAR || !read_call(leaf->text, &call)) {
        report_leaf(g->check, leaf);
        return;
    }
    if (!call.has_parentheses && check_word(g, leaf, &call, field)) {
        put_canonical(&g->text, leaf->text);
    } else if (!call.has_parentheses) {
        mr_check_error(g->check, leaf, "E212", leaf_hint, "'%s' is no call", call.name);
    } else {
        check_call(g, leaf, &call, label, field);
        put_canonical(&g->text, leaf->text);
    }
}

/* A name as it is, in quotes where it could be read as something else. */
static void put_name(mr_buf *out, const char *name) {
    if (name[strcspn(name, ",:{}\"\\ ")] == '\0') {
        mr_buf_put_text(out, name);
        return;
    }
    mr_buf_put_u8(out, '"');
    for (; *name != '\0'; name++) {
        if (*name == '"' || *name == '\\') {
            mr_buf_put_u8(out, '\\');
        }
        mr_buf_put_u8(out, (uint8_t)*name);
    }
    mr_buf_put_u8(out, '"');
}

static void gather(gathering *g, const mr_yaml_node *mapping, const char *label) {
    for (uint32_t i = 0; i < mapping->count; i++) {
        const mr_yaml_entry *entry = &mapping->entries[i];
        const char *name = entry->key->text;
        char *copy = mr_arena_strndup(g->check->arena, name, strlen(name));
        MR_ASSERT(g->depth < sizeof g->names / sizeof g->names[0]);
        g->names[g->depth++] = mr_bytes_text(copy);
        mr_buf_put_text(&g->text, i == 0 ? "" : ",");
        put_name(&g->text, name);
        mr_buf_put_u8(&g->text, ':');
        const char *inner = mr_arena_printf(g->check->arena, "%s.%s", label, name);
        if (entry->value->kind == MR_YAML_MAPPING && entry->value->count > 0) {
            mr_buf_put_u8(&g->text, '{');
            gather(g, entry->value, inner);
            mr_buf_put_u8(&g->text, '}');
        } else {
            check_leaf(g, entry->value, inner);
        }
        g->depth--;
    }
}

void mr_check_fields(mr_check *check, const mr_yaml_node *fields, mr_topology_step *step,
                     const char *label) {
    if (fields->kind != MR_YAML_MAPPING || fields->count == 0) {
        mr_check_error(check, fields, "E105", "fields: {orders: count()}",
                       "'fields' wants a mapping of names");
        return;
    }
    gathering g = {.check = check, .step = step};
    g.fields = mr_arena_zalloc(check->arena, sizeof *g.fields * fields->nodes_count);
    gather(&g, fields, mr_arena_printf(check->arena, "%s.fields", label));
    step->node.aggregate.fields = g.fields;
    step->node.aggregate.fields_count = g.count;
    step->fields_text = mr_arena_strndup(check->arena, mr_buf_cstr(&g.text), g.text.len);
    mr_buf_deinit(&g.text);
}
