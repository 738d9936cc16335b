/* SPDX-License-Identifier: Apache-2.0
 *
 * nn_conv16.h: convolutions of 16-bit numbers with 32-bit sums, and dense layers in floating point
 * whose sums have one order: both the same on every machine.
 *
 * Tensors are (H,W,C) here, channels fastest, so that two neighbouring channels lie in one 32-bit
 * word; sixteen outputs are computed side by side.
 */
#ifndef MV_NN_CONV16_H
#define MV_NN_CONV16_H

#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

#define MV_CONV16_SIDE 16    /* outputs side by side; channels of tensors are padded to this */
#define MV_CONV16_MAX  16383 /* numbers in tensors are within +- this */

/* y[s,o] = (bias[o] + sum over u,v,c of weight[o,u,v,c] x[r+u,s+v,c]) >> shift[o], cut to low..high
 * with |bias[o]| + sum |weight[o]| * MV_CONV16_MAX < 2^31, so that no order of summing overflows.
 */
typedef struct mv_conv16 {
    uint32_t side, in, out; /* of the kernel, 3 or 1; channels */
    uint32_t pairs,
        blocks;            /* of inputs by two, of outputs by sixteen, the last one filled with 0 */
    int16_t *weight;       /* (16 blocks, side*side, 2 pairs) */
    int16_t *packed;       /* the same as (blocks, side*side, pairs, 16, 2): mv_conv16_pack */
    int32_t *bias, *shift; /* (16 blocks); shift 0..31 */
    int32_t low, high;
} mv_conv16;

/* One row: y (width, y_step), x (side rows x_row apart, width + side - 1, x_step): its first pixel
 * lies under the kernel's first for output 0. The last block writes all of its 16 channels. */
typedef void mv_conv16_run(int16_t *y, size_t y_step, const int16_t *x, size_t x_row, size_t x_step,
                           size_t width, const mv_conv16 *c);

/* y[k,o] = bias[o] + sum over i of x[k,i] weight[i,o], i ascending, each product rounded before it
 * is added. x (count,in), y (count,out), out a multiple of 16. */
typedef void mv_dense_run(float *y, const float *x, const float *weight, const float *bias,
                          size_t count, size_t in, size_t out);

typedef struct mv_conv16_kernels {
    const char *name; /* "portable", "avx2", "vnni" */
    mv_conv16_run *conv;
    mv_dense_run *dense;
} mv_conv16_kernels;

mv_conv16_run mv_conv16_portable;
mv_dense_run mv_dense_portable;
#ifdef MV_HAVE_AVX2
mv_conv16_run mv_conv16_avx2; /* MV_CPU_AVX2 */
mv_dense_run mv_dense_avx2;
#endif
#ifdef MV_HAVE_VNNI
mv_conv16_run mv_conv16_vnni; /* MV_CPU_AVX512 and MV_CPU_VNNI */
mv_dense_run mv_dense_avx512; /* in the same file */
#endif

/* mv_conv16_check: that no sum of any allowed input can leave int32. errors: MV_E_RANGE */
MV_MUST_CHECK mv_status mv_conv16_check(const mv_conv16 *c);

/* mv_conv16_pack: fill packed from weight. */
void mv_conv16_pack(mv_conv16 *c);

/* mv_conv16_choose: the fastest that these features (MV_CPU_ bits) allow. */
mv_conv16_kernels mv_conv16_choose(uint32_t cpu);

#endif
