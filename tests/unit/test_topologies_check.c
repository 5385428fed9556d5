/* What a job may say, and what is printed about one that says something else. */
#include "runtime/base/limits.h"
#include "tests/unit/topologies_fixture.h"

#define STREAMS                                                                                    \
    "job: j\n"                                                                                     \
    "streams:\n"                                                                                   \
    "  a: {topic: a, key: string, value: json}\n"                                                  \
    "  b: {topic: b, key: string, value: json}\n"                                                  \
    "pipelines:\n"

static void all_problems_of_a_file_are_reported_together(void **state) {
    (void)state;
    expect_printed("job: flights\n"
                   "streams:\n"
                   "  flights: {topic: flights, key: string, value: json, tine: {from: value.at}}\n"
                   "pipelines:\n"
                   "  hourly:\n"
                   "    from: fligths\n"
                   "    steps:\n"
                   "      - filter: value.delay syntax!\n"
                   "    to: flights\n",
                   "job.yaml:3:55: error E203: unknown key 'tine' in a stream, did you mean "
                   "'time'?\n"
                   "    3 |   flights: {topic: flights, key: string, value: json, tine: {from: "
                   "value.at}}\n"
                   "      |                                                       ^~~~   one of "
                   "topic, key, value, time, start, create\n"
                   "job.yaml:6:11: error E207: unknown stream or pipeline 'fligths', did you mean "
                   "'flights'?\n"
                   "    6 |     from: fligths\n"
                   "      |           ^~~~~~~\n"
                   "job.yaml:8:17: error E401: wrong code\n"
                   "    8 |       - filter: value.delay syntax!\n"
                   "      |                 ^\n");
}

static void what_this_version_does_not_execute_is_refused_by_name(void **state) {
    (void)state;
    expect_headlines(
        "job: j\n"
        "tables: {t: {topic: t}}\n"
        "stores: {}\n"
        "tests: []\n"
        "functions: {files: [a.lua]}\n"
        "defaults: {guarantee: at_least_once}\n"
        "streams:\n"
        "  a: {topic: a, key: csv, value: csv(T), global: true, history: 7d}\n"
        "  b: {topic: b, key: string, value: json, create: {retention: 1d, compact: true}}\n"
        "pipelines:\n"
        "  p:\n"
        "    from: a\n"
        "    steps:\n"
        "      - branch: []\n"
        "      - peek: f(value)\n"
        "      - join: {table: t}\n"
        "      - dedupe: {by: value.id}\n"
        "      - process: {}\n"
        "      - repartition: {name: x}\n"
        "      - aggregate: {store: s, init: 0, add: acc, merge: acc, result: acc, remove: acc}\n"
        "      - aggregate:\n"
        "          store: s2\n"
        "          window: {session: 1m, late: drop, emit: updates}\n"
        "          fields: {l: collect(value.x)}\n"
        "      - aggregate:\n"
        "          store: s3\n"
        "          window: {sliding: 1m, late: drop, emit: {after: 1m}}\n"
        "          fields:\n"
        "            t: top(3, value.x)\n"
        "    to: {by: value.x, of: [a, b]}\n",
        "job.yaml:2:1: error E204: not in this version: 'tables'\n"
        "job.yaml:3:1: error E204: not in this version: 'stores'\n"
        "job.yaml:4:1: error E204: not in this version: 'tests'\n"
        "job.yaml:5:12: error E204: not in this version: 'functions: {files, code}'\n"
        "job.yaml:6:23: error E204: not in this version: 'guarantee: at_least_once'\n"
        "job.yaml:8:22: error E204: not in this version: 'csv'\n"
        "job.yaml:8:34: error E204: not in this version: 'csv'\n"
        "job.yaml:8:42: error E204: not in this version: 'global'\n"
        "job.yaml:8:56: error E204: not in this version: 'history'\n"
        "job.yaml:9:52: error E204: not in this version: 'retention'\n"
        "job.yaml:9:67: error E204: not in this version: 'compact'\n"
        "job.yaml:14:9: error E204: not in this version: 'branch'\n"
        "job.yaml:15:9: error E204: not in this version: 'peek'\n"
        "job.yaml:16:9: error E204: not in this version: 'join'\n"
        "job.yaml:17:9: error E204: not in this version: 'dedupe'\n"
        "job.yaml:18:9: error E204: not in this version: 'process'\n"
        "job.yaml:19:9: error E204: not in this version: 'repartition'\n"
        "job.yaml:20:31: error E204: not in this version: 'init'\n"
        "job.yaml:20:40: error E204: not in this version: 'add'\n"
        "job.yaml:20:50: error E204: not in this version: 'merge'\n"
        "job.yaml:20:62: error E204: not in this version: 'result'\n"
        "job.yaml:20:75: error E204: not in this version: 'remove'\n"
        "job.yaml:21:9: error E304: each result of the step before replaces the last one of its "
        "key, so 'aggregate' right after it would count twice\n"
        "job.yaml:23:20: error E204: not in this version: 'session'\n"
        "job.yaml:23:51: error E204: not in this version: 'emit: updates'\n"
        "job.yaml:24:23: error E204: not in this version: 'collect'\n"
        "job.yaml:27:20: error E204: not in this version: 'sliding'\n"
        "job.yaml:27:51: error E204: not in this version: 'emit: {after}'\n"
        "job.yaml:29:16: error E204: not in this version: 'top'\n"
        "job.yaml:30:9: error E204: not in this version: 'to: {by, of}'\n");
}

