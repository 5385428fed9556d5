/* tests/unit/connectors_world.h - a job of one source and three sinks on one thread: the real
 * worker, members, log and file plugin over one simulated disk.
 *
 *   in/a.jsonl --events_file--> events[2] --events_dir: filter value.n < 100--> out/events/
 *                    \--malformed--> bad --bad_one--> out/bad.jsonl
 *                       no number (events_dir) --> rejected --rejected_one--> out/rejected.jsonl
 * Thread: owner only.
 */
#pragma once

#include "runtime/engine/worker.h"
#include "tests/simulation/log_world.h"

typedef struct connector_world connector_world;

typedef enum connector_world_start { WORLD_GOES_ON, WORLD_RESETS_SINKS } connector_world_start;

typedef struct connector_world_config {
    mr_run_until until;
    uint64_t rate; /* source records a second; 0: no bound */
    uint64_t seed;
    int64_t generation;          /* 0: 1 */
    connector_world_start start; /* RESETS_SINKS: as a job does that opens in a new generation */
    const char *rotate_records;  /* of events_dir; NULL: none */
    const char *rotate_size;     /* likewise */
    const char *max_record;      /* NULL: none */
} connector_world_config;

typedef enum connector_world_end {
    WORLD_DONE,   /* stopped in order */
    WORLD_FAILED, /* the worker, or the disk, failed: see connector_world_message */
    WORLD_BUSY,   /* the steps are used up */
} connector_world_end;

/* NULL: the disk failed during recovery or start. */
connector_world *connector_world_open(mr_sim_disk *sim, const connector_world_config *config);
/* At most so many steps. --until-end: drains and stops by itself. */
connector_world_end connector_world_run(connector_world *world, uint32_t steps_max);
/* For a time of the virtual clock, or until it fails. */
connector_world_end connector_world_run_for(connector_world *world, int64_t ms);
mr_board *connector_world_board(connector_world *world);
const char *connector_world_message(const connector_world *world);
mr_log_world *connector_world_log(connector_world *world);
mr_partition_id connector_world_topic(const connector_world *world, const char *stream);
/* After WORLD_DONE: shuts the log down. */
void connector_world_close(connector_world *world);
/* As a crash: no I/O but closing files. NULL is fine. */
void connector_world_drop(connector_world *world);
