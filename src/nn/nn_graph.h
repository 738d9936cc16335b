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

#define MV_NN_LAYERS_MAX 32
#define MV_NN_FIELDS_MAX 64

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
    uint32_t code_channels; /* whole numbers of 8 bits at each position: feature_channels without
                               fields, else the bits of all fields / 8 */
    uint32_t segment; /* an LSTM's state starts anew every so many features; 0: there is none */
    /* Bits of each feature when a code has 8: all fields of a position are one string of bits,
     * cut into code_channels numbers. field_count is 0 (every feature is a number of its own) or
     * feature_channels. */
    uint8_t field_bits[MV_NN_FIELDS_MAX];
    uint32_t field_count;
} mv_nn_graph;

/* Whether two graphs have the same layers and fields, so that weights fit both. */
bool mv_nn_graph_same(const mv_nn_graph *a, const mv_nn_graph *b);

/* mv_nn_field_bits: bits (feature_channels of them) of each feature in a code of code_bits, 1..16:
 * from the graph's at 8, one bit at a time, code_channels fields in turn for each bit more (from
 * the first on) or less (from the last back; empty fields are passed over). */
void mv_nn_field_bits(uint8_t *bits, const mv_nn_graph *graph, uint32_t code_bits);

/* mv_nn_field_step: the distance of neighbouring levels of a feature of that many bits, in [0,1]:
 * 1 / (2^bits - 1); 0 without bits. */
float mv_nn_field_step(uint32_t bits);

/* mv_nn_round: feature, clamped to [0,1], to its nearest level; 1/2 without bits. */
float mv_nn_round(float feature, float step);

/* Floats of the whole model, and where the weights of encoder layer i (or decoder layer i) start.
 */
size_t mv_nn_graph_weights(const mv_nn_graph *graph);
size_t mv_nn_encoder_offset(const mv_nn_graph *graph, size_t i);
size_t mv_nn_decoder_offset(const mv_nn_graph *graph, size_t i);

/* mv_nn_graph_check: that the layers form a chain this engine can run (known operations, channels
 * 1..1024 that fit together, pooling undone by upsampling; no 3x3 kernel beside an LSTM, which
 * reaches far; fields of 0 to 16 bits), and fill in scale, reaches, segment and channel counts,
 * which follow from the layers and fields. errors: MV_E_RANGE */
MV_MUST_CHECK mv_status mv_nn_graph_check(mv_nn_graph *graph);

#endif
