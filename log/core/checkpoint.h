/* log/core/checkpoint.h - log/checkpoint: how far each partition is known to be durable.
 *
 * A text file, replaced as a whole. What it says was true on the disk before it was written; a
 * missing or broken one costs a scan from the start of every partition, nothing else.
 *
 *   millrace checkpoint 1
 *   clean                                                   (only after an orderly end)
 *   partition <topic> <n> <topic id> <start> <stable end> <durable offset> <segment base> <byte>
 *   aborted <topic> <n> <producer id> <epoch> <first offset> <last offset>
 *   crc <CRC-32C of all lines before, 8 hexadecimal digits>
 *
 * Thread: owner only.
 */
#pragma once

#include "log/core/log_state.h"

#define MR_CHECKPOINT_PATH "log/checkpoint"
#define MR_CHECKPOINT_BYTES_MAX 67108864

typedef struct mr_checkpoint_line {
    char topic[MR_TOPIC_NAME_MAX + 1];
    int32_t partition;
    char topic_id[MR_UUID_TEXT_BYTES];
    int64_t start;
    int64_t stable_end;
    mr_log_place place;
} mr_checkpoint_line;

typedef struct mr_checkpoint_aborted {
    char topic[MR_TOPIC_NAME_MAX + 1];
    int32_t partition;
    mr_aborted aborted;
} mr_checkpoint_aborted;

typedef struct mr_checkpoint {
    bool found;
    bool clean;
    mr_checkpoint_line *lines;
    size_t lines_count;
    mr_checkpoint_aborted *aborted;
    size_t aborted_count;
} mr_checkpoint;

typedef enum mr_checkpoint_end { MR_CHECKPOINT_RUNNING, MR_CHECKPOINT_CLEAN } mr_checkpoint_end;

/* Sets checkpoint_writing of every partition to the log start it writes. */
void mr_checkpoint_encode(const mr_log_state *state, mr_checkpoint_end end, mr_buf *out);
/* MR_CORRUPT: not a whole checkpoint; out stays empty. */
mr_status mr_checkpoint_decode(mr_bytes text, mr_checkpoint *out) MR_CHECKED;
void mr_checkpoint_deinit(mr_checkpoint *checkpoint);
/* Gives the partition its checkpoint fields and aborted transactions; false: it has no line. */
bool mr_checkpoint_apply(const mr_checkpoint *checkpoint, mr_partition *partition);
