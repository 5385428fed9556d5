/* runtime/app/catalog.h - what a job's check asks of the world: plugins, code, topics, environment,
 * files. Thread: main. */
#pragma once

#include "lua-api/lua_script.h"
#include "runtime/base/disk.h"
#include "topologies/topology.h"

/* Partition counts of existing topics: a running log's, a reader's, or none at all. */
typedef struct mr_topic_counts {
    int32_t (*partitions)(void *self,
                          const char *topic); /* 0: there is none; NULL: no log to ask */
    void *self;
} mr_topic_counts;

typedef struct mr_app_catalog mr_app_catalog;

/* folder: of the job's file, where ${file:PATH} is looked for; borrowed for life. */
mr_app_catalog *mr_app_catalog_create(mr_disk *folder, mr_topic_counts counts);
void mr_app_catalog_destroy(mr_app_catalog *catalog);
const mr_catalog *mr_app_catalog_of(const mr_app_catalog *catalog);
