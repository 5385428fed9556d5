#include "runtime/engine/graph_state.h"

#include <inttypes.h>
#include <stdio.h>

#include "runtime/base/assert.h"
#include "runtime/base/limits.h"
#include "runtime/engine/internal_header.h"
#include "runtime/engine/time_from.h"

/* What a batch adds around a record, so that mr_outbox_starts_batch may answer exactly. */
#define RECORD_FRAMING_BYTES_MAX 128

/* ---- failures ---- */

mr_status mr_graph_fatal(mr_graph *graph, mr_status status, const char *label,
                         const mr_err *cause) {
    MR_ASSERT(status != MR_OK);
    return mr_failure_set(graph->failure, status, "%s: %s: %s", graph->config.plan->file, label,
                          cause->message);
}

static void format_origin(const mr_origin *origin, char *out, size_t size) {
    const char *name = origin->topic.data ? (const char *)origin->topic.data : "?";
    if (origin->line > 0) {
        snprintf(out, size, "%s:%" PRIu64, name, origin->line);
    } else {
        snprintf(out, size, "%s[%d]@%" PRId64, name, origin->partition, origin->offset);
    }
}

#define KEY_TEXT_MAX 80

/* A key for people: JSON or text, cut, never raw control bytes. */
static void format_key(mr_graph *graph, mr_value *key, char *out, size_t size) {
    mr_err ignored = {0};
    mr_buf_clear(&graph->row_key);
    if (mr_value_touch(key, &ignored) != MR_OK || key->datum.kind == MR_DATUM_NIL ||
        key->datum.kind == MR_DATUM_NULL ||
        mr_datum_put_json(&key->datum, &graph->row_key, &ignored) != MR_OK) {
        snprintf(out, size, "none");
        return;
    }
    snprintf(out, size, "%.*s",
             (int)(graph->row_key.len < KEY_TEXT_MAX ? graph->row_key.len : KEY_TEXT_MAX),
             (const char *)graph->row_key.data);
}

static mr_status stop_job(mr_graph *graph, const char *label, mr_place place,
                          const graph_view *view, const char *cause) {
    char origin[MR_TOPIC_NAME_MAX + 64];
    char key[KEY_TEXT_MAX + 8];
    format_origin(view->origin, origin, sizeof origin);
    format_key(graph, view->key, key, sizeof key);
    const char *file = graph->config.plan->file;
    /* An error of Lua names its own line of the file already. */
    bool placed = strncmp(cause, file, strlen(file)) == 0;
    const char *prefix =
        placed ? "" : mr_arena_printf(graph->arena, "%s:%u: %s: ", file, place.line, label);
    return mr_failure_set(graph->failure, MR_INVALID,
                          "%s%s\n   record %s key=%s   step %s   on_error: stop\n"
                          "   fix the code, or set on_error; the record is %s",
                          prefix, cause, origin, key, label, origin);
}

/* ---- records for people: errors and late ones ---- */

/* As it entered the step; bytes that could not be decoded stay as they were. */
static mr_bytes encode_loosely(mr_value *value, const mr_format *format, mr_buf *out) {
    mr_err ignored = {0};
    bool null_out = false;
    mr_buf_clear(out);
    mr_buf_reserve(out, 1); /* "" is not null */
    if (mr_value_encode(value, format, out, &null_out, &ignored) == MR_OK) {
        return null_out ? MR_BYTES_NULL : mr_buf_view(out);
    }
    mr_buf_clear(out);
    const mr_datum *datum = &value->datum;
    switch (datum->kind) {
    case MR_DATUM_NIL:
    case MR_DATUM_NULL:
        return MR_BYTES_NULL;
    case MR_DATUM_STRING:
    case MR_DATUM_JSON:
    case MR_DATUM_RAW:
        return datum->bytes;
    default:
        break;
    }
    return mr_datum_put_json(datum, out, &ignored) == MR_OK ? mr_buf_view(out) : MR_BYTES_NULL;
}

