/* tests/simulation/sim_disk.h - a disk that forgets, tears, reorders, fills up and fails.
 *
 * Each file and each directory has a durable image and a list of unsynced changes; what the
 * interface shows is the image with all changes. sync() of a file and sync_dir() of a directory
 * make theirs durable, nothing else does. A crash decides for each unsynced change (each 512-byte
 * sector of a write, each truncation, each name) whether it reached the disk. README.md, section
 * "disk", tells the model.
 *
 * Deterministic: all chance comes from the seeds given. Thread: owner only, clones included.
 */
#pragma once

#include "runtime/base/disk.h"

#define MR_SIM_SECTOR_BYTES 512

typedef struct mr_sim_disk mr_sim_disk;

/* capacity_bytes 0: endless. */
mr_sim_disk *mr_sim_disk_create(uint64_t seed, uint64_t capacity_bytes);
/* All handles must be closed. NULL is fine. */
void mr_sim_disk_destroy(mr_sim_disk *sim);
/* The disk as it is now with its unsynced changes, counters and power switch; without handles,
 * locks, a stop point and faults. Cheap: contents are shared until one of the two writes. Owned by
 * caller. */
mr_sim_disk *mr_sim_disk_clone(const mr_sim_disk *sim);
/* The interface; borrowed, lives as long as sim. */
mr_disk *mr_sim_disk_disk(mr_sim_disk *sim);

/* ---- counting and stopping ---- */

/* Calls so far through the interface: those that change something (create, write, truncate,
 * allocate, rename, remove, each directory made) or sync, and all others. A refused call counts
 * too. */
uint64_t mr_sim_disk_mutations(const mr_sim_disk *sim);
uint64_t mr_sim_disk_reads(const mr_sim_disk *sim);
/* A mutation of storage that hangs on the same power and is modelled elsewhere: it is counted, and
 * the stop point may be here. */
void mr_sim_disk_count_mutation(mr_sim_disk *sim);
/* Power goes off with the mutation of this number (the first is 0): it is carried out as far as an
 * unsynced change is (a sync not at all), but answers MR_UNAVAILABLE as every call from then on
 * does, until the crash. */
void mr_sim_disk_stop_at(mr_sim_disk *sim, uint64_t mutation);
/* True from the stop point to the crash. */
bool mr_sim_disk_is_off(const mr_sim_disk *sim);
/* Handles not yet closed, those from before a crash among them. */
size_t mr_sim_disk_handles(const mr_sim_disk *sim);

/* ---- faults: counted from the call on, each fires once ---- */

typedef struct mr_sim_faults {
    uint32_t short_io_percent; /* of reads and writes of more than one byte; does not wear off */
    uint64_t read_fails_at;    /* the n-th pread from now on gives EIO; 1 is the next, 0: none */
    uint64_t write_fails_at;   /* the n-th pwrite, likewise; nothing is written */
    /* The n-th sync or sync_dir: its unsynced changes never reach the disk, though reads show them
     * until the crash, and the next sync succeeds without them. */
    uint64_t sync_fails_at;
} mr_sim_faults;

void mr_sim_disk_set_faults(mr_sim_disk *sim, const mr_sim_faults *faults);
/* Faults fired so far, so that a campaign can tell that it injected something. */
uint64_t mr_sim_disk_faults_fired(const mr_sim_disk *sim);
/* From now on so many bytes; what is there already stays. 0: endless. Writes take what fits
 * (short), then MR_FULL; allocate reserves all or nothing. */
void mr_sim_disk_set_capacity(mr_sim_disk *sim, uint64_t capacity_bytes);
uint64_t mr_sim_disk_used_bytes(const mr_sim_disk *sim);
/* Bit rot, durable at once. MR_NOT_FOUND: no such file or byte. */
mr_status mr_sim_disk_flip_bit(mr_sim_disk *sim, const char *path, uint64_t byte_at,
                               int bit) MR_CHECKED;

/* ---- crashing ---- */

typedef enum mr_sim_crash_mode {
    MR_SIM_PROC_KILL, /* kill -9: the system lives on, unsynced changes stay unsynced */
    MR_SIM_LOSE_ALL,  /* power loss: nothing unsynced survives */
    MR_SIM_KEEP_ALL,  /* power loss after everything happened to be written */
    MR_SIM_SUBSET,    /* bit n of `choice`: change n is kept whole; changes from 64 on are lost */
    MR_SIM_RANDOM,    /* `choice` is a seed: each sector and name for itself, some torn */
    MR_SIM_VARIANT,   /* `choice` < mr_sim_disk_crash_variants() */
} mr_sim_crash_mode;

typedef struct mr_sim_crash {
    mr_sim_crash_mode mode;
    uint64_t choice;
} mr_sim_crash;

/* Unsynced changes: one for each write, truncation and name change, in the order they were made. */
size_t mr_sim_disk_unsynced(const mr_sim_disk *sim);
/* How many crashes are worth trying here: with up to 6 changes all subsets; with more: none, all,
 * each one alone lost, each one alone kept, each prefix (a spread of 64 where there are more), 8
 * random ones. And for writes: torn at a sector's border, torn within a sector, grown but empty. */
uint64_t mr_sim_disk_crash_variants(const mr_sim_disk *sim);
/* After it, the disk works again on what survived, all of it durable (unless PROC_KILL); handles
 * and locks from before are dead: they answer MR_UNAVAILABLE and must still be closed. Clears the
 * stop point. */
void mr_sim_disk_crash(mr_sim_disk *sim, mr_sim_crash crash);

/* ---- for checkers ---- */

typedef enum mr_sim_view { MR_SIM_CURRENT, MR_SIM_DURABLE } mr_sim_view;

/* The content of a file, whatever the power; appended to out. MR_NOT_FOUND. */
mr_status mr_sim_disk_content(const mr_sim_disk *sim, mr_sim_view view, const char *path,
                              mr_buf *out) MR_CHECKED;
/* The path of every file, NUL-terminated one behind the other, sorted by directory; appended to
 * out. */
void mr_sim_disk_paths(const mr_sim_disk *sim, mr_sim_view view, mr_buf *out);
/* One line for each unsynced change, for messages; appended to out. */
void mr_sim_disk_describe(const mr_sim_disk *sim, mr_buf *out);
/* A hash of all names and contents of a view: equal for equal disks, on every run. */
uint64_t mr_sim_disk_hash(const mr_sim_disk *sim, mr_sim_view view);
