/* bench_limit pass|filter|window|sum IN_DIR OUT_DIR [none|zstd] - what the work costs by hand: one
 * file of C, no part of Millrace in it. Reads record batches v2 from the segments of a partition's
 * directory, checks each CRC-32C, does the job of bench/jobs/<job>.yaml, writes batches, syncs
 * once. `window` also writes a changelog: the rows changed since the last 100,000 records. `sum`
 * reads only. Each prints records in, records out and an order-free sum over the output's (key,
 * value, timestamp), so that the bench knows that both did the same work. */
#define _GNU_SOURCE /* memmem */
#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zstd.h>
#if defined(__x86_64__)
#include <nmmintrin.h>
#endif

#define HEADER_BYTES 61
#define BATCH_BYTES 65536
#define WRITE_BYTES (1u << 20)
#define READ_BYTES (4u << 20)
#define PLAIN_BYTES (8u << 20)
#define COMMIT_RECORDS 100000
#define WINDOW_MS 10000
#define SLOTS (1u << 20) /* open windows at once: far fewer */
#define KEY_BYTES 24

typedef struct record {
    int64_t ts_ms;
    const uint8_t *key, *value;
    size_t key_len, value_len; /* no nulls in these topics */
} record;

_Noreturn static void die(const char *what) {
    perror(what);
    exit(1);
}

/* ---- bytes ---- */

static uint32_t get32(const uint8_t *p) {
    uint32_t v;
    memcpy(&v, p, 4);
    return __builtin_bswap32(v);
}

static uint64_t get64(const uint8_t *p) {
    uint64_t v;
    memcpy(&v, p, 8);
    return __builtin_bswap64(v);
}

static void put32(uint8_t *p, uint32_t v) {
    v = __builtin_bswap32(v);
    memcpy(p, &v, 4);
}

static void put64(uint8_t *p, uint64_t v) {
    v = __builtin_bswap64(v);
    memcpy(p, &v, 8);
}

static int64_t get_varint(const uint8_t **at) {
    uint64_t v = 0;
    for (int shift = 0;; shift += 7) {
        uint8_t b = *(*at)++;
        v |= (uint64_t)(b & 0x7f) << shift;
        if (b < 0x80) {
            return (int64_t)(v >> 1) ^ -(int64_t)(v & 1);
        }
    }
}

static uint8_t *put_varint(uint8_t *p, int64_t value) {
    uint64_t v = ((uint64_t)value << 1) ^ (uint64_t)(value >> 63);
    while (v >= 0x80) {
        *p++ = (uint8_t)(v | 0x80);
        v >>= 7;
    }
    *p++ = (uint8_t)v;
    return p;
}

static size_t varint_size(int64_t value) {
    uint8_t room[10];
    return (size_t)(put_varint(room, value) - room);
}

#if defined(__x86_64__)
/* Three strands hide the instruction's latency; their results are joined by shifting through
 * tables of 4096 zero bytes. */
#define STRAND 4096
static uint32_t shift_table[4][256];

__attribute__((target("sse4.2"))) static uint32_t crc_bytes(uint32_t crc, const uint8_t *p,
                                                            size_t len) {
    uint64_t c = crc;
    for (; len >= 8; p += 8, len -= 8) {
        uint64_t v;
        memcpy(&v, p, 8);
        c = _mm_crc32_u64(c, v);
    }
    for (; len > 0; p++, len--) {
        c = _mm_crc32_u8((uint32_t)c, *p);
    }
    return (uint32_t)c;
}

static void crc_init(void) {
    static const uint8_t zeros[STRAND];
    uint32_t of_bit[32];
    for (int bit = 0; bit < 32; bit++) {
        of_bit[bit] = crc_bytes(1u << bit, zeros, STRAND);
    }
    for (int byte = 0; byte < 4; byte++) {
        for (uint32_t v = 0; v < 256; v++) {
            for (int bit = 0; bit < 8; bit++) {
                shift_table[byte][v] ^= v >> bit & 1 ? of_bit[byte * 8 + bit] : 0;
            }
        }
    }
}

static uint32_t crc_shift(uint32_t c) {
    return shift_table[0][c & 255] ^ shift_table[1][c >> 8 & 255] ^ shift_table[2][c >> 16 & 255] ^
           shift_table[3][c >> 24];
}

