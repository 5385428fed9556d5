/* Source and sinks as members of a worker, over the real log and file plugin on a simulated disk:
 * what comes out of a file comes once and in order, wherever a crash or a stop falls. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "runtime/base/prng.h"
#include "tests/unit/connectors_fixture.h"
#include "tests/unit/connectors_world.h"

#define LINES 60
#define STEPS_MAX 100000
#define CRASH_POINTS_MIN 3000

/* What the run must give, worked out line by line. */
typedef struct expectation {
    mr_buf input;
    mr_buf events[2]; /* of each partition */
    mr_buf bad;
    mr_buf rejected[2]; /* of each partition of events; in `rejected` they interleave */
    size_t rows_max;    /* of one file of events */
} expectation;

static void expect_line(expectation *e, int i, uint64_t *keyless) {
    if (i % 7 == 3) {
        mr_buf_printf(&e->input, "oops %d\n", i);
        mr_buf_printf(&e->bad, "\"oops %d\"\n", i);
        return;
    }
    mr_buf *events = &e->events[*keyless % 2];
    mr_buf *rejected = &e->rejected[(*keyless)++ % 2];
    if (i % 5 == 4) {
        mr_buf_printf(&e->input, "{\"n\": \"x%d\"}\n", i);
        mr_buf_printf(rejected, "\"{\\\"n\\\": \\\"x%d\\\"}\"\n", i);
    } else if (i % 11 == 0) {
        mr_buf_printf(&e->input, "{\"n\": %d}\n", 100 + i);
    } else {
        mr_buf_printf(&e->input, "{\"n\": %d}\r\n", i);
        mr_buf_printf(events, "{\"n\": %d}\n", i);
    }
}

static expectation expected(void) {
    expectation e = {.rows_max = SIZE_MAX};
    uint64_t keyless = 0;
    for (int i = 0; i < LINES; i++) {
        expect_line(&e, i, &keyless);
        if (i % 9 == 0) {
            mr_buf_put_text(&e.input, "\n"); /* an empty line is no JSON record */
        }
    }
    e.input.len--; /* the last line needs no newline */
    return e;
}

static void expectation_free(expectation *e) {
    mr_buf_deinit(&e->input);
    mr_buf_deinit(&e->bad);
    for (int p = 0; p < 2; p++) {
        mr_buf_deinit(&e->events[p]);
        mr_buf_deinit(&e->rejected[p]);
    }
}

static size_t count_rows(const mr_buf *lines, size_t from) {
    size_t rows = 0;
    for (size_t i = from; i < lines->len; i++) {
        rows += lines->data[i] == '\n';
    }
    return rows;
}

/* The files of one partition of events, in order of START. The most rows that one of them has. */
static size_t events_of(connector_place *place, int partition, mr_buf *out) {
    size_t rows_max = 0;
    mr_buf paths = {0};
    char prefix[64];
    snprintf(prefix, sizeof prefix, "out/events/events-topic-%d-", partition);
    mr_sim_disk_paths(place->sim, MR_SIM_CURRENT, &paths);
    for (size_t at = 0; at < paths.len; at += strlen((const char *)paths.data + at) + 1) {
        const char *path = (const char *)paths.data + at;
        if (strncmp(path, prefix, strlen(prefix)) == 0) {
            size_t before = out->len;
            assert_int_equal(mr_sim_disk_content(place->sim, MR_SIM_CURRENT, path, out), MR_OK);
            size_t rows = count_rows(out, before);
            rows_max = rows > rows_max ? rows : rows_max;
        }
    }
    mr_buf_deinit(&paths);
    return rows_max;
}

/* Removes the lines of `wanted`, in order, from `lines`; false: one of them is not there. */
static bool take_subsequence(mr_buf *lines, mr_buf *wanted) {
    mr_buf rest = {0};
    const char *want = mr_buf_cstr(wanted);
    const char *at = mr_buf_cstr(lines);
    while (*at != '\0') {
        size_t len = strcspn(at, "\n") + 1;
        size_t want_len = *want ? strcspn(want, "\n") + 1 : 0;
        if (len == want_len && memcmp(at, want, len) == 0) {
            want += len;
        } else {
            mr_buf_put(&rest, at, len);
        }
        at += len;
    }
    bool all = *want == '\0';
    mr_buf_deinit(lines);
    *lines = rest;
    return all;
}

