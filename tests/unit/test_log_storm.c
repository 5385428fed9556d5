/* Random transactions of several writers, purges, ticks, failing and full disks and crashes,
 * against a list of what was answered. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "runtime/base/prng.h"
#include "tests/simulation/log_world.h"

enum {
    PARTITIONS = 5, /* three of a user's topic, two of a repartition topic that is purged */
    PURGED_FROM = 3,
    WRITERS = 4,
    TXNS_MAX = 2000,
    ROUNDS = 12,
    SEEDS = 40,
};

typedef enum outcome { UNKNOWN, COMMITTED, GONE } outcome;

typedef struct txn {
    outcome outcome;
    bool part[PARTITIONS];
    int64_t offset[PARTITIONS]; /* of its one record there */
} txn;

typedef struct flight {
    bool busy;
    mr_log_request *request;
    int txn;
    mr_log_write writes[PARTITIONS];
    int partition[PARTITIONS];
    size_t count;
    char text[24];
} flight;

typedef struct storm {
    mr_prng prng;
    mr_sim_disk *sim;
    mr_log_world *world;
    mr_partition_id ids[PARTITIONS];
    mr_log_writer writers[WRITERS];
    flight flights[WRITERS];
    txn txns[TXNS_MAX];
    int txns_count;
    int64_t purged[PARTITIONS];
    uint64_t crashes, committed, resolved, failures;
    bool sync_failed;
} storm;

static uint64_t below(storm *s, uint64_t bound) {
    return mr_prng_below(&s->prng, bound);
}

/* The n-th write and the n-th sync from now on fail, 0: none does. */
static void set_faults(storm *s, uint64_t write_fails_at, uint64_t sync_fails_at) {
    mr_sim_disk_set_faults(s->sim, &(mr_sim_faults){.short_io_percent = 10,
                                                    .write_fails_at = write_fails_at,
                                                    .sync_fails_at = sync_fails_at});
}

/* false: the power went off meanwhile, or a fault fired. */
static bool open_world(storm *s) {
    uint64_t fired = mr_sim_disk_faults_fired(s->sim);
    const mr_log_core_config config = {.segment_bytes_max = 400 + 200 * below(s, 4)};
    mr_err err = {0};
    mr_status status =
        mr_log_world_open(s->sim, below(s, 1u << 30), &config, &s->world, NULL, &err);
    if (status != MR_OK) {
        if (!mr_sim_disk_is_off(s->sim) && mr_sim_disk_faults_fired(s->sim) == fired) {
            fail_msg("%s", err.message);
        }
        return false;
    }
    static const char *const names[] = {"user", "inner"};
    for (int i = 0; i < 2 && (status == MR_OK || status == MR_EXISTS); i++) {
        mr_partition_id first = 0;
        status = mr_log_world_topic(s->world, names[i], i == 0 ? 3 : 2,
                                    i == 0 ? MR_TOPIC_USER : MR_TOPIC_REPARTITION, &first);
        for (int j = 0; j < (i == 0 ? 3 : 2); j++) {
            s->ids[i * 3 + j] = first + (uint32_t)j;
        }
    }
    for (int i = 0; i < WRITERS && (status == MR_OK || status == MR_EXISTS); i++) {
        s->writers[i] = (mr_log_writer){.id = {'w', (char)('0' + i)}};
        status = mr_log_world_claim(s->world, &s->writers[i]);
    }
    return status == MR_OK;
}

static void begin_txn(storm *s, int writer) {
    flight *f = &s->flights[writer];
    if (f->busy || s->txns_count == TXNS_MAX) {
        return;
    }
    if (s->writers[writer].epoch == MR_PRODUCER_EPOCH_MAX) {
        if (mr_log_client_outstanding(mr_log_world_client(s->world)) == 0) {
            mr_status status = mr_log_world_claim(s->world, &s->writers[writer]);
            assert_true(status == MR_OK || status == MR_UNAVAILABLE || status == MR_FULL);
        }
        return;
    }
    *f = (flight){.busy = true, .txn = s->txns_count};
    txn *t = &s->txns[s->txns_count++];
    snprintf(f->text, sizeof(f->text), "k=%d", f->txn);
    for (int p = 0; p < PARTITIONS; p++) {
        if (below(s, 2) == 0 && !(p == PARTITIONS - 1 && f->count == 0)) {
            continue;
        }
        t->part[p] = true;
        f->partition[f->count] = p;
        f->writes[f->count++] = (mr_log_write){.partition = s->ids[p], .records = f->text};
    }
    f->request = mr_log_world_commit_begin(s->world, &s->writers[writer], f->writes, f->count);
}

