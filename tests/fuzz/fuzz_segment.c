/* Recovery from arbitrary bytes: the input becomes a file of a data directory that is fine
 * otherwise. It must be refused or recovered, and what was recovered must recover to the same
 * again. */
#include <inttypes.h>
#include <stdint.h>
#include <stdlib.h>

#include "runtime/base/assert.h"
#include "runtime/base/hash.h"
#include "tests/simulation/log_world.h"

static const char *const targets[] = {
    "log/events-0/00000000000000000000.log",
    "log/events-0/00000000000000000000.index",
    "log/__transaction_state-0/00000000000000000000.log",
    "log/__cluster_metadata-0/00000000000000000000.log",
    "log/checkpoint",
};
#define TARGETS (sizeof(targets) / sizeof(targets[0]))
#define TARGET_CHECKPOINT (TARGETS - 1)

#define TRANSACTIONS 3

/* Bits of the second byte of the input. */
#define WITHOUT_CHECKPOINT 1 /* nothing is known to be durable */
#define WITH_CHECKSUMS 2     /* checksums are made to fit, so that what they guard is reached */
#define BEHIND_CONTENT 4     /* the input stands behind what the file has */
#define EDITED 8 /* the input is changes to what the file has: 2 bytes place, 1 byte value */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* One topic with some transactions, closed and with a checkpoint; then one more, and a process that
 * is gone. */
static void fill(mr_sim_disk *sim) {
    mr_log_world *world = NULL;
    mr_status status = mr_log_world_open(sim, 1, NULL, &world, NULL, NULL);
    MR_ASSERT(status == MR_OK);
    mr_log_writer writer = {.id = "w"};
    mr_log_write write = {.records = "a=1 b=2"};
    status = mr_log_world_topic(world, "events", 1, MR_TOPIC_USER, &write.partition);
    MR_ASSERT(status == MR_OK);
    status = mr_log_world_claim(world, &writer);
    MR_ASSERT(status == MR_OK);
    for (int i = 0; i < TRANSACTIONS; i++) {
        status = mr_log_world_commit(world, &writer, &write, 1);
        MR_ASSERT(status == MR_OK);
    }
    status = mr_log_world_close(world);
    MR_ASSERT(status == MR_OK);
    status = mr_log_world_open(sim, 2, NULL, &world, NULL, NULL);
    MR_ASSERT(status == MR_OK);
    status = mr_log_world_claim(world, &writer);
    MR_ASSERT(status == MR_OK);
    status = mr_log_world_commit(world, &writer, &write, 1);
    MR_ASSERT(status == MR_OK);
    mr_log_world_drop(world);
}

static void put_file(mr_sim_disk *sim, const char *path, mr_bytes content) {
    mr_file *file = NULL;
    mr_status status = mr_disk_open(mr_sim_disk_disk(sim), path, MR_DISK_CREATE, &file, NULL);
    MR_ASSERT(status == MR_OK);
    status = mr_disk_truncate(file, 0, NULL);
    MR_ASSERT(status == MR_OK);
    if (content.len > 0) {
        status = mr_disk_write_full(file, content.data, content.len, 0, NULL);
        MR_ASSERT(status == MR_OK);
    }
    mr_file_close(file);
}

/* Where every partition ends, as one number; 0: refused. */
static uint64_t recover(mr_sim_disk *sim, mr_recovery_mode mode) {
    const mr_log_core_config config = {.seed = 1};
    mr_log_image *image = NULL;
    if (mr_log_recover(mr_sim_disk_disk(sim), mode, (mr_now){0}, &config, &image, NULL, NULL) !=
        MR_OK) {
        return 0;
    }
    uint64_t ends = 1;
    for (mr_partition_id id = 0; id < 16; id++) {
        mr_log_offsets offsets;
        if (mr_log_image_offsets(image, id, &offsets) != MR_OK) {
            continue;
        }
        ends = ends * 31 + (uint64_t)offsets.end;
        mr_fetched fetched;
        mr_status status = mr_log_image_fetch(image, mr_sim_disk_disk(sim), id, offsets.start,
                                              MR_FETCH_BYTES_MAX, &fetched, NULL);
        MR_ASSERT(status == MR_OK || status == MR_CORRUPT);
        mr_shared_unref(fetched.bytes);
    }
    mr_log_image_destroy(image);
    return ends;
}

/* Gives everything that looks like a batch its magic and its checksum, from `at` on. */
static void fit_batches(mr_buf *file, size_t at) {
    while (file->len - at >= MR_BATCH_HEADER_BYTES) {
        uint8_t *batch = file->data + at;
        size_t size = (size_t)mr_get_be32(batch + 8) + 12;
        if (size < MR_BATCH_HEADER_BYTES || size > file->len - at) {
            size = file->len - at;
            mr_put_be32(batch + 8, (uint32_t)(size - 12));
        }
        batch[16] = 2;
        mr_put_be32(batch + 17, mr_crc32c(0, batch + 21, size - 21));
        at += size;
    }
}

static void edit(mr_buf *file, mr_bytes changes) {
    for (size_t at = 0; at + 3 <= changes.len && file->len > 0; at += 3) {
        size_t place = (size_t)mr_get_be16(changes.data + at) % file->len;
        file->data[place] = changes.data[at + 2];
    }
}

static void build_content(const mr_sim_disk *sim, size_t target, int flags, mr_bytes input,
                          mr_buf *out) {
    if (flags & (BEHIND_CONTENT | EDITED)) {
        mr_status status = mr_sim_disk_content(sim, MR_SIM_CURRENT, targets[target], out);
        MR_ASSERT(status == MR_OK || status == MR_NOT_FOUND);
    }
    if (target == TARGET_CHECKPOINT && out->len > 13) {
        out->len -= 13; /* without its checksum's line */
    }
    size_t at = flags & EDITED ? 0 : out->len;
    if (flags & EDITED) {
        edit(out, input);
    } else {
        mr_buf_put_bytes(out, input);
    }
    if ((flags & WITH_CHECKSUMS) && target == TARGET_CHECKPOINT) {
        mr_buf_put_text(out, "\n");
        mr_buf_printf(out, "crc %08" PRIx32 "\n", mr_crc32c(0, out->data, out->len));
    } else if (flags & WITH_CHECKSUMS) {
        fit_batches(out, at);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static mr_sim_disk *filled;
    if (!filled) {
        filled = mr_sim_disk_create(1, 0);
        fill(filled);
    }
    if (size < 2) {
        return 0;
    }
    mr_sim_disk *sim = mr_sim_disk_clone(filled);
    size_t target = data[0] % TARGETS;
    mr_buf content = {0};
    build_content(sim, target, data[1], mr_bytes_of(data + 2, size - 2), &content);
    if (data[1] & WITHOUT_CHECKPOINT) {
        put_file(sim, targets[TARGET_CHECKPOINT], mr_bytes_text(""));
    }
    put_file(sim, targets[target], mr_buf_view(&content));
    mr_buf_deinit(&content);
    (void)recover(sim, MR_RECOVERY_READ_ONLY);
    uint64_t first = recover(sim, MR_RECOVERY_REPAIR);
    uint64_t second = recover(sim, MR_RECOVERY_REPAIR);
    MR_ASSERT(first == second);
    mr_sim_disk_destroy(sim);
    return 0;
}
