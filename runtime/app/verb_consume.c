#include <inttypes.h>
#include <stdio.h>

#include "runtime/app/messages.h"
#include "runtime/app/viewer.h"
#include "runtime/app/verbs.h"
#include "runtime/engine/record_json.h"

/* What is read, and how its records are shown. */
typedef struct reading {
    const mr_topic_description *topic;
    const mr_format *key; /* NULL: bytes */
    const mr_format *value;
    int32_t partition;
    int64_t left; /* records still to print */
    mr_json_parser *parser;
    mr_buf line;
} reading;

static mr_status print_record(void *arg, const mr_record *record, mr_err *err) {
    reading *read = arg;
    if (read->left == 0) {
        return MR_NOT_FOUND;
    }
    mr_buf_clear(&read->line);
    mr_record_json_put_with(read->parser, record, read->key, read->value, read->partition,
                            &read->line);
    mr_buf_put_u8(&read->line, '\n');
    if (fwrite(read->line.data, 1, read->line.len, stdout) != read->line.len) {
        return mr_err_set(err, MR_UNAVAILABLE, "writing to stdout failed");
    }
    read->left--;
    return MR_OK;
}

/* A stream of the job, or else a topic by its own name (then as the job's stream over it says, if
 * any). */
static void find_formats(const mr_plan *plan, const char *name, reading *read,
                         const char **topic_name) {
    *topic_name = name;
    for (uint32_t i = 0; plan && i < plan->streams_count; i++) {
        const mr_plan_stream *stream = &plan->streams[i];
        bool is_stream = strcmp(stream->name, name) == 0;
        if (is_stream || (!read->key && strcmp(stream->topic, name) == 0)) {
            read->key = &stream->key;
            read->value = &stream->value;
        }
        if (is_stream) {
            *topic_name = stream->topic;
            return;
        }
    }
}

static mr_status read_partitions(const mr_arguments *arguments, mr_log_view *view, reading *read,
                                 mr_err *err) {
    int64_t only = mr_arguments_int(arguments, "partition", -1);
    int64_t from = mr_arguments_int(arguments, "from", 0);
    if (only >= read->topic->partitions) {
        return mr_err_set(err, MR_INVALID, "%s has the partitions 0 to %" PRId32, read->topic->name,
                          read->topic->partitions - 1);
    }
    mr_status status = MR_OK;
    for (int32_t i = 0; i < read->topic->partitions && status == MR_OK; i++) {
        if (only >= 0 && i != only) {
            continue;
        }
        read->partition = i;
        status = mr_log_view_each(view, read->topic->partition_first + (mr_partition_id)i, from,
                                  print_record, read, err);
    }
    return status;
}

static mr_exit consume(const mr_arguments *arguments, const mr_viewer *viewer) {
    reading read = {.left = mr_arguments_int(arguments, "max", INT64_MAX)};
    const char *name = arguments->positionals[0];
    const char *topic_name;
    find_formats(mr_viewer_plan(viewer), name, &read, &topic_name);
    read.topic = mr_log_view_topic(viewer->view, topic_name);
    if (!read.topic && read.key) {
        mr_say("'%s' has nothing yet: its topic %s is made when the job runs", name, topic_name);
        return MR_EXIT_STOPPED;
    }
    if (!read.topic) {
        mr_viewer_say_no_topic(viewer, name);
        return MR_EXIT_STOPPED;
    }
    read.parser = mr_json_parser_create();
    mr_err err = {0};
    mr_status status = read_partitions(arguments, viewer->view, &read, &err);
    mr_json_parser_destroy(read.parser);
    mr_buf_deinit(&read.line);
    if (status != MR_OK) {
        mr_say("%s", err.message);
        return status == MR_INVALID ? MR_EXIT_USAGE : MR_EXIT_STOPPED;
    }
    return MR_EXIT_OK;
}

static mr_exit run(const mr_arguments *arguments) {
    mr_viewer viewer;
    mr_exit result = mr_viewer_open(arguments, &viewer);
    if (result == MR_EXIT_OK) {
        result = consume(arguments, &viewer);
    }
    mr_viewer_close(&viewer);
    return result;
}

static const mr_option options[] = {
    {.name = "job",
     .kind = MR_OPTION_TEXT,
     .value_name = "FILE",
     .help = "the job whose streams and formats are meant"},
    {.name = "partition",
     .kind = MR_OPTION_INT,
     .value_name = "N",
     .help = "only this partition (default: all, one after the other)"},
    {.name = "from",
     .kind = MR_OPTION_INT,
     .value_name = "OFFSET",
     .help = "begin at this offset of each partition (default: the first)"},
    {.name = "max", .kind = MR_OPTION_INT, .value_name = "N", .help = "stop after N records"},
    MR_OPTION_DATA,
    MR_OPTION_CONFIG,
    {.name = "follow", .kind = MR_OPTION_LATER},
    MR_OPTIONS_END,
};

const mr_verb mr_verb_consume = {
    .name = "consume",
    .usage = "STREAM|TOPIC [options]",
    .summary = "print committed records, one JSON object a line",
    .details =
        "Each line has key, value, ts, headers, partition, offset: decoded as the job says\n"
        "(--job), as text where no job does; bytes that are not text are {\"base64\":..}.\n"
        "Takes no lock and writes nothing: it works beside a running job, reads up to the last\n"
        "commit, and ends.",
    .options = options,
    .positionals_min = 1,
    .positionals_max = 1,
    .run = run,
};