static void end_txn(storm *s, int writer) {
    flight *f = &s->flights[writer];
    txn *t = &s->txns[f->txn];
    f->busy = false;
    mr_status status = mr_log_world_commit_end(s->world, f->request, f->writes);
    if (status != MR_OK) {
        assert_true(status == MR_UNAVAILABLE || status == MR_FULL);
        return;
    }
    t->outcome = COMMITTED;
    s->writers[writer].epoch++;
    s->committed++;
    for (size_t i = 0; i < f->count; i++) {
        t->offset[f->partition[i]] = f->writes[i].offset_first;
    }
}

static void poll_answers(storm *s) {
    mr_log_request *request;
    while ((request = mr_log_client_poll(mr_log_world_client(s->world)))) {
        for (int i = 0; i < WRITERS; i++) {
            if (s->flights[i].busy && s->flights[i].request == request) {
                end_txn(s, i);
                request = NULL;
                break;
            }
        }
        if (request) {
            mr_log_client_recycle(mr_log_world_client(s->world), request);
        }
    }
}

static void purge_some(storm *s) {
    int p = PURGED_FROM + (int)below(s, PARTITIONS - PURGED_FROM);
    int64_t target = -1; /* behind some committed record */
    for (int i = 0; i < s->txns_count; i++) {
        if (s->txns[i].outcome == COMMITTED && s->txns[i].part[p] && below(s, 3) == 0 &&
            s->txns[i].offset[p] >= target) {
            target = s->txns[i].offset[p] + 1;
        }
    }
    if (target < 0) {
        return;
    }
    mr_log_request *request = mr_log_client_request(mr_log_world_client(s->world), MR_LOG_PURGE);
    request->partition = s->ids[p];
    request->offset = target;
    mr_status status = mr_log_client_submit(mr_log_world_client(s->world), request);
    assert_int_equal(status, MR_OK);
    s->purged[p] = target > s->purged[p] ? target : s->purged[p];
}

/* Runs until the log fails or enough was done. */
static void work(storm *s, int actions) {
    for (int i = 0; i < actions; i++) {
        uint64_t what = below(s, 100);
        if (what < 30) {
            begin_txn(s, (int)below(s, WRITERS));
        } else if (what < 33) {
            purge_some(s);
        } else if (what < 35) {
            mr_log_world_advance(s->world, (int64_t)below(s, 6000));
        } else {
            mr_log_world_pump(s->world);
        }
        poll_answers(s);
        if (mr_log_core_failed(mr_log_driver_core(mr_log_world_driver(s->world)))) {
            break;
        }
    }
}

static void drop_world(storm *s) {
    for (int i = 0; i < WRITERS; i++) {
        s->flights[i].busy = false; /* never answered: the recovery decides */
    }
    mr_log_world_drop(s->world);
    s->world = NULL;
}

/* Marks where each transaction's record stands in the partition; fails on doubled and foreign ones.
 */
static void find_records(storm *s, int p, int64_t *found) {
    mr_buf text = {0};
    mr_err err = {0};
    if (mr_log_world_read(s->world, s->ids[p], &text, &err) != MR_OK) {
        fail_msg("partition %d: %s", p, err.message);
    }
    const char *at = text.len ? mr_buf_cstr(&text) : "";
    int64_t last = -1;
    while (*at) {
        char *next;
        int64_t offset = strtoll(at, &next, 10);
        assert_memory_equal(next, ":k=", 3);
        long id = strtol(next + 3, &next, 10);
        assert_true(offset > last && id >= 0 && id < s->txns_count);
        assert_int_equal(found[id], -1);
        found[id] = offset;
        last = offset;
        at = *next ? next + 1 : next;
    }
    mr_buf_deinit(&text);
}

static void check_txn(storm *s, int id, int64_t found[PARTITIONS][TXNS_MAX]) {
    txn *t = &s->txns[id];
    if (t->outcome == UNKNOWN) {
        bool here = false;
        bool missing = false;
        for (int p = 0; p < PARTITIONS; p++) {
            here = here || (t->part[p] && found[p][id] >= 0);
            missing = missing || (t->part[p] && found[p][id] < 0);
            t->offset[p] = found[p][id];
        }
        if (here && missing) {
            fail_msg("transaction %d is half there", id);
        }
        t->outcome = here ? COMMITTED : GONE;
        s->resolved++;
    }
    for (int p = 0; p < PARTITIONS; p++) {
        bool expected = t->outcome == COMMITTED && t->part[p];
        if (!expected && found[p][id] >= 0) {
            fail_msg("transaction %d shows up in partition %d", id, p);
        }
        if (expected && t->offset[p] >= s->purged[p] && found[p][id] != t->offset[p]) {
            fail_msg("transaction %d, partition %d: at %d, found at %d", id, p, (int)t->offset[p],
                     (int)found[p][id]);
        }
    }
}

