/* Code texts and templates: what a text is, only the script language decides (LANGUAGE rule
 * 4). */
#include "runtime/base/assert.h"
#include "topologies/expr_compile.h"
#include "topologies/topology_check.h"

static const char *const quote_hint =
    "text with commas, brackets, braces or ': ' wants quotes or block style (|)";
static const char *const comment_hint =
    "` #` begins a comment in YAML: text that begins with # wants quotes";

static uint32_t characters_of(const char *text) {
    uint32_t count = 0;
    for (; *text != '\0'; text++) {
        count += ((uint8_t)*text & 0xc0) != 0x80;
    }
    return count;
}

mr_text_style mr_check_text_style(const mr_yaml_node *node) {
    if (node->style == MR_YAML_LITERAL) {
        return MR_TEXT_BLOCK;
    }
    if (node->style == MR_YAML_FOLDED || node->end.line != node->place.line) {
        return MR_TEXT_FOLDED;
    }
    if (node->style == MR_YAML_QUOTED) {
        bool escaped = mr_yaml_length(node) != characters_of(node->text) + 2;
        return escaped ? MR_TEXT_ESCAPED : MR_TEXT_PLAIN_LINE;
    }
    return node->in_braces ? MR_TEXT_IN_BRACES : MR_TEXT_PLAIN_LINE;
}

mr_place mr_check_text_place(const mr_yaml_node *node) {
    mr_text_style style = mr_check_text_style(node);
    bool inside = style != MR_TEXT_FOLDED && style != MR_TEXT_ESCAPED;
    return inside ? node->text_place : node->place;
}

static bool is_blank(const char *text) {
    return text[strspn(text, " \t\r\n")] == '\0';
}

static const mr_code *compile(mr_check *check, const char *text, mr_code_use use, uint32_t scope,
                              mr_place place, mr_text_style style, const char *label) {
    const mr_code_checker *checker = check->catalog->checker;
    mr_code_form form = MR_CODE_BODY;
    if (!checker->text(checker->self, text, use, scope, place, style, &form, check->diagnostics)) {
        return NULL;
    }
    mr_topology *topology = check->topology;
    MR_ASSERT(topology->codes_count < topology->codes_cap);
    mr_code *code = &topology->codes[topology->codes_count];
    *code = (mr_code){.id = topology->codes_count++,
                      .use = use,
                      .form = form,
                      .place = place,
                      .folded = style != MR_TEXT_BLOCK,
                      .text = text,
                      .label = label};
    if (form == MR_CODE_EXPRESSION) {
        code->native = mr_expr_compile(check->arena, text);
    }
    return code;
}

/* False: no text that could be code; reported. */
static bool check_text(mr_check *check, const mr_yaml_node *node) {
    if (node->kind != MR_YAML_SCALAR) {
        mr_check_error(check, node, "E105", quote_hint, "code is wanted, this is %s",
                       mr_yaml_kind_name(node));
        return false;
    }
    if (is_blank(node->text)) {
        if (!node->incomplete) {
            mr_check_error(check, node, "E400", node->in_braces ? quote_hint : comment_hint,
                           "code is wanted, nothing is here");
        }
        return false;
    }
    return true;
}

const mr_code *mr_check_code(mr_check *check, const mr_yaml_node *node, mr_code_use use,
                             uint32_t scope, const char *label) {
    if (!check_text(check, node)) {
        return NULL;
    }
    const char *text = mr_arena_strndup(check->arena, node->text, strlen(node->text));
    return compile(check, text, use, scope, mr_check_text_place(node), mr_check_text_style(node),
                   label);
}

/* Where byte `offset` of a scalar's text stands in the file. */
static mr_place place_inside(const mr_yaml_node *node, mr_text_style style, size_t offset) {
    mr_place place = mr_check_text_place(node);
    if (style == MR_TEXT_FOLDED || style == MR_TEXT_ESCAPED) {
        return place;
    }
    for (size_t i = 0; i < offset; i++) {
        if (node->text[i] == '\n') {
            place.line++;
            place.column = node->text_place.column;
        } else if (((uint8_t)node->text[i] & 0xc0) != 0x80) {
            place.column++;
        }
    }
    return place;
}

const mr_code *mr_check_code_part(mr_check *check, const mr_yaml_node *node, size_t offset,
                                  size_t length, mr_code_use use, uint32_t scope,
                                  const char *label) {
    MR_ASSERT(node->kind == MR_YAML_SCALAR && offset + length <= strlen(node->text));
    char *text = mr_arena_strndup(check->arena, node->text + offset, length);
    mr_text_style style = mr_check_text_style(node);
    mr_place place = place_inside(node, style, offset);
    if (style == MR_TEXT_BLOCK && strchr(text, '\n') == NULL) {
        style = MR_TEXT_PLAIN_LINE;
    }
    return compile(check, text, use, scope, place, style, label);
}

static bool fill_template(mr_check *check, const mr_yaml_node *node, uint32_t scope,
                          const char *label, mr_template *out) {
    if (node->kind == MR_YAML_SCALAR) {
        out->kind = MR_TEMPLATE_LEAF;
        out->code = mr_check_code(check, node, MR_CODE_VALUE, scope, label);
        return out->code != NULL;
    }
    bool object = node->kind == MR_YAML_MAPPING;
    mr_template *items = mr_arena_zalloc(check->arena, sizeof *items * node->count + 1);
    bool right = true;
    for (uint32_t i = 0; i < node->count; i++) {
        const mr_yaml_node *item = object ? node->entries[i].value : node->items[i];
        const char *item_label;
        if (object) {
            const char *name = node->entries[i].key->text;
            char *copy = mr_arena_strndup(check->arena, name, strlen(name));
            items[i].name = mr_bytes_text(copy);
            item_label = mr_arena_printf(check->arena, "%s.%s", label, name);
        } else {
            item_label = mr_arena_printf(check->arena, "%s[%u]", label, i + 1);
        }
        right = fill_template(check, item, scope, item_label, &items[i]) && right;
    }
    out->kind = object ? MR_TEMPLATE_OBJECT : MR_TEMPLATE_ARRAY;
    out->items = items;
    out->items_count = node->count;
    return right;
}

const mr_template *mr_check_template(mr_check *check, const mr_yaml_node *node, uint32_t scope,
                                     const char *label) {
    mr_template *template = mr_arena_zalloc(check->arena, sizeof *template);
    return fill_template(check, node, scope, label, template) ? template : NULL;
}
