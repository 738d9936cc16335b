/* SPDX-License-Identifier: Apache-2.0
 *
 * test_vec_kernels.c: every element-wise table that this processor can run against the portable one
 * and the definition, on edge values, at the top of each lazy range and off the cache line.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/cpu.h"
#include "base/rng.h"
#include "ring/automorphism.h"

#include <stdio.h>
#include <string.h>

enum { N_MAX = 1024 };

static const uint64_t primes[] = {17,
                                  97,
                                  67104769,
                                  1073479681,
                                  68719230977,
                                  562949952700417,
                                  1125899906826241,
                                  UINT64_C(36028797017456641),
                                  UINT64_C(2305843009211662337)};
enum { PRIMES = sizeof primes / sizeof primes[0] };

/* One table at work on rows that begin shift words behind a cache line. */
typedef struct rows {
    mv_vec_kernels vec;
    mv_modulus m;
    size_t n;
    uint64_t *a, *b, *c, *d;
} rows;

static _Alignas(64) uint64_t store[4][N_MAX + 8];
static mv_rand rand_state;

/* Random below limit, or one of its edges everywhere or here and there. */
static void fill(uint64_t *a, size_t n, uint64_t limit, int kind)
{
    const uint64_t edge[4] = {0, 1, limit - 1, limit / 2};
    for (size_t j = 0; j < n; j++) {
        a[j] = kind < 4    ? edge[kind]
               : kind == 4 ? edge[mv_rand_below(&rand_state, 4)]
                           : mv_rand_u64(&rand_state) % limit;
    }
}

static void sums(const rows *r, int kind)
{
    const uint64_t q = r->m.q;
    fill(r->a, r->n, q, kind);
    fill(r->b, r->n, q, 4 + kind % 2);
    r->vec.add(r->c, r->a, r->b, r->n, &r->m);
    r->vec.sub(r->d, r->a, r->b, r->n, &r->m);
    for (size_t j = 0; j < r->n; j++) {
        assert_true(r->c[j] == (r->a[j] + r->b[j]) % q);
        assert_true(r->d[j] == (r->a[j] + q - r->b[j]) % q);
    }
    r->vec.neg(r->c, r->a, r->n, &r->m);
    r->vec.add(r->a, r->a, r->c, r->n, &r->m); /* in place */
    for (size_t j = 0; j < r->n; j++) {
        assert_true(r->a[j] == 0 && r->c[j] < q);
    }
}

static void products(const rows *r, int kind)
{
    const uint64_t q = r->m.q;
    fill(r->a, r->n, q, kind);
    fill(r->b, r->n, q, 4 + kind % 2);
    r->vec.mul(r->c, r->a, r->b, r->n, &r->m);
    for (size_t j = 0; j < r->n; j++) {
        assert_true(r->c[j] == mv_mul_mod(r->a[j], r->b[j], &r->m));
    }
}

static uint64_t con_for(const rows *r, uint64_t w)
{
    return mv_shoup_con(w, &r->m) >> (64 - r->vec.con_bits);
}

/* The other factor may be anything that has con_bits. */
static void products_with_known_factors(const rows *r, int kind)
{
    const uint64_t q = r->m.q, top = UINT64_MAX >> (64 - r->vec.con_bits);
    fill(r->a, r->n, top, kind);
    fill(r->b, r->n, q, 4 + kind % 2);
    for (size_t j = 0; j < r->n; j++) {
        r->c[j] = con_for(r, r->b[j]);
    }
    r->vec.mul_known_lazy(r->d, r->a, r->b, r->c, r->n, &r->m);
    for (size_t j = 0; j < r->n; j++) {
        assert_true(r->d[j] < 2 * q);
        assert_true(r->d[j] % q == mv_mul_mod(r->a[j] % q, r->b[j], &r->m));
    }
    const mv_known_factor f = {r->b[0], con_for(r, r->b[0])};
    r->vec.mul_scalar(r->d, r->a, f, r->n, &r->m);
    for (size_t j = 0; j < r->n; j++) {
        assert_true(r->d[j] == mv_mul_mod(r->a[j] % q, f.w, &r->m));
    }
}

/* MV_VEC_MAC_MAX products of the largest factors allowed. */
static void wide_sums(const rows *r, int kind)
{
    const uint64_t q = r->m.q, top = UINT64_MAX >> (r->vec.con_bits == 52 ? 12 : 3);
    fill(r->a, r->n, top, kind);
    fill(r->b, r->n, top, 4 + kind % 2);
    memset(r->c, 0, r->n * sizeof *r->c);
    memset(r->d, 0, r->n * sizeof *r->d);
    for (int k = 0; k < MV_VEC_MAC_MAX; k++) {
        if (k % 2 == 0) {
            r->vec.mac(r->c, r->d, r->a, r->b, r->n);
        } else {
            r->vec.mac_scalar(r->c, r->d, r->a, top - 1, r->n);
        }
    }
    r->vec.mac_reduce(r->c, r->c, r->d, r->n, &r->m);
    for (size_t j = 0; j < r->n; j++) {
        const uint64_t factor = mv_add_mod(r->b[j] % q, (top - 1) % q, q);
        const uint64_t sum = mv_mul_mod(r->a[j] % q, factor, &r->m);
        assert_true(r->c[j] == mv_mul_mod(sum, MV_VEC_MAC_MAX / 2 % q, &r->m));
    }
}

