/* SPDX-License-Identifier: Apache-2.0
 *
 * test_image.c: sentences about src/image: images in memory, pre-processing, formats, bad input.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/rng.h"
#include "image/image_format.h"
#include "image/phantom.h"
#include "image/preprocess.h"
#include "medveil/metrics.h"

#include <math.h>
#include <png.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <turbojpeg.h>
#include <unistd.h>

static char folder[] = "/tmp/medveil-test-image-XXXXXX";

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) == NULL ? -1 : 0;
}

static int remove_folder(void **state)
{
    (void)state;
    return rmdir(folder); /* fails when a test left a file behind */
}

/* A name in the folder; good until the next call. */
static const char *in_folder(const char *name)
{
    static char path[256];
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static mv_image make(uint32_t width, uint32_t height, uint32_t depth, uint32_t channels,
                     mv_sample_type type)
{
    mv_image image;
    assert_int_equal(mv_image_alloc(&image, width, height, depth, channels, type), MV_OK);
    return image;
}

/* Samples over the whole range of the type, reproducible. */
static void fill_random(mv_image *image, uint64_t seed)
{
    mv_rand r = mv_rand_make(seed);
    const size_t count = mv_image_sample_count(image);
    for (size_t i = 0; i < count; i++) {
        const bool is_float = image->bits == 0;
        const double scale = is_float ? 1e6 : ldexp(1, (int)image->bits);
        const bool has_sign = is_float || image->type == MV_SAMPLE_I8 ||
                              image->type == MV_SAMPLE_I16 || image->type == MV_SAMPLE_I32;
        mv_image_set(image, i, (mv_rand_unit(&r) - (has_sign ? 0.5 : 0)) * scale);
    }
}

static void assert_same_samples(const mv_image *a, const mv_image *b)
{
    assert_int_equal(a->width, b->width);
    assert_int_equal(a->height, b->height);
    assert_int_equal(a->depth, b->depth);
    assert_int_equal(a->channels, b->channels);
    assert_int_equal(a->type, b->type);
    assert_int_equal(a->bits, b->bits);
    assert_memory_equal(a->sample, b->sample, mv_image_sample_count(a) * mv_sample_size(a->type));
}

/* The bytes of the file that mv_image_save writes under this name. */
static mv_buffer saved(const mv_image *image, const char *name)
{
    mv_buffer bytes = mv_buffer_make(1 << 26);
    mv_error err = {0};
    const char *path = in_folder(name);
    if (mv_image_save(image, path, true, &err) != MV_OK) {
        fail_msg("%s: %s", name, err.text);
    }
    assert_int_equal(mv_file_read(&bytes, path, NULL), MV_OK);
    assert_int_equal(unlink(path), 0);
    return bytes;
}

static mv_image decoded(const uint8_t *bytes, size_t len)
{
    mv_image image;
    mv_error err = {0};
    if (mv_image_decode(&image, bytes, len, "it", &err) != MV_OK) {
        fail_msg("%s", err.text);
    }
    return image;
}

static void assert_zeroed(const mv_image *image)
{
    const mv_image zero = {0};
    assert_memory_equal(image, &zero, sizeof zero);
}

/* Decoding must fail with this status, a sentence, and an untouched (zeroed) image. */
static void assert_refused(const uint8_t *bytes, size_t len, mv_status want, const char *word)
{
    mv_image image;
    mv_error err = {0};
    const mv_status st = mv_image_decode(&image, bytes, len, "scan", &err);
    if (st != want || strstr(err.text, word) == NULL) {
        fail_msg("wanted %s with \"%s\", got %s: %s", mv_status_name(want), word,
                 mv_status_name(st), err.text);
    }
    assert_zeroed(&image);
    assert_non_null(strstr(err.text, "scan"));
    assert_null(strchr(err.text, '\n'));
}

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

static void assert_round_trip(const mv_image *image, const char *name)
{
    mv_buffer bytes = saved(image, name);
    mv_image back = decoded(bytes.bytes, bytes.len);
    assert_same_samples(image, &back);
    mv_image_clear(&back);
    mv_buffer_clear(&bytes);
}

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

/* ---- PNG kinds that our own writer does not make ---- */

static void collect(png_structp png, png_bytep bytes, size_t len)
{
    assert_int_equal(mv_buffer_append(png_get_io_ptr(png), bytes, len), MV_OK);
}

static void no_flush(png_structp png)
{
    (void)png;
}

typedef struct png_kind {
    int bits, color, interlace;
    const png_color *palette; /* with palette_count entries */
    int palette_count;
    const png_byte *alphas; /* of the palette, with alpha_count entries */
    int alpha_count;
} png_kind;

/* A PNG file whose rows (packed) are given one after the other. */
static mv_buffer png_of(const png_kind *kind, uint32_t width, uint32_t height, const uint8_t *rows,
                        size_t row_bytes)
{
    mv_buffer out = mv_buffer_make(1 << 20);
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png_create_info_struct(png);
    png_set_write_fn(png, &out, collect, no_flush);
    png_set_IHDR(png, info, width, height, kind->bits, kind->color, kind->interlace,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    if (kind->palette != NULL) {
        png_set_PLTE(png, info, kind->palette, kind->palette_count);
    }
    if (kind->alphas != NULL) {
        png_set_tRNS(png, info, kind->alphas, kind->alpha_count, NULL);
    }
    png_write_info(png, info);
    const int passes = png_set_interlace_handling(png);
    for (int pass = 0; pass < passes; pass++) {
        for (uint32_t y = 0; y < height; y++) {
            png_write_row(png, rows + y * row_bytes);
        }
    }
    png_write_end(png, NULL);
    png_destroy_write_struct(&png, &info);
    return out;
}

static void interlaced_png_gives_the_same_pixels_as_plain(void **state)
{
    uint8_t rows[19 * 23 * 2];
    const png_kind plain = {.bits = 16, .color = PNG_COLOR_TYPE_GRAY};
    const png_kind laced = {.bits = 16, .color = PNG_COLOR_TYPE_GRAY, .interlace = 1};
    (void)state;
    for (size_t i = 0; i < sizeof rows; i++) {
        rows[i] = (uint8_t)(i * 37 + i / 5);
    }
    mv_buffer a = png_of(&plain, 19, 23, rows, 38), b = png_of(&laced, 19, 23, rows, 38);
    mv_image image = decoded(a.bytes, a.len), same = decoded(b.bytes, b.len);
    assert_same_samples(&image, &same);
    assert_int_equal(mv_image_get(&image, 1), rows[2] * 256 + rows[3]);
    mv_image_clear(&image);
    mv_image_clear(&same);
    mv_buffer_clear(&a);
    mv_buffer_clear(&b);
}

static void png_of_1_2_and_4_bits_is_widened_to_8(void **state)
{
    const uint8_t row[1] = {0x9c}; /* 1001 1100 */
    const struct {
        int bits;
        uint32_t width;
        uint8_t want[8];
    } cases[] = {
        {1, 8, {255, 0, 0, 255, 255, 255, 0, 0}}, {2, 4, {170, 85, 255, 0}}, {4, 2, {153, 204}}};
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        const png_kind kind = {.bits = cases[i].bits, .color = PNG_COLOR_TYPE_GRAY};
        mv_buffer bytes = png_of(&kind, cases[i].width, 1, row, 1);
        mv_image image = decoded(bytes.bytes, bytes.len);
        assert_int_equal(image.type, MV_SAMPLE_U8);
        assert_int_equal(image.bits, 8);
        assert_memory_equal(image.sample, cases[i].want, cases[i].width);
        mv_image_clear(&image);
        mv_buffer_clear(&bytes);
    }
}

static void a_palette_becomes_rgb_or_gray_when_all_its_colours_are_gray(void **state)
{
    const png_color colors[3] = {{1, 2, 3}, {200, 100, 50}, {9, 9, 9}};
    const png_color grays[3] = {{5, 5, 5}, {77, 77, 77}, {254, 254, 254}};
    const uint8_t row[3] = {2, 0, 1};
    const uint8_t want_rgb[9] = {9, 9, 9, 1, 2, 3, 200, 100, 50}, want_gray[3] = {254, 5, 77};
    const png_kind color = {
        .bits = 8, .color = PNG_COLOR_TYPE_PALETTE, .palette = colors, .palette_count = 3};
    const png_kind gray = {
        .bits = 8, .color = PNG_COLOR_TYPE_PALETTE, .palette = grays, .palette_count = 3};
    (void)state;
    mv_buffer a = png_of(&color, 3, 1, row, 3), b = png_of(&gray, 3, 1, row, 3);
    mv_image rgb = decoded(a.bytes, a.len), plain = decoded(b.bytes, b.len);
    assert_int_equal(rgb.channels, 3);
    assert_memory_equal(rgb.sample, want_rgb, 9);
    assert_int_equal(plain.channels, 1);
    assert_memory_equal(plain.sample, want_gray, 3);
    mv_image_clear(&rgb);
    mv_image_clear(&plain);
    mv_buffer_clear(&a);
    mv_buffer_clear(&b);
}

static void opaque_alpha_is_dropped_and_real_transparency_refused(void **state)
{
    uint8_t rows[2 * 4] = {1, 2, 3, 255, 4, 5, 6, 255};
    const uint8_t want[6] = {1, 2, 3, 4, 5, 6};
    const uint8_t index[2] = {0, 1};
    const png_color colors[2] = {{1, 2, 3}, {4, 5, 6}};
    const png_byte half[1] = {128};
    const png_kind rgba = {.bits = 8, .color = PNG_COLOR_TYPE_RGB_ALPHA};
    const png_kind palette = {.bits = 8,
                              .color = PNG_COLOR_TYPE_PALETTE,
                              .palette = colors,
                              .palette_count = 2,
                              .alphas = half,
                              .alpha_count = 1};
    (void)state;
    mv_buffer bytes = png_of(&rgba, 2, 1, rows, 8);
    mv_image image = decoded(bytes.bytes, bytes.len);
    assert_int_equal(image.channels, 3);
    assert_memory_equal(image.sample, want, 6);
    mv_image_clear(&image);
    mv_buffer_clear(&bytes);
    rows[7] = 254;
    bytes = png_of(&rgba, 2, 1, rows, 8);
    assert_refused(bytes.bytes, bytes.len, MV_E_UNSUPPORTED, "transparent");
    mv_buffer_clear(&bytes);
    bytes = png_of(&palette, 2, 1, index, 2);
    assert_refused(bytes.bytes, bytes.len, MV_E_UNSUPPORTED, "transparent");
    mv_buffer_clear(&bytes);
}

/* ---- NPY and NIfTI kinds that our own writer does not make ---- */

/* An NPY file with this dictionary; version 1 or 2. */
static mv_buffer npy_of(int version, const char *dictionary, const void *data, size_t len)
{
    mv_buffer out = mv_buffer_make(1 << 20);
    const size_t text = strlen(dictionary);
    const uint8_t magic[8] = {0x93, 'N', 'U', 'M', 'P', 'Y', (uint8_t)version, 0};
    assert_int_equal(mv_buffer_append(&out, magic, 8), MV_OK);
    assert_int_equal(version == 1 ? mv_buffer_put_u16le(&out, (uint16_t)text)
                                  : mv_buffer_put_u32le(&out, (uint32_t)text),
                     MV_OK);
    assert_int_equal(mv_buffer_append(&out, (const uint8_t *)dictionary, text), MV_OK);
    assert_int_equal(mv_buffer_append(&out, data, len), MV_OK);
    return out;
}

static void npy_is_read_in_both_byte_orders_and_both_array_orders(void **state)
{
    const uint8_t bytes[12] = {0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6};
    const struct {
        const char *dictionary;
        double want[6];
    } cases[] = {
        {"{'descr': '>u2', 'fortran_order': False, 'shape': (2, 3), }\n", {1, 2, 3, 4, 5, 6}},
        {"{'descr': '<u2', 'fortran_order': False, 'shape': (2, 3), }\n",
         {256, 512, 768, 1024, 1280, 1536}},
        {"{'descr': '>u2', 'fortran_order': True, 'shape': (2, 3), }\n", {1, 3, 5, 2, 4, 6}},
        {"{\"shape\":(2,3),\"fortran_order\":False,\"descr\":\">i2\"}", {1, 2, 3, 4, 5, 6}},
    };
    (void)state;
    for (size_t i = 0; i < 4; i++) {
        mv_buffer file = npy_of(1 + (int)i % 2, cases[i].dictionary, bytes, sizeof bytes);
        mv_image image = decoded(file.bytes, file.len);
        assert_true(image.width == 3 && image.height == 2 && image.depth == 1);
        for (size_t k = 0; k < 6; k++) {
            assert_true(mv_image_get(&image, k) == cases[i].want[k]);
        }
        mv_image_clear(&image);
        mv_buffer_clear(&file);
    }
}

static void pixels_that_spell_the_mark_of_dicom_are_still_an_array(void **state)
{
    (void)state;
    mv_image image = make(4, 1, 1, 1, MV_SAMPLE_U8);
    memcpy(image.sample, "DICM", 4); /* 128 bytes into the file that is written */
    assert_round_trip(&image, "a.npy");
    mv_image_clear(&image);
}

static void odd_npy_files_each_get_their_sentence(void **state)
{
    const struct {
        const char *dictionary;
        mv_status st;
        const char *word;
    } cases[] = {
        {"{'descr': '<i8', 'fortran_order': False, 'shape': (2, 2), }", MV_E_UNSUPPORTED, "<i8"},
        {"{'descr': '<c8', 'fortran_order': False, 'shape': (2, 2), }", MV_E_UNSUPPORTED, "<c8"},
        {"{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2,), }", MV_E_FORMAT,
         "header"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (4,), }", MV_E_UNSUPPORTED, "axes"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (), }", MV_E_UNSUPPORTED, "axes"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (1, 1, 1, 1, 1), }", MV_E_UNSUPPORTED,
         "axes"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (1, 1, 1, 2), }", MV_E_UNSUPPORTED,
         "axes"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (0, 4), }", MV_E_RANGE, "without"},
        {"{'descr': '|u1', 'fortran_order': False, 'shape': (9999999999, 9999999999), }",
         MV_E_LIMIT, "more than"},
        {"{'descr': '|u1', 'fortran_order': False, 'shape': (70000, 2), }", MV_E_TRUNCATED,
         "early"},
        {"{'descr': '<f4', 'fortran_order': Maybe, 'shape': (2, 2), }", MV_E_FORMAT, "header"},
        {"{'descr': '<f4', 'shape': (2, 2), }", MV_E_FORMAT, "header"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (2, -2), }", MV_E_FORMAT, "header"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 2), ", MV_E_FORMAT, "header"},
        {"", MV_E_FORMAT, "header"},
    };
    const uint8_t data[16] = {0};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        mv_buffer file = npy_of(1, cases[i].dictionary, data, sizeof data);
        assert_refused(file.bytes, file.len, cases[i].st, cases[i].word);
        mv_buffer_clear(&file);
    }
    mv_buffer file = npy_of(9, cases[0].dictionary, data, sizeof data);
    assert_refused(file.bytes, file.len, MV_E_UNSUPPORTED, "version");
    mv_buffer_clear(&file);
}

