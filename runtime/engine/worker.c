#include "runtime/engine/worker.h"

#include "runtime/base/alloc.h"
#include "runtime/base/assert.h"
#include "runtime/base/limits.h"
#include "runtime/base/machine.h"

/*   RUNNING --error, unknown outcome--> FAILED
 * and beside it the transaction:
 *   FILLING --due--> SEALING(submit refused: try again) --> COMMITTING --decided--> FILLING
 */
enum { WORKER_RUNNING, WORKER_FAILED, WORKER_STATES };
static const mr_machine_rule worker_rules[WORKER_STATES] = {
    [WORKER_RUNNING] = {"running", 1u << WORKER_FAILED},
    [WORKER_FAILED] = {"failed", 0},
};
enum { TXN_FILLING, TXN_SEALING, TXN_COMMITTING, TXN_STATES };
static const mr_machine_rule txn_rules[TXN_STATES] = {
    [TXN_FILLING] = {"filling", 1u << TXN_SEALING | 1u << TXN_FILLING},
    [TXN_SEALING] = {"sealing", 1u << TXN_COMMITTING},
    [TXN_COMMITTING] = {"committing", 1u << TXN_FILLING},
};

struct mr_worker {
    mr_worker_config config;
    mr_machine machine;
    mr_machine txn;
    mr_commit *commit;
    mr_member **members; /* sorted by rank: the most downstream first */
    size_t *turns; /* at the first member of each rank: whose turn it is, counted from there */
    size_t members_count;
    mr_failure failure;
    int64_t dirty_since_ns; /* -1: nothing uncommitted when last looked */
    int64_t progress_ns;    /* of the last progress */
    uint64_t progress;
};

mr_worker *mr_worker_create(const mr_worker_config *config) {
    mr_worker *worker = mr_alloc(sizeof *worker);
    worker->config = *config;
    if (worker->config.txn_bytes_max == 0) {
        worker->config.txn_bytes_max = MR_TXN_BYTES_MAX;
    }
    mr_machine_init(&worker->machine, "worker", worker_rules, WORKER_STATES, WORKER_RUNNING);
    mr_machine_init(&worker->txn, "transaction", txn_rules, TXN_STATES, TXN_FILLING);
    worker->commit =
        mr_commit_create(config->client, config->transactional_id, config->positions_partition);
    worker->dirty_since_ns = -1;
    return worker;
}

void mr_worker_destroy(mr_worker *worker) {
    if (!worker) {
        return;
    }
    for (size_t i = 0; i < worker->members_count; i++) {
        worker->members[i]->ops->destroy(worker->members[i]);
    }
    mr_free(worker->members);
    mr_free(worker->turns);
    mr_commit_destroy(worker->commit);
    mr_log_client_destroy(worker->config.client);
    mr_mailbox_destroy(worker->config.works);
    mr_free(worker);
}

void mr_worker_add(mr_worker *worker, mr_member *member) {
    worker->members =
        mr_realloc(worker->members, (worker->members_count + 1) * sizeof(mr_member *));
    worker->turns = mr_realloc(worker->turns, (worker->members_count + 1) * sizeof(size_t));
    worker->turns[worker->members_count] = 0;
    size_t at = worker->members_count++;
    uint32_t rank = member->ops->rank(member);
    while (at > 0 && worker->members[at - 1]->ops->rank(worker->members[at - 1]) > rank) {
        worker->members[at] = worker->members[at - 1];
        at--;
    }
    worker->members[at] = member;
}

/* Memory is worthless from here on: only recovery knows what was decided. */
static mr_status fail(mr_worker *worker, const mr_failure *failure) {
    MR_ASSERT(failure->status != MR_OK);
    worker->failure = *failure;
    mr_machine_move(&worker->machine, WORKER_FAILED);
    return failure->status;
}

static void note_progress(mr_worker *worker, mr_now now) {
    worker->progress++;
    worker->progress_ns = now.mono_ns;
}

static mr_status apply_decided(mr_worker *worker, mr_now now) {
    for (size_t i = 0; i < worker->members_count; i++) {
        worker->members[i]->ops->decided(worker->members[i], worker->commit, now);
    }
    atomic_fetch_add(&worker->config.board->commits, 1);
    return MR_OK;
}

