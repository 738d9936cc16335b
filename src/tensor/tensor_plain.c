/* SPDX-License-Identifier: Apache-2.0
 *
 * tensor_plain.c: layers without weights on plain (B,C,H,W) tensors, shared by the kernel tables.
 */
#include "base/cpu.h"
#include "tensor/tensor_elements.h"
#include "tensor/tensor_internal.h"

#include <string.h>

enum { BLOCK = 8 };

/* One plane: channel u * 8 + v of block (r, s) is pixel (8 r + u, 8 s + v). */
void mv_plain_block8(float *y, const float *x, size_t planes, size_t height, size_t width)
{
    const size_t rows = height / BLOCK, columns = width / BLOCK;
    for (size_t p = 0; p < planes; p++, x += height * width) {
        for (size_t uv = 0; uv < BLOCK * BLOCK; uv++) {
            for (size_t r = 0; r < rows; r++) {
                const float *from = x + (r * BLOCK + uv / BLOCK) * width + uv % BLOCK;
                for (size_t s = 0; s < columns; s++) {
                    *y++ = from[s * BLOCK];
                }
            }
        }
    }
}

void mv_plain_unblock8(float *x, const float *y, size_t planes, size_t height, size_t width)
{
    const size_t rows = height / BLOCK, columns = width / BLOCK;
    if (height % BLOCK != 0 || width % BLOCK != 0) {
        memset(x, 0, planes * height * width * sizeof *x);
    }
    for (size_t p = 0; p < planes; p++, x += height * width) {
        for (size_t uv = 0; uv < BLOCK * BLOCK; uv++) {
            for (size_t r = 0; r < rows; r++) {
                float *to = x + (r * BLOCK + uv / BLOCK) * width + uv % BLOCK;
                for (size_t s = 0; s < columns; s++) {
                    to[s * BLOCK] = *y++;
                }
            }
        }
    }
}

void mv_plain_block8_beside(float *y, const float *x, const mv_net_shape *at, size_t channels)
{
    const size_t rows = at->height / BLOCK, columns = at->width / BLOCK;
    for (size_t k = 0; k < at->batch * rows * columns; k++) {
        const size_t b = k / (rows * columns), r = k / columns % rows, s = k % columns;
        for (size_t c = 0; c < channels; c++) {
            const float *from =
                x + ((b * channels + c) * at->height + r * BLOCK) * at->width + s * BLOCK;
            for (size_t u = 0; u < BLOCK; u++, y += BLOCK) {
                memcpy(y, from + u * at->width, BLOCK * sizeof *y);
            }
        }
    }
}

void mv_plain_unblock8_beside(float *x, const float *y, const mv_net_shape *at, size_t channels)
{
    const size_t rows = at->height / BLOCK, columns = at->width / BLOCK;
    if (at->height % BLOCK != 0 || at->width % BLOCK != 0) {
        memset(x, 0, at->batch * channels * at->height * at->width * sizeof *x);
    }
    for (size_t k = 0; k < at->batch * rows * columns; k++) {
        const size_t b = k / (rows * columns), r = k / columns % rows, s = k % columns;
        for (size_t c = 0; c < channels; c++) {
            float *to = x + ((b * channels + c) * at->height + r * BLOCK) * at->width + s * BLOCK;
            for (size_t u = 0; u < BLOCK; u++, y += BLOCK) {
                memcpy(to + u * at->width, y, BLOCK * sizeof *y);
            }
        }
    }
}

/* ---- element by element ---- */

const mv_elements *mv_elements_choose(uint32_t cpu)
{
#ifdef MV_HAVE_AVX512
    if (cpu & MV_CPU_AVX2) {
        return cpu & MV_CPU_AVX512 ? &mv_elements_avx512 : &mv_elements_avx2;
    }
#endif
    (void)cpu;
    return &mv_elements_portable;
}

static const mv_elements *best(void)
{
    return mv_elements_choose(mv_cpu_features());
}

void mv_plain_asinh(float *y, const float *x, size_t count)
{
    best()->asinh(y, x, count);
}

void mv_plain_sinh(float *y, const float *x, size_t count)
{
    best()->sinh(y, x, count);
}

void mv_plain_asinh_backward(float *dx, const float *dy, const float *y, size_t count)
{
    best()->asinh_backward(dx, dy, y, count);
}

void mv_plain_sinh_backward(float *dx, const float *dy, const float *y, size_t count)
{
    best()->sinh_backward(dx, dy, y, count);
}

void mv_plain_add(float *y, const float *a, const float *b, size_t count)
{
    best()->add(y, a, b, count);
}

void mv_plain_add_bf16(float *a, const uint16_t *b, size_t count)
{
    best()->add_bf16(a, b, count);
}

/* ---- an LSTM's walk ---- */

void mv_plain_to_steps(float *steps, const float *x, const mv_net_shape *shape, size_t channels)
{
    const size_t rows = (size_t)shape->batch * shape->height, width = shape->width;
    for (size_t n = 0; n < rows; n++) {
        const size_t b = n / shape->height, r = n % shape->height;
        for (size_t c = 0; c < channels; c++) {
            const float *from = x + ((b * channels + c) * shape->height + r) * width;
            for (size_t t = 0; t < width; t++) {
                steps[(t * rows + n) * channels + c] = from[t];
            }
        }
    }
}

void mv_plain_from_steps(float *x, const float *steps, const mv_net_shape *shape, size_t channels)
{
    const size_t rows = (size_t)shape->batch * shape->height, width = shape->width;
    for (size_t n = 0; n < rows; n++) {
        const size_t b = n / shape->height, r = n % shape->height;
        for (size_t c = 0; c < channels; c++) {
            float *to = x + ((b * channels + c) * shape->height + r) * width;
            for (size_t t = 0; t < width; t++) {
                to[t] = steps[(t * rows + n) * channels + c];
            }
        }
    }
}
