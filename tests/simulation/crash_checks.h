/* tests/simulation/crash_checks.h - what must hold behind a crash, looked at with disk_log alone.
 * Every check appends to `problem` what is wrong; nothing appended: it holds. Thread: owner only.
 */
#pragma once

#include "tests/simulation/disk_log.h"
#include "tests/simulation/model_store.h"

/* What is known of the moment of a crash: the bytes as the process saw them, and as they were
 * durable whatever happens. */
typedef struct crash_moment {
    disk_log seen;
    disk_log durable;
} crash_moment;

void crash_moment_take(const mr_sim_disk *sim, crash_moment *out);
void crash_moment_deinit(crash_moment *moment);

/* The log after recovery against the moment before: what was decided (a durable decision, or a
 * marker that readers may have seen) is there byte for byte, what had no decision is nowhere, no
 * transaction is half visible, none is left open, offsets are dense. */
void crash_check_history(const crash_moment *before, const disk_log *after, mr_buf *problem);

/* ---- results ---- */

typedef enum results_order { RESULTS_EXACT, RESULTS_SET } results_order;

/* The committed records (key, value, timestamp) of every user topic, one line each, partition by
 * partition, and the lines of every sink's files, put together in the order of their names. SET:
 * the lines of one partition and of one sink sorted. Appended. */
void results_of(const mr_sim_disk *sim, results_order order, mr_buf *out);
/* Both of results_of: the first line that differs, with its title. */
void results_compare(const mr_buf *expected, const mr_buf *found, mr_buf *problem);
/* The files of a sink hold the values of its topic, each once, in order: `dir` ("outs/") or a file
 * ("late.jsonl"). */
void results_check_sink(const mr_sim_disk *sim, const char *topic, const char *path,
                        mr_buf *problem);
/* The values of `topic` are the lines of the file, each once. */
void results_check_source(const mr_sim_disk *sim, const char *file, const char *topic,
                          mr_buf *problem);

/* The windows of tests/simulation/crash_scripts.c recomputed from the records of `events` alone:
 * tumbling 10 ms per `g`, grace 5 ms, n and s; late ones as they are. Against `out` and `late`. */
void results_check_windows(const mr_sim_disk *sim, mr_buf *problem);

/* What a restart may replay: of each changelog, the records behind the position that the store kept
 * through the crash. */
uint64_t replay_bound(const mr_sim_disk *sim, mr_model_store *model, const char *job);
