/* runtime/app/thread_log.h - the log thread: steps the driver, sleeps until something is asked of
 * it. Thread: create, stop and join the control thread; the rest as said. */
#pragma once

#include "log/io/log_driver.h"
#include "runtime/app/wakeup.h"

typedef struct mr_log_thread mr_log_thread;

typedef struct mr_log_thread_config {
    mr_log_core *core; /* taken */
    mr_disk *disk;
    mr_work_pool pool;
    mr_clock clock;
    void (*tell)(void *arg); /* called on the log thread when the core failed */
    void *tell_arg;
} mr_log_thread_config;

mr_log_thread *mr_log_thread_create(const mr_log_thread_config *config); /* starts at once */
/* Where clients push requests. Thread: any. */
mr_mailbox *mr_log_thread_requests(mr_log_thread *thread);
/* Why the core stopped; NULL: it works. Borrowed for life. Thread: any. */
const mr_err *mr_log_thread_failure(const mr_log_thread *thread);

typedef enum mr_log_thread_end {
    MR_LOG_THREAD_DRAIN,   /* after SHUTDOWN was answered: until no work is outstanding */
    MR_LOG_THREAD_ABANDON, /* at once; the process ends without freeing */
} mr_log_thread_end;
void mr_log_thread_join(mr_log_thread *thread, mr_log_thread_end end);
/* After it was drained and joined. NULL is fine. */
void mr_log_thread_destroy(mr_log_thread *thread);
