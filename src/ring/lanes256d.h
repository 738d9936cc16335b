/* SPDX-License-Identifier: Apache-2.0
 *
 * lanes256d.h: four residues at once as doubles, for primes below 2^50 on AVX2 with FMA. Included
 * only by files that are compiled with those flags. AVX2 multiplies no 64-bit words; a fused
 * multiply-add gives both halves of a product of doubles.
 *
 * A residue is an integer of either sign and at most 2^52, so every double here is exact but two:
 * the upper half of a product, whose lower half makes up for it, and a quotient before it becomes
 * an integer. No value is subnormal, so time does not depend on the data.
 */
#ifndef MV_RING_LANES256D_H
#define MV_RING_LANES256D_H

#include "ring/modarith.h"

#include <immintrin.h>

typedef __m256d words;
enum { LANES = 4 };

/* Four factors known beforehand: w in [0,q), con = w/q within 2^-54 + 2^-64. */
typedef struct factors {
    __m256d w, con;
} factors;

typedef struct lanes {
    __m256d q, inverse; /* 1/q, rounded */
} lanes;

static inline lanes lanes_of(uint64_t q)
{
    const lanes l = {_mm256_set1_pd((double)q), _mm256_set1_pd(1 / (double)q)};
    return l;
}

static inline words load(const uint64_t *p)
{
    return _mm256_loadu_pd((const double *)(const void *)p);
}

static inline void store(uint64_t *p, words v)
{
    _mm256_storeu_pd((double *)(void *)p, v);
}

static inline words plus(words a, words b)
{
    return _mm256_add_pd(a, b);
}

static inline words minus(words a, words b)
{
    return _mm256_sub_pd(a, b);
}

/* Words below 2^52 as doubles: they become the low bits of 2^52 + word. */
static inline words from_words(__m256i a)
{
    const __m256d two_52 = _mm256_set1_pd(0x1p52);
    return _mm256_sub_pd(_mm256_or_pd(_mm256_castsi256_pd(a), two_52), two_52);
}

static inline words load_words(const uint64_t *p)
{
    return from_words(_mm256_loadu_si256((const __m256i *)(const void *)p));
}

/* Any words times 2^-64, rounded once: the halves become the low bits of 2^20 + upper 2^-32 and of
 * 2^-12 + lower 2^-64; all but the last sum are exact. */
static inline words fractions(__m256i a)
{
    const __m256d upper =
        _mm256_or_pd(_mm256_castsi256_pd(_mm256_srli_epi64(a, 32)), _mm256_set1_pd(0x1p20));
    const __m256d lower = _mm256_castsi256_pd(
        _mm256_blend_epi32(a, _mm256_castpd_si256(_mm256_set1_pd(0x1p-12)), 0xaa));
    return _mm256_add_pd(_mm256_sub_pd(upper, _mm256_set1_pd(0x1p20 + 0x1p-12)), lower);
}

/* Factors and constants of the tables: w and floor(w 2^64 / q). */
static inline factors factors_from(__m256i w, __m256i con)
{
    const factors f = {from_words(w), fractions(con)};
    return f;
}

static inline factors same(const uint64_t *w, const uint64_t *con, size_t i)
{
    return factors_from(_mm256_set1_epi64x((long long)w[i]), _mm256_set1_epi64x((long long)con[i]));
}

/* Of x = x0..x3, y = y0..y3: x0 x1 y0 y1 and x2 x3 y2 y3; x0 y0 x2 y2 and x1 y1 x3 y3. */
static inline words lower_halves(words x, words y)
{
    return _mm256_permute2f128_pd(x, y, 0x20);
}

static inline words upper_halves(words x, words y)
{
    return _mm256_permute2f128_pd(x, y, 0x31);
}

static inline words even_ones(words x, words y)
{
    return _mm256_unpacklo_pd(x, y);
}

static inline words odd_ones(words x, words y)
{
    return _mm256_unpackhi_pd(x, y);
}

static inline words nearest(words a)
{
    return _mm256_round_pd(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}

/* a mod q nearest 0, |a| <= 2^52: in [-q/2 - 1, q/2 + 1], since the quotient before rounding is off
 * by at most |a| / q 2^-52 */
static inline words centre(words a, lanes l)
{
    return _mm256_fnmadd_pd(nearest(_mm256_mul_pd(a, l.inverse)), l.q, a);
}

/* a w mod q, |a| <= b q with b <= 4: at most (1/2 + b/4) q.
 * The quotient before rounding is off by |a| (2^-54 + 2^-64) and the rounding of a product, at most
 * |a| 2^-53: together below |a| 2^-52 < b/4. high + low = a w exactly, |low| <= 2^48; the result is
 * below 2^51, so high - quotient q is an integer below 2^52: neither it nor the sum is rounded. */
static inline words mul_lazy(words a, factors f, lanes l)
{
    const __m256d high = _mm256_mul_pd(a, f.w);
    const __m256d low = _mm256_fmsub_pd(a, f.w, high);
    const __m256d quotient = nearest(_mm256_mul_pd(a, f.con));
    return _mm256_add_pd(_mm256_fnmadd_pd(quotient, l.q, high), low);
}

/* Residues, |a| <= 2^52, as words in [0,q). */
static inline void store_words(uint64_t *p, words a, lanes l)
{
    const __m256d two_52 = _mm256_set1_pd(0x1p52), r = centre(a, l);
    const __m256d negative = _mm256_cmp_pd(r, _mm256_setzero_pd(), _CMP_LT_OQ);
    const __m256d positive = _mm256_add_pd(r, _mm256_and_pd(negative, l.q));
    const __m256d word = _mm256_xor_pd(_mm256_add_pd(positive, two_52), two_52);
    _mm256_storeu_pd((double *)(void *)p, word);
}

#endif
