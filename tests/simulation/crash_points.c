#include "tests/simulation/crash_points.h"

#include <inttypes.h>
#include <stdio.h>

#include "runtime/base/alloc.h"
#include "tests/simulation/state_check.h"

#define STEPS_MAX 2000000u
#define FULL_STEP_BYTES 256
#define FAULT_VARIANTS 6
#define ROT_STEP_BYTES 29

static mr_job_world_options options_of(const crash_image *image) {
    mr_job_world_options options = image->script->options;
    options.seed = image->seed;
    options.job_text = image->script->job;
    options.start = image->start;
    options.log_breaks = image->log_breaks;
    options.graph_breaks = image->graph_breaks;
    options.writeback_breaks = image->writeback_breaks;
    return options;
}

/* ---- start images ---- */

static mr_now after(const mr_job_world *world) {
    mr_now now = mr_job_world_now(world);
    return (mr_now){now.mono_ns + 1000000000, now.wall_ms + 1000};
}

/* Runs over an image's disk for so many steps; leaves it where it then is. */
static mr_job_world_end run_image(crash_image *image, const mr_job_world_options *options,
                                  uint64_t steps, uint64_t *steps_made, mr_buf *problem) {
    mr_job_world *world;
    mr_err err = {0};
    if (mr_job_world_open(image->sim, image->model, options, &world, &err) != MR_OK) {
        mr_buf_printf(problem, "the script does not start: %s\n", err.message);
        return MR_JOB_FAILED;
    }
    mr_job_world_end end = mr_job_world_run(world, steps);
    if (end == MR_JOB_FAILED) {
        mr_buf_printf(problem, "the script fails: %s\n", mr_job_world_failure(world)->message);
    }
    if (end != MR_JOB_DONE) {
        mr_model_store_crash(image->model, MR_MODEL_CRASH_SEEDED);
    }
    *steps_made = mr_job_world_steps(world);
    image->start = after(world);
    mr_job_world_drop(world);
    return end;
}

static void fresh_disk(crash_image *image) {
    mr_buf input = {0};
    image->sim = mr_sim_disk_create(image->seed, 0);
    image->model = mr_model_store_create(image->seed);
    image->start = (mr_now){1000000000, 1700000000000};
    crash_script_input(image->script->records, &input);
    mr_status status =
        mr_disk_write_file(mr_sim_disk_disk(image->sim), "in.jsonl", mr_buf_view(&input), NULL);
    (void)status; /* a disk without faults */
    mr_buf_deinit(&input);
}

static void drop_disk(crash_image *image) {
    mr_sim_disk_destroy(image->sim);
    mr_model_store_destroy(image->model);
}

/* Another seed, one worker, wide limits: what comes out may not depend on any of it. Returns the
 * steps that the script itself takes. */
static uint64_t expect(crash_image *image, mr_buf *problem) {
    uint64_t steps = 0;
    mr_job_world_options wide = options_of(image);
    wide.seed = image->seed + 1000003;
    wide.workers = 1;
    wide.txn_bytes_max = 0;
    wide.spill_bytes_max = 0;
    wide.segment_bytes_max = 0;
    wide.log_breaks = wide.graph_breaks = wide.writeback_breaks = 0;
    fresh_disk(image);
    wide.start = image->start;
    if (run_image(image, &wide, STEPS_MAX, &steps, problem) == MR_JOB_DONE) {
        results_of(image->sim, image->script->order, &image->expected);
    } else {
        mr_buf_put_text(problem, "the uninterrupted run does not end\n");
    }
    drop_disk(image);
    fresh_disk(image);
    mr_job_world_options options = options_of(image);
    options.log_breaks = options.graph_breaks = options.writeback_breaks = 0;
    run_image(image, &options, STEPS_MAX, &steps, problem);
    drop_disk(image);
    return steps;
}

/* How many I/O operations the log's recovery makes over the image. */
static uint64_t count_recovery(const crash_image *image) {
    mr_sim_disk *sim = mr_sim_disk_clone(image->sim);
    uint64_t before = mr_sim_disk_mutations(sim);
    mr_log_core_config config = {.seed = 1,
                                 .segment_bytes_max = image->script->options.segment_bytes_max};
    mr_recovery_report report;
    mr_log_image *log = NULL;
    mr_err err = {0};
    mr_status status = mr_log_recover(mr_sim_disk_disk(sim), MR_RECOVERY_REPAIR, image->start,
                                      &config, &log, &report, &err);
    if (status == MR_OK) {
        mr_log_image_destroy(log);
    }
    uint64_t made = mr_sim_disk_mutations(sim) - before;
    mr_sim_disk_destroy(sim);
    return made;
}

