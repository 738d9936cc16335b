/* SPDX-License-Identifier: Apache-2.0
 *
 * nn_graph.c: sizes and offsets of a model's weights; what follows from its layers.
 */
#include "nn/nn_graph.h"

#include <math.h>
#include <string.h>

enum { FIELD_BITS_MAX = 16 };

static size_t sum_weights(const mv_nn_layer *layer, size_t count)
{
    size_t sum = 0;
    for (size_t i = 0; i < count; i++) {
        sum += mv_nn_layer_weights(&layer[i]);
    }
    return sum;
}

size_t mv_nn_encoder_offset(const mv_nn_graph *graph, size_t i)
{
    return sum_weights(graph->encoder, i);
}

size_t mv_nn_decoder_offset(const mv_nn_graph *graph, size_t i)
{
    return sum_weights(graph->encoder, graph->encoder_count) + sum_weights(graph->decoder, i);
}

size_t mv_nn_graph_weights(const mv_nn_graph *graph)
{
    return mv_nn_decoder_offset(graph, graph->decoder_count);
}

static bool same_layers(const mv_nn_layer *a, size_t a_count, const mv_nn_layer *b, size_t b_count)
{
    bool same = a_count == b_count;
    for (size_t i = 0; same && i < a_count; i++) {
        same = a[i].op == b[i].op && a[i].act == b[i].act && a[i].in_channels == b[i].in_channels &&
               a[i].out_channels == b[i].out_channels && a[i].other == b[i].other;
    }
    return same;
}

bool mv_nn_graph_same(const mv_nn_graph *a, const mv_nn_graph *b)
{
    return same_layers(a->encoder, a->encoder_count, b->encoder, b->encoder_count) &&
           same_layers(a->decoder, a->decoder_count, b->decoder, b->decoder_count) &&
           a->field_count == b->field_count &&
           memcmp(a->field_bits, b->field_bits, a->field_count) == 0;
}

void mv_nn_field_bits(uint8_t *bits, const mv_nn_graph *graph, uint32_t code_bits)
{
    const size_t n = graph->feature_channels;
    for (size_t c = 0; c < n; c++) {
        bits[c] = graph->field_count == 0 ? (uint8_t)code_bits : graph->field_bits[c];
    }
    if (graph->field_count == 0) {
        return;
    }
    for (size_t left = (size_t)(code_bits > 8 ? code_bits - 8 : 0) * graph->code_channels, c = 0;
         left != 0; c = (c + 1) % n) {
        const bool room = bits[c] < FIELD_BITS_MAX;
        bits[c] += room;
        left -= room;
    }
    for (size_t left = (size_t)(code_bits < 8 ? 8 - code_bits : 0) * graph->code_channels, c = n;
         left != 0; c = c == 1 ? n : c - 1) {
        const bool any = bits[c - 1] != 0;
        bits[c - 1] -= any;
        left -= any;
    }
}

float mv_nn_field_step(uint32_t bits)
{
    return bits == 0 ? 0 : 1.0F / (float)((1u << bits) - 1);
}

float mv_nn_round(float feature, float step)
{
    const float clamped = feature > 0 ? (feature < 1 ? feature : 1) : 0; /* NaN fails both */
    return step > 0 ? rintf(clamped / step) * step : 0.5F;
}

/* SEGMENT: 224 pixels in blocks of 8. */
enum { CHANNELS_MAX = 1024, SCALE_MAX = 16, SEGMENT = 28 };

/* A tensor between two layers: its channels and the distance of its positions. */
typedef struct grid {
    uint32_t channels, step;
} grid;

static mv_status check_layer(const mv_nn_layer *layer, const grid *before, size_t i)
{
    const bool known = layer->op <= MV_NN_LSTM && layer->act <= MV_NN_SIGMOID;
    const bool sized = layer->in_channels >= 1 && layer->in_channels <= CHANNELS_MAX &&
                       layer->out_channels >= 1 && layer->out_channels <= CHANNELS_MAX;
    if (!known || !sized || layer->in_channels != before[i].channels) {
        return MV_E_RANGE;
    }
    if ((mv_nn_kernel_side(layer->op) == 0 && layer->act != MV_NN_LINEAR) ||
        (!mv_nn_has_weights(layer->op) &&
         layer->out_channels != mv_nn_channels_after(layer->op, layer->in_channels))) {
        return MV_E_RANGE;
    }
    if (layer->op == MV_NN_ADD
            ? layer->other >= i || before[layer->other].channels != layer->in_channels ||
                  before[layer->other].step != before[i].step
            : layer->other != 0) {
        return MV_E_RANGE;
    }
    return MV_OK;
}

