/* statestore/rocksdb_env.h - what all RocksDB stores of the process share, for store_rocksdb.c
 * only: cache, memtable budget, options, and the one place that reads RocksDB's error strings. */
#pragma once

#include <pthread.h>
#include <rocksdb/c.h>

#include "statestore/store_rocksdb.h"

/* One open database among those that share the budget. */
typedef struct mr_rocksdb_member {
    struct mr_rocksdb_member *next;
    rocksdb_t *db;
    rocksdb_column_family_handle_t **handles;
    size_t handles_count;
    uint64_t memtable_bytes; /* as of its last write */
} mr_rocksdb_member;

struct mr_rocksdb_env {
    char *root;
    uint64_t memtable_bytes_max;
    rocksdb_cache_t *cache;
    rocksdb_env_t *env;
    pthread_mutex_t lock; /* over the members, and over what may flush another worker's database */
    mr_rocksdb_member *members;
    uint64_t memtable_bytes;
};

/* Options of a database and its families; owned by caller. env NULL: for reading only. */
rocksdb_options_t *mr_rocksdb_options(const mr_rocksdb_env *env);
void mr_rocksdb_env_join(mr_rocksdb_env *env, mr_rocksdb_member *member);
void mr_rocksdb_env_leave(mr_rocksdb_env *env, mr_rocksdb_member *member);
/* After a write: takes note of its memtables, and flushes the biggest if the budget is passed. */
void mr_rocksdb_env_wrote(mr_rocksdb_env *env, mr_rocksdb_member *member);
uint64_t mr_rocksdb_memtable_bytes(const mr_rocksdb_member *member);
/* Starts flushing what is in the member's active memtables. MR_AGAIN: it would have to wait.
 * MR_FULL, MR_UNAVAILABLE: an earlier flush or compaction failed. */
mr_status mr_rocksdb_flush_start(const mr_rocksdb_member *member, mr_err *err);
/* Flushes and waits. RocksDB itself flushes at close, but drops a flush that is already under way.
 */
void mr_rocksdb_flush_finish(const mr_rocksdb_member *member);
/* NULL: MR_OK. Frees error. "what: error" is the message. */
mr_status mr_rocksdb_status(char *error, mr_err *err, const char *what);
