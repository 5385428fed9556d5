#include "runtime/engine/pace.h"

#include "runtime/base/limits.h"

/* Between these a step is neither too long, for commits and signals, nor too short to be worth its
 * round. */
#define STEP_LONG_NS 50000000
#define STEP_SHORT_NS 10000000
#define RECORDS_FIRST 16

static uint32_t at_most(uint32_t records) {
    return records < MR_STEP_RECORDS_MAX ? records : MR_STEP_RECORDS_MAX;
}

void mr_pace_init(mr_pace *pace) {
    *pace = (mr_pace){.records = at_most(RECORDS_FIRST), .began_ns = -1};
}

void mr_pace_look(mr_pace *pace, mr_now now) {
    if (pace->began_ns < 0) {
        return;
    }
    int64_t lasted_ns = now.mono_ns - pace->began_ns;
    if (lasted_ns > STEP_LONG_NS) {
        pace->records = pace->records > 1 ? pace->records / 2 : 1;
    } else if (lasted_ns < STEP_SHORT_NS) {
        pace->records = at_most(pace->records * 2);
    }
    pace->began_ns = -1;
}

void mr_pace_took(mr_pace *pace, mr_now now) {
    pace->began_ns = now.mono_ns;
}
