/* SPDX-License-Identifier: Apache-2.0
 *
 * test_exact_coding.c: files with raw samples become smaller and come back bit for bit, or within
 * their stated error; what was altered is refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "codec/jpegls.h"
#include "codec/veil_strip.h"
#include "envelope/exact_apart.h"
#include "envelope/exact_coding.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static mv_status append(void *user, const uint8_t *bytes, size_t len, mv_error *err)
{
    (void)err;
    return mv_buffer_append(user, bytes, len);
}

/* ---- files ---- */

typedef struct made {
    const char *descr; /* of NPY */
    uint32_t frames, height, width, channels;
    int32_t base;   /* lowest value */
    uint32_t noise; /* of this many values on top of a ramp */
} made;

static void put_sample(mv_buffer *b, const made *m, int32_t v)
{
    const bool wide = m->descr[2] == '2', swapped = m->descr[0] == '>';
    const uint8_t low = (uint8_t)v, high = (uint8_t)((uint32_t)v >> 8);
    if (!wide) {
        assert_int_equal(mv_buffer_put_u8(b, low), MV_OK);
    } else {
        assert_int_equal(mv_buffer_put_u8(b, swapped ? high : low), MV_OK);
        assert_int_equal(mv_buffer_put_u8(b, swapped ? low : high), MV_OK);
    }
}

static mv_buffer npy_of(const made *m)
{
    mv_buffer b = mv_buffer_make((size_t)1 << 28);
    char head[112], padded[119];
    uint32_t state = 1;

    (void)snprintf(head, sizeof head,
                   "{'descr': '%s', 'fortran_order': False, 'shape': (%u, %u, %u%s), }", m->descr,
                   m->frames, m->height, m->width, m->channels == 3 ? ", 3" : "");
    (void)snprintf(padded, sizeof padded, "%-117s\n", head);
    assert_int_equal(mv_buffer_append(&b, (const uint8_t *)"\x93NUMPY\x01\x00\x76\x00", 10), MV_OK);
    assert_int_equal(mv_buffer_append(&b, (const uint8_t *)padded, 118), MV_OK);
    const uint32_t row = m->width * m->channels;
    for (uint32_t i = 0; i < m->frames * m->height * row; i++) {
        state = state * 1664525u + 1013904223u;
        put_sample(&b, m,
                   m->base + (int32_t)(i % row / m->channels) + (int32_t)((state >> 8) % m->noise));
    }
    return b;
}

/* ---- there and back ---- */

/* coded by whom, and as what it is marked then */
typedef struct way {
    mv_exact_choice choice;
    uint32_t coding;
} way;

static const way jpegls = {MV_EXACT_JPEGLS, MV_CODING_RASTER},
                 best = {MV_EXACT_BEST, MV_CODING_STRIPS},
                 pixels = {MV_EXACT_PIXELS, MV_CODING_STRIPS};

static mv_status decode(mv_buffer *file, const mv_buffer *coded, const way *w, uint64_t file_len,
                        mv_error *err)
{
    const mv_sink sink = {append, file};
    mv_exact_decoder *decoder = NULL;
    assert_int_equal(mv_exact_decoder_new(&decoder, w->coding, file_len, &sink), MV_OK);
    mv_status st = MV_OK;
    for (size_t at = 0; st == MV_OK && at < coded->len; at += 1000) { /* in pieces */
        const size_t left = coded->len - at;
        st = mv_exact_decoder_write(decoder, coded->bytes + at, left < 1000 ? left : 1000, err);
    }
    st = st == MV_OK ? mv_exact_decoder_end(decoder, err) : st;
    mv_exact_decoder_free(&decoder);
    return st;
}

static bool encode(mv_buffer *coded, const mv_buffer *file, const way *w, uint32_t max_error)
{
    const mv_source source = mv_source_memory(file->bytes, file->len);
    const mv_sink sink = {append, coded};
    const mv_exact_opts opts = {max_error, w->choice, 2};
    uint32_t coding = MV_CODING_NONE;
    uint64_t len = 0;
    mv_error err = {0};
    if (mv_exact_encode(&coding, &len, &sink, &source, &opts, &err) != MV_OK) {
        fail_msg("%s", err.text);
    }
    assert_true(coding == MV_CODING_NONE || (coding == w->coding && len == coded->len));
    return coding != MV_CODING_NONE;
}

