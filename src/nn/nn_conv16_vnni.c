/* SPDX-License-Identifier: Apache-2.0
 *
 * nn_conv16_vnni.c: convolutions with products and sums in one instruction, and dense layers.
 * Compiled with its own flags; called only when the processor has MV_CPU_AVX512 and MV_CPU_VNNI.
 *
 * Fourteen pixels by two blocks of outputs stay in registers: 28 sums, two vectors of weights and
 * one of input. 14 divides 224, 112 and 28, the sides of the usual pictures.
 */
#include "nn/nn_conv16.h"

#include <immintrin.h>
#include <string.h>

enum { SIDE = MV_CONV16_SIDE, TILE = 14 };

static inline __m512i pair(const int16_t *x)
{
    int32_t two;
    memcpy(&two, x, sizeof two);
    return _mm512_set1_epi32(two);
}

static inline void store(int16_t *y, __m512i sum, __m512i shift, const mv_conv16 *c)
{
    const __m512i v = _mm512_srav_epi32(sum, shift);
    const __m512i cut = _mm512_max_epi32(_mm512_min_epi32(v, _mm512_set1_epi32(c->high)),
                                         _mm512_set1_epi32(c->low));
    _mm256_storeu_si256((void *)y, _mm512_cvtepi32_epi16(cut));
}

/* count pixels, wide blocks from this one on; both are constants where this is called. */
static inline __attribute__((always_inline)) void tile(int16_t *y, size_t y_step, const int16_t *x,
                                                       size_t x_row, size_t x_step,
                                                       const mv_conv16 *c, size_t block,
                                                       const size_t count, const size_t wide)
{
    const size_t taps = (size_t)c->side * c->side, stride = taps * c->pairs * SIDE * 2;
    const int16_t *w = c->packed + block * stride;
    __m512i sum[TILE][2];
    for (size_t b = 0; b < wide; b++) {
        const __m512i bias = _mm512_loadu_si512(c->bias + (block + b) * SIDE);
        for (size_t t = 0; t < count; t++) {
            sum[t][b] = bias;
        }
    }
    for (size_t tap = 0; tap < taps; tap++) {
        const int16_t *at = x + tap / c->side * x_row + tap % c->side * x_step;
        for (size_t p = 0; p < c->pairs; p++, w += 2 * SIDE, at += 2) {
            const __m512i w0 = _mm512_loadu_si512(w),
                          w1 = _mm512_loadu_si512(w + (wide == 2 ? stride : 0));
            for (size_t t = 0; t < count; t++) {
                const __m512i xt = pair(at + t * x_step);
                sum[t][0] = _mm512_dpwssd_epi32(sum[t][0], xt, w0);
                if (wide == 2) {
                    sum[t][1] = _mm512_dpwssd_epi32(sum[t][1], xt, w1);
                }
            }
        }
    }
    for (size_t b = 0; b < wide; b++) {
        const __m512i shift = _mm512_loadu_si512(c->shift + (block + b) * SIDE);
        for (size_t t = 0; t < count; t++) {
            store(y + t * y_step + b * SIDE, sum[t][b], shift, c);
        }
    }
}

static void tile_wide(int16_t *y, size_t y_step, const int16_t *x, size_t x_row, size_t x_step,
                      const mv_conv16 *c, size_t block)
{
    tile(y, y_step, x, x_row, x_step, c, block, TILE, 2);
}

static void tile_narrow(int16_t *y, size_t y_step, const int16_t *x, size_t x_row, size_t x_step,
                        const mv_conv16 *c, size_t block)
{
    tile(y, y_step, x, x_row, x_step, c, block, TILE, 1);
}

static void one_narrow(int16_t *y, size_t y_step, const int16_t *x, size_t x_row, size_t x_step,
                       const mv_conv16 *c, size_t block)
{
    tile(y, y_step, x, x_row, x_step, c, block, 1, 1);
}

/* A last tile that would pass the row's end starts earlier and makes some outputs again. */
void mv_conv16_vnni(int16_t *y, size_t y_step, const int16_t *x, size_t x_row, size_t x_step,
                    size_t width, const mv_conv16 *c)
{
    for (size_t block = 0, wide; block < c->blocks; block += wide) {
        int16_t *const to = y + block * SIDE;
        wide = width >= TILE && c->blocks - block >= 2 ? 2 : 1;
        for (size_t s = 0; s < width && width < TILE; s++) {
            one_narrow(to + s * y_step, y_step, x + s * x_step, x_row, x_step, c, block);
        }
        for (size_t s = 0; s < width && width >= TILE; s += TILE) {
            const size_t at = s + TILE <= width ? s : width - TILE;
            (wide == 2 ? tile_wide : tile_narrow)(to + at * y_step, y_step, x + at * x_step, x_row,
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
        __m512 sum[4];
        for (size_t k = 0; k < count; k++) {
            sum[k] = _mm512_loadu_ps(bias + o);
        }
        for (size_t i = 0; i < in; i++) {
            const __m512 w = _mm512_loadu_ps(weight + i * out + o);
            for (size_t k = 0; k < count; k++) {
                sum[k] = _mm512_add_ps(sum[k], _mm512_mul_ps(_mm512_set1_ps(x[k * in + i]), w));
            }
        }
        for (size_t k = 0; k < count; k++) {
            _mm512_storeu_ps(y + k * out + o, sum[k]);
        }
    }
}

void mv_dense_avx512(float *y, const float *x, const float *weight, const float *bias, size_t count,
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
