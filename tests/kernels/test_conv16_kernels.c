/* SPDX-License-Identifier: Apache-2.0
 *
 * test_conv16_kernels.c: convolutions in whole numbers and dense layers by every kernel this
 * processor can run against the portable ones, up to the largest sums that the check lets through.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cpu.h"
#include "base/rng.h"
#include "nn/nn_conv16.h"

enum { SIDE = MV_CONV16_SIDE, WIDTH_MAX = 45, IN_MAX = 70, OUT_MAX = 96, TAPS = 9 };

static int16_t weight[OUT_MAX * TAPS * (IN_MAX + 1)], packed[OUT_MAX * TAPS * (IN_MAX + 1)];
static int32_t bias[OUT_MAX], shift[OUT_MAX];
static int16_t x[3 * (WIDTH_MAX + 2) * (IN_MAX + SIDE)];
static int16_t want[WIDTH_MAX * (OUT_MAX + SIDE)], got[WIDTH_MAX * (OUT_MAX + SIDE)];

static int32_t within(mv_rand *r, int32_t most)
{
    return (int32_t)mv_rand_below(r, 2 * (uint32_t)most + 1) - most;
}

/* Weights of this size or, when loud, as large as the check takes for all outputs alike. */
static mv_conv16 random_conv(mv_rand *r, bool loud)
{
    mv_conv16 c = {.side = mv_rand_below(r, 3) == 0 ? 1 : 3,
                   .in = 1 + mv_rand_below(r, IN_MAX),
                   .out = 1 + mv_rand_below(r, OUT_MAX),
                   .weight = weight,
                   .packed = packed,
                   .bias = bias,
                   .shift = shift,
                   .low = mv_rand_below(r, 2) == 0 ? 0 : -MV_CONV16_MAX,
                   .high = MV_CONV16_MAX};
    c.pairs = (c.in + 1) / 2;
    c.blocks = (c.out + SIDE - 1) / SIDE;
    int32_t size = loud ? 32767 : 500;
    do {
        for (size_t k = 0; k < (size_t)c.blocks * SIDE * c.side * c.side * c.pairs * 2; k++) {
            weight[k] = (int16_t)within(r, size);
        }
        for (size_t o = 0; o < (size_t)c.blocks * SIDE; o++) {
            bias[o] = within(r, 1 << 24);
            shift[o] = (int32_t)mv_rand_below(r, 32);
        }
        size -= size / 8;
    } while (mv_conv16_check(&c) != MV_OK);
    mv_conv16_pack(&c);
    return c;
}

static void fill_input(mv_rand *r, bool loud)
{
    for (size_t k = 0; k < sizeof x / sizeof x[0]; k++) {
        const int32_t v = within(r, MV_CONV16_MAX);
        x[k] = (int16_t)(!loud ? v : v < 0 ? -MV_CONV16_MAX : MV_CONV16_MAX);
    }
}

static void every_convolution_agrees_with_portable(void **state)
{
    static const uint32_t masks[3] = {0, MV_CPU_AVX2, MV_CPU_AVX2 | MV_CPU_AVX512 | MV_CPU_VNNI};
    mv_rand r = mv_rand_make(21);
    (void)state;
    for (int round = 0; round < 150; round++) {
        const mv_conv16 c = random_conv(&r, round % 2 == 0);
        const size_t width = 1 + mv_rand_below(&r, WIDTH_MAX), x_step = c.pairs * 2 + round % 3;
        const size_t y_step = (size_t)c.blocks * SIDE + (round % 5 == 0 ? SIDE : 0);
        fill_input(&r, round % 4 < 2);
        memset(want, 77, sizeof want);
        mv_conv16_portable(want, y_step, x, (width + 2) * x_step, x_step, width, &c);
        for (size_t m = 0; m < 3; m++) {
            const mv_conv16_kernels by = mv_conv16_choose(masks[m] & mv_cpu_features());
            memset(got, 77, sizeof got);
            by.conv(got, y_step, x, (width + 2) * x_step, x_step, width, &c);
            assert_memory_equal(got, want, sizeof got); /* nor is anything beside it touched */
        }
    }
}

