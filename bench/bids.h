/* bench/bids.h - bids as Nexmark's generator makes them, as JSON of about 150 bytes: the same ones
 * on every run. Bid n of the benchmark is always the same record. Thread: owner only. */
#pragma once

#include "runtime/base/bytes.h"
#include "runtime/base/prng.h"

#define BENCH_BID_BYTES_MAX 256

typedef struct bench_bids {
    mr_prng prng;
    uint64_t next; /* number of the next bid */
} bench_bids;

void bench_bids_init(bench_bids *bids);
/* The bidder as key (text), the bid as value; both borrowed from `room` until it is used again. */
void bench_bids_next(bench_bids *bids, char room[BENCH_BID_BYTES_MAX], mr_bytes *key,
                     mr_bytes *value, int64_t *ts_ms);
