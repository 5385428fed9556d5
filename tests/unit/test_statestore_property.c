/* tests/unit/test_statestore_property.c - the write-back table against a naive map of three images,
 * over the model store, with crashes: what is read is what a recomputation would give, at every
 * moment.
 *
 * One run holds two tables of one task, a key-value and a window one, each with its changelog. The
 * naive side is a sorted array of rows with open, sealed and committed image, and knows nothing of
 * spills. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "runtime/base/alloc.h"
#include "runtime/base/prng.h"
#include "statestore/window_key.h"
#include "statestore/writeback.h"
#include "tests/simulation/model_store.h"

#define TABLES 2
#define KEY_BYTES_MAX 24
#define VALUE_BYTES_MAX 200
#define OPERATIONS 1500

typedef enum { NONE, VALUE, TOMBSTONE } naive_state;
typedef enum { OPEN, SEALED, COMMITTED, IMAGES } naive_image;

typedef struct naive_row {
    uint8_t key[KEY_BYTES_MAX];
    size_t key_len;
    naive_state state[IMAGES];
    uint32_t value[IMAGES];
} naive_row;

typedef struct change {
    uint8_t key[KEY_BYTES_MAX];
    size_t key_len;
    uint32_t value; /* 0: tombstone */
    int64_t offset;
} change;

typedef struct horizon {
    uint8_t key[KEY_BYTES_MAX];
    size_t key_len;
} horizon;

typedef struct naive_table {
    mr_writeback_kind kind;
    naive_row *rows; /* by key */
    size_t rows_count;
    change *changelog;
    size_t changelog_count;
    int64_t log_start, log_end;
    change *sealing; /* what next_sealed gave */
    size_t sealing_count;
    horizon horizon[IMAGES];
    int64_t window_base;
    uint8_t topic_id[16];
} naive_table;

typedef struct run {
    mr_prng prng;
    uint64_t seed;
    uint32_t breaks;
    mr_model_store *model;
    mr_store_slot slot;
    mr_writeback *table[TABLES];
    naive_table naive[TABLES];
    bool sealed;
    uint32_t values; /* given out; the value's bytes follow from its number */
    bool failed;
    char why[256];
    uint64_t spills, crashes, rows_spilled, store_gets, replayed, expired;
} run;

/* A value's beginning, for "%.*s". */
#define SHOWN(bytes) (int)((bytes).len < 10 ? (bytes).len : 10), (const char *)(bytes).data

static const char *const families[TABLES] = {"totals", "windows"};

static void fail_run(run *r, const char *format, ...) MR_PRINTF(2, 3);
static void fail_run(run *r, const char *format, ...) {
    if (r->failed) {
        return;
    }
    r->failed = true;
    va_list args;
    va_start(args, format);
    vsnprintf(r->why, sizeof r->why, format, args);
    va_end(args);
}

static uint64_t below(run *r, uint64_t bound) {
    return mr_prng_below(&r->prng, bound);
}

static mr_bytes value_bytes(uint32_t value, char text[VALUE_BYTES_MAX]) {
    int len = snprintf(text, VALUE_BYTES_MAX, "v%u:", value);
    size_t fill = value % 150;
    memset(text + len, 'x', fill);
    return mr_bytes_of(text, (size_t)len + fill);
}

static bool is_value(mr_bytes bytes, uint32_t value) {
    char text[VALUE_BYTES_MAX];
    return mr_bytes_equal(bytes, value_bytes(value, text));
}

/* ---- the naive side ---- */

static mr_bytes row_key(const naive_row *row) {
    return mr_bytes_of(row->key, row->key_len);
}

static bool covered(const horizon *h, mr_bytes key) {
    return h->key_len > 0 && mr_bytes_compare(key, mr_bytes_of(h->key, h->key_len)) <= 0;
}

static naive_row *naive_find(naive_table *t, mr_bytes key) {
    for (size_t i = 0; i < t->rows_count; i++) {
        if (mr_bytes_equal(row_key(&t->rows[i]), key)) {
            return &t->rows[i];
        }
    }
    return NULL;
}

static naive_row *naive_row_for(naive_table *t, mr_bytes key) {
    naive_row *found = naive_find(t, key);
    if (found != NULL) {
        return found;
    }
    size_t at = 0;
    while (at < t->rows_count && mr_bytes_compare(row_key(&t->rows[at]), key) < 0) {
        at++;
    }
    t->rows = mr_realloc(t->rows, (t->rows_count + 1) * sizeof *t->rows);
    memmove(t->rows + at + 1, t->rows + at, (t->rows_count - at) * sizeof *t->rows);
    t->rows_count += 1;
    t->rows[at] = (naive_row){.key_len = key.len};
    memcpy(t->rows[at].key, key.data, key.len);
    return &t->rows[at];
}