/* The definition once more, in 64 bits. */
static void what_the_check_accepts_never_overflows(void **state)
{
    mv_rand r = mv_rand_make(22);
    (void)state;
    for (int round = 0; round < 60; round++) {
        const mv_conv16 c = random_conv(&r, true);
        const size_t width = 3, x_step = c.pairs * 2, y_step = (size_t)c.blocks * SIDE;
        fill_input(&r, true);
        mv_conv16_portable(got, y_step, x, (width + 2) * x_step, x_step, width, &c);
        for (size_t k = 0; k < width * y_step; k++) {
            const size_t s = k / y_step, o = k % y_step;
            int64_t sum = bias[o];
            for (size_t i = 0; i < (size_t)c.side * c.side * x_step; i++) {
                const size_t tap = i / x_step;
                sum += (int64_t)weight[o * c.side * c.side * x_step + i] *
                       x[(tap / c.side * (width + 2) + s + tap % c.side) * x_step + i % x_step];
            }
            assert_true(sum <= INT32_MAX && sum >= -INT32_MAX);
            sum = sum >> shift[o];
            assert_int_equal(got[k], sum < c.low ? c.low : sum > c.high ? c.high : sum);
        }
    }
}

static void weights_that_could_overflow_are_refused(void **state)
{
    mv_conv16 c = {3, 64, 16, 32, 1, weight, packed, bias, shift, 0, MV_CONV16_MAX};
    const size_t count = (size_t)TAPS * 64;
    (void)state;
    memset(weight, 0, sizeof weight);
    memset(bias, 0, sizeof bias);
    memset(shift, 0, sizeof shift);
    assert_int_equal(mv_conv16_check(&c), MV_OK);
    for (size_t k = 0; k < count; k++) { /* 131,076 * 16,383 is above 2^31 - 1, */
        weight[5 * count + k] = k % 2 == 0 ? -227 : 228;
    }
    weight[5 * count] = -32767;
    assert_int_equal(mv_conv16_check(&c), MV_E_RANGE);
    memset(weight, 0, sizeof weight);
    for (size_t k = 0; k < 4; k++) { /* 131,068 * 16,383 = 2,147,287,044 is not, */
        weight[5 * count + k] = 32767;
    }
    bias[5] = INT32_MAX - 2147287044;
    assert_int_equal(mv_conv16_check(&c), MV_OK);
    bias[5] = -bias[5];
    assert_int_equal(mv_conv16_check(&c), MV_OK);
    bias[5]--; /* but with this bias */
    assert_int_equal(mv_conv16_check(&c), MV_E_RANGE);
    bias[5] = 0;
    shift[9] = 32;
    assert_int_equal(mv_conv16_check(&c), MV_E_RANGE);
}

static void every_dense_layer_has_the_same_bits(void **state)
{
    static const uint32_t masks[2] = {MV_CPU_AVX2, MV_CPU_AVX2 | MV_CPU_AVX512 | MV_CPU_VNNI};
    static float in[11 * 64], w[64 * 96], b[96], one[11 * 96], other[11 * 96];
    mv_rand r = mv_rand_make(23);
    (void)state;
    for (int round = 0; round < 50; round++) {
        const size_t count = 1 + mv_rand_below(&r, 11), ins = 1 + mv_rand_below(&r, 64);
        const size_t outs = SIDE * (1 + mv_rand_below(&r, 6));
        for (size_t k = 0; k < sizeof w / sizeof w[0]; k++) {
            w[k] = (float)mv_rand_normal(&r);
            in[k % (sizeof in / sizeof in[0])] = (float)mv_rand_normal(&r);
            b[k % 96] = (float)mv_rand_normal(&r);
        }
        mv_dense_portable(one, in, w, b, count, ins, outs);
        for (size_t m = 0; m < 2; m++) {
            mv_conv16_choose(masks[m] & mv_cpu_features()).dense(other, in, w, b, count, ins, outs);
            assert_memory_equal(one, other, count * outs * sizeof *one);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_convolution_agrees_with_portable),
        cmocka_unit_test(what_the_check_accepts_never_overflows),
        cmocka_unit_test(weights_that_could_overflow_are_refused),
        cmocka_unit_test(every_dense_layer_has_the_same_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
