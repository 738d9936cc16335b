/* SPDX-License-Identifier: Apache-2.0
 *
 * lanes52.h: lazy products with 52-bit multiply-add, primes below 2^50: the portable ones with 2^52
 * in the place of 2^64. Every operand must be below 2^52.
 */
#ifndef MV_RING_LANES52_H
#define MV_RING_LANES52_H

#include "ring/lanes512.h"

/* What every product needs, eight times each. */
typedef struct lanes {
    __m512i q, two_q, minus_q, mask; /* q, 2q, 2^52 - q, 2^52 - 1 */
} lanes;

static inline lanes lanes_of(uint64_t q)
{
    const uint64_t mask = ((uint64_t)1 << 52) - 1;
    const lanes l = {every(q), every(2 * q), every(mask + 1 - q), every(mask)};
    return l;
}

/* a*w mod q in [0,2q), a below 2^52: low 52 bits of a*w - floor(a*con / 2^52) * q. */
static inline __m512i mul_lazy(__m512i a, factors f, lanes l)
{
    const __m512i zero = _mm512_setzero_si512();
    const __m512i quotient = _mm512_madd52hi_epu64(zero, a, f.con);
    const __m512i low = _mm512_madd52lo_epu64(zero, a, f.w);
    return _mm512_and_si512(_mm512_madd52lo_epu64(low, quotient, l.minus_q), l.mask);
}

#endif
