#include "statestore/window_key.h"

#define SIGN_BIT 0x8000000000000000u

void mr_window_key_put(mr_buf *out, int64_t start_ms, mr_bytes key) {
    mr_buf_put_be64(out, (uint64_t)start_ms ^ SIGN_BIT);
    mr_buf_put(out, key.data, key.len);
}

mr_status mr_window_key_split(mr_bytes window_key, int64_t *start_ms, mr_bytes *key) {
    if (window_key.len < MR_WINDOW_KEY_PREFIX_BYTES) {
        return MR_CORRUPT;
    }
    *start_ms = (int64_t)(mr_get_be64(window_key.data) ^ SIGN_BIT);
    *key = mr_bytes_of(window_key.data + MR_WINDOW_KEY_PREFIX_BYTES,
                       window_key.len - MR_WINDOW_KEY_PREFIX_BYTES);
    return MR_OK;
}
