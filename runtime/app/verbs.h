/* runtime/app/verbs.h - the verbs of this program. Thread: main. */
#pragma once

#include "runtime/app/options.h"

extern const mr_verb mr_verb_run;
extern const mr_verb mr_verb_check;
extern const mr_verb mr_verb_topics;
extern const mr_verb mr_verb_consume;
extern const mr_verb mr_verb_state;
extern const mr_verb mr_verb_reset;
extern const mr_verb mr_verb_version;
extern const mr_verb mr_verb_of_help;

/* Those above in the order of the help; NULL-terminated. */
const mr_verb *const *mr_verbs(void);
/* NULL: none of that name. */
const mr_verb *mr_verb_find(const char *name);
/* Says on stderr why there is none: known to the language but not to this version, or unknown, with
 * a suggestion. */
mr_exit mr_verb_refuse(const char *word);
/* What `millrace help` prints. */
void mr_verbs_help(mr_buf *out);
