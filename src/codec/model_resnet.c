/* SPDX-License-Identifier: Apache-2.0
 *
 * model_resnet.c: a residual autoencoder around a block transform.
 *
 * The straight path is a DCT of 8x8 blocks, compressed by asinh (nn/nn_transform.h): it is a codec
 * by itself and stays fixed. Beside it residual networks of 3x3 kernels on the grid of blocks see
 * the neighbours and correct the compressed coefficients, before they are rounded and after. The 64
 * features of a block share 384 bits: 48 numbers of 8 bits, as many as Table 3's network sends.
 */
#include "codec/model_registry.h"

#include <math.h>

#define BRANCH(in_, out_)                                                                          \
    {                                                                                              \
        MV_NN_CONV3, MV_NN_RELU, in_, out_, .start = MV_NN_START_RANDOM                            \
    }
#define RESIDUAL(width_, from_)                                                                    \
    BRANCH(width_, width_),                                                                        \
        {MV_NN_CONV3, MV_NN_LINEAR, width_, width_, .start = MV_NN_START_ZERO, .slow = 3},         \
    {                                                                                              \
        MV_NN_ADD, MV_NN_LINEAR, width_, width_, .other = from_                                    \
    }
#define TRANSFORM(start_)                                                                          \
    {                                                                                              \
        MV_NN_DENSE, MV_NN_LINEAR, 64, 64, .start = start_, .slow = INFINITY                       \
    }

const mv_nn_graph mv_model_resnet = {
    .name = "resnet",
    .encoder =
        {
            {MV_NN_BLOCK8, MV_NN_LINEAR, 1, 64},
            TRANSFORM(MV_NN_START_ANALYSIS),
            {MV_NN_ASINH, MV_NN_LINEAR, 64, 64},
            BRANCH(64, 64),
            BRANCH(64, 64),
            {MV_NN_CONV3, MV_NN_LINEAR, 64, 64, .start = MV_NN_START_ZERO, .slow = 100},
            {MV_NN_ADD, MV_NN_LINEAR, 64, 64, .other = 3},
            TRANSFORM(MV_NN_START_LEVEL),
        },
    .encoder_count = 8,
    .decoder =
        {
            TRANSFORM(MV_NN_START_UNLEVEL),
            BRANCH(64, 96),
            RESIDUAL(96, 2),
            RESIDUAL(96, 5),
            {MV_NN_CONV3, MV_NN_LINEAR, 96, 64, .start = MV_NN_START_ZERO, .slow = 100},
            {MV_NN_ADD, MV_NN_LINEAR, 64, 64, .other = 1},
            {MV_NN_SINH, MV_NN_LINEAR, 64, 64},
            TRANSFORM(MV_NN_START_SYNTHESIS),
            {MV_NN_UNBLOCK8, MV_NN_LINEAR, 64, 1},
        },
    .decoder_count = 13,
    .scale = 8,
    .encoder_reach = 24,
    .decoder_reach = 6,
    .image_channels = 1,
    .feature_channels = 64,
    .code_channels = 48,
    .field_bits = MV_BLOCK_FIELDS,
    .field_count = 64,
};
