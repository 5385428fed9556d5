/* Wakes that are never lost, works that come back, workers that park, stop and leave. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "runtime/app/io_pool.h"
#include "runtime/app/thread_worker.h"
#include "runtime/base/alloc.h"
#include "runtime/base/clock.h"

/* ---- wakeup ---- */

#define PINGS 20000

typedef struct pinger {
    mr_wakeup wakeup;
    atomic_int sent, answered;
} pinger;

static void *send_pings(void *arg) {
    pinger *ping = arg;
    for (int i = 1; i <= PINGS; i++) {
        atomic_store(&ping->sent, i);
        mr_wakeup_raise(&ping->wakeup);
        /* A lost wake would leave both of them waiting. */
        while (atomic_load(&ping->answered) < i) {
        }
    }
    return NULL;
}

static void a_raise_at_any_moment_wakes_the_sleeper(void **state) {
    (void)state;
    static pinger ping;
    mr_wakeup_init(&ping.wakeup);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, send_pings, &ping), 0);
    while (atomic_load(&ping.answered) < PINGS) {
        mr_wakeup_wait(&ping.wakeup, INT64_MAX);
        atomic_store(&ping.answered, atomic_load(&ping.sent));
    }
    pthread_join(thread, NULL);
    mr_wakeup_deinit(&ping.wakeup);
}

static void a_wait_ends_at_its_deadline(void **state) {
    (void)state;
    mr_clock clock = mr_clock_system();
    mr_wakeup wakeup;
    mr_wakeup_init(&wakeup);
    int64_t deadline = clock.mono_ns(clock.self) + 20000000;
    mr_wakeup_wait(&wakeup, deadline);
    assert_true(clock.mono_ns(clock.self) >= deadline);
    mr_wakeup_wait(&wakeup, 0); /* one that has passed */
    mr_wakeup_deinit(&wakeup);
}

/* ---- the I/O pool ---- */

#define WORKS 2000

typedef struct counted_work {
    mr_work work; /* must be first */
    atomic_int *sum;
    int number;
} counted_work;

static void add_number(mr_work *work) {
    counted_work *counted = (counted_work *)work;
    atomic_fetch_add(counted->sum, counted->number);
}

static void every_work_is_run_once_and_comes_back(void **state) {
    (void)state;
    static counted_work works[WORKS];
    atomic_int sum = 0;
    mr_wakeup wakeup;
    mr_wakeup_init(&wakeup);
    mr_mailbox *done = mr_mailbox_create(WORKS, mr_wakeup_raise, &wakeup);
    mr_io_pool *pool = mr_io_pool_create(3);
    mr_work_pool submitter = mr_io_pool_of(pool);
    for (int i = 0; i < WORKS; i++) {
        works[i] =
            (counted_work){.work = {.run = add_number, .done = done}, .sum = &sum, .number = i};
        submitter.submit(submitter.self, &works[i].work);
    }
    int back = 0;
    while (back < WORKS) {
        while (mr_mailbox_pop(done)) {
            back++;
        }
        if (back < WORKS) {
            mr_wakeup_wait(&wakeup, INT64_MAX);
        }
    }
    assert_int_equal(atomic_load(&sum), WORKS * (WORKS - 1) / 2);
    mr_io_pool_destroy(pool);
    mr_mailbox_destroy(done);
    mr_wakeup_deinit(&wakeup);
}

/* ---- a worker's thread ---- */

#define LEAVE_NS_MAX 60000000000

/* A member that works for a while, fails at a step, or has a fetch parked. */
typedef struct fake_member {
    mr_member member; /* must be first */
    mr_log_client *client;
    int steps_left;
    bool fails;
    int steps; /* read only while parked or gone */
    const mr_board *board;
} fake_member;

static mr_status fake_step(mr_member *member, mr_now now, mr_member_activity *activity,
                           mr_failure *failure) {
    fake_member *fake = (fake_member *)member;
    (void)now;
    fake->steps++;
    *activity = MR_MEMBER_IDLE;
    if (fake->steps_left > 0) {
        fake->steps_left--;
        *activity = MR_MEMBER_PROGRESS;
    } else if (fake->fails) {
        *failure = (mr_failure){.status = MR_INVALID, .message = "the record is flights[0]@812"};
        return MR_INVALID;
    }
    return MR_OK;
}
static mr_status fake_reply(mr_member *member, mr_log_request *request, mr_now now,
                            mr_failure *failure) {
    (void)now, (void)failure;
    mr_log_client_recycle(((fake_member *)member)->client, request);
    return MR_OK;
}
static bool no(const mr_member *member) {
    (void)member;
    return false;
}
static bool yes(const mr_member *member) {
    (void)member;
    return true;
}
static bool fake_quiet(const mr_member *member) {
    return ((const fake_member *)member)->steps_left == 0;
}
static bool fake_stopped(const mr_member *member) {
    return atomic_load(&((const fake_member *)member)->board->phase) == MR_RUN_STOPPING;
}
static size_t no_bytes(const mr_member *member) {
    (void)member;
    return 0;
}
static int64_t no_deadline(const mr_member *member) {
    (void)member;
    return INT64_MAX;
}
static uint32_t first_rank(const mr_member *member) {
    (void)member;
    return 0;
}
static void fake_destroy(mr_member *member) {
    mr_free(member);
}
static const mr_member_ops fake_ops = {
    .step = fake_step,
    .on_reply = fake_reply,
    .dirty = no,
    .uncommitted_bytes = no_bytes,
    .ready_to_seal = yes,
    .quiet = fake_quiet,
    .deadline_ns = no_deadline,
    .stopped = fake_stopped,
    .rank = first_rank,
    .destroy = fake_destroy,
};

