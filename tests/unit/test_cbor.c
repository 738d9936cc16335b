/* SPDX-License-Identifier: Apache-2.0
 *
 * test_cbor.c: sentences about base/cbor. The examples are from RFC 8949, appendix A.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "base/cbor.h"

static void check_bytes(mv_buffer *b, const char *expected, size_t len)
{
    assert_int_equal(b->len, len);
    assert_memory_equal(b->bytes, expected, len);
    mv_buffer_clear(b);
}

#define CHECK_WRITES(call, text)                                                                   \
    do {                                                                                           \
        mv_buffer b = mv_buffer_make(1000);                                                        \
        assert_int_equal(call, MV_OK);                                                             \
        check_bytes(&b, text, sizeof text - 1);                                                    \
    } while (0)

static void the_writer_gives_the_examples_of_the_standard(void **state)
{
    (void)state;
    CHECK_WRITES(mv_cbor_put_uint(&b, 0), "\x00");
    CHECK_WRITES(mv_cbor_put_uint(&b, 23), "\x17");
    CHECK_WRITES(mv_cbor_put_uint(&b, 24), "\x18\x18");
    CHECK_WRITES(mv_cbor_put_uint(&b, 1000), "\x19\x03\xe8");
    CHECK_WRITES(mv_cbor_put_uint(&b, 1000000), "\x1a\x00\x0f\x42\x40");
    CHECK_WRITES(mv_cbor_put_uint(&b, UINT64_MAX), "\x1b\xff\xff\xff\xff\xff\xff\xff\xff");
    CHECK_WRITES(mv_cbor_put_int(&b, -1), "\x20");
    CHECK_WRITES(mv_cbor_put_int(&b, -1000), "\x39\x03\xe7");
    CHECK_WRITES(mv_cbor_put_int(&b, INT64_MIN), "\x3b\x7f\xff\xff\xff\xff\xff\xff\xff");
    CHECK_WRITES(mv_cbor_put_f64(&b, 1.1), "\xfb\x3f\xf1\x99\x99\x99\x99\x99\x9a");
    CHECK_WRITES(mv_cbor_put_bool(&b, true), "\xf5");
    CHECK_WRITES(mv_cbor_put_bytes(&b, (const uint8_t *)"\1\2\3\4", 4), "\x44\1\2\3\4");
    CHECK_WRITES(mv_cbor_put_text(&b, "IETF"), "\x64IETF");
    CHECK_WRITES(mv_cbor_put_text(&b, "\xc3\xbc"), "\x62\xc3\xbc");
    CHECK_WRITES(mv_cbor_put_array(&b, 25), "\x98\x19");
    CHECK_WRITES(mv_cbor_put_map(&b, 2), "\xa2");
}

static mv_reader over(const char *text, size_t len)
{
    return mv_reader_make((const uint8_t *)text, len);
}

static void everything_written_is_read_back(void **state)
{
    const uint64_t uints[] = {0,     1,     23,         24,         255,       256,
                              65535, 65536, UINT32_MAX, 1ULL << 32, UINT64_MAX};
    const int64_t ints[] = {0, -1, -24, -25, -256, -257, 24, INT64_MAX, INT64_MIN};
    const double doubles[] = {0, -0.0, 1.5, -3e300, 5e-324, 0.1};
    (void)state;
    for (size_t i = 0; i < sizeof uints / sizeof *uints; i++) {
        mv_buffer b = mv_buffer_make(100);
        uint64_t v = 7;
        assert_int_equal(mv_cbor_put_uint(&b, uints[i]), MV_OK);
        mv_reader r = mv_reader_make(b.bytes, b.len);
        assert_int_equal(mv_cbor_get_uint(&r, &v), MV_OK);
        assert_true(v == uints[i] && mv_reader_left(&r) == 0);
        mv_buffer_clear(&b);
    }
    for (size_t i = 0; i < sizeof ints / sizeof *ints; i++) {
        mv_buffer b = mv_buffer_make(100);
        int64_t v = 7;
        assert_int_equal(mv_cbor_put_int(&b, ints[i]), MV_OK);
        mv_reader r = mv_reader_make(b.bytes, b.len);
        assert_int_equal(mv_cbor_get_int(&r, &v), MV_OK);
        assert_true(v == ints[i] && mv_reader_left(&r) == 0);
        mv_buffer_clear(&b);
    }
    for (size_t i = 0; i < sizeof doubles / sizeof *doubles; i++) {
        mv_buffer b = mv_buffer_make(100);
        double v = 7;
        assert_int_equal(mv_cbor_put_f64(&b, doubles[i]), MV_OK);
        mv_reader r = mv_reader_make(b.bytes, b.len);
        assert_int_equal(mv_cbor_get_f64(&r, &v), MV_OK);
        assert_memory_equal(&v, &doubles[i], sizeof v);
        mv_buffer_clear(&b);
    }
}

static void a_number_in_a_longer_form_than_needed_is_rejected(void **state)
{
    const struct {
        const char *bytes;
        size_t len;
    } cases[] = {
        {"\x18\x17", 2},
        {"\x19\x00\xff", 3},
        {"\x1a\x00\x00\xff\xff", 5},
        {"\x1b\x00\x00\x00\x00\xff\xff\xff\xff", 9},
        {"\x1c", 1},
        {"\x1f", 1},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mv_reader r = over(cases[i].bytes, cases[i].len);
        uint64_t v = 99;
        assert_int_equal(mv_cbor_get_uint(&r, &v), MV_E_FORMAT);
        assert_int_equal(v, 99);
        assert_int_equal(mv_reader_left(&r), cases[i].len); /* the reader has not moved */
    }
}

