#include "tests/simulation/crash_scripts.h"

#include "runtime/base/prng.h"

/* One file of lines {"k", "g", "t", "n"}, read into `events` by k. */
#define STREAM_EVENTS(PARTITIONS)                                                                  \
    "job: camp\n"                                                                                  \
    "streams:\n"                                                                                   \
    "  events: {topic: events, key: string, value: json, time: {from: value.t, idle: 1h},\n"       \
    "           create: {partitions: " PARTITIONS "}}\n"
#define SOURCE                                                                                     \
    "sources:\n"                                                                                   \
    "  in_file:\n"                                                                                 \
    "    file: {path: in.jsonl, format: json}\n"                                                   \
    "    steps: [{rekey: value.k}]\n"                                                              \
    "    to: events\n"

/* Records through the log and out again: everything in order. */
#define PASS_JOB(PARTITIONS, SINK)                                                                 \
    STREAM_EVENTS(PARTITIONS)                                                                      \
    "  out: {topic: out, key: string, value: json, create: {partitions: " PARTITIONS "}}\n" SOURCE \
    "pipelines:\n"                                                                                 \
    "  pass: {from: events, steps: [{filter: value.n % 5 ~= 0}], to: out}\n"                       \
    "sinks:\n"                                                                                     \
    "  out_sink: {from: out, file: {" SINK ", format: json}}\n"

/* Each partition of `out` has one writing task. */
static const char pass_job[] = PASS_JOB("2", "dir: outs, rotate: {records: 3}");
static const char pass_one_job[] = PASS_JOB("1", "path: outs/all.jsonl");

/* Windows behind a repartition with two senders, late records, state; and what MORE_STREAMS and
 * MORE_PIPELINES add. */
#define WINDOWS_JOB(MORE_STREAMS, MORE_PIPELINES, ROTATE)                                          \
    STREAM_EVENTS("2")                                                                             \
    "  out: {topic: out, key: string, value: json}\n"                                              \
    "  late: {topic: late, key: string, value: json}\n"                                            \
    "  totals_out: {topic: totals, key: string, value: json, create: {partitions: "                \
    "2}}\n" MORE_STREAMS SOURCE "pipelines:\n"                                                     \
    "  windows:\n"                                                                                 \
    "    from: events\n"                                                                           \
    "    steps:\n"                                                                                 \
    "      - rekey: value.g\n"                                                                     \
    "      - aggregate:\n"                                                                         \
    "          window: {tumbling: 10ms, grace: 5ms, late: late, emit: final}\n"                    \
    "          store: w\n"                                                                         \
    "          fields: {g: key, start: window.start, n: count(), s: sum(value.n)}\n"               \
    "    to: out\n" MORE_PIPELINES "  totals:\n"                                                   \
    "    from: events\n"                                                                           \
    "    steps:\n"                                                                                 \
    "      - aggregate: {store: t, fields: {n: count(), s: sum(value.n)}}\n"                       \
    "    to: totals_out\n"                                                                         \
    "sinks:\n"                                                                                     \
    "  out_sink: {from: out, file: {dir: outs, format: json, rotate: {records: " ROTATE "}}}\n"    \
    "  late_sink: {from: late, file: {path: late.jsonl, format: json}}\n"

static const char windows_job[] = WINDOWS_JOB("", "", "3");

/* Windows of windows, the second behind a repartition of the first one's results; many keys. */
static const char levels_job[] =
    WINDOWS_JOB("  second_out: {topic: second, key: string, value: json}\n",
                "  second:\n"
                "    from: windows\n"
                "    steps:\n"
                "      - rekey: tostring(value.n)\n"
                "      - aggregate:\n"
                "          window: {tumbling: 10ms, grace: 0s, late: drop, emit: final}\n"
                "          store: v\n"
                "          fields: {n: key, start: window.start, c: count(), s: sum(value.s)}\n"
                "    to: second_out\n",
                "30");

#define BASE                                                                                       \
    .seed = 7, .until = MR_RUN_UNTIL_END, .job_file = "camp.yaml", .commit_interval_ms = 1,        \
    .fetch_bytes_max = 400

