/* millrace.yaml: a flat mapping of known keys. */
#include "tests/unit/topologies_fixture.h"

#include "topologies/settings_file.h"

static const mr_settings_key keys[] = {
    {"workers", "int", NULL},
    {"memory", "size", NULL},
    {"commit.interval", "duration", NULL},
    {"spill.bytes", "size", NULL},
    {"roots", "text_list", NULL},
    {"color", "choice", "auto|never"},
};
enum { KEYS = sizeof keys / sizeof keys[0] };

static void expect(const char *text, const char *expected) {
    mr_bytes source = mr_bytes_text(text);
    mr_diagnostics *diagnostics = mr_diagnostics_create("millrace.yaml", source);
    mr_setting *settings = NULL;
    size_t count = 0;
    mr_status status = mr_settings_parse(source, keys, KEYS, diagnostics, &settings, &count);
    mr_buf out = {0};
    mr_diagnostics_format(diagnostics, &out);
    assert_true((status == MR_OK) == (out.len == 0));
    for (size_t i = 0; status == MR_OK && i < count; i++) {
        mr_buf_printf(&out, "%u %s=%s\n", settings[i].place.line, settings[i].name,
                      settings[i].value);
    }
    assert_string_equal(mr_buf_cstr(&out), expected);
    mr_settings_list_free(settings, count);
    mr_buf_deinit(&out);
    mr_diagnostics_destroy(diagnostics);
}

static void nested_mappings_are_dotted_names(void **state) {
    (void)state;
    expect("workers: 2\nspill: {bytes: 64MiB}\ncommit.interval: 100ms\nroots: [/a, /b]\n"
           "color: never\n",
           "1 workers=2\n2 spill.bytes=64MiB\n3 commit.interval=100ms\n4 roots=/a\n4 roots=/b\n"
           "5 color=never\n");
    expect("roots: /only\n", "1 roots=/only\n");
}

static void all_mistakes_are_reported(void **state) {
    (void)state;
    expect("wrokers: 2\nmemory: lots\ncolor: red\nspill: {byte: 1}\n",
           "millrace.yaml:1:1: error E203: unknown setting 'wrokers', did you mean 'workers'?\n"
           "    1 | wrokers: 2\n"
           "      | ^~~~~~~   one of workers, memory, commit.interval, spill.bytes, roots, color\n"
           "millrace.yaml:2:9: error E208: 'memory' wants a size such as 64KiB, not 'lots'\n"
           "    2 | memory: lots\n"
           "      |         ^~~~\n"
           "millrace.yaml:3:8: error E208: 'color' wants a choice, not 'red'\n"
           "    3 | color: red\n"
           "      |        ^~~   auto|never\n"
           "millrace.yaml:4:9: error E203: unknown setting 'spill.byte', did you mean "
           "'spill.bytes'?\n"
           "    4 | spill: {byte: 1}\n"
           "      |         ^~~~   one of workers, memory, commit.interval, spill.bytes, roots, "
           "color\n");
    expect("- a\n", "millrace.yaml:1:1: error E105: settings are a mapping of names\n"
                    "    1 | - a\n"
                    "      | ^\n");
    expect("spill: {bytes: 1}\nspill.bytes: 2\n",
           "millrace.yaml:2:14: error E104: 'spill.bytes' is given already\n"
           "    2 | spill.bytes: 2\n"
           "      |              ^\n");
    expect("workers:\n", "millrace.yaml:1:9: error E105: 'workers' wants a whole number\n"
                         "    1 | workers:\n"
                         "      |         ^\n");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nested_mappings_are_dotted_names),
        cmocka_unit_test(all_mistakes_are_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
