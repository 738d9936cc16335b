/* SPDX-License-Identifier: Apache-2.0
 *
 * nn_conv16_avx2.c: convolutions of six or four pixels by one block of outputs, and dense layers.
 * Compiled with its own flags; called only when the processor has MV_CPU_AVX2.
 */
#include "nn/nn_conv16.h"

#include <immintrin.h>
#include <stdbool.h>
#include <string.h>

enum { SIDE = MV_CONV16_SIDE, TILE = 6, SMALL = 4 };

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

static inline __m256i finish(__m256i sum, const int32_t *shift, const mv_conv16 *c)
{
    const __m256i v = _mm256_srav_epi32(sum, load(shift));
    return _mm256_max_epi32(_mm256_min_epi32(v, _mm256_set1_epi32(c->high)),
                            _mm256_set1_epi32(c->low));
}

/* Packing leaves the 128-bit lanes interleaved; the permutation puts them in order. */
static inline void store(int16_t *y, __m256i low, __m256i high)
{
    const __m256i packed = _mm256_packs_epi32(low, high);
    _mm256_storeu_si256((void *)y, _mm256_permute4x64_epi64(packed, 0xd8));
}

static inline __attribute__((always_inline)) void tile(int16_t *y, size_t y_step, const int16_t *x,
                                                       size_t x_row, size_t x_step,
                                                       const mv_conv16 *c, size_t block,
                                                       const size_t count)
{
    const size_t taps = (size_t)c->side * c->side;
    const int16_t *w = c->packed + block * taps * c->pairs * SIDE * 2;
    const int32_t *bias = c->bias + block * SIDE, *shift = c->shift + block * SIDE;
    __m256i low[TILE], high[TILE];
    for (size_t t = 0; t < count; t++) {
        low[t] = load(bias);
        high[t] = load(bias + 8);
    }
    for (size_t tap = 0; tap < taps; tap++) {
        const int16_t *at = x + tap / c->side * x_row + tap % c->side * x_step;
        for (size_t p = 0; p < c->pairs; p++, w += 2 * SIDE, at += 2) {
            const __m256i w0 = load(w), w1 = load(w + SIDE);
            for (size_t t = 0; t < count; t++) {
                const __m256i xt = pair(at + t * x_step);
                low[t] = _mm256_add_epi32(low[t], _mm256_madd_epi16(xt, w0));
                high[t] = _mm256_add_epi32(high[t], _mm256_madd_epi16(xt, w1));
            }
        }
    }
    for (size_t t = 0; t < count; t++) {
        store(y + t * y_step, finish(low[t], shift, c), finish(high[t], shift + 8, c));
    }
}

static void tile_of_six(int16_t *y, size_t y_step, const int16_t *x, size_t x_row, size_t x_step,
                        const mv_conv16 *c, size_t block)
{
    tile(y, y_step, x, x_row, x_step, c, block, TILE);
}

static void tile_of_four(int16_t *y, size_t y_step, const int16_t *x, size_t x_row, size_t x_step,
                         const mv_conv16 *c, size_t block)
{
    tile(y, y_step, x, x_row, x_step, c, block, SMALL);
}

static void tile_of_one(int16_t *y, size_t y_step, const int16_t *x, size_t x_row, size_t x_step,
                        const mv_conv16 *c, size_t block)
{
    tile(y, y_step, x, x_row, x_step, c, block, 1);
}

/* A last tile, the smaller one where it is enough, that would pass the row's end starts earlier and
 * makes some outputs again. */
void mv_conv16_avx2(int16_t *y, size_t y_step, const int16_t *x, size_t x_row, size_t x_step,
                    size_t width, const mv_conv16 *c)
{
    for (size_t block = 0; block < c->blocks; block++) {
        int16_t *const to = y + block * SIDE;
        for (size_t s = 0; s < width && width < TILE; s++) {
            tile_of_one(to + s * y_step, y_step, x + s * x_step, x_row, x_step, c, block);
        }
        for (size_t s = 0; s < width && width >= TILE; s += TILE) {
            const bool small = s + SMALL >= width;
            const size_t end = s + (small ? SMALL : TILE);
            const size_t at = end <= width ? s : s - (end - width);
            (small ? tile_of_four : tile_of_six)(to + at * y_step, y_step, x + at * x_step, x_row,
                                                 x_step, c, block);
        }
    }
}

/* Four positions at a time, so that one vector of weights serves four products. */
static inline __attribute__((always_inline)) void dense(float *y, const float *x,
                                                        const float *weight, const float *bias,
                                                        size_t in, size_t out, const size_t count)
{
    for (size_t o = 0; o < out; o += 16) {
        __m256 low[4], high[4];
        for (size_t k = 0; k < count; k++) {
            low[k] = _mm256_loadu_ps(bias + o);
            high[k] = _mm256_loadu_ps(bias + o + 8);
        }
        for (size_t i = 0; i < in; i++) {
            const float *w = weight + i * out + o;
            const __m256 w0 = _mm256_loadu_ps(w), w1 = _mm256_loadu_ps(w + 8);
            for (size_t k = 0; k < count; k++) {
                const __m256 xi = _mm256_set1_ps(x[k * in + i]);
                low[k] = _mm256_add_ps(low[k], _mm256_mul_ps(xi, w0));
                high[k] = _mm256_add_ps(high[k], _mm256_mul_ps(xi, w1));
            }
        }
        for (size_t k = 0; k < count; k++) {
            _mm256_storeu_ps(y + k * out + o, low[k]);
            _mm256_storeu_ps(y + k * out + o + 8, high[k]);
        }
    }
}

void mv_dense_avx2(float *y, const float *x, const float *weight, const float *bias, size_t count,
                   size_t in, size_t out)
{
    size_t k = 0;
    for (; k + 4 <= count; k += 4) {
        dense(y + k * out, x + k * in, weight, bias, in, out, 4);
    }
    for (; k < count; k++) {
        dense(y + k * out, x + k * in, weight, bias, in, out, 1);
    }
}
