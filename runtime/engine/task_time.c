#include "runtime/engine/task_state.h"

#include <inttypes.h>
#include <stdio.h>

#include "runtime/base/alloc.h"
#include "runtime/base/assert.h"
#include "runtime/base/json.h"

static const char *const mark_names[] = {
    [MARK_IDLE] = "idle", [MARK_AWAKE] = "awake", [MARK_TIME] = "time", [MARK_END] = "end"};
#define MARK_KINDS 4

/* Two time marks are at least this far apart, unless something is due. */
#define MARK_INTERVAL_NS 100000000
#define END_POLL_NS 5000000
#define SETTLED_POLL_NS 1000000000 /* another task that goes on wakes nobody */

/* ---- times ---- */

int64_t mr_task_input_bound(const task_input *input) {
    if (input->liveness == INPUT_ENDED) {
        return INT64_MAX;
    }
    int64_t bound_ms = INT64_MAX;
    bool any_unknown = false;
    for (uint32_t i = 0; i < input->times_count; i++) {
        if (input->times_ms[i] == MR_TIME_UNKNOWN) {
            any_unknown = true; /* silent without a time: the others count */
        } else if (input->times_ms[i] < bound_ms) {
            bound_ms = input->times_ms[i];
        }
    }
    return bound_ms == INT64_MAX && any_unknown ? MR_TIME_UNKNOWN : bound_ms;
}

int64_t mr_task_head_time(task_input *input) {
    if (input->plan->kind == MR_INPUT_REPARTITION) {
        return input->head_time_ms;
    }
    int64_t time_ms = input->times_ms[0];
    if (!mr_task_input_timely(input)) {
        return time_ms; /* it will move nothing */
    }
    return input->head_time_ms > time_ms ? input->head_time_ms : time_ms;
}

static void raise_time(task_input *input, uint32_t sub_stream, int64_t time_ms) {
    if (time_ms > input->times_ms[sub_stream]) {
        input->times_ms[sub_stream] = time_ms;
        input->times_moved = true;
    }
}

void mr_task_time_move(mr_task *task, task_input *input) {
    if (input->head_is_time) {
        raise_time(input, input->head_upstream, input->head_time_ms);
    } else if (input->plan->kind == MR_INPUT_STREAM) {
        raise_time(input, 0, input->head.ts_ms);
        if (input->head.ts_ms > task->furthest_ms) {
            task->furthest_ms = input->head.ts_ms;
        }
        input->head.carried_ms = input->times_ms[0];
    }
    mr_task_time_minimum(task);
}

/* Idle inputs hold nobody back; when all are silent, the furthest of them counts. */
void mr_task_time_minimum(mr_task *task) {
    int64_t live_ms = INT64_MAX, idle_ms = INT64_MIN;
    bool any_live = false, any_idle = false;
    for (uint32_t i = 0; i < task->inputs_count; i++) {
        const task_input *input = &task->inputs[i];
        int64_t bound_ms = mr_task_input_bound(input);
        if (input->liveness == INPUT_LIVE) {
            any_live = true;
            live_ms = bound_ms < live_ms ? bound_ms : live_ms;
        } else if (input->liveness == INPUT_IDLE) {
            any_idle = true;
            idle_ms = bound_ms > idle_ms ? bound_ms : idle_ms;
        }
    }
    int64_t min_ms = any_live ? live_ms : any_idle ? idle_ms : INT64_MAX;
    if (min_ms > task->min_ms) {
        task->min_ms = min_ms;
        task->due_checked = false;
    }
}

/* ---- marks ---- */

void mr_task_marks_deinit(mr_task *task) {
    for (uint32_t i = 0; i < task->marks_count; i++) {
        mr_free(task->marks[i].cursor);
    }
    mr_free(task->marks);
}

static task_mark *push_mark(mr_task *task) {
    if (task->marks_count == task->marks_cap) {
        task->marks_cap = task->marks_cap ? task->marks_cap * 2 : 8;
        task->marks = mr_realloc(task->marks, task->marks_cap * sizeof *task->marks);
    }
    task_mark *mark = &task->marks[task->marks_count++];
    *mark = (task_mark){.cursor = mr_alloc_array(task->inputs_count + 1, sizeof(int64_t)),
                        .number = task->marks_numbered++};
    return mark;
}

