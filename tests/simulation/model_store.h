/* tests/simulation/model_store.h - stores that lose what RocksDB may lose, and nothing else.
 *
 *     durable rows <- batch <- batch <- batch        of one family
 *                     \------- unflushed -------/
 *
 * A crash keeps, per family and independently, some prefix of the unflushed batches. flush() marks
 * how far it must reach; it gets there at a seeded later call, now and then a memtable is flushed
 * unasked. Without a crash a store that is closed and opened again has all its batches.
 * Deterministic by its seed. Thread: owner only.
 */
#pragma once

#include "statestore/store.h"

typedef struct mr_model_store mr_model_store; /* the stores of one data directory */

mr_model_store *mr_model_store_create(uint64_t seed);
void mr_model_store_destroy(mr_model_store *model); /* all stores closed */
/* The same content, unflushed batches among it, with no store open and no mains. */
mr_model_store *mr_model_store_clone(const mr_model_store *model);
mr_store_factory mr_model_store_factory(mr_model_store *model);

/* The power that the stores hang on: asked at each write and each flush. As it goes, the batch was
 * written, unflushed, and nobody is told so; when it is off nothing happens. */
typedef enum mr_model_power {
    MR_MODEL_POWER_ON,
    MR_MODEL_POWER_GOES,
    MR_MODEL_POWER_OFF
} mr_model_power;
typedef struct mr_model_mains {
    mr_model_power (*draw)(void *arg); /* NULL: never fails */
    void *arg;
} mr_model_mains;
void mr_model_store_set_mains(mr_model_store *model, mr_model_mains mains);

/* Loses unflushed batches. Stores still open answer MR_UNAVAILABLE from now on; close them. */
typedef enum mr_model_crash {
    MR_MODEL_CRASH_SEEDED,     /* a random prefix of each family is kept */
    MR_MODEL_CRASH_LOSES_ALL,  /* only what was flushed is kept */
    MR_MODEL_CRASH_LOSES_NONE, /* all batches are kept */
} mr_model_crash;
void mr_model_store_crash(mr_model_store *model, mr_model_crash kind);
/* What a seeded crash will keep. */
void mr_model_store_reseed(mr_model_store *model, uint64_t seed);

/* That many of a hundred writes and flushes are answered MR_AGAIN. */
void mr_model_store_set_stalls(mr_model_store *model, uint32_t percent);

/* The n-th read of a row from now on (1 is the next) finds its store damaged, as all later ones of
 * that directory do until it is destroyed. Positions and the last key are still read. */
void mr_model_store_damage_at(mr_model_store *model, uint64_t read);
bool mr_model_store_has_damaged(const mr_model_store *model); /* so far */

/* For checkers: the rows as they are, in order of directory (by first use), family and key. */
typedef void (*mr_model_visit)(void *self, const char *directory, const char *family, mr_bytes key,
                               mr_bytes value);
void mr_model_store_each(mr_model_store *model, mr_model_visit visit, void *self);
/* MR_NOT_FOUND: no such family, or it has no position. */
mr_status mr_model_store_position(mr_model_store *model, const char *directory, const char *family,
                                  mr_changelog_position *out) MR_CHECKED;

typedef struct mr_model_counters {
    uint64_t writes, stalls, flushes_asked, flushes_done, crashes, batches_lost;
} mr_model_counters;
mr_model_counters mr_model_store_counters(const mr_model_store *model);
/* What a crash would decide about now: families with unflushed batches, and those of them whose
 * last batch came without a position, as a spill that is half done leaves them. */
typedef struct mr_model_unflushed {
    uint64_t families, half_spilled;
} mr_model_unflushed;
mr_model_unflushed mr_model_store_unflushed(const mr_model_store *model);
