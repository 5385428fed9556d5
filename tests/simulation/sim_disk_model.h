/* tests/simulation/sim_disk_model.h - what the simulated disk is made of; only for sim_disk*.c.
 * Thread: owner only. */
#pragma once

#include "runtime/base/prng.h"
#include "runtime/base/shared.h"
#include "tests/simulation/sim_disk.h"

typedef uint32_t sim_node_id;
#define SIM_ROOT 0
#define SIM_NO_NODE UINT32_MAX
/* Then the oldest half goes to the disk by itself, as a kernel would have it. */
#define SIM_CHANGES_MAX 4096

typedef enum sim_change_kind {
    SIM_WRITE,
    SIM_TRUNCATE,
    SIM_LINK,   /* a name appears: created, or moved here from another directory */
    SIM_UNLINK, /* a name goes */
    SIM_RENAME, /* within one directory: one change, never half */
} sim_change_kind;

/* One unsynced change of a file or a directory. */
typedef struct sim_change {
    sim_change_kind kind;
    uint64_t order;    /* over the whole disk */
    uint64_t at;       /* WRITE: where the caller wrote; TRUNCATE: the new length */
    uint64_t len;      /* WRITE: bytes the caller wrote */
    uint64_t data_at;  /* WRITE: start of the first sector touched */
    mr_shared *data;   /* WRITE: all sectors touched as they were right after the write */
    sim_node_id child; /* LINK, UNLINK, RENAME */
    char *name;        /* LINK, UNLINK; RENAME: the old one */
    char *new_name;    /* RENAME */
} sim_change;

typedef struct sim_entry {
    char *name;
    sim_node_id child;
} sim_entry;

/* Sorted by name. */
typedef struct sim_entries {
    sim_entry *items;
    size_t count;
    size_t cap;
} sim_entries;

typedef struct sim_node {
    sim_node_id id;
    bool is_dir;
    bool marked; /* between sim_mark and sim_unmark */
    bool locked;
    uint32_t links;   /* current names */
    uint32_t handles; /* live ones */
    uint64_t charged; /* of the capacity */
    /* Files. NULL: empty. Shared between clones and, after a crash, between both views. */
    mr_shared *current;
    mr_shared *durable;
    uint64_t reserved; /* space is kept up to here */
    uint64_t reserved_durable;
    /* Directories. */
    sim_entries entries;
    sim_entries entries_durable;

    sim_change *changes;
    size_t changes_count;
    size_t changes_cap;
} sim_node;

typedef struct sim_handle {
    mr_file file; /* must be first */
    sim_node_id node;
    uint64_t life; /* of the disk, in which it was opened */
    bool writable;
    struct sim_handle *next;
    struct sim_handle *previous;
} sim_handle;

struct mr_sim_disk {
    mr_disk disk; /* must be first */
    mr_prng prng;
    sim_node **nodes; /* by id; NULL: gone. Ids are never given twice. */
    size_t nodes_count;
    size_t nodes_cap;
    size_t sweep_at; /* look for unreachable nodes when there are so many ids */
    sim_handle *handles;
    size_t handles_count;
    uint64_t life; /* counts crashes */
    uint64_t order_next;
    uint64_t capacity; /* 0: endless */
    uint64_t used;
    uint64_t mutations;
    uint64_t reads;
    uint64_t stop_at; /* UINT64_MAX: never */
    bool off;
    mr_sim_faults faults; /* counted down */
    uint64_t faults_fired;
};

/* ---- images: bytes of a file ---- */

static inline uint64_t sim_image_size(const mr_shared *image) {
    return image ? image->len : 0;
}
void sim_image_write(mr_shared **image, uint64_t at, const uint8_t *data, size_t len);
void sim_image_resize(mr_shared **image, uint64_t len);
void sim_image_share(mr_shared **image, mr_shared *other); /* other may be NULL */

/* ---- names ---- */

sim_node_id sim_entries_find(const sim_entries *entries, const char *name);
void sim_entries_set(sim_entries *entries, const char *name, sim_node_id child);
/* Only if it names child. */
void sim_entries_remove(sim_entries *entries, const char *name, sim_node_id child);
void sim_entries_copy(sim_entries *to, const sim_entries *from); /* replaces what is in to */

/* ---- nodes ---- */

sim_node *sim_node_create(mr_sim_disk *sim, bool is_dir);
sim_node *sim_node_copy(const sim_node *node); /* without handles and lock */
void sim_node_destroy(sim_node *node);
/* Brings the space accounted for up to date. */
void sim_node_charge(mr_sim_disk *sim, sim_node *node);
/* Marks the nodes that a name or an unsynced change of a name reaches: all that can matter after a
 * crash. To be followed by sim_unmark(). */
void sim_mark(const mr_sim_disk *sim);
void sim_unmark(const mr_sim_disk *sim);
/* Frees nodes that no name, no unsynced change and no handle reaches. */
void sim_sweep(mr_sim_disk *sim);

/* ---- changes ---- */

/* Copies names; takes data. */
void sim_change_add(mr_sim_disk *sim, sim_node *node, sim_change change);
/* Onto the durable image or the durable names. */
void sim_change_apply(sim_node *node, const sim_change *change);
void sim_changes_clear(sim_node *node);
