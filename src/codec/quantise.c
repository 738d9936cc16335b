/* SPDX-License-Identifier: Apache-2.0
 *
 * quantise.c: uniform quantiser of the sigmoid features.
 */
#include "codec/quantise.h"

void mv_quantise(uint32_t *level, const float *feature, size_t count, uint32_t channels,
                 uint32_t bits)
{
    const float top = (float)((1u << bits) - 1);
    for (uint32_t c = 0; c < channels; c++) {
        for (size_t i = 0; i < count; i++) {
            const float f = feature[c * count + i];
            const float clamped = f > 0 ? (f < 1 ? f : 1) : 0; /* NaN fails f > 0 */
            level[i * channels + c] = (uint32_t)(clamped * top + 0.5f);
        }
    }
}

void mv_dequantise(float *feature, const uint32_t *level, size_t count, uint32_t channels,
                   uint32_t bits)
{
    const float step = 1.0f / (float)((1u << bits) - 1);
    for (uint32_t c = 0; c < channels; c++) {
        for (size_t i = 0; i < count; i++) {
            feature[c * count + i] = (float)level[i * channels + c] * step;
        }
    }
}

void mv_features_from_code(float *feature, const uint32_t *code, size_t count,
                           const mv_nn_graph *graph, uint32_t bits)
{
    mv_dequantise(feature, code, count, graph->feature_channels, bits);
}
