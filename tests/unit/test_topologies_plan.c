/* How a job is cut into sub-topologies. Each plan is compared whole. */
#include "tests/unit/topologies_fixture.h"

#define STREAMS                                                                                    \
    "job: j\n"                                                                                     \
    "defaults: {key: string, value: json}\n"                                                       \
    "streams:\n"                                                                                   \
    "  a: {topic: has-two, time: {from: value.at, unit: s}}\n"                                     \
    "  b: {topic: has-four, time: {from: value.at}}\n"                                             \
    "  c: {topic: c, time: {from: value.at}}\n"                                                    \
    "  d: {topic: d, time: {from: value.at}}\n"                                                    \
    "  out: {topic: out}\n"                                                                        \
    "  late: {topic: late}\n"                                                                      \
    "pipelines:\n"

static void a_stateless_pipeline_is_one_sub_topology(void **state) {
    (void)state;
    expect_plan(STREAMS "  p:\n"
                        "    from: a\n"
                        "    steps:\n"
                        "      - filter: value.x > 1\n"
                        "      - {name: big, filter: value.x > 2}\n"
                        "      - filter: value.x > 3\n"
                        "    to: out\n",
                "sub-topology a: depth 0, 2 tasks, announces each 1s, settles in 0s\n"
                "  input stream a on_error: stop -> 0\n"
                "  node 0 p/filter on_error: stop -> 1\n"
                "  node 1 p/filter big on_error: stop -> 2\n"
                "  node 2 p/filter 3 on_error: stop -> 3\n"
                "  node 3 p/to out on_error: stop\n");
}

static void a_key_that_did_not_change_needs_no_repartition(void **state) {
    (void)state;
    expect_plan(
        STREAMS
        "  p:\n"
        "    from: a\n"
        "    steps:\n"
        "      - count: {store: s, window: {tumbling: 1h, grace: 10m, late: late, emit: final}}\n"
        "      - count: {store: t, window: {hopping: 1d, advance: 12h, late: stop, emit: final}}\n"
        "    to: out\n",
        "sub-topology a: depth 0, 2 tasks, announces each 1m15s, settles in 1d1h20m\n"
        "  input stream a on_error: stop -> 0\n"
        "  node 0 p/count s tumbling 1h grace 10m late: late on_error: stop -> 1\n"
        "  node 1 p/count t hopping 1d advance 12h grace 0s late: stop hold_back 10m on_error: "
        "stop -> 2\n"
        "  node 2 p/to out hold_back 10m on_error: stop\n"
        "  store s family 1: count key=string window=tumbling:3600000\n"
        "  store t family 2: count key=string window=hopping:86400000:43200000\n");
}

static void rekey_cuts_before_the_next_keyed_step(void **state) {
    (void)state;
    expect_plan(
        STREAMS
        "  p:\n"
        "    from: a\n"
        "    on_error: drop\n"
        "    steps:\n"
        "      - rekey: value.k\n"
        "      - filter: value.x\n"
        "      - aggregate:\n"
        "          store: s\n"
        "          window: {tumbling: 1m, grace: 8s, late: drop, emit: final}\n"
        "          fields: {n:   count(),  m: {x: max( value.x ), from: window.start}}\n"
        "      - rekey: value.m\n"
        "      - {on_error: stop, aggregate: {store: r, fields: {l: sum(value.n), 'a:b': key}}}\n"
        "    to: out\n",
        "sub-topology a: depth 0, 2 tasks, announces each 1s, settles in 1m17s\n"
        "  input stream a on_error: drop -> 0\n"
        "  node 0 p/rekey on_error: drop -> 1\n"
        "  node 1 p/filter on_error: drop -> 2\n"
        "  node 2 p/aggregate s repartition on_error: drop\n"
        "sub-topology s: depth 1, 2 tasks, announces each 1s, settles in 1m16s\n"
        "  input repartition s on_error: drop -> 3\n"
        "  node 3 p/aggregate s tumbling 1m grace 8s late: drop on_error: drop -> 4\n"
        "  node 4 p/rekey 2 hold_back 8s on_error: drop -> 5\n"
        "  node 5 p/aggregate r repartition hold_back 8s on_error: stop\n"
        "  store s family 1: aggregate key=json window=tumbling:60000 "
        "fields={n:count(),m:{x:max( value.x ),from:window.start}}\n"
        "sub-topology r: depth 2, 2 tasks, announces each 1s, settles in 0s\n"
        "  input repartition r on_error: stop -> 6\n"
        "  node 6 p/aggregate r on_error: stop -> 7\n"
        "  node 7 p/to out on_error: drop\n"
        "  store r family 1: aggregate key=json fields={l:sum(value.n),\"a:b\":key}\n"
        "repartition r: 2 partitions, read by r, from s tasks 0 of 2\n"
        "repartition s: 2 partitions, read by s, from a tasks 0 of 2\n");
}

