/* SPDX-License-Identifier: Apache-2.0
 *
 * test_rns.c: sentences about residues modulo several primes, automorphisms and the embedding.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/cpu.h"
#include "base/rng.h"
#include "ring/automorphism.h"
#include "ring/embed_fft.h"
#include "ring/rns.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { N = 64, LIMBS = 5, WIDE = 3, N_BIG = 4096 };

/* 50, 50, 49, 36 and 61 bits, 1 modulo 128; and three others. */
static const uint64_t prime[LIMBS] = {1125899906826241, 1125899904679937, 562949952700417,
                                      68719230977, UINT64_C(2305843009211662337)};
static const uint64_t other[WIDE] = {1125899903827969, 4398046486529, 2199023190017};

static uint64_t *tables[2], *rows[4], *scratch;
static mv_ring ring, target;

static int set_up(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        tables[i] = aligned_alloc(64, mv_ring_words(N, LIMBS) * 8);
    }
    for (int i = 0; i < 4; i++) {
        rows[i] = aligned_alloc(64, LIMBS * N_BIG * 8);
    }
    scratch = aligned_alloc(64, (LIMBS + 4) * N_BIG * 8);
    return mv_ring_init(&ring, tables[0], N, prime, LIMBS, mv_cpu_features()) != MV_OK ||
           mv_ring_init(&target, tables[1], N, other, WIDE, mv_cpu_features()) != MV_OK;
}

static int tear_down(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        free(tables[i]);
    }
    for (int i = 0; i < 4; i++) {
        free(rows[i]);
    }
    free(scratch);
    return 0;
}

/* A number that is easy to write in any residues: sign * (a b + c). */
typedef struct number {
    int sign;
    uint64_t a, b, c;
} number;

static number any_number(mv_rand *rand)
{
    const number x = {mv_rand_below(rand, 2) ? 1 : -1, mv_rand_u64(rand) >> mv_rand_below(rand, 64),
                      mv_rand_u64(rand) >> mv_rand_below(rand, 64), mv_rand_u64(rand) >> 8};
    return x;
}

static uint64_t residue(const number *x, const mv_modulus *m)
{
    const uint64_t product = mv_mul_mod(x->a % m->q, x->b % m->q, m);
    const uint64_t r = mv_add_mod(product, x->c % m->q, m->q);
    return x->sign > 0 ? r : mv_sub_mod(0, r, m->q);
}

static void write_residues(uint64_t *out, const mv_ring *r, const number *x)
{
    for (uint32_t i = 0; i < r->limb_count; i++) {
        for (uint32_t j = 0; j < N; j++) {
            out[i * N + j] = residue(&x[j], &r->limb[i].mod);
        }
    }
}

static void a_number_keeps_its_value_and_its_sign_under_other_primes(void **state)
{
    static mv_rns_conv conv;
    mv_rand rand = mv_rand_make(41);
    number x[N];
    (void)state;
    mv_rns_conv_init(&conv, &ring, &target);
    assert_true(mv_rns_conv_words(&conv) <= (LIMBS + 4) * N_BIG);
    for (int round = 0; round < 50; round++) {
        for (int j = 0; j < N; j++) {
            x[j] = any_number(&rand);
        }
        x[0] = (number){1, 0, 0, 0};
        x[1] = (number){-1, 0, 0, 1};
        write_residues(rows[0], &ring, x);
        write_residues(rows[1], &target, x);
        mv_rns_convert(&conv, (mv_poly_coeff){rows[2]}, (mv_poly_coeff){rows[0]}, scratch);
        assert_memory_equal(rows[2], rows[1], WIDE * N * 8);
    }
}

static void conversion_is_right_next_to_half_the_modulus(void **state)
{
    static mv_rns_conv conv;
    static const uint32_t first = 0;
    mv_ring one;
    (void)state;
    mv_ring_pick(&one, &ring, &first, 1);
    mv_rns_conv_init(&conv, &one, &target);
    for (uint64_t j = 0; j < N; j++) {
        rows[0][j] = prime[0] / 2 - N / 2 + j + 1; /* both sides of q/2 */
    }
    mv_rns_convert(&conv, (mv_poly_coeff){rows[2]}, (mv_poly_coeff){rows[0]}, scratch);
    for (uint32_t i = 0; i < WIDE; i++) {
        for (uint32_t j = 0; j < N; j++) {
            const uint64_t x = rows[0][j], q = target.limb[i].mod.q;
            const uint64_t low = x % q, high = (q - (prime[0] - x) % q) % q;
            const uint64_t got = rows[2][i * N + j];
            if (j < N / 2 - 8 || j > N / 2 + 8) { /* rns.h: within 2^-55 either one will do */
                assert_true(got == (x <= prime[0] / 2 ? low : high));
            }
            assert_true(got == low || got == high);
        }
    }
}

