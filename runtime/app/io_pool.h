/* runtime/app/io_pool.h - the threads that wait for the disk. Works are run in the order they came,
 * as many at a time as there are threads. The queue links the works themselves, so it is bounded by
 * the works that their submitters own. Thread: submit any; create and destroy the control thread.
 */
#pragma once

#include "runtime/base/work.h"

typedef struct mr_io_pool mr_io_pool;

mr_io_pool *mr_io_pool_create(uint32_t threads);
/* Runs what is queued, then ends the threads. NULL is fine. */
void mr_io_pool_destroy(mr_io_pool *pool);
mr_work_pool mr_io_pool_of(mr_io_pool *pool);
