/* SPDX-License-Identifier: Apache-2.0
 *
 * model_lstm.c: a recurrent autoencoder. Blocks of 8x8 pixels take the straight path of model
 * resnet (a fixed, compressed DCT); beside it an LSTM of 128 units walks along the 28 blocks of
 * each row of a 224x224 picture, in the encoder and again in the decoder, and corrects the
 * coefficients by what it saw to the left. Larger pictures are walked in segments of 28 blocks.
 */
#include "codec/model_registry.h"

#include <math.h>

#define TRANSFORM(start_)                                                                          \
    {                                                                                              \
        MV_NN_DENSE, MV_NN_LINEAR, 64, 64, .start = start_, .slow = INFINITY                       \
    }
#define WALK(from_)                                                                                \
    {MV_NN_LSTM, MV_NN_LINEAR, 64, 128, .start = MV_NN_START_RANDOM},                              \
        {MV_NN_DENSE, MV_NN_LINEAR, 128, 64, .start = MV_NN_START_ZERO, .slow = 30},               \
    {                                                                                              \
        MV_NN_ADD, MV_NN_LINEAR, 64, 64, .other = from_                                            \
    }

const mv_nn_graph mv_model_lstm = {
    .name = "lstm",
    .encoder =
        {
            {MV_NN_BLOCK8, MV_NN_LINEAR, 1, 64},
            TRANSFORM(MV_NN_START_ANALYSIS),
            {MV_NN_ASINH, MV_NN_LINEAR, 64, 64},
            WALK(3),
            TRANSFORM(MV_NN_START_LEVEL),
        },
    .encoder_count = 7,
    .decoder =
        {
            TRANSFORM(MV_NN_START_UNLEVEL),
            WALK(1),
            {MV_NN_SINH, MV_NN_LINEAR, 64, 64},
            TRANSFORM(MV_NN_START_SYNTHESIS),
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
