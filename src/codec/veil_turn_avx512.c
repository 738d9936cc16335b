/* SPDX-License-Identifier: Apache-2.0
 *
 * veil_turn_avx512.c: the products, eight sums of 64 bits at a time.
 * Compiled with its own flags; called only when the processor has MV_CPU_AVX512.
 */
#include "codec/veil_turn.h"

#include <immintrin.h>

/* Eight numbers in the low halves of 64-bit lanes, which is all that a product looks at. */
static inline __m512i load(const int32_t *p)
{
    return _mm512_cvtepi32_epi64(_mm256_loadu_si256((const void *)p));
}

static inline void store(int32_t *p, __m512i sum)
{
    const __m512i most = _mm512_set1_epi64(MV_TURN_MAX), least = _mm512_set1_epi64(-MV_TURN_MAX);
    const __m512i half = _mm512_set1_epi64(1 << (MV_TURN_BITS - 1));
    const __m512i y = _mm512_srai_epi64(_mm512_add_epi64(sum, half), MV_TURN_BITS);
    const __m512i cut = _mm512_max_epi64(_mm512_min_epi64(y, most), least);
    _mm256_storeu_si256((void *)p, _mm512_cvtepi64_epi32(cut));
}

/* sum over j of x[j] w[j] */
static inline __m512i total(const __m512i x[8], const int32_t w[8])
{
    __m512i even = _mm512_mul_epi32(x[0], _mm512_set1_epi32(w[0]));
    __m512i odd = _mm512_mul_epi32(x[1], _mm512_set1_epi32(w[1]));
    for (size_t j = 2; j < 8; j += 2) {
        even = _mm512_add_epi64(even, _mm512_mul_epi32(x[j], _mm512_set1_epi32(w[j])));
        odd = _mm512_add_epi64(odd, _mm512_mul_epi32(x[j + 1], _mm512_set1_epi32(w[j + 1])));
    }
    return _mm512_add_epi64(even, odd);
}

void mv_turn_left_avx512(int32_t *p, size_t stride, const int32_t m[8][8])
{
    __m512i x[8];
    for (size_t j = 0; j < 8; j++) {
        x[j] = load(p + j * stride);
    }
    for (size_t i = 0; i < 8; i++) {
        store(p + i * stride, total(x, m[i]));
    }
}

void mv_turn_right_avx512(int32_t *p, size_t stride, const int32_t m[8][8])
{
    __m512i row[8];
    for (size_t j = 0; j < 8; j++) {
        row[j] = load(m[j]);
    }
    for (size_t r = 0; r < 8; r++) {
        store(p + r * stride, total(row, p + r * stride));
    }
}
