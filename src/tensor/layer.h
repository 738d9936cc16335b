/* SPDX-License-Identifier: Apache-2.0
 *
 * layer.h: what one layer of a network does. A network is a straight list of these.
 *
 * All tensors are (B,C,H,W) float32, W fastest. A layer's weights are its kernel (O,I,K,K) followed
 * by its bias (O); the weights of a list of layers follow one another.
 */
#ifndef MV_TENSOR_LAYER_H
#define MV_TENSOR_LAYER_H

#include <stddef.h>
#include <stdint.h>

typedef enum mv_nn_op {
    MV_NN_CONV3,    /* 3x3, stride 1, zero padding 1, then the activation */
    MV_NN_DENSE,    /* the same channels x channels matrix at every position (1x1 convolution) */
    MV_NN_MAXPOOL2, /* 2x2, stride 2; an odd last row or column is dropped */
    MV_NN_UPSAMPLE2 /* nearest, factor 2 */
} mv_nn_op;

typedef enum mv_nn_act { MV_NN_LINEAR, MV_NN_RELU, MV_NN_SIGMOID } mv_nn_act;

typedef struct mv_nn_layer {
    mv_nn_op op;
    mv_nn_act act;                      /* MV_NN_LINEAR for pool and upsample */
    uint32_t in_channels, out_channels; /* equal for pool and upsample */
} mv_nn_layer;

static inline uint32_t mv_nn_kernel_side(mv_nn_op op)
{
    return op == MV_NN_CONV3 ? 3 : op == MV_NN_DENSE ? 1 : 0;
}

/* Height or width after a layer that sees side. */
static inline uint32_t mv_nn_side_after(mv_nn_op op, uint32_t side)
{
    return op == MV_NN_MAXPOOL2 ? side / 2 : op == MV_NN_UPSAMPLE2 ? side * 2 : side;
}

/* Floats of a layer's kernel plus bias; 0 for pool and upsample. */
static inline size_t mv_nn_layer_weights(const mv_nn_layer *layer)
{
    const size_t side = mv_nn_kernel_side(layer->op);
    return side == 0 ? 0 : layer->out_channels * (layer->in_channels * side * side + 1);
}

#endif
