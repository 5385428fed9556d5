#include "runtime/engine/sink_task.h"

#include <inttypes.h>
#include <stdio.h>

#include "runtime/base/alloc.h"
#include "runtime/base/assert.h"
#include "runtime/base/limits.h"
#include "runtime/base/machine.h"
#include "runtime/engine/record_json.h"
#include "runtime/engine/sink_calls.h"
#include "runtime/engine/sink_input.h"
#include "runtime/engine/step_chain.h"

/* The diagram stands in sink_task.h; PREPARED waits for the worker's seal.
 * Records are consumed in READING and REBUILDING, and ahead in COMMITTING and PUBLISHING; never
 * between the end of a piece and its seal: what is in the outbox then belongs to that piece. */
enum {
    SINK_CREATED,
    SINK_OPENING,
    SINK_REBUILDING,
    SINK_READING,
    SINK_PREPARING,
    SINK_PREPARED,
    SINK_COMMITTING,
    SINK_PUBLISHING,
    SINK_STATES,
};
static const mr_machine_rule sink_rules[SINK_STATES] = {
    [SINK_CREATED] = {"created", 1u << SINK_OPENING},
    [SINK_OPENING] = {"opening", 1u << SINK_READING | 1u << SINK_REBUILDING},
    [SINK_REBUILDING] = {"rebuilding", 1u << SINK_PUBLISHING},
    [SINK_READING] = {"reading", 1u << SINK_PREPARING},
    [SINK_PREPARING] = {"preparing", 1u << SINK_PREPARED},
    [SINK_PREPARED] = {"prepared", 1u << SINK_COMMITTING},
    [SINK_COMMITTING] = {"committing", 1u << SINK_PUBLISHING},
    [SINK_PUBLISHING] = {"publishing", 1u << SINK_READING},
};

/* A piece whose topic gave nothing for so long is ended. */
#define SINK_QUIET_NS INT64_C(10000000000)
/* Rows collected before they are handed over. */
#define SINK_ROWS_BYTES MR_LIMIT(262144, 512)
/* Error records wait for the end of their piece; at so many bytes of them the piece is ended. */
#define SINK_OUTBOX_BYTES_MAX (MR_TXN_BYTES_MAX / 4)

typedef struct sink_task {
    mr_member member; /* must be first */
    mr_sink_config config;
    const mr_plan_sink *plan;
    const mr_plan_stream *stream;
    char *name;
    char topic_id[MR_UUID_TEXT_BYTES];
    mr_machine machine;
    mr_step_chain chain;
    mr_sink_calls calls;
    mr_sink_input input;
    mr_json_parser *parser;
    mr_buf row, key_json;
    mr_buf metadata;          /* of the piece prepared */
    int64_t committed_next;   /* END + 1 of the last piece committed */
    int64_t rebuild_end;      /* REBUILDING: its last offset */
    uint64_t rows_left;       /* what the piece takes, not counting what is being written */
    uint64_t fresh_rows_left; /* of a piece without rows */
    uint64_t *keyless; /* counters as committed, by outbox topic: what a rebuild begins with */
    bool piece_full;
    int64_t taken_ns; /* when a record was last consumed */
    int64_t piece_ns; /* when the last piece ended */
} sink_task;

static mr_status fail(const sink_task *sink, mr_status status, const char *message,
                      mr_failure *failure) {
    failure->status = status;
    snprintf(failure->message, sizeof failure->message, "%s: %s", sink->name, message);
    return status;
}

static mr_run_phase phase_of(const sink_task *sink) {
    return (mr_run_phase)atomic_load(&sink->config.board->phase);
}

/* Something was consumed that no intent covers. */
static bool piece_open(const sink_task *sink) {
    return sink->input.next_offset > sink->committed_next;
}

/* ---- rows ---- */

