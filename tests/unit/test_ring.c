/* SPDX-License-Identifier: Apache-2.0
 *
 * test_ring.c: sentences about src/ring.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/cpu.h"
#include "base/rng.h"
#include "ring/prime.h"
#include "ring/ring.h"
#include "ring/sample.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const uint64_t some_primes[] = {
    17, 97, 7681, 67104769, 1125899906826241, UINT64_C(2305843009211662337)}; /* up to 61 bits */
enum { SOME_PRIMES = sizeof some_primes / sizeof some_primes[0] };

/* a * b mod q by doubling and adding: slow, and right on sight. */
static uint64_t mul_by_adding(uint64_t a, uint64_t b, uint64_t q)
{
    uint64_t sum = 0;
    for (; b != 0; b >>= 1) {
        sum = b & 1 ? (sum + a) % q : sum;
        a = (a + a) % q;
    }
    return sum;
}

static void wide_products_agree_with_four_small_ones(void **state)
{
    static const uint64_t edge[] = {0,         1, 2, UINT32_MAX, UINT64_C(1) << 32, UINT64_MAX - 1,
                                    UINT64_MAX};
    mv_rand rand = mv_rand_make(1);
    (void)state;
    for (int i = 0; i < 10000; i++) {
        const uint64_t a = i < 49 ? edge[i / 7] : mv_rand_u64(&rand);
        const uint64_t b = i < 49 ? edge[i % 7] : mv_rand_u64(&rand);
        const mv_u128 got = mv_mul_wide(a, b), want = mv_mul_wide_portable(a, b);
        assert_true(got.lo == want.lo && got.hi == want.hi);
    }
    const mv_u128 top = mv_mul_wide_portable(UINT64_MAX, UINT64_MAX);
    assert_true(top.lo == 1 && top.hi == UINT64_MAX - 1);
}

static void every_product_modulo_q_is_the_same(void **state)
{
    mv_rand rand = mv_rand_make(2);
    (void)state;
    for (int p = 0; p < SOME_PRIMES; p++) {
        const uint64_t q = some_primes[p];
        const mv_modulus m = mv_modulus_make(q);
        for (int i = 0; i < 2000; i++) {
            const uint64_t edge[3] = {0, 1, q - 1};
            const uint64_t a = i < 9 ? edge[i / 3] : mv_rand_u64(&rand) % q;
            const uint64_t w = i < 9 ? edge[i % 3] : mv_rand_u64(&rand) % q;
            const uint64_t want = mul_by_adding(a, w, q);
            assert_true(mv_mul_mod(a, w, &m) == want);
            assert_true(mv_mul_shoup(a, w, mv_shoup_con(w, &m), q) == want);
        }
        /* Shoup's trick takes any word */
        const uint64_t w = q - 1, lazy = mv_mul_shoup_lazy(UINT64_MAX, w, mv_shoup_con(w, &m), q);
        assert_true(lazy < 2 * q && lazy % q == mul_by_adding(UINT64_MAX % q, w, q));
    }
}

static void shoup_constants_are_exact_quotients(void **state)
{
    mv_rand rand = mv_rand_make(3);
    (void)state;
    for (int p = 0; p < SOME_PRIMES; p++) {
        const uint64_t q = some_primes[p];
        const mv_modulus m = mv_modulus_make(q);
        for (int i = 0; i < 2000; i++) {
            const uint64_t w = i < 2 ? (q - 1) * (uint64_t)i : mv_rand_u64(&rand) % q;
            const uint64_t con = mv_shoup_con(w, &m);
            /* 0 <= w * 2^64 - con * q < q, where the difference fits in 64 bits */
            const mv_u128 product = mv_mul_wide(con, q);
            assert_true(product.hi == w - (product.lo != 0));
            assert_true(0 - product.lo < q);
        }
    }
}

static void signed_values_are_lifted_into_range(void **state)
{
    (void)state;
    assert_true(mv_lift_ct(-1, 97) == 96);
    assert_true(mv_lift_ct(0, 97) == 0);
    assert_true(mv_lift_ct(96, 97) == 96);
    assert_true(mv_lift_ct(-96, 97) == 1);
}

static bool is_prime_by_division(uint64_t q)
{
    for (uint64_t d = 2; d * d <= q; d++) {
        if (q % d == 0) {
            return false;
        }
    }
    return q >= 2;
}

static void primality_agrees_with_trial_division(void **state)
{
    (void)state;
    for (uint64_t q = 0; q < 20000; q++) {
        assert_true(mv_prime_test_vartime(q) == is_prime_by_division(q));
    }
    /* strong pseudoprimes to the first bases, and neighbours of our primes */
    assert_false(mv_prime_test_vartime(UINT64_C(3215031751)));
    assert_false(mv_prime_test_vartime(UINT64_C(341550071728321)));
    assert_false(mv_prime_test_vartime(UINT64_C(1125899906826241) + 2));
    assert_true(mv_prime_test_vartime(UINT64_C(1125899906826241)));
    assert_true(mv_prime_test_vartime(UINT64_C(2305843009213693951))); /* 2^61 - 1 */
}