/* x = y q_L + r, |r| < q_L/2: dividing by q_L gives y. */
static void make_dividend(mv_rand *rand, number *y)
{
    const uint64_t last = prime[LIMBS - 1];
    for (int j = 0; j < N; j++) {
        y[j] = any_number(rand);
        const uint64_t r = j == 0 ? last / 2 : j == 1 ? last / 2 + 1 : mv_rand_u64(rand) % last;
        for (uint32_t i = 0; i < LIMBS; i++) {
            const mv_modulus *m = &ring.limb[i].mod;
            const uint64_t near = r <= last / 2 ? r % m->q : (m->q - (last - r) % m->q) % m->q;
            const uint64_t product = mv_mul_mod(residue(&y[j], m), last % m->q, m);
            rows[0][i * N + (uint32_t)j] = mv_add_mod(product, near, m->q);
        }
    }
}

static void dividing_by_the_last_prime_rounds_to_nearest_in_both_forms(void **state)
{
    mv_rns_drop drop;
    mv_rand rand = mv_rand_make(42);
    number y[N];
    (void)state;
    mv_rns_drop_init(&drop, &ring);
    for (int round = 0; round < 20; round++) {
        make_dividend(&rand, y);
        write_residues(rows[1], &ring, y);
        memcpy(rows[2], rows[0], LIMBS * N * 8);
        mv_rns_drop_coeff(&drop, (mv_poly_coeff){rows[0]}, scratch);
        assert_memory_equal(rows[0], rows[1], (LIMBS - 1) * N * 8);
        mv_rns_drop_eval(&drop, mv_ring_forward(&ring, (mv_poly_coeff){rows[2]}), scratch);
        (void)mv_ring_forward(&ring, (mv_poly_coeff){rows[1]});
        assert_memory_equal(rows[2], rows[1], (LIMBS - 1) * N * 8);
    }
}

static void a_digit_is_the_number_nearest_zero(void **state)
{
    mv_rand rand = mv_rand_make(43);
    (void)state;
    for (uint32_t from = 0; from < LIMBS; from++) {
        const uint64_t q = prime[from];
        for (uint32_t j = 0; j < N; j++) {
            const uint64_t edge[4] = {0, q / 2, q / 2 + 1, q - 1};
            rows[0][j] = j < 4 ? edge[j] : mv_rand_u64(&rand) % q;
        }
        (void)mv_rns_digit(&ring, rows[1], rows[0], q);
        for (uint32_t i = 0; i < LIMBS; i++) {
            for (uint32_t j = 0; j < N; j++) {
                const uint64_t x = rows[0][j], p = prime[i];
                const uint64_t want = x <= q / 2 ? x % p : (p - (q - x) % p) % p;
                assert_true(rows[1][i * N + j] == want);
            }
        }
    }
}

/* t x = m Q + r with a small r = -m Q mod t, so x = r / t modulo each q_i. */
static void scaling_to_a_small_modulus_rounds_to_nearest(void **state)
{
    static const uint64_t small[] = {5, 65537, 1032193, (UINT64_C(1) << 59) - 55};
    mv_rand rand = mv_rand_make(44);
    (void)state;
    for (int k = 0; k < 4; k++) {
        const mv_modulus t = mv_modulus_make(small[k]);
        mv_rns_scale scale;
        uint64_t want[N], got[N], q_mod_t = 1;
        mv_rns_scale_init(&scale, &ring, t.q);
        for (int i = 0; i < LIMBS; i++) {
            q_mod_t = mv_mul_mod(q_mod_t, prime[i] % t.q, &t);
        }
        for (uint32_t j = 0; j < N; j++) {
            want[j] = j == 0 ? 0 : j == 1 ? t.q - 1 : mv_rand_u64(&rand) % t.q;
            const uint64_t r = mv_sub_mod(0, mv_mul_mod(want[j], q_mod_t, &t), t.q);
            const uint64_t noise = mv_rand_u64(&rand) >> 20; /* r + t noise stays far below Q/2 */
            for (uint32_t i = 0; i < LIMBS; i++) {
                const mv_modulus *m = &ring.limb[i].mod;
                uint64_t x = mv_mul_mod(r % m->q, mv_inv_mod(t.q % m->q, m), m);
                x = j % 2 ? mv_add_mod(x, noise % m->q, m->q) : mv_sub_mod(x, noise % m->q, m->q);
                rows[0][i * N + j] = x;
            }
        }
        mv_rns_scale_round(&scale, got, (mv_poly_coeff){rows[0]});
        assert_memory_equal(got, want, sizeof want);
    }
}

