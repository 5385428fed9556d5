#include "tests/simulation/model_store.h"

#include "runtime/base/alloc.h"
#include "runtime/base/assert.h"
#include "runtime/base/prng.h"
#include "statestore/sorted_map.h"

#define FLUSH_ODDS 4    /* one call in four finishes what was asked for */
#define UNASKED_ODDS 64 /* one write in 64 finds a memtable full */

/* One family's part of one batch, encoded: writes as u32 key length, key, u32 value length + 1 (0:
 * delete), value. */
typedef struct model_batch {
    mr_buf writes;
    mr_changelog_position position;
    bool positioned;
} model_batch;

typedef struct model_rows {
    mr_sorted_map *rows;
    mr_changelog_position position;
    bool positioned;
} model_rows;

typedef struct model_family {
    char *name;
    model_rows durable;
    model_rows current;
    model_batch *unflushed;
    size_t unflushed_count;
    size_t unflushed_cap;
    size_t flush_until; /* so many of them were asked to be flushed */
} model_family;

typedef struct model_directory {
    char *name;
    bool exists;
    uint64_t life; /* a store of an earlier life is dead */
    bool is_open;
    bool damaged;
    model_family **families;
    size_t families_count;
} model_directory;

struct mr_model_store {
    mr_prng prng;
    uint32_t stalls_percent;
    mr_model_mains mains;
    uint64_t damage_at; /* reads until then; 0: none */
    bool damage_done;
    model_directory **directories;
    size_t directories_count;
    mr_model_counters counters;
};

typedef struct model_handle {
    mr_store base; /* must be first */
    mr_model_store *model;
    model_directory *directory;
    uint64_t life;
    model_family **families;
    size_t families_count;
} model_handle;

struct mr_store_scan {
    model_handle *handle;
    mr_sorted_scan rows; /* none of a dead handle */
};

/* ---- families ---- */

static model_family *family_create(const char *name) {
    model_family *family = mr_alloc(sizeof *family);
    family->name = mr_strdup(name);
    family->durable.rows = mr_sorted_map_create();
    family->current.rows = mr_sorted_map_create();
    return family;
}

static void unflushed_drop(model_family *family, size_t from) {
    for (size_t i = from; i < family->unflushed_count; i++) {
        mr_buf_deinit(&family->unflushed[i].writes);
    }
    family->unflushed_count = from;
}

static void unflushed_add(model_family *family, model_batch batch) {
    if (family->unflushed_count == family->unflushed_cap) {
        family->unflushed_cap = family->unflushed_cap > 0 ? family->unflushed_cap * 2 : 8;
        family->unflushed =
            mr_realloc(family->unflushed, family->unflushed_cap * sizeof *family->unflushed);
    }
    family->unflushed[family->unflushed_count++] = batch;
}

static void family_destroy(model_family *family) {
    unflushed_drop(family, 0);
    mr_free(family->unflushed);
    mr_sorted_map_destroy(family->durable.rows);
    mr_sorted_map_destroy(family->current.rows);
    mr_free(family->name);
    mr_free(family);
}

static void rows_write(model_rows *rows, mr_bytes key, mr_bytes value) {
    if (mr_bytes_is_null(value)) {
        mr_sorted_map_remove(rows->rows, key);
    } else {
        mr_sorted_map_put(rows->rows, key, value);
    }
}

static void batch_apply(const model_batch *batch, model_rows *rows) {
    mr_reader reader = mr_reader_of(mr_buf_view(&batch->writes));
    while (mr_reader_left(&reader) > 0) {
        mr_bytes key = mr_reader_take(&reader, mr_reader_be32(&reader));
        uint32_t value_len = mr_reader_be32(&reader);
        mr_bytes value = value_len > 0 ? mr_reader_take(&reader, value_len - 1) : MR_BYTES_NULL;
        rows_write(rows, key, value);
    }
    MR_ASSERT(!reader.failed);
    if (batch->positioned) {
        rows->position = batch->position;
        rows->positioned = true;
    }
}

/* The first `count` unflushed batches become durable. */
static void family_flush(model_family *family, size_t count) {
    MR_ASSERT(count <= family->unflushed_count);
    for (size_t i = 0; i < count; i++) {
        batch_apply(&family->unflushed[i], &family->durable);
        mr_buf_deinit(&family->unflushed[i].writes);
    }
    family->unflushed_count -= count;
    if (count > 0) {
        memmove(family->unflushed, family->unflushed + count,
                family->unflushed_count * sizeof *family->unflushed);
    }
    family->flush_until = family->flush_until > count ? family->flush_until - count : 0;
}

