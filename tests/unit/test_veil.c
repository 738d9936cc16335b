/* SPDX-License-Identifier: Apache-2.0
 *
 * test_veil.c: sentences about the parts of the veil codec: logarithms, the lapped transform,
 * frequencies and pixels coded by learned contexts. Networks here have random weights unless said:
 * what is tested is that both sides do the same with them.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <sodium.h>

#include "codec/companding.h"
#include "codec/jpegls.h"
#include "codec/spread_loss.h"
#include "codec/veil_bands.h"
#include "codec/veil_pixels.h"
#include "image/phantom.h"
#include "nn/nn_small_train.h"

static const double pi = 3.14159265358979323846;

static mv_small_net random_net(mv_rand *r)
{
    mv_small_weights w;
    mv_small_net net;
    const float start[MV_SMALL_OUT] = {0, -1};
    mv_small_init(&w, start, r);
    for (size_t i = 0; i < MV_SMALL_H2; i++) {
        w.w3[i][0] = (float)(mv_rand_normal(r) * 0.3);
        w.w3[i][1] = (float)(mv_rand_normal(r) * 0.3);
    }
    assert_int_equal(mv_small_export(&net, &w), MV_OK);
    return net;
}

/* ---- numbers ---- */

static void logarithms_are_near_monotonic_and_exact_at_powers_of_two(void **state)
{
    int32_t before = -1;
    (void)state;
    for (uint32_t n = 1; n < 100000; n++) {
        const int32_t log = mv_log2_q8(n);
        assert_true(log >= before);
        assert_true(fabs(log - 256 * log2(n)) <= 2);
        before = log;
    }
    for (unsigned k = 0; k < 32; k++) {
        assert_int_equal(mv_log2_q8(1U << k), 256 * k);
    }
    assert_true(mv_log2_q8(UINT32_MAX) <= 32 * 256);
}

static void companding_is_near_and_monotonic_and_stops_at_its_end(void **state)
{
    mv_compander c;
    int16_t before = -1;
    (void)state;
    mv_compander_init(&c);
    assert_int_equal(mv_compand(&c, 0), 0);
    for (uint32_t r = 0; r < 70000; r++) {
        const int16_t v = mv_compand(&c, r);
        const double want = 256 * log2(1 + fmin(r, 65535) / 256.0);
        assert_true(v >= before);
        assert_true(fabs(v - want) <= (r < 1024 ? 6 : 14));
        before = v;
    }
    assert_int_equal(mv_compand(&c, 70000), mv_compand(&c, UINT32_MAX));
}

static void the_slope_of_a_cost_is_its_derivative(void **state)
{
    const double distances[] = {-30, -3.2, -0.4, 0, 0.3, 1, 7.5}, logs[] = {-3, -1, 0, 1.5, 4};
    const double h = 1e-5;
    (void)state;
    for (size_t i = 0; i < sizeof distances / sizeof *distances; i++) {
        for (size_t j = 0; j < sizeof logs / sizeof *logs; j++) {
            double slope[2], none[2];
            const double d = distances[i], s = logs[j];
            assert_true(mv_spread_loss(slope, d, s) >= 0);
            /* the mean going up takes the distance down */
            const double by_mean =
                (mv_spread_loss(none, d - h, s) - mv_spread_loss(none, d + h, s)) / (2 * h);
            const double by_log =
                (mv_spread_loss(none, d, s + h) - mv_spread_loss(none, d, s - h)) / (2 * h);
            assert_true(fabs(slope[0] - by_mean) < 1e-4 * (1 + fabs(by_mean)));
            assert_true(fabs(slope[1] - by_log) < 1e-4 * (1 + fabs(by_log)));
        }
    }
}

static void the_cost_in_training_is_the_cost_in_coding(void **state)
{
    (void)state;
    for (uint32_t scale = 8; scale < 56; scale += 3) {
        for (int32_t v = -20; v <= 20; v++) {
            double slope[2];
            const mv_spread p = {5, scale};
            const double told = mv_spread_loss(slope, v - 5 / 16.0, scale / 8.0 - 4);
            const double paid = mv_spread_bits(v, p);
            /* of the rarest numbers coding counts whole 65536ths */
            assert_true(fabs(told - paid) < (told < 10 ? 0.1 : 1.2));
        }
    }
}

