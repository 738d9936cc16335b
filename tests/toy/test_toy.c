/* SPDX-License-Identifier: Apache-2.0
 *
 * test_toy.c: truths that can be tried exhaustively, on rings of degree 4, 8 and 16.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/rng.h"
#include "he/cipher_internal.h"
#include "he/pack_coeff.h"

#include <string.h>

enum { N_MAX = 16 };

static const struct {
    uint32_t n;
    uint64_t q;
} toys[] = {{4, 17}, {4, 97}, {8, 17}, {8, 97}, {16, 97}};
enum { TOYS = sizeof toys / sizeof toys[0] };

static void make_ring(mv_ring *ring, uint64_t *memory, uint32_t n, uint64_t q)
{
    assert_int_equal(mv_ring_init(ring, memory, n, &q, 1, 0), MV_OK);
}

/* c = a b mod (X^n + 1, q), from the definition. */
static void multiply(uint64_t *c, const uint64_t *a, const uint64_t *b, uint32_t n, uint64_t q)
{
    memset(c, 0, n * sizeof *c);
    for (uint32_t i = 0; i < n; i++) {
        for (uint32_t j = 0; j < n; j++) {
            const uint64_t product = a[i] * b[j] % q;
            const uint32_t k = (i + j) % n;
            c[k] = (c[k] + (i + j < n ? product : q - product)) % q;
        }
    }
}

static void multiply_by_transform(uint64_t *c, const uint64_t *a, const uint64_t *b,
                                  const mv_ring *ring)
{
    const uint32_t n = ring->degree;
    const mv_modulus *m = &ring->limb[0].mod;
    uint64_t fa[N_MAX], fb[N_MAX];
    memcpy(fa, a, n * sizeof *a);
    memcpy(fb, b, n * sizeof *b);
    (void)mv_ring_forward(ring, (mv_poly_coeff){fa});
    (void)mv_ring_forward(ring, (mv_poly_coeff){fb});
    for (uint32_t j = 0; j < n; j++) {
        c[j] = mv_mul_mod(fa[j], fb[j], m);
    }
    (void)mv_ring_inverse(ring, (mv_poly_eval){c});
}

/* Every polynomial of degree 4 modulo 17: the transform is what ntt.h says, and has an inverse. */
static void the_transform_evaluates_at_the_odd_powers_of_psi(void **state)
{
    uint64_t memory[4 * 8];
    mv_ring ring;
    (void)state;
    make_ring(&ring, memory, 4, 17);
    const mv_ntt_tables *t = &ring.limb[0];
    static const uint32_t exponent[4] = {1, 5, 3, 7}; /* 2 bitrev(k) + 1 */
    for (uint32_t all = 0; all < 17 * 17 * 17 * 17; all++) {
        const uint64_t a[4] = {all % 17, all / 17 % 17, all / 289 % 17, all / 4913};
        uint64_t out[4];
        memcpy(out, a, sizeof a);
        const mv_poly_eval eval = mv_ring_forward(&ring, (mv_poly_coeff){out});
        for (int k = 0; k < 4; k++) {
            const uint64_t x = mv_pow_mod_vartime(t->psi, exponent[k], &t->mod);
            const uint64_t want = (((a[3] * x + a[2]) % 17 * x + a[1]) % 17 * x + a[0]) % 17;
            assert_int_equal(out[k], want);
        }
        (void)mv_ring_inverse(&ring, eval);
        assert_memory_equal(out, a, sizeof a);
    }
}

/* Every pair of monomials, with every factor. */
static void products_of_monomials_are_monomials_with_the_right_sign(void **state)
{
    uint64_t memory[4 * N_MAX];
    (void)state;
    for (int toy = 0; toy < TOYS; toy++) {
        const uint32_t n = toys[toy].n;
        const uint64_t q = toys[toy].q;
        mv_ring ring;
        make_ring(&ring, memory, n, q);
        for (uint32_t i = 0; i < n; i++) {
            for (uint32_t j = 0; j < n; j++) {
                for (uint64_t f = 1; f < q; f++) {
                    uint64_t a[N_MAX] = {0}, b[N_MAX] = {0}, got[N_MAX], want[N_MAX] = {0};
                    a[i] = f;
                    b[j] = 3;
                    want[(i + j) % n] = i + j < n ? 3 * f % q : q - 3 * f % q;
                    multiply_by_transform(got, a, b, &ring);
                    assert_memory_equal(got, want, n * sizeof *want);
                }
            }
        }
    }
}

