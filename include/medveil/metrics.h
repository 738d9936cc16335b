/* SPDX-License-Identifier: Apache-2.0
 *
 * metrics.h: how near two images are, by the definitions of the paper's equations (17)-(19).
 *
 * max = 2^bits - 1 of the reference. RMSE is of samples divided by max (0..1); PSNR in dB follows
 * from it and is absent when the images are identical, so the two can never disagree. SSIM: 11x11
 * Gaussian window, sigma 1.5, valid region, population moments, C1 = (0.01 max)^2,
 * C2 = (0.03 max)^2, mean over pixels, channels and slices; sides under 11 are refused.
 */
#ifndef MEDVEIL_METRICS_H
#define MEDVEIL_METRICS_H

#include "medveil/image.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct mv_comparison {
    double psnr_db;            /* meaningless when identical */
    double rmse;               /* 0..1 */
    double ssim;               /* -1..1 */
    double max_abs_error;      /* in stored units */
    double max;                /* 2^bits - 1; for floats the reference's range */
    double histogram_distance; /* half the L1 distance of the two 256-bin histograms, 0..1 */
    bool identical;
} mv_comparison;

/* mv_compare: errors: MV_E_MISMATCH (shape or type differ), MV_E_RANGE (a side under 11). */
MV_API MV_MUST_CHECK mv_status mv_compare(mv_comparison *out, const mv_image *reference,
                                          const mv_image *image, mv_error *err);

/* The same on planes of floats in [0,1], max = 1: x and y (height, width) dense.
 * mv_ssim_plane needs sides of at least 11; errors: MV_E_RANGE, MV_E_MEMORY */
MV_API double mv_mse_plane(const float *x, const float *y, size_t count);
MV_API MV_MUST_CHECK mv_status mv_ssim_plane(double *out, const float *x, const float *y,
                                             uint32_t width, uint32_t height);

/* mv_histogram: counts of 256 equal bins over [lo, hi] of every sample; hi <= lo puts all in 0. */
MV_API void mv_histogram(uint64_t bin[256], const mv_image *image, double lo, double hi);
MV_API void mv_histogram_bytes(uint64_t bin[256], const uint8_t *bytes, size_t len);
MV_API double mv_histogram_distance(const uint64_t a[256], const uint64_t b[256]);

/* mv_average_precision: equation (20) for one query or class: sum over the distinct scores, from
 * the highest, of (recall gained there) x (precision so far); equal scores count as one step. MAP
 * is the mean over classes (classification) or over queries (retrieval). errors: MV_E_RANGE
 * (nothing is relevant, or a score is not a number), MV_E_MEMORY; *out is 0 */
MV_API MV_MUST_CHECK mv_status mv_average_precision(double *out, const double *score,
                                                    const uint8_t *relevant, size_t count);

/* Statistics of ciphertext bytes, which readers of image encryption expect. Any sound randomised
 * encryption makes them ideal; they are no evidence of security. */
MV_API double mv_bytes_entropy(const uint8_t *bytes, size_t len); /* bits in a byte, 0..8 */
/* Sum over the 256 values of (count - len/256)^2 / (len/256): mean 255, deviation 22.6 for noise.
 */
MV_API double mv_bytes_chi_square(const uint8_t *bytes, size_t len);
/* Pearson's correlation of bytes lag apart; 0 when one side is constant or there are none. */
MV_API double mv_bytes_correlation(const uint8_t *bytes, size_t len, size_t lag);
/* NPCR: part of the places where two strings differ (noise: 255/256). UACI: mean absolute
 * difference over 255 (noise: 257/768). */
MV_API double mv_bytes_npcr(const uint8_t *a, const uint8_t *b, size_t len);
MV_API double mv_bytes_uaci(const uint8_t *a, const uint8_t *b, size_t len);

#ifdef __cplusplus
}
#endif
#endif