__attribute__((target("sse4.2"))) static uint32_t crc32c(const uint8_t *p, size_t len) {
    uint32_t crc = ~0u;
    for (; len >= 3 * STRAND; p += 3 * STRAND, len -= 3 * STRAND) {
        uint64_t a = crc, b = 0, c = 0;
        for (size_t i = 0; i < STRAND; i += 8) {
            uint64_t va, vb, vc;
            memcpy(&va, p + i, 8);
            memcpy(&vb, p + STRAND + i, 8);
            memcpy(&vc, p + 2 * STRAND + i, 8);
            a = _mm_crc32_u64(a, va);
            b = _mm_crc32_u64(b, vb);
            c = _mm_crc32_u64(c, vc);
        }
        crc = crc_shift(crc_shift((uint32_t)a) ^ (uint32_t)b) ^ (uint32_t)c;
    }
    return ~crc_bytes(crc, p, len);
}
#else
static uint32_t table[256];

static void crc_init(void) {
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t c = i;
        for (int bit = 0; bit < 8; bit++) {
            c = c & 1 ? c >> 1 ^ 0x82f63b78 : c >> 1;
        }
        table[i] = c;
    }
}

static uint32_t crc32c(const uint8_t *p, size_t len) {
    uint32_t crc = ~0u;
    for (; len > 0; p++, len--) {
        crc = table[(crc ^ *p) & 255] ^ crc >> 8;
    }
    return ~crc;
}
#endif

/* ---- batches out ---- */

typedef struct writer {
    int fd;
    bool zstd;
    ZSTD_CCtx *compressor;
    int64_t next_offset, base_ts_ms, max_ts_ms;
    int32_t count;
    uint8_t *at; /* within records */
    size_t out_len;
    uint8_t records[BATCH_BYTES + 4096];
    uint8_t out[WRITE_BYTES + 2 * BATCH_BYTES + 8192];
} writer;

static writer *writer_open(const char *dir, const char *name, bool zstd) {
    writer *w = calloc(1, sizeof *w);
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    w->fd = open(path, O_CREAT | O_TRUNC | O_WRONLY, 0644);
    if (w->fd < 0) {
        die(path);
    }
    w->zstd = zstd;
    w->compressor = zstd ? ZSTD_createCCtx() : NULL;
    w->at = w->records;
    return w;
}

static void writer_write(writer *w) {
    for (size_t done = 0; done < w->out_len;) {
        ssize_t n = write(w->fd, w->out + done, w->out_len - done);
        if (n < 0) {
            die("write");
        }
        done += (size_t)n;
    }
    w->out_len = 0;
}

static void writer_batch(writer *w) {
    if (w->count == 0) {
        return;
    }
    uint8_t *b = w->out + w->out_len;
    size_t len = (size_t)(w->at - w->records);
    if (w->zstd) {
        len =
            ZSTD_compressCCtx(w->compressor, b + HEADER_BYTES, 2 * BATCH_BYTES, w->records, len, 1);
    } else {
        memcpy(b + HEADER_BYTES, w->records, len);
    }
    put64(b, (uint64_t)w->next_offset);
    put32(b + 8, (uint32_t)(HEADER_BYTES - 12 + len));
    put32(b + 12, 0);
    b[16] = 2;
    b[21] = 0;
    b[22] = w->zstd ? 4 : 0;
    put32(b + 23, (uint32_t)w->count - 1);
    put64(b + 27, (uint64_t)w->base_ts_ms);
    put64(b + 35, (uint64_t)w->max_ts_ms);
    memset(b + 43, 0xff, 14); /* no producer */
    put32(b + 57, (uint32_t)w->count);
    put32(b + 17, crc32c(b + 21, HEADER_BYTES - 21 + len));
    w->out_len += HEADER_BYTES + len;
    w->next_offset += w->count;
    w->count = 0;
    w->at = w->records;
    if (w->out_len >= WRITE_BYTES) {
        writer_write(w);
    }
}

static void writer_add(writer *w, const record *r) {
    if (w->at - w->records + r->key_len + r->value_len > BATCH_BYTES) {
        writer_batch(w);
    }
    if (w->count == 0) {
        w->base_ts_ms = w->max_ts_ms = r->ts_ms;
    }
    w->max_ts_ms = r->ts_ms > w->max_ts_ms ? r->ts_ms : w->max_ts_ms;
    int64_t delta_ms = r->ts_ms - w->base_ts_ms;
    size_t len = 1 + varint_size(delta_ms) + varint_size(w->count) +
                 varint_size((int64_t)r->key_len) + r->key_len +
                 varint_size((int64_t)r->value_len) + r->value_len + 1;
    uint8_t *p = put_varint(w->at, (int64_t)len);
    *p++ = 0;
    p = put_varint(p, delta_ms);
    p = put_varint(p, w->count++);
    p = put_varint(p, (int64_t)r->key_len);
    memcpy(p, r->key, r->key_len);
    p = put_varint(p + r->key_len, (int64_t)r->value_len);
    memcpy(p, r->value, r->value_len);
    p += r->value_len;
    *p++ = 0; /* no headers */
    w->at = p;
}

