#include "runtime/engine/sink_calls.h"

#include "connectors/registry.h"
#include "runtime/base/alloc.h"
#include "runtime/base/assert.h"

/* ---- rows ---- */

void mr_sink_rows_add(mr_sink_rows *rows, int64_t offset, mr_bytes json) {
    if (rows->count == rows->cap) {
        rows->cap = rows->cap > 0 ? rows->cap * 2 : 64;
        rows->items = mr_realloc(rows->items, rows->cap * sizeof *rows->items);
    }
    rows->items[rows->count++] = (mr_connector_row){.offset = offset, .len = json.len};
    mr_buf_put_bytes(&rows->bytes, json);
}

void mr_sink_rows_clear(mr_sink_rows *rows) {
    rows->count = 0;
    mr_buf_clear(&rows->bytes);
}

void mr_sink_rows_deinit(mr_sink_rows *rows) {
    mr_free(rows->items);
    mr_buf_deinit(&rows->bytes);
    *rows = (mr_sink_rows){0};
}

static void place_rows(mr_sink_rows *rows) {
    size_t at = 0;
    for (size_t i = 0; i < rows->count; i++) {
        rows->items[i].data = rows->bytes.data + at;
        at += rows->items[i].len;
    }
    MR_ASSERT(at == rows->bytes.len);
}

/* ---- on the pool ---- */

static void run(mr_work *work) {
    mr_sink_calls *calls = (mr_sink_calls *)work;
    const mr_connector *plugin = calls->plugin;
    char *err = calls->error;
    size_t err_bytes = sizeof calls->error;
    switch (calls->call) {
    case MR_SINK_OPEN:
        calls->result = plugin->sink_open(mr_connector_host_of(calls->files), calls->settings,
                                          calls->settings_count, &calls->chain,
                                          calls->has_intent ? calls->intent : NULL, &calls->resume,
                                          &calls->plugin_self, err, err_bytes);
        break;
    case MR_SINK_WRITE:
        calls->result =
            plugin->sink_write(calls->plugin_self, calls->writing.items, calls->writing.count,
                               &calls->piece_full, err, err_bytes);
        break;
    case MR_SINK_PREPARE:
        calls->result = plugin->sink_prepare(calls->plugin_self, calls->end_offset, calls->intent,
                                             sizeof calls->intent, err, err_bytes);
        break;
    case MR_SINK_PUBLISH:
        calls->result = plugin->sink_publish(calls->plugin_self, calls->intent, err, err_bytes);
        break;
    }
    if (calls->result == MR_CONNECTOR_OK) {
        calls->rows_left =
            plugin->sink_rows_left ? plugin->sink_rows_left(calls->plugin_self) : UINT64_MAX;
    }
}

/* ---- on the worker ---- */

static void submit(mr_sink_calls *calls, mr_sink_call call) {
    MR_ASSERT(!calls->outstanding);
    calls->call = call;
    calls->error[0] = '\0';
    calls->outstanding = true;
    calls->pool.submit(calls->pool.self, &calls->work.work);
}

void mr_sink_calls_open(mr_sink_calls *calls) {
    calls->resume =
        (mr_connector_resume){.struct_bytes = sizeof calls->resume, .publish_offset = -1};
    submit(calls, MR_SINK_OPEN);
}

void mr_sink_calls_write(mr_sink_calls *calls) {
    MR_ASSERT(calls->filling.count > 0);
    mr_sink_rows empty = calls->writing;
    calls->writing = calls->filling;
    calls->filling = empty;
    mr_sink_rows_clear(&calls->filling);
    place_rows(&calls->writing);
    calls->piece_full = 0;
    submit(calls, MR_SINK_WRITE);
}

void mr_sink_calls_prepare(mr_sink_calls *calls, int64_t end_offset) {
    calls->end_offset = end_offset;
    submit(calls, MR_SINK_PREPARE);
}

void mr_sink_calls_publish(mr_sink_calls *calls) {
    submit(calls, MR_SINK_PUBLISH);
}

mr_status mr_sink_calls_init(mr_sink_calls *calls, mr_member *member, const mr_plan_sink *sink,
                             mr_disk *disk, mr_mailbox *works, mr_work_pool pool, mr_err *err) {
    *calls = (mr_sink_calls){
        .work = {.work = {.run = run, .done = works}, .member = member},
        .pool = pool,
        .plugin = mr_connector_find(sink->plugin),
        .rows_left = UINT64_MAX,
    };
    if (calls->plugin == NULL || calls->plugin->sink_fields == NULL) {
        return mr_err_set(err, MR_INVALID, "no connector '%s' for sinks", sink->plugin);
    }
    calls->files = mr_connector_host_create(disk);
    calls->settings = mr_connector_settings_of(sink->settings, sink->settings_count);
    calls->settings_count = sink->settings_count;
    return MR_OK;
}

void mr_sink_calls_deinit(mr_sink_calls *calls) {
    if (calls->plugin_self != NULL) {
        calls->plugin->sink_close(calls->plugin_self);
    }
    mr_connector_host_destroy(calls->files);
    mr_free(calls->settings);
    mr_sink_rows_deinit(&calls->filling);
    mr_sink_rows_deinit(&calls->writing);
}
