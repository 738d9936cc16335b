/* SPDX-License-Identifier: Apache-2.0
 *
 * quantise.h: features in [0,1] to integers of a bit width, and back.
 */
#ifndef MV_CODEC_QUANTISE_H
#define MV_CODEC_QUANTISE_H

#include "nn/nn_graph.h"

/* level = round(feature * (2^bits - 1)), feature clamped to [0,1], NaN becomes 0.
 * planar (channels, count) floats become interleaved (count, channels) levels, and back. */
void mv_quantise(uint32_t *level, const float *feature, size_t count, uint32_t channels,
                 uint32_t bits);
void mv_dequantise(float *feature, const uint32_t *level, size_t count, uint32_t channels,
                   uint32_t bits);

/* mv_code_from_features: planar (feature_channels, count) floats to interleaved
 * (count, code_channels) numbers of bits each, 1..16, and back. Without fields this is mv_quantise;
 * with fields, each feature has its own levels (mv_nn_field_bits), and all fields of a position, in
 * order and most significant bit first, are one string of bits, cut into code_channels numbers. */
void mv_code_from_features(uint32_t *code, const float *feature, size_t count,
                           const mv_nn_graph *graph, uint32_t bits);
/* mv_features_from_code: interleaved numbers of a code to planar (feature_channels, count) floats:
 * what the decoder network, and a head, read. */
void mv_features_from_code(float *feature, const uint32_t *code, size_t count,
                           const mv_nn_graph *graph, uint32_t bits);

#endif