static mr_header text_header(const char *name, const char *text) {
    return (mr_header){.key = mr_bytes_text(name), .value = mr_bytes_text(text)};
}

/* Writes the record with its cause to a stream, in this transaction. */
static mr_status write_aside(mr_graph *graph, uint32_t stream, const char *label, mr_place place,
                             const graph_view *view, const char *cause, mr_record *written) {
    const mr_plan_stream *to = &graph->config.plan->streams[stream];
    char *origin = mr_arena_alloc(graph->arena, MR_TOPIC_NAME_MAX + 64);
    format_origin(view->origin, origin, MR_TOPIC_NAME_MAX + 64);
    mr_header *headers =
        mr_arena_alloc(graph->arena, (view->headers_count + 4) * sizeof(mr_header));
    size_t count = 0;
    for (size_t i = 0; i < view->headers_count; i++) {
        headers[count++] = view->headers[i];
    }
    headers[count++] = text_header("millrace-cause", cause);
    headers[count++] = text_header("millrace-step", label);
    headers[count++] =
        text_header("millrace-line", mr_arena_printf(graph->arena, "%u", place.line));
    headers[count++] = text_header("millrace-origin", origin);
    *written = (mr_record){
        .timestamp_ms = view->ts_ms,
        .key = encode_loosely(view->key, &to->key, &graph->key),
        .value = encode_loosely(view->value, &to->value, &graph->value),
        .headers = headers,
        .headers_count = count,
    };
    uint32_t topic = graph->config.stream_topics[stream];
    MR_ASSERT(topic != MR_INDEX_NONE);
    return mr_outbox_add(graph->config.outbox, topic, written);
}

mr_status mr_graph_reject_view(mr_graph *graph, const mr_policy *policy, const char *label,
                               mr_place place, const graph_view *view, const char *cause) {
    mr_board *board = graph->config.board;
    if (policy->kind == MR_POLICY_STOP) {
        return stop_job(graph, label, place, view, cause);
    }
    if (policy->kind == MR_POLICY_DROP) {
        atomic_fetch_add(&board->records_dropped, 1);
        return MR_OK;
    }
    mr_record written;
    mr_status status = write_aside(graph, policy->stream, label, place, view, cause, &written);
    if (status != MR_OK) {
        return stop_job(graph, label, place, view,
                        "the record with its error headers is larger than a record may be");
    }
    atomic_fetch_add(&board->records_failed, 1);
    return MR_OK;
}

mr_status mr_graph_fail_record(mr_graph *graph, const mr_node *node, const graph_view *view,
                               mr_status status, const mr_err *cause) {
    if (status != MR_INVALID) {
        return mr_graph_fatal(graph, status, node->label, cause);
    }
    mr_err undecodable = {0};
    if (mr_value_touch(view->value, &undecodable) != MR_OK ||
        mr_value_touch(view->key, &undecodable) != MR_OK) {
        /* Not the step's fault: it is one error record, however many pipelines read the stream. */
        if (graph->rejected) {
            return MR_OK;
        }
        graph->rejected = true;
    }
    return mr_graph_reject_view(graph, &node->on_error, node->label, node->place, view,
                                cause->message);
}

mr_status mr_graph_to_late(mr_graph *graph, const mr_node *node, const graph_view *view) {
    const mr_policy *late = &node->aggregate.window.late;
    atomic_fetch_add(&graph->config.board->records_late, 1);
    const char *cause = "late: its window had closed by the time it carries";
    if (late->kind == MR_POLICY_DROP) {
        return MR_OK;
    }
    if (late->kind == MR_POLICY_STOP) {
        return stop_job(graph, node->label, node->place, view, cause);
    }
#ifdef MR_BROKEN
    if (graph->config.breaks & MR_GRAPH_BREAK_LATE_OUTSIDE) {
        mr_record outside = {
            .timestamp_ms = view->ts_ms,
            .value = encode_loosely(view->value, &graph->config.plan->streams[late->stream].value,
                                    &graph->value)};
        graph->config.late_outside(graph->config.late_arg,
                                   graph->config.stream_topics[late->stream], &outside);
        return MR_OK;
    }
#endif
    mr_record written;
    mr_status status =
        write_aside(graph, late->stream, node->label, node->place, view, cause, &written);
    if (status != MR_OK) {
        return stop_job(graph, node->label, node->place, view,
                        "the late record with its headers is larger than a record may be");
    }
    return MR_OK;
}

