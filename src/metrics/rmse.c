/* SPDX-License-Identifier: Apache-2.0
 *
 * rmse.c: mean squared error and its root, the paper's equation (18).
 */
#include "image/samples.h"
#include "metrics/metrics_internal.h"

#include <math.h>

double mv_mse_plane(const float *x, const float *y, size_t count)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++) {
        const double d = (double)x[i] - (double)y[i];
        sum += d * d;
    }
    return count == 0 ? 0 : sum / (double)count;
}

void mv_rmse_images(double *rmse, double *max_abs_error, const mv_image *x, const mv_image *y,
                    double max)
{
    enum { RUN = 256 };
    double a[RUN], b[RUN];
    double sum = 0, largest = 0;
    const size_t count = mv_image_sample_count(x);
    for (size_t k = 0; k < count; k += RUN) {
        const size_t n = count - k < RUN ? count - k : RUN;
        double part = 0; /* summed by runs, so that the rounding error stays small */
        mv_samples_read(a, x, k, 1, n);
        mv_samples_read(b, y, k, 1, n);
        for (size_t i = 0; i < n; i++) {
            const double d = fabs(a[i] - b[i]);
            largest = d > largest ? d : largest;
            part += (d / max) * (d / max);
        }
        sum += part;
    }
    *rmse = sqrt(sum / (double)count);
    *max_abs_error = largest;
}
