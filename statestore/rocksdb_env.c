#include "statestore/rocksdb_env.h"

#include <stdlib.h>

#include "runtime/base/alloc.h"
#include "runtime/base/assert.h"

#define BACKGROUND_THREADS 2
#define OPEN_FILES_MAX 64
#define BLOOM_BITS 10
#define READ_ONLY_CACHE_BYTES (8u << 20)
#define MEMTABLE_BYTES_MIN (256u << 10)
#define MEMTABLE_BYTES_DEFAULT (16u << 20)
/* RocksDB slows writers down from one memtable less and from 20 files in level 0; a flush is not
 * asked for when it would come near either, because then it waits. */
#define MEMTABLES_MAX 6
#define MEMTABLES_WAITING_MAX 3
#define LEVEL0_SLOWDOWN_FILES 20
#define LEVEL0_FILES_MAX 14
/* Its highest level, on which the engine's own log stays empty: the distribution's library is built
 * with asserts, and ends the process at the second line that it cannot write, as on a full disk.
 * What goes wrong is returned to us anyway. */
#define INFO_LOG_HEADERS 5

mr_rocksdb_env *mr_rocksdb_env_create(const mr_rocksdb_config *config) {
    mr_rocksdb_env *env = mr_alloc(sizeof *env);
    env->root = mr_strdup(config->root);
    env->memtable_bytes_max = config->memtable_bytes;
    env->cache = rocksdb_cache_create_lru(config->block_cache_bytes);
    env->env = rocksdb_create_default_env();
    rocksdb_env_set_background_threads(env->env, BACKGROUND_THREADS);
    int failed = pthread_mutex_init(&env->lock, NULL);
    MR_ASSERT(failed == 0);
    return env;
}

void mr_rocksdb_env_destroy(mr_rocksdb_env *env) {
    if (env == NULL) {
        return;
    }
    MR_ASSERT(env->members == NULL);
    pthread_mutex_destroy(&env->lock);
    rocksdb_cache_destroy(env->cache);
    rocksdb_env_destroy(env->env);
    mr_free(env->root);
    mr_free(env);
}

