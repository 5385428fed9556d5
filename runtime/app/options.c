#include "runtime/app/options.h"

#include "runtime/base/alloc.h"
#include "runtime/base/number.h"
#include "topologies/diagnostics.h"

#define HELP_COLUMN 30
#define OPTIONS_MAX 64

/* ---- parsing ---- */

static const mr_option *find_option(const mr_verb *verb, const char *name, size_t len) {
    for (const mr_option *option = verb->options; option->name; option++) {
        if (strlen(option->name) == len && memcmp(option->name, name, len) == 0) {
            return option;
        }
    }
    return NULL;
}

static mr_status unknown_option(const mr_verb *verb, const char *name, size_t len, mr_err *err) {
    const char *names[OPTIONS_MAX];
    size_t count = 0;
    for (const mr_option *option = verb->options; option->name && count < OPTIONS_MAX; option++) {
        if (option->kind != MR_OPTION_LATER) {
            names[count++] = option->name;
        }
    }
    char *word = mr_strndup(name, len);
    const char *near = mr_suggest(word, names, count);
    if (near) {
        mr_err_set(err, MR_INVALID, "unknown option --%s, did you mean --%s?", word, near);
    } else {
        mr_err_set(err, MR_INVALID, "unknown option --%s", word);
    }
    mr_free(word);
    return MR_INVALID;
}

static bool is_choice(const char *choices, const char *text) {
    size_t len = strlen(text);
    for (const char *at = choices; at;) {
        const char *end = strchr(at, '|');
        size_t choice_len = end ? (size_t)(end - at) : strlen(at);
        if (choice_len == len && memcmp(at, text, len) == 0) {
            return true;
        }
        at = end ? end + 1 : NULL;
    }
    return false;
}

static mr_status check_value(mr_option_value *value, mr_err *err) {
    const mr_option *option = value->option;
    if (option->kind == MR_OPTION_INT &&
        (mr_int_parse(mr_bytes_text(value->text), &value->number) != MR_OK || value->number < 0)) {
        return mr_err_set(err, MR_INVALID, "--%s: '%s' is not a whole number of 0 or more",
                          option->name, value->text);
    }
    if (option->kind == MR_OPTION_CHOICE && !is_choice(option->choices, value->text)) {
        return mr_err_set(err, MR_INVALID, "--%s: '%s' is not one of %s", option->name, value->text,
                          option->choices);
    }
    return MR_OK;
}

/* One option at argv[*at]; *at moves behind what it takes. */
static mr_status parse_option(mr_arguments *out, int argc, char **argv, int *at, mr_err *err) {
    const char *name = argv[*at] + 2;
    const char *equals = strchr(name, '=');
    size_t len = equals ? (size_t)(equals - name) : strlen(name);
    const mr_option *option = find_option(out->verb, name, len);
    if (!option) {
        return unknown_option(out->verb, name, len, err);
    }
    if (option->kind == MR_OPTION_LATER) {
        return mr_err_set(err, MR_INVALID, "--%s is not in this version", option->name);
    }
    (*at)++;
    mr_option_value value = {.option = option, .text = equals ? equals + 1 : ""};
    if (option->kind == MR_OPTION_FLAG && equals) {
        return mr_err_set(err, MR_INVALID, "--%s takes no value", option->name);
    }
    if (option->kind != MR_OPTION_FLAG && !equals) {
        if (*at >= argc) {
            return mr_err_set(err, MR_INVALID, "--%s needs a value (%s)", option->name,
                              option->value_name);
        }
        value.text = argv[(*at)++];
    }
    mr_status status = check_value(&value, err);
    if (status == MR_OK) {
        out->values[out->values_count++] = value;
    }
    return status;
}

static mr_status check_positionals(const mr_arguments *arguments, mr_err *err) {
    const mr_verb *verb = arguments->verb;
    if (arguments->positionals_count < verb->positionals_min) {
        return mr_err_set(err, MR_INVALID, "something is missing: millrace %s %s", verb->name,
                          verb->usage);
    }
    if (arguments->positionals_count > verb->positionals_max) {
        return mr_err_set(err, MR_INVALID, "'%s' is one too many: millrace %s%s%s",
                          arguments->positionals[verb->positionals_max], verb->name,
                          verb->usage[0] ? " " : "", verb->usage);
    }
    return MR_OK;
}

