/* How far the readers of repartition topics are behind (DESIGN section 5, maximum lag). A task
 * pauses while somebody who reads what it writes is too far behind. What is written does not depend
 * on it, only when. */
#include "runtime/base/limits.h"
#include "runtime/engine/task_state.h"

void mr_task_lag_tell(mr_task *task) {
    bool waits = false;
    for (uint32_t i = 0; i < task->inputs_count; i++) {
        waits = waits || task->inputs[i].has_head;
    }
    for (uint32_t i = 0; i < task->inputs_count; i++) {
        const task_input *input = &task->inputs[i];
        if (input->plan->kind != MR_INPUT_REPARTITION) {
            continue;
        }
        mr_lag *lag = &task->config.lags[input->plan->index][input->partition_number];
        atomic_store(&lag->held, task->held && waits);
        atomic_store(&lag->unread, input->stable_known - input->position);
    }
}

static bool sends_to(const mr_task *task, const mr_plan_repartition *to) {
    for (uint32_t i = 0; i < to->senders_count; i++) {
        if (to->senders[i] == task->config.subtopology) {
            return true;
        }
    }
    return false;
}

/* A reader that itself waits for another input to speak is no reason to pause: it may be this task
 * that has to speak. The most downstream reader always gets on, so that nobody waits for ever. */
bool mr_task_lag_holds(const mr_task *task) {
    const mr_plan *plan = task->config.plan;
    for (uint32_t r = 0; r < plan->repartitions_count; r++) {
        const mr_plan_repartition *to = &plan->repartitions[r];
        if (!sends_to(task, to)) {
            continue;
        }
        for (int32_t p = 0; p < to->partitions; p++) {
            const mr_lag *lag = &task->config.lags[r][p];
            if (atomic_load(&lag->unread) > MR_LAG_RECORDS_MAX && !atomic_load(&lag->held)) {
                return true;
            }
        }
    }
    return false;
}