static mr_status take_reply(mr_worker *worker, mr_log_request *request, mr_now now) {
    mr_failure failure = {0};
    mr_err err = {0};
    bool mine = false, decided = false;
    mr_status status = mr_commit_answer(worker->commit, request, &mine, &decided, &err);
    if (status != MR_OK) {
        mr_failure_set(&failure, status, "%s", err.message);
        return fail(worker, &failure);
    }
    if (decided) {
        mr_machine_move(&worker->txn, TXN_FILLING);
        return apply_decided(worker, now);
    }
    if (mine) {
        return MR_OK;
    }
    mr_member *member = request->context;
    status = member->ops->on_reply(member, request, now, &failure);
    return status == MR_OK ? MR_OK : fail(worker, &failure);
}

static mr_status drain_events(mr_worker *worker, mr_now now) {
    mr_log_request *request;
    while ((request = mr_log_client_poll(worker->config.client)) != NULL) {
        note_progress(worker, now);
        mr_status status = take_reply(worker, request, now);
        if (status != MR_OK) {
            return status;
        }
    }
    mr_mail *mail;
    while ((mail = mr_mailbox_pop(worker->config.works)) != NULL) {
        note_progress(worker, now);
        mr_member_work *work = (mr_member_work *)mail;
        mr_failure failure = {0};
        mr_status status = work->member->ops->on_work(work->member, work, now, &failure);
        if (status != MR_OK) {
            return fail(worker, &failure);
        }
    }
    return MR_OK;
}

static size_t end_of_rank(const mr_worker *worker, size_t first) {
    uint32_t rank = worker->members[first]->ops->rank(worker->members[first]);
    size_t end = first + 1;
    while (end < worker->members_count &&
           worker->members[end]->ops->rank(worker->members[end]) == rank) {
        end++;
    }
    return end;
}

/* Members of one rank take turns, so that none of them waits until another one has worked off all
 * there is. */
static mr_status step_rank(mr_worker *worker, size_t first, size_t end, mr_now now,
                           bool *progressed) {
    size_t count = end - first;
    for (size_t n = 0; n < count && !*progressed; n++) {
        mr_member *member = worker->members[first + worker->turns[first]];
        worker->turns[first] = (worker->turns[first] + 1) % count;
        mr_failure failure = {0};
        mr_member_activity activity = MR_MEMBER_IDLE;
        mr_status status = member->ops->step(member, now, &activity, &failure);
        if (status != MR_OK) {
            return fail(worker, &failure);
        }
        *progressed = activity == MR_MEMBER_PROGRESS;
    }
    return MR_OK;
}

/* The most downstream member that has something to do runs; then the loop looks again. */
static mr_status step_members(mr_worker *worker, mr_now now, bool *progressed) {
    *progressed = false;
    for (size_t first = 0, end; first < worker->members_count && !*progressed; first = end) {
        end = end_of_rank(worker, first);
        mr_status status = step_rank(worker, first, end, now, progressed);
        if (status != MR_OK) {
            return status;
        }
    }
    if (*progressed) {
        note_progress(worker, now);
    }
    return MR_OK;
}

static bool any_dirty(const mr_worker *worker) {
    for (size_t i = 0; i < worker->members_count; i++) {
        if (worker->members[i]->ops->dirty(worker->members[i])) {
            return true;
        }
    }
    return false;
}

static bool ready_to_seal(const mr_worker *worker) {
    for (size_t i = 0; i < worker->members_count; i++) {
        if (!worker->members[i]->ops->ready_to_seal(worker->members[i])) {
            return false;
        }
    }
    return true;
}

static size_t uncommitted_bytes(const mr_worker *worker) {
    size_t bytes = 0;
    for (size_t i = 0; i < worker->members_count; i++) {
        bytes += worker->members[i]->ops->uncommitted_bytes(worker->members[i]);
    }
    return bytes;
}

static bool commit_due(const mr_worker *worker, mr_now now, size_t bytes, bool progressed) {
    if (bytes >= worker->config.txn_bytes_max ||
        atomic_load(&worker->config.board->phase) == MR_RUN_STOPPING) {
        return true;
    }
    if (now.mono_ns - worker->dirty_since_ns >= worker->config.commit_interval_ms * 1000000) {
        return true;
    }
    return !progressed &&
           now.mono_ns - worker->progress_ns >= worker->config.dry_commit_ms * 1000000;
}

static void submit(mr_worker *worker, mr_now now) {
    MR_ASSERT(worker->txn.state == TXN_SEALING);
    if (mr_commit_submit(worker->commit) == MR_OK) {
        mr_machine_move(&worker->txn, TXN_COMMITTING);
        note_progress(worker, now);
    }
}

