/* SPDX-License-Identifier: Apache-2.0
 *
 * lanes64.h: lazy products on AVX-512 with whole words, primes below 2^61.
 */
#ifndef MV_RING_LANES64_H
#define MV_RING_LANES64_H

#include "ring/lanes512.h"

/* What every product needs, eight times each. */
typedef struct lanes {
    __m512i q, two_q;
} lanes;

static inline lanes lanes_of(uint64_t q)
{
    const lanes l = {every(q), every(2 * q)};
    return l;
}

/* a*w mod q in [0,2q), any a: mv_mul_shoup_lazy. */
static inline __m512i mul_lazy(__m512i a, factors f, lanes l)
{
    const __m512i quotient = mul_hi_64(a, f.con);
    return _mm512_sub_epi64(_mm512_mullo_epi64(a, f.w), _mm512_mullo_epi64(quotient, l.q));
}

#endif
