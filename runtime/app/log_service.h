/* runtime/app/log_service.h - the log of one process: the data directory locked, recovered, served
 * by the log thread and its I/O pool, with a client for the control thread. Thread: main. */
#pragma once

#include "log/client/log_client.h"
#include "log/core/recovery.h"
#include "runtime/app/catalog.h"
#include "runtime/app/thread_log.h"
#include "runtime/engine/job.h"

typedef struct mr_log_service mr_log_service;

typedef struct mr_log_service_config {
    const char *data; /* made when missing */
    uint32_t breaks;  /* mr_log_break bits */
    mr_clock clock;
    void (*tell)(void *arg); /* called from the log thread when the core failed */
    void *tell_arg;
} mr_log_service_config;

/* MR_FENCED: another process serves the directory; the message names its pid. Other errors:
 * recovery's. On failure nothing is left running or locked. */
mr_status mr_log_service_open(const mr_log_service_config *config, mr_log_service **out,
                              mr_recovery_report *report, mr_err *err) MR_CHECKED;
/* SHUTDOWN if that was not yet, then ends the log thread and the pool: nobody pushes into a
 * client's or a worker's mailbox any more, so they may be destroyed. All other clients must be
 * drained. */
void mr_log_service_stop(mr_log_service *service);
/* Stops if that was not yet, frees, unlocks. All other clients must be destroyed. NULL is fine. */
void mr_log_service_close(mr_log_service *service);
/* After a failure: a last sync if the core still works, then the log thread ends; nothing is freed,
 * the lock goes with the process. */
void mr_log_service_abandon(mr_log_service *service);
/* SHUTDOWN: parked fetches are answered, checkpoints written. MR_UNAVAILABLE: the core has failed.
 */
mr_status mr_log_service_shutdown(mr_log_service *service) MR_CHECKED;

/* The control thread's own calls. */
mr_log_caller mr_log_service_caller(mr_log_service *service);
/* What other clients are made with. Thread: any. */
mr_mailbox *mr_log_service_requests(mr_log_service *service);
mr_work_pool mr_log_service_pool(mr_log_service *service);
mr_disk *mr_log_service_disk(mr_log_service *service);
/* Why the core stopped, NULL: it works. */
const mr_err *mr_log_service_failure(const mr_log_service *service);
/* Asks the running log. */
mr_topic_counts mr_log_service_topic_counts(mr_log_service *service);
/* What recovery did, one message a line, on stderr; silent when it did nothing. */
void mr_recovery_report_say(const mr_recovery_report *report);
