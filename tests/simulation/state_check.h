/* tests/simulation/state_check.h - a task's state against the fold of its changelogs, as the disk
 * has them: the last committed value of each key, tombstones and rows at or below the horizon left
 * out. Thread: owner only. */
#pragma once

#include "tests/simulation/disk_log.h"
#include "tests/simulation/job_world.h"

typedef struct state_row {
    mr_bytes key, value;
    int64_t offset;
} state_row;

typedef struct state_rows {
    state_row *rows; /* by key */
    size_t count, cap;
} state_rows;

/* Folds one changelog; horizon: rows with key <= it are left out, null: none. Borrowed from log. */
void state_fold(const disk_log *log, const char *changelog, int32_t partition, mr_bytes horizon,
                state_rows *out);
void state_rows_deinit(state_rows *rows);

/* All families of the task. MR_INVALID: they differ; problem tells where. *rows is added to. */
mr_status state_check_task(const mr_job_world *world, const mr_member *task, const disk_log *log,
                           uint64_t *rows, mr_buf *problem) MR_CHECKED;
mr_status state_check_all(const mr_job_world *world, uint64_t *rows, mr_buf *problem) MR_CHECKED;