static void doubles_come_back_from_residues(void **state)
{
    static mv_rns_crt crt;
    mv_rand rand = mv_rand_make(45);
    double x[N], got[N];
    (void)state;
    mv_rns_crt_init(&crt, &ring);
    for (int round = 0; round < 50; round++) {
        for (int j = 0; j < N; j++) {
            const double sign = mv_rand_below(&rand, 2) ? 1 : -1;
            x[j] = sign *
                   ldexp((double)(mv_rand_u64(&rand) >> 11), (int)mv_rand_below(&rand, 99) - 52);
        }
        x[0] = 0x1.fffffffffffffp99;
        x[1] = -x[0];
        x[2] = 0.5; /* halves to even */
        x[3] = 1.5;
        x[4] = -2.5;
        x[5] = 0x1p51 + 0.5; /* where the two parts meet */
        assert_int_equal(mv_rns_from_double(&ring, rows[0], x), MV_OK);
        mv_rns_to_double(&crt, got, (mv_poly_coeff){rows[0]}, 4);
        for (int j = 0; j < N; j++) {
            const double want = nearbyint(x[j]) / 4;
            assert_true(fabs(got[j] - want) <= fabs(want) * 12 * 0x1p-53);
        }
    }
}

static void doubles_that_are_too_large_are_refused(void **state)
{
    const double bad[4] = {0x1p100, -0x1p100, INFINITY, NAN};
    (void)state;
    for (int i = 0; i < 4; i++) {
        double x[N] = {0};
        x[N - 1] = bad[i];
        memset(rows[0], 1, LIMBS * N * 8);
        assert_int_equal(mv_rns_from_double(&ring, rows[0], x), MV_E_RANGE);
        for (int j = 0; j < LIMBS * N; j++) {
            assert_true(rows[0][j] == 0);
        }
    }
}

static void small_coefficients_are_lifted_to_every_limb(void **state)
{
    int8_t s[N];
    (void)state;
    for (int j = 0; j < N; j++) {
        s[j] = (int8_t)(j < 4 ? (const int8_t[]){-127, 127, -1, 0}[j] : 3 * j - 90);
    }
    (void)mv_ring_lift(&ring, rows[0], s);
    for (uint32_t i = 0; i < LIMBS; i++) {
        for (uint32_t j = 0; j < N; j++) {
            assert_true(rows[0][i * N + j] == mv_lift_ct(s[j], prime[i]));
        }
    }
}

static void random_poly(mv_rand *rand, uint64_t *out)
{
    for (uint32_t i = 0; i < LIMBS; i++) {
        for (uint32_t j = 0; j < N; j++) {
            out[i * N + j] = mv_rand_u64(rand) % prime[i];
        }
    }
}

static void an_automorphism_is_the_same_in_both_forms(void **state)
{
    mv_rand rand = mv_rand_make(46);
    uint32_t order[N];
    (void)state;
    for (uint32_t g = 1; g < 2 * N; g += 2) {
        random_poly(&rand, rows[0]);
        mv_automorphism_coeff(&ring, (mv_poly_coeff){rows[1]}, (mv_poly_coeff){rows[0]}, g);
        const mv_poly_eval want = mv_ring_forward(&ring, (mv_poly_coeff){rows[1]});
        const mv_poly_eval a = mv_ring_forward(&ring, (mv_poly_coeff){rows[0]});
        mv_automorphism_order(order, N, g);
        mv_automorphism_eval(&ring, (mv_poly_eval){rows[2]}, a, order);
        assert_memory_equal(rows[2], want.limb, LIMBS * N * 8);
        for (uint32_t k = 0; k < N; k++) {
            assert_int_equal(order[k] / 8, order[k & ~7u] / 8); /* blocks of 8 stay together */
        }
    }
}

