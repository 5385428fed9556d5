#include "log/core/log_core.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "log/core/core_state.h"
#include "log/core/recovery_steps.h"
#include "runtime/base/alloc.h"
#include "runtime/base/assert.h"

/* Between syncs of markers and checkpoints: bounds what a restart scans and how long decisions
 * stay. */
#define TICK_NS 3000000000LL

mr_log_core *mr_log_core_create(struct mr_log_image *image, const mr_log_core_config *config) {
    MR_ASSERT(image->mode == MR_RECOVERY_REPAIR);
#ifndef MR_BROKEN
    MR_ASSERT(config->breaks == 0);
#endif
    mr_log_core *core = mr_alloc(sizeof(*core));
    core->state = image->state;
    image->state = NULL;
    mr_log_image_destroy(image);
    core->config = *config;
    if (core->config.segment_bytes_max == 0) {
        core->config.segment_bytes_max = MR_SEGMENT_BYTES_MAX;
    }
    if (core->config.segment_age_ms_max == 0) {
        core->config.segment_age_ms_max = MR_SEGMENT_AGE_MS_MAX;
    }
    /* Ids of a later run must differ from those of this one, though the seed be the same. */
    core->prng = mr_prng_seeded(config->seed ^ ((uint64_t)core->state->metadata->end << 32));
    core->tick_due_ns = INT64_MAX;
    core->producer_id_next = core->state->producer_id_next;
    core->producer_id_end = core->producer_id_next;
    mr_producer_table_init(&core->producers);
    return core;
}

void mr_log_core_destroy(mr_log_core *core) {
    if (!core) {
        return;
    }
    MR_ASSERT(!core->transactions && !core->reading && core->deferred.count == 0);
    while (core->removals) {
        mr_removal *next = core->removals->next;
        mr_free(core->removals);
        core->removals = next;
    }
    mr_producer_table_deinit(&core->producers);
    mr_log_state_destroy(core->state);
    mr_free(core->deferred.items);
    mr_free(core->ios);
    mr_free(core);
}

/* ---- answers ---- */

void mr_core_reply(mr_log_core *core, mr_log_request *request, mr_status status) {
    request->status = status;
    mr_log_effect *effect = mr_core_effect(core, MR_LOG_EFFECT_REPLY);
    effect->request = request;
}

void mr_core_defer(mr_log_core *core, mr_log_request *request) {
    mr_request_list *list = &core->deferred;
    if (list->count == list->cap) {
        list->cap = list->cap ? list->cap * 2 : 8;
        list->items = mr_realloc(list->items, list->cap * sizeof(*list->items));
    }
    list->items[list->count++] = request;
}

mr_status mr_core_partition(mr_log_core *core, mr_partition_id id, mr_partition **out,
                            mr_err *err) {
    mr_partition *partition = mr_log_state_partition(core->state, id);
    if (!partition || partition->topic->life != MR_TOPIC_LIVE) {
        return mr_err_set(err, MR_NOT_FOUND, "no such partition (number %" PRIu32 ")", id);
    }
    if (partition->offline) {
        return mr_err_set(err, MR_CORRUPT, "partition %s-%" PRId32 " is offline: %s",
                          partition->topic->name, partition->number, partition->offline_message);
    }
    *out = partition;
    return MR_OK;
}

static void offsets(mr_log_core *core, mr_log_request *request) {
    mr_partition *partition;
    mr_status status = mr_core_partition(core, request->partition, &partition, &request->err);
    if (status == MR_OK) {
        request->offsets = (mr_log_offsets){.start = partition->start,
                                            .stable_end = partition->stable_end,
                                            .end = partition->end,
                                            .size_bytes = mr_partition_size_bytes(partition)};
    }
    mr_core_reply(core, request, status);
}

/* ---- failing ---- */

/* Drops what a request brought in and the core will not use. */
static void drop_batches(mr_log_request *request) {
    for (size_t i = 0; request->op == MR_LOG_COMMIT && i < request->txn->parts_count; i++) {
        mr_shared_unref(request->txn->parts[i].batches);
        request->txn->parts[i].batches = NULL;
    }
}

