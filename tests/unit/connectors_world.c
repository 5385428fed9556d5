#include "tests/unit/connectors_world.h"

#include <stdio.h>

#include "runtime/base/alloc.h"
#include "runtime/base/assert.h"
#include "runtime/base/prng.h"
#include "runtime/engine/sink_task.h"
#include "runtime/engine/source_task.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define WORKS_MAX 16

/* ---- the plan ---- */

enum { STREAM_BAD, STREAM_EVENTS, STREAM_REJECTED, STREAMS };
enum { NODE_TO_EVENTS, NODE_FILTER, NODE_DIR, NODE_BAD, NODE_REJECTED, NODES };

static const mr_bytes path_n[] = {{(const uint8_t *)"n", 1}};
static const mr_path paths[] = {{path_n, 1}};
static const mr_const consts[] = {{.kind = MR_CONST_INT, .integer = 100}};
static const mr_expr_op below_100_ops[] = {{MR_EXPR_FIELD, 0}, {MR_EXPR_CONST, 0}, {MR_EXPR_LT, 0}};
static const mr_expr below_100 = {
    .ops = below_100_ops,
    .ops_count = 3,
    .consts = consts,
    .consts_count = 1,
    .paths = paths,
    .paths_count = 1,
};
static const mr_code codes[] = {{
    .use = MR_CODE_CONDITION,
    .form = MR_CODE_EXPRESSION,
    .text = "value.n < 100",
    .label = "events_dir/filter",
    .native = &below_100,
}};
static const uint32_t filter_children[] = {NODE_DIR};
static const mr_policy to_rejected = {MR_POLICY_STREAM, STREAM_REJECTED};
static const mr_policy to_bad = {MR_POLICY_STREAM, STREAM_BAD};

static const mr_node nodes[NODES] = {
    {.index = NODE_TO_EVENTS,
     .kind = MR_NODE_TO_STREAM,
     .label = "events_file/to",
     .on_error = {MR_POLICY_STREAM, STREAM_BAD},
     .to_stream = {STREAM_EVENTS}},
    {.index = NODE_FILTER,
     .kind = MR_NODE_FILTER,
     .label = "events_dir/filter",
     .on_error = {MR_POLICY_STREAM, STREAM_REJECTED},
     .children = filter_children,
     .children_count = 1,
     .filter = {&codes[0]}},
    {.index = NODE_DIR, .kind = MR_NODE_TO_SINK, .label = "events_dir", .to_sink = {1}},
    {.index = NODE_BAD, .kind = MR_NODE_TO_SINK, .label = "bad_one", .to_sink = {0}},
    {.index = NODE_REJECTED, .kind = MR_NODE_TO_SINK, .label = "rejected_one", .to_sink = {2}},
};
static const uint32_t node_lists[NODES] = {NODE_TO_EVENTS, NODE_FILTER, NODE_DIR, NODE_BAD,
                                           NODE_REJECTED};

static const mr_plan_stream streams[STREAMS] = {
    {.name = "bad", .topic = "bad-topic", .value = {MR_FORMAT_BYTES, NULL}, .partitions = 1},
    {.name = "events", .topic = "events-topic", .value = {MR_FORMAT_JSON, NULL}, .partitions = 2},
    {.name = "rejected",
     .topic = "rejected-topic",
     .value = {MR_FORMAT_BYTES, NULL},
     .partitions = 1},
};

static const mr_setting bad_settings[] = {{"path", "out/bad.jsonl", {0, 0}}};
static const mr_setting rejected_settings[] = {{"path", "out/rejected.jsonl", {0, 0}}};

struct connector_world {
    connector_world_config config;
    mr_setting source_settings[2];
    mr_setting dir_settings[3];
    mr_plan_source sources[1];
    mr_plan_sink sinks[3];
    mr_plan plan;
    mr_job_topics topics;
    mr_topic_description descriptions[STREAMS];
    mr_partition_id positions_partition;
    mr_board board;
    mr_sim_disk *sim;
    mr_log_world *log;
    mr_log_client *client;
    mr_worker *worker;
    mr_work *works[WORKS_MAX];
    size_t works_count;
    mr_prng prng;
    char message[sizeof(((mr_failure *)0)->message)];
    /* positions as the log has them: by source and sink partition */
    mr_arena *arena;
    mr_position found[8];
    size_t found_count;
};

