/* runtime/base/hash.h - checksums and hashes. Thread: any. */
#pragma once

#include "runtime/base/bytes.h"

/* CRC-32C (Castagnoli), by hardware where there is one, chosen at run time. `seed` is a former
 * result, 0 to begin. */
uint32_t mr_crc32c(uint32_t seed, const void *data, size_t len);
/* The table-driven form, for tests against the hardware one. */
uint32_t mr_crc32c_portable(uint32_t seed, const void *data, size_t len);
/* Kafka's Java murmur2 (seed 0x9747b28c); the partition is (hash & 0x7fffffff) % partitions. */
uint32_t mr_murmur2(mr_bytes key);
/* In-memory tables only, never stored: fast, not stable between versions. */
uint64_t mr_hash64(mr_bytes key);
