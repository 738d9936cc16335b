/* SPDX-License-Identifier: Apache-2.0
 *
 * nn_graph.c: sizes and offsets of a model's weights; what follows from its layers.
 */
#include "nn/nn_graph.h"

#include <stdbool.h>

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

enum { CHANNELS_MAX = 1024, SCALE_MAX = 16 };

static mv_status check_layer(const mv_nn_layer *layer)
{
    const bool known = layer->op <= MV_NN_UPSAMPLE2 && layer->act <= MV_NN_SIGMOID;
    const bool sized = layer->in_channels >= 1 && layer->in_channels <= CHANNELS_MAX &&
                       layer->out_channels >= 1 && layer->out_channels <= CHANNELS_MAX;
    if (!known || !sized) {
        return MV_E_RANGE;
    }
    if (mv_nn_kernel_side(layer->op) == 0 &&
        (layer->in_channels != layer->out_channels || layer->act != MV_NN_LINEAR)) {
        return MV_E_RANGE;
    }
    return MV_OK;
}

/* Walk a chain; *step is the distance between neighbouring positions of the current layer, in
 * 1/SCALE_MAX of the chain's input grid; *reach grows by one step per 3x3 kernel. */
static mv_status walk(const mv_nn_layer *layer, size_t count, uint32_t *step, uint32_t *reach)
{
    if (count == 0 || count > MV_NN_LAYERS_MAX) {
        return MV_E_RANGE;
    }
    *reach = 0;
    for (size_t i = 0; i < count; i++) {
        if (check_layer(&layer[i]) != MV_OK ||
            (i != 0 && layer[i].in_channels != layer[i - 1].out_channels)) {
            return MV_E_RANGE;
        }
        if (layer[i].op == MV_NN_CONV3) {
            *reach += *step;
        } else if (layer[i].op == MV_NN_MAXPOOL2) {
            *step *= 2;
        } else if (layer[i].op == MV_NN_UPSAMPLE2) {
            *step /= 2;
        }
        if (*step == 0 || *step > SCALE_MAX * SCALE_MAX) {
            return MV_E_RANGE;
        }
    }
    return MV_OK;
}

mv_status mv_nn_graph_check(mv_nn_graph *graph)
{
    uint32_t down = SCALE_MAX, up = SCALE_MAX, reach = 0;
    mv_status st = walk(graph->encoder, graph->encoder_count, &down, &reach);
    if (st != MV_OK) {
        return st;
    }
    graph->encoder_reach = (reach + SCALE_MAX - 1) / SCALE_MAX;
    graph->scale = down / SCALE_MAX;
    st = walk(graph->decoder, graph->decoder_count, &up, &reach);
    if (st != MV_OK) {
        return st;
    }
    graph->decoder_reach = (reach + SCALE_MAX - 1) / SCALE_MAX;
    graph->image_channels = graph->encoder[0].in_channels;
    graph->feature_channels = graph->decoder[0].in_channels;
    if (graph->scale == 0 || up * graph->scale != SCALE_MAX || graph->image_channels != 3 ||
        graph->encoder[graph->encoder_count - 1].out_channels != graph->feature_channels ||
        graph->decoder[graph->decoder_count - 1].out_channels != graph->image_channels) {
        return MV_E_RANGE;
    }
    return MV_OK;
}
