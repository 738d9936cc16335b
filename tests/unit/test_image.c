/* SPDX-License-Identifier: Apache-2.0
 *
 * test_image.c: sentences about src/image: images in memory, pre-processing, what goes into a
 * format and comes out of it, phantoms.
 */
#include "image/preprocess.h"
#include "image_files.h"
#include "medveil/metrics.h"

/* ---- images in memory ---- */

static void shapes_outside_the_limits_are_refused_before_memory_is_asked_for(void **state)
{
    mv_image image;
    (void)state;
    assert_int_equal(mv_image_alloc(&image, 0, 5, 1, 1, MV_SAMPLE_U8), MV_E_RANGE);
    assert_int_equal(mv_image_alloc(&image, 5, 5, 0, 1, MV_SAMPLE_U8), MV_E_RANGE);
    assert_int_equal(mv_image_alloc(&image, 5, 5, 1, 2, MV_SAMPLE_U8), MV_E_RANGE);
    assert_int_equal(mv_image_alloc(&image, 5, 5, 1, 1, (mv_sample_type)99), MV_E_RANGE);
    assert_int_equal(mv_image_alloc(&image, 65536, 1, 1, 1, MV_SAMPLE_U8), MV_E_LIMIT);
    assert_int_equal(mv_image_alloc(&image, 65535, 65535, 1, 1, MV_SAMPLE_U8), MV_E_LIMIT);
    assert_int_equal(mv_image_alloc(&image, 4096, 4096, 11, 3, MV_SAMPLE_F64), MV_E_LIMIT);
    assert_int_equal(mv_image_alloc(&image, 1, 1, UINT32_MAX, 1, MV_SAMPLE_U8), MV_E_LIMIT);
    assert_zeroed(&image);
}

static void setting_a_sample_rounds_to_nearest_and_clamps(void **state)
{
    const struct {
        mv_sample_type type;
        double in, out;
    } cases[] = {
        {MV_SAMPLE_U8, 2.6, 3},           {MV_SAMPLE_U8, -7, 0},
        {MV_SAMPLE_U8, 1e9, 255},         {MV_SAMPLE_U8, NAN, 0},
        {MV_SAMPLE_I8, -200, -128},       {MV_SAMPLE_I16, -1.4, -1},
        {MV_SAMPLE_I16, 40000, 32767},    {MV_SAMPLE_U16, 7e4, 65535},
        {MV_SAMPLE_U32, 5e9, 4294967295}, {MV_SAMPLE_I32, -3e9, -2147483648.0},
        {MV_SAMPLE_F32, 0.5, 0.5},        {MV_SAMPLE_F64, 0.1, 0.1},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        mv_image image = make(2, 1, 1, 1, cases[i].type);
        mv_image_set(&image, 1, cases[i].in);
        assert_true(mv_image_get(&image, 1) == cases[i].out);
        assert_true(mv_image_get(&image, 0) == 0);
        mv_image_clear(&image);
        assert_zeroed(&image);
    }
}

static void a_slice_is_a_copy_with_the_same_scale(void **state)
{
    mv_image image = make(5, 4, 6, 3, MV_SAMPLE_I16), slice;
    (void)state;
    fill_random(&image, 1);
    image.slope = 2.5;
    image.intercept = -3;
    image.spacing_mm[2] = 4;
    assert_int_equal(mv_image_slice(&slice, &image, 2, 3), MV_OK);
    assert_int_equal(slice.depth, 3);
    assert_true(slice.slope == 2.5 && slice.intercept == -3 && slice.spacing_mm[2] == 4);
    assert_memory_equal(slice.sample, (int16_t *)image.sample + (size_t)2 * 5 * 4 * 3,
                        (size_t)3 * 5 * 4 * 3 * 2);
    mv_image_clear(&slice);
    assert_int_equal(mv_image_slice(&slice, &image, 4, 3), MV_E_ARGUMENT);
    assert_int_equal(mv_image_slice(&slice, &image, 6, 1), MV_E_ARGUMENT);
    assert_int_equal(mv_image_slice(&slice, &image, 1, 0), MV_E_ARGUMENT);
    mv_image_clear(&image);
}

