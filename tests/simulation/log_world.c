#include "tests/simulation/log_world.h"

#include <inttypes.h>
#include <stdio.h>

#include "runtime/base/alloc.h"
#include "runtime/base/assert.h"
#include "runtime/base/prng.h"

#define START_NS 1000000000LL
#define START_MS 1700000000000LL
#define PUMPS_MAX 10000000u /* what is not over by then never will be */

struct mr_log_world {
    mr_prng prng;
    mr_now now;
    mr_log_driver *driver;
    mr_log_client *client;
    mr_work **works; /* submitted, not yet run */
    size_t works_count;
    size_t works_cap;
    size_t idle_pumps; /* one behind the other */
};

/* A commit under way: what the request borrows. */
typedef struct commit_call {
    mr_txn txn;
    mr_txn_part parts[MR_LOG_WRITES_MAX];
    char id[32];
} commit_call;

static void submit_work(void *self, mr_work *work) {
    mr_log_world *world = self;
    if (world->works_count == world->works_cap) {
        world->works_cap = world->works_cap ? world->works_cap * 2 : 16;
        world->works = mr_realloc(world->works, world->works_cap * sizeof(*world->works));
    }
    world->works[world->works_count++] = work;
}

mr_status mr_log_world_open(mr_sim_disk *sim, uint64_t seed, const mr_log_core_config *config,
                            mr_log_world **out, mr_recovery_report *report_out, mr_err *err) {
    return mr_log_world_open_later(sim, seed, config, 0, out, report_out, err);
}

mr_status mr_log_world_open_later(mr_sim_disk *sim, uint64_t seed, const mr_log_core_config *config,
                                  int64_t later_ms, mr_log_world **out,
                                  mr_recovery_report *report_out, mr_err *err) {
    mr_log_core_config core_config = config ? *config : (mr_log_core_config){0};
    core_config.seed = core_config.seed ? core_config.seed : seed;
    mr_now now = {START_NS, START_MS + later_ms};
    mr_log_image *image = NULL;
    mr_disk *disk = mr_sim_disk_disk(sim);
    *out = NULL;
    mr_status status =
        mr_log_recover(disk, MR_RECOVERY_REPAIR, now, &core_config, &image, report_out, err);
    if (status != MR_OK) {
        return status;
    }
    mr_log_world *world = mr_alloc(sizeof(*world));
    world->prng = mr_prng_seeded(seed);
    world->now = now;
    world->driver =
        mr_log_driver_create(mr_log_core_create(image, &core_config),
                             &(mr_log_driver_config){.disk = disk, .pool = {submit_work, world}});
    world->client =
        mr_log_client_create_embedded(mr_log_driver_requests(world->driver), NULL, NULL);
    *out = world;
    return MR_OK;
}

static void run_one_work(mr_log_world *world) {
    size_t index = (size_t)mr_prng_below(&world->prng, world->works_count);
    mr_work *work = world->works[index];
    world->works[index] = world->works[--world->works_count];
    work->run(work);
    mr_status status = mr_mailbox_push(work->done, &work->mail);
    MR_ASSERT(status == MR_OK);
}

/* false: there was nothing to do. */
static bool run_something(mr_log_world *world) {
    world->now.mono_ns += 1000;
    bool step = mr_prng_below(&world->prng, world->works_count + 1) == 0;
    if (step && mr_log_driver_step(world->driver, world->now)) {
        return true;
    }
    if (world->works_count > 0) {
        run_one_work(world);
        return true;
    }
    return mr_log_driver_step(world->driver, world->now);
}

void mr_log_world_pump(void *arg) {
    mr_log_world *world = arg;
    if (run_something(world)) {
        world->idle_pumps = 0;
        return;
    }
    MR_ASSERT(++world->idle_pumps < PUMPS_MAX); /* an answer is waited for that never comes */
    int64_t deadline = mr_log_driver_deadline_ns(world->driver);
    if (deadline != INT64_MAX && deadline > world->now.mono_ns) {
        world->now.wall_ms += (deadline - world->now.mono_ns) / 1000000;
        world->now.mono_ns = deadline;
    }
}

mr_status mr_log_world_call(mr_log_world *world, mr_log_request *request) {
    return mr_log_client_call(world->client, request, mr_log_world_pump, world);
}

void mr_log_world_settle(mr_log_world *world) {
    size_t pumps = 0;
    while (run_something(world)) {
        MR_ASSERT(++pumps < PUMPS_MAX);
    }
}

