/* SPDX-License-Identifier: Apache-2.0
 *
 * test_kat_codec.c: the bytes of compact images and of exact strips, and the samples that they give
 * back, for odd sizes, depths of 8 to 16 bits, gray and colour, on one thread and on three: one
 * hash each, from whole numbers alone. The build runs this once for every tier of kernels
 * (MV_CPU_MASK), so all of them agree with the portable ones, wherever it runs.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "../support/veil_sample.h"
#include "codec/veil_strip.h"

/* Something with edges, slopes and a little texture, 0..high. */
static uint32_t sample_at(uint32_t i, uint32_t x, uint32_t y, uint32_t high)
{
    const uint32_t slope = (3 * x + 5 * y) % 400 * high / 400, edge = (x / 19 + y / 13) % 3;
    const uint32_t v = slope / 2 + edge * high / 6 + i * 2654435761U % (high / 32 + 2);
    return v > high ? high : v;
}

static void add(crypto_generichash_state *h, const void *bytes, size_t len)
{
    assert_int_equal(crypto_generichash_update(h, bytes, len), 0);
}

/* Numbers in an order of bytes that is no machine's own. */
static void add_numbers(crypto_generichash_state *h, const uint16_t *v, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint8_t bytes[2];
        mv_store_u16le(bytes, v[i]);
        add(h, bytes, sizeof bytes);
    }
}

static void start(crypto_generichash_state *h)
{
    assert_int_equal(crypto_generichash_init(h, NULL, 0, 16), 0);
}

static void check(crypto_generichash_state *h, const char *want)
{
    uint8_t hash[16];
    char hex[33];
    assert_int_equal(crypto_generichash_final(h, hash, sizeof hash), 0);
    assert_string_equal(sodium_bin2hex(hex, sizeof hex, hash, sizeof hash), want);
}

/* ---- compact images ---- */

static mv_image paint(uint32_t width, uint32_t height, uint32_t depth, uint32_t channels,
                      uint32_t bits)
{
    mv_image image = {0};
    const mv_sample_type type = bits <= 8 ? MV_SAMPLE_U8 : MV_SAMPLE_U16;
    assert_int_equal(mv_image_alloc(&image, width, height, depth, channels, type), MV_OK);
    image.bits = bits;
    for (uint32_t i = 0; i < mv_image_sample_count(&image); i++) {
        const uint32_t at = i / channels;
        mv_image_set(&image, i, sample_at(i, at % width, at / width, (1U << bits) - 1));
    }
    return image;
}

static void add_samples(crypto_generichash_state *h, const mv_image *image)
{
    for (size_t i = 0; i < mv_image_sample_count(image); i++) {
        const uint16_t v = (uint16_t)mv_image_get(image, i);
        add_numbers(h, &v, 1);
    }
}

/* Bytes and what they give back go into the hash; one thread and three make and read the same. */
static void compact_there_and_back(crypto_generichash_state *h, const mv_veil *veil,
                                   const mv_image *image, uint32_t quality, unsigned threads)
{
    const mv_progress none = {0};
    const mv_veil_opts opts[2] = {{.quality = quality, .threads = threads},
                                  {.quality = quality, .threads = 4 - threads}};
    uint8_t *bytes[2] = {NULL, NULL};
    size_t len[2] = {0};
    mv_image back = {0};
    for (size_t t = 0; t < 2; t++) {
        assert_int_equal(mv_veil_encode(&bytes[t], &len[t], NULL, veil, image, &opts[t], NULL),
                         MV_OK);
    }
    assert_int_equal(len[0], len[1]);
    assert_memory_equal(bytes[0], bytes[1], len[0]);
    assert_int_equal(mv_veil_decode(&back, veil, bytes[0], len[0], NULL, threads, none, NULL),
                     MV_OK);
    add(h, bytes[0], len[0]);
    add_samples(h, &back);
    mv_veil_free_bytes(&bytes[0], len[0]);
    mv_veil_free_bytes(&bytes[1], len[1]);
    mv_image_clear(&back);
}