static void names_follow_one_rule_and_share_one_namespace(void **state) {
    (void)state;
    expect_headlines("job: Flights\n"
                     "streams:\n"
                     "  a: {topic: a, key: string, value: json}\n"
                     "  value: {topic: v, key: string, value: json}\n"
                     "  while: {topic: w, key: string, value: json}\n"
                     "  math: {topic: m, key: string, value: json}\n"
                     "pipelines:\n"
                     "  a: {from: a, to: none}\n"
                     "  p:\n"
                     "    from: a\n"
                     "    steps:\n"
                     "      - count: p\n"
                     "    to: none\n",
                     "job.yaml:1:6: error E205: job 'Flights' is not a name\n"
                     "job.yaml:4:3: error E205: 'value' is a word of the language, not a name\n"
                     "job.yaml:5:3: error E205: 'while' is a word of the language, not a name\n"
                     "job.yaml:6:3: error E205: 'math' is a word of the language, not a name\n"
                     "job.yaml:8:3: error E206: the name 'a' is taken by the stream of line 3\n"
                     "job.yaml:12:16: error E206: the name 'p' is taken by the pipeline of line "
                     "9\n");
}

static void one_mistake_is_one_message(void **state) {
    (void)state;
    expect_headlines(
        "jbo: j\n"
        "streams:\n"
        "  a: {topic: a, kye: string, valeu: json, time: {form: value.x, unit: s}}\n"
        "  b: {topic: b, key: string, value: json}\n"
        "  c: {<<: x, topic: c}\n"
        "pipelines:\n"
        "  p:\n"
        "    from: a\n"
        "    steps:\n"
        "      - count: {stoer: s, windw: {tumbling: 1h, late: drop, emit: final}}\n"
        "      - filter: window.start > 0\n"
        "      - count: t\n"
        "      - join: {stream: b}\n"
        "      - filter: window.start > 0\n"
        "      - count: u\n"
        "      - count: [v]\n"
        "      - filter: window.start > 0\n"
        "      - filter: !value.x\n"
        "    to: {by: key, of: [a]}\n"
        "  q: {form: a, to: [b]}\n"
        "  r:\n"
        "    from: a\n"
        "    to: !b\n",
        "job.yaml:1:1: error E203: unknown key 'jbo' in a job, did you mean 'job'?\n"
        "job.yaml:3:17: error E203: unknown key 'kye' in a stream, did you mean 'key'?\n"
        "job.yaml:3:30: error E203: unknown key 'valeu' in a stream, did you mean 'value'?\n"
        "job.yaml:3:50: error E203: unknown key 'form' in time, did you mean 'from'?\n"
        "job.yaml:5:7: error E103: merge keys are not part of the language\n"
        "job.yaml:10:17: error E203: unknown key 'stoer' in count, did you mean 'store'?\n"
        "job.yaml:10:27: error E203: unknown key 'windw' in count, did you mean 'window'?\n"
        "job.yaml:13:9: error E204: not in this version: 'join'\n"
        "job.yaml:16:9: error E304: each result of the step before replaces the last one of its "
        "key, so 'count' right after it would count twice\n"
        "job.yaml:16:16: error E105: a mapping is wanted in count, this is a list\n"
        "job.yaml:18:17: error E103: YAML tags are not part of the language: '!value.x'\n"
        "job.yaml:19:9: error E204: not in this version: 'to: {by, of}'\n"
        "job.yaml:20:7: error E203: unknown key 'form' in a pipeline, did you mean 'from'?\n"
        "job.yaml:20:20: error E105: to wants a text, this is a list\n"
        "job.yaml:23:9: error E103: YAML tags are not part of the language: '!b'\n");
}

