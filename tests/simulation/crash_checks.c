#include "tests/simulation/crash_checks.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "runtime/base/alloc.h"

void crash_moment_take(const mr_sim_disk *sim, crash_moment *out) {
    disk_log_read(sim, MR_SIM_CURRENT, &out->seen);
    disk_log_read(sim, MR_SIM_DURABLE, &out->durable);
}

void crash_moment_deinit(crash_moment *moment) {
    disk_log_deinit(&moment->seen);
    disk_log_deinit(&moment->durable);
}

/* ---- transactions ---- */

typedef struct txn {
    int64_t producer_id;
    int16_t epoch;
    bool decided;  /* it must be there */
    bool possible; /* a decision was under way: it may be there */
    uint32_t committed, gone;
    char committed_at[300], gone_at[300];
} txn;

typedef struct txns {
    txn *items;
    size_t count;
} txns;

static txn *txn_of(txns *all, int64_t producer_id, int16_t epoch) {
    for (size_t i = all->count; i-- > 0;) {
        if (all->items[i].producer_id == producer_id && all->items[i].epoch == epoch) {
            return &all->items[i];
        }
    }
    all->items = mr_realloc(all->items, (all->count + 1) * sizeof *all->items);
    all->items[all->count] = (txn){.producer_id = producer_id, .epoch = epoch};
    return &all->items[all->count++];
}

static void note_decisions(txns *all, const disk_log *log, bool durable) {
    for (size_t i = 0; i < log->decisions_count; i++) {
        const disk_log_decision *decision = &log->decisions[i];
        if (decision->commit) {
            txn *of = txn_of(all, decision->producer_id, decision->epoch);
            of->decided = of->decided || durable;
            of->possible = true;
        }
    }
}

/* Whoever read behind a marker has seen the transaction. */
static void note_markers(txns *all, const disk_log *log) {
    for (size_t p = 0; p < log->partitions_count; p++) {
        const disk_log_partition *partition = &log->partitions[p];
        for (size_t i = 0; i < partition->batches_count; i++) {
            const disk_log_batch *batch = &partition->batches[i];
            if (batch->control && batch->commit_marker) {
                txn *of = txn_of(all, batch->producer_id, batch->epoch);
                of->decided = of->possible = true;
            }
        }
    }
}

static const disk_log_batch *same_batch(const disk_log_partition *in, const disk_log_batch *of) {
    for (size_t i = 0; in && i < in->batches_count; i++) {
        const disk_log_batch *batch = &in->batches[i];
        if (batch->first == of->first && batch->crc == of->crc && !batch->control) {
            return batch;
        }
    }
    return NULL;
}

static void note_fate(txn *of, const disk_log_partition *partition, const disk_log_batch *batch,
                      const disk_log_batch *found) {
    bool there = found && found->fate == DISK_LOG_COMMITTED;
    char *at = there ? of->committed_at : of->gone_at;
    snprintf(at, sizeof of->gone_at, "%s[%" PRId32 "]@%" PRId64 "%s", partition->topic,
             partition->number, batch->first,
             there                          ? ""
             : !found                       ? " (missing)"
             : found->fate == DISK_LOG_OPEN ? " (undecided)"
                                            : " (aborted)");
    of->committed += there;
    of->gone += !there;
}

static void note_fates(txns *all, const disk_log *before, const disk_log *after) {
    for (size_t p = 0; p < before->partitions_count; p++) {
        const disk_log_partition *partition = &before->partitions[p];
        const disk_log_partition *now = disk_log_find(after, partition->topic, partition->number);
        bool internal = !disk_log_is_user_topic(partition->topic);
        if (!now && internal && strncmp(partition->topic, "__", 2) != 0) {
            continue; /* of a generation that a reset left behind */
        }
        for (size_t i = 0; i < partition->batches_count; i++) {
            const disk_log_batch *batch = &partition->batches[i];
            if (batch->control || !batch->transactional || (now && batch->last < now->start)) {
                continue;
            }
            note_fate(txn_of(all, batch->producer_id, batch->epoch), partition, batch,
                      same_batch(now, batch));
        }
    }
}

