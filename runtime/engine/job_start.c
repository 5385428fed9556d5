#include "runtime/engine/job_state.h"

#include <stdio.h>

#include "runtime/base/alloc.h"
#include "runtime/base/assert.h"
#include "runtime/base/limits.h"

/* What making the members needs at hand. */
typedef struct starting {
    mr_job *job;
    const mr_job_run_config *config;
    mr_worker **workers;
    mr_log_client **clients;
    mr_mailbox **mailboxes;
    uint32_t next_worker;
    uint32_t tasks;
} starting;

static uint32_t take_worker(starting *start) {
    uint32_t worker = start->next_worker;
    start->next_worker = (worker + 1) % start->config->workers;
    return worker;
}

static void create_workers(starting *start) {
    const mr_job_run_config *config = start->config;
    for (uint32_t i = 0; i < config->workers; i++) {
        char id[300];
        snprintf(id, sizeof id, "%s-%u", start->job->plan->job, i);
        start->clients[i] = config->client(config->arg, i);
        start->mailboxes[i] = config->mailbox(config->arg, i);
        mr_worker_config worker = {.transactional_id = id,
                                   .client = start->clients[i],
                                   .works = start->mailboxes[i],
                                   .positions_partition = start->job->positions_partition,
                                   .board = config->board,
                                   .commit_interval_ms = config->commit_interval_ms,
                                   .dry_commit_ms = 5,
                                   .txn_bytes_max = config->txn_bytes_max};
        start->workers[i] = mr_worker_create(&worker);
    }
}

/* ---- tasks ---- */

static int64_t start_of(const mr_job *job, const mr_plan_input *input, int32_t partition) {
    const mr_topic_description *topic = input->kind == MR_INPUT_STREAM
                                            ? &job->topics.streams[input->index]
                                            : &job->topics.repartitions[input->index];
    const job_position *position = mr_job_position(job, job->plan->job, topic->name, partition);
    return position && position->generation == job->topics.generation ? position->offset : 0;
}

/* The reset that began this generation emptied the input's topic. */
static bool is_remade(const mr_job *job, const mr_plan_input *input, int32_t partition) {
    const mr_metadata *record = &job->record.metadata;
    for (size_t i = 0; i < record->starts_count && input->kind == MR_INPUT_STREAM; i++) {
        const mr_start_position *start = &record->starts[i];
        if (start->partition == partition && start->offset > 0 &&
            mr_bytes_equal(start->topic, mr_bytes_text(job->plan->streams[input->index].topic))) {
            return true;
        }
    }
    return false;
}

static mr_status start_task(starting *start, uint32_t subtopology, int32_t partition, mr_err *err) {
    const mr_job_run_config *config = start->config;
    const mr_plan_subtopology *sub = &start->job->plan->subtopologies[subtopology];
    uint32_t worker = take_worker(start);
    int64_t *positions = mr_alloc_array(sub->inputs_count + 1, sizeof *positions);
    bool *remade = mr_alloc_array(sub->inputs_count + 1, sizeof *remade);
    for (uint32_t i = 0; i < sub->inputs_count; i++) {
        positions[i] = start_of(start->job, &sub->inputs[i], partition);
        remade[i] = is_remade(start->job, &sub->inputs[i], partition);
    }
    uint64_t tasks = start->tasks ? start->tasks : 1;
    uint64_t share = config->spill_bytes_max / tasks;
    mr_task_config task = {.plan = start->job->plan,
                           .subtopology = subtopology,
                           .partition = partition,
                           .topics = &start->job->topics,
                           .positions = positions,
                           .remade = remade,
                           .client = start->clients[worker],
                           .works = start->mailboxes[worker],
                           .pool = config->pool,
                           .scripts = config->scripts,
                           .stores = config->stores,
                           .board = config->board,
                           .lags = start->job->lags,
                           .spill_bytes_max = share ? share : 1,
                           .rows_bytes_max =
                               config->rows_bytes_max ? config->rows_bytes_max / tasks : UINT64_MAX,
                           .spill_age_ms = config->spill_age_ms,
                           .fetch_bytes_max = config->fetch_bytes_max,
                           .txn_bytes_max = config->txn_bytes_max,
                           .breaks = {config->graph_breaks, config->writeback_breaks}};
    mr_member *member;
    mr_status status = mr_task_create(&task, &member, err);
    mr_free(positions);
    mr_free(remade);
    if (status == MR_OK) {
        mr_worker_add(start->workers[worker], member);
    }
    return status;
}

static uint32_t task_inputs(const mr_job *job, const mr_plan_subtopology *sub, int32_t partition) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < sub->inputs_count; i++) {
        const mr_plan_input *input = &sub->inputs[i];
        int32_t partitions = input->kind == MR_INPUT_STREAM
                                 ? job->topics.streams[input->index].partitions
                                 : job->topics.repartitions[input->index].partitions;
        count += partition < partitions;
    }
    return count;
}

/* ---- connectors ---- */

static mr_status start_source(starting *start, uint32_t index, mr_err *err) {
    const mr_job_run_config *config = start->config;
    const mr_plan_source *plan = &start->job->plan->sources[index];
    char group[300];
    snprintf(group, sizeof group, "source.%s", plan->name);
    const job_position *position =
        mr_job_position(start->job, group, start->job->plan->streams[plan->stream].topic, 0);
    uint32_t worker = take_worker(start);
    mr_source_config source = {.plan = start->job->plan,
                               .source = index,
                               .topics = &start->job->topics,
                               .position = position ? position->metadata : NULL,
                               .records_before = position ? position->offset : 0,
                               .disk = config->connector_disk,
                               .client = start->clients[worker],
                               .works = start->mailboxes[worker],
                               .pool = config->pool,
                               .scripts = config->scripts,
                               .board = config->board,
                               .rate = config->rate};
    mr_member *member;
    mr_status status = mr_source_create(&source, &member, err);
    if (status == MR_OK) {
        mr_worker_add(start->workers[worker], member);
    }
    return status;
}