static void the_root_of_unity_is_the_smallest_of_its_order(void **state)
{
    (void)state;
    for (int p = 0; p < 3; p++) {
        const mv_modulus m = mv_modulus_make(some_primes[p]);
        for (uint32_t n = 2; n <= 256; n *= 2) {
            uint64_t want = 0;
            for (uint64_t x = 2; x < m.q && want == 0; x++) {
                want = mv_pow_mod_vartime(x, n, &m) == m.q - 1 ? x : 0;
            }
            want = (m.q - 1) % ((uint64_t)2 * n) == 0 ? want : 0;
            assert_true(mv_prime_root_vartime(&m, n) == want);
        }
    }
}

static void a_ring_is_refused_when_its_prime_does_not_fit(void **state)
{
    static uint64_t memory[4 * 4096];
    const uint64_t composite = 8193, too_small = 17, no_root = 1000003;
    const uint64_t good = 1125899906826241;
    mv_ring ring;
    (void)state;
    assert_int_equal(mv_ring_init(&ring, memory, 4096, &composite, 1, 0), MV_E_ARGUMENT);
    assert_int_equal(mv_ring_init(&ring, memory, 4096, &too_small, 1, 0), MV_E_ARGUMENT);
    assert_int_equal(mv_ring_init(&ring, memory, 4096, &no_root, 1, 0), MV_E_ARGUMENT);
    assert_int_equal(mv_ring_init(&ring, memory, 4095, &good, 1, 0), MV_E_ARGUMENT);
    assert_int_equal(mv_ring_init(&ring, memory, 4096, &good, 0, 0), MV_E_ARGUMENT);
    assert_int_equal(mv_ring_init(&ring, memory, 4096, &good, 1, 0), MV_OK);
}

static void a_mask_keeps_the_portable_kernels(void **state)
{
    (void)state;
    assert_string_equal(mv_ntt_choose(0, 4096, 50).name, "portable");
    assert_string_equal(mv_vec_choose(0, 4096, 50).name, "portable");
    assert_string_equal(mv_ntt_choose(UINT32_MAX, 4, 50).name, "portable");
    assert_string_equal(mv_vec_choose(UINT32_MAX, 4, 50).name, "portable");
}

static void a_prime_above_50_bits_never_meets_52_bit_constants(void **state)
{
    (void)state;
    for (uint32_t bits = 0; bits < 8; bits++) {
        const uint32_t cpu = bits & mv_cpu_features();
        for (uint32_t n = 2; n <= 32768; n *= 2) {
            const unsigned con_bits = mv_ntt_choose(cpu, n, 50).con_bits;
            assert_true(con_bits == 64 || (con_bits == 52 && (cpu & MV_CPU_IFMA)));
            assert_int_equal(mv_vec_choose(cpu, n, 50).con_bits, con_bits);
            assert_int_equal(mv_ntt_choose(cpu, n, 51).con_bits, 64);
            assert_int_equal(mv_vec_choose(cpu, n, 51).con_bits, 64);
        }
    }
}

/* RFC 8439, section 2.4.2: key 00..1f, nonce 00 00 00 00 00 00 00 4a 00 00 00 00, counter 1. Our
 * nonce is domain 0, polynomial 0x4a000000, limb 0, and our counter starts at 0. */
static void the_stream_is_the_chacha20_of_rfc_8439(void **state)
{
    static const uint8_t want[16] = {0x22, 0x4f, 0x51, 0xf3, 0x40, 0x1b, 0xd9, 0xe1,
                                     0x2f, 0xde, 0x27, 0x6f, 0xb8, 0x63, 0x1d, 0xed};
    uint8_t seed[MV_SEED_LEN];
    uint64_t word[10];
    mv_stream stream;
    (void)state;
    for (uint8_t i = 0; i < MV_SEED_LEN; i++) {
        seed[i] = i;
    }
    mv_stream_init(&stream, seed);
    mv_stream_seek(&stream, 0, 0x4a000000, 0);
    mv_stream_words(&stream, word, 3); /* pieces join without a gap */
    mv_stream_words(&stream, word + 3, 7);
    for (size_t i = 0; i < sizeof want; i++) {
        assert_int_equal((uint8_t)(word[8 + i / 8] >> (8 * (i % 8))), want[i]);
    }
    mv_stream_clear(&stream);
}

static mv_stream test_stream(uint8_t first, uint32_t domain)
{
    const uint8_t seed[MV_SEED_LEN] = {first};
    mv_stream stream;
    mv_stream_init(&stream, seed);
    mv_stream_seek(&stream, domain, 0, 0);
    return stream;
}