static void check_comes_back(const made *m, const way *w)
{
    mv_buffer file = npy_of(m), coded = mv_buffer_make((size_t)1 << 28);
    mv_buffer back = mv_buffer_make((size_t)1 << 28);
    mv_error err = {0};
    assert_true(encode(&coded, &file, w, 0));
    assert_true(coded.len < file.len);
    assert_int_equal(decode(&back, &coded, w, file.len, &err), MV_OK);
    assert_int_equal(back.len, file.len);
    assert_memory_equal(back.bytes, file.bytes, file.len);
    mv_buffer_clear(&file);
    mv_buffer_clear(&coded);
    mv_buffer_clear(&back);
}

static void the_coding_is_that_of_the_format_page(void **state)
{
    static const uint8_t head[24] = {128, 0, 0, 0, 0, 0, 0, 0, 16, 0, 0, 0,
                                     16,  0, 0, 0, 1, 0, 0, 0, 1,  1, 0, 0};
    static const uint8_t frame[] = {
        0x41, 0x00, 0x00, 0x00, 0x28, 0x00, 0x1e, 0x00, 0xff, 0xd8, 0xff, 0xf7, 0x00, 0x0b, 0x05,
        0x00, 0x10, 0x00, 0x10, 0x01, 0x01, 0x11, 0x00, 0xff, 0xda, 0x00, 0x08, 0x01, 0x01, 0x00,
        0x00, 0x00, 0x00, 0xbf, 0xff, 0x7f, 0xff, 0x52, 0xbf, 0xfd, 0x7f, 0xff, 0x5f, 0xff, 0x7f,
        0xff, 0x7f, 0xff, 0x7f, 0xff, 0x7f, 0xff, 0x7f, 0xff, 0x7f, 0xff, 0x7f, 0xff, 0x7f, 0xff,
        0x7f, 0xff, 0x7f, 0xff, 0x7f, 0xff, 0x7f, 0xff, 0x7f, 0xff, 0x00, 0xff, 0xd9};
    static const uint8_t strip[] = {
        0x02, 0x2d, 0x00, 0x00, 0x00, 0x28, 0x00, 0x1e, 0x00, 0x00, 0x28, 0x00, 0x00, 0x00,
        0xb2, 0x01, 0x02, 0x00, 0x08, 0xd1, 0x75, 0xae, 0x89, 0xa8, 0xf5, 0x90, 0x0e, 0xbb,
        0xb7, 0x63, 0xb7, 0x63, 0xb7, 0x63, 0xb7, 0x63, 0xb7, 0x63, 0xb7, 0x63, 0xb7, 0x63,
        0xb7, 0x63, 0xb7, 0x63, 0x70, 0x5e, 0x18, 0x84, 0xf6, 0x5a, 0x0a, 0x6a};
    const made m = {"|u1", 1, 16, 16, 1, 40, 1};
    mv_buffer file = npy_of(&m), coded = mv_buffer_make(1 << 10);
    (void)state;
    for (size_t i = 0; i < 256; i++) {
        file.bytes[128 + i] = (uint8_t)(40 + i % 16 + i / 16);
    }
    assert_true(encode(&coded, &file, &jpegls, 0));
    assert_int_equal(coded.len, 24 + 128 + sizeof frame + 32);
    assert_memory_equal(coded.bytes, head, 24);
    assert_memory_equal(coded.bytes + 24, file.bytes, 128);
    assert_memory_equal(coded.bytes + 152, frame, sizeof frame);
    coded.len = 0;
    assert_true(encode(&coded, &file, &pixels, 0));
    assert_int_equal(coded.len, 24 + 128 + sizeof strip + 32);
    assert_memory_equal(coded.bytes, head, 24);
    assert_memory_equal(coded.bytes + 24, file.bytes, 128);
    assert_memory_equal(coded.bytes + 152, strip, sizeof strip);
    mv_buffer_clear(&file);
    mv_buffer_clear(&coded);
}