static void refuse(mr_log_core *core, mr_log_request *request) {
    drop_batches(request);
    if (core->phase == MR_CORE_FAILED) {
        request->err = core->failure;
        mr_core_reply(core, request, core->failure.status);
        return;
    }
    mr_core_reply(core, request, mr_err_set(&request->err, MR_UNAVAILABLE, "the log is closing"));
}

static void fail_with(mr_log_core *core, const mr_err *why) {
    if (core->phase == MR_CORE_FAILED) {
        return;
    }
    core->failure = *why;
    core->phase = MR_CORE_FAILED;
    core->tick_due_ns = INT64_MAX;
    mr_core_transactions_fail(core);
    mr_core_fetches_fail(core);
    mr_core_metadata_fail(core);
    for (size_t i = 0; i < core->deferred.count; i++) {
        refuse(core, core->deferred.items[i]);
    }
    core->deferred.count = 0;
    if (core->shutdown) {
        refuse(core, core->shutdown);
        core->shutdown = NULL;
    }
}

void mr_core_fail(mr_log_core *core, mr_status status, int sys, const char *what) {
    mr_err why = {0};
    if (status == MR_FULL) {
        (void)mr_err_set(&why, MR_FULL, "%s: no space left", what);
    } else if (sys != 0) {
        (void)mr_err_sys(&why, MR_UNAVAILABLE, sys, "%s failed", what);
    } else {
        (void)mr_err_set(&why, MR_UNAVAILABLE, "%s failed", what);
    }
    bool first = core->phase != MR_CORE_FAILED;
    fail_with(core, &why);
    if (first) {
        (void)mr_core_effect(core, MR_LOG_EFFECT_FAILED);
    }
}

static void io_failed(mr_log_core *core, const mr_core_io *io, const mr_log_event *event) {
    static const char *const verbs[] = {
        "creating", "writing", "syncing",           "syncing the directory of", "",
        "",         "writing", "removing files of", "removing files of"};
    const mr_partition *partition = mr_log_state_partition(core->state, io->partition);
    char what[MR_TOPIC_NAME_MAX + 96];
    char *path = partition ? mr_partition_path(partition, io->segment_base, MR_SEGMENT_LOG)
                           : mr_strdup(MR_CHECKPOINT_PATH);
    snprintf(what, sizeof(what), "%s %s", verbs[io->kind], path);
    mr_free(path);
    mr_core_fail(core, event->status, event->sys, what);
}

/* ---- events ---- */

static void dispatch(mr_log_core *core, mr_log_request *request) {
    switch (request->op) {
    case MR_LOG_CREATE_TOPIC:
        mr_core_create_topic(core, request);
        return;
    case MR_LOG_DELETE_TOPIC:
        mr_core_delete_topic(core, request);
        return;
    case MR_LOG_DESCRIBE:
        mr_core_describe(core, request);
        return;
    case MR_LOG_LIST:
        mr_core_list(core, request);
        return;
    case MR_LOG_FETCH:
        mr_core_fetch(core, request);
        return;
    case MR_LOG_OFFSETS:
        offsets(core, request);
        return;
    case MR_LOG_INIT_PRODUCER:
        mr_core_init_producer(core, request);
        return;
    case MR_LOG_COMMIT:
        mr_core_commit(core, request);
        return;
    case MR_LOG_PURGE:
        mr_core_purge(core, request);
        return;
    case MR_LOG_APPEND_METADATA:
        mr_core_append_metadata(core, request);
        return;
    case MR_LOG_SHUTDOWN:
        break;
    }
    MR_ASSERT(request->op == MR_LOG_SHUTDOWN);
    core->phase = MR_CORE_CLOSING;
    core->shutdown = request;
    for (size_t i = 0; i < core->state->partitions_count; i++) {
        if (core->state->partitions[i]) {
            mr_core_answer_parked(core, core->state->partitions[i], MR_AGAIN, "the log is closing");
        }
    }
}

