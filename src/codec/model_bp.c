/* SPDX-License-Identifier: Apache-2.0
 *
 * model_bp.c: a fully connected autoencoder of 8x8 blocks, learned by plain back-propagation from
 * random weights: 64 pixels -> 256 -> 48 features -> 256 -> 64 pixels, sigmoids between.
 */
#include "codec/model_registry.h"

#define FULL(act_, in_, out_)                                                                      \
    {                                                                                              \
        MV_NN_DENSE, act_, in_, out_                                                               \
    }

const mv_nn_graph mv_model_bp = {
    .name = "bp",
    .encoder =
        {
            {MV_NN_BLOCK8, MV_NN_LINEAR, 1, 64},
            FULL(MV_NN_SIGMOID, 64, 256),
            FULL(MV_NN_SIGMOID, 256, 48),
        },
    .encoder_count = 3,
    .decoder =
        {
            FULL(MV_NN_SIGMOID, 48, 256),
            FULL(MV_NN_LINEAR, 256, 64),
            {MV_NN_UNBLOCK8, MV_NN_LINEAR, 64, 1},
        },
    .decoder_count = 3,
    .scale = 8,
    .image_channels = 1,
    .feature_channels = 48,
    .code_channels = 48,
};