/* Sample (x, y) is g + 1, g, g + 2 with g = 40 + x + y. */
static mv_buffer colour_file(void)
{
    const made m = {"|u1", 1, 16, 16, 3, 40, 1};
    static const uint8_t more[3] = {1, 0, 2};
    mv_buffer file = npy_of(&m);
    for (size_t i = 0; i < (size_t)3 * 256; i++) {
        file.bytes[128 + i] = (uint8_t)(40 + i / 3 % 16 + i / 48 + more[i % 3]);
    }
    return file;
}

static void colour_is_coded_as_the_format_page_says(void **state)
{
    static const uint8_t head[24] = {128, 0, 0, 0, 0, 0, 0, 0, 16, 0, 0, 0,
                                     16,  0, 0, 0, 1, 0, 0, 0, 3,  1, 0, 0};
    static const uint8_t frame[] = {
        0x50, 0x00, 0x00, 0x00, 0x28, 0x00, 0x20, 0x00, 0xff, 0xd8, 0xff, 0xf7, 0x00, 0x0b, 0x06,
        0x00, 0x30, 0x00, 0x10, 0x01, 0x01, 0x11, 0x00, 0xff, 0xda, 0x00, 0x08, 0x01, 0x01, 0x00,
        0x00, 0x00, 0x00, 0xbf, 0xff, 0x7f, 0xff, 0x52, 0xbf, 0xfd, 0x7f, 0xff, 0x5f, 0xff, 0x7f,
        0xff, 0x7f, 0xff, 0x7f, 0xff, 0x7f, 0xff, 0x7f, 0xff, 0x7f, 0xff, 0x7f, 0xff, 0x7f, 0xff,
        0x7f, 0xff, 0x7f, 0xff, 0x7f, 0xff, 0x7f, 0xff, 0x7f, 0xff, 0x00, 0x00, 0x03, 0x0d, 0xff,
        0x7d, 0x7f, 0xff, 0x7f, 0xfc, 0x0e, 0xff, 0x7e, 0xff, 0x7f, 0x80, 0xff, 0xd9};
    mv_buffer file = colour_file(), coded = mv_buffer_make(1 << 10);
    (void)state;
    assert_true(encode(&coded, &file, &jpegls, 0));
    assert_int_equal(coded.len, 24 + 128 + sizeof frame + 32);
    assert_memory_equal(coded.bytes, head, 24);
    assert_memory_equal(coded.bytes + 24, file.bytes, 128);
    assert_memory_equal(coded.bytes + 152, frame, sizeof frame);
    mv_buffer_clear(&file);
    mv_buffer_clear(&coded);
}

/* As every colour frame was before there were planes. */
static void a_colour_frame_by_pixel_is_read_too(void **state)
{
    static const uint8_t head[24] = {128, 0, 0, 0, 0, 0, 0, 0, 16, 0, 0, 0,
                                     16,  0, 0, 0, 1, 0, 0, 0, 3,  1, 0, 0};
    const mv_jpegls_frame picture = {16, 16, 3, 6, 0};
    mv_buffer file = colour_file(), coded = mv_buffer_make(1 << 12), back = coded;
    uint8_t lowered[3 * 256], stream[2000], digest[32];
    size_t len = 0;
    (void)state;
    for (size_t i = 0; i < sizeof lowered; i++) {
        lowered[i] = (uint8_t)(file.bytes[128 + i] - 40);
    }
    assert_int_equal(mv_jpegls_encode(stream, sizeof stream, &len, &picture, lowered), MV_OK);
    assert_int_equal(EVP_Digest(file.bytes, file.len, digest, NULL, EVP_sha256(), NULL), 1);
    assert_int_equal(mv_buffer_append(&coded, head, sizeof head), MV_OK);
    assert_int_equal(mv_buffer_append(&coded, file.bytes, 128), MV_OK);
    assert_int_equal(mv_buffer_put_u32le(&coded, (uint32_t)len), MV_OK);
    assert_int_equal(mv_buffer_put_u16le(&coded, 40), MV_OK);
    assert_int_equal(mv_buffer_put_u16le(&coded, 32), MV_OK);
    assert_int_equal(mv_buffer_append(&coded, stream, len), MV_OK);
    assert_int_equal(mv_buffer_append(&coded, digest, sizeof digest), MV_OK);
    assert_int_equal(decode(&back, &coded, &jpegls, file.len, NULL), MV_OK);
    assert_int_equal(back.len, file.len);
    assert_memory_equal(back.bytes, file.bytes, file.len);
    mv_buffer_clear(&file);
    mv_buffer_clear(&coded);
    mv_buffer_clear(&back);
}

