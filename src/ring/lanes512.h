/* SPDX-License-Identifier: Apache-2.0
 *
 * lanes512.h: eight words at once: what the AVX-512 files have in common. Included only by files
 * that are compiled with those flags.
 */
#ifndef MV_RING_LANES512_H
#define MV_RING_LANES512_H

#include "ring/modarith.h"

#include <immintrin.h>

typedef __m512i words;
enum { LANES = 8 };

/* Eight factors known beforehand. */
typedef struct factors {
    __m512i w, con;
} factors;

static inline __m512i load(const uint64_t *p)
{
    return _mm512_loadu_si512(p);
}

static inline void store(uint64_t *p, __m512i v)
{
    _mm512_storeu_si512(p, v);
}

static inline __m512i every(uint64_t word)
{
    return _mm512_set1_epi64((long long)word);
}

static inline words plus(words a, words b)
{
    return _mm512_add_epi64(a, b);
}

static inline words minus(words a, words b)
{
    return _mm512_sub_epi64(a, b);
}

static inline factors same(const uint64_t *w, const uint64_t *con, size_t i)
{
    const factors f = {every(w[i]), every(con[i])};
    return f;
}

/* a mod b for a in [0,2b). A comparison and not a minimum, because the port that takes minima also
 * takes the 52-bit products, and is the busiest. */
static inline __m512i reduce_once(__m512i a, __m512i b)
{
    return _mm512_mask_sub_epi64(a, _mm512_cmpge_epu64_mask(a, b), a, b);
}

/* a difference d of two numbers of [0,q), perhaps wrapped, to [0,q) */
static inline words mend(words d, words q)
{
    return _mm512_min_epu64(d, plus(d, q));
}

/* floor(a * b / 2^64) from four 32-bit products, as mv_mul_wide_portable. */
static inline __m512i mul_hi_64(__m512i a, __m512i b)
{
    const __m512i low32 = every(UINT32_MAX);
    const __m512i a1 = _mm512_srli_epi64(a, 32), b1 = _mm512_srli_epi64(b, 32);
    const __m512i low = _mm512_mul_epu32(a, b);
    const __m512i mid = _mm512_add_epi64(_mm512_mul_epu32(a1, b), _mm512_srli_epi64(low, 32));
    const __m512i mid2 = _mm512_add_epi64(_mm512_mul_epu32(a, b1), _mm512_and_si512(mid, low32));
    return _mm512_add_epi64(
        _mm512_mul_epu32(a1, b1),
        _mm512_add_epi64(_mm512_srli_epi64(mid, 32), _mm512_srli_epi64(mid2, 32)));
}

/* a mod q for any words: mv_reduce_word. */
typedef struct word_barrett {
    __m512i q, ratio;
    __m128i shift;
} word_barrett;

static inline word_barrett word_barrett_of(const mv_modulus *m)
{
    const word_barrett b = {every(m->q), every(m->ratio), _mm_cvtsi32_si128((int)m->bits - 1)};
    return b;
}

static inline __m512i reduce_word(__m512i a, word_barrett b)
{
    const __m512i quotient = _mm512_srl_epi64(mul_hi_64(a, b.ratio), b.shift);
    return reduce_once(_mm512_sub_epi64(a, _mm512_mullo_epi64(quotient, b.q)), b.q);
}

#endif