/* The flow's values are the graph's: what must be decoded here is decoded in a copy. */
static void put_key(sink_task *sink, const mr_value *from) {
    mr_buf_clear(&sink->key_json);
    mr_value key;
    mr_err ignored = {0};
    mr_value_init(&key, sink->chain.pool, from->datum);
    mr_status status = mr_value_touch(&key, &ignored);
    if (status == MR_OK && (key.datum.kind == MR_DATUM_NIL || key.datum.kind == MR_DATUM_NULL)) {
        mr_json_put_null(&sink->key_json);
    } else if (status != MR_OK ||
               mr_datum_put_json(&key.datum, &sink->key_json, &ignored) != MR_OK) {
        mr_buf_clear(&sink->key_json);
        mr_json_put_base64(&sink->key_json, from->datum.bytes);
    }
    mr_value_deinit(&key);
}

/* One row out of the steps. */
static mr_status take_row(void *arg, const mr_flow *flow, mr_bytes json, mr_err *err) {
    sink_task *sink = arg;
    (void)err;
    mr_buf_clear(&sink->row);
    if (sink->plan->format == MR_SINK_FORMAT_RECORD) {
        mr_record record = {
            .offset = flow->origin.offset,
            .timestamp_ms = flow->ts_ms,
            .headers = flow->headers,
            .headers_count = flow->headers_count,
        };
        put_key(sink, &flow->key);
        mr_record_json_put_parts(&record, mr_buf_view(&sink->key_json), json,
                                 sink->config.partition, &sink->row);
    } else {
        mr_json_put_one_line(&sink->row, json);
    }
    mr_sink_rows_add(&sink->calls.filling, flow->origin.offset, mr_buf_view(&sink->row));
    return MR_OK;
}

/* Without steps a row is exactly what `consume` prints, whatever its bytes are. */
static bool is_plain_record(const sink_task *sink) {
    return sink->plan->format == MR_SINK_FORMAT_RECORD && sink->plan->nodes_count == 1;
}

static mr_status take_record(sink_task *sink, const mr_record *record, mr_failure *failure) {
    if (is_plain_record(sink)) {
        mr_buf_clear(&sink->row);
        mr_record_json_put_with(sink->parser, record, &sink->stream->key, &sink->stream->value,
                                sink->config.partition, &sink->row);
        mr_sink_rows_add(&sink->calls.filling, record->offset, mr_buf_view(&sink->row));
        return MR_OK;
    }
    mr_flow flow = {
        .ts_ms = record->timestamp_ms,
        .carried_ms = record->timestamp_ms,
        .headers = record->headers,
        .headers_count = record->headers_count,
        .origin = {.topic = mr_bytes_text(sink->stream->topic),
                   .partition = sink->config.partition,
                   .offset = record->offset},
        .stream = sink->stream->name,
    };
    mr_value_init(&flow.key, sink->chain.pool, mr_datum_raw(record->key, &sink->stream->key));
    mr_value_init(&flow.value, sink->chain.pool, mr_datum_raw(record->value, &sink->stream->value));
    mr_status status =
        mr_graph_take(sink->chain.graph, &sink->plan->entry, 1, &flow, INT64_MIN, failure);
    mr_value_deinit(&flow.key);
    mr_value_deinit(&flow.value);
    return status;
}

static bool has_room(const sink_task *sink) {
    const mr_sink_calls *calls = &sink->calls;
    if (calls->filling.bytes.len >= SINK_ROWS_BYTES ||
        calls->filling.count >= MR_STEP_RECORDS_MAX ||
        mr_outbox_bytes(sink->chain.outbox) >= SINK_OUTBOX_BYTES_MAX) {
        return false;
    }
    if (sink->machine.state == SINK_REBUILDING) {
        return true;
    }
    /* What is being written may fill the piece: then the next row belongs to the next one. */
    uint64_t coming = calls->filling.count;
    coming += calls->outstanding && calls->call == MR_SINK_WRITE ? calls->writing.count : 0;
    return coming < sink->rows_left;
}

static bool may_consume(const sink_task *sink) {
    switch (sink->machine.state) {
    case SINK_REBUILDING:
        return phase_of(sink) != MR_RUN_STOPPING;
    case SINK_READING:
        return !sink->piece_full && phase_of(sink) != MR_RUN_STOPPING;
    case SINK_COMMITTING:
    case SINK_PUBLISHING:
        return phase_of(sink) != MR_RUN_STOPPING;
    default:
        return false;
    }
}

