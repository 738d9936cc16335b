/* SPDX-License-Identifier: Apache-2.0
 *
 * test_fidelity.c: sentences about the record of what a picture lost.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "medveil/fidelity.h"

/* Two slices of 40 x 50 gray samples of 12 bits, and a copy. */
static void make_pair(mv_image *a, mv_image *b, mv_sample_type type, uint32_t channels)
{
    mv_rand r = mv_rand_make(3);
    assert_int_equal(mv_image_alloc(a, 50, 40, 2, channels, type), MV_OK);
    assert_int_equal(mv_image_alloc(b, 50, 40, 2, channels, type), MV_OK);
    for (size_t i = 0; i < mv_image_sample_count(a); i++) {
        mv_image_set(a, i, floor(mv_rand_unit(&r) * 120) - (type == MV_SAMPLE_I16 ? 60 : 0));
        mv_image_set(b, i, mv_image_get(a, i));
    }
}

static void clear_pair(mv_image *a, mv_image *b)
{
    mv_image_clear(a);
    mv_image_clear(b);
}

static void the_worst_tile_and_the_greatest_error_are_found(void **state)
{
    (void)state;
    for (uint32_t channels = 1; channels <= 3; channels += 2) {
        mv_image a, b;
        mv_fidelity f;
        make_pair(&a, &b, MV_SAMPLE_I16, channels);
        /* slice 1, row 35, column 49: the corner tile at (48, 32) has 2 x 8 pixels */
        const size_t far = ((size_t)(40 + 35) * 50 + 49) * channels;
        mv_image_set(&b, far, mv_image_get(&a, far) - 7);
        mv_image_set(&b, 0, mv_image_get(&a, 0) + 8); /* greater, but in a tile of 256 pixels */
        assert_int_equal(mv_fidelity_measure(&f, &a, &b), MV_OK);
        assert_true(f.range == 119 && f.max_error == 8);
        assert_true(f.worst_x == 48 && f.worst_y == 32 && f.worst_slice == 1);
        const double all = 10 * log10(119.0 * 119 * 4000 * channels / (49 + 64));
        const double tile = 10 * log10(119.0 * 119 * 16 * channels / 49);
        assert_true(fabs(f.psnr_db - all) < 1e-9 && fabs(f.worst_psnr_db - tile) < 1e-9);
        assert_false(f.scored);
        clear_pair(&a, &b);
    }
}

static void equal_pictures_have_no_error_and_one_colour_has_a_range(void **state)
{
    mv_image a, b;
    mv_fidelity f;
    (void)state;
    make_pair(&a, &b, MV_SAMPLE_U8, 1);
    assert_int_equal(mv_fidelity_measure(&f, &a, &b), MV_OK);
    assert_true(isinf(f.psnr_db) && isinf(f.worst_psnr_db) && f.max_error == 0);
    assert_true(mv_fidelity_familiar(&f));
    for (size_t i = 0; i < mv_image_sample_count(&a); i++) {
        mv_image_set(&a, i, 9);
        mv_image_set(&b, i, 10);
    }
    assert_int_equal(mv_fidelity_measure(&f, &a, &b), MV_OK);
    assert_true(f.range == 1 && f.psnr_db == 0 && !mv_fidelity_familiar(&f));
    clear_pair(&a, &b);
}

static void pictures_that_do_not_belong_together_are_refused(void **state)
{
    mv_image a, b, c, d;
    mv_fidelity f;
    (void)state;
    make_pair(&a, &b, MV_SAMPLE_F32, 1);
    make_pair(&c, &d, MV_SAMPLE_F32, 3);
    assert_int_equal(mv_fidelity_measure(&f, &a, &c), MV_E_MISMATCH);
    assert_true(f.range == 0);
    ((float *)b.sample)[17] = NAN;
    assert_int_equal(mv_fidelity_measure(&f, &a, &b), MV_E_RANGE);
    assert_int_equal(mv_fidelity_measure(&f, &b, &a), MV_E_RANGE);
    assert_true(f.range == 0);
    clear_pair(&a, &b);
    clear_pair(&c, &d);
}

/* A record with every field of its own. */
static mv_fidelity example(void)
{
    mv_fidelity f = {.range = 255,
                     .max_error = 31.5,
                     .psnr_db = 41.25,
                     .worst_x = 208,
                     .worst_y = 16,
                     .worst_slice = 3,
                     .worst_psnr_db = 29,
                     .scored = true,
                     .class_changed = true,
                     .score_drift = 0.125,
                     .judged = true,
                     .unlikeness = 2.5};
    memset(f.head_hash, 0xab, sizeof f.head_hash);
    return f;
}