static void rows_copy(model_rows *to, const model_rows *from) {
    mr_sorted_map_clear(to->rows);
    const mr_sorted_row *row = mr_sorted_map_seek(from->rows, MR_BYTES_NULL);
    for (; row != NULL; row = mr_sorted_map_next(row)) {
        mr_sorted_map_put(to->rows, row->key, row->value);
    }
    to->position = from->position;
    to->positioned = from->positioned;
}

static void family_copy(model_family *to, const model_family *from) {
    rows_copy(&to->durable, &from->durable);
    rows_copy(&to->current, &from->current);
    for (size_t i = 0; i < from->unflushed_count; i++) {
        model_batch batch = from->unflushed[i];
        batch.writes = (mr_buf){0};
        mr_buf_put_bytes(&batch.writes, mr_buf_view(&from->unflushed[i].writes));
        unflushed_add(to, batch);
    }
    to->flush_until = from->flush_until;
}

/* ---- what happens by itself ---- */

static void directory_tick(mr_model_store *model, model_directory *directory) {
    for (size_t i = 0; i < directory->families_count; i++) {
        model_family *family = directory->families[i];
        if (family->flush_until > 0 && mr_prng_below(&model->prng, FLUSH_ODDS) == 0) {
            family_flush(family, family->flush_until);
            model->counters.flushes_done += 1;
        }
        if (family->unflushed_count > 0 && mr_prng_below(&model->prng, UNASKED_ODDS) == 0) {
            family_flush(family, mr_prng_below(&model->prng, family->unflushed_count + 1));
        }
    }
}

static bool stalls(mr_model_store *model) {
    if (mr_prng_below(&model->prng, 100) >= model->stalls_percent) {
        return false;
    }
    model->counters.stalls += 1;
    return true;
}

/* ---- the store ---- */

static mr_status alive(const model_handle *handle, mr_err *err) {
    if (handle->life != handle->directory->life) {
        return mr_err_set(err, MR_UNAVAILABLE, "%s: crashed", handle->directory->name);
    }
    return MR_OK;
}

static model_family *family_of(const model_handle *handle, mr_family family) {
    MR_ASSERT(family < handle->families_count);
    return handle->families[family];
}

static mr_status enter_read(const model_handle *handle, mr_err *err) {
    mr_model_store *model = handle->model;
    mr_status status = alive(handle, err);
    if (status == MR_OK && model->damage_at > 0 && --model->damage_at == 0) {
        handle->directory->damaged = model->damage_done = true;
    }
    return status == MR_OK && handle->directory->damaged
               ? mr_err_set(err, MR_CORRUPT, "the model is damaged")
               : status;
}

static mr_model_power draw(const mr_model_store *model) {
    return model->mains.draw != NULL ? model->mains.draw(model->mains.arg) : MR_MODEL_POWER_ON;
}

static mr_status leave(mr_model_power power, mr_err *err) {
    return power == MR_MODEL_POWER_ON ? MR_OK : mr_err_set(err, MR_UNAVAILABLE, "the power is off");
}

/* MR_OK: do it, then leave(*power). */
static mr_status enter(const model_handle *handle, mr_model_power *power, mr_err *err) {
    mr_status status = alive(handle, err);
    if (status != MR_OK) {
        return status;
    }
    if (stalls(handle->model)) {
        return mr_err_set(err, MR_AGAIN, "the model stalls");
    }
    *power = draw(handle->model);
    return *power == MR_MODEL_POWER_OFF ? leave(*power, err) : MR_OK;
}

static mr_status model_get(mr_store *store, mr_family family, mr_bytes key, mr_buf *value,
                           mr_err *err) {
    const model_handle *handle = (const model_handle *)store;
    mr_status status = enter_read(handle, err);
    if (status != MR_OK) {
        return status;
    }
    const mr_sorted_row *row = mr_sorted_map_find(family_of(handle, family)->current.rows, key);
    if (row == NULL) {
        return MR_NOT_FOUND;
    }
    mr_buf_clear(value);
    mr_buf_put_bytes(value, row->value);
    return MR_OK;
}

