#include "runtime/app/thread_log.h"

#include <pthread.h>

#include "runtime/base/alloc.h"
#include "runtime/base/assert.h"

struct mr_log_thread {
    mr_log_driver *driver;
    mr_clock clock;
    mr_wakeup wakeup;
    pthread_t thread;
    void (*tell)(void *arg);
    void *tell_arg;
    atomic_int ending;  /* 0, or 1 + mr_log_thread_end */
    atomic_bool failed; /* failure is written before */
    mr_err failure;
};

static void core_failed(void *arg, const mr_err *err) {
    mr_log_thread *thread = arg;
    thread->failure = *err;
    atomic_store(&thread->failed, true);
    thread->tell(thread->tell_arg);
}

static bool should_end(mr_log_thread *thread) {
    int ending = atomic_load(&thread->ending);
    return ending == 1 + MR_LOG_THREAD_ABANDON ||
           (ending == 1 + MR_LOG_THREAD_DRAIN && mr_log_driver_outstanding(thread->driver) == 0);
}

static void *log_main(void *arg) {
    mr_log_thread *thread = arg;
    for (;;) {
        bool worked = mr_log_driver_step(thread->driver, mr_clock_now(&thread->clock));
        if (should_end(thread)) {
            return NULL;
        }
        if (!worked) {
            mr_wakeup_wait(&thread->wakeup, mr_log_driver_deadline_ns(thread->driver));
        }
    }
}

mr_log_thread *mr_log_thread_create(const mr_log_thread_config *config) {
    mr_log_thread *thread = mr_alloc(sizeof *thread);
    mr_wakeup_init(&thread->wakeup);
    thread->clock = config->clock;
    thread->tell = config->tell;
    thread->tell_arg = config->tell_arg;
    atomic_init(&thread->ending, 0);
    atomic_init(&thread->failed, false);
    thread->driver =
        mr_log_driver_create(config->core, &(mr_log_driver_config){.disk = config->disk,
                                                                   .pool = config->pool,
                                                                   .wake = mr_wakeup_raise,
                                                                   .wake_arg = &thread->wakeup,
                                                                   .failed = core_failed,
                                                                   .failed_arg = thread});
    int failed = pthread_create(&thread->thread, NULL, log_main, thread);
    MR_ASSERT(failed == 0);
    return thread;
}

mr_mailbox *mr_log_thread_requests(mr_log_thread *thread) {
    return mr_log_driver_requests(thread->driver);
}

const mr_err *mr_log_thread_failure(const mr_log_thread *thread) {
    return atomic_load(&thread->failed) ? &thread->failure : NULL;
}

void mr_log_thread_join(mr_log_thread *thread, mr_log_thread_end end) {
    atomic_store(&thread->ending, 1 + (int)end);
    mr_wakeup_raise(&thread->wakeup);
    int failed = pthread_join(thread->thread, NULL);
    MR_ASSERT(failed == 0);
}

void mr_log_thread_destroy(mr_log_thread *thread) {
    if (!thread) {
        return;
    }
    mr_log_driver_destroy(thread->driver);
    mr_wakeup_deinit(&thread->wakeup);
    mr_free(thread);
}
