/* SPDX-License-Identifier: Apache-2.0
 *
 * nn_graph.h: an autoencoder as two straight lists of layers, and where each layer's weights lie.
 *
 * All tensors are (B,C,H,W) float32. Weights of one model are one array of floats, layer by layer
 * in the order encoder, decoder; each layer's kernel (O,I,K,K) is followed by its bias (O).
 */
#ifndef MV_NN_GRAPH_H
#define MV_NN_GRAPH_H

#include <stddef.h>
#include <stdint.h>

typedef enum mv_nn_op {
    MV_NN_CONV3,    /* 3x3, stride 1, zero padding 1, then the activation */
    MV_NN_DENSE,    /* the same channels x channels matrix at every position (1x1 convolution) */
    MV_NN_MAXPOOL2, /* 2x2, stride 2 */
    MV_NN_UPSAMPLE2 /* nearest, factor 2 */
} mv_nn_op;

typedef enum mv_nn_act { MV_NN_LINEAR, MV_NN_RELU, MV_NN_SIGMOID } mv_nn_act;

typedef struct mv_nn_layer {
    mv_nn_op op;
    mv_nn_act act;
    uint32_t in_channels, out_channels; /* equal for pool and upsample */
} mv_nn_layer;

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

static inline uint32_t mv_nn_kernel_side(mv_nn_op op)
{
    return op == MV_NN_CONV3 ? 3 : op == MV_NN_DENSE ? 1 : 0;
}

/* Floats of a layer's kernel plus bias; 0 for pool and upsample. */
size_t mv_nn_layer_weights(const mv_nn_layer *layer);

/* Floats of the whole model, and where the weights of encoder layer i (or decoder layer i) start.
 */
size_t mv_nn_graph_weights(const mv_nn_graph *graph);
size_t mv_nn_encoder_offset(const mv_nn_graph *graph, size_t i);
size_t mv_nn_decoder_offset(const mv_nn_graph *graph, size_t i);

#endif
