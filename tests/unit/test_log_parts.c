/* The parts of the log core that stand alone: index, checkpoint, fetch range, fetch reader, kept
 * decisions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "log/client/fetch_reader.h"
#include "log/core/checkpoint.h"
#include "log/core/fetch_range.h"
#include "log/core/log_state.h"
#include "runtime/base/alloc.h"

/* ---- index ---- */

static void an_index_finds_a_batch_at_or_before_an_offset(void **state) {
    (void)state;
    mr_segment_index index = {0};
    const uint64_t size = MR_INDEX_INTERVAL_BYTES;
    for (int i = 0; i < 10; i++) { /* batches of ten records, one interval each */
        mr_segment_index_note(&index, i * 10 + 9, (uint64_t)i * size, size);
    }
    assert_int_equal(index.count, 10);
    assert_int_equal(mr_segment_index_find(&index, 0), 0);
    assert_int_equal(mr_segment_index_find(&index, 9), 0);
    assert_int_equal(mr_segment_index_find(&index, 19), size);
    assert_int_equal(mr_segment_index_find(&index, 20), size);
    assert_int_equal(mr_segment_index_find(&index, 1000), 9 * size);
    mr_segment_index_deinit(&index);
}

static void small_batches_share_an_index_entry(void **state) {
    (void)state;
    mr_segment_index index = {0};
    for (int i = 0; i < 64; i++) {
        mr_segment_index_note(&index, i, (uint64_t)i * (MR_INDEX_INTERVAL_BYTES / 8),
                              MR_INDEX_INTERVAL_BYTES / 8);
    }
    assert_int_equal(index.count, 8);
    mr_segment_index_deinit(&index);
}

static void a_stored_index_fits_its_segment_or_is_refused(void **state) {
    (void)state;
    mr_segment_index index = {0};
    mr_segment_index_note(&index, 9, 0, MR_INDEX_INTERVAL_BYTES);
    mr_segment_index_note(&index, 19, MR_INDEX_INTERVAL_BYTES, MR_INDEX_INTERVAL_BYTES);
    mr_buf file = {0};
    mr_segment_index_encode(&index, 2 * MR_INDEX_INTERVAL_BYTES, 520, &file);
    assert_int_equal(file.len, 2 * 8 + MR_INDEX_FOOTER_BYTES);
    mr_segment_index again;
    int64_t end = 0;
    assert_int_equal(
        mr_segment_index_decode(mr_buf_view(&file), 2 * MR_INDEX_INTERVAL_BYTES, &again, &end),
        MR_OK);
    assert_int_equal(end, 520);
    assert_int_equal(again.count, 2);
    assert_int_equal(mr_segment_index_find(&again, 25), MR_INDEX_INTERVAL_BYTES);
    mr_segment_index_deinit(&again);
    assert_int_equal(mr_segment_index_decode(mr_buf_view(&file), 1, &again, &end), MR_CORRUPT);
    file.data[3] ^= 1;
    assert_int_equal(
        mr_segment_index_decode(mr_buf_view(&file), 2 * MR_INDEX_INTERVAL_BYTES, &again, &end),
        MR_CORRUPT);
    mr_buf_deinit(&file);
    mr_segment_index_deinit(&index);
}

/* ---- checkpoint ---- */

