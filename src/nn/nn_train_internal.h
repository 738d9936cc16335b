/* SPDX-License-Identifier: Apache-2.0
 *
 * nn_train_internal.h: a trainer's state, shared by its three files: nn_train.c (steps), and
 * nn_checkpoint.c (saving and restoring it), nn_validate.c (measuring whole images).
 */
#ifndef MV_NN_TRAIN_INTERNAL_H
#define MV_NN_TRAIN_INTERNAL_H

#include "nn/nn_gan.h"
#include "nn/nn_train.h"

enum { CURVE_MAX = 4096, WORKERS_MAX = 64 };

/* The state that a checkpoint holds. */
typedef struct mv_train_state {
    uint64_t step;
    double seconds, loss_mean;
    uint64_t stale; /* validations since the best one */
    double best_db; /* -1 before the first validation */
    mv_rand rand;
    float *weights, *m, *v, *best; /* weight_count floats each; the first three see ordered */
    mv_gan_state critic;           /* count 0: there is none */
    mv_train_point *curve;
    size_t curve_count;
} mv_train_state;

/* What one thread needs; a net serves one thread at a time. */
typedef struct mv_train_worker {
    mv_net *encoder, *decoder;             /* training nets for one part of a batch */
    mv_gan_part *critic;                   /* with an adversary */
    mv_net *whole_encoder, *whole_decoder; /* inference nets for one whole image */
    float *image, *feature, *output;       /* one whole image */
    uint64_t loaded;                       /* 1 + step of the weights in the training nets */
    mv_error err;
} mv_train_worker;

/* A batch is computed in equal parts, small enough for the cache, by whichever thread is free; the
 * parts' gradients are added in order. So the threads do not change the result. */
struct mv_trainer {
    const mv_nn_graph *graph;
    const mv_train_data *data;
    mv_train_opts opts;
    size_t weight_count;
    uint8_t fingerprint[32];
    mv_train_state state;
    bool nets_made, bf16; /* bf16: what the training nets were made with */
    bool ordered;         /* weights and moments lie as mv_net_order of the training nets says */
    uint32_t part, parts; /* patches in a part, parts in a batch */
    float *image, *output, *d_output;   /* a batch: (B,3,P,P) */
    float *feature, *d_feature, *noise; /* a batch: (B,F,P/s,P/s) */
    float *gradient;                    /* (parts, weight_count); the mean ends in the first */
    double *part_loss;                  /* (parts) */
    float *critic_gradient;             /* (parts, critic's weights) */
    double *critic_loss;                /* (parts) */
    float step[MV_NET_CHANNELS_MAX];    /* between the levels of each feature channel */
    double *measured;                   /* PSNR of each image of the set being validated */
    const mv_train_images *measuring;   /* that set, of which measure_count images are measured */
    size_t measure_count;
    mv_train_worker worker[WORKERS_MAX];
    float *block; /* one allocation for all floats above */
};

/* mv_train_fingerprint: 32 bytes that change with anything that must be equal on resume. */
void mv_train_fingerprint(uint8_t out[32], const mv_trainer *trainer);

/* mv_train_parallel: item(t, worker, i) for 0 <= i < count on the trainer's threads; the failed
 * worker's sentence goes to err. */
MV_MUST_CHECK mv_status mv_train_parallel(mv_trainer *trainer, size_t count,
                                          mv_status (*item)(void *t, unsigned worker, size_t i),
                                          mv_error *err);

/* mv_trainer_settle: weights and moments in plain order, until the next step. */
void mv_trainer_settle(mv_trainer *trainer);

double mv_trainer_rate(const mv_trainer *trainer); /* learning rate of the next step */

/* mv_train_curve_write: path.csv and path.svg, atomically. */
MV_MUST_CHECK mv_status mv_train_curve_write(const mv_trainer *trainer, const char *path,
                                             mv_error *err);

#endif
