/* SPDX-License-Identifier: Apache-2.0
 *
 * test_metrics.c: sentences about src/metrics. The expected figures were computed by
 * tests/support/metrics_reference.py, straight from the definitions.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "medveil/metrics.h"

#include <math.h>
#include <string.h>

typedef struct reference {
    uint32_t width, height, channels, depth, bits;
    double psnr_db, rmse, ssim, max_abs_error;
} reference;

/* Printed by metrics_reference.py. */
static const reference references[] = {
    {24, 17, 1, 1, 8, 29.358106717259, 0.03404823973208, 0.993324163863, 15},
    {11, 11, 1, 1, 8, 29.356328580558, 0.03405521064981, 0.989414791449, 15},
    {19, 26, 3, 2, 8, 29.235008260063, 0.03453421488272, 0.992691175001, 15},
    {33, 15, 1, 3, 16, 29.251978092208, 0.03446681042021, 0.992794574682, 3855},
};

enum { REFERENCES = sizeof references / sizeof references[0] };

static mv_image make(uint32_t width, uint32_t height, uint32_t depth, uint32_t channels,
                     mv_sample_type type)
{
    mv_image image;
    assert_int_equal(mv_image_alloc(&image, width, height, depth, channels, type), MV_OK);
    return image;
}

/* The images of metrics_reference.py, function pair. */
static void make_pair(mv_image *first, mv_image *second, const reference *r)
{
    const mv_sample_type type = r->bits == 8 ? MV_SAMPLE_U8 : MV_SAMPLE_U16;
    const int64_t top = ((int64_t)1 << r->bits) - 1;
    *first = make(r->width, r->height, r->depth, r->channels, type);
    *second = make(r->width, r->height, r->depth, r->channels, type);
    for (int64_t i = 0; i < (int64_t)mv_image_sample_count(first); i++) {
        const int64_t c = r->channels, w = r->width, h = r->height;
        const int64_t x = i / c % w, y = i / (c * w) % h;
        const int64_t wave = x * x * 3 + y * y * 5 + 37 * (i % c) + 11 * (i / (c * w * h));
        const int64_t value = (x / 4 + y / 3) % 3 == 0 ? wave * 2654435761 / 4096 % (top + 1)
                                                       : wave * (top / 200) % (top + 1);
        const int64_t noise = (i * i * 7 + i * 13) % 31 - 15;
        mv_image_set(first, (size_t)i, (double)value);
        mv_image_set(second, (size_t)i, (double)(value + noise * (top / 255)));
        if (value + noise * (top / 255) > top) {
            mv_image_set(second, (size_t)i, (double)top);
        }
    }
}

static void the_metrics_agree_with_the_slow_reference(void **state)
{
    (void)state;
    for (size_t i = 0; i < REFERENCES; i++) {
        const reference *r = &references[i];
        mv_image a, b;
        mv_comparison c;
        make_pair(&a, &b, r);
        assert_int_equal(mv_compare(&c, &a, &b, NULL), MV_OK);
        assert_float_equal(c.psnr_db, r->psnr_db, 1e-9);
        assert_float_equal(c.rmse, r->rmse, 1e-12);
        assert_float_equal(c.ssim, r->ssim, 1e-10);
        assert_true(c.max_abs_error == r->max_abs_error);
        assert_true(c.max == ldexp(1, (int)r->bits) - 1);
        assert_false(c.identical);
        mv_image_clear(&a);
        mv_image_clear(&b);
    }
}

static void psnr_and_rmse_of_one_row_come_from_one_error(void **state)
{
    mv_image a = make(32, 32, 1, 1, MV_SAMPLE_U8), b = make(32, 32, 1, 1, MV_SAMPLE_U8);
    (void)state;
    for (int step = 1; step <= 255; step += 2) {
        mv_comparison c;
        mv_image_set(&b, (size_t)step, step);
        assert_int_equal(mv_compare(&c, &a, &b, NULL), MV_OK);
        assert_float_equal(c.psnr_db, -20 * log10(c.rmse), 1e-12);
    }
    mv_image_clear(&a);
    mv_image_clear(&b);
}

