/* SPDX-License-Identifier: Apache-2.0
 *
 * veil_sum_low.c: averages in groups.
 */
#include "codec/veil_sum_low.h"

#include "codec/veil_sum.h"

/* The DCT-II of 1 to 4 points, times 2^20. */
static const int32_t dct[MV_SUM_SIDE][MV_SUM_SIDE][MV_SUM_SIDE] = {
    {{1048576}},
    {{741455, 741455}, {741455, -741455}},
    {{605396, 605396, 605396}, {741455, 0, -741455}, {428080, -856159, 428080}},
    {{524288, 524288, 524288, 524288},
     {685015, 283742, -283742, -685015},
     {524288, -524288, -524288, 524288},
     {283742, -685015, 685015, -283742}}};

static int32_t rounded(int64_t sum)
{
    const int64_t v = (sum + (1 << 19)) >> 20;
    return (int32_t)(v > MV_VEIL_COEF_MAX    ? MV_VEIL_COEF_MAX
                     : v < -MV_VEIL_COEF_MAX ? -MV_VEIL_COEF_MAX
                                             : v);
}

static void turn_line(int32_t *at, size_t stride, uint32_t size, bool back)
{
    int32_t turned[MV_SUM_SIDE];
    for (uint32_t i = 0; i < size; i++) {
        int64_t sum = 0;
        for (uint32_t j = 0; j < size; j++) {
            sum += (int64_t)(back ? dct[size - 1][j][i] : dct[size - 1][i][j]) * at[j * stride];
        }
        turned[i] = rounded(sum);
    }
    for (uint32_t i = 0; i < size; i++) {
        at[i * stride] = turned[i];
    }
}

static uint32_t least(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

void mv_sum_low_turn(int32_t *average, const mv_veil_grid *g, bool back)
{
    for (uint32_t top = 0; top < g->rows; top += MV_SUM_SIDE) {
        for (uint32_t left = 0; left < g->columns; left += MV_SUM_SIDE) {
            int32_t *at = average + (size_t)top * g->columns + left;
            const uint32_t down = least(MV_SUM_SIDE, g->rows - top);
            const uint32_t across = least(MV_SUM_SIDE, g->columns - left);
            for (uint32_t i = 0; i < down; i++) {
                turn_line(at + (size_t)i * g->columns, 1, across, back);
            }
            for (uint32_t i = 0; i < across; i++) {
                turn_line(at + i, g->columns, down, back);
            }
        }
    }
}
