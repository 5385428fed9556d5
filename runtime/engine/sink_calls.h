/* runtime/engine/sink_calls.h - a sink plugin's calls, carried out on the I/O pool, one at a time;
 * and the rows on their way there. Thread: owner worker; between submit and the work's return only
 * `filling` rows are touched. */
#pragma once

#include "connectors/api/connector.h"
#include "runtime/engine/connector_host.h"
#include "runtime/engine/member.h"

/* Rows back to back; data pointers are set when they are handed over, because the bytes move while
 * they grow. */
typedef struct mr_sink_rows {
    mr_buf bytes;
    mr_connector_row *items;
    size_t count, cap;
} mr_sink_rows;

void mr_sink_rows_add(mr_sink_rows *rows, int64_t offset, mr_bytes json);
void mr_sink_rows_clear(mr_sink_rows *rows);
void mr_sink_rows_deinit(mr_sink_rows *rows);

typedef enum mr_sink_call {
    MR_SINK_OPEN,
    MR_SINK_WRITE,
    MR_SINK_PREPARE,
    MR_SINK_PUBLISH
} mr_sink_call;

typedef struct mr_sink_calls {
    mr_member_work work; /* must be first */
    mr_work_pool pool;
    const mr_connector *plugin;
    mr_connector_host_files *files;
    mr_connector_setting *settings;
    size_t settings_count;
    mr_connector_chain chain; /* texts borrowed from the member */
    void *plugin_self;        /* NULL: not opened */
    bool outstanding;
    mr_sink_call call;                          /* under way, or the last one */
    mr_sink_rows filling;                       /* the member's */
    mr_sink_rows writing;                       /* WRITE: the pool's */
    int64_t end_offset;                         /* PREPARE */
    char intent[MR_CONNECTOR_INTENT_BYTES_MAX]; /* of the piece last prepared, or the one OPEN was
                                                   given */
    bool has_intent;
    /* answers */
    mr_connector_result result;
    char error[512];
    mr_connector_resume resume; /* OPEN */
    int piece_full;             /* WRITE */
    uint64_t rows_left;         /* of the piece under way; UINT64_MAX: no bound */
} mr_sink_calls;

/* MR_INVALID: no such plugin, or it has no sinks. */
mr_status mr_sink_calls_init(mr_sink_calls *calls, mr_member *member, const mr_plan_sink *sink,
                             mr_disk *disk, mr_mailbox *works, mr_work_pool pool,
                             mr_err *err) MR_CHECKED;
void mr_sink_calls_deinit(
    mr_sink_calls *calls); /* closes the plugin; nothing may be outstanding on the pool */
/* Opens with calls->intent if has_intent. */
void mr_sink_calls_open(mr_sink_calls *calls);
void mr_sink_calls_write(mr_sink_calls *calls); /* the filling rows; there must be some */
void mr_sink_calls_prepare(mr_sink_calls *calls, int64_t end_offset);
void mr_sink_calls_publish(mr_sink_calls *calls); /* the intent */