static void the_transform_is_a_ring_map(void **state)
{
    uint64_t memory[4 * N_MAX];
    mv_rand rand = mv_rand_make(11);
    (void)state;
    for (int toy = 0; toy < TOYS; toy++) {
        const uint32_t n = toys[toy].n;
        const uint64_t q = toys[toy].q;
        mv_ring ring;
        make_ring(&ring, memory, n, q);
        for (int round = 0; round < 3000; round++) {
            uint64_t a[N_MAX], b[N_MAX], got[N_MAX], want[N_MAX];
            for (uint32_t j = 0; j < n; j++) {
                a[j] = mv_rand_below(&rand, (uint32_t)q);
                b[j] = mv_rand_below(&rand, (uint32_t)q);
            }
            multiply(want, a, b, n, q);
            multiply_by_transform(got, a, b, &ring);
            assert_memory_equal(got, want, n * sizeof *want);
        }
    }
}

/* A set far too small to be safe, which only a test can make. */
static mv_he_set toy_set(mv_he_ring_slot *slot, uint32_t n, uint64_t q0, uint64_t q1)
{
    const mv_he_literal literal = {.name = "toy",
                                   .purpose = "a test",
                                   .id = 250,
                                   .profile = MV_HE_CLASSICAL_128,
                                   .bound = MV_HE_WORST_CASE,
                                   .degree = n,
                                   .limb_count = q1 == 0 ? 1 : 2,
                                   .prime = {q0, q1}};
    mv_he_set set;
    assert_int_equal(mv_he_set_build(&set, &literal, slot, NULL), MV_OK);
    assert_int_equal(mv_he_set_check_security(&set, NULL), MV_E_SECURITY);
    return set;
}

/* floor((Q m + t/2) / t) by plain division; everything fits in 64 bits. */
static uint64_t encode_by_division(uint64_t big_q, uint64_t m, uint64_t t)
{
    return (big_q * m + t / 2) / t;
}

/* One message, every error from -max to max and no mask: residues are those of encode(m) + d, and
 * decode gives m back, in one word or in two. */
static void check_message(const mv_pack_plan *plan, uint64_t m, int max, bool wide)
{
    const uint64_t t = (uint64_t)1 << plan->log_t, big_q = plan->modulus.lo;
    const mv_u128 rest = mv_pack_rounding_rest((mv_u128){m, 0}, plan, wide);
    for (int d = -max; d <= max; d++) {
        const uint64_t want =
            (encode_by_division(big_q, m, t) + big_q + (uint64_t)(int64_t)d) % big_q;
        uint64_t row[2 * N_MAX];
        for (uint32_t i = 0; i < plan->set->literal.limb_count; i++) {
            const uint64_t q = plan->set->mod[i].q;
            const int8_t e = (int8_t)(d > 21 ? 21 : d < -21 ? -21 : d);
            const uint64_t more = (uint64_t)((d - e) + (int64_t)q * 8) % q;
            uint64_t *x = &row[i * plan->set->literal.degree];
            *x = mv_pack_hide(rest, e, 0, &plan->limb[i], q, wide);
            assert_true(*x < q);
            *x = mv_add_mod(*x, more, q);
            assert_int_equal(*x, want % q);
        }
        assert_int_equal(mv_pack_decode(row, plan, wide).lo, m);
    }
}

static void decode_inverts_encode_for_every_message_and_every_error(void **state)
{
    static const struct {
        uint64_t q0, q1;
        uint32_t n;
    } sets[] = {{97, 0, 16}, {193, 0, 16}, {7681, 0, 16}, {97, 193, 16}, {7681, 12289, 16}};
    (void)state;
    for (size_t i = 0; i < sizeof sets / sizeof sets[0]; i++) {
        mv_he_ring_slot slot = {.lock = PTHREAD_MUTEX_INITIALIZER};
        const mv_he_set set = toy_set(&slot, sets[i].n, sets[i].q0, sets[i].q1);
        for (uint32_t sums = 1; sums <= 4; sums++) {
            const mv_pack_shape shape = {1, sums, 1, MV_HE_SYM};
            mv_pack_plan plan;
            if (mv_pack_plan_make(&plan, &set, &shape) != MV_OK) {
                assert_true(sets[i].q0 * (sets[i].q1 == 0 ? 1 : sets[i].q1) < 2 * (43 * sums + 1) ||
                            plan.per == 0);
                continue;
            }
            const uint64_t big_q = plan.modulus.lo, t = (uint64_t)1 << plan.log_t;
            assert_true(t * (43 * sums + 1) <= big_q && 2 * t * (43 * sums + 1) > big_q);
            const uint64_t step = t < 4096 ? 1 : t / 4093;
            for (uint64_t m = 0; m < t; m += step) {
                check_message(&plan, m, (int)(43 * sums - 1) / 2, m % 2); /* and r: 43 n / 2 */
            }
            check_message(&plan, t - 1, (int)(43 * sums - 1) / 2, false);
        }
    }
}