static bool behind_rebuild(const sink_task *sink) {
    return sink->machine.state == SINK_REBUILDING && sink->input.has_record &&
           sink->input.record.offset > sink->rebuild_end;
}

static mr_status consume(sink_task *sink, mr_now now, bool *progress, mr_failure *failure) {
    mr_err err = {0};
    uint32_t taken = 0;
    while (taken < MR_STEP_RECORDS_MAX && has_room(sink)) {
        mr_status status = mr_sink_input_peek(&sink->input, &err);
        if (status == MR_NOT_FOUND || behind_rebuild(sink)) {
            break;
        }
        if (status != MR_OK) {
            return fail(sink, status, err.message, failure);
        }
        status = take_record(sink, &sink->input.record, failure);
        if (status != MR_OK) {
            return status;
        }
        mr_sink_input_consume(&sink->input);
        taken++;
    }
    if (sink->machine.state == SINK_REBUILDING) {
        mr_outbox_drop(sink->chain.outbox); /* its error records were committed with the intent */
    }
    if (taken > 0) {
        mr_graph_rest(sink->chain.graph);
        sink->taken_ns = now.mono_ns;
        *progress = true;
    }
    return MR_OK;
}

/* ---- pieces ---- */

static bool piece_ends(const sink_task *sink, mr_now now) {
    if (!piece_open(sink)) {
        return false;
    }
    if (sink->piece_full || sink->rows_left == 0 ||
        mr_outbox_bytes(sink->chain.outbox) >= SINK_OUTBOX_BYTES_MAX) {
        return true;
    }
    int64_t age_ms = sink->calls.resume.piece_age_ms;
    if (age_ms > 0 && now.mono_ns - sink->piece_ns >= age_ms * 1000000) {
        return true;
    }
    switch (phase_of(sink)) {
    case MR_RUN_STOPPING:
        return true;
    case MR_RUN_DRAIN_SINKS:
        return mr_sink_input_at_end(&sink->input);
    case MR_RUN_WORKING:
        break;
    }
    return now.mono_ns - sink->taken_ns >= SINK_QUIET_NS;
}

static void reset_keyless(sink_task *sink) {
    for (uint32_t i = 0; i < sink->chain.topics_count; i++) {
        mr_outbox_set_keyless(sink->chain.outbox, i, sink->keyless[i]);
    }
}

/* Hands rows over and ends the piece, one call at a time. */
static void advance_piece(sink_task *sink, mr_now now, bool consumed, bool *progress) {
    mr_sink_calls *calls = &sink->calls;
    if (calls->outstanding) {
        return;
    }
    bool rebuilding = sink->machine.state == SINK_REBUILDING;
    if (calls->filling.count > 0) {
        if (!consumed || !has_room(sink) || sink->piece_full) {
            mr_sink_calls_write(calls);
            *progress = true;
        }
        return;
    }
    if (rebuilding && (behind_rebuild(sink) || sink->input.next_offset > sink->rebuild_end)) {
        reset_keyless(sink);
        mr_machine_move(&sink->machine, SINK_PUBLISHING);
        mr_sink_calls_publish(calls);
        *progress = true;
    } else if (!rebuilding && piece_ends(sink, now)) {
        mr_machine_move(&sink->machine, SINK_PREPARING);
        mr_sink_calls_prepare(calls, sink->input.next_offset - 1);
        *progress = true;
    }
}

static mr_status sink_step(mr_member *member, mr_now now, mr_member_activity *activity,
                           mr_failure *failure) {
    sink_task *sink = (sink_task *)member;
    mr_status status = MR_OK;
    bool progress = false, consumed = false;
    if (sink->machine.state == SINK_CREATED) {
        if (phase_of(sink) != MR_RUN_STOPPING) {
            sink->taken_ns = now.mono_ns;
            sink->piece_ns = now.mono_ns;
            mr_machine_move(&sink->machine, SINK_OPENING);
            mr_sink_calls_open(&sink->calls);
            progress = true;
        }
    } else if (sink->machine.state != SINK_OPENING) {
        if (may_consume(sink)) {
            status = consume(sink, now, &consumed, failure);
            mr_sink_input_fetch(&sink->input);
        }
        bool reading =
            sink->machine.state == SINK_READING || sink->machine.state == SINK_REBUILDING;
        if (status == MR_OK && reading) {
            advance_piece(sink, now, consumed, &progress);
        }
    }
    *activity = progress || consumed ? MR_MEMBER_PROGRESS : MR_MEMBER_IDLE;
    return status;
}

