#include "tests/simulation/job_world.h"

#include <stdio.h>

#include "log/io/log_driver.h"
#include "lua-api/lua_script.h"
#include "runtime/app/catalog.h"
#include "runtime/base/alloc.h"
#include "runtime/base/assert.h"
#include "runtime/base/prng.h"
#include "runtime/engine/task_state.h"
#include "topologies/topology.h"

#define START_NS 1000000000LL
#define START_MS 1700000000000LL
#define STEP_NS 20000
#define TICK_NS 5000000
#define QUIET_LOOKS 2
#define WORKS_MAX 4096
#define PUMPS_MAX 10000000u /* what is not over by then never will be */

typedef struct world_worker {
    mr_worker *worker; /* owns client and works */
    mr_log_client *client;
    mr_mailbox *works;
    int64_t deadline_ns;
    bool awake;
    /* what the control loop wants to know */
    bool looked, quiet;
} world_worker;

struct mr_job_world {
    mr_job_world_options options;
    mr_sim_disk *sim;
    mr_model_store *model;
    mr_prng prng;
    mr_now now;
    mr_recovery_report recovery;
    mr_log_driver *driver;
    bool driver_awake;
    mr_log_client *client; /* the control loop's */
    mr_app_catalog *catalog;
    mr_plan *plan;
    mr_lua_factory *lua;
    mr_job *job;
    mr_board board;
    bool board_made;
    world_worker *workers;
    uint32_t workers_count;
    mr_work **pool; /* submitted, not yet run */
    size_t pool_count, pool_cap;
    int64_t look_ns;
    uint32_t quiet_looks;
    uint64_t quiet_progress;
    uint64_t steps;
    bool done;
    mr_failure failure;
};

/* ---- pool, clock, pump ---- */

static void submit_work(void *self, mr_work *work) {
    mr_job_world *world = self;
    if (world->pool_count == world->pool_cap) {
        world->pool_cap = world->pool_cap ? world->pool_cap * 2 : 16;
        world->pool = mr_realloc(world->pool, world->pool_cap * sizeof *world->pool);
    }
    world->pool[world->pool_count++] = work;
}

static void run_one_work(mr_job_world *world) {
    size_t index = (size_t)mr_prng_below(&world->prng, world->pool_count);
    mr_work *work = world->pool[index];
    world->pool[index] = world->pool[--world->pool_count];
    work->run(work);
    mr_status status = mr_mailbox_push(work->done, &work->mail);
    MR_ASSERT(status == MR_OK);
}

static void set_clock(mr_job_world *world, int64_t mono_ns) {
    mr_now start = world->options.start;
    world->now.mono_ns = mono_ns;
    world->now.wall_ms = start.wall_ms + (mono_ns - start.mono_ns) / 1000000;
}

static void wake_flag(void *arg) {
    *(bool *)arg = true;
}

static bool step_driver(mr_job_world *world) {
    world->driver_awake = false;
    return mr_log_driver_step(world->driver, world->now);
}

/* The control thread waits: log and pool go on, the workers are parked. */
static void pump(void *arg) {
    mr_job_world *world = arg;
    set_clock(world, world->now.mono_ns + world->options.step_ns);
    if (world->pool_count > 0 && mr_prng_below(&world->prng, 2) == 0) {
        run_one_work(world);
        return;
    }
    if (step_driver(world)) {
        return;
    }
    if (world->pool_count > 0) {
        run_one_work(world);
        return;
    }
    int64_t deadline = mr_log_driver_deadline_ns(world->driver);
    MR_ASSERT(deadline != INT64_MAX); /* an answer is waited for that never comes */
    if (deadline > world->now.mono_ns) {
        set_clock(world, deadline);
    }
}

static mr_log_caller caller_of(mr_job_world *world) {
    return (mr_log_caller){.client = world->client, .pump = pump, .arg = world};
}

/* ---- opening ---- */

static mr_status open_log(mr_job_world *world, mr_err *err) {
    mr_log_core_config config = {.breaks = world->options.log_breaks,
                                 .seed = mr_prng_next(&world->prng) | 1,
                                 .segment_bytes_max = world->options.segment_bytes_max};
    mr_disk *disk = mr_sim_disk_disk(world->sim);
    mr_log_image *image = NULL;
    mr_status status = mr_log_recover(disk, MR_RECOVERY_REPAIR, world->now, &config, &image,
                                      &world->recovery, err);
    if (status != MR_OK) {
        return status;
    }
    world->driver = mr_log_driver_create(mr_log_core_create(image, &config),
                                         &(mr_log_driver_config){.disk = disk,
                                                                 .pool = {submit_work, world},
                                                                 .wake = wake_flag,
                                                                 .wake_arg = &world->driver_awake});
    world->client =
        mr_log_client_create_embedded(mr_log_driver_requests(world->driver), NULL, NULL);
    return MR_OK;
}