/* Degree 4, modulo 97, one bit in a coefficient: every secret, every message, some masks and the
 * largest errors. */
static void bfv_decrypts_under_every_secret_of_degree_4(void **state)
{
    mv_he_ring_slot slot = {.lock = PTHREAD_MUTEX_INITIALIZER};
    const mv_he_set set = toy_set(&slot, 4, 97, 0);
    const mv_pack_shape shape = {1, 1, 4, MV_HE_SYM};
    mv_pack_plan plan;
    mv_rand rand = mv_rand_make(12);
    (void)state;
    assert_int_equal(mv_pack_plan_make(&plan, &set, &shape), MV_OK);
    for (int secret = 0; secret < 81; secret++) {
        const int8_t s[4] = {(int8_t)(secret % 3 - 1), (int8_t)(secret / 3 % 3 - 1),
                             (int8_t)(secret / 9 % 3 - 1), (int8_t)(secret / 27 - 1)};
        mv_he_key *key = NULL;
        assert_int_equal(mv_he_key_from_coefficients(&key, &set, s), MV_OK);
        for (uint32_t message = 0; message < 16; message++) {
            uint64_t c0[4], c1[4], mask[4], lifted[4], want[4];
            for (int j = 0; j < 4; j++) {
                mask[j] = mv_rand_below(&rand, 97); /* evaluation form */
                lifted[j] = mv_lift_ct(s[j], 97);
            }
            memcpy(c1, mask, sizeof mask);
            (void)mv_ring_inverse(key->ring, (mv_poly_eval){c1});
            multiply(want, c1, lifted, 4, 97); /* c1 s from the definition */
            (void)mv_ring_mul_known(key->ring, (mv_poly_eval){mask}, key->secret);
            assert_memory_equal(mask, want, sizeof want);
            for (uint32_t j = 0; j < 4; j++) {
                const uint32_t bit = message >> j & 1;
                const int8_t e = (int8_t)((message + j) % 2 ? 21 : -21);
                const mv_u128 m = mv_pack_gather(&bit, 1, plan.width, false);
                c0[j] = mv_pack_hide(mv_pack_rounding_rest(m, &plan, false), e, mask[j],
                                     &plan.limb[0], 97, false);
                c0[j] = mv_add_mod(c0[j], mask[j], 97);
                assert_int_equal(mv_pack_decode(&c0[j], &plan, false).lo, bit);
            }
        }
        mv_he_key_free(&key);
    }
    mv_he_set_release_ring(&set);
}

/* Slots of degree 8 modulo 17: two rows of four. Primes of 30 bits that are 1 modulo 16. */
typedef struct toy_slots {
    mv_he_ring_slot slot;
    mv_he_set set;
    mv_he_work *work;
    mv_he_key *key;
    mv_he_eval_keys *keys;
    mv_plain *plain;
    mv_cipher *a, *b;
} toy_slots;

static void toy_key(toy_slots *t, uint32_t galois)
{
    const mv_he_seeds seeds = {{(uint8_t)galois, 1}, {(uint8_t)galois, 2}};
    mv_he_eval_key *k = NULL;
    assert_int_equal(mv_he_eval_key_seeded(&k, t->key, galois, &seeds), MV_OK);
    assert_int_equal(mv_he_eval_keys_add(t->keys, &k), MV_OK);
}

