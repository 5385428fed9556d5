/* runtime/engine/connector_host.h - the file operations a plugin gets, over an mr_disk rooted where
 * the connector may work, and its settings as it wants them. Thread: created by the owner; the
 * operations run on the I/O pool. */
#pragma once

#include "connectors/api/connector.h"
#include "runtime/base/disk.h"
#include "topologies/plan.h"

typedef struct mr_connector_host_files mr_connector_host_files;
mr_connector_host_files *mr_connector_host_create(mr_disk *disk);
void mr_connector_host_destroy(mr_connector_host_files *files); /* NULL is fine */
const mr_connector_host *mr_connector_host_of(mr_connector_host_files *files);
/* END is MR_NOT_FOUND: nothing more; FAILED is MR_UNAVAILABLE. */
mr_status mr_status_from_connector(mr_connector_result result);
/* The plan's settings for a plugin; names and values borrowed from the plan, the array owned by
 * caller (mr_free). */
mr_connector_setting *mr_connector_settings_of(const mr_setting *settings, uint32_t count);