static void small_networks_train_by_their_gradient(void **state)
{
    mv_rand r = mv_rand_make(9);
    mv_small_weights w, g, moved;
    mv_small_trace t;
    int16_t x[MV_SMALL_IN];
    const float dy[MV_SMALL_OUT] = {0.7F, -0.4F};
    const float start[MV_SMALL_OUT] = {0.1F, -1};
    (void)state;
    mv_small_init(&w, start, &r);
    for (size_t i = 0; i < MV_SMALL_IN; i++) {
        x[i] = (int16_t)((int32_t)mv_rand_below(&r, 1024) - 512);
    }
    for (size_t i = 0; i < MV_SMALL_H2; i++) {
        w.w3[i][0] = (float)mv_rand_normal(&r);
        w.w3[i][1] = (float)mv_rand_normal(&r);
    }
    memset(&g, 0, sizeof g);
    mv_small_forward(&t, &w, x);
    mv_small_backward(&g, &w, &t, dy);
    for (int round = 0; round < 300; round++) {
        const size_t at = mv_rand_below(&r, MV_SMALL_WEIGHTS);
        const float h = 1e-2F;
        double side[2];
        for (int s = 0; s < 2; s++) {
            moved = w;
            (&moved.w1[0][0])[at] += s == 0 ? -h : h;
            mv_small_forward(&t, &moved, x);
            side[s] = (double)dy[0] * t.y[0] + (double)dy[1] * t.y[1];
        }
        const double want = (side[1] - side[0]) / (2 * (double)h), got = (&g.w1[0][0])[at];
        assert_true(fabs(got - want) < 0.02 + 0.05 * fabs(want)); /* kinks of relu included */
    }
}

/* ---- the transform ---- */

static double dct(size_t u, size_t n)
{
    return sqrt(0.25) * cos(pi * (2 * (double)n + 1) * (double)u / 16) * (u == 0 ? sqrt(0.5) : 1);
}

/* One block, far from any other: its frequencies by definition. */
static void a_single_block_has_the_frequencies_of_the_definition(void **state)
{
    mv_rand r = mv_rand_make(4);
    const mv_veil_grid g = mv_veil_grid_make(8, 8, true);
    int32_t pixel[64], coef[64];
    (void)state;
    for (size_t i = 0; i < 64; i++) {
        pixel[i] = (int32_t)mv_rand_below(&r, 256);
    }
    assert_int_equal(mv_veil_forward(coef, pixel, &g), MV_OK);
    for (size_t u = 0; u < 8; u++) {
        for (size_t v = 0; v < 8; v++) {
            double want = 0;
            for (size_t i = 0; i < 64; i++) {
                want += pixel[i] * dct(u, i / 8) * dct(v, i % 8);
            }
            assert_true(fabs(coef[u * 8 + v] / 64.0 - want) < 0.2);
        }
    }
}

static void pixels_come_back_from_their_frequencies_at_any_size(void **state)
{
    const uint32_t sizes[][2] = {{1, 1}, {8, 8}, {7, 17}, {64, 40}, {65, 33}, {3, 200}};
    mv_rand r = mv_rand_make(5);
    (void)state;
    for (size_t s = 0; s < 2 * sizeof sizes / sizeof *sizes; s++) {
        const mv_veil_grid g = mv_veil_grid_make(sizes[s / 2][0], sizes[s / 2][1], s % 2 == 0);
        const size_t count = (size_t)g.width * g.height;
        int32_t *pixel = malloc(count * sizeof *pixel), *back = malloc(count * sizeof *back);
        int32_t *coef = malloc(64 * g.blocks * sizeof *coef);
        assert_true(pixel != NULL && back != NULL && coef != NULL);
        for (size_t i = 0; i < count; i++) {
            pixel[i] = (int32_t)mv_rand_below(&r, 131072) - 65536;
        }
        assert_int_equal(mv_veil_forward(coef, pixel, &g), MV_OK);
        assert_int_equal(mv_veil_inverse(back, coef, &g), MV_OK);
        for (size_t i = 0; i < count; i++) {
            assert_true(abs(back[i] - pixel[i]) <= 1);
        }
        free(pixel);
        free(back);
        free(coef);
    }
}

