#include "runtime/engine/outbox.h"

#include "log/record/batch.h"
#include "log/record/partitioner.h"
#include "runtime/base/alloc.h"
#include "runtime/base/assert.h"

/* One partition's batches: one under construction, the finished ones back to back. */
typedef struct outbox_lane {
    mr_batch_builder *builder; /* NULL until the first record */
    mr_buf finished;
    bool listed; /* stands in outbox->touched */
} outbox_lane;

typedef struct outbox_topic {
    mr_outbox_topic config;
    uint32_t lane_first;
    uint64_t keyless;
} outbox_topic;

struct mr_outbox {
    outbox_topic *topics;
    uint32_t topics_count;
    outbox_lane *lanes;
    uint32_t lanes_count;
    uint32_t *touched; /* lanes with something in them, in the order first written */
    uint32_t touched_count;
    size_t finished_bytes;
    size_t open_bytes;
    uint64_t records;
};

mr_outbox *mr_outbox_create(const mr_outbox_topic *topics, uint32_t topics_count) {
    mr_outbox *outbox = mr_alloc(sizeof *outbox);
    outbox->topics = mr_alloc_array(topics_count + 1, sizeof *outbox->topics);
    outbox->topics_count = topics_count;
    for (uint32_t i = 0; i < topics_count; i++) {
        MR_ASSERT(topics[i].partitions > 0);
        outbox->topics[i].config = topics[i];
        outbox->topics[i].lane_first = outbox->lanes_count;
        outbox->lanes_count += (uint32_t)topics[i].partitions;
    }
    outbox->lanes = mr_alloc_array(outbox->lanes_count + 1, sizeof *outbox->lanes);
    outbox->touched = mr_alloc_array(outbox->lanes_count + 1, sizeof *outbox->touched);
    return outbox;
}

void mr_outbox_destroy(mr_outbox *outbox) {
    if (!outbox) {
        return;
    }
    for (uint32_t i = 0; i < outbox->lanes_count; i++) {
        mr_batch_builder_destroy(outbox->lanes[i].builder);
        mr_buf_deinit(&outbox->lanes[i].finished);
    }
    mr_free(outbox->lanes);
    mr_free(outbox->touched);
    mr_free(outbox->topics);
    mr_free(outbox);
}

static void finish_batch(mr_outbox *outbox, const outbox_topic *topic, outbox_lane *lane) {
    mr_batch_config config = {
        .codec = topic->config.codec,
        .zstd_level = 1,
        .attributes = MR_ATTRIBUTE_TRANSACTIONAL,
        .producer_id = -1,
        .producer_epoch = -1,
        .base_sequence = -1,
        .crc = MR_BATCH_CRC_LATER,
    };
    size_t before = lane->finished.len;
    outbox->open_bytes -= mr_batch_builder_bytes(lane->builder);
    mr_batch_builder_finish(lane->builder, &config, &lane->finished);
    outbox->finished_bytes += lane->finished.len - before;
}

static mr_status lane_add(mr_outbox *outbox, const outbox_topic *topic, uint32_t lane_index,
                          const mr_record *record) {
    outbox_lane *lane = &outbox->lanes[lane_index];
    if (!lane->builder) {
        lane->builder = mr_batch_builder_create();
    }
    size_t before =
        mr_batch_builder_count(lane->builder) ? mr_batch_builder_bytes(lane->builder) : 0;
    mr_status status = mr_batch_builder_add(lane->builder, record);
    if (status == MR_AGAIN) {
        finish_batch(outbox, topic, lane);
        before = 0;
        status = mr_batch_builder_add(lane->builder, record);
        MR_ASSERT(status != MR_AGAIN);
    }
    if (status != MR_OK) {
        return status;
    }
    outbox->open_bytes += mr_batch_builder_bytes(lane->builder) - before;
    outbox->records++;
    if (!lane->listed) {
        lane->listed = true;
        outbox->touched[outbox->touched_count++] = lane_index;
    }
    return MR_OK;
}

