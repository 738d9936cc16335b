/* SPDX-License-Identifier: Apache-2.0
 *
 * veil_train.h: training the networks of the bands (veil_bands.h).
 *
 * A step takes a few pictures, one data set after another, each flipped or turned, lapped or not,
 * quantised with a step drawn from a wide range: one model learns all rates. The loss is the mean
 * of the bits that its coefficients cost under the networks' distributions (spread_loss.h). Now and
 * then whole validation pictures are counted as they would be coded, with the integer networks.
 *
 * Everything random comes from one seeded stream, so the same pictures and options give the same
 * networks on any number of threads, also after an interruption: the state is kept in a file.
 */
#ifndef MV_CODEC_VEIL_TRAIN_H
#define MV_CODEC_VEIL_TRAIN_H

#include "codec/veil_transform.h"
#include "nn/nn_small.h"
#include "nn/nn_train.h"

/* One line of the curve. */
typedef struct mv_veil_point {
    uint64_t step;
    double seconds; /* over all runs */
    double rate;
    double loss;                    /* bits of a coefficient; running mean over about 100 steps */
    double bits[MV_TRAIN_SETS_MAX]; /* of a pixel on validation pictures; 0: there are none */
    double score;                   /* mean over the sets that have any */
} mv_veil_point;

typedef struct mv_veil_train_opts {
    uint64_t steps, seed;
    uint32_t batch; /* pictures a step */
    unsigned threads;
    double rate; /* peak learning rate; a cosine leads from there to a hundredth */
    uint64_t validate_every;
    size_t validate_images;   /* of each set, evenly spread; 0: all */
    const mv_small_net *from; /* (64) networks to start from; NULL: random ones */
    bool resume;              /* go on from the state's file */
    void (*on_point)(void *user, const mv_veil_point *point);
    void *user;
} mv_veil_train_opts;

mv_veil_train_opts mv_veil_train_defaults(void);

/* mv_veil_train: data (scale_count of them): the same sets in several sizes, the first also for
 * validation; sides are at least the first's, from which squares are cut. path: of the state, with
 * path.csv beside it. net: the networks as they are at the end.
 * errors: MV_E_ARGUMENT, MV_E_MEMORY, MV_E_INTERRUPTED (the state is saved), MV_E_RANGE (weights
 * that would break the networks' proof), MV_E_MISMATCH (the state is of other pictures or options),
 * those of files */
MV_MUST_CHECK mv_status mv_veil_train(mv_small_net net[MV_VEIL_BANDS], const mv_train_data *data,
                                      size_t scale_count, const mv_veil_train_opts *opts,
                                      const char *path, mv_progress progress, mv_error *err);

#endif