static void nan_and_infinity_are_refused_with_their_place(void **state)
{
    const char *names[] = {"a.npy", "a.nii", "a.nii.gz"};
    const double bad[] = {NAN, INFINITY, -INFINITY};
    (void)state;
    for (size_t n = 0; n < 3; n++) {
        for (size_t t = 0; t < 2; t++) {
            mv_image image = make(4, 3, 2, 1, t == 0 ? MV_SAMPLE_F32 : MV_SAMPLE_F64);
            if (t == 0) {
                ((float *)image.sample)[12 + 4 + 2] = (float)bad[n];
            } else {
                ((double *)image.sample)[12 + 4 + 2] = bad[n];
            }
            mv_buffer bytes = saved(&image, names[n]);
            assert_refused(bytes.bytes, bytes.len, MV_E_RANGE, "x 2, y 1, slice 1");
            mv_buffer_clear(&bytes);
            mv_image_clear(&image);
        }
    }
}

/* Turn a little-endian NIfTI-1 file of 16-bit samples into a big-endian one. */
static void make_big_endian(mv_buffer *file)
{
    static const struct {
        size_t at, size, count;
    } fields[] = {{0, 4, 1},   {40, 2, 8},  {70, 2, 2}, {76, 4, 8},
                  {108, 4, 1}, {112, 4, 1}, {116, 4, 1}};
    for (size_t f = 0; f < sizeof fields / sizeof fields[0]; f++) {
        for (size_t k = 0; k < fields[f].count; k++) {
            uint8_t *p = file->bytes + fields[f].at + k * fields[f].size;
            for (size_t i = 0; i < fields[f].size / 2; i++) {
                const uint8_t swap = p[i];
                p[i] = p[fields[f].size - 1 - i];
                p[fields[f].size - 1 - i] = swap;
            }
        }
    }
    for (size_t i = 352; i + 1 < file->len; i += 2) {
        const uint8_t swap = file->bytes[i];
        file->bytes[i] = file->bytes[i + 1];
        file->bytes[i + 1] = swap;
    }
}

