/* The YAML subset and the places of nodes. */
#include "tests/unit/topologies_fixture.h"

#include "runtime/base/limits.h"
#include "topologies/yaml_tree.h"

static mr_diagnostics *parse(const char *text, mr_yaml_tree *tree) {
    mr_bytes source = mr_bytes_text(text);
    mr_diagnostics *diagnostics = mr_diagnostics_create("t.yaml", source);
    mr_yaml_tree_parse(tree, source, diagnostics);
    return diagnostics;
}

static void expect_problem(const char *text, const char *expected) {
    mr_yaml_tree tree;
    mr_diagnostics *diagnostics = parse(text, &tree);
    mr_buf out = {0};
    mr_diagnostics_format(diagnostics, &out);
    assert_string_equal(mr_buf_cstr(&out), expected);
    mr_buf_deinit(&out);
    mr_yaml_tree_deinit(&tree);
    mr_diagnostics_destroy(diagnostics);
}

static void every_node_knows_its_place(void **state) {
    (void)state;
    mr_yaml_tree tree;
    mr_diagnostics *diagnostics = parse("a: 1\n"
                                        "b:\n"
                                        "  \xc3\xa9\xc3\xa9: [x, 'y']\n"
                                        "  c: |\n"
                                        "    line\n"
                                        "     more\n",
                                        &tree);
    assert_int_equal(mr_diagnostics_errors(diagnostics), 0);
    const mr_yaml_node *b = mr_yaml_get(tree.root, "b");
    const mr_yaml_node *list = mr_yaml_get(b, "\xc3\xa9\xc3\xa9");
    assert_int_equal(list->kind, MR_YAML_SEQUENCE);
    assert_int_equal(list->items[0]->place.line, 3);
    assert_int_equal(list->items[0]->place.column, 8); /* characters, not bytes */
    assert_int_equal(list->items[1]->place.column, 11);
    assert_int_equal(list->items[1]->text_place.column, 12); /* behind the quote */
    const mr_yaml_node *block = mr_yaml_get(b, "c");
    assert_string_equal(block->text, "line\n more\n");
    assert_int_equal(block->style, MR_YAML_LITERAL);
    assert_int_equal(block->place.line, 4);
    assert_int_equal(block->text_place.line, 5);
    assert_int_equal(block->text_place.column, 5);
    mr_yaml_tree_deinit(&tree);
    mr_diagnostics_destroy(diagnostics);
}

static void an_alias_is_the_node_it_names(void **state) {
    (void)state;
    mr_yaml_tree tree;
    mr_diagnostics *diagnostics = parse("a: &x {k: v}\nb: *x\n", &tree);
    assert_int_equal(mr_diagnostics_errors(diagnostics), 0);
    assert_ptr_equal(mr_yaml_get(tree.root, "a"), mr_yaml_get(tree.root, "b"));
    assert_int_equal(tree.root->nodes_count, 9);
    mr_yaml_tree_deinit(&tree);
    mr_diagnostics_destroy(diagnostics);
}

static void the_first_syntax_error_is_reported_with_its_place(void **state) {
    (void)state;
    expect_problem("a: {b: 1\nc: 2\n",
                   "t.yaml:2:2: error E101: YAML: while parsing a flow mapping (from line 1): did "
                   "not find expected ',' or '}'\n"
                   "    2 | c: 2\n"
                   "      |  ^   text with commas, brackets, braces or colons wants quotes or "
                   "block style (|)\n");
    expect_problem("\xff: 1\n", "t.yaml:1:1: error E101: YAML: invalid leading UTF-8 octet\n"
                                "    1 | ?: 1\n"
                                "      | ^\n");
}

static void a_syntax_error_says_what_is_nearly_always_its_cause(void **state) {
    (void)state;
    expect_problem("a: \"x\" == key\n",
                   "t.yaml:1:8: error E101: YAML: while parsing a block mapping: did not find "
                   "expected key\n"
                   "    1 | a: \"x\" == key\n"
                   "      |        ^   text that begins with a quote ends with it: quote all of "
                   "it, or block style (|)\n");
    expect_problem("a:\n  b: 1\n c: 2\n",
                   "t.yaml:3:2: error E101: YAML: while parsing a block mapping (from line 1): did "
                   "not find expected key\n"
                   "    3 |  c: 2\n"
                   "      |  ^   this line stands neither under the keys before it nor deeper\n");
    expect_problem("a: \"x\nb: 1\n",
                   "t.yaml:1:4: error E101: YAML: while scanning a quoted scalar: found unexpected "
                   "end of stream\n"
                   "    1 | a: \"x\n"
                   "      |    ^   this quote is not closed\n");
    expect_problem("a: - b\n", "t.yaml:1:4: error E101: YAML: block sequence entries are not "
                               "allowed in this context\n"
                               "    1 | a: - b\n"
                               "      |    ^   text that begins with - wants quotes or block style "
                               "(|)\n");
}