static void pipelines_that_read_one_stream_share_its_tasks(void **state) {
    (void)state;
    expect_plan(STREAMS "  q: {from: a, steps: [{filter: value.q}], to: none}\n"
                        "  p: {from: a, steps: [{filter: value.p}]}\n"
                        "  r: {from: p, to: out}\n"
                        "  s: {from: p, steps: [{map: {k: key, l: [ts]}}], to: none}\n",
                "sub-topology a: depth 0, 2 tasks, announces each 1s, settles in 0s\n"
                "  input stream a on_error: stop -> 0, 1\n"
                "  node 0 p/filter on_error: stop -> 2, 3\n"
                "  node 1 q/filter on_error: stop\n"
                "  node 2 r/to out on_error: stop\n"
                "  node 3 s/map on_error: stop\n");
}

static void a_merge_joins_its_inputs_in_the_order_of_from(void **state) {
    (void)state;
    expect_plan(STREAMS "  m: {from: [d, c], steps: [{count: {store: s, window: {tumbling: 1h, "
                        "late: drop, emit: final}}}], to: out}\n"
                        "  n: {from: c, steps: [{filter: value.n}], to: none}\n",
                "sub-topology c: depth 0, 1 task, announces each 7m30s, settles in 1h\n"
                "  input stream d on_error: stop -> 0\n"
                "  input stream c on_error: stop -> 0, 2\n"
                "  node 0 m/count s tumbling 1h grace 0s late: drop on_error: stop -> 1\n"
                "  node 1 m/to out on_error: stop\n"
                "  node 2 n/filter on_error: stop\n"
                "  store s family 1: count key=string window=tumbling:3600000\n");
}

static void inputs_of_different_partition_counts_are_repartitioned(void **state) {
    (void)state;
    expect_plan(STREAMS "  m: {from: [a, b], steps: [{count: {store: s, window: {tumbling: 1h, "
                        "late: drop, emit: final}}}], to: out}\n",
                "sub-topology a: depth 0, 4 tasks, announces each 7m30s, settles in 1h7m30s\n"
                "  input stream a on_error: stop -> 0\n"
                "  input stream b on_error: stop -> 0\n"
                "  node 0 m/count s repartition on_error: stop\n"
                "sub-topology s: depth 1, 4 tasks, announces each 7m30s, settles in 1h\n"
                "  input repartition s on_error: stop -> 1\n"
                "  node 1 m/count s tumbling 1h grace 0s late: drop on_error: stop -> 2\n"
                "  node 2 m/to out on_error: stop\n"
                "  store s family 1: count key=json window=tumbling:3600000\n"
                "repartition s: 4 partitions, read by s, from a tasks 0 of 4\n");
}

/* `back` reads `a` and what became of `a`: in one sub-topology that would send to itself, so its
 * chain runs in both, and both send to its store. */
