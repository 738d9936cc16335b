/* SPDX-License-Identifier: Apache-2.0
 *
 * test_familiar.c: sentences about the verdict whether a picture is like those of training. How
 * often it is right about images of the kinds it knows is measured, not tested:
 * docs/modules/veil.md.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "codec/familiar.h"
#include "codec/veil_file.h"
#include "image/phantom.h"
#include "medveil/fidelity.h"

static mv_image phantom(mv_sample_type type, uint32_t side)
{
    mv_image image = {0};
    mv_phantom_opts opts = mv_phantom_defaults();
    opts.width = opts.height = side;
    opts.type = type;
    assert_int_equal(mv_phantom_make(&image, &opts, NULL), MV_OK);
    return image;
}

static void stats_of(int32_t stats[MV_FAMILIAR_STATS], const mv_image *image)
{
    bool enough = false;
    assert_int_equal(mv_familiar_stats(stats, &enough, image), MV_OK);
    assert_true(enough);
}

static double distance_of(const mv_image *image)
{
    int32_t stats[MV_FAMILIAR_STATS];
    stats_of(stats, image);
    return mv_familiar_distance(stats, mv_familiar_table, MV_FAMILIAR_KINDS);
}

/* What is made of one picture, as another type and with another scale. */
static mv_image scaled(const mv_image *from, mv_sample_type type, uint32_t channels, double by,
                       double plus)
{
    mv_image to = {0};
    assert_int_equal(mv_image_alloc(&to, from->width, from->height, 1, channels, type), MV_OK);
    for (size_t i = 0; i < mv_image_sample_count(&to); i++) {
        mv_image_set(&to, i, mv_image_get(from, i / channels) * by + plus);
    }
    return to;
}

static void the_verdict_does_not_depend_on_type_scale_or_equal_colours(void **state)
{
    static const mv_sample_type types[] = {MV_SAMPLE_U8, MV_SAMPLE_U16, MV_SAMPLE_I16,
                                           MV_SAMPLE_F32, MV_SAMPLE_F64};
    static const double by[] = {1, 200, 100, 0.5, 1024}, plus[] = {0, 3, -2000, -7, 0.25};
    mv_image image = phantom(MV_SAMPLE_U8, 224);
    int32_t want[MV_FAMILIAR_STATS], stats[MV_FAMILIAR_STATS];
    (void)state;
    stats_of(want, &image);
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        for (uint32_t channels = 1; channels <= 3; channels += 2) {
            mv_image other = scaled(&image, types[i], channels, by[i], plus[i]);
            stats_of(stats, &other);
            assert_memory_equal(stats, want, sizeof want);
            mv_image_clear(&other);
        }
    }
    mv_image_clear(&image);
}

static void every_kernel_gives_the_same_verdict(void **state)
{
    static const char *const mask[] = {"portable", "avx2", "avx512"};
    mv_image image = phantom(MV_SAMPLE_U16, 203);
    int32_t want[MV_FAMILIAR_STATS], stats[MV_FAMILIAR_STATS];
    (void)state;
    stats_of(want, &image);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(setenv("MV_CPU_MASK", mask[i], 1), 0);
        stats_of(stats, &image);
        assert_memory_equal(stats, want, sizeof want);
    }
    assert_int_equal(unsetenv("MV_CPU_MASK"), 0);
    mv_image_clear(&image);
}

static void the_middle_of_a_kind_is_near_and_its_edge_is_at_one(void **state)
{
    static mv_familiar_kind kind;
    int32_t stats[MV_FAMILIAR_STATS] = {0};
    (void)state;
    for (size_t i = 0, at = 0; i < MV_FAMILIAR_STATS; i++, at += i) {
        kind.mean[i] = (int16_t)(100 + i);
        kind.edge[at + i] = MV_FAMILIAR_ONE / 64; /* a ball with a radius of 64 */
        stats[i] = 100 + (int32_t)i;
    }
    assert_true(mv_familiar_distance(stats, &kind, 1) == 0);
    stats[29] += 64;
    assert_true(mv_familiar_distance(stats, &kind, 1) == 1);
    stats[3] -= 4 * 64;
    assert_true(fabs(mv_familiar_distance(stats, &kind, 1) - sqrt(17)) < 1e-9);
    for (size_t i = 0; i < MV_FAMILIAR_KINDS; i++) { /* each kind's own middle */
        for (size_t k = 0; k < MV_FAMILIAR_STATS; k++) {
            stats[k] = mv_familiar_table[i].mean[k];
        }
        assert_true(mv_familiar_distance(stats, mv_familiar_table, MV_FAMILIAR_KINDS) == 0);
    }
}

static mv_image filled(uint32_t side, double (*pixel)(uint32_t x, uint32_t y, mv_rand *rand))
{
    mv_image image = {0};
    mv_rand rand = mv_rand_make(4);
    assert_int_equal(mv_image_alloc(&image, side, side, 1, 1, MV_SAMPLE_U8), MV_OK);
    for (uint32_t i = 0; i < side * side; i++) {
        mv_image_set(&image, i, pixel(i % side, i / side, &rand));
    }
    return image;
}

