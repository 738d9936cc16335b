/* SPDX-License-Identifier: Apache-2.0
 *
 * veil_sum_low.h: the averages of blocks in groups of 4x4, turned into frequencies and back.
 */
#ifndef MV_CODEC_VEIL_SUM_LOW_H
#define MV_CODEC_VEIL_SUM_LOW_H

#include "codec/veil_transform.h"

/* mv_sum_low_turn: average (rows,columns) in place, the orthonormal DCT of each group of 4x4, of
 * fewer at the right and lower edge; back: its transpose. Any within +-MV_VEIL_COEF_MAX, where
 * results are cut. */
void mv_sum_low_turn(int32_t *average, const mv_veil_grid *grid, bool back);

#endif
