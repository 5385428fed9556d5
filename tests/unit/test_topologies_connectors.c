/* Sources, sinks, their settings, and what is put in for ${}. */
#include "runtime/base/limits.h"
#include "tests/unit/topologies_fixture.h"

#ifdef MR_TINY
#define RECORD_MAX "65536"
#else
#define RECORD_MAX "1048576"
#endif

#define STREAMS                                                                                    \
    "job: j\n"                                                                                     \
    "streams:\n"                                                                                   \
    "  a: {topic: a, key: string, value: json}\n"

static void settings_are_checked_against_the_catalog(void **state) {
    (void)state;
    expect_headlines(
        STREAMS "sources:\n"
                "  s1: {file: {path: x, format: lnes}, to: a}\n"
                "  s2: {file: {format: json}, to: a}\n"
                "  s3: {fil: {path: x}, to: a}\n"
                "  s4: {file: {path: x, pth: y, max_record: lots, glob: z}, to: a}\n"
                "  s5: {file: {path: x}, to: {t: a}}\n"
                "  s6: {file: {path: x}}\n"
                "  s7: {postgres: {url: x}, to: a}\n"
                "  s8: {to: a}\n"
                "  s9: {file: {path: x, format: csv(T)}, to: a}\n"
                "  s10: {file: {path: x, max_record: 1GiB}, to: a, steps: [{count: s}]}\n"
                "sinks:\n"
                "  k1: {file: {format: json}, from: a}\n"
                "  k2: {file: {path: f, dir: y}, from: a}\n"
                "  k3: {file: {dir: k, rotate: {record: 5}}, from: b}\n"
                "  k4: {file: {dir: l, rotate: {records: five, every: 1h}}, from: a}\n"
                "  k5: {file: {dir: m, format: xml}, from: a}\n"
                "  k6: {file: x, from: a}\n"
                "  k7: {file: {dir: [x]}, from: a, guarantee: at_least_once}\n",
        "job.yaml:5:32: error E502: unknown format 'lnes', did you mean 'lines'?\n"
        "job.yaml:6:14: error E201: 'path' is missing in file\n"
        "job.yaml:7:8: error E203: unknown key or connector 'fil' in a source, did you mean "
        "'file'?\n"
        "job.yaml:8:24: error E203: unknown key 'pth' in file, did you mean 'path'?\n"
        "job.yaml:8:44: error E502: 'max_record' must be a size from 1 to " RECORD_MAX
        " bytes, not "
        "'lots'\n"
        "job.yaml:8:50: error E204: not in this version: 'glob'\n"
        "job.yaml:9:29: error E204: not in this version: 'to: {table: stream}'\n"
        "job.yaml:10:3: error E201: 'to' is missing\n"
        "job.yaml:11:8: error E204: not in this version: 'postgres'\n"
        "job.yaml:12:3: error E501: no connector is named here\n"
        "job.yaml:13:32: error E204: not in this version: 'csv'\n"
        "job.yaml:14:37: error E502: 'max_record' must be a size from 1 to " RECORD_MAX
        " bytes, not "
        "'1GiB'\n"
        "job.yaml:14:60: error E210: sources and sinks have stateless steps only, not 'count'\n"
        "job.yaml:16:14: error E502: file: exactly one of path and dir\n"
        "job.yaml:17:14: error E502: file: exactly one of path and dir\n"
        "job.yaml:18:32: error E203: unknown key 'rotate.record' in file, did you mean "
        "'rotate.records'?\n"
        "job.yaml:18:51: error E207: unknown stream 'b'\n"
        "job.yaml:19:41: error E502: 'rotate.records' wants a whole number, not 'five'\n"
        "job.yaml:19:47: error E204: not in this version: 'rotate.every'\n"
        "job.yaml:20:31: error E502: unknown format 'xml'\n"
        "job.yaml:21:14: error E105: 'file' wants a mapping of settings\n"
        "job.yaml:22:20: error E502: 'dir' wants a text, this is a list\n"
        "job.yaml:22:35: error E204: not in this version: 'guarantee'\n");
}

static void no_setting_is_accepted_and_ignored(void **state) {
    (void)state;
    expect_headlines(
        STREAMS "sources:\n"
                "  s1: {file: {pth: x}, to: a}\n"
                "  s2: {file: {glob: [x, y], follow: {}}, to: a}\n"
                "  s3: {file: {path: [x]}, to: a}\n"
                "  s4: {file: {path: y, format: jsonl}, too: a}\n"
                "  s5: {file: {path: z, rotate: {}}, to: a}\n"
                "sinks:\n"
                "  k1: {file: {dir: k1, bogus: {}, rotat: [1]}, from: a}\n"
                "  k2: {file: {dir: k2, rotate: 5}, from: a}\n"
                "  k3: {file: {dir: k3, rotate.records: 5, rotate: {records: 6}}, from: a}\n",
        "job.yaml:5:15: error E203: unknown key 'pth' in file, did you mean 'path'?\n"
        "job.yaml:6:15: error E204: not in this version: 'glob'\n"
        "job.yaml:6:29: error E204: not in this version: 'follow'\n"
        "job.yaml:7:21: error E502: 'path' wants a text, this is a list\n"
        "job.yaml:8:32: error E502: unknown format 'jsonl', did you mean 'json'?\n"
        "job.yaml:8:40: error E203: unknown key or connector 'too' in a source, did you mean "
        "'to'?\n"
        "job.yaml:9:24: error E203: unknown key 'rotate' in file\n"
        "job.yaml:11:24: error E203: unknown key 'bogus' in file\n"
        "job.yaml:11:35: error E203: unknown key 'rotat' in file\n"
        "job.yaml:12:32: error E105: 'rotate' wants a mapping, this is a text\n"
        "job.yaml:13:52: error E104: 'rotate.records' is given already\n");
}

