/* SPDX-License-Identifier: Apache-2.0
 *
 * nn_head.h: a small network that says what an image shows, and its training.
 *
 * It reads maps (C,28,28) made from an autoencoder's features, and gives a unit vector of 128
 * reals; a class's score is that vector times the class's row of weights. Position is kept (the
 * last layer reads every place by itself), because organs lie where they lie.
 *
 *     maps - mean, / deviation -> conv 32 -> conv 32 -> pool -> conv 64 -> conv 64 -> pool
 *         -> conv 64 -> 1x1 to 20 -> all 7x7x20 to 128 -> divide by the length
 *
 * Weights are one array: C means, C inverse deviations, the layers in order as in layer.h, and
 * last the rows of the classes (classes, 128).
 */
#ifndef MV_NN_HEAD_H
#define MV_NN_HEAD_H

#include "base/rng.h"
#include "tensor/tensor.h"

#define MV_HEAD_SIDE       28u
#define MV_HEAD_CELLS      (MV_HEAD_SIDE * MV_HEAD_SIDE)
#define MV_HEAD_DIM        128u
#define MV_HEAD_MAPS_MAX   256u
#define MV_HEAD_LABELS_MAX 32u

/* Floats of all weights, and where the rows of the classes start. */
size_t mv_head_weight_count(uint32_t maps, uint32_t classes);
size_t mv_head_class_offset(uint32_t maps);

/* ---- running ---- */

typedef struct mv_head_net mv_head_net; /* one thread at a time */

/* mv_head_net_new: for batches of that size. training: backward works too, and wide layers multiply
 * in bfloat16 where the table and the processor can.
 * errors: MV_E_ARGUMENT, MV_E_MEMORY */
MV_MUST_CHECK mv_status mv_head_net_new(mv_head_net **out, const mv_tensor_kernels *table,
                                        uint32_t maps, uint32_t batch, bool training,
                                        mv_error *err);
void mv_head_net_free(mv_head_net **net);
MV_MUST_CHECK mv_status mv_head_net_load(mv_head_net *net, const float *weights, mv_error *err);

/* mv_head_net_forward: unit (B,128) from x (B,C,28,28). A vector of length 0 becomes 0. */
MV_MUST_CHECK mv_status mv_head_net_forward(mv_head_net *net, float *unit, const float *x,
                                            mv_error *err);

/* mv_head_net_backward: after a forward, from d_unit = dL/dunit: gradient gets dL/dweights of the
 * layers, and 0 for the means and deviations; the classes' rows are left alone. */
MV_MUST_CHECK mv_status mv_head_net_backward(mv_head_net *net, float *gradient, const float *d_unit,
                                             mv_error *err);

/* ---- training ---- */

/* mv_head_loss: softmax cross-entropy of the scores u w_k, with a part `smooth` of the target
 * spread over all classes, plus weight x the supervised contrastive loss [Kho20]: for each i with
 * others P of its class in the batch,
 *     -1/|P| sum over p in P of ln( exp(u_i u_p / T) / sum over a != i of exp(u_i u_a / T) ),
 * each a mean over the batch. d_unit (batch,128) and d_class (classes,128) get the gradients. */
typedef struct mv_head_loss_opts {
    double smooth, temperature, contrast; /* contrast: its weight */
} mv_head_loss_opts;
double mv_head_loss(float *d_unit, float *d_class, const float *unit, const float *class_weight,
                    const uint32_t *label, size_t batch, size_t classes,
                    const mv_head_loss_opts *opts);

typedef struct mv_head_data {
    size_t count;           /* images */
    uint32_t maps, classes; /* classes at most MV_HEAD_LABELS_MAX */
    const uint32_t *label;  /* class of each image */
    const uint32_t *set;    /* set of each class; half of the batches come from one set */
    /* maps (C,28,28) of one version of image i, chosen with rand */
    void (*fetch)(void *user, float *maps, size_t i, mv_rand *rand);
    /* make versions for fetch: before the first step, and in all `rounds` times in a run */
    mv_status (*renew)(void *user);
    uint64_t rounds; /* 0: there is nothing to make */
    void *user;
} mv_head_data;

typedef struct mv_head_train_opts {
    const mv_tensor_kernels *table;
    uint64_t steps, seed;
    uint32_t batch;
    double rate, decay; /* peak learning rate; pull of the weights towards 0 */
    uint32_t shift;     /* augment: by up to so many cells */
    double noise;       /* augment: deviation of noise, in deviations of a map */
    uint32_t hole;      /* augment: side of a square that is blanked; 0: none */
    mv_head_loss_opts loss;
    double average; /* memory of the running mean of the weights that is the result */
    void (*on_loss)(void *user, uint64_t step, double loss); /* every 100 steps */
    /* every check_every steps and after the last: the weights as they would be given back */
    mv_status (*on_check)(void *user, uint64_t step, const float *weights);
    uint64_t check_every; /* 0: never */
    void *user;
} mv_head_train_opts;

mv_head_train_opts mv_head_train_defaults(void);

/* mv_head_train: weights (mv_head_weight_count) from nothing, on one thread; the same data, options
 * and MV_CPU_MASK give the same weights. errors: MV_E_ARGUMENT, MV_E_MEMORY, MV_E_RANGE (the loss
 * is not a number), MV_E_INTERRUPTED */
MV_MUST_CHECK mv_status mv_head_train(float *weights, const mv_head_data *data,
                                      const mv_head_train_opts *opts, mv_progress progress,
                                      mv_error *err);

#endif
