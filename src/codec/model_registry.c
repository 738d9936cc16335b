/* SPDX-License-Identifier: Apache-2.0
 *
 * model_registry.c: the list of architectures.
 */
#include "codec/model_registry.h"

#include <string.h>

static const mv_nn_graph *const graphs[] = {&mv_model_bp, &mv_model_cnn, &mv_model_gan,
                                            &mv_model_lstm, &mv_model_resnet};

const mv_nn_graph *mv_model_graph_at(size_t i)
{
    return i < sizeof graphs / sizeof graphs[0] ? graphs[i] : NULL;
}

const mv_nn_graph *mv_model_graph(const char *name)
{
    for (size_t i = 0; mv_model_graph_at(i) != NULL; i++) {
        if (strcmp(graphs[i]->name, name) == 0) {
            return graphs[i];
        }
    }
    return NULL;
}
