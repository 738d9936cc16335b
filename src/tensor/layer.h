/* SPDX-License-Identifier: Apache-2.0
 *
 * layer.h: what one layer of a network does. A network is a straight list of these.
 *
 * All tensors are (B,C,H,W) float32, W fastest. A layer's weights are its kernel (O,I,K,K) followed
 * by its bias (O); the weights of a list of layers follow one another.
 */
#ifndef MV_TENSOR_LAYER_H
#define MV_TENSOR_LAYER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum mv_nn_op {
    MV_NN_CONV3,     /* 3x3, stride 1, zero padding 1, then the activation */
    MV_NN_DENSE,     /* the same channels x channels matrix at every position (1x1 convolution) */
    MV_NN_MAXPOOL2,  /* 2x2, stride 2; an odd last row or column is dropped */
    MV_NN_UPSAMPLE2, /* nearest, factor 2 */
    MV_NN_BLOCK8,    /* 8x8 pixels become 64 channels, row by row; a partial block is dropped */
    MV_NN_UNBLOCK8,  /* and back */
    MV_NN_ASINH,     /* asinh of every element: compresses large values */
    MV_NN_SINH,      /* its inverse */
    MV_NN_ADD,       /* x + tensor number other */
    MV_NN_LSTM       /* along each row from left to right, the state starting at zero [HoSc97] */
} mv_nn_op;

typedef enum mv_nn_act { MV_NN_LINEAR, MV_NN_RELU, MV_NN_SIGMOID } mv_nn_act;

/* How a layer's weights start (nn/nn_init.h); without weights: unused. */
typedef enum mv_nn_start {
    MV_NN_START_LOOKS_LINEAR,
    MV_NN_START_RANDOM,   /* Gaussian of variance 1 / inputs, twice that before a ReLU */
    MV_NN_START_ZERO,     /* a branch that adds nothing yet */
    MV_NN_START_ANALYSIS, /* 64 pixels of a block to the DCT's coefficients, in units of one bend */
    MV_NN_START_LEVEL,    /* asinh of those to the features' 0..1 */
    MV_NN_START_UNLEVEL,  /* back */
    MV_NN_START_SYNTHESIS, /* back to pixels */
} mv_nn_start;

typedef struct mv_nn_layer {
    mv_nn_op op;
    mv_nn_act act;                      /* MV_NN_LINEAR but for convolution and dense */
    uint32_t in_channels, out_channels; /* see mv_nn_channels_after where there are no weights */
    uint32_t other; /* MV_NN_ADD: 0 is what enters the list, i what layer i-1 wrote; else 0 */

    /* For training alone, not kept in model files. */
    mv_nn_start start;
    float slow; /* learning rate divided by this; 0: by 1; INFINITY: the layer stays as it is */
} mv_nn_layer;

/* Side of a convolution's or dense layer's kernel, else 0. */
static inline uint32_t mv_nn_kernel_side(mv_nn_op op)
{
    return op == MV_NN_CONV3 ? 3 : op == MV_NN_DENSE ? 1 : 0;
}

static inline bool mv_nn_has_weights(mv_nn_op op)
{
    return op == MV_NN_CONV3 || op == MV_NN_DENSE || op == MV_NN_LSTM;
}

/* Channels after a layer without weights that sees channels; 0 when it cannot. */
static inline uint32_t mv_nn_channels_after(mv_nn_op op, uint32_t channels)
{
    return op == MV_NN_BLOCK8     ? channels * 64
           : op == MV_NN_UNBLOCK8 ? (channels % 64 == 0 ? channels / 64 : 0)
                                  : channels;
}

/* Height or width after a layer that sees side. */
static inline uint32_t mv_nn_side_after(mv_nn_op op, uint32_t side)
{
    return op == MV_NN_MAXPOOL2    ? side / 2
           : op == MV_NN_UPSAMPLE2 ? side * 2
           : op == MV_NN_BLOCK8    ? side / 8
           : op == MV_NN_UNBLOCK8  ? side * 8
                                   : side;
}

/* Floats of a layer's weights; 0 where it has none. */
static inline size_t mv_nn_layer_weights(const mv_nn_layer *layer)
{
    const size_t side = mv_nn_kernel_side(layer->op), in = layer->in_channels;
    if (layer->op == MV_NN_LSTM) {
        return (size_t)4 * layer->out_channels * (in + layer->out_channels + 1);
    }
    return side == 0 ? 0 : layer->out_channels * (layer->in_channels * side * side + 1);
}

#endif
