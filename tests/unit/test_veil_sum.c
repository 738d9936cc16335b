/* SPDX-License-Identifier: Apache-2.0
 *
 * test_veil_sum.c: pictures as digits that add up: exactly, for every number of summands that there
 * is room for, of every kind of image; plans survive their bytes and nothing else is taken for one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "codec/veil_sum.h"
#include "codec/veil_sum_low.h"
#include "image/phantom.h"
#include "medveil/metrics.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static mv_image picture(uint32_t width, uint32_t height, mv_sample_type type, uint64_t seed)
{
    mv_image image = {0};
    mv_phantom_opts opts = mv_phantom_defaults();
    opts.width = width;
    opts.height = height;
    opts.type = type;
    opts.seed = seed;
    assert_int_equal(mv_phantom_make(&image, &opts, NULL), MV_OK);
    return image;
}

/* A plan from pictures of these seeds: 1 to count. */
static mv_sum_plan plan_of(const mv_image *image, uint32_t count, uint32_t sums, uint32_t step)
{
    mv_sum_plan plan;
    assert_int_equal(mv_sum_plan_for(&plan, &image[0], true, NULL), MV_OK);
    plan.sums = sums;
    plan.step16 = step * MV_SUM_GREY;
    const size_t levels = mv_sum_levels_count(&plan);
    int32_t *level = calloc(levels, sizeof *level);
    float *cost = calloc(mv_sum_costs_count(&plan), sizeof *cost);
    for (uint32_t i = 0; i < count; i++) {
        assert_int_equal(mv_sum_levels(level, &plan, &image[i]), MV_OK);
        mv_sum_weigh(cost, &plan, level);
    }
    mv_sum_choose(&plan, cost);
    free(level);
    free(cost);
    return plan;
}

/* The levels that the words of a picture keep, and the words. */
static void keep(int32_t *kept, uint32_t *word, const mv_sum_plan *plan,
                 const mv_sum_layout *layout, const mv_image *image)
{
    const size_t levels = mv_sum_levels_count(plan);
    assert_int_equal(mv_sum_levels(kept, plan, image), MV_OK);
    (void)mv_sum_put(word, layout, kept);
    mv_sum_get(kept, levels, layout, word, 1);
}

static void check_sums(uint32_t sums, uint32_t bits)
{
    enum { PICTURES = 5 };
    mv_image image[PICTURES];
    mv_sum_layout layout;
    for (uint32_t i = 0; i < PICTURES; i++) {
        image[i] = picture(61, 43, MV_SAMPLE_U8, i + 1);
    }
    mv_sum_plan plan = plan_of(image, 2, sums, 8);
    plan.word = bits;
    assert_int_equal(mv_sum_layout_make(&layout, &plan), MV_OK);
    const size_t levels = mv_sum_levels_count(&plan);
    int32_t *kept = calloc(levels, sizeof *kept), *want = calloc(levels, sizeof *want);
    uint32_t *word = calloc(layout.words, sizeof *word), *sum = calloc(layout.words, sizeof *sum);
    for (uint32_t k = 1; k <= sums; k++) {
        keep(kept, word, &plan, &layout, &image[k % PICTURES]);
        for (size_t i = 0; i < levels; i++) {
            want[i] += kept[i];
        }
        for (size_t i = 0; i < layout.words; i++) {
            assert_true(word[i] >> bits == 0);
            sum[i] += word[i];
        }
        mv_sum_get(kept, levels, &layout, sum, k);
        assert_memory_equal(kept, want, levels * sizeof *want);
    }
    free(kept);
    free(want);
    free(word);
    free(sum);
    mv_sum_layout_clear(&layout);
    mv_sum_plan_clear(&plan);
    for (uint32_t i = 0; i < PICTURES; i++) {
        mv_image_clear(&image[i]);
    }
}

static void sums_are_exact_up_to_n(void **state)
{
    (void)state;
    for (uint32_t sums = 1; sums <= MV_SUM_MAX; sums = 2 * sums + 1) {
        check_sums(sums, 12);
        check_sums(sums, 15);
    }
    check_sums(MV_SUM_MAX, 16);
}

