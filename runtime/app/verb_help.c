#include <stdio.h>

#include "runtime/app/verbs.h"

static mr_exit run(const mr_arguments *arguments) {
    const char *name = arguments->positionals_count > 0 ? arguments->positionals[0] : NULL;
    const mr_verb *verb = name ? mr_verb_find(name) : NULL;
    if (name && !verb) {
        return mr_verb_refuse(name);
    }
    mr_buf text = {0};
    if (verb) {
        mr_verb_help(verb, &text);
    } else {
        mr_verbs_help(&text);
    }
    fputs(mr_buf_cstr(&text), stdout);
    mr_buf_deinit(&text);
    return MR_EXIT_OK;
}

static const mr_option options[] = {MR_OPTIONS_END};

const mr_verb mr_verb_of_help = {
    .name = "help",
    .usage = "[VERB]",
    .summary = "the verbs, or everything about one of them",
    .details = "",
    .options = options,
    .positionals_max = 1,
    .run = run,
};
