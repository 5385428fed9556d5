#include "runtime/engine/step_chain.h"

#include <inttypes.h>

#include "runtime/base/alloc.h"
#include "runtime/base/assert.h"

static uint32_t *none_of(uint32_t count) {
    uint32_t *indexes = mr_alloc_array(count, sizeof *indexes);
    for (uint32_t i = 0; i < count; i++) {
        indexes[i] = MR_INDEX_NONE;
    }
    return indexes;
}

static void mark_policy(const mr_policy *policy, bool *written) {
    if (policy->kind == MR_POLICY_STREAM) {
        written[policy->stream] = true;
    }
}

/* Streams that a step, or an error of one, writes to. Sources and sinks have stateless steps only.
 */
static bool *written_streams(const mr_step_chain_config *config) {
    bool *written = mr_alloc_array(config->plan->streams_count, sizeof *written);
    mark_policy(config->on_error, written);
    for (uint32_t i = 0; i < config->nodes_count; i++) {
        const mr_node *node = &config->plan->nodes[config->nodes[i]];
        MR_ASSERT(node->kind != MR_NODE_AGGREGATE && node->kind != MR_NODE_TO_REPARTITION);
        mark_policy(&node->on_error, written);
        if (node->kind == MR_NODE_TO_STREAM) {
            written[node->to_stream.stream] = true;
        }
    }
    return written;
}

static mr_status open_outbox(mr_step_chain *chain, const mr_step_chain_config *config,
                             mr_err *err) {
    const mr_plan *plan = config->plan;
    mr_outbox_topic *topics = mr_alloc_array(plan->streams_count, sizeof *topics);
    bool *written = written_streams(config);
    mr_status status = MR_OK;
    for (uint32_t i = 0; i < plan->streams_count && status == MR_OK; i++) {
        if (!written[i]) {
            continue;
        }
        const mr_topic_description *topic = &config->topics->streams[i];
        if (topic->partitions <= 0) {
            status = mr_err_set(err, MR_INVALID, "stream '%s' has no topic", plan->streams[i].name);
            break;
        }
        chain->stream_topics[i] = chain->topics_count;
        chain->topic_names[chain->topics_count] = plan->streams[i].topic;
        topics[chain->topics_count++] = (mr_outbox_topic){
            .partition_first = topic->partition_first,
            .partitions = topic->partitions,
            .codec = topic->codec,
        };
    }
    chain->outbox = mr_outbox_create(topics, chain->topics_count);
    mr_free(written);
    mr_free(topics);
    return status;
}

mr_status mr_step_chain_open(mr_step_chain *chain, const mr_step_chain_config *config,
                             mr_err *err) {
    const mr_plan *plan = config->plan;
    *chain = (mr_step_chain){0};
    chain->stream_topics = none_of(plan->streams_count);
    chain->repartition_topics = none_of(plan->repartitions_count);
    chain->topic_names = mr_alloc_array(plan->streams_count, sizeof *chain->topic_names);
    chain->pool = mr_value_pool_create();
    mr_status status = open_outbox(chain, config, err);
    if (status == MR_OK) {
        status = config->scripts.create(config->scripts.self, plan, &chain->script, err);
    }
    if (status == MR_OK) {
        mr_graph_config graph = {
            .plan = plan,
            .nodes = config->nodes,
            .nodes_count = config->nodes_count,
            .script = chain->script,
            .pool = chain->pool,
            .outbox = chain->outbox,
            .stream_topics = chain->stream_topics,
            .repartition_topics = chain->repartition_topics,
            .task = config->task,
            .board = config->board,
            .sink_row = config->sink_row,
            .sink_arg = config->sink_arg,
        };
        status = mr_graph_open(&graph, &chain->graph, err);
    }
    if (status != MR_OK) {
        mr_step_chain_close(chain);
    }
    return status;
}

void mr_step_chain_close(mr_step_chain *chain) {
    if (chain->graph != NULL) {
        mr_graph_close(chain->graph);
    }
    if (chain->script != NULL) {
        chain->script->ops->destroy(chain->script);
    }
    if (chain->pool != NULL) {
        mr_value_pool_destroy(chain->pool);
    }
    mr_outbox_destroy(chain->outbox);
    mr_free(chain->stream_topics);
    mr_free(chain->repartition_topics);
    mr_free(chain->topic_names);
    *chain = (mr_step_chain){0};
}

/* ---- what is committed ---- */

void mr_connector_position_put(mr_buf *out, const char *plugin_text, const mr_step_chain *chain) {
    mr_buf_put_text(out, "{\"position\":");
    if (mr_json_put_string(out, mr_bytes_text(plugin_text)) != MR_OK) {
        mr_json_put_null(out); /* no UTF-8: refused when it is read back, never guessed */
    }
    mr_buf_put_text(out, ",\"keyless\":{");
    const char *comma = "";
    for (uint32_t i = 0; i < chain->topics_count; i++) {
        uint64_t count = mr_outbox_keyless(chain->outbox, i);
        if (count > 0) {
            mr_buf_printf(out, "%s\"%s\":%" PRIu64, comma, chain->topic_names[i], count);
            comma = ",";
        }
    }
    mr_buf_put_text(out, "}}");
}

static void set_counters(mr_step_chain *chain, mr_json keyless) {
    mr_json_iter iter = mr_json_iterate(keyless);
    mr_bytes name;
    mr_json count;
    while (mr_json_iter_next(&iter, &name, &count)) {
        for (uint32_t i = 0; i < chain->topics_count; i++) {
            if (mr_json_kind_of(count) == MR_JSON_INT && mr_json_as_int(count) >= 0 &&
                mr_bytes_equal(name, mr_bytes_text(chain->topic_names[i]))) {
                mr_outbox_set_keyless(chain->outbox, i, (uint64_t)mr_json_as_int(count));
            }
        }
    }
}

mr_status mr_connector_position_parse(const char *metadata, mr_step_chain *chain, mr_buf *text_out,
                                      mr_err *err) {
    mr_json_parser *parser = mr_json_parser_create();
    mr_buf padded = {0};
    mr_buf_put_text(&padded, metadata);
    mr_buf_reserve(&padded, 1);
    mr_json root, position, keyless;
    mr_status status = mr_json_parse(parser, mr_buf_view(&padded), &root, err);
    if (status == MR_OK && (mr_json_kind_of(root) != MR_JSON_OBJECT ||
                            mr_json_field(root, mr_bytes_text("position"), &position) != MR_OK ||
                            mr_json_kind_of(position) != MR_JSON_STRING)) {
        status = mr_err_set(err, MR_INVALID, "no position in it");
    }
    if (status == MR_OK) {
        mr_buf_put_bytes(text_out, mr_json_as_string(position));
        if (mr_json_field(root, mr_bytes_text("keyless"), &keyless) == MR_OK &&
            mr_json_kind_of(keyless) == MR_JSON_OBJECT) {
            set_counters(chain, keyless);
        }
    }
    mr_json_parser_destroy(parser);
    mr_buf_deinit(&padded);
    return status == MR_OK ? MR_OK
                           : mr_err_wrap(err, status, "committed position '%.200s'", metadata);
}
