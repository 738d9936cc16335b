/* SPDX-License-Identifier: Apache-2.0
 *
 * nn_loss.h: how far a reconstruction is from its target, and the gradient of that.
 *
 * Both losses start from the mean squared error of each sample b of a batch,
 *     e_b = (1/n) sum over its n elements of (y - t)^2.
 *     MSE      L = (1/B) sum over b of e_b
 *     log-MSE  L = (1/B) sum over b of ln(e_b + c)
 * The second is, but for c and a factor, the mean PSNR in dB: easy and hard images pull alike. c is
 * the error below which a sample stops mattering (1e-4 is 40 dB).
 */
#ifndef MV_NN_LOSS_H
#define MV_NN_LOSS_H

#include <stddef.h>

typedef enum mv_loss_kind { MV_LOSS_MSE, MV_LOSS_LOG_MSE } mv_loss_kind;

/* mv_loss: L, and dy = dL/dy. y, target, dy (batch, n). NaN in gives NaN out. */
double mv_loss(float *dy, const float *y, const float *target, size_t batch, size_t n,
               mv_loss_kind kind, double c);

#endif
