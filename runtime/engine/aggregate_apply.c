#include "runtime/engine/aggregate_input.h"

#include <math.h>

#include "runtime/base/assert.h"
#include "runtime/base/limits.h"
#include "runtime/base/varint.h"
#include "runtime/engine/arithmetic.h"

/* One record into one row, in two passes: every field is worked out in a copy of the fixed part,
 * which may fail; then the tail's edits and the fixed part are written, which may not. */

/* The slot, its part of the tail, and where that part stands in the row. */
typedef struct field {
    const mr_aggregate_argument *argument;
    uint8_t *slot; /* in the copy */
    mr_bytes tail;
    size_t tail_at;
    mr_aggregate_edit *edit;
} field;

static mr_status corrupt(mr_err *err) {
    return mr_err_set(err, MR_CORRUPT, "the row is not one of this aggregate");
}

static mr_status add_count(uint8_t *at, mr_err *err) {
    uint64_t count = mr_get_be64(at);
    if (count >= INT64_MAX) {
        return corrupt(err);
    }
    mr_put_be64(at, count + 1);
    return MR_OK;
}

static mr_status add_number(const field *f, const char *name, mr_err *err) {
    mr_datum sum;
    if (mr_row_get(f->slot, f->tail, &sum) != MR_OK) {
        return corrupt(err);
    }
    const mr_datum *datum = &f->argument->datum;
    if (sum.kind == MR_DATUM_NIL) {
        mr_row_put(f->slot, datum);
        return MR_OK;
    }
    if (sum.kind == MR_DATUM_INT && datum->kind == MR_DATUM_INT) {
        if (__builtin_add_overflow(sum.integer, datum->integer, &sum.integer)) {
            return mr_err_set(err, MR_INVALID, "%s is beyond 64 bits", name);
        }
    } else {
        sum = mr_datum_float(mr_arithmetic_to_float(&sum) + mr_arithmetic_to_float(datum));
        if (!isfinite(sum.number)) {
            return mr_err_set(err, MR_INVALID, "%s is beyond the range of a float", name);
        }
    }
    mr_row_put(f->slot, &sum);
    return MR_OK;
}

static void replace_value(const field *f) {
    const mr_datum *datum = &f->argument->datum;
    mr_row_put(f->slot, datum);
    bool in_tail = datum->kind == MR_DATUM_STRING || datum->kind == MR_DATUM_JSON;
    if (in_tail || f->tail.len > 0) {
        *f->edit = (mr_aggregate_edit){.present = true,
                                       .at = f->tail_at,
                                       .old_bytes = f->tail.len,
                                       .bytes = in_tail ? datum->bytes : MR_BYTES_NULL};
    }
}

/* Of equals the earlier stays. */
static mr_status keep_extreme(const field *f, mr_order wanted, mr_err *err) {
    mr_datum old;
    if (mr_row_get(f->slot, f->tail, &old) != MR_OK) {
        return corrupt(err);
    }
    const mr_datum *datum = &f->argument->datum;
    bool better = old.kind == MR_DATUM_NIL;
    if (!better) {
        bool strings = old.kind == MR_DATUM_STRING;
        if (strings != (datum->kind == MR_DATUM_STRING)) {
            return mr_err_set(err, MR_INVALID, "min and max cannot compare a string with a number");
        }
        if (strings) {
            int order = mr_bytes_compare(datum->bytes, old.bytes);
            better = wanted == MR_ORDER_LESS ? order < 0 : order > 0;
        } else {
            better = mr_arithmetic_compare(datum, &old) == wanted;
        }
    }
    if (better) {
        replace_value(f);
    }
    return MR_OK;
}

/* first: the least ts, of equals the earlier to come; last: the greatest, of equals the later. */
static void keep_by_time(const field *f, int64_t ts_ms) {
    int64_t old_ms = (int64_t)mr_get_be64(f->slot + 9);
    bool better = f->slot[0] == MR_ROW_NONE ||
                  (f->argument->function == MR_AGGREGATE_FIRST ? ts_ms < old_ms : ts_ms >= old_ms);
    if (better) {
        replace_value(f);
        mr_put_be64(f->slot + 9, (uint64_t)ts_ms);
    }
}

