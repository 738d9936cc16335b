/* SPDX-License-Identifier: Apache-2.0
 *
 * veil_turn_avx2.c: the products, four sums of 64 bits at a time.
 * Compiled with its own flags; called only when the processor has MV_CPU_AVX2.
 */
#include "codec/veil_turn.h"

#include <immintrin.h>

/* Four numbers in the low halves of 64-bit lanes, which is all that a product looks at. */
static inline __m256i load(const int32_t *p)
{
    return _mm256_cvtepi32_epi64(_mm_loadu_si128((const void *)p));
}

/* There is no arithmetic shift of 64 bits: |sum| < 2^54, so 2^62 is lent to it and taken back. */
static inline __m256i rounded(__m256i sum)
{
    const __m256i lent = _mm256_set1_epi64x(((int64_t)1 << 62) + (1 << (MV_TURN_BITS - 1)));
    const __m256i back = _mm256_set1_epi64x((int64_t)1 << (62 - MV_TURN_BITS));
    return _mm256_sub_epi64(_mm256_srli_epi64(_mm256_add_epi64(sum, lent), MV_TURN_BITS), back);
}

static inline void store(int32_t *p, __m256i sum)
{
    const __m256i most = _mm256_set1_epi64x(MV_TURN_MAX), least = _mm256_set1_epi64x(-MV_TURN_MAX);
    __m256i y = rounded(sum);
    y = _mm256_blendv_epi8(y, most, _mm256_cmpgt_epi64(y, most));
    y = _mm256_blendv_epi8(y, least, _mm256_cmpgt_epi64(least, y));
    y = _mm256_permutevar8x32_epi32(y, _mm256_setr_epi32(0, 2, 4, 6, 0, 0, 0, 0));
    _mm_storeu_si128((void *)p, _mm256_castsi256_si128(y));
}

/* sum over j of x[j] w[j] */
static inline __m256i total(const __m256i x[8], const int32_t w[8])
{
    __m256i even = _mm256_mul_epi32(x[0], _mm256_set1_epi32(w[0]));
    __m256i odd = _mm256_mul_epi32(x[1], _mm256_set1_epi32(w[1]));
    for (size_t j = 2; j < 8; j += 2) {
        even = _mm256_add_epi64(even, _mm256_mul_epi32(x[j], _mm256_set1_epi32(w[j])));
        odd = _mm256_add_epi64(odd, _mm256_mul_epi32(x[j + 1], _mm256_set1_epi32(w[j + 1])));
    }
    return _mm256_add_epi64(even, odd);
}

void mv_turn_left_avx2(int32_t *p, size_t stride, const int32_t m[8][8])
{
    for (size_t c = 0; c < 8; c += 4) {
        __m256i x[8];
        for (size_t j = 0; j < 8; j++) {
            x[j] = load(p + j * stride + c);
        }
        for (size_t i = 0; i < 8; i++) {
            store(p + i * stride + c, total(x, m[i]));
        }
    }
}

void mv_turn_right_avx2(int32_t *p, size_t stride, const int32_t m[8][8])
{
    __m256i low[8], high[8];
    for (size_t j = 0; j < 8; j++) {
        low[j] = load(m[j]);
        high[j] = load(m[j] + 4);
    }
    for (size_t r = 0; r < 8; r++) {
        int32_t *const row = p + r * stride;
        const __m256i first = total(low, row), second = total(high, row);
        store(row, first);
        store(row + 4, second);
    }
}