static void every_kind_of_samples_comes_back_bit_for_bit(void **state)
{
    static const made kinds[] = {
        {"|u1", 1, 40, 60, 1, 3, 5},      {"|i1", 2, 40, 60, 1, -30, 5},
        {"<u2", 1, 40, 60, 1, 40000, 99}, {"<i2", 3, 40, 60, 1, -1024, 700},
        {">u2", 2, 40, 60, 1, 0, 3},      {">i2", 1, 40, 60, 1, -32768, 9000},
        {"|u1", 2, 40, 60, 3, 100, 5},    {"<u2", 2, 40, 60, 3, 0, 2000},
        {"<u2", 1, 64, 9, 1, 65000, 1},   {"<i2", 40, 256, 256, 1, -100, 2}, /* several children */
    };
    (void)state;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        check_comes_back(&kinds[i], &jpegls);
        if (kinds[i].frames < 40) { /* the last is for the children of JPEG-LS */
            check_comes_back(&kinds[i], &best);
            check_comes_back(&kinds[i], &pixels);
        }
    }
}

/* Height and frames that the head of the coding says. */
static void check_joined(const made *m, const way *w, uint32_t height, uint32_t frames)
{
    mv_buffer file = npy_of(m), coded = mv_buffer_make((size_t)1 << 24);
    assert_true(encode(&coded, &file, w, 0));
    assert_int_equal(mv_load_u32le(coded.bytes + 12), height);
    assert_int_equal(mv_load_u32le(coded.bytes + 16), frames);
    mv_buffer_clear(&file);
    mv_buffer_clear(&coded);
    check_comes_back(m, w);
}

static void small_frames_are_coded_as_one_picture(void **state)
{
    static const made all = {"<i2", 20, 17, 21, 1, -5, 9}, some = {"<i2", 12, 128, 128, 1, 0, 9},
                      none = {"|u1", 7, 120, 100, 1, 0, 9}, colour = {"|u1", 4, 9, 9, 3, 0, 9},
                      high = {"|u1", 10, 10000, 1, 3, 0, 9};
    (void)state;
    for (const way *w = &jpegls; w != NULL; w = w == &jpegls ? &best : NULL) {
        check_joined(&all, w, 340, 1);
        check_joined(&some, w, 512, 3);
        check_joined(&none, w, 120, 7); /* no number of them below 7 divides 7 */
        check_joined(&colour, w, 36, 1);
        check_joined(&high, w, 20000, 5); /* not so high that its planes would be too high */
    }
}

static void what_gets_no_smaller_is_left_as_it_is(void **state)
{
    const made noise = {"<u2", 2, 40, 60, 1, 0, 65536}, tiny = {"<i2", 1, 2, 1, 1, 7, 1};
    mv_buffer file = npy_of(&noise), coded = mv_buffer_make((size_t)1 << 28);
    (void)state;
    assert_false(encode(&coded, &file, &jpegls, 0));
    mv_buffer_clear(&file);
    file = npy_of(&tiny);
    assert_false(encode(&coded, &file, &jpegls, 0));
    memcpy(file.bytes, "text", 4); /* no samples at all */
    assert_false(encode(&coded, &file, &jpegls, 0));
    mv_buffer_clear(&file);
    mv_buffer_clear(&coded);
}

