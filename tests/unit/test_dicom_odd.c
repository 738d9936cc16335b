/* SPDX-License-Identifier: Apache-2.0
 *
 * test_dicom_odd.c: DICOM files that break a rule each: read as they are meant, or refused with a
 * sentence, in bounded time and memory.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "image/image_format.h"

#define ZLIB_CONST
#include <stdio.h>
#include <string.h>
#include <zlib.h>

/* A file in the making: its head, then elements. */
static mv_buffer begin(const char *syntax)
{
    mv_buffer b = mv_buffer_make((size_t)1 << 30);
    const size_t len = strlen(syntax) + strlen(syntax) % 2;
    assert_int_equal(mv_buffer_append_zeros(&b, 128), MV_OK);
    assert_int_equal(mv_buffer_append(&b, (const uint8_t *)"DICM\x02\0\0\0UL\x04\0", 12), MV_OK);
    assert_int_equal(mv_buffer_put_u32le(&b, (uint32_t)(8 + len)), MV_OK);
    assert_int_equal(mv_buffer_append(&b, (const uint8_t *)"\x02\0\x10\0UI", 6), MV_OK);
    assert_int_equal(mv_buffer_put_u16le(&b, (uint16_t)len), MV_OK);
    assert_int_equal(mv_buffer_append(&b, (const uint8_t *)syntax, strlen(syntax)), MV_OK);
    assert_int_equal(mv_buffer_append_zeros(&b, strlen(syntax) % 2), MV_OK);
    return b;
}

static bool is_long(const char *vr)
{
    return strstr("OB OW SQ UN UT OF", vr) != NULL;
}

/* The head of an element alone; its value may follow, or not. */
static void put_head(mv_buffer *b, uint32_t tag, const char *vr, uint32_t len)
{
    assert_int_equal(mv_buffer_put_u16le(b, (uint16_t)(tag >> 16)), MV_OK);
    assert_int_equal(mv_buffer_put_u16le(b, (uint16_t)tag), MV_OK);
    assert_int_equal(mv_buffer_append(b, (const uint8_t *)vr, 2), MV_OK);
    if (is_long(vr)) {
        assert_int_equal(mv_buffer_put_u16le(b, 0), MV_OK);
        assert_int_equal(mv_buffer_put_u32le(b, len), MV_OK);
    } else {
        assert_int_equal(mv_buffer_put_u16le(b, (uint16_t)len), MV_OK);
    }
}

static void put(mv_buffer *b, uint32_t tag, const char *vr, const void *value, size_t len)
{
    put_head(b, tag, vr, (uint32_t)len);
    assert_int_equal(mv_buffer_append(b, value, len), MV_OK);
}

static void put_us(mv_buffer *b, uint32_t tag, uint16_t value)
{
    const uint8_t bytes[2] = {(uint8_t)value, (uint8_t)(value >> 8)};
    put(b, tag, "US", bytes, 2);
}

static const uint8_t words[8] = {1, 0, 2, 0, 3, 0, 4, 0};

/* The attributes of a 2 x 2 image of 16 bits; `broken` is left to the caller. */
static void put_shape(mv_buffer *b, uint32_t broken)
{
    static const struct {
        uint32_t tag;
        uint16_t value;
    } numbers[] = {{0x00280002, 1},  {0x00280010, 2},  {0x00280011, 2}, {0x00280100, 16},
                   {0x00280101, 16}, {0x00280102, 15}, {0x00280103, 0}};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        if (numbers[i].tag != broken) {
            put_us(b, numbers[i].tag, numbers[i].value);
        }
        if (i == 0 && broken != 0x00280004) {
            put(b, 0x00280004, "CS", "MONOCHROME2 ", 12);
        }
    }
}

static void put_pixels(mv_buffer *b)
{
    put(b, 0x7fe00010, "OW", words, sizeof words);
}

#define EXPLICIT "1.2.840.10008.1.2.1"

/* The file is read as the 2 x 2 image that it is. */
static void expect_read(mv_buffer *b)
{
    static const uint16_t wanted[4] = {1, 2, 3, 4};
    mv_image image;
    mv_error err = {0};
    if (mv_image_decode(&image, b->bytes, b->len, "odd", &err) != MV_OK) {
        fail_msg("%s", err.text);
    }
    assert_int_equal(image.type, MV_SAMPLE_U16);
    assert_memory_equal(image.sample, wanted, sizeof wanted);
    mv_image_clear(&image);
    mv_buffer_clear(b);
}

static void expect_refused(mv_buffer *b, mv_status wanted)
{
    mv_image image;
    mv_error err = {0};
    const double start_ms = mv_clock_ms();
    const mv_status st = mv_image_decode(&image, b->bytes, b->len, "odd", &err);
    if (st != wanted) {
        fail_msg("%s, not %s: %s", mv_status_name(st), mv_status_name(wanted), err.text);
    }
    assert_true(err.text[0] != '\0');
    assert_null(image.sample);
    assert_true(mv_clock_ms() - start_ms < 60e3);
    mv_buffer_clear(b);
}

