#include "runtime/engine/task_state.h"

#include <inttypes.h>

#include "runtime/base/alloc.h"
#include "runtime/base/assert.h"
#include "runtime/base/limits.h"
#include "runtime/engine/time_from.h"

void mr_task_input_init(mr_task *task, task_input *input, const mr_plan_input *plan) {
    const mr_topic_description *topic;
    input->plan = plan;
    if (plan->kind == MR_INPUT_STREAM) {
        input->stream = &task->config.plan->streams[plan->index];
        input->name = input->stream->name;
        topic = &task->config.topics->streams[plan->index];
        input->times_count = 1;
    } else {
        input->repartition = &task->config.plan->repartitions[plan->index];
        input->name = input->repartition->name;
        topic = &task->config.topics->repartitions[plan->index];
        input->times_count = input->repartition->upstream_count;
    }
    input->topic = topic->name;
    input->partition_number = task->config.partition;
    input->partition = topic->partition_first + (uint32_t)task->config.partition;
    input->times_ms = mr_alloc_array(input->times_count, sizeof(int64_t));
    for (uint32_t i = 0; i < input->times_count; i++) {
        input->times_ms[i] = INT64_MIN;
    }
    input->reader = mr_fetch_reader_create();
    input->end_known = -1;
    input->bounded = task->config.board->until == MR_RUN_UNTIL_END && input->stream &&
                     input->stream->has_source &&
                     mr_plan_stream_writers(task->config.plan, plan->index) == 0;
}

static void drop_head(task_input *input) {
    if (input->has_head) {
        mr_value_deinit(&input->head.key);
        mr_value_deinit(&input->head.value);
        input->has_head = false;
    }
}

void mr_task_input_deinit(mr_task *task, task_input *input) {
    drop_head(input);
    for (uint32_t i = 0; i < input->fetched_count; i++) {
        mr_log_client_recycle(task->config.client, input->fetched[i]);
    }
    mr_fetch_reader_destroy(input->reader);
    mr_free(input->times_ms);
}

/* ---- fetching ---- */

void mr_task_input_fetch(mr_task *task, task_input *input) {
    if (input->fetching || input->fetched_count == TASK_FETCHED_MAX) {
        return;
    }
    mr_log_request *request = mr_log_client_request(task->config.client, MR_LOG_FETCH);
    request->context = task;
    request->token = (uint64_t)(input - task->inputs);
    request->partition = input->partition;
    request->offset = input->fetch_offset;
    request->bytes_max = task->config.fetch_bytes_max;
    request->wait = input->at_end ? MR_LOG_WAIT : MR_LOG_NO_WAIT;
    if (mr_log_client_submit(task->config.client, request) != MR_OK) {
        mr_log_client_recycle(task->config.client, request);
        return;
    }
    input->fetching = request;
}

/* The offset behind the last whole batch of the bytes. */
static int64_t end_of(const mr_fetched *fetched) {
    int64_t end = fetched->offset;
    size_t at = 0;
    mr_batch_info info;
    while (at < fetched->bytes->len &&
           mr_batch_peek(mr_bytes_of(fetched->bytes->data + at, fetched->bytes->len - at), &info) ==
               MR_OK) {
        end = mr_batch_last_offset(&info) + 1;
        at += info.size_bytes;
    }
    return end;
}

static mr_status missing_records(mr_task *task, task_input *input, const mr_fetched *fetched,
                                 mr_failure *failure) {
    mr_status status = mr_err_set(
        &task->err, MR_CORRUPT,
        "records %s[%d]@%" PRId64 " to %" PRId64
        " were removed before they were read; `millrace reset` starts anew from what is there",
        input->topic, input->partition_number, fetched->offset, fetched->start - 1);
    return mr_task_fail(task, status, failure);
}

