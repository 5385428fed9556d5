/* runtime/engine/step_chain.h - the stateless steps of a source or a sink: a graph with the script,
 * the values and the outbox it needs, and the counters of keyless records that are committed with
 * the connector's position. Thread: owner worker only. */
#pragma once

#include "runtime/engine/graph.h"
#include "runtime/engine/task.h"

typedef struct mr_step_chain_config {
    const mr_plan *plan;
    const uint32_t *nodes;
    uint32_t nodes_count;
    const mr_policy *on_error; /* of the source or sink itself */
    const mr_job_topics *topics;
    mr_script_factory scripts;
    mr_board *board;
    int32_t task; /* partition; 0 for a source */
    mr_status (*sink_row)(void *arg, const mr_flow *flow, mr_bytes json, mr_err *err); /* sinks */
    void *sink_arg;
} mr_step_chain_config;

typedef struct mr_step_chain {
    mr_graph *graph;
    mr_value_pool *pool;
    mr_outbox *outbox;
    mr_script *script;
    uint32_t *stream_topics; /* plan stream -> outbox topic, MR_INDEX_NONE where not written */
    uint32_t *repartition_topics;
    const char **topic_names; /* by outbox topic; borrowed from the plan */
    uint32_t topics_count;
} mr_step_chain;

/* On an error the chain is closed. MR_INVALID: a stream is written whose topic is not known. */
mr_status mr_step_chain_open(mr_step_chain *chain, const mr_step_chain_config *config,
                             mr_err *err) MR_CHECKED;
void mr_step_chain_close(mr_step_chain *chain); /* zero-initialised is fine */

/* ---- what is committed: {"position": <the plugin's text>, "keyless": {<topic>: <count>, ...}}
 * ---- */

void mr_connector_position_put(mr_buf *out, const char *plugin_text, const mr_step_chain *chain);
/* Puts the plugin's text into text_out (NUL-terminated by mr_buf_cstr) and sets the chain's
 * counters. MR_INVALID: the metadata is none of a connector. */
mr_status mr_connector_position_parse(const char *metadata, mr_step_chain *chain, mr_buf *text_out,
                                      mr_err *err) MR_CHECKED;