/* ---- topics ---- */

/* `time.from` of the stream written to, worked out by its writer (LANGUAGE rule 10). */
static mr_status writer_time(mr_graph *graph, const mr_plan_stream *to, const graph_view *view,
                             int64_t *ts_ms, mr_err *err) {
    *ts_ms = view->ts_ms;
    if (!to->time_from) {
        return MR_OK;
    }
    mr_scope scope;
    mr_graph_scope(graph, view, &scope);
    scope.stream_time_ms = INT64_MIN; /* as for whoever reads it */
    mr_datum result;
    mr_status status =
        mr_code_eval(to->time_from, &scope, graph->config.script, graph->arena, &result, err);
    return status == MR_OK ? mr_time_of_datum(to, &result, ts_ms, err) : status;
}

/* The log would take a little more: that is for what an error record has beside this. */
static mr_status check_bounds(const mr_record *record, const graph_view *view, mr_err *err) {
    if (view->headers_count > MR_STEP_HEADERS_MAX) {
        return mr_err_set(err, MR_INVALID, "more than %d headers", MR_STEP_HEADERS_MAX);
    }
    size_t bytes = record->key.len + record->value.len;
    for (size_t i = 0; i < view->headers_count; i++) {
        bytes += view->headers[i].key.len + view->headers[i].value.len;
    }
    if (bytes > MR_STEP_RECORD_BYTES_MAX) {
        return mr_err_set(err, MR_INVALID, "the record is larger than %d bytes",
                          MR_STEP_RECORD_BYTES_MAX);
    }
    return MR_OK;
}

static mr_status encode_part(mr_value *part, const mr_format *format, mr_buf *out, mr_bytes *bytes,
                             mr_err *err) {
    bool null_out = false;
    mr_buf_clear(out);
    mr_buf_reserve(out, 1);
    mr_status status = mr_value_encode(part, format, out, &null_out, err);
    *bytes = null_out ? MR_BYTES_NULL : mr_buf_view(out);
    return status;
}

mr_status mr_graph_to_stream(mr_graph *graph, const mr_node *node, const graph_view *view) {
    const mr_plan_stream *to = &graph->config.plan->streams[node->to_stream.stream];
    mr_err err;
    mr_err_clear(&err);
    mr_record record = {.headers = view->headers, .headers_count = view->headers_count};
    mr_status status = writer_time(graph, to, view, &record.timestamp_ms, &err);
    if (status == MR_OK) {
        status = encode_part(view->key, &to->key, &graph->key, &record.key, &err);
        if (status != MR_OK) {
            mr_err_wrap(&err, status, "key");
        }
    }
    if (status == MR_OK) {
        status = encode_part(view->value, &to->value, &graph->value, &record.value, &err);
    }
    if (status == MR_OK) {
        status = check_bounds(&record, view, &err);
    }
    if (status == MR_OK) {
        status = mr_outbox_add(graph->config.outbox,
                               graph->config.stream_topics[node->to_stream.stream], &record);
        MR_ASSERT(status == MR_OK);
    }
    if (status != MR_OK) {
        return mr_graph_fail_record(graph, node, view, status, &err);
    }
    atomic_fetch_add_explicit(&graph->config.board->records_out, 1, memory_order_relaxed);
    return MR_OK;
}

/* The value as an internal topic carries it: bytes no step touched stay as they are, with their
 * format. */
