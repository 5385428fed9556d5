#include "tests/simulation/state_check.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "runtime/base/alloc.h"

static int compare_bytes(mr_bytes a, mr_bytes b) {
    size_t len = a.len < b.len ? a.len : b.len;
    int order = len > 0 ? memcmp(a.data, b.data, len) : 0;
    return order ? order : (a.len > b.len) - (a.len < b.len);
}

static int by_key(const void *a, const void *b) {
    const state_row *x = a, *y = b;
    int order = compare_bytes(x->key, y->key);
    return order ? order : (x->offset > y->offset) - (x->offset < y->offset);
}

static void add_row(void *arg, const disk_log_record *record) {
    state_rows *rows = arg;
    if (rows->count == rows->cap) {
        rows->cap = rows->cap ? rows->cap * 2 : 64;
        rows->rows = mr_realloc(rows->rows, rows->cap * sizeof *rows->rows);
    }
    rows->rows[rows->count++] = (state_row){record->key, record->value, record->offset};
}

void state_fold(const disk_log *log, const char *changelog, int32_t number, mr_bytes horizon,
                state_rows *out) {
    *out = (state_rows){0};
    const disk_log_partition *partition = disk_log_find(log, changelog, number);
    if (!partition) {
        return;
    }
    disk_log_each(partition, 0, add_row, out);
    if (out->count > 0) {
        qsort(out->rows, out->count, sizeof *out->rows, by_key);
    }
    size_t kept = 0;
    for (size_t i = 0; i < out->count; i++) {
        const state_row *row = &out->rows[i];
        bool newest = i + 1 == out->count || compare_bytes(row->key, out->rows[i + 1].key) != 0;
        bool expired = !mr_bytes_is_null(horizon) && compare_bytes(row->key, horizon) <= 0;
        if (newest && !expired && !mr_bytes_is_null(row->value)) {
            out->rows[kept++] = *row;
        }
    }
    out->count = kept;
}

void state_rows_deinit(state_rows *rows) {
    mr_free(rows->rows);
    *rows = (state_rows){0};
}

/* ---- one family ---- */

typedef struct comparing {
    const state_rows *folded;
    size_t at;
    const mr_job_family *family;
    mr_buf *problem;
} comparing;

static void put_key(mr_buf *out, mr_bytes key) {
    for (size_t i = 0; i < key.len; i++) {
        bool plain = key.data[i] >= 0x20 && key.data[i] < 0x7f;
        mr_buf_printf(out, plain ? "%c" : "\\x%02x", key.data[i]);
    }
}

static void compare_row(void *arg, mr_bytes key, mr_bytes value) {
    comparing *c = arg;
    if (c->problem->len > 0) {
        return;
    }
    const state_row *row = c->at < c->folded->count ? &c->folded->rows[c->at] : NULL;
    c->at++;
    if (row && compare_bytes(row->key, key) == 0 && compare_bytes(row->value, value) == 0) {
        return;
    }
    mr_buf_printf(c->problem, "state of %s-%" PRId32 ", row %zu: the task has ",
                  c->family->changelog, c->family->partition, c->at - 1);
    put_key(c->problem, key);
    mr_buf_put_text(c->problem, ", the fold ");
    put_key(c->problem, row ? row->key : mr_bytes_text("nothing"));
    if (row && compare_bytes(row->key, key) == 0) {
        mr_buf_put_text(c->problem, " with another value: ");
        put_key(c->problem, value);
        mr_buf_put_text(c->problem, " instead of ");
        put_key(c->problem, row->value);
    }
}

static mr_bytes horizon_of(const state_rows *task_rows, const char *store) {
    char name[300];
    snprintf(name, sizeof name, "c/%s", store);
    for (size_t i = 0; i < task_rows->count; i++) {
        if (compare_bytes(task_rows->rows[i].key, mr_bytes_text(name)) == 0) {
            return task_rows->rows[i].value;
        }
    }
    return MR_BYTES_NULL;
}

mr_status state_check_task(const mr_job_world *world, const mr_member *task, const disk_log *log,
                           uint64_t *rows, mr_buf *problem) {
    mr_job_family family;
    state_rows task_rows = {0};
    for (uint32_t f = 0; mr_job_world_family(world, task, f, &family) && problem->len == 0; f++) {
        state_rows folded;
        mr_bytes horizon = family.windowed ? horizon_of(&task_rows, family.name) : MR_BYTES_NULL;
        state_fold(log, family.changelog, family.partition, horizon, &folded);
        comparing c = {.folded = &folded, .family = &family, .problem = problem};
        mr_err err = {0};
        if (mr_job_world_rows(task, f, compare_row, &c, &err) != MR_OK) {
            mr_buf_printf(problem, "reading %s: %s", family.changelog, err.message);
        } else if (problem->len == 0 && c.at != folded.count) {
            mr_buf_printf(problem, "state of %s-%" PRId32 ": the task has %zu rows, the fold %zu",
                          family.changelog, family.partition, c.at, folded.count);
        }
        *rows += folded.count;
        if (f == 0) {
            task_rows = folded;
        } else {
            state_rows_deinit(&folded);
        }
    }
    state_rows_deinit(&task_rows);
    return problem->len == 0 ? MR_OK : MR_INVALID;
}

mr_status state_check_all(const mr_job_world *world, uint64_t *rows, mr_buf *problem) {
    disk_log log;
    disk_log_read(mr_job_world_disk(world), MR_SIM_CURRENT, &log);
    mr_status status = MR_OK;
    for (uint32_t w = 0; w < mr_job_world_workers(world); w++) {
        const mr_worker *worker = mr_job_world_worker(world, w);
        for (size_t m = 0; m < mr_worker_members(worker) && status == MR_OK; m++) {
            const mr_member *member = mr_worker_member(worker, m);
            if (mr_job_world_is_task(member)) {
                status = state_check_task(world, member, &log, rows, problem);
            }
        }
    }
    disk_log_deinit(&log);
    return status;
}
