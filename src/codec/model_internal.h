/* SPDX-License-Identifier: Apache-2.0
 *
 * model_internal.h: what a loaded model is, for the codec.
 */
#ifndef MV_CODEC_MODEL_INTERNAL_H
#define MV_CODEC_MODEL_INTERNAL_H

#include "medveil/model.h"
#include "nn/nn_model_file.h"

struct mv_model {
    mv_model_record record;
    mv_nn_graph graph;
    float *weights;
    uint8_t hash[MV_MODEL_HASH_LEN];
};

#endif
