/* SPDX-License-Identifier: Apache-2.0
 *
 * model_blocks.h: what the networks around a block transform share (nn/nn_transform.h).
 */
#ifndef MV_CODEC_MODEL_BLOCKS_H
#define MV_CODEC_MODEL_BLOCKS_H

#include "codec/model_registry.h"

#include <math.h>

/* Bits of the 64 coefficients of an 8x8 block, row by row; 384 together. Chosen on training images
 * so that each bit takes away as much error as any other could (docs/modules/nn.md). */
/* clang-format off */
#define MV_BLOCK_FIELDS                                                                            \
    {                                                                                              \
        10, 9, 8, 7, 7, 6, 6, 5,                                                                   \
         9, 8, 8, 7, 6, 6, 5, 5,                                                                   \
         8, 8, 7, 7, 6, 6, 5, 5,                                                                   \
         8, 7, 7, 6, 6, 5, 5, 4,                                                                   \
         7, 7, 6, 6, 6, 5, 5, 4,                                                                   \
         6, 6, 6, 6, 6, 5, 5, 4,                                                                   \
         6, 6, 6, 6, 5, 5, 4, 4,                                                                   \
         6, 6, 6, 5, 5, 4, 4, 4,                                                                   \
    }

/* The transform's four matrices stay as they start: training them lost what the start had. */
#define MV_TRANSFORM_LAYER(start_)                                                                 \
    {MV_NN_DENSE, MV_NN_LINEAR, 64, 64, .start = start_, .slow = INFINITY}
#define MV_ANALYSIS_LAYER MV_TRANSFORM_LAYER(MV_NN_START_ANALYSIS)
#define MV_LEVEL_LAYER MV_TRANSFORM_LAYER(MV_NN_START_LEVEL)
#define MV_UNLEVEL_LAYER MV_TRANSFORM_LAYER(MV_NN_START_UNLEVEL)
#define MV_SYNTHESIS_LAYER MV_TRANSFORM_LAYER(MV_NN_START_SYNTHESIS)

/* relu(W x + b) with random weights, and W x + b that adds nothing at first. The last layer of a
 * branch moves slowly: what it changes is a hundredth of what it reads. */
#define MV_BRANCH_LAYER(in_, out_)                                                                 \
    {MV_NN_CONV3, MV_NN_RELU, in_, out_, .start = MV_NN_START_RANDOM}
#define MV_BRANCH_END(op_, in_, out_, slow_)                                                       \
    {op_, MV_NN_LINEAR, in_, out_, .start = MV_NN_START_ZERO, .slow = slow_}
#define MV_ADD_LAYER(channels_, other_)                                                            \
    {MV_NN_ADD, MV_NN_LINEAR, channels_, channels_, .other = other_}
/* clang-format on */

#endif
