#include "runtime/engine/task.h"

#include <stdio.h>

#include "runtime/base/alloc.h"
#include "runtime/base/assert.h"
#include "runtime/base/limits.h"
#include "runtime/engine/task_state.h"
#include "statestore/changelog.h"

#define ALWAYS_FAILS (1u << TASK_FAILED)
static const mr_machine_rule task_rules[TASK_STATES] = {
    [TASK_CREATED] = {"created", 1u << TASK_ENDS | 1u << TASK_STOPPED | ALWAYS_FAILS},
    [TASK_ENDS] = {"ends", 1u << TASK_RESTORING | 1u << TASK_STOPPED | ALWAYS_FAILS},
    [TASK_RESTORING] = {"restoring", 1u << TASK_MARKS | 1u << TASK_STOPPED | ALWAYS_FAILS},
    [TASK_MARKS] = {"marks", 1u << TASK_RUNNING | 1u << TASK_STOPPED | ALWAYS_FAILS},
    [TASK_RUNNING] = {"running", 1u << TASK_STOPPED | ALWAYS_FAILS},
    [TASK_STOPPED] = {"stopped", ALWAYS_FAILS},
    [TASK_FAILED] = {"failed", ALWAYS_FAILS},
};

mr_status mr_task_fail(mr_task *task, mr_status status, mr_failure *failure) {
    MR_ASSERT(status != MR_OK);
    mr_failure_set(failure, status, "task %s: %s", task->name,
                   task->err.message[0] ? task->err.message : mr_status_text(status));
    if (task->machine.state != TASK_FAILED) {
        mr_machine_move(&task->machine, TASK_FAILED);
    }
    return status;
}

/* ---- what `_task` kept ---- */

static mr_status load_times(mr_task *task, task_input *input) {
    char name[300];
    snprintf(name, sizeof name, "t/%s", input->name);
    mr_bytes row;
    mr_status status =
        mr_writeback_get(task->families[0].table, mr_bytes_text(name), &row, &task->err);
    if (status == MR_NOT_FOUND) {
        return MR_OK;
    }
    if (status != MR_OK) {
        return status;
    }
    if (row.len != 1 + (size_t)input->times_count * 8 ||
        (row.data[0] & ~TASK_HEAD_MOVED) > INPUT_ENDED) {
        return mr_err_set(&task->err, MR_CORRUPT, "row %s has %zu bytes", name, row.len);
    }
    input->liveness = (input_liveness)(row.data[0] & ~TASK_HEAD_MOVED);
    input->head_resumed = input->moved_sealed = (row.data[0] & TASK_HEAD_MOVED) != 0;
    for (uint32_t i = 0; i < input->times_count; i++) {
        input->times_ms[i] = (int64_t)mr_get_be64(row.data + 1 + 8 * i);
    }
    return MR_OK;
}

static void keep_stray(void *arg, uint32_t outbox_topic, const mr_record *record) {
    mr_task *task = arg;
    if (!task->strays) {
        task->strays = mr_strays_create();
    }
    mr_strays_keep(task->strays, outbox_topic, record);
}

static mr_status open_graph(mr_task *task) {
    mr_graph_config config = {
        .plan = task->config.plan,
        .nodes = task->sub->nodes,
        .nodes_count = task->sub->nodes_count,
        .script = task->script,
        .pool = task->pool,
        .outbox = task->outbox,
        .stream_topics = task->stream_topics,
        .repartition_topics = task->repartition_topics,
        .task_table = task->families[0].table,
        .tables = task->tables,
        .task = task->config.partition,
        .upstream_numbers = task->upstream_numbers,
        .board = task->config.board,
        .late_outside = keep_stray,
        .late_arg = task,
        .breaks = task->config.breaks.graph,
    };
    return mr_graph_open(&config, &task->graph, &task->err);
}

static mr_status begin_running(mr_task *task, mr_now now, mr_failure *failure) {
    mr_task_marks_loaded(task);
    mr_status status = MR_OK;
    for (uint32_t i = 0; i < task->inputs_count && status == MR_OK; i++) {
        status = load_times(task, &task->inputs[i]);
        if (task->inputs[i].plan->kind == MR_INPUT_STREAM &&
            task->inputs[i].times_ms[0] > task->furthest_ms) {
            task->furthest_ms = task->inputs[i].times_ms[0];
        }
    }
    if (status == MR_OK) {
        status = open_graph(task);
    }
    if (status != MR_OK) {
        return mr_task_fail(task, status, failure);
    }
    mr_task_time_minimum(task);
    task->spill_ns = now.mono_ns;
    atomic_fetch_sub(&task->config.board->tasks_restoring, 1);
    atomic_fetch_add(&task->config.board->tasks_running, 1);
    return MR_OK;
}

