#include "tests/simulation/disk_log.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "runtime/base/alloc.h"

/* Of libzstd; its header belongs to log/record alone. */
size_t ZSTD_decompress(void *to, size_t capacity, const void *from, size_t size);
unsigned ZSTD_isError(size_t code);

#define HEADER_BYTES 61
#define INFLATED_BYTES_MAX 4194304
#define INFLATED_BYTES_MOSTLY 16384

/* ---- bytes ---- */

typedef struct cursor {
    const uint8_t *at, *end;
    bool failed;
} cursor;

static uint64_t take(cursor *c, size_t bytes) {
    uint64_t value = 0;
    if ((size_t)(c->end - c->at) < bytes) {
        c->failed = true;
        c->at = c->end;
        return 0;
    }
    for (size_t i = 0; i < bytes; i++) {
        value = value << 8 | *c->at++;
    }
    return value;
}

static uint64_t take_varint(cursor *c) {
    uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
        uint64_t byte = take(c, 1);
        value |= (byte & 127) << shift;
        if ((byte & 128) == 0) {
            return value;
        }
    }
    c->failed = true;
    return 0;
}

static int64_t take_zigzag(cursor *c) {
    uint64_t raw = take_varint(c);
    return (int64_t)(raw >> 1) ^ -(int64_t)(raw & 1);
}

/* len < 0: null. */
static mr_bytes take_bytes(cursor *c, int64_t len) {
    if (len < 0) {
        return MR_BYTES_NULL;
    }
    if (c->end - c->at < len) {
        c->failed = true;
        return MR_BYTES_NULL;
    }
    mr_bytes bytes = mr_bytes_of(c->at, (size_t)len);
    c->at += len;
    return bytes;
}

static uint32_t crc_of(const uint8_t *data, size_t len) {
    static uint32_t table[256];
    if (table[1] == 0) {
        for (uint32_t i = 0; i < 256; i++) {
            uint32_t crc = i;
            for (int bit = 0; bit < 8; bit++) {
                crc = crc & 1 ? crc >> 1 ^ 0x82f63b78u : crc >> 1;
            }
            table[i] = crc;
        }
    }
    uint32_t crc = ~0u;
    for (size_t i = 0; i < len; i++) {
        crc = table[(crc ^ data[i]) & 255] ^ crc >> 8;
    }
    return ~crc;
}

static void *keep(disk_log *log, void *memory) {
    log->memory = mr_realloc(log->memory, (log->memory_count + 1) * sizeof *log->memory);
    log->memory[log->memory_count++] = memory;
    return memory;
}

/* ---- batches ---- */

static bool read_records(disk_log *log, disk_log_batch *batch, uint32_t count, int64_t base_ts,
                         cursor c) {
    batch->records = keep(log, mr_alloc_array(count + 1u, sizeof *batch->records));
    for (uint32_t i = 0; i < count && !c.failed; i++) {
        int64_t len = take_zigzag(&c);
        mr_bytes body = take_bytes(&c, len < 0 ? 0 : len);
        cursor r = {body.data, body.data ? body.data + body.len : NULL, false};
        disk_log_record *record = &batch->records[batch->records_count++];
        take(&r, 1); /* attributes */
        record->ts_ms = base_ts + take_zigzag(&r);
        record->offset = batch->first + take_zigzag(&r);
        record->key = take_bytes(&r, take_zigzag(&r));
        record->value = take_bytes(&r, take_zigzag(&r));
        record->headers_count = (uint32_t)take_zigzag(&r);
        record->headers = mr_bytes_of(r.at, (size_t)(r.end - r.at));
        c.failed = c.failed || r.failed;
    }
    return !c.failed;
}

