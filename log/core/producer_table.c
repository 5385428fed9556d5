#include "log/core/producer_table.h"

#include <inttypes.h>

#include "runtime/base/alloc.h"
#include "runtime/base/assert.h"

void mr_producer_table_init(mr_producer_table *table) {
    table->by_id = mr_map_create();
}

static void forget(mr_producer *producer) {
    for (size_t i = 0; i < MR_PRODUCER_BATCHES_MAX; i++) {
        mr_free(producer->remembered[i].parts);
        producer->remembered[i] = (mr_remembered){0};
    }
    producer->remembered_next = 0;
}

void mr_producer_table_deinit(mr_producer_table *table) {
    size_t cursor = 0;
    mr_bytes id;
    void *producer;
    while (mr_map_next(table->by_id, &cursor, &id, &producer)) {
        forget(producer);
        mr_free(producer);
    }
    mr_map_destroy(table->by_id);
}

mr_producer *mr_producer_table_get(mr_producer_table *table, mr_bytes transactional_id) {
    return mr_map_get(table->by_id, transactional_id);
}

mr_producer *mr_producer_table_claim(mr_producer_table *table, mr_bytes transactional_id) {
    mr_producer *producer = mr_map_get(table->by_id, transactional_id);
    if (!producer) {
        producer = mr_alloc(sizeof(*producer));
        producer->producer_id = -1;
        void *old = mr_map_put(table->by_id, transactional_id, producer);
        MR_ASSERT(old == NULL);
    }
    return producer;
}

void mr_producer_renew(mr_producer *producer, int64_t producer_id) {
    MR_ASSERT(!producer->busy);
    forget(producer);
    producer->producer_id = producer_id;
    producer->epoch_last = 0;
}

static mr_status answer_again(const mr_producer *producer, const mr_txn *txn, mr_err *err) {
    for (size_t i = 0; i < MR_PRODUCER_BATCHES_MAX; i++) {
        const mr_remembered *known = &producer->remembered[i];
        if (known->epoch != txn->producer_epoch || known->parts_count != txn->parts_count) {
            continue;
        }
        size_t same = 0;
        while (same < known->parts_count &&
               known->parts[same].partition == txn->parts[same].partition) {
            txn->parts[same].offset_first = known->parts[same].offset_first;
            txn->parts[same].offset_last = known->parts[same].offset_last;
            same++;
        }
        if (same == known->parts_count) {
            return MR_EXISTS;
        }
    }
    return mr_err_set(err, MR_FENCED,
                      "transaction %d of producer %" PRId64 " lies behind its last one, %d",
                      (int)txn->producer_epoch, txn->producer_id, (int)producer->epoch_last);
}

mr_status mr_producer_check(mr_producer *producer, const mr_txn *txn, mr_err *err) {
    if (!producer || producer->producer_id != txn->producer_id) {
        return mr_err_set(err, MR_FENCED,
                          "producer %" PRId64 " of '%.*s' is not its owner (any more)",
                          txn->producer_id, (int)txn->transactional_id.len,
                          (const char *)txn->transactional_id.data);
    }
    if (producer->busy) {
        return mr_err_set(err, MR_AGAIN, "a transaction of producer %" PRId64 " is under way",
                          txn->producer_id);
    }
    if (txn->producer_epoch <= producer->epoch_last) {
        return answer_again(producer, txn, err);
    }
    if (txn->producer_epoch > MR_PRODUCER_EPOCH_MAX) {
        return mr_err_set(err, MR_FENCED,
                          "producer %" PRId64 " has used its epochs up: init the producer again",
                          txn->producer_id);
    }
    if (txn->producer_epoch != producer->epoch_last + 1) {
        return mr_err_set(err, MR_INVALID, "transaction %d of producer %" PRId64 " comes after %d",
                          (int)txn->producer_epoch, txn->producer_id, (int)producer->epoch_last);
    }
    return MR_OK;
}

void mr_producer_remember(mr_producer *producer, const mr_txn *txn) {
    mr_remembered *slot = &producer->remembered[producer->remembered_next];
    producer->remembered_next = (producer->remembered_next + 1) % MR_PRODUCER_BATCHES_MAX;
    mr_free(slot->parts);
    slot->epoch = txn->producer_epoch;
    slot->parts_count = txn->parts_count;
    slot->parts = mr_alloc_array(txn->parts_count, sizeof(*slot->parts));
    for (size_t i = 0; i < txn->parts_count; i++) {
        slot->parts[i] = (mr_remembered_part){txn->parts[i].partition, txn->parts[i].offset_first,
                                              txn->parts[i].offset_last};
    }
}
