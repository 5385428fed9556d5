/* runtime/base/machine.h - checked state machines: a table of allowed moves, one move function.
 * Thread: owner only. The diagram stands above each enum. */
#pragma once

#include <stdint.h>

typedef struct mr_machine_rule {
    const char *name; /* of the state, for traces and messages */
    uint32_t allowed; /* bit n set: a move to state n is allowed */
} mr_machine_rule;

typedef struct mr_machine {
    const char *name;
    const mr_machine_rule *rules; /* borrowed, static */
    int count;
    int state;
} mr_machine;

void mr_machine_init(mr_machine *machine, const char *name, const mr_machine_rule *rules, int count,
                     int state);
/* Asserts that the move is allowed. */
void mr_machine_move(mr_machine *machine, int to);
const char *mr_machine_state_name(const mr_machine *machine);
