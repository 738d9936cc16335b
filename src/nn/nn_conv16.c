/* SPDX-License-Identifier: Apache-2.0
 *
 * nn_conv16.c: the kernels in portable C, which define the others.
 */
#include "nn/nn_conv16.h"

#include "base/cpu.h"

#include <string.h>

enum { SIDE = MV_CONV16_SIDE };

/* Two outputs at four pixels, so that each number is loaded for several products. */
enum { OUTPUTS = 2, PIXELS = 4 };

/* sum[o][s] += sum over i of w_o[i] x[s x_step + i]. Plain sums, each of one product a step, are
 * what compilers have an instruction for. */
static void add_products(int32_t sum[OUTPUTS][PIXELS], const int16_t *w0, const int16_t *w1,
                         const int16_t *x, size_t x_step, size_t count)
{
    const int16_t *const x1 = x + x_step, *const x2 = x1 + x_step, *const x3 = x2 + x_step;
    int32_t a0 = 0, a1 = 0, a2 = 0, a3 = 0, b0 = 0, b1 = 0, b2 = 0, b3 = 0;
    for (size_t i = 0; i < count; i++) {
        a0 += w0[i] * x[i];
        a1 += w0[i] * x1[i];
        a2 += w0[i] * x2[i];
        a3 += w0[i] * x3[i];
        b0 += w1[i] * x[i];
        b1 += w1[i] * x1[i];
        b2 += w1[i] * x2[i];
        b3 += w1[i] * x3[i];
    }
    const int32_t part[OUTPUTS][PIXELS] = {{a0, a1, a2, a3}, {b0, b1, b2, b3}};
    for (size_t k = 0; k < (size_t)OUTPUTS * PIXELS; k++) {
        sum[k / PIXELS][k % PIXELS] += part[k / PIXELS][k % PIXELS];
    }
}

static int16_t finish(int32_t sum, const mv_conv16 *c, size_t o)
{
    const int32_t v = sum >> c->shift[o];
    return (int16_t)(v < c->low ? c->low : v > c->high ? c->high : v);
}

/* What the kernel covers at a pixel: runs of numbers that lie side by side as their weights do,
 * some of them in a row. */
typedef struct cover {
    const int16_t *x;
    size_t x_row, x_step, runs, runs_a_row, len;
} cover;

/* Taps of one row are one run where pixels have no channels to spare. */
static cover cover_of(const int16_t *x, size_t x_row, size_t x_step, const mv_conv16 *c)
{
    const size_t channels = (size_t)2 * c->pairs, joined = x_step == channels ? c->side : 1;
    return (cover){
        x, x_row, x_step, c->side * c->side / joined, c->side / joined, joined * channels};
}

/* Outputs o and o + 1 at four pixels. */
static void tile(int16_t *y, size_t y_step, const cover *v, const mv_conv16 *c, size_t o)
{
    const size_t taps = v->runs * v->len;
    const int16_t *w = c->weight + o * taps;
    int32_t sum[OUTPUTS][PIXELS];
    for (size_t k = 0; k < (size_t)OUTPUTS * PIXELS; k++) {
        sum[k / PIXELS][k % PIXELS] = c->bias[o + k / PIXELS];
    }
    for (size_t r = 0; r < v->runs; r++, w += v->len) {
        const int16_t *x = v->x + r / v->runs_a_row * v->x_row + r % v->runs_a_row * v->x_step;
        add_products(sum, w, w + taps, x, v->x_step, v->len);
    }
    for (size_t k = 0; k < (size_t)OUTPUTS * PIXELS; k++) {
        y[k % PIXELS * y_step + o + k / PIXELS] =
            finish(sum[k / PIXELS][k % PIXELS], c, o + k / PIXELS);
    }
}

/* One output of a row of less than four pixels. */
static void one(int16_t *y, const cover *v, const mv_conv16 *c, size_t o)
{
    const int16_t *w = c->weight + o * v->runs * v->len;
    int32_t sum = c->bias[o];
    for (size_t r = 0; r < v->runs; r++, w += v->len) {
        const int16_t *x = v->x + r / v->runs_a_row * v->x_row + r % v->runs_a_row * v->x_step;
        for (size_t i = 0; i < v->len; i++) {
            sum += w[i] * x[i];
        }
    }
    y[o] = finish(sum, c, o);
}

/* Of few channels all that the kernel covers is copied side by side first, for all outputs. */
enum { FEW = 64 };

static void few_channels(int16_t *y, size_t y_step, const cover *v, const mv_conv16 *c)
{
    int16_t near[PIXELS][FEW];
    const size_t taps = v->runs * v->len;
    const cover all = {near[0], 0, FEW, 1, 1, taps};
    for (size_t s = 0; s < PIXELS; s++) {
        for (size_t r = 0; r < v->runs; r++) {
            memcpy(near[s] + r * v->len,
                   v->x + r / v->runs_a_row * v->x_row + (r % v->runs_a_row + s) * v->x_step,
                   v->len * sizeof near[0][0]);
        }
    }
    for (size_t o = 0; o < (size_t)c->blocks * SIDE; o += OUTPUTS) {
        tile(y, y_step, &all, c, o);
    }
}

static void narrow(int16_t *y, size_t y_step, const cover *v, size_t width, const mv_conv16 *c)
{
    cover at = *v;
    for (size_t s = 0; s < width; s++, at.x += v->x_step) {
        for (size_t o = 0; o < (size_t)c->blocks * SIDE; o++) {
            one(y + s * y_step, &at, c, o);
        }
    }
}

/* A last tile that would pass the row's end starts earlier and makes some outputs again. */
void mv_conv16_portable(int16_t *y, size_t y_step, const int16_t *x, size_t x_row, size_t x_step,
                        size_t width, const mv_conv16 *c)
{
    const cover v = cover_of(x, x_row, x_step, c);
    const size_t outs = (size_t)c->blocks * SIDE,
                 groups = v.runs * v.len <= FEW ? 1 : outs / OUTPUTS;
    if (width < PIXELS) {
        narrow(y, y_step, &v, width, c);
        return;
    }
    for (size_t g = 0; g < groups; g++) {
        for (size_t s = 0; s < width; s += PIXELS) {
            const size_t at = s + PIXELS <= width ? s : width - PIXELS;
            cover here = v;
            here.x += at * x_step;
            if (groups == 1) {
                few_channels(y + at * y_step, y_step, &here, c);
            } else {
                tile(y + at * y_step, y_step, &here, c, g * OUTPUTS);
            }
        }
    }
}

/* Four inputs a step, added one after the other. */
static void dense(float *restrict y, const float *restrict x, const float *restrict weight,
                  size_t in, size_t out)
{
    size_t i = 0;
    for (; i + 4 <= in; i += 4) {
        const float *const w = weight + i * out;
        for (size_t o = 0; o < out; o++) {
            y[o] = (((y[o] + x[i] * w[o]) + x[i + 1] * w[out + o]) + x[i + 2] * w[2 * out + o]) +
                   x[i + 3] * w[3 * out + o];
        }
    }
    for (; i < in; i++) {
        for (size_t o = 0; o < out; o++) {
            y[o] += x[i] * weight[i * out + o];
        }
    }
}

void mv_dense_portable(float *y, const float *x, const float *weight, const float *bias,
                       size_t count, size_t in, size_t out)
{
    for (size_t k = 0; k < count; k++) {
        memcpy(y + k * out, bias, out * sizeof *y);
        dense(y + k * out, x + k * in, weight, in, out);
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
