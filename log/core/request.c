#include "log/core/log_core.h"

#include "runtime/base/alloc.h"

void mr_log_effects_clear(mr_log_effects *effects) {
    for (size_t i = 0; i < effects->count; i++) {
        mr_free(effects->items[i].path);
        mr_shared_unref(effects->items[i].data);
    }
    effects->count = 0;
}

void mr_log_effects_deinit(mr_log_effects *effects) {
    mr_log_effects_clear(effects);
    mr_free(effects->items);
    *effects = (mr_log_effects){0};
}

/* ---- requests ---- */

mr_log_request *mr_log_request_create(mr_log_op op, mr_mailbox *reply_to) {
    mr_log_request *request = mr_alloc(sizeof(*request));
    request->op = op;
    request->reply_to = reply_to;
    request->partition = MR_PARTITION_NONE;
    return request;
}

void mr_log_request_clear(mr_log_request *request) {
    mr_shared_unref(request->fetched.bytes);
    mr_free((void *)request->fetched.aborted);
    mr_free(request->list);
    request->fetched = (mr_fetched){0};
    request->list = NULL;
    request->list_count = 0;
    request->status = MR_OK;
    request->err.status = MR_OK;
    request->err.sys = 0;
    request->err.message[0] = '\0';
}

void mr_log_request_destroy(mr_log_request *request) {
    if (request) {
        mr_log_request_clear(request);
        mr_free(request);
    }
}
