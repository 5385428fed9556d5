/* Command lines of one verb, what is refused and how it says so. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "runtime/app/options.h"
#include "runtime/app/verbs.h"

static mr_exit do_nothing(const mr_arguments *arguments) {
    (void)arguments;
    return MR_EXIT_OK;
}

static const mr_option options[] = {
    {.name = "yes", .kind = MR_OPTION_FLAG, .help = "do not ask"},
    {.name = "data", .kind = MR_OPTION_TEXT, .value_name = "DIR", .help = "the data directory"},
    {.name = "max", .kind = MR_OPTION_INT, .value_name = "N", .help = "stop after N\nrecords"},
    {.name = "form",
     .kind = MR_OPTION_CHOICE,
     .value_name = "FORM",
     .choices = "a|bc",
     .help = "a or bc"},
    {.name = "sources", .kind = MR_OPTION_LATER},
    MR_OPTIONS_END,
};
static const mr_verb verb = {
    .name = "pour",
    .usage = "FROM TO",
    .summary = "pours",
    .details = "",
    .options = options,
    .positionals_min = 1,
    .positionals_max = 2,
    .run = do_nothing,
};

/* Parses words split at blanks. */
static mr_status parse(const char *line, mr_arguments *out, mr_err *err) {
    static char text[256];
    static char *words[32];
    int count = 0;
    strncpy(text, line, sizeof text - 1);
    for (char *word = strtok(text, " "); word; word = strtok(NULL, " ")) {
        words[count++] = word;
    }
    return mr_arguments_parse(&verb, count, words, out, err);
}

static void options_and_names_may_stand_in_any_order(void **state) {
    (void)state;
    mr_arguments arguments;
    mr_err err = {0};
    assert_int_equal(parse("a --data=x=y --max 12 b --yes --form bc", &arguments, &err), MR_OK);
    assert_int_equal(arguments.positionals_count, 2);
    assert_string_equal(arguments.positionals[0], "a");
    assert_string_equal(arguments.positionals[1], "b");
    assert_string_equal(mr_arguments_text(&arguments, "data"), "x=y");
    assert_string_equal(mr_arguments_text(&arguments, "form"), "bc");
    assert_int_equal(mr_arguments_int(&arguments, "max", -1), 12);
    assert_true(mr_arguments_flag(&arguments, "yes"));
    mr_arguments_deinit(&arguments);
}

static void what_is_not_given_is_not_there(void **state) {
    (void)state;
    mr_arguments arguments;
    mr_err err = {0};
    assert_int_equal(parse("a", &arguments, &err), MR_OK);
    assert_null(mr_arguments_text(&arguments, "data"));
    assert_int_equal(mr_arguments_int(&arguments, "max", -1), -1);
    assert_false(mr_arguments_flag(&arguments, "yes"));
    mr_arguments_deinit(&arguments);
}

static void the_last_of_a_name_counts(void **state) {
    (void)state;
    mr_arguments arguments;
    mr_err err = {0};
    assert_int_equal(parse("a --max 1 --max 2", &arguments, &err), MR_OK);
    assert_int_equal(mr_arguments_int(&arguments, "max", -1), 2);
    mr_arguments_deinit(&arguments);
}

static void two_dashes_end_the_options(void **state) {
    (void)state;
    mr_arguments arguments;
    mr_err err = {0};
    assert_int_equal(parse("-- --data", &arguments, &err), MR_OK);
    assert_int_equal(arguments.positionals_count, 1);
    assert_string_equal(arguments.positionals[0], "--data");
    mr_arguments_deinit(&arguments);
}

static void a_negative_number_is_no_option(void **state) {
    (void)state;
    mr_arguments arguments;
    mr_err err = {0};
    assert_int_equal(parse("-5 - --yes", &arguments, &err), MR_OK);
    assert_int_equal(arguments.positionals_count, 2);
    assert_string_equal(arguments.positionals[0], "-5");
    assert_string_equal(arguments.positionals[1], "-");
    mr_arguments_deinit(&arguments);
}

static void help_is_found_before_anything_else_is_checked(void **state) {
    (void)state;
    mr_arguments arguments;
    mr_err err = {0};
    assert_int_equal(parse("--help", &arguments, &err), MR_OK);
    assert_true(arguments.help);
    mr_arguments_deinit(&arguments);
}

static void a_wrong_command_line_says_what_is_wrong(void **state) {
    (void)state;
    static const struct {
        const char *line;
        const char *message;
    } cases[] = {
        {"", "something is missing: millrace pour FROM TO"},
        {"a b c", "'c' is one too many: millrace pour FROM TO"},
        {"a --dat x", "unknown option --dat, did you mean --data?"},
        {"a --zzzzzzzz x", "unknown option --zzzzzzzz"},
        {"a -q", "unknown option -q"},
        {"a --data", "--data needs a value (DIR)"},
        {"a --yes=1", "--yes takes no value"},
        {"a --max -3", "--max: '-3' is not a whole number of 0 or more"},
        {"a --max 3x", "--max: '3x' is not a whole number of 0 or more"},
        {"a --form b", "--form: 'b' is not one of a|bc"},
        {"a --sources", "--sources is not in this version"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        mr_arguments arguments;
        mr_err err = {0};
        assert_int_equal(parse(cases[i].line, &arguments, &err), MR_INVALID);
        assert_string_equal(err.message, cases[i].message);
        mr_arguments_deinit(&arguments);
    }
}

static void the_help_names_every_option_but_later_ones(void **state) {
    (void)state;
    mr_buf text = {0};
    mr_verb_help(&verb, &text);
    assert_string_equal(mr_buf_cstr(&text), "millrace pour FROM TO\n"
                                            "\n"
                                            "pours\n"
                                            "\n"
                                            "Options:\n"
                                            "  --yes                       do not ask\n"
                                            "  --data DIR                  the data directory\n"
                                            "  --max N                     stop after N\n"
                                            "                              records\n"
                                            "  --form FORM                 a or bc\n"
                                            "  --help                      this text\n");
    mr_buf_deinit(&text);
}

static void every_verb_has_a_complete_help(void **state) {
    (void)state;
    for (const mr_verb *const *at = mr_verbs(); *at; at++) {
        assert_ptr_equal(mr_verb_find((*at)->name), *at);
        assert_true((*at)->summary[0] != '\0');
        assert_non_null((*at)->run);
        for (const mr_option *option = (*at)->options; option->name; option++) {
            bool later = option->kind == MR_OPTION_LATER;
            assert_true(later || (option->help && option->help[0]));
            assert_true(later || option->kind == MR_OPTION_FLAG || option->value_name);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_and_names_may_stand_in_any_order),
        cmocka_unit_test(what_is_not_given_is_not_there),
        cmocka_unit_test(the_last_of_a_name_counts),
        cmocka_unit_test(two_dashes_end_the_options),
        cmocka_unit_test(a_negative_number_is_no_option),
        cmocka_unit_test(help_is_found_before_anything_else_is_checked),
        cmocka_unit_test(a_wrong_command_line_says_what_is_wrong),
        cmocka_unit_test(the_help_names_every_option_but_later_ones),
        cmocka_unit_test(every_verb_has_a_complete_help),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
