#include "runtime/app/thread_worker.h"

#include <pthread.h>

#include "runtime/base/alloc.h"
#include "runtime/base/assert.h"

struct mr_worker_thread {
    mr_worker *worker;
    const mr_board *board;
    mr_clock clock;
    mr_wakeup wakeup;
    pthread_t thread;
    void (*tell)(void *arg);
    void *tell_arg;
    /* told to the control thread */
    atomic_uint look_wanted, look_done;
    atomic_bool quiet, stopped, failed, leaving, gone;
    _Atomic uint64_t progress;
    mr_failure failure; /* written before `failed` */
    /* pausing */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool pause_wanted, parked;
    atomic_bool pausing; /* pause_wanted, to be looked at without the lock */
};

mr_worker_thread *mr_worker_thread_create(mr_clock clock, void (*tell)(void *arg), void *arg) {
    mr_worker_thread *thread = mr_alloc(sizeof *thread);
    thread->clock = clock;
    thread->tell = tell;
    thread->tell_arg = arg;
    mr_wakeup_init(&thread->wakeup);
    int failed = pthread_mutex_init(&thread->lock, NULL);
    failed |= pthread_cond_init(&thread->changed, NULL);
    MR_ASSERT(failed == 0);
    return thread;
}

mr_wakeup *mr_worker_thread_wakeup(mr_worker_thread *thread) {
    return &thread->wakeup;
}

/* ---- on the worker's thread ---- */

static void park_while_paused(mr_worker_thread *thread) {
    if (!atomic_load(&thread->pausing)) {
        return;
    }
    pthread_mutex_lock(&thread->lock);
    thread->parked = true;
    pthread_cond_broadcast(&thread->changed);
    while (thread->pause_wanted) {
        pthread_cond_wait(&thread->changed, &thread->lock);
    }
    thread->parked = false;
    pthread_cond_broadcast(&thread->changed);
    pthread_mutex_unlock(&thread->lock);
}

static void publish_failure(mr_worker_thread *thread) {
    const mr_failure *failure = mr_worker_failure(thread->worker);
    MR_ASSERT(failure);
    thread->failure = *failure;
    pthread_mutex_lock(&thread->lock);
    atomic_store(&thread->failed, true);
    pthread_cond_broadcast(&thread->changed);
    pthread_mutex_unlock(&thread->lock);
    thread->tell(thread->tell_arg);
}

/* idle: the step left nothing to do at once, so that the longer questions are worth asking. */
static void publish(mr_worker_thread *thread, unsigned look, bool idle) {
    atomic_store(&thread->progress, mr_worker_progress(thread->worker));
    atomic_store(&thread->quiet, idle && mr_worker_quiet(thread->worker));
    atomic_store(&thread->look_done, look);
    if (!atomic_load(&thread->stopped) && atomic_load(&thread->board->phase) == MR_RUN_STOPPING &&
        mr_worker_stopped(thread->worker)) {
        atomic_store(&thread->stopped, true);
        thread->tell(thread->tell_arg);
    }
}

static bool may_leave(const mr_worker_thread *thread) {
    return atomic_load(&thread->leaving) && mr_worker_drained(thread->worker);
}

static void work_until_left(mr_worker_thread *thread) {
    for (;;) {
        park_while_paused(thread);
        if (may_leave(thread)) {
            return;
        }
        unsigned look = atomic_load(&thread->look_wanted);
        mr_now now = mr_clock_now(&thread->clock);
        int64_t deadline_ns;
        if (mr_worker_step(thread->worker, now, &deadline_ns) != MR_OK) {
            publish_failure(thread);
            while (!atomic_load(&thread->leaving)) {
                mr_wakeup_wait(&thread->wakeup, INT64_MAX);
            }
            return;
        }
        bool idle = deadline_ns > now.mono_ns;
        publish(thread, look, idle);
        /* That step may have taken the last answer: nothing would wake it any more. */
        if (idle && !may_leave(thread)) {
            mr_wakeup_wait(&thread->wakeup, deadline_ns);
        }
    }
}

static void *worker_main(void *arg) {
    mr_worker_thread *thread = arg;
    work_until_left(thread);
    atomic_store(&thread->gone, true);
    thread->tell(thread->tell_arg);
    return NULL;
}

/* ---- on the control thread ---- */

void mr_worker_thread_start(mr_worker_thread *thread, mr_worker *worker, const mr_board *board) {
    thread->worker = worker;
    thread->board = board;
    int failed = pthread_create(&thread->thread, NULL, worker_main, thread);
    MR_ASSERT(failed == 0);
}

void mr_worker_thread_look(mr_worker_thread *thread) {
    atomic_fetch_add(&thread->look_wanted, 1);
    mr_wakeup_raise(&thread->wakeup);
}

bool mr_worker_thread_looked(const mr_worker_thread *thread) {
    return atomic_load(&thread->look_done) == atomic_load(&thread->look_wanted);
}

bool mr_worker_thread_quiet(const mr_worker_thread *thread) {
    return atomic_load(&thread->quiet);
}

uint64_t mr_worker_thread_progress(const mr_worker_thread *thread) {
    return atomic_load(&thread->progress);
}

bool mr_worker_thread_stopped(const mr_worker_thread *thread) {
    return atomic_load(&thread->stopped);
}

const mr_failure *mr_worker_thread_failure(const mr_worker_thread *thread) {
    return atomic_load(&thread->failed) ? &thread->failure : NULL;
}

bool mr_worker_thread_pause(mr_worker_thread *thread) {
    pthread_mutex_lock(&thread->lock);
    thread->pause_wanted = true;
    atomic_store(&thread->pausing, true);
    mr_wakeup_raise(&thread->wakeup);
    while (!thread->parked && !atomic_load(&thread->failed)) {
        pthread_cond_wait(&thread->changed, &thread->lock);
    }
    bool parked = thread->parked;
    pthread_mutex_unlock(&thread->lock);
    return parked;
}

void mr_worker_thread_resume(mr_worker_thread *thread) {
    pthread_mutex_lock(&thread->lock);
    thread->pause_wanted = false;
    atomic_store(&thread->pausing, false);
    pthread_cond_broadcast(&thread->changed);
    /* The next pause must not take this parking for its own. */
    while (thread->parked) {
        pthread_cond_wait(&thread->changed, &thread->lock);
    }
    pthread_mutex_unlock(&thread->lock);
}

void mr_worker_thread_leave(mr_worker_thread *thread) {
    atomic_store(&thread->leaving, true);
    mr_wakeup_raise(&thread->wakeup);
}

bool mr_worker_thread_gone(const mr_worker_thread *thread) {
    return atomic_load(&thread->gone);
}

void mr_worker_thread_join(mr_worker_thread *thread) {
    int failed = pthread_join(thread->thread, NULL);
    MR_ASSERT(failed == 0);
}

void mr_worker_thread_destroy(mr_worker_thread *thread) {
    if (!thread) {
        return;
    }
    pthread_cond_destroy(&thread->changed);
    pthread_mutex_destroy(&thread->lock);
    mr_wakeup_deinit(&thread->wakeup);
    mr_free(thread);
}
