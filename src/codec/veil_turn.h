/* SPDX-License-Identifier: Apache-2.0
 *
 * veil_turn.h: blocks of 8x8 numbers times a matrix, the one hot step of the transform.
 */
#ifndef MV_CODEC_VEIL_TURN_H
#define MV_CODEC_VEIL_TURN_H

#include <stddef.h>
#include <stdint.h>

#define MV_TURN_BITS 20        /* 1.0 of a matrix is 2^20 */
#define MV_TURN_MAX  (1 << 30) /* results are cut to within this */

/* p (8,8), its rows stride apart, becomes m p (left) or p m (right), each of whose numbers is
 *     (sum + 2^19) >> 20, cut to within +-MV_TURN_MAX.
 * range   p within +-2^31, m within +-2^20: sums stay below 2^54 */
typedef void mv_turn(int32_t *p, size_t stride, const int32_t m[8][8]);

typedef struct mv_turns {
    mv_turn *left, *right;
} mv_turns;

mv_turn mv_turn_left_portable, mv_turn_right_portable;
#ifdef MV_HAVE_AVX2
mv_turn mv_turn_left_avx2, mv_turn_right_avx2; /* MV_CPU_AVX2 */
#endif
#ifdef MV_HAVE_AVX512
mv_turn mv_turn_left_avx512, mv_turn_right_avx512; /* MV_CPU_AVX512 */
#endif

/* mv_turn_choose: the fastest that these features (MV_CPU_ bits) allow. */
mv_turns mv_turn_choose(uint32_t cpu);

#endif