void crash_image_make(const crash_script *script, uint64_t seed, crash_image *out,
                      mr_buf *problem) {
    uint32_t log = out->log_breaks, graph = out->graph_breaks, writeback = out->writeback_breaks;
    *out = (crash_image){.script = script, .seed = seed};
    uint64_t whole = expect(out, problem), made;
    fresh_disk(out);
    mr_job_world_options options = options_of(out);
    if (script->setup_spill_bytes_max > 0) {
        options.spill_bytes_max = script->setup_spill_bytes_max;
    }
    if (script->setup == CRASH_SETUP_ENDED) {
        run_image(out, &options, STEPS_MAX, &made, problem);
        mr_model_store_crash(out->model, MR_MODEL_CRASH_LOSES_NONE);
    } else if (script->setup != CRASH_SETUP_INPUT) {
        run_image(out, &options, whole * 2 / 3, &made, problem);
        mr_sim_crash how = {script->setup == CRASH_SETUP_KILLED ? MR_SIM_PROC_KILL : MR_SIM_RANDOM,
                            seed};
        mr_sim_disk_crash(out->sim, how);
    }
    out->recovery_mutations = count_recovery(out);
    out->log_breaks = log;
    out->graph_breaks = graph;
    out->writeback_breaks = writeback;
}

void crash_image_deinit(crash_image *image) {
    drop_disk(image);
    mr_buf_deinit(&image->expected);
}

/* ---- stopping ---- */

static bool is_fault(crash_stage stage) {
    return stage >= CRASH_FULL;
}

static mr_sim_faults faults_of(const crash_image *image, uint64_t point) {
    const crash_script *script = image->script;
    mr_sim_faults faults = {.short_io_percent = script->short_io_percent};
    faults.sync_fails_at = script->stage == CRASH_FAILED_SYNC ? point + 1 : 0;
    faults.write_fails_at = script->stage == CRASH_FAILED_WRITE ? point + 1 : 0;
    faults.read_fails_at = script->stage == CRASH_FAILED_READ ? point + 1 : 0;
    return faults;
}

/* How a fault may end a run. */
static bool may_end_so(crash_stage stage, mr_status status) {
    switch (stage) {
    case CRASH_FULL:
        return status == MR_FULL;
    case CRASH_FAILED_SYNC:
    case CRASH_FAILED_WRITE:
        return status == MR_UNAVAILABLE;
    case CRASH_FAILED_READ: /* a partition that recovery cannot read is offline */
        return status == MR_UNAVAILABLE || status == MR_CORRUPT;
    case CRASH_DAMAGED_STORE:
        return status == MR_CORRUPT;
    case CRASH_ROT:
        return status == MR_CORRUPT || status == MR_INVALID; /* an unknown FORMAT */
    case CRASH_RUN:
    case CRASH_RESET:
        break;
    }
    return false;
}

/* `what` ended before its time: the power went, a fault was told, or it is a problem. */
static void judge_end(crash_stage stage, const char *what, const mr_sim_disk *sim, mr_status status,
                      const char *message, crash_counts *counts, mr_buf *problem) {
    if (mr_sim_disk_is_off(sim)) {
        return;
    }
    if (may_end_so(stage, status) && message[0] != '\0') {
        counts->reached.of[REACH_FAILED]++;
    } else {
        mr_buf_printf(problem, "%s: %s (%s)\n", what, message, mr_status_text(status));
    }
}

/* What is unflushed stays so: each crash decides anew what of it is lost. */
static void drop_stopped(crash_stopped *out, mr_job_world *world) {
    mr_model_store *dead = out->model;
    out->damaged = mr_model_store_has_damaged(dead);
    out->model = mr_model_store_clone(dead);
    mr_model_store_crash(dead, MR_MODEL_CRASH_LOSES_NONE);
    mr_job_world_drop(world);
    mr_model_store_destroy(dead);
}

