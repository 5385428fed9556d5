#include "runtime/engine/task_state.h"

#include <stdio.h>

#include "runtime/base/assert.h"
#include "runtime/base/limits.h"

/* A read topic is purged at most this often behind its reader. */
#define PURGE_RECORDS_MIN MR_LIMIT(4096, 8)

bool mr_task_dirty(const mr_member *member) {
    const mr_task *task = (const mr_task *)member;
    if (task->machine.state != TASK_RUNNING && task->machine.state != TASK_STOPPED) {
        return false;
    }
    return task->taken || task->marks_moved || task->marks_sealed < task->marks_applied ||
           mr_outbox_records(task->outbox) > 0;
}

size_t mr_task_uncommitted_bytes(const mr_member *member) {
    const mr_task *task = (const mr_task *)member;
    size_t bytes = mr_outbox_bytes(task->outbox);
    for (uint32_t i = 0; i < task->families_count; i++) {
        bytes += mr_writeback_uncommitted_bytes(task->families[i].table);
    }
    return bytes;
}

/* ---- rows of `_task`: "t/<input>" times, "m" marks applied ---- */

static mr_status put_row(mr_task *task, const char *name, const mr_buf *value) {
    return mr_writeback_put(task->families[0].table, mr_bytes_text(name), mr_buf_view(value),
                            &task->err);
}

static bool head_moved(const task_input *input) {
    return input->head_resumed || (input->has_head && input->head_moved);
}

/* One byte of liveness and TASK_HEAD_MOVED, then 8 bytes for each sub-stream. */
static mr_status put_times(mr_task *task, task_input *input) {
    char name[300];
    snprintf(name, sizeof name, "t/%s", input->name);
    mr_buf value = {0};
    uint8_t moved = head_moved(input) ? TASK_HEAD_MOVED : 0;
    mr_buf_put_u8(&value, (uint8_t)((uint8_t)input->liveness | moved));
    for (uint32_t i = 0; i < input->times_count; i++) {
        mr_buf_put_be64(&value, (uint64_t)input->times_ms[i]);
    }
    mr_status status = put_row(task, name, &value);
    mr_buf_deinit(&value);
    input->times_moved = false;
    input->moved_sealed = moved != 0;
    return status;
}

static mr_status put_task_rows(mr_task *task) {
    mr_status status = mr_graph_seal(task->graph, &task->err);
    for (uint32_t i = 0; i < task->inputs_count && status == MR_OK; i++) {
        const task_input *input = &task->inputs[i];
        if (input->times_moved || input->moved_sealed != head_moved(input)) {
            status = put_times(task, &task->inputs[i]);
        }
    }
    if (status == MR_OK && task->marks_moved) {
        mr_buf value = {0};
        mr_buf_put_be32(&value, task->marks_passed);
        status = put_row(task, "m", &value);
        mr_buf_deinit(&value);
        task->marks_moved = false;
    }
    return status;
}

static void seal_family(task_family *family, mr_commit *commit, mr_now now) {
    mr_writeback_seal(family->table);
    size_t cursor = 0;
    mr_record record = {.timestamp_ms = now.wall_ms};
    while (mr_writeback_next_sealed(family->table, &cursor, &record.key, &record.value)) {
        mr_commit_add_record(commit, family->changelog, &record);
    }
}

static void seal_positions(mr_task *task, mr_commit *commit, mr_now now) {
    for (uint32_t i = 0; i < task->inputs_count; i++) {
        task_input *input = &task->inputs[i];
        if (input->position == input->position_sealed) {
            continue;
        }
        mr_position position = {.group = mr_bytes_text(task->config.plan->job),
                                .topic = mr_bytes_text(input->topic),
                                .partition = input->partition_number,
                                .offset = input->position,
                                .metadata = mr_bytes_text(""),
                                .timestamp_ms = now.wall_ms,
                                .generation = task->config.topics->generation};
        mr_commit_add_position(commit, &position);
        input->position_sealed = input->position;
    }
}

static void seal_marks(mr_task *task, mr_commit *commit, mr_now now) {
    mr_buf key = {0}, value = {0};
    for (; task->marks_sealed < task->marks_applied; task->marks_sealed++) {
        mr_task_mark_encode(task, &task->marks[task->marks_sealed], &key, &value);
        mr_record record = {
            .timestamp_ms = now.wall_ms, .key = mr_buf_view(&key), .value = mr_buf_view(&value)};
        mr_commit_add_record(commit, task->config.topics->marks.partition_first, &record);
    }
    mr_task_marks_sealed(task);
    mr_buf_deinit(&key);
    mr_buf_deinit(&value);
}

void mr_task_seal(mr_member *member, mr_commit *commit, mr_now now) {
    mr_task *task = task_of(member);
    if (!task->graph || !mr_task_dirty(member)) {
        return;
    }
    /* `_task` rows sit in memory: a table that is restored takes puts without touching its store.
     */
    mr_status status = put_task_rows(task);
    MR_ASSERT(status == MR_OK);
    mr_commit_add_outbox(commit, task->outbox);
    for (uint32_t i = 0; i < task->families_count; i++) {
        seal_family(&task->families[i], commit, now);
    }
    seal_marks(task, commit, now);
    seal_positions(task, commit, now);
    mr_task_time_tell(task);
    task->taken = false;
    task->sealed = true;
}