static void uniform_values_are_the_masked_words_below_q_in_order(void **state)
{
    enum { COUNT = 3000 };
    static uint64_t got[COUNT], word[3 * COUNT];
    (void)state;
    for (int p = 0; p < SOME_PRIMES; p++) {
        const mv_modulus m = mv_modulus_make(some_primes[p]);
        mv_stream a = test_stream(5, MV_STREAM_MASK), b = test_stream(5, MV_STREAM_MASK);
        size_t next = 0;
        mv_sample_uniform(got, COUNT, &m, &a);
        mv_stream_words(&b, word, 3 * COUNT);
        for (size_t i = 0; i < COUNT; i++) {
            while ((word[next] & ((UINT64_C(1) << m.bits) - 1)) >= m.q) {
                next++;
            }
            assert_true(got[i] == (word[next++] & ((UINT64_C(1) << m.bits) - 1)));
        }
        mv_stream_clear(&a);
        mv_stream_clear(&b);
    }
}

static int ones(uint64_t word, int from, int to)
{
    int count = 0;
    for (int i = from; i < to; i++) {
        count += (int)(word >> i & 1);
    }
    return count;
}

static void the_binomial_counts_two_times_21_coins(void **state)
{
    enum { COUNT = 100000 };
    static int8_t e[COUNT];
    static uint64_t word[COUNT];
    int64_t sum = 0, squares = 0;
    mv_stream a = test_stream(6, MV_STREAM_ERROR), b = test_stream(6, MV_STREAM_ERROR);
    (void)state;
    mv_sample_binomial(e, COUNT, &a);
    mv_stream_words(&b, word, COUNT);
    for (int i = 0; i < COUNT; i++) {
        assert_int_equal(e[i], ones(word[i], 0, 21) - ones(word[i], 21, 42));
        sum += e[i];
        squares += e[i] * e[i];
    }
    /* mean 0, variance 42/4 = 10.5; five standard deviations of each estimate */
    assert_true(llabs(sum) < 5 * 1025);
    assert_true(squares > (10.5 - 0.24) * COUNT && squares < (10.5 + 0.24) * COUNT);
    mv_stream_clear(&a);
    mv_stream_clear(&b);
}

static void the_ternary_splits_the_words_in_three(void **state)
{
    enum { COUNT = 30000 };
    static int8_t s[COUNT];
    static uint64_t word[COUNT];
    const uint64_t third = UINT64_MAX / 3; /* 2^64 - 1 is divisible by 3 */
    int count[3] = {0};
    mv_stream a = test_stream(7, MV_STREAM_SECRET), b = test_stream(7, MV_STREAM_SECRET);
    (void)state;
    mv_sample_ternary(s, COUNT, &a);
    mv_stream_words(&b, word, COUNT);
    for (int i = 0; i < COUNT; i++) {
        assert_int_equal(s[i], word[i] <= third ? -1 : word[i] <= 2 * third ? 0 : 1);
        count[s[i] + 1]++;
    }
    for (int i = 0; i < 3; i++) {
        assert_in_range(count[i], 10000 - 410, 10000 + 410); /* five standard deviations */
    }
    mv_stream_clear(&a);
    mv_stream_clear(&b);
}

static void domains_polynomials_and_limbs_have_their_own_streams(void **state)
{
    static const uint32_t name[][3] = {{1, 0, 0}, {2, 0, 0}, {3, 0, 0},
                                       {1, 1, 0}, {1, 0, 1}, {1, 256, 0}};
    enum { NAMES = sizeof name / sizeof name[0] };
    uint64_t word[NAMES];
    mv_stream stream = test_stream(8, 1);
    (void)state;
    for (int i = 0; i < NAMES; i++) {
        mv_stream_seek(&stream, name[i][0], name[i][1], name[i][2]);
        mv_stream_words(&stream, &word[i], 1);
        for (int k = 0; k < i; k++) {
            assert_true(word[i] != word[k]);
        }
    }
    mv_stream_clear(&stream);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wide_products_agree_with_four_small_ones),
        cmocka_unit_test(every_product_modulo_q_is_the_same),
        cmocka_unit_test(shoup_constants_are_exact_quotients),
        cmocka_unit_test(signed_values_are_lifted_into_range),
        cmocka_unit_test(primality_agrees_with_trial_division),
        cmocka_unit_test(the_root_of_unity_is_the_smallest_of_its_order),
        cmocka_unit_test(a_ring_is_refused_when_its_prime_does_not_fit),
        cmocka_unit_test(a_mask_keeps_the_portable_kernels),
        cmocka_unit_test(a_prime_above_50_bits_never_meets_52_bit_constants),
        cmocka_unit_test(the_stream_is_the_chacha20_of_rfc_8439),
        cmocka_unit_test(uniform_values_are_the_masked_words_below_q_in_order),
        cmocka_unit_test(the_binomial_counts_two_times_21_coins),
        cmocka_unit_test(the_ternary_splits_the_words_in_three),
        cmocka_unit_test(domains_polynomials_and_limbs_have_their_own_streams),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