static int32_t topic_partitions(void *self, const char *topic) {
    mr_job_world *world = self;
    mr_log_request *request = mr_log_client_request(world->client, MR_LOG_DESCRIBE);
    snprintf(request->topic, sizeof request->topic, "%s", topic);
    mr_status status = mr_log_client_call(world->client, request, pump, world);
    int32_t partitions = status == MR_OK ? request->described.partitions : 0;
    mr_log_client_recycle(world->client, request);
    return partitions;
}

static mr_status compile(mr_job_world *world, mr_err *err) {
    mr_bytes text = mr_bytes_text(world->options.job_text);
    mr_topic_counts counts = {.partitions = topic_partitions, .self = world};
    mr_diagnostics *diagnostics = mr_diagnostics_create(world->options.job_file, text);
    world->catalog = mr_app_catalog_create(mr_sim_disk_disk(world->sim), counts);
    mr_status status =
        mr_topology_compile(text, world->options.job_file, mr_app_catalog_of(world->catalog),
                            diagnostics, &world->plan);
    if (status != MR_OK) {
        mr_buf report = {0};
        mr_diagnostics_format(diagnostics, &report);
        mr_err_set(err, status, "%s", mr_buf_cstr(&report));
        mr_buf_deinit(&report);
    }
    mr_diagnostics_destroy(diagnostics);
    return status;
}

static mr_log_client *make_client(void *arg, uint32_t index) {
    mr_job_world *world = arg;
    world_worker *worker = &world->workers[index];
    worker->client = mr_log_client_create_embedded(mr_log_driver_requests(world->driver), wake_flag,
                                                   &worker->awake);
    return worker->client;
}

static mr_mailbox *make_mailbox(void *arg, uint32_t index) {
    mr_job_world *world = arg;
    world_worker *worker = &world->workers[index];
    worker->works = mr_mailbox_create(WORKS_MAX, wake_flag, &worker->awake);
    return worker->works;
}

static mr_status start_members(mr_job_world *world, mr_err *err) {
    const mr_job_world_options *options = &world->options;
    world->workers_count = options->workers;
    world->workers = mr_alloc_array(options->workers, sizeof *world->workers);
    mr_worker **workers = mr_alloc_array(options->workers, sizeof(mr_worker *));
    mr_job_run_config config = {.workers = options->workers,
                                .scripts = mr_lua_script_factory(world->lua),
                                .stores = mr_model_store_factory(world->model),
                                .connector_disk = mr_sim_disk_disk(world->sim),
                                .pool = {submit_work, world},
                                .board = &world->board,
                                .commit_interval_ms = options->commit_interval_ms,
                                .spill_bytes_max = options->spill_bytes_max,
                                .rows_bytes_max = options->rows_bytes_max,
                                .spill_age_ms = options->spill_age_ms,
                                .fetch_bytes_max = options->fetch_bytes_max,
                                .txn_bytes_max = options->txn_bytes_max,
                                .rate = options->rate,
                                .graph_breaks = options->graph_breaks,
                                .writeback_breaks = options->writeback_breaks,
                                .client = make_client,
                                .mailbox = make_mailbox,
                                .arg = world};
    mr_status status = mr_job_start(world->job, &config, workers, err);
    for (uint32_t i = 0; i < options->workers; i++) {
        world->workers[i].worker = workers[i];
        world->workers[i].awake = true;
    }
    mr_free(workers);
    return status;
}

static mr_status open_job(mr_job_world *world, mr_err *err) {
    mr_board_init(&world->board, world->options.until, world->plan->sources_count);
    world->board_made = true;
    world->lua = mr_lua_factory_create(&(mr_lua_limits){0});
    mr_status status = mr_job_open(world->plan, caller_of(world), mr_sim_disk_disk(world->sim),
                                   world->now, &world->job, err);
    return status == MR_OK ? start_members(world, err) : status;
}

/* What a store writes is an I/O operation like any other: the power may go there. */
static mr_model_power draw_power(void *arg) {
    mr_sim_disk *sim = arg;
    if (mr_sim_disk_is_off(sim)) {
        return MR_MODEL_POWER_OFF;
    }
    mr_sim_disk_count_mutation(sim);
    return mr_sim_disk_is_off(sim) ? MR_MODEL_POWER_GOES : MR_MODEL_POWER_ON;
}

