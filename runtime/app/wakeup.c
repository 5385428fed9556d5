#include "runtime/app/wakeup.h"

#include <errno.h>
#include <time.h>

#include "runtime/base/assert.h"

#define NS_PER_S 1000000000

void mr_wakeup_init(mr_wakeup *wakeup) {
    pthread_condattr_t attributes;
    int failed = pthread_condattr_init(&attributes);
    failed |= pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    failed |= pthread_cond_init(&wakeup->changed, &attributes);
    failed |= pthread_condattr_destroy(&attributes);
    failed |= pthread_mutex_init(&wakeup->lock, NULL);
    MR_ASSERT(failed == 0);
    atomic_init(&wakeup->raised, false);
}

void mr_wakeup_deinit(mr_wakeup *wakeup) {
    pthread_cond_destroy(&wakeup->changed);
    pthread_mutex_destroy(&wakeup->lock);
}

/* Only the first raise since the last wait needs the lock; the sleeper looks at the flag under it.
 */
void mr_wakeup_raise(void *wakeup_) {
    mr_wakeup *wakeup = wakeup_;
    if (atomic_exchange(&wakeup->raised, true)) {
        return;
    }
    pthread_mutex_lock(&wakeup->lock);
    pthread_cond_signal(&wakeup->changed);
    pthread_mutex_unlock(&wakeup->lock);
}

void mr_wakeup_wait(mr_wakeup *wakeup, int64_t deadline_ns) {
    if (atomic_exchange(&wakeup->raised, false)) {
        return;
    }
    struct timespec until = {.tv_sec = (time_t)(deadline_ns / NS_PER_S),
                             .tv_nsec = (long)(deadline_ns % NS_PER_S)};
    int failed = 0;
    pthread_mutex_lock(&wakeup->lock);
    while (failed != ETIMEDOUT && !atomic_load(&wakeup->raised)) {
        failed = deadline_ns == INT64_MAX
                     ? pthread_cond_wait(&wakeup->changed, &wakeup->lock)
                     : pthread_cond_timedwait(&wakeup->changed, &wakeup->lock, &until);
        MR_ASSERT(failed == 0 || failed == ETIMEDOUT);
    }
    pthread_mutex_unlock(&wakeup->lock);
    /* No plain store: what was written before a raise that came early must be seen from here on. */
    (void)atomic_exchange(&wakeup->raised, false);
}
