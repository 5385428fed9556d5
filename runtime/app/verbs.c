#include "runtime/app/verbs.h"

#include "runtime/app/messages.h"
#include "topologies/diagnostics.h"

static const mr_verb *const verbs[] = {
    &mr_verb_run,     &mr_verb_check,   &mr_verb_topics,
    &mr_verb_consume, &mr_verb_state,   &mr_verb_reset,
    &mr_verb_version, &mr_verb_of_help, NULL,
};
#define VERBS_COUNT (sizeof verbs / sizeof verbs[0] - 1)

static const char *const later[] = {
    "annotate", "bench",  "connectors", "dev",  "dlq",  "eval", "explain", "fmt",
    "graph",    "groups", "import",     "jobs", "lsp",  "new",  "produce", "repl",
    "schema",   "serve",  "sql",        "tap",  "test", "why",
};

const mr_verb *const *mr_verbs(void) {
    return verbs;
}

const mr_verb *mr_verb_find(const char *name) {
    for (size_t i = 0; i < VERBS_COUNT; i++) {
        if (strcmp(verbs[i]->name, name) == 0) {
            return verbs[i];
        }
    }
    return NULL;
}

static bool is_later(const char *word) {
    for (size_t i = 0; i < sizeof later / sizeof later[0]; i++) {
        if (strcmp(later[i], word) == 0) {
            return true;
        }
    }
    return false;
}

static const char *nearest(const char *word) {
    const char *names[VERBS_COUNT];
    for (size_t i = 0; i < VERBS_COUNT; i++) {
        names[i] = verbs[i]->name;
    }
    return mr_suggest(word, names, VERBS_COUNT);
}

mr_exit mr_verb_refuse(const char *word) {
    const char *near = nearest(word);
    if (is_later(word)) {
        mr_say("'%s' is not in this version", word);
    } else if (near) {
        mr_say("unknown verb '%s', did you mean '%s'?", word, near);
    } else {
        mr_say("unknown verb '%s' (`millrace help` lists them)", word);
    }
    return MR_EXIT_USAGE;
}

void mr_verbs_help(mr_buf *out) {
    mr_buf_put_text(out, "millrace VERB [arguments]\n\n"
                         "Stream jobs in YAML and Lua over a durable log of its own.\n\nVerbs:\n");
    for (size_t i = 0; i < VERBS_COUNT; i++) {
        mr_buf_printf(out, "  %-10s%s\n", verbs[i]->name, verbs[i]->summary);
    }
    mr_buf_put_text(out,
                    "\n`millrace VERB --help` says everything about one verb.\n"
                    "Exit status: 0; 3 if records went to an on_error stream; 1 for a job that "
                    "does not\ncheck or stopped; 2 for usage.\n");
}
