/* statestore/window_key.h - keys of window stores: 8 bytes start (big endian, sign bit flipped so
 * that byte order is number order), then the key. Thread: any. */
#pragma once

#include "runtime/base/bytes.h"

#define MR_WINDOW_KEY_PREFIX_BYTES 8

void mr_window_key_put(mr_buf *out, int64_t start_ms, mr_bytes key); /* appended */
/* MR_CORRUPT: shorter than the prefix. key borrowed. */
mr_status mr_window_key_split(mr_bytes window_key, int64_t *start_ms, mr_bytes *key) MR_CHECKED;