void mr_log_world_advance(mr_log_world *world, int64_t ms) {
    world->now.mono_ns += ms * 1000000;
    world->now.wall_ms += ms;
    mr_log_world_settle(world);
}

mr_log_client *mr_log_world_client(mr_log_world *world) {
    return world->client;
}

mr_log_driver *mr_log_world_driver(mr_log_world *world) {
    return world->driver;
}

mr_now mr_log_world_now(const mr_log_world *world) {
    return world->now;
}

void mr_log_world_drop(mr_log_world *world) {
    if (!world) {
        return;
    }
    mr_log_driver_destroy(world->driver);
    mr_log_request *request;
    while ((request = mr_log_client_poll(world->client))) {
        if (request->op == MR_LOG_COMMIT) {
            mr_free(request->context);
        }
        mr_log_request_destroy(request);
    }
    mr_log_client_destroy(world->client);
    mr_free(world->works);
    mr_free(world);
}

mr_status mr_log_world_close(mr_log_world *world) {
    mr_log_request *request = mr_log_client_request(world->client, MR_LOG_SHUTDOWN);
    mr_status status = mr_log_world_call(world, request);
    mr_log_client_recycle(world->client, request);
    mr_log_world_settle(world);
    mr_log_world_drop(world);
    return status;
}

/* ---- short forms ---- */

mr_status mr_log_world_topic(mr_log_world *world, const char *name, int32_t partitions,
                             mr_topic_kind kind, mr_partition_id *first_out) {
    mr_log_request *request = mr_log_client_request(world->client, MR_LOG_CREATE_TOPIC);
    snprintf(request->topic, sizeof(request->topic), "%s", name);
    request->partitions = partitions;
    request->topic_kind = kind;
    mr_status status = mr_log_world_call(world, request);
    *first_out = request->described.partition_first;
    mr_log_client_recycle(world->client, request);
    return status;
}

mr_status mr_log_world_claim(mr_log_world *world, mr_log_writer *writer) {
    mr_log_request *request = mr_log_client_request(world->client, MR_LOG_INIT_PRODUCER);
    request->transactional_id = mr_bytes_text(writer->id);
    mr_status status = mr_log_world_call(world, request);
    writer->producer_id = request->producer_id;
    writer->epoch = request->producer_epoch;
    mr_log_client_recycle(world->client, request);
    return status;
}

static void add_record(mr_batch_builder *builder, const char *begin, size_t len) {
    const char *equals = memchr(begin, '=', len);
    MR_ASSERT(equals);
    size_t key_len = (size_t)(equals - begin);
    mr_bytes value = mr_bytes_of(equals + 1, len - key_len - 1);
    if (value.len == 1 && value.data[0] == '-') {
        value = MR_BYTES_NULL;
    }
    mr_record record = {.timestamp_ms = START_MS,
                        .key = key_len ? mr_bytes_of(begin, key_len) : MR_BYTES_NULL,
                        .value = value};
    mr_status status = mr_batch_builder_add(builder, &record);
    MR_ASSERT(status == MR_OK);
}

static mr_shared *build_batches(const mr_log_writer *writer, const char *records) {
    mr_batch_builder *builder = mr_batch_builder_create();
    mr_batch_config config = {.attributes = MR_ATTRIBUTE_TRANSACTIONAL,
                              .producer_id = writer->producer_id,
                              .producer_epoch = (int16_t)(writer->epoch + 1)};
    mr_buf out = {0};
    for (const char *at = records;;) {
        size_t len = strcspn(at, " |");
        if (len > 0) {
            add_record(builder, at, len);
        }
        at += len;
        bool full = mr_batch_builder_count(builder) == MR_BATCH_RECORDS_MAX;
        if ((*at != ' ' || full) && mr_batch_builder_count(builder) > 0) {
            int32_t count = mr_batch_builder_count(builder);
            mr_batch_builder_finish(builder, &config, &out);
            config.base_sequence += count;
        }
        if (*at == '\0') {
            break;
        }
        at++;
    }
    mr_batch_builder_destroy(builder);
    mr_shared *shared = mr_shared_create(out.len);
    memcpy(shared->data, out.data, out.len);
    shared->len = out.len;
    mr_buf_deinit(&out);
    return shared;
}

