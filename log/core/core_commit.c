#include <inttypes.h>

#include "log/core/core_state.h"
#include "runtime/base/alloc.h"
#include "runtime/base/assert.h"

#ifdef MR_BROKEN
static bool broken(const mr_log_core *core, mr_log_break kind) {
    return (core->config.breaks & (uint32_t)kind) != 0;
}
#else
static bool broken(const mr_log_core *core, mr_log_break kind) {
    (void)core;
    (void)kind;
    return false;
}
#endif

/* ---- checking: nothing is appended before all of it is right ---- */

static mr_status check_batch(const mr_txn *txn, mr_bytes bytes, int32_t sequence,
                             mr_batch_info *info, mr_err *err) {
    if (mr_batch_check(bytes, info) != MR_OK) {
        return mr_err_set(err, MR_INVALID, "not a whole batch with its checksum");
    }
    if ((info->attributes & MR_ATTRIBUTE_TRANSACTIONAL) == 0 ||
        (info->attributes & MR_ATTRIBUTE_CONTROL) != 0) {
        return mr_err_set(err, MR_INVALID, "not a transactional batch of data");
    }
    if (info->producer_id != txn->producer_id || info->producer_epoch != txn->producer_epoch) {
        return mr_err_set(err, MR_INVALID, "a batch of another transaction");
    }
    if (info->base_sequence != sequence) {
        return mr_err_set(err, MR_INVALID,
                          "a batch with sequence %" PRId32 " where %" PRId32 " is next",
                          info->base_sequence, sequence);
    }
    if (info->records_count != info->last_offset_delta + 1) {
        return mr_err_set(err, MR_INVALID, "a batch with gaps");
    }
    return MR_OK;
}

static mr_status check_part(mr_log_core *core, const mr_txn *txn, const mr_txn_part *part,
                            mr_err *err) {
    mr_partition *partition;
    mr_status status = mr_core_partition(core, part->partition, &partition, err);
    if (status != MR_OK) {
        return status;
    }
    if (partition == core->state->metadata || partition == core->state->transactions) {
        return mr_err_set(err, MR_INVALID, "%s is the log's own", partition->topic->name);
    }
    if (partition->touch == core->touch) {
        return mr_err_set(err, MR_INVALID, "%s-%" PRId32 " stands in the transaction twice",
                          partition->topic->name, partition->number);
    }
    partition->touch = core->touch;
    if (!part->batches || part->batches->len == 0) {
        return mr_err_set(err, MR_INVALID, "a part without batches");
    }
    int32_t sequence = 0;
    for (size_t at = 0; at < part->batches->len;) {
        mr_batch_info info;
        mr_bytes rest = mr_bytes_of(part->batches->data + at, part->batches->len - at);
        status = check_batch(txn, rest, sequence, &info, err);
        if (status != MR_OK) {
            return mr_err_wrap(err, status, "%s-%" PRId32 ", byte %zu", partition->topic->name,
                               partition->number, at);
        }
        sequence += info.records_count;
        at += info.size_bytes;
    }
    return MR_OK;
}

/* At most: the numbers of a part; the frame of a topic without its name; the rest. */
#define DECISION_PART_BYTES 36
#define DECISION_TOPIC_BYTES 32
#define DECISION_FRAME_BYTES 128

/* The decision is one record, and names every part. All parts are checked. */
static mr_status check_decision(const mr_log_core *core, const mr_txn *txn, mr_err *err) {
    size_t bytes = DECISION_FRAME_BYTES + txn->transactional_id.len;
    const mr_topic *last = NULL;
    for (size_t i = 0; i < txn->parts_count; i++) {
        const mr_topic *topic = core->state->partitions[txn->parts[i].partition]->topic;
        bytes += DECISION_PART_BYTES;
        bytes += topic != last ? DECISION_TOPIC_BYTES + strlen(topic->name) : 0;
        last = topic;
    }
    if (bytes > MR_RECORD_BYTES_MAX) {
        return mr_err_set(err, MR_INVALID,
                          "a transaction over %zu partitions: its decision would have more than "
                          "%d bytes",
                          txn->parts_count, MR_RECORD_BYTES_MAX);
    }
    return MR_OK;
}

/* ---- appending ---- */

static void part_durable(void *owner, void *arg);

static void transaction_ready(mr_log_core *core, mr_transaction *transaction) {
    if (core->ready_last) {
        core->ready_last->next = transaction;
    } else {
        core->ready = transaction;
    }
    core->ready_last = transaction;
}

static void append_part(mr_log_core *core, mr_transaction *transaction, mr_txn_part *part,
                        mr_transaction_part *out) {
    mr_partition *partition = core->state->partitions[part->partition];
    mr_batch_info info = {.base_offset = partition->end,
                          .producer_id = transaction->request->txn->producer_id,
                          .producer_epoch = transaction->request->txn->producer_epoch};
    mr_core_append(core, partition, part->batches);
    part->batches = NULL;
    const mr_segment *active = mr_partition_active(partition);
    *out = (mr_transaction_part){.partition = part->partition,
                                 .offset_first = info.base_offset,
                                 .offset_last = partition->end - 1,
                                 .segment_base = active->base_offset,
                                 .end_byte = (int64_t)active->size_bytes};
    info.last_offset_delta = (int32_t)(out->offset_last - out->offset_first);
    mr_partition_txn_data(partition, &info, active->base_offset, active->size_bytes);
    part->offset_first = out->offset_first;
    part->offset_last = out->offset_last;
}