static void stop_run(const crash_image *image, crash_stopped *out, crash_counts *counts,
                     mr_buf *problem) {
    mr_job_world_options options = options_of(image);
    crash_stage stage = image->script->stage;
    mr_job_world *world;
    mr_err err = {0};
    mr_status status = mr_job_world_open(out->sim, out->model, &options, &world, &err);
    if (status != MR_OK) {
        judge_end(stage, "the script does not start", out->sim, status, err.message, counts,
                  problem);
        return;
    }
    mr_job_world_end end = mr_job_world_run(world, STEPS_MAX);
    const mr_failure *failure = mr_job_world_failure(world);
    out->ended = end == MR_JOB_DONE;
    if (end == MR_JOB_BUSY) {
        mr_buf_put_text(problem, "the script comes to no end\n");
    } else if (end == MR_JOB_FAILED) {
        judge_end(stage, "the script stops", out->sim, failure->status, failure->message, counts,
                  problem);
    }
    out->now = after(world);
    crash_reach_world(world, &counts->reached);
    drop_stopped(out, world);
}

static void stop_reset(const crash_image *image, crash_stopped *out, crash_counts *counts,
                       mr_buf *problem) {
    mr_job_world_options options = options_of(image);
    mr_err err = {0};
    mr_status status = mr_job_world_reset(out->sim, out->model, &options, &err);
    out->ended = status == MR_OK;
    if (status != MR_OK) {
        judge_end(image->script->stage, "reset", out->sim, status, err.message, counts, problem);
    }
}

/* Of the log, and not only of what a reset empties. */
static bool is_read_again(const char *path) {
    static const char *const emptied[] = {"log/out-", "log/late-", "log/totals-"};
    for (size_t i = 0; i < sizeof emptied / sizeof emptied[0]; i++) {
        if (strncmp(path, emptied[i], strlen(emptied[i])) == 0) {
            return false;
        }
    }
    return strncmp(path, "log/", 4) == 0 || strcmp(path, "FORMAT") == 0;
}

/* The point-th place among all bytes of the log's files; false: there are not so many. */
static bool change_bit(mr_sim_disk *sim, uint64_t point) {
    mr_buf paths = {0};
    bool changed = false;
    mr_sim_disk_paths(sim, MR_SIM_CURRENT, &paths);
    for (size_t at = 0; at < paths.len && !changed;
         at += strlen((const char *)paths.data + at) + 1) {
        const char *path = (const char *)paths.data + at;
        mr_buf content = {0};
        if (!is_read_again(path) ||
            mr_sim_disk_content(sim, MR_SIM_CURRENT, path, &content) != MR_OK) {
            continue;
        }
        uint64_t places = (content.len + ROT_STEP_BYTES - 1) / ROT_STEP_BYTES;
        if (point < places) {
            changed =
                mr_sim_disk_flip_bit(sim, path, point * ROT_STEP_BYTES, (int)(point % 8)) == MR_OK;
        } else {
            point -= places;
        }
        mr_buf_deinit(&content);
    }
    mr_buf_deinit(&paths);
    return changed;
}

static void stop_rot(const crash_image *image, uint64_t point, crash_stopped *out,
                     crash_counts *counts, mr_buf *problem) {
    if (!change_bit(out->sim, point)) {
        out->ended = true;
        return;
    }
    counts->reached.of[REACH_FAULT]++;
    stop_reset(image, out, counts, problem);
    out->judged = !out->ended;
    out->ended = false;
}

static void stop_by_fault(const crash_image *image, uint64_t point, crash_stopped *out,
                          crash_counts *counts, mr_buf *problem) {
    uint64_t before = mr_sim_disk_faults_fired(out->sim);
    if (image->script->stage == CRASH_FULL) {
        mr_sim_disk_set_capacity(out->sim,
                                 mr_sim_disk_used_bytes(out->sim) + (point + 1) * FULL_STEP_BYTES);
    }
    if (image->script->stage == CRASH_DAMAGED_STORE) {
        mr_model_store_damage_at(out->model, point + 1);
    }
    stop_run(image, out, counts, problem);
    uint64_t fired = mr_sim_disk_faults_fired(out->sim) - before + out->damaged;
    counts->reached.of[REACH_FAULT] += fired;
    if (image->script->stage != CRASH_FULL) {
        out->ended = fired == 0; /* a run may also get over its fault */
    }
}

static void note_reached(const crash_image *image, const crash_stopped *stopped,
                         crash_reached *reached) {
    if (stopped->ended) {
        return;
    }
    crash_reach_disk(stopped->sim, &stopped->moment, reached);
    crash_reach_stores(stopped->model, reached);
    uint64_t left = crash_reach_first_generation(stopped->sim);
    reached->of[REACH_RESET] += left > 0 && left < crash_reach_first_generation(image->sim) &&
                                image->script->stage == CRASH_RESET;
    reached->of[REACH_RECOVERY] +=
        !is_fault(image->script->stage) && stopped->point < image->recovery_mutations;
}

