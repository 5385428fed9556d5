#include "runtime/engine/source_task.h"

#include <stdio.h>

#include "runtime/base/alloc.h"
#include "runtime/base/assert.h"
#include "runtime/base/limits.h"
#include "runtime/base/machine.h"
#include "runtime/engine/pace.h"
#include "runtime/engine/source_reads.h"
#include "runtime/engine/step_chain.h"

/*   CREATED --> OPENING --> RUNNING <--read to the end, 200 ms--> ENDED
 *                               \-- until-end, committed --> DONE
 * A batch runs through the steps in one step of the worker, so a transaction never ends inside one:
 * what is committed with its records is the plugin's position behind all of them.
 */
enum { SOURCE_CREATED, SOURCE_OPENING, SOURCE_RUNNING, SOURCE_ENDED, SOURCE_DONE, SOURCE_STATES };
static const mr_machine_rule source_rules[SOURCE_STATES] = {
    [SOURCE_CREATED] = {"created", 1u << SOURCE_OPENING},
    [SOURCE_OPENING] = {"opening", 1u << SOURCE_RUNNING},
    [SOURCE_RUNNING] = {"running", 1u << SOURCE_ENDED},
    [SOURCE_ENDED] = {"ended", 1u << SOURCE_RUNNING | 1u << SOURCE_DONE},
    [SOURCE_DONE] = {"done", 0},
};

/* A followed file is looked at again so often. */
#define SOURCE_POLL_NS 200000000
/* What a throttled source may catch up at once. */
#define SOURCE_BURST_NS 100000000
/* A throttled batch is what the rate gives in a twentieth of a second. */
#define SOURCE_BATCHES_PER_SECOND 20
#define SOURCE_READ_BYTES MR_BATCH_BYTES_MAX

typedef struct source_task {
    mr_member member; /* must be first */
    mr_source_config config;
    const mr_plan_source *plan;
    const mr_plan_stream *stream;
    char *name;
    mr_machine machine;
    mr_step_chain chain;
    mr_source_reads reads;
    mr_source_batch batches[2];
    uint32_t handing; /* batches[handing] runs next, the other is read ahead */
    bool answered;    /* the batch read last is there, or its end */
    mr_buf start;     /* the plugin's committed position */
    char position[MR_CONNECTOR_POSITION_BYTES_MAX]; /* behind the last batch handed over */
    mr_buf metadata;                                /* the same as it is committed */
    int64_t records;                                /* handed over since the first start */
    bool dirty;  /* something was handed over since the last seal */
    bool sealed; /* a seal is not decided yet */
    int64_t poll_ns;
    mr_pace pace;
    /* throttle: when the next record may go */
    int64_t interval_ns;
    int64_t next_ns;
    bool throttled;
} source_task;

static mr_status fail(const source_task *source, mr_status status, const char *message,
                      mr_failure *failure) {
    failure->status = status;
    snprintf(failure->message, sizeof failure->message, "%s: %s", source->name, message);
    return status;
}

/* ---- records ---- */

/* One line on its way. A line that its format cannot hold is the source's error record, not a
 * step's. */
static mr_status hand_line(source_task *source, const mr_source_batch *batch,
                           const mr_source_line *line, mr_now now, mr_failure *failure) {
    mr_bytes bytes = mr_bytes_of(batch->bytes.data + line->at, line->len);
    mr_flow flow = {
        .ts_ms = now.wall_ms,
        .carried_ms = now.wall_ms,
        .origin = {.topic = mr_buf_view(&source->reads.origin), .line = line->line},
        .stream = source->stream->name,
    };
    mr_value_init(&flow.key, source->chain.pool, mr_datum_raw(MR_BYTES_NULL, &source->stream->key));
    mr_value_init(&flow.value, source->chain.pool, mr_datum_raw(bytes, &source->plan->value));
    mr_err cause = {0};
    mr_status status = line->problem != NULL ? mr_err_set(&cause, MR_INVALID, "%s", line->problem)
                                             : mr_value_touch(&flow.value, &cause);
    if (status == MR_OK) {
        status =
            mr_graph_take(source->chain.graph, &source->plan->entry, 1, &flow, INT64_MIN, failure);
    } else if (status == MR_INVALID) {
        status = mr_graph_reject(source->chain.graph, &source->plan->on_error, source->name,
                                 source->plan->place, &flow, &cause, failure);
    } else {
        status = fail(source, status, cause.message, failure);
    }
    mr_value_deinit(&flow.key);
    mr_value_deinit(&flow.value);
    return status;
}