static void every_item_cut_short_is_truncated_and_leaves_the_output(void **state)
{
    const char item[] = "\x1b\x01\x02\x03\x04\x05\x06\x07\x08";
    (void)state;
    for (size_t len = 0; len < 9; len++) {
        mv_reader r = over(item, len);
        uint64_t v = 5;
        assert_int_equal(mv_cbor_get_uint(&r, &v), MV_E_TRUNCATED);
        assert_int_equal(v, 5);
    }
    mv_reader r = over("\xfb\x00", 2);
    double d = 2;
    assert_int_equal(mv_cbor_get_f64(&r, &d), MV_E_TRUNCATED);
    r = over("\x44\1\2\3", 4);
    const uint8_t *view = NULL;
    size_t len = 0;
    assert_int_equal(mv_cbor_get_bytes(&r, &view, &len), MV_E_TRUNCATED);
    assert_null(view);
}

static void a_count_larger_than_the_bytes_left_is_rejected_before_use(void **state)
{
    uint64_t n = 3;
    mv_reader r = over("\x9b\xff\xff\xff\xff\xff\xff\xff\xff\x00", 10);
    (void)state;
    assert_int_equal(mv_cbor_get_array(&r, &n), MV_E_TRUNCATED);
    r = over("\xa2\x01\x02\x03", 4);
    assert_int_equal(mv_cbor_get_map(&r, &n), MV_E_TRUNCATED);
    assert_int_equal(n, 3);
    r = over("\xa1\x01\x02", 3);
    assert_int_equal(mv_cbor_get_map(&r, &n), MV_OK);
    assert_int_equal(n, 1);
}

static void map_keys_must_ascend(void **state)
{
    uint64_t key = 0;
    mv_reader r = over("\x02\x02\x01\x03", 4);
    (void)state;
    assert_int_equal(mv_cbor_get_key(&r, &key), MV_OK);
    assert_int_equal(mv_cbor_get_key(&r, &key), MV_E_FORMAT); /* 2 again */
    r = over("\x01", 1);
    assert_int_equal(mv_cbor_get_key(&r, &key), MV_E_FORMAT); /* below 2 */
    r = over("\x03", 1);
    assert_int_equal(mv_cbor_get_key(&r, &key), MV_OK);
    assert_int_equal(key, 3);
}

static void a_wrong_type_or_indefinite_length_is_rejected(void **state)
{
    const char *firsts[] = {"\x5f", "\x7f", "\x9f", "\xbf", "\xf6", "\xf7", "\xc0", "\xf9", "\xff"};
    (void)state;
    for (size_t i = 0; i < sizeof firsts / sizeof *firsts; i++) {
        char item[5] = {firsts[i][0], 0, 0, 0, 0};
        uint64_t u = 0;
        int64_t n = 0;
        double d = 0;
        bool b = false;
        const uint8_t *view = NULL;
        size_t len = 0;
        char text[8];
        mv_reader r = over(item, sizeof item);
        assert_int_equal(mv_cbor_get_uint(&r, &u), MV_E_FORMAT);
        assert_int_equal(mv_cbor_get_int(&r, &n), MV_E_FORMAT);
        assert_int_equal(mv_cbor_get_f64(&r, &d), MV_E_FORMAT);
        assert_int_equal(mv_cbor_get_bool(&r, &b), MV_E_FORMAT);
        assert_int_equal(mv_cbor_get_bytes(&r, &view, &len), MV_E_FORMAT);
        assert_int_equal(mv_cbor_get_text(&r, text, sizeof text), MV_E_FORMAT);
        assert_int_equal(mv_cbor_get_array(&r, &u), MV_E_FORMAT);
        assert_int_equal(mv_cbor_get_map(&r, &u), MV_E_FORMAT);
        assert_int_equal(mv_reader_left(&r), sizeof item);
    }
}

