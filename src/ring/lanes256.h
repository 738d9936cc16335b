/* SPDX-License-Identifier: Apache-2.0
 *
 * lanes256.h: four words at once: what the AVX2 files have in common. Included only by files that
 * are compiled with that flag. AVX2 compares and multiplies no unsigned 64-bit words: signs stand
 * in for comparisons, 32-bit products for the others.
 */
#ifndef MV_RING_LANES256_H
#define MV_RING_LANES256_H

#include "ring/modarith.h"

#include <immintrin.h>

typedef __m256i words;
enum { LANES = 4 };

/* Four factors known beforehand. */
typedef struct factors {
    __m256i w, con;
} factors;

/* What every product needs, four times each. */
typedef struct lanes {
    __m256i q, two_q;
} lanes;

static inline __m256i load(const uint64_t *p)
{
    return _mm256_loadu_si256((const __m256i *)(const void *)p);
}

static inline void store(uint64_t *p, __m256i v)
{
    _mm256_storeu_si256((__m256i *)(void *)p, v);
}

static inline __m256i every(uint64_t word)
{
    return _mm256_set1_epi64x((long long)word);
}

static inline words plus(words a, words b)
{
    return _mm256_add_epi64(a, b);
}

static inline words minus(words a, words b)
{
    return _mm256_sub_epi64(a, b);
}

static inline lanes lanes_of(uint64_t q)
{
    const lanes l = {every(q), every(2 * q)};
    return l;
}

static inline factors factors_from(__m256i w, __m256i con)
{
    const factors f = {w, con};
    return f;
}

static inline factors same(const uint64_t *w, const uint64_t *con, size_t i)
{
    return factors_from(every(w[i]), every(con[i]));
}

/* Of x = x0..x3, y = y0..y3: x0 x1 y0 y1 and x2 x3 y2 y3; x0 y0 x2 y2 and x1 y1 x3 y3. */
static inline words lower_halves(words x, words y)
{
    return _mm256_permute2x128_si256(x, y, 0x20);
}

static inline words upper_halves(words x, words y)
{
    return _mm256_permute2x128_si256(x, y, 0x31);
}

static inline words even_ones(words x, words y)
{
    return _mm256_unpacklo_epi64(x, y);
}

static inline words odd_ones(words x, words y)
{
    return _mm256_unpackhi_epi64(x, y);
}

/* where the top bit of sign is set: yes, elsewhere no */
static inline __m256i choose_by_sign(__m256i sign, __m256i yes, __m256i no)
{
    return _mm256_castpd_si256(_mm256_blendv_pd(_mm256_castsi256_pd(no), _mm256_castsi256_pd(yes),
                                                _mm256_castsi256_pd(sign)));
}

/* a mod b for a in [0,2b), b < 2^63 */
static inline __m256i reduce_once(__m256i a, __m256i b)
{
    const __m256i d = _mm256_sub_epi64(a, b);
    return choose_by_sign(d, a, d);
}

/* a difference d of two numbers of [0,q), perhaps wrapped, to [0,q) */
static inline words mend(words d, words q)
{
    return choose_by_sign(d, plus(d, q), d);
}

/* a * b mod 2^64 */
static inline __m256i mul_low_64(__m256i a, __m256i b)
{
    const __m256i cross = _mm256_add_epi64(_mm256_mul_epu32(_mm256_srli_epi64(a, 32), b),
                                           _mm256_mul_epu32(a, _mm256_srli_epi64(b, 32)));
    return _mm256_add_epi64(_mm256_mul_epu32(a, b), _mm256_slli_epi64(cross, 32));
}

/* floor(a * b / 2^64) from four 32-bit products, as mv_mul_wide_portable. */
static inline __m256i mul_hi_64(__m256i a, __m256i b)
{
    const __m256i low32 = every(UINT32_MAX);
    const __m256i a1 = _mm256_srli_epi64(a, 32), b1 = _mm256_srli_epi64(b, 32);
    const __m256i low = _mm256_mul_epu32(a, b);
    const __m256i mid = _mm256_add_epi64(_mm256_mul_epu32(a1, b), _mm256_srli_epi64(low, 32));
    const __m256i mid2 = _mm256_add_epi64(_mm256_mul_epu32(a, b1), _mm256_and_si256(mid, low32));
    return _mm256_add_epi64(
        _mm256_mul_epu32(a1, b1),
        _mm256_add_epi64(_mm256_srli_epi64(mid, 32), _mm256_srli_epi64(mid2, 32)));
}

/* a*w mod q in [0,2q), any a: mv_mul_shoup_lazy. */
static inline __m256i mul_lazy(__m256i a, factors f, lanes l)
{
    const __m256i quotient = mul_hi_64(a, f.con);
    return _mm256_sub_epi64(mul_low_64(a, f.w), mul_low_64(quotient, l.q));
}

/* a mod q for any words: mv_reduce_word. */
typedef struct word_barrett {
    __m256i q, ratio;
    __m128i shift;
} word_barrett;

static inline word_barrett word_barrett_of(const mv_modulus *m)
{
    const word_barrett b = {every(m->q), every(m->ratio), _mm_cvtsi32_si128((int)m->bits - 1)};
    return b;
}

static inline __m256i reduce_word(__m256i a, word_barrett b)
{
    const __m256i quotient = _mm256_srl_epi64(mul_hi_64(a, b.ratio), b.shift);
    return reduce_once(_mm256_sub_epi64(a, mul_low_64(quotient, b.q)), b.q);
}

#endif
