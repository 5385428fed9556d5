/* log/record/partitioner.h - which partition a record goes to.
 * Keyed: murmur2(key) & 0x7fffffff mod partitions, as Kafka's Java client. Keyless: round-robin by
 * the number of keyless records the writer wrote before (DESIGN section 4). Thread: any. */
#pragma once

#include "runtime/base/bytes.h"

/* *keyless_counter is the writer's, counted up for a null key. partitions >= 1. */
int32_t mr_partition_choose(mr_bytes key, int32_t partitions, uint64_t *keyless_counter);