static mr_status add_distinct(const field *f, mr_err *err) {
    uint32_t entries = mr_get_be32(f->slot);
    const mr_aggregate_argument *argument = f->argument;
    uint32_t entry;
    mr_status status = mr_row_find(f->tail, entries, argument->hash, argument->canonical, &entry);
    if (status != MR_NOT_FOUND) {
        return status == MR_OK ? MR_OK : corrupt(err);
    }
    if (entries >= MR_DISTINCT_MAX) {
        return mr_err_set(err, MR_INVALID, "distinct holds at most %d values", MR_DISTINCT_MAX);
    }
    *f->edit = (mr_aggregate_edit){.present = true,
                                   .is_entry = true,
                                   .at = f->tail_at,
                                   .old_bytes = f->tail.len,
                                   .bytes = argument->canonical,
                                   .entry = entry};
    size_t text_bytes = mr_uvarint_size(argument->canonical.len) + argument->canonical.len;
    size_t bytes = f->tail.len + MR_ROW_INDEX_ENTRY_BYTES + text_bytes;
    mr_put_be32(f->slot, entries + 1);
    mr_put_be32(f->slot + 4, (uint32_t)bytes);
    return MR_OK;
}

static mr_status add_field(const field *f, int64_t ts_ms, mr_err *err) {
    const mr_datum *datum = &f->argument->datum;
    if (f->argument->function == MR_AGGREGATE_COUNT) {
        return add_count(f->slot, err);
    }
    if (datum->kind == MR_DATUM_NIL) {
        return MR_OK;
    }
    mr_status status;
    switch (f->argument->function) {
    case MR_AGGREGATE_COUNT_IF:
        return datum->boolean ? add_count(f->slot, err) : MR_OK;
    case MR_AGGREGATE_SUM:
        return add_number(f, "sum", err);
    case MR_AGGREGATE_AVG:
        status = add_number(f, "avg", err);
        return status == MR_OK ? add_count(f->slot + 9, err) : status;
    case MR_AGGREGATE_MIN:
        return keep_extreme(f, MR_ORDER_LESS, err);
    case MR_AGGREGATE_MAX:
        return keep_extreme(f, MR_ORDER_GREATER, err);
    case MR_AGGREGATE_FIRST:
    case MR_AGGREGATE_LAST:
        keep_by_time(f, ts_ms);
        return MR_OK;
    case MR_AGGREGATE_DISTINCT:
        return add_distinct(f, err);
    default:
        return MR_OK; /* key and window bounds have no slot */
    }
}

/* Fills input->fixed and input->edits; *row_bytes is the row's length afterwards. */
static mr_status work_out(const mr_aggregate_input *input, const mr_buf *row, size_t *row_bytes,
                          size_t *edits_count, mr_err *err) {
    size_t tail_at = input->fixed_bytes;
    size_t tail_end = row->len > 0 ? row->len : tail_at;
    *row_bytes = tail_at;
    *edits_count = 0;
    for (size_t i = 0; i < input->arguments_count; i++) {
        const mr_aggregate_argument *argument = &input->arguments[i];
        field f = {.argument = argument,
                   .slot = input->fixed + argument->slot_at,
                   .tail_at = tail_at,
                   .edit = &input->edits[i]};
        f.edit->present = false;
        size_t tail_bytes;
        if (mr_row_tail_bytes(argument->function, f.slot, &tail_bytes) != MR_OK ||
            tail_bytes > tail_end - tail_at) {
            return corrupt(err);
        }
        f.tail = tail_bytes > 0 ? mr_bytes_of(row->data + tail_at, tail_bytes) : mr_bytes_of("", 0);
        mr_status status = add_field(&f, input->ts_ms, err);
        if (status != MR_OK) {
            return mr_aggregate_refused(input->node, i, status, err);
        }
        tail_at += tail_bytes;
        *edits_count += f.edit->present;
        if (mr_row_tail_bytes(argument->function, f.slot, &tail_bytes) != MR_OK) {
            MR_UNREACHABLE();
        }
        *row_bytes += tail_bytes;
    }
    return tail_at == tail_end ? MR_OK : corrupt(err);
}

