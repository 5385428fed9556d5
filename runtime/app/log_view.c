#include "runtime/app/log_view.h"

#include <sys/stat.h>

#include "log/client/fetch_reader.h"
#include "log/io/disk_posix.h"
#include "runtime/base/alloc.h"

struct mr_log_view {
    mr_disk *disk;
    mr_log_image *image;
    mr_topic_description *topics;
    size_t topics_count;
    mr_fetch_reader *reader;
};

/* ---- opening ---- */

static void list_topics(mr_log_view *view) {
    size_t count = mr_log_image_topics(view->image, NULL, 0);
    view->topics = mr_alloc_array(count, sizeof *view->topics);
    view->topics_count = mr_log_image_topics(view->image, view->topics, count);
}

mr_status mr_log_view_open(const char *data, mr_log_view **out, mr_err *err) {
    struct stat there;
    if (stat(data, &there) != 0) {
        return mr_err_set(err, MR_NOT_FOUND, "there is no data directory %s", data);
    }
    mr_log_view *view = mr_alloc(sizeof *view);
    view->reader = mr_fetch_reader_create();
    mr_recovery_report report = {0};
    mr_log_core_config config = {0};
    mr_clock clock = mr_clock_system();
    mr_status status = mr_disk_posix_open(data, &view->disk, err);
    if (status == MR_OK) {
        status = mr_log_recover(view->disk, MR_RECOVERY_READ_ONLY, mr_clock_now(&clock), &config,
                                &view->image, &report, err);
        if (status != MR_OK) {
            mr_err_wrap(err, status, "%s", data);
        }
    }
    if (status != MR_OK) {
        mr_log_view_close(view);
        return status;
    }
    list_topics(view);
    *out = view;
    return MR_OK;
}

void mr_log_view_close(mr_log_view *view) {
    if (!view) {
        return;
    }
    mr_fetch_reader_destroy(view->reader);
    mr_log_image_destroy(view->image);
    mr_disk_posix_close(view->disk);
    mr_free(view->topics);
    mr_free(view);
}

/* ---- topics ---- */

const mr_topic_description *mr_log_view_topics(const mr_log_view *view, size_t *count) {
    *count = view->topics_count;
    return view->topics;
}

const mr_topic_description *mr_log_view_topic(const mr_log_view *view, const char *name) {
    for (size_t i = 0; i < view->topics_count; i++) {
        if (strcmp(view->topics[i].name, name) == 0) {
            return &view->topics[i];
        }
    }
    return NULL;
}

mr_status mr_log_view_offsets(const mr_log_view *view, mr_partition_id partition,
                              mr_log_offsets *out) {
    return mr_log_image_offsets(view->image, partition, out);
}

static int32_t topic_partitions(void *self, const char *topic) {
    const mr_topic_description *found = mr_log_view_topic(self, topic);
    return found ? found->partitions : 0;
}

mr_topic_counts mr_log_view_topic_counts(mr_log_view *view) {
    return view ? (mr_topic_counts){.partitions = topic_partitions, .self = view}
                : (mr_topic_counts){0};
}

/* ---- records ---- */

/* Hands over what one fetch gave; *offset moves to where the next one begins. */
static mr_status visit_fetched(mr_log_view *view, const mr_fetched *fetched, int64_t *offset,
                               mr_log_view_visit visit, void *arg, mr_err *err) {
    mr_fetch_reader_open(view->reader, fetched);
    for (;;) {
        mr_record record;
        mr_fetch_batch batch;
        mr_status status = mr_fetch_reader_next(view->reader, &record, &batch, err);
        if (status == MR_NOT_FOUND) {
            break;
        }
        if (status == MR_OK) {
            status = visit(arg, &record, err);
        }
        if (status != MR_OK) {
            return status;
        }
    }
    int64_t next = mr_fetch_reader_next_offset(view->reader);
    if (next <= *offset) {
        return mr_err_set(err, MR_CORRUPT, "offset %lld cannot be passed", (long long)*offset);
    }
    *offset = next;
    return MR_OK;
}

/* Which file it is that is broken: the reader knows the segment, we the directory. */
static mr_status name_partition(const mr_log_view *view, mr_partition_id partition,
                                mr_status status, mr_err *err) {
    for (size_t i = 0; i < view->topics_count; i++) {
        const mr_topic_description *topic = &view->topics[i];
        if (partition >= topic->partition_first &&
            partition - topic->partition_first < (uint32_t)topic->partitions) {
            return mr_err_wrap(err, status, "log/%s-%u", topic->name,
                               (unsigned)(partition - topic->partition_first));
        }
    }
    return status;
}

mr_status mr_log_view_each(mr_log_view *view, mr_partition_id partition, int64_t offset,
                           mr_log_view_visit visit, void *arg, mr_err *err) {
    mr_log_offsets offsets;
    mr_status status = mr_log_image_offsets(view->image, partition, &offsets);
    if (status != MR_OK) {
        mr_fetched nothing; /* a fetch says why */
        status = mr_log_image_fetch(view->image, view->disk, partition, 0, 1, &nothing, err);
        return mr_err_wrap(err, status, "offline");
    }
    offset = offset < offsets.start ? offsets.start : offset;
    while (status == MR_OK && offset < offsets.stable_end) {
        mr_fetched fetched = {0};
        status = mr_log_image_fetch(view->image, view->disk, partition, offset, MR_FETCH_BYTES_MAX,
                                    &fetched, err);
        if (status == MR_OK && !fetched.bytes) {
            break;
        }
        if (status == MR_OK) {
            status = visit_fetched(view, &fetched, &offset, visit, arg, err);
        }
        mr_shared_unref(fetched.bytes);
    }
    if (status == MR_CORRUPT) {
        return name_partition(view, partition, status, err);
    }
    return status == MR_NOT_FOUND ? MR_OK : status;
}

/* ---- jobs ---- */

typedef struct generation_search {
    const char *job;
    int64_t generation; /* 0: not seen */
    mr_arena *arena;
} generation_search;

static mr_status look_at_metadata(void *arg, const mr_record *record, mr_err *err) {
    generation_search *search = arg;
    mr_metadata metadata;
    mr_arena_reset(search->arena);
    mr_status status = mr_metadata_decode(record->value, search->arena, &metadata);
    if (status == MR_CORRUPT) {
        return mr_err_set(err, status, "a record of %s is broken", MR_TOPIC_METADATA);
    }
    if (status == MR_OK && metadata.kind == MR_METADATA_JOB &&
        mr_bytes_equal(metadata.name, mr_bytes_text(search->job))) {
        search->generation = metadata.generation;
    }
    return MR_OK;
}

mr_status mr_log_view_generation(mr_log_view *view, const char *job, int64_t *out, mr_err *err) {
    const mr_topic_description *metadata = mr_log_view_topic(view, MR_TOPIC_METADATA);
    generation_search search = {.job = job, .arena = mr_arena_create(4096)};
    mr_status status = MR_OK;
    if (metadata) {
        status =
            mr_log_view_each(view, metadata->partition_first, 0, look_at_metadata, &search, err);
    }
    mr_arena_destroy(search.arena);
    if (status == MR_OK && search.generation == 0) {
        return mr_err_set(err, MR_NOT_FOUND, "the job '%s' has not run on this data directory",
                          job);
    }
    *out = search.generation;
    return status;
}
