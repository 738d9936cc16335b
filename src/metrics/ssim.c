/* SPDX-License-Identifier: Apache-2.0
 *
 * ssim.c: structural similarity, the paper's equation (19).                         [WBSS04]
 *
 *     SSIM = (2 mx my + C1)(2 cxy + C2) / ((mx^2 + my^2 + C1)(vx + vy + C2))
 *
 * with mean, variance and covariance under an 11x11 Gaussian window of sigma 1.5 (population
 * moments), over every position where the window lies inside, then the mean. The window is
 * separable: each row is filtered across once, and the last eleven filtered rows are kept.
 */
#include "base/secret.h"
#include "base/status.h"
#include "metrics/metrics_internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { WINDOW = MV_SSIM_WINDOW, MAPS = 5 /* x, y, xx, yy, xy */ };

static void gaussian(double weight[WINDOW])
{
    const double sigma = 1.5;
    double sum = 0;
    for (int i = 0; i < WINDOW; i++) {
        const double d = i - WINDOW / 2;
        weight[i] = exp(-d * d / (2 * sigma * sigma));
        sum += weight[i];
    }
    for (int i = 0; i < WINDOW; i++) {
        weight[i] /= sum;
    }
}

/* The five maps of one row, filtered across: map m at out[m * count + i], i < count =
 * width - 10. */
static void filter_across(double *restrict out, const double *restrict a, const double *restrict b,
                          size_t count, const double weight[WINDOW])
{
    for (size_t i = 0; i < count; i++) {
        double x = 0, y = 0, xx = 0, yy = 0, xy = 0;
        for (size_t k = 0; k < WINDOW; k++) {
            const double wx = weight[k] * a[i + k], wy = weight[k] * b[i + k];
            x += wx;
            y += wy;
            xx += wx * a[i + k];
            yy += wy * b[i + k];
            xy += wx * b[i + k];
        }
        out[i] = x;
        out[count + i] = y;
        out[2 * count + i] = xx;
        out[3 * count + i] = yy;
        out[4 * count + i] = xy;
    }
}

/* sum[0 .. MAPS * count) = the eleven kept rows under the window; row y is in ring[y mod 11]. */
static void filter_down(double *restrict sum, const double *restrict ring, size_t count,
                        uint32_t last_row, const double weight[WINDOW])
{
    const size_t row = MAPS * count;
    memset(sum, 0, row * sizeof *sum);
    for (uint32_t k = 0; k < WINDOW; k++) {
        const double *from = ring + (last_row - (WINDOW - 1) + k) % WINDOW * row;
        for (size_t i = 0; i < row; i++) {
            sum[i] += weight[k] * from[i];
        }
    }
}

/* Sum of SSIM over one row of positions. */
static double ssim_sum(const double *map, size_t count)
{
    const double c1 = 0.01 * 0.01, c2 = 0.03 * 0.03;
    double sum = 0;
    for (size_t i = 0; i < count; i++) {
        const double mx = map[i], my = map[count + i];
        const double vx = map[2 * count + i] - mx * mx;
        const double vy = map[3 * count + i] - my * my;
        const double cxy = map[4 * count + i] - mx * my;
        sum += (2 * mx * my + c1) * (2 * cxy + c2) / ((mx * mx + my * my + c1) * (vx + vy + c2));
    }
    return sum;
}

mv_status mv_ssim_rows(double *out, const mv_plane_pair *pair)
{
    double weight[WINDOW];
    double total = 0;
    if (pair->width < WINDOW || pair->height < WINDOW) {
        return MV_E_RANGE;
    }
    const size_t count = pair->width - (WINDOW - 1);
    const size_t row = MAPS * count;
    /* two input rows, the ring of filtered rows, their weighted sum */
    const size_t room = 2 * (size_t)pair->width + (WINDOW + 1) * row;
    double *a = malloc(room * sizeof *a);
    if (a == NULL) {
        return MV_E_MEMORY;
    }
    double *b = a + pair->width, *ring = b + pair->width, *sum = ring + WINDOW * row;

    gaussian(weight);
    for (uint32_t y = 0; y < pair->height; y++) {
        pair->row(a, b, pair->context, y);
        filter_across(ring + y % WINDOW * row, a, b, count, weight);
        if (y >= WINDOW - 1) {
            filter_down(sum, ring, count, y, weight);
            total += ssim_sum(sum, count);
        }
    }
    *out = total / ((double)count * (pair->height - (WINDOW - 1)));
    mv_wipe(a, room * sizeof *a);
    free(a);
    return MV_OK;
}

typedef struct float_planes {
    const float *x, *y;
    uint32_t width;
} float_planes;

static void float_row(double *a, double *b, const void *context, uint32_t y)
{
    const float_planes *planes = context;
    const size_t first = (size_t)y * planes->width;
    for (uint32_t i = 0; i < planes->width; i++) {
        a[i] = (double)planes->x[first + i];
        b[i] = (double)planes->y[first + i];
    }
}

mv_status mv_ssim_plane(double *out, const float *x, const float *y, uint32_t width,
                        uint32_t height)
{
    const float_planes planes = {x, y, width};
    const mv_plane_pair pair = {float_row, &planes, width, height};
    return mv_ssim_rows(out, &pair);
}
