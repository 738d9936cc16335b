/* SPDX-License-Identifier: Apache-2.0
 *
 * nn_init.h: the weights a network starts from.
 *
 * "Looks linear" [Bal17]: a ReLU layer gets its output channels in mirrored pairs, [W; -W], and the
 * layer behind it reads them as [W', -W'], so that W' relu(W x) - W' relu(-W x) = W' W x: the
 * network starts as one linear map and every ReLU passes gradients. W is 0.8 x a random orthogonal
 * matrix on the centre tap plus small Gaussian taps. A square Dense between two sigmoids starts as
 * 4 x identity with bias -2: a sigmoid has slope 1/4 and value 1/2 at 0, so the pair is nearly the
 * identity where it matters.
 */
#ifndef MV_NN_INIT_H
#define MV_NN_INIT_H

#include "base/rng.h"
#include "nn/nn_graph.h"

/* mv_nn_init: weights (mv_nn_graph_weights floats) from rand; the same state gives the same
 * weights. Layers of a transform get the one of mv_transform_defaults. errors: MV_E_MEMORY */
MV_MUST_CHECK mv_status mv_nn_init(float *weights, const mv_nn_graph *graph, mv_rand *rand);

#endif
