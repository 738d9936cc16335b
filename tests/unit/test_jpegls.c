/* SPDX-License-Identifier: Apache-2.0
 *
 * test_jpegls.c: our JPEG-LS beside CharLS, which is no part of the product: the same streams byte
 * for byte, the same samples from them; colour as planes; streams that are no streams.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "codec/picture_coding.h"

#include <charls/charls.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PICTURES = 6000, ROOM_TIMES = 4 };

/* ---- pictures ---- */

static uint32_t state = 1;

static uint32_t draw(uint32_t below)
{
    state = state * 1664525u + 1013904223u;
    return (state >> 8) % below;
}

/* Kinds of pictures: noise, flat, flat with spots, a wrapping ramp, a noisy ramp, black and white.
 */
static uint32_t sample_of(uint32_t kind, uint32_t max, uint32_t x, uint32_t y)
{
    switch (kind) {
    case 0:
        return draw(max + 1);
    case 1:
        return max / 2;
    case 2:
        return draw(20) == 0 ? draw(max + 1) : max / 3;
    case 3:
        return (3 * x + 2 * y) & max;
    case 4:
        return (max / 2 + x + draw(max / 8 + 1)) & max;
    default:
        return draw(2) * max;
    }
}

static void set(void *samples, const mv_jpegls_frame *f, size_t i, uint32_t v)
{
    if (f->bits <= 8) {
        ((uint8_t *)samples)[i] = (uint8_t)v;
    } else {
        ((uint16_t *)samples)[i] = (uint16_t)v;
    }
}

static void *picture_of(const mv_jpegls_frame *f, uint32_t kind)
{
    void *samples = malloc(mv_jpegls_samples_len(f));
    const uint32_t max = (1u << f->bits) - 1, row = f->width * f->channels;
    assert_non_null(samples);
    for (uint32_t i = 0; i < f->height * row; i++) {
        set(samples, f, i, sample_of(kind, max, i % row / f->channels, i / row));
    }
    return samples;
}

static mv_jpegls_frame any_frame(void)
{
    mv_jpegls_frame f = {1 + draw(40), 1 + draw(40), draw(4) == 0 ? 3 : 1, 2 + draw(15), 0};
    const uint32_t half = ((1u << f.bits) - 1) / 2, most = half < 255 ? half : 255;
    if (draw(3) == 0) {
        f.near = draw(2) == 0 ? draw(most + 1) : draw(most + 1) % 4;
    }
    return f;
}

/* ---- CharLS ---- */

static size_t charls_encode(uint8_t *out, size_t room, const mv_jpegls_frame *f,
                            const void *samples)
{
    const charls_frame_info info = {f->width, f->height, (int32_t)f->bits, (int32_t)f->channels};
    charls_jpegls_encoder *e = charls_jpegls_encoder_create();
    size_t len = 0;
    assert_int_equal(charls_jpegls_encoder_set_frame_info(e, &info), 0);
    assert_int_equal(charls_jpegls_encoder_set_near_lossless(e, (int32_t)f->near), 0);
    if (f->channels == 3) {
        assert_int_equal(
            charls_jpegls_encoder_set_interleave_mode(e, CHARLS_INTERLEAVE_MODE_SAMPLE), 0);
    }
    assert_int_equal(charls_jpegls_encoder_set_destination_buffer(e, out, room), 0);
    assert_int_equal(
        charls_jpegls_encoder_encode_from_buffer(e, samples, mv_jpegls_samples_len(f), 0), 0);
    assert_int_equal(charls_jpegls_encoder_get_bytes_written(e, &len), 0);
    charls_jpegls_encoder_destroy(e);
    return len;
}

static void charls_decode(void *samples, const mv_jpegls_frame *f, const uint8_t *stream,
                          size_t len)
{
    charls_jpegls_decoder *d = charls_jpegls_decoder_create();
    assert_int_equal(charls_jpegls_decoder_set_source_buffer(d, stream, len), 0);
    assert_int_equal(charls_jpegls_decoder_read_header(d), 0);
    assert_int_equal(
        charls_jpegls_decoder_decode_to_buffer(d, samples, mv_jpegls_samples_len(f), 0), 0);
    charls_jpegls_decoder_destroy(d);
}

