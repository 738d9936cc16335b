/* SPDX-License-Identifier: Apache-2.0
 *
 * nn_graph.c: sizes and offsets of a model's weights.
 */
#include "nn/nn_graph.h"

size_t mv_nn_layer_weights(const mv_nn_layer *layer)
{
    const size_t side = mv_nn_kernel_side(layer->op);
    return side == 0 ? 0 : layer->out_channels * (layer->in_channels * side * side + 1);
}

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