static void words_that_could_stand_there_are_suggested_too(void **state) {
    (void)state;
    expect_headlines(STREAMS "  p: {from: a, on_error: stpo, steps: [{filter: value.x}], to: nne}\n"
                             "  q: {from: x, to: b}\n"
                             "  r: {from: out, to: b}\n"
                             "sinks:\n"
                             "  out: {from: a, file: {dir: o}}\n",
                     "job.yaml:6:26: error E207: unknown stream 'stpo', did you mean 'stop'?\n"
                     "job.yaml:6:64: error E207: unknown stream 'nne', did you mean 'none'?\n"
                     "job.yaml:7:13: error E207: unknown stream or pipeline 'x'\n"
                     "job.yaml:8:13: error E207: from wants a stream or pipeline, 'out' is a sink "
                     "(line 10)\n");
}

static void defaults_are_checked_though_no_stream_needs_them(void **state) {
    (void)state;
    expect_headlines("job: j\n"
                     "defaults: {key: strin, value: json(Orders), time: {form: 1, idle: 3x}}\n"
                     "types: {Order: {id: int}, null: {id: int}, Avro: {file: order.avsc}}\n"
                     "streams:\n"
                     "  a: {topic: a, key: string, value: json, time: {from: value.at}}\n"
                     "pipelines:\n"
                     "  p: {from: a, steps: [{filter: value.x}], to: none}\n",
                     "job.yaml:2:17: error E211: unknown format 'strin', did you mean 'string'?\n"
                     "job.yaml:2:31: error E211: unknown type 'Orders', did you mean 'Order'?\n"
                     "job.yaml:2:52: error E203: unknown key 'form' in time, did you mean 'from'?\n"
                     "job.yaml:2:67: error E208: idle is no duration: '3x'\n"
                     "job.yaml:3:27: error E206: 'null' is a type of the language\n"
                     "job.yaml:3:50: error E204: not in this version: 'types: {file}'\n");
}

static void topics_that_some_job_makes_for_itself_are_not_streams(void **state) {
    (void)state;
    expect_headlines(
        "job: j\n"
        "streams:\n"
        "  a: {topic: other.words.changelog.g1, key: bytes, value: bytes}\n"
        "  b: {topic: other.words.repartition.g12, key: bytes, value: bytes}\n"
        "  c: {topic: other.words.repartition.gb, key: bytes, value: bytes}\n"
        "  d: {topic: skid-marks, key: bytes, value: bytes}\n"
        "  f: {topic: one, key: bytes, value: bytes}\n"
        "  e: {topic: one, key: bytes, value: bytes}\n",
        "job.yaml:3:14: error E205: the topic 'other.words.changelog.g1' is the runtime's own\n"
        "job.yaml:4:14: error E205: the topic 'other.words.repartition.g12' is the runtime's "
        "own\n"
        "job.yaml:8:3: error E307: the topic 'one' is the stream 'f' already (line 7)\n");
}