static void a_place_has_one_writer_and_no_reader_beside_it(void **state) {
    (void)state;
    expect_headlines(STREAMS "sources:\n"
                             "  s1: {file: {path: x}, to: a}\n"
                             "  s2: {file: {path: x}, to: a}\n"
                             "sinks:\n"
                             "  k2: {file: {dir: o}, from: a}\n"
                             "  k1: {file: {path: o}, from: a}\n"
                             "  k3: {file: {path: x}, from: a}\n",
                     "job.yaml:9:21: error E502: 'o' is where the sink 'k2' writes (line 8)\n"
                     "job.yaml:10:21: error E502: 'x' is what the source 's2' reads (line 6)\n");
}

static void connectors_are_described(void **state) {
    (void)state;
    mr_plan *plan = NULL;
    char *printed = fixture_compile(STREAMS "sources:\n"
                                            "  feed:\n"
                                            "    file: {path: in.jsonl, format: json}\n"
                                            "    on_error: drop\n"
                                            "    steps:\n"
                                            "      - filter: value.x > 1\n"
                                            "      - rekey: value.id\n"
                                            "    to: a\n"
                                            "sinks:\n"
                                            "  out:\n"
                                            "    from: a\n"
                                            "    file: {dir: out, rotate: {records: 5}, format: "
                                            "record}\n",
                                    &plan);
    assert_string_equal(printed, "");
    mr_buf described = {0};
    mr_plan_describe(plan, &described);
    assert_string_equal(mr_buf_cstr(&described),
                        "job j\n"
                        "stream a: topic a, 1 partition, key string, value json, idle 1s, read, "
                        "written, has a source\n"
                        "source feed file path=in.jsonl value json on_error: drop\n"
                        "  node 0 feed/filter on_error: drop -> 1\n"
                        "  node 1 feed/rekey on_error: drop -> 2\n"
                        "  node 2 feed/to a on_error: drop\n"
                        "sink out from a file dir=out rotate.records=5 format record on_error: "
                        "stop\n"
                        "  node 3 out/file on_error: stop\n");
    assert_int_equal(plan->sources[0].record_bytes_max, MR_LINE_BYTES_MAX);
    mr_buf_deinit(&described);
    mr_free(printed);
    mr_plan_destroy(plan);
}

static void placeholders_are_put_in_after_parsing_and_only_where_they_may(void **state) {
    (void)state;
    mr_plan *plan = NULL;
    char *printed = fixture_compile("job: j\n"
                                    "streams:\n"
                                    "  a: {topic: 'in-${env:STAGE}-x', key: string, value: json}\n"
                                    "sinks:\n"
                                    "  out:\n"
                                    "    from: a\n"
                                    "    file: {dir: 'd/${file:name.txt}/${env:STAGE}', format: "
                                    "'${env:FORMAT}'}\n",
                                    &plan);
    assert_string_equal(printed, "");
    assert_string_equal(plan->streams[0].topic, "in-test-x");
    assert_string_equal(plan->sinks[0].settings[0].value, "d/from-a-file/test");
    assert_int_equal(plan->sinks[0].format, MR_SINK_FORMAT_RECORD);
    mr_free(printed);
    mr_plan_destroy(plan);

    printed = fixture_compile(STREAMS "sinks:\n"
                                      "  out:\n"
                                      "    from: a\n"
                                      "    file: {dir: "
                                      "'${file:crlf.txt}${file:two.txt}${file:empty.txt}.'}\n",
                              &plan);
    assert_string_equal(printed, "");
    assert_string_equal(plan->sinks[0].settings[0].value, "wt\n.");
    mr_free(printed);
    mr_plan_destroy(plan);

    expect_headlines(
        "job: j\n"
        "streams:\n"
        "  a: {topic: 'in-${env:STAGES}', key: string, value: json}\n"
        "  b: {topic: '${x}', key: string, value: '${env:STAGE}'}\n"
        "pipelines:\n"
        "  p: {from: a, steps: [{filter: 'value.x == \"${env:STAGE}\"'}], to: none}\n"
        "sinks:\n"
        "  out: {from: a, file: {dir: '${file:other.txt}'}}\n"
        "  out2: {from: a, file: {dir: '${env:STAGE'}}\n",
        "job.yaml:3:14: error E209: the environment has no 'STAGES'\n"
        "job.yaml:4:14: error E209: unknown placeholder '${x}'\n"
        "job.yaml:4:42: error E211: unknown format '${env:STAGE}'\n"
        "job.yaml:4:42: error E209: ${} stands only in connector settings and topic names\n"
        "job.yaml:6:33: error E209: ${} stands only in connector settings and topic names\n"
        "job.yaml:8:30: error E209: cannot read 'other.txt': no such file\n"
        "job.yaml:9:31: error E209: '}' is missing behind '${'\n");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(settings_are_checked_against_the_catalog),
        cmocka_unit_test(no_setting_is_accepted_and_ignored),
        cmocka_unit_test(a_place_has_one_writer_and_no_reader_beside_it),
        cmocka_unit_test(connectors_are_described),
        cmocka_unit_test(placeholders_are_put_in_after_parsing_and_only_where_they_may),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