/* NULL: right; else what is wrong. */
static const char *check_files(connector_place *place, expectation *e) {
    const char *problem = NULL;
    for (int p = 0; p < 2 && !problem; p++) {
        mr_buf events = {0};
        size_t rows_max = events_of(place, p, &events);
        if (strcmp(mr_buf_cstr(&events), mr_buf_cstr(&e->events[p])) != 0 ||
            rows_max > e->rows_max) {
            problem = "out/events";
        }
        mr_buf_deinit(&events);
    }
    if (!problem && strcmp(place_get(place, "out/bad.jsonl"), mr_buf_cstr(&e->bad)) != 0) {
        problem = "out/bad.jsonl";
    }
    mr_buf rejected = {0};
    mr_buf_put_text(&rejected, place_get(place, "out/rejected.jsonl"));
    if (!problem && (!take_subsequence(&rejected, &e->rejected[0]) ||
                     !take_subsequence(&rejected, &e->rejected[1]) || rejected.len > 0)) {
        problem = "out/rejected.jsonl";
    }
    mr_buf_deinit(&rejected);
    return problem;
}

/* Records trickle in, commit by commit; or all stand there, and the sinks cut pieces out of a
 * backlog. */
static const connector_world_config crashing = {
    .until = MR_RUN_UNTIL_END, .rate = 40, .seed = 3, .rotate_records = "5"};
static const connector_world_config backlog = {
    .until = MR_RUN_UNTIL_END, .seed = 3, .rotate_records = "3"};
/* Pieces that end with more to take at once (limits as the tiny build has them). */
static const connector_world_config by_size = {
    .until = MR_RUN_UNTIL_END, .seed = 3, .rotate_size = "10B"};

static void begin(connector_place *place, expectation *e) {
    place_begin(place);
    *e = expected();
    place_put(place, "in/a.jsonl", mr_buf_cstr(&e->input));
}

static void run_to_end(connector_place *place, const connector_world_config *config) {
    connector_world *world = connector_world_open(place->sim, config);
    assert_non_null(world);
    connector_world_end end = connector_world_run(world, STEPS_MAX);
    if (end != WORLD_DONE) {
        fail_msg("ended with %d: %s", end, connector_world_message(world));
    }
    connector_world_close(world);
}

static void expect_files(connector_place *place, expectation *e) {
    const char *problem = check_files(place, e);
    if (problem) {
        fail_msg("%s is wrong: %s", problem, place_concat(place, problem));
    }
}

static void end(connector_place *place, expectation *e) {
    expectation_free(e);
    place_end(place);
}

static void a_file_goes_through_the_log_into_files(void **state) {
    (void)state;
    connector_world_config configs[] = {
        crashing,
        backlog,
        {.until = MR_RUN_UNTIL_END, .seed = 2, .rotate_records = "1"},
    };
    for (size_t i = 0; i < 3; i++) {
        connector_place place;
        expectation e;
        begin(&place, &e);
        run_to_end(&place, &configs[i]);
        expect_files(&place, &e);
        run_to_end(&place, &configs[i]); /* nothing is left to do */
        expect_files(&place, &e);
        end(&place, &e);
    }
}

static void rotated_files_hold_exactly_so_many_rows(void **state) {
    (void)state;
    connector_place place;
    expectation e;
    begin(&place, &e);
    run_to_end(&place, &backlog);
    mr_buf paths = {0}, rows = {0};
    size_t files = 0;
    mr_sim_disk_paths(place.sim, MR_SIM_CURRENT, &paths);
    for (size_t at = 0; at < paths.len; at += strlen((const char *)paths.data + at) + 1) {
        files += strncmp((const char *)paths.data + at, "out/events/events-topic-0-", 26) == 0;
    }
    assert_int_equal(events_of(&place, 0, &rows), 3);
    assert_int_equal(files, (count_rows(&rows, 0) + 2) / 3); /* all but the last are full */
    mr_buf_deinit(&rows);
    mr_buf_deinit(&paths);
    expect_files(&place, &e);
    end(&place, &e);
}

/* ---- crashes ---- */

typedef struct campaign {
    connector_place *place; /* its disk is the one under test */
    mr_sim_disk *first;     /* with the input, untouched */
    expectation *e;
    connector_world_config config;
    uint64_t points, second_points;
    mr_prng prng;
} campaign;