static void check_nothing_altered_is_taken(const made *m, const way *w)
{
    mv_buffer file = npy_of(m), coded = mv_buffer_make((size_t)1 << 20);
    assert_true(encode(&coded, &file, w, 0));
    for (size_t i = 0; i < coded.len; i++) {
        mv_buffer back = mv_buffer_make((size_t)1 << 20);
        mv_error err = {0};
        coded.bytes[i] ^= (uint8_t)(1u << i % 8);
        const mv_status st = decode(&back, &coded, w, file.len, &err);
        /* JPEG-LS has bits that mean nothing: those of its last byte */
        if (st == MV_OK) {
            assert_int_equal(back.len, file.len);
            assert_memory_equal(back.bytes, file.bytes, file.len);
        } else {
            assert_int_equal(st, MV_E_FORMAT);
            assert_true(err.text[0] != '\0');
        }
        coded.bytes[i] ^= (uint8_t)(1u << i % 8);
        mv_buffer_clear(&back);
    }
    const size_t len = coded.len;
    for (coded.len = 0; coded.len < len; coded.len += 7) {
        mv_buffer back = mv_buffer_make((size_t)1 << 20);
        assert_int_equal(decode(&back, &coded, w, file.len, NULL), MV_E_FORMAT);
        mv_buffer_clear(&back);
    }
    coded.len = len;
    mv_buffer back = mv_buffer_make((size_t)1 << 20);
    assert_int_equal(decode(&back, &coded, w, file.len - 1, NULL), MV_E_FORMAT);
    assert_int_equal(mv_buffer_put_u8(&coded, 0), MV_OK);
    mv_buffer_clear(&back);
    assert_int_equal(decode(&back, &coded, w, file.len, NULL), MV_E_FORMAT);
    mv_buffer_clear(&back);
    mv_buffer_clear(&file);
    mv_buffer_clear(&coded);
}

static void nothing_altered_or_cut_is_taken_for_the_file(void **state)
{
    const made gray = {"<i2", 2, 12, 10, 1, -50, 30}, colour = {"|u1", 1, 12, 10, 3, 50, 3};
    (void)state;
    check_nothing_altered_is_taken(&gray, &jpegls);
    check_nothing_altered_is_taken(&gray, &pixels);
    check_nothing_altered_is_taken(&colour, &pixels);
}

/* The other coding's bytes are not taken either way. */
static void a_coding_is_not_taken_for_the_other(void **state)
{
    const made m = {"<i2", 2, 12, 10, 1, -50, 30};
    mv_buffer file = npy_of(&m), coded = mv_buffer_make((size_t)1 << 20);
    mv_buffer back = mv_buffer_make((size_t)1 << 20);
    (void)state;
    assert_true(encode(&coded, &file, &best, 0));
    assert_int_equal(decode(&back, &coded, &jpegls, file.len, NULL), MV_E_FORMAT);
    coded.len = 0;
    assert_true(encode(&coded, &file, &jpegls, 0));
    assert_int_equal(decode(&back, &coded, &best, file.len, NULL), MV_E_FORMAT);
    mv_buffer_clear(&file);
    mv_buffer_clear(&coded);
    mv_buffer_clear(&back);
}

/* A frame of several strips, the last of fewer rows, of several bands each: best is never larger
 * than JPEG-LS but for the heads, and both orders of kinds in a batch occur. */
static void a_frame_of_many_strips_takes_the_smaller_coder_for_each(void **state)
{
    const made m = {"<u2", 1, 600, 2100, 1, 100, 12};
    mv_buffer file = npy_of(&m), plain = mv_buffer_make((size_t)1 << 28);
    mv_buffer coded = plain, back = plain;
    uint32_t random = 1;
    (void)state;
    for (size_t i = 0; i < (size_t)600 * 2100; i++) {
        random = random * 1664525u + 1013904223u;
        if (i / 2100 >= 499) { /* the second strip: two values, at random */
            mv_store_u16le(file.bytes + 128 + 2 * i, (uint16_t)((random >> 30) % 2 * 60000));
        }
    }
    assert_true(encode(&plain, &file, &jpegls, 0));
    assert_true(encode(&coded, &file, &best, 0));
    assert_true(coded.len < plain.len + 2048);
    assert_int_equal(decode(&back, &coded, &best, file.len, NULL), MV_OK);
    assert_int_equal(back.len, file.len);
    assert_memory_equal(back.bytes, file.bytes, file.len);
    mv_buffer_clear(&file);
    mv_buffer_clear(&plain);
    mv_buffer_clear(&coded);
    mv_buffer_clear(&back);
}

/* The strips of a coded file that has nothing behind its samples; *first_len: of strip 0's stream
 */
