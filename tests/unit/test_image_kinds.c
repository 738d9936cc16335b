/* SPDX-License-Identifier: Apache-2.0
 *
 * test_image_kinds.c: files that our own writers do not make: other kinds of each format, and bad
 * ones.
 */
#include "image_files.h"

#include <png.h>
#include <turbojpeg.h>

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

int main(void)
{
    const struct CMUnitTest tests[] = {
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
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