/* ---- pre-processing ---- */

static void every_16_bit_value_survives_normalising_and_back(void **state)
{
    const mv_sample_type types[] = {MV_SAMPLE_U16, MV_SAMPLE_I16};
    (void)state;
    for (size_t t = 0; t < 2; t++) {
        mv_image image = make(256, 256, 1, 1, types[t]), back = make(256, 256, 1, 1, types[t]);
        float plane[65536];
        double lo = 0, hi = 0;
        for (size_t i = 0; i < 65536; i++) {
            mv_image_set(&image, i, (double)i - (t == 1 ? 32768 : 0));
        }
        assert_int_equal(mv_image_range(&lo, &hi, &image, NULL), MV_OK);
        assert_true(hi - lo == 65535);
        mv_image_to_unit(plane, &image, 0, 0, lo, hi);
        assert_true(plane[0] == 0 && plane[65535] == 1);
        mv_image_from_unit(&back, 0, 0, plane, lo, hi);
        assert_same_samples(&image, &back);
        mv_image_clear(&image);
        mv_image_clear(&back);
    }
}

static void a_constant_image_is_zero_and_comes_back_exactly(void **state)
{
    const mv_sample_type types[] = {MV_SAMPLE_U8, MV_SAMPLE_I16, MV_SAMPLE_F32, MV_SAMPLE_F64};
    (void)state;
    for (size_t t = 0; t < 4; t++) {
        mv_image image = make(7, 3, 1, 1, types[t]), back = make(7, 3, 1, 1, types[t]);
        float plane[21];
        double lo = 0, hi = 0;
        for (size_t i = 0; i < 21; i++) {
            mv_image_set(&image, i, 77.3);
        }
        assert_int_equal(mv_image_range(&lo, &hi, &image, NULL), MV_OK);
        mv_image_to_unit(plane, &image, 0, 0, lo, hi);
        for (size_t i = 0; i < 21; i++) {
            assert_true(plane[i] == 0);
            plane[i] = 0.4f; /* whatever the network makes of it */
        }
        mv_image_from_unit(&back, 0, 0, plane, lo, hi);
        assert_same_samples(&image, &back);
        mv_image_clear(&image);
        mv_image_clear(&back);
    }
}

static void channels_and_slices_are_normalised_each_in_its_place(void **state)
{
    mv_image image = make(3, 2, 2, 3, MV_SAMPLE_U8), back = make(3, 2, 2, 3, MV_SAMPLE_U8);
    float plane[6];
    (void)state;
    for (size_t i = 0; i < 36; i++) {
        mv_image_set(&image, i, (double)(7 * i));
    }
    for (uint32_t z = 0; z < 2; z++) {
        for (uint32_t c = 0; c < 3; c++) {
            mv_image_to_unit(plane, &image, z, c, 0, 255);
            assert_float_equal(plane[4], 7.0 * (z * 18 + 4 * 3 + c) / 255, 1e-6);
            mv_image_from_unit(&back, z, c, plane, 0, 255);
        }
    }
    assert_same_samples(&image, &back);
    mv_image_clear(&image);
    mv_image_clear(&back);
}

static void the_widest_doubles_are_normalised_without_overflow(void **state)
{
    mv_image image = make(3, 1, 1, 1, MV_SAMPLE_F64);
    float plane[3];
    double lo = 0, hi = 0;
    (void)state;
    mv_image_set(&image, 0, -1.7e308);
    mv_image_set(&image, 2, 1.7e308);
    assert_int_equal(mv_image_range(&lo, &hi, &image, NULL), MV_OK);
    mv_image_to_unit(plane, &image, 0, 0, lo, hi);
    assert_true(plane[0] == 0 && plane[1] == 0.5f && plane[2] == 1);
    mv_image_set(&image, 1, NAN);
    assert_int_equal(mv_image_range(&lo, &hi, &image, NULL), MV_E_RANGE);
    mv_image_clear(&image);
}

