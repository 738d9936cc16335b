/* SPDX-License-Identifier: Apache-2.0
 *
 * tensor_elements.h: a kernel family of what is computed element by element (tensor_elements.c).
 * Every table gives the very same floats; tests/kernels/test_elements_kernels.c compares.
 */
#ifndef MV_TENSOR_TENSOR_ELEMENTS_H
#define MV_TENSOR_TENSOR_ELEMENTS_H

#include <stddef.h>
#include <stdint.h>

typedef struct mv_elements {
    void (*asinh)(float *y, const float *x, size_t count);
    void (*sinh)(float *y, const float *x, size_t count);
    /* dx = dy times the slope, from the layer's output y: 1/cosh(y), and sqrt(1 + y^2). */
    void (*asinh_backward)(float *dx, const float *dy, const float *y, size_t count);
    void (*sinh_backward)(float *dx, const float *dy, const float *y, size_t count);
    void (*add)(float *y, const float *a, const float *b, size_t count);
    /* a += b, b being bfloat16: the upper halves of floats. */
    void (*add_bf16)(float *a, const uint16_t *b, size_t count);
    /* A convolution's kernel in bfloat16, to nearest even, out and in multiples of 32, taps = 9 of
     * 3x3: from 16 inputs by 16 outputs (out/16, in/16, taps, 16, 16) to pairs of inputs
     * (out/32, taps, in/32, 16, 32, 2), and to pairs of outputs (out/32, in/16, taps, 16, 16, 2).
     */
    void (*pair_inputs)(uint16_t *y, const float *w, size_t out, size_t in, size_t taps);
    void (*pair_outputs)(uint16_t *y, const float *w, size_t out, size_t in, size_t taps);
} mv_elements;

extern const mv_elements mv_elements_portable;
#ifdef MV_HAVE_AVX512
extern const mv_elements mv_elements_avx2, mv_elements_avx512;
#endif

/* The fastest that these features of the processor (base/cpu.h) allow. */
const mv_elements *mv_elements_choose(uint32_t cpu);

#endif