mr_status mr_task_input_answer(mr_task *task, task_input *input, mr_log_request *request,
                               mr_now now, mr_failure *failure) {
    MR_ASSERT(input->fetching == request);
    input->fetching = NULL;
    if (request->status == MR_AGAIN) { /* the log is shutting down */
        mr_log_client_recycle(task->config.client, request);
        return MR_OK;
    }
    if (request->status != MR_OK) {
        mr_status status = mr_err_set(&task->err, request->status, "%s[%d]: %s", input->topic,
                                      input->partition_number, request->err.message);
        mr_log_client_recycle(task->config.client, request);
        return mr_task_fail(task, status, failure);
    }
    const mr_fetched *fetched = &request->fetched;
    input->stable_known = fetched->stable_end;
    if (fetched->start > fetched->offset) {
        if (input->position == 0 && input->plan->kind == MR_INPUT_STREAM) {
            input->position = input->fetch_offset = fetched->start; /* "earliest" */
            mr_log_client_recycle(task->config.client, request);
            return MR_OK;
        }
        return missing_records(task, input, fetched, failure);
    }
    if (!fetched->bytes) {
        if (!input->at_end) {
            input->at_end = true;
            input->silent_since_ns = now.mono_ns;
        }
        mr_log_client_recycle(task->config.client, request);
        return MR_OK;
    }
    input->at_end = false;
    input->fetch_offset = end_of(fetched);
    input->fetched[input->fetched_count++] = request;
    return MR_OK;
}

/* ---- heads ---- */

static mr_status internal_head(mr_task *task, task_input *input, const mr_record *record,
                               mr_failure *failure) {
    mr_internal internal;
    mr_status status =
        mr_internal_decode(mr_internal_find(record->headers, record->headers_count), &internal);
    if (status == MR_OK && internal.has_minimum &&
        (!internal.has_upstream || internal.upstream >= input->times_count)) {
        status = MR_CORRUPT;
    }
    if (status != MR_OK) {
        mr_err_set(&task->err, MR_CORRUPT, "%s[%d]@%" PRId64 ": not a record of an internal topic",
                   input->topic, input->partition_number, record->offset);
        return mr_task_fail(task, MR_CORRUPT, failure);
    }
    mr_flow *flow = &input->head;
    input->head_is_time = internal.has_minimum;
    input->head_upstream = internal.upstream;
    flow->carried_ms = mr_internal_time(&internal, record->timestamp_ms);
    input->head_time_ms = internal.has_minimum ? internal.minimum_ms : flow->carried_ms;
    flow->window =
        (mr_window_bounds){internal.has_window, internal.window_start_ms, internal.window_stop_ms};
    if (internal.has_origin) {
        memcpy(input->origin_topic, internal.origin_topic.data, internal.origin_topic.len);
        input->origin_topic[internal.origin_topic.len] = '\0';
        flow->origin =
            (mr_origin){.topic = mr_bytes_of(input->origin_topic, internal.origin_topic.len),
                        .partition = internal.origin_partition,
                        .offset = internal.origin_offset};
    } else {
        flow->origin = (mr_origin){.topic = mr_bytes_text(input->topic),
                                   .partition = input->partition_number,
                                   .offset = record->offset};
    }
    input->value_format =
        (mr_format){.kind = internal.has_format ? internal.format : MR_FORMAT_JSON, .type = NULL};
    size_t skipped = record->headers_count > 0 && mr_internal_is_key(record->headers[0].key);
    flow->headers = record->headers + skipped;
    flow->headers_count = record->headers_count - skipped;
    flow->stream = "";
    mr_value_init(&flow->key, task->pool, mr_datum_raw(record->key, &mr_format_of_keys));
    mr_value_init(&flow->value, task->pool, mr_datum_raw(record->value, &input->value_format));
    return MR_OK;
}

/* `ts` of a record read from a named topic. The task's time is none of its business: how far that
 * is when the record is read depends on when it came. */
static mr_status event_time(mr_task *task, task_input *input, mr_flow *flow, mr_err *err) {
    const mr_plan_stream *stream = input->stream;
    if (stream->time_from) {
        mr_scope scope = {.key = &flow->key,
                          .value = &flow->value,
                          .ts_ms = flow->ts_ms,
                          .headers = flow->headers,
                          .headers_count = flow->headers_count,
                          .stream = stream->name,
                          .topic = input->topic,
                          .partition = flow->origin.partition,
                          .offset = flow->origin.offset,
                          .stream_time_ms = INT64_MIN,
                          .task = task->config.partition};
        mr_datum result;
        mr_status status = mr_code_eval(stream->time_from, &scope, task->script,
                                        mr_graph_arena(task->graph), &result, err);
        if (status == MR_OK) {
            status = mr_time_of_datum(stream, &result, &flow->ts_ms, err);
        }
        if (status != MR_OK) {
            return status;
        }
    }
    return mr_time_check_stream(stream, flow->ts_ms, err);
}