void crash_stop(const crash_image *image, uint64_t point, crash_stopped *out, crash_counts *counts,
                mr_buf *problem) {
    *out = (crash_stopped){.now = {image->start.mono_ns + 1000000000, image->start.wall_ms + 1000},
                           .point = point};
    out->sim = mr_sim_disk_clone(image->sim);
    out->model = mr_model_store_clone(image->model);
    mr_sim_faults faults = faults_of(image, point);
    mr_sim_disk_set_faults(out->sim, &faults);
    crash_stage stage = image->script->stage;
    if (stage == CRASH_ROT) {
        stop_rot(image, point, out, counts, problem);
        return;
    }
    if (is_fault(stage)) {
        stop_by_fault(image, point, out, counts, problem);
    } else {
        mr_sim_disk_stop_at(out->sim, mr_sim_disk_mutations(out->sim) + point);
        if (stage == CRASH_RESET) {
            stop_reset(image, out, counts, problem);
        } else {
            stop_run(image, out, counts, problem);
        }
    }
    crash_moment_take(out->sim, &out->moment);
    note_reached(image, out, &counts->reached);
    out->variants = is_fault(stage) ? FAULT_VARIANTS : mr_sim_disk_crash_variants(out->sim);
}

void crash_stopped_deinit(crash_stopped *stopped) {
    crash_moment_deinit(&stopped->moment);
    mr_sim_disk_destroy(stopped->sim);
    mr_model_store_destroy(stopped->model);
}

/* ---- crashing and judging ---- */

typedef struct judging {
    crash_counts *counts;
    mr_buf *problem;
} judging;

static void check_restored(void *arg, mr_job_world *world, const mr_member *task) {
    judging *j = arg;
    disk_log log;
    disk_log_read(mr_job_world_disk(world), MR_SIM_CURRENT, &log);
    if (j->problem->len == 0 &&
        state_check_task(world, task, &log, &j->counts->state_rows, j->problem) != MR_OK) {
        mr_buf_put_text(j->problem, " (when it was restored)\n");
    }
    j->counts->states++;
    disk_log_deinit(&log);
}

static void check_results(const crash_image *image, const mr_sim_disk *sim, mr_buf *problem) {
    const crash_script *script = image->script;
    mr_buf results = {0};
    results_check_source(sim, "in.jsonl", "events", problem);
    results_check_sink(sim, "out", "outs/", problem);
    if (script->windows) {
        results_check_windows(sim, problem);
        results_check_sink(sim, "late", "late.jsonl", problem);
    }
    results_of(sim, script->order, &results);
    if (problem->len == 0) {
        results_compare(&image->expected, &results, problem);
    }
    mr_buf_deinit(&results);
}

static void count_replay(const mr_job_world *world, uint64_t bound, uint64_t replay_max,
                         crash_counts *counts, mr_buf *problem) {
    uint64_t replayed = mr_job_world_board(world)->records_replayed;
    counts->replayed += replayed;
    counts->rows_spilled += mr_job_world_board(world)->rows_spilled;
    if (replayed > counts->replayed_most) {
        counts->replayed_most = replayed;
    }
    if (bound > counts->replay_bound_most) {
        counts->replay_bound_most = bound;
    }
    if (replay_max > 0 && replayed > replay_max) {
        mr_buf_printf(problem,
                      "%" PRIu64 " changelog records replayed, the spill bound lets %" PRIu64 "\n",
                      replayed, replay_max);
    }
    if (replayed > bound) {
        mr_buf_printf(problem,
                      "%" PRIu64 " changelog records replayed, %" PRIu64
                      " stand behind the flushed positions\n",
                      replayed, bound);
    }
}

