/* topologies/code_checker.h - what the topology check asks of the script language, without knowing
 * it. Implemented by lua-api, wired by the app. Thread: owner only. */
#pragma once

#include "topologies/plan.h"

/* The names in scope of one text (LANGUAGE rule 5). */
typedef enum mr_scope_bits {
    MR_SCOPE_RECORD = 1, /* key value ts headers ctx null */
    MR_SCOPE_WINDOW = 2, /* window.start window.stop */
} mr_scope_bits;

/* How YAML wrote the text: places inside it are known only for block scalars (`|`) and one-line
 * scalars; folded text and quoted text with escapes have none (the scalar's own place is reported).
 */
typedef enum mr_text_style {
    MR_TEXT_PLAIN_LINE,
    MR_TEXT_IN_BRACES, /* one line without quotes in {} or []: YAML ends it at a comma or bracket */
    MR_TEXT_BLOCK,
    MR_TEXT_FOLDED,
    MR_TEXT_ESCAPED,
} mr_text_style;

typedef struct mr_code_checker {
    /* The job's `functions` block: once, before any text. Adds its errors to diagnostics. */
    void (*functions)(void *self, const char *text, mr_place place, mr_text_style style,
                      mr_diagnostics *diagnostics);
    /* One text. Fills *form. Reports syntax errors, names that are neither in scope nor a function
     * or library, names of the language that this version does not execute (by name), bodies that
     * end without `return` where a result is needed, assignments to globals and to upvalues that
     * outlive a call, and the traps of LANGUAGE section 3. true: no error. */
    bool (*text)(void *self, const char *text, mr_code_use use, uint32_t scope, mr_place place,
                 mr_text_style style, mr_code_form *form, mr_diagnostics *diagnostics);
    /* Names a job may not use for its own things: keywords, libraries, the words in scope of code.
     * NULL-terminated. */
    const char *const *reserved;
    void *self;
} mr_code_checker;
