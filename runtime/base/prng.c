#include "runtime/base/prng.h"

#include "runtime/base/assert.h"

static uint64_t rotate_left(uint64_t value, int bits) {
    return (value << bits) | (value >> (64 - bits));
}

/* splitmix64: turns any seed, also 0, into a state that is not all zero. */
static uint64_t splitmix_next(uint64_t *seed) {
    uint64_t mixed = (*seed += 0x9e3779b97f4a7c15u);
    mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9u;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111ebu;
    return mixed ^ (mixed >> 31);
}

mr_prng mr_prng_seeded(uint64_t seed) {
    mr_prng prng;
    for (int i = 0; i < 4; i++) {
        prng.state[i] = splitmix_next(&seed);
    }
    return prng;
}

uint64_t mr_prng_next(mr_prng *prng) {
    uint64_t *s = prng->state;
    uint64_t result = rotate_left(s[1] * 5, 7) * 9;
    uint64_t shifted = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= shifted;
    s[3] = rotate_left(s[3], 45);
    return result;
}

/* Draws again from the few values that would make small results likelier. */
uint64_t mr_prng_below(mr_prng *prng, uint64_t bound) {
    MR_ASSERT(bound > 0);
    uint64_t uneven = -bound % bound;
    uint64_t draw = mr_prng_next(prng);
    while (draw < uneven) {
        draw = mr_prng_next(prng);
    }
    return draw % bound;
}

mr_prng mr_prng_split(mr_prng *prng) {
    return mr_prng_seeded(mr_prng_next(prng));
}
