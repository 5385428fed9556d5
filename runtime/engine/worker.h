/* runtime/engine/worker.h - members, one transaction at a time, back-pressure.
 *
 * Invariants
 *  1. At most one transaction is sealed; the next one is being filled meanwhile.
 *  2. A commit begins at the interval, when MR_TXN_BYTES_MAX is reached, or 5 ms after the inputs
 * ran dry; when one is sealed and the next is full, no member steps (back-pressure).
 *  3. After an error or an unknown outcome nothing is applied and nothing more is sent: the worker
 * is FAILED, its memory is worthless, the way on is recovery.
 *  4. No step waits. The most downstream member that has something to do runs, those of one rank in
 * turn.
 * Thread: the worker's own, except mailboxes.
 */
#pragma once

#include "runtime/engine/member.h"

typedef struct mr_worker mr_worker;

typedef struct mr_worker_config {
    const char *transactional_id; /* "<job>-<number>" */
    mr_log_client *client;        /* taken over; destroyed with the worker */
    mr_mailbox *works;            /* done-mailbox of all works of its members; taken over */
    mr_partition_id positions_partition;
    mr_board *board;
    int64_t commit_interval_ms; /* 100 */
    int64_t dry_commit_ms;      /* 5 */
    size_t txn_bytes_max;       /* 0: MR_TXN_BYTES_MAX */
} mr_worker_config;

mr_worker *mr_worker_create(const mr_worker_config *config);
void mr_worker_destroy(mr_worker *worker); /* nothing outstanding, or the world is being dropped */
void mr_worker_add(mr_worker *worker, mr_member *member); /* taken; before the first step */
/* One bounded step. *deadline_ns: when to call again if no wake comes; now when there is more to
 * do. A failure is in mr_worker_failure(). */
mr_status mr_worker_step(mr_worker *worker, mr_now now, int64_t *deadline_ns) MR_CHECKED;
const mr_failure *mr_worker_failure(const mr_worker *worker); /* NULL: none */
bool mr_worker_quiet(
    const mr_worker *worker); /* Thread: owner; mirrored on an atomic by the loop */
bool mr_worker_stopped(
    const mr_worker *worker); /* STOPPING obeyed: committed; only parked fetches are outstanding */
bool mr_worker_drained(
    const mr_worker *worker); /* no request and no work is outstanding: may be destroyed */
uint64_t mr_worker_progress(const mr_worker *worker); /* grows with everything done */
size_t mr_worker_members(const mr_worker *worker);
mr_member *mr_worker_member(const mr_worker *worker, size_t index);
