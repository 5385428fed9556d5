#include "runtime/base/machine.h"

#include <stdio.h>

#include "runtime/base/assert.h"

void mr_machine_init(mr_machine *machine, const char *name, const mr_machine_rule *rules, int count,
                     int state) {
    MR_ASSERT(count > 0 && count <= 32);
    MR_ASSERT(state >= 0 && state < count);
    *machine = (mr_machine){.name = name, .rules = rules, .count = count, .state = state};
}

void mr_machine_move(mr_machine *machine, int to) {
    MR_ASSERT(to >= 0 && to < machine->count);
    const mr_machine_rule *from = &machine->rules[machine->state];
    if ((from->allowed & (UINT32_C(1) << to)) == 0) {
        char move[160];
        snprintf(move, sizeof move, "%s may move %s -> %s", machine->name, from->name,
                 machine->rules[to].name);
        mr_assert_failed(move, __FILE__, __LINE__);
    }
    machine->state = to;
}

const char *mr_machine_state_name(const mr_machine *machine) {
    return machine->rules[machine->state].name;
}
