/* SPDX-License-Identifier: Apache-2.0
 *
 * rng.c: operating-system randomness and the reproducible generator.
 */
#include "base/rng.h"

#include <errno.h>
#include <math.h>
#include <string.h>
#include <sys/random.h>

mv_status mv_random_bytes(uint8_t *out, size_t len)
{
    size_t done = 0;
    while (done < len) {
        const ssize_t got = getrandom(out + done, len - done, 0);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            memset(out, 0, len);
            return MV_E_RANDOM;
        }
        done += (size_t)got;
    }
    return MV_OK;
}

static uint64_t rotate_left(uint64_t x, unsigned k)
{
    return x << k | x >> (64 - k);
}

mv_rand mv_rand_make(uint64_t seed)
{
    mv_rand r;
    for (int i = 0; i < 4; i++) {
        seed += UINT64_C(0x9e3779b97f4a7c15);
        uint64_t z = seed;
        z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
        z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
        r.state[i] = z ^ z >> 31;
    }
    return r;
}

uint64_t mv_rand_u64(mv_rand *r)
{
    uint64_t *s = r->state;
    const uint64_t result = rotate_left(s[1] * 5, 7) * 9;
    const uint64_t t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate_left(s[3], 45);
    return result;
}

uint32_t mv_rand_below(mv_rand *r, uint32_t bound)
{
    const uint32_t reject_below = (uint32_t)(-bound) % bound; /* 2^32 mod bound */
    for (;;) {
        const uint64_t product = (mv_rand_u64(r) >> 32) * bound;
        if ((uint32_t)product >= reject_below) {
            return (uint32_t)(product >> 32);
        }
    }
}

double mv_rand_unit(mv_rand *r)
{
    return (double)(mv_rand_u64(r) >> 11) * 0x1p-53;
}

double mv_rand_normal(mv_rand *r)
{
    const double u = 1.0 - mv_rand_unit(r); /* in (0, 1], so the logarithm is finite */
    const double v = mv_rand_unit(r);
    return sqrt(-2.0 * log(u)) * cos(6.283185307179586 * v);
}
