/* topologies/topology_check.h - the parts of the check and what they share. Inside this folder
 * only. Every function reports its problems to check->diagnostics and goes on, so that one run
 * finds all. Thread: owner only. */
#pragma once

#include "topologies/topology_model.h"

/* Pipelines of one job: circles and orders are found by recursion over them. */
#define MR_PIPELINES_MAX 1000

/* An unknown key of a mapping, and the known one that was probably meant. */
typedef struct mr_misspelt mr_misspelt;
struct mr_misspelt {
    const mr_yaml_node *mapping;
    const char *meant;
    const mr_misspelt *next;
};

/* A file or folder that a connector names. */
typedef struct mr_used_path mr_used_path;
struct mr_used_path {
    const char *text;
    const char *connector; /* its name in the job */
    bool is_written;       /* by a sink */
    const mr_yaml_node *node;
    const mr_used_path *next;
};

typedef struct mr_check {
    mr_topology *topology;
    const mr_catalog *catalog;
    mr_diagnostics *diagnostics;
    mr_arena *arena;                 /* the topology's */
    const mr_yaml_node *default_key; /* formats of `defaults`; NULL: none */
    const mr_yaml_node *default_value;
    const mr_yaml_node *default_time;
    bool default_time_taken;     /* by some stream */
    const mr_misspelt *misspelt; /* reported so far */
    const mr_used_path *paths;   /* seen so far */
} mr_check;

/* A closed set of keys: what this version executes, and what the language has beside.
 * NULL-terminated. */
typedef struct mr_key_set {
    const char *where; /* "in window" */
    const char *const *known;
    const char *const *later; /* refused by name; NULL: none */
} mr_key_set;

typedef enum mr_presence { MR_OPTIONAL, MR_REQUIRED } mr_presence;

/* ---- messages (topology_report.c) ---- */

/* An error at a node; hint may be NULL. */
void mr_check_error(mr_check *check, const mr_yaml_node *node, const char *code, const char *hint,
                    const char *format, ...) MR_PRINTF(5, 6);
/* E204: `what` belongs to the language, not to this version. */
void mr_check_refuse(mr_check *check, const mr_yaml_node *node, const char *what);
/* An error about an unknown word, with the nearest of the NULL-terminated candidates, which it
 * gives; NULL: none is near. */
const char *mr_check_unknown(mr_check *check, const mr_yaml_node *node, const char *code,
                             const char *what, const char *const *candidates);
size_t mr_words_count(const char *const *words);
bool mr_words_have(const char *const *words, const char *word);

/* ---- reading a node as something (topology_report.c) ---- */

/* Reports keys outside the set; false: the node is no mapping. */
bool mr_check_keys(mr_check *check, const mr_yaml_node *mapping, const mr_key_set *set);
/* Remembers what an unknown key was meant to be; NULL: nobody knows. */
void mr_check_misspelt(mr_check *check, const mr_yaml_node *mapping, const char *meant);
/* Whether a key is missing and nothing that was reported before explains why: a misspelt key, a
 * part of the mapping that was left out. */
bool mr_check_lacks(const mr_check *check, const mr_yaml_node *mapping, const char *key);
/* The value of a key; NULL: missing (an error at `owner` if required) or nothing was written behind
 * it. */
const mr_yaml_node *mr_check_get(mr_check *check, const mr_yaml_node *mapping, const char *key,
                                 mr_presence presence, mr_place owner);
/* NULL: no scalar or empty; reported. */
const char *mr_check_text(mr_check *check, const mr_yaml_node *node, const char *what);
/* A duration of at least `min_ms`; -1: reported. */
int64_t mr_check_duration(mr_check *check, const mr_yaml_node *node, const char *what,
                          int64_t min_ms);
int64_t mr_check_int(mr_check *check, const mr_yaml_node *node, const char *what, int64_t min,
                     int64_t max);

/* ---- names (topology_names.c) ---- */

/* Rule 2's form of a name; reports. */
bool mr_check_name_form(mr_check *check, const mr_yaml_node *node, const char *what);
/* Enters a name; NULL: refused. */
mr_name *mr_check_enter(mr_check *check, const mr_yaml_node *node, mr_name_kind kind,
                        const mr_yaml_node *body);
/* Enters all keys of a section and numbers them by name; the count of accepted ones in *count_out.
 * The result, in the arena, is sorted. */
mr_name **mr_check_section(mr_check *check, const mr_yaml_node *section, mr_name_kind kind,
                           uint32_t *count_out);
/* The stream a node names, or MR_INDEX_NONE: reported. words: what else could stand there, for the
 * suggestion; NULL: nothing. */