static bool read_body(disk_log *log, disk_log_batch *batch, uint16_t attributes, uint32_t count,
                      int64_t base_ts, cursor c) {
    if ((attributes & 7) == 0) {
        return read_records(log, batch, count, base_ts, c);
    }
    if ((attributes & 7) != 4) {
        return false;
    }
    uint8_t *plain = mr_alloc(INFLATED_BYTES_MOSTLY);
    size_t packed = (size_t)(c.end - c.at);
    size_t len = ZSTD_decompress(plain, INFLATED_BYTES_MOSTLY, c.at, packed);
    if (ZSTD_isError(len)) {
        plain = mr_realloc(plain, INFLATED_BYTES_MAX);
        len = ZSTD_decompress(plain, INFLATED_BYTES_MAX, c.at, packed);
    }
    if (ZSTD_isError(len)) {
        mr_free(plain);
        return false;
    }
    plain = keep(log, mr_realloc(plain, len + 1));
    return read_records(log, batch, count, base_ts, (cursor){plain, plain + len, false});
}

/* 0: there is no whole, right batch here. */
static size_t read_batch(disk_log *log, const uint8_t *data, size_t len, disk_log_batch *batch) {
    cursor c = {data, data + len, false};
    *batch = (disk_log_batch){.first = (int64_t)take(&c, 8)};
    size_t size = 12 + take(&c, 4);
    take(&c, 4);
    if (take(&c, 1) != 2 || c.failed || size > len || size < HEADER_BYTES) {
        return 0;
    }
    batch->crc = (uint32_t)take(&c, 4);
    if (crc_of(data + 21, size - 21) != batch->crc) {
        return 0;
    }
    c.end = data + size;
    uint16_t attributes = (uint16_t)take(&c, 2);
    batch->last = batch->first + (int64_t)take(&c, 4);
    int64_t base_ts = (int64_t)take(&c, 8);
    take(&c, 8);
    batch->producer_id = (int64_t)take(&c, 8);
    batch->epoch = (int16_t)take(&c, 2);
    take(&c, 4);
    uint32_t count = (uint32_t)take(&c, 4);
    batch->transactional = (attributes & 16) != 0;
    batch->control = (attributes & 32) != 0;
    if (count > size || !read_body(log, batch, attributes, count, base_ts, c)) {
        return 0;
    }
    if (batch->control && batch->records_count == 1 && batch->records[0].key.len == 4) {
        batch->commit_marker = batch->records[0].key.data[3] == 1;
    }
    return size;
}

/* ---- segments ---- */

static void add_batch(disk_log_partition *partition, const disk_log_batch *batch) {
    if (partition->batches_count > 0 &&
        batch->first != partition->batches[partition->batches_count - 1].last + 1) {
        partition->gap = true;
    }
    if (partition->batches_count == partition->batches_cap) {
        partition->batches_cap = partition->batches_cap ? partition->batches_cap * 2 : 16;
        partition->batches =
            mr_realloc(partition->batches, partition->batches_cap * sizeof *partition->batches);
    }
    partition->batches[partition->batches_count++] = *batch;
}

/* A segment found with a base below what stands already takes its place from there on: a tail that
 * recovery copied, before it was cut off. */
static void cut_from(disk_log_partition *partition, int64_t base) {
    while (partition->batches_count > 0 &&
           partition->batches[partition->batches_count - 1].last >= base) {
        partition->batches_count--;
    }
}

static void read_segment(disk_log *log, disk_log_partition *partition, int64_t base,
                         const uint8_t *data, size_t len) {
    cut_from(partition, base);
    size_t at = 0;
    while (at < len) {
        disk_log_batch batch;
        size_t size = read_batch(log, data + at, len - at, &batch);
        if (size == 0) {
            break;
        }
        add_batch(partition, &batch);
        at += size;
    }
    partition->bad_bytes += len - at;
}

static disk_log_partition *partition_of(disk_log *log, const char *directory, size_t len) {
    const char *dash = directory + len;
    while (dash > directory && *dash != '-') {
        dash--;
    }
    char topic[250];
    snprintf(topic, sizeof topic, "%.*s", (int)(dash - directory), directory);
    int32_t number = atoi(dash + 1);
    for (size_t i = 0; i < log->partitions_count; i++) {
        if (log->partitions[i].number == number && strcmp(log->partitions[i].topic, topic) == 0) {
            return &log->partitions[i];
        }
    }
    log->partitions =
        mr_realloc(log->partitions, (log->partitions_count + 1) * sizeof *log->partitions);
    disk_log_partition *partition = &log->partitions[log->partitions_count++];
    *partition = (disk_log_partition){.number = number};
    memcpy(partition->topic, topic, sizeof topic);
    return partition;
}

