#include "runtime/base/machine.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { OPEN, SEALED, DONE, STATE_COUNT };

static const mr_machine_rule rules[STATE_COUNT] = {
    [OPEN] = {"OPEN", 1u << SEALED},
    [SEALED] = {"SEALED", 1u << DONE | 1u << OPEN},
    [DONE] = {"DONE", 0},
};

static void allowed_moves_are_made(void **state) {
    (void)state;
    mr_machine machine;
    mr_machine_init(&machine, "commit", rules, STATE_COUNT, OPEN);
    mr_machine_move(&machine, SEALED);
    mr_machine_move(&machine, OPEN);
    mr_machine_move(&machine, SEALED);
    assert_string_equal(mr_machine_state_name(&machine), "SEALED");
    mr_machine_move(&machine, DONE);
    assert_int_equal(machine.state, DONE);
}

/* In a process of its own: what it says on stderr, and that it dies of SIGABRT. */
static void another_move_aborts_and_names_both_states(void **state) {
    (void)state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        signal(SIGABRT, SIG_DFL);
        dup2(ends[1], STDERR_FILENO);
        mr_machine machine;
        mr_machine_init(&machine, "commit", rules, STATE_COUNT, OPEN);
        mr_machine_move(&machine, DONE);
        _exit(0);
    }
    close(ends[1]);
    char said[1024] = {0};
    size_t len = 0;
    ssize_t got;
    while ((got = read(ends[0], said + len, sizeof said - 1 - len)) > 0) {
        len += (size_t)got;
    }
    close(ends[0]);
    int how;
    assert_int_equal(waitpid(child, &how, 0), child);
    assert_true(WIFSIGNALED(how));
    assert_int_equal(WTERMSIG(how), SIGABRT);
    assert_non_null(strstr(said, "commit may move OPEN -> DONE"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(allowed_moves_are_made),
        cmocka_unit_test(another_move_aborts_and_names_both_states),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