static void streams_are_checked(void **state) {
    (void)state;
    expect_headlines(
        "job: j\n"
        "types:\n"
        "  Item: {name: string|null, next: Item|null, tags: [string], more: 'map([int])'}\n"
        "  Bad: {a: strin, b: '[int', c: int|nil, d: {x: int}, e: int x}\n"
        "streams:\n"
        "  a: {topic: 'no topic', key: string, value: json(Item)}\n"
        "  b: {key: string, value: json(Itm)}\n"
        "  c: {topic: c, value: json(Item}\n"
        "  d: {topic: j-marks, key: jsn, value: json}\n"
        "  e: {topic: __consumer_offsets, key: string, value: json}\n"
        "  f: {topic: same, key: string, value: json, start: latest}\n"
        "  g: {topic: same, key: string, value: json}\n"
        "  h: {topic: has-two, key: string, value: json, create: {partitions: 3}}\n"
        "  i: {topic: i, key: string, value: json, create: {partitions: 0}}\n"
        "  k: {topic: k, key: string, value: json, time: {unit: m, idle: 0s, max_ahead: x}}\n"
        "  l: {topic: j.s.repartition.g1, key: string, value: json}\n",
        "job.yaml:4:12: error E211: unknown type 'strin', did you mean 'string'?\n"
        "job.yaml:4:22: error E211: ']' is missing in the type '[int'\n"
        "job.yaml:4:33: error E211: no type: 'int|nil'\n"
        "job.yaml:4:45: error E211: a type is wanted, this is a mapping\n"
        "job.yaml:4:58: error E211: 'x' stands behind the type\n"
        "job.yaml:6:14: error E205: 'no topic' is no name of a topic\n"
        "job.yaml:7:3: error E201: 'topic' is missing\n"
        "job.yaml:7:27: error E211: unknown type 'Itm', did you mean 'Item'?\n"
        "job.yaml:8:3: error E201: this stream has no 'key' format\n"
        "job.yaml:8:24: error E211: ')' is missing in the format 'json(Item'\n"
        "job.yaml:9:14: error E205: the topic 'j-marks' is the runtime's own\n"
        "job.yaml:9:28: error E211: unknown format 'jsn', did you mean 'json'?\n"
        "job.yaml:10:14: error E205: the topic '__consumer_offsets' is the runtime's own\n"
        "job.yaml:11:53: error E208: unknown start 'latest'\n"
        "job.yaml:12:3: error E307: the topic 'same' is the stream 'f' already (line 11)\n"
        "job.yaml:13:70: error E306: the topic 'has-two' exists with 2 partitions\n"
        "job.yaml:14:64: error E208: partitions must be a whole number from 1 to 1024, not '0'\n"
        "job.yaml:15:56: error E208: unknown unit 'm'\n"
        "job.yaml:15:56: error E201: 'unit' without 'from'\n"
        "job.yaml:15:65: error E208: idle must be from 1ms to 36525d, not '0s'\n"
        "job.yaml:15:80: error E208: max_ahead is no duration: 'x'\n"
        "job.yaml:16:14: error E205: the topic 'j.s.repartition.g1' is the runtime's own\n");
}

static void steps_are_one_operator_each(void **state) {
    (void)state;
    expect_headlines(STREAMS "  p:\n"
                             "    from: a\n"
                             "    steps:\n"
                             "      - filter: value.x\n"
                             "        map: value\n"
                             "      - name: only\n"
                             "      - filtr: value.x\n"
                             "      - value.x\n"
                             "      - set: value.x\n"
                             "      - set: {a..b: 1, c: {d: 1}}\n"
                             "      - filter: [value.x]\n"
                             "      - map: {a: }\n"
                             "      - filter: {a}\n"
                             "      - {name: Big, on_error: nowhere, filter: value.x}\n"
                             "    to: b\n",
                     "job.yaml:10:9: error E210: a step is one operator, 'map' is a second one\n"
                     "job.yaml:11:9: error E210: this step has no operator\n"
                     "job.yaml:12:9: error E203: unknown step 'filtr', did you mean 'filter'?\n"
                     "job.yaml:13:9: error E210: a step is one operator key, this is a text\n"
                     "job.yaml:14:14: error E105: 'set' wants a mapping of fields\n"
                     "job.yaml:15:15: error E208: no path of fields: 'a..b'\n"
                     "job.yaml:15:27: error E105: a field of 'set' wants code, this is a mapping\n"
                     "job.yaml:16:17: error E105: code is wanted, this is a list\n"
                     "job.yaml:17:18: error E400: code is wanted, nothing is here\n"
                     "job.yaml:18:17: error E105: code is wanted, this is a mapping\n"
                     "job.yaml:19:16: error E205: step 'Big' is not a name\n"
                     "job.yaml:19:31: error E207: unknown stream 'nowhere'\n");
}

