/* log/io/log_driver.h - carries out the core's effects: the same code in the real log thread and in
 * the simulator, which differ in the disk and the work pool they hand in. Thread: the log thread
 * only, except requests(). */
#pragma once

#include "log/core/log_core.h"
#include "log/core/recovery.h"
#include "runtime/base/disk.h"
#include "runtime/base/work.h"

typedef struct mr_log_driver mr_log_driver;

typedef struct mr_log_driver_config {
    mr_disk *disk; /* root of the data directory */
    mr_work_pool pool;
    void (*wake)(void *arg); /* called from any thread when the driver has something to do */
    void *wake_arg;
    void (*failed)(void *arg,
                   const mr_err *err); /* the core stopped; called once, on the log thread */
    void *failed_arg;
} mr_log_driver_config;

/* Takes core. */
mr_log_driver *mr_log_driver_create(mr_log_core *core, const mr_log_driver_config *config);
/* All work must be back (after SHUTDOWN was answered, or the simulator dropped it). */
void mr_log_driver_destroy(mr_log_driver *driver);
/* Where clients push requests. Thread: any. */
mr_mailbox *mr_log_driver_requests(mr_log_driver *driver);
/* Drains requests and finished work, steps the core, starts I/O. true: something was done. */
bool mr_log_driver_step(mr_log_driver *driver, mr_now now);
int64_t mr_log_driver_deadline_ns(const mr_log_driver *driver);
size_t mr_log_driver_outstanding(const mr_log_driver *driver); /* works not yet back */
mr_log_core *mr_log_driver_core(mr_log_driver *driver);
