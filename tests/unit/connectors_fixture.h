/* tests/unit/connectors_fixture.h - the file plugin over a simulated disk, and files of it as text.
 * Thread: owner only. */
#pragma once

#include "connectors/registry.h"
#include "runtime/engine/connector_host.h"
#include "tests/simulation/sim_disk.h"

typedef struct connector_place {
    mr_sim_disk *sim;
    mr_connector_host_files *files;
    const mr_connector_host *host;
    const mr_connector *plugin;
    mr_connector_chain chain; /* log "log-a", topic "rows", one partition, generation 1 */
    char err[1024];           /* of the last call */
} connector_place;

void place_begin(connector_place *place);
void place_end(connector_place *place); /* everything opened must be closed */

/* Replaces a file's content, durably, directories included. */
void place_put(connector_place *place, const char *path, const char *content);
void place_append(connector_place *place, const char *path, const char *content);
void place_remove(connector_place *place, const char *path);
/* The content, "(missing)" where there is no such file; borrowed until the next call. */
const char *place_get(connector_place *place, const char *path);
/* Names of all files but chains and locks, "a b c"; borrowed until the next call. */
const char *place_names(connector_place *place);
/* All files whose name ends so, in order of their paths, concatenated; borrowed until the next
 * call. */
const char *place_concat(connector_place *place, const char *suffix);