static mr_job_world *create(mr_sim_disk *sim, mr_model_store *model,
                            const mr_job_world_options *options) {
    mr_job_world *world = mr_alloc(sizeof *world);
    mr_job_world_options *own = &world->options;
    *own = *options;
    own->workers = own->workers ? own->workers : 1;
    own->step_ns = own->step_ns ? own->step_ns : STEP_NS;
    own->spill_bytes_max = own->spill_bytes_max ? own->spill_bytes_max : UINT64_MAX;
    own->spill_age_ms = own->spill_age_ms ? own->spill_age_ms : INT64_MAX / 2000000;
    if (own->start.mono_ns == 0) {
        own->start = (mr_now){START_NS, START_MS};
    }
    world->sim = sim;
    world->model = model;
    mr_model_store_set_mains(model, (mr_model_mains){draw_power, sim});
    world->prng = mr_prng_seeded(options->seed);
    world->now = own->start;
    world->look_ns = own->start.mono_ns + TICK_NS;
    return world;
}

mr_status mr_job_world_open(mr_sim_disk *sim, mr_model_store *model,
                            const mr_job_world_options *options, mr_job_world **out, mr_err *err) {
    mr_job_world *world = create(sim, model, options);
    *out = NULL;
    mr_status status = open_log(world, err);
    if (status == MR_OK) {
        status = compile(world, err);
    }
    if (status == MR_OK) {
        status = open_job(world, err);
    }
    if (status != MR_OK) {
        mr_job_world_drop(world);
        return status;
    }
    *out = world;
    return MR_OK;
}

/* ---- the control loop: the same questions in the same order as the program's ---- */

static void look_again(mr_job_world *world) {
    for (uint32_t i = 0; i < world->workers_count; i++) {
        world->workers[i].looked = false;
        world->workers[i].awake = true;
    }
}

static void set_phase(mr_job_world *world, mr_run_phase phase) {
    atomic_store(&world->board.phase, phase);
    world->quiet_looks = 0;
    look_again(world);
}

static void ask_for_end(mr_job_world *world) {
    mr_worker **workers = mr_alloc_array(world->workers_count, sizeof(mr_worker *));
    for (uint32_t i = 0; i < world->workers_count; i++) {
        workers[i] = world->workers[i].worker;
    }
    mr_err err = {0};
    bool at_end = false;
    mr_status status = mr_job_at_end(world->job, workers, world->workers_count, &at_end, &err);
    mr_free(workers);
    world->quiet_looks = 0;
    if (status != MR_OK) {
        mr_failure_set(&world->failure, status, "%s", err.message);
    } else if (at_end) {
        bool working = atomic_load(&world->board.phase) == MR_RUN_WORKING;
        set_phase(world, working ? MR_RUN_DRAIN_SINKS : MR_RUN_STOPPING);
    }
}

static void look_for_end(mr_job_world *world) {
    bool looked = true, quiet = true;
    uint64_t progress = 0;
    for (uint32_t i = 0; i < world->workers_count; i++) {
        looked = looked && world->workers[i].looked;
        quiet = quiet && world->workers[i].quiet;
        progress += mr_worker_progress(world->workers[i].worker);
    }
    if (!looked) {
        return;
    }
    bool same = world->quiet_looks == 0 || progress == world->quiet_progress;
    world->quiet_looks = quiet && same ? world->quiet_looks + 1 : quiet ? 1 : 0;
    world->quiet_progress = progress;
    if (world->quiet_looks >= QUIET_LOOKS) {
        ask_for_end(world);
    }
    look_again(world);
}

static bool all_drained(const mr_job_world *world) {
    for (uint32_t i = 0; i < world->workers_count; i++) {
        if (!mr_worker_drained(world->workers[i].worker)) {
            return false;
        }
    }
    return true;
}

static mr_status shut_down(mr_job_world *world) {
    mr_log_request *request = mr_log_client_request(world->client, MR_LOG_SHUTDOWN);
    mr_status status = mr_log_client_call(world->client, request, pump, world);
    if (status != MR_OK) {
        mr_failure_set(&world->failure, status, "shutdown: %s", request->err.message);
    }
    mr_log_client_recycle(world->client, request);
    return status;
}

static void leave(mr_job_world *world) {
    for (uint32_t i = 0; i < world->workers_count; i++) {
        if (!mr_worker_stopped(world->workers[i].worker)) {
            return;
        }
    }
    if (shut_down(world) != MR_OK) {
        return;
    }
    for (uint32_t steps = 0; !all_drained(world); steps++) {
        MR_ASSERT(steps < PUMPS_MAX);
        for (uint32_t i = 0; i < world->workers_count; i++) {
            int64_t deadline_ns;
            if (mr_worker_step(world->workers[i].worker, world->now, &deadline_ns) != MR_OK) {
                world->failure = *mr_worker_failure(world->workers[i].worker);
                return;
            }
        }
        if (world->pool_count > 0) {
            run_one_work(world);
        }
        step_driver(world);
    }
    while (mr_log_driver_outstanding(world->driver) > 0) {
        pump(world);
    }
    world->done = true;
}

