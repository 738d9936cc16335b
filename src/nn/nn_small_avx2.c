/* SPDX-License-Identifier: Apache-2.0
 *
 * nn_small_avx2.c: the small network, eight units at a time.
 * Compiled with its own flags; called only when the processor has MV_CPU_AVX2.
 */
#include "nn/nn_small.h"

#include <immintrin.h>
#include <string.h>

static inline __m256i load(const void *p)
{
    return _mm256_loadu_si256(p);
}

static inline __m256i pair(const int16_t *x)
{
    int32_t two;
    memcpy(&two, x, sizeof two);
    return _mm256_set1_epi32(two);
}

/* Sixteen sums to int16 units, cut to 0..MV_SMALL_CUT. Packing leaves the 128-bit lanes
 * interleaved; the permutation puts them in order. */
static inline __m256i hidden(__m256i a, __m256i b)
{
    const __m256i packed = _mm256_packs_epi32(_mm256_srai_epi32(a, 12), _mm256_srai_epi32(b, 12));
    const __m256i cut = _mm256_min_epi16(packed, _mm256_set1_epi16(MV_SMALL_CUT));
    return _mm256_permute4x64_epi64(_mm256_max_epi16(cut, _mm256_setzero_si256()), 0xd8);
}

static inline void layer_1(int16_t h[MV_SMALL_H1], const mv_small_net *net, const int16_t *x)
{
    __m256i sum[4];
    for (size_t v = 0; v < 4; v++) {
        sum[v] = load(net->b1 + 8 * v);
    }
    for (size_t i = 0; i < MV_SMALL_IN / 2; i++) {
        const __m256i xi = pair(x + 2 * i);
        for (size_t v = 0; v < 4; v++) {
            sum[v] = _mm256_add_epi32(sum[v], _mm256_madd_epi16(xi, load(net->w1[i][8 * v])));
        }
    }
    _mm256_storeu_si256((void *)h, hidden(sum[0], sum[1]));
    _mm256_storeu_si256((void *)(h + 16), hidden(sum[2], sum[3]));
}

static inline __m256i layer_2(const mv_small_net *net, const int16_t *x)
{
    __m256i low = load(net->b2), high = load(net->b2 + 8);
    for (size_t i = 0; i < MV_SMALL_H1 / 2; i++) {
        const __m256i xi = pair(x + 2 * i);
        low = _mm256_add_epi32(low, _mm256_madd_epi16(xi, load(net->w2[i][0])));
        high = _mm256_add_epi32(high, _mm256_madd_epi16(xi, load(net->w2[i][8])));
    }
    return hidden(low, high);
}

static inline int32_t total(__m256i v)
{
    __m128i s = _mm_add_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
    s = _mm_add_epi32(s, _mm_shuffle_epi32(s, 0x4e));
    s = _mm_add_epi32(s, _mm_shuffle_epi32(s, 0xb1));
    return _mm_cvtsi128_si32(s);
}

void mv_small_run_avx2(int32_t (*y)[MV_SMALL_OUT], const mv_small_net *net,
                       const int16_t (*x)[MV_SMALL_IN], size_t n)
{
    for (size_t k = 0; k < n; k++) {
        int16_t h1[MV_SMALL_H1];
        layer_1(h1, net, x[k]);
        const __m256i h2 = layer_2(net, h1);
        for (size_t o = 0; o < MV_SMALL_OUT; o++) {
            y[k][o] = net->b3[o] + total(_mm256_madd_epi16(h2, load(net->w3[o])));
        }
    }
}
