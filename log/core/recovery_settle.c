#include <inttypes.h>

#include "log/core/recovery_steps.h"
#include "runtime/base/alloc.h"
#include "runtime/base/assert.h"

/* ---- decisions found ---- */

static void push_decision(mr_recovery *recovery, const mr_decision *decision, int64_t offset) {
    if (recovery->decisions_count == recovery->decisions_cap) {
        recovery->decisions_cap = recovery->decisions_cap ? recovery->decisions_cap * 2 : 16;
        recovery->decisions =
            mr_realloc(recovery->decisions, recovery->decisions_cap * sizeof(*recovery->decisions));
    }
    recovery->decisions[recovery->decisions_count++] = (mr_found_decision){offset, *decision};
}

mr_status mr_recovery_take_decisions(mr_recovery *recovery, mr_bytes batch,
                                     const mr_batch_info *info, mr_err *err) {
    if (info->attributes & (MR_ATTRIBUTE_TRANSACTIONAL | MR_ATTRIBUTE_CONTROL)) {
        return mr_err_set(err, MR_CORRUPT,
                          "a decision at offset %" PRId64 " that belongs to a transaction",
                          info->base_offset);
    }
    mr_status status = mr_batch_reader_open(recovery->reader, batch, info);
    mr_record record;
    while (status == MR_OK) {
        status = mr_batch_reader_next(recovery->reader, &record);
        if (status != MR_OK) {
            break;
        }
        mr_decision decision;
        /* The decoded texts borrow from the record, which the next batch replaces. */
        mr_bytes key = mr_arena_copy(recovery->arena, record.key);
        mr_bytes value = mr_arena_copy(recovery->arena, record.value);
        status = mr_decision_decode(key, value, recovery->arena, &decision);
        if (status == MR_OK) {
            push_decision(recovery, &decision, info->base_offset);
        }
    }
    if (status == MR_NOT_FOUND) {
        return MR_OK;
    }
    return mr_err_set(err, status, "a decision at offset %" PRId64 " does not decode",
                      info->base_offset);
}

static const mr_found_decision *decision_of(const mr_recovery *recovery, int64_t producer_id,
                                            int16_t producer_epoch) {
    for (size_t i = recovery->decisions_count; i > 0; i--) {
        const mr_decision *decision = &recovery->decisions[i - 1].decision;
        if (decision->producer_id == producer_id && decision->producer_epoch == producer_epoch) {
            return &recovery->decisions[i - 1];
        }
    }
    return NULL;
}

/* ---- what nobody decided is aborted ---- */

/* All open parts of one transaction, as an ABORT decision. */
static mr_decision collect_abort(const mr_recovery *recovery, int64_t producer_id,
                                 int16_t producer_epoch) {
    const mr_log_state *state = recovery->state;
    mr_decision_part *parts =
        mr_arena_zalloc(recovery->arena, state->partitions_count * sizeof(*parts));
    size_t count = 0;
    for (size_t i = 0; i < state->partitions_count; i++) {
        const mr_partition *partition = state->partitions[i];
        if (!partition || partition->offline) {
            continue;
        }
        for (size_t j = 0; j < partition->open_count; j++) {
            const mr_open_txn *txn = &partition->open[j];
            if (txn->producer_id != producer_id || txn->producer_epoch != producer_epoch) {
                continue;
            }
            parts[count++] = (mr_decision_part){.topic = mr_bytes_text(partition->topic->name),
                                                .partition = partition->number,
                                                .offset_first = txn->offset_first,
                                                .offset_last = txn->offset_last,
                                                .segment_base = txn->segment_base,
                                                .end_byte = txn->end_byte};
        }
    }
    return (mr_decision){.transactional_id = mr_bytes_text(""),
                         .producer_id = producer_id,
                         .producer_epoch = producer_epoch,
                         .outcome = MR_OUTCOME_ABORT,
                         .timestamp_ms = recovery->now.wall_ms,
                         .parts = parts,
                         .parts_count = count};
}

static void finish_batch(mr_batch_builder *builder, mr_buf *out) {
    if (mr_batch_builder_count(builder) > 0) {
        mr_batch_builder_finish(
            builder,
            &(mr_batch_config){.producer_id = -1, .producer_epoch = -1, .base_sequence = -1}, out);
    }
}

static void add_decision(mr_batch_builder *builder, const mr_decision *decision, mr_buf *out) {
    mr_buf key = {0};
    mr_buf value = {0};
    mr_decision_encode(decision, &key, &value);
    mr_record record = {.timestamp_ms = decision->timestamp_ms,
                        .key = mr_buf_view(&key),
                        .value = mr_buf_view(&value)};
    mr_status status = mr_batch_builder_add(builder, &record);
    if (status == MR_AGAIN) {
        finish_batch(builder, out);
        status = mr_batch_builder_add(builder, &record);
    }
    MR_ASSERT(status == MR_OK);
    mr_buf_deinit(&key);
    mr_buf_deinit(&value);
}