/* Records of a named topic carry what its sub-stream has reached; those of a repartition carry a
 * time of their own. */
static void raise_to_minimum(const mr_task *task, task_input *input) {
    if (input->plan->kind == MR_INPUT_STREAM) {
        raise_time(input, 0, task->min_ms);
    }
}

/* The minimum came from an input that has just ended: those that are idle carry it on, so that it
 * is the same after a restart. */
static void keep_minimum(mr_task *task) {
    for (uint32_t i = 0; i < task->inputs_count; i++) {
        if (task->inputs[i].liveness == INPUT_IDLE) {
            raise_to_minimum(task, &task->inputs[i]);
        }
    }
}

static void pass_mark(mr_task *task, const task_mark *mark) {
    task->marks_applied++;
    task->marks_passed = mark->number + 1;
    task->marks_moved = true;
}

static void apply_mark(mr_task *task, const task_mark *mark) {
    task_input *input = &task->inputs[mark->input];
    switch (mark->kind) {
    case MARK_IDLE:
        input->liveness = INPUT_IDLE;
        break;
    case MARK_AWAKE:
        /* What went on without it may have closed windows: its records carry no less. */
        input->liveness = INPUT_LIVE;
        raise_to_minimum(task, input);
        break;
    case MARK_TIME:
        for (uint32_t i = 0; i < task->inputs_count; i++) {
            if (task->inputs[i].liveness != INPUT_ENDED &&
                task->inputs[i].plan->kind == MR_INPUT_STREAM) {
                raise_time(&task->inputs[i], 0, mark->time_ms);
            }
        }
        mr_graph_announce_next(task->graph);
        break;
    case MARK_END:
        input->liveness = INPUT_ENDED;
        keep_minimum(task);
        break;
    }
    input->times_moved = true;
    pass_mark(task, mark);
    mr_task_time_minimum(task);
}

bool mr_task_resuming(const mr_task *task) {
    for (uint32_t i = 0; i < task->inputs_count; i++) {
        if (task->inputs[i].head_resumed) {
            return true;
        }
    }
    return false;
}

bool mr_task_replaying(const mr_task *task) {
    return task->marks_applied < task->marks_count;
}

static bool empty(const task_input *input) {
    return !input->has_head && !input->reading && input->fetched_count == 0 && input->at_end;
}

/* A source of this process that has more to read is not silent. */
static bool fed(const mr_task *task, const task_input *input) {
    const mr_plan *plan = task->config.plan;
    const mr_board *board = task->config.board;
    bool until_end = board->until == MR_RUN_UNTIL_END;
    for (uint32_t i = 0; i < plan->sources_count; i++) {
        const atomic_bool *over = until_end ? &board->source_done[i] : &board->source_resting[i];
        if (plan->sources[i].stream == input->plan->index && !atomic_load(over)) {
            return true;
        }
    }
    return false;
}

/* How far an input has been taken. What is no record (a transaction's marker) is passed with the
 * record behind it or with the end of what was fetched, whichever is seen first: both are the same
 * place for a mark. */
static int64_t reached(const task_input *input) {
    return input->has_head ? input->head_offset : input->position;
}

/* The next mark of the log, if the inputs are where it was written; NULL: not yet. */
static const task_mark *mark_at_hand(const mr_task *task) {
    if (!mr_task_replaying(task)) {
        return NULL;
    }
    const task_mark *mark = &task->marks[task->marks_applied];
    for (uint32_t i = 0; i < task->inputs_count; i++) {
        if (reached(&task->inputs[i]) < mark->cursor[i]) {
            return NULL;
        }
    }
    return mark;
}

/* An end of an older generation: a reset takes up what was added behind it. */
static bool may_be_over(const mr_task *task, const task_mark *mark) {
    return mark->kind == MARK_END && mark->generation < task->config.topics->generation;
}

/* Whether that end is over is not known before the input's source has looked for more. */
static bool waits(const mr_task *task, const task_mark *mark) {
    const task_input *input = &task->inputs[mark->input];
    return may_be_over(task, mark) && !input->has_head && (!empty(input) || fed(task, input));
}

