/* tests/unit/test_statestore_stores.c - memory, model and RocksDB give the same answers to the same
 * calls. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "runtime/base/prng.h"
#include "statestore/store_memory.h"
#include "statestore/store_rocksdb.h"
#include "tests/simulation/model_store.h"

#define STORES 3
#define FAMILIES 2
#define DIRECTORY "state/job.g1/task-0"

static const char *const families[FAMILIES] = {"one", "two"};

typedef struct stores {
    char root[64];
    mr_rocksdb_env *env;
    mr_model_store *model;
    mr_store_factory factory[STORES];
    mr_store *store[STORES];
} stores;

static void stores_open(stores *s) {
    *s = (stores){.root = "/tmp/millrace-stores-XXXXXX"};
    assert_non_null(mkdtemp(s->root));
    s->env = mr_rocksdb_env_create(&(mr_rocksdb_config){
        .root = s->root, .block_cache_bytes = 1 << 20, .memtable_bytes = 1 << 20});
    s->model = mr_model_store_create(1);
    s->factory[0] = mr_store_memory_factory();
    s->factory[1] = mr_model_store_factory(s->model);
    s->factory[2] = mr_rocksdb_factory(s->env);
    for (size_t i = 0; i < STORES; i++) {
        assert_int_equal(s->factory[i].open(s->factory[i].self, DIRECTORY, families, FAMILIES,
                                            MR_STORE_CREATE, &s->store[i], NULL),
                         MR_OK);
    }
}

static void stores_close(stores *s) {
    for (size_t i = 0; i < STORES; i++) {
        mr_store_close(s->store[i]);
        assert_int_equal(s->factory[i].destroy(s->factory[i].self, DIRECTORY, NULL), MR_OK);
        assert_int_equal(s->factory[i].destroy(s->factory[i].self, DIRECTORY, NULL), MR_OK);
        mr_store *gone = NULL;
        assert_int_equal(s->factory[i].open(s->factory[i].self, DIRECTORY, families, FAMILIES,
                                            MR_STORE_EXISTING, &gone, NULL),
                         MR_NOT_FOUND);
    }
    mr_model_store_destroy(s->model);
    mr_rocksdb_env_destroy(s->env);
    char path[128];
    const char *const left[] = {"/state/job.g1", "/state", ""};
    for (size_t i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s%s", s->root, left[i]);
        assert_int_equal(rmdir(path), 0);
    }
}

/* Few and awkward keys, so that they meet: the reserved one and its neighbours among them. */
static mr_bytes some_key(mr_prng *prng, mr_buf *out) {
    mr_buf_clear(out);
    switch (mr_prng_below(prng, 5)) {
    case 0:
        mr_buf_put(out, "\0position\0\0", mr_prng_below(prng, 12));
        break;
    case 1:
        mr_buf_put(out, "\0position", 9);
        mr_buf_printf(out, "%d", (int)mr_prng_below(prng, 3));
        break;
    case 2:
        mr_buf_put(out, "\xff\xff\xff", mr_prng_below(prng, 4));
        break;
    default:
        mr_buf_printf(out, "key-%d", (int)mr_prng_below(prng, 60));
    }
    mr_buf_reserve(out, 1);
    return mr_buf_view(out);
}

static void write_some(stores *s, mr_prng *prng) {
    enum { WRITES_MAX = 6 };
    mr_store_write writes[WRITES_MAX];
    mr_buf keys[WRITES_MAX] = {0}, values[WRITES_MAX] = {0};
    size_t count = mr_prng_below(prng, WRITES_MAX + 1);
    for (size_t i = 0; i < count; i++) {
        writes[i].family = (mr_family)mr_prng_below(prng, FAMILIES);
        writes[i].key = some_key(prng, &keys[i]);
        mr_buf_printf(&values[i], "%.*s", (int)mr_prng_below(prng, 40),
                      "a value of some length, sometimes none at all");
        writes[i].value = mr_prng_below(prng, 3) == 0 ? MR_BYTES_NULL : mr_buf_view(&values[i]);
    }
    mr_family family = (mr_family)mr_prng_below(prng, FAMILIES);
    mr_changelog_position position = {.offset = (int64_t)mr_prng_below(prng, 1000)};
    mr_store_batch batch = {.writes = writes,
                            .writes_count = count,
                            .position_families = &family,
                            .positions = &position,
                            .positions_count = mr_prng_below(prng, 3) == 0 ? 1 : 0};
    for (size_t i = 0; i < STORES; i++) {
        assert_int_equal(mr_store_write_batch(s->store[i], &batch, NULL), MR_OK);
    }
    for (size_t i = 0; i < WRITES_MAX; i++) {
        mr_buf_deinit(&keys[i]);
        mr_buf_deinit(&values[i]);
    }
}