static void one_wrong_pixel_gives_the_psnr_done_by_hand(void **state)
{
    mv_image a = make(20, 50, 1, 1, MV_SAMPLE_U8), b = make(20, 50, 1, 1, MV_SAMPLE_U8);
    mv_comparison c;
    (void)state;
    mv_image_set(&b, 77, 255); /* MSE = max^2 / 1000: 30 dB */
    assert_int_equal(mv_compare(&c, &a, &b, NULL), MV_OK);
    assert_float_equal(c.psnr_db, 30, 1e-12);
    assert_float_equal(c.rmse, sqrt(1e-3), 1e-15);
    assert_float_equal(c.histogram_distance, 1e-3, 1e-15);
    assert_true(c.max_abs_error == 255);
    mv_image_clear(&a);
    mv_image_clear(&b);
}

static void equal_images_are_identical_and_one_sample_undoes_it(void **state)
{
    mv_image a, b;
    mv_comparison c;
    (void)state;
    make_pair(&a, &b, &references[2]);
    assert_int_equal(mv_compare(&c, &a, &a, NULL), MV_OK);
    assert_true(c.identical);
    assert_true(c.rmse == 0 && c.max_abs_error == 0 && c.histogram_distance == 0);
    assert_float_equal(c.ssim, 1, 1e-12);
    memcpy(b.sample, a.sample, mv_image_sample_count(&a));
    const size_t last = mv_image_sample_count(&b) - 1;
    mv_image_set(&b, last, mv_image_get(&b, last) == 0 ? 1 : 0);
    assert_int_equal(mv_compare(&c, &a, &b, NULL), MV_OK);
    assert_false(c.identical);
    mv_image_clear(&a);
    mv_image_clear(&b);
}

/* Two flat images have no structure: SSIM is the luminance term alone. */
static void the_ssim_of_flat_images_is_the_luminance_term(void **state)
{
    float x[12 * 13], y[12 * 13];
    double ssim = 0;
    const double a = 0.25, b = 0.75;
    (void)state;
    for (size_t i = 0; i < 12 * 13; i++) {
        x[i] = (float)a;
        y[i] = (float)b;
    }
    assert_int_equal(mv_ssim_plane(&ssim, x, y, 12, 13), MV_OK);
    assert_float_equal(ssim, (2 * a * b + 1e-4) / (a * a + b * b + 1e-4), 1e-12);
    assert_float_equal(mv_mse_plane(x, y, 12 * 13), 0.25, 1e-12);
}

static void float_images_are_measured_by_the_range_of_the_reference(void **state)
{
    mv_image a = make(16, 16, 1, 1, MV_SAMPLE_F32), b = make(16, 16, 1, 1, MV_SAMPLE_F32);
    mv_comparison c;
    (void)state;
    for (size_t i = 0; i < 256; i++) {
        mv_image_set(&a, i, -100 + 200.0 * (double)i / 255);
        mv_image_set(&b, i, mv_image_get(&a, i) + 2);
    }
    assert_int_equal(mv_compare(&c, &a, &b, NULL), MV_OK);
    assert_float_equal(c.max, 200, 1e-4);
    assert_float_equal(c.rmse, 0.01, 1e-6);
    assert_float_equal(c.psnr_db, 40, 1e-4);
    mv_image_clear(&a);
    mv_image_clear(&b);
}

static void images_that_cannot_be_compared_get_a_sentence(void **state)
{
    mv_image a = make(16, 16, 1, 1, MV_SAMPLE_U8), wide = make(17, 16, 1, 1, MV_SAMPLE_U8);
    mv_image deep = make(16, 16, 2, 1, MV_SAMPLE_U8), rgb = make(16, 16, 1, 3, MV_SAMPLE_U8);
    mv_image u16 = make(16, 16, 1, 1, MV_SAMPLE_U16), small = make(16, 10, 1, 1, MV_SAMPLE_U8);
    const struct {
        const mv_image *x, *y;
        mv_status st;
    } cases[] = {
        {&a, &wide, MV_E_MISMATCH}, {&a, &deep, MV_E_MISMATCH},   {&a, &rgb, MV_E_MISMATCH},
        {&a, &u16, MV_E_MISMATCH},  {&small, &small, MV_E_RANGE},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        mv_comparison c;
        mv_error err = {0};
        assert_int_equal(mv_compare(&c, cases[i].x, cases[i].y, &err), cases[i].st);
        assert_true(err.text[0] != '\0');
        assert_true(c.rmse == 0 && c.ssim == 0 && !c.identical);
    }
    mv_image_clear(&a);
    mv_image_clear(&wide);
    mv_image_clear(&deep);
    mv_image_clear(&rgb);
    mv_image_clear(&u16);
    mv_image_clear(&small);
}