static void bytes_that_are_no_text_are_reported_where_they_stand(void **state) {
    (void)state;
    expect_problem("a: 1\nb: \"\xc3\xa9\xff\"\n",
                   "t.yaml:2:6: error E101: YAML: invalid leading UTF-8 octet\n"
                   "    2 | b: \"\xc3\xa9?\"\n"
                   "      |      ^\n");
    expect_problem("\xef\xbb\xbf"
                   "a: 1\r\nb: c\x07\r\n",
                   "t.yaml:2:5: error E101: YAML: control characters are not allowed\n"
                   "    2 | b: c?\n"
                   "      |     ^\n");
    expect_problem("a: caf\xe9", "t.yaml:1:7: error E101: YAML: incomplete UTF-8 octet sequence\n"
                                 "    1 | a: caf?\n"
                                 "      |       ^\n");
}

static void a_block_begins_where_its_header_says(void **state) {
    (void)state;
    mr_yaml_tree tree;
    mr_diagnostics *diagnostics = parse("a:\n"
                                        "  b: |2\n"
                                        "\n"
                                        "      x\n"
                                        "    y\n"
                                        "  c: >-\n"
                                        "\n"
                                        "     z\n",
                                        &tree);
    assert_int_equal(mr_diagnostics_errors(diagnostics), 0);
    const mr_yaml_node *a = mr_yaml_get(tree.root, "a");
    const mr_yaml_node *marked = mr_yaml_get(a, "b");
    assert_string_equal(marked->text, "\n  x\ny\n");
    assert_int_equal(marked->text_place.line, 3);
    assert_int_equal(marked->text_place.column, 5);
    assert_int_equal(mr_yaml_get(a, "c")->text_place.column, 6);
    mr_yaml_tree_deinit(&tree);
    mr_diagnostics_destroy(diagnostics);
}

static void nodes_know_braces_around_them_and_what_was_left_out(void **state) {
    (void)state;
    mr_yaml_tree tree;
    mr_diagnostics *diagnostics = parse("a: {b: c, d: [e]}\nf: {<<: g}\nh: !t\ni: j\n", &tree);
    assert_int_equal(mr_diagnostics_errors(diagnostics), 2);
    const mr_yaml_node *a = mr_yaml_get(tree.root, "a");
    assert_false(a->in_braces);
    assert_true(mr_yaml_get(a, "b")->in_braces);
    assert_true(mr_yaml_get(a, "d")->items[0]->in_braces);
    assert_false(mr_yaml_get(tree.root, "i")->in_braces);
    assert_false(a->incomplete);
    assert_true(mr_yaml_get(tree.root, "f")->incomplete);
    assert_true(mr_yaml_get(tree.root, "h")->incomplete);
    mr_yaml_tree_deinit(&tree);
    mr_diagnostics_destroy(diagnostics);
}

static void what_is_outside_the_subset_is_refused(void **state) {
    (void)state;
    expect_problem("a: !int 3\n", "t.yaml:1:4: error E103: YAML tags are not part of the "
                                  "language: '!int'\n"
                                  "    1 | a: !int 3\n"
                                  "      |    ^   text that begins with ! wants quotes; Lua writes "
                                  "`not`\n");
    expect_problem("a: &x {k: v}\nb:\n  <<: *x\n",
                   "t.yaml:3:3: error E103: merge keys are not part of the language\n"
                   "    3 |   <<: *x\n"
                   "      |   ^~\n");
    expect_problem("a: 1\nb: 2\na: 3\n", "t.yaml:3:1: error E104: key 'a' stands already at line "
                                         "1\n"
                                         "    3 | a: 3\n"
                                         "      | ^\n");
    expect_problem("[a]: 1\n", "t.yaml:1:1: error E105: a key must be a text, not a list\n"
                               "    1 | [a]: 1\n"
                               "      | ^~~   text with braces or brackets wants quotes\n");
    expect_problem("a: *x\n", "t.yaml:1:4: error E103: this alias names no anchor before it, or "
                              "one it stands in\n"
                              "    1 | a: *x\n"
                              "      |    ^   text that begins with * wants quotes\n");
    expect_problem("a: &x [*x]\n", "t.yaml:1:8: error E103: this alias names no anchor before it, "
                                   "or one it stands in\n"
                                   "    1 | a: &x [*x]\n"
                                   "      |        ^   text that begins with * wants quotes\n");
    expect_problem("a: 1\n---\nb: 2\n", "t.yaml:2:1: error E102: one file is one document\n"
                                        "    2 | ---\n"
                                        "      | ^\n");
    expect_problem("# nothing\n", "t.yaml:1:1: error E102: the file is empty\n"
                                  "    1 | # nothing\n"
                                  "      | ^\n");
    expect_problem("a: \"x\\0y\"\n", "t.yaml:1:4: error E102: a NUL character inside a text\n"
                                     "    1 | a: \"x\\0y\"\n"
                                     "      |    ^\n");
}