/* The part of a batch that is one family's; false: none. */
static bool batch_part(const mr_store_batch *batch, mr_family family, model_batch *part) {
    *part = (model_batch){0};
    bool any = false;
    for (size_t i = 0; i < batch->writes_count; i++) {
        const mr_store_write *write = &batch->writes[i];
        if (write->family != family) {
            continue;
        }
        any = true;
        mr_buf_put_be32(&part->writes, (uint32_t)write->key.len);
        mr_buf_put_bytes(&part->writes, write->key);
        bool deletes = mr_bytes_is_null(write->value);
        mr_buf_put_be32(&part->writes, deletes ? 0 : (uint32_t)write->value.len + 1);
        mr_buf_put_bytes(&part->writes, write->value);
    }
    for (size_t i = 0; i < batch->positions_count; i++) {
        if (batch->position_families[i] == family) {
            any = true;
            part->position = batch->positions[i];
            part->positioned = true;
        }
    }
    return any;
}

static mr_status model_write(mr_store *store, const mr_store_batch *batch, mr_err *err) {
    model_handle *handle = (model_handle *)store;
    mr_model_power power;
    mr_status status = enter(handle, &power, err);
    if (status != MR_OK) {
        return status;
    }
    handle->model->counters.writes += 1;
    for (mr_family i = 0; i < handle->families_count; i++) {
        model_family *family = handle->families[i];
        model_batch part;
        if (!batch_part(batch, i, &part)) {
            continue;
        }
        batch_apply(&part, &family->current);
        unflushed_add(family, part);
    }
    directory_tick(handle->model, handle->directory);
    return leave(power, err);
}

static mr_store_scan *model_scan_open(mr_store *store, mr_family family, mr_bytes from,
                                      mr_bytes until) {
    model_handle *handle = (model_handle *)store;
    mr_store_scan *scan = mr_alloc(sizeof *scan);
    scan->handle = handle;
    if (alive(handle, NULL) == MR_OK) {
        mr_sorted_scan_open(&scan->rows, family_of(handle, family)->current.rows, from, until);
    }
    return scan;
}

static mr_status model_scan_next(mr_store_scan *scan, mr_bytes *key, mr_bytes *value, mr_err *err) {
    mr_status status = enter_read(scan->handle, err);
    if (status != MR_OK) {
        return status;
    }
    const mr_sorted_row *row = mr_sorted_scan_next(&scan->rows);
    if (row == NULL) {
        return MR_NOT_FOUND;
    }
    *key = row->key;
    *value = row->value;
    return MR_OK;
}

static void model_scan_close(mr_store_scan *scan) {
    mr_sorted_scan_close(&scan->rows);
    mr_free(scan);
}

static mr_status model_last(mr_store *store, mr_family family, mr_buf *key, mr_err *err) {
    const model_handle *handle = (const model_handle *)store;
    mr_status status = alive(handle, err);
    if (status != MR_OK) {
        return status;
    }
    const mr_sorted_row *row = mr_sorted_map_last(family_of(handle, family)->current.rows);
    if (row == NULL) {
        return MR_NOT_FOUND;
    }
    mr_buf_clear(key);
    mr_buf_put_bytes(key, row->key);
    return MR_OK;
}

static mr_status model_flush(mr_store *store, mr_err *err) {
    model_handle *handle = (model_handle *)store;
    mr_model_power power;
    mr_status status = enter(handle, &power, err);
    if (status != MR_OK) {
        return status;
    }
    handle->model->counters.flushes_asked += 1;
    for (size_t i = 0; i < handle->directory->families_count; i++) {
        model_family *family = handle->directory->families[i];
        family->flush_until = family->unflushed_count;
    }
    return leave(power, err);
}

static mr_status position_of(const model_rows *rows, mr_changelog_position *out) {
    if (!rows->positioned) {
        return MR_NOT_FOUND;
    }
    *out = rows->position;
    return MR_OK;
}

static mr_status model_persisted(mr_store *store, mr_family family, mr_changelog_position *out,
                                 mr_err *err) {
    model_handle *handle = (model_handle *)store;
    mr_status status = alive(handle, err);
    if (status != MR_OK) {
        return status;
    }
    directory_tick(handle->model, handle->directory);
    return position_of(&family_of(handle, family)->durable, out);
}

static mr_status model_position(mr_store *store, mr_family family, mr_changelog_position *out,
                                mr_err *err) {
    const model_handle *handle = (const model_handle *)store;
    mr_status status = alive(handle, err);
    return status == MR_OK ? position_of(&family_of(handle, family)->current, out) : status;
}

