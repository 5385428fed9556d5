/* runtime/app/settings.h - node settings: defaults, then millrace.yaml, then options
 * (docs/settings.md). The file knows the same names with underscores, checked as strictly as a job.
 * Options win. Thread: main. */
#pragma once

#include "runtime/app/options.h"
#include "topologies/settings_file.h"

typedef enum mr_state_kind { MR_STATE_ROCKSDB, MR_STATE_MEMORY } mr_state_kind;

typedef struct mr_settings {
    char *data; /* the data directory */
    uint32_t workers;
    uint64_t memory_bytes;
    int64_t commit_interval_ms;
    uint64_t spill_bytes;
    int64_t spill_age_ms;
    uint64_t rate; /* source records per second; 0: no bound */
    mr_state_kind state;
} mr_settings;

/* Option tables name these, so that each verb takes the same. */
#define MR_OPTION_DATA                                                                             \
    {                                                                                              \
        .name = "data", .kind = MR_OPTION_TEXT, .value_name = "DIR",                               \
        .help = "the data directory (default ./millrace-data)"                                     \
    }
#define MR_OPTION_CONFIG                                                                           \
    {                                                                                              \
        .name = "config", .kind = MR_OPTION_TEXT, .value_name = "FILE",                            \
        .help = "the settings file (default ./millrace.yaml where it exists)"                      \
    }

/* Defaults; workers = cores. */
void mr_settings_init(mr_settings *settings, uint32_t cores);
void mr_settings_deinit(mr_settings *settings);
/* One setting by its name in the file. MR_INVALID: the message says what would be right. */
mr_status mr_settings_set(mr_settings *settings, const char *name, const char *text,
                          mr_err *err) MR_CHECKED;
/* A settings file's text; file: its name for messages, whose folder relative `data` is under.
 * MR_INVALID: report holds every problem with its place. */
mr_status mr_settings_take_file(mr_settings *settings, const char *file, mr_bytes text,
                                mr_buf *report) MR_CHECKED;
/* Everything as the command line asks for it. MR_INVALID: it was said on stderr. */
mr_status mr_settings_load(const mr_arguments *arguments, mr_settings *out) MR_CHECKED;
