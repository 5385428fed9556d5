#include "runtime/engine/aggregate_row.h"

#include "runtime/base/assert.h"
#include "runtime/base/hash.h"
#include "runtime/base/varint.h"

size_t mr_row_fields_count(const mr_node *node) {
    MR_ASSERT(node->kind == MR_NODE_AGGREGATE);
    return node->aggregate.value_is_count ? 1 : node->aggregate.fields_count;
}

mr_aggregate_function mr_row_function(const mr_node *node, size_t field) {
    MR_ASSERT(field < mr_row_fields_count(node));
    return node->aggregate.value_is_count ? MR_AGGREGATE_COUNT
                                          : node->aggregate.fields[field].function;
}

size_t mr_row_slot_bytes(mr_aggregate_function function) {
    switch (function) {
    case MR_AGGREGATE_COUNT:
    case MR_AGGREGATE_COUNT_IF:
    case MR_AGGREGATE_DISTINCT:
        return 8;
    case MR_AGGREGATE_SUM:
    case MR_AGGREGATE_MIN:
    case MR_AGGREGATE_MAX:
        return 9;
    case MR_AGGREGATE_AVG:
    case MR_AGGREGATE_FIRST:
    case MR_AGGREGATE_LAST:
        return 17;
    case MR_AGGREGATE_KEY:
    case MR_AGGREGATE_WINDOW_START:
    case MR_AGGREGATE_WINDOW_STOP:
        return 0;
    }
    MR_UNREACHABLE();
}

size_t mr_row_fixed_bytes(const mr_node *node) {
    size_t bytes = MR_ROW_HEAD_BYTES;
    for (size_t i = 0; i < mr_row_fields_count(node); i++) {
        bytes += mr_row_slot_bytes(mr_row_function(node, i));
    }
    return bytes;
}

/* Which kinds a function's slot may hold, a bit for each. */
static unsigned kinds_of(mr_aggregate_function function) {
    unsigned numbers = 1U << MR_ROW_NONE | 1U << MR_ROW_INT | 1U << MR_ROW_FLOAT;
    switch (function) {
    case MR_AGGREGATE_SUM:
    case MR_AGGREGATE_AVG:
        return numbers;
    case MR_AGGREGATE_MIN:
    case MR_AGGREGATE_MAX:
        return numbers | 1U << MR_ROW_STRING;
    case MR_AGGREGATE_FIRST:
    case MR_AGGREGATE_LAST:
        return numbers | 1U << MR_ROW_STRING | 1U << MR_ROW_BOOL | 1U << MR_ROW_JSON;
    default:
        return 0;
    }
}

mr_status mr_row_tail_bytes(mr_aggregate_function function, const uint8_t *slot, size_t *out) {
    *out = 0;
    if (function == MR_AGGREGATE_DISTINCT) {
        uint64_t entries = mr_get_be32(slot);
        *out = mr_get_be32(slot + 4);
        return *out >= entries * MR_ROW_INDEX_ENTRY_BYTES ? MR_OK : MR_CORRUPT;
    }
    unsigned kinds = kinds_of(function);
    if (kinds == 0) {
        return MR_OK;
    }
    if (slot[0] > MR_ROW_JSON || (kinds & 1U << slot[0]) == 0) {
        return MR_CORRUPT;
    }
    if (slot[0] == MR_ROW_STRING || slot[0] == MR_ROW_JSON) {
        *out = mr_get_be64(slot + 1);
    }
    return MR_OK;
}

mr_status mr_row_get(const uint8_t *slot, mr_bytes tail, mr_datum *out) {
    uint64_t bits = mr_get_be64(slot + 1);
    *out = MR_DATUM_OF_NIL;
    switch (slot[0]) {
    case MR_ROW_NONE:
        return MR_OK;
    case MR_ROW_INT:
        *out = mr_datum_int((int64_t)bits);
        return MR_OK;
    case MR_ROW_FLOAT:
        *out = mr_datum_float(0);
        memcpy(&out->number, &bits, 8);
        return MR_OK;
    case MR_ROW_BOOL:
        *out = mr_datum_bool(bits != 0);
        return MR_OK;
    case MR_ROW_STRING:
        *out = mr_datum_string(tail);
        return bits == tail.len ? MR_OK : MR_CORRUPT;
    case MR_ROW_JSON:
        *out = (mr_datum){.kind = MR_DATUM_JSON, .bytes = tail};
        return bits == tail.len && bits >= 2 ? MR_OK : MR_CORRUPT;
    default:
        return MR_CORRUPT;
    }
}