static mr_status internal_value(mr_graph *graph, const graph_view *view, mr_internal *internal,
                                mr_bytes *bytes, mr_err *err) {
    mr_value *value = view->value;
    mr_status status = MR_OK;
    if (value->datum.kind == MR_DATUM_RAW && value->datum.format->type) {
        status = mr_value_touch(value, err); /* behind this topic the type is not known any more */
        if (status != MR_OK) {
            return status;
        }
    }
    const mr_datum *datum = &value->datum;
    mr_buf_clear(&graph->value);
    mr_buf_reserve(&graph->value, 1);
    switch (datum->kind) {
    case MR_DATUM_NIL:
    case MR_DATUM_NULL:
        *bytes = MR_BYTES_NULL;
        return MR_OK;
    case MR_DATUM_RAW:
        internal->has_format = datum->format->kind != MR_FORMAT_JSON;
        internal->format = datum->format->kind;
        *bytes = datum->bytes;
        return MR_OK;
    case MR_DATUM_STRING:
        internal->has_format = true;
        internal->format = MR_FORMAT_BYTES;
        *bytes = datum->bytes;
        return MR_OK;
    case MR_DATUM_JSON:
        *bytes = datum->bytes;
        return MR_OK;
    default:
        status = mr_datum_put_json(datum, &graph->value, err);
        *bytes = mr_buf_view(&graph->value);
        return status;
    }
}

/* A row, and a cursor that holds its key, must fit into a record with their own names. */
#define KEY_BYTES_MAX (MR_RECORD_BYTES_MAX / 2 - 1024)

mr_status mr_graph_canonical_key(mr_graph *graph, const graph_view *view, mr_err *err) {
    mr_status status = mr_value_touch(view->key, err);
    if (status != MR_OK) {
        return status;
    }
    if (view->key->datum.kind == MR_DATUM_NIL || view->key->datum.kind == MR_DATUM_NULL) {
        return mr_err_set(err, MR_INVALID, "the key is null where a key is needed");
    }
    mr_buf_clear(&graph->key);
    status = mr_key_put_canonical(view->key, &graph->key, err);
    if (status == MR_OK && graph->key.len > KEY_BYTES_MAX) {
        return mr_err_set(err, MR_INVALID, "the key has %zu bytes, more than %d", graph->key.len,
                          KEY_BYTES_MAX);
    }
    return status;
}

static mr_status check_headers(const graph_view *view, mr_err *err) {
    for (size_t i = 0; i < view->headers_count; i++) {
        if (mr_internal_is_key(view->headers[i].key)) {
            return mr_err_set(err, MR_INVALID, "a header's name is a single NUL byte");
        }
    }
    return MR_OK;
}

/* Adds the internal header, whose content depends on whether the record begins a batch. */
static mr_status add_internal(mr_graph *graph, uint32_t repartition, int32_t partition,
                              mr_internal *internal, const graph_view *view, mr_record *record) {
    uint32_t topic = graph->config.repartition_topics[repartition];
    size_t headers_count = view ? view->headers_count : 0;
    size_t bytes =
        record->key.len + record->value.len + RECORD_FRAMING_BYTES_MAX + internal->origin_topic.len;
    for (size_t i = 0; i < headers_count; i++) {
        bytes += view->headers[i].key.len + view->headers[i].value.len + 20;
    }
    /* A time record names its sender itself: a reader may begin in the middle of a batch. */
    internal->has_upstream =
        mr_outbox_starts_batch(graph->config.outbox, topic, partition, bytes) ||
        internal->has_minimum;
    internal->upstream = graph->config.upstream_numbers[repartition];
    mr_buf_clear(&graph->header);
    mr_internal_encode(internal, &graph->header);
    mr_header *headers = mr_arena_alloc(graph->arena, (headers_count + 1) * sizeof(mr_header));
    record->headers = headers;
    record->headers_count = 0;
    if (graph->header.len > 0) {
        headers[record->headers_count++] =
            (mr_header){.key = mr_internal_key(), .value = mr_buf_view(&graph->header)};
    }
    for (size_t i = 0; i < headers_count; i++) {
        headers[record->headers_count++] = view->headers[i];
    }
    return mr_outbox_add_to(graph->config.outbox, topic, partition, record);
}