/* Runs until it is done or the power is off; true: done. */
static bool run_until_off(const campaign *c, uint64_t seed) {
    connector_place *place = c->place;
    connector_world_config config = c->config;
    config.seed = seed;
    connector_world *world = connector_world_open(place->sim, &config);
    if (world == NULL) {
        assert_true(mr_sim_disk_is_off(place->sim));
        return false;
    }
    connector_world_end end = connector_world_run(world, STEPS_MAX);
    if (end != WORLD_DONE && !mr_sim_disk_is_off(place->sim)) {
        fail_msg("ended with %d though the disk works: %s", end, connector_world_message(world));
    }
    connector_world_drop(world);
    return end == WORLD_DONE;
}

static mr_sim_crash crash_of(campaign *c, int kind) {
    const mr_sim_crash_mode modes[] = {MR_SIM_PROC_KILL, MR_SIM_LOSE_ALL, MR_SIM_KEEP_ALL,
                                       MR_SIM_RANDOM};
    return (mr_sim_crash){modes[kind], mr_prng_next(&c->prng)};
}

/* Power off at one mutation, sometimes once more while it recovers; then a run to the end. */
static void crash_at(campaign *c, uint64_t mutation, int kind) {
    connector_place *place = c->place;
    place->sim = mr_sim_disk_clone(c->first);
    mr_sim_disk_stop_at(place->sim, mutation);
    bool done = run_until_off(c, 3);
    c->points += !done;
    mr_sim_disk_crash(place->sim, crash_of(c, kind));
    if (mr_prng_below(&c->prng, 4) == 0) {
        uint64_t more = mr_prng_below(&c->prng, 60);
        mr_sim_disk_stop_at(place->sim, mr_sim_disk_mutations(place->sim) + more);
        c->second_points += !run_until_off(c, 4);
        mr_sim_disk_crash(place->sim, crash_of(c, (int)mr_prng_below(&c->prng, 4)));
    }
    if (!run_until_off(c, 5)) {
        fail_msg("no end after a crash at mutation %d", (int)mutation);
    }
    const char *problem = check_files(place, c->e);
    if (problem) {
        fail_msg("crash %d at mutation %d: %s is wrong: %s", kind, (int)mutation, problem,
                 place_concat(place, problem));
    }
    mr_sim_disk_destroy(place->sim);
}

static uint64_t crash_everywhere(const connector_world_config *config) {
    connector_place place;
    expectation e;
    begin(&place, &e);
    campaign c = {.place = &place,
                  .first = place.sim,
                  .e = &e,
                  .config = *config,
                  .prng = mr_prng_seeded(11)};
    e.rows_max = config->rotate_records ? (size_t)atoi(config->rotate_records) : SIZE_MAX;
    place.sim = mr_sim_disk_clone(c.first);
    assert_true(run_until_off(&c, 3));
    uint64_t mutations = mr_sim_disk_mutations(place.sim);
    mr_sim_disk_destroy(place.sim);
    for (uint64_t m = mr_sim_disk_mutations(c.first); m < mutations; m++) {
        for (int kind = 0; kind < 4; kind++) {
            crash_at(&c, m, kind);
        }
    }
    print_message("%d crash points, %d of them with a second crash, over %d mutations\n",
                  (int)c.points, (int)c.second_points, (int)mutations);
    place.sim = c.first;
    end(&place, &e);
    return c.points;
}

static void a_crash_at_any_mutation_loses_and_doubles_nothing(void **state) {
    (void)state;
    uint64_t points = crash_everywhere(&crashing);
    points += crash_everywhere(&backlog);
    points += crash_everywhere(&by_size);
    assert_true(points >= CRASH_POINTS_MIN);
}

static void a_source_is_done_when_all_it_gave_is_committed(void **state) {
    (void)state;
    connector_place place;
    expectation e;
    begin(&place, &e);
    connector_world *world = connector_world_open(place.sim, &backlog);
    while (!atomic_load(&connector_world_board(world)->source_done[0])) {
        assert_int_equal(connector_world_run(world, 1), WORLD_BUSY);
    }
    connector_world_drop(world);
    mr_sim_disk_crash(place.sim, (mr_sim_crash){MR_SIM_LOSE_ALL, 0});
    world = connector_world_open(place.sim, &backlog);
    assert_int_equal(connector_world_run(world, STEPS_MAX), WORLD_DONE);
    assert_int_equal(atomic_load(&connector_world_board(world)->source_records), 0);
    connector_world_close(world);
    expect_files(&place, &e);
    end(&place, &e);
}

