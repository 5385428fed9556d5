#include "runtime/engine/commit.h"

#include "log/record/batch.h"
#include "runtime/base/alloc.h"
#include "runtime/base/assert.h"
#include "runtime/base/machine.h"
#include "runtime/base/map.h"

/*   OPEN --submit--> SUBMITTED --decided--> OPEN
 *     |                  \--error--> UNKNOWN
 *     \--no producer, or its epochs are used up--> INITIALISING --answered--> OPEN (submit is
 * called again)
 */
enum { COMMIT_OPEN, COMMIT_INITIALISING, COMMIT_SUBMITTED, COMMIT_UNKNOWN, COMMIT_STATES };
static const mr_machine_rule commit_rules[COMMIT_STATES] = {
    [COMMIT_OPEN] = {"open", 1u << COMMIT_INITIALISING | 1u << COMMIT_SUBMITTED},
    [COMMIT_INITIALISING] = {"initialising", 1u << COMMIT_OPEN | 1u << COMMIT_UNKNOWN},
    [COMMIT_SUBMITTED] = {"submitted", 1u << COMMIT_OPEN | 1u << COMMIT_UNKNOWN},
    [COMMIT_UNKNOWN] = {"unknown", 0},
};

/* What goes to one partition. */
typedef struct commit_part {
    mr_partition_id partition;
    mr_buf batches;            /* finished, without producer and CRC */
    mr_shared *sent;           /* of the last submitted transaction; its memory is used again */
    mr_batch_builder *builder; /* single records (changelog, marks, positions) */
    int64_t offset_last;       /* of the last decided transaction; -1: nothing was written */
    bool used;
} commit_part;

struct mr_commit {
    mr_log_client *client;
    char *transactional_id;
    mr_partition_id positions_partition;
    mr_machine machine;
    commit_part **parts; /* in the order of first use; kept for the next transaction */
    size_t parts_count, parts_cap;
    mr_map *by_partition;
    int64_t producer_id; /* -1: none yet */
    int16_t producer_epoch;
    mr_txn txn;
    size_t txn_parts_cap;
    mr_buf key, value;
};

mr_commit *mr_commit_create(mr_log_client *client, const char *transactional_id,
                            mr_partition_id positions_partition) {
    mr_commit *commit = mr_alloc(sizeof *commit);
    commit->client = client;
    commit->transactional_id = mr_strdup(transactional_id);
    commit->positions_partition = positions_partition;
    commit->by_partition = mr_map_create();
    commit->producer_id = -1;
    mr_machine_init(&commit->machine, "commit", commit_rules, COMMIT_STATES, COMMIT_OPEN);
    return commit;
}

void mr_commit_destroy(mr_commit *commit) {
    if (!commit) {
        return;
    }
    for (size_t i = 0; i < commit->parts_count; i++) {
        mr_buf_deinit(&commit->parts[i]->batches);
        mr_shared_unref(commit->parts[i]->sent);
        mr_batch_builder_destroy(commit->parts[i]->builder);
        mr_free(commit->parts[i]);
    }
    mr_free(commit->parts);
    mr_map_destroy(commit->by_partition);
    mr_free(commit->txn.parts);
    mr_free(commit->transactional_id);
    mr_buf_deinit(&commit->key);
    mr_buf_deinit(&commit->value);
    mr_free(commit);
}

/* The memory of the last transaction, unless the log still holds it. */
static void take_back(commit_part *part) {
    if (!part->sent) {
        return;
    }
    if (part->batches.data) {
        mr_shared_unref(part->sent);
    } else {
        mr_shared_back_to_buf(part->sent, &part->batches);
    }
    part->sent = NULL;
}

void mr_commit_begin(mr_commit *commit) {
    MR_ASSERT(commit->machine.state == COMMIT_OPEN);
    for (size_t i = 0; i < commit->parts_count; i++) {
        commit_part *part = commit->parts[i];
        take_back(part);
        mr_buf_clear(&part->batches);
        if (part->builder) {
            mr_batch_builder_reset(part->builder);
        }
        part->offset_last = -1;
        part->used = false;
    }
}