static int by_path(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int by_name(const void *a, const void *b) {
    const disk_log_partition *x = a, *y = b;
    int order = strcmp(x->topic, y->topic);
    return order ? order : (x->number > y->number) - (x->number < y->number);
}

static void read_segments(const mr_sim_disk *sim, mr_sim_view view, disk_log *log) {
    mr_buf paths = {0};
    mr_sim_disk_paths(sim, view, &paths);
    const char **list = NULL;
    size_t count = 0;
    for (size_t at = 0; at < paths.len; at += strlen((const char *)paths.data + at) + 1) {
        const char *path = (const char *)paths.data + at;
        size_t len = strlen(path);
        if (strncmp(path, "log/", 4) == 0 && len > 4 && strcmp(path + len - 4, ".log") == 0 &&
            strchr(path + 4, '/')) {
            list = mr_realloc(list, (count + 1) * sizeof *list);
            list[count++] = path;
        }
    }
    if (count > 0) {
        qsort(list, count, sizeof *list, by_path);
    }
    for (size_t i = 0; i < count; i++) {
        const char *slash = strrchr(list[i], '/');
        mr_buf content = {0};
        mr_status status = mr_sim_disk_content(sim, view, list[i], &content);
        if (status == MR_OK && content.len > 0) {
            disk_log_partition *partition =
                partition_of(log, list[i] + 4, (size_t)(slash - list[i]) - 4);
            keep(log, content.data);
            read_segment(log, partition, strtoll(slash + 1, NULL, 10), content.data, content.len);
        } else {
            mr_buf_deinit(&content);
        }
    }
    if (log->partitions_count > 0) {
        qsort(log->partitions, log->partitions_count, sizeof *log->partitions, by_name);
    }
    mr_free(list);
    mr_buf_deinit(&paths);
}

/* ---- fates, starts, decisions ---- */

/* A marker speaks for all batches of its transaction before it. */
static void settle(disk_log_partition *partition) {
    disk_log_batch **open = mr_alloc_array(partition->batches_count + 1, sizeof *open);
    size_t open_count = 0;
    for (size_t i = 0; i < partition->batches_count; i++) {
        disk_log_batch *batch = &partition->batches[i];
        if (!batch->transactional) {
            batch->fate = DISK_LOG_COMMITTED;
        } else if (!batch->control) {
            open[open_count++] = batch;
        }
        size_t left = 0;
        for (size_t k = 0; batch->control && k < open_count; k++) {
            if (open[k]->producer_id != batch->producer_id || open[k]->epoch != batch->epoch) {
                open[left++] = open[k];
                continue;
            }
            open[k]->fate = batch->commit_marker ? DISK_LOG_COMMITTED : DISK_LOG_ABORTED;
        }
        open_count = batch->control ? left : open_count;
    }
    mr_free(open);
}

static void read_starts(const mr_sim_disk *sim, mr_sim_view view, disk_log *log) {
    mr_buf text = {0};
    if (mr_sim_disk_content(sim, view, "log/checkpoint", &text) == MR_OK) {
        for (const char *line = mr_buf_cstr(&text); line && *line;) {
            char topic[250], id[64];
            int32_t number;
            int64_t start;
            if (sscanf(line, "partition %249s %" SCNd32 " %63s %" SCNd64, topic, &number, id,
                       &start) == 4) {
                disk_log_partition *partition =
                    (disk_log_partition *)disk_log_find(log, topic, number);
                if (partition) {
                    partition->start = start;
                }
            }
            line = strchr(line, '\n');
            line = line ? line + 1 : NULL;
        }
    }
    mr_buf_deinit(&text);
}

static void read_decision_topic(disk_log *log, disk_log_decision *decision, cursor *c) {
    int64_t len = (int64_t)take_varint(c) - 1;
    mr_bytes topic = take_bytes(c, len);
    size_t ids = (size_t)take_varint(c) - 1, from = decision->parts_count;
    if (c->failed || ids > 4096) {
        c->failed = true;
        return;
    }
    struct disk_log_part *parts = mr_alloc_array(from + ids + 1, sizeof *parts);
    if (from > 0) {
        memcpy(parts, decision->parts, from * sizeof *parts);
    }
    decision->parts = keep(log, parts);
    for (size_t i = 0; i < ids; i++) {
        struct disk_log_part *part = &parts[from + i];
        snprintf(part->topic, sizeof part->topic, "%.*s", (int)topic.len, (const char *)topic.data);
        part->number = (int32_t)take(c, 4);
    }
    decision->parts_count += ids;
    uint64_t tags = take_varint(c);
    for (uint64_t t = 0; t < tags && !c->failed; t++) {
        bool ours = take_varint(c) == 10000;
        int64_t size = (int64_t)take_varint(c);
        mr_bytes content = take_bytes(c, size);
        cursor extents = {content.data, content.data ? content.data + content.len : NULL, false};
        for (size_t i = 0; ours && i < ids; i++) {
            parts[from + i].first = (int64_t)take(&extents, 8);
            parts[from + i].last = (int64_t)take(&extents, 8);
            take(&extents, 8);
            take(&extents, 8);
        }
    }
}

static void read_decision(void *arg, const disk_log_record *record) {
    disk_log *log = arg;
    if (mr_bytes_is_null(record->value)) {
        return;
    }
    cursor c = {record->value.data, record->value.data + record->value.len, false};
    disk_log_decision decision = {0};
    if (take(&c, 2) != 1) {
        return;
    }
    decision.producer_id = (int64_t)take(&c, 8);
    decision.epoch = (int16_t)take(&c, 2);
    take(&c, 4);
    decision.commit = take(&c, 1) == 2;
    uint64_t topics = take_varint(&c) - 1;
    for (uint64_t i = 0; i < topics && !c.failed; i++) {
        read_decision_topic(log, &decision, &c);
    }
    if (!c.failed) {
        log->decisions =
            mr_realloc(log->decisions, (log->decisions_count + 1) * sizeof *log->decisions);
        log->decisions[log->decisions_count++] = decision;
    }
}

void disk_log_read(const mr_sim_disk *sim, mr_sim_view view, disk_log *out) {
    *out = (disk_log){0};
    read_segments(sim, view, out);
    read_starts(sim, view, out);
    for (size_t i = 0; i < out->partitions_count; i++) {
        settle(&out->partitions[i]);
    }
    const disk_log_partition *decisions = disk_log_find(out, "__transaction_state", 0);
    if (decisions) {
        disk_log_each(decisions, 0, read_decision, out);
    }
}

void disk_log_deinit(disk_log *log) {
    for (size_t i = 0; i < log->memory_count; i++) {
        mr_free(log->memory[i]);
    }
    for (size_t i = 0; i < log->partitions_count; i++) {
        mr_free(log->partitions[i].batches);
    }
    mr_free(log->memory);
    mr_free(log->partitions);
    mr_free(log->decisions);
    *log = (disk_log){0};
}

const disk_log_partition *disk_log_find(const disk_log *log, const char *topic, int32_t number) {
    for (size_t i = 0; i < log->partitions_count; i++) {
        if (log->partitions[i].number == number && strcmp(log->partitions[i].topic, topic) == 0) {
            return &log->partitions[i];
        }
    }
    return NULL;
}

void disk_log_each(const disk_log_partition *partition, int64_t from, disk_log_visit visit,
                   void *arg) {
    from = partition->start > from ? partition->start : from;
    for (size_t i = 0; i < partition->batches_count; i++) {
        const disk_log_batch *batch = &partition->batches[i];
        if (batch->control || batch->fate != DISK_LOG_COMMITTED) {
            continue;
        }
        for (uint32_t r = 0; r < batch->records_count; r++) {
            if (batch->records[r].offset >= from) {
                visit(arg, &batch->records[r]);
            }
        }
    }
}

bool disk_log_is_user_topic(const char *topic) {
    const char *generation = strrchr(topic, '.');
    size_t len = strlen(topic);
    bool marks = len > 6 && strcmp(topic + len - 6, "-marks") == 0;
    bool internal =
        generation && generation[1] == 'g' && generation[2] >= '0' && generation[2] <= '9';
    return strncmp(topic, "__", 2) != 0 && !marks && !internal;
}