static void a_big_endian_nifti_file_reads_as_the_little_endian_one(void **state)
{
    mv_image image = make(5, 4, 3, 1, MV_SAMPLE_I16);
    (void)state;
    fill_random(&image, 6);
    image.slope = 0.25;
    image.spacing_mm[0] = 1.5;
    mv_buffer file = saved(&image, "a.nii");
    make_big_endian(&file);
    mv_image back = decoded(file.bytes, file.len);
    assert_same_samples(&image, &back);
    assert_true(back.slope == 0.25 && back.spacing_mm[0] == 1.5);
    mv_image_clear(&back);
    mv_image_clear(&image);
    mv_buffer_clear(&file);
}

static void odd_nifti_files_each_get_their_sentence(void **state)
{
    const struct {
        size_t at;
        uint16_t value;
        mv_status st;
        const char *word;
    } cases[] = {
        {70, 32, MV_E_UNSUPPORTED, "complex"}, {70, 1536, MV_E_UNSUPPORTED, "128-bit"},
        {70, 777, MV_E_FORMAT, "voxel type"},  {40, 0, MV_E_FORMAT, "dimensions"},
        {40, 8, MV_E_FORMAT, "dimensions"},    {42, 0, MV_E_RANGE, "no voxels"},
        {44, 0x8000, MV_E_RANGE, "no voxels"}, {46, 30000, MV_E_TRUNCATED, "early"},
        {346, 0, MV_E_FORMAT, "ANALYZE"},      {345, '1' << 8 | 'i', MV_E_UNSUPPORTED, ".img"},
        {110, 0x7f80, MV_E_FORMAT, "nowhere"}, {110, 0xc000, MV_E_FORMAT, "nowhere"},
    };
    mv_image image = make(5, 4, 3, 1, MV_SAMPLE_I16);
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        mv_buffer file = saved(&image, "a.nii");
        mv_store_u16le(file.bytes + cases[i].at, cases[i].value);
        assert_refused(file.bytes, file.len, cases[i].st, cases[i].word);
        mv_buffer_clear(&file);
    }
    mv_buffer file = saved(&image, "a.nii");
    mv_store_u16le(file.bytes + 40, 5); /* five dimensions */
    mv_store_u16le(file.bytes + 46, 32767);
    mv_store_u16le(file.bytes + 48, 32767);
    assert_refused(file.bytes, file.len, MV_E_LIMIT, "more than");
    mv_buffer_clear(&file);
    mv_image_clear(&image);
}

