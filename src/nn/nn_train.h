/* SPDX-License-Identifier: Apache-2.0
 *
 * nn_train.h: training an autoencoder on gray images.
 *
 * A step takes a batch of random patches, one data set after another with equal probability, and
 * runs encoder, noise in place of rounding (uniform +-1/2 of the last feature bit) or rounding
 * itself, decoder, loss, and back. Now and then whole validation images are measured as a user
 * would: features really rounded, output rounded to 8 bits, PSNR per image. The best weights seen
 * there are kept.
 *
 *     mv_train_opts opts = mv_train_defaults();
 *     MV_TRY(mv_trainer_new(&t, graph, &data, &opts, err));
 *     MV_TRY(mv_train_run(t, "cnn.ckpt", progress, err));
 *     weights = mv_trainer_best(t);
 *
 * Everything random comes from one seeded stream kept in the checkpoint: the same data, options
 * (with steps, not minutes) and MV_CPU_MASK give the same weights on any number of threads, also
 * after kill -9 and resume. A trainer belongs to one thread at a time.
 */
#ifndef MV_NN_TRAIN_H
#define MV_NN_TRAIN_H

#include "nn/nn_augment.h"
#include "nn/nn_graph.h"
#include "nn/nn_loss.h"
#include "nn/nn_optim.h"
#include "tensor/tensor.h"

#define MV_TRAIN_SETS_MAX 8

/* Gray images of one size, 8 bits, count x height x width bytes. Borrowed by the trainer. */
typedef struct mv_train_images {
    const uint8_t *pixel;
    size_t count;
} mv_train_images;

typedef struct mv_train_set {
    const char *name;
    mv_train_images train, validation; /* validation may be empty */
} mv_train_set;

typedef struct mv_train_data {
    uint32_t width, height;
    mv_train_set set[MV_TRAIN_SETS_MAX];
    size_t set_count;
} mv_train_data;

/* One line of the curve. */
typedef struct mv_train_point {
    uint64_t step;
    double seconds; /* spent training and validating, over all runs */
    double rate;
    double loss;                       /* running mean over about 50 steps */
    double psnr_db[MV_TRAIN_SETS_MAX]; /* mean over validation images; 0 for a set without */
    double score_db;                   /* mean over the sets that have any */
} mv_train_point;

typedef struct mv_train_opts {
    const mv_tensor_kernels *table;
    unsigned threads;
    uint64_t steps; /* all steps of the run; 0: go by minutes */
    double minutes; /* all minutes of the run, when steps is 0 */
    uint64_t seed;
    uint32_t batch, patch; /* patches a step, pixels a side (a multiple of the graph's scale) */
    uint32_t feature_bits;
    mv_optim_kind optimizer;
    double rate, rate_floor, warm_up; /* peak, end, part of the run */
    double clip;                      /* gradient length; 0: none */
    mv_loss_kind loss;
    double loss_constant;
    double round_part;     /* of the patches whose features are really rounded, the gradient passing
                              as if they were not; the others get noise */
    double adversary;      /* weight of what a critic says (nn_gan.h), gray images only; 0: none */
    double adversary_rate; /* its peak learning rate */
    double bf16_until;     /* part of the run in bfloat16 where the table has it; 0: never */
    mv_augment augment;
    uint64_t validate_every; /* steps */
    size_t validate_images;  /* of each set, evenly spread; 0: all */
    uint64_t patience;       /* validations without gain before stopping early; 0: never */
    double checkpoint_s;     /* seconds between checkpoints, beside one after each validation */
    bool resume;             /* mv_train_run goes on from its checkpoint */
    /* Called after each validation and once at the start of each arithmetic ("bf16", "f32"). */
    void (*on_point)(void *user, const mv_train_point *point);
    void (*on_phase)(void *user, const char *arithmetic, uint64_t step);
    void *user;
} mv_train_opts;

mv_train_opts mv_train_defaults(void);

typedef struct mv_trainer mv_trainer;

/* mv_trainer_new: graph and data must outlive it. owner: free with mv_trainer_free.
 * errors: MV_E_ARGUMENT (no images, sizes that do not fit), MV_E_MEMORY */
MV_MUST_CHECK mv_status mv_trainer_new(mv_trainer **out, const mv_nn_graph *graph,
                                       const mv_train_data *data, const mv_train_opts *opts,
                                       mv_error *err);
void mv_trainer_free(mv_trainer **trainer);

/* mv_trainer_start_from: weights to start from in place of those drawn; before the first step. */
void mv_trainer_start_from(mv_trainer *trainer, const float *weights);

/* mv_trainer_step: one batch. errors: MV_E_RANGE when the loss is not a number */
MV_MUST_CHECK mv_status mv_trainer_step(mv_trainer *trainer, double *loss, mv_error *err);

/* mv_trainer_validate: add a point to the curve with the present weights; keeps them if best.
 * errors: MV_E_MEMORY, MV_E_INTERRUPTED by progress */
MV_MUST_CHECK mv_status mv_trainer_validate(mv_trainer *trainer, mv_train_point *point,
                                            mv_progress progress, mv_error *err);

/* mv_trainer_save / _restore: the whole state, written atomically. errors of restore:
 * MV_E_NOT_FOUND, MV_E_FORMAT, MV_E_MISMATCH (made with other data, network or options) */
MV_MUST_CHECK mv_status mv_trainer_save(mv_trainer *trainer, const char *path, mv_error *err);
MV_MUST_CHECK mv_status mv_trainer_restore(mv_trainer *trainer, const char *path, mv_error *err);

/* mv_train_run: steps, validations and checkpoints until the end; the curve stands beside the
 * checkpoint as path.csv and path.svg. On MV_E_INTERRUPTED the checkpoint is up to date. */
MV_MUST_CHECK mv_status mv_train_run(mv_trainer *trainer, const char *path, mv_progress progress,
                                     mv_error *err);

uint64_t mv_trainer_steps_done(const mv_trainer *trainer);
const float *mv_trainer_weights(mv_trainer *trainer); /* as they are now; until the next step */
const float *mv_trainer_best(mv_trainer *trainer);    /* best on validation, else now */
const mv_train_point *mv_trainer_curve(const mv_trainer *trainer, size_t *count);

#endif