static void a_merge_that_would_make_a_circle_is_laid_out_twice(void **state) {
    (void)state;
    expect_plan(
        STREAMS
        "  per_k:\n"
        "    from: a\n"
        "    steps:\n"
        "      - rekey: value.k\n"
        "      - count: {store: s, window: {tumbling: 1h, grace: 1m, late: drop, emit: final}}\n"
        "  back:\n"
        "    from: [per_k, a]\n"
        "    steps:\n"
        "      - filter: value.x\n"
        "      - count: {store: t, window: {tumbling: 1h, late: drop, emit: final}}\n"
        "    to: out\n",
        "sub-topology a: depth 0, 2 tasks, announces each 7s500ms, settles in 2h9m37s500ms\n"
        "  input stream a on_error: stop -> 0, 4\n"
        "  node 0 per_k/rekey on_error: stop -> 1\n"
        "  node 1 per_k/count s repartition on_error: stop\n"
        "  node 4 back/filter on_error: stop -> 6\n"
        "  node 6 back/count t repartition on_error: stop\n"
        "sub-topology s: depth 1, 2 tasks, announces each 7s500ms, settles in 2h9m30s\n"
        "  input repartition s on_error: stop -> 2\n"
        "  node 2 per_k/count s tumbling 1h grace 1m late: drop on_error: stop -> 3\n"
        "  node 3 back/filter hold_back 1m on_error: stop -> 5\n"
        "  node 5 back/count t repartition hold_back 1m on_error: stop\n"
        "  store s family 1: count key=json window=tumbling:3600000\n"
        "sub-topology t: depth 2, 2 tasks, announces each 7m30s, settles in 1h\n"
        "  input repartition t on_error: stop -> 7\n"
        "  node 7 back/count t tumbling 1h grace 0s late: drop on_error: stop -> 8\n"
        "  node 8 back/to out on_error: stop\n"
        "  store t family 1: count key=json window=tumbling:3600000\n"
        "repartition s: 2 partitions, read by s, from a tasks 0 of 2\n"
        "repartition t: 2 partitions, read by t, from a tasks 0, s tasks 2 of 4\n");
}

static void an_empty_pipeline_passes_its_inputs_on_once(void **state) {
    (void)state;
    expect_plan(STREAMS "  empty: {from: a}\n"
                        "  too: {from: a}\n"
                        "  p: {from: [empty, too], steps: [{filter: value.x}], to: none}\n",
                "sub-topology a: depth 0, 2 tasks, announces each 1s, settles in 0s\n"
                "  input stream a on_error: stop -> 0\n"
                "  node 0 p/filter on_error: stop\n");
}

static void the_order_of_mappings_in_the_file_changes_nothing(void **state) {
    (void)state;
    static const char *const jobs[] = {
        "job: j\n"
        "defaults: {key: string, value: json}\n"
        "streams: {a: {topic: has-two}, b: {topic: b}, out: {topic: out}}\n"
        "pipelines:\n"
        "  p: {from: a, steps: [{rekey: value.k}, {count: s}], to: out}\n"
        "  q: {to: out, steps: [{count: {window: {late: drop, emit: final, tumbling: 1h}, store: "
        "t}}], from: p2}\n"
        "  p2: {from: [b, a], steps: [{flat_map: f(value)}]}\n"
        "sinks: {x: {from: out, file: {dir: d}}, y: {from: out, file: {path: p}}}\n",
        "sinks: {y: {file: {path: p}, from: out}, x: {from: out, file: {dir: d}}}\n"
        "pipelines:\n"
        "  p2: {from: [b, a], steps: [{flat_map: f(value)}]}\n"
        "  q: {to: out, steps: [{count: {store: t, window: {tumbling: 1h, late: drop, emit: "
        "final}}}], from: p2}\n"
        "  p: {to: out, steps: [{rekey: value.k}, {count: s}], from: a}\n"
        "streams: {out: {topic: out}, b: {topic: b}, a: {topic: has-two}}\n"
        "defaults: {value: json, key: string}\n"
        "job: j\n"};
    mr_buf described[2] = {{0}, {0}};
    for (size_t i = 0; i < 2; i++) {
        mr_plan *plan = NULL;
        char *printed = fixture_compile(jobs[i], &plan);
        assert_non_null(plan);
        mr_plan_describe(plan, &described[i]);
        mr_free(printed);
        mr_plan_destroy(plan);
    }
    assert_string_equal(mr_buf_cstr(&described[0]), mr_buf_cstr(&described[1]));
    mr_buf_deinit(&described[0]);
    mr_buf_deinit(&described[1]);
}

