#include "runtime/engine/task_state.h"

#include <inttypes.h>
#include <stdio.h>

#include "runtime/base/assert.h"
#include "runtime/base/limits.h"

/* Requests of the restore carry this token; inputs carry their index. */
#define RESTORE_TOKEN UINT64_MAX

static mr_status ask_end(mr_task *task, mr_partition_id partition) {
    mr_log_request *request = mr_log_client_request(task->config.client, MR_LOG_OFFSETS);
    request->context = task;
    request->token = RESTORE_TOKEN;
    request->partition = partition;
    mr_status status = mr_log_client_submit(task->config.client, request);
    if (status != MR_OK) {
        mr_log_client_recycle(task->config.client, request);
    }
    return status;
}

/* The ends of all changelogs and of the marks: what was decided before this task began. */
static void ask_ends(mr_task *task, mr_member_activity *activity) {
    while (task->restoring < task->families_count + 1) {
        mr_partition_id partition = task->restoring < task->families_count
                                        ? task->families[task->restoring].changelog
                                        : task->config.topics->marks.partition_first;
        if (ask_end(task, partition) != MR_OK) {
            return;
        }
        task->restoring++;
        task->replies_awaited++;
    }
    *activity = MR_MEMBER_PROGRESS;
    atomic_fetch_add(&task->config.board->tasks_restoring, 1);
    mr_machine_move(&task->machine, TASK_ENDS);
}

static mr_status take_end(mr_task *task, mr_log_request *request) {
    if (request->status != MR_OK) {
        return mr_err_set(&task->err, request->status, "%s", request->err.message);
    }
    if (request->partition == task->config.topics->marks.partition_first) {
        task->marks_next = request->offsets.start;
        task->marks_end = request->offsets.stable_end;
        return MR_OK;
    }
    for (uint32_t i = 0; i < task->families_count; i++) {
        task_family *family = &task->families[i];
        if (family->changelog == request->partition) {
            family->restore_first = family->restore_next = request->offsets.start;
            family->restore_end = request->offsets.stable_end;
        }
    }
    return MR_OK;
}

static mr_status fetch_range(mr_task *task, mr_partition_id partition, int64_t offset) {
    mr_log_request *request = mr_log_client_request(task->config.client, MR_LOG_FETCH);
    request->context = task;
    request->token = RESTORE_TOKEN;
    request->partition = partition;
    request->offset = offset;
    request->bytes_max = MR_FETCH_BYTES_MAX;
    request->wait = MR_LOG_NO_WAIT;
    if (mr_log_client_submit(task->config.client, request) != MR_OK) {
        mr_log_client_recycle(task->config.client, request);
        return MR_OK; /* asked for again by the next step */
    }
    task->replies_awaited++;
    return MR_OK;
}

static mr_status begin_family(mr_task *task, task_family *family, mr_failure *failure);

/* The committed horizon of a window store stands in `_task`, which is restored first. */
static mr_status restore_horizon(mr_task *task, task_family *family, mr_err *err) {
    const mr_plan_store *store = &task->config.plan->stores[family->store];
    char row_name[300];
    snprintf(row_name, sizeof row_name, "c/%s", store->name);
    mr_bytes row;
    mr_status status =
        mr_writeback_get(task->families[0].table, mr_bytes_text(row_name), &row, err);
    if (status == MR_OK) {
        mr_writeback_restore_horizon(family->table, row);
    }
    return status == MR_NOT_FOUND ? MR_OK : status;
}

/* The store cannot be gone on from: all of it is made anew from its changelogs' starts (DESIGN
 * section 6). */
