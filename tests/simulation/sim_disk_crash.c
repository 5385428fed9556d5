/* What a crash leaves: fates of unsynced changes, and the variants worth trying. */
#include "tests/simulation/sim_disk.h"

#include <stdlib.h>

#include "runtime/base/alloc.h"
#include "runtime/base/assert.h"
#include "tests/simulation/sim_disk_model.h"

/* So many changes get every subset. */
#define SUBSETS_CHANGES_MAX 6
/* Beyond: so many places are tried for each kind of variant, spread evenly. */
#define SPREAD_MAX 64
#define RANDOM_VARIANTS 8
/* Torn at a border, torn within a sector, grown but empty. */
#define TEARS_PER_WRITE 3

typedef enum fate {
    FATE_LOST,
    FATE_KEPT,
    FATE_TORN_AT_BORDER,
    FATE_TORN_WITHIN,
    FATE_HOLLOW, /* the size reached the disk, the bytes did not */
    FATE_RANDOM, /* each sector for itself */
} fate;

typedef struct unsynced {
    sim_node *node;
    const sim_change *change;
} unsynced;

typedef struct unsynced_list {
    unsynced *items;
    size_t count;
} unsynced_list;

static int by_order(const void *a, const void *b) {
    uint64_t left = ((const unsynced *)a)->change->order;
    uint64_t right = ((const unsynced *)b)->change->order;
    return (left > right) - (left < right);
}

/* In the order the changes were made, those of files that no name can lead to left out; owned by
 * caller. */
static unsynced_list gather(const mr_sim_disk *sim) {
    unsynced_list list = {.count = 0};
    size_t room = 0;
    for (size_t i = 0; i < sim->nodes_count; i++) {
        room += sim->nodes[i] != NULL ? sim->nodes[i]->changes_count : 0;
    }
    list.items = mr_alloc_array(room + 1, sizeof *list.items);
    sim_mark(sim);
    for (size_t i = 0; i < sim->nodes_count; i++) {
        sim_node *node = sim->nodes[i];
        for (size_t c = 0; node != NULL && node->marked && c < node->changes_count; c++) {
            list.items[list.count++] = (unsynced){node, &node->changes[c]};
        }
    }
    sim_unmark(sim);
    qsort(list.items, list.count, sizeof *list.items, by_order);
    return list;
}

size_t mr_sim_disk_unsynced(const mr_sim_disk *sim) {
    unsynced_list list = gather(sim);
    mr_free(list.items);
    return list.count;
}

/* ---- fates ---- */

/* Bytes of a write's sectors that reach the disk when it is torn: counted from data_at. */
static size_t cut_of(const sim_change *change, fate what) {
    uint64_t into = change->at + change->len / 2;
    if (what == FATE_TORN_AT_BORDER) {
        uint64_t border = change->at + MR_SIM_SECTOR_BYTES - change->at % MR_SIM_SECTOR_BYTES;
        into = border < change->at + change->len ? border : change->at + 1;
    }
    size_t cut = (size_t)(into - change->data_at);
    MR_ASSERT(cut <= change->data->len);
    return cut;
}

static void grow_to(mr_shared **image, uint64_t end) {
    if (end > sim_image_size(*image)) {
        sim_image_resize(image, end);
    }
}

/* Each sector kept, lost or torn for itself; a lost one at the end may leave zeros or garbage. */
static void apply_random_write(sim_node *node, const sim_change *change, mr_prng *prng,
                               uint64_t keep_percent) {
    uint8_t garbage[MR_SIM_SECTOR_BYTES];
    for (size_t at = 0; at < change->data->len; at += MR_SIM_SECTOR_BYTES) {
        size_t left = change->data->len - at;
        size_t len = left < MR_SIM_SECTOR_BYTES ? left : MR_SIM_SECTOR_BYTES;
        uint64_t place = change->data_at + at;
        const uint8_t *sector = change->data->data + at;
        uint64_t special = mr_prng_below(prng, 16);
        if (mr_prng_below(prng, 100) < keep_percent) {
            size_t cut = special == 0 ? (size_t)mr_prng_below(prng, len) : len;
            sim_image_write(&node->durable, place, sector, cut);
        } else if (special == 1) {
            grow_to(&node->durable, place + len);
        } else if (special == 2 && place >= sim_image_size(node->durable)) {
            for (size_t i = 0; i < len; i++) {
                garbage[i] = (uint8_t)mr_prng_next(prng);
            }
            sim_image_write(&node->durable, place, garbage, len);
        }
    }
}

