/* SPDX-License-Identifier: Apache-2.0
 *
 * model_registry.h: the architectures this build knows, by name. One file per model defines one.
 */
#ifndef MV_CODEC_MODEL_REGISTRY_H
#define MV_CODEC_MODEL_REGISTRY_H

#include "nn/nn_graph.h"

extern const mv_nn_graph mv_model_bp, mv_model_cnn, mv_model_resnet, mv_model_lstm;

/* Bits of the 64 coefficients of an 8x8 block, row by row; 384 together. Chosen on training images
 * so that each bit takes away as much error as any other could (docs/modules/nn.md). */
#define MV_BLOCK_FIELDS                                                                            \
    {                                                                                              \
        10, 9, 8, 7, 7, 6, 6, 5, 9, 8, 8, 7, 6, 6, 5, 5, 8, 8, 7, 7, 6, 6, 5, 5, 8, 7, 7, 6, 6, 5, \
            5, 4, 7, 7, 6, 6, 6, 5, 5, 4, 6, 6, 6, 6, 6, 5, 5, 4, 6, 6, 6, 6, 5, 5, 4, 4, 6, 6, 6, \
            5, 5, 4, 4, 4                                                                          \
    }

const mv_nn_graph *mv_model_graph(const char *name); /* NULL when there is none */
const mv_nn_graph *mv_model_graph_at(size_t i);      /* NULL past the last */

#endif
