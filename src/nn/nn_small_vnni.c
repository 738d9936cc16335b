/* SPDX-License-Identifier: Apache-2.0
 *
 * nn_small_vnni.c: the small network, sixteen units at a time, products and sums in one
 * instruction. Compiled with its own flags; called only when the processor has MV_CPU_AVX512 and
 * MV_CPU_VNNI.
 */
#include "nn/nn_small.h"

#include <immintrin.h>
#include <string.h>

static inline __m512i load(const void *p)
{
    return _mm512_loadu_si512(p);
}

static inline __m512i pair(const int16_t *x)
{
    int32_t two;
    memcpy(&two, x, sizeof two);
    return _mm512_set1_epi32(two);
}

static inline __m256i hidden(__m512i sum)
{
    const __m512i h = _mm512_max_epi32(_mm512_srai_epi32(sum, 12), _mm512_setzero_si512());
    return _mm512_cvtepi32_epi16(_mm512_min_epi32(h, _mm512_set1_epi32(MV_SMALL_CUT)));
}

static inline int32_t total(__m256i v)
{
    __m128i s = _mm_add_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
    s = _mm_add_epi32(s, _mm_shuffle_epi32(s, 0x4e));
    s = _mm_add_epi32(s, _mm_shuffle_epi32(s, 0xb1));
    return _mm_cvtsi128_si32(s);
}

/* Two sets of sums each, so that one instruction need not wait for the one before. */
static inline void layer_1(int16_t h[MV_SMALL_H1], const mv_small_net *net, const int16_t *x)
{
    __m512i sum[2][2] = {{load(net->b1), load(net->b1 + 16)},
                         {_mm512_setzero_si512(), _mm512_setzero_si512()}};
    for (size_t i = 0; i < MV_SMALL_IN / 2; i++) {
        const __m512i xi = pair(x + 2 * i);
        sum[i % 2][0] = _mm512_dpwssd_epi32(sum[i % 2][0], xi, load(net->w1[i][0]));
        sum[i % 2][1] = _mm512_dpwssd_epi32(sum[i % 2][1], xi, load(net->w1[i][16]));
    }
    _mm256_storeu_si256((void *)h, hidden(_mm512_add_epi32(sum[0][0], sum[1][0])));
    _mm256_storeu_si256((void *)(h + 16), hidden(_mm512_add_epi32(sum[0][1], sum[1][1])));
}

static inline __m256i layer_2(const mv_small_net *net, const int16_t *x)
{
    __m512i sum[2] = {load(net->b2), _mm512_setzero_si512()};
    for (size_t i = 0; i < MV_SMALL_H1 / 2; i++) {
        sum[i % 2] = _mm512_dpwssd_epi32(sum[i % 2], pair(x + 2 * i), load(net->w2[i]));
    }
    return hidden(_mm512_add_epi32(sum[0], sum[1]));
}

void mv_small_run_vnni(int32_t (*y)[MV_SMALL_OUT], const mv_small_net *net,
                       const int16_t (*x)[MV_SMALL_IN], size_t n)
{
    for (size_t k = 0; k < n; k++) {
        int16_t h1[MV_SMALL_H1];
        layer_1(h1, net, x[k]);
        const __m256i h2 = layer_2(net, h1);
        for (size_t o = 0; o < MV_SMALL_OUT; o++) {
            const __m256i w = _mm256_loadu_si256((const void *)net->w3[o]);
            y[k][o] = net->b3[o] + total(_mm256_madd_epi16(h2, w));
        }
    }
}
