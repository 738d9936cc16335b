/* SPDX-License-Identifier: Apache-2.0
 *
 * test_elements_kernels.c: every table of elements gives the very floats of the portable one.
 */
#include "base/cpu.h"
#include "base/rng.h"
#include "tensor/tensor_elements.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { MOST = 131 };

typedef struct numbers {
    float a[MOST], b[MOST], want[MOST], got[MOST];
    uint16_t half[MOST];
} numbers;

/* All kinds of numbers: of every size, edges, what is none. */
static float some_float(mv_rand *rand)
{
    static const float edges[] = {0,   -0.0F, 1,   -1,    INFINITY, -INFINITY,
                                  NAN, 88,    -89, 1e18F, 1e-40F};
    const uint32_t kind = mv_rand_below(rand, 30);
    return kind < sizeof edges / sizeof edges[0]
               ? edges[kind]
               : (float)(mv_rand_normal(rand) * pow(10, mv_rand_unit(rand) * 20 - 10));
}

static void fill(numbers *n, mv_rand *rand)
{
    for (size_t k = 0; k < MOST; k++) {
        n->a[k] = some_float(rand);
        n->b[k] = some_float(rand);
        n->half[k] = (uint16_t)mv_rand_below(rand, 0x7f80) | (uint16_t)(k % 2 << 15);
        n->want[k] = n->got[k] = 7;
    }
}

/* The same bits, but for what is no number: that has many. */
static void check(const char *what, const numbers *n)
{
    for (size_t k = 0; k < MOST; k++) {
        const bool none = isnan(n->want[k]) && isnan(n->got[k]);
        if (!none && memcmp(&n->want[k], &n->got[k], sizeof n->got[k]) != 0) {
            fail_msg("%s of %g, %g: %.9g, should be %.9g", what, (double)n->a[k], (double)n->b[k],
                     (double)n->got[k], (double)n->want[k]);
        }
    }
}

static void compare(const mv_elements *want, const mv_elements *got, size_t count, uint64_t seed)
{
    mv_rand rand = mv_rand_make(seed);
    numbers n;
    fill(&n, &rand);
    want->asinh(n.want, n.a, count);
    got->asinh(n.got, n.a, count);
    check("asinh", &n);
    want->sinh(n.want, n.a, count);
    got->sinh(n.got, n.a, count);
    check("sinh", &n);
    want->asinh_backward(n.want, n.a, n.b, count);
    got->asinh_backward(n.got, n.a, n.b, count);
    check("asinh's slope", &n);
    want->sinh_backward(n.want, n.a, n.b, count);
    got->sinh_backward(n.got, n.a, n.b, count);
    check("sinh's slope", &n);
    want->add(n.want, n.a, n.b, count);
    got->add(n.got, n.a, n.b, count);
    check("sum", &n);
    want->add_bf16(n.want, n.half, count);
    got->add_bf16(n.got, n.half, count);
    check("sum with bfloat16", &n);
}

static void every_table_of_elements_gives_the_floats_of_the_portable_one(void **state)
{
    static const uint32_t masks[] = {0, MV_CPU_AVX2, MV_CPU_AVX2 | MV_CPU_AVX512};
    (void)state;
    for (size_t m = 0; m < sizeof masks / sizeof masks[0]; m++) {
        const mv_elements *table = mv_elements_choose(mv_cpu_features() & masks[m]);
        for (size_t count = 0; count <= MOST; count++) {
            compare(&mv_elements_portable, table, count, 200 * m + count);
        }
    }
}

enum { OUT = 64, IN = 32, TAPS = 9, WEIGHTS = OUT * IN * TAPS };

/* The layouts of tensor_elements.h, position by position. */
static void kernels_become_pairs_of_inputs_and_pairs_of_outputs(void **state)
{
    static const uint32_t masks[] = {0, MV_CPU_AVX2, MV_CPU_AVX2 | MV_CPU_AVX512};
    static float w[WEIGHTS];
    static uint16_t inputs[WEIGHTS], outputs[WEIGHTS];
    (void)state;
    for (size_t k = 0; k < WEIGHTS; k++) {
        w[k] = (float)k; /* below 256 exact, else rounded */
    }
    for (size_t m = 0; m < sizeof masks / sizeof masks[0]; m++) {
        const mv_elements *table = mv_elements_choose(mv_cpu_features() & masks[m]);
        table->pair_inputs(inputs, w, OUT, IN, TAPS);
        table->pair_outputs(outputs, w, OUT, IN, TAPS);
        for (size_t k = 0; k < WEIGHTS; k++) {
            const size_t o = k / (IN * TAPS), i = k / TAPS % IN, t = k % TAPS;
            const size_t at =
                (((o / 16 * (IN / 16) + i / 16) * TAPS + t) * 16 + i % 16) * 16 + o % 16;
            const size_t by_inputs =
                (((o / 32 * TAPS + t) * (IN / 32) + i / 32) * 16 + i % 32 / 2) * 64 + o % 32 * 2 +
                i % 2;
            const size_t by_outputs =
                ((((o / 32 * (IN / 16) + i / 16) * TAPS + t) * 16 + o % 32 / 2) * 16 + i % 16) * 2 +
                o % 2;
            uint32_t bits; /* the nearest with 8 binary digits, ties to even */
            int exponent = 0;
            const double digits = frexp((double)w[at], &exponent);
            const float want = (float)ldexp(nearbyint(digits * 256), exponent - 8);
            memcpy(&bits, &want, sizeof bits);
            assert_int_equal(inputs[by_inputs], bits >> 16);
            assert_int_equal(outputs[by_outputs], bits >> 16);
        }
    }
}

static void weights_that_are_no_number_stay_none_in_bfloat16(void **state)
{
    static float w[32 * 32];
    static uint16_t inputs[32 * 32], outputs[32 * 32];
    const uint32_t bits = 0x7f800001; /* the upper half alone would be infinite */
    (void)state;
    for (size_t k = 0; k < sizeof w / sizeof w[0]; k++) {
        memcpy(&w[k], &bits, sizeof bits);
    }
    mv_elements_portable.pair_inputs(inputs, w, 32, 32, 1);
    mv_elements_portable.pair_outputs(outputs, w, 32, 32, 1);
    assert_int_equal(inputs[0], 0x7fc0);
    assert_int_equal(outputs[1023], 0x7fc0);
}

static void a_bfloat16_is_the_upper_half_of_a_float(void **state)
{
    const uint16_t half[3] = {0x3f80, 0xc040, 0x0000}; /* 1, -3, 0 */
    float a[3] = {0.5F, 1, -2};
    (void)state;
    mv_elements_portable.add_bf16(a, half, 3);
    assert_true(a[0] == 1.5F && a[1] == -2 && a[2] == -2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_table_of_elements_gives_the_floats_of_the_portable_one),
        cmocka_unit_test(kernels_become_pairs_of_inputs_and_pairs_of_outputs),
        cmocka_unit_test(weights_that_are_no_number_stay_none_in_bfloat16),
        cmocka_unit_test(a_bfloat16_is_the_upper_half_of_a_float),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