/* From a disk as a crash left it to the end of the job. */
static void go_on(const crash_image *image, mr_sim_disk *sim, mr_model_store *model, mr_now start,
                  const crash_moment *moment, crash_counts *counts, mr_buf *problem) {
    mr_job_world_options options = options_of(image);
    judging j = {counts, problem};
    mr_job_world *world;
    mr_err err = {0};
    options.start = start;
    options.seed += 17;
    options.restored = check_restored;
    options.restored_arg = &j;
    crash_stage may_end = image->script->stage == CRASH_ROT ? CRASH_ROT : CRASH_RUN;
    mr_status status = mr_job_world_open(sim, model, &options, &world, &err);
    if (status != MR_OK) {
        judge_end(may_end, "does not start again", sim, status, err.message, counts, problem);
        return;
    }
    if (moment) {
        disk_log log;
        disk_log_read(sim, MR_SIM_CURRENT, &log);
        crash_check_history(moment, &log, problem);
        disk_log_deinit(&log);
    }
    bool damaged = image->script->stage == CRASH_DAMAGED_STORE; /* and perhaps made anew */
    uint64_t bound = damaged ? UINT64_MAX : replay_bound(sim, model, "camp");
    mr_job_world_end end = mr_job_world_run(world, STEPS_MAX);
    if (end != MR_JOB_DONE) {
        const mr_failure *failure = mr_job_world_failure(world);
        judge_end(may_end, "does not get to its end again", sim, failure->status, failure->message,
                  counts, problem);
    } else if (problem->len == 0) {
        crash_reach_start(world, &counts->reached);
        count_replay(world, bound, image->script->replay_max, counts, problem);
        mr_status same = state_check_all(world, &counts->state_rows, problem);
        (void)same; /* the problem says it */
        check_results(image, sim, problem);
    }
    if (end != MR_JOB_DONE) {
        mr_model_store_crash(model, MR_MODEL_CRASH_SEEDED);
    }
    mr_job_world_drop(world);
}

static mr_sim_crash how_of(const crash_image *image, const crash_stopped *stopped,
                           uint64_t variant) {
    static const mr_sim_crash fault[FAULT_VARIANTS] = {{MR_SIM_LOSE_ALL, 0}, {MR_SIM_KEEP_ALL, 0},
                                                       {MR_SIM_RANDOM, 1},   {MR_SIM_RANDOM, 2},
                                                       {MR_SIM_RANDOM, 3},   {MR_SIM_RANDOM, 4}};
    if (variant >= stopped->variants) {
        return (mr_sim_crash){MR_SIM_PROC_KILL, 0};
    }
    return is_fault(image->script->stage) ? fault[variant]
                                          : (mr_sim_crash){MR_SIM_VARIANT, variant};
}

/* Each family of a store keeps a prefix of its own: none, all, some. */
static void crash_stores(mr_model_store *model, const crash_stopped *stopped, uint64_t variant) {
    static const mr_model_crash kinds[] = {MR_MODEL_CRASH_LOSES_ALL, MR_MODEL_CRASH_LOSES_NONE,
                                           MR_MODEL_CRASH_SEEDED, MR_MODEL_CRASH_SEEDED};
    mr_model_store_reseed(model, stopped->point * 1000 + variant);
    mr_model_store_crash(model, kinds[(stopped->point + variant) % 4]);
}

void crash_try(const crash_image *image, const crash_stopped *stopped, uint64_t variant,
               crash_counts *counts, mr_buf *problem) {
    mr_sim_disk *sim = mr_sim_disk_clone(stopped->sim);
    mr_model_store *model = mr_model_store_clone(stopped->model);
    bool rot = image->script->stage == CRASH_ROT;
    mr_sim_faults faults = {.short_io_percent = image->script->short_io_percent};
    mr_sim_disk_crash(sim, how_of(image, stopped, variant));
    crash_stores(model, stopped, variant);
    mr_sim_disk_set_capacity(sim, 0);
    mr_sim_disk_set_faults(sim, &faults);
    uint64_t fired = mr_sim_disk_faults_fired(sim);
    go_on(image, sim, model, stopped->now, rot ? NULL : &stopped->moment, counts, problem);
    counts->reached.of[REACH_FAULT] += mr_sim_disk_faults_fired(sim) - fired;
    counts->points++;
    mr_sim_disk_destroy(sim);
    mr_model_store_destroy(model);
}

uint64_t crash_run_whole(const crash_image *image, crash_counts *counts, mr_buf *problem) {
    mr_sim_disk *sim = mr_sim_disk_clone(image->sim);
    mr_model_store *model = mr_model_store_clone(image->model);
    uint64_t before = mr_sim_disk_mutations(sim);
    go_on(image, sim, model, image->start, NULL, counts, problem);
    uint64_t made = mr_sim_disk_mutations(sim) - before;
    mr_sim_disk_destroy(sim);
    mr_model_store_destroy(model);
    return made;
}
