/* SPDX-License-Identifier: Apache-2.0
 *
 * tensor_internal.h: what a kernel table implements. tensor.c has checked shapes and layers before
 * create is called; load, forward and backward are called only as tensor.h allows.
 */
#ifndef MV_TENSOR_TENSOR_INTERNAL_H
#define MV_TENSOR_TENSOR_INTERNAL_H

#include "tensor/tensor.h"
#include "tensor/tensor_plain.h"

struct mv_tensor_kernels {
    const char *name;
    bool (*has_bf16)(void);
    mv_status (*create)(mv_net *net, mv_error *err); /* fills net->own */
    void (*destroy)(mv_net *net);                    /* also after a failed create */
    mv_status (*load)(mv_net *net, const float *weights, mv_error *err);
    mv_status (*forward)(mv_net *net, float *y, const float *x, mv_error *err);
    mv_status (*backward)(mv_net *net, float *dx, float *dweights, const float *dy, mv_error *err);
    mv_status (*convolutions)(mv_net *net, float *dweights, mv_error *err); /* or NULL */
    const uint32_t *(*order)(const mv_net *net); /* or NULL: plain, whatever the options say */
};

struct mv_net {
    const mv_tensor_kernels *table;
    mv_nn_layer layer[MV_NET_LAYERS_MAX];
    size_t count;
    mv_net_shape shape;                       /* of x */
    mv_net_shape at[MV_NET_LAYERS_MAX + 1];   /* of what enters layer i; at[count]: of y */
    uint32_t channels[MV_NET_LAYERS_MAX + 1]; /* the same */
    size_t weight_at[MV_NET_LAYERS_MAX];      /* where layer i's kernel starts */
    mv_net_opts opts;
    size_t in_count, out_count, weight_count;
    void *own; /* the table's */
};

/* Floats of the tensor that enters layer i (i = count: of y). */
size_t mv_net_count_at(const mv_net *net, size_t i);

/* The last layer that reads tensor i: layer i, or a later MV_NN_ADD. */
size_t mv_net_last_use(const mv_net *net, size_t i);

/* Has layer i weights that training changes? */
bool mv_net_learns(const mv_net *net, size_t i);

/* The layer at which a backward pass ends: the first, if the gradient of x is wanted, else the
 * first that learns. */
size_t mv_net_backward_end(const mv_net *net);

/* Does a backward pass need the gradient of the tensor that enters layer i? */
bool mv_net_wants_gradient(const mv_net *net, size_t i);

/* ---- layers that both tables compute alike, on plain (B,C,H,W) tensors (tensor_plain.c) ---- */

/* x (batch,channels,height,width) -> y (batch,64 channels,height/8,width/8), and back. Each is also
 * the other's backward pass; what lies in a partial block gets no gradient. */
void mv_plain_block8(float *y, const float *x, size_t planes, size_t height, size_t width);
void mv_plain_unblock8(float *x, const float *y, size_t planes, size_t height, size_t width);

/* The same, (batch,height/8,width/8,64 channels); at is the shape of x. */
void mv_plain_block8_beside(float *y, const float *x, const mv_net_shape *at, size_t channels);
void mv_plain_unblock8_beside(float *x, const float *y, const mv_net_shape *at, size_t channels);

/* dx = dy times the slope, from the layer's output y: 1/cosh(y), and sqrt(1 + y^2). */
void mv_plain_asinh_backward(float *dx, const float *dy, const float *y, size_t count);
void mv_plain_sinh_backward(float *dx, const float *dy, const float *y, size_t count);

/* a += b, b being bfloat16: the upper halves of floats. */
void mv_plain_add_bf16(float *a, const uint16_t *b, size_t count);

/* (B,C,H,W) -> (W, B*H, C), the order in which an LSTM walks, and back. */
void mv_plain_to_steps(float *steps, const float *x, const mv_net_shape *shape, size_t channels);
void mv_plain_from_steps(float *x, const float *steps, const mv_net_shape *shape, size_t channels);

#endif