/* The value's number, 0: not there. */
static uint32_t naive_value(const naive_row *row) {
    for (int i = 0; row != NULL && i < IMAGES; i++) {
        if (row->state[i] != NONE) {
            return row->state[i] == VALUE ? row->value[i] : 0;
        }
    }
    return 0;
}

static void naive_write(naive_row *row, uint32_t value) {
    row->state[OPEN] = value != 0 ? VALUE : TOMBSTONE;
    row->value[OPEN] = value;
}

static void naive_turn(naive_table *t, naive_image from, naive_image to) {
    for (size_t i = 0; i < t->rows_count; i++) {
        naive_row *row = &t->rows[i];
        if (row->state[from] != NONE) {
            row->state[to] = row->state[from];
            row->value[to] = row->value[from];
            row->state[from] = NONE;
        }
    }
    t->horizon[to] = t->horizon[from];
}

static void naive_drop_undecided(naive_table *t) {
    for (size_t i = 0; i < t->rows_count; i++) {
        t->rows[i].state[OPEN] = t->rows[i].state[SEALED] = NONE;
    }
    t->horizon[OPEN] = t->horizon[SEALED] = t->horizon[COMMITTED];
}

/* Rows below the committed horizon are no longer looked for: a short list keeps the run quick. */
static void naive_forget_expired(run *r, naive_table *t) {
    size_t kept = 0;
    for (size_t i = 0; i < t->rows_count; i++) {
        if (!covered(&t->horizon[COMMITTED], row_key(&t->rows[i]))) {
            t->rows[kept++] = t->rows[i];
        }
    }
    r->expired += t->rows_count - kept;
    t->rows_count = kept;
}

static void change_push(change **list, size_t *count, mr_bytes key, uint32_t value,
                        int64_t offset) {
    *list = mr_realloc(*list, (*count + 1) * sizeof **list);
    change *at = &(*list)[(*count)++];
    *at = (change){.key_len = key.len, .value = value, .offset = offset};
    memcpy(at->key, key.data, key.len);
}

/* ---- the store's side of a run ---- */

static void open_tables(run *r) {
    r->slot = (mr_store_slot){.factory = mr_model_store_factory(r->model),
                              .directory = "state/job.g1/task-0",
                              .families = families,
                              .families_count = TABLES};
    for (uint32_t i = 0; i < TABLES; i++) {
        r->table[i] = mr_writeback_create(&(mr_writeback_config){
            .kind = r->naive[i].kind, .slot = &r->slot, .family = i, .breaks = r->breaks});
    }
}

static void close_tables(run *r) {
    for (size_t i = 0; i < TABLES; i++) {
        r->spills += mr_writeback_counters_get(r->table[i]).spills;
        r->rows_spilled += mr_writeback_counters_get(r->table[i]).rows_spilled;
        r->store_gets += mr_writeback_counters_get(r->table[i]).store_gets;
        mr_writeback_destroy(r->table[i]);
    }
    mr_store_slot_close(&r->slot);
}

static void restore_table(run *r, size_t index) {
    naive_table *t = &r->naive[index];
    mr_err err = {0};
    if (t->kind == MR_WRITEBACK_WINDOW) {
        const horizon *h = &t->horizon[COMMITTED];
        mr_writeback_restore_horizon(r->table[index], mr_bytes_of(h->key, h->key_len));
    }
    int64_t position = 0;
    if (mr_writeback_restore_begin(r->table[index], t->topic_id, t->log_end, &position, &err) !=
        MR_OK) {
        fail_run(r, "restore: %s", err.message);
        return;
    }
    if (position + 1 < t->log_start) {
        fail_run(r, "position %lld behind the purge at %lld", (long long)position,
                 (long long)t->log_start);
        return;
    }
    for (size_t i = 0; i < t->changelog_count && !r->failed; i++) {
        const change *c = &t->changelog[i];
        if (c->offset <= position) {
            continue;
        }
        char text[VALUE_BYTES_MAX];
        mr_bytes value = c->value != 0 ? value_bytes(c->value, text) : MR_BYTES_NULL;
        if (mr_writeback_restore(r->table[index], mr_bytes_of(c->key, c->key_len), value, c->offset,
                                 &err) != MR_OK) {
            fail_run(r, "restore: %s", err.message);
        }
        r->replayed += 1;
    }
}

