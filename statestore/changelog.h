/* statestore/changelog.h - changelog records: key and value of a row as they are, null value:
 * deleted. A record's key is the row's key; nothing else is needed to fold a changelog. This header
 * holds the two names that tie stores to topics. Thread: any. */
#pragma once

#include "runtime/base/bytes.h"

/* "<job>.<store>.changelog.g<generation>" appended to out. */
void mr_changelog_topic(mr_buf *out, const char *job, const char *store, int64_t generation);
/* "state/<job>.g<generation>/<subtopology>-<partition>" appended to out. */
void mr_state_directory(mr_buf *out, const char *job, int64_t generation, const char *subtopology,
                        int32_t partition);
