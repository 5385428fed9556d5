/* runtime/engine/commit.h - one transaction of one worker, from seal to answer (DESIGN section 5).
 *
 *     OPEN --seal--> SEALED --submit--> SUBMITTED --ok--> APPLIED (= OPEN of the next)
 *                                            \--error--> UNKNOWN: neither apply nor abort; the
 * worker fails
 *
 * Members put in their outboxes, changelogs and positions; batches get producer id, epoch and
 * sequences here. Thread: owner worker only.
 */
#pragma once

#include "runtime/engine/outbox.h"

typedef struct mr_commit mr_commit;

mr_commit *mr_commit_create(mr_log_client *client, const char *transactional_id,
                            mr_partition_id positions_partition);
void mr_commit_destroy(mr_commit *commit); /* not while submitted */

/* ---- filling (while open; between begin and submit) ---- */
void mr_commit_begin(mr_commit *commit);
void mr_commit_add_outbox(mr_commit *commit, mr_outbox *outbox); /* takes its batches */
/* A changelog, mark or other single record; batched per partition. The record is copied. */
void mr_commit_add_record(mr_commit *commit, mr_partition_id partition, const mr_record *record);
void mr_commit_add_position(mr_commit *commit, const mr_position *position); /* copied */
bool mr_commit_empty(const mr_commit *commit);
/* MR_AGAIN: the producer is being initialised (first commit, epoch used up) or the client is full:
 * call again. */
mr_status mr_commit_submit(mr_commit *commit) MR_CHECKED;

/* ---- the answer ---- */
/* Gives an answered request of this commit. MR_OK: decided. Anything else: unknown or refused
 * (err). true in *mine if the request was this commit's (then it is consumed). */
mr_status mr_commit_answer(mr_commit *commit, mr_log_request *request, bool *mine, bool *decided,
                           mr_err *err) MR_CHECKED;
/* After decided: last offset written to the partition, or -1 if nothing was. */
int64_t mr_commit_last_offset(const mr_commit *commit, mr_partition_id partition);