static void writer_close(writer *w) {
    writer_batch(w);
    writer_write(w);
    if (fdatasync(w->fd) != 0) {
        die("fdatasync");
    }
    close(w->fd);
    ZSTD_freeCCtx(w->compressor);
    free(w);
}

/* ---- the jobs ---- */

typedef struct row {
    int64_t start_ms;
    uint64_t count;
    uint8_t key[KEY_BYTES];
    uint8_t key_len;
    bool used, dirty;
} row;

static writer *out, *changelog;
static uint64_t records_in, records_out, sum;
static row *rows;
static uint32_t *dirty, *open_rows;
static size_t dirty_count, open_count;
static int64_t open_start_ms = -1;

static uint64_t hash_bytes(uint64_t h, const uint8_t *p, size_t len) {
    for (; len >= 8; p += 8, len -= 8) {
        uint64_t v;
        memcpy(&v, p, 8);
        h = (h ^ v) * UINT64_C(0x9fb21c651e98df25);
        h ^= h >> 32;
    }
    uint64_t v = len;
    memcpy(&v, p, len);
    h = (h ^ v ^ len << 56) * UINT64_C(0x9fb21c651e98df25);
    return h ^ h >> 29;
}

static void take_sum(const record *r) {
    uint64_t h = hash_bytes((uint64_t)r->ts_ms, r->key, r->key_len);
    sum += hash_bytes(h, r->value, r->value_len);
    records_out++;
}

static void emit(const record *r) {
    records_out++;
    writer_add(out, r);
}

/* The number behind `name` in a bid: the first field of that name, as the bids are made. */
static int64_t number_of(const record *r, const char *name, size_t name_len) {
    const uint8_t *p = memmem(r->value, r->value_len, name, name_len);
    if (!p) {
        die("a bid without the field");
    }
    int64_t n = 0;
    for (p += name_len; *p >= '0' && *p <= '9'; p++) {
        n = n * 10 + (*p - '0');
    }
    return n;
}

static void run_filter(const record *r) {
    if (number_of(r, "\"auction\":", 10) % 123 == 0) {
        emit(r);
    }
}

static int by_key(const void *a, const void *b) {
    const row *ra = &rows[*(const uint32_t *)a], *rb = &rows[*(const uint32_t *)b];
    size_t len = ra->key_len < rb->key_len ? ra->key_len : rb->key_len;
    int order = memcmp(ra->key, rb->key, len);
    return order ? order : ra->key_len - rb->key_len;
}

static void log_row(row *w) {
    uint8_t key[8 + KEY_BYTES], value[8];
    put64(key, (uint64_t)w->start_ms);
    memcpy(key + 8, w->key, w->key_len);
    put64(value, w->count);
    writer_add(changelog, &(record){w->start_ms, key, value, 8u + w->key_len, 8});
    w->dirty = false;
}

static void commit_rows(void) {
    for (size_t i = 0; i < dirty_count; i++) {
        if (rows[dirty[i]].dirty) {
            log_row(&rows[dirty[i]]);
        }
    }
    dirty_count = 0;
}

/* With grace 0 and times that never go back, one window is open. */
static void close_window(void) {
    qsort(open_rows, open_count, sizeof *open_rows, by_key);
    for (size_t i = 0; i < open_count; i++) {
        row *w = &rows[open_rows[i]];
        char value[40];
        int len = snprintf(value, sizeof value, "{\"bids\":%" PRIu64 "}", w->count);
        emit(&(record){open_start_ms + WINDOW_MS - 1, w->key, (const uint8_t *)value, w->key_len,
                       (size_t)len});
        w->used = w->dirty = false;
    }
    open_count = 0;
}

static void run_window(const record *r) {
    int64_t ts_ms = number_of(r, "\"dateTime\":", 11);
    int64_t start_ms = ts_ms / WINDOW_MS * WINDOW_MS;
    if (start_ms > open_start_ms) {
        close_window();
        open_start_ms = start_ms;
    }
    uint32_t slot = (uint32_t)hash_bytes((uint64_t)start_ms, r->key, r->key_len) & (SLOTS - 1);
    while (rows[slot].used &&
           (rows[slot].start_ms != start_ms || rows[slot].key_len != r->key_len ||
            memcmp(rows[slot].key, r->key, r->key_len) != 0)) {
        slot = (slot + 1) & (SLOTS - 1);
    }
    row *w = &rows[slot];
    if (!w->used) {
        *w = (row){.start_ms = start_ms, .key_len = (uint8_t)r->key_len, .used = true};
        memcpy(w->key, r->key, r->key_len);
        open_rows[open_count++] = slot;
    }
    w->count++;
    if (!w->dirty) {
        w->dirty = true;
        dirty[dirty_count++] = slot;
    }
    if (records_in % COMMIT_RECORDS == 0) {
        commit_rows();
    }
}

