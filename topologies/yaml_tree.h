/* topologies/yaml_tree.h - a YAML text as a tree whose every node knows its place.
 *
 * The subset of LANGUAGE rule 1: one document, no tags, no merge keys, no key twice, keys are
 * scalars, aliases stand for the node they name, within limits of bytes, depth and nodes (an alias
 * counts as all that it stands for). Thread: owner only.
 */
#pragma once

#include "runtime/base/arena.h"
#include "topologies/diagnostics.h"

/* More aliases than this in one file are a mistake or an attack. */
#define MR_YAML_ALIASES_MAX 1000

typedef enum mr_yaml_kind { MR_YAML_SCALAR, MR_YAML_SEQUENCE, MR_YAML_MAPPING } mr_yaml_kind;
typedef enum mr_yaml_style {
    MR_YAML_PLAIN,
    MR_YAML_QUOTED,
    MR_YAML_LITERAL, /* | */
    MR_YAML_FOLDED,  /* > */
} mr_yaml_style;

typedef struct mr_yaml_node mr_yaml_node;
typedef struct mr_yaml_entry {
    const mr_yaml_node *key; /* a scalar */
    const mr_yaml_node *value;
} mr_yaml_entry;

struct mr_yaml_node {
    mr_yaml_kind kind;
    mr_yaml_style style;              /* scalars */
    mr_place place;                   /* of the node's first character, `|` and quotes included */
    mr_place end;                     /* behind its last one */
    mr_place text_place;              /* of the first character of a scalar's text */
    const char *text;                 /* scalars: NUL-terminated, no NUL inside; else NULL */
    const mr_yaml_node *const *items; /* sequences */
    const mr_yaml_entry *entries;     /* mappings, in the order written */
    uint32_t count;                   /* of items or entries */
    uint32_t nodes_count;             /* in the subtree, aliases counted as what they stand for */
    uint32_t height;                  /* 1: a scalar */
    bool in_braces;                   /* inside of {} or [], where commas and brackets end a text */
    bool incomplete; /* something of it is refused and left out: what is missing was reported */
};

typedef struct mr_yaml_tree {
    mr_arena *arena;
    const mr_yaml_node *root; /* NULL: see diagnostics */
} mr_yaml_tree;

/* The texts of the tree are its own. Problems go to diagnostics: the first YAML syntax error, else
 * all others; a tree with problems may still have a root, so that the rest of the file can be
 * checked too. */
void mr_yaml_tree_parse(mr_yaml_tree *tree, mr_bytes text, mr_diagnostics *diagnostics);
void mr_yaml_tree_deinit(mr_yaml_tree *tree);
/* The value of a key, NULL: none, or no mapping (NULL is fine). */
const mr_yaml_node *mr_yaml_get(const mr_yaml_node *mapping, const char *key);
/* A plain scalar without text, `~` or `null`: YAML's way to say nothing. */
bool mr_yaml_is_nothing(const mr_yaml_node *node);
/* Characters the caret underlines. */
uint32_t mr_yaml_length(const mr_yaml_node *node);
/* "a text", "a list", "a mapping", "nothing". */
const char *mr_yaml_kind_name(const mr_yaml_node *node);