static void toy_open(toy_slots *t)
{
    const mv_he_literal literal = {.name = "toy",
                                   .purpose = "a toy",
                                   .id = 200,
                                   .bound = MV_HE_TAIL_128,
                                   .degree = 8,
                                   .limb_count = 3,
                                   .prime = {1073741441, 1073741329, 1073740609},
                                   .scheme = MV_HE_BFV,
                                   .plain_modulus = 17};
    const int8_t s[8] = {1, -1, 0, 1, 1, 0, -1, -1};
    memset(t, 0, sizeof *t);
    assert_int_equal(pthread_mutex_init(&t->slot.lock, NULL), 0);
    assert_int_equal(mv_he_set_build(&t->set, &literal, &t->slot, NULL), MV_OK);
    assert_int_equal(mv_he_work_new(&t->work, &t->set), MV_OK);
    assert_int_equal(mv_he_key_from_coefficients(&t->key, &t->set, s), MV_OK);
    assert_int_equal(mv_he_eval_keys_new(&t->keys, &t->set), MV_OK);
    assert_int_equal(mv_plain_new(&t->plain, &t->set), MV_OK);
    assert_int_equal(mv_cipher_new(&t->a, &t->set), MV_OK);
    assert_int_equal(mv_cipher_new(&t->b, &t->set), MV_OK);
    for (uint32_t g = 1; g < 16; g += 2) {
        toy_key(t, g);
    }
}

static void toy_close(toy_slots *t)
{
    mv_he_work_free(&t->work);
    mv_he_key_free(&t->key);
    mv_he_eval_keys_free(&t->keys);
    mv_plain_free(&t->plain);
    mv_cipher_free(&t->a);
    mv_cipher_free(&t->b);
    mv_he_set_release_ring(&t->set);
}

static void toy_encrypt(toy_slots *t, mv_cipher *out, const int64_t x[8])
{
    assert_int_equal(mv_bfv_encode(t->plain, x, 8), MV_OK);
    assert_int_equal(mv_he_encrypt(t->work, out, t->key, t->plain), MV_OK);
}

static int64_t centred_17(int64_t v)
{
    v = (v % 17 + 17) % 17;
    return v > 8 ? v - 17 : v;
}

/* Every pair of residues in every slot. */
static void every_pair_of_slots_adds_and_multiplies(void **state)
{
    toy_slots t;
    (void)state;
    toy_open(&t);
    for (int64_t x = -8; x <= 8; x++) {
        for (int64_t y = -8; y <= 8; y++) {
            int64_t a[8], b[8], sum[8], product[8];
            for (int j = 0; j < 8; j++) {
                a[j] = centred_17(x + j);
                b[j] = centred_17(y + 3 * j);
            }
            toy_encrypt(&t, t.a, a);
            toy_encrypt(&t, t.b, b);
            assert_int_equal(mv_he_mul(t.work, t.a, t.a, t.b, t.keys), MV_OK);
            assert_int_equal(mv_bfv_decrypt(t.work, product, 8, t.key, t.a), MV_OK);
            assert_int_equal(mv_he_add(t.work, t.b, t.b, t.b), MV_OK);
            assert_int_equal(mv_bfv_decrypt(t.work, sum, 8, t.key, t.b), MV_OK);
            for (int j = 0; j < 8; j++) {
                assert_int_equal(product[j], centred_17(a[j] * b[j]));
                assert_int_equal(sum[j], centred_17(2 * b[j]));
            }
        }
    }
    toy_close(&t);
}

/* Every number of steps, forwards and backwards, and the swap. */
static void every_rotation_moves_every_slot(void **state)
{
    toy_slots t;
    const int64_t x[8] = {0, 1, 2, 3, 4, 5, 6, 7};
    int64_t got[8];
    (void)state;
    toy_open(&t);
    toy_encrypt(&t, t.a, x);
    for (int32_t steps = -9; steps <= 9; steps++) {
        assert_int_equal(mv_he_rotate(t.work, t.b, t.a, steps, t.keys), MV_OK);
        assert_int_equal(mv_bfv_decrypt(t.work, got, 8, t.key, t.b), MV_OK);
        for (int j = 0; j < 8; j++) {
            assert_int_equal(got[j], j / 4 * 4 + (j % 4 + steps + 12) % 4);
        }
    }
    assert_int_equal(mv_he_swap(t.work, t.b, t.a, t.keys), MV_OK);
    assert_int_equal(mv_bfv_decrypt(t.work, got, 8, t.key, t.b), MV_OK);
    for (int j = 0; j < 8; j++) {
        assert_int_equal(got[j], (j + 4) % 8);
    }
    toy_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_transform_evaluates_at_the_odd_powers_of_psi),
        cmocka_unit_test(products_of_monomials_are_monomials_with_the_right_sign),
        cmocka_unit_test(the_transform_is_a_ring_map),
        cmocka_unit_test(decode_inverts_encode_for_every_message_and_every_error),
        cmocka_unit_test(bfv_decrypts_under_every_secret_of_degree_4),
        cmocka_unit_test(every_pair_of_slots_adds_and_multiplies),
        cmocka_unit_test(every_rotation_moves_every_slot),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