bool mr_task_mark_waits(mr_task *task, mr_now now) {
    const task_mark *mark = mark_at_hand(task);
    if (!mark || !waits(task, mark)) {
        return false;
    }
    task->look_ns = now.mono_ns + END_POLL_NS; /* a source's rest wakes nobody */
    return true;
}

bool mr_task_mark_replay(mr_task *task) {
    const task_mark *mark = mark_at_hand(task);
    if (!mark || waits(task, mark)) {
        return false;
    }
    if (may_be_over(task, mark) && task->inputs[mark->input].has_head) {
        pass_mark(task, mark); /* it was not the end */
    } else {
        apply_mark(task, mark);
    }
    return true;
}

static void write_mark(mr_task *task, mark_kind kind, uint32_t input, int64_t time_ms) {
    MR_ASSERT(!mr_task_replaying(task));
    task_mark *mark = push_mark(task);
    mark->kind = kind;
    mark->input = input;
    mark->time_ms = time_ms;
    mark->generation = task->config.topics->generation;
    for (uint32_t i = 0; i < task->inputs_count; i++) {
        mark->cursor[i] = reached(&task->inputs[i]);
    }
    apply_mark(task, mark);
}

/* {"mark":"end","input":"flights","time":0,"generation":1,"since":1,"cursor":{"flights":20003}}
 * under the key "<sub-topology>/<partition>". */
void mr_task_mark_encode(const mr_task *task, const task_mark *mark, mr_buf *key, mr_buf *value) {
    mr_buf_clear(key);
    mr_buf_clear(value);
    mr_buf_printf(key, "%s/%d", task->sub->name, task->config.partition);
    mr_buf_printf(value,
                  "{\"mark\":\"%s\",\"input\":\"%s\",\"time\":%" PRId64 ",\"generation\":%" PRId64
                  ",\"since\":%" PRId64 ",\"cursor\":{",
                  mark_names[mark->kind], task->inputs[mark->input].name, mark->time_ms,
                  mark->generation, task->marks_since);
    for (uint32_t i = 0; i < task->inputs_count; i++) {
        mr_buf_printf(value, "%s\"%s\":%" PRId64, i ? "," : "", task->inputs[i].name,
                      mark->cursor[i]);
    }
    mr_buf_put_text(value, "}}");
}

static bool read_kind(mr_json root, mark_kind *kind) {
    mr_json name;
    if (mr_json_field(root, mr_bytes_text("mark"), &name) != MR_OK ||
        mr_json_kind_of(name) != MR_JSON_STRING) {
        return false;
    }
    for (int i = 0; i < MARK_KINDS; i++) {
        if (mr_bytes_equal(mr_json_as_string(name), mr_bytes_text(mark_names[i]))) {
            *kind = (mark_kind)i;
            return true;
        }
    }
    return false;
}

static bool read_int(mr_json object, const char *name, int64_t *out) {
    mr_json field;
    if (mr_json_field(object, mr_bytes_text(name), &field) != MR_OK ||
        mr_json_kind_of(field) != MR_JSON_INT) {
        return false;
    }
    *out = mr_json_as_int(field);
    return true;
}

/* false: of another shape of the job (an input came or went): it says nothing about this one. */
static bool read_mark(mr_task *task, mr_json root, task_mark *mark, int64_t *since) {
    mr_json input, cursor;
    if (mr_json_kind_of(root) != MR_JSON_OBJECT || !read_kind(root, &mark->kind) ||
        !read_int(root, "time", &mark->time_ms) ||
        !read_int(root, "generation", &mark->generation) || !read_int(root, "since", since) ||
        mr_json_field(root, mr_bytes_text("input"), &input) != MR_OK ||
        mr_json_kind_of(input) != MR_JSON_STRING ||
        mr_json_field(root, mr_bytes_text("cursor"), &cursor) != MR_OK ||
        mr_json_kind_of(cursor) != MR_JSON_OBJECT || mr_json_count(cursor) != task->inputs_count) {
        return false;
    }
    bool found = false;
    for (uint32_t i = 0; i < task->inputs_count; i++) {
        if (!read_int(cursor, task->inputs[i].name, &mark->cursor[i])) {
            return false;
        }
        if (mr_bytes_equal(mr_json_as_string(input), mr_bytes_text(task->inputs[i].name))) {
            mark->input = i;
            found = true;
        }
    }
    return found;
}

