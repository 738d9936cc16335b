/* SPDX-License-Identifier: Apache-2.0
 *
 * tensor.h: running a list of layers forward and backward.
 *
 * A kernel table (portable, or oneDNN) turns a list of layers and a shape into a net: an object
 * that owns every buffer it will need, in whatever memory layout suits the kernels. After
 * mv_net_new nothing is allocated. In and out go plain (B,C,H,W) float32 tensors; all layers of
 * one list are computed without leaving the kernels' own layout.
 *
 *     mv_net_opts o = mv_net_defaults();
 *     MV_TRY(mv_net_new(&net, mv_tensor_best(), graph->encoder, graph->encoder_count, &shape, &o,
 *                       err));
 *     MV_TRY(mv_net_load(net, weights, err));
 *     MV_TRY(mv_net_forward(net, y, x, err));
 *
 * The portable table is the definition; another agrees with it within MV_TENSOR_TOLERANCE. A table
 * is constant and may be shared; a net belongs to one thread at a time.
 */
#ifndef MV_TENSOR_TENSOR_H
#define MV_TENSOR_TENSOR_H

#include "base/status.h"
#include "tensor/layer.h"

#include <stdbool.h>

/* |a - b| <= MV_TENSOR_TOLERANCE * (largest |b| of the tensor) for every element, float32. */
#define MV_TENSOR_TOLERANCE 2e-5

#define MV_NET_LAYERS_MAX   32
#define MV_NET_CHANNELS_MAX 1024u
#define MV_NET_SIDE_MAX     65535u
#define MV_NET_ELEMENTS_MAX ((uint64_t)1 << 30) /* of one tensor between two layers */

/* The tensor a net reads: batch B, then C = in_channels of the first layer, H, W. */
typedef struct mv_net_shape {
    uint32_t batch, height, width;
} mv_net_shape;

typedef struct mv_net_opts {
    unsigned threads;    /* that one call may use, 1.. ; the same number gives the same floats */
    bool training;       /* keep what backward needs; inference nets reuse two buffers throughout */
    bool input_gradient; /* training: backward also gives dx */
    bool bf16;           /* multiply wide layers in bfloat16, accumulate in float32, where the table
                            and the processor can (mv_tensor_has_bf16); else float32 */
    bool own_order; /* training: weights for mv_net_load and gradients of mv_net_backward lie in
                       the order that suits the kernels, as mv_net_order says */
} mv_net_opts;

static inline mv_net_opts mv_net_defaults(void)
{
    const mv_net_opts opts = {.threads = 1};
    return opts;
}

typedef struct mv_net mv_net;
typedef struct mv_tensor_kernels mv_tensor_kernels;

extern const mv_tensor_kernels mv_tensor_portable;
extern const mv_tensor_kernels mv_tensor_onednn;

const char *mv_tensor_name(const mv_tensor_kernels *table);   /* "portable", "onednn" */
const mv_tensor_kernels *mv_tensor_best(void);                /* portable if MV_CPU_MASK says so */
const mv_tensor_kernels *mv_tensor_by_name(const char *name); /* NULL when there is none */
bool mv_tensor_has_bf16(const mv_tensor_kernels *table);

/* mv_net_new: owner: the caller frees with mv_net_free. The layers are copied.
 * errors: MV_E_ARGUMENT (lists that do not fit together), MV_E_LIMIT, MV_E_MEMORY */
MV_MUST_CHECK mv_status mv_net_new(mv_net **out, const mv_tensor_kernels *table,
                                   const mv_nn_layer *layer, size_t count,
                                   const mv_net_shape *shape, const mv_net_opts *opts,
                                   mv_error *err);
void mv_net_free(mv_net **net); /* NULL allowed; leaves NULL; buffers are wiped */

size_t mv_net_in_count(const mv_net *net);     /* floats of x = B*C*H*W */
size_t mv_net_out_count(const mv_net *net);    /* floats of y */
size_t mv_net_weight_count(const mv_net *net); /* floats of weights */
uint64_t mv_net_macs(const mv_net *net);       /* multiply-adds of one forward call */

/* mv_net_order: own[k] = plain[order[k]] for the weights of a net with own_order; each layer keeps
 * its range, its bias at the end. NULL: plain order. Borrowed from the net. */
const uint32_t *mv_net_order(const mv_net *net);

/* mv_net_load: take weights (copied into the kernels' layout); before the first forward, and again
 * after each change. */
MV_MUST_CHECK mv_status mv_net_load(mv_net *net, const float *weights, mv_error *err);

/* mv_net_forward: y = net(x). x and y do not overlap; before a backward call x stays as it is. */
MV_MUST_CHECK mv_status mv_net_forward(mv_net *net, float *y, const float *x, mv_error *err);

/* mv_net_backward: after a forward on a training net, from dy = dL/dy:
 *     dweights = dL/dweights (overwritten; 0 where a layer stays as it is), dx = dL/dx (with
 * input_gradient; else untouched, may be NULL). errors: MV_E_UNSUPPORTED on an inference net */
MV_MUST_CHECK mv_status mv_net_backward(mv_net *net, float *dx, float *dweights, const float *dy,
                                        mv_error *err);

/* mv_net_convolutions: of a forward and a backward call the convolutions alone (3x3, and Dense), on
 * what the tensors hold after a forward call, whose x is still there: what a training step cannot
 * be faster than; for the bench. dweights is overwritten.
 * errors: MV_E_UNSUPPORTED on an inference net, or by the portable table */
MV_MUST_CHECK mv_status mv_net_convolutions(mv_net *net, float *dweights, mv_error *err);

#endif