static void take_request(mr_log_core *core, mr_log_request *request) {
    if (core->phase == MR_CORE_RUNNING) {
        dispatch(core, request);
    } else {
        refuse(core, request);
    }
}

static void io_done(mr_log_core *core, const mr_log_event *event) {
    mr_core_io io = mr_core_io_end(core, event->io);
    if (core->phase == MR_CORE_FAILED) {
        mr_shared_unref(event->read); /* nobody waits for it any more */
        return;
    }
    if (io.kind == MR_CORE_IO_READ) {
        mr_core_fetch_read(core, io.object, event);
        return;
    }
    if (event->status != MR_OK && io.kind != MR_CORE_IO_HELP &&
        !(io.kind == MR_CORE_IO_REMOVE && event->status == MR_NOT_FOUND)) {
        io_failed(core, &io, event);
        return;
    }
    switch (io.kind) {
    case MR_CORE_IO_WRITE:
        mr_core_write_done(core, &io);
        break;
    case MR_CORE_IO_SYNC:
        mr_core_sync_done(core, &io);
        break;
    case MR_CORE_IO_NAME:
        mr_core_name_done(core, &io);
        break;
    case MR_CORE_IO_CHECKPOINT:
        mr_core_checkpoint_done(core);
        break;
    case MR_CORE_IO_REMOVAL:
        ((mr_removal *)io.object)->ios--;
        break;
    case MR_CORE_IO_OPEN:
    case MR_CORE_IO_HELP:
    case MR_CORE_IO_READ:
    case MR_CORE_IO_REMOVE:
        break;
    }
}

/* Takes up again what waited for a change. */
static void retry_deferred(mr_log_core *core) {
    while (core->retry && core->phase != MR_CORE_FAILED) {
        core->retry = false;
        mr_request_list waiting = core->deferred;
        core->deferred = (mr_request_list){0};
        for (size_t i = 0; i < waiting.count; i++) {
            take_request(core, waiting.items[i]);
        }
        mr_free(waiting.items);
    }
}

void mr_log_core_step(mr_log_core *core, mr_now now, const mr_log_event *event,
                      mr_log_effects *effects) {
    core->now = now;
    core->effects = effects;
    switch (event->kind) {
    case MR_LOG_EVENT_REQUEST:
        take_request(core, event->request);
        break;
    case MR_LOG_EVENT_IO_DONE:
        io_done(core, event);
        break;
    case MR_LOG_EVENT_TICK:
        if (core->phase != MR_CORE_FAILED) {
            mr_core_tick(core);
        }
        break;
    case MR_LOG_EVENT_STOP: {
        mr_err why = {0};
        (void)mr_err_set(&why, MR_UNAVAILABLE, "the log was stopped");
        fail_with(core, &why);
        break;
    }
    }
    if (core->phase == MR_CORE_RUNNING || core->phase == MR_CORE_CLOSING) {
        mr_core_decide(core);
        mr_core_removals_go_on(core);
        retry_deferred(core);
    }
    if (core->phase == MR_CORE_CLOSING) {
        core->retry = true;
        retry_deferred(core);
        mr_core_shutdown_goes_on(core);
    }
    core->effects = NULL;
}

void mr_core_tick_within(mr_log_core *core, int64_t delay_ns) {
    if (core->phase == MR_CORE_FAILED || core->phase == MR_CORE_CLOSED) {
        return;
    }
    int64_t due = core->now.mono_ns + (delay_ns < TICK_NS ? delay_ns : TICK_NS);
    core->tick_due_ns = due < core->tick_due_ns ? due : core->tick_due_ns;
}

int64_t mr_log_core_deadline_ns(const mr_log_core *core) {
    return core->tick_due_ns;
}

bool mr_log_core_failed(const mr_log_core *core) {
    return core->phase == MR_CORE_FAILED;
}

bool mr_log_core_closed(const mr_log_core *core) {
    return core->phase == MR_CORE_CLOSED;
}

const mr_err *mr_log_core_failure(const mr_log_core *core) {
    return &core->failure;
}

mr_log_counters mr_log_core_counters(const mr_log_core *core) {
    return core->counters;
}
