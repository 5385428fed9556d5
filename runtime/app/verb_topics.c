#include <inttypes.h>
#include <stdio.h>

#include "runtime/app/messages.h"
#include "runtime/app/viewer.h"
#include "runtime/app/verbs.h"

#define NAME_COLUMN_MIN 5

static const char *kind_name(mr_topic_kind kind) {
    static const char *const names[] = {
        [MR_TOPIC_USER] = "user",           [MR_TOPIC_REPARTITION] = "repartition",
        [MR_TOPIC_CHANGELOG] = "changelog", [MR_TOPIC_MARKS] = "marks",
        [MR_TOPIC_SYSTEM] = "system",
    };
    return (size_t)kind < sizeof names / sizeof names[0] ? names[kind] : "unknown";
}

static const char *codec_name(mr_codec codec) {
    return codec == MR_CODEC_ZSTD ? "zstd" : "none";
}

/* ---- list ---- */

typedef struct topic_sums {
    int64_t offsets; /* committed ones that are still there; markers take some of them */
    uint64_t bytes;
    int32_t offline;
} topic_sums;

static topic_sums sum_partitions(const mr_log_view *view, const mr_topic_description *topic) {
    topic_sums sums = {0};
    for (int32_t i = 0; i < topic->partitions; i++) {
        mr_log_offsets offsets;
        if (mr_log_view_offsets(view, topic->partition_first + (mr_partition_id)i, &offsets) !=
            MR_OK) {
            sums.offline++;
            continue;
        }
        sums.offsets += offsets.stable_end - offsets.start;
        sums.bytes += offsets.size_bytes;
    }
    return sums;
}

static bool is_listed(const mr_topic_description *topic, bool all) {
    return all || topic->kind == MR_TOPIC_USER;
}

static mr_exit list(const mr_log_view *view, bool all) {
    size_t count;
    const mr_topic_description *topics = mr_log_view_topics(view, &count);
    int width = NAME_COLUMN_MIN;
    for (size_t i = 0; i < count; i++) {
        int len = (int)strlen(topics[i].name);
        width = is_listed(&topics[i], all) && len > width ? len : width;
    }
    printf("%-*s  %10s  %-11s  %-5s  %12s  %12s\n", width, "TOPIC", "PARTITIONS", "KIND", "CODEC",
           "OFFSETS", "BYTES");
    for (size_t i = 0; i < count; i++) {
        if (!is_listed(&topics[i], all)) {
            continue;
        }
        topic_sums sums = sum_partitions(view, &topics[i]);
        printf("%-*s  %10" PRId32 "  %-11s  %-5s  %12" PRId64 "  %12" PRIu64 "%s\n", width,
               topics[i].name, topics[i].partitions, kind_name(topics[i].kind),
               codec_name(topics[i].codec), sums.offsets, sums.bytes,
               sums.offline > 0 ? "  offline" : "");
    }
    return MR_EXIT_OK;
}

/* ---- describe ---- */

static mr_exit describe(const mr_viewer *viewer, const char *name) {
    const mr_log_view *view = viewer->view;
    const mr_topic_description *topic = mr_log_view_topic(view, name);
    if (!topic) {
        mr_viewer_say_no_topic(viewer, name);
        return MR_EXIT_STOPPED;
    }
    char id[MR_UUID_TEXT_BYTES];
    mr_uuid_format(&topic->id, id);
    printf("topic       %s\nid          %s\nkind        %s\ncodec       %s\npartitions  %" PRId32
           "\n\n%9s  %12s  %12s  %12s\n",
           topic->name, id, kind_name(topic->kind), codec_name(topic->codec), topic->partitions,
           "PARTITION", "START", "STABLE END", "BYTES");
    for (int32_t i = 0; i < topic->partitions; i++) {
        mr_log_offsets offsets;
        if (mr_log_view_offsets(view, topic->partition_first + (mr_partition_id)i, &offsets) !=
            MR_OK) {
            printf("%9" PRId32 "  %12s\n", i, "offline");
            continue;
        }
        printf("%9" PRId32 "  %12" PRId64 "  %12" PRId64 "  %12" PRIu64 "\n", i, offsets.start,
               offsets.stable_end, offsets.size_bytes);
    }
    return MR_EXIT_OK;
}

/* ---- the verb ---- */

static mr_status check_usage(const mr_arguments *arguments) {
    const char *what = arguments->positionals[0];
    bool lists = strcmp(what, "list") == 0;
    if (!lists && strcmp(what, "describe") != 0) {
        mr_say("topics: '%s' is neither list nor describe", what);
    } else if (arguments->positionals_count != (lists ? 1 : 2)) {
        mr_say(lists ? "topics list takes no name" : "topics describe needs a topic's name");
    } else if (!lists && mr_arguments_flag(arguments, "all")) {
        mr_say("--all goes with topics list");
    } else {
        return MR_OK;
    }
    return MR_INVALID;
}

static mr_exit run(const mr_arguments *arguments) {
    if (check_usage(arguments) != MR_OK) {
        return MR_EXIT_USAGE;
    }
    mr_viewer viewer;
    mr_exit result = mr_viewer_open(arguments, &viewer);
    if (result == MR_EXIT_OK) {
        result = arguments->positionals_count == 1
                     ? list(viewer.view, mr_arguments_flag(arguments, "all"))
                     : describe(&viewer, arguments->positionals[1]);
    }
    mr_viewer_close(&viewer);
    return result;
}

static const mr_option options[] = {
    {.name = "all", .kind = MR_OPTION_FLAG, .help = "list: internal and system topics too"},
    MR_OPTION_DATA,
    MR_OPTION_CONFIG,
    MR_OPTIONS_END,
};

const mr_verb mr_verb_topics = {
    .name = "topics",
    .usage = "list | describe TOPIC [options]",
    .summary = "the topics of the data directory",
    .details =
        "Takes no lock and writes nothing: it works beside a running job. OFFSETS counts what is\n"
        "between the first offset and the last stable one, transaction markers included.",
    .options = options,
    .positionals_min = 1,
    .positionals_max = 2,
    .run = run,
};
