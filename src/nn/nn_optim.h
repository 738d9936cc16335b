/* SPDX-License-Identifier: Apache-2.0
 *
 * nn_optim.h: from a gradient g to new weights w.
 *
 *     SGD    m = 0.9 m + g;                       w -= rate m                           paper (6)
 *     Adam   m = 0.9 m + 0.1 g;  v = 0.999 v + 0.001 g^2;                             [KiBa15]
 *            w -= rate * m / (1 - 0.9^t) / (sqrt(v / (1 - 0.999^t)) + 1e-8)
 */
#ifndef MV_NN_OPTIM_H
#define MV_NN_OPTIM_H

#include <stddef.h>
#include <stdint.h>

typedef enum mv_optim_kind { MV_OPTIM_ADAM, MV_OPTIM_SGD } mv_optim_kind;

/* mv_gradient_join: g (parts, count) -> the mean over the parts in the first, scaled so that its
 * Euclidean length is at most max (0: no limit); gives the length before. */
double mv_gradient_join(float *g, size_t count, size_t parts, double max);

/* mv_gradient_clip: the same for one part. */
double mv_gradient_clip(float *g, size_t count, double max);

/* mv_optim_step: step t = 1, 2, .. ; m and v start at zero (SGD leaves v alone). */
void mv_optim_step(mv_optim_kind kind, float *w, float *m, float *v, const float *g, size_t count,
                   double rate, uint64_t t);

/* mv_rate_at: rate for progress f in [0,1]: linear warm-up over the first part, then a cosine from
 * peak down to floor. */
double mv_rate_at(double f, double peak, double floor, double warm_up);

#endif