static void the_volumes_of_a_series_follow_each_other_in_the_stack(void **state)
{
    mv_image image = make(5, 4, 6, 1, MV_SAMPLE_U8);
    (void)state;
    fill_random(&image, 7);
    mv_buffer file = saved(&image, "a.nii");
    mv_store_u16le(file.bytes + 40, 4);
    mv_store_u16le(file.bytes + 46, 2); /* z */
    mv_store_u16le(file.bytes + 48, 3); /* t */
    mv_image back = decoded(file.bytes, file.len);
    assert_same_samples(&image, &back);
    mv_image_clear(&back);
    mv_image_clear(&image);
    mv_buffer_clear(&file);
}

/* ---- bad input ---- */

/* Small files of every format, as our own writers make them. */
static const char *const small_names[] = {"s.png", "s.jpg", "s.nii", "s.nii.gz", "s.npy"};

static mv_buffer small_file(size_t i)
{
    mv_phantom_opts opts = mv_phantom_defaults();
    mv_image image;
    opts.width = 20;
    opts.height = 14;
    assert_int_equal(mv_phantom_make(&image, &opts, NULL), MV_OK);
    mv_buffer bytes = saved(&image, small_names[i]);
    mv_image_clear(&image);
    return bytes;
}

static void a_file_cut_at_any_byte_is_refused_with_a_sentence(void **state)
{
    (void)state;
    for (size_t i = 0; i < 5; i++) {
        mv_buffer file = small_file(i);
        for (size_t len = 0; len < file.len; len++) {
            uint8_t *exact = malloc(len == 0 ? 1 : len); /* a read past the end is seen */
            mv_image image;
            mv_error err = {0};
            memcpy(exact, file.bytes, len);
            const mv_status st = mv_image_decode(&image, exact, len, "scan", &err);
            assert_true(st == MV_E_TRUNCATED || (len < 8 && st == MV_E_FORMAT));
            assert_non_null(strstr(err.text, "scan"));
            assert_zeroed(&image);
            free(exact);
        }
        mv_buffer_clear(&file);
    }
}

