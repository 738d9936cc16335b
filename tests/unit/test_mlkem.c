/* SPDX-License-Identifier: Apache-2.0
 *
 * test_mlkem.c: sentences about ML-KEM's polynomials, ML-KEM-768 and X-Wing. Published vectors are
 * in tests/kat.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/rng.h"
#include "envelope/mlkem_poly.h"
#include "envelope/xwing.h"

enum { N = MV_MLKEM_N, Q = MV_MLKEM_Q };

static int mod_q(int64_t x)
{
    return (int)((x % Q + Q) % Q);
}

static unsigned bitrev7(unsigned i)
{
    unsigned r = 0;
    for (int b = 0; b < 7; b++) {
        r |= (i >> b & 1) << (6 - b);
    }
    return r;
}

static void the_zetas_are_powers_of_17(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 128; i++) {
        int64_t z = 65536 % Q;
        for (unsigned e = 0; e < bitrev7(i); e++) {
            z = z * 17 % Q;
        }
        assert_int_equal(mod_q(mv_mlkem_zeta[i]), z);
        assert_in_range(mv_mlkem_zeta[i] + Q / 2, 0, Q - 1);
    }
}

/* Edge values first: all q - 1, all 1 - q, then random ones. */
static void fill(mv_mlkem_poly *p, mv_rand *r, int round)
{
    for (int j = 0; j < N; j++) {
        const int v = (int)mv_rand_below(r, 2 * Q - 1) - (Q - 1);
        p->c[j] = (int16_t)(round == 0 ? Q - 1 : round == 1 ? 1 - Q : v);
    }
}

static void a_product_of_transforms_is_the_product_of_polynomials(void **state)
{
    static mv_mlkem_poly a[MV_MLKEM_K], b[MV_MLKEM_K], got;
    mv_rand r = mv_rand_make(3);

    (void)state;
    for (int round = 0; round < 8; round++) {
        int64_t want[N] = {0};
        for (int j = 0; j < MV_MLKEM_K; j++) {
            fill(&a[j], &r, round);
            fill(&b[j], &r, round == 1 ? 0 : round);
            for (int x = 0; x < N; x++) {
                for (int y = 0; y < N; y++) { /* X^256 = -1 */
                    const int64_t product = (int64_t)a[j].c[x] * b[j].c[y];
                    want[(x + y) % N] += x + y < N ? product : -product;
                }
            }
            mv_mlkem_ntt(&a[j]);
            mv_mlkem_ntt(&b[j]);
        }
        mv_mlkem_dot(&got, a, b);
        mv_mlkem_ntt_inverse(&got);
        for (int x = 0; x < N; x++) {
            assert_int_equal(mod_q(got.c[x]), mod_q(want[x]));
            assert_true(got.c[x] > -Q && got.c[x] < Q);
        }
    }
}

static void the_transforms_take_any_word_they_promise_to(void **state)
{
    mv_mlkem_poly p;
    (void)state;
    for (int round = 0; round < 2; round++) { /* the extreme words stay in range */
        for (int j = 0; j < N; j++) {
            p.c[j] = (int16_t)(round == 0 ? -32768 : 32767);
        }
        mv_mlkem_ntt_inverse(&p);
        mv_mlkem_ntt(&p);
        mv_mlkem_to_montgomery(&p); /* ntt(inverse(p)) is p R; this makes it p R^2 */
        for (int j = 0; j < N; j++) {
            const int64_t r = 65536 % Q;
            assert_int_equal(mod_q(p.c[j]),
                             mod_q((round == 0 ? -INT64_C(32768) : INT64_C(32767)) % Q * r * r));
        }
    }
}

static void reduction_is_right_for_every_word(void **state)
{
    mv_mlkem_poly a, zero = {{0}}, got;
    (void)state;
    for (int first = -32768; first < 32768; first += N) {
        for (int j = 0; j < N; j++) {
            a.c[j] = (int16_t)(first + j);
        }
        mv_mlkem_add(&got, &a, &zero);
        for (int j = 0; j < N; j++) {
            assert_int_equal(mod_q(got.c[j]), mod_q(first + j));
            assert_in_range(got.c[j] + Q / 2, 0, Q - 1);
        }
    }
}

static void compression_rounds_every_residue_as_the_standard_says(void **state)
{
    static const unsigned widths[] = {1, 4, 10};
    uint8_t bytes[320];
    mv_mlkem_poly p, back;

    (void)state;
    for (size_t w = 0; w < 3; w++) {
        const unsigned bits = widths[w];
        for (int first = 1 - Q; first < Q; first += N) {
            for (int j = 0; j < N; j++) {
                p.c[j] = (int16_t)(first + j < Q ? first + j : 0);
            }
            mv_mlkem_compress(bytes, &p, bits);
            mv_mlkem_expand(&back, bytes, bits);
            for (int j = 0; j < N; j++) {
                const int64_t scaled = (int64_t)mod_q(p.c[j]) << bits;
                const int64_t rounded = (2 * scaled + Q) / (2 * Q) % (1L << bits);
                assert_int_equal(back.c[j], (2 * rounded * Q + (1L << bits)) >> (bits + 1));
            }
        }
    }
}

