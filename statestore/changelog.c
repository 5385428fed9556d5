#include "statestore/changelog.h"

#include <inttypes.h>

void mr_changelog_topic(mr_buf *out, const char *job, const char *store, int64_t generation) {
    mr_buf_printf(out, "%s.%s.changelog.g%" PRId64, job, store, generation);
}

void mr_state_directory(mr_buf *out, const char *job, int64_t generation, const char *subtopology,
                        int32_t partition) {
    mr_buf_printf(out, "state/%s.g%" PRId64 "/%s-%" PRId32, job, generation, subtopology,
                  partition);
}
