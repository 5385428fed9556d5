/* A worker with members that do as they are told: whose turn it is, when a transaction begins, what
 * an error leaves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "runtime/base/alloc.h"
#include "runtime/engine/worker.h"
#include "tests/simulation/log_world.h"

#define MEMBERS_MAX 3
#define MS INT64_C(1000000)

typedef struct puppet {
    mr_member member; /* must be first */
    uint32_t rank;
    mr_partition_id partition;
    int busy; /* so many steps get on */
    size_t bytes_per_step;
    bool fails; /* its next step */
    /* what happened */
    size_t uncommitted;
    int steps, seals, decisions;
    char *order; /* shared: who got on, by rank's digit */
} puppet;

typedef struct fixture {
    mr_sim_disk *sim;
    mr_log_world *world;
    mr_board board;
    mr_log_client *client; /* the worker's */
    mr_worker *worker;
    puppet *members[MEMBERS_MAX];
    mr_partition_id topic;
    mr_now now;
    int64_t deadline_ns;
    char order[256];
    mr_err err;
} fixture;

/* ---- the members ---- */

static puppet *puppet_of(mr_member *member) {
    return (puppet *)member;
}

static mr_status puppet_step(mr_member *member, mr_now now, mr_member_activity *activity,
                             mr_failure *failure) {
    (void)now;
    puppet *p = puppet_of(member);
    if (p->fails) {
        return mr_failure_set(failure, MR_INVALID, "%s cannot go on", member->name);
    }
    *activity = p->busy > 0 ? MR_MEMBER_PROGRESS : MR_MEMBER_IDLE;
    if (p->busy > 0) {
        p->busy--;
        p->steps++;
        p->uncommitted += p->bytes_per_step;
        size_t len = strlen(p->order);
        p->order[len] = member->name[0];
        p->order[len + 1] = '\0';
    }
    return MR_OK;
}

static mr_status puppet_on_reply(mr_member *member, mr_log_request *request, mr_now now,
                                 mr_failure *failure) {
    (void)member, (void)request, (void)now, (void)failure;
    fail();
    return MR_OK;
}

static mr_status puppet_on_work(mr_member *member, mr_member_work *work, mr_now now,
                                mr_failure *failure) {
    (void)member, (void)work, (void)now, (void)failure;
    fail();
    return MR_OK;
}

static bool puppet_dirty(const mr_member *member) {
    return ((const puppet *)member)->uncommitted > 0;
}

static size_t puppet_uncommitted(const mr_member *member) {
    return ((const puppet *)member)->uncommitted;
}

static bool puppet_ready(const mr_member *member) {
    (void)member;
    return true;
}

static void puppet_seal(mr_member *member, mr_commit *commit, mr_now now) {
    puppet *p = puppet_of(member);
    if (p->uncommitted == 0) {
        return;
    }
    mr_record record = {.timestamp_ms = now.wall_ms,
                        .key = mr_bytes_text(member->name),
                        .value = mr_bytes_text("v")};
    mr_commit_add_record(commit, p->partition, &record);
    p->uncommitted = 0;
    p->seals++;
}

static void puppet_decided(mr_member *member, const mr_commit *commit, mr_now now) {
    (void)commit, (void)now;
    puppet_of(member)->decisions++;
}

static void puppet_abort(mr_member *member) {
    (void)member;
}

static bool puppet_quiet(const mr_member *member) {
    return ((const puppet *)member)->busy == 0;
}

static int64_t puppet_deadline(const mr_member *member) {
    (void)member;
    return INT64_MAX;
}

static bool puppet_input(const mr_member *member, uint32_t index, mr_partition_id *partition,
                         int64_t *offset) {
    (void)member, (void)index, (void)partition, (void)offset;
    return false;
}

static uint32_t puppet_rank(const mr_member *member) {
    return ((const puppet *)member)->rank;
}

static void puppet_destroy(mr_member *member) {
    mr_free(member);
}

static const mr_member_ops puppet_ops = {
    .step = puppet_step,
    .on_reply = puppet_on_reply,
    .on_work = puppet_on_work,
    .dirty = puppet_dirty,
    .uncommitted_bytes = puppet_uncommitted,
    .ready_to_seal = puppet_ready,
    .seal = puppet_seal,
    .decided = puppet_decided,
    .abort = puppet_abort,
    .quiet = puppet_quiet,
    .deadline_ns = puppet_deadline,
    .stopped = puppet_quiet,
    .input = puppet_input,
    .rank = puppet_rank,
    .destroy = puppet_destroy,
};