/* ---- one record ---- */

/* The input whose head comes first by (time, input, offset); NULL while a silent one may still have
 * an earlier one. */
static task_input *choose(mr_task *task) {
    task_input *chosen = NULL;
    int64_t chosen_ms = 0;
    for (uint32_t i = 0; i < task->inputs_count; i++) {
        task_input *input = &task->inputs[i];
        if (!input->has_head || input->liveness != INPUT_LIVE) {
            continue; /* an idle one is awoken by a mark first, behind an end nothing is taken */
        }
        int64_t time_ms = mr_task_head_time(input);
        if (!chosen || time_ms < chosen_ms) {
            chosen = input;
            chosen_ms = time_ms;
        }
    }
    for (uint32_t i = 0; chosen && i < task->inputs_count; i++) {
        const task_input *other = &task->inputs[i];
        if (other->has_head || other->liveness != INPUT_LIVE) {
            continue;
        }
        int64_t bound_ms = mr_task_input_bound(other);
        if (bound_ms < chosen_ms || (bound_ms == chosen_ms && other < chosen)) {
            return NULL;
        }
    }
    return chosen;
}

/* Closes what the minimum makes due. MR_AGAIN: a commit may come before the rest. */
static mr_status close_due(mr_task *task, mr_failure *failure) {
    if (task->due_checked) {
        return MR_OK;
    }
#ifdef MR_BROKEN
    if (task->config.breaks.graph & MR_GRAPH_BREAK_TIME_RECORD_FIRST) {
        mr_status early = mr_graph_announce(task->graph, task->min_ms, failure);
        if (early != MR_OK) {
            return early;
        }
    }
#endif
    mr_status status = mr_graph_close_due(task->graph, task->min_ms, MR_STEP_ROWS_MAX, failure);
    task->taken = true; /* cursors or outputs may have moved */
    if (status == MR_OK) {
        task->due_checked = true;
        status = mr_graph_announce(task->graph, task->min_ms, failure);
    }
    return status;
}

static mr_status run_head(mr_task *task, task_input *input, mr_failure *failure) {
    if (input->head_is_time) {
        return MR_OK;
    }
    if (input->plan->kind == MR_INPUT_STREAM) {
        atomic_fetch_add_explicit(&task->config.board->records_in, 1, memory_order_relaxed);
    }
    return mr_graph_take(task->graph, input->plan->entries, input->plan->entries_count,
                         &input->head, task->min_ms, failure);
}

static mr_status reject_head(mr_task *task, task_input *input, mr_failure *failure) {
    char label[200];
    snprintf(label, sizeof label, "%s/time", input->name);
    atomic_fetch_add_explicit(&task->config.board->records_in, 1, memory_order_relaxed);
    input->head.carried_ms = input->times_ms[0];
    return mr_graph_reject(task->graph, &input->plan->on_error, label, input->stream->place,
                           &input->head, &input->head_problem, failure);
}

/* Times first, then what is due, then the record itself (LANGUAGE rule 10). */
static mr_status take(mr_task *task, task_input *input, mr_failure *failure) {
    mr_status status = MR_OK;
    if (input->plan->kind == MR_INPUT_STREAM && !input->head_moved &&
        !mr_task_input_timely(input)) {
        status = reject_head(task, input, failure);
        if (status == MR_OK) {
            mr_task_input_consume(task, input);
        }
        return status;
    }
    if (!input->head_moved) {
        mr_task_time_move(task, input);
        input->head_moved = true;
    }
    status = close_due(task, failure);
    if (status == MR_OK) {
        status = run_head(task, input, failure);
    }
    if (input->head.carried_ms < task->min_ms) {
        task->due_checked = false; /* it came behind the minimum: what it opened may be due */
    }
    if (status == MR_OK) {
        mr_task_input_consume(task, input);
    }
    return status;
}

/* The input whose head has moved the times and waits for what they made due; NULL: none. */
static task_input *moving_input(mr_task *task) {
    for (uint32_t i = 0; i < task->inputs_count; i++) {
        if (task->inputs[i].has_head && task->inputs[i].head_moved) {
            return &task->inputs[i];
        }
    }
    return NULL;
}