static void make_plan(connector_world *world) {
    const connector_world_config *config = &world->config;
    world->source_settings[0] = (mr_setting){"path", "in/a.jsonl", {0, 0}};
    world->source_settings[1] = (mr_setting){"max_record", config->max_record, {0, 0}};
    world->dir_settings[0] = (mr_setting){"dir", "out/events", {0, 0}};
    uint32_t dir_settings_count = 1;
    if (config->rotate_records) {
        world->dir_settings[dir_settings_count++] =
            (mr_setting){"rotate.records", config->rotate_records, {0, 0}};
    }
    if (config->rotate_size) {
        world->dir_settings[dir_settings_count++] =
            (mr_setting){"rotate.size", config->rotate_size, {0, 0}};
    }
    world->sources[0] = (mr_plan_source){
        .name = "events_file",
        .plugin = "file",
        .settings = world->source_settings,
        .settings_count = config->max_record ? 2 : 1,
        .value = {MR_FORMAT_JSON, NULL},
        .stream = STREAM_EVENTS,
        .entry = NODE_TO_EVENTS,
        .nodes = &node_lists[NODE_TO_EVENTS],
        .nodes_count = 1,
        .on_error = to_bad,
    };
    const mr_plan_sink base = {.plugin = "file", .settings_count = 1, .nodes_count = 1};
    for (int i = 0; i < 3; i++) {
        world->sinks[i] = base;
    }
    world->sinks[0].name = "bad_one";
    world->sinks[0].settings = bad_settings;
    world->sinks[0].stream = STREAM_BAD;
    world->sinks[0].entry = NODE_BAD;
    world->sinks[0].nodes = &node_lists[NODE_BAD];
    world->sinks[1].name = "events_dir";
    world->sinks[1].settings = world->dir_settings;
    world->sinks[1].settings_count = dir_settings_count;
    world->sinks[1].stream = STREAM_EVENTS;
    world->sinks[1].entry = NODE_FILTER;
    world->sinks[1].nodes = &node_lists[NODE_FILTER];
    world->sinks[1].nodes_count = 2;
    world->sinks[1].on_error = to_rejected;
    world->sinks[2].name = "rejected_one";
    world->sinks[2].settings = rejected_settings;
    world->sinks[2].stream = STREAM_REJECTED;
    world->sinks[2].entry = NODE_REJECTED;
    world->sinks[2].nodes = &node_lists[NODE_REJECTED];
    world->plan = (mr_plan){
        .job = "job",
        .file = "job.yaml",
        .functions = "",
        .streams = streams,
        .streams_count = STREAMS,
        .codes = codes,
        .codes_count = COUNT(codes),
        .nodes = nodes,
        .nodes_count = NODES,
        .sources = world->sources,
        .sources_count = 1,
        .sinks = world->sinks,
        .sinks_count = 3,
    };
}

/* ---- a script that knows nothing: what native code cannot decide is an error of the record ----
 */

static mr_status script_eval(mr_script *script, const mr_code *code, mr_scope *scope,
                             mr_arena *arena, mr_datum *out, mr_err *err) {
    (void)script, (void)scope, (void)arena, (void)out;
    return mr_err_set(err, MR_INVALID, "%s: attempt to compare string with number", code->label);
}

static void script_step(mr_script *script) {
    (void)script;
}

static void script_destroy(mr_script *script) {
    (void)script;
}

static const mr_script_ops script_ops = {
    .eval = script_eval, .step = script_step, .destroy = script_destroy};
static mr_script script = {&script_ops};

static mr_status script_create(void *self, const mr_plan *plan, mr_script **out, mr_err *err) {
    (void)self, (void)plan, (void)err;
    *out = &script;
    return MR_OK;
}

/* ---- start ---- */

