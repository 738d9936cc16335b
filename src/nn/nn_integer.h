/* SPDX-License-Identifier: Apache-2.0
 *
 * nn_integer.h: half an autoencoder whose convolutions are whole numbers: the same features, or the
 * same picture, from every processor and number of threads, and faster than in floating point.
 *
 * Made from the weights of a trained network when it is first wanted. A tensor's numbers are 16-bit
 * in units of a power of two, which a small made-up picture on its way through the network in
 * floating point chooses; what is larger is cut. Each output has the finest weights, 16-bit in
 * units of a power of two, for which no sum of any input can leave 32 bits; that is checked number
 * by number (mv_conv16_check). 3x3 convolutions, and dense layers before a ReLU or a sigmoid, are
 * computed so; the sigmoid is a table. What is left (the block transform's dense layers, asinh,
 * sinh, sums) is floating point in one fixed order without fused products: the same bits from every
 * machine with IEEE arithmetic.
 */
#ifndef MV_NN_INTEGER_H
#define MV_NN_INTEGER_H

#include "nn/nn_graph.h"

typedef struct mv_integer mv_integer; /* constant once made; may be shared by threads */

/* mv_integer_new: encoder or decoder; weights: of the whole graph. owner: the caller frees. errors:
 * MV_E_UNSUPPORTED (a layer that has no form here: LSTM, blocks that are not at the ends; or no 3x3
 * convolution), MV_E_RANGE (weights so large that a sum could overflow), MV_E_MEMORY */
MV_MUST_CHECK mv_status mv_integer_new(mv_integer **out, const mv_nn_graph *graph, bool encoder,
                                       const float *weights, mv_error *err);
void mv_integer_free(mv_integer **net);

/* The tensors for pictures of one size; one thread at a time. net is borrowed; cpu: MV_CPU_ bits.
 * height, width: of what enters, pixels for an encoder and features for a decoder.
 * errors: MV_E_MEMORY */
typedef struct mv_integer_pass mv_integer_pass;
MV_MUST_CHECK mv_status mv_integer_pass_new(mv_integer_pass **out, const mv_integer *net,
                                            uint32_t height, uint32_t width, uint32_t cpu);
void mv_integer_pass_free(mv_integer_pass **pass); /* wipes */

size_t mv_integer_in_count(const mv_integer_pass *pass); /* floats of x (C,H,W) */
size_t mv_integer_out_count(const mv_integer_pass *pass);

/* mv_integer_run: y (C,H,W) = half(x), float32 at the ends; x and y do not overlap. */
void mv_integer_run(mv_integer_pass *pass, float *y, const float *x);

#endif