/* ---- answers ---- */

static mr_status sink_on_reply(mr_member *member, mr_log_request *request, mr_now now,
                               mr_failure *failure) {
    (void)now;
    sink_task *sink = (sink_task *)member;
    mr_err err = {0};
    mr_status status = mr_sink_input_answer(&sink->input, request, &err);
    if (sink->input.start == MR_SINK_FROM_EARLIEST) {
        sink->committed_next = sink->input.next_offset; /* what was removed before is not ours */
    }
    return status == MR_OK ? MR_OK : fail(sink, status, err.message, failure);
}

static void opened(sink_task *sink) {
    const mr_connector_resume *resume = &sink->calls.resume;
    sink->input.next_offset = resume->next_offset;
    sink->committed_next = resume->next_offset;
    sink->input.start = sink->calls.has_intent ? MR_SINK_FROM_POSITION : MR_SINK_FROM_EARLIEST;
    sink->rows_left = sink->fresh_rows_left = sink->calls.rows_left;
    if (resume->publish_offset >= 0) {
        sink->rebuild_end = resume->publish_offset;
        sink->committed_next = resume->publish_offset + 1;
        mr_machine_move(&sink->machine, SINK_REBUILDING);
    } else {
        mr_machine_move(&sink->machine, SINK_READING);
    }
}

static mr_status prepared(sink_task *sink, mr_failure *failure) {
    mr_buf_clear(&sink->metadata);
    mr_connector_position_put(&sink->metadata, sink->calls.intent, &sink->chain);
    if (sink->metadata.len > MR_POSITION_METADATA_BYTES_MAX) {
        return fail(sink, MR_INVALID, "its position is too long to be committed (a long path?)",
                    failure);
    }
    sink->calls.has_intent = true;
    mr_machine_move(&sink->machine, SINK_PREPARED);
    return MR_OK;
}

static mr_status sink_on_work(mr_member *member, mr_member_work *work, mr_now now,
                              mr_failure *failure) {
    sink_task *sink = (sink_task *)member;
    mr_sink_calls *calls = &sink->calls;
    MR_ASSERT(work == &calls->work);
    calls->outstanding = false;
    if (calls->result != MR_CONNECTOR_OK) {
        return fail(sink, mr_status_from_connector(calls->result), calls->error, failure);
    }
    switch (calls->call) {
    case MR_SINK_OPEN:
        opened(sink);
        break;
    case MR_SINK_WRITE:
        atomic_fetch_add_explicit(&sink->config.board->sink_rows, calls->writing.count,
                                  memory_order_relaxed);
        sink->piece_full = calls->piece_full && sink->machine.state != SINK_REBUILDING;
        sink->rows_left = calls->rows_left;
        break;
    case MR_SINK_PREPARE:
        return prepared(sink, failure);
    case MR_SINK_PUBLISH:
        sink->piece_ns = now.mono_ns;
        sink->rows_left = calls->rows_left;
        mr_machine_move(&sink->machine, SINK_READING);
        break;
    }
    return MR_OK;
}

/* ---- commit ---- */

static bool sink_dirty(const mr_member *member) {
    return ((const sink_task *)member)->machine.state == SINK_PREPARED;
}

/* What waits for the end of its piece is bounded here, not by the worker: a commit would not take
 * it. */
static size_t sink_uncommitted_bytes(const mr_member *member) {
    return sink_dirty(member) ? mr_outbox_bytes(((const sink_task *)member)->chain.outbox) : 0;
}

static bool sink_ready_to_seal(const mr_member *member) {
    (void)member;
    return true; /* a piece that is not prepared yet goes with the next commit */
}

