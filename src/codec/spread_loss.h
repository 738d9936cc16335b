/* SPDX-License-Identifier: Apache-2.0
 *
 * spread_loss.h: the cost of a number under a logistic distribution, and its slope; for training.
 */
#ifndef MV_CODEC_SPREAD_LOSS_H
#define MV_CODEC_SPREAD_LOSS_H

/* Bits of v = distance away from the mean, scale s = 2^log_s, in a bin of width 1, with the floor
 * that range_coder.h gives every number:
 *     bits = -log2( (1 - f) (F((d + 1/2) / s) - F((d - 1/2) / s)) + f / 128 ),  f = 130 / 65536
 * slope[0]: by the mean, slope[1]: by log_s. */
double mv_spread_loss(double slope[2], double distance, double log_s);

#endif
