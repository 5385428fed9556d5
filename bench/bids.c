#include "bench/bids.h"

#include <inttypes.h>
#include <stdio.h>

/* Nexmark: of 50 events 1 is a person, 3 are auctions, 46 are bids; 10,000 events a second. */
#define EVENTS_PER_EPOCH 50
#define PERSONS_PER_EPOCH 1
#define AUCTIONS_PER_EPOCH 3
#define BIDS_PER_EPOCH (EVENTS_PER_EPOCH - PERSONS_PER_EPOCH - AUCTIONS_PER_EPOCH)
#define EVENTS_PER_MS 10
#define FIRST_ID 1000
#define HOT_BLOCK 100 /* the hot auction and the hot bidder are the first of each such block */
#define AUCTIONS_IN_FLIGHT 100
#define PEOPLE_ACTIVE 1000
#define BASE_TIME_MS INT64_C(1700000000000)
#define BID_BYTES 150

static const char *const channels[] = {"Google", "Facebook", "Baidu", "Apple"};

void bench_bids_init(bench_bids *bids) {
    bids->prng = mr_prng_seeded(7);
    bids->next = 0;
}

static uint64_t hot_of(uint64_t last) {
    return last / HOT_BLOCK * HOT_BLOCK;
}

/* One of the newest `window` ids up to last. */
static uint64_t recent_of(mr_prng *prng, uint64_t last, uint64_t window) {
    uint64_t known = last + 1 < window ? last + 1 : window;
    return last - mr_prng_below(prng, known);
}

/* 100 to 100 M, each power of ten as likely as the other. */
static uint64_t draw_price(mr_prng *prng) {
    uint64_t price = 100 + mr_prng_below(prng, 900);
    for (uint64_t power = mr_prng_below(prng, 6); power > 0; power--) {
        price *= 10;
    }
    return price;
}

void bench_bids_next(bench_bids *bids, char room[BENCH_BID_BYTES_MAX], mr_bytes *key,
                     mr_bytes *value, int64_t *ts_ms) {
    uint64_t epoch = bids->next / BIDS_PER_EPOCH;
    uint64_t event = epoch * EVENTS_PER_EPOCH + PERSONS_PER_EPOCH + AUCTIONS_PER_EPOCH +
                     bids->next % BIDS_PER_EPOCH;
    bids->next++;
    mr_prng *prng = &bids->prng;
    uint64_t last_person = epoch * PERSONS_PER_EPOCH;
    uint64_t last_auction = epoch * AUCTIONS_PER_EPOCH + AUCTIONS_PER_EPOCH - 1;
    uint64_t auction = mr_prng_below(prng, 2) > 0
                           ? hot_of(last_auction)
                           : recent_of(prng, last_auction, AUCTIONS_IN_FLIGHT);
    uint64_t bidder = mr_prng_below(prng, 4) > 0 ? hot_of(last_person)
                                                 : recent_of(prng, last_person, PEOPLE_ACTIVE);
    int64_t at_ms = BASE_TIME_MS + (int64_t)(event / EVENTS_PER_MS);

    int key_len = snprintf(room, BENCH_BID_BYTES_MAX, "%" PRIu64, bidder + FIRST_ID);
    char *text = room + key_len;
    int room_left = BENCH_BID_BYTES_MAX - key_len;
    int len = snprintf(text, (size_t)room_left,
                       "{\"auction\":%" PRIu64 ",\"bidder\":%" PRIu64 ",\"price\":%" PRIu64
                       ",\"channel\":\"%s\",\"url\":\"https://auctions.example/item%" PRIu64
                       "\",\"dateTime\":%" PRId64 ",\"extra\":\"",
                       auction + FIRST_ID, bidder + FIRST_ID, draw_price(prng),
                       channels[mr_prng_below(prng, 4)], mr_prng_below(prng, 10000), at_ms);
    while (len < BID_BYTES - 2) {
        text[len++] = (char)('a' + mr_prng_below(prng, 26));
    }
    text[len++] = '"';
    text[len++] = '}';
    *key = mr_bytes_of(room, (size_t)key_len);
    *value = mr_bytes_of(text, (size_t)len);
    *ts_ms = at_ms;
}
