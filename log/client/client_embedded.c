#include "log/client/log_client.h"

#include "runtime/base/alloc.h"
#include "runtime/base/assert.h"

struct mr_log_client {
    mr_mailbox *requests; /* the log thread's */
    mr_mailbox *answers;
    size_t outstanding;
    mr_log_request **pool; /* at rest, ready to be used again */
    size_t pool_count;
    size_t pool_cap;
};

mr_log_client *mr_log_client_create_embedded(mr_mailbox *requests, void (*wake)(void *arg),
                                             void *arg) {
    mr_log_client *client = mr_alloc(sizeof(*client));
    client->requests = requests;
    client->answers = mr_mailbox_create(MR_CLIENT_REQUESTS_MAX, wake, arg);
    return client;
}

void mr_log_client_destroy(mr_log_client *client) {
    if (!client) {
        return;
    }
    MR_ASSERT(client->outstanding == 0);
    for (size_t i = 0; i < client->pool_count; i++) {
        mr_log_request_destroy(client->pool[i]);
    }
    mr_mailbox_destroy(client->answers);
    mr_free(client->pool);
    mr_free(client);
}

mr_log_request *mr_log_client_request(mr_log_client *client, mr_log_op op) {
    if (client->pool_count == 0) {
        return mr_log_request_create(op, client->answers);
    }
    mr_log_request *request = client->pool[--client->pool_count];
    request->op = op;
    return request;
}

void mr_log_client_recycle(mr_log_client *client, mr_log_request *request) {
    if (!request) {
        return;
    }
    mr_log_request_clear(request);
    /* Not the error's text: clear() ended it, and a kilobyte for each fetch would be felt. */
    request->context = NULL;
    request->token = 0;
    request->topic[0] = '\0';
    request->partitions = 0;
    request->topic_kind = MR_TOPIC_USER;
    request->codec = MR_CODEC_NONE;
    request->partition = MR_PARTITION_NONE;
    request->offset = 0;
    request->bytes_max = 0;
    request->wait = MR_LOG_NO_WAIT;
    request->txn = NULL;
    request->transactional_id = MR_BYTES_NULL;
    request->metadata = MR_BYTES_NULL;
    if (client->pool_count == client->pool_cap) {
        client->pool_cap = client->pool_cap ? client->pool_cap * 2 : 16;
        client->pool = mr_realloc(client->pool, client->pool_cap * sizeof(*client->pool));
    }
    client->pool[client->pool_count++] = request;
}

mr_status mr_log_client_submit(mr_log_client *client, mr_log_request *request) {
    MR_ASSERT(request->reply_to == client->answers);
    if (client->outstanding >= MR_CLIENT_REQUESTS_MAX) {
        return MR_AGAIN;
    }
    mr_status status = mr_mailbox_push(client->requests, &request->mail);
    if (status == MR_OK) {
        client->outstanding++;
    }
    return status;
}

mr_log_request *mr_log_client_poll(mr_log_client *client) {
    mr_mail *mail = mr_mailbox_pop(client->answers);
    if (!mail) {
        return NULL;
    }
    MR_ASSERT(client->outstanding > 0);
    client->outstanding--;
    return (mr_log_request *)mail;
}

size_t mr_log_client_outstanding(const mr_log_client *client) {
    return client->outstanding;
}

mr_status mr_log_client_call(mr_log_client *client, mr_log_request *request,
                             void (*pump)(void *arg), void *arg) {
    mr_status status = mr_log_client_submit(client, request);
    if (status != MR_OK) {
        return status;
    }
    mr_log_request *answered = mr_log_client_poll(client);
    while (!answered) {
        pump(arg);
        answered = mr_log_client_poll(client);
    }
    MR_ASSERT(answered == request);
    return request->status;
}
