#include <stdio.h>

#include "runtime/base/alloc.h"
#include "runtime/engine/task_state.h"
#include "statestore/changelog.h"
#include "tests/simulation/job_world.h"

/* Sources and sinks have names that say so; a task's is its sub-topology's. */
bool mr_job_world_is_task(const mr_member *member) {
    return strncmp(member->name, "source ", 7) != 0 && strncmp(member->name, "sink ", 5) != 0;
}

bool mr_job_world_family(const mr_job_world *world, const mr_member *member, uint32_t index,
                         mr_job_family *out) {
    const mr_task *task = (const mr_task *)member;
    (void)world;
    if (index >= task->families_count) {
        return false;
    }
    const task_family *family = &task->families[index];
    const mr_plan *plan = task->config.plan;
    char store[300];
    snprintf(store, sizeof store, "%s._task", task->sub->name);
    bool is_task = family->store == MR_INDEX_NONE;
    mr_buf topic = {0};
    mr_changelog_topic(&topic, plan->job, is_task ? store : plan->stores[family->store].name,
                       task->config.topics->generation);
    snprintf(out->changelog, sizeof out->changelog, "%s", mr_buf_cstr(&topic));
    mr_buf_deinit(&topic);
    out->name = family->name;
    out->partition = task->config.partition;
    out->windowed = !is_task && plan->stores[family->store].windowed;
    return true;
}

mr_status mr_job_world_rows(const mr_member *member, uint32_t family, mr_job_row_visit visit,
                            void *arg, mr_err *err) {
    const mr_task *task = (const mr_task *)member;
    mr_writeback_scan *scan =
        mr_writeback_scan_open(task->families[family].table, MR_BYTES_NULL, MR_BYTES_NULL);
    mr_bytes key, value;
    mr_status status;
    while ((status = mr_writeback_scan_next(scan, &key, &value, err)) == MR_OK) {
        visit(arg, key, value);
    }
    mr_writeback_scan_close(scan);
    return status == MR_NOT_FOUND ? MR_OK : status;
}

int64_t mr_job_world_unflushed(const mr_member *member, uint32_t family) {
    const mr_task *task = (const mr_task *)member;
    const task_family *of = &task->families[family];
    return of->changelog_last - mr_writeback_flushed_position(of->table);
}
