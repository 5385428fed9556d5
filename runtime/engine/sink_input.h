/* runtime/engine/sink_input.h - the records of a sink's topic partition, one after the other:
 * fetches, and where they are read up to. Thread: owner worker only. */
#pragma once

#include "log/client/fetch_reader.h"
#include "runtime/engine/member.h"

/* Where a sink without a committed position begins: at what is there, wherever that starts. */
typedef enum mr_sink_start { MR_SINK_FROM_EARLIEST, MR_SINK_FROM_POSITION } mr_sink_start;

typedef struct mr_sink_input {
    mr_log_client *client;
    mr_member *member;
    const char *topic;
    int32_t partition_number;
    mr_partition_id partition;
    mr_sink_start start;
    mr_fetch_reader *reader;
    bool open; /* the reader holds fetched records */
    bool fetching;
    bool told; /* stable_end is known */
    int64_t stable_end;
    int64_t next_offset; /* behind the last record consumed; passes control batches */
    mr_record record;    /* read and not consumed yet */
    bool has_record;
} mr_sink_input;

void mr_sink_input_init(mr_sink_input *input, mr_log_client *client, mr_member *member,
                        const char *topic, int32_t partition_number, mr_partition_id partition);
void mr_sink_input_deinit(
    mr_sink_input *input); /* no fetch under way, or the world is being dropped */
/* Asks for more if nothing is there and nothing is under way. */
void mr_sink_input_fetch(mr_sink_input *input);
/* Consumes the answer. MR_CORRUPT: records were removed before they were read. */
mr_status mr_sink_input_answer(mr_sink_input *input, mr_log_request *request,
                               mr_err *err) MR_CHECKED;
/* The next record into input->record. MR_NOT_FOUND: none now. */
mr_status mr_sink_input_peek(mr_sink_input *input, mr_err *err) MR_CHECKED;
void mr_sink_input_consume(mr_sink_input *input); /* the record peeked */
/* Everything up to the last stable end that was told is consumed. */
bool mr_sink_input_at_end(const mr_sink_input *input);