static void resizing_keeps_flat_planes_flat_and_the_same_size_the_same(void **state)
{
    enum { SIDE = 97 };
    float in[SIDE * SIDE], out[SIDE * SIDE];
    const uint32_t sizes[][2] = {{1, 1}, {13, 50}, {96, 97}, {97, 3}};
    (void)state;
    for (size_t i = 0; i < SIDE * SIDE; i++) {
        in[i] = 0.375f;
    }
    for (size_t s = 0; s < 4; s++) {
        const uint32_t w = sizes[s][0], h = sizes[s][1];
        assert_int_equal(mv_plane_resize(out, w, h, in, SIDE, SIDE), MV_OK);
        for (size_t i = 0; i < (size_t)w * h; i++) {
            assert_float_equal(out[i], 0.375, 1e-6);
        }
        assert_int_equal(mv_plane_resize(in, SIDE, SIDE, out, w, h), MV_OK);
        assert_float_equal(in[SIDE * SIDE / 2], 0.375, 1e-6);
    }
    for (size_t i = 0; i < SIDE * SIDE; i++) {
        in[i] = (float)i;
    }
    assert_int_equal(mv_plane_resize(out, SIDE, SIDE, in, SIDE, SIDE), MV_OK);
    assert_memory_equal(in, out, sizeof in);
    assert_int_equal(mv_plane_resize(out, 0, 3, in, SIDE, SIDE), MV_E_RANGE);
}

static void shrinking_does_not_alias(void **state)
{
    enum { SIDE = 120 };
    float in[SIDE * SIDE], out[SIDE * SIDE];
    (void)state;
    for (size_t i = 0; i < SIDE * SIDE; i++) { /* the finest checkerboard: gray when shrunk */
        in[i] = (float)((i % SIDE + i / SIDE) % 2);
    }
    assert_int_equal(mv_plane_resize(out, 50, 40, in, SIDE, SIDE), MV_OK);
    for (size_t y = 3; y < 37; y++) {
        for (size_t x = 3; x < 47; x++) {
            assert_float_equal(out[y * 50 + x], 0.5, 0.02);
        }
    }
}

static void resizing_keeps_a_ramp_where_it_was(void **state)
{
    enum { SIDE = 40 };
    const uint32_t widths[] = {20, 30, 80, 33};
    float in[SIDE], out[80];
    (void)state;
    for (size_t x = 0; x < SIDE; x++) {
        in[x] = (float)(x + 0.5) / SIDE; /* the value is the place */
    }
    for (size_t s = 0; s < 4; s++) {
        const uint32_t w = widths[s];
        assert_int_equal(mv_plane_resize(out, w, 1, in, SIDE, 1), MV_OK);
        for (uint32_t x = w / 8; x < w - w / 8; x++) {
            assert_float_equal(out[x], (x + 0.5) / w, 1e-3); /* 0.04 pixels */
        }
    }
}

static void a_resized_image_keeps_type_range_and_extent(void **state)
{
    mv_image image = make(60, 40, 2, 3, MV_SAMPLE_I16), small;
    double lo = 0, hi = 0, small_lo = 0, small_hi = 0;
    (void)state;
    fill_random(&image, 3);
    image.spacing_mm[0] = 0.5;
    image.spacing_mm[1] = 0.5;
    assert_int_equal(mv_image_resize(&small, &image, 30, 10, NULL), MV_OK);
    assert_true(small.width == 30 && small.height == 10 && small.depth == 2 && small.channels == 3);
    assert_true(small.spacing_mm[0] == 1 && small.spacing_mm[1] == 2);
    assert_int_equal(mv_image_range(&lo, &hi, &image, NULL), MV_OK);
    assert_int_equal(mv_image_range(&small_lo, &small_hi, &small, NULL), MV_OK);
    assert_true(lo <= small_lo && small_lo < small_hi && small_hi <= hi);
    mv_image_clear(&small);
    mv_error err = {0};
    assert_int_equal(mv_image_resize(&small, &image, 0, 10, &err), MV_E_RANGE);
    assert_true(err.text[0] != '\0');
    assert_int_equal(mv_image_resize(&small, &image, 70000, 10, NULL), MV_E_LIMIT);
    mv_image_clear(&image);
}

