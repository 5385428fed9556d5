#include "connectors/registry.h"

#include <string.h>

#include "connectors/file/file_plugin.h"

static const mr_connector *const connectors[] = {&mr_file_connector, NULL};

/* A plugin of another ABI, or one that lacks a function its tables promise, is as good as none. */
static int is_usable(const mr_connector *connector) {
    if (connector->abi != MR_CONNECTOR_ABI || connector->struct_bytes < sizeof(mr_connector)) {
        return 0;
    }
    if (connector->source_fields != NULL &&
        (!connector->source_open || !connector->source_read || !connector->source_close)) {
        return 0;
    }
    if (connector->sink_fields != NULL &&
        (!connector->sink_open || !connector->sink_write || !connector->sink_prepare ||
         !connector->sink_publish || !connector->sink_close || !connector->sink_reset)) {
        return 0;
    }
    return 1;
}

const mr_connector *mr_connector_find(const char *name) {
    for (size_t i = 0; connectors[i] != NULL; i++) {
        if (strcmp(connectors[i]->name, name) == 0) {
            return is_usable(connectors[i]) ? connectors[i] : NULL;
        }
    }
    return NULL;
}

const mr_connector *const *mr_connector_all(void) {
    return connectors;
}
