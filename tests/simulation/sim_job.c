/* sim_job - runs a job in the simulator to its end, with crashes, and writes down what it did:
 *
 *   sim_job --job job.yaml --input DIR --out DIR [--seed N] [--workers N] [--commit-ms N]
 *           [--txn-bytes N] [--spill-bytes N] [--spill-age-ms N] [--fetch-bytes N] [--crashes N]
 *           [--pieces N] [--pause-ms N] [--resets N] [--stopped job.yaml]
 *           [--schedule even|slow-io|slow-log|slow-workers|lame-worker] [--break NAME]
 *
 * The files of DIR (not of folders in it) are the connectors' files. --pieces: they grow in so
 * many, cut anywhere, while the job runs without an end, is stopped, crashes; then it runs to its
 * end.
 * --pause-ms: at most so long nothing comes after a piece, by the virtual clock.
 * --resets: then it is reset and run to its end, so often; what stood there
 * before the last one lies in before/. --stopped: first this job runs, which an
 * error should stop; `stopped` in the counts is its message. Out come
 *   <topic>-<partition>.jsonl   committed records of every topic that is not internal, in order, as
 *                               `millrace consume` prints them, without offsets
 *   <whatever the sinks wrote>  with their folders
 *   stats.json                  counts
 * Exit 0; 1: a check failed (the state is not the fold of its changelogs, the job failed, no end);
 * 2: usage. The same arguments give the same bytes.
 */
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "runtime/app/breaks.h"
#include "runtime/app/catalog.h"
#include "runtime/base/alloc.h"
#include "runtime/base/prng.h"
#include "runtime/engine/record_json.h"
#include "tests/simulation/disk_log.h"
#include "tests/simulation/job_world.h"
#include "tests/simulation/state_check.h"

#define STEPS_MAX 400000000ull
#define FILE_BYTES_MAX 268435456u

typedef struct arguments {
    const char *job, *input, *out, *stopped;
    uint64_t seed, crashes, pieces, pause_ms, resets;
    mr_job_world_options options;
    mr_breaks breaks;
} arguments;

typedef struct totals {
    uint64_t commits, crashes, crashes_between, kills, rows_spilled, replayed, late, failed,
        dropped, records_in, records_out, windows_closed, state_rows, steps, stores_checked;
    uint64_t replayed_most; /* by one start */
} totals;

typedef struct input_file {
    char name[256];
    mr_buf content;
    size_t given; /* of its bytes lie on the disk */
} input_file;

typedef struct run {
    const arguments *args;
    input_file *inputs;
    size_t inputs_count;
    uint64_t pieces_left; /* still to be given */
    uint64_t slice;       /* about so many steps between two pieces */
    uint64_t stop_at;     /* the mutation where the power goes */
    mr_now start;         /* of the next life */
    mr_sim_disk *sim;
    mr_model_store *model;
    mr_prng prng;
    totals totals;
    uint64_t crashes_pending; /* with no commit behind them yet */
    mr_buf problem;
    mr_buf job_text;
    mr_buf stopped; /* what --stopped said */
} run_state;

/* ---- arguments ---- */

static int usage(const char *message) {
    fprintf(stderr, "sim_job: %s\n", message);
    return 2;
}

static bool take_schedule(arguments *args, const char *name) {
    static const char *const names[MR_JOB_SCHEDULES] = {"even", "slow-io", "slow-log",
                                                        "slow-workers", "lame-worker"};
    for (int i = 0; i < MR_JOB_SCHEDULES; i++) {
        if (strcmp(names[i], name) == 0) {
            args->options.schedule = (mr_job_schedule)i;
            return true;
        }
    }
    return false;
}