/* Levels as far off as can be, to both sides: clipped, and no digit reaches into its neighbour. */
static void the_largest_levels_are_clipped_and_still_add_up(void **state)
{
    mv_image image = picture(40, 24, MV_SAMPLE_U8, 3);
    mv_sum_plan plan = plan_of(&image, 1, 3, 8);
    mv_sum_layout layout;
    (void)state;
    plan.word = 14;
    assert_int_equal(mv_sum_layout_make(&layout, &plan), MV_OK);
    const size_t levels = mv_sum_levels_count(&plan);
    int32_t *high = calloc(levels, sizeof *high), *low = calloc(levels, sizeof *low);
    int32_t *got = calloc(levels, sizeof *got);
    uint32_t *a = calloc(layout.words, sizeof *a), *b = calloc(layout.words, sizeof *b);
    for (size_t i = 0; i < levels; i++) {
        high[i] = 1 << 20;
        low[i] = -(1 << 20);
    }
    assert_int_equal(mv_sum_put(a, &layout, high), layout.digits);
    assert_int_equal(mv_sum_put(b, &layout, low), layout.digits);
    mv_sum_get(high, levels, &layout, a, 1);
    mv_sum_get(low, levels, &layout, b, 1);
    for (size_t i = 0; i < layout.words; i++) {
        a[i] += a[i] + b[i];
    }
    mv_sum_get(got, levels, &layout, a, 3);
    for (size_t i = 0; i < levels; i++) {
        assert_int_equal(got[i], 2 * high[i] + low[i]);
    }
    free(high);
    free(low);
    free(got);
    free(a);
    free(b);
    mv_sum_layout_clear(&layout);
    mv_sum_plan_clear(&plan);
    mv_image_clear(&image);
}

/* PSNR of a picture that is kept by a plan of its own; n = 2. */
static double kept_db(const mv_image *image, uint32_t step)
{
    mv_image back;
    mv_sum_plan plan = plan_of(image, 1, 2, step);
    mv_sum_layout layout;
    mv_comparison c;
    assert_int_equal(mv_sum_layout_make(&layout, &plan), MV_OK);
    int32_t *kept = calloc(mv_sum_levels_count(&plan), sizeof *kept);
    uint32_t *word = calloc(layout.words, sizeof *word);
    keep(kept, word, &plan, &layout, image);
    assert_int_equal(mv_sum_picture(&back, &plan, kept, 1), MV_OK);
    assert_int_equal(mv_compare(&c, image, &back, NULL), MV_OK);
    mv_image_clear(&back);
    free(kept);
    free(word);
    mv_sum_layout_clear(&layout);
    mv_sum_plan_clear(&plan);
    return c.psnr_db;
}

/* The mean of pictures that are the same is that picture, near enough; finer steps are nearer. */
static void pictures_come_back_nearer_with_finer_steps(void **state)
{
    static const mv_sample_type types[] = {MV_SAMPLE_U8, MV_SAMPLE_U16, MV_SAMPLE_I16};
    (void)state;
    for (size_t t = 0; t < 3; t++) {
        mv_image image = picture(100, 75, types[t], 7);
        double last = 0;
        for (uint32_t step = 16; step >= 2; step /= 2) {
            const double db = kept_db(&image, step);
            assert_true(db > last && db > 30);
            last = db;
        }
        mv_image_clear(&image);
    }
}

/* Bits of the words of a picture under a plan of its own; n = 2. */
static size_t bits_of(const mv_image *image, uint32_t step)
{
    mv_sum_plan plan = plan_of(image, 1, 2, step);
    mv_sum_layout layout;
    plan.word = 18;
    assert_int_equal(mv_sum_layout_make(&layout, &plan), MV_OK);
    const size_t bits = layout.words * 19;
    mv_sum_layout_clear(&layout);
    mv_sum_plan_clear(&plan);
    return bits;
}