static void the_transform_keeps_lengths(void **state)
{
    mv_rand r = mv_rand_make(6);
    const mv_veil_grid g = mv_veil_grid_make(64, 64, true);
    static int32_t pixel[64 * 64], coef[64 * 64];
    double before = 0, after = 0;
    (void)state;
    for (size_t i = 0; i < 64 * 64; i++) {
        pixel[i] = (int32_t)mv_rand_below(&r, 2001) - 1000;
        before += (double)pixel[i] * pixel[i];
    }
    assert_int_equal(mv_veil_forward(coef, pixel, &g), MV_OK);
    for (size_t i = 0; i < 64 * 64; i++) {
        after += (double)coef[i] * coef[i] / (64.0 * 64.0);
    }
    assert_true(fabs(after / before - 1) < 1e-3); /* orthogonal */
}

/* ---- frequencies ---- */

static void frequencies_come_back_by_bands(void **state)
{
    mv_rand r = mv_rand_make(7);
    const mv_veil_grid g = mv_veil_grid_make(45, 70, true);
    static mv_small_net net[MV_VEIL_BANDS];
    const size_t count = 64 * g.blocks;
    int32_t *coef = malloc(count * sizeof *coef), *level = malloc(count * sizeof *level);
    int32_t *rebuilt = malloc(count * sizeof *rebuilt);
    const uint32_t step64 = 5 * 64;
    (void)state;
    assert_true(coef != NULL && level != NULL && rebuilt != NULL);
    for (size_t k = 0; k < MV_VEIL_BANDS; k++) {
        net[k] = random_net(&r);
        for (size_t b = 0; b < g.blocks; b++) {
            const double spread = 64 * 300.0 / (1 + (double)(k / 8 + k % 8));
            coef[k * g.blocks + b] = (int32_t)(mv_rand_normal(&r) * spread);
        }
    }
    mv_veil_quantise(level, coef, count, step64);
    for (uint32_t bands = 0; bands <= MV_VEIL_BANDS; bands += 16) {
        mv_buffer out = mv_buffer_make(1 << 24);
        mv_rans_writer w;
        mv_veil_levels *levels = NULL;
        assert_int_equal(mv_rans_writer_init(&w, &out), MV_OK);
        assert_int_equal(mv_veil_levels_new(&levels, &g, 100), MV_OK);
        mv_veil_levels_set(levels, level);
        assert_int_equal(mv_veil_bands_encode(&w, rebuilt, net, levels, bands, step64), MV_OK);
        assert_int_equal(mv_rans_finish(&w), MV_OK);
        mv_veil_levels_free(&levels);

        int32_t *back = malloc(count * sizeof *back);
        assert_non_null(back);
        mv_reader in = mv_reader_make(out.bytes, out.len);
        mv_rans_reader reader = mv_rans_reader_make(&in);
        assert_int_equal(mv_veil_levels_new(&levels, &g, 100), MV_OK);
        assert_int_equal(mv_veil_bands_decode(back, &reader, net, levels, bands, step64), MV_OK);
        assert_int_equal(mv_rans_close(&reader), MV_OK);
        for (size_t p = 0; p < MV_VEIL_BANDS; p++) {
            for (size_t b = 0; b < g.blocks; b++) {
                const size_t at = mv_veil_order[p] * g.blocks + b;
                if (p >= bands) {
                    assert_int_equal(back[at], 0);
                } else { /* within the bin, wherever the value was put in it */
                    assert_true(abs(back[at] - level[at] * (int32_t)step64) < (int32_t)step64);
                    assert_int_equal(back[at], rebuilt[at]);
                }
            }
        }
        mv_veil_levels_free(&levels);
        mv_rans_writer_clear(&w);
        mv_buffer_clear(&out);
        free(back);
    }
    free(coef);
    free(level);
    free(rebuilt);
}

/* Weights, levels and pixels by whole numbers alone: the bytes, and the picture, are the same on
 * every machine and stay so. */
