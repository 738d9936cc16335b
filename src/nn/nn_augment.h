/* SPDX-License-Identifier: Apache-2.0
 *
 * nn_augment.h: one training patch from an image, changed at random in ways that keep it a
 * plausible medical image (paper, equation 3: rotation and flip, scale, Gaussian noise).
 */
#ifndef MV_NN_AUGMENT_H
#define MV_NN_AUGMENT_H

#include "base/rng.h"

#include <stdbool.h>

typedef struct mv_augment {
    bool flip;        /* one of the 8 flips and rotations by 90 degrees */
    double scale_max; /* sample an area 1/s..s times the patch's side; 1: never */
    double noise;     /* deviation of Gaussian noise is uniform in [0, noise]; 0: none */
    double gamma_max; /* x^g, ln g uniform in +-ln gamma_max; 1: none */
    double invert;    /* probability of 1 - x */
    double contrast;  /* x -> lo + (hi - lo) x with lo, 1 - hi uniform in [0, contrast]; 0: none */
    double apply;     /* probability that a patch gets scale, noise, gamma, invert and contrast */
} mv_augment;

static inline mv_augment mv_augment_defaults(void)
{
    const mv_augment a = {.flip = true, .scale_max = 1, .gamma_max = 1, .apply = 1};
    return a;
}

/* mv_augment_patch: patch (side,side) in [0,1] from a random place of image (height,width) bytes,
 * sides at least side. */
void mv_augment_patch(float *patch, size_t side, const uint8_t *image, size_t height, size_t width,
                      const mv_augment *how, mv_rand *rand);

#endif