static void aliases_cannot_grow_a_small_file_without_bound(void **state) {
    (void)state;
    mr_buf text = {0};
    mr_buf_put_text(&text, "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for (int i = 1; i < 9; i++) {
        mr_buf_printf(&text, "a%d: &a%d [", i, i);
        for (int j = 0; j < 10; j++) {
            mr_buf_printf(&text, "%s*a%d", j == 0 ? "" : ", ", i - 1);
        }
        mr_buf_put_text(&text, "]\n");
    }
    mr_yaml_tree tree;
    mr_diagnostics *diagnostics = parse(mr_buf_cstr(&text), &tree);
    assert_null(tree.root);
    mr_buf out = {0};
    mr_diagnostics_format(diagnostics, &out);
    assert_non_null(strstr(mr_buf_cstr(&out), "too many nodes in one file"));
    mr_buf_deinit(&out);
    mr_buf_deinit(&text);
    mr_yaml_tree_deinit(&tree);
    mr_diagnostics_destroy(diagnostics);
}

static void the_number_of_aliases_is_bounded(void **state) {
    (void)state;
    mr_buf text = {0};
    mr_buf_put_text(&text, "a: &a x\nb: [");
    for (int i = 0; i < MR_YAML_ALIASES_MAX + 1; i++) {
        mr_buf_put_text(&text, "*a ,");
    }
    mr_buf_put_text(&text, "]\n");
    mr_yaml_tree tree;
    mr_diagnostics *diagnostics = parse(mr_buf_cstr(&text), &tree);
    assert_null(tree.root);
    assert_int_equal(mr_diagnostics_errors(diagnostics), 1);
    mr_buf_deinit(&text);
    mr_yaml_tree_deinit(&tree);
    mr_diagnostics_destroy(diagnostics);
}

static void a_byte_order_mark_and_windows_lines_are_read(void **state) {
    (void)state;
    mr_yaml_tree tree;
    mr_diagnostics *diagnostics = parse("\xef\xbb\xbf"
                                        "a: 1\r\nb: |\r\n  x\r\n",
                                        &tree);
    assert_int_equal(mr_diagnostics_errors(diagnostics), 0);
    assert_string_equal(mr_yaml_get(tree.root, "a")->text, "1");
    assert_string_equal(mr_yaml_get(tree.root, "b")->text, "x\n");
    assert_int_equal(mr_yaml_get(tree.root, "b")->text_place.line, 3);
    assert_int_equal(mr_yaml_get(tree.root, "b")->text_place.column, 3);
    mr_yaml_tree_deinit(&tree);
    mr_diagnostics_destroy(diagnostics);
}

static void nesting_and_size_are_bounded(void **state) {
    (void)state;
    char deep[2 * MR_YAML_DEPTH_MAX + 8] = {0};
    memset(deep, '[', MR_YAML_DEPTH_MAX + 1);
    memset(deep + MR_YAML_DEPTH_MAX + 1, ']', MR_YAML_DEPTH_MAX + 1);
    mr_yaml_tree tree;
    mr_diagnostics *diagnostics = parse(deep, &tree);
    assert_null(tree.root);
    assert_int_equal(mr_diagnostics_errors(diagnostics), 1);
    mr_yaml_tree_deinit(&tree);
    mr_diagnostics_destroy(diagnostics);

    char *large = mr_alloc(MR_YAML_BYTES_MAX + 2);
    memset(large, '\n', MR_YAML_BYTES_MAX + 1);
    diagnostics = parse(large, &tree);
    assert_null(tree.root);
    assert_int_equal(mr_diagnostics_errors(diagnostics), 1);
    mr_yaml_tree_deinit(&tree);
    mr_diagnostics_destroy(diagnostics);
    mr_free(large);
}

