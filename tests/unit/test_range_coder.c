/* SPDX-License-Identifier: Apache-2.0
 *
 * test_range_coder.c: sentences about rANS and its logistic distributions.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "codec/range_coder.h"

enum { COUNT = 200000 };

typedef struct item {
    int32_t v;
    mv_spread p;
} item;

static item items[COUNT];

/* Numbers drawn from the distributions they are coded with; a few from nowhere near them. */
static void draw(mv_rand *r, double wild)
{
    for (size_t i = 0; i < COUNT; i++) {
        item *it = &items[i];
        it->p.scale = mv_rand_below(r, MV_SPREAD_SCALES);
        it->p.mu16 = (int32_t)mv_rand_below(r, 1 << 22) - (1 << 21);
        const double u = mv_rand_unit(r) * (1 - 2e-9) + 1e-9;
        const double s = exp2(it->p.scale / 8.0 - 4);
        it->v = (int32_t)lround(it->p.mu16 / 16.0 + s * log(u / (1 - u)));
        if (mv_rand_unit(r) < wild) {
            it->v = (int32_t)mv_rand_below(r, 2U * MV_SPREAD_MAX + 1) - MV_SPREAD_MAX;
        }
    }
}

static mv_buffer write_all(void)
{
    mv_buffer out = mv_buffer_make(1 << 28);
    mv_rans_writer w;
    assert_int_equal(mv_rans_writer_init(&w, &out), MV_OK);
    for (size_t i = 0; i < COUNT; i++) {
        assert_int_equal(mv_rans_put_spread(&w, items[i].v, items[i].p), MV_OK);
    }
    assert_int_equal(mv_rans_finish(&w), MV_OK);
    mv_rans_writer_clear(&w);
    return out;
}

static void every_number_comes_back_whatever_its_distribution(void **state)
{
    mv_rand r = mv_rand_make(1);
    (void)state;
    draw(&r, 0.1);
    items[0].v = MV_SPREAD_MAX;
    items[1].v = -MV_SPREAD_MAX;
    items[2] = (item){-MV_SPREAD_MAX, {MV_SPREAD_MAX, 0}};
    items[3] = (item){MV_SPREAD_MAX, {-MV_SPREAD_MAX, MV_SPREAD_SCALES - 1}};
    mv_buffer out = write_all();
    mv_reader in = mv_reader_make(out.bytes, out.len);
    mv_rans_reader reader = mv_rans_reader_make(&in);
    for (size_t i = 0; i < COUNT; i++) {
        assert_int_equal(mv_rans_get_spread(&reader, items[i].p), items[i].v);
    }
    assert_int_equal(mv_rans_close(&reader), MV_OK);
    assert_int_equal(mv_reader_left(&in), 0);
    mv_buffer_clear(&out);
}

static double true_bits(const item *it)
{
    const double s = exp2(it->p.scale / 8.0 - 4), a = fabs(it->v - it->p.mu16 / 16.0);
    const double high = 1 / (1 + exp((a - 0.5) / s)), low = 1 / (1 + exp((a + 0.5) / s));
    return -log2(high - low);
}

static void the_cost_is_within_two_percent_of_the_distributions_entropy(void **state)
{
    mv_rand r = mv_rand_make(2);
    double wanted = 0, told = 0;
    (void)state;
    draw(&r, 0);
    for (size_t i = 0; i < COUNT; i++) {
        wanted += true_bits(&items[i]);
        told += mv_spread_bits(items[i].v, items[i].p);
    }
    mv_buffer out = write_all();
    const double got = 8.0 * (double)out.len;
    assert_true(got < 1.02 * wanted);
    assert_true(got > 0.999 * wanted);
    assert_true(fabs(got - told) < 0.001 * got); /* mv_spread_bits tells the truth */
    mv_buffer_clear(&out);
}

static void the_least_a_symbol_costs_is_a_250th_of_a_bit(void **state)
{
    const mv_spread sure = {0, 0};
    (void)state;
    assert_true(mv_spread_bits(0, sure) < 0.004);
    assert_true(mv_spread_bits(1, sure) > 10);
}

static void the_logistic_table_is_the_function_rounded(void **state)
{
    (void)state;
    for (int i = 0; i <= 384; i++) {
        const double f = fmin(65535, round(65536 / (1 + exp(-i / 32.0))));
        assert_int_equal(mv_logistic_table[i], (int)f);
    }
}

static void a_cut_stream_is_an_error_and_no_stream_is_read_past_its_end(void **state)
{
    mv_rand r = mv_rand_make(3);
    (void)state;
    draw(&r, 0.01);
    mv_buffer out = write_all();
    for (int round = 0; round < 20; round++) {
        const bool cut = round % 2 == 0;
        const size_t len = cut ? mv_rand_below(&r, (uint32_t)out.len) : out.len;
        uint8_t *copy = malloc(len == 0 ? 1 : len); /* exact: a sanitizer sees any overrun */
        assert_non_null(copy);
        memcpy(copy, out.bytes, len);
        if (!cut) {
            copy[mv_rand_below(&r, (uint32_t)len)] ^= (uint8_t)(1 + mv_rand_below(&r, 255));
        }
        mv_reader in = mv_reader_make(copy, len);
        mv_rans_reader reader = mv_rans_reader_make(&in);
        for (size_t i = 0; i < COUNT; i++) {
            (void)mv_rans_get_spread(&reader, items[i].p);
        }
        assert_true(mv_rans_close(&reader) != MV_OK || !cut);
        free(copy);
    }
    mv_buffer_clear(&out);
}

static void nothing_takes_no_bytes(void **state)
{
    mv_buffer out = mv_buffer_make(100);
    mv_rans_writer w;
    (void)state;
    assert_int_equal(mv_rans_writer_init(&w, &out), MV_OK);
    assert_int_equal(mv_rans_finish(&w), MV_OK);
    assert_int_equal(out.len, 0);
    mv_rans_writer_clear(&w);
    mv_reader in = mv_reader_make(NULL, 0);
    mv_rans_reader reader = mv_rans_reader_make(&in);
    assert_int_equal(mv_rans_close(&reader), MV_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_number_comes_back_whatever_its_distribution),
        cmocka_unit_test(the_cost_is_within_two_percent_of_the_distributions_entropy),
        cmocka_unit_test(the_least_a_symbol_costs_is_a_250th_of_a_bit),
        cmocka_unit_test(the_logistic_table_is_the_function_rounded),
        cmocka_unit_test(a_cut_stream_is_an_error_and_no_stream_is_read_past_its_end),
        cmocka_unit_test(nothing_takes_no_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