static void a_stop_at_any_step_is_orderly_and_goes_on(void **state) {
    (void)state;
    for (uint32_t steps = 1; steps < 400; steps += 13) {
        connector_place place;
        expectation e;
        begin(&place, &e);
        connector_world *world = connector_world_open(place.sim, &crashing);
        assert_non_null(world);
        connector_world_end ended = connector_world_run(world, steps);
        if (ended == WORLD_BUSY) {
            atomic_store(&connector_world_board(world)->phase, MR_RUN_STOPPING);
            ended = connector_world_run(world, 500);
        }
        assert_int_equal(ended, WORLD_DONE);
        connector_world_close(world);
        run_to_end(&place, &crashing);
        expect_files(&place, &e);
        end(&place, &e);
    }
}

/* A reset that is cut short anywhere is finished by the next start; what a generation wrote is
 * there once. */
static void a_reset_cut_short_anywhere_is_finished_and_the_sinks_write_again(void **state) {
    (void)state;
    connector_place place;
    expectation e;
    begin(&place, &e);
    run_to_end(&place, &crashing);
    connector_world_config anew = crashing;
    anew.generation = 2;
    anew.start = WORLD_RESETS_SINKS;
    mr_sim_disk *first = place.sim;
    int crashes = 0;
    for (uint64_t more = 0; more < 60; more++) {
        place.sim = mr_sim_disk_clone(first);
        mr_sim_disk_stop_at(place.sim, mr_sim_disk_mutations(place.sim) + more);
        connector_world *world = connector_world_open(place.sim, &anew);
        crashes += world == NULL;
        connector_world_drop(world);
        mr_sim_disk_crash(place.sim, (mr_sim_crash){MR_SIM_RANDOM, more});
        run_to_end(&place, &anew);
        assert_string_equal(place_get(&place, "out/bad.jsonl"), mr_buf_cstr(&e.bad));
        for (int p = 0; p < 2; p++) {
            mr_buf events = {0};
            events_of(&place, p, &events);
            assert_string_equal(mr_buf_cstr(&events), mr_buf_cstr(&e.events[p]));
            mr_buf_deinit(&events);
        }
        mr_sim_disk_destroy(place.sim);
    }
    assert_true(crashes > 15);
    place.sim = first;
    end(&place, &e);
}

/* ---- time ---- */

static void a_followed_file_is_read_on_and_a_quiet_topic_gives_its_file(void **state) {
    (void)state;
    connector_place place;
    place_begin(&place);
    place_put(&place, "in/a.jsonl", "{\"n\":1}\n{\"n\":2}\n{\"n\":3");
    connector_world *world = connector_world_open(
        place.sim, &(connector_world_config){.until = MR_RUN_FOR_EVER, .seed = 1});
    assert_int_equal(connector_world_run_for(world, 1000), WORLD_BUSY);
    assert_int_equal(atomic_load(&connector_world_board(world)->source_records), 2);
    place_append(&place, "in/a.jsonl", "4}\n"); /* the line was only half there */
    assert_int_equal(connector_world_run_for(world, 1000), WORLD_BUSY);
    assert_int_equal(atomic_load(&connector_world_board(world)->source_records), 3);
    const char *rows = "{\"n\":1}\n{\"n\":34}\n{\"n\":2}\n"; /* partition 0, then 1 */
    assert_string_equal(place_concat(&place, ".tmp"), rows);
    assert_int_equal(connector_world_run_for(world, 11000), WORLD_BUSY);
    place_remove(&place, "in/a.jsonl");
    assert_string_equal(place_concat(&place, ".tmp"), "");
    assert_string_equal(place_concat(&place, ".jsonl"), rows);
    connector_world_drop(world);
    place_end(&place);
}

static void the_rate_bounds_records_a_second(void **state) {
    (void)state;
    connector_place place;
    place_begin(&place);
    mr_buf input = {0};
    for (int i = 0; i < 1000; i++) {
        mr_buf_printf(&input, "{\"n\":%d}\n", i);
    }
    place_put(&place, "in/a.jsonl", mr_buf_cstr(&input));
    connector_world *world = connector_world_open(
        place.sim, &(connector_world_config){.until = MR_RUN_UNTIL_END, .seed = 1, .rate = 100});
    for (int second = 1; second <= 5; second++) {
        assert_int_equal(connector_world_run_for(world, 1000), WORLD_BUSY);
        int records = (int)atomic_load(&connector_world_board(world)->source_records);
        assert_in_range(records, second * 100 - 20, second * 100 + 20);
    }
    connector_world_drop(world);
    mr_buf_deinit(&input);
    place_end(&place);
}