static void purge(mr_task *task, task_input *input) {
    if (input->plan->kind != MR_INPUT_REPARTITION || input->purging ||
        input->position_decided - input->purged < PURGE_RECORDS_MIN) {
        return;
    }
    mr_log_request *request = mr_log_client_request(task->config.client, MR_LOG_PURGE);
    request->context = task;
    request->token = (uint64_t)(input - task->inputs);
    request->partition = input->partition;
    request->offset = input->position_decided;
    if (mr_log_client_submit(task->config.client, request) == MR_OK) {
        input->purging = true;
        input->purged = input->position_decided;
    } else {
        mr_log_client_recycle(task->config.client, request);
    }
}

void mr_task_decided(mr_member *member, const mr_commit *commit, mr_now now) {
    (void)now;
    mr_task *task = task_of(member);
    if (!task->sealed) {
        return;
    }
    task->sealed = false;
    if (task->strays) {
        mr_strays_release(task->strays, task->outbox);
    }
    for (uint32_t i = 0; i < task->families_count; i++) {
        task_family *family = &task->families[i];
        int64_t last = mr_commit_last_offset(commit, family->changelog);
        if (last >= 0) {
            family->changelog_last = last;
        }
        mr_writeback_commit(family->table, family->changelog_last);
    }
    for (uint32_t i = 0; i < task->inputs_count; i++) {
        task_input *input = &task->inputs[i];
        input->position_decided = input->position_sealed;
        purge(task, input);
    }
}

/* ---- spill ---- */

static bool spill_due(mr_task *task, mr_now now) {
    uint64_t bytes = 0, memory = 0;
    for (uint32_t i = 0; i < task->families_count; i++) {
        bytes += mr_writeback_unspilled_bytes(task->families[i].table);
        memory += mr_writeback_spillable_bytes(task->families[i].table);
    }
    if (bytes == 0) {
        task->spill_ns = now.mono_ns;
        return false;
    }
    int64_t age_ns;
    if (__builtin_mul_overflow(task->config.spill_age_ms, 1000000, &age_ns) ||
        __builtin_add_overflow(task->spill_ns, age_ns, &task->spill_look_ns)) {
        task->spill_look_ns = INT64_MAX;
    }
    return bytes >= task->config.spill_bytes_max || memory >= task->config.rows_bytes_max ||
           now.mono_ns >= task->spill_look_ns;
}

/* A spill that waits is looked at again after this. */
#define SPILL_LOOK_NS 5000000

static void note_spilled(mr_task *task) {
    uint64_t rows = 0;
    for (uint32_t i = 0; i < task->families_count; i++) {
        rows += mr_writeback_counters_get(task->families[i].table).rows_spilled;
    }
    atomic_fetch_add(&task->config.board->rows_spilled, rows - task->rows_spilled);
    task->rows_spilled = rows;
}

static mr_status spill_family(mr_task *task, task_family *family, mr_now now, bool *again,
                              mr_failure *failure) {
    mr_status status =
        mr_writeback_spill_step(family->table, MR_STEP_ROWS_MAX, &task->stalled, &task->err);
    note_spilled(task);
    *again = status == MR_AGAIN;
    if (*again) {
        task->spill_look_ns = now.mono_ns + SPILL_LOOK_NS;
        return MR_OK;
    }
    if (status != MR_OK) {
        mr_err_wrap(&task->err, status, "spill of store '%s'", family->name);
        return mr_task_fail(task, status, failure);
    }
    return MR_OK;
}

mr_status mr_task_spill_restored(mr_task *task, task_family *family, mr_now now, bool *waits,
                                 mr_failure *failure) {
    *waits = false;
    task->stalled = false;
    if (!mr_writeback_spilling(family->table) &&
        mr_writeback_unspilled_bytes(family->table) < task->config.spill_bytes_max &&
        mr_writeback_spillable_bytes(family->table) < task->config.rows_bytes_max) {
        return MR_OK;
    }
    bool again;
    mr_status status = spill_family(task, family, now, &again, failure);
    /* A flush that is under way holds nobody up: little was read since. */
    *waits = status == MR_OK && again && (task->stalled || mr_writeback_spilling(family->table));
    if (!*waits) {
        task->spill_look_ns = INT64_MAX; /* the next answer of the log brings us back */
    }
    return status;
}

mr_status mr_task_spill_step(mr_task *task, mr_now now, mr_member_activity *activity,
                             mr_failure *failure) {
    task->stalled = false;
    task->spill_look_ns = INT64_MAX;
    if (!task->spilling) {
        if (!spill_due(task, now)) {
            return MR_OK;
        }
        task->spilling = true;
        task->spilling_family = 0;
    }
    task_family *family = &task->families[task->spilling_family];
    bool again = false;
    mr_status status = spill_family(task, family, now, &again, failure);
    if (status != MR_OK) {
        return status;
    }
    if (again) {
        /* Inputs wait while the store stalls. While only its last flush is under way there is
         * nothing to do; the deadline brings us back. */
        bool working = !task->stalled && mr_writeback_spilling(family->table);
        *activity = working ? MR_MEMBER_PROGRESS : MR_MEMBER_IDLE;
        return MR_OK;
    }
    *activity = MR_MEMBER_PROGRESS;
    if (++task->spilling_family == task->families_count) {
        task->spilling = false;
        task->spill_ns = now.mono_ns;
    }
    return MR_OK;
}
