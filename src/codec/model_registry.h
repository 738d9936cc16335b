/* SPDX-License-Identifier: Apache-2.0
 *
 * model_registry.h: the architectures this build knows, by name. One file per model defines one.
 */
#ifndef MV_CODEC_MODEL_REGISTRY_H
#define MV_CODEC_MODEL_REGISTRY_H

#include "medveil/model.h"
#include "nn/nn_graph.h"

extern const mv_nn_graph mv_model_bp, mv_model_cnn, mv_model_gan, mv_model_lstm, mv_model_resnet;

const mv_nn_graph *mv_model_graph(const char *name); /* NULL when there is none */
const mv_nn_graph *mv_model_graph_at(size_t i);      /* NULL past the last */

/* mv_model_weights_for: the model's weights, as long as the model, if they fit these layers; else
 * NULL. */
const float *mv_model_weights_for(const mv_model *model, const mv_nn_graph *graph);

#endif