/* One record, mark or closing. *did is false when there is nothing to do before an event. */
static mr_status step_once(mr_task *task, mr_now now, bool *did, mr_failure *failure) {
    *did = true;
    task_input *moving = moving_input(task);
    if (moving) {
        return take(task, moving, failure);
    }
    mr_status status = close_due(task, failure);
    if (status != MR_OK || (!mr_task_resuming(task) && mr_task_mark_replay(task))) {
        return status;
    }
    for (uint32_t i = 0; i < task->inputs_count && status == MR_OK; i++) {
        status = mr_task_input_head(task, &task->inputs[i], failure);
    }
    if (status != MR_OK || mr_task_resuming(task) || mr_task_mark_waits(task, now)) {
        *did = false;
        return status;
    }
    if (moving_input(task) || mr_task_mark_replay(task)) {
        return MR_OK;
    }
    bool written;
    status = mr_task_mark_new(task, now, &written, failure);
    if (status != MR_OK || written) {
        return status;
    }
    task_input *input = choose(task);
    if (!input) {
        *did = false;
        return MR_OK;
    }
    return take(task, input, failure);
}

static void fetch_all(mr_task *task) {
    for (uint32_t i = 0; i < task->inputs_count; i++) {
        mr_task_input_fetch(task, &task->inputs[i]);
    }
}

static bool is_stopping(const mr_task *task) {
    return atomic_load_explicit(&task->config.board->phase, memory_order_relaxed) ==
           MR_RUN_STOPPING;
}

/* A task that pauses for its readers looks again after this. */
#define LAG_LOOK_NS 5000000

static bool has_room(const mr_task *task) {
    return mr_task_uncommitted_bytes(&task->member) < task->config.txn_bytes_max;
}

static mr_status run(mr_task *task, mr_now now, mr_member_activity *activity, mr_failure *failure) {
    if (mr_task_lag_holds(task)) {
        task->look_ns = now.mono_ns + LAG_LOOK_NS;
        fetch_all(task);
        return MR_OK;
    }
    bool did = true;
    mr_pace_look(&task->pace, now);
    /* A script may take its time with each of them: who wants to stop does not wait for the rest.
     */
    for (uint32_t n = 0; n < task->pace.records && has_room(task) && !is_stopping(task); n++) {
        mr_status status = step_once(task, now, &did, failure);
        if (status == MR_AGAIN) {
            *activity = MR_MEMBER_PROGRESS;
            return MR_OK;
        }
        if (status != MR_OK) {
            if (failure->status == MR_OK) {
                return mr_task_fail(task, status, failure);
            }
            return status;
        }
        if (!did) {
            break;
        }
        *activity = MR_MEMBER_PROGRESS;
    }
    task->held = !did;
    mr_task_lag_tell(task);
    if (*activity == MR_MEMBER_PROGRESS) {
        mr_pace_took(&task->pace, now);
        mr_graph_rest(task->graph);
    }
    fetch_all(task);
    return MR_OK;
}

/* ---- the member ---- */

static mr_status step(mr_task *task, mr_now now, mr_member_activity *activity,
                      mr_failure *failure) {
    *activity = MR_MEMBER_IDLE;
    if (task->machine.state == TASK_STOPPED) {
        return MR_OK;
    }
    if (is_stopping(task)) {
        if (task->machine.state > TASK_CREATED && task->machine.state < TASK_RUNNING) {
            atomic_fetch_sub(&task->config.board->tasks_restoring, 1);
        }
        mr_machine_move(&task->machine, TASK_STOPPED);
        return MR_OK;
    }
    if (task->machine.state != TASK_RUNNING) {
        mr_status status = mr_task_restore_step(task, now, activity, failure);
        if (status == MR_OK && task->machine.state == TASK_RUNNING) {
            status = begin_running(task, now, failure);
        }
        return status;
    }
    mr_status status = mr_task_spill_step(task, now, activity, failure);
    if (status != MR_OK || task->stalled) {
        return status; /* the deadline brings us back */
    }
    return run(task, now, activity, failure);
}

/* The next start would come upon the same damage: it begins without this state. */
static void leave_damaged_store(mr_task *task, mr_failure *failure) {
    mr_store_slot_close(&task->slot);
    mr_err err = {0};
    mr_status status = task->config.stores.destroy(task->config.stores.self, task->directory, &err);
    mr_err why = {0};
    (void)mr_err_set(&why, failure->status, "%s", failure->message);
    if (status == MR_OK) {
        mr_failure_set(failure, why.status,
                       "%s. The state of task %s was removed: run again, and it is rebuilt from "
                       "its changelogs",
                       why.message, task->name);
    } else {
        mr_failure_set(failure, why.status,
                       "%s. Remove %s (%s) and run again: it is rebuilt from its changelogs",
                       why.message, task->directory, err.message);
    }
}

