/* runtime/engine/task_broken.h - a promise broken on purpose: late records leave the transaction of
 * their cause and go into the next one (test builds only, MR_GRAPH_BREAK_LATE_OUTSIDE). Thread:
 * owner worker only. */
#pragma once

#include "runtime/engine/outbox.h"

typedef struct mr_strays mr_strays;

mr_strays *mr_strays_create(void);
void mr_strays_destroy(mr_strays *strays); /* NULL is fine */
/* Keeps a copy until the next release. */
void mr_strays_keep(mr_strays *strays, uint32_t outbox_topic, const mr_record *record);
/* Into the outbox, too late for the transaction they belong to. */
void mr_strays_release(mr_strays *strays, mr_outbox *outbox);