static commit_part *part_of(mr_commit *commit, mr_partition_id partition) {
    mr_bytes key = mr_bytes_of(&partition, sizeof partition);
    commit_part *part = mr_map_get(commit->by_partition, key);
    if (!part) {
        part = mr_alloc(sizeof *part);
        part->partition = partition;
        part->offset_last = -1;
        mr_map_put(commit->by_partition, key, part);
        if (commit->parts_count == commit->parts_cap) {
            commit->parts_cap = commit->parts_cap ? commit->parts_cap * 2 : 16;
            commit->parts = mr_realloc(commit->parts, commit->parts_cap * sizeof(commit_part *));
        }
        commit->parts[commit->parts_count++] = part;
    }
    part->used = true;
    return part;
}

static void finish_records(commit_part *part) {
    if (!part->builder || mr_batch_builder_count(part->builder) == 0) {
        return;
    }
    mr_batch_config config = {.codec = MR_CODEC_NONE,
                              .attributes = MR_ATTRIBUTE_TRANSACTIONAL,
                              .producer_id = -1,
                              .producer_epoch = -1,
                              .base_sequence = -1,
                              .crc = MR_BATCH_CRC_LATER};
    mr_batch_builder_finish(part->builder, &config, &part->batches);
}

static void add_batches(void *arg, const mr_outbox_part *added) {
    mr_commit *commit = arg;
    commit_part *part = part_of(commit, added->partition);
    finish_records(part);
    if (part->batches.len == 0) {
        mr_buf swapped = part->batches;
        part->batches = *added->batches;
        *added->batches = swapped;
        return;
    }
    mr_buf_put_bytes(&part->batches, mr_buf_view(added->batches));
}

void mr_commit_add_outbox(mr_commit *commit, mr_outbox *outbox) {
    MR_ASSERT(commit->machine.state == COMMIT_OPEN);
    mr_outbox_take(outbox, add_batches, commit);
}

void mr_commit_add_record(mr_commit *commit, mr_partition_id partition, const mr_record *record) {
    MR_ASSERT(commit->machine.state == COMMIT_OPEN);
    commit_part *part = part_of(commit, partition);
    if (!part->builder) {
        part->builder = mr_batch_builder_create();
    }
    mr_status status = mr_batch_builder_add(part->builder, record);
    if (status == MR_AGAIN) {
        finish_records(part);
        status = mr_batch_builder_add(part->builder, record);
    }
    /* Our own records: rows are bounded where they are made, so none is too large. */
    MR_ASSERT(status == MR_OK);
}

void mr_commit_add_position(mr_commit *commit, const mr_position *position) {
    mr_buf_clear(&commit->key);
    mr_buf_clear(&commit->value);
    mr_position_encode(position, &commit->key, &commit->value);
    mr_record record = {.timestamp_ms = position->timestamp_ms,
                        .key = mr_buf_view(&commit->key),
                        .value = mr_buf_view(&commit->value)};
    mr_commit_add_record(commit, commit->positions_partition, &record);
}

bool mr_commit_empty(const mr_commit *commit) {
    for (size_t i = 0; i < commit->parts_count; i++) {
        if (commit->parts[i]->used) {
            return false;
        }
    }
    return true;
}

static mr_status init_producer(mr_commit *commit) {
    mr_log_request *request = mr_log_client_request(commit->client, MR_LOG_INIT_PRODUCER);
    request->context = commit;
    request->transactional_id = mr_bytes_text(commit->transactional_id);
    mr_status status = mr_log_client_submit(commit->client, request);
    if (status != MR_OK) {
        mr_log_client_recycle(commit->client, request);
        return MR_AGAIN;
    }
    mr_machine_move(&commit->machine, COMMIT_INITIALISING);
    return MR_AGAIN;
}

/* Gives every batch of the part the transaction's producer and dense sequences from 0. */
static mr_shared *stamp(mr_commit *commit, commit_part *part, int16_t epoch) {
    finish_records(part);
    MR_ASSERT(part->batches.len > 0);
    mr_buf *batches = &part->batches;
    int32_t sequence = 0;
    for (size_t at = 0; at < batches->len;) {
        mr_batch_info info;
        mr_status status = mr_batch_peek(mr_bytes_of(batches->data + at, batches->len - at), &info);
        MR_ASSERT(status == MR_OK);
        mr_batch_set_producer(batches->data + at, info.size_bytes, commit->producer_id, epoch,
                              sequence);
        sequence += info.records_count;
        at += info.size_bytes;
    }
    part->sent = mr_shared_of_buf(batches);
    return mr_shared_ref(part->sent);
}

