/* SPDX-License-Identifier: Apache-2.0
 *
 * nn_small_train.h: the small network of nn_small.h in floating point, for training it.
 */
#ifndef MV_NN_SMALL_TRAIN_H
#define MV_NN_SMALL_TRAIN_H

#include "base/rng.h"
#include "nn/nn_small.h"

/* Weights by input, so that the inner loops run over units. */
typedef struct mv_small_weights {
    float w1[MV_SMALL_IN][MV_SMALL_H1], b1[MV_SMALL_H1];
    float w2[MV_SMALL_H1][MV_SMALL_H2], b2[MV_SMALL_H2];
    float w3[MV_SMALL_H2][MV_SMALL_OUT], b3[MV_SMALL_OUT];
} mv_small_weights;
#define MV_SMALL_WEIGHTS (sizeof(mv_small_weights) / sizeof(float))

/* One sample on its way through; x is the integer input divided by MV_SMALL_ONE. */
typedef struct mv_small_trace {
    float x[MV_SMALL_IN], h1[MV_SMALL_H1], h2[MV_SMALL_H2], y[MV_SMALL_OUT];
} mv_small_trace;

/* mv_small_init: random first layers; the outputs are b3 = y0 for every input at first. */
void mv_small_init(mv_small_weights *w, const float y0[MV_SMALL_OUT], mv_rand *r);

void mv_small_forward(mv_small_trace *t, const mv_small_weights *w,
                      const int16_t x[MV_SMALL_IN]); /* fills all of t */

/* mv_small_backward: add to g the gradient of a loss whose derivative by y is dy. */
void mv_small_backward(mv_small_weights *g, const mv_small_weights *w, const mv_small_trace *t,
                       const float dy[MV_SMALL_OUT]);

/* mv_small_import: the weights of an integer network, for training it on. */
void mv_small_import(mv_small_weights *w, const mv_small_net *net);

/* mv_small_limit: bring weights back to where mv_small_export takes them, after a step of training:
 * each within +-7.99, those of a unit together too small for its sum to overflow. */
void mv_small_limit(mv_small_weights *w);

/* mv_small_export: the nearest integer network; weights that would break its proof are refused.
 * errors: MV_E_RANGE */
MV_MUST_CHECK mv_status mv_small_export(mv_small_net *out, const mv_small_weights *w);

#endif