static void a_checkpoint_reads_back_as_written(void **state) {
    (void)state;
    mr_log_state *log = mr_log_state_create();
    const mr_uuid id = {{1, 2, 3}};
    mr_topic *topic = mr_log_state_add_topic(log, "events", &id, MR_TOPIC_USER, MR_CODEC_NONE, 1);
    mr_partition *partition = log->partitions[topic->first];
    mr_segment *segment = mr_partition_add_segment(partition, 40);
    *segment = (mr_segment){.base_offset = 40,
                            .end_offset = 90,
                            .size_bytes = 5000,
                            .synced_bytes = 4000,
                            .synced_offset = 80,
                            .named = true};
    partition->start = 45;
    partition->end = 90;
    partition->stable_end = 70;
    mr_partition_add_aborted(partition, &(mr_aborted){7, 3, 50, 60});
    mr_buf text = {0};
    mr_checkpoint_encode(log, MR_CHECKPOINT_CLEAN, &text);
    assert_non_null(strstr(mr_buf_cstr(&text), "partition events 0 AQIDAAAAAAAAAAAAAAAAAA "
                                               "45 70 80 40 4000\naborted events 0 7 3 50 60\n"));
    mr_checkpoint read;
    assert_int_equal(mr_checkpoint_decode(mr_buf_view(&text), &read), MR_OK);
    assert_true(read.clean);
    partition->aborted_count = 0;
    assert_true(mr_checkpoint_apply(&read, partition));
    assert_int_equal(partition->checkpoint.offset, 80);
    assert_int_equal(partition->checkpoint.byte, 4000);
    assert_int_equal(partition->checkpoint_start, 45);
    assert_int_equal(partition->aborted_count, 1);
    topic->id.bytes[0] = 9; /* another topic of the same name */
    assert_false(mr_checkpoint_apply(&read, partition));
    mr_checkpoint_deinit(&read);
    text.data[40] ^= 1;
    assert_int_equal(mr_checkpoint_decode(mr_buf_view(&text), &read), MR_CORRUPT);
    mr_buf_deinit(&text);
    mr_log_state_destroy(log);
}

/* ---- fetching ---- */

/* Batches of two records each at offsets 0, 2, 4, ... */
static mr_shared *build(int batches, uint16_t attributes, int64_t producer_id) {
    mr_batch_builder *builder = mr_batch_builder_create();
    mr_buf out = {0};
    for (int i = 0; i < batches; i++) {
        for (int j = 0; j < 2; j++) {
            mr_record record = {.value = mr_bytes_text("v")};
            assert_int_equal(mr_batch_builder_add(builder, &record), MR_OK);
        }
        size_t at = out.len;
        mr_batch_builder_finish(builder,
                                &(mr_batch_config){.attributes = attributes,
                                                   .producer_id = producer_id,
                                                   .producer_epoch = 1},
                                &out);
        mr_batch_assign(out.data + at, i * 2, 0);
    }
    mr_batch_builder_destroy(builder);
    mr_shared *shared = mr_shared_create(out.len);
    memcpy(shared->data, out.data, out.len);
    shared->len = out.len;
    mr_buf_deinit(&out);
    return shared;
}

static void a_fetch_is_cut_to_whole_batches_around_its_offset(void **state) {
    (void)state;
    mr_shared *read = build(4, 0, -1);
    size_t one = read->len / 4;
    mr_bytes bytes = mr_bytes_of(read->data, read->len);
    mr_fetch_cut cut;
    assert_int_equal(mr_fetch_trim(bytes, 3, 8, 2 * (uint32_t)one, &cut), MR_OK);
    assert_int_equal(cut.begin, one); /* offset 3 stands in the second batch */
    assert_int_equal(cut.len, 2 * one);
    assert_int_equal(cut.next_offset, 6);
    assert_int_equal(mr_fetch_trim(bytes, 0, 4, 100000, &cut), MR_OK);
    assert_int_equal(cut.len, 2 * one); /* up to the stable end */
    assert_int_equal(mr_fetch_trim(bytes, 0, 8, 1, &cut), MR_OK);
    assert_int_equal(cut.len, one); /* one batch though it is larger than asked */
    assert_int_equal(mr_fetch_trim(mr_bytes_of(read->data, one + 5), 3, 8, 100, &cut), MR_OK);
    assert_int_equal(cut.len, 0);
    assert_int_equal(cut.begin, one);
    assert_true(cut.need_bytes > 5); /* read on from there */
    mr_shared_unref(read);
}

static int count_read(const mr_fetched *fetched, int64_t *next) {
    mr_fetch_reader *reader = mr_fetch_reader_create();
    mr_fetch_reader_open(reader, fetched);
    mr_record record;
    mr_err err = {0};
    int count = 0;
    mr_status status;
    while ((status = mr_fetch_reader_next(reader, &record, NULL, &err)) == MR_OK) {
        count++;
    }
    *next = mr_fetch_reader_next_offset(reader);
    mr_fetch_reader_destroy(reader);
    return status == MR_NOT_FOUND ? count : -1;
}