static void no_field_is_set_in_vain(void **state) {
    (void)state;
    expect_headlines(STREAMS "  p:\n"
                             "    from: a\n"
                             "    steps:\n"
                             "      - set: {o.p.q: 1, x: 2, o.p: 3, o.r: 4, ox: 5}\n"
                             "      - set: {o: 1, o.p: 2, o.p.q: 3}\n"
                             "      - set: {o.a: 1, o.a.b: 2, o: 3, o.c: 4}\n"
                             "    to: b\n",
                     "job.yaml:9:15: error E208: 'o.p.q' is lost: 'o.p', which is set behind it, "
                     "replaces it\n"
                     "job.yaml:11:15: error E208: 'o.a' is lost: 'o', which is set behind it, "
                     "replaces it\n"
                     "job.yaml:11:23: error E208: 'o.a.b' is lost: 'o', which is set behind it, "
                     "replaces it\n");
    mr_buf text = {0};
    mr_buf_put_text(&text, STREAMS "  p: {from: a, to: b, steps: [{set: {a");
    for (int i = 1; i < MR_JSON_DEPTH_MAX + 1; i++) {
        mr_buf_put_text(&text, ".a");
    }
    mr_buf_put_text(&text, ": 1}}]}\n");
    expect_headlines(mr_buf_cstr(&text), "job.yaml:6:38: error E208: a path has at most 256 names, "
                                         "this one 257\n");
    mr_buf_deinit(&text);
}

static void windows_say_what_becomes_of_late_records(void **state) {
    (void)state;
    expect_headlines(
        STREAMS
        "  p:\n"
        "    from: a\n"
        "    steps:\n"
        "      - count: {store: s1, window: {tumbling: 1h}}\n"
        "      - count: {store: s2, window: {hopping: 1h, late: drop, emit: final}}\n"
        "      - count: {store: s3, window: {hopping: 1h, advance: 2h, late: b, emit: final}}\n"
        "      - count: {store: s4, window: {tumbling: 0s, late: drop, emit: all}}\n"
        "      - count: {store: s5, window: {tumbling: 1h, advance: 1h, late: drop, emit: final}}\n"
        "      - count: {store: s6, window: {grace: 1h, late: drp, emit: final}}\n"
        "      - count: {store: s7, window: {hopping: 1d, advance: 1ms, late: drop, emit: final}}\n"
        "      - count: {window: {tumbling: 1h, late: drop, emit: final}}\n"
        "      - aggregate: {store: s8}\n"
        "    to: b\n",
        "job.yaml:9:36: error E201: 'late' is missing in this window: where do late records go?\n"
        "job.yaml:9:36: error E201: 'emit' is missing in this window\n"
        "job.yaml:10:36: error E201: 'advance' is missing\n"
        "job.yaml:11:59: error E208: an advance beyond the window's size would leave records "
        "out\n"
        "job.yaml:12:47: error E208: tumbling must be from 1ms to 36525d, not '0s'\n"
        "job.yaml:12:69: error E208: unknown emit 'all'\n"
        "job.yaml:13:60: error E208: 'advance' belongs to hopping windows\n"
        "job.yaml:14:36: error E201: this window does not say what kind it is\n"
        "job.yaml:14:54: error E207: unknown stream 'drp', did you mean 'drop'?\n"
        "job.yaml:15:59: error E208: each record would count in 86400000 windows, at most 10000 "
        "are executed\n"
        "job.yaml:16:9: error E201: 'store' is missing\n"
        "job.yaml:17:9: error E201: 'fields' is missing\n");
}

static void leaves_of_fields_are_one_call_each(void **state) {
    (void)state;
    expect_headlines(STREAMS "  p:\n"
                             "    from: a\n"
                             "    steps:\n"
                             "      - aggregate:\n"
                             "          store: s\n"
                             "          fields:\n"
                             "            a: sum(value.x) + 1\n"
                             "            b: sum()\n"
                             "            c: summ(value.x)\n"
                             "            d: value.x\n"
                             "            e: window.start\n"
                             "            f: count(f(value.x, ')'))\n"
                             "            g: {h: max(value.x), i: min(syntax!)}\n"
                             "            k: [1]\n"
                             "            l: key\n"
                             "            m: sum(value.x, value.y)\n"
                             "            n: sum(f(value.x, ',')) \n"
                             "            o: sum(value.x\n"
                             "    to: b\n",
                     "job.yaml:12:16: error E212: a leaf of 'fields' is one call\n"
                     "job.yaml:13:16: error E212: 'sum' wants what to take: sum(value.x)\n"
                     "job.yaml:14:16: error E212: unknown function 'summ', did you mean 'sum'?\n"
                     "job.yaml:15:16: error E212: 'value.x' is no call\n"
                     "job.yaml:16:16: error E212: 'window.start' without a window\n"
                     "job.yaml:18:41: error E401: wrong code\n"
                     "job.yaml:19:16: error E212: a leaf of 'fields' is one call\n"
                     "job.yaml:21:16: error E212: 'sum' takes one argument\n"
                     "job.yaml:23:16: error E212: the bracket is not closed\n");
}