static mv_exact_strips strips_in(const uint8_t **batch, size_t *len, size_t *first_len,
                                 const mv_buffer *coded, uint64_t file_len)
{
    mv_raster raster;
    assert_true(mv_exact_head_read(&raster, coded->bytes, file_len));
    *batch = coded->bytes + MV_EXACT_HEAD_LEN + raster.at;
    *len = coded->len - MV_EXACT_HEAD_LEN - (size_t)raster.at - MV_EXACT_DIGEST_LEN;
    *first_len = mv_load_u32le(*batch + 1);
    return mv_exact_strips_of(&raster, MV_CODING_STRIPS);
}

/* 24 frames of 128 KiB: enough for as many children as there are processors, up to 12. */
static void strips_shared_among_children_come_back_each_in_its_place(void **state)
{
    const made m = {"<u2", 24, 256, 256, 1, 100, 12};
    mv_buffer file = npy_of(&m), coded = mv_buffer_make((size_t)1 << 28);
    const size_t want = file.len - 128;
    uint8_t *out = malloc(want), *batch = NULL;
    const uint8_t *view = NULL;
    size_t len = 0, first_len = 0;
    mv_error err = {0};
    (void)state;
    for (size_t i = 0; i < want / 2; i++) { /* no two frames alike */
        uint8_t *p = file.bytes + 128 + 2 * i;
        mv_store_u16le(p, (uint16_t)(mv_load_u16le(p) + i / 65536 * 37));
    }
    assert_true(encode(&coded, &file, &pixels, 0));
    const mv_exact_strips s = strips_in(&view, &len, &first_len, &coded, file.len);
    assert_non_null(out);
    assert_non_null(batch = malloc(len));
    memcpy(batch, view, len);
    assert_int_equal(mv_exact_rebuild_apart(out, want, &s, 0, batch, len, &err), MV_OK);
    assert_memory_equal(out, file.bytes + 128, want);
    /* whatever does not add up is refused: a batch cut short, another size, a head that lies */
    assert_int_equal(mv_exact_rebuild_apart(out, want, &s, 0, batch, len - 1, &err), MV_E_FORMAT);
    assert_int_equal(mv_exact_rebuild_apart(out, want - 1, &s, 0, batch, len, &err), MV_E_FORMAT);
    assert_int_equal(mv_exact_rebuild_apart(out, want, &s, 0, batch, 0, &err), MV_E_FORMAT);
    for (size_t frames = 0; frames < 24; frames++) { /* full before the batch is at its end */
        assert_int_equal(mv_exact_rebuild_apart(out, want / 24 * frames, &s, 0, batch, len, &err),
                         MV_E_FORMAT);
    }
    mv_store_u32le(batch + 1, (uint32_t)first_len + 1);
    assert_int_equal(mv_exact_rebuild_apart(out, want, &s, 0, batch, len, &err), MV_E_FORMAT);
    mv_store_u32le(batch + 1, (uint32_t)first_len);
    batch[0] = MV_EXACT_KIND_JPEGLS; /* in the child: the stream is of the other coder */
    assert_int_equal(mv_exact_rebuild_apart(out, want, &s, 0, batch, len, &err), MV_E_FORMAT);
    assert_string_equal(err.text, "the coded original inside cannot be rebuilt");
    free(batch);
    free(out);
    mv_buffer_clear(&file);
    mv_buffer_clear(&coded);
}

static int32_t sample_at(const mv_buffer *file, size_t i)
{
    return (int16_t)mv_load_u16le(file->bytes + 128 + 2 * i);
}

static void check_stated_errors(const made *m, const way *w)
{
    mv_buffer file = npy_of(m), coded = mv_buffer_make((size_t)1 << 20);
    size_t last_len = SIZE_MAX;
    for (uint32_t e = 1; e <= 255; e = 3 * e + 2) {
        mv_buffer back = mv_buffer_make((size_t)1 << 20);
        size_t differing = 0;
        coded.len = 0;
        assert_true(encode(&coded, &file, w, e));
        assert_true(coded.len < last_len);
        last_len = coded.len;
        assert_int_equal(decode(&back, &coded, w, file.len, NULL), MV_OK);
        assert_int_equal(back.len, file.len);
        assert_memory_equal(back.bytes, file.bytes, 128);
        for (size_t i = 0; i < (file.len - 128) / 2; i++) {
            const int32_t apart = abs(sample_at(&file, i) - sample_at(&back, i));
            assert_true(apart <= (int32_t)e);
            differing += apart != 0;
        }
        assert_true(differing != 0);
        mv_buffer_clear(&back);
    }
    mv_buffer_clear(&file);
    mv_buffer_clear(&coded);
}

