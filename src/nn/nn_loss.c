/* SPDX-License-Identifier: Apache-2.0
 *
 * nn_loss.c: mean squared error and its logarithm, with their gradients.
 */
#include "nn/nn_loss.h"

#include <math.h>

double mv_loss(float *dy, const float *y, const float *target, size_t batch, size_t n,
               mv_loss_kind kind, double c)
{
    double loss = 0;
    for (size_t b = 0; b < batch; b++, y += n, target += n, dy += n) {
        double sum = 0;
        for (size_t k = 0; k < n; k++) {
            const double d = (double)y[k] - (double)target[k];
            sum += d * d;
        }
        const double e = sum / (double)n;
        /* dL/de_b, times de_b/dy = 2 (y - t) / n */
        const double slope = kind == MV_LOSS_LOG_MSE ? 1 / (e + c) : 1;
        const float scale = (float)(2 * slope / ((double)n * (double)batch));
        for (size_t k = 0; k < n; k++) {
            dy[k] = scale * (y[k] - target[k]);
        }
        loss += kind == MV_LOSS_LOG_MSE ? log(e + c) : e;
    }
    return loss / (double)batch;
}
