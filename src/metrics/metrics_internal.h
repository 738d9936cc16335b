/* SPDX-License-Identifier: Apache-2.0
 *
 * metrics_internal.h: the parts that mv_compare puts together.
 */
#ifndef MV_METRICS_INTERNAL_H
#define MV_METRICS_INTERNAL_H

#include "medveil/metrics.h"

/* Two planes of one size as doubles, row by row: row y of x and y into a and b (width each). */
typedef struct mv_plane_pair {
    void (*row)(double *a, double *b, const void *context, uint32_t y);
    const void *context;
    uint32_t width, height;
} mv_plane_pair;

/* mv_ssim_rows: mean SSIM of the pair, values in [0,1] (max = 1). errors: MV_E_RANGE (a side under
 * MV_SSIM_WINDOW), MV_E_MEMORY */
enum { MV_SSIM_WINDOW = 11 };
MV_MUST_CHECK mv_status mv_ssim_rows(double *out, const mv_plane_pair *pair);

/* mv_rmse_images: root of the mean squared difference of samples divided by max, and the largest
 * difference in stored units. x and y have one shape and type. max > 0. */
void mv_rmse_images(double *rmse, double *max_abs_error, const mv_image *x, const mv_image *y,
                    double max);

/* mv_psnr_db: equation (17) from the RMSE of equation (18), both with max = 1; rmse > 0. */
double mv_psnr_db(double rmse);

#endif
