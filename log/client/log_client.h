/* log/client/log_client.h - what tasks, connectors and commands see of a log.
 *
 * Asynchronous: submit() hands a request over, poll() gives answered ones back. "Committed" is this
 * interface's word (decision synced; later: below the high watermark, Kafka's commit ok); whoever
 * calls it knows nothing of fsync. Backends: embedded (this file's create), later kafka. Thread:
 * owner only; each worker, the control thread and each test has a client of its own.
 */
#pragma once

#include "log/core/log_core.h"

typedef struct mr_log_client mr_log_client;

/* requests: the log thread's mailbox. wake(arg): called from any thread when an answer arrived. */
mr_log_client *mr_log_client_create_embedded(mr_mailbox *requests, void (*wake)(void *arg),
                                             void *arg);
/* All requests must have come back. */
void mr_log_client_destroy(mr_log_client *client);
/* A cleared request of this op from the client's pool, or a new one. */
mr_log_request *mr_log_client_request(mr_log_client *client, mr_log_op op);
void mr_log_client_recycle(mr_log_client *client, mr_log_request *request);
/* The request belongs to the log until poll() gives it back. MR_AGAIN: MR_CLIENT_REQUESTS_MAX are
 * under way, nothing was taken. */
mr_status mr_log_client_submit(mr_log_client *client, mr_log_request *request) MR_CHECKED;
mr_log_request *mr_log_client_poll(mr_log_client *client); /* NULL: none */
size_t mr_log_client_outstanding(const mr_log_client *client);

/* Submits and waits for this one answer: pump(arg) is called until it came (real: waits for the
 * wake; simulated: runs the world one step). For start-up, commands and tests; other answers must
 * not be due. */
mr_status mr_log_client_call(mr_log_client *client, mr_log_request *request,
                             void (*pump)(void *arg), void *arg) MR_CHECKED;