static bool begins_with(const char *text, const char *prefix) {
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* ENOSPC, EDQUOT and EFBIG come as their text, within an "IO error". */
static bool means_full(const char *error) {
    static const char *const texts[] = {"No space left", "Space limit reached", "quota exceeded",
                                        "File too large"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        if (strstr(error, texts[i]) != NULL) {
            return true;
        }
    }
    return false;
}

mr_status mr_rocksdb_status(char *error, mr_err *err, const char *what) {
    if (error == NULL) {
        return MR_OK;
    }
    mr_status status = MR_UNAVAILABLE;
    if (means_full(error)) {
        status = MR_FULL;
    } else if (begins_with(error, "Corruption")) {
        status = MR_CORRUPT;
    } else if (begins_with(error, "Result incomplete") || begins_with(error, "Resource busy") ||
               begins_with(error, "Operation failed. Try again")) {
        status = MR_AGAIN;
    }
    mr_err_set(err, status, "%s: %s", what, error);
    rocksdb_free(error);
    return status;
}

static void set_table_options(rocksdb_options_t *options, const mr_rocksdb_env *env) {
    rocksdb_block_based_table_options_t *table = rocksdb_block_based_options_create();
    rocksdb_block_based_options_set_filter_policy(
        table, rocksdb_filterpolicy_create_bloom_full(BLOOM_BITS));
    if (env != NULL) {
        rocksdb_block_based_options_set_block_cache(table, env->cache);
    } else {
        rocksdb_cache_t *cache = rocksdb_cache_create_lru(READ_ONLY_CACHE_BYTES);
        rocksdb_block_based_options_set_block_cache(table, cache);
        rocksdb_cache_destroy(cache);
    }
    /* Indexes and filters are part of the one memory budget. */
    rocksdb_block_based_options_set_cache_index_and_filter_blocks(table, 1);
    rocksdb_block_based_options_set_pin_l0_filter_and_index_blocks_in_cache(table, 1);
    rocksdb_options_set_block_based_table_factory(options, table);
    rocksdb_block_based_options_destroy(table);
}

rocksdb_options_t *mr_rocksdb_options(const mr_rocksdb_env *env) {
    rocksdb_options_t *options = rocksdb_options_create();
    uint64_t memtable_bytes = env != NULL ? env->memtable_bytes_max / 2 : MEMTABLE_BYTES_DEFAULT;
    if (memtable_bytes < MEMTABLE_BYTES_MIN) {
        memtable_bytes = MEMTABLE_BYTES_MIN;
    }
    if (env != NULL) {
        rocksdb_options_set_env(options, env->env);
        rocksdb_options_set_create_if_missing(options, 1);
        rocksdb_options_set_create_missing_column_families(options, 1);
    }
    rocksdb_options_set_write_buffer_size(options, memtable_bytes);
    rocksdb_options_set_max_write_buffer_number(options, MEMTABLES_MAX);
    rocksdb_options_set_level0_slowdown_writes_trigger(options, LEVEL0_SLOWDOWN_FILES);
    rocksdb_options_set_max_background_jobs(options, BACKGROUND_THREADS);
    /* A reader beside the owner opens all its files at once, as compaction may take them away
     * later. */
    rocksdb_options_set_max_open_files(options, env != NULL ? OPEN_FILES_MAX : -1);
    rocksdb_options_set_paranoid_checks(options, 1);
    rocksdb_options_set_compression(options, rocksdb_no_compression);
    rocksdb_options_set_info_log_level(options, INFO_LOG_HEADERS);
    rocksdb_options_set_keep_log_file_num(options, 1);
    rocksdb_options_set_stats_dump_period_sec(options, 0);
    rocksdb_options_set_stats_persist_period_sec(options, 0);
    rocksdb_options_set_skip_stats_update_on_db_open(options, 1);
    set_table_options(options, env);
    return options;
}

/* ---- the budget ---- */

static uint64_t family_figure(const mr_rocksdb_member *member, size_t index, const char *name) {
    uint64_t value = 0;
    int failed = rocksdb_property_int_cf(member->db, member->handles[index], name, &value);
    return failed == 0 ? value : 0;
}

uint64_t mr_rocksdb_memtable_bytes(const mr_rocksdb_member *member) {
    uint64_t bytes = 0;
    for (size_t i = 0; i < member->handles_count; i++) {
        bytes += family_figure(member, i, "rocksdb.cur-size-all-mem-tables");
    }
    return bytes;
}

/* Files in level 0: a property with the level in its name has no number form. */
static uint64_t level0_files(const mr_rocksdb_member *member, size_t index) {
    char *text = rocksdb_property_value_cf(member->db, member->handles[index],
                                           "rocksdb.num-files-at-level0");
    uint64_t files = text != NULL ? strtoull(text, NULL, 10) : 0;
    rocksdb_free(text);
    return files;
}

static bool flush_would_wait(const mr_rocksdb_member *member, size_t index) {
    return family_figure(member, index, "rocksdb.num-immutable-mem-table") >=
               MEMTABLES_WAITING_MAX ||
           level0_files(member, index) >= LEVEL0_FILES_MAX ||
           family_figure(member, index, "rocksdb.is-write-stopped") != 0 ||
           family_figure(member, index, "rocksdb.actual-delayed-write-rate") != 0;
}

/* A failed flush or compaction stops the database, and tells whoever writes next: an empty batch.
 */
static mr_status background_error(const mr_rocksdb_member *member, mr_err *err) {
    if (family_figure(member, 0, "rocksdb.background-errors") == 0) {
        return MR_OK;
    }
    rocksdb_writeoptions_t *options = rocksdb_writeoptions_create();
    rocksdb_writeoptions_disable_WAL(options, 1);
    rocksdb_writeoptions_set_no_slowdown(options, 1);
    rocksdb_writebatch_t *batch = rocksdb_writebatch_create();
    char *error = NULL;
    rocksdb_write(member->db, options, batch, &error);
    rocksdb_writebatch_destroy(batch);
    rocksdb_writeoptions_destroy(options);
    mr_status status = mr_rocksdb_status(error, err, "flush");
    return status != MR_OK && status != MR_AGAIN
               ? status
               : mr_err_set(err, MR_UNAVAILABLE, "flush: a background job failed");
}

mr_status mr_rocksdb_flush_start(const mr_rocksdb_member *member, mr_err *err) {
    mr_status failed = background_error(member, err);
    if (failed != MR_OK) {
        return failed;
    }
    for (size_t i = 0; i < member->handles_count; i++) {
        if (flush_would_wait(member, i)) {
            return mr_err_set(err, MR_AGAIN, "flush: the store is behind with its own work");
        }
    }
    rocksdb_flushoptions_t *options = rocksdb_flushoptions_create();
    rocksdb_flushoptions_set_wait(options, 0);
    char *error = NULL;
    for (size_t i = 0; i < member->handles_count && error == NULL; i++) {
        if (family_figure(member, i, "rocksdb.num-entries-active-mem-table") > 0) {
            rocksdb_flush_cf(member->db, options, member->handles[i], &error);
        }
    }
    rocksdb_flushoptions_destroy(options);
    return mr_rocksdb_status(error, err, "flush");
}

void mr_rocksdb_flush_finish(const mr_rocksdb_member *member) {
    rocksdb_flushoptions_t *options = rocksdb_flushoptions_create();
    rocksdb_flushoptions_set_wait(options, 1);
    for (size_t i = 0; i < member->handles_count; i++) {
        if (family_figure(member, i, "rocksdb.num-entries-active-mem-table") > 0 ||
            family_figure(member, i, "rocksdb.num-immutable-mem-table") > 0) {
            char *error = NULL;
            rocksdb_flush_cf(member->db, options, member->handles[i], &error);
            /* What could not be flushed is replayed from the changelog. */
            mr_status status = mr_rocksdb_status(error, NULL, "flush at close");
            (void)status;
        }
    }
    rocksdb_flushoptions_destroy(options);
}

void mr_rocksdb_env_join(mr_rocksdb_env *env, mr_rocksdb_member *member) {
    pthread_mutex_lock(&env->lock);
    member->memtable_bytes = 0;
    member->next = env->members;
    env->members = member;
    pthread_mutex_unlock(&env->lock);
}

void mr_rocksdb_env_leave(mr_rocksdb_env *env, mr_rocksdb_member *member) {
    pthread_mutex_lock(&env->lock);
    mr_rocksdb_member **link = &env->members;
    while (*link != member) {
        MR_ASSERT(*link != NULL);
        link = &(*link)->next;
    }
    *link = member->next;
    env->memtable_bytes -= member->memtable_bytes;
    pthread_mutex_unlock(&env->lock);
}

void mr_rocksdb_env_wrote(mr_rocksdb_env *env, mr_rocksdb_member *member) {
    uint64_t bytes = mr_rocksdb_memtable_bytes(member);
    pthread_mutex_lock(&env->lock);
    env->memtable_bytes += bytes - member->memtable_bytes;
    member->memtable_bytes = bytes;
    if (env->memtable_bytes > env->memtable_bytes_max) {
        mr_rocksdb_member *biggest = env->members;
        for (mr_rocksdb_member *other = biggest->next; other != NULL; other = other->next) {
            biggest = other->memtable_bytes > biggest->memtable_bytes ? other : biggest;
        }
        /* An error here is the owner's to see, at its next write. */
        mr_status status = mr_rocksdb_flush_start(biggest, NULL);
        (void)status;
        uint64_t now = mr_rocksdb_memtable_bytes(biggest);
        env->memtable_bytes += now - biggest->memtable_bytes;
        biggest->memtable_bytes = now;
    }
    pthread_mutex_unlock(&env->lock);
}