static void compact_images_are_the_same_bytes_and_samples_everywhere(void **state)
{
    const struct {
        uint32_t width, height, depth, channels, bits;
    } kinds[] = {{1, 1, 1, 1, 8},    {65535, 1, 1, 1, 8}, {1, 300, 1, 1, 12},
                 {37, 23, 1, 1, 10}, {61, 45, 1, 1, 16},  {263, 9, 1, 1, 14},
                 {60, 41, 1, 3, 8},  {33, 20, 3, 1, 16},  {521, 70, 1, 1, 9}};
    crypto_generichash_state h;
    mv_veil *veil = sample_veil(3);
    (void)state;
    assert_non_null(veil);
    start(&h);
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        mv_image image = paint(kinds[k].width, kinds[k].height, kinds[k].depth, kinds[k].channels,
                               kinds[k].bits);
        const bool large = mv_image_sample_count(&image) > 50000;
        for (uint32_t quality = large ? 60 : 15; quality <= 100; quality += large ? 50 : 42) {
            compact_there_and_back(&h, veil, &image, quality, k % 2 == 0 ? 1 : 3);
        }
        mv_image_clear(&image);
    }
    check(&h, "b2f8102dc6f3c45ac1c9d133df51d043");
    mv_veil_free(&veil);
}

/* ---- exact strips ---- */

static void strip_there_and_back(crypto_generichash_state *h, const mv_veil_strip *strip,
                                 uint32_t max_error)
{
    const size_t count = (size_t)strip->width * strip->height * strip->channels;
    uint16_t *samples = malloc(count * sizeof *samples), *back = malloc(count * sizeof *back);
    mv_buffer out[2] = {mv_buffer_make(1 << 24), mv_buffer_make(1 << 24)};
    assert_true(samples != NULL && back != NULL);
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t at = i / strip->channels;
        samples[i] = (uint16_t)sample_at(i, at % strip->width, at / strip->width, strip->range);
    }
    for (unsigned t = 0; t < 2; t++) {
        assert_int_equal(mv_veil_strip_encode(&out[t], strip, max_error, 1 + 2 * t, samples),
                         MV_OK);
    }
    assert_int_equal(out[0].len, out[1].len);
    assert_memory_equal(out[0].bytes, out[1].bytes, out[0].len);
    assert_int_equal(mv_veil_strip_decode(back, strip, 3, out[0].bytes, out[0].len), MV_OK);
    for (size_t i = 0; i < count; i++) {
        assert_true((uint32_t)abs(back[i] - samples[i]) <= max_error);
    }
    add(h, out[0].bytes, out[0].len);
    add_numbers(h, back, count);
    mv_buffer_clear(&out[0]);
    mv_buffer_clear(&out[1]);
    free(samples);
    free(back);
}

static void exact_strips_are_the_same_bytes_everywhere(void **state)
{
    const uint32_t sizes[][2] = {{1, 1}, {65535, 1}, {1, 300}, {37, 23}, {61, 45}, {331, 407}};
    crypto_generichash_state h;
    (void)state;
    start(&h);
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        const bool large = sizes[s][0] * sizes[s][1] > 50000;
        for (uint32_t bits = large ? 16 : 8; bits <= 16; bits += 2) {
            const mv_veil_strip gray = {sizes[s][0], sizes[s][1], 1, (1U << bits) - 1};
            strip_there_and_back(&h, &gray, 0);
            if (!large) {
                strip_there_and_back(&h, &gray, bits - 5);
            }
        }
        const mv_veil_strip colour = {sizes[s][0], sizes[s][1], 3, 255};
        if (!large) {
            strip_there_and_back(&h, &colour, 0);
        }
    }
    check(&h, "22d464ae8b3bc85aaacc6923e30dfe79");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(compact_images_are_the_same_bytes_and_samples_everywhere),
        cmocka_unit_test(exact_strips_are_the_same_bytes_everywhere),
    };
    return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
