/* Every YAML block of the language reference is a right job, or right steps of one. */
#include <stdio.h>

#include "tests/unit/topologies_fixture.h"

#include "lua-api/lua_script.h"
#include "runtime/base/limits.h"

static char *read_reference(void) {
    FILE *file = fopen(MR_LANGUAGE_REFERENCE, "rb");
    assert_non_null(file);
    char *text = mr_alloc(MR_YAML_BYTES_MAX);
    size_t length = fread(text, 1, MR_YAML_BYTES_MAX - 1, file);
    fclose(file);
    assert_true(length > 0);
    return text;
}

/* Steps stand in a pipeline over streams that have what they name. */
static void put_job(mr_buf *job, const char *block, size_t length) {
    if (strncmp(block, "job:", 4) == 0) {
        mr_buf_put(job, block, length);
        return;
    }
    assert_int_equal(block[0], '-');
    mr_buf_put_text(job, "job: example\n"
                         "defaults: {key: string, value: json}\n"
                         "streams: {orders: {topic: a, time: {from: value.at}}, "
                         "late_orders: {topic: b}}\n"
                         "pipelines:\n  example:\n    from: orders\n    to: none\n    steps:\n");
    for (size_t at = 0; at < length;) {
        size_t line = strcspn(block + at, "\n") + 1;
        mr_buf_put_text(job, "      ");
        mr_buf_put(job, block + at, line);
        at += line;
    }
}

static const char *any_environment(void *self, const char *name) {
    (void)self;
    (void)name;
    return "in.txt";
}

static void expect_right(const mr_catalog *catalog, mr_buf *job) {
    mr_bytes source = mr_buf_view(job);
    mr_diagnostics *diagnostics = mr_diagnostics_create("language.md", source);
    mr_plan *plan = NULL;
    mr_status status = mr_topology_compile(source, "language.md", catalog, diagnostics, &plan);
    mr_buf out = {0};
    mr_diagnostics_format(diagnostics, &out);
    if (status != MR_OK) {
        print_error("%s\n", mr_buf_cstr(&out));
    }
    assert_int_equal(status, MR_OK);
    mr_plan_destroy(plan);
    mr_buf_deinit(&out);
    mr_diagnostics_destroy(diagnostics);
}

static void every_block_of_the_reference_is_right(void **state) {
    (void)state;
    mr_lua_checker *checker = mr_lua_checker_create();
    char *text = read_reference();
    size_t blocks = 0;
    for (const char *at = strstr(text, "```yaml\n"); at != NULL; at = strstr(at, "```yaml\n")) {
        at += strlen("```yaml\n");
        const char *end = strstr(at, "```");
        assert_non_null(end);
        mr_catalog catalog = fixture_catalog;
        catalog.checker = mr_lua_code_checker(checker);
        catalog.environment = any_environment;
        mr_buf job = {0};
        put_job(&job, at, (size_t)(end - at));
        expect_right(&catalog, &job);
        mr_buf_deinit(&job);
        blocks++;
        at = end + 3;
    }
    assert_true(blocks >= 6);
    mr_free(text);
    mr_lua_checker_destroy(checker);
}

/* Three kinds of mistakes in one file, with the real language. */
static void a_misspelt_key_an_unknown_stream_and_a_syntax_error_come_together(void **state) {
    (void)state;
    mr_lua_checker *checker = mr_lua_checker_create();
    mr_catalog catalog = fixture_catalog;
    catalog.checker = mr_lua_code_checker(checker);
    mr_bytes source = mr_bytes_text("job: flights\n"
                                    "streams:\n"
                                    "  flights: {topic: flights, key: string, value: json}\n"
                                    "  late: {topic: late, key: string, value: json}\n"
                                    "pipelines:\n"
                                    "  hourly:\n"
                                    "    from: fligths\n"
                                    "    steps:\n"
                                    "      - filter: value.delay >\n"
                                    "      - count:\n"
                                    "          store: s\n"
                                    "          window: {tumbing: 1h, late: late, emit: final}\n"
                                    "    to: none\n");
    mr_diagnostics *diagnostics = mr_diagnostics_create("job.yaml", source);
    mr_plan *plan = NULL;
    assert_int_equal(mr_topology_compile(source, "job.yaml", &catalog, diagnostics, &plan),
                     MR_INVALID);
    assert_int_equal(mr_diagnostics_errors(diagnostics), 3);
    mr_buf out = {0};
    mr_diagnostics_format(diagnostics, &out);
    const char *printed = mr_buf_cstr(&out);
    const char *stream = strstr(printed, "job.yaml:7:11: error E207: unknown stream or pipeline "
                                         "'fligths', did you mean 'flights'?\n");
    const char *syntax = strstr(printed, "job.yaml:9:");
    const char *key = strstr(printed, "job.yaml:12:20: error E203: unknown key 'tumbing' in "
                                      "window, did you mean 'tumbling'?\n");
    assert_non_null(stream);
    assert_true(syntax > stream);
    assert_true(key > syntax);
    mr_buf_deinit(&out);
    mr_diagnostics_destroy(diagnostics);
    mr_lua_checker_destroy(checker);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_block_of_the_reference_is_right),
        cmocka_unit_test(a_misspelt_key_an_unknown_stream_and_a_syntax_error_come_together),
    };
    (void)expect_printed;
    (void)expect_headlines;
    (void)expect_plan;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
