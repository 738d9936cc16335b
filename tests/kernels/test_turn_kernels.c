/* SPDX-License-Identifier: Apache-2.0
 *
 * test_turn_kernels.c: products of 8x8 numbers by every kernel this processor can run against the
 * portable one, which is held against the definition in floating point.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/cpu.h"
#include "base/rng.h"
#include "codec/veil_turn.h"

enum { STRIDE = 11, LEN = 8 * STRIDE, ROUNDS = 2000 };

static int32_t within(mv_rand *r, uint32_t most)
{
    return (int32_t)((int64_t)mv_rand_below(r, 2 * most + 1) - most);
}

/* Numbers of all sizes, and in every third round only the greatest. */
static void fill(int32_t *p, size_t count, uint32_t most, mv_rand *r, int round)
{
    const uint32_t size = round % 3 == 0 ? most : most >> mv_rand_below(r, 20);
    for (size_t i = 0; i < count; i++) {
        p[i] = within(r, size == 0 ? 1 : size);
        if (round % 3 == 1) {
            p[i] = p[i] < 0 ? -(int32_t)most : (int32_t)most;
        }
    }
}

static void every_kernel_agrees_with_portable(void **state)
{
    static const uint32_t masks[3] = {0, MV_CPU_AVX2, MV_CPU_AVX2 | MV_CPU_AVX512};
    mv_rand r = mv_rand_make(11);
    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        int32_t m[8][8], p[LEN], left[LEN], right[LEN], got[LEN];
        fill(&m[0][0], 64, 1U << MV_TURN_BITS, &r, round);
        fill(p, LEN, MV_TURN_MAX, &r, round / 3);
        memcpy(left, p, sizeof p);
        memcpy(right, p, sizeof p);
        mv_turn_left_portable(left, STRIDE, (const int32_t(*)[8])m);
        mv_turn_right_portable(right, STRIDE, (const int32_t(*)[8])m);
        for (size_t k = 0; k < 3; k++) {
            const mv_turns by = mv_turn_choose(masks[k] & mv_cpu_features());
            memcpy(got, p, sizeof p);
            by.left(got, STRIDE, (const int32_t(*)[8])m);
            assert_memory_equal(got, left, sizeof got); /* nor is anything beside it touched */
            memcpy(got, p, sizeof p);
            by.right(got, STRIDE, (const int32_t(*)[8])m);
            assert_memory_equal(got, right, sizeof got);
        }
    }
}

static void a_product_is_the_matrix_product_rounded_and_cut(void **state)
{
    mv_rand r = mv_rand_make(12);
    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        int32_t m[8][8], p[64], left[64], right[64];
        fill(&m[0][0], 64, 1U << MV_TURN_BITS, &r, round);
        fill(p, 64, MV_TURN_MAX, &r, round / 3);
        memcpy(left, p, sizeof p);
        memcpy(right, p, sizeof p);
        mv_turn_left_portable(left, 8, (const int32_t(*)[8])m);
        mv_turn_right_portable(right, 8, (const int32_t(*)[8])m);
        for (size_t at = 0; at < 64; at++) {
            double l = 0, q = 0; /* exact: sums are below 2^53 */
            for (size_t j = 0; j < 8; j++) {
                l += (double)m[at / 8][j] * p[j * 8 + at % 8];
                q += (double)p[at / 8 * 8 + j] * m[j][at % 8];
            }
            const double most = MV_TURN_MAX, one = 1 << MV_TURN_BITS;
            assert_int_equal(left[at], (int32_t)fmax(-most, fmin(most, floor(l / one + 0.5))));
            assert_int_equal(right[at], (int32_t)fmax(-most, fmin(most, floor(q / one + 0.5))));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kernel_agrees_with_portable),
        cmocka_unit_test(a_product_is_the_matrix_product_rounded_and_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