mr_status mr_task_marks_begin(mr_task *task) {
    mr_bytes row;
    mr_status status =
        mr_writeback_get(task->families[0].table, mr_bytes_text("m"), &row, &task->err);
    if (status == MR_OK && row.len != 4) {
        return mr_err_set(&task->err, MR_CORRUPT, "row m has %zu bytes", row.len);
    }
    task->marks_passed = status == MR_OK ? mr_get_be32(row.data) : 0;
    return status == MR_NOT_FOUND ? MR_OK : status;
}

static void drop_last_mark(mr_task *task) {
    mr_free(task->marks[--task->marks_count].cursor);
}

mr_status mr_task_mark_load(mr_task *task, const mr_record *record) {
    char key[300];
    snprintf(key, sizeof key, "%s/%d", task->sub->name, task->config.partition);
    if (!mr_bytes_equal(record->key, mr_bytes_text(key)) || mr_bytes_is_null(record->value)) {
        return MR_OK;
    }
    mr_json_parser *parser = mr_json_parser_create();
    mr_buf text = {0};
    mr_buf_put_bytes(&text, record->value);
    mr_json root;
    mr_status status = mr_json_parse(parser, mr_buf_view(&text), &root, &task->err);
    if (status == MR_OK) {
        task_mark *mark = push_mark(task);
        int64_t since;
        bool ours = read_mark(task, root, mark, &since);
        if (ours && since > task->marks_since) {
            task->marks_since = since;
        }
        if (!ours || mark->number < task->marks_passed) {
            drop_last_mark(task);
        }
    }
    mr_buf_deinit(&text);
    mr_json_parser_destroy(parser);
    return status == MR_OK ? MR_OK : MR_CORRUPT;
}

/* A reset empties what the job's own steps wrote, and repartitions begin anew. Where a task reads
 * such a topic, older marks speak of records that are there no more, at offsets that never come
 * again. */
void mr_task_marks_loaded(mr_task *task) {
    for (uint32_t i = 0; i < task->inputs_count; i++) {
        const task_input *input = &task->inputs[i];
        if (input->remade || input->plan->kind == MR_INPUT_REPARTITION) {
            task->marks_since = task->config.topics->generation;
        }
    }
    uint32_t kept = 0;
    for (uint32_t i = 0; i < task->marks_count; i++) {
        if (task->marks[i].generation < task->marks_since) {
            mr_free(task->marks[i].cursor);
        } else {
            task->marks[kept++] = task->marks[i];
        }
    }
    task->marks_count = kept;
    task->marks_sealed = kept; /* what the log has is not written again */
}

void mr_task_marks_sealed(mr_task *task) {
    uint32_t gone = task->marks_applied;
    MR_ASSERT(gone <= task->marks_sealed);
    for (uint32_t i = 0; i < gone; i++) {
        mr_free(task->marks[i].cursor);
    }
    task->marks_count -= gone;
    task->marks_sealed -= gone;
    task->marks_applied = 0;
    if (gone > 0 && task->marks_count > 0) {
        memmove(task->marks, task->marks + gone, task->marks_count * sizeof *task->marks);
    }
}

/* ---- the clock ---- */

static bool silent(const mr_task *task, const task_input *input, mr_now now) {
    return input->plan->kind == MR_INPUT_STREAM && empty(input) && !fed(task, input) &&
           now.mono_ns - input->silent_since_ns >= input->stream->idle_ms * 1000000;
}

/* All who write a repartition have said that they are silent, and never had a time. */
static bool without_time(const task_input *input) {
    return input->plan->kind == MR_INPUT_REPARTITION && empty(input) &&
           mr_task_input_bound(input) == MR_TIME_UNKNOWN;
}

bool mr_task_input_ends(const task_input *input) {
    return input->bounded && input->liveness != INPUT_ENDED;
}

