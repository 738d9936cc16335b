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

/* Both outputs from one row of sums each. */
static inline void layer_3(int32_t y[MV_SMALL_OUT], const mv_small_net *net, __m256i h2)
{
    const __m256i a = _mm256_madd_epi16(h2, load(net->w3[0]));
    const __m256i b = _mm256_madd_epi16(h2, load(net->w3[1]));
    const __m256i ab = _mm256_hadd_epi32(a, b); /* a a b b in each half */
    const __m128i s = _mm_add_epi32(_mm256_castsi256_si128(ab), _mm256_extracti128_si256(ab, 1));
    const __m128i both = _mm_hadd_epi32(s, s);
    _mm_storel_epi64((void *)y, _mm_add_epi32(both, _mm_loadl_epi64((const void *)net->b3)));
}

enum { VECTORS = MV_SMALL_H1 / 8 };

static inline void start_at(__m256i sum[VECTORS], const int32_t start[MV_SMALL_H1])
{
    for (size_t v = 0; v < VECTORS; v++) {
        sum[v] = load(start + 8 * v);
    }
}

/* The products of one pair of inputs. */
static inline void add_pair(__m256i sum[VECTORS], const int16_t w[MV_SMALL_H1][2], const int16_t *x)
{
    const __m256i both = pair(x);
    for (size_t v = 0; v < VECTORS; v++) {
        sum[v] = _mm256_add_epi32(sum[v], _mm256_madd_epi16(both, load(w[8 * v])));
    }
}

/* What follows the first layer's sums. */
static inline void answer(int32_t y[MV_SMALL_OUT], const mv_small_net *net,
                          const __m256i sum[VECTORS])
{
    int16_t h1[MV_SMALL_H1];
    _mm256_storeu_si256((void *)h1, hidden(sum[0], sum[1]));
    _mm256_storeu_si256((void *)(h1 + 16), hidden(sum[2], sum[3]));
    layer_3(y, net, layer_2(net, h1));
}

static void run(int32_t (*y)[MV_SMALL_OUT], const mv_small_net *net,
                const int16_t (*x)[MV_SMALL_IN], size_t n)
{
    for (size_t k = 0; k < n; k++) {
        __m256i sum[VECTORS];
        start_at(sum, net->b1);
        for (size_t i = 0; i < MV_SMALL_IN / 2; i++) {
            add_pair(sum, net->w1[i], x[k] + 2 * i);
        }
        answer(y[k], net, sum);
    }
}

static inline void begin_some(int32_t (*sum)[MV_SMALL_H1], const int32_t *start,
                              const mv_small_part *part, size_t from, const size_t n)
{
    __m256i s[2][VECTORS];
    for (size_t k = 0; k < n; k++) {
        start_at(s[k], start);
    }
    for (size_t p = 0; p < part->count; p++) {
        for (size_t k = 0; k < n; k++) {
            add_pair(s[k], part->w[p], part->x[p][from + k].x);
        }
    }
    for (size_t k = 0; k < n; k++) {
        for (size_t v = 0; v < VECTORS; v++) {
            _mm256_storeu_si256((void *)(sum[k] + 8 * v), s[k][v]);
        }
    }
}

/* Two places at a time share the loads of weights. */
static void begin(int32_t (*sum)[MV_SMALL_H1], const int32_t start[MV_SMALL_H1],
                  const mv_small_part *part, size_t from, size_t n)
{
    size_t k = 0;
    for (; k + 2 <= n; k += 2) {
        begin_some(sum + k, start, part, from + k, 2);
    }
    if (k < n) {
        begin_some(sum + k, start, part, from + k, 1);
    }
}

static void end(int32_t (*y)[MV_SMALL_OUT], const mv_small_net *net,
                const int32_t (*sum)[MV_SMALL_H1], const mv_small_part *part, size_t from, size_t n)
{
    for (size_t k = 0; k < n; k++) {
        __m256i all[VECTORS];
        start_at(all, sum[k]);
        for (size_t p = 0; p < part->count; p++) {
            add_pair(all, part->w[p], part->x[p][from + k].x);
        }
        answer(y[k], net, all);
    }
}

const mv_small_kernels mv_small_avx2 = {run, begin, end};
