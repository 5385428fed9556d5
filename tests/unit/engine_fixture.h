/* tests/unit/engine_fixture.h - a record, a scope and code written as text, for tests of the
 * engine's values. Everything it gives lives until fixture_teardown.
 *
 * Code is written in postfix, so that the tests need no parser of the language:
 *     5 5.0 nil true false null 'text'      constants
 *     key value ts start stop               the scope (start, stop: of the window)
 *     .a.b  key.a.b                         a field of value, of key
 *     == ~= < <= > >= + - * / // % neg not  operators
 *     A and( B )   A or( B )                short circuits
 *     lua                                   no native form: the script is asked
 */
#pragma once

#include "runtime/engine/expr_eval.h"

typedef struct fixture {
    mr_arena *arena;
    mr_value_pool *pool;
    mr_value key;
    mr_value value;
    mr_scope scope;
    mr_script script; /* answers with script_answer, MR_INVALID if that is NIL */
    mr_datum script_answer;
    int script_calls;
    mr_format json;
    mr_err err;
} fixture;

int fixture_setup(void **state);
int fixture_teardown(void **state);

/* The scope's record; JSON texts, NULL: absent. */
void fixture_record(fixture *f, const char *key, const char *value, int64_t ts_ms);
/* The same with any datum as value. */
void fixture_value(fixture *f, mr_datum value);
mr_bytes fixture_bytes(fixture *f, const char *text); /* padded */
mr_path fixture_path(fixture *f, const char *dotted);
const mr_code *fixture_code(fixture *f, mr_code_use use, const char *postfix);
/* nil null true 5 5.0 inf 'text' {"json":1} */
const char *fixture_show(fixture *f, const mr_datum *datum);
/* Evaluates; the value as fixture_show, or "MR_AGAIN", "MR_INVALID". */
const char *fixture_eval(fixture *f, const char *postfix);
