/* `defaults` and `streams`. */
#include "runtime/base/assert.h"
#include "runtime/base/limits.h"
#include "topologies/topology_check.h"

enum { IDLE_MS_DEFAULT = 1000 };

static const char *const defaults_keys[] = {"key", "value", "time", "on_error", "guarantee", NULL};
static const mr_key_set defaults_set = {"in defaults", defaults_keys, NULL};
static const char *const stream_keys[] = {"topic", "key", "value", "time", "start", "create", NULL};
static const char *const stream_later[] = {"global", "history", "ready", NULL};
static const mr_key_set stream_set = {"in a stream", stream_keys, stream_later};
static const char *const time_keys[] = {"from", "unit", "idle", "max_ahead", NULL};
static const mr_key_set time_set = {"in time", time_keys, NULL};
static const char *const create_keys[] = {"partitions", NULL};
static const char *const create_later[] = {"retention", "compact", NULL};
static const mr_key_set create_set = {"in create", create_keys, create_later};

static const struct {
    const char *name;
    int64_t numerator, denominator; /* to milliseconds */
} units[] = {{"ms", 1, 1}, {"s", 1000, 1}, {"us", 1, 1000}, {"ns", 1, 1000000}};
static const char *const unit_words[] = {"s", "ms", "us", "ns", NULL};

void mr_check_defaults(mr_check *check, const mr_yaml_node *section) {
    check->topology->on_error = (mr_policy){.kind = MR_POLICY_STOP, .stream = MR_INDEX_NONE};
    if (section == NULL || !mr_check_keys(check, section, &defaults_set)) {
        return;
    }
    mr_place none = {0};
    check->topology->on_error = mr_check_on_error(check, section, check->topology->on_error);
    check->default_key = mr_check_get(check, section, "key", MR_OPTIONAL, none);
    check->default_value = mr_check_get(check, section, "value", MR_OPTIONAL, none);
    check->default_time = mr_check_get(check, section, "time", MR_OPTIONAL, none);
    /* Here already: streams may all have their own. */
    (void)mr_check_format(check, check->default_key);
    (void)mr_check_format(check, check->default_value);
    const mr_yaml_node *guarantee = mr_check_get(check, section, "guarantee", MR_OPTIONAL, none);
    if (guarantee == NULL || mr_check_text(check, guarantee, "guarantee") == NULL) {
        return;
    }
    if (strcmp(guarantee->text, "at_least_once") == 0) {
        mr_check_refuse(check, guarantee, "guarantee: at_least_once");
    } else if (strcmp(guarantee->text, "exactly_once") != 0) {
        mr_check_error(check, guarantee, "E208", "guarantee: exactly_once",
                       "unknown guarantee '%s'", guarantee->text);
    }
}

static void check_unit(mr_check *check, const mr_yaml_node *node, mr_plan_stream *stream) {
    if (mr_check_text(check, node, "unit") == NULL) {
        return;
    }
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (strcmp(units[i].name, node->text) == 0) {
            stream->time_unit_ms_numerator = units[i].numerator;
            stream->time_unit_ms_denominator = units[i].denominator;
            return;
        }
    }
    mr_buf what = {0};
    mr_buf_printf(&what, "unknown unit '%s'", node->text);
    mr_check_unknown(check, node, "E208", mr_buf_cstr(&what), unit_words);
    mr_buf_deinit(&what);
}

static void check_time(mr_check *check, const mr_yaml_node *time, mr_plan_stream *stream) {
    if (!mr_check_keys(check, time, &time_set)) {
        return;
    }
    mr_place none = {0};
    const mr_yaml_node *from = mr_yaml_get(time, "from");
    if (from != NULL) {
        stream->time_from =
            mr_check_code(check, from, MR_CODE_VALUE, MR_SCOPE_RECORD,
                          mr_arena_printf(check->arena, "%s/time.from", stream->name));
    }
    const mr_yaml_node *unit = mr_check_get(check, time, "unit", MR_OPTIONAL, none);
    if (unit != NULL) {
        check_unit(check, unit, stream);
        if (mr_check_lacks(check, time, "from")) {
            mr_check_error(check, unit, "E201", NULL, "'unit' without 'from'");
        }
    }
    const mr_yaml_node *idle = mr_check_get(check, time, "idle", MR_OPTIONAL, none);
    if (idle != NULL) {
        stream->idle_ms = mr_check_duration(check, idle, "idle", 1);
    }
    const mr_yaml_node *max_ahead = mr_check_get(check, time, "max_ahead", MR_OPTIONAL, none);
    if (max_ahead != NULL) {
        stream->max_ahead_ms = mr_check_duration(check, max_ahead, "max_ahead", 0);
    }
}