/* ---- batches in ---- */

static void take_records(const uint8_t *p, int32_t count, int64_t base_ts_ms,
                         void (*take)(const record *)) {
    for (int32_t i = 0; i < count; i++) {
        int64_t len = get_varint(&p);
        const uint8_t *end = p + len;
        record r;
        p++;
        r.ts_ms = base_ts_ms + get_varint(&p);
        get_varint(&p);
        r.key_len = (size_t)get_varint(&p);
        r.key = p;
        p += r.key_len;
        r.value_len = (size_t)get_varint(&p);
        r.value = p;
        records_in++;
        take(&r);
        p = end;
    }
}

static void take_batch(const uint8_t *b, size_t len, void (*take)(const record *)) {
    static uint8_t *plain;
    static ZSTD_DCtx *decompressor;
    if (crc32c(b + 21, len - 21) != get32(b + 17)) {
        die("CRC");
    }
    if (b[22] & 0x20) { /* a marker */
        return;
    }
    const uint8_t *records = b + HEADER_BYTES;
    if ((b[22] & 7) == 4) {
        plain = plain ? plain : malloc(PLAIN_BYTES);
        decompressor = decompressor ? decompressor : ZSTD_createDCtx();
        if (ZSTD_isError(ZSTD_decompressDCtx(decompressor, plain, PLAIN_BYTES, records,
                                             len - HEADER_BYTES))) {
            die("zstd");
        }
        records = plain;
    }
    take_records(records, (int32_t)get32(b + 57), (int64_t)get64(b + 27), take);
}

static void take_segment(const char *path, void (*take)(const record *)) {
    uint8_t *buffer = malloc(READ_BYTES + 64);
    int fd = open(path, O_RDONLY);
    if (fd < 0 || !buffer) {
        die(path);
    }
    size_t have = 0;
    for (;;) {
        ssize_t n = read(fd, buffer + have, READ_BYTES - have);
        if (n < 0) {
            die(path);
        }
        have += (size_t)n;
        size_t at = 0;
        while (have - at >= HEADER_BYTES && have - at >= 12 + get32(buffer + at + 8)) {
            size_t len = 12 + get32(buffer + at + 8);
            take_batch(buffer + at, len, take);
            at += len;
        }
        memmove(buffer, buffer + at, have - at);
        have -= at;
        if (n == 0) {
            break;
        }
    }
    close(fd);
    free(buffer);
}

static int is_segment(const struct dirent *entry) {
    const char *dot = strrchr(entry->d_name, '.');
    return dot && strcmp(dot, ".log") == 0;
}

static void take_partition(const char *dir, void (*take)(const record *)) {
    struct dirent **names;
    int count = scandir(dir, &names, is_segment, alphasort);
    if (count < 0) {
        die(dir);
    }
    for (int i = 0; i < count; i++) {
        char path[4096];
        snprintf(path, sizeof path, "%s/%s", dir, names[i]->d_name);
        take_segment(path, take);
        free(names[i]);
    }
    free(names);
}

int main(int argc, char **argv) {
    if (argc < 4) {
        fprintf(stderr, "usage: bench_limit pass|filter|window|sum IN_DIR OUT_DIR [none|zstd]\n");
        return 2;
    }
    crc_init();
    const char *job = argv[1];
    bool reads_only = strcmp(job, "sum") == 0;
    bool windowed = strcmp(job, "window") == 0;
    if (!reads_only) {
        out = writer_open(argv[3], "out.log", argc > 4 && strcmp(argv[4], "zstd") == 0);
    }
    if (windowed) {
        changelog = writer_open(argv[3], "changelog.log", false);
        rows = calloc(SLOTS, sizeof *rows);
        dirty = malloc(SLOTS * sizeof *dirty);
        open_rows = malloc(SLOTS * sizeof *open_rows);
    }
    take_partition(argv[2], reads_only                   ? take_sum
                            : windowed                   ? run_window
                            : strcmp(job, "filter") == 0 ? run_filter
                                                         : emit);
    if (windowed) { /* the last window stays open: a topic may go on */
        commit_rows();
        writer_close(changelog);
    }
    if (!reads_only) {
        writer_close(out);
    }
    printf("%" PRIu64 " %" PRIu64 " %016" PRIx64 "\n", records_in, records_out, sum);
    return 0;
}