static void code_knows_its_place_label_and_native_form(void **state) {
    (void)state;
    mr_plan *plan = NULL;
    char *printed = fixture_compile(STREAMS "  p:\n"
                                            "    from: a\n"
                                            "    steps:\n"
                                            "      - filter: 'value.x > 1'\n"
                                            "      - map: |\n"
                                            "          -- note\n"
                                            "          return value\n"
                                            "      - aggregate:\n"
                                            "          store: s\n"
                                            "          fields: {n: count( value.y == 2 )}\n"
                                            "      - set: {x.y: f(value)}\n"
                                            "      - filter: 'value.s == \"it''s\"'\n"
                                            "    to: out\n",
                                    &plan);
    assert_non_null(plan);
    static const struct {
        const char *label, *text;
        uint32_t line, column;
        bool folded, native;
        mr_code_use use;
    } expected[] = {
        {"a/time.from", "value.at", 4, 36, true, true, MR_CODE_VALUE},
        {"p/filter", "value.x > 1", 14, 18, true, true, MR_CODE_CONDITION},
        {"p/map", "-- note\nreturn value\n", 16, 11, false, false, MR_CODE_MAP},
        {"p/aggregate.fields.n", "value.y == 2", 20, 30, true, true, MR_CODE_CONDITION},
        {"p/set.x.y", "f(value)", 21, 20, true, false, MR_CODE_VALUE},
        /* Behind an escape columns of the text are not those of the file. */
        {"p/filter 2", "value.s == \"it's\"", 22, 17, true, true, MR_CODE_CONDITION},
    };
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        const mr_code *found = NULL;
        for (uint32_t j = 0; j < plan->codes_count; j++) {
            assert_int_equal(plan->codes[j].id, j);
            if (strcmp(plan->codes[j].label, expected[i].label) == 0) {
                found = &plan->codes[j];
            }
        }
        assert_non_null(found);
        assert_string_equal(found->text, expected[i].text);
        assert_int_equal(found->place.line, expected[i].line);
        assert_int_equal(found->place.column, expected[i].column);
        assert_int_equal(found->folded, expected[i].folded);
        assert_int_equal(found->native != NULL, expected[i].native);
        assert_int_equal(found->use, expected[i].use);
    }
    mr_free(printed);
    mr_plan_destroy(plan);
}

static void recursive_types_know_themselves(void **state) {
    (void)state;
    mr_plan *plan = NULL;
    char *printed = fixture_compile("job: j\n"
                                    "types: {Node: {next: Node|null, tags: [string], n: int}}\n"
                                    "streams: {a: {topic: a, key: bytes, value: json(Node)}}\n"
                                    "pipelines: {p: {from: a, steps: [{filter: value.n}], to: "
                                    "none}}\n",
                                    &plan);
    assert_string_equal(printed, "");
    const mr_type *node = plan->streams[0].value.type;
    assert_int_equal(node->kind, MR_TYPE_RECORD);
    assert_int_equal(node->fields_count, 3);
    assert_string_equal(node->fields[1].name, "next");
    const mr_type *next = node->fields[1].type;
    assert_true(next->nullable);
    assert_string_equal(next->name, "Node|null");
    assert_ptr_equal(next->fields[1].type, next);
    assert_string_equal(node->fields[2].type->name, "[string]");
    assert_int_equal(node->fields[2].type->item->kind, MR_TYPE_STRING);
    mr_free(printed);
    mr_plan_destroy(plan);
}

static void what_looks_at_time_or_order_is_warned_about(void **state) {
    (void)state;
    expect_headlines(
        "job: j\n"
        "defaults: {key: string, value: json}\n"
        "streams:\n"
        "  a: {topic: has-two}\n"
        "  mid: {topic: mid}\n"
        "  out: {topic: out}\n"
        "pipelines:\n"
        "  p:\n"
        "    from: a\n"
        "    steps:\n"
        "      - flat_map: |\n"
        "          return {{ts = value.t}}\n"
        "      - aggregate:\n"
        "          store: s\n"
        "          window: {tumbling: 1h, late: drop, emit: final}\n"
        "          fields: {l: last(value.x)}\n"
        "    to: mid\n"
        "  q:\n"
        "    from: mid\n"
        "    steps:\n"
        "      - count: {store: t, window: {tumbling: 1h, late: drop, emit: final}}\n"
        "    to: out\n"
        "  r: {from: a, on_error: drop, steps: [{rekey: value.r}, {count: u}], to: none}\n",
        "job.yaml:5:3: warning W103: 2 tasks write 'mid', and a window of this job takes its time "
        "from there: what is late may differ between runs\n"
        "job.yaml:11:9: warning W103: this step sets ts before a window, but the time that windows "
        "wait for is the stream's, which has no time.from\n"
        "job.yaml:16:23: warning W102: of records with equal ts first takes the one that "
        "arrives first, last the last, and 2 tasks send to this step: their order may differ "
        "between runs\n"
        "job.yaml:23:13: warning W104: 'p' and 'r' read 'a' with different on_error: a record that "
        "cannot be decoded belongs to neither\n"
        "job.yaml:23:59: warning W102: 2 tasks send to this step: which results come before the "
        "last one may differ between runs\n");
}