const crash_script crash_scripts[] = {
    {.name = "append",
     .job = pass_job,
     .records = 10,
     .order = RESULTS_EXACT,
     .points_min = 500,
     .reach_min = {{[REACH_UNDECIDED] = 20, [REACH_DECISION] = 5}},
     .options = {BASE, .workers = 1, .txn_bytes_max = 4000}},
    {.name = "roll",
     .job = pass_job,
     .records = 12,
     .order = RESULTS_EXACT,
     .points_min = 500,
     .reach_min = {{[REACH_ROLL] = 20}},
     .options = {BASE, .txn_bytes_max = 600, .workers = 1, .segment_bytes_max = 500}},
    {.name = "decision",
     .job = pass_job,
     .records = 16,
     .order = RESULTS_EXACT,
     .points_min = 500,
     .reach_min = {{[REACH_DECISION] = 20}},
     .options = {BASE, .workers = 3, .txn_bytes_max = 300}},
    {.name = "markers",
     .job = pass_job,
     .records = 16,
     .order = RESULTS_EXACT,
     .points_min = 500,
     .reach_min = {{[REACH_UNMARKED] = 20}},
     .options = {BASE, .txn_bytes_max = 600, .workers = 2, .schedule = MR_JOB_SCHEDULE_SLOW_IO}},
    {.name = "spill",
     .job = windows_job,
     .records = 14,
     .order = RESULTS_SET,
     .windows = true,
     .replay_max = 40,
     .points_min = 500,
     .reach_min = {{[REACH_UNFLUSHED] = 40, [REACH_REPLAYED] = 300}},
     .options = {BASE, .txn_bytes_max = 600, .workers = 2, .spill_bytes_max = 100}},
    /* Whole chunks of rows and many records in one transaction. */
    {.name = "chunks",
     .job = levels_job,
     .records = 36,
     .order = RESULTS_SET,
     .windows = true,
     .points_min = 300,
     .reach_min = {{[REACH_UNFLUSHED] = 100, [REACH_HALF_SPILL] = 1}},
     .options = {BASE, .txn_bytes_max = 16000, .workers = 2, .spill_bytes_max = 1500}},
    {.name = "restore",
     .job = windows_job,
     .records = 30,
     .setup = CRASH_SETUP_KILLED,
     .order = RESULTS_SET,
     .windows = true,
     .setup_spill_bytes_max = 100000,
     .points_min = 200,
     .reach_min = {{[REACH_RESTORE] = 25, [REACH_UNFLUSHED] = 50, [REACH_REPLAYED] = 500}},
     .options = {BASE, .txn_bytes_max = 600, .workers = 1, .spill_bytes_max = 300}},
    {.name = "recovery",
     .job = windows_job,
     .records = 30,
     .setup = CRASH_SETUP_TORN,
     .order = RESULTS_SET,
     .windows = true,
     .points_min = 100,
     .reach_min = {{[REACH_RECOVERY] = 60, [REACH_REPAIRED] = 200}},
     .options = {BASE, .txn_bytes_max = 600, .workers = 2, .spill_bytes_max = 300}},
    {.name = "reset",
     .job = windows_job,
     .records = 16,
     .setup = CRASH_SETUP_ENDED,
     .stage = CRASH_RESET,
     .order = RESULTS_SET,
     .windows = true,
     .points_min = 100,
     .reach_min = {{[REACH_RESET] = 15}},
     .options = {BASE, .txn_bytes_max = 600, .workers = 1, .spill_bytes_max = 300}},
    {.name = "sink",
     .job = pass_one_job,
     .records = 14,
     .order = RESULTS_EXACT,
     .one_file = true,
     .points_min = 500,
     .reach_min = {{[REACH_UNPUBLISHED] = 12}},
     .options = {BASE, .txn_bytes_max = 600, .workers = 2, .schedule = MR_JOB_SCHEDULE_SLOW_LOG}},
    {.name = "full",
     .job = pass_job,
     .records = 16,
     .stage = CRASH_FULL,
     .order = RESULTS_EXACT,
     .points_min = 100,
     .reach_min = {{[REACH_FAILED] = 15}},
     .options = {BASE, .txn_bytes_max = 600, .workers = 2}},
    {.name = "short-io",
     .job = windows_job,
     .records = 6,
     .order = RESULTS_SET,
     .windows = true,
     .short_io_percent = 25,
     .points_min = 500,
     .reach_min = {{[REACH_FAULT] = 10000, [REACH_UNFLUSHED] = 30}},
     .options = {BASE, .txn_bytes_max = 600, .workers = 2, .spill_bytes_max = 100}},
    {.name = "sync-fails",
     .job = windows_job,
     .records = 14,
     .stage = CRASH_FAILED_SYNC,
     .order = RESULTS_SET,
     .windows = true,
     .points_min = 100,
     .reach_min = {{[REACH_FAULT] = 60, [REACH_FAILED] = 40}},
     .options = {BASE, .txn_bytes_max = 600, .workers = 2, .spill_bytes_max = 300}},
    {.name = "write-fails",
     .job = windows_job,
     .records = 14,
     .stage = CRASH_FAILED_WRITE,
     .order = RESULTS_SET,
     .windows = true,
     .points_min = 100,
     .reach_min = {{[REACH_FAULT] = 60, [REACH_FAILED] = 40}},
     .options = {BASE, .txn_bytes_max = 600, .workers = 2, .spill_bytes_max = 300}},
    {.name = "read-fails",
     .job = windows_job,
     .records = 14,
     .setup = CRASH_SETUP_KILLED,
     .stage = CRASH_FAILED_READ,
     .order = RESULTS_SET,
     .windows = true,
     .points_min = 100,
     .reach_min = {{[REACH_FAULT] = 60, [REACH_FAILED] = 40, [REACH_RESTORE] = 10}},
     .options = {BASE, .txn_bytes_max = 600, .workers = 2, .spill_bytes_max = 300}},
    {.name = "damage",
     .job = windows_job,
     .records = 30,
     .setup = CRASH_SETUP_KILLED,
     .stage = CRASH_DAMAGED_STORE,
     .order = RESULTS_SET,
     .windows = true,
     .points_min = 100,
     .reach_min = {{[REACH_FAULT] = 20, [REACH_FAILED] = 10}},
     .options = {BASE, .txn_bytes_max = 600, .workers = 2, .spill_bytes_max = 100}},
    {.name = "rot",
     .job = windows_job,
     .records = 10,
     .setup = CRASH_SETUP_ENDED,
     .stage = CRASH_ROT,
     .order = RESULTS_SET,
     .windows = true,
     .points_min = 100,
     .reach_min = {{[REACH_FAULT] = 200, [REACH_FAILED] = 100}},
     .options = {BASE, .txn_bytes_max = 600, .workers = 2, .spill_bytes_max = 300}},
};
const size_t crash_scripts_count = sizeof crash_scripts / sizeof crash_scripts[0];

