/* runtime/app/state_rows.h - rows of one store as of the last commit, for a reader beside a running
 * job: what RocksDB holds on disk, folded with the changelog behind its position; the whole
 * changelog where there is nothing on disk. Writes nothing. Thread: owner only. */
#pragma once

#include "runtime/app/log_view.h"
#include "runtime/base/map.h"
#include "statestore/store.h"

/* Which rows are wanted. */
typedef struct mr_state_filter {
    enum {
        MR_STATE_ROW,          /* the row of this key */
        MR_STATE_EVERY_WINDOW, /* of a window store: the rows whose key, behind the start, is this
                                */
    } kind;
    mr_bytes key;
} mr_state_filter;

/* row key -> mr_buf* (its value), in no particular order. */
typedef struct mr_state_rows {
    mr_map *rows;
} mr_state_rows;

void mr_state_rows_init(mr_state_rows *rows);
void mr_state_rows_deinit(mr_state_rows *rows);
/* Adds the rows of one family. store: NULL: nothing is on disk. changelog: the partition that
 * belongs to it. The store must have been opened before the view: then the changelog reaches beyond
 * its position. */
mr_status mr_state_rows_read(mr_state_rows *rows, const mr_state_filter *filter, mr_store *store,
                             mr_family family, mr_log_view *view,
                             const mr_topic_description *changelog, int32_t partition,
                             mr_err *err) MR_CHECKED;
