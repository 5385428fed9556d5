/* bench_fill DATA COUNT [TOPIC:CODEC...] - makes a data directory with the bench's topics: those
 * given by name and codec (none, zstd) are created with one partition; the ones whose name begins
 * with "bids" get COUNT bids, written through the log as a job's outputs are: transactions of
 * finished batches. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/bids.h"
#include "runtime/app/log_service.h"
#include "runtime/base/alloc.h"

#define TXN_BYTES (8u << 20)

typedef struct fill {
    mr_log_service *service;
    mr_log_caller caller;
    int64_t producer_id;
    int16_t producer_epoch;
    mr_batch_builder *builder;
    mr_buf batches;
    int32_t sequence;
} fill_state;

_Noreturn static void die(const char *what, mr_status status, const mr_err *err) {
    fprintf(stderr, "bench_fill: %s: %s %s\n", what, mr_status_text(status),
            err ? err->message : "");
    exit(1);
}

static void call(fill_state *fill, mr_log_request *request, const char *what) {
    mr_status status =
        mr_log_client_call(fill->caller.client, request, fill->caller.pump, fill->caller.arg);
    if (status == MR_OK) {
        status = request->status;
    }
    if (status != MR_OK) {
        die(what, status, &request->err);
    }
}

static mr_topic_description create_topic(fill_state *fill, const char *name, mr_codec codec) {
    mr_log_request *request = mr_log_client_request(fill->caller.client, MR_LOG_CREATE_TOPIC);
    snprintf(request->topic, sizeof request->topic, "%s", name);
    request->partitions = 1;
    request->topic_kind = MR_TOPIC_USER;
    request->codec = codec;
    call(fill, request, name);
    mr_topic_description described = request->described;
    mr_log_client_recycle(fill->caller.client, request);
    return described;
}

static void finish_batch(fill_state *fill, mr_codec codec) {
    int32_t count = mr_batch_builder_count(fill->builder);
    if (count == 0) {
        return;
    }
    mr_batch_config config = {.codec = codec,
                              .zstd_level = 1,
                              .attributes = MR_ATTRIBUTE_TRANSACTIONAL,
                              .producer_id = fill->producer_id,
                              .producer_epoch = (int16_t)(fill->producer_epoch + 1),
                              .base_sequence = fill->sequence};
    mr_batch_builder_finish(fill->builder, &config, &fill->batches);
    fill->sequence += count;
}

static void commit(fill_state *fill, const mr_topic_description *topic) {
    finish_batch(fill, topic->codec);
    mr_shared *bytes = mr_shared_create(fill->batches.len);
    memcpy(bytes->data, fill->batches.data, fill->batches.len);
    bytes->len = fill->batches.len;
    mr_txn_part part = {.partition = topic->partition_first, .batches = bytes};
    fill->producer_epoch++;
    mr_txn txn = {.producer_id = fill->producer_id,
                  .producer_epoch = fill->producer_epoch,
                  .transactional_id = mr_bytes_text("bench-fill"),
                  .parts = &part,
                  .parts_count = 1};
    mr_log_request *request = mr_log_client_request(fill->caller.client, MR_LOG_COMMIT);
    request->txn = &txn;
    call(fill, request, "commit");
    mr_log_client_recycle(fill->caller.client, request);
    mr_buf_clear(&fill->batches);
    fill->sequence = 0;
}

static void add_record(fill_state *fill, const mr_topic_description *topic,
                       const mr_record *record) {
    mr_status status = mr_batch_builder_add(fill->builder, record);
    if (status == MR_AGAIN) {
        finish_batch(fill, topic->codec);
        if (fill->batches.len >= TXN_BYTES) {
            commit(fill, topic);
        }
        status = mr_batch_builder_add(fill->builder, record);
    }
    if (status != MR_OK) {
        die("record", status, NULL);
    }
}

static void write_bids(fill_state *fill, const mr_topic_description *topic, uint64_t count) {
    bench_bids bids;
    bench_bids_init(&bids);
    for (uint64_t i = 0; i < count; i++) {
        char room[BENCH_BID_BYTES_MAX];
        mr_record record = {0};
        bench_bids_next(&bids, room, &record.key, &record.value, &record.timestamp_ms);
        add_record(fill, topic, &record);
    }
    commit(fill, topic);
}

static void fill_topic(fill_state *fill, const char *text, uint64_t count) {
    const char *colon = strchr(text, ':');
    if (!colon) {
        die(text, MR_INVALID, NULL);
    }
    char name[MR_TOPIC_NAME_MAX + 1];
    snprintf(name, sizeof name, "%.*s", (int)(colon - text), text);
    mr_codec codec = strcmp(colon + 1, "zstd") == 0 ? MR_CODEC_ZSTD : MR_CODEC_NONE;
    mr_topic_description topic = create_topic(fill, name, codec);
    if (strncmp(name, "bids", 4) == 0 && count > 0) {
        write_bids(fill, &topic, count);
    }
}

int main(int argc, char **argv) {
    if (argc < 3) {
        fprintf(stderr, "usage: bench_fill DATA COUNT TOPIC:CODEC...\n");
        return 2;
    }
    mr_log_service_config config = {.data = argv[1], .clock = mr_clock_system()};
    mr_recovery_report report = {0};
    mr_err err = {0};
    fill_state fill = {0};
    mr_status status = mr_log_service_open(&config, &fill.service, &report, &err);
    if (status != MR_OK) {
        die(argv[1], status, &err);
    }
    fill.caller = mr_log_service_caller(fill.service);
    fill.builder = mr_batch_builder_create();
    mr_log_request *request = mr_log_client_request(fill.caller.client, MR_LOG_INIT_PRODUCER);
    request->transactional_id = mr_bytes_text("bench-fill");
    call(&fill, request, "producer");
    fill.producer_id = request->producer_id;
    fill.producer_epoch = request->producer_epoch;
    mr_log_client_recycle(fill.caller.client, request);
    uint64_t count = strtoull(argv[2], NULL, 10);
    for (int i = 3; i < argc; i++) {
        fill_topic(&fill, argv[i], count);
    }
    mr_batch_builder_destroy(fill.builder);
    mr_buf_deinit(&fill.batches);
    mr_log_service_close(fill.service);
    return 0;
}
