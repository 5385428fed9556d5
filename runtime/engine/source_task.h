/* runtime/engine/source_task.h - a source: plugin -> steps -> topic, with its position in the same
 * transaction. The position is an offset-commit record: group "source.<name>", topic, partition 0,
 * offset = records handed over, metadata = the plugin's position text and the keyless counter.
 * Reading runs on the I/O pool.
 * --rate: at most so many records a second (token bucket over mono_ns). */
#pragma once

#include "runtime/base/disk.h"
#include "runtime/engine/task.h"

typedef struct mr_source_config {
    const mr_plan *plan;
    uint32_t source;
    const mr_job_topics *topics;
    const char *position;   /* metadata of the committed position; NULL: none */
    int64_t records_before; /* offset of the committed position; 0 */
    mr_disk *disk;          /* the connector's root; calls run on the pool */
    mr_log_client *client;
    mr_mailbox *works;
    mr_work_pool pool;
    mr_script_factory scripts;
    mr_board *board;
    uint64_t rate; /* records per second over the process's sources; 0: no bound */
} mr_source_config;

mr_status mr_source_create(const mr_source_config *config, mr_member **out, mr_err *err) MR_CHECKED;
