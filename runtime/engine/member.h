/* runtime/engine/member.h - what a worker runs: stream tasks, sources and sinks behind one
 * interface. All members of a worker share its transactions.
 *
 * A member lives on its worker's thread; nothing in it is shared or locked, no call blocks. Its log
 * requests and works carry the member in their context, and come back through on_reply / on_work.
 */
#pragma once

#include "runtime/base/clock.h"
#include "runtime/base/work.h"
#include "runtime/engine/board.h"
#include "runtime/engine/commit.h"

typedef struct mr_member mr_member;

/* Every work of a member is one of these, so that the worker knows whose it is when it comes back.
 */
typedef struct mr_member_work {
    mr_work work; /* must be first */
    mr_member *member;
} mr_member_work;

/* Why a job stops, for people. */
typedef struct mr_failure {
    mr_status status;
    char message[2048]; /* "flights.yaml:14: runtime R101: ...", several lines allowed */
} mr_failure;

/* Fills it (a longer message is cut) and returns status. */
mr_status mr_failure_set(mr_failure *failure, mr_status status, const char *format, ...)
    MR_PRINTF(3, 4);

typedef enum mr_member_activity {
    MR_MEMBER_IDLE,     /* nothing to do before an event or the deadline */
    MR_MEMBER_PROGRESS, /* something was done, there may be more */
} mr_member_activity;

typedef struct mr_member_ops {
    /* One bounded piece of work. On failure fills *failure: the worker drops the open transaction
     * and fails. */
    mr_status (*step)(mr_member *member, mr_now now, mr_member_activity *activity,
                      mr_failure *failure);
    /* Consumes requests / works of this member. */
    mr_status (*on_reply)(mr_member *member, mr_log_request *request, mr_now now,
                          mr_failure *failure);
    mr_status (*on_work)(mr_member *member, mr_member_work *work, mr_now now, mr_failure *failure);
    bool (*dirty)(const mr_member *member); /* something would be committed */
    size_t (*uncommitted_bytes)(const mr_member *member);
    bool (*ready_to_seal)(const mr_member *member); /* false: not just now (between a sink's prepare
                                                       and its answer) */
    void (*seal)(mr_member *member, mr_commit *commit, mr_now now);
    void (*decided)(mr_member *member, const mr_commit *commit,
                    mr_now now);      /* of what was sealed last */
    void (*abort)(mr_member *member); /* drop what is open and sealed */
    /* Nothing to do, nothing uncommitted, every input read to the last stable end it was told. */
    bool (*quiet)(const mr_member *member);
    int64_t (*deadline_ns)(const mr_member *member); /* INT64_MAX: none */
    /* STOPPING was obeyed: nothing uncommitted, no work outstanding. A parked fetch may be: the
     * log's shutdown answers it. */
    bool (*stopped)(const mr_member *member);
    /* Positions for the end of the run: input partition and next offset (INT64_MAX: nothing more
     * can be taken from it in this run); false past the last. */
    bool (*input)(const mr_member *member, uint32_t index, mr_partition_id *partition,
                  int64_t *offset);
    /* 0 first: sinks, then the most downstream task ... sources last (DESIGN: the most downstream
     * ready first). */
    uint32_t (*rank)(const mr_member *member);
    void (*destroy)(mr_member *member);
} mr_member_ops;

struct mr_member {
    const mr_member_ops *ops;
    const char *name; /* "by_origin-0", "source flights_file" */
};
