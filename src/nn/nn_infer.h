/* SPDX-License-Identifier: Apache-2.0
 *
 * nn_infer.h: one half of an autoencoder over a picture of any size.
 *
 * The half is run in windows that overlap by the layers' reach, several at a time; of each window
 * only the part that no window edge can touch is kept, so the joined result is that of one pass
 * over the whole picture, in memory that does not grow with it.
 */
#ifndef MV_NN_INFER_H
#define MV_NN_INFER_H

#include "nn/nn_graph.h"
#include "nn/nn_integer.h"
#include "tensor/tensor.h"

#define MV_INFER_ROWS    64  /* features a side of one window: small enough for the caches, and */
#define MV_INFER_COLUMNS 128 /* several in a picture of usual size, so that all processors work */

typedef enum mv_infer_half { MV_INFER_ENCODER, MV_INFER_DECODER } mv_infer_half;

typedef struct mv_infer mv_infer; /* one caller at a time */

/* Whose half is run: weights of the whole graph, and this half in whole numbers, or NULL: then
 * floating point. */
typedef struct mv_infer_network {
    const mv_nn_graph *graph;
    const float *weights;
    const mv_integer *integer;
} mv_infer_network;

/* mv_infer_new: for pictures of feature_height x feature_width features (times graph->scale
 * pixels). integer is borrowed, weights are copied. The windows, and so the floats, do not depend
 * on threads. errors: MV_E_ARGUMENT, MV_E_LIMIT, MV_E_MEMORY */
MV_MUST_CHECK mv_status mv_infer_new(mv_infer **out, const mv_infer_network *network,
                                     mv_infer_half half, uint32_t feature_height,
                                     uint32_t feature_width, unsigned threads, mv_error *err);
void mv_infer_free(mv_infer **infer); /* wipes */

/* Windows that one mv_infer_run makes; each calls progress->step once. */
size_t mv_infer_windows(const mv_infer *infer);

/* mv_infer_run: y = half(x); encoder: x (3, scale*fh, scale*fw) -> y (fc, fh, fw); decoder the
 * other way round. progress counts windows from *done, which it advances, up to total. */
MV_MUST_CHECK mv_status mv_infer_run(mv_infer *infer, float *y, const float *x,
                                     const mv_progress *progress, uint64_t *done, uint64_t total,
                                     mv_error *err);

#endif