int32_t mr_outbox_partition(mr_outbox *outbox, uint32_t topic, mr_bytes key) {
    MR_ASSERT(topic < outbox->topics_count);
    outbox_topic *entry = &outbox->topics[topic];
    return mr_partition_choose(key, entry->config.partitions, &entry->keyless);
}

mr_status mr_outbox_add(mr_outbox *outbox, uint32_t topic, const mr_record *record) {
    uint64_t keyless_before = mr_outbox_keyless(outbox, topic);
    int32_t partition = mr_outbox_partition(outbox, topic, record->key);
    mr_status status = mr_outbox_add_to(outbox, topic, partition, record);
    if (status != MR_OK) {
        outbox->topics[topic].keyless = keyless_before; /* a refused record was not written */
    }
    return status;
}

mr_status mr_outbox_add_to(mr_outbox *outbox, uint32_t topic, int32_t partition,
                           const mr_record *record) {
    MR_ASSERT(topic < outbox->topics_count);
    const outbox_topic *entry = &outbox->topics[topic];
    MR_ASSERT(partition >= 0 && partition < entry->config.partitions);
    return lane_add(outbox, entry, entry->lane_first + (uint32_t)partition, record);
}

bool mr_outbox_starts_batch(mr_outbox *outbox, uint32_t topic, int32_t partition,
                            size_t record_bytes_max) {
    MR_ASSERT(topic < outbox->topics_count);
    const outbox_topic *entry = &outbox->topics[topic];
    MR_ASSERT(partition >= 0 && partition < entry->config.partitions);
    outbox_lane *lane = &outbox->lanes[entry->lane_first + (uint32_t)partition];
    if (!lane->builder || mr_batch_builder_count(lane->builder) == 0) {
        return true;
    }
    if (mr_batch_builder_count(lane->builder) < MR_BATCH_RECORDS_MAX &&
        mr_batch_builder_bytes(lane->builder) + record_bytes_max <= MR_BATCH_BYTES_MAX) {
        return false;
    }
    finish_batch(outbox, entry, lane);
    return true;
}

uint64_t mr_outbox_keyless(const mr_outbox *outbox, uint32_t topic) {
    MR_ASSERT(topic < outbox->topics_count);
    return outbox->topics[topic].keyless;
}

void mr_outbox_set_keyless(mr_outbox *outbox, uint32_t topic, uint64_t counter) {
    MR_ASSERT(topic < outbox->topics_count);
    outbox->topics[topic].keyless = counter;
}

size_t mr_outbox_bytes(const mr_outbox *outbox) {
    return outbox->finished_bytes + outbox->open_bytes;
}

uint64_t mr_outbox_records(const mr_outbox *outbox) {
    return outbox->records;
}

static void forget(mr_outbox *outbox) {
    for (uint32_t i = 0; i < outbox->touched_count; i++) {
        outbox_lane *lane = &outbox->lanes[outbox->touched[i]];
        lane->listed = false;
        mr_buf_clear(&lane->finished);
        mr_batch_builder_reset(lane->builder);
    }
    outbox->touched_count = 0;
    outbox->finished_bytes = 0;
    outbox->open_bytes = 0;
    outbox->records = 0;
}

void mr_outbox_take(mr_outbox *outbox, void (*visit)(void *arg, const mr_outbox_part *part),
                    void *arg) {
    for (uint32_t t = 0; t < outbox->topics_count; t++) {
        const outbox_topic *topic = &outbox->topics[t];
        for (int32_t p = 0; p < topic->config.partitions; p++) {
            outbox_lane *lane = &outbox->lanes[topic->lane_first + (uint32_t)p];
            if (!lane->listed) {
                continue;
            }
            if (mr_batch_builder_count(lane->builder) > 0) {
                finish_batch(outbox, topic, lane);
            }
            mr_outbox_part part = {.partition = topic->config.partition_first + (uint32_t)p,
                                   .batches = &lane->finished};
            visit(arg, &part);
        }
    }
    forget(outbox);
}

void mr_outbox_drop(mr_outbox *outbox) {
    forget(outbox);
}