static mr_status make_topic(connector_world *world, const char *name, int32_t partitions,
                            mr_topic_kind kind, mr_topic_description *out) {
    mr_log_client *client = mr_log_world_client(world->log);
    mr_log_request *request = mr_log_client_request(client, MR_LOG_CREATE_TOPIC);
    snprintf(request->topic, sizeof request->topic, "%s", name);
    request->partitions = partitions;
    request->topic_kind = kind;
    mr_status status = mr_log_world_call(world->log, request);
    *out = request->described;
    mr_log_client_recycle(client, request);
    return status == MR_EXISTS ? MR_OK : status;
}

static mr_status make_topics(connector_world *world) {
    mr_topic_description positions;
    mr_status status = make_topic(world, MR_TOPIC_POSITIONS, 1, MR_TOPIC_SYSTEM, &positions);
    world->positions_partition = positions.partition_first;
    for (uint32_t i = 0; i < STREAMS && status == MR_OK; i++) {
        status = make_topic(world, streams[i].topic, streams[i].partitions, MR_TOPIC_USER,
                            &world->descriptions[i]);
    }
    world->topics = (mr_job_topics){
        .streams = world->descriptions,
        .generation = world->config.generation ? world->config.generation : 1,
    };
    snprintf(world->topics.log_id, sizeof world->topics.log_id, "the-log");
    return status;
}

static void note_position(connector_world *world, const mr_position *position) {
    for (size_t i = 0; i < world->found_count; i++) {
        if (mr_bytes_equal(world->found[i].group, position->group) &&
            world->found[i].partition == position->partition) {
            world->found[i] = *position;
            return;
        }
    }
    MR_ASSERT(world->found_count < COUNT(world->found));
    world->found[world->found_count++] = *position;
}

static mr_status read_positions(connector_world *world) {
    mr_log_client *client = mr_log_world_client(world->log);
    mr_fetch_reader *reader = mr_fetch_reader_create();
    mr_status status = MR_OK;
    bool more = true;
    for (int64_t offset = 0; more && status == MR_OK;) {
        mr_log_request *request = mr_log_client_request(client, MR_LOG_FETCH);
        request->partition = world->positions_partition;
        request->offset = offset;
        request->bytes_max = MR_FETCH_BYTES_MAX;
        status = mr_log_world_call(world->log, request);
        more = status == MR_OK && request->fetched.bytes != NULL;
        if (more) {
            mr_record record;
            mr_position position;
            mr_fetch_batch batch;
            mr_fetch_reader_open(reader, &request->fetched);
            while (mr_fetch_reader_next(reader, &record, &batch, NULL) == MR_OK) {
                if (mr_position_decode(record.key, record.value, world->arena, &position) ==
                    MR_OK) {
                    note_position(world, &position);
                }
            }
            offset = mr_fetch_reader_next_offset(reader);
        }
        mr_log_client_recycle(client, request);
    }
    mr_fetch_reader_destroy(reader);
    return status;
}

static const mr_position *position_of(const connector_world *world, const char *group,
                                      int32_t partition, bool of_generation) {
    for (size_t i = 0; i < world->found_count; i++) {
        const mr_position *position = &world->found[i];
        if (mr_bytes_equal(position->group, mr_bytes_text(group)) &&
            position->partition == partition &&
            (!of_generation || position->generation == world->topics.generation)) {
            return position;
        }
    }
    return NULL;
}

static const char *metadata_of(const connector_world *world, const mr_position *position) {
    return position ? mr_arena_strndup(world->arena, (const char *)position->metadata.data,
                                       position->metadata.len)
                    : NULL;
}

static void submit_work(void *self, mr_work *work) {
    connector_world *world = self;
    MR_ASSERT(world->works_count < WORKS_MAX);
    world->works[world->works_count++] = work;
}

