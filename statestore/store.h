/* statestore/store.h - ordered bytes -> bytes families of one task, each with its own position in
 * its changelog.
 *
 * Invariants
 *  1. A batch is atomic within the store. After a crash every family, independently, has some
 *     prefix of the batches written to it; what flush() finished is in that prefix.
 *  2. A family's position is written in the same batch as the last rows that belong to it; rows may
 *     be newer than the position, never older.
 *  3. The reserved key (one byte 0x00 and "position") is never seen by get, scan or last; a row's
 *     key may be any bytes, those and none at all included.
 *  4. No call waits for a stalled engine: write and flush answer MR_AGAIN instead. (close waits.)
 * Backends: RocksDB, memory (forgets everything at close), model (simulation: loses suffixes at a
 * crash). No backend is opened before it is needed. Thread: owner task only.
 */
#pragma once

#include "runtime/base/bytes.h"

typedef struct mr_store mr_store;
typedef uint32_t mr_family; /* index into the names given at open */

typedef struct mr_changelog_position {
    uint8_t topic_id[16];
    int32_t leader_epoch;
    int64_t offset; /* all changes up to and with this one are in the family; -1: none */
} mr_changelog_position;

typedef struct mr_store_write {
    mr_family family;
    mr_bytes key;   /* any bytes; not null */
    mr_bytes value; /* null deletes */
} mr_store_write;

typedef struct mr_store_batch {
    const mr_store_write *writes;
    size_t writes_count;
    /* Positions written with this batch. */
    const mr_family *position_families;
    const mr_changelog_position *positions;
    size_t positions_count;
} mr_store_batch;

typedef struct mr_store_scan mr_store_scan;

typedef enum mr_store_durability {
    MR_STORE_DURABLE = 0, /* what flush finished is there after close and crash */
    MR_STORE_FORGETS,     /* nothing survives close: persisted is always MR_NOT_FOUND */
} mr_store_durability;

typedef struct mr_store_ops {
    mr_store_durability durability;
    /* Replaces value. MR_NOT_FOUND; MR_CORRUPT; MR_UNAVAILABLE (I/O error: close, open again,
     * replay). */
    mr_status (*get)(mr_store *store, mr_family family, mr_bytes key, mr_buf *value, mr_err *err);
    /* MR_AGAIN: the engine stalls, nothing was written. */
    mr_status (*write)(mr_store *store, const mr_store_batch *batch, mr_err *err);
    /* Rows with from <= key < until in key order (null: unbounded). Valid until the next write. */
    mr_store_scan *(*scan_open)(mr_store *store, mr_family family, mr_bytes from, mr_bytes until);
    /* Borrowed until the next call on the scan. MR_NOT_FOUND: the end. */
    mr_status (*scan_next)(mr_store_scan *scan, mr_bytes *key, mr_bytes *value, mr_err *err);
    void (*scan_close)(mr_store_scan *scan);
    /* The greatest key of any row; replaces key. MR_NOT_FOUND: no rows. */
    mr_status (*last)(mr_store *store, mr_family family, mr_buf *key, mr_err *err);
    /* Starts making all families durable, without waiting. MR_AGAIN: it stalls, call again.
     * MR_FULL, MR_UNAVAILABLE: this or an earlier flush failed; close, open again, replay. */
    mr_status (*flush)(mr_store *store, mr_err *err);
    /* The newest position that would survive a crash now. MR_NOT_FOUND: none. */
    mr_status (*persisted)(mr_store *store, mr_family family, mr_changelog_position *out,
                           mr_err *err);
    /* The newest position written. MR_NOT_FOUND: none. */
    mr_status (*position)(mr_store *store, mr_family family, mr_changelog_position *out,
                          mr_err *err);
    uint64_t (*memory_bytes)(mr_store *store); /* memtables */
    /* A durable store waits for its flushes, and has all batches when it is opened again. */
    void (*close)(mr_store *store);
} mr_store_ops;

struct mr_store {
    const mr_store_ops *ops;
    bool damaged; /* a call answered MR_CORRUPT: what is there must be made anew */
};

/* How a task opens its store; the app and the simulator give different ones. */
typedef enum mr_store_open_mode {
    MR_STORE_CREATE,
    MR_STORE_EXISTING /* MR_NOT_FOUND when missing */
} mr_store_open_mode;
typedef struct mr_store_factory {
    /* directory: relative to the data directory, e.g. "state/flights.g1/by_origin-0". */
    mr_status (*open)(void *self, const char *directory, const char *const *families,
                      size_t families_count, mr_store_open_mode mode, mr_store **out, mr_err *err);
    /* Removes what is there; missing is fine. The store must be closed. */
    mr_status (*destroy)(void *self, const char *directory, mr_err *err);
    void *self;
} mr_store_factory;

mr_status mr_store_get(mr_store *store, mr_family family, mr_bytes key, mr_buf *value,
                       mr_err *err) MR_CHECKED;
mr_status mr_store_write_batch(mr_store *store, const mr_store_batch *batch,
                               mr_err *err) MR_CHECKED;
mr_store_scan *mr_store_scan_open(mr_store *store, mr_family family, mr_bytes from, mr_bytes until);
mr_status mr_store_scan_next(mr_store *store, mr_store_scan *scan, mr_bytes *key, mr_bytes *value,
                             mr_err *err) MR_CHECKED;
void mr_store_scan_close(mr_store *store, mr_store_scan *scan);
mr_status mr_store_last(mr_store *store, mr_family family, mr_buf *key, mr_err *err) MR_CHECKED;
mr_status mr_store_flush(mr_store *store, mr_err *err) MR_CHECKED;
mr_status mr_store_persisted(mr_store *store, mr_family family, mr_changelog_position *out,
                             mr_err *err) MR_CHECKED;
mr_status mr_store_position(mr_store *store, mr_family family, mr_changelog_position *out,
                            mr_err *err) MR_CHECKED;
uint64_t mr_store_memory_bytes(mr_store *store);
mr_store_durability mr_store_durability_of(const mr_store *store);
bool mr_store_is_damaged(const mr_store *store); /* NULL: no */
void mr_store_close(mr_store *store);            /* NULL is fine */

/* 28 bytes: topic id, leader epoch, offset (big endian). */
void mr_changelog_position_encode(const mr_changelog_position *position, mr_buf *out);
mr_status mr_changelog_position_decode(mr_bytes bytes, mr_changelog_position *out) MR_CHECKED;
