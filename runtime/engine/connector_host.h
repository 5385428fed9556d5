/* runtime/engine/connector_host.h - the file operations a plugin gets, over an mr_disk rooted where the connector
 * may work. Thread: created by the owner; the operations run on the I/O pool. */
#pragma once

#include "connectors/api/connector.h"
#include "runtime/base/disk.h"

typedef struct mr_connector_host_files mr_connector_host_files;
mr_connector_host_files *mr_connector_host_create(mr_disk *disk);
void mr_connector_host_destroy(mr_connector_host_files *files);
const mr_connector_host *mr_connector_host_of(mr_connector_host_files *files);
mr_status mr_status_from_connector(mr_connector_result result);
