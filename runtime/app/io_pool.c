#include "runtime/app/io_pool.h"

#include <pthread.h>
#include <signal.h>

#include "runtime/base/alloc.h"
#include "runtime/base/assert.h"

struct mr_io_pool {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    mr_work *first; /* linked by mail.next, which a mailbox uses only between push and pop */
    mr_work *last;
    bool ending;
    pthread_t *threads;
    uint32_t threads_count;
};

/* NULL: the pool ends and nothing is queued. */
static mr_work *take(mr_io_pool *pool) {
    pthread_mutex_lock(&pool->lock);
    while (!pool->first && !pool->ending) {
        pthread_cond_wait(&pool->changed, &pool->lock);
    }
    mr_work *work = pool->first;
    if (work) {
        pool->first = (mr_work *)work->mail.next;
        if (!pool->first) {
            pool->last = NULL;
        }
    }
    pthread_mutex_unlock(&pool->lock);
    return work;
}

static void *pool_main(void *arg) {
    mr_io_pool *pool = arg;
    mr_work *work;
    while ((work = take(pool)) != NULL) {
        mr_mailbox *done = work->done;
        work->run(work);
        mr_status status = mr_mailbox_push(done, &work->mail);
        MR_ASSERT(status == MR_OK); /* work.h: there is room for every work outstanding */
    }
    return NULL;
}

static void submit(void *self, mr_work *work) {
    mr_io_pool *pool = self;
    work->mail.next = NULL;
    pthread_mutex_lock(&pool->lock);
    MR_ASSERT(!pool->ending);
    if (pool->last) {
        pool->last->mail.next = &work->mail;
    } else {
        pool->first = work;
    }
    pool->last = work;
    pthread_cond_signal(&pool->changed);
    pthread_mutex_unlock(&pool->lock);
}

mr_io_pool *mr_io_pool_create(uint32_t threads) {
    MR_ASSERT(threads > 0);
    mr_io_pool *pool = mr_alloc(sizeof *pool);
    int failed = pthread_mutex_init(&pool->lock, NULL);
    failed |= pthread_cond_init(&pool->changed, NULL);
    pool->threads = mr_alloc_array(threads, sizeof *pool->threads);
    pool->threads_count = threads;
    for (uint32_t i = 0; i < threads; i++) {
        failed |= pthread_create(&pool->threads[i], NULL, pool_main, pool);
    }
    MR_ASSERT(failed == 0);
    return pool;
}

void mr_io_pool_destroy(mr_io_pool *pool) {
    if (!pool) {
        return;
    }
    pthread_mutex_lock(&pool->lock);
    pool->ending = true;
    pthread_cond_broadcast(&pool->changed);
    pthread_mutex_unlock(&pool->lock);
    for (uint32_t i = 0; i < pool->threads_count; i++) {
        int failed = pthread_join(pool->threads[i], NULL);
        MR_ASSERT(failed == 0);
    }
    MR_ASSERT(!pool->first);
    pthread_cond_destroy(&pool->changed);
    pthread_mutex_destroy(&pool->lock);
    mr_free(pool->threads);
    mr_free(pool);
}

mr_work_pool mr_io_pool_of(mr_io_pool *pool) {
    return (mr_work_pool){.submit = submit, .self = pool};
}