static void a_flipped_bit_is_seen_by_the_formats_that_carry_a_checksum(void **state)
{
    const size_t with_checksum[] = {0, 3};
    (void)state;
    for (size_t f = 0; f < 2; f++) {
        mv_buffer file = small_file(with_checksum[f]);
        mv_image good = decoded(file.bytes, file.len);
        for (size_t bit = 0; bit < 8 * file.len; bit++) {
            mv_image image;
            file.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
            if (mv_image_decode(&image, file.bytes, file.len, "scan", NULL) == MV_OK) {
                assert_same_samples(&good, &image); /* a bit that does not matter */
            }
            mv_image_clear(&image);
            file.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
        mv_image_clear(&good);
        mv_buffer_clear(&file);
    }
}

static void random_damage_never_crashes_a_loader(void **state)
{
    mv_rand r = mv_rand_make(11);
    (void)state;
    for (size_t i = 0; i < 5; i++) {
        mv_buffer file = small_file(i);
        for (int round = 0; round < 400; round++) {
            mv_image image;
            mv_error err = {0};
            uint8_t kept[8];
            uint32_t at[8];
            for (int k = 0; k < 8; k++) {
                at[k] = mv_rand_below(&r, (uint32_t)file.len);
                kept[k] = file.bytes[at[k]];
                file.bytes[at[k]] = (uint8_t)mv_rand_u64(&r);
            }
            const mv_status st = mv_image_decode(&image, file.bytes, file.len, "scan", &err);
            assert_true(st == MV_OK || err.text[0] != '\0');
            mv_image_clear(&image);
            for (int k = 7; k >= 0; k--) {
                file.bytes[at[k]] = kept[k];
            }
        }
        mv_buffer_clear(&file);
    }
}

static void empty_and_foreign_files_are_refused_by_content_not_by_name(void **state)
{
    mv_image image;
    mv_error err = {0};
    mv_buffer png = small_file(0);
    const char *path = in_folder("really-a-png.nii");
    (void)state;
    assert_refused((const uint8_t *)"", 0, MV_E_TRUNCATED, "empty");
    assert_refused((const uint8_t *)"hello, world", 12, MV_E_FORMAT, "not an image");
    assert_refused((const uint8_t *)"\x1f\x8b\x08\0\0\0\0\0", 8, MV_E_TRUNCATED, "early");
    assert_int_equal(mv_file_write(path, png.bytes, png.len, 0, NULL), MV_OK);
    assert_int_equal(mv_image_load(&image, path, NULL), MV_OK);
    assert_int_equal(unlink(path), 0);
    mv_image_clear(&image);
    assert_int_equal(mv_image_load(&image, in_folder("nothing.png"), &err), MV_E_NOT_FOUND);
    assert_non_null(strstr(err.text, "nothing.png"));
    assert_int_equal(mv_image_load(&image, folder, NULL), MV_E_IO);
    mv_buffer_clear(&png);
}

static void put_u32be(uint8_t *p, uint32_t v)
{
    for (int i = 0; i < 4; i++) {
        p[i] = (uint8_t)(v >> (24 - 8 * i));
    }
}

static void huge_and_zero_dimensions_are_refused_at_once(void **state)
{
    mv_buffer png = small_file(0), jpeg = small_file(1);
    size_t frame = 0;
    (void)state;
    put_u32be(png.bytes + 16, 0);
    assert_refused(png.bytes, png.len, MV_E_RANGE, "without pixels");
    put_u32be(png.bytes + 16, 0x7fffffff);
    assert_refused(png.bytes, png.len, MV_E_LIMIT, "at most");
    put_u32be(png.bytes + 16, 65535);
    put_u32be(png.bytes + 20, 65535);
    assert_refused(png.bytes, png.len, MV_E_TRUNCATED, "too few bytes");
    while (jpeg.bytes[frame] != 0xff || jpeg.bytes[frame + 1] != 0xc0) {
        frame++;
    }
    put_u32be(jpeg.bytes + frame + 5, 0xfde8fde8); /* 65000 x 65000 */
    assert_refused(jpeg.bytes, jpeg.len, MV_E_TRUNCATED, "too few bytes");
    put_u32be(jpeg.bytes + frame + 5, 0x00100000); /* no width */
    assert_refused(jpeg.bytes, jpeg.len, MV_E_FORMAT, "damaged");
    mv_buffer_clear(&png);
    mv_buffer_clear(&jpeg);
}

static void a_cmyk_jpeg_is_refused(void **state)
{
    const uint8_t pixels[16 * 16 * 4] = {0};
    unsigned char *bytes = NULL;
    unsigned long len = 0;
    tjhandle tj = tjInitCompress();
    (void)state;
    assert_int_equal(tjCompress2(tj, pixels, 16, 0, 16, TJPF_CMYK, &bytes, &len, TJSAMP_444, 90, 0),
                     0);
    assert_refused(bytes, len, MV_E_UNSUPPORTED, "CMYK");
    tjFree(bytes);
    assert_int_equal(tjDestroy(tj), 0);
}

static void every_format_says_whether_it_may_see_hostile_bytes_and_why(void **state)
{
    const mv_image_format *formats[] = {&mv_image_png,      &mv_image_jpeg, &mv_image_nifti,
                                        &mv_image_nifti_gz, &mv_image_npy,  &mv_image_dicom};
    (void)state;
    for (size_t i = 0; i < 6; i++) {
        assert_true(formats[i]->may_see_hostile_bytes);
        assert_true(strlen(formats[i]->trust_reason) > 10);
    }
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
        cmocka_unit_test(interlaced_png_gives_the_same_pixels_as_plain),
        cmocka_unit_test(png_of_1_2_and_4_bits_is_widened_to_8),
        cmocka_unit_test(a_palette_becomes_rgb_or_gray_when_all_its_colours_are_gray),
        cmocka_unit_test(opaque_alpha_is_dropped_and_real_transparency_refused),
        cmocka_unit_test(npy_is_read_in_both_byte_orders_and_both_array_orders),
        cmocka_unit_test(pixels_that_spell_the_mark_of_dicom_are_still_an_array),
        cmocka_unit_test(odd_npy_files_each_get_their_sentence),
        cmocka_unit_test(nan_and_infinity_are_refused_with_their_place),
        cmocka_unit_test(a_big_endian_nifti_file_reads_as_the_little_endian_one),
        cmocka_unit_test(odd_nifti_files_each_get_their_sentence),
        cmocka_unit_test(the_volumes_of_a_series_follow_each_other_in_the_stack),
        cmocka_unit_test(a_file_cut_at_any_byte_is_refused_with_a_sentence),
        cmocka_unit_test(a_flipped_bit_is_seen_by_the_formats_that_carry_a_checksum),
        cmocka_unit_test(random_damage_never_crashes_a_loader),
        cmocka_unit_test(empty_and_foreign_files_are_refused_by_content_not_by_name),
        cmocka_unit_test(huge_and_zero_dimensions_are_refused_at_once),
        cmocka_unit_test(a_cmyk_jpeg_is_refused),
        cmocka_unit_test(every_format_says_whether_it_may_see_hostile_bytes_and_why),
        cmocka_unit_test(a_phantom_is_the_same_for_the_same_seed_and_another_for_another),
        cmocka_unit_test(phantoms_use_the_range_that_their_type_promises),
        cmocka_unit_test(impossible_phantoms_are_refused),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
