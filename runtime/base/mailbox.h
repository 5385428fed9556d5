/* runtime/base/mailbox.h - a bounded queue of messages between actors.
 *
 * Many producers, one consumer; lock-free (Vyukov's intrusive queue). The capacity is a hard bound:
 * a full mailbox refuses. Messages are owned by the mailbox between push and pop. The simulator
 * uses the same mailboxes on one thread.
 * Thread: push any, pop the consumer only.
 */
#pragma once

#include <stddef.h>

#include "runtime/base/status.h"

/* The first member of every message. */
typedef struct mr_mail {
    struct mr_mail *next; /* the mailbox's own, changed atomically; any value outside of it */
} mr_mail;

typedef struct mr_mailbox mr_mailbox;

/* wake(arg) is called after every push, from the pusher's thread; NULL: nobody to wake. The message
 * may have been popped by then: what wake touches must outlive every push. */
mr_mailbox *mr_mailbox_create(size_t capacity, void (*wake)(void *arg), void *arg);
/* It must be empty, or its messages freed by their owner. */
void mr_mailbox_destroy(mr_mailbox *mailbox);
/* MR_AGAIN: full, the message stays the caller's. */
mr_status mr_mailbox_push(mr_mailbox *mailbox, mr_mail *mail) MR_CHECKED;
/* NULL: empty, or the oldest message is still in the middle of its push: then that push wakes
 * afterwards. */
mr_mail *mr_mailbox_pop(mr_mailbox *mailbox);
size_t mr_mailbox_count(const mr_mailbox *mailbox); /* Thread: any; a moment's value */
