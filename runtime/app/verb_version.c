#include <stdio.h>
#include <uv.h>

#include "runtime/app/verbs.h"

/* The build tells what it was built with; the loop's library is asked. */
static mr_exit run(const mr_arguments *arguments) {
    (void)arguments;
    printf("millrace %s\n", MR_VERSION);
    printf("  libyaml   %s\n  lua       %s\n  libuv     %s\n  rocksdb   %s\n  simdjson  %s\n"
           "  zstd      %s\n",
           MR_VERSION_YAML, MR_VERSION_LUA, uv_version_string(), MR_VERSION_ROCKSDB,
           MR_VERSION_SIMDJSON, MR_VERSION_ZSTD);
    return MR_EXIT_OK;
}

static const mr_option options[] = {MR_OPTIONS_END};

const mr_verb mr_verb_version = {
    .name = "version",
    .usage = "",
    .summary = "name, version, and the versions of the libraries",
    .details = "",
    .options = options,
    .run = run,
};
