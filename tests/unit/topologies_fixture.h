/* tests/unit/topologies_fixture.h - a small catalog and a stand-in for the script language, so that
 * jobs can be checked and planned without either. The stand-in: a text with `return` is a body,
 * every other one an expression; a text with `syntax!` in it is wrong. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "runtime/base/alloc.h"
#include "runtime/base/bytes.h"
#include "topologies/topology.h"

static void fixture_functions(void *self, const char *text, mr_place place, mr_text_style style,
                              mr_diagnostics *diagnostics) {
    (void)self;
    (void)style;
    if (strstr(text, "syntax!") != NULL) {
        mr_diagnostics_add(diagnostics, MR_SEVERITY_ERROR, "E401", place, 1, NULL, "wrong code");
    }
}

static bool fixture_text(void *self, const char *text, mr_code_use use, uint32_t scope,
                         mr_place place, mr_text_style style, mr_code_form *form,
                         mr_diagnostics *diagnostics) {
    (void)self;
    (void)use;
    (void)style;
    *form = strstr(text, "return") != NULL ? MR_CODE_BODY : MR_CODE_EXPRESSION;
    if (strstr(text, "syntax!") != NULL) {
        mr_diagnostics_add(diagnostics, MR_SEVERITY_ERROR, "E401", place, 1, NULL, "wrong code");
        return false;
    }
    if (strstr(text, "window.") != NULL && (scope & MR_SCOPE_WINDOW) == 0) {
        mr_diagnostics_add(diagnostics, MR_SEVERITY_ERROR, "E402", place, 1, NULL,
                           "'window' is not in scope");
        return false;
    }
    return true;
}

static const char *const fixture_reserved[] = {"value", "while", "in", "math", NULL};
static const mr_code_checker fixture_checker = {
    .functions = fixture_functions, .text = fixture_text, .reserved = fixture_reserved};

static const mr_catalog_field fixture_source_fields[] = {
    {"path", "path", NULL, true},
    {"max_record", "size", NULL, false},
};
static const mr_catalog_field fixture_sink_fields[] = {
    {"dir", "path", NULL, false},
    {"path", "path", NULL, false},
    {"rotate.records", "int", NULL, false},
    {"rotate.size", "size", NULL, false},
};

static const char *fixture_check_sink(const mr_setting *settings, size_t count) {
    size_t places = 0;
    for (size_t i = 0; i < count; i++) {
        places += strcmp(settings[i].name, "dir") == 0 || strcmp(settings[i].name, "path") == 0;
    }
    return places == 1 ? NULL : "exactly one of path and dir";
}

static const mr_catalog_plugin fixture_plugins[] = {{.name = "file",
                                                     .source_fields = fixture_source_fields,
                                                     .source_fields_count = 2,
                                                     .sink_fields = fixture_sink_fields,
                                                     .sink_fields_count = 4,
                                                     .check_sink = fixture_check_sink}};

static int32_t fixture_partitions(void *self, const char *topic) {
    (void)self;
    return strcmp(topic, "has-two") == 0 ? 2 : strcmp(topic, "has-four") == 0 ? 4 : 0;
}

static const char *fixture_environment(void *self, const char *name) {
    (void)self;
    return strcmp(name, "STAGE") == 0 ? "test" : strcmp(name, "FORMAT") == 0 ? "record" : NULL;
}

static mr_status fixture_read_file(void *self, const char *path, mr_buf *out, mr_err *err) {
    (void)self;
    static const char *const files[][2] = {{"name.txt", "from-a-file\n"},
                                           {"crlf.txt", "w\r\n"},
                                           {"two.txt", "t\n\n"},
                                           {"empty.txt", ""}};
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        if (strcmp(path, files[i][0]) == 0) {
            mr_buf_put_text(out, files[i][1]);
            return MR_OK;
        }
    }
    return mr_err_set(err, MR_NOT_FOUND, "no such file");
}

static const mr_catalog fixture_catalog = {.plugins = fixture_plugins,
                                           .plugins_count = 1,
                                           .checker = &fixture_checker,
                                           .topic_partitions = fixture_partitions,
                                           .environment = fixture_environment,
                                           .read_file = fixture_read_file};

/* What a check prints, and the plan (NULL: none). The text is freed by the caller. */
static inline char *fixture_compile(const char *text, mr_plan **plan_out) {
    mr_bytes source = mr_bytes_text(text);
    mr_diagnostics *diagnostics = mr_diagnostics_create("job.yaml", source);
    mr_status status =
        mr_topology_compile(source, "job.yaml", &fixture_catalog, diagnostics, plan_out);
    assert_true((status == MR_OK) == (mr_diagnostics_errors(diagnostics) == 0));
    assert_true((status == MR_OK) == (*plan_out != NULL));
    mr_buf out = {0};
    mr_diagnostics_format(diagnostics, &out);
    char *printed = mr_strdup(mr_buf_cstr(&out));
    mr_buf_deinit(&out);
    mr_diagnostics_destroy(diagnostics);
    return printed;
}

static inline void expect_printed(const char *text, const char *expected) {
    mr_plan *plan = NULL;
    char *printed = fixture_compile(text, &plan);
    assert_string_equal(printed, expected);
    mr_free(printed);
    mr_plan_destroy(plan);
}

/* Only the first lines ("job.yaml:3:5: error ...") of each message. */
static inline void expect_headlines(const char *text, const char *expected) {
    mr_plan *plan = NULL;
    char *printed = fixture_compile(text, &plan);
    mr_buf lines = {0};
    for (const char *at = printed; *at != '\0';) {
        size_t length = strcspn(at, "\n");
        if (strncmp(at, "job.yaml", 8) == 0) {
            mr_buf_put(&lines, at, length + 1);
        }
        at += length + (at[length] == '\n');
    }
    assert_string_equal(mr_buf_cstr(&lines), expected);
    mr_buf_deinit(&lines);
    mr_free(printed);
    mr_plan_destroy(plan);
}

/* The described plan from its first sub-topology on: what the cut made of the job. */
static inline void expect_plan(const char *text, const char *expected) {
    mr_plan *plan = NULL;
    char *printed = fixture_compile(text, &plan);
    if (plan == NULL) {
        assert_string_equal(printed, "");
    }
    mr_buf described = {0};
    mr_plan_describe(plan, &described);
    const char *from = strstr(mr_buf_cstr(&described), "sub-topology ");
    assert_string_equal(from == NULL ? mr_buf_cstr(&described) : from, expected);
    mr_buf_deinit(&described);
    mr_free(printed);
    mr_plan_destroy(plan);
}