static void add_source(connector_world *world, mr_mailbox *works) {
    const mr_position *position = position_of(world, "source.events_file", 0, false);
    mr_source_config config = {
        .plan = &world->plan,
        .topics = &world->topics,
        .position = metadata_of(world, position),
        .records_before = position ? position->offset : 0,
        .disk = mr_sim_disk_disk(world->sim),
        .client = world->client,
        .works = works,
        .pool = {submit_work, world},
        .scripts = {script_create, NULL},
        .board = &world->board,
        .rate = world->config.rate,
    };
    mr_member *member = NULL;
    mr_status status = mr_source_create(&config, &member, NULL);
    MR_ASSERT(status == MR_OK);
    mr_worker_add(world->worker, member);
}

static void add_sink(connector_world *world, mr_mailbox *works, uint32_t sink, int32_t partition) {
    char group[64];
    snprintf(group, sizeof group, "sink.job.%s", world->sinks[sink].name);
    const mr_position *position = position_of(world, group, partition, true);
    mr_sink_config config = {
        .plan = &world->plan,
        .sink = sink,
        .partition = partition,
        .topics = &world->topics,
        .intent = metadata_of(world, position),
        .position = position ? position->offset : 0,
        .disk = mr_sim_disk_disk(world->sim),
        .client = world->client,
        .works = works,
        .pool = {submit_work, world},
        .scripts = {script_create, NULL},
        .board = &world->board,
    };
    mr_member *member = NULL;
    mr_status status = mr_sink_create(&config, &member, NULL);
    MR_ASSERT(status == MR_OK);
    mr_worker_add(world->worker, member);
}

static void start_worker(connector_world *world) {
    mr_mailbox *works = mr_mailbox_create(WORKS_MAX, NULL, NULL);
    world->client = mr_log_client_create_embedded(
        mr_log_driver_requests(mr_log_world_driver(world->log)), NULL, NULL);
    mr_worker_config config = {
        .transactional_id = "job-0",
        .client = world->client,
        .works = works,
        .positions_partition = world->positions_partition,
        .board = &world->board,
        .commit_interval_ms = 100,
        .dry_commit_ms = 5,
    };
    world->worker = mr_worker_create(&config);
    add_source(world, works);
    for (uint32_t i = 0; i < 3; i++) {
        for (int32_t p = 0; p < streams[world->sinks[i].stream].partitions; p++) {
            add_sink(world, works, i, p);
        }
    }
}

connector_world *connector_world_open(mr_sim_disk *sim, const connector_world_config *config) {
    connector_world *world = mr_alloc(sizeof *world);
    world->config = *config;
    world->sim = sim;
    world->prng = mr_prng_seeded(config->seed);
    world->arena = mr_arena_create(4096);
    make_plan(world);
    mr_board_init(&world->board, config->until, 1);
    mr_status status = mr_log_world_open(sim, config->seed, NULL, &world->log, NULL, NULL);
    if (status == MR_OK) {
        status = make_topics(world);
    }
    if (status == MR_OK) {
        status = read_positions(world);
    }
    for (uint32_t i = 0; i < 3 && status == MR_OK && config->start == WORLD_RESETS_SINKS; i++) {
        status = mr_sink_reset(&world->plan, i, &world->topics, mr_sim_disk_disk(sim), NULL);
    }
    if (status != MR_OK) {
        connector_world_drop(world);
        return NULL;
    }
    start_worker(world);
    return world;
}

/* ---- running ---- */

static void run_one_work(connector_world *world) {
    size_t index = (size_t)mr_prng_below(&world->prng, world->works_count);
    mr_work *work = world->works[index];
    world->works[index] = world->works[--world->works_count];
    work->run(work);
    mr_status status = mr_mailbox_push(work->done, &work->mail);
    MR_ASSERT(status == MR_OK);
}

static bool at_end(connector_world *world) {
    for (size_t i = 0; i < mr_worker_members(world->worker); i++) {
        mr_member *member = mr_worker_member(world->worker, i);
        mr_partition_id partition;
        int64_t offset;
        mr_log_offsets offsets;
        if (member->ops->input(member, 0, &partition, &offset) &&
            (mr_log_world_offsets(world->log, partition, &offsets) != MR_OK ||
             offset < offsets.stable_end)) {
            return false;
        }
    }
    return true;
}