/* ---- the world ---- */

static int setup(void **state) {
    static fixture f;
    f = (fixture){.sim = mr_sim_disk_create(1, UINT64_C(1) << 28),
                  .now = {MS, 1700000000000},
                  .deadline_ns = INT64_MAX};
    assert_int_equal(mr_log_world_open(f.sim, 1, NULL, &f.world, NULL, &f.err), MR_OK);
    assert_int_equal(mr_log_world_topic(f.world, "t", 1, MR_TOPIC_USER, &f.topic), MR_OK);
    mr_board_init(&f.board, MR_RUN_FOR_EVER, 0);
    mr_mailbox *requests = mr_log_driver_requests(mr_log_world_driver(f.world));
    f.client = mr_log_client_create_embedded(requests, NULL, NULL);
    mr_worker_config config = {.transactional_id = "job-0",
                               .client = f.client,
                               .works = mr_mailbox_create(16, NULL, NULL),
                               .positions_partition = f.topic,
                               .board = &f.board,
                               .commit_interval_ms = 100,
                               .dry_commit_ms = 5,
                               .txn_bytes_max = 1000};
    f.worker = mr_worker_create(&config);
    static const struct {
        const char *name;
        uint32_t rank;
    } who[MEMBERS_MAX] = {{"up", 2}, {"a down", 1}, {"b down", 1}};
    for (int i = 0; i < MEMBERS_MAX; i++) {
        f.members[i] = mr_alloc(sizeof *f.members[i]);
        *f.members[i] = (puppet){.member = {&puppet_ops, who[i].name},
                                 .rank = who[i].rank,
                                 .partition = f.topic,
                                 .bytes_per_step = 1,
                                 .order = f.order};
        mr_worker_add(f.worker, &f.members[i]->member);
    }
    *state = &f;
    return 0;
}

static int teardown(void **state) {
    fixture *f = *state;
    mr_log_world_settle(f->world);
    for (mr_log_request *left; (left = mr_log_client_poll(f->client)) != NULL;) {
        mr_log_client_recycle(f->client, left);
    }
    mr_log_world_drop(f->world);
    mr_worker_destroy(f->worker);
    mr_board_deinit(&f->board);
    mr_sim_disk_destroy(f->sim);
    return 0;
}

static void pass(fixture *f, int64_t ns) {
    f->now.mono_ns += ns;
    f->now.wall_ms += ns / MS;
}

static void step(fixture *f) {
    assert_int_equal(mr_worker_step(f->worker, f->now, &f->deadline_ns), MR_OK);
}

/* The log answers what was asked for, the worker takes it. */
static void step_with_log(fixture *f) {
    mr_log_world_settle(f->world);
    step(f);
}

static puppet *up(fixture *f) {
    return f->members[0];
}

/* ---- turns ---- */

static void members_of_one_rank_take_turns(void **state) {
    fixture *f = *state;
    f->members[1]->busy = f->members[2]->busy = 5;
    for (int i = 0; i < 10; i++) {
        step(f);
    }
    assert_string_equal(f->order, "ababababab");
}

static void the_most_downstream_that_has_something_to_do_goes_first(void **state) {
    fixture *f = *state;
    up(f)->busy = 2;
    f->members[2]->busy = 2;
    for (int i = 0; i < 4; i++) {
        step(f);
        assert_int_equal(f->deadline_ns, f->now.mono_ns); /* there may be more */
    }
    assert_string_equal(f->order, "bbuu");
    step(f);
    assert_true(f->deadline_ns > f->now.mono_ns);
}

/* ---- when a transaction begins ---- */

static void a_commit_begins_when_the_inputs_ran_dry(void **state) {
    fixture *f = *state;
    up(f)->busy = 1;
    step(f);
    step(f);
    assert_int_equal(up(f)->seals, 0);
    assert_int_equal(f->deadline_ns, f->now.mono_ns + 5 * MS);
    pass(f, 5 * MS);
    step(f);
    assert_int_equal(up(f)->seals, 1);
    assert_int_equal(up(f)->decisions, 0);
    step_with_log(f); /* a producer */
    step_with_log(f);
    assert_int_equal(up(f)->decisions, 1);
    assert_int_equal(atomic_load(&f->board.commits), 1);
    assert_true(mr_worker_quiet(f->worker));
}