static void append_markers(mr_log_core *core, mr_transaction *transaction);

static void append_transaction(mr_log_core *core, mr_transaction *transaction) {
    mr_txn *txn = transaction->request->txn;
    for (size_t i = 0; i < txn->parts_count; i++) {
        append_part(core, transaction, &txn->parts[i], &transaction->parts[i]);
    }
    if (broken(core, MR_LOG_BREAK_MARKERS_BEFORE_SYNC)) {
        append_markers(core, transaction);
    }
    size_t waited_for = txn->parts_count;
    if (broken(core, MR_LOG_BREAK_SYNC_LEAVES_ONE_OUT)) {
        waited_for--;
    }
    if (broken(core, MR_LOG_BREAK_DECISION_BEFORE_SYNC)) {
        waited_for = 0;
    }
    transaction->parts_pending = waited_for;
    for (size_t i = 0; i < waited_for; i++) {
        mr_partition *partition = core->state->partitions[transaction->parts[i].partition];
        mr_core_wait_durable(core, partition, transaction->parts[i].offset_last + 1, part_durable,
                             transaction);
    }
    if (waited_for == 0) {
        transaction_ready(core, transaction);
    }
}

static mr_transaction *transaction_create(mr_log_core *core, mr_log_request *request,
                                          mr_producer *producer) {
    mr_transaction *transaction = mr_alloc(sizeof(*transaction));
    transaction->core = core;
    transaction->request = request;
    transaction->producer = producer;
    transaction->parts_count = request->txn->parts_count;
    transaction->parts = mr_alloc_array(transaction->parts_count, sizeof(*transaction->parts));
    transaction->all_next = core->transactions;
    if (core->transactions) {
        core->transactions->all_previous = transaction;
    }
    core->transactions = transaction;
    return transaction;
}

static void transaction_destroy(mr_log_core *core, mr_transaction *transaction) {
    if (transaction->all_previous) {
        transaction->all_previous->all_next = transaction->all_next;
    } else {
        core->transactions = transaction->all_next;
    }
    if (transaction->all_next) {
        transaction->all_next->all_previous = transaction->all_previous;
    }
    mr_free(transaction->parts);
    mr_free(transaction);
}

void mr_core_commit(mr_log_core *core, mr_log_request *request) {
    mr_txn *txn = request->txn;
    mr_producer *producer = mr_producer_table_get(&core->producers, txn->transactional_id);
    mr_status status = mr_producer_check(producer, txn, &request->err);
    core->touch++;
    for (size_t i = 0; i < txn->parts_count && status == MR_OK; i++) {
        status = check_part(core, txn, &txn->parts[i], &request->err);
    }
    if (status == MR_OK) {
        status = check_decision(core, txn, &request->err);
    }
    if (status != MR_OK || txn->parts_count == 0) {
        for (size_t i = 0; i < txn->parts_count; i++) {
            mr_shared_unref(txn->parts[i].batches);
            txn->parts[i].batches = NULL;
        }
        if (status == MR_OK) {
            producer->epoch_last = txn->producer_epoch; /* empty: there is nothing to decide */
            mr_producer_remember(producer, txn);
        }
        mr_core_reply(core, request, status == MR_EXISTS ? MR_OK : status);
        return;
    }
    producer->busy = true;
    producer->epoch_last = txn->producer_epoch;
    append_transaction(core, transaction_create(core, request, producer));
}

static void part_durable(void *owner, void *arg) {
    mr_transaction *transaction = arg;
    MR_ASSERT(transaction->parts_pending > 0);
    if (--transaction->parts_pending == 0) {
        transaction_ready(owner, transaction);
    }
}

/* ---- deciding ---- */

static bool add_decision(mr_log_core *core, mr_batch_builder *builder,
                         const mr_transaction *transaction) {
    const mr_txn *txn = transaction->request->txn;
    mr_decision_part *parts = mr_alloc_array(transaction->parts_count, sizeof(*parts));
    for (size_t i = 0; i < transaction->parts_count; i++) {
        const mr_transaction_part *part = &transaction->parts[i];
        const mr_partition *partition = core->state->partitions[part->partition];
        parts[i] = (mr_decision_part){.topic = mr_bytes_text(partition->topic->name),
                                      .partition = partition->number,
                                      .offset_first = part->offset_first,
                                      .offset_last = part->offset_last,
                                      .segment_base = part->segment_base,
                                      .end_byte = part->end_byte};
    }
    mr_buf key = {0};
    mr_buf value = {0};
    mr_decision_encode(&(mr_decision){.transactional_id = txn->transactional_id,
                                      .producer_id = txn->producer_id,
                                      .producer_epoch = txn->producer_epoch,
                                      .outcome = MR_OUTCOME_COMMIT,
                                      .timestamp_ms = core->now.wall_ms,
                                      .parts = parts,
                                      .parts_count = transaction->parts_count},
                       &key, &value);
    mr_status status = mr_batch_builder_add(builder, &(mr_record){.timestamp_ms = core->now.wall_ms,
                                                                  .key = mr_buf_view(&key),
                                                                  .value = mr_buf_view(&value)});
    MR_ASSERT(status == MR_OK || status == MR_AGAIN);
    mr_buf_deinit(&key);
    mr_buf_deinit(&value);
    mr_free(parts);
    return status == MR_OK;
}

