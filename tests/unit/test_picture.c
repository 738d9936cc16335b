/* SPDX-License-Identifier: Apache-2.0
 *
 * test_picture.c: sentences about app/cli/picture.c, the drawing behind demo's PNG.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "image/phantom.h"
#include "picture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const picture_color black = {0, 0, 0}, white = {255, 255, 255};

static uint8_t red_at(const mv_image *canvas, int x, int y)
{
    return ((const uint8_t *)canvas->sample)[3 * ((size_t)y * canvas->width + (size_t)x)];
}

/* Pixels of the box that are darker than white. */
static size_t dark_in(const mv_image *canvas, picture_box box)
{
    size_t count = 0;
    for (int y = box.y; y < box.y + box.height; y++) {
        for (int x = box.x; x < box.x + box.width; x++) {
            count += red_at(canvas, x, y) < 255;
        }
    }
    return count;
}

static void every_printable_character_has_its_own_glyph(void **state)
{
    mv_image shown[95];
    char text[2] = " ";
    (void)state;
    for (int c = 32; c <= 126; c++) {
        text[0] = (char)c;
        assert_int_equal(picture_new(&shown[c - 32], 6, 9, white), MV_OK);
        picture_text(&shown[c - 32], 0, 0, 1, black, text);
        for (int other = 32; other < c; other++) {
            assert_memory_not_equal(shown[c - 32].sample, shown[other - 32].sample, 6 * 9 * 3);
        }
    }
    for (int i = 0; i < 95; i++) {
        mv_image_clear(&shown[i]);
    }
}

static void drawing_past_the_edges_is_cut_off(void **state)
{
    mv_image canvas;
    uint64_t bin[256] = {1, 2, 3};
    (void)state;
    assert_int_equal(picture_new(&canvas, 20, 10, white), MV_OK);
    picture_fill(&canvas, (picture_box){-5, -5, 100, 7}, black);
    assert_int_equal(red_at(&canvas, 19, 1), 0);
    assert_int_equal(red_at(&canvas, 19, 2), 255);
    picture_text(&canvas, 15, 6, 3, black, "clipped \xc3\xa9");
    picture_histogram(&canvas, (picture_box){-50, -50, 300, 200}, bin, black, 0, 1,
                      "x"); /* the sanitizers watch */
    mv_image_clear(&canvas);
}

static void an_image_keeps_its_aspect_inside_its_box(void **state)
{
    mv_image canvas, image;
    (void)state;
    assert_int_equal(picture_new(&canvas, 100, 100, white), MV_OK);
    assert_int_equal(mv_image_alloc(&image, 40, 20, 1, 1, MV_SAMPLE_I16), MV_OK);
    assert_int_equal(picture_image(&canvas, (picture_box){10, 10, 80, 80}, &image, 0, 0, 100),
                     MV_OK);
    assert_int_equal(dark_in(&canvas, (picture_box){0, 0, 100, 100}), 80 * 40);
    assert_int_equal(dark_in(&canvas, (picture_box){10, 30, 80, 40}), 80 * 40);
    mv_image_clear(&canvas);
    mv_image_clear(&image);
}

static void the_demo_picture_shows_three_columns_with_captions_and_histograms(void **state)
{
    char folder[] = "/tmp/medveil-test-picture-XXXXXX", path[64];
    mv_phantom_opts opts = mv_phantom_defaults();
    const char *captions[3] = {"Original\none line", "Ciphertext", "Decrypted\nand\ntwo lines"};
    uint8_t ciphertext[5000];
    mv_image original, picture;
    mv_error err = {0};
    (void)state;
    for (size_t i = 0; i < sizeof ciphertext; i++) {
        ciphertext[i] = (uint8_t)(i * 97);
    }
    assert_non_null(mkdtemp(folder));
    (void)snprintf(path, sizeof path, "%s/demo.png", folder);
    opts.type = MV_SAMPLE_I16;
    opts.width = 100;
    opts.height = 60;
    assert_int_equal(mv_phantom_make(&original, &opts, NULL), MV_OK);
    assert_int_equal(
        picture_demo(path, &original, ciphertext, sizeof ciphertext, &original, captions, &err),
        MV_OK);
    assert_int_equal(mv_image_load(&picture, path, &err), MV_OK);
    assert_int_equal(picture.channels, 3);
    const int column = (int)picture.width / 3, height = (int)picture.height;
    for (int i = 0; i < 3; i++) { /* heading, image, histogram: each column has all */
        assert_true(dark_in(&picture, (picture_box){i * column, 0, column, 60}) > 100);
        assert_true(dark_in(&picture, (picture_box){i * column, 100, column, 300}) > 90000);
        assert_true(dark_in(&picture, (picture_box){i * column, height - 100, column, 100}) > 5000);
    }
    assert_int_equal(dark_in(&picture, (picture_box){0, 0, 30, height}), 0); /* the margin */
    mv_image_clear(&picture);
    mv_image_clear(&original);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(folder), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_printable_character_has_its_own_glyph),
        cmocka_unit_test(drawing_past_the_edges_is_cut_off),
        cmocka_unit_test(an_image_keeps_its_aspect_inside_its_box),
        cmocka_unit_test(the_demo_picture_shows_three_columns_with_captions_and_histograms),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
