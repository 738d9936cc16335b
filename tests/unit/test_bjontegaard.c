/* SPDX-License-Identifier: Apache-2.0
 *
 * test_bjontegaard.c: sentences about one number for two rate-quality curves; the numbers were
 * worked out by hand.
 */
#include "bjontegaard.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { POINTS = 4 };

/* Rates 100 * 2^e at 40, 42, 44, 46 dB. */
static bd_curve curve(const double e[POINTS])
{
    bd_point p[POINTS];
    for (int k = 0; k < POINTS; k++) {
        p[k] = (bd_point){100 * pow(2, e[k]), 40 + 2 * k};
    }
    return bd_curve_of(p, POINTS);
}

static void a_tenth_less_everywhere_is_a_rate_of_minus_ten_percent(void **state)
{
    const double line[POINTS] = {0, 1, 2, 3}, tenth = log2(0.9);
    const double less[POINTS] = {tenth, 1 + tenth, 2 + tenth, 3 + tenth};
    const bd_curve a = curve(line), b = curve(less);
    (void)state;
    const bd_result r = bjontegaard(&b, &a, 0, 100);
    assert_float_equal(r.rate, -0.1, 1e-12);
    /* a factor of 2 is 2 dB, so one of 1/0.9 is 2 log2(1/0.9) */
    assert_float_equal(r.psnr_db, -2 * tenth, 1e-12);
    assert_float_equal(r.from_db, 40, 0);
    assert_float_equal(r.to_db, 46, 0);
    /* and the other way round a ninth more */
    assert_float_equal(bjontegaard(&a, &b, 0, 100).rate, 1 / 0.9 - 1, 1e-12);
}

/* Exponents 0, 1, 4, 9 over x = 0, 1, 2, 3 (of 2 dB each). Slopes by [FB84]: 0 (the parabola's end
 * is flat), 6 / (3/1 + 3/3) = 1.5, 6 / (3/3 + 3/5) = 3.75, 6. Integral of each piece: the mean of
 * its ends plus a twelfth of its slopes' difference: 0.375 + 2.3125 + 6.3125 = 9. Of the line 0, 3,
 * 6, 9 it is 13.5. So the mean difference is 4.5 / 3 and the rates differ by 2^1.5. */
static void a_bent_curve_has_the_difference_worked_out_by_hand(void **state)
{
    const double bent[POINTS] = {0, 1, 4, 9}, line[POINTS] = {0, 3, 6, 9};
    const bd_curve a = curve(bent), b = curve(line);
    (void)state;
    assert_float_equal(bjontegaard(&b, &a, 0, 100).rate, pow(2, 1.5) - 1, 1e-12);
    assert_float_equal(bjontegaard(&a, &b, 0, 100).rate, pow(2, -1.5) - 1, 1e-12);
    /* the middle piece alone, 42 to 44 dB: 2.3125 beside 4.5; but two decibels are too few */
    assert_true(isnan(bjontegaard(&b, &a, 42, 44).rate));
    /* the last two: 8.625 beside 12 */
    const bd_result r = bjontegaard(&b, &a, 42, 90);
    assert_float_equal(r.rate, pow(2, (12 - 8.625) / 2) - 1, 1e-12);
    assert_float_equal(r.from_db, 42, 0);
    assert_float_equal(r.to_db, 46, 0);
}

static void a_curve_goes_through_its_points_and_ends_there(void **state)
{
    const double bent[POINTS] = {0, 1, 4, 9};
    const bd_curve a = curve(bent);
    (void)state;
    for (int k = 0; k < POINTS; k++) {
        assert_float_equal(bd_rate_at(&a, 40 + 2 * k), 100 * pow(2, bent[k]), 1e-9);
    }
    /* half-way from 42 to 44: (1 + 4) / 2 + (1.5 - 3.75) / 8 */
    assert_float_equal(bd_rate_at(&a, 43), 100 * pow(2, 2.5 - 2.25 / 8), 1e-9);
    assert_true(isnan(bd_rate_at(&a, 39.99)) && isnan(bd_rate_at(&a, 46.01)));
}

static void too_little_in_common_is_refused(void **state)
{
    const double line[POINTS] = {0, 1, 2, 3};
    const bd_curve a = curve(line);
    bd_point far[POINTS];
    (void)state;
    for (int k = 0; k < POINTS; k++) {
        far[k] = (bd_point){100 * pow(2, k), 43.5 + 2 * k}; /* 43.5 to 49.5 dB: 2.5 in common */
    }
    const bd_curve b = bd_curve_of(far, POINTS), three = bd_curve_of(far, 3);
    const bd_result r = bjontegaard(&b, &a, 0, 100);
    assert_true(isnan(r.rate) && isnan(r.psnr_db));
    assert_float_equal(r.to_db - r.from_db, 2.5, 1e-12);
    assert_true(isnan(bjontegaard(&three, &a, 0, 100).rate));
    /* the same PSNRs for 64 times the bytes: a rate, but no rate that both have */
    const double dear[POINTS] = {6, 7, 8, 9};
    const bd_curve c = curve(dear);
    assert_float_equal(bjontegaard(&c, &a, 0, 100).rate, 63, 1e-9);
    assert_true(isnan(bjontegaard(&c, &a, 0, 100).psnr_db));
}

static void beaten_and_lossless_points_are_left_out(void **state)
{
    const double line[POINTS] = {0, 1, 2, 3};
    const bd_curve a = curve(line);
    const bd_point given[] = {{800, 46},       {150, 40.5}, {100, 40}, {120, 41}, /* beats 40.5 */
                              {900, INFINITY}, {200, 42},   {0, 45},   {400, 44}, {500, 44}};
    const bd_curve b = bd_curve_of(given, sizeof given / sizeof *given);
    (void)state;
    assert_int_equal(b.count, 5);
    for (size_t k = 1; k < b.count; k++) {
        assert_true(b.rate[k] > b.rate[k - 1] && b.psnr_db[k] > b.psnr_db[k - 1]);
    }
    assert_float_equal(bd_rate_at(&b, 41), 120, 1e-9);
    assert_float_equal(bd_rate_at(&b, 44), 400, 1e-9);
    assert_true(bjontegaard(&b, &a, 0, 100).rate < 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tenth_less_everywhere_is_a_rate_of_minus_ten_percent),
        cmocka_unit_test(a_bent_curve_has_the_difference_worked_out_by_hand),
        cmocka_unit_test(a_curve_goes_through_its_points_and_ends_there),
        cmocka_unit_test(too_little_in_common_is_refused),
        cmocka_unit_test(beaten_and_lossless_points_are_left_out),
    };
    return cmocka_run_group_tests_name("bjontegaard", tests, NULL, NULL);
}
