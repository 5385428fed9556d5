#include "runtime/engine/json_draft.h"

#include "runtime/base/assert.h"
#include "runtime/base/number.h"

/* Bounds are up to six times what is written; beyond this the waste would cost more than a copy. */
#define DRAFT_IN_ARENA_BYTES_MAX 16384

void mr_json_draft_begin(mr_json_draft *draft, mr_arena *arena, size_t bytes_max) {
    *draft = (mr_json_draft){.arena = arena, .on_heap = bytes_max > DRAFT_IN_ARENA_BYTES_MAX};
    if (!draft->on_heap) {
        draft->buf.data = mr_arena_alloc(arena, bytes_max + MR_BUF_PADDING);
        draft->buf.cap = bytes_max;
    }
}

mr_bytes mr_json_draft_end(mr_json_draft *draft) {
    mr_bytes text = mr_buf_view(&draft->buf);
    if (draft->on_heap) {
        text = mr_arena_copy(draft->arena, text);
        mr_buf_deinit(&draft->buf);
    }
    return text;
}

void mr_json_draft_drop(mr_json_draft *draft) {
    if (draft->on_heap) {
        mr_buf_deinit(&draft->buf);
    }
}

size_t mr_json_bound(const mr_datum *datum) {
    switch (datum->kind) {
    case MR_DATUM_STRING:
        return mr_json_string_bound(datum->bytes);
    case MR_DATUM_JSON:
        return datum->bytes.len;
    case MR_DATUM_RAW:
        MR_UNREACHABLE();
    default:
        return MR_NUMBER_TEXT_MAX;
    }
}