/* Half the step is one bit more for what is not 0; it was every level once. */
static void half_the_step_does_not_double_a_picture(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 3; seed++) {
        mv_image image = picture(96, 96, MV_SAMPLE_U8, seed);
        for (uint32_t step = 16; step >= 4; step /= 2) {
            assert_true(10 * bits_of(&image, step / 2) < 19 * bits_of(&image, step));
        }
        mv_image_clear(&image);
    }
}

/* No picture of training has high frequencies like that: the even classes have to do. */
static void noise_is_kept_at_every_step(void **state)
{
    mv_image image = {0};
    uint32_t chance = 1;
    (void)state;
    assert_int_equal(mv_image_alloc(&image, 40, 40, 1, 1, MV_SAMPLE_U8), MV_OK);
    for (size_t i = 0; i < 1600; i++) {
        chance = chance * 1664525U + 1013904223U;
        mv_image_set(&image, i, chance >> 24);
    }
    for (uint32_t step = 1; step <= 16; step *= 2) {
        assert_true(kept_db(&image, step) > 52 - 20 * log10(step)); /* a step of 1 alone: 58.9 */
    }
    mv_image_clear(&image);
}

static void averages_turn_and_turn_back_on_every_grid(void **state)
{
    (void)state;
    for (uint32_t rows = 1; rows <= 9; rows++) {
        for (uint32_t columns = 1; columns <= 9; columns++) {
            const mv_veil_grid grid = mv_veil_grid_make(8 * columns, 8 * rows, false);
            int32_t average[81], turned[81];
            double before = 0, after = 0;
            for (int32_t i = 0; i < (int32_t)grid.blocks; i++) {
                average[i] = turned[i] = (i * 7919 % 2003 - 1001) * 1000;
            }
            mv_sum_low_turn(turned, &grid, false);
            for (size_t i = 0; i < grid.blocks; i++) {
                before += (double)average[i] * average[i];
                after += (double)turned[i] * turned[i];
            }
            assert_true(fabs(before - after) < 1e-4 * before); /* orthogonal */
            mv_sum_low_turn(turned, &grid, true);
            for (size_t i = 0; i < grid.blocks; i++) {
                assert_true(abs(turned[i] - average[i]) <= 8);
            }
        }
    }
}

/* Whatever number is read names a class; class 1 allows nothing. */
static void the_tables_are_whole(void **state)
{
    (void)state;
    for (size_t c = 0; c < MV_SUM_CONTEXTS; c++) {
        assert_int_equal(mv_sum_start[c][0], 0);
        for (size_t k = 1; k < MV_SUM_CLASSES; k++) {
            assert_true(mv_sum_start[c][k] > mv_sum_start[c][k - 1]);
        }
    }
    for (size_t band = 1; band < MV_VEIL_BANDS; band++) {
        assert_int_equal(mv_sum_reach[band][1], 0);
        assert_true(mv_sum_reach[band][MV_SUM_CLASSES - 1] >= 256);
    }
}