static void values_of_odd_length_are_read(void **state)
{
    mv_buffer b = begin(EXPLICIT);
    (void)state;
    put(&b, 0x00080060, "CS", "OTX", 3);
    put(&b, 0x00100010, "PN", "Doe", 3);
    put_shape(&b, 0);
    put_pixels(&b);
    expect_read(&b);
}

static void sequences_may_have_no_stated_length_but_must_end(void **state)
{
    (void)state;
    for (int ends = 0; ends < 2; ends++) {
        mv_buffer b = begin(EXPLICIT);
        put_head(&b, 0x00081140, "SQ", UINT32_MAX);
        assert_int_equal(
            mv_buffer_append(&b, (const uint8_t *)"\xfe\xff\x00\xe0\xff\xff\xff\xff", 8), MV_OK);
        put(&b, 0x00081150, "UI", "1.2.3\0", 6);
        if (ends) {
            assert_int_equal(mv_buffer_append(&b,
                                              (const uint8_t *)"\xfe\xff\x0d\xe0\0\0\0\0"
                                                               "\xfe\xff\xdd\xe0\0\0\0\0",
                                              16),
                             MV_OK);
            put_shape(&b, 0);
            put_pixels(&b);
            expect_read(&b);
        } else {
            expect_refused(&b, MV_E_TRUNCATED);
        }
    }
}

static void lengths_beyond_the_file_are_refused(void **state)
{
    static const uint32_t lengths[] = {16, 0x7fffffff, 0xfffffffe};
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        mv_buffer b = begin(EXPLICIT);
        put_shape(&b, 0);
        put_head(&b, 0x7fe00010, "OW", lengths[i]);
        assert_int_equal(mv_buffer_append(&b, words, sizeof words), MV_OK);
        expect_refused(&b, MV_E_TRUNCATED);
    }
}

static void pixels_without_a_length_need_a_compressed_syntax(void **state)
{
    mv_buffer b = begin(EXPLICIT);
    mv_image image;
    mv_error err = {0};
    (void)state;
    put_shape(&b, 0);
    put_head(&b, 0x7fe00010, "OW", UINT32_MAX);
    assert_int_equal(mv_buffer_append(&b, words, sizeof words), MV_OK);
    assert_int_not_equal(mv_image_decode(&image, b.bytes, b.len, "odd", &err), MV_OK);
    assert_true(err.text[0] != '\0');
    mv_buffer_clear(&b);
}

static void missing_pixels_and_missing_attributes_are_told_apart(void **state)
{
    static const uint32_t needed[] = {0x00280010, 0x00280011};
    mv_buffer b = begin(EXPLICIT);
    (void)state;
    put_shape(&b, 0);
    expect_refused(&b, MV_E_RANGE);
    for (size_t i = 0; i < 2; i++) {
        b = begin(EXPLICIT);
        put_shape(&b, needed[i]);
        put_pixels(&b);
        expect_refused(&b, MV_E_FORMAT);
    }
    b = begin(EXPLICIT);
    put_shape(&b, 0x00280100);
    put_pixels(&b);
    expect_refused(&b, MV_E_UNSUPPORTED);
    b = begin(EXPLICIT);
    put_shape(&b, 0x00280004);
    put_pixels(&b);
    expect_refused(&b, MV_E_UNSUPPORTED);
    b = begin(EXPLICIT);
    put_shape(&b, 0);
    put_head(&b, 0x7fe00010, "OW", 0);
    expect_refused(&b, MV_E_TRUNCATED);
}

static void a_wrong_value_representation_gives_no_wrong_image(void **state)
{
    static const struct {
        const char *vr, *value;
        size_t len;
    } wrong[] = {{"LO", "ab", 2},     {"SS", "\xff\xff", 2},
                 {"OB", "\x02\0", 2}, {"FD", "\0\0\0\0\0\0\0@", 8},
                 {"UI", "1.2\0", 4},  {"SQ", "", 0},
                 {"US", "", 0},       {"UL", "\xff\xff\xff\xff", 4}};
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        mv_buffer b = begin(EXPLICIT);
        mv_image image;
        mv_error err = {0};
        put_us(&b, 0x00280002, 1);
        put(&b, 0x00280004, "CS", "MONOCHROME2 ", 12);
        put(&b, 0x00280010, wrong[i].vr, wrong[i].value, wrong[i].len);
        put_us(&b, 0x00280011, 2);
        put_us(&b, 0x00280100, 16);
        put_us(&b, 0x00280101, 16);
        put_us(&b, 0x00280102, 15);
        put_us(&b, 0x00280103, 0);
        put_pixels(&b);
        const mv_status st = mv_image_decode(&image, b.bytes, b.len, "odd", &err);
        assert_true(st != MV_OK ? err.text[0] != '\0' : image.height == 2 && image.width == 2);
        mv_image_clear(&image);
        mv_buffer_clear(&b);
    }
}

