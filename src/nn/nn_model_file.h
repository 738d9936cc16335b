/* SPDX-License-Identifier: Apache-2.0
 *
 * nn_model_file.h: the bytes of a model file, docs/formats/model.md. The file describes its own
 * layers, so a reader needs no list of architectures.
 */
#ifndef MV_NN_MODEL_FILE_H
#define MV_NN_MODEL_FILE_H

#include "base/bytes.h"
#include "nn/nn_graph.h"

#define MV_MODEL_FILE_MAX      ((size_t)256 << 20)
#define MV_MODEL_FILE_HASH_LEN 32

/* What a model file says besides layers and weights; zero-terminated text. */
typedef struct mv_model_record {
    char name[32];         /* architecture: lower-case letters, digits, '-' */
    char licence[64];      /* of the weights */
    char training[512];    /* one line: data, seed, steps, loss */
    uint32_t feature_bits; /* the quantiser it was trained for, 1..16 */
} mv_model_record;

/* mv_model_file_write: append the file to out (whose max should be MV_MODEL_FILE_MAX).
 * weights: mv_nn_graph_weights(graph) finite floats. errors: MV_E_RANGE, MV_E_LIMIT, MV_E_MEMORY */
MV_MUST_CHECK mv_status mv_model_file_write(mv_buffer *out, const mv_nn_graph *graph,
                                            const mv_model_record *record, const float *weights);

/* mv_model_file_read: all checks done: hash, layers, finite weights, no trailing bytes.
 * graph->name points into record. owner: *weights is yours, free() it.
 * errors: MV_E_FORMAT, MV_E_TRUNCATED, MV_E_RANGE, MV_E_MEMORY; outputs are then untouched */
MV_MUST_CHECK mv_status mv_model_file_read(mv_model_record *record, mv_nn_graph *graph,
                                           float **weights, uint8_t hash[MV_MODEL_FILE_HASH_LEN],
                                           const uint8_t *bytes, size_t len);

#endif