static void compare_reads(stores *s, mr_prng *prng) {
    mr_buf key = {0}, value[STORES] = {0}, last[STORES] = {0};
    mr_status status[STORES], last_status[STORES], position_status[STORES];
    mr_changelog_position position[STORES] = {0};
    mr_family family = (mr_family)mr_prng_below(prng, FAMILIES);
    some_key(prng, &key);
    for (size_t i = 0; i < STORES; i++) {
        status[i] = mr_store_get(s->store[i], family, mr_buf_view(&key), &value[i], NULL);
        last_status[i] = mr_store_last(s->store[i], family, &last[i], NULL);
        position_status[i] = mr_store_position(s->store[i], family, &position[i], NULL);
        assert_int_equal(status[i], status[0]);
        assert_int_equal(last_status[i], last_status[0]);
        assert_int_equal(position_status[i], position_status[0]);
        assert_int_equal(position[i].offset, position[0].offset);
        assert_int_equal(value[i].len, value[0].len);
        if (value[0].len > 0) {
            assert_memory_equal(value[i].data, value[0].data, value[0].len);
        }
        assert_int_equal(last[i].len, last[0].len);
        if (last[0].len > 0) {
            assert_memory_equal(last[i].data, last[0].data, last[0].len);
        }
    }
    for (size_t i = 0; i < STORES; i++) {
        mr_buf_deinit(&value[i]);
        mr_buf_deinit(&last[i]);
    }
    mr_buf_deinit(&key);
}

static size_t compare_scans(stores *s, mr_prng *prng) {
    mr_buf from = {0}, until = {0};
    mr_family family = (mr_family)mr_prng_below(prng, FAMILIES);
    mr_bytes begin = mr_prng_below(prng, 3) == 0 ? MR_BYTES_NULL : some_key(prng, &from);
    mr_bytes end = mr_prng_below(prng, 3) == 0 ? MR_BYTES_NULL : some_key(prng, &until);
    mr_store_scan *scan[STORES];
    for (size_t i = 0; i < STORES; i++) {
        scan[i] = mr_store_scan_open(s->store[i], family, begin, end);
    }
    mr_status status = MR_OK;
    size_t rows = 0;
    while (status == MR_OK) {
        mr_bytes key[STORES], value[STORES];
        for (size_t i = 0; i < STORES; i++) {
            mr_status got = mr_store_scan_next(s->store[i], scan[i], &key[i], &value[i], NULL);
            status = i == 0 ? got : status;
            assert_int_equal(got, status);
            if (got == MR_OK) {
                assert_true(mr_bytes_equal(key[i], key[0]));
                assert_true(mr_bytes_equal(value[i], value[0]));
                rows += i == 0 ? 1 : 0;
            }
        }
    }
    assert_int_equal(status, MR_NOT_FOUND);
    for (size_t i = 0; i < STORES; i++) {
        mr_store_scan_close(s->store[i], scan[i]);
    }
    mr_buf_deinit(&from);
    mr_buf_deinit(&until);
    return rows;
}

static void reopen_durable_ones(stores *s) {
    for (size_t i = 1; i < STORES; i++) {
        mr_store_close(s->store[i]);
        assert_int_equal(s->factory[i].open(s->factory[i].self, DIRECTORY, families, FAMILIES,
                                            MR_STORE_EXISTING, &s->store[i], NULL),
                         MR_OK);
    }
}

static void three_stores_answer_alike(void **state) {
    (void)state;
    stores s;
    stores_open(&s);
    mr_prng prng = mr_prng_seeded(7);
    size_t scanned = 0;
    for (int i = 0; i < 6000; i++) {
        uint64_t dice = mr_prng_below(&prng, 1000);
        if (dice < 500) {
            write_some(&s, &prng);
        } else if (dice < 850) {
            compare_reads(&s, &prng);
        } else if (dice < 990) {
            scanned += compare_scans(&s, &prng);
        } else if (dice < 998) {
            for (size_t k = 0; k < STORES; k++) {
                mr_status status = mr_store_flush(s.store[k], NULL);
                assert_true(status == MR_OK || (k == 2 && status == MR_AGAIN));
            }
        } else {
            reopen_durable_ones(&s);
        }
    }
    assert_true(scanned > 5000);
    stores_close(&s);
}

static void a_memory_store_says_that_it_forgets(void **state) {
    (void)state;
    stores s;
    stores_open(&s);
    assert_int_equal(mr_store_durability_of(s.store[0]), MR_STORE_FORGETS);
    assert_int_equal(mr_store_durability_of(s.store[1]), MR_STORE_DURABLE);
    assert_int_equal(mr_store_durability_of(s.store[2]), MR_STORE_DURABLE);
    mr_family family = 0;
    mr_changelog_position position = {.offset = 5};
    mr_store_batch batch = {
        .position_families = &family, .positions = &position, .positions_count = 1};
    assert_int_equal(mr_store_write_batch(s.store[0], &batch, NULL), MR_OK);
    assert_int_equal(mr_store_flush(s.store[0], NULL), MR_OK);
    assert_int_equal(mr_store_persisted(s.store[0], 0, &position, NULL), MR_NOT_FOUND);
    stores_close(&s);
}