/* Takes the batch's position for what is committed next. */
static mr_status note_position(source_task *source, const mr_source_batch *batch,
                               mr_failure *failure) {
    bool first = source->position[0] == '\0';
    if (batch->lines_count == 0 && (first || strcmp(source->position, batch->position) == 0)) {
        return MR_OK;
    }
    source->dirty = true;
    atomic_store(&source->config.board->source_resting[source->config.source], false);
    memcpy(source->position, batch->position, sizeof source->position);
    mr_buf_clear(&source->metadata);
    mr_connector_position_put(&source->metadata, source->position, &source->chain);
    if (source->metadata.len > MR_POSITION_METADATA_BYTES_MAX) {
        return fail(source, MR_INVALID, "its position is too long to be committed (a long path?)",
                    failure);
    }
    return MR_OK;
}

static mr_status hand_batch(source_task *source, mr_source_batch *batch, mr_now now,
                            mr_failure *failure) {
    uint64_t handed = 0;
    for (size_t i = 0; i < batch->lines_count; i++) {
        const mr_source_line *line = &batch->lines[i];
        if (line->len == 0 && line->problem == NULL && source->plan->value.kind == MR_FORMAT_JSON) {
            continue; /* LANGUAGE rule 19: an empty line is no JSON record */
        }
        mr_status status = hand_line(source, batch, line, now, failure);
        if (status != MR_OK) {
            return status;
        }
        handed++;
    }
    mr_graph_rest(source->chain.graph);
    atomic_fetch_add_explicit(&source->config.board->source_records, handed, memory_order_relaxed);
    source->records += (int64_t)handed;
    if (source->interval_ns > 0) {
        int64_t earliest = now.mono_ns - SOURCE_BURST_NS;
        source->next_ns = source->next_ns > earliest ? source->next_ns : earliest;
        source->next_ns += source->interval_ns * (int64_t)handed;
    }
    return note_position(source, batch, failure);
}

/* ---- reading ---- */

static bool is_until_end(const source_task *source) {
    return source->config.board->until == MR_RUN_UNTIL_END;
}

static bool is_stopping(const source_task *source) {
    return atomic_load(&source->config.board->phase) == MR_RUN_STOPPING;
}

static size_t batch_records_max(const source_task *source) {
    int64_t records_max = source->pace.records;
    if (source->interval_ns == 0) {
        return (size_t)records_max;
    }
    int64_t rate = 1000000000 / source->interval_ns / SOURCE_BATCHES_PER_SECOND;
    return rate < 1 ? 1 : rate > records_max ? (size_t)records_max : (size_t)rate;
}

static bool read_ahead(source_task *source) {
    mr_source_batch *next = &source->batches[source->handing];
    if (next->full) {
        next = &source->batches[1 - source->handing];
    }
    const mr_source_batch *first = &source->batches[source->handing];
    bool ends = first->full && first->result == MR_CONNECTOR_END;
    if (source->reads.outstanding || next->full || ends) {
        return false;
    }
    mr_source_reads_read(&source->reads, batch_records_max(source), SOURCE_READ_BYTES,
                         is_until_end(source), next);
    return true;
}

static void finish_if_committed(source_task *source) {
    if (source->machine.state != SOURCE_ENDED || source->dirty || source->sealed) {
        return;
    }
    atomic_store(&source->config.board->source_resting[source->config.source], true);
    if (is_until_end(source)) {
        mr_machine_move(&source->machine, SOURCE_DONE);
        atomic_store(&source->config.board->source_done[source->config.source], true);
    }
}

/* The batch handed over was the end of what there is. */
static void end_reached(source_task *source, mr_now now) {
    mr_machine_move(&source->machine, SOURCE_ENDED);
    source->poll_ns = now.mono_ns + SOURCE_POLL_NS;
    finish_if_committed(source);
}

static mr_status hand_over(source_task *source, mr_now now, bool *progress, mr_failure *failure) {
    mr_source_batch *batch = &source->batches[source->handing];
    source->throttled = source->interval_ns > 0 && source->next_ns > now.mono_ns;
    if (!batch->full || source->throttled) {
        return MR_OK;
    }
    mr_status status = hand_batch(source, batch, now, failure);
    if (status != MR_OK) {
        return status;
    }
    batch->full = false;
    *progress = true;
    mr_pace_took(&source->pace, now);
    if (batch->result == MR_CONNECTOR_END) {
        MR_ASSERT(!source->reads.outstanding && !source->batches[1 - source->handing].full);
        end_reached(source, now);
    } else {
        source->handing = 1 - source->handing;
    }
    return MR_OK;
}

