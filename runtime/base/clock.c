#include "runtime/base/clock.h"

#include <stddef.h>
#include <time.h>

#include "runtime/base/assert.h"

static int64_t system_mono_ns(void *self) {
    (void)self;
    struct timespec now;
    int failed = clock_gettime(CLOCK_MONOTONIC, &now);
    MR_ASSERT(failed == 0);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static int64_t system_wall_ms(void *self) {
    (void)self;
    struct timespec now;
    int failed = clock_gettime(CLOCK_REALTIME, &now);
    MR_ASSERT(failed == 0);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

mr_clock mr_clock_system(void) {
    return (mr_clock){.mono_ns = system_mono_ns, .wall_ms = system_wall_ms, .self = NULL};
}
