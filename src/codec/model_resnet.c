/* SPDX-License-Identifier: Apache-2.0
 *
 * model_resnet.c: a residual autoencoder around a block transform, and the generator of model gan,
 * which is the same network trained further against a critic (nn/nn_gan.h).
 *
 * The straight path is a DCT of 8x8 blocks, compressed by asinh (nn/nn_transform.h): it is a codec
 * by itself and stays fixed. Beside it residual networks of 3x3 kernels on the grid of blocks see
 * the neighbours and correct the compressed coefficients, before they are rounded and after. The 64
 * features of a block share 384 bits: 48 numbers of 8 bits, as many as Table 3's network sends.
 */
#include "codec/model_blocks.h"

/* clang-format off */
#define RESIDUAL_AUTOENCODER(name_)                                                                \
    {                                                                                              \
        .name = name_,                                                                             \
        .encoder =                                                                                 \
            {                                                                                      \
                {MV_NN_BLOCK8, MV_NN_LINEAR, 1, 64},                                               \
                MV_ANALYSIS_LAYER,                                                                 \
                {MV_NN_ASINH, MV_NN_LINEAR, 64, 64},                                               \
                MV_BRANCH_LAYER(64, 64),                                                           \
                MV_BRANCH_LAYER(64, 64),                                                           \
                MV_BRANCH_END(MV_NN_CONV3, 64, 64, 100),                                           \
                MV_ADD_LAYER(64, 3),                                                               \
                MV_LEVEL_LAYER,                                                                    \
            },                                                                                     \
        .encoder_count = 8,                                                                        \
        .decoder =                                                                                 \
            {                                                                                      \
                MV_UNLEVEL_LAYER,                                                                  \
                MV_BRANCH_LAYER(64, 96),                                                           \
                MV_BRANCH_LAYER(96, 96),                                                           \
                MV_BRANCH_END(MV_NN_CONV3, 96, 96, 3),                                             \
                MV_ADD_LAYER(96, 2),                                                               \
                MV_BRANCH_LAYER(96, 96),                                                           \
                MV_BRANCH_END(MV_NN_CONV3, 96, 96, 3),                                             \
                MV_ADD_LAYER(96, 5),                                                               \
                MV_BRANCH_END(MV_NN_CONV3, 96, 64, 100),                                           \
                MV_ADD_LAYER(64, 1),                                                               \
                {MV_NN_SINH, MV_NN_LINEAR, 64, 64},                                                \
                MV_SYNTHESIS_LAYER,                                                                \
                {MV_NN_UNBLOCK8, MV_NN_LINEAR, 64, 1},                                             \
            },                                                                                     \
        .decoder_count = 13,                                                                       \
        .scale = 8,                                                                                \
        .encoder_reach = 24, /* three kernels on a grid of 8 pixels */                             \
        .decoder_reach = 6,                                                                        \
        .image_channels = 1,                                                                       \
        .feature_channels = 64,                                                                    \
        .code_channels = 48,                                                                       \
        .field_bits = MV_BLOCK_FIELDS,                                                             \
        .field_count = 64,                                                                         \
    }
/* clang-format on */

const mv_nn_graph mv_model_resnet = RESIDUAL_AUTOENCODER("resnet");
const mv_nn_graph mv_model_gan = RESIDUAL_AUTOENCODER("gan");