static void rotating_moves_the_slots_to_the_left_within_their_rows(void **state)
{
    mv_rand rand = mv_rand_make(47);
    uint32_t order[N], slot[N];
    (void)state;
    mv_slot_order(slot, N);
    for (int32_t steps = -N / 2 + 1; steps < N / 2; steps++) {
        const uint32_t shift = (uint32_t)(steps + N / 2) % (N / 2);
        random_poly(&rand, rows[0]);
        mv_automorphism_order(order, N, mv_automorphism_rotation(N, steps));
        mv_automorphism_eval(&ring, (mv_poly_eval){rows[1]}, (mv_poly_eval){rows[0]}, order);
        for (uint32_t j = 0; j < N / 2; j++) {
            const uint32_t from = (j + shift) % (N / 2);
            assert_true(rows[1][slot[j]] == rows[0][slot[from]]);
            assert_true(rows[1][slot[N / 2 + j]] == rows[0][slot[N / 2 + from]]);
        }
    }
    mv_automorphism_order(order, N, 2 * N - 1); /* swaps the rows */
    mv_automorphism_eval(&ring, (mv_poly_eval){rows[1]}, (mv_poly_eval){rows[0]}, order);
    for (uint32_t j = 0; j < N; j++) {
        assert_true(rows[1][slot[j]] == rows[0][slot[(j + N / 2) % N]]);
    }
}

static void ring_operations_are_those_of_the_definition(void **state)
{
    mv_rand rand = mv_rand_make(48);
    mv_known_factor f[LIMBS];
    (void)state;
    random_poly(&rand, rows[0]);
    random_poly(&rand, rows[1]);
    for (uint32_t i = 0; i < LIMBS; i++) {
        f[i] = mv_ring_factor(&ring, i, mv_rand_u64(&rand) % prime[i]);
    }
    for (int what = 0; what < 6; what++) {
        const mv_poly_eval a = {rows[0]}, b = {rows[1]}, out = {rows[2]};
        const mv_poly_wide sum = {rows[2], rows[3]};
        what == 0   ? mv_ring_add(&ring, rows[2], rows[0], rows[1])
        : what == 1 ? mv_ring_sub(&ring, rows[2], rows[0], rows[1])
        : what == 2 ? mv_ring_neg(&ring, rows[2], rows[0])
        : what == 3 ? mv_ring_mul_scalar(&ring, rows[2], rows[0], f)
        : what == 4 ? mv_ring_mul(&ring, out, a, b)
                    : mv_ring_wide_clear(&ring, sum);
        if (what == 5) {
            for (int k = 0; k < MV_VEC_MAC_MAX; k++) {
                mv_ring_mac(&ring, sum, a, b);
            }
            mv_ring_wide_reduce(&ring, out, sum);
        }
        for (uint32_t j = 0; j < LIMBS * N; j++) {
            const mv_modulus *m = &ring.limb[j / N].mod;
            const uint64_t x = rows[0][j], y = rows[1][j], q = m->q;
            const uint64_t want[6] = {
                (x + y) % q,         (x + q - y) % q,
                (q - x) % q,         mv_mul_mod(x, f[j / N].w, m),
                mv_mul_mod(x, y, m), mv_mul_mod(mv_mul_mod(x, y, m), MV_VEC_MAC_MAX, m)};
            assert_true(rows[2][j] == want[what]);
        }
    }
}

/* Slot j from the definition: m(zeta^(3^j)). */
static void check_slots(const mv_embed_tables *t, const double *m, const double *re,
                        const double *im)
{
    const double angle = acos(-1) / t->n;
    uint32_t e = 1;
    for (uint32_t j = 0; j < t->n / 2; j++) {
        double want_re = 0, want_im = 0;
        for (uint32_t k = 0; k < t->n; k++) {
            const uint32_t turn = (uint32_t)((uint64_t)e * k % (2 * t->n));
            want_re += m[k] * cos(turn * angle);
            want_im += m[k] * sin(turn * angle);
        }
        assert_true(fabs(re[j] - want_re) < 1e-11 && fabs(im[j] - want_im) < 1e-11);
        e = 3 * e % (2 * t->n);
    }
}