static void bands_and_pictures_are_those_of_the_first_release(void **state)
{
    static const char want[] = "2d6bf6ff7986297a63ff57465b49a639";
    static mv_small_net net[MV_VEIL_BANDS];
    const mv_veil_grid g = mv_veil_grid_make(93, 70, true);
    const size_t count = 64 * g.blocks, pixels = (size_t)g.width * g.height;
    int32_t *level = malloc(count * sizeof *level), *coef = malloc(count * sizeof *coef);
    int32_t *pixel = malloc(pixels * sizeof *pixel);
    mv_rand r = mv_rand_make(8);
    mv_buffer out = mv_buffer_make(1 << 24);
    mv_rans_writer w;
    mv_veil_levels *levels = NULL;
    crypto_generichash_state h;
    uint8_t hash[16];
    char text[33];
    (void)state;
    assert_true(level != NULL && coef != NULL && pixel != NULL);
    for (size_t k = 0; k < MV_VEIL_BANDS; k++) {
        for (size_t i = 0; i < MV_SMALL_IN * MV_SMALL_H1; i++) {
            (&net[k].w1[0][0][0])[i] = (int16_t)(mv_rand_below(&r, 601) - 300);
            (&net[k].w2[0][0][0])[i % (MV_SMALL_H1 * MV_SMALL_H2)] =
                (int16_t)(mv_rand_below(&r, 801) - 400);
            (&net[k].w3[0][0])[i % (MV_SMALL_OUT * MV_SMALL_H2)] =
                (int16_t)(mv_rand_below(&r, 401) - 200);
        }
        assert_int_equal(mv_small_check(&net[k]), MV_OK);
        for (size_t b = 0; b < g.blocks; b++) {
            const uint32_t reach = 1 + 900 / (1 + (uint32_t)(k * k));
            level[k * g.blocks + b] = (int32_t)mv_rand_below(&r, 2 * reach + 1) - (int32_t)reach;
        }
    }
    assert_int_equal(mv_rans_writer_init(&w, &out), MV_OK);
    assert_int_equal(mv_veil_levels_new(&levels, &g, 100), MV_OK);
    mv_veil_levels_set(levels, level);
    assert_int_equal(mv_veil_bands_encode(&w, coef, net, levels, MV_VEIL_BANDS, 320), MV_OK);
    assert_int_equal(mv_rans_finish(&w), MV_OK);
    assert_int_equal(mv_veil_inverse(pixel, coef, &g), MV_OK);
    assert_int_equal(crypto_generichash_init(&h, NULL, 0, sizeof hash), 0);
    assert_int_equal(crypto_generichash_update(&h, out.bytes, out.len), 0);
    for (size_t i = 0; i < pixels; i++) {
        uint8_t bytes[4];
        mv_store_u32le(bytes, (uint32_t)pixel[i]);
        assert_int_equal(crypto_generichash_update(&h, bytes, sizeof bytes), 0);
    }
    assert_int_equal(crypto_generichash_final(&h, hash, sizeof hash), 0);
    sodium_bin2hex(text, sizeof text, hash, sizeof hash);
    assert_string_equal(text, want);
    mv_veil_levels_free(&levels);
    mv_rans_writer_clear(&w);
    mv_buffer_clear(&out);
    free(level);
    free(coef);
    free(pixel);
}

/* ---- pixels ---- */

typedef int32_t (*painter)(mv_rand *r, uint32_t x, uint32_t y);

static int32_t smooth(mv_rand *r, uint32_t x, uint32_t y)
{
    return (int32_t)(2000 + 1500 * sin(x / 9.0) * cos(y / 7.0) + mv_rand_normal(r) * 12);
}

static int32_t noise(mv_rand *r, uint32_t x, uint32_t y)
{
    (void)x, (void)y;
    return (int32_t)mv_rand_below(r, 65536) - 32768;
}

static int32_t one_colour(mv_rand *r, uint32_t x, uint32_t y)
{
    (void)r, (void)x, (void)y;
    return 77;
}

static int32_t saturated(mv_rand *r, uint32_t x, uint32_t y)
{
    (void)x, (void)y;
    return mv_rand_below(r, 2) == 0 ? -32768 : 65535;
}