static void fill_txn(mr_commit *commit) {
    mr_txn *txn = &commit->txn;
    if (commit->txn_parts_cap < commit->parts_count) {
        commit->txn_parts_cap = commit->parts_cap;
        txn->parts = mr_realloc(txn->parts, commit->txn_parts_cap * sizeof *txn->parts);
    }
    txn->producer_id = commit->producer_id;
    txn->producer_epoch = (int16_t)(commit->producer_epoch + 1);
    txn->transactional_id = mr_bytes_text(commit->transactional_id);
    txn->parts_count = 0;
    for (size_t i = 0; i < commit->parts_count; i++) {
        commit_part *part = commit->parts[i];
        if (!part->used) {
            continue;
        }
        txn->parts[txn->parts_count++] =
            (mr_txn_part){.partition = part->partition,
                          .batches = stamp(commit, part, txn->producer_epoch),
                          .offset_first = -1,
                          .offset_last = -1};
    }
}

mr_status mr_commit_submit(mr_commit *commit) {
    if (commit->machine.state == COMMIT_INITIALISING) {
        return MR_AGAIN;
    }
    MR_ASSERT(commit->machine.state == COMMIT_OPEN);
    MR_ASSERT(!mr_commit_empty(commit));
    if (commit->producer_id < 0 || commit->producer_epoch >= MR_PRODUCER_EPOCH_MAX) {
        return init_producer(commit);
    }
    mr_log_request *request = mr_log_client_request(commit->client, MR_LOG_COMMIT);
    fill_txn(commit);
    request->context = commit;
    request->txn = &commit->txn;
    mr_status status = mr_log_client_submit(commit->client, request);
    if (status != MR_OK) {
        for (size_t i = 0; i < commit->txn.parts_count; i++) {
            mr_shared_unref(commit->txn.parts[i].batches);
        }
        for (size_t i = 0; i < commit->parts_count; i++) {
            take_back(commit->parts[i]); /* to be stamped again */
        }
        request->txn = NULL;
        mr_log_client_recycle(commit->client, request);
        return MR_AGAIN;
    }
    mr_machine_move(&commit->machine, COMMIT_SUBMITTED);
    return MR_OK;
}

static void note_offsets(mr_commit *commit) {
    for (size_t i = 0; i < commit->txn.parts_count; i++) {
        const mr_txn_part *answered = &commit->txn.parts[i];
        part_of(commit, answered->partition)->offset_last = answered->offset_last;
    }
}

mr_status mr_commit_answer(mr_commit *commit, mr_log_request *request, bool *mine, bool *decided,
                           mr_err *err) {
    *mine = request->context == commit;
    *decided = false;
    if (!*mine) {
        return MR_OK;
    }
    mr_status status = request->status;
    if (status != MR_OK) {
        mr_err_set(err, status, "commit of %s: %s", commit->transactional_id, request->err.message);
        mr_machine_move(&commit->machine, COMMIT_UNKNOWN);
    } else if (request->op == MR_LOG_INIT_PRODUCER) {
        commit->producer_id = request->producer_id;
        commit->producer_epoch = request->producer_epoch;
        mr_machine_move(&commit->machine, COMMIT_OPEN);
    } else {
        MR_ASSERT(request->op == MR_LOG_COMMIT);
        commit->producer_epoch = commit->txn.producer_epoch;
        note_offsets(commit);
        *decided = true;
        mr_machine_move(&commit->machine, COMMIT_OPEN);
    }
    mr_log_client_recycle(commit->client, request);
    return status;
}

int64_t mr_commit_last_offset(const mr_commit *commit, mr_partition_id partition) {
    commit_part *part = mr_map_get(commit->by_partition, mr_bytes_of(&partition, sizeof partition));
    return part && part->used ? part->offset_last : -1;
}