/* ---- failures ---- */

static void expect_failure(connector_place *place, const connector_world_config *config,
                           const char *why) {
    connector_world *world = connector_world_open(place->sim, config);
    assert_int_equal(connector_world_run(world, STEPS_MAX), WORLD_FAILED);
    if (strstr(connector_world_message(world), why) == NULL) {
        fail_msg("'%s' is not in '%s'", why, connector_world_message(world));
    }
    connector_world_drop(world);
    mr_sim_disk_crash(place->sim, (mr_sim_crash){MR_SIM_PROC_KILL, 0});
}

static void a_missing_file_stops_the_job_by_name(void **state) {
    (void)state;
    connector_place place;
    place_begin(&place);
    expect_failure(&place, &crashing, "source events_file: in/a.jsonl: no such file");
    place_end(&place);
}

static void records_removed_before_a_sink_read_them_stop_the_job(void **state) {
    (void)state;
    connector_place place;
    expectation e;
    begin(&place, &e);
    connector_world_config half = crashing;
    connector_world *world = connector_world_open(place.sim, &half);
    assert_int_equal(connector_world_run(world, STEPS_MAX), WORLD_DONE);
    mr_partition_id events = connector_world_topic(world, "events");
    mr_log_writer writer = {.id = "other"};
    mr_log_write write = {.partition = events, .records = "=1 =2 =3"};
    assert_int_equal(mr_log_world_claim(connector_world_log(world), &writer), MR_OK);
    assert_int_equal(mr_log_world_commit(connector_world_log(world), &writer, &write, 1), MR_OK);
    assert_int_equal(mr_log_world_purge(connector_world_log(world), events, write.offset_last + 1),
                     MR_OK);
    connector_world_close(world);
    expect_failure(&place, &crashing, "were removed before they were read");
    half.generation = 2; /* a new chain begins at what is there, but not over old files */
    expect_failure(&place, &half, "a reset was not finished");
    end(&place, &e);
}

static void a_full_disk_stops_cleanly_and_goes_on_with_space(void **state) {
    (void)state;
    connector_place place;
    expectation e;
    begin(&place, &e);
    place_end(&place);
    int failures = 0;
    for (uint64_t more = 0; more < 6000; more += 500) {
        connector_world_config config = crashing;
        place_begin(&place);
        place_put(&place, "in/a.jsonl", mr_buf_cstr(&e.input));
        connector_world *world = connector_world_open(place.sim, &config);
        assert_non_null(world);
        (void)connector_world_run(world, 60);
        mr_sim_disk_set_capacity(place.sim, mr_sim_disk_used_bytes(place.sim) + more);
        failures += connector_world_run(world, STEPS_MAX) == WORLD_FAILED;
        connector_world_drop(world);
        mr_sim_disk_crash(place.sim, (mr_sim_crash){MR_SIM_PROC_KILL, 0});
        mr_sim_disk_set_capacity(place.sim, 0);
        run_to_end(&place, &config);
        expect_files(&place, &e);
        place_end(&place);
    }
    assert_true(failures > 3);
    expectation_free(&e);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_goes_through_the_log_into_files),
        cmocka_unit_test(rotated_files_hold_exactly_so_many_rows),
        cmocka_unit_test(a_followed_file_is_read_on_and_a_quiet_topic_gives_its_file),
        cmocka_unit_test(the_rate_bounds_records_a_second),
        cmocka_unit_test(a_missing_file_stops_the_job_by_name),
        cmocka_unit_test(records_removed_before_a_sink_read_them_stop_the_job),
        cmocka_unit_test(a_full_disk_stops_cleanly_and_goes_on_with_space),
        cmocka_unit_test(a_reset_cut_short_anywhere_is_finished_and_the_sinks_write_again),
        cmocka_unit_test(a_source_is_done_when_all_it_gave_is_committed),
        cmocka_unit_test(a_stop_at_any_step_is_orderly_and_goes_on),
        cmocka_unit_test(a_crash_at_any_mutation_loses_and_doubles_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