static void check_end(mr_task *task, task_input *input) {
    if (input->checking_end || !empty(input) || fed(task, input)) {
        return;
    }
    mr_log_request *request = mr_log_client_request(task->config.client, MR_LOG_OFFSETS);
    request->context = task;
    request->token = (uint64_t)(input - task->inputs);
    request->partition = input->partition;
    if (mr_log_client_submit(task->config.client, request) == MR_OK) {
        input->checking_end = true;
    } else {
        mr_log_client_recycle(task->config.client, request);
    }
}

static mr_status refuse_after_end(mr_task *task, const task_input *input, mr_failure *failure) {
    mr_status status = mr_err_set(
        &task->err, MR_INVALID,
        "%s[%d]@%" PRId64
        ": new records after the input ended with an earlier --until-end run, which closed all its "
        "windows; going on behind that end is not in this version, `millrace reset` begins anew "
        "and "
        "takes up what was added",
        input->topic, input->partition_number, input->head_offset);
    return mr_task_fail(task, status, failure);
}

static void mark_input(mr_task *task, task_input *input, mr_now now, bool *written) {
    uint32_t index = (uint32_t)(input - task->inputs);
    if (input->liveness == INPUT_IDLE && input->has_head) {
        write_mark(task, MARK_AWAKE, index, 0);
        *written = true;
    } else if (input->liveness == INPUT_LIVE && task->inputs_count > 1 &&
               !mr_task_input_ends(input) && (silent(task, input, now) || without_time(input))) {
        write_mark(task, MARK_IDLE, index, 0);
        *written = true;
    } else if (mr_task_input_ends(input) && empty(input) && input->end_known == input->position) {
        write_mark(task, MARK_END, index, 0);
        *written = true;
    } else if (mr_task_input_ends(input)) {
        check_end(task, input);
    }
}

static bool all_silent(const mr_task *task, mr_now now) {
    bool any = false;
    for (uint32_t i = 0; i < task->inputs_count; i++) {
        const task_input *input = &task->inputs[i];
        bool repartition = input->plan->kind == MR_INPUT_REPARTITION;
        if (input->liveness == INPUT_ENDED || (repartition && input->liveness == INPUT_IDLE)) {
            continue;
        }
        if (!silent(task, input, now)) {
            return false;
        }
        any = true;
    }
    return any;
}

void mr_task_time_tell(const mr_task *task) {
    _Atomic int64_t *furthest_ms = &task->config.board->furthest_ms;
    int64_t told_ms = atomic_load_explicit(furthest_ms, memory_order_relaxed);
    while (task->furthest_ms > told_ms &&
           !atomic_compare_exchange_weak(furthest_ms, &told_ms, task->furthest_ms)) {
    }
}

/* Behind a repartition a window waits for every sender, and what is open there is not older than
 * the furthest of them: as far as that, and what a window may last, the time of a silent one has to
 * go. */
static int64_t idle_end(const mr_task *task) {
    int64_t settle_ms = task->sub->settle_ms;
    int64_t furthest_ms = atomic_load(&task->config.board->furthest_ms);
    if (settle_ms == 0 || furthest_ms < task->idle_base_ms) {
        furthest_ms = task->idle_base_ms;
    }
    return furthest_ms > INT64_MAX - settle_ms ? INT64_MAX : furthest_ms + settle_ms;
}

/* When all are silent, time moves on by the wall time passed, as far as anything may still be open.
 */