static mr_status start_sink_partition(starting *start, uint32_t index, int32_t partition,
                                      mr_err *err) {
    const mr_job_run_config *config = start->config;
    const mr_plan *plan = start->job->plan;
    char group[600];
    snprintf(group, sizeof group, "sink.%s.%s", plan->job, plan->sinks[index].name);
    const job_position *position = mr_job_position(
        start->job, group, plan->streams[plan->sinks[index].stream].topic, partition);
    if (position && position->generation != start->job->topics.generation) {
        position = NULL;
    }
    uint32_t worker = take_worker(start);
    mr_sink_config sink = {.plan = plan,
                           .sink = index,
                           .partition = partition,
                           .topics = &start->job->topics,
                           .intent = position ? position->metadata : NULL,
                           .position = position ? position->offset : 0,
                           .disk = config->connector_disk,
                           .client = start->clients[worker],
                           .works = start->mailboxes[worker],
                           .pool = config->pool,
                           .scripts = config->scripts,
                           .board = config->board};
    mr_member *member;
    mr_status status = mr_sink_create(&sink, &member, err);
    if (status == MR_OK) {
        mr_worker_add(start->workers[worker], member);
    }
    return status;
}

/* A reset that was cut short may have left what older generations wrote. */
static mr_status start_sink(starting *start, uint32_t index, mr_err *err) {
    const mr_job *job = start->job;
    int32_t partitions = job->topics.streams[job->plan->sinks[index].stream].partitions;
    mr_status status = MR_OK;
    if (job->topics.generation > 1) {
        status = mr_sink_reset(job->plan, index, &job->topics, start->config->connector_disk, err);
    }
    for (int32_t p = 0; p < partitions && status == MR_OK; p++) {
        status = start_sink_partition(start, index, p, err);
    }
    return status;
}

static mr_status create_members(starting *start, mr_err *err) {
    const mr_plan *plan = start->job->plan;
    mr_status status = MR_OK;
    for (uint32_t s = 0; s < plan->subtopologies_count && status == MR_OK; s++) {
        for (int32_t p = 0; p < plan->subtopologies[s].tasks && status == MR_OK; p++) {
            status = start_task(start, s, p, err);
        }
    }
    for (uint32_t i = 0; i < plan->sources_count && status == MR_OK; i++) {
        status = start_source(start, i, err);
    }
    for (uint32_t i = 0; i < plan->sinks_count && status == MR_OK; i++) {
        status = start_sink(start, i, err);
    }
    return status;
}

/* ---- room ---- */

/* A worker waits at all its inputs at once, and needs room for a commit beside that. */
#define INPUTS_PER_WORKER_MAX (MR_CLIENT_REQUESTS_MAX - 64)

/* As create_members spreads them. */
static uint32_t most_inputs(const mr_job *job, uint32_t workers) {
    const mr_plan *plan = job->plan;
    uint32_t *inputs = mr_alloc_array(workers, sizeof *inputs);
    uint32_t member = 0, most = 0;
    for (uint32_t s = 0; s < plan->subtopologies_count; s++) {
        for (int32_t p = 0; p < plan->subtopologies[s].tasks; p++, member++) {
            inputs[member % workers] += task_inputs(job, &plan->subtopologies[s], p);
        }
    }
    member += plan->sources_count;
    for (uint32_t i = 0; i < plan->sinks_count; i++) {
        for (int32_t p = 0; p < job->topics.streams[plan->sinks[i].stream].partitions; p++) {
            inputs[member++ % workers]++;
        }
    }
    for (uint32_t i = 0; i < workers; i++) {
        most = inputs[i] > most ? inputs[i] : most;
    }
    mr_free(inputs);
    return most;
}

static mr_status check_inputs(const mr_job *job, uint32_t workers, mr_err *err) {
    uint32_t most = most_inputs(job, workers);
    if (most <= INPUTS_PER_WORKER_MAX) {
        return MR_OK;
    }
    return mr_err_set(err, MR_INVALID,
                      "one of %u workers would have %u partitions to wait for, more than %d: give "
                      "the job more workers, or its topics fewer partitions",
                      workers, most, INPUTS_PER_WORKER_MAX);
}

mr_status mr_job_start(mr_job *job, const mr_job_run_config *config, mr_worker **workers_out,
                       mr_err *err) {
    MR_ASSERT(config->workers > 0);
    for (uint32_t i = 0; i < config->workers; i++) {
        workers_out[i] = NULL;
    }
    mr_status checked = check_inputs(job, config->workers, err);
    if (checked != MR_OK) {
        return checked;
    }
    starting start = {.job = job, .config = config, .workers = workers_out};
    start.clients = mr_alloc_array(config->workers, sizeof(mr_log_client *));
    start.mailboxes = mr_alloc_array(config->workers, sizeof(mr_mailbox *));
    for (uint32_t s = 0; s < job->plan->subtopologies_count; s++) {
        start.tasks += (uint32_t)job->plan->subtopologies[s].tasks;
    }
    create_workers(&start);
    mr_status status = create_members(&start, err);
    if (status != MR_OK) {
        for (uint32_t i = 0; i < config->workers; i++) {
            mr_worker_destroy(workers_out[i]);
            workers_out[i] = NULL;
        }
    }
    mr_free(start.clients);
    mr_free(start.mailboxes);
    return status;
}