static void pipelines_end_and_make_no_circles(void **state) {
    (void)state;
    expect_headlines(STREAMS "  open: {from: a, steps: [{filter: value.x}]}\n"
                             "  nothing: {from: a, to: none}\n"
                             "  one: {from: two, to: none}\n"
                             "  two: {from: one, to: none}\n"
                             "  there: {from: a, to: b}\n"
                             "  back: {from: b, steps: [{filter: value.x}], to: a}\n"
                             "  c1: {from: c3, to: none}\n"
                             "  c2: {from: c1, to: none}\n"
                             "  c3: {from: [c2, b], to: none}\n"
                             "  twice: {from: [a, a], to: b}\n"
                             "  void: {from: [], to: b}\n"
                             "  sourceless: {to: b}\n",
                     "job.yaml:6:3: error E301: pipeline 'open' has no end: no 'to', and no other "
                     "pipeline reads it\n"
                     "job.yaml:7:3: error E301: pipeline 'nothing' does nothing: no steps, and to: "
                     "none\n"
                     "job.yaml:9:15: error E302: pipelines read each other in a circle: one -> two "
                     "-> one\n"
                     "job.yaml:11:51: error E303: a circle through topics: a -> there -> b -> "
                     "back -> a\n"
                     "job.yaml:13:14: error E302: pipelines read each other in a circle: c1 -> c2 "
                     "-> c3 -> c1\n"
                     "job.yaml:15:21: error E206: 'a' stands twice in 'from'\n"
                     "job.yaml:16:16: error E201: 'from' names nothing\n"
                     "job.yaml:17:3: error E201: 'from' is missing\n");
}

static void error_and_late_streams_are_part_of_circles(void **state) {
    (void)state;
    expect_headlines(STREAMS "  p: {from: a, on_error: b, steps: [{filter: value.x}], to: none}\n"
                             "  q: {from: b, steps: [{filter: value.x, on_error: a}], to: none}\n",
                     "job.yaml:7:3: error E303: a circle through topics: a -> p -> b -> q -> a\n");
}

static void replacing_results_are_not_counted_again(void **state) {
    (void)state;
    expect_headlines(STREAMS
                     "  p: {from: a, steps: [{count: s}, {map: value + 1}]}\n"
                     "  q: {from: [p, b], steps: [{rekey: value.k}, {count: t}], to: none}\n",
                     "job.yaml:7:48: error E304: each result of the step before replaces the last "
                     "one of its key, so 'count' right after it would count twice\n");
    /* Final results replace nothing. */
    expect_headlines(STREAMS
                     "  p:\n"
                     "    from: [a, b]\n"
                     "    steps:\n"
                     "      - count: {store: s, window: {tumbling: 1h, late: drop, emit: final}}\n"
                     "      - count: {store: t, window: {tumbling: 1d, late: stop, emit: final}}\n"
                     "    to: none\n",
                     "");
}

static void window_bounds_are_in_scope_behind_windows_only(void **state) {
    (void)state;
    expect_headlines(
        STREAMS
        "  p:\n"
        "    from: a\n"
        "    steps:\n"
        "      - filter: window.start > 0\n"
        "      - count: {store: s, window: {tumbling: 1h, late: drop, emit: final}}\n"
        "      - filter: window.start > 0\n"
        "  q: {from: p, steps: [{rekey: window.stop}, {count: t}, {map: window.stop}], to: none}\n"
        "  r: {from: [p, b], steps: [{map: window.start}], to: none}\n",
        "job.yaml:9:17: error E402: 'window' is not in scope\n"
        "job.yaml:12:64: error E402: 'window' is not in scope\n"
        "job.yaml:13:35: error E402: 'window' is not in scope\n");
}

