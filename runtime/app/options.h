/* runtime/app/options.h - the command line of one verb: options and what stands beside them.
 * `--name value`, `--name=value`, flags `--name`; `--` ends the options; `-5` is none.
 * Thread: main. */
#pragma once

#include "runtime/app/exit_status.h"
#include "runtime/base/bytes.h"

typedef enum mr_option_kind {
    MR_OPTION_FLAG,
    MR_OPTION_TEXT,
    MR_OPTION_INT,    /* 0 or more */
    MR_OPTION_CHOICE, /* one of `choices` */
    MR_OPTION_LATER,  /* the language has it, this version does not: refused by name */
} mr_option_kind;

typedef struct mr_option {
    const char *name; /* without dashes; NULL ends a table */
    mr_option_kind kind;
    const char *value_name; /* in the help; NULL for flags */
    const char *choices;    /* "a|b" */
    const char *help;
} mr_option;

#define MR_OPTIONS_END                                                                             \
    { .name = NULL }

typedef struct mr_verb mr_verb;

typedef struct mr_option_value {
    const mr_option *option;
    const char *text; /* borrowed from argv; "" for a flag */
    int64_t number;   /* MR_OPTION_INT */
} mr_option_value;

typedef struct mr_arguments {
    const mr_verb *verb;
    const char **positionals; /* borrowed from argv */
    size_t positionals_count;
    mr_option_value *values; /* in the order given; the last of a name counts */
    size_t values_count;
    bool help; /* --help or -h was given: nothing else was checked */
} mr_arguments;

struct mr_verb {
    const char *name;
    const char *usage;   /* what stands behind the name: "JOB... [options]" */
    const char *summary; /* one line */
    const char *details; /* paragraphs, "" when none */
    const mr_option *options;
    size_t positionals_min;
    size_t positionals_max;
    mr_exit (*run)(const mr_arguments *arguments);
};

/* argv: behind the verb. MR_INVALID: the message says what is wrong; release with deinit in any
 * case. */
mr_status mr_arguments_parse(const mr_verb *verb, int argc, char **argv, mr_arguments *out,
                             mr_err *err) MR_CHECKED;
void mr_arguments_deinit(mr_arguments *arguments);
/* NULL: not given. */
const char *mr_arguments_text(const mr_arguments *arguments, const char *name);
bool mr_arguments_flag(const mr_arguments *arguments, const char *name);
/* The number given, or if_missing. */
int64_t mr_arguments_int(const mr_arguments *arguments, const char *name, int64_t if_missing);
/* `--help` of the verb. */
void mr_verb_help(const mr_verb *verb, mr_buf *out);
