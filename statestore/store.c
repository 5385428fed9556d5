#include "statestore/store.h"

#include "runtime/base/assert.h"

#define POSITION_BYTES 28

static mr_status noted(mr_store *store, mr_status status) {
    store->damaged = store->damaged || status == MR_CORRUPT;
    return status;
}

mr_status mr_store_get(mr_store *store, mr_family family, mr_bytes key, mr_buf *value,
                       mr_err *err) {
    MR_ASSERT(!mr_bytes_is_null(key));
    return noted(store, store->ops->get(store, family, key, value, err));
}

mr_status mr_store_write_batch(mr_store *store, const mr_store_batch *batch, mr_err *err) {
    return noted(store, store->ops->write(store, batch, err));
}

mr_store_scan *mr_store_scan_open(mr_store *store, mr_family family, mr_bytes from,
                                  mr_bytes until) {
    return store->ops->scan_open(store, family, from, until);
}

mr_status mr_store_scan_next(mr_store *store, mr_store_scan *scan, mr_bytes *key, mr_bytes *value,
                             mr_err *err) {
    return noted(store, store->ops->scan_next(scan, key, value, err));
}

void mr_store_scan_close(mr_store *store, mr_store_scan *scan) {
    if (scan != NULL) {
        store->ops->scan_close(scan);
    }
}

mr_status mr_store_last(mr_store *store, mr_family family, mr_buf *key, mr_err *err) {
    return noted(store, store->ops->last(store, family, key, err));
}

mr_status mr_store_flush(mr_store *store, mr_err *err) {
    return noted(store, store->ops->flush(store, err));
}

mr_status mr_store_persisted(mr_store *store, mr_family family, mr_changelog_position *out,
                             mr_err *err) {
    return noted(store, store->ops->persisted(store, family, out, err));
}

mr_status mr_store_position(mr_store *store, mr_family family, mr_changelog_position *out,
                            mr_err *err) {
    return noted(store, store->ops->position(store, family, out, err));
}

uint64_t mr_store_memory_bytes(mr_store *store) {
    return store->ops->memory_bytes(store);
}

mr_store_durability mr_store_durability_of(const mr_store *store) {
    return store->ops->durability;
}

bool mr_store_is_damaged(const mr_store *store) {
    return store != NULL && store->damaged;
}

void mr_store_close(mr_store *store) {
    if (store != NULL) {
        store->ops->close(store);
    }
}

void mr_changelog_position_encode(const mr_changelog_position *position, mr_buf *out) {
    mr_buf_put(out, position->topic_id, sizeof position->topic_id);
    mr_buf_put_be32(out, (uint32_t)position->leader_epoch);
    mr_buf_put_be64(out, (uint64_t)position->offset);
}

mr_status mr_changelog_position_decode(mr_bytes bytes, mr_changelog_position *out) {
    if (bytes.len != POSITION_BYTES) {
        return MR_CORRUPT;
    }
    mr_reader reader = mr_reader_of(bytes);
    mr_bytes topic_id = mr_reader_take(&reader, sizeof out->topic_id);
    memcpy(out->topic_id, topic_id.data, sizeof out->topic_id);
    out->leader_epoch = (int32_t)mr_reader_be32(&reader);
    out->offset = (int64_t)mr_reader_be64(&reader);
    MR_ASSERT(!reader.failed && mr_reader_left(&reader) == 0);
    return out->offset < -1 ? MR_CORRUPT : MR_OK;
}
