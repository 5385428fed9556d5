#include "runtime/base/mailbox.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "runtime/base/alloc.h"

typedef struct numbered {
    mr_mail mail;
    int producer;
    int number;
} numbered;

static void count_wake(void *arg) {
    atomic_fetch_add((atomic_int *)arg, 1);
}

static void mail_comes_out_in_the_order_it_went_in(void **state) {
    (void)state;
    atomic_int wakes = 0;
    mr_mailbox *mailbox = mr_mailbox_create(3, count_wake, &wakes);
    numbered mails[3] = {0};
    assert_null(mr_mailbox_pop(mailbox));
    for (int round = 0; round < 5; round++) {
        for (int i = 0; i < 3; i++) {
            assert_int_equal(mr_mailbox_push(mailbox, &mails[i].mail), MR_OK);
        }
        assert_int_equal(mr_mailbox_count(mailbox), 3);
        for (int i = 0; i < 3; i++) {
            assert_ptr_equal(mr_mailbox_pop(mailbox), &mails[i]);
        }
        assert_null(mr_mailbox_pop(mailbox));
        assert_int_equal(mr_mailbox_count(mailbox), 0);
    }
    assert_int_equal(wakes, 15);
    mr_mailbox_destroy(mailbox);
}

static void a_full_mailbox_refuses_and_wakes_nobody(void **state) {
    (void)state;
    atomic_int wakes = 0;
    mr_mailbox *mailbox = mr_mailbox_create(2, count_wake, &wakes);
    numbered mails[3] = {0};
    assert_int_equal(mr_mailbox_push(mailbox, &mails[0].mail), MR_OK);
    assert_int_equal(mr_mailbox_push(mailbox, &mails[1].mail), MR_OK);
    assert_int_equal(mr_mailbox_push(mailbox, &mails[2].mail), MR_AGAIN);
    assert_int_equal(wakes, 2);
    assert_ptr_equal(mr_mailbox_pop(mailbox), &mails[0]);
    assert_int_equal(mr_mailbox_push(mailbox, &mails[2].mail), MR_OK);
    assert_ptr_equal(mr_mailbox_pop(mailbox), &mails[1]);
    assert_ptr_equal(mr_mailbox_pop(mailbox), &mails[2]);
    assert_null(mr_mailbox_pop(mailbox));
    mr_mailbox_destroy(mailbox);
}

#define PRODUCERS 4
#define MAILS_EACH 20000
#define CAPACITY 64

typedef struct producer {
    mr_mailbox *mailbox;
    int id;
} producer;

static void *produce(void *arg) {
    producer *self = arg;
    for (int i = 0; i < MAILS_EACH; i++) {
        numbered *mail = mr_alloc(sizeof *mail);
        mail->producer = self->id;
        mail->number = i;
        while (mr_mailbox_push(self->mailbox, &mail->mail) != MR_OK) {
            sched_yield();
        }
    }
    return NULL;
}

static void mail_of_many_threads_arrives_once_and_in_each_ones_order(void **state) {
    (void)state;
    mr_mailbox *mailbox = mr_mailbox_create(CAPACITY, NULL, NULL);
    producer producers[PRODUCERS];
    pthread_t threads[PRODUCERS];
    for (int i = 0; i < PRODUCERS; i++) {
        producers[i] = (producer){mailbox, i};
        assert_int_equal(pthread_create(&threads[i], NULL, produce, &producers[i]), 0);
    }
    int next[PRODUCERS] = {0};
    for (int taken = 0; taken < PRODUCERS * MAILS_EACH;) {
        assert_true(mr_mailbox_count(mailbox) <= CAPACITY);
        numbered *mail = (numbered *)mr_mailbox_pop(mailbox);
        if (mail == NULL) {
            sched_yield();
            continue;
        }
        assert_int_equal(mail->number, next[mail->producer]);
        next[mail->producer]++;
        taken++;
        mr_free(mail);
    }
    for (int i = 0; i < PRODUCERS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(next[i], MAILS_EACH);
    }
    assert_null(mr_mailbox_pop(mailbox));
    assert_int_equal(mr_mailbox_count(mailbox), 0);
    mr_mailbox_destroy(mailbox);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mail_comes_out_in_the_order_it_went_in),
        cmocka_unit_test(a_full_mailbox_refuses_and_wakes_nobody),
        cmocka_unit_test(mail_of_many_threads_arrives_once_and_in_each_ones_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