static void look(mr_job_world *world) {
    world->look_ns = world->now.mono_ns + TICK_NS;
    if (atomic_load(&world->board.phase) == MR_RUN_STOPPING) {
        leave(world);
    } else if (world->options.until == MR_RUN_UNTIL_END) {
        look_for_end(world);
    }
}

/* ---- one step ---- */

/* Which of its tasks have run before: a bit each. */
static uint64_t running_tasks(const mr_worker *worker) {
    uint64_t running = 0;
    for (size_t i = 0; i < mr_worker_members(worker) && i < 64; i++) {
        const mr_member *member = mr_worker_member(worker, i);
        if (mr_job_world_is_task(member) &&
            ((const mr_task *)member)->machine.state >= TASK_RUNNING) {
            running |= 1ull << i;
        }
    }
    return running;
}

static void tell_restored(mr_job_world *world, const mr_worker *worker, uint64_t before) {
    uint64_t fresh = running_tasks(worker) & ~before;
    for (size_t i = 0; i < mr_worker_members(worker) && i < 64; i++) {
        mr_member *member = mr_worker_member(worker, i);
        if ((fresh >> i & 1) != 0 && !mr_task_dirty(member) &&
            ((const mr_task *)member)->machine.state == TASK_RUNNING) {
            world->options.restored(world->options.restored_arg, world, member);
        }
    }
}

static void step_worker(mr_job_world *world, uint32_t index) {
    world_worker *worker = &world->workers[index];
    worker->awake = false;
    bool watched = world->options.restored != NULL;
    uint64_t before = watched ? running_tasks(worker->worker) : 0;
    if (mr_worker_step(worker->worker, world->now, &worker->deadline_ns) != MR_OK) {
        if (world->failure.status == MR_OK) {
            world->failure = *mr_worker_failure(worker->worker);
        }
        return;
    }
    worker->quiet = worker->deadline_ns > world->now.mono_ns && mr_worker_quiet(worker->worker);
    worker->looked = true;
    if (watched) {
        tell_restored(world, worker->worker, before);
    }
}

enum { WHO_LOG, WHO_IO, WHO_CONTROL, WHO_WORKER }; /* WHO_WORKER + i */
static const uint32_t weights[MR_JOB_SCHEDULES][5] = {
    /* log, one I/O, control, first worker, other workers */
    [MR_JOB_SCHEDULE_EVEN] = {4, 4, 4, 4, 4},
    [MR_JOB_SCHEDULE_SLOW_IO] = {8, 1, 8, 8, 8},
    [MR_JOB_SCHEDULE_SLOW_LOG] = {1, 8, 8, 8, 8},
    [MR_JOB_SCHEDULE_SLOW_WORKERS] = {16, 16, 8, 1, 1},
    [MR_JOB_SCHEDULE_LAME_WORKER] = {16, 16, 8, 1, 16},
};

static uint32_t weight_of(const mr_job_world *world, uint32_t who) {
    const uint32_t *row = weights[world->options.schedule];
    int64_t now = world->now.mono_ns;
    if (who == WHO_LOG) {
        bool runs = world->driver_awake || mr_log_driver_deadline_ns(world->driver) <= now;
        return runs ? row[0] : 0;
    }
    if (who == WHO_IO) {
        return world->pool_count > 0 ? row[1] : 0;
    }
    if (who == WHO_CONTROL) {
        return world->look_ns <= now ? row[2] : 0;
    }
    const world_worker *worker = &world->workers[who - WHO_WORKER];
    bool runs = worker->awake || worker->deadline_ns <= now;
    return runs ? row[who == WHO_WORKER ? 3 : 4] : 0;
}

static void wait_for_deadline(mr_job_world *world) {
    int64_t deadline = world->look_ns;
    int64_t log = mr_log_driver_deadline_ns(world->driver);
    deadline = log < deadline ? log : deadline;
    for (uint32_t i = 0; i < world->workers_count; i++) {
        int64_t wanted = world->workers[i].deadline_ns;
        deadline = wanted < deadline ? wanted : deadline;
    }
    set_clock(world, deadline);
}