static void apply(const unsynced *item, fate what) {
    const sim_change *change = item->change;
    switch (what) {
    case FATE_LOST:
        return;
    case FATE_KEPT:
        sim_change_apply(item->node, change);
        return;
    case FATE_TORN_AT_BORDER:
    case FATE_TORN_WITHIN:
        MR_ASSERT(change->kind == SIM_WRITE);
        sim_image_write(&item->node->durable, change->data_at, change->data->data,
                        cut_of(change, what));
        return;
    case FATE_HOLLOW:
        MR_ASSERT(change->kind == SIM_WRITE);
        grow_to(&item->node->durable, change->at + change->len);
        return;
    case FATE_RANDOM:
        break;
    }
    MR_UNREACHABLE();
}

static void apply_random(const unsynced_list *list, uint64_t seed) {
    mr_prng prng = mr_prng_seeded(seed);
    uint64_t keep_percent = mr_prng_below(&prng, 5) * 25;
    for (size_t i = 0; i < list->count; i++) {
        const unsynced *item = &list->items[i];
        if (item->change->kind == SIM_WRITE) {
            apply_random_write(item->node, item->change, &prng, keep_percent);
        } else if (mr_prng_below(&prng, 100) < keep_percent) {
            sim_change_apply(item->node, item->change);
        }
    }
}

/* All before `border` like `before`, the one at it like `at`, the rest like `after`. */
static void apply_around(const unsynced_list *list, size_t border, fate before, fate at,
                         fate after) {
    for (size_t i = 0; i < list->count; i++) {
        apply(&list->items[i], i < border ? before : i == border ? at : after);
    }
}

static void apply_subset(const unsynced_list *list, uint64_t kept_bits) {
    for (size_t i = 0; i < list->count; i++) {
        bool kept = i < 64 && (kept_bits >> i & 1) != 0;
        apply(&list->items[i], kept ? FATE_KEPT : FATE_LOST);
    }
}

/* ---- variants ----
 *
 *   up to 6 changes:  2^n subsets                                              | tears
 *   more:             none, all | one lost | one kept | prefixes | random ones | tears
 */

static size_t least(size_t a, size_t b) {
    return a < b ? a : b;
}

/* The place-th of `tried` places spread over count. */
static size_t spread(size_t place, size_t tried, size_t count) {
    return place * count / tried;
}

/* The n-th write among the changes; count of them when there is none so late. */
static size_t nth_write(const unsynced_list *list, size_t n, size_t *writes_out) {
    size_t writes = 0;
    size_t found = list->count;
    for (size_t i = 0; i < list->count; i++) {
        if (list->items[i].change->kind == SIM_WRITE) {
            found = writes == n ? i : found;
            writes++;
        }
    }
    *writes_out = writes;
    return found;
}

static size_t subsets_or_spreads(size_t changes) {
    if (changes <= SUBSETS_CHANGES_MAX) {
        return (size_t)1 << changes;
    }
    return 2 + 3 * least(changes, SPREAD_MAX) + RANDOM_VARIANTS;
}

static size_t variants_of(const unsynced_list *list) {
    size_t writes;
    (void)nth_write(list, 0, &writes);
    return subsets_or_spreads(list->count) + least(writes, SPREAD_MAX) * TEARS_PER_WRITE;
}