bool mr_task_input_timely(task_input *input) {
    if (input->head_has_problem) {
        return false;
    }
    const mr_plan_stream *stream = input->stream;
    int64_t time_ms = input->times_ms[0];
    int64_t ts_ms = input->head.ts_ms;
    if (stream->max_ahead_ms < 0 || time_ms <= MR_TIME_UNKNOWN || ts_ms <= time_ms ||
        ts_ms - time_ms <= stream->max_ahead_ms) {
        return true;
    }
    mr_err_set(&input->head_problem, MR_INVALID,
               "time of stream '%s' is %" PRId64 " ms ahead, more than max_ahead allows",
               stream->name, ts_ms - time_ms);
    return false;
}

static mr_status stream_head(mr_task *task, task_input *input, const mr_record *record,
                             mr_failure *failure) {
    const mr_plan_stream *stream = input->stream;
    mr_flow *flow = &input->head;
    input->head_is_time = false;
    flow->stream = stream->name;
    flow->headers = record->headers;
    flow->headers_count = record->headers_count;
    flow->window = (mr_window_bounds){0};
    flow->origin = (mr_origin){.topic = mr_bytes_text(input->topic),
                               .partition = input->partition_number,
                               .offset = record->offset};
    mr_value_init(&flow->key, task->pool, mr_datum_raw(record->key, &stream->key));
    mr_value_init(&flow->value, task->pool, mr_datum_raw(record->value, &stream->value));
    mr_status status = event_time(task, input, flow, &input->head_problem);
    input->head_has_problem = status == MR_INVALID;
    input->head_time_ms = flow->ts_ms;
    flow->carried_ms = input->times_ms[0]; /* unless it moves it */
    if (status == MR_OK || status == MR_INVALID) {
        return MR_OK;
    }
    task->err = input->head_problem;
    mr_value_deinit(&flow->key);
    mr_value_deinit(&flow->value);
    return mr_task_fail(task, status, failure);
}

static bool open_next(mr_task *task, task_input *input) {
    if (input->fetched_count == 0) {
        return false;
    }
    mr_log_request *request = input->fetched[0];
    mr_fetch_reader_open(input->reader, &request->fetched);
    mr_log_client_recycle(task->config.client, request);
    input->fetched_count--;
    for (uint32_t i = 0; i < input->fetched_count; i++) {
        input->fetched[i] = input->fetched[i + 1];
    }
    input->reading = true;
    return true;
}

static mr_status make_head(mr_task *task, task_input *input, const mr_record *record,
                           mr_failure *failure) {
    mr_flow *flow = &input->head;
    flow->ts_ms = record->timestamp_ms;
    input->head_offset = record->offset;
    input->head_moved = input->head_resumed;
    input->head_resumed = false;
    input->head_has_problem = false;
    mr_status status = input->plan->kind == MR_INPUT_REPARTITION
                           ? internal_head(task, input, record, failure)
                           : stream_head(task, input, record, failure);
    input->has_head = status == MR_OK;
    return status;
}

mr_status mr_task_input_head(mr_task *task, task_input *input, mr_failure *failure) {
    while (!input->has_head) {
        if (!input->reading && !open_next(task, input)) {
            return MR_OK;
        }
        mr_record record;
        mr_fetch_batch batch;
        mr_status status = mr_fetch_reader_next(input->reader, &record, &batch, &task->err);
        if (status == MR_OK) {
            status = make_head(task, input, &record, failure);
            if (status != MR_OK) {
                return status;
            }
        } else if (status == MR_NOT_FOUND) {
            input->reading = false;
            int64_t next = mr_fetch_reader_next_offset(input->reader);
            input->position = next > input->position ? next : input->position;
        } else {
            mr_err_wrap(&task->err, status, "%s[%d]", input->topic, input->partition_number);
            return mr_task_fail(task, status, failure);
        }
    }
    return MR_OK;
}

void mr_task_input_consume(mr_task *task, task_input *input) {
    MR_ASSERT(input->has_head);
    input->position = input->head_offset + 1;
    task->taken = true;
    drop_head(input);
}