uint32_t mr_check_stream_name(mr_check *check, const mr_yaml_node *node, const char *what,
                              const char *const *words);
/* NULL: unknown, reported with the nearest name of the wanted kinds, or the nearest of `words`. */
const mr_name *mr_check_resolve(mr_check *check, const mr_yaml_node *node, const char *what,
                                const mr_name_kind *kinds, size_t kinds_count,
                                const char *const *words);
/* `stop`, `drop` or a stream. */
mr_policy mr_check_policy(mr_check *check, const mr_yaml_node *node, const char *what);
/* `on_error` of a mapping, else what surrounds it says. */
mr_policy mr_check_on_error(mr_check *check, const mr_yaml_node *mapping, mr_policy outer);

/* ---- types and formats (topology_types.c) ---- */

void mr_check_types(mr_check *check, const mr_yaml_node *section);
/* NULL-safe: bytes when there is nothing; problems are reported. */
mr_format mr_check_format(mr_check *check, const mr_yaml_node *node);
void mr_check_unused_types(mr_check *check);

/* ---- code (topology_code.c) ---- */

/* How YAML wrote a scalar, and where its text begins as far as that says. */
mr_text_style mr_check_text_style(const mr_yaml_node *node);
mr_place mr_check_text_place(const mr_yaml_node *node);
/* Any code text; label in the arena. NULL: reported. */
const mr_code *mr_check_code(mr_check *check, const mr_yaml_node *node, mr_code_use use,
                             uint32_t scope, const char *label);
/* A part of a scalar's text, `offset` bytes behind its beginning (arguments of aggregates). */
const mr_code *mr_check_code_part(mr_check *check, const mr_yaml_node *node, size_t offset,
                                  size_t length, mr_code_use use, uint32_t scope,
                                  const char *label);
/* A mapping or list of code. NULL: reported. */
const mr_template *mr_check_template(mr_check *check, const mr_yaml_node *node, uint32_t scope,
                                     const char *label);

/* ---- ${env:NAME}, ${file:PATH} (topology_placeholders.c) ---- */

/* The text with its placeholders put in, in the arena; NULL: reported. */
const char *mr_check_placeholders(mr_check *check, const mr_yaml_node *node);
/* Reports a placeholder in any other text of the tree; settings and topics are known by their keys.
 */
void mr_check_no_placeholders(mr_check *check, const mr_yaml_node *root);

/* ---- the sections ---- */

void mr_check_defaults(mr_check *check, const mr_yaml_node *section);
void mr_check_streams(mr_check *check, mr_name **names, uint32_t count);
void mr_check_pipelines(mr_check *check, mr_name **names, uint32_t count);
void mr_check_sources(mr_check *check, mr_name **names, uint32_t count);
void mr_check_sinks(mr_check *check, mr_name **names, uint32_t count);
/* Steps of a pipeline, source or sink. */
typedef enum mr_steps_of { MR_STEPS_OF_PIPELINE, MR_STEPS_OF_CONNECTOR } mr_steps_of;
typedef struct mr_steps_context {
    mr_steps_of of;
    const char *owner;  /* its name, for labels */
    mr_policy on_error; /* the owner's */
    bool windowed;      /* of what flows in; set to what flows out */
    bool replacing;
    bool refused; /* set: some step is not executed, so what the chain does is not known */
} mr_steps_context;
mr_topology_chain mr_check_steps(mr_check *check, const mr_yaml_node *steps,
                                 mr_steps_context *context);
/* `set` (topology_set.c); label: of the step. */
void mr_check_set(mr_check *check, const mr_yaml_node *body, uint32_t scope, const char *label,
                  mr_node *node);
/* `count` and `aggregate` (topology_aggregate.c); label: of the step, for its code. */
void mr_check_count(mr_check *check, const mr_yaml_node *body, mr_topology_step *step);
void mr_check_aggregate(mr_check *check, const mr_yaml_node *body, mr_topology_step *step,
                        const char *label);
/* `fields` of an aggregate (topology_fields.c). */
void mr_check_fields(mr_check *check, const mr_yaml_node *fields, mr_topology_step *step,
                     const char *label);

/* ---- the whole (topology_flow.c) ---- */

/* Ends, circles, unused names; after all sections. */
void mr_check_flow(mr_check *check);
/* Every policy of a pipeline and its steps that names a stream, and its `to`: calls visit for each.
 */
typedef void (*mr_visit_stream)(void *self, uint32_t stream);
void mr_pipeline_each_output(const mr_topology_pipeline *pipeline, mr_visit_stream visit,
                             void *self);
void mr_chain_each_output(const mr_topology_chain *chain, mr_visit_stream visit, void *self);