static bool take_number(arguments *args, const char *name, uint64_t number) {
    mr_job_world_options *options = &args->options;
    if (strcmp(name, "--seed") == 0) {
        args->seed = number;
    } else if (strcmp(name, "--crashes") == 0) {
        args->crashes = number;
    } else if (strcmp(name, "--pieces") == 0) {
        args->pieces = number;
    } else if (strcmp(name, "--pause-ms") == 0) {
        args->pause_ms = number;
    } else if (strcmp(name, "--resets") == 0) {
        args->resets = number;
    } else if (strcmp(name, "--workers") == 0) {
        options->workers = (uint32_t)number;
    } else if (strcmp(name, "--commit-ms") == 0) {
        options->commit_interval_ms = (int64_t)number;
    } else if (strcmp(name, "--txn-bytes") == 0) {
        options->txn_bytes_max = number;
    } else if (strcmp(name, "--spill-bytes") == 0) {
        options->spill_bytes_max = number;
    } else if (strcmp(name, "--spill-age-ms") == 0) {
        options->spill_age_ms = (int64_t)number;
    } else if (strcmp(name, "--fetch-bytes") == 0) {
        options->fetch_bytes_max = (uint32_t)number;
    } else {
        return false;
    }
    return true;
}

static bool take_argument(arguments *args, const char *name, const char *value) {
    char *end;
    mr_err err = {0};
    if (strcmp(name, "--job") == 0) {
        args->job = value;
    } else if (strcmp(name, "--input") == 0) {
        args->input = value;
    } else if (strcmp(name, "--out") == 0) {
        args->out = value;
    } else if (strcmp(name, "--stopped") == 0) {
        args->stopped = value;
    } else if (strcmp(name, "--schedule") == 0) {
        return take_schedule(args, value);
    } else if (strcmp(name, "--break") == 0) {
        bool known = mr_breaks_add(&args->breaks, value, &err) == MR_OK;
        return known || strcmp(value, "NONE") == 0;
    } else {
        uint64_t number = strtoull(value, &end, 10);
        return *end == '\0' && end != value && take_number(args, name, number);
    }
    return true;
}

/* ---- files in and out ---- */

static bool read_real(const char *path, mr_buf *out) {
    FILE *file = fopen(path, "rb");
    char block[65536];
    size_t got;
    if (!file) {
        fprintf(stderr, "sim_job: %s: %s\n", path, strerror(errno));
        return false;
    }
    while ((got = fread(block, 1, sizeof block, file)) > 0) {
        mr_buf_put(out, block, got);
    }
    fclose(file);
    return true;
}