/* "-x"; not "-", and not "-5", which may be a key. */
static bool looks_like_option(const char *text) {
    return text[0] == '-' && text[1] != '\0' && !(text[1] >= '0' && text[1] <= '9');
}

mr_status mr_arguments_parse(const mr_verb *verb, int argc, char **argv, mr_arguments *out,
                             mr_err *err) {
    *out = (mr_arguments){.verb = verb};
    out->positionals = mr_alloc_array((size_t)argc + 1, sizeof *out->positionals);
    out->values = mr_alloc_array((size_t)argc + 1, sizeof *out->values);
    bool options_ended = false;
    int at = 0;
    while (at < argc) {
        const char *text = argv[at];
        if (!options_ended && strcmp(text, "--") == 0) {
            options_ended = true;
            at++;
        } else if (!options_ended && (strcmp(text, "--help") == 0 || strcmp(text, "-h") == 0)) {
            out->help = true;
            return MR_OK;
        } else if (!options_ended && strncmp(text, "--", 2) == 0) {
            mr_status status = parse_option(out, argc, argv, &at, err);
            if (status != MR_OK) {
                return status;
            }
        } else if (!options_ended && looks_like_option(text)) {
            return mr_err_set(err, MR_INVALID, "unknown option %s", text);
        } else {
            out->positionals[out->positionals_count++] = text;
            at++;
        }
    }
    return check_positionals(out, err);
}

void mr_arguments_deinit(mr_arguments *arguments) {
    mr_free(arguments->positionals);
    mr_free(arguments->values);
    *arguments = (mr_arguments){0};
}

/* ---- asking ---- */

static const mr_option_value *find_value(const mr_arguments *arguments, const char *name) {
    for (size_t i = arguments->values_count; i > 0; i--) {
        if (strcmp(arguments->values[i - 1].option->name, name) == 0) {
            return &arguments->values[i - 1];
        }
    }
    return NULL;
}

const char *mr_arguments_text(const mr_arguments *arguments, const char *name) {
    const mr_option_value *value = find_value(arguments, name);
    return value ? value->text : NULL;
}

bool mr_arguments_flag(const mr_arguments *arguments, const char *name) {
    return find_value(arguments, name) != NULL;
}

int64_t mr_arguments_int(const mr_arguments *arguments, const char *name, int64_t if_missing) {
    const mr_option_value *value = find_value(arguments, name);
    return value ? value->number : if_missing;
}

/* ---- help ---- */

static void put_option(const mr_option *option, mr_buf *out) {
    size_t before = out->len;
    mr_buf_printf(out, "  --%s", option->name);
    if (option->value_name) {
        mr_buf_printf(out, " %s", option->value_name);
    }
    size_t width = out->len - before;
    mr_buf_printf(out, "%*s", width < HELP_COLUMN ? (int)(HELP_COLUMN - width) : 1, "");
    for (const char *at = option->help; *at; at++) {
        mr_buf_put_u8(out, (uint8_t)*at);
        if (*at == '\n') {
            mr_buf_printf(out, "%*s", HELP_COLUMN, "");
        }
    }
    mr_buf_put_u8(out, '\n');
}

void mr_verb_help(const mr_verb *verb, mr_buf *out) {
    mr_buf_printf(out, "millrace %s%s%s\n\n%s\n", verb->name, verb->usage[0] ? " " : "",
                  verb->usage, verb->summary);
    if (verb->details[0]) {
        mr_buf_printf(out, "\n%s\n", verb->details);
    }
    mr_buf_put_text(out, "\nOptions:\n");
    for (const mr_option *option = verb->options; option->name; option++) {
        if (option->kind != MR_OPTION_LATER) {
            put_option(option, out);
        }
    }
    put_option(&(mr_option){.name = "help", .help = "this text"}, out);
}