static bool all_sources_done(connector_world *world) {
    return world->config.until == MR_RUN_UNTIL_END && atomic_load(&world->board.source_done[0]);
}

static void next_phase(connector_world *world) {
    int phase = atomic_load(&world->board.phase);
    if (!mr_worker_quiet(world->worker)) {
        return;
    }
    if (phase == MR_RUN_WORKING && all_sources_done(world) && at_end(world)) {
        atomic_store(&world->board.phase, MR_RUN_DRAIN_SINKS);
    } else if (phase == MR_RUN_DRAIN_SINKS && at_end(world)) {
        atomic_store(&world->board.phase, MR_RUN_STOPPING);
    }
}

/* One step of everything; with nothing to do the clock goes on to the deadline. */
static connector_world_end run_step(connector_world *world, int64_t until_ns) {
    mr_now now = mr_log_world_now(world->log);
    int64_t deadline_ns;
    uint64_t before = mr_worker_progress(world->worker);
    if (mr_worker_step(world->worker, now, &deadline_ns) != MR_OK) {
        snprintf(world->message, sizeof world->message, "%s",
                 mr_worker_failure(world->worker)->message);
        return WORLD_FAILED;
    }
    bool progressed = mr_worker_progress(world->worker) != before || world->works_count > 0;
    if (world->works_count > 0) {
        run_one_work(world);
    }
    mr_log_world_settle(world->log);
    if (atomic_load(&world->board.phase) == MR_RUN_STOPPING && mr_worker_stopped(world->worker)) {
        return WORLD_DONE;
    }
    int phase = atomic_load(&world->board.phase);
    next_phase(world);
    if (!progressed && phase == atomic_load(&world->board.phase)) {
        now = mr_log_world_now(world->log);
        int64_t to_ns = deadline_ns < until_ns ? deadline_ns : until_ns;
        if (to_ns > now.mono_ns && to_ns != INT64_MAX) {
            mr_log_world_advance(world->log, (to_ns - now.mono_ns) / 1000000 + 1);
        }
    }
    return WORLD_BUSY;
}

connector_world_end connector_world_run(connector_world *world, uint32_t steps_max) {
    connector_world_end end = WORLD_BUSY;
    for (uint32_t i = 0; i < steps_max && end == WORLD_BUSY; i++) {
        end = run_step(world, INT64_MAX);
    }
    return end;
}

connector_world_end connector_world_run_for(connector_world *world, int64_t ms) {
    int64_t until_ns = mr_log_world_now(world->log).mono_ns + ms * 1000000;
    connector_world_end end = WORLD_BUSY;
    while (end == WORLD_BUSY && mr_log_world_now(world->log).mono_ns < until_ns) {
        end = run_step(world, until_ns);
    }
    return end;
}

mr_board *connector_world_board(connector_world *world) {
    return &world->board;
}

const char *connector_world_message(const connector_world *world) {
    return world->message;
}

mr_log_world *connector_world_log(connector_world *world) {
    return world->log;
}

mr_partition_id connector_world_topic(const connector_world *world, const char *stream) {
    for (uint32_t i = 0; i < STREAMS; i++) {
        if (strcmp(streams[i].name, stream) == 0) {
            return world->descriptions[i].partition_first;
        }
    }
    return MR_PARTITION_NONE;
}

/* ---- the end ---- */

/* The log is gone: what it answered last comes home. */
static void free_rest(connector_world *world) {
    if (world->worker != NULL) {
        mr_log_request *request;
        while ((request = mr_log_client_poll(world->client)) != NULL) {
            mr_log_client_recycle(world->client, request);
        }
        mr_worker_destroy(world->worker);
    }
    mr_board_deinit(&world->board);
    mr_arena_destroy(world->arena);
    mr_free(world);
}

void connector_world_close(connector_world *world) {
    mr_status status = mr_log_world_close(world->log);
    MR_ASSERT(status == MR_OK);
    free_rest(world);
}

void connector_world_drop(connector_world *world) {
    if (world == NULL) {
        return;
    }
    mr_log_world_drop(world->log);
    free_rest(world);
}
