/* runtime/engine/pace.h - how many records a member takes in one step, so that a step stays short
 * though a script may take its time with each of them. A step cannot ask for the time; the next one
 * sees how long the last one and its neighbours took. Batches are no part of what a task writes.
 * Thread: the owner's. */
#pragma once

#include <stdint.h>

#include "runtime/base/clock.h"

typedef struct mr_pace {
    uint32_t records; /* to take in this step: 1 to MR_STEP_RECORDS_MAX */
    int64_t began_ns; /* of the last step that took any; -1: looked at since */
} mr_pace;

void mr_pace_init(mr_pace *pace);
/* At the beginning of every step, also of one that finds nothing to do. */
void mr_pace_look(mr_pace *pace, mr_now now);
/* This step took records. */
void mr_pace_took(mr_pace *pace, mr_now now);
