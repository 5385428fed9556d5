/* connectors/api/conformance_host.h - a host that counts file operations and breaks one of them;
 * for the kit. Thread: owner only. */
#pragma once

#include "connectors/api/connector.h"

typedef enum mr_conformance_break {
    MR_CONFORMANCE_KILL,
    MR_CONFORMANCE_UNANSWERED,
    MR_CONFORMANCE_TORN,
    MR_CONFORMANCE_BREAKS,
} mr_conformance_break;

typedef struct mr_conformance_host {
    mr_connector_host host; /* what the plugin gets */
    const mr_connector_host *real;
    uint64_t operations;
    uint64_t break_at; /* number of the operation, from 0; UINT64_MAX: none */
    mr_conformance_break kind;
    int dead;
} mr_conformance_host;

void mr_conformance_host_init(mr_conformance_host *host, const mr_connector_host *real,
                              mr_conformance_break kind, uint64_t break_at);