static void a_reader_leaves_out_aborted_and_earlier_records(void **state) {
    (void)state;
    mr_shared *bytes = build(3, MR_ATTRIBUTE_TRANSACTIONAL, 7);
    const mr_aborted aborted = {7, 1, 2, 3};
    mr_fetched fetched = {.bytes = bytes, .offset = 1, .stable_end = 6};
    int64_t next = 0;
    assert_int_equal(count_read(&fetched, &next), 5);
    assert_int_equal(next, 6);
    fetched.aborted = &aborted;
    fetched.aborted_count = 1;
    assert_int_equal(count_read(&fetched, &next), 3);
    assert_int_equal(next, 6);
    mr_shared_unref(bytes);
}

static void a_reader_passes_control_batches(void **state) {
    (void)state;
    mr_buf marker = {0};
    mr_marker_build(MR_MARKER_COMMIT, 7, 1, 0, &marker);
    mr_batch_assign(marker.data, 10, 0);
    mr_shared *bytes = mr_shared_create(marker.len);
    memcpy(bytes->data, marker.data, marker.len);
    bytes->len = marker.len;
    mr_buf_deinit(&marker);
    int64_t next = 0;
    assert_int_equal(count_read(&(mr_fetched){.bytes = bytes, .offset = 10}, &next), 0);
    assert_int_equal(next, 11);
    mr_shared_unref(bytes);
}

static void a_reader_refuses_a_flipped_bit(void **state) {
    (void)state;
    mr_shared *bytes = build(2, 0, -1);
    bytes->data[bytes->len - 1] ^= 1;
    int64_t next = 0;
    assert_int_equal(count_read(&(mr_fetched){.bytes = bytes}, &next), -1);
    assert_int_equal(next, 2); /* the first batch was fine */
    mr_shared_unref(bytes);
}

/* ---- decisions ---- */

static void add_decision(mr_log_state *state, int64_t offset, int64_t marker_offset) {
    mr_live_decision *decision = mr_alloc(sizeof *decision);
    decision->offset = offset;
    decision->parts_count = 1;
    decision->parts = mr_alloc_array(1, sizeof *decision->parts);
    decision->parts[0] = (mr_live_decision_part){state->positions->id, marker_offset};
    mr_log_state_add_decision(state, decision);
}

static void a_decision_that_waits_keeps_the_log_but_not_the_memory_of_later_ones(void **state) {
    (void)state;
    mr_log_state *log = mr_log_state_create();
    log->transactions->end = log->transactions->stable_end = 100;
    log->positions->durable_offset = 50;
    add_decision(log, 10, 40);
    add_decision(log, 11, INT64_MAX);
    for (int64_t offset = 12; offset < 100; offset++) {
        add_decision(log, offset, 45);
    }
    assert_true(mr_log_state_drop_decisions(log));
    assert_int_equal(log->transactions->start, 11);
    assert_int_equal(log->decisions->offset, 11);
    assert_null(log->decisions->next);
    add_decision(log, 100, 49);
    assert_false(mr_log_state_drop_decisions(log));
    assert_ptr_equal(log->decisions, log->decisions_last);
    mr_log_state_destroy(log);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_index_finds_a_batch_at_or_before_an_offset),
        cmocka_unit_test(small_batches_share_an_index_entry),
        cmocka_unit_test(a_stored_index_fits_its_segment_or_is_refused),
        cmocka_unit_test(a_checkpoint_reads_back_as_written),
        cmocka_unit_test(a_fetch_is_cut_to_whole_batches_around_its_offset),
        cmocka_unit_test(a_reader_leaves_out_aborted_and_earlier_records),
        cmocka_unit_test(a_reader_passes_control_batches),
        cmocka_unit_test(a_reader_refuses_a_flipped_bit),
        cmocka_unit_test(a_decision_that_waits_keeps_the_log_but_not_the_memory_of_later_ones),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
