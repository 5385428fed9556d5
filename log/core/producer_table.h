/* log/core/producer_table.h - who may commit: one producer id for each transactional id, and the
 * last transactions of each, so that a repeated COMMIT is answered and not appended twice. Thread:
 * owner only.
 *
 * Invariants
 *  1. (producer id, epoch) names one transaction for ever: ids are never given twice, epochs ascend
 * by one.
 *  2. A transactional id has one producer id; the former one is fenced from the moment it is
 * replaced.
 *  3. A producer has at most one transaction under way.
 *  4. MR_PRODUCER_BATCHES_MAX transactions of a producer are remembered with the offsets they got.
 * (Kafka remembers as many batches for each partition; a transaction is appended whole or not at
 * all here, so that it is the unit.)
 */
#pragma once

#include "log/core/log_core.h"
#include "runtime/base/map.h"

typedef struct mr_remembered_part {
    mr_partition_id partition;
    int64_t offset_first;
    int64_t offset_last;
} mr_remembered_part;

typedef struct mr_remembered {
    int16_t epoch;
    mr_remembered_part *parts;
    size_t parts_count;
} mr_remembered;

typedef struct mr_producer {
    int64_t producer_id; /* -1: fenced, a new one is on its way */
    int16_t epoch_last;  /* of its last transaction, 0: none yet */
    bool busy;           /* that one is under way */
    mr_remembered remembered[MR_PRODUCER_BATCHES_MAX];
    size_t remembered_next;
} mr_producer;

typedef struct mr_producer_table {
    mr_map *by_id; /* transactional id -> mr_producer */
} mr_producer_table;

void mr_producer_table_init(mr_producer_table *table);
void mr_producer_table_deinit(mr_producer_table *table);
mr_producer *mr_producer_table_get(mr_producer_table *table, mr_bytes transactional_id); /* NULL */
/* The one there, or a new one without producer id. */
mr_producer *mr_producer_table_claim(mr_producer_table *table, mr_bytes transactional_id);
/* Gives it a producer id and forgets the transactions of the former one. */
void mr_producer_renew(mr_producer *producer, int64_t producer_id);
/* MR_OK: the next transaction. MR_EXISTS: decided before, the parts have the offsets it got then.
 * MR_FENCED, MR_INVALID, MR_AGAIN: refused. */
mr_status mr_producer_check(mr_producer *producer, const mr_txn *txn, mr_err *err) MR_CHECKED;
/* The transaction was decided with these offsets. */
void mr_producer_remember(mr_producer *producer, const mr_txn *txn);