static mr_status seal(mr_worker *worker, mr_now now) {
    mr_commit_begin(worker->commit);
    for (size_t i = 0; i < worker->members_count; i++) {
        worker->members[i]->ops->seal(worker->members[i], worker->commit, now);
    }
    worker->dirty_since_ns = -1;
    if (mr_commit_empty(worker->commit)) {
        return apply_decided(worker, now); /* nothing that the log must know */
    }
    mr_machine_move(&worker->txn, TXN_SEALING);
    submit(worker, now);
    return MR_OK;
}

static mr_status step_transaction(mr_worker *worker, mr_now now, size_t bytes, bool progressed) {
    if (worker->txn.state == TXN_SEALING) {
        submit(worker, now);
        return MR_OK;
    }
    if (!any_dirty(worker)) {
        worker->dirty_since_ns = -1;
        return MR_OK;
    }
    if (worker->dirty_since_ns < 0) {
        worker->dirty_since_ns = now.mono_ns;
    }
    if (worker->txn.state == TXN_FILLING && commit_due(worker, now, bytes, progressed) &&
        ready_to_seal(worker)) {
        return seal(worker, now);
    }
    return MR_OK;
}

static int64_t next_deadline(const mr_worker *worker, mr_now now, size_t bytes, bool progressed) {
    if (progressed) {
        return now.mono_ns;
    }
    int64_t deadline = INT64_MAX;
    bool full = bytes >= worker->config.txn_bytes_max; /* then no member is asked to do anything */
    for (size_t i = 0; i < worker->members_count && !full; i++) {
        int64_t wanted = worker->members[i]->ops->deadline_ns(worker->members[i]);
        deadline = wanted < deadline ? wanted : deadline;
    }
    if (worker->dirty_since_ns >= 0 && worker->txn.state == TXN_FILLING) {
        int64_t dry = worker->progress_ns + worker->config.dry_commit_ms * 1000000;
        int64_t interval = worker->dirty_since_ns + worker->config.commit_interval_ms * 1000000;
        deadline = dry < deadline ? dry : deadline;
        deadline = interval < deadline ? interval : deadline;
        /* Due, but a member is not ready to be sealed: its own event comes first. */
        deadline = deadline <= now.mono_ns ? now.mono_ns + 1000000 : deadline;
    }
    return deadline;
}

mr_status mr_worker_step(mr_worker *worker, mr_now now, int64_t *deadline_ns) {
    *deadline_ns = INT64_MAX;
    if (worker->machine.state == WORKER_FAILED) {
        return worker->failure.status;
    }
    mr_status status = drain_events(worker, now);
    if (status != MR_OK) {
        return status;
    }
    bool progressed = false;
    size_t bytes = uncommitted_bytes(worker);
    if (bytes < worker->config.txn_bytes_max) {
        status = step_members(worker, now, &progressed);
        bytes = uncommitted_bytes(worker);
    }
    if (status == MR_OK) {
        status = step_transaction(worker, now, bytes, progressed);
    }
    *deadline_ns = status == MR_OK ? next_deadline(worker, now, bytes, progressed) : INT64_MAX;
    return status;
}

const mr_failure *mr_worker_failure(const mr_worker *worker) {
    return worker->machine.state == WORKER_FAILED ? &worker->failure : NULL;
}

bool mr_worker_quiet(const mr_worker *worker) {
    if (worker->txn.state != TXN_FILLING) {
        return false;
    }
    for (size_t i = 0; i < worker->members_count; i++) {
        const mr_member *member = worker->members[i];
        if (member->ops->dirty(member) || !member->ops->quiet(member)) {
            return false;
        }
    }
    return true;
}

bool mr_worker_stopped(const mr_worker *worker) {
    if (worker->machine.state == WORKER_FAILED) {
        return true;
    }
    if (worker->txn.state != TXN_FILLING) {
        return false;
    }
    for (size_t i = 0; i < worker->members_count; i++) {
        const mr_member *member = worker->members[i];
        if (member->ops->dirty(member) || !member->ops->stopped(member)) {
            return false;
        }
    }
    return true;
}

bool mr_worker_drained(const mr_worker *worker) {
    return mr_log_client_outstanding(worker->config.client) == 0;
}

uint64_t mr_worker_progress(const mr_worker *worker) {
    return worker->progress;
}

size_t mr_worker_members(const mr_worker *worker) {
    return worker->members_count;
}

mr_member *mr_worker_member(const mr_worker *worker, size_t index) {
    MR_ASSERT(index < worker->members_count);
    return worker->members[index];
}