static void twelve_bits_go_there_and_back_and_q_is_seen(void **state)
{
    mv_mlkem_poly p, back;
    uint8_t bytes[MV_MLKEM_POLY_LEN];
    mv_rand r = mv_rand_make(4);

    (void)state;
    fill(&p, &r, 2);
    mv_mlkem_encode(bytes, &p);
    assert_true(mv_mlkem_decode(&back, bytes));
    for (int j = 0; j < N; j++) {
        assert_int_equal(back.c[j], mod_q(p.c[j]));
    }
    for (int j = 0; j < N; j++) { /* q in place j: 0xd01 */
        mv_mlkem_poly q = back;
        q.c[j] = 0;
        mv_mlkem_encode(bytes, &q);
        uint8_t *at = bytes + j / 2 * 3;
        at[j % 2] = (uint8_t)(at[j % 2] | (j % 2 == 0 ? 0x01 : 0x10));
        at[j % 2 + 1] = (uint8_t)(at[j % 2 + 1] | (j % 2 == 0 ? 0x0d : 0xd0));
        assert_false(mv_mlkem_decode(&q, bytes));
        assert_int_equal(q.c[j], Q);
    }
}

/* ---- X-Wing ---- */

typedef struct pair {
    mv_xwing_secret secret;
    uint8_t public_key[MV_XWING_PUBLIC_LEN];
} pair;

static void make_pair(pair *p, uint8_t first)
{
    const uint8_t seed[MV_XWING_SEED_LEN] = {first};
    assert_int_equal(mv_xwing_keypair(&p->secret, p->public_key, seed), MV_OK);
}

static void both_sides_share_a_key_and_nobody_else_does(void **state)
{
    static pair alice, bob;
    uint8_t cipher[MV_XWING_CIPHER_LEN], shared[32], opened[32];

    (void)state;
    make_pair(&alice, 1);
    make_pair(&bob, 2);
    for (uint8_t i = 0; i < 20; i++) {
        const uint8_t coins[MV_XWING_COINS_LEN] = {i, 7};
        assert_int_equal(mv_xwing_encapsulate(cipher, shared, alice.public_key, coins), MV_OK);
        mv_xwing_decapsulate(opened, cipher, &alice.secret);
        assert_memory_equal(opened, shared, sizeof shared);
        mv_xwing_decapsulate(opened, cipher, &bob.secret);
        assert_memory_not_equal(opened, shared, sizeof shared);
    }
}

/* Every byte of the ciphertext counts, in both halves. */
static void a_changed_ciphertext_gives_another_key(void **state)
{
    static pair alice;
    const uint8_t coins[MV_XWING_COINS_LEN] = {5};
    uint8_t cipher[MV_XWING_CIPHER_LEN], shared[32], opened[32], again[32];

    (void)state;
    make_pair(&alice, 3);
    assert_int_equal(mv_xwing_encapsulate(cipher, shared, alice.public_key, coins), MV_OK);
    for (size_t i = 0; i < sizeof cipher; i += i < 1088 ? 7 : 1) {
        cipher[i] ^= 1;
        mv_xwing_decapsulate(opened, cipher, &alice.secret);
        mv_xwing_decapsulate(again, cipher, &alice.secret);
        assert_memory_not_equal(opened, shared, sizeof shared);
        assert_memory_equal(opened, again, sizeof again); /* the rejection is a function of it */
        cipher[i] ^= 1;
    }
}

static void bad_public_keys_are_refused(void **state)
{
    static pair alice;
    static const uint8_t zero[MV_XWING_CIPHER_LEN];
    const uint8_t coins[MV_XWING_COINS_LEN] = {6};
    uint8_t cipher[MV_XWING_CIPHER_LEN], shared[32], bad[MV_XWING_PUBLIC_LEN];

    (void)state;
    make_pair(&alice, 4);
    assert_true(mv_xwing_public_valid(alice.public_key));
    for (int way = 0; way < 2; way++) {
        memcpy(bad, alice.public_key, sizeof bad);
        if (way == 0) {
            memset(bad + 300, 0xff, 3); /* coefficients of 4095 */
        } else {
            memset(bad + MV_MLKEM_PUBLIC_LEN, 0, 32); /* a point of order 4 */
        }
        memset(cipher, 1, sizeof cipher);
        memset(shared, 1, sizeof shared);
        assert_false(mv_xwing_public_valid(bad));
        assert_int_equal(mv_xwing_encapsulate(cipher, shared, bad, coins), MV_E_RANGE);
        assert_memory_equal(cipher, zero, sizeof cipher);
        assert_memory_equal(shared, zero, sizeof shared);
    }
}

static void a_damaged_secret_key_is_seen(void **state)
{
    static pair alice;
    (void)state;
    make_pair(&alice, 5);
    assert_true(mv_mlkem_secret_valid(alice.secret.mlkem));
    alice.secret.mlkem[1152 + 17] ^= 1; /* of the public key inside */
    assert_false(mv_mlkem_secret_valid(alice.secret.mlkem));
    alice.secret.mlkem[1152 + 17] ^= 1;
    alice.secret.mlkem[2336] ^= 1; /* of its hash */
    assert_false(mv_mlkem_secret_valid(alice.secret.mlkem));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_zetas_are_powers_of_17),
        cmocka_unit_test(a_product_of_transforms_is_the_product_of_polynomials),
        cmocka_unit_test(the_transforms_take_any_word_they_promise_to),
        cmocka_unit_test(reduction_is_right_for_every_word),
        cmocka_unit_test(compression_rounds_every_residue_as_the_standard_says),
        cmocka_unit_test(twelve_bits_go_there_and_back_and_q_is_seen),
        cmocka_unit_test(both_sides_share_a_key_and_nobody_else_does),
        cmocka_unit_test(a_changed_ciphertext_gives_another_key),
        cmocka_unit_test(bad_public_keys_are_refused),
        cmocka_unit_test(a_damaged_secret_key_is_seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
