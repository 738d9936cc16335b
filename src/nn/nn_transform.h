/* SPDX-License-Identifier: Apache-2.0
 *
 * nn_transform.h: a block transform as the start of a network.
 *
 * A block of 8x8 pixels x becomes 64 coefficients of the orthonormal DCT-II [Ahm74], each measured
 * in units of its *bend* s, compressed by asinh and stretched to the features' 0..1:
 *     a = asinh(dct(x - 1/2)[c] / s[c]);     feature = centre[c] + gain[c] a
 * and back. Small coefficients are kept finely, rare large ones coarsely: a quantiser with few bits
 * loses far less than with equal steps. The average (c = 0) is kept almost linear. The span is the
 * largest coefficient that a feature can hold. Coefficient 0 lies on a level of its field.
 */
#ifndef MV_NN_TRANSFORM_H
#define MV_NN_TRANSFORM_H

#include "base/rng.h"
#include "nn/nn_graph.h"

enum { MV_TRANSFORM_SIZE = 64 };

typedef struct mv_transform {
    double bend[MV_TRANSFORM_SIZE], span[MV_TRANSFORM_SIZE]; /* of pixels in [0,1] */
} mv_transform;

mv_transform mv_transform_defaults(void); /* spans that hold any block */

/* Some training images; count x height x width bytes, as in nn_train.h. */
typedef struct mv_transform_images {
    const uint8_t *pixel;
    size_t count;
} mv_transform_images;

/* mv_transform_fit: bends and spans with the least quantisation error on blocks of these images,
 * drawn with rand: as many from each of up to 8 sets, which gain alike in decibels.
 * errors: MV_E_MEMORY */
MV_MUST_CHECK mv_status mv_transform_fit(mv_transform *out, const mv_nn_graph *graph,
                                         const mv_transform_images *set, size_t sets, size_t height,
                                         size_t width, mv_rand *rand);

bool mv_transform_used(const mv_nn_graph *graph); /* whether any layer starts as one */

/* mv_transform_start: write the layers of graph that start as a transform; others are untouched. */
void mv_transform_start(float *weights, const mv_nn_graph *graph, const mv_transform *transform);

#endif
