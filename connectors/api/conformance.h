/* connectors/api/conformance.h - the conformance kit: runs a plugin as a host would, breaks it at
 * every one of its file operations, and checks that what comes out is each record once and in
 * order.
 *
 *   KILL       the operation is not done, and nothing after it
 *   UNANSWERED the operation is done, but the plugin is killed before it learns of it: it will do
 * it again TORN       a write puts half of its bytes; other operations as KILL and for sinks, on
 * top of each: every publish called twice (duplicate), or first called after the next open (delay).
 * After each break the world crashes as often as it has ways to. C standard headers only, so that a
 * plugin's author needs nothing else. Thread: owner only.
 */
#pragma once

#include "connectors/api/connector.h"

/* Where the plugin runs: given by the test. */
typedef struct mr_conformance_world {
    void *self;
    const mr_connector_host *host;
    void (*renew)(void *self); /* everything as at first: no output, the whole input */
    /* What is open was closed. choice counts from 0; returns 0 if there is no such way (then
     * nothing happened). */
    int (*crash)(void *self, uint32_t choice);
    /* Everything published, in order, lines with their newlines; NUL-terminated. Sinks. */
    const char *(*output)(void *self);
} mr_conformance_world;

typedef struct mr_conformance_counts {
    uint64_t points;  /* breaks injected */
    uint64_t runs;    /* with all crashes */
    uint64_t records; /* compared */
} mr_conformance_counts;

/* Each row is one of lines (NUL-terminated, finished JSON). 0: right; else message says what was
 * wrong and where. */
int mr_conformance_sink(const mr_connector *plugin, const mr_conformance_world *world,
                        const mr_connector_setting *settings, size_t settings_count,
                        const char *const *lines, size_t lines_count, mr_conformance_counts *counts,
                        char *message, size_t message_bytes);
/* The source must give exactly these lines. */
int mr_conformance_source(const mr_connector *plugin, const mr_conformance_world *world,
                          const mr_connector_setting *settings, size_t settings_count,
                          const char *const *lines, size_t lines_count,
                          mr_conformance_counts *counts, char *message, size_t message_bytes);
