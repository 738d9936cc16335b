/* SPDX-License-Identifier: Apache-2.0
 *
 * veil_bands.h: quantised frequencies, coded band after band by learned contexts.
 *
 * Bands go from low to high frequency, each row by row. When a coefficient is coded, all lower
 * bands are known everywhere and its own band is known above and to the left. Sizes and signs of
 * these neighbours, companded, go through the band's own small network, which gives the mean and
 * scale of a logistic distribution for the coefficient (range_coder.h). All of it is integer
 * arithmetic: every machine codes and rebuilds the same bytes. A prefix of the bands is a preview.
 */
#ifndef MV_CODEC_VEIL_BANDS_H
#define MV_CODEC_VEIL_BANDS_H

#include "codec/range_coder.h"
#include "codec/veil_transform.h"
#include "nn/nn_small.h"

#define MV_VEIL_LEVEL_MAX (1 << 22) /* quantised coefficients are within +- this */

/* In the order of coding: the band at place p. */
extern const uint8_t mv_veil_order[MV_VEIL_BANDS];

/* Steps of the quantiser: 64 times the step number index, 2^(index/16) rounded; and what the
 * networks are told of it, in planes whose values span range (1..2^18): 256 log2 of step and range,
 * 0 for a 32nd. */
#define MV_VEIL_INDEX_MIN 64  /* a quarter of a gray level */
#define MV_VEIL_INDEX_MAX 319 /* a little below 2^14 */
uint32_t mv_veil_step64(uint32_t index);
int32_t mv_veil_log_step(uint32_t index, uint32_t range);

/* mv_veil_spread: the distribution that a network's answer means. */
mv_spread mv_veil_spread(const int32_t y[MV_SMALL_OUT]);

/* One plane's quantised coefficients with what the contexts need, each band 2 wider all around. */
typedef struct mv_veil_levels mv_veil_levels;

/* log_step: mv_veil_log_step; an input of the networks, as is whether the grid is lapped. errors:
 * MV_E_MEMORY */
MV_MUST_CHECK mv_status mv_veil_levels_new(mv_veil_levels **out, const mv_veil_grid *grid,
                                           int32_t log_step);
void mv_veil_levels_free(mv_veil_levels **levels); /* wipes */

/* mv_veil_levels_set: all bands at once, level (64,rows,columns); before encoding or visiting. */
void mv_veil_levels_set(mv_veil_levels *levels, const int32_t *level);

/* mv_veil_bands_encode: the first count bands of the order; net (64) by place. coef
 * (64,rows,columns) becomes what decoding will give; other bands are left alone. errors:
 * MV_E_MEMORY, MV_E_LIMIT */
MV_MUST_CHECK mv_status mv_veil_bands_encode(mv_rans_writer *w, int32_t *coef,
                                             const mv_small_net *net, mv_veil_levels *levels,
                                             uint32_t count, uint32_t step64);

/* mv_veil_bands_decode: into coefficients: level * step, moved towards the mean as far as the
 * distribution says on the average. coef (64,rows,columns) in units of 1/64, zero where no band was
 * coded; step64 = 64 times the quantiser's step. errors: the reader's */
MV_MUST_CHECK mv_status mv_veil_bands_decode(int32_t *coef, mv_rans_reader *r,
                                             const mv_small_net *net, mv_veil_levels *levels,
                                             uint32_t count, uint32_t step64);

/* mv_veil_bands_visit: the context of every coefficient of the band at this place, and the number
 * that is coded: its level, in the first band the level's difference from its neighbours'; for
 * training. Places must be visited in order. */
typedef void (*mv_veil_visitor)(void *user, size_t block, const int16_t x[MV_SMALL_IN],
                                int32_t level);
void mv_veil_bands_visit(mv_veil_levels *levels, uint32_t place, mv_veil_visitor visit, void *user);

/* mv_veil_quantise: level = sign(c) floor(|c| / step + 27/64): below a half, since the many
 * coefficients that just miss a level cost more bits than they are worth. */
void mv_veil_quantise(int32_t *level, const int32_t *coef, size_t count, uint32_t step64);

#endif
