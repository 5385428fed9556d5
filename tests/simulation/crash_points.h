/* tests/simulation/crash_points.h - one crash of a script, from the start image to the judgement.
 *
 *   crash_image (start, expected results)
 *      | clone, stop_at(point)                 | for each variant of what the disk lost
 *      v                                       v
 *   world ... power off --> moment --> clones, crash both --> recover, check, run on, check
 *
 * Thread: owner only. */
#pragma once

#include "tests/simulation/crash_reach.h"
#include "tests/simulation/crash_scripts.h"

typedef struct crash_image {
    const crash_script *script;
    uint32_t log_breaks, graph_breaks, writeback_breaks;
    mr_sim_disk *sim;
    mr_model_store *model;
    mr_buf expected; /* results of an uninterrupted run */
    mr_now start;
    uint64_t seed;
    uint64_t recovery_mutations; /* that the log's recovery makes over this image */
} crash_image;

typedef struct crash_counts {
    uint64_t points, stops, replayed, replayed_most, replay_bound_most, rows_spilled, states,
        state_rows;
    crash_reached reached;
} crash_counts;

/* Expected results are those of an uninterrupted, unbroken run with one worker and other limits. */
void crash_image_make(const crash_script *script, uint64_t seed, crash_image *out, mr_buf *problem);
void crash_image_deinit(crash_image *image);

/* A script stopped at an I/O operation, ready to be crashed in several ways. */
typedef struct crash_stopped {
    mr_sim_disk *sim;
    mr_model_store *model;
    crash_moment moment;
    mr_now now;
    uint64_t point;
    uint64_t variants; /* and one more: a killed process */
    bool ended;        /* the script was over before the point */
    bool damaged;      /* CRASH_DAMAGED_STORE: the store was read so often */
    bool judged;       /* nothing is left to crash: CRASH_ROT */
} crash_stopped;

/* `point`: the I/O operation at which the power goes. CRASH_FULL: how far the disk's capacity is
 * from the start image, in steps; CRASH_FAILED_...: which operation of the kind fails;
 * CRASH_DAMAGED_STORE: which read finds the damage; CRASH_ROT: which of the image's places has
 * changed. */
void crash_stop(const crash_image *image, uint64_t point, crash_stopped *out, crash_counts *counts,
                mr_buf *problem);
void crash_stopped_deinit(crash_stopped *stopped);
/* Crashes, recovers, checks, runs to the end, checks. variant == variants: a killed process. */
void crash_try(const crash_image *image, const crash_stopped *stopped, uint64_t variant,
               crash_counts *counts, mr_buf *problem);
/* The script without a crash, checked; returns how many I/O operations it made. */
uint64_t crash_run_whole(const crash_image *image, crash_counts *counts, mr_buf *problem);