static void numbers_that_are_not_finite_are_neither_written_nor_read(void **state)
{
    mv_buffer b = mv_buffer_make(100);
    double v = 4;
    (void)state;
    assert_int_equal(mv_cbor_put_f64(&b, NAN), MV_E_RANGE);
    assert_int_equal(mv_cbor_put_f64(&b, INFINITY), MV_E_RANGE);
    assert_int_equal(b.len, 0);
    mv_reader r = over("\xfb\x7f\xf0\x00\x00\x00\x00\x00\x00", 9);
    assert_int_equal(mv_cbor_get_f64(&r, &v), MV_E_RANGE);
    r = over("\xfb\x7f\xf8\x00\x00\x00\x00\x00\x00", 9);
    assert_int_equal(mv_cbor_get_f64(&r, &v), MV_E_RANGE);
    assert_true(v == 4);
}

static void numbers_that_do_not_fit_are_out_of_range(void **state)
{
    uint32_t u = 9;
    int64_t n = 9;
    mv_reader r = over("\x1b\x00\x00\x00\x01\x00\x00\x00\x00", 9);
    (void)state;
    assert_int_equal(mv_cbor_get_u32(&r, &u), MV_E_RANGE);
    r = over("\x1b\x80\x00\x00\x00\x00\x00\x00\x00", 9);
    assert_int_equal(mv_cbor_get_int(&r, &n), MV_E_RANGE);
    assert_true(u == 9 && n == 9);
}

static void text_is_well_formed_utf8_and_fits(void **state)
{
    const char *good[] = {"",
                          "a",
                          "\xc2\x80",
                          "\xe0\xa0\x80",
                          "\xed\x9f\xbf",
                          "\xef\xbf\xbf",
                          "\xf0\x90\x80\x80",
                          "\xf4\x8f\xbf\xbf",
                          "r\xc3\xb6ntgen.png"};
    const char *bad[] = {"\x80",
                         "\xc0\xaf",
                         "\xc1\xbf",
                         "\xc3",
                         "\xe0\x9f\xbf",
                         "\xed\xa0\x80",
                         "\xf0\x8f\xbf\xbf",
                         "\xf4\x90\x80\x80",
                         "\xf5\x80\x80\x80",
                         "\xe2\x82",
                         "a\xff"};
    char text[4] = "abc";
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_true(mv_utf8_valid((const uint8_t *)good[i], strlen(good[i])));
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        mv_buffer b = mv_buffer_make(100);
        assert_false(mv_utf8_valid((const uint8_t *)bad[i], strlen(bad[i])));
        assert_int_equal(mv_cbor_put_text(&b, bad[i]), MV_E_RANGE);
        assert_int_equal(b.len, 0);
    }
    assert_false(mv_utf8_valid((const uint8_t *)"a\0b", 3));
    mv_reader r = over("\x64wxyz", 5);
    assert_int_equal(mv_cbor_get_text(&r, text, sizeof text), MV_E_LIMIT);
    assert_string_equal(text, "abc");
    r = over("\x63xyz", 4);
    assert_int_equal(mv_cbor_get_text(&r, text, sizeof text), MV_OK);
    assert_string_equal(text, "xyz");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_writer_gives_the_examples_of_the_standard),
        cmocka_unit_test(everything_written_is_read_back),
        cmocka_unit_test(a_number_in_a_longer_form_than_needed_is_rejected),
        cmocka_unit_test(every_item_cut_short_is_truncated_and_leaves_the_output),
        cmocka_unit_test(a_count_larger_than_the_bytes_left_is_rejected_before_use),
        cmocka_unit_test(map_keys_must_ascend),
        cmocka_unit_test(a_wrong_type_or_indefinite_length_is_rejected),
        cmocka_unit_test(numbers_that_are_not_finite_are_neither_written_nor_read),
        cmocka_unit_test(numbers_that_do_not_fit_are_out_of_range),
        cmocka_unit_test(text_is_well_formed_utf8_and_fits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