static void compare(const mv_jpegls_frame *f, uint32_t kind)
{
    const size_t samples_len = mv_jpegls_samples_len(f);
    const size_t room = ROOM_TIMES * mv_jpegls_room(f);
    void *samples = picture_of(f, kind), *ours = malloc(samples_len), *theirs = malloc(samples_len);
    uint8_t *stream = malloc(room), *other = malloc(room);
    size_t len = 0;

    assert_int_equal(mv_jpegls_encode(stream, room, &len, f, samples), MV_OK);
    assert_int_equal(charls_encode(other, room, f, samples), len);
    assert_memory_equal(stream, other, len);
    assert_int_equal(mv_jpegls_decode(ours, f, stream, len), MV_OK);
    charls_decode(theirs, f, stream, len);
    assert_memory_equal(ours, theirs, samples_len);
    if (f->near == 0) {
        assert_memory_equal(ours, samples, samples_len);
    }
    free(samples);
    free(ours);
    free(theirs);
    free(stream);
    free(other);
}

static void streams_and_samples_are_those_of_charls(void **unused)
{
    (void)unused;
    for (uint32_t i = 0; i < PICTURES; i++) {
        const mv_jpegls_frame f = any_frame();
        compare(&f, i % 6);
    }
    const mv_jpegls_frame large = {700, 300, 1, 16, 0}, wide = {40000, 2, 3, 12, 0};
    compare(&large, 4);
    compare(&wide, 2);
}

/* ---- room ---- */

static void a_stream_that_does_not_fit_is_said_to_not_fit(void **unused)
{
    (void)unused;
    const mv_jpegls_frame f = {31, 17, 1, 12, 0};
    void *samples = picture_of(&f, 4);
    uint8_t whole[2000], part[2000];
    size_t len = 0, part_len = 0;
    assert_int_equal(mv_jpegls_encode(whole, sizeof whole, &len, &f, samples), MV_OK);
    for (size_t room = 0; room < len; room++) {
        memset(part, 0xa5, sizeof part);
        assert_int_equal(mv_jpegls_encode(part, room, &part_len, &f, samples), MV_E_SPACE);
        for (size_t i = room; i < sizeof part; i++) {
            assert_int_equal(part[i], 0xa5);
        }
    }
    assert_int_equal(mv_jpegls_encode(part, len, &part_len, &f, samples), MV_OK);
    assert_int_equal(part_len, len);
    assert_memory_equal(part, whole, len);
    free(samples);
}

/* ---- streams that are none ---- */

static void cut_streams_are_refused(void **unused)
{
    (void)unused;
    const mv_jpegls_frame f = {31, 17, 1, 12, 0};
    void *samples = picture_of(&f, 4), *back = malloc(mv_jpegls_samples_len(&f));
    uint8_t stream[2000], cut[2000];
    size_t len = 0;
    assert_int_equal(mv_jpegls_encode(stream, sizeof stream, &len, &f, samples), MV_OK);
    for (size_t k = 0; k < len; k++) {
        memcpy(cut, stream, k);
        assert_int_equal(mv_jpegls_decode(back, &f, cut, k), MV_E_FORMAT);
        if (k >= 2) { /* with an end */
            cut[k - 2] = 0xff;
            cut[k - 1] = 0xd9;
            assert_int_equal(mv_jpegls_decode(back, &f, cut, k), MV_E_FORMAT);
        }
    }
    free(samples);
    free(back);
}

static void another_picture_than_expected_is_refused(void **unused)
{
    (void)unused;
    const mv_jpegls_frame f = {31, 17, 1, 12, 0};
    const mv_jpegls_frame others[] = {
        {30, 17, 1, 12, 0}, {31, 16, 1, 12, 0}, {31, 17, 3, 12, 0}, {31, 17, 1, 13, 0}};
    void *samples = picture_of(&f, 4), *back = malloc(31 * 17 * 6);
    uint8_t stream[2000];
    size_t len = 0;
    assert_int_equal(mv_jpegls_encode(stream, sizeof stream, &len, &f, samples), MV_OK);
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        assert_int_equal(mv_jpegls_decode(back, &others[i], stream, len), MV_E_FORMAT);
    }
    free(samples);
    free(back);
}

/* Whatever is in the stream, nothing is read or written elsewhere (sanitizers look) and samples
 * have no more than their bits. */