static void messages_are_sorted_by_place_and_doubles_are_left_out(void **state) {
    (void)state;
    mr_bytes source = mr_bytes_text("one\n\ttwo \x1b[2J\n");
    mr_diagnostics *d = mr_diagnostics_create("t", source);
    mr_diagnostics_add(d, MR_SEVERITY_WARNING, "W101", (mr_place){2, 2}, 3, NULL,
                       "b\x1b\xc2\x9b\xc3\xa4");
    mr_diagnostics_add(d, MR_SEVERITY_ERROR, "E101", (mr_place){1, 3}, 9, "c", "a %d", 1);
    mr_diagnostics_add(d, MR_SEVERITY_ERROR, "E101", (mr_place){1, 3}, 9, "c", "a %d", 1);
    mr_diagnostics_add(d, MR_SEVERITY_ERROR, "E102", (mr_place){0}, 1, NULL, "whole file");
    assert_int_equal(mr_diagnostics_errors(d), 2);
    assert_int_equal(mr_diagnostics_warnings(d), 1);
    mr_buf out = {0};
    mr_diagnostics_format(d, &out);
    assert_string_equal(mr_buf_cstr(&out), "t: error E102: whole file\n"
                                           "t:1:3: error E101: a 1\n"
                                           "    1 | one\n"
                                           "      |   ^   c\n"
                                           "t:2:2: warning W101: b??\xc3\xa4\n"
                                           "    2 | \ttwo ?[2J\n"
                                           "      | \t^~~\n");
    mr_buf_deinit(&out);
    mr_diagnostics_destroy(d);
}

static void more_than_the_limit_is_counted(void **state) {
    (void)state;
    mr_diagnostics *d = mr_diagnostics_create("t", mr_bytes_text("x\n"));
    for (uint32_t i = 0; i < MR_DIAGNOSTICS_MAX + 5; i++) {
        mr_diagnostics_add(d, MR_SEVERITY_ERROR, "E101", (mr_place){1, 1}, 1, NULL, "%u", i);
    }
    mr_buf out = {0};
    mr_diagnostics_format(d, &out);
    assert_non_null(strstr(mr_buf_cstr(&out), "t: and 5 more\n"));
    mr_buf_deinit(&out);
    mr_diagnostics_destroy(d);
}

static void the_nearest_word_is_suggested(void **state) {
    (void)state;
    static const char *const words[] = {"tumbling", "hopping", "advance", "to", "late"};
    assert_string_equal(mr_suggest("tumbing", words, 5), "tumbling");
    assert_string_equal(mr_suggest("hoppign", words, 5), "hopping");
    assert_string_equal(mr_suggest("lat", words, 5), "late");
    assert_string_equal(mr_suggest("ot", words, 5), "to");
    assert_null(mr_suggest("ab", words, 5));
    assert_null(mr_suggest("x", words, 5));
    static const char *const letter[] = {"y"};
    assert_null(mr_suggest("x", letter, 1));
    assert_null(mr_suggest("session", words, 5));
    assert_null(mr_suggest("", words, 5));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_node_knows_its_place),
        cmocka_unit_test(an_alias_is_the_node_it_names),
        cmocka_unit_test(the_first_syntax_error_is_reported_with_its_place),
        cmocka_unit_test(a_syntax_error_says_what_is_nearly_always_its_cause),
        cmocka_unit_test(bytes_that_are_no_text_are_reported_where_they_stand),
        cmocka_unit_test(a_block_begins_where_its_header_says),
        cmocka_unit_test(nodes_know_braces_around_them_and_what_was_left_out),
        cmocka_unit_test(what_is_outside_the_subset_is_refused),
        cmocka_unit_test(aliases_cannot_grow_a_small_file_without_bound),
        cmocka_unit_test(the_number_of_aliases_is_bounded),
        cmocka_unit_test(a_byte_order_mark_and_windows_lines_are_read),
        cmocka_unit_test(nesting_and_size_are_bounded),
        cmocka_unit_test(messages_are_sorted_by_place_and_doubles_are_left_out),
        cmocka_unit_test(more_than_the_limit_is_counted),
        cmocka_unit_test(the_nearest_word_is_suggested),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
