/* statestore/store_rocksdb.h - RocksDB: one database per task, one column family per store, WAL
 * off. One block cache and one memtable budget for the process, held by the environment. */
#pragma once

#include "statestore/store.h"

typedef struct mr_rocksdb_env mr_rocksdb_env;

typedef struct mr_rocksdb_config {
    const char *root; /* the data directory; copied */
    uint64_t block_cache_bytes;
    uint64_t memtable_bytes; /* for the process; the biggest is flushed when it is passed */
} mr_rocksdb_config;

mr_rocksdb_env *mr_rocksdb_env_create(const mr_rocksdb_config *config);
void mr_rocksdb_env_destroy(mr_rocksdb_env *env); /* all stores closed */
/* Thread: the factory may be used from any worker. Borrows env. */
mr_store_factory mr_rocksdb_factory(mr_rocksdb_env *env);
/* As the factory's open, reading only, beside a running owner: sees what was flushed. */
mr_status mr_rocksdb_open_read_only(const char *directory_path, const char *const *families,
                                    size_t families_count, mr_store **out, mr_err *err) MR_CHECKED;