static void check_all(storm *s) {
    static int64_t found[PARTITIONS][TXNS_MAX];
    memset(found, 0xff, sizeof(found));
    for (int p = 0; p < PARTITIONS; p++) {
        find_records(s, p, found[p]);
    }
    for (int i = 0; i < s->txns_count; i++) {
        check_txn(s, i, found);
    }
}

/* Not a mere kill when a sync failed: what a directory has lost then stays visible, and no sync
 * brings it to the disk any more. */
static void crash(storm *s) {
    uint64_t mode = below(s, 10);
    bool kill = mode == 0 && !s->sync_failed;
    mr_sim_disk_crash(s->sim, (mr_sim_crash){kill        ? MR_SIM_PROC_KILL
                                             : mode <= 1 ? MR_SIM_LOSE_ALL
                                             : mode == 2 ? MR_SIM_KEEP_ALL
                                                         : MR_SIM_RANDOM,
                                             below(s, 1u << 30)});
    s->crashes++;
    s->sync_failed = false;
}

/* Crashes, and now and then crashes the recovery too, until the log is open again. */
static void crash_and_reopen(storm *s) {
    for (;;) {
        crash(s);
        uint64_t recovery = below(s, 6);
        bool stops = recovery < 2;
        mr_sim_disk_stop_at(s->sim,
                            stops ? mr_sim_disk_mutations(s->sim) + below(s, 30) : UINT64_MAX);
        set_faults(s, recovery == 2 ? 1 + below(s, 6) : 0, recovery == 3 ? 1 + below(s, 10) : 0);
        bool opened = open_world(s);
        s->sync_failed = recovery == 3;
        set_faults(s, 0, 0);
        if (opened) {
            mr_sim_disk_stop_at(s->sim, UINT64_MAX);
            return;
        }
        if (s->world) {
            drop_world(s);
        }
    }
}

/* The power goes off, a write or a sync fails, or the disk is full. */
static void work_until_it_fails(storm *s) {
    switch (below(s, 6)) {
    case 0:
        set_faults(s, 1 + below(s, 100), 0);
        break;
    case 1:
        set_faults(s, 0, 1 + below(s, 60));
        s->sync_failed = true;
        break;
    case 2:
        mr_sim_disk_set_capacity(s->sim, mr_sim_disk_used_bytes(s->sim) + 1 + below(s, 10000));
        break;
    default:
        mr_sim_disk_stop_at(s->sim, mr_sim_disk_mutations(s->sim) + below(s, 250));
        break;
    }
    work(s, 3000);
    s->failures += !mr_sim_disk_is_off(s->sim) &&
                   mr_log_core_failed(mr_log_driver_core(mr_log_world_driver(s->world)));
    drop_world(s);
    set_faults(s, 0, 0);
    mr_sim_disk_set_capacity(s->sim, 0);
}

static void run_storm(uint64_t seed, storm *s) {
    *s = (storm){.prng = mr_prng_seeded(seed)};
    s->sim = mr_sim_disk_create(seed, 0);
    set_faults(s, 0, 0);
    assert_true(open_world(s));
    for (int round = 0; round < ROUNDS; round++) {
        if (below(s, 6) == 0) {
            work(s, 400);
            mr_log_world_settle(s->world);
            poll_answers(s);
            mr_status status = mr_log_world_close(s->world);
            assert_int_equal(status, MR_OK);
            s->world = NULL;
            mr_sim_disk_stop_at(s->sim, UINT64_MAX);
            assert_true(open_world(s));
        } else {
            work_until_it_fails(s);
            crash_and_reopen(s);
        }
        check_all(s);
    }
    assert_int_equal(mr_log_world_close(s->world), MR_OK);
    mr_sim_disk_destroy(s->sim);
}

static void storms_of_transactions_purges_and_crashes_lose_and_double_nothing(void **state) {
    (void)state;
    uint64_t crashes = 0;
    uint64_t committed = 0;
    uint64_t resolved = 0;
    uint64_t failures = 0;
    const char *only = getenv("STORM_SEED");
    storm *s = malloc(sizeof(*s));
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        uint64_t used = only ? strtoull(only, NULL, 10) : seed;
        print_message("seed %d\n", (int)used);
        run_storm(used, s);
        crashes += s->crashes;
        committed += s->committed;
        resolved += s->resolved;
        failures += s->failures;
        if (only) {
            break;
        }
    }
    free(s);
    print_message("%d crashes, %d failed disks, %d transactions answered, %d settled by recovery\n",
                  (int)crashes, (int)failures, (int)committed, (int)resolved);
    assert_true(only || (crashes > 300 && failures > 100 && committed > 1000 && resolved > 300));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(storms_of_transactions_purges_and_crashes_lose_and_double_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