static void reductions(const rows *r, int kind)
{
    const uint64_t q = r->m.q;
    fill(r->a, r->n, UINT64_MAX, kind);
    r->a[0] = UINT64_MAX;
    r->vec.reduce(r->c, r->a, r->n, &r->m);
    for (size_t j = 0; j < r->n; j++) {
        assert_true(r->c[j] == r->a[j] % q);
    }
    for (int i = 0; i < PRIMES; i++) {
        const uint64_t from = primes[i];
        fill(r->a, r->n, from, kind);
        r->a[0] = from / 2;
        r->a[1] = from / 2 + 1;
        r->vec.recentre(r->c, r->a, from, r->n, &r->m);
        for (size_t j = 0; j < r->n; j++) {
            const uint64_t x = r->a[j];
            const uint64_t want = x <= from / 2 ? x % q : (q - (from - x) % q) % q;
            assert_true(r->c[j] == want);
        }
    }
}

/* floor(y 2^64 / q) is Shoup's constant of y; the fraction lacks less than 3 of it. */
static void fractions(const rows *r, int kind)
{
    fill(r->a, r->n, r->m.q, kind);
    for (size_t j = 0; j < r->n; j++) {
        r->c[j] = UINT64_MAX - 5 + j % 8 * (UINT64_MAX / 8); /* some will carry */
        r->d[j] = 7;
    }
    memcpy(r->b, r->c, r->n * sizeof *r->b);
    r->vec.add_fraction(r->c, r->d, r->a, r->n, &r->m);
    for (size_t j = 0; j < r->n; j++) {
        uint64_t whole = 7, fraction = r->b[j];
        mv_add_fraction(&fraction, &whole, r->a[j], &r->m);
        assert_true(r->c[j] == fraction && r->d[j] == whole);
        const uint64_t got = fraction - r->b[j], exact = mv_shoup_con(r->a[j], &r->m);
        assert_true(exact - got < 3);
    }
}

static void permutations(const rows *r)
{
    static uint32_t order[N_MAX];
    fill(r->a, r->n, UINT64_MAX, 5);
    for (uint32_t g = 1; g < 2 * r->n; g += (uint32_t)r->n / 16 + 2) {
        mv_automorphism_order(order, (uint32_t)r->n, g | 1);
        r->vec.permute(r->c, r->a, order, r->n);
        for (size_t j = 0; j < r->n; j++) {
            assert_true(r->c[j] == r->a[order[j]]);
        }
    }
}

/* What each instruction set's tier gets; the top one is what this processor runs. */
static const uint32_t tiers[] = {0, MV_CPU_AVX2, MV_CPU_AVX2 | MV_CPU_AVX512,
                                 MV_CPU_AVX2 | MV_CPU_AVX512 | MV_CPU_IFMA};

static void check_table(uint32_t cpu, const mv_modulus *m, size_t n, size_t shift)
{
    const rows r = {mv_vec_choose(cpu, (uint32_t)n, m->bits),
                    *m,
                    n,
                    store[0] + shift,
                    store[1] + shift,
                    store[2] + shift,
                    store[3] + shift};
    for (int kind = 0; kind < 6; kind++) {
        sums(&r, kind);
        products(&r, kind);
        products_with_known_factors(&r, kind);
        wide_sums(&r, kind);
        reductions(&r, kind);
        fractions(&r, kind);
    }
    permutations(&r);
}

static void every_table_computes_the_definition(void **state)
{
    (void)state;
    rand_state = mv_rand_make(23);
    for (size_t tier = 0; tier < sizeof tiers / sizeof tiers[0]; tier++) {
        if ((mv_cpu_features() & tiers[tier]) != tiers[tier]) {
            printf("this processor or MV_CPU_MASK leaves out the tier %s\n",
                   mv_cpu_name(tiers[tier]));
            continue;
        }
        for (int i = 0; i < PRIMES; i++) {
            const mv_modulus m = mv_modulus_make(primes[i]);
            for (size_t n = 8; n <= N_MAX; n *= 2) {
                check_table(tiers[tier], &m, n, 0);
                check_table(tiers[tier], &m, n, 1);
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_table_computes_the_definition),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
