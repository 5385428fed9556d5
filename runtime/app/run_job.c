#include "runtime/app/run_job.h"

#include "runtime/base/alloc.h"
#include "runtime/base/limits.h"

/* What of the memory budget goes where (docs/settings.md). */
#define ROWS_SHARE 4 /* a quarter: committed rows in memory */
#define TXN_SHARE 8  /* an eighth: what the workers gather for their next commits */
#define TXN_BYTES_MIN 65536

typedef struct client_source {
    const mr_run_env *env;
    mr_run_job *job;
} client_source;

static mr_log_client *make_client(void *arg, uint32_t worker) {
    client_source *source = arg;
    return mr_log_client_create_embedded(mr_log_service_requests(source->env->log), mr_wakeup_raise,
                                         mr_worker_thread_wakeup(source->job->threads[worker]));
}

static mr_mailbox *make_mailbox(void *arg, uint32_t worker) {
    client_source *source = arg;
    return mr_mailbox_create(MR_CLIENT_REQUESTS_MAX, mr_wakeup_raise,
                             mr_worker_thread_wakeup(source->job->threads[worker]));
}

static uint64_t smaller(uint64_t a, uint64_t b) {
    return a < b ? a : b;
}

static size_t txn_bytes(const mr_run_env *env) {
    uint64_t workers = (uint64_t)env->settings->workers * env->jobs_count;
    uint64_t share = env->settings->memory_bytes / TXN_SHARE / workers;
    share = share < TXN_BYTES_MIN ? TXN_BYTES_MIN : share;
    return (size_t)smaller(share, MR_TXN_BYTES_MAX);
}

static mr_status start_members(const mr_run_env *env, mr_run_job *job, mr_err *err) {
    const mr_settings *settings = env->settings;
    client_source source = {env, job};
    uint64_t rows = settings->memory_bytes / ROWS_SHARE;
    uint64_t spill = smaller(settings->spill_bytes, rows);
    mr_job_run_config config = {
        .workers = settings->workers,
        .scripts = env->scripts,
        .stores = env->stores,
        .connector_disk = job->file->folder,
        .pool = mr_log_service_pool(env->log),
        .board = &job->board,
        .commit_interval_ms = settings->commit_interval_ms,
        .spill_bytes_max = (spill + env->jobs_count - 1) / env->jobs_count,
        .rows_bytes_max = rows / env->jobs_count,
        .spill_age_ms = settings->spill_age_ms,
        .txn_bytes_max = txn_bytes(env),
        .rate = (settings->rate + env->jobs_count - 1) / env->jobs_count,
        .graph_breaks = env->breaks.graph,
        .writeback_breaks = env->breaks.writeback,
        .client = make_client,
        .mailbox = make_mailbox,
        .arg = &source,
    };
    return mr_job_start(job->job, &config, job->workers, err);
}

mr_status mr_run_job_open(const mr_run_env *env, const mr_job_file *file, mr_run_job **out,
                          mr_err *err) {
    mr_run_job *job = mr_alloc(sizeof *job);
    job->file = file;
    mr_board_init(&job->board, env->until, file->plan->sources_count);
    job->workers_count = env->settings->workers;
    job->workers = mr_alloc_array(job->workers_count, sizeof(mr_worker *));
    job->threads = mr_alloc_array(job->workers_count, sizeof(mr_worker_thread *));
    for (uint32_t i = 0; i < job->workers_count; i++) {
        job->threads[i] = mr_worker_thread_create(env->clock, env->tell, env->tell_arg);
    }
    mr_status status =
        mr_job_open(file->plan, mr_log_service_caller(env->log), mr_log_service_disk(env->log),
                    mr_clock_now(&env->clock), &job->job, err);
    if (status == MR_OK) {
        status = start_members(env, job, err);
    }
    if (status != MR_OK) {
        mr_run_job_close(job);
        return mr_err_wrap(err, status, "%s", file->path);
    }
    *out = job;
    return MR_OK;
}

void mr_run_job_start(mr_run_job *job) {
    for (uint32_t i = 0; i < job->workers_count; i++) {
        mr_worker_thread_start(job->threads[i], job->workers[i], &job->board);
    }
}

void mr_run_job_close(mr_run_job *job) {
    if (!job) {
        return;
    }
    for (uint32_t i = 0; i < job->workers_count; i++) {
        mr_worker_destroy(job->workers[i]);
        mr_worker_thread_destroy(job->threads[i]);
    }
    if (job->job) {
        mr_job_close(job->job);
    }
    mr_board_deinit(&job->board);
    mr_free(job->workers);
    mr_free(job->threads);
    mr_free(job);
}

void mr_run_job_set_phase(mr_run_job *job, mr_run_phase phase) {
    atomic_store(&job->board.phase, phase);
    for (uint32_t i = 0; i < job->workers_count; i++) {
        mr_wakeup_raise(mr_worker_thread_wakeup(job->threads[i]));
    }
}