static void run_step(mr_job_world *world) {
    uint32_t everyone = WHO_WORKER + world->workers_count, total = 0;
    for (uint32_t who = 0; who < everyone; who++) {
        total += weight_of(world, who);
    }
    if (total == 0) {
        wait_for_deadline(world);
        return;
    }
    uint64_t drawn = mr_prng_below(&world->prng, total);
    uint32_t who = 0;
    for (; drawn >= weight_of(world, who); who++) {
        drawn -= weight_of(world, who);
    }
    if (who == WHO_LOG) {
        step_driver(world);
    } else if (who == WHO_IO) {
        run_one_work(world);
    } else if (who == WHO_CONTROL) {
        look(world);
    } else {
        step_worker(world, who - WHO_WORKER);
    }
    set_clock(world, world->now.mono_ns + world->options.step_ns);
}

mr_job_world_end mr_job_world_run(mr_job_world *world, uint64_t steps_max) {
    for (uint64_t i = 0; i < steps_max; i++) {
        if (mr_sim_disk_is_off(world->sim)) {
            return MR_JOB_CRASHED;
        }
        if (world->done) {
            return MR_JOB_DONE;
        }
        const mr_err *log = mr_log_core_failure(mr_log_driver_core(world->driver));
        if (mr_log_core_failed(mr_log_driver_core(world->driver)) && log) {
            mr_failure_set(&world->failure, log->status, "%s", log->message);
        }
        if (world->failure.status != MR_OK) {
            return MR_JOB_FAILED;
        }
        world->steps++;
        run_step(world);
    }
    return world->done ? MR_JOB_DONE : MR_JOB_BUSY;
}

void mr_job_world_stop(mr_job_world *world) {
    set_phase(world, MR_RUN_STOPPING);
}

/* ---- the end ---- */

void mr_job_world_drop(mr_job_world *world) {
    if (!world) {
        return;
    }
    mr_log_driver_destroy(world->driver);
    for (uint32_t i = 0; i < world->workers_count; i++) {
        if (world->workers[i].worker) {
            mr_log_request *request;
            while ((request = mr_log_client_poll(world->workers[i].client))) {
                mr_log_client_recycle(world->workers[i].client, request);
            }
            mr_worker_destroy(world->workers[i].worker);
        }
    }
    if (world->job) {
        mr_job_close(world->job);
    }
    if (world->client) {
        mr_log_client_destroy(world->client);
    }
    if (world->lua) {
        mr_lua_factory_destroy(world->lua);
    }
    if (world->plan) {
        mr_plan_destroy(world->plan);
    }
    mr_app_catalog_destroy(world->catalog);
    mr_model_store_set_mains(world->model, (mr_model_mains){0});
    if (world->board_made) {
        mr_board_deinit(&world->board);
    }
    mr_free(world->workers);
    mr_free(world->pool);
    mr_free(world);
}

mr_status mr_job_world_reset(mr_sim_disk *sim, mr_model_store *model,
                             const mr_job_world_options *options, mr_err *err) {
    mr_job_world *world = create(sim, model, options);
    mr_status status = open_log(world, err);
    if (status == MR_OK) {
        status = compile(world, err);
    }
    mr_buf report = {0};
    if (status == MR_OK) {
        mr_reset_config config = {.mode = MR_RESET_DO,
                                  .outputs = MR_RESET_EMPTY_OUTPUTS,
                                  .data_disk = mr_sim_disk_disk(sim),
                                  .connector_disk = mr_sim_disk_disk(sim)};
        status = mr_job_reset(world->plan, caller_of(world), &config, world->now, &report, err);
    }
    mr_buf_deinit(&report);
    if (status == MR_OK) {
        status = shut_down(world);
    }
    mr_job_world_drop(world);
    return status;
}

/* ---- what a test sees ---- */

const mr_failure *mr_job_world_failure(const mr_job_world *world) {
    return &world->failure;
}

mr_now mr_job_world_now(const mr_job_world *world) {
    return world->now;
}

const mr_board *mr_job_world_board(const mr_job_world *world) {
    return &world->board;
}

const mr_plan *mr_job_world_plan(const mr_job_world *world) {
    return world->plan;
}

const mr_recovery_report *mr_job_world_recovery(const mr_job_world *world) {
    return &world->recovery;
}

uint64_t mr_job_world_steps(const mr_job_world *world) {
    return world->steps;
}

mr_sim_disk *mr_job_world_disk(const mr_job_world *world) {
    return world->sim;
}

uint32_t mr_job_world_workers(const mr_job_world *world) {
    return world->workers_count;
}

mr_worker *mr_job_world_worker(const mr_job_world *world, uint32_t index) {
    return world->workers[index].worker;
}
