/* runtime/engine/source_reads.h - a source plugin's calls, carried out on the I/O pool: one at a
 * time, each giving a batch of its own, so that the next one can be read while the last one runs
 * through the steps. Thread: owner worker, between submit and the work's return not at all. */
#pragma once

#include "connectors/api/connector.h"
#include "runtime/engine/connector_host.h"
#include "runtime/engine/member.h"

/* One line, copied: at `at` in the batch's bytes (with MR_BUF_PADDING behind). */
typedef struct mr_source_line {
    size_t at;
    size_t len;
    uint64_t line;
    const char *problem; /* NULL, or the batch's */
} mr_source_line;

typedef struct mr_source_batch {
    mr_source_line *lines;
    size_t lines_count, lines_cap;
    mr_buf bytes;
    mr_buf problems;
    char position[MR_CONNECTOR_POSITION_BYTES_MAX];
    mr_connector_result result; /* OK, END, AGAIN; else a failure */
    char error[512];
    bool full; /* read, and not yet handed over */
} mr_source_batch;

typedef enum mr_source_call { MR_SOURCE_OPEN, MR_SOURCE_READ } mr_source_call;

typedef struct mr_source_reads {
    mr_member_work work; /* must be first */
    mr_work_pool pool;
    const mr_connector *plugin;
    mr_connector_host_files *files;
    mr_connector_setting *settings;
    size_t settings_count;
    char max_record[24]; /* text of a setting of ours */
    void *plugin_self;   /* NULL: not opened */
    mr_buf origin;       /* the plugin's name of what it reads, NUL-terminated */
    bool outstanding;
    /* of the call under way */
    mr_source_call call;
    mr_buf position;        /* OPEN: NUL-terminated; empty: from the start */
    mr_source_batch *batch; /* where the answer goes */
    size_t records_max;
    size_t bytes_max;
    int take_rest;
} mr_source_reads;

/* MR_INVALID: no such plugin, or it has no sources. */
mr_status mr_source_reads_init(mr_source_reads *reads, mr_member *member,
                               const mr_plan_source *source, mr_disk *disk, mr_mailbox *works,
                               mr_work_pool pool, mr_err *err) MR_CHECKED;
void mr_source_reads_deinit(
    mr_source_reads *reads); /* closes the plugin; nothing may be outstanding on the pool */
/* The batch gets result and error; it must stay until the work is back. position: copied, NULL:
 * from the start. */
void mr_source_reads_open(mr_source_reads *reads, const char *position, mr_source_batch *batch);
void mr_source_reads_read(mr_source_reads *reads, size_t records_max, size_t bytes_max,
                          int take_rest, mr_source_batch *batch);
void mr_source_batch_deinit(mr_source_batch *batch);
