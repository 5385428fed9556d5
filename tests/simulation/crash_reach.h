/* tests/simulation/crash_reach.h - whether a script gets to what it is named after: counted, and
 * fewer than the script asks for is a failure. Thread: owner only. */
#pragma once

#include "tests/simulation/crash_checks.h"
#include "tests/simulation/job_world.h"

typedef enum crash_reach {
    REACH_UNDECIDED,   /* stops with data of a transaction that has no decision */
    REACH_ROLL,        /* stops while a segment behind another one was not durable yet */
    REACH_DECISION,    /* stops with a decision written and not durable */
    REACH_UNMARKED,    /* stops with a durable decision and no marker for some of its data */
    REACH_UNFLUSHED,   /* stops with rows in a store that were not flushed */
    REACH_HALF_SPILL,  /* stops in the middle of a spill of several chunks */
    REACH_RESTORE,     /* stops while a task was being restored */
    REACH_RECOVERY,    /* stops before the log was recovered */
    REACH_REPAIRED,    /* starts that had data to cut off, transactions to abort or to finish */
    REACH_REPLAYED,    /* starts that replayed changelog records */
    REACH_RESET,       /* stops with some files of the old generation removed, and some not */
    REACH_UNPUBLISHED, /* stops with rows of a sink that were not durable in their place */
    REACH_FAULT,       /* faults of the disk that fired */
    REACH_FAILED,      /* runs that a fault ended, with a message */
    REACH_KINDS
} crash_reach;

typedef struct crash_reached {
    uint64_t of[REACH_KINDS];
} crash_reached;

const char *crash_reach_name(crash_reach kind);
/* Files of internal topics of the job's first generation. */
uint64_t crash_reach_first_generation(const mr_sim_disk *sim);
/* What a stopped script's disk and stores show. */
void crash_reach_disk(const mr_sim_disk *sim, const crash_moment *moment, crash_reached *counts);
void crash_reach_stores(const mr_model_store *model, crash_reached *counts);
/* A world that was stopped. */
void crash_reach_world(const mr_job_world *world, crash_reached *counts);
/* A world that came through a start. */
void crash_reach_start(const mr_job_world *world, crash_reached *counts);
