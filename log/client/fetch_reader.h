/* log/client/fetch_reader.h - the records of fetched bytes: CRC checked, decompressed, control
 * batches and aborted transactions left out, records below the asked offset skipped. Thread: owner
 * only. */
#pragma once

#include "log/client/log_client.h"

typedef struct mr_fetch_reader mr_fetch_reader;

/* What a reader may need of the batch around a record. */
typedef struct mr_fetch_batch {
    int64_t producer_id;
    int16_t producer_epoch;
    bool first_in_batch; /* this record is the first of its batch */
} mr_fetch_batch;

mr_fetch_reader *mr_fetch_reader_create(void);
void mr_fetch_reader_destroy(mr_fetch_reader *reader);
/* Copies what it needs of `fetched` and takes a reference of its bytes. Replaces what was open. */
void mr_fetch_reader_open(mr_fetch_reader *reader, const mr_fetched *fetched);
/* MR_NOT_FOUND: no more; mr_fetch_reader_next_offset() says where to fetch on (it passes control
 * and aborted batches). MR_CORRUPT: the message names the offset. Record borrowed until the next
 * call. */
mr_status mr_fetch_reader_next(mr_fetch_reader *reader, mr_record *out, mr_fetch_batch *batch_out,
                               mr_err *err) MR_CHECKED;
int64_t mr_fetch_reader_next_offset(const mr_fetch_reader *reader);