static void a_stated_error_is_kept_by_every_sample_and_saves_bytes(void **state)
{
    /* values over the whole type: none may come back beyond its ends */
    const made gray = {"<i2", 2, 40, 60, 1, -32768, 65400}, colour = {"<i2", 1, 40, 60, 3, -9, 300};
    (void)state;
    check_stated_errors(&gray, &jpegls);
    check_stated_errors(&gray, &best);
    check_stated_errors(&gray, &pixels);
    check_stated_errors(&colour, &pixels);
}

/* Pictures that the network was not made for: text, noise, one value, both ends of 16 bits, one
 * pixel, one row, one column. Nothing is larger than the file, and a stated error is kept. */
static void odd_pictures_fall_back_by_size_and_keep_a_stated_error(void **state)
{
    static const made shapes[] = {{"<u2", 1, 64, 64, 1, 0, 65536}, {"|u1", 1, 64, 64, 1, 0, 256},
                                  {"<u2", 1, 64, 64, 1, 0, 1},     {"<i2", 1, 1, 1, 1, 7, 1},
                                  {"|u1", 1, 1, 65535, 1, 0, 9},   {"|u1", 1, 65535, 1, 1, 0, 9},
                                  {"|u1", 1, 33, 31, 3, 0, 256},   {"<u2", 1, 70, 90, 1, 0, 2}};
    (void)state;
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        mv_buffer file = npy_of(&shapes[i]), coded = mv_buffer_make((size_t)1 << 28);
        mv_buffer back = mv_buffer_make((size_t)1 << 28);
        const size_t size = (size_t)(shapes[i].descr[2] - '0');
        for (size_t k = 0; i == 7 && k < 70 * 90; k++) { /* black on white, as text is */
            mv_store_u16le(file.bytes + 128 + 2 * k, k * k / 7 % 5 < 3 ? 65535 : 0);
        }
        if (encode(&coded, &file, &best, 0)) {
            assert_true(coded.len < file.len);
            assert_int_equal(decode(&back, &coded, &best, file.len, NULL), MV_OK);
            assert_memory_equal(back.bytes, file.bytes, file.len);
        }
        coded.len = back.len = 0;
        assert_true(encode(&coded, &file, &best, 2));
        assert_int_equal(decode(&back, &coded, &best, file.len, NULL), MV_OK);
        assert_int_equal(back.len, file.len);
        for (size_t at = 128; at < file.len; at += size) {
            const int32_t a = size == 1 ? file.bytes[at] : mv_load_u16le(file.bytes + at);
            const int32_t b = size == 1 ? back.bytes[at] : mv_load_u16le(back.bytes + at);
            assert_true(abs(a - b) <= 2);
        }
        mv_buffer_clear(&file);
        mv_buffer_clear(&coded);
        mv_buffer_clear(&back);
    }
}

static void a_strip_of_colour_is_that_of_the_format_page(void **state)
{
    static const uint8_t stream[] = {
        0x01, 0x37, 0x00, 0x00, 0x00, 0x05, 0x05, 0x00, 0x00, 0x00, 0x36, 0x00, 0x00, 0x00, 0xfa,
        0xff, 0xff, 0xff, 0xfc, 0xff, 0xff, 0xff, 0x04, 0x00, 0x00, 0x00, 0x06, 0x00, 0x00, 0x00,
        0x5a, 0x4a, 0x01, 0x00, 0x1a, 0xd0, 0xae, 0xc4, 0x6e, 0xdf, 0xa1, 0xb7, 0xeb, 0xfb, 0x91,
        0x79, 0xf9, 0x76, 0x42, 0xed, 0x12, 0xe7, 0x86, 0x64, 0x97, 0xae, 0xb5, 0x1e, 0x75, 0xa2};
    const mv_veil_strip strip = {8, 8, 3, 59};
    uint16_t samples[192], back[192];
    mv_buffer out = mv_buffer_make(1 << 10);
    (void)state;
    for (size_t i = 0; i < 192; i++) {
        samples[i] = (uint16_t)(i / 3 % 8 * (i / 24) + 5 * (i % 3));
    }
    assert_int_equal(mv_veil_strip_encode(&out, &strip, 1, 1, samples), MV_OK);
    assert_int_equal(out.len, sizeof stream);
    assert_memory_equal(out.bytes, stream, out.len);
    assert_int_equal(mv_veil_strip_decode(back, &strip, 1, stream, sizeof stream), MV_OK);
    for (size_t i = 0; i < 192; i++) {
        assert_in_range(back[i] + 1 - samples[i], 0, 2);
    }
    mv_buffer_clear(&out);
}

