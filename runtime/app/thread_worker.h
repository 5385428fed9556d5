/* runtime/app/thread_worker.h - one worker on a thread of its own: steps it, sleeps until its
 * deadline or a wake, and says on atomics what the control thread must know.
 *
 *   STARTED --leave, drained--> gone          STARTED --step failed--> FAILED --leave--> gone
 *      |  ^
 *      v  | pause, resume
 *    PARKED
 * Thread: the control thread calls; `wakeup` is raised from any. */
#pragma once

#include "runtime/app/wakeup.h"
#include "runtime/engine/worker.h"

typedef struct mr_worker_thread mr_worker_thread;

/* tell(arg) is called on the worker's thread when it failed or stopped. */
mr_worker_thread *mr_worker_thread_create(mr_clock clock, void (*tell)(void *arg), void *arg);
/* What the worker's client and mailbox raise; before start. */
mr_wakeup *mr_worker_thread_wakeup(mr_worker_thread *thread);
/* worker: borrowed until joined. */
void mr_worker_thread_start(mr_worker_thread *thread, mr_worker *worker, const mr_board *board);

/* Asks for one more step and a new answer of `quiet`; see mr_worker_thread_looked. */
void mr_worker_thread_look(mr_worker_thread *thread);
/* A step was made that began after the last look. */
bool mr_worker_thread_looked(const mr_worker_thread *thread);
bool mr_worker_thread_quiet(const mr_worker_thread *thread); /* behind that step */
uint64_t mr_worker_thread_progress(const mr_worker_thread *thread);
bool mr_worker_thread_stopped(const mr_worker_thread *thread); /* STOPPING was obeyed */
/* NULL: it did not fail. Borrowed until destroyed. */
const mr_failure *mr_worker_thread_failure(const mr_worker_thread *thread);

/* Between pause and resume the worker is the caller's to read. false: it failed. */
bool mr_worker_thread_pause(mr_worker_thread *thread);
void mr_worker_thread_resume(mr_worker_thread *thread);

/* The thread ends when the worker is drained; a failed one at once. */
void mr_worker_thread_leave(mr_worker_thread *thread);
bool mr_worker_thread_gone(const mr_worker_thread *thread);
void mr_worker_thread_join(mr_worker_thread *thread);
void mr_worker_thread_destroy(
    mr_worker_thread *thread); /* joined, or never started; NULL is fine */