static void apply_tear(const unsynced_list *list, size_t index) {
    static const fate tears[TEARS_PER_WRITE] = {FATE_TORN_AT_BORDER, FATE_TORN_WITHIN, FATE_HOLLOW};
    size_t writes;
    (void)nth_write(list, 0, &writes);
    size_t n = spread(index / TEARS_PER_WRITE, least(writes, SPREAD_MAX), writes);
    size_t border = nth_write(list, n, &writes);
    MR_ASSERT(border < list->count);
    apply_around(list, border, FATE_KEPT, tears[index % TEARS_PER_WRITE], FATE_LOST);
}

static void apply_variant(const unsynced_list *list, size_t index) {
    MR_ASSERT(index < variants_of(list));
    size_t count = list->count;
    size_t plain = subsets_or_spreads(count);
    if (index >= plain) {
        apply_tear(list, index - plain);
        return;
    }
    if (count <= SUBSETS_CHANGES_MAX) {
        apply_subset(list, index);
        return;
    }
    if (index < 2) {
        fate what = index == 0 ? FATE_LOST : FATE_KEPT;
        apply_around(list, 0, what, what, what);
        return;
    }
    size_t tried = least(count, SPREAD_MAX);
    size_t kind = (index - 2) / tried;
    size_t place = spread((index - 2) % tried, tried, count);
    if (kind == 0) {
        apply_around(list, place, FATE_KEPT, FATE_LOST, FATE_KEPT);
    } else if (kind == 1) {
        apply_around(list, place, FATE_LOST, FATE_KEPT, FATE_LOST);
    } else if (kind == 2) {
        apply_around(list, place, FATE_KEPT, FATE_KEPT, FATE_LOST);
    } else {
        apply_random(list, index);
    }
}

uint64_t mr_sim_disk_crash_variants(const mr_sim_disk *sim) {
    unsynced_list list = gather(sim);
    size_t count = variants_of(&list);
    mr_free(list.items);
    return count;
}

/* ---- the crash ---- */

static void recount_links(mr_sim_disk *sim, const sim_node *dir) {
    for (size_t i = 0; i < dir->entries.count; i++) {
        sim_node *child = sim->nodes[dir->entries.items[i].child];
        child->links++;
        if (child->is_dir && child->links == 1) {
            recount_links(sim, child);
        }
    }
}

/* What survived is all there is. */
static void start_from_durable(mr_sim_disk *sim) {
    for (size_t i = 0; i < sim->nodes_count; i++) {
        sim_node *node = sim->nodes[i];
        if (node == NULL) {
            continue;
        }
        sim_image_share(&node->current, node->durable);
        sim_entries_copy(&node->entries, &node->entries_durable);
        node->reserved = node->reserved_durable;
        sim_changes_clear(node);
        node->links = 0;
    }
    sim->nodes[SIM_ROOT]->links = 1;
    recount_links(sim, sim->nodes[SIM_ROOT]);
}

void mr_sim_disk_crash(mr_sim_disk *sim, mr_sim_crash crash) {
    if (crash.mode != MR_SIM_PROC_KILL) {
        unsynced_list list = gather(sim);
        switch (crash.mode) {
        case MR_SIM_PROC_KILL:
        case MR_SIM_LOSE_ALL:
            break;
        case MR_SIM_KEEP_ALL:
            apply_around(&list, 0, FATE_KEPT, FATE_KEPT, FATE_KEPT);
            break;
        case MR_SIM_SUBSET:
            apply_subset(&list, crash.choice);
            break;
        case MR_SIM_RANDOM:
            apply_random(&list, crash.choice);
            break;
        case MR_SIM_VARIANT:
            apply_variant(&list, (size_t)crash.choice);
            break;
        }
        mr_free(list.items);
        start_from_durable(sim);
    }
    sim->life++;
    sim->off = false;
    sim->stop_at = UINT64_MAX;
    for (size_t i = 0; i < sim->nodes_count; i++) {
        sim_node *node = sim->nodes[i];
        if (node != NULL) {
            node->handles = 0;
            node->locked = false;
            sim_node_charge(sim, node);
        }
    }
    sim_sweep(sim);
}