/* The step behind a layer; 0 when it would be too fine. */
static uint32_t step_after(mv_nn_op op, uint32_t step)
{
    return op == MV_NN_MAXPOOL2    ? step * 2
           : op == MV_NN_UPSAMPLE2 ? step / 2
           : op == MV_NN_BLOCK8    ? step * 8
           : op == MV_NN_UNBLOCK8  ? step / 8
                                   : step;
}

/* Walk a chain; *step is the distance between neighbouring positions of the current layer, in
 * 1/SCALE_MAX of the chain's input grid; *reach grows by one step per 3x3 kernel. */
static mv_status walk(const mv_nn_layer *layer, size_t count, uint32_t *step, uint32_t *reach,
                      bool *lstm)
{
    grid at[MV_NN_LAYERS_MAX + 1];
    if (count == 0 || count > MV_NN_LAYERS_MAX) {
        return MV_E_RANGE;
    }
    *reach = 0;
    at[0] = (grid){layer[0].in_channels, *step};
    for (size_t i = 0; i < count; i++) {
        if (check_layer(&layer[i], at, i) != MV_OK) {
            return MV_E_RANGE;
        }
        *reach += layer[i].op == MV_NN_CONV3 ? at[i].step : 0;
        *lstm = *lstm || layer[i].op == MV_NN_LSTM;
        at[i + 1] = (grid){layer[i].out_channels, step_after(layer[i].op, at[i].step)};
        if (at[i + 1].step == 0 || at[i + 1].step > SCALE_MAX * SCALE_MAX) {
            return MV_E_RANGE;
        }
    }
    *step = at[count].step;
    return MV_OK;
}

static mv_status check_fields(mv_nn_graph *graph)
{
    uint32_t sum = 0;
    graph->code_channels = graph->feature_channels;
    if (graph->field_count == 0) {
        return MV_OK;
    }
    if (graph->field_count != graph->feature_channels || graph->field_count > MV_NN_FIELDS_MAX) {
        return MV_E_RANGE;
    }
    for (size_t c = 0; c < graph->field_count; c++) {
        if (graph->field_bits[c] > FIELD_BITS_MAX) {
            return MV_E_RANGE;
        }
        sum += graph->field_bits[c];
    }
    graph->code_channels = sum / 8;
    /* so that codes of 1 and of 16 bits fit into the fields, too */
    return sum % 8 == 0 && sum != 0 && graph->code_channels <= graph->field_count ? MV_OK
                                                                                  : MV_E_RANGE;
}

mv_status mv_nn_graph_check(mv_nn_graph *graph)
{
    uint32_t down = SCALE_MAX, up = SCALE_MAX, reach = 0;
    bool lstm = false;
    mv_status st = walk(graph->encoder, graph->encoder_count, &down, &reach, &lstm);
    if (st != MV_OK) {
        return st;
    }
    graph->encoder_reach = (reach + SCALE_MAX - 1) / SCALE_MAX;
    graph->scale = down / SCALE_MAX;
    st = walk(graph->decoder, graph->decoder_count, &up, &reach, &lstm);
    if (st != MV_OK) {
        return st;
    }
    graph->decoder_reach = (reach + SCALE_MAX - 1) / SCALE_MAX;
    graph->image_channels = graph->encoder[0].in_channels;
    graph->feature_channels = graph->decoder[0].in_channels;
    graph->segment = lstm ? SEGMENT : 0;
    if (graph->scale == 0 || up * graph->scale != SCALE_MAX ||
        (graph->image_channels != 3 && graph->image_channels != 1) ||
        (lstm && (graph->encoder_reach != 0 || graph->decoder_reach != 0)) ||
        graph->encoder[graph->encoder_count - 1].out_channels != graph->feature_channels ||
        graph->decoder[graph->decoder_count - 1].out_channels != graph->image_channels) {
        return MV_E_RANGE;
    }
    return check_fields(graph);
}
