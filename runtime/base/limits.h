/* runtime/base/limits.h - every maximum of the system with its reason. The `tiny` build shrinks
 * them so that the tests reach the edges. Settings a user may change are defaults in
 * runtime/app/settings. */
#pragma once

#ifdef MR_TINY
#define MR_LIMIT(normal, tiny) (tiny)
#else
#define MR_LIMIT(normal, tiny) (normal)
#endif

/* Bytes of a line that a source reads: Kafka's default max.message.bytes. */
#define MR_LINE_BYTES_MAX MR_LIMIT(1048576, 65536)
/* Bytes of the key, value and headers that a source or a step writes: a line has room for a key. */
#define MR_STEP_RECORD_BYTES_MAX (MR_LINE_BYTES_MAX + MR_LIMIT(65536, 4096))
/* Bytes of one record in the log. What is beyond a step's record is the runtime's own: framing, the
 * internal header, the headers of error and late records, so that what was read can be put aside.
 */
#define MR_RECORD_BYTES_MAX (MR_STEP_RECORD_BYTES_MAX + 65536)
/* Bytes of one batch before compression: a reader holds at most a few of them. */
#define MR_BATCH_BYTES_MAX MR_LIMIT(262144, 4096)
/* Records in one batch: bounds what a reader decodes before it can yield. */
#define MR_BATCH_RECORDS_MAX MR_LIMIT(4096, 3)
/* A batch on disk or on the wire, record limit plus framing; larger lengths are corruption. */
#define MR_BATCH_WIRE_BYTES_MAX (MR_RECORD_BYTES_MAX + MR_BATCH_BYTES_MAX + 65536)
/* Segment size: as Kafka's default would be 1 GiB; smaller, so that purged data goes sooner. */
#define MR_SEGMENT_BYTES_MAX MR_LIMIT(134217728, 8192)
/* Age of the first record at which a segment rolls (Kafka: 7 d). */
#define MR_SEGMENT_AGE_MS_MAX MR_LIMIT(604800000LL, 60000LL)
/* One sparse index entry for so many log bytes (Kafka: 4096). */
#define MR_INDEX_INTERVAL_BYTES MR_LIMIT(4096, 256)
/* Batches remembered for each producer and partition (Kafka: 5). */
#define MR_PRODUCER_BATCHES_MAX 5
/* Highest producer epoch before a new producer id is taken (16 bits, signed, as Kafka). */
#define MR_PRODUCER_EPOCH_MAX MR_LIMIT(32766, 6)
/* Space kept allocated ahead in the files of decisions, positions and metadata, so that they can be
 * written on a full disk. */
#define MR_RESERVE_BYTES MR_LIMIT(1048576, 16384)
/* Files of the log open at once: half of the 1024 that a process may have unless told otherwise. */
#define MR_LOG_HANDLES_MAX MR_LIMIT(512, 4)
/* Partitions of one topic, topics of one data directory: tables of outside sizes stop here. */
#define MR_PARTITIONS_MAX 1024
#define MR_TOPICS_MAX 4096
/* Kafka's rule for topic names. */
#define MR_TOPIC_NAME_MAX 249
/* Headers of one record; more is refused on write and corrupt on read. A step writes fewer: error
 * records have some more. */
#define MR_HEADERS_MAX 256
#define MR_STEP_HEADERS_MAX 240
/* Bytes asked for by one fetch: one read of the disk, a few batches. */
#define MR_FETCH_BYTES_MAX MR_LIMIT(1048576, 8192)
/* Outputs and changelog of one transaction: then the worker commits early. */
#define MR_TXN_BYTES_MAX MR_LIMIT(33554432, 32768)
/* Requests one client has under way: fetches of its inputs, one commit, a few purges. */
#define MR_CLIENT_REQUESTS_MAX 4096
/* Nesting of JSON, of YAML, and nodes and aliases of a YAML file. */
#define MR_JSON_DEPTH_MAX 256
#define MR_YAML_DEPTH_MAX 64
#define MR_YAML_NODES_MAX 100000
#define MR_YAML_BYTES_MAX 4194304
/* Errors reported for one check. */
#define MR_DIAGNOSTICS_MAX 100
/* Lua: memory of one task's VM, instructions (and counted steps) of one call. */
#define MR_LUA_BYTES_MAX 67108864
#define MR_LUA_STEPS_MAX 10000000
/* Entries of `distinct` for one key and window. */
#define MR_DISTINCT_MAX MR_LIMIT(10000, 50)
/* Rows restored, closed or spilled in one step, so that a step stays short. */
#define MR_STEP_ROWS_MAX MR_LIMIT(4096, 4)
/* Offsets of a repartition partition not yet taken by its reader: then its senders pause. */
#define MR_LAG_RECORDS_MAX MR_LIMIT(4000000, 64)
/* Records taken by one task in one step. */
#define MR_STEP_RECORDS_MAX MR_LIMIT(1024, 7)