static void flipping_twice_changes_nothing_and_once_swaps_top_and_bottom(void **state)
{
    mv_image image = make(4, 5, 2, 3, MV_SAMPLE_U16), copy;
    (void)state;
    fill_random(&image, 4);
    assert_int_equal(mv_image_slice(&copy, &image, 0, 2), MV_OK);
    mv_image_flip_rows(&copy);
    assert_true(mv_image_get(&copy, 0) == mv_image_get(&image, (size_t)4 * 4 * 3));
    assert_true(mv_image_get(&copy, 60) == mv_image_get(&image, (size_t)60 + 48));
    mv_image_flip_rows(&copy);
    assert_same_samples(&image, &copy);
    mv_image_clear(&image);
    mv_image_clear(&copy);
}

/* ---- formats: what goes in comes out ---- */

static const mv_sample_type all_types[] = {MV_SAMPLE_U8,  MV_SAMPLE_I8,  MV_SAMPLE_U16,
                                           MV_SAMPLE_I16, MV_SAMPLE_U32, MV_SAMPLE_I32,
                                           MV_SAMPLE_F32, MV_SAMPLE_F64};

static void npy_gives_back_every_type_and_shape(void **state)
{
    const uint32_t shapes[][4] = {{7, 5, 1, 1}, {7, 5, 1, 3}, {7, 5, 4, 1}, {7, 5, 4, 3},
                                  {3, 5, 4, 1}, {1, 1, 1, 1}, {3, 3, 1, 1}, {3, 3, 3, 3}};
    (void)state;
    for (size_t t = 0; t < 8; t++) {
        for (size_t s = 0; s < sizeof shapes / sizeof shapes[0]; s++) {
            mv_image image =
                make(shapes[s][0], shapes[s][1], shapes[s][2], shapes[s][3], all_types[t]);
            fill_random(&image, 10 * t + s);
            assert_round_trip(&image, "a.npy");
            mv_image_clear(&image);
        }
    }
}

static void nifti_gives_back_every_type_with_scale_and_spacing(void **state)
{
    const char *names[] = {"a.nii", "a.nii.gz"};
    (void)state;
    for (size_t t = 0; t < 8; t++) {
        for (size_t n = 0; n < 2; n++) {
            mv_image image = make(9, 6, t % 2 == 0 ? 5 : 1, 1, all_types[t]);
            fill_random(&image, t);
            /* 0.1 is no float, so this scale needs NIfTI-2; 0.5 fits NIfTI-1 */
            image.slope = n == 0 ? 0.1 : 0.5;
            image.intercept = -1024;
            image.spacing_mm[0] = 0.75;
            image.spacing_mm[1] = 0.5;
            image.spacing_mm[2] = 5;
            mv_buffer bytes = saved(&image, names[n]);
            mv_image back = decoded(bytes.bytes, bytes.len);
            assert_same_samples(&image, &back);
            assert_true(back.slope == image.slope && back.intercept == -1024);
            assert_memory_equal(back.spacing_mm, image.spacing_mm, sizeof image.spacing_mm);
            mv_image_clear(&back);
            mv_image_clear(&image);
            mv_buffer_clear(&bytes);
        }
    }
    mv_image rgb = make(9, 6, 3, 3, MV_SAMPLE_U8);
    fill_random(&rgb, 99);
    assert_round_trip(&rgb, "rgb.nii.gz");
    mv_image_clear(&rgb);
}

static void a_side_above_32767_goes_to_nifti_2(void **state)
{
    mv_image image = make(40000, 2, 1, 1, MV_SAMPLE_U8);
    (void)state;
    fill_random(&image, 5);
    assert_round_trip(&image, "wide.nii.gz");
    mv_image_clear(&image);
}