static void a_slot_is_the_value_at_a_power_of_three_of_the_root(void **state)
{
    mv_rand rand = mv_rand_make(49);
    (void)state;
    for (uint32_t n = 4; n <= 512; n *= 2) {
        mv_embed_tables t;
        double m[512], copy[512], re[256], im[256];
        assert_true(mv_embed_size(n) <= (LIMBS + 4) * N_BIG * 8);
        assert_int_equal(mv_embed_init(&t, scratch, n), MV_OK);
        for (uint32_t k = 0; k < n; k++) {
            m[k] = copy[k] = (double)mv_rand_below(&rand, 2001) / 1000 - 1;
        }
        mv_embed_decode(&t, re, im, n / 2, copy);
        check_slots(&t, m, re, im);
        mv_embed_encode(&t, copy, re, im, n / 2, 8);
        for (uint32_t k = 0; k < n; k++) {
            assert_true(fabs(copy[k] - 8 * m[k]) < 1e-13);
        }
    }
    mv_embed_tables t;
    assert_int_equal(mv_embed_init(&t, scratch, 2), MV_E_ARGUMENT);
    assert_int_equal(mv_embed_init(&t, scratch, 48), MV_E_ARGUMENT);
}

static void a_few_real_slots_leave_the_others_zero(void **state)
{
    const uint32_t n = N_BIG;
    const double value[3] = {0.25, -1, 3};
    static double m[N_BIG], re[N_BIG / 2], im[N_BIG / 2];
    mv_embed_tables t;
    (void)state;
    assert_int_equal(mv_embed_init(&t, scratch, n), MV_OK);
    mv_embed_encode(&t, m, value, NULL, 3, 0x1p30);
    mv_embed_decode(&t, re, im, n / 2, m);
    for (uint32_t j = 0; j < n / 2; j++) {
        assert_true(fabs(re[j] * 0x1p-30 - (j < 3 ? value[j] : 0)) < 12 * 3 * 0x1p-51);
        assert_true(fabs(im[j] * 0x1p-30) < 12 * 3 * 0x1p-51);
    }
}

static uint64_t fnv1a(const double *x, size_t count)
{
    uint64_t h = UINT64_C(0xcbf29ce484222325);
    for (size_t j = 0; j < count; j++) {
        uint64_t bits;
        memcpy(&bits, &x[j], sizeof bits);
        for (int i = 0; i < 64; i += 8) {
            h = (h ^ (bits >> i & 0xff)) * UINT64_C(0x100000001b3);
        }
    }
    return h;
}

/* Whatever the machine and the compiler: these hashes are of IEEE doubles, lowest byte first. */
static void the_embedding_gives_the_same_bits_everywhere(void **state)
{
    static double m[N_BIG], re[N_BIG / 2], im[N_BIG / 2];
    mv_embed_tables t;
    (void)state;
    assert_int_equal(mv_embed_init(&t, scratch, N_BIG), MV_OK);
    for (int j = 0; j < N_BIG / 2; j++) {
        re[j] = (j * j % 1000 - 500) / 3.0;
        im[j] = (j * 7 % 501 - 250) / 7.0;
    }
    mv_embed_encode(&t, m, re, im, N_BIG / 2, 0x1p30);
    assert_true(fnv1a(m, N_BIG) == UINT64_C(0x3730df44bfe3d199));
    mv_embed_decode(&t, re, im, N_BIG / 2, m);
    assert_true(fnv1a(re, N_BIG / 2) == UINT64_C(0xe4ec818331c85f51));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_number_keeps_its_value_and_its_sign_under_other_primes),
        cmocka_unit_test(conversion_is_right_next_to_half_the_modulus),
        cmocka_unit_test(dividing_by_the_last_prime_rounds_to_nearest_in_both_forms),
        cmocka_unit_test(a_digit_is_the_number_nearest_zero),
        cmocka_unit_test(scaling_to_a_small_modulus_rounds_to_nearest),
        cmocka_unit_test(doubles_come_back_from_residues),
        cmocka_unit_test(doubles_that_are_too_large_are_refused),
        cmocka_unit_test(small_coefficients_are_lifted_to_every_limb),
        cmocka_unit_test(an_automorphism_is_the_same_in_both_forms),
        cmocka_unit_test(rotating_moves_the_slots_to_the_left_within_their_rows),
        cmocka_unit_test(ring_operations_are_those_of_the_definition),
        cmocka_unit_test(a_slot_is_the_value_at_a_power_of_three_of_the_root),
        cmocka_unit_test(a_few_real_slots_leave_the_others_zero),
        cmocka_unit_test(the_embedding_gives_the_same_bits_everywhere),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