/* ---- the model's crash ---- */

static void write_position(mr_store *store, mr_family family, int64_t offset) {
    char key[32];
    snprintf(key, sizeof key, "row-%lld", (long long)offset);
    mr_store_write write = {family, mr_bytes_text(key), mr_bytes_text("v")};
    mr_changelog_position position = {.offset = offset};
    mr_store_batch batch = {.writes = &write,
                            .writes_count = 1,
                            .position_families = &family,
                            .positions = &position,
                            .positions_count = 1};
    assert_int_equal(mr_store_write_batch(store, &batch, NULL), MR_OK);
}

static void count_row(void *self, const char *directory, const char *family, mr_bytes key,
                      mr_bytes value) {
    (void)directory;
    (void)key;
    (void)value;
    ((size_t *)self)[strcmp(family, "two") == 0] += 1;
}

static int64_t position_after_crash(mr_model_store *model, const char *family) {
    mr_changelog_position position;
    mr_status status = mr_model_store_position(model, DIRECTORY, family, &position);
    return status == MR_OK ? position.offset : -1;
}

static void a_crash_of_the_model_keeps_a_prefix_of_each_family(void **state) {
    (void)state;
    bool differed = false, lost = false, kept_all = false;
    for (uint64_t seed = 1; seed <= 200; seed++) {
        mr_model_store *model = mr_model_store_create(seed);
        mr_store_factory factory = mr_model_store_factory(model);
        mr_store *store = NULL;
        assert_int_equal(factory.open(factory.self, DIRECTORY, families, FAMILIES, MR_STORE_CREATE,
                                      &store, NULL),
                         MR_OK);
        for (int64_t i = 0; i < 10; i++) {
            write_position(store, 0, i);
            write_position(store, 1, i);
        }
        int64_t flushed[FAMILIES] = {-1, -1};
        for (mr_family k = 0; k < FAMILIES; k++) {
            mr_changelog_position position;
            if (mr_store_persisted(store, k, &position, NULL) == MR_OK) {
                flushed[k] = position.offset;
            }
        }
        mr_model_store_crash(model, MR_MODEL_CRASH_SEEDED);
        mr_buf value = {0};
        assert_int_equal(mr_store_get(store, 0, mr_bytes_text("row-0"), &value, NULL),
                         MR_UNAVAILABLE);
        mr_buf_deinit(&value);
        mr_store_close(store);
        size_t rows[FAMILIES] = {0};
        mr_model_store_each(model, count_row, rows);
        int64_t one = position_after_crash(model, "one");
        int64_t two = position_after_crash(model, "two");
        assert_int_equal(rows[0], one + 1);
        assert_int_equal(rows[1], two + 1);
        assert_true(one >= flushed[0] && two >= flushed[1]);
        differed |= one != two;
        lost |= one < 9;
        kept_all |= one == 9 && two == 9;
        mr_model_store_destroy(model);
    }
    assert_true(differed && lost && kept_all);
}

static void what_the_model_flushed_survives_its_crash(void **state) {
    (void)state;
    mr_model_store *model = mr_model_store_create(3);
    mr_store_factory factory = mr_model_store_factory(model);
    mr_store *store = NULL;
    assert_int_equal(
        factory.open(factory.self, DIRECTORY, families, FAMILIES, MR_STORE_CREATE, &store, NULL),
        MR_OK);
    write_position(store, 0, 4);
    assert_int_equal(mr_store_flush(store, NULL), MR_OK);
    mr_changelog_position position;
    int asked = 0;
    while (mr_store_persisted(store, 0, &position, NULL) != MR_OK) {
        assert_true(++asked < 1000);
    }
    assert_true(asked > 0); /* not at once */
    assert_int_equal(position.offset, 4);
    mr_model_store_crash(model, MR_MODEL_CRASH_LOSES_ALL);
    mr_store_close(store);
    assert_int_equal(position_after_crash(model, "one"), 4);
    assert_int_equal(mr_model_store_counters(model).crashes, 1);
    mr_model_store_destroy(model);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(three_stores_answer_alike),
        cmocka_unit_test(a_memory_store_says_that_it_forgets),
        cmocka_unit_test(a_crash_of_the_model_keeps_a_prefix_of_each_family),
        cmocka_unit_test(what_the_model_flushed_survives_its_crash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