static void png_gives_back_8_and_16_bits_gray_and_rgb(void **state)
{
    (void)state;
    for (uint32_t channels = 1; channels <= 3; channels += 2) {
        for (int wide = 0; wide < 2; wide++) {
            mv_image image = make(33, 20, 1, channels, wide ? MV_SAMPLE_U16 : MV_SAMPLE_U8);
            fill_random(&image, channels);
            assert_round_trip(&image, "a.png");
            assert_round_trip(&image, "UPPER.PNG");
            mv_image_clear(&image);
        }
    }
}

static void jpeg_comes_near_in_gray_and_rgb(void **state)
{
    mv_phantom_opts opts = mv_phantom_defaults();
    mv_image gray;
    (void)state;
    assert_int_equal(mv_phantom_make(&gray, &opts, NULL), MV_OK);
    mv_image rgb = make(256, 256, 1, 3, MV_SAMPLE_U8);
    for (size_t i = 0; i < (size_t)3 * 256 * 256; i++) {
        mv_image_set(&rgb, i, mv_image_get(&gray, i / 3) * (i % 3 == 0 ? 1.0 : 0.6));
    }
    const mv_image *images[] = {&gray, &rgb};
    for (size_t i = 0; i < 2; i++) {
        mv_buffer bytes = saved(images[i], i == 0 ? "a.jpg" : "a.jpeg");
        mv_image back = decoded(bytes.bytes, bytes.len);
        mv_comparison c;
        assert_int_equal(mv_compare(&c, images[i], &back, NULL), MV_OK);
        assert_true(c.psnr_db > 36);
        mv_image_clear(&back);
        mv_buffer_clear(&bytes);
    }
    mv_image_clear(&gray);
    mv_image_clear(&rgb);
}

static void what_a_format_cannot_hold_is_refused_with_a_hint_and_no_file(void **state)
{
    const struct {
        const char *name;
        mv_sample_type type;
        uint32_t depth, channels;
    } cases[] = {
        {"x.png", MV_SAMPLE_I16, 1, 1}, {"x.png", MV_SAMPLE_F32, 1, 1},
        {"x.png", MV_SAMPLE_U8, 2, 1},  {"x.jpg", MV_SAMPLE_U16, 1, 1},
        {"x.jpg", MV_SAMPLE_U8, 3, 1},  {"x.nii", MV_SAMPLE_U16, 1, 3},
        {"x.bmp", MV_SAMPLE_U8, 1, 1},  {"png", MV_SAMPLE_U8, 1, 1},
        {".png", MV_SAMPLE_I8, 1, 1},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        mv_image image = make(12, 12, cases[i].depth, cases[i].channels, cases[i].type);
        mv_error err = {0};
        const char *path = in_folder(cases[i].name);
        assert_int_equal(mv_image_save(&image, path, true, &err), MV_E_UNSUPPORTED);
        assert_true(err.text[0] != '\0' && err.hint[0] != '\0');
        assert_int_equal(access(path, F_OK), -1);
        mv_image_clear(&image);
    }
}

static void an_existing_file_is_replaced_only_on_demand(void **state)
{
    mv_image image = make(3, 3, 1, 1, MV_SAMPLE_U8);
    const char *path = in_folder("once.png");
    (void)state;
    assert_int_equal(mv_image_save(&image, path, false, NULL), MV_OK);
    assert_int_equal(mv_image_save(&image, path, false, NULL), MV_E_EXISTS);
    assert_int_equal(mv_image_save(&image, path, true, NULL), MV_OK);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mv_image_save(&image, in_folder("no/such/folder.png"), true, NULL), MV_E_IO);
    mv_image_clear(&image);
}

/* ---- phantoms ---- */

static void a_phantom_is_the_same_for_the_same_seed_and_another_for_another(void **state)
{
    (void)state;
    for (int kind = 0; kind < 3; kind++) {
        mv_phantom_opts opts = mv_phantom_defaults();
        mv_image a, b, other;
        opts.kind = (mv_phantom_kind)kind;
        opts.width = 64;
        opts.height = 48;
        assert_int_equal(mv_phantom_make(&a, &opts, NULL), MV_OK);
        assert_int_equal(mv_phantom_make(&b, &opts, NULL), MV_OK);
        opts.seed++;
        assert_int_equal(mv_phantom_make(&other, &opts, NULL), MV_OK);
        assert_same_samples(&a, &b);
        assert_memory_not_equal(a.sample, other.sample, 64 * 48);
        mv_image_clear(&a);
        mv_image_clear(&b);
        mv_image_clear(&other);
    }
}