static void put_kind(uint8_t *slot, mr_row_kind kind, uint64_t bits) {
    slot[0] = (uint8_t)kind;
    mr_put_be64(slot + 1, bits);
}

void mr_row_put(uint8_t *slot, const mr_datum *datum) {
    uint64_t bits;
    switch (datum->kind) {
    case MR_DATUM_NIL:
        put_kind(slot, MR_ROW_NONE, 0);
        return;
    case MR_DATUM_INT:
        put_kind(slot, MR_ROW_INT, (uint64_t)datum->integer);
        return;
    case MR_DATUM_FLOAT:
        memcpy(&bits, &datum->number, 8);
        put_kind(slot, MR_ROW_FLOAT, bits);
        return;
    case MR_DATUM_BOOL:
        put_kind(slot, MR_ROW_BOOL, datum->boolean);
        return;
    case MR_DATUM_STRING:
        put_kind(slot, MR_ROW_STRING, datum->bytes.len);
        return;
    case MR_DATUM_JSON:
        put_kind(slot, MR_ROW_JSON, datum->bytes.len);
        return;
    case MR_DATUM_NULL:
    case MR_DATUM_RAW:
        break;
    }
    MR_UNREACHABLE();
}

mr_status mr_row_check(const mr_node *node, mr_bytes row) {
    if (row.len < mr_row_fixed_bytes(node) || row.data[0] != MR_ROW_VERSION) {
        return MR_CORRUPT;
    }
    return MR_OK;
}

uint64_t mr_row_hash(mr_bytes canonical) {
    return (uint64_t)mr_crc32c(0, canonical.data, canonical.len) << 32 | mr_murmur2(canonical);
}

/* The text of an entry; fails if it leaves the set. */
static mr_status text_of(mr_bytes set, uint32_t entries, uint32_t entry, mr_bytes *out) {
    size_t texts_at = (size_t)entries * MR_ROW_INDEX_ENTRY_BYTES;
    size_t at = mr_get_be32(set.data + (size_t)entry * MR_ROW_INDEX_ENTRY_BYTES + 8);
    if (at >= set.len - texts_at) {
        return MR_CORRUPT;
    }
    mr_reader r = mr_reader_of(mr_bytes_of(set.data + texts_at + at, set.len - texts_at - at));
    uint64_t len = mr_reader_uvarint(&r);
    if (r.failed || len > mr_reader_left(&r)) {
        return MR_CORRUPT;
    }
    *out = mr_reader_take(&r, (size_t)len);
    return MR_OK;
}

static uint64_t hash_at(mr_bytes set, uint32_t entry) {
    return mr_get_be64(set.data + (size_t)entry * MR_ROW_INDEX_ENTRY_BYTES);
}

mr_status mr_row_find(mr_bytes set, uint32_t entries, uint64_t hash, mr_bytes text,
                      uint32_t *entry_out) {
    MR_ASSERT(set.len >= (uint64_t)entries * MR_ROW_INDEX_ENTRY_BYTES);
    uint32_t low = 0;
    uint32_t high = entries;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (hash_at(set, middle) < hash) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    for (; low < entries && hash_at(set, low) == hash; low++) {
        mr_bytes other;
        if (text_of(set, entries, low, &other) != MR_OK) {
            return MR_CORRUPT;
        }
        if (other.len == text.len && memcmp(other.data, text.data, text.len) == 0) {
            return MR_OK;
        }
    }
    *entry_out = low;
    return MR_NOT_FOUND;
}
