/* SPDX-License-Identifier: Apache-2.0
 *
 * nn_graph.h: an autoencoder as two straight lists of layers, and where each layer's weights lie.
 *
 * All tensors are (B,C,H,W) float32. Weights of one model are one array of floats, layer by layer
 * in the order encoder, decoder; each layer's kernel (O,I,K,K) is followed by its bias (O).
 */
#ifndef MV_NN_GRAPH_H
#define MV_NN_GRAPH_H

#include "base/status.h"
#include "tensor/layer.h"

#define MV_NN_LAYERS_MAX 16

typedef struct mv_nn_graph {
    const char *name;
    mv_nn_layer encoder[MV_NN_LAYERS_MAX];
    size_t encoder_count;
    mv_nn_layer decoder[MV_NN_LAYERS_MAX];
    size_t decoder_count;
    uint32_t scale;          /* image sides are this many times the feature sides */
    uint32_t encoder_reach;  /* pixels around a feature's block that it can depend on */
    uint32_t decoder_reach;  /* features around a pixel's feature that it can depend on */
    uint32_t image_channels; /* 3 */
    uint32_t feature_channels;
} mv_nn_graph;

/* Floats of the whole model, and where the weights of encoder layer i (or decoder layer i) start.
 */
size_t mv_nn_graph_weights(const mv_nn_graph *graph);
size_t mv_nn_encoder_offset(const mv_nn_graph *graph, size_t i);
size_t mv_nn_decoder_offset(const mv_nn_graph *graph, size_t i);

/* mv_nn_graph_check: that the layers form a chain this engine can run (known operations, channels
 * 1..1024 that fit together, pooling undone by upsampling), and fill in scale, reaches and channel
 * counts, which follow from the layers. errors: MV_E_RANGE */
MV_MUST_CHECK mv_status mv_nn_graph_check(mv_nn_graph *graph);

#endif