static mr_status source_step(mr_member *member, mr_now now, mr_member_activity *activity,
                             mr_failure *failure) {
    source_task *source = (source_task *)member;
    bool progress = false;
    *activity = MR_MEMBER_IDLE;
    mr_pace_look(&source->pace, now);
    if (is_stopping(source)) {
        return MR_OK;
    }
    mr_status status = MR_OK;
    switch (source->machine.state) {
    case SOURCE_CREATED:
        mr_source_reads_open(&source->reads,
                             source->start.len > 0 ? mr_buf_cstr(&source->start) : NULL,
                             &source->batches[0]);
        mr_machine_move(&source->machine, SOURCE_OPENING);
        progress = true;
        break;
    case SOURCE_RUNNING:
        progress = read_ahead(source);
        status = hand_over(source, now, &progress, failure);
        break;
    case SOURCE_ENDED:
        if (!is_until_end(source) && now.mono_ns >= source->poll_ns) {
            mr_machine_move(&source->machine, SOURCE_RUNNING);
            progress = read_ahead(source);
        }
        break;
    default:
        break;
    }
    *activity = progress ? MR_MEMBER_PROGRESS : MR_MEMBER_IDLE;
    return status;
}

static mr_status source_on_reply(mr_member *member, mr_log_request *request, mr_now now,
                                 mr_failure *failure) {
    (void)now;
    source_task *source = (source_task *)member;
    mr_log_client_recycle(source->config.client, request);
    return fail(source, MR_FATAL, "an answer of the log that nobody asked for", failure);
}

static mr_status source_on_work(mr_member *member, mr_member_work *work, mr_now now,
                                mr_failure *failure) {
    source_task *source = (source_task *)member;
    MR_ASSERT(work == &source->reads.work);
    mr_source_batch *batch = source->reads.batch;
    source->reads.outstanding = false;
    if (batch->result != MR_CONNECTOR_OK && batch->result != MR_CONNECTOR_END &&
        batch->result != MR_CONNECTOR_AGAIN) {
        return fail(source, mr_status_from_connector(batch->result), batch->error, failure);
    }
    if (source->machine.state == SOURCE_OPENING) {
        mr_machine_move(&source->machine, SOURCE_RUNNING);
        return MR_OK;
    }
    if (batch->result == MR_CONNECTOR_AGAIN) {
        batch->result = MR_CONNECTOR_END; /* nothing now: look again as at a file's end */
        memcpy(batch->position, source->position, sizeof batch->position);
    }
    batch->full = true;
    (void)now;
    return MR_OK;
}

/* ---- commit ---- */

static bool source_dirty(const mr_member *member) {
    return ((const source_task *)member)->dirty;
}

static size_t source_uncommitted_bytes(const mr_member *member) {
    return mr_outbox_bytes(((const source_task *)member)->chain.outbox);
}

static bool source_ready_to_seal(const mr_member *member) {
    (void)member;
    return true;
}

static void source_seal(mr_member *member, mr_commit *commit, mr_now now) {
    source_task *source = (source_task *)member;
    if (!source->dirty) {
        return;
    }
    mr_buf group = {0};
    mr_buf_printf(&group, "source.%s", source->plan->name);
    mr_position position = {
        .group = mr_buf_view(&group),
        .topic = mr_bytes_text(source->stream->topic),
        .partition = 0,
        .offset = source->records,
        .metadata = mr_buf_view(&source->metadata),
        .timestamp_ms = now.wall_ms,
    };
    mr_commit_add_outbox(commit, source->chain.outbox);
    mr_commit_add_position(commit, &position);
    mr_buf_deinit(&group);
    source->dirty = false;
    source->sealed = true;
}

static void source_decided(mr_member *member, const mr_commit *commit, mr_now now) {
    (void)commit;
    (void)now;
    source_task *source = (source_task *)member;
    source->sealed = false;
    finish_if_committed(source);
}

static void source_abort(mr_member *member) {
    source_task *source = (source_task *)member;
    mr_outbox_drop(source->chain.outbox);
    source->dirty = source->sealed = false;
}

/* ---- state, for the worker ---- */

static bool source_quiet(const mr_member *member) {
    const source_task *source = (const source_task *)member;
    return !source->dirty && !source->sealed && !source->reads.outstanding &&
           (source->machine.state == SOURCE_DONE ||
            (source->machine.state == SOURCE_ENDED && !is_until_end(source)));
}