static bool write_real(const run_state *run, const char *name, mr_bytes content) {
    mr_buf path = {0};
    mr_buf_printf(&path, "%s/%s", run->args->out, name);
    char *text = (char *)(uintptr_t)mr_buf_cstr(&path);
    for (char *slash = strchr(text + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        mkdir(text, 0777);
        *slash = '/';
    }
    FILE *file = fopen(text, "wb");
    bool written = file && fwrite(content.data, 1, content.len, file) == content.len;
    written = file && fclose(file) == 0 && written;
    if (!written) {
        fprintf(stderr, "sim_job: %s: %s\n", text, strerror(errno));
    }
    mr_buf_deinit(&path);
    return written;
}

static bool load_inputs(run_state *run) {
    DIR *directory = opendir(run->args->input);
    const struct dirent *entry;
    bool loaded = directory != NULL;
    while (directory && (entry = readdir(directory)) != NULL) {
        mr_buf path = {0};
        struct stat info;
        mr_buf_printf(&path, "%s/%s", run->args->input, entry->d_name);
        if (stat(mr_buf_cstr(&path), &info) == 0 && S_ISREG(info.st_mode)) {
            run->inputs = mr_realloc(run->inputs, (run->inputs_count + 1) * sizeof *run->inputs);
            input_file *input = &run->inputs[run->inputs_count++];
            *input = (input_file){0};
            snprintf(input->name, sizeof input->name, "%s", entry->d_name);
            loaded = read_real(mr_buf_cstr(&path), &input->content) && loaded;
        }
        mr_buf_deinit(&path);
    }
    if (directory) {
        closedir(directory);
    }
    return loaded;
}

static bool append_input(run_state *run, input_file *input, size_t len) {
    mr_disk *disk = mr_sim_disk_disk(run->sim);
    mr_file *file = NULL;
    mr_status status = mr_disk_open(disk, input->name, MR_DISK_WRITE, &file, NULL);
    if (status == MR_OK) {
        status =
            mr_disk_write_full(file, input->content.data + input->given, len, input->given, NULL);
    }
    if (status == MR_OK) {
        status = mr_disk_sync(file, NULL);
    }
    mr_file_close(file);
    input->given += len;
    return status == MR_OK;
}

/* The next piece of every file, durable at once: the power does not go meanwhile. */
static bool give_piece(run_state *run, bool first) {
    bool given = true;
    mr_sim_disk_stop_at(run->sim, UINT64_MAX);
    run->pieces_left--;
    for (size_t i = 0; i < run->inputs_count; i++) {
        input_file *input = &run->inputs[i];
        size_t left = input->content.len - input->given;
        size_t len = run->pieces_left == 0 ? left : (size_t)mr_prng_below(&run->prng, left + 1);
        if (first) {
            mr_bytes piece = mr_bytes_of(input->content.data, len);
            mr_status status = mr_disk_write_file(mr_sim_disk_disk(run->sim), input->name,
                                                  len > 0 ? piece : mr_bytes_text(""), NULL);
            given = given && status == MR_OK;
            input->given = len;
        } else if (len > 0) {
            given = append_input(run, input, len) && given;
        }
    }
    uint64_t next = mr_sim_disk_mutations(run->sim) + 1;
    mr_sim_disk_stop_at(run->sim, run->stop_at > next ? run->stop_at : next);
    return given;
}

/* ---- running ---- */

static void check_restored(void *arg, mr_job_world *world, const mr_member *task) {
    run_state *run = arg;
    disk_log log;
    uint64_t rows = 0;
    disk_log_read(mr_job_world_disk(world), MR_SIM_CURRENT, &log);
    if (run->problem.len == 0 &&
        state_check_task(world, task, &log, &rows, &run->problem) != MR_OK) {
        mr_buf_put_text(&run->problem, " (when it was restored)");
    }
    run->totals.stores_checked++;
    disk_log_deinit(&log);
}

static void add_board(run_state *run, const mr_job_world *world) {
    const mr_board *board = mr_job_world_board(world);
    totals *sum = &run->totals;
    uint64_t commits = atomic_load(&board->commits), replayed = board->records_replayed;
    if (commits > 0) {
        sum->crashes_between += run->crashes_pending;
        run->crashes_pending = 0;
    }
    sum->commits += commits;
    sum->rows_spilled += board->rows_spilled;
    sum->replayed += replayed;
    sum->replayed_most = replayed > sum->replayed_most ? replayed : sum->replayed_most;
    sum->late += board->records_late;
    sum->failed += board->records_failed;
    sum->dropped += board->records_dropped;
    sum->records_in += board->records_in;
    sum->records_out += board->records_out;
    sum->windows_closed += board->windows_closed;
    sum->steps += mr_job_world_steps(world);
}

static void crash(run_state *run) {
    bool kill = mr_prng_below(&run->prng, 3) == 0;
    mr_sim_crash how = {kill ? MR_SIM_PROC_KILL : MR_SIM_RANDOM, mr_prng_next(&run->prng)};
    mr_sim_disk_crash(run->sim, how);
    run->totals.crashes++;
    run->totals.kills += kill;
    run->crashes_pending += run->totals.commits > 0;
}

static void say_problem(run_state *run, const char *what, const char *message) {
    if (run->problem.len == 0) {
        mr_buf_printf(&run->problem, "%s: %s", what, message);
    }
}

static mr_job_world_options options_of(run_state *run) {
    mr_job_world_options options = run->args->options;
    options.seed = mr_prng_next(&run->prng);
    options.start = run->start;
    options.until = run->pieces_left > 0 ? MR_RUN_FOR_EVER : MR_RUN_UNTIL_END;
    options.restored = run->totals.crashes > 0 ? check_restored : NULL;
    options.restored_arg = run;
    options.job_text = mr_buf_cstr(&run->job_text);
    options.log_breaks = run->args->breaks.log;
    options.graph_breaks = run->args->breaks.graph;
    options.writeback_breaks = run->args->breaks.writeback;
    return options;
}

#define PAUSE_STEPS 16 /* between two looks at the clock */

/* A slice of steps, and then a pause. */
static mr_job_world_end run_slice(run_state *run, mr_job_world *world) {
    mr_job_world_end end = mr_job_world_run(world, mr_prng_below(&run->prng, run->slice) + 1);
    uint64_t pause_ms = mr_prng_below(&run->prng, run->args->pause_ms + 1);
    int64_t until_ns = mr_job_world_now(world).mono_ns + (int64_t)pause_ms * 1000000;
    while (end == MR_JOB_BUSY && mr_job_world_now(world).mono_ns < until_ns) {
        end = mr_job_world_run(world, PAUSE_STEPS);
    }
    return end;
}

/* While there are pieces left the program has no end of its own: they come while it runs, or after
 * it was stopped or crashed. */
static mr_job_world_end drive(run_state *run, mr_job_world *world) {
    bool endless = run->pieces_left > 0;
    while (endless) {
        mr_job_world_end end = run_slice(run, world);
        if (end != MR_JOB_BUSY || mr_sim_disk_is_off(run->sim)) {
            return end == MR_JOB_BUSY ? MR_JOB_CRASHED : end;
        }
        if (!give_piece(run, false)) {
            say_problem(run, "input", "a piece cannot be written");
        }
        uint64_t fate = mr_prng_below(&run->prng, 4);
        if (fate == 0) {
            return MR_JOB_CRASHED;
        }
        if (fate == 1 || run->pieces_left == 0) {
            mr_job_world_stop(world);
            endless = false;
        }
    }
    return mr_job_world_run(world, STEPS_MAX);
}

static void end_life(run_state *run, mr_job_world *world, mr_job_world_end end) {
    if (world) {
        add_board(run, world);
        run->start.mono_ns = mr_job_world_now(world).mono_ns + 1000000000;
        run->start.wall_ms = mr_job_world_now(world).wall_ms + 1000;
    }
    if (end != MR_JOB_DONE) {
        mr_model_store_crash(run->model, MR_MODEL_CRASH_SEEDED);
    }
    mr_job_world_drop(world);
}

/* One start of the program, to its end, to a stop or to a crash. true: it is over. */
static bool run_once(run_state *run) {
    mr_job_world_options options = options_of(run);
    mr_job_world *world = NULL;
    mr_err err = {0};
    mr_status status = mr_job_world_open(run->sim, run->model, &options, &world, &err);
    mr_job_world_end end = MR_JOB_CRASHED;
    if (status == MR_OK) {
        end = drive(run, world);
    } else if (!mr_sim_disk_is_off(run->sim)) {
        say_problem(run, "start", err.message);
    }
    bool stopped = end == MR_JOB_DONE && options.until == MR_RUN_FOR_EVER;
    if (end == MR_JOB_DONE && !stopped) { /* a stop may meet a task that is not yet restored */
        mr_status same = state_check_all(world, &run->totals.state_rows, &run->problem);
        (void)same; /* the problem says it */
    } else if (end != MR_JOB_CRASHED && !stopped) {
        say_problem(run, end == MR_JOB_BUSY ? "no end" : "stopped",
                    mr_job_world_failure(world)->message);
    }
    end_life(run, world, end);
    if (stopped) {
        mr_sim_disk_crash(run->sim, (mr_sim_crash){MR_SIM_PROC_KILL, 0});
    } else if (end == MR_JOB_CRASHED) {
        crash(run);
    }
    return (end != MR_JOB_CRASHED && !stopped) || run->problem.len > 0;
}

/* Runs to the end; crashes: how many more, spread over `mutations`. */
static void run_to_end(run_state *run, uint64_t crashes, uint64_t mutations) {
    uint64_t gap = crashes > 0 ? mutations * 2 / (crashes + 1) + 1 : 0;
    do {
        run->stop_at = UINT64_MAX;
        if (crashes > 0) {
            crashes--;
            run->stop_at = mr_sim_disk_mutations(run->sim) + mr_prng_below(&run->prng, gap) + 1;
        }
        mr_sim_disk_stop_at(run->sim, run->stop_at);
    } while (!run_once(run));
}

/* The job of --stopped, until an error stops it. */
static void run_stopped(run_state *run) {
    mr_buf job_text = run->job_text;
    run->job_text = (mr_buf){0};
    mr_job_world_options options;
    mr_job_world *world = NULL;
    mr_err err = {0};
    bool read = read_real(run->args->stopped, &run->job_text);
    options = options_of(run);
    if (!read || mr_job_world_open(run->sim, run->model, &options, &world, &err) != MR_OK) {
        say_problem(run, "start of --stopped", err.message);
    } else if (mr_job_world_run(world, STEPS_MAX) == MR_JOB_FAILED) {
        mr_buf_put_text(&run->stopped, mr_job_world_failure(world)->message);
    } else {
        say_problem(run, "--stopped", "it was not stopped");
    }
    end_life(run, world, MR_JOB_FAILED);
    mr_sim_disk_crash(run->sim, (mr_sim_crash){MR_SIM_PROC_KILL, 0});
    mr_buf_deinit(&run->job_text);
    run->job_text = job_text;
}

static bool write_topics(run_state *run, const char *folder);

static void reset(run_state *run) {
    if (!write_topics(run, "before/")) {
        say_problem(run, "reset", "what stands there cannot be written down");
    }
    mr_job_world_options options = options_of(run);
    mr_err err = {0};
    mr_sim_disk_stop_at(run->sim, UINT64_MAX);
    if (mr_job_world_reset(run->sim, run->model, &options, &err) != MR_OK) {
        say_problem(run, "reset", err.message);
    }
    mr_sim_disk_crash(run->sim, (mr_sim_crash){MR_SIM_PROC_KILL, 0});
}

static void run_all(run_state *run, uint64_t mutations) {
    if (run->args->stopped) {
        run_stopped(run);
    }
    if (run->problem.len == 0) {
        run_to_end(run, run->args->crashes, mutations);
    }
    for (uint64_t i = 0; i < run->args->resets && run->problem.len == 0; i++) {
        reset(run);
        if (run->problem.len == 0) {
            run_to_end(run, run->args->crashes, mutations);
        }
    }
}

static bool begin_run(run_state *run, const arguments *args, uint64_t pieces) {
    *run = (run_state){.args = args,
                       .pieces_left = pieces,
                       .stop_at = UINT64_MAX,
                       .start = {1000000000, 1700000000000}};
    run->prng = mr_prng_seeded(args->seed);
    run->sim = mr_sim_disk_create(mr_prng_next(&run->prng), 0);
    run->model = mr_model_store_create(mr_prng_next(&run->prng));
    return read_real(args->job, &run->job_text) && load_inputs(run) && give_piece(run, true);
}

static void end_run(run_state *run) {
    mr_sim_disk_destroy(run->sim);
    mr_model_store_destroy(run->model);
    for (size_t i = 0; i < run->inputs_count; i++) {
        mr_buf_deinit(&run->inputs[i].content);
    }
    mr_free(run->inputs);
    mr_buf_deinit(&run->problem);
    mr_buf_deinit(&run->job_text);
    mr_buf_deinit(&run->stopped);
}

/* ---- results ---- */

typedef struct printing {
    mr_json_parser *parser;
    const mr_format *key, *value;
    int32_t partition;
    mr_buf out;
} printing;

static int64_t zigzag(const uint8_t **at) {
    uint64_t raw = 0;
    int shift = 0;
    do {
        raw |= (uint64_t)(**at & 127) << shift;
        shift += 7;
    } while ((*(*at)++ & 128) != 0);
    return (int64_t)(raw >> 1) ^ -(int64_t)(raw & 1);
}

static mr_bytes header_part(const uint8_t **at) {
    int64_t len = zigzag(at);
    if (len < 0) {
        return MR_BYTES_NULL;
    }
    *at += len;
    return mr_bytes_of(*at - len, (size_t)len);
}

/* The parser reads in blocks: what it is given needs room behind. */
static mr_bytes padded(mr_buf *room, mr_bytes bytes) {
    mr_buf_clear(room);
    mr_buf_reserve(room, bytes.len);
    mr_buf_put_bytes(room, bytes);
    return mr_bytes_is_null(bytes) ? MR_BYTES_NULL : mr_buf_view(room);
}

static void print_record(void *arg, const disk_log_record *record) {
    printing *to = arg;
    mr_header *headers = mr_alloc_array(record->headers_count + 1, sizeof *headers);
    const uint8_t *at = record->headers.data;
    for (uint32_t i = 0; i < record->headers_count; i++) {
        headers[i].key = header_part(&at);
        headers[i].value = header_part(&at);
    }
    mr_buf key = {0}, value = {0};
    size_t line = to->out.len;
    mr_record plain = {.timestamp_ms = record->ts_ms,
                       .key = padded(&key, record->key),
                       .value = padded(&value, record->value),
                       .headers = headers,
                       .headers_count = record->headers_count};
    mr_record_json_put_with(to->parser, &plain, to->key, to->value, to->partition, &to->out);
    const char *offset = ",\"offset\":0}";
    size_t len = strlen(offset);
    if (to->out.len - line > len && memcmp(to->out.data + to->out.len - len, offset, len) == 0) {
        to->out.len -= len;
        mr_buf_put_text(&to->out, "}");
    }
    mr_buf_put_text(&to->out, "\n");
    mr_buf_deinit(&key);
    mr_buf_deinit(&value);
    mr_free(headers);
}

static mr_status compile(run_state *run, mr_plan **plan) {
    mr_bytes text = mr_buf_view(&run->job_text);
    mr_diagnostics *diagnostics = mr_diagnostics_create("job", text);
    mr_app_catalog *catalog =
        mr_app_catalog_create(mr_sim_disk_disk(run->sim), (mr_topic_counts){0});
    mr_status status =
        mr_topology_compile(text, "job", mr_app_catalog_of(catalog), diagnostics, plan);
    mr_app_catalog_destroy(catalog);
    mr_diagnostics_destroy(diagnostics);
    return status;
}

static bool write_topics(run_state *run, const char *folder) {
    mr_plan *plan = NULL;
    disk_log log;
    bool written = compile(run, &plan) == MR_OK;
    printing to = {.parser = mr_json_parser_create()};
    disk_log_read(run->sim, MR_SIM_CURRENT, &log);
    for (size_t i = 0; i < log.partitions_count && written; i++) {
        const disk_log_partition *partition = &log.partitions[i];
        to.key = to.value = NULL;
        for (uint32_t s = 0; s < plan->streams_count; s++) {
            if (strcmp(plan->streams[s].topic, partition->topic) == 0) {
                to.key = &plan->streams[s].key;
                to.value = &plan->streams[s].value;
            }
        }
        if (!disk_log_is_user_topic(partition->topic)) {
            continue;
        }
        char name[300];
        snprintf(name, sizeof name, "%s%s-%" PRId32 ".jsonl", folder, partition->topic,
                 partition->number);
        to.partition = partition->number;
        mr_buf_clear(&to.out);
        disk_log_each(partition, 0, print_record, &to);
        written = write_real(run, name, mr_buf_view(&to.out));
    }
    disk_log_deinit(&log);
    mr_buf_deinit(&to.out);
    mr_json_parser_destroy(to.parser);
    if (plan) {
        mr_plan_destroy(plan);
    }
    return written;
}

static bool is_input(const run_state *run, const char *path) {
    mr_buf real = {0};
    struct stat info;
    mr_buf_printf(&real, "%s/%s", run->args->input, path);
    bool is = stat(mr_buf_cstr(&real), &info) == 0;
    mr_buf_deinit(&real);
    return is;
}

static bool write_files(run_state *run) {
    mr_buf paths = {0};
    bool written = true;
    mr_sim_disk_paths(run->sim, MR_SIM_CURRENT, &paths);
    for (size_t at = 0; at < paths.len; at += strlen((const char *)paths.data + at) + 1) {
        const char *path = (const char *)paths.data + at;
        bool ours = strncmp(path, "log/", 4) == 0 || strncmp(path, "state/", 6) == 0 ||
                    strcmp(path, "FORMAT") == 0 || strcmp(path, "LOCK") == 0;
        if (ours || is_input(run, path)) {
            continue;
        }
        mr_buf content = {0};
        written = mr_sim_disk_content(run->sim, MR_SIM_CURRENT, path, &content) == MR_OK &&
                  write_real(run, path, mr_buf_view(&content)) && written;
        mr_buf_deinit(&content);
    }
    mr_buf_deinit(&paths);
    return written;
}

static void count_silence(void *arg, const disk_log_record *record) {
    static const char end[] = "{\"mark\":\"end\"";
    size_t len = sizeof end - 1;
    bool ends = record->value.len >= len && memcmp(record->value.data, end, len) == 0;
    *(uint64_t *)arg += !ends;
}

/* Marks that tell of silence: where the clock had a say. */
static uint64_t marks_of_silence(run_state *run) {
    disk_log log;
    uint64_t count = 0;
    disk_log_read(run->sim, MR_SIM_CURRENT, &log);
    for (size_t i = 0; i < log.partitions_count; i++) {
        const char *topic = log.partitions[i].topic;
        size_t len = strlen(topic);
        if (len > 6 && strcmp(topic + len - 6, "-marks") == 0) {
            disk_log_each(&log.partitions[i], 0, count_silence, &count);
        }
    }
    disk_log_deinit(&log);
    return count;
}

static bool write_stats(run_state *run) {
    const totals *t = &run->totals;
    mr_buf out = {0};
    mr_buf_printf(&out,
                  "{\"commits\":%" PRIu64 ",\"crashes\":%" PRIu64 ",\"kills\":%" PRIu64
                  ",\"crashes_between_decisions\":%" PRIu64 ",\"rows_spilled\":%" PRIu64
                  ",\"records_replayed\":%" PRIu64 ",\"records_replayed_most\":%" PRIu64
                  ",\"records_in\":%" PRIu64 ",\"records_out\":%" PRIu64 ",\"late\":%" PRIu64
                  ",\"failed\":%" PRIu64 ",\"dropped\":%" PRIu64 ",\"windows_closed\":%" PRIu64
                  ",\"state_rows\":%" PRIu64 ",\"states_checked\":%" PRIu64 ",\"steps\":%" PRIu64
                  ",\"marks_of_silence\":%" PRIu64 ",\"stopped\":",
                  t->commits, t->crashes, t->kills, t->crashes_between, t->rows_spilled,
                  t->replayed, t->replayed_most, t->records_in, t->records_out, t->late, t->failed,
                  t->dropped, t->windows_closed, t->state_rows, t->stores_checked, t->steps,
                  marks_of_silence(run));
    mr_status status = mr_json_put_string(&out, mr_buf_view(&run->stopped));
    mr_buf_put_text(&out, "}\n");
    bool written = status == MR_OK && write_real(run, "stats.json", mr_buf_view(&out));
    mr_buf_deinit(&out);
    return written;
}

/* How many mutations and steps an uninterrupted run makes. */
static uint64_t count_mutations(const arguments *args, uint64_t *steps) {
    run_state run;
    uint64_t count = 0;
    if (begin_run(&run, args, 1)) {
        run_to_end(&run, 0, 0);
        count = mr_sim_disk_mutations(run.sim);
    }
    *steps = run.totals.steps;
    end_run(&run);
    return count;
}

static void say_command(int argc, char **argv) {
    fprintf(stderr, "again:");
    for (int i = 0; i < argc; i++) {
        fprintf(stderr, " %s", argv[i]);
    }
    fprintf(stderr, "\n");
}

int main(int argc, char **argv) {
    arguments args = {.seed = 1,
                      .pieces = 1,
                      .options = {.workers = 1,
                                  .commit_interval_ms = 100,
                                  .until = MR_RUN_UNTIL_END,
                                  .job_file = "job.yaml"}};
    for (int i = 1; i < argc; i += 2) {
        if (i + 1 == argc || !take_argument(&args, argv[i], argv[i + 1])) {
            return usage(argv[i]);
        }
    }
    if (!args.job || !args.input || !args.out || args.pieces == 0) {
        return usage("--job, --input and --out are needed");
    }
    args.options.job_file = args.job;
    bool counted = args.crashes > 0 || args.pieces > 1;
    uint64_t steps = 0, mutations = counted ? count_mutations(&args, &steps) : 0;
    run_state run;
    if (!begin_run(&run, &args, args.pieces)) {
        end_run(&run);
        return 2;
    }
    run.slice = steps * 2 / args.pieces + 1;
    run_all(&run, mutations);
    bool right = run.problem.len == 0;
    right = write_topics(&run, "") && right;
    right = write_files(&run) && right;
    right = write_stats(&run) && right;
    if (!right) {
        fprintf(stderr, "sim_job: seed %" PRIu64 ": %s\n", args.seed, mr_buf_cstr(&run.problem));
        say_command(argc, argv);
    }
    end_run(&run);
    return right ? 0 : 1;
}
