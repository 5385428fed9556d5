/* topologies/topology.h - from YAML text to plan in three steps, every problem reported with its
 * place.
 *
 *   text -> mr_yaml_tree (topologies/yaml_tree.h) -> mr_topology -> mr_plan
 *
 * Whatever this version does not execute is refused by name: nothing is accepted and ignored.
 * Thread: owner only; a finished plan may be shared read-only. */
#pragma once

#include "topologies/code_checker.h"
#include "topologies/plan.h"

typedef struct mr_topology mr_topology;

/* One option of a connector plugin, taken from its config table by the app. */
typedef struct mr_catalog_field {
    const char *name;    /* "path", "rotate.records" */
    const char *kind;    /* text, int, size, duration, path, choice */
    const char *choices; /* "json|record", NULL */
    bool required;
} mr_catalog_field;
typedef struct mr_catalog_plugin {
    const char *name; /* "file" */
    const mr_catalog_field *source_fields;
    size_t source_fields_count; /* 0: no source */
    const mr_catalog_field *sink_fields;
    size_t sink_fields_count;
    /* Checks settings together (e.g. exactly one of path and dir). NULL: right; else the message.
     * May be NULL. */
    const char *(*check_source)(const mr_setting *settings, size_t count);
    const char *(*check_sink)(const mr_setting *settings, size_t count);
} mr_catalog_plugin;

typedef struct mr_catalog {
    const mr_catalog_plugin *plugins;
    size_t plugins_count;
    const mr_code_checker *checker;
    /* Partition count of an existing topic, 0: there is none. NULL: no log to ask. */
    int32_t (*topic_partitions)(void *self, const char *topic);
    /* The environment for ${env:NAME}; NULL result: not set. */
    const char *(*environment)(void *self, const char *name);
    /* The content of a file for ${file:PATH}; path as written, relative to the job's file; it must
     * stay under the roots that the job may read. NULL: no files here. */
    mr_status (*read_file)(void *self, const char *path, mr_buf *out, mr_err *err);
    void *self;
} mr_catalog;

/* Checks everything and builds the plan. MR_INVALID: see diagnostics (which also gets the warnings
 * of a right job). text needs no terminator. *plan_out is owned by caller. */
mr_status mr_topology_compile(mr_bytes text, const char *file, const mr_catalog *catalog,
                              mr_diagnostics *diagnostics, mr_plan **plan_out) MR_CHECKED;
void mr_plan_destroy(mr_plan *plan);
/* The plan as text, for tests and for people: sub-topologies, inputs, nodes, stores, internal
 * topics. */
void mr_plan_describe(const mr_plan *plan, mr_buf *out);
/* Settings files (millrace.yaml) are checked as strictly, by the same tree: see settings_file.h. */
