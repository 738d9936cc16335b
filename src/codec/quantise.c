/* SPDX-License-Identifier: Apache-2.0
 *
 * quantise.c: uniform quantiser of the sigmoid features.
 */
#include "codec/quantise.h"

#include <string.h>

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

/* One position's string of bits, written and read from its most significant end. */
typedef struct bit_string {
    uint32_t *number;   /* of width bits each */
    uint32_t width, at; /* bits done */
} bit_string;

static void put_bits(bit_string *s, uint32_t value, uint32_t bits)
{
    for (uint32_t k = bits; k-- > 0; s->at++) {
        uint32_t *number = &s->number[s->at / s->width];
        *number = *number << 1 | (value >> k & 1);
    }
}

static uint32_t get_bits(const uint32_t *number, uint32_t width, uint32_t at, uint32_t bits)
{
    uint32_t value = 0;
    for (uint32_t k = at; k < at + bits; k++) {
        value = value << 1 | (number[k / width] >> (width - 1 - k % width) & 1);
    }
    return value;
}

void mv_code_from_features(uint32_t *code, const float *feature, size_t count,
                           const mv_nn_graph *graph, uint32_t bits)
{
    uint8_t field[MV_NN_FIELDS_MAX];
    if (graph->field_count == 0) {
        mv_quantise(code, feature, count, graph->feature_channels, bits);
        return;
    }
    mv_nn_field_bits(field, graph, bits);
    for (size_t i = 0; i < count; i++, code += graph->code_channels) {
        bit_string s = {code, bits, 0};
        memset(code, 0, graph->code_channels * sizeof *code);
        for (size_t c = 0; c < graph->field_count; c++) {
            const float value = mv_nn_round(feature[c * count + i], mv_nn_field_step(field[c]));
            const float top = (float)((1u << field[c]) - 1);
            put_bits(&s, (uint32_t)(value * top + 0.5f), field[c]);
        }
    }
}

void mv_features_from_code(float *feature, const uint32_t *code, size_t count,
                           const mv_nn_graph *graph, uint32_t bits)
{
    uint8_t field[MV_NN_FIELDS_MAX];
    if (graph->field_count == 0) {
        mv_dequantise(feature, code, count, graph->feature_channels, bits);
        return;
    }
    mv_nn_field_bits(field, graph, bits);
    for (size_t i = 0; i < count; i++, code += graph->code_channels) {
        uint32_t at = 0;
        for (size_t c = 0; c < graph->field_count; at += field[c++]) {
            const uint32_t level = get_bits(code, bits, at, field[c]);
            feature[c * count + i] =
                field[c] == 0 ? 0.5f : (float)level * mv_nn_field_step(field[c]);
        }
    }
}