static double noise(uint32_t x, uint32_t y, mv_rand *rand)
{
    (void)x;
    (void)y;
    return mv_rand_below(rand, 256);
}

static double board(uint32_t x, uint32_t y, mv_rand *rand)
{
    (void)rand;
    return (x / 16 + y / 16) % 2 * 255.0;
}

static double ramp(uint32_t x, uint32_t y, mv_rand *rand)
{
    (void)y;
    (void)rand;
    return x;
}

/* As dense as writing: strokes two pixels wide on white, lines of 10 with space between. */
static double script(uint32_t x, uint32_t y, mv_rand *rand)
{
    static bool ink;
    if (x % 2 == 0) {
        ink = y % 16 < 10 && mv_rand_below(rand, 3) == 0;
    }
    return ink ? 0 : 255;
}

static void noise_shapes_and_writing_are_strange_and_phantoms_are_not(void **state)
{
    double (*const strange[])(uint32_t, uint32_t, mv_rand *) = {noise, board, ramp, script};
    static const mv_phantom_kind kinds[] = {MV_PHANTOM_CT, MV_PHANTOM_MR, MV_PHANTOM_XRAY};
    (void)state;
    for (size_t i = 0; i < 4; i++) {
        mv_image image = filled(224, strange[i]);
        assert_true(distance_of(&image) > 1.2);
        mv_image_clear(&image);
    }
    for (size_t i = 0; i < 3; i++) {
        mv_image image = {0};
        mv_phantom_opts opts = mv_phantom_defaults();
        opts.kind = kinds[i];
        assert_int_equal(mv_phantom_make(&image, &opts, NULL), MV_OK);
        assert_true(distance_of(&image) < 1);
        mv_image_clear(&image);
    }
}

static void of_one_colour_few_blocks_or_a_nan_nothing_is_told(void **state)
{
    int32_t stats[MV_FAMILIAR_STATS];
    bool enough = true;
    mv_image image = {0};
    (void)state;
    assert_int_equal(mv_image_alloc(&image, 512, 512, 1, 1, MV_SAMPLE_U8), MV_OK);
    assert_int_equal(mv_familiar_stats(stats, &enough, &image), MV_OK);
    assert_false(enough);
    mv_image_clear(&image);
    image = phantom(MV_SAMPLE_U8, 120); /* 15 x 15 blocks */
    assert_int_equal(mv_familiar_stats(stats, &enough, &image), MV_OK);
    assert_false(enough);
    mv_image_clear(&image);
    assert_int_equal(mv_image_alloc(&image, 200, 200, 1, 1, MV_SAMPLE_F32), MV_OK);
    ((float *)image.sample)[777] = NAN;
    assert_int_equal(mv_familiar_stats(stats, &enough, &image), MV_E_RANGE);
    assert_false(enough);
    mv_image_clear(&image);
}

static void long_and_deep_images_are_looked_at_all_over(void **state)
{
    static const uint32_t shape[][3] = {{65535, 1, 1}, {1, 65535, 1}, {9, 7, 700}, {300, 300, 5}};
    (void)state;
    for (size_t i = 0; i < sizeof shape / sizeof shape[0]; i++) {
        mv_image image = {0};
        assert_int_equal(
            mv_image_alloc(&image, shape[i][0], shape[i][1], shape[i][2], 1, MV_SAMPLE_U16), MV_OK);
        for (size_t k = 0; k < mv_image_sample_count(&image); k++) {
            mv_image_set(&image, k, (double)(k % 65536));
        }
        assert_true(distance_of(&image) > 1); /* no such thing was trained on */
        mv_image_clear(&image);
    }
}

static void only_the_networks_that_saw_the_pictures_judge(void **state)
{
    mv_veil *veil = calloc(1, sizeof *veil);
    mv_image image = phantom(MV_SAMPLE_U8, 224);
    mv_fidelity record = {.psnr_db = 20, .max_error = 1, .range = 255, .worst_psnr_db = 20};
    (void)state;
    assert_non_null(veil);
    assert_int_equal(mv_fidelity_judge(&record, veil, &image), MV_OK);
    assert_true(!record.judged && record.unlikeness == 0);
    assert_false(mv_fidelity_familiar(&record)); /* by its PSNR */
    memcpy(veil->hash, mv_familiar_networks, sizeof mv_familiar_networks);
    assert_int_equal(mv_fidelity_judge(&record, veil, &image), MV_OK);
    assert_true(record.judged && record.unlikeness == distance_of(&image));
    assert_true(mv_fidelity_familiar(&record)); /* whatever its PSNR */
    mv_image_clear(&image);
    free(veil);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_verdict_does_not_depend_on_type_scale_or_equal_colours),
        cmocka_unit_test(every_kernel_gives_the_same_verdict),
        cmocka_unit_test(the_middle_of_a_kind_is_near_and_its_edge_is_at_one),
        cmocka_unit_test(noise_shapes_and_writing_are_strange_and_phantoms_are_not),
        cmocka_unit_test(of_one_colour_few_blocks_or_a_nan_nothing_is_told),
        cmocka_unit_test(long_and_deep_images_are_looked_at_all_over),
        cmocka_unit_test(only_the_networks_that_saw_the_pictures_judge),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
