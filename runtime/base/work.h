/* runtime/base/work.h - blocking work done elsewhere (the I/O pool), its end a message.
 *
 * run() may block on the disk; it touches only what the submitter left alone until the work is back
 * in `done`. The real pool runs it on its threads, the simulator at a seeded later step of its one
 * thread.
 */
#pragma once

#include "runtime/base/mailbox.h"

typedef struct mr_work {
    mr_mail mail; /* must be first: the work itself is the message */
    void (*run)(struct mr_work *work);
    mr_mailbox *done; /* gets the work back; needs room for every work outstanding */
} mr_work;

typedef struct mr_work_pool {
    void (*submit)(void *self, mr_work *work); /* Thread: any */
    void *self;
} mr_work_pool;