static void open_and_restore(run *r) {
    open_tables(r);
    for (size_t i = 0; i < TABLES; i++) {
        restore_table(r, i);
    }
}

/* ---- checks ---- */

static void check_scan(run *r, size_t index, mr_bytes after, mr_bytes until) {
    naive_table *t = &r->naive[index];
    mr_writeback_scan *scan = mr_writeback_scan_open(r->table[index], after, until);
    mr_bytes key, value;
    for (size_t i = 0; i < t->rows_count && !r->failed; i++) {
        const naive_row *row = &t->rows[i];
        uint32_t expected = naive_value(row);
        bool in_range = (mr_bytes_is_null(after) || mr_bytes_compare(row_key(row), after) > 0) &&
                        (mr_bytes_is_null(until) || mr_bytes_compare(row_key(row), until) < 0);
        if (expected == 0 || !in_range || covered(&t->horizon[OPEN], row_key(row))) {
            continue;
        }
        if (mr_writeback_scan_next(scan, &key, &value, NULL) != MR_OK) {
            fail_run(r, "%s: scan ends before v%u", families[index], expected);
        } else if (!mr_bytes_equal(key, row_key(row)) || !is_value(value, expected)) {
            fail_run(r, "%s: scan gives %.*s for v%u", families[index], SHOWN(value), expected);
        }
    }
    if (!r->failed && mr_writeback_scan_next(scan, &key, &value, NULL) != MR_NOT_FOUND) {
        fail_run(r, "%s: scan goes on behind its end with %.*s", families[index], SHOWN(value));
    }
    mr_writeback_scan_close(scan);
}

static void check_first_start(run *r, size_t index) {
    naive_table *t = &r->naive[index];
    if (t->kind != MR_WRITEBACK_WINDOW) {
        return;
    }
    int64_t start = 0, expected = 0;
    mr_bytes key;
    mr_status wanted = MR_NOT_FOUND;
    for (size_t i = 0; i < t->rows_count && wanted == MR_NOT_FOUND; i++) {
        if (naive_value(&t->rows[i]) != 0 && !covered(&t->horizon[OPEN], row_key(&t->rows[i]))) {
            wanted = mr_window_key_split(row_key(&t->rows[i]), &expected, &key);
        }
    }
    mr_status got = mr_writeback_first_start(r->table[index], &start, NULL);
    if (got != wanted || (got == MR_OK && start != expected)) {
        fail_run(r, "first start is %lld, not %lld", (long long)start, (long long)expected);
    }
}

static void check_get(run *r, size_t index, mr_bytes key) {
    naive_table *t = &r->naive[index];
    uint32_t expected = covered(&t->horizon[OPEN], key) ? 0 : naive_value(naive_find(t, key));
    mr_bytes value = mr_bytes_text("");
    mr_status status = mr_writeback_get(r->table[index], key, &value, NULL);
    if (status != (expected != 0 ? MR_OK : MR_NOT_FOUND) ||
        (status == MR_OK && !is_value(value, expected))) {
        fail_run(r, "%s: get gives %s %.*s, not v%u", families[index], mr_status_name(status),
                 SHOWN(value), expected);
    }
}

static void check_all(run *r) {
    for (size_t i = 0; i < TABLES; i++) {
        check_scan(r, i, MR_BYTES_NULL, MR_BYTES_NULL);
        check_first_start(r, i);
        for (size_t k = 0; k < r->naive[i].rows_count && !r->failed; k++) {
            check_get(r, i, row_key(&r->naive[i].rows[k]));
        }
    }
}

/* Only decided values may be in the store: each is among the changes of its key. Purged changes are
 * kept on this side. */
static void check_stored_row(void *self, const char *directory, const char *family, mr_bytes key,
                             mr_bytes value) {
    run *r = self;
    (void)directory;
    naive_table *t = &r->naive[strcmp(family, families[0]) == 0 ? 0 : 1];
    for (size_t i = t->changelog_count; i-- > 0;) {
        const change *c = &t->changelog[i];
        if (c->value != 0 && is_value(value, c->value)) {
            if (!mr_bytes_equal(key, mr_bytes_of(c->key, c->key_len))) {
                fail_run(r, "the store has v%u under another key", c->value);
            }
            return;
        }
    }
    fail_run(r, "the store has %.*s, which nobody decided", SHOWN(value));
}

