/* tests/simulation/crash_scripts.h - the scripts of the crash campaigns: small jobs, each with
 * limits that put one thing at the centre. Thread: any, read-only. */
#pragma once

#include "tests/simulation/crash_reach.h"
#include "tests/simulation/job_world.h"

typedef enum crash_stage {
    CRASH_RUN,   /* the job runs from the start image to its end */
    CRASH_RESET, /* `reset` over the start image, then the job again */
    /* one fault of the disk, which the job may end at with a message; then again without */
    CRASH_FULL,          /* the disk fills up */
    CRASH_FAILED_SYNC,   /* a sync fails, and what it should have written is lost */
    CRASH_FAILED_WRITE,  /* a write fails */
    CRASH_FAILED_READ,   /* a read fails */
    CRASH_DAMAGED_STORE, /* a store is damaged from one of its reads on, until it is made anew */
    /* a bit of the start image has changed, and all of it is read: `reset`, then the job */
    CRASH_ROT,
} crash_stage;

/* What the start image is. */
typedef enum crash_setup {
    CRASH_SETUP_INPUT,  /* the source's file and nothing else */
    CRASH_SETUP_KILLED, /* the job was killed half way */
    CRASH_SETUP_TORN,   /* power was lost half way, and the disk kept what it liked */
    CRASH_SETUP_ENDED,  /* the job ran to its end */
} crash_setup;

typedef struct crash_script {
    const char *name;
    const char *job;
    uint32_t records; /* of the input file */
    crash_setup setup;
    crash_stage stage;
    results_order order;            /* against the uninterrupted run */
    bool windows;                   /* the windows are recomputed naively */
    bool one_file;                  /* the sink of `out` writes one file */
    uint64_t setup_spill_bytes_max; /* of the run behind the start image; 0: as in the options */
    uint64_t
        replay_max; /* changelog records that any start may replay, by its spill bound; 0: any */
    uint64_t points_min;       /* fewer in a full campaign is a failure */
    crash_reached reach_min;   /* likewise */
    uint32_t short_io_percent; /* of reads and writes, before the crash and behind it */
    mr_job_world_options options;
} crash_script;

extern const crash_script crash_scripts[];
extern const size_t crash_scripts_count;
const crash_script *crash_script_find(const char *name); /* NULL */
/* The input file, the same for the same number of records. */
void crash_script_input(uint32_t records, mr_buf *out);

/* Which script shows that a promise is broken. */
typedef struct crash_break {
    const char *name;   /* as --break says */
    const char *script; /* the one that must catch it */
    uint32_t runs_max;
} crash_break;
extern const crash_break crash_breaks[];
extern const size_t crash_breaks_count;