static int64_t source_deadline_ns(const mr_member *member) {
    const source_task *source = (const source_task *)member;
    if (is_stopping(source)) {
        return INT64_MAX;
    }
    if (source->machine.state == SOURCE_ENDED && !is_until_end(source)) {
        return source->poll_ns;
    }
    if (source->machine.state == SOURCE_RUNNING && source->throttled &&
        source->batches[source->handing].full) {
        return source->next_ns;
    }
    return INT64_MAX;
}

static bool source_stopped(const mr_member *member) {
    const source_task *source = (const source_task *)member;
    return is_stopping(source) && !source->dirty && !source->sealed && !source->reads.outstanding;
}

static bool source_input(const mr_member *member, uint32_t index, mr_partition_id *partition,
                         int64_t *offset) {
    (void)member;
    (void)index;
    *partition = MR_PARTITION_NONE;
    *offset = 0;
    return false;
}

static uint32_t source_rank(const mr_member *member) {
    (void)member;
    return UINT32_MAX; /* last: what is downstream goes first */
}

static void source_destroy(mr_member *member) {
    source_task *source = (source_task *)member;
    if (source == NULL) {
        return;
    }
    mr_source_reads_deinit(&source->reads);
    mr_source_batch_deinit(&source->batches[0]);
    mr_source_batch_deinit(&source->batches[1]);
    mr_step_chain_close(&source->chain);
    mr_buf_deinit(&source->start);
    mr_buf_deinit(&source->metadata);
    mr_free(source->name);
    mr_free(source);
}

static const mr_member_ops source_ops = {
    .step = source_step,
    .on_reply = source_on_reply,
    .on_work = source_on_work,
    .dirty = source_dirty,
    .uncommitted_bytes = source_uncommitted_bytes,
    .ready_to_seal = source_ready_to_seal,
    .seal = source_seal,
    .decided = source_decided,
    .abort = source_abort,
    .quiet = source_quiet,
    .deadline_ns = source_deadline_ns,
    .stopped = source_stopped,
    .input = source_input,
    .rank = source_rank,
    .destroy = source_destroy,
};

static mr_status open_chain(source_task *source, mr_err *err) {
    const mr_source_config *config = &source->config;
    mr_step_chain_config chain = {
        .plan = config->plan,
        .nodes = source->plan->nodes,
        .nodes_count = source->plan->nodes_count,
        .on_error = &source->plan->on_error,
        .topics = config->topics,
        .scripts = config->scripts,
        .board = config->board,
    };
    mr_status status = mr_step_chain_open(&source->chain, &chain, err);
    if (status == MR_OK && config->position != NULL && config->position[0] != '\0') {
        status = mr_connector_position_parse(config->position, &source->chain, &source->start, err);
    }
    if (status == MR_OK && source->start.len >= sizeof source->position) {
        status = mr_err_set(err, MR_INVALID, "the committed position is too long");
    }
    return status;
}

mr_status mr_source_create(const mr_source_config *config, mr_member **out, mr_err *err) {
    MR_ASSERT(config->source < config->plan->sources_count);
    source_task *source = mr_alloc(sizeof *source);
    mr_buf name = {0};
    source->config = *config;
    source->plan = &config->plan->sources[config->source];
    source->stream = &config->plan->streams[source->plan->stream];
    mr_buf_printf(&name, "source %s", source->plan->name);
    source->name = mr_strdup(mr_buf_cstr(&name));
    mr_buf_deinit(&name);
    source->member = (mr_member){&source_ops, source->name};
    source->records = config->records_before;
    mr_pace_init(&source->pace);
    mr_machine_init(&source->machine, source->name, source_rules, SOURCE_STATES, SOURCE_CREATED);
    if (config->rate > 0) {
        /* The rate is shared evenly by the process's sources. */
        uint64_t sources = config->plan->sources_count;
        source->interval_ns = (int64_t)(1000000000 * sources / config->rate);
        source->interval_ns += source->interval_ns == 0;
    }
    mr_status status = open_chain(source, err);
    if (status == MR_OK) {
        memcpy(source->position, source->start.data != NULL ? source->start.data : (uint8_t *)"",
               source->start.len);
        status = mr_source_reads_init(&source->reads, &source->member, source->plan, config->disk,
                                      config->works, config->pool, err);
    }
    if (status != MR_OK) {
        mr_err_wrap(err, status, "%s", source->name);
        source_destroy(&source->member);
        return status;
    }
    *out = &source->member;
    return MR_OK;
}