static void phantoms_use_the_range_that_their_type_promises(void **state)
{
    const struct {
        mv_sample_type type;
        double lo, hi;
    } cases[] = {{MV_SAMPLE_U8, 0, 255}, {MV_SAMPLE_U16, 0, 4095}, {MV_SAMPLE_I16, -1024, 3071}};
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        mv_phantom_opts opts = mv_phantom_defaults();
        mv_image image;
        double lo = 0, hi = 0;
        opts.kind = MV_PHANTOM_CT;
        opts.type = cases[i].type;
        opts.depth = 3;
        opts.width = 96;
        opts.height = 96;
        assert_int_equal(mv_phantom_make(&image, &opts, NULL), MV_OK);
        assert_int_equal(image.depth, 3);
        assert_int_equal(mv_image_range(&lo, &hi, &image, NULL), MV_OK);
        assert_true(lo >= cases[i].lo && lo < cases[i].lo + (cases[i].hi - cases[i].lo) / 20);
        assert_true(hi <= cases[i].hi && hi > cases[i].hi - (cases[i].hi - cases[i].lo) / 10);
        mv_image_clear(&image);
    }
}

static void impossible_phantoms_are_refused(void **state)
{
    mv_phantom_opts opts = mv_phantom_defaults();
    mv_image image;
    mv_error err = {0};
    (void)state;
    opts.type = MV_SAMPLE_F32;
    assert_int_equal(mv_phantom_make(&image, &opts, &err), MV_E_UNSUPPORTED);
    opts.type = MV_SAMPLE_U8;
    opts.kind = MV_PHANTOM_XRAY;
    opts.depth = 2;
    assert_int_equal(mv_phantom_make(&image, &opts, NULL), MV_E_UNSUPPORTED);
    opts.depth = 1;
    opts.width = 0;
    assert_int_equal(mv_phantom_make(&image, &opts, NULL), MV_E_RANGE);
    assert_zeroed(&image);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shapes_outside_the_limits_are_refused_before_memory_is_asked_for),
        cmocka_unit_test(setting_a_sample_rounds_to_nearest_and_clamps),
        cmocka_unit_test(a_slice_is_a_copy_with_the_same_scale),
        cmocka_unit_test(every_16_bit_value_survives_normalising_and_back),
        cmocka_unit_test(a_constant_image_is_zero_and_comes_back_exactly),
        cmocka_unit_test(channels_and_slices_are_normalised_each_in_its_place),
        cmocka_unit_test(the_widest_doubles_are_normalised_without_overflow),
        cmocka_unit_test(resizing_keeps_flat_planes_flat_and_the_same_size_the_same),
        cmocka_unit_test(shrinking_does_not_alias),
        cmocka_unit_test(resizing_keeps_a_ramp_where_it_was),
        cmocka_unit_test(a_resized_image_keeps_type_range_and_extent),
        cmocka_unit_test(flipping_twice_changes_nothing_and_once_swaps_top_and_bottom),
        cmocka_unit_test(npy_gives_back_every_type_and_shape),
        cmocka_unit_test(nifti_gives_back_every_type_with_scale_and_spacing),
        cmocka_unit_test(a_side_above_32767_goes_to_nifti_2),
        cmocka_unit_test(png_gives_back_8_and_16_bits_gray_and_rgb),
        cmocka_unit_test(jpeg_comes_near_in_gray_and_rgb),
        cmocka_unit_test(what_a_format_cannot_hold_is_refused_with_a_hint_and_no_file),
        cmocka_unit_test(an_existing_file_is_replaced_only_on_demand),
        cmocka_unit_test(a_phantom_is_the_same_for_the_same_seed_and_another_for_another),
        cmocka_unit_test(phantoms_use_the_range_that_their_type_promises),
        cmocka_unit_test(impossible_phantoms_are_refused),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
