#include "runtime/base/mailbox.h"

#include <stdatomic.h>
#include <stdint.h>

#include "runtime/base/alloc.h"
#include "runtime/base/assert.h"

#define CACHE_LINE_BYTES 64

/* Vyukov's queue:  oldest -> mail -> mail -> newest.
 * A push swaps itself in as `newest` and then links its predecessor to it; between the two the
 * chain is torn there, and a pop that comes to the tear reports empty. Nothing is lost: that push
 * wakes the consumer after it has linked. `stub` keeps the chain from ever being empty. */
struct mr_mailbox {
    _Atomic(mr_mail *) newest;
    atomic_size_t count; /* reserved by a push before it links */
    uint8_t between_producers_and_consumer[CACHE_LINE_BYTES];
    mr_mail *oldest; /* the consumer's */
    mr_mail stub;
    size_t capacity;
    void (*wake)(void *arg);
    void *wake_arg;
};

mr_mailbox *mr_mailbox_create(size_t capacity, void (*wake)(void *arg), void *arg) {
    MR_ASSERT(capacity > 0);
    mr_mailbox *mailbox = mr_alloc(sizeof *mailbox);
    atomic_init(&mailbox->newest, &mailbox->stub);
    atomic_init(&mailbox->count, 0);
    mailbox->oldest = &mailbox->stub;
    mailbox->capacity = capacity;
    mailbox->wake = wake;
    mailbox->wake_arg = arg;
    return mailbox;
}

void mr_mailbox_destroy(mr_mailbox *mailbox) {
    mr_free(mailbox);
}

static void link_newest(mr_mailbox *mailbox, mr_mail *mail) {
    __atomic_store_n(&mail->next, NULL, __ATOMIC_RELAXED);
    mr_mail *former = atomic_exchange_explicit(&mailbox->newest, mail, memory_order_acq_rel);
    __atomic_store_n(&former->next, mail, __ATOMIC_RELEASE);
}

/* A compare loop, not an add taken back: a refused push must not make another push see "full". */
static bool reserve_place(mr_mailbox *mailbox) {
    size_t count = atomic_load_explicit(&mailbox->count, memory_order_relaxed);
    while (count < mailbox->capacity) {
        if (atomic_compare_exchange_weak_explicit(&mailbox->count, &count, count + 1,
                                                  memory_order_relaxed, memory_order_relaxed)) {
            return true;
        }
    }
    return false;
}

mr_status mr_mailbox_push(mr_mailbox *mailbox, mr_mail *mail) {
    MR_ASSERT(mail != NULL);
    /* Read before the link: a consumer that popped its last message may destroy the mailbox. */
    void (*wake)(void *) = mailbox->wake;
    void *wake_arg = mailbox->wake_arg;
    if (!reserve_place(mailbox)) {
        return MR_AGAIN;
    }
    link_newest(mailbox, mail);
    if (wake != NULL) {
        wake(wake_arg);
    }
    return MR_OK;
}

static mr_mail *next_of(mr_mail *mail) {
    return __atomic_load_n(&mail->next, __ATOMIC_ACQUIRE);
}

static mr_mail *take_oldest(mr_mailbox *mailbox, mr_mail *next) {
    mr_mail *mail = mailbox->oldest;
    mailbox->oldest = next;
    size_t before = atomic_fetch_sub_explicit(&mailbox->count, 1, memory_order_relaxed);
    MR_ASSERT(before > 0);
    return mail;
}

mr_mail *mr_mailbox_pop(mr_mailbox *mailbox) {
    mr_mail *next = next_of(mailbox->oldest);
    if (mailbox->oldest == &mailbox->stub) {
        if (next == NULL) {
            return NULL;
        }
        mailbox->oldest = next;
        next = next_of(next);
    }
    if (next != NULL) {
        return take_oldest(mailbox, next);
    }
    if (atomic_load_explicit(&mailbox->newest, memory_order_acquire) != mailbox->oldest) {
        return NULL;
    }
    /* The last mail can leave only when something stands behind it. */
    link_newest(mailbox, &mailbox->stub);
    next = next_of(mailbox->oldest);
    return next != NULL ? take_oldest(mailbox, next) : NULL;
}

size_t mr_mailbox_count(const mr_mailbox *mailbox) {
    return atomic_load_explicit(&mailbox->count, memory_order_relaxed);
}