static void a_record_comes_back_from_its_bytes(void **state)
{
    /* as docs/formats/mv.md prints it */
    static const uint8_t want[MV_FIDELITY_LEN] = {
        0,    0,    0,    0,    0,    0xe0, 0x6f, 0x40, 0,    0,    0,    0,    0,    0x80, 0x3f,
        0x40, 0,    0,    0,    0,    0,    0xa0, 0x44, 0x40, 0,    0,    0,    0,    0,    0,
        0x3d, 0x40, 16,   0,    0,    0,    208,  0,    0,    0,    16,   0,    0,    0,    3,
        0,    0,    0,    0,    0,    0,    0,    0,    0,    0xc0, 0x3f, 7,    0,    0,    0,
        0xab, 0xab, 0xab, 0xab, 0xab, 0xab, 0xab, 0xab, 0xab, 0xab, 0xab, 0xab, 0xab, 0xab, 0xab,
        0xab, 0xab, 0xab, 0xab, 0xab, 0xab, 0xab, 0xab, 0xab, 0xab, 0xab, 0xab, 0xab, 0xab, 0xab,
        0xab, 0xab, 0,    0,    0,    0,    0,    0,    0x04, 0x40};
    const mv_fidelity f = example();
    mv_fidelity back;
    uint8_t bytes[MV_FIDELITY_LEN], again[MV_FIDELITY_LEN];
    (void)state;
    mv_fidelity_write(bytes, &f);
    assert_memory_equal(bytes, want, sizeof want);
    assert_int_equal(mv_fidelity_read(&back, bytes, sizeof bytes), MV_OK);
    mv_fidelity_write(again, &back);
    assert_memory_equal(again, want, sizeof want);
}

static void expect_refused(const mv_fidelity *f)
{
    uint8_t bytes[MV_FIDELITY_LEN];
    mv_fidelity back;
    mv_fidelity_write(bytes, f);
    assert_int_equal(mv_fidelity_read(&back, bytes, sizeof bytes), MV_E_RANGE);
    assert_true(back.range == 0 && !back.scored);
}

static void records_that_say_what_cannot_be_are_refused(void **state)
{
    mv_fidelity f[15];
    uint8_t bytes[MV_FIDELITY_LEN + 1] = {0};
    mv_fidelity back;
    (void)state;
    for (size_t i = 0; i < 15; i++) {
        f[i] = example();
    }
    f[0].range = 0;
    f[1].range = NAN;
    f[2].max_error = -1;
    f[3].max_error = INFINITY;
    f[4].psnr_db = NAN;
    f[5].psnr_db = INFINITY; /* although samples differ */
    f[6].worst_psnr_db = -INFINITY;
    f[7].score_drift = 1.5;
    f[8].score_drift = NAN;
    f[9].scored = false; /* although it has scores */
    f[10].max_error = 0; /* although the PSNR is finite */
    memset(f[11].head_hash, 0, sizeof f[11].head_hash);
    f[11].scored = false;
    f[11].class_changed = false;
    f[12].unlikeness = -0.5;
    f[13].unlikeness = NAN;
    f[14].judged = false; /* although it lies somewhere */
    for (size_t i = 0; i < 15; i++) {
        expect_refused(&f[i]);
    }
    f[0] = example();
    mv_fidelity_write(bytes, &f[0]);
    assert_int_equal(mv_fidelity_read(&back, bytes, MV_FIDELITY_LEN - 1), MV_E_FORMAT);
    assert_int_equal(mv_fidelity_read(&back, bytes, MV_FIDELITY_LEN + 1), MV_E_FORMAT);
    bytes[56] |= 8; /* a flag that there is not */
    assert_int_equal(mv_fidelity_read(&back, bytes, MV_FIDELITY_LEN), MV_E_RANGE);
    bytes[56] &= 7;
    bytes[32] = 8; /* tiles of another side */
    assert_int_equal(mv_fidelity_read(&back, bytes, MV_FIDELITY_LEN), MV_E_RANGE);
}

static void records_from_before_the_verdict_are_read(void **state)
{
    mv_fidelity f = example(), back;
    uint8_t bytes[MV_FIDELITY_LEN];
    (void)state;
    mv_fidelity_write(bytes, &f);
    assert_int_equal(mv_fidelity_read(&back, bytes, 92), MV_E_RANGE); /* it says there is one */
    f.judged = false;
    f.unlikeness = 0;
    mv_fidelity_write(bytes, &f);
    assert_int_equal(mv_fidelity_read(&back, bytes, 92), MV_OK);
    assert_true(!back.judged && back.psnr_db == 41.25 && back.scored);
    assert_int_equal(mv_fidelity_read(&back, bytes, 91), MV_E_TRUNCATED);
    assert_int_equal(mv_fidelity_read(&back, bytes, 93), MV_E_FORMAT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_worst_tile_and_the_greatest_error_are_found),
        cmocka_unit_test(equal_pictures_have_no_error_and_one_colour_has_a_range),
        cmocka_unit_test(pictures_that_do_not_belong_together_are_refused),
        cmocka_unit_test(a_record_comes_back_from_its_bytes),
        cmocka_unit_test(records_that_say_what_cannot_be_are_refused),
        cmocka_unit_test(records_from_before_the_verdict_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
