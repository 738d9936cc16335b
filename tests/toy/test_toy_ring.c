/* SPDX-License-Identifier: Apache-2.0
 *
 * test_toy_ring.c: residues and automorphisms, every number and every map, with primes below 256.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ring/automorphism.h"
#include "ring/rns.h"

#include <stdlib.h>
#include <string.h>

enum { N = 8, LIMBS = 3, Q = 17 * 97 * 113 };

static const uint64_t prime[LIMBS] = {17, 97, 113}, other[2] = {193, 241};
static uint64_t memory[2][LIMBS * 4 * N], in[LIMBS * N], out[LIMBS * N], scratch[N * (LIMBS + 4)];
static mv_ring ring, target;

static int make_rings(void **state)
{
    (void)state;
    return mv_ring_init(&ring, memory[0], N, prime, LIMBS, 0) != MV_OK ||
           mv_ring_init(&target, memory[1], N, other, 2, 0) != MV_OK;
}

static uint64_t modulo(int64_t x, uint64_t q)
{
    const int64_t r = x % (int64_t)q;
    return (uint64_t)(r < 0 ? r + (int64_t)q : r);
}

/* The N numbers from first on, which is in (-Q/2, Q/2); past the end, the last one again. */
static int64_t number(int64_t first, uint32_t j)
{
    return first + j <= Q / 2 ? first + j : Q / 2;
}

static void write_numbers(int64_t first)
{
    for (uint32_t i = 0; i < LIMBS; i++) {
        for (uint32_t j = 0; j < N; j++) {
            in[i * N + j] = modulo(number(first, j), prime[i]);
        }
    }
}

static void every_number_keeps_its_value_under_other_primes(void **state)
{
    static mv_rns_conv conv;
    (void)state;
    mv_rns_conv_init(&conv, &ring, &target);
    for (int64_t first = -(Q / 2); first <= Q / 2; first += N) {
        write_numbers(first);
        mv_rns_convert(&conv, (mv_poly_coeff){out}, (mv_poly_coeff){in}, scratch);
        for (uint32_t j = 0; j < N; j++) {
            assert_int_equal(out[j], modulo(number(first, j), other[0]));
            assert_int_equal(out[N + j], modulo(number(first, j), other[1]));
        }
    }
}

static int64_t rounded_quotient(int64_t x, int64_t by) /* by odd: there are no halves */
{
    return (x + (x < 0 ? -by / 2 : by / 2)) / by;
}

static void every_number_is_divided_by_the_last_prime_to_nearest(void **state)
{
    mv_rns_drop drop;
    (void)state;
    mv_rns_drop_init(&drop, &ring);
    for (int64_t first = -(Q / 2); first <= Q / 2; first += N) {
        write_numbers(first);
        mv_rns_drop_coeff(&drop, (mv_poly_coeff){in}, scratch);
        for (uint32_t j = 0; j < N; j++) {
            const int64_t want = rounded_quotient(number(first, j), (int64_t)prime[LIMBS - 1]);
            assert_int_equal(in[j], modulo(want, prime[0]));
            assert_int_equal(in[N + j], modulo(want, prime[1]));
        }
    }
}

static void every_number_is_scaled_to_nearest(void **state)
{
    (void)state;
    for (uint64_t t = 5; t < 60; t += 6) {
        mv_rns_scale scale;
        mv_rns_scale_init(&scale, &ring, t);
        for (int64_t first = -(Q / 2); first <= Q / 2; first += N) {
            write_numbers(first);
            mv_rns_scale_round(&scale, out, (mv_poly_coeff){in});
            for (uint32_t j = 0; j < N; j++) {
                const int64_t want = rounded_quotient((int64_t)t * number(first, j), Q);
                assert_int_equal(out[j], modulo(want, t));
            }
        }
    }
}

static void every_number_is_composed_to_the_same_double(void **state)
{
    mv_rns_crt crt;
    double x[N];
    (void)state;
    mv_rns_crt_init(&crt, &ring);
    for (int64_t first = -(Q / 2); first <= Q / 2; first += N) {
        write_numbers(first);
        mv_rns_to_double(&crt, x, (mv_poly_coeff){in}, 1);
        for (uint32_t j = 0; j < N; j++) {
            assert_true(x[j] == (double)number(first, j));
        }
        assert_int_equal(mv_rns_from_double(&ring, out, x), MV_OK);
        assert_memory_equal(out, in, sizeof in);
    }
}

static void every_map_sends_every_monomial_to_a_monomial_with_the_right_sign(void **state)
{
    (void)state;
    for (uint32_t g = 1; g < 2 * N; g += 2) {
        for (uint32_t j = 0; j < N; j++) {
            uint64_t want[LIMBS * N] = {0};
            memset(in, 0, sizeof in);
            for (uint32_t i = 0; i < LIMBS; i++) {
                const uint32_t e = j * g % (2 * N);
                in[i * N + j] = 5;
                want[i * N + e % N] = e < N ? 5 : prime[i] - 5;
            }
            mv_automorphism_coeff(&ring, (mv_poly_coeff){out}, (mv_poly_coeff){in}, g);
            assert_memory_equal(out, want, sizeof want);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_number_keeps_its_value_under_other_primes),
        cmocka_unit_test(every_number_is_divided_by_the_last_prime_to_nearest),
        cmocka_unit_test(every_number_is_scaled_to_nearest),
        cmocka_unit_test(every_number_is_composed_to_the_same_double),
        cmocka_unit_test(every_map_sends_every_monomial_to_a_monomial_with_the_right_sign),
    };
    return cmocka_run_group_tests(tests, make_rings, NULL);
}
