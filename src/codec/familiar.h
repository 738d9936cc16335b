/* SPDX-License-Identifier: Apache-2.0
 *
 * familiar.h: whether a picture is like those that the shipped networks of compact mode were
 * trained on.
 *
 * A picture is put into 30 numbers: how large its 8x8 frequencies are, in the mean and in the mean
 * square, for each of 14 diagonals of the block, and how bright its blocks are and how unlike each
 * other. For each kind of training picture there is an ellipsoid around the numbers of its images;
 * how far outside the nearest one a picture lies is the verdict. Numbers are taken of the samples
 * stretched to their range, before any quantiser, so that the verdict is the same at every quality.
 * Everything is whole numbers but the last square root: the same on every machine.
 */
#ifndef MV_CODEC_FAMILIAR_H
#define MV_CODEC_FAMILIAR_H

#include "medveil/image.h"

#include <stdbool.h>

enum {
    MV_FAMILIAR_DIAGONALS = 14,
    MV_FAMILIAR_STATS = 2 * MV_FAMILIAR_DIAGONALS + 2,
    MV_FAMILIAR_TRIANGLE = MV_FAMILIAR_STATS * (MV_FAMILIAR_STATS + 1) / 2,
    MV_FAMILIAR_KINDS = 3,
    MV_FAMILIAR_ONE = 1 << 20, /* 1.0 in an edge of an ellipsoid */
    MV_FAMILIAR_FEW = 256,     /* blocks */
    MV_FAMILIAR_BLOCKS = 640   /* of a picture, evenly spread, if it has more */
};

/* One kind: |L (stats - mean)| <= 1 inside. L is lower triangular, row by row, in units of
 * 1/MV_FAMILIAR_ONE, |.| < 2^24. */
typedef struct mv_familiar_kind {
    int16_t mean[MV_FAMILIAR_STATS];
    int32_t edge[MV_FAMILIAR_TRIANGLE];
} mv_familiar_kind;

/* Made by bench/train_familiar.c; networks: the hash of those that saw these pictures begins so. */
extern const mv_familiar_kind mv_familiar_table[MV_FAMILIAR_KINDS];
extern const uint8_t mv_familiar_networks[4];

/* mv_familiar_stats: *enough is false, and stats are 0, where there is too little to tell by: one
 * colour, or fewer than MV_FAMILIAR_FEW blocks. errors: MV_E_RANGE (a
 * sample is not finite), MV_E_MEMORY */
MV_MUST_CHECK mv_status mv_familiar_stats(int32_t stats[MV_FAMILIAR_STATS], bool *enough,
                                          const mv_image *image);

/* mv_familiar_distance: from the nearest of count kinds: 0 in its middle, above 1 outside. */
double mv_familiar_distance(const int32_t stats[MV_FAMILIAR_STATS], const mv_familiar_kind *kind,
                            size_t count);

#endif
