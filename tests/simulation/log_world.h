/* tests/simulation/log_world.h - a whole log on one thread: simulated disk, seeded work pool,
 * recovery, core, driver and one client. Crash scripts stay short: open, do things, drop, crash the
 * disk, open again.
 *
 *   mr_log_world_open --> pump / call / commit / read --> mr_log_world_close   (orderly, then a
 * clean disk)
 *                                                    \--> mr_log_world_drop    (as a crash: no I/O
 * at all)
 *
 * Each pump runs one thing: a step of the driver, or one queued work of the pool, chosen by the
 * seed; with nothing to run, the virtual clock goes on to the next deadline. Deterministic. Thread:
 * owner only.
 */
#pragma once

#include "log/client/fetch_reader.h"
#include "log/client/log_client.h"
#include "log/io/log_driver.h"
#include "tests/simulation/sim_disk.h"

typedef struct mr_log_world mr_log_world;

/* config may be NULL. The disk is borrowed. Fails as mr_log_recover does; *report_out may be NULL.
 */
mr_status mr_log_world_open(mr_sim_disk *sim, uint64_t seed, const mr_log_core_config *config,
                            mr_log_world **out, mr_recovery_report *report_out,
                            mr_err *err) MR_CHECKED;
/* The same, so much later by the wall clock than every world begins. */
mr_status mr_log_world_open_later(mr_sim_disk *sim, uint64_t seed, const mr_log_core_config *config,
                                  int64_t later_ms, mr_log_world **out,
                                  mr_recovery_report *report_out, mr_err *err) MR_CHECKED;
/* Shuts the log down and frees the world (in any case). */
mr_status mr_log_world_close(mr_log_world *world) MR_CHECKED;
/* Frees everything without I/O; requests under way come back answered and are freed. NULL is fine.
 */
void mr_log_world_drop(mr_log_world *world);
/* One step of the world; arg is the world, so that it fits mr_log_client_call. */
void mr_log_world_pump(void *arg);
/* Submits and pumps until the answer is there. */
mr_status mr_log_world_call(mr_log_world *world, mr_log_request *request) MR_CHECKED;
/* Pumps until no work is under way and all messages are taken. */
void mr_log_world_settle(mr_log_world *world);
/* Moves the virtual clock on, then settles: ticks that become due happen. */
void mr_log_world_advance(mr_log_world *world, int64_t ms);

mr_log_client *mr_log_world_client(mr_log_world *world);
mr_log_driver *mr_log_world_driver(mr_log_world *world);
mr_now mr_log_world_now(const mr_log_world *world);

/* ---- short forms ---- */

/* Who writes transactions; epoch is that of its last one. */
typedef struct mr_log_writer {
    char id[32];
    int64_t producer_id;
    int16_t epoch;
} mr_log_writer;

/* What goes to one partition: records as text, "k=v k2=v2 =v3" ("-" for no value, nothing before
 * '=': no key), a new batch at each "|". */
typedef struct mr_log_write {
    mr_partition_id partition;
    const char *records;
    int64_t offset_first; /* out */
    int64_t offset_last;  /* out */
} mr_log_write;

#define MR_LOG_WRITES_MAX 8

mr_status mr_log_world_topic(mr_log_world *world, const char *name, int32_t partitions,
                             mr_topic_kind kind, mr_partition_id *first_out) MR_CHECKED;
mr_status mr_log_world_claim(mr_log_world *world, mr_log_writer *writer) MR_CHECKED;
/* Commits with the writer's next epoch, which it keeps if the log took it. */
mr_status mr_log_world_commit(mr_log_world *world, mr_log_writer *writer, mr_log_write *writes,
                              size_t count) MR_CHECKED;
/* The same without waiting: the request goes off; poll the client for it. *request_out is freed
 * with mr_log_world_commit_end, which takes the offsets. */
mr_log_request *mr_log_world_commit_begin(mr_log_world *world, const mr_log_writer *writer,
                                          const mr_log_write *writes, size_t count);
mr_status mr_log_world_commit_end(mr_log_world *world, mr_log_request *request,
                                  mr_log_write *writes) MR_CHECKED;
/* All committed records as text "0:k=v 1:k2=v2", appended. */
mr_status mr_log_world_read(mr_log_world *world, mr_partition_id partition, mr_buf *out,
                            mr_err *err) MR_CHECKED;
mr_status mr_log_world_offsets(mr_log_world *world, mr_partition_id partition,
                               mr_log_offsets *out) MR_CHECKED;
mr_status mr_log_world_purge(mr_log_world *world, mr_partition_id partition,
                             int64_t offset) MR_CHECKED;
/* Appends the records of one answer to out as above; moves *offset on. */
mr_status mr_log_fetched_text(const mr_fetched *fetched, int64_t *offset, mr_buf *out,
                              mr_err *err) MR_CHECKED;