static void judge(const txn *of, mr_buf *problem) {
    const char *what = NULL;
    if (of->committed > 0 && of->gone > 0) {
        what = "is half visible";
    } else if (of->decided && of->gone > 0) {
        what = "was decided and is gone";
    } else if (!of->possible && of->committed > 0) {
        what = "was not decided and is there";
    }
    if (what) {
        mr_buf_printf(problem, "transaction %" PRId64 "/%d %s: committed %s, gone %s\n",
                      of->producer_id, of->epoch, what,
                      of->committed_at[0] ? of->committed_at : "nowhere",
                      of->gone_at[0] ? of->gone_at : "nowhere");
    }
}

static void check_whole(const disk_log *log, mr_buf *problem) {
    for (size_t p = 0; p < log->partitions_count; p++) {
        const disk_log_partition *partition = &log->partitions[p];
        if (partition->gap) {
            mr_buf_printf(problem, "%s[%" PRId32 "]: a gap between offsets\n", partition->topic,
                          partition->number);
        }
        for (size_t i = 0; i < partition->batches_count; i++) {
            const disk_log_batch *batch = &partition->batches[i];
            if (!batch->control && batch->fate == DISK_LOG_OPEN &&
                batch->last >= partition->start) {
                mr_buf_printf(problem, "%s[%" PRId32 "]@%" PRId64 ": undecided after recovery\n",
                              partition->topic, partition->number, batch->first);
            }
        }
    }
}

void crash_check_history(const crash_moment *before, const disk_log *after, mr_buf *problem) {
    txns all = {0};
    note_decisions(&all, &before->durable, true);
    note_decisions(&all, &before->seen, false);
    note_markers(&all, &before->seen);
    note_fates(&all, &before->seen, after);
    for (size_t i = 0; i < all.count; i++) {
        judge(&all.items[i], problem);
    }
    check_whole(after, problem);
    mr_free(all.items);
}

/* ---- lines ---- */

typedef struct lines {
    char **items;
    size_t count, cap;
} lines;

static void add_line(lines *to, const char *text, size_t len) {
    if (to->count == to->cap) {
        to->cap = to->cap ? to->cap * 2 : 32;
        to->items = mr_realloc(to->items, to->cap * sizeof *to->items);
    }
    char *copy = mr_alloc(len + 1);
    memcpy(copy, text, len);
    to->items[to->count++] = copy;
}

static void add_text(lines *to, mr_bytes text) {
    const char *at = (const char *)text.data, *end = at + text.len;
    while (at < end) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        size_t len = (size_t)((newline ? newline : end) - at);
        add_line(to, at, len);
        at += len + 1;
    }
}

static void lines_deinit(lines *of) {
    for (size_t i = 0; i < of->count; i++) {
        mr_free(of->items[i]);
    }
    mr_free(of->items);
    *of = (lines){0};
}