static mr_status write_aborts(mr_recovery *recovery, mr_err *err) {
    mr_log_state *state = recovery->state;
    int64_t offset =
        state->transactions->end; /* at or below the batches: they are dropped as one */
    mr_batch_builder *builder = mr_batch_builder_create();
    mr_buf batches = {0};
    for (size_t i = 0; i < state->partitions_count; i++) {
        const mr_partition *partition = state->partitions[i];
        for (size_t j = 0; partition && !partition->offline && j < partition->open_count; j++) {
            const mr_open_txn *txn = &partition->open[j];
            if (decision_of(recovery, txn->producer_id, txn->producer_epoch)) {
                continue;
            }
            mr_decision abort = collect_abort(recovery, txn->producer_id, txn->producer_epoch);
            add_decision(builder, &abort, &batches);
            push_decision(recovery, &abort, offset);
            recovery->report->transactions_aborted++;
        }
    }
    finish_batch(builder, &batches);
    mr_batch_builder_destroy(builder);
    mr_status status = MR_OK;
    if (batches.len > 0) {
        status = mr_recovery_append(recovery, state->transactions, &batches, err);
    }
    mr_buf_deinit(&batches);
    return status;
}

/* ---- markers ---- */

static bool is_open(const mr_partition *partition, const mr_decision *decision) {
    for (size_t i = 0; i < partition->open_count; i++) {
        if (partition->open[i].producer_id == decision->producer_id &&
            partition->open[i].producer_epoch == decision->producer_epoch) {
            return true;
        }
    }
    return false;
}

static mr_marker marker_of(const mr_decision *decision) {
    return decision->outcome == MR_OUTCOME_COMMIT ? MR_MARKER_COMMIT : MR_MARKER_ABORT;
}

/* Closes what is decided in the order of the decisions, as the core did or would have done. */
static void close_decided(mr_recovery *recovery, mr_partition *partition, bool *finished,
                          mr_buf *markers) {
    for (size_t i = 0; i < recovery->decisions_count; i++) {
        const mr_decision *decision = &recovery->decisions[i].decision;
        if (!is_open(partition, decision)) {
            continue;
        }
        mr_marker_build(marker_of(decision), decision->producer_id, decision->producer_epoch,
                        recovery->now.wall_ms, markers);
        (void)mr_partition_txn_marker(partition, decision->producer_id, decision->producer_epoch,
                                      marker_of(decision));
        finished[i] = finished[i] || decision->outcome == MR_OUTCOME_COMMIT;
    }
}

static mr_status settle_partition(mr_recovery *recovery, mr_partition *partition, bool *finished,
                                  mr_err *err) {
    mr_buf markers = {0};
    close_decided(recovery, partition, finished, &markers);
    mr_status status = MR_OK;
    if (markers.len > 0 && recovery->mode == MR_RECOVERY_REPAIR) {
        status = mr_recovery_append(recovery, partition, &markers, err);
    }
    mr_buf_deinit(&markers);
    if (status == MR_OK) {
        mr_partition_settle_stable_end(partition);
    }
    return status;
}

/* What recovery may still need next time: a part in an offline partition has no marker yet. */
static void keep_decision(mr_recovery *recovery, const mr_found_decision *found) {
    const mr_decision *decision = &found->decision;
    mr_live_decision *live = mr_alloc(sizeof(*live));
    live->offset = found->offset;
    live->parts = mr_alloc_array(decision->parts_count, sizeof(*live->parts));
    for (size_t i = 0; i < decision->parts_count; i++) {
        const mr_partition *partition = mr_log_state_partition_named(
            recovery->state, decision->parts[i].topic, decision->parts[i].partition);
        if (partition && partition->offline) {
            live->parts[live->parts_count++] = (mr_live_decision_part){partition->id, INT64_MAX};
        }
    }
    mr_log_state_add_decision(recovery->state, live);
}

mr_status mr_recovery_settle(mr_recovery *recovery, mr_err *err) {
    mr_log_state *state = recovery->state;
    mr_status status = MR_OK;
    if (recovery->mode == MR_RECOVERY_REPAIR) {
        status = write_aborts(recovery, err);
    }
    bool *finished = mr_alloc_array(recovery->decisions_count, sizeof(bool));
    for (size_t i = 0; i < state->partitions_count && status == MR_OK; i++) {
        if (state->partitions[i] && !state->partitions[i]->offline) {
            status = settle_partition(recovery, state->partitions[i], finished, err);
        }
    }
    for (size_t i = 0; i < recovery->decisions_count && status == MR_OK; i++) {
        recovery->report->transactions_finished += finished[i];
        keep_decision(recovery, &recovery->decisions[i]);
    }
    mr_free(finished);
    return status;
}