static void fill_internal(const graph_view *view, mr_internal *internal) {
    internal->time_delta_ms = mr_internal_time_delta(view->carried_ms, view->ts_ms);
    internal->has_time = internal->time_delta_ms != 0;
    if (view->window.present) {
        internal->has_window = true;
        internal->window_start_ms = view->window.start_ms;
        internal->window_stop_ms = view->window.stop_ms;
    }
    if (view->origin->topic.data && view->origin->topic.len > 0) {
        internal->has_origin = true;
        internal->origin_topic = view->origin->topic;
        internal->origin_partition = view->origin->partition;
        internal->origin_offset = view->origin->offset;
    }
}

mr_status mr_graph_to_repartition(mr_graph *graph, const mr_node *node, const graph_view *view) {
    uint32_t repartition = node->to_repartition.repartition;
    uint32_t topic = graph->config.repartition_topics[repartition];
    mr_err err;
    mr_err_clear(&err);
    mr_internal internal = {0};
    mr_record record = {.timestamp_ms = view->ts_ms};
    mr_status status = mr_graph_canonical_key(graph, view, &err);
    if (status == MR_OK) {
        record.key = mr_buf_view(&graph->key);
        status = internal_value(graph, view, &internal, &record.value, &err);
    }
    if (status == MR_OK) {
        status = check_headers(view, &err);
    }
    if (status == MR_OK) {
        status = check_bounds(&record, view, &err);
    }
    if (status == MR_OK) {
        fill_internal(view, &internal);
        int32_t partition = mr_outbox_partition(graph->config.outbox, topic, record.key);
        status = add_internal(graph, repartition, partition, &internal, view, &record);
        MR_ASSERT(status == MR_OK);
    }
    return status == MR_OK ? MR_OK : mr_graph_fail_record(graph, node, view, status, &err);
}

/* ---- time records ---- */

static bool announcement_due(const mr_graph *graph, uint32_t repartition, int64_t minimum_ms) {
    int64_t last_ms = graph->announced[repartition];
    if (minimum_ms == INT64_MIN || minimum_ms <= last_ms) {
        return false;
    }
    return last_ms <= MR_TIME_UNKNOWN || minimum_ms == INT64_MAX || graph->announces_any ||
           minimum_ms - last_ms >= graph->announce_step_ms;
}

static mr_status announce_to(mr_graph *graph, uint32_t repartition, int64_t minimum_ms) {
    const mr_plan_repartition *to = &graph->config.plan->repartitions[repartition];
    int64_t last_ms = graph->announced[repartition];
    int64_t stamp_ms = minimum_ms == INT64_MAX ? last_ms : minimum_ms;
    for (int32_t p = 0; p < to->partitions; p++) {
        mr_internal internal = {.has_minimum = true, .minimum_ms = minimum_ms};
        mr_record record = {.timestamp_ms = stamp_ms < 0 ? 0 : stamp_ms};
        mr_status status = add_internal(graph, repartition, p, &internal, NULL, &record);
        MR_ASSERT(status == MR_OK); /* a few bytes always fit */
    }
    graph->announced[repartition] = minimum_ms;
    graph->announced_moved[repartition] = true;
    return MR_OK;
}

void mr_graph_announce_next(mr_graph *graph) {
    graph->announces_any = true;
}

mr_status mr_graph_announce(mr_graph *graph, int64_t min_ms, mr_failure *failure) {
    graph->failure = failure;
    for (uint32_t i = 0; i < graph->config.plan->repartitions_count; i++) {
        if (!graph->writes_repartition[i]) {
            continue;
        }
        int64_t hold_back_ms = graph->held_back_ms[i];
        int64_t minimum_ms =
            min_ms <= MR_TIME_UNKNOWN || min_ms == INT64_MAX ? min_ms : min_ms - hold_back_ms;
        if (announcement_due(graph, i, minimum_ms)) {
            mr_status status = announce_to(graph, i, minimum_ms);
            if (status != MR_OK) {
                return status;
            }
        }
    }
    graph->announces_any = false;
    return MR_OK;
}