static uint64_t model_memory_bytes(mr_store *store) {
    const model_handle *handle = (const model_handle *)store;
    uint64_t bytes = 0;
    for (size_t i = 0; i < handle->directory->families_count; i++) {
        const model_family *family = handle->directory->families[i];
        for (size_t k = 0; k < family->unflushed_count; k++) {
            bytes += family->unflushed[k].writes.len;
        }
    }
    return bytes;
}

static void model_close(mr_store *store) {
    model_handle *handle = (model_handle *)store;
    if (alive(handle, NULL) == MR_OK) {
        handle->directory->is_open = false;
    }
    mr_free(handle->families);
    mr_free(handle);
}

static const mr_store_ops model_ops = {
    .durability = MR_STORE_DURABLE,
    .get = model_get,
    .write = model_write,
    .scan_open = model_scan_open,
    .scan_next = model_scan_next,
    .scan_close = model_scan_close,
    .last = model_last,
    .flush = model_flush,
    .persisted = model_persisted,
    .position = model_position,
    .memory_bytes = model_memory_bytes,
    .close = model_close,
};

/* ---- directories ---- */

static model_directory *directory_find(const mr_model_store *model, const char *name) {
    for (size_t i = 0; i < model->directories_count; i++) {
        if (strcmp(model->directories[i]->name, name) == 0) {
            return model->directories[i];
        }
    }
    return NULL;
}

static model_directory *directory_add(mr_model_store *model, const char *name) {
    model_directory *directory = mr_alloc(sizeof *directory);
    directory->name = mr_strdup(name);
    model->directories =
        mr_realloc(model->directories, (model->directories_count + 1) * sizeof *model->directories);
    model->directories[model->directories_count++] = directory;
    return directory;
}

static model_family *family_find(const model_directory *directory, const char *name) {
    for (size_t i = 0; i < directory->families_count; i++) {
        if (strcmp(directory->families[i]->name, name) == 0) {
            return directory->families[i];
        }
    }
    return NULL;
}

static model_family *family_find_or_add(model_directory *directory, const char *name) {
    model_family *family = family_find(directory, name);
    if (family == NULL) {
        family = family_create(name);
        directory->families = mr_realloc(directory->families, (directory->families_count + 1) *
                                                                  sizeof *directory->families);
        directory->families[directory->families_count++] = family;
    }
    return family;
}

static mr_status model_open(void *self, const char *name, const char *const *families,
                            size_t families_count, mr_store_open_mode mode, mr_store **out,
                            mr_err *err) {
    mr_model_store *model = self;
    model_directory *directory = directory_find(model, name);
    if (mode == MR_STORE_EXISTING && (directory == NULL || !directory->exists)) {
        return mr_err_set(err, MR_NOT_FOUND, "%s: no such store", name);
    }
    if (directory == NULL) {
        directory = directory_add(model, name);
    }
    MR_ASSERT(!directory->is_open);
    directory->exists = true;
    directory->is_open = true;
    model_handle *handle = mr_alloc(sizeof *handle);
    handle->base.ops = &model_ops;
    handle->model = model;
    handle->directory = directory;
    handle->life = directory->life;
    handle->families = mr_alloc_array(families_count, sizeof *handle->families);
    handle->families_count = families_count;
    for (size_t i = 0; i < families_count; i++) {
        handle->families[i] = family_find_or_add(directory, families[i]);
    }
    *out = &handle->base;
    return MR_OK;
}

static void directory_clear(model_directory *directory) {
    for (size_t i = 0; i < directory->families_count; i++) {
        family_destroy(directory->families[i]);
    }
    mr_free(directory->families);
    directory->families = NULL;
    directory->families_count = 0;
    directory->exists = false;
    directory->damaged = false;
}

static mr_status model_destroy(void *self, const char *name, mr_err *err) {
    const mr_model_store *model = self;
    model_directory *directory = directory_find(model, name);
    if (directory == NULL || !directory->exists) {
        return MR_OK;
    }
    MR_ASSERT(!directory->is_open);
    mr_model_power power = draw(model);
    if (power != MR_MODEL_POWER_OFF) {
        directory_clear(directory);
    }
    return leave(power, err);
}

mr_store_factory mr_model_store_factory(mr_model_store *model) {
    return (mr_store_factory){.open = model_open, .destroy = model_destroy, .self = model};
}

mr_model_store *mr_model_store_create(uint64_t seed) {
    mr_model_store *model = mr_alloc(sizeof *model);
    model->prng = mr_prng_seeded(seed);
    return model;
}