static size_t there_and_back(const mv_small_net *net, painter paint, uint32_t width,
                             uint32_t height, uint32_t max_error)
{
    const size_t count = (size_t)width * height;
    const mv_pixel_shape shape = {width, height, -32768, 65535, max_error};
    int32_t *pixel = malloc(count * sizeof *pixel), *coded = malloc(count * sizeof *coded);
    int32_t *back = malloc(count * sizeof *back);
    mv_buffer out = mv_buffer_make(1 << 28);
    mv_rans_writer w;
    mv_rand r = mv_rand_make(width * 7 + height);
    assert_true(pixel != NULL && coded != NULL && back != NULL);
    for (size_t i = 0; i < count; i++) {
        pixel[i] = coded[i] = paint(&r, (uint32_t)(i % width), (uint32_t)(i / width));
    }
    assert_int_equal(mv_rans_writer_init(&w, &out), MV_OK);
    assert_int_equal(mv_pixels_encode(&w, net, &shape, coded), MV_OK);
    assert_int_equal(mv_rans_finish(&w), MV_OK);
    mv_reader in = mv_reader_make(out.bytes, out.len);
    mv_rans_reader reader = mv_rans_reader_make(&in);
    assert_int_equal(mv_pixels_decode(&reader, net, &shape, back), MV_OK);
    assert_int_equal(mv_rans_close(&reader), MV_OK);
    assert_memory_equal(back, coded, count * sizeof *back); /* the encoder knew what comes out */
    for (size_t i = 0; i < count; i++) {
        assert_true(abs(back[i] - pixel[i]) <= (int32_t)max_error);
    }
    const size_t len = out.len;
    mv_rans_writer_clear(&w);
    mv_buffer_clear(&out);
    free(pixel);
    free(coded);
    free(back);
    return len;
}

static void pixels_come_back_exactly_or_within_their_error(void **state)
{
    const uint32_t sizes[][2] = {{1, 1}, {2, 3}, {1, 300}, {300, 1}, {4, 4}, {61, 45}};
    const painter painters[] = {smooth, noise, one_colour, saturated};
    const uint32_t errors[] = {0, 1, 7, 1000, 65535};
    mv_rand r = mv_rand_make(8);
    (void)state;
    const mv_small_net net = random_net(&r);
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        for (size_t p = 0; p < sizeof painters / sizeof *painters; p++) {
            for (size_t e = 0; e < sizeof errors / sizeof *errors; e++) {
                (void)there_and_back(&net, painters[p], sizes[s][0], sizes[s][1], errors[e]);
            }
        }
    }
    (void)there_and_back(&net, smooth, 65535, 1, 0);
}

/* The trained network on a picture made of whole numbers: the very bytes, whichever kernel this
 * processor chose. */
static void every_machine_codes_the_same_bytes(void **state)
{
    enum { WIDTH = 128, HEIGHT = 96 };
    const mv_pixel_shape shape = {WIDTH, HEIGHT, 0, 4095, 0};
    static int32_t pixel[WIDTH * HEIGHT];
    mv_small_net net;
    mv_rans_writer w;
    mv_buffer out = mv_buffer_make(1 << 20);
    uint8_t hash[16];
    char hex[33];
    (void)state;
    for (int32_t i = 0; i < WIDTH * HEIGHT; i++) {
        const int32_t x = i % WIDTH, y = i / WIDTH;
        pixel[i] = ((x * x + 3 * x * y + 2 * y * y) / 29 + i * 7919 % 61) % 4096;
    }
    assert_int_equal(mv_pixels_net(&net), MV_OK);
    assert_int_equal(mv_rans_writer_init(&w, &out), MV_OK);
    assert_int_equal(mv_pixels_encode(&w, &net, &shape, pixel), MV_OK);
    assert_int_equal(mv_rans_finish(&w), MV_OK);
    assert_int_equal(crypto_generichash(hash, sizeof hash, out.bytes, out.len, NULL, 0), 0);
    assert_string_equal(sodium_bin2hex(hex, sizeof hex, hash, sizeof hash),
                        "5b8eb1d3d9d14b2178cd1cd9b2a6282a");
    mv_rans_writer_clear(&w);
    mv_buffer_clear(&out);
}