static mr_status task_step(mr_member *member, mr_now now, mr_member_activity *activity,
                           mr_failure *failure) {
    mr_task *task = task_of(member);
    mr_status status = step(task, now, activity, failure);
    if (status != MR_OK && mr_store_is_damaged(task->slot.store)) {
        leave_damaged_store(task, failure);
    }
    return status;
}

static mr_status task_on_reply(mr_member *member, mr_log_request *request, mr_now now,
                               mr_failure *failure) {
    mr_task *task = task_of(member);
    if (request->token >= task->inputs_count) {
        return mr_task_restore_answer(task, request, failure);
    }
    task_input *input = &task->inputs[request->token];
    if (request->op == MR_LOG_FETCH) {
        return mr_task_input_answer(task, input, request, now, failure);
    }
    if (request->op == MR_LOG_PURGE) {
        input->purging = false;
    } else {
        MR_ASSERT(request->op == MR_LOG_OFFSETS);
        input->checking_end = false;
        if (request->status == MR_OK) {
            input->end_known = request->offsets.stable_end;
        }
    }
    mr_log_client_recycle(task->config.client, request);
    return MR_OK;
}

static mr_status task_on_work(mr_member *member, mr_member_work *work, mr_now now,
                              mr_failure *failure) {
    (void)member;
    (void)work;
    (void)now;
    (void)failure;
    MR_UNREACHABLE(); /* a task has no works */
}

static bool task_ready_to_seal(const mr_member *member) {
    (void)member;
    return true;
}

static void task_abort(mr_member *member) {
    mr_task *task = task_of(member);
    mr_outbox_drop(task->outbox);
    for (uint32_t i = 0; i < task->families_count; i++) {
        mr_writeback_abort(task->families[i].table);
    }
}

/* Its records wait for a repartition to speak that has nothing more to say in this run: they stay
 * where they are for the next one. A silent stream speaks yet, by an idle mark. */
static bool held_for_good(const mr_task *task) {
    bool has_head = false;
    for (uint32_t i = 0; i < task->inputs_count; i++) {
        const task_input *input = &task->inputs[i];
        has_head = has_head || input->has_head;
        if (!input->has_head && input->liveness == INPUT_LIVE &&
            input->plan->kind == MR_INPUT_STREAM) {
            return false;
        }
    }
    return has_head && task->held;
}

static bool task_quiet(const mr_member *member) {
    const mr_task *task = (const mr_task *)member;
    if (task->machine.state == TASK_STOPPED) {
        return true;
    }
    if (task->machine.state != TASK_RUNNING || !task->due_checked || task->spilling) {
        return false;
    }
    bool held = held_for_good(task);
    for (uint32_t i = 0; i < task->inputs_count; i++) {
        const task_input *input = &task->inputs[i];
        if (input->has_head && held) {
            continue;
        }
        if (input->has_head || input->reading || input->fetched_count > 0 || !input->at_end ||
            (mr_task_input_ends(input) && !mr_task_replaying(task))) {
            return false;
        }
    }
    return true;
}

static int64_t task_deadline_ns(const mr_member *member) {
    const mr_task *task = (const mr_task *)member;
    if (task->machine.state == TASK_RESTORING) {
        return task->spill_look_ns;
    }
    if (task->machine.state != TASK_RUNNING) {
        return INT64_MAX;
    }
    return task->look_ns < task->spill_look_ns ? task->look_ns : task->spill_look_ns;
}

static bool task_stopped(const mr_member *member) {
    return ((const mr_task *)member)->machine.state == TASK_STOPPED;
}

static bool task_input_position(const mr_member *member, uint32_t index, mr_partition_id *partition,
                                int64_t *offset) {
    const mr_task *task = (const mr_task *)member;
    if (index >= task->inputs_count) {
        return false;
    }
    *partition = task->inputs[index].partition;
    bool held = task->inputs[index].has_head && held_for_good(task);
    *offset = held ? INT64_MAX : task->inputs[index].position;
    return true;
}

/* Sinks are 0, sources come last; a deeper task runs first. */
#define RANK_OF_DEPTH_0 1000000u