static void an_8_bit_histogram_counts_each_value_in_its_own_bin(void **state)
{
    mv_image image = make(256, 3, 1, 1, MV_SAMPLE_U8);
    uint64_t bin[256], bytes[256];
    (void)state;
    for (size_t i = 0; i < 768; i++) {
        mv_image_set(&image, i, i < 256 ? (double)i : 255);
    }
    mv_histogram(bin, &image, 0, 255);
    mv_histogram_bytes(bytes, image.sample, 768);
    for (size_t v = 0; v < 256; v++) {
        assert_int_equal(bin[v], v == 255 ? 513 : 1);
        assert_int_equal(bytes[v], bin[v]);
    }
    mv_histogram(bin, &image, 7, 7);
    assert_int_equal(bin[0], 768);
    mv_image_clear(&image);
}

static void histogram_distance_is_0_for_equal_and_1_for_disjoint_shares(void **state)
{
    uint64_t a[256] = {0}, b[256] = {0}, twice_a[256] = {0};
    (void)state;
    a[3] = 5;
    a[4] = 15;
    twice_a[3] = 10;
    twice_a[4] = 30;
    b[200] = 1;
    assert_float_equal(mv_histogram_distance(a, twice_a), 0, 1e-15);
    assert_float_equal(mv_histogram_distance(a, b), 1, 1e-15);
    b[4] = 1; /* half of b, three quarters of a */
    assert_float_equal(mv_histogram_distance(a, b), 0.5, 1e-15);
}

/* ---- average precision ---- */

static double precision_of(const double *score, const char *relevant)
{
    uint8_t flag[16];
    double out = -1;
    const size_t count = strlen(relevant);
    for (size_t i = 0; i < count; i++) {
        flag[i] = relevant[i] == '+';
    }
    assert_int_equal(mv_average_precision(&out, score, flag, count), MV_OK);
    return out;
}

static void average_precision_is_that_of_the_definition(void **state)
{
    const double falling[] = {9, 8, 7, 6, 5}, rising[] = {1, 2, 3, 4, 5};
    (void)state;
    assert_float_equal(precision_of(falling, "++---"), 1, 1e-15);
    assert_float_equal(precision_of(falling, "+-+--"), (1 + 2.0 / 3) / 2, 1e-15);
    assert_float_equal(precision_of(falling, "---++"), (1.0 / 4 + 2.0 / 5) / 2, 1e-15);
    assert_float_equal(precision_of(rising, "---++"), 1, 1e-15);
}

static void equal_scores_are_one_step_whatever_their_order(void **state)
{
    const double tied[] = {3, 3, 3, 3, 1}, two[] = {5, 2, 2};
    (void)state;
    assert_float_equal(precision_of(tied, "+---+"), (1.0 / 4 + 2.0 / 5) / 2, 1e-15);
    assert_float_equal(precision_of(tied, "---++"), (1.0 / 4 + 2.0 / 5) / 2, 1e-15);
    assert_float_equal(precision_of(two, "++-"), (1 + 2.0 / 3) / 2, 1e-15);
    assert_float_equal(precision_of(two, "+-+"), (1 + 2.0 / 3) / 2, 1e-15);
}

static void there_is_no_average_precision_of_nothing(void **state)
{
    const double score[] = {1, 2}, broken[] = {1, NAN};
    const uint8_t none[] = {0, 0}, all[] = {1, 1};
    double out = -1;
    (void)state;
    assert_int_equal(mv_average_precision(&out, score, none, 2), MV_E_RANGE);
    assert_float_equal(out, 0, 0);
    assert_int_equal(mv_average_precision(&out, score, none, 0), MV_E_RANGE);
    assert_int_equal(mv_average_precision(&out, broken, all, 2), MV_E_RANGE);
}

