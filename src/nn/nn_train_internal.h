/* SPDX-License-Identifier: Apache-2.0
 *
 * nn_train_internal.h: a trainer's state, shared by its three files: nn_train.c (steps), and
 * nn_checkpoint.c (saving and restoring it), nn_validate.c (measuring whole images).
 */
#ifndef MV_NN_TRAIN_INTERNAL_H
#define MV_NN_TRAIN_INTERNAL_H

#include "nn/nn_train.h"

enum { CURVE_MAX = 4096 };

/* The state that a checkpoint holds. */
typedef struct mv_train_state {
    uint64_t step;
    double seconds, loss_mean;
    uint64_t stale; /* validations since the best one */
    double best_db; /* -1 before the first validation */
    mv_rand rand;
    float *weights, *m, *v, *best; /* weight_count floats each */
    mv_train_point *curve;
    size_t curve_count;
} mv_train_state;

struct mv_trainer {
    const mv_nn_graph *graph;
    const mv_train_data *data;
    mv_train_opts opts;
    size_t weight_count;
    uint8_t fingerprint[32];
    mv_train_state state;
    mv_net *encoder, *decoder;             /* training nets for one batch */
    bool bf16;                             /* what they were made with */
    mv_net *whole_encoder, *whole_decoder; /* inference nets for one whole image */
    float *image, *feature, *output;       /* a batch: (B,3,P,P), (B,F,P/s,P/s), (B,3,P,P) */
    float *d_feature, *d_output, *gradient;
    float *whole_image, *whole_feature, *whole_output;
    float *block; /* one allocation for all floats above */
};

/* mv_train_fingerprint: 32 bytes that change with anything that must be equal on resume. */
void mv_train_fingerprint(uint8_t out[32], const mv_trainer *trainer);

double mv_trainer_rate(const mv_trainer *trainer); /* learning rate of the next step */

/* mv_train_curve_write: path.csv and path.svg, atomically. */
MV_MUST_CHECK mv_status mv_train_curve_write(const mv_trainer *trainer, const char *path,
                                             mv_error *err);

#endif