static uint32_t task_rank(const mr_member *member) {
    const mr_task *task = (const mr_task *)member;
    return RANK_OF_DEPTH_0 - task->sub->depth;
}

static void task_destroy(mr_member *member) {
    mr_task *task = task_of(member);
    for (uint32_t i = 0; i < task->inputs_count; i++) {
        mr_task_input_deinit(task, &task->inputs[i]);
    }
    mr_graph_close(task->graph);
    for (uint32_t i = 0; i < task->families_count; i++) {
        mr_writeback_destroy(task->families[i].table);
    }
    mr_store_slot_close(&task->slot);
    mr_outbox_destroy(task->outbox);
    if (task->script) {
        task->script->ops->destroy(task->script);
    }
    mr_value_pool_destroy(task->pool);
    mr_fetch_reader_destroy(task->restore_reader);
    mr_task_marks_deinit(task);
    mr_strays_destroy(task->strays);
    mr_free(task->inputs);
    mr_free(task->families);
    mr_free(task->family_names);
    mr_free(task->tables);
    mr_free(task->stream_topics);
    mr_free(task->repartition_topics);
    mr_free(task->upstream_numbers);
    mr_free(task);
}

static const mr_member_ops task_ops = {
    .step = task_step,
    .on_reply = task_on_reply,
    .on_work = task_on_work,
    .dirty = mr_task_dirty,
    .uncommitted_bytes = mr_task_uncommitted_bytes,
    .ready_to_seal = task_ready_to_seal,
    .seal = mr_task_seal,
    .decided = mr_task_decided,
    .abort = task_abort,
    .quiet = task_quiet,
    .deadline_ns = task_deadline_ns,
    .stopped = task_stopped,
    .input = task_input_position,
    .rank = task_rank,
    .destroy = task_destroy,
};

/* ---- making a task ---- */

/* One outbox topic for each stream and repartition this job may write; indexes by stream and by
 * repartition. */
static void create_outbox(mr_task *task) {
    const mr_plan *plan = task->config.plan;
    const mr_job_topics *topics = task->config.topics;
    uint32_t count = 0;
    mr_outbox_topic *list =
        mr_alloc_array(plan->streams_count + plan->repartitions_count + 1, sizeof *list);
    task->stream_topics = mr_alloc_array(plan->streams_count + 1, sizeof(uint32_t));
    task->repartition_topics = mr_alloc_array(plan->repartitions_count + 1, sizeof(uint32_t));
    for (uint32_t i = 0; i < plan->streams_count; i++) {
        const mr_topic_description *topic = &topics->streams[i];
        bool written = plan->streams[i].written_by_job && topic->partitions > 0;
        task->stream_topics[i] = written ? count : MR_INDEX_NONE;
        if (written) {
            list[count++] =
                (mr_outbox_topic){topic->partition_first, topic->partitions, topic->codec};
        }
    }
    for (uint32_t i = 0; i < plan->repartitions_count; i++) {
        const mr_topic_description *topic = &topics->repartitions[i];
        task->repartition_topics[i] = count;
        list[count++] = (mr_outbox_topic){topic->partition_first, topic->partitions, topic->codec};
    }
    task->outbox = mr_outbox_create(list, count);
    mr_free(list);
}

static void number_upstream(mr_task *task) {
    const mr_plan *plan = task->config.plan;
    task->upstream_numbers = mr_alloc_array(plan->repartitions_count + 1, sizeof(uint32_t));
    for (uint32_t i = 0; i < plan->repartitions_count; i++) {
        const mr_plan_repartition *to = &plan->repartitions[i];
        for (uint32_t s = 0; s < to->senders_count; s++) {
            if (to->senders[s] == task->config.subtopology) {
                task->upstream_numbers[i] = to->sender_bases[s] + (uint32_t)task->config.partition;
            }
        }
    }
}

static void init_family(mr_task *task, uint32_t index, uint32_t store,
                        const mr_topic_description *changelog) {
    task_family *family = &task->families[index];
    const mr_plan *plan = task->config.plan;
    family->store = store;
    family->name = store == MR_INDEX_NONE ? "_task" : plan->stores[store].name;
    family->changelog = changelog->partition_first + (uint32_t)task->config.partition;
    memcpy(family->topic_id, changelog->id.bytes, sizeof family->topic_id);
    task->family_names[index] = family->name;
}