static void a_sample_above_the_range_is_refused(void **state)
{
    const mv_veil_strip strip = {2, 1, 1, 6};
    const uint16_t samples[2] = {6, 7};
    mv_buffer out = mv_buffer_make(1 << 10);
    (void)state;
    assert_int_equal(mv_veil_strip_encode(&out, &strip, 0, 1, samples), MV_E_RANGE);
    assert_int_equal(out.len, 0);
    mv_buffer_clear(&out);
}

/* Gray in three channels, as ultrasound often is: the second and third cost nothing. */
static void gray_in_colour_costs_no_more_than_gray(void **state)
{
    const made gray = {"|u1", 1, 60, 80, 1, 10, 9}, colour = {"|u1", 1, 60, 80, 3, 10, 9};
    mv_buffer one = npy_of(&gray), three = npy_of(&colour);
    mv_buffer coded_one = mv_buffer_make(1 << 20), coded_three = mv_buffer_make(1 << 20);
    (void)state;
    for (size_t i = 0; i < 3 * 60 * 80; i++) {
        three.bytes[128 + i] = one.bytes[128 + i / 3];
    }
    assert_true(encode(&coded_one, &one, &pixels, 0));
    assert_true(encode(&coded_three, &three, &pixels, 0));
    assert_in_range(coded_three.len, coded_one.len, coded_one.len + 25);
    mv_buffer_clear(&one);
    mv_buffer_clear(&three);
    mv_buffer_clear(&coded_one);
    mv_buffer_clear(&coded_three);
}

static void an_error_without_raw_samples_is_refused(void **state)
{
    const mv_source source = mv_source_memory((const uint8_t *)"no image", 8);
    mv_buffer coded = mv_buffer_make(1 << 10);
    const mv_sink sink = {append, &coded};
    const mv_exact_opts opts = {.max_error = 3};
    uint32_t coding = MV_CODING_RASTER;
    uint64_t len = 0;
    mv_error err = {0};
    (void)state;
    assert_int_equal(mv_exact_encode(&coding, &len, &sink, &source, &opts, &err), MV_E_UNSUPPORTED);
    assert_int_equal(coding, MV_CODING_NONE);
    assert_true(err.text[0] != '\0');
    mv_buffer_clear(&coded);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_coding_is_that_of_the_format_page),
        cmocka_unit_test(colour_is_coded_as_the_format_page_says),
        cmocka_unit_test(a_colour_frame_by_pixel_is_read_too),
        cmocka_unit_test(every_kind_of_samples_comes_back_bit_for_bit),
        cmocka_unit_test(small_frames_are_coded_as_one_picture),
        cmocka_unit_test(what_gets_no_smaller_is_left_as_it_is),
        cmocka_unit_test(nothing_altered_or_cut_is_taken_for_the_file),
        cmocka_unit_test(a_stated_error_is_kept_by_every_sample_and_saves_bytes),
        cmocka_unit_test(a_coding_is_not_taken_for_the_other),
        cmocka_unit_test(a_frame_of_many_strips_takes_the_smaller_coder_for_each),
        cmocka_unit_test(strips_shared_among_children_come_back_each_in_its_place),
        cmocka_unit_test(odd_pictures_fall_back_by_size_and_keep_a_stated_error),
        cmocka_unit_test(a_strip_of_colour_is_that_of_the_format_page),
        cmocka_unit_test(a_sample_above_the_range_is_refused),
        cmocka_unit_test(gray_in_colour_costs_no_more_than_gray),
        cmocka_unit_test(an_error_without_raw_samples_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
