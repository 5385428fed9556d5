/* Any bytes as a job and as a settings file: problems are reported, never more. */
#include <stdint.h>
#include <stdlib.h>

#include "runtime/base/assert.h"
#include "topologies/settings_file.h"
#include "topologies/topology.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void take_functions(void *self, const char *text, mr_place place, mr_text_style style,
                           mr_diagnostics *diagnostics) {
    (void)self, (void)text, (void)place, (void)style, (void)diagnostics;
}

/* Every text is right, so that the fuzzer gets through to the plan and the native expressions. */
static bool take_text(void *self, const char *text, mr_code_use use, uint32_t scope, mr_place place,
                      mr_text_style style, mr_code_form *form, mr_diagnostics *diagnostics) {
    (void)self, (void)text, (void)use, (void)scope, (void)place, (void)style, (void)diagnostics;
    *form = MR_CODE_EXPRESSION;
    return true;
}

static const char *const reserved[] = {NULL};
static const mr_code_checker checker = {
    .functions = take_functions, .text = take_text, .reserved = reserved};
/* A field of each kind, and those of the seeds' jobs (seeds.py). */
static const mr_catalog_field fields[] = {
    {"path", "path", NULL, false},           {"dir", "path", NULL, false},
    {"rotate.records", "int", NULL, false},  {"rotate.size", "size", NULL, false},
    {"mode", "choice", "one|two", false},    {"name", "text", NULL, false},
    {"rotate.age", "duration", NULL, false},
};
#define FIELDS (sizeof fields / sizeof fields[0])
static const mr_catalog_plugin plugins[] = {{.name = "file",
                                             .source_fields = fields,
                                             .source_fields_count = FIELDS,
                                             .sink_fields = fields,
                                             .sink_fields_count = FIELDS}};

static int32_t partitions(void *self, const char *topic) {
    (void)self;
    return (int32_t)strlen(topic) % 3;
}
/* A variable holds its name, a file its path. */
static const char *environment(void *self, const char *name) {
    (void)self;
    return name;
}
static mr_status read_file(void *self, const char *path, mr_buf *out, mr_err *err) {
    (void)self, (void)err;
    mr_buf_put_text(out, path);
    return MR_OK;
}

static const mr_catalog catalog = {.plugins = plugins,
                                   .plugins_count = 1,
                                   .checker = &checker,
                                   .topic_partitions = partitions,
                                   .environment = environment,
                                   .read_file = read_file};

static void check_job(mr_bytes text) {
    mr_diagnostics *diagnostics = mr_diagnostics_create("fuzz.yaml", text);
    mr_plan *plan = NULL;
    mr_status status = mr_topology_compile(text, "fuzz.yaml", &catalog, diagnostics, &plan);
    MR_ASSERT((status == MR_OK) == (plan != NULL));
    MR_ASSERT((status == MR_OK) == (mr_diagnostics_errors(diagnostics) == 0));
    mr_buf out = {0};
    mr_diagnostics_format(diagnostics, &out);
    if (plan != NULL) {
        mr_plan_describe(plan, &out);
    }
    mr_buf_deinit(&out);
    mr_plan_destroy(plan);
    mr_diagnostics_destroy(diagnostics);
}

static void check_settings(mr_bytes text) {
    static const mr_settings_key keys[] = {
        {"workers", "int", NULL}, {"spill.bytes", "size", NULL}, {"roots", "text_list", NULL}};
    mr_diagnostics *diagnostics = mr_diagnostics_create("fuzz.yaml", text);
    mr_setting *settings = NULL;
    size_t count = 0;
    mr_status status = mr_settings_parse(text, keys, 3, diagnostics, &settings, &count);
    MR_ASSERT((status == MR_OK) == (mr_diagnostics_errors(diagnostics) == 0));
    MR_ASSERT((count > 0) == (settings != NULL));
    mr_settings_list_free(settings, count);
    mr_diagnostics_destroy(diagnostics);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    mr_bytes text = mr_bytes_of(data, size);
    check_job(text);
    check_settings(text);
    return 0;
}