/* ---- operations ---- */

static mr_bytes some_key(run *r, size_t index, mr_buf *out) {
    static const char *const odd[] = {"", "a", "b", "\xff", "zz"};
    mr_buf_clear(out);
    naive_table *t = &r->naive[index];
    if (t->kind == MR_WRITEBACK_WINDOW) {
        int64_t start = t->window_base + (int64_t)below(r, 5) * 10;
        char key[2] = {(char)('a' + (int)below(r, 6)), 0};
        mr_window_key_put(out, start, mr_bytes_text(key));
    } else if (below(r, 4) == 0) {
        mr_buf_put_text(out, odd[below(r, 5)]);
    } else if (below(r, 8) == 0) {
        mr_buf_put(out, "\0position\0", 9 + below(r, 2));
    } else {
        mr_buf_printf(out, "key-%llu", (unsigned long long)below(r, 20));
    }
    mr_buf_reserve(out, 1);
    return mr_buf_view(out);
}

static void op_write(run *r, size_t index, mr_bytes key) {
    naive_table *t = &r->naive[index];
    if (covered(&t->horizon[OPEN], key)) {
        return;
    }
    uint32_t value = ++r->values;
    char text[VALUE_BYTES_MAX];
    mr_bytes bytes = value_bytes(value, text);
    mr_status status = MR_OK;
    switch (below(r, 4)) {
    case 0:
        status = mr_writeback_put(r->table[index], key, bytes, NULL);
        break;
    case 1:
        value = 0;
        status = mr_writeback_delete(r->table[index], key, NULL);
        break;
    default: {
        mr_buf *image = NULL;
        uint32_t old = naive_value(naive_find(t, key));
        status = mr_writeback_edit(r->table[index], key, &image, NULL);
        if (status == MR_OK && (old != 0 ? !is_value(mr_buf_view(image), old) : image->len != 0)) {
            fail_run(r, "edit begins with %.*s, not v%u", SHOWN(mr_buf_view(image)), old);
        }
        if (status == MR_OK) {
            mr_buf_clear(image);
            mr_buf_put_bytes(image, bytes);
        }
    }
    }
    if (status != MR_OK) {
        fail_run(r, "write: %s", mr_status_name(status));
    }
    naive_write(naive_row_for(t, key), value);
}

static void op_horizon(run *r, size_t index, mr_buf *scratch) {
    naive_table *t = &r->naive[index];
    mr_bytes key = some_key(r, index, scratch);
    if (t->kind != MR_WRITEBACK_WINDOW || covered(&t->horizon[OPEN], key)) {
        return;
    }
    mr_writeback_set_horizon(r->table[index], key);
    t->horizon[OPEN].key_len = key.len;
    memcpy(t->horizon[OPEN].key, key.data, key.len);
    int64_t start = 0;
    mr_bytes rest;
    if (mr_window_key_split(key, &start, &rest) == MR_OK && start > t->window_base) {
        t->window_base = start;
    }
}

/* The changelog gets every change but expired ones, and may get the tombstone of a row nobody ever
 * saw. */
static void check_sealed(run *r, size_t index) {
    naive_table *t = &r->naive[index];
    t->sealing_count = 0;
    size_t cursor = 0;
    mr_bytes key, value;
    while (mr_writeback_next_sealed(r->table[index], &cursor, &key, &value)) {
        naive_row *row = naive_find(t, key);
        bool right = row != NULL && row->state[SEALED] != NONE &&
                     (mr_bytes_is_null(value)
                          ? row->state[SEALED] == TOMBSTONE
                          : row->state[SEALED] == VALUE && is_value(value, row->value[SEALED]));
        if (!right || covered(&t->horizon[SEALED], key)) {
            fail_run(r, "%s: wrong sealed change", families[index]);
            return;
        }
        change_push(&t->sealing, &t->sealing_count, key,
                    row->state[SEALED] == VALUE ? row->value[SEALED] : 0, 0);
    }
    for (size_t i = 0; i < t->rows_count; i++) {
        const naive_row *row = &t->rows[i];
        bool needed = row->state[SEALED] == VALUE ||
                      (row->state[SEALED] == TOMBSTONE && row->state[COMMITTED] == VALUE);
        bool given = false;
        for (size_t k = 0; k < t->sealing_count; k++) {
            given |=
                mr_bytes_equal(row_key(row), mr_bytes_of(t->sealing[k].key, t->sealing[k].key_len));
        }
        if (needed && !given && !covered(&t->horizon[SEALED], row_key(row))) {
            fail_run(r, "%s: a sealed change is left out", families[index]);
        }
    }
}

