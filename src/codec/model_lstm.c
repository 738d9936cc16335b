/* SPDX-License-Identifier: Apache-2.0
 *
 * model_lstm.c: a recurrent autoencoder. Blocks of 8x8 pixels take the straight path of model
 * resnet (a fixed, compressed DCT); beside it an LSTM of 128 units walks along the 28 blocks of
 * each row of a 224x224 picture, in the encoder and again in the decoder, and corrects the
 * coefficients by what it saw to the left. Larger pictures are walked in segments of 28 blocks.
 */
#include "codec/model_blocks.h"

/* clang-format off */
#define WALK(from_)                                                                                \
    {MV_NN_LSTM, MV_NN_LINEAR, 64, 128, .start = MV_NN_START_RANDOM},                              \
    MV_BRANCH_END(MV_NN_DENSE, 128, 64, 30),                                                       \
    MV_ADD_LAYER(64, from_)
/* clang-format on */

const mv_nn_graph mv_model_lstm = {
    .name = "lstm",
    .encoder =
        {
            {MV_NN_BLOCK8, MV_NN_LINEAR, 1, 64},
            MV_ANALYSIS_LAYER,
            {MV_NN_ASINH, MV_NN_LINEAR, 64, 64},
            WALK(3),
            MV_LEVEL_LAYER,
        },
    .encoder_count = 7,
    .decoder =
        {
            MV_UNLEVEL_LAYER,
            WALK(1),
            {MV_NN_SINH, MV_NN_LINEAR, 64, 64},
            MV_SYNTHESIS_LAYER,
            {MV_NN_UNBLOCK8, MV_NN_LINEAR, 64, 1},
        },
    .decoder_count = 7,
    .scale = 8,
    .image_channels = 1,
    .feature_channels = 64,
    .code_channels = 48,
    .segment = 28,
    .field_bits = MV_BLOCK_FIELDS,
    .field_count = 64,
};