static void sequences_nested_without_end_do_no_harm(void **state)
{
    enum { DEPTH = 200000 };
    mv_buffer b = begin(EXPLICIT);
    mv_image image;
    mv_error err = {0};
    (void)state;
    for (int i = 0; i < DEPTH; i++) {
        put_head(&b, 0x00081140, "SQ", UINT32_MAX);
        assert_int_equal(
            mv_buffer_append(&b, (const uint8_t *)"\xfe\xff\x00\xe0\xff\xff\xff\xff", 8), MV_OK);
    }
    assert_int_not_equal(mv_image_decode(&image, b.bytes, b.len, "odd", &err), MV_OK);
    assert_true(err.text[0] != '\0');
    mv_buffer_clear(&b);
}

/* ---- bombs ---- */

static void append_deflated(mv_buffer *b, const mv_buffer *data, size_t zeros)
{
    static const uint8_t nothing[1 << 16];
    z_stream z = {0};
    uint8_t block[1 << 16];
    int rc = deflateInit2(&z, 9, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY);
    assert_int_equal(rc, Z_OK);
    z.next_in = data->bytes;
    z.avail_in = (uInt)data->len;
    do {
        if (z.avail_in == 0 && zeros > 0) {
            z.next_in = nothing;
            z.avail_in = sizeof nothing;
            zeros = zeros > sizeof nothing ? zeros - sizeof nothing : 0;
        }
        z.next_out = block;
        z.avail_out = sizeof block;
        rc = deflate(&z, zeros == 0 && z.avail_in == 0 ? Z_FINISH : Z_NO_FLUSH);
        assert_true(rc == Z_OK || rc == Z_STREAM_END || rc == Z_BUF_ERROR);
        assert_int_equal(mv_buffer_append(b, block, sizeof block - z.avail_out), MV_OK);
    } while (rc != Z_STREAM_END);
    assert_int_equal(deflateEnd(&z), Z_OK);
}

static void a_deflated_bomb_is_stopped(void **state)
{
    const uint32_t zeros = 3000u << 20;
    mv_buffer b = begin("1.2.840.10008.1.2.1.99"), inside = mv_buffer_make(1 << 20);
    mv_image image;
    mv_error err = {0};
    (void)state;
    put_shape(&inside, 0);
    put_head(&inside, 0x7fe00010, "OW", zeros);
    append_deflated(&b, &inside, (size_t)200 << 20); /* less than stated is enough here */
    const double start_ms = mv_clock_ms();
    assert_int_not_equal(mv_image_decode(&image, b.bytes, b.len, "bomb", &err), MV_OK);
    assert_true(mv_clock_ms() - start_ms < 60e3);
    assert_true(err.text[0] != '\0');
    mv_buffer_clear(&inside);
    mv_buffer_clear(&b);
}

static void a_small_file_that_states_a_huge_image_is_refused(void **state)
{
    static const char *const syntaxes[] = {"1.2.840.10008.1.2.5", "1.2.840.10008.1.2.4.70",
                                           "1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.90"};
    (void)state;
    for (size_t i = 0; i < 4; i++) {
        mv_buffer b = begin(syntaxes[i]);
        mv_image image;
        mv_error err = {0};
        put_us(&b, 0x00280002, 1);
        put(&b, 0x00280004, "CS", "MONOCHROME2 ", 12);
        put_us(&b, 0x00280010, 8000);
        put_us(&b, 0x00280011, 8000);
        put_us(&b, 0x00280100, 8);
        put_us(&b, 0x00280101, 8);
        put_us(&b, 0x00280102, 7);
        put_us(&b, 0x00280103, 0);
        put_head(&b, 0x7fe00010, "OB", UINT32_MAX);
        assert_int_equal(mv_buffer_append(&b,
                                          (const uint8_t *)"\xfe\xff\x00\xe0\0\0\0\0"
                                                           "\xfe\xff\x00\xe0\x08\0\0\0"
                                                           "\x01\0\0\0\x40\0\0\0"
                                                           "\xfe\xff\xdd\xe0\0\0\0\0",
                                          32),
                         MV_OK);
        assert_int_not_equal(mv_image_decode(&image, b.bytes, b.len, "huge", &err), MV_OK);
        assert_true(err.text[0] != '\0');
        mv_buffer_clear(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_of_odd_length_are_read),
        cmocka_unit_test(sequences_may_have_no_stated_length_but_must_end),
        cmocka_unit_test(lengths_beyond_the_file_are_refused),
        cmocka_unit_test(pixels_without_a_length_need_a_compressed_syntax),
        cmocka_unit_test(missing_pixels_and_missing_attributes_are_told_apart),
        cmocka_unit_test(a_wrong_value_representation_gives_no_wrong_image),
        cmocka_unit_test(sequences_nested_without_end_do_no_harm),
        cmocka_unit_test(a_deflated_bomb_is_stopped),
        cmocka_unit_test(a_small_file_that_states_a_huge_image_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