#define FINAL "window: {tumbling: 1h, late: drop, emit: final}"

static void every_repartition_before_a_step_counts(void **state) {
    (void)state;
    expect_headlines(
        "job: j\n"
        "defaults: {key: string, value: json}\n"
        "streams: {a: {topic: has-two}, b: {topic: b}, c: {topic: c}}\n"
        "pipelines:\n"
        "  joined: {from: [a, b], steps: [{filter: value.x}], to: none}\n"
        "  one: {from: c, steps: [{rekey: value.k}, {count: {store: s, " FINAL "}}]}\n"
        "  two: {from: b, steps: [{rekey: value.k}, {count: {store: t, " FINAL "}}]}\n"
        "  both:\n"
        "    from: [two, one]\n"
        "    steps:\n"
        "      - aggregate: {store: u, fields: {f: first(value)}, " FINAL "}\n"
        "    to: none\n",
        "job.yaml:11:43: warning W102: of records with equal ts first takes the one that "
        "arrives first, last the last, and 2 tasks send to this step: their order may differ "
        "between runs\n");
}

static void late_and_error_records_are_written_by_tasks_too(void **state) {
    (void)state;
    expect_headlines(
        "job: j\n"
        "defaults: {key: string, value: json}\n"
        "streams: {a: {topic: has-two}, l: {topic: l}, e: {topic: e}}\n"
        "sources:\n"
        "  src: {file: {path: x}, on_error: e, to: a}\n"
        "pipelines:\n"
        "  p:\n"
        "    from: a\n"
        "    steps:\n"
        "      - count: {store: s, window: {tumbling: 1h, late: l, emit: final}}\n"
        "    to: none\n"
        "  q: {from: l, steps: [{count: {store: t, " FINAL "}}], to: none}\n"
        "  r: {from: e, steps: [{count: {store: u, " FINAL "}}], to: none}\n"
        "sinks:\n"
        "  out: {from: l, file: {path: y}, on_error: e}\n",
        "job.yaml:3:32: warning W103: 2 tasks write 'l', and a window of this job takes its time "
        "from there: what is late may differ between runs\n"
        "job.yaml:3:47: warning W103: 2 tasks write 'e', and a window of this job takes its time "
        "from there: what is late may differ between runs\n");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stateless_pipeline_is_one_sub_topology),
        cmocka_unit_test(a_key_that_did_not_change_needs_no_repartition),
        cmocka_unit_test(rekey_cuts_before_the_next_keyed_step),
        cmocka_unit_test(pipelines_that_read_one_stream_share_its_tasks),
        cmocka_unit_test(a_merge_joins_its_inputs_in_the_order_of_from),
        cmocka_unit_test(inputs_of_different_partition_counts_are_repartitioned),
        cmocka_unit_test(a_merge_that_would_make_a_circle_is_laid_out_twice),
        cmocka_unit_test(an_empty_pipeline_passes_its_inputs_on_once),
        cmocka_unit_test(the_order_of_mappings_in_the_file_changes_nothing),
        cmocka_unit_test(code_knows_its_place_label_and_native_form),
        cmocka_unit_test(recursive_types_know_themselves),
        cmocka_unit_test(what_looks_at_time_or_order_is_warned_about),
        cmocka_unit_test(every_repartition_before_a_step_counts),
        cmocka_unit_test(late_and_error_records_are_written_by_tasks_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
