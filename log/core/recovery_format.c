#include <inttypes.h>
#include <stdio.h>

#include "log/core/recovery_steps.h"
#include "runtime/base/alloc.h"
#include "runtime/base/assert.h"
#include "runtime/base/prng.h"

#define FORMAT_PATH "FORMAT"
#define FORMAT_BYTES_MAX 4096

static mr_uuid draw_uuid(mr_prng *prng) {
    mr_uuid id;
    mr_put_be64(id.bytes, mr_prng_next(prng));
    mr_put_be64(id.bytes + 8, mr_prng_next(prng));
    return id;
}

/* The first batches of the metadata partition: the node and the system topics. */
static void build_first_metadata(mr_recovery *recovery, mr_buf *out) {
    mr_prng prng = mr_prng_seeded(recovery->config->seed);
    int64_t timestamp_ms = recovery->now.wall_ms;
    mr_batch_builder *builder = mr_batch_builder_create();
    mr_metadata_batch_add(builder, &(mr_metadata){.kind = MR_METADATA_NODE, .id = draw_uuid(&prng)},
                          timestamp_ms, out);
    mr_metadata_batch_finish(builder, out);
    mr_batch_builder_destroy(builder);
    const mr_partition *partitions[] = {recovery->state->metadata, recovery->state->transactions,
                                        recovery->state->positions};
    for (size_t i = 0; i < 3; i++) {
        mr_topic topic = *partitions[i]->topic;
        topic.id = draw_uuid(&prng);
        mr_topic_records_build(&topic, timestamp_ms, out);
    }
}

typedef struct lookaround {
    bool others; /* anything but a directory of the metadata partition */
} lookaround;

static mr_status look(void *arg, const char *name) {
    lookaround *around = arg;
    if (strcmp(name, MR_TOPIC_METADATA "-0") != 0) {
        around->others = true;
    }
    return MR_OK;
}

/* FORMAT is written last, so a directory without it holds at most the beginnings of a formatting.
 */
static mr_status format_directory(mr_recovery *recovery, mr_err *err) {
    mr_disk *disk = recovery->disk;
    lookaround around = {0};
    mr_status status = mr_disk_list(disk, "log", look, &around, err);
    if (status != MR_OK && status != MR_NOT_FOUND) {
        return status;
    }
    if (around.others) {
        return mr_err_set(err, MR_INVALID,
                          "the data directory has a log but no FORMAT file: it is damaged, or not "
                          "one of ours; nothing was touched");
    }
    status = mr_disk_remove_tree(disk, "log", err);
    if (status == MR_OK) {
        status = mr_disk_make_dir(disk, recovery->state->metadata->directory, err);
    }
    mr_buf batches = {0};
    if (status == MR_OK) {
        build_first_metadata(recovery, &batches);
        status = mr_recovery_append(recovery, recovery->state->metadata, &batches, err);
    }
    mr_buf_deinit(&batches);
    if (status == MR_OK) {
        status = mr_disk_sync_dir(disk, "", err);
    }
    char text[64];
    snprintf(text, sizeof(text), "millrace log %d\n", MR_LOG_FORMAT_VERSION);
    if (status == MR_OK) {
        status = mr_disk_write_file(disk, FORMAT_PATH, mr_bytes_text(text), err);
    }
    mr_partition_reset(recovery->state->metadata);
    return status == MR_OK ? MR_OK : mr_err_wrap(err, status, "formatting the data directory");
}

static mr_status check_version(mr_bytes text, mr_err *err) {
    char expected[64];
    snprintf(expected, sizeof(expected), "millrace log %d\n", MR_LOG_FORMAT_VERSION);
    if (mr_bytes_equal(text, mr_bytes_text(expected))) {
        return MR_OK;
    }
    size_t len = 0;
    while (len < text.len && len < 40 && text.data[len] >= ' ' && text.data[len] < 127) {
        len++;
    }
    return mr_err_set(err, MR_INVALID,
                      "the data directory has format '%.*s'; this program knows 'millrace log %d' "
                      "only",
                      (int)len, (const char *)text.data, MR_LOG_FORMAT_VERSION);
}

mr_status mr_recovery_format(mr_recovery *recovery, mr_err *err) {
    mr_buf text = {0};
    mr_status status = mr_disk_read_file(recovery->disk, FORMAT_PATH, FORMAT_BYTES_MAX, &text, err);
    if (status == MR_OK) {
        status = check_version(mr_buf_view(&text), err);
    } else if (status == MR_NOT_FOUND && recovery->mode == MR_RECOVERY_REPAIR) {
        status = format_directory(recovery, err);
    } else if (status == MR_NOT_FOUND) {
        status = mr_err_set(err, MR_NOT_FOUND, "there is no log here yet (no FORMAT file)");
    }
    mr_buf_deinit(&text);
    return status;
}