void mr_model_store_destroy(mr_model_store *model) {
    if (model == NULL) {
        return;
    }
    for (size_t i = 0; i < model->directories_count; i++) {
        MR_ASSERT(!model->directories[i]->is_open);
        directory_clear(model->directories[i]);
        mr_free(model->directories[i]->name);
        mr_free(model->directories[i]);
    }
    mr_free(model->directories);
    mr_free(model);
}

mr_model_store *mr_model_store_clone(const mr_model_store *model) {
    mr_model_store *clone = mr_model_store_create(0);
    clone->prng = model->prng;
    clone->stalls_percent = model->stalls_percent;
    for (size_t i = 0; i < model->directories_count; i++) {
        const model_directory *from = model->directories[i];
        model_directory *to = directory_add(clone, from->name);
        to->exists = from->exists;
        to->damaged = from->damaged;
        for (size_t k = 0; k < from->families_count; k++) {
            model_family *family = family_find_or_add(to, from->families[k]->name);
            family_copy(family, from->families[k]);
        }
    }
    return clone;
}

/* ---- the crash, and what checkers see ---- */

static size_t batches_kept(mr_model_store *model, const model_family *family, mr_model_crash kind) {
    switch (kind) {
    case MR_MODEL_CRASH_LOSES_ALL:
        return 0;
    case MR_MODEL_CRASH_LOSES_NONE:
        return family->unflushed_count;
    case MR_MODEL_CRASH_SEEDED:
        break;
    }
    return mr_prng_below(&model->prng, family->unflushed_count + 1);
}

void mr_model_store_crash(mr_model_store *model, mr_model_crash kind) {
    model->counters.crashes += 1;
    for (size_t i = 0; i < model->directories_count; i++) {
        model_directory *directory = model->directories[i];
        directory->life += 1;
        directory->is_open = false;
        for (size_t k = 0; k < directory->families_count; k++) {
            model_family *family = directory->families[k];
            family_flush(family, batches_kept(model, family, kind));
            model->counters.batches_lost += family->unflushed_count;
            unflushed_drop(family, 0);
            family->flush_until = 0;
            rows_copy(&family->current, &family->durable);
        }
    }
}

void mr_model_store_reseed(mr_model_store *model, uint64_t seed) {
    model->prng = mr_prng_seeded(seed);
}

void mr_model_store_set_mains(mr_model_store *model, mr_model_mains mains) {
    model->mains = mains;
}

void mr_model_store_damage_at(mr_model_store *model, uint64_t read) {
    model->damage_at = read;
    model->damage_done = false;
}

bool mr_model_store_has_damaged(const mr_model_store *model) {
    return model->damage_done;
}

void mr_model_store_set_stalls(mr_model_store *model, uint32_t percent) {
    MR_ASSERT(percent < 100);
    model->stalls_percent = percent;
}

void mr_model_store_each(mr_model_store *model, mr_model_visit visit, void *self) {
    for (size_t i = 0; i < model->directories_count; i++) {
        const model_directory *directory = model->directories[i];
        for (size_t k = 0; k < directory->families_count; k++) {
            const model_family *family = directory->families[k];
            const mr_sorted_row *row = mr_sorted_map_seek(family->current.rows, MR_BYTES_NULL);
            for (; row != NULL; row = mr_sorted_map_next(row)) {
                visit(self, directory->name, family->name, row->key, row->value);
            }
        }
    }
}

mr_status mr_model_store_position(mr_model_store *model, const char *directory, const char *family,
                                  mr_changelog_position *out) {
    const model_directory *found = directory_find(model, directory);
    const model_family *rows = found != NULL ? family_find(found, family) : NULL;
    return rows != NULL ? position_of(&rows->current, out) : MR_NOT_FOUND;
}

mr_model_counters mr_model_store_counters(const mr_model_store *model) {
    return model->counters;
}

mr_model_unflushed mr_model_store_unflushed(const mr_model_store *model) {
    mr_model_unflushed found = {0};
    for (size_t i = 0; i < model->directories_count; i++) {
        const model_directory *directory = model->directories[i];
        for (size_t k = 0; k < directory->families_count; k++) {
            const model_family *family = directory->families[k];
            size_t count = family->unflushed_count;
            found.families += count > 0;
            found.half_spilled += count > 0 && !family->unflushed[count - 1].positioned;
        }
    }
    return found;
}