typedef struct scene {
    mr_board board;
    mr_wakeup told;
    mr_mailbox *requests;
    mr_worker *worker;
    mr_worker_thread *thread;
    fake_member *member;
} scene;

static void scene_prepare(scene *one, int steps, bool fails) {
    mr_board_init(&one->board, MR_RUN_FOR_EVER, 0);
    mr_wakeup_init(&one->told);
    one->thread = mr_worker_thread_create(mr_clock_system(), mr_wakeup_raise, &one->told);
    mr_wakeup *wakeup = mr_worker_thread_wakeup(one->thread);
    one->requests = mr_mailbox_create(8, NULL, NULL);
    mr_log_client *client = mr_log_client_create_embedded(one->requests, mr_wakeup_raise, wakeup);
    one->worker =
        mr_worker_create(&(mr_worker_config){.transactional_id = "test-0",
                                             .client = client,
                                             .works = mr_mailbox_create(8, mr_wakeup_raise, wakeup),
                                             .board = &one->board,
                                             .commit_interval_ms = 100,
                                             .dry_commit_ms = 5});
    one->member = mr_alloc(sizeof *one->member);
    *one->member = (fake_member){.member = {.ops = &fake_ops, .name = "fake"},
                                 .client = client,
                                 .steps_left = steps,
                                 .fails = fails,
                                 .board = &one->board};
    mr_worker_add(one->worker, &one->member->member);
}

static void scene_start(scene *one) {
    mr_worker_thread_start(one->thread, one->worker, &one->board);
}

static void scene_open(scene *one, int steps, bool fails) {
    scene_prepare(one, steps, fails);
    scene_start(one);
}

static void scene_close(scene *one) {
    mr_worker_thread_leave(one->thread);
    mr_worker_thread_join(one->thread);
    assert_true(mr_worker_thread_gone(one->thread));
    mr_worker_destroy(one->worker);
    mr_worker_thread_destroy(one->thread);
    mr_mailbox_destroy(one->requests);
    mr_wakeup_deinit(&one->told);
    mr_board_deinit(&one->board);
}

static void look(const scene *one) {
    mr_worker_thread_look(one->thread);
    while (!mr_worker_thread_looked(one->thread)) {
        sched_yield();
    }
}

static void a_worker_is_quiet_when_its_members_are(void **state) {
    (void)state;
    scene one;
    scene_open(&one, 50, false);
    do {
        look(&one);
    } while (!mr_worker_thread_quiet(one.thread));
    assert_int_equal(mr_worker_thread_progress(one.thread), 50);
    assert_false(mr_worker_thread_stopped(one.thread));
    scene_close(&one);
}

static void a_parked_worker_makes_no_step(void **state) {
    (void)state;
    scene one;
    scene_open(&one, 1 << 30, false);
    for (int i = 0; i < 200; i++) {
        assert_true(mr_worker_thread_pause(one.thread));
        int steps = one.member->steps;
        sched_yield();
        assert_int_equal(one.member->steps, steps);
        mr_worker_thread_resume(one.thread);
    }
    scene_close(&one);
}

static void stopping_is_obeyed_and_told(void **state) {
    (void)state;
    scene one;
    scene_open(&one, 0, false);
    atomic_store(&one.board.phase, MR_RUN_STOPPING);
    mr_wakeup_raise(mr_worker_thread_wakeup(one.thread));
    while (!mr_worker_thread_stopped(one.thread)) {
        mr_wakeup_wait(&one.told, INT64_MAX);
    }
    scene_close(&one);
}

static void a_failure_is_told_and_does_not_block_a_pause(void **state) {
    (void)state;
    scene one;
    scene_open(&one, 3, true);
    while (!mr_worker_thread_failure(one.thread)) {
        mr_wakeup_wait(&one.told, INT64_MAX);
    }
    assert_string_equal(mr_worker_thread_failure(one.thread)->message,
                        "the record is flights[0]@812");
    assert_false(mr_worker_thread_pause(one.thread));
    mr_worker_thread_resume(one.thread);
    scene_close(&one);
}

static void an_answer_that_comes_after_the_leave_is_all_that_is_waited_for(void **state) {
    (void)state;
    scene one;
    scene_prepare(&one, 0, false);
    mr_log_request *fetch = mr_log_client_request(one.member->client, MR_LOG_FETCH);
    fetch->context = one.member;
    assert_int_equal(mr_log_client_submit(one.member->client, fetch), MR_OK);
    scene_start(&one);
    mr_worker_thread_leave(one.thread);
    look(&one);
    assert_false(mr_worker_thread_gone(one.thread));
    assert_ptr_equal(mr_mailbox_pop(one.requests), &fetch->mail);
    fetch->status = MR_AGAIN; /* as the log's shutdown answers */
    assert_int_equal(mr_mailbox_push(fetch->reply_to, &fetch->mail), MR_OK);
    mr_clock clock = mr_clock_system();
    int64_t end_ns = clock.mono_ns(clock.self) + LEAVE_NS_MAX;
    while (!mr_worker_thread_gone(one.thread) && clock.mono_ns(clock.self) < end_ns) {
        mr_wakeup_wait(&one.told, end_ns);
    }
    assert_true(mr_worker_thread_gone(one.thread));
    scene_close(&one);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_raise_at_any_moment_wakes_the_sleeper),
        cmocka_unit_test(a_wait_ends_at_its_deadline),
        cmocka_unit_test(every_work_is_run_once_and_comes_back),
        cmocka_unit_test(a_worker_is_quiet_when_its_members_are),
        cmocka_unit_test(a_parked_worker_makes_no_step),
        cmocka_unit_test(stopping_is_obeyed_and_told),
        cmocka_unit_test(a_failure_is_told_and_does_not_block_a_pause),
        cmocka_unit_test(an_answer_that_comes_after_the_leave_is_all_that_is_waited_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
