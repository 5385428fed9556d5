/* runtime/engine/outbox.h - what a member (task, source, sink) of a worker writes until the next
 * commit: batches under construction per partition. Nothing of it is in the log before the commit
 * begins.
 *
 * A record's partition: keyed by murmur2, keyless round-robin by the number of keyless records this
 * writer wrote to the topic before; the counters are the owner's to keep (a task's `_task` row, a
 * source's position), so that the choice never depends on batches or commits. A batch holds records
 * of one member only. Thread: owner worker only.
 */
#pragma once

#include "log/client/log_client.h"

typedef struct mr_outbox mr_outbox;

typedef struct mr_outbox_topic {
    mr_partition_id partition_first;
    int32_t partitions;
    mr_codec codec;
} mr_outbox_topic;

/* topics: copied; `topic` below is an index into it. */
mr_outbox *mr_outbox_create(const mr_outbox_topic *topics, uint32_t topics_count);
void mr_outbox_destroy(mr_outbox *outbox);
/* Copies the record. MR_INVALID: larger than MR_RECORD_BYTES_MAX. */
mr_status mr_outbox_add(mr_outbox *outbox, uint32_t topic, const mr_record *record) MR_CHECKED;
/* To one given partition (time records, changelogs, positions). */
mr_status mr_outbox_add_to(mr_outbox *outbox, uint32_t topic, int32_t partition,
                           const mr_record *record) MR_CHECKED;
/* Whether the next record of at most record_bytes_max encoded bytes begins a batch there; ends the
 * batch under construction if such a record might not fit, so that the answer is exact. */
bool mr_outbox_starts_batch(mr_outbox *outbox, uint32_t topic, int32_t partition,
                            size_t record_bytes_max);
int32_t mr_outbox_partition(mr_outbox *outbox, uint32_t topic,
                            mr_bytes key); /* as add would choose; counts a keyless one */
uint64_t mr_outbox_keyless(const mr_outbox *outbox, uint32_t topic);
void mr_outbox_set_keyless(mr_outbox *outbox, uint32_t topic, uint64_t counter);
size_t mr_outbox_bytes(const mr_outbox *outbox);
uint64_t mr_outbox_records(const mr_outbox *outbox); /* since the last take */

/* Everything added so far, as finished batches without producer and CRC; the outbox is empty
 * afterwards. */
typedef struct mr_outbox_part {
    mr_partition_id partition;
    mr_buf *batches; /* back to back; until the visit returns, which may swap it for another */
} mr_outbox_part;
void mr_outbox_take(mr_outbox *outbox, void (*visit)(void *arg, const mr_outbox_part *part),
                    void *arg);
void mr_outbox_drop(mr_outbox *outbox); /* abort */
