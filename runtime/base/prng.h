/* runtime/base/prng.h - seeded randomness (xoshiro256**), the same on every machine.
 * Thread: owner only. */
#pragma once

#include <stdint.h>

typedef struct mr_prng {
    uint64_t state[4];
} mr_prng;

mr_prng mr_prng_seeded(uint64_t seed);
uint64_t mr_prng_next(mr_prng *prng);
/* 0 <= result < bound; bound > 0. */
uint64_t mr_prng_below(mr_prng *prng, uint64_t bound);
/* A stream of its own, so that one consumer's draws never move another's. */
mr_prng mr_prng_split(mr_prng *prng);
