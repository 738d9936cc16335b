/* SPDX-License-Identifier: Apache-2.0
 *
 * model_cnn.c: the paper's CNN autoencoder, Table 3, layer for layer as printed. Its Dense layers
 * act on the channels of each position: 224x224x3 -> 112x112x3 features -> 224x224x3.
 */
#include "codec/model_registry.h"

const mv_nn_graph mv_model_cnn = {
    .name = "cnn",
    .encoder =
        {
            {MV_NN_CONV3, MV_NN_RELU, 3, 64},
            {MV_NN_MAXPOOL2, MV_NN_LINEAR, 64, 64},
            {MV_NN_CONV3, MV_NN_RELU, 64, 64},
            {MV_NN_CONV3, MV_NN_RELU, 64, 32},
            {MV_NN_DENSE, MV_NN_SIGMOID, 32, 3},
        },
    .encoder_count = 5,
    .decoder =
        {
            {MV_NN_DENSE, MV_NN_SIGMOID, 3, 3},
            {MV_NN_CONV3, MV_NN_RELU, 3, 32},
            {MV_NN_UPSAMPLE2, MV_NN_LINEAR, 32, 32},
            {MV_NN_CONV3, MV_NN_RELU, 32, 64},
            {MV_NN_CONV3, MV_NN_RELU, 64, 64},
            {MV_NN_CONV3, MV_NN_SIGMOID, 64, 3},
        },
    .decoder_count = 6,
    .scale = 2,
    .encoder_reach = 5, /* 1 before the pool, twice 1 after it at half size */
    .decoder_reach = 3, /* 1 at feature size, 3 after upsampling = 2 features */
    .image_channels = 3,
    .feature_channels = 3,
    .code_channels = 3,
};
