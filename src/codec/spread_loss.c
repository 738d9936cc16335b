/* SPDX-License-Identifier: Apache-2.0
 *
 * spread_loss.c: the cost of a number under a logistic distribution.
 */
#include "codec/spread_loss.h"

#include <math.h>

static double logistic(double z)
{
    return 1 / (1 + exp(-fmin(fmax(z, -40), 40)));
}

double mv_spread_loss(double slope[2], double distance, double log_s)
{
    const double floor = 130.0 / 65536, s = exp2(log_s);
    /* both tails by the nearer one, where differences of F keep their digits */
    const double sign = distance < 0 ? -1 : 1, d = fabs(distance);
    const double near = (0.5 - d) / s, far = (-0.5 - d) / s;
    const double f_near = logistic(near), f_far = logistic(far);
    const double q = (1 - floor) * (f_near - f_far) + floor / 128;
    const double d_near = f_near * (1 - f_near), d_far = f_far * (1 - f_far);
    const double scale = -(1 - floor) / (q * log(2.0));
    /* distance = v - mean: towards the mean the cost falls */
    slope[0] = scale * (d_near - d_far) / s * sign;
    slope[1] = scale * (d_far * far - d_near * near) * log(2.0);
    return -log2(q);
}
