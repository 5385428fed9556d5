/* runtime/app/wakeup.h - what a thread sleeps on between its steps. A raise is never lost: one that
 * comes while nobody sleeps lets the next wait return at once.
 * Thread: raise any, wait the owner only. Must outlive every raise. */
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct mr_wakeup {
    pthread_mutex_t lock;
    pthread_cond_t changed; /* of the monotonic clock */
    atomic_bool raised;
} mr_wakeup;

void mr_wakeup_init(mr_wakeup *wakeup);
void mr_wakeup_deinit(mr_wakeup *wakeup);
/* wakeup: an mr_wakeup; the signature is that of mailboxes and drivers. */
void mr_wakeup_raise(void *wakeup);
/* Until raised or mono_ns reaches the deadline (INT64_MAX: only raised); takes the raise back. */
void mr_wakeup_wait(mr_wakeup *wakeup, int64_t deadline_ns);