void mr_task_make_tables(mr_task *task) {
    for (uint32_t i = 0; i < task->families_count; i++) {
        task_family *family = &task->families[i];
        bool windowed =
            family->store != MR_INDEX_NONE && task->config.plan->stores[family->store].windowed;
        mr_writeback_config config = {.kind =
                                          windowed ? MR_WRITEBACK_WINDOW : MR_WRITEBACK_KEY_VALUE,
                                      .slot = &task->slot,
                                      .family = i,
                                      .breaks = task->config.breaks.writeback};
        mr_writeback_destroy(family->table);
        family->table = mr_writeback_create(&config);
        if (family->store != MR_INDEX_NONE) {
            task->tables[family->store] = family->table;
        }
    }
}

static void create_families(mr_task *task) {
    const mr_job_topics *topics = task->config.topics;
    task->families_count = task->sub->stores_count + 1;
    task->families = mr_alloc_array(task->families_count, sizeof *task->families);
    task->family_names = mr_alloc_array(task->families_count, sizeof *task->family_names);
    task->tables = mr_alloc_array(task->config.plan->stores_count + 1, sizeof *task->tables);
    mr_buf directory = {0};
    mr_state_directory(&directory, task->config.plan->job, topics->generation, task->sub->name,
                       task->config.partition);
    snprintf(task->directory, sizeof task->directory, "%s", mr_buf_cstr(&directory));
    mr_buf_deinit(&directory);
    task->slot = (mr_store_slot){.factory = task->config.stores,
                                 .directory = task->directory,
                                 .families = task->family_names,
                                 .families_count = task->families_count};
    init_family(task, 0, MR_INDEX_NONE, &topics->task_changelogs[task->config.subtopology]);
    for (uint32_t i = 0; i < task->sub->stores_count; i++) {
        uint32_t store = task->sub->stores[i];
        MR_ASSERT(task->config.plan->stores[store].family == i + 1);
        init_family(task, i + 1, store, &topics->changelogs[store]);
    }
    mr_task_make_tables(task);
}

static void create_inputs(mr_task *task) {
    task->inputs = mr_alloc_array(task->sub->inputs_count + 1, sizeof *task->inputs);
    for (uint32_t i = 0; i < task->sub->inputs_count; i++) {
        const mr_plan_input *plan = &task->sub->inputs[i];
        int32_t partitions = plan->kind == MR_INPUT_STREAM
                                 ? task->config.topics->streams[plan->index].partitions
                                 : task->config.topics->repartitions[plan->index].partitions;
        if (task->config.partition >= partitions) {
            continue; /* a smaller topic has no such partition */
        }
        task_input *input = &task->inputs[task->inputs_count++];
        mr_task_input_init(task, input, plan);
        input->position = task->config.positions[i];
        input->position_sealed = input->position_decided = input->position;
        input->fetch_offset = input->purged = input->position;
        input->remade = task->config.remade[i];
    }
    MR_ASSERT(task->inputs_count > 0);
}

mr_status mr_task_create(const mr_task_config *config, mr_member **out, mr_err *err) {
    mr_task *task = mr_alloc(sizeof *task);
    task->config = *config;
    if (task->config.fetch_bytes_max == 0) {
        task->config.fetch_bytes_max = MR_FETCH_BYTES_MAX;
    }
    if (task->config.txn_bytes_max == 0) {
        task->config.txn_bytes_max = MR_TXN_BYTES_MAX;
    }
    task->sub = &config->plan->subtopologies[config->subtopology];
    snprintf(task->name, sizeof task->name, "%.120s-%d", task->sub->name, config->partition);
    task->member = (mr_member){.ops = &task_ops, .name = task->name};
    mr_machine_init(&task->machine, task->name, task_rules, TASK_STATES, TASK_CREATED);
    task->min_ms = task->furthest_ms = INT64_MIN;
    task->all_silent_since_ns = -1;
    mr_pace_init(&task->pace);
    task->look_ns = task->spill_look_ns = INT64_MAX;
    task->restore_reader = mr_fetch_reader_create();
    task->pool = mr_value_pool_create();
    create_outbox(task);
    number_upstream(task);
    create_families(task);
    create_inputs(task);
    mr_status status =
        config->scripts.create(config->scripts.self, config->plan, &task->script, err);
    if (status != MR_OK) {
        task_destroy(&task->member);
        return mr_err_wrap(err, status, "task %s",
                           config->plan->subtopologies[config->subtopology].name);
    }
    atomic_fetch_add(&config->board->tasks_total, 1);
    *out = &task->member;
    return MR_OK;
}