static void sink_seal(mr_member *member, mr_commit *commit, mr_now now) {
    sink_task *sink = (sink_task *)member;
    if (sink->machine.state != SINK_PREPARED) {
        return;
    }
    mr_buf group = {0};
    mr_buf_printf(&group, "sink.%s.%s", sink->config.plan->job, sink->plan->name);
    mr_position position = {
        .group = mr_buf_view(&group),
        .topic = mr_bytes_text(sink->stream->topic),
        .partition = sink->config.partition,
        .offset = sink->calls.end_offset + 1,
        .metadata = mr_buf_view(&sink->metadata),
        .timestamp_ms = now.wall_ms,
        .generation = sink->config.topics->generation,
    };
    mr_commit_add_outbox(commit, sink->chain.outbox);
    mr_commit_add_position(commit, &position);
    mr_buf_deinit(&group);
    sink->committed_next = sink->calls.end_offset + 1;
    sink->piece_full = false;
    sink->rows_left = sink->fresh_rows_left;
    mr_machine_move(&sink->machine, SINK_COMMITTING);
}

static void sink_decided(mr_member *member, const mr_commit *commit, mr_now now) {
    (void)commit;
    (void)now;
    sink_task *sink = (sink_task *)member;
    if (sink->machine.state != SINK_COMMITTING) {
        return;
    }
    mr_machine_move(&sink->machine, SINK_PUBLISHING);
    mr_sink_calls_publish(&sink->calls);
}

static void sink_abort(mr_member *member) {
    sink_task *sink = (sink_task *)member;
    mr_outbox_drop(sink->chain.outbox);
    mr_sink_rows_clear(&sink->calls.filling);
}

/* ---- state, for the worker ---- */

static bool sink_quiet(const mr_member *member) {
    const sink_task *sink = (const sink_task *)member;
    return sink->machine.state == SINK_READING && !sink->calls.outstanding &&
           sink->calls.filling.count == 0 && mr_sink_input_at_end(&sink->input) &&
           (phase_of(sink) == MR_RUN_WORKING || !piece_open(sink));
}

static int64_t sink_deadline_ns(const mr_member *member) {
    const sink_task *sink = (const sink_task *)member;
    if (sink->machine.state != SINK_READING || sink->calls.outstanding || !piece_open(sink)) {
        return INT64_MAX;
    }
    int64_t deadline_ns = sink->taken_ns + SINK_QUIET_NS;
    int64_t age_ms = sink->calls.resume.piece_age_ms;
    if (age_ms > 0 && sink->piece_ns + age_ms * 1000000 < deadline_ns) {
        deadline_ns = sink->piece_ns + age_ms * 1000000;
    }
    return deadline_ns;
}

/* A rebuild that is broken off is done again at the next start. */
static bool sink_stopped(const mr_member *member) {
    const sink_task *sink = (const sink_task *)member;
    if (phase_of(sink) != MR_RUN_STOPPING || sink->calls.outstanding) {
        return false;
    }
    switch (sink->machine.state) {
    case SINK_CREATED:
    case SINK_REBUILDING:
        return true;
    case SINK_READING:
        return sink->calls.filling.count == 0 && !piece_open(sink);
    default:
        return false;
    }
}

static bool sink_input_of(const mr_member *member, uint32_t index, mr_partition_id *partition,
                          int64_t *offset) {
    const sink_task *sink = (const sink_task *)member;
    if (index > 0) {
        return false;
    }
    *partition = sink->input.partition;
    *offset = sink->input.next_offset;
    return true;
}

static uint32_t sink_rank(const mr_member *member) {
    (void)member;
    return 0;
}

static void sink_destroy(mr_member *member) {
    sink_task *sink = (sink_task *)member;
    if (sink == NULL) {
        return;
    }
    mr_sink_calls_deinit(&sink->calls);
    mr_sink_input_deinit(&sink->input);
    mr_step_chain_close(&sink->chain);
    mr_json_parser_destroy(sink->parser);
    mr_buf_deinit(&sink->row);
    mr_buf_deinit(&sink->key_json);
    mr_buf_deinit(&sink->metadata);
    mr_free(sink->keyless);
    mr_free(sink->name);
    mr_free(sink);
}

