/* runtime/engine/sink_task.h - a sink: topic partition -> steps -> plugin, exactly once (DESIGN
 * section 9).
 *
 *   OPENING --> READING --piece full, quiet 10 s, end--> PREPARING --intent sealed--> COMMITTING
 * --decided--> PUBLISHING --> READING ...      (opening with an unpublished intent: REBUILDING -->
 * PUBLISHING)
 *
 * The intent is an offset-commit record: group "sink.<job>.<name>", topic, partition, offset = END
 * + 1, metadata = the plugin's intent text and the counters of keyless error records
 * (step_chain.h). Error records of its steps go with the piece that covers them, so that neither
 * comes twice. One member per partition of the stream. */
#pragma once

#include "runtime/base/disk.h"
#include "runtime/engine/task.h"

typedef struct mr_sink_config {
    const mr_plan *plan;
    uint32_t sink;
    int32_t partition;
    const mr_job_topics *topics;
    const char *intent; /* metadata of the committed position; NULL: none */
    int64_t position;   /* committed offset (END + 1); 0: none */
    mr_disk *disk;      /* the connector's root */
    mr_log_client *client;
    mr_mailbox *works;
    mr_work_pool pool;
    mr_script_factory scripts;
    mr_board *board;
} mr_sink_config;

mr_status mr_sink_create(const mr_sink_config *config, mr_member **out, mr_err *err) MR_CHECKED;

/* For `reset` and for the start of a job: removes what the sink wrote in generations below
 * topics->generation, and nothing else; done before is done. Blocks on the disk: not for a worker.
 * MR_INVALID: the output is another log's. */
mr_status mr_sink_reset(const mr_plan *plan, uint32_t sink, const mr_job_topics *topics,
                        mr_disk *disk, mr_err *err) MR_CHECKED;
