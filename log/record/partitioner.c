#include "log/record/partitioner.h"

#include "runtime/base/assert.h"
#include "runtime/base/hash.h"

int32_t mr_partition_choose(mr_bytes key, int32_t partitions, uint64_t *keyless_counter) {
    MR_ASSERT(partitions >= 1);
    if (mr_bytes_is_null(key)) {
        return (int32_t)((*keyless_counter)++ % (uint64_t)partitions);
    }
    return (int32_t)((mr_murmur2(key) & 0x7fffffff) % (uint32_t)partitions);
}
