/* connectors/registry.h - the plugins linked in; each passes the ABI check before it is given out.
 * Thread: any. */
#pragma once

#include "connectors/api/connector.h"

/* NULL: no such plugin, or built for another ABI. */
const mr_connector *mr_connector_find(const char *name);
/* NULL-terminated, sorted by name. */
const mr_connector *const *mr_connector_all(void);