static void a_commit_begins_at_the_interval_though_there_is_more(void **state) {
    fixture *f = *state;
    up(f)->busy = 100;
    step(f);
    for (int i = 0; i < 33; i++) {
        pass(f, 3 * MS);
        step(f);
        assert_int_equal(up(f)->seals, 0);
    }
    pass(f, 3 * MS);
    step(f);
    assert_int_equal(up(f)->seals, 1);
}

static void a_full_worker_waits_for_its_commit(void **state) {
    fixture *f = *state;
    up(f)->busy = 10;
    up(f)->bytes_per_step = 1000;
    step(f); /* full: sealed at once */
    assert_int_equal(up(f)->seals, 1);
    step(f); /* the next one is filled meanwhile */
    step(f);
    step(f);
    assert_int_equal(up(f)->steps, 2);
    assert_int_equal(up(f)->seals, 1);
    step_with_log(f);
    step_with_log(f);
    assert_int_equal(up(f)->decisions, 1);
    assert_int_equal(up(f)->seals, 2); /* and goes off when the first one is decided */
}

static void stopping_commits_at_once(void **state) {
    fixture *f = *state;
    up(f)->busy = 1;
    step(f);
    atomic_store(&f->board.phase, MR_RUN_STOPPING);
    assert_false(mr_worker_stopped(f->worker));
    step(f);
    assert_int_equal(up(f)->seals, 1);
    assert_false(mr_worker_stopped(f->worker));
    step_with_log(f);
    step_with_log(f);
    assert_true(mr_worker_stopped(f->worker));
    assert_true(mr_worker_drained(f->worker));
}

/* ---- errors ---- */

static void assert_failed(fixture *f, mr_status status, const char *why) {
    assert_int_equal(mr_worker_step(f->worker, f->now, &f->deadline_ns), status);
    assert_int_equal(f->deadline_ns, INT64_MAX);
    assert_non_null(mr_worker_failure(f->worker));
    if (!strstr(mr_worker_failure(f->worker)->message, why)) {
        fail_msg("%s", mr_worker_failure(f->worker)->message);
    }
    assert_true(mr_worker_stopped(f->worker));
}

static void a_member_that_fails_stops_its_worker(void **state) {
    fixture *f = *state;
    f->members[1]->busy = 1;
    step(f);
    up(f)->fails = true;
    assert_null(mr_worker_failure(f->worker));
    assert_failed(f, MR_INVALID, "up cannot go on");
    pass(f, 1000 * MS);
    assert_failed(f, MR_INVALID, "up cannot go on"); /* nothing is committed any more */
    assert_int_equal(f->members[1]->seals, 0);
}

static void a_commit_that_was_refused_is_not_applied(void **state) {
    fixture *f = *state;
    up(f)->busy = 1;
    step(f);
    pass(f, 5 * MS);
    step(f);
    mr_log_world_settle(f->world);
    step(f); /* it has a producer, and the transaction is on its way */
    mr_log_writer heir = {.id = "job-0"};
    up(f)->busy = 1;
    step_with_log(f);
    assert_int_equal(up(f)->decisions, 1);
    assert_int_equal(mr_log_world_claim(f->world, &heir), MR_OK);
    pass(f, 5 * MS);
    step(f);
    assert_int_equal(up(f)->seals, 2);
    mr_log_world_settle(f->world);
    assert_failed(f, MR_FENCED, "commit of job-0: ");
    assert_int_equal(up(f)->decisions, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(members_of_one_rank_take_turns, setup, teardown),
        cmocka_unit_test_setup_teardown(the_most_downstream_that_has_something_to_do_goes_first,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(a_commit_begins_when_the_inputs_ran_dry, setup, teardown),
        cmocka_unit_test_setup_teardown(a_commit_begins_at_the_interval_though_there_is_more, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_full_worker_waits_for_its_commit, setup, teardown),
        cmocka_unit_test_setup_teardown(stopping_commits_at_once, setup, teardown),
        cmocka_unit_test_setup_teardown(a_member_that_fails_stops_its_worker, setup, teardown),
        cmocka_unit_test_setup_teardown(a_commit_that_was_refused_is_not_applied, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