/* Opens a gap of new_bytes in place of old_bytes. */
static void splice(mr_buf *row, size_t at, size_t old_bytes, size_t new_bytes) {
    MR_ASSERT(at + old_bytes <= row->len);
    if (new_bytes > old_bytes) {
        mr_buf_reserve(row, new_bytes - old_bytes);
    }
    memmove(row->data + at + new_bytes, row->data + at + old_bytes, row->len - at - old_bytes);
    row->len = row->len - old_bytes + new_bytes;
}

static void write_entry(const mr_aggregate_argument *argument, const mr_aggregate_edit *edit,
                        uint32_t entries, mr_buf *row) {
    size_t index_bytes = (size_t)entries * MR_ROW_INDEX_ENTRY_BYTES;
    uint32_t text_at = (uint32_t)(edit->old_bytes - index_bytes);
    uint8_t length[MR_VARINT_BYTES_MAX];
    size_t length_bytes = mr_uvarint_put(length, edit->bytes.len);
    size_t text_bytes = length_bytes + edit->bytes.len;
    splice(row, edit->at + edit->old_bytes, 0, text_bytes);
    uint8_t *text = row->data + edit->at + edit->old_bytes;
    memcpy(text, length, length_bytes);
    memcpy(text + length_bytes, edit->bytes.data, edit->bytes.len);
    size_t entry_at = edit->at + (size_t)edit->entry * MR_ROW_INDEX_ENTRY_BYTES;
    splice(row, entry_at, 0, MR_ROW_INDEX_ENTRY_BYTES);
    mr_put_be64(row->data + entry_at, argument->hash);
    mr_put_be32(row->data + entry_at + 8, text_at);
}

/* From the last to the first, so that the places of the others stay true. */
static void edit_tail(const mr_aggregate_input *input, mr_buf *row) {
    for (size_t i = input->arguments_count; i-- > 0;) {
        const mr_aggregate_edit *edit = &input->edits[i];
        if (!edit->present) {
            continue;
        }
        if (edit->is_entry) {
            uint32_t entries = mr_get_be32(input->fixed + input->arguments[i].slot_at) - 1;
            write_entry(&input->arguments[i], edit, entries, row);
            continue;
        }
        splice(row, edit->at, edit->old_bytes, edit->bytes.len);
        if (edit->bytes.len > 0) {
            memcpy(row->data + edit->at, edit->bytes.data, edit->bytes.len);
        }
    }
}

/* The fixed part of the row, or of a new one, into the copy. */
static mr_status begin(const mr_aggregate_input *input, const mr_buf *row, mr_err *err) {
    if (row->len > 0) {
        if (mr_row_check(input->node, mr_buf_view(row)) != MR_OK) {
            return corrupt(err);
        }
        memcpy(input->fixed, row->data, input->fixed_bytes);
        return MR_OK;
    }
    memset(input->fixed, 0, input->fixed_bytes);
    input->fixed[0] = MR_ROW_VERSION;
    mr_put_be64(input->fixed + MR_ROW_TS_AT, (uint64_t)INT64_MIN);
    return MR_OK;
}

mr_status mr_aggregate_apply(const mr_aggregate_input *input, mr_buf *row, mr_err *err) {
    mr_status status = begin(input, row, err);
    if (status != MR_OK) {
        return status;
    }
    size_t row_bytes;
    size_t edits_count;
    status = work_out(input, row, &row_bytes, &edits_count, err);
    if (status != MR_OK) {
        return status;
    }
    if (row_bytes > MR_AGGREGATE_ROW_BYTES_MAX) {
        return mr_err_set(err, MR_INVALID, "the aggregate would need %zu bytes, more than %d",
                          row_bytes, MR_AGGREGATE_ROW_BYTES_MAX);
    }
    uint8_t *ts_at = input->fixed + MR_ROW_TS_AT;
    if (input->ts_ms > (int64_t)mr_get_be64(ts_at)) {
        mr_put_be64(ts_at, (uint64_t)input->ts_ms);
    }
    if (row->len == 0) {
        mr_buf_put(row, input->fixed, input->fixed_bytes);
    }
    if (edits_count > 0) {
        edit_tail(input, row);
    }
    memcpy(row->data, input->fixed, input->fixed_bytes);
    MR_ASSERT(row->len == row_bytes);
    return MR_OK;
}
