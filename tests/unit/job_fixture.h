/* tests/unit/job_fixture.h - runs of whole jobs, one after the other over one simulated disk: what
 * stands in topics before, what is there after, crashes and resets between. Checks are cmocka's.
 * Thread: owner only. */
#pragma once

#include "tests/simulation/job_world.h"

#define JOB_STEPS_MAX 3000000

typedef struct job_fixture {
    mr_sim_disk *sim;
    mr_model_store *model;
    mr_now start; /* each run begins later than the one before it */
    uint64_t seed;
    mr_job_world *world; /* of the run under way */
    mr_err err;
} job_fixture;

/* Counts records of `a` by key in windows of 1 s without grace, into `out`; late ones go to
 * `tardy`. */
extern const char job_windowed[];

int job_setup(void **state); /* *state becomes a job_fixture */
int job_teardown(void **state);

/* Appends records, "k=v k=v"; each call is a transaction, so that a marker stands behind it. The
 * first one makes the topic with so many partitions. */
void job_put_in(job_fixture *f, const char *topic, int32_t partitions, int32_t partition,
                const char *records);
/* The same to a topic of one partition. */
void job_put(job_fixture *f, const char *topic, const char *records);
/* "k=v k=v" of partition 0, without offsets, long keys cut; what is not there is "". Valid until
 * the next call. */
const char *job_records_of(job_fixture *f, const char *topic);
void job_write_file(job_fixture *f, const char *path, const char *text);

mr_job_world_options job_options_of(job_fixture *f, const char *job, mr_run_until until);
mr_status job_open(job_fixture *f, const mr_job_world_options *options) MR_CHECKED;
/* As kill -9; all that was written is there. */
void job_leave(job_fixture *f);
/* A whole run with --until-end. */
void job_run_to_end(job_fixture *f, const char *job);
/* A run without an end, killed a while after the board shows what was waited for. */
void job_run_options_until(job_fixture *f, const mr_job_world_options *options,
                           bool (*reached)(const mr_board *board));
void job_run_until(job_fixture *f, const char *job, bool (*reached)(const mr_board *board));
bool job_closed_two(const mr_board *board); /* windows, in this run */
void job_reset(job_fixture *f, const char *job);
