/* SPDX-License-Identifier: Apache-2.0
 *
 * rng.h: randomness from the operating system, for everything that must be unpredictable.
 * Seeded, reproducible streams for the HE samplers are in ring/sample.h; seeded streams for
 * training and phantoms are mv_rand below and never touch a key.
 */
#ifndef MV_BASE_RNG_H
#define MV_BASE_RNG_H

#include "base/status.h"

/* mv_random_bytes: len bytes from the operating system. errors: MV_E_RANDOM, out is then zero. */
MV_MUST_CHECK mv_status mv_random_bytes(uint8_t *out, size_t len);

/* mv_rand: a small reproducible generator (splitmix64 seeding xoshiro256**) for training, test data
 * and phantoms. Not for keys, seeds of ciphertexts or nonces. */
typedef struct mv_rand {
    uint64_t state[4];
} mv_rand;

mv_rand mv_rand_make(uint64_t seed);
uint64_t mv_rand_u64(mv_rand *r);
uint32_t mv_rand_below(mv_rand *r, uint32_t bound); /* uniform in [0, bound), bound > 0 */
double mv_rand_unit(mv_rand *r);                    /* uniform in [0, 1) */
double mv_rand_normal(mv_rand *r);                  /* mean 0, deviation 1 (Box-Muller) */

#endif
