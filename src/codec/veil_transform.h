/* SPDX-License-Identifier: Apache-2.0
 *
 * veil_transform.h: from pixels to 64 bands of frequencies and back, in whole numbers.
 *
 * Blocks of 8x8 under the orthonormal DCT, after a lapped filter that turns the 8 samples across
 * each block boundary (time-domain lapped transform, [Tran03]): both matrices are orthogonal, in
 * units of 2^-20, and sums of products are rounded after each pass. Coefficients are in units of
 * 1/64, so that forward and inverse differ from the identity by rounding only, far below one grey
 * level; the inverse is the same on every machine.
 */
#ifndef MV_CODEC_VEIL_TRANSFORM_H
#define MV_CODEC_VEIL_TRANSFORM_H

#include "base/status.h"

#include <stdbool.h>

#define MV_VEIL_BANDS    64
#define MV_VEIL_COEF_ONE 64 /* 1.0 of a coefficient */
#define MV_VEIL_COEF_MAX (1 << 30)

typedef struct mv_veil_grid {
    uint32_t width, height; /* of the plane, 1.. */
    uint32_t columns, rows; /* of blocks: rounded up */
    size_t blocks;          /* columns * rows */
    bool lapped;
} mv_veil_grid;

mv_veil_grid mv_veil_grid_make(uint32_t width, uint32_t height, bool lapped);

/* coef (64,rows,columns), band u * 8 + v: u counts half waves down, v across. pixel (height,width),
 * |.| < 2^18; beyond the picture its edge goes on. errors: MV_E_MEMORY */
MV_MUST_CHECK mv_status mv_veil_forward(int32_t *coef, const int32_t *pixel,
                                        const mv_veil_grid *grid);
/* Any coefficients within +-MV_VEIL_COEF_MAX, where sums on the way are cut, too; pixels rounded.
 * errors: MV_E_MEMORY */
MV_MUST_CHECK mv_status mv_veil_inverse(int32_t *pixel, const int32_t *coef,
                                        const mv_veil_grid *grid);

#endif
