/* The outbox: where records go, what a batch begins with, what is left after a take or a drop. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "log/record/batch.h"
#include "runtime/base/alloc.h"
#include "runtime/engine/outbox.h"

#define PARTITIONS 3

static mr_outbox *new_outbox(void) {
    const mr_outbox_topic topics[] = {{.partition_first = 10, .partitions = PARTITIONS},
                                      {.partition_first = 20, .partitions = 1}};
    return mr_outbox_create(topics, 2);
}

static mr_record record_of(const char *key, const char *value) {
    return (mr_record){.key = key ? mr_bytes_text(key) : MR_BYTES_NULL,
                       .value = mr_bytes_text(value)};
}

static void add(mr_outbox *outbox, uint32_t topic, const char *key, const char *value) {
    mr_record record = record_of(key, value);
    assert_int_equal(mr_outbox_add(outbox, topic, &record), MR_OK);
}

/* What a take gave: records by partition, and batches. */
typedef struct taken {
    int32_t records[32];
    int32_t batches[32];
} taken;

static void visit(void *arg, const mr_outbox_part *part) {
    taken *got = arg;
    for (size_t at = 0; at < part->batches->len;) {
        mr_batch_info info;
        mr_bytes rest = mr_bytes_of(part->batches->data + at, part->batches->len - at);
        assert_int_equal(mr_batch_peek(rest, &info), MR_OK);
        got->records[part->partition] += info.records_count;
        got->batches[part->partition]++;
        at += info.size_bytes;
    }
}

static taken take(mr_outbox *outbox) {
    taken got = {0};
    mr_outbox_take(outbox, visit, &got);
    return got;
}

static void keyless_records_go_round_by_their_number(void **state) {
    (void)state;
    mr_outbox *outbox = new_outbox();
    mr_outbox_set_keyless(outbox, 0, 4);
    add(outbox, 0, NULL, "a"); /* number 4: partition 1 */
    add(outbox, 0, "k", "b");  /* does not count */
    add(outbox, 0, NULL, "c"); /* number 5: partition 2 */
    assert_int_equal(mr_outbox_keyless(outbox, 0), 6);
    int32_t of_key = mr_outbox_partition(outbox, 0, mr_bytes_text("k"));
    taken got = take(outbox);
    int32_t wanted[PARTITIONS] = {0, 1, 1};
    wanted[of_key]++;
    for (int p = 0; p < PARTITIONS; p++) {
        assert_int_equal(got.records[10 + p], wanted[p]);
    }
    assert_int_equal(mr_outbox_keyless(outbox, 0), 6); /* a take is no new beginning */
    mr_outbox_destroy(outbox);
}

static void a_refused_record_was_not_written(void **state) {
    (void)state;
    mr_outbox *outbox = new_outbox();
    char *large = mr_alloc(MR_RECORD_BYTES_MAX + 1);
    mr_record record = {.value = mr_bytes_of(large, MR_RECORD_BYTES_MAX + 1)};
    assert_int_equal(mr_outbox_add(outbox, 0, &record), MR_INVALID);
    assert_int_equal(mr_outbox_keyless(outbox, 0), 0);
    assert_int_equal(mr_outbox_records(outbox), 0);
    assert_int_equal(mr_outbox_bytes(outbox), 0);
    mr_free(large);
    mr_outbox_destroy(outbox);
}

static void it_is_empty_behind_a_take_and_behind_a_drop(void **state) {
    (void)state;
    mr_outbox *outbox = new_outbox();
    for (int round = 0; round < 2; round++) {
        add(outbox, 0, "k", "v");
        add(outbox, 1, "k", "v");
        assert_int_equal(mr_outbox_records(outbox), 2);
        assert_true(mr_outbox_bytes(outbox) > 0);
        if (round == 0) {
            mr_outbox_drop(outbox);
        } else {
            assert_int_equal(take(outbox).records[20], 1);
        }
        assert_int_equal(mr_outbox_records(outbox), 0);
        assert_int_equal(mr_outbox_bytes(outbox), 0);
        taken nothing = take(outbox);
        assert_int_equal(nothing.records[20], 0);
    }
    mr_outbox_destroy(outbox);
}

/* What it says of the next record is so: a batch begins exactly where it says. */
static void the_answer_about_a_new_batch_is_exact(void **state) {
    (void)state;
    mr_outbox *outbox = new_outbox();
    char value[1000];
    memset(value, 'v', sizeof value);
    int32_t begun = 0;
    for (int i = 0; i < 2 * MR_BATCH_RECORDS_MAX + 600; i++) {
        size_t len = (size_t)(i * 37) % sizeof value;
        begun += mr_outbox_starts_batch(outbox, 1, 0, len + 40);
        mr_record record = {.key = mr_bytes_text("k"), .value = mr_bytes_of(value, len)};
        assert_int_equal(mr_outbox_add(outbox, 1, &record), MR_OK);
    }
    taken got = take(outbox);
    assert_true(begun > 2);
    assert_int_equal(got.batches[20], begun);
    mr_outbox_destroy(outbox);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keyless_records_go_round_by_their_number),
        cmocka_unit_test(a_refused_record_was_not_written),
        cmocka_unit_test(it_is_empty_behind_a_take_and_behind_a_drop),
        cmocka_unit_test(the_answer_about_a_new_batch_is_exact),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
