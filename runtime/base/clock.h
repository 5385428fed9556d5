/* runtime/base/clock.h - time from outside. The engine and the log core get times as parameters;
 * only loops, drivers and simulators hold a clock. */
#pragma once

#include <stdint.h>

typedef struct mr_clock {
    int64_t (*mono_ns)(void *self); /* for deadlines; never goes back */
    int64_t (*wall_ms)(void *self); /* for record timestamps and idle marks; may jump */
    void *self;
} mr_clock;

/* The operating system's clock. Thread: any. */
mr_clock mr_clock_system(void);

/* Both readings, taken once per step and handed down. */
typedef struct mr_now {
    int64_t mono_ns;
    int64_t wall_ms;
} mr_now;
static inline mr_now mr_clock_now(const mr_clock *clock) {
    return (mr_now){clock->mono_ns(clock->self), clock->wall_ms(clock->self)};
}