mr_log_request *mr_log_world_commit_begin(mr_log_world *world, const mr_log_writer *writer,
                                          const mr_log_write *writes, size_t count) {
    MR_ASSERT(count <= MR_LOG_WRITES_MAX);
    commit_call *call = mr_alloc(sizeof(*call));
    memcpy(call->id, writer->id, sizeof(call->id));
    for (size_t i = 0; i < count; i++) {
        call->parts[i].partition = writes[i].partition;
        call->parts[i].batches = build_batches(writer, writes[i].records);
    }
    call->txn = (mr_txn){.producer_id = writer->producer_id,
                         .producer_epoch = (int16_t)(writer->epoch + 1),
                         .transactional_id = mr_bytes_text(call->id),
                         .parts = call->parts,
                         .parts_count = count};
    mr_log_request *request = mr_log_client_request(world->client, MR_LOG_COMMIT);
    request->txn = &call->txn;
    request->context = call;
    mr_status status = mr_log_client_submit(world->client, request);
    MR_ASSERT(status == MR_OK);
    return request;
}

mr_status mr_log_world_commit_end(mr_log_world *world, mr_log_request *request,
                                  mr_log_write *writes) {
    commit_call *call = request->context;
    for (size_t i = 0; i < call->txn.parts_count; i++) {
        writes[i].offset_first = call->parts[i].offset_first;
        writes[i].offset_last = call->parts[i].offset_last;
    }
    mr_status status = request->status;
    mr_free(call);
    mr_log_client_recycle(world->client, request);
    return status;
}

mr_status mr_log_world_commit(mr_log_world *world, mr_log_writer *writer, mr_log_write *writes,
                              size_t count) {
    mr_log_request *request = mr_log_world_commit_begin(world, writer, writes, count);
    mr_log_request *answered;
    while (!(answered = mr_log_client_poll(world->client))) {
        mr_log_world_pump(world);
    }
    MR_ASSERT(answered == request);
    mr_status status = mr_log_world_commit_end(world, request, writes);
    if (status == MR_OK) {
        writer->epoch++;
    }
    return status;
}

mr_status mr_log_fetched_text(const mr_fetched *fetched, int64_t *offset, mr_buf *out,
                              mr_err *err) {
    mr_fetch_reader *reader = mr_fetch_reader_create();
    mr_fetch_reader_open(reader, fetched);
    mr_record record;
    mr_status status;
    while ((status = mr_fetch_reader_next(reader, &record, NULL, err)) == MR_OK) {
        mr_buf_printf(out, "%s%" PRId64 ":%.*s=%.*s", out->len ? " " : "", record.offset,
                      (int)record.key.len, record.key.data ? (const char *)record.key.data : "",
                      record.value.data ? (int)record.value.len : 1,
                      record.value.data ? (const char *)record.value.data : "-");
    }
    *offset = mr_fetch_reader_next_offset(reader);
    mr_fetch_reader_destroy(reader);
    return status == MR_NOT_FOUND ? MR_OK : status;
}

mr_status mr_log_world_read(mr_log_world *world, mr_partition_id partition, mr_buf *out,
                            mr_err *err) {
    int64_t offset = 0;
    for (;;) {
        mr_log_request *request = mr_log_client_request(world->client, MR_LOG_FETCH);
        request->partition = partition;
        request->offset = offset;
        request->bytes_max = MR_FETCH_BYTES_MAX;
        mr_status status = mr_log_world_call(world, request);
        bool more = status == MR_OK && request->fetched.bytes;
        if (status != MR_OK) {
            (void)mr_err_set(err, status, "%s", request->err.message);
        } else if (more) {
            status = mr_log_fetched_text(&request->fetched, &offset, out, err);
        }
        mr_log_client_recycle(world->client, request);
        if (status != MR_OK || !more) {
            return status;
        }
    }
}

mr_status mr_log_world_offsets(mr_log_world *world, mr_partition_id partition,
                               mr_log_offsets *out) {
    mr_log_request *request = mr_log_client_request(world->client, MR_LOG_OFFSETS);
    request->partition = partition;
    mr_status status = mr_log_world_call(world, request);
    *out = request->offsets;
    mr_log_client_recycle(world->client, request);
    return status;
}

mr_status mr_log_world_purge(mr_log_world *world, mr_partition_id partition, int64_t offset) {
    mr_log_request *request = mr_log_client_request(world->client, MR_LOG_PURGE);
    request->partition = partition;
    request->offset = offset;
    mr_status status = mr_log_world_call(world, request);
    mr_log_client_recycle(world->client, request);
    return status;
}