static mr_format stream_format(mr_check *check, const mr_yaml_node *body, const char *key,
                               const mr_yaml_node *standard, mr_place place) {
    const mr_yaml_node *node = mr_check_get(check, body, key, MR_OPTIONAL, place);
    if (standard == NULL && mr_check_lacks(check, body, key)) {
        mr_diagnostics_add(check->diagnostics, MR_SEVERITY_ERROR, "E201", place, 1,
                           "one of string, bytes, int, float, json, json(Type); here or in "
                           "`defaults`",
                           "this stream has no '%s' format", key);
    }
    return mr_check_format(check, node != NULL ? node : standard);
}

static bool is_topic_name(const char *topic) {
    size_t length = strlen(topic);
    return length > 0 && length <= MR_TOPIC_NAME_MAX && strcmp(topic, ".") != 0 &&
           strcmp(topic, "..") != 0 &&
           strspn(topic, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") ==
               length;
}

/* `....<word><generation>`: what a job makes for itself, this one or another. */
static bool ends_in_generation(const char *topic, const char *word) {
    const char *found = strstr(topic, word);
    const char *digits = found == NULL ? "" : found + strlen(word);
    return *digits != '\0' && digits[strspn(digits, "0123456789")] == '\0';
}

/* Topics that the runtime makes for itself: internal ones and marks. */
static bool is_reserved_topic(const mr_check *check, const char *topic) {
    size_t job = strlen(check->topology->job);
    return strncmp(topic, "__", 2) == 0 || ends_in_generation(topic, ".repartition.g") ||
           ends_in_generation(topic, ".changelog.g") ||
           (strncmp(topic, check->topology->job, job) == 0 && strcmp(topic + job, "-marks") == 0);
}

static void check_topic(mr_check *check, const mr_yaml_node *node, mr_plan_stream *stream) {
    if (mr_check_text(check, node, "topic") == NULL) {
        return;
    }
    const char *topic = mr_check_placeholders(check, node);
    if (topic == NULL) {
        return;
    }
    if (!is_topic_name(topic)) {
        mr_check_error(check, node, "E205", "letters, digits, '.', '_' and '-', at most 249",
                       "'%s' is no name of a topic", topic);
        return;
    }
    if (is_reserved_topic(check, topic)) {
        mr_check_error(check, node, "E205", NULL, "the topic '%s' is the runtime's own", topic);
        return;
    }
    stream->topic = topic;
}

static void check_start(mr_check *check, const mr_yaml_node *body) {
    const mr_yaml_node *start = mr_check_get(check, body, "start", MR_OPTIONAL, (mr_place){0});
    if (start != NULL && mr_check_text(check, start, "start") != NULL &&
        strcmp(start->text, "earliest") != 0) {
        mr_check_error(check, start, "E208", "start: earliest", "unknown start '%s'", start->text);
    }
}

/* The partitions of the topic: those it has, else those that `create` says. */
static void check_partitions(mr_check *check, const mr_yaml_node *body,
                             mr_topology_stream *stream) {
    const mr_yaml_node *create = mr_check_get(check, body, "create", MR_OPTIONAL, (mr_place){0});
    int64_t wanted = 0;
    if (create != NULL && mr_check_keys(check, create, &create_set)) {
        const mr_yaml_node *node =
            mr_check_get(check, create, "partitions", MR_OPTIONAL, create->place);
        if (node != NULL) {
            wanted = mr_check_int(check, node, "partitions", 1, MR_PARTITIONS_MAX);
            stream->create_partitions = node;
        }
    }
    const mr_catalog *catalog = check->catalog;
    int32_t existing = 0;
    if (catalog->topic_partitions != NULL && stream->plan.topic != NULL) {
        existing = catalog->topic_partitions(catalog->self, stream->plan.topic);
    }
    if (existing > 0 && wanted > 0 && existing != wanted) {
        mr_check_error(check, stream->create_partitions, "E306", NULL,
                       "the topic '%s' exists with %d partition%s", stream->plan.topic, existing,
                       existing == 1 ? "" : "s");
    }
    stream->plan.partitions = existing > 0 ? existing : wanted > 0 ? (int32_t)wanted : 1;
}

static void check_stream(mr_check *check, const mr_name *name, mr_topology_stream *out) {
    mr_plan_stream *stream = &out->plan;
    *stream = (mr_plan_stream){.name = name->text,
                               .place = name->place,
                               .key = {.kind = MR_FORMAT_BYTES},
                               .value = {.kind = MR_FORMAT_BYTES},
                               .time_unit_ms_numerator = 1,
                               .time_unit_ms_denominator = 1,
                               .idle_ms = IDLE_MS_DEFAULT,
                               .max_ahead_ms = -1,
                               .partitions = 1};
    const mr_yaml_node *body = name->body;
    if (!mr_check_keys(check, body, &stream_set)) {
        return;
    }
    const mr_yaml_node *topic = mr_check_get(check, body, "topic", MR_REQUIRED, name->place);
    if (topic != NULL) {
        check_topic(check, topic, stream);
    }
    stream->key = stream_format(check, body, "key", check->default_key, name->place);
    stream->value = stream_format(check, body, "value", check->default_value, name->place);
    const mr_yaml_node *time = mr_check_get(check, body, "time", MR_OPTIONAL, name->place);
    if (time != NULL) {
        check_time(check, time, stream);
    } else if (check->default_time != NULL) {
        check_time(check, check->default_time, stream);
        check->default_time_taken = true;
    }
    check_start(check, body);
    check_partitions(check, body, out);
}

/* One topic has one truth: its time, its formats. */
static void check_one_stream_per_topic(mr_check *check) {
    mr_map *topics = mr_map_create();
    for (uint32_t i = 0; i < check->topology->streams_count; i++) {
        mr_plan_stream *stream = &check->topology->streams[i].plan;
        if (stream->topic == NULL) {
            continue;
        }
        const mr_plan_stream *other = mr_map_get(topics, mr_bytes_text(stream->topic));
        if (other == NULL) {
            mr_map_put(topics, mr_bytes_text(stream->topic), stream);
            continue;
        }
        bool later = stream->place.line != other->place.line
                         ? stream->place.line > other->place.line
                         : stream->place.column > other->place.column;
        const mr_plan_stream *second = later ? stream : other;
        const mr_plan_stream *first = later ? other : stream;
        mr_diagnostics_add(check->diagnostics, MR_SEVERITY_ERROR, "E307", second->place,
                           (uint32_t)strlen(second->name), NULL,
                           "the topic '%s' is the stream '%s' already (line %u)", stream->topic,
                           first->name, first->place.line);
    }
    mr_map_destroy(topics);
}

void mr_check_streams(mr_check *check, mr_name **names, uint32_t count) {
    mr_topology *topology = check->topology;
    topology->streams = mr_arena_zalloc(check->arena, sizeof *topology->streams * count + 1);
    topology->streams_count = count;
    for (uint32_t i = 0; i < count; i++) {
        check_stream(check, names[i], &topology->streams[i]);
    }
    if (count > MR_TOPICS_MAX) {
        mr_diagnostics_add(check->diagnostics, MR_SEVERITY_ERROR, "E208", names[0]->place, 1, NULL,
                           "a job has at most %d streams", MR_TOPICS_MAX);
    }
    if (check->default_time != NULL && !check->default_time_taken) {
        mr_plan_stream none = {.name = "defaults"};
        check_time(check, check->default_time, &none);
    }
    check_one_stream_per_topic(check);
}
