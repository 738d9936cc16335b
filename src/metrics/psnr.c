/* SPDX-License-Identifier: Apache-2.0
 *
 * psnr.c: peak signal-to-noise ratio, the paper's equation (17).
 */
#include "metrics/metrics_internal.h"

#include <math.h>

/* PSNR = 10 log10(max^2 / MSE) = -20 log10(RMSE / max); RMSE is divided by max already. */
double mv_psnr_db(double rmse)
{
    return -20 * log10(rmse);
}