static mr_status mark_time(mr_task *task, mr_now now, bool *written, mr_failure *failure) {
    if (task->config.board->until == MR_RUN_UNTIL_END || task->min_ms == INT64_MAX ||
        !all_silent(task, now)) {
        task->all_silent_since_ns = -1;
        return MR_OK;
    }
    if (task->min_ms <= MR_TIME_UNKNOWN) {
        /* No time to move on from; said once, so that it holds nobody back downstream. */
        if (task->min_ms == INT64_MIN) {
            write_mark(task, MARK_TIME, 0, MR_TIME_UNKNOWN);
            *written = true;
        }
        return MR_OK;
    }
    mr_task_time_tell(task);
    if (task->all_silent_since_ns < 0) {
        task->all_silent_since_ns = now.mono_ns;
        task->idle_base_ms = task->idle_time_ms = task->min_ms;
    }
    int64_t passed_ms = (now.mono_ns - task->all_silent_since_ns) / 1000000;
    int64_t end_ms = idle_end(task);
    passed_ms = passed_ms < end_ms - task->idle_base_ms ? passed_ms : end_ms - task->idle_base_ms;
    int64_t time_ms = task->idle_base_ms + passed_ms;
    int64_t due_ms;
    mr_status status = mr_graph_next_due(task->graph, &due_ms, &task->err);
    if (status != MR_OK) {
        return mr_task_fail(task, status, failure);
    }
    bool due = due_ms <= time_ms && time_ms > task->min_ms;
    bool moved = time_ms - task->idle_time_ms >= task->sub->announce_step_ms &&
                 (time_ms - task->idle_time_ms) * 1000000 >= MARK_INTERVAL_NS;
    /* The last bit may be less than a step, and nothing moves on from there. */
    bool settled = time_ms == end_ms && time_ms > task->idle_time_ms;
    if (due || moved || settled) {
        write_mark(task, MARK_TIME, 0, time_ms);
        task->idle_time_ms = time_ms;
        *written = true;
    }
    return MR_OK;
}

/* When the clock may have something new to say. */
static void plan_next_look(mr_task *task, mr_now now) {
    int64_t next_ns = INT64_MAX;
    for (uint32_t i = 0; i < task->inputs_count; i++) {
        const task_input *input = &task->inputs[i];
        if (input->plan->kind != MR_INPUT_STREAM || !empty(input) ||
            input->liveness == INPUT_ENDED) {
            continue;
        }
        int64_t look_ns = input->silent_since_ns + input->stream->idle_ms * 1000000;
        if (mr_task_input_ends(input)) {
            look_ns = now.mono_ns + END_POLL_NS; /* a source's end wakes nobody */
        } else if (look_ns <= now.mono_ns && fed(task, input)) {
            look_ns = now.mono_ns + MARK_INTERVAL_NS; /* a source's rest wakes nobody */
        }
        if (look_ns > now.mono_ns && look_ns < next_ns) {
            next_ns = look_ns;
        }
    }
    if (task->all_silent_since_ns >= 0 && task->sub->settle_ms > 0) {
        bool settled = task->idle_time_ms >= idle_end(task);
        int64_t pause_ns = settled ? SETTLED_POLL_NS : MARK_INTERVAL_NS;
        next_ns = now.mono_ns + pause_ns < next_ns ? now.mono_ns + pause_ns : next_ns;
    }
    task->look_ns = next_ns;
}

/* Nobody is silent, idle or behind its end: so it is between two records, nearly always. */
static bool all_speak(const mr_task *task) {
    for (uint32_t i = 0; i < task->inputs_count; i++) {
        if (!task->inputs[i].has_head || task->inputs[i].liveness != INPUT_LIVE) {
            return false;
        }
    }
    return true;
}

mr_status mr_task_mark_new(mr_task *task, mr_now now, bool *written, mr_failure *failure) {
    *written = false;
    task->look_ns = INT64_MAX;
    if (all_speak(task) && !mr_task_replaying(task)) {
        task->all_silent_since_ns = -1;
        return MR_OK;
    }
    for (uint32_t i = 0; i < task->inputs_count; i++) {
        if (task->inputs[i].liveness == INPUT_ENDED && task->inputs[i].has_head) {
            return refuse_after_end(task, &task->inputs[i], failure);
        }
    }
    if (mr_task_replaying(task)) {
        return MR_OK;
    }
    bool reads_stream = false;
    for (uint32_t i = 0; i < task->inputs_count; i++) {
        reads_stream = reads_stream || task->inputs[i].plan->kind == MR_INPUT_STREAM;
        mark_input(task, &task->inputs[i], now, written);
        if (*written) {
            return MR_OK;
        }
    }
    mr_status status = reads_stream ? mark_time(task, now, written, failure) : MR_OK;
    plan_next_look(task, now);
    return status;
}
