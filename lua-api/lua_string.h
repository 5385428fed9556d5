/* lua-api/lua_string.h - positions in strings, as the reference manual counts them: from 1,
 * negative ones from the end. Thread: any. Private to lua-api. */
#pragma once

#include "lua-api/lua_vm.h"

/* The first position of a slice that begins at `position`: at least 1, may lie beyond the end. */
static inline size_t mr_lua_string_begin(lua_Integer position, size_t len) {
    if (position > 0) {
        return (size_t)position;
    }
    if (position == 0 || position < -(lua_Integer)len) {
        return 1;
    }
    return len + (size_t)position + 1;
}

/* The last position of a slice that ends at `position`: at most len, 0: before the first. */
static inline size_t mr_lua_string_end(lua_Integer position, size_t len) {
    if (position > (lua_Integer)len) {
        return len;
    }
    if (position >= 0) {
        return (size_t)position;
    }
    return position < -(lua_Integer)len ? 0 : len + (size_t)position + 1;
}
