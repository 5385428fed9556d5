/* From text to plan: the order of the check. Names first, so that everything may refer to
 * everything. */
#include "topologies/topology.h"

#include "runtime/base/assert.h"
#include "topologies/plan_build.h"
#include "topologies/topology_check.h"

static const char *const job_keys[] = {"job",     "about",   "language",  "defaults",
                                       "types",   "streams", "functions", "pipelines",
                                       "sources", "sinks",   NULL};
static const char *const job_later[] = {"tables", "stores", "tests", NULL};
static const mr_key_set job_set = {"in a job", job_keys, job_later};

static void check_job(mr_check *check, const mr_yaml_node *root) {
    const mr_yaml_node *job = mr_check_get(check, root, "job", MR_REQUIRED, root->place);
    check->topology->job = "";
    if (job != NULL && mr_check_name_form(check, job, "job")) {
        check->topology->job = mr_arena_strndup(check->arena, job->text, strlen(job->text));
    }
    const mr_yaml_node *about = mr_check_get(check, root, "about", MR_OPTIONAL, root->place);
    if (about != NULL) {
        (void)mr_check_text(check, about, "about");
    }
    const mr_yaml_node *language = mr_check_get(check, root, "language", MR_OPTIONAL, root->place);
    if (language != NULL && mr_check_text(check, language, "language") != NULL &&
        strcmp(language->text, "1") != 0) {
        mr_check_error(check, language, "E208", "language: 1",
                       "this program reads language version 1, not '%s'", language->text);
    }
}

/* The functions of a job stand in one block; `{files: ...}` comes with a later version. */
static void check_functions(mr_check *check, const mr_yaml_node *root) {
    mr_topology *topology = check->topology;
    const mr_yaml_node *node = mr_check_get(check, root, "functions", MR_OPTIONAL, root->place);
    topology->functions = "";
    if (node == NULL) {
        return;
    }
    if (node->kind == MR_YAML_MAPPING) {
        mr_check_refuse(check, node, "functions: {files, code}");
        return;
    }
    const char *text = mr_check_text(check, node, "functions");
    if (text == NULL) {
        return;
    }
    topology->functions = text;
    topology->functions_place = mr_check_text_place(node);
    topology->functions_folded = node->style != MR_YAML_LITERAL;
    const mr_code_checker *checker = check->catalog->checker;
    checker->functions(checker->self, text, topology->functions_place, mr_check_text_style(node),
                       check->diagnostics);
}

static void check_sections(mr_check *check, const mr_yaml_node *root) {
    mr_place none = {0};
    uint32_t streams = 0, pipelines = 0, sources = 0, sinks = 0;
    mr_name **stream_names = mr_check_section(
        check, mr_check_get(check, root, "streams", MR_OPTIONAL, none), MR_NAME_STREAM, &streams);
    mr_name **pipeline_names =
        mr_check_section(check, mr_check_get(check, root, "pipelines", MR_OPTIONAL, none),
                         MR_NAME_PIPELINE, &pipelines);
    mr_name **source_names = mr_check_section(
        check, mr_check_get(check, root, "sources", MR_OPTIONAL, none), MR_NAME_SOURCE, &sources);
    mr_name **sink_names = mr_check_section(
        check, mr_check_get(check, root, "sinks", MR_OPTIONAL, none), MR_NAME_SINK, &sinks);
    check_functions(check, root);
    mr_check_types(check, mr_check_get(check, root, "types", MR_OPTIONAL, none));
    mr_check_defaults(check, mr_check_get(check, root, "defaults", MR_OPTIONAL, none));
    mr_check_streams(check, stream_names, streams);
    mr_check_pipelines(check, pipeline_names, pipelines);
    mr_check_sources(check, source_names, sources);
    mr_check_sinks(check, sink_names, sinks);
    mr_check_no_placeholders(check, root);
    mr_check_flow(check);
    if (pipelines + sources + sinks == 0 && mr_diagnostics_errors(check->diagnostics) == 0) {
        mr_diagnostics_add(check->diagnostics, MR_SEVERITY_ERROR, "E201", root->place, 1, NULL,
                           "this job does nothing: it has no pipelines, sources or sinks");
    }
}

static void check_tree(mr_check *check, const mr_yaml_node *root) {
    if (!mr_check_keys(check, root, &job_set)) {
        return;
    }
    mr_topology *topology = check->topology;
    /* A code for each scalar, and the default time once more for each stream. */
    topology->codes_cap = root->nodes_count * 2;
    topology->codes = mr_arena_zalloc(check->arena, sizeof *topology->codes * topology->codes_cap);
    topology->names = mr_map_create();
    check_job(check, root);
    check_sections(check, root);
    mr_map_destroy(topology->names);
    topology->names = NULL;
}

mr_status mr_topology_compile(mr_bytes text, const char *file, const mr_catalog *catalog,
                              mr_diagnostics *diagnostics, mr_plan **plan_out) {
    MR_ASSERT(catalog->checker != NULL);
    *plan_out = NULL;
    mr_yaml_tree tree;
    mr_yaml_tree_parse(&tree, text, diagnostics);
    mr_arena *arena = mr_arena_create(16384);
    mr_topology topology = {.arena = arena};
    topology.file = mr_arena_strndup(arena, file, strlen(file));
    mr_check check = {
        .topology = &topology, .catalog = catalog, .diagnostics = diagnostics, .arena = arena};
    if (tree.root != NULL) {
        check_tree(&check, tree.root);
    }
    mr_yaml_tree_deinit(&tree);
    if (mr_diagnostics_errors(diagnostics) > 0) {
        mr_arena_destroy(arena);
        return MR_INVALID;
    }
    *plan_out = mr_plan_build(&topology, diagnostics);
    return MR_OK;
}
