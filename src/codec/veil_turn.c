/* SPDX-License-Identifier: Apache-2.0
 *
 * veil_turn.c: the products in portable C, which define the others.
 */
#include "codec/veil_turn.h"

#include "base/cpu.h"

static int32_t rounded(int64_t sum)
{
    const int64_t y = (sum + (1 << (MV_TURN_BITS - 1))) >> MV_TURN_BITS, most = MV_TURN_MAX;
    return (int32_t)(y < -most ? -most : y > most ? most : y);
}

void mv_turn_left_portable(int32_t *p, size_t stride, const int32_t m[8][8])
{
    for (size_t c = 0; c < 8; c++) {
        int64_t sum[8] = {0};
        for (size_t j = 0; j < 8; j++) {
            for (size_t i = 0; i < 8; i++) {
                sum[i] += (int64_t)m[i][j] * p[j * stride + c];
            }
        }
        for (size_t i = 0; i < 8; i++) {
            p[i * stride + c] = rounded(sum[i]);
        }
    }
}

void mv_turn_right_portable(int32_t *p, size_t stride, const int32_t m[8][8])
{
    for (size_t r = 0; r < 8; r++) {
        int32_t *const row = p + r * stride;
        int64_t sum[8] = {0};
        for (size_t j = 0; j < 8; j++) {
            for (size_t i = 0; i < 8; i++) {
                sum[i] += (int64_t)row[j] * m[j][i];
            }
        }
        for (size_t i = 0; i < 8; i++) {
            row[i] = rounded(sum[i]);
        }
    }
}

mv_turns mv_turn_choose(uint32_t cpu)
{
    mv_turns k = {mv_turn_left_portable, mv_turn_right_portable};
#ifdef MV_HAVE_AVX2
    if (cpu & MV_CPU_AVX2) {
        k = (mv_turns){mv_turn_left_avx2, mv_turn_right_avx2};
    }
#endif
#ifdef MV_HAVE_AVX512
    if (cpu & MV_CPU_AVX512) {
        k = (mv_turns){mv_turn_left_avx512, mv_turn_right_avx512};
    }
#endif
    (void)cpu;
    return k;
}