static const mr_member_ops sink_ops = {
    .step = sink_step,
    .on_reply = sink_on_reply,
    .on_work = sink_on_work,
    .dirty = sink_dirty,
    .uncommitted_bytes = sink_uncommitted_bytes,
    .ready_to_seal = sink_ready_to_seal,
    .seal = sink_seal,
    .decided = sink_decided,
    .abort = sink_abort,
    .quiet = sink_quiet,
    .deadline_ns = sink_deadline_ns,
    .stopped = sink_stopped,
    .input = sink_input_of,
    .rank = sink_rank,
    .destroy = sink_destroy,
};

/* ---- create ---- */

static mr_status take_intent(sink_task *sink, mr_err *err) {
    sink->keyless = mr_alloc_array(sink->chain.topics_count, sizeof *sink->keyless);
    if (sink->config.intent == NULL || sink->config.intent[0] == '\0') {
        return MR_OK;
    }
    mr_buf text = {0};
    mr_status status = mr_connector_position_parse(sink->config.intent, &sink->chain, &text, err);
    if (status == MR_OK && text.len >= sizeof sink->calls.intent) {
        status = mr_err_set(err, MR_INVALID, "the committed intent is too long");
    }
    if (status == MR_OK) {
        memcpy(sink->calls.intent, mr_buf_cstr(&text), text.len + 1);
        sink->calls.has_intent = true;
        for (uint32_t i = 0; i < sink->chain.topics_count; i++) {
            sink->keyless[i] = mr_outbox_keyless(sink->chain.outbox, i);
        }
    }
    mr_buf_deinit(&text);
    return status;
}

static mr_status open_parts(sink_task *sink, mr_err *err) {
    const mr_sink_config *config = &sink->config;
    const mr_topic_description *topic = &config->topics->streams[sink->plan->stream];
    mr_step_chain_config chain = {
        .plan = config->plan,
        .nodes = sink->plan->nodes,
        .nodes_count = sink->plan->nodes_count,
        .on_error = &sink->plan->on_error,
        .topics = config->topics,
        .scripts = config->scripts,
        .board = config->board,
        .task = config->partition,
        .sink_row = take_row,
        .sink_arg = sink,
    };
    MR_ASSERT(config->partition < topic->partitions);
    mr_sink_input_init(&sink->input, config->client, &sink->member, sink->stream->topic,
                       config->partition, topic->partition_first + (uint32_t)config->partition);
    mr_status status = mr_sink_calls_init(&sink->calls, &sink->member, sink->plan, config->disk,
                                          config->works, config->pool, err);
    if (status == MR_OK) {
        status = mr_step_chain_open(&sink->chain, &chain, err);
    }
    if (status == MR_OK) {
        status = take_intent(sink, err);
    }
    mr_uuid_format(&topic->id, sink->topic_id);
    sink->calls.chain = (mr_connector_chain){
        .struct_bytes = sizeof(mr_connector_chain),
        .log_id = config->topics->log_id,
        .topic_id = sink->topic_id,
        .topic = sink->stream->topic,
        .partition = config->partition,
        .partitions = topic->partitions,
        .generation = config->topics->generation,
    };
    return status;
}

mr_status mr_sink_create(const mr_sink_config *config, mr_member **out, mr_err *err) {
    MR_ASSERT(config->sink < config->plan->sinks_count);
    sink_task *sink = mr_alloc(sizeof *sink);
    mr_buf name = {0};
    sink->config = *config;
    sink->plan = &config->plan->sinks[config->sink];
    sink->stream = &config->plan->streams[sink->plan->stream];
    mr_buf_printf(&name, "sink %s-%" PRId32, sink->plan->name, config->partition);
    sink->name = mr_strdup(mr_buf_cstr(&name));
    mr_buf_deinit(&name);
    sink->member = (mr_member){&sink_ops, sink->name};
    sink->parser = mr_json_parser_create();
    mr_machine_init(&sink->machine, sink->name, sink_rules, SINK_STATES, SINK_CREATED);
    mr_status status = open_parts(sink, err);
    if (status != MR_OK) {
        mr_err_wrap(err, status, "%s", sink->name);
        sink_destroy(&sink->member);
        return status;
    }
    *out = &sink->member;
    return MR_OK;
}