static void a_plan_comes_back_from_its_bytes_and_nothing_else_is_one(void **state)
{
    mv_image image = picture(37, 29, MV_SAMPLE_U16, 2);
    mv_sum_plan plan = plan_of(&image, 1, 5, 4), back;
    mv_buffer bytes = mv_buffer_make(1 << 16), again = bytes;
    (void)state;
    assert_int_equal(mv_sum_plan_write(&bytes, &plan), MV_OK);
    assert_int_equal(mv_sum_plan_read(&back, bytes.bytes, bytes.len), MV_OK);
    assert_memory_equal(back.class_of, plan.class_of, 5 * 4 + 2 * 1);
    assert_int_equal(mv_sum_plan_write(&again, &back), MV_OK);
    assert_int_equal(again.len, bytes.len);
    assert_memory_equal(again.bytes, bytes.bytes, bytes.len);
    mv_sum_plan_clear(&back);
    for (size_t len = 0; len < bytes.len; len++) {
        assert_int_equal(mv_sum_plan_read(&back, bytes.bytes, len), MV_E_FORMAT);
    }
    assert_int_equal(mv_buffer_append_zeros(&bytes, 1), MV_OK);
    assert_int_equal(mv_sum_plan_read(&back, bytes.bytes, bytes.len), MV_E_FORMAT);
    bytes.len--;
    for (size_t i = 0; i < 44; i++) { /* the head: whatever is taken can be laid out, or is not */
        for (uint32_t bit = 0; bit < 8; bit++) {
            bytes.bytes[i] ^= (uint8_t)(1u << bit);
            if (mv_sum_plan_read(&back, bytes.bytes, bytes.len) == MV_OK) {
                mv_sum_layout layout;
                if (mv_sum_layout_make(&layout, &back) == MV_OK) {
                    mv_sum_layout_clear(&layout);
                }
                mv_sum_plan_clear(&back);
            }
            bytes.bytes[i] ^= (uint8_t)(1u << bit);
        }
    }
    mv_sum_plan_clear(&plan);
    mv_image_clear(&image);
    mv_buffer_clear(&bytes);
    mv_buffer_clear(&again);
}

/* The first bytes of docs/formats/mv.md, "Sums by classes". */
static void a_plan_is_that_of_the_format_page(void **state)
{
    static const uint8_t want[] = {2, 1, 8, 0x0e, 0x10, 0,    0,    0,    8,    0,    0,    0, 1,
                                   0, 0, 0, 1,    0,    0,    0,    0,    0,    0,    0,    0, 0,
                                   0, 0, 0, 0,    0,    0,    0,    0,    0xf0, 0x3f, 0x80, 0, 0,
                                   0, 2, 0, 0,    0,    0x25, 0xfa, 0x5c, 0x0b, 0,    0x30};
    uint8_t class_of[3] = {40, 200, 3};
    const mv_sum_plan plan = {.width = 16,
                              .height = 8,
                              .depth = 1,
                              .channels = 1,
                              .type = MV_SAMPLE_U8,
                              .bits = 8,
                              .unit = 1,
                              .step16 = 128,
                              .sums = 2,
                              .word = 14,
                              .class_of = class_of};
    mv_buffer bytes = mv_buffer_make(1 << 10);
    (void)state;
    assert_int_equal(mv_sum_plan_write(&bytes, &plan), MV_OK);
    assert_int_equal(bytes.len, sizeof want);
    assert_memory_equal(bytes.bytes, want, sizeof want);
    mv_buffer_clear(&bytes);
}

static void pictures_that_cannot_be_added_are_refused(void **state)
{
    mv_image image = {0};
    mv_sum_plan plan;
    mv_error err = {0};
    (void)state;
    assert_int_equal(mv_image_alloc(&image, 9, 9, 1, 1, MV_SAMPLE_F32), MV_OK);
    assert_int_equal(mv_sum_plan_for(&plan, &image, false, &err), MV_E_UNSUPPORTED);
    mv_image_clear(&image);
    assert_int_equal(mv_image_alloc(&image, 4096, 1025, 1, 1, MV_SAMPLE_U8), MV_OK);
    assert_int_equal(mv_sum_plan_for(&plan, &image, false, &err), MV_E_LIMIT);
    assert_true(err.text[0] != '\0');
    mv_image_clear(&image);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sums_are_exact_up_to_n),
        cmocka_unit_test(the_largest_levels_are_clipped_and_still_add_up),
        cmocka_unit_test(pictures_come_back_nearer_with_finer_steps),
        cmocka_unit_test(half_the_step_does_not_double_a_picture),
        cmocka_unit_test(noise_is_kept_at_every_step),
        cmocka_unit_test(averages_turn_and_turn_back_on_every_grid),
        cmocka_unit_test(the_tables_are_whole),
        cmocka_unit_test(a_plan_comes_back_from_its_bytes_and_nothing_else_is_one),
        cmocka_unit_test(a_plan_is_that_of_the_format_page),
        cmocka_unit_test(pictures_that_cannot_be_added_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