static void altered_streams_give_samples_of_their_bits_or_are_refused(void **unused)
{
    (void)unused;
    size_t refused = 0, given = 0;
    for (uint32_t n = 0; n < 4000; n++) {
        const mv_jpegls_frame f = any_frame();
        const size_t room = ROOM_TIMES * mv_jpegls_room(&f), count = mv_jpegls_samples_len(&f);
        void *samples = picture_of(&f, n % 6), *back = malloc(count);
        uint8_t *stream = malloc(room);
        size_t len = 0;
        assert_int_equal(mv_jpegls_encode(stream, room, &len, &f, samples), MV_OK);
        for (uint32_t k = 0; k < 1 + n % 8; k++) {
            stream[len / 4 + draw((uint32_t)(len - len / 4))] = (uint8_t)draw(256);
        }
        if (mv_jpegls_decode(back, &f, stream, len) == MV_OK) {
            given++;
            for (size_t i = 0; f.bits > 8 && i < count / 2; i++) {
                assert_true(((uint16_t *)back)[i] >> f.bits == 0);
            }
        } else {
            refused++;
        }
        free(samples);
        free(back);
        free(stream);
    }
    assert_true(refused > 100 && given > 100);
}

/* ---- colour ---- */

/* Three channels: a gray picture and up to `apart` more for each. */
static void *colour_of(const mv_jpegls_frame *f, uint32_t apart)
{
    void *samples = malloc(mv_jpegls_samples_len(f));
    const uint32_t max = (1u << f->bits) - 1;
    for (uint32_t i = 0; i < f->width * f->height; i++) {
        const uint32_t gray = sample_of(4, max, i % f->width, i / f->width);
        for (uint32_t c = 0; c < 3; c++) {
            set(samples, f, 3 * i + c, (gray + (apart == 0 ? 0 : draw(apart + 1))) & max);
        }
    }
    return samples;
}

/* Lengths of the picture by pixel and as it is coded; it comes back. */
static void code_colour(size_t *by_pixel, size_t *coded, const mv_jpegls_frame *f, uint32_t apart)
{
    const size_t room = ROOM_TIMES * mv_jpegls_room(f), samples_len = mv_jpegls_samples_len(f);
    void *samples = colour_of(f, apart), *back = malloc(samples_len);
    uint8_t *stream = malloc(room);
    assert_int_equal(mv_jpegls_encode(stream, room, by_pixel, f, samples), MV_OK);
    assert_int_equal(mv_picture_encode(stream, room, coded, f, samples), MV_OK);
    assert_int_equal(mv_picture_decode(back, f, stream, *coded), MV_OK);
    if (f->near == 0) {
        assert_memory_equal(back, samples, samples_len);
    }
    free(samples);
    free(back);
    free(stream);
}

static void colour_goes_as_planes_where_that_is_shorter(void **unused)
{
    (void)unused;
    for (uint32_t bits = 2; bits <= 16; bits++) {
        const mv_jpegls_frame f = {53, 37, 3, bits, 0};
        size_t by_pixel = 0, gray_too = 0, noise = 0;
        code_colour(&by_pixel, &gray_too, &f, 0);
        assert_true(gray_too < by_pixel / 2 + 100);
        code_colour(&by_pixel, &noise, &f, (1u << bits) - 1);
        assert_true(noise <= by_pixel);
    }
}

static void colour_that_may_be_off_or_is_too_high_goes_by_pixel(void **unused)
{
    (void)unused;
    const mv_jpegls_frame off = {53, 37, 3, 8, 2}, high = {2, 21846, 3, 8, 0};
    size_t by_pixel = 0, coded = 0;
    code_colour(&by_pixel, &coded, &off, 0);
    assert_int_equal(coded, by_pixel);
    code_colour(&by_pixel, &coded, &high, 0);
    assert_int_equal(coded, by_pixel);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(streams_and_samples_are_those_of_charls),
        cmocka_unit_test(a_stream_that_does_not_fit_is_said_to_not_fit),
        cmocka_unit_test(cut_streams_are_refused),
        cmocka_unit_test(another_picture_than_expected_is_refused),
        cmocka_unit_test(altered_streams_give_samples_of_their_bits_or_are_refused),
        cmocka_unit_test(colour_goes_as_planes_where_that_is_shorter),
        cmocka_unit_test(colour_that_may_be_off_or_is_too_high_goes_by_pixel),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