static void op_seal(run *r) {
    if (r->sealed) {
        return;
    }
    r->sealed = true;
    for (size_t i = 0; i < TABLES; i++) {
        mr_writeback_seal(r->table[i]);
        naive_turn(&r->naive[i], OPEN, SEALED);
        r->naive[i].horizon[OPEN] = r->naive[i].horizon[SEALED];
        check_sealed(r, i);
    }
}

/* The decision: the sealed changes are in the changelog from now on. */
static void decide(run *r) {
    for (size_t i = 0; i < TABLES; i++) {
        naive_table *t = &r->naive[i];
        for (size_t k = 0; k < t->sealing_count; k++) {
            change_push(&t->changelog, &t->changelog_count,
                        mr_bytes_of(t->sealing[k].key, t->sealing[k].key_len), t->sealing[k].value,
                        t->log_end++);
        }
        t->log_end += 1; /* the marker */
        horizon open = t->horizon[OPEN];
        naive_turn(t, SEALED, COMMITTED);
        t->horizon[OPEN] = open;
    }
}

static void op_commit(run *r) {
    if (!r->sealed) {
        return;
    }
    decide(r);
    for (size_t i = 0; i < TABLES; i++) {
        naive_table *t = &r->naive[i];
        int64_t last = t->changelog_count > 0 ? t->changelog[t->changelog_count - 1].offset : -1;
        mr_writeback_commit(r->table[i], last);
        naive_forget_expired(r, t);
    }
    r->sealed = false;
}

static void op_abort(run *r) {
    for (size_t i = 0; i < TABLES; i++) {
        mr_writeback_abort(r->table[i]);
        naive_drop_undecided(&r->naive[i]);
    }
    r->sealed = false;
}

static void op_spill(run *r, size_t index) {
    mr_err err = {0};
    for (uint64_t steps = 1 + below(r, 8); steps > 0 && !r->failed; steps--) {
        bool stalled = false;
        mr_status status =
            mr_writeback_spill_step(r->table[index], 1 + (uint32_t)below(r, 5), &stalled, &err);
        if (status != MR_OK && status != MR_AGAIN) {
            fail_run(r, "spill: %s", err.message);
        }
    }
}

/* What is flushed may go from the changelog; the checker keeps it, the replay does not get it. */
static void op_purge(run *r, size_t index) {
    int64_t flushed = mr_writeback_flushed_position(r->table[index]);
    if (flushed + 1 > r->naive[index].log_start) {
        r->naive[index].log_start = flushed + 1;
    }
}

static void op_crash(run *r) {
    static const mr_model_crash kinds[] = {MR_MODEL_CRASH_SEEDED, MR_MODEL_CRASH_SEEDED,
                                           MR_MODEL_CRASH_LOSES_ALL, MR_MODEL_CRASH_LOSES_NONE};
    r->crashes += 1;
    if (r->sealed && below(r, 2) == 0) {
        decide(r); /* the decision got through, its applying did not */
    }
    mr_model_store_crash(r->model, kinds[below(r, 4)]);
    close_tables(r);
    for (size_t i = 0; i < TABLES; i++) {
        naive_drop_undecided(&r->naive[i]);
        naive_forget_expired(r, &r->naive[i]);
    }
    r->sealed = false;
    mr_model_store_each(r->model, check_stored_row, r);
    open_and_restore(r);
    if (!r->failed) {
        check_all(r);
    }
}

static void op_close_and_open(run *r) {
    if (r->sealed) {
        return;
    }
    op_abort(r);
    close_tables(r);
    open_and_restore(r);
}

