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

static inline __m512i pair(const int16_t x[2])
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

/* Several sets of sums, so that one instruction need not wait for the one before. */
static inline __m256i layer_2(const mv_small_net *net, const int16_t *x)
{
    __m512i sum[4] = {load(net->b2), _mm512_setzero_si512(), _mm512_setzero_si512(),
                      _mm512_setzero_si512()};
    for (size_t i = 0; i < MV_SMALL_H1 / 2; i++) {
        sum[i % 4] = _mm512_dpwssd_epi32(sum[i % 4], pair(x + 2 * i), load(net->w2[i]));
    }
    return hidden(
        _mm512_add_epi32(_mm512_add_epi32(sum[0], sum[1]), _mm512_add_epi32(sum[2], sum[3])));
}

/* Both outputs from one row of sums each. */
static inline void layer_3(int32_t y[MV_SMALL_OUT], const mv_small_net *net, __m256i h2)
{
    const __m256i a = _mm256_madd_epi16(h2, _mm256_loadu_si256((const void *)net->w3[0]));
    const __m256i b = _mm256_madd_epi16(h2, _mm256_loadu_si256((const void *)net->w3[1]));
    const __m256i ab = _mm256_hadd_epi32(a, b); /* a a b b in each half */
    const __m128i s = _mm_add_epi32(_mm256_castsi256_si128(ab), _mm256_extracti128_si256(ab, 1));
    const __m128i both = _mm_hadd_epi32(s, s);
    _mm_storel_epi64((void *)y, _mm_add_epi32(both, _mm_loadl_epi64((const void *)net->b3)));
}

static inline void answer(int32_t y[MV_SMALL_OUT], const mv_small_net *net, __m512i low,
                          __m512i high)
{
    int16_t h1[MV_SMALL_H1];
    _mm256_storeu_si256((void *)h1, hidden(low));
    _mm256_storeu_si256((void *)(h1 + 16), hidden(high));
    layer_3(y, net, layer_2(net, h1));
}

static void run(int32_t (*y)[MV_SMALL_OUT], const mv_small_net *net,
                const int16_t (*x)[MV_SMALL_IN], size_t n)
{
    for (size_t k = 0; k < n; k++) {
        __m512i low[2] = {load(net->b1), _mm512_setzero_si512()};
        __m512i high[2] = {load(net->b1 + 16), _mm512_setzero_si512()};
        for (size_t i = 0; i < MV_SMALL_IN / 2; i++) {
            const __m512i xi = pair(x[k] + 2 * i);
            low[i % 2] = _mm512_dpwssd_epi32(low[i % 2], xi, load(net->w1[i][0]));
            high[i % 2] = _mm512_dpwssd_epi32(high[i % 2], xi, load(net->w1[i][16]));
        }
        answer(y[k], net, _mm512_add_epi32(low[0], low[1]), _mm512_add_epi32(high[0], high[1]));
    }
}

/* At most this many places at a time share a load of weights. */
enum { TOGETHER = 4 };

static inline void begin_some(int32_t (*sum)[MV_SMALL_H1], const int32_t *start,
                              const mv_small_part *part, size_t from, const size_t n)
{
    __m512i low[TOGETHER], high[TOGETHER];
    for (size_t k = 0; k < n; k++) {
        low[k] = load(start);
        high[k] = load(start + 16);
    }
    for (size_t p = 0; p < part->count; p++) {
        const __m512i w_low = load(part->w[p][0]), w_high = load(part->w[p][16]);
        for (size_t k = 0; k < n; k++) {
            const __m512i x = pair(part->x[p][from + k].x);
            low[k] = _mm512_dpwssd_epi32(low[k], x, w_low);
            high[k] = _mm512_dpwssd_epi32(high[k], x, w_high);
        }
    }
    for (size_t k = 0; k < n; k++) {
        _mm512_storeu_si512(sum[k], low[k]);
        _mm512_storeu_si512(sum[k] + 16, high[k]);
    }
}

static void begin(int32_t (*sum)[MV_SMALL_H1], const int32_t start[MV_SMALL_H1],
                  const mv_small_part *part, size_t from, size_t n)
{
    size_t k = 0;
    for (; k + TOGETHER <= n; k += TOGETHER) {
        begin_some(sum + k, start, part, from + k, TOGETHER);
    }
    for (; k < n; k++) {
        begin_some(sum + k, start, part, from + k, 1);
    }
}

static void end(int32_t (*y)[MV_SMALL_OUT], const mv_small_net *net,
                const int32_t (*sum)[MV_SMALL_H1], const mv_small_part *part, size_t from, size_t n)
{
    for (size_t k = 0; k < n; k++) {
        __m512i low = load(sum[k]), high = load(sum[k] + 16);
        for (size_t p = 0; p < part->count; p++) {
            const __m512i x = pair(part->x[p][from + k].x);
            low = _mm512_dpwssd_epi32(low, x, load(part->w[p][0]));
            high = _mm512_dpwssd_epi32(high, x, load(part->w[p][16]));
        }
        answer(y[k], net, low, high);
    }
}

const mv_small_kernels mv_small_vnni = {run, begin, end};
