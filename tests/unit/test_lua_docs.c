/* Every example of docs/lua.md gives the result that stands behind it, and every name of the
 * language has one. */
#include "lua-api/lua_names.h"
#include "tests/unit/lua_fixture.h"

#define DOCUMENT MR_SOURCE_DIR "/docs/lua.md"

static char *read_document(void) {
    FILE *file = fopen(DOCUMENT, "rb");
    assert_non_null(file);
    char *text = mr_alloc(1 << 20);
    size_t len = fread(text, 1, (1 << 20) - 1, file);
    text[len] = '\0';
    (void)fclose(file);
    return text;
}

static void trim(char *text) {
    size_t len = strlen(text);
    while (len > 0 && text[len - 1] == ' ') {
        text[--len] = '\0';
    }
}

static const mr_header headers[] = {{{(const uint8_t *)"trace", 5}, {(const uint8_t *)"t1", 2}},
                                    {{(const uint8_t *)"tag", 3}, {(const uint8_t *)"a", 1}},
                                    {{(const uint8_t *)"tag", 3}, {(const uint8_t *)"b", 1}}};

/* As check decides: an expression if it is one; assignments make it a map. */
static void run_example(char *code, char *expected, mr_code_use use) {
    mr_diagnostics *diagnostics = mr_diagnostics_create("doc", mr_bytes_text(code));
    mr_lua_checker *checker = mr_lua_checker_create();
    const mr_code_checker *check = mr_lua_code_checker(checker);
    bool is_error = strncmp(expected, "error: ", 7) == 0;
    mr_code_form form = MR_CODE_BODY;
    bool right = check->text(check->self, code, use, MR_SCOPE_RECORD | MR_SCOPE_WINDOW,
                             (mr_place){1, 1}, MR_TEXT_PLAIN_LINE, &form, diagnostics);
    if (!right && !is_error) {
        mr_buf text = {0};
        mr_diagnostics_format(diagnostics, &text);
        print_error("%s\n", mr_buf_cstr(&text));
    }
    assert_true(right || is_error);
    mr_lua_checker_destroy(checker);
    mr_diagnostics_destroy(diagnostics);
    bool writes =
        strstr(code, "value.id = 1") != NULL; /* the example of what must not be written */
    char full[512];
    snprintf(full, sizeof full, is_error ? "dir/job.yaml:1: step: %s" : "%s",
             is_error ? expected + 7 : expected);
    lua_expect((lua_case){.text = code,
                          .use = writes ? MR_CODE_CONDITION : use,
                          .form = form,
                          .key = "\"k7\"",
                          .value =
                              "{\"id\": \"a1\", \"total\": 12.50, \"note\": null, \"items\": "
                              "[{\"sku\": \"x\", \"qty\": 2}, null, {\"sku\": \"y\", \"qty\": 1}]}",
                          .headers = headers,
                          .headers_count = 3,
                          .window = {true, 1699999200000, 1700002800000}},
               full);
}

static void every_example_gives_what_it_says(void **state) {
    (void)state;
    char *text = read_document();
    int examples = 0;
    bool in_block = false;
    mr_code_use use = MR_CODE_MAP;
    for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        if (strncmp(line, "```", 3) == 0) {
            in_block = !in_block && strncmp(line, "```lua", 6) == 0;
            use = strstr(line, "flat_map") != NULL ? MR_CODE_FLAT_MAP : MR_CODE_MAP;
            continue;
        }
        if (!in_block) {
            continue;
        }
        char *arrow = strstr(line, "-->");
        assert_non_null(arrow);
        *arrow = '\0';
        trim(line);
        char *expected = arrow + 3;
        expected += strspn(expected, " ");
        run_example(line, expected, use);
        examples++;
    }
    print_message("examples %d\n", examples);
    assert_true(examples > 100);
    mr_free(text);
}

static void every_name_stands_in_the_document(void **state) {
    (void)state;
    static const char *const libraries[] = {"string", "table", "math", "utf8",
                                            "json",   "time",  "ctx",  "window"};
    char *text = read_document();
    const char *names[256];
    for (size_t i = 0; i < sizeof libraries / sizeof *libraries; i++) {
        size_t count = mr_lua_names_like(mr_bytes_text(libraries[i]), names, 256);
        assert_true(count > 0);
        for (size_t k = 0; k < count; k++) {
            char full[100];
            snprintf(full, sizeof full, "%s.%s", libraries[i], names[k]);
            if (strstr(text, full) == NULL) {
                print_error("%s is missing\n", full);
            }
            assert_non_null(strstr(text, full));
        }
    }
    size_t count = mr_lua_names_like(MR_BYTES_NULL, names, 256);
    for (size_t k = 0; k < count; k++) {
        assert_non_null(strstr(text, names[k]));
    }
    mr_free(text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_example_gives_what_it_says),
        cmocka_unit_test(every_name_stands_in_the_document),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