/* ---- statistics of bytes ---- */

static void entropy_and_chi_square_are_those_of_the_definition(void **state)
{
    uint8_t all[512], two[512];
    (void)state;
    for (size_t i = 0; i < 512; i++) {
        all[i] = (uint8_t)i;
        two[i] = i % 4 == 0 ? 7 : 9;
    }
    assert_float_equal(mv_bytes_entropy(all, 512), 8, 1e-12);
    assert_float_equal(mv_bytes_chi_square(all, 512), 0, 1e-12);
    assert_float_equal(mv_bytes_entropy(two, 512), -0.25 * log2(0.25) - 0.75 * log2(0.75), 1e-12);
    /* 254 empty bins of 2 expected, one of 128, one of 384 */
    assert_float_equal(mv_bytes_chi_square(two, 512), 254 * 2.0 + 126.0 * 126 / 2 + 382.0 * 382 / 2,
                       1e-9);
    assert_float_equal(mv_bytes_entropy(two, 0), 0, 0);
    assert_float_equal(mv_bytes_chi_square(two, 0), 0, 0);
}

static void neighbours_correlate_as_pearson_says(void **state)
{
    uint8_t ramp[100], saw[100], flat[100] = {0};
    const uint8_t four[4] = {1, 2, 4, 3};
    (void)state;
    for (size_t i = 0; i < 100; i++) {
        ramp[i] = (uint8_t)(2 * i);
        saw[i] = i % 2 == 0 ? 10 : 20;
    }
    assert_float_equal(mv_bytes_correlation(ramp, 100, 1), 1, 1e-12);
    assert_float_equal(mv_bytes_correlation(saw, 100, 1), -1, 1e-12);
    assert_float_equal(mv_bytes_correlation(saw, 100, 2), 1, 1e-12);
    /* pairs (1,2) (2,4) (4,3): covariance 1, variances 14/3 and 2 */
    assert_float_equal(mv_bytes_correlation(four, 4, 1), 1 / sqrt(14.0 / 3 * 2), 1e-12);
    assert_float_equal(mv_bytes_correlation(flat, 100, 1), 0, 0);
    assert_float_equal(mv_bytes_correlation(ramp, 100, 100), 0, 0);
}

static void npcr_counts_places_and_uaci_measures_them(void **state)
{
    const uint8_t a[4] = {0, 10, 255, 7}, b[4] = {255, 10, 204, 7};
    (void)state;
    assert_float_equal(mv_bytes_npcr(a, b, 4), 0.5, 1e-15);
    assert_float_equal(mv_bytes_uaci(a, b, 4), (1 + 0.2) / 4, 1e-12);
    assert_float_equal(mv_bytes_npcr(a, a, 4), 0, 0);
    assert_float_equal(mv_bytes_uaci(b, b, 4), 0, 0);
    assert_float_equal(mv_bytes_npcr(a, b, 0) + mv_bytes_uaci(a, b, 0), 0, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_metrics_agree_with_the_slow_reference),
        cmocka_unit_test(psnr_and_rmse_of_one_row_come_from_one_error),
        cmocka_unit_test(one_wrong_pixel_gives_the_psnr_done_by_hand),
        cmocka_unit_test(equal_images_are_identical_and_one_sample_undoes_it),
        cmocka_unit_test(the_ssim_of_flat_images_is_the_luminance_term),
        cmocka_unit_test(float_images_are_measured_by_the_range_of_the_reference),
        cmocka_unit_test(images_that_cannot_be_compared_get_a_sentence),
        cmocka_unit_test(an_8_bit_histogram_counts_each_value_in_its_own_bin),
        cmocka_unit_test(histogram_distance_is_0_for_equal_and_1_for_disjoint_shares),
        cmocka_unit_test(average_precision_is_that_of_the_definition),
        cmocka_unit_test(equal_scores_are_one_step_whatever_their_order),
        cmocka_unit_test(there_is_no_average_precision_of_nothing),
        cmocka_unit_test(entropy_and_chi_square_are_those_of_the_definition),
        cmocka_unit_test(neighbours_correlate_as_pearson_says),
        cmocka_unit_test(npcr_counts_places_and_uaci_measures_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
