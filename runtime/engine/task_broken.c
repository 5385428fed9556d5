#include "runtime/engine/task_broken.h"

#include "runtime/base/alloc.h"
#include "runtime/base/assert.h"

typedef struct stray {
    uint32_t topic;
    int64_t timestamp_ms;
    mr_buf value;
} stray;

struct mr_strays {
    stray *items;
    size_t count, cap;
};

mr_strays *mr_strays_create(void) {
    return mr_alloc(sizeof(mr_strays));
}

void mr_strays_destroy(mr_strays *strays) {
    if (!strays) {
        return;
    }
    for (size_t i = 0; i < strays->count; i++) {
        mr_buf_deinit(&strays->items[i].value);
    }
    mr_free(strays->items);
    mr_free(strays);
}

void mr_strays_keep(mr_strays *strays, uint32_t outbox_topic, const mr_record *record) {
    if (strays->count == strays->cap) {
        strays->cap = strays->cap ? strays->cap * 2 : 16;
        strays->items = mr_realloc(strays->items, strays->cap * sizeof *strays->items);
    }
    stray *kept = &strays->items[strays->count++];
    *kept = (stray){.topic = outbox_topic, .timestamp_ms = record->timestamp_ms};
    mr_buf_put_bytes(&kept->value, record->value);
}

void mr_strays_release(mr_strays *strays, mr_outbox *outbox) {
    for (size_t i = 0; i < strays->count; i++) {
        stray *kept = &strays->items[i];
        mr_record record = {.timestamp_ms = kept->timestamp_ms, .value = mr_buf_view(&kept->value)};
        mr_status status = mr_outbox_add(outbox, kept->topic, &record);
        MR_ASSERT(status == MR_OK);
        mr_buf_deinit(&kept->value);
    }
    strays->count = 0;
}