static void step(run *r, mr_buf *scratch) {
    size_t index = below(r, TABLES);
    uint64_t dice = below(r, 1000);
    if (dice < 500) {
        op_write(r, index, some_key(r, index, scratch));
    } else if (dice < 620) {
        check_get(r, index, some_key(r, index, scratch));
    } else if (dice < 660) {
        mr_buf until = {0};
        mr_bytes after = below(r, 3) == 0 ? MR_BYTES_NULL : some_key(r, index, scratch);
        mr_bytes end = below(r, 3) == 0 ? MR_BYTES_NULL : some_key(r, index, &until);
        check_scan(r, index, after, end);
        mr_buf_deinit(&until);
    } else if (dice < 700) {
        check_first_start(r, index);
    } else if (dice < 720) {
        op_horizon(r, index, scratch);
    } else if (dice < 790) {
        op_seal(r);
    } else if (dice < 850) {
        op_commit(r);
    } else if (dice < 862) {
        op_abort(r);
    } else if (dice < 970) {
        op_spill(r, index);
    } else if (dice < 980) {
        op_purge(r, index);
    } else if (dice < 990) {
        op_crash(r);
    } else if (dice < 993) {
        op_close_and_open(r);
    } else {
        check_all(r);
    }
}

static void run_start(run *r, uint64_t seed, uint32_t breaks) {
    *r = (run){.prng = mr_prng_seeded(seed), .seed = seed, .breaks = breaks};
    r->model = mr_model_store_create(seed + 1);
    mr_model_store_set_stalls(r->model, (uint32_t)(seed % 3) * 15);
    r->naive[0].kind = MR_WRITEBACK_KEY_VALUE;
    r->naive[1].kind = MR_WRITEBACK_WINDOW;
    memset(r->naive[1].topic_id, 1, 16);
    r->naive[1].window_base = -100;
    open_and_restore(r);
}

static void run_end(run *r) {
    close_tables(r);
    mr_model_store_destroy(r->model);
    for (size_t i = 0; i < TABLES; i++) {
        mr_free(r->naive[i].rows);
        mr_free(r->naive[i].changelog);
        mr_free(r->naive[i].sealing);
    }
}

static bool run_seed(run *r, uint64_t seed, uint32_t breaks) {
    run_start(r, seed, breaks);
    mr_buf scratch = {0};
    for (int i = 0; i < OPERATIONS && !r->failed; i++) {
        step(r, &scratch);
    }
    if (!r->failed) {
        check_all(r);
        mr_model_store_each(r->model, check_stored_row, r);
    }
    mr_buf_deinit(&scratch);
    run_end(r);
    return !r->failed;
}

#define SEEDS 120

static void reads_are_those_of_a_naive_table_through_spills_and_crashes(void **state) {
    (void)state;
    uint64_t spills = 0, crashes = 0, rows_spilled = 0, store_gets = 0, replayed = 0, expired = 0;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        run r;
        if (!run_seed(&r, seed, MR_WRITEBACK_BREAK_NONE)) {
            fail_msg("seed %llu: %s", (unsigned long long)seed, r.why);
        }
        spills += r.spills;
        crashes += r.crashes;
        rows_spilled += r.rows_spilled;
        store_gets += r.store_gets;
        replayed += r.replayed;
        expired += r.expired;
    }
    printf("%d runs of %d operations: %llu spills, %llu rows spilled, %llu crashes, %llu replayed, "
           "%llu store reads, %llu rows expired\n",
           SEEDS, OPERATIONS, (unsigned long long)spills, (unsigned long long)rows_spilled,
           (unsigned long long)crashes, (unsigned long long)replayed,
           (unsigned long long)store_gets, (unsigned long long)expired);
    assert_true(spills > 500 && crashes > 500 && rows_spilled > 2000);
    assert_true(replayed > 2000 && store_gets > 2000 && expired > 500);
}

#ifdef MR_BROKEN
static void expect_caught(mr_writeback_break what, const char *name) {
    int caught = 0;
    char why[256] = "";
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        run r;
        if (!run_seed(&r, seed, what)) {
            caught += 1;
            memcpy(why, r.why, sizeof why);
        }
    }
    printf("%s: caught in %d of %d runs, e.g. \"%s\"\n", name, caught, SEEDS, why);
    assert_true(caught > 0);
}

static void an_undecided_row_in_the_store_is_caught(void **state) {
    (void)state;
    expect_caught(MR_WRITEBACK_BREAK_SPILL_UNDECIDED, "spill of undecided rows");
}

static void a_position_moved_before_its_rows_is_caught(void **state) {
    (void)state;
    expect_caught(MR_WRITEBACK_BREAK_POSITION_FIRST, "position with the first chunk");
}
#endif

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_are_those_of_a_naive_table_through_spills_and_crashes),
#ifdef MR_BROKEN
        cmocka_unit_test(an_undecided_row_in_the_store_is_caught),
        cmocka_unit_test(a_position_moved_before_its_rows_is_caught),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