static mr_status rebuild(mr_task *task, const task_family *family, mr_failure *failure) {
    uint64_t records = 0;
    for (uint32_t i = 0; i < task->families_count; i++) {
        const task_family *each = &task->families[i];
        records += (uint64_t)(each->restore_end - each->restore_first);
    }
    mr_board_say(task->config.board,
                 "task %s: rebuilding its state, at most %" PRIu64
                 " changelog records: store '%s': %s",
                 task->name, records, family->name, task->err.message);
    task->rebuilt = true;
    mr_store_slot_close(&task->slot);
    mr_status status =
        task->config.stores.destroy(task->config.stores.self, task->directory, &task->err);
    if (status != MR_OK) {
        mr_err_wrap(&task->err, status, "removing %s", task->directory);
        return mr_task_fail(task, status, failure);
    }
    mr_task_make_tables(task);
    task->rows_spilled = 0;
    task->restoring = 0;
    for (uint32_t i = 0; i < task->families_count; i++) {
        task->families[i].restore_next = task->families[i].restore_first;
    }
    return begin_family(task, &task->families[0], failure);
}

/* The store's position must stand in what the changelog has: a gap behind it would be lost. */
static mr_status check_gap(const task_family *family, int64_t position, mr_err *err) {
    if (position < 0 || position + 1 >= family->restore_first) {
        return MR_OK;
    }
    return mr_err_set(err, MR_CORRUPT,
                      "it is at offset %" PRId64 ", but its changelog begins at %" PRId64, position,
                      family->restore_first);
}

static mr_status begin_family(mr_task *task, task_family *family, mr_failure *failure) {
    mr_status status = MR_OK;
    if (family->store != MR_INDEX_NONE && task->config.plan->stores[family->store].windowed) {
        status = restore_horizon(task, family, &task->err);
    }
    int64_t position = -1;
    if (status == MR_OK) {
        status = mr_writeback_restore_begin(family->table, family->topic_id, family->restore_end,
                                            &position, &task->err);
    }
    if (status == MR_OK) {
        status = check_gap(family, position, &task->err);
    }
    if (status == MR_CORRUPT && !task->rebuilt) {
        return rebuild(task, family, failure);
    }
    if (status != MR_OK) {
        mr_err_wrap(&task->err, status, "store '%s'", family->name);
        return mr_task_fail(task, status, failure);
    }
    if (position >= family->restore_next) {
        family->restore_next = position + 1;
    }
    uint64_t todo = family->restore_end > family->restore_next
                        ? (uint64_t)(family->restore_end - family->restore_next)
                        : 0;
    atomic_fetch_add(&task->config.board->restore_total, todo);
    family->changelog_last = family->restore_end - 1;
    return MR_OK;
}

static mr_status take_changes(mr_task *task, task_family *family, const mr_fetched *fetched) {
    mr_fetch_reader_open(task->restore_reader, fetched);
    for (;;) {
        mr_record record;
        mr_fetch_batch batch;
        mr_status status = mr_fetch_reader_next(task->restore_reader, &record, &batch, &task->err);
        if (status == MR_NOT_FOUND) {
            break;
        }
        if (status == MR_OK && record.offset < family->restore_end) {
            status = mr_writeback_restore(family->table, record.key, record.value, record.offset,
                                          &task->err);
            atomic_fetch_add_explicit(&task->config.board->records_replayed, 1,
                                      memory_order_relaxed);
        }
        if (status != MR_OK) {
            return status;
        }
    }
    int64_t next = mr_fetch_reader_next_offset(task->restore_reader);
    family->restore_next = next > family->restore_next ? next : family->restore_end;
    return MR_OK;
}

static mr_status take_marks(mr_task *task, const mr_fetched *fetched) {
    mr_fetch_reader_open(task->restore_reader, fetched);
    for (;;) {
        mr_record record;
        mr_fetch_batch batch;
        mr_status status = mr_fetch_reader_next(task->restore_reader, &record, &batch, &task->err);
        if (status == MR_NOT_FOUND) {
            break;
        }
        if (status == MR_OK) {
            status = mr_task_mark_load(task, &record);
        }
        if (status != MR_OK) {
            return status;
        }
    }
    int64_t next = mr_fetch_reader_next_offset(task->restore_reader);
    task->marks_next = next > task->marks_next ? next : task->marks_end;
    return MR_OK;
}