static int by_text(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void sort_lines(lines *of) {
    if (of->count > 0) {
        qsort(of->items, of->count, sizeof *of->items, by_text);
    }
}

static void compare_lines(const char *what, const lines *expected, const lines *found,
                          mr_buf *problem) {
    for (size_t i = 0; i < expected->count || i < found->count; i++) {
        const char *wanted = i < expected->count ? expected->items[i] : "nothing";
        const char *got = i < found->count ? found->items[i] : "nothing";
        if (strcmp(wanted, got) != 0) {
            mr_buf_printf(problem, "%s, line %zu of %zu (expected %zu): %s instead of %s\n", what,
                          i, found->count, expected->count, got, wanted);
            return;
        }
    }
}

static void value_line(void *arg, const disk_log_record *record) {
    add_line(arg, (const char *)record->value.data, record->value.len);
}

static void full_line(void *arg, const disk_log_record *record) {
    mr_buf line = {0};
    mr_buf_printf(&line, "%.*s|%.*s|%" PRId64, (int)record->key.len,
                  record->key.data ? (const char *)record->key.data : "", (int)record->value.len,
                  record->value.data ? (const char *)record->value.data : "", record->ts_ms);
    add_line(arg, mr_buf_cstr(&line), line.len);
    mr_buf_deinit(&line);
}

static void topic_lines(const disk_log *log, const char *topic, disk_log_visit visit, lines *out) {
    for (size_t i = 0; i < log->partitions_count; i++) {
        if (strcmp(log->partitions[i].topic, topic) == 0) {
            disk_log_each(&log->partitions[i], 0, visit, out);
        }
    }
}

static bool is_connectors(const char *path) {
    size_t len = strlen(path);
    bool ours = strncmp(path, "log/", 4) == 0 || strncmp(path, "state/", 6) == 0 ||
                strcmp(path, "FORMAT") == 0 || strcmp(path, "LOCK") == 0;
    return !ours && len > 6 && strcmp(path + len - 6, ".jsonl") == 0;
}

static int by_pointer_text(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The lines of all files whose path begins so, in the order of their names. */
static void file_lines(const mr_sim_disk *sim, const char *prefix, lines *out) {
    mr_buf paths = {0};
    const char **list = NULL;
    size_t count = 0;
    mr_sim_disk_paths(sim, MR_SIM_CURRENT, &paths);
    for (size_t at = 0; at < paths.len; at += strlen((const char *)paths.data + at) + 1) {
        const char *path = (const char *)paths.data + at;
        if (is_connectors(path) && strncmp(path, prefix, strlen(prefix)) == 0) {
            list = mr_realloc(list, (count + 1) * sizeof *list);
            list[count++] = path;
        }
    }
    if (count > 0) {
        qsort(list, count, sizeof *list, by_pointer_text);
    }
    for (size_t i = 0; i < count; i++) {
        mr_buf content = {0};
        if (mr_sim_disk_content(sim, MR_SIM_CURRENT, list[i], &content) == MR_OK) {
            add_text(out, mr_buf_view(&content));
        }
        mr_buf_deinit(&content);
    }
    mr_free(list);
    mr_buf_deinit(&paths);
}

static void put_lines(const char *title, lines *from, results_order order, mr_buf *out) {
    if (order == RESULTS_SET) {
        sort_lines(from);
    }
    mr_buf_printf(out, "# %s\n", title);
    for (size_t i = 0; i < from->count; i++) {
        mr_buf_printf(out, "%s\n", from->items[i]);
    }
    lines_deinit(from);
}

void results_of(const mr_sim_disk *sim, results_order order, mr_buf *out) {
    disk_log log;
    disk_log_read(sim, MR_SIM_CURRENT, &log);
    for (size_t i = 0; i < log.partitions_count; i++) {
        const disk_log_partition *partition = &log.partitions[i];
        if (disk_log_is_user_topic(partition->topic)) {
            lines records = {0};
            char title[300];
            snprintf(title, sizeof title, "%s[%" PRId32 "]", partition->topic, partition->number);
            disk_log_each(partition, 0, full_line, &records);
            put_lines(title, &records, order, out);
        }
    }
    disk_log_deinit(&log);
    lines files = {0};
    file_lines(sim, "outs/", &files);
    put_lines("outs/", &files, order, out);
    file_lines(sim, "late.jsonl", &files);
    put_lines("late.jsonl", &files, order, out);
}

void results_compare(const mr_buf *expected, const mr_buf *found, mr_buf *problem) {
    lines wanted = {0}, got = {0};
    add_text(&wanted, mr_buf_view(expected));
    add_text(&got, mr_buf_view(found));
    const char *title = "";
    for (size_t i = 0; i < wanted.count || i < got.count; i++) {
        const char *line = i < wanted.count ? wanted.items[i] : "nothing";
        const char *instead = i < got.count ? got.items[i] : "nothing";
        title = line[0] == '#' ? line + 2 : title;
        if (strcmp(line, instead) != 0) {
            mr_buf_printf(problem, "other than in an uninterrupted run: %s: %s instead of %s\n",
                          title, instead, line);
            break;
        }
    }
    lines_deinit(&wanted);
    lines_deinit(&got);
}

static void read_both(const mr_sim_disk *sim, const char *topic, const char *path, lines *records,
                      lines *rows) {
    disk_log log;
    disk_log_read(sim, MR_SIM_CURRENT, &log);
    topic_lines(&log, topic, value_line, records);
    disk_log_deinit(&log);
    file_lines(sim, path, rows);
}

void results_check_sink(const mr_sim_disk *sim, const char *topic, const char *path,
                        mr_buf *problem) {
    lines records = {0}, rows = {0};
    read_both(sim, topic, path, &records, &rows);
    compare_lines(path, &records, &rows, problem);
    lines_deinit(&records);
    lines_deinit(&rows);
}

void results_check_source(const mr_sim_disk *sim, const char *file, const char *topic,
                          mr_buf *problem) {
    lines records = {0}, rows = {0};
    read_both(sim, topic, file, &records, &rows);
    sort_lines(&records);
    sort_lines(&rows);
    compare_lines(topic, &rows, &records, problem);
    lines_deinit(&records);
    lines_deinit(&rows);
}

/* ---- windows ---- */

#define SIZE_MS 10
#define GRACE_MS 5

typedef struct naive_window {
    char g[32];
    int64_t start, n, s;
} naive_window;

typedef struct naive {
    naive_window *windows;
    size_t count;
    int64_t time; /* the running maximum of this partition */
    lines late;
} naive;

static void naive_take(void *arg, const disk_log_record *record) {
    naive *all = arg;
    mr_buf text = {0};
    char k[32], g[32];
    long long t, n;
    mr_buf_put_bytes(&text, record->value);
    if (sscanf(mr_buf_cstr(&text), "{\"k\":\"%31[^\"]\",\"g\":\"%31[^\"]\",\"t\":%lld,\"n\":%lld}",
               k, g, &t, &n) != 4) {
        abort();
    }
    all->time = t > all->time ? t : all->time;
    int64_t start = t - t % SIZE_MS;
    if (start + SIZE_MS + GRACE_MS <= all->time) {
        add_line(&all->late, (const char *)text.data, text.len);
        mr_buf_deinit(&text);
        return;
    }
    mr_buf_deinit(&text);
    for (size_t i = 0; i < all->count; i++) {
        if (all->windows[i].start == start && strcmp(all->windows[i].g, g) == 0) {
            all->windows[i].n++;
            all->windows[i].s += n;
            return;
        }
    }
    all->windows = mr_realloc(all->windows, (all->count + 1) * sizeof *all->windows);
    naive_window *window = &all->windows[all->count++];
    *window = (naive_window){.start = start, .n = 1, .s = n};
    snprintf(window->g, sizeof window->g, "%s", g);
}

void results_check_windows(const mr_sim_disk *sim, mr_buf *problem) {
    disk_log log;
    naive all = {0};
    lines expected = {0}, found = {0}, late = {0};
    disk_log_read(sim, MR_SIM_CURRENT, &log);
    for (size_t i = 0; i < log.partitions_count; i++) {
        if (strcmp(log.partitions[i].topic, "events") == 0) {
            all.time = INT64_MIN;
            disk_log_each(&log.partitions[i], 0, naive_take, &all);
        }
    }
    for (size_t i = 0; i < all.count; i++) {
        const naive_window *window = &all.windows[i];
        mr_buf line = {0};
        mr_buf_printf(
            &line,
            "%s|{\"g\":\"%s\",\"start\":%" PRId64 ",\"n\":%" PRId64 ",\"s\":%" PRId64 "}|%" PRId64,
            window->g, window->g, window->start, window->n, window->s, window->start + SIZE_MS - 1);
        add_line(&expected, mr_buf_cstr(&line), line.len);
        mr_buf_deinit(&line);
    }
    topic_lines(&log, "out", full_line, &found);
    topic_lines(&log, "late", value_line, &late);
    sort_lines(&expected);
    sort_lines(&found);
    sort_lines(&late);
    sort_lines(&all.late);
    compare_lines("windows", &expected, &found, problem);
    compare_lines("late records", &all.late, &late, problem);
    lines_deinit(&expected);
    lines_deinit(&found);
    lines_deinit(&late);
    lines_deinit(&all.late);
    mr_free(all.windows);
    disk_log_deinit(&log);
}

/* ---- replay ---- */

typedef struct counting {
    int64_t from;
    uint64_t count;
} counting;

static void count_behind(void *arg, const disk_log_record *record) {
    counting *c = arg;
    c->count += record->offset > c->from;
}

/* "<job>.<store>.changelog.g<n>", or "<job>.<sub-topology>._task.changelog.g<n>". */
static bool is_changelog(const char *topic, const char *job, int64_t *generation, char *store) {
    size_t len = strlen(job);
    const char *tail = strstr(topic, ".changelog.g");
    if (!tail || strncmp(topic, job, len) != 0 || topic[len] != '.') {
        return false;
    }
    *generation = strtoll(tail + 12, NULL, 10);
    snprintf(store, 250, "%.*s", (int)(tail - topic - (ptrdiff_t)len - 1), topic + len + 1);
    return true;
}

/* Stores of one task lie in one directory, whose name the changelog of a store does not tell: the
 * family is looked for in all of this partition. */
typedef struct finding {
    const char *store;
    char suffix[16], under[64];
    const char *task_of; /* `_task`: the sub-topology's name */
    mr_model_store *model;
    int64_t offset;
} finding;

static void find_position(void *self, const char *directory, const char *family, mr_bytes key,
                          mr_bytes value) {
    finding *f = self;
    (void)key, (void)value;
    size_t len = strlen(directory), tail = strlen(f->suffix);
    bool here = strncmp(directory, f->under, strlen(f->under)) == 0 && len > tail &&
                strcmp(directory + len - tail, f->suffix) == 0 && strcmp(family, f->store) == 0;
    if (here && f->task_of) {
        size_t name = strlen(f->task_of);
        here = len == strlen(f->under) + name + tail &&
               strncmp(directory + strlen(f->under), f->task_of, name) == 0;
    }
    mr_changelog_position position;
    if (here && mr_model_store_position(f->model, directory, family, &position) == MR_OK) {
        f->offset = position.offset;
    }
}

static int64_t kept_position(mr_model_store *model, const char *job, int64_t generation,
                             const char *store, int32_t partition) {
    char name[250];
    snprintf(name, sizeof name, "%s", store);
    finding f = {.store = name, .model = model, .offset = -1};
    size_t len = strlen(name);
    if (len > 6 && strcmp(name + len - 6, "._task") == 0) {
        name[len - 6] = '\0';
        f.task_of = name;
        f.store = "_task";
    }
    snprintf(f.suffix, sizeof f.suffix, "-%" PRId32, partition);
    snprintf(f.under, sizeof f.under, "state/%s.g%" PRId64 "/", job, generation);
    mr_model_store_each(model, find_position, &f);
    return f.offset;
}

uint64_t replay_bound(const mr_sim_disk *sim, mr_model_store *model, const char *job) {
    disk_log log;
    uint64_t bound = 0;
    disk_log_read(sim, MR_SIM_CURRENT, &log);
    for (size_t i = 0; i < log.partitions_count; i++) {
        const disk_log_partition *partition = &log.partitions[i];
        int64_t generation;
        char store[250];
        if (is_changelog(partition->topic, job, &generation, store)) {
            counting c = {.from = kept_position(model, job, generation, store, partition->number)};
            disk_log_each(partition, 0, count_behind, &c);
            bound += c.count;
        }
    }
    disk_log_deinit(&log);
    return bound;
}
