/* SPDX-License-Identifier: Apache-2.0
 *
 * nn_optim.c: gradient clipping, SGD with momentum, Adam, the learning rate's course.
 */
#include "nn/nn_optim.h"

#include <math.h>

enum { LANES = 8, BLOCK = 1024 }; /* running sums that wait for no other; numbers in the cache */

/* The squares of g, of which there are a multiple of LANES or the last few, added to the sums. */
static void add_squares(double sum[LANES], const float *g, size_t count)
{
    size_t k = 0;
    for (; k + LANES <= count; k += LANES) {
        for (size_t i = 0; i < LANES; i++) {
            sum[i] += (double)g[k + i] * (double)g[k + i];
        }
    }
    for (; k < count; k++) {
        sum[0] += (double)g[k] * (double)g[k];
    }
}

static void join_block(float *g, size_t n, size_t count, size_t parts)
{
    for (size_t p = 1; p < parts; p++) {
        const float *other = g + p * count;
        for (size_t k = 0; k < n; k++) {
            g[k] += other[k];
        }
    }
    const float share = 1 / (float)parts;
    for (size_t k = 0; k < n && parts > 1; k++) {
        g[k] *= share;
    }
}

/* Weights are many: the gradient is read once for mean and length. */
double mv_gradient_join(float *g, size_t count, size_t parts, double max)
{
    double sum[LANES] = {0}, total = 0;
    for (size_t at = 0; at < count; at += BLOCK) {
        const size_t n = count - at < BLOCK ? count - at : BLOCK;
        join_block(g + at, n, count, parts);
        add_squares(sum, g + at, n);
    }
    for (size_t i = 0; i < LANES; i++) {
        total += sum[i];
    }
    const double length = sqrt(total);
    if (max > 0 && length > max) {
        const float scale = (float)(max / length);
        for (size_t k = 0; k < count; k++) {
            g[k] *= scale;
        }
    }
    return length;
}

double mv_gradient_clip(float *g, size_t count, double max)
{
    return mv_gradient_join(g, count, 1, max);
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
