/* The plugins linked in, and that the reference page says what their tables say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "connectors/registry.h"
#include "runtime/base/bytes.h"

static const char *kind_name(mr_connector_kind kind) {
    static const char *const names[] = {"text", "path", "int", "size", "duration", "choice"};
    return names[kind];
}

/* The table as docs/connectors.md must have it. */
static void write_table(const mr_connector *plugin, const char *side,
                        const mr_connector_field *fields, mr_buf *out) {
    mr_buf_printf(out, "<!-- settings: %s %s -->\n", plugin->name, side);
    mr_buf_put_text(out, "| Setting | Kind | Default | |\n| --- | --- | --- | --- |\n");
    for (const mr_connector_field *field = fields; field->name != NULL; field++) {
        mr_buf_printf(out, "| `%s` | %s%s |", field->name, kind_name(field->kind),
                      field->required ? ", required" : "");
        if (field->default_value != NULL) {
            mr_buf_printf(out, " `%s` |", field->default_value);
        } else {
            mr_buf_put_text(out, " |");
        }
        mr_buf_printf(out, " %s |\n", field->help);
    }
    mr_buf_put_text(out, "<!-- end -->\n");
}

static void read_page(mr_buf *page) {
    FILE *file = fopen(MR_SOURCE_DIR "/docs/connectors.md", "r");
    assert_non_null(file);
    char chunk[4096];
    size_t got;
    while ((got = fread(chunk, 1, sizeof chunk, file)) > 0) {
        mr_buf_put(page, chunk, got);
    }
    fclose(file);
}

static void the_reference_page_has_the_settings_of_every_plugin(void **state) {
    (void)state;
    mr_buf page = {0}, table = {0};
    read_page(&page);
    for (const mr_connector *const *at = mr_connector_all(); *at != NULL; at++) {
        const mr_connector *plugin = *at;
        for (int side = 0; side < 2; side++) {
            const mr_connector_field *fields = side ? plugin->sink_fields : plugin->source_fields;
            mr_buf_clear(&table);
            if (fields != NULL) {
                write_table(plugin, side ? "sink" : "source", fields, &table);
                if (strstr(mr_buf_cstr(&page), mr_buf_cstr(&table)) == NULL) {
                    fail_msg("docs/connectors.md lacks this table:\n%s", mr_buf_cstr(&table));
                }
            }
        }
    }
    mr_buf_deinit(&page);
    mr_buf_deinit(&table);
}

static void plugins_are_found_by_name(void **state) {
    (void)state;
    assert_string_equal(mr_connector_find("file")->name, "file");
    assert_null(mr_connector_find("files"));
    const mr_connector *const *all = mr_connector_all();
    for (size_t i = 0; all[i] != NULL; i++) {
        assert_ptr_equal(mr_connector_find(all[i]->name), all[i]);
        assert_true(i == 0 || strcmp(all[i - 1]->name, all[i]->name) < 0);
    }
}

static void settings_of_a_plugin_are_named_once_and_have_help(void **state) {
    (void)state;
    const mr_connector *file = mr_connector_find("file");
    for (const mr_connector_field *a = file->sink_fields; a->name != NULL; a++) {
        assert_non_null(a->help);
        for (const mr_connector_field *b = a + 1; b->name != NULL; b++) {
            assert_string_not_equal(a->name, b->name);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plugins_are_found_by_name),
        cmocka_unit_test(settings_of_a_plugin_are_named_once_and_have_help),
        cmocka_unit_test(the_reference_page_has_the_settings_of_every_plugin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
