/* SPDX-License-Identifier: Apache-2.0
 *
 * nn_conv16.c: the kernels in portable C, which define the others.
 */
#include "nn/nn_conv16.h"

#include "base/cpu.h"

#include <string.h>

enum { SIDE = MV_CONV16_SIDE };

static int32_t dot(const int16_t *a, const int16_t *b, size_t count)
{
    int32_t sum = 0;
    for (size_t i = 0; i < count; i++) {
        sum += a[i] * b[i];
    }
    return sum;
}

/* One output. Taps of one row lie side by side where pixels have no channels to spare. */
static int32_t output_at(const mv_conv16 *c, size_t o, const int16_t *x, size_t x_row,
                         size_t x_step)
{
    const size_t channels = (size_t)2 * c->pairs, joined = x_step == channels ? c->side : 1;
    const int16_t *w = c->weight + o * c->side * c->side * channels;
    int32_t sum = c->bias[o];
    for (size_t tap = 0; tap < (size_t)c->side * c->side; tap += joined) {
        sum += dot(w + tap * channels, x + tap / c->side * x_row + tap % c->side * x_step,
                   joined * channels);
    }
    const int32_t v = sum >> c->shift[o];
    return v < c->low ? c->low : v > c->high ? c->high : v;
}

void mv_conv16_portable(int16_t *y, size_t y_step, const int16_t *x, size_t x_row, size_t x_step,
                        size_t width, const mv_conv16 *c)
{
    for (size_t o = 0; o < (size_t)c->blocks * SIDE; o++) {
        for (size_t s = 0; s < width; s++) {
            y[s * y_step + o] = (int16_t)output_at(c, o, x + s * x_step, x_row, x_step);
        }
    }
}

void mv_dense_portable(float *y, const float *x, const float *weight, const float *bias,
                       size_t count, size_t in, size_t out)
{
    for (size_t k = 0; k < count; k++, x += in, y += out) {
        memcpy(y, bias, out * sizeof *y);
        for (size_t i = 0; i < in; i++) {
            for (size_t o = 0; o < out; o++) {
                y[o] += x[i] * weight[i * out + o];
            }
        }
    }
}

/* |bias| + sum |w| * MV_CONV16_MAX < 2^31, which every partial sum then keeps, in any order. */
mv_status mv_conv16_check(const mv_conv16 *c)
{
    const size_t count = (size_t)c->side * c->side * c->pairs * 2;
    for (size_t o = 0; o < (size_t)c->blocks * SIDE; o++) {
        int64_t sum = c->bias[o] < 0 ? -(int64_t)c->bias[o] : c->bias[o];
        for (size_t k = 0; k < count; k++) {
            const int64_t w = c->weight[o * count + k];
            sum += (w < 0 ? -w : w) * MV_CONV16_MAX;
        }
        if (sum > INT32_MAX || c->shift[o] < 0 || c->shift[o] > 31) {
            return MV_E_RANGE;
        }
    }
    return MV_OK;
}

void mv_conv16_pack(mv_conv16 *c)
{
    const size_t count = (size_t)c->side * c->side * c->pairs;
    for (size_t o = 0; o < (size_t)c->blocks * SIDE; o++) {
        for (size_t k = 0; k < count; k++) {
            memcpy(c->packed + ((o / SIDE * count + k) * SIDE + o % SIDE) * 2,
                   c->weight + (o * count + k) * 2, 2 * sizeof *c->weight);
        }
    }
}

mv_conv16_kernels mv_conv16_choose(uint32_t cpu)
{
    mv_conv16_kernels k = {"portable", mv_conv16_portable, mv_dense_portable};
#ifdef MV_HAVE_AVX2
    if (cpu & MV_CPU_AVX2) {
        k = (mv_conv16_kernels){"avx2", mv_conv16_avx2, mv_dense_avx2};
    }
#endif
#ifdef MV_HAVE_VNNI
    if ((cpu & MV_CPU_AVX512) && (cpu & MV_CPU_VNNI)) {
        k = (mv_conv16_kernels){"vnni", mv_conv16_vnni, mv_dense_avx512};
    }
#endif
    (void)cpu;
    return k;
}
