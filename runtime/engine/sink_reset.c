#include "runtime/engine/sink_task.h"

#include "connectors/registry.h"
#include "runtime/base/alloc.h"
#include "runtime/base/assert.h"
#include "runtime/engine/connector_host.h"

mr_status mr_sink_reset(const mr_plan *plan, uint32_t sink, const mr_job_topics *topics,
                        mr_disk *disk, mr_err *err) {
    MR_ASSERT(sink < plan->sinks_count);
    const mr_plan_sink *config = &plan->sinks[sink];
    const mr_topic_description *topic = &topics->streams[config->stream];
    const mr_connector *plugin = mr_connector_find(config->plugin);
    if (plugin == NULL || plugin->sink_fields == NULL) {
        return mr_err_set(err, MR_INVALID, "sink %s: no connector '%s' for sinks", config->name,
                          config->plugin);
    }
    char topic_id[MR_UUID_TEXT_BYTES];
    char message[512] = "";
    mr_uuid_format(&topic->id, topic_id);
    mr_connector_chain chain = {
        .struct_bytes = sizeof chain,
        .log_id = topics->log_id,
        .topic_id = topic_id,
        .topic = plan->streams[config->stream].topic,
        .partitions = topic->partitions,
        .generation = topics->generation,
    };
    mr_connector_host_files *files = mr_connector_host_create(disk);
    mr_connector_setting *settings =
        mr_connector_settings_of(config->settings, config->settings_count);
    mr_connector_result result =
        plugin->sink_reset(mr_connector_host_of(files), settings, config->settings_count, &chain,
                           message, sizeof message);
    mr_free(settings);
    mr_connector_host_destroy(files);
    if (result == MR_CONNECTOR_OK) {
        return MR_OK;
    }
    return mr_err_set(err, mr_status_from_connector(result), "sink %s: %s", config->name, message);
}
