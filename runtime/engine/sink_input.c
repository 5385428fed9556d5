#include "runtime/engine/sink_input.h"

#include <inttypes.h>

#include "runtime/base/assert.h"
#include "runtime/base/limits.h"

void mr_sink_input_init(mr_sink_input *input, mr_log_client *client, mr_member *member,
                        const char *topic, int32_t partition_number, mr_partition_id partition) {
    *input = (mr_sink_input){
        .client = client,
        .member = member,
        .topic = topic,
        .partition_number = partition_number,
        .partition = partition,
        .reader = mr_fetch_reader_create(),
    };
}

void mr_sink_input_deinit(mr_sink_input *input) {
    if (input->reader != NULL) {
        mr_fetch_reader_destroy(input->reader);
    }
}

/* The first fetch does not wait: it tells where the stable end is. */
void mr_sink_input_fetch(mr_sink_input *input) {
    if (input->fetching || input->open || input->has_record) {
        return;
    }
    mr_log_request *request = mr_log_client_request(input->client, MR_LOG_FETCH);
    request->context = input->member;
    request->partition = input->partition;
    request->offset = input->next_offset;
    request->bytes_max = MR_FETCH_BYTES_MAX;
    request->wait = mr_sink_input_at_end(input) ? MR_LOG_WAIT : MR_LOG_NO_WAIT;
    if (mr_log_client_submit(input->client, request) != MR_OK) {
        mr_log_client_recycle(input->client, request); /* full: the next step asks again */
        return;
    }
    input->fetching = true;
}

static mr_status take_fetched(mr_sink_input *input, const mr_fetched *fetched, mr_err *err) {
    if (fetched->start > input->next_offset) {
        if (input->start == MR_SINK_FROM_POSITION) {
            return mr_err_set(err, MR_CORRUPT,
                              "records %s[%" PRId32 "]@%" PRId64 " to %" PRId64
                              " were removed before they were read; `millrace reset` starts anew "
                              "from what is there",
                              input->topic, input->partition_number, input->next_offset,
                              fetched->start - 1);
        }
        input->next_offset = fetched->start;
    }
    input->told = true;
    input->stable_end = fetched->stable_end;
    if (fetched->bytes != NULL) {
        mr_fetch_reader_open(input->reader, fetched);
        input->open = true;
    }
    return MR_OK;
}

mr_status mr_sink_input_answer(mr_sink_input *input, mr_log_request *request, mr_err *err) {
    MR_ASSERT(input->fetching);
    input->fetching = false;
    mr_status status = MR_OK;
    if (request->status == MR_OK) {
        status = take_fetched(input, &request->fetched, err);
    } else if (request->status != MR_AGAIN) { /* AGAIN: the log is shutting down */
        status = mr_err_set(err, request->status, "%s[%" PRId32 "]: %s", input->topic,
                            input->partition_number, request->err.message);
    }
    mr_log_client_recycle(input->client, request);
    return status;
}

mr_status mr_sink_input_peek(mr_sink_input *input, mr_err *err) {
    if (input->has_record) {
        return MR_OK;
    }
    if (!input->open) {
        return MR_NOT_FOUND;
    }
    mr_fetch_batch batch;
    mr_status status = mr_fetch_reader_next(input->reader, &input->record, &batch, err);
    if (status == MR_NOT_FOUND) {
        int64_t passed = mr_fetch_reader_next_offset(input->reader);
        input->next_offset = passed > input->next_offset ? passed : input->next_offset;
        input->open = false;
    }
    input->has_record = status == MR_OK;
    return status;
}

void mr_sink_input_consume(mr_sink_input *input) {
    MR_ASSERT(input->has_record);
    input->has_record = false;
    input->next_offset = input->record.offset + 1;
    input->start = MR_SINK_FROM_POSITION;
}

bool mr_sink_input_at_end(const mr_sink_input *input) {
    return input->told && !input->open && !input->has_record &&
           input->next_offset >= input->stable_end;
}