static void decided(void *owner, void *arg);

/* All that is ready goes into one batch and one sync; what becomes ready meanwhile into the next.
 */
void mr_core_decide(mr_log_core *core) {
    if (core->deciding || !core->ready) {
        return;
    }
    mr_batch_builder *builder = mr_batch_builder_create();
    mr_transaction **end = &core->deciding;
    while (core->ready && add_decision(core, builder, core->ready)) {
        mr_transaction *transaction = core->ready;
        core->ready = transaction->next;
        transaction->next = NULL;
        *end = transaction;
        end = &transaction->next;
    }
    if (!core->ready) {
        core->ready_last = NULL;
    }
    mr_buf batch = {0};
    mr_batch_builder_finish(
        builder, &(mr_batch_config){.producer_id = -1, .producer_epoch = -1, .base_sequence = -1},
        &batch);
    mr_batch_builder_destroy(builder);
    mr_shared *shared = mr_shared_create(batch.len);
    memcpy(shared->data, batch.data, batch.len);
    shared->len = batch.len;
    mr_buf_deinit(&batch);
    mr_partition *log = core->state->transactions;
    mr_core_append(core, log, shared);
    mr_core_wait_durable(core, log, log->end, decided, NULL);
    mr_core_sync(core, log);
}

/* ---- decided ---- */

static void append_marker(mr_log_core *core, mr_partition *partition, const mr_txn *txn) {
    mr_buf marker = {0};
    mr_marker_build(MR_MARKER_COMMIT, txn->producer_id, txn->producer_epoch, core->now.wall_ms,
                    &marker);
    mr_shared *shared = mr_shared_create(marker.len);
    memcpy(shared->data, marker.data, marker.len);
    shared->len = marker.len;
    mr_buf_deinit(&marker);
    mr_core_append(core, partition, shared);
    bool was_open =
        mr_partition_txn_marker(partition, txn->producer_id, txn->producer_epoch, MR_MARKER_COMMIT);
    MR_ASSERT(was_open);
    mr_partition_settle_stable_end(partition);
    mr_core_wake_fetches(core, partition);
}

static void append_markers(mr_log_core *core, mr_transaction *transaction) {
    if (transaction->marked) {
        return;
    }
    transaction->marked = true;
    for (size_t i = 0; i < transaction->parts_count; i++) {
        append_marker(core, core->state->partitions[transaction->parts[i].partition],
                      transaction->request->txn);
    }
}

/* The decision stays until the markers just written are durable. */
static void keep_decision(mr_log_core *core, const mr_transaction *transaction, int64_t offset) {
    mr_live_decision *live = mr_alloc(sizeof(*live));
    live->offset = offset;
    live->parts_count = transaction->parts_count;
    live->parts = mr_alloc_array(live->parts_count, sizeof(*live->parts));
    for (size_t i = 0; i < live->parts_count; i++) {
        mr_partition_id id = transaction->parts[i].partition;
        live->parts[i] = (mr_live_decision_part){id, core->state->partitions[id]->end - 1};
    }
    mr_log_state_add_decision(core->state, live);
}

static void decided(void *owner, void *arg) {
    mr_log_core *core = owner;
    (void)arg;
    mr_partition *log = core->state->transactions;
    mr_transaction *transaction = core->deciding;
    core->deciding = NULL;
    int64_t offset = log->stable_end; /* of the batch: the ones before are decided as well */
    log->stable_end = log->end;
    mr_core_wake_fetches(core, log);
    while (transaction) {
        mr_transaction *next = transaction->next;
        append_markers(core, transaction);
        keep_decision(core, transaction, offset);
        transaction->producer->busy = false;
        mr_producer_remember(transaction->producer, transaction->request->txn);
        core->counters.transactions_committed++;
        mr_core_reply(core, transaction->request, MR_OK);
        transaction_destroy(core, transaction);
        transaction = next;
    }
    core->retry = true;
}

/* ---- failing ---- */

void mr_core_transactions_fail(mr_log_core *core) {
    for (mr_transaction *deciding = core->deciding; deciding; deciding = deciding->next) {
        deciding->unknown = true; /* whether it is decided, recovery finds out */
    }
    while (core->transactions) {
        mr_transaction *transaction = core->transactions;
        mr_log_request *request = transaction->request;
        request->err = core->failure;
        request->err.status = transaction->unknown ? MR_UNAVAILABLE : core->failure.status;
        mr_core_reply(core, request, request->err.status);
        transaction_destroy(core, transaction);
    }
    core->ready = NULL;
    core->ready_last = NULL;
    core->deciding = NULL;
}