const crash_script *crash_script_find(const char *name) {
    for (size_t i = 0; i < crash_scripts_count; i++) {
        if (strcmp(crash_scripts[i].name, name) == 0) {
            return &crash_scripts[i];
        }
    }
    return NULL;
}

void crash_script_input(uint32_t records, mr_buf *out) {
    mr_prng prng = mr_prng_seeded(3);
    uint64_t t = 1000;
    for (uint32_t i = 1; i <= records; i++) {
        t += 5 * mr_prng_below(&prng, 2); /* often just the moment at which a window closes */
        uint64_t back = mr_prng_below(&prng, 4) == 0 ? mr_prng_below(&prng, 40) : 0;
        mr_buf_printf(out, "{\"k\":\"%c\",\"g\":\"%c\",\"t\":%u,\"n\":%u}\n",
                      'a' + (int)mr_prng_below(&prng, 20), 'x' + (int)mr_prng_below(&prng, 3),
                      (unsigned)(t - back), i);
    }
}

const crash_break crash_breaks[] = {
    {"markers-before-sync", "decision", 400},
    {"decision-before-sync", "decision", 400},
    {"sync-leaves-one-out", "decision", 400},
    {"spill-undecided", "spill", 400},
    {"position-first", "chunks", 400},
    {"purge-overtakes", "spill", 400},
    {"window-end", "spill", 100},
    {"late-outside", "spill", 400},
    {"time-record-first", "chunks", 400},
};
const size_t crash_breaks_count = sizeof crash_breaks / sizeof crash_breaks[0];