static void learned_contexts_beat_jpeg_ls_on_a_phantom(void **state)
{
    enum { SIDE = 200, COUNT = SIDE * SIDE };
    const mv_jpegls_frame picture = {SIDE, SIDE, 1, 12, 0};
    const mv_pixel_shape shape = {SIDE, SIDE, 0, 4095, 0};
    mv_phantom_opts opts = mv_phantom_defaults();
    mv_image image = {0};
    mv_small_net net;
    mv_rans_writer w;
    mv_buffer out = mv_buffer_make(1 << 20);
    static int32_t pixel[COUNT];
    static uint8_t stream[1 << 18];
    size_t jpegls = 0;
    (void)state;
    opts.width = opts.height = SIDE;
    opts.type = MV_SAMPLE_U16;
    assert_int_equal(mv_phantom_make(&image, &opts, NULL), MV_OK);
    for (size_t i = 0; i < COUNT; i++) {
        pixel[i] = ((const uint16_t *)image.sample)[i];
    }
    assert_int_equal(mv_jpegls_encode(stream, sizeof stream, &jpegls, &picture, image.sample),
                     MV_OK);
    assert_int_equal(mv_pixels_net(&net), MV_OK);
    assert_int_equal(mv_rans_writer_init(&w, &out), MV_OK);
    assert_int_equal(mv_pixels_encode(&w, &net, &shape, pixel), MV_OK);
    assert_int_equal(mv_rans_finish(&w), MV_OK);
    assert_true(out.len < jpegls);
    mv_rans_writer_clear(&w);
    mv_buffer_clear(&out);
    mv_image_clear(&image);
}

static void a_pixel_outside_its_range_is_refused(void **state)
{
    mv_rand r = mv_rand_make(8);
    const mv_small_net net = random_net(&r);
    const mv_pixel_shape shape = {2, 1, 0, 100, 0};
    int32_t pixel[2] = {50, 101};
    mv_buffer out = mv_buffer_make(1000);
    mv_rans_writer w;
    (void)state;
    assert_int_equal(mv_rans_writer_init(&w, &out), MV_OK);
    assert_int_equal(mv_pixels_encode(&w, &net, &shape, pixel), MV_E_RANGE);
    mv_rans_writer_clear(&w);
    mv_buffer_clear(&out);
}

static void damaged_pixels_stay_in_range_and_are_an_error_when_cut(void **state)
{
    mv_rand r = mv_rand_make(10);
    const mv_small_net net = random_net(&r);
    const mv_pixel_shape shape = {61, 45, -100, 100, 0};
    static int32_t pixel[61 * 45];
    (void)state;
    for (int round = 0; round < 200; round++) {
        uint8_t bytes[600];
        const size_t len = mv_rand_below(&r, sizeof bytes);
        for (size_t i = 0; i < len; i++) {
            bytes[i] = (uint8_t)mv_rand_below(&r, 256);
        }
        mv_reader in = mv_reader_make(bytes, len);
        mv_rans_reader reader = mv_rans_reader_make(&in);
        const mv_status st = mv_pixels_decode(&reader, &net, &shape, pixel);
        assert_true(st != MV_OK || mv_rans_close(&reader) != MV_OK || len > 500);
        for (size_t i = 0; st == MV_OK && i < 61 * 45; i++) {
            assert_true(pixel[i] >= -100 && pixel[i] <= 100);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(logarithms_are_near_monotonic_and_exact_at_powers_of_two),
        cmocka_unit_test(companding_is_near_and_monotonic_and_stops_at_its_end),
        cmocka_unit_test(the_slope_of_a_cost_is_its_derivative),
        cmocka_unit_test(the_cost_in_training_is_the_cost_in_coding),
        cmocka_unit_test(small_networks_train_by_their_gradient),
        cmocka_unit_test(a_single_block_has_the_frequencies_of_the_definition),
        cmocka_unit_test(pixels_come_back_from_their_frequencies_at_any_size),
        cmocka_unit_test(the_transform_keeps_lengths),
        cmocka_unit_test(frequencies_come_back_by_bands),
        cmocka_unit_test(bands_and_pictures_are_those_of_the_first_release),
        cmocka_unit_test(pixels_come_back_exactly_or_within_their_error),
        cmocka_unit_test(every_machine_codes_the_same_bytes),
        cmocka_unit_test(learned_contexts_beat_jpeg_ls_on_a_phantom),
        cmocka_unit_test(a_pixel_outside_its_range_is_refused),
        cmocka_unit_test(damaged_pixels_stay_in_range_and_are_an_error_when_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
