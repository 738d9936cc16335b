/* SPDX-License-Identifier: Apache-2.0
 *
 * nn_optim.c: gradient clipping, SGD with momentum, Adam, the learning rate's course.
 */
#include "nn/nn_optim.h"

#include <math.h>

double mv_gradient_clip(float *g, size_t count, double max)
{
    double sum = 0;
    for (size_t k = 0; k < count; k++) {
        sum += (double)g[k] * (double)g[k];
    }
    const double length = sqrt(sum);
    if (max > 0 && length > max) {
        const float scale = (float)(max / length);
        for (size_t k = 0; k < count; k++) {
            g[k] *= scale;
        }
    }
    return length;
}

static void adam(float *w, float *m, float *v, const float *g, size_t count, double rate,
                 uint64_t t)
{
    const float step = (float)(rate / (1 - pow(0.9, (double)t)));
    const float scale = (float)(1 / (1 - pow(0.999, (double)t)));
    for (size_t k = 0; k < count; k++) {
        m[k] = 0.9F * m[k] + 0.1F * g[k];
        v[k] = 0.999F * v[k] + 0.001F * g[k] * g[k];
        w[k] -= step * m[k] / (sqrtf(v[k] * scale) + 1e-8F);
    }
}

void mv_optim_step(mv_optim_kind kind, float *w, float *m, float *v, const float *g, size_t count,
                   double rate, uint64_t t)
{
    if (kind == MV_OPTIM_ADAM) {
        adam(w, m, v, g, count, rate, t);
        return;
    }
    for (size_t k = 0; k < count; k++) {
        m[k] = 0.9F * m[k] + g[k];
        w[k] -= (float)rate * m[k];
    }
}

double mv_rate_at(double f, double peak, double floor, double warm_up)
{
    const double pi = 3.14159265358979323846;
    const double ramp = f < warm_up ? (f + 1e-3) / (warm_up + 1e-3) : 1;
    return ramp * (floor + (peak - floor) * 0.5 * (1 + cos(pi * (f < 1 ? f : 1))));
}