static void merged_inputs_agree_in_key_format(void **state) {
    (void)state;
    expect_headlines("job: j\n"
                     "streams:\n"
                     "  a: {topic: a, key: string, value: json}\n"
                     "  b: {topic: b, key: int, value: json}\n"
                     "pipelines:\n"
                     "  pa: {from: a, steps: [{filter: value.x}]}\n"
                     "  p: {from: [pa, b], steps: [{filter: value.x}], to: none}\n"
                     "  r: {from: b, steps: [{rekey: value.x}]}\n"
                     "  q: {from: [a, r], steps: [{filter: value.x}], to: none}\n"
                     "  ra: {from: [r, a]}\n"
                     "  s: {from: [ra, b], steps: [{filter: value.x}], to: none}\n",
                     "job.yaml:7:18: error E305: merged inputs must agree in key format: 'b' has "
                     "int, 'a' string\n"
                     "job.yaml:11:18: error E305: merged inputs must agree in key format: 'b' has "
                     "int, 'a' string\n");
}

static void unused_names_are_warnings(void **state) {
    (void)state;
    expect_headlines("job: j\n"
                     "types: {T: {a: int}}\n"
                     "streams:\n"
                     "  a: {topic: a, key: string, value: json}\n"
                     "  b: {topic: b, key: string, value: json}\n"
                     "pipelines:\n"
                     "  p: {from: a, steps: [{filter: value.x}], to: none}\n",
                     "job.yaml:2:9: warning W101: type 'T' is not used\n"
                     "job.yaml:5:3: warning W101: stream 'b' is not used\n");
}

static void sections_and_the_job_itself_are_checked(void **state) {
    (void)state;
    expect_headlines("[1]\n", "job.yaml:1:1: error E105: a mapping is wanted in a job, this is a "
                              "list\n");
    expect_headlines("about: x\n", "job.yaml:1:1: error E201: 'job' is missing\n");
    expect_headlines("job: j\n", "job.yaml:1:1: error E201: this job does nothing: it has no "
                                 "pipelines, sources or sinks\n");
    expect_headlines("job: j\nlanguage: 2\nstreams: []\npipelines:\n  p: text\nsinks: 3\n"
                     "functions: syntax!\nstrems: {}\n",
                     "job.yaml:2:11: error E208: this program reads language version 1, not '2'\n"
                     "job.yaml:3:10: error E105: a mapping of names is wanted, this is a list\n"
                     "job.yaml:5:6: error E105: a mapping is wanted in a pipeline, this is a "
                     "text\n"
                     "job.yaml:6:8: error E105: a mapping of names is wanted, this is a text\n"
                     "job.yaml:7:12: error E401: wrong code\n"
                     "job.yaml:8:1: error E203: unknown key 'strems' in a job, did you mean "
                     "'streams'?\n");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_problems_of_a_file_are_reported_together),
        cmocka_unit_test(what_this_version_does_not_execute_is_refused_by_name),
        cmocka_unit_test(names_follow_one_rule_and_share_one_namespace),
        cmocka_unit_test(one_mistake_is_one_message),
        cmocka_unit_test(words_that_could_stand_there_are_suggested_too),
        cmocka_unit_test(defaults_are_checked_though_no_stream_needs_them),
        cmocka_unit_test(topics_that_some_job_makes_for_itself_are_not_streams),
        cmocka_unit_test(streams_are_checked),
        cmocka_unit_test(steps_are_one_operator_each),
        cmocka_unit_test(no_field_is_set_in_vain),
        cmocka_unit_test(windows_say_what_becomes_of_late_records),
        cmocka_unit_test(leaves_of_fields_are_one_call_each),
        cmocka_unit_test(pipelines_end_and_make_no_circles),
        cmocka_unit_test(error_and_late_streams_are_part_of_circles),
        cmocka_unit_test(replacing_results_are_not_counted_again),
        cmocka_unit_test(window_bounds_are_in_scope_behind_windows_only),
        cmocka_unit_test(merged_inputs_agree_in_key_format),
        cmocka_unit_test(unused_names_are_warnings),
        cmocka_unit_test(sections_and_the_job_itself_are_checked),
    };
    (void)expect_plan;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