mr_status mr_task_restore_answer(mr_task *task, mr_log_request *request, mr_failure *failure) {
    MR_ASSERT(task->replies_awaited > 0);
    task->replies_awaited--;
    mr_status status = MR_OK;
    if (task->machine.state == TASK_STOPPED || task->machine.state == TASK_FAILED) {
        mr_log_client_recycle(task->config.client, request); /* nobody waits for it any more */
        return MR_OK;
    }
    if (request->op == MR_LOG_OFFSETS) {
        status = take_end(task, request);
    } else if (request->status == MR_AGAIN) {
        status = MR_OK; /* the log is shutting down */
    } else if (request->status != MR_OK) {
        status = mr_err_set(&task->err, request->status, "%s", request->err.message);
    } else if (task->machine.state == TASK_MARKS) {
        if (request->fetched.bytes) {
            status = take_marks(task, &request->fetched);
        } else {
            task->marks_next = task->marks_end;
        }
    } else {
        task_family *family = &task->families[task->restoring];
        if (request->fetched.start > request->fetched.offset) {
            status = mr_err_set(&task->err, MR_CORRUPT,
                                "changelog records %" PRId64 " to %" PRId64 " are gone",
                                request->fetched.offset, request->fetched.start - 1);
        } else if (request->fetched.bytes) {
            status = take_changes(task, family, &request->fetched);
        } else {
            family->restore_next = family->restore_end;
        }
        if (status != MR_OK) {
            mr_err_wrap(&task->err, status, "restore of store '%s'", family->name);
        }
    }
    mr_log_client_recycle(task->config.client, request);
    return status == MR_OK ? MR_OK : mr_task_fail(task, status, failure);
}

static mr_status step_families(mr_task *task, mr_now now, mr_member_activity *activity,
                               mr_failure *failure) {
    while (task->restoring < task->families_count) {
        task_family *family = &task->families[task->restoring];
        bool waits = false;
        mr_status spilled = mr_task_spill_restored(task, family, now, &waits, failure);
        if (spilled != MR_OK || waits) {
            *activity = task->stalled ? MR_MEMBER_IDLE : MR_MEMBER_PROGRESS;
            return spilled;
        }
        if (family->restore_next < family->restore_end) {
            return fetch_range(task, family->changelog, family->restore_next);
        }
        task->restoring++;
        if (task->restoring < task->families_count) {
            mr_status status = begin_family(task, &task->families[task->restoring], failure);
            if (status != MR_OK) {
                return status;
            }
        }
    }
    mr_status status = mr_task_marks_begin(task);
    if (status != MR_OK) {
        return mr_task_fail(task, status, failure);
    }
    mr_machine_move(&task->machine, TASK_MARKS);
    return MR_OK;
}

mr_status mr_task_restore_step(mr_task *task, mr_now now, mr_member_activity *activity,
                               mr_failure *failure) {
    *activity = MR_MEMBER_IDLE;
    if (task->machine.state == TASK_CREATED) {
        ask_ends(task, activity);
        return MR_OK;
    }
    if (task->replies_awaited > 0) {
        return MR_OK;
    }
    *activity = MR_MEMBER_PROGRESS;
    mr_status status = MR_OK;
    if (task->machine.state == TASK_ENDS) {
        task->restoring = 0;
        mr_machine_move(&task->machine, TASK_RESTORING);
        status = begin_family(task, &task->families[0], failure);
    } else if (task->machine.state == TASK_RESTORING) {
        status = step_families(task, now, activity, failure);
    } else if (task->marks_next < task->marks_end) {
        status = fetch_range(task, task->config.topics->marks.partition_first, task->marks_next);
    } else {
        mr_machine_move(&task->machine, TASK_RUNNING);
    }
    return status;
}
